"""`z3`: does the step follow from what it cites? Decided by Z3, with counterexamples.

Rejects, beside what does not follow: citations of nothing, of later steps or of itself; redefinitions; contradictory premises (`vacuous`);
steps that rest on an unsound one; and steps that say nothing (`trivial`: tautologies, restatements, repetitions, weakenings by new predicates).
The attacks that it withstands are in tests/verifiers/test_z3.py.
"""

from collections.abc import Callable
from typing import ClassVar

import msgspec

from prm_gym.claims import Claim, Consistent, Decision, Entailment, Equivalent
from prm_gym.errors import FormulaError, OptionError
from prm_gym.logic.entailment import EntailmentChecker, Finding, shared_checker
from prm_gym.logic.proof import appraise, derivation, given, opposite
from prm_gym.logic.solver import SolverClass
from prm_gym.logic.z3_solver import Z3Solver
from prm_gym.verdict import Label, Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext

# A verdict is stored with every step: a reason is cut after so many characters, and a counterexample that would take more is left out of the evidence.
LONGEST_REASON = 500
LONGEST_EVIDENCE = 4_000
_LABELS: dict[str | None, Label] = {"premises": "vacuous", "formula": "malformed"}


class Z3Verifier(ClaimVerifier):
    """Judges `Entailment`, `Decision`, `Consistent` and `Equivalent` claims; Z3's `unknown` abstains.

    Proof is `unsat`, or an exhaustive table where a question is small (`prm_gym.logic.small_models`), and nothing else.

    Labels: `correct`; `incorrect` (with the counterexample as evidence where the inference was refuted); `vacuous` (contradictory premises);
    `trivial`; `malformed` (no formula). Evidence: `needed` (labels of the premises that the step needed), `counterexample` (domain, constants,
    what is true; or `omitted`, the number of its elements and facts, where it is too large).
    """

    id = "z3"
    version = "4"
    claims = (Entailment, Decision, Consistent, Equivalent)

    solver: ClassVar[SolverClass] = Z3Solver

    def __init__(self, mode: str = "propagate", checker: EntailmentChecker | None = None) -> None:
        """Choose how earlier mistakes count.

        Args:
            mode: "propagate" (a step that rests on an unsound one is incorrect) or "local" (each inference for itself, as FoVer labels them).
            checker: examines the inferences; by default the one that everything in this thread shares.
        """
        if mode not in ("propagate", "local"):
            raise OptionError(f"the mode of {self.id} is 'propagate' or 'local', got {mode!r}")
        self.mode = mode
        self._own = checker

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge a claim about formulas."""
        verdict = self._judge(claim)
        if len(verdict.reason) <= LONGEST_REASON:
            return verdict
        return msgspec.structs.replace(verdict, reason=f"{verdict.reason[:LONGEST_REASON]}...")

    def _judge(self, claim: Claim) -> Verdict:
        checker = self._own or shared_checker(type(self).solver)
        if isinstance(claim, Entailment):
            return self._check_entailment(claim, checker)
        if isinstance(claim, Decision):
            return _check_decision(claim, checker)
        if isinstance(claim, Consistent):
            return _check_truth(
                lambda: checker.consistent(claim.formulas, claim.language), "the formulas can hold together", "the formulas contradict one another"
            )
        if isinstance(claim, Equivalent):
            return _check_truth(
                lambda: checker.equivalent(claim.left, claim.right, claim.language), "the formulas say the same", "the formulas do not say the same"
            )
        return abstained("no claim about formulas")

    def _check_entailment(self, claim: Entailment, checker: EntailmentChecker) -> Verdict:
        appraisal = appraise(claim.statement, claim.known, checker, propagate=self.mode == "propagate", language=claim.language)
        evidence = _evidence(claim, appraisal.finding)
        if appraisal.stands is None:
            return abstained(appraisal.reason, **evidence)
        if appraisal.stands and claim.statement.assumed:
            return judged("neutral", 0.5, "an assumption: neither right nor wrong")
        if appraisal.stands:
            return judged("trivial", 0.0, appraisal.reason, **evidence) if appraisal.empty else judged("correct", 1.0, appraisal.reason, **evidence)
        return judged(_LABELS.get(appraisal.fault, "incorrect"), 0.0, appraisal.reason, **evidence)


def _evidence(claim: Entailment, finding: Finding | None) -> dict[str, object]:
    if finding is None:
        return {}
    if finding.status == "entailed":
        return {"needed": [claim.statement.cited[i] for i in finding.needed]}
    structure = finding.counterexample
    if structure is None:
        return {}
    shown: dict[str, object] = {
        "domain": list(structure.domain),
        "constants": {name: str(value) for name, value in structure.constants},
        "true": sorted([predicate, *map(str, values)] for predicate, *values in structure.true),
    }
    if structure.functions:
        shown["functions"] = sorted([function, *map(str, values), str(result)] for (function, *values), result in structure.functions)
    if structure.sorts:
        shown["sorts"] = {sort: list(elements) for sort, elements in structure.sorts}
    if len(repr(shown)) > LONGEST_EVIDENCE:
        return {"counterexample": {"omitted": len(structure.domain) + len(structure.constants) + len(structure.true) + len(structure.functions)}}
    return {"counterexample": shown}


def _check_truth(ask: Callable[[], bool | None], right: str, wrong: str) -> Verdict:
    try:
        answer = ask()
    except FormulaError as error:
        return judged("malformed", 0.0, str(error))
    if answer is None:
        return abstained(f"the solver cannot tell whether {right}")
    return judged("correct", 1.0, right) if answer else judged("incorrect", 0.0, wrong)


def _check_decision(claim: Decision, checker: EntailmentChecker) -> Verdict:
    try:
        status = checker.status_of(given(claim.known), claim.hypothesis, claim.language)
        if status == "undecided":
            return abstained("the solver cannot tell whether the hypothesis follows from what was given")
        if status == "inconsistent":
            return judged("vacuous", 0.0, "what was given contradicts itself: anything follows")
        if status != claim.answer:
            return judged("incorrect", 0.0, f"the hypothesis is not {claim.answer}", answer=status)
        if status == "UNKNOWN":
            return judged("correct", 1.0, "neither the hypothesis nor its negation follows from what was given", answer=status)
        goal = claim.hypothesis if status == "PROVED" else opposite(claim.hypothesis, claim.language)
        derived = derivation(goal, claim.known, checker, claim.language)
    except FormulaError as error:
        return judged("malformed", 0.0, str(error))
    if derived is None:
        return abstained(f"the solver cannot tell whether the derivation of {goal} stands")
    if not derived:
        return judged("incorrect", 0.0, f"{claim.answer} is right, but no sound derivation of {goal} has been written down", answer=status)
    return judged("correct", 1.0, f"{goal} has been derived", answer=status)
