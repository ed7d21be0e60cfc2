"""A policy that was sent to another process acts there as it would have acted here."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

from prm_gym.agent import Preference, Prompt  # noqa: E402
from prm_gym.agents.causal_lm import CausalLMPolicy  # noqa: E402
from prm_gym.errors import CheckpointError  # noqa: E402
from prm_gym.lm.tensor_files import unpacked  # noqa: E402
from prm_gym.testing.tiny_models import tiny_causal_lm  # noqa: E402

SMALL = {"width": 16, "layers": 1, "heads": 2, "device": "cpu", "max_new_tokens": 6, "learning": {"learning_rate": 3e-2, "preference": "simpo"}}


def changed(agent):
    """The agent after an update that its options alone do not tell of."""
    left, right = agent.act([Prompt(instructions="", observation="which way?", seed=seed) for seed in (1, 2)])
    agent.prefer([Preference(prompt=Prompt(instructions="", observation="which way?"), chosen=left, rejected=right)])
    return agent


def prompts(seeds=range(6)):
    return [Prompt(instructions="go", observation="where?", actions=("left", "right")[: 2 * (at % 2)], seed=seed) for at, seed in enumerate(seeds)]


def test_in_a_spawned_process_it_does_what_it_would_do_here():
    agent = changed(CausalLMPolicy(texts="prm_gym/Countdown-v0", vocabulary=300, temperature=1.2, **SMALL))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(agent.act, prompts()).result(240)
    here = agent.act(prompts())
    assert [action.token_ids for action in there] == [action.token_ids for action in here]
    assert np.concatenate([action.logprobs for action in there]) == pytest.approx(np.concatenate([action.logprobs for action in here]), abs=1e-5)
    assert CausalLMPolicy(texts="prm_gym/Countdown-v0", vocabulary=300, temperature=1.2, **SMALL).act(prompts()) != here  # the update is what was sent


def test_a_copy_draws_on_from_the_same_random_state_and_learns_apart():
    agent = changed(CausalLMPolicy(**SMALL))
    other = copy.deepcopy(agent)
    unseeded = prompts([None] * 6)
    assert [action.token_ids for action in other.act(unseeded)] == [action.token_ids for action in agent.act(unseeded)]
    before = {name: value.clone() for name, value in agent.model.state_dict().items()}
    changed(other)
    assert all(torch.equal(value, before[name]) for name, value in agent.model.state_dict().items())
    assert other.learner.steps == 1
    assert agent.learner.steps == 1  # the update before the copy was made; the copy began to count anew


def test_adapters_are_sent_and_the_model_is_loaded_where_it_lies(tmp_path):
    pytest.importorskip("peft")
    path = tiny_causal_lm(tmp_path / "model")
    options = {name: value for name, value in SMALL.items() if name not in ("width", "layers", "heads")}
    agent = changed(CausalLMPolicy(str(path), lora=2, **options))
    sent = pickle.dumps(agent)
    assert all("lora" in name for name in unpacked(agent.__getstate__()["weights"]))
    other = pickle.loads(sent)
    assert [action.token_ids for action in other.act(prompts())] == [action.token_ids for action in agent.act(prompts())]
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="no folder"):
        pickle.loads(sent)
