"""The network against models' own logits, with what some architectures do to theirs."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

from prm_gym.errors import CheckpointError
from prm_gym.lm.policy_network import PolicyNetwork
from prm_gym.lm.sequences import ActionSpan, TokenSequence
from prm_gym.lm.token_table import collated, token_table

SIZES = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}
SEQUENCES = (
    TokenSequence((1, 2, 3, 4, 5), (ActionSpan(0, 1, 3), ActionSpan(1, 4, 5)), (None, None)),
    TokenSequence((7, 8, 9), (ActionSpan(2, 2, 3),), (None,)),
)


def _model(kind, **options):
    config = getattr(transformers, f"{kind}Config")(**SIZES, pad_token_id=0, bos_token_id=None, eos_token_id=None, initializer_range=0.3, **options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return transformers.AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Llama", {}),
        ("Qwen2", {"tie_word_embeddings": True}),
        ("Gemma2", {"final_logit_softcapping": 2.0, "head_dim": 8, "query_pre_attn_scalar": 8}),
        ("Cohere", {"logit_scale": 0.25}),
        ("Granite", {"logits_scaling": 4.0}),
    ],
)
def test_it_says_what_the_model_says(kind, options):
    model = _model(kind, **options)
    network = PolicyNetwork(model, temperature=0.5)
    read = network(collated(token_table(SEQUENCES), [0, 1], torch.device("cpu")))
    known = []
    for sequence in SEQUENCES:
        ids = torch.tensor([sequence.ids])
        logprobs = (model(input_ids=ids).logits[0] / 0.5).log_softmax(dim=1)
        known += [logprobs[place - 1, sequence.ids[place]] for span in sequence.actions for place in range(span.start, span.stop)]
    torch.testing.assert_close(read.logprobs, torch.stack(known), atol=1e-4, rtol=1e-4)
    assert read.values is None


def test_a_value_is_read_before_the_action_and_does_not_see_it():
    network = PolicyNetwork(_model("Llama"), value_seed=3)
    with torch.no_grad():
        network.value_head.last.weight.fill_(1.0)

    def values(*ids):
        table = token_table([TokenSequence(ids, (ActionSpan(0, 2, 4),), (None,))])
        return network(collated(table, [0], torch.device("cpu"))).values

    assert torch.equal(values(1, 2, 3, 4), values(1, 2, 9, 9))
    assert not torch.equal(values(1, 2, 3, 4), values(1, 5, 3, 4))


def test_a_head_that_is_not_known_is_refused():
    model = _model("Llama")
    model.lm_head.register_forward_hook(lambda module, inputs, output: output + torch.arange(40.0))
    with pytest.raises(CheckpointError, match="not known here"):
        PolicyNetwork(model)
    with pytest.raises(CheckpointError, match="no plain head"):
        PolicyNetwork(_headless())


def _headless():
    config = transformers.LlamaConfig(**SIZES, pad_token_id=0, bos_token_id=None, eos_token_id=None, num_labels=2)
    return transformers.LlamaForTokenClassification(config).eval()
