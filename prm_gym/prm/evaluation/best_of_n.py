"""Best-of-n: how often the solution that scores best among n attempts at a problem is right.

    P(best of n is right) over all subsets of n of the N attempts, exactly: an attempt that r others beat is the best of C(N - 1 - r, n - 1) of the C(N, n)
    subsets

Beside it what needs no scores: a random attempt (the mean), the oracle (right if any is), and the answer of the majority. Attempts of equal score share; those
without a score come last.

Sources: Lightman et al. 2023, section 2 and eval/eval.py (by sampling there); Chen et al. 2021 for the exact form.
"""

import math
import zlib
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import combinations

import msgspec
import numpy as np

from prm_gym.errors import OptionError

DRAWS = 200
"""Subsets that a majority vote is taken over, where there are more than `MOST_SUBSETS` of n."""
MOST_SUBSETS = 1000


class Pool(msgspec.Struct, frozen=True):
    """Attempts at one problem.

    Attributes:
        group: the problem.
        right: [N] whether the final answer is right.
        scores: [N] of each attempt; None where it has none.
        lengths: [N] steps of each.
        answers: [N] what each answers, in a form that can be compared; None for no answer.
    """

    group: str
    right: tuple[bool, ...]
    scores: tuple[float | None, ...]
    lengths: tuple[int, ...] = ()
    answers: tuple[Hashable | None, ...] = ()

    def __post_init__(self) -> None:
        sizes = {len(self.right), len(self.scores), *(len(column) for column in (self.lengths, self.answers) if column)}
        if len(sizes) != 1 or not self.right:
            raise OptionError(f"{self.group}: a pool has one outcome and one score an attempt, at least one; got columns of {sorted(sizes)}")


def chances(scores: Sequence[float | None], n: int) -> list[float]:
    """[N] the probability of each attempt to be the best of n that are drawn without replacement; they add up to 1.

    >>> chances([0.9, 0.1, 0.5], 2)
    [0.6666666666666666, 0.0, 0.3333333333333333]

    Args:
        scores: of all attempts; None comes last.
        n: from 1 to N.

    Raises:
        OptionError: n lies outside.
    """
    total = len(scores)
    if not 1 <= n <= total:
        raise OptionError(f"n lies from 1 to {total}, got {n}")
    values = [-math.inf if score is None else score for score in scores]
    counts = Counter(values)
    found: dict[float, float] = {}
    above = 0
    subsets = math.comb(total, n)
    for value in sorted(counts, reverse=True):
        same = counts[value]
        found[value] = (math.comb(total - above, n) - math.comb(total - above - same, n)) / subsets / same
        above += same
    return [found[value] for value in values]


def best_of(pool: Pool, n: int) -> float:
    """P(the best of n is right)."""
    return math.fsum(chance for chance, right in zip(chances(pool.scores, n), pool.right, strict=True) if right)


def length_of_best(pool: Pool, n: int) -> float:
    """Expected number of steps of the best of n."""
    return math.fsum(chance * length for chance, length in zip(chances(pool.scores, n), pool.lengths, strict=True))


def random_of(pool: Pool) -> float:
    """P(a random attempt is right)."""
    return sum(pool.right) / len(pool.right)


def oracle_of(pool: Pool, n: int) -> float:
    """P(any of n is right)."""
    total, wrong = len(pool.right), len(pool.right) - sum(pool.right)
    return 1.0 - math.comb(wrong, n) / math.comb(total, n)


def majority_of(pool: Pool, n: int, weighted: bool = False, seed: int = 0) -> float:
    """P(the answer that most of n give is right); of several with equally many votes each has its share.

    Args:
        pool: with answers; an attempt without one has no vote.
        n: from 1 to N; of few subsets all are taken, else `DRAWS` are drawn.
        weighted: an answer has the sum of the scores of its attempts; one without a score weighs nothing.
        seed: of the drawing.
    """
    total = len(pool.right)
    if math.comb(total, n) <= MOST_SUBSETS:
        subsets: list[Sequence[int]] = list(combinations(range(total), n))
    else:
        rng = np.random.default_rng([seed, zlib.crc32(pool.group.encode())])
        subsets = [[int(at) for at in rng.choice(total, size=n, replace=False)] for _ in range(DRAWS)]
    return math.fsum(_voted(pool, subset, weighted) for subset in subsets) / len(subsets)


def _voted(pool: Pool, drawn: Sequence[int], weighted: bool) -> float:
    votes: dict[Hashable, float] = {}
    right: dict[Hashable, list[bool]] = {}
    for at in drawn:
        answer = pool.answers[at]
        if answer is not None:
            votes[answer] = votes.get(answer, 0.0) + ((pool.scores[at] or 0.0) if weighted else 1.0)
            right.setdefault(answer, []).append(pool.right[at])
    if not votes:
        return 0.0
    most = max(votes.values())
    shares = [sum(right[answer]) / len(right[answer]) for answer, weight in votes.items() if weight >= most - 1e-12]
    return sum(shares) / len(shares)


def sizes(pools: Sequence[Pool]) -> list[int]:
    """The n to report: powers of two up to the smallest pool, and that."""
    smallest = min((len(pool.right) for pool in pools), default=1)
    return sorted({1 << power for power in range(smallest.bit_length()) if 1 << power <= smallest} | {smallest})
