"""Generated theories: facts and rules, a hypothesis, its status, and a proof where there is one.

Three proof trees of one shape are grown from their goals down: one towards a literal, one towards its opposite, one towards another literal. Every node
is an inference (modus ponens with one or two conditions, either of two conditions, disjunctive syllogism, modus tollens, instantiation of a quantified
rule), every leaf a fact. Exactly one tree is left whole; in each of the others one leaf is exchanged for a loose fact. Which tree is whole decides the
status, and nothing that can be counted tells which it is. Distractors are hung around them. Z3 has the last word: a theory whose status is not what was
planned, or whose proof has a step that is not sound and informative, is drawn again.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec
import numpy as np

from prm_gym.claims import Answer, Statement
from prm_gym.envs.logic.vocabulary import Vocabulary, generalised
from prm_gym.errors import ContractError
from prm_gym.logic.entailment import shared_checker
from prm_gym.logic.formula import And, Constant, ForAll, Formula, Implies, Or, instantiate, negation
from prm_gym.logic.notations.fld import write
from prm_gym.logic.proof import appraise, derivation, given, opposite

MAX_DRAWS = 200

# UNKNOWN is the answer that needs no work, so it is the rarest: who always gives it solves a fifth of the tasks.
ANSWERS: tuple[Answer, ...] = ("PROVED", "DISPROVED", "UNKNOWN")
SHARES = (0.4, 0.4, 0.2)


class TheoryConfig(msgspec.Struct, frozen=True):
    """What difficulty sets.

    Attributes:
        min_depth: least length of the longest chain of inferences in the proof.
        max_depth: greatest.
        distractors: how many facts and rules hang around the three trees.
        quantifiers: whether predicates take an individual and rules are quantified.
    """

    min_depth: int
    max_depth: int
    distractors: int
    quantifiers: bool


LEVELS: dict[int, TheoryConfig] = {
    1: TheoryConfig(1, 1, 1, False),
    2: TheoryConfig(1, 2, 2, False),
    3: TheoryConfig(2, 3, 3, True),
    4: TheoryConfig(3, 4, 4, True),
    5: TheoryConfig(4, 6, 6, True),
}


class Theory(msgspec.Struct, frozen=True):
    """A generated problem.

    Attributes:
        facts: what is given, as statements `fact1`, `fact2`, ...
        hypothesis: the formula to decide.
        answer: its status, checked by Z3.
        proof: the statements `int1`, `int2`, ... of one proof; the last says the hypothesis or its negation. Empty for UNKNOWN.
        depth: length of the longest chain of inferences in each tree.
    """

    facts: tuple[Statement, ...]
    hypothesis: str
    answer: Answer
    proof: tuple[Statement, ...]
    depth: int


@lru_cache(maxsize=1024)
def generate(entropy: int, config: TheoryConfig) -> Theory:
    """The theory of a number: the same number and configuration, the same theory, in any process.

    Raises:
        ContractError: MAX_DRAWS draws gave no theory that Z3 confirms (not seen for the levels above).
    """
    return first_confirmed(entropy, lambda rng, answer: _Draft(rng, config).theory(answer))


def first_confirmed(entropy: int, draft: Callable[[np.random.Generator, Answer], Theory | None]) -> Theory:
    """The first draft that the solver confirms: its status is what was planned, and every step of its proof is sound, informative and needs all that it cites.

    Args:
        entropy: of the random generator.
        draft: draws a theory of the status; None where the draw came to nothing.

    Raises:
        ContractError: MAX_DRAWS drafts, and none confirmed.
    """
    rng = np.random.default_rng(entropy)
    answer = ANSWERS[int(rng.choice(len(ANSWERS), p=SHARES))]
    for _ in range(MAX_DRAWS):
        theory = draft(rng, answer)
        if theory is not None and _confirmed(theory):
            return theory
    raise ContractError(f"no theory in {MAX_DRAWS} draws for entropy {entropy}")


def _confirmed(theory: Theory) -> bool:
    checker = shared_checker()
    if checker.status_of(given(theory.facts), theory.hypothesis) != theory.answer:
        return False
    known = list(theory.facts)
    for statement in theory.proof:
        appraisal = appraise(statement, known, checker)
        if not appraisal.stands or appraisal.empty:
            return False
        if not statement.assumed and len(appraisal.finding.needed if appraisal.finding else ()) != len(statement.cited):
            return False
        known.append(statement)
    if theory.answer == "UNKNOWN":
        return True
    return derivation(theory.hypothesis if theory.answer == "PROVED" else opposite(theory.hypothesis), known, checker) is True


class _Tree(msgspec.Struct):
    """What a proof tree asks for: its leaves, its rules, and its inferences from the leaves up."""

    goal: Formula
    leaves: list[Formula] = []
    rules: list[Formula] = []
    inferences: list[tuple[tuple[Formula, ...], Formula]] = []


class _Draft:
    """One draw: three proof trees and what hangs around them."""

    def __init__(self, rng: np.random.Generator, config: TheoryConfig) -> None:
        self.rng = rng
        self.config = config
        self.words = Vocabulary(rng, config.quantifiers)

    def theory(self, answer: Answer) -> Theory | None:
        depth = int(self.rng.integers(self.config.min_depth, self.config.max_depth + 1))
        goal = self.words.literal()
        plan = int(self.rng.integers(2**31))
        trees = [self._tree(root, depth, plan) for root in (goal, negation(goal), self.words.about(goal))]
        if len(trees[0].inferences) > 2 * self.config.max_depth + 3:  # with its verdict it must fit into the episode
            return None
        hypothesis = goal if self.words.chance(0.5) else negation(goal)
        whole = {"PROVED": hypothesis, "DISPROVED": negation(hypothesis), "UNKNOWN": trees[2].goal}[answer]
        given: list[Formula] = []
        for tree in trees:
            leaves = list(tree.leaves)
            if tree.goal != whole:
                place = int(self.rng.integers(len(leaves)))
                leaves[place] = self.words.about(leaves[place], keep_sign=True)
            given += leaves + tree.rules
        given += self._distractors(trees)
        facts = list(dict.fromkeys(given))
        facts = [facts[int(i)] for i in self.rng.permutation(len(facts))]
        labels = {formula: f"fact{number}" for number, formula in enumerate(facts, start=1)}
        statements = tuple(Statement(labels[formula], write(formula)) for formula in facts)
        proof: list[Statement] = []
        for premises, conclusion in next(tree.inferences for tree in trees if tree.goal == whole) if answer != "UNKNOWN" else ():
            if conclusion in labels or any(premise not in labels for premise in premises):
                return None
            labels[conclusion] = f"int{len(proof) + 1}"
            proof.append(Statement(labels[conclusion], write(conclusion), in_order(tuple(labels[premise] for premise in premises))))
        return Theory(statements, write(hypothesis), answer, tuple(proof), depth)

    def _tree(self, goal: Formula, depth: int, plan: int) -> _Tree:
        """A tree for the goal; trees of one plan have one shape."""
        tree = _Tree(goal)
        self._prove(goal, depth, tree, np.random.default_rng(plan))
        return tree

    def _prove(self, goal: Formula, depth: int, tree: _Tree, plan: np.random.Generator) -> None:
        """Add leaves, rules and inferences from which `goal` follows in `depth` steps."""
        if depth == 0:
            tree.leaves.append(goal)
            return
        first, second = self.words.about(goal), self.words.about(goal)
        shape, quantified, swapped = int(plan.integers(6)), self.config.quantifiers and plan.random() < 0.75, plan.random() < 0.5
        conditions: tuple[Formula, ...] = (first,)
        if shape <= 1:
            rule: Formula = Implies(first, goal)
        elif shape == 2:
            rule, conditions = Implies(And(first, second), goal), (first, second)
        elif shape == 3:
            rule = Implies(Or(first, second), goal)
        elif shape == 4:
            rule, conditions = Or(first, goal) if swapped else Or(goal, first), (negation(first),)
        else:
            rule, conditions = Implies(negation(goal), first), (negation(first),)
        if quantified and isinstance(rule, Implies):
            rule = generalised(rule)
        tree.rules.append(rule)
        for number, condition in enumerate(conditions):
            self._prove(condition, depth - 1 if number == 0 else int(plan.integers(depth)), tree, plan)
        tree.inferences.append(((rule, *conditions), goal))

    def _distractors(self, trees: Sequence[_Tree]) -> list[Formula]:
        """Facts and rules around any of the three trees alike."""
        added: list[Formula] = []
        for number in range(self.config.distractors):
            tree = trees[int(self.rng.integers(len(trees)))]
            nodes = [conclusion for _, conclusion in tree.inferences] + tree.leaves
            node = nodes[int(self.rng.integers(len(nodes)))]
            added.append(self.words.distractor(node, (number + int(self.rng.integers(2))) % 4))
        return added


def instance(rule: ForAll, individual: Constant) -> Formula:
    """The rule's body about one individual."""
    return instantiate(rule.body, rule.variable, individual)


@lru_cache(maxsize=20_000)
def in_order(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Labels without repetitions, facts before steps, each by number."""
    return tuple(sorted(set(labels), key=_label_order))


@lru_cache(maxsize=10_000)
def _label_order(label: str) -> tuple[str, int]:
    name = label.rstrip("0123456789")
    return name, int(label[len(name) :])
