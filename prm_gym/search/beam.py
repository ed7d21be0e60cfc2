"""Step-level beam search, with early rejection of partial steps where the agent can begin a step and finish it later."""

from collections.abc import Sequence

from prm_gym.search.method import MOST_ATTEMPTS, Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Begin, Expand, Node, begin, reach

DEFAULT_WIDTH = 4


class Beam(SearchMethod, frozen=True, kw_only=True):
    """Keeps the best `width` states after every step, from `width` times `expand` proposals.

        frontier_{t+1} = the `width` best, by value, of   { s + a : s in frontier_t, a of its proposals }   and what has ended in frontier_t

    A full frontier makes `expand` proposals from each state; fewer states (at first there is one) share them out evenly. Proposals that come to the same are
    one. A beam is over when all that it keeps has ended. With what is left of the budget another one is begun.

    Attributes:
        width: states that are kept, >= 1; None for as many as the budget is certain to hold, and 4 without one.
        expand: proposals from each of them, >= 1.
        reject_below: a step that scores less is not gone on from, in [0, 1]; 0 keeps all.
        draft_tokens: tokens after which a step is judged for the first time; only the best `width` of the beginnings are finished. 0 for none. The agent must
            be a `DraftingAgent`.

    Source: Snell et al. 2024, Scaling LLM test-time compute optimally, section 5.1; early rejection of partial steps: arXiv 2508.01969.
    """

    width: int | None = None
    expand: int = 4
    reject_below: float = 0.0
    draft_tokens: int = 0

    def __post_init__(self) -> None:
        require(self, width=(1, float("inf")), expand=(1, float("inf")), reject_below=(0.0, 1.0), draft_tokens=(0, float("inf")))

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        ended: list[Node] = []
        beams = 0
        while beams < MOST_ATTEMPTS:
            beams += 1
            width = self.width or max(1, tree.wave(None, DEFAULT_WIDTH * self.expand) // self.expand)
            ended += yield from self.beam(tree, width)
            if tree.ledger.refused or tree.ledger.holds(1, judge=True) is None:
                break
        return tree.choice(ended, beams=float(beams))

    def beam(self, tree: Tree, width: int) -> Asking[list[Node]]:
        """What ended in one beam."""
        ended: list[Node] = []
        frontier = [tree.root]
        while any(not node.ended for node in frontier):
            going = [node for node in frontier if not node.ended]
            reached = yield from self._expanded(going, width)
            fresh = list(dict.fromkeys(node for node in reached if node is not None))
            ended += [node for node in fresh if node.ended]
            alive = [node for node in fresh if node.ended or not self._rejected(node)]
            pool = [*(node for node in frontier if node.ended and node.valid), *(node for node in alive if node.valid)]
            frontier = sorted(pool, key=lambda node: (tree.value(node), node.finished), reverse=True)[:width]
            if any(node is None for node in reached):  # what is left of the budget takes one state to its end, rather than many nowhere
                frontier = frontier[:1]
                if not fresh:
                    break
        return ended

    def _rejected(self, node: Node) -> bool:
        return node.score is not None and node.score < self.reject_below

    def _expanded(self, nodes: Sequence[Node], width: int) -> Asking[list[Node | None]]:
        asked = [node for node in nodes for _ in range(max(self.expand, width * self.expand // len(nodes)))]
        if not self.draft_tokens:
            return (yield from reach([Expand(node) for node in asked]))
        drafts = yield from begin([Begin(node, self.draft_tokens) for node in asked])
        known = [(draft, node) for draft, node in zip(drafts, asked, strict=True) if draft is not None]
        best = sorted(known, key=lambda pair: 0.5 if pair[0].score is None else pair[0].score, reverse=True)[:width]
        reached = yield from reach([Expand(node, draft=draft) for draft, node in best])
        return [*reached, *([None] if len(known) < len(asked) else [])]
