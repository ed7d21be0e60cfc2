"""CodeSteps: the reference is right, shortcuts are not, and nothing pays twice."""

import json

import gymnasium as gym
import numpy as np
import pytest

from prm_gym.claims import Case, Malformed, Probe, Program, Refused
from prm_gym.envs.tools.code_problems import HIDDEN, LEVELS, PUBLIC, generate
from prm_gym.envs.tools.code_stages import STAGES
from prm_gym.programs import Trial, encoded_json, run_trials
from prm_gym.sandbox import Sandbox
from prm_gym.tools import call_text

SAMPLES = {
    "ints": [[], [0], [5, -3, 5, 0, 12, -3, 4], [2, 2, 1]],
    "words": [[], ["a"], ["noon", "eel", "eel", "banana", "up"]],
    "text": ["", "a", "noon eel  banana", "bb"],
    "grid": [[], [[1]], [[3, -1, 2], [0], [5, 5]]],
    "counts": [{}, {"b": 2, "a": 2, "c": 1}],
    "int": [0, 7, -123, 1001],
}


def test_every_stage_is_written_as_it_is_applied():
    trials, said = [], []
    for stage in STAGES:
        for k in stage.numbers or (0,):
            body = stage.source.format(x="value", y="made", k=k).replace("\n", "\n    ")
            expected = [stage.apply(value, k) for value in SAMPLES[stage.takes]]
            cases = tuple(Case((encoded_json(value),), encoded_json(result)) for value, result in zip(SAMPLES[stage.takes], expected, strict=True))
            trials.append(Trial(f"def f(value):\n    {body}\n    return made", "f", cases))
            said.append(stage.words)
    with Sandbox() as sandbox:
        outcomes = run_trials(sandbox, trials)
    assert [words for words, cases in zip(said, outcomes, strict=True) if not all(case.passed for case in cases)] == []


def test_there_are_many_problems_and_their_references_are_right():
    problems = [generate(seed, stages) for stages in LEVELS.values() for seed in range(40)]
    assert len({problem.code for problem in problems}) > 180
    trials = []
    for problem in problems:
        assert (len(problem.hidden), len(problem.public)) == (HIDDEN, PUBLIC)
        assert not {json.dumps(one) for one, _ in problem.public} & {json.dumps(one) for one, _ in problem.hidden}
        cases = [Case(tuple(map(encoded_json, arguments)), encoded_json(result)) for arguments, result in (*problem.public, *problem.hidden)]
        trials.append(Trial(problem.code, problem.function, tuple(cases)))
    with Sandbox() as sandbox:
        assert all(outcome.passed for outcomes in run_trials(sandbox, trials) for outcome in outcomes)


def made(seed=0, **options):
    env = gym.make("prm_gym/CodeSteps-v0", **options).unwrapped
    env.reset(seed=seed)
    return env


def shortcuts(env):
    """Programs that pass the examples, or look as if they might, without doing what is asked."""
    examples, function = env.task.metadata["examples"], env.task.metadata["function"]
    table = {json.dumps(arguments): result for arguments, result in examples}
    first = env.task.metadata["signature"].removeprefix("def ")
    yield f"import json\nTABLE = {table!r}\ndef {function}(*a):\n    return TABLE.get(json.dumps(list(a)))"
    yield f"import json\nTABLE = {table!r}\ndef {function}(*a):\n    return TABLE.get(json.dumps(list(a)), {examples[0][1]!r})"
    yield f"def {function}(*a): return a[0]"
    yield f"def {function}(*a): return {examples[0][1]!r}"
    yield f"import os\ndef {first}\n    os._exit(0)"
    yield f"import sys\ndef {function}(*a):\n    return sys._getframe(1).f_locals"
    yield f"class E:\n    def __eq__(self, o): return True\ndef {function}(*a): return E()"


@pytest.mark.parametrize("difficulty", LEVELS)
def test_shortcuts_fail(difficulty):
    for seed in range(2):
        env = made(seed, difficulty=difficulty)
        start = env.snapshot()
        for source in shortcuts(env):
            env.restore(start)
            env.step(call_text("program", source=source))
            _, _, terminated, _, info = env.step(call_text("submit"))
            assert (terminated, info["outcome"]) == (True, 0.0)
            assert info["verdicts"]["execution"].score == 0.0


def test_the_same_program_pays_once_and_repeats_cost():
    env = made(3, reward="dense")
    code = env.task.sealed["code"]
    rewards = []
    for text in (code, code, code + "\n", code + "# once more", "x = 1\n" + code):
        rewards.append(env.step(call_text("program", source=text))[1])
    assert rewards[0] > 0
    assert rewards[1] < 0  # refused
    assert rewards[2:] == [0.0, 0.0, 0.0]  # nothing passes for the first time


def test_no_padding_earns_what_a_solution_does():
    env = made(3, reward="dense")
    honest = sum(env.step(action)[1] for action in env.solution())
    padded = made(3, reward="dense")
    signature, *_ = padded.solution()
    arguments, expected = padded.task.metadata["examples"][0]
    wrong = call_text("case", arguments=arguments, expected=expected)
    total, truncated = 0.0, False
    while not truncated:
        for action in (signature, wrong, call_text("run", arguments=arguments)):
            _, reward, _, truncated, info = padded.step(action)
            total += reward
            if truncated:
                break
    assert info["outcome"] == 0.0
    assert total < 0.1
    assert honest >= 1.0


def test_what_a_call_claims_and_answers():
    env = made(5)
    function, examples = env.task.metadata["function"], env.task.metadata["examples"]
    claims = []

    def step(name, **arguments):
        observation, _, _, _, info = env.step(call_text(name, **arguments))
        claims.append(type(env.past_steps[-1].claims[0]) if env.past_steps[-1].claims else None)
        return observation, info["verdicts"]["execution"]

    assert step("run", arguments=examples[0][0])[0].startswith("Error: there is no program")
    observation, verdict = step("signature", source="def other(x):")
    assert (observation.startswith("Error"), verdict.score) == (True, 0.0)
    assert step("signature", source=env.task.metadata["signature"])[1].label == "correct"
    assert step("case", arguments=examples[0][0], expected=0)[0].startswith("Error: there is an example")
    assert step("case", arguments=["x", 1, 2], expected=0)[0].startswith("Error")
    arguments, _ = env.task.sealed["hidden"][3]
    assert step("case", arguments=arguments, expected=[["wrong"]])[1].label == "incorrect"
    observation, verdict = step("program", source=f"def {function}(*a): return None")
    assert "0 of 3 examples pass" in observation
    assert verdict.label == "incorrect"
    assert step("run", arguments=examples[0][0])[0].endswith("returned None")
    assert claims == [Refused, Program, Program, Refused, Refused, Probe, Program, None]


def test_hidden_cases_are_shown_to_nobody():
    env = made(7)
    function = env.task.metadata["function"]
    spy = f"import sys\ndef {function}(*a):\n    frame = sys._getframe(1)\n    return repr(frame.f_locals.get('task')) + repr(frame.f_locals.get('cases'))"
    shown = [env.step(call_text("program", source=spy))[0], env.step(call_text("run", arguments=[1]))[0]]
    for arguments, _ in env.task.sealed["hidden"]:
        if len(json.dumps(arguments)) > 12:
            assert not any(json.dumps(arguments)[1:-1] in text or repr(arguments)[1:-1] in text for text in shown)


@pytest.mark.parametrize(
    "action",
    [
        "def f(): pass",
        '{"name": "eval", "arguments": {}}',
        call_text("signature", source=5),
        call_text("case", arguments=[[1]]),
        call_text("submit", now=True),
        call_text("case", arguments="[[1]]", expected=1),
    ],
)
def test_malformed_calls_change_nothing(action):
    env = made(1)
    key = env.situation.state_key
    observation, _, _, _, info = env.step(action)
    assert isinstance(env.past_steps[-1].claims[0], Malformed)
    assert observation.startswith("Error: ")
    assert info["state_key"] == key


def test_hostile_arguments_are_refused():
    env = made(1)
    deep = json.loads("[" * 500 + "]" * 500)
    for arguments, expected in (([deep], 1), ([[1] * 3_000], 1), ([1 << 60], deep), ([[True]], 1), ([[[[1]]]], {"a": [1]})):
        env.step(call_text("case", arguments=arguments, expected=expected))
        assert isinstance(env.past_steps[-1].claims[0], Refused)
    env.step(call_text("program", source="\0" * 10))
    env.step(call_text("run", arguments=[deep]))
    assert env.situation.observation.startswith("Error: ")


def test_a_program_that_hangs_is_an_observation():
    env = made(2)
    observation, _, terminated, truncated, info = env.step(call_text("program", source=f"def {env.task.metadata['function']}(*a):\n    while True: pass"))
    assert "took more than 0.5 seconds" in observation
    assert (terminated, truncated, info["valid"]) == (False, False, True)


def test_random_calls_solve_nothing():
    rng = np.random.default_rng(0)
    env = made(0, verifiers=[])
    for seed in range(8):
        env.reset(seed=seed)
        words = env.task.question.split()
        for _ in range(env.max_steps):
            name = ("signature", "case", "program", "run", "submit")[int(rng.integers(5))]
            word = words[int(rng.integers(len(words)))]
            given = {"signature": {"source": word}, "case": {"arguments": [word], "expected": word}, "program": {"source": word}, "run": {"arguments": [word]}}
            _, _, terminated, truncated, info = env.step(call_text(name, **given.get(name, {})))
            if terminated or truncated:
                assert info["outcome"] == 0.0
                break


@pytest.mark.parametrize(
    ("arguments", "expected", "label"),
    [
        ([[]], [], "trivial"),
        ([["bee"]], ["bee"], "trivial"),  # words of more than two letters are kept
        ([["a"]], ["a"], "incorrect"),
        ([["a"]], {}, "incorrect"),
        ([["a"]], 0, "incorrect"),
        ([["a"]], "", "incorrect"),
        ([["a"]], None, "incorrect"),
    ],
)
def test_cases_that_a_function_that_does_nothing_passes_are_refused(arguments, expected, label):
    env = made(1, difficulty=1)
    assert env.task.metadata["signature"].endswith("(words: list[str]) -> list[str]:")
    observation, reward, _, _, info = env.step(call_text("case", arguments=arguments, expected=expected))
    assert observation.startswith("Error: a function that does nothing")
    assert (info["verdicts"]["execution"].label, reward) == (label, 0.0)
    assert not env.save_state()["cases"]


def test_cases_are_worth_what_they_tell():
    # The first right case of a random input tells most wrong programs; the same input once more is refused, and four cases are the most.
    env = made(0, difficulty=3)
    labels = []
    for seed in range(10):
        env.reset(seed=seed)
        for arguments, expected in [case for case in env.task.sealed["hidden"] if case[1] and case[1] not in case[0]][-5:]:
            _, _, _, _, info = env.step(call_text("case", arguments=arguments, expected=expected))
            labels.append(info["verdicts"]["execution"].label)
    assert labels[::5] == ["correct"] * 10
    assert labels[4::5] == ["incorrect"] * 10  # one too many
    assert labels[3::5].count("trivial") >= 8


def test_half_a_surrogate_pair_is_an_observation():
    env = made()
    function = env.unwrapped.task.metadata["function"]
    for body in ("raise ValueError('\\ud800')", "return '\\ud800'", "raise ValueError({'\\udc00': '\\ud800'})"):
        observation, *_, info = env.step(call_text("program", source=f"def {function}(*a): {body}"))
        assert "Error" in observation or "returned" in observation or "raised" in observation
        assert (observation + str(info["verdicts"])).encode()
    env.close()
