"""Every environment of ours keeps its contract."""

import multiprocessing
import os
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import gymnasium as gym
import pytest
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import prm_gym
from prm_gym.env import option_names
from prm_gym.errors import ContractError
from prm_gym.registration import ENVIRONMENTS
from prm_gym.testing import check_step_env, play_episode

ROOT = Path(__file__).parents[2]
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]


SWEEPS = bool(os.environ.get("PRM_GYM_SWEEPS"))
# Each of their steps is one of a real browser: fewer are played, and what lies between the levels and between the rewards is left to the sweep.
IN_A_BROWSER = ("prm_gym/MiniWoB-v0", "prm_gym/PageBuilding-v0")
LEVELS = [
    pytest.param(env_id, level, id=f"{env_id}-{level}", marks=[pytest.mark.sweep] if env_id in IN_A_BROWSER and level > 1 else [])
    for env_id, entry_point in ENVIRONMENTS.items()
    if "difficulty" in option_names(load_env_creator(entry_point))
    for level in range(1, 6)
]


# The outcome, which is the reward unless another is asked for, is played by all other tests.
REWARDS = [
    pytest.param(env_id, reward, marks=[pytest.mark.sweep] if env_id in IN_A_BROWSER and reward != "dense" else [])
    for env_id in ENVIRONMENTS
    for reward in sorted({*ENTRY_POINTS["prm_gym.rewards"]} - {"outcome"})
]


def extent(env_id, seeds):
    """How much of an environment is played."""
    return {"seeds": [0], "max_steps": 12} if env_id in IN_A_BROWSER and not SWEEPS else {"seeds": seeds}


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_environments(env_id):
    assert gym.make(env_id).unwrapped.reward_scheme.id == "outcome"
    check_step_env(env_id, **extent(env_id, (0, 1, 2)))


@pytest.mark.parametrize(("env_id", "level"), LEVELS)
def test_environments_at_every_level(env_id, level):
    seeds = (0, 1, 2) if SWEEPS else (level + 2,)  # none of those that are played above
    check_step_env(partial(gym.make, env_id, difficulty=level), **extent(env_id, seeds))


@pytest.mark.parametrize(("env_id", "reward"), REWARDS)
def test_environments_with_every_reward(env_id, reward):
    check_step_env(partial(gym.make, env_id, reward=reward), **extent(env_id, [0]))


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_environments_without_verifiers(env_id):
    check_step_env(partial(gym.make, env_id, verifiers=[]), **extent(env_id, [0]))


@pytest.fixture(scope="module")
def spawned():
    """One process that has imported nothing and hashes strings in another way."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_a_seed_gives_the_same_episode_in_another_process(env_id, spawned):
    for seed in extent(env_id, (0, 1, 2))["seeds"]:
        env = gym.make(env_id).unwrapped
        _, info = env.reset(seed=seed)
        actions = ["nonsense", *info["actions"][:2], *env.solution()]
        there = spawned.apply_async(play_episode, (f"prm_gym:{env_id}", {}, seed, actions)).get(timeout=120)
        assert there == play_episode(env_id, {}, seed, actions)
        assert len(there.results) >= 2


def test_an_episode_that_breaks_the_contract_is_told_across_processes(spawned):
    # CartPole is no step environment; the error must come back, not hang the pool.
    with pytest.raises(ContractError, match="StepEnv"):
        spawned.apply_async(play_episode, ("CartPole-v1", {}, 0, [])).get(timeout=120)


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_make_without_an_import(env_id, tmp_path):
    program = f"import gymnasium as gym; env = gym.make('prm_gym:{env_id}'); print(repr(env.reset(seed=7)[0]))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == repr(gym.make(env_id).reset(seed=7)[0])


def test_register_envs_for_linters():
    gym.register_envs(prm_gym)
    assert set(ENVIRONMENTS) <= set(gym.registry)


def _plans(env_id, seeds):
    """For every seed: a text that is no step, the solution, and texts for the steps after the end."""
    plans = []
    for seed in seeds:
        env = gym.make(env_id, verifiers=[]).unwrapped
        env.reset(seed=seed)
        plans.append(["nonsense", *env.solution(), *["nonsense"] * 8][:8])
    return list(zip(*plans, strict=True))


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_gymnasiums_own_vector_env_takes_our_environments(env_id):
    seeds = (0, 1) if env_id in IN_A_BROWSER else (0, 1, 2)
    envs = SyncVectorEnv([partial(gym.make, env_id)] * len(seeds))
    ours = gym.make_vec(env_id, num_envs=len(seeds), vectorization_mode="vector_entry_point")
    assert envs.reset(seed=0)[0] == ours.reset(seed=0)[0]
    for actions in _plans(env_id, seeds):
        theirs, mine = envs.step(actions), ours.step(actions)
        assert theirs[0] == mine[0]
        for one, other in zip(theirs[1:4], mine[1:4], strict=True):
            assert one.tolist() == other.tolist()
    envs.close()
    ours.close()


@pytest.mark.slow
@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_gymnasiums_vector_env_over_processes_takes_our_environments(env_id):
    count = 2 if SWEEPS or env_id == "prm_gym/Deduction-v0" else 1  # processes, each of which imports everything
    envs = AsyncVectorEnv([partial(gym.make, f"prm_gym:{env_id}")] * count, shared_memory=False, context="spawn")
    try:
        ours = gym.make_vec(env_id, num_envs=count, vectorization_mode="vector_entry_point")
        envs.reset_async(seed=0)
        assert tuple(envs.reset_wait(timeout=120)[0]) == ours.reset(seed=0)[0]
        for actions in _plans(env_id, range(count)):
            envs.step_async(actions)
            theirs, mine = envs.step_wait(timeout=120), ours.step(actions)
            assert tuple(theirs[0]) == mine[0]
            for one, other in zip(theirs[1:4], mine[1:4], strict=True):
                assert one.tolist() == other.tolist()
            assert theirs[4]["state_key"].tolist() == mine[4]["state_key"].tolist()
    finally:
        envs.close(terminate=True)
