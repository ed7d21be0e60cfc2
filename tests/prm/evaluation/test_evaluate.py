"""Whole evaluations: of a verifier whose figures are known, of arithmetic on solutions with a false equation, and by the command."""

import io
import json
import re
import sys
import types
from importlib import metadata

import numpy as np
import pytest
from rich.console import Console

from prm_gym import cli
from prm_gym.chain_verifier import ChainVerifier, Judgement
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.prm.evaluation.data import load
from prm_gym.prm.evaluation.evaluate import METRICS, Settings, evaluate
from prm_gym.prm.evaluation.report import cell_text, markdown, page, print_evaluation, read_result, summary, write_reports
from prm_gym.report.statistics import Interval

# Each of six problems: one solution that is right, and one with a false equation in its second step. "#" is what Oracle sees.
ROWS = [
    row
    for n in range(6)
    for row in (
        {"id": f"p-{2 * n}", "problem": f"{n} and 3?", "steps": ["We add.", f"{n} + 3 = {n + 3}.", f"The answer is {n + 3}."], "final_answer_correct": True,
         "label": -1},
        {"id": f"p-{2 * n + 1}", "problem": f"{n} and 3?", "steps": ["We add them.", f"{n} + 3 = {n + 4}.", f"# The answer is {n + 4}."],
         "final_answer_correct": False, "label": 1},
    )
]  # fmt: skip


class Oracle(ChainVerifier):
    """Knows a false equation when it sees one; is certain to 0.9."""

    id, version = "oracle", "1"

    def judge(self, chains):
        return [Judgement(tuple(0.1 if _false(text) else 0.9 for text in chain.texts), ("",) * len(chain)) for chain in chains]


class Constant(ChainVerifier):
    """Says the same of everything, or nothing."""

    version = "1"

    def __init__(self, score):
        self.id, self.score = f"constant {score}", score

    def judge(self, chains):
        return [Judgement((self.score,) * len(chain), ("no server",) * len(chain)) for chain in chains]


def _false(text):
    found = re.fullmatch(r"(\d+) \+ (\d+) = (\d+)\.", text)
    return found is not None and int(found[1]) + int(found[2]) != int(found[3])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS))
    return str(path)


def _row(evaluation, name, row=0, table=0):
    own = [each for each in evaluation.tables if each.name == name][table]
    cells = own.rows[row].cells if isinstance(row, int) else next(each.cells for each in own.rows if each.cells[0] == row)
    return dict(zip(own.columns, cells, strict=True))


def _mean(cell):
    return cell.mean if isinstance(cell, Interval) else cell


def test_a_verifier_that_knows_reaches_1_everywhere(path):
    found = evaluate(Oracle(), load([path]))
    assert _mean(_row(found, "first-error")["F1"]) == 1.0
    assert _row(found, "first-error")["undetermined"] == 0
    assert _mean(_row(found, "steps")["PRMScore"]) == 1.0
    assert _mean(_row(found, "ranking")["ROC-AUC"]) == 1.0
    assert _row(found, "coverage")["at 100%"] == 0.0
    assert _mean(_row(found, "calibration")["ECE (width)"]) == pytest.approx(0.1)
    assert _mean(_row(found, "best-of-n", "min (in use)")["n = 2"]) == 1.0
    assert _mean(_row(found, "best-of-n", "random attempt")["n = 2"]) == 0.5
    assert _mean(_row(found, "best-of-n", "last")["n = 2"]) == 0.5  # the mistake is not in the last step
    assert _mean(_row(found, "solutions", "min (in use)")["ROC-AUC"]) == 1.0
    assert (found.solutions, found.steps, found.judged) == (12, 36, 36)


def test_the_baselines_stand_beside_it(path):
    found = evaluate(Oracle(), load([path]))
    f1 = {row.cells[0]: _mean(row.cells[5]) for row in found.tables[0].rows}
    # All errors are in the second step: the oracle that names it is perfect here.
    assert f1 == {"oracle": 1.0, "all right": 0.0, "all wrong": 0.0, "outcome, second step wrong": 1.0, "outcome, last step wrong": 0.0}
    assert [row.kind for row in found.tables[0].rows] == ["verifier", *["baseline"] * 4]


def test_a_verifier_without_a_word_is_paid_nothing(path):
    found = evaluate(Constant(None), load([path]))
    assert _row(found, "first-error")["undetermined"] == 12
    assert _mean(_row(found, "first-error")["F1"]) == 0.0
    assert _mean(_row(found, "steps")["PRMScore"]) == 0.0
    assert _mean(_row(found, "best-of-n", "min (in use)")["n = 2"]) == 0.5
    assert found.silences == {"no server": 36}
    lenient = evaluate(Constant(None), load([path]), Settings(undecided="right"))
    assert _row(lenient, "first-error")["left alone"] == 1.0
    assert _mean(_row(lenient, "first-error")["F1"]) == 0.0


class Failing(Constant):
    """A model behind a server that is down, in a new way for every chain."""

    def judge(self, chains):
        return [Judgement((None,) * len(chain), (f"down: {chain.problem}",) * len(chain), status="error") for chain in chains]


def test_what_failed_is_counted_whole_and_the_reasons_are_said(path):
    found = evaluate(Failing(None), load([path]), Settings(metrics=("first-error",)))
    assert list(found.failures.values()) == [6, 6, 6, 6, 6, 6]  # of six problems five are named, and the rest is not lost
    assert list(found.failures)[-1] == "other reasons"
    said = " ".join(summary(found))
    assert "36 verdicts failed" in said
    assert "down: 0 and 3? (6 steps)" in said


def test_solutions_that_state_no_answer_have_no_majority(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{**row, "steps": ["a", "b"], "label": None} for row in ROWS]
    path.write_text(
        "\n".join(json.dumps({"problem": row["problem"], "solutions": [{"steps": row["steps"], "correct": row["final_answer_correct"]}]}) for row in rows)
    )
    (table,) = [table for table in evaluate(Constant(0.5), load([str(path)]), Settings(metrics=("best-of-n",))).tables if table.name == "best-of-n"]
    assert not [row for row in table.rows if "majority" in str(row.cells[0])]
    assert "no majority" in table.note
    (table,) = [table for table in evaluate(Constant(0.5), load([_stored(tmp_path)]), Settings(metrics=("best-of-n",))).tables if table.name == "best-of-n"]
    assert [row.cells[0] for row in table.rows if "majority" in str(row.cells[0])] == ["majority weighted by min", "majority"]


def _stored(tmp_path):
    (tmp_path / "answers.json").write_text(json.dumps(ROWS))
    return str(tmp_path / "answers.json")


@pytest.mark.parametrize(("width", "terminal"), [(50, True), (80, True), (80, False), (200, True)])
def test_every_row_of_a_printed_table_has_its_name_and_every_number_is_whole(path, width, terminal):
    found = evaluate(Constant(0.7), load([path]))
    file = io.StringIO()
    print_evaluation(found, Console(file=file, width=width, force_terminal=terminal, color_system=None))
    lines = file.getvalue().splitlines()
    rows = [line for line in lines if len(re.findall(r"\d\.\d{3}", line)) >= 3]
    assert len(rows) > 20
    assert all(re.match(r" [a-z]", line) for line in rows)
    if not terminal:
        assert f" {cell_text(_row(found, 'best-of-n', 'oracle')['n = 2'])} " in file.getvalue()


def test_a_constant_is_what_the_baseline_says(path):
    found = evaluate(Constant(1.0), load([path]))
    for name in ("first-error", "steps", "ranking"):
        assert _row(found, name)[_columns(found, name)[-2]] == _row(found, name, "all right")[_columns(found, name)[-2]]
    assert _mean(_row(found, "ranking")["ROC-AUC"]) == 0.5


def _columns(found, name):
    return next(table.columns for table in found.tables if table.name == name)


def test_arithmetic_finds_false_equations_and_its_silence_is_no_objection(path):
    found = evaluate("arithmetic", load([path]))
    assert found.undecided == "right"
    assert _mean(_row(found, "first-error", "arithmetic")["F1"]) == 1.0
    assert _mean(_row(found, "first-error", 1)["F1"]) == 0.0  # in the other reading: its first steps hold no equation


def test_the_threshold_is_tuned_on_other_problems_alone(path, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(json.dumps([{**row, "problem": f"Elsewhere: {row['problem']}"} for row in ROWS]))

    class Low(Oracle):
        def judge(self, chains):
            return [Judgement(tuple(score / 3 for score in found.scores), found.reasons) for found in super().judge(chains)]

    low = Low()
    assert _mean(_row(evaluate(low, load([path])), "first-error")["F1"]) == 0.0  # right steps score 0.3
    tuned = evaluate(low, load([path]), tune=load([str(other)]))
    assert _mean(_row(tuned, "first-error")["F1"]) == 1.0
    assert 0.1 / 3 < tuned.threshold <= 0.3
    assert "other.json" in tuned.threshold_from
    with pytest.raises(OptionError, match="6 problems"):
        evaluate(low, load([path]), tune=load([path]))
    respelt = tmp_path / "respelt.json"
    respelt.write_text(json.dumps([{**row, "problem": f" {row['problem'].upper()}".replace("+", " + ")} for row in ROWS]))
    with pytest.raises(OptionError, match="6 problems"):
        evaluate(low, load([path]), tune=load([str(respelt)]))


def test_probes_show_what_pays(path):
    found = evaluate(Oracle(), load([path]), Settings(metrics=("probes",), probes=("merging", "padding", "stopping", "only-thanks")))
    by_min = {row.cells[0]: dict(zip(found.tables[0].columns, row.cells, strict=True)) for row in found.tables[0].rows}
    # Melted into one step, or without their end, the six wrong solutions lose their false equation; padding hides nothing from the minimum.
    assert _mean(by_min["merging"]["rises"]) == 0.5
    assert by_min["merging"]["flips"] == 0.5
    assert _mean(by_min["padding"]["rises"]) == 0.0
    assert _mean(by_min["only-thanks"]["rises"]) == 0.5
    aggregators = {row.cells[0]: dict(zip(found.tables[1].columns, row.cells, strict=True)) for row in found.tables[1].rows}
    assert aggregators["padding"] == {"": "padding", "min": 0.0, "product": 0.0, "mean": 0.5, "last": 0.0, "soft-min": 0.5, "sum": 1.0}


def test_pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"state_idx": n // 2, "intent": "Add", "chosen": f"{n} + 1 = {n + 1}.", "rejected": f"{n} + 1 = {n + 2}."} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = evaluate(Oracle(), load([str(path)]))
    row = _row(found, "pairwise")
    assert (row["pairs"], row["states"], _mean(row["score"]), _mean(row["BoNAcc"])) == (4, 2, 1.0, 1.0)
    assert _mean(_row(found, "pairwise", "always a tie")["score"]) == 0.5

    class Compares(Oracle):
        id = "compares"

        def compare(self, pairs):
            return ["first" for _ in pairs]

    flipped = _row(evaluate(Compares(), load([str(path)])), "pairwise")
    assert (_mean(flipped["score"]), flipped["flipped"], _mean(flipped["PairwiseAcc"])) == (0.5, 4, 0.0)


def test_ratings_of_agents(tmp_path):
    messages = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": "1 + 1 = 3."}, {"role": "assistant", "content": "2 + 2 = 4."}]
    path = tmp_path / "agent.jsonl"
    rows = [{"total_index": n, "query_index": n, "messages": messages, "step_labels": {"1": -1, "2": 1}, "final_label": -1} for n in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    row = _row(evaluate(Oracle(), load([str(path)])), "agent")
    assert (_mean(row["StepAcc"]), _mean(row["FirstErrAcc"]), _mean(row["macro-F1"])) == pytest.approx((1.0, 1.0, 2 / 3))


def test_rows_that_cannot_be_read_are_told_and_others_counted(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*ROWS[:2], {**ROWS[2], "label": 9}, 5]))
    data = load([str(path)])
    assert len(data.chains) == 2
    assert [line.split(": ", 1)[0].rpartition(", ")[2] for line in data.sources[0].left_out] == ["line 3", "line 4"]
    assert len(load([str(path)], limit=1).chains) == 1
    assert load([f"processbench={path}"]).sources[0].layouts == {"processbench": 2}
    with pytest.raises(UnknownNameError, match="processbench"):
        load([str(path)], layout="procesbench")
    with pytest.raises(OptionError, match="nothing can be read"):
        load([f"prmbench={path}"])


def test_settings_are_checked():
    for wrong in ({"metrics": ("f1",)}, {"threshold": 1.5}, {"aggregation": "median"}, {"undecided": "wrong"}, {"batch": 0}):
        with pytest.raises(OptionError):
            Settings(**wrong)
    with pytest.raises(UnknownNameError):
        Settings(probes=("nothing",))


def test_csv_is_read(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('id,problem,steps,final_answer_correct,label\np-1,2 and 3?,"[""2 + 3 = 6."", ""So 6.""]",,0\n')
    (chain,) = load([str(path)]).chains
    assert (chain.chain.texts, chain.labels) == (("2 + 3 = 6.", "So 6."), (0.0, None))


def test_the_command_keeps_its_scores_and_writes_its_report(path, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    cli.main(["eval-prm", "arithmetic", path, "--out", str(out), "--metrics", "first-error,calibration,probes", "--probe", "padding", "--json"])
    first = json.loads(capsys.readouterr().out)
    assert (first["judged"], first["kept"]) == (36 + 12 * 8, 0)
    cli.main(["eval-prm", "arithmetic", path, "--out", str(out), "--metrics", "first-error,calibration,probes", "--probe", "padding", "--plots"])
    said = capsys.readouterr().out
    assert "Finding the first wrong step" in said
    assert "padding" in said
    stored = read_result(out / "evaluation.json")
    assert (stored.judged, stored.kept) == (0, first["judged"])
    assert [table["title"] for table in first["tables"]] == [table.title for table in stored.tables]
    for name in ("report.html", "report.md", "plots.png", "plots.svg"):
        assert (out / name).stat().st_size > 500, name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metrics", "f1"], "a metric is one of"),
        (["--plots"], "--out"),
        (["--threshold", "0.5", "--tune-on", "x.json"], "not both"),
        (["--probe", "paddin"], "Did you mean 'padding'"),
        (["--layout", "trll"], "no layout named"),
    ],
)
def test_the_command_says_what_is_wrong(path, capsys, arguments, said):
    with pytest.raises(SystemExit) as exit_status:
        cli.main(["eval-prm", "arithmetic", path, *arguments])
    assert exit_status.value.code == 2
    assert said in capsys.readouterr().err


def test_an_evaluation_of_failures_alone_fails(path, tmp_path, capsys):
    # Nobody listens on port 1.
    judge = "judge:m?base_url=http://127.0.0.1:1/v1&attempts=1&deadline=20"
    command = ["eval-prm", judge, path, "--metrics", "first-error", "--out", str(tmp_path / "e")]
    for arguments in ([*command, "--json"], command):
        with pytest.raises(SystemExit) as exit_status:
            cli.main(arguments)
        assert exit_status.value.code == 1
        captured = capsys.readouterr()
        assert "nothing was measured: all 36 verdicts failed" in captured.err  # twelve solutions of three steps; nothing was kept the first time
        assert captured.out  # the report is there all the same


def test_the_report_does_not_go_into_a_model(path, tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SystemExit):
        cli.main(["eval-prm", "arithmetic", path, "--out", str(tmp_path)])
    assert "holds a model" in capsys.readouterr().err


def test_a_report_of_hostile_names_holds_no_markup_of_theirs(path, tmp_path):
    found = evaluate(Constant(0.7), load([path]), Settings(metrics=("calibration", "first-error")), command="prm-gym eval-prm '<b>'")
    hostile = type(found)(
        **{**{name: getattr(found, name) for name in found.__struct_fields__}, "specification": "<script>x</script>", "notes": ("<img src=x>",)}
    )
    shown = page(hostile)
    assert "<script>x" not in shown
    assert "<img" not in shown
    assert "<script>" not in markdown(hostile)
    assert [file.name for file in write_reports(found, tmp_path / "r")] == ["report.html", "report.md", "evaluation.json"]
    assert cell_text(float("nan")) == "-"


@pytest.mark.parametrize("used", [True, False])
def test_versions_are_of_the_packages_that_were_used(path, tmp_path, monkeypatch, used):
    if used:
        monkeypatch.setitem(sys.modules, "openai", types.ModuleType("openai"))
    else:
        monkeypatch.delitem(sys.modules, "openai", raising=False)
    write_reports(evaluate(Constant(0.7), load([path]), Settings(metrics=("first-error",))), tmp_path)
    versions = read_result(tmp_path / "evaluation.json").versions
    assert versions["numpy"] == np.__version__
    assert versions.get("openai") == (metadata.version("openai") if used else None)


def test_all_metrics_have_names():
    assert {table.name for table in evaluate(Oracle(), load_rows(), Settings(metrics=METRICS)).tables} <= set(METRICS)


def load_rows():
    from prm_gym.prm.evaluation.data import Data
    from prm_gym.prm.layouts.processbench import read

    return Data(tuple(read(ROWS)), (), ())


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory):
    path = tmp_path_factory.mktemp("rollouts") / "t.jsonl"
    arguments = ["--agent", "random", "--tasks", "3", "--attempts", "2", "--out", str(path), "--json"]
    cli.main(["rollout", "--env", "prm_gym/Deduction-v0", *arguments])
    return str(path)


def test_stored_trajectories_keep_the_claims_of_their_environment(rollouts, capsys):
    capsys.readouterr()
    data = load([rollouts])
    assert list(data.sources[0].layouts) == ["trajectories"]
    assert set(data.contexts) == {chain.id for chain in data.chains}
    assert any(context.claims for steps in data.contexts.values() for context in steps)
    # z3 gave the labels, and gives them again: through its claims, which the text alone would not hold. Trivial steps are right and score 0.
    found = evaluate("z3", data, Settings(metrics=("steps",)))
    row, trivial = _row(found, "steps"), sum(chain.ratings.count(0) for chain in data.chains)
    assert _mean(row["accuracy"]) == pytest.approx(1.0 - trivial / row["steps"])
    assert row["undecided"] == 0
    assert trivial == 0 or f"{trivial} steps are called trivial" in found.notes[0]
    with pytest.raises(OptionError, match="there are those of z3"):
        load([rollouts], labels_by=["prm"])
