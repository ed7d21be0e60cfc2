"""Generated theories: facts and rules, a hypothesis, its status, and a proof where there is one.

A proof tree is grown from its goal down: every node is an inference (modus ponens with one or two conditions, either of two conditions, disjunctive
syllogism, modus tollens, instantiation of a quantified rule), every leaf a fact. Distractors are hung around it: rules that lead nowhere, rules
towards the goal whose condition cannot be had, converses, loose facts. For an UNKNOWN task one fact of the proof is left out. Z3 then has the last
word: a theory whose status is not what was planned, or whose proof has a step that is not sound and informative, is drawn again.
"""

from collections.abc import Iterator
from functools import lru_cache

import msgspec
import numpy as np

from prm_gym.claims import Answer, Statement
from prm_gym.errors import ContractError
from prm_gym.logic.entailment import shared_checker
from prm_gym.logic.formula import And, Atom, Constant, ForAll, Formula, Implies, Not, Or, Variable, instantiate, negation
from prm_gym.logic.notation import write
from prm_gym.logic.proof import appraise, given

MAX_DRAWS = 200

# UNKNOWN is the answer that needs no work, so it is the rarest: who always gives it solves a fifth of the tasks.
ANSWERS: tuple[Answer, ...] = ("PROVED", "DISPROVED", "UNKNOWN")
SHARES = (0.4, 0.4, 0.2)


class TheoryConfig(msgspec.Struct, frozen=True):
    """What difficulty sets.

    Attributes:
        min_depth: least length of the longest chain of inferences in the proof.
        max_depth: greatest.
        distractors: how many facts and rules have no part in the proof.
        quantifiers: whether predicates take an individual and rules are quantified.
    """

    min_depth: int
    max_depth: int
    distractors: int
    quantifiers: bool


LEVELS: dict[int, TheoryConfig] = {
    1: TheoryConfig(1, 1, 3, False),
    2: TheoryConfig(1, 2, 4, False),
    3: TheoryConfig(2, 3, 6, True),
    4: TheoryConfig(3, 4, 8, True),
    5: TheoryConfig(4, 6, 12, True),
}


class Theory(msgspec.Struct, frozen=True):
    """A generated problem.

    Attributes:
        facts: what is given, as statements `fact1`, `fact2`, ...
        hypothesis: the formula to decide.
        answer: its status, checked by Z3.
        proof: the statements `int1`, `int2`, ... of one proof; the last says the hypothesis or its negation. Empty for UNKNOWN.
        depth: length of the longest chain of inferences (of the proof before a fact was left out, for UNKNOWN).
    """

    facts: tuple[Statement, ...]
    hypothesis: str
    answer: Answer
    proof: tuple[Statement, ...]
    depth: int


@lru_cache(maxsize=4096)
def generate(entropy: int, config: TheoryConfig) -> Theory:
    """The theory of a number: the same number and configuration, the same theory, in any process.

    Raises:
        ContractError: MAX_DRAWS draws gave no theory that Z3 confirms (not seen for the levels above).
    """
    rng = np.random.default_rng(entropy)
    answer = ANSWERS[int(rng.choice(len(ANSWERS), p=SHARES))]
    for _ in range(MAX_DRAWS):
        theory = _Draft(rng, config).theory(answer)
        if theory is not None and _confirmed(theory):
            return theory
    raise ContractError(f"no theory in {MAX_DRAWS} draws for {config} and entropy {entropy}")


def _confirmed(theory: Theory) -> bool:
    checker = shared_checker()
    if checker.status_of(given(theory.facts), theory.hypothesis) != theory.answer:
        return False
    known = list(theory.facts)
    for statement in theory.proof:
        appraisal = appraise(statement, known, checker)
        if not appraisal.stands or appraisal.empty or len(appraisal.finding.needed if appraisal.finding else ()) != len(statement.cited):
            return False
        known.append(statement)
    return True


class _Draft:
    """One draw: a proof tree and what hangs around it."""

    def __init__(self, rng: np.random.Generator, config: TheoryConfig) -> None:
        self.rng = rng
        self.config = config
        self.names: Iterator[str] = iter([_letters(int(i)) for i in (*rng.permutation(26), *(26 + rng.permutation(26 * 26)))])
        self.individuals = [Constant(_letters(int(i)).lower()) for i in rng.permutation(26)[:2]]
        self.given: list[Formula] = []
        self.inferences: list[tuple[tuple[Formula, ...], Formula]] = []
        self.depth = 0

    def theory(self, answer: Answer) -> Theory | None:
        depth = int(self.rng.integers(self.config.min_depth, self.config.max_depth + 1))
        goal = self._literal()
        self._prove(goal, depth)
        hypothesis = negation(goal) if answer == "DISPROVED" else goal
        if answer == "UNKNOWN":
            hypothesis = negation(goal) if self._chance(0.5) else goal
            leaves = [formula for formula in self.given if isinstance(formula, Atom | Not)]
            if not leaves:
                return None
            self.given.remove(leaves[int(self.rng.integers(len(leaves)))])
        self._distract(goal)
        facts = list(dict.fromkeys(self.given))
        facts = [facts[int(i)] for i in self.rng.permutation(len(facts))]
        labels = {formula: f"fact{number}" for number, formula in enumerate(facts, start=1)}
        statements = tuple(Statement(labels[formula], write(formula)) for formula in facts)
        if answer == "UNKNOWN":
            return Theory(statements, write(hypothesis), answer, (), depth)
        proof: list[Statement] = []
        for premises, conclusion in self.inferences:
            if conclusion in labels or any(premise not in labels for premise in premises):
                return None
            labels[conclusion] = f"int{len(proof) + 1}"
            cited = tuple(sorted((labels[premise] for premise in premises), key=_label_order))
            proof.append(Statement(labels[conclusion], write(conclusion), cited))
        return Theory(statements, write(hypothesis), answer, tuple(proof), depth)

    def _chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def _predicate(self) -> str:
        return next(self.names)

    def _literal(self) -> Formula:
        """A fresh literal: a proposition, or a predicate of one of the individuals."""
        argument = self.individuals[int(self.rng.integers(2))] if self.config.quantifiers else None
        atom = Atom(self._predicate(), argument)
        return Not(atom) if self._chance(0.3) else atom

    def _about(self, literal: Formula) -> Formula:
        """A fresh literal about the same individual as a given one."""
        atom = literal.body if isinstance(literal, Not) else literal
        fresh = Atom(self._predicate(), atom.argument if isinstance(atom, Atom) else None)
        return Not(fresh) if self._chance(0.3) else fresh

    def _infer(self, premises: tuple[Formula, ...], conclusion: Formula) -> None:
        self.inferences.append((premises, conclusion))

    def _prove(self, goal: Formula, depth: int) -> None:
        """Give facts and inferences from which `goal` follows in `depth` steps."""
        if depth == 0:
            self.given.append(goal)
            return
        first, second = self._about(goal), self._about(goal)
        shape = int(self.rng.integers(6))
        if shape <= 1:
            rule, conditions = self._rule(first, goal), (first,)
        elif shape == 2:
            rule, conditions = self._rule(And(first, second), goal), (first, second)
        elif shape == 3:
            rule, conditions = self._rule(Or(first, second), goal), (first,)
        elif shape == 4:
            either = (first, goal) if self._chance(0.5) else (goal, first)
            rule, conditions = Or(*either), (negation(first),)
        else:
            rule, conditions = self._rule(negation(goal), first), (negation(first),)
        self.given.append(rule)
        for number, condition in enumerate(conditions):
            self._prove(condition, depth - 1 if number == 0 else int(self.rng.integers(depth)))
        self._infer((rule, *conditions), goal)

    def _rule(self, condition: Formula, conclusion: Formula) -> Formula:
        """An implication, quantified where there are individuals (most of the time)."""
        rule = Implies(condition, conclusion)
        if not self.config.quantifiers or self._chance(0.25):
            return rule
        return ForAll("x", _generalised(rule))

    def _distract(self, goal: Formula) -> None:
        literals = [formula for _, formula in self.inferences]
        literals += [formula for formula in self.given if isinstance(formula, Atom | Not)]
        for number in range(self.config.distractors):
            known = literals[int(self.rng.integers(len(literals)))] if literals else goal
            shape = number % 5
            if shape == 0:  # a rule that applies and leads nowhere
                fresh = self._about(known)
                self.given.append(self._rule(known, fresh))
                literals.append(fresh)
            elif shape == 1:  # a rule to the goal or its opposite, whose condition cannot be had
                self.given.append(self._rule(self._about(goal), goal if self._chance(0.5) else negation(goal)))
            elif shape == 2:  # a loose fact
                fresh = self._about(goal)
                self.given.append(fresh)
                literals.append(fresh)
            elif shape == 3:  # a rule whose second condition cannot be had
                self.given.append(self._rule(And(known, self._about(known)), self._about(known)))
            else:  # a converse, which invites affirming the consequent
                self.given.append(self._rule(self._about(known), known))


def _generalised(rule: Implies) -> Formula:
    """The rule with its individual replaced by the variable x."""

    def general(formula: Formula) -> Formula:
        match formula:
            case Atom(predicate, Constant()):
                return Atom(predicate, Variable("x"))
            case Not(body):
                return Not(general(body))
            case And(left, right) | Or(left, right) | Implies(left, right):
                return type(formula)(general(left), general(right))
            case _:
                return formula

    return general(rule)


def instance(rule: ForAll, individual: Constant) -> Formula:
    """The rule's body about one individual."""
    return instantiate(rule.body, rule.variable, individual)


def _letters(number: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    return chr(65 + number) if number < 26 else _letters(number // 26 - 1) + chr(65 + number % 26)


def _label_order(label: str) -> tuple[str, int]:
    name = label.rstrip("0123456789")
    return name, int(label[len(name) :])
