"""TRL as installed: a tiny model of random weights takes real training steps.

Where what it writes must be known, its words are prescribed; all else is TRL's.
"""

import inspect
import json
import threading

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("datasets")
trl = pytest.importorskip("trl")

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402
from transformers.utils import get_json_schema  # noqa: E402
from trl.chat_template_utils import qwen2_5_chat_template  # noqa: E402

from prm_gym.credit import StepBatch, assign  # noqa: E402
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError  # noqa: E402
from prm_gym.integrations.completions import TextScorer  # noqa: E402
from prm_gym.integrations.spans import spans_of_pieces  # noqa: E402
from prm_gym.integrations.trl import (  # noqa: E402
    EnvironmentRollouts,
    as_async_reward_func,
    as_reward_func,
    environment_dataset,
    environment_factory,
    trajectory_reward,
)
from prm_gym.integrations.trl.environments import OVER  # noqa: E402
from prm_gym.integrations.trl.step_trainer import StepGRPOTrainer, require_token_level  # noqa: E402
from prm_gym.testing.tiny_models import tiny_causal_lm, tiny_tokenizer  # noqa: E402
from prm_gym.verdict import judged  # noqa: E402
from prm_gym.verifier import Verifier  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:transformers"),
    pytest.mark.filterwarnings("ignore:You are using:UserWarning"),  # TRL says that environments and roll-outs are experimental
]

COUNTDOWN = {"difficulty": 1, "reward": "dense"}
RIGHT = "3 * 4 = 12\n2 + 12 = 14\n#### 14"
WRONG = "3 * 4 = 13\n2 + 13 = 15\n#### 15"
SHARE = 0.45 / 32  # what "dense" gives for a right step of a text; a wrong one costs a fifth of it


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    tokenizer = tiny_tokenizer(("<|im_start|>", "<|im_end|>"), template=qwen2_5_chat_template)
    tokenizer.eos_token = "<|im_end|>"
    return str(tiny_causal_lm(tmp_path_factory.mktemp("trl") / "model", tokenizer=tokenizer, max_position_embeddings=4096))


def _config(folder, **options):
    given = {"per_device_train_batch_size": 2, "num_generations": 2, "max_completion_length": 64, "max_steps": 2, "learning_rate": 1e-2}
    quiet = {"report_to": [], "use_cpu": True, "save_strategy": "no", "disable_tqdm": True, "logging_steps": 1}
    return trl.GRPOConfig(output_dir=str(folder), **{**given, **quiet, **options})


class _Watched:
    """Keeps what is trained on, and the gradient of each token's log-probability."""

    said = None  # of each attempt its turns, in order

    def _generate(self, prompts):
        self.turns = [list(turns) for turns in self.said or ()]
        return super()._generate(prompts)

    def _generate_single_turn(self, prompt_ids, images, fields, num_generations, **options):
        if self.said is None:
            return super()._generate_single_turn(prompt_ids, images, fields, num_generations, **options)
        tokenizer = self._tokenizer
        waiting = [row for row, turns in enumerate(self.turns) if turns]
        assert len(prompt_ids) == len(waiting)
        return [[*tokenizer(self.turns[row].pop(0))["input_ids"], tokenizer.eos_token_id] for row in waiting], None

    def _generate_and_score_completions(self, inputs):
        output = super()._generate_and_score_completions(inputs)
        self.outputs = [*getattr(self, "outputs", ()), {name: value.clone() for name, value in output.items()}]
        return output

    def _get_per_token_logps_and_entropies(self, *arguments, **options):
        found = super()._get_per_token_logps_and_entropies(*arguments, **options)
        if found[0].requires_grad:
            found[0].retain_grad()
            self.logps = found[0]
        return found

    def _compute_loss(self, model, inputs):
        self.inputs = inputs
        return super()._compute_loss(model, inputs)


class _Plain(_Watched, trl.GRPOTrainer):
    pass


class _Steps(_Watched, StepGRPOTrainer):
    pass


def _trained(kind, model, said=None, **options):
    """A trainer after its steps, whose weights have changed."""
    trainer = kind(model, **options)
    trainer.said = said
    before = [weight.detach().clone() for weight in trainer.model.parameters()]
    trainer.train()
    assert any(not torch.equal(old, new) for old, new in zip(before, trainer.model.parameters(), strict=True))
    _untaught_tokens_have_no_gradient(trainer)
    return trainer


def _untaught_tokens_have_no_gradient(trainer):
    inputs, gradient = trainer.inputs, trainer.logps.grad
    taught = inputs["completion_mask"].bool() & inputs.get("tool_mask", inputs["completion_mask"]).bool()
    assert not gradient[~taught].any()
    advantages = inputs["advantages"] if inputs["advantages"].dim() == 2 else inputs["advantages"][:, None].expand(gradient.shape)
    # The first update is on the policy that sampled: the gradient falls where the advantage is positive.
    assert (torch.sign(gradient[taught]) == -torch.sign(advantages[taught])).all()


def _problems(count=2, **columns):
    return Dataset.from_list([{"prompt": f"{at}: what is 2 + 3 * 4?\n", "answer": "14", **columns} for at in range(count)])


def test_a_reward_function_of_ours_in_trls_own_trainer(model, tmp_path):
    reward = as_reward_func("sequence(arithmetic, equivalence)", name="answer")
    trainer = _trained(_Plain, model, [[RIGHT], [WRONG]], reward_funcs=reward, args=_config(tmp_path), train_dataset=_problems())
    # Rewards 1 and 0: (1 - 1/2) / (std + 1e-4), where the standard deviation of two values is sqrt(1/2).
    by_hand = 0.5 / (np.sqrt(0.5) + 1e-4)
    assert trainer.outputs[0]["advantages"].tolist() == pytest.approx([by_hand, -by_hand])
    assert trainer.state.log_history[0]["rewards/answer/mean"] == 0.5
    assert trainer.state.log_history[0]["answer/unscored_share"] == 0.0


class _Meeting(Verifier):
    """Holds a step right once another one is judged at the same time, in another thread."""

    id, version = "meeting", "1"

    def __init__(self, barrier):
        self.barrier = barrier

    def verify(self, steps):
        self.barrier.wait(timeout=60)  # raises where nobody else comes, which is a verdict without a score
        return [judged("correct", 1.0, "we met") for _ in steps]


def test_async_reward_functions_judge_at_the_same_time(model, tmp_path):
    barrier = threading.Barrier(2)
    rewards = [
        as_async_reward_func(_Meeting(barrier), gold=None, reward="dense", measure="min", name="first"),
        as_async_reward_func(_Meeting(barrier), gold=None, reward="dense", measure="min", name="second"),
        as_async_reward_func("equivalence", name="answer"),
    ]
    trainer = _trained(_Plain, model, [[RIGHT], [WRONG]], reward_funcs=rewards, args=_config(tmp_path, max_steps=1), train_dataset=_problems())
    # One after the other they would never meet, and there would be no rewards.
    figures = trainer.state.log_history[0]
    assert [figures[f"rewards/{name}/mean"] for name in ("first", "second", "answer")] == [1.0, 1.0, 0.5]
    assert [figures[f"{name}/unscored_share"] for name in ("first", "second", "answer")] == [0.0] * 3
    assert [each.trajectory.outcome for each in rewards[2].scored] == [1.0, 0.0]
    for reward in rewards:
        reward.close()
    with pytest.raises(UnknownNameError, match="arithmetic"):
        as_async_reward_func("arithmetik")


def test_an_answer_that_cannot_be_compared_moves_nobody(model, tmp_path):
    data = Dataset.from_list([{"prompt": "?\n", "answer": ""}] * 2)
    trainer = _Plain(model, reward_funcs=as_reward_func("equivalence"), args=_config(tmp_path, max_steps=1), train_dataset=data)
    trainer.said = [[RIGHT], [WRONG]]
    trainer.train()
    assert trainer.outputs[0]["advantages"].tolist() == [0.0, 0.0]
    assert trainer.state.log_history[0]["prm_gym/unscored_share"] == 1.0


def _steps_of_tokens(model, texts):
    """Of each token of each text its line, by the tokenizer's own offsets; the end of the sequence belongs to the last."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    found = []
    for text in texts:
        ends = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        found.append([text[: begin + 1].count("\n") - (text[begin] == "\n") for begin, _ in ends] + [text.count("\n")])
    return found


@pytest.mark.parametrize("credit", ["grpo_ps", "reinforce?gamma=0.5", "grpo"])
def test_each_token_gets_the_advantage_of_its_step(model, tmp_path, credit):
    scorer = TextScorer("sequence(arithmetic, equivalence)", reward="dense")
    trainer = _trained(_Steps, model, [[RIGHT], [WRONG]], credit=credit, scorer=scorer, args=_config(tmp_path), train_dataset=_problems())
    batch = StepBatch(
        rewards=[SHARE, SHARE, 1 + SHARE, -SHARE / 5, SHARE, -SHARE / 5],
        offsets=[0, 3, 6],
        group_ids=["one", "one"],
        outcomes=[1.0, 0.0],
        truncated=[False, False],
        columns={"score": [1.0, 1.0, 1.0, 0.0, 1.0, 0.0]},
    )
    wanted = assign(credit, batch).advantages.reshape(2, 3)
    for row, steps in enumerate(_steps_of_tokens(model, [RIGHT, WRONG])):
        assert trainer.outputs[0]["advantages"][row, : len(steps)].tolist() == pytest.approx(wanted[row, steps], abs=1e-6)
    assert trainer.state.log_history[0]["credit/left_out_share"] == 0.0
    if credit == "grpo":
        # Of the outcome alone nothing differs from TRL's own number, but for the total rewards.
        assert len(set(trainer.outputs[0]["advantages"][0].tolist())) == 1


def test_credit_may_need_tokens_and_columns_of_ones_own(model, tmp_path):
    seen = []

    def prepare(batch):
        seen.append(batch.numbers("n_tokens"))
        return batch.with_columns({"value": np.zeros(batch.rewards.size)})

    options = {"credit": "gae?gamma=1.0&lam=1.0", "prepare": prepare, "scorer": TextScorer("equivalence")}
    trainer = _trained(_Steps, model, [[RIGHT], [WRONG]], args=_config(tmp_path, max_steps=1), train_dataset=_problems(), **options)
    # With values of 0, no discount and lambda 1 the advantage is the return: the outcome, on every step.
    assert trainer.outputs[0]["advantages"][:, 0].tolist() == [1.0, 0.0]
    assert seen[0].sum() == int(trainer.outputs[0]["completion_mask"].sum())


def test_what_nobody_can_tell_and_what_a_filter_takes_out_trains_nobody(model, tmp_path):
    said = [[RIGHT], [WRONG], [RIGHT], [RIGHT], [RIGHT], [WRONG]]
    rows = [{"prompt": f"{at}?\n", "answer": answer} for at, answer in enumerate(["14", "14", ""])]
    options = {"per_device_train_batch_size": 6, "max_steps": 1, "shuffle_dataset": False}
    scorer = TextScorer("equivalence")
    trainer = _trained(
        _Steps, model, said, credit="zero_variance|grpo", scorer=scorer, args=_config(tmp_path, **options), train_dataset=Dataset.from_list(rows)
    )
    output = trainer.outputs[0]
    taught = (output["tool_mask"] * output["completion_mask"]).bool()
    # The second group is all right, which the filter takes out; of the third no answer is known, and its reason is said.
    assert taught.any(dim=1).tolist() == [True, True, False, False, False, False]
    assert not output["advantages"][~taught].any()
    assert int(output["num_items_in_batch"]) == int(taught.sum())
    assert [bool(each.reason) for each in trainer.episodes] == [False] * 4 + [True] * 2
    assert trainer.state.log_history[0]["credit/left_out_share"] == pytest.approx(1 / 3)


def test_a_batch_of_which_nothing_is_known_leaves_the_weights_alone(model, tmp_path):
    data = Dataset.from_list([{"prompt": "?\n", "answer": ""}] * 2)
    trainer = _Steps(model, scorer=TextScorer("equivalence"), args=_config(tmp_path, max_steps=1), train_dataset=data)
    trainer.said = [[RIGHT], [WRONG]]
    before = [weight.detach().clone() for weight in trainer.model.parameters()]
    trainer.train()
    assert trainer.credit_given is None
    assert all(torch.equal(old, new) for old, new in zip(before, trainer.model.parameters(), strict=True))


def test_further_rewards_are_paid_with_the_last_step(model, tmp_path):
    def short(completions, **columns):
        return [float(text == WRONG) for text in completions]

    args = _config(tmp_path, reward_weights=[0.5])
    options = {"credit": "reinforce?gamma=1.0&baseline=none", "scorer": TextScorer("equivalence")}
    trainer = _trained(_Steps, model, [[RIGHT], [WRONG]], reward_funcs=[short], args=args, train_dataset=_problems(), **options)
    assert trainer.outputs[0]["advantages"][:, 0].tolist() == pytest.approx([1.0, 0.5])


def _call(name, **arguments):
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


# Seed 3 of Countdown's easiest level asks for 18 of 2, 3 and 4.
PLAYED = [
    [_call("step", action="2 + 4 = 6"), _call("step", action="3 * 6 = 18"), "That is it."],
    [_call("nothing", action="2 + 4 = 6"), _call("step", action="2 + 4 = 7"), "I give up."],
]


def test_an_environment_as_trl_plays_it(model, tmp_path):
    factory = environment_factory("prm_gym/Countdown-v0", COUNTDOWN)
    args = _config(tmp_path, max_completion_length=700)
    trainer = _trained(_Plain, model, PLAYED, args=args, train_dataset=environment_dataset([3]), environment_factory=factory)
    solved, failed = trainer.environments
    step = 0.45 / 8
    assert solved.rewards == pytest.approx([step, 1 + step])
    assert solved.get_reward() == solved.reward == pytest.approx(1 + 2 * step)
    assert (failed.rewards, failed.calls) == (pytest.approx([-step / 5]), [0])
    assert trainer.state.log_history[0]["rewards/CountdownEnvironment/mean"] == pytest.approx((1 + 2 * step - step / 5) / 2)


def test_the_turns_in_an_environment_are_steps(model, tmp_path):
    factory = environment_factory("prm_gym/Countdown-v0", COUNTDOWN)
    options = {"credit": "reinforce?gamma=1.0&baseline=none", "args": _config(tmp_path, max_completion_length=700)}
    trainer = _trained(_Steps, model, PLAYED, train_dataset=environment_dataset([3]), environment_factory=factory, **options)
    output, step = trainer.outputs[0], 0.45 / 8
    tokenizer = trainer._tokenizer
    # Returns to go. What is written after the end has no credit; a turn that calls nothing changes nothing, and is a step while the episode runs.
    wanted = [[1 + 2 * step, 1 + step], [-step / 5, -step / 5, 0.0]]
    for row in range(2):
        spans = trainer.episodes[row].spans
        assert len(spans) == len(trainer.episodes[row].trajectory.steps) == len(wanted[row])
        outside = torch.ones(output["advantages"].shape[1], dtype=torch.bool)
        for (begin, end), advantage, said in zip(spans, wanted[row], PLAYED[row], strict=False):
            assert tokenizer.decode(output["completion_ids"][row, begin:end]) == f"{said}<|im_end|>"
            assert output["advantages"][row, begin:end].tolist() == pytest.approx([advantage] * (end - begin))
            outside[begin:end] = False
        assert not output["advantages"][row, outside].any()
        assert not output["tool_mask"][row, outside].any()


def test_attempts_of_a_group_are_at_one_task(model, tmp_path):
    scorer = TextScorer("equivalence", problem="question")
    trainer = _Steps(model, scorer=scorer, args=_config(tmp_path, max_steps=1), train_dataset=_problems(1, question="2 + 12?"))
    trainer.said = [[RIGHT], [WRONG]]
    rows = [{"prompt": "?\n", "answer": "14", "question": question} for question in ("2 + 12?", "3 + 11?")]
    with pytest.raises(ContractError, match="different tasks"):
        trainer._generate_and_score_completions(rows)


@pytest.mark.parametrize("env_id", ["prm_gym/PythonTool-v0", "prm_gym/Retail-v0", "prm_gym/Calendar-v0", "prm_gym/Search-v0"])
def test_tools_are_methods_with_the_schema_of_the_environment(env_id):
    kind = environment_factory(env_id)
    environment = kind()
    assert environment.reset(seed=0)
    for tool in environment._env.tools:
        schema = get_json_schema(getattr(environment, tool.name))["function"]
        assert schema["name"] == tool.name
        wanted = tool.arguments_schema()
        assert set(schema["parameters"]["properties"]) == set(wanted["properties"])
        assert set(schema["parameters"].get("required", ())) == set(wanted.get("required", ()))
        for name, parameter in wanted["properties"].items():
            assert schema["parameters"]["properties"][name]["type"] == parameter["type"]
    public = {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}
    assert public == {tool.name for tool in environment._env.tools} | {"reset", "get_reward"}


def test_calls_go_to_the_environment_and_nothing_follows_the_end():
    kind = environment_factory("prm_gym/PythonTool-v0", {"families": ["prime_sums"], "difficulty": 1})
    environment, other = kind(), kind()
    assert environment._env is not other._env
    assert environment._env.verifiers == other._env.verifiers
    assert environment.get_reward() is None
    environment.reset(seed=7, prompt="?")
    assert environment.python(code="1 + 1") == "2"
    # What does not fit the tool is the agent's mistake: the environment judges it, and nothing raises.
    assert "Error" in environment.python(program="1 + 1")
    assert environment.answer(text="0").endswith(OVER)
    assert environment.answer(text="0") == OVER
    assert (environment.get_reward(), environment.reward, environment.calls) == (0.0, 0.0, [0, 1, 2, None])
    environment.reset(seed=7)
    assert (environment.calls, environment.rewards) == ([], [])
    with pytest.raises(OptionError, match="seed"):
        environment.reset(prompt="?")


def _failing(*_):
    raise EnvironmentFault("the database is gone")


def test_a_spoilt_episode_has_no_reward():
    kind = environment_factory("prm_gym/Countdown-v0", COUNTDOWN)
    environment = kind()
    environment.reset(seed=3)
    environment.step(action="2 + 4 = 6")
    environment._env.advance = _failing
    assert environment.step(action="3 * 6 = 18") == OVER  # the agent is not told what it cannot help
    assert environment.rewards == [pytest.approx(0.45 / 8), None]
    assert (environment.reward, environment.get_reward()) == (None, None)
    environment._env.begin = _failing
    assert "not available" in environment.reset(seed=3)
    assert (environment.get_reward(), environment.rewards) == (None, [])
    assert "database" in environment.fault
    kind.close()


def test_an_environment_that_cannot_begin_trains_nobody(model, tmp_path):
    rollouts = EnvironmentRollouts("prm_gym/Countdown-v0", COUNTDOWN, seeds=[3])
    trainer = _Steps(model, args=_config(tmp_path, max_steps=1), train_dataset=rollouts.dataset(), rollout_func=rollouts)
    trainer.said = [["2 + 4 = 7", "3 * 7 = 22"]]
    rollouts._pool.take(2)[1].begin = _failing
    trainer.train()
    assert [each.trajectory is None for each in trainer.episodes] == [False, True]
    assert trainer.outputs[0]["tool_mask"].any(dim=1).tolist() == [True, False]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: StepGRPOTrainer("nowhere", as_reward_func("arithmetic", gold=None, reward="dense", measure="min")), OptionError, "measure"),
        (lambda: environment_factory("prm_gym/Countdwn-v0"), UnknownNameError, "Countdown"),
        (lambda: environment_factory("prm_gym/Countdown-v0", tool="reset"), OptionError, "reset"),
        (lambda: environment_factory("prm_gym/Countdown-v0", tool="take a step"), OptionError, "identifier"),
        (lambda: environment_factory("prm_gym/PythonTool-v0", message="python"), OptionError, "already"),
        (lambda: environment_dataset([1], column="task"), OptionError, "column"),
        (lambda: EnvironmentRollouts("prm_gym/Countdown-v0", seeds=[]), OptionError, "no seeds"),
        (lambda: EnvironmentRollouts("prm_gym/Countdown-v0", seeds=[1], turn_tokens=0), OptionError, "turn_tokens"),
        (lambda: StepGRPOTrainer("nowhere"), OptionError, "scorer"),
        (lambda: StepGRPOTrainer("nowhere", scorer=TextScorer("equivalence"), rollout_func=print), OptionError, "one of"),
    ],
)
def test_what_cannot_be_honoured_is_said(make, error, says):
    with pytest.raises(error, match=says):
        make()


@pytest.mark.parametrize(
    "options",
    [{"importance_sampling_level": "sequence"}, {"loss_type": "luspo"}, {"loss_type": "vespo"}, {"off_policy_mask_threshold": 0.5}, {"use_liger_kernel": True}],
)
def test_losses_over_sequences_are_refused(tmp_path, options):
    args = _config(tmp_path)
    for name, value in options.items():
        setattr(args, name, value)
    with pytest.raises(OptionError):
        require_token_level(args)


def _agrees(trainer, output, row):
    """Tokens, mask and steps of a roll-out say the same."""
    episode = trainer.episodes[row]
    own = torch.zeros(output["completion_ids"].shape[1], dtype=torch.bool)
    for (begin, end), step in zip(episode.spans, episode.trajectory.steps, strict=True):
        said = output["completion_ids"][row, begin:end]
        assert tuple(said.tolist()) == step.token_ids
        assert trainer._tokenizer.decode(said, skip_special_tokens=True).strip() == step.action
        own[begin:end] = True
    return own


def test_rollouts_of_a_policy_that_plays_by_itself(model, tmp_path):
    rollouts = EnvironmentRollouts("prm_gym/Countdown-v0", {**COUNTDOWN, "max_steps": 3}, seeds=[3, 4], turn_tokens=6)
    args = _config(tmp_path, max_completion_length=400, max_steps=1)
    trainer = _Steps(model, credit="gigpo", args=args, train_dataset=rollouts.dataset(), rollout_func=rollouts)
    trainer.train()
    for output in trainer.outputs[-1:]:
        for row in range(2):
            own = _agrees(trainer, output, row)
            assert not output["advantages"][row, ~own].any()
            assert not output["tool_mask"][row, ~own].any()
    assert len(trainer.episodes[0].trajectory.steps) == 3
    rollouts.close()


@pytest.mark.parametrize("chat", [True, False])
def test_rollouts_step_as_they_are_told(model, tmp_path, chat):
    rollouts = EnvironmentRollouts("prm_gym/Countdown-v0", COUNTDOWN, seeds=[3], chat=chat)
    said = [["2 + 4 = 6", "3 * 6 = 18"], ["2 + 4 = 7", "3 * 7 = 22"]]  # the second writes two false results, and its number is not the target
    options = {"credit": "reinforce?gamma=1.0&baseline=none", "args": _config(tmp_path, max_completion_length=400)}
    trainer = _trained(_Steps, model, said, train_dataset=rollouts.dataset(), rollout_func=rollouts, **options)
    output, step = trainer.outputs[0], 0.45 / 8
    for row, returns in enumerate([[1 + 2 * step, 1 + step], [-2 * step / 5, -step / 5]]):
        own = _agrees(trainer, output, row)
        spans = trainer.episodes[row].spans
        assert output["advantages"][row, own].tolist() == pytest.approx([each for span, each in zip(spans, returns, strict=True) for _ in range(*span)])
    (_, end), (begin, _) = trainer.episodes[0].spans
    seen = trainer._tokenizer.decode(output["completion_ids"][0, end:begin])
    assert "numbers: 3 6" in seen
    assert seen.count("<|im_end|>") == (1 if chat else 0)  # the policy has closed its own turn; this closes the user's
    assert seen.endswith("<|im_start|>assistant\n" if chat else "\n")


def test_rollouts_in_trls_own_trainer(model, tmp_path):
    rollouts = EnvironmentRollouts("prm_gym/Countdown-v0", COUNTDOWN, seeds=[3])
    said = [["2 + 4 = 6", "3 * 6 = 18"], ["2 + 4 = 7", "3 * 7 = 22"]]
    options = {"args": _config(tmp_path, max_completion_length=400), "train_dataset": rollouts.dataset(), "rollout_func": rollouts}
    trainer = _trained(_Plain, model, said, reward_funcs=trajectory_reward, **options)
    # Returns 1 + 2 * 0.45 / 8 and -0.4 * 0.45 / 8: half their difference over their standard deviation, as above.
    half = (1 + 2.4 * 0.45 / 8) / 2
    assert trainer.outputs[0]["advantages"].tolist() == pytest.approx([half / (np.sqrt(2) * half + 1e-4) * sign for sign in (1, -1)], rel=1e-4)
    with pytest.raises(OptionError, match="dataset"):
        rollouts(["another prompt"], trainer)


def test_evaluation_gives_credit_too(model, tmp_path):
    args = _config(tmp_path, max_steps=1, per_device_eval_batch_size=2)
    trainer = _Steps(model, credit="grpo_ps", scorer=TextScorer("equivalence"), args=args, train_dataset=_problems(), eval_dataset=_problems(1))
    trainer.said = [[RIGHT], [WRONG]]
    figures = trainer.evaluate()
    assert figures["eval_rewards/trajectory_reward/mean"] == 0.5
    assert figures["eval_credit/left_out_share"] == 0.0
    assert trainer.outputs[0]["advantages"].shape == trainer.outputs[0]["completion_ids"].shape


@pytest.mark.parametrize("texts", [("a = 1\n", "b = 2\n", "#### 3"), ("α → β\n", "🙂🙂\n\n", "ünï"), ("no end",), ("x", "y", "z")])
def test_the_tokens_of_pieces_follow_one_another(model, texts):
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = [*tokenizer("".join(texts))["input_ids"], tokenizer.eos_token_id]
    spans = spans_of_pieces(tokenizer, ids, texts)
    assert [begin for begin, _ in spans] == [0, *(end for _, end in spans[:-1])]
    assert spans[-1][1] == len(ids)
    # A token that reaches over an end belongs to the piece before it: up to each end all pieces so far are said, and without its last token less.
    said = ""
    for text, (begin, end) in zip(texts[:-1], spans, strict=False):
        said += text
        assert tokenizer.decode(ids[:end]).startswith(said)
        assert begin == end or len(tokenizer.decode(ids[: end - 1])) < len(said)
    assert spans_of_pieces(tokenizer, ids, ("something else",)) is None
