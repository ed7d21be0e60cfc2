"""Chains that are longer than a model's context: the problem is kept, and the oldest steps are left out."""

from collections.abc import Sequence
from typing import Any

import msgspec

from prm_gym.chains import Chain
from prm_gym.prm.family import Encoded, Family


class Window(msgspec.Struct, frozen=True):
    """A part of a chain that fits.

    Attributes:
        start: the first step that is in it; those before it are left out.
        first: the first step that is scored in it; those before it are scored in earlier windows.
        end: the step after the last one.
        token_ids: of the problem and the steps from `start` to `end`.
        positions: [end - first] where their scores are read.
    """

    start: int
    first: int
    end: int
    token_ids: list[int]
    positions: list[int]


class Bounded(msgspec.Struct, frozen=True, gc=False):
    """What may be said of a step whose window leaves others out.

    Attributes:
        score: in [0, 1], or None.
        by: the step that was left out and that the score rests on; -1 where it is the step's own.
    """

    score: float | None
    by: int = -1


def bounded(scores: Sequence[float | None], starts: Sequence[int]) -> list[Bounded]:
    """Scores of steps, none above the lowest of those that its window leaves out.

        b_t = min(s_t, b_0, ..., b_{start_t - 1})

    A step rests on those before it. Where the model reads them, it says itself what they are worth for it; where it does not, a mistake among them would be
    forgotten, and a policy be paid for writing until it is. What follows a step of which nothing is known is not known either. The first step that scores below
    a threshold is the same as without the bound.

    >>> [step.score for step in bounded([0.1, 0.9, 0.9, 0.8], starts=[0, 0, 1, 2])], [step.by for step in bounded([None, 0.9], starts=[0, 1])]
    ([0.1, 0.9, 0.1, 0.1], [-1, 0])

    Args:
        scores: [T] in [0, 1], or None, as read in the windows.
        starts: [T] the first step that was read with each; 0 for all of them.

    Returns:
        [T] what each is worth, by the steps up to it alone.
    """
    found: list[Bounded] = []
    worst: list[int] = []  # of the steps up to each, the one with the lowest score; None is lower than all
    for at, (score, start) in enumerate(zip(scores, starts, strict=True)):
        own = Bounded(score)
        if start and score is not None:
            left_out = worst[start - 1]
            least = found[left_out].score
            if least is None or least < score:
                own = Bounded(least, left_out)
        found.append(own)
        lower = not at or _least(own.score) < _least(found[worst[-1]].score)
        worst.append(at if lower else worst[-1])
    return found


def _least(score: float | None) -> float:
    return -1.0 if score is None else score


def windows(family: Family, tokenizer: Any, chain: Chain, limit: int) -> list[Window]:
    """Windows that score every step which fits with its problem, each step once.

    A window begins where half of the context is left for the steps to come, so that the cost stays linear. What a step is judged in depends on the steps up to
    it alone, never on later ones.

    Args:
        family: how a chain is written.
        tokenizer: of the model.
        chain: of any length.
        limit: tokens of the context.

    Returns:
        In time order. A step that does not fit even alone is in none of them, and steps after it are judged without it.
    """
    whole = family.encode(tokenizer, chain)
    found: list[Window] = []
    at = _fitting(whole, limit)
    if at:
        found.append(_window(whole, 0, 0, at))
    own = [after - before for before, after in zip(whole.positions, whole.positions[1:], strict=False)]  # own[t - 1]: tokens of step t
    lowest = 0  # no window reaches back over a step that does not fit
    while at < len(chain):
        alone = family.encode(tokenizer, Chain(chain.problem, (chain.steps[at],)))
        if not _fitting(alone, limit):
            at += 1
            lowest = at
            continue
        start, tokens = at, alone.positions[0] + 1
        while start > lowest and start > 1 and tokens + own[start - 2] <= limit // 2:
            start -= 1
            tokens += own[start - 1]
        ahead, stop = tokens, at + 1
        while stop < len(chain) and ahead <= limit:
            ahead += own[stop - 1]
            stop += 1
        encoded = family.encode(tokenizer, Chain(chain.problem, chain.steps[start:stop]))
        if start + _fitting(encoded, limit) <= at:  # the estimate was too bold
            start, encoded = at, alone
        end = start + _fitting(encoded, limit)
        found.append(_window(encoded, start, at, end))
        at = end
    return found


def _fitting(encoded: Encoded, limit: int) -> int:
    """How many steps end within the limit."""
    return sum(position < limit for position in encoded.positions)


def _window(encoded: Encoded, start: int, first: int, end: int) -> Window:
    positions = encoded.positions[first - start : end - start]
    return Window(start, first, end, encoded.token_ids[: positions[-1] + 1], positions)
