"""What GiGPO's step term compares, as objects."""

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, gigpo, grpo
from prm_gym.credit.step_graph import StepGraph
from prm_gym.credit.step_term import state_term, step_term
from prm_gym.errors import CreditError, OptionError


@pytest.mark.parametrize(
    "spec", ["gigpo", "gigpo?gamma=0.5", "gigpo?normalize=mean_std&ddof=0&eps=0.01", "gigpo?similarity=0.9", "gigpo?step_weight=2&gamma=0.7"]
)
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_gigpo_adds_to_its_episode_term(make_walks, spec, seed):
    batch = make_walks(seed)
    batch = batch.with_columns({"state_key": np.array([f"a state whose number is {key}" for key in batch.column("state_key")], dtype=object)})
    found = step_term(spec, batch)
    plain = spec.replace("step_weight=2&", "")
    both = assign(plain, batch).advantages - assign(plain, batch, step_weight=0.0).advantages
    assert found.rows.tolist() == list(range(batch.rewards.size))
    np.testing.assert_allclose(found.advantages, both, atol=1e-12)
    assert np.array_equal(found.returns, assign(spec, batch).returns)


def pair(outcomes, rewards):
    """Attempts of one step each, all in state s."""
    count = len(outcomes)
    keys = {"state_key": ["s"] * count, "action_key": ["a"] * count, "next_state_key": ["e"] * count}
    return StepBatch(rewards, range(count + 1), ["g", "g", "h", "h"], outcomes, [False] * count, {**keys, "score": [0.5] * count})


def test_in_a_pipeline_it_is_that_of_the_batch_that_reaches_gigpo():
    # Task g has one outcome throughout and is filtered out; the gate adds the mean score, 1/2, to the success of h: returns 3/2 and 0, half their distance 3/4.
    batch = pair([1, 1, 1, 0], [1.0, 1.0, 1.0, 0.0])
    spec = "zero_variance|posterior_gate|gigpo|clip?limit=0.1"
    found = step_term(spec, batch)
    assert (found.rows.tolist(), found.returns.tolist(), found.advantages.tolist()) == ([2, 3], [1.5, 0.0], [0.75, -0.75])
    graph = StepGraph.of(batch, assign(spec, batch), compared=found)
    (group,) = graph.groups
    assert (group.rows, graph.nodes[group.nodes[0]].task, group.mean) == ((2, 3), "h", 0.75)
    assert StepGraph.of(batch, assign(spec, batch), "g", found).groups == ()


def test_states_with_similar_texts_are_one_group():
    keys = {"state_key": ["the kettle is on the stove", "the kettle is on the stove!"], "action_key": ["a", "b"], "next_state_key": ["t", "u"]}
    batch = StepBatch([1.0, 0.0], [0, 1, 2], ["g", "g"], [1, 0], [False, False], keys)
    exact = StepGraph.of(batch, gigpo(batch), compared=step_term("gigpo", batch)).groups
    assert [(group.nodes, group.spread, group.step_advantages) for group in exact] == [((0,), None, (0.0,)), ((2,), None, (0.0,))]
    (alike,) = StepGraph.of(batch, gigpo(batch, similarity=0.9), compared=step_term("gigpo?similarity=0.9", batch)).groups
    assert (alike.nodes, alike.step_advantages) == ((0, 2), (0.5, -0.5))
    assert alike.spread == pytest.approx(0.5**0.5)


def test_of_any_credit_visits_to_a_state_are_compared_and_steps_that_are_not_kept_are_left_out():
    batch = pair([1, 1, 1, 0], [1.0, 1.0, 1.0, 0.0])
    found = state_term(batch, assign("zero_variance|grpo", batch))
    assert (found.rows.tolist(), found.advantages.tolist()) == ([2, 3], [0.5, -0.5])
    assert state_term(batch, grpo(batch)).advantages.tolist() == [0.0, 0.0, 0.5, -0.5]
    nothing = state_term(batch, assign("zero_variance?singleton=drop|grpo", pair([1, 1, 1, 1], [1.0] * 4)))
    assert (nothing.rows.size, nothing.visits.count) == (0, 0)


def test_what_is_not_gigpo_has_none_and_errors_are_those_of_the_library():
    batch = pair([1, 1, 1, 0], [1.0, 1.0, 1.0, 0.0])
    assert step_term("grpo", batch) is None
    assert step_term("zero_variance|grpo", batch) is None
    with pytest.raises(OptionError, match="Did you mean 'gamma'"):
        step_term("gigpo?gama=0.9", batch)
    with pytest.raises(CreditError, match="state_key"):
        step_term("gigpo", StepBatch([1.0], [0, 1], ["g"], [1], [False]))
