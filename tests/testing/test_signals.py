import json

import numpy as np
import pytest

from prm_gym.credit import Signal, StepBatch
from prm_gym.errors import ContractError
from prm_gym.task import Task
from prm_gym.testing import check_signal
from prm_gym.trajectory import Step, Trajectory


class Mean(Signal):
    """Says of every step the mean reward of all batches so far."""

    name = "mean_reward"

    def __init__(self):
        self.sum, self.count = 0.0, 0

    def fit(self, batch):
        self.sum, self.count = self.sum + float(batch.rewards.sum()), self.count + batch.rewards.size
        return {"mean": self.sum / self.count}

    def column(self, batch):
        return np.full(batch.rewards.size, self.sum / self.count if self.count else np.nan)

    def save(self, directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "mean.json").write_text(json.dumps([self.sum, self.count]))

    def load(self, directory):
        self.sum, self.count = json.loads((directory / "mean.json").read_text())


class Forgets(Mean):
    def load(self, directory):
        super().load(directory)
        self.count += 1


class LearnsByLooking(Mean):
    def column(self, batch):
        self.count += 1
        return super().column(batch)


class Infinite(Mean):
    def column(self, batch):
        return np.full(batch.rewards.size, np.inf)


class Short(Mean):
    def column(self, batch):
        return np.zeros(1)


class Tensors(Mean):
    def fit(self, batch):
        return {"mean": np.float32(super().fit(batch)["mean"])}


class Promises(Mean):
    also = ("median_reward",)


class Refunds(Mean):
    def cost(self, batch):
        return -1


class Writes(Mean):
    def fit(self, batch):
        batch.columns["action_key"][0] = "else"
        return super().fit(batch)


def _batch():
    steps = tuple(Step(index=at, observation="o", action="a", state_key="s", next_state_key="t", reward=float(at), terminated=at == 1) for at in range(2))
    task = Task(key="k", instructions="", question="")
    return StepBatch.from_trajectories([Trajectory(id="0/0", group_id="0", task=task, seed=0, env_id="e", agent="a", outcome=1.0, steps=steps)])


def test_a_signal_that_keeps_the_contract():
    check_signal(Mean, _batch())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (dict, "a prm_gym.credit.Signal"),
        (Forgets, "goes on as the original"),
        (LearnsByLooking, "the same column when it is asked again"),
        (Infinite, "infinity"),
        (Short, "a column of 2 float64"),
        (Tensors, "Python numbers by name"),
        (Promises, "the columns mean_reward, median_reward"),
        (Refunds, "a cost of 0 or more steps"),
        (Writes, "the batch stays as it is"),
    ],
)
def test_signals_that_break_it(make, says):
    with pytest.raises(ContractError, match=says):
        check_signal(make, _batch())
