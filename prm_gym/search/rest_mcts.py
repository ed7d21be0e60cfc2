"""ReST-MCTS*: tree search guided by a value of partial solutions, with short greedy look-aheads instead of play-outs to the end."""

import math

from prm_gym.search.mcts import DEFAULT_SIMULATIONS, MOST_SIMULATIONS
from prm_gym.search.method import Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Expand, Node, reach


class _Count:
    """Visits and value of a state."""

    def __init__(self, value: float) -> None:
        self.visits, self.value, self.children = 1, value, list[Node]()
        self.spoilt = False  # all that was to follow, by the infrastructure


class RestMcts(SearchMethod, frozen=True, kw_only=True):
    """The search of ReST-MCTS*.

        select      from the root down, the child with the greatest   v + c sqrt(ln N_parent / N)
        expand      `branches` next steps of the selected state, each with its value v
        look ahead  from the best of them, `lookahead` times: the best of `branches` next steps; v_max = the greatest value on the way
                    v <- alpha v + (1 - alpha) v_max,   N <- N + 1
        carry back  along the path up:   N <- N + 1,   v <- sum_i N_i v_i / sum_i N_i  over the children
        stop        where an attempt came to its own end with a value of at least `enough`

    The values are the verifier's (`Tree.value`), whose running aggregation takes the place of the source's quality value. States that the look-ahead passes do
    not join the tree; an attempt that ends in one is a candidate. A state all of whose next steps have ended is selected no more.

    Attributes:
        branches: next steps of a state, >= 1.
        lookahead: steps of the greedy look-ahead, >= 0.
        alpha: weight of the state's own value, in [0, 1].
        c: weight of exploration, >= 0.
        enough: in [0, 1]; above 1 the search never stops early.
        simulations: see `Mcts`.

    Source: Zhang et al. 2024, ReST-MCTS* (arXiv 2406.03816), algorithm 2.
    """

    branches: int = 3
    lookahead: int = 2
    alpha: float = 0.5
    c: float = 0.5
    enough: float = 0.9
    simulations: int | None = None

    def __post_init__(self) -> None:
        infinity = float("inf")
        require(self, branches=(1, infinity), lookahead=(0, infinity), alpha=(0.0, 1.0), c=(0.0, infinity), enough=(0.0, 2.0), simulations=(1, infinity))

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        known = {tree.root: _Count(tree.value(tree.root))}
        ended: list[Node] = []
        most, done = tree.most(self.simulations, MOST_SIMULATIONS, DEFAULT_SIMULATIONS), 0
        while done < most and not any(node.finished and tree.value(node) >= self.enough for node in ended):
            leaf = self._selected(tree.root, known)
            if leaf is None:
                break
            children = yield from self._grown(leaf)
            if children is None:
                break
            if not children:
                known[leaf].spoilt = True
                continue
            known[leaf].children = children
            known.update((child, _Count(tree.value(child))) for child in children)
            ended += [child for child in children if child.ended]
            best = max(children, key=tree.value)
            passed = yield from self._looked_ahead(tree, best)
            ended += [node for node in passed if node.ended]
            if passed:
                known[best].value = self.alpha * known[best].value + (1.0 - self.alpha) * max(map(tree.value, passed))
                known[best].visits += 1
            self._carry_back(leaf, known)
            done += 1
        return tree.choice(ended, simulations=float(done), nodes=float(len(known)), root_value=known[tree.root].value)

    def _grown(self, node: Node) -> Asking[list[Node] | None]:
        """Distinct valid next states, none where the infrastructure spoilt them all; None where the budget holds not one."""
        reached = yield from reach([Expand(node) for _ in range(self.branches)])
        if all(child is None for child in reached):
            return None
        return list(dict.fromkeys(child for child in reached if child is not None and child.valid))

    def _looked_ahead(self, tree: Tree, node: Node) -> Asking[list[Node]]:
        """The states that the greedy look-ahead passes."""
        passed: list[Node] = []
        for _ in range(self.lookahead):
            if node.ended:
                break
            children = yield from self._grown(node)
            if not children:
                break
            node = max(children, key=tree.value)
            passed.append(node)
        return passed

    def _selected(self, root: Node, known: dict[Node, _Count]) -> Node | None:
        """A state without next steps, by UCT over those that are not closed; None where all are."""
        node = root
        if self._closed(node, known):
            return None
        while known[node].children:
            above = math.log(max(1, known[node].visits))
            going = [child for child in known[node].children if not self._closed(child, known)]
            node = max(going, key=lambda child: known[child].value + self.c * math.sqrt(above / known[child].visits))
        return node

    def _closed(self, node: Node, known: dict[Node, _Count]) -> bool:
        """Whether everything from here on has ended, or was spoilt."""
        children = known[node].children
        return node.ended or known[node].spoilt or (bool(children) and all(self._closed(child, known) for child in children))

    @staticmethod
    def _carry_back(leaf: Node, known: dict[Node, _Count]) -> None:
        for node in reversed(leaf.path):
            found = known[node]
            found.visits += 1
            visits = [known[child].visits for child in found.children]
            found.value = math.fsum(count * known[child].value for count, child in zip(visits, found.children, strict=True)) / sum(visits)
