import re
from pathlib import Path

import msgspec
import pytest

from prm_gym.errors import OptionError
from prm_gym.report.comparison import read_results, summarise, write_results
from prm_gym.report.findings import findings
from prm_gym.report.page import render_page
from prm_gym.report.terminal import plain_text
from prm_gym.report.transfer import Transferred

OLD = sorted((Path(__file__).parents[2] / "benchmarks" / "credit_comparison").glob("*/results.json"))


@pytest.fixture
def moved(synthetic):
    """Every run loses 0.1 in a browser, half of its episodes are other ones, and one is spoilt."""

    def lost(run):
        return msgspec.structs.replace(run, transfer_success=run.final_success - 0.1, transfer_difference=-0.1, transfer_same=0.5, transfer_invalid=1)

    def make(**changes):
        comparison = synthetic(**changes)
        random, scripted = comparison.references
        scripted = msgspec.structs.replace(scripted, transfer_success=1.0, transfer_difference=0.0, transfer_same=1.0)
        return msgspec.structs.replace(
            comparison, runs=tuple(map(lost, comparison.runs)), references=(random, scripted), transfer_options={"mode": "browser"}, transfer_tasks=200
        )

    return make


def test_cells_sum_up_the_transfer(moved):
    for cell in summarise(moved()):
        assert cell.transfer.before == pytest.approx(cell.final_success.mean)
        assert cell.transfer.success.mean == pytest.approx(cell.final_success.mean - 0.1)
        assert (cell.transfer.difference.low, cell.transfer.difference.high) == (pytest.approx(-0.1), pytest.approx(-0.1))
        assert (cell.transfer.same, cell.transfer.invalid) == (0.5, 5)


def test_runs_without_a_transfer_have_no_part_in_it(moved):
    comparison = moved(credits=("grpo",), rewards=("dense",), seeds=(0, 1))
    first, second = comparison.runs
    bare = msgspec.structs.replace(second, transfer_success=None, transfer_difference=None, transfer_same=None)
    (cell,) = summarise(msgspec.structs.replace(comparison, runs=(first, bare)))
    assert cell.transfer.success.mean == first.transfer_success


def test_the_terminal_has_a_table_of_it(moved):
    text = plain_text(moved())
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100
    lines = text[text.index("Evaluated with other options") :].splitlines()
    (row,) = [line for line in lines if line.split()[:2] == ["gigpo", "dense"]]
    assert row.split()[-3:] == ["-0.100", "50.0%", "5"]
    (row,) = [line for line in lines if line.split()[:2] == ["scripted", "(ceiling)"]]
    assert row.split()[2:] == ["1.000", "1.000", "+0.000", "100.0%", "0"]
    assert not [line for line in lines if line.split()[:2] == ["random", "(floor)"]]


def test_the_page_has_a_section_of_it(moved):
    page = render_page(moved())
    assert "Evaluated with mode=browser" in page
    assert "\N{MINUS SIGN}0.100" in page
    words = re.sub(r"<[^>]*>", " ", page[page.index("<body") :])
    assert not re.search(r"\b(nan|None)\b", words)


def test_the_findings_say_it(moved):
    comparison = moved()
    said = findings(comparison, summarise(comparison), ())[-1]
    assert said == (
        "With mode=browser the mean success of the trained agents changes by -0.100; 50.0% of their episodes are the same step by step, "
        "and 30 pairs spoilt by infrastructure are left out."
    )


def test_where_there_is_none_nothing_is_said_of_it(synthetic):
    comparison = synthetic()
    assert "Evaluated with" not in plain_text(comparison)
    assert "Evaluated with" not in render_page(comparison)


def test_it_survives_the_file(moved, tmp_path):
    write_results(moved(), tmp_path / "results.json")
    assert read_results(tmp_path / "results.json") == moved()


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.parent.name)
def test_results_from_before_it_load(path):
    comparison = read_results(path)
    assert comparison.runs
    assert {run.transfer_success for run in comparison.runs} == {None}
    assert "Evaluated with" not in plain_text(comparison)


@pytest.mark.skipif(not (Path(__file__).parents[2] / "benchmarks").is_dir(), reason="the benchmarks are not part of the wheel")
def test_there_are_results_from_before_it():
    assert OLD


@pytest.mark.parametrize(
    "wrong",
    [
        {"transfer_success": 0.5}, {"transfer_success": 1.5, "transfer_difference": 0.0, "transfer_same": 1.0},
        {"transfer_success": 0.5, "transfer_difference": -1.5, "transfer_same": 1.0}, {"transfer_invalid": -1},
        {"transfer_success": 0.5, "transfer_difference": 0.0, "transfer_same": float("nan")},
    ],
)  # fmt: skip
def test_impossible_figures_are_refused(wrong):
    with pytest.raises(OptionError):
        Transferred(**wrong).check_transfer()
