"""The lists of issues of `prm_gym/Tracker-v0`: filters, changes of many at once, and the board."""

from typing import Any
from urllib.parse import urlencode

from prm_gym.envs.web.tracker_pages import (
    EACH,
    SITE,
    clerk,
    field,
    labels_of,
    layout,
    milestones_of,
    named,
    options,
    page_of,
    pager,
    project_of,
    workers,
)
from prm_gym.envs.web.tracker_words import PRIORITIES, REASONS, STAGES
from prm_gym.web import Missing, Node, Redirect, Request, Visit, e, fragment
from prm_gym.web.site import Answered

SORTS = {
    "Newest first": "created DESC, number DESC",
    "Oldest first": "created, number",
    "Highest priority first": "instr('UrgentHigh  NormalLow   ', priority), number",
    "Due date": "due = '', due, number",
}
STATES = ("Open", "Closed", "All")
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


@fragment
def _row(key: str, title: str, *facts: str) -> Node:
    """An issue in the list."""
    chosen = e.input(type="checkbox", name="issue", value=key, aria_label=f"Choose {key}")
    return e.tr(e.td(chosen), e.td(e.a(f"{key} {title}", href=f"/issues/{key}")), map(e.td, facts))


@SITE.get("/projects/{project}/issues")
def issues(visit: Visit, request: Request, project: str) -> Answered:
    """The list of the issues of a project."""
    row = project_of(visit, project)
    if row is None:
        return Missing("There is no such project.")
    asked = _asked(request)
    found, names = found_issues(visit, project, asked), label_names(visit, project)
    page, pages = page_of(request, len(found))
    path, query = f"/projects/{project}/issues", f"?{urlencode(asked)}" if asked else ""
    lines = [
        _row(
            *(one["key"], one["title"], one["state"], one["priority"], one["who"] or "nobody", one["milestone"] or "no milestone"),
            ", ".join(names.get(one["key"], ())) or "no labels",
            one["due"] or "no date",
        )
        for one in found[(page - 1) * EACH : page * EACH]
    ]
    sort = e.form(
        [e.input(type="hidden", name=name, value=value) for name, value in asked.items() if name != "sort"],
        field("Sort by", "sort", [(name, name) for name in SORTS], asked.get("sort", ""), data_submit="change"),
        action=path,
    )
    head = e.tr(e.th(""), *(e.th(name) for name in ("Issue", "State", "Priority", "Assignee", "Milestone", "Labels", "Due")))
    table = e.form(e.table(head, lines), e.button("Change the chosen ones"), action=f"/projects/{project}/bulk")
    return layout(
        visit,
        f"Issues of {row['name']}",
        None if asked else [e.p(row["about"]), e.p(f"Lead: {(visit.database.get('people', row['lead']) or {'name': ''})['name']}")],
        e.div(
            e.a("Filter", href=f"/projects/{project}/filter{query}"),
            [e.a(f"{state} issues", href=f"{path}?state={state}") for state in STATES],
            sort,
            class_="row",
        ),
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
    """Close an issue, and say whether a duplicate is linked."""
    clerk(visit).close(key, reason)
    linked = visit.database.one("SELECT 1 FROM links WHERE issue = ? AND kind = 'duplicates'", key) is not None
    visit.tell("closed", issue=key, linked=linked or reason != "Duplicate")


@SITE.get("/projects/{project}/board")
def board(visit: Visit, request: Request, project: str) -> Answered:
    """The open issues by state."""
    row = project_of(visit, project)
    if row is None:
        return Missing("There is no such project.")
    person = request.one("assignee", visit.memory["me"])
    found, may = found_issues(visit, project, {"assignee": person}), clerk(visit).may(project, "Developer")
    columns = [e.div(e.h2(stage), [_card(one, may) for one in found if one["state"] == stage] or e.p("Nothing here."), class_="card") for stage in STAGES]
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
