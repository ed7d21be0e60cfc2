import math

import msgspec
import numpy as np
import pytest

from prm_gym.agent import Prompt, TrainableAgent, make_agent
from prm_gym.credit import StepBatch
from prm_gym.errors import ContractError, OptionError
from prm_gym.rollout import Rollouts, groups
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train

OPTIONS = {"difficulty": 1, "max_steps": 4}


def _config(**changes):
    fields = {
        "env_id": "prm_gym/Countdown-v0",
        "env_options": OPTIONS,
        "agent_options": {"width": 8, "minibatch": 16, "device": "cpu"},
        "budget": 60,
        "tasks": 3,
        "attempts": 2,
        "evaluate_every": 30,
        "eval_tasks": 10,
        "num_envs": 5,
        "demonstrations": 3,
    }
    return TrainConfig(**{**fields, **changes})


def _curve(result):
    return [(point.env_steps, point.success, point.mean_reward, point.mean_steps) for point in result.curve]


def _shown(observation, action, step):
    return msgspec.structs.replace(step, observation=observation, actions=("left", "right", "up"), action=action)


def _batch(trajectory, steps):
    return StepBatch.from_trajectories([msgspec.structs.replace(trajectory, steps=tuple(steps))])


def test_an_agent_does_what_it_was_shown():
    rollouts = Rollouts("prm_gym/Countdown-v0", {**OPTIONS, "verifiers": []}, 1)
    [trajectory] = rollouts.play(make_agent("scripted"), groups([0], 1))
    steps = [_shown(f"sign: {action}", action, trajectory.steps[0]) for action in ("left", "right")] * 16
    agent = make_agent("candidate", device="cpu", width=8)
    prompts = [Prompt(instructions="", observation=step.observation, actions=step.actions) for step in steps[:2]]
    for _ in range(5):
        agent.imitate(_batch(trajectory, steps))
    chosen = agent.greedy().act(prompts)
    assert [action.text for action in chosen] == ["left", "right"]
    assert all(action.logprobs[0] > math.log(0.5) for action in chosen)


def test_steps_that_were_not_among_the_candidates_are_left_out():
    agent = make_agent("candidate", device="cpu", width=8)
    rollouts = Rollouts("prm_gym/Countdown-v0", {**OPTIONS, "verifiers": []}, 1)
    [trajectory] = rollouts.play(make_agent("scripted"), groups([0], 1))
    odd = [msgspec.structs.replace(step, action="something else") for step in trajectory.steps]
    agent.imitate(_batch(trajectory, [*trajectory.steps, *odd]))
    with pytest.raises(ContractError, match="none of the 2 steps"):
        agent.imitate(_batch(trajectory, odd))
    with pytest.raises(ContractError, match="none of the 4 steps"):
        agent.imitate(_batch(trajectory, [*trajectory.steps, *odd]), np.array([0.0, 0.0, 1.0, 1.0]))


def test_steps_count_by_their_weight():
    rollouts = Rollouts("prm_gym/Countdown-v0", {**OPTIONS, "verifiers": []}, 1)
    [trajectory] = rollouts.play(make_agent("scripted"), groups([0], 1))
    steps = [_shown("sign", action, trajectory.steps[0]) for action in ("left", "right")] * 16
    agent = make_agent("candidate", device="cpu", width=8)
    for _ in range(5):
        agent.imitate(_batch(trajectory, steps), np.tile([1.0, 3.0], 16))
    [action] = agent.greedy().act([Prompt(instructions="", observation="sign", actions=steps[0].actions)])
    # Weighted maximum likelihood: 3 of 4 parts go right.
    assert action.text == "right"
    assert math.exp(action.logprobs[0]) == pytest.approx(0.75, abs=0.1)


def test_a_run_begins_with_them_and_a_seed_decides_them(tmp_path):
    with_them, again, without = (train(_config(**changes), tmp_path / name) for name, changes in (("a", {}), ("b", {}), ("c", {"demonstrations": 0})))
    assert _curve(with_them) == _curve(again)
    assert _curve(with_them)[0] != _curve(without)[0]
    assert with_them.curve[0].env_steps == 0


def test_an_interrupted_run_keeps_what_it_was_shown(tmp_path):
    class StopError(Exception):
        pass

    def stop(_):
        raise StopError

    with pytest.raises(StopError):
        train(_config(), tmp_path / "cut", stop)
    assert _curve(train(_config(), tmp_path / "cut")) == _curve(train(_config(), tmp_path / "whole"))


def test_an_agent_that_cannot_imitate():
    class Other(TrainableAgent):
        id = "other"

        def act(self, prompts):
            raise NotImplementedError

        def update(self, batch, credit):
            raise NotImplementedError

        def save(self, directory):
            raise NotImplementedError

        def load(self, directory):
            raise NotImplementedError

        def greedy(self):
            raise NotImplementedError

    with pytest.raises(ContractError, match="'other' cannot imitate"):
        Other().imitate(StepBatch.from_trajectories([]))
    with pytest.raises(ContractError, match="'other' cannot learn from preferences"):
        Other().prefer([])


def test_fewer_than_none_are_refused():
    with pytest.raises(OptionError, match="demonstrations must be at least 0"):
        _config(demonstrations=-1)
