"""Whether a call of a tool that runs code ran, and used what earlier calls had found."""

from prm_gym.claims import AnswerSupport, Claim, ToolRun
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext

MOST_CREDITED = 1

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
    - `correct`, 1: it ran, and what it printed is made of a result of an earlier call: a name whose value was computed there, or a value that was printed
      there and stands neither in the question nor in any code before. The first such call of an episode alone.
    - `neutral`, 0.5: it ran, and uses nothing. Whether it was of use is seen when a later call uses what it made; that call is credited then. Further uses
      are `neutral` too; the evidence names them (`used`, `credited`).

    A use is told from the syntax of the code: a name or value is followed to the prints. One that is only read, in dead code or without a print, is no
    use; one that is printed times nought is. To run the call again with another value in its place would find that out, at the price of two more runs, and
    leave `x + 1`, which no run can tell from work: whether a use leads to the answer is not known at the step. So what a use pays is bounded
    instead: one is credited in an episode, under the reward "dense" one step's worth. What is honestly done in more than one call has one as a rule, so no
    way of padding earns more.

    It abstains on `AnswerSupport`: where an answer comes from does not make it right or wrong. The evidence says it (`origin`).
    """

    id = "tool_run"
    version = "3"
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
            return judged("neutral", 0.5, "it ran and uses earlier results; a call before has been credited with that", **evidence)
        return judged("correct", 1.0, f"it ran and uses {', '.join(claim.used)} of earlier calls", **evidence)
