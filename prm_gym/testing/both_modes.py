"""Whether a world of pages is the same without a browser and in a real one: tasks that show all it consists of, played step by step in both modes."""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gymnasium.utils.seeding import np_random

from prm_gym.env import StepResult
from prm_gym.web import Sight, WorldEnv, action_text, quoted
from prm_gym.web.actions import Answer
from prm_gym.web.scenario import Do, resolved

SETTINGS = ("signed-out", "lure", "trap")
STRAY_SHARE, WANDERING = 0.3, 8
KEYS = ("press Enter", "press Escape")
IDLE = ("noop", "scroll down", "scroll up", "click [9999]", "press Tab", "click", 'goto "http://elsewhere.test/"', "tab 9")
TYPED = ("", " ", "%", "'; --", "<b>", "2031-02-30", "٣", "\u202ex", "-1", "a b")


class Played(NamedTuple):
    """Two episodes of a task, each in both modes: what its script does, with idle steps between; and a part of the script, with random steps after it.

    Attributes:
        kind: of the task.
        steps: that were compared, resets among them.
        differences: at most one of each episode; empty where both modes were the same.
        solved: the script earned the outcome 1, in spite of the idle steps.
    """

    kind: str
    steps: int
    differences: tuple[str, ...]
    solved: bool


def units_of(kind: str) -> frozenset[str]:
    """What the kind of a task shows: its parts, in which setting they are, and which families of parts stand side by side.

    >>> sorted(units_of("wishlist/add/lure+cart/remove/signed-out"))
    ['cart & wishlist', 'cart/remove', 'in lure', 'in signed-out', 'wishlist/add']

    Args:
        kind: names of parts with "+" between them; the first word of a part is its family, and settings stand at the end.
    """
    parts, settings = list[str](), set[str]()
    for part in kind.split("+"):
        words = part.split("/")
        while len(words) > 1 and words[-1] in SETTINGS:
            settings.add(words.pop())
        parts.append("/".join(words))
    families = sorted({part.partition("/")[0] for part in parts})
    pairs = {f"{one} & {other}" for place, one in enumerate(families) for other in families[place + 1 :]}
    return frozenset((*parts, *pairs, *(f"in {setting}" for setting in settings)))


def kind_of(env: WorldEnv, seed: int) -> str:
    """The kind of the task that a seed of `reset` draws, without opening a page."""
    return env.scenario_of(int(np_random(seed)[0].integers(1 << 62))).kind


def covering(env: WorldEnv, seeds: Iterable[int], seen: set[str]) -> Iterator[int]:
    """Those of some seeds whose tasks show something that no task before them showed.

    Args:
        env: with its difficulty.
        seeds: in order.
        seen: what has been shown already; what is shown now is added to it.
    """
    for seed in seeds:
        units = units_of(kind_of(env, seed))
        if not units <= seen:
            seen |= units
            yield seed


def play_in_both(text: WorldEnv, real: WorldEnv, seed: int) -> Played:
    """Play a task in both modes, and compare every step.

    Args:
        text: in mode "text".
        real: the same in mode "browser".
        seed: of the task, and of the random steps.
    """
    first = _Pair(text, real)
    first.follow(seed, random.Random(seed), idle=True)
    second, rng = _Pair(text, real), random.Random(seed + 1)
    second.follow(seed, rng, idle=False, most=rng.randrange(len(text.scenario.script)))
    second.wander(rng)
    found = tuple(pair.difference for pair in (first, second) if pair.difference)
    return Played(text.scenario.kind, first.steps + second.steps, found, first.outcome == 1.0)


class _Pair:
    """An environment in both modes, and the first step in which they were not the same."""

    def __init__(self, text: WorldEnv, real: WorldEnv) -> None:
        self.text, self.real = text, real
        self.steps, self.difference, self.outcome = 0, "", None
        self.listed: Sequence[str] = ()
        self.ended = False

    def follow(self, seed: int, rng: random.Random, *, idle: bool, most: int = 10**6) -> None:
        """The script, or its first steps; where it finds no element it ends."""
        self._compare(f"reset({seed})", self.text.reset(seed=seed), self.real.reset(seed=seed))
        for step in self.text.scenario.script[:most]:
            while idle and not self.ended and rng.random() < STRAY_SHARE:
                self.step(rng.choice((*IDLE, *_overwritten(step, self.text.live.sight))))
            action = None if self.ended else resolved(step, self.text.live.sight)
            if action is None:
                return
            self.step(action_text(action))

    def wander(self, rng: random.Random) -> None:
        """Random steps, and an answer at the end."""
        for _ in range(WANDERING):
            if not self.ended:
                self.step(rng.choice(self._possible(rng)))
        if not self.ended:
            self.step(rng.choice([action for action in self.listed if action.startswith("answer")] or [action_text(Answer())]))

    def _possible(self, rng: random.Random) -> Sequence[str]:
        sight = self.text.live.sight
        listed = [action for action in self.listed if not action.startswith("answer")]
        typed = [f"type [{item.ref}] {quoted(rng.choice(TYPED))}" for item in sight.items if item.role in ("textbox", "searchbox")]
        pressed = [f"{key.replace('press', f'press [{item.ref}]')}" for item in sight.items if item.ref for key in KEYS]
        chosen = [rng.choice(some) for some in (listed, typed, pressed) if some]
        return [*chosen, *([rng.choice(listed)] * 3 if listed else []), rng.choice((*KEYS, "back", "noop"))]

    def step(self, action: str) -> None:
        """One step in both modes."""
        self._compare(action, self.text.step(action), self.real.step(action))

    def _compare(self, action: str, one: StepResult | tuple[str, dict[str, Any]], two: StepResult | tuple[str, dict[str, Any]]) -> None:
        self.steps += 1
        self.listed = one[-1]["actions"]
        self.ended = len(one) == 5 and bool(one[2] or one[3])
        self.outcome = one[-1]["outcome"]
        found = _difference(one, two)
        if not found and self.text.past_steps and self.text.past_steps[-1].claims != self.real.past_steps[-1].claims:
            found = f"claims: {self.text.past_steps[-1].claims!r} is {self.real.past_steps[-1].claims!r}"
        if found:
            self.difference = f"{self.text.scenario.kind}, step {self.steps}, {action}: {found}"
            self.ended = True


def _overwritten(step: Do, sight: Sight) -> tuple[str, ...]:
    """Another text for the field that the script fills next."""
    action = resolved(step, sight) if step.what == "type" else None
    return () if action is None else (f'type [{getattr(action, "ref", 0)}] "another text"',)


def _difference(one: StepResult | tuple[str, dict[str, Any]], two: StepResult | tuple[str, dict[str, Any]]) -> str:
    """In what two results differ; empty where they are the same."""
    if not two[-1]["valid"]:
        return f"an infrastructure fault: {two[-1].get('fault', '')}"
    if one[0] != two[0]:
        lines = [pair for pair in zip(one[0].splitlines(), two[0].splitlines(), strict=False) if pair[0] != pair[1]]
        return f"observation: {lines[0] if lines else (len(one[0]), len(two[0]))}"
    for key in ("task_key", "state_key", "actions", "outcome", "verdicts"):
        if one[-1].get(key) != two[-1].get(key):
            return f"{key}: {one[-1].get(key)!r} is {two[-1].get(key)!r}"
    return "" if one[1:-1] == two[1:-1] else f"reward and end: {one[1:-1]} is {two[1:-1]}"
