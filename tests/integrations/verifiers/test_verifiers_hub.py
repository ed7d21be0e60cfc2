"""Prime Intellect's verifiers, the real package: evaluations from end to end against a scripted endpoint, and its rewards as verifiers."""

import asyncio
import functools
import json
import sys

import gymnasium as gym
import msgspec
import numpy as np
import pytest

from prm_gym.agent import make_agent
from prm_gym.credit import StepBatch, assign
from prm_gym.errors import ContractError, OptionError
from prm_gym.integrations.verifiers_credit import assign_advantages, trajectory_of
from prm_gym.rollout import Rollouts, groups
from prm_gym.task import Task
from prm_gym.testing.chat_server import ChatServer
from prm_gym.verifier import PastStep, StepContext
from prm_gym.workers.isolated import Isolated

vf = pytest.importorskip("verifiers.v1", exc_type=ImportError)  # our own folder of that name, where it is found first, refuses to be imported so

from prm_gym.integrations.verifiers_hub import StepTask, TheirRewards  # noqa: E402

ENV = "prm_gym/Deduction-v0"
OPTIONS = {"difficulty": 1, "verifiers": ["z3"], "reward": "dense"}
TASKSET = '''"""As a user writes it."""
from prm_gym.integrations.verifiers_hub import StepHarness, StepRun, StepTaskset

__all__ = ["StepHarness", "StepRun", "StepTaskset"]
'''


@pytest.fixture
def taskset(tmp_path, monkeypatch):
    """The id of a taskset of a user's."""
    (tmp_path / "steps_for_test_verifiers.py").write_text(TASKSET)
    monkeypatch.syspath_prepend(tmp_path)
    yield "steps-for-test-verifiers"
    sys.modules.pop("steps_for_test_verifiers", None)


def _evaluate(taskset, url, folder, env=None, **options):
    """The episodes of an evaluation by its own runner, and the traces that it wrote."""
    from verifiers.v1.cli.eval.runner import run_eval
    from verifiers.v1.configs.cli.eval import EvalConfig

    config = EvalConfig.model_validate(
        {
            "env": {"taskset": {"id": taskset, "env_id": ENV, "env_options": OPTIONS, "seeds": 2, **options}, **(env or {})},
            "model": "scripted",
            "client": {"type": "eval", "base_url": url, "api_key_var": "PRM_GYM_NO_KEY"},
            "push": False,
            "rich": None,
            "output_dir": str(folder),
            "run": {"name": "run"},
        }
    )
    episodes = asyncio.run(run_eval(config))
    written = [json.loads(line) for line in (folder / "run" / "traces.jsonl").read_text().splitlines()]
    return episodes, written


def _proofs(seeds):
    """What a known proof says next, by what was seen first."""
    env, proofs = gym.make(ENV, **OPTIONS), {}
    for seed in seeds:
        seen, _ = env.reset(seed=seed)
        proofs[seen] = env.unwrapped.solution()
    env.close()

    def answer(body):
        proof = next(proof for seen, proof in proofs.items() if body["messages"][1]["content"].startswith(seen))
        return proof[len(body["messages"]) // 2 - 1]

    return answer


def test_an_evaluation_from_end_to_end(taskset, tmp_path):
    with ChatServer(_proofs(range(2))) as server:
        episodes, written = _evaluate(taskset, server.url, tmp_path)
    assert len(episodes) == len(written) == 2
    env = gym.make(ENV, **OPTIONS)
    for episode in episodes:
        assert episode.ok, episode.errors
        (trace,) = episode.traces
        _, info = env.reset(seed=trace.task.data.seed)
        rewards = []
        for step, action in zip(trace.info["prm_gym"]["steps"], env.unwrapped.solution(), strict=True):
            state = info["state_key"]
            _, reward, terminated, truncated, info = env.step(action)
            rewards.append(reward)
            assert (step["action"], step["reward"], step["state_key"], step["terminated"], step["truncated"]) == (action, reward, state, terminated, truncated)
            assert step["verdicts"]["z3"]["score"] == info["verdicts"]["z3"].score
            assert trace.nodes[step["node"]].sampled
            assert trace.nodes[step["node"]].message.content == action
        assert trace.reward == pytest.approx(sum(rewards))
        assert (trace.metrics["outcome"], trace.metrics["verdict/z3"], trace.metrics["steps"]) == (1.0, 1.0, len(rewards))
        assert [message.role for message in trace.messages[:3]] == ["system", "user", "assistant"]
    env.close()
    assert "seed" in json.dumps(written[0])


def test_a_limit_of_the_run_is_no_success(taskset, tmp_path):
    with ChatServer(lambda body: "nonsense") as server:
        episodes, _ = _evaluate(taskset, server.url, tmp_path, env={"player": {"max_turns": 2}}, seeds=1)
    (trace,) = episodes[0].traces
    assert (trace.num_turns, trace.metrics["outcome"], trace.metrics["steps"], trace.stop_condition) == (2, 0.0, 2.0, "max_turns")
    assert trace.metrics["verdict/z3"] == 0.0  # malformed is judged


def test_without_verifiers_nobody_can_tell(taskset, tmp_path):
    options = {**OPTIONS, "max_steps": 1, "verifiers": [], "reward": "outcome"}
    with ChatServer(lambda body: "nonsense") as server:
        episodes, _ = _evaluate(taskset, server.url, tmp_path, seeds=1, env_options=options)
    (trace,) = episodes[0].traces
    assert trace.info["prm_gym"]["steps"][0]["verdicts"] == {}
    assert "verdict/z3" not in trace.metrics
    assert (trace.reward, trace.metrics["outcome"]) == (0.0, 0.0)


def test_an_endpoint_that_fails_scores_nothing(taskset, tmp_path):
    """None, not 0: the model's server broke, which says nothing of the model."""
    with ChatServer(lambda body: "", faults=lambda body, nth: "500") as server:
        episodes, _ = _evaluate(taskset, server.url, tmp_path, seeds=1)
    (episode,) = episodes
    assert not episode.ok
    (trace,) = episode.traces
    assert trace.errors
    assert trace.rewards["return"] is None
    assert trace.metrics["outcome"] is None


def test_a_spoilt_episode_is_an_error_without_a_reward(taskset, tmp_path, monkeypatch):
    from prm_gym.errors import EnvironmentFault

    def broken(self, action):
        raise EnvironmentFault("the solver's machine is gone")

    monkeypatch.setattr("prm_gym.envs.logic.deduction.DeductionEnv.advance", broken)
    with ChatServer(lambda body: "nonsense") as server:
        episodes, _ = _evaluate(taskset, server.url, tmp_path, seeds=1)
    (episode,) = episodes
    assert not episode.ok
    assert "spoilt the episode after 1 steps" in episode.errors[-1].message
    (trace,) = episode.traces
    assert (trace.rewards["return"], trace.metrics["outcome"]) == (None, None)
    assert trace.info["prm_gym"]["steps"][0]["valid"] is False


def _with_tokens(trace):
    """As a training client records it: each message of the model has one token of the template and two of its own."""
    for node in trace.nodes:
        if node.sampled:
            node.token_ids, node.mask, node.logprobs = [7, 8, 9], [False, True, True], [-0.5, -0.25]
        else:
            node.token_ids, node.mask = [1], [False]
    return trace


def test_their_traces_have_our_credit(taskset, tmp_path):
    """Over their traces GiGPO gives what it gives over the same episodes played here; each step's on the tokens that the model wrote."""
    traces = []
    for name, reply in (("good", _proofs([0])), ("bad", lambda body: "UNKNOWN")):
        with ChatServer(reply) as server:
            episodes, written = _evaluate(taskset, server.url, tmp_path / name, seeds=1)
        traces += episodes[0].traces
    (read,) = vf.WireEpisode.model_validate(written[0]).traces
    assert trajectory_of(read) == trajectory_of(traces[1])

    local = Rollouts(ENV, OPTIONS, num_envs=1)
    played = [local.play(make_agent(agent), groups([0], attempts=1, prefix=agent))[0] for agent in ("scripted", "constant:UNKNOWN")]
    for trace, ours in zip(traces, played, strict=True):
        theirs = trajectory_of(trace)
        assert (theirs.task_key, theirs.outcome, theirs.seed, theirs.env_id) == (ours.task_key, ours.outcome, ours.seed, ours.env_id)
        for step, known in zip(theirs.steps, ours.steps, strict=True):
            assert (step.action, step.reward, step.state_key, step.terminated) == (known.action, known.reward, known.state_key, known.terminated)
            assert step.verdicts["z3"].score == known.verdicts["z3"].score
    expected = assign("gigpo?gamma=0.95", StepBatch.from_trajectories([msgspec.structs.replace(each, group_id="one") for each in played])).advantages

    with pytest.raises(ContractError, match="no tokens"):
        assign_advantages(traces)
    given = assign_advantages([_with_tokens(trace) for trace in traces], "gigpo?gamma=0.95")
    assert given.advantages == pytest.approx(expected)
    assert np.abs(expected).max() > 0.1
    found = [node.advantages for trace in traces for node in trace.nodes if node.sampled]
    assert found == [[advantage, advantage] for advantage in given.advantages.tolist()]
    assert all(node.advantages is None for trace in traces for node in trace.nodes if not node.sampled)
    # Behind two messages of a token each the first of the model's: the template's token earns nothing.
    assert traces[1].branches[0].advantages == [0.0, 0.0, 0.0, *found[-1]]


def test_an_episode_that_is_cut_or_spoilt_in_their_run(taskset, tmp_path, monkeypatch):
    with ChatServer(lambda body: "nonsense") as server:
        ((cut,), _) = _evaluate(taskset, server.url, tmp_path / "cut", env={"player": {"max_turns": 2}}, seeds=1)
    trajectory = trajectory_of(cut.traces[0])
    assert (trajectory.truncated, trajectory.outcome, len(trajectory.steps)) == (True, 0.0, 2)
    assert trajectory.total_reward == pytest.approx(cut.traces[0].reward)
    with ChatServer(lambda body: "", faults=lambda body, nth: "500") as server:
        ((broken,), _) = _evaluate(taskset, server.url, tmp_path / "broken", seeds=1)
    assert assign_advantages(broken.traces) is None
    # What the credit leaves out has none: two attempts that are worth the same teach nothing.
    twins = [_with_tokens(cut.traces[0]), cut.traces[0].model_copy(update={"id": "twin"}, deep=True)]
    assert not assign_advantages(twins, "zero_variance|grpo").keep.any()
    assert cut.traces[0].branches[0].advantages is None
    foreign = cut.traces[0].model_copy(update={"info": {}, "metrics": {}})
    with pytest.raises(ContractError, match="none of StepRun"):
        trajectory_of(foreign)


def test_the_known_proofs_validate(taskset):
    from verifiers.v1.utils.loaders import load_taskset, taskset_config_type

    config = taskset_config_type(taskset).model_validate({"id": taskset, "env_id": ENV, "env_options": OPTIONS, "seeds": 2})
    tasks = list(load_taskset(config))
    assert [task.data.seed for task in tasks] == [0, 1]
    assert all(isinstance(task, StepTask) and asyncio.run(task.validate(None)) for task in tasks)


class Data(vf.TaskData):
    answer: str = ""


class Sums(vf.Task[Data]):
    """Two rewards: the last reply holds the answer (weight 0.75), and nothing longer than ten letters was written (0.25)."""

    @vf.reward(weight=0.75)
    async def right(self, task, trace) -> float:
        return float(task.answer in trace.last_reply)

    @vf.reward(weight=0.25)
    async def short(self, trace) -> float:
        return float(all(len(message.content) <= 10 for message in trace.assistant_messages))


class Raising(vf.Task[Data]):
    @vf.reward
    async def broken(self, trace) -> float:
        raise ZeroDivisionError("nothing to divide by")


class InABox(vf.Task[Data]):
    @vf.reward
    async def ran(self, trace, runtime) -> float:
        return 1.0


class Generous(vf.Task[Data]):
    @vf.reward
    async def much(self, trace) -> float:
        return 3.0


def _step(action, *, past=(), end=True):
    task = Task(key="k", instructions="Answer.", question="2 + 2?", sealed={"answer": "4"})
    previous = tuple(PastStep("2 + 2?", text) for text in past)
    return StepContext(task=task, observation="2 + 2?", action=action, previous=previous, terminated=end, outcome=1.0 if end else None)


def test_their_rewards_are_verdicts():
    verifier = TheirRewards(Sums)
    right, wrong, long, early = verifier.verify([_step("4"), _step("5"), _step("4", past=["well, let me see"]), _step("4", end=False)])
    # By hand: 3/4 + 1/4; 0 + 1/4; 3/4 + 0.
    assert [verdict.score for verdict in (right, wrong, long)] == [1.0, 0.25, 0.75]
    assert [verdict.label for verdict in (right, wrong, long)] == ["correct", "incorrect", "correct"]
    assert right.evidence["rewards"] == {"right": {"score": 1.0, "weight": 0.75}, "short": {"score": 1.0, "weight": 0.25}}
    assert (early.status, early.score) == ("abstain", None)
    assert TheirRewards(Sums, at="step").verify([_step("4", end=False)])[0].score == 1.0


def test_what_they_cannot_tell_is_no_zero():
    (broken,) = TheirRewards(Raising).verify([_step("4")])
    assert (broken.status, broken.score, broken.reason) == ("error", None, "the rewards of Raising raised ZeroDivisionError: nothing to divide by")
    (boxed,) = TheirRewards(InABox).verify([_step("4")])
    assert (boxed.status, boxed.score) == ("abstain", None)
    (much,) = TheirRewards(Generous).verify([_step("4")])
    assert (much.status, much.score) == ("error", None)
    assert "outside of [0, 1]" in much.reason
    assert TheirRewards(Generous, high=4.0).verify([_step("4")])[0].score == 0.75


def test_they_judge_an_episode_of_ours():
    env = gym.make("prm_gym/Countdown-v0", verifiers=[TheirRewards(Sums, id="sums")], difficulty=1, max_steps=1)
    env.reset(seed=0)
    *_, info = env.step("nonsense")
    # The task has no sealed `answer`: the empty default is in every text, so 3/4, and 1/4 for a short one.
    assert info["verdicts"]["sums"].score == 1.0
    env.close()


HANGING = """import time
import verifiers.v1 as vf
class Hanging(vf.Task[vf.TaskData]):
    @vf.reward
    async def slow(self, trace) -> float:
        time.sleep(60)
        return 1.0
"""


def test_one_that_hangs_is_ended_from_outside(tmp_path, monkeypatch):
    (tmp_path / "hanging_for_test_verifiers.py").write_text(HANGING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    verifier = Isolated(functools.partial(TheirRewards, "hanging_for_test_verifiers:Hanging"), workers=1, deadline=5.0, memory_mb=None)
    (verdict,) = verifier.verify([_step("4")])
    assert (verdict.status, verdict.score) == ("timeout", None)
    verifier.close()


def test_what_cannot_be(taskset):
    with pytest.raises(OptionError, match="low is less"):
        TheirRewards(Sums, low=1.0)
    with pytest.raises(OptionError, match="cannot be imported"):
        TheirRewards("no_such_module:Task")
    with pytest.raises(OptionError, match="subclass of"):
        TheirRewards("json:JSONDecoder")


def test_the_page_runs(page):
    page("verifiers")
