"""The figures of an evaluation as inline SVG: reliability, ROC, precision and recall, risk and coverage, score by length.

Colours come from the page's style sheet by class, so that the figures follow light, dark and print. Every mark carries its values as a title.
"""

import math
from collections.abc import Callable, Sequence

from prm_gym.prm.evaluation.calibration import Reliability
from prm_gym.prm.evaluation.ranking import Curve, stepped
from prm_gym.prm.evaluation.result import Figures
from prm_gym.report.axis import step_ticks
from prm_gym.report.figures import Scale
from prm_gym.report.formatting import compact, count, share
from prm_gym.report.markup import Html, element, join

WIDTH, HEIGHT = 400.0, 300.0
TOP, BOTTOM, LEFT, RIGHT = 12.0, 40.0, 54.0, 12.0
MOST_POINTS = 400
"""Of a curve that are drawn."""
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def panels(figures: Figures) -> list[tuple[str, Html]]:
    """The figures that there are, each with its heading."""
    found: list[tuple[str, Html]] = []
    for bins, own in (("bins of equal width", figures.width), ("bins of equally many steps", figures.mass)):
        if own is not None and own.count:
            found.append((f"Reliability, {bins}: ECE {share(own.error)}", reliability_panel(own)))
    if figures.roc is not None:
        found.append((f"Finding wrong steps, ROC: area {share(figures.roc.area)}", roc_panel(figures.roc)))
    if (own := figures.precision_recall) is not None:
        heading = f"Finding wrong steps, precision: area {share(own.area)}, chance {share(figures.wrong_share)}"
        found.append((heading, precision_panel(own, figures.wrong_share)))
    if figures.risk is not None and figures.risk.x:
        found.append((f"Risk and coverage: mean risk {share(figures.risk.area)}", risk_panel(figures.risk)))
    if len(figures.lengths) > 1:
        found.append(("Score of solutions by length", length_panel(figures.lengths)))
    return found


def reliability_panel(own: Reliability) -> Html:
    """Share of right steps against the score, a bar and a mark a bin, its area growing with the steps in it; the diagonal is perfect."""
    x, y = _scales()
    total, most = sum(own.count), max(own.count)
    bars: list[Html] = []
    for low, high, score, right, number in zip(own.low, own.high, own.score, own.right, own.count, strict=True):
        said = f"score {share(low)} to {share(high)}: mean score {share(score)}, right {share(right)}, {count(number)} steps ({share(number / total)})"
        middle = (x(low) + x(high)) / 2
        width = max(x(high) - x(low) - 2.0, 3.0)
        bars.append(element("rect", x=middle - width / 2, y=y(right), width=width, height=max(y(0.0) - y(right), 0.8), class_="band"))
        bars.append(element("line", x1=x(score), x2=x(score), y1=y(score), y2=y(right), class_="whisker"))
        bars.append(element("circle", element("title", said), cx=x(score), cy=y(right), r=2.6 + 6.0 * math.sqrt(number / most), class_="marker"))
    label = f"Reliability diagram. Expected calibration error {share(own.error)} over {total} steps."
    names, marks = _names("score", "share that is right"), element("g", *bars, class_="series-0")
    return _svg(label, _grid(x, y), names, _diagonal(x, y), marks)


def roc_panel(curve: Curve) -> Html:
    """Hits against false alarms."""
    x, y = _scales()
    names = _names("right steps called wrong", "wrong steps found")
    return _svg(f"ROC curve, area {share(curve.area)}.", _grid(x, y), names, _diagonal(x, y), _curve(curve, x, y, 0))


def precision_panel(curve: Curve, chance: float) -> Html:
    """Precision against recall, with the share of wrong steps."""
    x, y = _scales()
    level = element("line", element("title", f"chance: {share(chance)}"), x1=x(0.0), x2=x(1.0), y1=y(chance), y2=y(chance), class_="reference")
    label = f"Precision and recall of finding wrong steps, area {share(curve.area)}; chance {share(chance)}."
    names = _names("recall of wrong steps", "precision")
    return _svg(label, _grid(x, y), names, level, _curve(stepped(curve), x, y, 0))


def risk_panel(curve: Curve) -> Html:
    """Share told wrongly against coverage."""
    top = max(0.1, math.ceil(max(curve.y) * 10.0) / 10.0)
    x, y = _scales(top)
    label = f"Risk against coverage, mean risk {share(curve.area)}, up to a coverage of {share(curve.x[-1])}."
    end = element("circle", element("title", f"all judged steps: {share(curve.y[-1])}"), cx=x(curve.x[-1]), cy=y(curve.y[-1]), r=3.6, class_="marker series-0")
    ticks = tuple(top * tick for tick in TICKS)
    names = _names("share of steps covered", "share told wrongly")
    return _svg(label, _grid(x, y, y_ticks=ticks), names, _curve(curve, x, y, 0), end)


def length_panel(lengths: Sequence[tuple[int, float, int]]) -> Html:
    """Mean score of solutions by their number of steps, the area of a mark growing with how many there are."""
    last = float(max(length for length, _, _ in lengths))
    x, y = _scales(1.0, last)
    most = max(number for _, _, number in lengths)
    path = element("path", d=_path([(x(float(length)), y(score)) for length, score, _ in lengths]), class_="thread")
    marks = [
        element(
            "circle", element("title", f"{length} steps: mean score {share(score)}, {count(number)} solutions"),
            cx=x(float(length)), cy=y(score), r=2.0 + 6.0 * math.sqrt(number / most), class_="marker",
        )
        for length, score, number in lengths
    ]  # fmt: skip
    ticks = tuple(tick for tick in step_ticks(last) if tick == int(tick))
    grid = _grid(x, y, x_ticks=ticks, x_text=compact)
    return _svg("Mean score of solutions by their number of steps.", grid, _names("steps", "mean score"), element("g", path, *marks, class_="series-0"))


def _scales(top: float = 1.0, last: float = 1.0) -> tuple[Scale, Scale]:
    return Scale(0.0, last, LEFT, WIDTH - RIGHT), Scale(0.0, top, HEIGHT - BOTTOM, TOP)


def _grid(
    x: Scale, y: Scale, x_ticks: Sequence[float] = TICKS, y_ticks: Sequence[float] = TICKS, x_text: Callable[[float], str] = lambda tick: f"{tick:g}"
) -> Html:
    rules = [element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(tick), y2=y(tick), class_="rule") for tick in y_ticks]
    left = [element("text", f"{tick:.3g}", x=LEFT - 8.0, y=y(tick) + 4.0, text_anchor="end", class_="tick") for tick in y_ticks]
    below = [element("text", x_text(tick), x=x(tick), y=HEIGHT - BOTTOM + 17.0, text_anchor="middle", class_="tick") for tick in x_ticks]
    return join(*rules, *left, *below)


def _names(across: str, up: str) -> Html:
    middle = (TOP + HEIGHT - BOTTOM) / 2
    return join(
        element("text", across, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 4.0, text_anchor="middle", class_="axis-name"),
        element("text", up, x=0, y=0, text_anchor="middle", class_="axis-name", transform=f"translate(10 {middle:g}) rotate(-90)"),
    )


def _diagonal(x: Scale, y: Scale) -> Html:
    return element("line", x1=x(0.0), x2=x(1.0), y1=y(0.0), y2=y(1.0), class_="reference")


def _curve(curve: Curve, x: Scale, y: Scale, series: int) -> Html:
    every = max(1, math.ceil(len(curve.x) / MOST_POINTS))
    points = [(a, b) for index, (a, b) in enumerate(zip(curve.x, curve.y, strict=True)) if index % every == 0 or index == len(curve.x) - 1]
    if len(points) == 1:  # one score alone: a level up to what is covered
        points = [(0.0, points[0][1]), *points]
    return element("path", d=_path([(x(a), y(b)) for a, b in points]), class_=f"line series-{series}")


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{a:.2f} {b:.2f}" for a, b in points)


def _svg(label: str, *children: Html) -> Html:
    return element("svg", *children, viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", role="img", aria_label=label, class_="figure")
