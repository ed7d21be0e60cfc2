import itertools
import shutil
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from stopped_runs import StopError, left_behind, stopping_after

from prm_gym.agent import make_agent
from prm_gym.errors import ContractError, OptionError, StoreError, UnknownNameError
from prm_gym.report.statistics import area_under_curve
from prm_gym.rollout import Rollouts
from prm_gym.store import read_trajectories
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import read_result, train
from prm_gym.training.task_file import TaskFile

PUZZLES = ("1 2 3", "1 2 4", "1 3 4", "2 3 4", "2 2 3", "1 1 5", "2 5 5", "1 4 6", "3 3 4", "2 4 6", "1 5 6", "3 5 6", "2 3 7", "1 2 9", "4 4 5", "2 7 8")


@pytest.fixture
def puzzles(tmp_path):
    """A task file of sixteen puzzles, so that training and evaluation draw from few tasks."""
    path = tmp_path / "puzzles.jsonl"
    lines = [{"numbers": [int(number) for number in puzzle.split()], "target": 10, "rank": rank} for rank, puzzle in enumerate(PUZZLES, start=1)]
    path.write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    return str(path)


def _config(puzzles, **changes):
    fields = {
        "env_id": "prm_gym/Countdown-v0",
        "env_options": {"tasks": puzzles, "max_steps": 4},
        "credit": "gigpo",
        "reward": "dense",
        "agent_options": {"width": 8, "minibatch": 16, "device": "cpu"},
        "budget": 100,
        "tasks": 3,
        "attempts": 2,
        "evaluate_every": 30,
        "eval_tasks": 4,
        "num_envs": 5,
    }
    return TrainConfig(**{**fields, **changes})


def test_a_run(puzzles, tmp_path):
    config, seen = _config(puzzles), []
    result = train(config, tmp_path / "run", seen.append)
    steps = [point.env_steps for point in result.curve]
    # An evaluation before the first batch, then not sooner than every 30 steps, and one at the end.
    assert steps[0] == 0
    assert steps[-1] == seen[-1] >= 100 > seen[-2]
    assert all(later - earlier >= 30 for earlier, later in itertools.pairwise(steps[:-1]))
    assert (result.credit, result.reward, result.seed) == ("gigpo", "dense", 0)
    assert result.final_success == result.curve[-1].success
    assert result.auc == area_under_curve([float(step) for step in steps], [point.success for point in result.curve])
    # One verifier, made of two, judges every step of training, and none of the evaluations'.
    assert result.verifier_calls == seen[-1]
    # A group of two of every batch is stored, and the last evaluation.
    trajectories = list(read_trajectories(tmp_path / "run" / "trajectories.jsonl"))
    assert result.trajectories == len(trajectories) == 2 * len(seen) + 4
    assert len((tmp_path / "run" / "metrics.jsonl").read_bytes().splitlines()) == len(seen)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "agent", "checkpoint-" + str(len(seen)), "metrics.jsonl", "result.json", "state.json", "trajectories.jsonl",
    }  # fmt: skip


def test_a_finished_run_is_returned_at_once(puzzles, tmp_path):
    config, seen = _config(puzzles), []
    result = train(config, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert train(config, tmp_path, seen.append) == result == read_result(config, tmp_path)
    assert seen == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_seed_decides_the_run(puzzles, tmp_path):
    train(_config(puzzles), tmp_path / "one")
    train(_config(puzzles), tmp_path / "two")
    train(_config(puzzles, seed=1), tmp_path / "other")
    assert left_behind(tmp_path / "one") == left_behind(tmp_path / "two")
    assert left_behind(tmp_path / "one")[1] != left_behind(tmp_path / "other")[1]


# Interruptions. About six batches make the budget; evaluations with checkpoints stand before the first, third and fifth or so.


@pytest.fixture
def uninterrupted(puzzles, tmp_path):
    train(_config(puzzles), tmp_path / "whole")
    return left_behind(tmp_path / "whole")


@pytest.mark.parametrize("batches", [1, 2, 3, 4, 5])
def test_a_run_that_was_stopped_goes_on_along_the_same_curve(puzzles, tmp_path, uninterrupted, batches):
    with pytest.raises(StopError):
        train(_config(puzzles), tmp_path / "cut", stopping_after(batches))
    assert read_result(_config(puzzles), tmp_path / "cut") is None
    train(_config(puzzles), tmp_path / "cut")
    assert left_behind(tmp_path / "cut") == uninterrupted


def test_a_run_that_was_stopped_again_and_again(puzzles, tmp_path, uninterrupted):
    for _ in range(20):
        try:
            # The first call says where the run stands, so every life plays three batches: enough to come to the next checkpoint.
            train(_config(puzzles), tmp_path / "cut", stopping_after(4))
            break
        except StopError:
            continue
    assert left_behind(tmp_path / "cut") == uninterrupted


def test_a_run_that_was_stopped_with_a_torn_line(puzzles, tmp_path, uninterrupted):
    with pytest.raises(StopError):
        train(_config(puzzles), tmp_path / "cut", stopping_after(4))
    for name in ("trajectories.jsonl", "metrics.jsonl"):
        path = tmp_path / "cut" / name
        path.write_bytes(path.read_bytes()[:-20])
    train(_config(puzzles), tmp_path / "cut")
    assert left_behind(tmp_path / "cut") == uninterrupted


def test_a_run_that_was_stopped_before_its_result_was_written(puzzles, tmp_path, uninterrupted):
    # A folder in the result's place lets everything happen but the last write.
    (tmp_path / "cut" / "result.json").mkdir(parents=True)
    with pytest.raises(OSError, match=r"result\.json"):
        train(_config(puzzles), tmp_path / "cut")
    (tmp_path / "cut" / "result.json").rmdir()
    train(_config(puzzles), tmp_path / "cut")
    assert left_behind(tmp_path / "cut") == uninterrupted


def test_a_run_that_was_stopped_before_its_first_checkpoint(puzzles, tmp_path, uninterrupted):
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "trajectories.jsonl").write_text("half a line")
    (tmp_path / "cut" / "metrics.jsonl").write_text('{"batch": 1}\n{"ba')
    train(_config(puzzles), tmp_path / "cut")
    assert left_behind(tmp_path / "cut") == uninterrupted


# Held-out tasks.


def test_no_task_of_the_evaluation_is_trained_on(puzzles, tmp_path):
    config = _config(puzzles, store_groups=3, eval_tasks=8)
    train(config, tmp_path / "run")
    keys = {"eval": set(), "training": set()}
    for trajectory in read_trajectories(tmp_path / "run" / "trajectories.jsonl"):
        keys["eval" if trajectory.group_id.startswith("eval-") else "training"].add(trajectory.task_key)
    # Eight draws out of sixteen tasks, and three of what is left in every batch: both sides have several, and share none.
    assert len(keys["eval"]) > 3
    assert len(keys["training"]) > 3
    assert not keys["eval"] & keys["training"]


def test_every_batch_is_groups_of_one_task_each(puzzles, tmp_path):
    train(_config(puzzles, store_groups=3), tmp_path / "run")
    groups = {}
    for trajectory in read_trajectories(tmp_path / "run" / "trajectories.jsonl"):
        if not trajectory.group_id.startswith("eval-"):
            groups.setdefault(trajectory.group_id, []).append(trajectory)
    assert {len(members) for members in groups.values()} == {2}
    assert all(len({member.task_key for member in members}) == 1 for members in groups.values())
    batches = Counter(group.split("-")[0] for group in groups)
    assert set(batches.values()) == {3}


def test_dev_and_test_are_held_out_apart(puzzles):
    dev, test = (_config(puzzles, split=split, eval_tasks=50).evaluation() for split in ("dev", "test"))
    assert not {episode.seed for episode in dev} & {episode.seed for episode in test}
    assert min(episode.seed for episode in (*dev, *test)) >= 1 << 31  # training draws below
    assert len({episode.id for episode in _config(puzzles, eval_tasks=50).evaluation(attempts=3)}) == 150


def test_too_few_tasks_are_told(puzzles, tmp_path):
    with pytest.raises(OptionError, match="too few tasks beside the 16 held-out ones; lower eval_tasks"):
        train(_config(puzzles, eval_tasks=300), tmp_path / "run")


def test_a_file_of_public_tasks(tmp_path):
    # Tasks of the file are played by the trained agent, in five bins from easy to hard, and are never trained on.
    path = tmp_path / "public.csv"
    games = ("1 1 4 6", "1 2 3 4", "3 3 8 8", "1 1 3 8", "4 4 10 10", "1 1 1 8")
    path.write_text("Rank,Puzzles\n" + "".join(f"{rank},{game}\n" for rank, game in enumerate(games, start=1)))
    config = TrainConfig(
        env_id="prm_gym/Countdown-v0",
        env_options={"difficulty": 3, "max_steps": 4},
        agent_options={"width": 8, "device": "cpu"},
        budget=20,
        tasks=2,
        attempts=2,
        eval_tasks=2,
        num_envs=4,
        task_file=str(path),
    )
    result = train(config, tmp_path / "run")
    assert len(result.file_success) == 5
    assert all(0.0 <= value <= 1.0 for value in result.file_success)
    tasks = TaskFile(config.env_id, config.env_options, str(path))
    assert tasks.bins == ("ranks 1-2", "ranks 3-3", "ranks 4-4", "ranks 5-5", "ranks 6-6")
    # numpy.array_split: six tasks in five bins, the first one longer.
    played = tasks.play(make_agent("scripted"))
    assert [len(part) for part in played] == [2, 1, 1, 1, 1]
    assert all(trajectory.outcome == 1.0 for part in played for trajectory in part)
    stored = {text for trajectory in read_trajectories(tmp_path / "run" / "trajectories.jsonl") for text in (trajectory.task.key, trajectory.task.question)}
    assert not stored & tasks.held_out
    tasks.close()


# What a run costs.


@pytest.mark.parametrize(
    ("credit", "reward", "judged"),
    [
        ("grpo", "outcome", False),
        ("gigpo", "outcome", False),
        ("grpo", "dense", True),
        ("grpo", "potential", True),
        ("grpo_ps", "outcome", True),
        ("adca", "outcome", True),
    ],
)
def test_verifiers_are_not_paid_for_where_nobody_looks(puzzles, tmp_path, credit, reward, judged):
    config = _config(puzzles, credit=credit, reward=reward, budget=10)
    assert (config.env_options_for_training().get("verifiers") is None) is judged
    assert (train(config, tmp_path / "run").verifier_calls > 0) is judged


def test_verifiers_that_were_asked_for_are_kept(puzzles, tmp_path):
    env_options = {"tasks": puzzles, "verifiers": ["arithmetic"]}
    assert _config(puzzles, reward="outcome", env_options=env_options).env_options_for_training()["verifiers"] == ["arithmetic"]


# Mistakes.


def test_other_settings_are_refused(puzzles, tmp_path):
    train(_config(puzzles, budget=10), tmp_path / "run")
    for changes in ({"budget": 20}, {"seed": 1}, {"credit": "grpo"}, {"agent_options": {"width": 16}}, {"env_options": {"tasks": puzzles}}):
        with pytest.raises(OptionError, match="holds a run with other settings; choose another directory, or remove it"):
            train(_config(puzzles, **{"budget": 10, **changes}), tmp_path / "run")


def test_a_run_of_another_version_is_not_gone_on_with(puzzles, tmp_path, monkeypatch):
    train(_config(puzzles), tmp_path)
    monkeypatch.setattr("prm_gym.training.state.VERSION", "99.0")
    with pytest.raises(OptionError, match=r"holds a run of prm_gym .* and this is 99\.0"):
        train(_config(puzzles), tmp_path)


def test_a_broken_state_is_told(puzzles, tmp_path):
    with pytest.raises(StopError):
        train(_config(puzzles), tmp_path / "run", stopping_after(2))
    (tmp_path / "run" / "state.json").write_text("{")
    with pytest.raises(StoreError, match=r"state\.json cannot be read .*remove .* to start the run again"):
        train(_config(puzzles), tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    train(_config(puzzles, budget=10), tmp_path / "run")


@pytest.mark.parametrize("name", ["tasks", "attempts", "evaluate_every", "eval_tasks", "num_envs"])
def test_counts_below_one_are_refused(puzzles, name):
    with pytest.raises(OptionError, match=f"{name} must be at least 1, got 0"):
        _config(puzzles, **{name: 0})


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"credit": "gipgo"}, UnknownNameError, "Did you mean 'gigpo'"),
        ({"reward": "dens"}, UnknownNameError, "Did you mean 'dense'"),
        ({"agent": "candidat"}, UnknownNameError, "Did you mean 'candidate'"),
        ({"agent": "random", "agent_options": {}}, ContractError, "agent 'random' cannot be trained"),
        ({"agent": "random", "agent_options": {"device": "cpu"}}, ContractError, "agent 'random' cannot be trained"),
        ({"env_id": "prm_gym/Countdwn-v0"}, UnknownNameError, "Did you mean 'prm_gym/Countdown-v0'"),
        ({"agent_options": {"widht": 8}}, OptionError, "widht"),
        ({"credit_options": {"gama": 0.9}}, OptionError, "Did you mean 'gamma'"),
    ],
)
def test_names_and_options_that_there_are_not(puzzles, tmp_path, changes, error, says):
    with pytest.raises(error, match=says):
        train(_config(puzzles, **changes), tmp_path / "run")


def test_a_directory_without_a_run(puzzles, tmp_path):
    assert read_result(_config(puzzles), tmp_path) is None
    assert read_result(_config(puzzles), tmp_path / "nowhere") is None


def test_the_rollouts_of_training_and_a_plain_rollout_see_the_same_tasks(puzzles):
    config = _config(puzzles)
    rollouts = Rollouts(config.env_id, config.env_options)
    assert rollouts.task(7) == Rollouts(config.env_id, config.env_options_for_training()).task(7)
