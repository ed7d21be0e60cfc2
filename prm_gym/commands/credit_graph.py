"""What the attempts at a task have in common: `credit-graph`."""

from pathlib import Path
from typing import Annotated

import tyro

from prm_gym.commands.records import print_records
from prm_gym.errors import StoreError


def credit_graph(
    path: Annotated[str, tyro.conf.Positional], task: str = "", credit: str = "salt", out: str = "", states: int = 150, json: bool = False
) -> None:
    """Draw the attempts at a task as one graph: states that several attempts met in, and every step coloured by its mean advantage.

    Args:
        path: file of trajectories.
        task: its group_id in the file; by default the one whose attempts, with several outcomes where possible, take the most steps in common.
        credit: credit assigner, with options after a question mark: `gigpo?gamma=0.9`. One that needs more than trajectories hold cannot be used here.
        out: file to draw to, as graph.svg or graph.png; nothing is drawn without it.
        states: that are drawn at most; those that the fewest attempts came by are left out, and the picture says how many.
        json: print the whole graph as JSON: states, steps, and the groups that GiGPO compares.
    """
    import msgspec

    from prm_gym.credit import StepBatch, assign
    from prm_gym.credit.step_graph import StepGraph, most_shared_task
    from prm_gym.store import read_trajectories

    batch = StepBatch.from_trajectories(read_trajectories(path))
    if not batch.rewards.size:
        raise StoreError(f"{path} holds no valid trajectory that can be read")
    graph = StepGraph.of(batch, assign(credit, batch), task or most_shared_task(batch))
    if out:
        from prm_gym.report.step_graph import draw_step_graph

        env = batch.trajectories[0].env_id if batch.trajectories else ""
        draw_step_graph(graph, Path(out), f"{env}, task {graph.tasks[0]}: credit by {credit}", states)
    if json:
        print(msgspec.json.format(msgspec.json.encode(graph.to_dict()), indent=1).decode())
        return
    nodes = [node for node in graph.nodes if not node.end]
    summary = {
        "task": f"task {graph.tasks[0]}",
        "attempts": graph.trajectories,
        "states": len(nodes),
        "states of several attempts": sum(node.merged for node in nodes),
        "steps": len(graph.edges),
        "steps of several attempts": sum(edge.shared for edge in graph.edges),
        "drawn to": out or None,
    }
    shared = sorted((edge for edge in graph.edges if edge.shared), key=lambda edge: (-edge.occurrences, edge.source, edge.target))
    rows = [{"step": f"{edge.action}  (state {edge.source} to {edge.target})", "taken": edge.occurrences, "advantage": edge.advantage} for edge in shared]
    print_records([summary, *rows], as_json=False)
