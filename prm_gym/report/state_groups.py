"""What GiGPO's step term compares, as a picture: a block for each state that was visited again, a line for each action that was taken there."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from prm_gym.credit.step_graph import StateGroup, StepGraph
from prm_gym.errors import OptionError
from prm_gym.report.formatting import MINUS, counted
from prm_gym.report.theme import LIGHT_THEME, Theme, diverging, letters, new_figure, save, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

MOST_LINES = 60
"""Lines that are drawn; of more, those of the groups with the most visits."""
WIDTH, PLOT_LEFT, PLOT_RIGHT = 12.6, 6.2, 11.1
"""Inches: of the figure, and where the axis of the returns stands in it. To its left action and attempts, to its right the step advantage."""
ACTION_LEFT, ATTEMPTS_LEFT = 0.62, 4.35
LINE, HEADING, GAP = 0.27, 0.36, 0.2
"""Inches: heights of a line, of a heading, and between blocks."""
CHARACTER, BOLD = 0.58, 0.65
"""Usual width of a character, as a share of the size of the type."""
DOT = 0.2
"""Inches: dots that are nearer to one another become one, with their number."""


@dataclass(frozen=True, slots=True)
class Line:
    """Visits of one group that took one action.

    Attributes:
        action: as text.
        visits: places in the group.
    """

    action: str
    visits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A group that is drawn.

    Attributes:
        name: its letter, which the graph has too.
        group: its visits.
        lines: by action, the best step advantage first; none where all returns are the same, and a block is one line.
    """

    name: str
    group: StateGroup
    lines: tuple[Line, ...]


def named_groups(graph: StepGraph) -> dict[str, StateGroup]:
    """The groups of several visits, by letters: those whose returns differ first; among them those nearer to the beginning, and the larger ones."""
    several = [group for group in graph.groups if len(group.rows) > 1]
    ranked = sorted(several, key=lambda group: (not group.spread, min(graph.nodes[node].depth for node in group.nodes), -len(group.rows), group.nodes))
    return {letters(place): group for place, group in enumerate(ranked)}


def blocks(graph: StepGraph, most_lines: int = MOST_LINES) -> tuple[tuple[Block, ...], int]:
    """The groups that are drawn, and how many of those with several visits are not.

    Args:
        graph: of one task.
        most_lines: lines that are drawn at most; the first group that is chosen is drawn whatever it has. Groups whose returns differ are chosen first, and
            among these the ones with the most visits.
    """
    named = [Block(name, group, action_lines(group) if group.spread else ()) for name, group in named_groups(graph).items()]
    drawn: set[str] = set()
    room = most_lines
    for block in sorted(named, key=lambda block: (not block.lines, -len(block.group.rows))):
        if max(1, len(block.lines)) > room and drawn:
            break
        drawn.add(block.name)
        room -= max(1, len(block.lines))
    return tuple(block for block in named if block.name in drawn), len(named) - len(drawn)


def action_lines(group: StateGroup) -> tuple[Line, ...]:
    """The visits by action, the best step advantage first."""
    taken: defaultdict[str, list[int]] = defaultdict(list)
    for place, action in enumerate(group.actions):
        taken[action].append(place)
    made = [Line(action, tuple(places)) for action, places in taken.items()]
    return tuple(sorted(made, key=lambda line: (-_mean([group.step_advantages[place] for place in line.visits]), -len(line.visits), line.action)))


def draw_state_groups(graph: StepGraph, path: Path, title: str, theme: Theme = LIGHT_THEME) -> None:
    """Write the picture: in each block the returns of the visits, the mean that they are compared with, and what comes of it.

    Args:
        graph: of one task; `StepGraph.of(..., compared=step_term(spec, batch))` for the groups of GiGPO with its options.
        path: file to write; its suffix names the format (PNG where it has none; SVG keeps text as text).
        title: of the figure.
        theme: light or dark.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: the graph is of several tasks, or of none.
    """
    figure = groups_figure(graph, title, theme)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path, theme, path.suffix.lstrip(".") or "png")


def groups_figure(graph: StepGraph, title: str, theme: Theme = LIGHT_THEME) -> "Figure":
    """The figure of `draw_state_groups`."""
    if len(graph.tasks) != 1:
        raise OptionError(f"a picture shows one task, got {len(graph.tasks)}; name one")
    drawn, left_out = blocks(graph)
    single = [group for group in graph.groups if len(group.rows) == 1]
    telling, equal = [block for block in drawn if block.lines], [block for block in drawn if not block.lines]
    body = sum(HEADING + LINE * len(block.lines) + GAP for block in telling)
    body += (HEADING + LINE * len(equal) + GAP if equal else 0.0) + (HEADING + LINE + GAP if single else 0.0)
    top, bottom = 1.12, 1.06
    height = top + body + bottom
    figure = new_figure(WIDTH, height, theme)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0.0, WIDTH)  # in inches, from the left and from above
    axes.set_ylim(height, 0.0)
    painter = _Painter(axes, graph, theme, *_places(graph), *diverging(theme, [value for group in graph.groups for value in group.step_advantages]))
    painter.head(title, drawn, left_out, single)
    y = top
    painter.rules(y, y + body)
    for block in telling:
        y = painter.block(block, y)
    if equal:
        y = painter.equal(equal, y)
    if single:
        painter.single(single, y)
    painter.legend(height)
    return figure


def _places(graph: StepGraph) -> tuple[float, float]:
    """The returns at the two ends of the axis."""
    values = [value for group in graph.groups for value in group.returns]
    ends = [group.mean + side * (group.spread or 0.0) for group in graph.groups for side in (-1.0, 1.0)]
    low, high = min([*values, *ends], default=0.0), max([*values, *ends], default=0.0)
    room = 0.08 * (high - low) or 0.5
    return low - room, high + room


class _Painter:
    """Draws parts in inches from the left and from above."""

    def __init__(self, axes: "Axes", graph: StepGraph, theme: Theme, low: float, high: float, colours: "Colormap", scale: "Normalize") -> None:
        self.axes, self.graph, self.theme = axes, graph, theme
        self.low, self.high, self.colours, self.scale = low, high, colours, scale
        self.numbers = {trajectory: place + 1 for place, trajectory in enumerate(graph.attempts)}

    def x(self, value: float) -> float:
        """Where a return stands."""
        return PLOT_LEFT + (value - self.low) / (self.high - self.low) * (PLOT_RIGHT - PLOT_LEFT)

    def text(self, x: float, y: float, text: str, size: float = 8.0, colour: str | tuple[float, ...] = "", width: float = 0.0, **style: str) -> None:
        """Text, shortened to a width in inches where there is one."""
        fitting = shortened(text, _room(width, size)) if width else text
        placed = {"ha": "left", "va": "center", **style}
        self.axes.text(x, y, fitting, fontsize=size, color=cast("str", colour or self.theme.ink), parse_math=False, zorder=6.0, **placed)  # type: ignore[arg-type]

    def head(self, title: str, drawn: tuple[Block, ...], left_out: int, single: list[StateGroup]) -> None:
        """Title, counts and headings of the columns."""
        compared = sum(len(block.group.rows) for block in drawn)
        said = [
            f"{counted(self.graph.trajectories, 'attempt')}; {counted(compared, 'visit')} in {counted(len(drawn), 'group')}",
            f"{counted(len(single), 'state')} visited once" if single else "",
            f"{counted(left_out, 'smaller group')} left out" if left_out else "",
        ]
        self.text(0.25, 0.26, title, 11.0, width=WIDTH - 0.5)
        self.text(0.25, 0.54, "; ".join(part for part in said if part) + ".", 8.0, self.theme.soft)
        for x, heading, side in (
            (ACTION_LEFT, "state, and actions taken in it", "left"), (ATTEMPTS_LEFT, "by attempts", "left"),
            (0.5 * (PLOT_LEFT + PLOT_RIGHT), "return G of the visit", "center"), (WIDTH - 0.25, "step advantage", "right"),
        ):  # fmt: skip
            self.text(x, 0.88, heading, 8.0, self.theme.soft, ha=side)

    def rules(self, top: float, bottom: float) -> None:
        """Light lines at round returns, with their values above and below."""
        from matplotlib.ticker import MaxNLocator

        for value in map(float, MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)):
            if self.low <= value <= self.high:
                x = self.x(value)
                self.axes.plot([x, x], [top + 0.08, bottom], color=self.theme.rule, linewidth=0.8, zorder=1.0)
                for y in (top, bottom + 0.1):
                    self.text(x, y, f"{value:.4g}".replace("-", MINUS), 7.0, self.theme.soft, ha="center")

    def block(self, block: Block, top: float) -> float:
        """A group; returns where the next one begins."""
        group, y = block.group, top + 0.5 * HEADING + 0.06
        bottom = top + HEADING + LINE * len(block.lines)
        self._name(block, y, bold=True)
        self.text(WIDTH - 0.25, y, f"mean {_number(group.mean)}, sd {_number(group.spread or 0.0)}", 7.0, self.theme.soft, ha="right")
        mean, spread = self.x(group.mean), group.spread or 0.0
        ends = [self.x(group.mean - spread), self.x(group.mean + spread)]
        lines = (top + HEADING - 0.02, bottom + 0.02)
        self.axes.fill_between(ends, *lines, color=self.theme.soft, alpha=0.16, linewidth=0.0, zorder=1.5)
        self.axes.plot([mean, mean], lines, color=self.theme.ink, linewidth=1.2, zorder=3.0)
        for place, line in enumerate(block.lines):
            self._line(group, line, top + HEADING + LINE * (place + 0.5), mean)
        return bottom + GAP

    def _name(self, block: Block, y: float, bold: bool) -> None:
        """Letter, state and size of a group."""
        size = 13.0 if bold else 11.0
        self.axes.plot([0.4], [y], marker="o", markersize=size, color=self.theme.ink if bold else self.theme.soft, zorder=5.0)
        self.text(0.4, y, block.name, 7.0 if len(block.name) == 1 else 5.5, self.theme.paper, ha="center", va="center_baseline")
        width = ATTEMPTS_LEFT - ACTION_LEFT - 0.1
        state = state_text(self.graph, block.group, _room(width * CHARACTER / BOLD if bold else width, 8.0))
        self.text(ACTION_LEFT, y, state, 8.0 if bold else 7.5, fontweight="bold" if bold else "normal")
        self.text(ATTEMPTS_LEFT, y, self._size(block.group), 7.5, self.theme.soft)

    def equal(self, chosen: list[Block], top: float) -> float:
        """Groups whose returns are all the same, a line each; returns where what follows begins."""
        y = top + 0.5 * HEADING + 0.06
        self.text(ACTION_LEFT, y, "visited again, always with the same return", 8.0, fontweight="bold")
        self.text(ATTEMPTS_LEFT, y, "nothing to tell apart", 7.5, self.theme.soft)
        for place, block in enumerate(chosen):
            y = top + HEADING + LINE * (place + 0.5)
            self._name(block, y, bold=False)
            self._dot(self.x(block.group.mean), y, len(block.group.rows), self.theme.neutral)
            self.text(WIDTH - 0.25, y, "0", 7.5, self.theme.soft, ha="right")
        return top + HEADING + LINE * len(chosen) + GAP

    def _line(self, group: StateGroup, line: Line, y: float, mean: float) -> None:
        advantages = [group.step_advantages[place] for place in line.visits]
        self.text(ACTION_LEFT, y, line.action, 7.5, width=ATTEMPTS_LEFT - ACTION_LEFT - 0.1)
        self.text(ATTEMPTS_LEFT, y, attempts_of(self.graph, group, line, _room(PLOT_LEFT - ATTEMPTS_LEFT - 0.15, 7.5)), 7.5)
        low, high = _signed(min(advantages)), _signed(max(advantages))
        said, colour = (low, self._colour(_mean(advantages))) if low == high else (f"{low} to {high}", self.theme.ink)
        self.text(WIDTH - 0.25, y, said, 7.5, colour, ha="right", fontweight="bold")
        for x, places in self._dots([group.returns[place] for place in line.visits]):
            advantage = _mean([advantages[place] for place in places])
            self.axes.plot([mean, x], [y, y], color=self._colour(advantage), linewidth=2.2, zorder=3.5, solid_capstyle="butt")
            self._dot(x, y, len(places), self._colour(advantage))

    def _dots(self, returns: list[float]) -> list[tuple[float, list[int]]]:
        """Where dots stand and which of the returns each holds; those that would cover one another are one."""
        found: list[tuple[float, list[int]]] = []
        for place in sorted(range(len(returns)), key=lambda place: returns[place]):
            if found and self.x(returns[place]) - found[-1][0] < DOT:
                held = [*found[-1][1], place]
                found[-1] = (self.x(_mean([returns[each] for each in held])), held)
            else:
                found.append((self.x(returns[place]), [place]))
        return found

    def _dot(self, x: float, y: float, count: int, colour: str | tuple[float, float, float, float], hollow: bool = False) -> None:
        ground, edge = (self.theme.paper, self.theme.soft) if hollow else (colour, self.theme.paper)
        self.axes.plot([x], [y], marker="o", markersize=11.0 if count > 1 else 7.5, color=ground, markeredgecolor=edge, markeredgewidth=1.0, zorder=4.0)
        if count > 1:
            self.text(x, y, str(count), 6.5, self.theme.soft if hollow else self.theme.paper, ha="center", va="center_baseline", fontweight="bold")

    def single(self, groups: list[StateGroup], top: float) -> None:
        """States that were visited once, all on one line."""
        y = top + 0.5 * HEADING + 0.06
        self.axes.plot([0.4], [y], marker="o", markersize=11.0, color=self.theme.paper, markeredgecolor=self.theme.soft, zorder=5.0)
        self.text(0.4, y, "1", 7.0, self.theme.soft, ha="center", va="center_baseline")
        self.text(ACTION_LEFT, y, f"{counted(len(groups), 'state')} visited once", 8.0, fontweight="bold")
        self.text(ATTEMPTS_LEFT, y, "nothing to compare with", 7.5, self.theme.soft)
        y = top + HEADING + 0.5 * LINE
        who = Counter(self.numbers[group.trajectories[0]] for group in groups)
        self.text(ATTEMPTS_LEFT, y, spans(who, _room(PLOT_LEFT - ATTEMPTS_LEFT - 0.15, 7.5)), 7.5)
        self.text(WIDTH - 0.25, y, "0", 7.5, self.theme.soft, ha="right")
        for x, places in self._dots([group.returns[0] for group in groups]):
            self._dot(x, y, len(places), self.theme.paper, hollow=True)

    def legend(self, height: float) -> None:
        """What the marks mean."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        def dot(label: str, colour: str, size: float, edge: str) -> Line2D:
            return Line2D([], [], marker="o", linestyle="none", markersize=size, color=colour, markeredgecolor=edge, label=label)

        theme = self.theme
        marks = [
            Line2D([], [], color=theme.ink, linewidth=1.2, label="mean of the group, which its visits are compared with"),
            Patch(color=theme.soft, alpha=0.16, linewidth=0.0, label="one standard deviation on either side"),
            dot("return above the mean: positive step advantage", theme.positive[0], 7.5, theme.paper),
            dot("return below the mean: negative step advantage", theme.negative[1], 7.5, theme.paper),
            dot("visit; with a number, so many visits in one place", theme.neutral, 9.0, theme.paper),
            dot("visited once: step advantage 0", theme.paper, 7.5, theme.soft),
        ]
        legend = self.axes.legend(
            handles=marks, loc="upper left", bbox_to_anchor=(0.25, height - 0.86), bbox_transform=self.axes.transData, ncols=3, frameon=False, fontsize=7.5
        )
        for text in legend.get_texts():
            text.set_color(theme.ink)

    def _size(self, group: StateGroup) -> str:
        visits = counted(len(group.rows), "visit")
        return f"{visits}, all of one attempt" if group.attempts == 1 else f"{visits} of {group.attempts} attempts"

    def _colour(self, advantage: float) -> tuple[float, float, float, float]:
        return self.colours(self.scale(advantage))


def state_text(graph: StepGraph, group: StateGroup, length: int) -> str:
    """What is in the state of a group that is not in the one in which the task begins, the last of it where it is much.

    Args:
        graph: of one task.
        group: of it.
        length: in characters.
    """
    node = graph.nodes[group.nodes[0]]
    if node.starts:
        return "the beginning"
    known = {line for start in graph.nodes if start.starts for line in start.text.splitlines()}
    said = f" (and {counted(len(group.nodes) - 1, 'similar state')})" if len(group.nodes) > 1 else ""
    length -= len(said)
    *before, last = [line for line in node.text.splitlines() if line.strip() and line not in known] or [node.text]
    text = shortened(last, length if not before else length - 4)
    while before and len(text) + len(before[-1]) + 3 + 4 * (len(before) > 1) <= length:
        text = f"{before.pop()} / {text}"
    return ("\N{HORIZONTAL ELLIPSIS} / " if before else "") + text + said


def attempts_of(graph: StepGraph, group: StateGroup, line: Line, length: int = 1000) -> str:
    """The attempts that made the visits of a line, counted from 1 in the order of the batch."""
    numbers = {trajectory: place + 1 for place, trajectory in enumerate(graph.attempts)}
    return spans(Counter(numbers[group.trajectories[place]] for place in line.visits), length)


def spans(numbers: Counter[int], length: int = 1000) -> str:
    """Numbers in a row, runs of three and more by their ends, and how often where more than once; no more of them than fit.

    >>> spans(Counter([1, 2, 3, 5, 7, 7])), spans(Counter([1, 3, 5, 7, 9]), 12)
    ('1\N{EN DASH}3, 5, 7 (2\N{MULTIPLICATION SIGN})', '1 and 4 more')

    Args:
        numbers: each with how often.
        length: in characters; the first run is named whatever it takes.
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and numbers[number] == 1 and numbers[runs[-1][-1]] == 1 and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    for shown in range(len(runs), 0, -1):
        left_out = sum(len(run) for run in runs[shown:])
        text = ", ".join(_run(run, numbers[run[0]]) for run in runs[:shown]) + (f" and {left_out} more" if left_out else "")
        if len(text) <= length or shown == 1:
            return text
    return ""


def _run(run: list[int], times: int) -> str:
    if len(run) > 2:
        return f"{run[0]}\N{EN DASH}{run[-1]}"
    return ", ".join(map(str, run)) + (f" ({times}\N{MULTIPLICATION SIGN})" if times > 1 else "")


def _room(width: float, size: float) -> int:
    """How many characters of a size in points fit into so many inches."""
    return max(6, int(width * 72.0 / (CHARACTER * size)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", MINUS)


def _signed(value: float) -> str:
    """Three decimals, or one digit of what is too small for them."""
    return "0" if value == 0.0 else f"{value:+{'.3f' if abs(value) >= 0.0005 else '.0e'}}".replace("-", MINUS)
