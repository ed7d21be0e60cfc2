"""Traces: what really happens when a function is called, and what is asked about it."""

import re
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import msgspec

from prm_gym.claims import Json, TraceAnswer
from prm_gym.errors import ProblemError
from prm_gym.programs.encodings import brief, comparable
from prm_gym.programs.literals import literal
from prm_gym.sandbox import Calls, Limits, Sandbox
from prm_gym.sandbox.values import same

MOST_EVENTS = 2000
# Of floats in answers: a person writes 0.3 for 0.30000000000000004.
TOLERANCE = 1e-9
END = "end"
UNDEFINED = "undefined"
_SHOWN_CLASS = re.compile(r"<class '(?:\w{1,100}\.){0,9}(\w{1,100})'>")

_TWICE = """
def traced(code, function, arguments, most):
    import copy

    reason = defect(code)
    if reason:
        return {"defect": "the program is not plain: " + reason}
    one, other = [trace(code, function, copy.deepcopy(arguments), most) for _ in range(2)]
    return one if repr(one) == repr(other) else {"defect": "the program does not do the same each time"}
"""
_INSIDE = Path(__file__).parent / "inside"


# Traces that are kept within the process, the oldest let go first, and how long such a one is.
MOST_KEPT = 256
MOST_KEPT_EVENTS = 300
_KEPT: "dict[str, Trace]" = {}
_LOCK = threading.Lock()


class Variable(msgspec.Struct, frozen=True, array_like=True):
    """A variable at one moment.

    Attributes:
        name: of it.
        kind: name of the value's class.
        value: encoded; {"object": ...} for what is no plain data, or too large.
    """

    name: str
    kind: str
    value: Json


class Event(msgspec.Struct, frozen=True, array_like=True):
    """A line that is about to run.

    Attributes:
        frame: number of the call that it belongs to, 0 for the one that is asked about.
        line: number of the line, from 1 on.
        changed: the variables that are new or have changed since the last event of the same frame.
        gone: names of those that are no more.
    """

    frame: int
    line: int
    changed: tuple[Variable, ...]
    gone: tuple[str, ...]


class Block(msgspec.Struct, frozen=True, array_like=True):
    """An `if`, `while` or `for`.

    Attributes:
        line: where it begins.
        header_end: last line of its condition, or of what it goes through.
        body: first line of its body.
        body_end: last line of its body.
        loop: 1 for `while` and `for`, else 0.
    """

    line: int
    header_end: int
    body: int
    body_end: int
    loop: int


class Trace(msgspec.Struct, frozen=True):
    """What happened in a call.

    Attributes:
        events: line events of the function and of the program's functions that it calls, comprehensions and lambdas left out, in order.
        final: the variables of the function when it ended.
        blocks: of the whole program.
        output: what was printed.
        whole: the trace goes to the end of the call.
        ending: "returned", or the class of the exception.
        value: what was returned, encoded.
    """

    events: tuple[Event, ...]
    final: tuple[Variable, ...]
    blocks: tuple[Block, ...]
    output: str
    whole: bool
    ending: str
    value: Json

    def variables(self, event: int) -> dict[str, Variable]:
        """The variables of the frame just before an event, or at the end of the call for -1."""
        if event == -1:
            return {variable.name: variable for variable in self.final}
        found: dict[str, Variable] = {}
        for moment in self.events[: event + 1]:
            if moment.frame == self.events[event].frame:
                found.update({variable.name: variable for variable in moment.changed})
                for name in moment.gone:
                    found.pop(name, None)
        return found

    def block(self, line: int, loop: bool = False) -> Block:
        """The one `if`, `while` or `for` that begins at a line, with a body on lines of its own.

        Raises:
            ProblemError: there is none, or more than one.
        """
        found = [block for block in self.blocks if block.line == line and (block.loop or not loop)]
        if len(found) != 1 or found[0].body <= found[0].header_end:
            raise ProblemError(f"no {'loop' if loop else 'branch'} begins at line {line} with its body on lines of its own")
        return found[0]

    def entries(self, block: Block) -> list[int]:
        """The events at which the body of a block is entered from its header."""
        last: dict[int, int] = {}
        found: list[int] = []
        for place, event in enumerate(self.events):
            if event.line == block.body and block.line <= last.get(event.frame, 0) <= block.header_end:
                found.append(place)
            last[event.frame] = event.line
        return found


class Untraceable(msgspec.Struct, frozen=True):
    """Why there is no trace.

    Attributes:
        reason: in one sentence.
        fault: the sandbox itself failed.
    """

    reason: str
    fault: bool = False


class TraceRequest(msgspec.Struct, frozen=True):
    """A call to be traced.

    Attributes:
        code: Python source.
        function: that is called.
        arguments: positional, encoded.
    """

    code: str
    function: str
    arguments: tuple[Json, ...]


@lru_cache(maxsize=1)
def _tracer() -> str:
    parts = [(_INSIDE / name).read_text(encoding="utf-8") for name in ("plain.py", "tracer.py")]
    return "\n".join([*parts, _TWICE])


def traced(sandbox: Sandbox, requests: Sequence[TraceRequest], wall_seconds: float = 2.0) -> list[Trace | Untraceable]:
    """The traces of calls, each run twice, all side by side. Short ones are kept within the process.

    There is none of a program that is not plain (it could reach the tracer, or differ from run to run), that does not end, or that differed.

    Args:
        sandbox: where they run.
        requests: with well-formed arguments (see `is_encoding`).
        wall_seconds: of each.

    Raises:
        SandboxError: there is no sandbox here.
    """
    keys = [repr(request) for request in requests]
    found: dict[str, Trace | Untraceable] = {key: trace for key in keys if (trace := _KEPT.get(key)) is not None}
    fresh = {key: request for key, request in zip(keys, requests, strict=True) if key not in found}
    jobs = [(_tracer(), "traced", [[request.code, request.function, list(request.arguments), MOST_EVENTS]]) for request in fresh.values()]
    for key, calls in zip(fresh, sandbox.call_all(jobs, limits=Limits(wall_seconds=wall_seconds, kept_bytes=1024)), strict=True):
        found[key] = trace = _trace(calls)
        if isinstance(trace, Trace) and len(trace.events) <= MOST_KEPT_EVENTS:
            with _LOCK:
                _KEPT[key] = trace
    with _LOCK:
        while len(_KEPT) > MOST_KEPT:
            del _KEPT[next(iter(_KEPT))]
    return [found[key] for key in keys]


def _trace(calls: Calls) -> Trace | Untraceable:
    if calls.run.status == "fault":
        return Untraceable("the sandbox itself failed", fault=True)
    if calls.run.status == "timeout":
        return Untraceable("the program does not end in time")
    result = calls.results[0]
    if result.status != "returned":
        return Untraceable(f"the program cannot be traced: {result.error or calls.run.error or 'it left'}")
    try:
        fields = _record(result.value)
        return Untraceable(str(fields["defect"])) if "defect" in fields else msgspec.convert(fields, Trace)
    except (msgspec.ValidationError, ProblemError) as error:
        return Untraceable(f"the trace cannot be read: {error}")


def _record(value: Json) -> dict[str, Any]:
    if isinstance(value, dict) and isinstance(entries := value.get("dict"), list):
        pairs = [entry for entry in entries if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)]
        return {cast("str", key): part for key, part in pairs}
    raise ProblemError("it is no record")


def is_right(trace: Trace, claim: TraceAnswer) -> bool:
    """Whether an answer says what happened.

    Args:
        trace: of the call that the claim is about.
        claim: with the question and the answer.

    Raises:
        ProblemError: the question has no answer in this trace.
        AnswerError: the answer cannot be read as one of the kind that is asked for.
    """
    answer = claim.answer.strip()
    if claim.question == "next_line":
        return _is_next_line(trace, claim.event, answer)
    if claim.question in ("value", "type"):
        _require_moment(trace, claim.event)
        variable = trace.variables(claim.event).get(claim.variable)
        if variable is None or answer == UNDEFINED:
            return variable is None and answer == UNDEFINED
        return _kind(answer) == variable.kind if claim.question == "type" else _is_value(variable.value, answer)
    if claim.question == "branch":
        return _read_bool(answer) == _is_taken(trace, claim)
    _require_moment(trace, -1)
    if claim.question == "iterations":
        return _read_count(answer) == len(trace.entries(trace.block(claim.line, loop=True)))
    if claim.question == "output":
        return printed_lines(answer) == printed_lines(trace.output)
    if trace.ending != "returned":
        if trace.ending in ("RecursionError", "MemoryError"):
            raise ProblemError(f"whether a call ends in {trace.ending} depends on who watches it")
        return answer.removeprefix("raises ") == trace.ending
    return False if answer.startswith("raises ") else _is_value(trace.value, answer)


def truth(trace: Trace, claim: TraceAnswer) -> str:
    """What happened, written as an answer to the question, cut where it is long.

    Args:
        trace: of the call that the claim is about.
        claim: one that `is_right` can judge.

    Raises:
        ProblemError: the question has no answer in this trace.
    """
    if claim.question == "next_line":
        return END if claim.event == len(trace.events) else str(trace.events[claim.event].line)
    if claim.question in ("value", "type"):
        variable = trace.variables(claim.event).get(claim.variable)
        if variable is None:
            return UNDEFINED
        return variable.kind if claim.question == "type" else brief(variable.value)
    if claim.question == "branch":
        return "yes" if _is_taken(trace, claim) else "no"
    if claim.question == "iterations":
        return str(len(trace.entries(trace.block(claim.line, loop=True))))
    if claim.question == "output":
        return trace.output[:200]
    return brief(trace.value) if trace.ending == "returned" else f"raises {trace.ending}"


class AnswerError(ProblemError):
    """An answer that is none of the kind that is asked for."""


def printed_lines(text: str) -> list[str]:
    """The lines of what was printed, without the spaces at their ends and the empty lines at the end."""
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _require_moment(trace: Trace, event: int) -> None:
    if event == -1 and not trace.whole:
        raise ProblemError(f"the call goes on for more than {len(trace.events):,} lines")
    if not -1 <= event < len(trace.events):
        raise ProblemError(f"there is no event {event}: the trace has {len(trace.events):,}")


def _is_next_line(trace: Trace, event: int, answer: str) -> bool:
    if trace.whole and event == len(trace.events):
        return answer == END
    if not 0 <= event < len(trace.events):
        raise ProblemError(f"there is no event {event}: the trace has {len(trace.events):,}")
    return answer != END and _read_count(answer) == trace.events[event].line


def _is_taken(trace: Trace, claim: TraceAnswer) -> bool:
    block = trace.block(claim.line)
    entries = trace.entries(block)
    if claim.event == -1:
        _require_moment(trace, -1)
        return bool(entries)
    _require_moment(trace, claim.event)
    asked = trace.events[claim.event]
    if asked.line != block.line:
        raise ProblemError(f"the event {claim.event} is at line {asked.line}, not at line {block.line}")
    later = [place for place in range(claim.event + 1, len(trace.events)) if trace.events[place].frame == asked.frame]
    inside = next((place for place in later if not block.line < trace.events[place].line <= block.header_end), None)
    if inside is None and not trace.whole:
        raise ProblemError("the trace ends before the branch is decided")
    return inside is not None and inside in entries


def _is_value(value: Json, answer: str) -> bool:
    if not comparable(value):
        raise ProblemError("the value is no plain data, too large, or equal to nothing")
    try:
        return same(literal(answer), value, TOLERANCE)
    except ProblemError as error:
        raise AnswerError(f"the answer is no Python literal: {error}") from error


def _kind(answer: str) -> str:
    """The name of a class, also where it is written as Python shows the class."""
    shown = _SHOWN_CLASS.fullmatch(answer)
    return shown[1] if shown else answer


def _read_count(answer: str) -> int:
    digits = answer.removeprefix("line ")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise AnswerError(f"the answer is a number, got {answer[:50]!r}")
    return int(digits)


def _read_bool(answer: str) -> bool:
    word = answer.lower()
    if word not in ("true", "yes", "taken", "false", "no", "not taken"):
        raise AnswerError(f"the answer is yes or no, got {answer[:50]!r}")
    return word in ("true", "yes", "taken")
