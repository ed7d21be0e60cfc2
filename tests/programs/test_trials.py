"""What comes of cases, though some of them end their process."""

import pytest

from prm_gym.claims import Case
from prm_gym.programs import Trial, run_trials
from prm_gym.programs.trials import MOST_ENDINGS
from prm_gym.sandbox import Sandbox

IDENTITY = tuple(Case((n,), n) for n in range(8))


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as made:
        yield made


def endings(sandbox, code, cases=IDENTITY, **options):
    return [outcome.ending for outcome in run_trials(sandbox, [Trial(code, "f", tuple(cases), wall_seconds=0.3, **options)])[0]]


def test_only_the_case_that_hangs_is_lost(sandbox):
    code = "def f(n):\n    while n == 2: pass\n    return n"
    assert endings(sandbox, code) == ["returned", "returned", "timeout", *["returned"] * 5]


def test_only_the_case_that_leaves_is_lost(sandbox):
    code = "import os\ndef f(n):\n    if n in (0, 5): os._exit(0)\n    return n"
    assert endings(sandbox, code) == ["crash", *["returned"] * 4, "crash", "returned", "returned"]


def test_a_slow_program_does_not_pay_for_the_cases_before(sandbox):
    # Eight cases of a tenth of a second do not fit into three; each of them does, so all pass, in several processes.
    code = "import time\ndef f(n):\n    time.sleep(0.1)\n    return n"
    assert all(outcome.passed for outcome in run_trials(sandbox, [Trial(code, "f", IDENTITY, wall_seconds=0.35)])[0])


def test_after_so_many_endings_the_rest_is_not_run(sandbox):
    code = "import os\ndef f(n): os._exit(0)"
    assert sorted(endings(sandbox, code)) == ["crash"] * MOST_ENDINGS + ["not run"] * (8 - MOST_ENDINGS)  # the order of the calls is mixed


def test_leaving_with_a_code_loses_one_case_as_well(sandbox):
    code = "import os\ndef f(n):\n    if n == 0: os._exit(1)\n    return n"
    assert [outcome.passed for outcome in run_trials(sandbox, [Trial(code, "f", IDENTITY)])[0]] == [False] + [True] * 7


def test_a_program_that_cannot_be_loaded_fails_every_case_at_once(sandbox):
    assert endings(sandbox, "def f(n") == ["exception"] * 8
    assert endings(sandbox, "def g(n): return n") == ["exception"] * 8


def test_without_patience_the_rest_is_lost(sandbox):
    code = "def f(n):\n    while n == 2: pass\n    return n"
    assert endings(sandbox, code, patient=False, shuffled=False) == ["returned", "returned", *["timeout"] * 6]


def test_programs_side_by_side_do_not_see_each_other(sandbox):
    counting = "seen = []\ndef f(n):\n    seen.append(n)\n    return len(seen)"
    trials = [Trial(counting, "f", (Case((0,), 1), Case((0,), 2)), shuffled=False)] * 5
    assert [[outcome.value for outcome in outcomes] for outcomes in run_trials(sandbox, trials)] == [[1, 2]] * 5


def test_an_exception_is_told_by_its_class(sandbox):
    code = "def f(n):\n    raise (KeyError if n else ValueError)('why: because')"
    cases = (Case((0,), raises="ValueError"), Case((1,), raises="ValueError"), Case((1,), raises="KeyError"), Case((0,), 1))
    outcomes = run_trials(sandbox, [Trial(code, "f", cases)])[0]
    assert [outcome.passed for outcome in outcomes] == [True, False, True, False]


def test_no_cases_no_outcomes(sandbox):
    assert run_trials(sandbox, []) == []
    assert run_trials(sandbox, [Trial("x", "f", ())]) == [[]]


def test_the_nth_call_is_not_the_nth_case(sandbox):
    code = "calls = []\ndef f(n):\n    calls.append(n)\n    return len(calls)"
    cases = tuple(Case((n,), n + 1) for n in range(8))
    mixed, plain = run_trials(sandbox, [Trial(code, "f", cases), Trial(code, "f", cases, shuffled=False)])
    assert all(outcome.passed for outcome in plain)
    assert sorted(outcome.value for outcome in mixed) == list(range(1, 9))
    assert [outcome.value for outcome in mixed] != list(range(1, 9))
    assert all(outcome.passed for outcome in run_trials(sandbox, [Trial("def f(n): return n + 1", "f", cases)])[0])
