"""The state of a training on disk: written in one step, so that a process that is killed at any moment goes on from a whole one.

One safetensors file holds weights, moments of the optimiser, random states, and in its header the rest as JSON. Nothing in it is executed when it is read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from prm_gym.errors import CheckpointError
from prm_gym.lm.tensor_files import read_header, read_tensors, write_tensors

STATE_FILE = "state.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Progress(msgspec.Struct, kw_only=True):
    """Where a training stands.

    Attributes:
        key: of its settings and data.
        update: updates that are done.
        tokens: that they have read, without padding.
        padded: with it.
        best_update: after which the best evaluation was made; -1 before the first.
        best_value: of it; lower is better.
        worse: evaluations since then.
        ended: why there are no more updates; empty while there are.
        log_weights: of the domains.
        seconds: processor time.
    """

    key: str
    update: int = 0
    tokens: int = 0
    padded: int = 0
    best_update: int = -1
    best_value: float = 0.0
    worse: int = 0
    ended: str = ""
    log_weights: list[float] = []
    seconds: float = 0.0


def save_state(directory: Path, progress: Progress, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Write the state over the one before.

    Args:
        directory: of the training.
        progress: where it stands.
        weights: that are trained, by name, in the order of the optimiser's.
        optimizer: AdamW over them.
    """
    tensors = {f"weight/{name}": weight for name, weight in weights.items()}
    for name, parameter in zip(weights, _parameters(optimizer), strict=True):
        for moment in MOMENTS:
            if moment in optimizer.state[parameter]:
                tensors[f"{moment}/{name}"] = optimizer.state[parameter][moment]
    tensors["random/cpu"] = torch.get_rng_state()
    device = next(iter(weights.values())).device
    if device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(device)
    write_tensors(directory / STATE_FILE, tensors, {"progress": msgspec.json.encode(progress).decode()})


def read_progress(directory: Path) -> Progress | None:
    """Where a training stands; None where none has been saved.

    Raises:
        CheckpointError: the file cannot be read.
    """
    path = directory / STATE_FILE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(read_header(path)["progress"], type=Progress)
    except (CheckpointError, KeyError, msgspec.DecodeError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); delete the folder {directory} to begin anew") from error


def load_state(directory: Path, weights: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> None:
    """Put back weights, moments and random states.

    Raises:
        CheckpointError: they are of another model.
    """
    tensors = read_tensors(directory / STATE_FILE).tensors
    stored = {name.removeprefix("weight/"): value for name, value in tensors.items() if name.startswith("weight/")}
    put_weights(weights, stored)
    for name, parameter in zip(weights, _parameters(optimizer), strict=True):
        found = {moment: tensors[f"{moment}/{name}"] for moment in MOMENTS if f"{moment}/{name}" in tensors}
        if found:
            optimizer.state[parameter] = {moment: value if moment == "step" else value.to(parameter.device) for moment, value in found.items()}
            if optimizer.defaults.get("fused"):
                optimizer.state[parameter]["step"] = found["step"].to(parameter.device)
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"], next(iter(weights.values())).device)


def put_weights(weights: Mapping[str, Tensor], stored: Mapping[str, Tensor]) -> None:
    """Copy stored weights into those of a model.

    Raises:
        CheckpointError: they are of another model.
    """
    if weights.keys() != stored.keys() or any(weights[name].shape != value.shape for name, value in stored.items()):
        raise CheckpointError("the stored weights are of another model; begin anew in another folder")
    with torch.no_grad():
        for name, value in stored.items():
            weights[name].copy_(value)


def best_file(directory: Path, update: int) -> Path:
    """Where the weights of the best evaluation stand."""
    return directory / f"best-{update:08}.safetensors"


def save_best(directory: Path, update: int, weights: Mapping[str, Tensor]) -> None:
    """Write the best weights; those before are deleted by `forget_others`, once a state that names the new ones is on disk."""
    write_tensors(best_file(directory, update), dict(weights), {})


def load_best(directory: Path, update: int, weights: Mapping[str, Tensor]) -> None:
    """Put the best weights back."""
    put_weights(weights, read_tensors(best_file(directory, update)).tensors)


def forget_others(directory: Path, update: int) -> None:
    """Delete the weights of other evaluations."""
    for path in directory.glob("best-*.safetensors"):
        if path != best_file(directory, update):
            path.unlink()


def _parameters(optimizer: torch.optim.Optimizer) -> list[Any]:
    """In the order in which the weights were named, whatever group they are in."""
    found = [(parameter, place) for group in optimizer.param_groups for parameter, place in zip(group["params"], group["places"], strict=True)]
    return [parameter for parameter, _ in sorted(found, key=lambda each: each[1])]
