"""Whether a final answer is the gold answer."""

from collections.abc import Sequence
from typing import Any

from prm_gym.answers import Grade, Grader
from prm_gym.claims import Claim, FinalAnswer
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class EquivalenceVerifier(ClaimVerifier):
    """Judges `FinalAnswer` claims with `prm_gym.answers`: numbers exactly, shapes and units, and only what is worked out.

    - `correct` or `incorrect`; a text that states two different answers, hedges or takes its answer back is `incorrect`.
    - `malformed` where the text states no answer, or one that is too long to be read.
    - It abstains on what it cannot decide: a gold answer that it cannot read, free text, an equation of an unusual kind, words behind a number of which
      the question does not speak, a form or an order that may have been asked for, and whatever needs the extra `math` where that is not installed.
    - The status is `timeout` or `error` where the comparison of two expressions took too long or too much memory, in a worker process.

    A whole batch is judged at once, so that the workers share what needs them.
    """

    id = "equivalence"
    version = "3"
    claims = (FinalAnswer,)

    def __init__(self, *, workers: int = 2, deadline: float = 5.0, memory_mb: int | None = 1024) -> None:
        """Choose the limits of the workers, which start when they are first needed; see `prm_gym.answers.Grader`.

        Args:
            workers: processes for what cannot be compared exactly, >= 1.
            deadline: seconds that a comparison may take.
            memory_mb: MiB that one may need; None for no cap.
        """
        self._grader = Grader(workers=workers, deadline=deadline, memory_mb=memory_mb)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one answer."""
        if not isinstance(claim, FinalAnswer):
            raise ContractError(f"the verifier 'equivalence' judges FinalAnswer claims, got {type(claim).__name__}")
        return _verdict(self._grader.grade(claim.answer, claim.gold, claim.question))

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step: that of its worst claim."""
        claims = list(dict.fromkeys(claim for step in steps for claim in step.claims if isinstance(claim, FinalAnswer)))
        grades = self._grader.grade_all([(claim.answer, claim.gold, claim.question) for claim in claims])
        return _Graded(dict(zip(claims, grades, strict=True))).verify(steps)

    def close(self) -> None:
        """Let go of the workers; they end unless another grader uses them."""
        self._grader.close()


def _verdict(grade: Grade) -> Verdict:
    evidence: dict[str, Any] = grade.evidence
    if grade.verdict == "undecided":
        return Verdict(status=grade.status, reason=grade.reason, evidence=evidence)
    return judged(grade.verdict, 1.0 if grade.verdict == "correct" else 0.0, grade.reason, **evidence)


class _Graded(ClaimVerifier):
    """Looks the grades of a batch up."""

    claims = (FinalAnswer,)

    def __init__(self, grades: dict[FinalAnswer, Grade]) -> None:
        self._grades = grades

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        return _verdict(self._grades[claim]) if isinstance(claim, FinalAnswer) else abstained("another claim")
