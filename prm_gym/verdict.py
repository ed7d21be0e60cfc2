"""Verdict: what a verifier says of one step."""

import math
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from prm_gym.errors import ContractError

Status: TypeAlias = Literal["ok", "abstain", "timeout", "error"]
Label: TypeAlias = Literal["correct", "incorrect", "neutral", "trivial", "vacuous", "malformed"]

SCHEMA_VERSION = 1

_STATUSES = frozenset(get_args(Status))
_LABELS = frozenset((None, *get_args(Label)))


class Verdict(msgspec.Struct, frozen=True, gc=False, kw_only=True, eq=False):
    """A verifier's judgement of one step. "Cannot tell" is `score=None`, never 0.

    Attributes:
        status: `ok` (judged), `abstain` (not its claim, or undecided), `timeout`, `error` (the verifier failed).
        label: `correct`, `incorrect`, `neutral`, `trivial` (right but empty: a tautology, a restatement), `vacuous` (from contradictory
            premises), `malformed` (no step at all), or None.
        score: P(the step is right), in [0, 1], or None. `trivial`, `vacuous` and `malformed` steps score 0: they are no step towards anything.
        reason: one sentence for a person.
        evidence: JSON values: counterexample, unsat core, failing case, logits.
        verifier: id of the verifier.
        version: its version.
        run_seconds: time spent on this step (a batch's time is shared out evenly).
        queued_seconds: time spent waiting before the work began.
        schema: version of this record.

    Two verdicts are equal when everything but their timings is.
    """

    status: Status
    label: Label | None = None
    score: float | None = None
    reason: str = ""
    evidence: dict[str, Any] = {}
    verifier: str = ""
    version: str = ""
    run_seconds: float = 0.0
    queued_seconds: float = 0.0
    schema: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.status not in _STATUSES or self.label not in _LABELS:
            raise ContractError(
                f"a verdict's status is one of {', '.join(get_args(Status))} and its label one of {', '.join(get_args(Label))} or None, "
                f"got {self.status!r} and {self.label!r}"
            )
        score = self.score
        if score is None:
            if self.status == "ok" and self.label not in (None, "neutral"):
                raise ContractError(f"a verdict with status 'ok' and label {self.label!r} needs a score in [0, 1], got None")
            return
        if self.status != "ok":
            raise ContractError(f"a verdict with status {self.status!r} cannot have a score, got {score!r}")
        if not (math.isfinite(score) and 0.0 <= score <= 1.0):
            raise ContractError(f"a verdict's score is a probability in [0, 1] or None, got {score!r}")
        if type(score) is not float:  # numpy's floats, which cannot be stored
            msgspec.structs.force_setattr(self, "score", float(score))

    def _content(self) -> tuple[Any, ...]:
        return (self.status, self.label, self.score, self.reason, self.evidence, self.verifier, self.version, self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verdict) and self._content() == other._content()

    def __ne__(self, other: object) -> bool:  # the struct's own comparison would not be derived from __eq__
        return not self == other

    def __hash__(self) -> int:
        return hash((self.status, self.label, self.score, self.reason, self.verifier, self.version))


def judged(label: Label, score: float, reason: str, **evidence: Any) -> Verdict:
    """A verdict that was reached, with its evidence as keyword arguments."""
    return Verdict(status="ok", label=label, score=score, reason=reason, evidence=evidence)


def abstained(reason: str, **evidence: Any) -> Verdict:
    """The verdict "I cannot tell", with the reason."""
    return Verdict(status="abstain", reason=reason, evidence=evidence)


def failed(reason: str, **evidence: Any) -> Verdict:
    """The verdict of a verifier that broke on the step."""
    return Verdict(status="error", reason=reason, evidence=evidence)
