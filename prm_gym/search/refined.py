"""Refined best-of-n: attempts with a wrong step are taken back to before it and continued from there, and what comes of them joins the pool."""

from prm_gym.search.attempts import DEFAULT_ATTEMPTS
from prm_gym.search.method import MOST_ATTEMPTS, Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Node, play_out


class RefinedBestOfN(SearchMethod, frozen=True, kw_only=True):
    """Best-of-n over attempts and their refinements.

    A refinement keeps the steps before the first one that scores below `threshold`, and lets the agent go on from there. The sources have the wrong step
    rewritten by the critic; here the agent takes another one, so that any agent and any verifier will do. (`prm_gym.judging.first_error` corrects chains of
    text.)

    Attributes:
        n: attempts that are begun anew, >= 1; None for as many as the budget holds, and 16 without one.
        rounds: refinements of one attempt at most, >= 0; with 0 it is best-of-n.
        threshold: a step that scores less is wrong, in [0, 1].

    Source: GM-PRM (arXiv 2508.04088), the refined best-of-n; RefCritic (arXiv 2507.15024), refinement after a critique.
    """

    n: int | None = None
    rounds: int = 3
    threshold: float = 0.5

    def __post_init__(self) -> None:
        require(self, n=(1, float("inf")), rounds=(0, float("inf")), threshold=(0.0, 1.0))

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        ended: list[Node] = []
        most, begun, refined = MOST_ATTEMPTS if self.n is None else self.n, 0, 0
        while begun < most:
            if self.n is None:  # what is left is shared between attempts and their refinements
                count = max(1, tree.wave(None, DEFAULT_ATTEMPTS * (self.rounds + 1)) // (self.rounds + 1))
            else:
                count = tree.wave(most - begun, most - begun)
            count = min(count, most - begun)
            begun += count
            starts = [tree.root] * count
            for turn in range(self.rounds + 1):
                places = yield from play_out(starts)
                ended += [node for node in places if node.ended]
                refined += len(places) if turn else 0
                starts = [found.parent for node in places if node.ended and node.valid and (found := self.first_error(node)) and found.parent]
                if not starts or tree.ledger.refused:
                    break
            if tree.ledger.refused or (self.n is None and tree.ledger.holds(1, judge=True) is None):
                break
        return tree.choice(ended, refinements=float(refined))

    def first_error(self, node: Node) -> Node | None:
        """Where the first step that scores below the threshold led; None without one."""
        return next((each for each in node.path if each.score is not None and each.score < self.threshold), None)
