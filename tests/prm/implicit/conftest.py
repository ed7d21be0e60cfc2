"""Tiny causal language models: one, another with the same tokenizer, and one with another."""

import pytest

from prm_gym.testing.tiny_models import CHATML, tiny_causal_lm, tiny_tokenizer


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    return tiny_causal_lm(tmp_path_factory.mktemp("model"), seed=1)


@pytest.fixture(scope="session")
def reference_folder(tmp_path_factory):
    return tiny_causal_lm(tmp_path_factory.mktemp("reference"), seed=2)


@pytest.fixture(scope="session")
def quiet_folder(tmp_path_factory):
    """With small first weights, to learn from."""
    return tiny_causal_lm(tmp_path_factory.mktemp("quiet"), seed=1, initializer_range=0.05)


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory):
    """Without a chat template, with a token that begins every text, and with another architecture."""
    return tiny_causal_lm(tmp_path_factory.mktemp("plain"), "llama", tiny_tokenizer(("<|im_start|>",), bos="<|im_start|>"), seed=3)


@pytest.fixture(scope="session")
def other_tokens_folder(tmp_path_factory):
    return tiny_causal_lm(tmp_path_factory.mktemp("other"), "qwen2", tiny_tokenizer(("<|im_start|>", "<|im_end|>", "<|more|>"), template=CHATML), seed=4)
