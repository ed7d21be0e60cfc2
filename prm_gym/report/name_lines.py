"""Names of assigners and reward schemes, pipelines and options included, on several lines where a table has no room for one."""

import re
from collections.abc import Sequence

BREAKS = ("", r"(?=\|)", r"(?=[|?&])", r"(?=[|?&])|(?<=[_=])")
"""Where a line may end, from the best places to the last resort: nowhere, before a bar, before an option, within a word."""
WITHIN_WORDS = 3


def pieces(name: str, level: int) -> list[str]:
    """The parts of a name that stay whole.

    >>> pieces("prof|gigpo?gamma=0.9&step_weight=2", 2)
    ['prof', '|gigpo', '?gamma=0.9', '&step_weight=2']
    """
    return [piece for piece in re.split(BREAKS[level], name) if piece] if level else [name]


def lines(name: str, width: int) -> str:
    """The name in lines of a width, broken at the best places that do; anywhere where none does.

    >>> print(lines("prof|gigpo?gamma=0.9", 12))
    prof|gigpo
    ?gamma=0.9
    """
    for level in range(len(BREAKS)):
        whole = pieces(name, level)
        if max(map(len, whole), default=0) <= width:
            return "\n".join(_filled(whole, width))
    return "\n".join(_filled(list(name), width))


def name_widths(credits: Sequence[str], rewards: Sequence[str], room: int, worst: int = WITHIN_WORDS) -> tuple[int, int] | None:
    """Widths of two columns of names in characters, those with which the names are broken at the best places; None where there is no room.

    Args:
        credits: names of the first column, and its heading.
        rewards: of the second.
        room: for both.
        worst: level of `BREAKS` that will do.
    """
    for level in range(worst + 1):
        first, second = (max(len(piece) for name in names for piece in pieces(name, level)) for names in (credits, rewards))
        spare = room - first - second
        if spare >= 0:
            more = min(spare, max(map(len, credits)) - first)
            return first + more, min(second + spare - more, max(map(len, rewards)))
    return None


def _filled(parts: Sequence[str], width: int) -> list[str]:
    found = [""]
    for part in parts:
        if len(found[-1]) + len(part) > width and found[-1]:
            found.append("")
        found[-1] += part
    return found
