"""The contract of assigners: every check of `check_assigner` bites."""

import numpy as np
import pytest

from prm_gym.credit import Credit, assigner
from prm_gym.credit.grouping import Grouping, group_means
from prm_gym.credit.keys import random_groups
from prm_gym.errors import ContractError
from prm_gym.testing import check_assigner


def _flat(batch, value=1.0):
    """The same for every step."""
    flat = np.full(batch.rewards.size, value)
    return Credit(flat, flat, np.ones(flat.size, dtype=np.bool_), {})


def centres_in_place(batch):
    """Writes into the batch."""
    batch.rewards[:] -= batch.rewards.mean() if batch.rewards.size else 0.0
    return _flat(batch)


def half_as_exact(batch):
    """Advantages in float32."""
    credit = _flat(batch)
    return Credit(credit.advantages.astype(np.float32), credit.returns, credit.keep, {})


def keeps_numbers(batch):
    """A mask of ones instead of True."""
    credit = _flat(batch)
    return Credit(credit.advantages, credit.returns, np.ones(batch.rewards.size), {})


def throws_dice(batch):
    """Another credit every time."""
    return _flat(batch, np.random.default_rng().random())


def favours_the_first(batch):
    """Looks at places instead of keys."""
    credit = _flat(batch)
    credit.advantages[:1] += 1.0
    return credit


def reads_on_the_sly(batch):
    """Needs a column that it does not declare."""
    return _flat(batch, float(batch.column("score").size > 0))


def reads_past_the_batch(batch):
    """Needs a column that it does not declare, and asks the dict for it."""
    return _flat(batch, float(batch.columns["score"].size > 0))


def counts_letters(batch):
    """Takes the keys of tasks for texts."""
    return _flat(batch, float(sum(len(name) for name in batch.group_ids.tolist())))


def centres_scores(batch):
    """Takes every score for known."""
    scores = batch.numbers("score")
    return Credit(scores - (scores.mean() if scores.size else 0.0), batch.rewards.copy(), np.ones(scores.size, dtype=np.bool_), {})


def takes_what_is_there(batch):
    """Uses a column, where there is one, that it does not declare."""
    return _flat(batch, float("score" in batch.columns))


def reads_names(batch):
    """Longer names of tasks are worth more."""
    worth = np.array([float(len(str(name))) for name in batch.group_ids.tolist()])[batch.trajectory_of_step]
    return Credit(worth, worth, np.ones(worth.size, dtype=np.bool_), {})


def divides(batch):
    """Fails without steps."""
    return _flat(batch, float(batch.rewards.max()))


def reports_in_numpy(batch):
    """Diagnostics that JSON cannot hold."""
    credit = _flat(batch)
    return Credit(credit.advantages, credit.returns, credit.keep, {"mean": np.float64(1.0)})


def returns_an_array(batch):
    """No Credit."""
    return [1.0]


def _against_groups(batch, groups):
    """Rewards against the mean of their group."""
    advantages = batch.rewards - group_means(batch.rewards, groups)[groups.codes]
    return Credit(advantages, batch.rewards.copy(), np.ones(advantages.size, dtype=np.bool_), {})


def draws_groups(batch, *, seed=0):
    """Rewards against random groups of four steps: any four are as likely as any other."""
    everything = Grouping(np.zeros(batch.rewards.size, dtype=np.int64), min(batch.rewards.size, 1))
    return _against_groups(batch, random_groups(everything, 4, np.random.default_rng(seed)))


def draws_groups_among_neighbours(batch, *, seed=0):
    """Rewards against random groups of four of the steps that stand in the same ten rows of the batch."""
    rows = np.arange(batch.rewards.size)
    neighbours = Grouping(rows // 10, -(-rows.size // 10))
    return _against_groups(batch, random_groups(neighbours, 4, np.random.default_rng(seed)))


def keeps_the_first_more_often(batch, *, seed=0):
    """Keeps the earlier half of the batch in nine updates of ten, and the later half in every other one."""
    places = np.arange(batch.rewards.size)
    drawn = np.random.default_rng(seed).random(places.size)
    return Credit(batch.rewards.copy(), batch.rewards.copy(), drawn < np.where(places < places.size // 2, 0.9, 0.5), {})


def drops_one_in_ten(batch, *, seed=0):
    """Keeps every step in nine updates of ten."""
    return Credit(batch.rewards.copy(), batch.rewards.copy(), np.random.default_rng(seed).random(batch.rewards.size) < 0.9, {})


def has_a_seed_for_nothing(batch, *, seed=0):
    """Centres the rewards, but for the first step; the seed changes nothing."""
    advantages = batch.rewards.copy()
    advantages[:1] += 1e-6
    return Credit(advantages, batch.rewards.copy(), np.ones(advantages.size, dtype=np.bool_), {})


def draws_once(batch, *, seed=0):
    """Noise that is the same for every seed."""
    return Credit(np.random.default_rng(7).normal(size=batch.rewards.size), batch.rewards.copy(), np.ones(batch.rewards.size, dtype=np.bool_), {})


_CALLS = iter(range(10**9))


def draws_on(batch, *, seed=0):
    """With another seed than its own another credit at every call."""
    noise = np.full(batch.rewards.size, float(next(_CALLS)) if seed else 0.0)
    return Credit(noise, noise, np.ones(noise.size, dtype=np.bool_), {})


@pytest.mark.parametrize("function", [draws_groups, drops_one_in_ten])
def test_random_groups_over_the_whole_batch_follow_their_trajectories(function):
    # Every step meets every other one equally often, wherever they stand: the mean over seeds is a matter of the rewards alone.
    check_assigner(assigner()(function))


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (draws_groups_among_neighbours, "advantages whose means over 200 seeds follow their trajectories into another order"),
        (keeps_the_first_more_often, "keep whose means over 200 seeds"),
        # Without chance in it the smallest difference counts.
        (has_a_seed_for_nothing, "advantages whose means over 200 seeds .* 1e-06 apart, too far on 2 of"),
        (draws_once, "advantages whose means over 200 seeds"),
        (draws_on, "the same credit for the same batch and seed=1"),
    ],
)
def test_what_draws_at_random_by_place_is_caught(function, says):
    with pytest.raises(ContractError, match=says):
        check_assigner(assigner()(function))


@pytest.mark.parametrize("spec", ["srgpo?within=task", "prof?wrong=random|grpo", "prof?wrong=random|srgpo", "prof?seed=0|srgpo", "zero_variance|grpo|whiten"])
def test_pipelines_keep_the_contract_of_assigners(spec):
    check_assigner(spec)


def test_a_seed_that_is_given_is_no_chance():
    # What one seed draws depends on places, which shows: only the average over seeds does not.
    with pytest.raises(ContractError, match="advantages that follow their trajectories into another order"):
        check_assigner("srgpo?seed=3")
    with pytest.raises(ContractError, match="advantages whose means over 200 seeds"):
        check_assigner("prof|srgpo?seed=3")  # that of prof is left open


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (centres_in_place, "the batch stays as it is"),
        (half_as_exact, "in float64, keep in bool, got .*float32"),
        (keeps_numbers, "in float64, keep in bool"),
        (throws_dice, "the same advantages for the same batch"),
        (favours_the_first, "advantages that follow their trajectories into another order"),
        (reads_on_the_sly, r"works with the columns of needs=\(\), got CreditError: The batch has no column 'score'"),
        (reads_past_the_batch, r"a credit, got KeyError: 'score'. Declare the columns that it reads"),
        (counts_letters, r"a credit, got TypeError: object of type 'int' has no len"),
        (takes_what_is_there, r"only the columns of needs and uses \(\) matter, got other advantages without the others"),
        (reads_names, "the same advantages whatever tasks are called"),
        (divides, "0 steps: a credit, got ValueError"),
        (reports_in_numpy, "diagnostics are Python numbers"),
    ],
)
def test_the_check_of_assigners_bites(function, says):
    with pytest.raises(ContractError, match=says):
        check_assigner(assigner()(function))


def test_scores_that_are_not_known_are_tried():
    with pytest.raises(ContractError, match="finite advantages and returns; rows"):
        check_assigner(assigner(needs=("score",))(centres_scores))


def test_what_is_no_assigner_is_refused():
    with pytest.raises(ContractError, match="an Assigner, got function"):
        check_assigner(_flat)
