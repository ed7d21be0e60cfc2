"""A mailbox on the web: all kinds of tasks can be done, in more ways than one, and what is wrong is seen to be wrong where it happens."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mail_visits import ENVS, Visitor, begun, scripted

from prm_gym.envs.web.mail_boxes import box
from prm_gym.envs.web.mail_questions import forms
from prm_gym.envs.web.mail_rows import day_text, overlap
from prm_gym.envs.web.mail_tasks import scenario_of
from prm_gym.web import Do, choose, click, fill


def sweep(seeds):
    """Plays the script of all levels; the kinds that were met."""
    kinds = set()
    for level, env in ENVS.items():
        for seed in seeds:
            _, info = env.reset(seed=seed)
            scenario, actions = env.scenario, env.solution()
            kinds.add(scenario.kind)
            assert 2 * len(actions) <= env.levels[level] + 1, scenario.kind
            assert all(phrase in scenario.wish for phrase in scenario.phrases), scenario.kind
            for action in actions:
                assert action in info["actions"], (scenario.kind, action)
                *_, info = env.step(action)
                assert info["verdicts"]["state"].label not in ("incorrect", "trivial"), (scenario.kind, action, info["verdicts"]["state"].reason)
            assert info["outcome"] == 1, scenario.kind
    return kinds


def test_every_kind_is_solved_by_its_script():
    kinds = sweep(range(70))
    assert len(kinds) >= 180
    assert len({part for kind in kinds for part in kind.split("+")}) >= 120


@pytest.mark.sweep
def test_more_of_them():
    assert len(sweep(range(1000, 1300))) >= 600


def test_a_number_stands_for_one_task():
    for entropy in (0, 77, 2**61 + 5):
        first = scenario_of(entropy, 4)
        box.cache_clear()
        again = scenario_of(entropy, 4)
        assert (again.wish, again.goal, again.image, again.script) == (first.wish, first.goal, first.image, first.script)


def test_mailboxes_are_what_their_mails_say():
    for number in range(64):
        mine = box(number)
        assert len({mail.id for mail in mine.mails}) == len(mine.mails)
        meetings = [(one.day, one.start, one.minutes) for one in mine.events]
        assert not any(overlap(one, other) for one, other in itertools.combinations(meetings, 2))
        for _, asked, free in mine.invitations:
            assert free == (not any(overlap((asked.day, asked.start, asked.minutes), one) for one in meetings))
        assert all(mail.sender.partition("@")[2] != mine.company for mail in mine.phishing)


def test_nobody_gets_far_by_chance():
    wins = 0
    for level, env in ENVS.items():
        rng = np.random.default_rng(level)
        for seed in range(20):
            _, info = env.reset(seed=50_000 + seed)
            while info["outcome"] is None:
                *_, info = env.step(info["actions"][int(rng.integers(len(info["actions"])))])
            wins += info["outcome"]
    assert wins <= 1


def test_an_answer_without_a_look_is_worth_nothing():
    for level, env in ENVS.items():
        for seed in range(30):
            env.reset(seed=seed)
            if env.scenario.answers:
                *_, info = env.step(f'answer "{env.scenario.answers[0]}"')
                assert info["outcome"] == 0, (level, seed)


# Other ways to the same end.


def test_a_mail_can_be_found_by_turning_pages():
    env = begun("archive", 1, lambda scenario: "by-subject" in scenario.kind)
    visitor, subject = Visitor(env), env.scenario.phrases[0]
    while not any(item.role == "link" and item.name == subject for item in env.live.sight.items):
        visitor.do(click("link", "Older"))
    assert visitor.do(click("link", subject), click("button", "Archive"), Do("answer")).fine


def test_one_mail_can_be_chosen_from_a_list():
    env = begun("star", 1, lambda scenario: "by-subject" in scenario.kind)
    subject = env.scenario.phrases[0]
    visitor = Visitor(env).do(fill("Search mail", subject, "searchbox"), "press Enter", click("link", "Select several"))
    name = next(item.name for item in env.live.sight.items if item.role == "checkbox" and item.name.startswith(subject))
    assert visitor.do(click("checkbox", name), choose("With the selected", "Star"), click("button", "Apply"), Do("answer")).fine


def test_mails_can_be_labelled_one_by_one():
    env = begun("label-all/series", 3)
    series, label = env.scenario.phrases[0], next(step.text for step in env.scenario.script if step.what == "select").removeprefix("Label: ")
    visitor = Visitor(env).do(fill("Search mail", series, "searchbox"), click("button", "Search"))
    subjects = [item.name for item in env.live.sight.items if item.role == "link" and item.name.startswith(series)]
    for subject in subjects:
        if not any(item.name == subject for item in env.live.sight.items if item.role == "link"):
            visitor.do("back")
        visitor.do(click("link", subject))
        if next(item for item in env.live.sight.items if item.name == "Label").value != label:
            visitor.do(choose("Label", label))
        visitor.do(click("button", "Add label"), fill("Search mail", series, "searchbox"), click("button", "Search"))
    assert visitor.do(Do("answer")).fine


def test_a_newsletter_can_be_ended_from_its_mail():
    env = begun("unsubscribe", 1)
    visitor = Visitor(env).do(fill("Search mail", env.scenario.phrases[0], "searchbox"), click("button", "Search"))
    links = [item.name for item in env.live.sight.items if item.role == "link"]
    mail = next(mail for _, _, mails in env.scenario.facts.newsletters for mail in mails if mail.subject in links)
    assert visitor.do(click("link", mail.subject), click("button", "Unsubscribe"), Do("answer")).fine


def test_a_mail_may_be_a_draft_first():
    env = begun("new-mail/inside", 2)
    subject = env.scenario.phrases[1]
    visitor = Visitor(env).do(*scripted(env, without=2), click("button", "Save as draft"))
    assert visitor.do(click("link", subject), click("button", "Send"), Do("answer")).fine


def test_a_recipient_can_be_ticked_or_written_as_an_address():
    for how in ("tick", "address"):
        env = begun("new-mail/inside", 2)
        name, subject, text = env.scenario.phrases
        person = next(one for one in env.scenario.facts.insiders if one.name == name)
        tick = (fill("Look up a contact", name, "searchbox"), click("checkbox", f"{name}, {person.team}, {person.email}"))
        chosen = tick if how == "tick" else (fill("To", f"{name} <{person.email}>"),)
        assert Visitor(env).do(click("link", "New mail"), *chosen, fill("Subject", subject), fill("Text", text), click("button", "Send"), Do("answer")).fine


def test_an_event_can_be_made_from_the_week_and_addresses_can_be_opened():
    env = begun("event/new/plain", 2, lambda scenario: any(step.name == "Begins" for step in scenario.script))
    script = env.scenario.script
    day, begins = next(cell for cell in env.scenario.goal.items() if cell[0][2] == "day")[1], next(step for step in script if step.name == "Begins")
    second = env.scenario.facts.days.index(day) > 4
    week = 'goto "http://mail.test/calendar?week=2"' if second else 'goto "http://mail.test/calendar"'
    visitor = Visitor(env).do(week, "back", week, click("link", "New event"), fill("Title", env.scenario.phrases[0]))
    if next(item for item in env.live.sight.items if item.name == "Day").value != day_text(day):
        visitor.do(choose("Day", day_text(day)))
    assert visitor.do(begins, click("button", "Save event"), Do("answer")).fine


def test_looking_around_does_no_harm():
    env = begun("reply/by-subject", 2)
    around = (
        "Older",
        "Newer",
        "Sent",
        "Drafts",
        "Bin",
        "Labels",
        "Calendar",
        "Next week",
        "Contacts",
        "Next page",
        "Settings",
        "Filters",
        "All settings",
        "Mail",
    )
    visitor = Visitor(env).do(*(click("link", name) for name in around))
    unread = next(item.name for place, item in enumerate(env.live.sight.items) if item.role == "link" and "unread" in env.live.sight.items[place + 1].name)
    visitor.do(click("link", unread), click("button", "Mark as unread"), *scripted(env))
    assert visitor.fine
    assert "trivial" not in visitor.labels


def test_an_answer_may_be_written_in_several_ways():
    assert {"2026-04-09", "9 April 2026", "April 9, 2026", "Thursday 9 April"} <= set(forms("Thu 9 April 2026"))
    assert {"13:00", "1:00 pm", "1pm"} <= set(forms("13:00"))
    assert "12:00 am" not in forms("12:00")
    assert forms("Room Birch") == ("Room Birch", "Birch")
    assert forms("23") == ("23",)
