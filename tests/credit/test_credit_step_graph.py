import json
from dataclasses import replace

import numpy as np
import pytest

from prm_gym.credit import StepBatch, gigpo, key_array, rloo, salt
from prm_gym.credit.step_graph import StepGraph, most_shared_task
from prm_gym.errors import CreditError


def forked(tasks=("g", "g", "g"), truncated=(False, False, True)):
    """Three attempts: all go s -a-> u; two go on u -b-> v and finish with 1 and 0, the third goes u -c-> w and is cut there."""
    keys = {"state_key": list("sususu"), "action_key": list("ababac"), "next_state_key": list("uvuvuw")}
    return StepBatch([0, 1, 0, 0, 0, 0], [0, 2, 4, 6], list(tasks), [1, 0, 0], list(truncated), keys)


def test_states_steps_and_ends_by_hand():
    # RLOO: 1, -1/2, -1/2; SALT: (s,a,u) 0 in all, (u,b,v) (1 - 1/2) / 2 = 1/4, (u,c,w) -1/2.
    batch = forked()
    graph = StepGraph.of(batch, salt(batch, base="rloo"))
    # s and u, the end after u with outcome 1, that with outcome 0, and w, in which the third was cut.
    named = [(node.key, node.depth, node.visits, node.trajectories, node.starts, node.cut, node.end, node.outcome, node.merged) for node in graph.nodes]
    assert named == [
        ("s", 0, 3, 3, 3, 0, False, None, True),
        ("u", 1, 3, 3, 0, 0, False, None, True),
        ("u", 2, 1, 1, 0, 0, True, 1.0, False),
        ("u", 2, 1, 1, 0, 0, True, 0.0, False),
        ("w", 2, 0, 1, 0, 1, False, None, False),
    ]
    edges = [(edge.source, edge.target, edge.action, edge.occurrences, edge.shared, edge.advantage, edge.rows) for edge in graph.edges]
    assert edges == [
        (0, 1, "a", 3, True, 0.0, (0, 2, 4)),
        (1, 2, "b", 1, False, 0.25, (1,)),
        (1, 3, "b", 1, False, 0.25, (3,)),
        (1, 4, "c", 1, False, -0.5, (5,)),
    ]
    assert (graph.tasks, graph.attempts, graph.trajectories) == (("g",), (0, 1, 2), 3)


def test_steps_that_the_credit_takes_out_move_no_mean():
    # RLOO: 1, -1/2, -1/2. With the third attempt taken out, and the second's end: a is (1 - 1/2) / 2, b of the first 1; of the two others nothing is learned.
    batch = forked()
    credit = rloo(batch)
    graph = StepGraph.of(batch, replace(credit, keep=np.array([True, True, True, False, False, False])))
    assert [(edge.action, edge.occurrences, edge.advantage) for edge in graph.edges] == [("a", 3, 0.25), ("b", 1, 1.0), ("b", 1, None), ("c", 1, None)]
    assert [edge["advantage"] for edge in graph.to_dict()["edges"]] == [0.25, 1.0, None, None]


def test_the_groups_of_gigpo_by_hand():
    # gamma 1/2: returns 1/2, 1 | 0, 0 | 0, 0. In s: 1/2, 0, 0 with mean 1/6; in u: 1, 0, 0 with mean 1/3.
    batch = forked()
    credit = gigpo(batch, gamma=0.5)
    first, second = StepGraph.of(batch, credit).groups
    assert (first.nodes, first.rows, first.trajectories, first.actions, first.returns) == ((0,), (0, 2, 4), (0, 1, 2), ("a", "a", "a"), (0.5, 0.0, 0.0))
    np.testing.assert_allclose(first.step_advantages, [1 / 3, -1 / 6, -1 / 6])
    np.testing.assert_allclose(second.step_advantages, [2 / 3, -1 / 3, -1 / 3])
    # Deviations 1/3, -1/6, -1/6: squares 1/9 + 2/36 = 1/6, over 3 - 1.
    assert (first.mean, first.spread, first.attempts) == (pytest.approx(1 / 6), pytest.approx((1 / 12) ** 0.5), 3)
    step_term = credit.advantages - gigpo(batch, gamma=0.5, step_weight=0.0).advantages
    np.testing.assert_allclose(second.step_advantages, step_term[[1, 3, 5]])


def test_equal_returns_differ_by_exactly_nothing():
    # Seven times 0.7 add up to 4.8999..., a seventh of which is not 0.7; GiGPO's step term is exactly 0 there.
    keys = {"state_key": ["s"] * 7, "action_key": ["a"] * 7, "next_state_key": ["s"] * 7}
    batch = StepBatch([0.7] * 7, range(8), ["g"] * 7, [1] * 7, [False] * 7, keys)
    (group,) = StepGraph.of(batch, gigpo(batch)).groups
    assert group.step_advantages == (0.0,) * 7
    assert group.spread == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_every_step_is_in_one_edge_and_one_group(make_walks, seed):
    batch = make_walks(seed)
    graph = StepGraph.of(batch, rloo(batch))
    for parts in (graph.edges, graph.groups):
        assert sorted(row for part in parts for row in part.rows) == list(range(batch.rewards.size))
    assert [node.number for node in graph.nodes] == list(range(len(graph.nodes)))
    total = sum(edge.advantage * edge.occurrences for edge in graph.edges)
    assert total == pytest.approx(rloo(batch).advantages.sum(), abs=1e-12)
    # An edge goes one deeper at most.
    assert all(graph.nodes[edge.target].depth <= graph.nodes[edge.source].depth + 1 for edge in graph.edges)
    assert sum(node.starts for node in graph.nodes) == graph.trajectories == len(batch.group_ids)
    assert sum(node.cut for node in graph.nodes) + sum(node.visits for node in graph.nodes if node.end) == graph.trajectories


def test_a_task_of_several_is_picked_out(make_walks):
    batch = make_walks(1)
    credit = rloo(batch)
    whole = StepGraph.of(batch, credit)
    parts = [StepGraph.of(batch, credit, task) for task in whole.tasks]
    assert sum(len(part.nodes) for part in parts) == len(whole.nodes)
    assert sum(len(part.edges) for part in parts) == len(whole.edges)
    with pytest.raises(CreditError, match=r"No task of the batch has the key '77'. .*Its tasks: "):
        StepGraph.of(batch, credit, "77")


def test_it_is_json(make_walks):
    # Keys of any kind, an outcome that is not known, a loop: all of it is plain values.
    keys = {"state_key": key_array([b"s", ("u", 1)]), "action_key": [1, 2], "next_state_key": key_array([("u", 1), b"s"])}
    batch = StepBatch([0.0, 0.0], [0, 2], [7], [np.nan], [False], keys)
    graph = json.loads(json.dumps(StepGraph.of(batch, rloo(batch), 7).to_dict()))
    assert [node["key"] for node in graph["nodes"]] == ["s", "('u', 1)", "('u', 1)"]
    assert graph["nodes"][2]["end"] is True
    assert graph["nodes"][2]["outcome"] is None


def test_the_task_with_the_most_in_common_by_hand():
    # In task g two attempts share one step, in h two share two; k shares three, but has one outcome alone.
    keys = {"state_key": list("sxsy" + "stst" + "stvstv"), "action_key": list("aaab" + "aaaa" + "aaaaaa"), "next_state_key": list("xeye" + "tete" + "tvetve")}
    keys["next_state_key"][2] = "x"
    offsets, tasks = [0, 2, 4, 6, 8, 11, 14], list("gghhkk")
    batch = StepBatch(np.zeros(14), offsets, tasks, [1, 0, 1, 0, 1, 1], [False] * 6, keys)
    assert most_shared_task(batch) == "h"
    same = StepBatch(np.zeros(14), offsets, tasks, [1, 1, 0, 0, 1, 1], [False] * 6, keys)
    assert most_shared_task(same) == "k"


def test_what_does_not_fit_is_refused():
    batch = forked()
    with pytest.raises(CreditError, match="The credit has 2 steps and the batch 6"):
        StepGraph.of(batch, rloo(StepBatch([0, 1], [0, 2], ["g"], [1], [False])))
    with pytest.raises(CreditError, match="has no column 'action_key'"):
        StepGraph.of(StepBatch([0.0], [0, 1], ["g"], [0], [False], {"state_key": ["s"]}), rloo(StepBatch([0.0], [0, 1], ["g"], [0], [False])))
    with pytest.raises(CreditError, match="no trajectories"):
        most_shared_task(StepBatch([], [0], [], [], []))
