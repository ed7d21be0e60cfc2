"""The site of `prm_gym/Tracker-v0`: its frame, the first page, search, help, notifications, and the list of issues with filters and changes of many at once."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from prm_gym.envs.web.tracker_changes import Clerk
from prm_gym.envs.web.tracker_words import PRIORITIES, REASONS, STAGES
from prm_gym.web import Missing, Node, Redirect, Request, Site, Visit, e
from prm_gym.web.site import Answered

SITE = Site("tracker.test", "Tracker")
EACH = 8  # rows of a page
TABS = ("Issues", "Board", "Milestones", "Labels", "Members", "Activity", "Wiki")
SORTS = {
    "Newest first": "created DESC, number DESC",
    "Oldest first": "created, number",
    "Highest priority first": "instr('UrgentHigh  NormalLow   ', priority), number",
    "Due date": "due = '', due, number",
}
STATES = ("Open", "Closed", "All")


def clerk(visit: Visit) -> Clerk:
    """Who changes rows in the name of whoever is logged in."""
    return Clerk(visit.database, visit.memory["me"], visit.now)


@lru_cache(maxsize=512)
def _header(name: str, unread: int) -> Node:
    return e.header(
        e.a("Tracker", href="/", class_="brand"),
        e.form(e.input(type="search", name="q", aria_label="Search"), e.button("Find"), action="/search"),
        e.a("Notifications" + (f" ({unread})" if unread else ""), href="/notifications"),
        e.a("Help", href="/help", target="_blank"),
        e.span(f"Logged in as {name}", class_="soft"),
    )


@lru_cache(maxsize=512)
def _tabs(key: str, name: str, here: str) -> Node:
    links = [e.a(tab, href=f"/projects/{key}/{tab.lower()}", aria_current="page" if tab == here else None) for tab in TABS]
    return e.nav(e.b(name), links, e.a("New issue", href=f"/projects/{key}/new"), class_="row card")


def layout(visit: Visit, title: str, *content: Any, project: dict[str, Any] | None = None, tab: str = "") -> Node:
    """A page in the frame of the site."""
    said = visit.memory.pop("flash", "")
    me = visit.database.get("people", visit.memory["me"]) or {"name": "nobody"}
    unread = visit.database.one("SELECT count(*) AS n FROM notifications WHERE read = 0") or {"n": 0}
    return e.html(
        e.head(e.meta(charset="utf-8"), e.title(f"{title} - Tracker"), e.link(rel="stylesheet", href="/assets/world.css"), e.script(src="/assets/world.js")),
        e.body(
            _header(me["name"], unread["n"]),
            e.main(
                _tabs(project["key"], project["name"], tab) if project else None,
                e.p(said, role="status") if said else None,
                e.h1(title),
                *content,
            ),
            e.footer(f"Tracker, for small teams. Today is {visit.now}."),
        ),
    )


SITE.layout = layout


def project_of(visit: Visit, key: str) -> dict[str, Any] | None:
    """The row of a project."""
    return visit.database.get("projects", key)


def alert(problem: str) -> Node | None:
    """What is wrong, where something is."""
    return e.p(problem, role="alert") if problem else None


def options(values: list[tuple[str, str]] | tuple[tuple[str, str], ...], chosen: str) -> list[Node]:
    """The options of a list, by value and label."""
    return [e.option(label, value=value, selected=value == chosen) for value, label in values]


def field(label: str, name: str, values: list[tuple[str, str]], chosen: str = "", **attributes: Any) -> Node:
    """A list with its label."""
    return e.label(f"{label} ", e.select(options(values, chosen), name=name, **attributes))


def workers(visit: Visit, project: str) -> list[tuple[str, str]]:
    """Key and name of those to whom issues of a project can be assigned."""
    query = "SELECT p.key, p.name FROM members m JOIN people p ON p.key = m.person WHERE m.project = ? AND m.role != 'Reporter' ORDER BY p.name"
    return [(row["key"], row["name"]) for row in visit.database.all(query, project)]


def labels_of(visit: Visit, project: str) -> list[tuple[str, str]]:
    """Key and name of the labels of a project."""
    return [(row["key"], row["name"]) for row in visit.database.all("SELECT key, name FROM labels WHERE project = ? AND deleted = 0 ORDER BY name", project)]


def milestones_of(visit: Visit, project: str, closed: bool = False) -> list[tuple[str, str]]:
    """Titles of the milestones of a project, twice."""
    found = visit.database.all("SELECT title, state FROM milestones WHERE project = ? ORDER BY title", project)
    return [(row["title"], row["title"]) for row in found if closed or row["state"] == "open"]


def named(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Values that are called what they are."""
    return [(name, name) for name in names]


@SITE.get("/")
def first_page(visit: Visit, request: Request) -> Answered:
    """Projects, and what is assigned to the user."""
    _ = request
    db = visit.database
    counts = {row["project"]: row["n"] for row in db.all("SELECT project, count(*) AS n FROM issues WHERE state != 'Closed' GROUP BY project")}
    mine = db.all("SELECT key, title, state, priority, due FROM issues WHERE assignee = ? AND state != 'Closed' ORDER BY created DESC LIMIT 6", visit.memory["me"])
    return layout(
        visit,
        "Projects",
        [
            e.div(e.h2(e.a(row["name"], href=f"/projects/{row['key']}/issues")), e.p(f"{row['about']} {counts.get(row['key'], 0)} open issues."), class_="card")
            for row in db.all("SELECT * FROM projects ORDER BY key")
        ],
        e.h2("Assigned to me"),
        e.ul(e.li(e.a(f"{row['key']} {row['title']}", href=f"/issues/{row['key']}"), e.span(f" {row['state']}, {row['priority']}")) for row in mine)
        if mine
        else e.p("Nothing."),
    )


def pager(path: str, query: dict[str, str], page: int, pages: int) -> Node | None:
    """Links to the page before and the next one."""
    if pages < 2:
        return None

    def to(number: int) -> str:
        return f"{path}?{urlencode({**query, 'page': number})}"

    before = e.a("Previous page", href=to(page - 1)) if page > 1 else None
    return e.nav(before, e.span(f"Page {page} of {pages}"), e.a("Next page", href=to(page + 1)) if page < pages else None, class_="row")


def page_of(request: Request, count: int, each: int = EACH) -> tuple[int, int]:
    """The page that is asked for, and how many there are."""
    pages = max(1, -(-count // each))
    asked = request.one("page", "1")
    return min(max(1, int(asked) if asked.isdecimal() and len(asked) < 5 else 1), pages), pages


@SITE.get("/search")
def search(visit: Visit, request: Request) -> Answered:
    """Issues and pages in which a text occurs."""
    db, wanted = visit.database, " ".join(request.one("q").split())[:120]
    if not wanted:
        return layout(visit, "Search", e.p("Write what you look for: a key, a part of a title, or a name from a description."))
    query = "FROM issues WHERE key = upper(?1) OR instr(lower(title), lower(?1)) OR instr(lower(description), lower(?1))"
    issues = db.all(f"SELECT key, title, state, priority {query} ORDER BY key != upper(?1), created DESC", wanted)
    pages = db.all("SELECT key, project, title FROM pages WHERE instr(lower(title), lower(?1)) OR instr(lower(text), lower(?1)) ORDER BY key LIMIT 8", wanted)
    page, count = page_of(request, len(issues))
    shown = issues[(page - 1) * EACH : page * EACH]
    if not issues and not pages:
        return layout(visit, "Search", e.p(f'Nothing was found for "{wanted}".'), e.p("Keys look like KITE-12. Titles and descriptions are searched as they are written."))
    return layout(
        visit,
        "Search",
        e.p(f'{len(issues)} issues and {len(pages)} pages for "{wanted}"'),
        e.table(e.tr(e.td(e.a(f"{row['key']} {row['title']}", href=f"/issues/{row['key']}")), e.td(row["state"]), e.td(row["priority"])) for row in shown)
        if shown
        else None,
        pager("/search", {"q": wanted}, page, count),
        [e.h2("Wiki"), e.ul(e.li(e.a(f"{row['project']} wiki: {row['title']}", href=f"/wiki/{row['key']}")) for row in pages)] if pages else None,
    )


@SITE.get("/help")
def help_page(visit: Visit, request: Request) -> Answered:
    """What the roles may do."""
    _ = request
    return layout(
        visit,
        "Help",
        e.h2("Roles"),
        e.ul(
            e.li("Reporter: reports issues, comments and watches."),
            e.li("Developer: also changes, closes and links issues, and writes the wiki."),
            e.li("Maintainer: also makes milestones, labels and members."),
        ),
        e.h2("Closing"),
        e.p("A duplicate is linked to the issue that it duplicates, and then closed with the reason Duplicate."),
        e.h2("Labels"),
        e.p("A label that is deleted is taken from all issues and cannot be had back."),
        e.h2("Priorities"),
        e.ul(e.li(f"{name}: {text}") for name, text in zip(PRIORITIES, ("some day", "in its turn", "this week", "today"), strict=True)),
    )


@SITE.get("/notifications")
def notifications(visit: Visit, request: Request) -> Answered:
    """What happened to issues, for the user."""
    _ = request
    rows = visit.database.all("SELECT * FROM notifications ORDER BY date DESC, key")
    found = [
        e.tr(
            e.td(e.a(row["text"], href=f"/issues/{row['issue']}")),
            e.td(row["date"]),
            e.td("Read" if row["read"] else e.form(e.button(f"Mark {row['issue']} as read", class_="plain"), method="post", action=f"/notifications/{row['key']}")),
        )
        for row in rows
    ]
    return layout(visit, "Notifications", e.table(found), e.form(e.button("Mark all as read"), method="post", action="/notifications/all"))


@SITE.post("/notifications/{key}")
def read_notification(visit: Visit, request: Request, key: str) -> Answered:
    """Mark one as read, or all."""
    _ = request
    clerk(visit).read_notice(key)
    visit.memory["flash"] = "Marked as read."
    return Redirect("/notifications")


FILTERS = ("q", "state", "assignee", "label", "milestone", "priority", "author", "sort")


def _asked(request: Request) -> dict[str, str]:
    """The filters of a list that are set."""
    return {name: request.one(name)[:80] for name in FILTERS if request.one(name)}


def found_issues(visit: Visit, project: str, asked: dict[str, str]) -> list[dict[str, Any]]:
    """The issues of a project that pass some filters, in order."""
    where, values = ["i.project = ?"], [project]
    state = asked.get("state", "Open")
    where += {"Closed": ["i.state = 'Closed'"], "All": []}.get(state, ["i.state != 'Closed'"] if state not in STAGES else [f"i.state = '{state}'"])
    for name in ("assignee", "milestone", "priority", "author"):
        if name in asked:
            where.append(f"i.{name} = ?")
            values.append("" if asked[name] == "none" else asked[name])
    if "label" in asked:
        where.append("i.key IN (SELECT issue FROM issue_labels WHERE label = ?)")
        values.append(asked["label"])
    if "q" in asked:
        where.append("instr(lower(i.title), lower(?))")
        values.append(asked["q"])
    order = SORTS.get(asked.get("sort", ""), SORTS["Newest first"])
    query = f"SELECT i.*, p.name AS who FROM issues i LEFT JOIN people p ON p.key = i.assignee WHERE {' AND '.join(where)} ORDER BY {order}"
    return visit.database.all(query, *values)


def label_names(visit: Visit, project: str) -> dict[str, list[str]]:
    """The names of the labels of each issue of a project."""
    found: dict[str, list[str]] = {}
    query = "SELECT t.issue, l.name FROM issue_labels t JOIN labels l ON l.key = t.label WHERE l.project = ? ORDER BY l.name"
    for row in visit.database.all(query, project):
        found.setdefault(row["issue"], []).append(row["name"])
    return found


def _said(visit: Visit, asked: dict[str, str]) -> str:
    """The filters in words."""
    words = [f"state {asked.get('state', 'Open')}"]
    for name in ("assignee", "author"):
        if name in asked:
            person = visit.database.get("people", asked[name])
            words.append(f"{name} {person['name'] if person else 'nobody'}")
    label = visit.database.get("labels", asked.get("label", ""))
    words += [f"label {label['name']}"] if label else []
    words += [f"{name} {asked[name]}" for name in ("milestone", "priority") if name in asked]
    return ", ".join(words + ([f'title with "{asked["q"]}"'] if "q" in asked else []))


@SITE.get("/projects/{project}/issues")
def issues(visit: Visit, request: Request, project: str) -> Answered:
    """The list of the issues of a project."""
    row = project_of(visit, project)
    if row is None:
        return Missing("There is no such project.")
    asked = _asked(request)
    found, names = found_issues(visit, project, asked), label_names(visit, project)
    page, pages = page_of(request, len(found))
    path, query = f"/projects/{project}/issues", urlencode(asked)
    lines = [
        e.tr(
            e.td(e.input(type="checkbox", name="issue", value=one["key"], aria_label=f"Choose {one['key']}")),
            e.td(e.a(f"{one['key']} {one['title']}", href=f"/issues/{one['key']}")),
            e.td(one["state"]),
            e.td(one["priority"]),
            e.td(one["who"] or "nobody"),
            e.td(one["milestone"] or "no milestone"),
            e.td(", ".join(names.get(one["key"], ())) or "no labels"),
            e.td(f"due {one['due']}" if one["due"] else ""),
        )
        for one in found[(page - 1) * EACH : page * EACH]
    ]
    sort = e.form(
        [e.input(type="hidden", name=name, value=value) for name, value in asked.items() if name != "sort"],
        field("Sort by", "sort", [(name, name) for name in SORTS], asked.get("sort", ""), data_submit="change"),
        action=path,
    )
    table = e.form(e.table(lines), e.button("Change the chosen ones"), action=f"/projects/{project}/bulk")
    return layout(
        visit,
        f"Issues of {row['name']}",
        e.p(f"{row['about']} Lead: {(visit.database.get('people', row['lead']) or {'name': ''})['name']}.") if not asked else None,
        e.div(e.a("Filter", href=f"/projects/{project}/filter?{query}"), [e.a(f"{state} issues", href=f"{path}?state={state}") for state in STATES], sort, class_="row"),
        e.p(f"{len(found)} {'issue' if len(found) == 1 else 'issues'}: {_said(visit, asked)}"),
        table if found else e.p("No issue is like that."),
        pager(path, asked, page, pages),
        e.a(f"Change all {len(found)} of this list", href=f"/projects/{project}/bulk?{urlencode([('issue', one['key']) for one in found])}") if found else None,
        project=row,
        tab="Issues",
    )


@SITE.get("/projects/{project}/filter")
def filter_page(visit: Visit, request: Request, project: str) -> Answered:
    """The form of the filters."""
    row = project_of(visit, project)
    if row is None:
        return Missing("There is no such project.")
    asked, anything = _asked(request), ("", "Any")
    people = workers(visit, project)
    authors = visit.database.all("SELECT key, name FROM people WHERE key IN (SELECT author FROM issues WHERE project = ?) ORDER BY name", project)
    form = e.form(
        e.label("Text in the title ", e.input(name="q", value=asked.get("q", ""))),
        field("State", "state", named((*STATES, *STAGES)), asked.get("state", "Open")),
        field("Assignee", "assignee", [anything, *people, ("none", "Nobody")], asked.get("assignee", "")),
        field("Label", "label", [anything, *labels_of(visit, project)], asked.get("label", "")),
        field("Milestone", "milestone", [anything, *milestones_of(visit, project, closed=True), ("none", "No milestone")], asked.get("milestone", "")),
        field("Priority", "priority", [anything, *named(PRIORITIES)], asked.get("priority", "")),
        field("Author", "author", [anything, *((one["key"], one["name"]) for one in authors)], asked.get("author", "")),
        e.button("Show issues"),
        e.a("Cancel", href=f"/projects/{project}/issues"),
        action=f"/projects/{project}/issues",
        class_="card",
    )
    return layout(visit, "Filter issues", form, project=row, tab="Issues")


def _bulk(visit: Visit, row: dict[str, Any], keys: list[str]) -> Node:
    keep, project = ("", "Keep as it is"), row["key"]
    people = workers(visit, project)
    rows = [found for key in keys if (found := visit.database.get("issues", key)) is not None and found["project"] == project]
    may = clerk(visit).may(project, "Developer")
    form = e.form(
        [e.input(type="hidden", name="issue", value=one["key"]) for one in rows],
        field("Assignee", "assignee", [keep, *people, ("none", "Nobody")]),
        field("Priority", "priority", [keep, *named(PRIORITIES)]),
        field("Milestone", "milestone", [keep, *milestones_of(visit, project), ("none", "No milestone")]),
        field("State", "state", [keep, *named(STAGES)]),
        field("Add label", "label", [keep, *labels_of(visit, project)]),
        field("Close as", "reason", [("", "Do not close"), *named(REASONS)]),
        e.button(f"Change {len(rows)} issues" if len(rows) != 1 else "Change 1 issue"),
        method="post",
        action=f"/projects/{project}/bulk",
        class_="card",
    )
    listed = e.ul(e.li(e.a(f"{one['key']} {one['title']}", href=f"/issues/{one['key']}")) for one in rows)
    lacking = e.p("Changing issues needs the role Developer in the project.", role="alert")
    return layout(visit, "Change several issues", e.p(f"{len(rows)} chosen:"), listed, form if may else lacking, project=row, tab="Issues")


@SITE.get("/projects/{project}/bulk")
def bulk(visit: Visit, request: Request, project: str) -> Answered:
    """The form that changes many issues."""
    row, keys = project_of(visit, project), request.all("issue")[:60]
    if row is None:
        return Missing("There is no such project.")
    if not keys:
        return layout(visit, "Change several issues", e.p("No issue is chosen. Go back and choose some.", role="alert"), project=row, tab="Issues")
    return _bulk(visit, row, keys)


@SITE.post("/projects/{project}/bulk")
def change_bulk(visit: Visit, request: Request, project: str) -> Answered:
    """Change many issues."""
    worker, keys = clerk(visit), list(dict.fromkeys(request.all("issue")))[:60]
    for key in keys:
        row = visit.database.get("issues", key)
        if row is None or row["project"] != project:
            continue
        for name in ("assignee", "priority", "milestone", "state"):
            value = request.one(name)
            if value:
                worker.change(key, name, "" if value == "none" else value)
        if request.one("label"):
            worker.add_label(key, request.one("label"))
        if request.one("reason"):
            close(visit, key, request.one("reason"))
    visit.memory["flash"] = f"{len(keys)} issues are changed."
    return Redirect(f"/projects/{project}/issues")


def close(visit: Visit, key: str, reason: str) -> None:
    """Close an issue, and say whether its page was read before, and whether a duplicate is linked."""
    clerk(visit).close(key, reason)
    linked = visit.database.one("SELECT 1 FROM links WHERE issue = ? AND kind = 'duplicates'", key) is not None
    visit.tell("closed", issue=key, read=key in visit.memory["read"], linked=linked or reason != "Duplicate")


@SITE.get("/projects/{project}/board")
def board(visit: Visit, request: Request, project: str) -> Answered:
    """The open issues by state."""
    row = project_of(visit, project)
    if row is None:
        return Missing("There is no such project.")
    person = request.one("assignee", visit.memory["me"])
    found, may = found_issues(visit, project, {"assignee": person}), clerk(visit).may(project, "Developer")
    columns = [
        e.div(e.h2(stage), [_card(one, may) for one in found if one["state"] == stage] or e.p("Nothing here."), class_="card") for stage in STAGES
    ]
    people = [*workers(visit, project), ("none", "Nobody")]
    if person not in dict(people):
        people.insert(0, (person, "Me"))
    whose = e.form(field("Issues of", "assignee", people, person, data_submit="change"), action=f"/projects/{project}/board")
    return layout(visit, f"Board of {row['name']}", whose, e.div(columns, class_="grid"), project=row, tab="Board")


def _card(issue: dict[str, Any], may: bool) -> Node:
    move = e.form(
        e.input(type="hidden", name="field", value="state"),
        e.input(type="hidden", name="back", value="board"),
        e.select(options(named(STAGES), issue["state"]), name="value", aria_label=f"State of {issue['key']}", data_submit="change"),
        method="post",
        action=f"/issues/{issue['key']}/set",
    )
    return e.div(e.a(f"{issue['key']} {issue['title']}", href=f"/issues/{issue['key']}"), e.p(issue["priority"], class_="soft"), move if may else None)

