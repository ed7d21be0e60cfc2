"""A verifier whose verdicts come from a pool of Ray actors, shared by all who ask for the same.

    RayVerifier("prm:DIR", actors=4, gpus=1)      # or ray(prm:DIR, actors=4, gpus=1) in a specification

The model is loaded once an actor, not once a rollout worker. Without `name` the pool belongs to the Ray job: every process of the job that asks for the same
verifier with the same options gets the same actors, and they end with the job at the latest. With a name it belongs to the cluster: other jobs find it, and
it ends when its last user has closed it or nobody has asked for `idle_seconds`.
"""

import pickle
import random
import time
import uuid
from collections.abc import Sequence
from typing import Any

from prm_gym._version import VERSION
from prm_gym.compose import one_verifier
from prm_gym.engines.pool_call import Counts, PoolCall
from prm_gym.engines.pool_options import PoolOptions
from prm_gym.engines.pool_seat import Seat
from prm_gym.engines.ray_connection import connect, leave, load_ray
from prm_gym.engines.verifier_actor import HELD_CHUNKS, Description, VerifierActor
from prm_gym.errors import EngineError, OptionError, WorkerError
from prm_gym.plugins import make, split_options
from prm_gym.task import content_key
from prm_gym.verdict import Verdict
from prm_gym.verifier import StepContext, Verifier, VerifierSpec

NAMESPACE = "prm_gym"
# How often it is looked whether an actor can judge.
NAP_SECONDS = 0.05
# How long a pool that is closed waits for the answers of its actors.
PARTING_SECONDS = 5.0


class RayVerifier(Verifier):
    """One verifier in a pool of Ray actors: the same verdicts under the same id.

    A batch is cut into chunks by number and by bytes, and at most `in_flight` of them are under way an actor; the caller waits meanwhile. An actor that
    dies is made again, on another node if need be, and its chunks are sent once more: first whole and with nothing beside them, then step by step, so that
    a step which kills actors costs its neighbours nothing. A step over which more than `retries` actors have died, and steps for which no actor can be had
    for `start_seconds`, get the status `error` without a score. Every step gets exactly one verdict.

    `run_seconds` is what the verifier measures in the actor; `queued_seconds` everything else between the call and the arrival of the verdict: waiting for
    an actor, in it, and on the way, lost attempts included.

    A verifier that can hang hangs its actor: write `ray(isolated(z3))`. One that remembers earlier steps should not be pooled, for it sees a part of them.
    A verifier is asked by one thread at a time; several threads take one each, which share the pool.
    """

    def __init__(  # noqa: PLR0913 - what a specification may say
        self,
        member: VerifierSpec,
        *,
        actors: int = 2,
        name: str = "",
        cpus: float = 0.0,
        gpus: float = 0.0,
        chunk_steps: int = 64,
        chunk_mb: float = 4.0,
        batch_steps: int = 256,
        in_flight: int = 2,
        retries: int = 3,
        start_seconds: float = 300.0,
        idle_seconds: float = 600.0,
        address: str = "",
    ) -> None:
        """Find the pool or make it, and wait until an actor can judge.

        Args:
            member: a specification; a verifier, class or function must be something that can be pickled, and imported on all nodes.
            actors: how many, >= 1.
            name: under which all jobs of the cluster find the pool; empty for a pool of this job.
            cpus: processors that the cluster keeps for an actor, a fraction too; 0 puts it anywhere, beside others.
            gpus: GPUs likewise: 0.25 puts four actors on one.
            chunk_steps: of a chunk, at most.
            chunk_mb: MiB of a chunk, at most, where it has more than one step.
            batch_steps: that an actor judges in one call, of several callers together, at most.
            in_flight: chunks an actor under way in a call, at most.
            retries: actors that may die over a step beyond the first, before it gets the status `error`; below 2 its neighbours in the chunk may get it too.
            start_seconds: how long to wait for an actor.
            idle_seconds: after which a pool with a name ends when nobody asks.
            address: of the cluster; empty for that of RAY_ADDRESS, else for one on this machine alone. Of a process that is connected already, that cluster.

        Raises:
            MissingExtraError: Ray is not installed.
            OptionError: an option is out of range, the member cannot be pickled, or the pool of that name judges with another verifier.
            WorkerError: no actor can be had, or the nodes have another version of this library.
            PrmGymError: what making the verifier raises, as for a name that is unknown.
        """
        self.options = PoolOptions(
            actors=actors,
            name=name,
            cpus=cpus,
            gpus=gpus,
            chunk_steps=chunk_steps,
            chunk_mb=chunk_mb,
            batch_steps=batch_steps,
            in_flight=in_flight,
            retries=retries,
            start_seconds=start_seconds,
            idle_seconds=idle_seconds,
            address=address,
        )
        try:
            self._member = pickle.dumps(member)
        except Exception as error:  # pickling raises whatever it likes
            raise OptionError(f"the verifier {member!r} cannot be pickled: {type(error).__name__}: {error}") from error
        self.counts = Counts()
        self._seats: list[Seat] = []
        self._user = ""
        said = self._await_first()
        self.id, self.version, self.pure = said.id, said.version, said.pure
        self.claims = said.claims  # pyright: ignore[reportAttributeAccessIssue] - those of its member
        self._wants_claims = said.wants_claims
        for attribute, value in said.extras.items():
            setattr(self, attribute, value)

    @property
    def wants_claims(self) -> bool:
        """Whether its member judges claims."""
        return self._wants_claims

    def __getstate__(self) -> dict[str, Any]:
        """A copy finds the pool again, in another process of the job too."""
        return {**self.__dict__, "_seats": [], "_user": "", "counts": Counts()}

    @property
    def processes(self) -> list[int]:
        """Process ids of the actors that can judge, each on its own node."""
        return [seat.description.process for seat in self._seats if seat.description is not None]

    def _connected(self) -> Any:
        """Ray, connected to the cluster of the pool.

        Raises:
            MissingExtraError: Ray is not installed.
            WorkerError: the cluster cannot be had.
        """
        try:
            return connect(self, self.options.address, self.options.actors * self.options.cpus)
        except EngineError as error:
            raise WorkerError(f"{error}; the pool of verifiers has no place") from error

    def _open(self) -> list[Seat]:
        """The actors, asked what they are when they are new."""
        if not self._seats:
            ray = self._connected()
            self._user = uuid.uuid4().hex
            self._seats = [Seat(ray, self._actor(ray, place), (self._user, VERSION, self._member)) for place in range(self.options.actors)]
            random.Random(self._user).shuffle(self._seats)  # callers begin with different ones
        return self._seats

    def _actor(self, ray: Any, place: int) -> Any:
        """What makes one actor of the pool, or finds it."""
        options = self.options
        shared = options.name or content_key(self._member, repr((options.actors, options.cpus, options.gpus, options.batch_steps)))
        made = ray.remote(VerifierActor).options(
            name=f"verifier/{shared}/{place}",
            namespace=NAMESPACE if options.name else None,
            lifetime="detached" if options.name else None,
            get_if_exists=True,
            num_cpus=options.cpus,
            num_gpus=options.gpus,
            max_restarts=-1,
            max_task_retries=0,  # we send again ourselves, and count
            max_concurrency=HELD_CHUNKS,
            scheduling_strategy="SPREAD",
        )
        idle = options.idle_seconds if options.name else 0.0
        return lambda: made.remote(self._member, options.batch_steps, idle)

    def _await_first(self) -> Description:
        """The description of the first actor that can judge."""
        deadline = time.monotonic() + self.options.start_seconds
        while True:
            seats = self._open()
            for seat in seats:
                seat.look()
                if seat.description is not None:
                    return seat.description
                if seat.refusal is not None:
                    refusal = seat.refusal
                    self.close()
                    raise refusal
            if time.monotonic() > deadline:
                reason = self._nobody()
                self.close()
                raise WorkerError(reason)
            time.sleep(NAP_SECONDS)

    def _nobody(self) -> str:
        options = self.options
        causes = sorted({seat.cause for seat in self._seats if seat.cause})
        free = self._connected().available_resources()
        return (
            f"no actor of the pool could be had within {options.start_seconds:g} s; each wants {options.cpus:g} CPU and {options.gpus:g} GPU, and "
            f"{free.get('CPU', 0.0):g} CPU and {free.get('GPU', 0.0):g} GPU are free in the cluster{': ' if causes else ''}{'; '.join(causes)}"
        )

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step, in order."""
        if not steps:
            return []
        call = PoolCall(self._connected(), self._open(), steps, self.options, self._user, self.id)
        try:
            return call.run(self._nobody)
        finally:
            call.abandon()
            self.counts = self.counts.plus(call.counts)

    def close(self) -> None:
        """Leave the pool; actors that nobody else uses end, and so does the connection to Ray, where it was made for a pool or an engine and this is the last.

        Asked again, it finds the pool or makes it.
        """
        seats, self._seats = self._seats, []
        if seats and load_ray().is_initialized():
            for seat in seats:
                seat.leave(self._user, PARTING_SECONDS)
        leave(self)


def ray_composition(members: Sequence[str]) -> Verifier:
    """One verifier in a pool of Ray actors: `ray(z3, actors=4)`, `ray(prm:DIR, actors=4, gpus=0.5, name=judges)`.

    Raises:
        OptionError: there is not exactly one verifier, or an option does not fit.
    """
    verifier, texts = one_verifier("ray", members)
    _, options = split_options("?" + "&".join(f"{name}={value}" for name, value in texts.items()))
    return make("composition of verifiers", "ray", RayVerifier, verifier, **options)
