"""TraceSteps: the questions have one right answer, and guessing does not pay."""

import difflib
import json

import gymnasium as gym
import numpy as np
import pytest

from prm_gym.claims import Malformed, TraceAnswer
from prm_gym.envs.tools.trace_steps import LEVELS
from prm_gym.tools import call_text


def made(seed=0, **options):
    env = gym.make("prm_gym/TraceSteps-v0", **options).unwrapped
    env.reset(seed=seed)
    return env


def played(env, seed, choose):
    """Outcome, and the share of questions that are answered rightly, of a chooser among the listed answers."""
    env.reset(seed=seed)
    truths = env.solution()
    taken = []
    while True:
        taken.append(choose(env.situation.observation, env.situation.actions))
        _, _, terminated, truncated, info = env.step(taken[-1])
        if terminated or truncated:
            return info["outcome"], np.mean([one == other for one, other in zip(taken, truths, strict=True)])


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_verdict_of_the_solution_is_right_and_of_other_answers_wrong(difficulty):
    env = made(0, difficulty=difficulty)
    for seed in range(2):
        env.reset(seed=seed)
        for truth in env.solution():
            start = env.snapshot()
            assert truth in env.situation.actions
            for action in env.situation.actions:
                env.restore(start)
                _, _, _, _, info = env.step(action)
                assert info["verdicts"]["trace"].label == ("correct" if action == truth else "incorrect")
            env.restore(start)
            env.step(truth)


def medoid(observation, actions):
    """The answer that is most like the others."""
    return max(actions, key=lambda one: sum(difflib.SequenceMatcher(None, one, other).ratio() for other in actions))


@pytest.mark.parametrize(
    ("name", "bound"),
    [("random", 0.35), ("first", 0.35), ("medoid", 0.4), ("longest", 0.4), ("shortest", 0.4)],
)
def test_choosing_without_reading_does_not_pay(name, bound):
    rng = np.random.default_rng(0)
    choosers = {
        "random": lambda _, actions: actions[int(rng.integers(len(actions)))],
        "first": lambda _, actions: actions[0],
        "medoid": medoid,
        "longest": lambda _, actions: max(actions, key=len),
        "shortest": lambda _, actions: min(actions, key=len),
    }
    env = made(0, verifiers=[])
    results = [played(env, seed, choosers[name]) for seed in range(30)]
    assert np.mean([outcome for outcome, _ in results]) <= 0.03
    assert np.mean([share for _, share in results]) <= bound


def test_an_observation_does_not_tell_whether_the_answer_was_right():
    right, wrong = made(4), made(4)
    good = right.solution()[0]
    bad = next(action for action in wrong.situation.actions if action != good)
    assert right.step(good)[0] == wrong.step(bad)[0]
    assert right.situation.state_key != wrong.situation.state_key


def test_one_wrong_answer_costs_the_outcome():
    env = made(4)
    answers = env.solution()
    answers[1] = call_text("answer", answer="[]")
    for action in answers:
        _, _, terminated, _, info = env.step(action)
    assert (terminated, info["outcome"]) == (True, 0.0)


@pytest.mark.parametrize("answer", ["", "x" * 2_000, "__import__('os')", "[" * 1_000, "\0", "1 if True else 2"])
def test_answers_that_cannot_be_read_leave_the_question_open(answer):
    env = made(4)
    key, asked = env.situation.state_key, env.situation.observation
    observation, _, _, _, info = env.step(call_text("answer", answer=answer))
    assert (info["verdicts"]["trace"].label, info["verdicts"]["trace"].score) == ("malformed", 0.0)
    assert isinstance(env.past_steps[-1].claims[0], Malformed)
    assert observation.startswith("Error: the answer is")
    assert observation.endswith(asked)
    assert info["state_key"] == key
    env.step(env.solution()[0])
    assert isinstance(env.past_steps[-1].claims[0], TraceAnswer)


@pytest.mark.parametrize(
    "action", ["7", call_text("answer", answer=7), call_text("answer"), call_text("reply", answer="7"), call_text("answer", answer="1" * 2_001)]
)
def test_malformed_calls_change_nothing(action):
    env = made(4)
    key = env.situation.state_key
    observation, _, _, _, info = env.step(action)
    assert isinstance(env.past_steps[-1].claims[0], Malformed)
    assert observation.startswith("Error: ")
    assert info["state_key"] == key


def test_the_truths_are_those_of_a_run_in_python():
    # The result, and every value of a variable of the last line, by running the generated program here: it is our own.
    env = made(0, verifiers=[])
    for seed in range(20):
        env.reset(seed=seed)
        space = {}
        exec(env.task.metadata["code"], space)
        call = env.task.question.rsplit("\n", 1)[1]
        assert repr(eval(call, space)) == json.loads(env.solution()[-1])["arguments"]["answer"]
