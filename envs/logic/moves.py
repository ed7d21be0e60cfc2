"""Moves in a deduction: what follows in one natural inference, and what only looks as if it did."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import itemgetter

import numpy as np

from prm_gym.claims import Statement
from prm_gym.envs.logic.theory import in_order, instance
from prm_gym.logic.formula import And, Constant, ForAll, Formula, Implies, Or, atoms, is_literal, negation
from prm_gym.logic.notation import parse, write

Move = tuple[tuple[str, ...], Formula]


class Moves:
    """The one-step inferences from a list of statements.

    Attributes:
        sound: inferences that hold and have not been written down; their conclusion is no fact.
        tempting: inferences that do not hold, or say nothing: affirmed consequents, missing conditions, flipped signs, jumps to the hypothesis, repetitions.
    """

    def __init__(self, known: Sequence[Statement], hypothesis: str, rng: np.random.Generator) -> None:
        """Work out the moves.

        Args:
            known: what has been written down; every formula parses.
            hypothesis: the formula to decide.
            rng: chooses among the endless number of unsound moves.
        """
        formulas = {statement.label: parse(statement.formula) for statement in known}
        self._label_of: dict[Formula, str] = {}
        for label, formula in formulas.items():
            self._label_of.setdefault(formula, label)
        # In an order that does not depend on when a statement was written down.
        self._literals = sorted((formula for formula in self._label_of if is_literal(formula)), key=write)
        facts = {formulas[statement.label] for statement in known if not statement.cited}
        written = {(statement.cited, formulas[statement.label]) for statement in known}
        self._rng = rng
        # The task's own individuals: an agent may invent as many others as it likes.
        individuals = individuals_of(tuple(statement.formula for statement in known if not statement.cited))
        keyed = [(text, said.formula, said.label, body) for said in known for text, body in instances(said.formula, individuals)]
        keyed.sort(key=itemgetter(0, 1))
        rules = [(label, body) for _, _, label, body in keyed]
        applied = _distinct(move for label, rule in rules for move in self._apply(label, rule))
        self.sound: list[Move] = [move for move in applied if move[1] not in facts and move not in written]
        self.tempting: list[Move] = _distinct(self._misuses(rules, parse(hypothesis)))

    def _support(self, condition: Formula) -> tuple[str, ...] | None:
        """Labels of statements that say the condition, or None."""
        if condition in self._label_of:
            return (self._label_of[condition],)
        if isinstance(condition, And):
            left, right = self._support(condition.left), self._support(condition.right)
            return left + right if left is not None and right is not None else None
        if isinstance(condition, Or):
            return self._support(condition.left) or self._support(condition.right)
        return None

    def _apply(self, label: str, rule: Formula) -> Iterator[Move]:
        match rule:
            case Implies(condition, conclusion):
                support = self._support(condition)
                if support is not None:
                    yield (label, *support), conclusion
                refuted = self._label_of.get(negation(conclusion))
                if refuted is not None and is_literal(condition):
                    yield (label, refuted), negation(condition)
            case Or(left, right):
                for one, other in ((left, right), (right, left)):
                    refuted = self._label_of.get(negation(one))
                    if refuted is not None:
                        yield (label, refuted), other
            case And(left, right):
                yield (label,), left
                yield (label,), right
            case _:
                pass

    def _misuses(self, rules: Sequence[tuple[str, Formula]], hypothesis: Formula) -> list[Move]:
        found: list[Move] = []
        for label, rule in rules:
            if not isinstance(rule, Implies):
                continue
            affirmed = self._label_of.get(rule.right)
            if affirmed is not None and is_literal(rule.left):
                found.append(((label, affirmed), rule.left))
            if self._support(rule.left) is None and self._literals:
                found.append(((label, self._some_literal()), rule.right))
            if self._support(rule.left) is not None:
                found.append(((label, *(self._support(rule.left) or ())), negation(rule.right)))
        if self._literals:
            found.append(((self._some_literal(),), self._literals[int(self._rng.integers(len(self._literals)))]))
            labels = [label for label, _ in rules]
            cited = (labels[int(self._rng.integers(len(labels)))], self._some_literal())
            found.append((cited, hypothesis if self._rng.random() < 0.5 else negation(hypothesis)))
        return found

    def _some_literal(self) -> str:
        return self._label_of[self._literals[int(self._rng.integers(len(self._literals)))]]


@lru_cache(maxsize=10_000)
def individuals_of(formulas: tuple[str, ...]) -> tuple[Constant, ...]:
    """The individuals that the formulas speak of, in order."""
    return tuple(dict.fromkeys(a.argument for text in formulas for a in atoms(parse(text)) if isinstance(a.argument, Constant)))


@lru_cache(maxsize=100_000)
def instances(text: str, individuals: tuple[Constant, ...]) -> tuple[tuple[str, Formula], ...]:
    """A universal rule about each of the individuals, any other formula as it is; each with its text, by which it is ordered."""
    formula = parse(text)
    bodies = tuple(instance(formula, individual) for individual in individuals) if isinstance(formula, ForAll) else (formula,)
    return tuple((write(body), body) for body in bodies)


def _distinct(moves: "Iterator[Move] | list[Move]") -> list[Move]:
    return list(dict.fromkeys((in_order(cited), conclusion) for cited, conclusion in moves))
