"""Generated problems: a function that is a chain of stages, its statement in words, its source, and cases.

Thousands of chains can be drawn; every stage of a chain changes what comes out, so that no shorter function passes the cases.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from textwrap import indent
from typing import Any

import msgspec
import numpy as np

from prm_gym.claims import Json
from prm_gym.envs.tools.code_stages import ANNOTATIONS, STAGES, Kind, Stage

STARTS: dict[Kind, tuple[str, str]] = {
    "ints": ("numbers", "a list of whole numbers"),
    "text": ("text", "a text of small letters and spaces"),
    "words": ("words", "a list of words in small letters"),
    "grid": ("rows", "a list of rows, each a list of whole numbers, none of them empty"),
}
NAMES = ("process", "transform", "compute", "derive", "convert")
STEP_NAMES = ("first", "second", "third", "fourth", "fifth")
_VOCABULARY = "a an apple banana bee bed cat deer dad eel egg fig goose hat ice jam kiwi level moon noon olive pear papaya queue rat see sea tree up van wool"
VOCABULARY = _VOCABULARY.split()
# A stage more a level.
LEVELS: dict[int, int] = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5}
HIDDEN, PUBLIC = 14, 3
MOST_NUMBER, MOST_PARTS = 10**9, 80


class Problem(msgspec.Struct, frozen=True):
    """A function to be written.

    Attributes:
        function: its name.
        parameters: their names and annotations, in order.
        gives: annotation of what it returns.
        statement: what it does, in words.
        code: source of a function that does it.
        public: [arguments, result] of the examples; JSON.
        hidden: likewise, of the cases that decide.
    """

    function: str
    parameters: tuple[tuple[str, str], ...]
    gives: str
    statement: str
    code: str
    public: tuple[tuple[list[Json], Json], ...]
    hidden: tuple[tuple[list[Json], Json], ...]

    @property
    def signature(self) -> str:
        """The line that begins the function."""
        return f"def {self.function}({', '.join(f'{name}: {kind}' for name, kind in self.parameters)}) -> {self.gives}:"


class Chain(msgspec.Struct, frozen=True):
    """Stages one after the other, with the number of each.

    Attributes:
        stages: in order; each takes what the one before gives.
        numbers: k of each, 0 where it has none.
        free: place of the stage whose number is an argument of the function; -1 for none.
    """

    stages: tuple[Stage, ...]
    numbers: tuple[int, ...]
    free: int

    def apply(self, value: Any, number: int, without: int = -1) -> Any:
        """What comes out.

        Args:
            value: what goes in.
            number: the argument for the free stage.
            without: a stage to leave out.
        """
        for place, (stage, own) in enumerate(zip(self.stages, self.numbers, strict=True)):
            if place != without:
                value = stage.apply(value, number if place == self.free else own)
        return value

    def source(self, function: str) -> str:
        """The function in Python, without annotations."""
        start = STARTS[self.stages[0].takes][0]
        names = [start, *STEP_NAMES]
        lines = [f"def {function}({start}{', k' if self.free >= 0 else ''}):"]
        for place, stage in enumerate(self.stages):
            number = "k" if place == self.free else str(self.numbers[place])
            lines.append(indent(stage.source.format(x=names[place], y=names[place + 1], k=number), "    "))
        return "\n".join([*lines, f"    return {names[len(self.stages)]}", ""])

    def words(self) -> str:
        """What the function does, one stage a line."""
        said = [stage.words.format(k="k" if place == self.free else self.numbers[place]) for place, stage in enumerate(self.stages)]
        return said[0] if len(said) == 1 else "\n".join(f"{place}. {words}" for place, words in enumerate(said, start=1))


@lru_cache(maxsize=1 << 10)
def generate(entropy: int, stages: int) -> Problem:
    """A problem of so many stages, the same for the same entropy."""
    rng = np.random.default_rng(entropy)
    while True:
        chain = _drawn(rng, stages)
        if chain is None:
            continue
        arguments = _arguments(rng, chain)
        results = [chain.apply(value, number) for value, number in arguments]
        if _is_fit(chain, arguments, results):
            return _problem(rng, chain, arguments, results)


def _drawn(rng: np.random.Generator, count: int) -> Chain | None:
    """A chain of distinct stages; None where it came to a dead end."""
    kind: Kind = list(STARTS)[int(rng.choice(len(STARTS), p=[0.4, 0.2, 0.2, 0.2]))]
    chosen: list[Stage] = []
    while len(chosen) < count:
        fitting = [stage for stage in STAGES if stage.takes == kind and stage not in chosen]
        if not fitting:
            return None
        chosen.append(fitting[int(rng.integers(len(fitting)))])
        kind = chosen[-1].gives
    numbers = [stage.numbers[int(rng.integers(len(stage.numbers)))] if stage.numbers else 0 for stage in chosen]
    numbered = [place for place, stage in enumerate(chosen) if stage.numbers]
    free = numbered[int(rng.integers(len(numbered)))] if numbered and rng.random() < 0.4 else -1
    return Chain(tuple(chosen), tuple(numbers), free)


def _arguments(rng: np.random.Generator, chain: Chain) -> list[tuple[Any, int]]:
    """Values and numbers: the edges first, then random ones, all distinct."""
    kind = chain.stages[0].takes
    numbers = chain.stages[chain.free].numbers if chain.free >= 0 else (0,)
    found: dict[str, tuple[Any, int]] = {}
    for value in _values(rng, kind):
        number = numbers[int(rng.integers(len(numbers)))]
        found.setdefault(json.dumps([value, number]), (value, number))
        if len(found) == HIDDEN + PUBLIC:
            break
    return list(found.values())


def _values(rng: np.random.Generator, kind: Kind) -> Iterator[Any]:
    """The edges of a kind first, then random values without end."""
    if kind == "ints":
        yield from ([], [0], [-7], [4, 4, 4, 1], [12, -5, 0, 30, -12])
        while True:
            yield rng.integers(-6, 13, size=int(rng.integers(3, 9))).tolist()
    if kind == "grid":
        yield from ([], [[3]], [[-2, 5], [4]], [[0, 0, 0]])
        while True:
            yield [rng.integers(-4, 10, size=int(rng.integers(1, 4))).tolist() for _ in range(int(rng.integers(2, 5)))]
    size = len(VOCABULARY)
    edges: list[list[str]] = [[], ["a"], ["noon", "noon", "noon"], ["queue", "bee", "up"]]
    yield from edges if kind == "words" else [" ".join(words) for words in edges]
    while True:
        words = [VOCABULARY[i] for i in rng.integers(size, size=int(rng.integers(2, 7))).tolist()]
        words += [words[int(rng.integers(len(words)))]] if rng.random() < 0.5 else []
        yield words if kind == "words" else " ".join(words)


def _is_fit(chain: Chain, arguments: Sequence[tuple[Any, int]], results: Sequence[Any]) -> bool:
    """Whether the results differ enough, are small, and every stage makes a difference to several of them."""
    texts = [json.dumps(result, sort_keys=True) for result in results]
    if max(Counter(texts).values()) > len(texts) // 3 or any(not _is_small(result) for result in results):
        return False
    if any(texts[-place] == texts[-place - 1] for place in range(1, PUBLIC)):
        return False
    for place, stage in enumerate(chain.stages):
        if stage.takes == stage.gives:
            without = [json.dumps(chain.apply(value, number, place), sort_keys=True) for value, number in arguments]
            if sum(one != other for one, other in zip(without[:HIDDEN], texts, strict=False)) < 3:
                return False
    return True


def _is_small(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) <= MOST_NUMBER
    parts = value.values() if isinstance(value, dict) else value
    return len(value) <= MOST_PARTS and (isinstance(value, str) or all(_is_small(part) for part in parts))


def _problem(rng: np.random.Generator, chain: Chain, arguments: Sequence[tuple[Any, int]], results: Sequence[Any]) -> Problem:
    kind = chain.stages[0].takes
    name, what = STARTS[kind]
    function = NAMES[int(rng.integers(len(NAMES)))]
    parameters = ((name, ANNOTATIONS[kind]), *([("k", "int")] if chain.free >= 0 else []))
    cases = [([value, number] if chain.free >= 0 else [value], result) for (value, number), result in zip(arguments, results, strict=True)]
    public = cases[-PUBLIC:]
    takes = f"`{name}`, {what}" + (", and `k`, a whole number" if chain.free >= 0 else "")
    steps = "does this" if len(chain.stages) == 1 else "does this, step by step, each with what the step before gave"
    returned = "Return what comes out of it." if len(chain.stages) == 1 else "Return what comes out of the last step."
    statement = f"Write the Python function `{function}`. It takes {takes}, and {steps}:\n{chain.words()}\n{returned}"
    return Problem(function, parameters, ANNOTATIONS[chain.stages[-1].gives], statement, chain.source(function), tuple(public), tuple(cases[:-PUBLIC]))


def call_shown(function: str, arguments: Sequence[Json]) -> str:
    """A call as a person writes it."""
    return f"{function}({', '.join(map(repr, arguments))})"
