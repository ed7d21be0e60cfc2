"""Pairs of steps: which rows, by hand and against a slow walk, and what is in no pair."""

import numpy as np
import pytest

from prm_gym.credit import StepBatch, key_array
from prm_gym.credit.monte_carlo import values_after
from prm_gym.credit.pairs import StepPair, critical_step_pairs, situations, standing, step_dpo_pairs, wrong_so_far
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def batch_of(words, outcomes, **columns):
    """Attempts at one task from words: a letter an action, the state what was written before it."""
    lengths = [len(word) for word in words]
    keys = {
        "state_key": key_array(word[:at] for word in words for at in range(len(word))),
        "action_key": key_array(letter for word in words for letter in word),
    }
    given = {name: np.array(column, dtype=float) for name, column in columns.items()}
    return StepBatch(np.zeros(sum(lengths)), np.cumsum([0, *lengths]), ["g"] * len(words), outcomes, [False] * len(words), {**keys, **given})


def test_standing():
    found = standing(np.array([0.2, 0.5, NAN, 1.0]))
    assert found.tolist()[:2] == [0.0, 1.0]
    assert np.isnan(found[2])
    assert standing(np.array([0.2]), threshold=0.1).tolist() == [1.0]


def test_step_dpo_by_hand():
    # "abc" is right; "axc" goes wrong at its second step, in the state "a", and everything after that is in no pair, right or wrong.
    batch = batch_of(["abc", "axc"], [1, 0])
    right = np.array([1, 1, 1, 1, 0, 0.0])
    assert wrong_so_far(batch, right).tolist() == [0, 0, 0, 0, 1, 2]
    assert step_dpo_pairs(batch, right) == [StepPair(chosen=1, rejected=4, margin=1.0)]
    # By how much it is better cannot be told where the outcome of the rejected attempt is not known, and an unknown outcome is no success.
    (unknown,) = step_dpo_pairs(batch_of(["abc", "axc"], [1, NAN]), right)
    assert (unknown.chosen, unknown.rejected) == (1, 4)
    assert np.isnan(unknown.margin)
    assert step_dpo_pairs(batch_of(["abc", "axc"], [NAN, 0]), right, success=0.0) == []
    # Not of an attempt that failed, unless that is wanted.
    failed = batch_of(["abc", "axc"], [0, 0])
    assert step_dpo_pairs(failed, right) == []
    assert step_dpo_pairs(failed, right, success=0.0) == [StepPair(1, 4, 0.0)]
    # What is not known is neither, and does not end what is right.
    assert step_dpo_pairs(batch, np.array([NAN, 1, NAN, NAN, 0, 1.0])) == [StepPair(1, 4, 1.0)]
    assert step_dpo_pairs(batch, np.full(6, NAN)) == []
    # A right step behind a wrong one does not stand, though its attempt succeeded.
    assert step_dpo_pairs(batch, np.array([0, 1, 1, 1, 0, 1.0])) == []


def test_actions_stand_once_and_pairs_of_a_situation_are_bounded():
    batch = batch_of(["a", "b", "b", "c", "x", "y", "x"], [0.5, 1, 1, 1, 0, 0, 0])
    right = np.array([1, 1, 1, 1, 0, 0, 0.0])
    # Chosen by outcome: b (row 1), c (row 3), then a (row 0); rejected x (row 4) and y (row 5).
    rows = [(pair.chosen, pair.rejected) for pair in step_dpo_pairs(batch, right, success=0.5, per_situation=9)]
    assert rows == [(1, 4), (1, 5), (3, 4), (3, 5), (0, 4), (0, 5)]
    assert [(pair.chosen, pair.rejected) for pair in step_dpo_pairs(batch, right, success=0.5)] == rows[:4]


def test_pairs_from_values_of_rollouts():
    # V before the steps of "ab" (right) and "ax": 1/2, 1/2 and 1/2, 1/2, the outcomes 1 and 0: after x nothing succeeds.
    batch = batch_of(["ab", "ax"], [1, 0], mc_value=[0.5, 0.5, 0.5, 0.5])
    batch = StepBatch([0, 1, 0, 0], batch.offsets, batch.group_ids, batch.outcomes, batch.truncated, batch.columns)
    after = values_after(batch)
    assert after.tolist() == [0.5, 1.0, 0.5, 0.0]
    assert step_dpo_pairs(batch, standing(after, threshold=1e-9)) == [StepPair(1, 3, 1.0)]


def test_situations_are_nodes_of_a_tree():
    # The trunk "ab" with the alternatives "c" and "b" after its first step, the second of which is the same action once more; a "b" in another task.
    keys = {"state_key": key_array(["s"] * 5), "action_key": key_array(["a", "b", "c", "b", "b"]), "parent": np.array([-1, -1, 0, 0, -1])}
    batch = StepBatch([0] * 5, [0, 2, 3, 4, 5], ["g", "g", "g", "h"], [0, 1, 1, 1], [False] * 4, keys)
    codes = situations(batch).codes
    assert codes[1] == codes[2] == codes[3]
    assert len({codes[0], codes[1], codes[4]}) == 3
    # Behind a wrong step of the trunk nothing stands, on no branch; the wrong step itself is the trunk's first.
    right = np.array([0, 1, 1, 0, 1.0])
    assert wrong_so_far(batch, right).tolist() == [1, 1, 1, 2, 0]
    assert step_dpo_pairs(batch, right) == []
    assert step_dpo_pairs(batch, np.array([1, 0, 1, 1, 1.0])) == [StepPair(2, 1, 1.0)]  # no b is preferred to a b


def critical(scores, outcomes):
    """A failed trunk of two steps, and alternatives to its second step."""
    count = len(scores) - 2
    keys = {"action_key": key_array(["a", "b", *(f"alternative {i}" for i in range(count))]), "score": np.array(scores, dtype=float)}
    parent = np.array([-1, -1, *[0] * count])
    return StepBatch([0] * len(scores), [0, *range(2, 3 + count)], ["g"] * (1 + count), outcomes, [False] * (1 + count), {**keys, "parent": parent})


def test_critical_steps_by_hand():
    # Scores of the trunk .9 and .4, of its alternatives .7 (succeeded), .8 (failed), .6 (succeeded, but not above .65), .9 (succeeded), unknown (succeeded).
    batch = critical([0.9, 0.4, 0.7, 0.8, 0.6, 0.9, NAN], [0, 1, 0, 1, 1, 1])
    pairs = critical_step_pairs(batch)
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [(2, 1), (5, 1)]
    assert [pair.margin for pair in pairs] == pytest.approx([0.3, 0.5])
    assert [pair.chosen for pair in critical_step_pairs(batch, high=0.5)] == [2, 4, 5]
    assert critical_step_pairs(batch, low=0.4) == []  # the step itself is not below
    assert critical_step_pairs(critical([0.9, 0.4, 0.7], [1, 1])) == []  # the trunk succeeded
    assert critical_step_pairs(critical([0.9, 0.4, 0.7], [0, 0])) == []  # the alternative did not
    assert critical_step_pairs(critical([0.9, NAN, 0.7], [0, 1])) == []  # of the step nobody can tell
    assert critical_step_pairs(critical([0.9, 0.4, 0.7], [0, NAN])) == []


@pytest.mark.parametrize("seed", range(6))
def test_slow_walks_say_the_same(seed):
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("ab"), rng.integers(1, 5))) for _ in range(12)]
    outcomes = rng.integers(0, 2, len(words)).astype(float)
    steps = sum(map(len, words))
    right = rng.choice([0.0, 1.0, NAN], steps, p=[0.3, 0.5, 0.2])
    scores = rng.random(steps)
    batch = batch_of(words, outcomes, score=scores)
    rows = [(word, at, outcome) for word, outcome in zip(words, outcomes, strict=True) for at in range(len(word))]
    found = {(pair.chosen, pair.rejected) for pair in step_dpo_pairs(batch, right, per_situation=10**6)}
    told = {(said(rows, pair[0]), said(rows, pair[1])) for pair in found}
    begins = np.repeat(np.cumsum([0, *map(len, words)])[:-1], [len(word) for word in words])
    clean = [not (right[begin:row] == 0.0).any() for row, begin in enumerate(begins)]
    expected = {
        (said(rows, good), said(rows, bad))
        for good in range(steps)
        for bad in range(steps)
        if said(rows, good)[0] == said(rows, bad)[0]
        and said(rows, good) != said(rows, bad)
        and right[good] == 1
        and clean[good]
        and rows[good][2] == 1
        and right[bad] == 0
        and clean[bad]
    }
    assert told == {(good, bad) for good, bad in expected if (bad, good) not in expected}
    assert len(found) == len(told)  # each pair of actions once
    critical_pairs = {(said(rows, pair.chosen), pair.rejected) for pair in critical_step_pairs(batch)}
    expected = {
        (said(rows, good), bad)
        for good in range(steps)
        for bad in range(steps)
        if said(rows, good)[0] == said(rows, bad)[0]
        and said(rows, good) != said(rows, bad)
        and (rows[good][2], rows[bad][2]) == (1, 0)
        and scores[good] > 0.65
        and scores[bad] < 0.45
    }
    preferred = {(good, said(rows, bad)) for good, bad in expected}
    assert critical_pairs == {(good, bad) for good, bad in expected if (said(rows, bad), good) not in preferred}


def test_actions_that_were_each_found_better_than_the_other_are_in_no_pair():
    # a and b were both found right, in attempts that succeeded, and both found wrong in others. What was said of c stands: it is better than either.
    batch = batch_of(["a", "b", "a", "b", "c"], [1, 1, 0, 0, 1], score=[0.9, 0.8, 0.1, 0.2, 0.7])
    right = np.array([1, 1, 0, 0, 1.0])
    assert {(pair.chosen, pair.rejected) for pair in step_dpo_pairs(batch, right)} == {(4, 2), (4, 3)}
    assert [(pair.chosen, pair.rejected) for pair in critical_step_pairs(batch)] == [(4, 2), (4, 3)]
    # Contradictions take no places of a situation's pairs.
    assert [(pair.chosen, pair.rejected) for pair in step_dpo_pairs(batch, right, per_situation=2)] == [(4, 2), (4, 3)]
    # That a was found right and wrong is no contradiction of "a is better than b" as long as b was not found better than a.
    batch = batch_of(["a", "a", "b"], [1, 0, 0], score=[0.9, 0.1, 0.2])
    assert [(pair.chosen, pair.rejected) for pair in step_dpo_pairs(batch, np.array([1, 0, 0.0]))] == [(0, 2)]
    assert [(pair.chosen, pair.rejected) for pair in critical_step_pairs(batch)] == [(0, 2)]
    # In another situation the reverse is no contradiction.
    batch = batch_of(["xa", "xb", "ya", "yb"], [1, 0, 0, 1], score=[0.5, 0.9, 0.5, 0.1, 0.5, 0.1, 0.5, 0.9])
    assert [(pair.chosen, pair.rejected) for pair in critical_step_pairs(batch)] == [(1, 3), (7, 5)]


def said(rows, row):
    """State and action."""
    word, at, _ = rows[row]
    return word[:at], word[at]


def test_bad_input():
    batch = batch_of(["a"], [1], score=[0.5])
    with pytest.raises(OptionError, match="per_situation must be 1 or more"):
        step_dpo_pairs(batch, np.ones(1), per_situation=0)
    for options in ({"success": 1.5}, {"success": NAN}):
        with pytest.raises(OptionError, match="success must be"):
            step_dpo_pairs(batch, np.ones(1), **options)
    for options in ({"low": -0.1}, {"low": 0.5, "high": 0.4}, {"success": 0.0}):
        with pytest.raises(OptionError):
            critical_step_pairs(batch, **options)
    with pytest.raises(CreditError, match="no column 'score'"):
        critical_step_pairs(batch_of(["a"], [1]))
    empty = batch_of([], [], score=[])
    assert step_dpo_pairs(empty, np.zeros(0)) == critical_step_pairs(empty) == []
