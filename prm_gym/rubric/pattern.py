r"""Regular expressions whose matching takes time in proportion to the text, whatever is written in it.

Python's `re` tries one way after another and can take hours over thirty characters (`(a+)+b`, or `.*.*.*=`), so a policy could hang a verifier that uses it.
Here all ways are followed at once: a pattern becomes an automaton of states (Thompson), and sets of states become the states of a faster one as they are met.

The syntax is that of `re`, which parses it and says what single characters match: literals, classes, groups, alternatives, repetitions, `^ $ \A \Z \b \B`,
and the flags i, m, s, x, a. In an empty text `\B` holds, as in Python from 3.14 on. What cannot be matched so is refused when the pattern is made: references
to groups, looking ahead and behind, possessive forms, and switching the flag m, or the flag a around a `\b`, inside a pattern.

Source: Thompson 1968, Regular expression search algorithm; Cox 2007, Regular expression matching can be simple and fast.
"""

import importlib
import re
from typing import Any

from prm_gym.errors import OptionError

MOST_STATES, MOST_KEPT = 400, 8_192
_parser: Any = importlib.import_module("re._parser")
_compiler: Any = importlib.import_module("re._compiler")
_START, _WORD, _NEWLINE, _OTHER, _FINAL = range(5)  # what stands before and after a place; the last: a newline that ends the text

_Set = frozenset[int]


class Pattern:
    """A compiled pattern."""

    def __init__(self, source: str, flags: str = "") -> None:
        """Compile.

        Args:
            source: the regular expression.
            flags: letters of i, m, s, x, a, as in `(?i)`.

        Raises:
            OptionError: it is no regular expression, one that cannot be matched in linear time, or too large.
        """
        self.source, self.flags = source, flags
        if set(flags) - set("imsxa"):
            raise OptionError(f"the flags of a pattern are letters of 'imsxa', got {flags!r}")
        self._leaves: list[Any] = []
        self._atoms: list[tuple[Any, ...]] = []
        try:
            parsed = _parser.parse(source, int(sum(getattr(re, flag.upper()) for flag in flags)))
            self._ascii = bool(parsed.state.flags & re.ASCII)
            self._multiline = bool(parsed.state.flags & re.MULTILINE)
            self._first = self._sequence(parsed, self._state("match"), parsed.state.flags)
        except (re.error, RecursionError, OverflowError) as error:
            raise OptionError(f"{source!r} is no regular expression: {error}") from error
        self._classes: dict[str, tuple[int, int]] = {}
        self._signatures: dict[tuple[Any, ...], int] = {}
        self._of_number: list[tuple[Any, ...]] = []
        self._moves: dict[tuple[_Set, int, int], tuple[_Set, bool]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return (Pattern, (self.source, self.flags))

    def ends(self, text: str) -> int | None:
        """Where the match that ends first ends; None if there is none.

        Args:
            text: of any length.
        """
        return self._run(text, whole=False)

    def matches(self, text: str) -> bool:
        """Whether the whole text matches.

        Args:
            text: of any length.
        """
        return self._run(text, whole=True) is not None

    def _run(self, text: str, whole: bool) -> int | None:
        start: _Set = frozenset((self._first,))
        core, before, last = start, _START, len(text) - 1
        for place, character in enumerate(text):
            kind, number = self._classified(character)
            after = _FINAL if kind == _NEWLINE and place == last else kind
            key = (core, before, -1 - number if after == _FINAL else number)
            move = self._moves.get(key)
            if move is None:
                move = self._move(core, before, after, number)
                if len(self._moves) >= MOST_KEPT:
                    self._moves.clear()
                self._moves[key] = move
            core, matched = move
            if matched and not whole:
                return place
            if not whole:
                core |= start
            before = kind
        _, matched = self._closure(core, before, _START)
        return len(text) if matched else None

    def _classified(self, character: str) -> tuple[int, int]:
        """What a character is to the anchors, and the number of the class of characters that all leaves take it for."""
        found = self._classes.get(character)
        if found is None:
            word = (character.isalnum() or character == "_") and (character.isascii() or not self._ascii)
            kind = _NEWLINE if character == "\n" else _WORD if word else _OTHER
            signature = (kind, *(leaf.match(character) is not None for leaf in self._leaves))
            if signature not in self._signatures:
                self._signatures[signature] = len(self._of_number)
                self._of_number.append(signature)
            if len(self._classes) >= MOST_KEPT:
                self._classes.clear()
            found = self._classes[character] = (kind, self._signatures[signature])
        return found

    def _move(self, core: _Set, before: int, after: int, number: int) -> tuple[_Set, bool]:
        """Where the states go over a character, and whether a match ends before it."""
        reached, matched = self._closure(core, before, after)
        signature = self._of_number[number]
        return frozenset(self._atoms[state][2] for state in reached if signature[1 + self._atoms[state][1]]), matched

    def _closure(self, core: _Set, before: int, after: int) -> tuple[set[int], bool]:
        """The states that wait for a character at a place, and whether a match ends there."""
        waiting: set[int] = set()
        seen, stack, matched = set(core), list(core), False
        while stack:
            state = stack.pop()
            kind, *rest = self._atoms[state]
            if kind == "leaf":
                waiting.add(state)
            elif kind == "match":
                matched = True
            elif kind == "split" or self._holds(rest[0], before, after):
                for following in rest[0] if kind == "split" else rest[1:]:
                    if following not in seen:
                        seen.add(following)
                        stack.append(following)
        return waiting, matched

    def _holds(self, anchor: str, before: int, after: int) -> bool:
        """Whether an anchor holds between two characters; `_START` stands for the ends of the text."""
        match anchor:
            case "AT_BEGINNING":
                return before == _START or (self._multiline and before == _NEWLINE)
            case "AT_BEGINNING_STRING":
                return before == _START
            case "AT_END":
                return after in (_START, _FINAL) or (self._multiline and after == _NEWLINE)
            case "AT_END_STRING":
                return after == _START
            case "AT_BOUNDARY":
                return (before == _WORD) != (after == _WORD)
            case _:
                return (before == _WORD) == (after == _WORD)

    def _state(self, *atom: Any) -> int:
        if len(self._atoms) >= MOST_STATES:
            raise OptionError(f"the pattern {self.source[:60]!r} is too large: more than {MOST_STATES} states. Repeat less often in it.")
        self._atoms.append(atom)
        return len(self._atoms) - 1

    def _sequence(self, nodes: Any, after: int, flags: int) -> int:
        for node in reversed(list(nodes)):
            after = self._node(node, after, flags)
        return after

    def _node(self, node: Any, after: int, flags: int) -> int:
        kind, value = str(node[0]), node[1]
        match kind:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                alone = _parser.State()  # one of its own: what the whole has of flags would be added to those that hold here
                alone.flags, alone.str = flags & ~re.DEBUG, self.source
                self._leaves.append(_compiler.compile(_parser.SubPattern(alone, [node]), alone.flags))
                return self._state("leaf", len(self._leaves) - 1, after)
            case "BRANCH":
                return self._state("split", [self._sequence(branch, after, flags) for branch in value[1]])
            case "SUBPATTERN":
                _, added, removed, inner = value
                if (added | removed) & re.MULTILINE:
                    raise OptionError(f"the pattern {self.source[:60]!r} switches the flag m inside of it: set it for the whole")
                kept = flags & ~(re.ASCII | re.UNICODE) if added & (re.ASCII | re.UNICODE) else flags
                return self._sequence(inner, after, (kept | added) & ~removed)
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeat((value[0], value[1]), value[2], after, flags)
            case "AT":
                if "BOUNDARY" in str(value) and bool(flags & re.ASCII) != self._ascii:
                    raise OptionError(f"the pattern {self.source[:60]!r} switches the flag a around \\b or \\B: set it for the whole")
                return self._state("anchor", str(value), after)
            case _:
                raise OptionError(f"the pattern {self.source[:60]!r} holds {kind.lower()}, which cannot be matched in linear time")

    def _repeat(self, times: tuple[int, Any], inner: Any, after: int, flags: int) -> int:
        least, most = times
        unbounded = str(most) == "MAXREPEAT"
        if unbounded:
            loop = self._state("split", [])
            self._atoms[loop] = ("split", [self._sequence(inner, loop, flags), after])
            after = loop
        else:
            if int(most) > MOST_STATES:
                raise OptionError(f"the pattern {self.source[:60]!r} repeats up to {most} times; {MOST_STATES} are the most")
            end = after
            for _ in range(int(most) - least):
                after = self._state("split", [self._sequence(inner, after, flags), end])
        if least > MOST_STATES:
            raise OptionError(f"the pattern {self.source[:60]!r} repeats {least} times; {MOST_STATES} are the most")
        for _ in range(least):
            after = self._sequence(inner, after, flags)
        return after
