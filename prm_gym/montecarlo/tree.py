"""OmegaPRM: a tree of prefixes grown where roll-outs disagree, with a value for each.

Source: Luo et al. 2024, Improve mathematical reasoning in language models by automated process supervision, section 3.3 and algorithm 1. The defaults are the
authors'; a length is counted in characters here (500 tokens are about 2,000), because an agent need not have tokens.
"""

from collections.abc import Iterable, Sequence

import msgspec

from prm_gym.errors import OptionError
from prm_gym.montecarlo.estimate import Estimate, Rollout
from prm_gym.montecarlo.estimator import RolloutEstimator
from prm_gym.montecarlo.prefix import Prefix
from prm_gym.montecarlo.search import Asking, together
from prm_gym.montecarlo.selection import selection_bonus, selection_quality


class TreeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a tree grows.

    Attributes:
        searches: binary searches, each along one failed roll-out; >= 0.
        alpha: in Q = alpha^(1 - MC(s)) beta^(len(r) / length), in (0, 1]: the smaller, the more a search prefers prefixes from which the agent often succeeds.
        beta: in (0, 1]: the smaller, the more it prefers short roll-outs.
        length: characters of a roll-out that count as long, > 0.
        c_puct: weight of U = c_puct sqrt(sum of N) / (1 + N(s)), >= 0: the greater, the more it prefers prefixes that were seldom chosen.
    """

    searches: int = 16
    alpha: float = 0.5
    beta: float = 0.9
    length: float = 2_000.0
    c_puct: float = 0.125

    def __post_init__(self) -> None:
        inside = 0.0 < self.alpha <= 1.0 and 0.0 < self.beta <= 1.0
        if not (inside and self.length > 0.0 and self.c_puct >= 0.0 and self.searches >= 0):
            raise OptionError(f"alpha and beta lie in (0, 1], length > 0, c_puct >= 0 and searches >= 0, got {self!r}")


DEFAULT_OPTIONS = TreeOptions()


class Node(msgspec.Struct):
    """A prefix in the tree.

    Attributes:
        prefix: where it stands.
        estimate: of its value, MC(s).
        parent: the prefix before it in the tree; None for the root.
        visits: how often a search set out from it, N(s).
    """

    prefix: Prefix
    estimate: Estimate
    parent: "Node | None" = None
    visits: int = 0

    @property
    def value(self) -> float | None:
        """MC(s), the share of its roll-outs that succeeded."""
        return self.estimate.soft


class Pair(msgspec.Struct, frozen=True):
    """Two continuations of one prefix, of which the agent succeeds more often after the first.

    Attributes:
        prefix: what both continue.
        better: one continuation.
        worse: the other.
        margin: difference of their values, in (0, 1].
    """

    prefix: Prefix
    better: Prefix
    worse: Prefix
    margin: float


class Tree:
    """The prefixes of one task and their values."""

    def __init__(self, options: TreeOptions) -> None:
        """Begin empty."""
        self.options = options
        self.nodes: dict[str, Node] = {}
        self.reason = ""
        self._pool: dict[tuple[str, tuple[str, ...]], tuple[Node, Rollout]] = {}

    @property
    def rollouts(self) -> int:
        """Roll-outs that it took."""
        return sum(node.estimate.trials + node.estimate.spoilt for node in self.nodes.values())

    def value(self, prefix: Prefix) -> float | None:
        """MC(s) of a prefix; None where the tree does not hold it."""
        node = self.nodes.get(prefix.key)
        return None if node is None else node.value

    def pairs(self, margin: float = 0.0) -> list[Pair]:
        """Continuations of the same prefix that differ in value, the better one first (for preference losses).

        The worse may go on where the better one stops: that ranks two values, and is no choice between two next steps.

        Args:
            margin: by how much more than this they differ.
        """
        children: dict[str, list[Node]] = {}
        for node in self.nodes.values():
            if node.parent is not None and node.value is not None:
                children.setdefault(node.parent.prefix.key, []).append(node)
        found: list[Pair] = []
        for siblings in children.values():
            for one in siblings:
                for other in siblings:
                    gap = (one.value or 0.0) - (other.value or 0.0)
                    if gap > margin and one.parent is not None:
                        found.append(Pair(one.parent.prefix, one.prefix, other.prefix, gap))
        return found

    def quality(self, node: Node, rollout: Rollout) -> float:
        """Q(s, r) = alpha^(1 - MC(s)) beta^(len(r) / length)."""
        chosen = self.options
        return selection_quality(node.value or 0.0, sum(map(len, rollout.actions)), alpha=chosen.alpha, beta=chosen.beta, long=chosen.length)

    def bonus(self, node: Node) -> float:
        """U(s) = c_puct sqrt(sum of N over the tree) / (1 + N(s))."""
        return selection_bonus(node.visits, sum(other.visits for other in self.nodes.values()), c_puct=self.options.c_puct)

    def _add(self, estimate: Estimate, parent: Node | None) -> Node:
        key = estimate.prefix.key
        node = self.nodes.setdefault(key, Node(estimate.prefix, estimate, parent))
        if node.value is not None and 0.0 < node.value < 1.0:
            for rollout in estimate.rollouts:
                if rollout.outcome < estimate.success and rollout.actions:
                    self._pool[key, rollout.actions] = (node, rollout)
        return node

    def grow(self, root: Prefix, given: Sequence[Rollout]) -> Asking["Tree"]:
        """The search, as `together` runs it."""
        (estimate,) = yield [root]
        node = self._add(estimate, None)
        if not node.value:
            self.reason = estimate.reason or "the agent does not succeed from the beginning"
            return self
        waiting = [rollout for rollout in given if rollout.outcome < estimate.success and rollout.actions]
        for _ in range(self.options.searches):
            if waiting:
                start, rollout = node, waiting.pop(0)
                self._pool.pop((start.prefix.key, rollout.actions), None)
            elif self._pool:
                key = max(self._pool, key=lambda entry: self.quality(*self._pool[entry]) + self.bonus(self._pool[entry][0]))
                start, rollout = self._pool.pop(key)
            else:
                break
            start.visits += 1
            yield from self._search(start, rollout)
        return self

    def _search(self, start: Node, rollout: Rollout) -> Asking[None]:
        """Binary search along a failed roll-out for the first prefix from which none succeeds; every prefix that is tried joins the tree."""
        low, high, parent = 0, len(rollout.actions), start
        while high - low > 1:
            middle = (low + high) // 2
            prefix = rollout.cut(middle)
            known = self.nodes.get(prefix.key)
            if known is None:
                (estimate,) = yield [prefix]
                if estimate.soft is None:
                    return
                known = self._add(estimate, parent)
            if known.value:
                low, parent = middle, known
            else:
                high = middle


def grow_trees(
    estimator: RolloutEstimator, roots: Sequence[Prefix], k: int, options: TreeOptions = DEFAULT_OPTIONS, given: Iterable[Sequence[Rollout]] | None = None
) -> list[Tree]:
    """A tree for each root, grown side by side.

    A root is estimated with k roll-outs. Of those that failed, from prefixes with 0 < MC(s) < 1, each search takes the one of the greatest Q(s, r) + U(s),
    and looks for its first error by binary search; each prefix that it tries is estimated with k roll-outs and joins the tree, and the failed ones among its
    roll-outs join the pool. A task from whose beginning the agent never or always succeeds has nothing to be searched.

    Args:
        estimator: draws the roll-outs.
        roots: beginnings of tasks.
        k: roll-outs of a prefix, >= 1.
        options: how the trees grow.
        given: for each root, continuations of it that are to be searched first, so that their steps get values (`as_rollout`).
    """
    shown = [()] * len(roots) if given is None else list(given)
    return together(estimator, [Tree(options).grow(root, tries) for root, tries in zip(roots, shown, strict=True)], k)


def as_rollout(chain: Sequence[Prefix], outcome: float) -> Rollout:
    """A solution as a continuation of its beginning, for `grow_trees(given=...)`.

    Args:
        chain: its prefixes after 0, 1, ... T steps (`prefixes_of`).
        outcome: in [0, 1].
    """
    whole = chain[-1]
    if whole.reseeds:
        raise OptionError("a solution whose environment was seeded anew on the way is a roll-out already")
    return _Given(prefix=chain[0], seed=-1, actions=whole.actions, observations=whole.observations, outcome=outcome)


class _Given(Rollout, frozen=True, kw_only=True):
    """A solution that was not drawn here: the environment was not seeded anew at its beginning."""

    def cut(self, steps: int) -> Prefix:
        """The prefix with the first steps."""
        return self.prefix.extended(self.actions[:steps], self.observations[:steps])
