"""The tokens of running text in which equations are looked for: numbers, signs, words, and everything that makes a reading unsafe.

Every token has a kind of one character, so that a text becomes a string of kinds in which a regular expression finds the shape of an equation:

    N number   c currency   % percent   - minus   o another operation   ( )   = ~ equal, nearly equal   w word   a "and", "or"
    d a word that belongs to the arithmetic itself ("of", "dozen", "than")   p punctuation   n end of line   X what is not understood
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from prm_gym.arithmetic.expression import ExpressionError, parse_expression


class Token(NamedTuple):
    """A token: kind, spelling in the notation of `parse_expression` (words in lower case), place, whether mathematics begins here, a sign as written."""

    kind: str
    text: str
    start: int
    end: int
    fresh: bool = False
    written: str = ""


_NUMBER = r"(?:\d{1,3}(?:(?:,|\{,\}|,\\!)\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_TOKEN = re.compile(
    r"(?P<line>\n|\\\\)"
    r"|(?P<blank>[^\S\n]+|<<[^<>\n]*>>|\\(?:left|right|displaystyle)(?![A-Za-z])|\\[,;! ]|&)"
    r"|(?P<fraction>\\[dt]?frac\s*(?:\{[^{}\n]{0,99}\}\s*\{[^{}\n]{0,99}\}|\d\s*\d))"
    r"|(?P<text>\\(?:text|mathrm|textbf|mbox)\s*\{[^{}\n]{0,99}\})"
    r"|(?P<times>\\(?:times|cdot|ast)(?![A-Za-z])|[×·⋅∗])"
    r"|(?P<over>\\div(?![A-Za-z])|÷)"
    r"|(?P<near>\\approx(?![A-Za-z])|≈)"
    r"|(?P<open>\\[(\[]|\$\$|\\boxed\s*\{|\\begin\{(?:align|aligned|equation|gather|split)\*?\})"
    r"|(?P<array>\\begin\{(?P<kind>[a-zA-Z]+\*?)\}.{0,2000}?\\end\{(?P=kind)\})"
    r"|(?P<close>\\[)\]]|\}|\\end\{[a-z]+\*?\})"
    rf"|(?P<number>{_NUMBER})"
    r"|(?P<currency>\\?\$|€|£)"
    r"|(?P<percent>\\?%)"
    r"|(?P<relation><=|>=|!=|==|=>|->|\\[A-Za-z]+)"
    r"|(?P<equal>=)"
    r"|(?P<bold>\*\*)"
    r"|(?P<minus>[-−])"
    r"|(?P<sign>[+*/])"
    r"|(?P<opening>[(\[])|(?P<closing>[)\]])"
    r"|(?P<letter>(?<![^\W\d_])[xX](?=\s*(?:\\?\$)?[\d(.]))"
    r"|(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*|°|¢)"
    r"|(?P<mark>[.,;:?!\"“”'‘’…—]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_LISTED = re.compile(r"[^\S\n]*\(?\d{1,2}[.)](?=\s)")  # "1." or "2)" at the beginning of a line
_HEXADECIMAL = re.compile(r"0[xX][0-9a-fA-F]")
_DIGIT = tuple("0123456789.")
_TAGS = frozenset(("kg", "km", "cm", "mm", "ml", "lb", "lbs", "oz", "ft", "hr", "hrs", "min", "mins", "mph", "cents"))  # may follow a number without a blank
_ARITHMETIC_WORDS = frozenset(
    word
    for line in (
        "of than times plus minus by over from to less per point choose root log sin cos sqrt ln squared cubed remainder rem modulo mod",
        "half halves third thirds quarter quarters twice double triple thrice divided multiplied subtracted added",
        "dozen dozens hundred hundreds thousand thousands million millions billion billions trillion",
    )
    for word in line.split()
)


def tokens(text: str) -> list[Token]:
    """The tokens of a text, in order; blanks, annotations `<<...>>` and marks of typesetting are left out."""
    found: list[Token] = []
    fresh, boxes = True, 0
    for raw in _raw(text):
        token = raw
        if token.kind in "m}":  # mathematics begins or ends
            boxes += token.text.startswith("\\boxed") - (token.text == "}")
            fresh = token.kind == "m"
            if boxes >= 0:
                continue
            boxes, token = 0, token._replace(kind="X")
        if token.kind == "=" and found and found[-1].kind == "n":  # a chain that goes on in the next line
            found.pop()
        if token.kind == "-" and found and found[-1].kind in "wN)" and _is_sign(token, text, fresh):
            found.append(Token("p", "", token.start, token.start))
        found.append(token._replace(fresh=fresh))
        fresh = token.kind == "n"
        _join(found)
    return found


def _is_sign(minus: Token, text: str, fresh: bool) -> bool:
    r"""Whether a minus after a word or number belongs to the number that follows it: `gives -5`, `4 gives \(-5`."""
    return fresh or (text[minus.start - 1].isspace() and not text[minus.end : minus.end + 1].isspace() and text[: minus.start].rstrip()[-1:].isalpha())


def _raw(text: str) -> Iterator[Token]:
    at, line_begins = 0, True
    while at < len(text):
        match = _LISTED.match(text, at) if line_begins else None
        if match is not None:
            yield Token("p", "", at, match.end())
        else:
            match = _TOKEN.match(text, at)
            if match is None:  # cannot be: the last alternative takes anything
                break
            token = _read(match, text)
            if token is not None:
                yield token
        line_begins = match.re is _TOKEN and match.lastgroup == "line"
        at = match.end()


def _read(match: re.Match[str], text: str) -> Token | None:
    """The token of a match; None for what is left out."""
    name, written, (start, end) = str(match.lastgroup), match[0], match.span()
    fixed = {"line": "n", "near": "~", "open": "m", "close": "}", "array": "X", "currency": "c", "percent": "%", "relation": "X", "equal": "=", "other": "X"}
    if name == "blank":
        return None
    if name in fixed:
        return Token(fixed[name], written, start, end)
    if name == "bold":  # stars of typesetting, unless they stand between two numbers
        before, after = text[max(0, start - 2) : start].rstrip()[-1:], text[end : end + 2].lstrip()[:1]
        return Token("X", written, start, end) if (before.isdigit() or before == ")") and (after.isdigit() or after == "(") else None
    if name in ("times", "over", "minus", "sign"):
        symbol = {"times": "*", "over": "/", "minus": "-"}.get(name, written)
        return Token("-" if symbol == "-" else "o", symbol, start, end, written=written)
    if name in ("opening", "closing"):
        return Token("(" if name == "opening" else ")", "(" if name == "opening" else ")", start, end, written=written)
    if name == "letter":
        return Token("X" if _HEXADECIMAL.match(text, start - 1) and text[start - 2 : start - 1] not in _DIGIT else "x", "*", start, end)
    if name == "mark":
        return Token("X" if _between(written, text, start, end) else "p", written, start, end)
    if name == "word":
        return Token(_word_kind(written), written.casefold(), start, end)
    if name == "text":
        inner = written[written.index("{") + 1 : -1].strip()
        return Token(_text_kind(inner), inner.casefold(), start, end) if inner else None
    return _fraction(written, start, end) if name == "fraction" else _number(written, text, start, end)


def _between(mark: str, text: str, start: int, end: int) -> bool:
    """Whether a mark may join two numbers: `3:4`, `20 : 4`, `1,5`, `10 — 3`, `3 . 4`, `0.(3)`."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isdigit() and (after.isdigit() or (mark == "." and after == "(")):
        return True
    apart = (before.isspace() and mark in (":", ".")) or set(mark) <= {"—", "…"}
    return apart and bool(text[max(0, start - 9) : start].rstrip()[-1:].isdigit()) and bool(text[end : end + 9].lstrip()[:1].isdigit())


def _word_kind(word: str) -> str:
    folded = word.casefold()
    if folded in ("and", "or"):
        return "a"
    if folded == "percent":
        return "%"
    if folded in _ARITHMETIC_WORDS:
        return "d"
    return "X" if len(word) == 1 and folded not in "a°¢" else "w"


def _text_kind(inner: str) -> str:
    """The kind of what stands in LaTeX's text braces."""
    words = inner.split()
    if len(words) == 1 and words[0].isalpha():
        return _word_kind(words[0])
    plain = all(word.rstrip(".,").isalpha() for word in words)
    return "w" if plain and not any(_word_kind(word) in "da%" and word != "per" for word in words) else "X"


def _number(written: str, text: str, start: int, end: int) -> Token:
    before = text[start - 1 : start]
    after = re.compile(r"[^\W\d_]+").match(text, end)
    multiplied = before in ("x", "X") and not text[start - 2 : start - 1].isalpha()
    safe = not (before.isalnum() or before == "_") or multiplied
    if after is not None:
        safe = safe and (after[0].casefold() in _TAGS or after[0] in ("x", "X"))
    safe = safe and not re.match(r"0\d", written)  # a date, a telephone number
    safe = safe and text[end : end + 1] != "_" and text[end : end + 2] != ".." and text[end : end + 1] != "…"
    digits = re.sub(r"[^\d.]", "", written)
    return Token("N" if safe else "X", f"0{digits}" if digits.startswith(".") else digits, start, end)


def _fraction(written: str, start: int, end: int) -> Token:
    braces = re.findall(r"\{([^{}]*)\}", written)
    above, below = braces if braces else [digit for digit in written if digit.isdigit()]
    try:
        spelled = [_spelled(part) for part in (above, below)]
        text = "/".join(f"({part})" for part in spelled)
        parse_expression(text)
    except ExpressionError:
        return Token("X", written, start, end)
    return Token("N", f"({text})", start, end)


def _spelled(part: str) -> str:
    """An expression of LaTeX in the notation of `parse_expression`."""
    part = re.sub(r"\\(?:times|cdot)(?![A-Za-z])", "*", part).replace("\\div", "/").replace("{,}", "").replace("\\$", "").replace("$", "")
    return part.strip()


def _join(found: list[Token]) -> None:
    """Read the last token in the light of those before it."""
    token = found[-1]
    before = found[-2] if len(found) > 1 else None
    if token.kind == "x":
        found[-1] = token._replace(kind="o" if before is not None and before.kind in "N)%w" else "X")
    elif token.kind == "d" and token.text == "of" and before is not None and (before.kind == "%" or _is_fraction(found[:-1])):
        found[-1] = token._replace(kind="o", text="*", written="of")
    elif token.kind == "d" and token.text == "per" and before is not None and before.kind in "wN":
        found[-1] = token._replace(kind="w")
    elif token.kind == "w" and before is not None and before.text == "/" and before.kind == "o" and len(found) > 2:
        rate = found[-3].kind == "w" or (found[-3].kind in "N%" and len(token.text) > 2)  # miles/hour, $2/apple
        if rate and before.end == token.start:
            found[-2:] = [Token("w", "per", before.start, before.end), token]


def _is_fraction(found: list[Token]) -> bool:
    r"""Whether a fraction of two numbers ends here: `1/3`, `\frac{1}{3}`."""
    if found[-1].kind == "N" and found[-1].text.startswith("("):
        return True
    return len(found) > 2 and [token.kind for token in found[-3:]] == ["N", "o", "N"] and found[-2].text == "/" and found[-1].start == found[-2].end
