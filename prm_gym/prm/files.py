"""The files of a checkpoint."""

import json
from pathlib import Path
from typing import Any, cast

from prm_gym.errors import CheckpointError

POINTER = b"version https://git-lfs.github.com/spec/"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object in a file; an empty one where there is no file.

    Raises:
        CheckpointError: it cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} holds no JSON object")
    return cast("dict[str, Any]", found)


def architectures(directory: Path) -> list[str]:
    """The names of the models that a checkpoint says it holds.

    Raises:
        CheckpointError: its configuration cannot be read.
    """
    named: Any = read_json(directory / "config.json").get("architectures")
    return [str(name) for name in cast("list[Any]", named)] if isinstance(named, list) else []


def weight_files(directory: Path) -> list[Path]:
    """The files that hold a checkpoint's weights; safetensors where there are any.

    Raises:
        CheckpointError: an index names a file that is not there, or cannot be read.
    """
    for pattern in ("*.safetensors", "*.bin"):
        for index in sorted(directory.glob(f"{pattern}.index.json")):
            listed: Any = read_json(index).get("weight_map")
            names = sorted({str(name) for name in cast("dict[str, Any]", listed).values()}) if isinstance(listed, dict) else []
            absent = [name for name in names if not (directory / name).is_file()]
            if absent or not names:
                raise CheckpointError(f"{index} names files that are not there: {', '.join(absent) or 'none at all'}")
            return [directory / name for name in names]
        files = sorted(path for path in directory.glob(pattern) if path.stem not in ("training_args", "optimizer", "scheduler"))
        if files:
            return files
    return []


def check_weights(directory: Path) -> None:
    """Refuse weights that are not all there, or that are no numbers as a model computes with.

    What a download has left out, a pointer of Git LFS in a file's place and weights that were quantised are named, before anything is loaded:
    the latter could be read and would score wrongly. Where the configuration says how the weights are quantised, transformers reads or refuses them.

    Raises:
        CheckpointError: such a file.
    """
    quantised = bool(read_json(directory / "config.json").get("quantization_config"))
    for path in weight_files(directory):
        with path.open("rb") as file:
            begins = file.read(len(POINTER))
        if begins == POINTER:
            raise CheckpointError(f"{path} is a pointer of Git LFS, and the weights are not there: run `git lfs pull` in that folder")
        if path.suffix != ".safetensors":
            continue
        for name, dtype in _header(path).items():
            if not quantised and name.endswith("weight") and dtype not in ("F64", "F32", "F16", "BF16"):
                raise CheckpointError(f"{path} holds {name!r} as {dtype}: weights that are quantised, and no configuration that says how")


def _header(path: Path) -> dict[str, str]:
    """The kinds of numbers of the tensors in a file of safetensors, by name: eight bytes with the length of a JSON object, the object, the numbers.

    Raises:
        CheckpointError: it is none, or not whole.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            said: Any = json.loads(file.read(length)) if 2 <= length <= size - 8 else None
            said.pop("__metadata__", None)
            end = 8 + length + max((int(tensor["data_offsets"][1]) for tensor in said.values()), default=0)
            found = {str(name): str(tensor["dtype"]) for name, tensor in said.items()}
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is no file of safetensors, or is damaged ({size:,} bytes); get it again") from error
    if size < end:
        raise CheckpointError(f"{path} is cut off: {size:,} of {end:,} bytes are there; get it again")
    return found
