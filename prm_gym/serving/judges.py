"""The verifiers of a server: each in killable processes of its own, asked in chunks."""

import math
import time
from collections.abc import Sequence

from prm_gym.errors import OptionError, WorkerError
from prm_gym.serving.offer import Limits
from prm_gym.serving.wire import VerifierCard
from prm_gym.verdict import Verdict, failed
from prm_gym.verifier import StepContext
from prm_gym.workers import JobResult, WorkerPool

MOST_CHUNK = 64  # steps that a process is given at once


class Judge:
    """One verifier.

    A chunk over which its process hangs or dies is asked again step by step, so that only the step that did it goes without a verdict; one of an impure
    verifier is not.
    """

    def __init__(self, name: str, spec: str, limits: Limits) -> None:
        """Start a process, and make the verifier there.

        Raises:
            OptionError: the verifier cannot be made.
        """
        self.name = name
        self._limits = limits
        self._pool = WorkerPool(
            "prm_gym.serving.host:judge", setup=(spec,), workers=limits.verify_workers, deadline=limits.verify_seconds, memory_mb=None, start_seconds=600
        )
        try:
            result = self._pool.run(None)
        except WorkerError as error:
            raise OptionError(f"the verifier {name!r} cannot be served: {error}") from error
        if not isinstance(result.value, VerifierCard):
            raise OptionError(f"the verifier {name!r} cannot be served: {result.reason}")
        self.card: VerifierCard = result.value

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict a step, in order, whatever happens; those that no time is left for say so.

        Args:
            steps: any number.
        """
        ends = time.monotonic() + self._limits.request_seconds
        share = math.ceil(len(steps) / self._limits.verify_workers)
        size = max(1, min(MOST_CHUNK, share)) if self.card.pure else max(1, len(steps))
        chunks = [list(steps[start : start + size]) for start in range(0, len(steps), size)]
        verdicts: list[Verdict] = []
        for start in range(0, len(chunks), self._limits.verify_workers):
            verdicts += self._round(chunks[start : start + self._limits.verify_workers], ends)
        return verdicts

    def _round(self, chunks: Sequence[list[StepContext]], ends: float) -> list[Verdict]:
        """As many chunks as there are processes."""
        if time.monotonic() >= ends:
            return [self._late() for chunk in chunks for _ in chunk]
        found: list[Verdict] = []
        for chunk, result in zip(chunks, self._pool.map(chunks), strict=True):
            if result.status == "ok":
                found += result.value
            elif self.card.pure and len(chunk) > 1:
                found += [self._alone(step, ends) for step in chunk]
            else:
                found += [self._failed(result) for _ in chunk]
        return found

    def _alone(self, step: StepContext, ends: float) -> Verdict:
        if time.monotonic() >= ends:
            return self._late()
        result = self._pool.run([step])
        return result.value[0] if result.status == "ok" else self._failed(result)

    def _failed(self, result: JobResult) -> Verdict:
        if result.status == "timeout":
            reason = f"verifier {self.card.id!r} gave no verdict within {self._limits.verify_seconds:g} s"
            return self._signed(Verdict(status="timeout", reason=reason, run_seconds=result.run_seconds))
        return self._signed(failed(f"the process of verifier {self.card.id!r} failed: {result.status}"))

    def _late(self) -> Verdict:
        return self._signed(Verdict(status="timeout", reason=f"the request was not done within {self._limits.request_seconds:g} s"))

    def _signed(self, verdict: Verdict) -> Verdict:
        return Verdict(status=verdict.status, reason=verdict.reason, run_seconds=verdict.run_seconds, verifier=self.card.id, version=self.card.version)

    def close(self) -> None:
        """End the processes."""
        self._pool.close()
