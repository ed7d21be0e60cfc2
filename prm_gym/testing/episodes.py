"""Whole episodes for tests across processes, played by a function that a spawned process can import."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
import msgspec

from prm_gym.env import StepResult
from prm_gym.testing.playing import checked_play, checked_reset, make_env


class EpisodeRecord(msgspec.Struct, frozen=True):
    """What `reset` and each `step` of an episode returned.

    Attributes:
        observation: of `reset`.
        info: of `reset`.
        results: of the steps, in order.
    """

    observation: str
    info: dict[str, Any]
    results: tuple[StepResult, ...]


def play_episode(env_id: str, options: Mapping[str, Any], seed: int, actions: Sequence[str]) -> EpisodeRecord:
    """Play the actions in a new environment, to the end of the episode or of the actions.

    In a spawned process write the id with its module, `prm_gym:prm_gym/Deduction-v0`: nothing has been imported there.

    Args:
        env_id: a registered id.
        options: keyword options of the environment.
        seed: given to `reset`.
        actions: texts.

    Raises:
        ContractError: a result breaks the contract of `StepEnv`.
    """
    env = make_env(partial(gymnasium.make, env_id, **options))
    try:
        observation, info = checked_reset(env, seed)
        return EpisodeRecord(observation, info, tuple(checked_play(env, actions)))
    finally:
        env.close()
