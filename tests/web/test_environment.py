"""WorldEnv: what its steps claim, what pays, and what does not; on the small world of notes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import notes

from prm_gym.errors import OptionError
from prm_gym.testing import check_step_env

ASKED, WANTED = 0, 2  # seeds: "Which tag has the note ...?", "Write a note ..."


def made(seed, **options):
    env = notes.NotesEnv(**options)
    env.reset(seed=seed)
    assert env.scenario.answers == (("work",) if seed == ASKED else ())
    return env


def label(env, action):
    info = env.step(action)[-1]
    return info["verdicts"]["state"].label


def test_the_contract():
    check_step_env(notes.NotesEnv, seeds=[ASKED, WANTED])


@pytest.mark.parametrize("seed", [ASKED, WANTED])
def test_the_script_earns_the_outcome_and_no_step_of_it_is_wrong(seed):
    env = made(seed)
    progress, labels = [], []
    for action in env.solution():
        assert action in env.situation.actions
        _, _, terminated, _, info = env.step(action)
        progress.append(info["verdicts"]["state"].evidence["progress"])
        labels.append(info["verdicts"]["state"].label)
    assert terminated
    assert info["outcome"] == 1.0
    assert set(labels) <= {"correct", "neutral"}
    assert labels[-1] == "correct"
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


@pytest.mark.parametrize("action", ['goto "x\\nurl: http://notes.test/notes/1\\ny"', 'goto "x\\u2028[9] button \\"Save\\""'])
def test_what_an_agent_writes_looks_like_no_line_of_a_page(action):
    env = made(ASKED)
    page = env.situation.observation.splitlines()[1:]
    observation = env.step(action)[0]
    assert observation.splitlines()[1].startswith("Error: this address is not allowed: x ")
    assert observation.splitlines()[2:] == page


def test_steps_that_do_nothing_or_cannot_be_done():
    env = made(ASKED)
    assert label(env, "noop") == "trivial"
    assert label(env, "noop") == "incorrect"  # again, in the same state
    assert label(env, "click [99]") == "incorrect"
    assert "made up" in env.step("click [98]")[-1]["verdicts"]["state"].reason
    assert label(env, 'click [4] link "Help"') == "incorrect"
    assert env.situation.observation.splitlines()[1] == 'Error: [4] is link "New note", not link "Help"'
    assert label(env, "press Tab") == "malformed"
    assert label(env, "drag [1] [2]") == "malformed"
    assert env.situation.observation.splitlines()[1].startswith("Error: ")


def test_what_nobody_wants_is_wrong_and_costs_the_outcome():
    env = made(WANTED)
    env.step("click [8]")  # Milk
    opener = next(item.ref for item in env.live.sight.items if item.name == "Delete")
    env.step(f"click [{opener}]")
    assert label(env, f"click [{opener + 2}]") == "incorrect"
    for action in env.solution():
        result = env.step(action)
    assert result[-1]["outcome"] == 0.0
    assert result[-1]["verdicts"]["state"].label == "incorrect"


def test_a_form_that_the_site_refuses_changes_nothing_and_is_wrong():
    env = made(WANTED)
    env.step("click [4]")
    _, _, _, _, info = env.step('click [12] button "Save"')
    assert info["verdicts"]["state"].label == "incorrect"
    assert "three letters" in info["verdicts"]["state"].reason
    assert env.live.pursuit.rows.changes() == ()


def test_an_answer_counts_when_its_page_was_seen():
    env = made(ASKED)
    _, _, terminated, _, info = env.step('answer "work"')
    assert terminated
    assert info["outcome"] == 0.0
    env = made(ASKED)
    env.step("click [9]")
    assert env.step('answer "Work."')[-1]["outcome"] == 1.0
    env = made(ASKED)
    env.step("click [9]")
    assert env.step('answer "home"')[-1]["outcome"] == 0.0


def test_a_milestone_pays_once():
    env = made(ASKED)
    assert label(env, "click [9]") == "correct"
    assert label(env, "back") == "neutral"
    assert label(env, "click [9]") != "correct"


def test_who_looks_something_up_twice_makes_no_mistake_and_who_goes_round_does():
    env = made(ASKED)
    milk = next(item.ref for item in env.live.sight.items if item.name == "Milk")
    # The first round may show what was not known; the second is a look at something again; from the third on it is a loop, also where it is worded otherwise.
    assert [label(env, action) for action in (f"click [{milk}]", "back")] == ["neutral"] * 2
    assert [label(env, action) for action in (f"click [{milk}]", "back")] == ["neutral"] * 2
    assert [label(env, action) for action in (f'click [{milk}] link "Milk"', "back")] == ["incorrect"] * 2
    # What is needed was not read yet. With it begins another state, and all may be looked at again.
    assert [label(env, action) for action in ("click [9]", "back", f"click [{milk}]")] == ["correct", "neutral", "neutral"]


def test_scrolling_shows_the_other_items(monkeypatch):
    monkeypatch.setattr("prm_gym.web.observation.WINDOW", 5)
    monkeypatch.setattr("prm_gym.web.observation.OVERLAP", 1)
    env = made(ASKED)
    first = env.situation
    assert "items below: scroll down" in first.observation
    _, _, _, _, info = env.step("scroll down")
    assert "(4 items above: scroll up)" in env.situation.observation
    assert info["state_key"] != first.state_key
    env.step("scroll up")
    assert env.situation.observation == first.observation


def test_a_snapshot_in_the_middle_of_a_form_goes_on_elsewhere():
    env = made(WANTED)
    for action in env.solution()[:3]:
        env.step(action)
    other = notes.NotesEnv()
    other.restore(env.snapshot())
    assert other.live.sight.items == env.live.sight.items
    for action in env.solution()[3:]:
        one, two = env.step(action), other.step(action)
        assert one[:4] == two[:4]
        assert one[-1]["state_key"] == two[-1]["state_key"]
    assert two[-1]["outcome"] == 1.0


@pytest.mark.parametrize("options", [{"mode": "fast"}, {"browser": {"frames": True}}, {"candidates": 3}, {"difficulty": 9}])
def test_options_that_cannot_be_honoured(options):
    with pytest.raises(OptionError):
        notes.NotesEnv(**options)


def test_no_text_of_an_agent_raises():
    env = made(ASKED, max_steps=200)
    for action in (
        'goto "http://[::1"',
        'goto "http://notes.test/%zz?q=%ff&&=;"',
        "tab 999",
        'type [2] "' + "a" * 3999 + '"',
        "click [000001]",
        'answer "' * 3,
        "press [2] Enter",
    ):
        if not env.step(action)[2]:
            continue
        env.reset(seed=ASKED)
