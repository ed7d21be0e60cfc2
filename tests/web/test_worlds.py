"""What holds for every world on our own sites: well made tasks, the same everywhere, saved in the middle of anything, safe from whatever is typed."""

import os
import random
import subprocess
import sys

import gymnasium as gym
import pytest
from gymnasium.envs.registration import load_env_creator

from prm_gym.registration import ENVIRONMENTS
from prm_gym.web import WorldEnv
from prm_gym.web.actions import quoted

WORLDS = [env_id for env_id, entry in ENVIRONMENTS.items() if isinstance(load_env_creator(entry), type) and issubclass(load_env_creator(entry), WorldEnv)]
LEVELS = [pytest.param(env_id, level, id=f"{env_id}-{level}") for env_id in WORLDS for level in range(1, 6)]
FINGERPRINTS = """
import hashlib, sys
import gymnasium, prm_gym
for env_id in sys.argv[1:]:
    for level in range(1, 6):
        env = gymnasium.make(env_id, difficulty=level, verifiers=[]).unwrapped
        for entropy in (3, 67, 1 << 61, 131, 10**9 + 7):
            task = env.scenario_of(entropy)
            told = (task.kind, task.wish, sorted(task.goal.items(), key=str), task.answers, task.script, sorted(task.phrases), sorted(task.required))
            print(env_id, level, entropy, hashlib.sha256(repr(told).encode() + task.image).hexdigest())
"""
TEXTS = (
    *("'; DROP TABLE issues; --", '"><script>alert(1)</script>', "%_%", "\x00", "\ud800", "x" * 3_900, "２", "²", "-1", "1e999", "0x10", "9" * 400),
    *("\u202etxet", '[1] button "Save"', "a\nb\r\nc", "2031-02-30", "\U0001f600", "{key}", "../../etc", "", " ", "task: done"),
)
ADDRESSES = (
    *("/%00", "/../../etc/passwd", "//", "/?q=%ff%fe", "/search?q=%27%20OR%201=1", "/search?page=-1&q=a", "/search?page=99999999999999999999&q=a", "/x" * 900),
    *("/search?" + "q=a&" * 300, "/#here", "/\u2028", "/?%zz", "/assets/world.css"),
)
ELSEWHERE = (
    "javascript:alert(1)",
    "file:///etc/passwd",
    "http://127.0.0.1/",
    "https://example.com/",
    "http://[::1",
    "about:blank",
    "data:text/html,x",
    "//x.test/",
)


def made(env_id, **options):
    return gym.make(env_id, **options).unwrapped


@pytest.mark.parametrize(("env_id", "level"), LEVELS)
def test_tasks_are_well_made(env_id, level):
    env = made(env_id, difficulty=level, verifiers=[])
    free = {(table.name, column) for table in env.tables for column in table.free}
    for entropy in range(30):
        task = env.scenario_of(entropy)
        names = [point.name for point in task.checkpoints]
        assert not task.wish[:1].islower(), task.wish
        assert all(phrase and phrase in task.wish for phrase in task.phrases), (task.wish, task.phrases)
        assert len(set(names)) == len(names), task.kind
        assert task.required <= set(names), task.kind
        assert all(point.path or point.shows or point.sql for point in task.checkpoints), task.kind
        assert task.goal or task.answers, task.kind
        assert set(task.goal) == {cell for cells in task.milestones.values() for cell in cells}, task.kind
        assert not {(table, column) for table, _, column in task.goal} & free, task.kind
        assert task.script[-1].what == "answer"
        assert not any(step.what == "goto" for step in task.script), task.kind
        assert 2 * len(task.script) <= env.levels[level], (task.kind, len(task.script))


@pytest.mark.parametrize(("env_id", "level"), LEVELS)
def test_the_script_is_listed_and_right(env_id, level):
    env = made(env_id, difficulty=level)
    for seed in range(100, 108):
        _, info = env.reset(seed=seed)
        for action in env.solution():
            assert action in info["actions"], (env.scenario.kind, action)
            *_, info = env.step(action)
            assert info["verdicts"]["state"].label not in ("incorrect", "trivial", None), (env.scenario.kind, action)
        assert info["outcome"] == 1, env.scenario.kind


@pytest.mark.parametrize("env_id", WORLDS)
def test_who_ends_early_or_answers_something_else_is_told_so(env_id):
    env = made(env_id, difficulty=2)
    for seed in range(200, 216):
        for early in (True, False):
            env.reset(seed=seed)
            if not early and not env.scenario.answers:
                continue
            for action in () if early else env.solution()[:-1]:
                env.step(action)
            *_, terminated, _, info = env.step("answer" if early else 'answer "forty-two thousand"')
            assert terminated
            assert info["outcome"] == 0, env.scenario.kind
            assert info["verdicts"]["state"].label == "incorrect", env.scenario.kind


def test_a_number_stands_for_the_same_task_in_every_process():
    told = []
    for seed, worlds in (("1", WORLDS), ("2", WORLDS[::-1])):
        command = [sys.executable, "-W", "error", "-c", FINGERPRINTS, *worlds]
        done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, timeout=120, check=False)
        assert done.stderr == ""
        told.append(sorted(done.stdout.splitlines()))
    assert told[0] == told[1]
    assert len(told[0]) == 25 * len(WORLDS)


def _moments(env, count):
    """Seeds and steps of scripts after which a field holds what was typed, and such after which a dialog is open."""
    typed, opened = [], []
    for seed in range(200):
        env.reset(seed=seed)
        actions = env.solution()
        for place, action in enumerate(actions[:-1]):
            env.step(action)
            if action.startswith("type ") and len(typed) < count:
                typed.append((seed, place + 1))
            if env.live.browser._tab.document.modal is not None and len(opened) < count:
                opened.append((seed, place + 1))
        if len(typed) == len(opened) == count:
            break
    assert typed
    return [*typed, *opened]


@pytest.mark.parametrize("env_id", WORLDS)
def test_an_episode_goes_on_from_the_middle_of_anything(env_id):
    env, other = made(env_id, difficulty=3), made(env_id, difficulty=3)
    for seed, place in _moments(made(env_id, difficulty=3, verifiers=[]), 3):
        env.reset(seed=seed)
        actions = env.solution()
        for action in actions[:place]:
            env.step(action)
        other.restore(env.snapshot())
        assert other.situation == env.situation
        for action in ("noop", *actions[place:]):
            one, two = env.step(action), other.step(action)
            assert one[:4] == two[:4], (env.scenario.kind, action)
            assert one[4]["state_key"] == two[4]["state_key"]
            assert one[4]["actions"] == two[4]["actions"]
        assert one[4]["outcome"] == 1


@pytest.mark.parametrize("env_id", WORLDS)
def test_whatever_is_typed_the_site_stands(env_id):
    env = made(env_id, difficulty=3, max_steps=300, candidates=16)
    _, info = env.reset(seed=1)
    rng, order = random.Random(1), 0
    ended = False
    while not ended:
        fields = [item for item in env.live.sight.items if item.role in ("textbox", "searchbox")]
        listed = [action for action in info["actions"] if not action.startswith("answer")] or ["noop"]
        if fields and rng.random() < 0.6:
            order += 1
            text, field = TEXTS[order % len(TEXTS)], rng.choice(fields)
            *_, terminated, truncated, info = env.step(f"type [{field.ref}] {quoted(text)}")
            action = rng.choice((f"press [{field.ref}] Enter", "press Enter", rng.choice(listed))) if not (terminated or truncated) else ""
        else:
            action = rng.choice(listed)
            terminated = truncated = False
        if action:
            _, _, terminated, truncated, info = env.step(action)
        assert info["valid"]
        ended = terminated or truncated
    assert env.solution()


@pytest.mark.parametrize("env_id", WORLDS)
def test_whatever_is_opened_the_site_stands(env_id):
    env = made(env_id, difficulty=3)
    start = env.reset(seed=1)[0].split("url: ")[1].split("\n")[0]
    host = start.split("/")[2]
    for path in ADDRESSES:
        _, _, _, truncated, info = env.step(f"goto {quoted(f'http://{host}{path}')}")
        assert info["valid"]
        if truncated:
            env.reset(seed=1)
    for url in (*ELSEWHERE, f"https://{host}/", f"http://{host}.evil.test/", f"http://user@{host}.evil.test/"):
        env.reset(seed=1)
        observation, _, _, _, info = env.step(f"goto {quoted(url)}")
        assert "Error: this address is not allowed" in observation, url
        assert info["valid"]
        assert env.live.sight.url == start
