"""verl, the real package, without a GPU: its agent loop worker, its reward worker and its advantages, with our parts in their places."""

import asyncio
import json
import math
import pickle
from types import SimpleNamespace

import gymnasium as gym
import msgspec
import numpy as np
import pytest

verl = pytest.importorskip("verl")
torch = pytest.importorskip("torch")

from omegaconf import OmegaConf, open_dict  # noqa: E402
from verl import DataProto  # noqa: E402
from verl.workers.rollout.replica import TokenOutput  # noqa: E402

from prm_gym.errors import CreditError, EnvironmentFault  # noqa: E402
from prm_gym.integrations.verl import StepRewardManager, StepScore, batch_advantages, step_advantages, steps_of_mask  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.* is not available:UserWarning")  # of engines for what is not here
ENV = "prm_gym/Deduction-v0"
OPTIONS = {"difficulty": 1, "verifiers": ["z3"], "reward": "dense"}
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a model without weights: a tokenizer of bytes with a chat template, and a configuration."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast, Qwen2Config

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytewise = Tokenizer(BPE(vocab={letter: place for place, letter in enumerate(letters)}, merges=[]))
    bytewise.pre_tokenizer, bytewise.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<|im_end|>", pad_token="<|pad|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = TEMPLATE
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save_pretrained(folder)
    small = {"vocab_size": 300, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}
    Qwen2Config(**small, architectures=["Qwen2ForCausalLM"]).save_pretrained(folder)
    return folder


def _config(model, **rollout):
    """verl's own default configuration, with a model and short texts."""
    from pathlib import Path

    config = OmegaConf.load(Path(verl.__file__).parent / "trainer" / "config" / "_generated_ppo_trainer.yaml")
    with open_dict(config):
        config.actor_rollout_ref.model.path = str(model)
        config.actor_rollout_ref.rollout.update({"prompt_length": 2000, "response_length": 2000, "name": "vllm", **rollout})
    return config


class ScriptedServer:
    """In the place of verl's client of its inference servers, which need a GPU: says what a function of the conversation says."""

    def __init__(self, tokenizer, reply):
        self.tokenizer, self.reply, self.asked = tokenizer, reply, []

    async def generate(self, request_id, *, prompt_ids, sampling_params, **others):
        self.asked.append(self.tokenizer.decode(prompt_ids))
        written = self.tokenizer.encode(self.reply(self.asked[-1]) + "<|im_end|>")
        return TokenOutput(token_ids=written, log_probs=[-0.5] * len(written), extra_fields={"min_global_steps": 3, "max_global_steps": 3})


def _rows(seeds, agent="prm_gym_env", **extra):
    rows = len(seeds)
    told = [{"seed": seed, "env_id": ENV, "env_options": OPTIONS, **extra} for seed in seeds]
    return DataProto(
        batch=None,
        non_tensor_batch={
            "raw_prompt": np.array([[{"role": "user", "content": "play"}]] * rows, dtype=object),
            "agent_name": np.array([agent] * rows, dtype=object),
            "extra_info": np.array(told, dtype=object),
            "index": np.arange(rows),
        },
        meta_info={"global_steps": 1, "validate": False},
    )


def _raw_prompts(rows, text):
    prompts = np.empty(rows, dtype=object)
    prompts[:] = [[{"role": "user", "content": text}] for _ in range(rows)]
    return prompts


def _play(model, seeds, reply, rollout=None, **extra):
    """The batch that verl's own worker makes of the episodes, the tokenizer and what the server was asked."""
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker

    async def played():
        worker = AgentLoopWorker(_config(model, **(rollout or {})), None)
        worker.llm_client = ScriptedServer(worker.tokenizer, reply)
        rows = _rows(seeds, **extra)
        rows.non_tensor_batch["raw_prompt"] = _raw_prompts(len(seeds), "play")
        return await worker.generate_sequences(rows), worker

    batch, worker = asyncio.run(played())
    return batch, worker.tokenizer, worker.llm_client


def _proofs(seeds):
    """What a known proof says next, by what was seen first."""
    env, proofs = gym.make(ENV, **OPTIONS), {}
    for seed in seeds:
        seen, _ = env.reset(seed=seed)
        proofs[seen] = env.unwrapped.solution()
    env.close()
    return lambda asked: next(proof for seen, proof in proofs.items() if seen in asked)[asked.count("<|im_start|>assistant") - 1]


def test_an_episode_through_verls_own_worker(model):
    batch, tokenizer, server = _play(model, [0, 1], _proofs([0, 1]))
    told = batch.non_tensor_batch
    env = gym.make(ENV, **OPTIONS)
    for row, seed in enumerate([0, 1]):
        seen, info = env.reset(seed=seed)
        assert sum(seen in asked for asked in server.asked) == len(env.unwrapped.solution())  # the whole conversation, every time
        solution, rewards, keys = env.unwrapped.solution(), [], []
        for action in solution:
            keys.append(info["state_key"])
            _, reward, _, _, info = env.step(action)
            rewards.append(reward)
        assert told["step_rewards"][row] == rewards
        assert told["state_keys"][row] == keys
        assert told["next_state_keys"][row] == [*keys[1:], info["state_key"]]
        assert told["step_scores"][row] == [{"z3": 1.0}] * len(solution)
        assert (told["outcome"][row], told["valid"][row], told["steps"][row], told["min_global_steps"][row]) == (1.0, True, len(solution), 3)
        # The spans hold what was written, with the token that closes it; the mask is 1 there and nowhere else.
        response, mask = batch.batch["responses"][row], batch.batch["response_mask"][row]
        texts = [tokenizer.decode(response[begin:end]) for begin, end in told["step_spans"][row]]
        assert texts == [f"{action}<|im_end|>" for action in solution]
        assert sum(end - begin for begin, end in told["step_spans"][row]) == mask.sum()
        assert all(mask[begin:end].all() for begin, end in told["step_spans"][row])
        assert steps_of_mask(batch.batch["response_mask"])[row] == told["step_spans"][row]
        assert batch.batch["rm_scores"][row].sum() == pytest.approx(sum(rewards))
    env.close()


def _as_trained(model, seeds, reply, agent="prm_gym_env", rewards=None, reward_model=None, **options):
    """What the loop hands to verl's newest trainer: `as_dict` of its output (`agent_loop_tq.py`)."""
    from verl.experimental.agent_loop.agent_loop import AgentLoopWorker

    given = []

    class Worker(AgentLoopWorker):
        async def _agent_loop_postprocess(self, output, validate, **kwargs):
            await self._compute_score([output], kwargs=kwargs)
            given.append(output.as_dict())
            return await super()._agent_loop_postprocess(output, validate, **kwargs)

    async def played():
        worker = Worker(_config(model, **options.pop("rollout", {})), None)
        worker.llm_client = ScriptedServer(worker.tokenizer, reply)
        if rewards is not None:
            worker.reward_loop_worker_handles = [SimpleNamespace(compute_score=SimpleNamespace(remote=rewards().compute_score))]
        rows = _rows(seeds, agent)
        rows.non_tensor_batch["raw_prompt"] = _raw_prompts(len(seeds), "play")
        rows.non_tensor_batch["reward_model"] = np.array([reward_model] * len(seeds), dtype=object)
        await worker.generate_sequences(rows)

    asyncio.run(played())
    return given


def test_each_step_is_paid_on_its_last_token(model):
    (field,) = _as_trained(model, [0], _proofs([0]))
    told = field["extra_fields"]
    expected = torch.zeros(len(field["responses"]))
    for (_, end), reward in zip(told["step_spans"], told["step_rewards"], strict=True):
        expected[end - 1] = reward
    assert len(told["step_rewards"]) > 1
    assert torch.equal(field["rm_scores"], expected)
    assert field["rollout_log_probs"][field["response_mask"] == 1].tolist() == [-0.5] * int(field["response_mask"].sum())


def test_an_episode_cut_by_the_length_is_worth_what_running_out_of_steps_is(model):
    (field,) = _as_trained(model, [0], lambda asked: "nonsense", rollout={"response_length": 600})
    told = field["extra_fields"]
    assert len(field["responses"]) == len(field["response_mask"]) <= 600
    assert told["outcome"] == 0.0
    assert 1 <= len(told["step_spans"]) < 32
    assert told["step_spans"][-1][1] <= 600
    assert {score for scores in told["step_scores"] for score in scores.values()} == {0.0}  # malformed


def test_a_server_that_gives_no_token_ends_the_episode(model, monkeypatch):
    """At the second turn it is cut; at the first one there is no response, which verl cannot take."""
    scripted = ScriptedServer.generate

    async def nothing(self, request_id, *, prompt_ids, **others):
        if turns > len(self.asked):
            return await scripted(self, request_id, prompt_ids=prompt_ids, **others)
        return TokenOutput(token_ids=[], log_probs=[])

    monkeypatch.setattr(ScriptedServer, "generate", nothing)
    turns = 1
    (field,) = _as_trained(model, [0], lambda asked: "nonsense")
    told = field["extra_fields"]
    assert (len(told["step_rewards"]), told["outcome"], told["valid"]) == (1, 0.0, True)
    assert field["response_mask"].sum() == told["step_spans"][0][1] == len("nonsense") + 1
    turns = 0
    with pytest.raises(EnvironmentFault, match="no token"):
        _as_trained(model, [0], lambda asked: "nonsense")


def test_a_spoilt_episode_trains_nobody(model, monkeypatch):
    def broken(self, action):
        raise EnvironmentFault("gone")

    monkeypatch.setattr("prm_gym.envs.logic.deduction.DeductionEnv.advance", broken)
    (field,) = _as_trained(model, [0], lambda asked: "nonsense")
    assert field["response_mask"].sum() == 0
    assert field["rm_scores"].sum() == 0
    assert (field["extra_fields"]["valid"], field["extra_fields"]["outcome"], field["extra_fields"]["step_scores"]) == (False, None, [{"z3": None}])


def _batch(rewards, mask, uid, **others):
    tensors = {"token_level_rewards": torch.tensor(rewards), "response_mask": torch.tensor(mask)}
    return DataProto.from_dict(tensors=tensors, non_tensors={"uid": np.array(uid, dtype=object), **others})


def _estimate(name, data):
    from verl.trainer.ppo.ray_trainer import compute_advantage

    return compute_advantage(data, adv_estimator=name, config=OmegaConf.create({})).batch["advantages"]


# Two responses to one prompt, of two steps each (tokens 0-1 and 3, tokens 0 and 2-3), and one to another prompt, spoilt.
MASK = [[1, 1, 0, 1], [1, 0, 1, 1], [0, 0, 0, 0]]
PAID = [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]


def test_verls_advantages_are_our_credit():
    # By hand, GRPO over totals 1 and 0: ±(1 - 1/2) / (std + eps) with std = sqrt(1/2) of two values (ddof 1); what was shown has none.
    one = 0.5 / (math.sqrt(0.5) + 1e-6)
    expected = torch.tensor([[one, one, 0, one], [-one, 0, -one, -one], [0, 0, 0, 0]])
    assert torch.allclose(_estimate("prm_gym_grpo", _batch(PAID, MASK, ["a", "a", "b"])), expected, atol=1e-4)
    # RLOO: the other's total is the baseline; the spoilt response of the same prompt is not among the others.
    expected = torch.tensor([[1.0, 1, 0, 1], [-1, 0, -1, -1], [0, 0, 0, 0]])
    assert torch.allclose(_estimate("prm_gym_rloo", _batch(PAID, MASK, ["a", "a", "a"])), expected)


def test_return_to_go_tells_the_steps_apart():
    """REINFORCE with gamma 1/2: the first step earns 0 + 1/2 * 1; a step's tokens share its advantage."""
    advantages = step_advantages("reinforce?gamma=0.5&baseline=none", torch.tensor(PAID), steps_of_mask(torch.tensor(MASK)), ["a", "a", "b"])
    assert torch.allclose(advantages[0], torch.tensor([0.5, 0.5, 0.0, 1.0]))


def test_given_advantages_pass_through():
    given = _estimate("prm_gym_given", _batch([[0.5, 0.5, 9.0, -1.0]], [[1, 1, 0, 1]], ["a"]))
    assert given.tolist() == [[0.5, 0.5, 0.0, -1.0]]


def test_credit_by_states_over_a_batch_of_the_agent_loop(model):
    """GiGPO needs the states, which the loop gives: over verl's own batch it is our GiGPO over the same episodes played here."""
    from prm_gym.agent import make_agent
    from prm_gym.credit import StepBatch, assign
    from prm_gym.rollout import Rollouts, groups

    good, _, _ = _play(model, [0], _proofs([0]))
    bad, _, _ = _play(model, [0], lambda asked: "UNKNOWN")
    batch = DataProto.concat([good, bad])
    batch.non_tensor_batch["uid"] = np.array(["a", "a"], dtype=object)
    advantages = batch_advantages("gigpo?gamma=0.95", batch)

    local = Rollouts(ENV, OPTIONS, num_envs=1)
    played = local.play(make_agent("scripted"), groups([0], attempts=1, prefix="s")) + local.play(make_agent("constant:UNKNOWN"), groups([0], 1, prefix="c"))
    expected = assign("gigpo?gamma=0.95", StepBatch.from_trajectories([msgspec.structs.replace(each, group_id="a") for each in played])).advantages
    spans = [(row, *span) for row, steps in enumerate(batch.non_tensor_batch["step_spans"]) for span in steps]
    assert [len(trajectory.steps) for trajectory in played] == [len(steps) for steps in batch.non_tensor_batch["step_spans"]]
    for (row, begin, end), advantage in zip(spans, expected, strict=True):
        assert advantages[row, begin:end].tolist() == pytest.approx([advantage] * (end - begin), abs=1e-6)
    assert np.abs(expected).max() > 0.1
    assert not advantages[batch.batch["response_mask"] == 0].any()


SOLUTION = "There are 3 * 4 = 12 pens.\nWith five more, 12 + 5 = 18.\nThe answer is 18."


def _responses(tokenizer, texts, gold):
    """A batch as verl hands it to a reward manager: prompts padded on the left, responses on the right."""
    tokens = [tokenizer.encode(f"{text}<|im_end|>") for text in texts]
    width = max(map(len, tokens))
    responses = torch.tensor([each + [tokenizer.pad_token_id] * (width - len(each)) for each in tokens])
    mask = torch.tensor([[1] * len(each) + [0] * (width - len(each)) for each in tokens])
    prompts = torch.ones((len(texts), 2), dtype=torch.int64)
    return DataProto.from_dict(
        tensors={"prompts": prompts, "responses": responses, "attention_mask": torch.cat([torch.ones_like(prompts), mask], dim=1)},
        non_tensors={
            "data_source": np.array(["sums"] * len(texts), dtype=object),
            "reward_model": np.array([{"ground_truth": gold}] * len(texts), dtype=object),
            "extra_info": np.array([{"question": "How many pens?"}] * len(texts), dtype=object),
        },
    )


def test_the_reward_manager_pays_the_steps_through_verls_own_worker(model):
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    config = _config(model)
    with open_dict(config):
        config.reward.reward_manager.name = "prm_gym"
        config.reward.reward_kwargs = {"verifier": "arithmetic", "reward": "dense"}

    async def scored():
        worker = RewardLoopWorker(config)
        data = _responses(worker.input_tokenizer, [SOLUTION, SOLUTION.replace("18", "17")], "17")
        return await worker.compute_score_batch(data), data, worker

    results, data, worker = asyncio.run(scored())
    assert isinstance(worker.reward_manager, StepRewardManager)
    wrong, right = (pickle.loads(pickle.dumps(result["reward_score"])) for result in results)  # as from another process
    assert [result["reward_extra_info"] for result in results] == [{"outcome": value, "decided": 1.0, "steps": 3.0} for value in (0.0, 1.0)]
    # The first steps of both are true and are paid alike; the second is false in one, and the last states the answer.
    assert wrong.rewards[0] == right.rewards[0] > 0 > wrong.rewards[1]
    assert right.rewards[1] > 0
    assert right.rewards[2] - wrong.rewards[2] == pytest.approx(1.0)
    paid = StepRewardManager.assemble_rm_scores(data, [wrong, right])
    lines = [len(line) for line in SOLUTION.splitlines(keepends=True)]  # one token a letter
    ends = [lines[0], lines[0] + lines[1], len(SOLUTION) + 1]  # the last with the token that closes the response
    assert wrong.ends == tuple(ends)
    for row, score in enumerate((wrong, right)):
        assert [paid[row, end - 1].item() for end in ends] == pytest.approx(list(score.rewards))
        assert paid[row].sum() == pytest.approx(sum(score.rewards))


def test_a_written_solution_is_paid_step_by_step_while_responses_come_in(model):
    """The loop of one turn with our reward manager, asked as verl asks its reward workers; these are actors of Ray there."""
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    config = _config(model)
    with open_dict(config):
        config.reward.reward_manager.name = "prm_gym"
    given = _as_trained(
        model, [0], lambda asked: SOLUTION, agent="prm_gym_solution", rewards=lambda: RewardLoopWorker(config), reward_model={"ground_truth": "17"}
    )
    (field,) = given
    lines = [len(line) for line in SOLUTION.splitlines(keepends=True)]
    paid = field["rm_scores"].nonzero().flatten().tolist()
    assert len(field["rm_scores"]) == len(SOLUTION) + 1
    assert paid == [lines[0] - 1, lines[0] + lines[1] - 1]  # a true step and a false one; the wrong answer earns nothing
    assert field["rm_scores"][paid[0]] > 0 > field["rm_scores"][paid[1]]
    assert field["extra_fields"]["reward_extra_info"] == {"outcome": 0.0, "decided": 1.0, "steps": 3.0}


def test_a_long_solution_earns_no_more_than_its_scheme_gives(model):
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    config = _config(model)
    with open_dict(config):
        config.reward.reward_manager.name = "prm_gym"

    async def scored():
        worker = RewardLoopWorker(config)
        lines = [f"{number} + 1 = {number + 1}." for number in range(1, 51)]
        return await worker.compute_score(_responses(worker.input_tokenizer, ["\n".join([*lines, "The answer is 51."])], "51"))

    result = asyncio.run(scored())
    # 51 lines are 32 steps, the last of which holds the rest; all are right: "dense" gives each 0.45 / 32, and 1 for the answer.
    assert result["reward_extra_info"] == {"outcome": 1.0, "decided": 1.0, "steps": 32.0}
    assert float(result["reward_score"]) == pytest.approx(1.45)
    assert result["reward_score"].rewards == pytest.approx([0.45 / 32] * 31 + [1 + 0.45 / 32])


def test_an_empty_response_is_no_answer(model):
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    config = _config(model)
    with open_dict(config):
        config.reward.reward_manager.name = "prm_gym"

    async def scored():
        worker = RewardLoopWorker(config)
        return await worker.compute_score(_responses(worker.input_tokenizer, [""], "17"))

    result = asyncio.run(scored())
    assert (float(result["reward_score"]), result["reward_extra_info"]["steps"]) == (0.0, 0.0)


def test_the_reward_function_through_verls_own_manager(model):
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

    config = _config(model)
    with open_dict(config):
        config.reward.custom_reward_function = {"path": "pkg://prm_gym.integrations.verl_score", "name": "compute_score", "reward_kwargs": {"undecided": 0.25}}

    async def scored():
        worker = RewardLoopWorker(config)
        texts = [SOLUTION, SOLUTION.replace("18", "17"), "I think that it is a large number of pens."]
        return await worker.compute_score_batch(_responses(worker.input_tokenizer, texts, "17"))

    wrong, right, open_end = asyncio.run(scored())
    assert (wrong["reward_score"], right["reward_score"]) == (0.0, 1.0)
    assert wrong["reward_extra_info"] == {"score": 0.0, "decided": 1.0, "steps": 3.0, "steps_judged": 2.0, "steps_wrong": 1.0}
    assert open_end["reward_extra_info"]["steps_judged"] == 0.0


def test_a_step_is_never_guessed():
    with pytest.raises(CreditError, match="one value a step"):
        step_advantages("gigpo", torch.zeros(1, 4), [[(0, 2), (3, 4)]], ["a"], state_key=[["only one"]])
    with pytest.raises(CreditError, match="state_key"):
        step_advantages("gigpo", torch.zeros(1, 4), [[(0, 2)]], ["a"])
    assert step_advantages("grpo", torch.zeros(2, 3), [[], []], ["a", "a"]).tolist() == [[0.0] * 3] * 2
    assert json.loads(json.dumps(StepScore([0.5, 0.25], [1, 2]))) == 0.75


def test_the_page_runs(page):
    page("verl")
