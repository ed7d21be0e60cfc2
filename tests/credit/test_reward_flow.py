import numpy as np
import pytest

from prm_gym.credit import StepBatch, dr_grpo, reward_flow
from prm_gym.errors import OptionError


def looped_reward_flow(batch, gamma):
    """Rewards flow back over a dict until nothing moves, then differences from the mean of the state; the step term alone."""
    owner, last = batch.trajectory_of_step.tolist(), set((batch.offsets[1:] - 1).tolist())
    states = [(batch.group_ids[i], batch.column("state_key")[row]) for row, i in enumerate(owner)]
    following = [(batch.group_ids[i], batch.column("next_state_key")[row]) for row, i in enumerate(owner)]
    values = {}
    for state, reward in zip(states, batch.rewards.tolist(), strict=True):
        values[state] = max(reward, values.get(state, reward))
    for _ in range(len(states)):
        for row, (state, target) in enumerate(zip(states, following, strict=True)):
            if row not in last:
                values[state] = max(values[state], gamma * values[target])
    flow = [batch.rewards[row] if row in last else values[target] - values[state] for row, (state, target) in enumerate(zip(states, following, strict=True))]
    means = {state: np.mean([value for other, value in zip(states, flow, strict=True) if other == state]) for state in states}
    return [value - means[state] for state, value in zip(states, flow, strict=True)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_agrees_with_the_loop(make_walks, seed, gamma):
    walks = make_walks(seed)
    batch = StepBatch(np.abs(walks.rewards), walks.offsets, walks.group_ids, walks.outcomes, walks.truncated, walks.columns)
    step = reward_flow(batch, gamma=gamma).advantages - dr_grpo(batch).advantages
    np.testing.assert_allclose(step, looped_reward_flow(batch, gamma), atol=1e-12)


def test_one_success_colours_every_state_that_leads_to_it_by_hand():
    # gamma 1/2. s-u-v earns 1 in v; another attempt goes s-u and then to w, where it fails. V(v) = 1, V(u) = 1/2, V(s) = 1/4, V(w) = 0.
    # f: s-u 1/4 twice; u-v 1/2, u-w -1/2; the last steps have their own rewards: v 1, alone; w 0, alone. A^E = +-1/2.
    keys = {"state_key": list("suvsuw"), "next_state_key": list("uvxuwy")}
    batch = StepBatch([0, 0, 1, 0, 0, 0], [0, 3, 6], ["g", "g"], [1, 0], [False, False], keys)
    assert reward_flow(batch, gamma=0.5).advantages.tolist() == [0.5, 1.0, 0.5, -0.5, -1.0, -0.5]


def test_a_way_round_is_worth_less_than_the_straight_one():
    # From s one attempt goes straight to u, the other by way of t; u earns 1. V(u) = 1, V(t) = 1/2, V(s) = 1/2: f = 1/2 and 0, mean 1/4.
    keys = {"state_key": list("sustu"), "next_state_key": list("uxtux")}
    batch = StepBatch([0, 1, 0, 0, 1], [0, 2, 5], ["g", "g"], [1, 1], [False, False], keys)
    assert reward_flow(batch, gamma=0.5).advantages.tolist() == [0.25, 0.0, -0.25, 0.0, 0.0]


@pytest.mark.parametrize("truncated", [False, True])
def test_a_last_step_has_its_reward_by_hand(truncated):
    # All act in u, gamma 1/2. One earns 1 there and is done; one ends with nothing, finished or cut; one goes to t and back to u and then earns 1. V(u) = 1,
    # V(t) = 1/2. f: 1 and 0 of the last steps, whatever V(u) is; u-t 1/2 - 1 = -1/2; t-u alone; the last u 1. Mean over u: (1 + 0 - 1/2 + 1) / 4 = 3/8. A^E =
    # 1/3, -2/3, 1/3.
    keys = {"state_key": list("uuutu"), "next_state_key": list("xytux")}
    batch = StepBatch([1, 0, 0, 0, 1], [0, 1, 2, 5], ["g"] * 3, [1, 0, 1], [False, truncated, False], keys)
    expected = np.array([1 / 3, -2 / 3, 1 / 3, 1 / 3, 1 / 3]) + np.array([5 / 8, -3 / 8, -7 / 8, 0, 5 / 8])
    np.testing.assert_allclose(reward_flow(batch, gamma=0.5).advantages, expected, rtol=1e-14)


def test_negative_rewards_on_a_cycle_end_within_the_bound():
    keys = {"state_key": list("sus"), "next_state_key": list("usu")}
    credit = reward_flow(StepBatch([-1.0, -1.0, -1.0], [0, 3], ["g"], [0], [True], keys))
    assert np.isfinite(credit.advantages).all()
    # ceil(log 1e-10 / log 0.95) + 50 = 499
    assert credit.diagnostics["sweeps"] <= 499


@pytest.mark.parametrize(("options", "message"), [({"gamma": -0.1}, "gamma must be in"), ({"normalize": "std"}, "normalize must be one of")])
def test_impossible_options_are_refused(make_walks, options, message):
    with pytest.raises(OptionError, match=message):
        reward_flow(make_walks(0), **options)
