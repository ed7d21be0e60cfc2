"""Loops of one's own over the learner, and policies that are sent away in the middle of an episode."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

from prm_gym.agent import Preference, Prompt
from prm_gym.agents.causal_lm import CausalLMPolicy
from prm_gym.verifier import PastStep

SMALL = {"width": 16, "layers": 1, "heads": 2, "device": "cpu", "max_new_tokens": 6, "learning": {"learning_rate": 3e-2, "preference": "simpo"}}


def _next(prompt, action, seed=5):
    """The prompt of the next step of an episode."""
    past = (*prompt.history, PastStep(prompt.observation, action.text))
    return Prompt(instructions="", observation="and now?", history=past, seed=seed, episode=prompt.episode)


def _alike(one, other):
    assert [action.token_ids for action in one] == [action.token_ids for action in other]
    assert np.concatenate([action.logprobs for action in one]) == pytest.approx(np.concatenate([action.logprobs for action in other]), abs=1e-5)


def _learn_by_oneself(agent, asked, actions):
    """An update that the policy is not told of."""
    made = [agent.contexts.sequence(asked, action) for action in actions]
    sequences = [replace(each, actions=(each.actions[0]._replace(row=row),)) for row, each in enumerate(made)]
    return agent.learner.update(sequences, np.array([1.0, -1.0]))


def test_after_an_update_of_the_learner_itself_nothing_that_was_kept_is_used():
    agent = CausalLMPolicy(**SMALL)
    asked = [Prompt(instructions="", observation="which way?", seed=seed, episode=f"e{seed}") for seed in (1, 2)]
    actions = agent.act(asked)
    assert agent.version == 0
    assert _learn_by_oneself(agent, asked[0], actions)["steps"] == 2
    assert agent.version == 1
    later = [_next(prompt, action) for prompt, action in zip(asked, actions, strict=True)]
    other = pickle.loads(pickle.dumps(agent))  # the same weights, and no keys and values of any
    assert {action.policy_version for action in agent.act(later)} == {1}
    _alike(agent.act(later), other.act(later))
    assert agent.version == other.version == 1


def test_what_was_kept_is_used_as_long_as_nothing_is_learned():
    agent = CausalLMPolicy(**SMALL)
    (asked,) = [Prompt(instructions="", observation="which way?", seed=1, episode="e")]
    (action,) = agent.act([asked])
    agent.prefer([])  # an update of nothing
    read = agent.generator.read - agent.generator.written
    later = _next(asked, action)
    agent.act([later])
    assert agent.generator.read - agent.generator.written - read < len(agent.contexts.context(later)) / 2
    assert agent.version == 0


def test_an_update_through_the_policy_counts_once():
    agent = CausalLMPolicy(**SMALL)
    asked = Prompt(instructions="", observation="which way?")
    left, right = agent.act([asked, asked])
    agent.prefer([Preference(prompt=asked, chosen=left, rejected=right)])
    assert (agent.version, agent.version) == (1, 1)


def test_a_policy_that_is_sent_in_the_middle_of_an_episode_reads_the_tokens_that_were_sampled(tmp_path):
    agent = CausalLMPolicy(texts="prm_gym/Countdown-v0", vocabulary=300, temperature=2.0, **SMALL)
    for seed in range(100):
        asked = Prompt(instructions="", observation="which way?", seed=seed, episode=f"e{seed}")
        (action,) = agent.act([asked])
        if action.token_ids != agent.turns.action(action.text)[: len(action.token_ids)]:
            break
    # Written as it would not be tokenised: what matters, since the text alone would give other tokens.
    assert agent.turns.action(action.text) != action.token_ids
    later = _next(asked, action)
    context = agent.contexts.context(later)
    other = pickle.loads(pickle.dumps(agent))
    assert other.contexts.context(later) == context
    assert CausalLMPolicy(texts="prm_gym/Countdown-v0", vocabulary=300, **SMALL).contexts.context(later) != context
    _alike(other.act([later]), agent.act([later]))


def test_what_is_written_for_acting_is_loaded_without_a_learner(tmp_path):
    agent = CausalLMPolicy(**SMALL)
    asked = Prompt(instructions="", observation="which way?", seed=1)
    actions = agent.act([asked, Prompt(instructions="", observation="which way?", seed=2)])
    _learn_by_oneself(agent, asked, actions)
    for name in ("one", "two"):
        agent.save_acting(tmp_path / name)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two  # where nothing was learned, nothing has to be sent again
    agent.save(tmp_path / "all")
    weights = sum(weight.numel() * 4 for weight in agent.model.parameters())
    sizes = [sum(path.stat().st_size for path in (tmp_path / name).rglob("*.safetensors")) for name in ("one", "all")]
    assert sizes[0] < 1.2 * weights < 2.8 * weights < sizes[1]  # moments of Adam are twice the weights
    other = CausalLMPolicy(**{**SMALL, "seed": 7})
    other.load_acting(tmp_path / "one")
    assert other.version == agent.version == 1
    _alike(other.act([asked]), agent.act([asked]))
