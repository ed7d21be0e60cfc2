"""How many solutions there are, and in how many of them each atom holds: exact integers, and so exact probabilities.

Variables are taken one after another, and partial assignments that no constraint can tell apart are counted together:

    forward:   ways_0 = {start: 1},   ways_{t+1}[s'] = sum over s, values a with s --a--> s' of ways_t[s]
    backward:  left_T[end] = 1,       left_t[s] = sum over a of left_{t+1}[s']
    count(x_t = a) = sum over s --a--> s' of ways_t[s] left_{t+1}[s']

A state holds, for every constraint that is under way, what it needs to know: a sum its partial sum, the others the values of their variables so far. The
work grows with the greatest number of constraints under way at once, not with the number of solutions. Variables with two values that stand in the
same sums with the same coefficients are exchangeable, and taken together: n of them, k with the second value, in C(n, k) ways. That makes the cells of a
Minesweeper board that touch no number, hundreds perhaps, a single step.

Source: counting by dynamic programming along a path decomposition (Dechter 1999, bucket elimination); for Minesweeper the counting of interchangeable cells
is folklore.
"""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import comb
from typing import NamedTuple, TypeAlias

import msgspec

from prm_gym.csp.problem import Is, Problem, Value
from prm_gym.csp.propagation import Domains, LinearSum, Network

STATE_BUDGET = 200_000  # transitions of one count

_State: TypeAlias = tuple[int | tuple[int, ...], ...]


class Census(msgspec.Struct, frozen=True):
    """The solutions of a problem, counted.

    Attributes:
        total: how many there are.
        holding: for each variable and value, in how many of them the variable has the value.
    """

    total: int
    holding: dict[str, dict[Value, int]]

    def probability(self, atom: Is) -> Fraction:
        """The share of the solutions in which the atom holds.

        Raises:
            ZeroDivisionError: there is no solution.
        """
        return Fraction(self.holding[atom.variable].get(atom.value, 0), self.total)


def census(problem: Problem, assigned: Sequence[Is] = (), budget: int = STATE_BUDGET) -> Census | None:
    """The solutions in which the assigned atoms hold, counted; None when the budget does not suffice.

    Raises:
        ProblemError: an atom that the problem does not have.
    """
    return _census(msgspec.msgpack.encode(problem), tuple(sorted(set(assigned), key=repr)), budget)


@lru_cache(maxsize=1 << 10)
def _census(encoded: bytes, assigned: tuple[Is, ...], budget: int) -> Census | None:
    problem = msgspec.msgpack.decode(encoded, type=Problem)
    network = Network(problem)
    domains = network.narrowed(assigned)
    if network.propagate(domains) is not None:
        return Census(0, {name: {} for name in network.names})
    return _Count(network, domains).census(budget)


class _Step(NamedTuple):
    """A layer: one variable, or exchangeable ones taken together.

    Attributes:
        members: the variables.
        bits: the values they may take.
        options: for each choice: the bit that a single variable takes (0 for several), how many members take the second value, how many ways there are.
    """

    members: list[int]
    bits: list[int]
    options: list[tuple[int, int, int]]


class _Count:
    """One count."""

    def __init__(self, network: Network, domains: Domains) -> None:
        self.network, self.domains = network, domains
        self.sums = {place: made for place, made in enumerate(network.propagators) if isinstance(made, LinearSum)}
        self.steps = self._steps()
        self.touched = [network.watching[step.members[0]] for step in self.steps]
        self.last = {place: layer for layer, touched in enumerate(self.touched) for place in touched}
        self.rest = self._rest()
        self.kept: dict[tuple[int, tuple[int, ...]], bool] = {}

    def _steps(self) -> list[_Step]:
        """The layers, in an order that keeps few constraints under way: next comes what opens the fewest and closes the most."""
        watching = self.network.watching
        groups: dict[object, list[int]] = {}
        for variable, domain in enumerate(self.domains):
            if domain & (domain - 1):
                alike = domain.bit_count() == 2 and all(place in self.sums for place in watching[variable])
                key = (domain, *((place, self.sums[place].factor(variable)) for place in watching[variable])) if alike else variable
                groups.setdefault(key, []).append(variable)
        pending = list(groups.values())
        left = Counter(place for members in pending for place in watching[members[0]])
        opened: set[int] = set()
        steps: list[_Step] = []
        while pending:
            prices = [(sum((p not in opened) - (left[p] == 1) for p in watching[m[0]]), -sum(p in opened for p in watching[m[0]])) for m in pending]
            members = pending.pop(prices.index(min(prices)))
            domain, size = self.domains[members[0]], len(members)
            bits = [1 << place for place in range(domain.bit_length()) if domain >> place & 1]
            steps.append(_Step(members, bits, [(bit, 0, 1) for bit in bits] if size == 1 else [(0, k, comb(size, k)) for k in range(size + 1)]))
            left.subtract(watching[members[0]])
            opened.update(watching[members[0]])
        return steps

    def _rest(self) -> dict[int, list[tuple[int, int]]]:
        """For every sum: the least and the most that the variables of the layers from t on, t = 0..T, can add."""
        found: dict[int, list[tuple[int, int]]] = {}
        for place, made in self.sums.items():
            rest = [(0, 0)]
            for layer in reversed(range(len(self.steps))):
                least, most = rest[-1]
                if place in self.touched[layer]:
                    for variable in self.steps[layer].members:
                        terms = made.terms(made.factor(variable), self.domains[variable])
                        least, most = least + terms[0][0], most + terms[-1][0]
                rest.append((least, most))
            found[place] = rest[::-1]
        return found

    def census(self, budget: int) -> Census | None:
        """Forward, then backward."""
        start = {place: self._fixed_part(place) if place in self.sums else () for place in self.last}
        places: list[int] = []  # the constraints under way: what the state is about, in this order
        ways: list[dict[_State, int]] = [{(): 1}]
        edges: list[list[tuple[_State, int, _State]]] = []
        for layer in range(len(self.steps)):
            before = places
            places = [place for place in dict.fromkeys([*before, *self.touched[layer]]) if self.last[place] > layer]
            reached: dict[_State, int] = {}
            taken: list[tuple[_State, int, _State]] = []
            for state, number in ways[-1].items():
                known = {**start, **dict(zip(before, state, strict=True))}
                for choice, (_, _, weight) in enumerate(self.steps[layer].options):
                    after = self._after(layer, choice, known, places)
                    if after is not None:
                        taken.append((state, choice, after))
                        reached[after] = reached.get(after, 0) + number * weight
            budget -= len(taken)
            if budget < 0:
                return None
            ways.append(reached)
            edges.append(taken)
        return self._backward(ways, edges)

    def _after(self, layer: int, choice: int, known: dict[int, int | tuple[int, ...]], places: list[int]) -> _State | None:
        """The state after a choice; None when a constraint fails."""
        step = self.steps[layer]
        bit, second, _ = step.options[choice]
        new: dict[int, int | tuple[int, ...]] = {}
        for place in self.touched[layer]:
            held = known[place]
            if isinstance(held, int):
                made = self.sums[place]
                factor = made.factor(step.members[0])
                low, high = (factor * int(self.network.value(b)) for b in (step.bits[0], step.bits[-1]))
                total = held + (factor * int(self.network.value(bit)) if bit else low * (len(step.members) - second) + high * second)
                least, most = self.rest[place][layer + 1]
                if not made.allows(total + least, total + most):
                    return None
                new[place] = total
            else:
                values = (*held, bit)
                if self.last[place] == layer and not self._holds(place, values):
                    return None
                new[place] = values
        return tuple(new[place] if place in new else known[place] for place in places)

    def _fixed_part(self, place: int) -> int:
        made = self.sums[place]
        fixed = [variable for variable in made.variables if not self.domains[variable] & (self.domains[variable] - 1)]
        return sum(made.factor(variable) * int(self.network.value(self.domains[variable])) for variable in fixed)

    def _holds(self, place: int, values: tuple[int, ...]) -> bool:
        """Whether a constraint holds when its open variables take these values, in the order of the layers."""
        found = self.kept.get((place, values))
        if found is None:
            domains = self.domains.copy()
            for layer, bit in zip((layer for layer, touched in enumerate(self.touched) if place in touched), values, strict=True):
                domains[self.steps[layer].members[0]] = bit
            found = self.kept[place, values] = self.network.propagators[place].prune(domains, [])
        return found

    def _backward(self, ways: list[dict[_State, int]], edges: list[list[tuple[_State, int, _State]]]) -> Census:
        network, total = self.network, sum(ways[-1].values())
        holding: dict[str, dict[Value, int]] = {
            name: {network.value(domain): total} for name, domain in zip(network.names, self.domains, strict=True) if not domain & (domain - 1)
        }
        left: dict[_State, int] = dict.fromkeys(ways[-1], 1)
        for layer in reversed(range(len(self.steps))):
            step, earlier = self.steps[layer], dict[_State, int]()
            counts = [0] * len(step.options)
            for state, choice, after in edges[layer]:
                further = step.options[choice][2] * left.get(after, 0)
                earlier[state] = earlier.get(state, 0) + further
                counts[choice] += ways[layer][state] * further
            left = earlier
            if len(step.members) > 1:  # of the C(n, k) ways, k/n give one certain member the second value
                second = sum(count * k // len(step.members) for count, (_, k, _) in zip(counts, step.options, strict=True))
                counts = [total - second, second]
            for variable in step.members:
                holding[network.names[variable]] = {network.value(bit): count for bit, count in zip(step.bits, counts, strict=True)}
        return Census(total, holding)
