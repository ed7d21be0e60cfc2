"""Verifier pools on a cluster of two node processes, one of which is killed; prints what came out as JSON."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

os.environ.update(
    {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback only; read when Ray is imported
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",  # by default workers stand behind everything else on the machine
        "RAY_raylet_start_wait_time_s": "120",  # a machine with other work
    }
)

import psutil
import ray
from pool_judges import Recording
from ray.cluster_utils import Cluster

from prm_gym import StepContext, Task
from prm_gym.agent import make_agent
from prm_gym.claims import Equality
from prm_gym.engines import verifier_pool
from prm_gym.engines.verifier_pool import RayVerifier
from prm_gym.errors import PrmGymError
from prm_gym.rescore import contexts
from prm_gym.rollout import Rollouts, groups
from prm_gym.testing import check_verifier, claim_case
from prm_gym.verifier import make_verifier, verify_batch

FOLDER = Path(sys.argv[1])
TASK = Task(key="t", instructions="", question="")


def step(action, observation=""):
    return StepContext(task=TASK, observation=observation, action=action)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids, seconds=30.0):
    limit = time.monotonic() + seconds
    while any(alive(pid) for pid in pids) and time.monotonic() < limit:
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def ready(pool, count):
    """Wait until so many actors can judge."""
    limit = time.monotonic() + 120
    while len(pool.processes) < count and time.monotonic() < limit:
        for seat in pool._seats:
            seat.look()
        time.sleep(0.05)
    return pool


def logged(folder):
    return [line for path in folder.iterdir() for line in path.read_text().splitlines()]


def same():
    """Verdicts in the process and in a pool, of real episodes."""
    said = {}
    for env_id, spec in (
        ("prm_gym/Deduction-v0", "z3"),
        ("prm_gym/Countdown-v0", "all(arithmetic, reachable)"),
        ("prm_gym/CodeSteps-v0", "execution:all"),
    ):
        rollouts = Rollouts(env_id, {}, 4)
        steps = [step for found in rollouts.play(make_agent("scripted"), groups(range(4), 1)) for step in contexts(found)]
        steps += [step for found in rollouts.play(make_agent("random"), groups(range(4), 1, "r")) for step in contexts(found)]
        rollouts.close()
        here, there = make_verifier(spec), make_verifier(f"ray({spec}, actors=1)")
        ours, theirs = verify_batch([here], steps), verify_batch([there], steps)
        attributes = [(made.id, made.version, made.claims, made.pure) for made in (here, there)]
        timed = all(row[there.id].queued_seconds > 0 and row[there.id].run_seconds > 0 for row in theirs)
        said[spec] = [len(steps) > 8, ours == theirs, attributes[0] == attributes[1], timed]
        if spec == "z3":
            stopped = there.processes
        here.close()
        there.close()
    said["ended"] = gone(stopped)
    return said


def bounded():
    """What is in flight when a batch is large."""
    (FOLDER / "bounded").mkdir()
    pool = RayVerifier(Recording(str(FOLDER / "bounded")), actors=1, chunk_steps=10, chunk_mb=1.0, in_flight=2)
    verdicts = pool.verify([step(str(place), "x" * 200_000) for place in range(60)])  # 5 steps to a MiB, so that chunks of 10 are halved
    said = {
        "order": [verdict.reason for verdict in verdicts] == [str(place) for place in range(60)],
        "in flight": pool.counts.most_in_flight,
        "MiB": pool.counts.most_bytes / 2**20,
        "sent": pool.counts.sent,
        "threshold": pool.threshold,
    }
    said["raised"] = [(verdict.status, verdict.score, verdict.reason) for verdict in pool.verify([step("raise"), step("good")])]
    pool.close()
    return said


def shared():
    """Two callers in different processes, one pool with a name; and another pool, which their going does not touch."""
    (FOLDER / "shared").mkdir()
    member = Recording(str(FOLDER / "shared"))
    mine = RayVerifier(member, actors=1, name="judges")
    other = RayVerifier(member, actors=1)

    @ray.remote(num_cpus=0)
    def elsewhere(pool):
        verdict = pool.verify([step("theirs")])[0]
        found = pool.processes
        pool.close()
        return found, verdict.reason, os.getpid()

    found, reason, process = ray.get(elsewhere.remote(mine))
    said = {"one pool": found == mine.processes and process != os.getpid(), "theirs": reason}
    said["still there"] = [verdict.reason for verdict in mine.verify([step("mine")])]
    try:
        RayVerifier("arithmetic", actors=1, name="judges")
    except PrmGymError as error:
        said["another verifier"] = f"{type(error).__name__}: {error}"
    left = mine.processes
    mine.close()
    said["ended"] = gone(left)
    said["not ours"] = [alive(pid) for pid in other.processes]
    idle = RayVerifier(member, actors=1, name="idle", idle_seconds=1.0)
    left = idle.processes
    said["idle"] = gone(left)
    said["again"] = [verdict.reason for verdict in idle.verify([step("again")])]
    idle.close()
    other.close()
    return said


def versions():
    before, verifier_pool.VERSION = verifier_pool.VERSION, "0.0.1"
    try:
        RayVerifier("arithmetic", actors=1)
    except PrmGymError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        verifier_pool.VERSION = before


def deadly():
    """A step that kills every actor that judges it, among others; and one alone."""
    (FOLDER / "deadly").mkdir()
    pool = RayVerifier(Recording(str(FOLDER / "deadly")), actors=1, retries=2)
    verdicts = pool.verify([step(action) for action in ("a", "die", "b")])
    said = {"verdicts": [(verdict.status, verdict.score, verdict.reason.partition(", the last")[0]) for verdict in verdicts]}
    said["resent"] = pool.counts.resent
    said["seconds"] = all(verdict.queued_seconds > 0 for verdict in verdicts)
    pool.close()
    return said


def killed(cluster, node):
    """A node is killed while its actor judges a large batch."""
    (FOLDER / "killed").mkdir()
    pool = ready(RayVerifier(Recording(str(FOLDER / "killed"), 0.02), actors=2, cpus=1.0, chunk_steps=8), 2)
    steps, done = [step(str(place)) for place in range(400)], []
    caller = threading.Thread(target=lambda: done.extend(pool.verify(steps)))
    caller.start()
    while len(logged(FOLDER / "killed")) < 60:
        time.sleep(0.01)
    unfinished = not done
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    for process in [*raylet.children(recursive=True), raylet]:
        process.send_signal(signal.SIGKILL)
    caller.join(200)
    judged = logged(FOLDER / "killed")
    said = {
        "in the middle": unfinished,
        "of two nodes": len({seat.handle._actor_id for seat in pool._seats}) == 2 and len(list((FOLDER / "killed").iterdir())) >= 2,
        "order": [verdict.reason for verdict in done] == [str(place) for place in range(400)],
        "status": sorted({(verdict.status, verdict.score) for verdict in done}),
        "resent": pool.counts.resent,
        "judged twice": len(judged) - len(set(judged)),
        "never judged": len(set(map(str, range(400))) - set(judged)),
        "queued": all(0 < verdict.queued_seconds < 300 and verdict.run_seconds >= 0.02 for verdict in done),
    }
    pool.close()
    return said


def alone():
    """In a process that is not connected: a cluster of this machine alone, for as long as a pool is open."""
    pool, other = RayVerifier("arithmetic", actors=1), RayVerifier("arithmetic", actors=1)
    left = pool.processes
    pool.close()
    said = [ray.is_initialized(), other.processes == left, gone(left, 0.0)]
    other.close()
    return [*said, ray.is_initialized(), gone(left)]


def main():
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    said = {}
    for name, part in (("same", same), ("bounded", bounded), ("shared", shared), ("versions", versions), ("deadly", deadly)):
        said[name] = part()
    check_verifier("ray(arithmetic, actors=1)", [claim_case("full", Equality("2 * 3", "6")), claim_case("zero", Equality("2 * 3", "7"))])
    said["killed"] = killed(cluster, node)
    ray.shutdown()
    cluster.shutdown()
    said["alone"] = alone()
    print(json.dumps(said))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
