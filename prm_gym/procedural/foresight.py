"""Which entries an environment will ask for next, guessed from how its episodes have begun so far.

A guess decides only what is made ahead of time. One that is wrong costs that time, and changes no episode.
"""

from typing import Literal, NamedTuple

import numpy as np
from gymnasium.utils.seeding import np_random


class Begun(NamedTuple):
    """How an episode began.

    Attributes:
        place: of its entry.
        listed: the place was named in the options of the reset.
        generator: of the environment, after the place was drawn from it.
        seed: that the generator was made from; None or less than 0 where that is not known.
    """

    place: int
    listed: bool
    generator: np.random.Generator
    seed: int | None


class Foresight:
    """Sees through three ways of going on: without a seed, with the next seed, and with the next entry of the list. Of any other it expects nothing."""

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self._last: Begun | None = None
        self._way: Literal["none", "listed", "drawn", "seeded"] = "none"

    def note(self, begun: Begun) -> None:
        """Take notice of an episode that begins."""
        last, self._last = self._last, begun
        if last is None:
            self._way = "none"
        elif begun.listed:
            self._way = "listed" if last.listed and begun.place == last.place + 1 else "none"
        elif begun.generator is last.generator:
            self._way = "drawn"
        else:
            self._way = "seeded" if begun.seed is not None and last.seed is not None and begun.seed == last.seed + 1 > 0 else "none"

    def next(self, size: int, most: int) -> list[int]:
        """Up to `most` indices of the episodes after the last one, in their order.

        Args:
            size: number of entries of the data set.
            most: how many to guess.
        """
        if self._last is None or self._way == "none":
            return []
        if self._way == "listed":
            return list(range(self._last.place + 1, min(self._last.place + 1 + most, size)))
        if self._way == "drawn":
            return drawn_next(self._last.generator, size, most)
        return [drawn_next(np_random((self._last.seed or 0) + 1 + place)[0], size, 1)[0] for place in range(most)]


def drawn_next(generator: np.random.Generator, size: int, count: int) -> list[int]:
    """The entries that an environment is going to draw from its generator, as `StepEnv.choose_task` does; the generator stays where it stands."""
    state = generator.bit_generator.state
    try:
        return [int(generator.integers(size)) for _ in range(count)]
    finally:
        generator.bit_generator.state = state
