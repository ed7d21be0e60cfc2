"""Generated theories whose hypothesis is decided by assumptions alone: conditional proofs, case splits and refutations.

Three arguments of one shape are grown from their goals down: one towards the hypothesis, one towards its opposite, one towards something else. Each holds one
to two nested blocks, and plain inferences around and within them:

    conditional   assume P, derive Q, discharge: P -> Q; with the fact (P -> Q) -> G follows G
    cases         the fact A v B; assume A, derive G; assume B, derive G; discharge both: G
    refutation    assume ¬G, derive X and ¬X from it, discharge: G

or the hypothesis is itself an implication. Under the first assumption the second is used together with it. Exactly one argument is left whole; in each of the
others one literal is exchanged for a loose one. Distractors are hung around them. The solver has the last word: a theory whose status is not what was
planned, or whose proof has a step that is not sound and informative, is drawn again.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import msgspec
import numpy as np

from prm_gym.claims import Answer, Statement
from prm_gym.envs.logic.theory import Theory, first_confirmed, in_order
from prm_gym.envs.logic.vocabulary import Vocabulary, generalised
from prm_gym.logic.formula import And, Formula, Implies, Not, Or, negation
from prm_gym.logic.notations.fld import write


class ArgumentConfig(msgspec.Struct, frozen=True):
    """What difficulty sets.

    Attributes:
        blocks: how many blocks with assumptions are nested, 1 or 2.
        reach: greatest number of plain inferences from an assumption to what it is for, >= 2.
        above: greatest number of plain inferences after the outermost block.
        distractors: how many facts and rules hang around the three arguments.
        quantifiers: whether predicates take an individual and rules are quantified.
        longest: greatest number of lines of a proof, assumptions included.
    """

    blocks: int
    reach: int
    above: int
    distractors: int
    quantifiers: bool
    longest: int


LEVELS: dict[int, ArgumentConfig] = {
    1: ArgumentConfig(blocks=1, reach=2, above=0, distractors=1, quantifiers=False, longest=8),
    2: ArgumentConfig(blocks=1, reach=2, above=1, distractors=2, quantifiers=False, longest=10),
    3: ArgumentConfig(blocks=1, reach=3, above=1, distractors=3, quantifiers=True, longest=14),
    4: ArgumentConfig(blocks=2, reach=2, above=1, distractors=3, quantifiers=True, longest=18),
    5: ArgumentConfig(blocks=2, reach=3, above=2, distractors=4, quantifiers=True, longest=24),
}


@lru_cache(maxsize=1024)
def generate(entropy: int, config: ArgumentConfig) -> Theory:
    """The theory of a number: the same number and configuration, the same theory, in any process.

    Raises:
        ContractError: MAX_DRAWS draws gave no theory that the solver confirms (not seen for the levels above).
    """
    return first_confirmed(entropy, lambda rng, answer: _draft(rng, config, answer))


class _Given(msgspec.Struct):
    """A fact: about one individual, as it is quantified later, with the literal in it that may be exchanged to spoil the argument."""

    formula: Formula
    quantified: bool = False
    weak: Formula | None = None


class _Line(msgspec.Struct):
    """A line of a proof; it cites lines by their number and facts by -1, -2, ..."""

    formula: Formula
    cited: tuple[int, ...] = ()
    discharged: tuple[int, ...] = ()


class _Source(msgspec.Struct):
    """An assumption that is to be used."""

    literal: Formula
    line: int


class _Argument:
    """One argument, grown from its goal; arguments of one plan have one shape."""

    def __init__(self, words: Vocabulary, config: ArgumentConfig, plan: int) -> None:
        self.words = words
        self.config = config
        self.plan = np.random.default_rng(plan)
        self.givens: list[_Given] = []
        self.lines: list[_Line] = []
        self.parts = [0]  # where the givens of each part begin

    def conclude(self, goal: Formula, blocks: tuple[int, ...]) -> None:
        """Grow the whole argument.

        Args:
            goal: a literal, an implication of literals, or a conjunction of literals (the opposite of an implication).
            blocks: for each nested block, how many plain inferences stand between it and what it serves.
        """
        match goal:
            case Implies(condition, conclusion):
                self._conditional(condition, conclusion, (), blocks[1:])
            case And(left, right):
                self._prove(left, 1)
                self.parts.append(len(self.givens))
                self._prove(right, 0, (), (0,))
            case _:
                self._prove(goal, 0, (), blocks)

    def _given(self, formula: Formula, weak: Formula | None = None, quantified: bool = False) -> int:
        self.givens.append(_Given(formula, quantified, weak))
        return -len(self.givens)

    def _line(self, formula: Formula, *cited: int, discharged: tuple[int, ...] = ()) -> int:
        self.lines.append(_Line(formula, cited, discharged))
        return len(self.lines) - 1

    def _assume(self, literal: Formula) -> _Source:
        return _Source(literal, self._line(literal))

    def _reach(self) -> int:
        return int(self.plan.integers(2, self.config.reach + 1))

    def _prove(self, goal: Formula, depth: int, sources: tuple[_Source, ...] = (), blocks: tuple[int, ...] = ()) -> int:
        """The line that says a literal.

        Args:
            goal: the literal.
            depth: how many plain inferences lead to it where there is no block, >= 1 where there are sources.
            sources: assumptions that it must rest on, at most two.
            blocks: see `conclude`.
        """
        if blocks and blocks[0] == 0:
            return self._block(goal, sources, blocks[1:])
        if depth == 0 and not blocks:
            return self._given(goal, weak=goal)
        return self._infer(goal, depth, sources, blocks)

    def _infer(self, goal: Formula, depth: int, sources: tuple[_Source, ...], blocks: tuple[int, ...]) -> int:
        """The goal by a rule, from a condition that is proved in turn, or from the sources."""
        last = depth == 1 and not blocks
        if last and len(sources) == 2:
            both = And(sources[0].literal, sources[1].literal)
            return self._line(goal, self._rule(Implies(both, goal), None), sources[0].line, sources[1].line)
        shape, swapped = int(self.plan.integers(6)), self.plan.random() < 0.5
        second = self.words.about(goal)
        needed = sources[0].literal if last and sources else self.words.about(goal)
        if shape <= 1:
            rule: Formula = Implies(needed, goal)
        elif shape == 2:
            rule = Implies(And(needed, second), goal)
        elif shape == 3:
            rule = Implies(Or(needed, second), goal)
        elif shape == 4:
            rule = Or(negation(needed), goal) if swapped else Or(goal, negation(needed))
        else:
            rule = Implies(negation(goal), negation(needed))
        weak = None if last and sources else negation(needed) if shape >= 4 else needed
        place = self._rule(rule, weak)
        below = sources[0].line if last and sources else self._prove(needed, depth - (not blocks), sources, (blocks[0] - 1, *blocks[1:]) if blocks else ())
        return self._line(goal, place, below, *([self._given(second, weak=second)] if shape == 2 else []))

    def _rule(self, rule: Formula, weak: Formula | None) -> int:
        return self._given(rule, weak, self.words.quantifiers and self.plan.random() < 0.75 and isinstance(rule, Implies))

    def _block(self, goal: Formula, sources: tuple[_Source, ...], blocks: tuple[int, ...]) -> int:
        kind = int(self.plan.integers(3))
        if kind == 0:
            condition, conclusion = self.words.about(goal), self.words.about(goal)
            rule = self._rule(Implies(Implies(condition, conclusion), goal), None)
            return self._line(goal, rule, self._conditional(condition, conclusion, sources, blocks))
        return self._cases(goal, sources, blocks) if kind == 1 else self._refutation(goal, sources, blocks)

    def _conditional(self, condition: Formula, conclusion: Formula, sources: tuple[_Source, ...], blocks: tuple[int, ...]) -> int:
        source = self._assume(condition)
        below = self._prove(conclusion, self._reach(), (*sources, source), blocks)
        return self._line(Implies(condition, conclusion), below, discharged=(source.line,))

    def _cases(self, goal: Formula, sources: tuple[_Source, ...], blocks: tuple[int, ...]) -> int:
        left, right = self.words.about(goal), self.words.about(goal)
        disjunction = self._given(Or(left, right), weak=left)
        one = self._assume(left)
        first = self._prove(goal, self._reach() - 1, (*sources, one), blocks)
        other = self._assume(right)
        second = self._prove(goal, self._reach() - 1, (other,))
        return self._line(goal, disjunction, first, second, discharged=(one.line, other.line))

    def _refutation(self, goal: Formula, sources: tuple[_Source, ...], blocks: tuple[int, ...]) -> int:
        source, absurd = self._assume(negation(goal)), self.words.about(goal)
        first = self._prove(absurd, self._reach(), (*sources, source), blocks)
        second = self._prove(negation(absurd), self._reach() - 1, (source,))
        return self._line(goal, first, second, discharged=(source.line,))

    def facts(self) -> list[Formula]:
        """What is given."""
        return [_quantified(fact) for fact in self.givens]

    def spoilt(self) -> list[Formula]:
        """What is given, with one literal of each part exchanged for a fresh one: neither part of the goal follows any more."""
        for begin, end in pairwise([*self.parts, len(self.givens)]):
            weak = [(place, fact.weak) for place, fact in enumerate(self.givens[begin:end], begin) if fact.weak is not None]
            place, literal = weak[int(self.words.rng.integers(len(weak)))]
            fact = self.givens[place]
            self.givens[place] = _Given(_exchanged(fact.formula, literal, self.words.about(literal, keep_sign=True)), fact.quantified)
        return self.facts()

    def nodes(self) -> list[Formula]:
        """The literals that it speaks of, where distractors may hang."""
        return [line.formula for line in self.lines if not isinstance(line.formula, Implies)]


def _quantified(fact: _Given) -> Formula:
    return generalised(fact.formula) if fact.quantified and isinstance(fact.formula, Implies) else fact.formula


def _exchanged(formula: Formula, old: Formula, new: Formula) -> Formula:
    if formula == old:
        return new
    match formula:
        case Not(body):
            return Not(_exchanged(body, old, new))
        case And(left, right) | Or(left, right) | Implies(left, right):
            return type(formula)(_exchanged(left, old, new), _exchanged(right, old, new))
        case _:
            return formula


def _draft(rng: np.random.Generator, config: ArgumentConfig, answer: Answer) -> Theory | None:
    """One draw: three arguments and what hangs around them; None where it does not fit."""
    words = Vocabulary(rng, config.quantifiers)
    goal, other = words.literal(), words.literal()
    hypothetical = words.chance(0.3)
    above = tuple(int(rng.integers(config.above + 1)) for _ in range(1, config.blocks + 1))
    blocks = tuple(min(number, 1) if place else number for place, number in enumerate(above))
    plan = int(rng.integers(2**31))
    roots: list[Formula] = [goal, negation(goal), words.about(goal)]
    if hypothetical:
        condition = words.about(goal)
        roots = [Implies(condition, goal), And(condition, negation(goal)), Implies(words.about(goal), words.about(other))]
    arguments = [_Argument(words, config, plan) for _ in roots]
    for argument, root in zip(arguments, roots, strict=True):
        argument.conclude(root, blocks)
    if max(len(argument.lines) for argument in arguments) > config.longest:
        return None
    swapped = words.chance(0.5)
    whole = 2 if answer == "UNKNOWN" else int((answer == "DISPROVED") is not swapped)
    facts = [fact for place, argument in enumerate(arguments) for fact in (argument.facts() if place == whole else argument.spoilt())]
    for number in range(config.distractors):
        nodes = arguments[int(rng.integers(3))].nodes()
        facts.append(words.distractor(nodes[int(rng.integers(len(nodes)))], (number + int(rng.integers(2))) % 4))
    facts = list(dict.fromkeys(facts))
    facts = [facts[int(place)] for place in rng.permutation(len(facts))]
    labels = {formula: f"fact{number}" for number, formula in enumerate(facts, start=1)}
    statements = tuple(Statement(labels[formula], write(formula)) for formula in facts)
    proof = () if answer == "UNKNOWN" else _proof(arguments[whole], labels)
    return Theory(statements, write(roots[1] if swapped else roots[0]), answer, proof, _depth(arguments[0].lines))


def _proof(argument: _Argument, labels: dict[Formula, str]) -> tuple[Statement, ...]:
    facts = argument.facts()

    def named(lines: tuple[int, ...]) -> tuple[str, ...]:
        return in_order(tuple(f"int{line + 1}" if line >= 0 else labels[facts[-line - 1]] for line in lines))

    return tuple(
        Statement(f"int{number}", write(line.formula), named(line.cited), assumed=not line.cited, discharged=named(line.discharged))
        for number, line in enumerate(argument.lines, start=1)
    )


def _depth(lines: Sequence[_Line]) -> int:
    """Length of the longest chain of inferences."""
    heights: list[int] = []
    for line in lines:
        heights.append(1 + max((heights[cited] for cited in line.cited if cited >= 0), default=0) if line.cited else 0)
    return max(heights)
