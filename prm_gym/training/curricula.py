"""Curricula: which share of a batch's tasks each domain gets.

A domain is a set of options of the environment: a level of difficulty, a data set, a kind of task. After every batch a curriculum is told how the attempts of
each domain went, and says what share of the next batch it gets. What it remembers is a list of numbers that a checkpoint holds.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.errors import ContractError, OptionError, UnknownNameError
from prm_gym.plugins import make, split_options


class Curriculum(ABC):
    """Shares of D domains.

    Attributes:
        memory: what it remembers; a checkpoint holds it.
    """

    def __init__(self, domains: int) -> None:
        """Begin without experience.

        Args:
            domains: D >= 1.
        """
        self.domains = domains
        self.memory: list[float] = []

    @abstractmethod
    def shares(self) -> FloatArray:
        """[D] float64 >= 0, sum 1: the share of each domain in the next batch."""

    def learn(self, success: FloatArray) -> None:
        """Take in how a batch went.

        Args:
            success: [D] float64 in [0, 1], mean outcome of the batch's attempts in each domain; NaN where there was none.
        """
        _ = success

    def restore(self, memory: Sequence[float]) -> None:
        """Put back what it remembered.

        Raises:
            ContractError: that is not what such a curriculum remembers.
        """
        if len(memory) != len(self.memory):
            raise ContractError(f"this curriculum remembers {len(self.memory)} numbers, the checkpoint holds {len(memory)}")
        self.memory = list(memory)


class Even(Curriculum):
    """All domains alike."""

    def shares(self) -> FloatArray:
        """1/D each."""
        return np.full(self.domains, 1.0 / self.domains)


class Window(Curriculum):
    """By difficulty: one level at a time, harder when it is mastered and easier when it is hopeless.

    The running mean of the level's success follows p <- (1 - rate) p + rate x. Above `high` the next level begins, below `low` the one before, and p begins
    anew at the middle of the window. `focus` of the tasks are of the level, the others evenly of all easier ones, so that these are not forgotten.
    """

    def __init__(self, domains: int, *, low: float = 0.1, high: float = 0.7, rate: float = 0.3, focus: float = 0.8) -> None:
        """Choose the window.

        Args:
            domains: from easy to hard.
            low: success below which the level is lowered.
            high: success above which it is raised. 0 <= low < high <= 1.
            rate: of the running mean, in (0, 1].
            focus: share of the level, in (0, 1].
        """
        super().__init__(domains)
        if not (0.0 <= low < high <= 1.0 and 0.0 < rate <= 1.0 and 0.0 < focus <= 1.0):
            raise OptionError(f"0 <= low < high <= 1, and rate and focus lie in (0, 1]; got {low!r}, {high!r}, {rate!r}, {focus!r}")
        self.low, self.high, self.rate, self.focus = low, high, rate, focus
        self.memory = [0.0, (low + high) / 2]

    @property
    def level(self) -> int:
        """The level that is trained on, in [0, D)."""
        return int(self.memory[0])

    def shares(self) -> FloatArray:
        """`focus` for the level, the rest for the easier ones."""
        shares = np.zeros(self.domains)
        shares[: self.level] = (1.0 - self.focus) / max(1, self.level)
        shares[self.level] = self.focus if self.level else 1.0
        return shares

    def learn(self, success: FloatArray) -> None:
        """Follow the level's success, and change the level where it leaves the window."""
        seen = float(success[self.level])
        if math.isnan(seen):
            return
        mean = (1.0 - self.rate) * self.memory[1] + self.rate * seen
        level = self.level + (1 if mean > self.high else -1 if mean < self.low else 0)
        level = min(max(level, 0), self.domains - 1)
        self.memory = [float(level), (self.low + self.high) / 2 if level != self.level else mean]


class _ByRunningSuccess(Curriculum):
    """Shares from the running mean of each domain's success, p <- alpha p + (1 - alpha) x; the first batch of a domain sets it."""

    def __init__(self, domains: int, alpha: float) -> None:
        super().__init__(domains)
        if not 0.0 <= alpha < 1.0:
            raise OptionError(f"alpha lies in [0, 1), got {alpha!r}")
        self.alpha = alpha
        self.memory = [-1.0] * domains  # -1: nothing is known of it yet

    def learn(self, success: FloatArray) -> None:
        """Follow the success of every domain that was played."""
        for domain, seen in enumerate(success.tolist()):
            if not math.isnan(seen):
                known = self.memory[domain]
                self.memory[domain] = seen if known < 0 else self.alpha * known + (1.0 - self.alpha) * seen

    def _success(self, unknown: float) -> FloatArray:
        """[D], the running means; `unknown` where a domain has not been played."""
        memory = np.array(self.memory, dtype=np.float64)
        return np.where(memory < 0.0, unknown, memory)


class DomainWeights(_ByRunningSuccess):
    """More of the domains that are farther from a target.

        v_d = max(0, target - p_d),   share_d = exp((v_d + epsilon) / tau) / sum_e exp((v_e + epsilon) / tau)

    Source: Liu et al. 2025 (RuleReasoner, arXiv 2506.08672), domain-aware dynamic sampling, as its published trainer computes it with exponentially
    decayed rewards. Epsilon cancels in the quotient; it is left out here. A domain that has not been played counts as one without success.
    """

    def __init__(self, domains: int, *, target: float = 1.0, tau: float = 0.5, alpha: float = 0.5) -> None:
        """Choose target and temperature.

        Args:
            domains: in any order.
            target: success that is aimed at, in (0, 1].
            tau: temperature, > 0; small ones follow the gaps closely.
            alpha: weight of the past in the running mean, in [0, 1).
        """
        super().__init__(domains, alpha)
        if not (0.0 < target <= 1.0 and tau > 0.0):
            raise OptionError(f"target lies in (0, 1] and tau is above 0, got {target!r} and {tau!r}")
        self.target, self.tau = target, tau

    def shares(self) -> FloatArray:
        """The softmax of the gaps."""
        gaps = np.maximum(0.0, self.target - self._success(unknown=0.0))
        powers = np.exp((gaps - gaps.max()) / self.tau)
        return powers / powers.sum()


class TaskValue(_ByRunningSuccess):
    """More of the domains that are hard and undecided at once.

        value_d = (1 - p_d) * 4 p_d (1 - p_d),   share_d = (value_d + floor) / sum_e (value_e + floor)

    The paper chooses tasks by "a task-value metric balancing difficulty and uncertainty"; its formula was not to be had, and this product of 1 - p and the
    variance of an outcome is our reading of these words, for domains instead of single tasks. It is highest at p = 1/3.

    Source: Zhuang et al. 2025 (VSPO, arXiv 2512.07478), the idea.
    """

    def __init__(self, domains: int, *, floor: float = 0.05, alpha: float = 0.5) -> None:
        """Choose how much is left for domains without value.

        Args:
            domains: in any order.
            floor: added to every value, > 0.
            alpha: weight of the past in the running mean, in [0, 1).
        """
        super().__init__(domains, alpha)
        if not floor > 0.0:
            raise OptionError(f"floor must be above 0, or a domain could be lost for ever; got {floor!r}")
        self.floor = floor

    def shares(self) -> FloatArray:
        """In proportion to the values; one that has not been played has the highest."""
        success = self._success(unknown=1.0 / 3.0)
        values = 4.0 * success * (1.0 - success) ** 2 + self.floor
        return values / values.sum()


CurriculumFactory: TypeAlias = Callable[..., Curriculum]

CURRICULA: dict[str, CurriculumFactory] = {"even": Even, "window": Window, "domain-weights": DomainWeights, "task-value": TaskValue}


def make_curriculum(spec: str, domains: int) -> Curriculum:
    """The curriculum of a specification: a name, with options after a question mark ("window?high=0.8").

    Raises:
        UnknownNameError: no such curriculum; says the near miss.
        OptionError: an option does not fit, or there is nothing to choose from.
    """
    name, options = split_options(spec)
    if name not in CURRICULA:
        raise UnknownNameError("curriculum", name, CURRICULA)
    made = make("curriculum", name, CURRICULA[name], domains, **options)
    if domains < 2 and name != "even":
        raise OptionError(f"the curriculum {name!r} shares tasks out among domains, and there is one; give two or more (--domain)")
    return made
