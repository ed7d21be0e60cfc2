"""Credit assignment: stored trajectories in, one advantage for every step out. A library of its own, apart from any trainer.

    batch = StepBatch.from_trajectories(trajectories)
    credit = assign("gigpo", batch, gamma=0.95)
    credit.advantages       # [N] float64, one for each step

The assigners are pure functions over arrays and may be called directly: `gigpo(batch, gamma=0.95)`. Transforms and filters stand before and after them in
pipelines: `assign("posterior_gate|grpo|aem?strength=0.5", batch)`.
"""

from prm_gym.credit.adca import adca
from prm_gym.credit.answer_gain import igpo, siop
from prm_gym.credit.assigner import Assigner, assigner
from prm_gym.credit.gae import gae
from prm_gym.credit.gigpo import gigpo
from prm_gym.credit.gpg import gpg
from prm_gym.credit.graft import graft
from prm_gym.credit.graph_gpo import graph_gpo
from prm_gym.credit.grouping import key_array
from prm_gym.credit.grpo import dr_grpo, grpo
from prm_gym.credit.hgpo import hgpo
from prm_gym.credit.implicit import istar, prime
from prm_gym.credit.monte_carlo import math_shepherd, omega_prm, vineppo
from prm_gym.credit.opo import opo
from prm_gym.credit.pass_at_k import pass_at_k
from prm_gym.credit.pipeline import Pipeline
from prm_gym.credit.process_supervision import grpo_ps, key_steps, step_grpo
from prm_gym.credit.pure import pure
from prm_gym.credit.rebel import rebel
from prm_gym.credit.registry import ASSIGNERS, TRANSFORMS, assign, find_assigner, find_transform
from prm_gym.credit.reinforce import reinforce
from prm_gym.credit.reinforce_pp import reinforce_pp, reinforce_pp_baseline
from prm_gym.credit.remax import greedy_returns, remax
from prm_gym.credit.renorm import renorm
from prm_gym.credit.result import Credit
from prm_gym.credit.reward_flow import reward_flow
from prm_gym.credit.rloo import rloo
from prm_gym.credit.rtmc import rtmc
from prm_gym.credit.salt import salt
from prm_gym.credit.signal import SIGNALS, Signal, make_signal
from prm_gym.credit.slate import slate, spo
from prm_gym.credit.spa import spa
from prm_gym.credit.spae import spae
from prm_gym.credit.srgpo import srgpo
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import BatchTransform, CreditTransform, TrajectoryFilter, batch_transform, credit_transform, trajectory_filter
from prm_gym.credit.transforms import p_grpo, prof_grpo, trust_grpo
from prm_gym.credit.tree_rl import tree_grpo, tree_ps, tree_rl
from prm_gym.credit.trees import Branches, StepTree, branches, step_tree
from prm_gym.credit.turning_points import turning_points
from prm_gym.credit.vsrm import vsrm

__all__ = [
    "ASSIGNERS",
    "SIGNALS",
    "TRANSFORMS",
    "Assigner",
    "BatchTransform",
    "Branches",
    "Credit",
    "CreditTransform",
    "Pipeline",
    "Signal",
    "StepBatch",
    "StepTree",
    "TrajectoryFilter",
    "adca",
    "assign",
    "assigner",
    "batch_transform",
    "branches",
    "credit_transform",
    "dr_grpo",
    "find_assigner",
    "find_transform",
    "gae",
    "gigpo",
    "gpg",
    "graft",
    "graph_gpo",
    "greedy_returns",
    "grpo",
    "grpo_ps",
    "hgpo",
    "igpo",
    "istar",
    "key_array",
    "key_steps",
    "make_signal",
    "math_shepherd",
    "omega_prm",
    "opo",
    "p_grpo",
    "pass_at_k",
    "prime",
    "prof_grpo",
    "pure",
    "rebel",
    "reinforce",
    "reinforce_pp",
    "reinforce_pp_baseline",
    "remax",
    "renorm",
    "reward_flow",
    "rloo",
    "rtmc",
    "salt",
    "siop",
    "slate",
    "spa",
    "spae",
    "spo",
    "srgpo",
    "step_grpo",
    "step_tree",
    "trajectory_filter",
    "tree_grpo",
    "tree_ps",
    "tree_rl",
    "trust_grpo",
    "turning_points",
    "vineppo",
    "vsrm",
]
