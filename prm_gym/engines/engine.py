"""The contract of engines: where jobs are done.

    with make_engine("ray", workers=8) as engine, engine.crew(maker) as crew:
        for finished in crew.run(jobs):
            keep(finished.index, finished.result())

A maker makes one worker in each process (environments, verifiers and models are made there once); a job is what a worker is given, a result what it gives
back. Every job comes back exactly once, with its result or its error, whatever dies on the way.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar, cast

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")
ValueT = TypeVar("ValueT")
_JobT = TypeVar("_JobT", contravariant=True)  # noqa: PLC0105 - the same names, for the protocols
_ResultT = TypeVar("_ResultT", covariant=True)  # noqa: PLC0105
_ValueT = TypeVar("_ValueT", covariant=True)  # noqa: PLC0105

Report: TypeAlias = Callable[[Any], None]
"""What a worker tells of a job under way; how far it is, say."""

Notice: TypeAlias = Callable[[int, Any], None]
"""Is told the index of a job and what its worker reports. What a dying worker said last may be lost."""


class Worker(Protocol[_JobT, _ResultT]):
    """Does jobs, one after the other. A job's result must depend on the job alone: it may be done again elsewhere."""

    def run(self, job: _JobT, report: Report) -> _ResultT:
        """The result of a job; what it raises is the job's error."""
        ...

    def close(self) -> None:
        """Free what the worker holds."""
        ...


Maker: TypeAlias = Callable[[], Worker[JobT, ResultT]]
"""Makes the worker of a process. It must be picklable, as jobs and results are."""


class Shared(Protocol[_ValueT]):
    """Something large that many jobs read. It travels within jobs, and costs them nothing."""

    def get(self) -> _ValueT:
        """The value, in whatever process the job is done."""
        ...


@dataclass(frozen=True, slots=True)
class Finished(Generic[ResultT]):
    """What came of a job.

    Attributes:
        index: of the job among those of its run, from 0.
        value: its result; None where there is an error.
        error: what the job raised, or an EngineError where its workers died too often.
    """

    index: int
    value: ResultT | None = None
    error: Exception | None = None

    def result(self) -> ResultT:
        """The result.

        Raises:
            Exception: the error of the job.
        """
        if self.error is not None:
            raise self.error
        return cast("ResultT", self.value)


class Crew(ABC, Generic[JobT, ResultT]):
    """Workers of one maker. It can be given jobs again and again; one run at a time."""

    @abstractmethod
    def run(self, jobs: Iterable[JobT], notice: Notice | None = None) -> Iterator[Finished[ResultT]]:
        """What comes of the jobs, as they are finished.

        Jobs are taken from the iterable as workers are free to do them, a few ahead at most.

        Args:
            jobs: as many as wanted.
            notice: is told what workers report.

        Raises:
            EngineError: no worker can be had.
            Exception: what the maker raised.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the workers; jobs under way are given up."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Engine(ABC):
    """Where workers live.

    Attributes:
        workers: how many there are at most.
        apart: they live in processes of their own, so that makers, jobs and results are pickled.
    """

    workers: int = 1
    apart: bool = True

    @abstractmethod
    def crew(self, maker: Maker[JobT, ResultT]) -> Crew[JobT, ResultT]:
        """Workers of a maker. They are started when there are jobs for them."""

    @abstractmethod
    def share(self, value: ValueT) -> Shared[ValueT]:
        """A value that jobs can hold at no cost. It is kept as long as what is returned is."""

    def close(self) -> None:  # noqa: B027 - an engine within this process holds nothing
        """End what the engine has started."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
