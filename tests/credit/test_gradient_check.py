"""The gradient check of benchmarks/credit/gradient: its exact gradients, its sampler, its measures, and what is known of the assigners beforehand."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "credit" / "gradient"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not part of the wheel")
sys.path.insert(0, str(FOLDER))
if FOLDER.is_dir():
    import gradient_estimates
    import tabular_problems
sys.path.remove(str(FOLDER))

NAMES = ("lattice", "tree", "loop", "long", "proof", "dense", "dense-random", "dense-accepts", "dense-refuses", "dense-both")


def problem(name, **changes):
    return replace(tabular_problems.PROBLEMS[name](), **changes)


def logits_of(made, seed=0):
    return tabular_problems.random_policy(made, np.random.default_rng(seed))


def sampled(made, logits, batches=200, seed=1):
    return gradient_estimates.sample(made, logits, batches, 8, np.random.default_rng(seed))


def enumerated(made, logits, dense):
    """sum over all attempts of probability x return x gradient of the log probability, one attempt after the other."""
    policy, rewards = tabular_problems.softmax(logits), made.expected_rewards(dense)
    total, expected = np.zeros_like(policy), 0.0

    def walk(state, step, probability, paid, score):
        nonlocal total, expected
        if made.terminal[state] or step == made.horizon:
            total += probability * paid * score
            expected += probability * paid
            return
        for action in range(policy.shape[1]):
            slope = score.copy()
            slope[state] -= policy[state]
            slope[state, action] += 1.0
            for after, chance in zip(made.successors[state, action], made.probabilities[state, action], strict=True):
                if chance > 0.0:
                    # What a step pays depends on where it leads; the verdicts' part is the expectation over the verifier's errors.
                    entered = made.outcomes[after] if made.terminal[after] else 0.0
                    verdict = rewards[state, action] - made.expected_rewards(False)[state, action]
                    walk(after, step + 1, probability * policy[state, action] * chance, paid + entered + verdict, slope)

    for start in made.starts:
        walk(int(start), 0, 1.0 / made.starts.size, 0.0, np.zeros_like(policy))
    return total, expected


def test_the_study_has_these_problems():
    assert tuple(tabular_problems.PROBLEMS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_problem_is_a_decision_problem(name):
    made = problem(name)
    np.testing.assert_allclose(made.probabilities.sum(axis=2), 1.0)
    assert np.all(made.outcomes[~made.terminal] == 0.0)
    assert not made.terminal[made.starts].any()
    assert 0.02 < tabular_problems.exact(made, logits_of(made)).expected < 0.98


@pytest.mark.parametrize(("name", "changes", "dense"), [("tree", {}, False), ("loop", {"horizon": 3}, False), ("dense-both", {"horizon": 5}, True)])
def test_the_exact_gradient_is_the_sum_over_all_attempts(name, changes, dense):
    made = problem(name, **changes)
    if name == "dense-both":
        made = replace(made, starts=made.starts[:1])  # 4 right steps fit into the horizon of 5
    logits = logits_of(made)
    found = tabular_problems.exact(made, logits, dense)
    total, expected = enumerated(made, logits, dense)
    np.testing.assert_allclose(found.gradient, total, atol=1e-12)
    assert found.expected == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_exact_gradient_is_the_slope_of_the_expected_return(name, dense):
    made = problem(name)
    logits, rng = logits_of(made), np.random.default_rng(5)
    gradient = tabular_problems.exact(made, logits, dense).gradient
    for _ in range(3):
        direction = rng.normal(size=logits.shape)
        # Central differences err by h^2 / 6 times a third derivative; h = 1e-4 leaves some 1e-8 of values of order one.
        up, down = (tabular_problems.exact(made, logits + sign * 1e-4 * direction, dense).expected for sign in (1, -1))
        assert (up - down) / 2e-4 == pytest.approx(float((gradient * direction).sum()), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_attempts_earn_what_is_expected(name):
    made = problem(name)
    logits = logits_of(made)
    played = sampled(made, logits).attempts
    totals = np.add.reduceat(played.rewards, played.offsets[:-1])
    for values, dense in ((played.outcomes, False), (totals, True)):
        # 1,600 attempts at each task, drawn independently: five standard errors of their mean are exceeded once in two million times.
        error = values.std() / np.sqrt(values.size)
        assert abs(values.mean() - tabular_problems.exact(made, logits, dense).expected) < 5.0 * error


@pytest.mark.parametrize(("kind", "positive", "negative"), [("dense-random", 0.2, 0.2), ("dense", 0.0, 0.0)])
def test_verdicts_err_at_their_rates(kind, positive, negative):
    made = problem(kind)
    played = sampled(made, logits_of(made)).attempts
    right = made.right[played.states, played.actions]
    for said, rate in ((played.verdicts[~right], positive), (1.0 - played.verdicts[right], negative)):
        assert abs(said.mean() - rate) <= 5.0 * np.sqrt(rate * (1.0 - rate) / said.size)


def test_fixed_errors_are_the_same_every_time():
    made = problem("dense-both")
    played = sampled(made, logits_of(made)).attempts
    assert np.array_equal(played.verdicts, made.verdicts[played.states, played.actions])
    assert set(np.unique(made.verdicts)) == {0.0, 1.0}


def test_a_verifier_needs_to_know_what_is_right():
    with pytest.raises(ValueError, match="lattice"):
        tabular_problems.judged(problem("lattice"), "x", "x", 0.1, 0.1, fixed=True)


def test_rows_are_attempts_in_time_order():
    made = problem("loop")
    played = sampled(made, logits_of(made), batches=3).attempts
    for first, after in zip(played.offsets[:-1], played.offsets[1:], strict=True):
        assert played.times[first:after].tolist() == list(range(after - first))
        assert np.array_equal(played.states[first + 1 : after], played.next_states[first : after - 1])
    assert np.array_equal(played.states[played.offsets[:-1]], made.starts[played.tasks])


def test_where_nothing_looks_alike_keys_still_lead_from_row_to_row():
    made = problem("tree")
    batch = sampled(made, logits_of(made), batches=1).batches[0]
    keys, after, first = batch.columns["state_key"], batch.columns["next_state_key"], batch.time_of_step == 0
    assert np.unique(keys[~first]).size == (~first).sum()
    assert np.array_equal(after[:-1][~first[1:]], keys[1:][~first[1:]])
    assert not set(after[batch.offsets[1:] - 1].tolist()) & set(keys.tolist())


def bias_along(estimate, gradient, directions=5):
    """Standard errors between the mean estimate and the gradient, along random directions."""
    off = (estimate - gradient) @ np.random.default_rng(3).normal(size=(gradient.size, directions))
    return off.mean(axis=0) / (off.std(axis=0, ddof=1) / np.sqrt(len(off)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("spec", "factor"), [("reinforce", 1.0), ("rloo", 1.0), ("dr_grpo", 8.0 / 7.0)])
def test_unbiased_estimates_are_unbiased(spec, factor, name):
    # E[R grad log P] is the gradient of the expected sum of the rewards; a baseline of other attempts changes nothing, and the mean over all 8 is 7/8 of it.
    made = problem(name)
    logits = logits_of(made)
    shown = sampled(made, logits)
    estimate = factor * gradient_estimates.estimates(shown, gradient_estimates.advantages_of(spec, shown.batches))["attempt"]
    # Means of 200 batches, five directions: 4.8 standard errors are exceeded by chance once in a hundred thousand times.
    assert np.abs(bias_along(estimate, tabular_problems.exact(made, logits, dense=True).gradient.ravel())).max() < 4.8


def test_exact_values_are_an_unbiased_critic():
    made = problem("loop")
    logits = logits_of(made)
    shown, truth = sampled(made, logits), tabular_problems.exact(made, logits)
    full = gradient_estimates.with_columns(shown, gradient_estimates.extra_columns(made, shown.attempts, truth, np.random.default_rng(0)))
    estimate = gradient_estimates.estimates(shown, gradient_estimates.advantages_of("gae?gamma=1&lam=0", full))["attempt"]
    assert np.abs(bias_along(estimate, truth.gradient.ravel())).max() < 4.8


@pytest.mark.parametrize("name", ["lattice", "loop", "long"])
def test_salt_moves_nothing_for_a_policy_that_sees_the_state_alone(name):
    # All occurrences of an edge have the same grad log pi, and SALT keeps the sum of their advantages.
    made = problem(name)
    shown = sampled(made, logits_of(made), batches=20)
    merged, base = (
        gradient_estimates.estimates(shown, gradient_estimates.advantages_of(spec, shown.batches))["attempt"] for spec in ("salt?base=rloo", "rloo")
    )
    np.testing.assert_allclose(merged, base, atol=1e-12)


def test_estimates_are_weighted_sums_of_slopes():
    made = problem("loop")
    logits = logits_of(made)
    policy, shown = tabular_problems.softmax(logits), sampled(made, logits, batches=2)
    played, advantages = shown.attempts, np.random.default_rng(2).normal(size=shown.attempts.states.size)
    lengths, owner = np.diff(played.offsets), np.repeat(np.arange(played.tasks.size), np.diff(played.offsets))
    found = gradient_estimates.estimates(shown, advantages)
    for weighting in gradient_estimates.WEIGHTINGS:
        slow = np.zeros((2, *policy.shape))
        for row, (state, action) in enumerate(zip(played.states, played.actions, strict=True)):
            batch = owner[row] // 32
            steps = lengths[batch * 32 : (batch + 1) * 32].sum()
            weight = {"attempt": 1 / 32, "step": 1 / steps, "own length": 1 / 32 / lengths[owner[row]]}[weighting]
            slow[batch, state] -= weight * advantages[row] * policy[state]
            slow[batch, state, action] += weight * advantages[row]
        np.testing.assert_allclose(found[weighting], slow.reshape(2, -1), atol=1e-12)


def test_the_measures_of_two_batches_by_hand():
    # g = (1, 0), estimates 2g + e and 2g - e with e = (0, 1/2): mean 2g; trace(C) = 2 |e|^2 / (2 - 1) = 1/2; |mean|^2 - trace(C)/2 = 15/4.
    found = gradient_estimates.measured(np.array([[2.0, 0.5], [2.0, -0.5]]), np.array([1.0, 0.0]))
    assert found.cosine == pytest.approx(2.0 / np.sqrt(3.75))
    assert (found.scale, found.silent) == (2.0, 0.0)
    assert found.bias == pytest.approx(np.sqrt(1.0 - 0.25))  # |mean - g|^2 = 1
    assert found.signal_to_noise == pytest.approx(3.75 / 0.5)
    assert found.batch_cosine == pytest.approx(2.0 / np.sqrt(4.25))
    assert found.component_variance == pytest.approx(0.25)


def test_noise_alone_has_no_direction():
    found = gradient_estimates.measured(np.array([[0.0, 1.0], [0.0, -1.0]]), np.array([1.0, 0.0]))
    assert (found.cosine, found.signal_to_noise, found.batch_cosine) == (None, None, 0.0)


def test_batches_without_a_signal_are_counted():
    found = gradient_estimates.measured(np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([1.0, 0.0]))
    assert (found.silent, found.batch_cosine) == (0.5, 0.5)


def test_an_attempt_that_was_cut_has_no_answer():
    made = problem("loop", horizon=2)
    batch = sampled(made, logits_of(made), batches=1).batches[0]
    assert np.array_equal(np.array([key is None for key in batch.columns["answer_key"]]), batch.truncated[batch.trajectory_of_step])


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    out = tmp_path / "results.jsonl"
    command = [sys.executable, "run.py", "--problems", "tree", "dense", "--policies", "2", "--batches", "20", "--json", "--out", str(out), "--specs"]

    def run(*specs):
        done = subprocess.run([*command, *specs], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=True)
        return json.loads(done.stdout)

    first = run("rloo", "prime")
    assert [(row["problem"], row["policy"], row["spec"]) for row in first] == [(p, k, s) for p in ("tree", "dense") for k in (0, 1) for s in ("rloo", "prime")]
    assert {row["reason"] for row in first if row["spec"] == "prime"} == {"the problem fills no implicit_reward"}
    written = out.read_text()
    out.write_text(written[:-40])  # the last line was cut off
    again = run("rloo", "prime", "gae")
    assert [row for row in again if row["spec"] == "rloo"] == [row for row in first if row["spec"] == "rloo"]
    assert {row["extra"] for row in again if row["spec"] == "gae"} == {True}
