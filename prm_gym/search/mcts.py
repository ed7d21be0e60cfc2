"""Monte Carlo tree search over steps: UCT and PUCT."""

import math
from collections.abc import Mapping

import msgspec

from prm_gym.errors import OptionError
from prm_gym.search.method import Choice, SearchMethod, Tree, require
from prm_gym.search.node import Asking, Expand, Node, Take, play_out, reach

DEFAULT_SIMULATIONS, MOST_SIMULATIONS = 64, 4_096


class Statistics(msgspec.Struct):
    """What simulations found of a state.

    Attributes:
        visits: simulations that passed it.
        total: sum of what they found, each in [0, 1].
        children: states that were reached from it, distinct, with how often each was drawn.
        asked: next steps that were asked for.
        closed: the infrastructure spoilt all that followed.
    """

    visits: int = 0
    total: float = 0.0
    children: dict[Node, int] = {}
    asked: int = 0
    closed: bool = False

    @property
    def mean(self) -> float:
        """Of what the simulations found; 0 without any."""
        return self.total / self.visits if self.visits else 0.0


def uct(mean: float, visits: int, parent_visits: int, c: float) -> float:
    """Q + c sqrt(ln N / n); infinite for what was never visited.

    Source: Kocsis and Szepesvari 2006, Bandit based Monte-Carlo planning.
    """
    return mean + c * math.sqrt(math.log(max(1, parent_visits)) / visits) if visits else math.inf


def puct(mean: float, visits: int, parent_visits: int, prior: float, c: float) -> float:
    """Q + c P sqrt(N) / (1 + n).

    Source: Silver et al. 2017, Mastering the game of Go without human knowledge, methods.
    """
    return mean + c * prior * math.sqrt(parent_visits) / (1 + visits)


class Mcts(SearchMethod, frozen=True, kw_only=True):
    """Selects a state by UCT or PUCT, adds a next step to it, values that, and carries the value back to the root.

    A state has up to `branches` next steps, drawn from the agent (those that come to the same are one), or all that its environment lists. With widening one
    that is visited more often has more of them, so that a search with a large budget is not confined to the first few that were drawn:

        wanted(N) = ceil(branches N^widening)

    A new state is valued by the end of the attempt that the agent plays out from it, or by its own value; an ended one always by its own. Every attempt that
    ended is a candidate, those of the play-outs too.

    Attributes:
        select: "uct" or "puct". The prior of PUCT is the agent's probability of the step, scaled to sum to 1 over the steps that are there; where the agent
            does not say, the share in which it was drawn.
        c: weight of exploration, >= 0.
        branches: next steps that are drawn from a state, >= 1.
        widening: in [0, 0.99]; 0 for `branches` however often the state is visited. 0.5 draws twice as many steps from a state with four times the visits.
        listed: take the listed actions as next steps instead, each once; then no agent is asked for them.
        evaluate: "rollout" or "value".
        simulations: >= 1; None for as many as the budget holds (4,096 at most), and 64 without one.
        choose: "best": the attempt of the highest rank; "visits": the best one below the most visited next step, at every step, as long as any ended there.

    Sources of the widening: Coulom 2007, Computing Elo ratings of move patterns in the game of Go (moves are added as a state is visited more often); Chaslot
    et al. 2008, Progressive strategies for Monte-Carlo tree search (progressive unpruning). Both count by a logarithm; the power is that of Couetoux et al.
    2011, Continuous upper confidence trees.
    """

    select: str = "uct"
    c: float = 1.0
    branches: int = 4
    widening: float = 0.0
    listed: bool = False
    evaluate: str = "rollout"
    simulations: int | None = None
    choose: str = "best"

    def __post_init__(self) -> None:
        require(self, c=(0.0, float("inf")), branches=(1, float("inf")), simulations=(1, float("inf")), widening=(0.0, 0.99))
        if self.select not in ("uct", "puct") or self.evaluate not in ("rollout", "value") or self.choose not in ("best", "visits"):
            raise OptionError(f"select is 'uct' or 'puct', evaluate 'rollout' or 'value', choose 'best' or 'visits', got {self!r}")

    def search(self, tree: Tree) -> Asking[Choice]:
        """The search, as `Searcher` runs it."""
        known: dict[Node, Statistics] = {tree.root: Statistics()}
        ended: list[Node] = []
        most, done = tree.most(self.simulations, MOST_SIMULATIONS, DEFAULT_SIMULATIONS), 0
        while done < most:
            leaf = yield from self._leaf(tree.root, known)
            if leaf is None:
                break
            end = leaf
            if self.evaluate == "rollout" and not leaf.ended:
                (end,) = yield from play_out([leaf])
                if not end.ended:
                    break
            if end.ended:
                ended.append(end)
            if end.valid:
                carry_back(leaf, tree.value(end), known)
            done += 1
        chosen = most_visited(tree, known, ended) if self.choose == "visits" else None
        return tree.choice(ended, chosen, simulations=float(done), nodes=float(len(known)), **self._visits(tree, known))

    def _visits(self, tree: Tree, known: Mapping[Node, Statistics]) -> dict[str, float]:
        """How often each next step of the root was visited, by its action."""
        return {f"visits: {node.step.action}": float(known[node].visits) for node in known[tree.root].children if node.step is not None}

    def _leaf(self, root: Node, known: dict[Node, Statistics]) -> Asking[Node | None]:
        """A state to value: a new one, or an ended one; None where the budget is used up, or the infrastructure spoilt every way."""
        node = root
        while not node.ended:
            found = known[node]
            if self.listed and not node.situation.actions:
                raise OptionError("listed=true needs an environment that lists its actions")
            wanted = len(node.situation.actions) if self.listed else self._wanted(found.visits)
            if found.asked < wanted:
                request = Take(node, node.situation.actions[found.asked]) if self.listed else Expand(node)
                (child,) = yield from reach([request])
                if child is None:
                    return None
                found.asked += 1
                if child.valid:
                    known.setdefault(child, Statistics())
                    found.children[child] = found.children.get(child, 0) + 1
                return child
            going = {child: drawn for child, drawn in found.children.items() if not known[child].closed}
            if going:
                node = self._selected(found.visits, going, known)
            elif node is root:
                return None
            else:
                found.closed, node = True, root
        return node

    def _wanted(self, visits: int) -> int:
        """How many next steps a state has after so many visits."""
        return math.ceil(self.branches * max(1, visits) ** self.widening)

    def _selected(self, visits: int, going: Mapping[Node, int], known: Mapping[Node, Statistics]) -> Node:
        priors = priors_of(going)

        def worth(node: Node) -> float:
            child = known[node]
            if self.select == "uct":
                return uct(child.mean, child.visits, visits, self.c)
            return puct(child.mean, child.visits, visits, priors[node], self.c)

        return max(going, key=worth)


def priors_of(children: Mapping[Node, int]) -> dict[Node, float]:
    """The agent's probabilities of the steps, scaled to sum to 1; where it does not say them all, the shares in which they were drawn.

    Args:
        children: states that were reached, with how often each was drawn.
    """
    known = {child: child.logprob for child in children if child.logprob is not None}
    if len(known) < len(children):
        return {child: drawn / sum(children.values()) for child, drawn in children.items()}
    greatest = max(known.values())
    weights = {child: math.exp(value - greatest) for child, value in known.items()}
    return {child: weight / math.fsum(weights.values()) for child, weight in weights.items()}


def carry_back(leaf: Node, value: float, known: Mapping[Node, Statistics]) -> None:
    """Count a simulation at a state and at all before it.

    Args:
        leaf: the state.
        value: what was found, in [0, 1].
        known: statistics of all states on the way.
    """
    for node in leaf.path:
        known[node].visits += 1
        known[node].total += value


def most_visited(tree: Tree, known: Mapping[Node, Statistics], ended: list[Node]) -> Node | None:
    """The best ended attempt below the most visited next step, at every step as long as any ended there; None where none ended."""
    node, below = tree.root, [each for each in ended if each.valid]
    while below and node in known and known[node].children:
        node = max(known[node].children, key=lambda child: known[child].visits)
        inside = [each for each in below if node in each.path]
        if not inside:
            break
        below = inside
    return tree.best(below)
