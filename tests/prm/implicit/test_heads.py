# ruff: noqa: E402 - torch is asked for first
import json
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")

from prm_gym.chains import Chain, written
from prm_gym.errors import CheckpointError, OptionError
from prm_gym.prm.confidence import change_scores
from prm_gym.prm.implicit.encoding import ChainEncoder
from prm_gym.prm.implicit.loading import load_model, load_tokenizer
from prm_gym.prm.implicit.logprobs import CausalModel
from prm_gym.prm.implicit.training import area_under_curve
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.uncertainty import STATISTICS, StepFeatures, UncertaintyHead, load_head
from prm_gym.prm.uncertainty_training import HeadOptions, train_head

CHAIN = written("What is 2 + 3?", ["2 + 3 = 5", "so it is 5"])
SHORT = written("Hm?", ["no"])


def test_features_are_what_the_definitions_say(model_folder):
    reader = StepFeatures(CausalModel(load_model(model_folder, "cpu")), ChainEncoder(load_tokenizer(model_folder)), (1, 2))
    found = reader.read([SHORT, CHAIN])[1]
    encoded = reader.encoder.encode(CHAIN)
    model = transformers.AutoModelForCausalLM.from_pretrained(model_folder).eval()
    with torch.no_grad():
        out = model(torch.tensor([encoded.token_ids]), output_hidden_states=True)
    logprobs = out.logits[0].double().log_softmax(-1)
    for span, row in zip(encoded.spans, found[1], strict=True):
        own = range(span.start, span.end)
        expected = []
        for layer in (1, 2):
            hidden = out.hidden_states[layer][0]
            expected += [*hidden[span.end - 1].tolist(), *hidden[span.start : span.end].mean(0).tolist()]
        said = [float(logprobs[at - 1, encoded.token_ids[at]]) for at in own]
        entropies = [float(-(logprobs[at - 1].exp() * logprobs[at - 1]).sum()) for at in own]
        gaps = [float(logprobs[at - 1].max()) - one for at, one in zip(own, said, strict=True)]
        n = len(own)
        expected += [sum(said) / n, min(said), said[-1], sum(entropies) / n, max(entropies), sum(gaps) / n, max(gaps), sum(gap > 0 for gap in gaps) / n]
        assert row.tolist() == pytest.approx(expected, abs=1e-4)
    opening = found[0].tolist()
    assert opening[:32] == pytest.approx(out.hidden_states[1][0][encoded.spans[0].start - 1].tolist(), abs=1e-5)
    assert opening[-len(STATISTICS) :] == [0.0] * len(STATISTICS)


def _labelled(count, seed):
    """Bad steps say "glim"; step labels are known, and the outcome is right when no step is bad."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(count):
        wrong = rng.random(3) < 0.25
        steps = [f"step {rng.integers(10)} {'glim' if one else 'glam'} {rng.integers(10)}" for one in wrong]
        labels = tuple(float(not one) for one in wrong)
        found.append(LabelledChain(id=str(at), chain=written(f"problem {at}", steps), labels=labels, outcome=not wrong.any()))
    return found


@pytest.fixture(scope="module")
def step_head(model_folder, tmp_path_factory):
    return train_head(_labelled(200, 0), str(model_folder), tmp_path_factory.mktemp("step"), HeadOptions(width=32), device="cpu")


@pytest.fixture(scope="module")
def outcome_head(model_folder, tmp_path_factory):
    options = HeadOptions(target="outcome", width=32)
    return train_head(_labelled(200, 0), str(model_folder), tmp_path_factory.mktemp("outcome"), options, device="cpu")


def test_a_head_learns_steps_over_a_frozen_model(step_head, model_folder):
    assert step_head.parameters < 10_000_000
    assert step_head.validation["loss"] < step_head.validation["constant_loss"]
    fresh = _labelled(60, 1)
    said = load_head(step_head.path, device="cpu").probabilities([one.chain for one in fresh])
    scores = [value for _, steps in said for value, _ in steps]
    assert area_under_curve(scores, [label > 0.5 for one in fresh for label in one.labels]) > 0.95


def test_a_head_of_outcomes_falls_at_the_bad_step(outcome_head):
    head = load_head(outcome_head.path, device="cpu")
    fresh = _labelled(60, 1)
    scores, right = [], []
    for one, (opening, steps) in zip(fresh, head.probabilities([one.chain for one in fresh]), strict=True):
        assert 0.05 < opening < 0.95  # before the first step the outcome is open
        until = min([at for at, label in enumerate(one.labels) if label == 0.0], default=2) + 1  # after a bad step the outcome is settled
        scores += change_scores([opening, *(value for value, _ in steps)])[:until]
        right += [label > 0.5 for label in one.labels[:until]]
    assert area_under_curve(scores, right) > 0.62  # the model that is read is random: its states say little


def test_one_reading_is_each_prefix_by_itself_and_is_remembered(step_head):
    head = load_head(step_head.path, device="cpu")
    whole = head.probabilities([CHAIN, SHORT])
    part = load_head(step_head.path, device="cpu").probabilities([Chain(CHAIN.problem, CHAIN.steps[:1])])
    assert part[0][1][0][0] == pytest.approx(whole[0][1][0][0], abs=1e-6)
    head.reader = None  # nothing is read again
    assert head.probabilities([Chain(CHAIN.problem, CHAIN.steps[:1]), SHORT]) == [(whole[0][0], whole[0][1][:1]), whole[1]]


def test_heads_that_do_not_fit_say_why(step_head, reference_folder, model_folder, tmp_path):
    with pytest.raises(CheckpointError, match="other files"):
        load_head(step_head.path, model=str(reference_folder), device="cpu")
    odd = tmp_path / "head.safetensors"
    safetensors_torch.save_file({"a": torch.zeros(2)}, odd)
    with pytest.raises(CheckpointError, match="no head of prm_gym"):
        load_head(odd, device="cpu")
    odd.write_bytes(b"no")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_head(odd, device="cpu")
    weights = safetensors_torch.load_file(step_head.path)
    with open(step_head.path, "rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        metadata = json.loads(stream.read(size))["__metadata__"]
    safetensors_torch.save_file({**weights, "outer.bias": torch.tensor([math.nan])}, odd, metadata=metadata)
    with pytest.raises(CheckpointError, match="no numbers"):
        load_head(odd, device="cpu")
    safetensors_torch.save_file({name: weight for name, weight in weights.items() if name != "outer.bias"}, odd, metadata=metadata)
    with pytest.raises(CheckpointError, match="broken head"):
        load_head(odd, device="cpu")
    with pytest.raises(OptionError, match="parameters"):
        UncertaintyHead(100_000, 128)
    with pytest.raises(OptionError, match="layers"):
        train_head(_labelled(8, 0), str(model_folder), tmp_path, HeadOptions(layers=(9,)), device="cpu")
    with pytest.raises(OptionError, match="nothing to learn"):
        train_head([LabelledChain(id="a", chain=SHORT, labels=(None,))], str(model_folder), tmp_path, device="cpu")


def test_a_step_that_does_not_fit_is_left_with_none(step_head):
    head = load_head(step_head.path, device="cpu", max_tokens=60)
    _, steps = head.probabilities([written("p", ["a", "word " * 40, "b"])])[0]
    assert steps[0][0] is not None
    assert steps[1][0] is None
    assert steps[2][0] is not None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_reads_a_head(step_head):
    on_cpu = load_head(step_head.path, device="cpu").probabilities([CHAIN])[0]
    on_cuda = load_head(step_head.path, device="cuda", dtype="float32").probabilities([CHAIN])[0]
    assert [value for value, _ in on_cuda[1]] == pytest.approx([value for value, _ in on_cpu[1]], abs=1e-2)
