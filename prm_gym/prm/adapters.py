"""Adapters (LoRA and its kin, by PEFT): the base model and the adapter, merged."""

import warnings
from pathlib import Path
from typing import Any

from prm_gym.errors import CheckpointError
from prm_gym.lm.libraries import library
from prm_gym.prm.families.own import read_settings
from prm_gym.prm.family import Family
from prm_gym.prm.files import read_json
from prm_gym.prm.pretrained import CLASSIFIERS, whole_model


def load_adapted(directory: Path, family: Family, tokenizer: Any, options: dict[str, Any]) -> Any:
    """The base model with an adapter merged into it.

    Args:
        directory: of the adapter.
        family: a token classifier or a language model.
        tokenizer: of the adapter; tokens that it has beyond the base model's must have embeddings in the adapter.
        options: of `from_pretrained`.

    Raises:
        CheckpointError: the base model is not found or not whole, or the adapter lacks what its family needs.
        MissingExtraError: peft is not installed.
    """
    peft = library("peft")
    base = base_of(directory)
    path = directory / "adapter_model.safetensors"
    try:
        with library("safetensors").safe_open(path, framework="pt") as file:
            names = [str(name) for name in file.keys()]  # noqa: SIM118 - it is no mapping
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if family.head == "token-classification":
        if not any(".score." in name or ".classifier." in name for name in names):
            raise CheckpointError("the adapter holds no head of a token classifier; it was trained for something else")
        made = whole_model("AutoModelForTokenClassification", base, str(base), CLASSIFIERS, num_labels=family.outputs, **options)
    elif family.head == "language-model":
        made = whole_model("AutoModelForCausalLM", base, str(base), **options)
    else:
        raise CheckpointError(f"the family {family.id!r} has a head of its own, which no adapter brings")
    rows = int(made.get_input_embeddings().weight.shape[0])
    if len(tokenizer) > rows:
        if not any("embed" in name for name in names):
            raise CheckpointError(f"its tokenizer has {len(tokenizer)} tokens, the base model embeddings for {rows}, and the adapter brings none")
        made.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT's use of names that transformers will rename
            return peft.PeftModel.from_pretrained(made, str(directory)).merge_and_unload()
    except Exception as error:  # PEFT raises what torch does where shapes differ
        raise CheckpointError(f"the adapter does not fit its base model {base}: {error}") from error


def base_of(directory: Path) -> Path:
    """Where the base model of an adapter lies: as `prm_gym.json` or the adapter says, from the current folder, beside the adapter, or on the hub.

    Raises:
        CheckpointError: none is named, or it is not found.
    """
    from prm_gym.prm.loading import locate

    settings = read_settings(directory)
    said: Any = read_json(directory / "adapter_config.json").get("base_model_name_or_path")
    name = (settings.base if settings is not None else "") or said
    if not isinstance(name, str) or not name:
        raise CheckpointError("the adapter names no base model")
    beside = directory / name
    return beside.resolve() if beside.is_dir() else locate(name)
