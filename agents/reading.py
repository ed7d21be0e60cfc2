"""How the candidate policy reads: observation and candidate texts as bags of hashed n-grams.

Three habits of reading are built in. They know a notation (labelled lines, names in braces), and no environment's rules:

- references are looked up: where the observation has a line `fact3: {A} -> {B}`, the word `fact3` in a candidate is followed by what it stands for;
- names are only names: `{A}`, `{QX}`, `{a}` are replaced by their order of first occurrence in the candidate, so that an inference looks the same
  under any names;
- what matters elsewhere is marked: every token carries whether it occurs in the first line (the goal), and in how many of the other lines.

Lines without a number in their label (`hypothesis: ...`, `numbers: ...`) and the last line (what happened most recently) are read after each
candidate, as its context. What is read becomes the set of its n-grams, hashed into a table (as fastText does; Joulin et al. 2016).

Pages, whose elements are numbered in brackets, are read by `prm_gym.agents.pages`.
"""

import re
from collections import Counter
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from prm_gym.agents.pages import is_page, page_of, tokens_of

LENGTH = 48  # tokens read of a candidate and its context
LONGEST = 5  # greatest n of the n-grams
BUCKETS = 1 << 13
FEATURES = LENGTH * LONGEST

# Token codes: words, numbers, then names of the two kinds ({A}: upper case, {a}: lower case).
WORDS = 1024
NUMBERS = 1024
NAMES = 16

_TOKEN = re.compile(r"\{[A-Za-z]+\}|\d+|[A-Za-z]+\d*|->|\S")
_LINE = re.compile(r"([A-Za-z]+)(\d*):[ \t]*(.*)")


@lru_cache(maxsize=8192)
def read(observation: str, actions: tuple[str, ...]) -> NDArray[np.int16]:
    """The candidates as bags of n-grams.

    Args:
        observation: what the agent sees.
        actions: the candidates, at least one.

    Returns:
        [len(actions), FEATURES] int16 in [0, BUCKETS): the buckets of each candidate's n-grams; 0 for nothing. A 1-gram is a token with its mark
        (5 * occurs in the first line + min(4, other lines it occurs in)); longer ones are runs of tokens.
    """
    if is_page(observation):
        return _read_page(observation, actions)
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
    codes = np.zeros((len(actions), LENGTH), dtype=np.int64)
    marks = np.zeros((len(actions), LENGTH), dtype=np.int64)
    for row, action in enumerate(actions):
        tokens = [*_expanded(_TOKEN.findall(action), references), "|", *context][:LENGTH]
        codes[row, : len(tokens)] = _codes(tokens)
        marks[row, : len(tokens)] = [5 * (token in goal) + min(4, elsewhere[token]) for token in tokens]
    return _hashed_ngrams(codes, marks)


def _read_page(observation: str, actions: tuple[str, ...]) -> NDArray[np.int16]:
    """The same of a page; the mark of a token of the candidate is 5 where it is a word of the task, and that of a token of the context is 0."""
    page = page_of(observation)
    codes = np.zeros((len(actions), LENGTH), dtype=np.int64)
    marks = np.zeros((len(actions), LENGTH), dtype=np.int64)
    for row, action in enumerate(actions):
        tokens, own = tokens_of(page, action)
        tokens = tokens[:LENGTH]
        codes[row, : len(tokens)] = _codes(tokens)
        marks[row, :own] = [5 * (token in page.words) for token in tokens[:own]]
    return _hashed_ngrams(codes, marks)


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


def _codes(tokens: list[str]) -> list[int]:
    """A positive code for each token."""
    names: dict[str, int] = {}
    seen = [0, 0]
    codes: list[int] = []
    for token in tokens:
        if token[0] == "{" and token[-1] == "}":
            kind = int(token[1].islower())
            if token not in names:
                names[token] = 1 + WORDS + NUMBERS + kind * NAMES + min(seen[kind], NAMES - 1)
                seen[kind] += 1
            codes.append(names[token])
        elif token.isdecimal():
            codes.append(1 + WORDS + min(int(token[:9]), NUMBERS - 1))
        else:
            codes.append(1 + _word(token))
    return codes


def _hashed_ngrams(codes: NDArray[np.int64], marks: NDArray[np.int64]) -> NDArray[np.int16]:
    """Buckets of all n-grams up to LONGEST: [K, LENGTH] codes (0: nothing) and marks -> [K, FEATURES]."""
    features = np.zeros((codes.shape[0], FEATURES), dtype=np.int16)
    present = codes != 0
    features[:, :LENGTH] = np.where(present, _bucket(codes * 31 + marks * 7919), 0)
    run = codes
    for n in range(2, LONGEST + 1):
        following = np.zeros_like(codes)
        following[:, : LENGTH - n + 1] = codes[:, n - 1 :]
        run = run * 1_000_003 + following * 8_191 + n
        features[:, (n - 1) * LENGTH : n * LENGTH] = np.where(present & (following != 0), _bucket(run), 0)
    return features


def _bucket(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return (values ^ (values >> 17)) % (BUCKETS - 1) + 1


@lru_cache(maxsize=65536)
def _word(token: str) -> int:
    return crc32(token.encode("utf-8")) % WORDS
