"""Places on an axis: round tick marks, and labels that do not run into each other."""

import math


def step_ticks(last: float, most: int = 5) -> tuple[float, ...]:
    """Round numbers from 0 to `last` for an axis of environment steps, at most `most` steps of 1, 2 or 5 times a power of ten.

    >>> step_ticks(20_000)
    (0.0, 5000.0, 10000.0, 15000.0, 20000.0)
    """
    if last <= 0.0:
        return (0.0,)
    power = 10.0 ** math.floor(math.log10(last / most))
    width = next(power * factor for factor in (1, 2, 5, 10) if last / (power * factor) <= most + 1e-9)
    return tuple(index * width for index in range(int(last / width + 1e-9) + 1))


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near the wanted ones, in the same order, at least `gap` apart and within [low, high] where they fit.

    Pushes each label up from the one below it, then back down from the upper end.

    >>> spread([0.25, 0.25], gap=0.5, low=0.0, high=1.0)
    [0.25, 0.75]
    """
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    placed: list[float] = []
    for index in order:
        floor = placed[-1] + gap if placed else low
        placed.append(max(wanted[index], floor))
    ceiling = high
    for place in range(len(placed) - 1, -1, -1):
        placed[place] = min(placed[place], ceiling)
        ceiling = placed[place] - gap
    result = [0.0] * len(wanted)
    for place, index in enumerate(order):
        result[index] = placed[place]
    return result
