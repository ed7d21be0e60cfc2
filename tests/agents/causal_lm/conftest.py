"""Tiny models and sequences for the tests of learning."""

import numpy as np
import pytest

VOCABULARY = 24


def _small_model(seed=0, **options):
    import torch
    import transformers

    from prm_gym.testing.tiny_models import tiny_config

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transformers.AutoModelForCausalLM.from_config(tiny_config("qwen2", VOCABULARY, **{**sizes, "tie_word_embeddings": True, **options})).eval()


def _drawn_sequences(count=6, seed=0, logprobs=True):
    from prm_gym.lm.sequences import ActionSpan, TokenSequence

    random = np.random.default_rng(seed)
    found, row = [], 0
    for _ in range(count):
        ids = random.integers(0, VOCABULARY, random.integers(2, 6)).tolist()
        spans, given = [], []
        for _ in range(random.integers(1, 4)):
            size = int(random.integers(1, 5))
            spans.append(ActionSpan(row, len(ids), len(ids) + size))
            given.append(tuple((-3.0 + 0.3 * random.standard_normal(size)).tolist()) if logprobs else None)
            ids += random.integers(0, VOCABULARY, size + int(random.integers(1, 4))).tolist()
            row += 1
        found.append(TokenSequence(tuple(ids), tuple(spans), tuple(given)))
    return found, row


@pytest.fixture
def small_model():
    """Makes decoders of two layers of width 16 with drawn weights."""
    return _small_model


@pytest.fixture
def drawn_sequences():
    """Makes sequences of one to three actions of one to four tokens, with rows 0, 1, 2, ... in order, and the number of rows."""
    return _drawn_sequences
