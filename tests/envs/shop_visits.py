"""Somebody who does things in the shop of `prm_gym/Shop-v0`, for its tests."""

from functools import lru_cache

from gymnasium.utils.seeding import np_random

from prm_gym.envs.web.shop import ShopEnv
from prm_gym.envs.web.shop_rows import world_of
from prm_gym.envs.web.shop_tasks import new_scenario
from prm_gym.web import Do
from prm_gym.web.actions import action_text
from prm_gym.web.scenario import resolved

ENDS = Do("answer")


def new_env(level=2, **options):
    return ShopEnv(difficulty=level, **options)


@lru_cache(8192)
def drawn(level, seed):
    """The task that an environment begins with a seed."""
    return new_scenario(int(np_random(seed)[0].integers(1 << 62)), level)


def begun(level, kind, fits=lambda scenario: True, **options):
    """An environment at the first task of a kind."""
    for seed in range(3000):
        scenario = drawn(level, seed)
        if scenario.kind.startswith(kind) and fits(scenario):
            env = new_env(level, **options)
            env.reset(seed=seed)
            assert env.scenario.wish == scenario.wish
            return env
    raise AssertionError(f"no task of kind {kind}")


def do(env, *steps):
    """Take steps that are said by role and name; the labels, and the last info."""
    labels, info = [], {}
    for step in steps:
        action = step if isinstance(step, str) else resolved(step, env.live.sight)
        assert action is not None, f"{step}\n{env.situation.observation}"
        *_, info = env.step(action if isinstance(action, str) else action_text(action))
        labels.append(info["verdicts"]["state"].label)
    return labels, info


def script(env):
    return list(env.scenario.script)


def target(scenario):
    """Product and variant of the one thing that is ordered."""
    world = world_of(scenario.memory["world"])
    [key] = [value for (table, _, column), value in scenario.goal.items() if (table, column) == ("lines", "variant")]
    return world.product_of(key), world.variants[key]


def customer_has_cart(scenario):
    return any(row[1] == scenario.facts.customer for row in world_of(scenario.facts.world).rows["cart"])


def seen(env, *steps):
    """The lines of the page after some steps."""
    do(env, *steps)
    return [item.name for item in env.live.sight.items]
