"""Speculative steps: a small agent drafts every step, and a large one writes it only where the verifier says that this is worth it."""

from collections.abc import Sequence

from prm_gym.errors import OptionError
from prm_gym.search.attempts import DEFAULT_ATTEMPTS
from prm_gym.search.method import MOST_ATTEMPTS, Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Expand, Node, reach


class Speculative(SearchMethod, frozen=True, kw_only=True):
    """Attempts whose steps the agent drafts and the helper writes where the draft is not accepted.

        "threshold"   the draft is taken if its step scores at least `threshold`; else, or where the verifier cannot tell, the helper writes the step
        "advantage"   both write it; the helper's is taken if it scores more than `margin` above the draft's

    "advantage" is the oracle that Arbitrage's trained router approximates: it always pays for both, so it shows how often the helper's step is better, and
    saves nothing. A draft is judged as a step, so it is taken in the environment, which is put back where it is not accepted.

    Attributes:
        accept: "threshold" or "advantage".
        threshold: in [0, 1].
        margin: in [0, 1].
        n: attempts, of which the best is chosen, >= 1; None for as many as the budget holds, and 16 without one.

    Sources: Liao et al. 2025, Reward-guided speculative decoding (arXiv 2501.19324), algorithm 1; Maheswaran et al. 2025, Arbitrage (arXiv 2512.05033),
    section 3.
    """

    accept: str = "threshold"
    threshold: float = 0.7
    margin: float = 0.0
    n: int | None = 1

    def __post_init__(self) -> None:
        require(self, threshold=(0.0, 1.0), margin=(0.0, 1.0), n=(1, float("inf")))
        if self.accept not in ("threshold", "advantage"):
            raise OptionError(f"accept is 'threshold' or 'advantage', got {self.accept!r}")

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        ended: list[Node] = []
        most = MOST_ATTEMPTS if self.n is None else self.n
        begun, asked, taken, steps = 0, 0, 0, 0
        while begun < most:
            count = min(most - begun, tree.wave(None if self.n is None else most - begun, DEFAULT_ATTEMPTS))
            begun += count
            running = [tree.root] * count
            while running:
                drafts = yield from reach([Expand(node) for node in running])
                rows = [row for row, node in enumerate(drafts) if node is not None and self._asks(node)]
                written = yield from reach([Expand(running[row], agent=1) for row in rows])
                places = self._taken(drafts, dict(zip(rows, written, strict=True)))
                asked, steps = asked + sum(node is not None for node in written), steps + sum(node is not None for node in places)
                taken += sum(node is not None and node is places[row] for row, node in zip(rows, written, strict=True))
                ended += [node for node in places if node is not None and node.ended]
                running = [node for node in places if node is not None and not node.ended]
            if tree.ledger.refused or (self.n is None and tree.ledger.holds(1, judge=True) is None):
                break
        return tree.choice(ended, helper_asked=float(asked), helper_taken=float(taken), steps=float(steps))

    def _asks(self, draft: Node) -> bool:
        """Whether the helper is asked."""
        return draft.valid and (self.accept == "advantage" or draft.score is None or draft.score < self.threshold)

    def _taken(self, drafts: Sequence[Node | None], written: dict[int, Node | None]) -> list[Node | None]:
        """Where each attempt goes on; None where the budget did not hold its step."""
        places: list[Node | None] = []
        for row, draft in enumerate(drafts):
            helped = written.get(row)
            if draft is None or row not in written:
                places.append(draft)
            elif self.accept == "threshold":
                places.append(helped)
            else:
                places.append(draft if helped is None or not self._better(helped, draft) else helped)
        return places

    def _better(self, helped: Node, draft: Node) -> bool:
        """Whether the helper's step scores more by the margin; a step that the verifier cannot tell anything of gives way to none and drives none away."""
        if not helped.valid or helped.score is None or draft.score is None:
            return False
        return helped.score > draft.score + self.margin
