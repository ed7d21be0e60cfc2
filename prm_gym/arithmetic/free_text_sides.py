"""One side of an equation in running text: its tokens, its units, and its spelling as an expression."""

import re
from typing import NamedTuple

from prm_gym.arithmetic.free_text_tokens import Token


class Side(NamedTuple):
    """A side of an equation.

    Attributes:
        read: its tokens without the words.
        whole: all its tokens, the words after the last number as well.
        words: the words between the numbers, and "c" where a currency is written.
        begin: the place of its first token in the text's tokens.
        end: the place after its last token that is no word.
    """

    read: list[Token]
    whole: list[Token]
    words: frozenset[str]
    begin: int
    end: int

    @property
    def percents(self) -> int:
        """How many percents it has."""
        return sum(token.kind == "%" for token in self.read)

    @property
    def numbers(self) -> int:
        """How many numbers it has."""
        return sum(token.kind == "N" for token in self.read)

    @property
    def summed(self) -> bool:
        """Whether it adds or subtracts; a sign of a number counts as well."""
        return any(token.text in "+-" and token.kind in "o-" for token in self.read)

    def spelled(self, percents: bool = True) -> str:
        """The side as an expression; percents as hundredths, or as bare numbers."""
        return "".join(_spelled(self.read, percents))

    def grouped(self) -> str:
        """The side as its blanks group it: `1/2 / 1/4` is `(1/2)/(1/4)`."""
        runs: list[list[Token]] = []
        for before, token in zip([None, *self.read], self.read, strict=False):
            if before is not None and before.end == token.start:
                runs[-1].append(token)
            else:
                runs.append([token])
        return "".join(_bracketed(_spelled(run, percents=True)) for run in runs)


def _spelled(read: list[Token], percents: bool) -> list[str]:
    parts: list[str] = []
    for token in read:
        if token.kind == "%":
            parts.append("/100)" if percents else "")
        elif token.kind != "c":
            parts.append(token.text)
    for place, part in enumerate(parts):
        if part == "/100)" and place:
            parts[place - 1] = f"({parts[place - 1]}"
    return parts


def _bracketed(parts: list[str]) -> str:
    """A run without blanks in brackets of its own, where it is an operation between numbers."""
    text = "".join(parts)
    spare = text.count("(") - text.count(")")
    before, after = ("(" * spare, "") if spare > 0 else ("", ")" * -spare)
    core = text[len(before) : len(text) - len(after)]
    whole = text.startswith(before) and text.endswith(after) and re.match(r"[\d(]", core) is not None and re.search(r"[\d)]$", core) is not None
    return f"{before}({core}){after}" if whole and re.search(r"[-+*/]", core) else text
