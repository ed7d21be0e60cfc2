"""Values by roll-outs in a run: they fill the column, their steps count, and a run that was stopped goes on along the same curve."""

import sys
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("torch")

sys.path.insert(0, str(Path(__file__).parent))

from stopped_runs import StopError, left_behind, stopping_after

from prm_gym.agents.candidate import CandidatePolicy
from prm_gym.credit import StepBatch, branches
from prm_gym.credit.pairs import step_dpo_pairs
from prm_gym.errors import CreditError
from prm_gym.rollout import Rollouts, groups
from prm_gym.training.columns import Columns
from prm_gym.training.compare import Plan, compare
from prm_gym.training.config import TrainConfig
from prm_gym.training.pairs import preferences
from prm_gym.training.run import train

COUNTDOWN, SMALL = "prm_gym/Countdown-v0", {"difficulty": 1, "max_steps": 3, "verifiers": []}


def _config(**changes):
    fields = {
        "env_id": COUNTDOWN,
        "env_options": SMALL,
        "agent_options": {"width": 8, "device": "cpu"},
        "credit": "vineppo",
        "signals": ("mc_value?k=2&num_envs=8",),
        "budget": 150,
        "tasks": 2,
        "attempts": 2,
        "evaluate_every": 100,
        "eval_tasks": 3,
        "num_envs": 4,
    }
    return TrainConfig(**{**fields, **changes})


def _lines(directory):
    return [msgspec.json.decode(line) for line in (directory / "metrics.jsonl").read_bytes().splitlines()]


def test_the_column_is_filled_by_the_agent_that_learns():
    agent = CandidatePolicy(device="cpu", width=8, seed=1)
    batch = StepBatch.from_trajectories(Rollouts(COUNTDOWN, SMALL).play(agent, groups(range(2), 2)))
    columns = Columns.wanted("vineppo", ["mc_value?k=2"], agent)
    filled, metrics = columns.filled(batch, agent, "vineppo")
    values = filled.numbers("mc_value")
    assert set(values.tolist()) <= {0.0, 0.5, 1.0}  # two roll-outs that succeed or not
    assert metrics["mc_value_unknown_share"] == 0.0
    assert metrics["mc_value_env_steps"] == columns.env_steps > batch.rewards.size
    assert Columns.wanted("vineppo", [], agent).signals["mc_value"].k == 9
    assert "mc_value" not in Columns.wanted("gigpo", [], agent).signals
    columns.close()


def test_other_rewards_are_refused_before_anything_is_played(tmp_path):
    with pytest.raises(CreditError, match=r"for the reward 'outcome' alone, got 'dense\?penalty=0.1'"):
        train(_config(reward="dense?penalty=0.1"), tmp_path / "run")
    plan = Plan(base=_config(), credits=("grpo", "vineppo"), rewards=("outcome", "potential"), seeds=(0,), directory=tmp_path / "plan")
    with pytest.raises(CreditError, match="'vineppo' takes the column 'mc_value'"):
        compare(plan)
    assert not (tmp_path / "plan").exists()


def test_steps_of_rollouts_are_steps_of_the_run(tmp_path):
    train(_config(), tmp_path)
    lines, before = _lines(tmp_path), 0
    assert len(lines) >= 2
    for line in lines:
        # Four episodes of three steps at most, and what the roll-outs took.
        played = line["env_steps"] - before - line["mc_value_env_steps"]
        assert 4 <= played <= 12
        assert line["mc_value_rollouts"] > 0
        before = line["env_steps"]
    assert lines[-2]["env_steps"] < 150 <= lines[-1]["env_steps"]


def test_a_run_that_was_stopped_goes_on_along_the_same_curve(tmp_path):
    config = _config(credit="omega_prm", signals=("mc_value?k=2&visits=search&num_envs=8",))
    train(config, tmp_path / "whole")
    with pytest.raises(StopError):
        train(config, tmp_path / "cut", stopping_after(1))
    train(config, tmp_path / "cut")
    assert left_behind(tmp_path / "cut") == left_behind(tmp_path / "whole")


@pytest.mark.parametrize("credit", ["tree_rl", "tree_grpo"])
def test_attempts_at_a_task_are_a_tree_by_what_they_began_alike(tmp_path, credit):
    train(_config(credit=credit, signals=(), tasks=1, attempts=12, budget=60), tmp_path)
    lines = _lines(tmp_path)
    assert all(line["groups"] == 1.0 and line["leaves_mean"] >= 1.0 for line in lines)
    assert sum(line["forks"] for line in lines) > 0  # 12 attempts choose among 12 first actions


def test_prompts_of_pairs_in_a_tree_hold_what_came_before_the_branch():
    played = Rollouts(COUNTDOWN, SMALL).play(CandidatePolicy(device="cpu", width=8), groups([3], 12))
    whole = StepBatch.from_trajectories(played)
    tree = branches(whole).batch
    # Right are the steps of the one attempt, wrong the others, whatever they are; what is preferred must have stood before its pair in the whole trajectory.
    right = (tree.trajectory_of_step == 0).astype(float)
    pairs = step_dpo_pairs(tree, right, success=0.0, per_situation=9)
    found = preferences(tree, pairs)
    assert found
    for pair, preference in zip(pairs, found, strict=True):
        original = played[int(tree.trajectory_of_step[pair.rejected])]
        place = tree.steps[pair.rejected].index
        assert [past.action for past in preference.prompt.history] == [step.action for step in original.steps[:place]]
        assert preference.prompt.observation == original.steps[place].observation
        assert preference.rejected.text == original.steps[place].action != preference.chosen.text
