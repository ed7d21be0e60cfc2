"""What roll-outs say of a prefix: the share of successes, how sure that is, and what was spent on it."""

import math
from statistics import NormalDist
from typing import NamedTuple

import msgspec

from prm_gym.montecarlo.prefix import Prefix

SUCCESS = 1.0  # the least outcome that counts as a success


class Interval(NamedTuple):
    """Bounds of a probability."""

    low: float
    high: float


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """The score interval of a probability, which holds it with about the given confidence whatever the probability is.

        p = s/n,   centre = (p + z^2/2n) / (1 + z^2/n),   half = z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n)

    >>> wilson(0, 0), tuple(round(bound, 4) for bound in wilson(8, 10))
    (Interval(low=0.0, high=1.0), (0.4902, 0.9433))

    Args:
        successes: from 0 to `trials`.
        trials: >= 0; of none nothing is known.
        confidence: in (0, 1).

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if trials == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + 0.5 * confidence)
    share, scale = successes / trials, 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / scale
    # At the ends the bound is exact, and rounding must not move it.
    return Interval(0.0 if successes == 0 else max(0.0, centre - half), 1.0 if successes == trials else min(1.0, centre + half))


class Rollout(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One continuation of a prefix to the end of the episode.

    Attributes:
        prefix: where it began.
        seed: decides the agent's choices (where it is `seeded`) and what the environment leaves to chance.
        actions: that were taken.
        observations: [len(actions)] what was seen before each.
        outcome: in [0, 1].
    """

    prefix: Prefix
    seed: int
    actions: tuple[str, ...]
    observations: tuple[str, ...]
    outcome: float

    def cut(self, steps: int) -> Prefix:
        """The prefix with the first steps of the continuation.

        Args:
            steps: from 0 to `len(self.actions)`.
        """
        return self.prefix.extended(self.actions[:steps], self.observations[:steps], self.seed)


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the value of a prefix: the probability that the agent succeeds from there.

    Attributes:
        prefix: of which.
        asked: roll-outs that were asked for.
        rollouts: those that were drawn; none of a prefix that ends the episode.
        outcome: of a prefix that ends the episode, in [0, 1]; None otherwise.
        stopped: roll-outs ended with the first success: whether there is one is known, their share of successes is not.
        spoilt: roll-outs that the infrastructure spoilt. They were drawn again, and count for nothing.
        steps: of the environment that the roll-outs took, spoilt ones too.
        reason: why nothing is known, or less than was asked for: no environment could be brought here (any more); else empty.
        success: the least outcome that counts as a success.
    """

    prefix: Prefix
    asked: int
    rollouts: tuple[Rollout, ...] = ()
    outcome: float | None = None
    stopped: bool = False
    spoilt: int = 0
    steps: int = 0
    reason: str = ""
    success: float = SUCCESS

    @property
    def ended(self) -> bool:
        """Whether the prefix ends the episode, so that its value is known without a roll-out."""
        return self.outcome is not None

    @property
    def trials(self) -> int:
        """Roll-outs that were drawn."""
        return len(self.rollouts)

    @property
    def successes(self) -> int:
        """How many of them succeeded."""
        return sum(rollout.outcome >= self.success for rollout in self.rollouts)

    @property
    def hard(self) -> float | None:
        """Hard estimation: 1 if any roll-out succeeded, 0 if none of those asked for did; None where fewer could be drawn and all failed.

        Source: Wang et al. 2023, Math-Shepherd, equation 3.
        """
        if self.outcome is not None:
            return float(self.outcome >= self.success)
        if self.successes:
            return 1.0
        return 0.0 if self.asked and self.trials >= self.asked else None

    @property
    def soft(self) -> float | None:
        """Soft estimation: the share of successes, MC(s) of OmegaPRM; None without roll-outs, and where they stopped at the first success.

        Source: Wang et al. 2023, Math-Shepherd, equation 4.
        """
        if self.outcome is not None:
            return float(self.outcome >= self.success)
        return self.successes / self.trials if self.rollouts and not self.stopped else None

    @property
    def mean(self) -> float | None:
        """The mean outcome, which differs from `soft` where outcomes lie between 0 and 1: the value V(s) of VinePPO."""
        if self.outcome is not None:
            return self.outcome
        return math.fsum(rollout.outcome for rollout in self.rollouts) / self.trials if self.rollouts and not self.stopped else None

    def interval(self, confidence: float = 0.95) -> Interval:
        """Bounds of the probability of success; the whole of [0, 1] where its share is not known.

        Args:
            confidence: in (0, 1).
        """
        if self.soft is None:
            return Interval(0.0, 1.0)
        return Interval(self.soft, self.soft) if self.ended else wilson(self.successes, self.trials, confidence)
