"""Tensors with a header in one file, written in one step: a process that is killed leaves the old file or the new one. Nothing in it is executed when read."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from prm_gym.errors import CheckpointError, MissingExtraError

try:
    import safetensors.torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("safetensors", "torch") from error

_open: Any = safetensors.safe_open  # its own annotations are partial
_save: Any = vars(safetensors.torch)["save_file"]
_pack: Any = vars(safetensors.torch)["save"]
_unpack: Any = vars(safetensors.torch)["load"]
_UNREADABLE = (OSError, RuntimeError, safetensors.SafetensorError)


class TensorFile(NamedTuple):
    """What a file holds.

    Attributes:
        tensors: by name.
        header: texts by name.
    """

    tensors: dict[str, Tensor]
    header: dict[str, str]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write a file over the one before; its folder is made if need be. Equal contents are equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    _save(_apart(tensors), temporary, dict(header))
    with temporary.open("r+b") as file:
        _sort_texts(file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sort_texts(file: BinaryIO) -> None:
    """Put the texts of a file in the order of their names; the library writes them in another order every time.

    Source: https://github.com/huggingface/safetensors, "Format": eight bytes of length, then the header in JSON, which spaces may fill up.
    """
    size = int.from_bytes(file.read(8), "little")
    header: dict[str, Any] = json.loads(file.read(size))
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    if len(text) <= size:
        file.seek(8)
        file.write(text.ljust(size))


def packed(tensors: Mapping[str, Tensor]) -> bytes:
    """Tensors as bytes, for another process."""
    return _pack(_apart(tensors))


def unpacked(content: bytes) -> dict[str, Tensor]:
    """The tensors of `packed`."""
    return _unpack(content)


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, each with memory of its own: the format knows no shared memory."""
    found: dict[str, Tensor] = {}
    places: set[int] = set()
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        found[name] = value.clone() if value.untyped_storage().data_ptr() in places else value
        places.add(found[name].untyped_storage().data_ptr())
    return found


def read_header(path: Path) -> dict[str, str]:
    """The texts of a file, without its tensors.

    Raises:
        CheckpointError: it is not there, or cannot be read.
    """
    try:
        with _open(path, "pt") as file:
            return file.metadata() or {}
    except _UNREADABLE as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def read_tensors(path: Path) -> TensorFile:
    """Read a file.

    Raises:
        CheckpointError: it is not there, or cannot be read.
    """
    try:
        with _open(path, "pt") as file:
            return TensorFile({name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {})  # noqa: SIM118 - no dictionary
    except _UNREADABLE as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
