"""The figures of an evaluation as picture files."""

from pathlib import Path
from typing import TYPE_CHECKING

from prm_gym.errors import MissingExtraError
from prm_gym.prm.evaluation.calibration import Reliability
from prm_gym.prm.evaluation.ranking import Curve, stepped
from prm_gym.prm.evaluation.result import Evaluation
from prm_gym.report.formatting import share
from prm_gym.report.frame import INK, SHARE_NAMES, SHARES, SOFT, draw_frame
from prm_gym.report.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3


def draw_plots(evaluation: Evaluation, directory: Path, names: tuple[str, ...] = ("plots.png", "plots.svg")) -> tuple[Path, ...]:
    """Write the figures as one picture a name; the suffix names the format. Uses Figure and canvas objects alone: no pyplot, no global backend.

    Args:
        evaluation: the result.
        directory: where they are written.
        names: of the files.

    Returns:
        The files; none where there is nothing to draw.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    own = evaluation.figures
    kinds = [kind for kind in ("width", "mass", "roc", "precision_recall", "risk", "lengths") if getattr(own, kind)]
    if not kinds:
        return ()
    columns = min(COLUMNS, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(4.0 * columns, 3.6 * rows + 0.4), dpi=180, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for place, kind in enumerate(kinds):
        axes = figure.add_subplot(rows, columns, place + 1)
        _frame(axes)
        _draw(axes, kind, evaluation)
    figure.suptitle(f"{evaluation.specification}: step scores", x=0.01, ha="left", fontsize=11.5, color=INK, parse_math=False)
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        figure.savefig(directory / name, facecolor="white", metadata={"Software": None} if name.endswith(".png") else {"Date": None})
    return tuple(directory / name for name in names)


def _draw(axes: "Axes", kind: str, evaluation: Evaluation) -> None:
    own = evaluation.figures
    if kind == "width" and own.width is not None:
        _reliability(axes, own.width, "Reliability, equal width")
    elif kind == "mass" and own.mass is not None:
        _reliability(axes, own.mass, "Reliability, equal mass")
    elif kind == "roc" and own.roc is not None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1.0, linestyle=(0, (4, 3)))
        _curve(axes, own.roc, f"ROC of wrong steps, area {share(own.roc.area)}", "right steps called wrong", "wrong steps found")
    elif kind == "precision_recall" and own.precision_recall is not None:
        axes.axhline(own.wrong_share, color=SOFT, linewidth=1.0, linestyle=(0, (4, 3)))
        _curve(axes, own.precision_recall, f"Precision and recall, area {share(own.precision_recall.area)}", "recall of wrong steps", "precision")
    elif kind == "risk" and own.risk is not None:
        axes.set_ylim(-0.02 * (top := max(0.1, max(own.risk.y, default=0.1) * 1.1)), top)
        axes.set_yticks([0.0, top / 2, top], [f"{tick:.2g}" for tick in (0.0, top / 2, top)])
        level = Curve((0.0, *own.risk.x), (own.risk.y[0], *own.risk.y), own.risk.area) if len(own.risk.x) == 1 else own.risk
        _curve(axes, level, f"Risk and coverage, mean risk {share(own.risk.area)}", "share of steps covered", "share told wrongly")
        axes.plot(own.risk.x[-1:], own.risk.y[-1:], color=LIGHT[0], marker="o", markersize=5, markeredgecolor="white")
    elif kind == "lengths":
        lengths = [length for length, _, _ in own.lengths]
        most = max(number for _, _, number in own.lengths)
        axes.set_xlim(0, max(lengths) * 1.05)
        _whole_numbers(axes)
        axes.plot(lengths, [score for _, score, _ in own.lengths], color=LIGHT[0], linewidth=1.0, alpha=0.45)
        sizes = [12 + 120 * number / most for _, _, number in own.lengths]
        axes.scatter(lengths, [score for _, score, _ in own.lengths], s=sizes, color=LIGHT[0], edgecolors="white", zorder=3, clip_on=False)
        _named(axes, "Score of solutions by length", "steps", "mean score")


def _whole_numbers(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(ScalarFormatter())


def _reliability(axes: "Axes", own: Reliability, title: str) -> None:
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1.0, linestyle=(0, (4, 3)))
    most = max(own.count)
    for low, high, score, right in zip(own.low, own.high, own.score, own.right, strict=True):
        axes.bar((low + high) / 2, right, width=max(high - low - 0.006, 0.006), color=LIGHT[0], alpha=0.15)
        axes.plot([score, score], [score, right], color=LIGHT[0], linewidth=1.6)
    axes.scatter(own.score, own.right, s=[14 + 130 * number / most for number in own.count], color=LIGHT[0], edgecolors="white", zorder=3, clip_on=False)
    _named(axes, f"{title}, ECE {share(own.error)}", "score", "share that is right")


def _curve(axes: "Axes", curve: Curve, title: str, across: str, up: str) -> None:
    x, y = (stepped(curve).x, stepped(curve).y) if up == "precision" else (curve.x, curve.y)
    axes.plot(x, y, color=LIGHT[0], linewidth=1.7)
    _named(axes, title, across, up)


def _named(axes: "Axes", title: str, across: str, up: str) -> None:
    axes.set_title(title, loc="left", fontsize=9.5, color=INK, parse_math=False)
    axes.set_xlabel(across, fontsize=9, color=SOFT)
    axes.set_ylabel(up, fontsize=9, color=SOFT)


def _frame(axes: "Axes") -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    axes.set_xticks(SHARES, SHARE_NAMES)
    axes.set_yticks(SHARES, SHARE_NAMES)
    draw_frame(axes)
