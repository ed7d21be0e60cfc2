"""Models of Hugging Face from folders: whole ones, none of whose weights is left to chance or left out."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from prm_gym.errors import CheckpointError, PrmGymError
from prm_gym.lm.libraries import library
from prm_gym.prm.files import check_weights

CLASSIFIERS = ("score.", "classifier.")
"""How the weights of the heads of token classifiers begin."""

_LAYER = re.compile(r"(^|\.)(layers|h|blocks)\.\d+\.")  # how layers are numbered in the names of weights
_BUFFERS = ("rotary_emb.inv_freq", ".bias", ".masked_bias")  # what old checkpoints stored beside the weights, and is computed today


def whole_model(kind: str, directory: Path, name: str, drawn: Sequence[str] = (), **options: Any) -> Any:
    """A model of which every weight is in the files, and which takes every layer in them.

    Args:
        kind: of Hugging Face's automatic classes.
        directory: of the checkpoint.
        name: of the checkpoint, for people.
        drawn: how the names of weights begin that need not be there: a head that is trained, or that an adapter brings.
        **options: of `from_pretrained`.

    Raises:
        CheckpointError: files are missing, cut off or damaged, or weights are missing, of another shape, or of layers that the configuration does not name.
        MissingExtraError: transformers is not installed.
    """
    check_weights(directory)
    model, info = pretrained(kind, directory, name, output_loading_info=True, **options)
    missing = [key for key in _names(info, "missing_keys") if not key.startswith(tuple(drawn))]
    mismatched = _names(info, "mismatched_keys")
    spare = [key for key in _names(info, "unexpected_keys") if _LAYER.search(key) and not key.endswith(_BUFFERS)]
    for keys, said in ((missing, "lack"), (mismatched, "have another shape for"), (spare, "are for more layers than the configuration names:")):
        if keys:
            raise CheckpointError(f"its weights {said} {len(keys)} tensors of {type(model).__name__}, among them {', '.join(keys[:3])}")
    return model


def pretrained(kind: str, directory: Path, name: str, **options: Any) -> Any:
    """What one of Hugging Face's automatic classes makes of a folder.

    Raises:
        CheckpointError: it cannot.
        MissingExtraError: transformers is not installed.
    """
    loader = getattr(library("transformers"), kind)
    try:
        return loader.from_pretrained(directory, **options)
    except PrmGymError:
        raise
    except Exception as error:  # whatever a broken file makes a dozen libraries raise
        hint = " Code of the checkpoint runs only with trust_remote_code=true." if "trust_remote_code" in str(error) else ""
        raise CheckpointError(f"{kind} cannot be loaded from {name!r}: {str(error).rstrip('. ')}.{hint}") from error


def _names(info: dict[str, Any], what: str) -> list[str]:
    keys = cast("list[str | tuple[str, ...]]", info.get(what) or [])  # of another shape: the name and the shapes
    return sorted(key if isinstance(key, str) else key[0] for key in keys)
