import json

import msgspec
import pytest

from prm_gym.errors import OptionError, StoreError
from prm_gym.report.comparison import CurvePoint, Reference, RunResult, best, bin_success, contrasts, read_results, summarise, write_results


@pytest.mark.parametrize(
    "odd", [{}, {"seeds": (3,)}, {"credits": ("gigpo",), "rewards": ("dense",)}, {"points": 0}, {"bins": ()}, {"runs": ()}, {"references": ()}]
)
def test_results_survive_the_file(synthetic, tmp_path, odd):
    comparison = synthetic(**odd)
    write_results(comparison, tmp_path / "results.json")
    assert read_results(tmp_path / "results.json") == comparison
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_results_are_plain_json(synthetic, tmp_path):
    write_results(synthetic(), tmp_path / "results.json")
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["schema"] == 1
    assert len(record["runs"]) == 30
    assert record["runs"][0]["curve"][0]["env_steps"] == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}'])
def test_a_file_that_is_no_comparison_is_named(tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"results\.json"):
        read_results(path)
    with pytest.raises(StoreError, match=r"absent\.json"):
        read_results(tmp_path / "absent.json")


def test_a_later_schema_is_refused_with_its_version(synthetic, tmp_path):
    path = tmp_path / "results.json"
    write_results(synthetic(), path)
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2').replace('"library_version": "0.1.0"', '"library_version": "9.0"'))
    with pytest.raises(StoreError, match=r"schema 1, got 2.*9\.0"):
        read_results(path)


RUN = {
    "credit": "grpo",
    "reward": "dense",
    "seed": 0,
    "curve": (),
    "final_success": 0.5,
    "auc": 0.4,
    "verifier_calls": 10,
    "abstentions": 2,
    "wall_seconds": 1.0,
}
POINT = {"env_steps": 10, "success": 0.5, "mean_reward": -1.0, "mean_steps": 3.0, "verifier_calls": 0, "wall_seconds": 0.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"final_success": 1.5}, {"final_success": float("nan")}, {"auc": -0.1}, {"abstentions": 11}, {"verifier_calls": -1}, {"wall_seconds": float("inf")},
        {"file_success": (0.5, 2.0)}, {"curve": (CurvePoint(**POINT), CurvePoint(**POINT))},
    ],
)  # fmt: skip
def test_a_run_with_impossible_figures_is_refused(wrong):
    with pytest.raises(OptionError):
        RunResult(**(RUN | wrong))


@pytest.mark.parametrize("wrong", [{"success": -0.1}, {"env_steps": -1}, {"mean_reward": float("nan")}, {"mean_steps": float("inf")}])
def test_a_point_with_impossible_figures_is_refused(wrong):
    with pytest.raises(OptionError):
        CurvePoint(**(POINT | wrong))


def test_a_reference_has_both_ends_or_none():
    with pytest.raises(OptionError, match="both ends"):
        Reference(agent="random", role="floor", success=0.1, low=0.0, high=None, mean_steps=3.0)


@pytest.mark.parametrize(
    "wrong",
    [{"credits": ("grpo",)}, {"rewards": ("dense",)}, {"file_bins": ("all",)}, {"file_name": None}, {"schema": 2}],
)
def test_parts_that_do_not_fit_are_refused(synthetic, wrong):
    with pytest.raises(OptionError):
        msgspec.structs.replace(synthetic(), **wrong)


def test_two_runs_of_one_seed_are_refused(synthetic):
    runs = synthetic().runs
    with pytest.raises(OptionError, match="Two runs"):
        synthetic(runs=(*runs, runs[0]))


def test_a_cell_by_hand(bare):
    comparison = bare({("grpo", "outcome"): {0: 0.0, 1: 1.0}})
    runs = tuple(msgspec.structs.replace(run, verifier_calls=100 + 50 * run.seed, abstentions=10, wall_seconds=4.0 + run.seed) for run in comparison.runs)
    (cell,) = summarise(msgspec.structs.replace(comparison, runs=runs))
    # Two values: their interval is their range. 20 abstentions in 100 + 150 calls.
    assert (cell.final_success.mean, cell.final_success.low, cell.final_success.high) == (0.5, 0.0, 1.0)
    assert (cell.verifier_calls, cell.wall_seconds, cell.abstention_share) == (125.0, 4.5, 0.08)
    assert (cell.seeds, cell.name, cell.auc) == ((0, 1), "grpo + outcome", None)


def test_no_verifier_call_leaves_no_share(bare):
    (cell,) = summarise(bare({("grpo", "outcome"): {0: 0.5}}))
    assert cell.abstention_share is None
    assert cell.final_success.low is None


def test_cells_come_in_the_order_named_and_miss_what_did_not_run(bare):
    comparison = bare({("a", "y"): {0: 0.1}, ("b", "x"): {0: 0.2}, ("a", "x"): {0: 0.3}})
    assert [(cell.credit, cell.reward) for cell in summarise(comparison)] == [("a", "y"), ("a", "x"), ("b", "x")]


def test_an_interval_depends_on_nothing_but_its_own_runs(synthetic):
    whole = synthetic()
    cells = {(cell.credit, cell.reward): cell for cell in summarise(whole)}
    alone = msgspec.structs.replace(whole, runs=tuple(reversed(whole.runs_of("gigpo", "dense"))))
    assert summarise(alone) == (cells["gigpo", "dense"],)
    assert summarise(whole) == summarise(whole)


def test_contrasts_by_hand(bare):
    # Against (a, x): b differs by +0.3, +0.1, +0.2 (mean 0.2), all of one sign: p = 2/8. c differs by +0.1, -0.1, 0: sums +-0.1 +-0.1 are at
    # least 0 always: p = 1. Holm: 2 x 0.25 = 0.5 and 1.
    comparison = bare({("a", "x"): {0: 0.1, 1: 0.2, 2: 0.3}, ("b", "x"): {0: 0.4, 1: 0.3, 2: 0.5}, ("c", "x"): {0: 0.2, 1: 0.1, 2: 0.3}})
    up, level = contrasts(comparison)
    assert (up.name, up.seeds, up.difference.p_value, up.adjusted_p) == ("b + x", (0, 1, 2), 0.25, 0.5)
    assert up.difference.interval.mean == pytest.approx(0.2)
    assert (level.difference.p_value, level.adjusted_p) == (1.0, 1.0)


def test_contrasts_pair_by_seed_not_by_place(bare):
    # Seeds 1 and 2 are common: 0.5 - 0.2 and 0.6 - 0.3.
    (contrast,) = contrasts(bare({("a", "x"): {2: 0.3, 0: 0.9, 1: 0.2}, ("b", "x"): {1: 0.5, 2: 0.6, 7: 0.0}}))
    assert contrast.seeds == (1, 2)
    assert contrast.difference.interval.mean == pytest.approx(0.3)


def test_no_common_seed_no_contrast(bare):
    assert contrasts(bare({("a", "x"): {0: 0.3}, ("b", "x"): {1: 0.5}})) == ()
    assert contrasts(bare({})) == ()


def test_the_best_is_told_from_what_it_overlaps(bare):
    comparison = bare({("a", "x"): {0: 0.1, 1: 0.2}, ("b", "x"): {0: 0.7, 1: 0.9}, ("c", "x"): {0: 0.6, 1: 0.8}, ("d", "x"): {0: 0.8}})
    leader = best(summarise(comparison))
    # The means are 0.15, 0.8, 0.7 and 0.8; the intervals of two seeds are their ranges; one seed has none and is never separated.
    assert leader.cell.credit == "b"
    assert [cell.credit for cell in leader.overlapping] == ["c", "d"]
    assert [cell.credit for cell in leader.below] == ["a"]
    assert best(()) is None


def test_success_by_bin(synthetic):
    comparison = synthetic(seeds=(0, 1))
    first, second = (run.file_success for run in comparison.runs_of("salt", "dense"))
    values = bin_success(comparison, "salt", "dense")
    assert len(values) == 5
    assert values[2].mean == pytest.approx((first[2] + second[2]) / 2)
    assert (values[2].low, values[2].high) == pytest.approx(sorted((first[2], second[2])))
    assert bin_success(synthetic(bins=()), "salt", "dense") is None
