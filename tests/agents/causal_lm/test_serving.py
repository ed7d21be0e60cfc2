"""Free text from a server with vLLM's or SGLang's interface is what the policy itself would have written, and is learnt from as such."""

import math
import pickle
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

sys.path.insert(0, str(Path(__file__).parent))

from completions_server import CompletionsServer  # noqa: E402

from prm_gym.agent import Action, Preference, Prompt  # noqa: E402
from prm_gym.agents.causal_lm import CausalLMPolicy  # noqa: E402
from prm_gym.credit import Credit, StepBatch  # noqa: E402
from prm_gym.drafting import Draft  # noqa: E402
from prm_gym.errors import OptionError  # noqa: E402
from prm_gym.lm.sampling import Sampling  # noqa: E402
from prm_gym.rollout import Rollouts, groups  # noqa: E402

SMALL = {"width": 16, "layers": 1, "heads": 2, "seed": 5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A decoder of a few thousand weights, drawn wide, so that some tokens are much more probable than others."""
    path = tmp_path_factory.mktemp("served")
    made = CausalLMPolicy(**SMALL, device="cpu")
    with torch.no_grad():
        for weight in made.model.parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, 0.4, generator=torch.Generator().manual_seed(3))
    made.save(path)
    return path


@pytest.fixture
def policy():
    """Makes policies of a folder, with a server or without, and closes their connections."""
    made = []

    def make(folder, server=None, **options):
        served = {} if server is None else {"server": server.url, "server_kind": server.kind, "server_attempts": 1, "server_seconds": 60.0}
        made.append(CausalLMPolicy(str(folder), device="cpu", **{"choose": "free", "max_new_tokens": 6, **served, **options}))
        return made[-1]

    yield make
    for agent in made:
        agent.close()


def prompts(count=5, **options):
    return [Prompt(instructions="go", observation=f"where? {at}", episode=f"e{at}", **options) for at in range(count)]


def own_logprobs(agent, prompt, action):
    context = agent.contexts.context(prompt)
    return agent.generator.log_probabilities(context, action.token_ids, Sampling(temperature=agent.acting.temperature))


def test_greedy_text_is_that_of_the_policy_itself(policy, folder):
    with CompletionsServer(folder) as server:
        served = policy(folder, server).greedy().act(prompts())
    own = policy(folder).greedy().act(prompts())
    assert [action.token_ids for action in served] == [action.token_ids for action in own]
    assert [action.text for action in served] == [action.text for action in own]
    for one, other in zip(served, own, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    assert server.requests[0]["top_k"] == -1  # what the server's own defaults might be is not left to it
    assert {"temperature": 0.0, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.0}.items() <= server.requests[0].items()


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
def test_sampled_text_has_the_policys_log_probabilities(policy, folder, kind):
    with CompletionsServer(folder, kind) as server:
        agent = policy(folder, server, temperature=1.4)
        assert not agent.seeded
        assert not agent.greedy().seeded
        asked = prompts(seed=3)
        actions = agent.act(asked)
        for prompt, action in zip(asked, actions, strict=True):
            assert action.logprobs == pytest.approx(own_logprobs(agent, prompt, action), abs=1e-4)
            assert action.policy_version == 0
        assert agent.report()["server_gap"] < 1e-4
        assert len(server.requests) == 5
        # Begun and finished: the texts that are gone on with have draws of their own, and log-probabilities throughout.
        drafts = agent.draft(asked, 2)
        finished = agent.complete(asked, drafts)
        going = [at for at, draft in enumerate(drafts) if not draft.whole]
        assert going
        for at in going:
            assert finished[at].token_ids[:2] == drafts[at].token_ids
            assert finished[at].logprobs == pytest.approx(own_logprobs(agent, asked[at], finished[at]), abs=1e-4)
        assert len({request["seed"] for request in server.requests[5:]}) == 2  # one seed for beginnings, another for what follows


def test_draws_have_the_policys_distribution(policy, folder):
    # 600 draws of one token. Its probabilities p under the policy are known; with the eight most probable tokens and the rest as nine cells, the sum of
    # (observed - N p)^2 / (N p) has 8 degrees of freedom, and P(X > x) = exp(-x/2) sum_{i<4} (x/2)^i / i!, which is 1e-6 at x = 42.7.
    count, cells = 600, 8
    with CompletionsServer(folder) as server:
        agent = policy(folder, server, temperature=0.8, max_new_tokens=1)
        prompt = Prompt(instructions="", observation="x")
        drawn = Counter(action.token_ids[0] for action in agent.act([prompt] * count))
    context = agent.contexts.context(prompt)
    with torch.no_grad():
        p = torch.softmax(agent.model(input_ids=torch.tensor([context])).logits[0, -1].double() / 0.8, dim=0).numpy()
    best = np.argsort(-p)[:cells]
    expected = np.append(p[best], 1.0 - p[best].sum()) * count
    assert expected.min() > 5.0  # or it is no chi-square
    observed = np.append([drawn[int(token)] for token in best], count - sum(drawn[int(token)] for token in best))
    assert ((observed - expected) ** 2 / expected).sum() < 42.7
    assert math.exp(-21.35) * sum(21.35**i / math.factorial(i) for i in range(4)) == pytest.approx(1e-6, rel=0.01)


def test_listed_actions_are_chosen_by_the_policy_itself(policy, folder):
    with CompletionsServer(folder) as server:
        agent = policy(folder, server, choose="auto")
        actions = agent.act(prompts(4, actions=("left", "right"), seed=1))
    assert {action.text for action in actions} <= {"left", "right"}
    assert server.requests == []


def test_a_line_ends_where_the_policy_would_end_it(policy, folder):
    with CompletionsServer(folder) as server:
        agent = policy(folder, server, stop="line", max_new_tokens=40)
        for action in agent.act(prompts(8)):
            ended = [agent.turns.ended(action.token_ids[:n]) for n in range(1, len(action.token_ids) + 1)]
            assert not any(ended[:-1])
            assert ended[-1] or len(action.token_ids) == 40


def learnt(agent, asked):
    """An agent that has learnt to write a text that it did not write."""
    wanted = Action(text="left")
    for prompt in asked:
        agent.prefer([Preference(prompt=prompt, chosen=wanted, rejected=Action(text="zzz"))])
    return agent


@pytest.mark.parametrize("kind", ["vllm", "sglang"])
@pytest.mark.parametrize("lora", [0, 2], ids=["whole", "adapters"])
def test_after_an_update_the_server_has_the_weights(policy, folder, tmp_path, kind, lora):
    if lora:
        pytest.importorskip("peft")
    base, handed = folder, tmp_path / "handed"
    if kind == "vllm" and not lora:  # it takes whole weights only from the folder that it was started from
        policy(folder).save(handed)
        base = handed
    learning = {"learning_rate": 3e-2, "preference": "simpo"}
    with CompletionsServer(base, kind) as server:
        agent = policy(folder, server, lora=lora, server_weights=str(handed), learning=learning)
        asked = prompts(3)
        before = agent.greedy().act(asked)
        assert server.calls == []
        learnt(agent, asked)
        after = agent.greedy().act(asked)
        assert [action.policy_version for action in (before[0], after[0])] == [0, 3]
        assert agent.report()["server_gap"] < 1e-4
        agent.greedy().act(asked)
        agent.act(asked)
        assert len(server.calls) == (2 if kind == "vllm" and not lora else 1)  # handed over once
        agent.close()
        own = policy(folder, lora=lora, learning=learning)
        own.model.load_state_dict(agent.model.state_dict())
        assert [action.token_ids for action in after] == [action.token_ids for action in own.greedy().act(asked)]
        assert [action.token_ids for action in after] != [action.token_ids for action in before]
        if lora:
            learnt(agent, asked)
            agent.act(asked)
            assert list(server.adapters) == ["prm_gym-6"]  # the one before is gone
            server.adapters.clear()  # started anew
            assert all("no longer has the adapter" in action.failure for action in agent.act(asked))
            assert all(action.policy_version == 6 for action in agent.act(asked))


def test_a_server_that_keeps_its_weights_is_found_out(policy, folder, tmp_path):
    with CompletionsServer(folder, "sglang", faults=["deaf"]) as server:
        agent = policy(folder, server, server_weights=str(tmp_path), learning={"learning_rate": 3e-2, "preference": "simpo"})
        asked = prompts(3)
        agent.act(asked)
        assert agent.report()["server_gap"] < 1e-4
        learnt(agent, asked).act(asked)
        assert agent.report()["server_gap"] > 0.05


def test_a_copy_asks_the_same_server_and_gives_it_nothing_again(policy, folder, tmp_path):
    with CompletionsServer(folder, "sglang") as server:
        agent = learnt(policy(folder, server, server_weights=str(tmp_path), learning={"preference": "simpo"}), prompts(2))
        copies = [pickle.loads(pickle.dumps(agent)) for _ in range(2)]
        for each in copies:
            assert [action.policy_version for action in each.act(prompts(2))] == [2, 2]
            assert each.report()["server_gap"] < 1e-4
            each.close()
        agent.act(prompts(2))
        assert len(server.calls) == 1


def test_a_busy_server_is_asked_again(policy, folder):
    with CompletionsServer(folder, faults=["busy"]) as server:
        agent = policy(folder, server, server_attempts=2)
        assert not agent.act(prompts(1))[0].failure
        assert len(server.requests) == 2
        assert agent.report()["server_failures"] == 0.0


def test_stale_text_is_known_by_its_version(policy, folder):
    rollouts = Rollouts("prm_gym/Countdown-v0", {"verifiers": [], "reward": "outcome", "difficulty": 1, "max_steps": 2}, num_envs=4)
    with CompletionsServer(folder) as server:
        agent = policy(folder, server, learning={"old": "recomputed", "importance_cap": 2.0})  # weights are not handed over
        batch = StepBatch.from_trajectories(rollouts.play(agent, groups(range(2), 2)))
        count = batch.rewards.size
        credit = Credit(advantages=np.linspace(-1.0, 1.0, count), returns=np.zeros(count), keep=np.ones(count, dtype=bool), diagnostics={})
        found = [agent.update(batch, credit) for _ in range(2)]
    rollouts.close()
    assert [metrics["staleness"] for metrics in found] == [0.0, 1.0]
    assert found[0]["importance"] == pytest.approx(1.0, abs=1e-3)  # min(pi / pi_server, 2) of tokens that the server drew with the policy's own probabilities
    assert abs(found[1]["importance"] - 1.0) > abs(found[0]["importance"] - 1.0)


def test_a_server_that_dies_spoils_its_episodes_and_nothing_else(policy, folder):
    rollouts = Rollouts("prm_gym/Countdown-v0", {"verifiers": [], "reward": "outcome", "difficulty": 1, "max_steps": 3}, num_envs=4)
    with CompletionsServer(folder, dies_after=14) as server:
        agent = policy(folder, server)
        played = rollouts.play(agent, groups(range(4), 2))
        drafts = agent.draft(prompts(1), 2)
        assert drafts == [Draft("", (), logprobs=())]
        assert "does not answer" in agent.complete(prompts(1), drafts)[0].failure
    rollouts.close()
    # Eight episodes of three steps are 24 texts, of which 14 were written: four episodes were finished with the first twelve.
    assert [trajectory.valid for trajectory in played].count(True) == 4
    assert all(trajectory.outcome is None for trajectory in played if not trajectory.valid)
    assert agent.report()["server_failures"] >= 4.0


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no ids", "does not honour return_token_ids"),
        ("no logprobs", "0 log-probabilities for 6 tokens"),
        ("another prompt", "must not change it"),
        ("foreign tokens", "serves another model"),
        ("raw", "--logprobs-mode processed_logprobs"),
    ],
)
def test_answers_that_cannot_be_learnt_from_are_refused_by_name(policy, folder, fault, message):
    with CompletionsServer(folder, faults=[fault]) as server:
        agent = policy(folder, server, temperature=2.0)
        with pytest.raises(OptionError, match=message):
            agent.act(prompts(1))


def test_servers_that_cannot_do_it_are_refused_by_name(policy, folder, tmp_path):
    with CompletionsServer(folder, faults=["no developer"]) as server:
        agent = policy(folder, server, server_weights=str(tmp_path), learning={"preference": "simpo"})
        learnt(agent, prompts(1))
        with pytest.raises(OptionError, match=r"refuses collective_rpc: HTTP status 404.*VLLM_SERVER_DEV_MODE=1"):
            agent.act(prompts(1))
    with CompletionsServer(folder, "sglang", faults=["no room"]) as server:
        agent = policy(folder, server, server_weights=str(tmp_path / "other"), learning={"preference": "simpo"})
        learnt(agent, prompts(1))
        with pytest.raises(OptionError, match="did not take the weights: out of memory"):
            agent.act(prompts(1))
    with CompletionsServer(folder, faults=["short"]) as server, pytest.raises(OptionError, match=r"maximum context length is 16.*--max-model-len"):
        policy(folder, server).act(prompts(1))
    with CompletionsServer(folder) as server, pytest.raises(OptionError, match="`nobody` does not exist"):
        policy(folder, server, server_model="nobody").act(prompts(1))
    with pytest.raises(OptionError, match="cannot be reached"):
        policy(folder, server).act(prompts(1))
    with pytest.raises(OptionError, match="begins with http"):
        CausalLMPolicy(server="localhost:8000", **SMALL)
    with pytest.raises(OptionError, match="needs a server"):
        CausalLMPolicy(server_weights="there", **SMALL)
