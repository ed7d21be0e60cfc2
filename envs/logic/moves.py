"""Moves in a deduction: what follows in one natural inference, and what only looks as if it did.

Formulas are handled as texts here, each in the one way that `prm_gym.logic.notation.write` has for it: equal texts, equal formulas, and their hashes
are kept. What depends on the given facts alone is worked out once a theory.
"""

from bisect import insort
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter

import msgspec
import numpy as np

from prm_gym.claims import Statement
from prm_gym.envs.logic.theory import in_order, instance
from prm_gym.logic.formula import And, Constant, ForAll, Formula, Implies, Or, atoms, is_literal, negation
from prm_gym.logic.notation import parse, write

Move = tuple[tuple[str, ...], str]
"""Labels of the statements that are cited, and the conclusion's text."""


class _Condition(msgspec.Struct, frozen=True, gc=False):
    """The left side of an implication, with the sides of a conjunction or disjunction."""

    text: str
    joint: bool = False
    sides: "tuple[_Condition, _Condition] | None" = None


class _Implication(msgspec.Struct, frozen=True, gc=False):
    """A rule `condition -> conclusion`; `denied` are their opposites, None for the opposite of a condition that is no literal."""

    condition: _Condition
    conclusion: str
    denied_condition: str | None
    denied_conclusion: str


class _Disjunction(msgspec.Struct, frozen=True, gc=False):
    """A rule `left v right`: for each side, what refutes it and what is then left."""

    ways: tuple[tuple[str, str], tuple[str, str]]


class _Conjunction(msgspec.Struct, frozen=True, gc=False):
    """A rule `left & right`."""

    sides: tuple[str, str]


_Rule = _Implication | _Disjunction | _Conjunction | None
_Entry = tuple[str, str, str, _Rule]
"""A rule about one individual: its text, that of the statement it comes from, that statement's label, its parts."""
_ORDER = itemgetter(0, 1)


class _Given(msgspec.Struct, frozen=True):
    """What the moves of a theory share."""

    label_of: dict[str, str]
    literals: tuple[str, ...]
    entries: tuple[_Entry, ...]
    individuals: tuple[Constant, ...]


class Moves:
    """The one-step inferences from a list of statements.

    Attributes:
        sound: inferences that hold and have not been written down; their conclusion is no fact.
        tempting: inferences that do not hold, or say nothing: affirmed consequents, missing conditions, flipped signs, jumps to the hypothesis, repetitions.
    """

    def __init__(self, facts: tuple[Statement, ...], derived: Sequence[Statement], hypothesis: str, rng: np.random.Generator) -> None:
        """Work out the moves.

        Args:
            facts: what is given. Its own individuals are those that rules are applied to: an agent may invent as many others as it likes.
            derived: the steps written down so far; every formula is as `write` gives it.
            hypothesis: the formula to decide.
            rng: chooses among the endless number of unsound moves.
        """
        given = _given(facts)
        self._rng = rng
        self._label_of = given.label_of
        self._literals: Sequence[str] = given.literals
        entries: Sequence[_Entry] = given.entries
        if derived:
            self._label_of = {**{said.formula: said.label for said in reversed(derived)}, **given.label_of}
            # In an order that does not depend on when a statement was written down.
            self._literals = sorted({*given.literals, *(said.formula for said in derived if _literal(said.formula))})
            entries = list(entries)
            for said in derived:
                for text, rule in _instances(said.formula, given.individuals):
                    insort(entries, (text, said.formula, said.label, rule), key=_ORDER)
        written = {(said.cited, said.formula) for said in derived}
        applied: list[Move] = []
        for _, _, label, rule in entries:
            self._apply(label, rule, applied)
        self.sound: list[Move] = [move for move in _distinct(applied) if move[1] not in given.label_of and move not in written]
        self.tempting: list[Move] = _distinct(self._misuses(entries, hypothesis))

    def _support(self, condition: _Condition) -> tuple[str, ...] | None:
        """Labels of statements that say the condition, or None."""
        label = self._label_of.get(condition.text)
        if label is not None:
            return (label,)
        if condition.sides is None:
            return None
        left = self._support(condition.sides[0])
        if not condition.joint:
            return left or self._support(condition.sides[1])
        right = self._support(condition.sides[1]) if left is not None else None
        return left + right if left is not None and right is not None else None

    def _apply(self, label: str, rule: _Rule, moves: list[Move]) -> None:
        """Add the inferences that a rule allows."""
        if isinstance(rule, _Implication):
            support = self._support(rule.condition)
            if support is not None:
                moves.append(((label, *support), rule.conclusion))
            refuted = self._label_of.get(rule.denied_conclusion)
            if refuted is not None and rule.denied_condition is not None:
                moves.append(((label, refuted), rule.denied_condition))
        elif isinstance(rule, _Disjunction):
            for denial, other in rule.ways:
                refuted = self._label_of.get(denial)
                if refuted is not None:
                    moves.append(((label, refuted), other))
        elif isinstance(rule, _Conjunction):
            moves += [((label,), side) for side in rule.sides]

    def _misuses(self, entries: Sequence[_Entry], hypothesis: str) -> list[Move]:
        implications = [(label, rule, self._support(rule.condition)) for _, _, label, rule in entries if isinstance(rule, _Implication)]
        found: list[Move] = []
        drawn = self._some_literals(2 + sum(support is None for _, _, support in implications))
        for label, rule, support in implications:
            affirmed = self._label_of.get(rule.conclusion)
            if affirmed is not None and rule.denied_condition is not None:
                found.append(((label, affirmed), rule.condition.text))
            if support is not None:
                found.append(((label, *support), rule.denied_conclusion))
            elif drawn:
                found.append(((label, self._label_of[drawn.pop()]), rule.conclusion))
        if drawn:
            conclusion, premise = drawn
            found.append(((self._label_of[premise],), conclusion))
            cited = (entries[int(self._rng.integers(len(entries)))][2], self._label_of[self._some_literals(1)[0]])
            found.append((cited, hypothesis if self._rng.random() < 0.5 else _denied(hypothesis)))
        return found

    def _some_literals(self, number: int) -> list[str]:
        """Literals that have been written down, at random; none where there is none. The first drawn is the last of the list."""
        if not self._literals:
            return []
        return [self._literals[place] for place in self._rng.integers(len(self._literals), size=number).tolist()[::-1]]


@lru_cache(maxsize=4096)
def _given(facts: tuple[Statement, ...]) -> _Given:
    individuals = tuple(dict.fromkeys(a.argument for fact in facts for a in atoms(parse(fact.formula)) if isinstance(a.argument, Constant)))
    entries = [(text, fact.formula, fact.label, rule) for fact in facts for text, rule in _instances(fact.formula, individuals)]
    return _Given(
        label_of={fact.formula: fact.label for fact in reversed(facts)},
        literals=tuple(sorted({fact.formula for fact in facts if _literal(fact.formula)})),
        entries=tuple(sorted(entries, key=_ORDER)),
        individuals=individuals,
    )


@lru_cache(maxsize=100_000)
def _instances(text: str, individuals: tuple[Constant, ...]) -> tuple[tuple[str, _Rule], ...]:
    """A universal rule about each of the individuals, any other formula as it is; each with its text, by which it is ordered."""
    formula = parse(text)
    bodies = tuple(instance(formula, individual) for individual in individuals) if isinstance(formula, ForAll) else (formula,)
    return tuple((write(body), _rule(body)) for body in bodies)


def _rule(formula: Formula) -> _Rule:
    match formula:
        case Implies(left, right):
            return _Implication(_condition(left), write(right), write(negation(left)) if is_literal(left) else None, write(negation(right)))
        case Or(left, right):
            return _Disjunction(((write(negation(left)), write(right)), (write(negation(right)), write(left))))
        case And(left, right):
            return _Conjunction((write(left), write(right)))
        case _:
            return None


def _condition(formula: Formula) -> _Condition:
    if isinstance(formula, And | Or):
        return _Condition(write(formula), isinstance(formula, And), (_condition(formula.left), _condition(formula.right)))
    return _Condition(write(formula))


@lru_cache(maxsize=100_000)
def _literal(text: str) -> bool:
    return is_literal(parse(text))


@lru_cache(maxsize=10_000)
def _denied(text: str) -> str:
    return write(negation(parse(text)))


def _distinct(moves: list[Move]) -> list[Move]:
    return list(dict.fromkeys((in_order(cited), conclusion) for cited, conclusion in moves))
