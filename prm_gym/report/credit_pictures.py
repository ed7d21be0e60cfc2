"""The attempts at one task by every credit assigner of a comparison: the graph with its advantages, and what GiGPO compares in it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prm_gym.credit import StepBatch
from prm_gym.credit.step_graph import StepGraph, most_shared_task
from prm_gym.credit.step_term import step_term
from prm_gym.credit.whole import assign_whole, lacking
from prm_gym.report.state_groups import groups_figure
from prm_gym.report.step_graph import graph_figure
from prm_gym.report.theme import DARK_THEME, LIGHT_THEME, Picture, Theme, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class CreditPictures:
    """What a page shows of one task.

    Attributes:
        task: its key, as text.
        attempts: at it.
        graphs: by specification of the assigner, in the order of the comparison.
        groups: what GiGPO compares, for each specification with `gigpo` in it; for plain "gigpo" where there is none.
        compared: the same as objects.
        left_out: columns that the trajectories lack, for each assigner that is not shown.
    """

    task: str
    attempts: int
    graphs: Mapping[str, Picture]
    groups: Mapping[str, Picture]
    compared: Mapping[str, StepGraph]
    left_out: Mapping[str, tuple[str, ...]]


def credit_pictures(batch: StepBatch, credits: Sequence[str], task: Hashable | None = None) -> CreditPictures:
    """Pictures of one task's attempts, in light and dark colours.

    Args:
        batch: of trajectories.
        credits: specifications of assigners; one that needs a column that the batch lacks is left out, and named.
        task: one of its `group_ids`; the one with the most in common unless given.

    Raises:
        MissingExtraError: matplotlib is not installed.
        CreditError: the task is not there, or there is none.
    """
    lacked = {credit: lacking(credit, batch) for credit in credits}
    shown, compared = graphs_of(batch, [credit for credit in credits if not lacked[credit]], most_shared_task(batch) if task is None else task)
    graph = next(iter(compared.values()))
    return CreditPictures(
        task=graph.tasks[0],
        attempts=graph.trajectories,
        graphs={credit: _picture(graph_figure, graph, f"credit by {credit}") for credit, graph in shown.items()},
        groups={credit: _picture(groups_figure, graph, f"what {credit} compares") for credit, graph in compared.items()},
        compared=compared,
        left_out={credit: names for credit, names in lacked.items() if names},
    )


def graphs_of(batch: StepBatch, credits: Sequence[str], task: Hashable) -> tuple[dict[str, StepGraph], dict[str, StepGraph]]:
    """The graph of every assigner, and those of them with `gigpo` in it, or of plain gigpo where there is none.

    The groups of all are those of GiGPO, so that a state has the same letter in all pictures, unless several have other options.

    Args:
        batch: with the columns that they need.
        credits: specifications of assigners.
        task: one of its `group_ids`.
    """
    found = {credit: step_term(credit, batch) for credit in credits}
    terms = {credit: term for credit, term in found.items() if term is not None} or {"gigpo": step_term("gigpo", batch)}
    first = next(iter(terms.values()))
    shown = {credit: StepGraph.of(batch, assign_whole(credit, batch), task, terms.get(credit, first)) for credit in credits}
    return shown, {credit: shown.get(credit) or StepGraph.of(batch, assign_whole(credit, batch), task, term) for credit, term in terms.items()}


def _picture(draw: "Callable[..., Figure]", graph: StepGraph, said: str) -> Picture:
    def drawn(theme: Theme) -> "Figure":
        return draw(graph, f"task {graph.tasks[0]}: {said}", theme=theme)

    light = drawn(LIGHT_THEME)
    return Picture(png(light, LIGHT_THEME), png(drawn(DARK_THEME), DARK_THEME), float(light.get_figwidth()))
