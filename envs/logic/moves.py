"""Moves in a deduction: what follows in one natural inference, and what only looks as if it did.

Formulas are handled as texts here, each in the one way that `prm_gym.logic.notations.fld.write` has for it: equal texts, equal formulas, and their hashes
are kept. What depends on the given facts alone is worked out once a theory.
"""

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

import msgspec
import numpy as np

from prm_gym.claims import Statement
from prm_gym.envs.logic.theory import in_order, instance
from prm_gym.logic.formula import And, Constant, ForAll, Formula, Implies, Or, constants, is_literal, negation
from prm_gym.logic.notations.fld import parse, write

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


class _Found(msgspec.Struct, frozen=True, gc=False):
    """What an entry allows, as far as chance has no part in it.

    Attributes:
        sound: inferences that hold.
        affirmed: its condition concluded from its conclusion, where that has been written down.
        flipped: the opposite of what follows; None where the condition has not been written down (or the entry is no implication).
        unmet: the label and conclusion of an implication whose condition has not been written down, else None.
    """

    sound: tuple[Move, ...] = ()
    affirmed: Move | None = None
    flipped: Move | None = None
    unmet: tuple[str, str] | None = None


class _Given(msgspec.Struct, frozen=True):
    """What the moves of a theory share.

    Attributes:
        label_of: labels of the facts.
        literals: the facts that are literals, in order.
        entries: the rules about each individual, in order.
        found: what each entry allows before anything is derived.
        touched: for each text, the entries whose moves may change when it is written down.
        individuals: those that the facts speak of.
    """

    label_of: dict[str, str]
    literals: tuple[str, ...]
    entries: tuple[_Entry, ...]
    found: tuple[_Found, ...]
    touched: dict[str, list[int]]
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
        found: Sequence[_Found] = given.found
        if derived:
            self._label_of = {**{said.formula: said.label for said in reversed(derived)}, **given.label_of}
            entries, found = self._grown(given, derived)
            fresh = {said.formula for said in derived if said.formula not in given.label_of and _literal(said.formula)}
            if fresh:  # in an order that does not depend on when a statement was written down
                self._literals = sorted([*given.literals, *fresh])
        written = {(said.cited, said.formula) for said in derived}
        applied = dict.fromkeys(move for one in found for move in one.sound)
        self.sound: list[Move] = [move for move in applied if move[1] not in given.label_of and move not in written]
        self.tempting: list[Move] = list(dict.fromkeys(self._misuses(entries, found, hypothesis)))

    def _grown(self, given: _Given, derived: Sequence[Statement]) -> tuple[list[_Entry], list[_Found]]:
        """The entries and what they allow, with the derived statements among them."""
        found = list(given.found)
        fresh = {said.formula for said in derived if said.formula not in given.label_of}
        for place in {place for text in fresh for place in given.touched.get(text, ())}:
            found[place] = _found(given.entries[place], self._label_of)
        entries = list(given.entries)
        for said in derived:
            for text, rule in _instances(said.formula, given.individuals):
                entry = (text, said.formula, said.label, rule)
                place = bisect(entries, _ORDER(entry), key=_ORDER)
                entries.insert(place, entry)
                found.insert(place, _found(entry, self._label_of))
        return entries, found

    def _misuses(self, entries: Sequence[_Entry], found: Sequence[_Found], hypothesis: str) -> list[Move]:
        drawn = self._some_literals(2 + sum(one.unmet is not None for one in found))
        misuses: list[Move] = []
        for one in found:
            if one.affirmed is not None:
                misuses.append(one.affirmed)
            if one.flipped is not None:
                misuses.append(one.flipped)
            elif one.unmet is not None and drawn:
                misuses.append((in_order((one.unmet[0], self._label_of[drawn.pop()])), one.unmet[1]))
        if drawn:
            conclusion, premise = drawn
            misuses.append(((self._label_of[premise],), conclusion))
            cited = in_order((entries[int(self._rng.integers(len(entries)))][2], self._label_of[self._some_literals(1)[0]]))
            misuses.append((cited, hypothesis if self._rng.random() < 0.5 else _denied(hypothesis)))
        return misuses

    def _some_literals(self, number: int) -> list[str]:
        """Literals that have been written down, at random; none where there is none. The first drawn is the last of the list."""
        if not self._literals:
            return []
        places = self._rng.integers(len(self._literals), size=number)
        return [self._literals[int(place)] for place in places[::-1]]


def _found(entry: _Entry, label_of: Mapping[str, str]) -> _Found:
    _, _, label, rule = entry
    if isinstance(rule, _Implication):
        support = _support(rule.condition, label_of)
        sound: list[Move] = [] if support is None else [(in_order((label, *support)), rule.conclusion)]
        refuted, affirmed = label_of.get(rule.denied_conclusion), label_of.get(rule.conclusion)
        if refuted is not None and rule.denied_condition is not None:
            sound.append((in_order((label, refuted)), rule.denied_condition))
        return _Found(
            sound=tuple(sound),
            affirmed=None if affirmed is None or rule.denied_condition is None else (in_order((label, affirmed)), rule.condition.text),
            flipped=None if support is None else (in_order((label, *support)), rule.denied_conclusion),
            unmet=(label, rule.conclusion) if support is None else None,
        )
    if isinstance(rule, _Disjunction):
        return _Found(tuple((in_order((label, label_of[denial])), other) for denial, other in rule.ways if denial in label_of))
    if isinstance(rule, _Conjunction):
        return _Found(tuple(((label,), side) for side in rule.sides))
    return _NOTHING


_NOTHING = _Found()


def _support(condition: _Condition, label_of: Mapping[str, str]) -> tuple[str, ...] | None:
    """Labels of statements that say the condition, or None."""
    label = label_of.get(condition.text)
    if label is not None:
        return (label,)
    if condition.sides is None:
        return None
    left = _support(condition.sides[0], label_of)
    if not condition.joint:
        return left or _support(condition.sides[1], label_of)
    right = _support(condition.sides[1], label_of) if left is not None else None
    return left + right if left is not None and right is not None else None


@lru_cache(maxsize=1024)
def _given(facts: tuple[Statement, ...]) -> _Given:
    individuals = tuple(dict.fromkeys(individual for fact in facts for individual in constants(parse(fact.formula))))
    label_of = {fact.formula: fact.label for fact in reversed(facts)}
    entries = [(text, fact.formula, fact.label, rule) for fact in facts for text, rule in _instances(fact.formula, individuals)]
    entries.sort(key=_ORDER)
    touched: dict[str, list[int]] = {}
    for place, (_, _, _, rule) in enumerate(entries):
        for text in _triggers(rule):
            touched.setdefault(text, []).append(place)
    return _Given(
        label_of=label_of,
        literals=tuple(sorted({fact.formula for fact in facts if _literal(fact.formula)})),
        entries=tuple(entries),
        found=tuple(_found(entry, label_of) for entry in entries),
        touched=touched,
        individuals=individuals,
    )


def _triggers(rule: _Rule) -> set[str]:
    """The texts that `_found` looks up for a rule."""
    if isinstance(rule, _Implication):
        return {rule.conclusion, rule.denied_conclusion, *_texts(rule.condition)}
    return {denial for denial, _ in rule.ways} if isinstance(rule, _Disjunction) else set()


def _texts(condition: _Condition) -> Iterator[str]:
    yield condition.text
    for side in condition.sides or ():
        yield from _texts(side)


@lru_cache(maxsize=20_000)
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


@lru_cache(maxsize=20_000)
def _literal(text: str) -> bool:
    return is_literal(parse(text))


@lru_cache(maxsize=10_000)
def _denied(text: str) -> str:
    return write(negation(parse(text)))
