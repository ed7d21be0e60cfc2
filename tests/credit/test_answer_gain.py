import math
import statistics
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, grpo, igpo, key_array, siop
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")
HALF = math.sqrt(0.5)


def batch_of(potential, lengths=(2, 1), rewards=(0.0, 1.0, 0.0), final=None, answers=None, **columns):
    offsets = np.cumsum([0, *lengths])
    taken = {name: np.array(column, dtype=float) for name, column in {"potential": potential, **columns}.items()}
    if final is not None:
        taken["final_potential"] = np.full(offsets[-1], NAN)
        taken["final_potential"][offsets[1:] - 1] = final
    if answers is not None:
        taken["answer_key"] = key_array(answer for answer, length in zip(answers, lengths, strict=True) for _ in range(length))
    return StepBatch(rewards, offsets, ["g"] * len(lengths), [NAN] * len(lengths), [False] * len(lengths), taken)


def z_scores(rewards, groups, ddof, lone="zero"):
    """Of each known reward among those of its group; 0 for the others."""
    result = []
    for reward, group in zip(rewards, groups, strict=True):
        pool = [other for other, where in zip(rewards, groups, strict=True) if where == group and other is not None]
        std = (statistics.stdev if ddof else statistics.pstdev)(pool) if len(pool) > 1 else 0.0
        mean = statistics.fmean(pool) if len(pool) > 1 or (pool and lone == "zero") else 0.0
        result.append(0.0 if reward is None else (reward - mean) / ((std or 1.0) + 1e-6))
    return result


def sums(values, offsets, gamma):
    result = []
    for start, stop in pairwise(offsets):
        following, credit = 0.0, []
        for value in reversed(values[start:stop]):
            following = value + gamma * following
            credit.append(following)
        result += reversed(credit)
    return result


def looped_igpo(batch, gain, normalize, gamma):
    potential, offsets = batch.column("potential").tolist(), batch.offsets.tolist()
    groups = batch.group_ids[batch.trajectory_of_step].tolist()
    rewards, totals = [], []
    for start, stop in pairwise(offsets):
        for t in range(start, stop - 1):
            before, after = potential[t], potential[t + 1]
            added = after - before if gain == "difference" else math.log(after + 1e-8) - math.log(before + 1e-8)
            rewards.append(None if math.isnan(added) else added)
        totals.append(float(sum(batch.rewards[start:stop])))
        rewards.append(totals[-1] if normalize == "joint" else None)
    values = z_scores(rewards, groups, 1, lone="raw" if normalize == "joint" else "zero")
    if normalize == "separate":
        for stop, outcome in zip(offsets[1:], z_scores(totals, batch.group_ids.tolist(), 1, lone="raw"), strict=True):
            values[stop - 1] = outcome
    return sums(values, offsets, gamma)


def test_igpo_by_hand():
    # Gain 1/2 - 1/4 of the first step, outcomes 1 and 0 on the last ones. Joint: 1/4, 1, 0: mean 5/12, deviations in twelfths -2, 7, -5, variance 78 / 2 / 144.
    z = np.array([-2.0, 7.0, -5.0]) / math.sqrt(39)
    np.testing.assert_allclose(igpo(batch_of([0.25, 0.5, 0.125]), eps=0.0).advantages, [z[0] + z[1], z[1], z[2]], rtol=1e-13)
    # Separate: the gain is alone, and says nothing; outcomes are +-sqrt(1/2).
    np.testing.assert_allclose(igpo(batch_of([0.25, 0.5, 0.125]), normalize="separate", eps=0.0).advantages, [HALF, HALF, -HALF], rtol=1e-14)
    # Discounted: the first step sees half of the second.
    np.testing.assert_allclose(igpo(batch_of([0.25, 0.5, 0.125]), gamma=0.5, eps=0.0).advantages, [z[0] + z[1] / 2, z[1], z[2]], rtol=1e-13)


@pytest.mark.parametrize("gain", ["difference", "log"])
@pytest.mark.parametrize("normalize", ["joint", "separate"])
def test_igpo_agrees_with_the_loop(make_process_batch, gain, normalize):
    for seed in range(3):
        batch = make_process_batch(seed)
        np.testing.assert_allclose(igpo(batch, gain=gain, normalize=normalize, gamma=0.9).advantages, looped_igpo(batch, gain, normalize, 0.9), atol=1e-8)


def test_igpo_over_single_steps_is_grpo(make_process_batch):
    batch = make_process_batch(5, longest=1)
    for normalize in ("joint", "separate"):
        np.testing.assert_allclose(igpo(batch, normalize=normalize).advantages, grpo(batch).advantages, atol=1e-13)


def test_a_gain_that_is_not_known_adds_nothing():
    credit = igpo(batch_of([NAN, 0.5, 0.125]), eps=0.0)
    np.testing.assert_allclose(credit.advantages, [HALF, HALF, -HALF], rtol=1e-14)
    assert credit.diagnostics["unknown_share"] == pytest.approx(1 / 3)


def looped_siop(batch, damping, support_weight, gamma):
    potential, final, scores = (batch.column(name).tolist() for name in ("potential", "final_potential", "score"))
    spans, tasks = list(pairwise(batch.offsets.tolist())), batch.group_ids.tolist()
    answers = [batch.column("answer_key")[start] for start, _ in spans]
    known = [[score for score in scores[start:stop] if not math.isnan(score)] for start, stop in spans]
    support = [[sum(each) / len(each)] if each else [] for each in known]
    rewards = []
    for i, (start, stop) in enumerate(spans):
        if answers[i] is None:
            rewards += [None] * (stop - start)
            continue
        clusters = {}
        for j, answer in enumerate(answers):
            if tasks[j] == tasks[i] and answer is not None:
                clusters.setdefault(answer, []).append(support[j])
        attempts = sum(map(len, clusters.values()))
        means = {answer: statistics.fmean(each for one in of for each in one) if any(of) else 0.0 for answer, of in clusters.items()}
        mass = {answer: len(of) / attempts * math.exp(support_weight * means[answer]) for answer, of in clusters.items()}
        weight = mass[answers[i]] / sum(mass.values())
        for t in range(start, stop):
            after = final[t] if t == stop - 1 else potential[t + 1]
            gain = math.log(after + 1e-8) - math.log(potential[t] + 1e-8)
            if t == stop - 1:
                rewards.append(weight * (0.0 if math.isnan(gain) or stop - start == 1 else gain) + (1 - damping) * weight)
            else:
                rewards.append(None if math.isnan(gain) else weight * gain)
    return sums(z_scores(rewards, batch.group_ids[batch.trajectory_of_step].tolist(), 0), batch.offsets.tolist(), gamma)


def test_siop_by_hand():
    # Two of three attempts say yes: q = 2/3 and 1/3. The first doubles the probability of yes, then leaves it: rewards 2/3 log 2 and, at the end, 1/2 of 2/3;
    # the other yes has one step: 1/3; no: 1/6. The probabilities of the one-step attempts do not matter.
    batch = batch_of([0.25, 0.5, 0.1, 0.9], (2, 1, 1), (0.0, 9.0, 0.0, 0.0), final=[0.5, 0.7, 0.2], answers=["yes", "yes", "no"])
    rewards = [2 / 3 * math.log(2), 1 / 3, 1 / 3, 1 / 6]
    mean, std = statistics.fmean(rewards), statistics.pstdev(rewards)
    z = [(reward - mean) / std for reward in rewards]
    np.testing.assert_allclose(siop(batch, eps=0.0).advantages, [z[0] + z[1], z[1], z[2], z[3]], atol=1e-6)
    assert siop(batch).diagnostics["answer_groups"] == 2.0


def test_support_that_is_not_known_is_not_zero():
    # Two attempts say yes, one of them without a score: the support of yes is 1, as if both had it. That of no, of which nothing is known, is 0.
    def credit(scores):
        batch = batch_of([0.5, 0.5, 0.5], (1, 1, 1), (0.0, 0.0, 0.0), answers=["yes", "yes", "no"])
        return siop(batch.with_columns({"score": np.array(scores)}), support_weight=1.0, damping=0.0, eps=1.0).advantages.tolist()

    assert credit([1.0, NAN, NAN]) == credit([1.0, 1.0, 0.0])


def test_siop_agrees_with_the_loop(make_process_batch):
    for seed in range(5):
        batch = make_process_batch(seed)
        np.testing.assert_allclose(siop(batch, damping=0.25, gamma=0.9).advantages, looped_siop(batch, 0.25, 0.0, 0.9), atol=1e-8)
        np.testing.assert_allclose(siop(batch, support_weight=2.0).advantages, looped_siop(batch, 0.5, 2.0, 1.0), atol=1e-8)


def test_siop_needs_no_right_answer(make_process_batch):
    batch = make_process_batch(1)
    paid = StepBatch(batch.rewards + 5.0, batch.offsets, batch.group_ids, 1 - batch.outcomes, batch.truncated, batch.columns)
    assert np.array_equal(siop(paid).advantages, siop(batch).advantages)


def test_an_attempt_without_an_answer_has_no_part():
    batch = batch_of([0.25, 0.5, 0.5], answers=[None, "yes"], final=[0.5, 0.5])
    credit = siop(batch)
    assert credit.advantages.tolist() == [0.0, 0.0, 0.0]  # the one that answered is alone
    assert credit.diagnostics["unknown_share"] == pytest.approx(2 / 3)
    assert not siop(batch_of([0.25, 0.5, 0.5], answers=[None, None])).advantages.any()


def test_bad_input():
    bare = StepBatch([1.0], [0, 1], ["g"], [1.0], [False])
    with pytest.raises(CreditError, match="lacks potential"):
        assign("igpo", bare)
    with pytest.raises(CreditError, match=r"lacks answer_key, potential.* answer_key: a key of each trajectory's final answer"):
        assign("siop", bare)
    with pytest.raises(CreditError, match=r"the column 'potential' must be in \[0, 1\]"):
        igpo(batch_of([0.0, 2.0, 0.0]))
    with pytest.raises(CreditError, match="no column 'score'"):
        siop(batch_of([0.0, 0.0, 0.0], answers=["a", "b"]), support_weight=1.0)
    with pytest.raises(OptionError, match="gain must be one of 'difference', 'log'"):
        igpo(batch_of([0.0] * 3), gain="ratio")
    with pytest.raises(OptionError, match="normalize must be one of 'joint', 'separate'"):
        igpo(batch_of([0.0] * 3), normalize="both")
    for options in ({"damping": 2.0}, {"support_weight": -1.0}, {"gamma": NAN}):
        with pytest.raises(OptionError, match=f"{next(iter(options))} must be in"):
            siop(batch_of([0.0] * 3, answers=["a", "b"]), **options)
