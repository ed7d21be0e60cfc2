"""Moves in a natural deduction: assumptions, plain inferences under them, discharges; and what only looks like one.

What rests on an assumption that has been discharged is written down and may be cited, but no move that is listed here cites it.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations, permutations

import msgspec
import numpy as np

from prm_gym.claims import Statement
from prm_gym.envs.logic.moves import Moves
from prm_gym.envs.logic.theory import in_order, instance
from prm_gym.logic.formula import And, Constant, ForAll, Formula, Implies, Not, Or, constants, is_literal, negation
from prm_gym.logic.notations.fld import parse, write
from prm_gym.logic.proof import open_assumptions

MAX_CITED = 3
MAX_RULES = 2
# Jumps to conclusions that are drawn beside the natural mistakes, so that there is something to get wrong before any literal has been written down.
JUMPS = 8


class Move(msgspec.Struct, frozen=True, gc=False):
    """A statement without its label."""

    formula: str
    cited: tuple[str, ...] = ()
    discharged: tuple[str, ...] = ()


class _Sides(msgspec.Struct, frozen=True):
    """What the given facts and the hypothesis make worth a try.

    Attributes:
        suppositions: literals that rules and disjunctions speak of as conditions, and those that the hypothesis speaks of, with their opposites.
        implications: those that are the hypothesis, its opposite, or the condition of a rule: (text, left side, right side).
        disjunctions: the facts that are one: (label, left side, right side).
    """

    suppositions: tuple[str, ...]
    implications: tuple[tuple[str, str, str], ...]
    disjunctions: tuple[tuple[str, str, str], ...]


class HypotheticalMoves:
    """The moves from a list of statements.

    Attributes:
        sound: plain inferences and discharges that hold, and say something that has not been said as freely.
        suppositions: assumptions that have not been made, of what is not known anyway.
        tempting: what does not hold: plain misuses, implications turned round, assumptions dropped, refutations without a contradiction, one case for two.
    """

    def __init__(self, facts: tuple[Statement, ...], derived: Sequence[Statement], hypothesis: str, rng: np.random.Generator) -> None:
        """Work out the moves; the arguments are those of `Moves`."""
        rests_on = open_assumptions((*facts, *derived))
        closed = {label for said in derived for label in said.discharged}
        live = [said for said in derived if closed.isdisjoint(rests_on[said.label])]
        live.sort(key=lambda said: (len(rests_on[said.label]), said.formula))  # what is said most freely is cited
        self._rests_on = rests_on
        self._live = live
        self._assumed = [said for said in live if said.assumed]
        self._sides = _sides(facts, hypothesis)
        self._said: dict[str, list[frozenset[str]]] = {}
        for said in (*facts, *live):
            self._said.setdefault(said.formula, []).append(rests_on[said.label])
        rules = {said.label for said in (*facts, *live) if not is_literal(parse(said.formula))}

        def taken(move: Move) -> bool:
            return len(move.cited) <= MAX_CITED and sum(label in rules for label in move.cited) <= MAX_RULES and is_literal(parse(move.formula))

        moves = Moves(facts, live, hypothesis, rng)
        plain = [Move(conclusion, cited) for cited, conclusion in moves.sound]
        self.sound: list[Move] = list(dict.fromkeys(move for move in (*filter(taken, plain), *self._discharges()) if self._adds(move)))
        needless = {text for text, ways in self._said.items() if frozenset() in ways} | {said.formula for said in self._assumed}
        self.suppositions: list[Move] = [Move(text) for text in self._sides.suppositions if text not in needless]
        misuses = [move for cited, conclusion in moves.tempting if taken(move := Move(conclusion, cited))]
        written = {Move(said.formula, said.cited, said.discharged) for said in derived}
        wrong = dict.fromkeys((*misuses, *_few(self._false_discharges(), 12, rng), *self._jumps(facts, rng)))
        self.tempting: list[Move] = [move for move in wrong if move not in written]

    def _adds(self, move: Move) -> bool:
        """Whether nobody has said it under as few assumptions."""
        below = frozenset[str]().union(*(self._rests_on[label] for label in move.cited)) - set(move.discharged)
        return not any(said <= below for said in self._said.get(move.formula, ()))

    def _under(self, assumption: Statement) -> list[Statement]:
        """What rests on an assumption, beside itself."""
        return [said for said in self._live if assumption.label in self._rests_on[said.label] and said is not assumption]

    def _discharges(self) -> Iterator[Move]:
        for assumption in self._assumed:
            below = self._under(assumption)
            wanted = {right: text for text, left, right in self._sides.implications if left == assumption.formula}
            for said in below:
                text = wanted.get(said.formula) or (_implication(assumption.formula, said.formula) if is_literal(parse(said.formula)) else None)
                if text is not None:
                    yield Move(text, (said.label,), (assumption.label,))
            denied = _denied(assumption.formula)
            literals = {said.formula: said for said in reversed(self._live)}
            for said in below:
                other = literals.get(_denied(said.formula))
                if other is not None and is_literal(parse(said.formula)):
                    yield Move(denied, in_order((said.label, other.label)), (assumption.label,))
        for disjunction, one, other in self._cases():
            for first in self._under(one):
                for second in self._under(other):
                    if first.formula == second.formula and first.label != second.label and is_literal(parse(first.formula)):
                        yield Move(first.formula, in_order((disjunction, first.label, second.label)), in_order((one.label, other.label)))

    def _jumps(self, facts: tuple[Statement, ...], rng: np.random.Generator) -> Iterator[Move]:
        """Facts at random, and something that some rule speaks of."""
        for _ in range(JUMPS):
            cited = in_order(tuple(facts[int(place)].label for place in rng.integers(len(facts), size=2)))
            yield Move(self._sides.suppositions[int(rng.integers(len(self._sides.suppositions)))], cited)

    def _cases(self) -> Iterator[tuple[str, Statement, Statement]]:
        """The disjunctions both sides of which are assumed."""
        assumed = {said.formula: said for said in self._assumed}
        for label, left, right in self._sides.disjunctions:
            if left in assumed and right in assumed:
                yield label, assumed[left], assumed[right]

    def _false_discharges(self) -> Iterator[Move]:
        for assumption in self._assumed:
            below = [said for said in self._under(assumption) if is_literal(parse(said.formula))]
            for said in below:
                yield Move(_implication(said.formula, assumption.formula), (said.label,), (assumption.label,))
                if self._adds(Move(said.formula, (said.label,), (assumption.label,))):
                    yield Move(said.formula, (said.label,), (assumption.label,))
            for first, second in combinations(below, 2):
                if first.formula != _denied(second.formula):
                    yield Move(_denied(assumption.formula), in_order((first.label, second.label)), (assumption.label,))
        for disjunction, one, other in self._cases():
            for first, second in permutations((*self._under(one), *self._under(other)), 2):
                if first.formula != second.formula and is_literal(parse(first.formula)):
                    rests = self._rests_on[first.label] | self._rests_on[second.label]
                    if {one.label, other.label} <= rests:
                        yield Move(first.formula, in_order((disjunction, first.label, second.label)), in_order((one.label, other.label)))


def _few(moves: Iterator[Move], number: int, rng: np.random.Generator) -> list[Move]:
    """At most so many of the moves, at random."""
    found = list(dict.fromkeys(moves))
    return [found[int(place)] for place in rng.permutation(len(found))[:number]]


@lru_cache(maxsize=1024)
def _sides(facts: tuple[Statement, ...], hypothesis: str) -> _Sides:
    formulas = [(fact.label, parse(fact.formula)) for fact in facts]
    individuals = tuple(dict.fromkeys(individual for _, formula in formulas for individual in constants(formula)))
    goal = parse(hypothesis)
    literals: dict[str, None] = {}
    implications: list[tuple[str, str, str]] = []

    def speaks_of(formula: Formula) -> None:
        match formula:
            case And(left, right) | Or(left, right):
                speaks_of(left)
                speaks_of(right)
            case Implies(left, right):
                speaks_of(left)
                implications.append((write(formula), write(left), write(right)))
            case _:
                literals[write(formula)] = None

    for _, formula in formulas:
        for body in _about(formula, individuals):
            match body:
                case Implies(left, _):
                    speaks_of(left)
                case Or(left, right):
                    speaks_of(left)
                    speaks_of(right)
                case _:
                    pass
    match goal:
        case Implies():
            speaks_of(goal)
        case And(left, Not(right)):
            speaks_of(Implies(left, right))
        case And(left, right):
            speaks_of(Implies(left, Not(right)))
        case _:
            literals |= dict.fromkeys((write(goal), write(negation(goal))))
    disjunctions = tuple((label, write(formula.left), write(formula.right)) for label, formula in formulas if isinstance(formula, Or))
    return _Sides(tuple(sorted(literals)), tuple(implications), disjunctions)


def _about(formula: Formula, individuals: tuple[Constant, ...]) -> tuple[Formula, ...]:
    """A universal rule about each individual, any other formula as it is."""
    return tuple(instance(formula, individual) for individual in individuals) if isinstance(formula, ForAll) else (formula,)


@lru_cache(maxsize=10_000)
def _denied(text: str) -> str:
    return write(negation(parse(text)))


@lru_cache(maxsize=10_000)
def _implication(left: str, right: str) -> str:
    return write(Implies(parse(left), parse(right)))
