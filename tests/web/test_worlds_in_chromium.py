"""Every world of ours is the same in a real browser: tasks of every family of kinds, by their scripts and where steps go astray."""

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401 - registers the environments
from prm_gym.testing.both_modes import covering, kind_of, play_in_both, units_of

FAMILIES = {"prm_gym/Shop-v0": 13, "prm_gym/Mail-v0": 22, "prm_gym/Tracker-v0": 12}  # that are shown at least
DRAWS = {5: 40, 4: 8, 3: 4, 2: 4, 1: 4}  # tasks of many parts first


@pytest.fixture(scope="module")
def pairs(chromium):
    made = {}

    def pair(env_id, level):
        if (env_id, level) not in made:
            options = ({}, {"mode": "browser", "browser": {"driver": "pipe"}})
            made[env_id, level] = tuple(gym.make(env_id, difficulty=level, max_steps=300, **one).unwrapped for one in options)
        return made[env_id, level]

    yield pair
    for envs in made.values():
        for env in envs:
            env.close()


def families_of(kind):
    """The first words of its parts, and in which setting they are."""
    return {part.partition("/")[0] for part in kind.split("+")} | {unit for unit in units_of(kind) if unit.startswith("in ")}


def same(pair, seed):
    played = play_in_both(*pair, seed)
    assert played.differences == ()
    assert played.solved, played.kind


@pytest.mark.parametrize("env_id", FAMILIES)
def test_tasks_of_every_family_are_the_same(pairs, env_id):
    shown = set()
    for level, draws in DRAWS.items():
        pair = pairs(env_id, level)
        for seed in range(draws):
            families = families_of(kind_of(pair[0], seed))
            if seed == 0 or not families <= shown:
                shown |= families
                same(pair, seed)
    assert len(shown) >= FAMILIES[env_id]


@pytest.mark.slow
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("env_id", FAMILIES)
def test_tasks_of_many_parts_are_the_same(pairs, env_id, level):
    pair, seen = pairs(env_id, level), set()
    for seed in covering(pair[0], range(100, 115), seen):
        same(pair, seed)
    assert len(seen) >= 5
