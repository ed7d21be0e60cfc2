"""Success against budget as a picture file, a line for each method of search."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prm_gym.errors import MissingExtraError, OptionError
from prm_gym.report.formatting import compact
from prm_gym.report.palette import LIGHT, colour_index, line_style, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from prm_gym.search.study import Point

INK, SOFT, RULE = "#1d2127", "#59616b", "#e3e6ea"
MOST_BANDS = 5  # more lie on top of one another and hide the lines


def draw_search(points: "Sequence[Point]", unit: str, title: str, path: Path) -> None:
    """Write the curves: mean outcome, and with up to five methods its 95% band over tasks, against the budget, which doubles from mark to mark.

    Args:
        points: of the study, with at least one valid task.
        unit: of the budgets, in words.
        title: of the figure.
        path: file to write; its suffix names the format (PNG where it has none).

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: there is nothing to draw.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    if not any(point.success for point in points):
        raise OptionError("no task of these searches is valid: there is nothing to draw")
    figure = Figure(figsize=(9.2, 4.6), dpi=200, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    budgets = sorted({point.budget for point in points})
    _frame(axes, budgets, unit)
    methods = list(dict.fromkeys(point.method for point in points))
    for series, method in enumerate(methods):
        own = sorted((point for point in points if point.method == method and point.success is not None), key=lambda point: point.budget)
        _draw(axes, own, method, series, band=len(methods) <= MOST_BANDS)
    legend = figure.legend(loc="outside right center", frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
        text.set_color(INK)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, color=INK, parse_math=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor="white", metadata={"Software": None} if path.suffix in ("", ".png") else None)


def _frame(axes: "Axes", budgets: Sequence[int], unit: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(budgets, [compact(budget) for budget in budgets])
    axes.minorticks_off()
    axes.set_xlim(budgets[0] / 1.15, budgets[-1] * 1.15)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(visible=True, axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5, colors=SOFT)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.set_xlabel(f"{unit.replace('_', ' ')} a task, at most", fontsize=9, color=SOFT)
    axes.set_ylabel("success", fontsize=9, color=SOFT)


def _draw(axes: "Axes", points: "Sequence[Point]", method: str, series: int, band: bool) -> None:
    """One method: its mean, and the band where it is wanted and every point has an interval."""
    budgets = [point.budget for point in points]
    known = [point.success for point in points if point.success is not None]
    colour = LIGHT[colour_index(series)]
    ends = [(each.low, each.high) for each in known if each.low is not None and each.high is not None]
    if band and len(ends) == len(points):
        axes.fill_between(budgets, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.1, linewidth=0)
    means = [each.mean for each in known]
    axes.plot(
        budgets, means, color=colour, linewidth=1.7, linestyle=line_style(series), marker=marker(series), markersize=5, markeredgecolor="white",
        markeredgewidth=0.6, label=method,
    )  # fmt: skip
