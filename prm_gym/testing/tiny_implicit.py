"""A tiny implicit reward whose values are known: two causal language models with weights set by hand."""

from pathlib import Path
from typing import Any

from prm_gym.lm.libraries import library, quiet
from prm_gym.prm.implicit.loading import ImplicitSettings, write_settings
from prm_gym.testing.tiny_models import CHATML, tiny_causal_lm, tiny_tokenizer


def known_implicit_reward(directory: Path, disliked: str = "9", dislike: float = 8.0, beta: float = 1.0) -> Path:
    """Write a model and its reference, both without a memory.

    The reference says 1 / V of every token; the model gives one token e^-dislike times the weight of each other one. So a step of n other tokens is worth
    beta * n * log(V / Z), Z = V - 1 + e^-dislike, a little above zero, and each disliked token in it takes beta * dislike away.

    Args:
        directory: of the model; the reference lies in its folder `reference`.
        disliked: a text of one token.
        dislike: in nats.
        beta: of the reward.

    Returns:
        The folder.
    """
    torch, transformers = library("torch"), library("transformers")
    tokenizer = tiny_tokenizer(("<|im_start|>", "<|im_end|>"), template=CHATML)
    (token,) = tokenizer.encode(disliked, add_special_tokens=False)
    for folder, weight in ((directory / "reference", 0.0), (directory, dislike)):
        tiny_causal_lm(folder, "qwen2", tokenizer)
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(folder)
        with torch.no_grad():
            for layer in model.model.layers:  # what attention and the other layers add is nothing
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            model.model.embed_tokens.weight.fill_(1.0)  # so that every hidden state is the vector of ones
            model.lm_head.weight.zero_()
            model.lm_head.weight[token].fill_(-weight / model.config.hidden_size)
        with quiet():
            model.save_pretrained(folder)
    write_settings(directory, ImplicitSettings(reference="reference", beta=beta))
    return directory
