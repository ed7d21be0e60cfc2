"""What is shown while a rollout or a comparison goes on, from states by hand; and `play` on a real terminal."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from prm_gym.commands.live_tally import live_tally, tally_table
from prm_gym.commands.step_view import StepView, verdict_lines
from prm_gym.commands.tally import Tally
from prm_gym.training.compare import Plan
from prm_gym.training.config import TrainConfig
from prm_gym.training.live_table import bar, comparison_table, last_success
from prm_gym.training.progress import StepCount
from prm_gym.verdict import Verdict, abstained, failed, judged


def _text(table):
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(table)
    return console.file.getvalue()


def _tally(episodes=40, steps=100):
    tally = Tally()
    tally.episodes, tally.steps, tally.invalid = episodes, steps, 1
    tally.outcomes.update({1.0: 3, 0.0: 1})
    tally.rewards.update({0.5: 2})
    tally.labels.update({"z3: correct": 30, "z3: incorrect": 10, "all(z3, judge:m): abstain": 40})
    return tally


def test_a_rollout_shows_rates_success_shares_and_the_time_left():
    # 20 of the 40 episodes were there before: 20 in 10 s, so the other 60 take 30 s; 60 of the 100 steps are new.
    text = _text(tally_table(_tally(), 100, 10.0, held=20, steps=40))
    for said in ("40 of 100, 1 spoilt", "100, 6/s", "about 30.0 s left", "success 0.750, mean reward 0.500", "correct 75%, incorrect 25%"):
        assert said in text, said
    assert "all(z3, judge:m)  abstain 100%" in text


def test_before_anything_is_played_nothing_is_claimed():
    text = _text(tally_table(Tally(), 10, 0.0))
    assert "0 of 10" in text
    assert "about - left" in text
    assert "success -" in text


def test_elsewhere_than_on_a_terminal_there_are_plain_lines(capsys):
    tally = _tally(episodes=10)
    with live_tally(tally, 10) as show:
        show()
    assert capsys.readouterr().err.startswith("rollout: 10/10 episodes, success 0.750, mean reward 0.500 (")
    with live_tally(tally, 10, quiet=True) as show:
        show()
    assert capsys.readouterr().err == ""


@pytest.fixture
def plan(tmp_path):
    return Plan(base=TrainConfig(env_id="prm_gym/Deduction-v0", budget=100), credits=("grpo", "salt"), rewards=("dense",), seeds=(0, 1), directory=tmp_path)


def test_a_comparison_shows_every_combination(plan):
    directories = {(config.credit, config.seed): directory for config, directory in plan.runs()}
    for (credit, seed), success in {("grpo", 0): 0.2, ("grpo", 1): 0.4}.items():
        folder = directories[credit, seed]
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").write_text(f'{{"success":0.0}}\n{{"success":{success},"loss":1.0}}\n{{"succ', encoding="utf-8")
    # grpo: one seed done, one half way; salt has not begun. 150 of 400 steps, 100 of which were there before: 50 in 10 s, the other 250 take 50 s.
    text = _text(comparison_table(plan, {("grpo", "dense", 0): 130, ("grpo", "dense", 1): 50}, 10.0, before=100))
    grpo, salt = (line for line in text.splitlines() if line.startswith(("grpo", "salt")))
    assert grpo.split()[:3] == ["grpo", "dense", "1/2"]
    assert " 75%  0.300 over 2" in grpo
    assert " 0%  -" in salt
    assert "150 of 400 steps, 5/s, 10.0 s, about 50.0 s left" in text


def test_what_runs_had_before_is_no_part_of_the_rate(plan):
    # Of four runs of 100 steps: one finished before, one resumed at 60 that has taken 20 since, one that begins and has taken 30, one not heard of.
    taken, (one, two, three, _) = StepCount(), [config for config, _ in plan.runs()]
    for config, count in ((one, 100), (two, 60), (three, 0), (two, 70), (three, 30), (two, 80)):
        taken.tell(config, count)
    assert taken.before == 160
    text = _text(comparison_table(plan, taken.steps, 10.0, taken.before))
    assert "210 of 400 steps, 5/s, 10.0 s, about 38.0 s left" in text


def test_bars_end_where_they_end():
    assert [bar(share, 4) for share in (-1.0, 0.0, 0.5, 1.0, 2.0)] == ["────", "────", "━━──", "━━━━", "━━━━"]


@pytest.mark.parametrize("text", ["", "\n", "no json\n", '{"success":0.5', '{"loss":1.0}\n'])
def test_metrics_without_a_success_say_nothing(tmp_path, text):
    path = tmp_path / "metrics.jsonl"
    path.write_text(text, encoding="utf-8")
    assert last_success(path) is None
    assert last_success(tmp_path / "none") is None


def test_verdicts_are_coloured_by_what_they_say():
    late = Verdict(status="timeout", reason="late", verifier="c")
    verdicts = {"a": judged("correct", 1.0, "so"), "b": abstained("?"), "c": late, "d": failed("!"), "e": judged("incorrect", 0.0, "no")}
    painted = verdict_lines(verdicts, lambda text, colour: f"<{colour}>{text}")
    assert [line.partition("<")[2].partition(">")[0] for line in painted] == ["32", "33", "35", "35", "31"]
    assert "<" not in "".join(verdict_lines(verdicts))


def test_a_terminal_gets_colours_and_the_end_its_outcome(capsys):
    view = StepView(colours=True)
    view.taken("x", "", 0.25, {"verdicts": {}, "state_key": "k" * 40, "outcome": None}, over=True)
    shown = capsys.readouterr().out
    assert "reward +0.250, +0.250 in 1 step\x1b[2m; state kkkkkkkkkkkk\x1b[0m" in shown
    assert "unknown: the episode was cut" in shown


def test_play_on_a_terminal_is_coloured():
    inside, outside = pty.openpty()
    command = [sys.executable, "-m", "prm_gym", "play", "--env-option", "difficulty=1", "--agent", "scripted"]
    root = Path(sys.modules["prm_gym"].__file__).parents[1]
    process = subprocess.Popen(command, stdout=outside, stderr=outside, cwd=root, env={**os.environ, "TERM": "xterm"})
    os.close(outside)
    shown = b""
    try:
        while data := os.read(inside, 65536):
            shown += data
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(inside)
    assert process.wait() == 0
    assert b"z3: \x1b[32mcorrect (1)\x1b[0m" in shown
    assert b"Outcome: \x1b[32m1.0\x1b[0m" in shown
