"""What the attempts at a task have in common: `credit-graph`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from prm_gym.commands.records import print_records
from prm_gym.errors import CreditError, StoreError

if TYPE_CHECKING:
    from prm_gym.credit import StepBatch
    from prm_gym.credit.step_graph import StepGraph


def credit_graph(
    path: Annotated[str, tyro.conf.Positional],
    task: str = "",
    credit: str = "salt",
    signal: tuple[str, ...] = (),
    out: str = "",
    groups: str = "",
    states: int = 150,
    dark: bool = False,
    json: bool = False,
) -> None:
    """Draw the attempts at a task as one graph: states that several attempts met in, and every step coloured by its mean advantage.

    Args:
        path: file of trajectories.
        task: its group_id in the file; by default the one whose attempts, with several outcomes where possible, take the most steps in common.
        credit: credit assigner or pipeline, with options after a question mark: `gigpo?gamma=0.9`. Those of trees take the tree that the attempts make by what
            they began alike; one that needs more than trajectories hold is refused, and the message says what would fill it.
        signal: learned signals that fill columns, with options: 'mc_value:random?k=9'.
        out: file to draw the graph to, as graph.svg or graph.png; nothing is drawn without it.
        groups: file to draw what GiGPO compares to, as groups.svg: visits to one state, the mean of their returns, the step advantage of each.
        states: that are drawn at most; those that the fewest attempts came by are left out, and the picture says how many.
        dark: draw on dark paper.
        json: print the whole graph as JSON: states, steps, and the groups that GiGPO compares.
    """
    import msgspec

    from prm_gym.credit import StepBatch
    from prm_gym.credit.step_graph import StepGraph, most_shared_task
    from prm_gym.credit.step_term import step_term
    from prm_gym.credit.whole import assign_whole
    from prm_gym.store import read_trajectories

    batch = StepBatch.from_trajectories(read_trajectories(path))
    if not batch.rewards.size:
        raise StoreError(f"{path} holds no valid trajectory that can be read")
    batch = _filled(batch, credit, signal)
    graph = StepGraph.of(batch, assign_whole(credit, batch), task or most_shared_task(batch), step_term(credit, batch))
    env = batch.trajectories[0].env_id if batch.trajectories else ""
    _draw(graph, f"{env}, task {graph.tasks[0]}", credit, (out, groups), states, dark)
    if json:
        print(msgspec.json.format(msgspec.json.encode(graph.to_dict()), indent=1).decode())
        return
    print_records(_records(graph, out, groups), as_json=False)


def _filled(batch: "StepBatch", credit: str, signals: tuple[str, ...]) -> "StepBatch":
    """The batch with the columns of the signals; refused where the assigner needs others too."""
    from prm_gym.credit import SIGNALS, make_signal
    from prm_gym.credit.columns import SOURCES
    from prm_gym.credit.whole import lacking

    for spec in signals:
        made = make_signal(spec, seed=0)
        try:
            if made.learns_first:
                made.fit(batch)
            batch = batch.with_columns(made.columns(batch))
        finally:
            made.close()
    missing = lacking(credit, batch)
    if missing:
        said = [f"{name}: {SOURCES.get(name, 'nobody is known who fills it')}" for name in missing]
        said += [f"here --signal {name} fills it, with its options (`prm-gym credit {name}`)" for name in missing if name in SIGNALS.names()]
        raise CreditError(f"{credit!r} cannot be shown over these trajectories alone, which lack {', '.join(missing)}. " + "; ".join(said) + ".")
    return batch


def _draw(graph: "StepGraph", about: str, credit: str, paths: tuple[str, str], states: int, dark: bool) -> None:
    if not any(paths):
        return
    from prm_gym.report.state_groups import draw_state_groups
    from prm_gym.report.step_graph import draw_step_graph
    from prm_gym.report.theme import DARK_THEME, LIGHT_THEME

    theme = DARK_THEME if dark else LIGHT_THEME
    graph_path, groups_path = paths
    if graph_path:
        draw_step_graph(graph, Path(graph_path), f"{about}: credit by {credit}", states, theme)
    if groups_path:
        draw_state_groups(graph, Path(groups_path), f"{about}: visits to one state, by the returns of {credit}", theme)


def _records(graph: "StepGraph", out: str, groups: str) -> list[dict[str, Any]]:
    """Counts, then the steps that several attempts took, the most frequent ones first."""
    nodes = [node for node in graph.nodes if not node.end]
    summary = {
        "task": f"task {graph.tasks[0]}",
        "attempts": graph.trajectories,
        "states": len(nodes),
        "states of several attempts": sum(node.merged for node in nodes),
        "steps": len(graph.edges),
        "steps of several attempts": sum(edge.shared for edge in graph.edges),
        "groups of several visits": sum(len(group.rows) > 1 for group in graph.groups),
        "of them with returns that differ": sum(bool(group.spread) for group in graph.groups),
        "drawn to": ", ".join(path for path in (out, groups) if path) or None,
    }
    shared = sorted((edge for edge in graph.edges if edge.shared), key=lambda edge: (-edge.occurrences, edge.source, edge.target))
    rows = [
        {
            "step": f"{edge.action}  (state {edge.source} to {edge.target})",
            "taken": edge.occurrences,
            "advantage": "none: taken out" if edge.advantage is None else edge.advantage,
        }
        for edge in shared
    ]
    return [summary, *rows]
