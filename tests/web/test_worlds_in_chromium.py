"""Every world of ours is the same in a real browser: on the scripts of its tasks, and where steps go astray."""

import random

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401 - registers the environments

WORLDS = ("prm_gym/Shop-v0", "prm_gym/Mail-v0", "prm_gym/Tracker-v0")


@pytest.fixture(scope="module")
def pairs(chromium):
    made = {}

    def pair(env_id, level):
        if (env_id, level) not in made:
            made[env_id, level] = tuple(gym.make(env_id, difficulty=level, mode=mode).unwrapped for mode in ("text", "browser"))
        return made[env_id, level]

    yield pair
    for envs in made.values():
        for env in envs:
            env.close()


def same(text, real):
    assert real[0] == text[0]
    assert real[-1]["valid"]
    assert [real[-1][key] for key in ("state_key", "actions", "outcome")] == [text[-1][key] for key in ("state_key", "actions", "outcome")]
    assert text[1:-1] == real[1:-1]


def played(pair, seed, strays):
    """The script of a task in both modes, with stray steps before it; the kind of the task."""
    text, real = pair
    one, two = text.reset(seed=seed), real.reset(seed=seed)
    same(one, two)
    rng = random.Random(seed)
    actions = None if strays else text.solution()
    for step in range(strays or len(actions)):
        listed = [action for action in one[-1]["actions"] if not action.startswith("answer")]
        action = rng.choice([*listed, "press Enter", "press Escape"]) if actions is None else actions[step]
        one, two = text.step(action), real.step(action)
        same(one, two)
        if one[2] or one[3]:
            break
    if actions is not None:
        assert two[-1]["outcome"] == 1.0
    return text.scenario.kind


@pytest.mark.parametrize("level", [1, 3, 5])
@pytest.mark.parametrize("env_id", WORLDS)
def test_scripts_and_stray_steps_are_the_same(pairs, env_id, level):
    pair = pairs(env_id, level)
    played(pair, 40, strays=0)
    played(pair, 41, strays=12)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(100, 105), pytest.param(range(105, 140), marks=pytest.mark.sweep)])
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("env_id", WORLDS)
def test_scripts_of_many_kinds_are_the_same(pairs, env_id, level, seeds):
    kinds = {played(pairs(env_id, level), seed, strays=0) for seed in seeds}
    assert len(kinds) >= 3
