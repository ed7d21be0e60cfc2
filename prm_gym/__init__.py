"""prm_gym: Gymnasium environments whose every step is checked by pluggable verifiers.

Importing the package registers the environment ids; nothing heavy is imported (no torch, no solver, no browser).
"""

from prm_gym._version import VERSION
from prm_gym.claims import Claim, Decision, Entailment, Equality, Malformed, Reachable, Statement
from prm_gym.env import StepEnv
from prm_gym.errors import PrmGymError
from prm_gym.registration import register, register_all
from prm_gym.rewards import RewardScheme
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory
from prm_gym.transition import Situation, Transition
from prm_gym.vector import StepVectorEnv
from prm_gym.verdict import Verdict
from prm_gym.verifier import ClaimVerifier, StepContext, Verifier

__version__ = VERSION

register_all()

__all__ = [
    "Claim",
    "ClaimVerifier",
    "Decision",
    "Entailment",
    "Equality",
    "Malformed",
    "PrmGymError",
    "Reachable",
    "RewardScheme",
    "Situation",
    "Statement",
    "Step",
    "StepContext",
    "StepEnv",
    "StepVectorEnv",
    "Task",
    "Trajectory",
    "Transition",
    "Verdict",
    "Verifier",
    "__version__",
    "register",
]
