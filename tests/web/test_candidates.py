"""What is listed on a page for agents that choose: what can be done comes first, and then what the page says."""

import random

import gymnasium as gym
import pytest

from prm_gym.testing.both_modes import kind_of
from prm_gym.web import Item, Sight
from prm_gym.web.candidates import listed_actions

WORLDS = ("prm_gym/Shop-v0", "prm_gym/Mail-v0", "prm_gym/Tracker-v0")


def listed(items, sought="text", most=64, phrases=(), frame=frozenset()):
    return listed_actions(Sight("http://notes.test/", "Notes", tuple(items)), 0, phrases, sought, most, frame)


def answers(found):
    return {action.removeprefix("answer").strip().strip('"') for action in found if action.startswith("answer")} - {"", "impossible"}


def test_of_a_named_value_only_the_value_is_an_answer():
    found = listed([Item(0, "text", "Begins: 13:30 | Room Birch"), Item(1, "link", "Invitation: Tea")])
    assert {'answer "13:30"', 'answer "Room Birch"', 'answer "Invitation: Tea"', 'answer "impossible"'} <= set(found)
    assert not {'answer "Begins: 13:30"', 'answer "13"', 'answer "30"'} & set(found)


def test_of_a_count_only_numbers_are_answers_and_of_other_questions_no_digits():
    page = [Item(1, "link", "Bin (4)"), Item(2, "link", "Tea (12)"), Item(0, "heading", "Mugs"), Item(0, "text", "Pieces: 31"), Item(0, "text", "Seen 3 times")]
    assert answers(listed(page, sought="number", phrases=("Mugs",))) == {*"0123456789", "31"}
    assert answers(listed(page, phrases=("Mugs",), frame=frozenset(["Bin"]))) == {"Tea (12)", "Mugs", "31", "Seen 3 times", "3"}
    assert answers(listed(page, sought="")) == set()


@pytest.mark.parametrize("env_id", WORLDS)
def test_the_frame_is_what_stands_in_header_and_footer_of_every_page(env_id):
    # Asked of the trees of the pages, which only the text mode has.
    env = gym.make(env_id, difficulty=3, verifiers=[], max_steps=200).unwrapped
    env.reset(seed=1)
    rng = random.Random(1)
    for _ in range(40):
        for part in env.live.browser._tab.document.html.all():
            if part.tag in ("header", "footer"):
                names = {"".join(map(str, node.children)).partition(" (")[0].replace("&amp;", "&") for node in part.all() if node.tag == "a"}
                assert names <= env.frame
        listed = [action for action in env.situation.actions if not action.startswith("answer")]
        if env.step(rng.choice(listed))[3]:
            break


@pytest.mark.parametrize("env_id", WORLDS)
@pytest.mark.parametrize("level", [1, 3])
def test_a_right_answer_that_is_seen_is_listed(env_id, level):
    env = gym.make(env_id, difficulty=level, verifiers=[]).unwrapped
    asked = [seed for seed in range(120) if kind_of(env, seed).startswith("ask/")]
    assert len(asked) >= 20
    for seed in asked:
        env.reset(seed=seed)
        *way, answer = env.solution()
        for action in way:
            env.step(action)
        assert answer in env.situation.actions, env.scenario.kind


@pytest.mark.parametrize("env_id", WORLDS)
def test_who_chooses_at_random_succeeds_almost_never_and_does_not_answer_at_once(env_id):
    env = gym.make(env_id, difficulty=2, verifiers=[]).unwrapped
    lengths, successes = [], 0
    for seed in range(150):
        _, info = env.reset(seed=seed)
        rng, steps, ended = random.Random(seed), 0, False
        while not ended:
            _, _, terminated, truncated, info = env.step(rng.choice(info["actions"]))
            steps, ended = steps + 1, terminated or truncated
        successes += info["outcome"] == 1.0
        lengths.append(steps)
    assert successes <= 1
    assert sum(lengths) / len(lengths) > 4


def test_small_numbers_are_listed_wherever_they_stand():
    many = [Item(0, "text", f"line of words {letter}") for letter in "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"]
    found = listed([*many, Item(0, "text", "3 | 7")], sought="anything")
    assert {'answer "3"', 'answer "7"', 'answer "0"'} <= set(found)
    assert len(found) == len(set(found)) <= 64


def test_what_can_be_done_goes_before_what_can_be_said():
    buttons = [Item(number, "button", f"Button {number}") for number in range(1, 41)]
    lines = [Item(0, "text", f"line {number} of words") for number in range(60)]
    found = listed([*buttons, *lines])
    assert sum(action.startswith("click") for action in found) == 40
    assert len(found) == 64
