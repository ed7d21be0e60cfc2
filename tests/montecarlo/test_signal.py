"""The column of values by roll-outs, against worlds whose values are known."""

import sys
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chain_worlds import SkilledAgent

from prm_gym.agent import make_agent
from prm_gym.credit import StepBatch, assign, branches, make_signal, vineppo
from prm_gym.credit.monte_carlo import values_after
from prm_gym.errors import CheckpointError, ContractError, CreditError, OptionError, UnknownNameError
from prm_gym.montecarlo import wilson
from prm_gym.montecarlo.signal import RolloutValues
from prm_gym.rollout import Rollouts, groups, make_envs
from prm_gym.testing import check_signal

CHAIN, COUNTDOWN = "test_montecarlo/ChainEnv", "prm_gym/Countdown-v0"
SMALL = {"difficulty": 1, "max_steps": 3, "verifiers": []}


def played(env_id, options, agent, seeds, attempts=2):
    return Rollouts(env_id, options, num_envs=8).play(agent, groups(seeds, attempts), seed=0)


def test_a_chain_by_hand():
    # Of an agent that is right with probability 1/2, 3 steps from the end: (1/2)^3, (1/2)^2, 1/2, and 0 for ever after a wrong step.
    batch = StepBatch.from_trajectories(played(CHAIN, {"length": 3}, SkilledAgent(0.7), range(8), 1))
    k = 400
    values = RolloutValues(SkilledAgent(0.5), k=k)
    for row, (value, state) in enumerate(zip(values.column(batch), batch.column("state_key"), strict=True)):
        taken, sound = state.split()
        exact = 0.5 ** (3 - int(taken)) if sound == "True" else 0.0
        low, high = wilson(round(value * k), k, 0.9999)
        assert low <= exact <= high, row
    distinct = {(trajectory.seed, tuple(step.action for step in trajectory.steps[:at])) for trajectory in batch.trajectories for at in range(3)}
    assert values.rollouts == k * len(distinct)


def exact_values(env, most_steps):
    """The value of the state that an environment stands in for an agent that chooses evenly among the listed actions, by trying all of them."""

    @cache
    def value(state_key, left, at):
        snapshot = saved[at]
        env.restore(snapshot)
        found = []
        for action in env.situation.actions:
            env.restore(snapshot)
            _, _, terminated, truncated, info = env.step(action)
            if terminated or truncated:
                found.append(info["outcome"])
            else:
                key = info["state_key"]
                saved.setdefault((key, left - 1), env.snapshot())
                found.append(value(key, left - 1, (key, left - 1)))
        return float(np.mean(found))

    saved = {}
    begin = (env.situation.state_key, most_steps)
    saved[begin] = env.snapshot()
    return lambda key, left: value(key, left, (key, left)), value(*begin, begin)


def test_countdown_by_enumeration():
    # A random agent on three numbers and at most three steps: every sequence of listed actions is tried, and the estimates must lie within binomial bounds.
    trajectories = played(COUNTDOWN, SMALL, make_agent("random"), [1, 2], 2)
    batch, k = StepBatch.from_trajectories(trajectories), 200
    values = iter(RolloutValues("random", k=k, seed=3).column(batch).tolist())
    env = make_envs(COUNTDOWN, 1, SMALL).envs[0]
    seen = set()
    for trajectory in trajectories:
        env.reset(seed=trajectory.seed)
        value, _ = exact_values(env, 3)
        for step in trajectory.steps:
            exact = value(step.state_key, 3 - step.index)
            low, high = wilson(round(next(values) * k), k, 0.99999)
            assert low <= exact <= high, (trajectory.id, step.index)
            seen.add(round(exact, 6))
    assert len(seen) > 3  # not all the same


def test_the_same_seeds_say_the_same_of_a_step_in_any_batch():
    trajectories = played(COUNTDOWN, SMALL, make_agent("random"), range(3))
    batch = StepBatch.from_trajectories(trajectories)
    whole = RolloutValues("random", k=3, seed=1).column(batch)
    assert np.array_equal(RolloutValues("random", k=3, seed=1, num_envs=2).column(batch), whole)
    for trajectory, begin in zip(trajectories, batch.offsets[:-1], strict=True):
        alone = RolloutValues("random", k=3, seed=1).column(StepBatch.from_trajectories([trajectory]))
        assert alone.tolist() == whole[begin : begin + alone.size].tolist()
    reverse = StepBatch.from_trajectories(trajectories[::-1])
    assert sorted(RolloutValues("random", k=3, seed=1).column(reverse)) == sorted(whole)
    assert not np.array_equal(RolloutValues("random", k=3, seed=2).column(batch), whole)


def test_states_that_are_equal_may_share_their_rollouts():
    # After the first wrong step all states of one length are the same one, however it was reached.
    trajectories = played(CHAIN, {"length": 4}, SkilledAgent(0.5), [5], 12)
    batch = StepBatch.from_trajectories(trajectories)
    own, shared = RolloutValues(SkilledAgent(0.5), k=5), RolloutValues(SkilledAgent(0.5), k=5, share_states=True)
    own.column(batch)
    column = shared.column(batch)
    states = batch.column("state_key").tolist()
    assert shared.rollouts == 5 * len(set(states)) < own.rollouts
    assert len(set(zip(states, column, strict=True))) == len(set(states))
    order = np.random.default_rng(0).permutation(len(trajectories))
    again = RolloutValues(SkilledAgent(0.5), k=5, share_states=True).column(StepBatch.from_trajectories([trajectories[i] for i in order]))
    assert sorted(again) == sorted(column)


def test_a_search_visits_a_few_states_and_finds_the_error():
    # An agent that is always right: the value is 1 before the first wrong step, and 0 after it. The search tries the beginning and about log2 T more.
    length = 8
    trajectories = played(CHAIN, {"length": length}, SkilledAgent(0.8), range(12), 1)
    batch = StepBatch.from_trajectories(trajectories)
    values = RolloutValues(SkilledAgent(1.0), k=2, visits="search")
    column = values.column(batch)
    after = values_after(batch.with_columns({"mc_value": column}))
    failed = 0
    for trajectory, begin in zip(trajectories, batch.offsets[:-1], strict=True):
        actions, known = [step.action for step in trajectory.steps], ~np.isnan(column[begin : begin + length])
        if "wrong" not in actions:
            assert not known.any()
            continue
        failed += 1
        wrong = actions.index("wrong")
        assert known[0]
        assert known.sum() <= 1 + 3
        assert column[begin + wrong] == 1.0
        assert after[begin + wrong] == 0.0
    assert failed > 5
    # Each of these steps is charged with the loss of the value 1.
    credit = assign("omega_prm", batch.with_columns({"mc_value": column}), between="first")
    assert credit.advantages[credit.keep].min() == -1.0


def test_vineppo_on_rollouts_of_a_sure_agent():
    # V is 1 up to the first wrong step, 0 after it: that step alone has an advantage, -1, and of a right trajectory none has.
    batch = StepBatch.from_trajectories(played(CHAIN, {"length": 5}, SkilledAgent(0.8), range(10), 1))
    values = make_signal("mc_value", k=2)
    values.follow(SkilledAgent(1.0))
    credit = vineppo(batch.with_columns({"mc_value": values.column(batch)}))
    expected = [
        -1.0 if step.action == "wrong" and all(past.action == "right" for past in trajectory.steps[:at]) else 0.0
        for trajectory in batch.trajectories
        for at, step in enumerate(trajectory.steps)
    ]
    assert credit.advantages.tolist() == expected


def test_what_was_spent_is_counted():
    # A chain of five steps: 2 roll-outs from each of its states, of 5, 4, 3, 2 and 1 steps, and a step on the way to each but the first.
    (trajectory,) = played(CHAIN, {"length": 5}, SkilledAgent(0.8), [0], 1)
    batch = StepBatch.from_trajectories([trajectory])
    values = RolloutValues(SkilledAgent(0.5), k=2, num_envs=4)
    assert (values.env_steps, values.rollouts) == (0, 0)
    assert values.fit(batch) == {"rollouts": 10.0, "env_steps": 34.0, "unknown_share": 0.0}
    values.column(batch)  # drawn already
    assert (values.env_steps, values.rollouts) == (34, 10)
    values.close()


def test_the_contract_of_signals(tmp_path):
    batch = StepBatch.from_trajectories(played(CHAIN, {"length": 3}, SkilledAgent(0.5), range(2)))
    check_signal(lambda: RolloutValues(k=2), batch, SkilledAgent(0.5))
    check_signal(lambda: RolloutValues(k=2, beyond=1), batch, SkilledAgent(0.5))
    with pytest.raises(CheckpointError, match="holds no mc_value"):
        RolloutValues().load(tmp_path)


def test_what_cannot_be_estimated_is_said():
    trajectories = played(CHAIN, {"length": 3}, SkilledAgent(0.5), range(2))
    batch = StepBatch.from_trajectories(trajectories)
    values = RolloutValues(SkilledAgent(0.5), k=1)
    paid = [msgspec.structs.replace(each, steps=(msgspec.structs.replace(each.steps[0], reward=0.25), *each.steps[1:])) for each in trajectories[:1]]
    with pytest.raises(CreditError, match="not outcomes alone in row 0; play with reward='outcome'"):
        values.column(StepBatch.from_trajectories(paid))
    with pytest.raises(CreditError, match="whole trajectories"):
        values.column(StepBatch([1.0], [0, 1], ["g"], [1], [False]))
    with pytest.raises(CreditError, match="whole trajectories"):
        values.column(branches(batch).batch)
    with pytest.raises(ContractError, match="needs an agent"):
        RolloutValues().column(batch)
    with pytest.raises(ContractError, match="follows an agent, got int"):
        RolloutValues().follow(3)
    with pytest.raises(UnknownNameError):
        RolloutValues("randm")
    for options in ({"k": 0}, {"seed": -1}, {"num_envs": 0}, {"k": 1.5}, {"visits": "some"}, {"visits": "search", "share_states": True}):
        with pytest.raises(OptionError):
            RolloutValues("random", **options)
    # A state that cannot be reached again has no value, and is not 0: this world shows something else each time, after the beginning too.
    restless = StepBatch.from_trajectories(played("test_montecarlo/RestlessEnv", {"length": 3}, SkilledAgent(0.5), [0], 1))
    column = RolloutValues(SkilledAgent(0.5), k=1).column(restless)
    assert np.isnan(column[1:]).all()
    assert RolloutValues(SkilledAgent(0.5), k=1).column(StepBatch.from_trajectories([])).size == 0


def test_values_beyond_the_limit_of_an_episode():
    # Chains of four steps that are cut after two. With the limit nothing is worth anything; two steps beyond it a sound state t steps on is worth (1/2)^(4-t)
    # to an agent that is right with probability 1/2, and so is the one at which the episode was cut.
    batch = StepBatch.from_trajectories(played(CHAIN, {"length": 4, "max_steps": 2}, SkilledAgent(0.7), range(6), 1))
    assert batch.truncated.all()
    within = RolloutValues(SkilledAgent(0.5), k=4)
    assert within.columns(batch).keys() == {"mc_value"}
    assert not within.column(batch).any()
    k = 300
    values = make_signal("mc_value", k=k, beyond=2)
    values.follow(SkilledAgent(0.5))
    columns = values.columns(batch)
    ends = batch.offsets[1:] - 1
    found = [*zip(columns["mc_value"], batch.column("state_key"), strict=True)]
    found += zip(columns["bootstrap_mc_value"][ends], batch.column("next_state_key")[ends], strict=True)
    for value, state in found:
        taken, sound = state.split()
        exact = 0.5 ** (4 - int(taken)) if sound == "True" else 0.0
        low, high = wilson(round(value * k), k, 0.9999)
        assert low <= exact <= high, state
    assert np.isnan(np.delete(columns["bootstrap_mc_value"], ends)).all()
    # By hand: the last step goes on from there.
    credit = vineppo(batch.with_columns(columns), bootstrap=True)
    assert credit.keep.all()
    assert credit.advantages[ends].tolist() == (columns["bootstrap_mc_value"] - columns["mc_value"])[ends].tolist()
    assert not vineppo(batch.with_columns({"mc_value": columns["mc_value"]}), bootstrap=True).keep[ends].any()
    # An episode that came to its end has nothing beyond it.
    whole = StepBatch.from_trajectories(played(CHAIN, {"length": 2}, SkilledAgent(0.7), range(3), 1))
    assert np.isnan(RolloutValues(SkilledAgent(0.5), k=2, beyond=2).columns(whole)["bootstrap_mc_value"]).all()
    # States are shared as others are.
    shared = RolloutValues(SkilledAgent(0.5), k=2, beyond=2, share_states=True)
    shared.column(batch)
    states = {*batch.column("state_key").tolist(), *batch.column("next_state_key")[ends].tolist()}
    tasks = {(trajectory.task_key, key) for trajectory in batch.trajectories for step in trajectory.steps for key in (step.state_key, step.next_state_key)}
    assert shared.rollouts == 2 * len(tasks) >= 2 * len(states)
    for options in ({"beyond": -1}, {"beyond": 2, "visits": "search"}):
        with pytest.raises(OptionError):
            RolloutValues("random", **options)


def test_what_will_be_spent_is_said_before():
    # Right steps alone, five of them: 3 roll-outs from each state, of 5, 4, 3, 2 and 1 steps, and one on the way to each, where the first takes none.
    trajectories = played(CHAIN, {"length": 5}, SkilledAgent(1.0), [0, 1], 1)
    batch = StepBatch.from_trajectories(trajectories)
    values = RolloutValues(SkilledAgent(0.5), k=3)
    assert values.cost(batch) == 2 * (3 * 15 + 5)
    values.column(batch)
    assert values.env_steps == 2 * (3 * 15 + 4)
    # Two attempts that take the same way share its states where they are to; a search has nothing to look for in attempts that succeed.
    twice = StepBatch.from_trajectories(played(CHAIN, {"length": 5}, SkilledAgent(1.0), [0], 2))
    for shared in (False, True):
        assert RolloutValues("random", k=3, share_states=shared).cost(twice) == 3 * 15 + 5
    # Wrong ones: 3 from the beginning, and 3 from each of ceil(log2 5) states on the way, each half the way from the end, on the average: 2.5 steps.
    wrong = StepBatch.from_trajectories(played(CHAIN, {"length": 5}, SkilledAgent(0.0), [0], 1))
    assert RolloutValues("random", k=3, visits="search").cost(wrong) == round(3 * (5 + 3 * 2.5)) + 1
    assert RolloutValues("random", k=3, visits="search").cost(twice) == 0
    assert RolloutValues("random", k=3).cost(StepBatch.from_trajectories([])) == 0
