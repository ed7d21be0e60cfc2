"""`rubric:FILE`: named, weighted criteria and gates over the step and the episode so far; the logic is in `prm_gym.rubric`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prm_gym.claims import Malformed
from prm_gym.errors import ContractError
from prm_gym.rubric import Rubric, read_rubric
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import StepContext, Verifier


class RubricVerifier(Verifier):
    """Scores a step by a rubric; the evidence holds what each criterion found, with its reason.

    A step is correct from the rubric's threshold on, and scores 0 where a gate fails. It abstains where criteria of too much weight cannot tell. Criteria
    over the episode say how far it has come, not what the step has added: they stand in the evidence as `progress`, so that `reward="progress"` pays each
    advance once. With `dense` rewards idle steps would be paid again.
    """

    id = "rubric"

    def __init__(self, rubric: str | Path | Rubric) -> None:
        """Take a rubric.

        Args:
            rubric: the path of a TOML or JSON file, or a `Rubric`.

        Raises:
            OptionError: the file is no rubric.
        """
        self.rubric = rubric if isinstance(rubric, Rubric) else read_rubric(rubric)
        self.version = f"1-{self.rubric.version}"
        self.pure = self.rubric.pure

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step."""
        return [self._judge(step) for step in steps]

    def _judge(self, step: StepContext) -> Verdict:
        malformed = next((claim for claim in step.claims if isinstance(claim, Malformed)), None)
        if malformed is not None:
            return judged("malformed", 0.0, malformed.reason)
        found = self.rubric.assess(step)
        criteria: dict[str, Any] = {
            name: {"score": finding.score, "reason": finding.reason, **({"evidence": finding.evidence} if finding.evidence else {})}
            for name, finding in found.findings.items()
        }
        evidence: dict[str, Any] = {"rubric": self.rubric.name, "coverage": found.coverage, "criteria": criteria}
        if found.score is None:
            return abstained(found.reason, **evidence)
        if found.progress is not None:
            evidence["progress"] = found.progress
        label = "correct" if found.score >= self.rubric.threshold else "incorrect"
        return judged(label, found.score, found.reason, **evidence, **({"gate": found.failed} if found.failed else {}))

    def __reduce__(self) -> tuple[Any, ...]:
        """Functions that are no part of a module cannot cross processes.

        Raises:
            ContractError: the rubric holds one.
        """
        for criterion in self.rubric.criteria:
            name = getattr(criterion.check, "__qualname__", "")
            if "<" in name:
                raise ContractError(f"the criterion {criterion.name!r} of the rubric is the function {name}, which cannot be pickled: write it in a module")
        return (type(self), (self.rubric,))
