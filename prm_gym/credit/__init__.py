"""Credit assignment: stored trajectories in, one advantage for every step out. A library of its own, apart from any trainer.

    batch = StepBatch.from_trajectories(trajectories)
    credit = assign("gigpo", batch, gamma=0.95)
    credit.advantages       # [N] float64, one for each step

The assigners are pure functions over arrays and may be called directly: `gigpo(batch, gamma=0.95)`. Transforms and filters stand before and after them in
pipelines: `assign("posterior_gate|grpo|aem?strength=0.5", batch)`.
"""

from prm_gym.credit.assigner import Assigner, assigner
from prm_gym.credit.gae import gae
from prm_gym.credit.gigpo import gigpo
from prm_gym.credit.gpg import gpg
from prm_gym.credit.grouping import key_array
from prm_gym.credit.grpo import dr_grpo, grpo
from prm_gym.credit.implicit import istar, prime
from prm_gym.credit.opo import opo
from prm_gym.credit.pass_at_k import pass_at_k
from prm_gym.credit.pipeline import Pipeline
from prm_gym.credit.registry import ASSIGNERS, TRANSFORMS, assign, find_assigner, find_transform
from prm_gym.credit.reinforce import reinforce
from prm_gym.credit.reinforce_pp import reinforce_pp, reinforce_pp_baseline
from prm_gym.credit.remax import greedy_returns, remax
from prm_gym.credit.result import Credit
from prm_gym.credit.rloo import rloo
from prm_gym.credit.salt import salt
from prm_gym.credit.signal import SIGNALS, Signal, make_signal
from prm_gym.credit.spa import spa
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import BatchTransform, CreditTransform, TrajectoryFilter, batch_transform, credit_transform, trajectory_filter
from prm_gym.credit.transforms import p_grpo, prof_grpo, trust_grpo

__all__ = [
    "ASSIGNERS",
    "SIGNALS",
    "TRANSFORMS",
    "Assigner",
    "BatchTransform",
    "Credit",
    "CreditTransform",
    "Pipeline",
    "Signal",
    "StepBatch",
    "TrajectoryFilter",
    "assign",
    "assigner",
    "batch_transform",
    "credit_transform",
    "dr_grpo",
    "find_assigner",
    "find_transform",
    "gae",
    "gigpo",
    "gpg",
    "greedy_returns",
    "grpo",
    "istar",
    "key_array",
    "make_signal",
    "opo",
    "p_grpo",
    "pass_at_k",
    "prime",
    "prof_grpo",
    "reinforce",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "remax",
    "rloo",
    "salt",
    "spa",
    "trajectory_filter",
    "trust_grpo",
]
