"""What a domain hands to the engine: its operations, what a listener answers, and one task with everything that is known of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from prm_gym.claims import RowChange, Rule, StepKind, Value
from prm_gym.services.database import Cell, Database, Table
from prm_gym.tools import Tool, ToolCall

Arguments: TypeAlias = Mapping[str, Any]
Run: TypeAlias = Callable[[Database, Arguments], str]


class Operation(msgspec.Struct, frozen=True):
    """A tool and what it does.

    Attributes:
        tool: as the agent is told of it.
        run: works on the database and gives the answer; raises `RefusedError` where it refuses, and is then undone.
        kind: `read`, `write` or `end`.
        refers: what arguments name: "orders" for a key of that table, "users.email" for another column; by name of the argument.
    """

    tool: Tool
    run: Run
    kind: StepKind
    refers: dict[str, str] = {}


class Reply(msgspec.Struct, frozen=True):
    """What a listener answers to a message.

    Attributes:
        text: the answer.
        milestones: what the message brought about.
        rules: the rules of the policy that applied to it.
    """

    text: str
    milestones: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


class ScriptStep(msgspec.Struct, frozen=True):
    """A step of a scripted solution.

    Attributes:
        action: what is written.
        milestone: what it reaches.
        topic: number of the wish that it serves; -1 where it serves all of them.
    """

    action: str
    milestone: str
    topic: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A task of a service.

    Attributes:
        image: the database at the beginning.
        opening: the first observation.
        goal: the cells that differ from the beginning in the end, with their values then; nothing else may differ.
        script: a solution; each step reaches a milestone of its own, and these are all that there are.
        reads: milestone by the `read_key` of the call whose answer reaches it; or, as "find_person:N1234", by the tool and an identifier that its answer shows.
        rows: cells by milestone that is reached when they are as they should be.
        required: milestones without which the outcome is 0 whatever the rows say: what must be told, or refused.
        end: name of the tool that should end the episode.
        facts: what the domain wants to know of its task.
    """

    image: bytes
    opening: str
    goal: Mapping[Cell, Value]
    script: tuple[ScriptStep, ...]
    reads: Mapping[str, str]
    rows: Mapping[str, tuple[Cell, ...]]
    required: frozenset[str]
    end: str
    facts: Any = field(default=None)

    @property
    def ended(self) -> str:
        """The milestone of a good end."""
        return self.script[-1].milestone


def read_key(call: ToolCall) -> str:
    """Equal for equal calls, in whatever order their lists are written."""
    arguments = {name: sorted(value, key=str) if isinstance(value, list) else value for name, value in call.arguments.items()}
    return ToolCall(call.name, arguments).key


def goal_of(tables: Sequence[Table], image: bytes, works: Iterable[Callable[[Database], object]]) -> list[dict[Cell, Value]]:
    """The cells that each of some works changes, when they are done one after another, with their values at the end of all.

    Args:
        tables: of the image.
        image: the beginning.
        works: what is done, each in a transaction.

    Raises:
        RefusedError: a work was refused.
    """
    return goal_in(Database(tables, image), works)


def goal_in(database: Database, works: Iterable[Callable[[Database], object]]) -> list[dict[Cell, Value]]:
    """The same in a database as it is at the beginning, where what was done is taken back.

    Args:
        database: at the beginning, and afterwards.
        works: what is done, each in a transaction.

    Raises:
        RefusedError: a work was refused.
    """
    try:
        touched = [{change.cell for change in database.transact(work)[1]} for work in works]
        final = {cell: now for cell, (_, now) in database.changed().items() if not database.is_free(cell)}
    finally:
        database.apply([RowChange(*change.cell, before=change.after, after=change.before) for change in database.changes()])
    return [{cell: final[cell] for cell in sorted(cells) if cell in final} for cells in touched]
