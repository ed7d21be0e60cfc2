"""Rewards of single steps in verl: a response's reward that knows where its steps are paid, and a reward manager that gives such ones to written solutions.

Source: verl 0.9.1, https://github.com/volcengine/verl (`experimental/reward_loop`).
"""

# verl has an environment of its own and is not installed where types are checked: what comes of it is unknown there.
# pyright: basic, reportMissingImports=false

from collections.abc import Sequence
from typing import Any

import msgspec

from prm_gym.errors import MissingExtraError
from prm_gym.integrations.completions import TextScorer, paid
from prm_gym.integrations.spans import spans_of_pieces
from prm_gym.integrations.verl_score import judge_of, question_of
from prm_gym.rewards import make_reward

try:
    import torch
    from verl.experimental.reward_loop.reward_manager import register
    from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
except ImportError as error:
    raise MissingExtraError("verl", "verl") from error

MOST_STEPS = 32  # of a written solution, which share a dense reward out; what follows belongs to the last one


class StepScore(float):
    """The reward of a response, which is the sum of those of its steps, and where they are paid.

    Attributes:
        ends: of each step the place behind its last token in the response, in order.
        rewards: of each step.
    """

    rewards: tuple[float, ...]
    ends: tuple[int, ...]

    def __new__(cls, rewards: Sequence[float], ends: Sequence[int]) -> "StepScore":
        """Sum the rewards up."""
        score = super().__new__(cls, sum(rewards))
        score.rewards, score.ends = tuple(rewards), tuple(ends)
        return score

    def __reduce__(self) -> tuple[Any, ...]:
        """As it was made: reward workers are other processes."""
        return StepScore, (self.rewards, self.ends)

    def tokens(self, like: Any) -> Any:
        """The rewards on the last tokens of the steps.

        Args:
            like: [T], the response or its mask.

        Returns:
            [T] float32, 0 elsewhere.
        """
        paid = torch.zeros(like.shape, dtype=torch.float32)
        for end, reward in zip(self.ends, self.rewards, strict=True):
            paid[min(end, paid.numel()) - 1] += reward
        return paid


@register("prm_gym")
class StepRewardManager(RewardManagerBase):
    """Pays the steps of a written solution: verdicts of a verifier, and whether the answer is right, by one of our reward schemes.

    `reward.reward_kwargs`: `verifier` (default "arithmetic"), `reward` (a scheme, default "dense") and `undecided`, the outcome of an answer of which nobody
    can tell whether it is right (default 0; `decided` among the logged numbers says how often).

    Where verl asks it for a whole batch, each step is paid on its last token (`assemble_rm_scores`). Where it is asked while responses come in, the agent loop
    puts the reward on the tokens: use `prm_gym_solution`, since verl's own puts the sum on the last one.
    """

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, **others: Any) -> None:
        """Take the options of the configuration.

        Args:
            config: of verl.
            tokenizer: of the policy.
            compute_score: verl's reward function; not used.
            **others: addresses of reward models; not used.
        """
        super().__init__(config, tokenizer, compute_score)
        options = dict(config.reward.get("reward_kwargs") or {})
        self.judge = judge_of(options.get("verifier", "arithmetic"), MOST_STEPS)
        self.scheme = make_reward(options.get("reward", "dense"), MOST_STEPS)
        self.undecided = float(options.get("undecided", 0.0))

    async def run_single(self, data: Any) -> dict[str, Any]:
        """The reward of one response, a `StepScore`."""
        item = data[-1:][0]
        width = item.batch["responses"].shape[-1]
        count = int(item.batch["attention_mask"][-width:].sum())
        tokens = item.batch["responses"][:count].tolist()
        text = self.tokenizer.decode(tokens, skip_special_tokens=True)
        gold = (item.non_tensor_batch.get("reward_model") or {}).get("ground_truth")
        question = question_of(item.non_tensor_batch.get("extra_info"))
        ((trajectory, pieces, _),) = await self.judge.wait(TextScorer.judge, [question], [text], [gold])
        if trajectory is None:  # nothing was written, or far too much: no answer
            return {"reward_score": StepScore([0.0], [count]), "reward_extra_info": {"outcome": 0.0, "decided": 1.0, "steps": 0.0}}
        outcome = self.undecided if trajectory.outcome is None else trajectory.outcome
        rewards = [step.reward for step in paid(msgspec.structs.replace(trajectory, outcome=outcome), self.scheme).steps]
        ends = [end for _, end in spans_of_pieces(self.tokenizer, tokens, pieces) or ()]  # the pieces are of what the tokens say
        told = {"outcome": outcome, "decided": float(trajectory.outcome is not None), "steps": float(len(rewards))}
        return {"reward_score": StepScore(rewards, ends), "reward_extra_info": told}

    @classmethod
    def assemble_rm_scores(cls, data: Any, scores: Sequence[float]) -> Any:
        """The rewards of a batch on its tokens: [B, T] float32."""
        paid = super().assemble_rm_scores(data, [float(score) for score in scores])
        for row, score in enumerate(scores):
            if isinstance(score, StepScore):
                paid[row] = score.tokens(paid[row])
        return paid
