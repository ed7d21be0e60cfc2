"""Whether a call of a tool that runs code ran, and used what earlier calls had found."""

from prm_gym.claims import AnswerSupport, Claim, ToolRun
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext

MOST_CREDITED = 3

_ORIGINS = {
    "computed": "the answer stands in the output of a run, and was not typed before",
    "typed": "the answer stands in an output, and was typed into code before",
    "none": "no run has printed the answer",
}


class ToolRunVerifier(ClaimVerifier):
    """Judges `ToolRun` claims by what is known at the step: whether the code ran, and whether it builds on earlier calls.

    - `incorrect`, 0: an exception, a timeout, too much memory or output, a crash.
    - `trivial`, 0: the same code as before with the same result; nothing printed and no name left; nothing printed but
      literals of the code itself.
    - `correct`, 1: it ran, and what it printed is made of a result of an earlier call that no call has used before: a name whose value was computed
      there, or a value that was printed there and stands neither in the question nor in any code before.
    - `neutral`, 0.5: it ran, and uses nothing. Whether it was of use is seen when a later call uses what it made; that call is credited then.

    A use is told from the syntax of the code: a name or value is followed to the prints. One that is only read, in dead code or without a print, is no
    use; one that is printed times nought is. Nor can it be seen at a step whether a chain of calls leads to the answer, so a policy could go on computing
    one thing from another for ever. Hence every result is credited once, what was only typed is no result, and at most MOST_CREDITED calls of an episode are
    `correct`; those after them are `neutral`. Under the reward "dense", where `neutral` and `trivial` are worth 0, all credit of an episode is at most
    MOST_CREDITED steps' worth however long it is padded.

    It abstains on `AnswerSupport`: where an answer comes from does not make it right or wrong. The evidence says it (`origin`).
    """

    id = "tool_run"
    version = "2"
    claims = (AnswerSupport, ToolRun)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one call."""
        if isinstance(claim, AnswerSupport):
            return abstained(_ORIGINS[claim.origin], origin=claim.origin, runs=claim.runs)
        if not isinstance(claim, ToolRun):
            raise ContractError(f"the verifier 'tool_run' judges ToolRun and AnswerSupport claims, got {type(claim).__name__}")
        if claim.status != "ok":
            again = ", as it did before" if claim.repeated else ""
            return judged("incorrect", 0.0, f"the run failed{again}: {claim.error or claim.status}", status=claim.status, repeated=claim.repeated)
        if claim.repeated:
            return judged("trivial", 0.0, "the same code was run before, with the same result", repeated=True)
        if not claim.printed and not claim.defined:
            return judged("trivial", 0.0, "it ran, printed nothing and left nothing behind")
        if claim.echoed:
            return judged("trivial", 0.0, "it printed nothing but literals of its own code")
        if not claim.used:
            return judged("neutral", 0.5, "it ran; it uses nothing new of earlier calls", defined=list(claim.defined))
        evidence = {"used": list(claim.used), "credited": claim.credited}
        if not claim.printed:
            return judged("neutral", 0.5, "it ran and uses earlier results, but printed nothing", **evidence)
        if claim.credited >= MOST_CREDITED:
            return judged("neutral", 0.5, f"it ran and uses earlier results; {claim.credited} calls have been credited with that already", **evidence)
        return judged("correct", 1.0, f"it ran and uses {', '.join(claim.used)} of earlier calls", **evidence)
