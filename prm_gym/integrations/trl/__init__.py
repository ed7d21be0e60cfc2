"""TRL: reward functions, environments with tools, roll-outs, and a GRPO trainer whose advantages are those of steps.

`prm_gym.integrations.trl.step_trainer` holds the trainer; importing it imports TRL, importing this does not.
"""

from prm_gym.integrations.trl.environments import ToolEnvironment, environment_dataset, environment_factory
from prm_gym.integrations.trl.rewards import AsyncRewardFunction, RewardFunction, as_async_reward_func, as_reward_func, trajectory_reward
from prm_gym.integrations.trl.rollouts import EnvironmentRollouts

__all__ = [
    "AsyncRewardFunction",
    "EnvironmentRollouts",
    "RewardFunction",
    "ToolEnvironment",
    "as_async_reward_func",
    "as_reward_func",
    "environment_dataset",
    "environment_factory",
    "trajectory_reward",
]
