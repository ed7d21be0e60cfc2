"""Evaluation on a file of public tasks, in bins of difficulty.

The environment reads the file (its option `tasks`), says how many tasks it holds (`StepEnv.task_count`) and takes
`reset(options={"task_index": i})`. Tasks are ordered by their public rank where they have one, else by their place in the file, and cut into bins of
nearly equal size, easiest first.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from prm_gym.agent import Agent
from prm_gym.env import option_names
from prm_gym.errors import OptionError
from prm_gym.rollout import Episode, Rollouts, success_rate
from prm_gym.task import Task
from prm_gym.trajectory import Trajectory

BINS = 5


class TaskFile:
    """The tasks of a file, ordered by difficulty."""

    def __init__(self, env_id: str, env_options: Mapping[str, Any], path: str, num_envs: int = 64) -> None:
        """Open the file through the environment.

        Raises:
            OptionError: the environment reads no task files, or this file holds too few tasks.
        """
        probe = Rollouts(env_id, {**env_options, "verifiers": []}, 1)
        if "tasks" not in option_names(type(probe.envs.envs[0])):
            raise OptionError(f"{env_id} reads no task files, so {path} cannot be used to evaluate on")
        probe.close()
        self.rollouts = Rollouts(env_id, {**env_options, "verifiers": [], "tasks": path}, num_envs)
        env = self.rollouts.envs.envs[0]
        count = env.task_count
        if count is None or count < BINS:
            raise OptionError(f"{env_id} found {count} tasks in {path}; at least {BINS} are needed")
        self.tasks: list[Task] = []
        for index in range(count):
            env.reset(seed=0, options={"task_index": index})
            self.tasks.append(env.task)
        self.order = sorted(range(count), key=self._rank)

    def _rank(self, index: int) -> tuple[int, int]:
        rank = self.tasks[index].metadata.get("rank")
        return (rank if isinstance(rank, int) else index + 1, index)

    @property
    def held_out(self) -> set[str]:
        """What no training task may share: the keys of its tasks and, where they tell the tasks apart, their questions.

        A task of other rules that looks the same to the agent has another key.
        """
        questions = {task.question for task in self.tasks}
        return {task.key for task in self.tasks} | (questions if len(questions) == len(self.tasks) else set())

    @property
    def bins(self) -> tuple[str, ...]:
        """Names of the bins, easiest first: "ranks 1-273"."""
        return tuple(f"ranks {self._rank(part[0])[0]}-{self._rank(part[-1])[0]}" for part in self._parts())

    def _parts(self) -> list[list[int]]:
        return [[self.order[int(i)] for i in part] for part in np.array_split(np.arange(len(self.order)), BINS)]

    def play(self, agent: Agent, attempts: int = 1) -> list[list[Trajectory]]:
        """The trajectories of every task, `attempts` each, by bin."""
        parts = self._parts()
        episodes = [Episode(attempt, f"file-{i}", attempt, {"task_index": i}) for part in parts for i in part for attempt in range(attempts)]
        played = iter(self.rollouts.play(agent, episodes))
        return [[next(played) for _ in range(len(part) * attempts)] for part in parts]

    def success(self, agent: Agent, attempts: int = 1) -> tuple[float, ...]:
        """Success in each bin."""
        return tuple(success_rate(part) for part in self.play(agent, attempts))

    def close(self) -> None:
        """Close the environments."""
        self.rollouts.close()
