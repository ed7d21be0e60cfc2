"""prm_gym/MiniWoB-v0: the tasks of MiniWoB++ in a real browser, with their full reward alone as success, and without the wall clock.

    gym.make("prm_gym/MiniWoB-v0")                                           # click-checkboxes
    gym.make("prm_gym/MiniWoB-v0", task=["login-user", "enter-text"])        # one of them, drawn for each episode
    gym.make("prm_gym/MiniWoB-v0", task="all")

The pages are those of the package `miniwob` (the extra "miniwob"), opened as files.

Source: MiniWoB++ (Liu, Guu, Pasupat, Shi, Liang: Reinforcement Learning on Web Interfaces Using Workflow-Guided Exploration, ICLR 2018), with the pages of
the Farama Foundation's package.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

import msgspec

from prm_gym.claims import Json, Malformed, PageStep
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.envs.web.miniwob_candidates import miniwob_actions, phrases_of
from prm_gym.envs.web.miniwob_page import Lease, Stepped, read_options, step_together, task_names
from prm_gym.envs.web.miniwob_progress import PROGRESS, Counted
from prm_gym.envs.web.miniwob_solvers import SOLVERS
from prm_gym.envs.web.miniwob_view import View
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError
from prm_gym.options import StepOptions, require_candidates
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition
from prm_gym.web import Acted, Action, NoAction, Sight, action_text, next_window, quoted, read_action, rendered
from prm_gym.web.actions import Answer, Click, Noop, Scroll, Select, Type

SOLVED: tuple[str, ...] = tuple(sorted(SOLVERS))
ALL = "all"
RESET_OPTIONS = ("task", "page_seed")
MOST_SOLVING_STEPS = 60
INSTRUCTIONS = """Do the task on the page. An action is one line:
click [N] | double_click [N] | hover [N] | drag [N] [M] | type [N] "TEXT" | select [N] "OPTION" | press KEY | press [N] KEY | click_at X Y | noop
scroll down | scroll up | back
The element that is meant may be said after it, as in click [3] button "Submit". Each action takes a second. The task ends by itself when the page says so."""


class MiniWobEnv(StepEnv):
    """Do a task of MiniWoB++ on its page.

    Observation: `task: ` and what is asked, then the page as `prm_gym.web.observation` writes it, with all that listens to the pointer numbered. What has no
    text is called by how it looks, with its place in the window: `[4] clickable "red circle 20 x 20 at 80, 97"`. After an action that could not be done a line
    that begins with "Error: " stands between them.

    Action: one of `prm_gym.web.actions`. There is nothing to `answer`, and no address to go to.

    Claims: `PageStep`. In the tasks of `PROGRESS` it counts how much of what is wanted the page shows.

    Outcome: 1 when the page ends the episode with its full reward (raw, 1 or more); else 0, and 0 at the step limit. Many tasks reward a part of a solution,
    and some a wrong one, with something above 0; that stands in the verdict's evidence alone.

    **Trust.** Reward and end are read in the page's own world, as the task's scripts leave them there: a script could forge them. No action runs one.

    **Time.** No clock of the world is seen by the page: it begins at one date, and an action takes `STEP_MS` of its time, in which its timers run. The share of
    the reward for haste is not used, and there is no time limit but `max_steps`.

    **One seed, one episode**, in any browser on any machine with the same fonts: elements are numbered anew for each episode. The same page is used again
    without being opened again, but for the few tasks (`miniwob_page.REOPENED`) whose scripts keep something.

    state_key: the task, and what was done so far; a page's scripts keep what nobody sees.

    Snapshots take the steps again, when the next action comes. A page that then shows something else ends the episode as a fault.

    `solution` plays the script of the task (`SOLVED` names those that have one) on a page of its own.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("page",)
    default_max_steps: ClassVar[int] = 40

    def __init__(
        self,
        *,
        task: str | Sequence[str] = "click-checkboxes",
        candidates: int = 64,
        browser: Mapping[str, Any] | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        """Choose the task.

        Args:
            task: a name, several to draw from, or "all".
            candidates: how many actions are listed at most; >= 16, or 0 for none.
            browser: options of the browser and its page (`prm_gym.browser.BrowserOptions` and `PageOptions`).
            **options: see `StepOptions`.

        Raises:
            OptionError: an option out of range, or no such task.
            MissingExtraError: the package `miniwob` is not installed.
        """
        super().__init__(**options)
        require_candidates(candidates, least=16)
        names = task_names()
        self.tasks = names if task == ALL else (task,) if isinstance(task, str) else tuple(task)
        if not self.tasks:
            raise OptionError("task names no task")
        for name in self.tasks:
            if name not in names:
                raise OptionError(str(UnknownNameError("task of MiniWoB", str(name), [*names, ALL])))
        self.candidates = candidates
        self._browser = read_options(browser or {}, self.tasks)
        self._lease = Lease(*self._browser)
        self._live: _Live | None = None
        self._acted: tuple[str, Stepped | EnvironmentFault] | None = None
        self._script: tuple[str, list[str]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """All but the page, which cannot leave the process; the steps are taken again on another one."""
        return {**{name: value for name, value in self.__dict__.items() if name != "_lease"}, "_live": None, "_acted": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Put back what was sent."""
        for name, value in state.items():
            setattr(self, name, value)
        self._lease = Lease(*self._browser)

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a task and its seed, and begin it on the page.

        Args:
            options: `task` and `page_seed` take their place: with the same integer as the seed of its `Math.random`, a page gives the episode that it gives
                in MiniWoB's own environments.
        """
        for option in options:
            if option not in RESET_OPTIONS:
                raise OptionError(str(UnknownNameError("reset option of MiniWobEnv", option, RESET_OPTIONS)))
        drawn = self.tasks[int(self.np_random.integers(len(self.tasks)))], int(self.np_random.integers(1 << 31))
        name, seed = options.get("task", drawn[0]), options.get("page_seed", drawn[1])
        if name not in self.tasks:
            raise OptionError(f"this environment was not made with the task {name!r}")
        if type(seed) is not int or abs(seed) >= 1 << 53:
            raise OptionError(f"page_seed is an integer that fits into 53 bits, got {seed!r}")
        live = self._begun(name, seed)
        task = Task(
            key=content_key("MiniWoB-v0", name, str(seed)),
            instructions=INSTRUCTIONS,
            question=live.said,
            sealed={"task": name, "seed": seed},
            metadata={"task": name},
        )
        live.key = task.key
        return task, self._situation_of(live)

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """All pages act at once."""
        acting: list[tuple[MiniWobEnv, str, Action]] = []
        for env, text in zip(envs, actions, strict=True):
            if isinstance(env, MiniWobEnv) and env._live is not None and env._lease.held is not None and len(text) <= ACTION_LENGTH:
                action = env._read(text)
                if not isinstance(action, NoAction) and not env._live.mistaken(action):
                    acting.append((env, text, action))
        if len(acting) > 1:
            results = step_together([page for env, _, _ in acting if (page := env._lease.held) is not None], [action for _, _, action in acting])
            for (env, text, _), result in zip(acting, results, strict=True):
                env._acted = text, result

    def advance(self, action: str) -> Transition:
        """Do something on the page."""
        if self._live is None or self._lease.held is None:
            self._acted = None
            self._bring_here()
        return self._take_step(action)

    def malformed(self, reason: str) -> Transition:
        """What comes of a text that is no action: the page as it is, and why."""
        transition = super().malformed(reason)
        head, _, page = self.situation.observation.partition("\n")
        if page.startswith("Error: "):
            page = page.partition("\n")[2]
        return msgspec.structs.replace(transition, situation=msgspec.structs.replace(self.situation, observation=f"{head}\nError: {reason}\n{page}"))

    def save_state(self) -> Json:
        """Nothing: the steps of the episode say all."""
        return None

    def load_state(self, state: Any) -> None:
        """The steps are taken again with the next one.

        Raises:
            ContractError: the task is none of this environment's.
        """
        _ = state
        if self.task.sealed["task"] not in self.tasks:
            raise ContractError(f"a snapshot of the task {self.task.sealed['task']!r} cannot be restored here")
        self._live = self._acted = None

    def solution(self) -> list[str]:
        """What the script of the task does on another page, from the beginning.

        Raises:
            ContractError: the task has no script, or it does not get to an end.
        """
        if self._script is not None and self._script[0] == self.task.key:
            return list(self._script[1])
        name, seed = self.task.sealed["task"], self.task.sealed["seed"]
        solver = SOLVERS.get(name)
        if solver is None:
            raise ContractError(f"there is no script for {name!r}; there is one for: {', '.join(SOLVED)}")
        lease = Lease(*self._browser)
        try:
            page = lease.page(name)
            said, sight = page.begin(name, seed)
            view, actions = View(said, sight), list[str]()
            for action in solver(view):
                actions.append(action_text(action))
                stepped = page.step(action)
                view.see(stepped.acted)
                if stepped.told.done or not stepped.told.here:
                    break
                if stepped.acted.error or len(actions) == MOST_SOLVING_STEPS:
                    raise ContractError(f"the script of {name} cannot do {actions[-1]!r}: {stepped.acted.error or 'it has no end'}\n{rendered(view.sight)}")
        finally:
            lease.end()
        self._script = self.task.key, actions
        return list(actions)

    def close(self) -> None:
        """Give the page back, and close the verifiers."""
        super().close()
        self._lease.end()
        self._live = None

    # The page.

    def _begun(self, name: str, seed: int) -> "_Live":
        self._acted = None
        said, sight = self._lease.page(name).begin(name, seed)
        self._live = _Live(name, said, sight)
        return self._live

    def _bring_here(self) -> None:
        """Take the steps of the episode on a page that has not seen them."""
        situation = self._situation
        live = self._begun(self.task.sealed["task"], self.task.sealed["seed"])
        live.key = self.task.key
        self._situation = self._situation_of(live)
        for past in self.past_steps:
            malformed = next((claim for claim in past.claims if isinstance(claim, Malformed)), None)
            transition = self._take_step(past.action) if malformed is None else self.malformed(malformed.reason)
            self._situation = transition.situation
        if self._situation.observation != situation.observation:
            raise EnvironmentFault(f"{live.name} shows something else when the same steps are taken again")

    def _read(self, text: str) -> Action | NoAction:
        action = read_action(text)
        if isinstance(action, Answer):
            return NoAction("nothing is to be answered here: the task ends by itself when the page says so")
        return action

    def _take_step(self, text: str) -> Transition:
        live, page, action = self._live, self._lease.held, self._read(text)
        kept, self._acted = self._acted, None
        if isinstance(action, NoAction):
            return self.malformed(action.reason)
        if live is None or page is None:
            raise EnvironmentFault("the page has gone")
        if kept is not None and kept[0] == text:
            stepped = kept[1]
            if isinstance(stepped, EnvironmentFault):
                raise stepped
        else:
            mistake = live.mistaken(action)
            stepped = page.step(Noop() if mistake else action)
            if mistake:
                stepped = msgspec.structs.replace(stepped, acted=Acted(stepped.acted.sight, mistake))
        return self._stepped(live, action, stepped)

    def _stepped(self, live: "_Live", action: Action, stepped: Stepped) -> Transition:
        acted, told = stepped.acted, stepped.told
        plain = action_text(msgspec.structs.replace(action, of="") if isinstance(action, Click | Type | Select) else action)
        seen, before = rendered(live.sight, live.start), live.counted
        live.start = next_window(acted.sight, live.start, action.direction == "down") if isinstance(action, Scroll) else min(live.start, len(acted.sight.items))
        live.see(acted.sight)
        idle = not acted.error and rendered(live.sight, live.start) == seen
        made = content_key(seen, plain)
        repeated = idle and made in live.made
        if idle:
            live.made.add(made)
        live.key = content_key(live.key, plain)
        ended = told.done or not told.here
        outcome = float(told.done and told.here and told.raw >= 1.0)
        claim = PageStep(
            call=plain,
            error=acted.error,
            made_up=acted.error.startswith("there is no element ["),
            idle=idle,
            waited=isinstance(action, Noop),
            repeated=repeated,
            reward=told.raw if told.done and told.here else None,
            left=not told.here,
            **live.counts(before),
        )
        return Transition(situation=self._situation_of(live, acted.error), claims=(claim,), terminated=ended, outcome=outcome if ended else None)

    def _situation_of(self, live: "_Live", error: str = "") -> Situation:
        page = rendered(live.sight, live.start)
        observation = f"task: {live.said}\nError: {error}\n{page}" if error else f"task: {live.said}\n{page}"
        listed = miniwob_actions(live.sight, live.start, live.phrases, self.candidates) if self.candidates else ()
        return Situation(observation=observation, state_key=live.key, actions=listed)


class _Live:
    """An episode on its page: what is asked and seen, how far it has come, and what was done in vain."""

    def __init__(self, name: str, said: str, sight: Sight) -> None:
        self.name, self.said, self.sight = name, said, sight
        self.phrases = phrases_of(said)
        self.key = ""
        self.start = 0
        self.made: set[str] = set()
        self.counted = self._count()
        self.best = self.counted.held if self.counted is not None else 0

    def see(self, sight: Sight) -> None:
        """Look at the page after a step."""
        self.sight = sight
        self.counted = self._count()

    def counts(self, before: Counted | None) -> dict[str, int]:
        """How far the task has come, as a claim says it."""
        after = self.counted
        if before is None or after is None or before.wanted != after.wanted:
            return {}
        best, self.best = self.best, max(self.best, after.held)
        return {"wanted": after.wanted, "before": before.held, "after": after.held, "best": best}

    def mistaken(self, action: Action) -> str:
        """Why an action that says which element it means is mistaken; empty where it is not."""
        if isinstance(action, Click | Type | Select) and action.of:
            item = self.sight.find(action.ref)
            found = "" if item is None else f"{item.role} {quoted(item.name)}"
            if found and found != action.of:
                return f"[{action.ref}] is {found}, not {action.of}"
        return ""

    def _count(self) -> Counted | None:
        count = PROGRESS.get(self.name)
        return count(self.said, self.sight) if count is not None else None
