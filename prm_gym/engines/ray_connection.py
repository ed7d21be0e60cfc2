"""How a process comes to a Ray cluster, and leaves it: engines and pools of verifiers share one connection, which ends with the last of them that uses it."""

import math
import os
import socket
import threading
import weakref
from typing import Any

from prm_gym.errors import EngineError, MissingExtraError

LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Set to 0 before Ray is imported, it makes a cluster of one machine listen on the loopback interface, on every system, in spite of its name."""
ANSWER_SECONDS = 5.0
"""How long a port may take to answer before an address is given up; Ray itself tries for more than a minute."""

HANDLES: set[Any] = set()
"""Of actors, kept as long as the connection is: Ray ends an actor of the job when the handle goes with which it was made, and others may use it."""

_LOCK = threading.RLock()
_USERS: "weakref.WeakSet[Any]" = weakref.WeakSet()
_made: list[tuple[str, str]] = []  # cluster and job of the connection that was made here; none where somebody else made it, or there is none


def load_ray() -> Any:
    """The module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray", "ray") from error
    return ray


def connect(user: object, address: str, cores: float) -> Any:
    """Ray, connected: as this process is already, or to the address, or to a cluster on this machine alone that ends with the connection.

    Args:
        user: who needs the connection until it calls `leave`, or is no more.
        address: of a cluster; empty for that of RAY_ADDRESS, and where there is none, for a cluster on this machine.
        cores: processors that will be asked for; a cluster on this machine says that it has as many, and no fewer than the machine has.

    Returns:
        The module.

    Raises:
        MissingExtraError: Ray is not installed.
        EngineError: the cluster cannot be had, or this process is connected to another one.
    """
    asked, address = address, address or os.environ.get("RAY_ADDRESS", "")
    if not address:  # both are read when Ray is imported
        os.environ.setdefault(LOOPBACK, "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = load_ray()
    with _LOCK:
        if not ray.is_initialized():
            _begin(ray, address, cores)
            _made[:] = [_where(ray)]
        elif asked and user not in _USERS:
            _require_same(ray, asked)
        _USERS.add(user)
    return ray


def leave(user: object) -> None:
    """End the connection, and a cluster on this machine with it, if it was made here and nobody else uses it any more."""
    with _LOCK:
        if user not in _USERS:
            return
        _USERS.discard(user)
        ray = load_ray()
        # Whoever has disconnected and connected anew in the meantime keeps what they have.
        if not _USERS and ray.is_initialized() and _made == [_where(ray)]:
            _made.clear()
            HANDLES.clear()
            ray.shutdown()


def _begin(ray: Any, address: str, cores: float) -> None:
    HANDLES.clear()  # of a connection that somebody else has ended
    there: dict[str, Any] = {"address": address}
    if not address:
        there = {"address": "local", "num_cpus": max(os.cpu_count() or 1, math.ceil(cores)), "include_dashboard": False}
    _require_open(address)
    try:
        ray.init(**there, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # ray.init raises errors of many kinds, a bare Exception where a node does not start in time among them
        said = " ".join(str(error).split())
        raise EngineError(f"no Ray cluster at {address}: {said}" if address else f"no Ray cluster could be started on this machine: {said}") from error


def _where(ray: Any) -> tuple[str, str]:
    context = ray.get_runtime_context()
    return context.gcs_address, context.get_job_id()


def _require_same(ray: Any, asked: str) -> None:
    """Whether an address is that of the cluster that this process is connected to.

    It is not asked in a worker of the cluster, which has no other, and may have another name for it than the machine that sent the address; nor of an address
    of Ray's client ("ray://..."), which is not that of the cluster itself.

    Raises:
        EngineError: it is another one.
    """
    context = ray.get_runtime_context()
    if asked == "auto" or "://" in asked or context.worker.mode == ray.WORKER_MODE or _numeric(asked) == _numeric(context.gcs_address):
        return
    raise EngineError(
        f"this process is connected to the Ray cluster at {context.gcs_address}, and the one at {asked} is asked for: one process has one cluster. "
        "Close what uses the first one, or leave the address out"
    )


def _require_open(address: str) -> None:
    """Raise an EngineError where nothing listens at an address; one without a port ("auto") is left to Ray."""
    place = _place(address)
    if place is None:
        return
    try:
        socket.create_connection(place, timeout=ANSWER_SECONDS).close()
    except OSError as error:
        raise EngineError(
            f"no Ray cluster at {address}: nothing answers there ({error}). `ray start --head` says the address of a cluster; its port must be open to this one"
        ) from error


def _place(address: str) -> tuple[str, int] | None:
    """Host and port; None for an address that has none."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdecimal() and int(port) < 1 << 16 else None


def _numeric(address: str) -> tuple[str, int] | str:
    """An address as two spellings of it have it in common."""
    place = _place(address)
    if place is None:
        return address
    try:
        return socket.gethostbyname(place[0]), place[1]
    except OSError:
        return place
