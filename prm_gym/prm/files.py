"""The files of a checkpoint."""

import json
from pathlib import Path
from typing import Any, cast

from prm_gym.errors import CheckpointError


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
    named: list[Any] = read_json(directory / "config.json").get("architectures") or []
    return [str(name) for name in named]


def weight_files(directory: Path) -> list[Path]:
    """The files that hold a checkpoint's weights; safetensors where there are any.

    Raises:
        CheckpointError: an index names a file that is not there, or cannot be read.
    """
    for pattern in ("*.safetensors", "*.bin"):
        for index in sorted(directory.glob(f"{pattern}.index.json")):
            listed: dict[str, Any] = read_json(index).get("weight_map") or {}
            names = sorted({str(name) for name in listed.values()})
            absent = [name for name in names if not (directory / name).is_file()]
            if absent or not names:
                raise CheckpointError(f"{index} names files that are not there: {', '.join(absent) or 'none at all'}")
            return [directory / name for name in names]
        files = sorted(path for path in directory.glob(pattern) if path.stem not in ("training_args", "optimizer", "scheduler"))
        if files:
            return files
    return []
