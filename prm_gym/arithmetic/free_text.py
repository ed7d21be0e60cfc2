"""Equations between plain numbers in running text, as people and language models write them.

What is found is read surely; what is not surely understood is left out, because a wrong reading would call a right step wrong: variables, powers, functions,
dates, ratios, ranges, mixed numbers, conversions of units (`3 weeks = 21 days`), sums of percents and plain numbers. Words between the numbers are
taken for units (`5 apples * $2 = $10`). A false equation must stand a stricter reading than a true one (`prm_gym.arithmetic.false_equations`).

Of a chain every pair is read as it is written: `10 + 5 = 15 + 3 = 18` says that `10 + 5 = 15 + 3`, which is false, though people write so when they go on.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from prm_gym.arithmetic.expression import Expression, ExpressionError, parse_expression
from prm_gym.arithmetic.false_equations import begins_surely, ends_surely, holds, surely_meant
from prm_gym.arithmetic.free_text_sides import Side
from prm_gym.arithmetic.free_text_tokens import Token, tokens


class FoundEquation(NamedTuple):
    """An equation that was found in a text.

    Attributes:
        start: where it begins in the text.
        end: where it ends.
        left: its left side, in the notation of `prm_gym.arithmetic.parse_expression`.
        right: its right side, likewise; a number is spelled with the places it was written with.
    """

    start: int
    end: int
    left: str
    right: str


_UNIT = r"c?+Nc?+%?+w{0,3}+"
_CLOSING = r"(?:\)w{0,3}+)*+"
_SIDE = rf"[-(c]*+{_UNIT}{_CLOSING}(?:[-o][-(c]*+{_UNIT}{_CLOSING})*+"
_CHAIN = re.compile(rf"(?:(?<![-o(cN)%])(?=-)|(?<![-o(c])(?=[(cN])){_SIDE}(?:[=~]{_SIDE})++")
_NEXT = re.compile(rf"{_SIDE}[=~]")
_ANNOTATION = re.compile(r"<<([^<>\n]*)>>")
_ANNOTATED = re.compile(r"[-+*/().,\d\s%$]+")
_MEASURES = tuple(
    frozenset(words.split())
    for words in (
        "second seconds sec secs minute minutes min mins hour hours hr hrs day days week weeks month months year years decade decades",
        "cent cents ¢ dollar dollars c dime dimes nickel nickels quarter quarters penny pennies",
        "inch inches foot feet ft yard yards mile miles mm cm m km meter meters metre metres kilometer kilometers centimeters",
        "gram grams g kg kilogram kilograms ounce ounces oz pound pounds lb lbs ton tons",
        "ml liter liters litre litres cup cups pint pints quart quarts gallon gallons tablespoon tablespoons teaspoon teaspoons",
    )
)


def equations(text: str) -> list[FoundEquation]:
    r"""The equations between plain numbers in a text, from left to right; of a chain `a = b = c` every neighbouring pair.

    >>> [(e.left, e.right) for e in equations("She sells 16 - 3 - 4 = 9 eggs, so 9 eggs * $2 = $18; and \\(x + 1 = 3\\).")]
    [('16-3-4', '9'), ('9*2', '18')]

    Args:
        text: any text at all. The time grows with its length, nearly in proportion.
    """
    found = [pair for note in _ANNOTATION.finditer(text) for pair in _annotated(note)]
    read = tokens(text)
    kinds = "".join(token.kind for token in read)
    for chain in _CHAIN.finditer(kinds):
        found += _chain(text, read, kinds, chain.start(), chain.end())
    return sorted(found)


def _annotated(note: re.Match[str]) -> list[FoundEquation]:
    """The pairs of a calculator's note `<<9*2=18>>`."""
    sides = note[1].split("=")
    if len(sides) < 2 or not all(_ANNOTATED.fullmatch(side) for side in sides):
        return []
    spelled = [re.sub(r"(\d)%", r"\1/100", side.replace("$", "")).strip() for side in sides]
    return [
        FoundEquation(note.start(1), note.end(1), left, right) for left, right in pairwise(spelled) if _value(left) is not None and _value(right) is not None
    ]


def _chain(text: str, read: list[Token], kinds: str, begin: int, end: int) -> list[FoundEquation]:
    cuts = [place for place in range(begin, end) if kinds[place] in "=~"]
    spans = list(zip([begin, *(cut + 1 for cut in cuts)], [*cuts, end], strict=True))
    sides: list[Side | None] = []
    for place, (first, last) in enumerate(spans):
        is_first, is_last = place == 0 and not (begin and kinds[begin - 1] in "=~"), place == len(spans) - 1
        sides.append(_side(read, kinds, first, last, is_first, is_last))
    found: list[FoundEquation] = []
    for place, (left, right) in enumerate(pairwise(sides)):
        if left is None or right is None:
            continue
        near = kinds[cuts[place]] == "~"
        pair = _pair(left, right, near)
        if pair is None:
            continue
        outer = place > 0 or (begin > 0 and kinds[begin - 1] in "=~") or begins_surely(read, text, left, pair)
        outer = outer and (place < len(cuts) - 1 or ends_surely(read, kinds, text, right.end))
        if holds(*pair) or (outer and surely_meant(left, right, pair, near)):
            found.append(FoundEquation(left.read[0].start, right.read[-1].end, *pair))
    return found


def _side(read: list[Token], kinds: str, first: int, last: int, is_first: bool, is_last: bool) -> Side | None:
    """The side between two places; None where it cannot be read surely."""
    inner = kinds[first:last]
    spare, bracketed = inner.count("(") - inner.count(")"), False
    if spare > 0 and is_first and inner.startswith("(" * spare):
        bracketed = first == 0 or read[first - 1].kind in "np" or (read[first - 1].kind == "w" and read[first - 1].end < read[first].start)
        first += spare
    elif spare < 0 and is_last and inner.rstrip("w").endswith(")" * -spare):
        last = first + len(inner.rstrip("w")) + spare
        inner = kinds[first:last]
    elif spare:
        return None
    if is_first and not bracketed:
        start = _safe_start(read, kinds, first)
        bare = sum(kind in "N" for kind in kinds[first:last]) == 1
        if start is None or (bare and kinds[first - 1 : first] == "w" and not read[first].fresh):
            return None
        first = start
    core = [token for token in read[first:last] if token.kind != "w"]
    if is_last and not _ends_safely(read, kinds, first + len(kinds[first:last].rstrip("w"))):
        return None
    words = frozenset(word for token in read[first:last] if token.kind == "w" for word in token.text.split())
    if any(token.kind == "c" for token in core):
        words |= {"c"}
    side = Side(core, read[first:last], words, first, first + len(kinds[first:last].rstrip("w")))
    return side if _value(side.spelled()) is not None else None


def _safe_start(read: list[Token], kinds: str, first: int) -> int | None:
    """Where the first side of a chain begins; None where what stands before may belong to it."""
    token = read[first]
    before = read[first - 1] if first else None
    at_line = before is None or before.kind == "n"
    if token.kind == "-":
        spaced = read[first + 1].start > token.end
        if at_line and spaced:  # a mark of a list
            return first + 1
        attached = before is not None and before.start < before.end == token.start
        return None if spaced or attached or not (token.fresh or before is None or before.kind in "pw") else first
    if token.fresh or before is None or before.kind in "np":
        return first
    if before.kind == "w":
        called = token.kind == "(" and before.end == token.start
        place = first - 1
        while place > 0 and kinds[place] == "w":
            place -= 1
        if kinds[place] in "-o":  # 25 pupils + his 1 teacher + 1 = 27
            return None
        mixed = first > 1 and kinds[first - 2] == "N" and any(before.text in measure for measure in _MEASURES)  # 3 feet 2 inches
        return None if called or mixed else first
    if before.kind == "a":
        place = first - 2
        while place >= 0 and kinds[place] == "w":
            place -= 1
        if place >= 0 and kinds[place] in "N)%":
            while place >= 0 and kinds[place] in "Nc%":
                place -= 1
            return first if place >= 0 and kinds[place] in "=~" else None
        return first
    return None


def _ends_safely(read: list[Token], kinds: str, place: int) -> bool:
    """Whether the last side of a chain is over where its last number ends."""
    while kinds[place : place + 1] == ")":
        place += 1
    if place == len(read) or kinds[place] in "np":
        return True
    if kinds[place] == "(":
        return read[place].start > read[place - 1].end and kinds[place + 1 : place + 2] in ("w", "d")
    if kinds[place] == "d":
        return read[place].text in ("from", "to", "by", "than", "less")
    if kinds[place] not in "wa":
        return False
    after = place
    while after < len(kinds) and after < place + 6 and kinds[after] == "w":
        after += 1
    follows = kinds[after : after + 1]
    if follows == "a" and kinds[after + 1 : after + 2] and kinds[after + 1] in "Nc(":
        return _NEXT.match(kinds, after + 1) is not None
    return follows not in ("o", "-", "%", "x") and not (follows == "=" and after > place)


def _pair(left: Side, right: Side, near: bool) -> tuple[str, str] | None:
    """Both sides spelled out; None where units, percents or a bare number make the reading unsure."""
    if left.numbers == 1 and (left.words - {"c"} or (right.numbers == 1 and (left.words or right.words))):  # 5 pairs = 5 * 2, 3 weeks = 21 days
        return None
    if _converts(left.words, right.words):
        return None
    if near and right.numbers == 1 and re.fullmatch(r"\d+0", right.spelled()):  # rounded to tens, or not at all
        return None
    if not (left.percents or right.percents):
        return left.spelled(), right.spelled()
    return _percents(left, right)


def _percents(left: Side, right: Side) -> tuple[str, str] | None:
    summed = any(token.text in "+-" and token.kind in "o-" for token in (*left.read, *right.read))
    if summed:
        whole = all(side.percents == side.numbers for side in (left, right))
        products = any(token.kind == "o" and token.text in "*/" for token in (*left.read, *right.read))
        return (left.spelled(percents=False), right.spelled(percents=False)) if whole and not products else None
    if right.numbers == 1 and right.percents:
        hundred = any(token.kind == "N" and token.text.strip("()").startswith("100") for token in left.read)
        plainly = not left.percents and _same_value(left.spelled(), right.spelled(percents=False))  # 25 * 4 = 100%: meant as it stands
        return None if hundred or plainly else (f"({left.spelled()})*100", right.spelled(percents=False))
    return left.spelled(), right.spelled()


def _same_value(left: str, right: str) -> bool:
    try:
        return parse_expression(left).value == parse_expression(right).value
    except ExpressionError:
        return False


def _converts(left: frozenset[str], right: frozenset[str]) -> bool:
    """Whether the equation may go from one unit to another of its kind."""
    for measure in _MEASURES:
        there = {word.rstrip("s") for word in left & measure}
        here = {word.rstrip("s") for word in right & measure}
        if here and there and here != there:
            return True
    return False


def _value(text: str) -> Expression | str | None:
    """The expression of a text, or its defect when it has no value but can be judged; None when it is none."""
    try:
        return parse_expression(text)
    except ExpressionError as error:
        return error.kind if error.kind == "zero" else None
