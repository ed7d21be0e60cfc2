"""A cluster of several node processes on this machine, for tests; and how one of its nodes is killed."""

import os
import signal
from contextlib import contextmanager

os.environ.update(
    {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback only; read when Ray is imported
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",  # by default workers stand behind everything else on the machine
        "RAY_raylet_start_wait_time_s": "120",  # a machine with other work
    }
)


@contextmanager
def cluster(nodes=2):
    """A head without processors and nodes with one each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(nodes):
            made.add_node(num_cpus=1)
        yield made
    finally:
        made.shutdown()


def kill(node):
    """Kill the process that is a node; its workers die with it."""
    (raylet,) = node.all_processes["raylet"]
    os.kill(raylet.process.pid, signal.SIGKILL)
