"""Pruning: attempts run side by side, and after every step the worst are given up."""

import math

from prm_gym.search.attempts import DEFAULT_ATTEMPTS
from prm_gym.search.method import MOST_ATTEMPTS, Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Expand, Node, reach


class Prune(SearchMethod, frozen=True, kw_only=True):
    """Ranks the running attempts after every step and gives up the worst; what that saves goes into new attempts.

    Given up are those whose last step scores below `threshold`, and of the others all but the best `keep` share. Nothing is forked: where all steps are right
    this is best-of-n, and where few are it costs a step or two an attempt. The source ranks and prunes the beams of a beam search, for which see `Beam`.

    Attributes:
        n: attempts of a round, >= 1; None for as many as the budget is certain to hold, and 16 without one.
        threshold: a step that scores less ends its attempt, in [0, 1].
        keep: share of the running attempts that goes on after each step, rounded up, in (0, 1].

    Source: Process Reward Agents (arXiv 2604.09482), which prune candidates at every step by an agent's online rewards.
    """

    n: int | None = None
    threshold: float = 0.5
    keep: float = 1.0

    def __post_init__(self) -> None:
        require(self, n=(1, float("inf")), threshold=(0.0, 1.0), keep=(1e-9, 1.0))

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        ended: list[Node] = []
        begun, given_up = 0, 0
        while begun < MOST_ATTEMPTS:
            count = self.n or min(tree.wave(None, DEFAULT_ATTEMPTS), MOST_ATTEMPTS - begun)
            begun += count
            running = [tree.root] * count
            while running:
                reached = yield from reach([Expand(node) for node in running])
                alive = [node for node in reached if node is not None]
                ended += [node for node in alive if node.ended]
                running = [node for node in alive if not node.ended]
                kept = self._kept(tree, running)
                given_up += len(running) - len(kept)
                running = kept
            if tree.ledger.refused or tree.ledger.holds(1, judge=True) is None:
                break
        return tree.choice(ended, given_up=float(given_up), begun=float(begun))

    def _kept(self, tree: Tree, running: list[Node]) -> list[Node]:
        right = [node for node in running if node.score is None or node.score >= self.threshold]
        most = math.ceil(self.keep * len(running))
        return right if len(right) <= most else sorted(right, key=tree.value, reverse=True)[:most]
