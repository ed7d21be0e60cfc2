"""One of each: what a third party writes to plug into prm_gym."""

from collections.abc import Sequence

import numpy as np

from prm_gym import RewardScheme, StepContext, Verdict, Verifier
from prm_gym.agent import Action, Agent, Prompt
from prm_gym.credit import Credit, StepBatch, assigner, credit_transform
from prm_gym.rewards import JudgedStep
from prm_gym.verdict import abstained, judged


class ShortVerifier(Verifier):
    """Likes short texts: `short` for up to 12 characters, `short:20` for up to 20."""

    id = "short"
    version = "1"

    def __init__(self, limit: str = "12") -> None:
        """Set the limit."""
        self.limit = int(limit)

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """Right when it is short; nothing can be said of an empty text."""
        return [self._judge(step.action) for step in steps]

    def _judge(self, text: str) -> Verdict:
        if not text:
            return abstained("there is no text")
        if len(text) <= self.limit:
            return judged("correct", 1.0, f"{len(text)} characters")
        return judged("incorrect", 0.0, f"{len(text)} characters, more than {self.limit}")


class ThriftReward(RewardScheme):
    """The outcome, minus a price for every step."""

    id = "example_thrift"
    needs_verdicts = False

    def __init__(self, horizon: int, price: float = 0.01) -> None:
        """Set the price."""
        self.price = price
        self.reward_range = (-price, 1.0 - price)

    def reward(self, step: JudgedStep, previous: Sequence[JudgedStep]) -> float:
        """What is left of the outcome."""
        return (step.outcome or 0.0) - self.price


@assigner()
def last_step(batch: StepBatch, *, bonus: float = 1.0) -> Credit:
    """All credit to the last step of each trajectory: its reward, times a bonus."""
    last = np.zeros(batch.rewards.size)
    last[batch.offsets[1:] - 1] = bonus
    return Credit(last * batch.rewards, batch.rewards.copy(), np.ones(batch.rewards.size, dtype=np.bool_), {"bonus": bonus})


@credit_transform()
def halved(batch: StepBatch, credit: Credit, *, times: int = 1) -> Credit:
    """Half of every advantage, as often as wanted."""
    return Credit(credit.advantages / 2.0**times, credit.returns, credit.keep & np.ones(batch.rewards.size, dtype=np.bool_), credit.diagnostics)


class FirstAgent(Agent):
    """Takes the first admissible action."""

    id = "example_first"

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt."""
        return [Action(text=prompt.actions[0]) for prompt in prompts]
