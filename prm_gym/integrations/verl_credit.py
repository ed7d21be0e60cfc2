"""Our credit as advantage estimators of verl: one advantage a step, on the tokens of the step.

Source: verl 0.9.1, https://github.com/volcengine/verl (`trainer/ppo/core_algos.py`, `trainer/ppo/ray_trainer.py`: `compute_advantage`).
"""

# verl has an environment of its own and is not installed where types are checked: what comes of it is unknown there.
# pyright: basic, reportMissingImports=false

from collections.abc import Sequence
from typing import Any

import numpy as np

from prm_gym.credit import StepBatch, assign
from prm_gym.credit.grouping import key_array
from prm_gym.errors import CreditError, MissingExtraError
from prm_gym.integrations.spans import spans_of_turns

try:
    import torch
    from verl.trainer.ppo.core_algos import register_adv_est
except ImportError as error:
    raise MissingExtraError("verl", "verl") from error

ESTIMATORS = ("dr_grpo", "gpg", "grpo", "opo", "reinforce", "reinforce_pp", "reinforce_pp_baseline", "rloo", "srgpo")
"""Assigners that need nothing but rewards: verl hands an estimator neither states nor verdicts."""


def steps_of_mask(response_mask: Any) -> list[list[tuple[int, int]]]:
    """Of each response the spans of its steps: what the model wrote between what it was shown.

    Args:
        response_mask: [B, T], 1 where the model wrote. In our agent loop, and in verl's with tools, something is shown after every turn.
    """
    return [list(spans_of_turns(row)) for row in response_mask.cpu().numpy()]


def step_advantages(spec: str, token_level_rewards: Any, spans: Sequence[Sequence[tuple[int, int]]], groups: Any, **columns: Sequence[Any]) -> Any:
    """Our credit over the steps of responses, on their tokens.

    Args:
        spec: an assigner or a pipeline, as `prm_gym.credit.assign` takes it.
        token_level_rewards: [B, T]; a step earns the sum over the tokens of its span.
        spans: [B] of each response the spans of its steps, in order; none for one that trains nobody, which then moves no baseline either.
        groups: [B] which responses answer the same prompt.
        **columns: [B] each, of each response one value a step, such as `state_key`.

    Returns:
        [B, T] float32: the advantage of its step for each token in a span, 0 elsewhere and for steps that the credit leaves out.

    Raises:
        CreditError: there is not one value a step, or the assigner needs another column.
    """
    rows = [row for row, steps in enumerate(spans) if steps]
    for name, column in columns.items():
        if any(len(column[row]) != len(spans[row]) for row in rows):
            raise CreditError(f"the column {name!r} must hold one value a step")
    advantages = torch.zeros(token_level_rewards.shape, dtype=torch.float32, device=token_level_rewards.device)
    if not rows:
        return advantages
    paid = token_level_rewards.detach().double().cpu().numpy()
    credit = assign(
        spec,
        StepBatch(
            rewards=np.array([paid[row, begin:end].sum() for row in rows for begin, end in spans[row]]),
            offsets=np.cumsum([0, *(len(spans[row]) for row in rows)]),
            group_ids=key_array(str(groups[row]) for row in rows),
            outcomes=np.full(len(rows), np.nan),
            truncated=np.zeros(len(rows), dtype=bool),
            columns={name: key_array(value for row in rows for value in column[row]) for name, column in columns.items()},
        ),
    )
    places = ((row, begin, end) for row in rows for begin, end in spans[row])
    for (row, begin, end), advantage, kept in zip(places, credit.advantages.tolist(), credit.keep.tolist(), strict=True):
        advantages[row, begin:end] = advantage if kept else 0.0
    return advantages


def batch_advantages(spec: str, data: Any) -> Any:
    """Our credit over a batch of `StepAgentLoop`, with the keys of its states: what GiGPO and SALT need, and verl hands to no estimator.

    For a trainer of your own: `data.batch["token_level_rewards"] = batch_advantages("gigpo", data)` with the estimator `prm_gym_given`; or straight into
    `data.batch["advantages"]`.

    Args:
        spec: an assigner or a pipeline.
        data: a `DataProto` with `response_mask`, and `uid`, `step_rewards`, `step_spans`, `state_keys`, `next_state_keys` and `valid` in `non_tensor_batch`.

    Returns:
        [B, T] float32.
    """
    told = data.non_tensor_batch
    spans = [list(map(tuple, steps)) if valid else [] for steps, valid in zip(told["step_spans"], told["valid"], strict=True)]
    rewards = torch.zeros(data.batch["response_mask"].shape, dtype=torch.float32)
    for row, steps in enumerate(spans):
        for (_, end), reward in zip(steps, told["step_rewards"][row], strict=True):
            rewards[row, end - 1] += reward
    return step_advantages(spec, rewards, spans, told["uid"], state_key=told["state_keys"], next_state_key=told["next_state_keys"])


def estimator(spec: str) -> Any:
    """An advantage estimator for verl: our credit over the steps that the mask tells apart.

    Args:
        spec: an assigner that needs no column, or a pipeline of such: "reinforce?gamma=0.95".
    """

    def estimate(token_level_rewards: Any, response_mask: Any, index: Any = None, **_: Any) -> tuple[Any, Any]:
        groups = range(len(response_mask)) if index is None else index
        advantages = step_advantages(spec, token_level_rewards, steps_of_mask(response_mask), groups)
        return advantages, advantages

    return estimate


def given(token_level_rewards: Any, response_mask: Any, **_: Any) -> tuple[Any, Any]:
    """The estimator `prm_gym_given`: the rewards are advantages already, and are passed through. A KL penalty in the reward must be off."""
    advantages = token_level_rewards * response_mask
    return advantages, advantages


register_adv_est("prm_gym_given")(given)
for _name in ESTIMATORS:
    register_adv_est(f"prm_gym_{_name}")(estimator(_name))
