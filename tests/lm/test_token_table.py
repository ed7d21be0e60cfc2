"""The columns of action tokens, and what a batch of them looks like."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch

from prm_gym.lm.sequences import ActionSpan, TokenSequence
from prm_gym.lm.token_table import collated, kept_actions, token_table

FIRST = TokenSequence((9, 1, 2, 8, 3, 7), (ActionSpan(4, 1, 3), ActionSpan(2, 4, 5)), ((-0.1, -0.2), None))
# Of its three tokens the second was the only choice.
SECOND = TokenSequence((9, 5, 6, 7), (ActionSpan(0, 1, 4),), ((-0.3, 0.0, -0.5),), (((5, 4), (6,), (7, 8, 9)),))


def test_the_columns_of_a_table():
    table = token_table([FIRST, SECOND])
    assert table.rows.tolist() == [4, 2, 0]
    assert table.steps.tolist() == [0, 0, 1, 2, 2]
    assert table.owners.tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_allclose(table.sampled, [-0.1, -0.2, np.nan, -0.3, -0.5])
    assert table.token_offsets.tolist() == [0, 3, 5]
    assert table.action_offsets.tolist() == [0, 2, 3]
    assert table.lengths.tolist() == [5, 4]  # nothing is read behind the last action
    assert table.tokens_of([1, 0]).tolist() == [3, 4, 0, 1, 2]
    assert table.actions_of([1, 0]).tolist() == [2, 0, 1]


def test_a_batch_is_padded_on_the_right_and_knows_what_stands_before_each_token():
    table = token_table([FIRST, SECOND])
    batch = collated(table, [1, 0], torch.device("cpu"))
    assert batch.ids.tolist() == [[9, 5, 6, 7, 0], [9, 1, 2, 8, 3]]
    assert batch.targets.tolist() == [5, 7, 1, 2, 3]
    assert batch.places.tolist() == [0, 2, 5, 6, 8]  # width 5: the second row begins at 5
    assert batch.openings.tolist() == [0, 5, 8]
    assert batch.allowed.tolist() == [[5, 4, -1], [7, 8, 9], [-1, -1, -1], [-1, -1, -1], [-1, -1, -1]]
    assert collated(table, [0], torch.device("cpu")).allowed is None


def test_an_action_without_a_decision_has_no_token():
    only = TokenSequence((9, 5), (ActionSpan(0, 1, 2),), (None,), (((5,),),))
    table = token_table([only])
    assert (table.steps.size, table.rows.tolist(), table.token_offsets.tolist()) == (0, [0], [0, 0])
    batch = collated(table, [0], torch.device("cpu"))
    assert (batch.targets.numel(), batch.openings.tolist()) == (0, [0])


def test_only_kept_actions_are_left_and_nothing_behind_them():
    keep = np.array([False, True, False, True, True])
    (found,) = kept_actions([FIRST, SECOND], keep)
    assert found == TokenSequence((9, 1, 2), (ActionSpan(4, 1, 3),), ((-0.1, -0.2),))
    (found,) = kept_actions([SECOND], np.array([True]))
    assert found == SECOND
