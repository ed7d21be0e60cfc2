"""What is listed on a page for agents that choose: what can be done comes first, and then what the page says."""

from prm_gym.web import Item, Sight
from prm_gym.web.candidates import listed_actions


def listed(items, asked=True, most=64, phrases=()):
    return listed_actions(Sight("http://notes.test/", "Notes", tuple(items)), 0, phrases, asked, most)


def test_of_a_named_value_only_the_value_is_an_answer():
    found = listed([Item(0, "text", "Begins: 13:30 | Room Birch"), Item(1, "link", "Invitation: Tea")])
    assert {'answer "13:30"', 'answer "Room Birch"', 'answer "Invitation: Tea"', 'answer "impossible"'} <= set(found)
    assert not {'answer "Begins: 13:30"', 'answer "13"', 'answer "30"'} & set(found)


def test_small_numbers_are_listed_wherever_they_stand():
    many = [Item(0, "text", f"line of words {letter}") for letter in "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"]
    found = listed([*many, Item(0, "text", "3 | 7")])
    assert {'answer "3"', 'answer "7"', 'answer "0"'} <= set(found)
    assert len(found) == len(set(found)) <= 64


def test_what_can_be_done_goes_before_what_can_be_said():
    buttons = [Item(number, "button", f"Button {number}") for number in range(1, 41)]
    lines = [Item(0, "text", f"line {number} of words") for number in range(60)]
    found = listed([*buttons, *lines])
    assert sum(action.startswith("click") for action in found) == 40
    assert len(found) == 64
