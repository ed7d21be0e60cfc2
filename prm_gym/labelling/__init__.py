"""Step labels from verifiers, for training process reward models.

Solutions in text, or stored trajectories, go in; every step gets the verdicts of formal verifiers, with their evidence; out come trajectories and, on
request, the layouts that PRM trainers read. `prm-gym label` is the command.
"""

from prm_gym.labelling.labeller import label
from prm_gym.labelling.layouts import DEFAULT_POLICY, LabelPolicy, Undecided, math_shepherd_row, prm800k_row, processbench_row, stepwise_row
from prm_gym.labelling.proofs import proof_trajectory
from prm_gym.labelling.ratings import Rating, first_error, rating_of, ratings

__all__ = [
    "DEFAULT_POLICY",
    "LabelPolicy",
    "Rating",
    "Undecided",
    "first_error",
    "label",
    "math_shepherd_row",
    "prm800k_row",
    "processbench_row",
    "proof_trajectory",
    "rating_of",
    "ratings",
    "stepwise_row",
]
