"""The part of the page that shows credit step by step."""

import base64
from collections.abc import Sequence

from prm_gym.credit.step_graph import StepGraph
from prm_gym.report.credit_pictures import CreditPictures
from prm_gym.report.formatting import MINUS, counted, listed
from prm_gym.report.markup import Html, element, join
from prm_gym.report.state_groups import action_lines, attempts_of, named_groups, state_text
from prm_gym.report.tables import Column, Figure, section, table
from prm_gym.report.theme import Picture, shortened

LENGTH = 40
"""Of a state or an action in the table, in characters."""
PIXELS = 79
"""A picture's inch on the page, in which that of the groups then just fits. One that is wider scrolls."""


def credit_section(pictures: CreditPictures | None) -> Html:
    """The same attempts at a task with the credit that each assigner gives their steps, and what GiGPO compares; nothing without pictures."""
    if pictures is None:
        return join()
    about = f"{counted(pictures.attempts, 'attempt')} at the task {pictures.task}, the same in every picture; a picture that is wider than the page scrolls."
    graphs = (
        " A circle is a state, filled where several attempts met; a line is a step, the wider the more often it was taken, coloured by its mean advantage."
        if pictures.graphs
        else ""
    )
    left_out = "".join(f" {credit} is not shown: the trajectories lack {listed(list(names))}." for credit, names in pictures.left_out.items())
    groups = (
        "GiGPO\u2019s step term compares a visit with the other visits to the same state, which bears the same letter in the graph: a dot is the return of a "
        "visit; its distance from the upright line, the mean of the group, is the step advantage, which is 0 where all returns are the same."
    )
    return section(
        "graphs", "Credit, step by step", element("p", about + graphs + left_out, class_="caption"),
        *(_shown(picture, f"Credit by {credit}, step by step.") for credit, picture in pictures.graphs.items()),
        element("p", groups, class_="caption"),
        *(_shown(picture, f"What {credit} compares: visits to the same state.") for credit, picture in pictures.groups.items()),
        *(_numbers(credit, graph) for credit, graph in pictures.compared.items()),
    )  # fmt: skip


def _numbers(credit: str, graph: StepGraph) -> Html:
    """The same as a table, for whoever cannot see the picture or wants to copy its figures; of all groups of several visits."""
    columns = (
        Column("Group"), Column("State"), Column("Action"), Column("Attempts"), Column("Visits", kind="number"), Column("Return", kind="number"),
        Column("Group mean", kind="number"), Column("Step advantage", kind="number"),
    )  # fmt: skip
    rows = [
        (
            name, state_text(graph, group, LENGTH), shortened(line.action, LENGTH), attempts_of(graph, group, line),
            Figure(str(len(line.visits)), len(line.visits)), _mean([group.returns[place] for place in line.visits]),
            _mean([group.mean]), _mean([group.step_advantages[place] for place in line.visits]),
        )
        for name, group in named_groups(graph).items()
        for line in action_lines(group)
    ]  # fmt: skip
    made = table(f"What {credit} compares; returns and step advantages are means over the visits of a line", columns, rows, show_caption=True)
    return element("details", element("summary", f"The numbers behind what {credit} compares"), made)


def _mean(values: Sequence[float]) -> Figure:
    mean = sum(values) / len(values)
    return Figure(f"{mean:.4g}".replace("-", MINUS), mean)


def _shown(picture: Picture, said: str) -> Html:
    """A picture in the colours of the page; on paper the light one."""
    dark = element("source", srcset=_data(picture.dark), media="screen and (prefers-color-scheme: dark)")
    light = element("img", src=_data(picture.light), alt=said, width=round(picture.width * PIXELS), class_="graph")
    return element("div", element("picture", dark, light), class_="scroll", role="region", aria_label=said, tabindex=0)


def _data(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
