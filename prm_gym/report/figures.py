"""The page's figures as inline SVG: final success seed by seed, learning curves, success by difficulty, and one interval in a table row.

Colours come from the page's style sheet by class (`series-0`, `floor`, ...), so that the figures follow light, dark and print. Every mark carries its
values as a title (shown on hover without a script) and as data attributes (what the page's script reads).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prm_gym.report.axis import spread, step_ticks
from prm_gym.report.comparison import Cell, Comparison, bin_success
from prm_gym.report.formatting import compact, ends, interval, share
from prm_gym.report.learning_curve import LearningCurve, evaluation_names
from prm_gym.report.markup import Html, element, join
from prm_gym.report.palette import colour_index, marker
from prm_gym.report.statistics import Interval

WIDTH = 440.0
HEIGHT = 262.0
TOP, BOTTOM, LEFT, RIGHT = 12.0, 36.0, 36.0, 104.0
LABEL_GAP = 13.0
CHARACTER = 6.1
"""Widest usual width of a character of the figures' 11.5 px type, to keep room for names."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from values to pixels.

    Attributes:
        first: the value at `start`.
        last: the value at `end`.
        start: pixel of the first value.
        end: pixel of the last value.
    """

    first: float
    last: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.first) / (self.last - self.first) * (self.end - self.start)


HEIGHTS = Scale(0.0, 1.0, HEIGHT - BOTTOM, TOP)
"""Success on the y axis: always 0 to 1."""


def curve_panel(comparison: Comparison, curves: tuple[LearningCurve, ...], reward: str) -> Html:
    """Learning curves of one reward scheme: mean and band over seeds against environment steps.

    Args:
        comparison: the results.
        curves: `learning_curves(comparison)`; the x axis spans all of them, so that panels can be compared.
        reward: which panel.
    """
    last = max(float(curve.env_steps[-1]) for curve in curves) or float(max(comparison.budget_env_steps, 1))
    x = Scale(0.0, last, LEFT + 6.0, WIDTH - RIGHT - 6.0)
    own = [curve for curve in curves if curve.reward == reward]
    ticks = [element("text", compact(tick), x=x(tick), y=HEIGHT - BOTTOM + 17.0, text_anchor="middle", class_="tick") for tick in step_ticks(last)]
    series = [comparison.credits.index(curve.credit) for curve in own]
    label = "Learning curves with reward " + reward + ". " + " ".join(f"{curve.credit} ends at {share(float(curve.mean[-1]))}." for curve in own)
    return _svg(
        HEIGHT, label, "curves",
        _success_rules(), *ticks, _axis_name("environment steps"),
        *(_band(curve, index, x) for curve, index in zip(own, series, strict=True)),
        *_references(comparison),
        *(_line(curve, index, x) for curve, index in zip(own, series, strict=True)),
        *(_curve_points(curve, names, index, x) for curve, names, index in zip(own, evaluation_names(own), series, strict=True)),
    )  # fmt: skip


def strip_panel(comparison: Comparison, cells: tuple[Cell, ...], reward: str) -> Html:
    """Final success of every run of one reward scheme: a row a credit assigner, a dot a seed, the mean and its interval below the dots.

    Args:
        comparison: the results.
        cells: `summarise(comparison)`; label room is the same in every panel.
        reward: which panel.
    """
    own = [cell for cell in cells if cell.reward == reward]
    room = min(150.0, 14.0 + CHARACTER * max(len(line) for cell in cells for line in _spec_lines(cell.credit)))
    x = Scale(0.0, 1.0, room, WIDTH - 14.0)
    row, top = 46.0, 26.0
    height = top + row * len(own) + 34.0
    bottom = height - 34.0
    grid = [
        join(
            element("line", x1=x(tick), x2=x(tick), y1=top - 6.0, y2=bottom, class_="rule"),
            element("text", f"{tick:g}", x=x(tick), y=bottom + 16.0, text_anchor="middle", class_="tick"),
        )
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    places = spread([x(reference.success) for reference in comparison.references], 66.0, x(0.0) + 10.0, x(1.0) - 12.0)
    fixed = [
        join(
            element("line", x1=x(reference.success), x2=x(reference.success), y1=top - 6.0, y2=bottom, class_="reference"),
            element("text", _shortened(reference.agent, 9), x=place, y=top - 12.0, text_anchor="middle", class_="tick"),
        )
        for reference, place in zip(comparison.references, places, strict=True)
    ]
    rows = [_strip_row(comparison, cell, x, top + row * (index + 0.5)) for index, cell in enumerate(own)]
    name = element("text", "final success", x=(x(0.0) + x(1.0)) / 2.0, y=height - 3.0, text_anchor="middle", class_="axis-name")
    label = f"Final success of every seed with reward {reward}. " + " ".join(f"{cell.credit}: {interval(cell.final_success)}." for cell in own)
    return _svg(height, label, "strips", *grid, *fixed, *rows, name)


def bin_panel(comparison: Comparison, reward: str) -> Html | None:
    """Success in every difficulty bin of the task file, for one reward scheme: a point and interval a credit assigner; None without data."""
    rows = [(credit, bin_success(comparison, credit, reward)) for credit in comparison.credits]
    measured = [(credit, values) for credit, values in rows if values is not None]
    if not measured:
        return None
    bins = len(comparison.file_bins)
    slot = (WIDTH - LEFT - 14.0) / bins
    lower = 46.0 if bins > 3 else BOTTOM
    y = Scale(0.0, 1.0, HEIGHT - lower, TOP)
    centres = [LEFT + slot * (index + 0.5) for index in range(bins)]
    labels = [_bin_label(text, centre, HEIGHT - lower) for text, centre in zip(comparison.file_bins, centres, strict=True)]
    dodge = min(13.0, slot * 0.7 / len(measured))
    fixed = [
        element("line", x1=centre - slot * 0.46, x2=centre + slot * 0.46, y1=y(value), y2=y(value), class_="reference")
        for reference in comparison.references
        for value, centre in zip(reference.file_success or (), centres, strict=False)
    ]
    marks: list[Html] = []
    for place, (credit, values) in enumerate(measured):
        offset = (place - (len(measured) - 1) / 2.0) * dodge
        marks.append(_bin_marks(comparison, credit, values, [centre + offset for centre in centres], y))
    label = f"Success by difficulty with reward {reward}. " + " ".join(
        f"{credit}: {', '.join(share(value.mean) for value in values)}." for credit, values in measured
    )
    return _svg(HEIGHT, label, "bins", _success_rules(y, WIDTH - 14.0), *labels, *fixed, *marks, lower=lower)


def contrast_mark(value: Interval, extent: float) -> Html:
    """A difference and its interval on a short axis with 0 in the middle; for the eye alone, the numbers stand beside it.

    Args:
        value: the difference.
        extent: the axis runs from -extent to +extent; the same for every row of a table.
    """
    x = Scale(-extent, extent, 5.0, 195.0)
    whisker = () if value.low is None or value.high is None else (element("line", x1=x(value.low), x2=x(value.high), y1=9, y2=9, class_="whisker"),)
    return element(
        "svg", element("line", x1=x(0.0), x2=x(0.0), y1=0, y2=18, class_="reference"), *whisker, element("circle", cx=x(value.mean), cy=9, r=3.6, class_="dot"),
        viewBox="0 0 200 18", width=200, height=18, class_="contrast", aria_hidden="true", focusable="false",
    )  # fmt: skip


def swatch(series: int) -> Html:
    """The line and marker of a series, for a legend."""
    return element(
        "svg", element("line", x1=0, x2=26, y1=7, y2=7, class_="line"), element("path", d=_marker_path(marker(series), 13.0, 7.0, 4.4), class_="marker"),
        viewBox="0 0 26 14", width=26, height=14, class_=f"swatch series-{colour_index(series)}", aria_hidden="true", focusable="false",
    )  # fmt: skip


def _svg(height: float, label: str, kind: str, *children: Html, lower: float = BOTTOM) -> Html:
    """A figure with its description; `lower` is what its x axis takes of the height."""
    frame = f"0 0 {WIDTH:g} {height:g}"
    return element("svg", *children, viewBox=frame, role="img", aria_label=label, class_=f"figure {kind}", data_top=TOP, data_bottom=height - lower)


def _success_rules(y: Scale = HEIGHTS, right: float = WIDTH - RIGHT) -> Html:
    """Rules and numbers of the y axis."""
    return join(
        *(
            join(
                element("line", x1=LEFT, x2=right, y1=y(tick), y2=y(tick), class_="rule"),
                element("text", f"{tick:g}", x=LEFT - 7.0, y=y(tick) + 4.0, text_anchor="end", class_="tick"),
            )
            for tick in (0.0, 0.25, 0.5, 0.75, 1.0)
        )
    )


def _axis_name(text: str) -> Html:
    """The name below the x axis."""
    return element("text", text, x=(LEFT + WIDTH - RIGHT) / 2.0, y=HEIGHT - 3.0, text_anchor="middle", class_="axis-name")


def _references(comparison: Comparison) -> Iterator[Html]:
    """Dashed lines for the fixed agents, named on the right, their names apart."""
    places = spread([-HEIGHTS(reference.success) for reference in comparison.references], LABEL_GAP, -HEIGHTS(0.0), -HEIGHTS(1.0))
    for reference, place in zip(comparison.references, places, strict=True):
        y = HEIGHTS(reference.success)
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="reference")
        text = f"{_shortened(reference.agent, 10)} {reference.success:.2f}"
        title = element("title", f"{reference.agent} ({reference.role}): {share(reference.success)} {ends(reference.low, reference.high, 'no interval')}")
        yield element("text", text, title, x=WIDTH - RIGHT + 6.0, y=-place + 4.0, class_="tick")


def _band(curve: LearningCurve, series: int, x: Scale) -> Html:
    """The area between the ends of the interval."""
    if curve.low is None or curve.high is None:
        return join()
    upper = [(x(float(step)), HEIGHTS(float(value))) for step, value in zip(curve.env_steps, curve.high, strict=True)]
    lower = [(x(float(step)), HEIGHTS(float(value))) for step, value in zip(curve.env_steps, curve.low, strict=True)]
    return element("path", d=_path([*upper, *reversed(lower)]) + "Z", class_=f"band series-{colour_index(series)}")


def _line(curve: LearningCurve, series: int, x: Scale) -> Html:
    """The mean."""
    points = [(x(float(step)), HEIGHTS(float(value))) for step, value in zip(curve.env_steps, curve.mean, strict=True)]
    return element("path", d=_path(points), class_=f"line series-{colour_index(series)}")


def _curve_points(curve: LearningCurve, names: list[str], series: int, x: Scale) -> Html:
    """A mark at every evaluation, with its values."""
    every = max(1, len(curve.env_steps) // 12)
    marks: list[Html] = []
    for index, step in enumerate(curve.env_steps):
        low, high = (None, None) if curve.low is None or curve.high is None else (float(curve.low[index]), float(curve.high[index]))
        value = f"{share(float(curve.mean[index]))} {ends(low, high, 'one seed')}"
        marks.append(_mark(series, x(float(step)), HEIGHTS(float(curve.mean[index])), curve.credit, names[index], value, quiet=index % every > 0))
    return element("g", *marks, class_=f"points series-{colour_index(series)}")


def _mark(series: int, x: float, y: float, name: str, column: str, value: str, quiet: bool = False) -> Html:
    """A marker that says what it stands for; marks with the same column are read together. A quiet one only shows when it is pointed at."""
    title = element("title", f"{name}, {column}: {value}")
    return element(
        "path", title, d=_marker_path(marker(series), x, y, 3.4), class_="quiet" if quiet else "marker",
        data_x=x, data_y=y, data_series=colour_index(series), data_name=name, data_column=column, data_value=value,
    )  # fmt: skip


def _strip_row(comparison: Comparison, cell: Cell, x: Scale, y: float) -> Html:
    """One credit assigner: its name, a dot a seed, and the mean with its interval."""
    series = comparison.credits.index(cell.credit)
    runs = comparison.runs_of(cell.credit, cell.reward)
    dots = [
        element("circle", element("title", f"seed {run.seed}: {share(run.final_success)}"), cx=x(run.final_success), cy=y - 7.0, r=3.6, class_="seed")
        for run in runs
    ]
    value = cell.final_success
    whisker = () if value.low is None or value.high is None else (element("line", x1=x(value.low), x2=x(value.high), y1=y + 7, y2=y + 7, class_="whisker"),)
    title = element("title", f"{cell.name}: {interval(value)}")
    mean = element("path", title, d=_marker_path(marker(series), x(value.mean), y + 7.0, 4.6), class_="marker")
    lines = _spec_lines(cell.credit)
    heights = (y + 4.0,) if len(lines) == 1 else (y - 3.0, y + 11.0)
    names = [
        element("text", _shortened(line, 20), element("title", cell.credit), x=0, y=height, class_="name") for line, height in zip(lines, heights, strict=True)
    ]
    return element("g", *names, *dots, *whisker, mean, class_=f"series-{colour_index(series)}")


def _spec_lines(spec: str) -> tuple[str, ...]:
    """The name of a specification, and below it its options: those of one assigner differ in nothing else. Of a pipeline the first part, and the others."""
    first, bar, others = spec.partition("|")
    if bar:
        return (first + bar, others)
    name, mark, options = spec.partition("?")
    return (name, options) if mark else (name,)


def _bin_marks(comparison: Comparison, credit: str, values: tuple[Interval, ...], xs: list[float], y: Scale) -> Html:
    """One credit assigner over the bins: a thin line to follow it, a whisker and a marker a bin."""
    series = comparison.credits.index(credit)
    whiskers = [
        element("line", x1=x, x2=x, y1=y(value.low), y2=y(value.high), class_="whisker")
        for x, value in zip(xs, values, strict=True)
        if value.low is not None and value.high is not None
    ]
    marks = [_mark(series, x, y(value.mean), credit, label, interval(value)) for x, value, label in zip(xs, values, comparison.file_bins, strict=True)]
    thread = element("path", d=_path([(x, y(value.mean)) for x, value in zip(xs, values, strict=True)]), class_="thread")
    return element("g", thread, *whiskers, *marks, class_=f"points series-{colour_index(series)}")


def _bin_label(text: str, x: float, bottom: float) -> Html:
    """A bin's name below the axis, its first word above the rest so that neighbours keep apart."""
    first, _, rest = text.partition(" ")
    second = (element("text", rest, x=x, y=bottom + 31.0, text_anchor="middle", class_="tick"),) if rest else ()
    return join(element("text", first, x=x, y=bottom + 17.0, text_anchor="middle", class_="tick"), *second)


def _path(points: list[tuple[float, float]]) -> str:
    """Path data through the points."""
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)


def _marker_path(code: str, x: float, y: float, r: float) -> str:
    """Path data of a marker about a point, by matplotlib's code, all of about the same area."""
    if code == "o":
        return f"M{x - r:.2f} {y:.2f}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0Z"
    corners = {
        "s": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "^": ((0.0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
        "v": ((0.0, 1.2), (1.15, -0.9), (-1.15, -0.9)),
        "D": ((0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)),
        "P": ((-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4), (0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4), (-1.2, 0.4),
              (-1.2, -0.4), (-0.4, -0.4)),
        "X": ((-1.1, -0.55), (-0.55, -1.1), (0.0, -0.5), (0.55, -1.1), (1.1, -0.55), (0.5, 0.0), (1.1, 0.55), (0.55, 1.1), (0.0, 0.5), (-0.55, 1.1),
              (-1.1, 0.55), (-0.5, 0.0)),
    }[code]  # fmt: skip
    return _path([(x + dx * r, y + dy * r) for dx, dy in corners]) + "Z"


def _shortened(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it is longer than the room for it."""
    return text if len(text) <= most else text[: most - 1] + "…"
