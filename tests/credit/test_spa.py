import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, gae, spa
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_signals import progress_rewards
from prm_gym.errors import CreditError, OptionError


def one(rewards, progress, values=None, outcome=1.0):
    columns = {"progress": np.array(progress), "value": np.zeros(len(rewards)) if values is None else np.array(values)}
    return StepBatch(rewards, [0, len(rewards)], ["g"], [outcome], [False], columns)


def attributed(make_batch, seed):
    batch = make_batch(seed)
    rng = np.random.default_rng(seed)
    return batch.with_columns({"progress": rng.normal(size=batch.rewards.size), "value": rng.normal(size=batch.rewards.size)})


def test_the_rewards_by_hand():
    # R = 1, estimates 1/4 and 1/2 explain 3/4 of it: the last step gets its 1/2 and the 1/4 that is left.
    assert progress_rewards(one([0.0, 1.0], [0.25, 0.5])).tolist() == [0.25, 0.75]
    assert progress_rewards(one([0.0, 1.0], [0.25, 0.5]), residual="none").tolist() == [0.25, 0.5]
    # 2 c + 1/2 of the environment's own rewards.
    assert progress_rewards(one([0.0, 1.0], [0.25, 0.5]), residual="none", weight=2.0, grounding=0.5).tolist() == [0.5, 1.5]


def test_the_rewards_of_a_trajectory_sum_to_its_outcome(make_batch):
    batch = attributed(make_batch, 0)
    np.testing.assert_allclose(trajectory_returns(progress_rewards(batch), batch.offsets), trajectory_returns(batch.rewards, batch.offsets), atol=1e-12)


def test_the_return_is_the_outcome_less_a_potential_of_what_came_before(make_batch):
    # lambda 1 and values of 0: A_t = sum_{k >= t} r_k = R - sum_{u < t} c_u, whatever comes after t: a baseline, so that the gradient has no bias.
    batch = attributed(make_batch, 1)
    batch = batch.with_columns({"value": np.zeros(batch.rewards.size)})
    before = np.cumsum(batch.columns["progress"]) - batch.columns["progress"]
    before -= before[batch.offsets[:-1]][batch.trajectory_of_step]
    totals = trajectory_returns(batch.rewards, batch.offsets)[batch.trajectory_of_step]
    np.testing.assert_allclose(spa(batch, lam=1.0).advantages, totals - before, atol=1e-11)


def test_estimates_that_say_the_rewards_are_gae(make_batch):
    batch = attributed(make_batch, 2)
    batch = batch.with_columns({"progress": batch.rewards})
    np.testing.assert_allclose(spa(batch, gamma=0.9).advantages, gae(batch, gamma=0.9, bootstrap=False).advantages, atol=1e-12)


def test_an_unknown_step_adds_nothing_and_the_rest_takes_it_in():
    batch = one([0.0, 0.0, 1.0], [0.25, np.nan, 0.5])
    assert progress_rewards(batch).tolist() == [0.25, 0.0, 0.75]
    with pytest.raises(CreditError, match="not known on any step of the trajectories in row 0"):
        spa(one([1.0], [np.nan]))


def test_the_error_of_the_estimator_is_reported():
    # R - sum c = 1 - 3/4 and 0 - 1/2: mean square (1/16 + 1/4) / 2.
    batch = StepBatch([0, 1, 0], [0, 2, 3], ["g", "g"], [1, 0], [False, False], {"progress": np.array([0.25, 0.5, 0.5]), "value": np.zeros(3)})
    assert spa(batch).diagnostics["progress_error"] == pytest.approx(5 / 32)


def test_what_it_needs():
    with pytest.raises(CreditError, match=r"lacks progress, value.* progress: of the learned signal progress"):
        assign("spa", StepBatch([1.0], [0, 1], ["g"], [1], [False]))
    with pytest.raises(OptionError, match="residual must be one of 'last', 'none', got 'first'"):
        spa(one([1.0], [0.5]), residual="first")
    with pytest.raises(OptionError, match="weight must be a finite number"):
        spa(one([1.0], [0.5]), weight=float("nan"))


# The gradient of a policy against the true one, in a world of two choices: state 0, then state 1 or 2 by the first action; an outcome for each pair of
# actions.

OUTCOMES = np.array([[0.1, 0.9], [0.7, 0.0]])
PAIRS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def expected_outcome(logits):
    p = 1 / (1 + np.exp(-logits))
    probability = [(p[0] if a else 1 - p[0]) * (p[1 + a] if b else 1 - p[1 + a]) for a, b in PAIRS]
    return probability, sum(chance * OUTCOMES[pair] for chance, pair in zip(probability, PAIRS, strict=True))


def true_gradient(logits, step=1e-6):
    """By central differences."""
    moves = np.eye(3) * step
    return np.array([(expected_outcome(logits + move)[1] - expected_outcome(logits - move)[1]) / (2 * step) for move in moves])


def expected_gradient(logits, progress=None, **options):
    """Sum over all episodes of P(episode) sum_t A_t grad log pi(a_t|s_t), with values that have nothing to do with the world, and nor have estimates, if [4, 2]
    are not given."""
    rng = np.random.default_rng(0)
    estimates, values = rng.normal(size=(3, 2)), rng.normal(size=3)
    columns = {
        "progress": np.ravel([[estimates[0, a], estimates[1 + a, b]] for a, b in PAIRS] if progress is None else progress),
        "value": np.array([[values[0], values[1 + a]] for a, _ in PAIRS]).ravel(),
    }
    rewards = np.array([[0.0, OUTCOMES[pair]] for pair in PAIRS]).ravel()
    batch = StepBatch(rewards, [0, 2, 4, 6, 8], ["g"] * 4, [OUTCOMES[pair] for pair in PAIRS], [False] * 4, columns)
    advantages = spa(batch, **options).advantages.reshape(4, 2)
    p = 1 / (1 + np.exp(-logits))
    gradient = np.zeros(3)
    for chance, (a, b), advantage in zip(expected_outcome(logits)[0], PAIRS, advantages, strict=True):
        gradient[0] += chance * advantage[0] * (a - p[0])  # the derivative of log pi of a choice between two by its logit
        gradient[1 + a] += chance * advantage[1] * (b - p[1 + a])
    return gradient


def test_a_wrong_estimator_leaves_the_gradient_without_bias():
    logits = np.array([0.3, -0.5, 0.8])
    np.testing.assert_allclose(expected_gradient(logits, gamma=1.0, lam=1.0), true_gradient(logits), atol=1e-9)
    # As published, without the residual, it is the gradient of something else.
    assert np.abs(expected_gradient(logits, gamma=1.0, lam=1.0, residual="none") - true_gradient(logits)).max() > 0.05


def test_an_estimator_that_has_learned_from_these_episodes_would_bias_the_gradient():
    # Fitted to an episode until it knows it by heart, c = R/2 on both steps: A_0 = R - V_0 is as it should be, but A_1 = R/2 - V_1, and the second choices
    # are reinforced half as much. Hence `ProgressEstimator.learns_first` is False.
    logits = np.array([0.3, -0.5, 0.8])
    by_heart = np.array([[OUTCOMES[pair] / 2] * 2 for pair in PAIRS])
    np.testing.assert_allclose(expected_gradient(logits, by_heart, gamma=1.0, lam=1.0), true_gradient(logits) * [1.0, 0.5, 0.5], atol=1e-9)
