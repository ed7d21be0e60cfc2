"""Whether the target of a number game can still be made."""

from prm_gym.arithmetic import ExpressionError, evaluate, reachable
from prm_gym.claims import Claim, Reachable
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class ReachableVerifier(ClaimVerifier):
    """Judges `Reachable` claims with the exact solver: 1 while some way to the target is left, 0 from the step on that closed the last one.

    That is the value of the state under the best play, so it suits the reward `potential`. It abstains past the solver's node budget
    and on numbers it cannot read. The evidence holds the numbers and the target, never a way: `info` carries verdicts, and no gold answers.
    """

    id = "reachable"
    version = "1"
    claims = (Reachable,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one state."""
        if not isinstance(claim, Reachable):
            raise ContractError(f"the verifier 'reachable' judges Reachable claims, got {type(claim).__name__}")
        try:
            numbers, target = [evaluate(number) for number in claim.numbers], evaluate(claim.target)
        except ExpressionError as error:
            return abstained(f"a number of the claim cannot be read: {error}")
        made = reachable(numbers, target, claim.integers_only)
        if made is None:
            return abstained(f"the solver gave up on a game of {len(numbers)} numbers")
        evidence = {"numbers": list(claim.numbers), "target": claim.target}
        if made:
            return judged("correct", 1.0, f"{claim.target} can still be made from {' '.join(claim.numbers)}", **evidence)
        if not numbers:
            return judged("incorrect", 0.0, f"no number is left that {claim.target} could be made from", **evidence)
        return judged("incorrect", 0.0, f"{claim.target} cannot be made from {' '.join(claim.numbers)}", **evidence)
