"""prm_gym/PageBuilding-v0: write a small web page to a specification; tests of its behaviour in a browser judge every version of it.

    Write the page 'Points counter': a number that goes up and down in steps of 3.
    1. The page says "Points: N", 0 at first; a button "Add" adds 3. ...

    {"name": "write_page", "arguments": {"html": "<!doctype html> ..."}}
    {"name": "act", "arguments": {"action": "click [1]"}}
    {"name": "replace", "arguments": {"old": "value + 1", "new": "value + 3"}}
    {"name": "finish", "arguments": {}}

Source: WebGen-Agent (Lu et al. 2025, arXiv 2509.22644) rewards the steps of an agent that generates websites; its rewards come from a vision-language model
that looks at screenshots, and from a GUI agent that tries the site. Here they come from tests of behaviour, with hidden values, so that they are the same at
every run and need no model; the pages are small, one file each. `screenshots` hands out what a judge that looks at pages needs.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack

import msgspec

from prm_gym.browser import NoBrowserError
from prm_gym.claims import Claim, Json, PageShown, PageTest, PageTests, Refused
from prm_gym.env import StepEnv
from prm_gym.envs.web.page_plans import NEXT, Plan
from prm_gym.envs.web.page_tasks import LEVELS, task_of
from prm_gym.envs.web.page_view import PageView
from prm_gym.errors import EnvironmentFault, OptionError, PrmGymError
from prm_gym.options import StepOptions, require_difficulty
from prm_gym.pages import PageRunner, no_browser
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, Unreadable, call_text, described, required_call
from prm_gym.transition import Situation, Transition
from prm_gym.verdict import Verdict

LONGEST_PAGE = 60_000
MOST_ACTS = 60
MOST_SHOWN = 6_000

TOOLS = (
    Tool("write_page", "Write the whole page: one HTML file with its CSS and JavaScript in it.", {"html": {"type": "string", "maxLength": LONGEST_PAGE}}),
    Tool(
        "replace",
        "Replace a part of the page, which must occur in it exactly once, by another text. The page is then opened anew.",
        {"old": {"type": "string", "minLength": 1}, "new": {"type": "string"}},
    ),
    Tool("look", "See the page in the browser, as it stands after your acts."),
    Tool(
        "act",
        'Try the page: click [N], type [N] "TEXT", select [N] "OPTION", press KEY, press [N] KEY, scroll down, scroll up, back, goto "URL" (the page\'s own).',
        {"action": {"type": "string", "maxLength": 2_000}},
    ),
    Tool("finish", "Hand the page in. That ends the task."),
)
INSTRUCTIONS = """\
Write a small web page that does what is required. It is one HTML file, with its CSS and JavaScript in it; there is no network. It runs in a Chromium.
Call a field, button, list or checkbox exactly as the requirement does (by its text, its label or aria-label), and write texts as they are given there. Where
"Name: N" is required, the page says it in one place, with the value after the colon. Everything is seen without scrolling sideways, in the page itself (no
dialogs of the browser, no new windows). The requirements are tested one by one, each in a freshly opened page, with other values than the examples;
what an act changes must be seen within a quarter of a second.
A call is written as JSON, {"name": ..., "arguments": {...}}, alone or between <tool_call> and </tool_call>. The tools:
"""


class _State(msgspec.Struct):
    """What has been done so far.

    Attributes:
        html: the page; empty before there was one.
        acts: what was done on it since it was written.
        before: places of the tests that it passes.
        known: places of those that some page passed.
        seen: what the agent was shown last.
        start: place of the first item that is shown.
    """

    html: str = ""
    acts: list[str] = []
    before: list[int] = []
    known: list[int] = []
    seen: str = ""
    start: int = 0


class PageBuildingEnv(StepEnv):
    """A page to be written, with two to six requirements, of 24 families and any number of variants.

    Observation: the specification, then what the last tool answered; `look` and `act` answer with the page as `prm_gym.web.observation` writes it. Action: a
    call of one of five tools (`write_page`, `replace`, `look`, `act`, `finish`), native or tagged. A text that is no such call changes nothing.

    Claims, for the verifier `page_tests`:
    - write_page, replace: `PageTests` with the hidden tests, one for each requirement, and those that were passed before;
    - finish: the same with `final`;
    - a call that is refused (a text that does not occur, an element that there is not): `Refused`, and the observation begins with "Error: ";
    - `look` and `act` claim nothing; `Malformed` for anything else.

    Outcome: 1 when the page meets all requirements at `finish`; 0 otherwise, and at the step limit.

    state_key: the task, the page, what was done on it, what its versions have passed, and the last answer.
    Candidates: none; pages cannot be listed.
    Difficulty 1 to 5: two to six requirements.

    Option `screenshots`: `info` of `reset` and `step` then has one more key, `screenshot`: the page as a PNG (bytes), 1280 by 720, as it stands after the step;
    None where there is none. With `screenshots="claim"` every step after which there is a page claims it besides (`PageShown`), so that it is stored with the
    trajectory and verifiers that look at pages see it (`judge:MODEL?protocol=screenshot`); the verifier `page_tests` passes it over.

    It needs a browser and the extra "web".
    """

    default_verifiers = ("page_tests",)
    default_max_steps = 24
    constant_action = call_text("finish")

    def __init__(self, *, difficulty: int = 2, screenshots: bool | Literal["claim"] = False, **options: Unpack[StepOptions]) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5, one requirement less than there are.
            screenshots: True to hand out screenshots in `info`, "claim" for a claim of each as well.
            **options: see `StepOptions`.

        Raises:
            NoBrowserError: there is no browser here; it says how to get one.
        """
        require_difficulty(difficulty, LEVELS)
        if not isinstance(screenshots, bool) and screenshots != "claim":
            raise OptionError(f"screenshots is True, False or 'claim', got {screenshots!r}")
        reason = no_browser()
        if reason:
            raise NoBrowserError(reason)
        super().__init__(**options)
        self.difficulty, self.screenshots = difficulty, screenshots
        self._state = _State()
        self._plan: tuple[int, Plan] | None = None
        self._view = PageView(frames=bool(screenshots))
        self._screenshot: bytes | None = None

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The five tools."""
        return TOOLS

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a page."""
        if options:
            raise OptionError(f"reset of PageBuilding takes no options, got {sorted(options)}")
        entropy = int(self.np_random.integers(1 << 62))
        family, plan = task_of(entropy, self.difficulty)
        self._plan = entropy, plan
        self._screenshot = None
        question = plan.statement()
        self._state = _State(seen=question)
        task = Task(
            key=content_key("PageBuilding-v0", question, str(entropy)),
            instructions=INSTRUCTIONS + described(TOOLS),
            question=question,
            sealed={"entropy": entropy, "tests": msgspec.json.decode(msgspec.json.encode(plan.tests()))},
            metadata={"difficulty": self.difficulty, "family": family, "requirements": [feature.name for feature in plan.features]},
        )
        return task, _situation(task, self._state)

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """Test all new pages of a batch at once; what is found is kept by the runner."""
        jobs: list[tuple[str, Sequence[PageTest]]] = []
        for env, action in zip(envs, actions, strict=True):
            if isinstance(env, PageBuildingEnv) and len(action) <= 1 << 14:
                html = env._written(action)
                if html:
                    jobs.append((html, env._tests))
        if jobs:
            with contextlib.suppress(PrmGymError):  # it comes again in `advance`, which may say so
                PageRunner().run(jobs)

    def advance(self, action: str) -> Transition:
        """Call a tool."""
        call = required_call(action, TOOLS)
        if isinstance(call, Unreadable):
            return self.malformed(call.reason)
        arguments: Any = call.arguments
        if call.name == "write_page":
            return self._write(arguments["html"])
        if call.name == "replace":
            reason = self._replaceable(arguments["old"], arguments["new"])
            return self._refused(reason) if reason else self._write(self._state.html.replace(arguments["old"], arguments["new"]))
        if call.name == "finish":
            return self._finish()
        if not self._state.html:
            return self._refused("there is no page yet")
        return self._look() if call.name == "look" else self._act(arguments["action"])

    def save_state(self) -> Json:
        """What has been done so far."""
        saved: Json = msgspec.to_builtins(self._state)
        return saved

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave; the page is opened again, and what was done on it done again, when it is needed."""
        self._state = msgspec.convert(state, _State)
        self._screenshot = None

    def solution(self) -> list[str]:
        """The page of ours: first without any script, then requirement by requirement."""
        plan = self._planned
        edits = [call_text("replace", old=NEXT, new=f"{feature.code.strip()}\n{NEXT}") for feature in plan.features]
        return [call_text("write_page", html=plan.skeleton()), *edits, call_text("finish")]

    def close(self) -> None:
        """Close the page, and the verifiers."""
        self._view.close()
        super().close()

    # The tools.

    def _write(self, html: str) -> Transition:
        state = self._state
        if not html.strip() or html == state.html:
            return self._refused("that is the page that there is" if html.strip() else "the page is empty")
        if len(html) > LONGEST_PAGE:
            return self._refused(f"the page would have {len(html):,} characters; at most {LONGEST_PAGE:,} are taken")
        passed = self._passed(html)
        claim = PageTests(html, self._tests, tuple(state.before), tuple(state.known))
        state.html, state.before, state.known = html, passed, sorted({*state.known, *passed})
        state.acts, state.start = [], 0
        return self._answered(f"The page is written. It has {len(html):,} characters.", claim)

    def _look(self) -> Transition:
        self._view.show(self._state.html, self._state.acts)
        return self._answered(self._view.text(self._state.start))

    def _act(self, text: str) -> Transition:
        state = self._state
        if len(state.acts) == MOST_ACTS:
            return self._refused(f"{MOST_ACTS} acts were done on this page; write it again to go on")
        acted = self._view.act(state.html, state.acts, text, state.start)
        if acted.done:
            state.acts, state.start = [*state.acts, text], acted.start
        shown = self._view.text(state.start)
        if acted.error:
            return self._answered(f"Error: {acted.error}\n{shown}", Refused(acted.error))
        return self._answered(shown)

    def _finish(self) -> Transition:
        if not self._state.html:
            return self._refused("there is no page yet")
        passed = self._passed(self._state.html)
        claim = PageTests(self._state.html, self._tests, tuple(self._state.before), tuple(self._state.known), final=True)
        self._state.seen = "The page is handed in."
        return Transition(
            situation=_situation(self.task, self._state), claims=(claim, *self._shown()), terminated=True, outcome=float(len(passed) == len(self._tests))
        )

    def _passed(self, html: str) -> list[int]:
        """Places of the tests that a page passes.

        Raises:
            EnvironmentFault: the browser failed.
        """
        outcomes = PageRunner().run([(html, self._tests)])[0]
        if any(outcome is None for outcome in outcomes):
            raise EnvironmentFault("the browser failed")
        return [place for place, outcome in enumerate(outcomes) if outcome is not None and outcome.passed]

    def _replaceable(self, old: str, new: str) -> str:
        """Why a part cannot be replaced; empty where it can."""
        count = self._state.html.count(old)
        if not self._state.html:
            return "there is no page yet"
        if count != 1:
            return "the text to be replaced does not occur in the page" if not count else f"the text to be replaced occurs {count} times: name a longer part"
        return "" if old != new else "that is the page that there is"

    def _written(self, action: str) -> str:
        """The page that an action would write; empty where it writes none."""
        call = required_call(action, TOOLS)
        if isinstance(call, Unreadable) or call.name not in ("write_page", "replace"):
            return ""
        arguments: Any = call.arguments
        if call.name == "write_page":
            html = arguments["html"]
        else:
            fits = not self._replaceable(arguments["old"], arguments["new"])
            html = self._state.html.replace(arguments["old"], arguments["new"]) if fits else ""
        return html if html.strip() and html != self._state.html and len(html) <= LONGEST_PAGE else ""

    # What the task says, and what comes of a call.

    @property
    def _planned(self) -> Plan:
        entropy, level = self.task.sealed["entropy"], self.task.metadata["difficulty"]
        if self._plan is None or self._plan[0] != entropy or len(self._plan[1].features) != LEVELS[level]:
            self._plan = entropy, task_of(entropy, level)[1]
        return self._plan[1]

    @property
    def _tests(self) -> tuple[PageTest, ...]:
        return self._planned.tests()

    def _refused(self, reason: str) -> Transition:
        return self._answered(f"Error: {reason}.", Refused(reason))

    def _answered(self, text: str, *claims: Claim) -> Transition:
        self._state.seen = text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + " ... (cut)"
        if self.screenshots and self._state.html:
            self._view.show(self._state.html, self._state.acts)
            self._screenshot = self._view.screenshot()
        return Transition(situation=_situation(self.task, self._state), claims=(*claims, *self._shown()))

    def _shown(self) -> tuple[Claim, ...]:
        """The claim of the page after a step, where it is wanted and there is one."""
        return (PageShown(image=self._screenshot),) if self.screenshots == "claim" and self._screenshot else ()

    def _info(self, verdicts: dict[str, Verdict], outcome: float | None, valid: bool) -> dict[str, Any]:
        info = super()._info(verdicts, outcome, valid)
        return {**info, "screenshot": self._screenshot} if self.screenshots else info


def _situation(task: Task, state: _State) -> Situation:
    return Situation(observation=state.seen, state_key=content_key(task.key, msgspec.json.encode(state).decode()))
