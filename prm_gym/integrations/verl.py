"""Rewards and credit of single steps in verl.

verl puts the reward of a response on its last token. Here every step is paid on its own last token, so that the estimators that read `token_level_rewards`
(verl's GAE and REINFORCE++, and those that are registered here) see the steps. With `VERL_USE_EXTERNAL_MODULES=prm_gym.integrations.verl` in the environment
verl imports this module in all its processes, and its configuration may name

    agent loops     `prm_gym_env`, `prm_gym_solution` (`verl_loops`)                        `agent_name` of the data, or rollout.agent.default_agent_loop
    reward manager  `prm_gym` (`verl_rewards`)                                              reward.reward_manager.name
    estimators      `prm_gym_grpo`, `prm_gym_rloo` ..., `prm_gym_given` (`verl_credit`)     algorithm.adv_estimator

A reward function that needs none of this is `verl_score.compute_score`.
"""

from prm_gym.integrations.verl_credit import ESTIMATORS, batch_advantages, estimator, given, step_advantages, steps_of_mask
from prm_gym.integrations.verl_loops import SolutionAgentLoop, StepAgentLoop, StepAgentLoopOutput
from prm_gym.integrations.verl_rewards import StepRewardManager, StepScore

__all__ = [
    "ESTIMATORS",
    "SolutionAgentLoop",
    "StepAgentLoop",
    "StepAgentLoopOutput",
    "StepRewardManager",
    "StepScore",
    "batch_advantages",
    "estimator",
    "given",
    "step_advantages",
    "steps_of_mask",
]
