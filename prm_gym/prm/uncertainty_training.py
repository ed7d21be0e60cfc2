"""Training of an uncertainty head: the frozen model reads every chain once, then the head learns in seconds."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np

from prm_gym._version import VERSION
from prm_gym.errors import MissingExtraError, OptionError
from prm_gym.prm.implicit.encoding import SEPARATOR, ChainEncoder, Template
from prm_gym.prm.implicit.loading import Device, Precision, load_model, load_tokenizer, mark_of
from prm_gym.prm.implicit.logprobs import CausalModel
from prm_gym.prm.implicit.training import area_under_curve
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.uncertainty import HeadSettings, StepFeatures, Target, UncertaintyHead, save_head

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


class HeadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a head learns.

    Attributes:
        target: "step": the step labels, hard or soft; "outcome": the outcome of the whole, after every step and before the first.
        layers: whose hidden states are read; the middle one and the last unless given.
        width: of the layer between, >= 1.
        epochs: passes over the steps at the most, >= 1; the weights of the best one on held-out problems are kept.
        batch: steps in a gradient step, >= 1.
        learning_rate: of AdamW, > 0.
        weight_decay: of AdamW, >= 0.
        validation: share of the problems that is held out, in (0, 1).
        template: how chains are written.
        separator: stands after every step.
        seed: of the split, the first weights and the order.
    """

    target: Target = "step"
    layers: tuple[int, ...] = ()
    width: int = 128
    epochs: int = 60
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    validation: float = 0.2
    template: Template = "auto"
    separator: str = SEPARATOR
    seed: int = 0

    def __post_init__(self) -> None:
        if self.target not in ("step", "outcome"):
            raise OptionError(f"target is 'step' or 'outcome', got {self.target!r}")
        for name in ("width", "epochs", "batch"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is at least 1, got {getattr(self, name)!r}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0.0 and self.weight_decay >= 0.0 and 0.0 < self.validation < 1.0):
            raise OptionError("learning_rate is positive, weight_decay is not negative, and validation lies in (0, 1)")


class HeadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a training.

    Attributes:
        path: of the head.
        parameters: of the head.
        rows: steps (and beginnings, under "outcome") learnt from.
        held_out: likewise of the problems that were held out.
        left_out: steps without a label, and steps that do not fit the model.
        validation: loss in nats, AUC, and the loss of the constant that is right on average; of the weights that were kept.
    """

    path: str
    parameters: int
    rows: int
    held_out: int
    left_out: int
    validation: dict[str, float]


def train_head(
    chains: Sequence[LabelledChain],
    model: str,
    out: str | Path,
    options: HeadOptions | None = None,
    *,
    device: Device = "auto",
    dtype: Precision = "auto",
    batch_tokens: int | None = None,
    trust_remote_code: bool = False,
) -> HeadReport:
    """Train a head over a frozen causal language model, and write it for `confidence:OUT`.

    Args:
        chains: with step labels, or outcomes.
        model: path or name of the frozen model.
        out: file of safetensors, or folder.
        options: see `HeadOptions`.
        device: "auto" for CUDA where there is one.
        dtype: of the frozen model.
        batch_tokens: tokens of a padded batch.
        trust_remote_code: run the code that a checkpoint brings.

    Raises:
        OptionError: there is nothing to learn from, or an option cannot be honoured.
        CheckpointError: the model cannot be loaded.
    """
    chosen = options or HeadOptions()
    causal = CausalModel(load_model(model, device, dtype, trust_remote_code=trust_remote_code))
    encoder = ChainEncoder(load_tokenizer(model, trust_remote_code=trust_remote_code), chosen.template, chosen.separator)
    layers = chosen.layers or tuple(sorted({max(1, causal.layers // 2), causal.layers}))
    settings = HeadSettings(
        model=str(Path(model).resolve()) if Path(model).is_dir() else model,
        mark=mark_of(model),
        layers=layers,
        hidden=causal.width,
        width=chosen.width,
        target=chosen.target,
        template=encoder.template,
        separator=chosen.separator,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(chosen.seed)
        head = UncertaintyHead(settings.features, chosen.width)
    rows, targets, groups, left_out = _rows(chains, StepFeatures(causal, encoder, layers, batch_tokens), chosen.target)
    held = _held_out(groups, chosen)
    if not bool((~held).any()) or not bool(held.any()) or float(targets.min()) == float(targets.max()):
        raise OptionError(f"there is nothing to learn from: {len(targets)} labelled steps of {len(set(groups))} problems, all alike or of one problem")
    validation = _learn(head, rows, targets, held, chosen)
    training = {"options": msgspec.to_builtins(chosen), "chains": len(chains), "rows": int((~held).sum()), "validation": validation, "library": VERSION}
    file = save_head(out, head, msgspec.structs.replace(settings, training=training))
    parameters = sum(weight.numel() for weight in head.parameters())
    return HeadReport(path=str(file), parameters=parameters, rows=int((~held).sum()), held_out=int(held.sum()), left_out=left_out, validation=validation)


def _rows(chains: Sequence[LabelledChain], reader: StepFeatures, target: Target) -> tuple[Tensor, Tensor, list[int], int]:
    """Features [N, F], targets [N], problem of each, and how many steps were left out; on the CPU."""
    problems = {problem: at for at, problem in enumerate(dict.fromkeys(one.chain.problem for one in chains))}
    rows: list[Tensor] = []
    targets: list[float] = []
    groups: list[int] = []
    left_out = 0
    for labelled, (opening, steps, _) in zip(chains, reader.read([one.chain for one in chains]), strict=True):
        outcome = None if labelled.outcome is None else float(labelled.outcome)
        labels = list(labelled.labels) if target == "step" else [outcome] * (len(steps) + 1)
        for row, label in zip(steps if target == "step" else [opening, *steps], labels, strict=True):
            if row is None or label is None:
                left_out += 1
                continue
            rows.append(row.cpu())
            targets.append(label)
            groups.append(problems[labelled.chain.problem])
    if not rows:
        raise OptionError(f"there is nothing to learn from: none of {left_out} steps has a label and fits the model")
    return torch.stack(rows), torch.tensor(targets), groups, left_out


def _held_out(groups: Sequence[int], options: HeadOptions) -> Tensor:
    """[N] bool, of held-out problems."""
    problems = sorted(set(groups))
    order = np.random.default_rng(options.seed).permutation(len(problems))
    chosen = {problems[int(at)] for at in order[: max(1, round(options.validation * len(problems)))]}
    return torch.tensor([group in chosen for group in groups])


def _learn(head: UncertaintyHead, rows: Tensor, targets: Tensor, held: Tensor, options: HeadOptions) -> dict[str, float]:
    """Train on the rows that are not held out; the best weights stay."""
    features, labels = rows[~held], targets[~held]
    head.mean.copy_(features.mean(dim=0))
    head.spread.copy_(features.std(dim=0, unbiased=False).clamp(min=1e-3))
    optimizer = torch.optim.AdamW(head.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    generator = torch.Generator().manual_seed(options.seed)
    best: tuple[float, dict[str, Tensor]] = (math.inf, {})
    for _ in range(options.epochs):
        order = torch.randperm(len(labels), generator=generator)
        for start in range(0, len(order), options.batch):
            part = order[start : start + options.batch]
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.binary_cross_entropy_with_logits(head(features[part]), labels[part])
            cast("Any", loss).backward()
            optimizer.step()
        with torch.no_grad():
            loss = float(nn.functional.binary_cross_entropy_with_logits(head(rows[held]), targets[held]))
        if loss < best[0]:
            best = (loss, {name: weight.clone() for name, weight in head.state_dict().items()})
    if best[1]:
        head.load_state_dict(best[1])
    with torch.no_grad():
        scores = head(rows[held])
    share = labels.mean().clamp(1e-6, 1.0 - 1e-6)
    constant = float(nn.functional.binary_cross_entropy(share.expand_as(targets[held]), targets[held]))
    found = {"loss": best[0], "auc": area_under_curve(scores.numpy(), targets[held].numpy() >= 0.5), "constant_loss": constant}
    return {name: value for name, value in found.items() if math.isfinite(value)}
