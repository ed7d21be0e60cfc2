"""Families of process reward models, one convention a file.

A third party declares its own under `[project.entry-points."prm_gym.prm_families"]`: a class that is made without arguments, or with those that a
specification gives (`prm:PATH?family=trl&separator=##`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prm_gym.errors import CheckpointError
from prm_gym.plugins import Registry, make
from prm_gym.prm.families.own import OwnFamily, read_settings
from prm_gym.prm.family import Family
from prm_gym.prm.files import architectures, read_json

FAMILIES: Registry[type[Family]] = Registry("prm_gym.prm_families", "family of process reward models")

# What stands in the name of a checkpoint, without punctuation, and the family that it is of; the first that fits.
_NAMES = (
    ("qwen25math7bprm800k", "qwen"),
    ("qwen25mathprm", "qwen"),
    ("mathpsa", "openr"),
    ("openr", "openr"),
    ("skywork", "skywork"),
    ("rlhflow", "rlhflow"),
    ("llama318bprm", "rlhflow"),
    ("pureprm", "pure"),
    ("fover", "fover"),
    ("reasoneval", "reasoneval"),
    ("mathshepherdmistral", "math_shepherd"),
)


def make_family(name: str, checkpoint: str, directory: Path, options: Mapping[str, Any] | None = None) -> Family:
    """The family of a checkpoint.

    Args:
        name: of the family; "auto" guesses it.
        checkpoint: as the user named it, and
        directory: where it lies.
        options: of the family.

    Raises:
        CheckpointError: the family cannot be guessed, or `prm_gym.json` cannot be read.
        UnknownNameError: no family has that name.
        OptionError: the family takes no such option.
    """
    settings = read_settings(directory)
    name = guess_family(checkpoint, directory) if name == "auto" else name
    if name == OwnFamily.id and settings is not None:
        return make("family", name, OwnFamily, settings, **(options or {}))
    return make("family", name, FAMILIES.load(name), **(options or {}))


def guess_family(checkpoint: str, directory: Path) -> str:
    """The name of a checkpoint's family: by `prm_gym.json`, the architecture, the name.

    Raises:
        CheckpointError: none of these tells.
    """
    if read_settings(directory) is not None:
        return OwnFamily.id
    named = architectures(directory)
    if "Qwen2ForProcessRewardModel" in named:
        return "qwen"
    if any(name.startswith("ReasonEval") for name in named):
        return "reasoneval"
    for text in (checkpoint, str(read_json(directory / "config.json").get("_name_or_path", ""))):
        plain = "".join(letter for letter in text.lower() if letter.isalnum())
        for part, family in _NAMES:
            if part in plain:
                return family
    if any(name.endswith("ForTokenClassification") for name in named):
        return "trl"
    known = ", ".join(FAMILIES.names())
    raise CheckpointError(f"It cannot be told of which family the checkpoint {checkpoint!r} is. Name it: prm:{checkpoint}?family=NAME, one of {known}.")
