"""One task on our sites: the state at its beginning, what is asked, what is wanted in the end, and how it is done."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from prm_gym.claims import Value
from prm_gym.services import Cell, Database
from prm_gym.web.actions import Action, Answer, Back, Click, Goto, Press, Select, Tab, Type, quoted
from prm_gym.web.candidates import IMPOSSIBLE, Sought, sought_by
from prm_gym.web.observation import Item, Sight

_compiled = lru_cache(4096)(re.compile)  # Python's own cache holds too few for all tasks


class Do(msgspec.Struct, frozen=True):
    """A step of a script: an action on the element that has a role and a name.

    Attributes:
        what: "click", "type", "select", "press", "goto", "back", "tab" or "answer".
        role: of the element; empty where none is meant.
        name: of the element.
        text: what is typed, selected, pressed, opened or answered.
        near: where several have that role and name: the first after an item whose name holds this text.
    """

    what: str
    role: str = ""
    name: str = ""
    text: str = ""
    near: str = ""


def click(role: str, name: str, near: str = "") -> Do:
    """A click."""
    return Do("click", role, name, near=near)


def fill(name: str, text: str, role: str = "textbox", near: str = "") -> Do:
    """A text for a field."""
    return Do("type", role, name, text, near)


def choose(name: str, option: str, near: str = "") -> Do:
    """An option of a list."""
    return Do("select", "combobox", name, option, near)


class Checkpoint(msgspec.Struct, frozen=True):
    """A milestone on the way; reached when all of its conditions hold that are given.

    Attributes:
        name: its first word says what kind it is: "found", "read", "opened", "told".
        path: a page whose path and query match this regular expression was given.
        shows: an item is seen whose name or value holds this text.
        sql: a query that gives a row.
    """

    name: str
    path: str = ""
    shows: str = ""
    sql: str = ""

    def holds(self, seen: Sequence[str], sight: Sight, database: Database) -> bool:
        """Whether it is reached now."""
        if self.path and not any(_compiled(self.path).fullmatch(one) for one in seen):
            return False
        if self.shows and not any(self.shows in item.name or (item.value is not None and self.shows in item.value) for item in sight.items):
            return False
        return not self.sql or database.one(self.sql) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebScenario:
    """A task.

    Attributes:
        kind: of the task, such as "order/one/with-size".
        image: the database at the beginning.
        start: the address of the first page.
        memory: what the site remembers of its visitor at the beginning.
        now: the time of the site.
        wish: what is asked, in words.
        goal: the cells that differ from the beginning in the end, with their values then; nothing else may differ.
        milestones: by name, cells of the goal that belong together.
        passing: values that cells may have on the way.
        checkpoints: the other milestones.
        required: checkpoints without which the outcome is 0: the page that an answer is read from.
        answers: right answers, any one of which will do; empty where nothing is asked.
        script: a solution; the last step is an answer.
        question: the wish is a question, though nothing may answer it.
        phrases: texts that an agent may want to type, all of which stand in the wish.
        facts: what the world wants to know of its task.
    """

    kind: str
    image: bytes
    start: str
    memory: Mapping[str, Any]
    now: str
    wish: str
    goal: Mapping[Cell, Value]
    milestones: Mapping[str, tuple[Cell, ...]]
    checkpoints: tuple[Checkpoint, ...]
    script: tuple[Do, ...]
    passing: Mapping[Cell, tuple[Value, ...]] = field(default_factory=dict[Cell, tuple[Value, ...]])
    required: frozenset[str] = frozenset()
    answers: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    question: bool = False
    facts: Any = None

    @property
    def asks(self) -> bool:
        """Whether something is asked, and not only to be done; that it cannot be done is to be found out, so it makes no difference here."""
        return self.question or any(answer != IMPOSSIBLE for answer in self.answers)

    @property
    def sought(self) -> Sought:
        """What is asked for; empty where nothing is. It is read from the wish alone, as an agent can."""
        return sought_by(self.wish) if self.asks else ""


def resolved(step: Do, sight: Sight) -> Action | None:
    """The action that a step of a script is on the page that is seen; None where it has no such element."""
    match step.what:
        case "answer":
            return Answer(step.text)
        case "goto":
            return Goto(step.text)
        case "back":
            return Back()
        case "tab":
            return Tab(int(step.text))
        case "press" if not step.role:
            return Press(step.text)
        case _:
            pass
    item = _found(step, sight.items)
    if item is None:
        return None
    of = f"{item.role} {quoted(item.name)}"
    actions: dict[str, Action] = {
        "click": Click(item.ref, 1, of),
        "type": Type(item.ref, step.text, of),
        "select": Select(item.ref, step.text, of),
        "press": Press(step.text, item.ref),
    }
    return actions[step.what]


def _found(step: Do, items: Sequence[Item]) -> Item | None:
    begun = not step.near
    for item in items:
        if not begun and step.near in item.name:
            begun = True
        if begun and item.ref and item.role == step.role and item.name == step.name:
            return item
    return None
