"""The page on other trainers: what it shows runs, and prints what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parent.parent / "docs" / "other_trainers.md"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the tests run without the checkout around them")


def _blocks():
    """Of each example its code and what it prints; the empty text where nothing is shown."""
    return re.findall(r"```python\n(.*?)```\n(?:\n```\n(.*?)```)?", PAGE.read_text(), re.DOTALL)


def _run(count, capsys):
    names = {}
    for code, shown in _blocks()[:count]:
        exec(compile(code, str(PAGE), "exec"), names)  # each goes on from those before it, as a reader does
        assert capsys.readouterr().out == shown
    return names


def test_plain_lists_become_advantages_of_tokens(capsys):
    names = _run(2, capsys)
    # By hand, GRPO over outcomes 1 and 0: (1 - 1/2) / std, with std = sqrt(1/2) of two values (ddof 1).
    from prm_gym.credit import assign

    grpo = assign("grpo", names["batch"], eps=0.0).advantages
    assert grpo == pytest.approx(np.array([1, 1, -1, -1, -1, -1, -1, 1]) * 0.5 / np.sqrt(0.5))
    # Every token has the advantage of its step; the tool's tokens and the padding have none, and are outside of the mask.
    advantages, mask, credit = names["advantages"], names["mask"], names["credit"]
    rows = 0
    for row, response in enumerate(names["responses"]):
        written = np.zeros(advantages.shape[1], dtype=bool)
        for begin, end in response["spans"]:
            assert set(advantages[row, begin:end]) == {credit.advantages[rows] if credit.keep[rows] else 0.0}
            assert (mask[row, begin:end] == credit.keep[rows]).all()
            written[begin:end] = True
            rows += 1
        assert not mask[row, ~written].any()
        assert not advantages[row, ~written].any()
    assert rows == credit.advantages.size


def test_a_loss_over_tokens_and_episodes_of_ours(capsys):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    names = _run(4, capsys)
    gradient = names["logprobs"].grad.numpy()
    # The first step of the first response is the best of all: there the loss falls fastest as its tokens become more probable.
    assert gradient[0, 0] == gradient.min() < 0
    assert not gradient[names["step_of_token"] < 0].any()
