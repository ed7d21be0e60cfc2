"""Checkpoints of a policy: a folder that Hugging Face's loaders take too, and that is whole at any moment.

The weights are one file, whose header names the folder with what learning needs (optimiser, value head, reference); so both change in the one step in which the
file takes the place of the one before. Nothing in it is executed when it is read.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from prm_gym._version import VERSION
from prm_gym.errors import CheckpointError, MissingExtraError
from prm_gym.lm.libraries import library, quiet
from prm_gym.lm.tensor_files import read_tensors, write_tensors

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

FORMAT = 1


class Learning(Protocol):
    """What a checkpoint holds beside weights and tokenizer."""

    def save(self, directory: Path) -> None:
        """Write it."""
        ...


class Stored(NamedTuple):
    """What a checkpoint says beside the weights.

    Attributes:
        tokenizer: of Hugging Face.
        learner: folder of what learning needs; None where nothing had been learned.
        state: JSON, as it was given to `save`.
    """

    tokenizer: Any
    learner: Path | None
    state: dict[str, Any]


def save(directory: Path, model: Any, tokenizer: Any, learner: Learning | None, state: Mapping[str, Any]) -> None:
    """Write a checkpoint over the one before.

    Args:
        directory: made if need be.
        model: of Hugging Face, or of PEFT around one: then its adapters alone are written.
        tokenizer: of Hugging Face.
        learner: what has been learned with, if anything has.
        state: JSON values.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _write_settings(directory, model, tokenizer)
    name = f"learner-{secrets.token_hex(4)}" if learner is not None else ""
    if learner is not None:
        learner.save(directory / name)
    said = {"format": FORMAT, "version": VERSION, "learner": name, "state": dict(state)}
    write_tensors(directory / _file_of(model), weights_of(model), {"format": "pt", "prm_gym": json.dumps(said, default=str)})
    for other in directory.glob("learner-*"):
        if other.name != name:
            shutil.rmtree(other)


def load(directory: Path, model: Any) -> Stored:
    """Put weights back into a model.

    Raises:
        CheckpointError: it is of another model or another version, or cannot be read.
    """
    path = directory / _file_of(model)
    if not path.is_file():
        raise CheckpointError(
            f"{directory} holds no {path.name}: it is no checkpoint of this kind of policy ({'with' if _adapted(model) else 'without'} adapters)"
        )
    tensors, header = read_tensors(path)
    try:
        said: dict[str, Any] = json.loads(header.get("prm_gym", "{}"))
    except ValueError as error:
        raise CheckpointError(f"{path}: its header cannot be read: {error}") from error
    if said.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} was written by prm_gym {said.get('version', '(unknown)')} in the format {said.get('format')!r}; this version ({VERSION}) reads {FORMAT}. "
            "Its weights alone can be loaded: name the folder as the agent's argument"
        )
    put(model, tensors, str(path))
    with quiet():
        tokenizer = library("transformers").AutoTokenizer.from_pretrained(directory, local_files_only=True)
    return Stored(tokenizer, directory / said["learner"] if said["learner"] else None, said["state"])


def _adapted(model: Any) -> bool:
    return hasattr(model, "peft_config")


def _file_of(model: Any) -> str:
    return "adapter_model.safetensors" if _adapted(model) else "model.safetensors"


def weights_of(model: Any) -> dict[str, Tensor]:
    """What is trained of a model (its adapters, where it has any), by the names that Hugging Face's and PEFT's loaders know; tied weights once."""
    if _adapted(model):
        named: dict[str, Tensor] = library("peft").get_peft_model_state_dict(model, save_embedding_layers=False)
    else:
        named = model.state_dict()
    found: dict[str, Tensor] = {}
    places: set[tuple[int, torch.Size]] = set()
    for name, value in named.items():
        place = (value.data_ptr(), value.shape)
        if place not in places:
            found[name] = value
            places.add(place)
    return found


def put(model: Any, tensors: Mapping[str, Tensor], source: str) -> None:
    """Put back what `weights_of` gave.

    Raises:
        CheckpointError: it is of another model.
    """
    wanted = weights_of(model)
    odd = sorted({*wanted.keys() ^ tensors.keys(), *(name for name in wanted.keys() & tensors.keys() if wanted[name].shape != tensors[name].shape)})
    if odd:
        raise CheckpointError(f"{source} is of another model: {', '.join(odd[:3])}{' and others' if len(odd) > 3 else ''} do not fit")
    if _adapted(model):
        library("peft").set_peft_model_state_dict(model, dict(tensors))
    else:
        with torch.no_grad():
            for name, value in wanted.items():
                value.copy_(tensors[name])


def _write_settings(directory: Path, model: Any, tokenizer: Any) -> None:
    """Configuration and tokenizer, each file in one step; a policy writes the same ones every time."""
    temporary = directory / f"settings-{secrets.token_hex(4)}.tmp"
    with quiet():
        tokenizer.save_pretrained(temporary)
        if _adapted(model):
            model.peft_config["default"].save_pretrained(temporary)
        else:
            model.config.architectures = [type(model).__name__]
            model.config.save_pretrained(temporary)
            model.generation_config.save_pretrained(temporary)
    for path in temporary.iterdir():
        path.replace(directory / path.name)
    temporary.rmdir()
