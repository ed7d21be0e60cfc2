"""The model and the tokenizer of a policy: of Hugging Face, or a small decoder from scratch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from prm_gym.agent import make_agent
from prm_gym.agents.causal_lm.options import ModelOptions
from prm_gym.errors import CheckpointError, MissingExtraError
from prm_gym.lm.decoder import END, byte_tokenizer, decoder_config
from prm_gym.lm.libraries import library, quiet
from prm_gym.rollout import Rollouts, groups

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

SEE, ACT = "<|see|>", "<|act|>"
# The frame of a decoder from scratch: three tokens, no words.
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}" + SEE + "{{ message['content'] }}" + ACT + "{% else %}"
    "{{ message['content'] }}" + END + "{% endif %}{% endfor %}"
)
_EPISODES = 64  # scripted ones that a tokenizer learns from
_FIRST_SEED = 1 << 30  # of these; a task seed of training, not of evaluation


class PolicyModel(NamedTuple):
    """What a policy is made of.

    Attributes:
        model: of Hugging Face, or of PEFT around it.
        tokenizer: of Hugging Face.
        context: tokens that it reads at once.
    """

    model: Any
    tokenizer: Any
    context: int


def build(path: str, options: ModelOptions, seed: int, device: str, tokenizer: Any = None) -> PolicyModel:
    """The model of a path, or a decoder from scratch, on its device.

    Args:
        path: a folder, a name on the Hugging Face hub, or "" for a decoder from scratch.
        options: which.
        seed: of new weights. The random state of torch is as it was when this returns.
        device: "cpu", "cuda", ...
        tokenizer: of the model, where it is known already.

    Raises:
        CheckpointError: the model cannot be loaded, or is not causal.
        UnknownNameError: the texts are neither a file nor an environment.
    """
    devices = [torch.device(device)] if device.startswith("cuda") else []
    wanted = ("bfloat16" if device.startswith("cuda") else "float32") if options.dtype == "auto" else options.dtype
    with torch.random.fork_rng(devices=devices), quiet():
        torch.manual_seed(seed)
        tokenizer, model = _pretrained(path, options, tokenizer) if path else _scratch(options, tokenizer)
        model = model.to(getattr(torch, wanted))
        if options.lora:
            from prm_gym.lm.adapters import with_adapters

            model = with_adapters(model, options.lora, options.lora_alpha, options.lora_dropout, options.lora_targets)
        model = model.to(device)
    return PolicyModel(model, tokenizer, _context(model.config, tokenizer, options))


def _pretrained(path: str, options: ModelOptions, tokenizer: Any) -> tuple[Any, Any]:
    transformers = library("transformers")
    extra: dict[str, Any] = {"trust_remote_code": options.trust_remote_code}
    if Path(path).is_dir():
        extra["local_files_only"] = True
    elif path.startswith((".", "/", "~")) or path.count("/") > 1:
        raise CheckpointError(f"There is no folder {path!r}. A model is a folder, or a name on the Hugging Face hub.")
    try:
        tokenizer = tokenizer or transformers.AutoTokenizer.from_pretrained(path, **extra)
        # The attention that takes a mask of its own for every token.
        model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype="auto", attn_implementation="sdpa", **extra)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise CheckpointError(f"the model {path!r} cannot be loaded: {error}") from error
    if model.config.is_encoder_decoder:
        raise CheckpointError(f"{path} is an encoder with a decoder; a causal model is needed")
    return tokenizer, model


def _scratch(options: ModelOptions, tokenizer: Any) -> tuple[Any, Any]:
    wanted = options.vocabulary if options.texts else 0
    if tokenizer is None:
        tokenizer = byte_tokenizer(_texts(options.texts), wanted, (SEE, ACT))
        tokenizer.chat_template = TEMPLATE
    rows = max(wanted, len(tokenizer))  # as many whatever the texts gave, so that weights fit the tokenizer of a checkpoint
    config = decoder_config(rows, tokenizer.eos_token_id, width=options.width, layers=options.layers, heads=options.heads, context=options.context)
    return tokenizer, library("transformers").Qwen2ForCausalLM(config)


def _texts(source: str) -> Iterator[str]:
    """What a tokenizer learns from."""
    if not source:
        return
    if Path(source).is_file():
        yield from Path(source).read_text(encoding="utf-8").splitlines(keepends=True)
        return
    rollouts = Rollouts(source, {"verifiers": [], "reward": "outcome"}, num_envs=16)
    try:
        for trajectory in rollouts.play(make_agent("scripted"), groups(range(_FIRST_SEED, _FIRST_SEED + _EPISODES), 1)):
            yield trajectory.task.instructions
            for step in trajectory.steps:
                yield from (step.observation, step.action, *step.actions)
    finally:
        rollouts.close()


def _context(config: Any, tokenizer: Any, options: ModelOptions) -> int:
    """Tokens that are read at once: within what positions, tokenizer and a sliding window allow."""
    text = config.get_text_config()
    windows = "sliding_attention" in (getattr(text, "layer_types", None) or ()) or (
        getattr(text, "sliding_window", None) and getattr(text, "use_sliding_window", True)
    )
    limits = [options.context, int(getattr(text, "max_position_embeddings", 0) or 0), int(text.sliding_window or 0) if windows else 0]
    limits.append(int(tokenizer.model_max_length) if (tokenizer.model_max_length or 0) < 10**7 else 0)
    return min((limit for limit in limits if limit > 0), default=4096)
