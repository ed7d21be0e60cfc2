"""Pages for people: in the terminal, and in a browser's window that the verifiers watch."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import notes

from prm_gym import cli
from prm_gym.browser import find_browser
from prm_gym.commands.browsing import action_of, page_text, view_of
from prm_gym.commands.headed import headed_options, watch
from prm_gym.envs.logic.sokoban import SokobanEnv
from prm_gym.errors import OptionError
from prm_gym.web import read_action


@pytest.fixture
def env():
    made = notes.NotesEnv()
    made.reset(seed=0)
    return made


def test_elements_stand_in_columns():
    page = '! a note\nError: no\n# H\n[4] link "Blue"\n[12] textbox "A \\"b\\"" value "x" focused\n[7] button ""\n- [9] link "x"'
    assert page_text(page, colours=False).split("\n") == [
        "! a note",
        "Error: no",
        "",
        "       H",
        "   4   link       Blue",
        '  12   textbox    "A \\"b\\"" value "x" focused',
        "   7   button     (no name)",
        '       [9] link "x"',
    ]
    assert "\033[1m" in page_text(page, colours=True)


@pytest.mark.parametrize(
    ("typed", "action"),
    [
        ("12", "click [12]"),
        (" [12] ", "click [12]"),
        ("12 = a mug", 'type [12] "a mug"'),
        ('12 = say "hi"', 'type [12] "say \\"hi\\""'),
        ("12 =", 'type [12] ""'),
        ("down", "scroll down"),
        ("Enter", "press Enter"),
        ("go http://notes.test/", 'goto "http://notes.test/"'),
        ("back", "back"),
        ("answer 12 = 3", "answer 12 = 3"),
        ("done", "answer"),
    ],
)
def test_what_a_person_types(env, typed, action):
    assert action_of(typed, view_of(env)) == action
    assert not hasattr(read_action(action), "reason")


def test_a_list_is_chosen_from(env):
    box = next(item for item in env.live.sight.items if item.role == "combobox")
    assert action_of(f"{box.ref} = by text", view_of(env)) == f'select [{box.ref}] "by text"'


def test_other_environments_show_no_pages():
    env = SokobanEnv()
    env.reset(seed=0)
    assert view_of(env) is None


def test_a_shop_is_played_in_the_terminal(capsys, monkeypatch):
    typed = iter(["2 = mug", "enter", "99", "?", "answer impossible"])
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    cli.main(["play", "--env", "prm_gym/Shop-v0"])
    shown = capsys.readouterr().out
    assert "   2   searchbox  " in shown
    assert "Error: there is no element [99]" in shown
    assert shown.count("click [1] ") <= 1 < shown.count("   1   link")
    assert "The episode is over. Outcome:" in shown


def test_headed_needs_pages_and_a_display(monkeypatch):
    with pytest.raises(OptionError, match="shows no pages"):
        headed_options("prm_gym/Deduction-v0", {})
    monkeypatch.setenv("DISPLAY", ":0")
    given = headed_options("prm_gym/Shop-v0", {"difficulty": 1, "browser": {"width": 800}})
    assert (given["mode"], given["difficulty"], given["browser"]) == ("browser", 1, {"headed": True, "frames": True, "width": 800})
    assert "mode" not in headed_options("prm_gym/Site-v0", {})
    if sys.platform.startswith("linux"):
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        with pytest.raises(OptionError, match="DISPLAY"):
            headed_options("prm_gym/Shop-v0", {})


class Person:
    """Somebody who uses the page itself, while the terminal is watched."""

    def __init__(self, env, monkeypatch):
        self.env, self.said = env, []
        reading, self.writing = os.pipe()
        self.reading = os.fdopen(reading)
        monkeypatch.setattr(sys, "stdin", self.reading)
        self.thread = threading.Thread(target=watch, args=(env, self.said.append))
        self.thread.start()

    def waits_for(self, text):
        end = time.monotonic() + 20
        while not any(text in line for line in self.said):
            assert time.monotonic() < end, self.said
            time.sleep(0.02)

    def types(self, line):
        os.write(self.writing, f"{line}\n".encode())

    def leaves(self):
        self.thread.join(20)
        os.close(self.writing)
        assert not self.thread.is_alive()
        for thread in threading.enumerate():
            if thread.name == "prm_gym terminal":
                thread.join(5)
        self.reading.close()


def does_the_task(env, monkeypatch):
    env.reset(seed=2)
    *steps, last = env.solution()
    person = Person(env, monkeypatch)
    for action in steps:
        assert env.live.browser.act(read_action(action)).error == ""
        time.sleep(0.3)
    person.waits_for("+ reached: ")
    person.types(last)
    person.waits_for("The episode is over. Outcome: 1.0")
    person.leaves()
    assert any(line.strip().startswith("* notes ") for line in person.said)
    return person


def test_what_a_person_does_in_the_page_is_judged(chromium, monkeypatch):
    env = notes.NotesEnv(mode="browser", reward="dense", max_steps=1000)
    try:
        does_the_task(env, monkeypatch)
    finally:
        env.close()


def test_the_window_may_be_closed_or_the_terminal_left(chromium, monkeypatch):
    env = notes.NotesEnv(mode="browser", max_steps=1000)
    try:
        env.reset(seed=2)
        person = Person(env, monkeypatch)
        person.waits_for("task:")
        page = env.live.browser.page
        page.pool.call(page.live.context.close(), 10)
        person.waits_for("The window is gone")
        person.leaves()
        env.reset(seed=2)
        person = Person(env, monkeypatch)
        person.types("")
        person.leaves()
    finally:
        env.close()


@pytest.mark.slow
def test_in_a_window(chromium, monkeypatch):
    found = find_browser(headed=True)
    if not found.path or not shutil.which("Xvfb"):
        pytest.skip(f"NO WINDOW: {found.reason or 'Xvfb is not installed'}")
    reading, writing = os.pipe()
    with subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1360x860x24"], pass_fds=[writing], stderr=subprocess.DEVNULL) as display:
        try:
            monkeypatch.setenv("DISPLAY", f":{int(os.read(reading, 16))}")
            env = notes.NotesEnv(mode="browser", browser={"headed": True, "frames": True}, max_steps=1000)
            try:
                does_the_task(env, monkeypatch)
                assert len(env.live.browser.screenshot()) > 5_000
            finally:
                env.close()
                env.live.browser.pool.close()
        finally:
            display.terminate()
            os.close(reading)
            os.close(writing)
