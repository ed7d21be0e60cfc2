import math

import numpy as np
import pytest

from prm_gym.credit import StepBatch, grpo, rloo, salt
from prm_gym.errors import OptionError


def looped_salt(batch, base, history_length):
    """The merge rule over Python lists: the mean of the trajectory advantages over the occurrences of an edge in several trajectories."""
    advantages = base(batch).advantages.tolist()
    states, actions, following = (batch.columns[name].tolist() for name in ("state_key", "action_key", "next_state_key"))
    owner, path = [], []
    for i in range(len(batch.group_ids)):
        start, end = int(batch.offsets[i]), int(batch.offsets[i + 1])
        for row in range(start, end):
            owner.append(i)
            window = range(max(start, row - history_length), row + 1)
            path.append((batch.group_ids[i], tuple((states[u], actions[u], following[u]) for u in window)))
    merged = []
    for row, edge in enumerate(path):
        occurrences = [u for u, other in enumerate(path) if other == edge]
        shared = len({owner[u] for u in occurrences}) > 1
        merged.append(sum(advantages[u] for u in occurrences) / len(occurrences) if shared else advantages[row])
    return merged


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("history_length", [0, 1, 3, 100])
def test_agrees_with_the_loop(make_batch, seed, history_length):
    batch = make_batch(seed, states=3, actions=2)
    for name, base in (("grpo", grpo), ("rloo", rloo)):
        fast = salt(batch, base=name, history_length=history_length).advantages
        np.testing.assert_allclose(fast, looped_salt(batch, base, history_length), rtol=1e-12, atol=1e-12)


def forked(group_ids=("g", "g", "g")):
    """Three attempts: all go s -a-> u; two go on u -a-> v, one u -b-> w; rewards 1, 0, 0 at the end."""
    return StepBatch(
        [0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        [0, 2, 4, 6],
        list(group_ids),
        [1.0, 0.0, 0.0],
        [False] * 3,
        {"state_key": list("sususu"), "action_key": list("aaaaab"), "next_state_key": list("uvuvuw")},
    )


def test_shared_edges_by_hand():
    # RLOO: R = 1, 0, 0, so A = 1 - 0 = 1, 0 - 1/2, 0 - 1/2. Edge (s,a,u) in all three: mean 0. Edge (u,a,v) in the first two: (1 - 1/2) / 2 = 1/4.
    # Edge (u,b,w) is the third's own: -1/2.
    credit = salt(forked(), base="rloo")
    assert credit.advantages.tolist() == [0.0, 0.25, 0.0, 0.25, 0.0, -0.5]
    assert credit.diagnostics["edges"] == 3.0
    assert credit.diagnostics["shared_share"] == 5 / 6


@pytest.mark.parametrize("history_length", [0, 1])
def test_a_policy_that_sees_the_state_alone_gets_the_gradient_of_the_base(make_batch, history_length):
    # Occurrences of an edge have one gradient of log pi between them; so have all choices of an action in a state. Their advantages sum to the base's.
    batch = make_batch(2, states=2, actions=1)
    tasks = batch.group_ids[batch.trajectory_of_step].tolist()
    choices = list(zip(tasks, batch.column("state_key").tolist(), batch.column("action_key").tolist(), strict=True))
    merged, base = salt(batch, history_length=history_length).advantages, grpo(batch).advantages
    assert np.abs(merged - base).max() > 0.1
    for choice in set(choices):
        rows = [row for row, other in enumerate(choices) if other == choice]
        assert merged[rows].sum() == pytest.approx(base[rows].sum(), abs=1e-12)


def test_shared_edges_by_hand_with_grpo():
    # R = 1, 0, 0: mean 1/3, std = sqrt((4/9 + 1/9 + 1/9) / 2) = 1/sqrt(3); A = 2/sqrt(3), -1/sqrt(3), -1/sqrt(3).
    root = math.sqrt(3)
    np.testing.assert_allclose(salt(forked(), eps=0.0).advantages, [0.0, 0.5 / root, 0.0, 0.5 / root, 0.0, -1 / root], atol=1e-15)


def test_the_same_edge_in_another_task_does_not_merge():
    # Each attempt has a task of its own: no edge is shared, and RLOO of one attempt is its reward.
    assert salt(forked(["g", "h", "i"]), base="rloo").advantages.tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]


def test_the_history_must_agree_too_when_asked():
    # Both attempts end with the edge (u,a,v), but reach u from s and from t.
    keys = {"state_key": list("sutu"), "action_key": list("aaaa"), "next_state_key": list("uvuv")}
    batch = StepBatch([0.0, 1.0, 0.0, 0.0], [0, 2, 4], ["g", "g"], [1.0, 0.0], [False, False], keys)
    assert salt(batch, base="rloo").advantages.tolist() == [1.0, 0.0, -1.0, 0.0]
    assert salt(batch, base="rloo", history_length=1).advantages.tolist() == [1.0, 1.0, -1.0, -1.0]


def test_a_first_step_is_no_later_step_when_the_history_counts():
    # The edge (s,a,s) is the first step of both attempts and the second step of the first one.
    keys = {"state_key": list("sss"), "action_key": list("aaa"), "next_state_key": list("sss")}
    batch = StepBatch([0.0, 1.0, 0.0], [0, 2, 3], ["g", "g"], [1.0, 0.0], [False, False], keys)
    # Without history: A = 1, 1, -1 with mean 1/3. With it: first steps (1 - 1) / 2 = 0, the second step is unique.
    np.testing.assert_allclose(salt(batch, base="rloo").advantages, [1 / 3, 1 / 3, 1 / 3], rtol=1e-15)
    assert salt(batch, base="rloo", history_length=1).advantages.tolist() == [0.0, 1.0, 0.0]


def test_an_edge_that_only_one_trajectory_repeats_is_not_shared():
    keys = {"state_key": list("ssx"), "action_key": list("aaa"), "next_state_key": list("ssy")}
    batch = StepBatch([0.3, 0.4, 0.1], [0, 2, 3], ["g", "g"], [1.0, 0.0], [False, False], keys)
    credit = salt(batch)
    assert np.array_equal(credit.advantages, grpo(batch).advantages)
    assert credit.diagnostics["shared_share"] == 0.0


def test_equal_rewards_give_exactly_zero():
    keys = {"state_key": ["s"] * 7, "action_key": ["a"] * 7, "next_state_key": ["u"] * 7}
    batch = StepBatch([0.7] * 7, range(8), ["g"] * 7, [1.0] * 7, [False] * 7, keys)
    for base in ("grpo", "rloo"):
        assert (salt(batch, base=base).advantages == 0.0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": "ppo"}, "base must be one of 'grpo', 'rloo', got 'ppo'"),
        ({"history_length": -1}, "history_length must be 0 or more, got -1"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        salt(forked(), **options)
