"""prm_gym/BrowserGym-v0: a task of BrowserGym (MiniWoB, WebArena, WorkArena and others), run in a Python environment of its own.

BrowserGym pins an old Playwright, so it cannot share an environment with ours. Make one for it, and name its Python:

    python -m venv ENV && ENV/bin/pip install browsergym-miniwob miniwob && ENV/bin/playwright install chromium

    env = gym.make("prm_gym/BrowserGym-v0", task="browsergym/miniwob.click-test-2", python="ENV/bin/python")
    env = gym.make("prm_gym/BrowserGym-v0", task="browsergym/webarena.4", python="ENV/bin/python", variables={"WA_SHOPPING": "http://..."})

Source: de Chezelles et al. 2024, The BrowserGym Ecosystem for Web Agent Research (arXiv 2412.05467), https://github.com/ServiceNow/BrowserGym.
"""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, ClassVar

import msgspec
import numpy as np

from prm_gym.claims import Json, StateStep
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.envs.adapters.browsergym_actions import FORMS, NoCall, read_call
from prm_gym.envs.adapters.browsergym_process import WORKER, RefusedRequestError, WorkerProcess
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.options import require_candidates
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

LONGEST_PAGE = 100_000  # characters that are shown
LONGEST_ERROR = 500
STARTING = 3.0  # deadlines
MOST_THREADS = 64
_ELEMENT = re.compile(r"^\s*\[(\w+)\] (\w+)", re.MULTILINE)
_QUOTED = re.compile(r"\"([^\"\n]{1,80})\"")
_CLICKED = frozenset(("button", "link", "checkbox", "radio", "tab", "menuitem", "option", "switch", "clickable"))
_FILLED = frozenset(("textbox", "searchbox", "combobox"))


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What BrowserGym says of a step.

    Attributes:
        goal: of the task.
        text: the accessibility tree as BrowserGym flattens it, with the ids of the elements.
        cut: characters of it that are left out.
        url: address of the page.
        tabs: titles of the open tabs.
        tab: which of them is seen.
        focused: id of the element that has the focus.
        error: why the action could not be done.
        messages: who wrote, and what, since the step before.
        reward: of the step.
        raw: MiniWoB's own reward before BrowserGym maps it to 0 or 1; None for other tasks.
        terminated: the task says that the episode ends.
        truncated: BrowserGym has cut it.
    """

    goal: str
    text: str
    cut: int
    url: str
    tabs: list[str]
    tab: int
    focused: str
    error: str
    messages: list[tuple[str, str]]
    reward: float
    raw: float | None
    terminated: bool
    truncated: bool


class BrowserGymEnv(StepEnv):
    """Do a task of BrowserGym.

    Observation: the goal, the address, the open tabs, and the accessibility tree as BrowserGym flattens it, with the ids (`bid`) of the elements; before it a
    line that begins with "Error: " where an action could not be done, and the messages of the user.

    Action: one call of a function of BrowserGym, such as `click('a46')`, read by a grammar of our own (`browsergym_actions`); nothing else reaches BrowserGym,
    which executes what it is given. Functions that read files are not offered, and `goto` takes http and https alone.

    Claims: `StateStep` without a goal, so that `state` abstains on what it cannot know; the step that ends the episode is judged by the outcome.

    Outcome, when the task ends the episode: 1 where the sum of the rewards is at least `success`, else 0; with `success=None` that sum, in [0, 1]. MiniWoB's
    raw reward stands for the sum where there is one, because BrowserGym pays 1 for any raw reward above 0, also for wrong answers. 0 at the step limit.

    **When something goes wrong there**: a process that ends, or does not answer within its deadline, is ended with its browser, and the episode is invalid
    (`info["valid"]` False); the next one has another process. A page's errors are the agent's observation.

    **There is no wall** around these pages as around those of our own browser: what they load is BrowserGym's affair.

    **Snapshots**: with `replay=True`, for tasks that do the same again from the same seed, `restore` takes the steps again; else `snapshot` raises.

    state_key: the task, and what is seen; what a server behind it knows does not show.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("state",)
    default_max_steps: ClassVar[int] = 30

    def __init__(
        self,
        *,
        task: str = "",
        python: str = "",
        browsergym: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
        success: float | None = 1.0,
        deadline: float = 60.0,
        replay: bool = False,
        candidates: int = 64,
        worker: str = WORKER,
        **options: Any,
    ) -> None:
        """Start BrowserGym and make the task's environment.

        Args:
            task: its id, such as "browsergym/miniwob.click-test-2".
            python: the interpreter that has BrowserGym.
            browsergym: options of its `BrowserEnv`, JSON values: {"slow_mo": 0, "pre_observation_delay": 0.1, "task_kwargs": {...}}.
            variables: of the environment of its process: addresses of servers, MINIWOB_URL (found by itself where the package `miniwob` is there), and
                PRM_GYM_CHROMIUM, the path of a browser that is not the download of its Playwright.
            success: reward from which the outcome is 1; None for the reward itself.
            deadline: seconds that a step may take; starting, and beginning an episode, may take three times as long.
            replay: steps may be taken again to bring an episode back.
            candidates: how many actions are listed at most; >= 16, or 0 for none.
            worker: the script that runs there.
            **options: see `StepOptions`.

        Raises:
            OptionError: an option out of range, no such interpreter, or BrowserGym refuses the task.
            EnvironmentFault: its process does not start.
        """
        super().__init__(**options)
        require_candidates(candidates, least=16)
        if not re.fullmatch(r"browsergym/[\w.-]{1,200}", task):
            raise OptionError(f"task is the id of a task of BrowserGym, such as 'browsergym/miniwob.click-test-2', got {task!r}")
        if not python:
            raise OptionError("python names the interpreter that has BrowserGym: python -m venv ENV; ENV/bin/pip install browsergym-miniwob miniwob")
        if not isinstance(deadline, int | float) or not deadline > 0:
            raise OptionError(f"deadline is a number of seconds, got {deadline!r}")
        self.browsergym_task, self.python, self.worker = task, python, worker
        self.success, self.deadline, self.replay, self.candidates = success, deadline, replay, candidates
        self._variables = dict(variables or {})
        try:
            self._options: dict[str, Any] = json.loads(json.dumps(dict(browsergym or {})))
        except (TypeError, ValueError) as error:
            raise OptionError(f"browsergym=... holds JSON values: {error}") from error
        self._process: WorkerProcess | None = None
        self._told: Told | None = None
        self._earned = 0.0
        self._made: set[str] = set()
        self._ahead: tuple[str, Future[Told]] | None = None  # a call, and what came of it
        try:
            self._running_process()
        except RefusedRequestError as error:
            self.close()
            hint = f"; install it there: {python} -m pip install browsergym-{task[11:].partition('.')[0]}" if "ModuleNotFoundError" in str(error) else ""
            raise OptionError(f"BrowserGym does not make {task!r}: {error}{hint}") from error

    def __getstate__(self) -> dict[str, Any]:
        """Without the process: an environment that was sent elsewhere begins with `reset` or `restore`."""
        return {**self.__dict__, "_process": None, "_told": None, "_ahead": None, "_running": False}

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a seed, and begin."""
        if options:
            raise OptionError(f"reset takes no options here, got {sorted(options)}")
        seed = int(self.np_random.integers(1 << 31))
        told = self._begun(seed)
        instructions = f"Do in the browser what is asked. A step is one call of:\n{FORMS}\nIds of elements stand in brackets before them: click('12')."
        task = Task(key=self._task_key(seed), instructions=instructions, question=told.goal, sealed={"seed": seed}, metadata={"task": self.browsergym_task})
        return task, self._situation_of(task, told)

    def _task_key(self, seed: int) -> str:
        return content_key("BrowserGym-v0", self.browsergym_task, str(seed))

    def _begun(self, seed: int) -> Told:
        self._earned, self._made, self._ahead = 0.0, set(), None
        try:
            self._told = self._read(self._running_process().ask("reset", self.deadline * STARTING, seed=seed))
        except RefusedRequestError as error:
            raise EnvironmentFault(f"BrowserGym cannot begin an episode of {self.browsergym_task}: {error}") from error
        return self._told

    def _running_process(self) -> WorkerProcess:
        if self._process is None or not self._process.alive:
            self._process = WorkerProcess(self.python, self.worker, self._variables)
            self._process.ask("make", self.deadline * STARTING, task=self.browsergym_task, options=self._options)
        return self._process

    @staticmethod
    def _read(answer: Any) -> Told:
        try:
            return msgspec.convert(answer, Told)
        except msgspec.ValidationError as error:
            raise EnvironmentFault(f"the process of BrowserGym does not keep the protocol: {error}") from error

    def malformed(self, reason: str) -> Transition:
        """What comes of a text that is no call: the page as it is, and why."""
        transition = super().malformed(reason)
        if self._told is None:
            return transition
        observation = _observation(msgspec.structs.replace(self._told, error=reason, messages=[]))
        return msgspec.structs.replace(transition, situation=msgspec.structs.replace(self.situation, observation=observation))

    def advance(self, action: str) -> Transition:
        """Have BrowserGym do something."""
        try:
            call = read_call(action)
        except NoCall as error:
            return self.malformed(str(error))
        ahead, self._ahead = self._ahead, None
        told = ahead[1].result() if ahead is not None and ahead[0] == call else self._done(call)
        self._told, self._earned = told, self._earned + told.reward
        return self._stepped(call, told)

    def _done(self, call: str) -> Told:
        """What comes of a call.

        Raises:
            EnvironmentFault: BrowserGym fails, or its process does.
        """
        process = self._process
        if process is None or not process.alive:
            raise EnvironmentFault("the process of BrowserGym has ended")
        try:
            told = self._read(process.ask("step", self.deadline, action=call))
        except RefusedRequestError as error:
            process.kill()  # whatever it raised, its page is in no state that anybody knows
            raise EnvironmentFault(f"BrowserGym failed: {error}") from error
        if told.truncated and not told.terminated:
            raise EnvironmentFault("BrowserGym has cut the episode")
        return told

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """Have the processes of a batch work side by side."""
        wanted: list[tuple[BrowserGymEnv, str]] = []
        for env, action in zip(envs, actions, strict=True):
            if isinstance(env, BrowserGymEnv) and len(action) <= ACTION_LENGTH:
                with contextlib.suppress(NoCall):
                    wanted.append((env, read_call(action)))
        if len(wanted) > 1:
            with ThreadPoolExecutor(min(len(wanted), MOST_THREADS)) as threads:
                for env, call in wanted:
                    env._ahead = call, threads.submit(env._done, call)

    @property
    def resets_wait(self) -> bool:
        """Each has a process of its own."""
        return True

    def _stepped(self, call: str, told: Told) -> Transition:
        key_before, situation = self.situation.state_key, self._situation_of(self.task, told)
        made = content_key(key_before, call)
        outcome = self._outcome(told) if told.terminated else None
        idle = situation.state_key == key_before
        claim = StateStep(
            kind="read" if outcome is None else "end",
            call=call,
            refused=told.error[:LONGEST_ERROR],
            repeated=made in self._made and idle,
            idle=idle and not told.error,
            lacking=("the task's own check pays too little",) if outcome is not None and outcome < 1 else (),
            ends_well=True,
            goal_unknown=outcome is None,
        )
        self._made.add(made)
        return Transition(situation=situation, claims=(claim,), terminated=told.terminated, outcome=outcome)

    def _outcome(self, told: Told) -> float:
        score = self._earned if told.raw is None else told.raw
        if not np.isfinite(score):
            raise EnvironmentFault(f"BrowserGym pays {score}")
        return float(np.clip(score, 0.0, 1.0)) if self.success is None else float(score >= self.success)

    def _situation_of(self, task: Task, told: Told) -> Situation:
        seen = msgspec.structs.replace(told, error="", messages=[])
        key = content_key(task.key, _observation(seen), str(told.terminated))
        return Situation(observation=_observation(told), state_key=key, actions=_listed(told.text, told.goal, self.candidates))

    def save_state(self) -> Json:
        """Nothing: with `replay` the steps say all.

        Raises:
            ContractError: without `replay`.
        """
        if not self.replay:
            raise ContractError("the state of BrowserGym cannot be saved; replay=True takes the steps again, for tasks that do the same from the same seed")
        return None

    def load_state(self, state: Any) -> None:
        """Take the steps of the snapshot again.

        Raises:
            ContractError: without `replay`, or the task is another one.
            EnvironmentFault: the same steps lead elsewhere.
        """
        self.save_state()
        seed = self.task.sealed["seed"]
        if self._task_key(seed) != self.task.key:
            raise ContractError("this snapshot is of another task of BrowserGym")
        saved = self.situation
        self._situation = self._situation_of(self.task, self._begun(seed))
        for past in self.past_steps:
            self._situation = self.advance(past.action).situation
        if self._situation.state_key != saved.state_key:
            raise EnvironmentFault("the task does not repeat itself: after the same steps something else is seen")
        self._situation = saved

    def solution(self) -> list[str]:
        """Nobody knows one.

        Raises:
            ContractError: always.
        """
        raise ContractError("tasks of BrowserGym come without a solution")

    def close(self) -> None:
        """End the process, and close the verifiers."""
        if self._process is not None:
            self._process.close()
            self._process = None
        super().close()


def _observation(told: Told) -> str:
    tabs = ", ".join(f"{place} {title!r}{' (here)' * (place == told.tab)}" for place, title in enumerate(told.tabs))
    lines = [f"goal: {told.goal}"]
    lines += [f"Error: {' '.join(told.error.split())[:LONGEST_ERROR]}"] * bool(told.error)
    lines += [f"message of {who}: {' '.join(text.split())}" for who, text in told.messages if who not in ("assistant", "infeasible") and text != told.goal]
    lines += [f"url: {told.url}", f"tabs: {tabs}", f"focused: {told.focused}", told.text[:LONGEST_PAGE]]
    left = told.cut + max(0, len(told.text) - LONGEST_PAGE)
    lines += [f"(the page is too long: {left} characters are not shown)"] * bool(left)
    return "\n".join(lines)


@lru_cache(256)
def _listed(text: str, goal: str, most: int) -> tuple[str, ...]:
    """Calls that can be made on what is seen, in an order that depends on it alone: clicks, and the quoted texts of the goal for its fields."""
    found: list[str] = []
    phrases = list(dict.fromkeys(_QUOTED.findall(goal)))
    for bid, role in _ELEMENT.findall(text):
        if role in _CLICKED:
            found.append(f"click({bid!r})")
        elif role in _FILLED:
            found += [f"click({bid!r})", *(f"fill({bid!r}, {phrase!r})" for phrase in phrases)]
    rng = np.random.default_rng(int(content_key(text, goal)[:16], 16))
    order: list[int] = rng.permutation(len(found)).tolist()
    return tuple(found[i] for i in order[:most])
