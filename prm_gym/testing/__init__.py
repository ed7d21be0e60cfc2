"""The contracts as functions, for ours and yours alike: environments, verifiers, judging protocols, credit assigners and transforms, learned signals.

    from prm_gym.testing import VerifierCase, check_assigner, check_protocol, check_step_env, check_verifier, claim_case

    check_step_env("my_package/Puzzle-v0")
    check_step_env(lambda: PuzzleEnv(difficulty=5), seeds=range(20))
    check_verifier("mine", [claim_case("full", Equality("2 + 2", "4")), VerifierCase(kind="hack", step=looks_right)])
    check_assigner("mine")
    check_transform("mine")
    check_signal(MySignal, StepBatch.from_trajectories(trajectories))
    check_protocol(MyProtocol(), honest_model, [ProtocolCase(chain, ("right", "wrong"))])

Each returns None, or raises a `ContractError` that says what was expected, what came and what to do. They are plain functions for any test runner.

`play_episode` is here for tests across processes: what a spawned process runs must be importable there, and functions of a test file are not.
"""

from prm_gym.testing.assigners import check_assigner
from prm_gym.testing.environments import check_step_env
from prm_gym.testing.episodes import EpisodeRecord, play_episode
from prm_gym.testing.playing import EnvSource
from prm_gym.testing.protocols import ProtocolCase, answering, check_protocol
from prm_gym.testing.signals import check_signal
from prm_gym.testing.texts import NO_STEPS, STRANGE
from prm_gym.testing.transforms import check_transform
from prm_gym.testing.verifiers import CaseKind, VerifierCase, check_verifier, claim_case

__all__ = [
    "NO_STEPS",
    "STRANGE",
    "CaseKind",
    "EnvSource",
    "EpisodeRecord",
    "ProtocolCase",
    "VerifierCase",
    "answering",
    "check_assigner",
    "check_protocol",
    "check_signal",
    "check_step_env",
    "check_transform",
    "check_verifier",
    "claim_case",
    "play_episode",
]
