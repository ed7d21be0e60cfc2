"""Step and Trajectory: what happened in an episode, as it is stored, re-scored, viewed and learned from."""

from typing import Any

import msgspec

from prm_gym.claims import Claim
from prm_gym.task import Origin, Task
from prm_gym.transition import Situation
from prm_gym.verdict import Verdict


class Step(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One step of a trajectory.

    Attributes:
        index: position in the trajectory, from 0.
        observation: what the agent saw before it acted.
        action: what it wrote.
        actions: the admissible actions it could choose from, where the environment lists them.
        claims: what the environment claimed about the step.
        state_key: canonical key of the state in which it acted.
        next_state_key: likewise of the state it led to.
        reward: what `step` returned.
        verdicts: verdict by verifier id.
        terminated: the task ended here.
        truncated: the episode was cut here.
        parent: id of the step it branches from, on the first step of a branch of a tree; None in a plain episode.
        token_ids: tokens of the action, if the agent has them.
        logprobs: log-probability of each token under the policy that acted; of the whole action (one entry) when it chose among candidates.
        policy_version: which weights wrote it, as the agent counts its updates; None where nobody says.
    """

    index: int
    observation: str
    action: str
    state_key: str
    next_state_key: str
    reward: float
    actions: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    verdicts: dict[str, Verdict] = {}
    terminated: bool = False
    truncated: bool = False
    parent: str | None = None
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    policy_version: int | None = None


class Trajectory(msgspec.Struct, frozen=True, kw_only=True):
    """One episode.

    Attributes:
        id: unique in its file; its steps have the ids `<id>/<index>`.
        group_id: attempts at the same task share it (what group baselines are taken over).
        task: the task, with its sealed part, so that verifiers can be run again.
        seed: what `reset` was given.
        env_id: registered id of the environment, or its class name.
        env_options: keyword arguments it was made with. JSON values.
        agent: id of the agent.
        outcome: in [0, 1]; None when the episode is not valid.
        valid: False when the infrastructure spoilt the episode; such an episode trains nobody.
        steps: in time order. Those of a branch alone, where the first one says by its `parent` which step of another trajectory they follow; its index counts
            on from there.
        library_version: version of prm_gym that wrote it.
        final: the situation in which a valid episode was cut, so that a critic can say what might have followed; None where it was finished, or
            nobody kept it.
        origin: how the episode began, where no seed says it: one that an autoreset began, or a reset without a seed.
    """

    id: str
    group_id: str
    task: Task
    seed: int | None
    env_id: str
    agent: str
    outcome: float | None
    steps: tuple[Step, ...]
    valid: bool = True
    env_options: dict[str, Any] = {}
    library_version: str = ""
    final: Situation | None = None
    origin: Origin | None = None

    @property
    def task_key(self) -> str:
        """Key of the task: same task, same key."""
        return self.task.key

    def step_id(self, place: int) -> str:
        """Id of a step, which a branch names as its parent.

        Args:
            place: of the step in `steps`.
        """
        return f"{self.id}/{self.steps[place].index}"

    @property
    def truncated(self) -> bool:
        """Whether the episode was cut rather than finished."""
        return bool(self.steps) and self.steps[-1].truncated

    @property
    def total_reward(self) -> float:
        """Undiscounted sum of the rewards."""
        return sum(step.reward for step in self.steps)
