"""OmegaPRM's tree search: failed attempts are searched, by bisection, for where they went wrong, and new ones are played from the last good place."""

from prm_gym.montecarlo.selection import selection_bonus, selection_quality
from prm_gym.search.method import MOST_ATTEMPTS, Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Node, play_out

DEFAULT_SEARCHES = 8


class _State:
    """A prefix in the tree: its play-outs, and how many of them succeed, and how often a search set out from it."""

    def __init__(self, node: Node) -> None:
        self.node, self.ends, self.successes, self.visits = node, list[Node](), 0, 0


class Omega(SearchMethod, frozen=True, kw_only=True):
    """Plays out, selects a failed play-out, bisects it; every end is a candidate.

        MC(s)    share of the `k` play-outs from s that succeed
        select   among failed play-outs r of states s with 0 < MC(s) < 1, the greatest
                 alpha^(1 - MC(s)) beta^(len(r) / length) + c_puct sqrt(sum N) / (1 + N(s))
        bisect   m = (lo + hi) // 2;  k play-outs after m steps of r;  lo = m if any succeeds, else hi = m;  the state joins the tree

    A play-out succeeds where it came to its own end with a value of at least `success`: the verifier's word, not the outcome. Where none of the first
    play-outs from the root succeeds, or all that failed were searched, `k` more are played from the root; where the value is one that more play-outs cannot
    tell apart (all succeed), the search is over.

    Attributes:
        k: play-outs of a state, >= 1.
        success: least value of a success, in [0, 1].
        alpha: in (0, 1].
        beta: in (0, 1].
        length: steps that count as long, > 0.
        c_puct: >= 0.
        searches: bisections; None for as many as the budget holds (256 at most), and 8 without one.

    Source: Luo et al. 2024, OmegaPRM, section 3.3 and algorithm 1, there to collect labels (`prm_gym.montecarlo.grow_trees`); here the same selection spends a
    budget.
    """

    k: int = 4
    success: float = 0.5
    alpha: float = 0.5
    beta: float = 0.9
    length: float = 8.0
    c_puct: float = 0.125
    searches: int | None = None

    def __post_init__(self) -> None:
        infinity, least = float("inf"), 1e-9
        require(self, k=(1, infinity), success=(0.0, 1.0), alpha=(least, 1.0), beta=(least, 1.0), length=(least, infinity), c_puct=(0.0, infinity))
        require(self, searches=(0, infinity))

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        known: dict[Node, _State] = {}
        pool: dict[tuple[Node, Node], None] = {}
        most, done = tree.most(self.searches, MOST_ATTEMPTS, DEFAULT_SEARCHES), 0
        yield from self._played(tree, tree.root, known, pool)
        while done < most and not tree.ledger.refused:
            done += 1
            root = known[tree.root]
            if root.ends and root.successes == len(root.ends):
                break
            if not pool:
                yield from self._played(tree, tree.root, known, pool)
                continue
            state, end = max(pool, key=lambda pair: self._worth(known, *pair))
            del pool[state, end]
            known[state].visits += 1
            yield from self._bisected(tree, state, end, known, pool)
        ends = [end for state in known.values() for end in state.ends]
        return tree.choice(ends, searches=float(done), states=float(len(known)))

    def _succeeds(self, tree: Tree, end: Node) -> bool:
        return end.finished and tree.value(end) >= self.success

    @staticmethod
    def _share(state: _State) -> float:
        """MC(s)."""
        return state.successes / len(state.ends) if state.ends else 0.0

    def _worth(self, known: dict[Node, _State], node: Node, end: Node) -> float:
        """Q(s, r) + U(s)."""
        quality = selection_quality(self._share(known[node]), end.depth - node.depth, alpha=self.alpha, beta=self.beta, long=self.length)
        return quality + selection_bonus(known[node].visits, sum(state.visits for state in known.values()), c_puct=self.c_puct)

    def _played(self, tree: Tree, node: Node, known: dict[Node, _State], pool: dict[tuple[Node, Node], None]) -> Asking[bool]:
        """Play out k times from a state; whether all of them ended. Its failed ones join the pool where others succeed."""
        places = yield from play_out([node] * self.k)
        state = known.setdefault(node, _State(node))
        fresh = [end for end in places if end.ended and end.valid]
        state.ends += fresh
        state.successes += sum(self._succeeds(tree, end) for end in fresh)
        if 0.0 < self._share(state) < 1.0:
            pool.update(((node, end), None) for end in state.ends if not self._succeeds(tree, end))
        return len(fresh) == len(places)

    def _bisected(self, tree: Tree, start: Node, end: Node, known: dict[Node, _State], pool: dict[tuple[Node, Node], None]) -> Asking[None]:
        path = end.path
        low, high = start.depth, end.depth
        while high - low > 1:
            middle = path[(low + high) // 2]
            if middle not in known:
                whole = yield from self._played(tree, middle, known, pool)
                if not whole:
                    return
            if self._share(known[middle]):
                low = middle.depth
            else:
                high = middle.depth
