"""Credit assignment: stored trajectories in, one advantage for every step out. A library of its own, apart from any trainer.

    batch = StepBatch.from_trajectories(trajectories)
    credit = assign("gigpo", batch, gamma=0.95)
    credit.advantages       # [N] float64, one for each step

The assigners are pure functions over arrays and may be called directly: `gigpo(batch, gamma=0.95)`.
"""

from prm_gym.credit.assigner import Assigner, assigner
from prm_gym.credit.gae import gae
from prm_gym.credit.gigpo import gigpo
from prm_gym.credit.grouping import key_array
from prm_gym.credit.grpo import dr_grpo, grpo
from prm_gym.credit.implicit import istar, prime
from prm_gym.credit.monte_carlo import math_shepherd, omega_prm, vineppo
from prm_gym.credit.registry import ASSIGNERS, assign, find_assigner
from prm_gym.credit.reinforce import reinforce
from prm_gym.credit.result import Credit
from prm_gym.credit.rloo import rloo
from prm_gym.credit.salt import salt
from prm_gym.credit.signal import SIGNALS, Signal, make_signal
from prm_gym.credit.slate import slate, spo
from prm_gym.credit.spa import spa
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.tree_rl import tree_grpo, tree_ps, tree_rl
from prm_gym.credit.trees import Branches, StepTree, branches, step_tree

__all__ = [
    "ASSIGNERS",
    "SIGNALS",
    "Assigner",
    "Branches",
    "Credit",
    "Signal",
    "StepBatch",
    "StepTree",
    "assign",
    "assigner",
    "branches",
    "dr_grpo",
    "find_assigner",
    "gae",
    "gigpo",
    "grpo",
    "istar",
    "key_array",
    "make_signal",
    "math_shepherd",
    "omega_prm",
    "prime",
    "reinforce",
    "rloo",
    "salt",
    "slate",
    "spa",
    "spo",
    "step_tree",
    "tree_grpo",
    "tree_ps",
    "tree_rl",
    "vineppo",
]
