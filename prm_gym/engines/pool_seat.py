"""One actor of a verifier pool, as one of its callers sees it."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prm_gym.engines.ray_connection import HANDLES
from prm_gym.engines.verifier_actor import Description
from prm_gym.errors import PrmGymError, WorkerError

# How long to wait before an actor that could not be reached is asked again; doubled every time.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
# Reasons are for persons; Ray's explain at length.
MAX_REASON = 300


class Seat:
    """Whether the actor can judge.

    Attributes:
        handle: of the actor; None until it has been made or found.
        description: of what it judges; None where it cannot judge (yet, or since it died).
        refusal: the error with which it refused to say what it judges.
        cause: why it cannot judge, in words; empty where nothing is known.
        generation: counts its losses; what was sent before the last one tells nothing about the actor of now.
    """

    def __init__(self, ray: Any, find: Callable[[], Any], greeting: tuple[Any, ...]) -> None:
        """Make or find the actor and ask what it judges.

        Args:
            ray: the module, connected.
            find: makes or finds the actor.
            greeting: what it is asked with.
        """
        self.handle: Any = None
        self.probe: Any = None
        self.description: Description | None = None
        self.refusal: PrmGymError | None = None
        self.cause = ""
        self.generation = 0
        self._ray, self._find, self._greeting = ray, find, greeting
        self._pause = FIRST_PAUSE
        self._again = 0.0
        self.look()

    def look(self) -> None:
        """See whether the actor can judge by now; where it was lost, ask again when it is time."""
        if self.description is not None:
            return
        if self.probe is None:
            if time.monotonic() >= self._again:
                self._ask()
            return
        if not self._ray.wait([self.probe], timeout=0)[0]:
            return
        probe, self.probe = self.probe, None
        try:
            self.description = self._ray.get(probe)
            self.refusal, self.cause, self._pause = None, "", FIRST_PAUSE
        except self._ray.exceptions.RayTaskError as error:
            self.refusal = error.cause if isinstance(error.cause, PrmGymError) else WorkerError(f"the verifier cannot be made: {said(error.cause or error)}")
            self.cause = said(self.refusal)
            self._later()
        except self._ray.exceptions.RayError as error:
            self.lost(error, self.generation)

    def lost(self, error: Exception, generation: int) -> None:
        """The actor has died, or cannot be reached.

        Args:
            error: how this showed.
            generation: of the seat, when what showed it was sent.
        """
        if generation != self.generation:
            return
        self.generation += 1
        self.description, self.probe, self.cause = None, None, said(error)
        if isinstance(error, self._ray.exceptions.ActorDiedError):
            HANDLES.discard(self.handle)
            self.handle = None  # for good: another must be made
        self._later()

    def leave(self, user: str, patience: float) -> None:
        """Say that the caller does not need the actor any more; end it if nobody else does.

        Args:
            user: id of the caller.
            patience: seconds to wait for its answer.
        """
        if self.probe is not None:  # an error that nobody fetches would be printed
            with suppress(self._ray.exceptions.RayError, TimeoutError):
                self._ray.get(self.probe, timeout=patience)
        if self.handle is None:
            return
        try:
            left = self._ray.get(self.handle.leave.remote(user), timeout=patience)
        except (self._ray.exceptions.RayError, TimeoutError):
            return  # dead already, or at work for others: it ends when they leave, or with the job
        if left == 0:
            self._ray.kill(self.handle)
            HANDLES.discard(self.handle)

    def _ask(self) -> None:
        try:
            if self.handle is None:
                self.handle = self._find()
                HANDLES.add(self.handle)
            self.probe = self.handle.describe.remote(*self._greeting)
        except (ValueError, self._ray.exceptions.RayError) as error:  # one of that name is just ending
            self.handle, self.cause = None, said(error)
            self._later()

    def _later(self) -> None:
        self._again = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


def said(error: BaseException) -> str:
    """An error in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {' '.join(lines)}"
    return text if len(text) <= MAX_REASON else text[:MAX_REASON] + " ..."
