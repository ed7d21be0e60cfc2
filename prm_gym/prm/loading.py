"""Checkpoints of process reward models: from a folder or a name on the Hugging Face hub to a backbone, a head, a tokenizer and a family."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakValueDictionary

from prm_gym.chains import written
from prm_gym.errors import CheckpointError, OptionError
from prm_gym.lm.inert import plain_ids
from prm_gym.lm.libraries import library, quiet
from prm_gym.machine import choose_device
from prm_gym.prm.families import make_family
from prm_gym.prm.family import Family
from prm_gym.prm.files import architectures
from prm_gym.prm.pretrained import pretrained, whole_model

ATTENTIONS = ("auto", "sdpa", "eager", "flash_attention_2")
DTYPES = ("auto", "float32", "bfloat16", "float16")
DEFAULT_CONTEXT = 4096
_READ = (".json", ".safetensors", ".bin", ".jinja", ".model", ".py", ".tiktoken", ".txt")  # what a score may depend on
_WHOLE = 1 << 26  # bytes up to which a file of weights is read whole for the fingerprint


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded model.

    Attributes:
        name: as it was named.
        directory: where its files lie.
        fingerprint: of its files: another one, other scores.
        family: how chains are written and scores are read.
        tokenizer: Hugging Face's.
        backbone: Hugging Face's, which gives hidden states.
        head: from hidden states [T, H] to numbers [T, D], float32.
        device: where both are, as torch names it.
        max_context: tokens that it takes at once.
        rows: of its embedding; a token beyond cannot be read.
        lock: held while it is used: a tokenizer that is told how to treat special tokens is not to be told otherwise meanwhile.
    """

    name: str
    directory: Path
    fingerprint: str
    family: Family
    tokenizer: Any
    backbone: Any
    head: Any
    device: str
    max_context: int
    rows: int
    lock: Any = field(default_factory=RLock)


_LOADED: "WeakValueDictionary[tuple[str, ...], Checkpoint]" = WeakValueDictionary()


def load_checkpoint(
    name: str,
    family: str = "auto",
    device: str = "auto",
    dtype: str = "auto",
    max_context: int = 0,
    attention: str = "auto",
    trust_remote_code: bool = False,
    family_options: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Load a checkpoint; one that is loaded already in the same way is shared.

    Args:
        name: a folder, or a name on the hub.
        family: of process reward models; "auto" guesses it.
        device: "cpu", "cuda", "cuda:1" ..., or "auto" (CUDA where there is one).
        dtype: "float32", "bfloat16", "float16", or "auto" (bfloat16 on CUDA, float32 elsewhere).
        max_context: tokens at once, below what the checkpoint says; 0 for what it says.
        attention: "sdpa", "eager", "flash_attention_2", or "auto" for what transformers chooses.
        trust_remote_code: whether code of the checkpoint may run; of the published families, none needs it.
        family_options: of the family.

    Raises:
        CheckpointError: it cannot be found or read, weights are missing, the tokenizer lacks a tag, or the model is not causal.
        MissingExtraError: torch or transformers is not installed.
        OptionError: an option has no such value.
    """
    torch = library("torch")
    place = choose_device(device)
    if dtype not in DTYPES:
        raise OptionError(f"dtype is one of {', '.join(DTYPES)}, got {dtype!r}")
    if attention not in ATTENTIONS:
        raise OptionError(f"attention is one of {', '.join(ATTENTIONS)}, got {attention!r}")
    if max_context < 0:
        raise OptionError(f"max_context is not negative, got {max_context}")
    kind = ("bfloat16" if place.startswith("cuda") else "float32") if dtype == "auto" else dtype
    directory = locate(name)
    mark = fingerprint(directory)
    key = (str(directory), mark, family, place, kind, str(max_context), attention, str(trust_remote_code), repr(sorted((family_options or {}).items())))
    found = _LOADED.get(key)
    if found is None:
        made = make_family(family, name, directory, family_options)
        options: dict[str, Any] = {"dtype": getattr(torch, kind), "trust_remote_code": trust_remote_code}
        if attention != "auto":
            options["attn_implementation"] = attention
        found = _load(name, directory, mark, made, place, max_context, options)
        _LOADED[key] = found
    return found


def locate(name: str) -> Path:
    """The folder of a checkpoint; one on the hub is downloaded, or found where it was downloaded before.

    Raises:
        CheckpointError: there is none.
    """
    if not name.strip():
        raise CheckpointError("A checkpoint is a folder, or a name on the Hugging Face hub (owner/name), got none: prm:PATH.")
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise CheckpointError(f"There is no folder {name!r}. A checkpoint is a folder, or a name on the Hugging Face hub (owner/name).")
    hub = library("huggingface_hub")
    try:
        return Path(hub.snapshot_download(name, ignore_patterns=["*.gguf", "*.onnx", "*.msgpack", "*.h5", "original/*"]))
    except Exception as error:  # of many libraries: no network, no such name, no permission
        raise CheckpointError(f"There is no folder {name!r}, and the Hugging Face hub does not give a checkpoint of that name: {error}") from error


def fingerprint(directory: Path) -> str:
    """A key of a checkpoint's files, 128 bits in hexadecimal; of an adapter, those of its base model as well.

    Files of settings and tokenizers are read whole, and so are weights up to 64 MiB; of larger ones the size, the first and last mebibyte and 64 pieces
    between them.

    Raises:
        CheckpointError: an adapter's base model is not found.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in directory.iterdir() if path.is_file()):
        if path.suffix not in _READ:
            continue
        size = path.stat().st_size
        digest.update(f"{path.name}:{size}:".encode())
        with path.open("rb") as file:
            if size <= _WHOLE:
                digest.update(file.read())
                continue
            for start in (0, *(size * part // 65 for part in range(1, 65)), size - (1 << 20)):
                file.seek(start)
                digest.update(file.read(1 << 20 if start in (0, size - (1 << 20)) else 1 << 14))
    if (directory / "adapter_config.json").is_file():
        from prm_gym.prm.adapters import base_of

        base = base_of(directory)
        if not base.samefile(directory):
            digest.update(fingerprint(base).encode())
    return digest.hexdigest()


def _load(name: str, directory: Path, mark: str, family: Family, device: str, max_context: int, options: dict[str, Any]) -> Checkpoint:
    from prm_gym.prm.heads import check_width

    with quiet():
        tokenizer = pretrained("AutoTokenizer", directory, name, trust_remote_code=options["trust_remote_code"])
        _check_tags(family, tokenizer, name)
        try:
            backbone, head = _model(directory, name, family, tokenizer, options)
        except CheckpointError as error:
            raise CheckpointError(f"The checkpoint {name!r}: {error}") from error
    hidden = int(backbone.config.get_text_config().hidden_size)
    check_width(head, family, hidden)
    backbone.requires_grad_(False).eval().to(device)
    limit = _context(backbone.config, tokenizer, family)
    loaded = Checkpoint(
        name=name,
        directory=directory,
        fingerprint=mark,
        family=family,
        tokenizer=tokenizer,
        backbone=backbone,
        head=head.requires_grad_(False).to(device),
        device=device,
        max_context=min(limit, max_context) if max_context else limit,
        rows=int(backbone.get_input_embeddings().weight.shape[0]),
    )
    _check_causal(loaded)
    return loaded


def _model(directory: Path, name: str, family: Family, tokenizer: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    """The backbone and the head."""
    from prm_gym.prm import heads

    if (directory / "adapter_config.json").is_file():
        from prm_gym.prm.adapters import load_adapted

        model = load_adapted(directory, family, tokenizer, options)
    elif family.head == "value" or (family.head == "token-classification" and not _classifies(directory)):
        backbone = whole_model("AutoModel", directory, name, **options)
        return getattr(backbone, "base_model", backbone), heads.stored_head(directory)
    else:
        model = whole_model("AutoModelForCausalLM" if family.head == "language-model" else "AutoModelForTokenClassification", directory, name, **options)
    if family.head == "language-model":
        return model.base_model, heads.vocabulary_head(model, family.rows(tokenizer))
    return model.base_model, heads.classifier_head(model)


def _classifies(directory: Path) -> bool:
    """Whether one of Hugging Face's own token classifiers reads the checkpoint, head and all."""
    return any(name.endswith("ForTokenClassification") for name in architectures(directory))


def _check_tags(family: Family, tokenizer: Any, name: str) -> None:
    if not plain_ids(tokenizer, "It is 7."):
        raise CheckpointError(f"The tokenizer of the checkpoint {name!r} writes no tokens; are its files there (tokenizer.json, or vocabulary and merges)?")
    try:
        family.encode(tokenizer, written("problem", ["step", "another step"]))
        family.rows(tokenizer)
    except CheckpointError as error:
        raise CheckpointError(f"The checkpoint {name!r} cannot be read as one of the family {family.id!r}. {error}") from error


def _check_causal(loaded: Checkpoint) -> None:
    """Refuse a model whose hidden states depend on later tokens, or are no numbers: one forward could not score all steps.

    Raises:
        CheckpointError: it is one.
    """
    torch = library("torch")
    ids = loaded.family.encode(loaded.tokenizer, written("What is 1 + 2?", ["It is 1 + 2 = 3.", "The answer is 3."])).token_ids[: loaded.max_context]
    if max(ids) >= loaded.rows:
        raise CheckpointError(f"The checkpoint {loaded.name!r}: the tokenizer writes token {max(ids)}, the model has embeddings for {loaded.rows}")
    cut = max(1, len(ids) // 2)
    with torch.inference_mode():
        whole, part = (
            loaded.backbone(input_ids=torch.tensor([some], device=loaded.device), use_cache=False).last_hidden_state[0, :cut].float()
            for some in (ids, ids[:cut])
        )
        finite, apart = bool(whole.isfinite().all()), float((whole - part).norm() / part.norm().clamp(min=1e-12))
    if not finite:
        raise CheckpointError(f"The checkpoint {loaded.name!r} gives hidden states that are no numbers; its weights are broken, or too large for this dtype")
    if apart > (1e-3 if whole_precision(loaded.backbone) else 0.2):
        raise CheckpointError(f"The checkpoint {loaded.name!r} is not causal: what it says of a token changes with the tokens after it")


def whole_precision(model: Any) -> bool:
    """Whether a model computes in float32."""
    return str(model.dtype) == "torch.float32"


def _context(config: Any, tokenizer: Any, family: Family) -> int:
    """Tokens that a checkpoint takes at once."""
    said = [getattr(getattr(family, "settings", None), "max_context", 0), getattr(config.get_text_config(), "max_position_embeddings", 0) or 0]
    said.append(tokenizer.model_max_length if (tokenizer.model_max_length or 0) < 10**7 else 0)
    return min((int(limit) for limit in said if limit), default=DEFAULT_CONTEXT)
