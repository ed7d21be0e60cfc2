"""Tasks for a server's tools: from a file or a list, or those of the demonstration server.

{"question": "Close every ticket of Ada.", "solution": [{"name": "close", "arguments": {"id": 7}}], "setup": [{"name": "reset"}], "open": []}

`question` alone is needed. `setup` are calls that are made before the episode; agents do not see them. `solution` are calls that do the task, for the scripted
agent. Whatever else is there is sealed, and the predicate sees it: `view.task.sealed["given"]["open"]`.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec

from prm_gym.claims import Json
from prm_gym.errors import OptionError
from prm_gym.mcp import McpServer, Reply
from prm_gym.mcp.stock import stock_task
from prm_gym.rows import rows_of
from prm_gym.task import Task
from prm_gym.tools import ToolCall

DEMO = McpServer(command=(sys.executable, "-m", "prm_gym.mcp.demo"))
DEMO_HIDDEN = ("reset", "inventory")
DEMO_PREDICATE = "prm_gym.envs.adapters.mcp_tasks:stock_is_as_expected"


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    """A call as it stands in a file."""

    name: str
    arguments: dict[str, Any] = {}

    @property
    def made(self) -> ToolCall:
        return ToolCall(self.name, self.arguments)


class PastReply(NamedTuple):
    """A call of the episode and what came of it."""

    call: ToolCall
    reply: Reply


class ServerView(NamedTuple):
    """What a predicate sees at the end of an episode.

    Attributes:
        task: with what is sealed in it.
        answer: what the agent gave when it ended the episode.
        transcript: its calls that were answered, in order; the names are the server's.
        call: calls a tool of the server, by the server's name; to look, not to change. Raises EnvironmentFault where the server is gone.
    """

    task: Task
    answer: str
    transcript: tuple[PastReply, ...]
    call: Callable[[str, Mapping[str, Json]], Reply]


Predicate: TypeAlias = Callable[[ServerView], float | None]


class Given(NamedTuple):
    """A task as it is given.

    Attributes:
        question: for the agent.
        setup: calls before the episode.
        solution: calls that do it; None where none is known.
        sealed: what else is there.
    """

    question: str
    setup: tuple[ToolCall, ...]
    solution: tuple[ToolCall, ...] | None
    sealed: dict[str, Any]


def load_tasks(tasks: str | Path | Sequence[Mapping[str, Any]]) -> tuple[Given, ...]:
    """The tasks of a file or a list.

    Raises:
        OptionError: it cannot be read, a row is no task, or there is none; names the row.
    """
    rows = rows_of(tasks) if isinstance(tasks, str | Path) else ((f"task {place}", row) for place, row in enumerate(tasks))
    source = str(tasks) if isinstance(tasks, str | Path) else "tasks"
    found: list[Given] = []
    for where, row in rows:
        try:
            found.append(_given(row))
        except ValueError as error:
            raise OptionError(f"{source}, {where}: {error}") from error
    if not found:
        raise OptionError(f"{source}: there is no task in it")
    return tuple(found)


def demo_task(seed: int) -> Given:
    """A task about the storeroom of the demonstration server."""
    task = stock_task(seed)
    calls = tuple(ToolCall(name, arguments) for name, arguments in task.solution)
    return Given(task.question, (ToolCall("reset", {"seed": seed}),), calls, {"expected": [list(item) for item in task.expected]})


def stock_is_as_expected(view: ServerView) -> float | None:
    """The predicate of the demonstration server: every item is on its shelf in its number."""
    found = view.call("inventory", {}).structured
    return None if found is None else float(found["result"] == view.task.sealed["given"]["expected"])


def _given(row: object) -> Given:
    if not isinstance(row, Mapping):
        raise ValueError(f"a task is an object with a question, got {str(row)[:60]!r}")
    fields: dict[str, Any] = {str(name): value for name, value in cast("Mapping[object, Any]", row).items()}
    question = fields.pop("question", None)
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"'question' is a text that is not empty, got {str(question)[:60]!r}")
    setup, solution = _calls(fields.pop("setup", []), "setup"), fields.pop("solution", None)
    try:
        sealed = msgspec.json.decode(msgspec.json.encode(fields))
    except (TypeError, ValueError) as error:
        raise ValueError(f"a task holds JSON values: {error}") from error
    return Given(question.strip(), setup, None if solution is None else _calls(solution, "solution"), sealed)


def _calls(given: object, field: str) -> tuple[ToolCall, ...]:
    if not isinstance(given, list | tuple):
        raise ValueError(f"{field!r} is a list of calls, got {str(given)[:60]!r}")
    try:
        return tuple(msgspec.convert(call, _Call).made for call in cast("list[Any]", given))
    except msgspec.ValidationError as error:
        raise ValueError(f'{field!r} is a list of calls, {{"name": ..., "arguments": {{...}}}}: {error}') from error
