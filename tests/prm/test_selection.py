"""Choosing by step scores."""

import pytest

import prm_gym  # noqa: F401 - registers the environments
from prm_gym.agent import Action, Agent, make_agent, prompt_of
from prm_gym.errors import OptionError
from prm_gym.prm.selection import Candidate, GuidedAgent, best_of_n
from prm_gym.rollout import Rollouts, groups, make_envs, success_rate
from prm_gym.verdict import abstained, judged
from prm_gym.verifier import Verifier, make_verifier


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


class FailsFirst(Agent):
    """Its first proposals fail."""

    id = "fails"

    def __init__(self, failures):
        self.failures = failures

    def act(self, prompts):
        self.failures -= 1
        return [Action(text="", failure="gone") if self.failures >= 0 else Action(text="a much longer one") for _ in prompts]


def test_a_proposal_that_failed_is_none():
    env = make_envs("prm_gym/Countdown-v0", 1, {}).envs[0]
    env.reset(seed=0)
    prompts = [prompt_of(env, privileged=True)]
    assert GuidedAgent(FailsFirst(1), LikesLong(), samples=2).act(prompts) == [Action(text="a much longer one")]
    assert GuidedAgent(FailsFirst(2), LikesLong(), samples=2).act(prompts) == [Action(text="", failure="gone")]


def test_options_are_checked():
    with pytest.raises(OptionError, match="samples"):
        GuidedAgent(make_agent("random"), Unable(), samples=0)
