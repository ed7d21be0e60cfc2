"""A real browser sees what the text mode sees, character for character, whatever is done; and what goes wrong with it spoils an episode, and pays nothing."""

import contextlib
import random
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import notes

from prm_gym.env import StepEnv
from prm_gym.errors import EnvironmentFault, OptionError
from prm_gym.vector import StepVectorEnv
from prm_gym.web.actions import quoted

TYPED = [
    "press Enter",
    "press Escape",
    'type [6] "a b"',
    'type [2] "Tax"',
    "click [2]",
    "click [7]",
    "back",
    "tab 1",
    "tab 2",
    "click [99]",
    "scroll down",
    "nonsense",
]


@pytest.fixture(scope="module")
def pair(chromium):
    envs = notes.NotesEnv(max_steps=40), notes.NotesEnv(mode="browser", max_steps=40)
    yield envs
    for env in envs:
        env.close()


def same(text, real):
    assert real[0] == text[0]
    info, other = text[-1], real[-1]
    assert other["valid"]
    for key in ("task_key", "state_key", "actions", "outcome"):
        assert other[key] == info[key]
    assert text[1:-1] == real[1:-1]
    for name, verdict in info["verdicts"].items():
        assert (other["verdicts"][name].label, other["verdicts"][name].reason) == (verdict.label, verdict.reason)


@pytest.mark.parametrize("seed", range(6))
def test_random_episodes_are_the_same(pair, seed):
    text, real = pair
    one, two = text.reset(seed=seed), real.reset(seed=seed)
    same(one, two)
    rng = random.Random(seed)
    ended = False
    while not ended:
        listed = [action for action in one[-1]["actions"] if not action.startswith("answer")]
        action = rng.choice(listed + TYPED)
        one, two = text.step(action), real.step(action)
        same(one, two)
        ended = one[2] or one[3]


FORMS = [
    # What was typed is not filled in again by going back; the enter key ends a line; a form is sent whatever stands in it.
    ['type [2] "Tax"', 'goto "http://notes.test/help"', "back"],
    ["click [4]", 'type [7] "one"', "press Enter", "press Enter"],
    ["click [4]", 'type [6] "No"', "press Enter"],
]


@pytest.mark.parametrize("actions", FORMS)
def test_forms_are_the_same(pair, actions):
    text, real = pair
    same(text.reset(seed=0), real.reset(seed=0))
    for action in actions:
        same(text.step(action), real.step(action))


@pytest.mark.parametrize("seed", [0, 2])
def test_the_script_does_it_in_the_real_browser(pair, seed):
    _, real = pair
    real.reset(seed=seed)
    for action in real.solution():
        result = real.step(action)
    assert result[-1]["outcome"] == 1.0


def test_a_snapshot_of_the_text_mode_goes_on_in_the_real_browser(pair):
    text, real = pair
    text.reset(seed=2)
    for action in text.solution()[:3]:
        text.step(action)
    saved = text.snapshot()
    real.restore(saved)
    assert real.live.sight.items == text.live.sight.items
    for action in text.solution()[3:]:
        same(text.step(action), real.step(action))


def test_all_pages_of_a_vector_env_step_at_once(chromium):
    real, text = StepVectorEnv(notes.NotesEnv, 3, mode="browser"), StepVectorEnv(notes.NotesEnv, 3)
    try:
        assert real.reset(seed=5)[0] == text.reset(seed=5)[0]
        for actions in (["click [4]", "click [99]", "nonsense"], ['type [6] "x"', "click [1]", "answer"], ["click [12]", "back", "noop"]):
            one, two = text.step(actions), real.step(actions)
            assert one[0] == two[0]
            assert all((a == b).all() for a, b in zip(one[1:4], two[1:4], strict=True))
    finally:
        real.close()


def test_a_page_that_dies_spoils_its_episode_alone(chromium):
    envs = [notes.NotesEnv(mode="browser", reward="dense") for _ in range(2)]
    try:
        for env in envs:
            env.reset(seed=1)
        page = envs[0].live.browser.page
        with contextlib.suppress(EnvironmentFault):
            page.pool.call(page.live.command("Page.crash", {}), 5)
        spoilt, good = StepEnv.step_batch(envs, ["click [1]", "click [1]"], envs[0].verifiers)
        assert (spoilt[1], spoilt[2], spoilt[3]) == (0.0, False, True)
        assert not spoilt[-1]["valid"]
        assert spoilt[-1]["outcome"] is None
        assert good[-1]["valid"]
        assert envs[0].reset(seed=1)[1]["valid"]
        assert envs[0].step("click [1]")[-1]["valid"]
    finally:
        for env in envs:
            env.close()


def test_a_screenshot_and_the_accessibility_tree_are_had_on_request(chromium):
    env = notes.NotesEnv(mode="browser", show=("screenshot", "accessibility"))
    try:
        _, info = env.reset(seed=1)
        assert info["screenshot"].startswith(b"\x89PNG")
        assert "Taxes" in info["accessibility"]
        assert env.step("click [4]")[-1]["screenshot"] != info["screenshot"]
    finally:
        env.close()
    with pytest.raises(OptionError, match="mode 'text'"):
        notes.NotesEnv(show=("screenshot",))


ODD_ADDRESSES = [
    "/notes/1%3Fq=a",
    "/notes/1%23part",
    "/%0A",
    "/\\notes",
    "/?q=" + "a" * 2500,
    "/" + "é" * 900,
    "/" + "é" * 1400,
    ":8080/",
    "./",
]


def test_odd_addresses_are_read_alike(pair):
    text, real = pair
    same(text.reset(seed=0), real.reset(seed=0))
    host = re.search(r"http://[^/]+", text.live.sight.url)[0]
    for address in (*(host + odd for odd in ODD_ADDRESSES), host.replace("http", "https") + "/", "//" + host.removeprefix("http://"), "about:blank"):
        action = f"goto {quoted(address)}"
        same(text.step(action), real.step(action))


@pytest.mark.parametrize("text", ["a\u2028b", "a\u0085[9] b", "a\u3000\u2003b", "a\x0b\x1fb", "\U0001f600" * 170])
def test_white_space_and_length_are_those_of_pages(pair, text):
    envs = pair
    same(*(env.reset(seed=0) for env in envs))
    field = re.search(r"^\[(\d+)\] (?:searchbox|textbox) ", envs[0].situation.observation, re.MULTILINE)[1]
    for action in (f"type [{field}] {quoted(text)}", "press Enter"):
        same(*(env.step(action) for env in envs))
    assert not re.search(r"[\x0b\x1f\x85\u2028]", envs[0].situation.observation)
