import math
import statistics
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, grpo, grpo_ps, istar, key_array, key_steps, step_grpo
from prm_gym.credit.step_signals import key_step_rewards
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def batch_of(lengths=(2, 1), rewards=None, groups=None, answers=None, **columns):
    offsets = np.cumsum([0, *lengths])
    rewards = np.zeros(offsets[-1]) if rewards is None else rewards
    groups = ["g"] * len(lengths) if groups is None else groups
    taken = {name: np.array(column, dtype=float) for name, column in columns.items()} | ({} if answers is None else {"answer_key": key_array(answers)})
    return StepBatch(rewards, offsets, groups, [NAN] * len(lengths), [False] * len(lengths), taken)


def looped_grpo_ps(batch, eps=1e-6):
    scores, spans, groups = batch.column("score").tolist(), list(pairwise(batch.offsets.tolist())), batch.group_ids.tolist()
    result = []
    for i, (start, stop) in enumerate(spans):
        pool = [scores[u] for j, (a, b) in enumerate(spans) if groups[j] == groups[i] for u in range(a, b) if not math.isnan(scores[u])]
        std = statistics.stdev(pool) if len(pool) > 1 else 0.0
        mean = statistics.fmean(pool) if pool else 0.0
        for t in range(start, stop):
            # A task without spread, or with one step, says nothing: std counts as 1 and every deviation is 0.
            result.append(sum((scores[u] - mean) / ((std or 1.0) + eps) for u in range(t, stop) if not math.isnan(scores[u])))
    return result


def test_grpo_ps_by_hand():
    # Scores 1, 1, 1/4: mean 3/4, deviations 1/4, 1/4, -1/2, variance (1/16 + 1/16 + 1/4) / 2 = 3/16: z = 1, 1, -2 over sqrt 3. Sums of what follows: 2, 1, -2.
    credit = grpo_ps(batch_of(score=[1.0, 1.0, 0.25]), eps=0.0)
    np.testing.assert_allclose(credit.advantages, np.array([2.0, 1.0, -2.0]) / math.sqrt(3), rtol=1e-14)
    assert credit.diagnostics["step_group_size_mean"] == 3.0
    # With the first step unknown: 1 and 1/4, z = +-sqrt(1/2); the first step is held to what follows it.
    unknown = grpo_ps(batch_of(score=[NAN, 1.0, 0.25]), eps=0.0)
    np.testing.assert_allclose(unknown.advantages, np.array([1.0, 1.0, -1.0]) * math.sqrt(0.5), rtol=1e-14)
    assert unknown.diagnostics["unknown_share"] == pytest.approx(1 / 3)


def test_grpo_ps_agrees_with_the_loop(make_process_batch):
    for seed in range(5):
        batch = make_process_batch(seed)
        np.testing.assert_allclose(grpo_ps(batch).advantages, looped_grpo_ps(batch), atol=1e-9)


def test_grpo_ps_over_single_steps_scored_by_their_outcome_is_grpo(make_process_batch):
    batch = make_process_batch(3, longest=1)
    batch = replace(batch, rewards=np.abs(batch.rewards) / 4)  # shares, as scores are
    batch = batch.with_columns({"score": batch.rewards})
    np.testing.assert_allclose(grpo_ps(batch).advantages, grpo(batch, singleton="zero").advantages, atol=1e-13)


def test_equal_scores_say_nothing_exactly(make_batch):
    batch = make_batch(1)
    assert not grpo_ps(batch.with_columns({"score": np.full(batch.rewards.size, 0.7)})).advantages.any()
    assert not grpo_ps(batch.with_columns({"score": np.full(batch.rewards.size, NAN)})).advantages.any()


def test_key_steps_by_hand():
    # Outcomes 1 and 0: A^E = +-sqrt(1/2). Potentials 0, 1/2 then 1, and 0 then 0: key steps 1/2, 1/2, 0: mean 1/3, deviations 1/6, 1/6, -1/3,
    # variance (1/36 + 1/36 + 4/36) / 2 = 1/12, z = 1/sqrt 3 (1, 1, -2).
    batch = batch_of(rewards=[0.0, 1.0, 0.0], potential=[0.0, 0.5, 0.0], final_potential=[NAN, 1.0, 0.0])
    expected = np.array([1.0, 1.0, -1.0]) * math.sqrt(0.5) + np.array([1.0, 1.0, -2.0]) / math.sqrt(3)
    np.testing.assert_allclose(key_steps(batch, eps=0.0).advantages, expected, rtol=1e-14)


def test_key_steps_are_istar_over_key_step_rewards(make_process_batch):
    for seed in range(5):
        batch = make_process_batch(seed)
        same = istar(batch.with_columns({"implicit_reward": key_step_rewards(batch)}), step_weight=0.5)
        np.testing.assert_allclose(key_steps(batch, step_weight=0.5).advantages, same.advantages, atol=1e-14)
        np.testing.assert_allclose(key_steps(batch, step_weight=0.0).advantages, grpo(batch).advantages, atol=1e-14)


def looped_step_grpo(batch, key_weight, validity_weight):
    """The reward of each trajectory, None where no potential of it is known."""
    columns = {name: batch.column(name).tolist() for name in ("potential", "final_potential", "label", "answer_key")}
    tasks = np.repeat(batch.group_ids, np.diff(batch.offsets)).tolist()
    with_answers = {task for task, answer in zip(tasks, columns["answer_key"], strict=True) if answer is not None}
    rewards = []
    for start, stop in pairwise(batch.offsets.tolist()):
        reached = [columns["potential"][t] for t in range(start, stop)] + [columns["final_potential"][stop - 1]]
        reached = [potential for potential in reached if not math.isnan(potential)]
        if not reached:
            rewards.append(None)
            continue
        main = sum(batch.rewards[start:stop]) + key_weight * max(reached)
        main = main if columns["answer_key"][start] is not None or tasks[start] not in with_answers else 0.0
        rewards.append(main + validity_weight * (0.0 not in columns["label"][start:stop]))
    return rewards


def test_step_grpo_by_hand():
    # 1 + .1 * 1 + 1 (right, all key steps, valid); 0 + .1 * .5 + 0 (wrong, half of them, a wrong step); no answer: 0 + 1.
    columns = {"potential": [0.0, 0.5, 0.25, 1.0], "final_potential": [NAN, 1.0, 0.5, 1.0], "label": [1.0, NAN, 0.0, 1.0]}
    batch = batch_of((2, 1, 1), rewards=[0.0, 1.0, 0.0, 0.0], answers=["yes", "yes", "no", None], **columns)
    rewards = [2.1, 0.05, 1.0]
    mean, std = statistics.fmean(rewards), statistics.stdev(rewards)
    expected = [(reward - mean) / std for reward in (rewards[0], rewards[0], *rewards[1:])]
    np.testing.assert_allclose(step_grpo(batch, eps=0.0).advantages, expected, rtol=1e-12)
    assert step_grpo(batch).keep.all()


def test_step_grpo_agrees_with_the_loop(make_process_batch):
    for seed in range(5):
        batch = make_process_batch(seed, longest=3)
        rewards, groups = looped_step_grpo(batch, 0.25, 0.5), batch.group_ids.tolist()
        credit = step_grpo(batch, key_weight=0.25, validity_weight=0.5)
        for i, (start, stop) in enumerate(pairwise(batch.offsets.tolist())):
            pool = [reward for reward, group in zip(rewards, groups, strict=True) if group == groups[i] and reward is not None]
            if rewards[i] is None:
                expected = 0.0
            elif len(pool) == 1:
                expected = rewards[i] / (1 + 1e-6)
            else:
                expected = (rewards[i] - statistics.fmean(pool)) / ((statistics.stdev(pool) or 1.0) + 1e-6)
            np.testing.assert_allclose(credit.advantages[start:stop], expected, atol=1e-9)
            assert credit.keep[start:stop].tolist() == [rewards[i] is not None] * (stop - start)
        assert credit.diagnostics["unknown_share"] == pytest.approx(1 - credit.keep.mean())


def test_answers_of_one_task_say_nothing_of_another():
    columns = {"potential": [0.5, 0.25, 0.5, 1.0], "final_potential": [1.0, 0.5, 1.0, 1.0]}
    offsets, groups = [0, 1, 2, 3, 4], ["a", "a", "b", "b"]
    batch = StepBatch([1.0, 0.0, 1.0, 0.0], offsets, groups, [1.0, 0.0, 1.0, 0.0], [False] * 4, columns)
    answered = batch.with_columns({"answer_key": key_array([None, None, "yes", None])})
    assert step_grpo(answered).advantages[:2].tolist() == step_grpo(batch).advantages[:2].tolist()
    assert step_grpo(answered).advantages[2:].tolist() != step_grpo(batch).advantages[2:].tolist()


def test_step_grpo_without_its_terms_is_grpo(make_batch):
    batch = make_batch(2)
    batch = batch.with_columns({"potential": np.full(batch.rewards.size, 0.5)})
    # All came equally far: the term is the same for all, but for a trajectory that is alone, which gets it raw.
    np.testing.assert_allclose(step_grpo(batch, singleton="zero").advantages, grpo(batch, singleton="zero").advantages, atol=1e-9)
    np.testing.assert_allclose(step_grpo(batch, key_weight=0.0).advantages, grpo(batch).advantages, atol=1e-13)


def test_what_they_need():
    bare = StepBatch([1.0], [0, 1], ["g"], [1.0], [False])
    with pytest.raises(CreditError, match=r"lacks score.* score: of a process reward model"):
        assign("grpo_ps", bare)
    for name in ("key_steps", "step_grpo"):
        with pytest.raises(CreditError, match=r"lacks potential.* potential: of verifiers that state progress"):
            assign(name, bare)
    with pytest.raises(CreditError, match=r"the column 'potential' must be in \[0, 1\]"):
        step_grpo(batch_of((1,), potential=[3.0]))
    with pytest.raises(CreditError, match=r"the column 'final_potential' must be in \[0, 1\], .* row 2"):
        step_grpo(batch_of((2, 1), potential=[0.0, 0.5, 0.5], final_potential=[NAN, 1.0, 5.0]))
    with pytest.raises(CreditError, match=r"the column 'score' must be numbers, .* infinity in row 1"):
        grpo_ps(batch_of(score=[0.0, np.inf, 0.0]))
    with pytest.raises(OptionError, match="step_weight must be a finite number"):
        key_steps(batch_of((1,), potential=[0.0]), step_weight=NAN)
    with pytest.raises(OptionError, match="validity_weight must be a finite number"):
        step_grpo(batch_of((1,), potential=[0.0]), validity_weight=np.inf)
