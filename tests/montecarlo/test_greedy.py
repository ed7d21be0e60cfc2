"""The column of greedy returns, on chains whose rewards are known."""

import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chain_worlds import SkilledAgent

from prm_gym.agent import Action, TrainableAgent, make_agent
from prm_gym.credit import StepBatch, assign, make_signal
from prm_gym.errors import CheckpointError, ContractError, CreditError, OptionError, UnknownNameError
from prm_gym.montecarlo.greedy import GreedyReturns
from prm_gym.rollout import Rollouts, groups
from prm_gym.testing import check_signal

CHAIN = "test_montecarlo/ChainEnv"


class EvenAgent(SkilledAgent, TrainableAgent):
    """Samples like a coin; its most probable action is right in the tasks with an even number and wrong in the others."""

    def __init__(self):
        super().__init__(0.5)

    def update(self, batch, credit):
        return {}

    def save(self, directory):
        directory.mkdir(parents=True, exist_ok=True)

    def load(self, directory):
        pass

    def greedy(self):
        return Certain()


class Certain(SkilledAgent):
    def __init__(self):
        super().__init__(1.0)

    def act(self, prompts):
        return [Action(text="right" if int(prompt.observation.partition(":")[0]) % 2 == 0 else "wrong") for prompt in prompts]


def played(env_id, options, agent, seeds, attempts=2):
    return Rollouts(env_id, options, num_envs=8).play(agent, groups(seeds, attempts), seed=0)


def test_the_column_is_what_the_greedy_attempt_at_the_task_earns():
    trajectories = played(CHAIN, {"length": 3}, EvenAgent(), range(12), 2)
    batch, signal = StepBatch.from_trajectories(trajectories), make_signal("greedy_return")
    signal.follow(EvenAgent())
    # The outcome of all right steps is 1, of all wrong ones 0; the number of the task stands at the head of what is seen.
    expected = [float(int(step.observation.partition(":")[0]) % 2 == 0) for trajectory in trajectories for step in trajectory.steps]
    assert set(expected) == {0.0, 1.0}
    column = signal.column(batch)
    assert column.tolist() == expected
    # Twelve tasks of three steps, once each; nothing more when it is asked again.
    assert signal.env_steps == 36
    signal.column(batch)
    assert signal.env_steps == 36
    assert signal.cost(batch) == 36
    metrics = signal.fit(batch)
    assert metrics == {"env_steps": 36.0, "unknown_share": 0.0, "return_mean": float(np.mean(expected))}
    # ReMax by hand: what the attempt earned (its last step pays it) minus what the greedy one did.
    credit = assign("remax", batch.with_columns({"greedy_return": column}))
    assert credit.advantages.tolist() == (np.repeat(batch.outcomes, 3) - np.array(expected)).tolist()
    signal.close()


def test_an_agent_that_cannot_be_trained_plays_as_it_is():
    batch = StepBatch.from_trajectories(played(CHAIN, {"length": 2}, SkilledAgent(0.5), range(3)))
    assert make_signal("greedy_return:scripted").column(batch).tolist() == [1.0] * 12
    # Environments of other options are played with these.
    mixed = played(CHAIN, {"length": 2}, SkilledAgent(0.5), range(2)) + played(CHAIN, {"length": 4}, SkilledAgent(0.5), range(2, 4))
    signal = GreedyReturns("scripted", num_envs=1)
    assert signal.column(StepBatch.from_trajectories(mixed)).tolist() == [1.0] * 24
    assert signal.env_steps == 2 * 2 + 2 * 4


def test_a_task_that_cannot_be_begun_again_is_not_known():
    first, second, third = (played(CHAIN, {"length": 2}, SkilledAgent(0.5), [seed], 1)[0] for seed in range(3))
    unseeded = msgspec.structs.replace(second, seed=None)
    other = msgspec.structs.replace(third, task=msgspec.structs.replace(third.task, key="another"))  # what the seed gives is not this
    signal = GreedyReturns("scripted")
    column = signal.column(StepBatch.from_trajectories([first, unseeded, other]))
    assert column[:2].tolist() == [1.0, 1.0]
    assert np.isnan(column[2:]).all()
    assert signal.fit(StepBatch.from_trajectories([unseeded])) == {"env_steps": 0.0, "unknown_share": 1.0}
    # An attempt that the infrastructure spoils says nothing.
    broken = StepBatch.from_trajectories(played("test_montecarlo/BreakingEnv", {"share": 0.0}, make_agent("scripted"), [0], 1))
    spoilt = [msgspec.structs.replace(each, env_options={**each.env_options, "share": 1.0}) for each in broken.trajectories]
    assert np.isnan(GreedyReturns("scripted").column(StepBatch.from_trajectories(spoilt))).all()


def test_the_contract_of_signals(tmp_path):
    batch = StepBatch.from_trajectories(played(CHAIN, {"length": 3}, SkilledAgent(0.5), range(2)))
    check_signal(GreedyReturns, batch, EvenAgent())
    with pytest.raises(CheckpointError, match="holds no greedy_return"):
        GreedyReturns().load(tmp_path)


def test_what_it_cannot_do_is_said():
    batch = StepBatch.from_trajectories(played(CHAIN, {"length": 2}, SkilledAgent(0.5), [0], 1))
    with pytest.raises(ContractError, match="needs an agent that plays: 'greedy_return:AGENT'"):
        GreedyReturns().column(batch)
    with pytest.raises(ContractError, match="follows an agent, got str"):
        GreedyReturns().follow("random")
    with pytest.raises(CreditError, match="from arrays it cannot"):
        GreedyReturns("scripted").column(StepBatch([1.0], [0, 1], ["g"], [1], [False]))
    with pytest.raises(UnknownNameError):
        GreedyReturns("scriptd")
    for options in ({"seed": -1}, {"num_envs": 0}, {"seed": 0.5}):
        with pytest.raises(OptionError, match="of greedy_return is a number from"):
            GreedyReturns("scripted", **options)
