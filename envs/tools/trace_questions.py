"""What is asked about the run of a program, and the answers that are offered."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from prm_gym.claims import Json, TraceAnswer
from prm_gym.claims.programs import TraceQuestion
from prm_gym.errors import ProblemError
from prm_gym.programs import Trace, comparable, is_right
from prm_gym.sandbox.values import decode

OPTIONS = 8
MOST_TEXT = 120
CLASSES = ("int", "str", "list", "dict", "bool", "tuple", "float", "set")


class Question(msgspec.Struct, frozen=True):
    """One question about the run of a program.

    Attributes:
        words: the question.
        kind: see `TraceAnswer`.
        event: likewise.
        line: likewise.
        variable: likewise.
        truth: an answer that is right.
        options: answers that are offered, the right one among them.
    """

    words: str
    kind: TraceQuestion
    truth: str
    options: tuple[str, ...]
    event: int = -1
    line: int = 0
    variable: str = ""

    def claim(self, code: str, function: str, arguments: tuple[Json, ...], answer: str) -> TraceAnswer:
        """What an answer claims."""
        return TraceAnswer(code, function, arguments, self.kind, answer, self.event, self.line, self.variable)


class _Moment(NamedTuple):
    """A line that has run: its number, how often by then, and the event after it."""

    line: int
    times: int
    event: int


def questions(rng: random.Random, trace: Trace, code: str, count: int, others: Sequence[Json]) -> list[Question]:
    """Questions of several kinds about a trace, the last one about the result; none where the trace gives too few.

    Args:
        rng: draws them.
        trace: of one function that calls no other one of the program.
        code: its source.
        count: how many.
        others: encoded results for other arguments, for the answers that are offered.
    """
    moments = _moments(trace)
    asked = [*_iterations(rng, trace), *_next_lines(rng, trace, moments, code), *_values(rng, trace, moments), *_small_ones(rng, trace, moments)]
    chosen: list[Question] = []
    order = (("iterations",), ("value",), ("next_line",), ("value",), ("branch", "type"), ("value",))
    for kinds in order:
        pool = [one for one in asked if one.kind in kinds]
        fresh = [one for one in pool if one not in chosen]
        if fresh and len(chosen) < count - 1:
            chosen.append(fresh[rng.randrange(len(fresh))])
    text = _text(trace.value)
    if len(chosen) < count - 1 or text is None or trace.ending != "returned":
        return []
    results = [other for value in others if (other := _text(value)) is not None]
    # What has been offered before is offered again, or the right one would be told by that.
    shown = [option for one in chosen if one.kind == "value" for option in one.options if type(_plain(option)) is type(_plain(text))]
    options = _options(rng, text, shown or results)
    return [*chosen, Question("What does the call return?", "result", text, options)] if options else []


def is_sound(question: Question, trace: Trace, code: str, function: str, arguments: tuple[Json, ...]) -> bool:
    """Whether exactly one of the offered answers is right."""
    try:
        right = [option for option in question.options if is_right(trace, question.claim(code, function, arguments, option))]
    except ProblemError:
        return False
    return right == [question.truth]


def _moments(trace: Trace) -> list[_Moment]:
    times: dict[int, int] = {}
    found: list[_Moment] = []
    for place, event in enumerate(trace.events[:-1]):
        times[event.line] = times.get(event.line, 0) + 1
        found.append(_Moment(event.line, times[event.line], place + 1))
    return found


def _when(moment: _Moment) -> str:
    return f"When line {moment.line} has run {moment.times} time{'s' if moment.times > 1 else ''}"


def _iterations(rng: random.Random, trace: Trace) -> list[Question]:
    found: list[Question] = []
    for block in trace.blocks:
        if block.loop and block.body > block.header_end and any(event.line == block.line for event in trace.events):
            count = len(trace.entries(block))
            low = max(0, count - rng.randrange(6))
            options = tuple(str(low + place) for place in range(6))
            found.append(Question(f"How often is the body of the loop at line {block.line} entered?", "iterations", str(count), options, line=block.line))
    return found


def _next_lines(rng: random.Random, trace: Trace, moments: Sequence[_Moment], code: str) -> list[Question]:
    """Where a line has been followed by different ones, if there is any such line."""
    followers: dict[int, set[int]] = {}
    for moment in moments:
        followers.setdefault(moment.line, set()).add(trace.events[moment.event].line)
    lines = range(2, len(code.splitlines()) + 1)
    found: list[Question] = []
    for moment in moments:
        if len(followers[moment.line]) > 1:
            truth = trace.events[moment.event].line
            wrong = [line for line in lines if line != truth]
            options = [truth, *rng.sample(wrong, min(OPTIONS - 1, len(wrong)))]
            found.append(Question(f"{_when(moment)}, which line runs next?", "next_line", str(truth), tuple(map(str, options)), event=moment.event))
    return found


def _values(rng: random.Random, trace: Trace, moments: Sequence[_Moment]) -> list[Question]:
    """Of variables that the line has just changed."""
    history: dict[str, list[str]] = {}
    for event in trace.events:
        for variable in event.changed:
            if (text := _text(variable.value)) is not None:
                history.setdefault(variable.name, []).append(text)
    found: list[Question] = []
    for moment in moments:
        for variable in trace.events[moment.event].changed:
            text = _text(variable.value)
            options = _options(rng, text, history[variable.name]) if text is not None else ()
            if text is not None and options:
                words = f"{_when(moment)}, what is the value of `{variable.name}`?"
                found.append(Question(words, "value", text, options, event=moment.event, variable=variable.name))
    return found


def _small_ones(rng: random.Random, trace: Trace, moments: Sequence[_Moment]) -> list[Question]:
    """Whether branches are taken, and classes of variables."""
    found: list[Question] = []
    starts = {block.line for block in trace.blocks if not block.loop and block.body > block.header_end}
    for moment in moments:
        if moment.line in starts:
            block = trace.block(moment.line)
            truth = "yes" if moment.event in trace.entries(block) else "no"
            words = f"When line {moment.line} runs for the time number {moment.times}, is the body of its `if` entered?"
            found.append(Question(words, "branch", truth, ("yes", "no"), event=moment.event - 1, line=moment.line))
    last = trace.variables(len(trace.events) - 1)
    for variable in last.values():
        others = rng.sample([name for name in CLASSES if name != variable.kind], 5)
        words = f"What is the class of the value of `{variable.name}` when the call ends?"
        found.append(Question(words, "type", variable.kind, (variable.kind, *others), event=len(trace.events) - 1, variable=variable.name))
    return found


def _text(value: Json) -> str | None:
    """The value as Python writes it, if it can be asked for."""
    if not comparable(value):
        return None
    text = repr(decode(value))
    return text if len(text) <= MOST_TEXT else None


def _options(rng: random.Random, truth: str, others: Sequence[str]) -> tuple[str, ...]:
    """The right answer among values that occur elsewhere and values near one of them; none where there are too few.

    What is near is drawn near any of the answers: the right one is not to be told by the number of those that are like it.
    """
    elsewhere = sorted(set(others) - {truth})
    found = [truth, *rng.sample(elsewhere, min(3, len(elsewhere)))]
    for _ in range(60):
        if len(found) == OPTIONS:
            break
        near = repr(_near(rng, _plain(found[rng.randrange(len(found))])))
        if near not in found and len(near) <= MOST_TEXT:
            found.append(near)
    return tuple(found) if len(found) >= 5 else ()


def _plain(text: str) -> Any:
    from prm_gym.programs import literal

    return decode(literal(text))


def _near(rng: random.Random, value: Any) -> Any:
    """A value of the same class that is slightly different."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int):
        return value + rng.choice((-3, -2, -1, 1, 2, 3))
    if isinstance(value, dict):
        if not value:
            return {"a": 1}
        key = rng.choice(sorted(value))
        return {name: _near(rng, part) if name == key else part for name, part in value.items()}
    if not value:
        return type(value)(["a"]) if isinstance(value, list) else "a"
    place, other = rng.randrange(len(value)), rng.randrange(len(value))
    if rng.random() < 0.5:
        return value[:place] + value[place + 1 :]
    if isinstance(value, str):
        return value[:place] + value[other] + value[place:]
    changed = list(value)
    changed[place] = _near(rng, changed[place])
    return changed
