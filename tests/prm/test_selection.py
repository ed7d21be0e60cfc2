"""Choosing by step scores."""

import math

import pytest

import prm_gym  # noqa: F401 - registers the environments
from prm_gym.agent import make_agent
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.prm.selection import Candidate, GuidedAgent, aggregate, best_of_n, soft_min
from prm_gym.rollout import Rollouts, groups, success_rate
from prm_gym.verdict import abstained, judged
from prm_gym.verifier import Verifier, make_verifier


@pytest.mark.parametrize(
    ("how", "expected"), [("min", 0.25), ("product", 0.1), ("mean", 0.55), ("last", 0.5), ("sum_log", math.log(0.8) + math.log(0.25) + math.log(0.5))]
)
def test_aggregations_by_hand(how, expected):
    scores = [0.8, 0.25, 0.5] if how != "mean" else [0.8, 0.35, 0.5]
    assert aggregate(scores, how) == pytest.approx(expected)


def test_soft_min_lies_between_least_and_mean_and_goes_to_the_least():
    # T = 0.1, scores 0 and 0.1: weights 1 and 1/e, so 0.1 / (e + 1).
    assert soft_min([0.0, 0.1]) == pytest.approx(0.1 / (math.e + 1.0))
    assert 0.2 < soft_min([0.2, 0.9, 0.8]) < (0.2 + 0.9 + 0.8) / 3
    assert soft_min([0.2, 0.9, 0.8], temperature=1e-3) == pytest.approx(0.2)


def test_what_cannot_be_told_is_no_number():
    assert aggregate([], "product") is None  # an empty solution must not score 1
    assert aggregate([0.9, None], "min") is None
    assert aggregate([None, 0.9], "last") == 0.9
    with pytest.raises(UnknownNameError, match="min"):
        aggregate([0.5], "mim")


def test_the_best_of_several_is_chosen_and_none_of_none():
    pool = [Candidate((0.9, 0.2), "4"), Candidate((0.5, 0.6), "5"), Candidate((0.5,), "5"), Candidate((None,), "6")]
    assert best_of_n(pool, "min") == 1  # of 0.2, 0.5, 0.5 the first
    assert best_of_n(pool, "last") == 1
    assert best_of_n(pool[:1] + pool[3:], "min") == 0
    assert best_of_n(pool[3:], "min") is None
    assert best_of_n([Candidate(()), Candidate((0.01,))], "product") == 1


def test_votes():
    pool = [Candidate((0.9,), "4"), Candidate((0.3,), "5"), Candidate((0.4,), "5"), Candidate((1.0,), "")]
    assert best_of_n(pool, "majority") == 1
    assert best_of_n(pool, "weighted_majority") == 0  # 0.9 against 0.3 + 0.4
    assert best_of_n([*pool, Candidate((0.3,), "5")], "weighted_majority") == 2  # 1.0 for 5, whose best is 0.4
    assert best_of_n([Candidate((0.5,)), Candidate((None,), "4")], "weighted_majority") is None


class Unable(Verifier):
    id, version = "unable", "1"

    def verify(self, steps):
        return [abstained("it cannot tell") for _ in steps]


class LikesLong(Verifier):
    id, version = "likes_long", "1"

    def verify(self, steps):
        return [judged("correct", min(1.0, len(step.action) / 100), "by length") for step in steps]


@pytest.mark.parametrize("look", ["text", "step"])
def test_a_guided_agent_leaves_the_environment_as_it_was_and_takes_the_highest(look):
    rollouts = Rollouts("prm_gym/Deduction-v0", {"difficulty": 1}, num_envs=4)
    agent = GuidedAgent(make_agent("random", seed=1), LikesLong(), samples=3, look=look)
    played = rollouts.play(agent, groups(range(4), 1))
    rollouts.close()
    assert all(trajectory.steps for trajectory in played)
    assert all(step.action in step.actions for trajectory in played for step in trajectory.steps)


def test_a_perfect_verifier_guides_a_random_agent_and_one_that_cannot_tell_does_not():
    # Among the admissible actions of Countdown and Deduction a random agent is seldom right; `z3` knows which inferences hold.
    rates = {}
    for name, verifier in (("z3", make_verifier("z3")), ("unable", Unable())):
        rollouts = Rollouts("prm_gym/Deduction-v0", {"difficulty": 1}, num_envs=16)
        agent = GuidedAgent(make_agent("random", seed=0), verifier, samples=8, look="step")
        rates[name] = success_rate(rollouts.play(agent, groups(range(32), 1)))
        rollouts.close()
        verifier.close()
    assert rates["z3"] > rates["unable"] + 0.2


def test_options_are_checked():
    with pytest.raises(OptionError, match="samples"):
        GuidedAgent(make_agent("random"), Unable(), samples=0)
