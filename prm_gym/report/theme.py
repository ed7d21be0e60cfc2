"""The colours of pictures of credit on light and on dark paper, and how a figure becomes a file that is the same for the same graph."""

from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from prm_gym.errors import MissingExtraError
from prm_gym.report.frame import INK, RULE, SOFT
from prm_gym.report.palette import DARK_PAPER, LIGHT_PAPER

if TYPE_CHECKING:
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

DPI = 160
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours on one paper.

    Orange and blue are told apart in all common kinds of colour blindness; all colours have a contrast of 3 or more with the paper (WCAG 2.2, 1.4.11), the
    strongest the most.

    Attributes:
        paper: ground.
        ink: of texts.
        soft: of what explains.
        rule: of thin lines, and of what lies behind.
        negative: of advantages below 0, the strongest first.
        neutral: of 0.
        positive: of advantages above 0, the strongest last.
    """

    paper: str
    ink: str
    soft: str
    rule: str
    negative: tuple[str, str]
    neutral: str
    positive: tuple[str, str]


LIGHT_THEME = Theme(LIGHT_PAPER, INK, SOFT, RULE, ("#8c2d04", "#d9762f"), "#8d939c", ("#3f86c4", "#0b3c7d"))
DARK_THEME = Theme(DARK_PAPER, "#e8eaed", "#a3abb5", "#2c3037", ("#ffc199", "#d9762f"), "#767c85", ("#4189cc", "#b3d9ff"))


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture in both colours.

    Attributes:
        light: PNG on light paper.
        dark: PNG on dark paper.
        width: in inches of the figure.
    """

    light: bytes
    dark: bytes
    width: float


def diverging(theme: Theme, values: list[float]) -> "tuple[Colormap, Normalize]":
    """Colours of advantages: neutral at 0, as far on both sides as the largest goes."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    largest = max(map(abs, values), default=0.0) or 1.0
    return LinearSegmentedColormap.from_list("advantage", [*theme.negative, theme.neutral, *theme.positive]), Normalize(-largest, largest)


def new_figure(width: float, height: float, theme: Theme) -> "Figure":
    """An empty figure, in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def save(figure: "Figure", target: Any, theme: Theme, kind: str) -> None:
    """Write the figure: text as text, no random ids and no date in an SVG, so that the same graph is the same file.

    Args:
        figure: what to write.
        target: path or binary file.
        theme: whose paper it is on.
        kind: "png", "svg" or another format of matplotlib's.
    """
    from matplotlib import rc_context  # pyright: ignore[reportUnknownVariableType]  # its stub leaves a parameter of PathLike open

    dated: dict[str, dict[str, str | None]] = {"png": {"Software": None}, "svg": {"Date": None}}
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "prm-gym"}):
        figure.savefig(target, format=kind, facecolor=theme.paper, metadata=dated.get(kind))


def png(figure: "Figure", theme: Theme) -> bytes:
    """The figure as PNG."""
    drawn: IO[bytes] = BytesIO()
    save(figure, drawn, theme, "png")
    drawn.seek(0)
    return drawn.read()


def letters(number: int) -> str:
    """The name of group number `number`, from 0.

    >>> letters(0), letters(25), letters(26), letters(701)
    ('A', 'Z', 'AA', 'ZZ')
    """
    above, last = divmod(number, len(LETTERS))
    return (letters(above - 1) if above else "") + LETTERS[last]


def shortened(text: str, length: int) -> str:
    """The text on one line, its middle taken out where it is too long: the end of an action often says more than its middle."""
    flat = " ".join(text.split())
    if len(flat) <= length:
        return flat
    head = (length - 1) // 2
    return f"{flat[:head]}\N{HORIZONTAL ELLIPSIS}{flat[len(flat) - (length - 1 - head) :]}"
