"""Chains that are longer than a model's context: the problem is kept, and the oldest steps are left out."""

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
