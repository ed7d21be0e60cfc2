"""The stages that generated functions are made of: what each says, does, and how it is written in Python.

A stage is given twice, as source for the reference and as a function of the host; tests hold the two equal.
"""

from collections.abc import Callable
from itertools import groupby, pairwise
from typing import Any, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["ints", "words", "text", "grid", "counts", "int"]

VOWELS = "aeiou"
ANNOTATIONS: dict[Kind, str] = {
    "ints": "list[int]",
    "words": "list[str]",
    "text": "str",
    "grid": "list[list[int]]",
    "counts": "dict[str, int]",
    "int": "int",
}


class Stage(msgspec.Struct, frozen=True):
    """One step of a function.

    Attributes:
        takes: the kind of value it works on.
        gives: the kind that comes out.
        words: what it does, for the problem; {k} stands for its number.
        source: lines that make {y} of {x}, with {k} for its number.
        apply: the same, of the value and the number.
        numbers: that may stand for k; empty where it has none.
    """

    takes: Kind
    gives: Kind
    words: str
    source: str
    apply: Callable[[Any, int], Any]
    numbers: tuple[int, ...] = ()


def _kept(condition: str) -> str:
    return f"{{y}} = []\nfor item in {{x}}:\n    if {condition}:\n        {{y}}.append(item)"


def _each(expression: str, before: str = "") -> str:
    return f"{{y}} = []\n{before}for item in {{x}}:\n    {{y}}.append({expression})"


def _counted(condition: str) -> str:
    return f"{{y}} = 0\nfor item in {{x}}:\n    if {condition}:\n        {{y}} += 1"


def _tally(values: list[str]) -> dict[str, int]:
    return {value: values.count(value) for value in values}


def _signs(values: list[int]) -> dict[str, int]:
    names = ["positive" if value > 0 else "negative" if value < 0 else "zero" for value in values]
    return _tally(names)


_NUMBERS = (
    Stage("ints", "ints", "Keep only the numbers that are divisible by {k}.", _kept("item % {k} == 0"), lambda v, k: [i for i in v if i % k == 0], (2, 3)),
    Stage("ints", "ints", "Keep only the numbers that are greater than {k}.", _kept("item > {k}"), lambda v, k: [i for i in v if i > k], (-2, 0, 2, 4)),
    Stage("ints", "ints", "Drop every number that is equal to {k}.", _kept("item != {k}"), lambda v, k: [i for i in v if i != k], (0, 1, 2, 3)),
    Stage("ints", "ints", "Add {k} to every number.", _each("item + {k}"), lambda v, k: [i + k for i in v], (1, 2, 3, 5)),
    Stage("ints", "ints", "Multiply every number by {k}.", _each("item * {k}"), lambda v, k: [i * k for i in v], (2, 3, 4)),
    Stage("ints", "ints", "Replace every number by its square.", _each("item * item"), lambda v, _: [i**2 for i in v]),
    Stage("ints", "ints", "Replace every number by its absolute value.", _each("abs(item)"), lambda v, _: [max(i, -i) for i in v]),
    Stage(
        "ints", "ints", "Replace every number that is greater than {k} by {k}.", _each("min(item, {k})"), lambda v, k: [k if i > k else i for i in v], (3, 5)
    ),
    Stage(
        "ints",
        "ints",
        "Replace every number by its remainder when it is divided by {k} (from 0 to {k} - 1).",
        _each("item % {k}"),
        lambda v, k: [i - i // k * k for i in v],
        (3, 4, 5),
    ),
    Stage("ints", "ints", "Reverse the order.", "{y} = []\nfor item in {x}:\n    {y}.insert(0, item)", lambda v, _: v[::-1]),
    Stage("ints", "ints", "Sort the numbers from the least to the greatest.", "{y} = sorted({x})", lambda v, _: sorted(v, reverse=True)[::-1]),
    Stage("ints", "ints", "Sort the numbers from the greatest to the least.", "{y} = sorted({x}, reverse=True)", lambda v, _: sorted(v)[::-1]),
    Stage("ints", "ints", "Keep only the first occurrence of each number.", _kept("item not in {y}"), lambda v, _: list(dict.fromkeys(v))),
    Stage(
        "ints",
        "ints",
        "Replace every number by the sum of all numbers up to and including it.",
        "{y} = []\nsofar = 0\nfor item in {x}:\n    sofar += item\n    {y}.append(sofar)",
        lambda v, _: [sum(v[: i + 1]) for i in range(len(v))],
    ),
    Stage(
        "ints",
        "ints",
        "Take the differences between neighbours: each number but the first, minus the one before it.",
        "{y} = []\nfor place in range(1, len({x})):\n    {y}.append({x}[place] - {x}[place - 1])",
        lambda v, _: [b - a for a, b in pairwise(v)],
    ),
    Stage(
        "ints",
        "ints",
        "Keep every {k}-th number, beginning with the first.",
        "{y} = []\nfor place in range(0, len({x}), {k}):\n    {y}.append({x}[place])",
        lambda v, k: v[::k],
        (2, 3),
    ),
    Stage(
        "ints",
        "ints",
        "Move the first {k} numbers to the end, one after the other (one number alone, or none, stays where it is).",
        "{y} = list({x})\nfor _ in range({k}):\n    if {y}:\n        moved = {y}.pop(0)\n        {y}.append(moved)",
        lambda v, k: v[k % len(v) :] + v[: k % len(v)] if v else [],
        (1, 2, 3),
    ),
    Stage(
        "ints",
        "ints",
        "Swap the first number with the second, the third with the fourth, and so on; a last one without a partner stays.",
        "{y} = list({x})\nfor place in range(0, len({y}) - 1, 2):\n    kept = {y}[place]\n    {y}[place] = {y}[place + 1]\n    {y}[place + 1] = kept",
        lambda v, _: [v[i ^ 1] if i ^ 1 < len(v) else v[i] for i in range(len(v))],
    ),
    Stage("ints", "int", "Take the sum of the numbers (0 for none).", "{y} = 0\nfor item in {x}:\n    {y} += item", lambda v, _: sum(v)),
    Stage("ints", "int", "Take the greatest number (0 for none).", "{y} = max({x}, default=0)", lambda v, _: sorted(v)[-1] if v else 0),
    Stage(
        "ints",
        "int",
        "Take the greatest number minus the least (0 for none).",
        "{y} = max({x}) - min({x}) if {x} else 0",
        lambda v, _: max((a - b for a in v for b in v), default=0),
    ),
    Stage("ints", "int", "Count the numbers that are greater than {k}.", _counted("item > {k}"), lambda v, k: len([i for i in v if i > k]), (0, 1, 2, 3)),
    Stage(
        "ints",
        "int",
        "Take the alternating sum: the first number minus the second plus the third, and so on (0 for none).",
        "{y} = 0\nsign = 1\nfor item in {x}:\n    {y} += sign * item\n    sign = -sign",
        lambda v, _: sum(v[::2]) - sum(v[1::2]),
    ),
    Stage(
        "ints",
        "int",
        "Count how often a number is greater than the one just before it.",
        "{y} = 0\nfor place in range(1, len({x})):\n    if {x}[place] > {x}[place - 1]:\n        {y} += 1",
        lambda v, _: sum(b > a for a, b in pairwise(v)),
    ),
    Stage(
        "ints",
        "int",
        "Take the length of the longest run of equal numbers that stand side by side (0 for none).",
        "{y} = 0\nrun = 0\nbefore = None\nfor item in {x}:\n    run = run + 1 if item == before else 1\n    before = item\n    {y} = max({y}, run)",
        lambda v, _: max((len(list(group)) for _, group in groupby(v)), default=0),
    ),
    Stage(
        "ints",
        "text",
        'Write the numbers one after the other with "-" between them.',
        '{y} = "-".join(str(item) for item in {x})',
        lambda v, _: "-".join(map(str, v)),
    ),
    Stage(
        "ints",
        "counts",
        'Count the numbers by sign: a dictionary with those of "positive", "negative" and "zero" that occur, and how often.',
        '{y} = {{}}\nfor item in {x}:\n    name = "positive" if item > 0 else "negative" if item < 0 else "zero"\n    {y}[name] = {y}.get(name, 0) + 1',
        lambda v, _: _signs(v),
    ),
    Stage(
        "ints",
        "grid",
        "Cut the list into rows of {k} numbers; the last row may be shorter.",
        "{y} = []\nfor place in range(0, len({x}), {k}):\n    {y}.append({x}[place : place + {k}])",
        lambda v, k: [[v[j] for j in range(i, min(i + k, len(v)))] for i in range(0, len(v), k)],
        (2, 3),
    ),
)
_TEXTS = (
    Stage("text", "text", "Reverse the text.", '{y} = ""\nfor letter in {x}:\n    {y} = letter + {y}', lambda v, _: v[::-1]),
    Stage(
        "text",
        "text",
        "Remove the small vowels a, e, i, o and u.",
        f'{{y}} = ""\nfor letter in {{x}}:\n    if letter not in "{VOWELS}":\n        {{y}} += letter',
        lambda v, _: "".join(c for c in v if c not in VOWELS),
    ),
    Stage(
        "text",
        "text",
        "Where the same character stands several times in a row, keep it once.",
        '{y} = ""\nfor letter in {x}:\n    if {y}[-1:] != letter:\n        {y} += letter',
        lambda v, _: "".join(c for c, _ in groupby(v)),
    ),
    Stage(
        "text",
        "text",
        "Write every second character, beginning with the first, in upper case.",
        '{y} = ""\nfor place in range(len({x})):\n    {y} += {x}[place].upper() if place % 2 == 0 else {x}[place]',
        lambda v, _: "".join(c if i % 2 else c.upper() for i, c in enumerate(v)),
    ),
    Stage(
        "text",
        "text",
        "Write every small vowel (a, e, i, o, u) twice.",
        f'{{y}} = ""\nfor letter in {{x}}:\n    {{y}} += letter * 2 if letter in "{VOWELS}" else letter',
        lambda v, _: "".join(c + c if c in VOWELS else c for c in v),
    ),
    Stage("text", "text", "Take away the first {k} characters.", "{y} = {x}[{k}:]", lambda v, k: "".join(c for i, c in enumerate(v) if i >= k), (1, 2, 3)),
    Stage("text", "words", "Split the text into its words, at the spaces.", "{y} = {x}.split()", lambda v, _: [w for w in v.split(" ") if w]),
    Stage(
        "text",
        "int",
        "Count the small vowels a, e, i, o and u.",
        f'{{y}} = 0\nfor letter in {{x}}:\n    if letter in "{VOWELS}":\n        {{y}} += 1',
        lambda v, _: sum(v.count(c) for c in VOWELS),
    ),
    Stage(
        "text",
        "counts",
        "Count the characters without the spaces: a dictionary from the character to how often it occurs.",
        '{y} = {{}}\nfor letter in {x}:\n    if letter != " ":\n        {y}[letter] = {y}.get(letter, 0) + 1',
        lambda v, _: _tally([c for c in v if c != " "]),
    ),
    Stage(
        "text",
        "ints",
        "Take the places of the small vowels a, e, i, o and u, counted from 0.",
        f'{{y}} = []\nfor place in range(len({{x}})):\n    if {{x}}[place] in "{VOWELS}":\n        {{y}}.append(place)',
        lambda v, _: [i for i, c in enumerate(v) if c in VOWELS],
    ),
)
_WORDS = (
    Stage(
        "words", "words", "Keep only the words that have more than {k} letters.", _kept("len(item) > {k}"), lambda v, k: [w for w in v if len(w) > k], (2, 3, 4)
    ),
    Stage("words", "words", "Reverse each word.", _each("item[::-1]"), lambda v, _: ["".join(reversed(w)) for w in v]),
    Stage(
        "words",
        "words",
        "Sort the words by length, and those of one length by the alphabet.",
        "{y} = sorted({x}, key=lambda word: (len(word), word))",
        lambda v, _: sorted(sorted(v), key=len),
    ),
    Stage("words", "words", "Keep only the first occurrence of each word.", _kept("item not in {y}"), lambda v, _: list(dict.fromkeys(v))),
    Stage("words", "words", "Keep only the words that hold the letter a.", _kept('"a" in item'), lambda v, _: [w for w in v if w.count("a")]),
    Stage(
        "words",
        "words",
        "Take away the last letter of each word that has more than {k}.",
        _each("item[:-1] if len(item) > {k} else item"),
        lambda v, k: [w[: len(w) - (len(w) > k)] for w in v],
        (2, 3),
    ),
    Stage(
        "words",
        "words",
        "Join each word with the next one, without a space; the last one is left out.",
        "{y} = []\nfor place in range(1, len({x})):\n    {y}.append({x}[place - 1] + {x}[place])",
        lambda v, _: [a + b for a, b in pairwise(v)],
    ),
    Stage("words", "ints", "Replace each word by its length.", _each("len(item)"), lambda v, _: [len(w) for w in v]),
    Stage(
        "words",
        "ints",
        "Replace each word by the number of its small vowels a, e, i, o and u.",
        f'{{y}} = []\nfor item in {{x}}:\n    n = 0\n    for each in item:\n        if each in "{VOWELS}":\n            n += 1\n    {{y}}.append(n)',
        lambda v, _: [sum(w.count(c) for c in VOWELS) for w in v],
    ),
    Stage(
        "words",
        "text",
        "Join the words with one space between them.",
        '{y} = " ".join({x})',
        lambda v, _: "".join(w if i == 0 else " " + w for i, w in enumerate(v)),
    ),
    Stage(
        "words", "text", "Join the first letters of the words.", '{y} = ""\nfor item in {x}:\n    {y} += item[:1]', lambda v, _: "".join(w[0] for w in v if w)
    ),
    Stage(
        "words",
        "counts",
        "Count the words: a dictionary from the word to how often it occurs.",
        "{y} = {{}}\nfor item in {x}:\n    {y}[item] = {y}.get(item, 0) + 1",
        lambda v, _: _tally(v),
    ),
)
_REST = (
    Stage("grid", "grid", "Reverse each row.", _each("item[::-1]"), lambda v, _: [list(reversed(row)) for row in v]),
    Stage("grid", "grid", "Reverse the order of the rows.", "{y} = {x}[::-1]", lambda v, _: [v[-1 - i] for i in range(len(v))]),
    Stage(
        "grid",
        "grid",
        "Leave out the rows whose sum is less than {k}.",
        _kept("sum(item) >= {k}"),
        lambda v, k: [row for row in v if not sum(row) < k],
        (0, 3, 5),
    ),
    Stage(
        "grid",
        "grid",
        "Add {k} to every number.",
        "{y} = []\nfor item in {x}:\n    row = []\n    for number in item:\n        row.append(number + {k})\n    {y}.append(row)",
        lambda v, k: [[n + k for n in row] for row in v],
        (1, 2, 3),
    ),
    Stage(
        "grid",
        "grid",
        "Sort the numbers of each row from the least to the greatest.",
        _each("sorted(item)"),
        lambda v, _: [sorted(row, reverse=True)[::-1] for row in v],
    ),
    Stage("grid", "ints", "Replace each row by its sum.", _each("sum(item)"), lambda v, _: [sum(row) for row in v]),
    Stage("grid", "ints", "Replace each row by its greatest number.", _each("max(item)"), lambda v, _: [sorted(row)[-1] for row in v]),
    Stage(
        "grid",
        "ints",
        "Put all rows one after the other into one list.",
        "{y} = []\nfor item in {x}:\n    for number in item:\n        {y}.append(number)",
        lambda v, _: [n for row in v for n in row],
    ),
    Stage("counts", "words", "Take the keys, sorted by the alphabet.", "{y} = sorted({x})", lambda v, _: sorted(v.keys(), reverse=True)[::-1]),
    Stage(
        "counts",
        "words",
        "Take the keys from the greatest value to the least, those of one value by the alphabet.",
        "{y} = sorted({x}, key=lambda key: (-{x}[key], key))",
        lambda v, _: sorted(sorted(v), key=lambda key: -v[key]),
    ),
    Stage(
        "counts",
        "ints",
        "Take the values, in the order of the sorted keys.",
        "{y} = []\nfor item in sorted({x}):\n    {y}.append({x}[item])",
        lambda v, _: [v[key] for key in sorted(v)],
    ),
    Stage("counts", "int", "Take the greatest value (0 for none).", "{y} = max({x}.values(), default=0)", lambda v, _: max([0, *v.values()])),
    Stage(
        "counts",
        "counts",
        "Keep only the keys whose value is at least {k}.",
        "{y} = {{}}\nfor item in {x}:\n    if {x}[item] >= {k}:\n        {y}[item] = {x}[item]",
        lambda v, k: {key: n for key, n in v.items() if n >= k},
        (2,),
    ),
    Stage("int", "int", "Take the square.", "{y} = {x} * {x}", lambda v, _: v**2),
    Stage(
        "int",
        "int",
        "Take the sum of the digits (without the sign).",
        "{y} = 0\nfor digit in str(abs({x})):\n    {y} += int(digit)",
        lambda v, _: sum(map(int, str(abs(v)))),
    ),
    Stage(
        "int",
        "ints",
        "Take the list of its digits (without the sign).",
        "{y} = []\nfor digit in str(abs({x})):\n    {y}.append(int(digit))",
        lambda v, _: [int(c) for c in str(v).lstrip("-")],
    ),
    Stage("int", "int", "Take the remainder when it is divided by {k} (from 0 to {k} - 1).", "{y} = {x} % {k}", lambda v, k: v - v // k * k, (7, 10, 11)),
)
STAGES: tuple[Stage, ...] = (*_NUMBERS, *_TEXTS, *_WORDS, *_REST)
