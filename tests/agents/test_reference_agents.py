import math
import os
from collections import Counter

import gymnasium as gym
import pytest

from prm_gym.agent import AGENTS, Action, Agent, Prompt, make_agent, prompt_of
from prm_gym.agents.constant import ConstantAgent
from prm_gym.agents.random import RandomAgent
from prm_gym.agents.scripted import ScriptedAgent
from prm_gym.errors import ContractError, OptionError, UnknownNameError
from prm_gym.registration import ENVIRONMENTS
from prm_gym.rollout import Rollouts, groups, success_rate
from prm_gym.tools import Tool, read_call

FOUR = Prompt(instructions="", observation="", actions=("a", "b", "c", "d"))


# Random.


def test_random_chooses_evenly_and_says_so():
    actions = RandomAgent(seed=0).act([FOUR] * 4_000)
    counts = Counter(action.text for action in actions)
    # 1000 expected of each, standard deviation sqrt(4000 * 1/4 * 3/4) = 27; five of them.
    assert all(abs(counts[text] - 1_000) < 5 * 27.4 for text in FOUR.actions)
    assert all(action.logprobs == (-math.log(4),) for action in actions)
    only = Prompt(instructions="", observation="", actions=("a",))
    assert RandomAgent().act([only]) == [Action(text="a", logprobs=(0.0,))]


def test_a_seed_decides_the_choices_however_they_are_batched():
    together = RandomAgent(seed=5).act([FOUR] * 50)
    agent = RandomAgent(seed=5)
    assert [agent.act([FOUR])[0] for _ in range(50)] == together
    assert RandomAgent(seed=6).act([FOUR] * 50) != together


def test_random_needs_listed_actions():
    with pytest.raises(ContractError, match="needs an environment that lists its admissible actions"):
        RandomAgent().act([Prompt(instructions="", observation="")])


def test_options_stand_in_a_specification():
    assert make_agent("random?seed=5").act([FOUR] * 20) == RandomAgent(seed=5).act([FOUR] * 20)
    with pytest.raises(OptionError, match="seed of the agent 'random' stands in the specification and beside it"):
        make_agent("random?seed=5", seed=6)
    with pytest.raises(OptionError, match="There is no option of the agent 'random' named 'sead'"):
        make_agent("random?sead=5")


# Constant.


@pytest.mark.parametrize("text", ["UNKNOWN", "", "a:b : c"])
def test_constant_writes_one_text(text):
    agent = make_agent(f"constant:{text}")
    assert isinstance(agent, ConstantAgent)
    assert agent.id == f"constant:{text}"
    assert agent.act([FOUR, FOUR]) == [Action(text=text)] * 2


def test_the_constant_answer_of_deduction_is_worth_a_fifth():
    # UNKNOWN is right in a fifth of the tasks by design; 200 of them have a standard deviation of sqrt(0.2 * 0.8 / 200) = 0.028.
    env_class = type(gym.make("prm_gym/Deduction-v0").unwrapped)
    rollouts = Rollouts("prm_gym/Deduction-v0", {"difficulty": 1, "verifiers": []})
    played = rollouts.play(make_agent(f"constant:{env_class.constant_action}"), groups(range(200), 1))
    assert success_rate(played) == pytest.approx(0.2, abs=4 * 0.028)
    assert all(len(trajectory.steps) == 1 for trajectory in played)


# Scripted.


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_the_ceiling_is_one_and_the_floor_below_it(env_id):
    rollouts = Rollouts(env_id, {"verifiers": []}, num_envs=4)  # few: some begin with a server of their own
    in_a_browser = env_id in ("prm_gym/MiniWoB-v0", "prm_gym/PageBuilding-v0")
    episodes = groups(range(5 if in_a_browser and not os.environ.get("PRM_GYM_SWEEPS") else 20), 1)
    assert success_rate(rollouts.play(make_agent("scripted"), episodes)) == 1.0
    lists_actions = bool(gym.make(env_id, verifiers=[]).reset(seed=0)[1]["actions"])
    floor = make_agent("random") if lists_actions else make_agent("constant:answer: 1")
    assert success_rate(rollouts.play(floor, episodes)) < 0.8
    rollouts.close()


def test_scripted_must_be_given_the_environment_and_have_something_left():
    agent = ScriptedAgent()
    with pytest.raises(ContractError, match="it must be given the environment"):
        agent.act([FOUR])
    env = gym.make("prm_gym/Countdown-v0", difficulty=1).unwrapped
    env.reset(seed=0)
    solution = env.solution()
    assert agent.act([prompt_of(env, privileged=True)]) == [Action(text=solution[0])]
    for _ in solution:
        env.step("nonsense")
    with pytest.raises(ContractError, match=f"the solution of CountdownEnv has {len(solution)} steps and the episode goes on"):
        agent.act([prompt_of(env, privileged=True)])


def test_only_agents_that_read_the_solution_are_privileged():
    assert [AGENTS.load(name).privileged for name in ("candidate", "constant", "mixed", "random", "scripted")] == [False, False, True, False, True]


# Mixed.


def test_mixed_solves_as_often_as_its_skill_lets_it():
    """With skill 1 it is the scripted agent; with less it is right at every step with probability s + (1 - s) / K or more, so success rises with it."""
    rollouts = Rollouts("prm_gym/Algebra-v0", {"verifiers": []})
    episodes = groups(range(60), 2)
    success = [success_rate(rollouts.play(make_agent("mixed", skill=skill), episodes)) for skill in (0.0, 0.5, 1.0)]
    assert success[2] == 1.0
    assert success[0] + 0.1 < success[1] < 0.9
    assert success[0] < 0.3


def test_mixed_draws_a_skill_for_every_episode_and_is_the_same_for_a_seed():
    rollouts = Rollouts("prm_gym/Algebra-v0", {"verifiers": []})
    first, again, other = (rollouts.play(make_agent("mixed", seed=seed), groups(range(40), 2)) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert 0.3 < success_rate(first) < 0.8  # a fifth of the episodes has skill 1, a fifth 0.85, a fifth 0


@pytest.mark.parametrize("skill", ["much", -0.1, 1.1, "nan"])
def test_a_skill_is_a_share(skill):
    with pytest.raises(OptionError, match=r"a number in \[0, 1\]"):
        make_agent("mixed", skill=skill)


def test_mixed_must_be_given_the_environment():
    with pytest.raises(ContractError, match="it must be given the environment"):
        make_agent("mixed").act([FOUR])


# Specifications.


def test_agents_by_name():
    assert isinstance(make_agent("random"), RandomAgent)
    assert make_agent("random", seed=3).act([FOUR] * 9) == RandomAgent(seed=3).act([FOUR] * 9)
    agent = RandomAgent()
    assert make_agent(agent) is agent
    for name in ("random", "scripted"):
        assert make_agent(name).id == name
        assert make_agent(name).act([]) == []
        make_agent(name).close()


@pytest.mark.parametrize(
    ("spec", "options", "error", "says"),
    [
        ("randm", {}, UnknownNameError, r"no agent named 'randm'. Did you mean 'random'\?"),
        ("constant", {}, OptionError, "agent 'constant': .*text"),
        ("scripted:x", {}, OptionError, "agent 'scripted'"),
        ("random", {"sede": 3}, OptionError, "agent 'random' named 'sede'"),
    ],
)
def test_specifications_that_cannot_be_honoured(spec, options, error, says):
    with pytest.raises(error, match=says):
        make_agent(spec, **options)


def test_what_is_no_agent_is_refused():
    AGENTS.register("test_reference_agents.nothing", dict)
    with pytest.raises(ContractError, match="made a dict, not a prm_gym Agent"):
        make_agent("test_reference_agents.nothing")


def test_an_agent_of_ones_own():
    class First(Agent):
        id = "first"

        def act(self, prompts):
            return [Action(text=prompt.actions[0]) for prompt in prompts]

    AGENTS.register("test_reference_agents.first", First)
    assert make_agent("test_reference_agents.first").act([FOUR]) == [Action(text="a")]


def test_the_random_agent_calls_tools_where_no_actions_are_listed():
    tools = (
        Tool(
            "find",
            "",
            {"name": {"type": "string"}, "kind": {"enum": ["a", "b"]}, "deep": {"type": "object", "properties": {"n": {"type": "integer"}}}},
            ("deep",),
        ),
        Tool("list", "", {"ids": {"type": "array", "items": {"type": "number"}}, "all": {"type": "boolean"}}),
    )
    prompt = Prompt(instructions="", observation="Anna has 17 apples", tools=tools)
    agent = make_agent("random")
    calls = [read_call(agent.act([prompt])[0].text) for _ in range(200)]
    assert {call.name for call in calls} == {"find", "list"}
    assert all(next(tool for tool in tools if tool.name == call.name).defects(call.arguments) == [] for call in calls)
    assert {call.arguments["name"] for call in calls if call.name == "find"} == {"Anna", "has", "17", "apples"}
