"""Voting: the answer that most attempts come to, each attempt weighted by the verifier or not."""

from collections.abc import Sequence

from prm_gym.answers import final_answer
from prm_gym.claims import FinalAnswer
from prm_gym.search.attempts import sampled
from prm_gym.search.method import Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Node


def answer_of(node: Node) -> str | None:
    """What an ended attempt answers, in a form in which equal answers are mostly equal; None where it came to no end of its own, or says nothing.

    That is the answer in the last step's claims, where it claims one: of a `FinalAnswer` what its text comes to. Else it is what was seen at the end (the
    number that is left in Countdown): two ways to the same place are one answer.
    """
    if not node.finished or node.step is None:
        return None
    for claim in node.step.claims:
        answer = getattr(claim, "answer", None)
        if isinstance(answer, str):
            found = final_answer(answer).answer if isinstance(claim, FinalAnswer) else answer
            return " ".join(found.split()).casefold() or None
    return node.situation.observation


def voted(tree: Tree, attempts: Sequence[Node], weights: Sequence[float]) -> tuple[Node | None, dict[str, float]]:
    """The attempt to stand by: of those with the answer of the greatest weight, the one of the highest rank.

    Args:
        tree: of the task.
        attempts: some may have no answer, and no vote.
        weights: one for each, >= 0.

    Returns:
        The attempt, None where none answers; and the notes `answers` (how many differ) and `share` (of the weight that the answer has).
    """
    sums: dict[str, float] = {}
    for node, weight in zip(attempts, weights, strict=True):
        answer = answer_of(node)
        if answer is not None:
            sums[answer] = sums.get(answer, 0.0) + weight
    if not sums:
        return None, {}
    elected = max(sums, key=lambda answer: sums[answer])  # of equal ones the first
    total = sum(sums.values())
    notes = {"answers": float(len(sums)), "share": sums[elected] / total if total else 1.0 / len(sums)}
    return tree.best([node for node in attempts if answer_of(node) == elected]), notes


class Majority(SearchMethod, frozen=True, kw_only=True):
    """The answer that most of n attempts come to; no verifier is asked.

    Attributes:
        n: how many attempts; see `BestOfN`.

    Source: Wang et al. 2022, Self-consistency improves chain of thought reasoning in language models.
    """

    n: int | None = None

    def __post_init__(self) -> None:
        require(self, n=(1, float("inf")))

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        ended = yield from sampled(tree, self.n, judge=False)
        chosen, notes = voted(tree, ended, [1.0] * len(ended))
        return tree.choice(ended, chosen, **notes)


class WeightedMajority(SearchMethod, frozen=True, kw_only=True):
    """Likewise, each attempt with the weight of its value.

    Attributes:
        n: how many attempts; see `BestOfN`.

    Source: Li et al. 2022, Making large language models better reasoners with step-aware verifier (DIVERSE), section 3.2.
    """

    n: int | None = None

    def __post_init__(self) -> None:
        require(self, n=(1, float("inf")))

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        ended = yield from sampled(tree, self.n)
        chosen, notes = voted(tree, ended, [tree.value(node) for node in ended])
        return tree.choice(ended, chosen, **notes)
