"""Fresh literals and rules, from which theories are generated."""

from collections.abc import Iterator

import numpy as np

from prm_gym.logic.formula import And, Atom, Constant, ForAll, Formula, Implies, Not, Or, Variable


class Vocabulary:
    """Names that have not been used yet: propositions, or predicates of one of two individuals."""

    def __init__(self, rng: np.random.Generator, quantifiers: bool) -> None:
        """Shuffle the names.

        Args:
            rng: draws everything.
            quantifiers: whether predicates take an individual and rules are quantified.
        """
        self.rng = rng
        self.quantifiers = quantifiers
        self._names: Iterator[str] = iter([_letters(int(i)) for i in (*rng.permutation(26), *(26 + rng.permutation(26 * 26)))])
        self._individuals = [Constant(_letters(int(i)).lower()) for i in rng.permutation(26)[:2]]

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < probability)

    def literal(self) -> Formula:
        """A fresh literal: a proposition, or a predicate of one of the individuals."""
        arguments = (self._individuals[int(self.rng.integers(2))],) if self.quantifiers else ()
        atom = Atom(next(self._names), arguments)
        return Not(atom) if self.chance(0.5) else atom

    def about(self, literal: Formula, keep_sign: bool = False) -> Formula:
        """A fresh literal about the same individual as a given one."""
        atom = literal.body if isinstance(literal, Not) else literal
        fresh = Atom(next(self._names), atom.arguments if isinstance(atom, Atom) else ())
        negative = isinstance(literal, Not) if keep_sign else self.chance(0.5)
        return Not(fresh) if negative else fresh

    def rule(self, condition: Formula, conclusion: Formula) -> Formula:
        """An implication, quantified where there are individuals (most of the time)."""
        rule = Implies(condition, conclusion)
        return generalised(rule) if self.quantifiers and self.chance(0.75) else rule

    def distractor(self, node: Formula, shape: int) -> Formula:
        """A fact or rule that hangs at a literal and serves nothing.

        Args:
            node: the literal.
            shape: 0 for a rule that leads away, 1 for one towards it whose condition cannot be had, 2 for one with a second condition that cannot be had, 3
                for a loose fact.
        """
        if shape == 0:
            return self.rule(node, self.about(node))
        if shape == 1:
            return self.rule(self.about(node), node)
        if shape == 2:
            return self.rule(And(node, self.about(node)), self.about(node))
        return self.about(node)


def generalised(rule: Implies) -> Formula:
    """The rule about every individual x in the place of the one that it is about."""

    def general(formula: Formula) -> Formula:
        match formula:
            case Atom(predicate, (Constant(),)):
                return Atom(predicate, (Variable("x"),))
            case Not(body):
                return Not(general(body))
            case And(left, right) | Or(left, right) | Implies(left, right):
                return type(formula)(general(left), general(right))
            case _:
                return formula

    return ForAll("x", general(rule))


def _letters(number: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    return chr(65 + number) if number < 26 else _letters(number // 26 - 1) + chr(65 + number % 26)
