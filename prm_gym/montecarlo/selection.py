"""OmegaPRM's choice of what to search next: the roll-out with the greatest Q + U."""

import math


def selection_quality(value: float, length: float, *, alpha: float = 0.5, beta: float = 0.9, long: float = 500.0) -> float:
    """Q(s, r) = alpha^(1 - MC(s)) beta^(len(r) / L): how much a failed roll-out r from s, where the agent mostly succeeds, is worth searching.

    Args:
        value: MC(s), in [0, 1].
        length: of the roll-out, >= 0.
        alpha: in (0, 1]: the smaller, the more a state from which the agent often succeeds is preferred.
        beta: in (0, 1]: the smaller, the more a short roll-out is.
        long: L, the length that counts as long, > 0, in the units of `length`; 500 tokens in the source.

    Source: Luo et al. 2024, OmegaPRM, arXiv 2406.06592, section 3.3.

    >>> selection_quality(1.0, 0.0), selection_quality(0.0, 500.0)
    (1.0, 0.45)
    """
    return alpha ** (1.0 - value) * beta ** (length / long)


def selection_bonus(visits: int, total: int, *, c_puct: float = 0.125) -> float:
    """U(s) = c_puct sqrt(sum of N) / (1 + N(s)): how much a state that was seldom searched from is to be preferred.

    Args:
        visits: N(s), searches that set out from it.
        total: sum of N over all states.
        c_puct: >= 0.

    Source: Luo et al. 2024, OmegaPRM, arXiv 2406.06592, section 3.3.

    >>> selection_bonus(1, 16)
    0.25
    """
    return c_puct * math.sqrt(total) / (1 + visits)
