"""A verifier whose work is done in killable worker processes."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from prm_gym.errors import OptionError
from prm_gym.verdict import Verdict, failed
from prm_gym.verifier import StepContext, Verifier, VerifierSpec, make_verifier, verify_batch
from prm_gym.workers.call import JobResult
from prm_gym.workers.pool import FORK_LOCK, WorkerPool

# Verifiers of one process that ask for the same workers share them; a pool ends with the last verifier that uses it.
_POOLS: "weakref.WeakValueDictionary[tuple[Any, ...], WorkerPool]" = weakref.WeakValueDictionary()


class Isolated(Verifier):
    """One pure verifier in killable workers: the same verdicts under the same id, each step for itself and with a deadline.

    A step on which the verifier hangs gets the status `timeout`, one over which its process dies or runs out of memory `error`, both without a score.
    A verifier that gains by seeing a whole batch (a model) should not be isolated: it is asked about one step at a time. What a verifier
    imports when it is first asked counts as work on that step; what its module or its `__init__` imports does not.
    """

    def __init__(self, member: VerifierSpec, *, workers: int = 2, deadline: float = 5.0, memory_mb: int | None = 1024, recycle_after: int = 50_000) -> None:
        """Take the verifier.

        Args:
            member: a specification; a verifier, class or function must be something that can be pickled.
            workers: number of processes, >= 1; started when they are needed.
            deadline: seconds that a step may take.
            memory_mb: MiB that a step may need beyond what the verifier holds at its start; None for no cap.
            recycle_after: steps after which a process is replaced.

        Raises:
            OptionError: the verifier is not pure or cannot be pickled, or an option is out of range.
        """
        inner = make_verifier(member)
        if not inner.pure:
            raise OptionError(f"isolated takes a pure verifier: what {inner.id!r} remembers would differ from worker to worker")
        self.id, self.version = inner.id, inner.version
        self.claims = inner.claims  # pyright: ignore[reportAttributeAccessIssue] - those of its member
        self._wants_claims = inner.wants_claims
        self.deadline = deadline
        self._member = member
        self._options: dict[str, Any] = {"workers": workers, "deadline": deadline, "memory_mb": memory_mb, "recycle_after": recycle_after}
        self._pool: WorkerPool | None = self._make_pool()  # says now whether everything is in order; no process is started yet

    @property
    def wants_claims(self) -> bool:
        """Whether its member judges claims."""
        return self._wants_claims

    def __getstate__(self) -> dict[str, Any]:
        """A copy makes a pool of its own where it cannot share."""
        return {**self.__dict__, "_pool": None}

    def _make_pool(self) -> WorkerPool:
        def made() -> WorkerPool:
            return WorkerPool("prm_gym.workers.isolated:step_verifier", setup=(self._member,), **self._options)

        if not isinstance(self._member, str):
            return made()
        key = (self._member, *self._options.values())
        with FORK_LOCK:
            pool = _POOLS.get(key)
            if pool is None:
                pool = _POOLS[key] = made()
            return pool

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step, in order.

        Raises:
            WorkerError: the workers cannot be started.
        """
        pool = self._pool = self._pool or self._make_pool()
        return [self._verdict(result) for result in pool.map(steps)]

    def _verdict(self, result: JobResult) -> Verdict:
        if isinstance(result.value, Verdict):
            verdict = result.value
        elif result.status == "timeout":
            verdict = Verdict(status="timeout", reason=f"verifier {self.id!r} gave no verdict within {self.deadline:g} s")
        else:
            verdict = failed(f"verifier {self.id!r}: {result.reason}")
        return msgspec.structs.replace(verdict, run_seconds=verdict.run_seconds or result.run_seconds, queued_seconds=result.queued_seconds)

    def close(self) -> None:
        """Let go of the workers; they end unless another verifier uses them. Asked again, it gets new ones."""
        self._pool = None


def step_verifier(member: VerifierSpec) -> Callable[[StepContext], Verdict]:
    """The function of a worker: the verdict of one verifier on one step."""
    verifier = make_verifier(member)
    return lambda step: verify_batch([verifier], [step])[0][verifier.id]
