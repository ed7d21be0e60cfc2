"""How a process comes to a Ray cluster: engines and pools of verifiers alike, so that whoever comes second finds what the first has joined."""

import math
import os
from typing import Any, NamedTuple

from prm_gym.errors import EngineError, MissingExtraError

LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Set to 0 before Ray is imported, it makes a cluster of one machine listen on the loopback interface, on every system, in spite of its name."""


class Connection(NamedTuple):
    """Ray, connected.

    Attributes:
        ray: the module.
        made: the process was not connected before; who asked for it disconnects, too.
    """

    ray: Any
    made: bool


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


def connect(address: str, cores: float) -> Connection:
    """Ray, connected: as this process is already, or to the address, or to a cluster on this machine alone that ends with the connection.

    Args:
        address: of a cluster; empty for that of RAY_ADDRESS, and where there is none, for a cluster on this machine.
        cores: processors that will be asked for; a cluster on this machine says that it has as many, and no fewer than the machine has.

    Raises:
        MissingExtraError: Ray is not installed.
        EngineError: the cluster cannot be had.
    """
    address = address or os.environ.get("RAY_ADDRESS", "")
    if not address:  # both are read when Ray is imported
        os.environ.setdefault(LOOPBACK, "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray = load_ray()
    if ray.is_initialized():
        return Connection(ray, made=False)
    there: dict[str, Any] = {"address": address}
    if not address:
        there = {"address": "local", "num_cpus": max(os.cpu_count() or 1, math.ceil(cores)), "include_dashboard": False}
    try:
        ray.init(**there, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # ray.init raises errors of many kinds, a bare Exception where a node does not start in time among them
        said = " ".join(str(error).split())
        raise EngineError(f"no Ray cluster at {address}: {said}" if address else f"no Ray cluster could be started on this machine: {said}") from error
    return Connection(ray, made=True)
