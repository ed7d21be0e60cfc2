"""One spelling for answers: LaTeX without its spacing and styles, and plain text brought near it.

Nothing is evaluated here. Every step is a replacement in linear time, on texts of at most `MAX_ANSWER` characters.
"""

import re

MAX_ANSWER = 2_000  # characters of an answer or a gold answer

_UNICODE = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "—": "-",
        "×": r"\times ",
        "·": r"\cdot ",
        "⋅": r"\cdot ",
        "÷": r"\div ",
        "π": r"\pi ",
        "∞": r"\infty ",
        "±": r"\pm ",
        "∓": r"\mp ",
        "∪": r"\cup ",
        "∈": r"\in ",
        "≤": r"\le ",
        "≥": r"\ge ",
        "≠": r"\ne ",
        "≈": r"\approx ",
        "°": "°",
        "²": "^2",
        "³": "^3",
        "½": r"\frac{1}{2}",
        "¼": r"\frac{1}{4}",
        "¾": r"\frac{3}{4}",
        "θ": r"\theta ",
        "α": r"\alpha ",
        "β": r"\beta ",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
        "\t": " ",
        "\n": " ",
        "\r": " ",
        "“": '"',
        "”": '"',
        "’": "'",
    }
    | {chr(0xFF10 + digit): str(digit) for digit in range(10)}
    | {"＋": "+", "－": "-", "／": "/", "＝": "=", "．": ".", "，": ",", "（": "(", "）": ")", "％": "%"}
)
_STYLES = "text|mbox|mathrm|textrm|textbf|mathbf|textit|mathit|texttt|operatorname|hbox|textnormal|mathsf|textsf|bf|rm|bm|boldsymbol"
_REPLACEMENTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), to)
    for pattern, to in (
        (r"√\s*\(", r"\\sqrt("),
        (r"√\s*(\d+|[a-zA-Z])", r"\\sqrt{\1}"),
        (r"(?<=\d)(?:,\s*\\!\s*|\{,\}|\\,)(?=\d{3}(?!\d))", ","),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits)(?![a-zA-Z])\.?", ""),
        (r"\\(?:quad|qquad|thinspace|enspace|space)(?![a-zA-Z])|(?<!\\)\\[,;:! ]|~", " "),
        (r"\\(?:leqslant|leq|le)(?![a-zA-Z])|<=", r"\\le "),
        (r"\\(?:geqslant|geq|ge)(?![a-zA-Z])|>=", r"\\ge "),
        (r"\\lt(?![a-zA-Z])", "<"),
        (r"\\gt(?![a-zA-Z])", ">"),
        (r"\\(?:lbrace|\{)", r"\\{ "),
        (r"\\(?:rbrace|\})", r"\\} "),
        (r"\\(?:colon)(?![a-zA-Z])", ":"),
        (r"\\%", "%"),
        (rf"\\(?:{_STYLES})(?![a-zA-Z])\s*", r"\\text"),
        (r"\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![a-zA-Z])|\\degree(?![a-zA-Z])|\\circ(?![a-zA-Z])", "°"),
        (r"\*\*(?=\s*[\d(a-zA-Z{-])(?<=[\d)}a-zA-Z]\*\*)", "^"),
        (r"\\(?:dots|ldots|cdots)(?![a-zA-Z])|…", "..."),
        (r"\\(?:bigcup)(?![a-zA-Z])", r"\\cup"),
        (r"\\(?:varepsilon)(?![a-zA-Z])", r"\\epsilon"),
        (r"\\(?:varphi)(?![a-zA-Z])", r"\\phi"),
        (r"\\(?:arrowvert|lvert|rvert|vert|mid)(?![a-zA-Z])", "|"),
    )
)
_WRAPPERS = (("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"), ("**", "**"), ("`", "`"))
_THOUSANDS = re.compile(r"\s*\d{1,3}(?:,\d{3})+(?:\.\d+)?\s*|[^,]*,")
_SIGN_WORD = re.compile(r"^(?:negative|minus)\s+(?=[\d.\\$])", re.IGNORECASE)
_SPACE_BETWEEN = re.compile(r"(?<=[0-9A-Za-z.]) +(?=[0-9A-Za-z.])| +")
_BRACED_SYMBOL = re.compile(r"(?<!\\)\{([0-9A-Za-z])\}")


def spelled(text: str) -> str:
    r"""The answer in the spelling that the readers know: no delimiters of formulas, no spacing commands, one name for each command.

    >>> spelled(r"$\dfrac{1}{2}\,\mbox{ cm}$")
    '\\frac{1}{2} \\text{ cm}'
    """
    text = _undelimited(text.translate(_UNICODE).strip())
    if text.startswith(r"\boxed{") and text.endswith("}") and text.count("{") == text.count("}") and text.count(r"\boxed") == 1:
        text = text[len(r"\boxed{") : -1]
    text = _SIGN_WORD.sub("-", _set(text))
    for pattern, to in _REPLACEMENTS:
        text = pattern.sub(to, text)
    text = re.sub(r" {2,}", " ", text).strip()
    return _undelimited(_without_stop(text))


def _set(text: str) -> str:
    """`{1,2}` without backslashes as a set; `{10,000}` is a number in braces."""
    inner = text[1:-1]
    if not (text.startswith("{") and text.endswith("}") and "," in inner) or "{" in inner or "}" in inner or _THOUSANDS.fullmatch(inner):
        return text
    return rf"\{{{inner}\}}"


def literal(text: str) -> str:
    """A key of a spelled text; equal keys mean the same text but for spaces and needless braces. Spaces between two digits, or two words, are kept."""
    key = _SPACE_BETWEEN.sub(_space, text)
    return _BRACED_SYMBOL.sub(r"\1", key)


def _space(found: re.Match[str]) -> str:
    before, after = found.string[found.start() - 1 : found.start()], found.string[found.end() : found.end() + 1]
    if (before.isdigit() or before == ".") and (after.isdigit() or after == "."):
        return " "
    return " " if before.isalpha() and after.isalpha() and not _ends_in_command(found.string, found.start()) else ""


def _ends_in_command(text: str, end: int) -> bool:
    at = end
    while at > 0 and text[at - 1].isalpha() and end - at < 40:
        at -= 1
    return at > 0 and text[at - 1] == "\\"


def _without_stop(text: str) -> str:
    """Without the full stop, comma or semicolon that ends a sentence, not a number."""
    while text and text[-1] in ".,;:" and not text.endswith("..."):
        text = text[:-1].rstrip()
    return text


def _undelimited(text: str) -> str:
    """Without delimiters round the whole of a formula; single dollars in pairs anywhere are delimiters too, an odd one is the currency."""
    changed = True
    while changed:
        changed = False
        for opening, closing in _WRAPPERS:
            inner = text[len(opening) : -len(closing)]
            if (
                len(text) > len(opening) + len(closing)
                and text.startswith(opening)
                and text.endswith(closing)
                and opening not in inner
                and closing not in inner
            ):
                text, changed = inner.strip(), True
    bare = re.findall(r"(?<!\\)\$", text)
    if bare and len(bare) % 2 == 0:
        text = re.sub(r"(?<!\\)\$", " ", text).strip()
    text = re.sub(r"\\[()]", " ", text) if r"\(" in text and r"\)" in text else text
    return _without_stop(text)
