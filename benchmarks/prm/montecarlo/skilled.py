"""An agent of known skill: with probability `skill` it takes one of the listed steps that the formal verifier calls right, else any listed step."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.env import StepEnv
from prm_gym.rollout import make_envs


class SkilledAgent(Agent):
    """Tries the listed steps out in an environment of its own, once a state; its choice is drawn from the seed of the prompt."""

    privileged: ClassVar[bool] = True
    seeded = True

    def __init__(self, skill: float, env_id: str, options: dict[str, Any], right: dict[Any, tuple[str, ...]]) -> None:
        """Set the skill.

        Args:
            skill: in [0, 1].
            env_id: of the environments that it plays.
            options: of these.
            right: what is known of states already; agents of other skills may share it.
        """
        self.id, self.skill = f"skilled:{skill:g}", skill
        self._trial: StepEnv = make_envs(env_id, 1, options).envs[0]
        self._right = right
        self._rng = np.random.default_rng(0)

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt."""
        return [self._choose(prompt) for prompt in prompts]

    def _choose(self, prompt: Prompt) -> Action:
        rng = self._rng if prompt.seed is None else np.random.default_rng(prompt.seed)
        actions = prompt.actions
        if rng.random() < self.skill:
            actions = self._right_ones(prompt.environment, prompt.actions) or actions
        return Action(text=actions[int(rng.integers(len(actions)))])

    def _right_ones(self, env: StepEnv, actions: tuple[str, ...]) -> tuple[str, ...]:
        key = (env.task.key, env.situation.state_key, actions, len(env.past_steps) + 1 >= env.max_steps)
        if key not in self._right:
            snapshot, right = env.snapshot(), list[str]()
            for action in actions:
                self._trial.restore(snapshot)
                _, _, _, _, info = self._trial.step(action)
                scores = [verdict.score for verdict in info["verdicts"].values()]
                if all(score is not None and score >= 0.5 for score in scores) and info["outcome"] in (None, 1.0):
                    right.append(action)
            self._right[key] = tuple(right)
        return self._right[key]
