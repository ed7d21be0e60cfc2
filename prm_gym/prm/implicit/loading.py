"""Causal language models from checkpoints: whole ones, and adapters (LoRA) over a base; and the file that says how an implicit reward is read."""

import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

import msgspec

from prm_gym.errors import CheckpointError, OptionError
from prm_gym.lm.libraries import library, quiet
from prm_gym.machine import choose_device
from prm_gym.prm.implicit.encoding import SEPARATOR, Template
from prm_gym.prm.loading import fingerprint, locate
from prm_gym.prm.pretrained import pretrained, whole_model
from prm_gym.task import content_key

SETTINGS_FILE = "prm_gym_implicit.json"
ADAPTER_FILE = "adapter_config.json"

Device: TypeAlias = str
"""As torch names it, or "auto": CUDA where there is one."""
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]


class Loading(TypedDict, total=False):
    """How the two models of an implicit reward are found and read. What is left out is what the checkpoint says of itself, or the default.

    Attributes:
        ref: of the reference model, with the same tokenizer; the checkpoint says it, or an adapter's base is it.
        beta: of the reward, > 0; 0.05 where nothing says otherwise.
        template: "chat", "plain" or "auto": how chains are written.
        device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1" ...
        dtype: "auto" (bfloat16 on CUDA and float32 on the CPU), "float32", "bfloat16" or "float16".
        batch_tokens: tokens of a padded batch.
        max_tokens: of a chain; longer ones are read in windows. The smaller context of the two models unless given.
        prefix_megabytes: of keys and values that are kept for episodes under way; 2,048 on CUDA and 256 elsewhere, 0 for none.
        trust_remote_code: run the code that a checkpoint brings; False.
    """

    ref: str | None
    beta: float | None
    template: Template | None
    device: Device
    dtype: Precision
    batch_tokens: int | None
    max_tokens: int | None
    prefix_megabytes: int | None
    trust_remote_code: bool


class ImplicitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `prm_gym_implicit.json` holds.

    Attributes:
        format: version of this layout.
        reference: path or name of the reference model; a path is taken from the folder of the checkpoint. "" for the base of an adapter.
        beta: of the reward, > 0.
        template: how chains are written.
        separator: stands after every step.
        training: how it was made, for people. JSON values.
    """

    format: Literal[1] = 1
    reference: str = ""
    beta: float = 0.05
    template: Template = "auto"
    separator: str = SEPARATOR
    training: dict[str, Any] = {}


def read_settings(path: str | Path) -> ImplicitSettings | None:
    """What a checkpoint says of itself; None where it says nothing.

    Raises:
        CheckpointError: the file cannot be read.
    """
    file = Path(path) / SETTINGS_FILE
    if not file.is_file():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=ImplicitSettings)
    except (OSError, msgspec.DecodeError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error


def write_settings(path: Path, settings: ImplicitSettings) -> None:
    """Write the file in one step: a reader sees the old one or the new one."""
    path.mkdir(parents=True, exist_ok=True)
    temporary = path / f"{SETTINGS_FILE}.{os.getpid()}.tmp"
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n")
    temporary.replace(path / SETTINGS_FILE)


def load_model(path: str | Path, device: Device = "auto", dtype: Precision = "auto", *, trust_remote_code: bool = False) -> Any:
    """A causal language model that does not learn, in evaluation mode; an adapter comes over its base.

    Args:
        path: folder, or name on the hub.
        device: "auto" for CUDA where there is one.
        dtype: "auto" for bfloat16 on CUDA and float32 on the CPU.
        trust_remote_code: run the code that a checkpoint brings.

    Raises:
        CheckpointError: nothing can be loaded.
        MissingExtraError: a package is missing.
        OptionError: there is no such device or precision.
    """
    torch = library("torch")
    place = choose_device(device)
    if dtype not in ("auto", "float32", "bfloat16", "float16"):
        raise OptionError(f"dtype is auto, float32, bfloat16 or float16, got {dtype!r}")
    precision = getattr(torch, ("bfloat16" if place.startswith("cuda") else "float32") if dtype == "auto" else dtype)
    options: dict[str, Any] = {"dtype": precision, "trust_remote_code": trust_remote_code}
    base = base_of(path)
    model = _whole_model(base or str(path), options)
    if base:
        model = _adapted(model, path)
    model = model.to(place).requires_grad_(False).eval()
    with torch.inference_mode():
        said = model(input_ids=torch.arange(4, device=place)[None], use_cache=False).logits
    if not bool(said.isfinite().all()):
        raise CheckpointError(f"The model of {path} gives logits that are no numbers; its weights are broken, or too large for this dtype")
    return model


def _whole_model(name: str, options: dict[str, Any]) -> Any:
    """A causal language model none of whose weights is left to chance."""
    try:
        with quiet():
            return whole_model("AutoModelForCausalLM", locate(name), name, **options)
    except CheckpointError as error:
        raise CheckpointError(f"No causal language model can be loaded from {name!r}: {error}") from error


def _adapted(model: Any, path: str | Path) -> Any:
    """A model with an adapter over it."""
    peft: Any = library("peft")
    try:
        with quiet(), calm():
            return peft.PeftModel.from_pretrained(model, str(path))
    except Exception as error:  # whatever is wrong with an adapter of others
        raise CheckpointError(f"The adapter {path} cannot be put over its base: {type(error).__name__}: {error}") from error


@contextmanager
def calm() -> Generator[None]:
    """Without the warnings of PEFT about what it asks of transformers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def load_tokenizer(path: str | Path, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a checkpoint; of its base where an adapter brings none.

    Raises:
        CheckpointError: nothing can be loaded.
    """
    adapter = Path(path) / ADAPTER_FILE
    brings_none = adapter.is_file() and not any((Path(path) / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model"))
    source = base_of(path) if brings_none else str(path)
    with quiet():
        return pretrained("AutoTokenizer", locate(source), source, trust_remote_code=trust_remote_code)


def base_of(path: str | Path) -> str:
    """The model that an adapter belongs to; "" where the checkpoint is none.

    Raises:
        CheckpointError: the adapter does not say it.
    """
    file = Path(path) / ADAPTER_FILE
    if not file.is_file():
        return ""
    try:
        named = msgspec.json.decode(file.read_bytes(), type=dict[str, Any]).get("base_model_name_or_path")
    except (OSError, msgspec.DecodeError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}") from error
    if not isinstance(named, str) or not named:
        raise CheckpointError(f"{file} does not name the base model")
    return named


def require_same_tokens(one: Any, other: Any, what: str) -> None:
    """Make sure that two tokenizers write the same tokens.

    Raises:
        CheckpointError: they differ.
    """
    if one.get_vocab() != other.get_vocab():
        mine, theirs = one.get_vocab(), other.get_vocab()
        odd = sorted(token for token in {*mine, *theirs} if mine.get(token) != theirs.get(token))
        raise CheckpointError(f"{what} have different tokenizers: {len(odd)} tokens differ, {odd[0]!r} among them. A log-ratio needs the same tokens.")
    for text in ("x = 12 + 305, so 2x = 634.\n\nHence", "Überall  \tnaïve\r\n 東京 🙂 don't 1e-9", "def f(a):\n    return a**2  # ½"):
        if one.encode(text, add_special_tokens=False) != other.encode(text, add_special_tokens=False):
            raise CheckpointError(f"{what} have one vocabulary and cut {text[:20]!r}... differently. A log-ratio needs the same tokens.")


def mark_of(name: str) -> str:
    """A short key of the files of a checkpoint; of its name where it is on the hub."""
    return (fingerprint(Path(name)) if Path(name).is_dir() else content_key(name))[:16]
