"""What is compared in worker processes, and the workers themselves."""

import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from prm_gym.answers import Grader, grade, grade_all

pytest.importorskip("math_verify")


def _children():
    """Ids of this process's children that run."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == os.getpid() and fields[0] not in "ZX":
                found.add(int(entry.name))
    return found


@pytest.fixture(name="grader", scope="module")
def _grader():
    with Grader(workers=1, deadline=20.0) as grader:
        yield grader


@pytest.mark.parametrize(
    ("gold", "answer", "verdict"),
    [
        # Identities from a table of trigonometry, and of logarithms.
        (r"\cot x", r"\frac{\cos x}{\sin x}", "correct"),
        (r"\cot x", r"\frac{1}{\tan x}", "correct"),
        (r"\cot x", r"\tan x", "incorrect"),
        (r"\sin^2 x", r"1-\cos^2 x", "correct"),
        (r"\sin^2 x", r"1-\cos x^2", "incorrect"),
        (r"\sin^2 m", r"1-\cos^2 m", "correct"),  # m is no metre
        (r"2^x", r"4^{x/2}", "correct"),
        (r"\sin 2x", r"2\sin x\cos x", "correct"),
        (r"\cos\frac{\pi}{7}", r"\sin\frac{5\pi}{14}", "correct"),
        (r"\cos\frac{\pi}{7}", r"\sin\frac{5\pi}{13}", "incorrect"),
        (r"\frac{\ln 3}{\ln 2}", r"\log_2 3", "correct"),
        (r"\frac{\log 3}{\log 2}", r"\log_2 3", "correct"),  # right in every base
        (r"\log 2", r"\ln 2", "undecided"),  # the base is not said
        (r"\ln(x^2)", r"2\ln x", "undecided"),  # not for negative x
        ("2^n", r"2\cdot 2^{n-1}", "correct"),
        ("n!", "n(n-1)!", "correct"),
        (r"\frac{n(n+1)}{2}", r"\binom{n+1}{2}", "correct"),
        (r"\frac12+\frac{\sqrt3}{2}i", r"e^{i\pi/3}", "correct"),
        (r"\sqrt{x^2+1}", "(x^2+1)^{1/2}", "correct"),
        (r"\sqrt{x^2+1}", "(x^2+1)^{1/3}", "incorrect"),
        (r"\sqrt{2+\sqrt{3}}", r"\frac{\sqrt6+\sqrt2}{2}", "correct"),  # its square is (8 + 2 sqrt 12) / 4
        (r"(\sin x, 1)", r"(\cos(\frac{\pi}{2}-x), 1)", "correct"),
        (r"(\sin x, 1)", r"(\cos(\frac{\pi}{2}-x), 2)", "incorrect"),
        # Equal to 50 digits and more are only equals: this differs in the 41st place.
        (r"\ln 2", r"\ln 2 + 10^{-40}", "incorrect"),
        # What our reader does not know, and math-verify does.
        (r"\sin^{-1} x", r"\arcsin x", "correct"),
        (r"\sin^{-1} x", r"\cos^{-1} x", "incorrect"),
        # What math-verify reads in part alone ("2") is not believed.
        (r"\overline{AB}", r"\overline{BA}", "undecided"),
        (r"2\foo x", "2", "undecided"),
    ],
)
def test_what_needs_a_worker(grader, gold, answer, verdict):
    found = grader.grade(answer, gold)
    assert found.verdict == verdict, found


def test_a_restated_root_is_not_worked_out(grader):
    assert grader.grade(r"\sqrt{3+2\sqrt2}", r"1+\sqrt2").verdict == "incorrect"


def test_a_batch_gives_what_single_answers_give(grader):
    triples = [("7", "7", ""), (r"\tan x", r"\cot x", ""), (r"\frac{1}{\tan x}", r"\cot x", ""), ("x", "", ""), (r"\frac{1}{\tan x}", r"\cot x", "")]
    assert grader.grade_all(triples) == [grader.grade(*triple) for triple in triples]
    assert grader.grade_all([]) == []
    assert [found.verdict for found in grade_all([("7", "7"), ("8", "7")])] == ["correct", "incorrect"]


def test_a_comparison_that_hangs_is_a_timeout_and_costs_its_deadline_once():
    hostile = r"x 2+\frac{1}{(x+\sin(x)+1)^{999}(\cos x+y)^{999}}"  # our reader refuses the product `x 2`; the rest takes seconds
    before = _children()
    with Grader(workers=1, deadline=0.1) as grader:
        started = time.monotonic()
        found = grader.grade(hostile, r"\sin^{-1} x")
        again = grader.grade(hostile, r"\sin^{-1} x")
        assert time.monotonic() - started < 10.0
        assert found == again
        assert (found.verdict, found.score) == ("undecided", None)
        assert found.status == "timeout"
    deadline = time.monotonic() + 5.0
    while _children() - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _children() - before, "a worker is left"


def test_no_worker_is_started_for_what_is_decided_here():
    before = _children()
    with Grader(workers=2, deadline=3.5) as grader:
        for answer, gold in [("7", "7"), ("8", "7"), (r"\sqrt{12}", r"2\sqrt3"), ("9^{9^{9^9}}", "7"), ("(1,2)", "1,2"), (r"\text{yes}", "no")]:
            assert grader.grade(answer, gold).verdict != "undecided"
        assert not _children() - before


def test_a_grader_can_be_pickled_and_closed_and_asked_again():
    with Grader(workers=1, deadline=20.0, memory_mb=2_048) as grader:
        assert grader.grade(r"\frac{1}{\tan x}", r"\cot x").verdict == "correct"
        copy = pickle.loads(pickle.dumps(grader))
        grader.close()
        grader.close()
        assert copy.grade(r"\tan x", r"\cot x").verdict == "incorrect"
        assert grader.grade(r"\tan 2x", r"\cot x").verdict == "incorrect"
        copy.close()


def test_threads_share_a_grader(grader):
    found = []

    def ask(place):
        found.append(grader.grade(rf"\frac{{{place}}}{{\tan x}}", rf"{place}\cot x").verdict)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(2, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["correct"] * 4


def test_without_the_extra_it_says_which_one_is_missing():
    program = (
        "import sys\n"
        "sys.modules['math_verify'] = None\n"
        "import importlib.util\n"
        "from prm_gym.answers import grade\n"
        "found = grade(r'\\frac{1}{\\tan x}', r'\\cot x')\n"
        "assert (found.verdict, found.status) == ('undecided', 'abstain'), found\n"
        "assert \"pip install 'prm-gym[math]'\" in found.reason, found\n"
        "assert grade('0.5', r'\\frac12').verdict == 'correct'\n"
        "assert 'sympy' not in sys.modules and 'mpmath' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_shared_grader_is_there_for_environments():
    assert grade(r"\frac{1}{\tan x}", r"\cot x").verdict == "correct"
