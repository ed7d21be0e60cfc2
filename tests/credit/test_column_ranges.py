"""What a column may hold, wherever it is read."""

import math

import numpy as np
import pytest

from prm_gym.agent import make_agent
from prm_gym.credit import ASSIGNERS, StepBatch, assign, gigpo, greedy_returns, key_array, key_steps, rebel, remax, siop, spae, turning_points
from prm_gym.credit.columns import RANGES, require_meaning
from prm_gym.credit.monte_carlo import hard_values
from prm_gym.credit.pairs import critical_step_pairs, standing
from prm_gym.errors import CreditError, OptionError
from prm_gym.rollout import Rollouts, groups

NAN = float("nan")


def batch_of(**columns):
    """Three attempts at a task, of one, two and one steps."""
    keys = {name: key_array(["s", "t", "s", "s"]) for name in ("state_key", "action_key")}
    given = {name: np.array(column) for name, column in columns.items()}
    return StepBatch([1.0, 0.0, 0.0, 1.0], [0, 1, 3, 4], ["g"] * 3, [1, 0, 1], [False] * 3, {**keys, **given})


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("score", [0.5, 7.0, -0.1, 1.0], r"the column 'score' must be in \[0, 1\], or NaN where not known, got something else in rows 1 and 2"),
        ("label", [1.0, 0.5, 0.0, NAN], "the column 'label' must be 1, 0, or NaN where not known, got something else in row 1"),
        ("entropy", [0.0, 3.0, -1e-3, NAN], "the column 'entropy' must be 0 or more, or NaN where not known, got something else in row 2"),
        ("n_tokens", [0, 3, -1, -2], "the column 'n_tokens' must be 0 or more, or NaN where not known, got something else in rows 2 and 3"),
        ("score", [0.5, math.inf, 0.5, NAN], "the column 'score' must be numbers, or NaN where not known, got infinity in row 1"),
        ("my_own", [0.5, 1e300, -math.inf, NAN], "the column 'my_own' must be numbers, or NaN where not known, got infinity in row 2"),
    ],
)
def test_a_column_holds_what_it_means(name, column, message):
    with pytest.raises(CreditError, match=message):
        batch_of(**{name: column}).numbers(name)


def test_the_ends_of_a_range_and_what_is_not_known_pass():
    for name, (low, high) in RANGES.items():
        require_meaning(name, np.array([low, min(high, 1e300), NAN]))
        require_meaning(name, np.zeros(0))
    require_meaning("value", np.array([-1e300, 1e300]))
    require_meaning("entropy", np.array([-1e-7]))  # what float32 makes of 0


SCORED = ["grpo_ps", "p_grpo", "prof_grpo", "pure", "trust_grpo", "posterior_gate|grpo", "prof|grpo", "trust_weights|dr_grpo"]


@pytest.mark.parametrize("spec", SCORED)
def test_a_score_of_seven_is_refused_whoever_reads_it(spec):
    # Means of step scores are read by filters and gates, too.
    with pytest.raises(CreditError, match=r"'score' must be in \[0, 1\].* in row 2"):
        assign(spec, batch_of(score=[0.5, 0.5, 7.0, 0.5]))


def test_every_assigner_that_needs_scores_is_among_them():
    # renorm needs the column value as well; see its own tests.
    assert {name for name in ASSIGNERS.names() if "score" in ASSIGNERS.load(name).needs} <= {*SCORED, "renorm"}


def test_pairs_and_entropies():
    with pytest.raises(CreditError, match="'score' must be in"):
        critical_step_pairs(batch_of(score=[0.5, 0.5, 7.0, 0.5]))
    with pytest.raises(CreditError, match="'entropy' must be 0 or more"):
        assign("grpo|aem", batch_of(entropy=[0.5, 0.5, -7.0, 0.5]))


def test_each_assigner_has_its_own_range_of_potentials():
    # SPAE's potential is one of [-1, 1], key steps are shares, and that of TP-GRPO stands on the scale of the rewards.
    low = batch_of(potential=[0.5, -1.0, 1.0, NAN], final_potential=[1.0, NAN, 0.0, -0.5])
    assert np.isfinite(spae(low).advantages).all()
    with pytest.raises(CreditError, match=r"'potential' must be in \[0, 1\].* row 1"):
        key_steps(low)
    with pytest.raises(CreditError, match=r"'final_potential' must be in \[-1, 1\].* row 3"):
        spae(batch_of(potential=[0.5, -1.0, 1.0, NAN], final_potential=[1.0, NAN, 0.0, -1.5]))
    assert np.isfinite(turning_points(batch_of(potential=[50.0, -10.0, 7.0, NAN])).advantages).all()


@pytest.mark.parametrize("spec", ["vineppo", "math_shepherd", "math_shepherd?estimation=hard", "omega_prm", "vsrm?bootstrap=true"])
@pytest.mark.parametrize("name", ["mc_value", "bootstrap_mc_value"])
def test_a_value_of_roll_outs_is_named_as_it_is_called(spec, name):
    batch = batch_of(**{"mc_value": [0.5] * 4, name: [0.5, math.inf, 0.5, 0.5]})
    with pytest.raises(CreditError, match=f"the column '{name}' must be numbers, or NaN where not known, got infinity in row 1"):
        assign(spec, batch)


@pytest.mark.parametrize("keys", [[None, None, "a", "a"], ["a", "b", "b", ("a",)], [("a", 1), ("a", 1), ("a", 2), None], [1, 1, 2, 3]])
@pytest.mark.parametrize("spec", ["siop", "step_grpo"])
def test_an_answer_stands_on_all_steps_of_its_attempt(spec, keys):
    # An answer on the last step alone would make an attempt without an answer of one that has answered.
    good = np.array(keys) if all(isinstance(key, int) for key in keys) else key_array(keys)
    bad = good.copy()
    bad[2] = "other" if bad.dtype == object else 9
    good[2] = good[1]
    batch = batch_of(potential=[0.5] * 4)
    assert np.isfinite(assign(spec, batch.with_columns({"answer_key": good})).advantages).all()
    with pytest.raises(CreditError, match="'answer_key' must be the same on all steps of a trajectory, which it is not in row 2"):
        assign(spec, batch.with_columns({"answer_key": bad}))


def test_a_threshold_that_is_no_number_makes_nothing_wrong():
    for judge in (standing, hard_values):
        with pytest.raises(OptionError, match="threshold must be a finite number"):
            judge(np.array([0.5]), threshold=NAN)


# Columns that are filled by hand, as the docstrings say, from real episodes: what a solver and what chance make of three tasks.


@pytest.fixture(scope="module")
def played():
    rollouts = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "max_steps": 3, "verifiers": []}, 4)
    try:
        yield {agent: rollouts.play(make_agent(agent), groups([1, 2, 3], 2)) for agent in ("random", "scripted")}
    finally:
        rollouts.close()


def test_remax_with_a_solver_for_the_greedy_attempt(played):
    # The solver earns 1 in all: b = 1, so that an attempt that earns nothing has -1 on every step, and the solver itself 0 all along.
    sampled, solved = (StepBatch.from_trajectories(played[agent]) for agent in ("random", "scripted"))
    assert solved.outcomes.tolist() == [1.0] * 6
    credit = remax(sampled.with_columns(greedy_returns(sampled, played["scripted"])))
    np.testing.assert_allclose(credit.advantages, (sampled.outcomes - 1.0)[sampled.trajectory_of_step], atol=1e-15)
    assert credit.diagnostics == {"unknown_share": 0.0, "greedy_mean": 1.0}
    assert not remax(solved.with_columns(greedy_returns(solved, played["scripted"]))).advantages.any()


def test_siop_prefers_what_attempts_agree_on(played):
    # Two attempts of the solver end with the same action; those of chance with others, or with none that counts (None where the episode was cut). Without
    # gains, since p is the same in all states, (1 - lambda) q stands on last steps alone: of the agreed answer it is the greatest of its task.
    batch = StepBatch.from_trajectories([*played["random"], *played["scripted"]])
    ends = [None if trajectory.truncated else trajectory.steps[-1].action for trajectory in batch.trajectories]
    filled = batch.with_columns({"answer_key": key_array(ends)[batch.trajectory_of_step], "potential": np.full(batch.rewards.size, 0.5)})
    last = siop(filled).advantages[batch.offsets[1:] - 1]
    for task in set(batch.group_ids.tolist()):
        members = np.flatnonzero(batch.group_ids == task)
        agreed = [i for i in members.tolist() if ends[i] is not None and sum(ends[j] == ends[i] for j in members.tolist()) > 1]
        assert len(agreed) >= 2
        assert last[members].max() == pytest.approx(max(last[agreed]))


def test_rebel_with_the_state_for_a_belief_is_gigpo(played):
    # The environment pays the outcome at the end alone, so gamma^(T-1-t) R is the discounted return, and without rewards of beliefs the second stream is
    # absent.
    batch = StepBatch.from_trajectories([*played["random"], *played["scripted"]])
    believing = batch.with_columns({"belief_key": batch.column("state_key")})
    np.testing.assert_allclose(rebel(believing, step_weight=0.5).advantages, gigpo(batch, step_weight=0.5).advantages, atol=1e-14)
