"""What a pool says of its jobs, and what the jobs cannot do to one another."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import pytest

from prm_gym.errors import OptionError, WorkerError
from prm_gym.workers import WorkerPool
from prm_gym.workers.child import MAX_FRAME_BYTES
from prm_gym.workers.process import pickled


@pytest.fixture
def pool():
    with WorkerPool("worker_jobs:work", workers=2, deadline=0.5) as made:
        yield made


def _statuses(results):
    return [result.status for result in results]


def _values(results):
    return [result.value for result in results]


# Results.


def test_results_come_in_order(pool):
    assert _values(pool.map(("echo", place) for place in range(100))) == list(range(100))
    assert pool.map([]) == []
    assert pool.run(("echo", {"a": (1, None)})).value == {"a": (1, None)}


def test_the_function_is_imported_once(pool):
    ids = _values(pool.map([("process_id",)] * 50))
    assert len(set(ids)) <= 2
    assert os.getpid() not in ids


def test_a_job_that_raises_is_an_error_and_the_worker_lives_on():
    with WorkerPool("worker_jobs:work", workers=1) as pool:
        first = pool.run(("process_id",)).value
        results = pool.map([("raise_error", "no good"), ("leave", 3), ("interrupt",), ("raise_unspeakable",), ("raise_error", "y" * 10_000), ("nothing",)])
        assert _statuses(results) == ["error"] * 6
        assert _values(results) == [None] * 6
        assert [result.reason[:40] for result in results] == [
            "ValueError: no good",
            "SystemExit: 3",
            "KeyboardInterrupt",
            "UnspeakableError",
            "ValueError: " + "y" * 28,
            "KeyError: 'nothing'",
        ]
        assert len(results[4].reason) < 600
        assert pool.run(("process_id",)).value == first


def test_what_cannot_be_sent_is_an_error(pool):
    results = pool.map([("echo", threading.Lock()), ("unpicklable",), ("traitor",), ("echo", 1)])
    assert _statuses(results) == ["error", "error", "error", "ok"]
    assert "the job cannot be sent to a worker: TypeError" in results[0].reason
    assert "pickling the result: TypeError" in results[1].reason
    assert "the result cannot be unpickled: ValueError: changed its mind" in results[2].reason


def test_a_job_that_cannot_be_read_in_the_worker_is_an_error(monkeypatch):
    class Local:
        pass

    Local.__qualname__ = "Local"
    monkeypatch.setattr("prm_gym.workers.child.Local", Local, raising=False)
    Local.__module__ = "prm_gym.workers.child"
    with WorkerPool("worker_jobs:work", workers=1, deadline=10) as pool:
        assert "reading the job: AttributeError" in pool.run(("echo", Local())).reason


@pytest.mark.slow
def test_frames_that_are_too_large_are_errors():
    with pytest.raises(ValueError, match="at most 268,435,456 are allowed"):
        pickled(bytes(MAX_FRAME_BYTES))
    with WorkerPool("worker_jobs:work", workers=1, deadline=20, memory_mb=2048) as pool:
        result = pool.run(("blob", MAX_FRAME_BYTES))
    assert result.status == "error"
    assert "the result has 268,435,4" in result.reason


def test_large_jobs_and_results_pass(pool):
    results = pool.map([("blob", 20_000_000), ("echo", b"y" * 20_000_000), ("echo", 1)])
    assert [len(value) for value in _values(results[:2])] == [20_000_000] * 2
    assert results[2].value == 1


def test_what_a_job_prints_goes_nowhere(pool, capfd):
    assert _values(pool.map([("chatter",), ("echo", 1)])) == ["", 1]
    assert capfd.readouterr() == ("", "")


# Deadlines.


@pytest.mark.parametrize("job", [("hang_in_c",), ("hang_deaf",), ("sleep", 60), ("slow",)])
def test_a_job_that_hangs_is_killed(pool, job):
    began = time.monotonic()
    result = pool.run(job)
    assert time.monotonic() - began < 5
    assert result.status == "timeout"
    assert result.value is None
    assert result.reason == "not done within 0.5 s; the worker was killed"
    assert 0.5 <= result.run_seconds < 2
    assert pool.run(("echo", 1)).value == 1


@pytest.mark.slow
def test_nobody_waits_for_a_job_that_hangs():
    with WorkerPool("worker_jobs:work", workers=2, deadline=2.0) as pool:
        pool.map([("sleep", 0.1)] * 4)  # both have started
        results = pool.map([("hang_in_c",), *[("echo", place) for place in range(200)]])
    assert _statuses(results) == ["timeout"] + ["ok"] * 200
    # The others were done by the second worker while the first one hung.
    assert max(result.queued_seconds for result in results[1:]) < 1.5


@pytest.mark.slow
def test_the_deadline_counts_from_the_start_of_the_work():
    # Six jobs of 0.3 s and one worker: the last one waits for 1.5 s, three times its deadline.
    with WorkerPool("worker_jobs:work", workers=1, deadline=0.5) as pool:
        results = pool.map([("sleep", 0.3)] * 6)
    assert _statuses(results) == ["ok"] * 6
    assert results[-1].queued_seconds > 1.4
    assert all(0.3 <= result.run_seconds < 0.5 for result in results)


@pytest.mark.slow
def test_importing_does_not_count(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(1.0)\ndef echo(job): return job\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with WorkerPool("slow_to_import:echo", workers=1, deadline=0.3) as pool:
        results = pool.map([1, 2])
    assert _values(results) == [1, 2]
    assert results[0].run_seconds < 0.3 < results[0].queued_seconds


@pytest.mark.slow
def test_a_replacement_gets_ready_while_nobody_waits_for_it(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(0.5)\ndef nap(job): return time.sleep(job)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with WorkerPool("slow_to_import:nap", workers=1, deadline=0.2) as pool:
        assert pool.run(60).status == "timeout"
        time.sleep(1.0)
        assert pool.run(0).queued_seconds < 0.3


def test_what_came_in_while_the_caller_was_stopped_is_not_late():
    # The job takes 0.2 s of its 0.5 s; the process that waits for it is stopped for a second meanwhile.
    program = "import os\nfrom prm_gym.workers import WorkerPool\npool = WorkerPool('worker_jobs:work', workers=1, deadline=0.5)\n"
    program += "pool.run(('echo', 1))\nprint(flush=True)\nprint(pool.run(('sleep', 0.2)).status)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True) as caller:
        caller.stdout.readline()
        time.sleep(0.05)
        caller.send_signal(signal.SIGSTOP)
        time.sleep(1.0)
        caller.send_signal(signal.SIGCONT)
        assert caller.communicate(timeout=20)[0] == "ok\n"


def test_every_job_may_hang():
    with WorkerPool("worker_jobs:work", workers=2, deadline=0.1) as pool:
        assert _statuses(pool.map([("sleep", 60)] * 6)) == ["timeout"] * 6


def test_a_job_that_hangs_takes_its_children_along(pool, tmp_path, gone):
    note = tmp_path / "pid"
    assert pool.run(("child_then_hang", str(note))).status == "timeout"
    assert gone([int(note.read_text())])


# Crashes and memory.


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (("die", 3), "the worker exited with code 3"),
        (("die", 0), "the worker exited with code 0"),
        (("segfault",), "the worker was killed by SIGSEGV"),
        (("fork_and_die",), "the worker exited with code 7"),
        (("close_everything",), "the worker "),  # by itself, as it cannot answer, or by the pool that sees the channel closed
    ],
)
def test_a_worker_that_dies_is_a_crash(job, reason):
    with WorkerPool("worker_jobs:work", workers=1, deadline=10) as pool:
        results = pool.map([("echo", 1), job, ("echo", 2)])
    assert _statuses(results) == ["ok", "crash", "ok"]
    assert results[1].reason.startswith(reason)


def test_a_job_that_crashed_is_not_tried_again(pool, tmp_path):
    path = tmp_path / "runs"
    assert pool.run(("record", str(path))).status == "crash"
    assert path.read_text() == "x"


def test_memory_is_capped_above_what_the_import_took():
    with WorkerPool("worker_jobs:work", workers=1, memory_mb=200) as pool:
        results = pool.map([("hold", 100), ("hold", 300), ("hold", 100)])
    assert _statuses(results) == ["ok", "memory", "ok"]
    assert results[1].reason == "it needs more memory than the worker may have (200 MiB)"
    with WorkerPool("worker_jobs:work", workers=1, memory_mb=None) as pool:
        assert pool.run(("hold", 300)).status == "ok"


def test_a_job_or_result_beyond_the_cap_is_memory():
    with WorkerPool("worker_jobs:work", workers=1, memory_mb=64) as pool:
        results = pool.map([("echo", b"x" * 100_000_000), ("echo", 1), ("blob", 50_000_000), ("echo", 2)])
    assert _statuses(results) == ["memory", "ok", "memory", "ok"]


def test_a_worker_that_keeps_memory_is_replaced():
    with WorkerPool("worker_jobs:work", workers=1, memory_mb=200) as pool:
        ids = _values(pool.map([("keep", 30)] * 9))
    # 30, 60, 90, 120: the fourth job is the first to leave more than half of 200 MiB behind.
    assert [ids.index(pid) for pid in ids] == [0, 0, 0, 0, 4, 4, 4, 4, 8]


def test_a_worker_is_replaced_after_so_many_jobs():
    with WorkerPool("worker_jobs:work", workers=1, recycle_after=3) as pool:
        ids = _values(pool.map([("process_id",)] * 7))
    assert [ids.index(pid) for pid in ids] == [0, 0, 0, 3, 3, 3, 6]


# Jobs that meddle.


def test_a_job_that_closes_descriptors_harms_nobody(pool):
    assert _values(pool.map([("close_low_descriptors",)] * 4)) == ["closed"] * 4


def test_a_job_that_forks_answers_once(pool):
    assert _values(pool.map([("fork",), ("echo", 1), ("echo", 2)])) == ["parent", 1, 2]


@pytest.mark.slow
def test_pools_nest():
    with WorkerPool("worker_jobs:nested", workers=1, deadline=20) as pool:
        assert _values(pool.map([1, 2])) == [1, 2]


def test_a_worker_that_is_killed_from_outside(pool):
    os.kill(pool.run(("process_id",)).value, 9)
    time.sleep(0.05)
    assert _values(pool.map([("echo", place) for place in range(10)])) == list(range(10))


def test_a_worker_that_is_killed_at_work(pool):
    pid = pool.run(("process_id",)).value
    killer = threading.Timer(0.2, os.kill, (pid, 9))
    killer.start()
    results = pool.map([("sleep", 0.4), ("sleep", 0.4)])
    killer.join()
    assert sorted(_statuses(results)) == ["crash", "ok"]
    assert next(result for result in results if result.status == "crash").reason == "the worker was killed by SIGKILL"


# Starting and ending.


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("no_such_module:work", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("worker_jobs:no_such_function", "AttributeError: module 'worker_jobs' has no attribute 'no_such_function'"),
        ("worker_jobs:NO_FUNCTION", "TypeError: worker_jobs:NO_FUNCTION is no function but int"),
        ("worker_jobs:die", "3 in a row died, the last one exited with code 5"),
    ],
)
def test_what_cannot_start_is_an_error(function, says):
    setup = (5,) if function.endswith(":die") else None
    with WorkerPool(function, setup=setup) as pool:
        for _ in range(2):
            with pytest.raises(WorkerError, match="cannot start") as caught:
                pool.map([1, 2, 3])
            assert says in str(caught.value)


def test_a_start_that_takes_too_long_is_an_error():
    with WorkerPool("worker_jobs:sleep", setup=(60,), start_seconds=0.3) as pool, pytest.raises(WorkerError, match=r"was not ready after 0\.3 s"):
        pool.run(1)


def test_a_function_that_makes_the_function():
    with WorkerPool("worker_jobs:make", setup=("p",), workers=1) as pool:
        (_, first, _), (prefix, second, job) = _values(pool.map([1, 2]))
    assert (prefix, job) == ("p", 2)
    assert first == second
    with WorkerPool("worker_jobs:make_nothing", setup=()) as pool, pytest.raises(WorkerError, match="is no function but NoneType"):
        pool.run(1)


@pytest.mark.parametrize(
    ("function", "options", "says"),
    [
        ("math", {}, r"an import path like 'package.module:function'.* got 'math'"),
        ("__main__:f", {}, "which a new process can import"),
        (":f", {}, "import path"),
        ("a:b", {"workers": 0}, "workers is a whole number of at least 1, got 0"),
        ("a:b", {"workers": 1.5}, "workers is a whole number"),
        ("a:b", {"memory_mb": 0}, "memory_mb"),
        ("a:b", {"recycle_after": 0}, "recycle_after"),
        ("a:b", {"deadline": 0}, "deadline is a positive number of seconds, got 0"),
        ("a:b", {"deadline": float("nan")}, "deadline"),
        ("a:b", {"deadline": float("inf")}, "deadline"),
        ("a:b", {"setup": (threading.Lock(),)}, "the setup of a:b cannot be pickled: TypeError"),
    ],
)
def test_options_that_cannot_be_honoured(function, options, says):
    with pytest.raises(OptionError, match=says):
        WorkerPool(function, **options)


def test_workers_start_when_they_are_needed(children):
    before = len(children(os.getpid()))
    with WorkerPool("worker_jobs:work", workers=4) as pool:
        assert len(children(os.getpid())) == before
        pool.run(("echo", 1))
        pool.run(("echo", 1))
        assert len(children(os.getpid())) == before + 1
        pool.map([("sleep", 0.05)] * 20)
        assert len(children(os.getpid())) == before + 4


def test_closing(gone):
    pool = WorkerPool("worker_jobs:work")
    pid = pool.run(("process_id",)).value
    pool.close()
    pool.close()
    assert gone([pid], 0)
    with pytest.raises(WorkerError, match="the pool of worker_jobs:work is closed"):
        pool.run(("echo", 1))


def test_closing_ends_calls_in_progress(gone):
    pool = WorkerPool("worker_jobs:work", workers=1, deadline=30)
    pid = pool.run(("process_id",)).value
    raised = []

    def ask():
        try:
            pool.map([("sleep", 20)] * 3)
        except WorkerError as error:
            raised.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]  # one at work, two waiting
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    pool.close()
    for thread in threads:
        thread.join(timeout=3)
    assert len(raised) == 3
    assert gone([pid], 0.5)


def test_a_pool_that_nobody_refers_to_ends(gone):
    pool = WorkerPool("worker_jobs:work")
    pid = pool.run(("process_id",)).value
    del pool
    assert gone([pid], 0)


def test_a_copy_is_a_pool_of_its_own(pool):
    pid = pool.run(("process_id",)).value
    for other in (pickle.loads(pickle.dumps(pool)), copy.deepcopy(pool)):
        with other:
            assert other.size == 2
            assert other.settings == pool.settings
            assert other.run(("process_id",)).value != pid
    assert pool.run(("process_id",)).value == pid


@pytest.mark.slow
def test_an_interruption_kills_what_was_running_and_leaves_the_pool_usable(monkeypatch, gone):
    with WorkerPool("worker_jobs:work", workers=2, deadline=30) as pool:
        pids = set(_values(pool.map([("process_id",), ("sleep", 0.2), ("sleep", 0.2), ("process_id",), ("process_id",)]))) - {0.2}
        waited = pool._advance

        def interrupted(call, mine):
            if all(worker.job is not None for worker in mine) and time.monotonic() - call.began > 0.3:
                raise KeyboardInterrupt
            waited(call, mine)

        with monkeypatch.context() as patch:
            patch.setattr(pool, "_advance", interrupted)
            with pytest.raises(KeyboardInterrupt):
                pool.map([("sleep", 20), ("sleep", 20), ("sleep", 20)])
        assert gone(pids, 0.5)
        assert _values(pool.map([("echo", 1), ("echo", 2)])) == [1, 2]


# Threads.


def test_calls_from_many_threads(pool):
    found = {}

    def ask(number):
        found[number] = [_values(pool.map([("echo", (number, place)) for place in range(20)])), pool.run(("echo", number)).value]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert found == {number: [[(number, place) for place in range(20)], number] for number in range(8)}


@pytest.mark.slow
def test_calls_from_many_threads_with_jobs_that_hang_and_crash(pool):
    found = {}

    def ask(number):
        jobs = [("echo", place) for place in range(10)] + [("die", 1) if number % 2 else ("sleep", 60)] + [("echo", 10)]
        found[number] = pool.map(jobs)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for number in range(8):
        assert _values(found[number]) == [*range(10), None, 10]
        assert found[number][10].status == ("crash" if number % 2 else "timeout")


@pytest.mark.slow
def test_a_small_batch_does_not_wait_for_the_whole_of_a_large_one():
    with WorkerPool("worker_jobs:work", workers=2) as pool:
        pool.map([("sleep", 0.05)] * 4)
        large = threading.Thread(target=pool.map, args=([("sleep", 0.02)] * 200,))  # two seconds of work for both workers
        large.start()
        time.sleep(0.2)
        began = time.monotonic()
        pool.map([("echo", 1)] * 3)
        assert time.monotonic() - began < 0.5
        assert large.is_alive()
        large.join(timeout=60)


def test_variables_of_the_workers_environment():
    with WorkerPool("os:getenv", workers=1, environment={"PRM_GYM_TEST": "7"}) as pool:
        assert [result.value for result in pool.map(["PRM_GYM_TEST", "PATH"])] == ["7", os.environ["PATH"]]
    with WorkerPool("os:getenv", workers=1) as pool:
        assert pool.run("PRM_GYM_TEST").value is None
    for environment in ({"A": 1}, {"A=B": "1"}, {"A": "\0"}):
        with pytest.raises(OptionError, match="environment sets variables to texts"):
            WorkerPool("os:getenv", environment=environment)
