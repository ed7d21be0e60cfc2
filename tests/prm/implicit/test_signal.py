"""The implicit reward as a signal of credit assignment, with a causal policy that it begins from."""

import json
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

sys.path.insert(0, str(Path(__file__).parents[2] / "training"))

from stopped_runs import StopError, stopping_after

from prm_gym.agents.candidate import CandidatePolicy
from prm_gym.agents.causal_lm import CausalLMPolicy
from prm_gym.credit import StepBatch, assign, make_signal
from prm_gym.errors import CheckpointError, ContractError, OptionError
from prm_gym.prm.implicit.signal import ImplicitRewardSignal
from prm_gym.rollout import Rollouts, groups
from prm_gym.testing import check_signal
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train

OPTIONS = {"difficulty": 1, "max_steps": 3, "verifiers": [], "reward": "outcome"}
TINY = {"width": 16, "layers": 1, "heads": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def agent():
    return CausalLMPolicy(choose="listed", **TINY)


@pytest.fixture(scope="module")
def batch(agent):
    trajectories = Rollouts("prm_gym/Countdown-v0", OPTIONS, num_envs=6).play(agent, groups(range(3), 2))
    # Every second attempt is said to have succeeded, whatever it did.
    return StepBatch.from_trajectories(msgspec.structs.replace(each, outcome=float(at % 2)) for at, each in enumerate(trajectories))


def _signal(**options):
    return ImplicitRewardSignal(**{"device": "cpu", "learning_rate": 1e-2, **options})


@pytest.mark.parametrize("options", [{}, {"objective": "dpo", "reference": "policy"}], ids=["prime", "istar"])
def test_it_begins_as_the_policy_and_goes_on_from_what_was_saved(agent, batch, tmp_path, options):
    signal = _signal(**options)
    signal.save(tmp_path / "before")
    signal.follow(agent)
    # Model and reference are one: every log-ratio is 0.
    np.testing.assert_allclose(signal.column(batch), 0.0, atol=1e-6)
    metrics = [signal.fit(batch) for _ in range(3)]
    # A loss of log 2 at first, for the outcome of each and for the order of each pair.
    assert metrics[0]["loss"] == pytest.approx(np.log(2.0), abs=1e-5)
    assert metrics[-1]["loss"] < metrics[0]["loss"]
    found = signal.column(batch)
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 1e-3
    # The policy has not moved, and neither has the reference.
    signal.follow(agent)
    assert signal.column(batch).tolist() == found.tolist()
    signal.save(tmp_path / "saved")
    copy = _signal(**options)
    copy.load(tmp_path / "saved")
    assert copy.column(batch).tolist() == found.tolist()
    assert copy.fit(batch) == signal.fit(batch)
    assert copy.column(batch).tolist() == signal.column(batch).tolist()
    # What was saved before the first batch begins with the policy.
    copy.load(tmp_path / "before")
    copy.follow(agent)
    assert copy.fit(batch) == metrics[0]
    filled = batch.with_columns({"implicit_reward": found})
    for name in ("prime", "istar"):
        assert np.isfinite(assign(name, filled).advantages).all()


def test_it_keeps_the_contract_of_signals(agent, batch):
    check_signal(_signal, batch, agent)


def test_what_it_cannot_begin_with(agent, batch, tmp_path):
    candidate = CandidatePolicy(device="cpu", width=8)
    with pytest.raises(ContractError, match="CandidatePolicy is no causal language model to begin with"):
        _signal().follow(candidate)
    with pytest.raises(ContractError, match="has nothing to begin with"):
        _signal().fit(batch)
    agent.save(tmp_path / "agent")
    signal = _signal(path=str(tmp_path / "agent"), reference="policy")
    with pytest.raises(ContractError, match="reference='policy' needs an agent with a causal language model"):
        signal.follow(candidate)
    assert np.isfinite(_signal(path=str(tmp_path / "agent")).column(batch)).all()
    with pytest.raises(CheckpointError, match="holds no saved implicit reward"):
        signal.load(tmp_path)
    (tmp_path / "signal.json").write_text(json.dumps([]))
    with pytest.raises(CheckpointError, match="holds no saved implicit reward"):
        signal.load(tmp_path)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("implicit_reward?reference=me", "reference is one of start, policy"),
        ("implicit_reward?objective=ppo", "objective is one of"),
        ("implicit_reward?beta=0", "beta is positive"),
        ("implicit_reward?epochs=0", "epochs must be at least 1"),
        ("implicit_reward?eta=1", "beta"),
    ],
)
def test_options_that_cannot_be_honoured(spec, says):
    with pytest.raises(OptionError, match=says):
        make_signal(spec)


def test_a_run_that_was_stopped_goes_on_along_the_same_curve(tmp_path):
    config = TrainConfig(
        env_id="prm_gym/Countdown-v0",
        env_options={"difficulty": 1, "max_steps": 3, "verifiers": []},
        credit="prime",
        signals=("implicit_reward?learning_rate=0.001&device=cpu",),
        agent="causal-lm",
        agent_options={**TINY, "choose": "listed"},
        budget=24,
        tasks=2,
        attempts=2,
        evaluate_every=8,
        eval_tasks=2,
        num_envs=4,
    )
    train(config, tmp_path / "whole")
    with pytest.raises(StopError):
        train(config, tmp_path / "cut", stopping_after(2))
    train(config, tmp_path / "cut")
    metrics = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "cut")]
    assert metrics[0] == metrics[1]
    assert b"implicit_reward_loss" in metrics[0]
