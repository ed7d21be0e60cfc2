"""The transitions of a batch as one graph for all tasks at once, and values that are propagated over it.

A node is a state of a task, an edge a transition that was seen. `prm_gym.credit.step_graph` has the same graph as objects to look at.

All propagation is by synchronous sweeps over the edges, O(E) each with E <= N distinct edges, and no loop over steps. How many sweeps each takes is said, and
bounded.
"""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np

from prm_gym.credit.array_types import BoolArray, Column, FloatArray, IntArray
from prm_gym.credit.grouping import Grouping, factorise, group_maxima, group_means, intersection, key_array
from prm_gym.credit.keys import by_task
from prm_gym.credit.normalize import NOISE, deviations
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import CreditError

TOLERANCE = 1e-10
"""The values of a task count as settled when a sweep moves none by more than this share of its largest reward."""


SWEEPS_BETWEEN_CHECKS = 32
"""After every so many sweeps the tasks whose values have settled are taken out of the further ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Distinct edges sorted by their source: of every source that has any, one run.

    Attributes:
        heads: [E] int64, target of each edge.
        weights: [E] float64, share of the steps taken in its source that took it; those of a source sum to 1.
        sources: [S] int64, the nodes that edges leave, ascending.
        starts: [S] int64, first edge of each source.
    """

    heads: IntArray
    weights: FloatArray
    sources: IntArray
    starts: IntArray

    def of(self, kept: BoolArray) -> "Edges":
        """The edges of the sources marked, [S] bool."""
        lengths = np.diff(self.starts, append=self.heads.size)
        chosen = np.repeat(kept, lengths)
        starts = np.cumsum(lengths[kept]) - lengths[kept]
        return Edges(self.heads[chosen], self.weights[chosen], self.sources[kept], starts)


Backup: TypeAlias = Callable[[FloatArray, Edges, FloatArray], FloatArray]
"""New values [S] of the sources, from what is constant [S], the edges, and gamma times the value [E] that each leads to."""


@dataclass(frozen=True, slots=True, eq=False)
class TransitionGraph:
    """Which node every step was taken in and led to, and the distinct edges of all tasks.

    Attributes:
        nodes: number of nodes. One more, number `nodes`, stands for the end of all trajectories; no edge leaves it.
        source: [N] int64, node in which each step was taken.
        target: [N] int64, node that it led to; `nodes` where the trajectory ended.
        task_of_node: [nodes + 1] int64, task of each node; one past the last task for the end.
        edge_of_step: [N] int64, edge of each step.
        edges: the distinct ones.
    """

    nodes: int
    source: IntArray
    target: IntArray
    task_of_node: IntArray
    edge_of_step: IntArray
    edges: Edges

    @property
    def visits(self) -> Grouping:
        """The steps by the node in which they were taken, [N]; nodes in which none was taken are no groups."""
        return factorise(self.source)

    @property
    def sizes(self) -> dict[str, float]:
        """`nodes` and `edges`, for diagnostics."""
        return {"nodes": float(self.nodes), "edges": float(self.edges.heads.size)}


def transition_graph(batch: StepBatch, *, ends: BoolArray) -> TransitionGraph:
    """The graph of all tasks of the batch. O(N log N).

    Args:
        batch: N steps with the columns `state_key` and `next_state_key`; keys of both kinds name the same states.
        ends: [M] bool, which trajectories end with the node of the end, rather than in the state of their last `next_state_key`.

    Raises:
        CreditError: a column is missing, or a key is None, NaN or not hashable; names the rows.
    """
    steps = batch.rewards.size
    tasks = by_task(batch)
    try:
        states = factorise(_side_by_side(batch), "state_key and next_state_key")
    except CreditError:
        for name in ("state_key", "next_state_key"):  # one of them is at fault, in a row of its own
            factorise(batch.column(name), name)
        raise
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
    edges = Edges(heads, counts / out[tails], sources, starts.astype(np.int64))
    return TransitionGraph(used.count, source, target, task_of_node, edge_of_step.astype(np.int64), edges)


@dataclass(frozen=True, slots=True, eq=False)
class NodeValues:
    """What a sweep made of the nodes.

    Attributes:
        values: [nodes + 1] float64; 0 for the end, and for nodes in which no step was taken.
        error: [nodes + 1] float64, how far each value may be from the solution, rounding included.
        sweeps: how many were made.
    """

    values: FloatArray
    error: FloatArray
    sweeps: int


def expected_values(graph: TransitionGraph, rewards: FloatArray, gamma: float) -> NodeValues:
    """Values of the nodes under the policy that made the steps, in the empirical decision process of the graph.

        V(u) = mean over the steps taken in u of (r + gamma V(s'))

    which is sum_a pi(a|u) sum_v P(v|u, a) (r + gamma V(v)) with pi and P counted. V of the end is 0, and of a node in which no step was taken: nothing is
    known of it. Value iteration from 0: exact after as many sweeps as the longest path where there is no cycle; otherwise every sweep brings the values nearer
    by gamma or more, and ceil(log(TOLERANCE) / log(gamma)) + 50 sweeps are the bound.

    Args:
        graph: of the N steps.
        rewards: [N] float64, per step.
        gamma: discount, in [0, 1).
    """
    taken = np.bincount(graph.edge_of_step, minlength=graph.edges.heads.size)
    edge_rewards = np.bincount(graph.edge_of_step, weights=rewards, minlength=graph.edges.heads.size) / taken
    expected = np.add.reduceat(graph.edges.weights * edge_rewards, graph.edges.starts) if graph.edges.heads.size else np.zeros(0)

    def backup(constant: FloatArray, edges: Edges, onwards: FloatArray) -> FloatArray:
        return constant + np.add.reduceat(edges.weights * onwards, edges.starts)

    return _iterated(graph, expected, np.zeros(graph.nodes + 1), gamma, backup, _most_sweeps(gamma), _scales(graph, rewards))


def best_values(graph: TransitionGraph, rewards: FloatArray, gamma: float) -> NodeValues:
    """The best that any trajectory has shown to be reachable from each node: the discounted reward of one step, the greatest.

        V(u) = max(max over the steps taken in u of r, gamma * max over the edges (u, v) of V(v))

    0 for the end and for a node in which no step was taken. Exact after as many sweeps as the longest shortest path; only where all that can be reached is
    negative do cycles go on shrinking it, up to the bound of `expected_values`. With gamma = 1 there are at most as many sweeps as nodes.

    Args:
        graph: of the N steps.
        rewards: [N] float64, per step.
        gamma: discount, in [0, 1].
    """
    best = np.full(graph.nodes + 1, -np.inf)
    np.maximum.at(best, graph.source, rewards)
    begin = np.where(np.isfinite(best), best, 0.0)

    def backup(constant: FloatArray, edges: Edges, onwards: FloatArray) -> FloatArray:
        return np.maximum(constant, np.maximum.reduceat(np.where(edges.heads < graph.nodes, onwards, -np.inf), edges.starts))

    most = _most_sweeps(gamma) if gamma < 1.0 else graph.nodes + 1
    return _iterated(graph, best[graph.edges.sources], begin, gamma, backup, most, _scales(graph, rewards))


def _most_sweeps(gamma: float) -> int:
    return math.ceil(math.log(TOLERANCE) / math.log(gamma)) + 50 if gamma else 2


def _scales(graph: TransitionGraph, values: FloatArray) -> FloatArray:
    """[tasks + 1] float64, the largest magnitude among the values of the steps of each task; the end is in none."""
    scales = np.zeros(int(graph.task_of_node[-1]) + 1)
    np.maximum.at(scales, graph.task_of_node[graph.source], np.abs(values))
    return scales


def _iterated(
    graph: TransitionGraph, constant: FloatArray, values: FloatArray, gamma: float, backup: Backup, most_sweeps: int, scales: FloatArray
) -> NodeValues:
    """Sweeps until no value moves by more than the tolerance of its task.

    Whether a task has settled is looked at after every `SWEEPS_BETWEEN_CHECKS` sweeps alone, so that how many it gets does not depend on the other tasks.
    """
    tolerances = TOLERANCE * scales if gamma < 1.0 else np.zeros_like(scales)
    left = np.zeros_like(scales)
    edges, sweeps = graph.edges, 0
    while edges.heads.size and sweeps < most_sweeps:
        swept = backup(constant, edges, gamma * values[edges.heads])
        change = np.abs(swept - values[edges.sources])
        values[edges.sources] = swept
        sweeps += 1
        task = graph.task_of_node[edges.sources]
        moving = change > tolerances[task]
        last = sweeps == most_sweeps or not change.any()
        if last or sweeps % SWEEPS_BETWEEN_CHECKS == 0:
            active = np.zeros(scales.size, dtype=np.bool_)
            active[task[moving]] = not last
            kept = active[task]
            np.maximum.at(left, task[~kept], change[~kept])
            edges, constant = edges.of(kept), constant[kept]
    # What is left may still grow by gamma + gamma**2 + ...; without discount nothing is left.
    open_end = left * gamma / (1.0 - gamma) if gamma < 1.0 else left
    return NodeValues(values, (open_end + NOISE * _scales(graph, values[graph.source]))[graph.task_of_node], sweeps)


def steps_to_goal(graph: TransitionGraph, arrives: BoolArray) -> FloatArray:
    """[nodes + 1] float64, how many steps the shortest way from each node takes to a goal; infinite where no way is known, and for the end.

    A node from which a step arrives is 1 away. As many sweeps as the longest of these ways, plus one.

    Args:
        graph: of the N steps.
        arrives: [N] bool, which steps arrive at a goal.
    """
    distances = np.full(graph.nodes + 1, np.inf)
    distances[graph.source[arrives]] = 1.0
    moved = graph.edges.heads.size > 0
    while moved:
        swept = np.minimum(distances[graph.edges.sources], 1.0 + np.minimum.reduceat(distances[graph.edges.heads], graph.edges.starts))
        moved = not np.array_equal(swept, distances[graph.edges.sources])
        distances[graph.edges.sources] = swept
    return distances


def settled(values: FloatArray, groups: Grouping, error: FloatArray) -> FloatArray:
    """[N] float64, the values with those of a group made equal where they differ by no more than what iteration has left open.

    Dividing by a standard deviation would otherwise make advantages of order one out of what is no difference.

    Args:
        values: [N] float64.
        groups: of the N rows.
        error: [N] float64, how far each value may be from its true one.
    """
    spread = group_maxima(np.abs(deviations(values, groups)), groups)
    equal = spread <= 2.0 * group_maxima(error, groups)
    return np.where(equal[groups.codes], group_means(values, groups)[groups.codes], values)


def _side_by_side(batch: StepBatch) -> Column:
    """[2N] keys: the states of the steps, then the states that they led to. Numbers and texts are not made one kind."""
    state, following = batch.column("state_key"), batch.column("next_state_key")
    if state.dtype.kind in "iub" and state.dtype == following.dtype:
        return np.concatenate([state, following])
    return key_array([*cast("list[Hashable]", state.tolist()), *cast("list[Hashable]", following.tolist())])
