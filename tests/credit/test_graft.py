import math

import numpy as np
import pytest

from prm_gym.credit import StepBatch, graft
from prm_gym.errors import OptionError


def steps_of(batch, bootstrap):
    """Every step as (task, state), (task, next state) or None at an end, and its reward."""
    steps = []
    for i, task in enumerate(batch.group_ids.tolist()):
        start, end = int(batch.offsets[i]), int(batch.offsets[i + 1])
        for row in range(start, end):
            ends = row == end - 1 and not (bootstrap and batch.truncated[i])
            steps.append(((task, batch.column("state_key")[row]), None if ends else (task, batch.column("next_state_key")[row]), float(batch.rewards[row])))
    return steps


def swept_values(steps, gamma):
    """Value iteration over a dict, a thousand sweeps."""
    counts, values = {}, {}
    for source, _, _ in steps:
        counts[source] = counts.get(source, 0) + 1
        values[source] = 0.0
    for _ in range(1_000):
        sums = dict.fromkeys(values, 0.0)
        for source, target, reward in steps:
            sums[source] += reward + gamma * values.get(target, 0.0)
        values = {node: sums[node] / counts[node] for node in values}
    return values


def looped_graft(batch, *, gamma, lam, normalize, only, bootstrap, eps=1e-6):
    steps = steps_of(batch, bootstrap)
    values = swept_values(steps, gamma)
    differences = [reward + gamma * values.get(target, 0.0) - values[source] for source, target, reward in steps]
    raw = []
    for i in range(len(batch.group_ids)):
        start, end = int(batch.offsets[i]), int(batch.offsets[i + 1])
        raw += [sum((gamma * lam) ** (u - row) * differences[u] for u in range(row, end)) for row in range(start, end)]
    if not normalize:
        return raw
    advantages = []
    for (source, _, _), own in zip(steps, raw, strict=True):
        members = [value for (other, _, _), value in zip(steps, raw, strict=True) if other == source]
        mean = sum(members) / len(members)
        if len(members) == 1:
            advantages.append(own / (abs(own) + eps) if only == "sign" and abs(own) > 1e-9 else 0.0)
        elif max(abs(value - mean) for value in members) < 1e-9:
            advantages.append(0.0)
        else:
            advantages.append((own - mean) / (math.sqrt(sum((value - mean) ** 2 for value in members) / (len(members) - 1)) + eps))
    return advantages


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "options",
    [
        {"lam": 0.0, "normalize": False, "only": "sign", "bootstrap": False},
        {"lam": 0.7, "normalize": False, "only": "sign", "bootstrap": True},
        {"lam": 0.0, "normalize": True, "only": "sign", "bootstrap": True},
        {"lam": 0.7, "normalize": True, "only": "zero", "bootstrap": False},
        {"lam": 0.7, "normalize": True, "only": "sign", "bootstrap": False},
    ],
)
def test_agrees_with_the_loop(make_walks, seed, options):
    batch = make_walks(seed)
    np.testing.assert_allclose(graft(batch, gamma=0.9, **options).advantages, looped_graft(batch, gamma=0.9, **options), atol=1e-5)


def test_a_good_step_of_a_failed_attempt_by_hand():
    # Three attempts, gamma 1/2: s-u-x earns 1, s-u-y earns 0, s-v-y earns 0. V(u) = 1/2, V(v) = 0, V(s) = (1/4 + 1/4 + 0) / 3 = 1/6.
    # d(s-u) = 1/4 - 1/6 = 1/12, also for the failed attempt; d(s-v) = -1/6; u: 1 - 1/2 and 0 - 1/2; v: 0.
    keys = {"state_key": list("sususv"), "next_state_key": list("uxuyvy")}
    batch = StepBatch([0, 1, 0, 0, 0, 0], [0, 2, 4, 6], ["g"] * 3, [1, 0, 0], [False] * 3, keys)
    np.testing.assert_allclose(graft(batch, gamma=0.5, normalize=False).advantages, [1 / 12, 1 / 2, 1 / 12, -1 / 2, -1 / 6, 0], atol=1e-14)
    # Within s the deviations 1/12, 1/12, -1/6 have std sqrt((1/144 + 1/144 + 4/144) / 2) = sqrt(3)/12: 1/sqrt(3), 1/sqrt(3), -2/sqrt(3). In u: +-1/sqrt(2).
    expected = [3**-0.5, 2**-0.5, 3**-0.5, -(2**-0.5), -2 * 3**-0.5, 0.0]
    np.testing.assert_allclose(graft(batch, gamma=0.5, eps=0.0).advantages, expected, atol=1e-12)


def test_an_edge_counts_as_often_as_it_was_taken():
    # In s one attempt earns 1 by one action, three earn 0 by another. V = 1/4; d = 3/4 once and -1/4 three times, of mean 0. The deviation with ddof 1 is
    # sqrt((9/16 + 3/16) / 3) = 1/2, so 3/2 and -1/2. With every edge counted once it would be +-1/sqrt 2.
    keys = {"state_key": list("ssss"), "next_state_key": list("xyyy")}
    batch = StepBatch([1, 0, 0, 0], range(5), ["g"] * 4, [1, 0, 0, 0], [False] * 4, keys)
    np.testing.assert_allclose(graft(batch, eps=0.0).advantages, [1.5, -0.5, -0.5, -0.5], rtol=1e-12)


def test_states_from_which_no_end_was_reached_are_worth_nothing():
    # Going on where it was cut, one attempt circles in a and b for ever: V(a) = V(b) = 0 as from 0 the iteration leaves them. The other earns 1 in s, gamma
    # 1/2: V(s) = (1 + 1/2 V(a)) / 2 = 1/2, and d = 1/2 and -1/2 there.
    keys = {"state_key": list("ssaba"), "next_state_key": list("xabab")}
    batch = StepBatch([1, 0, 0, 0, 0], [0, 1, 5], ["g", "g"], [1, 0], [False, True], keys)
    assert graft(batch, gamma=0.5, normalize=False, bootstrap=True).advantages.tolist() == [0.5, -0.5, 0.0, 0.0, 0.0]


def test_lambda_one_is_the_return_minus_the_value(make_walks):
    batch = make_walks(1)
    credit, values = graft(batch, gamma=0.9, lam=1.0, normalize=False), swept_values(steps_of(batch, bootstrap=False), 0.9)
    for i in range(len(batch.group_ids)):
        start, end = int(batch.offsets[i]), int(batch.offsets[i + 1])
        for row in range(start, end):
            value = values[batch.group_ids[i], batch.column("state_key")[row]]
            assert credit.advantages[row] == pytest.approx(sum(0.9 ** (u - row) * batch.rewards[u] for u in range(row, end)) - value, abs=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_difference_after_any_number_of_steps_is_zero(make_walks, seed):
    # Why the source's graph GAE, taken as it is written, adds nothing: over all occurrences of edges that leave a set of states the differences sum to 0,
    # since V of each state is the mean of what they lead to.
    batch = make_walks(seed)
    steps = steps_of(batch, bootstrap=False)
    raw = graft(batch, gamma=0.9, normalize=False).advantages
    for _, first, _ in steps:
        reached = {first}
        for _ in range(4):
            leaving = [row for row, (source, _, _) in enumerate(steps) if source in reached]
            assert abs(raw[leaving].sum()) < 1e-7
            reached = {steps[row][1] for row in leaving}


def test_a_step_alone_in_its_state():
    # One attempt, s-u-x with 1 at the end and gamma 1/2: V(u) = 1, V(s) = 1/2, so both differences are 0 and no sign is made of rounding.
    batch = StepBatch([0, 1], [0, 2], ["g"], [1], [False], {"state_key": list("su"), "next_state_key": list("ux")})
    assert graft(batch, lam=0.9).advantages.tolist() == [0.0, 0.0]
    # Two attempts meet in u and part there; with lambda 1 the steps before it, alone in their states, have G - V = 1/2 - 1/4 and 0 - 1/4.
    keys = {"state_key": list("sutu"), "next_state_key": list("uxuy")}
    pair = StepBatch([0, 1, 0, 0], [0, 2, 4], ["g", "g"], [1, 0], [False, False], keys)
    np.testing.assert_allclose(graft(pair, gamma=0.5, lam=1.0, normalize=False).advantages, [0.25, 0.5, -0.25, -0.5], atol=1e-12)
    np.testing.assert_allclose(graft(pair, gamma=0.5, lam=1.0).advantages[[0, 2]], [1.0, -1.0], atol=1e-5)
    assert graft(pair, gamma=0.5, lam=1.0, only="zero").advantages[[0, 2]].tolist() == [0.0, 0.0]


def test_a_truncated_attempt_goes_on_only_when_asked():
    # One attempt goes s-u-x and earns 1; another is cut in u. gamma 1/2. Ended there, V(s) = (1/2 + 0) / 2; going on, both steps in s lead to u: no difference.
    keys = {"state_key": list("sus"), "next_state_key": list("uxu")}
    batch = StepBatch([0, 1, 0], [0, 2, 3], ["g", "g"], [1, 0], [False, True], keys)
    np.testing.assert_allclose(graft(batch, gamma=0.5, normalize=False).advantages, [0.25, 0.0, -0.25], atol=1e-12)
    assert graft(batch, gamma=0.5, normalize=False, bootstrap=True).advantages.tolist() == [0.0, 0.0, 0.0]


def test_equal_rewards_give_exactly_zero_on_cycles_too():
    # Every step earns 0.7 and no attempt ends: V = 0.7 / (1 - gamma) everywhere, reached by iteration alone; nothing may be made of what it left open.
    keys = {"state_key": list("susvus"), "next_state_key": list("usvssu")}
    batch = StepBatch([0.7] * 6, [0, 2, 4, 6], ["g"] * 3, [0] * 3, [True] * 3, keys)
    assert (graft(batch, bootstrap=True).advantages == 0.0).all()
    one_step = StepBatch([0.7] * 7, range(8), ["g"] * 7, [1.0] * 7, [False] * 7, {"state_key": ["s"] * 7, "next_state_key": ["t"] * 7})
    assert (graft(one_step).advantages == 0.0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 1.0}, r"gamma of graft must be in \[0, 1\), got 1.0"),
        ({"gamma": float("nan")}, "gamma of graft"),
        ({"lam": 1.5}, "lam must be in"),
        ({"only": "one"}, "only must be one of 'sign', 'zero'"),
        ({"eps": -1.0}, "eps must be in"),
    ],
)
def test_impossible_options_are_refused(make_walks, options, message):
    with pytest.raises(OptionError, match=message):
        graft(make_walks(0), **options)
