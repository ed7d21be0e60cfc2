"""Whether an equation holds, in exact rationals."""

from prm_gym.arithmetic import Expression, ExpressionError, parse_expression, rounds_to
from prm_gym.claims import Claim, Equality
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class ArithmeticVerifier(ClaimVerifier):
    """Judges `Equality` claims: the values of both sides are computed exactly and compared.

    Nothing is rounded, so that `8 / 3 = 2.67` is false, unless the claim says that a side may be.

    - `correct` or `incorrect`, with both values as evidence; `incorrect` also where a side divides by zero and so has no value.
    - `trivial` for an equation that says nothing: a bare number equal to itself (`7 = 7.0`), or the same expression on both sides
      (`2 + 3 = (2+3)`). A quotient that is its own reduced fraction is excepted: `8 / 3 = 8/3` says that the result is written 8/3.
    - `neutral`, without a score, for an equation that is `rounded` and true when one side is rounded to the places that the other is written with
      (`8 / 3 = 2.67`, `2.67 = 8 / 3`, half up or down): it is no mistake, and proves nothing.
    - `malformed` where a side is no expression.
    - It abstains on what is longer, deeper or greater than `prm_gym.arithmetic` reads.

    What it cannot see: true equations that lead nowhere (`1 + 1 = 2`). Where an environment takes equations for free, pair it with a
    verifier that judges where the step leads, as `reachable` does.
    """

    id = "arithmetic"
    version = "3"
    claims = (Equality,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one equation."""
        if not isinstance(claim, Equality):
            raise ContractError(f"the verifier 'arithmetic' judges Equality claims, got {type(claim).__name__}")
        return _verdict(claim)


def _verdict(claim: Equality) -> Verdict:
    """The verdict on one equation."""
    sides: list[Expression] = []
    beyond = ""
    for name, text in (("left", claim.left), ("right", claim.right)):
        try:
            sides.append(parse_expression(text))
        except ExpressionError as error:
            reason = f"the {name} side: {error}"
            if error.kind == "syntax":
                return judged("malformed", 0.0, reason)
            if error.kind == "zero":
                return judged("incorrect", 0.0, reason)
            beyond = beyond or reason
    if beyond:
        return abstained(beyond)
    left, right = sides
    values = {"left": str(left.value), "right": str(right.value)}
    if left.value != right.value and claim.rounded:
        for name, value, written in (("left", left.value, claim.right), ("right", right.value, claim.left)):
            if rounds_to(value, written):
                return Verdict(status="ok", label="neutral", reason=f"the {name} side is {value}, which rounds to {written.strip()}", evidence=values)
    if left.value != right.value:
        return judged("incorrect", 0.0, f"the left side is {values['left']}, the right side is {values['right']}", **values)
    if left.text == right.text and not right.in_lowest_terms:
        return judged("trivial", 0.0, "the equation says nothing: both sides are the same", **values)
    return judged("correct", 1.0, f"both sides are {values['left']}", **values)
