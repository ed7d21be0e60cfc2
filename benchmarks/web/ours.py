"""Our own browser layer at the same work: `prm_gym/MiniWoB-v0`, a list of environments in one process whose pages step together.

The scripted agent reads the text observation alone. Each step is a whole step of the environment, with its claims and the verdict of its verifier. Resets that
fall due at the same time are made from threads. An environment's step lasts as long as the call that it was part of; one that has nothing to do takes no step.
"""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import gymnasium as gym
from measurement import arguments, figures, processes_below, tell, usage
from workload import MOST_STEPS, TASKS, Element, Episode, Seen, action_for, episodes_of

import prm_gym
from prm_gym.env import StepEnv, StepResult
from prm_gym.web.actions import Type, action_text

_LINE = re.compile(r'\[(\d+)\] (\w+) "((?:[^"\\]|\\.)*)"(?: value "((?:[^"\\]|\\.)*)")?(.*)')
ROLES = {"button": "button", "checkbox": "checkbox", "textbox": "text"}


class Player:
    """One environment, and the episode that it is in."""

    def __init__(self, env: StepEnv, number: int, envs: int, first: int) -> None:
        self.env, self.todo = env, episodes_of(number, envs, first)
        self.episode: Episode | None = None
        self.began = 0.0
        self.seen = Seen("", [])

    def reset(self) -> None:
        """Begin the next episode."""
        self.began = time.perf_counter()
        task, seed = next(self.todo)
        observation, _ = self.env.reset(options={"task": task, "page_seed": seed})
        self.seen = read(observation)
        self.episode = Episode(task, time.perf_counter() - self.began)

    def action(self) -> str:
        """What the scripted agent does."""
        assert self.episode is not None
        ref, text = action_for(self.episode.task, self.seen)
        return f"click [{ref}]" if text is None else action_text(Type(ref, text))

    def told(self, result: StepResult, seconds: float) -> Episode | None:
        """Take in what came of a step. Gives the episode when it has ended."""
        assert self.episode is not None
        observation, _, terminated, truncated, info = result
        self.seen = read(observation)
        self.episode.steps.append(seconds)
        if not (terminated or truncated):
            return None
        ended, self.episode = self.episode, None
        ended.success = info["outcome"] == 1.0
        ended.seconds = time.perf_counter() - self.began
        return ended


def read(observation: str) -> Seen:
    """A text observation, as the scripted agent reads it."""
    said, _, page = observation.partition("\n")
    found = [match for line in page.split("\n") if (match := _LINE.match(line)) and match[2] in ROLES]
    return Seen(said.removeprefix("task: "), [Element(int(m[1]), ROLES[m[2]], m[3], bool(m[4]) or "checked" in m[5].split()) for m in found])


def play_until(players: list[Player], end: float, least: int, threads: ThreadPoolExecutor) -> list[Episode]:
    """The episodes that end before a time, and as many as are wanted at the least."""
    episodes: list[Episode] = []
    envs = [player.env for player in players]
    while len(episodes) < least or time.perf_counter() < end:
        due = [player for player in players if player.episode is None]
        if len(due) == 1:
            due[0].reset()
        else:
            list(threads.map(Player.reset, due))
        actions = [player.action() for player in players]
        started = time.perf_counter()
        results = StepEnv.step_batch(envs, actions, envs[0].verifiers)
        seconds = time.perf_counter() - started
        episodes += [ended for player, result in zip(players, results, strict=True) if (ended := player.told(result, seconds))]
    return episodes


def run(envs: int, seconds: float, mode: str, first: int) -> dict[str, Any]:
    """The figures of one window.

    Args:
        envs: environments that are stepped at the same time, in one process.
        seconds: length of the window.
        mode: `trusted` input (as the loop's `locator.click` and `fill`), or `script` actions (as Selenium's environment clicks); with `-playwright` through
            Playwright in the place of our own client of the browser.
        first: where in `workload.SEEDS` the episodes begin.
    """
    gym.register_envs(prm_gym)
    kind, _, driver = mode.partition("-")
    browser = {"input": kind, "driver": driver or "pipe"}
    players = [
        Player(cast("StepEnv", gym.make("prm_gym/MiniWoB-v0", task=TASKS, browser=browser, candidates=0, max_steps=MOST_STEPS).unwrapped), number, envs, first)
        for number in range(envs)
    ]
    with ThreadPoolExecutor(envs) as threads:
        try:
            play_until(players, 0.0, len(TASKS) * envs, threads)  # not timed: every page is opened
            for player in players:
                player.episode = None
            before = usage([os.getpid(), *processes_below(os.getpid())])[1]
            episodes = play_until(players, time.perf_counter() + seconds, len(TASKS), threads)
            pids = [os.getpid(), *processes_below(os.getpid())]
            memory, after = usage(pids)
        finally:
            for player in players:
                player.env.close()
    return figures(episodes, envs, len(pids), memory, after - before)


if __name__ == "__main__":
    call = arguments("trusted", "script", "trusted-playwright", "script-playwright")
    tell(run(call.envs, call.seconds, call.mode, call.first))
