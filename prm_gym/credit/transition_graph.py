"""The transitions of a batch as one graph for all tasks at once, and values that are propagated over it.

A node is a state of a task, an edge a transition that was seen. `prm_gym.credit.graph` has the same graph as objects to look at.

All propagation is by synchronous sweeps over the edges, O(E) each with E <= N distinct edges, and no loop over steps. How many sweeps each takes is said, and
bounded.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import cast

import numpy as np

from prm_gym.credit.array_types import BoolArray, Column, FloatArray, IntArray
from prm_gym.credit.grouping import Grouping, factorise, group_maxima, group_means, intersection, key_array
from prm_gym.credit.keys import by_task
from prm_gym.credit.normalize import NOISE, deviations
from prm_gym.credit.step_batch import StepBatch

TOLERANCE = 1e-10
"""Values count as settled when a sweep moves none by more than this share of the largest reward."""


@dataclass(frozen=True, slots=True, eq=False)
class TransitionGraph:
    """Nodes, and distinct edges sorted by their source: of every source that has any, one run.

    Attributes:
        nodes: number of nodes. One more, number `nodes`, stands for the end of all trajectories; no edge leaves it.
        source: [N] int64, node in which each step was taken.
        target: [N] int64, node that it led to; `nodes` where the trajectory ended.
        task_of_node: [nodes + 1] int64, task of each node; one past the last task for the end.
        edge_of_step: [N] int64, edge of each step.
        heads: [E] int64, target of each edge.
        weights: [E] float64, share of the steps taken in its source that took it; those of a source sum to 1.
        sources: [S] int64, the nodes that edges leave, ascending.
        starts: [S] int64, first edge of each source.
    """

    nodes: int
    source: IntArray
    target: IntArray
    task_of_node: IntArray
    edge_of_step: IntArray
    heads: IntArray
    weights: FloatArray
    sources: IntArray
    starts: IntArray

    @property
    def visits(self) -> Grouping:
        """The steps by the node in which they were taken, [N]; nodes in which none was taken are no groups."""
        return factorise(self.source)


def transition_graph(batch: StepBatch, *, ends: BoolArray) -> TransitionGraph:
    """The graph of all tasks of the batch. O(N log N).

    Args:
        batch: N steps with the columns `state_key` and `next_state_key`; keys of both kinds name the same states.
        ends: [M] bool, which trajectories end with the node of the end, rather than in the state of their last `next_state_key`.
    """
    steps = batch.rewards.size
    tasks = by_task(batch)
    states = factorise(_side_by_side(batch), "state_key and next_state_key")
    both = intersection(Grouping(np.tile(tasks.codes, 2), tasks.count), states)
    source, target = both.codes[:steps], both.codes[steps:].copy()
    target[batch.offsets[1:][ends] - 1] = both.count
    used = factorise(np.concatenate([source, target[target < both.count]]))  # a state that is nothing but an end is no node
    renamed = np.full(both.count + 1, used.count, dtype=np.int64)
    renamed[source], renamed[target[target < both.count]] = used.codes[:steps], used.codes[steps:]
    source, target = renamed[source], renamed[target]
    task_of_node = np.full(used.count + 1, tasks.count, dtype=np.int64)
    task_of_node[target[target < used.count]], task_of_node[source] = tasks.codes[target < used.count], tasks.codes
    pairs, edge_of_step, counts = np.unique(source * np.int64(used.count + 1) + target, return_inverse=True, return_counts=True)
    tails, heads = pairs // (used.count + 1), pairs % (used.count + 1)
    sources, starts = np.unique(tails, return_index=True)
    out = np.bincount(source, minlength=used.count + 1)
    weights = counts / out[tails]
    return TransitionGraph(used.count, source, target, task_of_node, edge_of_step.astype(np.int64), heads, weights, sources, starts.astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class NodeValues:
    """What a sweep made of the nodes.

    Attributes:
        values: [nodes + 1] float64; 0 for the end, and for nodes in which no step was taken.
        error: how far a value may be from the solution, in absolute terms, rounding included.
        sweeps: how many were made.
    """

    values: FloatArray
    error: float
    sweeps: int


def expected_values(graph: TransitionGraph, rewards: FloatArray, gamma: float) -> NodeValues:
    """Values of the nodes under the policy that made the steps, in the empirical decision process of the graph.

        V(u) = mean over the steps taken in u of (r + gamma V(s'))

    which is sum_a pi(a|u) sum_v P(v|u, a) (r + gamma V(v)) with pi and P counted. V of the end is 0, and of a node in which no step was taken: nothing is known
    of it. Value iteration from 0: exact after as many sweeps as the longest path where there is no cycle; otherwise each sweep brings the values nearer by
    gamma, and ceil(log(TOLERANCE) / log(gamma)) + 50 sweeps are the bound.

    Args:
        graph: of the N steps.
        rewards: [N] float64, per step.
        gamma: discount, in [0, 1).
    """
    edge_rewards = np.bincount(graph.edge_of_step, weights=rewards, minlength=graph.heads.size) / np.maximum(np.bincount(graph.edge_of_step), 1)
    values = np.zeros(graph.nodes + 1)
    scale = float(np.abs(rewards).max(initial=0.0))
    if not scale:
        return NodeValues(values, 0.0, 0)
    expected = np.add.reduceat(graph.weights * edge_rewards, graph.starts)
    bound = math.ceil(math.log(TOLERANCE) / math.log(gamma)) + 50 if gamma else 1
    change, sweeps = np.inf, 0
    while sweeps < bound and change > TOLERANCE * scale:
        swept = expected + gamma * np.add.reduceat(graph.weights * values[graph.heads], graph.starts)
        change = float(np.abs(swept - values[graph.sources]).max())
        values[graph.sources] = swept
        sweeps += 1
    return NodeValues(values, change * gamma / (1.0 - gamma) + NOISE * float(np.abs(values).max()), sweeps)


def best_values(graph: TransitionGraph, rewards: FloatArray, gamma: float, most_sweeps: int = 1_000) -> NodeValues:
    """The best that any trajectory has shown to be reachable from each node: the discounted reward of one step, the greatest.

        V(u) = max(max over the steps taken in u of r, gamma * max over the edges (u, v) of V(v))

    0 for the end and for a node in which no step was taken. Exact after as many sweeps as the longest shortest path; where rewards are negative a cycle goes on
    shrinking them, up to the bound.

    Args:
        graph: of the N steps.
        rewards: [N] float64, per step.
        gamma: discount, in [0, 1].
        most_sweeps: the bound; the authors' code has 1,000.
    """
    best = np.full(graph.nodes + 1, -np.inf)
    np.maximum.at(best, graph.source, rewards)
    values = np.where(np.isfinite(best), best, 0.0)
    passing = graph.heads < graph.nodes
    sweeps, moved = 0, graph.heads.size > 0
    while moved and sweeps < most_sweeps:
        onwards = np.maximum.reduceat(np.where(passing, gamma * values[graph.heads], -np.inf), graph.starts)
        swept = np.maximum(best[graph.sources], onwards)
        moved = not np.array_equal(swept, values[graph.sources])
        values[graph.sources] = swept
        sweeps += 1
    return NodeValues(values, NOISE * float(np.abs(values).max()), sweeps)


def steps_to_goal(graph: TransitionGraph, arrives: BoolArray) -> FloatArray:
    """[nodes + 1] float64, how many steps the shortest way from each node takes to a goal; infinite where no way is known, and for the end.

    A node from which a step arrives is 1 away. As many sweeps as the longest of these ways, plus one.

    Args:
        graph: of the N steps.
        arrives: [N] bool, which steps arrive at a goal.
    """
    distances = np.full(graph.nodes + 1, np.inf)
    distances[graph.source[arrives]] = 1.0
    moved = graph.heads.size > 0
    while moved:
        swept = np.minimum(distances[graph.sources], 1.0 + np.minimum.reduceat(distances[graph.heads], graph.starts))
        moved = not np.array_equal(swept, distances[graph.sources])
        distances[graph.sources] = swept
    return distances


def settled(values: FloatArray, groups: Grouping, error: float) -> FloatArray:
    """[N] float64, the values with those of a group made equal where they differ by no more than what iteration has left open.

    Dividing by a standard deviation would otherwise make advantages of order one out of what is no difference.

    Args:
        values: [N] float64, each up to `error` away from its true value.
        groups: of the N rows.
        error: in absolute terms, from 0.
    """
    spread = group_maxima(np.abs(deviations(values, groups)), groups)
    return np.where((spread <= 2.0 * error)[groups.codes], group_means(values, groups)[groups.codes], values)


def _side_by_side(batch: StepBatch) -> Column:
    """[2N] keys: the states of the steps, then the states that they led to. Numbers and texts are not made one kind."""
    state, following = batch.column("state_key"), batch.column("next_state_key")
    if state.dtype.kind in "iub" and state.dtype == following.dtype:
        return np.concatenate([state, following])
    return key_array([*cast("list[Hashable]", state.tolist()), *cast("list[Hashable]", following.tolist())])
