"""The attack suite: programs that the sandbox must withstand, in one table a category, and what is looked at after each of them."""

import ctypes
import os
import platform
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prm_gym.sandbox import Limits, Sandbox
from prm_gym.sandbox.values import encode, same

FOLDER = Path(__file__).parent / "attacks"
DATABASE = "CREATE TABLE t(id INTEGER, name TEXT); INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c');"
# What a program is asked, and what is right: squares of numbers, and lists in order.
CASES = [(1,), (0,), (7,), ([3, 1, 2],)]
RIGHT = [encode(value) for value in (1, 0, 49, [1, 2, 3])]
TESTS = "assert solve(7) == 49\nassert solve([3, 1, 2]) == [1, 2, 3]\nassert solve(1) is not True\n"
EXPECTED_7F3A = "EXPECTED_7f3a"  # in the host's memory, and nowhere else
# Before a program of the table that says `raw`: system calls by their numbers; `refused` wants EPERM, which is the filter's answer.
RAW = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def raw(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(part) if isinstance(part, int) else part for part in arguments])
    return -ctypes.get_errno() if result == -1 else result
def refused(**calls):
    wrong = {name: result for name, (number, *arguments) in calls.items() if (result := raw(number, *arguments)) != -1}
    print('ESCAPED ' + repr(wrong) if wrong else 'HELD')
"""
# Tier D isolates nothing: only how jobs end, what they print and what they forge is tried there.
CATEGORY_TIERS = {"termination": "ABCD", "output": "ABCD", "forge": "ABCD", "parser": "ABCD"}
WALL_SECONDS = 0.15
LEGIT_SECONDS = 5.0
# Beyond the limit, before a busy machine counts as a sandbox that overruns.
SLACK_SECONDS = 3.0
ENDINGS = ("ok", "exception", "timeout", "memory", "output", "crash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A program of the suite.

    Attributes:
        holds: what must hold, in words.
        code: the program or query; "@CANARY@" stands for the path of a file of the host.
        mode: run, call (of `solve`), test or sql.
        tests: of mode test.
        setup: script of the database.
        tiers: at which it is tried.
        raw: whether `RAW` goes before it.
        machine: the only processor that it is for.
        dangerous: would hurt the machine if it succeeded; nothing is tried at tier D.
        spoils: the zygote may be replaced after it.
        has: what it must print.
        lacks: what it must not.
        status: how it must end.
        timeout: whether it must run into the limit.
        verdict: "pass", "fail" or "not_pass" (a program without `solve`).
        denied: the query must be an error.
        stopped: the query must not be "ok".
        rows: that the query must give.
        host_file_absent: that must not be made.
        after: a program that is run next.
        after_has: what that one must print.
    """

    name: str
    category: str
    holds: str
    code: str
    mode: str = "run"
    tests: str = TESTS
    setup: str = DATABASE
    stdin: str = ""
    tiers: str = "ABC"
    raw: bool = False
    machine: str = ""
    dangerous: bool = False
    spoils: bool = False
    has: str = ""
    lacks: str = ""
    status: str = ""
    timeout: bool = False
    verdict: str = ""
    denied: bool = False
    stopped: bool = False
    rows: list[Any] | None = None
    host_file_absent: str = ""
    after: str = ""
    after_has: str = ""

    @property
    def wall_seconds(self) -> float:
        """Its limit: short for what may run into it, long for what must come to its end on a busy machine."""
        ends = self.category == "legit" or self.has or self.status or self.after_has or (self.raw and not self.lacks)
        if self.timeout:
            return 5 * WALL_SECONDS if self.has else WALL_SECONDS
        return LEGIT_SECONDS if ends else WALL_SECONDS

    def tried_at(self, tier: str) -> bool:
        """Whether it is tried at a tier of this machine; numbers of calls are those of x86-64."""
        return tier in self.tiers and (platform.machine() == "x86_64" if self.raw else not self.machine or platform.machine() == self.machine)


def attacks() -> list[Attack]:
    """The whole suite."""
    found: list[Attack] = []
    for path in sorted(FOLDER.glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            fields = {"mode": "sql" if path.stem == "sql" else "run", "tiers": CATEGORY_TIERS.get(path.stem, "ABC"), **entry}
            if "build" in fields:  # a long program, as the expression that makes it
                fields["code"] = eval(fields.pop("build"))
            found.append(Attack(name=name, category=path.stem, **fields))
    return found


def descendants(pid: int | None = None) -> set[int]:
    """Ids of all living processes below this one, or below another."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                state, parent = Path(f"/proc/{entry}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state not in "ZX":
                parents[int(entry)] = int(parent)
    found, new = set[int](), {os.getpid() if pid is None else pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def adopt_orphans(adopt: bool) -> None:
    """Let what a program leaves behind be found among this process's descendants; or not any more: other tests leave the dead to others."""
    ctypes.CDLL(None).prctl(36, int(adopt), 0, 0, 0)


class Range:
    """A sandbox of one tier under fire."""

    def __init__(self, tier: str, folder: Path) -> None:
        self.tier = tier
        self.canary = folder / "canary"
        self.canary.write_text("CANARY", encoding="ascii")
        os.environ["CANARY_ENV"] = "CANARY"
        adopt_orphans(True)
        self.others = descendants()
        self.sandbox = Sandbox(workers=1, tier=tier, allow_unsafe=tier == "D", limits=Limits(wall_seconds=LEGIT_SECONDS))  # type: ignore[arg-type]
        self._warm()

    def _warm(self) -> None:
        assert self.sandbox.test("def f(): return 1", "assert f() == 1").passed
        assert self.sandbox.sql("SELECT 1", "").status == "ok"
        self.zygotes = descendants() - self.others

    def close(self) -> None:
        """End the sandbox; the process is as it was."""
        self.sandbox.close()
        adopt_orphans(False)

    def fire(self, attack: Attack) -> list[str]:
        """Run an attack; returns what it broke, in words."""
        assert attack.tried_at(self.tier)
        started = time.monotonic()
        broken = getattr(self, f"_{attack.mode}")(attack)
        if time.monotonic() - started > 3 * attack.wall_seconds + SLACK_SECONDS:
            broken.append(f"it took {time.monotonic() - started:.1f} seconds")
        return broken + self._aftermath(attack)

    def _code(self, attack: Attack) -> str:
        return (RAW if attack.raw else "") + attack.code.replace("@CANARY@", str(self.canary))

    def _limits(self, attack: Attack) -> Limits:
        return Limits(wall_seconds=attack.wall_seconds)

    def _run(self, attack: Attack) -> list[str]:
        code, limits = self._code(attack), self._limits(attack)
        run = self.sandbox.run(code, stdin=attack.stdin, limits=limits)
        said = run.stdout + run.stderr
        broken = [f"it printed {word}: {said[-300:]!r}" for word in ("ESCAPED", "CANARY", EXPECTED_7F3A, attack.lacks) if word and word in said]
        has = attack.has or ("HELD" if attack.raw and not (attack.lacks or attack.timeout) else "")
        if has not in said:
            broken.append(f"it did not print {has!r}: {run.status} {said[-300:]!r}")
        if run.status not in ENDINGS or run.wall_seconds > attack.wall_seconds + SLACK_SECONDS:
            broken.append(f"it ended as {run.status} after {run.wall_seconds:.2f} seconds")
        if attack.timeout and run.status != "timeout":
            broken.append(f"it ended as {run.status}, not at the limit")
        if attack.status and run.status != attack.status:
            broken.append(f"it ended as {run.status}, not as {attack.status}")
        if max(len(run.stdout), len(run.stderr)) > limits.kept_bytes + 100:
            broken.append("too much of its output was kept")
        if attack.verdict == "not_pass":
            broken += self._call(attack) + self._test(attack)
        return broken

    def _call(self, attack: Attack) -> list[str]:
        calls = self.sandbox.call(self._code(attack), "solve", CASES, limits=self._limits(attack))
        right = [result.status == "returned" and same(result.value, expected) for result, expected in zip(calls.results, RIGHT, strict=True)]
        if calls.run.status == "fault":
            return ["a call was a fault"]
        passed = all(right)
        return [] if passed == (attack.verdict == "pass") else [f"the calls {'passed' if passed else 'failed'}: {calls!r}"[:500]]

    def _test(self, attack: Attack) -> list[str]:
        tested = self.sandbox.test(self._code(attack), attack.tests, limits=self._limits(attack))
        if tested.run.status == "fault":
            return [f"a test was a fault: {tested!r}"]
        return [] if tested.passed == (attack.verdict == "pass") else [f"the tests {'passed' if tested.passed else 'failed'}: {tested!r}"[:500]]

    def _sql(self, attack: Attack) -> list[str]:
        found = self.sandbox.sql(attack.code, attack.setup.replace("@CANARY@", str(self.canary)), limits=self._limits(attack))
        broken = ["a query was a fault"] if found.status == "fault" else []
        if (attack.denied or attack.stopped) and found.status == "ok":
            broken.append(f"the query gave {found.rows!r}"[:300])
        if attack.status and found.status != attack.status:
            broken.append(f"the query ended as {found.status}, not as {attack.status}")
        if attack.rows is not None and [list(row) for row in found.rows] != attack.rows:
            broken.append(f"the query gave {found.status} {found.error} {found.rows!r}"[:300])
        if "CANARY" in repr(found.rows):
            broken.append("the query read the canary")
        return broken

    def _aftermath(self, attack: Attack) -> list[str]:
        """What must hold after every program."""
        broken: list[str] = []
        if self.canary.read_text(encoding="ascii") != "CANARY" or sorted(os.listdir(self.canary.parent)) != ["canary"]:
            broken.append("the canary is not what it was")
            self.canary.write_text("CANARY", encoding="ascii")
        if attack.host_file_absent and os.path.exists(attack.host_file_absent):
            broken.append(f"{attack.host_file_absent} was made")
        if attack.after:
            after = self.sandbox.run(attack.after.replace("@CANARY@", str(self.canary)))
            if attack.after_has not in after.stdout:
                broken.append(f"the program after it printed {after.stdout!r} {after.error}, not {attack.after_has!r}")
        look = "os.listdir('.')" if self.tier == "A" else "[]"
        after = self.sandbox.run(f"import os\nprint(6 * 7, {look})")
        if after.stdout != "42 []\n":
            broken.append(f"the next job printed {after.stdout!r} {after.error}")
        now = descendants() - self.others
        if now != self.zygotes:
            if not attack.spoils:
                broken.append(f"processes were left: {now - self.zygotes}" if now - self.zygotes else "a zygote is gone")
            self._warm()
        return broken
