"""The engine of many machines: workers as actors of a Ray cluster.

An actor whose process or node dies is replaced by another one, wherever there is room. Its class travels by value and compares its version of this package
with the driver's before it reads anything else that the driver has sent.
"""

import contextlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, cast

from prm_gym._version import VERSION
from prm_gym.engines.engine import Engine, Finished, JobT, Maker, Notice, ResultT, Shared, ValueT
from prm_gym.engines.hands import PATIENCE, RETRIES, Event, Hand, HandCrew, in_words, traced
from prm_gym.engines.ray_connection import connect, leave
from prm_gym.errors import EngineError, OptionError

_CLOSING_SECONDS = 5.0
_LETTER_SECONDS = 30.0


class RayEngine(Engine):
    """Workers in actors of a Ray cluster: one that this process is connected to already, an existing one, or one of this machine alone."""

    def __init__(
        self, workers: int = 0, address: str = "", *, cpus: float = 1.0, gpus: float = 0.0, retries: int = RETRIES, patience: float = PATIENCE
    ) -> None:
        """Connect.

        Args:
            workers: actors at once; 0 for as many as the cluster has room for now.
            address: of the cluster, as "10.0.0.1:6379"; by default that of `RAY_ADDRESS`, and where there is none, a cluster is started on this machine that
                listens on the loopback interface alone and ends with the engine.
            cpus: processors that an actor takes in the cluster, > 0; as many threads does it calculate with, at least one.
            gpus: graphics cards that an actor takes, a part of one allowed.
            retries: how often a job is done again whose actor died, >= 0.
            patience: seconds in which an actor must be had.

        Raises:
            MissingExtraError: Ray is not installed.
            EngineError: the cluster cannot be had, or this process is connected to another one.
            OptionError: a number out of range.
        """
        if workers < 0 or retries < 0 or not cpus > 0 or not gpus >= 0 or not patience > 0:
            raise OptionError(f"workers, retries and gpus are at least 0, cpus and patience above 0; got {workers}, {retries}, {gpus}, {cpus}, {patience}")
        self.cpus, self.gpus, self.retries, self.patience = cpus, gpus, retries, patience
        self.ray = connect(self, address, workers * cpus)
        room: dict[str, float] = self.ray.cluster_resources()
        fits = [room.get("CPU", 0.0) / cpus] + ([room.get("GPU", 0.0) / gpus] if gpus else [])
        self.workers = workers or max(1, int(min(fits)))

    def crew(self, maker: Maker[JobT, ResultT]) -> "RayCrew[JobT, ResultT]":
        """Actors of a maker."""
        return RayCrew(self, maker)

    def share(self, value: ValueT) -> Shared[ValueT]:
        """The value in the object store of this node; the others fetch it once each."""
        return InStore(self.ray.put(value))

    def close(self) -> None:
        """Disconnect, and end a cluster of its own, unless this process was connected before or something else uses the connection (a pool of verifiers)."""
        leave(self)


@dataclass(frozen=True, slots=True)
class InStore(Generic[ValueT]):
    """A value in the object store of a cluster."""

    reference: Any

    def get(self) -> ValueT:
        """Fetch it."""
        import ray

        return cast("ValueT", ray.get(self.reference))


def _host_class(ray: Any) -> Any:
    """The class of the actors. It is made here so that it travels by value, and its methods import what they use: where it arrives may be another version."""

    class Host:
        def __init__(self) -> None:
            self.worker: Any = None

        def version(self) -> tuple[str, str]:
            """Of the package, empty where it is not installed; and the address of the node."""
            try:
                from prm_gym import _version
            except ImportError:
                return "", ray.util.get_node_ip_address()
            return _version.VERSION, ray.util.get_node_ip_address()

        def begin(self, maker: bytes, folders: list[str]) -> tuple[str, Any, str]:
            from prm_gym.engines.hands import portable

            sys.path += [folder for folder in folders if folder not in sys.path]  # as for the processes of multiprocessing
            try:
                self.worker = ray.cloudpickle.loads(maker)()
            except Exception as error:
                return "refused", portable(error, ray.cloudpickle.dumps, ray.cloudpickle.loads), traceback.format_exc()
            return "ready", None, ""

        def run(self, index: int, job: Any, mailbox: Any, seconds: float) -> tuple[str, Any, str]:
            from prm_gym.engines.hands import portable

            last: Any = None

            def report(content: Any) -> None:
                nonlocal last
                if mailbox is not None:
                    last = mailbox.put.remote(index, content)

            try:
                return "done", self.worker.run(job, report), ""
            except Exception as error:
                return "failed", portable(error, ray.cloudpickle.dumps, ray.cloudpickle.loads), traceback.format_exc()
            finally:  # letters of one actor come in their order: with the last one, all are there before the answer is
                if last is not None:
                    ray.wait([last], timeout=seconds)

        def close(self) -> None:
            if self.worker is not None:
                self.worker.close()

    return Host


def _mailbox_class() -> Any:
    """The class of the actor that reports are left with; it travels by value too."""

    class Mailbox:
        def __init__(self) -> None:
            self.letters: list[tuple[int, Any]] = []

        def put(self, index: int, content: Any) -> None:
            self.letters.append((index, content))

        def take(self) -> list[tuple[int, Any]]:
            letters, self.letters = self.letters, []
            return letters

    return Mailbox


class _RayHand(Hand):
    """An actor. It is asked for its version first, then given its maker, then jobs.

    Attributes:
        pending: what it was asked for last, and has not answered.
        asked: what that is.
    """

    def __init__(self, crew: "RayCrew[Any, Any]") -> None:
        super().__init__()
        self.crew, self.node = crew, ""
        self.actor = crew.host.remote()
        self.asked, self.pending = "version", self.actor.version.remote()

    def give(self, index: int, job: Any) -> None:
        self.asked, self.pending = "run", self.actor.run.remote(index, job, self.crew.open_mailbox(), _LETTER_SECONDS)

    def part(self) -> None:
        if self.asked != "version":  # then it has no maker yet, and nothing to close
            self.asked, self.pending = "close", self.actor.close.remote()

    def dismiss(self) -> None:
        ray = self.crew.ray
        with contextlib.suppress(ray.exceptions.RayError, ValueError):  # it is gone, or the cluster is
            if self.asked == "close":
                ray.wait([self.pending], timeout=_CLOSING_SECONDS)
            ray.kill(self.actor)

    def answered(self) -> Event | None:
        """What its answer means, which is there."""
        exceptions = self.crew.ray.exceptions
        pending, self.pending = self.pending, None
        try:
            answer = self.crew.ray.get(pending)
        except exceptions.RayTaskError as error:  # it could not read what it was given
            problem = EngineError(f"a worker on {self.node} could not read what it was sent: {in_words(error)}")
            return Event("refused" if self.doing is None else "failed", problem, self.doing if self.doing is not None else -1)
        except exceptions.RayError as error:
            return Event("lost", in_words(error))
        if self.asked == "version":
            return self._greeted(*answer)
        kind, content, trace = answer
        index = -1 if self.doing is None else self.doing
        return Event(kind, traced(content, trace, f"a worker on {self.node}") if trace else content, index)

    def _greeted(self, version: str, node: str) -> Event | None:
        self.node = node
        if version != VERSION:
            has = f"has prm_gym {version}" if version else "has no prm_gym"
            return Event("refused", EngineError(f"the node {node} {has}, and this is {VERSION}: install the same version on every node of the cluster"))
        self.asked, self.pending = "begin", self.actor.begin.remote(self.crew.maker, sys.path)
        return None


class RayCrew(HandCrew[JobT, ResultT]):
    """Actors."""

    def __init__(self, engine: RayEngine, maker: Maker[JobT, ResultT]) -> None:
        super().__init__(engine.workers, engine.retries, engine.patience)
        self.ray: Any = engine.ray
        self.maker = self.ray.cloudpickle.dumps(maker)
        options: dict[str, Any] = {"num_cpus": engine.cpus, "num_gpus": engine.gpus, "max_restarts": 0, "max_task_retries": 0}
        self.host = self.ray.remote(_host_class(self.ray)).options(**options, scheduling_strategy="SPREAD")
        self.mailbox: Any = None
        self._opening: Any = None  # the first look into the mailbox, until it was there
        self._asked: Any = None  # letters that were asked for and are not there yet

    def run(self, jobs: Iterable[JobT], notice: Notice | None = None) -> Iterator[Finished[ResultT]]:
        """See `Crew.run`."""
        if notice is not None and self.mailbox is None:
            here = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(self.ray.get_runtime_context().get_node_id(), soft=True)
            self.mailbox = (
                self.ray.remote(_mailbox_class())
                .options(num_cpus=0, scheduling_strategy=here, max_restarts=self.retries, max_task_retries=self.retries)
                .remote()
            )
            self._opening = self.mailbox.take.remote()
        yield from super().run(jobs, notice)

    def open_mailbox(self) -> Any:
        """The mailbox, which is there now: on a busy machine it may begin after the workers, and letters do not wait for it as long."""
        if self._opening is not None:
            self.ray.wait([self._opening], timeout=self.patience)
            self._opening = None
        return self.mailbox

    def hire(self) -> Hand:
        """Ask for an actor."""
        return _RayHand(self)

    def events(self, seconds: float) -> list[tuple[Hand, Event]]:
        """See `HandCrew.events`."""
        asked = {hand.pending: hand for hand in self.hands if isinstance(hand, _RayHand) and hand.pending is not None}
        pending = list(asked)
        self.ray.wait(pending, num_returns=1, timeout=seconds)
        answered, _ = self.ray.wait(pending, num_returns=len(pending), timeout=0)
        found = self._reports(_LETTER_SECONDS if any(asked[reference].asked == "run" for reference in answered) else 0.0)
        for reference in answered:
            event = asked[reference].answered()
            if event is not None:
                found.append((asked[reference], event))
        return found

    def _reports(self, seconds: float) -> list[tuple[Hand, Event]]:
        """What was reported; where a job has ended it is waited for, `seconds` at most, for it belongs before the end of the job."""
        if self.mailbox is None:
            return []
        if self._asked is not None and not self.ray.wait([self._asked], timeout=seconds)[0]:
            return []
        letters = self._letters()
        self._asked = self.mailbox.take.remote()
        if self.ray.wait([self._asked], timeout=seconds)[0]:
            letters += self._letters()
        doing = {hand.doing: hand for hand in self.hands if hand.doing is not None}
        return [(doing[index], Event("said", content, index)) for index, content in letters if index in doing]

    def _letters(self) -> list[tuple[int, Any]]:
        asked, self._asked = self._asked, None
        try:
            return self.ray.get(asked) if asked is not None else []
        except self.ray.exceptions.RayError:  # what is reported is for the eye alone, and no work may fail for it
            return []

    def shortage(self) -> str:
        """What the cluster has."""
        free = {name: count for name, count in self.ray.available_resources().items() if name in ("CPU", "GPU")}
        return f": the cluster has {free or 'nothing'} to spare, and what is asked for is --workers {self.workers}"

    def close(self) -> None:
        """See `HandCrew.close`."""
        super().close()
        if self.mailbox is not None:
            with contextlib.suppress(self.ray.exceptions.RayError, ValueError):
                self.ray.kill(self.mailbox)
            self.mailbox = None
