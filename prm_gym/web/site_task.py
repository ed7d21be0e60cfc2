"""Tasks on sites of somebody else: what is asked in words, and functions of the user's own that say how far it has come.

def paid(facts):                                       # facts.url, .title, .items, .visited, .answer, .shows(text), .state()
    return facts.state()["orders"] == 1                # True, False, or None where it cannot be told

TASKS = [
    SiteTask(
        wish="Buy the cheapest blue mug.",
        check=paid,
        milestones={"found the mug": lambda facts: "/mugs/7" in facts.url, "in the cart": lambda facts: facts.state()["cart"] == [7]},
        state=lambda: read_my_database(),
        setup=reset_my_server,
        phrases=("blue mug",),
    )
]
"""

import importlib
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar, cast

import msgspec
import numpy as np

from prm_gym.claims import Json
from prm_gym.errors import EnvironmentFault, OptionError
from prm_gym.web.observation import Item

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a predicate is told. What a page says can be put there by whoever may write on it; what `state` gives cannot.

    Attributes:
        url: address of the page that is seen.
        title: of the page.
        items: what is seen of it.
        visited: the addresses that were seen in the episode, in order, each once; the present one among them.
        answer: what the agent answered; empty before it ends the episode.
        known: what the task's `state` gave after the step; None where the task has none.
    """

    url: str
    title: str
    items: tuple[Item, ...]
    visited: tuple[str, ...] = ()
    answer: str = ""
    known: Json = None

    def state(self) -> Any:
        """What the task's `state` gave after the step."""
        return self.known

    def shows(self, text: str) -> bool:
        """Whether a name, a line or a field of the page holds a text."""
        return any(text in item.name or (item.value is not None and text in item.value) for item in self.items)


Predicate: TypeAlias = Callable[[PageFacts], bool | None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SiteTask:
    """A task on a site. Its functions are the user's own code, and trusted; `SiteEnv` says when they are called, and what becomes of it when they fail.

    Attributes:
        wish: what is asked, in words.
        start: address of the first page; the environment's own where it is empty.
        check: whether the task is done, asked when the agent answers.
        answers: right answers, any one of which will do, where something is asked; with `check` too, both have to hold.
        milestones: by name, what is reached on the way; each counts once, when it first holds after a step, and not where it holds at the beginning.
        state: gives what the server knows, as JSON values: rows, a version, a cart. Called after each step.
        setup: brings the server to the beginning of the task; called before the first page is opened.
        teardown: called when the task is over: before the next one, and at the end.
        phrases: texts that may be typed, for agents that choose among listed actions.
        solution: actions that do the task, as an agent writes them; None where none is known.
    """

    wish: str
    start: str = ""
    check: Predicate | None = None
    answers: tuple[str, ...] = ()
    milestones: Mapping[str, Predicate] = field(default_factory=dict[str, Predicate])
    state: Callable[[], Json] | None = None
    setup: Callable[[], object] | None = None
    teardown: Callable[[], object] | None = None
    phrases: tuple[str, ...] = ()
    solution: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what is no task.

        Raises:
            OptionError: there is no wish, or nothing says when it is fulfilled, or a function is none.
        """
        if not isinstance(self.wish, str) or not self.wish.strip():
            raise OptionError(f"a task has a wish in words, got {self.wish!r}")
        if self.check is None and not self.answers:
            raise OptionError(f"nothing says when the task {self.wish[:60]!r} is done: give it check=..., or answers=(...)")
        for name in ("answers", "phrases", "solution"):
            texts = getattr(self, name)
            if isinstance(texts, str) or not all(isinstance(text, str) for text in texts or ()):
                raise OptionError(f"{name} of the task {self.wish[:60]!r} are several texts, got {texts!r}")
        given = {"check": self.check, "state": self.state, "setup": self.setup, "teardown": self.teardown, **self.milestones}
        for name, function in given.items():
            if function is not None and not callable(function):
                raise OptionError(f"{name} of the task {self.wish[:60]!r} is a function, got {function!r}")

    def __repr__(self) -> str:
        """Without the answers."""
        return f"SiteTask({self.wish!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "SiteTask":
        """Itself: copies of its functions would be bound to copies of the user's server."""
        return self


def load_site_tasks(tasks: str | Sequence[SiteTask]) -> tuple[SiteTask, ...]:
    """The tasks of a list, or of the list that "package.module:NAME" names.

    Raises:
        OptionError: there is no such list, or it holds something else, or nothing.
    """
    found: Any = tasks
    if isinstance(tasks, str):
        module, _, name = tasks.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise OptionError(f"the tasks {tasks!r} cannot be imported: {error}") from error
    if not isinstance(found, Sequence) or not found or not all(isinstance(task, SiteTask) for task in cast("Sequence[Any]", found)):
        raise OptionError(f"tasks are a list of at least one SiteTask, or the name of one as 'package.module:TASKS', got {str(tasks)[:80]!r}")
    return tuple(cast("Sequence[SiteTask]", found))


class Asker:
    """Calls functions of the user, one after the other, in a thread of its own, and does not wait for ever."""

    def __init__(self, deadline: float | None) -> None:
        """Prepare one.

        Args:
            deadline: seconds that a call may take; None calls in the thread of the caller, and waits as long as it takes.
        """
        self.deadline = deadline
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] | None = None
        self._process = 0  # in which the thread runs

    def ask(self, name: str, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """What a function gives.

        Args:
            name: for the message.
            function: of the user.
            *arguments: for it.

        Raises:
            EnvironmentFault: it raises, or does not end in time; the thread that it hangs in is left to it.
        """
        future: Future[_Result] = Future()
        if self.deadline is None:
            _call(lambda: function(*arguments), future)
        else:
            if self._calls is None or self._process != os.getpid():
                self._calls, self._process = queue.SimpleQueue(), os.getpid()
                threading.Thread(target=_serve, args=(self._calls,), name="prm_gym site task", daemon=True).start()
            self._calls.put((lambda: function(*arguments), future))
        try:
            return future.result(self.deadline)
        except EnvironmentFault:
            raise
        except Exception as error:  # whatever the code of somebody else raises
            if not future.done():
                self.close()
                raise EnvironmentFault(f"{name} of the task did not end within {self.deadline:g} s") from None
            raise EnvironmentFault(f"{name} of the task raised {type(error).__name__}: {error}") from error

    def state_of(self, task: SiteTask) -> Json:
        """What the server knows.

        Raises:
            EnvironmentFault: it is no JSON value, or cannot be had.
        """
        if task.state is None:
            return None
        given = self.ask("state", task.state)
        try:
            return msgspec.json.decode(msgspec.json.encode(given, order="deterministic"))
        except (TypeError, ValueError, RecursionError) as error:
            raise EnvironmentFault(f"state of the task gives JSON values: {error}") from error

    def holds(self, name: str, predicate: Predicate, facts: PageFacts) -> bool | None:
        """What a predicate says; None where it cannot tell.

        Raises:
            EnvironmentFault: it fails, or says something else.
        """
        given: Any = self.ask(name, predicate, facts)
        said: Any = cast("Any", given).item() if isinstance(given, np.generic) else given
        if said is None or (isinstance(said, int) and said in (0, 1)):
            return None if said is None else bool(said)
        raise EnvironmentFault(f"{name} of the task says True, False, or None where it cannot tell; not {given!r}")

    def close(self) -> None:
        """Let the thread end."""
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None

    def __del__(self) -> None:
        """Let the thread end with its owner."""
        self.close()


def _serve(calls: "queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]") -> None:
    while (call := calls.get()) is not None:
        _call(*call)


def _call(function: Callable[[], Any], future: "Future[Any]") -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # the caller is told
        future.set_exception(error)
