"""ReMax in a run: every task of a batch is played once more without sampling, where the run plays, and its steps count."""

import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import spelling_world
from spelling_world import ENV, Speller, config
from stopped_runs import StopError, left_behind, stopping_after

from prm_gym.agent import AGENTS
from prm_gym.cli import main
from prm_gym.credit import StepBatch
from prm_gym.errors import DivergedError
from prm_gym.training.columns import Columns, require_fillable
from prm_gym.training.ground import Ground
from prm_gym.training.methods import Practice
from prm_gym.training.metrics import Sink
from prm_gym.training.run import train


class Mad(Speller):
    """A speller that says no letters any more once it has learned `learns` times."""

    id = "mad"

    def __init__(self, learns=2, **options):
        super().__init__(**options)
        self.learns = learns

    def act(self, prompts):
        if self.updates >= self.learns:
            raise DivergedError("the speller says no letters any more")
        return super().act(prompts)

    def greedy(self):
        return self


@pytest.fixture(autouse=True)
def _known():
    spelling_world.register()
    if Mad.id not in AGENTS.names():
        AGENTS.register(Mad.id, Mad)


def _lines(directory):
    return [msgspec.json.decode(line) for line in (directory / "metrics.jsonl").read_bytes().splitlines()]


def test_the_tasks_of_a_batch_are_played_once_more_and_counted(tmp_path):
    assert require_fillable("remax", [], Speller()) == ["greedy_return"]
    result = train(config(credit="remax"), tmp_path)
    before = 0
    for line in _lines(tmp_path):
        # Words of three letters: three attempts at three tasks, and one greedy attempt at each.
        assert line["env_steps"] - before == 3 * (3 * 3 + 3)
        assert line["greedy_return_env_steps"] == 3 * 3
        assert line["greedy_return_unknown_share"] == 0.0
        assert line["greedy_mean"] == line["greedy_return_return_mean"]
        before = line["env_steps"]
    assert result.final_success > result.curve[0].success


def test_the_greedy_attempt_is_that_of_the_ground():
    # A speller that knows every letter and explores always: its attempts fail, its greedy attempt earns the outcome 1.
    ground = Ground(ENV, {"reward": "outcome"}, domains=({"length": 2}, {"length": 3}))
    agent = Speller(knows="".join(spelling_world.MEANS), explore=1.0)
    try:
        episodes = ground.draw(_rng(), _rng().dirichlet([1.0, 1.0]), 4, 2, "batch-")
        trajectories = ground.play(agent, episodes)
        columns = Columns.wanted("remax", [], agent)
        steps = ground.env_steps
        filled, metrics = columns.filled(StepBatch.from_trajectories(trajectories), agent, "remax", ground)
        assert filled.numbers("greedy_return").tolist() == [1.0] * filled.rewards.size
        assert ground.env_steps - steps == metrics["greedy_return_env_steps"] > 0
        assert columns.env_steps == 0  # they are counted once
        assert Practice(agent, trajectories, ground, "remax", columns=columns).update()["greedy_mean"] == 1.0
    finally:
        ground.close()


def _rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("changes", [{}, {"shard": 2, "agent_options": {"explore": 0.0, "knows": "A"}}], ids=["at once", "in shards"])
def test_a_run_that_was_stopped_goes_on_along_the_same_curve(tmp_path, changes, monkeypatch):
    monkeypatch.setattr(Speller, "seeded", "shard" in changes)  # without exploration it leaves nothing to chance
    changes = {"credit": "remax", **changes}
    train(config(**changes), tmp_path / "whole")
    with pytest.raises(StopError):
        train(config(**changes), tmp_path / "cut", stopping_after(3))
    train(config(**changes), tmp_path / "cut")
    assert left_behind(tmp_path / "cut") == left_behind(tmp_path / "whole")


def test_what_a_signal_will_take_is_said_once_before_it_is_taken(tmp_path):
    said = []

    class Noting(Sink):
        def record(self, figures):
            said.append("record")

        def notice(self, text):
            said.append(text)

    train(config(credit="remax"), tmp_path / "long", sinks=[Noting()])
    assert [text for text in said if text != "record"] == ["the signal greedy_return may take about 9 environment steps more for batch 1"]
    said.clear()
    train(config(credit="remax", budget=5), tmp_path / "short", sinks=[Noting()])
    (text,) = (text for text in said if text != "record")
    assert text.startswith("the signal greedy_return may take about 9 environment steps more for batch 1, and 5 are left of the budget: that batch is the last")


def test_the_command_trains_with_remax_and_says_what_it_takes(tmp_path, capsys):
    command = ["train", "--env", ENV, "--agent", "speller", "--agent-option", "explore=0.5", "--device", "", "--credit", "remax", "--budget", "40"]
    main([*command, "--tasks", "2", "--attempts", "2", "--eval-tasks", "3", "--out", str(tmp_path)])
    shown = capsys.readouterr()
    assert "the signal greedy_return may take about 6 environment steps more for batch 1" in shown.err
    assert "environment steps" in shown.out


# A divergence outside of the update.


def test_an_agent_that_acts_no_more_says_where_the_last_good_checkpoint_is(tmp_path):
    # A checkpoint at the evaluation before batch 1, none since: the agent of batch 0 acts.
    options = {"agent": "mad", "evaluate_every": 10_000, "checkpoint_every": 50}
    with pytest.raises(DivergedError, match=r"diverged in batch 3, after \d+ environment steps: the speller says no.*last good checkpoint.*checkpoint-0"):
        train(config(**options), tmp_path / "far")
    # With one after every batch it holds the weights that do not act any more, and is not called good.
    with pytest.raises(DivergedError, match=r"diverged in batch 3, .*checkpoint-2 holds the very weights that act so; begin anew in another folder"):
        train(config(**{**options, "checkpoint_every": 1}), tmp_path / "near")
    # In an evaluation likewise, and in the first one there is none.
    with pytest.raises(DivergedError, match=r"diverged in evaluation, .*last good checkpoint is kept in .*checkpoint-0"):
        train(config(**{**options, "evaluate_every": 1, "agent_options": {"learns": 1, "explore": 0.5}}), tmp_path / "evaluated")
    with pytest.raises(DivergedError, match=r"diverged in evaluation, after 0 environment steps: .*There is no checkpoint yet"):
        train(config(**{**options, "agent_options": {"learns": 0}}), tmp_path / "first")


def test_options_of_the_agent_are_refused_before_anything_is_said(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["train", "--env", ENV, "--agent", "speller", "--agent-option", "exploer=0.5", "--device", "", "--out", str(tmp_path / "run")])
    lines = capsys.readouterr().err.splitlines()
    assert "exploer" in lines[0]
    assert not any("held-out tasks, then" in line for line in lines)
