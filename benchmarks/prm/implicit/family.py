"""Arithmetic on a clock of ten hours, done by writers of mixed skill; and a small language model of what they write."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from prm_gym.chains import written
from prm_gym.lm.batching import length_sorted
from prm_gym.lm.libraries import quiet
from prm_gym.prm.implicit.encoding import ChainEncoder
from prm_gym.prm.implicit.logprobs import CausalModel, collate
from prm_gym.prm.labelled import LabelledChain
from prm_gym.testing.tiny_models import tiny_config, tiny_tokenizer

SKILLS = (0.03, 0.15, 0.35)  # probability of a slip in a step, one for each writer


def solutions(problems: int, attempts: int, seed: int) -> list[LabelledChain]:
    """Attempts at random problems: `3 + 9`, then four more operations, each a step `3 + 9 = 2`. A slip writes another digit and is built upon.

    Labels are of each step by itself; the outcome is whether the last digit is the right one, so slips that cancel out end well.
    """
    rng = np.random.default_rng(seed)
    found: list[LabelledChain] = []
    for problem in range(problems):
        start, terms = int(rng.integers(10)), rng.integers(1, 10, size=5).tolist()
        signs = rng.integers(0, 3, size=5).tolist()
        text = f"Start at {start}. " + " ".join(f"{'+-*'[sign]} {term}" for sign, term in zip(signs, terms, strict=True))
        gold = start
        for sign, term in zip(signs, terms, strict=True):
            gold = _result(gold, sign, term)
        for attempt in range(attempts):
            skill, value = SKILLS[int(rng.integers(len(SKILLS)))], start
            steps: list[str] = []
            labels: list[float] = []
            for sign, term in zip(signs, terms, strict=True):
                right = _result(value, sign, term)
                slip = rng.random() < skill
                written_down = (right + int(rng.integers(1, 10))) % 10 if slip else right
                steps.append(f"{value} {'+-*'[sign]} {term} = {written_down}")
                labels.append(float(not slip))
                value = written_down
            chain = LabelledChain(id=f"{problem}/{attempt}", chain=written(text, steps), labels=tuple(labels), outcome=value == gold, source="clock")
            found.append(chain)
    return found


def _result(value: int, sign: int, term: int) -> int:
    return (value + term, value - term, value * term)[sign] % 10


def language_model(chains: list[LabelledChain], folder: Path, seed: int, epochs: int, width: int) -> dict[str, Any]:
    """Train a small decoder from scratch on what the writers wrote, right or wrong, and save it.

    Returns:
        Its parameters, the tokens that it saw, and its mean log-probability of a token of a step in the last epoch.
    """
    tokenizer = tiny_tokenizer(bos="<|endoftext|>")
    torch.manual_seed(seed)
    config = tiny_config(
        "qwen2", len(tokenizer), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=3, initializer_range=0.05, max_position_embeddings=256
    )
    model: Any = transformers.AutoModelForCausalLM.from_config(config)
    causal, encoder = CausalModel(model), ChainEncoder(tokenizer, "plain")
    encoded = [encoder.encode(one.chain) for one in chains]
    rng = np.random.default_rng(seed)
    batches = length_sorted([len(one.token_ids) for one in encoded], 1024)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * len(batches))
    tokens, last = 0, 0.0
    for epoch in range(epochs):
        for at in rng.permutation(len(batches)).tolist():
            batch = collate([encoded[index] for index in batches[at]], "cpu")
            logprobs = causal.logprobs(batch)
            loss: Any = -logprobs.mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            tokens += sum(len(encoded[index].token_ids) for index in batches[at])
            last += float(logprobs.mean().detach()) / len(batches) if epoch == epochs - 1 else 0.0
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return {"parameters": sum(weight.numel() for weight in model.parameters()), "tokens": tokens, "logprob": last}
