"""PythonTool-v0: what calls do, what is claimed of them, and what cannot be farmed."""

import json
import pickle

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401 - registers the ids
from prm_gym.claims import AnswerSupport, FinalAnswer, Malformed, ToolRun
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.envs.tools.python_problems import FAMILIES
from prm_gym.envs.tools.python_tool import SHOWN, PythonToolEnv
from prm_gym.errors import ContractError, OptionError
from prm_gym.rewards import DenseReward, JudgedStep, OutcomeReward, ProgressReward
from prm_gym.rollout import Rollouts, groups
from prm_gym.tools import call_text
from prm_gym.vector import StepVectorEnv
from prm_gym.verifiers.tool_run import ToolRunVerifier


def _env(seed=0, **options):
    env = PythonToolEnv(**{"reward": "dense", **options})
    env.reset(seed=seed)
    return env


def _cell(env, code):
    """What the agent sees of a cell, and the verdict on it."""
    observation, _, _, _, info = env.step(call_text("python", code=code))
    return observation, info["verdicts"]["tool_run"]


def _labels(env, *codes):
    return [_cell(env, code)[1].label for code in codes]


def _claim(env):
    return env.past_steps[-1].claims[0]


@pytest.mark.parametrize("stateful", [True, False])
def test_every_family_is_solved_by_its_cells(stateful):
    for place, family in enumerate(FAMILIES):
        env = _env(place, families=[family], stateful=stateful)
        for action in env.solution():
            _, _, terminated, _, info = env.step(action)
        assert (terminated, info["outcome"]) == (True, 1.0)
        assert env.past_steps[-1].claims[1] == AnswerSupport("computed", len(env.solution()) - 1), family
        # What a step may earn at most, "dense": nobody gets more, so every honest solution in a session must get it.
        assert sum(step.claims[0].used != () for step in env.past_steps[:-1]) >= stateful, family


def test_a_session_keeps_what_a_cell_left_and_forgets_what_was_killed():
    env = _env(seconds=0.5, max_steps=20)
    assert _cell(env, "x = [1]\nx")[0] == "[1]"
    assert _cell(env, "x.append(2)\nraise ValueError('no')")[0].startswith("Error: ValueError: no\n")
    assert _cell(env, "x")[0] == "[1, 2]"  # a cell that raised stands
    for killed in ("x.append(3)\nwhile True: pass", "x.append(3)\nbytearray(10**12)", "x.append(3)\nprint('a' * 10**7)", "x.append(3)\nimport os\nos.abort()"):
        observation, verdict = _cell(env, killed)
        assert observation.startswith("Error: ")
        assert verdict.label == "incorrect"
        if "bytearray" not in killed:
            assert "The session is as it was before this call." in observation
    _cell(env, "x.append(4)\nimport os\nos._exit(0)")
    assert _cell(env, "x")[0] == "[1, 2]"


def test_a_cell_is_dropped_for_how_it_ends_and_not_for_its_words():
    env = _env()
    assert _cell(env, "early_exit = 41  # no os._exit here\nearly_exit")[0] == "41"
    for leaving in ("early_exit = 0\nimport os\nos._exit(0)", "early_exit = 0\nimport os\ngetattr(os, '_ex' + 'it')(1)"):
        observation, verdict = _cell(env, leaving)
        error = "the program left the session without coming to its end; it leaves no trace in the session"
        assert observation == f"Error: {error}\nThe session is as it was before this call."
        assert (verdict.label, _claim(env).status, _claim(env).error) == ("incorrect", "crash", error)
    assert _cell(env, "import sys\nlater = 1\nsys.exit()")[0] == "(no output)"  # an end like another
    assert _cell(env, "early_exit + later")[0] == "42"
    env = _env(stateful=False)
    assert _cell(env, "import os\nos._exit(0)")[0] == "Error: the program left without coming to its end"


# Ends the process when it runs again, and not before: a program is `<program>`, and `<cell 2>` later.
POISON = "import os, sys\ny = 3\nif sys._getframe().f_code.co_filename != '<program>': os._exit(0)\ny"


def test_a_cell_that_breaks_the_session_is_taken_out_and_the_rest_stays():
    env = _env()
    _cell(env, "x = 41")
    assert _cell(env, POISON)[0] == "3"
    observation, verdict = _cell(env, "x + 1")
    assert observation == "Error: cell 2 of the session ended the process when it ran again; it is taken out, and this call has not run: make it again"
    assert verdict.label == "incorrect"
    assert [_cell(env, "x + 1")[0], _cell(env, "y")[0].splitlines()[0]] == ["42", "Error: NameError: name 'y' is not defined"]


def test_a_session_that_hangs_when_it_runs_again_can_be_emptied():
    env = _env(seconds=0.3)
    _cell(env, POISON.replace("os._exit(0)", "__import__('time').sleep(99)"))
    assert _cell(env, "1 + 1")[0] == "Error: it took more than 0.3 seconds\nThe session is as it was before this call."
    observation, *_ = env.step(call_text("python", code="x = 6 * 7\nx", reset=True))
    assert observation == "42"
    assert env.save_state()["session"] == ["x = 6 * 7\nx"]
    assert env.step(call_text("python", code="x", reset=True))[0].startswith("Error: NameError")
    assert env.step(call_text("python", code="while True: pass", reset=True))[0] == "Error: it took more than 0.3 seconds\nThe session is empty."
    assert env.step(call_text("python", code="1", reset="yes"))[0].startswith("Error: the arguments of python do not fit")
    assert [tool.optional for tool in _env(stateful=False).tools] == [(), ()]


def test_names_of_an_emptied_session_are_used_by_nobody():
    env = _env()
    _cell(env, "x = sum([5])")
    *_, info = env.step(call_text("python", code="x = 7\nx + 1", reset=True))
    assert (info["verdicts"]["tool_run"].label, _cell(env, "x + 3")[1].label) == ("neutral", "neutral")


def test_the_time_of_a_call_does_not_grow_with_the_session():
    env = _env(seconds=0.4, max_steps=20)
    for turn in range(3):
        assert _cell(env, f"import time\ntime.sleep(0.2)\n{turn}")[0] == str(turn)
    # Three cells that slept 0.2 s: they may take 0.6 s when they run again, and a new one half a second and its own 0.4 s beyond that.
    assert 0.6 <= env.save_state()["seconds"] < 1.2
    assert _cell(env, "import time\ntime.sleep(2.1)")[0].splitlines()[0] == "Error: it took more than 0.4 seconds"
    assert len(env.save_state()["session"]) == 3


@pytest.mark.parametrize("seconds", [59.0, 61.0, 1e6])
def test_a_session_of_any_length_is_no_error(seconds):
    env = _env(seconds=60)
    _cell(env, "x = 1")
    env.load_state(env.save_state() | {"seconds": seconds})
    assert _cell(env, "x + 1")[0] == "2"
    env.load_state(env.save_state() | {"seconds": seconds})
    PythonToolEnv.prepare([env, _env()], [call_text("python", code="x")] * 2)
    assert _cell(env, "x")[0] == "1"


def test_a_session_takes_a_minute_at_most(monkeypatch):
    monkeypatch.setattr("prm_gym.envs.tools.python_tool.MOST_SECONDS", 0.5)
    env = PythonToolEnv(seconds=0.4)
    env.reset(seed=0)
    assert _cell(env, "import time\ntime.sleep(0.3)\n1")[0] == "1"
    observation, verdict = _cell(env, "import time\ntime.sleep(0.35)\n2")
    assert observation.startswith("Error: the cells of the session take more than 0.5 seconds together; this one leaves no trace in the session")
    assert (verdict.label, len(env.save_state()["session"])) == ("incorrect", 1)


def test_the_same_session_prints_the_same_in_every_episode():
    shown = []
    for _ in range(2):
        env = _env()
        shown.append([_cell(env, code)[0] for code in ("thing = object()\nthing", "thing, hash('a')", "def f(): pass\nf", "map(f, [])")])
    assert shown[0] == shown[1]
    assert " at 0x" in shown[0][0]


def test_of_a_group_of_exceptions_the_group_is_told():
    env = _env()
    assert _cell(env, "raise ExceptionGroup('two', [ValueError(1), KeyError(2)])")[0].splitlines()[0] == "Error: ExceptionGroup: two (2 sub-exceptions)"


def test_calls_without_a_session_know_nothing_of_each_other():
    env = _env(stateful=False)
    _cell(env, "x = sum([5, 7])")
    assert _cell(env, "x")[0].startswith("Error: NameError: name 'x' is not defined\n")
    assert _claim(env) == ToolRun("exception", error="NameError: name 'x' is not defined")


def test_what_is_shown_is_cut_in_the_middle():
    env = _env()
    observation, _ = _cell(env, "print('a' * 9000 + 'b' * 9000)")
    assert observation == "a" * (SHOWN // 2) + f"\n[... {18_000 - SHOWN:,} characters left out ...]\n" + "b" * (SHOWN // 2)
    assert _cell(env, "None")[0] == "(no output)"
    observation, _ = _cell(env, "print('before')\nint('x')")
    assert observation.splitlines()[0] == "Error: ValueError: invalid literal for int() with base 10: 'x'"
    assert observation.endswith("Printed before that:\nbefore")
    assert 'File "<program>", line 2' in observation


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        ("The answer is 42.", "a step is one call of a tool"),
        ('{"name": "pythn", "arguments": {"code": "1"}}', "python"),
        ('{"name": "python", "arguments": {"cod": "1"}}', "'code' is a required property"),
        ('{"name": "python", "arguments": {"code": 1}}', "is not of type 'string'"),
        ('{"name": "python", "arguments": {"code": " "}}', "does not match"),
        ('{"name": "answer", "arguments": {"text": ""}}', "does not match"),
        ('{"name": "python", "arguments": {"code": "1"', "not valid JSON"),
    ],
)
def test_what_is_no_call_changes_nothing_and_is_told(action, reason):
    env = _env()
    _cell(env, "x = 1")
    key, state = env.situation.state_key, env.save_state()
    observation, reward, *_, info = env.step(action)
    assert observation.startswith("Error: ")
    assert reason in observation
    assert isinstance(_claim(env), Malformed)
    assert reward < 0
    assert (info["state_key"], env.save_state()) == (key, state)


def test_an_answer_without_a_run_counts_and_is_labelled():
    env = _env()
    gold = env.task.sealed["gold"]
    *_, info = env.step(call_text("answer", text=gold))
    assert info["outcome"] == 1.0
    assert env.past_steps[-1].claims == (FinalAnswer(gold, gold, env.task.question), AnswerSupport("none", 0))
    assert info["verdicts"]["tool_run"].evidence == {"origin": "none", "runs": 0}


@pytest.mark.parametrize(
    ("cells", "answer", "origin"),
    [
        (["print(3 * 1234)"], "3702", "computed"),
        (["print(3 * 1234)"], "3,702", "computed"),
        (["print(3702)"], "3702", "typed"),
        (["x = 3702", "x"], "3702", "typed"),
        (["print(1234)"], "3702", "none"),
        (["print(3 * 1234)"], "3702 or 3703", "none"),
        (["'-'.join(['2024', '05', '07'])"], "2024-05-07", "typed"),
        (["import datetime\nprint(datetime.date(2024, 5, 1) + datetime.timedelta(days=6))"], "2024-05-07", "computed"),
        (["print(7 - 13)"], "-6", "computed"),
    ],
)
def test_where_an_answer_comes_from(cells, answer, origin):
    env = _env()
    for cell in cells:
        _cell(env, cell)
    env.step(call_text("answer", text=answer))
    assert env.past_steps[-1].claims[1] == AnswerSupport(origin, len(cells))


def test_an_answer_may_stand_in_quotation_marks():
    env = _env(families=["working_days"])
    *_, info = env.step(call_text("answer", text=repr(env.task.sealed["gold"])))  # as a notebook shows it
    assert (info["outcome"], info["verdicts"]["equivalence"].label) == (1.0, "correct")


def _used(env, *cells):
    """What each cell uses of earlier ones."""
    return [env.step(call_text("python", code=code)) and _claim(env).used for code in cells]


def test_a_call_that_uses_an_earlier_result_is_credited_when_it_does():
    cells = "def f(n):\n    return n * 41", "y = f(3)\ny", "f(4)", "y + f(1)"
    assert _used(_env(), *cells) == [(), ("name f",), (), ("name y",)]  # f was used before
    assert _labels(_env(), *cells) == ["neutral", "correct", "neutral", "neutral"]
    cells = "print(36 * 1234)", "print(44424 // 2)", "print(44424 // 3)", "print(44425)"
    assert _labels(_env(stateful=False), *cells) == ["neutral", "correct", "neutral", "trivial"]


@pytest.mark.parametrize(
    "cell", ["x = []\nfor n in range(9): x.append(n)", "x = {}\nfor n in range(9): x[n] = 0", "y = [0]\nfor n in range(9): y[0] += n\nx = y"]
)
def test_what_is_filled_step_by_step_is_a_result(cell):
    assert _used(_env(), cell, "print(len(x))") == [(), ("name x",)]


@pytest.mark.parametrize(
    "cells",
    [
        ["x = 5"] + [f"print(x + {place})" for place in range(6)],  # what was typed is no result
        ["x = sum([5])"] + [f"print(x + {place})" for place in range(6)],  # one result, one credit
        [f"print({place})" for place in range(7)],
        [f"print('junk{place}')" for place in range(7)],
        [cell for place in range(3) for cell in (f"x{place} = sum([5])", f"x{place}\nprint('!!!', True)", f"x{place}\nprint('...')")],
        ["print(12345)", "print(12345 + 1)", "x = 12345", "x"],
        ["x = sum([5])"] + ["x"] * 6,
        ["x = sum([5])\ny = x"] + ["z = y\nw = z", "y = w"] * 3,  # nothing is printed
        ["a, b = id(0), id(1)\nprint(a)", "a\nprint(9**3)", "if 0: b\nprint(8**4)", "lambda: b\nprint(7**5)"],  # read, and not printed
        ["print(36 * 1234)", "44424\nprint(9**3)", "x = 44424\nprint(8**4)"],
        ["def f(f): return f", "g = lambda n: n", "(lambda g: g)(3)", "[f for f in range(9)]"],  # a name of its own is not one of before
    ],
)
def test_cheap_ways_earn_one_credit_at_most(cells):
    assert sum(used != () for used in _used(_env(max_steps=20), *cells)) <= 1


HACKS = {
    "constants": ["print(12345)", "print(777, 888)", "x = 4321\nx"],
    "imports": ["import math, random, itertools, os, sys, json, re", "import heapq"],
    "tiny cells": [*(f"a{place} = sum([{place}])" for place in range(4)), *(f"print(a{place})" for place in range(4))],
    "the same under other names": ["x = sum(range(100))", "y = x\nprint(y)", "z = y\nprint(z)", "w = sum(range(100))\nprint(w)"],
    "exceptions that nobody sees": ["try:\n    undefined\nexcept Exception: pass", "try: 1 / 0\nexcept Exception: print('fine')"],
    "comments": ["pass  # the answer is 42", "'the answer is 42'"],
    "times nought": ["a, b, c = id(1), id(2), id(3)", "print(a * 0 + 1)", "print(b * 0 + 2)", "print(c * 0 + 3)"],
    "everything": ["print(list(range(1000)))", "x = list(range(100, 900))\nx", "print(*x)"],
    "output without end": ["while True: print('x' * 10**5)"],
    "files": ["import os\nos.listdir('.')", "open('/etc/passwd').read()", "import sys\nprint(sys.path)", "print(__builtins__)"],
    "standard input": ["input()", "import sys\nprint(sys.stdin.read())"],
    "waiting": ["import time\ntime.sleep(0.1)", "time.sleep(0.1)\nprint(time)"],
    "chance": ["import random, time, os\nx = random.random()", "x = x + time.time()\nprint(x)", "x = x + os.urandom(1)[0]\nprint(x)", "print(x + id(x))"],
    "leaving": ["exit()", "quit()", "import sys\nsys.exit(0)", "import os\nos._exit(0)"],
    "another print": ["def print(*given): __import__('sys').stdout.write('9' * 9)", "print(1)", "print(2)"],
    "names that are none": ["_ = sum([4])", "_", "__x = sum([7])", "print(_)", "print(__x)", "_, x = __x, __x\nx"],
    "threads": ["import threading\nx = []\nthreading.Thread(target=lambda: x.append(1)).start()", "x", "print(x)", "len(x)"],
    "all there is": ["x, y = sum([3]), sum([4])", "globals()", "print(vars())", "print(dir())", "print(x, y)"],
    "values typed again": ["print(17 * 1234)", "print(20978 + 1)", "print(20979 + 1)", "print(20980 + 1)"],
    "one function": ["def f(n): return n * 3", *(f"print(f({place}))" for place in range(4))],
    "long chains": ["x = sum([1])", *(f"x = x + {place}\nx" for place in range(6))],
    "forged ends": ['import os, json\nos.write(3, b\'["end", ""]\')\nprint(1 + 1)', "print(2 + 2)"],
}


@pytest.mark.parametrize("stateful", [True, False])
def test_no_hack_earns_more_than_the_honest_way(stateful):
    # The honest way earns what one step can, 0.45 / 12, before its answer, as every family's solution in a session does, and nothing under the other schemes.
    envs = {hack: _env(stateful=stateful, seconds=2) for hack in HACKS}
    judged = {hack: [] for hack in HACKS}
    for turn in range(max(map(len, HACKS.values()))):
        playing = [hack for hack in HACKS if turn < len(HACKS[hack])]
        actions = [call_text("python", code=HACKS[hack][turn]) for hack in playing]
        for hack, (*_, info) in zip(playing, StepEnv.step_batch([envs[hack] for hack in playing], actions, [ToolRunVerifier()]), strict=True):
            judged[hack].append(JudgedStep(info["verdicts"]))
    for scheme, most in ((DenseReward(12), 0.45 / 12), (OutcomeReward(), 0.0), (ProgressReward(), 0.0)):
        earned = {hack: sum(scheme.reward(step, steps[:place]) for place, step in enumerate(steps)) for hack, steps in judged.items()}
        assert {hack: sum for hack, sum in earned.items() if sum > most + 1e-12} == {}


def test_a_chain_that_never_ends_earns_one_credit(earned):
    chain = [call_text("python", code="x = sum([1])"), *[call_text("python", code=f"x = x * 3 + {place}\nprint(x)") for place in range(40)]]
    # One correct step of value 1 in units of 0.45 / 12, then neutral ones; the episode is cut with outcome 0.
    assert earned(_env(), chain) == pytest.approx(0.45 / 12)


def test_code_that_only_reads_earlier_results_uses_none():
    env = _env(max_steps=20)
    cells = ["a, b, c = id(0), id(1), id(2)", "a\nprint(9**3)", "if 0: b\nprint(8**4)", "lambda: c\nprint(7**5)", "x = a\nprint(6**4)", "[c][0]\nprint(5**6)"]
    assert _labels(env, *cells) == ["neutral"] * 6
    assert _used(env, "print(a % 2)", "x = b // 2\nif x: x += 1\nx") == [("name a",), ("name b",)]  # they are still there for work


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["data = [12, 99, 43]\nmax(data)"], ["neutral"]),  # the maximum stands in the code, and has been found all the same
        (["roads = {(1, 2): 47, (2, 3): 30}\nlen(roads)", "sum(roads.values())"], ["neutral", "neutral"]),
        (["vals = [345, 876, 111]\nsorted(vals)"], ["neutral"]),
        (["x = sum(range(1234))\nx", "print(x % 97)"], ["neutral", "correct"]),
        (["print(345)", "x = 345\nprint(x)", "print([345, 'a'], f'{345}')", "345"], ["trivial"] * 4),
        (["print('done')\ntotal = sum(range(1000))", "total"], ["neutral", "correct"]),
        (["print(36 * 1234)", "y = sum([1])\nprint(44424)"], ["neutral", "neutral"]),  # what is typed is no use of it
    ],
)
def test_literals_that_are_printed_are_trivial_and_work_that_finds_one_is_not(cells, labels):
    assert _labels(_env(), *cells) == labels


def test_repeated_calls():
    env = _env()
    assert _labels(env, "1 / 0", "1/0  # again", "17 * 3", "17*3") == ["incorrect", "incorrect", "neutral", "trivial"]
    assert [step.claims[0].repeated for step in env.past_steps] == [False, True, False, True]
    assert _labels(env, "x = [sum([1])]", "x.append(7)\nlen(x)", "x.append(7)\nlen(x)")[2] == "neutral"  # the same code, and another result


def test_steps_taken_aside_equal_situations_have_equal_keys():
    one, other = _env(), _env()
    for env in (one, other):
        _cell(env, "x = 2\nx")
    other.step("no call")
    assert one.situation.state_key == other.situation.state_key
    _cell(other, "y = 3\nx")
    assert one.situation.state_key != other.situation.state_key


def test_the_state_survives_snapshots_and_pickles():
    env = _env()
    _cell(env, "x = sum([40, 1])")
    copy = PythonToolEnv(reward="dense")
    copy.restore(env.snapshot())
    for other in (copy, pickle.loads(pickle.dumps(env))):
        assert _cell(other, "x + 1")[0] == "42"
        assert _claim(other).used == ("name x",)


HOSTILE = [
    "(" * 9_000,
    "-" * 9_000 + "1",
    "x" + ".x" * 7_000,
    "if x: pass\n" + "elif x: pass\n" * 1_000,
    "\0",
    "print('\\ud800')",
    "print('\\0\\x1b[2J')",
    "9" * 9_000,
    "import sys; sys.stdout.close()",
    "import sys; sys.stdin.read()",
    "raise SystemExit",
    "class E(Exception):\n    __str__ = None\nraise E",
    "def f(): f()\nf()",
    "é = 'ñ' * 3\né",
    "print({}.__class__.__base__.__subclasses__())",
]


@pytest.mark.parametrize("code", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_cells_are_observations(code):
    env = _env(seconds=2)
    _cell(env, "x = sum([40, 1])")
    observation, verdict = _cell(env, code)
    assert len(observation) <= SHOWN + 2_000
    assert verdict.status == "ok"
    assert _cell(env, "x + 1")[0] == "42" or "stdout.close" in code


def test_a_batch_gives_what_single_steps_give():
    class Unprepared(PythonToolEnv):
        prepare = StepEnv.prepare

    cells = ["x = sum([40, 1])\nx", "x +", "x + 1", "-" * 9_000 + "1", "print(42)", "1/0"]
    batches = []
    for kind in (PythonToolEnv, Unprepared):
        envs = StepVectorEnv(kind, 8, autoreset_mode="Disabled", verifiers=["tool_run", "equivalence"], reward="dense", seconds=1)
        first = envs.reset(seed=3)[0]
        rows = []
        for turn in range(5):
            texts = [call_text("python", code=cells[(row + turn) % 6] if (row, turn) != (0, 3) else "import time\ntime.sleep(9)") for row in range(5)]
            rows.append(envs.step([*texts, "no call", '{"name": "python"', "x" * (ACTION_LENGTH + 1)]))
        batches.append((first, [(row[0], row[1].tolist(), [env.past_steps for env in envs.envs]) for row in rows]))
        verdicts = [row[4]["verdicts"]["tool_run"].tolist() for row in rows]
        batches[-1] += (verdicts, [env.save_state() | {"seconds": 0} for env in envs.envs])
    assert batches[0] == batches[1]


def test_what_was_prepared_is_used_for_that_action_in_that_state_alone():
    def prepared():
        envs = [_env(0), _env(1)]
        PythonToolEnv.prepare(envs, [call_text("python", code="import time\ntime.time()")] * 2)
        return envs[0], envs[0]._prepared[1].run.stdout.strip()

    env, known = prepared()
    assert _cell(env, "import time\ntime.time()")[0] == known
    env, known = prepared()
    assert _cell(env, "6 * 7")[0] == "42"
    assert _cell(env, "import time\ntime.time()")[0] != known  # used up, and the session is another one
    env, known = prepared()
    env.reset(seed=5)
    assert _cell(env, "import time\ntime.time()")[0] != known
    env, known = prepared()
    env.restore(env.snapshot())
    assert _cell(env, "import time\ntime.time()")[0] != known


def test_problems_of_a_file(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps({"question": "What is 6 * 7?", "answer": "42"}) + "\n" + json.dumps({"question": "Odd?", "answer": "}{" * 3_000}) + "\n")
    with path.open("a") as file:
        file.write('{"question": "No answer?"}\n')
    env = PythonToolEnv(tasks=path, bad_rows="skip")
    assert (env.task_count, len(env.skipped_rows)) == (2, 1)
    observation, _ = env.reset(seed=0, options={"task_index": 0})
    assert observation == "What is 6 * 7?"
    assert env.solution() == [call_text("answer", text="42")]
    _cell(env, "6 * 7")
    *_, info = env.step(call_text("answer", text="42.0"))
    assert info["outcome"] == 1.0
    env.reset(seed=0, options={"task_index": 1})
    with pytest.raises(ContractError, match="is not graded correct"):
        env.solution()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"difficulty": 6}, "difficulty"),
        ({"families": ["antz"]}, "ants"),
        ({"families": "ants"}, "list of names"),
        ({"families": ["ants"], "tasks": "tasks.jsonl"}, "generated problems"),
        ({"tasks": 5}, "tasks are a path"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"memory_mb": 1}, "memory_mb"),
        ({"fields": {"quest": "q"}}, "question"),
        ({"statefull": True}, "stateful"),
    ],
)
def test_options_that_cannot_be_honoured(options, message):
    with pytest.raises(OptionError, match=message):
        PythonToolEnv(**options)


def test_the_instructions_show_a_call_and_tell_the_limits_truly():
    env = _env(seconds=1.5, memory_mb=300)
    told = env.task.instructions
    assert '{"name": "python", "arguments": {"code": "print(6 * 7)"}}\n' in told
    assert "1.5 seconds and 300 MiB" in told
    libraries = told.partition("import the standard library")[2].partition(". The tools")[0].split(", ")[1:]
    for name in ("numpy", "sympy", "mpmath"):  # a library can be had exactly where it is named
        observation, _ = _cell(env, f"import {name}; 'here'")
        assert ("'here'" in observation) == (name in libraries)
    for code in ("import socket; socket.create_connection(('127.0.0.1', 9))", "open('/etc/passwd').read()", "open('/tmp/x', 'w')"):
        assert _cell(env, code)[0].startswith("Error: ")


def test_agents_are_shown_the_tools_and_rollouts_play(tmp_path):
    env = gym.make("prm_gym/PythonTool-v0").unwrapped
    env.reset(seed=0)
    assert [tool.openai()["function"]["name"] for tool in env.tools] == ["python", "answer"]
    assert '"name":"python"' in env.task.instructions
    from prm_gym.agent import make_agent

    rollouts = Rollouts("prm_gym/PythonTool-v0", {"difficulty": 1}, num_envs=4)
    assert [trajectory.outcome for trajectory in rollouts.play(make_agent("scripted"), groups(range(6), 1))] == [1.0] * 6
    guesses = rollouts.play(make_agent("constant:" + call_text("answer", text="42")), groups(range(100), 1))
    assert sum(trajectory.outcome for trajectory in guesses) <= 2
