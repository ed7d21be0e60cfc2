"""The engine within this process: one worker, one job after the other. What others give is held to what it gives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic

from prm_gym.engines.engine import Crew, Engine, Finished, JobT, Maker, Notice, ResultT, Shared, ValueT, Worker


@dataclass(frozen=True, slots=True)
class Here(Generic[ValueT]):
    """A value of this process."""

    value: ValueT

    def get(self) -> ValueT:
        """The value."""
        return self.value


class LocalEngine(Engine):
    """Does jobs where they are asked for, when their results are; nothing is pickled."""

    apart = False

    def crew(self, maker: Maker[JobT, ResultT]) -> "LocalCrew[JobT, ResultT]":
        """The one worker."""
        return LocalCrew(maker)

    def share(self, value: ValueT) -> Shared[ValueT]:
        """The value itself."""
        return Here(value)


class LocalCrew(Crew[JobT, ResultT]):
    """One worker in this process."""

    def __init__(self, maker: Maker[JobT, ResultT]) -> None:
        """Remember the maker; it is asked at the first job."""
        self._maker = maker
        self._worker: Worker[JobT, ResultT] | None = None

    def run(self, jobs: Iterable[JobT], notice: Notice | None = None) -> Iterator[Finished[ResultT]]:
        """See `Crew.run`; in order."""
        for index, job in enumerate(jobs):
            if self._worker is None:
                self._worker = self._maker()
            try:
                value = self._worker.run(job, lambda content, index=index: notice(index, content) if notice is not None else None)
            except Exception as error:  # it is handed to whoever asks for the result
                yield Finished(index, error=error)
            else:
                yield Finished(index, value)

    def close(self) -> None:
        """Close the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
