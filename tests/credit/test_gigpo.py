import math
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, gigpo, key_array
from prm_gym.errors import CreditError, OptionError


def standardized(value, members, *, divide, eps, alone):
    """A value against its group; `alone` is what is subtracted from the only member of a group."""
    if len(members) == 1:
        return (value - alone) / (1.0 + eps) if divide else value - alone
    mean = sum(members) / len(members)
    if not divide:
        return value - mean
    std = math.sqrt(sum((member - mean) ** 2 for member in members) / (len(members) - 1))
    return (value - mean) / (std + eps)


def looped_gigpo(batch, *, gamma, step_weight, divide, per_row, eps=1e-6):
    """Equations 3 to 8 of the paper, a row at a time over Python lists."""
    rows = [
        (i, batch.group_ids[i], batch.columns["state_key"][row], row, int(batch.offsets[i + 1]))
        for i in range(len(batch.group_ids))
        for row in range(int(batch.offsets[i]), int(batch.offsets[i + 1]))
    ]
    returns = [sum(gamma ** (later - row) * batch.rewards[later] for later in range(row, end)) for _, _, _, row, end in rows]
    totals = [sum(batch.rewards[a:b]) for a, b in pairwise(batch.offsets)]
    advantages = []
    for i, task, state, row, _ in rows:
        if per_row:
            episode_members = [totals[j] for j, other, *_ in rows if other == task]
        else:
            episode_members = [totals[j] for j, other in enumerate(batch.group_ids) if other == task]
        step_members = [returns[u] for _, other, place, u, _ in rows if (other, place) == (task, state)]
        episode = standardized(totals[i], episode_members, divide=divide, eps=eps, alone=0.0)
        step = standardized(returns[row], step_members, divide=divide, eps=eps, alone=returns[row])
        advantages.append(episode + step_weight * step)
    return advantages


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("normalize", ["mean", "mean_std"])
@pytest.mark.parametrize("episode_baseline", ["per_trajectory", "per_row"])
def test_agrees_with_the_loop(make_batch, seed, normalize, episode_baseline):
    batch = make_batch(seed)
    fast = gigpo(batch, gamma=0.9, step_weight=0.5, normalize=normalize, episode_baseline=episode_baseline)
    slow = looped_gigpo(batch, gamma=0.9, step_weight=0.5, divide=normalize == "mean_std", per_row=episode_baseline == "per_row")
    np.testing.assert_allclose(fast.advantages, slow, rtol=1e-9, atol=1e-9)


def test_two_attempts_that_part_at_the_second_step_by_hand():
    # Both start in s. The first goes s, u and earns 1; the second goes s, v, u and earns 0. gamma = 1/2.
    # R = 1, 0, mean 1/2: A^E = +1/2, -1/2.  G = 1/2, 1 | 0, 0, 0.
    # s: {1/2, 0}, mean 1/4: +1/4, -1/4.  u: {1, 0}, mean 1/2: +1/2, -1/2.  v: alone: 0.
    batch = StepBatch([0.0, 1.0, 0.0, 0.0, 0.0], [0, 2, 5], ["g", "g"], [1.0, 0.0], [False, False], {"state_key": list("susvu")})
    credit = gigpo(batch, gamma=0.5)
    assert credit.advantages.tolist() == [0.75, 1.0, -0.75, -0.5, -1.0]
    assert credit.returns.tolist() == [0.5, 1.0, 0.0, 0.0, 0.0]
    assert credit.diagnostics["step_groups"] == 3.0
    assert credit.diagnostics["step_singleton_share"] == 0.2
    assert credit.diagnostics["groups"] == 1.0


def test_the_two_readings_of_the_episode_baseline():
    # Lengths 5 and 3, outcomes 1 and 0: the mean is (1 + 0) / 2 = 0.5 over trajectories, 5/8 = 0.625 over rows.
    rewards = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    batch = StepBatch(rewards, [0, 5, 8], ["g", "g"], [1.0, 0.0], [False, False], {"state_key": range(8)})
    assert gigpo(batch).advantages.tolist() == [0.5] * 5 + [-0.5] * 3
    assert gigpo(batch, episode_baseline="per_row").advantages.tolist() == [0.375] * 5 + [-0.625] * 3


def test_a_loop_within_a_trajectory_is_one_group():
    # s, s, s with reward 1 at the end and gamma 1/2: G = 1/4, 1/2, 1, mean 7/12. One trajectory: A^E = R = 1.
    batch = StepBatch([0.0, 0.0, 1.0], [0, 3], ["g"], [1.0], [False], {"state_key": ["s", "s", "s"]})
    np.testing.assert_allclose(gigpo(batch, gamma=0.5).advantages, 1.0 + np.array([1 / 4, 1 / 2, 1]) - 7 / 12, rtol=1e-14)


def test_the_same_state_in_another_task_does_not_merge():
    # One attempt in each task, same state: no group has two members, so the step term is 0 and the episode term raw.
    batch = StepBatch([1.0, 0.0], [0, 1, 2], ["g", "h"], [1.0, 0.0], [False, False], {"state_key": ["s", "s"]})
    credit = gigpo(batch)
    assert credit.advantages.tolist() == [1.0, 0.0]
    assert credit.diagnostics["step_groups"] == 2.0


def test_tasks_and_states_are_not_glued_together():
    # As glued text both rows would be "12" + "3" = "1" + "23".
    batch = StepBatch([1.0, 0.0], [0, 1, 2], ["12", "1"], [1.0, 0.0], [False, False], {"state_key": ["3", "23"]})
    assert gigpo(batch).diagnostics["step_groups"] == 2.0


def test_a_lone_trajectory_depends_on_the_reading():
    # As in the authors' code: one row is raw; several rows of one trajectory have their own reward as the mean over rows.
    one_row = StepBatch([0.5], [0, 1], ["g"], [1.0], [False], {"state_key": ["s"]})
    two_rows = StepBatch([0.0, 0.5], [0, 2], ["g"], [1.0], [False], {"state_key": ["s", "u"]})
    assert gigpo(one_row).advantages.tolist() == gigpo(one_row, episode_baseline="per_row").advantages.tolist() == [0.5]
    assert gigpo(two_rows).advantages.tolist() == [0.5, 0.5]
    assert gigpo(two_rows, episode_baseline="per_row").advantages.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("normalize", ["mean", "mean_std"])
@pytest.mark.parametrize("episode_baseline", ["per_trajectory", "per_row"])
def test_equal_rewards_give_exactly_zero(normalize, episode_baseline):
    # Seven attempts of one step in one state, 0.7 each; float32 implementations are known to give +0.112.
    batch = StepBatch([0.7] * 7, range(8), ["g"] * 7, [1.0] * 7, [False] * 7, {"state_key": ["s"] * 7})
    credit = gigpo(batch, normalize=normalize, episode_baseline=episode_baseline)
    assert (credit.advantages == 0.0).all()
    assert credit.diagnostics["step_zero_std_share"] == credit.diagnostics["zero_std_share"] == 1.0


def test_the_shorter_of_two_successes_is_preferred_when_discounting():
    # From s one attempt needs 1 step, the other 3: G = 1 and 1/4, mean 5/8. Equal outcomes, so A^E = 0. Without discount no difference.
    batch = StepBatch([1.0, 0.0, 0.0, 1.0], [0, 1, 4], ["g", "g"], [1.0, 1.0], [False, False], {"state_key": ["s", "s", "x", "y"]})
    assert gigpo(batch, gamma=0.5).advantages.tolist() == [0.375, -0.375, 0.0, 0.0]
    assert gigpo(batch, gamma=1.0).advantages.tolist() == [0.0] * 4


def test_keys_may_be_texts_of_any_length_bytes_or_integers(make_batch):
    batch = make_batch(3)
    expected = gigpo(batch).advantages
    states = batch.column("state_key").tolist()
    for convert in (lambda key: key + "." * 2000, lambda key: key.encode(), hash, lambda key: ("place", key)):
        renamed = key_array(convert(key) for key in states)
        groups = key_array(convert(key) for key in batch.group_ids.tolist())
        same = StepBatch(batch.rewards, batch.offsets, groups, batch.outcomes, batch.truncated, {"state_key": renamed})
        np.testing.assert_allclose(gigpo(same).advantages, expected, rtol=1e-13, atol=1e-14)


def test_an_unknown_state_is_refused():
    batch = StepBatch([1.0, 0.0], [0, 2], ["g"], [1.0], [False], {"state_key": ["s", None]})
    with pytest.raises(CreditError, match="state_key needs a key on every row, got None in row 1"):
        gigpo(batch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 1.5}, r"gamma must be in \[0, 1\], got 1.5"),
        ({"step_weight": float("inf")}, "step_weight must be a finite number, got inf"),
        ({"normalize": "mean_norm"}, r"normalize must be one of 'mean', 'mean_std', got 'mean_norm'. Did you mean"),
        ({"episode_baseline": "row"}, r"episode_baseline must be one of 'per_trajectory', 'per_row', got 'row'. Did you mean 'per_row'\?"),
    ],
)
def test_impossible_options_are_refused(make_batch, options, message):
    with pytest.raises(OptionError, match=message):
        gigpo(make_batch(0), **options)
