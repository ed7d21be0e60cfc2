"""A person in a visible browser: they do the task in the page itself, and the terminal says what the verifiers make of it."""

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from prm_gym.claims import StateStep
from prm_gym.commands.browsing import view_of
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.services import Pursuit
from prm_gym.web.environment import WorldEnv
from prm_gym.web.observation import Acted, Sight
from prm_gym.web.paging import View
from prm_gym.web.site import Visit

if TYPE_CHECKING:
    from prm_gym.env import StepEnv, StepResult

POLL_SECONDS = 0.2
MOST_CHANGES, LONGEST_VALUE = 8, 60
MOST_STEPS = 100_000  # what a person does is not counted
HELP = "Do it in the window. Here: answer, answer TEXT (ends the task), any other action, or an empty line to stop."


def has_display() -> bool:
    """Whether a window can be opened here."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def headed_options(env_id: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an environment, with a browser that has a window.

    Raises:
        OptionError: the environment has no pages, or there is no display.
    """
    import gymnasium
    from gymnasium.envs.registration import load_env_creator

    from prm_gym.env import option_names

    spec = gymnasium.registry.get(env_id.rpartition(":")[2])
    found: Any = load_env_creator(spec.entry_point) if spec is not None and isinstance(spec.entry_point, str) else None
    names = option_names(found) if isinstance(found, type) else []
    if "browser" not in names:
        raise OptionError(f"{env_id} shows no pages of a browser of ours: --headed is for environments on the web")
    if not has_display():
        raise OptionError("--headed opens a window, and there is no display (DISPLAY is not set): run it on a desktop, or under xvfb-run")
    given = options.get("browser", {})
    browser: dict[str, Any] = {"headed": True, "frames": True, **(given if isinstance(given, Mapping) else {})}
    mode = {"mode": "browser"} if "mode" in names else {}
    return {"max_steps": MOST_STEPS, **options, **mode, "browser": browser}


def watch(env: "StepEnv", say: Callable[[str], None] = print) -> None:
    """Follow what a person does in the page until they end the task, stop, or close the window.

    What happens in the page between two looks is a step of its own, `noop` as an action, so that verifiers, milestones and rules judge it like any other.

    Args:
        env: an environment with a headed browser, reset.
        say: prints a line.

    Raises:
        ContractError: the environment shows no pages.
    """
    view = view_of(env)
    if view is None:
        raise ContractError("this environment shows no pages")
    rules = env.policy_text() if isinstance(env, WorldEnv) else ""
    say(f"{rules}\n\ntask: {env.task.question}\n\n{HELP}\n".lstrip())
    typed: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(typed,), name="prm_gym terminal", daemon=True).start()
    result: StepResult | None = None
    while result is None or not (result[2] or result[3]):
        try:
            result = _looked(env, view, say) or result
            with contextlib.suppress(queue.Empty):
                text = typed.get(timeout=POLL_SECONDS)
                if not text:
                    return
                result = _told(env, env.step(text), say)
        except EnvironmentFault as fault:
            say(f"\nThe window is gone: {fault}")
            return
        view = view_of(env) or view
    say(f"\nThe episode is over. Outcome: {result[4]['outcome']}")


def _looked(env: "StepEnv", view: View, say: Callable[[str], None]) -> "StepResult | None":
    """Take what happened in the page since the last look as a step, and say what it was; None where nothing did."""
    sight = view.browser.see()
    visit = getattr(view, "visit", None)
    with visit.lock if isinstance(visit, Visit) else contextlib.nullcontext():
        news = isinstance(visit, Visit) and bool(visit.changes or visit.events or visit.seen or visit.refused)
        if not news and _place(sight) == _place(view.sight):
            return None
        getattr(view, "made", set[str]()).clear()  # a person may look at a page twice
        view.keep("noop", Acted(sight))
        result = env.step("noop")
        if isinstance(visit, Visit):
            visit.forget()
    say(f"\n{time.strftime('%H:%M:%S')}  {sight.title}  {sight.url}")
    return _told(env, result, say)


def _place(sight: Sight) -> tuple[Any, ...]:
    """What makes a sight another one: not what is being typed, nor what has the focus."""
    return sight.url, sight.tab, sight.page, sight.notes, tuple((item.role, item.name) for item in sight.items)


def _told(env: "StepEnv", result: "StepResult", say: Callable[[str], None]) -> "StepResult":
    """Say what a step was: the milestones, the rules, the rows, the verdicts."""
    from prm_gym.commands.step_view import verdict_lines

    observation, reward, _, _, info = result
    for line in observation.split("\n"):
        if line.startswith(("Error: ", "! ")):
            say(f"    {line}")
    for claim in env.past_steps[-1].claims:
        if isinstance(claim, StateStep):
            for line in _lines(claim):
                say(f"    {line}")
    pursuit = getattr(view_of(env), "pursuit", None)
    if isinstance(pursuit, Pursuit):
        left = len(pursuit.gap())
        say(f"      goal: {f'{left} of the values not as wanted in the end' if left else 'all rows are as wanted in the end'}")
    for line in verdict_lines(info["verdicts"]):
        say(f"  {line}")
    if round(reward, 3):
        say(f"    reward {reward:.3f}")
    return result


def _lines(claim: StateStep) -> list[str]:
    lines = [f"+ reached: {name}" for name in claim.milestones]
    lines += [f"- the policy is broken ({rule.name}): {rule.why}" for rule in claim.rules if not rule.kept]
    lines += [f"* {change.table} {change.key}: {change.column} {_value(change.before)} -> {_value(change.after)}" for change in claim.changes[:MOST_CHANGES]]
    lines += [f"* and {len(claim.changes) - MOST_CHANGES} more values"] * (len(claim.changes) > MOST_CHANGES)
    lines += [f"  {claim.reached} of {claim.total} milestones"] * bool(claim.total)
    return lines


def _value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _listen(typed: "queue.SimpleQueue[str | None]") -> None:
    for line in sys.stdin:
        typed.put(line.strip())
    typed.put(None)
