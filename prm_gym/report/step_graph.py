"""The graph of a task's attempts as a picture: states in layers by depth, steps coloured by their mean advantage."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prm_gym.credit.step_graph import StateNode, StepEdge, StepGraph
from prm_gym.errors import OptionError
from prm_gym.report.formatting import counted
from prm_gym.report.state_groups import named_groups
from prm_gym.report.theme import LIGHT_THEME, Theme, diverging, new_figure, save, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import LayoutEngine

MOST_STATES = 150
"""States that are drawn; of a larger graph those that the most attempts came by."""
MOST_LABELS = 120
"""Steps whose action is written; of more, those that were taken most often."""
LABEL_LENGTH = 30
SWEEPS = 8
DROPPED = ":"
"""Line of a step that the credit keeps nowhere: it has no advantage, which is not one of 0."""
COLUMN, ROW = 2.1, 0.6
"""Inches between columns, and between states of a column."""
LABEL_SIZE = 6.2
"""Points."""
ALONG = (0.56, 0.5, 0.62, 0.44, 0.68, 0.38, 0.74)
"""Where on its edge a label may stand, as shares of the way; the first of them where no other label is, a little nearer to the target, where edges of one
source have parted."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the nodes that are drawn stand.

    Attributes:
        places: column and height of each, by its number; heights of a column are at least 1 apart.
        edges: those between them.
        left_out: in words, what is not drawn; empty where all is.
    """

    places: dict[int, tuple[float, float]]
    edges: tuple[StepEdge, ...]
    left_out: str


def draw_step_graph(graph: StepGraph, path: Path, title: str, most_states: int = MOST_STATES, theme: Theme = LIGHT_THEME) -> None:
    """Write the picture: columns are steps from the beginning, width is how often a step was taken, colour its mean advantage.

    Args:
        graph: of one task.
        path: file to write; its suffix names the format (PNG where it has none; SVG keeps text as text).
        title: of the figure.
        most_states: states that are drawn at most; the picture says how many it leaves out.
        theme: light or dark.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: the graph is of several tasks, or of none; or no state may be drawn.
    """
    figure = graph_figure(graph, title, most_states, theme)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path, theme, path.suffix.lstrip(".") or "png")


def graph_figure(graph: StepGraph, title: str, most_states: int = MOST_STATES, theme: Theme = LIGHT_THEME) -> "Figure":
    """The figure of `draw_step_graph`."""
    if len(graph.tasks) != 1:
        raise OptionError(f"a picture shows one task, got {len(graph.tasks)}; name one")
    layout = layered(graph, most_states)
    columns = 1.0 + max(place[0] for place in layout.places.values())
    heights = [place[1] for place in layout.places.values()]
    figure = new_figure(min(max(COLUMN * columns + 1.0, 7.5), 40.0), min(max(ROW * (max(heights) - min(heights)) + 2.4, 3.6), 40.0), theme)
    engine = _constrained(figure)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(-0.35, columns - 0.5)
    axes.set_ylim(max(heights) + 0.9, min(heights) - 0.9)
    colours, scale = diverging(theme, [edge.advantage for edge in graph.edges if edge.advantage is not None])
    for edge, bend in bends(layout):
        _draw_edge(axes, edge, layout, bend, None if edge.advantage is None else colours(scale(edge.advantage)), theme)
    named = {node: name for name, group in named_groups(graph).items() for node in group.nodes}
    for node in graph.nodes:
        if node.number in layout.places:
            _draw_node(axes, node, layout.places[node.number], named.get(node.number, ""), theme)
    _explain(figure, axes, graph, layout, title, colours, scale, theme)
    # With the room that is left for the axes the widths of labels are known, and which of them would cover one another.
    engine.execute(figure)
    figure.set_layout_engine("none")
    unnamed = len(layout.edges) - _label(axes, layout, theme)
    if unnamed:
        axes.set_title(
            f"{axes.get_title('left')} For want of room {unnamed} of these are drawn without their action.",
            loc="left",
            fontsize=8.0,
            color=theme.soft,
            parse_math=False,
        )
    return figure


def _constrained(figure: "Figure") -> "LayoutEngine":
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    engine = ConstrainedLayoutEngine()
    figure.set_layout_engine(engine)
    return engine


def layered(graph: StepGraph, most_states: int = MOST_STATES) -> Layout:
    """Columns by depth; in each the order that brings nodes near to their neighbours, by repeated means of their heights.

    Args:
        graph: of one task.
        most_states: nodes that are placed at most.

    Raises:
        OptionError: no state may be drawn, or there is none.
    """
    if most_states < 1 or not graph.nodes:
        raise OptionError("a picture needs at least one state to draw")
    ranked = sorted(graph.nodes, key=lambda node: (-node.trajectories, node.depth, node.number))
    kept = {node.number for node in ranked[:most_states]}
    edges = tuple(edge for edge in graph.edges if edge.source in kept and edge.target in kept)
    columns: defaultdict[int, list[int]] = defaultdict(list)
    for node in graph.nodes:
        if node.number in kept:
            columns[node.depth].append(node.number)
    heights = {number: index - (len(column) - 1) / 2.0 for column in columns.values() for index, number in enumerate(column)}
    neighbours: defaultdict[int, list[int]] = defaultdict(list)
    for edge in edges:
        neighbours[edge.source].append(edge.target)
        neighbours[edge.target].append(edge.source)
    for _ in range(SWEEPS):
        for depth in sorted(columns):
            wanted = {number: _mean([heights[other] for other in neighbours[number]], heights[number]) for number in columns[depth]}
            columns[depth].sort(key=lambda number: (wanted[number], number))
            heights.update(_apart([wanted[number] for number in columns[depth]], columns[depth]))
    lost = len(graph.nodes) - len(kept)
    left_out = f"Left out: {counted(lost, 'state')} that fewest attempts came by, and {counted(len(graph.edges) - len(edges), 'step')}." if lost else ""
    return Layout({number: (float(depth), heights[number]) for depth, column in columns.items() for number in column}, edges, left_out)


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(wanted: list[float], numbers: list[int]) -> dict[int, float]:
    """Heights in the given order, as near to the wanted ones as 1 apart allows: runs that are too close are spread about their mean."""
    runs: list[tuple[float, int]] = []  # mean of what a run wants, less the places within it, and its size
    for height in wanted:
        mean, size = height, 1
        while runs and runs[-1][0] + runs[-1][1] > mean:
            before, length = runs.pop()
            mean, size = (before * length + (mean - length) * size) / (length + size), length + size
        runs.append((mean, size))
    heights = [mean + index for mean, size in runs for index in range(size)]
    return dict(zip(numbers, heights, strict=True))


def bends(layout: Layout) -> list[tuple[StepEdge, float]]:
    """The edges, rare ones first so that frequent ones lie on top, and how far each is bent: parallel ones apart."""
    between: defaultdict[tuple[int, int], list[StepEdge]] = defaultdict(list)
    for edge in layout.edges:
        between[edge.source, edge.target].append(edge)
    bent = {id(edge): index - (len(edges) - 1) / 2.0 for edges in between.values() for index, edge in enumerate(edges)}
    return [(edge, bent[id(edge)]) for edge in sorted(layout.edges, key=lambda edge: edge.occurrences)]


def curve(start: tuple[float, float], end: tuple[float, float], bend: float) -> list[tuple[float, float]]:
    """Four points of a Bezier curve: level at both ends when it goes forward; round about when it goes back or stays."""
    (x, y), (u, v) = start, end
    if u > x:
        lift = 0.55 * bend
        return [(x, y), (x + 0.45 * (u - x), y + lift), (x + 0.55 * (u - x), v + lift), (u, v)]
    reach = 0.28 + 0.12 * abs(bend)
    if start == end:
        return [(x, y), (x - reach, y - 0.62), (x + reach, y - 0.62), (x, y)]
    return [(x, y), (x + reach, y - 0.8 - 0.3 * abs(bend)), (u + reach, v - 0.5 - 0.3 * abs(bend)), (u, v)]


def _draw_edge(axes: "Axes", edge: StepEdge, layout: Layout, bend: float, colour: tuple[float, float, float, float] | None, theme: Theme) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    points = curve(layout.places[edge.source], layout.places[edge.target], bend)
    line: dict[str, Any] = {"color": theme.soft, "linestyle": DROPPED} if colour is None else {"color": colour}
    patch = FancyArrowPatch(
        path=Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]), arrowstyle="-", linewidth=_width(edge.occurrences),
        capstyle="butt", zorder=1.0 + 0.001 * min(edge.occurrences, 900), **line,
    )  # fmt: skip
    axes.add_patch(patch)


def _width(occurrences: int) -> float:
    """Points; the area of a line grows with its square root, so that one step among hundreds is still seen."""
    return min(1.1 * occurrences**0.6, 14.0)


def _label(axes: "Axes", layout: Layout, theme: Theme) -> int:
    """The actions, on a light ground near the middle of their edges; of those that lead back to the same state the most frequent one.

    A label goes where it covers no other one: along its edge, shorter if need be, and nowhere if there is no such place. Returns how many steps are named, or
    counted with one that is.
    """
    from matplotlib.transforms import Bbox

    often = sorted(layout.edges, key=lambda edge: -edge.occurrences)[:MOST_LABELS]
    loops = Counter(edge.source for edge in layout.edges if edge.source == edge.target)
    bent = {id(edge): bend for edge, bend in bends(layout)}
    taken = [Bbox.from_bounds(x, y, 0.0, 0.0).padded(11.0 * axes.figure.dpi / 72.0) for x, y in axes.transData.transform(list(layout.places.values()))]
    named: set[int] = set()
    written = 0
    for edge in often:
        more = loops[edge.source] - 1 if edge.source == edge.target else 0
        if more and edge.source in named:
            continue
        named |= {edge.source} if more else set()
        points = curve(layout.places[edge.source], layout.places[edge.target], bent[id(edge)])
        label = axes.text(
            0.0, 0.0, "", fontsize=LABEL_SIZE, ha="center", va="center", color=theme.ink, parse_math=False, zorder=2.5,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": theme.paper, "edgecolor": "none", "alpha": 0.82},
        )  # fmt: skip
        for length, place in ((length, place) for length in (LABEL_LENGTH, LABEL_LENGTH // 2) for place in ALONG):
            weights = ((1 - place) ** 3, 3 * (1 - place) ** 2 * place, 3 * (1 - place) * place**2, place**3)
            x, y = (sum(weight * point[axis] for weight, point in zip(weights, points, strict=True)) for axis in (0, 1))
            label.set_position((x, y))
            label.set_text(shortened(edge.action, length) + (f"  and {more} more" if more else ""))
            box = label.get_window_extent().padded(2.0)
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                written += 1 + more
                break
        else:
            label.remove()
    return written


def _draw_node(axes: "Axes", node: StateNode, place: tuple[float, float], group: str, theme: Theme) -> None:
    """A state: a circle with the number of attempts that came by, dark where several met. An end: its outcome and, if more than one, how many.

    A state that was visited again bears the letter of its group.
    """
    x, y = place
    if node.end:
        said = "?" if node.outcome is None else f"{node.outcome:.2g}"
        text = said if node.visits == 1 else f"{said}  \N{MULTIPLICATION SIGN}{node.visits}"
        success = node.outcome is not None and node.outcome > 0.0
        ground, edge, ink = (theme.positive[1], theme.positive[1], theme.paper) if success else (theme.paper, theme.soft, theme.ink)
        box = {"boxstyle": "square,pad=0.35", "facecolor": ground, "edgecolor": edge, "linewidth": 1.0}
        axes.text(x, y, text, fontsize=7.0, fontweight="bold" if success else "normal", ha="center", va="center", color=ink, zorder=4.0, bbox=box)
        return
    ground, ink = (theme.ink, theme.paper) if node.merged else (theme.paper, theme.ink)
    size, edge_width = (15.0, 1.0) if node.merged else (11.0, 0.9)
    axes.plot([x], [y], marker="o", markersize=size, color=ground, markeredgecolor=theme.ink, markeredgewidth=edge_width, zorder=3.0, linestyle="none")
    if node.starts:
        axes.plot([x], [y], marker="o", markersize=20.0, color="none", markeredgecolor=theme.ink, markeredgewidth=1.0, zorder=3.0, linestyle="none")
    axes.text(x, y, str(node.trajectories), fontsize=7.0, ha="center", va="center_baseline", color=ink, zorder=4.0)
    if group:
        below = (0.0, -13.0 if node.starts else -11.0 if node.merged else -9.0)
        axes.annotate(
            group, (x, y), xytext=below, textcoords="offset points", fontsize=6.8, fontweight="bold", ha="center", va="top", color=theme.ink, zorder=4.0
        )
    if node.cut:
        axes.text(x + 0.1, y, f"cut \N{MULTIPLICATION SIGN}{node.cut}", fontsize=6.5, ha="left", va="center", color=theme.soft, zorder=4.0)


def _explain(figure: "Figure", axes: "Axes", graph: StepGraph, layout: Layout, title: str, colours: "Colormap", scale: "Normalize", theme: Theme) -> None:
    """Title, counts, colour bar, and what the marks mean."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.lines import Line2D

    states = [node for node in graph.nodes if not node.end]
    merged, shared = sum(node.merged for node in states), sum(edge.shared for edge in graph.edges)
    said = (
        f"{counted(graph.trajectories, 'attempt')}; {counted(len(states), 'state')}, {merged} met in by several; "
        f"{counted(len(graph.edges), 'different step')}, {shared} taken by several. {layout.left_out}"
    )
    axes.set_title(said.strip(), loc="left", fontsize=8.0, color=theme.soft, parse_math=False)
    axes.annotate(title, (0.0, 1.0), xycoords="axes fraction", xytext=(0, 22), textcoords="offset points", fontsize=11.0, color=theme.ink, parse_math=False)
    bar = figure.colorbar(ScalarMappable(scale, colours), ax=axes, location="left", fraction=0.3 / figure.get_figwidth(), pad=0.01, aspect=18, shrink=0.7)
    bar.set_label("mean advantage of the step", fontsize=8.0, color=theme.soft)
    bar.ax.tick_params(length=0, labelsize=7.5, colors=theme.soft)
    bar.ax.spines["outline"].set_visible(False)
    most = max((edge.occurrences for edge in graph.edges), default=1)
    widths = [
        Line2D([], [], color=theme.soft, linewidth=_width(count), label=f"taken {count}\N{MULTIPLICATION SIGN}")
        for count in sorted({1, max(1, most // 2), most})
    ]
    marks = [
        Line2D([], [], marker="o", linestyle="none", markersize=12, markerfacecolor=theme.paper, markeredgecolor=theme.ink, label="beginning"),
        Line2D([], [], marker="o", linestyle="none", markersize=9, color=theme.ink, label="state of several attempts (how many)"),
        Line2D([], [], marker="o", linestyle="none", markersize=7, markerfacecolor=theme.paper, markeredgecolor=theme.ink, label="state of one attempt"),
        Line2D([], [], marker="$A$", linestyle="none", markersize=6, color=theme.ink, label="visited again: compared by GiGPO as group A"),
        Line2D([], [], marker="s", linestyle="none", markersize=7, color=theme.positive[1], label="end with an outcome above 0"),
        Line2D([], [], marker="s", linestyle="none", markersize=7, markerfacecolor=theme.paper, markeredgecolor=theme.soft, label="end with outcome 0"),
    ]
    if any(edge.advantage is None for edge in layout.edges):
        marks.append(Line2D([], [], color=theme.soft, linewidth=_width(1), linestyle=DROPPED, label="taken out by the credit"))
    for columns in range(4, 0, -1):
        legend = figure.legend(
            handles=[*widths, *marks], loc="outside lower left", ncols=columns, frameon=False, fontsize=7.5, handlelength=1.8, labelcolor=theme.ink
        )
        if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            break
        legend.remove()
