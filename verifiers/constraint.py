"""Whether a value is forced, permitted or wrong in a constraint problem."""

from prm_gym.claims import Assignment, Claim, Solution
from prm_gym.csp import Is, shared_solver
from prm_gym.errors import ContractError, ProblemError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class ConstraintVerifier(ClaimVerifier):
    """Judges `Assignment` and `Solution` claims with the exact solver of `prm_gym.csp`.

    An assignment is judged by entailment, not by what some technique finds: all solutions in which the earlier atoms hold are considered.

    - `correct`, 1: forced. Every such solution has the value, and there is one. The evidence says whether it shows by "propagation" or needs "search".
    - `neutral`, 0.5: permitted. Some have it and some have not, so the step is a guess that loses nothing yet. Where the claim says that the value follows,
      this is `incorrect`, 0, with a counterexample as evidence.
    - `incorrect`, 0: no solution has it; the reason names the constraint that it breaks at once, if there is one.
    - `vacuous`, 0: no solution was left before the step.
    - `trivial`, 0: the atom was assigned before.

    A neutral score of 0.5 is worth nothing under the reward `dense`. The verifier abstains where the solver's node budget is spent, and on atoms that
    the problem does not have.

    Source: the constraint oracle of Verifiable Process Rewards (arXiv 2605.10325), which tells forced from legal and invalid digits of Sudoku.
    """

    id = "constraint"
    version = "1"
    claims = (Assignment, Solution)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one assignment or one solution."""
        try:
            if isinstance(claim, Assignment):
                return _assignment(claim)
            if isinstance(claim, Solution):
                return _solution(claim)
        except ProblemError as error:
            return abstained(f"the claim does not fit its problem: {error}")
        raise ContractError(f"the verifier 'constraint' judges Assignment and Solution claims, got {type(claim).__name__}")


def _assignment(claim: Assignment) -> Verdict:
    atom = Is(claim.variable, claim.value)
    text = f"{claim.variable} = {claim.value}"
    if atom in claim.assigned:
        return judged("trivial", 0.0, f"{text} stands already")
    finding = shared_solver(claim.problem).examine(claim.assigned, atom)
    evidence: dict[str, object] = {"variable": claim.variable, "value": claim.value, "by": finding.by}
    match finding.status:
        case "forced":
            return judged("correct", 1.0, f"{text} is forced: no other value leaves a solution", **evidence)
        case "possible" if claim.follows:
            other = finding.other and dict(finding.other)  # a copy: what is found is kept for whoever asks again
            return judged("incorrect", 0.0, f"{text} does not follow: another value is possible", **evidence, counterexample=other)
        case "possible":
            return judged("neutral", 0.5, f"{text} is possible, and so is another value", **evidence)
        case "impossible":
            return judged("incorrect", 0.0, f"{text} is impossible: {finding.reason}", **evidence)
        case "inconsistent":
            return judged("vacuous", 0.0, f"before {text} {finding.reason}", **evidence)
        case _:
            return abstained(f"{text}: {finding.reason}")


def _solution(claim: Solution) -> Verdict:
    named = {atom.variable for atom in claim.values}
    missing = [variable.name for variable in claim.problem.variables if variable.name not in named]
    if missing:
        return judged("incorrect", 0.0, f"{missing[0]} has no value", missing=missing)
    breach = shared_solver(claim.problem).breach(claim.values)
    if breach:
        return judged("incorrect", 0.0, f"it breaks: {breach}", breaks=breach)
    guessed = [] if claim.derived is None else [atom.variable for atom in claim.values if atom not in claim.derived]
    if guessed:
        return judged("incorrect", 0.0, f"the value of {guessed[0]} has not been derived", guessed=guessed)
    return judged("correct", 1.0, "every constraint holds")
