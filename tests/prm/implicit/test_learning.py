# ruff: noqa: E402 - torch is asked for first
import json
import math
from itertools import product

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")

from prm_gym.chains import written
from prm_gym.credit import StepBatch
from prm_gym.errors import CheckpointError, CreditError, OptionError
from prm_gym.prm.implicit.encoding import ChainEncoder
from prm_gym.prm.implicit.learner import Example, ImplicitLearner, LearningOptions
from prm_gym.prm.implicit.loading import load_model, load_tokenizer
from prm_gym.prm.implicit.logprobs import CausalModel
from prm_gym.prm.implicit.objectives import cross_entropy, pairs_of, preference, trajectory_scores
from prm_gym.prm.implicit.online import ImplicitReward
from prm_gym.prm.implicit.scoring import load_scorer
from prm_gym.prm.implicit.training import TrainingOptions, area_under_curve, train_implicit
from prm_gym.prm.labelled import LabelledChain
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory


def test_objectives_by_hand():
    # Two trajectories of 2 and 1 steps: sums 0.5 and -1, means 0.25 and -1.
    rewards, chains = torch.tensor([1.0, -0.5, -1.0]), torch.tensor([0, 0, 1])
    assert trajectory_scores(rewards, chains, 2).tolist() == [0.5, -1.0]
    assert trajectory_scores(rewards, chains, 2, "mean").tolist() == [0.25, -1.0]
    # -[log sigmoid(0.5) + log(1 - sigmoid(-1))] / 2 = [log(1 + e^-0.5) + log(1 + e^-1)] / 2
    expected = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-1.0))) / 2
    assert float(cross_entropy(torch.tensor([0.5, -1.0]), torch.tensor([1.0, 0.0]))) == pytest.approx(expected)
    # One group {0, 1, 2} with outcomes 1, 0, 0.5 and another {3, 4} of equal ones: pairs (0,1) (0,2) (2,1).
    outcomes, groups = torch.tensor([1.0, 0.0, 0.5, 1.0, 1.0]), torch.tensor([7, 7, 7, 2, 2])
    winners, losers = pairs_of(outcomes, groups)
    assert set(zip(winners.tolist(), losers.tolist(), strict=True)) == {(0, 1), (0, 2), (2, 1)}
    scores = torch.tensor([0.3, -0.2, 0.1, 9.0, -9.0])
    slow = [
        math.log1p(math.exp(-(float(scores[i]) - float(scores[j]))))
        for i, j in product(range(5), repeat=2)
        if groups[i] == groups[j] and outcomes[i] > outcomes[j]
    ]
    assert float(preference(scores, outcomes, groups)) == pytest.approx(sum(slow) / 3)
    assert float(preference(scores[3:], outcomes[3:], groups[3:])) == 0.0


def test_area_under_curve_counts_pairs():
    scores, right = [0.1, 0.4, 0.4, 0.9, 0.2], [False, True, False, True, False]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a, ra in zip(scores, right, strict=True) if ra for b, rb in zip(scores, right, strict=True) if not rb]
    assert area_under_curve(scores, right) == pytest.approx(sum(pairs) / len(pairs))
    assert math.isnan(area_under_curve([1.0], [True]))


def _learner(folder, **options):
    model = load_model(folder, "cpu", "float32").requires_grad_(True)
    return ImplicitLearner(CausalModel(model), LearningOptions(**options)), ChainEncoder(load_tokenizer(folder))


CHAINS = [
    written("2 + 2?", ["2 + 2 = 4", "so 4"]),
    written("2 + 2?", ["2 + 2 = 5", "so 5", "that is all there is to say about it"]),
    written("3 + 3?", ["it is 6"]),
    written("3 + 3?", ["we think it over", "it is 7"]),
]
OUTCOMES = [1.0, 0.0, 1.0, 0.0]


def _examples(learner, encoder, reference=None):
    tokens = [encoder.encode(chain) for chain in CHAINS]
    sums = learner.reference_sums(tokens, reference)
    return [Example(one, outcome, at // 2, own) for at, (one, outcome, own) in enumerate(zip(tokens, OUTCOMES, sums, strict=True))]


@pytest.mark.parametrize("objective", ["cross-entropy", "dpo"])
@pytest.mark.parametrize("combine", ["sum", "mean"])
@pytest.mark.parametrize("batch_tokens", [100_000, 40])
def test_a_step_is_that_of_the_formula_whatever_fits_in_memory(model_folder, reference_folder, objective, combine, batch_tokens):
    """The gradient of the loss written out chain by chain, whole logits, one graph."""
    beta = 0.5
    reference = transformers.AutoModelForCausalLM.from_pretrained(reference_folder).eval()
    model = transformers.AutoModelForCausalLM.from_pretrained(model_folder).eval()
    encoder = ChainEncoder(load_tokenizer(model_folder))
    scores = []
    for chain in CHAINS:
        encoded = encoder.encode(chain)
        ids = torch.tensor([encoded.token_ids])
        logp = model(ids).logits[0].log_softmax(-1)
        ref = reference(ids).logits[0].log_softmax(-1).detach()
        steps = [sum(beta * (logp[at - 1, ids[0, at]] - ref[at - 1, ids[0, at]]) for at in range(span.start, span.end)) for span in encoded.spans]
        scores.append(sum(steps) / (len(steps) if combine == "mean" else 1))
    if objective == "dpo":
        loss = -(torch.sigmoid(scores[0] - scores[1]).log() + torch.sigmoid(scores[2] - scores[3]).log()) / 2
    else:
        loss = -(torch.sigmoid(scores[0]).log() + torch.sigmoid(-scores[1]).log() + torch.sigmoid(scores[2]).log() + torch.sigmoid(-scores[3]).log()) / 4
    loss.backward()
    learner, _ = _learner(model_folder, objective=objective, combine=combine, beta=beta, batch_tokens=batch_tokens, clip=1e9, learning_rate=1e-9)
    examples = _examples(learner, encoder, CausalModel(load_model(reference_folder, "cpu")))
    learned = learner.step(examples)
    assert learned.loss == pytest.approx(float(loss.detach()), rel=1e-4)
    assert learned.pairs == (2 if objective == "dpo" else 0)
    slow = dict(model.named_parameters())
    for name, weight in learner.model.model.named_parameters():
        assert torch.allclose(weight.grad, slow[name].grad, atol=2e-4, rtol=1e-3), name
    norm = math.sqrt(sum(float((weight.grad**2).sum()) for weight in slow.values()))
    assert learned.gradient == pytest.approx(norm, rel=1e-3)


def test_at_the_beginning_every_score_is_zero(model_folder):
    # The reference is the model itself: S = 0, loss log 2 under both objectives.
    for objective in ("cross-entropy", "dpo"):
        learner, encoder = _learner(model_folder, objective=objective)
        assert learner.step(_examples(learner, encoder)).loss == pytest.approx(math.log(2.0), abs=1e-6)


def test_a_batch_without_pairs_changes_nothing(model_folder):
    learner, encoder = _learner(model_folder, objective="dpo", learning_rate=1.0, weight_decay=0.1)
    before = learner.weights()
    learned = learner.step(_examples(learner, encoder)[::2])
    assert (learned.pairs, learned.gradient) == (0, 0.0)
    assert all(torch.equal(before[name], weight) for name, weight in learner.weights().items())


def _planted(count, seed):
    """Chains of three steps; a bad step says "glim" in place of "glam", and one bad step makes the outcome wrong. Only the outcome is labelled.

    Returns:
        The chains, and of each step whether it is bad. A step after a bad one is NaN: the outcome is settled by then, and nothing can be said of it.
    """
    rng = np.random.default_rng(seed)
    found, bad = [], []
    for at in range(count):
        wrong = rng.random(3) < 0.25
        steps = [f"step {rng.integers(10)} {'glim' if one else 'glam'} {rng.integers(10)}" for one in wrong]
        outcome = not wrong.any()
        found.append(LabelledChain(id=str(at), chain=written(f"problem {at // 8}", steps), labels=(None,) * 3, outcome=bool(outcome), source="planted"))
        bad.append(np.where(np.cumsum(wrong) - wrong > 0, np.nan, wrong))
    return found, np.concatenate(bad)


def _found(rewards, bad):
    """AUC of the rewards for good against bad, over the steps up to the first bad one."""
    known = ~np.isnan(bad)
    return area_under_curve(np.asarray(rewards)[known], bad[known] == 0.0)


@pytest.mark.parametrize("objective", ["cross-entropy", "dpo"])
def test_bad_steps_are_found_from_outcomes_alone(quiet_folder, tmp_path, objective):
    chains, _ = _planted(400, 0)
    learning = LearningOptions(objective=objective, learning_rate=1e-2, beta=0.05)
    options = TrainingOptions(learning=learning, epochs=3, batch_chains=16, validation=0.0)
    report = train_implicit(chains, str(quiet_folder), tmp_path / "out", options, device="cpu")
    assert report.trajectories == 400
    fresh, bad = _planted(80, 1)
    rewards = [one.reward for own in load_scorer(report.out, device="cpu").rewards([one.chain for one in fresh]) for one in own]
    assert _found(rewards, bad) > 0.9
    assert "implicit:" in (tmp_path / "out" / "README.md").read_text()


def test_an_interrupted_training_ends_with_the_same_weights(model_folder, tmp_path):
    chains, _ = _planted(48, 0)
    options = TrainingOptions(learning=LearningOptions(learning_rate=1e-3), epochs=2, batch_chains=8, validation=0.25, checkpoint_every=2, keep_reference=True)
    whole = train_implicit(chains, str(model_folder), tmp_path / "whole", options, device="cpu")

    class StopError(Exception):
        pass

    def stop_at(step):
        def seen(row):
            if row["step"] == step:
                raise StopError

        return seen

    for step in (3, 7):  # killed twice, between two states
        with pytest.raises(StopError):
            train_implicit(chains, str(model_folder), tmp_path / "parts", options, device="cpu", on_metrics=stop_at(step))
    with pytest.raises(CheckpointError, match="another training"):
        train_implicit(chains[:40], str(model_folder), tmp_path / "parts", options, device="cpu")
    parts = train_implicit(chains, str(model_folder), tmp_path / "parts", options, device="cpu")
    one, other = (transformers.AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (whole.out, parts.out))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (whole.steps, whole.tokens, whole.validation) == (parts.steps, parts.tokens, parts.validation)
    logs = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert logs[0] == logs[1]
    assert {"loss", "accuracy"} <= set(whole.validation)
    assert load_scorer(parts.out, device="cpu").rewards([chains[0].chain])[0][0].reward is not None  # its reference lies beside it


def test_training_an_adapter(model_folder, tmp_path):
    pytest.importorskip("peft")
    chains, _ = _planted(32, 0)
    options = TrainingOptions(learning=LearningOptions(learning_rate=1e-3), batch_chains=8, validation=0.0, lora_rank=2)
    report = train_implicit(chains, str(model_folder), tmp_path / "out", options, device="cpu")
    assert (tmp_path / "out" / "adapter_model.safetensors").stat().st_size < (model_folder / "model.safetensors").stat().st_size
    found = load_scorer(report.out, device="cpu").rewards([chains[0].chain])[0]
    assert all(one.reward is not None for one in found)


@pytest.mark.parametrize("rank", [0, 2])
def test_activations_computed_again_change_nothing(model_folder, tmp_path, rank):
    chains, _ = _planted(16, 0)
    weights = []
    for again in (False, True):
        learning = LearningOptions(learning_rate=1e-3)
        options = TrainingOptions(learning=learning, batch_chains=8, validation=0.0, gradient_checkpointing=again, lora_rank=rank)
        report = train_implicit(chains, str(model_folder), tmp_path / str(again), options, device="cpu")
        weights.append(safetensors_torch.load_file(f"{report.out}/{'adapter_model' if rank else 'model'}.safetensors"))
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-6) for name in weights[0])


def test_what_cannot_be_learnt_from_is_counted_and_nothing_at_all_is_refused(model_folder, tmp_path):
    chains, _ = _planted(24, 0)
    odd = LabelledChain(id="n", chain=written("p", ["a"]), labels=(None,))
    long = LabelledChain(id="l", chain=written("p", ["word " * 300]), labels=(None,), outcome=True)
    options = TrainingOptions(batch_chains=8, validation=0.0, max_tokens=200)
    report = train_implicit([*chains, odd, long], str(model_folder), tmp_path / "out", options, device="cpu")
    assert report.left_out == {"no outcome": 1, "over 200 tokens": 1}
    with pytest.raises(OptionError, match="nothing to learn"):
        train_implicit([odd], str(model_folder), tmp_path / "none", options, device="cpu")
    with pytest.raises(OptionError, match="written over"):
        train_implicit(chains, str(model_folder), model_folder, options, device="cpu")
    for bad in ({"beta": 0.0}, {"objective": "mse"}, {"combine": "max"}, {"learning_rate": math.nan}):
        with pytest.raises(OptionError):
            LearningOptions(**bad)
    for bad in ({"epochs": 0}, {"warmup": 1.0}, {"lora_rank": -1}):
        with pytest.raises(OptionError):
            TrainingOptions(**bad)


def _trajectory(at, chain, outcome, group):
    steps = tuple(
        Step(index=i, observation=chain.problem if i == 0 else "", action=step.text, state_key=f"{at}/{i}", next_state_key=f"{at}/{i + 1}", reward=0.0)
        for i, step in enumerate(chain.steps)
    )
    task = Task(key=chain.problem, instructions="", question=chain.problem)
    return Trajectory(id=str(at), group_id=group, task=task, seed=0, env_id="e", agent="a", outcome=outcome, steps=steps)


@pytest.mark.parametrize("objective", ["cross-entropy", "dpo"])
def test_online_fitting_learns_and_goes_on_after_saving(quiet_folder, tmp_path, objective):
    chains, _ = _planted(64, 0)
    batch = StepBatch.from_trajectories([_trajectory(at, one.chain, float(one.outcome), one.chain.problem) for at, one in enumerate(chains)])
    reward = ImplicitReward.load(str(quiet_folder), options=LearningOptions(objective=objective, learning_rate=1e-2), device="cpu")
    assert np.all(reward.rewards(batch) == 0.0)  # the reference is the model as it began
    first = reward.fit(batch, epochs=4, batch_chains=16)
    assert first.trajectories == 64
    reward.save(tmp_path / "saved")
    again = ImplicitReward.load(str(tmp_path / "saved"), options=reward.learner.options, device="cpu")
    assert np.allclose(again.rewards(batch), reward.rewards(batch), atol=1e-6)
    one, other = reward.fit(batch), again.fit(batch)
    assert one.loss == pytest.approx(other.loss, abs=1e-6)
    assert one.loss < first.loss
    assert np.allclose(again.rewards(batch), reward.rewards(batch), atol=1e-5)  # the optimiser went on too
    scored = load_scorer(str(tmp_path / "saved"), device="cpu").rewards([chains[0].chain])[0]
    assert len(scored) == 3
    fresh, bad = _planted(60, 1)
    fresh_batch = StepBatch.from_trajectories([_trajectory(at, one.chain, None, "g") for at, one in enumerate(fresh)])
    assert _found(reward.rewards(fresh_batch), bad) > 0.8
    assert reward.fit(fresh_batch).skipped == 60  # no outcome, nothing learnt


def test_online_the_reference_can_be_the_policy(model_folder, reference_folder):
    reward = ImplicitReward.load(str(model_folder), options=LearningOptions(), device="cpu")
    policy = transformers.AutoModelForCausalLM.from_pretrained(reference_folder)
    batch = StepBatch.from_trajectories([_trajectory(0, CHAINS[0], 1.0, "g")])
    reward.refer_to(policy)
    chain = CHAINS[0]
    expected = load_scorer(str(model_folder), str(reference_folder), device="cpu").rewards([chain])[0]
    assert reward.rewards(batch) == pytest.approx([one.reward for one in expected], abs=1e-5)
    with pytest.raises(CheckpointError, match="architecture"):
        reward.refer_to({"nothing": torch.zeros(1)})
    arrays = StepBatch(rewards=[0.0], offsets=[0, 1], group_ids=["g"], outcomes=[1.0], truncated=[False])
    with pytest.raises(CreditError, match="no text"):
        reward.rewards(arrays)


def test_metrics_are_json(model_folder, tmp_path):
    chains, _ = _planted(16, 0)
    options = TrainingOptions(learning=LearningOptions(objective="dpo"), batch_chains=8, validation=0.5)
    train_implicit(chains, str(model_folder), tmp_path / "out", options, device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert any("held_out" in row for row in rows)
    assert all("NaN" not in json.dumps(row) for row in rows)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_learns(quiet_folder, tmp_path):
    chains, _ = _planted(400, 0)
    options = TrainingOptions(learning=LearningOptions(learning_rate=1e-2), epochs=3, batch_chains=16, validation=0.0)
    report = train_implicit(chains, str(quiet_folder), tmp_path / "out", options, device="cuda")
    fresh, bad = _planted(80, 1)
    rewards = [one.reward for own in load_scorer(report.out, device="cuda").rewards([one.chain for one in fresh]) for one in own]
    assert _found(rewards, bad) > 0.9
