"""The graph of a group's attempts as JSON values: places and curves of `prm_gym.report.step_graph`, advantages of every assigner."""

from typing import Any

import numpy as np

from prm_gym.credit import Credit, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.step_graph import StateNode, StepGraph
from prm_gym.errors import CreditError, StoreError
from prm_gym.report.step_graph import bends, curve, layered
from prm_gym.report.theme import shortened
from prm_gym.viewer.advantages import learnable
from prm_gym.viewer.collection import SHORT, Collection

MOST_ATTEMPTS = 256
"""Attempts of a group that its graph is made of: the first ones."""


def group_graph(collection: Collection, number: int) -> dict[str, Any]:
    """The graph of a group: nodes, steps with the rows they stand for, and what is left out; or the `reason` why there is none.

    Args:
        collection: of the trajectories.
        number: of the group.
    """
    members = collection.groups[number].members[:MOST_ATTEMPTS]
    try:
        attempts = {member: found for member in members if learnable(found := collection.trajectory(member))}
        if not attempts:
            return {"reason": "no attempt is valid and has steps"}
        batch = StepBatch.from_trajectories(attempts.values())
        names = collection.advantages.names
        values = [_of_rows([collection.advantages.of(name, member) for member in attempts], batch) for name in names]
        first = values[0] if values else np.full(batch.rewards.size, np.nan)
        kept = ~np.isnan(first)
        # The groups that GiGPO compares, which returns are for, are not shown.
        graph = StepGraph.of(batch, Credit(np.where(kept, first, 0.0), np.zeros(first.size), kept, {}))
    except (CreditError, StoreError) as error:
        return {"reason": str(error)}
    rows = [[member, place] for member, found in attempts.items() for place in range(len(found.steps))]
    left = len(collection.groups[number].members) - len(attempts)
    return _laid_out(graph, values, rows, f"{left:,} attempts are not in the graph." if left else "")


def _laid_out(graph: StepGraph, values: list[FloatArray], rows: list[list[int]], left_out: str) -> dict[str, Any]:
    layout = layered(graph)
    edges: list[dict[str, Any]] = []
    for edge, bend in bends(layout):
        points = curve(layout.places[edge.source], layout.places[edge.target], bend)
        edges.append(
            {
                "source": edge.source,
                "target": edge.target,
                "action": shortened(edge.action, SHORT),
                "attempts": edge.trajectories,
                "curve": [[round(x, 3), round(y, 3)] for x, y in points],
                "rows": [rows[row] for row in edge.rows],
                "advantages": [_mean(each[list(edge.rows)]) for each in values],
            }
        )
    nodes = [_node(node, layout.places[node.number]) for node in graph.nodes if node.number in layout.places]
    return {"nodes": nodes, "edges": edges, "left_out": f"{layout.left_out} {left_out}".strip()}


def _node(node: StateNode, place: tuple[float, float]) -> dict[str, Any]:
    return {
        "number": node.number,
        "x": place[0],
        "y": round(place[1], 3),
        "text": shortened(node.text, SHORT),
        "attempts": node.trajectories,
        "visits": node.visits,
        "starts": node.starts,
        "cut": node.cut,
        **({"end": True, "outcome": node.outcome} if node.end else {}),
    }


def _of_rows(parts: "list[FloatArray | None]", batch: StepBatch) -> FloatArray:
    """[N] float64, NaN where nothing is known."""
    return np.concatenate([np.full(int(length), np.nan) if part is None else part for part, length in zip(parts, batch.lengths, strict=True)])


def _mean(values: FloatArray) -> float | None:
    """Mean of what is known; None of nothing."""
    known = values[~np.isnan(values)]
    return float(f"{known.mean():.5g}") if known.size else None
