"""Chains: a problem and the steps taken on it as text, which is what models that judge steps are given.

The same text is labelled, trained on and judged: `prm-gym label` writes it, process reward models and judges read it.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol

import msgspec

from prm_gym.claims import Claim, PageShown
from prm_gym.task import Task, content_key
from prm_gym.tools import lists_tools
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import StepContext

_TAG = re.compile(r"<(?=\W{0,8}observation)", re.IGNORECASE)  # whatever signs, seen or unseen, stand between the two
_BLANKS = re.compile(r"\s+")


class ChainStep(msgspec.Struct, frozen=True, gc=False):
    """One step.

    Attributes:
        text: what was written, without blanks around it.
        seen: what was seen before it was written, where that is neither the problem nor a repetition of the steps so far; else empty.
        after: the page that it led to, as text, where the environment claims it (`PageShown`); else empty.
        image: likewise the window as PNG or JPEG.
    """

    text: str
    seen: str = ""
    after: str = ""
    image: bytes = b""

    @property
    def plain(self) -> str:
        """Both in one text; a step that writes the tags itself cannot forge an observation."""
        text = _TAG.sub("< ", self.text)
        return f"<observation>\n{_TAG.sub('< ', self.seen)}\n</observation>\n{text}" if self.seen else text


class Chain(msgspec.Struct, frozen=True, gc=False):
    """A problem and the steps taken on it.

    Attributes:
        problem: the question; with the instructions before it where these say what the tools and the rules are, and with the first observation after it
            where that tells more.
        steps: in time order.
    """

    problem: str
    steps: tuple[ChainStep, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The steps as plain texts."""
        return tuple(step.plain for step in self.steps)

    def __len__(self) -> int:
        return len(self.steps)


def written(problem: str, steps: Sequence[str]) -> Chain:
    """The chain of a solution in text, whose steps are as they were written."""
    return Chain(problem, tuple(ChainStep(step) for step in steps))


def chain_of(step: StepContext) -> Chain:
    """The chain up to and with a step."""
    prefixes = _Prefixes()
    return prefixes.chain(prefixes.place_of(step.task, (*step.previous, step)))


def chain_of_trajectory(trajectory: Trajectory) -> Chain:
    """The chain of a whole trajectory."""
    prefixes = _Prefixes()
    return prefixes.chain(prefixes.place_of(trajectory.task, trajectory.steps))


class _Taken(Protocol):
    """A step as environments and trajectories hold it."""

    @property
    def observation(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def claims(self) -> tuple[Claim, ...]: ...


class _Beginning(msgspec.Struct, frozen=True, gc=False):
    """The beginning of a chain: its last step, the beginning before that, and a key that is equal exactly when problem and steps are.

    `before` is the place of the beginning without the last step, -1 where there is none left; `problem` and `with_tools` are those of the chain.
    """

    key: str
    problem: str
    with_tools: bool
    before: int = -1
    length: int = 0
    step: ChainStep = ChainStep("")


class _Prefixes:
    """Beginnings of chains, each read and hashed once: what a step adds is found by the object that holds it, which the steps of an episode share.

    So a batch of all T steps of an episode is read and hashed in time linear in their texts, not in T of them each. It may be used as long as these steps
    live.
    """

    def __init__(self) -> None:
        self.beginnings: list[_Beginning] = []
        self._roots: dict[tuple[int, str], int] = {}
        self._grown: dict[tuple[int, int], int] = {}

    def place_of(self, task: Task, taken: Sequence[_Taken]) -> int:
        """Where the beginning that ends with the last of these steps stands in `beginnings`."""
        place = self._root(task, taken[0].observation if taken else "")
        for step in taken:
            found = self._grown.get((place, id(step)))
            if found is None:
                found = len(self.beginnings)
                self.beginnings.append(self._with(task, place, step))
                self._grown[place, id(step)] = found
            place = found
        return place

    def keys(self, place: int) -> list[str]:
        """[T] keys of the beginnings of one step and more, up to this one."""
        found: list[str] = []
        while self.beginnings[place].length:
            found.append(self.beginnings[place].key)
            place = self.beginnings[place].before
        return found[::-1]

    def chain(self, place: int) -> Chain:
        """The beginning as a chain."""
        steps: list[ChainStep] = []
        while self.beginnings[place].length:
            steps.append(self.beginnings[place].step)
            place = self.beginnings[place].before
        return Chain(self.beginnings[place].problem, tuple(reversed(steps)))

    def _root(self, task: Task, first: str) -> int:
        found = self._roots.get((id(task), first))
        if found is None:
            with_tools = lists_tools(task.instructions)
            problem = _problem(task, first, with_tools)
            found = self._roots[id(task), first] = len(self.beginnings)
            self.beginnings.append(_Beginning(content_key(problem), problem, with_tools))
        return found

    def _with(self, task: Task, place: int, taken: _Taken) -> _Beginning:
        before = self.beginnings[place]
        page = next((claim for claim in taken.claims if isinstance(claim, PageShown)), PageShown())
        seen = _seen(task, taken.observation, before.with_tools) if before.length else ""
        step = ChainStep(taken.action.strip(), seen, page.text, page.image)
        return _Beginning(content_key(before.key, _step_key(step)), before.problem, before.with_tools, place, before.length + 1, step)


def _problem(task: Task, first: str, with_tools: bool) -> str:
    if not first.strip() or (_repeats(first, task) and not with_tools):
        parts = [task.question]
    elif task.question in first:
        parts = [first]
    else:
        parts = [task.question, first]
    return "\n\n".join([task.instructions, *parts] if with_tools else parts)


def _seen(task: Task, observation: str, with_tools: bool) -> str:
    """What an observation tells besides the problem and the steps so far. One that begins with the problem goes on with the steps: nothing, without tools."""
    if _repeats(observation, task):
        return observation.removeprefix(task.question).strip() if with_tools else ""
    return observation.strip()


def _repeats(observation: str, task: Task) -> bool:
    """Whether an observation begins with the problem; a problem that says nothing is not repeated."""
    return bool(task.question.strip()) and observation.startswith(task.question)


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a step stands: in which chain, at which index."""

    chain: int
    index: int


class Gathered(msgspec.Struct, frozen=True):
    """The fewest chains that hold all of a batch of steps.

    Attributes:
        chains: without repetition.
        places: of every step of the batch, in order.
    """

    chains: tuple[Chain, ...]
    places: tuple[Place, ...]


def gather(steps: Sequence[StepContext], ends_only: bool = False) -> Gathered:
    """The chains of a batch of steps, those that are the beginning of others left out: all steps of an episode are judged in one chain.

    Args:
        steps: of any episodes.
        ends_only: every step is to stand at the end of its chain; only equal chains are put together.
    """
    prefixes = _Prefixes()
    ends = [prefixes.place_of(step.task, (*step.previous, step)) for step in steps]
    keys = [prefixes.beginnings[end].key for end in ends]
    lengths = [prefixes.beginnings[end].length for end in ends]
    known: dict[str, Place] = {}
    chains: list[Chain] = []
    for at in sorted(range(len(steps)), key=lambda at: -lengths[at]):
        if keys[at] not in known:
            held = {lengths[at] - 1: keys[at]} if ends_only else dict(enumerate(prefixes.keys(ends[at])))
            for index, key in held.items():
                known.setdefault(key, Place(len(chains), index))
            chains.append(prefixes.chain(ends[at]))
    return Gathered(tuple(chains), tuple(known[key] for key in keys))


def chain_keys(chain: Chain) -> list[str]:
    """A key of every beginning of a chain, of one step and more: equal exactly when problem and steps are equal."""
    return list(accumulate(map(_step_key, chain.steps), content_key, initial=content_key(chain.problem)))[1:]


def problem_key(chain: Chain) -> str:
    """A key of the problem, the same whatever its blanks, its capitals and the forms of its letters are: what keeps parts of data from sharing a problem."""
    return content_key(_BLANKS.sub("", unicodedata.normalize("NFKC", chain.problem)).casefold())


def _step_key(step: ChainStep) -> str:
    page = (step.after, step.image) if step.after or step.image else ()
    return content_key(step.seen, step.text, *page)
