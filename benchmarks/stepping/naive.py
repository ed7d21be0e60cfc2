"""The naive way to verify a step of a deduction with Z3: a fresh solver for every step, nothing remembered, the same labels.

It is what one writes first: translate the cited premises and the conclusion, ask whether the premises hold together, whether the conclusion can fail, and
if not, which premises were needed, whether the step only restates them or says what one earlier statement says, and whether the cited steps stand
themselves. The benchmark checks that its labels are those of the `z3` verifier.
"""

from typing import Any

import z3

from prm_gym.claims import Claim, Entailment
from prm_gym.logic.entailment import adds_vocabulary
from prm_gym.logic.formula import And, Atom, Constant, Exists, ForAll, Formula, Implies, Not, Or, Variable, atoms, conjuncts
from prm_gym.logic.notations.fld import parse
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext

_INDIVIDUALS = z3.DeclareSort("Individual")


def translated(formula: Formula, bound: dict[str, Any]) -> Any:
    """A formula as a Z3 term of the main context."""
    match formula:
        case Atom(predicate, ()):
            return z3.Bool(f"p_{predicate}")
        case Atom(predicate, (Constant() | Variable() as argument,)):
            term = z3.Const(f"c_{argument.name}", _INDIVIDUALS) if isinstance(argument, Constant) else bound[argument.name]
            return z3.Function(f"u_{predicate}", _INDIVIDUALS, z3.BoolSort())(term)
        case Not(body):
            return z3.Not(translated(body, bound))
        case And(left, right):
            return z3.And(translated(left, bound), translated(right, bound))
        case Or(left, right):
            return z3.Or(translated(left, bound), translated(right, bound))
        case Implies(left, right):
            return z3.Implies(translated(left, bound), translated(right, bound))
        case ForAll(name, body) | Exists(name, body):
            variable = z3.Const(f"v_{name}", _INDIVIDUALS)
            inner = translated(body, {**bound, name: variable})
            return z3.ForAll([variable], inner) if isinstance(formula, ForAll) else z3.Exists([variable], inner)
        case _:
            raise TypeError(f"{formula!r} is not in the notation of FLD")


class NaiveZ3(ClaimVerifier):
    """Judges each step with a solver of its own."""

    id = "naive"
    version = "1"
    claims = (Entailment,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one `Entailment`."""
        if not isinstance(claim, Entailment):
            return abstained("no entailment")
        return _Judge(claim).verdict()


class _Judge:
    """One claim and the solver that judges it."""

    def __init__(self, claim: Entailment) -> None:
        self.claim = claim
        self.solver = z3.Solver()
        self.earlier = {statement.label: statement for statement in reversed(claim.known)}

    def verdict(self) -> Verdict:
        """The label that the `z3` verifier gives."""
        statement = self.claim.statement
        if statement.label in self.earlier or any(label not in self.earlier for label in statement.cited):
            return judged("incorrect", 0.0, "a citation or the label is wrong")
        premises = [self.term(label) for label in statement.cited]
        conclusion = parse(statement.formula)
        goal = translated(conclusion, {})
        if not self.possible(*premises):
            return judged("vacuous", 0.0, "the premises contradict one another")
        self.solver.push()
        self.solver.add(*premises, z3.Not(goal))
        if self.solver.check() == z3.sat:
            return judged("incorrect", 0.0, str(self.solver.model()))
        self.solver.pop()
        if not all(self.stands(label) for label in statement.cited):
            return judged("incorrect", 0.0, "rests on a step that does not stand")
        needed = dict(zip(statement.cited, premises, strict=True))
        for label in reversed(statement.cited):
            fewer = {other: premise for other, premise in needed.items() if other != label}
            if not self.possible(*fewer.values(), z3.Not(goal)):
                needed = fewer
        if not needed:
            return judged("trivial", 0.0, "a tautology")
        parts = [translated(part, {}) for part in conjuncts(conclusion)]
        stronger = all(not self.possible(goal, z3.Not(premise)) for premise in needed.values())
        if stronger and all(any(not self.possible(premise, z3.Not(part)) for premise in needed.values()) for part in parts):
            return judged("trivial", 0.0, "restates what it rests on")
        if adds_vocabulary(tuple(self.earlier[label].formula for label in needed), statement.formula):
            return judged("trivial", 0.0, "weakens what it rests on")
        if all(self.said(part) for part in conjuncts(conclusion)):
            return judged("trivial", 0.0, "an earlier statement says it")
        return judged("correct", 1.0, "follows")

    def term(self, label: str) -> Any:
        """An earlier statement as a Z3 term."""
        return translated(parse(self.earlier[label].formula), {})

    def possible(self, *terms: Any) -> bool:
        """Whether the terms can hold together."""
        self.solver.push()
        self.solver.add(*terms)
        answer = self.solver.check()
        self.solver.pop()
        return answer != z3.unsat

    def stands(self, label: str) -> bool:
        """Whether an earlier statement was given or follows from statements that stand."""
        statement = self.earlier[label]
        if not statement.cited:
            return True
        premises = [self.term(cited) for cited in statement.cited]
        follows = self.possible(*premises) and not self.possible(*premises, z3.Not(self.term(label)))
        return follows and all(self.stands(cited) for cited in statement.cited)

    def said(self, part: Formula) -> bool:
        """Whether an earlier statement that stands says the part by itself; only those that share a predicate are asked about."""
        predicates = {atom.predicate for atom in atoms(part)}
        failing = z3.Not(translated(part, {}))
        sharing = [label for label, statement in self.earlier.items() if predicates & {atom.predicate for atom in atoms(parse(statement.formula))}]
        return any(not self.possible(self.term(label), failing) and self.stands(label) for label in sharing)
