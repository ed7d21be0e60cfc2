"""Splicing: go on from the right beginning of an attempt that went wrong.

The beginning is replayed, which every environment with seeds can do, and another agent (or the same once more) takes the steps from the first wrong one on.
A continuation counts only if the environment says that it succeeds, and if the replay saw what the attempt had seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from prm_gym.agent import AGENTS, Action, Agent, Prompt, make_agent
from prm_gym.errors import ContractError
from prm_gym.plugins import split_options
from prm_gym.random_state import derived_seed
from prm_gym.training.ground import Ground
from prm_gym.training.step_standing import first_wrong
from prm_gym.trajectory import Trajectory

SELF = "self"
"""The corrector that is the learning agent itself."""


class Corrector:
    """Who goes on, by its specification.

    What it leaves to chance must not depend on what was played before, or a run that was interrupted would go on otherwise: an agent that keeps to seeds is
    given one for every step, and any other is made anew for every batch.
    """

    def __init__(self, spec: str) -> None:
        """Name the agent; it is made when it is needed.

        Args:
            spec: of an agent, or "self" for the one that learns.

        Raises:
            UnknownNameError: no agent has that name.
        """
        self.spec = spec
        self._made: Agent | None = None
        if spec != SELF:
            AGENTS.load(split_options(spec)[0].partition(":")[0])

    def agent(self, learner: Agent) -> Agent:
        """The agent for a batch."""
        if self.spec == SELF:
            return learner
        if self._made is not None and not self._made.seeded:
            self._made.close()
            self._made = None
        self._made = self._made or make_agent(self.spec)
        return self._made


class SplicedAgent(Agent):
    """Replays the beginning that is known for an episode, then lets another agent act, from a seed of each step where it keeps to seeds."""

    privileged: ClassVar[bool] = True  # so that a privileged agent can go on; others are shown no environment

    def __init__(self, agent: Agent, beginnings: Mapping[str, tuple[Action, ...]]) -> None:
        """Put them together.

        Args:
            agent: that goes on.
            beginnings: first actions by the id of the episode.
        """
        self.id = f"spliced:{agent.id}"
        self.agent, self.beginnings = agent, beginnings

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """The next action of each beginning; the agent acts in one batch where these are over."""
        actions: list[Action | None] = [self._replayed(prompt) for prompt in prompts]
        waiting = [place for place, action in enumerate(actions) if action is None]
        if waiting:
            shown = [self._shown(prompts[place]) for place in waiting]
            new = self.agent.act(shown)
            if len(new) != len(shown):
                raise ContractError(f"agent {self.agent.id!r} gave {len(new)} actions for {len(shown)} prompts")
            for place, action in zip(waiting, new, strict=True):
                actions[place] = action
        return [action for action in actions if action is not None]

    def _shown(self, prompt: Prompt) -> Prompt:
        environment = prompt.environment if self.agent.privileged else None
        seed = derived_seed(len(prompt.history), prompt.episode) if self.agent.seeded else prompt.seed
        return msgspec.structs.replace(prompt, environment=environment, seed=seed)

    def _replayed(self, prompt: Prompt) -> Action | None:
        beginning, done = self.beginnings.get(prompt.episode, ()), len(prompt.history)
        return beginning[done] if done < len(beginning) else None


@dataclass(frozen=True, slots=True)
class Correction:
    """An attempt that went wrong, and how it ends well.

    Attributes:
        original: the attempt.
        place: of its first wrong step.
        trajectory: the same steps before that place, others from there on; it succeeds.
    """

    original: Trajectory
    place: int
    trajectory: Trajectory


@dataclass(frozen=True, slots=True)
class Corrected:
    """What came of trying to correct.

    Attributes:
        corrections: that succeeded.
        wrong: failed attempts whose first wrong step is known.
        unknown: failed attempts of which no verifier could say where they went wrong; they are left as they are.
        strayed: replays that saw something else than the attempt had seen.
    """

    corrections: list[Correction]
    wrong: int
    unknown: int
    strayed: int

    @property
    def metrics(self) -> dict[str, float]:
        """Figures for the log; `corrected_share` is NaN where nothing was wrong."""
        share = len(self.corrections) / self.wrong if self.wrong else float("nan")
        return {"wrong_attempts": float(self.wrong), "unplaced_attempts": float(self.unknown), "corrected_share": share, "strayed_replays": float(self.strayed)}


def corrections(
    ground: Ground, trajectories: Sequence[Trajectory], corrector: Agent, *, tries: int = 1, success: float = 1.0, threshold: float = 0.5
) -> Corrected:
    """Correct the attempts that failed, from their first wrong step on.

    Args:
        ground: where they were played.
        trajectories: of a batch.
        corrector: goes on.
        tries: continuations of each at most, >= 1; no more are made once one succeeds.
        success: the least outcome of a success, in (0, 1].
        threshold: mean score from which on a step is right, in (0, 1].
    """
    failed = [each for each in trajectories if each.valid and each.outcome is not None and each.outcome < success]
    placed = [(each, place) for each in failed if (place := first_wrong(each, threshold)) is not None]
    found: dict[str, Correction] = {}
    strayed: set[str] = set()
    for attempt in range(tries):
        open_ = [(each, place) for each, place in placed if each.id not in found and each.id not in strayed]
        if not open_:
            break
        mark = f"~{attempt}"
        beginnings = {f"{each.id}{mark}/0": tuple(Action(text=step.action) for step in each.steps[:place]) for each, place in open_}
        for (original, place), new in zip(open_, ground.again(SplicedAgent(corrector, beginnings), [each for each, _ in open_], mark), strict=True):
            if not _same_beginning(original, new, place):
                strayed.add(original.id)
            elif new.valid and new.outcome is not None and new.outcome >= success and len(new.steps) > place:
                # The replayed steps have no tokens and log-probabilities; those of the attempt have.
                steps = (*original.steps[:place], *new.steps[place:])
                found[original.id] = Correction(original, place, msgspec.structs.replace(new, steps=steps))
    return Corrected(list(found.values()), wrong=len(placed), unknown=len(failed) - len(placed), strayed=len(strayed))


def _same_beginning(original: Trajectory, new: Trajectory, place: int) -> bool:
    """Whether both saw the same up to the wrong step; one that was cut before it did not."""
    if len(new.steps) < place:
        return False
    before = zip(original.steps[:place], new.steps[:place], strict=True)
    same = all((one.observation, one.state_key, one.action) == (other.observation, other.state_key, other.action) for one, other in before)
    return same and (len(new.steps) == place or new.steps[place].observation == original.steps[place].observation)
