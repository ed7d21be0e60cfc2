"""The part of the page that shows credit step by step."""

import base64

from prm_gym.report.credit_pictures import CreditPictures
from prm_gym.report.formatting import counted, listed
from prm_gym.report.markup import Html, element, join
from prm_gym.report.tables import section
from prm_gym.report.theme import Picture

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
    )  # fmt: skip


def _shown(picture: Picture, said: str) -> Html:
    """A picture in the colours of the page; on paper the light one."""
    dark = element("source", srcset=_data(picture.dark), media="screen and (prefers-color-scheme: dark)")
    light = element("img", src=_data(picture.light), alt=said, width=round(picture.width * PIXELS), class_="graph")
    return element("div", element("picture", dark, light), class_="scroll", role="region", aria_label=said, tabindex=0)


def _data(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
