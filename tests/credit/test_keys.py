import difflib
import itertools

import numpy as np
import pytest

from prm_gym.credit import StepBatch, gigpo, key_array
from prm_gym.credit import keys as keys_module
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.keys import by_belief, by_edge, by_prefix, by_similarity, by_state, by_task, random_groups, with_history
from prm_gym.errors import CreditError, OptionError


def together(groups):
    """The partition as a set of sets of rows."""
    return {frozenset(np.flatnonzero(groups.codes == code).tolist()) for code in range(groups.count)}


def partition(labels):
    """The same from any labels."""
    return {frozenset(row for row, other in enumerate(labels) if other == label) for label in labels}


def rows_of(batch):
    """Task, first row of the trajectory and row of every step."""
    bounds = zip(batch.group_ids.tolist(), *(side.tolist() for side in (batch.offsets[:-1], batch.offsets[1:])), strict=True)
    return [(task, start, row) for task, start, end in bounds for row in range(start, end)]


def texts_batch(texts, tasks=None):
    tasks = tasks or ["g"] * len(texts)
    return StepBatch([0.0] * len(texts), range(len(texts) + 1), tasks, [0.0] * len(texts), [False] * len(texts), {"state_key": key_array(texts)})


@pytest.mark.parametrize("seed", range(3))
def test_the_keys_of_a_step_by_plain_lists(make_batch, seed):
    batch = make_batch(seed)
    state, action, following = (batch.column(name).tolist() for name in ("state_key", "action_key", "next_state_key"))
    rows = rows_of(batch)
    assert together(by_task(batch)) == partition([task for task, _, _ in rows])
    assert together(by_state(batch)) == partition([(task, state[row]) for task, _, row in rows])
    assert together(by_edge(batch)) == partition([(task, state[row], action[row], following[row]) for task, _, row in rows])
    assert together(by_prefix(batch)) == partition([(task, tuple(action[start:row])) for task, start, row in rows])
    named = batch.with_columns({"belief_key": batch.column("state_key")})
    assert together(by_belief(named)) == together(by_state(batch))


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 7, 8, 100])
def test_histories_by_plain_lists(make_batch, length):
    # Doubling has to cover lengths on, just under and just over the powers of two, and longer than any trajectory.
    batch = make_batch(4, states=2, longest=12)
    state = batch.column("state_key").tolist()
    expected = partition([(task, tuple(state[max(start, row - length) : row + 1])) for task, start, row in rows_of(batch)])
    assert together(with_history(by_state(batch), batch, length)) == expected


def test_the_same_history_in_another_task_is_another():
    batch = StepBatch([0.0] * 4, [0, 2, 4], ["g", "h"], [0.0, 0.0], [False, False], {"state_key": list("stst"), "action_key": list("abab")})
    assert by_prefix(batch).count == with_history(by_state(batch), batch, 1).count == 4


def test_an_empty_batch_has_no_groups():
    batch = StepBatch([], [0], [], [], [], {"state_key": [], "action_key": [], "next_state_key": []})
    assert [groups.count for groups in (by_task(batch), by_state(batch), by_edge(batch, 2), by_prefix(batch), by_similarity(batch, 0.9))] == [0] * 5


def test_first_fit_by_hand():
    # Ratios are 2 * matches / total: "abcd" and "abcx" have 3 of 4 + 4, 0.75; "abcx" and "abyx" 2 * 3 / 8 too; "abcd" and "abyx" 2 * 2 / 8 = 0.5.
    # In this order "abcx" joins "abcd", and "abyx", which is like "abcx" but not like the representative, opens a group.
    assert together(by_similarity(texts_batch(["abcd", "abcx", "abyx", "abcd"]), 0.7)) == {frozenset({0, 1, 3}), frozenset({2})}
    # From the other end "abyx" comes first, and "abcx" joins it: the order matters.
    assert together(by_similarity(texts_batch(["abyx", "abcx", "abcd"]), 0.7)) == {frozenset({0, 1}), frozenset({2})}


def slow_first_fit(batch, threshold):
    """As the published code has it: every row in turn, without looking for equal texts."""
    groups, labels = {}, []
    for row, (task, _, _) in enumerate(rows_of(batch)):
        text = batch.column("state_key")[row]
        for representative in groups.setdefault(task, []):
            if difflib.SequenceMatcher(None, text, representative).ratio() >= threshold:
                labels.append((task, representative))
                break
        else:
            groups[task].append(text)
            labels.append((task, text))
    return partition(labels)


@pytest.mark.parametrize("threshold", [0.3, 0.6, 0.8, 0.95])
def test_first_fit_against_the_slow_one(threshold):
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abc"), rng.integers(1, 7))) for _ in range(60)]
    batch = texts_batch(words, [f"task {i % 3}" for i in range(60)])
    assert together(by_similarity(batch, threshold)) == slow_first_fit(batch, threshold)


def test_similarity_near_one_is_equality(make_batch):
    batch = make_batch(1)
    assert together(by_similarity(batch, 0.999)) == together(by_state(batch))
    assert np.array_equal(gigpo(batch, similarity=0.999).advantages, gigpo(batch).advantages)


def test_gigpo_compares_similar_states_when_asked():
    # Two attempts of one step from states that differ in a number; R = G = 1 and 0. Apart: the episode term alone. Together: the step term too.
    batch = StepBatch([1.0, 0.0], [0, 1, 2], ["g", "g"], [1, 0], [False, False], {"state_key": ["the shelf at 12:01", "the shelf at 12:02"]})
    assert gigpo(batch).advantages.tolist() == [0.5, -0.5]
    assert gigpo(batch, similarity=0.9).advantages.tolist() == [1.0, -1.0]


def test_what_similarity_cannot_compare_is_named(monkeypatch):
    with pytest.raises(CreditError, match="similarity compares texts, got a int for state_key in row 1"):
        by_similarity(texts_batch(["a", 7]), 0.9)
    for threshold in (0.0, 1.0, float("nan")):
        with pytest.raises(OptionError, match="similarity must lie between 0 and 1"):
            by_similarity(texts_batch(["a"]), threshold)
    monkeypatch.setattr(keys_module, "MOST_TEXTS", 3)
    by_similarity(texts_batch(["a", "b", "c", "a"] * 2, list("gggghhhh")), 0.9)  # three distinct ones in each task are allowed
    with pytest.raises(CreditError, match="at most 3 distinct texts of a task"):
        by_similarity(texts_batch(["a", "b", "c", "d"]), 0.9)


def test_random_groups_have_the_size_and_stay_within():
    within = Grouping(np.array([0, 1, 0, 1, 0, 1, 0, 0, 0]), 2)  # six rows and three
    groups = random_groups(within, 4, np.random.default_rng(3))
    sizes = {code: sorted(len(rows) for rows in together(groups) if within.codes[min(rows)] == code) for code in (0, 1)}
    assert sizes == {0: [2, 4], 1: [3]}
    assert all(len({int(within.codes[row]) for row in rows}) == 1 for rows in together(groups))
    assert together(groups) == together(random_groups(within, 4, np.random.default_rng(3)))


def test_every_pair_is_as_likely_to_be_together():
    # Six rows in groups of three: a row meets two of the five others, so each of the 15 pairs is together with probability 2/5. In 3,000 draws its count has
    # mean 1,200 and standard deviation sqrt(3000 * .4 * .6) = 27; five of these are 134.
    rng, whole = np.random.default_rng(11), Grouping(np.zeros(6, dtype=np.int64), 1)
    counts = dict.fromkeys(itertools.combinations(range(6), 2), 0)
    for _ in range(3_000):
        codes = random_groups(whole, 3, rng).codes
        for first, second in counts:
            counts[first, second] += int(codes[first] == codes[second])
    assert all(abs(count - 1_200) < 134 for count in counts.values())


def test_a_group_size_below_one_is_refused():
    with pytest.raises(OptionError, match="must be 1 or more, got 0"):
        random_groups(Grouping(np.zeros(2, dtype=np.int64), 1), 0, np.random.default_rng(0))
