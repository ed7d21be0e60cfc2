"""Nodes of a search, and what a search asks for.

A node is a state of one task's environment that the search may come back to: the steps that led there with their verdicts, and a snapshot. A search is a
generator: it yields requests, all of which are served in one batch (with those of other tasks), and is sent a reply for each.
"""

from collections.abc import Generator, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from prm_gym.agent import Action
from prm_gym.drafting import Draft
from prm_gym.task import Origin
from prm_gym.trajectory import Step
from prm_gym.transition import Situation

_Result = TypeVar("_Result")


class Node:
    """A state of a search.

    Attributes:
        parent: the state before; None for the root.
        step: that led here; None for the root.
        situation: what an agent faces here.
        scores: [depth] of the steps on the way, each in [0, 1], None where the verifier cannot tell or was not asked.
        agent: number of the agent that wrote the step; -1 where none did.
        logprob: of the action under that agent, summed over its tokens; None where it does not say.
        outcome: in [0, 1] where a valid episode ended here. For the result alone: no method of search may look at it.
        valid: False where the infrastructure spoilt the step.
        seed: all that is drawn from here on depends on it.
        episode: see `prm_gym.agent.Prompt.episode`.
        asked: how many next steps were asked for here.
        children: that were reached, by their action and whether they were judged.
        snapshot: of the environment; None where the episode has ended, or the infrastructure failed to save it. Where the environment cannot be saved, the root
            holds how the episode began, and it is replayed.
    """

    __slots__ = ("agent", "asked", "children", "episode", "logprob", "outcome", "parent", "scores", "seed", "situation", "snapshot", "step", "valid")

    def __init__(self, situation: Situation, seed: int, episode: str, parent: "Node | None" = None, step: Step | None = None) -> None:
        """Begin without a score.

        Args:
            situation: what an agent faces here.
            seed: see the class.
            episode: see the class.
            parent: see the class.
            step: see the class.
        """
        self.situation, self.seed, self.episode, self.parent, self.step = situation, seed, episode, parent, step
        self.scores: tuple[float | None, ...] = ()
        self.agent, self.asked, self.valid = -1, 0, True
        self.logprob: float | None = None
        self.outcome: float | None = None
        self.snapshot: bytes | Origin | None = None
        self.children: dict[tuple[str, bool], Node] = {}

    @property
    def depth(self) -> int:
        """Steps from the root."""
        return 0 if self.step is None else self.step.index + 1

    @property
    def ended(self) -> bool:
        """Whether the episode is over, with or without an answer."""
        return self.step is not None and (self.step.terminated or self.step.truncated)

    @property
    def finished(self) -> bool:
        """Whether the episode came to its own end: not cut by the step limit, nor spoilt."""
        return self.step is not None and self.step.terminated and self.valid

    @property
    def score(self) -> float | None:
        """Of the last step."""
        return self.scores[-1] if self.scores else None

    @property
    def path(self) -> list["Node"]:
        """From the root to this node."""
        nodes: list[Node] = []
        node: Node | None = self
        while node is not None:
            nodes.append(node)
            node = node.parent
        return nodes[::-1]

    @property
    def steps(self) -> tuple[Step, ...]:
        """[depth] the steps on the way."""
        return tuple(node.step for node in self.path if node.step is not None)


class Expand(msgspec.Struct, frozen=True):
    """Ask an agent for an action and take it; the reply is the node it leads to.

    Attributes:
        node: from here.
        agent: which one: 0 the agent, 1 the helper.
        judge: the verifier is given the step.
        draft: the agent finishes what it began.
    """

    node: Node
    agent: int = 0
    judge: bool = True
    draft: Draft | None = None


class Take(msgspec.Struct, frozen=True):
    """Take a given action, such as a listed one; the reply is the node it leads to.

    Attributes:
        node: from here.
        action: its text.
        judge: the verifier is given the step.
    """

    node: Node
    action: str
    judge: bool = True


class Begin(msgspec.Struct, frozen=True):
    """Ask the agent for the beginning of an action and judge its text; the reply is a `Draft`.

    Attributes:
        node: from here.
        most_tokens: of the beginning, >= 1.
    """

    node: Node
    most_tokens: int


Request: TypeAlias = Expand | Take | Begin
Reply: TypeAlias = Node | Draft | None
"""None: the budget does not hold it."""

Asking: TypeAlias = Generator[Sequence[Request], Sequence[Reply], _Result]
"""A search, or a part of one: yields requests, is sent their replies in order, returns what it found."""


def reach(requests: Sequence[Expand | Take]) -> Asking[list[Node | None]]:
    """The nodes that the requests lead to, in order; None where the budget does not hold one."""
    replies = yield requests
    return [reply if isinstance(reply, Node) else None for reply in replies]


def begin(requests: Sequence[Begin]) -> Asking[list[Draft | None]]:
    """The beginnings that are asked for, in order; None where the budget does not hold one."""
    replies = yield requests
    return [reply if isinstance(reply, Draft) else None for reply in replies]


def play_out(nodes: Sequence[Node], judge: bool = True, agent: int = 0) -> Asking[list[Node]]:
    """Where the agent comes from each node when it plays on, all side by side.

    Args:
        nodes: any.
        judge: the verifier is given each step.
        agent: which one.

    Returns:
        [len(nodes)], in order; a node that has not ended is where the budget was used up.
    """
    places = list(nodes)
    running: list[int] = [row for row, node in enumerate(places) if not node.ended]
    while running:
        reached = yield from reach([Expand(places[row], agent, judge) for row in running])
        for row, node in zip(running, reached, strict=True):
            places[row] = places[row] if node is None else node
        running = [row for row, node in zip(running, reached, strict=True) if node is not None and not node.ended]
    return places


def summed(action: Action) -> float | None:
    """The log-probability of an action."""
    return None if action.logprobs is None else sum(action.logprobs)
