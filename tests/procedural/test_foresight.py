import numpy as np
import pytest
from gymnasium.utils.seeding import np_random

from prm_gym.procedural.foresight import Begun, Foresight, drawn_next


def _seen(*episodes):
    foresight = Foresight()
    for episode in episodes:
        foresight.note(episode)
    return foresight


def _drawn(generator, size):
    return int(generator.integers(size))


def test_what_is_drawn_next_is_drawn_next():
    # 1000 is no power of 2, so that some draws are rejected and drawn again.
    generator = np.random.default_rng(5)
    foretold = drawn_next(generator, 1000, 50)
    assert foretold == [_drawn(generator, 1000) for _ in range(50)]


def test_episodes_without_a_seed_go_on_with_their_generator():
    generator = np.random.default_rng(5)
    foresight = _seen(Begun(_drawn(generator, 1000), False, generator, 5), Begun(_drawn(generator, 1000), False, generator, 5))
    foretold = foresight.next(1000, 4)
    assert foretold == [_drawn(generator, 1000) for _ in range(4)]


def test_seeds_in_a_row_go_on_with_the_next_seed():
    foresight = _seen(*(Begun(_drawn(np_random(seed)[0], 1000), False, np_random(seed)[0], seed) for seed in (7, 8)))
    assert foresight.next(1000, 3) == [_drawn(np_random(seed)[0], 1000) for seed in (9, 10, 11)]


def test_a_list_goes_on_to_its_end():
    generator = np.random.default_rng(5)
    foresight = _seen(Begun(4, True, generator, 5), Begun(5, True, generator, 5))
    assert foresight.next(9, 10) == [6, 7, 8]
    assert foresight.next(9, 2) == [6, 7]


@pytest.mark.parametrize(
    "episodes",
    [
        [],
        [(1, False, "a", 5)],
        [(1, False, "a", 5), (1, False, "b", 5)],
        [(1, False, "a", 5), (1, False, "b", 9)],
        [(1, False, "a", -2), (1, False, "b", -1)],
        [(1, False, "a", None), (1, False, "b", 1)],
        [(1, True, "a", 5), (1, True, "a", 5)],
        [(1, True, "a", 5), (7, True, "a", 5)],
        [(1, False, "a", 5), (2, True, "a", 5)],
    ],
    ids=["none", "one", "the same seed", "another seed", "no seeds", "one seed", "the same place", "another place", "a place after a draw"],
)
def test_of_any_other_way_nothing_is_expected(episodes):
    generators = {"a": np.random.default_rng(1), "b": np.random.default_rng(2)}
    foresight = _seen(*(Begun(place, listed, generators[name], seed) for place, listed, name, seed in episodes))
    assert foresight.next(1000, 10) == []


def test_a_draw_that_is_interrupted_leaves_the_generator_where_it_stood():
    class Interrupted:
        def __init__(self, generator):
            self.bit_generator, self._generator, self._left = generator.bit_generator, generator, 2

        def integers(self, size):
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
            return self._generator.integers(size)

    generator, _ = np_random(3)
    before = generator.bit_generator.state
    with pytest.raises(KeyboardInterrupt):
        drawn_next(Interrupted(generator), 100, 5)
    assert generator.bit_generator.state == before
