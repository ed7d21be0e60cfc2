"""Credit assignment: stored trajectories in, one advantage for every step out. A library of its own, apart from any trainer.

    batch = StepBatch.from_trajectories(trajectories)
    credit = assign("gigpo", batch, gamma=0.95)
    credit.advantages       # [N] float64, one for each step

The assigners are pure functions over arrays and may be called directly: `gigpo(batch, gamma=0.95)`.
"""

from prm_gym.credit.assigner import Assigner, assigner
from prm_gym.credit.gae import gae
from prm_gym.credit.gigpo import gigpo
from prm_gym.credit.graft import graft
from prm_gym.credit.graph_gpo import graph_gpo
from prm_gym.credit.grouping import key_array
from prm_gym.credit.grpo import dr_grpo, grpo
from prm_gym.credit.hgpo import hgpo
from prm_gym.credit.implicit import istar, prime
from prm_gym.credit.rebel import rebel
from prm_gym.credit.registry import ASSIGNERS, assign, find_assigner
from prm_gym.credit.reinforce import reinforce
from prm_gym.credit.result import Credit
from prm_gym.credit.reward_flow import reward_flow
from prm_gym.credit.rloo import rloo
from prm_gym.credit.rtmc import rtmc
from prm_gym.credit.salt import salt
from prm_gym.credit.signal import SIGNALS, Signal, make_signal
from prm_gym.credit.spa import spa
from prm_gym.credit.srgpo import srgpo
from prm_gym.credit.step_batch import StepBatch

__all__ = [
    "ASSIGNERS",
    "SIGNALS",
    "Assigner",
    "Credit",
    "Signal",
    "StepBatch",
    "assign",
    "assigner",
    "dr_grpo",
    "find_assigner",
    "gae",
    "gigpo",
    "graft",
    "graph_gpo",
    "grpo",
    "hgpo",
    "istar",
    "key_array",
    "make_signal",
    "prime",
    "rebel",
    "reinforce",
    "reward_flow",
    "rloo",
    "rtmc",
    "salt",
    "spa",
    "srgpo",
]
