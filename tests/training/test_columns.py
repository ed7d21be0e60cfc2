"""Columns of critics and learned signals in a run: who fills them, and that a run that was stopped goes on along the same curve."""

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parent))

from stopped_runs import StopError, left_behind, stopping_after

from prm_gym.agent import Action, TrainableAgent, make_agent
from prm_gym.agents.candidate import CandidatePolicy
from prm_gym.cli import main
from prm_gym.credit import ASSIGNERS, Credit, Signal, StepBatch, assigner, make_signal
from prm_gym.credit.signal import SIGNALS
from prm_gym.errors import CheckpointError, ContractError, CreditError, OptionError, UnknownNameError
from prm_gym.rollout import Rollouts, groups
from prm_gym.training.columns import Columns, require_fillable
from prm_gym.training.compare import Plan, compare
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train

COUNTDOWN = "prm_gym/Countdown-v0"


class Counter(Signal):
    """Counts the batches that it has seen, and says of every step how many."""

    name = "count_of_batches"

    def __init__(self, *, seed=0, start=0):
        self.count, self.followed = start, []

    def follow(self, agent):
        self.followed.append(agent)

    def fit(self, batch):
        self.count += 1
        return {"count": float(self.count)}

    def column(self, batch):
        return np.full(batch.rewards.size, float(self.count))

    def save(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "count").write_text(str(self.count))

    def load(self, directory):
        self.count = int((directory / "count").read_text())


@assigner(needs=("count_of_batches",), uses=("value",))
def counted(batch, *, gamma=1.0):
    """The count as an advantage."""
    ones = np.ones(batch.rewards.size, dtype=bool)
    return Credit(batch.numbers("count_of_batches"), batch.rewards.copy(), ones, {"with_values": float("value" in batch.columns)})


@assigner(needs=("riddle",))
def riddling(batch):
    """Needs what nobody has."""
    return Credit(batch.rewards, batch.rewards, np.ones(batch.rewards.size, dtype=bool), {})


@assigner()
def clocked(batch, *, training_step=0, training_progress=0.0, seed=0):
    """Reports how far it is told the training is, and of which seed."""
    told = {"told_step": float(training_step), "told_progress": float(training_progress), "told_seed": float(seed)}
    return Credit(batch.rewards.copy(), batch.rewards.copy(), np.ones(batch.rewards.size, dtype=bool), told)


SIGNALS.register("count_of_batches", Counter)
ASSIGNERS.register("test_clocked", clocked)
ASSIGNERS.register("test_counted", counted)
ASSIGNERS.register("test_riddling", riddling)


class Unteachable(TrainableAgent):
    """Has no critic."""

    id = "unteachable"

    def act(self, prompts):
        return [Action(text=prompt.actions[0], logprobs=(0.0,)) for prompt in prompts]

    def update(self, batch, credit):
        return {}

    def save(self, directory):
        directory.mkdir(parents=True, exist_ok=True)

    def load(self, directory):
        pass

    def greedy(self):
        return self


def _config(**changes):
    fields = {
        "env_id": COUNTDOWN,
        "env_options": {"difficulty": 1, "max_steps": 3, "verifiers": []},
        "agent_options": {"width": 8, "device": "cpu", "value_weight": 0.5},
        "budget": 60,
        "tasks": 3,
        "attempts": 2,
        "evaluate_every": 30,
        "eval_tasks": 3,
        "num_envs": 6,
    }
    return TrainConfig(**{**fields, **changes})


def _batch(agent):
    rollouts = Rollouts(COUNTDOWN, {"difficulty": 1, "max_steps": 3, "verifiers": []})
    return StepBatch.from_trajectories(rollouts.play(agent, groups(range(3), 2)))


# Who fills what.


def test_the_agent_fills_its_values_and_a_signal_its_column():
    agent = CandidatePolicy(device="cpu", width=8, value_weight=0.5)
    batch, columns = _batch(agent), Columns({"count_of_batches": Counter(start=4)})
    filled, metrics = columns.filled(batch, agent, "test_counted")
    assert metrics == {"count_of_batches_count": 5.0}  # it has learned before it says something
    assert filled.columns["count_of_batches"].tolist() == [5.0] * batch.rewards.size
    assert filled.columns["value"].tolist() == [0.0] * batch.rewards.size
    assert columns.signals["count_of_batches"].followed == [agent]
    assert "value" not in batch.columns  # the batch itself stays as it is
    # An agent without a critic: the column that the assigner merely uses is left out.
    assert "value" not in columns.filled(batch, Unteachable(), "test_counted")[0].columns
    # Nothing is filled that the assigner does not take, and what is there stays.
    assert columns.filled(batch, agent, "grpo")[0].columns.keys() == batch.columns.keys()
    given = batch.with_columns({"value": np.ones(batch.rewards.size)})
    assert columns.filled(given, agent, "gae")[0].columns["value"].tolist() == [1.0] * batch.rewards.size


def test_a_signal_that_is_a_baseline_speaks_before_it_learns(monkeypatch):
    agent = CandidatePolicy(device="cpu", width=8, value_weight=0.5)
    monkeypatch.setattr(Counter, "learns_first", False)
    filled, metrics = Columns({"count_of_batches": Counter(start=4)}).filled(_batch(agent), agent, "test_counted")
    assert set(filled.columns["count_of_batches"].tolist()) == {4.0}
    assert metrics == {"count_of_batches_count": 5.0}
    # SPA's potential is one: the estimator says 0 of the first batch, so that the outcome stands whole at the end, and it has learned afterwards.
    columns = Columns.wanted("spa", ["progress?width=4&device=cpu"], agent)
    batch = _batch(agent)
    batch = replace(batch, rewards=np.ones(batch.rewards.size))  # something to learn: these few episodes may all have failed
    assert set(columns.filled(batch, agent, "spa")[0].columns["progress"].tolist()) == {0.0}
    assert set(columns.signals["progress"].column(batch).tolist()) != {0.0}


def test_signals_are_made_where_they_are_needed():
    agent = CandidatePolicy(device="cpu", width=8, value_weight=0.5)
    assert Columns.wanted("gae", ["progress?width=4"], agent).signals == {}
    assert Columns.wanted("spa", ["progress?width=4"], agent).signals["progress"].width == 4
    assert Columns.wanted("spa", [], agent).signals["progress"].width == 32
    assert Columns.wanted("test_counted", ["count_of_batches?start=3"], agent).signals["count_of_batches"].count == 3
    assert require_fillable("gigpo", [], Unteachable()) == []


def test_what_nobody_fills_is_said_at_once(tmp_path):
    with pytest.raises(
        CreditError, match=r"'gae' needs the column 'value', which the agent 'unteachable' does not fill: of an agent with a critic .*value_weight=0.5"
    ):
        require_fillable("gae", [], Unteachable())
    with pytest.raises(CreditError, match=r"needs the column 'riddle', which .* does not fill \(no agent and no learned signal of that name does\)"):
        require_fillable("test_riddling", [], Unteachable())
    # Trajectories hold answers and progress, but no probability of the answer that an attempt came to; nobody says what an agent believes.
    with pytest.raises(CreditError, match=r"'siop' needs the column 'answer_key', .*siop also asks for the probability of that very answer as potential"):
        require_fillable("siop", [], Unteachable())
    with pytest.raises(CreditError, match=r"'rebel' needs the column 'belief_key', .*of an agent that states what it believes"):
        require_fillable("rebel", [], Unteachable())
    with pytest.raises(UnknownNameError, match="Did you mean 'progress'"):
        require_fillable("gigpo", ["progres"], Unteachable())
    with pytest.raises(OptionError, match="every learned signal is given once"):
        require_fillable("gigpo", ["progress", "progress?width=3"], Unteachable())
    with pytest.raises(CreditError, match="'candidate' does not fill"):
        train(_config(credit="gae", agent_options={"width": 8, "device": "cpu"}), tmp_path)


def test_a_signal_is_registered_under_its_column(monkeypatch):
    monkeypatch.setattr(Counter, "name", "other")
    with pytest.raises(ContractError, match="'count_of_batches' fills the column 'other'; register it under the name of its column"):
        make_signal("count_of_batches")
    monkeypatch.setitem(SIGNALS._loaded, "test_no_signal", dict)
    with pytest.raises(ContractError, match="made a dict, not a"):
        make_signal("test_no_signal")


def test_signals_that_are_not_in_a_checkpoint_are_missed(tmp_path):
    with pytest.raises(CheckpointError, match="holds no signal 'count_of_batches'"):
        Columns({"count_of_batches": Counter()}).load(tmp_path)
    Columns().load(tmp_path / "nowhere")  # nothing is wanted
    Columns().save(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


# Runs.


@pytest.mark.parametrize(("credit", "batches"), [("spa", 2), ("spa", 3), ("gae", 3)])
def test_a_run_that_was_stopped_goes_on_along_the_same_curve(tmp_path, credit, batches):
    config = _config(credit=credit, signals=("progress?width=8&device=cpu",))
    train(config, tmp_path / "whole")
    with pytest.raises(StopError):
        train(config, tmp_path / "cut", stopping_after(batches))
    train(config, tmp_path / "cut")
    assert left_behind(tmp_path / "cut") == left_behind(tmp_path / "whole")
    metrics = [msgspec.json.decode(line) for line in (tmp_path / "cut" / "metrics.jsonl").read_bytes().splitlines()]
    wanted = {"value_loss", "unknown_share"} | ({"progress_loss", "progress_error"} if credit == "spa" else set())
    assert all(wanted <= line.keys() for line in metrics)
    assert (tmp_path / "cut" / "agent" / "signals" / "progress").is_dir() is (credit == "spa")


def test_the_signal_is_saved_with_the_agent(tmp_path):
    train(_config(credit="test_counted"), tmp_path)
    batches = len((tmp_path / "metrics.jsonl").read_bytes().splitlines())
    assert (tmp_path / "agent" / "signals" / "count_of_batches" / "count").read_text() == str(batches)


def test_a_run_begins_with_the_signals_beside_the_agent_that_it_begins_with(tmp_path):
    train(_config(credit="test_counted"), tmp_path / "first")
    batches = len((tmp_path / "first" / "metrics.jsonl").read_bytes().splitlines())
    start = str(tmp_path / "first" / "agent")
    train(_config(credit="test_counted", agent=start), tmp_path / "second")
    counts = [msgspec.json.decode(line)["count_of_batches_count"] for line in (tmp_path / "second" / "metrics.jsonl").read_bytes().splitlines()]
    assert counts == [float(batches + at) for at in range(1, len(counts) + 1)]  # it counts on
    # A signal that the first run did not have begins anew: progress_explained is at most 0 of an estimator that says 0 of everything.
    train(_config(credit="spa", signals=("progress?width=4&device=cpu",), agent=start), tmp_path / "third")
    # A signal of another kind is refused.
    (tmp_path / "third" / "agent" / "signals" / "progress" / "progress.pt").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="no saved progress estimator"):
        train(_config(credit="spa", signals=("progress?width=4&device=cpu",), agent=str(tmp_path / "third" / "agent")), tmp_path / "fourth")


def test_a_comparison_with_and_without_learned_signals(tmp_path):
    base = _config(budget=10, eval_tasks=2, signals=("progress?width=4&device=cpu",))
    plan = Plan(base=base, credits=("spa",), rewards=("outcome",), seeds=(0,), directory=tmp_path / "plan")
    assert [run.credit for run in compare(plan).runs] == ["spa"]
    bare = msgspec.structs.replace(plan, base=_config(agent_options={"width": 8, "device": "cpu"}), directory=tmp_path / "bare")
    with pytest.raises(CreditError, match="'spa' needs the column 'value'"):
        compare(bare)
    assert not (tmp_path / "bare").exists()


def test_the_commands_say_where_columns_come_from(capsys, tmp_path):
    main(["credit"])
    said = capsys.readouterr().out
    assert "progress: of the learned signal progress" in said
    assert "uses: bootstrap_value" in said
    options = ["--env", COUNTDOWN, "--env-option", "difficulty=1", "--agent-option", "value_weight=0.5", "width=8", "--device", "cpu", "--budget", "10"]
    options += ["--tasks", "2", "--attempts", "2", "--eval-tasks", "2", "--out", str(tmp_path / "run"), "--json"]
    main(["train", "--credit", "spa", "--signal", "progress?width=4&device=cpu", *options])
    assert msgspec.json.decode(capsys.readouterr().out)["credit"] == "spa"
    assert make_agent("candidate", device="cpu").gives == ()


# Pipelines.


def test_a_pipeline_has_the_columns_of_its_parts():
    agent = CandidatePolicy(device="cpu", width=8, value_weight=0.5)
    assert require_fillable("test_counted|whiten", [], agent) == ["count_of_batches"]
    with pytest.raises(CreditError, match=r"'grpo\|aem' needs the column 'entropy', which the agent 'candidate' does not fill"):
        require_fillable("grpo|aem", [], agent)
    filled, _ = Columns({"count_of_batches": Counter(start=4)}).filled(_batch(agent), agent, "zero_variance|test_counted")
    assert {"count_of_batches", "value"} <= filled.columns.keys()


def test_verifiers_stay_where_a_part_of_a_pipeline_reads_scores():
    options = {"env_options": {"difficulty": 1}}
    assert "verifiers" not in _config(credit="posterior_gate|grpo", **options).env_options_for_training()
    assert _config(credit="zero_variance|grpo", **options).env_options_for_training()["verifiers"] == []


def test_the_folder_of_a_pipeline_is_a_plain_name(tmp_path):
    plan = Plan(base=_config(), credits=("prof|grpo|clip?limit=2", "prof|grpo?eps=2"), rewards=("outcome",), seeds=(0,), directory=tmp_path)
    names = [directory.parent.name for _, directory in plan.runs()]
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-._") for name in names)
    assert len(set(names)) == 2


@pytest.mark.parametrize(("credit", "step"), [("test_clocked", None), ("zero_variance|test_clocked|whiten", None), ("test_clocked?training_step=7", 7.0)])
def test_a_run_says_how_far_it_is_and_of_which_seed(tmp_path, credit, step):
    config = _config(credit=credit, seed=3)
    train(config, tmp_path)
    lines = [msgspec.json.decode(line) for line in (tmp_path / "metrics.jsonl").read_bytes().splitlines()]
    before = [0, *(line["env_steps"] for line in lines)]
    assert [line["told_step"] for line in lines] == [float(at) if step is None else step for at in range(len(lines))]
    assert [line["told_progress"] for line in lines] == [min(1.0, steps / config.budget) for steps in before[:-1]]
    assert {line["told_seed"] for line in lines} == {3.0}
