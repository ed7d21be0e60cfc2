"""No process is left behind, and forked processes have workers of their own. Real parents, really killed."""

import gc
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prm_gym.workers import WorkerPool

# Python 3.12 and later warn of every fork of a process with threads, which are the point of some of these tests.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

FOLDER = str(Path(__file__).parent)

# Signals that the tests' own parent ignores (a background job, nohup) would be ignored here as well.
PARENT = """
import os, signal, sys, threading, time
for number in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {folder!r})
from prm_gym.workers import WorkerPool
pool = WorkerPool("worker_jobs:work", workers=2, deadline=60)
pids = {{result.value for result in pool.map([("process_id",), ("sleep", 0.3), ("sleep", 0.3), ("process_id",), ("process_id",)])}} - {{0.3}}
{then}
"""


def _parent(then):
    """A process with a pool; it says in its first line which processes must end with it."""
    program = PARENT.format(folder=FOLDER, then=then)
    return subprocess.Popen([sys.executable, "-W", "error", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _pids(parent):
    ready, _, _ = select.select([parent.stdout], [], [], 30)
    assert ready, "the parent says nothing"
    return [int(word) for word in parent.stdout.readline().split()]


def _finish(parent):
    out, err = parent.communicate(timeout=20)
    return parent.returncode, out, err


SAY = "print(*pids, flush=True)\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV])
@pytest.mark.parametrize("job", [("hang_in_c",), ("hang_deaf",), ("echo", 1)])
def test_workers_end_with_a_parent_that_is_killed(number, job, alive, gone):
    parent = _parent(SAY + f"pool.map([{job!r}] * 2)\ntime.sleep(60)")
    try:
        pids = _pids(parent)
        assert len(pids) >= 1
        time.sleep(0.2)
        assert all(alive(pid) for pid in pids)
    finally:
        parent.send_signal(number)
        _finish(parent)
    assert gone(pids, 1.0)


def test_workers_end_when_the_parent_is_killed_during_their_start(gone, children):
    then = "pool = WorkerPool('worker_jobs:sleep', setup=(60,), workers=2)\nprint(flush=True)\npool.map([1, 2])"
    parent = _parent(then)
    _pids(parent)
    time.sleep(0.3)
    pids = children(parent.pid)
    assert len(pids) >= 2
    parent.kill()
    _finish(parent)
    assert gone(pids, 1.0)


def test_what_the_workers_have_started_ends_as_well(tmp_path, gone):
    note = tmp_path / "pid"
    parent = _parent(SAY + f"pool.map([('child_then_hang', {str(note)!r})])")
    pids = _pids(parent)
    limit = time.monotonic() + 10
    while not (note.exists() and note.read_text()) and time.monotonic() < limit:
        time.sleep(0.01)
    parent.kill()
    _finish(parent)
    assert gone([*pids, int(note.read_text())], 1.0)


def _alone(program):
    """A process in a session of its own, as a worker is, with the reading end of a leash; and the writing end."""
    reading, writing = os.pipe()
    program = f"import fcntl, os, time\nfrom prm_gym.workers import child\nleash = {reading}\n{program}"
    process = subprocess.Popen([sys.executable, "-c", program], pass_fds=[reading], start_new_session=True, stdout=subprocess.PIPE, text=True)
    os.close(reading)
    return process, writing


def test_where_the_kernel_sends_no_signal_a_thread_watches():
    process, leash = _alone("del fcntl.F_SETSIG\nchild.follow(leash)\nprint(flush=True)\ntime.sleep(60)")
    with process:
        process.stdout.readline()
        os.close(leash)
        assert process.wait(timeout=5) == -signal.SIGKILL


def test_a_parent_that_is_gone_before_the_worker_looks():
    process, leash = _alone("time.sleep(0.5)\nchild.follow(leash)\ntime.sleep(60)")
    os.close(leash)
    with process:
        assert process.wait(timeout=20) == -signal.SIGKILL


@pytest.mark.slow
def test_the_fence_of_cpu_time():
    # One second for the job at hand, however much the process has used before.
    program = "limits = child.Limits(None, 1, 1.0)\nlimits.cpu_seconds = 1.0\nlimits.job_begins()\nprint(flush=True)\nwhile True: pass"
    process, leash = _alone(program)
    with process:
        process.stdout.readline()
        assert process.wait(timeout=30) == -signal.SIGXCPU
    os.close(leash)


def test_workers_outlive_the_thread_that_started_them():
    # PR_SET_PDEATHSIG would kill them here.
    pool = WorkerPool("worker_jobs:work", workers=1)
    pids = []
    thread = threading.Thread(target=lambda: pids.append(pool.run(("process_id",)).value))
    thread.start()
    thread.join()
    time.sleep(0.2)
    with pool:
        assert pool.run(("process_id",)).value == pids[0]


@pytest.mark.parametrize(
    "then",
    [
        "",  # nothing closed
        "sys.exit(3)",
        "raise ValueError",
        "threading.Thread(target=pool.map, args=([('hang_in_c',)],), daemon=True).start(); time.sleep(0.2)",
        "threading.Thread(target=pool.map, args=([('sleep', 0.3)],)).start()",
        "pool.close()",
        "pool = [pool]; pool.append(pool)",  # collected at the end only
    ],
)
def test_an_interpreter_that_exits_takes_its_workers_along(then, gone):
    began = time.monotonic()
    parent = _parent(SAY + then)
    pids = _pids(parent)
    code, _, err = _finish(parent)
    assert time.monotonic() - began < 10
    assert code == {"sys.exit(3)": 3, "raise ValueError": 1}.get(then, 0)
    assert "Error" not in err.replace("ValueError", "")
    assert "Warning" not in err
    assert gone(pids, 0.2)


def test_ctrl_c_reaches_the_caller_and_not_the_workers(gone):
    then = "try:\n    pool.map([('sleep', 30)] * 4)\nexcept KeyboardInterrupt:\n    print(pool.run(('echo', 'usable')).value)"
    parent = _parent(SAY + then)
    pids = _pids(parent)
    time.sleep(0.3)
    parent.send_signal(signal.SIGINT)
    code, out, err = _finish(parent)
    assert (code, out, err) == (0, "usable\n", "")
    assert gone(pids, 0.2)


@pytest.mark.slow
def test_a_storm_of_interruptions_loses_no_worker():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(Path(FOLDER) / "storm.py")], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "True True {'ok'} True\n"), done.stderr


def _in_a_fork(task):
    """What `task` returns in a forked process, as text."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.write(writing, str(task()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return said


def test_a_fork_has_workers_of_its_own(gone):
    with WorkerPool("worker_jobs:work", workers=1) as pool:
        pid = pool.run(("process_id",)).value
        other = int(_in_a_fork(lambda: pool.run(("process_id",)).value))
        assert other != pid
        assert pool.run(("process_id",)).value == pid
        assert gone([other])  # it ended with the forked process, which closed nothing


def test_a_fork_that_closes_the_pool_leaves_that_of_the_parent_alone():
    with WorkerPool("worker_jobs:work", workers=1) as pool:
        pid = pool.run(("process_id",)).value
        assert _in_a_fork(pool.close) == "None"
        assert pool.run(("process_id",)).value == pid


def test_a_fork_while_another_thread_is_waiting_for_workers():
    with WorkerPool("worker_jobs:work", workers=2) as pool:
        results = []
        threads = [threading.Thread(target=lambda: results.extend(pool.map([("sleep", 0.01)] * 40))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for place in range(5):
            assert _in_a_fork(lambda place=place: pool.run(("echo", place)).value) == str(place)
        for thread in threads:
            thread.join(timeout=60)
        assert [result.status for result in results] == ["ok"] * 160


def test_a_fork_that_outlives_the_parent_does_not_keep_its_workers(gone):
    parent = _parent("child = os.fork()\nif child == 0:\n    time.sleep(20)\n    os._exit(0)\nprint(child, *pids, flush=True)\ntime.sleep(60)")
    child, *pids = _pids(parent)
    try:
        parent.kill()
        assert gone(pids, 1.0)
    finally:
        os.kill(child, signal.SIGKILL)
        _finish(parent)
    assert gone([child])


def test_descriptors_are_given_back():
    def opened():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    with WorkerPool("worker_jobs:work", workers=1) as pool:
        pool.run(("echo", 1))
        before = opened()
        for _ in range(5):
            pool.map([("echo", 1), ("die", 1), ("echo", 1)])
        assert opened() == before
