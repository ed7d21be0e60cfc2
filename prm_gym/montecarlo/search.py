"""The first error of a solution by binary search over roll-outs: about log2(T) prefixes are tried instead of T."""

from collections.abc import Generator, Iterable, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from prm_gym.errors import OptionError
from prm_gym.montecarlo.estimate import Estimate
from prm_gym.montecarlo.estimator import RolloutEstimator
from prm_gym.montecarlo.prefix import Prefix

_Result = TypeVar("_Result")

Asking: TypeAlias = Generator[Sequence[Prefix], Sequence[Estimate], _Result]
"""A search that yields the prefixes it wants to know about, is sent their estimates, and returns what it found."""


class FirstError(msgspec.Struct, frozen=True, kw_only=True):
    """What the search found.

    Attributes:
        index: of the first step after which no roll-out succeeds; -1 where there is none; None where that cannot be told.
        reason: why it cannot be told; else empty.
        estimates: of the prefixes that were tried, by their number of steps.
    """

    index: int | None
    reason: str = ""
    estimates: dict[int, Estimate] = {}

    @property
    def rollouts(self) -> int:
        """Roll-outs that it took."""
        return sum(estimate.trials + estimate.spoilt for estimate in self.estimates.values())


def together(estimator: RolloutEstimator, searches: Iterable[Asking[_Result]], k: int, *, until_success: bool = False) -> list[_Result]:
    """Run searches side by side: what all of them want to know is drawn in one batch a round.

    Args:
        estimator: draws the roll-outs.
        searches: independent of one another.
        k: roll-outs of each prefix.
        until_success: stop at the first success (`RolloutEstimator.reach`).

    Returns:
        [len(searches)] what each returned, in order.
    """
    running = dict(enumerate(searches))
    found: dict[int, _Result] = {}
    answers: dict[int, Sequence[Estimate] | None] = dict.fromkeys(running)
    while running:
        wanted: dict[int, Sequence[Prefix]] = {}
        for row, search in list(running.items()):
            answer = answers[row]
            try:
                wanted[row] = next(search) if answer is None else search.send(answer)
            except StopIteration as end:
                found[row] = end.value
                del running[row]
        flat = [prefix for prefixes in wanted.values() for prefix in prefixes]
        drawn = iter(estimator.reach(flat, k) if until_success else estimator.estimate(flat, k))
        answers = {row: [next(drawn) for _ in prefixes] for row, prefixes in wanted.items()}
    return [found[row] for row in sorted(found)]


def first_errors(estimator: RolloutEstimator, chains: Iterable[Sequence[Prefix]], k: int, *, until_success: bool = True) -> list[FirstError]:
    """The first error of each solution, by binary search.

    With lo a number of steps from which the agent still succeeds and hi one from which it does not, lo = 0 and hi = T at first:

        m = (lo + hi) // 2;   lo = m if a roll-out of k succeeds after m steps, else hi = m;   until hi - lo = 1: step hi is the first error.

    So it takes the estimates of the whole, of the beginning, and of ceil(log2 T) prefixes between. It takes for granted that the agent never succeeds after an
    error; where it mends errors, the last one that it does not mend may be found. A solution that ends in success has no error: that is the
    convention of its source, and overlooks what the mistakes of a right solution are. Where the agent does not succeed from the beginning either, its
    failures say nothing of the steps: the index is None.

    Args:
        estimator: draws the roll-outs.
        chains: the prefixes of each solution, after 0, 1, ... T steps (`prefixes_of`), T >= 1.
        k: roll-outs of a prefix, at most.
        until_success: stop at the first success. False draws all k, so that the values of the prefixes that were tried are known too, and finds the same.

    Source: Luo et al. 2024, Improve mathematical reasoning in language models by automated process supervision (OmegaPRM), section 3.2.
    """
    return together(estimator, [_bisection(chain) for chain in chains], k, until_success=until_success)


def _bisection(chain: Sequence[Prefix]) -> Asking[FirstError]:
    last = len(chain) - 1
    if last < 1:
        raise OptionError("a solution has one step at least: give its prefixes after 0, 1, ... steps")
    known: dict[int, Estimate] = {}
    for steps in (last, 0):
        (known[steps],) = yield [chain[steps]]
        if known[steps].hard is None:
            return FirstError(index=None, reason=known[steps].reason or "the budget was used up", estimates=known)
        if steps and known[steps].hard:
            return FirstError(index=-1, estimates=known)
    if not known[0].hard:
        return FirstError(index=None, reason=f"none of {known[0].trials} roll-outs succeeds from the beginning either", estimates=known)
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        (known[middle],) = yield [chain[middle]]
        reached = known[middle].hard
        if reached is None:
            return FirstError(index=None, reason=known[middle].reason or "the budget was used up", estimates=known)
        low, high = (middle, high) if reached else (low, middle)
    return FirstError(index=high - 1, estimates=known)
