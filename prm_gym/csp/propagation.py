"""Propagation: what each constraint rules out, until nothing more follows.

A domain is an integer whose bit i says that the i-th value of the problem is still possible; the values of all variables are numbered together, so that
masks of different variables compare. A propagator narrows domains in place and says whether the constraint can still hold. What it rules out is ruled out;
what it leaves may be impossible all the same, which is why `prm_gym.csp.solver` searches.
"""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from prm_gym.csp.problem import AllDifferent, And, Constraint, Count, Formula, Iff, Implies, Is, Linear, Not, Problem, Table, Value, Xor, scope, size
from prm_gym.errors import ProblemError

Domains: TypeAlias = list[int]
"""[V] a mask of values for each variable."""


class Propagator(Protocol):
    """A compiled constraint."""

    def prune(self, domains: Domains, touched: list[int]) -> bool:
        """Narrow the domains and append the variables whose domain changed; False when the constraint cannot hold any more."""
        ...


class Network:
    """A problem, compiled: variables and values by number, constraints as propagators. Asking it changes nothing, so threads may share one."""

    def __init__(self, problem: Problem) -> None:
        """Compile a problem."""
        values = dict.fromkeys(value for variable in problem.variables for value in variable.domain)
        # Integers in their order, then names as they come: masks then read like the problem.
        self.values: list[Value] = sorted(v for v in values if isinstance(v, int)) + [v for v in values if isinstance(v, str)]
        self.bits: dict[Value, int] = {value: 1 << place for place, value in enumerate(self.values)}
        self.names = [variable.name for variable in problem.variables]
        self.index = {name: place for place, name in enumerate(self.names)}
        self.domains: Domains = [sum(self.bits[value] for value in variable.domain) for variable in problem.variables]
        self.propagators = [self._compiled(constraint) for constraint in problem.constraints]
        self.watching: list[list[int]] = [[] for _ in self.names]
        self.costs = [size(constraint) for constraint in problem.constraints]
        for place, constraint in enumerate(problem.constraints):
            for name in scope(constraint):
                self.watching[self.index[name]].append(place)

    def value(self, mask: int) -> Value:
        """The value of a mask with one bit."""
        return self.values[mask.bit_length() - 1]

    def narrowed(self, assigned: Sequence[Is]) -> Domains:
        """The full domains with these atoms true; empty masks where they contradict each other.

        Raises:
            ProblemError: an atom that the problem does not have.
        """
        domains, full, index, bits = self.domains.copy(), self.domains, self.index, self.bits
        for atom in assigned:
            place, bit = index.get(atom.variable), bits.get(atom.value, 0)
            if place is None or not full[place] & bit:
                place, bit = self.place(atom)  # raises
            domains[place] &= bit
        return domains

    def place(self, atom: Is) -> tuple[int, int]:
        """The number of an atom's variable, and the mask of its value.

        Raises:
            ProblemError: an atom that the problem does not have.
        """
        place, bit = self.index.get(atom.variable), self.bits.get(atom.value, 0)
        if place is None or not self.domains[place] & bit:
            raise ProblemError(f"no variable {atom.variable!r} has the value {atom.value!r} in its domain")
        return place, bit

    def propagate(self, domains: Domains, changed: Sequence[int] | None = None) -> int | None:
        """Narrow domains, in place, until nothing more follows.

        Where that ends does not depend on the order: a propagator leaves no more of a smaller domain than of a greater one, so there is one greatest fixed
        point, and from any domains between it and the first ones propagation comes to it. Only which constraint fails first may differ.

        Args:
            domains: [V].
            changed: the variables whose domains changed since the last time; None for all.

        Returns:
            None, or the number of a constraint that cannot hold any more; -1 when a domain was empty to begin with.
        """
        return self.propagate_counting(domains, changed)[0]

    def propagate_counting(self, domains: Domains, changed: Sequence[int] | None = None) -> tuple[int | None, int]:
        """What `propagate` gives, and what it cost: the nodes of the constraints that it looked at, one at least."""
        work = 1
        if 0 in domains:
            return -1, work
        pending = dict.fromkeys(range(len(self.propagators)) if changed is None else (c for variable in changed for c in self.watching[variable]))
        touched: list[int] = []
        while pending:
            place = next(iter(pending))
            del pending[place]
            work += self.costs[place]
            if not self.propagators[place].prune(domains, touched):
                return place, work
            for variable in touched:
                for watcher in self.watching[variable]:
                    pending[watcher] = None
            touched.clear()
        return None, work

    def broken(self, domains: Domains, variable: int) -> int | None:
        """The first constraint on a variable that cannot hold given these domains, looked at by itself."""
        for place in self.watching[variable]:
            if not self.propagators[place].prune(domains.copy(), []):
                return place
        return None

    def _compiled(self, constraint: Constraint) -> Propagator:
        if isinstance(constraint, AllDifferent):
            return _AllDifferent([self.index[name] for name in constraint.variables])
        if isinstance(constraint, Table):
            # A row with a value outside the domains can never be taken.
            rows = [tuple(self.bits.get(value, 0) for value in row) for row in constraint.rows]
            return _Table([self.index[name] for name in constraint.variables], [row for row in rows if all(row)])
        if isinstance(constraint, Linear):
            return LinearSum([self.index[name] for name in constraint.variables], constraint, self.values)
        return _Asserted(self._node(constraint))

    def _node(self, formula: Formula) -> "_Node":
        if isinstance(formula, Is):
            return _Atom(self.index[formula.variable], self.bits[formula.value])
        if isinstance(formula, Not):
            return _Negation(self._node(formula.formula))
        if isinstance(formula, Iff | Xor):
            return _Parity(self._node(formula.left), self._node(formula.right), isinstance(formula, Xor))
        if isinstance(formula, Implies):
            return _Between([_Negation(self._node(formula.condition)), self._node(formula.conclusion)], 1, 2)
        nodes = [self._node(inner) for inner in formula.formulas]
        if isinstance(formula, Count):
            return _Between(nodes, formula.least, formula.most)
        return _Between(nodes, len(nodes) if isinstance(formula, And) else 1, len(nodes))


class _Node(Protocol):
    """A compiled formula."""

    def truth(self, domains: Domains) -> bool | None:
        """Whether it holds whatever the variables take (True), fails whatever they take (False), or is open; may miss one of the first two."""
        ...

    def force(self, want: bool, domains: Domains, touched: list[int]) -> bool:
        """Make it come out as wanted; False when it cannot."""
        ...


class _Atom:
    def __init__(self, variable: int, bit: int) -> None:
        self.variable, self.bit = variable, bit

    def truth(self, domains: Domains) -> bool | None:
        domain = domains[self.variable]
        if not domain & self.bit:
            return False
        return True if domain == self.bit else None

    def force(self, want: bool, domains: Domains, touched: list[int]) -> bool:
        old = domains[self.variable]
        new = old & self.bit if want else old & ~self.bit
        if new != old:
            if not new:
                return False
            domains[self.variable] = new
            touched.append(self.variable)
        return True


class _Negation:
    def __init__(self, node: _Node) -> None:
        self.node = node

    def truth(self, domains: Domains) -> bool | None:
        truth = self.node.truth(domains)
        return None if truth is None else not truth

    def force(self, want: bool, domains: Domains, touched: list[int]) -> bool:
        return self.node.force(not want, domains, touched)


class _Between:
    """Between least and most of the nodes hold: and, or and every count."""

    def __init__(self, nodes: list[_Node], least: int, most: int) -> None:
        self.nodes, self.least, self.most = nodes, least, most

    def truth(self, domains: Domains) -> bool | None:
        holding = possible = 0
        for node in self.nodes:
            truth = node.truth(domains)
            holding += truth is True
            possible += truth is not False
        if possible < self.least or holding > self.most:
            return False
        return True if holding >= self.least and possible <= self.most else None

    def force(self, want: bool, domains: Domains, touched: list[int]) -> bool:
        truths = [node.truth(domains) for node in self.nodes]
        undecided = [node for node, truth in zip(self.nodes, truths, strict=True) if truth is None]
        holding = truths.count(True)
        possible = holding + len(undecided)
        # Which of the numbers from `holding` to `possible` are as wanted? With only the greatest or the least left, every open node is decided.
        fits = [number for number in range(holding, possible + 1) if (self.least <= number <= self.most) is want]
        if not fits:
            return False
        if len(fits) > 1 or fits[0] not in (holding, possible):
            return True
        return all(node.force(fits[0] == possible, domains, touched) for node in undecided)


class _Parity:
    """The two nodes differ (odd), or come out alike."""

    def __init__(self, left: _Node, right: _Node, odd: bool) -> None:
        self.left, self.right, self.odd = left, right, odd

    def truth(self, domains: Domains) -> bool | None:
        left, right = self.left.truth(domains), self.right.truth(domains)
        return None if left is None or right is None else (left is not right) is self.odd

    def force(self, want: bool, domains: Domains, touched: list[int]) -> bool:
        differ = self.odd is want
        left = self.left.truth(domains)
        if left is not None:
            return self.right.force(left is not differ, domains, touched)
        right = self.right.truth(domains)
        return right is None or self.left.force(right is not differ, domains, touched)


class _Asserted:
    def __init__(self, node: _Node) -> None:
        self.node = node

    def prune(self, domains: Domains, touched: list[int]) -> bool:
        return self.node.force(True, domains, touched)


class _AllDifferent:
    """Naked singles, and hidden ones where there are as many values as variables."""

    def __init__(self, variables: list[int]) -> None:
        self.variables = variables

    def prune(self, domains: Domains, touched: list[int]) -> bool:
        taken = 0
        unfixed: list[int] = []
        for variable in self.variables:
            domain = domains[variable]
            if domain & (domain - 1):
                unfixed.append(variable)
            elif domain & taken:
                return False
            else:
                taken |= domain
        once = twice = 0
        for variable in unfixed:
            old = domains[variable]
            new = old & ~taken
            if new != old:
                if not new:
                    return False
                domains[variable] = new
                touched.append(variable)
            twice |= once & new
            once |= new
        spare = once.bit_count() - len(unfixed)
        if spare < 0:
            return False
        lone = once & ~twice
        if spare == 0 and lone:
            for variable in unfixed:
                only = domains[variable] & lone
                if only and only != domains[variable]:
                    if only & (only - 1):
                        return False
                    domains[variable] = only
                    touched.append(variable)
        return True


class _Table:
    def __init__(self, variables: list[int], rows: list[tuple[int, ...]]) -> None:
        self.variables, self.rows = variables, rows

    def prune(self, domains: Domains, touched: list[int]) -> bool:
        held = [domains[variable] for variable in self.variables]
        live = [row for row in self.rows if all(bit & domain for bit, domain in zip(row, held, strict=True))]
        if not live:
            return False
        for place, variable in enumerate(self.variables):
            new = 0
            for row in live:
                new |= row[place]
            if new != held[place]:
                domains[variable] = new
                touched.append(variable)
        return True


class LinearSum:
    """Bounds of a sum; `!=` is a hole that is stopped when one variable is open."""

    def __init__(self, variables: list[int], constraint: Linear, values: list[Value]) -> None:
        self.variables, self.coefficients, self.values = variables, constraint.coefficients, values
        self._factors = dict(zip(variables, constraint.coefficients, strict=True))
        total, relation = constraint.total, constraint.relation
        self.low = {"=": total, ">=": total, ">": total + 1}.get(relation)
        self.high = {"=": total, "<=": total, "<": total - 1}.get(relation)
        self.hole = total if relation == "!=" else None
        self._terms: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def factor(self, variable: int) -> int:
        """The coefficient of a variable of the sum."""
        return self._factors[variable]

    def allows(self, least: int, most: int) -> bool:
        """Whether a sum that ends up between the two may be as it should; exact where they are equal."""
        if (self.high is not None and least > self.high) or (self.low is not None and most < self.low):
            return False
        return least != most or least != self.hole

    def terms(self, coefficient: int, domain: int) -> list[tuple[int, int]]:
        """(what a value adds to the sum, its bit) for every value of a domain, in increasing order."""
        found = self._terms.get((coefficient, domain))
        if found is None:
            bits = [1 << place for place in range(domain.bit_length()) if domain >> place & 1]
            found = sorted((coefficient * int(self.values[bit.bit_length() - 1]), bit) for bit in bits)
            if len(self._terms) < 4096:
                self._terms[coefficient, domain] = found
        return found

    def prune(self, domains: Domains, touched: list[int]) -> bool:
        """Narrow to what the bounds of the sum allow."""
        terms = [self.terms(c, domains[v]) for c, v in zip(self.coefficients, self.variables, strict=True)]
        least, most = sum(term[0][0] for term in terms), sum(term[-1][0] for term in terms)
        if self.hole is not None:
            return self._stop_hole(terms, least, domains, touched)
        low, high = self.low, self.high
        if (high is not None and least > high) or (low is not None and most < low):
            return False
        for variable, options in zip(self.variables, terms, strict=True):
            first, last = options[0][0], options[-1][0]
            if (high is None or least - first + last <= high) and (low is None or most - last + first >= low):
                continue
            new = 0
            for adds, bit in options:
                if (high is None or least - first + adds <= high) and (low is None or most - last + adds >= low):
                    new |= bit
            if not new:
                return False
            domains[variable] = new
            touched.append(variable)
        return True

    def _stop_hole(self, terms: list[list[tuple[int, int]]], least: int, domains: Domains, touched: list[int]) -> bool:
        unfixed = [place for place, options in enumerate(terms) if len(options) > 1]
        if not unfixed:
            return least != self.hole
        if len(unfixed) == 1:
            options, variable = terms[unfixed[0]], self.variables[unfixed[0]]
            new = sum(bit for adds, bit in options if least - options[0][0] + adds != self.hole)
            if not new:
                return False
            if new != domains[variable]:
                domains[variable] = new
                touched.append(variable)
        return True
