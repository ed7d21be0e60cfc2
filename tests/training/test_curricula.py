import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import spelling_world
from spelling_world import ENV, Speller

from prm_gym.errors import ContractError, OptionError, UnknownNameError
from prm_gym.training.curricula import CURRICULA, make_curriculum
from prm_gym.training.gathering import gather, telling
from prm_gym.training.ground import Ground

NAN = float("nan")


@pytest.mark.parametrize("name", CURRICULA)
def test_shares_are_shares_and_memory_is_all_that_is_remembered(name):
    curriculum, rng = make_curriculum(name, 3), np.random.default_rng(0)
    for _ in range(20):
        shares = curriculum.shares()
        assert shares.shape == (3,)
        assert (shares >= 0).all()
        assert shares.sum() == pytest.approx(1.0)
        curriculum.learn(np.where(rng.random(3) < 0.3, NAN, rng.random(3)))
    other = make_curriculum(name, 3)
    other.restore(curriculum.memory)
    assert (other.shares() == curriculum.shares()).all()
    with pytest.raises(ContractError, match="remembers"):
        other.restore([0.0] * 7)


def test_a_window_rises_and_falls():
    window = make_curriculum("window?low=0.2&high=0.6&rate=0.5&focus=0.8", 3)
    assert window.shares().tolist() == [1.0, 0.0, 0.0]
    # From the middle, 0.4: 0.7 (above 0.6, so up, and from the middle again), 0.4 + ... by hand.
    window.learn(np.array([1.0, NAN, NAN]))
    assert window.memory == [1.0, 0.4]
    assert window.shares() == pytest.approx([0.2, 0.8, 0.0])
    window.learn(np.array([1.0, 0.6, NAN]))  # 0.4 -> 0.5
    assert window.memory == pytest.approx([1.0, 0.5])
    window.learn(np.array([1.0, NAN, NAN]))  # the level was not played
    assert window.memory == pytest.approx([1.0, 0.5])
    window.learn(np.array([1.0, 1.0, NAN]))  # 0.75
    assert window.memory == [2.0, 0.4]
    assert window.shares() == pytest.approx([0.1, 0.1, 0.8])
    window.learn(np.array([1.0, 1.0, 1.0]))  # there is no harder one
    assert window.memory == pytest.approx([2.0, 0.7])
    window.learn(np.array([0.0, 0.0, 0.0]))  # 0.35
    window.learn(np.array([0.0, 0.0, 0.0]))  # 0.175
    assert window.memory == [1.0, 0.4]


def test_domain_weights_by_hand():
    weights = make_curriculum("domain-weights?target=0.9&tau=0.5&alpha=0.5", 3)
    # Nothing known: all alike.
    assert weights.shares() == pytest.approx([1 / 3] * 3)
    weights.learn(np.array([0.4, 1.0, NAN]))
    # Gaps 0.5, 0 (above the target), and 0.9 of the one that has not been played.
    powers = np.exp(np.array([0.5, 0.0, 0.9]) / 0.5)
    assert weights.shares() == pytest.approx(powers / powers.sum())
    weights.learn(np.array([0.8, NAN, 0.2]))  # 0.6, 1.0, 0.2
    powers = np.exp(np.array([0.3, 0.0, 0.7]) / 0.5)
    assert weights.shares() == pytest.approx(powers / powers.sum())


def test_task_values_by_hand():
    values = make_curriculum("task-value?floor=0.05&alpha=0", 3)
    values.learn(np.array([0.0, 0.5, 1.0]))
    # (1 - p) 4 p (1 - p): 0, 1/2, 0.
    assert values.shares() == pytest.approx(np.array([0.05, 0.55, 0.05]) / 0.65)
    values.learn(np.array([1 / 3, NAN, 0.75]))
    # 4/3 (2/3)^2 = 16/27, the highest; 4 * 3/4 / 16 = 3/16.
    raw = np.array([16 / 27, 0.5, 3 / 16]) + 0.05
    assert values.shares() == pytest.approx(raw / raw.sum())


@pytest.mark.parametrize(
    ("spec", "domains", "error", "says"),
    [
        ("windw", 2, UnknownNameError, "Did you mean 'window'"),
        ("window", 1, OptionError, "there is one; give two or more"),
        ("window?foo=1", 1, OptionError, "no option of the curriculum 'window' named 'foo'"),
        ("window?low=0.9", 2, OptionError, "low < high"),
        ("window?hihg=0.9", 2, OptionError, "Did you mean 'high'"),
        ("domain-weights?tau=0", 2, OptionError, "tau is above 0"),
        ("domain-weights?alpha=1", 2, OptionError, "alpha lies in"),
        ("task-value?floor=0", 2, OptionError, "lost for ever"),
    ],
)
def test_curricula_that_there_are_not(spec, domains, error, says):
    with pytest.raises(error, match=says):
        make_curriculum(spec, domains)


# The ground.


@pytest.fixture
def two_kinds():
    spelling_world.register()
    ground = Ground(ENV, {}, ({"letters": "a"}, {"letters": "bc"}), num_envs=3)
    yield ground
    ground.close()


def test_tasks_are_shared_out(two_kinds):
    rng, counts = np.random.default_rng(0), []
    for _ in range(200):
        episodes = two_kinds.draw(rng, np.array([0.3, 0.7]), 5, 2, "")
        assert len(episodes) == 10
        assert len({episode.seed for episode in episodes}) == 5
        counts.append(sum("d0-" in episode.group_id for episode in episodes) / 2)
    # Systematic sampling: 1.5 of five tasks, always 1 or 2, with the right mean (standard error 0.5 / sqrt(200) = 0.035).
    assert set(counts) == {1.0, 2.0}
    assert np.mean(counts) == pytest.approx(1.5, abs=0.12)


def test_every_group_is_played_in_its_own_domain(two_kinds):
    episodes = two_kinds.draw(np.random.default_rng(0), np.array([0.5, 0.5]), 6, 1, "")
    played = two_kinds.play(Speller(), episodes)
    assert [trajectory.id for trajectory in played] == [episode.id for episode in episodes]
    assert all(("d0-" in each.group_id) == (each.task.sealed["word"] == "aaa") for each in played)
    # A speller that says a everywhere solves the first domain and nothing else.
    assert two_kinds.success(played).tolist() == [1.0, 0.0]
    again = two_kinds.again(Speller(), played, "~x")
    assert [each.task for each in again] == [each.task for each in played]
    assert [each.id for each in again] == [f"{each.id}~x/0" for each in played]
    assert np.isnan(two_kinds.success([])).all()


def test_verifiers_are_made_once_and_told_apart_by_where_they_judged(two_kinds):
    played = two_kinds.play(Speller(), two_kinds.draw(np.random.default_rng(0), np.array([0.5, 0.5]), 4, 1, ""))
    assert len({id(rollouts.envs.verifiers[0]) for rollouts in (two_kinds.home, *two_kinds.rollouts)}) == 1
    assert two_kinds.verdicts == two_kinds.env_steps == sum(len(each.steps) for each in played)
    assert sorted({each.env_options["letters"] for each in played}) == ["a", "bc"]
    assert all("verifiers" not in each.env_options for each in played)


def test_held_out_tasks_are_not_drawn(two_kinds):
    first = two_kinds.draw(np.random.default_rng(0), np.array([1.0, 0.0]), 3, 1, "")
    two_kinds.held_out = {two_kinds.rollouts[0].task(first[0].seed).key, two_kinds.rollouts[0].task(first[1].seed).question}
    second = two_kinds.draw(np.random.default_rng(0), np.array([1.0, 0.0]), 3, 1, "")
    assert second[0].seed == first[2].seed
    assert not {episode.seed for episode in second} & {episode.seed for episode in first[:2]}


# Groups that teach nothing.


def _gathered(refills, agent=None, **changes):
    ground = Ground(ENV, {"length": 2}, num_envs=4)
    try:
        settings = {"tasks": 4, "attempts": 3, "refills": refills, "prefix": ""} | changes
        found = gather(ground, agent or Speller(knows="AC", explore=0.3, seed=3), make_curriculum("even", 1), np.random.default_rng(0), **settings)
        return found, ground.env_steps
    finally:
        ground.close()


def test_groups_that_differ_replace_those_that_do_not():
    spelling_world.register()
    plain, steps = _gathered(0)
    assert (len(plain.trajectories), plain.rounds, steps) == (12, 1, 24)
    assert 0 < len(telling(plain.played)) < 12
    full, steps = _gathered(20)
    groups = {each.group_id for each in full.trajectories}
    assert len(groups) == 4
    assert telling(full.trajectories) == full.trajectories
    assert full.trajectories[: len(telling(plain.played))] == telling(plain.played)
    # What was played for nothing counts; no task comes twice.
    assert steps == 2 * len(full.played) > 24
    seeds = [each.seed for each in full.played]
    assert len(set(seeds)) * 3 == len(seeds)
    assert full.rounds > 1


def test_where_nothing_differs_the_rounds_end():
    spelling_world.register()
    found, _ = _gathered(3, Speller(wrong="x"))
    assert (found.trajectories, found.rounds, len(found.played)) == ([], 4, 48)


def test_groups_differ_by_reward_or_outcome_of_valid_attempts():
    spelling_world.register()
    ground = Ground(ENV, {}, num_envs=2)
    one, two = ground.play(Speller(), ground.draw(np.random.default_rng(0), np.ones(1), 1, 2, ""))
    ground.close()
    assert telling([one, two]) == []
    other = msgspec.structs.replace(two, outcome=0.5)
    assert telling([one, other]) == [one, other]
    assert telling([one, msgspec.structs.replace(other, valid=False)]) == []
    richer = msgspec.structs.replace(two, steps=(msgspec.structs.replace(two.steps[0], reward=0.25), *two.steps[1:]))
    assert telling([one, richer]) == [one, richer]
