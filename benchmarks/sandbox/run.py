"""What running untrusted code costs, what it withstands, and whether it stays flat.

    python benchmarks/sandbox/run.py                   # speed: jobs a second and latency, by way, tier and number of workers
    python benchmarks/sandbox/run.py --attacks         # the attack suite, by tier and user
    python benchmarks/sandbox/run.py --soak 100000     # many jobs of every kind, failing and hanging ones among them

With `--json` the same as JSON. Every way runs the same programs, one way after the other, `REPEATS` times round; the median is told.
"""

import argparse
import importlib.util
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import track

from prm_gym.errors import SandboxError
from prm_gym.sandbox import TIERS, Limits, Sandbox, SandboxWarning, Tier
from prm_gym.workers import WorkerPool

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "sandbox" / "attack_suite.py"
AS_USER = ROOT / "tests" / "sandbox" / "as_user.py"
ORDINARY_USER = 65534
REPEATS = 3
PROGRAM = "print(sum(range(100)))"
ANSWER = "4950\n"
SCIENCE = "import numpy, sympy\nx = sympy.Symbol('x')\nprint(numpy.arange(10).sum(), sympy.expand((x + 1) ** 2))"
FUNCTION = "def f(n):\n    return sum(i * i for i in range(n % 10))"
DATABASE = "CREATE TABLE t(id INTEGER, x REAL); " + "".join(f"INSERT INTO t VALUES ({i}, {i / 7});" for i in range(100))
QUERY = "SELECT count(*), avg(x) FROM t WHERE id % 3 = 1"
# Jobs of one measurement, by how dear they are.
MANY, SOME, FEW = 600, 200, 40


class Way:
    """A way of running a program.

    Attributes:
        name: for the table.
        once: runs one job and returns whether it came out right.
        batch: runs so many jobs, side by side where the way allows it; returns whether all came out right.
        jobs: how many jobs a measurement has.
        calls: calls of a function in each job.
    """

    def __init__(self, name: str, once: Callable[[], bool], batch: Callable[[int], bool], jobs: int = MANY, calls: int = 1) -> None:
        self.name, self.once, self.batch, self.jobs, self.calls = name, once, batch, jobs, calls
        self.rates: list[float] = []
        self.latencies: list[float] = []

    def measure(self) -> None:
        """One round: jobs a second, and seconds of single jobs."""
        started = time.perf_counter()
        right = self.batch(self.jobs)
        self.rates.append(self.jobs / (time.perf_counter() - started))
        for _ in range(self.jobs // 2):
            started = time.perf_counter()
            right = self.once() and right
            self.latencies.append(time.perf_counter() - started)
        if not right:
            raise SystemExit(f"{self.name}: a job did not come out right")

    def row(self) -> dict[str, Any]:
        """What was measured."""
        latencies = sorted(self.latencies)
        return {
            "way": self.name,
            "jobs_per_second": statistics.median(self.rates),
            "calls_per_second": statistics.median(self.rates) * self.calls,
            "median_ms": 1000 * statistics.median(latencies),
            "p99_ms": 1000 * latencies[int(0.99 * (len(latencies) - 1))],
        }


def spawned(command: Sequence[str], workers: int, name: str) -> Way:
    """A fresh process a job."""

    def once() -> bool:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout == ANSWER

    def numbered(_: int) -> bool:
        return once()

    def batch(count: int) -> bool:
        with ThreadPoolExecutor(workers) as threads:
            return all(threads.map(numbered, range(count)))

    return Way(name, once, batch, jobs=FEW if "I" not in name else SOME // 2)


def reused(workers: int) -> tuple[Way, WorkerPool]:
    """`exec` in workers that are used again."""
    pool = WorkerPool("exec_job:work", workers=workers, deadline=10.0)

    def batch(count: int) -> bool:
        return all(result.value == ANSWER for result in pool.map([PROGRAM] * count))

    return Way("exec in a reused worker: no isolation", lambda: batch(1), batch), pool


def sandboxed(tier: Tier, workers: int) -> list[Way]:
    """What the sandbox does, at a tier."""
    sandbox = Sandbox(workers=workers, tier=tier)

    def run(count: int, program: str = PROGRAM, answer: str = ANSWER) -> bool:
        return all(found.stdout == answer for found in sandbox.run_all([program] * count))

    def call(count: int, cases: int) -> bool:
        given = [[case] for case in range(cases)]
        last = sum(i * i for i in range((cases - 1) % 10))
        return all(found.results[-1].value == last for found in sandbox.call_all([(FUNCTION, "f", given)] * count))

    def test(count: int) -> bool:
        return all(found.passed for found in sandbox.test_all([(FUNCTION, "assert f(3) == 5\nassert f(0) == 0")] * count))

    def query(count: int) -> bool:
        return all(found.rows[0][0] == 33 for found in sandbox.sql_all([(QUERY, DATABASE)] * count))

    science = partial(run, program=SCIENCE, answer="45 x**2 + 2*x + 1\n")
    loaded = partial(run, program=f"{PROGRAM}  # numpy")
    ways = [Way(f"run, tier {tier}", lambda: run(1), run)]
    for cases in (20, 200) if tier == "A" else ():
        ways.append(Way(f"call with {cases} cases, tier A", partial(call, 1, cases), partial(call, cases=cases), SOME if cases == 20 else FEW, cases))
    if tier == "A":
        ways += [
            Way("test: two processes, tier A", lambda: test(1), test, SOME),
            Way("sql, tier A", lambda: query(1), query, SOME),
            Way("run with numpy and sympy loaded, tier A", lambda: loaded(1), loaded, SOME // 2),
            Way("run that uses them, tier A", lambda: science(1), science, FEW),
        ]
    return ways


def offered() -> list[Tier]:
    """The tiers of this machine, D left out."""
    found: list[Tier] = []
    for tier in TIERS[:3]:
        try:
            with Sandbox(workers=1, tier=tier) as sandbox:
                sandbox.run("")
        except SandboxError as error:
            print(f"tier {tier} is not offered here: {error}", file=sys.stderr)
            continue
        found.append(tier)
    return found


def speed(workers: int) -> list[dict[str, Any]]:
    """The table of speeds."""
    sys.path.insert(0, str(Path(__file__).parent))
    plain, pool = reused(workers)
    ways = [plain]
    for tier in offered():
        ways += sandboxed(tier, workers)
    ways.append(spawned([sys.executable, "-I", "-S", "-c", PROGRAM], workers, "subprocess python -I -S"))
    if shutil.which("bwrap"):
        isolated = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", sys.executable, "-I", "-S", "-c", PROGRAM]
        ways.append(spawned(isolated, workers, "bubblewrap and python -I -S"))
    for way in ways:
        way.batch(4)  # starts what has to be started
    for _ in range(REPEATS):
        for way in ways:
            way.measure()
    pool.close()
    return [way.row() for way in ways]


def table(rows: Sequence[dict[str, Any]], base: str) -> str:
    """As Markdown, with ratios against a way."""
    rate = next(row["jobs_per_second"] for row in rows if row["way"] == base)
    lines = ["| | jobs/s | against the subprocess | calls/s | median ms | p99 ms |", "|---|---|---|---|---|---|"]
    for row in rows:
        calls = f"{row['calls_per_second']:,.0f}" if row["calls_per_second"] != row["jobs_per_second"] else ""
        figures = f"{row['jobs_per_second']:,.0f} | {row['jobs_per_second'] / rate:.2f} | {calls} | {row['median_ms']:.2f} | {row['p99_ms']:.2f}"
        lines.append(f"| {row['way']} | {figures} |")
    return "\n".join(lines)


def attacked() -> dict[str, dict[str, list[int]]]:
    """Of each category at each tier: how many programs were withstood, and how many were tried; as the user who runs this."""
    described = importlib.util.spec_from_file_location("attack_suite", SUITE)
    if described is None or described.loader is None:
        raise SystemExit(f"the attack suite is not at {SUITE}")
    suite = importlib.util.module_from_spec(described)
    sys.modules["attack_suite"] = suite
    described.loader.exec_module(suite)
    found: dict[str, dict[str, list[int]]] = {}
    for tier in offered():
        with tempfile.TemporaryDirectory() as folder:
            ground = suite.Range(tier, Path(folder))
            tried, held = Counter[str](), Counter[str]()
            for attack in track([attack for attack in suite.attacks() if attack.tried_at(tier)], f"tier {tier}", console=None, disable=not sys.stderr.isatty()):
                broken: list[str] = ground.fire(attack)
                tried[attack.category] += 1
                held[attack.category] += not broken
                if broken:
                    print(f"tier {tier}: {attack.name}: {'; '.join(broken)}", file=sys.stderr)
            found[tier] = {category: [held[category], tried[category]] for category in sorted(tried)}
            ground.sandbox.close()
    return found


def attacked_by_both() -> dict[str, dict[str, dict[str, list[int]]]]:
    """As the user who runs this, and where that is root, as an ordinary one as well."""
    found = {"root" if os.geteuid() == 0 else "ordinary user": attacked()}
    if os.geteuid() == 0:
        command = [sys.executable, str(AS_USER), str(ORDINARY_USER), str(ROOT), sys.executable, __file__, "--attacks", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        sys.stderr.write(done.stderr)
        if done.returncode == 0:
            found |= json.loads(done.stdout)["attacks"]
    return found


def attack_table(found: dict[str, dict[str, dict[str, list[int]]]]) -> str:
    """As Markdown."""
    columns = [(user, tier) for user, tiers in found.items() for tier in tiers]
    categories = sorted({category for tiers in found.values() for counts in tiers.values() for category in counts})
    lines = ["| withstood / tried | " + " | ".join(f"tier {tier}, {user}" for user, tier in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for category in categories:
        cells = ["{} / {}".format(*found[user][tier].get(category, [0, 0])) for user, tier in columns]
        lines.append(f"| {category} | " + " | ".join(cells) + " |")
    totals = [[sum(counts[i] for counts in found[user][tier].values()) for i in (0, 1)] for user, tier in columns]
    lines.append("| **all** | " + " | ".join(f"**{held} / {tried}**" for held, tried in totals) + " |")
    return "\n".join(lines)


def below(pid: int) -> list[int]:
    """Processes below one."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    parents = {int(line.split()[0]): int(line.split()[1]) for line in listed.splitlines() if "ps -e" not in line}
    found: list[int] = [pid]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    return found[1:]


def resident_mib(pids: Sequence[int]) -> float:
    """Of all together."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        total += int(text.partition("VmRSS:")[2].split()[0])
    return total / 1024


# What a job of the soak is: its share, the program, and how it must end.
KINDS: list[tuple[int, str, str]] = [
    (6000, PROGRAM, "ok"),
    (1000, "1 / 0", "exception"),
    (1000, "open('f', 'w').write('x' * 10_000)", "ok"),
    (500, "import os\nos.kill(os.getpid(), 9)", "crash"),
    (500, "import threading\nthreading.Thread(target=print, args=(1,)).start()", "ok"),
    (400, "x = bytearray(1 << 30)", "memory"),
    (400, "while True: print('x' * 10_000)", "output"),
    (190, "import os\nos.makedirs('a/b/c')\nos.fork()", "exception"),
    (10, "while True: pass", "timeout"),
]


def soak(jobs: int) -> dict[str, Any]:
    """Many jobs; what the host, its files and its processes look like after each hundredth of them."""
    chance = random.Random(20)
    sandbox = Sandbox(workers=2, limits=Limits(wall_seconds=1.0))
    limits = Limits(wall_seconds=0.2)
    weights = [share for share, _, _ in KINDS]
    wrong, samples = Counter[str](), list[dict[str, float]]()
    size = max(jobs // 100, 10)
    started = time.perf_counter()
    for done in track(range(0, jobs, size), f"{jobs:,} jobs", disable=not sys.stderr.isatty()):
        drawn = chance.choices(KINDS, weights, k=size)
        slow = [program for _, program, ending in drawn if ending == "timeout"]
        others = [(program, ending) for _, program, ending in drawn if ending != "timeout"]
        for (_, ending), run in zip(others, sandbox.run_all([program for program, _ in others]), strict=True):
            wrong[f"{ending}: {run.status}"] += run.status != ending
        for run in sandbox.run_all(slow, limits=limits):
            wrong[f"timeout: {run.status}"] += run.status != "timeout"
        calls = sandbox.call(FUNCTION, "f", [(case,) for case in range(20)])
        wrong["call"] += calls.results[-1].value != sum(i * i for i in range(9))
        wrong["test"] += not sandbox.test(FUNCTION, "assert f(3) == 5").passed
        wrong["sql"] += sandbox.sql(QUERY, DATABASE).status != "ok"
        pids = below(os.getpid())
        samples.append(
            {
                "jobs": done + size + 4,
                "host_mib": resident_mib([os.getpid()]),
                "zygotes_mib": resident_mib(pids),
                "descriptors": len(os.listdir("/proc/self/fd")),
                "processes": len(pids),
            }
        )
    seconds = time.perf_counter() - started
    sandbox.close()
    return {"jobs": jobs, "seconds": seconds, "wrong": {name: count for name, count in wrong.items() if count}, "samples": samples}


def soak_table(found: dict[str, Any]) -> str:
    """As Markdown: after a tenth, a half and all of it."""
    samples = found["samples"]
    lines = ["| jobs | host MiB | zygotes MiB | descriptors | processes |", "|---|---|---|---|---|"]
    for place in (len(samples) // 10, len(samples) // 2, len(samples) - 1):
        sample = samples[place]
        lines.append(f"| {sample['jobs']:,} | {sample['host_mib']:.1f} | {sample['zygotes_mib']:.1f} | {sample['descriptors']} | {sample['processes']} |")
    return "\n".join([*lines, "", f"{found['jobs'] / found['seconds']:,.0f} jobs/s; ended otherwise than they must: {found['wrong'] or 'none'}"])


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="results as JSON")
    parser.add_argument("--attacks", action="store_true", help="the attack suite instead")
    parser.add_argument("--soak", type=int, default=0, metavar="JOBS", help="so many jobs instead")
    options = parser.parse_args()
    warnings.simplefilter("ignore", SandboxWarning)
    found: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}, Python {platform.python_version()}"}
    shown: list[str] = []
    if options.attacks:
        found["attacks"] = attacked_by_both()
        shown.append(attack_table(found["attacks"]))
    elif options.soak:
        found["soak"] = soak(options.soak)
        shown.append(soak_table(found["soak"]))
    else:
        found["speed"] = {str(workers): speed(workers) for workers in (1, 2)}
        shown += [f"{workers} worker(s)\n\n" + table(rows, "subprocess python -I -S") for workers, rows in found["speed"].items()]
    print(json.dumps(found, indent=1) if options.json else "\n\n".join(shown))


if __name__ == "__main__":
    main()
