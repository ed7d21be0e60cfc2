"""How the candidate policy reads: observation and candidate texts as small integer matrices.

Three habits of reading are built in, none of them about any one environment:

- references are looked up: where the observation has a line `fact3: {A} -> {B}`, the word `fact3` in a candidate is followed by what it stands for;
- names are only names: `{A}`, `{QX}`, `{a}` are replaced by their order of first occurrence in the candidate, so that an inference looks the same
  under any names;
- what matters elsewhere is marked: every token carries whether it occurs in the first line (the goal), and in how many of the other lines.

Lines without a number in their label (`hypothesis: ...`, `numbers: ...`) and the last line (what happened most recently) are read after each
candidate, as its context.
"""

import re
from collections import Counter
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

LENGTH = 48
WORDS = 1024
NUMBERS = 1024
NAMES = 16
VOCABULARY = 1 + WORDS + NUMBERS + 2 * NAMES
MARKS = 2 * 5
COLUMNS = 2

_TOKEN = re.compile(r"\{[A-Za-z]+\}|\d+|[A-Za-z]+\d*|->|\S")
_LINE = re.compile(r"([A-Za-z]+)(\d*):[ \t]*(.*)")


@lru_cache(maxsize=8192)
def read(observation: str, actions: tuple[str, ...]) -> NDArray[np.int16]:
    """The candidates as token codes and marks.

    Args:
        observation: what the agent sees.
        actions: the candidates, at least one.

    Returns:
        [len(actions), LENGTH, 2] int16: token code in [0, VOCABULARY), 0 for nothing; mark in [0, MARKS): 5 * occurs in the first line + min(4, other lines it
        occurs in).
    """
    lines = observation.split("\n")
    goal = set(_TOKEN.findall(lines[0]))
    elsewhere = Counter(token for line in lines[1:] for token in set(_TOKEN.findall(line)))
    references: dict[str, list[str]] = {}
    context: list[str] = []
    for place, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, number, text = match.groups()
        tokens = _TOKEN.findall(text.split("   ")[0])
        if number:
            references[name + number] = tokens
        if not number or place == len(lines) - 1:
            context += [name, *tokens]
    matrix = np.zeros((len(actions), LENGTH, COLUMNS), dtype=np.int16)
    for row, action in enumerate(actions):
        tokens = [*_expanded(_TOKEN.findall(action), references), "|", *context]
        _encode(tokens[:LENGTH], goal, elsewhere, matrix[row])
    return matrix


def _expanded(tokens: list[str], references: dict[str, list[str]]) -> list[str]:
    expanded: list[str] = []
    for token in tokens:
        if token in references:
            expanded += [token.rstrip("0123456789"), "[", *references[token], "]"]
        elif token[-1].isdigit() and token[0].isalpha():
            expanded.append(token.rstrip("0123456789"))
        else:
            expanded.append(token)
    return expanded


def _encode(tokens: list[str], goal: set[str], elsewhere: "Counter[str]", out: NDArray[np.int16]) -> None:
    names: dict[str, int] = {}
    seen = [0, 0]
    for position, token in enumerate(tokens):
        if token[0] == "{":
            kind = int(token[1].islower())
            if token not in names:
                names[token] = 1 + WORDS + NUMBERS + kind * NAMES + min(seen[kind], NAMES - 1)
                seen[kind] += 1
            code = names[token]
        elif token.isdigit():
            code = 1 + WORDS + min(int(token[:9]), NUMBERS - 1)
        else:
            code = 1 + _word(token)
        out[position, 0] = code
        out[position, 1] = 5 * (token in goal) + min(4, elsewhere[token])


@lru_cache(maxsize=65536)
def _word(token: str) -> int:
    return crc32(token.encode("utf-8")) % WORDS
