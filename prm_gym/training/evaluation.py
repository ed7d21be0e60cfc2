"""Evaluation of a run: held-out tasks, a file of public tasks, and other options of the environment."""

from collections.abc import Callable

import msgspec
import numpy as np

from prm_gym.agent import Agent, TrainableAgent
from prm_gym.errors import OptionError
from prm_gym.report.comparison import CurvePoint
from prm_gym.report.transfer import Transferred
from prm_gym.rollout import success_rate
from prm_gym.training.config import TrainConfig
from prm_gym.training.ground import Ground
from prm_gym.training.task_file import TaskFile
from prm_gym.training.transfer import Transfer
from prm_gym.trajectory import Trajectory


def transfer_of(config: TrainConfig) -> Transfer | None:
    """The evaluation with other options of the environment; None where none is wanted.

    Raises:
        OptionError: the environment has no such option, or refuses a value.
    """
    if not config.transfer_options:
        return None
    episodes = config.evaluation()[: config.transfer_tasks or None]
    return Transfer(config.env_id, config.env_options, config.transfer_options, episodes, config.num_envs)


class Evaluation:
    """What a run is measured on, and must not train on.

    Attributes:
        held_out: keys of the tasks, and questions where they tell tasks apart.
    """

    def __init__(self, config: TrainConfig, ground: Ground) -> None:
        """Look at every task once.

        Args:
            config: of the run.
            ground: where it plays.

        Raises:
            OptionError: the file of tasks or the options of the transfer cannot be used.
        """
        self.ground = ground
        self.episodes = config.evaluation()
        self.held_out = {ground.home.task(episode.seed).key for episode in self.episodes}
        self.task_file = TaskFile(config.env_id, config.env_options, config.task_file, config.num_envs) if config.task_file else None
        self.transfer = transfer_of(config)
        for part in (self.task_file, self.transfer):
            self.held_out |= part.held_out if part is not None else set()

    def play(self, agent: TrainableAgent) -> list[Trajectory]:
        """The episodes of an evaluation, with the most probable actions."""
        return self.ground.evaluate(agent, self.episodes)

    def in_bins(self, agent: Agent) -> tuple[float, ...] | None:
        """Success in each bin of the task file; None without one."""
        return self.task_file.success(agent) if self.task_file is not None else None

    def transferred(self, fresh: Callable[[], Agent]) -> tuple[Transferred, list[Trajectory]] | None:
        """The figures of the transfer and its episodes; None where none is wanted."""
        return self.transfer.evaluate(fresh) if self.transfer is not None else None

    def close(self) -> None:
        """Close the environments that were made here."""
        if self.task_file is not None:
            self.task_file.close()


def curve_point(trajectories: list[Trajectory], env_steps: int, verifier_calls: int, wall_seconds: float) -> CurvePoint:
    """The point of an evaluation.

    Raises:
        OptionError: every episode of it was spoilt.
    """
    success = success_rate(trajectories)
    if np.isnan(success):
        raise OptionError("the infrastructure spoilt every episode of the evaluation, so there is nothing to report")
    return CurvePoint(
        env_steps=env_steps,
        success=success,
        mean_reward=float(np.mean([trajectory.total_reward for trajectory in trajectories if trajectory.valid])),
        mean_steps=float(np.mean([len(trajectory.steps) for trajectory in trajectories if trajectory.valid])),
        verifier_calls=verifier_calls,
        wall_seconds=wall_seconds,
    )


def fields_of(figures: Transferred) -> dict[str, object]:
    """The figures of a transfer by the name of their field in a result."""
    return msgspec.structs.asdict(figures)
