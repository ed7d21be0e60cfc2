"""prm_gym/Site-v0: any site of one's own in a real browser, with tasks whose ends are checked by functions of one's own.

from prm_gym.web import SiteTask

tasks = [SiteTask(wish="Close the ticket of Ada.", check=lambda facts: facts.state()["open"] == [], state=read_tickets, setup=reset_tickets)]
env = gym.make("prm_gym/Site-v0", start="http://localhost:8000/", tasks=tasks)
env = gym.make("prm_gym/Site-v0", start="https://example.org/", hosts=["example.org", "*.example.org"], tasks="my_package.tasks:TASKS")
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec

from prm_gym.claims import Json, StateStep
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.options import require_candidates
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition
from prm_gym.web.actions import Action, Answer, NoAction, action_text, read_action
from prm_gym.web.answers import is_right
from prm_gym.web.candidates import listed_actions
from prm_gym.web.observation import Acted
from prm_gym.web.paging import View, act_ahead, made_up, observed
from prm_gym.web.real_browser import PageBrowser, browser_options
from prm_gym.web.site_task import Asker, PageFacts, SiteTask, load_site_tasks
from prm_gym.web.trail import Trail

MOST_ADDRESSES = 1_000  # of an episode
INSTRUCTIONS = """Do on the site what is asked. An action is one line:
click [N] | double_click [N] | hover [N] | drag [N] [M] | type [N] "TEXT" | select [N] "OPTION" | press KEY | press [N] KEY | click_at X Y
scroll down | scroll up | goto "URL" | back | tab N | noop
answer "TEXT" ends the task: the answer where something is asked, and `answer` alone where something is to be done.
The element that is meant may be said after it, as in click [3] button "Save". Addresses outside the site cannot be opened."""


class SiteEnv(StepEnv):
    """Do a task on a site of the user's own.

    Observation: `task: ` and what is asked, then the page as `prm_gym.web.observation` writes it; after an action that could not be done a line that begins
    with "Error: " stands between them. At most `WINDOW` elements and lines are shown; `scroll` shows the others.

    Action: one of `prm_gym.web.actions`, in its own small language; `answer` ends the episode.

    Claims: `StateStep`. A step is a `write` where what the task's `state` gives has changed, an `end` where it was an answer, and else a `read`. Where a task
    has no milestones, what a step was good for is not known, and `state` abstains on all but what is wrong in any case; the end is judged by the outcome.

    Outcome: of an answer, 1 where the task's `check` says True and the answer is one of its `answers` (as far as it has them), else 0; 0 at the step limit.

    **The functions of a task** are the user's own and trusted. `setup` is called before the first page of an episode is opened, `teardown` before the next
    episode and by `close`, `state` after each step, then the milestones that are not yet reached, and `check` when the agent answers. All of them are called
    one after the other in one thread of the environment's own, and may take `deadline` seconds each (what is opened with sqlite3 is opened there, or with
    `check_same_thread=False`); with `deadline=None` they are called where the step is taken, and take as long as they take. One that raises, does not end, or
    gives something else than it should spoils the episode: it ends truncated with `info["valid"]` False, and is never counted as a failure of the agent. So
    does a `check` that cannot tell (None); a milestone that cannot tell is asked again after the next step. In `reset` the fault is raised.

    **The wall**: the browser reaches the named hosts and nothing else, whatever a page tries: no address, socket, picture or font of another host. A host that
    is named with an address ("127.0.0.1:8000") leads there, whatever port a page asks for; one without is looked up, with all of its ports.

    **Snapshots**: a live site cannot be put back, so `snapshot` raises. With `replay=True`, for sites that `setup` brings back to the same beginning and that
    do the same again, `restore` sets up and takes the steps again.

    A server is shared by all environments that open it: where tasks change what is there, give each environment a server of its own.

    state_key: the task, the milestones that were reached, what `state` gives, and what is seen.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("state",)
    default_max_steps: ClassVar[int] = 30

    def __init__(
        self,
        *,
        start: str = "",
        hosts: Mapping[str, str] | Sequence[str] | None = None,
        tasks: str | Sequence[SiteTask] = (),
        candidates: int = 64,
        deadline: float | None = 10.0,
        replay: bool = False,
        browser: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Choose the site and the tasks.

        Args:
            start: address of the first page, http or https.
            hosts: names that can be reached ("*.example.org" for all below), also with the address that each leads to; that of `start` alone unless given.
            tasks: a list of `SiteTask`, or "package.module:NAME" of one.
            candidates: how many actions are listed at most; >= 16, or 0 for none.
            deadline: seconds that a function of a task may take; None for no bound.
            replay: steps may be taken again to bring an episode back.
            browser: options of `prm_gym.browser.BrowserOptions` and `PageOptions`: {"headed": True}, {"headers": {...}}, {"settle": 1.0}.
            **options: see `StepOptions`.

        Raises:
            OptionError: an option out of range, no task, or a first page that is on none of the hosts.
            MissingExtraError: a package of the extra "web" is missing.
        """
        super().__init__(**options)
        require_candidates(candidates, least=16)
        self.tasks, self._named = load_site_tasks(tasks), tasks if isinstance(tasks, str) else ""
        if deadline is not None and not (isinstance(deadline, int | float) and deadline > 0):
            raise OptionError(f"deadline is a number of seconds, or None for no bound, got {deadline!r}")
        self.start, self.hosts = start, _hosts(start, hosts)
        self.candidates, self.deadline, self.replay = candidates, deadline, replay
        given = {"clickables": True, **(browser or {})}
        self._options = browser_options(given, ("hosts", "file_root"), self.hosts, settle="network")
        for task in self.tasks:
            _require_start(task.start or start, self.hosts)
        self._browser: PageBrowser | None = None
        self._asker = Asker(deadline)
        self._live: _Live | None = None
        self._owes: SiteTask | None = None  # a task that is to be torn down

    def __getstate__(self) -> dict[str, Any]:
        """Without the browser: an environment that was sent elsewhere begins with `reset` or `restore`; with `replay` it takes its steps again."""
        running = self._running and self.replay
        named = {"tasks": self._named} if self._named else {}
        return {**self.__dict__, **named, "_browser": None, "_asker": None, "_live": None, "_owes": None, "_running": running}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in {**state, "_asker": Asker(state["deadline"]), "tasks": load_site_tasks(state["tasks"])}.items():
            setattr(self, name, value)

    @property
    def task_count(self) -> int | None:
        """The number of tasks."""
        return len(self.tasks)

    @property
    def resets_wait(self) -> bool:
        """A browser opens many pages at once; a server is set up for one after the other."""
        return not any(task.setup or task.teardown for task in self.tasks)

    @property
    def live(self) -> "_Live":
        """The episode as it stands.

        Raises:
            ContractError: before the first reset.
        """
        if self._live is None and self._running:
            self.load_state(None)  # in another process
        if self._live is None:
            raise ContractError("there is no episode before the first reset()")
        return self._live

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a task, or take the one that `options["task_index"]` names; set it up, and open its first page."""
        index = self.choose_task(options) or 0
        given = self.tasks[index]
        task = Task(
            key=self._task_key(given),
            instructions=INSTRUCTIONS,
            question=given.wish,
            sealed={"index": index, "answers": list(given.answers)},
        )
        return task, self._situation_of(task, self._begun(given))

    def _task_key(self, given: SiteTask) -> str:
        return content_key("Site-v0", given.start or self.start, given.wish, *given.answers)

    def _begun(self, given: SiteTask) -> "_Live":
        self._tear_down()
        self._owes = given
        if given.setup is not None:
            self._asker.ask("setup", given.setup)
        if self._browser is None or not self._browser.alive:
            self._browser = PageBrowser(*self._options)
        self._live = live = _Live(self._browser, given, self._asker)
        live.open(given.start or self.start)
        live.look()
        live.reached.clear()
        live.beginning = frozenset(name for name, predicate in given.milestones.items() if self._asker.holds(name, predicate, live.facts()))
        return live

    def malformed(self, reason: str) -> Transition:
        """What comes of a text that is no action: the page as it is, and why."""
        situation = msgspec.structs.replace(self.situation, observation=observed(self.task.question, self.live.text, reason))
        return msgspec.structs.replace(super().malformed(reason), situation=situation)

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """All pages act at once."""
        acting: list[tuple[View, str, Action]] = []
        for env, text in zip(envs, actions, strict=True):
            if isinstance(env, SiteEnv) and len(text) <= ACTION_LENGTH:
                action = read_action(text)
                if not isinstance(action, NoAction) and env.live.reaches_page(action):
                    acting.append((env.live, text, action))
        act_ahead(acting)

    def advance(self, action: str) -> Transition:
        """Do something on the page, or answer."""
        reading = read_action(action)
        if isinstance(reading, NoAction):
            return self.malformed(reading.reason)
        if isinstance(reading, Answer):
            return self._end(reading)
        return self._stepped(reading, self.live.act(action, reading))

    def _stepped(self, action: Action, acted: Acted) -> Transition:
        live, key_before, known = self.live, self.situation.state_key, self.live.known
        live.show(action, acted)
        live.look()
        milestones = live.reach()
        situation = self._situation_of(self.task, live, acted.error)
        changed = live.known != known
        idle = situation.state_key == key_before
        loops = live.trail.loops(key_before, action, idle or bool(acted.error))
        claim = StateStep(
            kind="write" if changed else "read",
            call=action_text(action),
            references=made_up(action, acted.error),
            refused=acted.error,
            repeated=loops and not milestones and not changed,
            milestones=milestones,
            reached=len(live.reached),
            total=live.total,
            goal_unknown=not live.total,
            idle=idle and not acted.error,
        )
        return Transition(situation=situation, claims=(claim,))

    def _end(self, answer: Answer) -> Transition:
        live, given = self.live, self.live.given
        live.known = self._asker.state_of(given)
        right = not given.answers or is_right(answer.text, given.answers)
        checked = True if given.check is None else self._asker.holds("check", given.check, live.facts(answer.text))
        if checked is None:
            raise EnvironmentFault("check of the task cannot tell whether it is done")
        done = right and checked
        claim = StateStep(
            kind="end",
            call=action_text(answer),
            lacking=(*["the answer is another one"] * (not right), *["the check says no"] * (not checked)),
            ends_well=True,
            milestones=("ended",) * (done and live.total > 0),
            reached=len(live.reached) + (done and live.total > 0),
            total=live.total,
        )
        return Transition(situation=self.situation, claims=(claim,), terminated=True, outcome=float(done))

    def _situation_of(self, task: Task, live: "_Live", error: str = "") -> Situation:
        page, given = live.text, live.given
        state = msgspec.json.encode((sorted(live.reached), live.known)).decode()
        listed = listed_actions(live.sight, live.start, tuple(given.phrases), "anything" if given.answers else "", self.candidates) if self.candidates else ()
        return Situation(observation=observed(task.question, page, error), state_key=content_key(task.key, state, page), actions=listed)

    def save_state(self) -> Json:
        """Nothing: with `replay` the steps say all.

        Raises:
            ContractError: without `replay`.
        """
        if not self.replay:
            raise ContractError(
                "the state of a live site cannot be saved; replay=True sets up and takes the steps again, for sites that begin and go on in the same way"
            )
        return None

    def load_state(self, state: Any) -> None:
        """Set up, and take the steps of the snapshot again.

        Raises:
            ContractError: without `replay`, or the task is one of another environment.
            EnvironmentFault: the site does not do the same again.
        """
        self.save_state()
        index = self.task.sealed["index"]
        if index >= len(self.tasks) or self._task_key(self.tasks[index]) != self.task.key:
            raise ContractError("this snapshot is of a task that this environment does not have")
        saved = self.situation
        self._situation = self._situation_of(self.task, self._begun(self.tasks[index]))
        for past in self.past_steps:
            self._situation = self.advance(past.action).situation
        if self._situation.state_key != saved.state_key:
            raise EnvironmentFault("the site does not repeat itself: after the same steps something else is seen")
        self._situation = saved

    def solution(self) -> list[str]:
        """The actions of the task's solution.

        Raises:
            ContractError: the task gives none.
        """
        found = self.tasks[self.task.sealed["index"]].solution
        if found is None:
            raise ContractError("this task gives no solution; put the actions that do it under 'solution'")
        return list(found)

    def close(self) -> None:
        """Tear the task down, close the page, and the verifiers."""
        try:
            self._tear_down()
        finally:
            self._asker.close()
            if self._browser is not None:
                self._browser.close()
                self._browser = None
            super().close()

    def _tear_down(self) -> None:
        owing, self._owes = self._owes, None
        if owing is not None and owing.teardown is not None:
            self._asker.ask("teardown", owing.teardown)


class _Live(View):
    """An episode as it stands."""

    def __init__(self, browser: PageBrowser, given: SiteTask, asker: Asker) -> None:
        super().__init__(browser, lazy=True)
        self.given, self.asker = given, asker
        self.known: Json = None
        self.visited: dict[str, None] = {}
        self.beginning = frozenset[str]()
        self.reached: dict[str, None] = {}
        self.trail = Trail()

    @property
    def total(self) -> int:
        """How many milestones there are, the end among them; 0 where none are known."""
        wanted = len(self.given.milestones) - len(self.beginning)
        return wanted + 1 if wanted else 0

    def look(self) -> None:
        """Note what is seen, and ask what the server knows."""
        if len(self.visited) < MOST_ADDRESSES:
            self.visited[self.sight.url] = None
        self.known = self.asker.state_of(self.given)

    def facts(self, answer: str = "") -> PageFacts:
        """What predicates are told."""
        return PageFacts(self.sight.url, self.sight.title, self.sight.items, tuple(self.visited), answer, self.known)

    def reach(self) -> tuple[str, ...]:
        """The milestones that hold for the first time."""
        facts = self.facts()
        asked = [(name, predicate) for name, predicate in self.given.milestones.items() if name not in self.reached and name not in self.beginning]
        found = tuple(name for name, predicate in asked if self.asker.holds(name, predicate, facts))
        self.reached.update(dict.fromkeys(found))
        return found


def _hosts(start: str, hosts: Mapping[str, str] | Sequence[str] | None) -> dict[str, str]:
    """The hosts that exist, with the addresses that they lead to.

    Raises:
        OptionError: a host is none.
    """
    if isinstance(hosts, str):
        raise OptionError(f"hosts are several names, got the text {hosts!r}")
    if hosts:
        found = dict(hosts) if isinstance(hosts, Mapping) else dict.fromkeys(hosts, "")
        if not all(isinstance(part, str) for pair in found.items() for part in pair):
            raise OptionError(f"hosts are names, and addresses as texts, got {hosts!r}")
        return found
    try:
        parts = urlsplit(start)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        raise OptionError(f"start is the address of the first page, such as http://localhost:8000/, got {start!r}")
    return {host: f"{host}:{port}" if port else ""}


def _require_start(start: str, hosts: Mapping[str, str]) -> None:
    from prm_gym.browser import BrowserOptions, PageOptions
    from prm_gym.browser.addresses import Rules

    if not Rules(BrowserOptions(hosts=dict(hosts)), PageOptions()).may_go(start):
        raise OptionError(f"start is an http or https address on one of the hosts {sorted(hosts)}, got {start!r}")
