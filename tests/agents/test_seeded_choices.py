"""`Prompt.seed`: the same prompt with the same seed gets the same action, whatever else is in the batch, and choices are as probable as without."""

from collections import Counter

import pytest

from prm_gym.agent import Prompt, make_agent
from prm_gym.tools import Tool

TOOLS = (Tool("add", "Adds.", {"a": {"type": "integer"}, "b": {"type": "integer"}}), Tool("look", "Looks.", {"where": {"type": "string"}}))


def prompt(seed, actions=("a", "b", "c"), tools=()):
    return Prompt(instructions="", observation="where to?", actions=actions, tools=tools, seed=seed)


@pytest.mark.parametrize("name", ["random", "candidate", "constant:a"])
def test_a_seed_decides(name):
    if name == "candidate":
        pytest.importorskip("torch")
    agent = make_agent(name)
    assert agent.seeded
    prompts = [prompt(seed) for seed in range(200)]
    together = [action.text for action in agent.act(prompts)]
    agent.act([prompt(None)] * 3)
    assert [action.text for action in agent.act(prompts[::-1])][::-1] == together
    assert [agent.act([each])[0].text for each in prompts] == together
    mixed = [action.text for action in agent.act([each for pair in zip(prompts, [prompt(None)] * 200, strict=True) for each in pair])][::2]
    assert mixed == together
    if name != "constant:a":
        assert set(together) == {"a", "b", "c"}


def test_chosen_evenly():
    # 3,000 even choices among 3: 1,000 each, with a standard deviation of 26.
    counts = Counter(action.text for action in make_agent("random").act([prompt(seed) for seed in range(3_000)]))
    assert all(abs(counts[text] - 1_000) < 130 for text in "abc")


def test_a_policy_chooses_as_it_says_with_a_seed():
    pytest.importorskip("torch")
    agent = make_agent("candidate", seed=3)
    actions = agent.act([prompt(seed, ("left", "right", "go on for a long while")) for seed in range(3_000)])
    counts = Counter(action.text for action in actions)
    for text, share in {action.text: pow(2.718281828, action.logprobs[0]) for action in actions}.items():
        assert abs(counts[text] / 3_000 - share) < 0.045  # five standard deviations at most


def test_calls_of_tools_are_drawn_from_the_seed():
    agent = make_agent("random")
    one = [action.text for action in agent.act([prompt(seed, (), TOOLS) for seed in range(20)])]
    assert [action.text for action in agent.act([prompt(seed, (), TOOLS) for seed in range(20)])] == one
    assert len(set(one)) > 5
