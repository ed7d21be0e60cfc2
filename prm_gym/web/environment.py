"""WorldEnv: environments on sites of our own, with their rows behind them; in a real browser, or without one."""

import contextlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Unpack, cast

import msgspec

from prm_gym.claims import Claim, Json, PageShown, RowChange, Rule, StateStep
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.services import Database, Pursuit, Table
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition
from prm_gym.web.actions import Action, Answer, ClickAt, Drag, Goto, NoAction, Press, action_text, read_action
from prm_gym.web.answers import is_right
from prm_gym.web.candidates import listed_actions
from prm_gym.web.observation import Acted, Sight, rendered
from prm_gym.web.paging import View, act_ahead, made_up, observed
from prm_gym.web.scenario import WebScenario, resolved
from prm_gym.web.site import Event, Site, Visit, plain_address, split_url
from prm_gym.web.text_browser import Browser, TextBrowser
from prm_gym.web.trail import Trail

KEYS = ("Enter", "Escape")
SHOWN = ("screenshot", "accessibility", "page")
MODES = ("text", "browser")
LONGEST_GOTO = 8_000  # what a real browser is sent to
ACTIONS_TEXT = """An action is one line:
click [N] | type [N] "TEXT" | select [N] "OPTION" | press Enter | press Escape | scroll down | scroll up | goto "URL" | back | tab N | noop
answer "TEXT" ends the task: the answer where something is asked, "impossible" where it cannot be done, and `answer` alone where something is to be done.
The element that is meant may be said after it, as in click [3] button "Save"."""


class Happened(msgspec.Struct, frozen=True):
    """What a step did, for the rules of a world.

    Attributes:
        action: what the agent did.
        before: what it saw.
        after: what is seen now.
        error: why the action could not be done.
        changes: of rows.
        events: what the pages told.
        seen: the pages that were given.
        refused: why a form was refused.
    """

    action: Action
    before: Sight
    after: Sight
    error: str
    changes: tuple[RowChange, ...]
    events: tuple[Event, ...]
    seen: tuple[str, ...]
    refused: str


class WorldEnv(StepEnv):
    """Do on a site what somebody asks for, or find out what they ask.

    Observation: `task: ` and what is asked, then the page as `prm_gym.web.observation` writes it; after an action that could not be done a line that begins
    with "Error: " stands between them. At most `WINDOW` elements and lines are shown; `scroll` shows the others.

    Action: one of `prm_gym.web.actions`, in its own small language. `drag`, `hover`, `double_click` and `click_at` do nothing on these sites that `click` does
    not do; of keys there are Enter and Escape.

    Claims: `StateStep`; a step is a `write` where it changed rows, an `end` where it was an answer, and else a `read`.

    A step is `idle` where nothing came of it, which the verifier `state` calls "trivial". It is `repeated`, which is wrong, where the same action is done in
    the same state for the third time, or for the second where nothing comes of it, and no milestone is reached and no row changed. To go back to a page, or to
    open it once more, is neutral (see `prm_gym.web.trail`). What belongs to one wish may be saved in parts: a save that makes some cells of a row as they are
    wanted, and leaves the others as they were, is neutral, and the one that completes the row is right.

    Outcome: 1 when the episode was ended by `answer`, the rows differ from the beginning in exactly what was wanted, and, where something was asked, the answer
    is right and the page that tells it was seen; else 0, and 0 at the step limit.

    state_key: the task, the changed rows, what the site remembers, the milestones, and what is seen.

    Kind: `info["kind"]` at the end of an episode (empty before), and `trajectory.task.kind`, joined by "+" where there are several parts. For results by
    kind, never for the agent: it tells what cannot be done, and which texts are traps.

    Mode "text" reads the pages without a browser; mode "browser" opens them in a Chromium. Tasks, actions, observations, rows and state keys are the same.

    A world gives `sites`, `tables`, `levels` (the step limit of each), `frame` (names of the links that all of its pages have, see `listed_actions`), and the
    methods below.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("state",)
    name: ClassVar[str]
    sites: ClassVar[tuple[Site, ...]]
    tables: ClassVar[tuple[Table, ...]]
    levels: ClassVar[Mapping[int, int]]
    frame: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        *,
        difficulty: int = 2,
        candidates: int = 128,
        mode: Literal["text", "browser"] = "text",
        browser: Mapping[str, Any] | None = None,
        show: Sequence[str] = (),
        **options: Unpack[StepOptions],
    ) -> None:
        """Choose how hard the tasks are, and where they are done.

        Args:
            difficulty: one of `levels`.
            candidates: how many actions are listed at most; >= 16, or 0 for none.
            mode: "text", or "browser" for a real one.
            browser: options of the real one (`prm_gym.browser.BrowserOptions` and `PageOptions`).
            show: what else `info` holds in mode "browser": "screenshot" (the window as PNG bytes) and "accessibility" (the tree as JSON). With "page", in
                either mode, every step claims the page that it led to (`PageShown`), for verifiers that look at pages: its text, and the screenshot where that
                is shown.
            **options: see `StepOptions`; max_steps is that of the level unless given.

        Raises:
            OptionError: a value out of range, or an option of the browser that there is not.

        In mode "browser" the first `reset` raises `MissingExtraError` without a package of the extra "web", and `NoBrowserError` without a browser.
        """
        require_difficulty(difficulty, self.levels)
        require_candidates(candidates, least=16)
        if mode not in MODES:
            raise OptionError(f"mode is 'text' or 'browser', got {mode!r}")
        if browser and mode == "text":
            raise OptionError("browser=... goes with mode='browser'")
        if isinstance(show, str):
            raise OptionError(f"show is a list, such as [{show!r}], got {show!r}")
        for name in show:
            if name not in SHOWN or (mode == "text" and name != "page"):
                raise OptionError(f"show is of {SHOWN} in mode 'browser', and of ('page',) in mode 'text', got {name!r} in mode {mode!r}")
        if options.get("max_steps") is None:
            options["max_steps"] = self.levels[difficulty]
        super().__init__(**options)
        self.difficulty, self.candidates, self.mode, self.show = difficulty, candidates, mode, tuple(show)
        self._browser_options = {**({"frames": True} if "screenshot" in show else {}), **dict(browser or {})}
        if self._browser_options:
            from prm_gym.web.real_browser import world_options

            world_options(self._browser_options, {})
        self._kept: tuple[int, WebScenario] | None = None
        self._live: _Live | None = None
        self._real: Browser | None = None

    # What a world gives.

    @abstractmethod
    def scenario_of(self, entropy: int) -> WebScenario:
        """The task that a number stands for."""

    @abstractmethod
    def policy_text(self) -> str:
        """What the agent is told of the site and its rules."""

    def rules(self, happened: Happened) -> tuple[Rule, ...]:
        """The rules that apply to a step, and whether it kept them."""
        _ = happened
        return ()

    def more_claims(self, happened: Happened) -> tuple[Claim, ...]:
        """What a world claims of a step beside `StateStep`."""
        _ = happened
        return ()

    # The engine.

    def more_info(self) -> dict[str, Any]:
        """The kind of the task once the episode has ended, empty before; and the screenshot and the accessibility tree where they are wanted."""
        return {"kind": "" if self._running else self.scenario.kind, **self._looks()}

    def _looks(self) -> dict[str, Any]:
        """The screenshot and the accessibility tree, where they are wanted; None for what cannot be had."""
        found: dict[str, Any] = {name: None for name in self.show if name != "page"}
        if not found:
            return found
        from prm_gym.web.real_browser import RealBrowser

        browser = self.live.browser
        if isinstance(browser, RealBrowser) and browser.alive:
            with contextlib.suppress(EnvironmentFault):
                found.update({name: browser.page.screenshot() if name == "screenshot" else browser.page.accessibility() for name in list(found)})
        return found

    def _shown(self, situation: Situation) -> tuple[Claim, ...]:
        """The claim of what a step led to, where it is wanted."""
        if "page" not in self.show:
            return ()
        return (PageShown(situation.observation, self._looks().get("screenshot") or b""),)

    @property
    def resets_wait(self) -> bool:
        """A real browser opens many pages at once."""
        return self.mode == "browser"

    @property
    def scenario(self) -> WebScenario:
        """The current task, with its goal."""
        entropy = self.task.sealed["entropy"]
        if self._kept is None or self._kept[0] != entropy:
            self._kept = entropy, self.scenario_of(entropy)
        return self._kept[1]

    @property
    def live(self) -> "_Live":
        """The episode as it stands."""
        if self._live is None:  # this one was pickled, and the pages are not
            self._take_again()
        return cast("_Live", self._live)

    def __getstate__(self) -> dict[str, Any]:
        """Without the pages and the rows: they are made again by the steps of the episode."""
        return {**self.__dict__, "_live": None, "_real": None, "_kept": None}

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a task and open its first page."""
        if options:
            raise OptionError(f"reset of {self.name} takes no options, got {sorted(options)}")
        entropy = int(self.np_random.integers(1 << 62))
        scenario = self.scenario_of(entropy)
        self._kept = entropy, scenario
        task = Task(
            key=self._task_key(entropy),
            instructions=f"{self.policy_text()}\n\n{ACTIONS_TEXT}",
            question=scenario.wish,
            sealed={
                "entropy": entropy,
                "kind": scenario.kind,
                "goal": [[*cell, value] for cell, value in scenario.goal.items()],
                "answers": list(scenario.answers),
            },
            metadata={"difficulty": self.difficulty},
        )
        return task, self._situation_of(task, scenario, self._begun(scenario))

    def _begun(self, scenario: WebScenario) -> "_Live":
        """The beginning of an episode, its first page open."""
        database = Database(self.tables, scenario.image)
        visit = Visit(database, dict(scenario.memory), scenario.now)
        pursuit = Pursuit(database, scenario.goal, scenario.milestones, scenario.passing)
        self._live = live = _Live(self.sites, visit, pursuit, self._browser_for(visit))
        live.open(scenario.start)
        if visit.broken is not None:  # in the thread of the server
            raise visit.broken
        visit.forget()
        return live

    def _browser_for(self, visit: Visit) -> Browser:
        if self.mode == "text":
            return TextBrowser(self.sites, visit)
        from prm_gym.web.real_browser import RealBrowser

        if not isinstance(self._real, RealBrowser) or not self._real.alive:
            self._real = RealBrowser(self.sites, self._browser_options)
        self._real.visit_with(visit)
        return self._real

    def _task_key(self, entropy: int) -> str:
        return content_key(f"{self.name}-v0", str(self.difficulty), str(entropy))

    def malformed(self, reason: str) -> Transition:
        """What comes of a text that is no action: the page as it is, and why."""
        transition = super().malformed(reason)
        situation = msgspec.structs.replace(self.situation, observation=observed(self.scenario.wish, self.live.text, reason))
        return msgspec.structs.replace(transition, situation=situation)

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """In real browsers all pages act at once."""
        acting: list[tuple[View, str, Action]] = []
        for env, text in zip(envs, actions, strict=True):
            if isinstance(env, WorldEnv) and env.mode == "browser" and len(text) <= getattr(env.action_space, "max_length", 0):
                action = env._read(text)
                if not isinstance(action, NoAction) and env.live.reaches_page(action):
                    env.live.visit.forget()
                    acting.append((env.live, text, action))
        act_ahead(acting)

    def _read(self, text: str) -> Action | NoAction:
        action = read_action(text)
        if isinstance(action, Press) and action.key not in KEYS:
            return NoAction(f"a key is one of: {', '.join(KEYS)}")
        if isinstance(action, Drag | ClickAt):
            return NoAction("there is nothing to drag or to point at here: use click")
        return Goto(plain_address(action.url)) if isinstance(action, Goto) else action

    def advance(self, action: str) -> Transition:
        """Do something on the page, or answer."""
        reading = self._read(action)
        if isinstance(reading, NoAction):
            return self.malformed(reading.reason)
        if isinstance(reading, Answer):
            return self._end(reading)
        live = self.live
        if not live.is_ahead(action):
            live.visit.forget()
        acted = live.act(action, reading)
        if live.visit.broken is not None:  # in the thread of the server
            raise live.visit.broken
        return self._stepped(reading, acted)

    def _stepped(self, action: Action, acted: Acted) -> Transition:
        live, scenario, visit = self.live, self.scenario, self.live.visit
        before, key_before = live.sight, self.situation.state_key
        live.show(action, acted)
        changes = tuple(visit.changes)
        happened = Happened(action, before, live.sight, acted.error, changes, tuple(visit.events), tuple(visit.seen), visit.refused)
        gap, lacking = live.pursuit.gap(changes), self._lacking(scenario, live)
        names = [point.name for point in scenario.checkpoints if point.name not in live.pursuit.reached and self._holds(point, happened)]
        milestones = live.pursuit.reach(names)
        situation = self._situation_of(self.task, scenario, live, acted.error)
        idle = situation.state_key == key_before
        loops = live.trail.loops(key_before, action, idle or bool(acted.error))
        claim = StateStep(
            kind="write" if changes else "read",
            call=action_text(action),
            references=made_up(action, acted.error),
            refused=acted.error or visit.refused,
            rules=self.rules(happened),
            changes=tuple(change for change in changes if not live.pursuit.rows.is_free(change.cell)),
            gap=gap,
            lacking=lacking,
            repeated=loops and not milestones and not changes,
            milestones=milestones,
            reached=live.pursuit.holding(),
            total=len(scenario.checkpoints) + len(scenario.milestones) + 1,
            idle=idle and not acted.error,
            in_parts=True,
        )
        return Transition(situation=situation, claims=(claim, *self.more_claims(happened), *self._shown(situation)))

    def _holds(self, point: Any, happened: Happened) -> bool:
        return not happened.error and point.holds(happened.seen, happened.after, self.live.pursuit.rows)

    def _end(self, answer: Answer) -> Transition:
        live, scenario = self.live, self.scenario
        live.visit.forget()
        lacking = self._lacking(scenario, live)
        right = is_right(answer.text, scenario.answers) if scenario.answers else True
        gap = live.pursuit.gap(ended=True)
        done = live.pursuit.is_done() and not lacking and right
        milestones = live.pursuit.reach(["ended"] if done else [])
        claim = StateStep(
            kind="end",
            call=action_text(answer),
            gap=gap,
            lacking=lacking if right else (*lacking, "the answer is another one"),
            ends_well=True,
            milestones=milestones,
            reached=live.pursuit.holding(),
            total=len(scenario.checkpoints) + len(scenario.milestones) + 1,
        )
        return Transition(situation=self.situation, claims=(claim, *self._shown(self.situation)), terminated=True, outcome=float(done))

    def _lacking(self, scenario: WebScenario, live: "_Live") -> tuple[str, ...]:
        return tuple(sorted(scenario.required.difference(live.pursuit.reached)))

    # What is seen.

    def _situation_of(self, task: Task, scenario: WebScenario, live: "_Live", error: str = "") -> Situation:
        page = live.text
        with live.visit.lock:  # a late page may be made meanwhile
            state = msgspec.json.encode((sorted(live.pursuit.rows.changed().items()), live.visit.memory, sorted(live.pursuit.reached)))
        listed = listed_actions(live.sight, live.start, scenario.phrases, scenario.sought, self.candidates, self.frame) if self.candidates else ()
        return Situation(observation=observed(scenario.wish, page, error), state_key=content_key(task.key, state.decode(), page), actions=listed)

    # The script, and what is saved.

    def solution(self) -> list[str]:
        """The scripted steps, as actions on the pages that they meet.

        Raises:
            ContractError: a step finds no element: the script does not fit the pages.
        """
        scenario = self.scenario
        browser = TextBrowser(self.sites, Visit(Database(self.tables, scenario.image), dict(scenario.memory), scenario.now))
        sight, actions = browser.open(scenario.start), list[str]()
        for step in scenario.script:
            action = resolved(step, sight)
            if action is None:
                raise ContractError(f"the script of {scenario.kind} finds no {step.role} {step.name!r} on {sight.url}:\n{rendered(sight)}")
            actions.append(action_text(action))
            if isinstance(action, Answer):
                break
            acted = browser.act(action)
            if acted.error:
                raise ContractError(f"the script of {scenario.kind} cannot do {actions[-1]!r} on {sight.url}: {acted.error}")
            sight = acted.sight
        return actions

    def save_state(self) -> Json:
        """Nothing: the steps of the episode say all, since the same steps lead to the same state."""
        return None

    def load_state(self, state: Any) -> None:
        """Take the steps of the snapshot.

        Raises:
            ContractError: the task is one of other options.
        """
        _ = state
        if self.task.key != self._task_key(self.task.sealed["entropy"]):
            raise ContractError(f"a snapshot of {self.name} with other options cannot be restored here")
        self._take_again()

    def _take_again(self) -> None:
        """Take the steps of the episode once more, from its beginning."""
        situation = self.situation
        self._situation = self._situation_of(self.task, self.scenario, self._begun(self.scenario))
        for past in self.past_steps:
            self._situation = self.advance(past.action).situation
        self._situation = situation

    def close(self) -> None:
        """Give back the browser's page, and close the verifiers."""
        if self._real is not None:
            self._real.close()
            self._real = None
        super().close()


class _Live(View):
    """An episode as it stands: the server's side, how far it has come, the browser, what is seen, and what was done."""

    def __init__(self, sites: Sequence[Site], visit: Visit, pursuit: Pursuit, browser: Browser) -> None:
        super().__init__(browser)
        self.hosts = frozenset(site.host for site in sites)
        self.visit, self.pursuit = visit, pursuit
        self.trail = Trail()

    def mistake(self, action: Action) -> str:
        """Why an action is mistaken; an address that is on none of the sites is so before any browser is asked, each of which would read it in its own way."""
        if isinstance(action, Goto):
            scheme, host, _, _ = split_url(action.url)
            if scheme != "http" or host not in self.hosts or "\\" in action.url or len(action.url) > LONGEST_GOTO:
                return f"this address is not allowed: {action.url}"
        return super().mistake(action)
