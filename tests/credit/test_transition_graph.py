import numpy as np
import pytest

from prm_gym.credit import StepBatch
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.transition_graph import best_values, expected_values, settled, steps_to_goal, transition_graph
from prm_gym.errors import CreditError


def walks(paths, rewards=None, tasks=None, truncated=None):
    """A batch from paths of states: "sux" are the steps s -> u and u -> x; the last reward of a path is 1 unless given."""
    lengths = [len(path) - 1 for path in paths]
    ends = np.cumsum(lengths) - 1
    if rewards is None:
        rewards = np.zeros(sum(lengths))
        rewards[ends] = 1.0
    columns = {name: [key for path in paths for key in path[part]] for name, part in (("state_key", slice(None, -1)), ("next_state_key", slice(1, None)))}
    columns["action_key"] = columns["next_state_key"]
    cut = truncated or [False] * len(paths)
    return StepBatch(rewards, np.cumsum([0, *lengths]), tasks or ["g"] * len(paths), [1.0] * len(paths), cut, columns)


def listed(batch, ends):
    """Every step as (task, state) -> (task, next state) or None, with its reward."""
    owner = batch.trajectory_of_step.tolist()
    last = set((batch.offsets[1:] - 1).tolist())
    tasks = [batch.group_ids[i] for i in owner]
    state, following = batch.column("state_key").tolist(), batch.column("next_state_key").tolist()
    return [
        ((tasks[row], state[row]), None if row in last and ends[owner[row]] else (tasks[row], following[row]), float(batch.rewards[row]))
        for row in range(len(owner))
    ]


def solved_values(steps, gamma):
    """Bellman's equation as a linear system, over a dict of nodes."""
    index = {node: i for i, node in enumerate({source for source, _, _ in steps})}
    matrix, right = np.eye(len(index)), np.zeros(len(index))
    counts = {node: sum(source == node for source, _, _ in steps) for node in index}
    for source, target, reward in steps:
        right[index[source]] += reward / counts[source]
        if target in index:
            matrix[index[source], index[target]] -= gamma / counts[source]
    return dict(zip(index, np.linalg.solve(matrix, right).tolist(), strict=True))


def greatest_values(steps, gamma):
    """The maximum over all ways of up to as many steps as there are nodes; further ones repeat a node and lose by it."""
    nodes = {source for source, _, _ in steps}
    best = {node: max(reward for source, _, reward in steps if source == node) for node in nodes}
    values = dict(best)
    for _ in nodes:
        onwards = {node: [gamma * values.get(target, 0.0) for source, target, _ in steps if source == node and target is not None] for node in nodes}
        values = {node: max([best[node], *onwards[node]]) for node in nodes}
    return values


def breadth_first(steps, goals):
    """Steps to the nearest goal, by layers."""
    distances = {source: 1 for (source, _, _), goal in zip(steps, goals, strict=True) if goal}
    for layer in range(1, len(steps) + 1):
        for source, target, _ in steps:
            if distances.get(target) == layer:
                distances.setdefault(source, layer + 1)
    return distances


def at_sources(values, graph):
    return [float(values[node]) for node in graph.source]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.97])
def test_expected_values_solve_bellmans_equation(make_walks, seed, gamma):
    batch = make_walks(seed)
    for ends in (np.ones_like(batch.truncated), ~batch.truncated):
        graph = transition_graph(batch, ends=ends)
        steps = listed(batch, ends)
        expected = solved_values(steps, gamma)
        found = expected_values(graph, batch.rewards, gamma)
        np.testing.assert_allclose(at_sources(found.values, graph), [expected[source] for source, _, _ in steps], atol=1e-7)
        assert (np.abs(np.array(at_sources(found.values, graph)) - [expected[source] for source, _, _ in steps]) <= found.error[graph.source] + 1e-12).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_best_values_against_plain_dicts(make_walks, seed, gamma):
    batch = make_walks(seed)
    batch = StepBatch(np.abs(batch.rewards), batch.offsets, batch.group_ids, batch.outcomes, batch.truncated, batch.columns)
    nowhere = np.zeros_like(batch.truncated)
    graph = transition_graph(batch, ends=nowhere)
    steps = listed(batch, nowhere)
    expected = greatest_values(steps, gamma)
    np.testing.assert_allclose(at_sources(best_values(graph, batch.rewards, gamma).values, graph), [expected[source] for source, _, _ in steps], atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_distances_against_plain_dicts(make_walks, seed):
    batch = make_walks(seed)
    succeeded = batch.outcomes == 1.0
    arrives = np.zeros(batch.rewards.size, dtype=bool)
    arrives[batch.offsets[1:][succeeded] - 1] = True
    graph = transition_graph(batch, ends=succeeded)
    steps = listed(batch, succeeded)
    expected = breadth_first(steps, arrives.tolist())
    assert at_sources(steps_to_goal(graph, arrives), graph) == [expected.get(source, np.inf) for source, _, _ in steps]


def test_a_chain_by_hand():
    # s -> u -> v -> end with reward 1: V(v) = 1, V(u) = 1/2, V(s) = 1/4, and the sweep that finds nothing to change is the fourth.
    batch = walks(["suvx"])
    graph = transition_graph(batch, ends=np.array([True]))
    found = expected_values(graph, batch.rewards, 0.5)
    assert (graph.nodes, found.values.tolist(), found.sweeps) == (3, [0.25, 0.5, 1.0, 0.0], 4)


def test_a_self_loop_by_hand():
    # Two steps in s, one back to s and one to the end with reward 1: V = (gamma V + 1) / 2, so V = 1 / (2 - gamma) = 2/3 for gamma = 1/2.
    batch = walks(["ssx"])
    graph = transition_graph(batch, ends=np.array([True]))
    assert expected_values(graph, batch.rewards, 0.5).values[0] == pytest.approx(2 / 3, abs=1e-9)


def test_a_cycle_without_an_end_by_hand():
    # Cut in the cycle s -> u -> s and going on there: V(s) = 1/2 V(u), V(u) = 1 + 1/2 V(s), so V(u) = 4/3.
    batch = walks(["sus"], truncated=[True])
    graph = transition_graph(batch, ends=np.array([False]))
    np.testing.assert_allclose(expected_values(graph, batch.rewards, 0.5).values, [2 / 3, 4 / 3, 0.0], atol=1e-9)


def test_the_sweeps_are_bounded_and_the_error_is_said():
    # All of the reward comes back every second step: with gamma = 0.99 the bound is ceil(log 1e-10 / log 0.99) + 50 = 2342.
    batch = walks(["sus"], rewards=[1.0, 1.0], truncated=[True])
    graph = transition_graph(batch, ends=np.array([False]))
    found = expected_values(graph, batch.rewards, 0.99)
    assert found.sweeps <= 2342
    assert abs(found.values[0] - 100.0) <= found.error[0] < 1e-7  # V = 1 + 0.99 V


def test_a_state_that_nobody_acted_in_has_value_zero():
    # Cut in x, where no step was taken: a node without edges.
    batch = walks(["sx"], rewards=[0.0], truncated=[True])
    graph = transition_graph(batch, ends=np.array([False]))
    assert (graph.nodes, graph.edges.heads.size) == (2, 1)
    assert expected_values(graph, batch.rewards, 0.9).values.tolist() == [0.0, 0.0, 0.0]
    assert steps_to_goal(graph, np.array([False])).tolist() == [np.inf] * 3


def test_tasks_are_apart():
    batch = walks(["sx", "sx"], rewards=[1.0, 0.0], tasks=["g", "h"])
    graph = transition_graph(batch, ends=np.array([True, True]))
    assert expected_values(graph, batch.rewards, 0.5).values.tolist() == [1.0, 0.0, 0.0]
    assert graph.task_of_node.tolist() == [0, 1, 2]


def test_numbers_and_texts_are_other_states():
    batch = StepBatch([0.0, 0.0], [0, 2], ["g"], [0.0], [False], {"state_key": np.array([1, 2]), "next_state_key": np.array(["2", "1"])})
    assert transition_graph(batch, ends=np.array([False])).nodes == 4


@pytest.mark.parametrize("name", ["state_key", "next_state_key"])
def test_a_state_without_a_key_is_named_by_its_column_and_row(name):
    batch = walks(["suv", "su"])
    keys = batch.column(name).copy()
    keys[1] = None
    with pytest.raises(CreditError, match=f"^{name} needs a key on every row, got None in row 1\\."):
        transition_graph(batch.with_columns({name: keys}), ends=np.array([True, True]))


def test_what_iteration_left_open_is_no_difference():
    groups = Grouping(np.array([0, 0, 1, 1]), 2)
    values = settled(np.array([1.0, 1.0 + 1e-9, 1.0, 1.1]), groups, np.full(4, 1e-9))
    assert values[0] == values[1]
    assert values[2:].tolist() == [1.0, 1.1]


def test_an_empty_batch_has_an_empty_graph():
    batch = StepBatch([], [0], [], [], [], {"state_key": [], "next_state_key": []})
    graph = transition_graph(batch, ends=np.zeros(0, dtype=bool))
    assert graph.nodes == graph.edges.heads.size == 0
    assert expected_values(graph, batch.rewards, 0.5).values.tolist() == best_values(graph, batch.rewards, 0.5).values.tolist() == [0.0]
