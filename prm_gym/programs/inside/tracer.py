"""What happens line by line when a function is called. Runs inside the sandbox, behind `plain.py`, with the program as an argument.

Sources of this folder stand one behind the other in the sandbox and see each other's names; here they import nothing of each other.
"""

import ast
import sys
import types
from typing import Any, cast

PROGRAM = "<traced>"
# Frames of these are left out: whether they are frames at all depends on the version of Python.
INLINED = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>")
MOST_PARTS = 200
MOST_TEXT = 1000
MOST_DEPTH = 8
MOST_OUTPUT = 20_000
MOST_SPACE = 100_000


class Opaque:
    """Stands for a value that is no plain data, or too large to be kept."""

    def __repr__(self) -> str:
        return "?"


class Enough(BaseException):
    """The trace is as long as it may be."""


class Paper:
    """What is printed, as far as it is kept."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        """Keep the text."""
        self.text = (self.text + text)[: MOST_OUTPUT + 1]
        return len(text)

    def flush(self) -> None:
        """Do nothing."""


def copied(value: Any, depth: int = MOST_DEPTH) -> Any:
    """A copy of plain data of bounded size; `Opaque` for anything else."""
    kind: Any = cast("Any", type(value))
    if value is None or kind in (bool, float):
        return value
    if kind is int:
        return value if value.bit_length() < 4 * MOST_TEXT else Opaque()
    if kind is str:
        return value if len(value) <= MOST_TEXT else Opaque()
    if kind not in (list, tuple, set, frozenset, dict) or depth == 0 or len(value) > MOST_PARTS:
        return Opaque()
    parts = [copied(part, depth - 1) for part in (value if kind is not dict else [*value, *value.values()])]
    if any(type(part) is Opaque for part in parts):
        return Opaque()
    copy = cast("Any", kind)(zip(parts[: len(value)], parts[len(value) :], strict=True) if kind is dict else parts)
    return Opaque() if len(repr(copy)) > 2 * MOST_TEXT else copy


class Recorder:
    """The trace function, and what it has seen.

    An event is [frame, line, [[name, class, value], ...], [name, ...]]: the line that runs next in a frame, the variables that are new or have changed since
    its last event, and those that are gone.
    """

    def __init__(self, most: int, inlined: "Inlined") -> None:
        self.most = most
        self.inlined = inlined
        self.events: list[Any] = []
        self.final: list[Any] = []
        self.whole = True
        self.frames = 0
        self.space = 0

    def enter(self, frame: Any, event: str, argument: Any) -> Any:
        """Trace the frames of the program."""
        if event != "call" or frame.f_code.co_filename != PROGRAM or frame.f_code.co_name in INLINED:
            return None
        number, seen, last = self.frames, dict[str, str](), [0]
        self.frames += 1

        def follow(frame: Any, event: str, _: Any) -> Any:
            if event == "line":
                if self.inlined.holds(frame, last[0]):
                    return follow
                last[0] = frame.f_lineno
                if len(self.events) >= self.most or self.space > MOST_SPACE:
                    self.whole = False
                    raise Enough
                self.events.append([number, frame.f_lineno, *self._changes(frame, seen)])
            elif event == "return" and number == 0:
                local = {name: value for name, value in frame.f_locals.items() if name[0] != "."}
                order = [*(name for name in seen if name in local), *(name for name in local if name not in seen)]  # Python 3.13 has another
                self.final = [[name, type(local[name]).__name__, copied(local[name])] for name in order]
            return follow

        return follow

    def _changes(self, frame: Any, seen: dict[str, str]) -> list[Any]:
        local = {name: value for name, value in frame.f_locals.items() if name[0] != "."}
        gone = [name for name in seen if name not in local]
        for name in gone:
            del seen[name]
        changed: list[Any] = []
        for name, value in local.items():
            copy = copied(value)
            mark = type(value).__name__ + " " + ("?" if type(copy) is Opaque else repr(copy))
            if seen.get(name) != mark:
                seen[name] = mark
                changed.append([name, type(value).__name__, copy])
                self.space += len(mark)
        return [changed, gone]


class Inlined:
    """Where comprehensions run: from Python 3.12 on as part of the frame around them (PEP 709), with events of their own, which 3.11 does not have.

    So the events are the same in all versions; those of a comprehension over several lines are not.
    """

    def __init__(self, code: str) -> None:
        self.spans = [
            ((node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0))
            for node in (ast.walk(ast.parse(code)) if sys.version_info >= (3, 12) else ())
            if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp))
        ]
        self.places: dict[Any, list[Any]] = {}

    def holds(self, frame: Any, last: int) -> bool:
        """Whether what runs next belongs to a comprehension that is under way: the line before it was one of the same.

        Args:
            frame: at an event "line".
            last: line of the event before it in this frame, from 1; 0 at the first.
        """
        if not self.spans:
            return False
        code = frame.f_code
        places = self.places.get(code)
        if places is None:
            places = self.places[code] = list(code.co_positions())
        first, end, column, end_column = places[frame.f_lasti // 2]
        if None in (first, end, column, end_column):
            return False
        return any(begin <= (first, column) and (end, end_column) <= stop and begin[0] <= last <= stop[0] for begin, stop in self.spans)


def blocks(code: str) -> list[list[int]]:
    """[first line, last line of the header, first line of the body, its last line, whether it is a loop] of every `if`, `while` and `for`."""
    found: list[list[int]] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.If, ast.While, ast.For)):
            header = node.iter if isinstance(node, ast.For) else node.test
            last = max(part.end_lineno or part.lineno for part in node.body)
            found.append([node.lineno, header.end_lineno or header.lineno, node.body[0].lineno, last, int(not isinstance(node, ast.If))])
    return found


def trace(code: str, function: str, arguments: list[Any], most: int) -> dict[str, Any]:
    """The events of a call, what it printed, and how it ended; or why it cannot be traced, under "defect".

    Args:
        code: source of a program that is plain.
        function: name of the function that is called.
        arguments: its positional arguments.
        most: events that are recorded.
    """
    shape = blocks(code)
    module = types.ModuleType("__main__")
    recorder, paper, kept = Recorder(most, Inlined(code)), Paper(), sys.stdout
    ending, value = "returned", None
    try:
        exec(compile(code, PROGRAM, "exec", dont_inherit=True), module.__dict__)
        called = module.__dict__.get(function)
        if type(called) is not types.FunctionType:
            return {"defect": f"the program defines no function {function!r}"}
        sys.stdout = paper  # type: ignore[assignment]
        sys.settrace(recorder.enter)
        try:
            value = called(*arguments)
        finally:
            sys.settrace(None)
            sys.stdout = kept
    except Enough:
        recorder.whole = False
    except Exception as error:
        ending, value = type(error).__name__, None
    whole = recorder.whole and len(paper.text) <= MOST_OUTPUT
    return {
        "events": recorder.events,
        "final": recorder.final,
        "blocks": shape,
        "output": paper.text[:MOST_OUTPUT],
        "whole": whole,
        "ending": ending,
        "value": copied(value),
    }
