"""Training on small problems in benchmarks/credit/gradient: what must come out whatever the policy learns."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "credit" / "gradient"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not part of the wheel")
sys.path.insert(0, str(FOLDER))
if FOLDER.is_dir():
    import learning
    import learning_tables
    import tabular_problems
sys.path.remove(str(FOLDER))


def curve(name, spec, rate=1.6, seed=3, updates=20):
    return learning.train(name, spec, rate, seed, learning.Settings(updates, 8, 5)).curve


def test_steps_have_the_length_of_the_rate_whatever_the_scale():
    direction = np.array([[3.0, 4.0]])
    for scale in (1e-6, 1.0, 1e6):
        ascent = learning.Ascent(0.4)
        for _ in range(3):  # of equal gradients the root mean square is their length
            np.testing.assert_allclose(ascent.step(scale * direction), [[0.24, 0.32]])


def test_a_longer_gradient_than_before_steps_further_by_its_share():
    # squares 1 and 9 with weights .95 * .05 and .05 of .0975: root mean square sqrt((.0475 + .45) / .0975)
    ascent = learning.Ascent(1.0)
    ascent.step(np.array([1.0]))
    np.testing.assert_allclose(ascent.step(np.array([3.0])), [3.0 / np.sqrt(0.4975 / 0.0975)])


def test_no_signal_no_step():
    ascent = learning.Ascent(1.0)
    assert ascent.step(np.zeros((2, 3))).tolist() == [[0.0] * 3] * 2
    np.testing.assert_allclose(np.linalg.norm(ascent.step(np.array([0.0, 2.0]))), 1.0 / np.sqrt(0.05 / 0.0975))


def test_a_curve_begins_with_the_first_policy_of_its_seed():
    problem = learning.PROBLEMS["lattice"](3)
    first = tabular_problems.random_policy(problem, np.random.default_rng([3, 0]))
    assert curve("lattice", "rloo", updates=0) == [round(tabular_problems.exact(problem, first).expected, 6)]
    assert curve("lattice", "rloo")[0] == curve("lattice", "gigpo")[0] != curve("lattice", "rloo", seed=4)[0]


def test_the_same_seed_trains_the_same():
    assert curve("dense-random", "gigpo") == curve("dense-random", "gigpo")


@pytest.mark.parametrize(("name", "spec"), [("lattice", "salt?base=rloo"), ("loop", "dr_grpo"), ("dense", "dr_grpo")])
def test_assigners_with_the_same_direction_train_the_same(name, spec):
    # SALT moves nothing for a policy that sees the state alone, and dr_grpo is 7/8 of rloo, which steps of a given length do not see.
    np.testing.assert_allclose(curve(name, spec), curve(name, "rloo"), atol=2e-6)


def test_rloo_climbs():
    found = curve("lattice", "rloo", updates=40)
    assert found[-1] > found[0] + 0.2


def test_nothing_looks_alike_in_a_problem_apart():
    # Without shared states only the first step of each task, which all eight attempts share, has others to be compared with.
    made = learning.PROBLEMS["lattice-apart"](0)
    batch = learning.sample(made, made.lean, 1, 8, np.random.default_rng(0)).batches[0]
    _, sizes = np.unique(batch.columns["state_key"], return_counts=True)
    assert sorted(sizes.tolist())[-5:] == [1, 8, 8, 8, 8]


@pytest.mark.parametrize(("name", "positive", "negative"), [("dense", 0.0, 0.0), ("accepts-40", 0.4, 0.0), ("refuses-10", 0.0, 0.1), ("both-40", 0.4, 0.4)])
def test_verifiers_err_at_the_rates_of_their_names(name, positive, negative):
    said, right = zip(*((made.verdicts, made.right) for made in map(learning.PROBLEMS[name], range(40))), strict=True)
    verdicts, truth = np.stack(said), np.stack(right)
    for wrong, rate in ((verdicts[~truth], positive), (1.0 - verdicts[truth], negative)):
        assert abs(wrong.mean() - rate) <= 5.0 * np.sqrt(rate * (1.0 - rate) / wrong.size)


def test_an_assigner_that_lacks_columns_is_left_out():
    assert not learning.possible("lattice", "prime")
    assert not learning.possible("lattice", "pure")
    assert learning.possible("dense", "pure")


def row(problem, spec, seed, curve):
    return {"problem": problem, "spec": spec, "seed": seed, "curve": curve, "rate": 0.4}


def test_differences_are_of_the_same_seeds():
    rows = [row("p", "rloo", seed, [0.0, 0.2 * seed]) for seed in range(4)] + [row("p", "x", seed, [0.0, 0.2 * seed + 0.1]) for seed in range(1, 5)]
    found = learning_tables.difference(rows, "p", "x", learning_tables.final)
    assert (found.interval.mean, found.interval.low, found.interval.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.p_value == 2.0**-2  # three pairs, all of one sign
    assert learning_tables.difference(rows, "p", "x", learning_tables.area).interval.mean == pytest.approx(0.05)
    assert learning_tables.difference(rows, "q", "x", learning_tables.area) is None


def test_what_is_told_from_0_is_corrected_for_all_that_was_found():
    # Six pairs of one sign have p = 1/32, which is below .05 alone, and is not when a second difference was looked at.
    gain = {"rloo": 0.0, "x": 0.1, "y": 0.2}
    rows = [row("p", spec, seed, [value + 0.01 * seed]) for spec, value in gain.items() for seed in range(6)]
    alone = learning_tables.differences([each for each in rows if each["spec"] != "y"], ["p"])
    assert (alone.specs, alone.told) == (("x", "rloo"), {("p", "x")})
    both = learning_tables.differences(rows, ["p"])
    assert (both.specs, both.told) == (("y", "x", "rloo"), frozenset())
    assert both.found["p", "y"].mean == pytest.approx(0.2)


def test_rates_go_on_beyond_an_end_that_is_best():
    asked = []

    def measured(peak):
        asked.clear()
        return lambda rate: asked.append(rate) or -abs(np.log2(rate / peak))

    assert learning.best_rate(measured(1.6)) == 1.6
    assert asked == [0.4, 0.8, 1.6, 3.2, 6.4]
    assert learning.best_rate(measured(25.6)) == 25.6
    assert asked[5:] == [12.8, 25.6, 51.2]
    assert learning.best_rate(measured(0.2)) == 0.2
    assert asked[5:] == [0.2, 0.1]
    assert learning.best_rate(measured(1e6)) == 102.4
    assert learning.best_rate(lambda rate: 0.0) == 0.4


def test_verdicts_that_are_not_paid_for_are_scores_alone():
    made = learning.PROBLEMS["scored"](0)
    batch = learning.sample(made, made.lean, 1, 8, np.random.default_rng(0)).batches[0]
    rewards, outcomes = np.add.reduceat(batch.rewards, batch.offsets[:-1]), batch.outcomes
    np.testing.assert_array_equal(rewards, outcomes)
    assert set(batch.numbers("score").tolist()) == {0.0, 1.0}
    assert [spec for spec in ("rloo", "grpo", "pure", "prof_grpo") if learning.possible("scored", spec)] == ["rloo", "pure", "prof_grpo"]


def test_a_study_goes_on_where_it_was_stopped(tmp_path):
    out = tmp_path / "runs.jsonl"
    command = [sys.executable, "learning.py", "--quick", "--problems", "lattice", "--workers", "1", "--json", "--out", str(out), "--specs"]

    def run(*specs):
        done = subprocess.run([*command, *specs], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=True)
        return json.loads(done.stdout)

    first = run("rloo", "pure")
    assert [(each["spec"], each["seed"]) for each in first] == [("rloo", 0), ("rloo", 1), ("rloo", 2)]
    written = out.read_text()
    out.write_text(written[:-20])  # the last line was cut off
    again = run("rloo", "gigpo")
    assert [each["curve"] for each in again if each["spec"] == "rloo"] == [each["curve"] for each in first]
    lines = [json.loads(line) for line in out.read_text().splitlines() if line.endswith("}")]
    assert len({(each["spec"], each["rate"], each["seed"]) for each in lines}) == len(lines) >= 2 * (5 + 3)
