"""The pages of projects of `prm_gym/Tracker-v0`: milestones, labels, members and what was done."""

from typing import Any

from prm_gym.envs.web.tracker_pages import SITE, alert, clerk, field, layout, named, page_of, pager, project_of
from prm_gym.envs.web.tracker_words import ROLES
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e
from prm_gym.web.site import Answered

NO_PROJECT = "There is no such project."
NEEDS = "This needs the role Maintainer in the project."


def _progress(visit: Visit, project: str, title: str) -> str:
    query = "SELECT count(*) AS n, coalesce(sum(state = 'Closed'), 0) AS done FROM issues WHERE project = ? AND milestone = ?"
    row = visit.database.one(query, project, title) or {"n": 0, "done": 0}
    return f"{row['done']} of {row['n']} closed"


def _milestones(visit: Visit, row: dict[str, Any], problem: str = "", title: str = "", due: str = "") -> Node:
    found = visit.database.all("SELECT * FROM milestones WHERE project = ? ORDER BY due, title", row["key"])
    table = e.table(
        e.tr(e.th("Milestone"), e.th("State"), e.th("Due"), e.th("Progress")),
        (
            e.tr(
                e.td(e.a(f"Milestone {one['title']}", href=f"/projects/{row['key']}/milestones/{one['key'].partition('/')[2]}")),
                e.td(one["state"]),
                e.td(one["due"] or "no due date"),
                e.td(_progress(visit, row["key"], one["title"])),
            )
            for one in found
        ),
    )
    form = e.form(
        e.h2("New milestone"),
        e.label("Title ", e.input(name="title", value=title, maxlength=40, aria_invalid="true" if problem else None)),
        e.label("Due date ", e.input(type="date", name="due", value=due)),
        e.button("Create milestone"),
        method="post",
        action=f"/projects/{row['key']}/milestones",
        class_="card",
    )
    may = clerk(visit).may(row["key"], "Maintainer")
    lacking = e.p(f"New milestones: {NEEDS}", class_="soft")
    return layout(visit, f"Milestones of {row['name']}", alert(problem), table, form if may else lacking, project=row, tab="Milestones")


@SITE.get("/projects/{project}/milestones")
def milestones(visit: Visit, request: Request, project: str) -> Answered:
    """The milestones of a project."""
    _ = request
    row = project_of(visit, project)
    return Missing(NO_PROJECT) if row is None else _milestones(visit, row)


@SITE.post("/projects/{project}/milestones")
def create_milestone(visit: Visit, request: Request, project: str) -> Answered:
    """Make a milestone."""
    row, title, due = project_of(visit, project), request.one("title"), request.one("due")
    if row is None:
        return Missing(NO_PROJECT)
    try:
        clerk(visit).create_milestone(project, title, due)
    except RefusedError as refusal:
        return Invalid(_milestones(visit, row, str(refusal), title, due), str(refusal))
    visit.memory["flash"] = f"The milestone {title} is made."
    return Redirect(f"/projects/{project}/milestones")


@SITE.get("/projects/{project}/milestones/{key}")
def milestone(visit: Visit, request: Request, project: str, key: str) -> Answered:
    """A milestone and its issues."""
    _ = request
    row, project_row = visit.database.get("milestones", f"{project}/{key}"), project_of(visit, project)
    if row is None or project_row is None:
        return Missing("There is no such milestone.")
    path = f"/projects/{project}/milestones/{key}"
    found = visit.database.all(
        "SELECT key, title, state FROM issues WHERE project = ? AND milestone = ? ORDER BY state = 'Closed', number", project, row["title"]
    )
    date = e.form(e.label("Due date ", e.input(type="date", name="due", value=row["due"])), e.button("Save the date"), method="post", action=f"{path}/due")
    closed = row["state"] == "closed"
    change = e.form(e.button("Reopen milestone" if closed else "Close milestone", class_="plain"), method="post", action=f"{path}/state")
    may = clerk(visit).may(project, "Maintainer")
    return layout(
        visit,
        f"Milestone {row['title']} of {project_row['name']}",
        e.p(f"State: {row['state']}"),
        e.p("It is closed: no issue can be put into it.") if closed else None,
        e.p(f"Due: {row['due'] or 'no date'}"),
        e.p(f"Progress: {_progress(visit, project, row['title'])}"),
        e.div(date, change, class_="row") if may else e.p(f"Changes: {NEEDS}", class_="soft"),
        e.ul(e.li(e.a(f"{one['key']} {one['title']}", href=f"/issues/{one['key']}"), f" {one['state']}") for one in found) if found else e.p("No issues."),
        project=project_row,
        tab="Milestones",
    )


@SITE.post("/projects/{project}/milestones/{key}/due")
def milestone_due(visit: Visit, request: Request, project: str, key: str) -> Answered:
    """Another due date."""
    clerk(visit).change_milestone(f"{project}/{key}", "due", request.one("due"))
    visit.memory["flash"] = "The date is saved."
    return Redirect(f"/projects/{project}/milestones/{key}")


@SITE.post("/projects/{project}/milestones/{key}/state")
def milestone_state(visit: Visit, request: Request, project: str, key: str) -> Answered:
    """Close a milestone, or open it again."""
    _ = request
    row = visit.database.get("milestones", f"{project}/{key}")
    clerk(visit).change_milestone(f"{project}/{key}", "state", "open" if row and row["state"] == "closed" else "closed")
    visit.memory["flash"] = "The milestone is changed."
    return Redirect(f"/projects/{project}/milestones/{key}")


def _labels(visit: Visit, row: dict[str, Any], problem: str = "", name: str = "") -> Node:
    query = """SELECT l.key, l.name, l.about, count(t.key) AS n FROM labels l LEFT JOIN issue_labels t ON t.label = l.key
        WHERE l.project = ? AND l.deleted = 0 GROUP BY l.key ORDER BY l.name"""
    found = visit.database.all(query, row["key"])
    table = e.table(
        e.tr(
            e.td(e.a(f"Label {one['name']}", href=f"/projects/{row['key']}/labels/{one['key'].partition('/')[2]}")),
            e.td(one["about"]),
            e.td(f"{one['n']} issues" if one["n"] != 1 else "1 issue"),
        )
        for one in found
    )
    form = e.form(
        e.label("Name of a new label ", e.input(name="name", value=name, maxlength=40, aria_invalid="true" if problem else None)),
        e.button("Create label"),
        method="post",
        action=f"/projects/{row['key']}/labels",
        class_="card",
    )
    may = clerk(visit).may(row["key"], "Maintainer")
    lacking = e.p(f"New labels: {NEEDS}", class_="soft")
    return layout(visit, f"Labels of {row['name']}", alert(problem), table, form if may else lacking, project=row, tab="Labels")


@SITE.get("/projects/{project}/labels")
def labels(visit: Visit, request: Request, project: str) -> Answered:
    """The labels of a project."""
    _ = request
    row = project_of(visit, project)
    return Missing(NO_PROJECT) if row is None else _labels(visit, row)


@SITE.post("/projects/{project}/labels")
def create_label(visit: Visit, request: Request, project: str) -> Answered:
    """Make a label."""
    row, name = project_of(visit, project), request.one("name")
    if row is None:
        return Missing(NO_PROJECT)
    try:
        clerk(visit).create_label(project, name)
    except RefusedError as refusal:
        return Invalid(_labels(visit, row, str(refusal), name), str(refusal))
    visit.memory["flash"] = f"The label {name} is made."
    return Redirect(f"/projects/{project}/labels")


def _label(visit: Visit, row: dict[str, Any], problem: str = "", name: str = "") -> Node:
    project, path = row["project"], f"/projects/{row['project']}/labels/{row['key'].partition('/')[2]}"
    query = "SELECT i.key, i.title, i.state FROM issues i JOIN issue_labels t ON t.issue = i.key WHERE t.label = ? ORDER BY i.number"
    found = visit.database.all(query, row["key"])
    rename = e.form(
        e.label("Name ", e.input(name="name", value=name or row["name"], maxlength=40, aria_invalid="true" if problem else None)),
        e.button("Rename"),
        method="post",
        action=path,
    )
    dialog = e.dialog(
        e.h2(f"Delete the label {row['name']}?"),
        e.p(f"It is taken from {len(found)} issues and cannot be had back."),
        e.button("Keep it", type="button", data_close=True, class_="plain"),
        e.form(e.button("Delete for good", class_="danger"), method="post", action=f"{path}/delete"),
        id="delete",
    )
    may = clerk(visit).may(project, "Maintainer")
    return layout(
        visit,
        f"Label {row['name']}",
        alert(problem),
        e.p(row["about"]) if row["about"] else None,
        e.div(rename, e.button("Delete label", type="button", data_open="delete", class_="plain"), class_="row")
        if may
        else e.p(f"Changes: {NEEDS}", class_="soft"),
        e.ul(e.li(e.a(f"{one['key']} {one['title']}", href=f"/issues/{one['key']}"), f" {one['state']}") for one in found)
        if found
        else e.p("No issue has this label."),
        dialog if may else None,
        project=project_of(visit, project),
        tab="Labels",
    )


@SITE.get("/projects/{project}/labels/{key}")
def label(visit: Visit, request: Request, project: str, key: str) -> Answered:
    """A label and its issues."""
    _ = request
    row = visit.database.get("labels", f"{project}/{key}")
    return Missing("There is no such label.") if row is None or row["deleted"] else _label(visit, row)


@SITE.post("/projects/{project}/labels/{key}")
def rename_label(visit: Visit, request: Request, project: str, key: str) -> Answered:
    """Rename a label."""
    row, name = visit.database.get("labels", f"{project}/{key}"), request.one("name")
    if row is None or row["deleted"]:
        return Missing("There is no such label.")
    try:
        clerk(visit).rename_label(row["key"], name)
    except RefusedError as refusal:
        return Invalid(_label(visit, row, str(refusal), name), str(refusal))
    visit.memory["flash"] = f"The label is called {name} now."
    return Redirect(f"/projects/{project}/labels")


@SITE.post("/projects/{project}/labels/{key}/delete")
def delete_label(visit: Visit, request: Request, project: str, key: str) -> Answered:
    """Delete a label."""
    _ = request
    clerk(visit).delete_label(f"{project}/{key}")
    visit.tell("deleted label", path=f"/projects/{project}/labels/{key}")
    visit.memory["flash"] = "The label is deleted."
    return Redirect(f"/projects/{project}/labels")


@SITE.get("/projects/{project}/members")
def members(visit: Visit, request: Request, project: str) -> Answered:
    """Who works on a project."""
    _ = request
    row = project_of(visit, project)
    return Missing(NO_PROJECT) if row is None else _members(visit, row)


def _members(visit: Visit, row: dict[str, Any], problem: str = "") -> Node:
    key = row["key"]
    query = "SELECT p.*, m.role FROM people p LEFT JOIN members m ON m.person = p.key AND m.project = ? ORDER BY p.name"
    people = visit.database.all(query, key)
    may = clerk(visit).may(key, "Maintainer")
    table = e.table(
        e.tr(
            e.td(one["name"]),
            e.td(one["role"]),
            e.td(one["email"]),
            e.td(e.a(f"Change {one['name']}", href=f"/projects/{key}/members/{one['key']}")) if may and one["key"] != visit.memory["me"] else None,
        )
        for one in people
        if one["role"]
    )
    form = e.form(
        e.h2("New member"),
        field("Person", "person", [("", "Choose"), *((one["key"], one["name"]) for one in people if not one["role"])]),
        field("Role", "role", named(ROLES)),
        e.button("Add member"),
        method="post",
        action=f"/projects/{key}/members",
        class_="card",
    )
    count = sum(bool(one["role"]) for one in people)
    lacking = e.p(f"Changes: {NEEDS}", class_="soft")
    return layout(visit, f"Members of {row['name']}", alert(problem), e.p(f"{count} members"), table, form if may else lacking, project=row, tab="Members")


@SITE.post("/projects/{project}/members")
def add_member(visit: Visit, request: Request, project: str) -> Answered:
    """Add a member."""
    row = project_of(visit, project)
    if row is None:
        return Missing(NO_PROJECT)
    try:
        clerk(visit).set_role(project, request.one("person"), request.one("role"))
    except RefusedError as refusal:
        return Invalid(_members(visit, row, str(refusal)), str(refusal))
    visit.memory["flash"] = "The member is added."
    return Redirect(f"/projects/{project}/members")


@SITE.get("/projects/{project}/members/{person}")
def member(visit: Visit, request: Request, project: str, person: str) -> Answered:
    """A member."""
    _ = request
    row, someone = visit.database.get("members", f"{project}/{person}"), visit.database.get("people", person)
    if row is None or someone is None or not clerk(visit).may(project, "Maintainer"):
        return Missing(f"There is no such member, or you may not change it. {NEEDS}")
    path, name = f"/projects/{project}/members/{person}", someone["name"]
    dialog = e.dialog(
        e.h2(f"Remove {name}?"),
        e.button("Keep them", type="button", data_close=True, class_="plain"),
        e.form(e.button("Remove from the project", class_="danger"), method="post", action=f"{path}/remove"),
        id="remove",
    )
    return layout(
        visit,
        name,
        e.p(f"Mail: {someone['email']}"),
        e.form(field("Role", "role", named(ROLES), row["role"]), e.button("Save the role"), method="post", action=path, class_="card"),
        e.button("Remove member", type="button", data_open="remove", class_="plain"),
        dialog,
        project=project_of(visit, project),
        tab="Members",
    )


@SITE.post("/projects/{project}/members/{person}")
def set_role(visit: Visit, request: Request, project: str, person: str) -> Answered:
    """Give a member another role."""
    clerk(visit).set_role(project, person, request.one("role", "?"))
    visit.memory["flash"] = "The role is saved."
    return Redirect(f"/projects/{project}/members")


@SITE.post("/projects/{project}/members/{person}/remove")
def remove_member(visit: Visit, request: Request, project: str, person: str) -> Answered:
    """Remove a member."""
    _ = request
    clerk(visit).set_role(project, person, "")
    visit.memory["flash"] = "The member is removed."
    return Redirect(f"/projects/{project}/members")


@SITE.get("/projects/{project}/activity")
def activity(visit: Visit, request: Request, project: str) -> Answered:
    """What was done in a project, the newest first."""
    row = project_of(visit, project)
    if row is None:
        return Missing(NO_PROJECT)
    query = "SELECT a.*, p.name FROM activity a JOIN people p ON p.key = a.person WHERE a.project = ? ORDER BY a.date DESC, a.key DESC"
    found = visit.database.all(query, project)
    page, pages = page_of(request, len(found), 15)
    lines = [
        e.li(f"{one['date']} | {one['name']} | {one['what']}", [" in ", e.a(one["issue"], href=f"/issues/{one['issue']}")] if one["issue"] else None)
        for one in found[(page - 1) * 15 : page * 15]
    ]
    return layout(visit, f"Activity in {row['name']}", e.ul(lines), pager(f"/projects/{project}/activity", {}, page, pages), project=row, tab="Activity")
