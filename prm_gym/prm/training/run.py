"""`train_prm`: from files of step labels to a checkpoint that `prm:PATH` loads.

OUT/model.safetensors (or adapter_model.safetensors), config.json, tokenizer.json ...   as Hugging Face's loaders take them
OUT/prm_gym.json    how it is read: written last, so that a folder without it is no checkpoint
OUT/README.md       the model card
OUT/metrics.jsonl   losses and held-out figures of all updates
OUT/training/       state of an unfinished training; deleted when it is done
"""

import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, cast

import msgspec
import torch

from prm_gym._version import VERSION
from prm_gym.chains import problem_key
from prm_gym.errors import CheckpointError, OptionError
from prm_gym.lm.libraries import quiet
from prm_gym.machine import choose_device, package_versions
from prm_gym.prm.families.own import SETTINGS_FILE, read_settings, write_settings
from prm_gym.prm.loading import fingerprint
from prm_gym.prm.training import state
from prm_gym.prm.training.card import card
from prm_gym.prm.training.config import TrainingConfig
from prm_gym.prm.training.data import Data, SourceRecord, Split, load, split, texts
from prm_gym.prm.training.evaluating import Examiner, figures
from prm_gym.prm.training.metrics import HeldOut, fitted_temperature, fitted_threshold
from prm_gym.prm.training.models import StepModel, build_model
from prm_gym.prm.training.tokens import Encoder
from prm_gym.prm.training.trainer import Notice, Trainer, Watch, precision_of
from prm_gym.task import content_key

_NUMBERS = ("wrong_share", "nll", "brier", "accuracy")


class TrainingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came out; also in `prm_gym.json` under `training`.

    Attributes:
        key: of settings and data: equal ones, equal weights on one machine.
        config: what was asked for. JSON values.
        sources: where the training data came from.
        validation_sources: where given validation data came from.
        counts: problems, chains, steps and pairs of each part; steps and pairs that did not fit into the context.
        parameters: of the model: all, and trained.
        updates: that were made, and after which the kept weights were.
        ended: why it ended early; empty if it did not.
        tokens: that were read in training, without padding.
        padding: share of padding in what was read.
        seconds: processor time of the updates and evaluations.
        temperature: that the logits are divided by.
        threshold: below which a step counts as wrong.
        calibrated_on: what temperature and threshold were fitted on; empty where nothing could be fitted.
        validation: figures on the held-out problems that chose weights, temperature and threshold.
        test: figures on problems that chose nothing; None where none were held out.
        domain_weights: that were learned; empty if none were.
        versions: of what it ran on.
    """

    key: str
    config: dict[str, Any]
    sources: list[SourceRecord]
    validation_sources: list[SourceRecord]
    counts: dict[str, dict[str, int]]
    parameters: dict[str, int]
    updates: dict[str, int]
    ended: str
    tokens: int
    padding: float
    seconds: float
    temperature: float
    threshold: float
    calibrated_on: str
    validation: HeldOut
    test: HeldOut | None
    domain_weights: dict[str, float]
    versions: dict[str, str]


def train_prm(config: TrainingConfig, out: Path | str, watch: Watch | None = None) -> TrainingResult:
    """Train a process reward model, or go on with one that was stopped.

    A training that was stopped at any moment goes on from its last state and ends with the weights that it would have had. One that is done is not done again.

    Args:
        config: what to do.
        out: folder of the checkpoint.
        watch: is told after every update.

    Raises:
        OptionError: settings or data that cannot be honoured, or a folder that holds something else.
        CheckpointError: the model cannot be loaded.
    """
    out = Path(out)
    device = choose_device(config.run.device)
    data = load(config.data.files, config.data, config.loss.tree_margin)
    held_out = load(config.data.validation_files, config.data) if config.data.validation_files else None
    key = _key(config, data, held_out)
    done = _finished(out, key)
    if done is not None:
        return done
    parts = split(data, config.data, config.run.seed, held_out)
    train, meta = _meta_part(parts.train, config)
    folder = out / "training"
    folder.mkdir(parents=True, exist_ok=True)
    dtype = precision_of(config.run.precision, torch.device(device))
    with quiet():
        model = build_model(config.model, texts(train), config.run.seed, device, dtype, folder / "tokenizer")
    encoder = Encoder(model.family, model.tokenizer, model.max_context)
    examiner = Examiner(parts.validation, encoder, config.run.batch_tokens)
    trainer = Trainer(config, model, train, meta, examiner, folder, key)
    progress = trainer.run(watch or _nobody)
    counts = {name: _counts(part) for name, part in (("train", train), ("validation", parts.validation), ("test", parts.test), ("meta", meta))}
    counts["did not fit into the context"] = trainer.left_out
    result = _result(config, key, model, trainer, parts, counts, progress)
    result = msgspec.structs.replace(result, sources=list(data.sources), validation_sources=list(held_out.sources) if held_out is not None else [])
    _write(out, model, result)
    shutil.rmtree(folder)
    return result


def _result(
    config: TrainingConfig, key: str, model: StepModel, trainer: Trainer, parts: Split, counts: dict[str, dict[str, int]], progress: state.Progress
) -> TrainingResult:
    """Calibrated on the validation problems, and measured on both."""
    said = trainer.examiner.ask(model, trainer.dtype)
    labelled = any(len(target) for target in said.targets)
    temperature = fitted_temperature(*_finite(said)) if labelled else 1.0
    threshold = fitted_threshold(*_finite(said), temperature) if labelled else 0.5
    test: HeldOut | None = None
    if parts.test.chains or parts.test.pairs:
        asked = Examiner(parts.test, Encoder(model.family, model.tokenizer, model.max_context), config.run.batch_tokens).ask(model, trainer.dtype)
        test = figures(asked, threshold, temperature)
    weights = [round(float(weight), 4) for weight in torch.tensor(progress.log_weights).exp()]
    return TrainingResult(
        key=key,
        config=cast("dict[str, Any]", msgspec.json.decode(msgspec.json.encode(config))),
        sources=[],
        validation_sources=[],
        counts=counts,
        parameters={"all": model.parameter_count(), "trained": sum(weight.numel() for weight in trainer.weights.values())},
        updates={"made": progress.update, "kept": progress.best_update},
        ended=progress.ended,
        tokens=progress.tokens,
        padding=1.0 - progress.tokens / progress.padded,
        seconds=round(progress.seconds, 1),
        temperature=temperature,
        threshold=threshold,
        calibrated_on="the validation problems" if labelled else "",
        validation=figures(said, threshold, temperature),
        test=test,
        domain_weights=dict(zip(trainer.domains, weights, strict=True)) if config.loss.learn_domain_weights else {},
        versions={"prm_gym": VERSION, **package_versions(("torch", "transformers", "tokenizers", "peft", "numpy"))},
    )


def _finite(said: Any) -> tuple[list[Any], list[Any]]:
    return [torch.tensor(z).nan_to_num().numpy() for z in said.logits], said.targets


def _write(out: Path, model: StepModel, result: TrainingResult) -> None:
    """The checkpoint: weights, card, and last what makes it one."""
    with quiet():
        model.save(out)
    plain: Any = msgspec.json.decode(msgspec.json.encode(result))  # what is no number becomes null, which JSON knows
    settings = msgspec.structs.replace(
        model.settings, temperature=result.temperature, threshold=result.threshold, max_context=model.max_context, training=cast("dict[str, Any]", plain)
    )
    (out / "README.md").write_text(card(result, settings), encoding="utf-8")
    write_settings(out, settings)


def _finished(out: Path, key: str) -> TrainingResult | None:
    """What a finished training of these settings gave.

    Raises:
        OptionError: the folder holds another checkpoint.
    """
    if out.exists() and not out.is_dir():
        raise OptionError(f"{out} is a file; the checkpoint is a folder")
    if not (out / SETTINGS_FILE).is_file():
        if not (out / "training").is_dir() and any((out / name).exists() for name in ("config.json", "adapter_config.json")):
            raise OptionError(f"{out} holds another model, which would be written over; choose another folder")
        return None
    settings = read_settings(out)
    if settings is None or settings.training.get("key") != key:
        raise OptionError(f"{out} holds a checkpoint of another training (other settings or data); choose another folder")
    stored = dict(settings.training)
    for part in ("validation", "test"):
        if isinstance(stored.get(part), dict):  # where nothing had a label, JSON has null for what is no number
            stored[part] = {name: math.nan if value is None and name in _NUMBERS else value for name, value in stored[part].items()}
    try:
        result = msgspec.convert(stored, TrainingResult, strict=False)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{out / SETTINGS_FILE} does not say what its training gave: {error}") from error
    shutil.rmtree(out / "training", ignore_errors=True)  # of a process that was killed between the last two lines of `train_prm`
    return result


def _key(config: TrainingConfig, data: Data, held_out: Data | None) -> str:
    """Of everything that the weights depend on: of files their content and not their names, and not of the device, nor of how often states are saved."""
    plain: Any = msgspec.to_builtins(config)
    plain["command"] = ""
    plain["data"] |= {"files": [], "validation_files": []}
    plain["run"] |= {"device": "", "save_every": 0}
    hashes = [source.sha256 for source in (*data.sources, *(held_out.sources if held_out is not None else ()))]
    base = [fingerprint(Path(config.model.path))] if config.model.path and Path(config.model.path).is_dir() else []
    return content_key(msgspec.json.encode(plain, order="sorted").decode(), *hashes, *base)


def _meta_part(train: Data, config: TrainingConfig) -> tuple[Data, Data]:
    """The training problems without those that serve as meta problems, and these."""
    if not config.loss.learn_domain_weights:
        return train, Data(chains=())
    options = msgspec.structs.replace(config.data, validation_share=config.loss.meta_share, test_share=0.0)
    parts = split(train, options, config.run.seed + 1)
    return parts.train, parts.validation


def _counts(data: Data) -> dict[str, int]:
    labels = Counter("right" if label >= 0.5 else "wrong" for each in data.chains for label in each.labels if label is not None)
    problems = {problem_key(each.chain) for each in data.chains} | {problem_key(pair.chosen) for pair in data.pairs}
    return {"problems": len(problems), "chains": len(data.chains), "right steps": labels["right"], "wrong steps": labels["wrong"], "pairs": len(data.pairs)}


def _nobody(_notice: Notice) -> None:
    """Tell nobody."""
