"""How far a task in a stateful service has come: a potential."""

from prm_gym.claims import Claim, StateStep
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained
from prm_gym.verifier import ClaimVerifier, StepContext
from prm_gym.verifiers.state import effect_of, progress_of


class MilestonesVerifier(ClaimVerifier):
    """Judges the state that a `StateStep` leads to: the share of the task's milestones that hold after it, and 0 when something is wrong for good.

    That is a potential, so it suits the reward `potential`; the steps themselves are judged by `state`. It gives no label, and abstains where a task has no
    milestones.
    """

    id = "milestones"
    version = "2"
    claims = (StateStep,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one state."""
        if not isinstance(claim, StateStep):
            raise ContractError(f"the verifier 'milestones' judges StateStep claims, got {type(claim).__name__}")
        if not claim.total:
            return abstained("the task has no milestones")
        effect = effect_of(claim)
        reason = "something is wrong for good" if effect.hopeless or claim.given_up else f"{claim.reached} of {claim.total} milestones hold"
        return Verdict(status="ok", score=progress_of(claim, effect), reason=reason)
