"""Learning curves as a picture file: success against environment steps, a panel for each reward scheme."""

from pathlib import Path
from typing import TYPE_CHECKING

from prm_gym.errors import MissingExtraError
from prm_gym.report.axis import spread, step_ticks
from prm_gym.report.comparison import Comparison, Reference
from prm_gym.report.formatting import compact, share
from prm_gym.report.frame import INK, SHARE_NAMES, SHARES, SOFT, draw_frame
from prm_gym.report.learning_curve import LearningCurve, learning_curves
from prm_gym.report.palette import LIGHT, colour_index, line_style, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_IN_A_ROW = 3


def draw_curves(comparison: Comparison, path: Path) -> None:
    """Write the learning curves: mean and 95% band over seeds, one colour and marker a credit assigner, dashed lines for the fixed agents.

    The y axis always runs from 0 to 1. Panels share both axes. Uses Figure and canvas objects alone: no pyplot, no global backend, no rcParams.

    Args:
        comparison: the results.
        path: file to write; its suffix names the format (PNG where it has none).

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    curves = learning_curves(comparison)
    rewards = [reward for reward in comparison.rewards if any(curve.reward == reward for curve in curves)] or list(comparison.rewards[:1])
    columns = 2 if len(rewards) == 4 else min(len(rewards), PANELS_IN_A_ROW)
    rows = -(-len(rewards) // columns)
    figure = Figure(figsize=(max(4.3 * columns, 6.4), 3.3 * rows + 0.9), dpi=200, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    last = max((float(curve.env_steps[-1]) for curve in curves), default=0.0) or float(max(comparison.budget_env_steps, 1))
    for index, reward in enumerate(rewards):
        axes = figure.add_subplot(rows, columns, index + 1)
        _frame(axes, last, first_in_row=index % columns == 0)
        _draw_references(axes, comparison.references, named=index % columns == columns - 1)
        axes.set_title(f"reward: {reward}", loc="left", fontsize=10, color=INK, parse_math=False)
        own = [curve for curve in curves if curve.reward == reward]
        for curve in own:
            _draw_curve(axes, curve, comparison.credits.index(curve.credit))
        if not own:
            axes.text(0.5, 0.6, "no run was evaluated on the way", transform=axes.transAxes, ha="center", va="center", fontsize=9, color=SOFT)
    _legend(figure, comparison, curves)
    figure.suptitle(comparison.title, x=0.01, ha="left", fontsize=11.5, color=INK, parse_math=False)
    figure.savefig(path, facecolor="white", metadata={"Software": None} if path.suffix in ("", ".png") else None)


def _frame(axes: "Axes", last: float, first_in_row: bool) -> None:
    """Axes from 0 to `last` environment steps and from 0 to 1, with light rules and no box."""
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlim(-0.02 * last, 1.02 * last)
    ticks = step_ticks(last)
    axes.set_xticks(ticks, [compact(tick) for tick in ticks])
    axes.set_yticks(SHARES, SHARE_NAMES if first_in_row else [""] * 5)
    draw_frame(axes)
    axes.set_xlabel("environment steps", fontsize=9, color=SOFT)
    if first_in_row:
        axes.set_ylabel("success", fontsize=9, color=SOFT)


def _draw_curve(axes: "Axes", curve: LearningCurve, series: int) -> None:
    """One mean with its band and markers."""
    colour = LIGHT[colour_index(series)]
    if curve.low is not None and curve.high is not None:
        axes.fill_between(curve.env_steps, curve.low, curve.high, color=colour, alpha=0.16, linewidth=0)
    axes.plot(
        curve.env_steps, curve.mean, color=colour, linewidth=1.7, linestyle=line_style(series), marker=marker(series), markersize=4.2, markeredgecolor="white",
        markeredgewidth=0.6, markevery=max(1, len(curve.env_steps) // 12),
    )  # fmt: skip


def _draw_references(axes: "Axes", references: tuple[Reference, ...], named: bool) -> None:
    """A dashed line for each fixed agent; with `named`, its name to the right of the panel."""
    heights = spread([reference.success for reference in references], gap=0.06, low=0.0, high=1.0)
    for reference, height in zip(references, heights, strict=True):
        axes.axhline(reference.success, color=SOFT, linewidth=1.0, linestyle=(0, (4, 3)))
        if named:
            axes.annotate(
                f"{reference.agent} {share(reference.success)}", (1.0, height), xycoords=("axes fraction", "data"), xytext=(4, 0),
                textcoords="offset points", va="center", ha="left", fontsize=8, color=SOFT, parse_math=False, annotation_clip=False,
            )  # fmt: skip


def _legend(figure: "Figure", comparison: Comparison, curves: tuple[LearningCurve, ...]) -> None:
    """Colour, marker and name of every credit assigner with a curve, below the panels."""
    from matplotlib.lines import Line2D

    shown = [credit for credit in comparison.credits if any(curve.credit == credit for curve in curves)]
    if not shown:
        return
    handles: list[Line2D] = []
    for credit in shown:
        series = comparison.credits.index(credit)
        colour, style = LIGHT[colour_index(series)], line_style(series)
        handles.append(Line2D([], [], color=colour, linestyle=style, marker=marker(series), markersize=5, linewidth=1.7, markeredgecolor="white"))
    longest = max(len(credit) for credit in shown)
    legend = figure.legend(
        handles, [" "] * len(shown), loc="outside lower left", ncols=max(1, min(len(shown), 90 // (longest + 8))), frameon=False, fontsize=9, handlelength=2.2
    )
    for text, credit in zip(legend.get_texts(), shown, strict=True):
        text.set_parse_math(False)
        text.set_text(credit)
        text.set_color(INK)
