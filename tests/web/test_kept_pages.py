"""A page that is given again is the page that would be made: the same observations, states and verdicts as without any page kept."""

import random
import re

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401 - registers the environments
from prm_gym.claims import StateStep
from prm_gym.services import Database, Table, new_image
from prm_gym.web.html import e, to_html
from prm_gym.web.kept_pages import KeptPages
from prm_gym.web.site import Request, Site, Visit

TABLES = (Table("notes", {"key": "TEXT", "text": "TEXT"}), Table("tags", {"key": "TEXT", "name": "TEXT"}))
ROWS = {"notes": [("N1", "Buy milk"), ("N2", "Call Ann")], "tags": [("T1", "urgent")]}
IMAGE = new_image(TABLES, ROWS)
TYPED = ('"a"', '"-3"', '"%"', '"2031-04-30"', '""', '"99999999999999999999"')


def site_of():
    """A page looks at the tags only where the memory says so, and so has two shapes."""
    site = Site("notes.test", "Notes")

    @site.get("/")
    def start(visit, request):
        tags = [row["name"] for row in visit.database.all("SELECT name FROM tags ORDER BY key")] if "tagged" in visit.memory else []
        return e.p([row["text"] for row in visit.database.all("SELECT text FROM notes ORDER BY key")], tags)

    @site.get("/notes/{key}")
    def note(visit, request, key):
        row = visit.database.get("notes", key)
        return e.p(f"{key}: {row and row['text']} {request.one('big')}")

    @site.get("/either")
    def either(visit, request):
        row = visit.database.get("notes", "N1")
        found = visit.database.all("SELECT name FROM tags") if row["text"] == "Buy milk" else []
        return e.p([row["text"]], [one["name"] for one in found])

    return site


def told(site, visit, path, **query):
    return to_html(site.respond(visit, Request("GET", path, {name: [value] for name, value in query.items()})).root)


def change(visit, statement, *values):
    visit.database.transact(lambda database: database.do(statement, *values))


def test_a_page_made_from_more_is_not_found_by_less():
    site = site_of()
    changed, fresh = (Visit(Database(TABLES, IMAGE), {}) for _ in range(2))
    change(changed, "UPDATE notes SET text = 'Sleep' WHERE key = 'N1'")
    assert told(site, changed, "/either") == "<p>Sleep</p>"  # made from the notes alone
    assert told(site, fresh, "/either") == "<p>Buy milkurgent</p>"  # made from the notes and the tags
    change(fresh, "UPDATE tags SET name = 'later' WHERE key = 'T1'")
    assert told(site, fresh, "/either") == "<p>Buy milklater</p>"


def test_a_page_is_made_anew_where_the_memory_lets_it_look_at_more():
    site, visit = site_of(), Visit(Database(TABLES, IMAGE), {})
    assert told(site, visit, "/") == "<p>Buy milkCall Ann</p>"
    visit.memory["tagged"] = None
    assert told(site, visit, "/") == "<p>Buy milkCall Annurgent</p>"
    change(visit, "DELETE FROM tags")
    assert told(site, visit, "/") == "<p>Buy milkCall Ann</p>"


def test_a_question_mark_in_a_path_begins_no_query():
    site, visit = site_of(), Visit(Database(TABLES, IMAGE), {})
    assert told(site, visit, "/notes/N1", big="yes") == "<p>N1: Buy milk yes</p>"
    assert told(site, visit, "/notes/N1?big=yes") == "<p>N1?big=yes: None </p>"
    assert visit.seen == ["/notes/N1?big=yes", "/notes/N1%3Fbig=yes"]
    assert told(site, visit, "/notes/N1%3Fbig=yes") == "<p>N1%3Fbig=yes: None </p>"


class Kept:
    """Switches the keeping of pages on and off, and counts the pages that were given again."""

    def __init__(self, monkeypatch):
        self.on, self.given = True, 0
        find = KeptPages.find

        def found(pages, *asked):
            page = find(pages, *asked) if self.on else None
            self.given += page is not None
            return page

        monkeypatch.setattr(KeptPages, "find", found)


def one_of(rng, info, observation, opened):
    fields = re.findall(r"^\[(\d+)\] (?:textbox|searchbox) ", observation, re.MULTILINE)
    if fields and rng.random() < 0.1:
        return f"type [{rng.choice(fields)}] {rng.choice(TYPED)}"
    if rng.random() < 0.05:
        return f'goto "{rng.choice(opened)}"'
    return rng.choice([action for action in info["actions"] if not action.startswith("answer")])


@pytest.mark.parametrize("level", [1, 3, 5])
@pytest.mark.parametrize("world", ["Shop", "Mail", "Tracker"])
def test_random_steps_are_the_same_without_pages_kept(world, level, monkeypatch):
    kept = Kept(monkeypatch)
    with_pages, without = (gym.make(f"prm_gym/{world}-v0", difficulty=level, max_steps=1000).unwrapped for _ in range(2))
    for site in with_pages.sites:  # what other tests had kept does not count
        monkeypatch.setattr(site, "_pages", KeptPages())

    def both(do):
        answers = []
        for kept.on, env in ((True, with_pages), (False, without)):
            answers.append((*do(env), env.situation, [claim for claim in claims_of(env) if isinstance(claim, StateStep)]))
        assert answers[0] == answers[1]
        return answers[0]

    for seed in range(6):
        rng = random.Random(seed)
        observation, info, *_ = both(lambda env, seed=seed: env.reset(seed=seed))
        opened = []
        for _ in range(80):
            opened.append(re.search(r"^url: (.*)$", observation, re.MULTILINE)[1])
            action = one_of(rng, info, observation, opened)
            observation, _, _, _, info, *_ = both(lambda env, action=action: env.step(action))
    assert kept.given > 40


def claims_of(env):
    return env.past_steps[-1].claims if env.past_steps else ()
