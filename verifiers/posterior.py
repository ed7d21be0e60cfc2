"""Whether a choice is among the safest, by exact probabilities."""

from prm_gym.claims import Claim, Safest
from prm_gym.csp import Is, census
from prm_gym.errors import ContractError, ProblemError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class PosteriorVerifier(ClaimVerifier):
    """Judges `Safest` claims: the solutions of the problem are counted, and probabilities are exact fractions.

    - `correct`, 1: no candidate is less likely to have the value that is to be avoided, be the probability 0 or not.
    - `incorrect`, 0: another candidate is safer. How much safer is in the evidence, as fractions in text.
    - `vacuous`, 0: the problem has no solution.

    It abstains where the count is beyond its budget, and on variables that the problem does not have. The evidence names no safer candidate.

    Source: the posterior oracle of Verifiable Process Rewards (arXiv 2605.10325), there for Minesweeper.
    """

    id = "posterior"
    version = "1"
    claims = (Safest,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one choice."""
        if not isinstance(claim, Safest):
            raise ContractError(f"the verifier 'posterior' judges Safest claims, got {type(claim).__name__}")
        if claim.chosen not in claim.candidates:
            return judged("incorrect", 0.0, f"{claim.chosen} is none of the candidates")
        try:
            counted = census(claim.problem)
        except ProblemError as error:
            return abstained(f"the claim does not fit its problem: {error}")
        if counted is None:
            return abstained("the solutions are beyond the budget of the count")
        if any(name not in counted.holding for name in claim.candidates):
            return abstained("the problem does not have all of the candidates")
        if not counted.total:
            return judged("vacuous", 0.0, "what is known contradicts itself")
        risks = {name: counted.probability(Is(name, claim.value)) for name in claim.candidates}
        least, risk = min(risks.values()), risks[claim.chosen]
        evidence = {"probability": str(risk), "least": str(least), "candidates": len(risks), "as_safe": sum(other == least for other in risks.values())}
        if risk == least:
            return judged("correct", 1.0, f"{claim.chosen} is among the safest: its probability is {risk}", **evidence)
        return judged("incorrect", 0.0, f"{claim.chosen} has the probability {risk}, and there is a choice with {least}", **evidence)
