"""Best-of-n: independent attempts, of which the verifier's favourite is chosen."""

from prm_gym.search.method import MOST_ATTEMPTS, Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Node, play_out

DEFAULT_ATTEMPTS = 16
"""Where neither an option nor a budget says how many."""


def sampled(tree: Tree, n: int | None, judge: bool = True) -> Asking[list[Node]]:
    """Where independent attempts ended, in order.

    They are played side by side as far as the budget is certain to hold them all, then one after the other until it is used up.

    Args:
        tree: of the task.
        n: how many; None for as many as the budget holds.
        judge: each step is given to the verifier.
    """
    ended: list[Node] = []
    most = MOST_ATTEMPTS if n is None else n
    while len(ended) < most:
        count = tree.wave(None if n is None else most - len(ended), DEFAULT_ATTEMPTS, judge)
        places = yield from play_out([tree.root] * min(count, most - len(ended)), judge)
        ended += [node for node in places if node.ended]
        if not all(node.ended for node in places) or (n is None and tree.ledger.holds(1, judge) is None):
            break
    return ended


class BestOfN(SearchMethod, frozen=True, kw_only=True):
    """The attempt that the verifier values highest, of n.

    Attributes:
        n: how many attempts, >= 1; None for as many as the budget holds, and 16 without one. With n = 1 it is the agent alone.

    Source: Cobbe et al. 2021, Training verifiers to solve math word problems; with step scores, Lightman et al. 2023, section 2.
    """

    n: int | None = None

    def __post_init__(self) -> None:
        require(self, n=(1, float("inf")))

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        ended = yield from sampled(tree, self.n)
        return tree.choice(ended)
