"""Scene: a step as criteria look at it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar, cast

from prm_gym.claims import Malformed
from prm_gym.rubric.text import GAP, legible, sources_of, visible
from prm_gym.tools import ToolCall, read_call
from prm_gym.verifier import StepContext

Over: TypeAlias = Literal["step", "episode"]

_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})++|\d{1,30}+)(?:\.\d{1,30}+)?+(?![\w]|\.\d)")
_JSON_LENGTH = 1 << 14
_Found = TypeVar("_Found")
MISSING = object()


class Scene:
    """A step and what was done before it, read once however many criteria ask.

    Attributes:
        step: what the verifier was given.
    """

    def __init__(self, step: StepContext, rubric_texts: Sequence[str] = (), quotes_count: bool = False) -> None:
        """Take a step.

        Args:
            step: what the verifier was given.
            rubric_texts: names and descriptions of the criteria, which earn nothing when they are quoted.
            quotes_count: take quotations of the task and the rubric for the agent's own words.
        """
        self.step = step
        self._rubric_texts, self._quotes_count = rubric_texts, quotes_count
        self._known: dict[Any, Any] = {}

    def _once(self, key: Any, make: Callable[[], _Found]) -> _Found:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def steps(self) -> Iterator["Scene"]:
        """Every step up to and with this one, as it stood when it was taken; without those that the environment could not read."""
        step = self.step
        for place, past in enumerate(step.previous):
            if not any(isinstance(claim, Malformed) for claim in past.claims):
                earlier = StepContext(task=step.task, observation=past.observation, action=past.action, claims=past.claims, previous=step.previous[:place])
                yield Scene(earlier, self._rubric_texts, self._quotes_count)
        yield self

    @property
    def ends(self) -> bool:
        """Whether the episode ends with the step."""
        return self.step.terminated or self.step.truncated

    def actions(self, over: Over) -> tuple[str, ...]:
        """What was written, as a reader sees it: at this step, or at all steps that an environment could read, this one last.

        Args:
            over: of what.
        """
        return self._once(("actions", over), lambda: tuple(visible(action) for action in self.written(over)))

    def written(self, over: Over) -> tuple[str, ...]:
        """Likewise, as it was written, with all that is hidden in it.

        Args:
            over: of what.
        """
        if over == "step":
            return (self.step.action,)
        past = (past.action for past in self.step.previous if not any(isinstance(claim, Malformed) for claim in past.claims))
        return self._once("written", lambda: (*past, self.step.action))

    def anywhere(self, over: Over) -> tuple[str, ...]:
        """Likewise, every text as a reader sees it, as it was written, and with what is hidden in it made legible: for what must stand nowhere.

        Args:
            over: of what.
        """
        return self._once(("anywhere", over), lambda: (*self.actions(over), *self.written(over), *map(legible, self.written(over))))

    def own_words(self, over: Over) -> tuple[str, ...]:
        """The words that were written and are not quoted from the task or the rubric.

        Args:
            over: of what.
        """

        def find() -> tuple[str, ...]:
            task = self.step.task
            sources = sources_of(() if self._quotes_count else (task.question, task.instructions, *self._rubric_texts))
            return tuple(word for action in self.actions(over) for word in (*sources.own(action), GAP))

        return self._once(("own", over), find)

    def calls(self, over: Over) -> tuple[ToolCall, ...]:
        """The calls of tools.

        Args:
            over: of what.
        """

        def find() -> tuple[ToolCall, ...]:
            readings = (read_call(action) for action in self.written(over))
            return tuple(reading for reading in readings if isinstance(reading, ToolCall))

        return self._once(("calls", over), find)

    def touched(self, over: Over) -> tuple[str, ...]:
        """The texts and numbers in the arguments of calls.

        Args:
            over: of what.
        """
        return self._once(("touched", over), lambda: tuple(leaf for call in self.calls(over) for leaf in _leaves(call.arguments)))

    def numbers(self, over: Over) -> tuple[float, ...]:
        """The numbers that were written, in order; a fraction or a formula is not one.

        Args:
            over: of what.
        """

        def find() -> tuple[float, ...]:
            found = (match[0] for action in self.actions(over) for match in _NUMBER.finditer(action))
            return tuple(float(number.replace(",", "").replace("−", "-")) for number in found)

        return self._once(("numbers", over), find)

    def data(self, of: Literal["action", "arguments"]) -> Any:
        """The JSON value that the action is, or the arguments of its call; `MISSING` where it is none.

        Args:
            of: which.
        """

        def find() -> Any:
            if of == "arguments":
                calls = self.calls("step")
                return calls[-1].arguments if calls else MISSING
            return read_json(self.step.action)

        return self._once(("data", of), find)

    def of_task(self, path: str) -> Any:
        """A value of the task (`sealed.answer`, `metadata.level`, `question`); `MISSING` where there is none.

        Args:
            path: names and indexes with dots between them.
        """
        task = self.step.task
        return at({"sealed": task.sealed, "metadata": task.metadata, "question": task.question, "instructions": task.instructions, "key": task.key}, path)


def read_json(text: str) -> Any:
    """The value of a JSON text; `MISSING` where it is none, or too long or too deep.

    Args:
        text: as it was written.
    """
    if len(text) > _JSON_LENGTH:
        return MISSING
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return MISSING


def at(value: Any, path: str) -> Any:
    """What stands at a path of names and indexes, `items.0.name`; `MISSING` where nothing does.

    Args:
        value: a JSON value.
        path: empty for the value itself.
    """
    for name in path.split(".") if path else ():
        if isinstance(value, Mapping) and name in value:
            value = cast("Mapping[str, Any]", value)[name]
        elif (
            isinstance(value, list | tuple) and re.fullmatch(r"-?\d{1,9}", name) and -len(cast("list[Any]", value)) <= int(name) < len(cast("list[Any]", value))
        ):
            value = cast("list[Any]", value)[int(name)]
        else:
            return MISSING
    return value


def _leaves(value: Any) -> list[str]:
    """The texts and numbers in a JSON value."""
    found: list[str] = []
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, Mapping):
            stack.extend(reversed(list(cast("Mapping[str, Any]", top).values())))
        elif isinstance(top, list | tuple):
            stack.extend(reversed(cast("list[Any]", top)))
        elif isinstance(top, str | int | float) and not isinstance(top, bool):
            found.append(str(top))
    return found
