"""How jobs end, what is kept of what they print, and what they are given."""

import os
import pickle
import subprocess
import sys
import time
import warnings

import pytest

from prm_gym.errors import OptionError, SandboxError
from prm_gym.sandbox import TIERS, Limits, Sandbox, SandboxWarning, examine
from prm_gym.sandbox.values import decode, encode


@pytest.fixture(scope="module")
def sandbox():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SandboxWarning)  # of a machine without namespaces
        with Sandbox(workers=2) as made:
            yield made


@pytest.mark.parametrize(
    ("code", "limits", "status", "error"),
    [
        ("print(1)", {}, "ok", ""),
        ("import sys; sys.exit()", {}, "ok", ""),
        ("1 / 0", {}, "exception", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit('no')", {}, "exception", "no"),
        ("raise SystemExit(3)", {}, "exception", "it left with an exit code"),
        ("def f(:", {}, "exception", "SyntaxError: invalid syntax"),
        ("import time; time.sleep(9)", {"wall_seconds": 0.2}, "timeout", "it took more than 0.2 seconds"),
        ("while True: pass", {"wall_seconds": 5, "cpu_seconds": 1}, "timeout", "it used more than 1 seconds of CPU time"),
        ("x = bytearray(10**9)", {"memory_mb": 64}, "memory", "it wanted more than 64 MiB of memory"),
        ("while True: print('x' * 1000)", {"output_bytes": 5000, "kept_bytes": 1000}, "output", "it wrote more than 5,000 bytes"),
        ("import os; os.kill(os.getpid(), 11)", {}, "crash", "it was killed by SIGSEGV"),
        ("import os; os._exit(78)", {}, "crash", "it ended before the program began"),
        ("import os; os._exit(5)", {}, "exception", "it left with the exit code 5"),
    ],
)
def test_every_ending_has_its_status(sandbox, code, limits, status, error):
    run = sandbox.run(code, limits=Limits(**limits))
    assert (run.status, run.error) == (status, error)
    assert run.tier == sandbox.tier
    assert run.wall_seconds < limits.get("wall_seconds", 5.0) + 2.0


def test_what_was_printed_before_a_kill_is_there(sandbox):
    run = sandbox.run("print('before')\nwhile True: pass", limits=Limits(wall_seconds=0.3))
    assert (run.status, run.stdout) == ("timeout", "before\n")


def test_the_beginning_and_the_end_are_kept(sandbox):
    run = sandbox.run("print('a' * 5000 + 'b' * 5000, end='')", limits=Limits(kept_bytes=100))
    assert run.truncated
    assert run.stdout == "a" * 50 + "\n... 9,900 bytes left out ...\n" + "b" * 50
    assert not sandbox.run("print('a' * 99)", limits=Limits(kept_bytes=100)).truncated


def test_a_traceback_shows_the_program_and_nothing_of_ours(sandbox):
    run = sandbox.run("def f():\n    return 1 / 0\nf()")
    assert 'File "<program>", line 3' in run.stderr
    assert "return 1 / 0" in run.stderr
    assert "work.py" not in run.stderr


def test_input_is_given(sandbox):
    assert sandbox.run("print(sum(map(int, input().split())))\nprint(input())", stdin="1 2 3\nä🎲\n").stdout == "6\nä🎲\n"
    assert sandbox.run("input()").error == "EOFError: EOF when reading a line"


def test_batches_come_in_order(sandbox):
    codes = [f"import time; time.sleep({0.05 if i % 7 == 0 else 0}); print({i})" for i in range(40)]
    assert [run.stdout for run in sandbox.run_all(codes)] == [f"{i}\n" for i in range(40)]
    assert [run.stdout for run in sandbox.run_all(["print(input())"] * 3, stdin=["a", "b", "c"])] == ["a\n", "b\n", "c\n"]
    mixed = sandbox.run_all(["print(1)", "import time; time.sleep(9)", "1/0", "print(4)"], limits=Limits(wall_seconds=0.5))
    assert [run.status for run in mixed] == ["ok", "timeout", "exception", "ok"]
    assert sandbox.run_all([]) == []


def test_an_interactive_cell_shows_its_last_value(sandbox):
    assert sandbox.run("x = 3\nx * 2", echo=True).stdout == "6\n"
    assert sandbox.run("x = 3\nx * 2").stdout == ""
    assert sandbox.run("None", echo=True).stdout == ""


def test_earlier_cells_are_run_again_without_a_word(sandbox):
    before = ["x = [1]\nprint('noise')", "x.append(2)\nraise ValueError", "def f(): return sum(x)"]
    run = sandbox.run("f()", before=before, echo=True)
    assert (run.stdout, run.stderr, run.status) == ("3\n", "", "ok")


def test_chance_and_hashes_are_the_same_in_every_job_and_process(sandbox):
    code = "import random; print(random.random(), hash('x'), {'a', 'b', 'c'})"
    outputs = {sandbox.run(code).stdout for _ in range(6)}
    assert len(outputs) == 1
    program = f"from prm_gym.sandbox import Sandbox\nprint(Sandbox(workers=1).run({code!r}).stdout, end='')"
    other = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert {other.stdout} == outputs


def test_functions_are_called_with_plain_data(sandbox):
    values = [1, -(1 << 70), 2.5, "ä", b"\0\xff", None, True, [1, (2, {3})], {"a": {1: 2}}, frozenset({1}), 1 + 2j]
    calls = sandbox.call("def f(x): return x", "f", [(value,) for value in values])
    assert [decode(result.value) for result in calls.results] == values
    assert all(result.status == "returned" for result in calls.results)


def test_each_call_has_arguments_of_its_own(sandbox):
    calls = sandbox.call("seen = []\ndef f(x):\n    x.append(len(x))\n    seen.append(0)\n    return (x, len(seen))", "f", [([],), ([],)])
    assert [decode(result.value) for result in calls.results] == [([0], 1), ([0], 2)]


def test_what_a_call_raises_is_its_own(sandbox):
    calls = sandbox.call("def f(n):\n    if n == 1: raise KeyError('x')\n    if n == 2: raise SystemExit(0)\n    return n", "f", [(0,), (1,), (2,), (3,)])
    assert [result.status for result in calls.results] == ["returned", "raised", "raised", "returned"]
    assert [result.error for result in calls.results] == ["", "KeyError: 'x'", "SystemExit: 0", ""]


def test_calls_before_the_end_are_kept(sandbox):
    calls = sandbox.call("def f(n):\n    while n == 2: pass\n    return n", "f", [(0,), (1,), (2,), (3,)], limits=Limits(wall_seconds=0.4))
    assert [result.status for result in calls.results] == ["returned", "returned", "missing", "missing"]
    assert calls.run.status == "timeout"
    missing = sandbox.call("x = 1", "f", [(0,)])
    assert (missing.results[0].status, missing.run.status, missing.run.error) == ("missing", "exception", "the program defines no function 'f'")


def test_each_program_may_have_limits_of_its_own(sandbox):
    bounds = [Limits(wall_seconds=0.3), Limits(wall_seconds=5.0)]
    slow = "import time\ndef f():\n    time.sleep(0.6)\n    return 1"
    assert [calls.run.status for calls in sandbox.call_all([(slow, "f", [[]])] * 2, limits=bounds)] == ["timeout", "ok"]
    counted = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 2000000) SELECT count(*) FROM c"
    assert [rows.status for rows in sandbox.sql_all([(counted, "")] * 2, limits=[Limits(wall_seconds=0.02), Limits()])] == ["timeout", "ok"]
    with pytest.raises(OptionError, match="limits is a list or tuple with 2 parts, got one with 1"):
        sandbox.call_all([(slow, "f", [[]])] * 2, limits=[Limits()])


def test_programs_are_called_side_by_side(sandbox):
    programs = [(f"def f(x): return x + {i}", "f", [[encode(1)]] * 3) for i in range(10)]
    assert [[result.value for result in calls.results] for calls in sandbox.call_all(programs)] == [[1 + i] * 3 for i in range(10)]


def test_a_program_passes_its_tests(sandbox):
    tests = "def test_one(): assert add(1, 2) == 3\ndef test_two():\n    try: add(1, 'x')\n    except TypeError: return\n    assert False\n"
    assert sandbox.test("def add(a, b): return a + b", tests).passed
    failed = sandbox.test("def add(a, b): return a - b", tests)
    assert not failed.passed
    assert "assert add(1, 2) == 3" in failed.failure
    assert (failed.run.status, failed.candidate.status) == ("ok", "ok")


def test_objects_of_the_program_are_stood_in_for(sandbox):
    code = "class Box:\n    def __init__(self, x): self.x = x\n    def get(self): return self.x\n    def add(self, other): return Box(self.x + other.x)"
    assert sandbox.test(code, "assert Box(1).add(Box(2)).get() == 3 and Box(4).x == 4").passed
    assert not sandbox.test(code, "assert Box(1) == Box(1)").passed


def test_tests_that_ask_nothing_have_not_passed(sandbox):
    assert not sandbox.test("def f(): return 1", "assert True").passed
    assert not sandbox.test("def f(): return 1", "").passed


def test_an_entry_is_handed_to_the_check(sandbox):
    check = "def check(candidate):\n    assert candidate(2) == 4\n"
    assert sandbox.test("def double(n): return 2 * n", check, entry="double").passed
    assert not sandbox.test("def double(n): return n", check, entry="double").passed
    assert not sandbox.test("x = 1", check, entry="double").passed


def test_a_program_that_ends_or_hangs_fails_its_tests(sandbox):
    ended = sandbox.test("import os\ndef f(): os._exit(0)", "assert f() == 1")
    assert not ended.passed
    assert sandbox.test("import os\ndef f(): os._exit(5)", "assert f() == 1").failure == "the program ended: it left with the exit code 5"
    caught = "try: f()\nexcept BaseException: pass"
    case = "import unittest\nclass Case(unittest.TestCase):\n    def test_one(self): self.assertEqual(f(), 1)"
    for tests in (caught, case):
        assert sandbox.test("import os\ndef f(): os._exit(5)", tests).failure == "the program ended: it left with the exit code 5"
    assert sandbox.test("1 / 0", "assert f() == 1").failure == "the program ended: ZeroDivisionError: division by zero"
    hung = sandbox.test("def f():\n    while True: pass", "assert f() == 1", limits=Limits(wall_seconds=0.4))
    assert not hung.passed
    assert "timeout" in (hung.run.status, hung.candidate.status)  # whichever of the two was ended first


def test_what_the_tests_say_stays_when_the_program_ends_too(sandbox):
    code = "import atexit, os, threading\ndef f():\n    threading.Timer(0.05, os._exit, [5]).start()\n    return 2"
    tests = "import time\nfound = f()\ntime.sleep(0.3)\nassert found == 1, 'the season has ended'"
    failed = sandbox.test(code, tests)
    assert failed.candidate.status == "exception"
    assert failed.failure.endswith("the season has ended")
    caught = "try: f()\nexcept BaseException: pass\nassert False, 'the season has ended'"
    assert sandbox.test("import os\ndef f(): os._exit(3)", caught).failure.endswith("the season has ended")


DATABASE = "CREATE TABLE t(id INTEGER, x REAL, name TEXT, b BLOB); INSERT INTO t VALUES (1, 1.5, 'a', x'00ff'), (2, NULL, 'b', NULL), (3, 9e999, 'ä', x'');"


def test_a_query_gives_columns_and_rows(sandbox):
    rows = sandbox.sql("SELECT id, x, name AS n, b FROM t ORDER BY id DESC", DATABASE)
    assert (rows.status, rows.columns, rows.error) == ("ok", ("id", "x", "n", "b"), "")
    assert rows.rows == ((3, {"float": "inf"}, "ä", {"bytes": ""}), (2, None, "b", None), (1, 1.5, "a", {"bytes": "00ff"}))


def test_rows_are_cut_where_that_is_asked(sandbox):
    rows = sandbox.sql("SELECT id FROM t", DATABASE, max_rows=2)
    assert (len(rows.rows), rows.truncated) == (2, True)
    assert not sandbox.sql("SELECT id FROM t", DATABASE, max_rows=3).truncated


@pytest.mark.parametrize(
    ("query", "database", "status", "error"),
    [
        ("SELECT y FROM t", DATABASE, "error", "OperationalError: no such column: y"),
        ("DELETE FROM t", DATABASE, "error", "only SELECT is allowed"),
        ("VACUUM", DATABASE, "error", "only SELECT is allowed"),
        ("SELECT * FROM pragma_table_info('t')", DATABASE, "error", "a table or function in the query is not allowed"),
        ("SELECT 1", "CREATE TABLE", "error", "the database cannot be made: incomplete input"),
        ("SELECT random()", DATABASE, "error", "not authorized to use function: random"),
        ("", DATABASE, "error", "the statement gives no rows: only queries are allowed"),
    ],
)
def test_a_query_that_fails_says_why(sandbox, query, database, status, error):
    rows = sandbox.sql(query, database)
    assert (rows.status, rows.rows) == (status, ())
    assert rows.error.endswith(error)


def test_a_query_without_end_is_stopped(sandbox):
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    rows = sandbox.sql(endless, "", limits=Limits(wall_seconds=0.4))
    assert rows.status == "timeout"
    assert rows.run.wall_seconds < 2.0


def test_queries_run_side_by_side_and_apart(sandbox):
    queries = [(f"SELECT {i} + count(*) FROM t", DATABASE) for i in range(8)]
    assert [rows.rows for rows in sandbox.sql_all(queries)] == [((i + 3,),) for i in range(8)]


@pytest.mark.parametrize(
    "options",
    [
        {"wall_seconds": 0},
        {"wall_seconds": 601},
        {"cpu_seconds": -1},
        {"memory_mb": 1},
        {"output_bytes": 1},
        {"kept_bytes": 1},
        {"wall_seconds": float("nan")},
        {"wall_seconds": "x"},
        {"wall_seconds": None},
        {"cpu_seconds": "x"},
        {"memory_mb": 64.0},
        {"memory_mb": 1 << 60},
        {"kept_bytes": None},
    ],
)
def test_limits_are_checked(options):
    with pytest.raises(OptionError):
        Limits(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 0},
        {"tier": "E"},
        {"min_tier": "x"},
        {"scratch_mb": 0},
        {"tier": "D"},
        {"min_tier": "D"},
        {"workers": True},
        {"limits": {"wall_seconds": 1}},
        {"min_tier": "A", "tier": "D", "allow_unsafe": True},
        {"min_tier": "A", "tier": "C"},
        {"min_tier": "C", "tier": "D", "allow_unsafe": True},
    ],
)
def test_options_are_checked(options):
    with pytest.raises(OptionError):
        Sandbox(**options)


def test_what_is_too_long_or_no_plain_data_is_refused(sandbox):
    with pytest.raises(OptionError, match="characters"):
        sandbox.run("x" * (1 << 19))
    assert sandbox.run("print(len(input()))", stdin="ä" * (1 << 19)).stdout == "524288\n"
    with pytest.raises(OptionError, match=r"1,048,578 bytes; at most 1,048,576"):
        sandbox.run("x", stdin="ä" * ((1 << 19) + 1))
    with pytest.raises(OptionError, match="is a str"):
        sandbox.run(b"x")
    with pytest.raises(OptionError):
        sandbox.call("def f(x): return x", "f", [(object(),)])


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda sandbox: sandbox.run_all(["1", "2"], stdin=["a"]), "stdin is a list or tuple with 2 parts, got one with 1"),
        (lambda sandbox: sandbox.run_all("12"), "programs is a list or tuple, got str"),
        (lambda sandbox: sandbox.run("1", before=[3]), "a cell of before is a str, got int"),
        (lambda sandbox: sandbox.run("1", before="x = 1"), "before is a list or tuple, got str"),
        (lambda sandbox: sandbox.run("1", stdin=b"x"), "stdin is a str, got bytes"),
        (lambda sandbox: sandbox.run("1", limits={"wall_seconds": 1}), "limits is a list or tuple, got dict"),
        (lambda sandbox: sandbox.run_all(["1", "2"], limits=[1, 2]), "limits is a prm_gym.sandbox.Limits, or a list of them, got int"),
        (lambda sandbox: sandbox.run("1", profile="zzz"), 'profile is "bare", "sci" or None, got \'zzz\''),
        (lambda sandbox: sandbox.call("def f(x): return x", "f", [1]), "a case is a list or tuple, got int"),
        (lambda sandbox: sandbox.call("def f(x): return x", "f", 1), "cases is a list or tuple, got int"),
        (lambda sandbox: sandbox.call("def f(x): return x", None, []), "function is a str, got NoneType"),
        (lambda sandbox: sandbox.call_all([("def f(x): return x", "f")]), "a program is a list or tuple with 3 parts, got one with 2"),
        (lambda sandbox: sandbox.call_all([("def f(x): return x", "f", [[{1}]])]), "an argument of a case is not encoded"),
        (lambda sandbox: sandbox.test("x", "assert x", entry=1), "entry is a str, got int"),
        (lambda sandbox: sandbox.test_all(["x"]), "a program with its tests is a list or tuple, got str"),
        (lambda sandbox: sandbox.sql_all([("SELECT 1",)]), "a query with its database is a list or tuple with 2 parts, got one with 1"),
        (lambda sandbox: sandbox.sql("SELECT 1", "", max_rows="x"), "max_rows is a whole number from 0 on, got 'x'"),
    ],
)
def test_what_is_asked_wrongly_is_refused_in_words(sandbox, ask, sentence):
    with pytest.raises(OptionError) as refused:
        ask(sandbox)
    assert str(refused.value).startswith(sentence)


def test_a_tier_that_is_asked_for_is_the_least_one():
    assert Sandbox(tier="B").min_tier == "B"
    assert Sandbox(tier="D", allow_unsafe=True).min_tier == "D"
    assert Sandbox(tier="A", min_tier="B").min_tier == "B"
    assert Sandbox().min_tier == "C"


def test_a_tier_that_cannot_be_had_is_not_said_to_be_run_at():
    program = (
        "import resource\nfrom prm_gym.errors import SandboxError\nfrom prm_gym.sandbox import Sandbox\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))\n"  # too few files for the walls
        "try:\n    print(Sandbox(tier='A').tier)\nexcept SandboxError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("tier A of the sandbox cannot be had")


def test_below_the_least_tier_nothing_is_run(monkeypatch):
    best = examine()
    assert best.tier is not None
    assert all(TIERS.index(tier) < TIERS.index(best.tier) for tier in best.reasons)
    if best.tier != "A":
        with pytest.raises(SandboxError, match="no sandbox of tier A"):
            Sandbox(min_tier="A").run("1")


def test_a_sandbox_travels_as_its_settings(sandbox):
    copy = pickle.loads(pickle.dumps(sandbox))
    assert copy.run("print(2)").stdout == "2\n"
    assert (copy.workers, copy.limits, copy.tier) == (sandbox.workers, sandbox.limits, sandbox.tier)


def test_a_closed_sandbox_runs_nothing():
    made = Sandbox(workers=1)
    made.close()
    made.close()
    with pytest.raises(SandboxError, match="closed"):
        made.run("1")


def test_science_is_there_where_it_is_named(sandbox):
    pytest.importorskip("sympy")
    run = sandbox.run("import numpy, sympy\nx = sympy.Symbol('x')\nprint(sympy.solve(x**2 - 4, x), numpy.arange(3).sum())")
    assert (run.stdout, run.error) == ("[-2, 2] 3\n", "")
    assert sandbox.run("import msgspec").error.startswith("ModuleNotFoundError")


def test_what_scripts_take_for_granted(sandbox):
    assert sandbox.run("print(int(input()) + 1)\nexit()\nprint('not here')", stdin="3").stdout == "4\n"
    assert sandbox.run("import atexit\natexit.register(lambda: print('bye'))").stdout == "bye\n"
    assert sandbox.run("import os\nout = os.fdopen(1, 'w', closefd=False)\nout.write('fast')").stdout == "fast"
    calls = sandbox.call("def f(x):\n    return x\n\nif __name__ == '__main__':\n    f(input())", "f", [(1,)])
    assert calls.results[0].value == 1


def test_no_frame_holds_anything_of_the_job_before(sandbox):
    sandbox.run("import os\nos._exit(77)")
    seen = sandbox.run(
        "import sys\nframe, seen = sys._getframe(), {}\nwhile frame:\n    seen |= frame.f_locals\n    frame = frame.f_back\nprint(sorted(seen))"
    ).stdout
    assert not {"status", "usage", "flags", "settings", "wall"} & set(eval(seen))


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody here is root")
@pytest.mark.parametrize("tier", ["A", "C"])
def test_a_program_of_root_is_of_another_user_whose_threads_are_counted(tier):
    threads = "import _thread, threading, time\nthreading.stack_size(32768)\nfor n in range(500): _thread.start_new_thread(time.sleep, (9,))"
    with Sandbox(tier=tier, workers=1) as sandbox:
        assert sandbox.run("import os\nprint(0 in os.getresuid())").stdout == "False\n"
        assert "can't start new thread" in sandbox.run(threads).error


def test_two_jobs_of_two_workers_run_at_the_same_time(sandbox):
    sandbox.run_all(["", ""])
    started = time.monotonic()
    sandbox.run_all(["import time\ntime.sleep(0.5)"] * 2)
    assert time.monotonic() - started < 0.9


def test_sympy_draws_the_same_numbers_in_every_process(sandbox):
    first, second = sandbox.run_all(["import sympy.core.random as r, time\nprint(r.random())\ntime.sleep(0.1)"] * 2)
    assert first.stdout == second.stdout != ""
