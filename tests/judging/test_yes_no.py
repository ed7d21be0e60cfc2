"""The share of Yes at the word in the last box."""

import math

import pytest

from prm_gym.chat import ChatReply, TokenLogprob
from prm_gym.judging.yes_no import yes_no


def reply(text, pieces, at, alternatives):
    """A reply whose tokens are the pieces; at one of them there are alternatives (probabilities)."""
    listed = {word: math.log(share) for word, share in alternatives.items()}
    tokens = tuple(TokenLogprob(piece, listed.get(piece, -0.1), listed if place == at else {}) for place, piece in enumerate(pieces))
    return ChatReply(text=text, logprobs=tokens)


@pytest.mark.parametrize(
    ("pieces", "at", "alternatives", "share"),
    [
        # P(yes) / (P(yes) + P(no)) by hand.
        (["Right. ", "\\boxed{", "Yes", "}"], 2, {"Yes": 0.6, "No": 0.2, "Maybe": 0.2}, 0.75),
        (["Right. ", "\\boxed", "{Yes", "}"], 2, {"{Yes": 0.9, "{No": 0.1}, 0.9),
        (["\\boxed{", "\\text{", "Y", "es", "}}"], 2, {"Y": 0.5, "N": 0.5}, 0.5),  # words in pieces
        (["\\boxed{", " yes", "}"], 1, {" yes": 0.3, " Yes": 0.3, " no": 0.4}, 0.6),  # other letters count with them
        (["\\boxed{", "Yes", "}"], 1, {"Yes": 1.0}, 1.0),
        # The last box counts, not the first.
        (["\\boxed{", "No", "} but ", "\\boxed{", "Yes", "}"], 4, {"Yes": 0.8, "No": 0.2}, 0.8),
    ],
)
def test_the_share_of_yes_is_the_softmax_at_the_word(pieces, at, alternatives, share):
    found = yes_no(reply("".join(pieces), pieces, at, alternatives)).value
    assert found.share == pytest.approx(share)
    assert found.weighed


def test_thoughts_among_the_tokens_are_no_verdict():
    pieces = ["<think>\\boxed{", "No", "}</think>", "\\boxed{", "Yes", "}"]
    assert yes_no(reply("\\boxed{Yes}", pieces, 4, {"Yes": 0.9, "No": 0.1})).value.share == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("\\boxed{Yes}", []),  # none given
        ("\\boxed{Yes}", ["\\boxed{", "No", "}"]),  # of another text
        ("\\boxed{Yes}", ["something else"]),
    ],
)
def test_without_log_probabilities_the_word_counts(text, pieces):
    found = yes_no(reply(text, pieces, 1, {"No": 0.9})).value
    assert (found.share, found.weighed) == (1.0, False)


@pytest.mark.parametrize("text", ["Yes", "\\boxed{Yes|No}", "\\boxed{perhaps}", "\\boxed{Yes}, or \\boxed{maybe}", "\\boxed{yes and no}", "\\boxed{"])
def test_anything_else_is_no_verdict(text):
    assert yes_no(ChatReply(text=text)).value is None


def test_a_share_is_kept_when_the_word_is_the_less_probable_one():
    """Drawn at a temperature: the word is No, the model would rather have said Yes."""
    assert yes_no(reply("\\boxed{No}", ["\\boxed{", "No", "}"], 1, {"Yes": 0.7, "No": 0.3})).value.share == pytest.approx(0.7)
