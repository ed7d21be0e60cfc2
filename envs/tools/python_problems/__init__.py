"""Generated problems that ask for a computation: one family a kind, five levels each."""

from collections.abc import Sequence
from random import Random

from prm_gym.envs.tools.python_problems import counting, data, numbers, processes
from prm_gym.envs.tools.python_problems.problem import Family, Problem

FAMILIES: dict[str, Family] = {
    "ants": processes.ants,
    "checksums": processes.checksums,
    "coin_changes": counting.coin_changes,
    "congruences": numbers.congruences,
    "day_sums": data.day_sums,
    "determinants": numbers.determinants,
    "dice_sums": counting.dice_sums,
    "divisor_sums": numbers.divisor_sums,
    "eliminations": processes.eliminations,
    "generators": processes.generators,
    "knapsacks": counting.knapsacks,
    "lattice_paths": counting.lattice_paths,
    "linear_systems": numbers.linear_systems,
    "moving_windows": data.moving_windows,
    "palindromes": processes.palindromes,
    "pattern_free_words": counting.pattern_free_words,
    "power_sums": numbers.power_sums,
    "prime_sums": numbers.prime_sums,
    "recurrences": numbers.recurrences,
    "rewriting": processes.rewriting,
    "shortest_paths": data.shortest_paths,
    "spanning_trees": data.spanning_trees,
    "variances": data.variances,
    "working_days": data.working_days,
}
LEVELS = range(1, 6)

__all__ = ["FAMILIES", "LEVELS", "Problem", "generate"]


def generate(entropy: int, difficulty: int, families: Sequence[str] = tuple(FAMILIES)) -> tuple[str, Problem]:
    """A family and a problem of it; the same numbers give the same problem.

    Args:
        entropy: what decides everything that is drawn.
        difficulty: 1 to 5.
        families: names out of `FAMILIES`; each is equally probable.
    """
    rng = Random(entropy)
    family = rng.choice(list(families))
    return family, FAMILIES[family](rng, difficulty)
