"""Evaluation with other options of the environment: train in the text mode, evaluate in the real browser.

The tasks are played twice, with the options of training and with those of the transfer, by agents that begin alike and with as many episodes at once. So
where the options choose between twins, every pair of episodes is the same; where one differs, the options made the difference, not the company in a batch.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from prm_gym.agent import Agent
from prm_gym.errors import OptionError
from prm_gym.report.transfer import Transferred
from prm_gym.rollout import Episode, Rollouts
from prm_gym.trajectory import Trajectory

MOST_ENVS = 8
"""Episodes at once: a page of a real browser costs memory."""


class Transfer:
    """Held-out tasks, with two sets of options."""

    def __init__(
        self, env_id: str, env_options: Mapping[str, Any], transfer_options: Mapping[str, Any], episodes: Sequence[Episode], num_envs: int = 64
    ) -> None:
        """Begin every task once with the options of the transfer, so that what is missing is known before anything is trained.

        Args:
            env_id: registered id.
            env_options: of training.
            transfer_options: over these.
            episodes: one attempt at each task.
            num_envs: episodes at once, `MOST_ENVS` at most.

        Raises:
            OptionError: the environment has no such option, or refuses a value, or two of the episodes have one id.
            MissingExtraError: a package is missing that an option needs.
        """
        self.env_id, self.episodes = env_id, list(episodes)
        self.here: dict[str, Any] = {**env_options, "verifiers": []}
        self.there: dict[str, Any] = {**self.here, **transfer_options}
        self.num_envs = min(num_envs, MOST_ENVS)
        if self.here == self.there:
            raise OptionError(f"the options of the transfer are those of training already: {dict(transfer_options)}")
        rollouts = Rollouts(env_id, self.there, 1)
        try:
            self.held_out = {rollouts.task(episode.seed).key for episode in self.episodes}
        finally:
            rollouts.close()

    def evaluate(self, fresh: Callable[[], Agent]) -> tuple[Transferred, list[Trajectory]]:
        """The figures of an agent, and its episodes with the options of the transfer.

        Args:
            fresh: makes the agent, in the same state every time.
        """
        here, there = (self._played(options, fresh()) for options in (self.here, self.there))
        pairs = [pair for pair in zip(here, there, strict=True) if all(one.valid and one.outcome is not None for one in pair)]
        spoilt = len(self.episodes) - len(pairs)
        if not pairs:
            return Transferred(transfer_invalid=spoilt), there
        outcomes = np.array([[one.outcome for one in pair] for pair in pairs], dtype=np.float64)
        before, success = outcomes.mean(axis=0).tolist()
        same = float(np.mean([_told(one) == _told(other) for one, other in pairs]))
        return Transferred(transfer_success=success, transfer_difference=success - before, transfer_same=same, transfer_invalid=spoilt), there

    def _played(self, options: Mapping[str, Any], agent: Agent) -> list[Trajectory]:
        rollouts = Rollouts(self.env_id, options, self.num_envs)
        try:
            return rollouts.play(agent, self.episodes)
        finally:
            rollouts.close()


def _told(trajectory: Trajectory) -> tuple[float | None, list[str]]:
    return trajectory.outcome, [step.action for step in trajectory.steps]
