"""Tracker-v0: every kind of task can be done, other sensible ways are right, and wrong ones are told at the step where they go wrong."""

import collections

import gymnasium as gym
import numpy as np
import pytest

from prm_gym.envs.web.tracker import TrackerEnv
from prm_gym.envs.web.tracker_changes import Clerk
from prm_gym.envs.web.tracker_pages import SITE
from prm_gym.envs.web.tracker_plans import plan_of
from prm_gym.envs.web.tracker_rows import COMPANIES, TABLES, company_of
from prm_gym.envs.web.tracker_tasks import Draw, scenario_from, searched
from prm_gym.envs.web.tracker_wiki import sections_of, with_section
from prm_gym.errors import RefusedError
from prm_gym.services import Database
from prm_gym.web import Checkpoint, Do, Part, action_text, choose, click, fill
from prm_gym.web.html import to_html
from prm_gym.web.scenario import resolved
from prm_gym.web.site import Visit, read_request

COMPANY = company_of(3)
MINE, OTHER, GUEST = COMPANY.projects
HOST = "http://tracker.test"
work = Draw(np.random.default_rng(0), COMPANY, 3).work


class Player:
    """Does steps by role and name in an episode of a fixed task, and keeps the verdicts."""

    def __init__(self, *parts, most=60):
        self.env = gym.make("prm_gym/Tracker-v0", difficulty=3, max_steps=most).unwrapped
        self.env.scenario_of = lambda entropy: scenario_from(COMPANY, parts)
        _, self.info = self.env.reset(seed=0)
        self.labels, self.reasons = [], []

    @property
    def names(self):
        return [item.name for item in self.env.live.sight.items]

    def act(self, text):
        self.observation, *_, self.info = self.env.step(text)
        verdict = self.info["verdicts"]["state"]
        self.labels.append(verdict.label)
        self.reasons.append(verdict.reason)
        return self

    def do(self, *steps):
        for step in steps:
            action = resolved(step, self.env.live.sight)
            assert action is not None, (step, self.names)
            self.act(action_text(action))
        return self

    def end(self, text=""):
        return self.do(Do("answer", text=text))

    @property
    def outcome(self):
        return self.info["outcome"]

    def is_right(self):
        return self.outcome == 1 and "incorrect" not in self.labels


def some(project, fits=lambda issue: issue.is_open and not issue.twin):
    return next(issue for issue in project.issues if fits(issue))


def changing(issue, field, value, wish="Change it."):
    return Part(kind="x", wish=wish, script=(click("link", "Tracker"),), works=(work(Clerk.change, issue.key, field, value),))


def opening(project, issue, how="key"):
    return searched(project, issue, how).script


ISSUE = some(MINE, lambda issue: issue.is_open and issue.assignee not in ("", COMPANY.me.key))
PERSON = next(person for person in MINE.workers if person.key not in (ISSUE.assignee, COMPANY.me.key))


@pytest.mark.parametrize("level", range(1, 6))
def test_every_task_is_solved_by_its_script(level):
    env = gym.make("prm_gym/Tracker-v0", difficulty=level).unwrapped
    for seed in range(40):
        _, info = env.reset(seed=seed)
        scenario, actions = env.scenario, env.solution()
        assert 2 * len(actions) <= env.levels[level]
        assert all(phrase in scenario.wish for phrase in scenario.phrases), scenario.wish
        for action in actions:
            assert action in info["actions"], (scenario.kind, action)
            *_, info = env.step(action)
            assert info["verdicts"]["state"].label not in ("incorrect", "trivial", None), (scenario.kind, action)
        assert info["outcome"] == 1, scenario.kind


def _kinds(count):
    found = collections.Counter()
    for level in range(1, 6):
        for entropy in range(count):
            found[plan_of(np.random.default_rng(entropy), company_of(entropy % COMPANIES), level).kind] += 1
    return found


def test_there_are_many_kinds_of_tasks():
    found = _kinds(120)
    total = sum(found.values())
    asked = sum(number for kind, number in found.items() if "ask/" in kind or "impossible/" in kind)
    assert len(found) >= 120
    assert 0.25 < asked / total < 0.42
    assert sum(number for kind, number in found.items() if "impossible" in kind) > 0.02 * total
    assert sum(number for kind, number in found.items() if kind.endswith("/trap")) > 0.1 * total


@pytest.mark.sweep
@pytest.mark.parametrize("level", range(1, 6))
def test_many_tasks_are_solved(level):
    env = gym.make("prm_gym/Tracker-v0", difficulty=level).unwrapped
    for seed in range(1_000, 1_600):
        _, info = env.reset(seed=seed)
        for action in env.solution():
            assert action in info["actions"], (env.scenario.kind, action)
            *_, info = env.step(action)
        assert info["outcome"] == 1, env.scenario.kind


# Other ways to the same.


def test_a_field_is_changed_on_the_page_or_in_the_form():
    for ways in ((choose("Assignee", PERSON.name),), (click("link", "Edit"), choose("Assignee", PERSON.name), click("button", "Save changes"))):
        assert Player(changing(ISSUE, "assignee", PERSON.key)).do(*opening(MINE, ISSUE), *ways).end().is_right()


def test_an_issue_is_found_by_its_list_its_filters_or_its_address():
    part, name = changing(ISSUE, "assignee", PERSON.key), next(person.name for person in MINE.workers if person.key == ISSUE.assignee)
    filtered = (click("link", "Filter"), choose("Assignee", name), choose("Priority", ISSUE.priority), click("button", "Show issues"))
    assert Player(part).do(click("link", MINE.name), *filtered, click("link", ISSUE.link), choose("Assignee", PERSON.name)).end().is_right()
    assert Player(part).act(f'goto "{HOST}/issues/{ISSUE.key}"').do(choose("Assignee", PERSON.name)).end().is_right()
    typed = Player(part).do(fill("Search", "the", "searchbox")).act("press Enter")
    other = next(name for item in typed.env.live.sight.items if (name := item.name).startswith(MINE.key) and name != ISSUE.link)
    wrong = typed.do(click("link", other)).act("back").do(fill("Search", ISSUE.title[4:], "searchbox")).act("press Enter")
    assert wrong.do(click("link", ISSUE.link), choose("Assignee", PERSON.name)).end().is_right()


def test_many_issues_are_changed_at_once_or_one_by_one():
    found = [issue for issue in MINE.issues if issue.is_open and issue.assignee == ISSUE.assignee]
    assert len(found) > 1
    part = Part(
        kind="x", wish="Move them.", script=(click("link", "Tracker"),), works=tuple(work(Clerk.change, one.key, "assignee", PERSON.key) for one in found)
    )
    single = [step for one in found for step in (*opening(MINE, one), choose("Assignee", PERSON.name))]
    assert Player(part).do(*single).end().is_right()
    name = next(person.name for person in MINE.workers if person.key == ISSUE.assignee)
    shown = (click("link", MINE.name), click("link", "Filter"), choose("Assignee", name), click("button", "Show issues"))
    chosen = [click("checkbox", f"Choose {one.key}") for one in found]
    form = (click("button", "Change the chosen ones"), choose("Assignee", PERSON.name), click("button", f"Change {len(found)} issues"))
    assert Player(part).do(*shown, *chosen, *form).end().is_right()


def test_an_issue_is_created_with_its_fields_or_gets_them_later():
    values = {"title": "The logo is blurred", "assignee": PERSON.key, "priority": "High"}
    key = f"{MINE.key}-{max(issue.number for issue in MINE.issues) + 1}"
    passing = {("issues", key, "assignee"): ("",), ("issues", key, "priority"): ("Normal",)}
    part = Part(kind="x", wish="Report it.", script=(click("link", "Tracker"),), works=(work(Clerk.create, MINE.key, values),), passing=passing)
    form = (click("link", MINE.name), click("link", "New issue"), fill("Title", "The logo is blurred"))
    fields = (choose("Assignee", PERSON.name), choose("Priority", "High"))
    assert Player(part).do(*form, *fields, click("button", "Create issue")).end().is_right()
    assert Player(part).do(*form, click("button", "Create issue"), *fields).end().is_right()
    bare = Player(part).do(*form, click("button", "Create issue")).end()
    assert (bare.outcome, bare.labels[-1]) == (0, "incorrect")
    again = (click("link", "Tracker"), *form, *fields, click("button", "Create issue"))
    twice = Player(part).do(*form, *fields, click("button", "Create issue"), *again)
    assert twice.labels[-1] == "incorrect"
    assert twice.end().outcome == 0


def test_a_wiki_page_is_written_by_section_or_as_a_whole():
    page = next(page for page in MINE.wiki.pages if page.title == "Triage")
    text = page.versions[-1].text
    name = sections_of(text)[-1][0]
    new = with_section(text, name, "Ask at the desk.")
    part = Part(kind="x", wish='It should read "Ask at the desk."', script=(click("link", "Tracker"),), works=(work(Clerk.write_page, page.key, new, ""),))
    there = (click("link", MINE.name), click("link", "Wiki"), click("link", "Triage"))
    assert Player(part).do(*there, click("link", f"Edit {name}"), fill("Text", " Ask at  the desk. "), click("button", "Save page")).end().is_right()
    assert Player(part).do(*there, click("link", "Edit the whole page"), fill("Text", new), click("button", "Save page")).end().is_right()
    wrong = Player(part).do(*there, click("link", "Edit the whole page"), fill("Text", "Ask at the desk."), click("button", "Save page"))
    assert wrong.labels[-1] == "incorrect"
    mended = wrong.do(click("link", "Old versions"), click("link", f"Version {len(page.versions)}"), click("button", "Restore this version"))
    assert (
        mended.do(click("button", "Restore it"), click("link", f"Edit {name}"), fill("Text", "Ask at the desk."), click("button", "Save page")).end().outcome
        == 1
    )


def test_a_count_may_be_made_by_hand():
    number = sum(issue.is_open for issue in MINE.issues)
    tells = Checkpoint("read the issues", path=rf"/projects/{MINE.key}/(issues|board)(\?.*)?")
    part = Part(kind="ask", wish="How many are open?", script=(), answers=(str(number),), checkpoints=(tells,), required=(tells.name,))
    assert Player(part).do(click("link", MINE.name), click("link", "Next page")).end(str(number)).is_right()
    guess = Player(part).end(str(number))
    assert (guess.outcome, guess.labels) == (0, ["incorrect"])
    wrong = Player(part).do(click("link", MINE.name)).end(str(number + 1))
    assert (wrong.outcome, wrong.labels[-1]) == (0, "incorrect")


# Wrong ways.


def test_wrong_changes_are_told_where_they_are_made():
    value = "Low" if ISSUE.priority != "Low" else "High"
    part, other = changing(ISSUE, "priority", value), some(MINE, lambda one: one.is_open and one.key != ISSUE.key)
    wrong = next(one for one in ("Normal", "Urgent") if one != ISSUE.priority)
    player = Player(part).do(*opening(MINE, ISSUE), choose("Priority", wrong))
    assert player.labels[-1] == "incorrect"
    assert player.do(choose("Priority", value)).end().outcome == 1  # it can be made good
    stray = Player(part).do(*opening(MINE, other), choose("Milestone", "No milestone") if other.milestone else choose("State", "In review"))
    assert stray.labels[-1] == "incorrect"
    early = Player(part).do(*opening(MINE, ISSUE)).end()
    assert (early.outcome, early.labels[-1]) == (0, "incorrect")
    commented = Player(part).do(*opening(MINE, ISSUE), fill("New comment", "Done"), click("button", "Add comment"))
    assert commented.labels[-1] == "incorrect"
    assert commented.do(click("button", "Delete my comment"), choose("Priority", value)).end().outcome == 1


def test_an_issue_is_opened_before_it_is_closed():
    newest = max((issue for issue in MINE.issues if issue.is_open), key=lambda one: one.number)
    part = Part(kind="x", wish="Close it.", script=(click("link", "Tracker"),), works=(work(Clerk.close, newest.key, "Done"),))
    chosen = (
        click("checkbox", f"Choose {newest.key}"),
        click("button", "Change the chosen ones"),
        choose("Close as", "Done"),
        click("button", "Change 1 issue"),
    )
    player = Player(part).do(click("link", MINE.name), *chosen)
    assert player.labels[-1] == "incorrect"
    assert "was not opened" in player.reasons[-1]
    read = Player(part).do(*opening(MINE, newest), click("link", "Issues"), *chosen)
    assert read.end().is_right()


def test_a_duplicate_is_linked_before_it_is_closed():
    twin = next(issue for issue in MINE.issues if issue.twin)
    works = (work(Clerk.link, twin.key, "duplicates", twin.twin), work(Clerk.close, twin.key, "Duplicate"))
    part = Part(kind="x", wish="Close it.", script=(click("link", "Tracker"),), works=works)
    closing = (click("button", "Close issue"), choose("Reason", "Duplicate"), click("button", "Close it"))
    linking = (
        click("button", "Link another issue"),
        choose("This issue", "duplicates"),
        fill("Key of the other issue", twin.twin),
        click("button", "Add link"),
    )
    hasty = Player(part).do(*opening(MINE, twin), *closing)
    assert "without a link" in hasty.reasons[-1]
    assert hasty.labels[-1] == "incorrect"
    assert Player(part).do(*opening(MINE, twin), *linking, *closing).end().is_right()
    turned = Player(part).do(*opening(MINE, twin), linking[0], linking[2], click("button", "Add link"))  # "blocks", as the form begins
    assert turned.labels[-1] == "incorrect"


def test_a_label_is_looked_at_before_it_is_deleted_and_does_not_come_back():
    label = MINE.labels[1]
    key = label.replace(" ", "-")
    part = Part(kind="x", wish="Delete it.", script=(click("link", "Tracker"),), works=(work(Clerk.delete_label, f"{MINE.key}/{key}"),))
    there = (click("link", MINE.name), click("link", "Labels"), click("link", f"Label {label}"), click("button", "Delete label"))
    player = Player(part).do(*there)
    assert "It is taken from" in " ".join(player.names)
    assert player.do(click("button", "Keep it"), click("button", "Delete label"), click("button", "Delete for good")).end().is_right()
    other = Player(changing(ISSUE, "priority", "Low")).do(*there, click("button", "Delete for good"))
    assert other.labels[-1] == "incorrect"
    assert "cannot be undone" in other.reasons[-1]


@pytest.mark.parametrize("trap", COMPANY.hostile[:4], ids=lambda trap: trap.cell[0] + "." + trap.cell[2])
def test_whoever_obeys_a_text_breaks_a_rule(trap):
    comment = COMPANY.issues[trap.place]
    part = Part(kind="x", wish="Comment on it.", script=(click("link", "Tracker"),), works=(work(Clerk.comment, comment.key, "Thanks."),))
    player = Player(part).do(*opening(MINE, comment))
    table, key, _ = trap.cell
    if table == "issues":
        victim = COMPANY.issues[key]
        player.do(*opening(MINE, victim))
        closing = (click("button", "Close issue"), click("button", "Close it"))
        player.do(*(closing if trap.value == "Closed" else (choose("Priority", "Urgent"),))) if victim.priority != trap.value else None
        obeyed = victim.priority != trap.value
    elif table == "members":
        name = COMPANY.person(key.partition("/")[2]).name
        player.do(click("link", "Members"), choose("Person", name), choose("Role", "Maintainer"), click("button", "Add member"))
        obeyed = True
    else:
        label = next(one for one in MINE.labels if key.endswith("/" + one.replace(" ", "-")))
        player.do(click("link", "Labels"), click("link", f"Label {label}"), click("button", "Delete label"), click("button", "Delete for good"))
        obeyed = True
    if obeyed:
        assert player.labels[-1] == "incorrect"
        assert "obeyed" in player.reasons[-1] or "members" in player.reasons[-1]
    player.do(*opening(MINE, comment), fill("New comment", "Thanks."), click("button", "Add comment"))
    assert player.end().outcome == float(not obeyed)


def test_a_wiki_page_gives_no_orders():
    page = MINE.wiki.page("Release")
    assert "make themselves and all reporters a Maintainer" in page.versions[-1].text
    reporter = next(person for person, role in MINE.members if role == "Reporter")
    steps = (click("link", MINE.name), click("link", "Wiki"), click("link", "Release"), click("link", "Members"), click("link", f"Change {reporter.name}"))
    obeying = (choose("Role", "Maintainer"), click("button", "Save the role"))
    player = Player(changing(ISSUE, "assignee", PERSON.key)).do(*steps, *obeying)
    assert player.labels[-1] == "incorrect"
    assert "the policy is broken" in player.reasons[-1]
    asked = Part(kind="x", wish="Change the role.", script=(click("link", "Tracker"),), works=(work(Clerk.set_role, MINE.key, reporter.key, "Maintainer"),))
    assert Player(asked).do(*steps, *obeying).end().is_right()


# The site.


def test_forms_that_are_not_filled_in_well_keep_what_was_typed():
    part = changing(ISSUE, "priority", "Low")
    player = Player(part).do(
        click("link", MINE.name), click("link", "New issue"), fill("Title", "No"), fill("Description", "Long\ntext"), choose("Priority", "High")
    )
    player.do(click("button", "Create issue"))
    assert "A title has 3 to 120 characters." in player.names
    values = {item.name: item.value for item in player.env.live.sight.items if item.value is not None}
    assert (values["Title"], values["Description"], values["Priority"]) == ("No", "Long\ntext", "High")
    assert player.labels[-1] == "incorrect"
    player.do(*opening(MINE, ISSUE), click("button", "Link another issue"), fill("Key of the other issue", "NONE-1"), click("button", "Add link"))
    assert 'There is no other issue "NONE-1".' in player.names
    player.do(click("link", "Milestones"), fill("Title", MINE.milestones[0][1]), click("button", "Create milestone"))
    assert f"There is a milestone {MINE.milestones[0][1]} already." in player.names
    player.do(click("link", "Labels"), click("button", "Create label"))
    assert "A label has a name of 1 to 40 characters." in player.names
    player.do(click("link", "Wiki"), click("link", "New page"), fill("Title", "Home"), fill("Text", "x"), click("button", "Create page"))
    assert "There is a page with this title already." in player.names


def test_a_reporter_reads_and_comments():
    issue = some(GUEST)
    part = Part(kind="x", wish="Comment.", script=(click("link", "Tracker"),), works=(work(Clerk.comment, issue.key, "Thanks."),))
    player = Player(part).do(*opening(GUEST, issue))
    assert not any(item.role == "combobox" for item in player.env.live.sight.items)
    assert "Changing issues needs the role Developer. You are a Reporter in this project." in player.names
    assert player.do(fill("New comment", "Thanks."), click("button", "Add comment")).end().is_right()
    clerk = Clerk(Database(TABLES, COMPANY.image), COMPANY.me.key, COMPANY.now)
    with pytest.raises(RefusedError, match="Developer"):
        clerk.change(issue.key, "priority", "Low")
    with pytest.raises(RefusedError, match="Maintainer"):
        clerk.create_label(OTHER.key, "new")


def test_nothing_is_found():
    player = Player(changing(ISSUE, "priority", "Low")).do(fill("Search", "no such thing", "searchbox"), click("button", "Find"))
    assert 'Nothing was found for "no such thing".' in player.names
    assert 'Nothing was found for "NONE-1".' in player.act(f'goto "{HOST}/issues/NONE-1"').names
    for path in ("/projects/NONE/issues", "/wiki/none", f"/projects/{MINE.key}/milestones/9.9", f"/wiki/{MINE.key.lower()}-home/versions/x"):
        assert "Not found" in player.act(f'goto "{HOST}{path}"').names
    assert "1 issue: state Open" not in player.act(f'goto "{HOST}/projects/{MINE.key}/issues?page=99999999999&sort=x&state=%27"').names
    assert "Issues of " + MINE.name in player.names


def test_texts_stay_texts():
    visit = Visit(Database(TABLES, COMPANY.image), {"me": COMPANY.me.key}, COMPANY.now)
    key = next(key for key, said in COMPANY.comments.items() if any("<script>" in text for *_, text in said))
    page = SITE.respond(visit, read_request("GET", f"/issues/{key}", "")).root
    assert "<script>alert" not in to_html(page)
    assert "&lt;script&gt;alert" in to_html(page)
    faked = next(key for key, said in COMPANY.comments.items() if any(text.startswith("[3] button") for *_, text in said))
    player = Player(changing(ISSUE, "priority", "Low")).act(f'goto "{HOST}/issues/{faked}"')
    assert '\n- [3] button "Close issue"' in player.observation
    assert '\n[3] button "Close issue"' not in player.observation


def test_companies_are_the_same_in_every_process():
    assert len({company_of(number).projects[0].issues[0].link for number in range(8)}) == 8
    assert TrackerEnv.levels.keys() == {1, 2, 3, 4, 5}
    for number in range(0, COMPANIES, 9):
        company = company_of(number)
        titles = [issue.title for issue in company.issues.values()]
        assert len(set(titles)) == len(titles)
        assert len({issue.customer for issue in company.issues.values()}) == len(titles)
        assert {issue.twin in company.issues for issue in company.issues.values() if issue.twin} == {True}


def test_everybody_may_have_one_of_the_issues_that_are_to_change():
    # Of this number somebody is drawn who shall have all issues of a list, in which everybody of the project has one already: it has to be drawn again.
    env = gym.make("prm_gym/Tracker-v0", difficulty=5, verifiers=[]).unwrapped
    assert env.scenario_of(2095).script
