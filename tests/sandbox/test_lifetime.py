"""What happens when processes die, and that nothing grows or is left."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prm_gym.errors import SandboxError
from prm_gym.sandbox import Limits, Sandbox
from prm_gym.sandbox.pool import ATTEMPTS, ZygotePool
from prm_gym.sandbox.zygotes import Job, Settings

sys.path.insert(0, str(Path(__file__).parent))
from attack_suite import descendants

sys.path.pop(0)
SLEEPER = {"kind": "run", "code": "import time\nprint('begun')\ntime.sleep(60)"}


def offered(tier):
    try:
        with Sandbox(workers=1, tier=tier) as sandbox:
            sandbox.run("")
    except SandboxError:
        return False
    return True


@pytest.fixture(name="tier", params="ABC")
def _tier(request):
    if not offered(request.param):
        pytest.skip(f"this machine does not offer tier {request.param}")
    return request.param


@pytest.fixture(name="pool")
def _pool(tier):
    before = descendants()
    made = ZygotePool(Settings(tier), 2)
    yield made
    made.close()
    assert gone_to(before)


def gone_to(before, seconds=3.0):
    """Whether all new processes end within the time."""
    limit = time.monotonic() + seconds
    while descendants() - before:
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True


def run(pool, code, **limits):
    return pool.run([Job({"kind": "run", "code": code}, Limits(**limits))])[0]


def zygotes_at_work(known):
    """The processes that were started since."""
    limit = time.monotonic() + 5
    while not (found := descendants() - known) and time.monotonic() < limit:
        time.sleep(0.005)
    return found


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1])


def kill_whoever(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_job_whose_zygote_was_killed_is_done_by_another(pool):
    run(pool, "")
    (zygote,) = pool.pids()
    killer = threading.Timer(0.3, kill_whoever, [[zygote]])
    killer.start()
    report = run(pool, "import time\ntime.sleep(0.6)\nprint('done')")
    killer.join()
    assert report.stdout == b"done\n"
    assert zygote not in pool.pids()


def is_own_zygote(pid):
    try:
        return parent(pid) == os.getpid() and b"zygote.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:  # it has ended meanwhile
        return False


def test_a_zygote_that_gives_up_in_words_hangs_nobody(pool):
    # More than a report, and as long as one when it is cut: what a zygote says that cannot fork any more.
    run(pool, "")
    (zygote,) = pool._idle
    zygote._control.close()
    theirs, zygote._control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.sendall(b'{"ready": false, "reason": "OSError: Resource temporarily unavailable"}')
    started = time.monotonic()
    assert run(pool, "print(1)").stdout == b"1\n"
    assert time.monotonic() - started < 5
    theirs.close()


def test_a_job_whose_zygotes_are_killed_again_and_again_is_a_fault(pool):
    run(pool, "")
    reports = []
    waiting = threading.Thread(target=lambda: reports.extend(pool.run([Job(SLEEPER, Limits(wall_seconds=20.0))])))
    waiting.start()
    for _ in range(ATTEMPTS):
        time.sleep(0.8)  # time for a zygote to start, to be tested and to be given the job
        kill_whoever(pid for pid in descendants() if is_own_zygote(pid))
    waiting.join(5)
    assert reports == [None]


def test_a_job_dies_with_its_zygote(pool):
    run(pool, "")
    known = descendants()
    (zygote,) = pool.pids()
    waiting = threading.Thread(target=lambda: pool.run([Job(SLEEPER, Limits(wall_seconds=1.0))]))
    waiting.start()
    job = zygotes_at_work(known)
    assert job
    time.sleep(0.1)
    kill_whoever([zygote])
    limit = time.monotonic() + 2
    while job & descendants() and time.monotonic() < limit:
        time.sleep(0.01)
    assert not job & descendants()
    waiting.join()


def test_a_zygote_that_was_killed_while_idle_is_replaced(pool):
    run(pool, "")
    kill_whoever(pool.pids())
    assert run(pool, "print(1)").stdout == b"1\n"


def test_tests_survive_dead_zygotes(pool):
    def tested():
        return pool.run_together(
            Job({"kind": "test", "tests": "assert f() == 1", "entry": "", "believing": False}, Limits()),
            Job({"kind": "serve", "code": "def f(): return 1"}, Limits()),
        )

    assert b'"passed"' in tested()[0].channel
    kill_whoever(pool.pids())
    time.sleep(0.1)
    first, second = tested()
    assert first is not None
    assert second is not None
    assert b'"passed"' in first.channel


def test_what_cannot_be_cleared_away_harms_no_other_job():
    if not offered("A"):
        pytest.skip("this machine does not offer tier A")
    pool = ZygotePool(Settings("A"), 2)
    nested = "import os\ntry:\n    while True:\n        os.mkdir('d')\n        os.chdir('d')\nexcept OSError: pass"
    jobs = [Job({"kind": "run", "code": code}, Limits()) for code in [nested, nested, "import os; print(os.listdir('.'))"] * 4]
    reports = pool.run(jobs)
    assert None not in reports
    assert [report.stdout for report in reports[2::3]] == [b"[]\n"] * 4
    pool.close()


def test_zygotes_are_replaced_after_many_jobs(monkeypatch):
    monkeypatch.setattr("prm_gym.sandbox.pool.RECYCLE_AFTER", 5)
    pool = ZygotePool(Settings("C" if not offered("A") else "A"), 1)
    seen = set()
    for _ in range(20):
        assert run(pool, "print(1)").stdout == b"1\n"
        seen |= set(pool.pids())
    assert 3 <= len(seen) <= 6
    pool.close()


def test_many_threads_use_one_sandbox():
    with Sandbox(workers=2) as sandbox:
        wrong = []

        def work(number):
            for i in range(15):
                if sandbox.run(f"print({number} * {i})").stdout != f"{number * i}\n":
                    wrong.append((number, i))
            if not sandbox.test("def f(x): return x", f"assert f({number}) == {number}").passed:
                wrong.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert wrong == []
        assert not any(thread.is_alive() for thread in threads)


def test_a_forked_process_has_zygotes_of_its_own():
    with Sandbox(workers=1) as sandbox:
        assert sandbox.run("print(1)").stdout == "1\n"
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                said = sandbox.run("print(2)").stdout + sandbox.run("print(3)").stdout
                os.write(writing, said.encode())
                sandbox.close()
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert os.read(reading, 100) == b"2\n3\n"
        assert sandbox.run("print(4)").stdout == "4\n"
        os.close(reading)
        os.close(writing)


def test_the_last_sandbox_that_is_closed_ends_the_processes():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\nfrom attack_suite import descendants\nfrom prm_gym.sandbox import Sandbox\n"
        "one, other = Sandbox(workers=1), Sandbox(workers=1)\none.run('1'); other.run('1')\nboth = len(descendants())\none.close()\nleft = len(descendants())\n"
        "other.close()\nimport time; time.sleep(0.2)\nprint(both > 0, left == both, len(descendants()))"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(Path(__file__).parent)], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "True True 0\n", done.stderr


def test_signals_are_answered_alike_however_the_host_was_started():
    """A shell's job in the background ignores SIGINT, one under nohup SIGHUP; what they start would ignore them too."""
    program = (
        "import signal\n"
        "for number in (signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
        "from prm_gym.sandbox import Sandbox\n"
        "with Sandbox(workers=1) as sandbox:\n"
        "    print(sandbox.run('import signal; signal.raise_signal(signal.SIGINT)').status)\n"
        "    print(sandbox.run('import signal; signal.raise_signal(signal.SIGHUP)').status)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["exception", "crash"]


def test_nothing_survives_a_host_that_is_killed(tier):
    program = (
        "import sys, threading\nfrom prm_gym.sandbox import Limits, Sandbox\nsandbox = Sandbox(workers=2, tier=sys.argv[1])\nsandbox.run('1')\n"
        "threading.Thread(target=sandbox.run_all, args=([sys.argv[2]] * 4,), kwargs={'limits': Limits(wall_seconds=1.5)}).start()\n"
        "import time; print('ready', flush=True); time.sleep(60)"
    )
    host = subprocess.Popen([sys.executable, "-c", program, tier, SLEEPER["code"]], stdout=subprocess.PIPE)
    assert host.stdout.readline() == b"ready\n"
    limit = time.monotonic() + 10.0
    while len(below := descendants(host.pid)) < 4 and time.monotonic() < limit:
        time.sleep(0.02)
    assert len(below) >= 4  # two zygotes and their jobs, of which four are played two by two: for 3 s there are so many
    host.kill()
    host.wait()
    host.stdout.close()
    limit = time.monotonic() + 1.5 + 1.5
    while time.monotonic() < limit and any(os.path.exists(f"/proc/{pid}") and not ended(pid) for pid in below):
        time.sleep(0.02)
    assert [pid for pid in below if not ended(pid)] == []


def ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def resident_kib(pid="self"):
    try:
        return int(Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").partition("VmRSS:")[2].split()[0])
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0  # it has ended


def test_memory_descriptors_and_processes_stay_flat():
    with Sandbox(workers=2) as sandbox:
        codes = ["print(1)", "1/0", "import os; os._exit(3)", "x = bytearray(1 << 24)", "open('f', 'w').write('x' * 100000)", "print('x' * 100000)"]

        def rounds(count):
            for start in range(0, count, 100):
                sandbox.run_all([codes[i % len(codes)] for i in range(start, start + 100)])
            sandbox.test("def f(): return 1", "assert f() == 1")

        rounds(400)
        files, processes, memory = len(os.listdir("/proc/self/fd")), len(descendants()), resident_kib()
        of_zygotes = sum(resident_kib(pid) for pid in descendants())
        rounds(2000)
        assert len(os.listdir("/proc/self/fd")) <= files  # fewer, if what another test left behind has ended meanwhile
        assert len(descendants()) <= processes
        assert resident_kib() - memory < 4096
        assert sum(resident_kib(pid) for pid in descendants()) - of_zygotes < 2048
