"""Tiny checkpoints with random weights, in the published layout of every family of process reward models, and plain causal language models.

The architectures are the real ones, with two layers of width 32; the tokenizers are trained on a few lines and have the real tags, templates and habits
(merged line breaks, Llama's blank in front). What they score means nothing: they are for tests of code that reads, batches, trains or serves models.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from prm_gym.errors import UnknownNameError
from prm_gym.lm.libraries import library, quiet
from prm_gym.prm.families.own import OwnSettings, add_tokens, write_settings

Architecture: TypeAlias = Literal["qwen2", "llama", "mistral"]

FAMILY_NAMES = ("fover", "math_shepherd", "openr", "prm_gym", "pure", "qwen", "reasoneval", "rlhflow", "skywork", "trl")

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# The way Qwen2 cuts text before it is merged: digits alone, blanks before words, line breaks together.
_CUTS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_TEXT = (
    "Janet has 3 eggs and buys 4 more. How many eggs does she have?\n\n",
    "Step 1: She has 3 + 4 = 7 eggs. ки\nStep 2: The answer is 7. ки\n",
    "We add the numbers.\n\nThen we get $7$.\n\nThe answer is \\boxed{7}.\n",
    "fact1 & fact2 -> int1: {B}; correct incorrect + - + -\n",
    "Question:\nWhat is 12 - 5?\nAnswer:\nLet's think step by step.\n",
    "It is 7. \n\n\n\n\n The answer is 7. \n\n\n\n\n",
    "system user assistant Please reason step by step, and put your final answer within \\boxed{}.\n",
)


def tiny_tokenizer(special: tuple[str, ...] = (), bos: str | None = None, template: str | None = None, blank_first: bool = False) -> Any:
    """A tokenizer of some hundred tokens that takes every text.

    Args:
        special: its special tokens.
        bos: the first token of a text, one of the special ones.
        template: of chats.
        blank_first: as Llama's and Mistral's: blanks are letters, one is put before every text, and unknown letters are bytes. Else by bytes, as Qwen's.
    """
    tokenizers, transformers = library("tokenizers"), library("transformers")
    end = "<|endoftext|>"
    names = [end, *special]
    if blank_first:
        names = ["<unk>", "<s>", "</s>", *names]
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    if blank_first:
        made.normalizer = tokenizers.normalizers.Sequence([tokenizers.normalizers.Prepend("▁"), tokenizers.normalizers.Replace(" ", "▁")])
        alphabet = ["▁"]
    else:
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        cut = tokenizers.pre_tokenizers.Split(tokenizers.Regex(_CUTS), behavior="isolated")
        made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([cut, tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
        made.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=700 if not blank_first else 500, min_frequency=2, special_tokens=names, initial_alphabet=alphabet, show_progress=False
    )
    lines = [line for text in _TEXT for line in ([text] if not blank_first else text.split())]
    made.train_from_iterator(lines * 3, trainer)
    if blank_first:
        made = _with_bytes(tokenizers, made)
    options: dict[str, Any] = {"eos_token": end, "pad_token": end}
    if blank_first:
        options |= {"unk_token": "<unk>", "bos_token": "<s>"}
    if bos is not None:
        options["bos_token"] = bos
    found = transformers.PreTrainedTokenizerFast(tokenizer_object=made, additional_special_tokens=list(special), **options)
    found.chat_template = template
    return found


def _with_bytes(tokenizers: Any, made: Any) -> Any:
    """The same, with a token for every byte, for letters that it does not know; a line break is one of them."""
    content = json.loads(made.to_str())
    vocabulary: dict[str, int] = content["model"]["vocab"]
    for byte in range(256):
        vocabulary.setdefault(f"<0x{byte:02X}>", len(vocabulary))
    content["model"] |= {"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True}
    content["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    return tokenizers.Tokenizer.from_str(json.dumps(content))


def tiny_config(architecture: Architecture, tokens: int, **options: Any) -> Any:
    """The configuration of a tiny model over a vocabulary of `tokens`; options override it."""
    transformers = library("transformers")
    sizes: dict[str, Any] = {
        "vocab_size": tokens,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "initializer_range": 0.3,  # ten times the usual spread: scores that differ from one another
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
        **options,
    }
    kinds = {"qwen2": "Qwen2Config", "llama": "LlamaConfig", "mistral": "MistralConfig"}
    if architecture not in kinds:
        raise UnknownNameError("architecture", architecture, kinds)
    return getattr(transformers, kinds[architecture])(**sizes)


def tiny_causal_lm(directory: Path, architecture: Architecture = "qwen2", tokenizer: Any = None, seed: int = 0, **options: Any) -> Path:
    """Write a causal language model and its tokenizer to a folder.

    Args:
        directory: made where it is not there.
        architecture: of the model.
        tokenizer: a plain one where none is given.
        seed: of its weights.
        **options: of the configuration.

    Returns:
        The folder.
    """
    transformers = library("transformers")
    tokenizer = tiny_tokenizer(("<|im_start|>", "<|im_end|>"), template=CHATML) if tokenizer is None else tokenizer
    return _save(directory, tokenizer, transformers.AutoModelForCausalLM, tiny_config(architecture, len(tokenizer), **options), seed)


def tiny_checkpoint(family: str, directory: Path, seed: int = 0, settings: OwnSettings | None = None, **options: Any) -> Path:
    """Write a process reward model of a family to a folder, as its authors lay theirs out.

    Args:
        family: one of `FAMILY_NAMES`.
        directory: made where it is not there. Its name need not tell the family.
        seed: of the weights.
        settings: of our own family.
        **options: of the model's configuration (`num_hidden_layers`, `hidden_size`, `max_position_embeddings` ...).

    Returns:
        The folder.
    """
    transformers = library("transformers")
    causal, classifier, backbone = transformers.AutoModelForCausalLM, transformers.AutoModelForTokenClassification, transformers.AutoModel
    chatml = ("<|im_start|>", "<|im_end|>")
    llama3 = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    plain: dict[str, tuple[Any, Architecture, Any]] = (
        {
            "math_shepherd": (tiny_tokenizer(blank_first=True), "mistral", causal),
            "openr": (tiny_tokenizer(chatml), "qwen2", causal),
            "rlhflow": (tiny_tokenizer(llama3, bos=llama3[0], template=LLAMA3), "llama", causal),
            "fover": (tiny_tokenizer(chatml, template=CHATML), "qwen2", causal),
            "pure": (tiny_tokenizer(chatml), "qwen2", classifier),
            "trl": (tiny_tokenizer(chatml, bos="<|im_start|>"), "qwen2", classifier),
            "qwen": (tiny_tokenizer((*chatml, "<extra_0>"), template=CHATML), "qwen2", backbone),
            "skywork": (tiny_tokenizer(chatml, bos="<|endoftext|>"), "qwen2", causal),
            "reasoneval": (tiny_tokenizer(blank_first=True), "mistral", backbone),
        }
        if family in FAMILY_NAMES and family != "prm_gym"
        else {}
    )
    if family == "prm_gym":
        settings = settings or OwnSettings()
        tokenizer = tiny_tokenizer(bos="<|endoftext|>")
        add_tokens(tokenizer, settings)
        kind = causal if settings.head == "language-model" else classifier
        _save(directory, tokenizer, kind, tiny_config("qwen2", len(tokenizer), num_labels=2, **options), seed)
        write_settings(directory, settings)
        return directory
    if family not in plain:
        raise UnknownNameError("tiny checkpoint of a family", family, FAMILY_NAMES)
    tokenizer, architecture, kind = plain[family]
    if family == "reasoneval":
        tokenizer.pad_token = "<s>"
    labels = {"num_labels": 2} if kind is classifier else {}
    config = tiny_config(architecture, len(tokenizer), **labels, **options)
    width = int(config.hidden_size)
    heads: dict[str, dict[str, tuple[int, ...]]] = {
        "qwen": {"score.0.weight": (width, width), "score.0.bias": (width,), "score.2.weight": (2, width), "score.2.bias": (2,)},
        "skywork": {"v_head.summary.weight": (1, width), "v_head.summary.bias": (1,)},
        "reasoneval": {"score_head.weight": (3, width), "score_head.bias": (3,)},
    }
    _save(directory, tokenizer, kind, config, seed, heads.get(family, {}))
    names = {"qwen": "Qwen2ForProcessRewardModel", "reasoneval": "ReasonEval_7B"}
    if family in names:
        path = directory / "config.json"
        said = json.loads(path.read_text(encoding="utf-8")) | {"architectures": [names[family]]}
        if family == "qwen":  # code that is not there, and must not be missed
            said["auto_map"] = {"AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel"}
        path.write_text(json.dumps(said, indent=2), encoding="utf-8")
    return directory


def known_checkpoint(directory: Path, wrong: str = "9", settings: OwnSettings | None = None) -> Path:
    """Write a checkpoint of our own family whose verdicts are known: a step is right until a certain digit was said, and wrong from then on.

    Its one layer averages over the tokens so far, and its weights are set by hand. The scores are 0.944 and, within a thousand tokens, below 0.001.

    Args:
        directory: made where it is not there.
        wrong: one digit.
        settings: of our own family, with a token classifier.

    Returns:
        The folder.
    """
    torch, transformers = library("torch"), library("transformers")
    settings = settings or OwnSettings()
    tokenizer = tiny_tokenizer(bos="<|endoftext|>")
    add_tokens(tokenizer, settings)
    model = transformers.AutoModelForTokenClassification.from_config(tiny_config("qwen2", len(tokenizer), num_labels=2, num_hidden_layers=1))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.fill_(1.0 if "norm" in name else 0.0)
        model.model.embed_tokens.weight[:, 0] = 1.0  # every token
        model.model.embed_tokens.weight[tokenizer.convert_tokens_to_ids(wrong), 1] = 1.0
        model.model.layers[0].self_attn.v_proj.weight[0, 1] = 1.0
        model.model.layers[0].self_attn.o_proj.weight[1, 0] = 1.0
        model.score.weight[1, :2] = torch.tensor([0.5, -1000.0])
    return _write(directory, tokenizer, model, settings)


def _write(directory: Path, tokenizer: Any, model: Any, settings: OwnSettings | None = None) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    model.eval()
    with quiet():
        model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    if settings is not None:
        write_settings(directory, settings)
    return directory


def _save(directory: Path, tokenizer: Any, kind: Any, config: Any, seed: int, head: Mapping[str, tuple[int, ...]] | None = None) -> Path:
    """Write a model with drawn weights; a head of its own stands beside the backbone, under the names of its authors."""
    torch, files = library("torch"), library("safetensors.torch")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind.from_config(config)
        drawn = {name: torch.randn(shape) * 0.5 for name, shape in (head or {}).items()}
    _write(directory, tokenizer, model)
    if drawn:
        path = directory / "model.safetensors"
        prefix = "" if hasattr(model, "model") else "model."
        weights = {prefix + name: tensor for name, tensor in files.load_file(path).items()}
        files.save_file(weights | drawn, path, metadata={"format": "pt"})
    return directory
