"""Corrupted solutions: the mistake is a mistake, by the outcome and by the step's verdict; nothing before it is."""

import gymnasium as gym
import numpy as np
import pytest

import prm_gym
from prm_gym.services import KINDS, corrupted

assert prm_gym


@pytest.mark.parametrize("env_id", ["prm_gym/Retail-v0", "prm_gym/Calendar-v0"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_verifier_finds_the_mistake_first(env_id, kind):
    env = gym.make(env_id, difficulty=4).unwrapped
    found = 0
    for seed in range(12):
        env.reset(seed=seed)
        beginning = env.situation
        made = corrupted(env, kind, np.random.default_rng(seed))
        assert env.situation == beginning
        assert env.past_steps == ()
        if made is None:
            continue
        found += 1
        assert len(made.right) == len(made.actions)
        wrong = []
        for action in made.actions:
            _, _, terminated, _, info = env.step(action)
            wrong.append(info["verdicts"]["state"].label in ("incorrect", "malformed"))
            if terminated:
                break
        assert (wrong.index(True) if True in wrong else None) == made.first_wrong
        assert all(right is None or right is not bad for right, bad in zip(made.right, wrong, strict=False))
        if kind in ("wrong_argument", "early_end", "forbidden_wish"):  # nothing mends these
            assert terminated
            assert info["outcome"] == 0.0
        if kind in ("repeated_call", "policy_broken", "harmless_detour"):  # a wrong step that costs no outcome
            assert terminated
            assert info["outcome"] == 1.0
    assert found >= 3
