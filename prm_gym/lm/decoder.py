"""Small decoders from scratch, with tokenizers of their own."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from prm_gym.lm.libraries import library

END = "<|end|>"
DECODER_CONTEXT = 2048
# How text is cut before the pairs of bytes are merged: words with their blank, digits one by one, other signs, blanks.
_WORDS = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_tokenizer(texts: Iterable[str], vocabulary: int, special: Sequence[str] = ()) -> Any:
    """A tokenizer over bytes that merges the pairs it has seen most often; it takes every text, and gives it back.

    Digits are tokens of their own, so that numbers can be computed with. The first token is the end of a text, and pads.

    Args:
        texts: to learn from; without any, every byte is a token.
        vocabulary: how many tokens at the most, with the special ones; never less than those and the 256 bytes.
        special: further tokens that no text yields.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    made: Any = Tokenizer(models.BPE())
    cut = pre_tokenizers.Split(Regex(_WORDS), "isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    trainer: Any = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[END, *special], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    kind: Any = library("transformers").PreTrainedTokenizerFast
    return kind(tokenizer_object=made, eos_token=END, pad_token=END)


def kept_tokenizer(directory: Path) -> Any | None:
    """The tokenizer that is kept in a folder; None where there is none."""
    kind: Any = library("transformers").PreTrainedTokenizerFast
    return kind.from_pretrained(directory) if (directory / "tokenizer.json").is_file() else None


def decoder_config(vocabulary: int, pad: int, *, width: int, layers: int, heads: int, context: int = 0) -> Any:
    """The configuration of a small decoder of the architecture of Qwen2.

    Args:
        vocabulary: V, rows of its embedding, which is its last layer too.
        pad: the token that pads and ends.
        width: H, of hidden states; a multiple of twice the heads.
        layers: how many.
        heads: of attention.
        context: tokens that it can read; 0 for 2,048.
    """
    # The usual 0.02 is of models some 1,000 wide. Narrow ones with it see next to nothing of their context at first, and need ten times the examples.
    spread = 0.02 * (1024 / width) ** 0.5
    return library("transformers").Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=(width * 8 // 3 + 15) // 16 * 16,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=context or DECODER_CONTEXT,
        tie_word_embeddings=True,
        initializer_range=spread,
        pad_token_id=pad,
        eos_token_id=pad,
    )
