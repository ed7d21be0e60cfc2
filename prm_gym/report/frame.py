"""The frame of every picture: light rules and no box, in three greys."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, RULE = "#1d2127", "#59616b", "#e3e6ea"
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SHARE_NAMES = ("0", "0.25", "0.5", "0.75", "1")


def draw_frame(axes: "Axes") -> None:
    """Rules at the ticks of the y axis, a line below, and nothing else."""
    axes.grid(visible=True, axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, colors=SOFT)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
