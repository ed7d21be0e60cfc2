import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

from prm_gym.agent import Prompt  # noqa: E402
from prm_gym.agents.causal_lm import CausalLMPolicy  # noqa: E402
from prm_gym.errors import CheckpointError, UnknownNameError  # noqa: E402
from prm_gym.testing.tiny_models import tiny_causal_lm, tiny_tokenizer  # noqa: E402

QUESTIONS = ("How many eggs?", "What is 12 - 5?", "She has 3 + 4 eggs and buys 7 more. How many eggs does she have?")


def prompts(**options):
    return [Prompt(instructions="Reason step by step.", observation=each, episode=each, **options) for each in QUESTIONS]


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_a_checkpoint_writes_what_the_models_own_generate_writes(tmp_path, architecture):
    agent = CausalLMPolicy(str(tiny_causal_lm(tmp_path, architecture)), device="cpu", max_new_tokens=20)
    for prompt, action in zip(prompts(), agent.greedy().act(prompts()), strict=True):
        chat = [{"role": "user", "content": f"{prompt.instructions}\n\n{prompt.observation}"}]
        ids = agent.tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=False)
        theirs = agent.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20, eos_token_id=sorted(agent.turns.ends), pad_token_id=0
        )
        assert action.token_ids == tuple(theirs[0, ids.shape[1] :].tolist())
    assert agent.act([]) == []


def test_in_bfloat16_log_probabilities_are_those_of_the_model_to_its_precision(tmp_path):
    agent = CausalLMPolicy(str(tiny_causal_lm(tmp_path, initializer_range=0.1)), device="cpu", max_new_tokens=6, dtype="bfloat16")
    assert agent.generator.slots.table[0][0].dtype == torch.bfloat16
    for prompt, action in zip(prompts(), agent.act(prompts(seed=1)), strict=True):
        context = agent.contexts.context(prompt)
        with torch.no_grad():
            logits = agent.model(input_ids=torch.tensor([[*context, *action.token_ids]])).logits[0, len(context) - 1 : -1].float()
        expected = torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(action.token_ids)[:, None])[:, 0]
        # Logits of about 3 have 8 bits: they are right to about 2^-7 each.
        assert torch.allclose(torch.tensor(action.logprobs), expected, atol=0.06)


def test_the_context_is_what_model_window_and_option_allow(tmp_path):
    path = str(tiny_causal_lm(tmp_path / "window", "mistral", sliding_window=64))
    assert CausalLMPolicy(path, device="cpu", max_new_tokens=4)._context == 64
    path = str(tiny_causal_lm(tmp_path / "plain", "llama"))
    assert CausalLMPolicy(path, device="cpu", max_new_tokens=4)._context == 1024
    assert CausalLMPolicy(path, device="cpu", max_new_tokens=4, context=100)._context == 100


def test_models_that_are_none_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no folder"):
        CausalLMPolicy("./nowhere", device="cpu")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        CausalLMPolicy(str(tmp_path), device="cpu")
    path = tiny_causal_lm(tmp_path / "odd", tokenizer=tiny_tokenizer(template="{% for m in messages %}{{ m['content'][:3] }}{% endfor %}"))
    with pytest.raises(CheckpointError, match="as it is"):
        CausalLMPolicy(str(path), device="cpu")
    with pytest.raises(UnknownNameError, match="Did you mean 'prm_gym/Countdown-v0'"):
        CausalLMPolicy(texts="prm_gym/Countdwn-v0", device="cpu")
