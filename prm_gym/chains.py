"""Chains: a problem and the steps taken on it as text, which is what models that judge steps are given.

The same text is labelled, trained on and judged: `prm-gym label` writes it, process reward models and judges read it.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate

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
    return _chain(step.task, [(past.observation, past.action, past.claims) for past in (*step.previous, step)])


def chain_of_trajectory(trajectory: Trajectory) -> Chain:
    """The chain of a whole trajectory."""
    return _chain(trajectory.task, [(step.observation, step.action, step.claims) for step in trajectory.steps])


def _chain(task: Task, taken: Sequence[tuple[str, str, Sequence[Claim]]]) -> Chain:
    with_tools = lists_tools(task.instructions)
    shown = [next((claim for claim in claims if isinstance(claim, PageShown)), PageShown()) for _, _, claims in taken]
    steps = [
        ChainStep(action.strip(), _seen(task, observation, with_tools) if at else "", page.text, page.image)
        for at, ((observation, action, _), page) in enumerate(zip(taken, shown, strict=True))
    ]
    first = taken[0][0] if taken else ""
    if not first.strip() or (_repeats(first, task) and not with_tools):
        parts = [task.question]
    elif task.question in first:
        parts = [first]
    else:
        parts = [task.question, first]
    return Chain("\n\n".join([task.instructions, *parts] if with_tools else parts), tuple(steps))


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
    found = [chain_of(step) for step in steps]
    keys = [chain_keys(chain) for chain in found]
    known: dict[str, Place] = {}
    chains: list[Chain] = []
    for at in sorted(range(len(found)), key=lambda at: -len(found[at])):
        if keys[at][-1] not in known:
            for index, key in enumerate(keys[at]):
                if index == len(found[at]) - 1 or not ends_only:
                    known.setdefault(key, Place(len(chains), index))
            chains.append(found[at])
    return Gathered(tuple(chains), tuple(known[key[-1]] for key in keys))


def chain_keys(chain: Chain) -> list[str]:
    """A key of every beginning of a chain, of one step and more: equal exactly when problem and steps are equal."""
    return list(accumulate(map(_step_key, chain.steps), content_key, initial=content_key(chain.problem)))[1:]


def problem_key(chain: Chain) -> str:
    """A key of the problem, the same whatever its blanks, its capitals and the forms of its letters are: what keeps parts of data from sharing a problem."""
    return content_key(_BLANKS.sub("", unicodedata.normalize("NFKC", chain.problem)).casefold())


def _step_key(step: ChainStep) -> str:
    page = (step.after, step.image.hex()) if step.after or step.image else ()
    return content_key(step.seen, step.text, *page)
