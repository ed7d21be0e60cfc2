"""The learner: gradients that do not depend on how a batch is cut, what is learned, what is refused, and what is put back."""

import math
from itertools import pairwise

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import numpy as np
import torch

from prm_gym.agents.causal_lm.learning import Learner, SequencePair
from prm_gym.agents.causal_lm.learning_options import LearningOptions
from prm_gym.errors import CheckpointError, ContractError, DivergedError, OptionError
from prm_gym.lm.sequences import ActionSpan, TokenSequence


def _weights(learner):
    return {name: weight.detach().clone() for name, weight in learner.network.named_parameters()}


def _naive_logprobs(model, sequence):
    """[T] of all tokens but the first, from the model's own logits."""
    ids = torch.tensor([sequence.ids])
    return model(input_ids=ids).logits[0, :-1].log_softmax(dim=1).gather(1, ids[0, 1:, None])[:, 0]


class _KeptGradient:
    """What reached the optimiser, instead of a step: the test of gradients asks for nothing else."""

    def __init__(self, learner):
        self.learner, self.found = learner, None
        learner.optimizer.step = self.keep

    def keep(self, factor):
        self.found = {name: weight.grad.clone() for name, weight in self.learner.network.named_parameters()}
        self.learner.optimizer.forget()


@pytest.mark.parametrize("normalization", ["token-mean", "step-mean", "sequence-mean", "constant"])
@pytest.mark.parametrize("ratio", ["token", "sequence"])
def test_the_gradient_does_not_depend_on_how_the_batch_is_cut(small_model, drawn_sequences, normalization, ratio):
    sequences, count = drawn_sequences()
    random = np.random.default_rng(1)
    advantages, returns, keep = random.standard_normal(count), random.standard_normal(count), random.random(count) < 0.8
    found = []
    for batch_tokens in (1, 40, 10_000):
        options = LearningOptions(
            normalization=normalization, ratio=ratio, batch_tokens=batch_tokens, kl_weight=0.1, entropy_weight=0.01, value_weight=0.5, clip_norm=1e9, length=8.0
        )
        kept = _KeptGradient(learner := Learner(small_model(), options))
        metrics = learner.update(sequences, advantages, keep, returns)
        found.append((kept.found, metrics))
    for (one, metrics), (other, others) in pairwise(found):
        assert metrics == pytest.approx(others, rel=1e-4, abs=1e-5)
        for name in one:
            torch.testing.assert_close(one[name], other[name], atol=1e-6, rtol=1e-4)


def test_the_gradient_is_that_of_a_loss_written_out(small_model, drawn_sequences):
    # PPO's clipped loss, one mean over all action tokens, straight from the model's logits.
    sequences, count = drawn_sequences()
    advantages = np.random.default_rng(2).standard_normal(count)
    kept = _KeptGradient(learner := Learner(small_model(), LearningOptions(clip_norm=1e9, advantage_scale="none", clip_high=0.3)))
    metrics = learner.update(sequences, advantages)
    model, terms, clipped = small_model(), [], []
    for sequence in sequences:
        logprobs = _naive_logprobs(model, sequence)
        for span, old in zip(sequence.actions, sequence.logprobs, strict=True):
            ratio = (logprobs[span.start - 1 : span.stop - 1] - torch.tensor(old)).exp()
            gain, held = ratio * advantages[span.row], ratio.clamp(0.8, 1.3) * advantages[span.row]
            terms.append(-torch.minimum(gain, held))
            clipped.append(held < gain)
    loss = torch.cat(terms).mean()
    loss.backward()
    assert metrics["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert metrics["clipped"] == pytest.approx(torch.cat(clipped).float().mean().item())
    assert 0.0 < metrics["clipped"] < 1.0
    for name, weight in model.named_parameters():
        torch.testing.assert_close(kept.found[f"model.{name}"], weight.grad, atol=1e-6, rtol=1e-4)


def test_computing_layers_again_changes_nothing(small_model, drawn_sequences):
    sequences, count = drawn_sequences()
    advantages = np.random.default_rng(2).standard_normal(count)
    found = []
    for again in (False, True):
        kept = _KeptGradient(learner := Learner(small_model(attention_dropout=0.5), LearningOptions(gradient_checkpointing=again)))
        learner.update(sequences, advantages)
        found.append(kept.found)
        assert not any(module.training for module in learner.network.model.modules())
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name])


def test_a_step_that_is_not_kept_has_no_part(small_model, drawn_sequences):
    sequences, count = drawn_sequences()
    advantages = np.random.default_rng(2).standard_normal(count)
    keep = np.arange(count) % 2 == 0
    found = []
    for others in (0.0, 7.0):
        learner = Learner(small_model(), LearningOptions(learning_rate=1e-2))
        learner.update(sequences, np.where(keep, advantages, others), keep)
        found.append(_weights(learner))
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], atol=0, rtol=0)
    assert Learner(small_model(), LearningOptions()).update(sequences, advantages, np.zeros(count, dtype=np.bool_)) == {}


def test_what_was_good_becomes_more_probable_and_what_was_bad_less(small_model):
    # Two actions of one token after the same beginning; advantage 1 for the first and -1 for the second.
    sequences = [TokenSequence((1, 2, token), (ActionSpan(row, 2, 3),), (None,)) for row, token in enumerate((5, 6))]
    learner = Learner(small_model(), LearningOptions(learning_rate=1e-2, epochs=5))
    before = learner.columns(sequences, 2).logprob
    learner.update(sequences, np.array([1.0, -1.0]))
    after = learner.columns(sequences, 2).logprob
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_a_choice_among_listed_tokens_is_learned_as_that_choice(small_model):
    # The second token is chosen among 5 and 6; the third is the only choice. Probabilities among the two add up to 1, and the third has no part.
    def sequence(row, token):
        return TokenSequence((1, 2, token, 9), (ActionSpan(row, 2, 4),), (None,), (((5, 6), (9,)),))

    sequences = [sequence(0, 5), sequence(1, 6)]
    learner = Learner(small_model(), LearningOptions(learning_rate=1e-2, epochs=20, clip_low=1.0, clip_high=10.0))
    before = learner.columns(sequences, 2)
    assert np.exp(before.logprob).sum() == pytest.approx(1.0, abs=1e-5)
    assert before.n_tokens.tolist() == [1.0, 1.0]
    learner.update(sequences, np.array([1.0, -1.0]))
    after = learner.columns(sequences, 2)
    assert np.exp(after.logprob).sum() == pytest.approx(1.0, abs=1e-5)
    assert np.exp(after.logprob[0]) > 0.9


def test_columns_are_what_the_model_says(small_model, drawn_sequences):
    sequences, count = drawn_sequences()
    learner = Learner(small_model(), LearningOptions(value_weight=1.0, keep_reference=True, batch_tokens=30))
    found = learner.columns([*sequences[1:], sequences[0]], count + 1)
    model = small_model()
    with torch.no_grad():
        for sequence in sequences:
            logprobs = _naive_logprobs(model, sequence)
            for span in sequence.actions:
                assert found.logprob[span.row] == pytest.approx(float(logprobs[span.start - 1 : span.stop - 1].sum()), abs=1e-4)
                assert found.n_tokens[span.row] == span.stop - span.start
    assert math.isnan(found.logprob[count])
    assert np.isnan(learner.columns([], 2).logprob).all()
    assert found.value.tolist()[:count] == [0.0] * count  # a new head says 0
    np.testing.assert_allclose(learner.columns(sequences, count, reference=True).logprob, found.logprob[:count], atol=1e-5)


def test_the_divergence_holds_the_policy_at_its_reference(small_model):
    sequences = [TokenSequence((1, 2, 5), (ActionSpan(0, 2, 3),), (None,))]
    moved = []
    for weight in (0.0, 10.0):
        learner = Learner(small_model(), LearningOptions(learning_rate=3e-3, kl_weight=weight, kl_form="k2", epochs=30, clip_high=100.0))
        before = learner.columns(sequences, 1).logprob[0]
        learner.update(sequences, np.array([1.0]))
        moved.append(learner.columns(sequences, 1).logprob[0] - before)
    assert moved[0] > 1.0
    assert abs(moved[1]) < 0.3 * moved[0]


def test_weights_of_a_sampler_that_computes_otherwise(small_model):
    # The sampler gave the token exp(-1) of the probability that the trainer gives it: its weight would be e and is cut to 2, so the gradient is twice as large.
    ids, span = (1, 2, 5), (ActionSpan(0, 2, 3),)
    said = Learner(small_model(), LearningOptions()).columns([TokenSequence(ids, span, (None,))], 1).logprob[0]
    norms = []
    for cap in (0.0, 2.0):
        learner = Learner(small_model(), LearningOptions(old="recomputed", importance_cap=cap))
        metrics = learner.update([TokenSequence(ids, span, ((said - 1.0,),))], np.array([1.0]))
        norms.append(metrics["gradient_norm"])
        assert metrics.get("importance", 2.0) == pytest.approx(2.0)
    assert norms[1] == pytest.approx(2.0 * norms[0], rel=1e-5)


def test_values_are_fitted_to_returns(small_model, drawn_sequences):
    sequences, count = drawn_sequences(12)
    returns = np.random.default_rng(4).standard_normal(count)
    learner = Learner(small_model(), LearningOptions(learning_rate=1e-2, value_weight=1.0, value_clip=0.0))
    explained = [learner.update(sequences, np.zeros(count), None, returns)["explained"] for _ in range(80)]
    assert explained[0] == pytest.approx(0.0, abs=1e-6)
    assert explained[-1] > 0.8
    with pytest.raises(ContractError, match="returns"):
        learner.update(sequences, np.zeros(count))


def test_imitation_is_weighted_maximum_likelihood(small_model):
    # Three actions in one situation, weights 3, 1, 0: maximum likelihood gives them the probabilities 3/4, 1/4, 0.
    sequences = [TokenSequence((1, 2, token), (ActionSpan(row, 2, 3),), (None,)) for row, token in enumerate((5, 6, 7))]
    learner = Learner(small_model(), LearningOptions(learning_rate=1e-2))
    for _ in range(150):
        metrics = learner.imitate(sequences, np.array([3.0, 1.0, 0.0]))
    np.testing.assert_allclose(np.exp(learner.columns(sequences, 3).logprob), [0.75, 0.25, 0.0], atol=0.02)
    assert metrics["loss"] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), abs=0.05)
    assert learner.imitate(sequences, np.zeros(3)) == {}
    with pytest.raises(ContractError, match="negative"):
        learner.imitate(sequences, np.array([1.0, -1.0, 0.0]))


def test_the_reference_is_the_policy_after_what_it_imitated_first(small_model):
    sequences = [TokenSequence((1, 2, 5), (ActionSpan(0, 2, 3),), (None,))]
    learner = Learner(small_model(), LearningOptions(learning_rate=1e-3, imitation_rate=5e-3, keep_reference=True))
    untrained = learner.columns(sequences, 1).logprob[0]
    assert learner.imitate(sequences, np.ones(1))["rate"] == pytest.approx(5e-3)
    warm = learner.columns(sequences, 1).logprob[0]
    assert warm > untrained
    assert learner.columns(sequences, 1, reference=True).logprob[0] == pytest.approx(warm, abs=1e-6)
    assert learner.update(sequences, np.ones(1))["rate"] == pytest.approx(1e-3)
    learner.imitate(sequences, np.ones(1))  # what is imitated along with updates moves the policy alone
    assert learner.columns(sequences, 1, reference=True).logprob[0] == pytest.approx(warm, abs=1e-6)
    assert learner.columns(sequences, 1).logprob[0] > warm


@pytest.mark.parametrize(("form", "beta"), [("dpo", 0.5), ("ipo", 0.2), ("simpo", 2.0)])
def test_preferences_raise_the_better_action(small_model, form, beta):
    better = TokenSequence((1, 2, 5, 3), (ActionSpan(0, 2, 4),), (None,))
    worse = TokenSequence((1, 2, 6), (ActionSpan(0, 2, 3),), (None,))
    learner = Learner(small_model(), LearningOptions(learning_rate=3e-3, preference=form, preference_beta=beta, keep_reference=form != "simpo"))
    metrics = [learner.prefer([SequencePair(better, worse, 2.0), SequencePair(worse, better, 0.0)]) for _ in range(60)]
    if form == "dpo":
        assert metrics[0]["loss"] == pytest.approx(math.log(2.0), abs=1e-5)
    if form == "ipo":  # it stops at a mean margin of 1 / (2 beta) = 2.5
        assert metrics[-1]["margin"] == pytest.approx(2.5, abs=0.3)
    assert metrics[-1]["loss"] < 0.6 * metrics[0]["loss"]
    assert metrics[-1]["right"] == 1.0
    assert learner.prefer([]) == {}


def test_preferences_in_parts_are_those_of_one_batch(small_model, drawn_sequences):
    sequences, _ = drawn_sequences(8)
    pairs = [SequencePair(one, other, weight) for one, other, weight in zip(sequences[::2], sequences[1::2], (1.0, 2.0, 0.5, 1.0), strict=True)]
    found = []
    for batch_tokens in (1, 10_000):
        kept = _KeptGradient(learner := Learner(small_model(), LearningOptions(keep_reference=True, batch_tokens=batch_tokens)))
        learner.prefer(pairs)
        found.append(kept.found)
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], atol=1e-6, rtol=1e-4)


def test_preferences_without_a_reference_are_refused(small_model):
    sequence = TokenSequence((1, 2, 5), (ActionSpan(0, 2, 3),), (None,))
    with pytest.raises(OptionError, match="keep_reference"):
        Learner(small_model(), LearningOptions()).prefer([SequencePair(sequence, sequence)])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normalization": "sequence-mean", "kl_weight": 0.01, "epochs": 2},  # GRPO
        {"clip_high": 0.28, "minibatches": 4},  # DAPO
        {"normalization": "constant", "length": 2.0, "epochs": 2},  # Dr. GRPO
        {"ratio": "sequence", "normalization": "sequence-mean", "clip_low": 0.05, "clip_high": 0.05, "minibatches": 4},  # GSPO
        {"ratio": "step-product", "normalization": "step-mean", "epochs": 2},
        {"loss": "weighted", "clip_low": 1.0, "epochs": 2},  # CISPO
        {"old": "recomputed", "importance_cap": 2.0, "epochs": 2},
        {"entropy_weight": 0.01, "value_weight": 0.5, "epochs": 2},  # VL-DAC
    ],
    ids=lambda options: "-".join(map(str, options.values())) or "defaults",
)
def test_a_known_problem_is_learned(small_model, options):
    # After token 1 both tokens of the action are to be among the first twelve, after token 2 among the last twelve; each that is earns a half. Chance: 1/2.
    learner = Learner(small_model(), LearningOptions(learning_rate=1e-2, **options))
    generator = torch.Generator().manual_seed(0)
    earned = []
    for _ in range(40):
        begins = torch.arange(32) % 2 + 1
        ids, logprobs = begins[:, None], []
        for _ in range(2):
            with torch.no_grad():
                said = learner.network.model(input_ids=ids).logits[:, -1].log_softmax(dim=1)
            drawn = torch.multinomial(said.exp(), 1, generator=generator)
            ids, logprobs = torch.cat([ids, drawn], dim=1), [*logprobs, said.gather(1, drawn)]
        returns = ((ids[:, 1:] >= 12) == (begins[:, None] == 2)).double().mean(dim=1).numpy()
        given = torch.cat(logprobs, dim=1).tolist()
        sequences = [TokenSequence(tuple(row), (ActionSpan(at, 1, 3),), (tuple(given[at]),)) for at, row in enumerate(ids.tolist())]
        learner.update(sequences, returns - returns.mean(), None, returns)
        earned.append(returns.mean())
    assert earned[0] < 0.7
    assert np.mean(earned[-5:]) > 0.9


def test_products_in_bfloat16_are_near_those_in_single_precision(small_model, drawn_sequences):
    sequences, count = drawn_sequences()
    advantages = np.random.default_rng(2).standard_normal(count)
    found = []
    for precision in ("float32", "bfloat16"):
        kept = _KeptGradient(learner := Learner(small_model(), LearningOptions(precision=precision, clip_norm=1e9)))
        learner.update(sequences, advantages)
        found.append(torch.cat([gradient.flatten() for gradient in kept.found.values()]))
    assert found[1].dtype == torch.float32  # of the weights
    assert torch.cosine_similarity(found[0], found[1], dim=0) > 0.99
    assert not torch.equal(found[0], found[1])


def test_without_advantages_nothing_moves_by_momentum(small_model, drawn_sequences):
    sequences, count = drawn_sequences()
    learner = Learner(small_model(), LearningOptions(learning_rate=1e-2))
    learner.update(sequences, np.ones(count))
    before = _weights(learner)
    assert learner.update(sequences, np.zeros(count)) == {}
    assert all(torch.equal(weight, before[name]) for name, weight in _weights(learner).items())


def test_a_second_learner_of_a_model_in_half_precision_gets_its_gradients(small_model, drawn_sequences):
    sequences, count = drawn_sequences()
    model = small_model().to(torch.bfloat16)
    first = Learner(model, LearningOptions(learning_rate=1e-2))
    first.update(sequences, np.ones(count))
    second = Learner(model, LearningOptions(learning_rate=1e-2))
    before = _weights(second)
    assert second.update(sequences, np.ones(count))["gradient_norm"] > 0.0
    assert any(not torch.equal(weight, before[name]) for name, weight in _weights(second).items())


def test_half_weights_have_masters_in_single_precision(small_model, drawn_sequences):
    # A weight near 1 has steps of 2^-8 in bfloat16: an update of 1e-4 is lost in its rounding, and forty of them are not lost in the master.
    sequences, count = drawn_sequences()
    learner = Learner(small_model().to(torch.bfloat16), LearningOptions(learning_rate=1e-4, batch_tokens=20))
    norm = next(name for name in _weights(learner) if name.endswith("norm.weight"))
    before = _weights(learner)[norm]
    for _ in range(40):
        learner.update(sequences, np.ones(count))
    after = _weights(learner)[norm]
    assert after.dtype == torch.bfloat16
    assert (after != before).any()


@pytest.mark.parametrize("of", ["loss", "gradient"])
def test_a_step_that_is_no_number_is_not_taken(small_model, drawn_sequences, of):
    sequences, count = drawn_sequences()
    learner = Learner(small_model(), LearningOptions(learning_rate=1e-2))
    learner.update(sequences, np.ones(count))
    before, moments = _weights(learner), learner.optimizer.state()
    bad = 3

    def spoil(module, inputs, output):
        # What a broken kernel or an overflow does: a number that is none, for one sequence alone.
        for row, ids in enumerate(inputs[0].ids.tolist()):
            if ids[:2] == list(sequences[bad].ids[:2]):
                own = torch.arange(len(output.logprobs)) == _first_token_of(inputs[0], row)
                if of == "loss":
                    return output._replace(logprobs=torch.where(own, float("nan"), output.logprobs))
                output.logprobs.register_hook(lambda gradient, own=own: torch.where(own, float("inf"), gradient))
        return output

    handle = learner.network.register_forward_hook(spoil)
    rows = ", ".join(str(span.row) for span in sequences[bad].actions)
    with pytest.raises(
        DivergedError, match=rf"the {of} .*is no number in optimiser step 2: sequence {bad} \(rows {rows} of the batch\)\. The step was not taken"
    ):
        learner.update(sequences, np.ones(count))
    handle.remove()
    for name, weight in _weights(learner).items():
        torch.testing.assert_close(weight, before[name], atol=0, rtol=0)
    for name, moment in learner.optimizer.state().items():
        torch.testing.assert_close(moment, moments[name], atol=0, rtol=0)
    learner.update(sequences, np.ones(count))  # it goes on
    assert learner.steps == 2


def _first_token_of(batch, row):
    width = batch.ids.shape[1]
    return next(at for at, place in enumerate(batch.places.tolist()) if place // width == row)


def test_a_stopped_learner_goes_on_as_if_it_had_not_been(small_model, drawn_sequences, tmp_path):
    sequences, count = drawn_sequences()
    random = np.random.default_rng(5)
    batches = [(random.standard_normal(count), random.standard_normal(count)) for _ in range(4)]
    options = LearningOptions(
        learning_rate=1e-2,
        minibatches=3,
        epochs=2,
        kl_weight=0.1,
        value_weight=0.5,
        warmup=3,
        total=40,
        schedule="cosine",
        old="recomputed",
        importance_cap=2.0,
    )
    whole = Learner(small_model(), options)
    curve = [whole.update(sequences, advantages, None, returns) for advantages, returns in batches]
    first = Learner(small_model(), options)
    for advantages, returns in batches[:2]:
        first.update(sequences, advantages, None, returns)
    first.save(tmp_path / "kept")
    torch.save(first.network.model.state_dict(), tmp_path / "model.pt")
    other = small_model(seed=9)
    other.load_state_dict(torch.load(tmp_path / "model.pt"))
    second = Learner(other, options)
    second.load(tmp_path / "kept")
    rest = [second.update(sequences, advantages, None, returns) for advantages, returns in batches[2:]]
    assert rest == curve[2:]
    for name, weight in _weights(second).items():
        torch.testing.assert_close(weight, _weights(whole)[name], atol=0, rtol=0)


def test_a_state_that_does_not_fit_is_refused(small_model, drawn_sequences, tmp_path):
    sequences, count = drawn_sequences()
    learner = Learner(small_model(), LearningOptions())
    learner.update(sequences, np.ones(count))
    learner.save(tmp_path)
    with pytest.raises(CheckpointError, match="value head"):
        Learner(small_model(), LearningOptions(value_weight=1.0)).load(tmp_path)
    with pytest.raises(CheckpointError, match="other weights"):
        Learner(small_model(num_hidden_layers=1), LearningOptions()).load(tmp_path)
    with pytest.raises(CheckpointError, match="reference"):
        Learner(small_model(), LearningOptions(keep_reference=True)).load(tmp_path)
    (tmp_path / "learner.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="cannot be read"):
        learner.load(tmp_path)


def test_adapters_alone_are_trained_and_the_model_without_them_is_the_reference(small_model, drawn_sequences, recwarn):
    peft = pytest.importorskip("peft")
    sequences, count = drawn_sequences()
    adapted = peft.get_peft_model(small_model(), peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    learner = Learner(adapted, LearningOptions(learning_rate=1e-2, kl_weight=0.1))
    before = _weights(learner)
    first = learner.update(sequences, np.ones(count))
    assert first["kl_reference"] == pytest.approx(0.0, abs=1e-6)  # adapters say nothing at first
    learner.update(sequences, np.ones(count))
    assert learner.update(sequences, np.ones(count))["kl_reference"] > 0.0
    changed = {name for name, weight in _weights(learner).items() if not torch.equal(weight, before[name])}
    assert changed
    assert all("lora" in name for name in changed)
    np.testing.assert_allclose(
        learner.columns(sequences, count, reference=True).logprob, Learner(small_model(), LearningOptions()).columns(sequences, count).logprob, atol=1e-5
    )


@pytest.mark.parametrize(
    ("advantages", "said"),
    [([1.0, float("nan")], "are none at row 1"), ([1.0], r"in \[0, 1\)"), ([[1.0, 2.0]], "one entry a step")],
)
def test_advantages_that_do_not_fit_are_refused(small_model, advantages, said):
    sequences = [TokenSequence((1, 2, 5, 6), (ActionSpan(0, 2, 3), ActionSpan(1, 3, 4)), (None, None))]
    with pytest.raises(ContractError, match=said):
        Learner(small_model(), LearningOptions()).update(sequences, np.array(advantages))


def test_a_step_in_two_sequences_is_refused(small_model):
    sequence = TokenSequence((1, 2, 5), (ActionSpan(0, 2, 3),), (None,))
    with pytest.raises(ContractError, match="two sequences"):
        Learner(small_model(), LearningOptions()).update([sequence, sequence], np.ones(1))


def test_models_that_cannot_be_trained_are_refused(small_model):
    with pytest.raises(OptionError, match="nothing to train"):
        Learner(small_model().requires_grad_(False), LearningOptions())
    with pytest.raises(OptionError, match="torchrun"):
        Learner(small_model(), LearningOptions(parallel="ddp"))


@pytest.mark.parametrize(
    "options",
    [
        {"ratio": "word"},
        {"loss": "mse"},
        {"clip_low": 0.0},
        {"clip_low": 1.5},
        {"clip_high": float("nan")},
        {"dual_clip": 0.5},
        {"learning_rate": 0.0},
        {"learning_rate": float("inf")},
        {"kl_weight": -1.0},
        {"epochs": 0},
        {"schedule": "cosine"},
        {"importance_cap": 2.0},
        {"preference_smoothing": 0.5},
        {"temperature": 0.0},
        {"parallel": "tpu"},
    ],
)
def test_options_that_cannot_be_honoured_are_refused(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        LearningOptions(**options)
