"""Whether an answer to a data set of reasoning-gym is right, by the data set's own scorer."""

from collections.abc import Sequence
from importlib.metadata import version

from prm_gym.claims import Claim, ReasoningGymAnswer
from prm_gym.errors import ContractError, OptionError
from prm_gym.procedural import ReasoningGymService, Scored
from prm_gym.verdict import Verdict, abstained, failed, judged
from prm_gym.verifier import ClaimVerifier, StepContext

MODES = ("graded", "exact")


class ReasoningGymVerifier(ClaimVerifier):
    """Judges `ReasoningGymAnswer` claims with the scorers of the package, in killable workers, and behind a wall (`prm_gym.procedural`).

    - `correct`, 1: the full score.
    - `neutral`: a partial score from 0.5 on, which is the verdict's score. Many scorers give some for cells, words or digits that are right.
    - `incorrect`: a score below 0.5. Scorers give up to 0.1 for an answer that is wrong and well formed (0.01, 0.05): that counts as 0 here, so that form alone
      earns nothing. The evidence has the scorer's own number under `raw`.
    - `malformed`, 0: the scorer would evaluate the answer, and it is not in the notation that may be evaluated (`prm_gym.procedural.wall`).
    - It abstains on expressions that are longer, deeper or greater than the wall reads; a scorer that hangs is a `timeout`, one that raises an `error`.

    With `reasoning_gym:exact`, whatever is not the full score is `incorrect`, 0.

    **How far the wall goes.** Where a scorer calls `eval` or `sympy.parse_expr`, it sees either the known answer or an arithmetic expression that was read
    and written out by us, never the agent's text. The other scorers treat the text as data; they were read in release 0.1.25, and data sets that are
    not on that list are refused. In the worker, an audit hook refuses processes, files and connections while an answer is scored. A worker is no sandbox,
    and the configuration in a claim is trusted: it comes from the environment, not from the agent. Of an entry, which may come from a file of stored
    episodes, the parts that a scorer evaluates are read by the same grammar.

    What it cannot see: answers that a lenient scorer takes as right (a right number with others after it, where the scorer takes the first).

    Raises:
        MissingExtraError: reasoning-gym is not installed.
    """

    id = "reasoning_gym"
    claims = (ReasoningGymAnswer,)

    def __init__(self, mode: str = "graded") -> None:
        """Choose what partial scores are worth.

        Args:
            mode: "graded" (what the scorer gives) or "exact" (nothing).

        Raises:
            OptionError: there is no such mode.
            MissingExtraError: reasoning-gym is not installed.
        """
        if mode not in MODES:
            raise OptionError(f"mode of reasoning_gym is one of {', '.join(MODES)}, got {mode!r}")
        self.mode = mode
        self._service = ReasoningGymService()
        self.version = f"1+reasoning-gym-{version('reasoning-gym')}"

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step; the answers of the whole batch are scored side by side.

        Raises:
            WorkerError: the workers cannot be started.
        """
        self._service.score([claim for step in steps for claim in step.claims if isinstance(claim, ReasoningGymAnswer)])
        return super().verify(steps)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one answer."""
        if not isinstance(claim, ReasoningGymAnswer):
            raise ContractError(f"the verifier 'reasoning_gym' judges ReasoningGymAnswer claims, got {type(claim).__name__}")
        return _verdict(self._service.score([claim])[0], self.mode == "exact")

    def close(self) -> None:
        """Let go of the workers; they end when nobody else in this process uses them."""
        self._service.close()


def _verdict(scored: Scored, exact: bool) -> Verdict:
    score = scored.score
    evidence = {} if scored.raw is None else {"raw": scored.raw}
    if scored.status == "timeout":
        return Verdict(status="timeout", reason=scored.reason)
    if scored.status == "error":
        return failed(scored.reason)
    if score is None:
        return abstained(scored.reason)
    if scored.status == "malformed":
        return judged("malformed", 0.0, scored.reason)
    if score >= 1.0:
        return judged("correct", 1.0, scored.reason, **evidence)
    if score >= 0.5 and not exact:
        return judged("neutral", score, scored.reason, **evidence)
    return judged("incorrect", 0.0 if exact else score, scored.reason, **evidence)
