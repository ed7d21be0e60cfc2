"""What a token sequence is, and what is refused."""

import pytest

from prm_gym.errors import ContractError
from prm_gym.lm.sequences import ActionSpan, TokenSequence

SPANS = (ActionSpan(0, 1, 3), ActionSpan(1, 4, 5))


def test_a_sequence_of_two_actions():
    made = TokenSequence(ids=(9, 1, 2, 8, 3), actions=SPANS, logprobs=((-0.1, -0.2), None), choices=(None, ((3, 4),)))
    assert made.actions[1].row == 1


@pytest.mark.parametrize(
    ("actions", "logprobs", "choices", "said"),
    [
        ((ActionSpan(0, 0, 2),), (None,), (), "from token 1 on"),  # nothing stands before it
        ((ActionSpan(0, 2, 2),), (None,), (), "from token 1 on"),  # no token
        ((ActionSpan(0, 2, 9),), (None,), (), "from token 1 on"),  # beyond the end
        ((ActionSpan(0, 3, 4), ActionSpan(1, 2, 3)), (None, None), (), "follow one another"),
        (SPANS, (None,), (), "1 entries of logprobs"),
        (SPANS, ((-0.1,), None), (), "has 1 entries"),
        (SPANS, (None, None), (None,), "1 of choices"),
        (SPANS, (None, None), (None, ((4, 5),)), "token 3 is not among"),
        (SPANS, (None, None), (None, ((3,), (3,))), "choices of an action of 1 tokens has 2"),
    ],
)
def test_what_does_not_fit_is_refused(actions, logprobs, choices, said):
    with pytest.raises(ContractError, match=said):
        TokenSequence(ids=(9, 1, 2, 8, 3), actions=actions, logprobs=logprobs, choices=choices)
