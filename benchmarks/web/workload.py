"""What every stack of this benchmark does: the tasks, the seeds, and a scripted agent that reads the stack's own observation.

Standard library only, as `measurement.py`: the stacks run in virtual environments of their own, with other versions of their libraries than ours.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

TASKS = ("click-test-2", "click-button", "enter-text", "login-user", "click-checkboxes")
CHROMIUM = os.environ.get("BENCH_CHROMIUM", "/usr/lib/chromium/chromium-headless-shell")
# Seeds with which button TWO of click-test-2 lies over the centre of button ONE, where a real click hits the wrong one: no stack is given them.
COVERED = frozenset({6, 34, 36, 43, 57, 74, 112, 120, 121, 129, 149, 151, 167, 178, 180})
SEEDS = [seed for seed in range(200) if seed not in COVERED]
MOST_STEPS = 20
# Starts an episode whose clock does not run out; the seed is the argument. As BrowserGym does it.
START = "seed => { Math.seedrandom(seed); core.EPISODE_MAX_TIME = 1000000; core.startEpisodeReal(); }"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an observation.

    Attributes:
        ref: in the stack's own terms.
        role: `button`, `text` or `checkbox`.
        name: its text, or that of its label.
        filled: something is typed into it, or it is ticked.
    """

    ref: Any
    role: str
    name: str
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation, as the scripted agent reads it, and how the episode stands."""

    utterance: str
    elements: list[Element]
    done: bool = False
    raw: float = 0.0


@dataclass(slots=True)
class Episode:
    """Seconds of the reset, of each step and in all of one episode, and whether the task's raw reward reached 1."""

    task: str
    reset: float
    steps: list[float] = field(default_factory=list)
    seconds: float = 0.0
    success: bool = False


class Stack(Protocol):
    """One environment that is called synchronously."""

    def reset(self, task: str, seed: int) -> Seen:
        """Begin an episode."""
        ...

    def act(self, ref: Any, text: str | None) -> Seen:
        """Click an element, or type `text` into it."""
        ...

    def close(self) -> None:
        """End what was started."""
        ...


def page_of(task: str) -> str:
    """The file:// address of a task's page in the installed package miniwob."""
    spec = find_spec("miniwob")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the package miniwob is not installed here")
    return f"file://{Path(spec.submodule_search_locations[0]) / 'html' / 'miniwob' / task}.html"


def episodes_of(env: int, envs: int, first: int) -> Iterator[tuple[str, int]]:
    """The (task, seed) of each episode of environment `env` of `envs`: the tasks in turn, and `SEEDS` from place `first` on, none twice at a time."""
    number = 0
    while True:
        yield TASKS[(number + env) % len(TASKS)], SEEDS[(first + number * envs + env) % len(SEEDS)]
        number += 1


def action_for(task: str, seen: Seen) -> tuple[Any, str | None]:
    """The next step: the element to click, or the element and the text to type into it."""
    buttons = {element.name: element.ref for element in reversed(seen.elements) if element.role == "button"}
    quoted = re.findall(r'"(.*?)"', seen.utterance)
    if task == "click-test-2":
        return buttons["ONE"], None
    if task == "click-button":
        return buttons[quoted[0]], None
    if task == "click-checkboxes":
        wanted = set(re.findall(r"Select (.*) and click Submit", seen.utterance)[0].split(", "))
        wrong = [box.ref for box in seen.elements if box.role == "checkbox" and box.filled != (box.name in wanted)]
        return (wrong or [buttons["Submit"]])[0], None
    boxes = [element for element in seen.elements if element.role == "text"]
    for box, text in zip(boxes, quoted, strict=True):
        if not box.filled:
            return box.ref, text
    return buttons["Login" if task == "login-user" else "Submit"], None


def play(stack: Stack, task: str, seed: int) -> Episode:
    """One episode, timed."""
    began = time.perf_counter()
    seen = stack.reset(task, seed)
    episode = Episode(task, time.perf_counter() - began)
    while not seen.done and len(episode.steps) < MOST_STEPS:
        ref, text = action_for(task, seen)
        started = time.perf_counter()
        seen = stack.act(ref, text)
        episode.steps.append(time.perf_counter() - started)
    episode.seconds = time.perf_counter() - began
    episode.success = seen.raw >= 1
    return episode
