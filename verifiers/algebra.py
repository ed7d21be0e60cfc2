"""Whether a step of school algebra is right, exactly."""

from prm_gym.algebra import AlgebraError, Finding, consequence, identity, read_expression, read_statement, same_solutions
from prm_gym.claims import Claim, Consequence, Identity, SameSolutions
from prm_gym.errors import ContractError
from prm_gym.verdict import Label, Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext

_LABELS: dict[str, Label] = {"equal": "correct", "different": "incorrect", "trivial": "trivial", "vacuous": "vacuous"}


class AlgebraVerifier(ClaimVerifier):
    """Judges `Identity`, `SameSolutions` and `Consequence` claims, in exact rationals; see `prm_gym.algebra` for what is decided and how.

    - `correct` or `incorrect`; a refuted claim carries a point at which it fails, or bounds of a root that was lost or gained.
    - `trivial` for a step that says nothing: the same in other spacing or order, with the sides swapped, with `+ 0` or `* 1`, or once more what the claim
      names as written earlier; a consequence that holds whatever the unknowns are, that restates a given equation, or that already follows from what was
      written earlier.
    - `vacuous` for a consequence of equations that contradict one another.
    - `malformed` where what the step wrote is no expression or relation.
    - It abstains on what is longer, deeper or of higher degree than is computed here, on what has two readings (`1/2x`), and on what no method here decides.

    What it cannot see: right steps that lead nowhere (`x + 1 = 8 + 1` after `x = 8`).
    """

    id = "algebra"
    version = "1"
    claims = (Identity, SameSolutions, Consequence)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one claim."""
        try:
            if isinstance(claim, Identity):
                return _verdict(identity(claim.left, claim.right, claim.earlier))
            if isinstance(claim, SameSolutions):
                return _verdict(same_solutions(claim.before, claim.after, claim.earlier))
            if isinstance(claim, Consequence):
                return _verdict(consequence(claim.given, claim.conclusion, claim.earlier))
        except AlgebraError as error:
            return _unread(claim, error)
        raise ContractError(f"the verifier 'algebra' judges Identity, SameSolutions and Consequence claims, got {type(claim).__name__}")


def _verdict(finding: Finding) -> Verdict:
    if finding.status == "undecided":
        return abstained(finding.reason)
    label = _LABELS[finding.status]
    evidence = {"witness": finding.witness} if finding.witness else {}
    return judged(label, 1.0 if label == "correct" else 0.0, finding.reason, **evidence)


def _unread(claim: Claim, error: AlgebraError) -> Verdict:
    """Malformed when something that the step itself wrote is no expression or relation; otherwise undecided."""
    written = (claim.left, claim.right) if isinstance(claim, Identity) else claim.after if isinstance(claim, SameSolutions) else ()
    if isinstance(claim, Consequence):
        written = (claim.conclusion,)
    for text in written:
        try:
            if isinstance(claim, Identity):
                read_expression(text)
            else:
                read_statement(text)
        except AlgebraError as defect:
            if defect.kind == "syntax":
                return judged("malformed", 0.0, f"{_shortened(text)!r} cannot be read: {defect}", position=defect.position)
    return abstained(f"a text is not read here: {error}")


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
