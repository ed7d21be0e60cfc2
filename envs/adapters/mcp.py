"""prm_gym/MCP-v0: the tools of any server of the Model Context Protocol, with a task and a predicate of one's own.

    gym.make("prm_gym/MCP-v0")                              # the demonstration server, a storeroom, with generated tasks
    gym.make("prm_gym/MCP-v0", server=["uvx", "some-server"], tasks="tasks.jsonl", predicate="my_package.checks:done")

A server of one's own, a task, and a predicate that looks into the server when the agent has called `finish`:

    def done(view):                                         # view.task, view.answer, view.transcript, view.call
        return float("call Ada" not in view.call("list_notes", {}).text)

    tasks = [{"question": "Delete the note about Ada.", "solution": [{"name": "delete_note", "arguments": {"id": 2}}]}]
    env = gym.make("prm_gym/MCP-v0", server=["python", "notes_server.py"], tasks=tasks, predicate=done)
    env = gym.make("prm_gym/MCP-v0", server="http://127.0.0.1:8000/mcp", tasks=tasks, predicate=done)

A command is started for each environment that plays, and anew for each episode; a server at an address keeps what was done: let `setup` put it back.

Source: the Model Context Protocol (https://modelcontextprotocol.io), through its official SDK for Python.
"""

import copy
import importlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, cast

import msgspec
import numpy as np

from prm_gym.claims import Json, PastCall, ToolUse
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.envs.adapters.mcp_tasks import DEMO, DEMO_HIDDEN, DEMO_PREDICATE, Given, PastReply, Predicate, ServerView, demo_task, load_tasks
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.mcp import ListedTool, McpServer, McpSession, Reply, ServerGoneError, ServerHangsError, require_sdk
from prm_gym.mcp.pool import Lease
from prm_gym.mcp.server import server_of
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, ToolCall, Unreadable, call_text, described, required_call
from prm_gym.transition import Situation, Transition

ANSWER_LENGTH = 10_000
MOST_THREADS = 64


class _NotRepeatedError(EnvironmentFault):
    """A server that the agent brought down answers repeated calls in another way."""


class McpEnv(StepEnv):
    """Do a task with the tools of a server.

    Observation: the question at first, then what the tool answered, cut and marked beyond `result_length` characters; images and other data are described.

    Action: one call of a tool of the server, or of the tool that ends the episode, `finish(answer)` (see `prm_gym.tools`). What is no call, calls a tool that
    there is not, or has arguments that do not fit its schema changes nothing and is claimed `Malformed`. A call that the server refuses, or on which it
    hangs or dies, is a step whose observation begins with "Error: ". Of a schema, what cannot be checked without danger (patterns, references elsewhere) is
    left to the server.

    Claim of a call: `ToolUse`. The default verifier `tool_use` says whether it failed or repeats what was done; what brings the task forward it cannot know.

    Outcome: what the predicate says when the agent calls `finish`; 0 at the step limit. The predicate is called with a `ServerView`: the task, the answer, the
    transcript (all copies), and `call` to look into the server. It gives a number in [0, 1], or None where it cannot tell: then the episode is invalid. What it
    raises is a `ContractError`, which names it.

    **When the server hangs or dies** is seen of the process, the pipes and HTTP; an error that the server answers is never taken for it, whatever its code. A
    call on which a server hangs, or a command dies, is the agent's: the step is a failed one, the effect of the call is not known, and the episode ends there
    with outcome 0 (and is valid), so that nobody gets rid of an episode by it. With `replay`, a command is started anew, the calls so far are made again, and
    the episode goes on; if the server then answers them in another way, it ends with outcome 0. What no agent does makes the episode invalid
    (`info["valid"]` is False): a server that does not start, that has died between two calls, or an address that cannot be reached or has lost the session.

    **What a server keeps** on disk or elsewhere outlives its process and its session: to put it back is the task's, in `setup`. `replay` makes calls twice:
    allow it for servers whose state begins anew with the process or with `setup`, and never where a call pays somebody.

    **Snapshots** need `replay` as well: a live server cannot be saved, but one that begins in the same state and answers the same calls in the same way can be
    brought back there. Without it, `snapshot` raises. Calls of tools that the server marks as reading alone are repeated too.

    state_key: the task, the calls so far with their answers, without those of tools that are marked as reading alone, and the last answer.

    In a vector environment and in rollouts the calls of a step are made side by side, as far as none ends its episode.

    A session is the environment's own. It ends with `close`, with the environment and with the process, however that ends. With `reuse`, for servers that the
    task's `setup` calls bring back to their beginning whatever was done before, it is given to another environment instead, if one comes within five seconds.
    A server at an address may be shared by many: give each environment one of its own where tasks change what is there.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("tool_use",)
    default_max_steps: ClassVar[int] = 24

    def __init__(
        self,
        *,
        server: McpServer | str | Sequence[str] | None = None,
        tasks: str | Path | Sequence[Mapping[str, Any]] | None = None,
        predicate: str | Predicate | None = None,
        hidden: Sequence[str] = (),
        end: str = "finish",
        replay: bool | None = None,
        reuse: bool = False,
        **options: Any,
    ) -> None:
        """Choose the server and the tasks. A session begins with the first `reset`, or when somebody asks for `tools`, and says what the tools are.

        Args:
            server: a command as a list, an address, or a `McpServer` with its limits; None for the demonstration server.
            tasks: a file, or a list of them (see `mcp_tasks`); given with `server`.
            predicate: decides the outcome: a callable, or "package.module:function"; given with `server`.
            hidden: tools of the server that agents are not shown.
            end: name of the tool that ends the episode.
            replay: calls may be repeated on a server that begins anew; False unless given, but for the demonstration server.
            reuse: the `setup` of every task brings the server back to its beginning; refused where a task has none.
            **options: see `StepOptions`.

        Raises:
            OptionError: an option out of range. What does not fit the tools of the server (`hidden`, `end`, or a `setup` or `solution` that calls a tool which
                it has not) is found when the session begins.
            MissingExtraError: the SDK is not installed (`pip install 'prm-gym[mcp]'`).
        """
        super().__init__(**options)
        if server is None and (tasks is not None or predicate is not None):
            raise OptionError("tasks and predicate belong to a server of yours: give it too")
        if server is not None and (tasks is None or predicate is None):
            raise OptionError("a server of yours needs tasks=... (what is to be done) and predicate=... (whether it is done)")
        require_sdk()
        self.server = DEMO if server is None else server_of(server)
        self._tasks = None if tasks is None else load_tasks(tasks)
        self._predicate = _predicate(predicate or DEMO_PREDICATE)
        self.replay = server is None if replay is None else replay
        self.reuse = reuse or server is None
        if self.reuse and not all(given.setup for given in self._tasks or ()):
            raise OptionError("reuse=True hands the server on as it was left: every task needs a 'setup' that brings it back to its beginning")
        self._lease = Lease(self, self.server, self.reuse)
        self._hidden = frozenset(hidden if server is not None else DEMO_HIDDEN)
        self._known: dict[str, ListedTool] | None = None  # tools of the server that are shown, by the names that agents read
        self._finish = Tool(
            end, "Ends the task.", {"answer": {"type": "string", "maxLength": ANSWER_LENGTH, "description": "If one is asked for."}}, ("answer",)
        )
        self._transcript: list[PastReply] = []
        self._made: list[str] | None = None  # keys of the calls that the session has behind it, setup and all; None for a session that is not set up
        self._broken = False  # a call of the agent has brought the server down in this episode
        self._looked = False  # the predicate has been called
        self._prepared: tuple[str, Future[Transition]] | None = None  # an action, and what came of it

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the session, which cannot leave the process."""
        return {**{name: value for name, value in self.__dict__.items() if name != "_lease"}, "_made": None, "_prepared": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._lease = Lease(self, self.server, self.reuse)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools of the server that are not hidden, and the one that ends the episode; begins a session where there was none yet.

        Raises:
            OptionError: an option names a tool that the server has not, or has given the name of one of its tools to the end.
        """
        return (*(listed.tool for listed in self._listed.values()), self._finish)

    @property
    def resets_wait(self) -> bool:
        """The first one waits for the server."""
        return True

    @property
    def task_count(self) -> int | None:
        """The number of tasks; None for the generated ones."""
        return None if self._tasks is None else len(self._tasks)

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a task, or take the one that `options["task_index"]` names. The server is set up with the first call."""
        index = self.choose_task(options)
        given = demo_task(int(self.np_random.integers(1 << 31))) if self._tasks is None else self._tasks[index or 0]
        task = self._task_of(given)
        self._begin_anew()
        self._transcript, self._broken, self._looked, self._prepared = [], False, False, None
        return task, self._situation_of(task, task.question)

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """Make the calls of a batch side by side. Ends are left to `advance`: a predicate may not bear threads."""
        wanted: list[tuple[McpEnv, str]] = []
        for env, action in zip(cast("Sequence[McpEnv]", envs), actions, strict=True):
            call = env._read(action) if len(action) <= ACTION_LENGTH else None
            if isinstance(call, ToolCall) and call.name != env._finish.name:
                wanted.append((env, action))
        if len(wanted) < 2:
            return
        with ThreadPoolExecutor(min(len(wanted), MOST_THREADS)) as threads:
            for env, action in wanted:
                env._prepared = action, threads.submit(env._take_step, action)

    def advance(self, action: str) -> Transition:
        """Call a tool, or end."""
        prepared, self._prepared = self._prepared, None
        return prepared[1].result() if prepared is not None and prepared[0] == action else self._take_step(action)

    def _read(self, action: str) -> ToolCall | Unreadable:
        return required_call(action, [*(listed.checked for listed in self._listed.values()), self._finish])

    def _take_step(self, action: str) -> Transition:
        if self._looked:
            raise ContractError("the predicate has failed in this episode; reset the environment")
        call = self._read(action)
        if isinstance(call, Unreadable):
            return self.malformed(call.reason)
        if call.name == self._finish.name:
            return self._end(call)
        listed = self._listed[call.name]
        return self._call(ToolCall(listed.name, call.arguments), listed)

    def save_state(self) -> Json:
        """The calls so far and what was answered.

        Raises:
            ContractError: without `replay`.
        """
        if not self.replay:
            raise ContractError("the state of a live MCP server cannot be saved; replay=True repeats the calls, for servers that begin in the same state")
        return [[past.call.name, past.call.arguments, past.reply.text, past.reply.failed] for past in self._transcript]

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave; the calls are repeated with the next call."""
        self._broken = self._looked = False
        self._prepared = None
        self._transcript = [PastReply(ToolCall(name, arguments), Reply(text, failed)) for name, arguments, text, failed in state]
        if not self._on_the_way():
            self._begin_anew()

    def solution(self) -> list[str]:
        """The calls of the task's solution, and the end.

        Raises:
            ContractError: the task gives none.
        """
        calls = self.task.sealed["solution"]
        if calls is None:
            raise ContractError("this task gives no solution; put the calls that do it under 'solution'")
        shown: dict[str, str] = {listed.name: name for name, listed in self._listed.items()}
        return [*(call_text(shown.get(str(call["name"]), str(call["name"])), **call["arguments"]) for call in calls), call_text(self._finish.name)]

    def close(self) -> None:
        """Give back or end the session, and close the verifiers."""
        super().close()
        self._lease.end()
        self._made = None

    # The server.

    @property
    def _listed(self) -> dict[str, ListedTool]:
        if self._known is None:
            self._known = self._fitting(self._lease.take().tools)
        return self._known

    def _fitting(self, listed: Sequence[ListedTool]) -> dict[str, ListedTool]:
        """The tools that agents are shown, if the options fit those that there are."""
        called = {"hidden": self._hidden, "setup": {call.name for given in self._tasks or () for call in given.setup}}
        called["solution"] = {call.name for given in self._tasks or () for call in given.solution or ()}
        names = {tool.name for tool in listed}
        shown = {tool.tool.name: tool for tool in listed if tool.name not in self._hidden}
        wrong = [f"{field} names tools that the server does not have: {', '.join(sorted(odd))}" for field, said in called.items() if (odd := said - names)]
        if self._finish.name in shown:
            wrong.append(f"the server has a tool {self._finish.name!r}: give another name for the one that ends the episode, end=...")
        if wrong:
            self._lease.end()
            raise OptionError("; ".join(wrong))
        return shown

    def _call(self, call: ToolCall, listed: ListedTool) -> Transition:
        lost, reply = "", Reply("")
        try:
            session = self._brought_here()
        except _NotRepeatedError:
            return self._given_up(call, "the server, which had to be started again, does not answer the calls before as it did")
        try:
            reply = session.call(call.name, call.arguments)
        except ServerHangsError:
            lost = f"timed out after {self.server.deadline:g} seconds"
        except ServerGoneError:
            if not self.server.command:
                raise
            lost = "the server ended during the call"
        if lost and not self.replay:
            return self._given_up(call, f"{lost}; its effect is unknown, and the episode ends here")
        past = self._calls_before()
        if lost:
            self._broken = True
            self._begin_anew()
            reply = Reply(f"{lost}; its effect is unknown; the server was started again, and the calls before it repeated", failed=True)
        else:
            self._transcript.append(PastReply(call, Reply(reply.text, reply.failed)))
            self._made = [*(self._made or []), call.key]
        claim = ToolUse(PastCall(call.key, content_key(reply.text)), past, reply.failed, listed.reads, idempotent=listed.idempotent)
        observation = _failure(reply.text, call.name) if reply.failed else reply.text
        return Transition(situation=self._situation_of(self.task, observation or "(the tool answered nothing)"), claims=(claim,))

    def _calls_before(self) -> tuple[PastCall, ...]:
        return tuple(PastCall(past.call.key, content_key(past.reply.text)) for past in self._transcript)

    def _given_up(self, call: ToolCall, reason: str) -> Transition:
        """The end of an episode in which the agent has brought the server down."""
        situation = Situation(observation=f"Error: {reason}", state_key=content_key(self.situation.state_key, "given up", call.key))
        claim = ToolUse(PastCall(call.key, ""), self._calls_before(), failed=True, outcome=0.0)
        return Transition(situation=situation, claims=(claim,), terminated=True, outcome=0.0)

    def _end(self, call: ToolCall) -> Transition:
        try:
            session = self._brought_here()
        except _NotRepeatedError:
            return self._given_up(call, "the server, which had to be started again, does not answer the calls before as it did")
        answer = str(call.arguments.get("answer", ""))
        outcome = self._outcome(session, answer)
        claim = ToolUse(PastCall(call.key, ""), self._calls_before(), outcome=outcome)
        situation = Situation(observation="The task has been ended.", state_key=content_key(self.situation.state_key, "ended", answer))
        return Transition(situation=situation, claims=(claim,), terminated=True, outcome=outcome)

    def _outcome(self, session: McpSession, answer: str) -> float:
        """What the predicate says, as a number in [0, 1]."""
        self._made, self._looked = ["(a predicate has looked)"], True
        task = msgspec.structs.replace(self.task, sealed=copy.deepcopy(self.task.sealed))
        view = ServerView(task, answer, copy.deepcopy(tuple(self._transcript)), session.call)
        name = getattr(self._predicate, "__qualname__", repr(self._predicate))
        try:
            given: Any = self._predicate(view)
        except EnvironmentFault:
            raise
        except Exception as error:  # whatever the code of somebody else raises
            raise ContractError(f"the predicate {name} raised {type(error).__name__}: {error}, for the task {task.question[:100]!r}") from error
        if given is None:
            raise EnvironmentFault("the predicate cannot tell whether the task is done")
        value: Any = given.item() if isinstance(given, np.generic) else given
        if not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
            raise ContractError(f"a predicate gives a number in [0, 1], or None, got {given!r} from {name} for the task {task.question[:100]!r}")
        self._looked = False
        return float(value)

    def _brought_here(self) -> McpSession:
        """The session, set up, with the calls of the transcript behind it.

        Raises:
            EnvironmentFault: the server cannot be brought there; _NotRepeatedError where it had to be because the agent brought it down.
        """
        alive = self._lease.session is not None and self._lease.session.alive
        if not alive:
            self._made = None
        if self._made is None and self._transcript and not self.replay:
            raise EnvironmentFault("the session with the server was lost, and replay=False forbids to repeat the calls")
        session = self._lease.take()
        if self._made is None:
            setup = [ToolCall(call["name"], call["arguments"]) for call in self.task.sealed["setup"]]
            for call in setup:
                reply = session.call(call.name, call.arguments)
                if reply.failed:
                    raise EnvironmentFault(f"the call {call.name} of the task's setup failed: {reply.text[:300]}")
            self._made = [call.key for call in setup]
        for past in self._transcript[len(self._made) - len(self.task.sealed["setup"]) :]:
            reply = session.call(past.call.name, past.call.arguments)
            if (reply.text, reply.failed) != (past.reply.text, past.reply.failed):
                kind = _NotRepeatedError if self._broken else EnvironmentFault
                raise kind(f"the server does not repeat itself: {past.call.name} answered otherwise than before; set replay=False")
            self._made.append(past.call.key)
        return session

    def _on_the_way(self) -> bool:
        """Whether the session has nothing behind it but the setup of this task and the first calls of the transcript."""
        keys = [*(ToolCall(call["name"], call["arguments"]).key for call in self.task.sealed["setup"]), *(past.call.key for past in self._transcript)]
        made = self._made
        return made is not None and len(made) >= len(self.task.sealed["setup"]) and keys[: len(made)] == made

    def _begin_anew(self) -> None:
        """Have the server set up before the next call: by its setup if that does it, else as a new session, if this one was used."""
        used = self._made is not None
        self._made = None
        if used and not self.reuse:
            self._lease.drop()

    # Texts.

    def _task_of(self, given: Given) -> Task:
        instructions = (
            "Do the task with the tools. Each step is one call of a tool, written as JSON:\n"
            f'    {{"name": "{self.tools[0].name}", "arguments": {{...}}}}\n'
            f"When the task is done, call {self._finish.name}. The tools:\n{described(self.tools)}"
        )
        setup = [{"name": call.name, "arguments": call.arguments} for call in given.setup]
        solution = None if given.solution is None else [{"name": call.name, "arguments": call.arguments} for call in given.solution]
        return Task(
            key=content_key("MCP-v0", self.server.url, *self.server.command, given.question, *(call.key for call in given.setup)),
            instructions=instructions,
            question=given.question,
            sealed={"setup": setup, "solution": solution, "given": given.sealed},
        )

    def _situation_of(self, task: Task, observation: str) -> Situation:
        reading = {listed.name for listed in self._listed.values() if listed.reads}
        changes = [part for past in self._transcript if past.call.name not in reading for part in (past.call.key, past.reply.text)]
        return Situation(observation=observation, state_key=content_key("mcp", task.key, observation, *changes))


def _failure(text: str, name: str) -> str:
    """What a tool says of its failure, called an error once: servers of the SDK write so before it."""
    for prefix in ("Error: ", f"Error executing tool {name}: ", "Error "):
        text = text.removeprefix(prefix)
    return f"Error: {text}"


def _predicate(given: str | Predicate) -> Predicate:
    """The callable that an option names.

    Raises:
        OptionError: it names none.
    """
    if not isinstance(given, str):
        if not callable(given):
            raise OptionError(f"a predicate is a callable or 'package.module:function', got {given!r}")
        return given
    module, _, name = given.partition(":")
    try:
        found: object = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise OptionError(f"the predicate {given!r} cannot be imported: {error}") from error
    if not callable(found):
        raise OptionError(f"the predicate {given!r} is no function")
    return cast("Predicate", found)
