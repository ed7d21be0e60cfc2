"""Offline training of an implicit reward, from chains of which only the outcome is known, to a checkpoint.

The reference is the model that training begins from: its log-probabilities are taken once, before the first step, and one model is in memory from then on.
"""

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from prm_gym._version import VERSION
from prm_gym.errors import CheckpointError, MissingExtraError, OptionError
from prm_gym.lm.libraries import library, quiet
from prm_gym.lm.recomputing import recompute_activations
from prm_gym.prm.implicit.card import TrainingReport, model_card
from prm_gym.prm.implicit.encoding import SEPARATOR, ChainEncoder, Template
from prm_gym.prm.implicit.learner import Example, ImplicitLearner, LearningOptions
from prm_gym.prm.implicit.loading import Device, ImplicitSettings, calm, load_model, load_tokenizer, write_settings
from prm_gym.prm.implicit.logprobs import CausalModel
from prm_gym.prm.implicit.objectives import loss_of
from prm_gym.prm.labelled import LabelledChain
from prm_gym.task import content_key

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

STATE_FILE, LOG_FILE, CARD_FILE = "training_state.pt", "metrics.jsonl", "README.md"


class TrainingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How offline training goes.

    Attributes:
        learning: objective and optimiser.
        epochs: passes over the trajectories, >= 1.
        batch_chains: trajectories in a gradient step, >= 1; under "dpo" problems are put together until there are as many.
        warmup: share of the steps in which the learning rate grows to its full size; it falls to a tenth along a cosine afterwards. In [0, 1).
        validation: share of the problems that is held out, in [0, 1). With some, the weights of the epoch with the lowest held-out loss are kept.
        lora_rank: of the adapter; 0 to train all weights.
        template: how chains are written.
        separator: stands after every step.
        max_tokens: longer chains are left out, and counted; 0 for the model's context.
        gradient_checkpointing: compute activations again instead of keeping them.
        keep_reference: write the reference beside the model, so that the checkpoint stands alone.
        checkpoint_every: gradient steps between two states that an interrupted run goes on from, >= 1.
        seed: of the split and the order.
    """

    learning: LearningOptions = LearningOptions()
    epochs: int = 1
    batch_chains: int = 64
    warmup: float = 0.03
    validation: float = 0.1
    lora_rank: int = 0
    template: Template = "auto"
    separator: str = SEPARATOR
    max_tokens: int = 0
    gradient_checkpointing: bool = False
    keep_reference: bool = False
    checkpoint_every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_chains", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is at least 1, got {getattr(self, name)!r}")
        for name in ("warmup", "validation"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise OptionError(f"{name} lies in [0, 1), got {getattr(self, name)!r}")
        if self.lora_rank < 0 or self.max_tokens < 0:
            raise OptionError("lora_rank and max_tokens are not negative")


@dataclass(frozen=True, slots=True)
class _Data:
    train: list[Example]
    held_out: list[Example]
    left_out: dict[str, int]


def train_implicit(
    chains: Sequence[LabelledChain],
    model: str,
    out: str | Path,
    options: TrainingOptions | None = None,
    *,
    device: Device = "auto",
    trust_remote_code: bool = False,
    on_metrics: Callable[[dict[str, Any]], None] | None = None,
) -> TrainingReport:
    """Train an implicit reward from outcomes, and write a checkpoint that `implicit:OUT` scores with.

    An interrupted run goes on where it was when it is called again with the same arguments: same weights as without the interruption.

    Args:
        chains: with outcomes; their step labels are not looked at.
        model: path or name of the causal language model to begin from, which is also the reference.
        out: folder of the checkpoint: weights or adapter, tokenizer, `prm_gym_implicit.json`, README.md, metrics.jsonl.
        options: see `TrainingOptions`.
        device: "auto" for CUDA where there is one.
        trust_remote_code: run the code that a checkpoint brings.
        on_metrics: called with every row of metrics.jsonl.

    Raises:
        OptionError: there is nothing to learn from, or an option cannot be honoured.
        CheckpointError: the model cannot be loaded, or `out` holds another training.
    """
    chosen = options or TrainingOptions()
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    if Path(model).is_dir() and Path(model).samefile(folder):
        raise OptionError(f"out is the folder of the model itself, {folder}: it is the reference, and would be written over")
    tokenizer = load_tokenizer(model, trust_remote_code=trust_remote_code)
    loaded = CausalModel(_prepared(load_model(model, device, "float32", trust_remote_code=trust_remote_code), chosen))
    learner = ImplicitLearner(loaded, chosen.learning)
    encoder = ChainEncoder(tokenizer, chosen.template, chosen.separator)
    data = _examples(chains, encoder, learner, chosen)
    if not data.train or (len({example.outcome for example in data.train}) < 2):
        raise OptionError(f"there is nothing to learn from: {len(data.train)} trajectories of one outcome (left out: {data.left_out or 'none'})")
    run = _Run(folder, learner, data, chosen, _key(chains, model, chosen), on_metrics or (lambda _: None))
    run.go()
    settings = ImplicitSettings(
        reference=_reference_name(model, folder, chosen, tokenizer),
        beta=chosen.learning.beta,
        template=encoder.template,
        separator=chosen.separator,
        training={"model": model, "options": msgspec.to_builtins(chosen), "data": _provenance(chains), "validation": run.best, "library": VERSION},
    )
    with quiet(), calm():
        loaded.model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    write_settings(folder, settings)
    report = TrainingReport(
        out=str(folder),
        trajectories=len(data.train),
        held_out=len(data.held_out),
        left_out=data.left_out,
        steps=learner.steps,
        tokens=run.tokens,
        validation=run.best,
    )
    (folder / CARD_FILE).write_text(model_card(settings, report), encoding="utf-8")
    (folder / STATE_FILE).unlink(missing_ok=True)
    return report


class _Run:
    """The loop over the batches, which can be left and taken up at any step."""

    def __init__(
        self, folder: Path, learner: ImplicitLearner, data: _Data, options: TrainingOptions, key: str, on_metrics: Callable[[dict[str, Any]], None]
    ) -> None:
        self.folder, self.learner, self.data, self.options, self.key, self.on_metrics = folder, learner, data, options, key, on_metrics
        self.tokens = 0
        self.best: dict[str, float] = {}
        self._kept: dict[str, Any] | None = None
        epochs = [_order(data.train, options, epoch) for epoch in range(options.epochs)]
        self._plan = [(epoch, batch) for epoch, batches_of in enumerate(epochs) for batch in batches_of]
        self._ends = {sum(map(len, epochs[: epoch + 1])) for epoch in range(options.epochs)}

    def go(self) -> None:
        """Train to the end, and put back the weights of the best epoch."""
        at = self._take_up()
        total = len(self._plan)
        while at < total:
            epoch, batch = self._plan[at]
            learned = self.learner.step([self.data.train[index] for index in batch], _rate(at, total, self.options.warmup))
            at += 1
            self.tokens += learned.tokens
            self._log({"step": at, "epoch": epoch, **{name: _plain(value) for name, value in msgspec.to_builtins(learned).items()}})
            if at in self._ends:
                self._evaluate(at, epoch)
            if at % self.options.checkpoint_every == 0 or at in self._ends:
                self._save(at)
        if self._kept is not None:
            self.learner.put(self._kept)

    def _evaluate(self, at: int, epoch: int) -> None:
        if not self.data.held_out:
            return
        found = held_out_metrics(self.learner, self.data.held_out)
        self._log({"step": at, "epoch": epoch, "held_out": {name: _plain(value) for name, value in found.items()}})
        if not self.best or found["loss"] < self.best["loss"]:
            self.best = {name: value for name, value in found.items() if math.isfinite(value)}
            self._kept = self.learner.weights()

    def _save(self, at: int) -> None:
        temporary = self.folder / f"{STATE_FILE}.{os.getpid()}.tmp"
        state = {"key": self.key, "at": at, "tokens": self.tokens, "best": self.best, "kept": self._kept, "learner": self.learner.state()}
        torch.save(state, temporary)
        temporary.replace(self.folder / STATE_FILE)

    def _take_up(self) -> int:
        file = self.folder / STATE_FILE
        if not file.is_file():
            (self.folder / LOG_FILE).unlink(missing_ok=True)
            return 0
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises what it likes on a broken file
            raise CheckpointError(f"{file} cannot be read: {error}. Remove it to begin anew.") from error
        if state["key"] != self.key:
            raise CheckpointError(
                f"{self.folder} holds the beginning of another training (other data, model or options); remove {file} or choose another folder"
            )
        self.learner.restore(state["learner"])
        self.tokens, self.best, self._kept = state["tokens"], state["best"], state["kept"]
        lines = [line for line in (self.folder / LOG_FILE).read_text(encoding="utf-8").splitlines() if line and _step_of(line) <= state["at"]]
        (self.folder / LOG_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return int(state["at"])

    def _log(self, row: dict[str, Any]) -> None:
        with (self.folder / LOG_FILE).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        self.on_metrics(row)


def held_out_metrics(learner: ImplicitLearner, examples: Sequence[Example]) -> dict[str, float]:
    """Loss, accuracy of the sign, and AUC of the outcome, over trajectories that were not learnt from; AUC is NaN where all outcomes are on one side."""
    scores = learner.scores(examples)
    outcomes = torch.tensor([example.outcome for example in examples])
    groups = torch.tensor([example.group for example in examples])
    loss = float(loss_of(learner.options.objective, scores, outcomes, groups))
    right = outcomes >= 0.5
    return {"loss": loss, "accuracy": float(((scores > 0) == right).float().mean()), "auc": area_under_curve(scores.numpy(), right.numpy())}


def area_under_curve(scores: Any, positive: Any) -> float:
    """P(a positive scores above a negative), ties counted one half; NaN where one of them is missing.

    Args:
        scores: [N] numbers.
        positive: [N] bool.
    """
    values, mask = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=np.bool_)
    count, other = int(mask.sum()), int((~mask).sum())
    if not count or not other:
        return math.nan
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[mask].sum() - count * (count + 1) / 2.0) / (count * other))


def _prepared(model: Any, options: TrainingOptions) -> Any:
    """The model with what may learn: an adapter, or everything."""
    if options.lora_rank:
        peft: Any = library("peft")
        config = peft.LoraConfig(r=options.lora_rank, lora_alpha=2 * options.lora_rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
        with calm(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)  # peft draws the first weights of an adapter from the global generator
            model = peft.get_peft_model(model, config)
    else:
        model.requires_grad_(True)
    if options.gradient_checkpointing:
        recompute_activations(model.get_base_model() if options.lora_rank else model)
        model.train()
        for layer in model.modules():
            if isinstance(layer, torch.nn.Dropout):
                layer.p = 0.0
    return model


def _examples(chains: Sequence[LabelledChain], encoder: ChainEncoder, learner: ImplicitLearner, options: TrainingOptions) -> _Data:
    longest = options.max_tokens or learner.model.longest
    left_out: dict[str, int] = {}
    used: list[tuple[LabelledChain, Any]] = []
    for labelled in chains:
        tokens = encoder.encode(labelled.chain)
        reason = (
            "no outcome" if labelled.outcome is None else "no step" if not tokens.spans else f"over {longest} tokens" if len(tokens.token_ids) > longest else ""
        )
        if reason:
            left_out[reason] = left_out.get(reason, 0) + 1
        else:
            used.append((labelled, tokens))
    problems = {problem: at for at, problem in enumerate(dict.fromkeys(labelled.chain.problem for labelled, _ in used))}
    reference = learner.reference_sums([tokens for _, tokens in used])
    examples = [
        Example(tokens, float(bool(labelled.outcome)), problems[labelled.chain.problem], sums) for (labelled, tokens), sums in zip(used, reference, strict=True)
    ]
    order = np.random.default_rng(options.seed).permutation(len(problems))
    held = set(order[: round(options.validation * len(problems))].tolist())
    return _Data([example for example in examples if example.group not in held], [example for example in examples if example.group in held], left_out)


def _order(examples: Sequence[Example], options: TrainingOptions, epoch: int) -> list[list[int]]:
    """The batches of an epoch: trajectories in random order, or whole problems under "dpo" (those with both outcomes)."""
    rng = np.random.default_rng([options.seed, epoch])
    if options.learning.objective == "cross-entropy":
        order = rng.permutation(len(examples)).tolist()
        return [order[start : start + options.batch_chains] for start in range(0, len(order), options.batch_chains)]
    groups: dict[int, list[int]] = {}
    for at, example in enumerate(examples):
        groups.setdefault(example.group, []).append(at)
    mixed = [own for own in groups.values() if len({examples[at].outcome for at in own}) > 1]
    found: list[list[int]] = []
    batch: list[int] = []
    for place in rng.permutation(len(mixed)):
        batch = [*batch, *mixed[int(place)]]
        if len(batch) >= options.batch_chains:
            found.append(batch)
            batch = []
    return [*found, batch] if batch else found


def _rate(at: int, total: int, warmup: float) -> float:
    """Share of the learning rate at a step: up along a line, then down to a tenth along a cosine."""
    rising = max(1, round(warmup * total))
    if at < rising:
        return (at + 1) / rising
    return 0.1 + 0.45 * (1.0 + math.cos(math.pi * (at - rising) / max(1, total - rising)))


def _reference_name(model: str, folder: Path, options: TrainingOptions, tokenizer: Any) -> str:
    """How the checkpoint names its reference: the folder beside it, where the model lies, or nothing for the base of an adapter."""
    if options.lora_rank:
        return ""
    if options.keep_reference:
        with quiet():
            load_model(model, "cpu", "float32").save_pretrained(folder / "reference")
            tokenizer.save_pretrained(folder / "reference")
        return "reference"
    return str(Path(model).resolve()) if Path(model).is_dir() else model


def _provenance(chains: Sequence[LabelledChain]) -> dict[str, Any]:
    sources: dict[str, int] = {}
    for labelled in chains:
        sources[labelled.source or "?"] = sources.get(labelled.source or "?", 0) + 1
    outcomes = [labelled.outcome for labelled in chains]
    counts = {"right": outcomes.count(True), "wrong": outcomes.count(False), "unknown": outcomes.count(None)}
    return {"trajectories": len(chains), "outcomes": counts, "sources": sources, "key": _key_of_data(chains)}


def _key_of_data(chains: Iterable[LabelledChain]) -> str:
    return content_key(*(f"{labelled.outcome} {labelled.chain.problem} {labelled.chain.texts}" for labelled in chains))


def _key(chains: Sequence[LabelledChain], model: str, options: TrainingOptions) -> str:
    return content_key(_key_of_data(chains), model, msgspec.json.encode(options).decode())


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf
