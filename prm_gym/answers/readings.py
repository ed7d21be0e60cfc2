"""What an answer says, with its shape: a number with its unit, a point, a list, a set, an interval, a matrix, an equation, words."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from prm_gym.answers.exact import Exact, exact
from prm_gym.answers.expression import Defect, Node, UnreadableError, number, read_expression
from prm_gym.answers.number_words import NUMBER_WORDS, scale
from prm_gym.answers.units import CURRENCIES, Unit, read_unit

MAX_ITEMS = 60
MAX_NESTING = 5

_OPENING = {"(": ")", "[": "]", r"\{": r"\}", r"\langle": r"\rangle"}
_BRACKET = re.compile(r"\\[{}]|\\[lr]angle(?![a-zA-Z])|\\(?:begin|end)\s*\{[a-zA-Z]*\*?\}|\\[a-zA-Z]+|[()\[\]{}]")
_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")
_RELATION = re.compile(r"\\(?:le|ge|ne|in|approx|equiv|to|rightarrow|implies|Rightarrow|neq|sim|cong)(?![a-zA-Z])|!=|[=<>]")
_CONNECTIVE = re.compile(r"\\text\s*\{\s*,?\s*(?:and|or)\s*\}|,?\s(?:and|or)\s|\\(?:vee|wedge|lor|land)(?![a-zA-Z])")
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9 ,.'’()/&-]*")
_NUMERAL = re.compile(r"([0-9A-F]{1,60})\s*_\s*\{?\s*(\d{1,2})\s*\}?")
_BEHIND = re.compile(
    r"(?P<core>.*[\d)}])\s*(?P<unit>\\text\s*\{[^{}]*\}(?:\s*\^\s*\{?[23]\}?)?|(?:(?<=[\d)}])\s+|(?<=\d)(?=[a-z]{2}))[A-Za-z][A-Za-z .'/^{}0-9-]*)$"
)
_MATRIX = re.compile(r"\\begin\s*\{([pbvB]?matrix|array)\}\s*(?:\{[clr| ]*\})?(.*)\\end\s*\{\1\}")
_LABEL = re.compile(
    r"\\text\{[A-Za-z ]{1,30}\}|\(\s*[a-z](?:\s*,\s*[a-z])+\s*\)|[a-z]\^\{-1\}\([a-z]\)|"
    r"(?:\\?[A-Za-z]+|\\angle\s*[A-Z]{1,3}|[A-Z]{2,3})'*(?:_\s*(?:\{[A-Za-z0-9]{1,6}\}|[A-Za-z0-9]))?(?:\s*\(\s*(?:[A-Za-z]|-?\d{1,9})\s*\))?"
)
_DIGITS_ONLY = re.compile(r"(?:[-+\d.,/ {}^()]|\\frac|\\times|\\cdot)+")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One expression.

    Attributes:
        text: as it is spelled, without its unit.
        node: as it was written.
        value: exactly; None where it is infinite, too large to be computed or not defined.
        unit: what stands behind the number, or the currency before it.
        percent: a percent sign stands behind it.
        infinite: 1 or -1 for the infinities, else 0.
        defect: why there is no value.
    """

    text: str
    node: Node
    value: Exact | None
    unit: Unit | None = None
    percent: bool = False
    infinite: int = 0
    defect: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    r"""Several things: a point or an open interval `( )`, a closed one `[ ]`, a set `\\{ \\}`, a bare list (no brackets).

    Attributes:
        brackets: what opens and what closes it; both empty for a bare list.
        items: in the order in which they are written.
    """

    brackets: tuple[str, str]
    items: tuple["Reading", ...]

    @property
    def ordered(self) -> bool:
        """Whether the order of the items is part of what it says."""
        return self.brackets not in (("", ""), (r"\{", r"\}"), (r"\cup", ""))


@dataclass(frozen=True, slots=True)
class Relation:
    r"""Expressions with relations between them; more than one relation is a chain.

    Attributes:
        relations: `=`, `<`, `>`, `\\le`, `\\ge`, `\\in`, `\\ne`, `\\approx` ...
        sides: one more than relations.
        label: what a bare left side names (`x`, `f(x)`, `AB`), else "".
    """

    relations: tuple[str, ...]
    sides: tuple["Reading", ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """Text, in lower case and without article."""

    text: str


@dataclass(frozen=True, slots=True)
class Numeral:
    """A numeral with its base, `52_8`."""

    value: int
    base: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A text that the reader does not know."""

    text: str
    reason: str
    kind: Defect = "syntax"


Reading: TypeAlias = Scalar | Group | Relation | Words | Numeral | Unknown


@lru_cache(maxsize=4_096)
def read_answer(text: str, depth: int = 0) -> Reading:
    """What a spelled text says; a text that is no answer in a known notation is an `Unknown`."""
    text = text.strip()
    if depth > MAX_NESTING:
        return Unknown(text, f"shapes are nested deeper than {MAX_NESTING}", "beyond")
    if not text:
        return Unknown(text, "it is empty", "broken")
    if "..." in text:
        return Unknown(text, "it leaves something out (...)")
    try:
        return _read(text, depth)
    except UnreadableError as error:
        return Unknown(text, str(error), error.kind)


def _read(text: str, depth: int) -> Reading:
    whole = _TEXT.fullmatch(text)
    if whole is not None:
        text = whole[1].strip() or " "
    special = _special(text)
    if special is not None:
        return special
    items = _split(text, depth)
    if len(items) > 1:
        return _list(items, depth)
    relation = _relation(text, depth)
    if relation is not None:
        return relation
    parts = _parts(text, re.compile(r":"))[0]
    if len(parts) > 1:
        return Group((":", ""), tuple(read_answer(part, depth + 1) for part in parts))
    parts = _parts(text, re.compile(r"\\cup(?![a-zA-Z])"))[0]
    if len(parts) > 1:
        return Group((r"\cup", ""), tuple(read_answer(part, depth + 1) for part in parts))
    group = _group(text, depth)
    if group is not None:
        return group
    if r"\pm" in text or r"\mp" in text:
        return _list(_both_signs(text), depth)
    numeral = _numeral(text)
    return numeral or _scalar(text)


def _special(text: str) -> Reading | None:
    """Words and the empty set."""
    if text in (r"\emptyset", r"\varnothing", "∅"):
        return Group((r"\{", r"\}"), ())
    if text in (r"\mathbb{R}", r"\mathbb R", "ℝ"):
        low, high = (Scalar(text, number(0), None, infinite=sign) for sign in (-1, 1))
        return Group(("(", ")"), (low, high))
    words = _TEXT.sub(r" \1 ", text).strip()
    if not _WORDS.fullmatch(words):
        return None
    bare = re.sub(r"^(?:the|an|a)\s+(?=\S)", "", re.sub(r"\s+", " ", words.lower()))
    sign = re.match(r"(?:negative|minus)\s+(?=\S)", bare)
    if (spoken := NUMBER_WORDS.get(bare[sign.end() :] if sign else bare)) is not None:
        node = number(-spoken if sign else spoken)
        return Scalar(bare, node, exact(node))
    letters = re.sub(r"[^A-Za-z]", "", words)
    if re.search(r"\d|\(", words.strip("()")) or bare in ("pi", "infinity", "oo", "inf") or re.match(r"(?:sqrt|sin|cos|tan|log|ln)\b", bare):
        return None
    is_word = len(letters) > 3 or bare in ("yes", "no", "odd", "up", "none", "on", "in", "or", "if") or (len(letters) > 1 and text != words)
    if " or " in f" {bare} " or " and " in f" {bare} " or "," in bare:
        return None
    return Words(bare) if is_word or (len(letters) > 2 and words.islower() is False and words.isupper() is False) else None


def _parts(text: str, separator: re.Pattern[str], thousands: bool = False) -> tuple[list[str], list[str]]:
    """The pieces of a text between separators that stand in no bracket, and the separators; with `thousands`, a comma within 12,500 is none."""
    spans = _spans(text)
    kept = [found.span() for found in _THOUSANDS.finditer(text)] if thousands else []
    pieces: list[str] = []
    found: list[str] = []
    start = 0
    for match in separator.finditer(text):
        inside = any(begin < match.start() < end for begin, end in spans) or any(begin < match.start() < end for begin, end in kept)
        if not inside:
            pieces.append(text[start : match.start()].strip())
            found.append(match[0].strip())
            start = match.end()
    pieces.append(text[start:].strip())
    if len(pieces) > MAX_ITEMS:
        raise UnreadableError(f"more than {MAX_ITEMS} items", "beyond")
    return pieces, found


def _spans(text: str) -> list[tuple[int, int]]:
    """Where the outermost brackets of any kind open and close; half-open intervals pair a round with a square one."""
    spans: list[tuple[int, int]] = []
    depth, start = 0, 0
    for found in _BRACKET.finditer(text):
        token = found[0]
        if token in "([{" or token in (r"\{", r"\langle") or token.startswith(r"\begin"):
            start = found.start() if depth == 0 else start
            depth += 1
        elif token in ")]}" or token in (r"\}", r"\rangle") or token.startswith(r"\end"):
            depth -= 1
            if depth < 0:
                raise UnreadableError("a bracket is closed that was not opened", "broken")
            if depth == 0:
                spans.append((start, found.end()))
    if depth:
        raise UnreadableError("a bracket is not closed", "broken")
    return spans


def _split(text: str, depth: int) -> list[str]:
    """Items of a bare list; within brackets a comma always separates, outside 12,500 is one number."""
    items: list[str] = []
    for piece in _parts(text, _CONNECTIVE)[0]:
        items.extend(item.strip() for item in _parts(piece, re.compile(r"[,;]"), thousands=depth == 0)[0])
    if len(items) > 1 and not all(items):
        raise UnreadableError("an item of the list is missing", "broken")
    return items


def _list(items: list[str], depth: int) -> Group:
    read = [read_answer(item, depth + 1) for item in items]
    flat: list[Reading] = []
    for reading in read:
        flat.extend(reading.items if isinstance(reading, Group) and reading.brackets == ("", "") else (reading,))
    first = flat[0]
    if isinstance(first, Relation) and first.relations == ("=",) and first.label and not any(isinstance(item, Relation) for item in flat[1:]):
        flat[0] = first.sides[1]  # x = 1, 2
    return Group(("", ""), tuple(flat))


def _both_signs(text: str) -> list[str]:
    if text.count(r"\pm") + text.count(r"\mp") > 1:
        raise UnreadableError("several signs of plus or minus: which go together is not said")
    return [text.replace(r"\pm", upper).replace(r"\mp", lower).removeprefix("+") for upper, lower in (("+", "-"), ("-", "+"))]


def _relation(text: str, depth: int) -> Reading | None:
    pieces, found = _parts(text, _RELATION)
    if not found:
        return None
    if len(found) == 1 and found[0] == r"\approx" and not pieces[0]:
        return read_answer(pieces[1], depth + 1)
    relations = tuple({"!=": r"\ne", r"\neq": r"\ne", r"\approx": "="}.get(relation, relation) for relation in found)
    label = pieces[0] if _LABEL.fullmatch(pieces[0]) and len(pieces[0]) < 40 else ""
    return Relation(relations, tuple(read_answer(piece, depth + 1) for piece in pieces), re.sub(r"[ {}]", "", label))


def _group(text: str, depth: int) -> Reading | None:
    """A matrix, or what stands between brackets that open at the first and close at the last character."""
    matrix = _MATRIX.fullmatch(text)
    if matrix is not None:
        rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?", matrix[2]) if row.strip()]
        if len(rows) > MAX_ITEMS:
            raise UnreadableError(f"more than {MAX_ITEMS} rows", "beyond")
        cells = tuple(Group(("row", ""), tuple(read_answer(cell, depth + 1) for cell in row.split("&"))) for row in rows)
        return Group(("determinant" if matrix[1] == "vmatrix" else "matrix", ""), cells)
    opening = next((opening for opening in _OPENING if text.startswith(opening)), "")
    spans = _spans(text) if opening else []
    if not opening or spans[:1] != [(0, len(text))]:
        return None
    closing = next((closing for closing in (*_OPENING.values(),) if text.endswith(closing)), "")
    inner = text[len(opening) : -len(closing)].strip()
    is_set = opening == r"\{"
    if is_set and (re.search(r"\\text|[|:]", inner)):
        raise UnreadableError("a set that is described")
    if is_set and not inner:
        return Group((opening, closing), ())
    items = _parts(inner, re.compile(r"[,;]"))[0]
    if len(items) == 1 and not is_set:
        return read_answer(inner, depth + 1) if opening == "(" and closing == ")" else None
    if not all(items):
        raise UnreadableError("an item is missing", "broken")
    read: list[Reading] = []
    for item in items:
        reading = read_answer(item, depth + 1)
        read.extend(reading.items if is_set and isinstance(reading, Group) and reading.brackets == ("", "") else (reading,))
    return Group((opening, closing), tuple(read))


def _numeral(text: str) -> Numeral | None:
    found = _NUMERAL.fullmatch(text)
    if found is None:
        return None
    base = int(found[2])
    digits = "0123456789ABCDEF"[:base]
    if not 2 <= base <= 16 or not all(digit in digits for digit in found[1]) or (not found[1][0].isdigit() and base < 11):
        return None
    return Numeral(int(found[1], base), base)


def _scalar(text: str) -> Reading:
    core, unit, percent, factor = _measured(text)
    sign = re.fullmatch(r"([+-]?)\s*(?:\\infty|oo|inf|infinity)\s*", core)
    if sign is not None:
        return Scalar(core, number(0), None, infinite=-1 if sign[1] == "-" else 1)
    node = read_expression(core)
    if factor != 1:
        node = number(node.value * factor) if node.kind == "number" else Node("product", (number(factor), node))
    try:
        return Scalar(core, node, exact(node), unit, percent)
    except UnreadableError as error:
        return Scalar(core, node, None, unit, percent, defect=str(error))


def _measured(text: str) -> tuple[str, Unit | None, bool, Fraction]:
    """The text of the number, its unit, whether it is a percentage, and the factor of a word like million."""
    text = re.sub(r"(\\text\{[^{}]*)\}\s*\\text\s*\{", r"\1 ", _TEXT.sub(r"\\text{\1}", text))
    before = re.match(rf"(-?)\s*(?:\\?([{CURRENCIES}])|\\(pounds|euro)(?![a-zA-Z]))\s*(-?)\s*", text)
    unit: Unit | None = None
    if before is not None:
        unit = read_unit(before[2] or {"pounds": "£", "euro": "€"}[before[3]])
        text = before[1] + before[4] + text[before.end() :]
    behind = re.fullmatch(rf"(.*\S)\s*(?:\\?([{CURRENCIES}¢])|(°\s*\\?(?:text)?\s*\{{?\s*[CF]?\}}?))", text)
    if behind is not None and unit is None:
        return behind[1], read_unit(re.sub(r"[\s{}\\]|text", "", behind[2] or behind[3])), False, Fraction(1)
    percent = re.fullmatch(r"(.*\S)\s*(?:%|\\text\s*\{\s*(?:%|percent|per cent)\s*\}|\s(?:percent|per cent))", text)
    if percent is not None:
        return percent[1], unit, True, Fraction(1)
    found = _BEHIND.fullmatch(text)
    if found is None:
        return text, unit, False, Fraction(1)
    core, words, factor = found["core"], re.sub(r"\\text\s*\{\s*([^{}]*?)\s*\}", r"\1 ", found["unit"]).split(), Fraction(1)
    while words and (times := scale(words[0])) is not None:
        factor *= times
        words.pop(0)
    if not words:
        return core, unit, False, factor
    behind_unit = read_unit(" ".join(words))
    if behind_unit is not None and behind_unit.letter and not _DIGITS_ONLY.fullmatch(core):
        return text, unit, False, Fraction(1)  # `\\sin^2 m` measures nothing
    if behind_unit is None and not re.search("[A-Za-z]{2}", " ".join(words)):
        return text, unit, False, Fraction(1)  # letters, `2x`
    if behind_unit is None:
        raise UnreadableError(f"{' '.join(words)[:40]!r} is no unit")
    if unit is not None and behind_unit.dimension.startswith("/"):
        return core, Unit(unit.dimension + behind_unit.dimension, unit.factor * behind_unit.factor, behind_unit.known), False, factor
    if unit is not None and behind_unit.dimension != unit.dimension:
        raise UnreadableError("it has two units")
    if found["unit"].startswith("\\text"):
        behind_unit = replace(behind_unit, letter=False)
    return core, unit or behind_unit, False, factor
