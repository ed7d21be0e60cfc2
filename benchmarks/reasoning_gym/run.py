"""Every data set of reasoning-gym through our environment: whether it works, what it costs, and what answers that know nothing earn.

    python benchmarks/reasoning_gym/run.py [--entries 20] [--json]

For every served data set, over its first entries: milliseconds until the first entry (the data set is made) and of a reset after that (an entry is made and
its known answer scored); how many entries were passed over for the next; how many of the first five levels of its curriculum can be made; what the known
answer earns; and what these earn on average: no answer, `0`, the question copied, the answer of the previous entry, and the best constant answer (among
the first ten distinct known ones; the entries that they are right for count). Every number is the outcome of an episode. The same entries are then made
in a second process whose strings hash in another way, and compared.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import prm_gym
from prm_gym.envs.adapters.reasoning_gym import ReasoningGymEnv
from prm_gym.errors import EnvironmentFault, OptionError
from prm_gym.procedural import REFUSED, SERVED
from prm_gym.task import Task, content_key

LEVELS = range(1, 6)


def begun(env: ReasoningGymEnv, index: int) -> float:
    """Milliseconds of a reset."""
    started = time.perf_counter()
    env.reset(seed=0, options={"task_index": index})
    return 1e3 * (time.perf_counter() - started)


def outcome(env: ReasoningGymEnv, beginning: bytes, answer: str) -> float:
    """What an answer earns in the episode that stands at its beginning."""
    env.restore(beginning)
    return float(env.step(f"<answer>{answer}</answer>")[4]["outcome"])


def levels(dataset: str) -> int:
    """How many of the first five levels of its curriculum can be made."""
    made = 0
    for level in LEVELS:
        try:
            ReasoningGymEnv(dataset=dataset, difficulty=level, verifiers=[], size=100).reset(seed=0)
            made += 1
        except (OptionError, EnvironmentFault):
            pass
    return made


def measured(dataset: str, entries: int) -> dict[str, Any]:
    """One row of the table."""
    started = time.perf_counter()
    env = ReasoningGymEnv(dataset=dataset, verifiers=[])
    begun(env, 0)
    first = 1e3 * (time.perf_counter() - started)
    times, tasks, beginnings = list[float](), list[Task](), list[bytes]()
    for index in range(entries):
        times.append(begun(env, index))
        tasks.append(env.task)
        beginnings.append(env.snapshot())
    golds: list[str] = [task.sealed["answer"] for task in tasks]
    passed = sum(task.metadata["index"] != index for index, task in enumerate(tasks))

    def mean(answer: Callable[[int], str]) -> float:
        return statistics.fmean(outcome(env, beginning, answer(index)) for index, beginning in enumerate(beginnings))

    return {
        "dataset": dataset,
        "first_ms": first,
        "entry_ms": statistics.median(times[1:]),
        "slowest_ms": max(times[1:]),
        "passed_over": passed,
        "levels": levels(dataset),
        "gold": mean(lambda index: golds[index]),
        "nothing": mean(lambda _: ""),
        "zero": mean(lambda _: "0"),
        "question": mean(lambda index: tasks[index].question),
        "previous": mean(lambda index: golds[index - 1]),
        "constant": max(mean(lambda _, gold=gold: gold) for gold in sorted(set(golds))[:10]),
        "digest": content_key(*(task.key for task in tasks)),
    }


def digests(entries: int, hash_seed: str) -> dict[str, str]:
    """The digests of all data sets from a process of its own."""
    command = [sys.executable, __file__, "--entries", str(entries), "--digests"]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def digest(dataset: str, entries: int) -> str:
    """One key for the first entries of a data set."""
    env, keys = ReasoningGymEnv(dataset=dataset, verifiers=[]), list[str]()
    for index in range(entries):
        begun(env, index)
        keys.append(env.task.key)
    return content_key(*keys)


def steps_per_second(action: str, episodes: int = 200) -> float:
    """Thoughts of the default environment with its verifiers, resets and answers included: 15 thoughts and an answer an episode."""
    env = ReasoningGymEnv()
    env.reset(seed=0)
    env.step("answer: 1")
    started = time.perf_counter()
    for _ in range(episodes):
        env.reset()
        for place in range(15):
            env.step(action.format(place))
        env.step(env.solution()[0])
    return 16 * episodes / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--digests", action="store_true", help="only the digests of the entries, as JSON")
    given = parser.parse_args()
    if given.digests:
        print(json.dumps({dataset: digest(dataset, given.entries) for dataset in sorted(SERVED)}))
        return
    rows = [measured(dataset, given.entries) for dataset in sorted(SERVED)]
    elsewhere = digests(given.entries, "12345")
    differing = [row["dataset"] for row in rows if elsewhere[row["dataset"]] != row["digest"]]
    speed = {"a thought with an equation": steps_per_second("3 * {0} = 6 legs"), "a thought in words": steps_per_second("I think of animal {0}")}
    if given.json:
        print(json.dumps({"version": prm_gym.__version__, "rows": rows, "differing": differing, "steps_s": speed}, indent=1))
        return
    print(f"{len(SERVED)} of {len(SERVED) + len(REFUSED)} data sets served; entries that differ in another process: {', '.join(differing) or 'none'}\n")
    print("| data set | first ms | entry ms | slowest ms | passed over | levels | known answer | nothing | 0 | question | previous | constant |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        times = " | ".join(f"{row[name]:.1f}" for name in ("first_ms", "entry_ms", "slowest_ms"))
        earned = " | ".join(f"{row[name]:.2f}" for name in ("gold", "nothing", "zero", "question", "previous", "constant"))
        print(f"| {row['dataset']} | {times} | {row['passed_over']} | {row['levels']} | {earned} |")
    print("\n| steps of the default environment | steps/s |\n|---|---|")
    for name, value in speed.items():
        print(f"| {name} | {value:,.0f} |")


if __name__ == "__main__":
    main()
