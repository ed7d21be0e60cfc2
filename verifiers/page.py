"""Whether a step on a page of others is right, by what the page shows and says."""

from prm_gym.claims import Claim, PageStep
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class PageVerifier(ClaimVerifier):
    """Judges `PageStep` claims. The first of these that fits is the verdict.

    1. `correct`: the page says that the task is done, with its full reward. `incorrect`: it ends with less, however little, or its page is left.
    2. `incorrect`: the action names an element that nobody has shown, or could not be done.
    3. Where the page shows how far the task has come: `correct`: further than ever before in the episode. `incorrect`: less far than before the step.
       `neutral`: as far as before, or back to where it had been.
    4. `trivial`: the same action again on the same page, and the page stayed as it was. Waiting is no repetition.
    5. Where nothing is known of the goal the verifier abstains; but `neutral` where nothing that can be seen came of the step: a page may keep what it does
       not show.

    The evidence holds `progress`, in [0, 1]: the share of what is wanted that holds after the step, at most 0.9 before the end; and at the
    end `reward`, the page's own. A part of that reward is no part of a success, so it never counts.
    """

    id = "page"
    version = "1"
    claims = (PageStep,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one step."""
        if not isinstance(claim, PageStep):
            raise ContractError(f"the verifier 'page' judges PageStep claims, got {type(claim).__name__}")
        if claim.left:
            return judged("incorrect", 0.0, "the page of the task was left")
        if claim.reward is not None:
            if claim.reward >= 1.0:
                return judged("correct", 1.0, "the page says that the task is done", progress=1.0, reward=claim.reward)
            reason = "the page says that the task is done in part only" if claim.reward > 0 else "the page says that the task is not done"
            return judged("incorrect", 0.0, reason, reward=claim.reward)
        evidence = {"progress": progress_of(claim)} if claim.wanted else {}
        if claim.made_up:
            return judged("incorrect", 0.0, "the action names an element that nobody has shown", **evidence)
        if claim.error:
            return judged("incorrect", 0.0, f"it could not be done: {claim.error}", **evidence)
        if claim.wanted and claim.after != claim.before:
            if claim.after > claim.best:
                return judged("correct", 1.0, "more of what is wanted is there than ever before", **evidence)
            if claim.after < claim.before:
                return judged("incorrect", 0.0, "less of what is wanted is there than before", **evidence)
            return judged("neutral", 0.5, "what was lost is made good", **evidence)
        if claim.repeated and not claim.waited:
            return judged("trivial", 0.0, "the same was done before on the same page, and nothing that can be seen came of it", **evidence)
        if claim.idle:
            return judged("neutral", 0.5, "nothing that can be seen came of it", **evidence)
        if claim.wanted:
            return judged("neutral", 0.5, "as much of what is wanted is there as before", **evidence)
        return abstained("the page changed; whether that is of use is not known")


def progress_of(claim: PageStep) -> float:
    """The share of what is wanted that holds after a step that did not end the task, in [0, 0.9]."""
    return 0.9 * max(0, min(claim.after, claim.wanted)) / claim.wanted if claim.wanted else 0.0
