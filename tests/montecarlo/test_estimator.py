"""Values of prefixes against those known beforehand: an agent right with probability p a step is worth p^n with n steps to go."""

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chain_worlds import SkilledAgent

from prm_gym.agent import make_agent
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.montecarlo import Budget, Prefix, RolloutEstimator, prefix_of, prefixes_of, wilson
from prm_gym.montecarlo.prefix import cuts
from prm_gym.rollout import Rollouts, groups, make_envs
from prm_gym.task import Origin


def chain(*actions, seed=0, **fields):
    return Prefix(origin=Origin.of_seed(seed), actions=actions, **fields)


def estimator(skill=0.8, world="ChainEnv", options=None, **settings):
    return RolloutEstimator(SkilledAgent(skill), f"test_montecarlo/{world}", options or {}, **settings)


def outcomes(estimates):
    return [[(rollout.seed, rollout.actions, rollout.outcome) for rollout in estimate.rollouts] for estimate in estimates]


# Known beforehand: z = 1.959964 at 95%. 8 of 10: (0.8 + z^2/20 -+ z sqrt(0.8 * 0.2 / 10 + z^2/400)) / (1 + z^2/10), as in Wilson's own example form.
@pytest.mark.parametrize(("successes", "trials", "low", "high"), [(0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (10, 10, 0.7225, 1.0), (1, 1, 0.2065, 1.0)])
def test_wilson(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_covers_what_it_says():
    # The exact share of samples whose interval holds p, over all samples of 40: near 95% for any p, which Wald's interval is not.
    for p in (0.05, 0.3, 0.5, 0.9):
        inside = sum(math.comb(40, s) * p**s * (1 - p) ** (40 - s) for s in range(41) if wilson(s, 40)[0] <= p <= wilson(s, 40)[1])
        assert 0.92 < inside < 0.99


def test_values_are_those_of_the_chain():
    with estimator(0.8, num_envs=64) as roller:
        right = [chain(*["right"] * n) for n in range(7)]
        values = roller.estimate([*right, chain("right", "wrong", "right"), chain("wrong")], 800)
    for n, estimate in enumerate(values[:6]):
        low, high = estimate.interval(0.9999)
        assert low <= 0.8 ** (6 - n) <= high, n
        assert estimate.trials == 800
        assert estimate.mean == estimate.soft
        assert estimate.hard == 1.0
        assert all(len(rollout.actions) == 6 - n for rollout in estimate.rollouts)
    assert (values[6].ended, values[6].soft, values[6].hard, values[6].trials, values[6].interval()) == (True, 1.0, 1.0, 0, (1.0, 1.0))
    assert [estimate.soft for estimate in values[7:]] == [0.0, 0.0]
    assert roller.spent.rollouts == 8 * 800
    assert roller.spent.steps == 800 * (6 + 5 + 4 + 3 + 2 + 1 + 3 + 5)


def test_an_estimate_is_the_same_alone_in_any_batch_and_in_any_number_of_environments():
    prefixes = [chain(*actions, seed=seed) for seed in (1, 2) for actions in ((), ("right",), ("wrong",), ("right", "right"))]
    with estimator() as roller:
        together = roller.estimate(prefixes, 12)
    for settings in ({"num_envs": 1}, {"num_envs": 200}, {"snapshots": 0}, {"snapshots": 1}):
        with estimator(**settings) as roller:
            assert outcomes(roller.estimate(prefixes[::-1], 12))[::-1] == outcomes(together), settings
    with estimator() as roller:
        assert outcomes([roller.estimate([prefix], 12)[0] for prefix in prefixes]) == outcomes(together)
        halves = zip(roller.estimate(prefixes, 5), roller.estimate(prefixes, 7, first=5), strict=True)
        assert [one + other for one, other in zip(*(outcomes(half) for half in zip(*halves, strict=True)), strict=True)] == outcomes(together)
    with estimator(seed=1) as roller:
        assert outcomes(roller.estimate(prefixes, 12)) != outcomes(together)


def test_equal_prefixes_are_drawn_once_and_the_agent_acts_in_batches():
    with estimator(num_envs=10) as roller:
        first, second = roller.estimate([chain("right"), chain("right")], 10)
    assert outcomes([first]) == outcomes([second])
    assert (roller.spent.rollouts, roller.spent.batches, roller.agent.calls) == (10, 5, 5)


@pytest.mark.parametrize("world", ["LuckyEnv", "LiveEnv"])
def test_chance_in_the_environment_is_drawn_anew_in_every_rollout_and_can_be_replayed(world):
    # With 4 steps and luck 3/4 the value from the beginning is 0.75^4 = 0.316 for an agent that is always right.
    prefix = chain(seed=5)
    with estimator(1.0, world, {"length": 4}, num_envs=16) as roller:
        (estimate,) = roller.estimate([prefix], 400)
        low, high = estimate.interval(0.9999)
        assert low <= 0.75**4 <= high
        # Every cut of a roll-out leads to where the roll-out was: what it saw there is seen again, or the replay would be refused.
        fresh = estimator(1.0, world, {"length": 4})
        ends = [rollout.cut(4) for rollout in estimate.rollouts[:20]]
        assert [found.outcome for found in fresh.estimate(ends, 1)] == [rollout.outcome for rollout in estimate.rollouts[:20]]
        halfway = fresh.estimate([rollout.cut(2) for rollout in estimate.rollouts[:20]], 3)
        assert [found.reason for found in halfway] == [""] * 20
    assert roller._places.can_save is (world == "LuckyEnv")


def test_hard_estimation_stops_at_the_first_success():
    with estimator(1.0) as roller:
        good, bad, over = roller.reach([chain("right"), chain("wrong"), chain(*["right"] * 6)], 8)
    assert (good.hard, good.trials, good.soft, good.mean, good.interval()) == (1.0, 1, None, None, (0.0, 1.0))
    assert (bad.hard, bad.trials, bad.soft) == (0.0, 8, 0.0)
    assert (over.hard, over.trials) == (1.0, 0)
    with estimator(0.5) as one, estimator(0.5) as other:
        prefixes = [chain(*["right"] * n) for n in range(5)]
        assert [found.hard for found in one.reach(prefixes, 8)] == [found.hard for found in other.estimate(prefixes, 8)]
        assert one.spent.rollouts < other.spent.rollouts


def test_what_the_infrastructure_spoils_is_drawn_again_and_is_no_failure():
    # Of an agent that is always right every valid roll-out succeeds, and one of 6 steps is valid with probability 0.8^6 = 0.26.
    with estimator(1.0, "BreakingEnv", most_redraws=60) as roller:
        (estimate,) = roller.estimate([chain()], 40)
    assert (estimate.soft, estimate.trials) == (1.0, 40)
    assert estimate.spoilt == roller.spent.spoilt > 40
    assert estimate.steps == roller.spent.steps > 40 * 6
    with estimator(1.0, "BreakingEnv", {"share": 1.0}) as roller:
        nothing, unreachable = roller.estimate([chain(), chain("right")], 4)
    assert (nothing.soft, nothing.hard, nothing.mean, nothing.spoilt, nothing.interval()) == (None, None, None, 16, (0.0, 1.0))
    assert "spoilt every" in nothing.reason
    assert "infrastructure failed" in unreachable.reason


def test_a_state_that_is_lost_is_played_again_from_the_beginning():
    prefixes = [chain(), chain("right"), chain("right", "right")]
    with estimator(0.5, "LostEnv", {"broken": 2}) as shaky, estimator(0.5) as firm:  # the third try succeeds at the latest
        assert [found.soft for found in shaky.estimate(prefixes, 8)] == [found.soft for found in firm.estimate(prefixes, 8)]
    with estimator(1.0, "LostEnv") as roller:
        found = roller.estimate(prefixes, 8)
    # Nothing is ever put back: each roll-out but the first one replays the steps before it, one to begin with, and so do the next eight.
    assert [(each.soft, each.trials, each.reason) for each in found] == [(1.0, 8, "")] * 3
    assert roller.spent.replayed == 8 * 1 + 8 * 2


def test_a_fault_beside_the_steps_ends_no_labelling():
    with estimator(1.0, "MoodyEnv") as roller:  # what cannot be saved is replayed
        assert [(each.soft, each.trials) for each in roller.estimate([chain(), chain("right")], 4)] == [(1.0, 4)] * 2
    with estimator(1.0, "MoodyEnv", {"where": "reseed"}) as roller:
        found = roller.estimate([chain(), chain("right")], 4)
    assert [(each.soft, each.trials) for each in found] == [(None, 0)] * 2
    assert all("no seed" in each.reason for each in found)


def test_budgets():
    prefixes = [chain(seed=seed) for seed in range(4)]
    with estimator(0.0, budget=Budget(rollouts=10)) as roller:
        found = roller.estimate(prefixes, 4)
    assert [estimate.trials for estimate in found] == [4, 4, 2, 0]
    assert [estimate.hard for estimate in found] == [0.0, 0.0, None, None]  # two failures of four asked for do not say that none would succeed
    assert [estimate.soft for estimate in found] == [0.0, 0.0, 0.0, None]
    assert "budget" in found[3].reason
    with estimator(0.0, budget=Budget(steps=30), num_envs=1) as roller:
        assert sum(estimate.trials for estimate in roller.estimate(prefixes, 4)) == 5
        assert roller.spent.steps == 30


@pytest.mark.parametrize("bounds", [{"rollouts": 0}, {"rollouts": -5}, {"steps": 0}, {"steps": 1.5}, {"rollouts": True}])
def test_a_budget_that_allows_nothing_is_refused(bounds):
    with pytest.raises(OptionError, match="from 1 on"):
        Budget(**bounds)


def test_a_prefix_of_a_trajectory_of_an_environment_and_of_its_seed_are_the_same_place():
    rollouts = Rollouts("test_montecarlo/ChainEnv", {"length": 5}, num_envs=2)
    (trajectory,) = rollouts.play(SkilledAgent(0.5), groups([3], 1))
    (env,) = make_envs("test_montecarlo/ChainEnv", 1, {"length": 5}).envs
    env.reset(seed=3)
    chains = prefixes_of(trajectory)
    assert prefix_of(env).key == chains[0].key
    for step in trajectory.steps:
        env.step(step.action)
    assert prefix_of(env) == chains[-1]
    assert [cut.key for cut in cuts(chains[-1])] == [prefix.key for prefix in chains] == chains[-1].keys
    copy = make_envs("test_montecarlo/ChainEnv", 1, {"length": 5}).envs[0]
    copy.restore(env.snapshot())
    assert prefix_of(copy) == prefix_of(env)


def test_a_place_that_cannot_be_reached_says_why():
    (trajectory,) = Rollouts("test_montecarlo/ChainEnv", {}, num_envs=1).play(SkilledAgent(0.5), groups([3], 1))
    whole = prefixes_of(trajectory)
    with estimator(options={"length": 3}) as roller:
        assert "another task" in roller.estimate([whole[1]], 2)[0].reason
    with estimator() as roller:
        nowhere = Prefix(origin=None, task_key=trajectory.task_key)
        beyond = whole[6].extended(["right"], ["3: 6"])
        shown = Prefix(origin=Origin.of_seed(3), actions=("right",), observations=("something else",))
        reasons = [estimate.reason for estimate in roller.estimate([nowhere, beyond, shown, Prefix(origin=Origin("no state"))], 2) if estimate.soft is None]
    assert "does not say how its episode began" in reasons[0]
    assert "ended at step 6" in reasons[1]
    assert "was not shown what it was shown then" in reasons[2]
    assert "no random state" in reasons[3]
    assert roller.spent.rollouts == 0
    (trajectory,) = Rollouts("test_montecarlo/RestlessEnv", {}, num_envs=1).play(SkilledAgent(0.5), groups([3], 1))
    with estimator(world="RestlessEnv") as roller:
        assert "cannot be replayed" in roller.estimate(prefixes_of(trajectory)[1:2], 2)[0].reason


def test_a_text_that_was_too_long_to_be_read_is_not_read_when_it_is_replayed():
    # What is stored of it is its beginning, which would be a step: without the check the replay would stand where the episode never was.
    env = make_envs("test_montecarlo/StrippingEnv", 1, {}).envs[0]
    env.reset(seed=0)
    env.step("right" + " " * 40_000)
    assert prefix_of(env).unread == (0,)
    env.step("right")
    with estimator(1.0, "StrippingEnv") as roller:
        (estimate,) = roller.estimate([prefix_of(env)], 2)
    assert (estimate.soft, estimate.trials) == (None, 0)
    assert "was no step then" in estimate.reason


def test_a_listed_task_is_found_by_its_key():
    env = make_envs("test_montecarlo/ListedEnv", 1, {}).envs[0]
    env.reset(seed=0, options={"task_index": 3})
    prefix = prefix_of(env)
    lost = [Prefix(origin=None, task_key="listed 3"), Prefix(origin=Origin.of_seed(0), task_key="listed 3", observations=())]
    with estimator(1.0, "ListedEnv") as roller:
        for each in [prefix, *lost]:
            assert roller.estimate([each], 2)[0].rollouts[0].observations[0] == "3: 0"
        assert "none of the 5 tasks" in roller.estimate([Prefix(origin=None, task_key="listed 9")], 2)[0].reason


def test_options_are_checked():
    for settings in ({"success": 0.0}, {"seed": -1}, {"most_redraws": -1}, {"snapshots": -1}):
        with pytest.raises(OptionError):
            estimator(**settings)
    with pytest.raises(UnknownNameError):
        RolloutEstimator("random", "test_montecarlo/NoEnv")
    with estimator() as roller, pytest.raises(OptionError, match="roll-outs"):
        roller.estimate([chain()], 0)


def test_partial_outcomes_count_as_successes_from_the_bound_on():
    with RolloutEstimator(SkilledAgent(1.0), "test_montecarlo/ChainEnv", {"max_steps": 3}, success=0.5) as roller:
        (estimate,) = roller.estimate([chain()], 2)
    assert (estimate.soft, estimate.mean) == (0.0, 0.0)  # cut by the step limit: the environment's own outcome, 0


@pytest.mark.parametrize(
    ("env_id", "options"),
    [("prm_gym/Sokoban-v0", {"difficulty": 1}), ("prm_gym/Algebra-v0", {"difficulty": 1}), ("prm_gym/Retail-v0", {}), ("prm_gym/Minesweeper-v0", {})],
)
def test_restored_and_replayed_states_of_real_environments_are_the_same(env_id, options):
    (trajectory,) = Rollouts(env_id, {**options, "verifiers": []}, num_envs=1).play(make_agent("random"), groups([5], 1))
    prefixes = prefixes_of(trajectory)[:4]
    found = []
    for snapshots in (4_096, 0):
        with RolloutEstimator("random", env_id, options, num_envs=4, snapshots=snapshots) as roller:
            found.append(roller.estimate(prefixes, 3))
            assert roller._places.can_save is bool(snapshots)
    assert found[0] == found[1]
    assert not any(estimate.reason for estimate in found[0])
