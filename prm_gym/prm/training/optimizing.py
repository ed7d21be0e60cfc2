"""The optimiser, the course of its rate, and one update."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from prm_gym.prm.training.batching import Batch
from prm_gym.prm.training.config import Schedule, TrainingConfig
from prm_gym.prm.training.losses import preference_loss, step_loss, text_loss
from prm_gym.prm.training.models import StepModel


class OnDevice(NamedTuple):
    """A batch where the model is; see `Batch`."""

    ids: Tensor
    rows: Tensor
    columns: Tensor
    targets: Tensor
    weights: Tensor
    domains: Tensor
    pairs: Tensor
    text: Tensor


def on_device(batch: Batch, device: torch.device) -> OnDevice:
    """The batch on a device; copied from pinned memory, so that the copy waits for nothing, where that is CUDA."""
    arrays = (batch.ids, batch.rows, batch.columns, batch.targets.astype("float32"), batch.weights.astype("float32"), batch.domains, batch.pairs, batch.text)
    tensors = [torch.from_numpy(array) for array in arrays]
    if device.type == "cuda":
        tensors = [tensor.pin_memory().to(device, non_blocking=True) for tensor in tensors]
    return OnDevice(*tensors)


def rate_at(update: int, total: int, warmup: float, schedule: Schedule) -> float:
    """Factor of the learning rate in an update: it rises in a straight line, then falls to a tenth (cosine), to 0 (linear), or stays.

    >>> [round(rate_at(update, 10, 0.2, "linear"), 3) for update in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]

    Args:
        update: from 0.
        total: updates.
        warmup: share of them in which it rises.
        schedule: how it falls.
    """
    rising = round(warmup * total)
    if update < rising:
        return (update + 1) / rising
    done = (update - rising) / max(1, total - rising)
    match schedule:
        case "cosine":
            return 0.1 + 0.45 * (1.0 + math.cos(math.pi * done))
        case "linear":
            return 1.0 - done
        case _:
            return 1.0


def make_optimizer(weights: Mapping[str, Tensor], config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; vectors (norms, biases) and rows of embeddings do not decay. Each group knows the places of its weights in the order of their names.

    Source: Loshchilov and Hutter 2019; betas (0.9, 0.95) as in the training of language models.
    """
    groups: dict[float, tuple[list[Tensor], list[int]]] = {config.run.weight_decay: ([], []), 0.0: ([], [])}
    for place, (name, weight) in enumerate(weights.items()):
        decays = weight.dim() >= 2 and "embed" not in name and "trainable_tokens" not in name
        parameters, places = groups[config.run.weight_decay if decays else 0.0]
        parameters.append(weight)
        places.append(place)
    listed = [{"params": parameters, "places": places, "weight_decay": decay} for decay, (parameters, places) in groups.items() if parameters]
    return torch.optim.AdamW(listed, lr=config.learning_rate, betas=(0.9, 0.95), fused=True)


class Counts(NamedTuple):
    """What the losses of an update are means over: steps that count, pairs, tokens to be predicted."""

    steps: float
    pairs: float
    text: float


def batch_loss(model: StepModel, batch: OnDevice, config: TrainingConfig, domain_weights: Tensor | None, counts: Counts) -> Tensor:
    """The loss of a batch as its share of that of an update.

        L = L_steps / N_steps + w_p L_pairs / N_pairs + w_t L_text / N_text

    Args:
        model: that is trained.
        batch: on the model's device.
        config: with bootstrap and the weights of pairs and text.
        domain_weights: [D] that were learned; None for none.
        counts: the N of all batches of the update.
    """
    hidden = model.hidden(batch.ids)
    logits = model.read(hidden[batch.rows, batch.columns])
    weights = batch.weights if domain_weights is None else batch.weights * domain_weights[batch.domains]
    loss = step_loss(logits, batch.targets, weights, config.loss.bootstrap) / max(1.0, counts.steps)
    if len(batch.pairs):
        better, worse = logits[batch.pairs[:, 0]], logits[batch.pairs[:, 1]]
        pulls = torch.ones_like(better) if domain_weights is None else domain_weights[batch.domains[batch.pairs[:, 0]]]
        loss = loss + config.loss.preference_weight * preference_loss(better, worse, pulls) / max(1.0, counts.pairs)
    if counts.text:
        rows, columns = batch.text.nonzero(as_tuple=True)
        loss = loss + config.text_weight * text_loss(hidden[rows, columns - 1], model.vocabulary, batch.ids[rows, columns]) / counts.text
    return loss


def counts_of(batches: Sequence[Batch]) -> Counts:
    """Of the batches of an update."""
    return Counts(*(float(sum(each)) for each in zip(*((int((one.weights > 0.0).sum()), len(one.pairs), int(one.text.sum())) for one in batches), strict=True)))
