"""Heads: what turns a hidden state at a position into the numbers that a family reads. They are read from the weights; no code of a checkpoint runs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prm_gym.errors import CheckpointError
from prm_gym.lm.libraries import library
from prm_gym.lm.vocabulary import logit_scale
from prm_gym.prm.family import Family
from prm_gym.prm.files import weight_files

PREFIXES = ("v_head.summary.", "v_head.", "score_head.", "score.", "classifier.")


class HeadModule(nn.Module):
    """A head in float32: hidden states [T, H] in, numbers [T, D] out."""

    def __init__(self, layers: nn.Module, scale: Callable[[Tensor], Tensor] | None = None) -> None:
        """Take the layers, and what the model does to its logits after them."""
        super().__init__()
        self.layers, self.scale = layers.float(), scale

    def forward(self, hidden: Tensor) -> Tensor:
        """The numbers at each position."""
        found = self.layers(hidden.float())
        return found if self.scale is None else self.scale(found)


def vocabulary_head(model: Any, rows: tuple[int, ...]) -> HeadModule:
    """The rows of a language model's last layer that a family reads: nothing else of the vocabulary is multiplied.

    Raises:
        CheckpointError: the model has no such layer, or not as many rows.
    """
    layer = model.get_output_embeddings()
    if layer is None or not hasattr(layer, "weight"):
        raise CheckpointError(f"{type(model).__name__} has no layer over the vocabulary")
    if max(rows) >= layer.weight.shape[0]:
        raise CheckpointError(f"the family reads row {max(rows)} of a vocabulary of {layer.weight.shape[0]}")
    bias = getattr(layer, "bias", None)
    return HeadModule(_linear(layer.weight[list(rows)], None if bias is None else bias[list(rows)]), logit_scale(model.config))


def classifier_head(model: Any) -> HeadModule:
    """The head of a token classifier.

    Raises:
        CheckpointError: it is no single layer.
    """
    layer = getattr(model, "score", None) or getattr(model, "classifier", None)
    if not isinstance(layer, nn.Linear):
        raise CheckpointError(f"the head of {type(model).__name__} is no linear layer")
    return HeadModule(_linear(layer.weight, layer.bias))


def stored_head(directory: Path) -> HeadModule:
    """A head that stands in the weights beside the backbone: one layer, or two with a ReLU between them.

    Raises:
        CheckpointError: there is none, or of another shape.
    """
    tensors = _tensors(directory, lambda name: name.startswith(PREFIXES))
    prefix = next((prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in tensors)), None)
    if prefix is None:
        raise CheckpointError(f"{directory} holds no head: no weight begins with {', '.join(PREFIXES)}")
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if set(found) <= {"weight", "bias"} and "weight" in found:
        return HeadModule(_linear(found["weight"], found.get("bias")))
    if {"0.weight", "2.weight"} <= set(found) <= {"0.weight", "0.bias", "2.weight", "2.bias"}:
        layers = (_linear(found["0.weight"], found.get("0.bias")), nn.ReLU(), _linear(found["2.weight"], found.get("2.bias")))
        return HeadModule(nn.Sequential(*layers))
    raise CheckpointError(f"{directory}: a head of the weights {sorted(prefix + name for name in found)} is of no shape that is known")


def check_width(head: HeadModule, family: Family, hidden: int) -> None:
    """Refuse a head of another width than the family reads, or of another model.

    Raises:
        CheckpointError: it is of another width.
    """
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
    took, gave = layers[0].in_features, layers[-1].out_features
    if (took, gave) != (hidden, family.outputs):
        raise CheckpointError(f"the head maps {took} numbers to {gave}; the family {family.id!r} needs one that maps the model's {hidden} to {family.outputs}")


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    if weight.dim() != 2 or (bias is not None and bias.shape != weight.shape[:1]) or not weight.is_floating_point():
        shapes = f"{list(weight.shape)} and a bias of {None if bias is None else list(bias.shape)}"
        raise CheckpointError(f"a layer of the head has weights of the shape {shapes} ({weight.dtype}); wanted are a matrix and a number for each of its rows")
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.detach().float().clone(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach().float().clone(), requires_grad=False)
    return layer


def _tensors(directory: Path, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """The weights of a checkpoint whose names are wanted, of safetensors or torch's own files."""
    found: dict[str, Tensor] = {}
    for path in weight_files(directory):
        if path.suffix == ".safetensors":
            with library("safetensors").safe_open(path, framework="pt") as file:
                found |= {name: file.get_tensor(name) for name in file.keys() if wanted(name)}  # noqa: SIM118 - it is no mapping
        else:
            try:
                weights = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except Exception as error:  # what an unpickler meets in a broken file
                raise CheckpointError(f"{path} cannot be read: {error}") from error
            found |= {name: tensor for name, tensor in weights.items() if wanted(name)}
    return {re.sub(r"^pretrained_model\.", "", name): tensor for name, tensor in found.items()}
