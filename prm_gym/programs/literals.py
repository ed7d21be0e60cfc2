r"""Python literals, read without evaluating anything: numbers, texts, True, False, None, lists, tuples, sets and dictionaries of them.

    literal("[1, (2.5, 'a')]")        # [1, {"tuple": [2.5, "a"]}], the encoding of `prm_gym.sandbox.values`

What is read is what `repr` writes of plain data. Not read: expressions (`1 + 1`), prefixes (`b""`, `f""`), texts side by side. Bounded in length and depth.
"""

import re
from typing import Any

from prm_gym.claims import Json
from prm_gym.errors import ProblemError
from prm_gym.sandbox.values import encode

MAX_LENGTH = 20_000
MAX_DEPTH = 20

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[+-]?(?:0x[0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?))(?![\w.])
      | (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
      | (?P<word>True|False|None|set\(\s*\)|frozenset\(\s*\))(?!\w)
      | (?P<open>frozenset\(\s*\{|[\[({])
      | (?P<close>[\])}])
      | (?P<mark>[,:])
    )""",
    re.VERBOSE,
)
_WORDS: dict[str, Any] = {"True": True, "False": False, "None": None, "set()": set(), "frozenset()": frozenset()}
_CLOSING = {"[": "]", "(": ")", "{": "}", "frozenset({": "}"}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def literal(text: str) -> Json:
    """The encoding of the value that a literal writes.

    Args:
        text: what was written, by whomever.

    Raises:
        ProblemError: it is no literal, or too long, or nested too deeply.
    """
    if len(text) > MAX_LENGTH:
        raise ProblemError(f"a literal has at most {MAX_LENGTH:,} characters, got {len(text):,}")
    reader = _Reader(text)
    value = reader.value(MAX_DEPTH)
    if text[reader.place :].strip():
        raise ProblemError(f"something follows the value at character {reader.place}")
    encoded: Json = encode(value)
    return encoded


class _Reader:
    """A place in a text, and the readers that move it on."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def value(self, depth: int) -> Any:
        kind, token = self._next()
        if kind == "number":
            return _number(token)
        if kind == "text":
            return _ESCAPE.sub(_unescaped, token[1:-1])
        if kind == "word":
            return _WORDS[re.sub(r"\s", "", token)]
        if kind != "open":
            raise ProblemError(f"expected a value, got {token!r}")
        if depth == 0:
            raise ProblemError("the literal is nested too deeply")
        return self._container(re.sub(r"\s", "", token), depth - 1)

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self.text, self.place)
        if match is None or match.lastgroup is None:
            raise ProblemError(f"no literal at character {self.place}: {self.text[self.place : self.place + 20]!r}")
        self.place = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _peek(self) -> str:
        match = _TOKEN.match(self.text, self.place)
        return "" if match is None or match.lastgroup is None else match[match.lastgroup]

    def _container(self, opening: str, depth: int) -> Any:
        closing = _CLOSING[opening]
        parts: list[Any] = []
        keys: list[Any] = []
        commas = 0
        while self._peek() != closing:
            part = self.value(depth)
            if opening == "{" and self._peek() == ":" and len(keys) == len(parts):
                self._next()
                keys.append(part)
                part = self.value(depth)
            parts.append(part)
            if self._peek() == ",":
                self._next()
                commas += 1
            elif self._peek() != closing:
                raise ProblemError(f"expected ',' or {closing!r} at character {self.place}")
        self._next()
        if keys and len(keys) != len(parts):
            raise ProblemError("a dictionary has a key for each value")
        return self._built(opening, keys, parts, commas)

    def _built(self, opening: str, keys: list[Any], parts: list[Any], commas: int) -> Any:
        if opening == "[":
            return parts
        if opening == "(":
            return parts[0] if len(parts) == 1 and not commas else tuple(parts)
        try:
            if opening == "{":
                return dict(zip(keys, parts, strict=True)) if keys or not parts else set(parts)
            if self._next() != ("close", ")"):
                raise ProblemError("frozenset({...}) ends in ')'")
            return frozenset(parts)
        except TypeError as error:
            raise ProblemError(f"what stands in a set or as a key cannot be changed: {error}") from error


def _number(token: str) -> int | float:
    digits = token.lstrip("+-")
    if digits.startswith("0x"):
        value: int | float = int(digits, 16)
    elif digits.isdigit():
        if len(digits) > 4000 or (len(digits) > 1 and digits.startswith("0") and digits.strip("0")):
            raise ProblemError(f"no number: {token[:20]!r}")
        value = int(digits)
    else:
        value = float(digits)
    return -value if token.startswith("-") else value


def _unescaped(match: re.Match[str]) -> str:
    for group in match.groups()[:3]:
        if group is not None:
            number = int(group, 16)
            if number > 0x10FFFF:
                raise ProblemError(f"there is no character \\U{group}")
            return chr(number)
    character = match[4]
    return _SIMPLE.get(character, character if character in "\\'\"" else "\\" + character)
