"""Worker pools and isolated verifiers inside Ray actors and tasks; prints what came out as JSON."""

import json
import os
import sys
import time

import ray

FOLDER = os.path.dirname(os.path.abspath(__file__))


@ray.remote
class Actor:
    def __init__(self):
        from prm_gym.workers import WorkerPool

        sys.path.insert(0, FOLDER)
        self.pool = WorkerPool("worker_jobs:work", workers=2, deadline=0.5)

    def hang(self):
        return [result.status for result in self.pool.map([("echo", 1), ("sleep", 30), ("echo", 2)])]

    def step(self):
        import gymnasium

        import prm_gym  # noqa: F401 - registers the environments

        env = gymnasium.make("prm_gym/Deduction-v0", verifiers=["isolated(z3)"], difficulty=1)
        env.reset(seed=0)
        return env.step(env.unwrapped.solution()[0])[4]["verdicts"]["z3"].label

    def process_ids(self):
        return [result.value for result in self.pool.map([("process_id",)] * 4)]


@ray.remote
def task():
    from prm_gym.workers import WorkerPool

    sys.path.insert(0, FOLDER)
    with WorkerPool("worker_jobs:work", workers=1, deadline=0.5) as pool:
        return [result.status for result in pool.map([("sleep", 30), ("echo", 2)])]


def main():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    actors = [Actor.remote() for _ in range(2)]
    said = {
        "hang": ray.get([actor.hang.remote() for actor in actors]),
        "step": ray.get([actor.step.remote() for actor in actors]),
        "task": ray.get([task.remote() for _ in range(2)]),
    }
    orphans = ray.get(actors[0].process_ids.remote())
    ray.kill(actors[0])
    end = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in orphans) and time.monotonic() < end:
        time.sleep(0.05)
    said["left behind"] = [pid for pid in orphans if os.path.exists(f"/proc/{pid}")]
    ray.shutdown()
    print(json.dumps(said))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
