"""Sandbox: untrusted Python and SQL, run in processes of their own behind walls; what they say is a claim, what the host sees is a fact."""

import json
import os
import re
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias, cast, get_args

from prm_gym.claims import Json
from prm_gym.errors import MissingExtraError, OptionError, SandboxError
from prm_gym.sandbox.pool import ZygotePool
from prm_gym.sandbox.reading import call_results, records, rows_of, run_of
from prm_gym.sandbox.result import Calls, Limits, Rows, Run, Tested, Tier
from prm_gym.sandbox.sharing import closed, opened, shared_pool
from prm_gym.sandbox.tiers import TIERS, best_tier, require_tier
from prm_gym.sandbox.values import TooLarge, encode
from prm_gym.sandbox.visible import Profile
from prm_gym.sandbox.zygotes import Job, Report, Settings

CODE_LENGTH = 1 << 18  # characters
STDIN_BYTES = 1 << 20
CASES_BYTES = 8 << 20
DATABASE_LENGTH = 8 << 20
# A program that names one of these is run where they are imported beforehand; elsewhere they cannot be had.
_SCIENCE = re.compile(r"\b(?:numpy|sympy|mpmath)\b")
Dialect: TypeAlias = Literal["sqlite", "duckdb"]
_Order: TypeAlias = tuple[Profile, Job]


class Sandbox:
    r"""Runs untrusted code in processes forked from zygotes that stand behind walls.

        with Sandbox() as sandbox:
            sandbox.tier                                                    # "A"
            sandbox.run("print(input()[::-1])", stdin="abc").stdout         # "cba\n"
            calls = sandbox.call("def f(a, b): return a + b", "f", [(1, 2), ("x", "y")])
            [result.value for result in calls.results]                      # [3, "xy"]

    The tiers, best first, are A (namespaces, a root of its own, Landlock, seccomp, resource limits), B (no namespaces: default Docker), C (no Landlock
    either: no file can be opened) and D (resource limits alone). The best tier that the machine offers and whose self-test passes is taken; below `min_tier` a
    `SandboxError` says why, and below A a `SandboxWarning` says so once. Nothing falls to a lower tier later: a zygote that cannot stand at the tier of its
    sandbox is an error.

    At tier A a job can write files into its working directory, which is empty for every job. Programs see the standard library, and numpy, sympy and mpmath
    where they are installed. Hash and random seeds are fixed. One job's effects never reach another one.

    A job that root starts runs as a user without a name; it stays root at tier D, where root may not change its user, and where that user could not read
    Python's standard library (at tier B: where that lies below a folder that only root may enter). A job of that user without a name has at most 64 threads,
    and so has every job at tier A from Linux 5.14 on. All others have as many as their memory and the user's own limit allow.

    Sandboxes of one kind share their zygotes within a process, so it is cheap to make many. They can be pickled, and work in forked processes and threads.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        min_tier: Tier | None = None,
        tier: Tier | None = None,
        limits: Limits | None = None,
        scratch_mb: int = 16,
        allow_unsafe: bool = False,
    ) -> None:
        """Describe the sandbox; the first job starts it.

        Args:
            workers: jobs at a time; None for one a processor, 8 at most.
            min_tier: below it nothing is run; None for `tier`, or for C where that is None too.
            tier: this tier and no other; None for the best that can be had.
            limits: of jobs that bring none of their own.
            scratch_mb: size of the folder that a job may write in, at tier A.
            allow_unsafe: needed for tier D.

        Raises:
            OptionError: one of them cannot be honoured, or `tier` is below `min_tier`.
        """
        workers = min(os.cpu_count() or 1, 8) if workers is None else workers
        if type(workers) is not int or workers < 1:
            raise OptionError(f"workers is a whole number of at least 1, got {workers!r}")
        if min_tier not in (None, *TIERS) or tier not in (None, *TIERS):
            raise OptionError(f"a tier is one of {', '.join(TIERS)}, got min_tier={min_tier!r} and tier={tier!r}")
        if type(scratch_mb) is not int or not 1 <= scratch_mb <= 1024:
            raise OptionError(f"scratch_mb is a whole number from 1 to 1024, got {scratch_mb!r}")
        if "D" in (tier, min_tier) and not allow_unsafe:
            raise OptionError("tier D isolates nothing: allow_unsafe=True says that the code may be trusted")
        if tier is not None and min_tier is not None and TIERS.index(tier) > TIERS.index(min_tier):
            raise OptionError(f"tier {tier} is below min_tier {min_tier}, and below that nothing is run: leave one of the two out")
        if not isinstance(limits, Limits | None):
            raise OptionError(f"limits is a prm_gym.sandbox.Limits, got {type(limits).__name__}")
        self.workers, self.limits, self.scratch_mb = workers, limits or Limits(), scratch_mb
        self.min_tier: Tier = min_tier or tier or "C"
        self._asked: Tier | None = tier
        self._unsafe = allow_unsafe
        self._closed = False
        opened(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy in another process, or a deep copy, is open on its own."""
        self.__dict__.update(state)
        if not self._closed:
            opened(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def tier(self) -> Tier:
        """At which it runs; the first to ask in a process waits for its self-test.

        Raises:
            SandboxError: the tier that was asked for, or any from `min_tier` on, cannot be had here.
        """
        if self._asked is not None:
            return require_tier(self._asked)
        best = best_tier(self._unsafe)
        if best.tier is None or TIERS.index(best.tier) > TIERS.index(self.min_tier):
            reasons = "; ".join(best.reasons.values())
            raise SandboxError(f"no sandbox of tier {self.min_tier} or better can be had here: {reasons}")
        return best.tier

    def run(
        self, code: str, *, stdin: str = "", limits: Limits | None = None, before: Sequence[str] = (), echo: bool = False, profile: Profile | None = None
    ) -> Run:
        """Run a program.

        Args:
            code: Python source.
            stdin: what it reads.
            limits: None for those of the sandbox.
            before: cells of the same session that are run again first, without output; an exception in one of them is passed over, as it was then.
            echo: print the value of a last expression, as an interactive session does.
            profile: what is imported beforehand; None to tell it from the source.

        Raises:
            OptionError: code or input are longer than is read.
            SandboxError: see `tier`.
        """
        return self.run_all([code], stdin=[stdin], limits=limits, before=[before], echo=echo, profile=profile)[0]

    def run_all(
        self,
        programs: Sequence[str],
        *,
        stdin: Sequence[str] | None = None,
        limits: Limits | Sequence[Limits] | None = None,
        before: Sequence[Sequence[str]] | None = None,
        echo: bool = False,
        profile: Profile | None = None,
    ) -> list[Run]:
        """Run several programs side by side; see `run`.

        Args:
            programs: sources.
            stdin: one a program.
            limits: of each, or one a program.
            before: cells that are run again first, one list a program.
            echo: see `run`.
            profile: see `run`.
        """
        count = len(_listed("programs", programs))
        inputs = [""] * count if stdin is None else _listed("stdin", stdin, count)
        cells = [()] * count if before is None else _listed("before", before, count)
        if profile not in (None, "bare", "sci"):
            raise OptionError(f'profile is "bare", "sci" or None, got {profile!r}')
        jobs: list[_Order] = []
        for code, given, earlier, bounds in zip(programs, inputs, cells, self._bounds(limits, count), strict=True):
            _require_length("code", code, CODE_LENGTH)
            for cell in _listed("before", earlier):
                _require_length("a cell of before", cell, CODE_LENGTH)
            task = {"kind": "run", "code": code, "before": list(earlier), "echo": echo, "nonce": secrets.token_hex(8)}
            jobs.append((profile or _profile(code, *earlier), Job(task, bounds, _input(given))))
        return [run for run, _ in self._do(jobs)]

    def call(self, code: str, function: str, cases: Sequence[Sequence[Any]], *, limits: Limits | None = None) -> Calls:
        """Call a function of a program once a case, all in one process.

        Args:
            code: Python source that defines the function.
            function: its name.
            cases: positional arguments of each call: values that `prm_gym.sandbox.values.encode` takes, fresh copies for each call. What should come out
                does not go in: compare it outside with `prm_gym.sandbox.values.same`.
            limits: of all calls together.

        Raises:
            OptionError: the code or the cases are longer than is read, or a value is no plain data.
            SandboxError: see `tier`.
        """
        try:
            encoded = [[encode(argument) for argument in _listed("a case", case)] for case in _listed("cases", cases)]
        except TooLarge as error:
            raise OptionError(f"the cases cannot be handed in: {error}") from error
        return self.call_all([(code, function, encoded)], limits=limits)[0]

    def call_all(self, programs: Sequence[tuple[str, str, Sequence[Sequence[Json]]]], *, limits: Limits | Sequence[Limits] | None = None) -> list[Calls]:
        """Call functions of several programs side by side; see `call`.

        Args:
            programs: code, function and the encoded arguments of its cases.
            limits: of each, or one a program.
        """
        jobs: list[_Order] = []
        for program, bounds in zip(programs, self._bounds(limits, len(_listed("programs", programs))), strict=True):
            code, function, cases = _listed("a program", program, 3)
            _require_length("code", code, CODE_LENGTH)
            _require_length("function", function, CODE_LENGTH)
            task = {"kind": "call", "code": code, "function": function, "cases": [list(_listed("a case", case)) for case in _listed("cases", cases)]}
            try:
                written = json.dumps(task["cases"])
            except (TypeError, ValueError, RecursionError) as error:
                raise OptionError(f"an argument of a case is not encoded: {error}") from error
            if len(written) > CASES_BYTES:
                raise OptionError(f"the cases have {len(written):,} bytes; at most {CASES_BYTES:,} are read")
            if '{"object":' in written:
                raise OptionError("an argument of a case is no plain data")
            jobs.append((_profile(code), Job(task, bounds)))
        done = self._do(jobs)
        return [Calls(results=call_results(report, len(cases)), run=run) for (_, _, cases), (run, report) in zip(programs, done, strict=True)]

    def test(self, code: str, test_source: str, *, entry: str = "", limits: Limits | None = None) -> Tested:
        """Run tests against a program, each in a process of its own, so that the program cannot touch the tests.

        The tests see the program's functions, classes and values under their names; calls go to the other process, and only plain data and stand-ins for
        objects come back. A stand-in is never equal to plain data; tests that rest on what objects of the program's say of themselves have not passed
        (`Tested.on_word`). What the program does to lists, dictionaries and sets that it is given is not done to those of the tests; where they fail, they are
        run once more with that done, and what passes then has passed on its word.

        The source itself is run, then every function `test_*` and every `unittest.TestCase` in it. Tests that ask nothing of the program have not passed,
        and a name of the program's never stands for a builtin one.

        Args:
            code: Python source of the program; untrusted.
            test_source: Python source of the tests; it is the word on what is right.
            entry: name of the function that is handed to the tests' own `check(candidate)`, as HumanEval's tests want it; empty where there is none.
            limits: of each process.

        Raises:
            OptionError: a source is longer than is read.
            SandboxError: see `tier`.
        """
        return self.test_all([(code, test_source)], entry=entry, limits=limits)[0]

    def test_all(self, programs: Sequence[tuple[str, str]], *, entry: str = "", limits: Limits | Sequence[Limits] | None = None) -> list[Tested]:
        """Run tests against several programs side by side, a pair of processes each; see `test`.

        Args:
            programs: source of each and of its tests.
            entry: see `test`.
            limits: of each process, or one a program.
        """
        bounds = self._bounds(limits, len(_listed("programs", programs)))
        _require_length("entry", entry, CODE_LENGTH)
        for program in programs:
            code, test_source = _listed("a program with its tests", program, 2)
            _require_length("code", code, CODE_LENGTH)
            _require_length("test_source", test_source, CODE_LENGTH)
        pairs = [(self._pool(_profile(code, tests)), code, tests, entry, bound) for (code, tests), bound in zip(programs, bounds, strict=True)]
        side_by_side = min(self.workers // 2, len(pairs))
        if side_by_side <= 1:
            return [self._tested(*pair) for pair in pairs]
        with ThreadPoolExecutor(side_by_side) as threads:
            return list(threads.map(self._tested, *zip(*pairs, strict=True)))

    def _tested(self, pool: ZygotePool, code: str, test_source: str, entry: str, bounds: Limits, believing: bool = False) -> Tested:
        tests = Job({"kind": "test", "tests": test_source, "entry": entry, "believing": believing}, bounds)
        candidate = Job({"kind": "serve", "code": code}, bounds)
        first, second = pool.run_together(tests, candidate)
        run, other_run = run_of(tests, first, self.tier), run_of(candidate, second, self.tier)
        said = records(first)
        word = said[0][0] if len(said) == 1 and said[0] and run.status == "ok" else ""
        if word == "changed":
            return self._tested(pool, code, test_source, entry, bounds, believing=True)
        if word == "on word" or (word == "passed" and believing):
            failure = str(said[0][1]) if word == "on word" else "they pass if what the program did to their arguments is believed"
            return Tested(passed=False, failure=failure, carried=False, on_word=True, run=run, candidate=other_run)
        if word == "passed":
            return Tested(passed=True, run=run, candidate=other_run)
        told = word == "failed" and len(said[0]) == 4
        failure = str(said[0][1]) if told else run.error
        if told and said[0][3] and other_run.status not in ("ok", "timeout"):
            failure = f"the program ended: {other_run.error}"
        return Tested(passed=False, failure=failure, carried=not told or bool(said[0][2]), run=run, candidate=other_run)

    def sql(self, query: str, database: str, *, limits: Limits | None = None, max_rows: int = 10_000, dialect: Dialect = "sqlite") -> Rows:
        """Run a query on a database in memory, made for it alone.

        Only queries are allowed: nothing is written, attached or loaded. SQLite refuses `random()`; DuckDB's gives the same numbers in every job. DuckDB's
        values are given in SQLite's types: decimals as floats, days and times as texts, truth as 1 or 0, what is nested as text.

        Args:
            query: one SQL statement.
            database: SQL script that makes the database.
            limits: None for those of the sandbox.
            max_rows: more are cut, and that is said.
            dialect: "sqlite" or "duckdb", which needs the extra of that name.

        Raises:
            OptionError: the script is longer than is read, or there is no such dialect.
            MissingExtraError: DuckDB is not installed.
            SandboxError: see `tier`.
        """
        return self.sql_all([(query, database)], limits=limits, max_rows=max_rows, dialect=dialect)[0]

    def sql_all(
        self,
        queries: Sequence[tuple[str, str]],
        *,
        limits: Limits | Sequence[Limits] | None = None,
        max_rows: int = 10_000,
        dialect: Dialect = "sqlite",
    ) -> list[Rows]:
        """Run several queries, each on its own database, side by side; see `sql`.

        Args:
            queries: query and script of each.
            limits: of each, or one a query.
            max_rows: of each.
            dialect: of all.
        """
        if dialect not in get_args(Dialect):
            raise OptionError(f"a dialect is one of {', '.join(get_args(Dialect))}, got {dialect!r}")
        if dialect == "duckdb" and find_spec("duckdb") is None:
            raise MissingExtraError("duckdb", "duckdb")
        if type(max_rows) is not int or max_rows < 0:
            raise OptionError(f"max_rows is a whole number from 0 on, got {max_rows!r}")
        jobs: list[_Order] = []
        for pair, bounds in zip(queries, self._bounds(limits, len(_listed("queries", queries))), strict=True):
            query, script = _listed("a query with its database", pair, 2)
            _require_length("database", script, DATABASE_LENGTH)
            _require_length("query", query, CODE_LENGTH)
            task = {"kind": "sql", "query": query, "script": script, "seconds": bounds.wall_seconds, "max_rows": max_rows}
            jobs.append(("sql" if dialect == "sqlite" else "duckdb", Job(task, bounds)))
        return [rows_of(report, run) for run, report in self._do(jobs)]

    def close(self) -> None:
        """Run nothing any more. The zygotes end when no other sandbox in the process uses them, at the latest with the process."""
        if not self._closed:
            self._closed = True
            closed(self)

    def _bounds(self, limits: Limits | Sequence[Limits] | None, count: int) -> Sequence[Limits]:
        """The limits of each of so many jobs."""
        each = [limits or self.limits] * count if isinstance(limits, Limits | None) else _listed("limits", limits, count)
        for bounds in each:
            if not isinstance(bounds, Limits):
                raise OptionError(f"limits is a prm_gym.sandbox.Limits, or a list of them, got {type(bounds).__name__}")
        return each

    def _do(self, jobs: Sequence[_Order]) -> list[tuple[Run, Report | None]]:
        found: dict[int, Report | None] = {}
        profiles: list[Profile] = [profile for profile, _ in jobs]
        for profile in dict.fromkeys(profiles):
            places = [place for place, (kind, _) in enumerate(jobs) if kind == profile]
            reports = self._pool(profile).run([jobs[place][1] for place in places])
            found.update(zip(places, reports, strict=True))
        tier = self.tier
        return [(run_of(job, found[place], tier), found[place]) for place, (_, job) in enumerate(jobs)]

    def _pool(self, profile: Profile) -> ZygotePool:
        if self._closed:
            raise SandboxError("the sandbox is closed")
        return shared_pool(Settings(self.tier, profile, self.scratch_mb), self.workers)


def _require_length(what: str, text: str, most: int) -> None:
    if not isinstance(text, str):
        raise OptionError(f"{what} is a str, got {type(text).__name__}")
    if len(text) > most:
        raise OptionError(f"{what} has {len(text):,} characters; at most {most:,} are read")


def _listed(what: str, given: Any, count: int | None = None) -> Sequence[Any]:
    """What was given, if it is a list or the like, with so many parts."""
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise OptionError(f"{what} is a list or tuple, got {type(given).__name__}")
    parts = cast("Sequence[Any]", given)
    if count not in (None, len(parts)):
        raise OptionError(f"{what} is a list or tuple with {count} parts, got one with {len(parts)}")
    return parts


def _input(text: str) -> bytes:
    _require_length("stdin", text, STDIN_BYTES)
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > STDIN_BYTES:
        raise OptionError(f"stdin has {len(data):,} bytes; at most {STDIN_BYTES:,} are read")
    return data


def _profile(*sources: str) -> Profile:
    return "sci" if any(_SCIENCE.search(source) for source in sources) else "bare"
