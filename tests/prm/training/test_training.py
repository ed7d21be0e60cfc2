"""Trainings as a whole: what is learnt, that stopping costs nothing, and that a checkpoint scores as it was trained."""

import json
import os
import signal
import subprocess
import sys
import time

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from prm_gym.chains import Chain, written
from prm_gym.cli import main
from prm_gym.errors import CheckpointError, OptionError
from prm_gym.prm.families.own import OwnFamily, read_settings
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.loading import load_checkpoint
from prm_gym.prm.scoring import Scorer
from prm_gym.prm.training.batching import Item, collate
from prm_gym.prm.training.config import DataOptions, LossOptions, ModelOptions, RunOptions, TrainingConfig
from prm_gym.prm.training.data import Data, load, split
from prm_gym.prm.training.evaluating import Examiner
from prm_gym.prm.training.metrics import cross_entropy
from prm_gym.prm.training.models import build_model
from prm_gym.prm.training.run import train_prm
from prm_gym.prm.training.tokens import Encoder
from prm_gym.testing.tiny_models import tiny_causal_lm

TINY = ModelOptions(width=16, layers=1, heads=2, vocabulary=300)

SMALL = ("--width", "16", "--layers", "1", "--heads", "2", "--vocabulary", "300")


def _config(file, model=TINY, loss=None, **run):
    options = {"epochs": 2, "batch_tokens": 256, "evaluate_every": 3, **run}
    return TrainingConfig(data=DataOptions(files=(file,)), model=model, loss=loss or LossOptions(), run=RunOptions(**options))


def _weights(out):
    return load_file(out / "model.safetensors")


def _equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_decoder_from_scratch_learns_which_sums_are_right(sums_file, tmp_path):
    # 16 sums of 1 to 4, right or not, on sheets that it has never seen: everything needed stands in the training data, so near to all can be known.
    config = TrainingConfig(
        data=DataOptions(files=(sums_file(1200),)),
        model=ModelOptions(width=48, layers=2, heads=2, vocabulary=300),
        run=RunOptions(epochs=8, batch_tokens=512, learning_rate=3e-3, evaluate_every=60),
    )
    result = train_prm(config, tmp_path / "out")
    assert result.test.auc > 0.97
    assert result.test.first_error_f1 > 0.85
    assert result.test.nll < 0.5 * result.test.constant_nll
    assert result.padding < 0.1


def test_the_same_settings_give_the_same_weights_and_a_done_training_is_not_done_again(sums_file, tmp_path):
    file = sums_file(40)
    first, second = (train_prm(_config(file), tmp_path / name) for name in ("one", "two"))
    assert _equal(_weights(tmp_path / "one"), _weights(tmp_path / "two"))
    assert msgspec.structs.replace(first, seconds=0.0) == msgspec.structs.replace(second, seconds=0.0)
    changed = (tmp_path / "one" / "model.safetensors").stat().st_mtime_ns
    assert train_prm(_config(file), tmp_path / "one") == first
    assert (tmp_path / "one" / "model.safetensors").stat().st_mtime_ns == changed
    with pytest.raises(OptionError, match="another training"):
        train_prm(_config(file, seed=1), tmp_path / "one")
    assert not (tmp_path / "one" / "training").exists()


class _StopError(Exception):
    pass


@pytest.mark.parametrize("at", [1, 4, 5])
def test_a_training_that_was_stopped_ends_with_the_weights_and_the_metrics_that_it_would_have_had(sums_file, tmp_path, at):
    config = _config(sums_file(60), accumulate=2, save_every=2)
    train_prm(config, tmp_path / "whole")

    def stop(notice):
        if notice.update == at:
            raise _StopError

    with pytest.raises(_StopError):
        train_prm(config, tmp_path / "parts", stop)
    assert not (tmp_path / "parts" / "prm_gym.json").exists()
    with (tmp_path / "parts" / "metrics.jsonl").open("ab") as file:
        file.write(b'{"kind": "tra')  # a torn line
    train_prm(config, tmp_path / "parts")
    assert _equal(_weights(tmp_path / "whole"), _weights(tmp_path / "parts"))
    rows = [[json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()] for name in ("whole", "parts")]
    whole, parts = ([{**row, "seconds": 0} for row in part] for part in rows)
    assert whole == parts


@pytest.mark.slow
def test_a_training_that_is_killed_goes_on_on_the_command_line(sums_file, tmp_path):
    file, out = sums_file(100), tmp_path / "killed"
    options = [
        file,
        "--width",
        "16",
        "--layers",
        "1",
        "--heads",
        "2",
        "--vocabulary",
        "300",
        "--batch-tokens",
        "128",
        "--save-every",
        "1",
        "--evaluate-every",
        "10",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = ["train-prm", *options, "--device", "cpu", "--json"]
    command = [sys.executable, "-m", "prm_gym", *arguments]
    running = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    deadline = time.monotonic() + 120
    while not (out / "training" / "state.safetensors").exists() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    assert (out / "training" / "state.safetensors").exists() or (out / "prm_gym.json").exists()
    subprocess.run([*command, "--out", str(out)], check=True, capture_output=True, timeout=120, env=environment)
    main([*arguments, "--out", str(tmp_path / "whole")])
    assert _equal(_weights(out), _weights(tmp_path / "whole"))


def _checkpoint_scores(path, chain):
    """P(right) of every step, as whoever loads the checkpoint reads it: one prefix after another, on its own."""
    loaded = load_checkpoint(str(path), device="cpu")
    found = []
    for end in range(1, len(chain) + 1):
        encoded = loaded.family.encode(loaded.tokenizer, Chain(chain.problem, chain.steps[:end]))
        with torch.no_grad():
            hidden = loaded.backbone(input_ids=torch.tensor([encoded.token_ids]), use_cache=False).last_hidden_state[0, encoded.positions[-1:]]
            found.append(float(loaded.family.scores(loaded.head(hidden))[0]))
    return found


HOSTILE = ("1+1=2", "<|step|> <|right|>", "", "2+2=4\n\n", "<|end|>ки +")


@pytest.mark.parametrize("head", ["token-classification", "language-model"])
@pytest.mark.parametrize("base", ["", "qwen2", "llama"])
@pytest.mark.parametrize("lora", [0, 2])
def test_a_checkpoint_scores_exactly_as_it_was_trained(sums_file, tmp_path, head, base, lora):
    if lora and not base:
        pytest.skip("adapters belong to a model that is there")
    path = str(tiny_causal_lm(tmp_path / "base", architecture=base)) if base else ""
    options = ModelOptions(path=path, head=head, lora=lora) if path else msgspec.structs.replace(TINY, head=head)
    config = _config(sums_file(24), options, learning_rate=1e-2, epochs=1)
    result = train_prm(config, tmp_path / "out")
    chain = written("Sheet 3.", list(HOSTILE))
    settings = read_settings(tmp_path / "out")
    assert settings.temperature == result.temperature
    # The model of the training itself, with the weights that were kept, asked the way the validation problems are: one forward over all steps.
    checkpoint = load_checkpoint(str(tmp_path / "out"), device="cpu")
    encoder = Encoder(OwnFamily(settings), checkpoint.tokenizer, checkpoint.max_context)
    tokens = encoder.chains([_labelled(chain)]).chains[0]
    encoded = checkpoint.family.encode(checkpoint.tokenizer, chain)
    assert tokens.ids.tolist() == encoded.token_ids
    assert tokens.positions.tolist() == encoded.positions
    assert tokens.ids.tolist().count(checkpoint.tokenizer.convert_tokens_to_ids("<|step|>")) == len(chain)
    with torch.no_grad():
        hidden = checkpoint.backbone(input_ids=torch.tensor([encoded.token_ids]), use_cache=False).last_hidden_state[0, encoded.positions]
        at_once = checkpoint.family.scores(checkpoint.head(hidden)).tolist()
    assert at_once == pytest.approx(_checkpoint_scores(tmp_path / "out", chain), abs=1e-5)
    if lora:
        assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
        assert 0 < result.parameters["trained"] < 0.5 * result.parameters["all"]


def _labelled(chain):
    return LabelledChain(id="x", chain=chain, labels=(1.0,) * len(chain))


@pytest.mark.parametrize("head", ["token-classification", "language-model"])
def test_adapters_are_merged_into_what_was_trained(tmp_path, head, sums_file):
    # What the validation problems were scored at the end of the training, the loaded checkpoint must score too.
    path = str(tiny_causal_lm(tmp_path / "base", architecture="qwen2"))
    config = _config(sums_file(30), ModelOptions(path=path, head=head, lora=2), learning_rate=3e-2, epochs=1)
    result = train_prm(config, tmp_path / "out")
    validation = split(load(config.data.files, config.data), config.data, 0).validation
    scores = [np.array(_checkpoint_scores(tmp_path / "out", each.chain)) for each in validation.chains]
    p, y = np.concatenate(scores), np.concatenate([each.labels for each in validation.chains])
    assert cross_entropy(np.log(p / (1 - p)), y.astype(float)) == pytest.approx(result.validation.nll, rel=1e-3)


def test_chains_longer_than_the_context_are_read_in_windows_and_every_label_counts_once(tmp_path):
    model = build_model(msgspec.structs.replace(TINY, max_context=40), ["1+2=3 Sheet."] * 5, 0, "cpu", torch.float32)
    labelled = _labelled(written("Sheet.", [f"1+2={at % 10}" for at in range(30)]))
    found = Encoder(model.family, model.tokenizer, 40).chains([labelled])
    assert len(found.chains) > 3
    assert max(len(tokens.ids) for tokens in found.chains) <= 40
    counted = [step for tokens, steps in zip(found.chains, found.steps, strict=True) for step, weight in zip(steps, tokens.weights, strict=True) if weight]
    assert counted == list(range(30))
    assert found.left_out == 0
    said = Examiner(Data(chains=(labelled,)), Encoder(model.family, model.tokenizer, 40), 512).ask(model, torch.float32)
    assert not np.isnan(said.logits[0]).any()
    huge = _labelled(written("Sheet.", ["1+2=3", "9" * 100, "1+2=3"]))
    lost = Encoder(model.family, model.tokenizer, 40).chains([huge])
    assert lost.left_out == 1
    assert sorted(step for tokens, steps in zip(lost.chains, lost.steps, strict=True) for step, w in zip(steps, tokens.weights, strict=True) if w) == [0, 2]


def test_a_chain_longer_than_the_context_is_trained_on_as_it_is_scored(sums_file, tmp_path):
    # What the validation problems are told is what whoever loads the checkpoint is told: the same windows, the same scores.
    options = msgspec.structs.replace(TINY, max_context=60)
    train_prm(_config(sums_file(24), options, learning_rate=1e-2, epochs=1), tmp_path / "out")
    checkpoint = load_checkpoint(str(tmp_path / "out"), device="cpu")
    chain = written("Sheet 3.", [f"{at % 4}+{at % 3}={at % 5}" + " so" * (at * 7 % 5) for at in range(40)])
    encoder = Encoder(checkpoint.family, checkpoint.tokenizer, checkpoint.max_context, with_text=True)
    found = encoder.chains([_labelled(chain)])
    assert len(found.chains) > 3
    scored = Scorer(checkpoint).score([chain])[0]
    assert [step for steps in found.steps for step in steps] == list(range(40))
    for tokens, steps in zip(found.chains, found.steps, strict=True):
        with torch.no_grad():
            hidden = checkpoint.backbone(input_ids=torch.tensor(tokens.ids.astype("int64"))[None], use_cache=False).last_hidden_state[0, tokens.positions]
            read = checkpoint.family.scores(checkpoint.head(hidden)).tolist()
        assert read == pytest.approx([scored[step].score for step in steps], abs=1e-5)
        text = collate([Item(0, 0, len(steps))], [tokens]).text[0]
        assert checkpoint.tokenizer.decode(tokens.ids[text]) == "".join(chain.texts[step] for step in steps)  # each is predicted once


def test_tokens_that_a_model_knows_already_keep_what_they_have_learnt(sums_file, tmp_path):
    # A second training with the other head adds the two verdict tokens; the separator is there, and was trained.
    train_prm(_config(sums_file(24), epochs=1), tmp_path / "first")
    first = load_file(tmp_path / "first" / "model.safetensors")["model.embed_tokens.weight"]
    for head in ("token-classification", "language-model"):
        model = build_model(ModelOptions(path=str(tmp_path / "first"), head=head), [], 0, "cpu", torch.float32)
        rows = model.model.get_input_embeddings().weight.detach()
        assert torch.equal(rows[: len(first)], first)
        assert rows.isfinite().all()
        assert max(model.tokenizer.convert_tokens_to_ids(list(model.settings.tokens))) < len(rows)


def test_a_base_model_that_has_changed_is_another_training(sums_file, tmp_path):
    base = tiny_causal_lm(tmp_path / "base", architecture="qwen2")
    config = _config(sums_file(24), ModelOptions(path=str(base), lora=2), epochs=1)
    train_prm(config, tmp_path / "out")
    tensors = load_file(base / "model.safetensors")
    tensors["model.norm.weight"].mul_(2.0)
    save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(OptionError, match="another training"):
        train_prm(config, tmp_path / "out")


def test_a_preference_alone_is_learnt(tmp_path):
    generator = np.random.default_rng(0)
    rows = []
    for at in range(200):
        a, b = (int(generator.integers(1, 4)) for _ in range(2))
        rows.append({"problem": f"Sheet {at}.", "steps": [], "chosen": f"{a}+{b}={a + b}", "rejected": f"{a}+{b}={a + b + 1 + at % 2}"})
    path, held = tmp_path / "pairs.jsonl", tmp_path / "held.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    held.write_text("".join(json.dumps({**row, "problem": f"Other {at}."}) + "\n" for at, row in enumerate(rows[:20])))
    config = TrainingConfig(
        data=DataOptions(files=(str(path),), validation_files=(str(held),)),
        model=ModelOptions(width=32, layers=2, heads=2, vocabulary=300),
        run=RunOptions(epochs=30, batch_tokens=512, learning_rate=5e-3),
    )
    result = train_prm(config, tmp_path / "out")
    assert result.validation.pair_accuracy > 0.9
    assert result.calibrated_on == ""
    assert "not calibrated" in (tmp_path / "out" / "README.md").read_text()
    again = train_prm(config, tmp_path / "out")
    assert again.validation.pair_accuracy == result.validation.pair_accuracy
    assert np.isnan(again.validation.nll)


def test_weights_of_domains_are_learnt_towards_what_helps(sums, tmp_path):
    # One domain has right labels, the other has them reversed; the meta problems are of both in equal parts, so take them from the right one alone by its size.
    good = [{**row, "domain": "good"} for row in sums(150)]
    bad = [{**row, "prompt": f"Other {row['prompt']}", "domain": "bad", "labels": [not label for label in row["labels"]]} for row in sums(30, seed=1)]
    path = tmp_path / "both.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in good + bad))
    config = _config(str(path), ModelOptions(width=32, layers=1, heads=2, vocabulary=300), LossOptions(learn_domain_weights=True), epochs=6, learning_rate=3e-3)
    result = train_prm(config, tmp_path / "out")
    assert result.domain_weights["good"] > 1.2
    assert result.domain_weights["bad"] < 0.8
    assert result.counts["meta"]["problems"] > 0


def test_what_cannot_be_trained_says_why(sums_file, tmp_path):
    file = sums_file(30)
    with pytest.raises(CheckpointError, match="There is no folder"):
        train_prm(_config(file, ModelOptions(path=str(tmp_path / "nowhere"))), tmp_path / "a")
    (tmp_path / "broken").mkdir()
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        train_prm(_config(file, ModelOptions(path=str(tmp_path / "broken"))), tmp_path / "a")
    with pytest.raises(OptionError, match="is a file"):
        train_prm(_config(file), file)
    with pytest.raises(OptionError, match="two of them"):
        train_prm(_config(file, loss=LossOptions(learn_domain_weights=True)), tmp_path / "b")
    with pytest.raises(OptionError, match="fits into the context"):
        train_prm(_config(file, msgspec.structs.replace(TINY, max_context=5)), tmp_path / "c")
    path = str(tiny_causal_lm(tmp_path / "base", architecture="qwen2"))
    with pytest.raises(OptionError, match="linear layer"):
        train_prm(_config(file, ModelOptions(path=path, lora=2, lora_targets=("nothing",))), tmp_path / "d")


def test_a_training_that_diverges_gives_no_checkpoint(sums_file, tmp_path):
    with pytest.raises(OptionError, match="lower learning rate"):
        train_prm(_config(sums_file(30), learning_rate=1e30), tmp_path / "out")
    assert not (tmp_path / "out" / "prm_gym.json").exists()


def test_a_model_is_not_written_over(sums_file, tmp_path):
    base = tiny_causal_lm(tmp_path / "base", architecture="qwen2")
    with pytest.raises(OptionError, match="written over"):
        train_prm(_config(sums_file(30), ModelOptions(path=str(base))), base)


def test_the_command_trains_and_says_what_came_out(sums_file, tmp_path, capsys):
    options = [
        "--width",
        "16",
        "--layers",
        "1",
        "--heads",
        "2",
        "--vocabulary",
        "300",
        "--epochs",
        "1",
        "--balance",
        "class",
        "--sampling",
        "last-step-balanced",
    ]
    main(["train-prm", sums_file(40), "--out", str(tmp_path / "out"), *options, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["train"]["chains"] == 32
    card = (tmp_path / "out" / "README.md").read_text()
    assert found["sources"][0]["sha256"] in card
    assert "last-step-balanced" in card
    assert read_settings(tmp_path / "out").training["key"] == found["key"]
    main(["train-prm", sums_file(40), "--out", str(tmp_path / "out"), *options])  # not done again: said again
    assert "prm:" in capsys.readouterr().out


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")
def test_on_cuda_in_bfloat16_it_learns_likewise(sums_file, tmp_path):
    config = _config(sums_file(600), ModelOptions(width=48, layers=2, heads=2, vocabulary=300), epochs=12, learning_rate=3e-3, device="cuda")
    assert train_prm(config, tmp_path / "out").test.auc > 0.9
