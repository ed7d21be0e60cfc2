r"""prm_gym/PythonTool-v0: problems that want a computation, solved with a Python tool in several turns.

    env = gym.make("prm_gym/PythonTool-v0", difficulty=3)

Find the sum of all integers n with 2500 <= n <= 2900 that have exactly 6 positive divisors, 1 and n included.

{"name": "python", "arguments": {"code": "counts = {n: sum(n % d == 0 for d in range(1, n + 1)) for n in range(2500, 2901)}\nlen(counts)"}}     401
{"name": "python", "arguments": {"code": "sum(n for n, count in counts.items() if count == 6)"}}                                              83912
{"name": "answer", "arguments": {"text": "83912"}}
"""

import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Unpack, cast

import msgspec

from prm_gym.answers import grade
from prm_gym.claims import FinalAnswer, Json
from prm_gym.claims.tool_run import RunStatus
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.envs.tools.ledger import Ledger
from prm_gym.envs.tools.python_problems import FAMILIES, LEVELS, generate
from prm_gym.envs.tools.python_runner import KEPT_BYTES, Cell, PythonRunner, Result
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, SandboxError, UnknownNameError, WorkerError
from prm_gym.options import StepOptions, require_difficulty
from prm_gym.problem_files import BadRows, Fields, load_problems
from prm_gym.sandbox import SESSION_ENDED, Limits, Run
from prm_gym.sandbox.visible import PACKAGES
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, ToolCall, Unreadable, call_text, described, required_call
from prm_gym.transition import Situation, Transition

SHOWN = 4_000  # characters of what a cell prints
TRACEBACK_LINES = 6
TRACEBACK_LENGTH = 1_000
MOST_SECONDS = 60.0  # of a call, and of the cells of a session together
UNCHANGED, EMPTY = "The session is as it was before this call.", "The session is empty."
SLACK = 0.5  # seconds by which a session may take longer when it runs again

_QUOTED = re.compile(r"""(['"])([^'"\n]+)\1""")
_TEXT = {"type": "string", "pattern": r"\S"}
_ANSWER = Tool("answer", "Gives the final answer, and ends the task.", {"text": {**_TEXT, "description": "the answer alone, such as 42 or 3/7"}})
_INSTRUCTIONS = """\
Solve the problem. Compute with the tool python, then call the tool answer. Each step is one call, written as JSON: {example}
A call of python may take {seconds:g} seconds and {memory} MiB of memory. There is no network, and no file but those that it writes into its own folder. It can
import {libraries}. The tools:
{tools}"""
_WHAT_A_CELL_IS = {
    True: "Runs a cell of Python in a session: names that earlier cells have defined are there.",
    False: "Runs a program of Python on its own: nothing of earlier calls is there.",
}


class PythonToolEnv(StepEnv):
    """Solve a problem with a Python tool.

    Tasks come from `prm_gym.envs.tools.python_problems` (24 families: number theory, combinatorics, dynamic programming, simulations, texts, graphs,
    statistics, dates, linear algebra), or from `tasks`, as in MathDataset-v0.

    Action: one call of a tool, in a form of `prm_gym.tools`. `python(code)` runs code in the sandbox; the value of a last expression is printed, as in a
    notebook. `answer(text)` ends the episode. Any other text is no step: it changes nothing, claims `Malformed`, and is answered with "Error: ...".
    Observation: first the problem; then what the last call printed, at most 4,000 characters, cut in the middle with a mark; for a run that failed "Error: ",
    its reason, the end of the traceback, and what was printed before that.

    With `stateful=True` the cells of an episode are a session. It is kept as its sources: earlier cells run again first, without output, in a fresh process,
    so that a snapshot holds all of it. A cell that raised stands with what it did up to there; one that was killed (time, memory, output, a crash) or that
    leaves by `os._exit` leaves no trace. Files that cells write are written again with them. Seeds, hashes and addresses are the same whenever a session and
    a call are the same; the time and `os.urandom` are not, so that a cell that reads them holds another value each time it runs again. All cells of a session
    may take 60 seconds together, and a call takes as long as they and itself. A kept cell that ends the process when it runs again is taken out, and that is
    said; one that hangs or takes too much then makes every later call fail, until `python(code, reset=true)` empties the session first. With
    `stateful=False` every call runs alone.
    Whether a program came to its end is what its process says: code that forges it, or its output, deceives its own session, and no grader.

    Claims of a call: `ToolRun`, for the verifier `tool_run`: how the run ended, whether it repeats an earlier one, and what it uses of earlier calls. The
    credit of a result goes to the call that uses it, when it does so, and once; so what is claimed of a step is known at that step. Claims of an answer:
    `FinalAnswer`, and `AnswerSupport`, which says whether a run produced the answer. An answer without a run is allowed.
    Outcome: 1 when `prm_gym.answers.grade` finds the answer correct, else 0, and 0 at the step limit.
    An answer may stand in the quotation marks in which a notebook shows a text.
    state_key: the problem, the cells of the session, and the latest observation of a call that could be read.
    Candidates: none; programs cannot be listed.
    `reset(options={"task_index": i})` chooses task i of the file.

    In a batch, the programs of all environments run side by side before the environments advance (`prepare`); the results are the same.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("tool_run", "equivalence")
    default_max_steps: ClassVar[int] = 12
    constant_action: ClassVar[str | None] = call_text("answer", text="144")  # right in 1 of 270 tasks of difficulty 1, and in fewer of the others

    def __init__(
        self,
        *,
        stateful: bool = True,
        difficulty: int = 2,
        families: Sequence[str] = (),
        tasks: str | Path | Sequence[str | Path] | None = None,
        fields: Mapping[str, str] | None = None,
        bad_rows: BadRows = "error",
        seconds: float = 5.0,
        memory_mb: int = 256,
        **options: Unpack[StepOptions],
    ) -> None:
        """Choose problems and limits.

        Args:
            stateful: whether cells see what earlier cells have defined.
            difficulty: 1 to 5, of generated problems.
            families: of generated problems, names out of `FAMILIES`; all of them when empty.
            tasks: a file or data set of problems, or a list of them; see `prm_gym.problem_files.load_problems`.
            fields: names of columns that are not the usual ones.
            bad_rows: "error", or "skip" to leave out rows without question or answer; `skipped_rows` then says which.
            seconds: that one call may take, at most 60; what the cells of its session take is added, and half a second, as they run again.
            memory_mb: MiB that the process of a call may use beyond the interpreter.
            **options: see `StepOptions`.

        Raises:
            OptionError: a value out of range, or tasks that cannot be read.
            MissingExtraError: a kind of file whose package is not installed.
        """
        require_difficulty(difficulty, LEVELS)
        if isinstance(families, str) or not isinstance(families, Sequence):
            raise OptionError(f"families is a list of names, got {families!r}")
        for family in families:
            if family not in FAMILIES:
                raise OptionError(str(UnknownNameError("family of problems", family, FAMILIES)))
        if families and tasks is not None:
            raise OptionError("families are of generated problems: give them, or tasks")
        for name in fields or {}:
            if name not in Fields.__slots__:
                raise OptionError(str(UnknownNameError("field of a problem", name, Fields.__slots__)))
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= MOST_SECONDS:
            raise OptionError(f"seconds is a number in (0, {MOST_SECONDS:g}], got {seconds!r}")
        super().__init__(**options)
        self.stateful, self.difficulty, self.families = bool(stateful), difficulty, tuple(families) or tuple(FAMILIES)
        self.limits = Limits(wall_seconds=float(seconds), memory_mb=memory_mb, kept_bytes=KEPT_BYTES)
        loaded = None if tasks is None else load_problems(tasks, Fields(**(fields or {})), bad_rows)
        self.problems = () if loaded is None else loaded.problems
        self.skipped_rows = () if loaded is None else loaded.skipped
        self._runner = PythonRunner()
        self._session: list[str] = []
        self._session_seconds = 0.0
        self._ledger = Ledger()
        self._prepared: tuple[Cell, Result] | None = None
        arguments: dict[str, Any] = {"code": {**_TEXT, "description": "Python source; what it prints, and the value of a last expression, is shown"}}
        if self.stateful:
            arguments["reset"] = {"type": "boolean", "description": "true to empty the session first; false if left out"}
        self._tools = (Tool("python", _WHAT_A_CELL_IS[self.stateful], arguments, optional=tuple(arguments)[1:]), _ANSWER)
        self._instructions = _INSTRUCTIONS.format(
            example=call_text("python", code="print(6 * 7)"),
            seconds=self.limits.wall_seconds,
            memory=memory_mb,
            libraries=", ".join(["the standard library", *(name for name in PACKAGES if find_spec(name) is not None)]),
            tools=described(self._tools),
        )

    @property
    def tools(self) -> tuple[Tool, ...]:
        """`python` and `answer`."""
        return self._tools

    @property
    def task_count(self) -> int | None:
        """How many problems the files hold; None without one."""
        return len(self.problems) or None

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a problem, or take the one that `options["task_index"]` names."""
        index = self.choose_task(options)
        facts: dict[str, str | int | float]
        if index is None:
            family, problem = generate(int(self.np_random.integers(1 << 62)), self.difficulty, self.families)
            question, gold, cells = problem.question, problem.gold, list(problem.cells)
            facts = {"family": family, "difficulty": self.difficulty}
        else:
            row = self.problems[index]
            question, gold, cells, facts = row.question, row.gold, [], {**row.facts, "task_index": index}
        key, sealed = content_key("PythonTool-v0", question), {"gold": gold, "cells": cells}
        task = Task(key=key, instructions=self._instructions, question=question, sealed=sealed, metadata=facts)
        self._session, self._session_seconds, self._ledger, self._prepared = [], 0.0, Ledger(), None
        return task, Situation(observation=question, state_key=content_key(task.key))

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """Run the programs of a batch side by side, and keep the results for `advance`."""
        wanted: list[tuple[PythonToolEnv, Cell]] = []
        for env, action in zip(cast("Sequence[PythonToolEnv]", envs), actions, strict=True):
            call = required_call(action, env.tools) if len(action) <= ACTION_LENGTH else None
            if isinstance(call, ToolCall) and call.name == "python":
                wanted.append((env, env._cell(call)))
        if len(wanted) < 2:
            return
        try:
            results = wanted[0][0]._runner.run_all([cell for _, cell in wanted])
        except SandboxError:  # each environment tries again on its own, and says what is wrong
            return
        for (env, cell), result in zip(wanted, results, strict=True):
            env._prepared = cell, result

    def advance(self, action: str) -> Transition:
        """Run a cell, or end with an answer.

        Raises:
            EnvironmentFault: the sandbox or the grader failed.
            SandboxError: the machine has no sandbox that is good enough.
        """
        prepared, self._prepared = self._prepared, None
        call = required_call(action, self.tools)
        if isinstance(call, Unreadable):
            return self.malformed(call.reason)
        if call.name == "answer":
            return self._answer(str(call.arguments["text"]))
        cell = self._cell(call)
        if call.arguments.get("reset"):
            self._session, self._session_seconds = [], 0.0
            self._ledger.forget_names()
        kept = len(self._session)
        result = prepared[1] if prepared is not None and prepared[0] == cell else self._run(cell)
        run = self._settled(result.run)
        shown = _cut(run.stdout)
        stands = self.stateful and run.status in ("ok", "exception")
        claim = self._ledger.note(cell.code, result.inspection, cast("RunStatus", run.status), run.error, shown, stands=stands, question=self.task.question)
        if stands:
            self._session.append(cell.code)
            self._session_seconds = max(self._session_seconds, run.wall_seconds)
        unchanged = self.stateful and len(self._session) == kept
        observation = (shown or "(no output)") if run.status == "ok" else _told(run, shown, (UNCHANGED if kept else EMPTY) if unchanged else "")
        key = content_key(self.task.key, str(len(self._session)), *self._session, observation)
        return Transition(situation=Situation(observation=observation, state_key=key), claims=(claim,))

    def _settled(self, run: Run) -> Run:
        """The run of a cell as it counts for the session; a cell that breaks the session is taken out of it.

        Raises:
            EnvironmentFault: the sandbox failed.
        """
        if run.status == "fault":
            raise EnvironmentFault(run.error)
        if run.status == "timeout":  # the limit itself depends on how long the session took
            return msgspec.structs.replace(run, error=f"it took more than {self.limits.wall_seconds:g} seconds")
        if run.status == "crash" and self._session and run.error.startswith(SESSION_ENDED):
            place = self._broken()
            del self._session[place]
            error = f"cell {place + 1} of the session ended the process when it ran again; it is taken out, and this call has not run: make it again"
            return msgspec.structs.replace(run, error=error, stdout="")
        if run.status not in ("ok", "exception"):
            return run
        if not run.finished:
            error = "the program left without coming to its end"
            if self.stateful:
                error = "the program left the session without coming to its end; it leaves no trace in the session"
            return msgspec.structs.replace(run, status="crash", error=error)
        if self.stateful and run.wall_seconds > MOST_SECONDS:
            error = f"the cells of the session take more than {MOST_SECONDS:g} seconds together; this one leaves no trace in the session"
            return msgspec.structs.replace(run, status="timeout", error=error)
        return run if run.status == "ok" else msgspec.structs.replace(run, error=_raised(run))

    def _broken(self) -> int:
        """The place of the cell that breaks the session.

        Raises:
            EnvironmentFault: the sandbox failed.
        """
        try:
            return self._runner.breaker(self._session, self._limits(self._session_seconds))
        except SandboxError as error:
            raise EnvironmentFault(str(error)) from error

    def save_state(self) -> Json:
        """The cells of the session, how long they took, and what they left behind."""
        return {"session": list(self._session), "seconds": self._session_seconds, "ledger": msgspec.to_builtins(self._ledger)}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._session, self._session_seconds = list(state["session"]), state["seconds"]
        self._ledger = msgspec.convert(state["ledger"], Ledger)
        self._prepared = None

    def solution(self) -> list[str]:
        """The cells of a generated problem (as one program where there is no session), and the answer; for a problem of a file, the answer alone.

        Raises:
            ContractError: the gold answer of the file is not graded correct.
        """
        gold, cells = self.task.sealed["gold"], self.task.sealed["cells"]
        if not cells and grade(gold, gold, self.task.question).verdict != "correct":
            raise ContractError(f"the gold answer {gold[:80]!r} is not graded correct; take the row out, or mend its answer")
        programs = cells if self.stateful else ["\n".join(cells)] if cells else []
        return [*(call_text("python", code=code) for code in programs), call_text("answer", text=gold)]

    def _cell(self, call: ToolCall) -> Cell:
        code = str(call.arguments["code"])
        if call.arguments.get("reset") or not self._session:
            return Cell(code, (), self.limits)
        return Cell(code, tuple(self._session), self._limits(self._session_seconds))

    def _limits(self, session_seconds: float) -> Limits:
        """Those of a call, with the time that a session takes to run again."""
        replayed = min(session_seconds, MOST_SECONDS) + SLACK
        return msgspec.structs.replace(self.limits, wall_seconds=self.limits.wall_seconds + replayed)

    def _run(self, cell: Cell) -> Result:
        _ = self._runner.tier  # where there has never been a sandbox, no episode can be played
        try:
            return self._runner.run_all([cell])[0]
        except SandboxError as error:
            raise EnvironmentFault(str(error)) from error

    def _answer(self, text: str) -> Transition:
        gold, question = self.task.sealed["gold"], self.task.question
        quoted = _QUOTED.fullmatch(text.strip())
        text = quoted[2] if quoted else text
        try:
            graded = grade(text, gold, question)
        except WorkerError as error:
            raise EnvironmentFault(str(error)) from error
        claims = FinalAnswer(text, gold, question), self._ledger.support(text)
        situation = Situation(observation="The answer has been given.", state_key=content_key(self.situation.state_key, "answered", text))
        return Transition(situation=situation, claims=claims, terminated=True, outcome=float(graded.verdict == "correct"))


def _cut(text: str) -> str:
    """The text without blanks at its end; the middle of a long one left out."""
    text = text.rstrip()
    if len(text) <= SHOWN:
        return text
    half = SHOWN // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"


def _told(run: Run, shown: str, ending: str) -> str:
    """What is said of a run that failed."""
    lines = run.stderr.rstrip().splitlines()
    if lines and lines[-1].strip() == run.error.strip():
        lines.pop()
    parts = [f"Error: {run.error or run.status}", "\n".join(lines[-TRACEBACK_LINES:])[-TRACEBACK_LENGTH:] if run.status == "exception" else ""]
    parts += [ending, f"Printed before that:\n{shown}" if shown else ""]
    return "\n".join(part for part in parts if part)


def _raised(run: Run) -> str:
    """The last line of the traceback; of a group of exceptions, that of the group itself."""
    if not run.error.strip().startswith("+--"):
        return run.error
    lines = run.stderr.splitlines()
    first = next((place for place, line in enumerate(lines) if line.lstrip().startswith("+-+--")), 0)
    return lines[first - 1].strip().removeprefix("|").strip()[:300] if first else run.error
