"""Pages that stand elsewhere in the repository: README, CONTRIBUTING, CHANGELOG and those of the benchmarks, read when the site is built; and their links.

In the repository a link leads to a file. Here it leads to that file's page where it has one, to a copy where it is a picture or a small file, and is an
error else.
"""

import os
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
LARGEST = 1 << 20  # bytes of a file that is copied because something links to it
_LINK = re.compile(r"(!?\[(?:[^\]\[]|\[[^\]]*\])*\])\(([^()\s]+)\)")
_FENCE = re.compile(r"^(```+).*?^\1\s*$", re.DOTALL | re.MULTILINE)


def pages() -> dict[str, Path]:
    """Where in the repository the pages stand, by their places in the site."""
    found = {"index.md": ROOT / "README.md", "contributing.md": ROOT / "CONTRIBUTING.md", "changelog.md": ROOT / "CHANGELOG.md"}
    for path in sorted(ROOT.glob("benchmarks/**/README.md")):
        if "runs" not in path.parts:
            found[path.relative_to(ROOT).as_posix()] = path
    return found


def places() -> dict[str, str]:
    """Of every page that people have written, its place in the site by its place in the repository."""
    found = {path.relative_to(ROOT).as_posix(): place for place, path in pages().items()}
    return found | {path.relative_to(ROOT).as_posix(): path.relative_to(ROOT / "docs").as_posix() for path in sorted(ROOT.glob("docs/**/*.md"))}


def relinked(text: str, source: str, place: str, known: Mapping[str, str], copied: Callable[[str], None]) -> str:
    """A page whose links lead to places in the site.

    Args:
        text: the page.
        source: where it stands in the repository ("docs/credit.md").
        place: where it stands in the site ("credit.md").
        known: see `places`.
        copied: is told of each file (its place in the repository and in the site) that is to be copied.
    """

    def led(found: re.Match[str]) -> str:
        label, target = found[1], found[2]
        path, mark, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return found[0]
        wanted = os.path.normpath(os.path.join(os.path.dirname(source), path))
        for each in (wanted, f"{wanted}/README.md"):
            if each in known:
                return f"{label}({os.path.relpath(known[each], os.path.dirname(place) or '.')}{mark}{anchor})"
        file = ROOT / wanted
        if file.is_file() and file.stat().st_size <= LARGEST:
            inside = wanted.removeprefix("docs/")
            copied(wanted)
            return f"{label}({os.path.relpath(inside, os.path.dirname(place) or '.')})"
        return found[0]  # MkDocs says that it leads nowhere

    ends = [0, *(place for found in _FENCE.finditer(text) for place in found.span()), len(text)]
    pieces = [text[begin:end] for begin, end in pairwise(ends)]
    return "".join(_LINK.sub(led, piece) if number % 2 == 0 else piece for number, piece in enumerate(pieces))
