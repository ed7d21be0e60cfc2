"""Studies: rows that are found again, means and intervals over tasks, the command and its picture."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from search_worlds import MarksVerifier, PathAgent

from prm_gym import cli
from prm_gym.errors import OptionError, PrmGymError
from prm_gym.search.budget import Spent
from prm_gym.search.study import Row, Study, read_rows, summary
from prm_gym.store import BrokenLine
from prm_gym.verifier import VERIFIERS

VERIFIERS.register("test_search_marks", MarksVerifier)


def study(**changed):
    settings = {
        "env_id": "test_search/PathEnv",
        "agent": PathAgent(),
        "verifier": "test_search_marks",
        "methods": ("best-of-n", "beam?expand=2"),
        "budgets": (6, 12),
        "seeds": tuple(range(5)),
        "horizon": 3,
    }
    return Study(**{**settings, **changed})


def test_a_study_goes_on_where_it_was_stopped_and_comes_to_the_same(tmp_path):
    whole = study().run()
    assert [(row.method, row.budget, row.seed) for row in whole][:6] == [("best-of-n", 6, seed) for seed in range(5)] + [("best-of-n", 12, 0)]
    path = tmp_path / "rows.jsonl"

    class StoppedError(Exception):
        pass

    def stop(row, done, total):
        if done == 8:
            raise StoppedError

    with pytest.raises(StoppedError):
        study().run(path, stop)
    with path.open("a") as file:
        file.write('{"setting": "cut in the mi')  # as a crash leaves it
    notices = []
    with pytest.warns(BrokenLine):
        found = study().run(path, lambda row, done, total: notices.append((done, total)))
    assert found == whole
    assert notices == [(done, 20) for done in range(9, 21)]
    with pytest.warns(BrokenLine):
        assert len(list(read_rows(path))) == 20
    with pytest.warns(BrokenLine):  # all is there: nothing is searched, nothing is made
        assert study(agent=PathAgent()).run(path, lambda *_: pytest.fail("searched again")) == whole


@pytest.mark.parametrize("changed", [{"how": "product"}, {"seed": 1}, {"horizon": 4}, {"verifier": None, "methods": ("majority",)}, {"agent_name": "another"}])
def test_rows_of_another_study_are_refused(tmp_path, changed):
    path = tmp_path / "rows.jsonl"
    study(methods=("majority",), seeds=(0,)).run(path)
    with pytest.raises(OptionError, match="other settings"):
        study(**changed).run(path)


def test_searches_that_were_spoilt_are_searched_again(tmp_path):
    path = tmp_path / "rows.jsonl"
    whole = study(methods=("majority",)).run(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1] |= {"outcome": None, "best_outcome": None, "reason": "the infrastructure spoilt every attempt"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    again: list[int] = []
    assert study(methods=("majority",)).run(path, lambda row, *_: again.append(row.seed)) == whole
    assert again == [lines[1]["seed"]]


def test_a_search_ends_soon_where_nothing_answers(capsys):
    pytest.importorskip("openai")
    with pytest.raises(SystemExit) as ended:
        cli.main(["search", "--agent", "openai:m?base_url=http://127.0.0.1:9/v1&attempts=1", "--tasks", "10", "--method", "majority", "--budget", "4"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "the first 8 searches were all spoilt; the other 2 are not tried. the infrastructure spoilt every attempt: " in said
    assert "the endpoint cannot be reached" in said


def test_more_budgets_methods_and_tasks_are_added_to_the_same_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    first = study(budgets=(6,)).run(path)
    more = study(seeds=tuple(range(6)), methods=("majority", "best-of-n", "beam?expand=2")).run(path)
    assert [row for row in more if (row.method, row.budget) != ("majority", 6) and row.budget == 6 and row.seed < 5] == first
    assert len(list(read_rows(path))) == 3 * 2 * 6


def rows(method, outcomes, best=1.0):
    return [
        Row(setting="", method=method, budget=8, seed=seed, outcome=value, best_outcome=None if value is None else best, attempts=2, spent=spent)
        for seed, (value, spent) in enumerate(zip(outcomes, [Spent(agent_steps=4, tokens=None), *[Spent(agent_steps=8, tokens=3)] * 4], strict=False))
    ]


def test_means_over_valid_tasks_and_gains_task_by_task():
    # best-of-n: 1, 0, -, 1: mean 2/3 over three. beam: 1, 1, 1, -: mean 1; both are valid in the first two tasks, where beam gains 0 and 1.
    points = summary(study(), [*rows("best-of-n", [1.0, 0.0, None, 1.0]), *rows("beam?expand=2", [1.0, 1.0, 1.0, None], best=1.0)])
    one, other = points
    assert (one.success.mean, one.success.n, one.invalid, one.gain) == (pytest.approx(2 / 3), 3, 1, None)
    assert (one.spent["agent_steps"], one.spent["tokens"], one.reachable, one.attempts) == (7.0, None, 1.0, 2.0)
    assert (other.success.mean, other.gain.interval.mean, other.gain.interval.n) == (1.0, 0.5, 2)
    (nothing,) = summary(study(), rows("best-of-n", [None]))
    assert (nothing.success, nothing.reachable, nothing.invalid) == (None, None, 1)


def test_a_study_that_cannot_be_honoured():
    for wrong in (
        {"methods": ()},
        {"budgets": (8, 8)},
        {"seeds": ()},
        {"budgets": (0,)},
        {"unit": "hours"},
        {"unit": "tokens"},
        {"methods": ("beam?width=0",)},
    ):
        with pytest.raises(PrmGymError):
            study(**wrong)


COMMAND = (
    "search",
    "--agent",
    "random",
    "--method",
    "best-of-n,majority",
    "--budget",
    "6,12",
    "--tasks",
    "3",
    "--env-option",
    "difficulty=1",
    "--horizon",
    "2",
)


def test_the_command_shows_success_against_budget(capsys, tmp_path):
    out = tmp_path / "rows.jsonl"
    cli.main([*COMMAND, "--out", str(out), "--json"])
    first = json.loads(capsys.readouterr().out)
    assert [(row["method"], row["budget"], row["tasks"]) for row in first] == [(name, budget, 3) for name in ("best-of-n", "majority") for budget in (6, 12)]
    assert all(row["spent"]["agent_steps"] <= row["budget"] for row in first)
    assert [row["spent"]["verifier_calls"] for row in first][2:] == [0.0, 0.0]
    lines = out.read_text().splitlines()
    assert len(lines) == 12
    cli.main([*COMMAND, "--out", str(out)])
    shown = capsys.readouterr().out
    assert "best-of-n" in shown
    assert "over best-of-n" in shown
    assert out.read_text().splitlines() == lines
    for changed, words in (
        (("--how", "mean"), "other settings"),
        (("--method", "beem"), "beam"),
        (("--budget", "6,many"), "whole numbers"),
        (("--tasks", "0"), "at least 1"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main([*COMMAND, "--out", str(out), *changed])
        assert ended.value.code == 2
        assert words in capsys.readouterr().err


def test_the_verifier_is_the_environments_own_unless_another_is_named(capsys):
    for verifier, error in (
        ((), None),
        (("--verifier", "arithmetic"), None),
        (("--verifier", "none"), "needs a verifier"),
        (("--agent", "./nowhere"), "no folder './nowhere' with a saved agent"),
    ):
        if error is None:
            cli.main([*COMMAND, *verifier, "--json"])
            assert json.loads(capsys.readouterr().out)
        else:
            with pytest.raises(SystemExit):
                cli.main([*COMMAND, *verifier])
            assert error in capsys.readouterr().err


def test_a_saved_policy_searches(capsys, tmp_path):
    pytest.importorskip("torch")
    from prm_gym.agent import make_agent

    made = make_agent("candidate", seed=3, device="cpu")
    made.save(tmp_path / "saved")
    cli.main([*COMMAND, "--agent", str(tmp_path / "saved"), "--agent-option", "device=cpu", "--json"])
    assert len(json.loads(capsys.readouterr().out)) == 4


def test_the_picture(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    from prm_gym.report.search_curves import draw_search

    paths = [tmp_path / "a" / "one.png", tmp_path / "other.png"]
    for path in paths:
        cli.main([*COMMAND, "--json", "--plot", str(path)])
    capsys.readouterr()
    assert paths[0].read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with pytest.raises(OptionError, match="nothing to draw"):
        draw_search(summary(study(), rows("best-of-n", [None])), "agent_steps", "", tmp_path / "none.png")
