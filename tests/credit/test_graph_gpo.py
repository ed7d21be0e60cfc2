import math

import numpy as np
import pytest

from prm_gym.credit import StepBatch, dr_grpo, graph_gpo, grpo
from prm_gym.errors import OptionError


def looped_graph_gpo(batch, *, omega, success_reward=10.0):
    """Distances by relaxing a dict until nothing moves, then differences from the mean of the state; the step term alone."""
    steps, arrives = [], []
    for i, task in enumerate(batch.group_ids.tolist()):
        for row in range(int(batch.offsets[i]), int(batch.offsets[i + 1])):
            arrives.append(row == batch.offsets[i + 1] - 1 and batch.outcomes[i] == 1.0)
            steps.append((task, batch.column("state_key")[row], None if arrives[-1] else batch.column("next_state_key")[row]))
    distances = {}
    for _ in range(len(steps) + 1):
        for task, source, target in steps:
            onward = 0 if target is None else distances.get((task, target), math.inf)
            distances[task, source] = min(distances.get((task, source), math.inf), onward + 1)
    near = []
    for task, _, target in steps:
        known = [value for (other, _), value in distances.items() if other == task and value < math.inf]
        distance = 0 if target is None else distances.get((task, target), math.inf)
        near.append(success_reward * omega ** (distance if distance < math.inf else max(known, default=0) + 1))
    return [
        own - sum(members) / len(members)
        for (task, source, _), own in zip(steps, near, strict=True)
        for members in [[value for (other, state, _), value in zip(steps, near, strict=True) if (other, state) == (task, source)]]
    ]


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_loop(make_walks, seed):
    batch = make_walks(seed)
    step = graph_gpo(batch, omega=0.5, normalize="mean").advantages - dr_grpo(batch).advantages
    np.testing.assert_allclose(step, looped_graph_gpo(batch, omega=0.5), atol=1e-12)


def test_the_unreachable_is_one_step_farther_than_the_farthest_by_hand():
    # s-u-(success), s-u-v-w with failure in w, s-w... d(u) = 1, d(s) = 2; v and w lead nowhere: 3.
    # omega 1/2, reward 8: q = 8/2 = 4 for s-u twice; in u: 8 for the success, 8/8 = 1 for u-v; v-w: 1.
    # s: 4 and 4: 0. u: 8 and 1, mean 4.5: +-3.5. A^E = +-1/2.
    keys = {"state_key": list("susuv"), "next_state_key": list("uxuvw")}
    batch = StepBatch([0, 1, 0, 0, 0], [0, 2, 5], ["g", "g"], [1, 0], [False, False], keys)
    credit = graph_gpo(batch, omega=0.5, success_reward=8.0, normalize="mean")
    assert credit.advantages.tolist() == [0.5, 4.0, -0.5, -4.0, -0.5]
    assert credit.diagnostics["reaching_share"] == 3 / 5


def test_without_a_success_there_is_no_step_term(make_walks):
    batch = make_walks(0)
    for outcomes in (np.zeros_like(batch.outcomes), np.full_like(batch.outcomes, np.nan)):
        none = StepBatch(batch.rewards, batch.offsets, batch.group_ids, outcomes, batch.truncated, batch.columns)
        assert np.array_equal(graph_gpo(none).advantages, grpo(none).advantages)
        assert graph_gpo(none).diagnostics["reaching_share"] == 0.0


def test_a_success_needs_the_outcome_that_was_asked_for():
    keys = {"state_key": ["s", "s"], "next_state_key": ["x", "y"]}
    batch = StepBatch([0.0, 0.0], [0, 1, 2], ["g", "g"], [0.6, 0.2], [False, False], keys)
    assert graph_gpo(batch).advantages.tolist() == [0.0, 0.0]
    # Reward 10 omega^0 = 10 against 10 omega^2 = 2.5 (farthest 1, unreachable 2): +-3.75.
    assert graph_gpo(batch, success=0.5, omega=0.5, normalize="mean").advantages.tolist() == [3.75, -3.75]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"omega": 1.0}, "omega must lie between 0 and 1"),
        ({"success": 0.0}, r"success must be in \(0, 1\], got 0.0"),
        ({"success_reward": 0.0}, "success_reward must be above 0"),
        ({"success_reward": float("nan")}, "success_reward must be above 0"),
        ({"step_weight": float("inf")}, "step_weight must be a finite number"),
        ({"episode_baseline": "rows"}, "episode_baseline must be one of"),
    ],
)
def test_impossible_options_are_refused(make_walks, options, message):
    with pytest.raises(OptionError, match=message):
        graph_gpo(make_walks(0), **options)
