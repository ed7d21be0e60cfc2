import math
import statistics
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, dr_grpo, spae
from prm_gym.credit.normalize import whitened
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def batch_of(potential, final, lengths=(3, 1), rewards=(0.0, 0.0, 1.0, 0.0)):
    offsets = np.cumsum([0, *lengths])
    ends = np.full(offsets[-1], NAN)
    ends[offsets[1:] - 1] = final
    columns = {"potential": np.array(potential), "final_potential": ends}
    return StepBatch(rewards, offsets, ["g"] * len(lengths), [NAN] * len(lengths), [False] * len(lengths), columns)


def looped_spae(batch, alpha, xi, saturation):
    potential, final = batch.column("potential").tolist(), batch.column("final_potential").tolist()
    spans, groups = list(pairwise(batch.offsets.tolist())), batch.group_ids.tolist()
    totals = [sum(batch.rewards[a:b]) for a, b in spans]
    changes = [(final[t] if t == b - 1 else potential[t + 1]) - potential[t] for a, b in spans for t in range(a, b)]
    known = [change for change in changes if not math.isnan(change)]
    grown = [math.exp((change - min(known)) / (max(known) - min(known))) for change in known]
    result = []
    for i, (start, stop) in enumerate(spans):
        members = [total for total, group in zip(totals, groups, strict=True) if group == groups[i]]
        outcome = totals[i] - (statistics.fmean(members) if len(members) > 1 else 0.0)
        for t in range(start, stop):
            count = sum(potential[u] > saturation for u in range(start + 1, t + 1))
            gain = 0.0
            if not math.isnan(changes[t]):
                gain = math.exp((changes[t] - min(known)) / (max(known) - min(known))) - statistics.fmean(grown)
            result.append(outcome * (1 - alpha * (1 - math.exp(-count))) + xi * gain)
    return result


def test_by_hand():
    # Differences 1/2, 1/2, 0 and -1/2: in [0, 1] they are 1, 1, 1/2, 0, so g = e, e, sqrt e, 1 less their mean. Outcomes 1 and 0: +-1/2. The third step comes
    # after a state above .9: its outcome counts 1 - (1 - 1/e)/2.
    grown = np.array([math.e, math.e, math.sqrt(math.e), 1.0])
    expected = np.array([0.5, 0.5, 0.5 * (1 - 0.5 * (1 - 1 / math.e)), -0.5]) + 0.5 * (grown - grown.mean())
    credit = spae(batch_of([0.0, 0.5, 1.0, 0.5], [1.0, 0.0]), whiten=False)
    np.testing.assert_allclose(credit.advantages, expected, rtol=1e-14)
    assert credit.diagnostics["saturated_share"] == 0.25
    np.testing.assert_allclose(spae(batch_of([0.0, 0.5, 1.0, 0.5], [1.0, 0.0])).advantages, whitened(expected), rtol=1e-13)


def test_agrees_with_the_loop(make_process_batch):
    for seed in range(5):
        batch = make_process_batch(seed)
        credit = spae(batch, alpha=0.25, xi=2.0, saturation=0.6, whiten=False)
        np.testing.assert_allclose(credit.advantages, looped_spae(batch, 0.25, 2.0, 0.6), atol=1e-12)


def test_without_its_terms_it_is_dr_grpo(make_process_batch):
    batch = make_process_batch(2)
    assert np.array_equal(spae(batch, alpha=0.0, xi=0.0, whiten=False).advantages, dr_grpo(batch).advantages)
    # Equal changes of the potential say nothing, exactly.
    flat = batch.with_columns({"potential": np.full(batch.rewards.size, 0.1 + 0.2), "final_potential": np.full(batch.rewards.size, 0.3)})
    assert np.array_equal(spae(flat, whiten=False).advantages, dr_grpo(batch).advantages)


def test_a_first_state_above_the_threshold_does_not_damp():
    # The task is solved at the beginning: nothing was found. From the second state on it counts.
    assert spae(batch_of([1.0, 1.0, 1.0, 0.0], [1.0, 0.0]), xi=0.0, alpha=1.0, whiten=False).advantages.tolist() == pytest.approx(
        [0.5, 0.5 * math.exp(-1), 0.5 * math.exp(-2), -0.5]
    )


def test_what_is_not_known_adds_nothing():
    credit = spae(batch_of([NAN, NAN, 1.0, 0.5], [1.0, 0.5]), whiten=False, alpha=0.0)
    # Known are 0 and 0, which are equal.
    assert credit.advantages.tolist() == [0.5, 0.5, 0.5, -0.5]
    assert credit.diagnostics["unknown_share"] == 0.5


def test_bad_input():
    with pytest.raises(CreditError, match="lacks potential"):
        assign("spae", StepBatch([1.0], [0, 1], ["g"], [1.0], [False]))
    with pytest.raises(OptionError, match=r"alpha must be in \[0, 1\]"):
        spae(batch_of([0.0] * 4, [0.0, 0.0]), alpha=2.0)
    for option in ("xi", "saturation"):
        with pytest.raises(OptionError, match=f"{option} must be a finite number"):
            spae(batch_of([0.0] * 4, [0.0, 0.0]), **{option: NAN})
