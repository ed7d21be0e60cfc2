"""The site of `prm_gym/Tracker-v0`: its frame, the first page, search, help, notifications, and the list of issues with filters and changes of many at once."""

from typing import Any
from urllib.parse import urlencode

from prm_gym.envs.web.tracker_changes import Clerk
from prm_gym.envs.web.tracker_words import PRIORITIES
from prm_gym.web import Node, Redirect, Request, Site, Visit, e, fragment
from prm_gym.web.site import Answered

SITE = Site("tracker.test", "Tracker")
EACH = 8  # rows of a page
TABS = ("Issues", "Board", "Milestones", "Labels", "Members", "Activity", "Wiki")


def clerk(visit: Visit) -> Clerk:
    """Who changes rows in the name of whoever is logged in."""
    return Clerk(visit.database, visit.memory["me"], visit.now)


@fragment
def _header(name: str, unread: int) -> Node:
    return e.header(
        e.a("Tracker", href="/", class_="brand"),
        e.form(e.input(type="search", name="q", aria_label="Search"), e.button("Find"), action="/search"),
        e.a("Notifications" + (f" ({unread})" if unread else ""), href="/notifications"),
        e.a("Help", href="/help", target="_blank"),
        e.span(f"Logged in as {name}", class_="soft"),
    )


@fragment
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
    mine = db.all(
        "SELECT key, title, state, priority, due FROM issues WHERE assignee = ? AND state != 'Closed' ORDER BY created DESC LIMIT 6", visit.memory["me"]
    )
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
        return layout(
            visit, "Search", e.p(f'Nothing was found for "{wanted}".'), e.p("Keys look like KITE-12. Titles and descriptions are searched as they are written.")
        )
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
            e.li("Reporter | reports issues, comments and watches."),
            e.li("Developer | also changes, closes and links issues, and writes the wiki."),
            e.li("Maintainer | also makes milestones, labels and members."),
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
            e.td(
                "Read"
                if row["read"]
                else e.form(e.button(f"Mark {row['issue']} as read", class_="plain"), method="post", action=f"/notifications/{row['key']}")
            ),
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
