"""The pages of issues of `prm_gym/Tracker-v0`: reading, reporting, editing, closing, commenting and linking."""

from typing import Any

from prm_gym.envs.web.tracker_changes import FIELDS, KINDS
from prm_gym.envs.web.tracker_desk import LONGEST_TITLE
from prm_gym.envs.web.tracker_list_pages import close
from prm_gym.envs.web.tracker_pages import SITE, alert, clerk, field, labels_of, layout, milestones_of, named, options, project_of, workers
from prm_gym.envs.web.tracker_words import PRIORITIES, REASONS, STAGES
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e, fragment
from prm_gym.web.site import Answered

NO_ISSUE = "There is no such issue."


@SITE.get("/issues/{key}")
def issue(visit: Visit, request: Request, key: str) -> Answered:
    """An issue."""
    _ = request
    row = visit.database.get("issues", key)
    return Missing(f'Nothing was found for "{key}".') if row is None else issue_page(visit, row)


def issue_page(visit: Visit, row: dict[str, Any], problem: str = "", open_link: bool = False, typed: str = "") -> Node:
    """The page of an issue."""
    db, key, project = visit.database, row["key"], row["project"]
    may, closed = clerk(visit).may(project, "Developer"), row["state"] == "Closed"
    watching = db.get("watchers", f"{key}/{visit.memory['me']}") is not None
    author = (db.get("people", row["author"]) or {"name": ""})["name"]
    return layout(
        visit,
        f"{key} {row['title']}",
        alert(problem),
        e.div(
            e.div(
                e.div([e.p(line) for line in row["description"].split("\n")] if row["description"] else e.p("No description."), class_="card"),
                e.h2("Links"),
                _links(visit, key, may),
                _link_form(key, open_link, typed) if may else None,
                e.h2("Comments"),
                _comments(visit, key),
                _comment_form(key),
                e.h2("History"),
                e.div(e.a("Show the history", href=f"/issues/{key}/history", data_into="history"), id="history"),
            ),
            e.div(
                e.p(f"Reported by: {author}"),
                e.p(f"Reported on: {row['created']}"),
                [e.p(f"Closed on: {row['closed_on']}"), e.p(f"Reason: {row['reason']}")] if closed else None,
                _fields(visit, row, may, closed),
                e.div(
                    e.a("Edit", href=f"/issues/{key}/edit") if may else None,
                    e.form(e.button("Stop watching" if watching else "Watch", class_="plain"), method="post", action=f"/issues/{key}/watch"),
                    (_button(key, "reopen", "Reopen issue") if closed else e.button("Close issue", type="button", data_open="close")) if may else None,
                    class_="row",
                ),
                None if may else e.p("Changing issues needs the role Developer. You are a Reporter in this project.", class_="soft"),
                class_="card facts",
            ),
            class_="columns facing",
        ),
        _close_dialog(key) if may and not closed else None,
        project=project_of(visit, project),
    )


@fragment
def _comment_form(key: str) -> Node:
    text = e.textarea(id="comment", name="text")
    return e.form(e.label("New comment", for_="comment"), text, e.button("Add comment"), method="post", action=f"/issues/{key}/comment")


def _button(key: str, what: str, label: str) -> Node:
    return e.form(e.button(label, class_="plain"), method="post", action=f"/issues/{key}/{what}")


def _quick(key: str, name: str, values: list[tuple[str, str]], chosen: str) -> Node:
    return _quick_form(key, name, tuple(values), chosen)


@fragment
def _quick_form(key: str, name: str, values: tuple[tuple[str, str], ...], chosen: str) -> Node:
    return e.form(
        e.input(type="hidden", name="field", value=name),
        e.label(f"{name.capitalize()} ", e.select(options(values, chosen), name="value", data_submit="change")),
        method="post",
        action=f"/issues/{key}/set",
    )


def _fields(visit: Visit, row: dict[str, Any], may: bool, closed: bool) -> Node:
    key, project = row["key"], row["project"]
    query = "SELECT l.key, l.name FROM issue_labels t JOIN labels l ON l.key = t.label WHERE t.issue = ? ORDER BY l.name"
    labels = visit.database.all(query, key)
    due = e.p(f"Due: {row['due'] or 'no date'}")
    said = e.p(f"Labels: {', '.join(label['name'] for label in labels) or 'none'}")
    if not may or closed:
        assignee = visit.database.get("people", row["assignee"])
        facts = (
            ("State", row["state"]),
            ("Assignee", assignee["name"] if assignee else "nobody"),
            ("Priority", row["priority"]),
            ("Milestone", row["milestone"] or "none"),
        )
        return e.div([e.p(f"{name}: {value}") for name, value in facts], due, said)
    taken = {label["key"] for label in labels}
    free = [(label, name) for label, name in labels_of(visit, project) if label not in taken]
    people, milestones = workers(visit, project), milestones_of(visit, project)
    if row["assignee"] not in dict(people) and row["assignee"]:
        people.append((row["assignee"], (visit.database.get("people", row["assignee"]) or {"name": ""})["name"]))
    if row["milestone"] not in dict(milestones) and row["milestone"]:
        milestones.append((row["milestone"], row["milestone"]))
    return e.div(
        _quick(key, "state", named(STAGES), row["state"]),
        _quick(key, "assignee", [("", "Nobody"), *people], row["assignee"]),
        _quick(key, "priority", named(PRIORITIES), row["priority"]),
        _quick(key, "milestone", [("", "No milestone"), *milestones], row["milestone"]),
        due,
        said,
        [
            e.form(
                e.input(type="hidden", name="label", value=label["key"]),
                e.button(f"Remove {label['name']}", class_="plain"),
                method="post",
                action=f"/issues/{key}/unlabel",
            )
            for label in labels
        ],
        e.form(field("Add a label", "label", [("", "Choose"), *free], data_submit="change"), method="post", action=f"/issues/{key}/label") if free else None,
    )


def _links(visit: Visit, key: str, may: bool) -> Node:
    query = """SELECT l.key AS link, l.kind, l.issue, l.other, i.key, i.title, i.state FROM links l
        JOIN issues i ON i.key = iif(l.issue = ?1, l.other, l.issue) WHERE l.issue = ?1 OR l.other = ?1 ORDER BY l.key"""
    rows = visit.database.all(query, key)
    back = {"blocks": "is blocked by", "duplicates": "is duplicated by", "relates to": "relates to"}
    if not rows:
        return e.p("No links.")
    return e.ul(
        e.li(
            f"{row['kind'] if row['issue'] == key else back[row['kind']]} ",
            e.a(f"{row['key']} {row['title']}", href=f"/issues/{row['key']}"),
            e.span(f" ({row['state']})"),
            e.form(
                e.input(type="hidden", name="link", value=row["link"]),
                e.button(f"Remove the link to {row['key']}", class_="plain"),
                method="post",
                action=f"/issues/{key}/unlink",
            )
            if may
            else None,
        )
        for row in rows
    )


def _link_form(key: str, is_open: bool, typed: str) -> Node:
    form = e.form(
        field("This issue", "kind", named(KINDS)),
        e.label("Key of the other issue ", e.input(name="other", value=typed, aria_invalid="true" if is_open else None)),
        e.button("Add link"),
        method="post",
        action=f"/issues/{key}/link",
    )
    return e.details(e.summary("Link another issue"), form, open=is_open)


def _comments(visit: Visit, key: str) -> Any:
    query = "SELECT c.*, p.name FROM comments c JOIN people p ON p.key = c.author WHERE c.issue = ? ORDER BY c.number"
    rows = visit.database.all(query, key)
    return [
        e.div(
            e.p(f"{row['name']} | {row['date']}", class_="soft"),
            [e.p(line) for line in row["text"].split("\n")],
            e.form(
                e.input(type="hidden", name="comment", value=row["key"]),
                e.button("Delete my comment", class_="plain"),
                method="post",
                action=f"/issues/{key}/uncomment",
            )
            if row["author"] == visit.memory["me"]
            else None,
            class_="card facts",
        )
        for row in rows
    ] or e.p("No comments.")


@fragment
def _close_dialog(key: str) -> Node:
    return e.dialog(
        e.h2(f"Close {key}?"),
        e.form(field("Reason", "reason", named(REASONS)), e.button("Close it"), method="post", action=f"/issues/{key}/close"),
        e.button("Keep it open", type="button", data_close=True, class_="plain"),
        id="close",
    )


@SITE.get("/issues/{key}/history")
def history(visit: Visit, request: Request, key: str) -> Answered:
    """What was done to an issue, as a part of its page."""
    _ = request
    query = "SELECT a.*, p.name FROM activity a JOIN people p ON p.key = a.person WHERE a.issue = ? ORDER BY a.key"
    return e.template(e.ul(e.li(f"{row['date']} | {row['name']} | {row['what']}") for row in visit.database.all(query, key)))


@SITE.post("/issues/{key}/set")
def set_field(visit: Visit, request: Request, key: str) -> Answered:
    """A quick change."""
    name = request.one("field")
    if name not in FIELDS:
        return Missing()
    clerk(visit).change(key, name, request.one("value"))
    visit.memory["flash"] = f"{key} is changed."
    row = visit.database.get("issues", key)
    return Redirect(f"/projects/{row['project']}/board?assignee={row['assignee'] or 'none'}" if row and request.one("back") == "board" else f"/issues/{key}")


@SITE.post("/issues/{key}/label")
def label(visit: Visit, request: Request, key: str) -> Answered:
    """Add a label."""
    clerk(visit).add_label(key, request.one("label"))
    return Redirect(f"/issues/{key}")


@SITE.post("/issues/{key}/unlabel")
def unlabel(visit: Visit, request: Request, key: str) -> Answered:
    """Remove a label."""
    clerk(visit).remove_label(key, request.one("label"))
    return Redirect(f"/issues/{key}")


@SITE.post("/issues/{key}/watch")
def watch(visit: Visit, request: Request, key: str) -> Answered:
    """Watch an issue, or no longer."""
    _ = request
    clerk(visit).watch(key, visit.database.get("watchers", f"{key}/{visit.memory['me']}") is None)
    return Redirect(f"/issues/{key}")


@SITE.post("/issues/{key}/close")
def close_issue(visit: Visit, request: Request, key: str) -> Answered:
    """Close an issue."""
    close(visit, key, request.one("reason"))
    visit.memory["flash"] = f"{key} is closed."
    return Redirect(f"/issues/{key}")


@SITE.post("/issues/{key}/reopen")
def reopen(visit: Visit, request: Request, key: str) -> Answered:
    """Open an issue again."""
    _ = request
    clerk(visit).reopen(key)
    visit.memory["flash"] = f"{key} is open again."
    return Redirect(f"/issues/{key}")


@SITE.post("/issues/{key}/comment")
def comment(visit: Visit, request: Request, key: str) -> Answered:
    """Write a comment."""
    row = visit.database.get("issues", key)
    if row is not None and not request.one("text"):
        return Invalid(issue_page(visit, row, "A comment has some text."), "A comment has some text.")
    clerk(visit).comment(key, request.one("text"))
    visit.memory["flash"] = "Your comment is added."
    return Redirect(f"/issues/{key}")


@SITE.post("/issues/{key}/uncomment")
def uncomment(visit: Visit, request: Request, key: str) -> Answered:
    """Delete one's own comment."""
    clerk(visit).uncomment(request.one("comment"))
    return Redirect(f"/issues/{key}")


@SITE.post("/issues/{key}/link")
def link(visit: Visit, request: Request, key: str) -> Answered:
    """Link two issues."""
    try:
        clerk(visit).link(key, request.one("kind"), request.one("other"))
    except RefusedError as refusal:
        row = visit.database.get("issues", key)
        return Missing(NO_ISSUE) if row is None else Invalid(issue_page(visit, row, str(refusal), True, request.one("other")), str(refusal))
    visit.memory["flash"] = "The link is added."
    return Redirect(f"/issues/{key}")


@SITE.post("/issues/{key}/unlink")
def unlink(visit: Visit, request: Request, key: str) -> Answered:
    """Remove a link."""
    clerk(visit).unlink(key, request.one("link"))
    return Redirect(f"/issues/{key}")


def _form(visit: Visit, project: dict[str, Any], title: str, values: dict[str, str], taken: set[str], problem: str, action: str, button: str) -> Node:
    """The form of an issue."""
    key = project["key"]
    people, milestones = workers(visit, key), milestones_of(visit, key)
    if values.get("milestone") and values["milestone"] not in dict(milestones):
        milestones.append((values["milestone"], values["milestone"]))
    form = e.form(
        e.label("Title ", e.input(name="title", value=values.get("title", ""), maxlength=LONGEST_TITLE, aria_invalid="true" if "title" in problem else None)),
        e.label("Description", for_="description"),
        e.textarea(values.get("description", ""), id="description", name="description"),
        field("Assignee", "assignee", [("", "Nobody"), *people], values.get("assignee", "")),
        field("Priority", "priority", named(PRIORITIES), values.get("priority", "Normal")),
        field("Milestone", "milestone", [("", "No milestone"), *milestones], values.get("milestone", "")),
        e.label("Due date ", e.input(type="date", name="due", value=values.get("due", ""))),
        e.fieldset(
            e.legend("Labels"),
            [e.label(e.input(type="checkbox", name="label", value=one, checked=one in taken), name) for one, name in labels_of(visit, key)],
        )
        if clerk(visit).may(key, "Developer")
        else None,
        e.button(button),
        method="post",
        action=action,
        class_="card",
    )
    return layout(visit, title, alert(problem), form, project=project)


def _typed(request: Request) -> dict[str, str]:
    return {name: request.one(name) for name in FIELDS if name != "state"}


@SITE.get("/projects/{project}/new")
def new_issue(visit: Visit, request: Request, project: str) -> Answered:
    """The form of a new issue."""
    _ = request
    row = project_of(visit, project)
    return Missing() if row is None else _form(visit, row, f"New issue in {row['name']}", {}, set(), "", f"/projects/{project}/new", "Create issue")


@SITE.post("/projects/{project}/new")
def create_issue(visit: Visit, request: Request, project: str) -> Answered:
    """Report an issue."""
    row, values = project_of(visit, project), _typed(request)
    if row is None:
        return Missing()
    worker = clerk(visit)
    try:
        key = worker.create(project, values)
        for one in dict.fromkeys(request.all("label")):
            worker.add_label(key, one)
    except RefusedError as refusal:
        page = _form(visit, row, f"New issue in {row['name']}", values, set(request.all("label")), str(refusal), f"/projects/{project}/new", "Create issue")
        return Invalid(page, str(refusal))
    visit.memory["flash"] = f"{key} is created."
    return Redirect(f"/issues/{key}")


@SITE.get("/issues/{key}/edit")
def edit_issue(visit: Visit, request: Request, key: str) -> Answered:
    """The form of an issue that is there."""
    _ = request
    row = visit.database.get("issues", key)
    project = project_of(visit, row["project"]) if row else None
    if row is None or project is None:
        return Missing(NO_ISSUE)
    taken = {one["label"] for one in visit.database.all("SELECT label FROM issue_labels WHERE issue = ?", key)}
    return _form(visit, project, f"Edit {key}", row, taken, "", f"/issues/{key}/edit", "Save changes")


@SITE.post("/issues/{key}/edit")
def save_issue(visit: Visit, request: Request, key: str) -> Answered:
    """Change an issue."""
    row, values, worker = visit.database.get("issues", key), _typed(request), clerk(visit)
    project = project_of(visit, row["project"]) if row else None
    if row is None or project is None:
        return Missing(NO_ISSUE)
    before = {one["label"] for one in visit.database.all("SELECT label FROM issue_labels WHERE issue = ?", key)}
    wanted = set(request.all("label"))
    try:
        for name, value in values.items():
            worker.change(key, name, value)
        for one in sorted(wanted - before):
            worker.add_label(key, one)
        for one in sorted(before - wanted):
            worker.remove_label(key, one)
    except RefusedError as refusal:
        return Invalid(_form(visit, project, f"Edit {key}", values, wanted, str(refusal), f"/issues/{key}/edit", "Save changes"), str(refusal))
    visit.memory["flash"] = f"{key} is saved."
    return Redirect(f"/issues/{key}")
