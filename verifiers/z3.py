"""`z3`: does the step follow from what it cites? Decided by Z3, with counterexamples.

Rejects, beside what does not follow: citations of nothing, of later steps or of itself; redefinitions; contradictory premises (`vacuous`);
steps that rest on an unsound one; and steps that say nothing (`trivial`: tautologies, restatements, repetitions, weakenings by new predicates).
The attacks that it withstands are in tests/verifiers/test_z3.py.
"""

from prm_gym.claims import Claim, Decision, Entailment
from prm_gym.errors import FormulaError, OptionError
from prm_gym.logic.entailment import EntailmentChecker, Finding, shared_checker
from prm_gym.logic.proof import appraise, derivation, given, opposite
from prm_gym.verdict import Label, Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext

_LABELS: dict[str | None, Label] = {"premises": "vacuous", "formula": "malformed"}


class Z3Verifier(ClaimVerifier):
    """Judges `Entailment` and `Decision` claims; `unsat` alone counts as proof, Z3's `unknown` abstains.

    Labels: `correct`; `incorrect` (with the counterexample as evidence where the inference was refuted); `vacuous` (contradictory premises);
    `trivial`; `malformed` (no formula). Evidence: `needed` (labels of the premises that the step needed), `counterexample` (domain, constants,
    what is true).
    """

    id = "z3"
    version = "3"
    claims = (Entailment, Decision)

    def __init__(self, mode: str = "propagate", checker: EntailmentChecker | None = None) -> None:
        """Choose how earlier mistakes count.

        Args:
            mode: "propagate" (a step that rests on an unsound one is incorrect) or "local" (each inference for itself, as FoVer labels them).
            checker: examines the inferences; by default the one that everything in this thread shares.
        """
        if mode not in ("propagate", "local"):
            raise OptionError(f"the z3 verifier's mode is 'propagate' or 'local', got {mode!r}")
        self.mode = mode
        self._own = checker

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge an `Entailment` or a `Decision`."""
        checker = self._own or shared_checker()
        if isinstance(claim, Entailment):
            return self._check_entailment(claim, checker)
        if isinstance(claim, Decision):
            return _check_decision(claim, checker)
        return abstained("no claim about entailment")

    def _check_entailment(self, claim: Entailment, checker: EntailmentChecker) -> Verdict:
        appraisal = appraise(claim.statement, claim.known, checker, propagate=self.mode == "propagate")
        evidence = _evidence(claim, appraisal.finding)
        if appraisal.stands is None:
            return abstained(appraisal.reason, **evidence)
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
    true = sorted([name, element] for name, element in ((name, element or "") for name, element in structure.true))
    return {"counterexample": {"domain": list(structure.domain), "constants": dict(structure.constants), "true": true}}


def _check_decision(claim: Decision, checker: EntailmentChecker) -> Verdict:
    try:
        status = checker.status_of(given(claim.known), claim.hypothesis)
        if status == "undecided":
            return abstained("the solver cannot tell whether the hypothesis follows from what was given")
        if status == "inconsistent":
            return judged("vacuous", 0.0, "what was given contradicts itself: anything follows")
        if status != claim.answer:
            return judged("incorrect", 0.0, f"the hypothesis is not {claim.answer}", answer=status)
        if status == "UNKNOWN":
            return judged("correct", 1.0, "neither the hypothesis nor its negation follows from what was given", answer=status)
        goal = claim.hypothesis if status == "PROVED" else opposite(claim.hypothesis)
        derived = derivation(goal, claim.known, checker)
    except FormulaError as error:
        return judged("malformed", 0.0, str(error))
    if derived is None:
        return abstained(f"the solver cannot tell whether the derivation of {goal} stands")
    if not derived:
        return judged("incorrect", 0.0, f"{claim.answer} is right, but no sound derivation of {goal} has been written down", answer=status)
    return judged("correct", 1.0, f"{goal} has been derived", answer=status)
