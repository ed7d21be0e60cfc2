"""Markdown for MkDocs: tables, code and docstrings. What stands in a docstring or was printed is shown as it is, and never read as markup."""

import html
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import msgspec

_SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
_SECTION = re.compile(rf"^({'|'.join(_SECTIONS)}):\s*$")
_LABEL = re.compile(r"^([A-Z][\w ,'()`=\"]{1,48}|[a-z]+_[a-z_]+):(?= |$)")
_COLUMNS = re.compile(r"^\S.*? {2,}\S", re.MULTILINE)
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_MARKUP = str.maketrans({each: f"&#{ord(each)};" for each in r"\`*_{}[]<>#|~^&"})


def code(text: str) -> str:
    """A text in a line, as code; nothing in it is markup, in tables neither."""
    return f"<code>{' '.join(text.split()).translate(_MARKUP)}</code>"


def fenced(text: str, language: str = "text") -> str:
    """A block of code, whatever stands in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def folded(title: str, body: str, kind: str = "note") -> str:
    """A part that is shown when its title is clicked."""
    indented = "\n".join(f"    {line}" if line else "" for line in body.rstrip().splitlines())
    return f'??? {kind} "{title.translate(_MARKUP)}"\n\n{indented}\n'


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown of one line. Empty without rows."""
    lines = [f"| {' | '.join(cell.strip() for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *lines]) + "\n" if lines else ""


def option_table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Options with their defaults and meanings; "None." where there are none."""
    cells = [(code(name), code(default) if default else "", line(meaning)) for name, default, meaning in rows]
    return table(("option", "default", "meaning"), cells) or "None.\n"


def link(name: str, target: str) -> str:
    """A name as code that leads somewhere."""
    return f"[{code(name)}]({target})"


def line(text: str) -> str:
    """A sentence of a docstring, in one line: code between backticks, all else as it stands."""
    return _escaped(" ".join(text.split())).replace("\n", " ")


def record(value: object) -> str:
    """A record as Python writes it, without the fields that are left at their defaults."""
    if isinstance(value, msgspec.Struct):
        given = [(each.name, getattr(value, each.name), each.default) for each in msgspec.structs.fields(value)]
        return f"{type(value).__name__}({', '.join(f'{name}={record(field)}' for name, field, default in given if field != default)})"
    if isinstance(value, tuple | list):
        items = [record(each) for each in cast("Sequence[object]", value)]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    return repr(value)


def cut(text: str, length: int, lines: int = 1_000) -> str:
    """The beginning of a text; what is left out is said."""
    rows = text.splitlines()
    shown = "\n".join(rows[:lines])[:length]
    left = len(text) - len(shown)
    return text if left <= 0 or not text[len(shown) :].strip() else f"{shown}\n... ({left:,} more characters)"


def docstring(text: str | None, leave_out: Sequence[str] = ()) -> str:
    """A docstring as Markdown: sections as lists, indented blocks and doctests as code, labels (`Claims: ...`) as paragraphs of their own.

    Args:
        text: the docstring.
        leave_out: sections that are shown elsewhere ("Args").
    """
    lines = inspect.cleandoc(text or "").splitlines()
    parts: list[str] = []
    while lines:
        section = _SECTION.match(lines[0])
        if section:
            body = _taken(lines, lambda each: not each.strip() or each.startswith("    "), skip=1)
            parts += [] if section[1] in leave_out else [f"**{section[1]}**\n\n{_entries(body)}"]
        elif not lines[0].strip():
            lines.pop(0)
        elif lines[0].startswith("    "):
            parts.append(fenced(inspect.cleandoc("\n" + "\n".join(_taken(lines, lambda each: not each.strip() or each.startswith("    "))))))
        elif lines[0].startswith(">>>"):
            parts.append(fenced("\n".join(_taken(lines, lambda each: bool(each.strip()))), "pycon"))
        else:
            parts.append(_paragraph(_taken(lines, lambda each: bool(each.strip()) and not _SECTION.match(each))))
    return "\n\n".join(parts) + "\n" if parts else ""


def summary(text: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return line(inspect.cleandoc(text or "").partition("\n\n")[0])


def link_names(text: str, targets: Mapping[str, str]) -> str:
    """The text with every name between backticks that has a page leading there."""
    return re.sub(r"(?<!\[)`(\w+)`(?!\])", lambda found: f"[`{found[1]}`]({targets[found[1]]})" if found[1] in targets else found[0], text)


def _taken(lines: list[str], goes_on: Callable[[str], bool], skip: int = 0) -> list[str]:
    """The lines from the first on for which it holds, removed from the list."""
    count = skip or 1
    while count < len(lines) and goes_on(lines[count]):
        count += 1
    found = lines[skip:count]
    del lines[:count]
    return found


def _paragraph(lines: Sequence[str]) -> str:
    """Lines of prose: items of lists and labelled sentences begin anew; what stands in columns is code."""
    if _COLUMNS.search("\n".join(each for each in lines if not each.startswith(("- ", "  ")))):
        return fenced("\n".join(lines))
    blocks: list[list[str]] = []
    for each in lines:
        item = re.match(r"(?:[-*]|\d+\.) ", each)
        listed = bool(blocks) and bool(re.match(r"(?:[-*]|\d+\.) ", blocks[-1][0]))
        if not blocks or item or (listed and not each.startswith(" ")) or _LABEL.match(each):
            blocks.append([each])
        else:
            blocks[-1].append(each.strip())
    written = ""
    for block in blocks:
        text = " ".join(block)
        item = re.match(r"(?:[-*]|\d+\.) ", text)
        if item:
            together = written.rstrip("\n").splitlines()
            gap = "\n" if together and re.match(r"(?:[-*]|\d+\.) ", together[-1]) else "\n\n"
            written = written.rstrip("\n") + gap + item[0] + _escaped(text[item.end() :])
        else:
            label = _LABEL.match(text)
            prose = f"**{_escaped(label[1])}:**{_escaped(text[label.end() :])}" if label and "**" not in label[1] else _escaped(text)
            written = written.rstrip("\n") + "\n\n" + prose
    return written.strip("\n")


def _entries(lines: Sequence[str]) -> str:
    """The entries of a section: `name: meaning`, or prose."""
    entries: list[str] = []
    for each in lines:
        entry = re.match(r"^ {4}(\*{0,2}[\w.\[\]]+):\s*(.*)$", each)
        if entry:
            entries.append(f"- {code(entry[1])}: {entry[2]}")
        elif each.strip() and entries:
            entries[-1] += f" {each.strip()}"
        elif each.strip():
            entries.append(f"- {each.strip()}")
    return "\n".join(_keeping_first_code(each) for each in entries)


def _keeping_first_code(entry: str) -> str:
    name = re.match(r"- <code>.*?</code>: ", entry)
    return (name[0] + _escaped(entry[name.end() :])) if name else f"- {_escaped(entry[2:])}"


def _escaped(text: str) -> str:
    """Prose with its code; `**bold**` stays."""
    written, place = "", 0
    for found in _CODE.finditer(text):
        written += _plain(text[place : found.start()]) + f"`{found[2]}`" if "|" not in found[2] else _plain(text[place : found.start()]) + code(found[2])
        place = found.end()
    return written + _plain(text[place:])


def _plain(text: str) -> str:
    text = html.escape(text, quote=False)
    text = re.sub(r"(?<!\*)\*(?!\*)", r"\\*", text)
    return re.sub(r"([_\[\]|~^])", lambda found: f"&#{ord(found[1])};", text)
