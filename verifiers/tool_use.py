"""Whether a call of a tool went well, and is not one that was made before."""

from prm_gym.claims import Claim, ToolUse
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class ToolUseVerifier(ClaimVerifier):
    """Judges `ToolUse` claims by what can be said of any tool.

    - `correct`, 1: the call ends the task, which is done.
    - `neutral`, the outcome as the score: it ends the task, which is done in part, one half at least.
    - `incorrect`: it ends the task, which is not done (the outcome, below one half); or, with 0, it failed.
    - `trivial`, 0: a tool that reads was asked the same before and answered the same; or one that is known to be idempotent, just before. Reading again after a
      change is no repetition, where the answer is another one.
    - `neutral`, 0.5: anything else, such as the same call twice of a tool of which nothing is known: it may have paid twice. That a call worked does not say
      that it was of use, so it pays nothing: no episode earns by making calls.

    What it cannot see: whether a call brings the task forward. Verifiers that know the state (of a domain) can.
    """

    id = "tool_use"
    version = "3"
    claims = (ToolUse,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one call."""
        if not isinstance(claim, ToolUse):
            raise ContractError(f"the verifier 'tool_use' judges ToolUse claims, got {type(claim).__name__}")
        if claim.outcome is not None:
            score = min(max(float(claim.outcome), 0.0), 1.0)
            if score == 1.0:
                return judged("correct", score, "the task is done")
            if score >= 0.5:
                return judged("neutral", score, "the task is done in part")
            return judged("incorrect", score, "the task is not done")
        if claim.failed:
            again = any(past.call == claim.now.call for past in claim.earlier)
            return judged("incorrect", 0.0, "the call failed again" if again else "the call failed")
        compared = claim.earlier if claim.reads else claim.earlier[-1:] if claim.idempotent else ()
        if claim.now in compared:
            return judged("trivial", 0.0, "the same call was made before, with the same answer")
        return judged("neutral", 0.5, "the call worked; whether it was of use is not known")
