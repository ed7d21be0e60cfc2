"""Transforms and filters of ours: their contract, by hand, and at their limits."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from prm_gym.credit import TRANSFORMS, BatchTransform, Credit, StepBatch, TrajectoryFilter, assign, dr_grpo, grpo, key_array, p_grpo, prof_grpo, trust_grpo
from prm_gym.credit.pipeline import selected
from prm_gym.credit.transforms import aem, clip, posterior_gate, prof, progressive_shaping, trust_weights, whiten, zero_variance
from prm_gym.errors import CreditError, OptionError

ROOT = Path(__file__).parents[2]
NAMES = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["prm_gym.credit_transforms"])
NAN = float("nan")


def batch_of(outcomes, scores, groups=None, rewards=None, entropy=None, **columns):
    """One list of scores for each attempt; the outcome is the last reward unless rewards are given."""
    lengths = [len(each) for each in scores]
    offsets = np.cumsum([0, *lengths])
    earned = np.zeros(offsets[-1])
    earned[offsets[1:] - 1] = np.nan_to_num(outcomes)
    flat = {"score": np.array([score for each in scores for score in each], dtype=float)}
    if entropy is not None:
        flat["entropy"] = np.array([value for each in entropy for value in each], dtype=float)
    groups = ["task"] * len(lengths) if groups is None else groups
    return StepBatch(earned if rewards is None else rewards, offsets, key_array(groups), outcomes, [False] * len(lengths), {**flat, **columns})


def flat_credit(batch, value=1.0):
    values = np.full(batch.rewards.size, value)
    return Credit(values, batch.rewards.copy(), np.ones(values.size, dtype=bool), {})


def run(name, batch):
    """What a stage makes of a batch, as arrays with one entry a step."""
    stage = TRANSFORMS.load(name)
    if isinstance(stage, BatchTransform):
        return stage(batch).rewards
    if isinstance(stage, TrajectoryFilter):
        return stage(batch)[batch.trajectory_of_step]
    return stage(batch, dr_grpo(batch)).advantages


def scored(batch, seed=0):
    rng = np.random.default_rng(seed)
    columns = {name: rng.random(batch.rewards.size) for name in ("score", "entropy")}
    columns["score"][rng.random(batch.rewards.size) < 0.2] = np.nan
    return batch.with_columns({**columns, "n_tokens": rng.integers(1, 20, batch.rewards.size)})


@pytest.mark.parametrize("name", NAMES)
def test_every_transform_keeps_its_contract(name, make_batch):
    stage, batch = TRANSFORMS.load(name), scored(make_batch(2))
    assert stage.name == name
    assert stage.confidence is not None
    assert "Source:" in stage.__doc__
    before = {column: values.copy() for column, values in batch.columns.items()}, batch.rewards.copy()
    found = run(name, batch)
    assert np.array_equal(found, run(name, batch))
    assert all(np.array_equal(batch.columns[column], values, equal_nan=values.dtype == float) for column, values in before[0].items())
    assert np.array_equal(batch.rewards, before[1])
    # The order of the trajectories does not matter.
    order = np.random.default_rng(1).permutation(batch.lengths.size)
    permuted, rows = selected(batch, order)
    np.testing.assert_allclose(run(name, permuted).astype(float), found[rows].astype(float), rtol=1e-9, atol=1e-9)
    empty, _ = selected(batch, order[:0])
    assert run(name, empty).size == 0
    for column in stage.needs:
        with pytest.raises(CreditError, match=f"{name!r} needs the columns {column}"):
            run(name, make_batch(2))


# Posterior gate.


def test_the_gate_opens_for_successes_alone():
    # Means of scores: (.5 + 1) / 2 = .75 for the success, which gets them in halves; the failure gets nothing.
    batch = batch_of([1, 0], [[0.5, 1.0], [1.0]])
    assert posterior_gate(batch).rewards.tolist() == [0.25, 1.5, 0.0]
    assert posterior_gate(batch, weight=2.0).rewards.tolist() == [0.5, 2.0, 0.0]
    assert posterior_gate(batch, success=0.0).rewards.tolist() == [0.25, 1.5, 1.0]


def test_successes_are_told_apart_by_their_process():
    # Outcomes alone have no gradient; with scores of .5 and 1 the rewards are 1.5 and 2, and the advantages -1 and 1 (ddof 0).
    batch = batch_of([1, 1], [[0.5], [1.0]])
    assert grpo(batch).advantages.tolist() == [0.0, 0.0]
    assert p_grpo(batch, eps=0.0, ddof=0).advantages.tolist() == [-1.0, 1.0]


def test_what_is_not_known_neither_helps_nor_harms():
    # The third success has no score: it gets the mean of .5 and 1. Of the second step of the first the score is not known: the mean is over one.
    batch = batch_of([1, 1, 1, NAN], [[0.5, NAN], [1.0], [NAN], [1.0]])
    assert posterior_gate(batch).rewards.tolist() == [0.5, 1.0, 2.0, 1.75, 0.0]
    assert posterior_gate(batch_of([1, 1], [[NAN], [NAN]])).rewards.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("named", "pipeline"),
    [(p_grpo, "posterior_gate|grpo"), (trust_grpo, "trust_weights|grpo"), (prof_grpo, "prof|grpo")],
    ids=["p_grpo", "trust_grpo", "prof_grpo"],
)
def test_named_algorithms_are_their_pipelines(named, pipeline, make_batch):
    batch = scored(make_batch(9))
    for credit, other in ((named(batch), assign(pipeline, batch)), (named(batch, ddof=0, singleton="zero"), assign(pipeline, batch, ddof=0, singleton="zero"))):
        assert np.array_equal(credit.advantages, other.advantages)
        assert np.array_equal(credit.keep, other.keep)
        assert credit.diagnostics == other.diagnostics


# Trust weights.


def test_scores_that_agree_with_the_outcome_are_trusted():
    # Right: mean .75; wrong: below .2, so its process is 0: trust 1, w = .3. The last step of the first gets 1 + .3 * 1 / 2.
    batch = batch_of([1, 0], [[0.5, 1.0], [1.0]])
    np.testing.assert_allclose(trust_weights(batch).rewards, [0.3 * 0.25, 1 + 0.3 * 0.5, 0.0], rtol=1e-15)


def test_scores_that_prefer_wrong_attempts_are_trusted_less():
    # An outcome of .4 is wrong, but asked for: means .25 and .75, trust exp(-.5).
    batch = batch_of([1.0, 0.4], [[0.25], [0.75]])
    w = 0.3 * math.exp(-0.5)
    np.testing.assert_allclose(trust_weights(batch).rewards, [1 + w * 0.25, 0.4 + w * 0.75], rtol=1e-15)


def test_trust_fades_with_training():
    batch = batch_of([1, 0], [[0.5], [1.0]])
    np.testing.assert_allclose(trust_weights(batch, training_step=500).rewards[0], 1 + 0.3 * math.exp(-1) * 0.5, rtol=1e-15)
    assert trust_weights(batch, decay=math.inf, training_step=10**6).rewards[0] == pytest.approx(1.15)


def test_tasks_that_are_solved_or_failed_have_no_process_rewards():
    for outcomes in ([0.9, 1.0], [0.0, 0.1]):
        batch = batch_of(outcomes, [[0.5], [1.0]])
        assert trust_weights(batch).rewards.tolist() == outcomes
    # No right one, but not all failed: trust 1, w = .3; .3 is asked for, .1 is not.
    np.testing.assert_allclose(trust_weights(batch_of([0.3, 0.1], [[0.5], [1.0]])).rewards, [0.3 + 0.3 * 0.5, 0.1], rtol=1e-15)


# PROF.


def test_prof_keeps_what_agrees_as_many_right_as_wrong():
    # Right: .9 and .2; wrong: .8 and .1. Half of four: the best right and the worst wrong one.
    batch = batch_of([1, 1, 0, 0], [[0.9] * 2, [0.2] * 2, [0.8] * 2, [0.1] * 2])
    assert prof(batch).tolist() == [True, False, False, True]
    # Three of four: two right (ceil(3/2)) and one wrong.
    assert prof(batch, keep=0.75).tolist() == [True, True, False, True]
    assert prof(batch, keep=1.0).all()


def test_prof_takes_more_of_one_kind_where_the_other_has_too_few():
    batch = batch_of([1, 0, 0, 0], [[0.5] * 2, [0.3] * 2, [0.2] * 2, [0.1] * 2])
    assert prof(batch, keep=0.75).tolist() == [True, False, True, True]
    right = batch_of([1, 1, 1, 1], [[0.5] * 2, [0.3] * 2, [0.2] * 2, [0.1] * 2])
    assert prof(right).tolist() == [True, True, False, False]
    assert prof(right, keep=0.01).tolist() == [True, False, False, False]  # at least one


def test_prof_distrusts_attempts_of_one_step_and_very_long_ones():
    # A right attempt of one step pays 10: the one with the lower score stays.
    assert prof(batch_of([1, 1], [[0.9], [0.2, 0.2]])).tolist() == [False, True]
    assert prof(batch_of([1, 1], [[0.9], [0.2, 0.2]]), penalty=0.0).tolist() == [True, False]
    assert prof(batch_of([1, 1], [[0.9] * 4, [0.2] * 3]), longest=4).tolist() == [False, True]


def test_prof_takes_odd_attempts_for_surely_wrong_ones():
    # c of the wrong ones: -(.1 - 10) = 9.9 of the one of one step, -.0 and -.5 of the others; it stays although its score is not the lowest.
    assert prof(batch_of([0, 0, 0], [[0.1], [0.0, 0.0], [0.5, 0.5]]), keep=0.3).tolist() == [True, False, False]
    assert prof(batch_of([0, 0, 0], [[0.1], [0.0, 0.0], [0.5, 0.5]]), keep=0.3, penalty=0.0).tolist() == [False, True, False]
    # The mean of three scores of .1 is .1 + 1e-17 when they are summed up: what is equal is equal, and the earlier one stays.
    assert prof(batch_of([1, 1], [[0.1] * 2, [0.1] * 3])).tolist() == [True, False]
    # Of attempts that are all equal the earlier stay, as many right as wrong ones.
    assert prof(batch_of([1, 1, 0, 0], [[0.5, 0.5]] * 4)).tolist() == [True, False, True, False]


def test_prof_and_what_cannot_be_told():
    # Without a score it goes first; with an unknown outcome it is neither right nor wrong.
    assert prof(batch_of([1, 1, NAN], [[NAN] * 2, [0.1] * 2, [0.9] * 2]), keep=0.3).tolist() == [False, True, False]
    assert prof(batch_of([NAN], [[0.5]])).tolist() == [False]


def test_prof_at_random_for_wrong_ones():
    scores = [[0.9] * 2, [0.1] * 2] * 20
    batch = batch_of([1, 1] * 10 + [0, 0] * 10, scores)
    by_score, drawn = prof(batch), prof(batch, wrong="random", seed=1)
    assert by_score[:20].tolist() == drawn[:20].tolist() == [True, False] * 10
    assert drawn.sum() == by_score.sum() == 20
    assert by_score[20:].tolist() == [False, True] * 10
    assert drawn[20:].tolist() != by_score[20:].tolist()
    assert np.array_equal(drawn, prof(batch, wrong="random", seed=1))
    # Another choice in every update of a training: twenty that all keep the same ten of twenty have a chance of 1 in 184756**19.
    assert len({prof(batch, wrong="random", seed=1, training_step=step).tobytes() for step in range(20)}) > 1
    assert np.array_equal(prof(batch, training_step=3), by_score)


# The filter of groups without variance.


def test_tasks_without_variance_leave():
    # a: 1, 0 stays; b: .1 + .2 and .3 are equal but for rounding; c alone.
    batch = batch_of([1, 0, 0.1 + 0.2, 0.3, 1], [[0.0]] * 5, ["a", "a", "b", "b", "c"])
    assert zero_variance(batch).tolist() == [True, True, False, False, True]
    assert zero_variance(batch, singleton="drop").tolist() == [True, True, False, False, False]


def test_variance_of_outcomes_that_are_not_known_cannot_be_told():
    batch = batch_of([1, NAN, 1, 1], [[0.0]] * 4, ["a", "a", "b", "b"], rewards=[1.0, 1.0, 0.0, 1.0])
    assert zero_variance(batch, of="outcomes").tolist() == [True, True, False, False]
    assert zero_variance(batch).tolist() == [False, False, True, True]


def test_the_filter_changes_no_advantage_of_grpo(make_batch):
    batch = make_batch(4)
    filtered = assign("zero_variance|grpo", batch)
    assert np.array_equal(filtered.advantages, grpo(batch).advantages)
    assert (filtered.advantages[~filtered.keep] == 0.0).all()


# AEM.


def test_low_entropy_gets_more():
    # Mean entropies 1 and 2: h = 0 and 1; alpha = 1 and e^-s over their mean.
    batch = batch_of([1, 0], [[0.0, 0.0], [0.0]], entropy=[[0.5, 1.5], [2.0]])
    mean = (1 + math.exp(-0.5)) / 2
    credit = aem(batch, flat_credit(batch), strength=0.5)
    np.testing.assert_allclose(credit.advantages, [1 / mean, 1 / mean, math.exp(-0.5) / mean], rtol=1e-15)
    assert credit.diagnostics["aem_spread"] == pytest.approx((1 - math.exp(-0.5)) / mean)
    assert aem(batch, flat_credit(batch, -1.0), strength=0.5).advantages.tolist() == (-credit.advantages).tolist()


def test_entropies_count_by_tokens_where_these_are_known():
    # (1 * .5 + 3 * 1.5) / 4 = 1.25; without tokens the mean is 1: below and above the other's 1.1.
    batch = batch_of([1, 0], [[0.0, 0.0], [0.0]], entropy=[[0.5, 1.5], [1.1]])
    by_steps = aem(batch, flat_credit(batch)).advantages
    by_tokens = aem(batch.with_columns({"n_tokens": np.array([1, 3, 1])}), flat_credit(batch)).advantages
    assert by_steps[0] > by_steps[2]
    assert by_tokens[0] < by_tokens[2]


def test_aem_leaves_alone_what_it_cannot_tell_apart():
    equal = batch_of([1, 0], [[0.0], [0.0]], entropy=[[0.1 + 0.2], [0.3]])
    assert aem(equal, flat_credit(equal)).advantages.tolist() == [1.0, 1.0]
    certain = batch_of([1, 0], [[0.0], [0.0]], entropy=[[-1e-7], [3e-7]])  # both 0, by float32
    assert aem(certain, flat_credit(certain)).advantages.tolist() == [1.0, 1.0]
    unknown = batch_of([1, 0, 1], [[0.0]] * 3, entropy=[[NAN], [1.0], [2.0]])
    moved = aem(unknown, flat_credit(unknown)).advantages
    assert moved[0] == 1.0
    assert moved[1:].mean() == pytest.approx(1.0)
    assert aem(unknown, flat_credit(unknown), strength=0.0).advantages.tolist() == [1.0, 1.0, 1.0]


def test_entropies_of_steps():
    # Of one task the entropies .5, 1.5 and 2: h = 0, 2/3, 1. An attempt alone is modulated within itself.
    batch = batch_of([1, 0], [[0.0, 0.0], [0.0]], entropy=[[0.5, 1.5], [2.0]])
    raw = np.exp(-0.5 * np.array([0.0, 2 / 3, 1.0]))
    np.testing.assert_allclose(aem(batch, flat_credit(batch), strength=0.5, unit="step").advantages, raw / raw.mean(), rtol=1e-15)
    alone = batch_of([1], [[0.0, 0.0, 0.0]], entropy=[[1.0, NAN, 2.0]])
    found = aem(alone, flat_credit(alone), unit="step").advantages
    assert found[1] == 1.0
    np.testing.assert_allclose(found[[0, 2]], 2 * np.array([1, math.exp(-1)]) / (1 + math.exp(-1)), rtol=1e-15)
    assert aem(alone, flat_credit(alone)).advantages.tolist() == [1.0, 1.0, 1.0]  # as an attempt it has nothing to be compared with


@pytest.mark.parametrize("unit", ["attempt", "step"])
@pytest.mark.parametrize("strength", [1e4, 1e300])
def test_a_strength_beyond_measure_leaves_the_lowest_entropy_alone(unit, strength):
    batch = batch_of([1, 0, 1], [[0.0]] * 3, entropy=[[1.0], [2.0], [1.5]])
    assert aem(batch, flat_credit(batch), strength=strength, unit=unit).advantages.tolist() == [3.0, 0.0, 0.0]


def test_the_mean_of_the_modulation_is_one_in_every_task(make_batch):
    batch = scored(make_batch(5))
    alpha = aem(batch, flat_credit(batch), strength=2.0).advantages[batch.offsets[:-1]]
    for task in set(batch.group_ids.tolist()):
        assert alpha[batch.group_ids == task].mean() == pytest.approx(1.0, rel=1e-12)


# Progressive shaping, clip, whiten.


def test_dense_rewards_fade():
    # Rewards .5 and .75, outcome 1 on the last: what is dense is .5 and -.25.
    batch = batch_of([1], [[0.0, 0.0]], rewards=[0.5, 0.75])
    assert progressive_shaping(batch).rewards.tolist() == [0.5, 0.75]
    assert progressive_shaping(batch, training_progress=0.5).rewards.tolist() == [0.25, 0.875]
    assert progressive_shaping(batch, training_progress=1.0).rewards.tolist() == [0.0, 1.0]
    assert progressive_shaping(batch, training_progress=1.0, end=1.0).rewards.tolist() == [0.5, 0.75]
    # At the beginning nothing is changed, not even by rounding (1 + (.1 - 1) is not .1 in binary); at the end the outcome alone is left.
    rough = batch_of([1], [[0.0] * 2], rewards=[0.3, 0.1])
    assert progressive_shaping(rough).rewards.tolist() == [0.3, 0.1]
    assert progressive_shaping(rough, training_progress=1.0).rewards.tolist() == [0.0, 1.0]
    assert progressive_shaping(batch_of([NAN], [[0.0]], rewards=[0.5]), training_progress=1.0).rewards.tolist() == [0.5]


def test_clip_and_whiten():
    batch = batch_of([0], [[0.0] * 4])
    credit = Credit(np.array([-3.0, 0.5, 2.0, 9.0]), np.zeros(4), np.array([True, True, True, False]), {"old": 1.0})
    cut = clip(batch, credit, limit=2.0)
    assert cut.advantages.tolist() == [-2.0, 0.5, 2.0, 2.0]
    assert cut.diagnostics == {"old": 1.0, "clipped_share": 0.5}
    white = whiten(batch, credit)
    assert white.advantages[3] == 9.0  # not kept, not counted
    assert white.advantages[:3].mean() == pytest.approx(0.0, abs=1e-15)
    assert white.advantages[:3].std(ddof=1) == pytest.approx(1.0, rel=1e-8)
    assert credit.advantages.tolist() == [-3.0, 0.5, 2.0, 9.0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("posterior_gate?weight=NaN|grpo", "weight"),
        ("posterior_gate?success=2|grpo", r"success must be in \[0, 1\]"),
        ("trust_weights?decay=0|grpo", "decay must be above 0"),
        ("trust_weights?training_step=-1|grpo", "training_step must be a finite number of 0 or more"),
        ("prof?keep=0|grpo", "keep must be above 0"),
        ("prof?keep=2|grpo", r"keep must be in \[0, 1\]"),
        ("prof?penalty=-1|grpo", "penalty must be a finite number of 0 or more"),
        ("prof?longest=0|grpo", "longest must be a finite number of 1 or more"),
        ("prof?wrong=random&seed=-1|grpo", "seed must be a finite number of 0 or more"),
        ("prof?wrong=worst|grpo", "wrong must be one of 'consistency', 'random'"),
        ("zero_variance?of=score|grpo", "of must be one of"),
        ("zero_variance?singleton=raw|grpo", "singleton must be one of"),
        ("grpo|aem?strength=-1", "strength must be a finite number of 0 or more"),
        ("grpo|aem?unit=token", "unit must be one of 'attempt', 'step'"),
        ("progressive_shaping?training_progress=1.5|grpo", "training_progress must be in"),
        ("progressive_shaping?start=-1|grpo", "start must be in"),
        ("grpo|clip?limit=-1", "limit must be a finite number of 0 or more"),
    ],
)
def test_impossible_options_are_refused(spec, message):
    batch = batch_of([1, 0], [[0.5], [0.5]], entropy=[[1.0], [2.0]])
    with pytest.raises(OptionError, match=message):
        assign(spec, batch)
