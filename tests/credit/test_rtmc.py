import numpy as np
import pytest

from prm_gym.credit import StepBatch, gigpo, rtmc


def looped_rtmc(batch, gamma):
    """Means over the visits, from Python lists."""
    visits = []
    for i, task in enumerate(batch.group_ids.tolist()):
        end = int(batch.offsets[i + 1])
        for row in range(int(batch.offsets[i]), end):
            value = sum(gamma ** (u - row) * batch.rewards[u] for u in range(row, end))
            visits.append(((task, batch.column("state_key")[row]), batch.column("action_key")[row], value))
    advantages = []
    for state, action, _ in visits:
        of_state = [value for other, _, value in visits if other == state]
        of_action = [value for other, choice, value in visits if (other, choice) == (state, action)]
        advantages.append(sum(of_action) / len(of_action) - sum(of_state) / len(of_state))
    return advantages


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("gamma", [0.9, 1.0])
def test_agrees_with_the_loop(make_batch, seed, gamma):
    batch = make_batch(seed, states=3)
    np.testing.assert_allclose(rtmc(batch, gamma=gamma).advantages, looped_rtmc(batch, gamma), rtol=1e-12, atol=1e-12)


def test_with_an_action_of_its_own_for_every_visit_it_is_the_step_term_of_gigpo(make_batch):
    batch = make_batch(0).with_columns({"action_key": np.arange(make_batch(0).rewards.size)})
    step = gigpo(batch).advantages - gigpo(batch, step_weight=0.0).advantages
    np.testing.assert_allclose(rtmc(batch, gamma=0.95).advantages, step, atol=1e-14)


def test_the_only_action_of_a_state_gets_exactly_zero():
    # Returns 0.1, 0.2 and 0.4 have a mean that is not exact; Q and V are the same mean all the same.
    keys = {"state_key": ["s"] * 3, "action_key": ["a"] * 3}
    assert rtmc(StepBatch([0.1, 0.2, 0.4], range(4), ["g"] * 3, [0] * 3, [False] * 3, keys)).advantages.tolist() == [0.0, 0.0, 0.0]


def test_luck_after_the_step_is_averaged_out():
    # From s, action a leads on to 1, 0, 1, 0 and b to 0 twice: Q(a) = 1/2, Q(b) = 0, V = 1/3: each a gets 1/6, whatever it came to itself; b -1/3.
    keys = {"state_key": ["s"] * 6, "action_key": list("aaaabb")}
    batch = StepBatch([1, 0, 1, 0, 0, 0], range(7), ["g"] * 6, [0] * 6, [False] * 6, keys)
    np.testing.assert_allclose(rtmc(batch).advantages, [1 / 6] * 4 + [-1 / 3] * 2, rtol=1e-14)
