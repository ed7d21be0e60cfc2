"""The wiki of `prm_gym/Tracker-v0`: pages, their sections, old versions, and writing them."""

import re
from typing import Any

from prm_gym.envs.web.tracker_pages import SITE, alert, clerk, layout, project_of
from prm_gym.envs.web.tracker_wiki import sections_of, with_section
from prm_gym.envs.web.tracker_words import slug
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e
from prm_gym.web.site import Answered

NO_PAGE = "There is no such page."
_LINK = re.compile(r"\[\[([^\]]{1,60})\]\]|\b([A-Z]{3,6}-\d{1,4})\b")


def _line(project: str, line: str) -> list[Any]:
    """A line with its links to pages and issues."""
    parts: list[Any] = []
    end = 0
    for found in _LINK.finditer(line):
        parts.append(line[end : found.start()])
        title, issue = found[1], found[2]
        parts.append(e.a(title, href=f"/wiki/{project.lower()}-{slug(title)}") if title else e.a(issue, href=f"/issues/{issue}"))
        end = found.end()
    return [*parts, line[end:]]


def _text(project: str, text: str, edit: str = "") -> list[Any]:
    """A text as headings, paragraphs and lists."""
    found: list[Any] = []
    for place, (name, lines) in enumerate(sections_of(text)):
        if name:
            found.append(e.h2(name))
        points = [line for line in lines if line.startswith("- ")]
        found += [e.p(_line(project, line)) for line in lines if not line.startswith("- ")]
        if points:
            found.append(e.ul(e.li(_line(project, line[2:])) for line in points))
        if edit and lines:
            found.append(e.p(e.a(f"Edit {name or 'the beginning'}", href=f"{edit}?section={place}")))
    return found


def _home(visit: Visit, row: dict[str, Any]) -> Node:
    query = """SELECT p.key, p.title, count(v.key) AS n, max(v.date) AS date FROM pages p JOIN versions v ON v.page = p.key
        WHERE p.project = ? GROUP BY p.key ORDER BY p.title"""
    pages = visit.database.all(query, row["key"])
    table = e.table(
        e.tr(
            e.td(e.a(one["title"], href=f"/wiki/{one['key']}")), e.td(f"{one['n']} versions" if one["n"] != 1 else "1 version"), e.td(f"changed {one['date']}")
        )
        for one in pages
    )
    new = e.a("New page", href=f"/projects/{row['key']}/wiki/new") if clerk(visit).may(row["key"], "Developer") else None
    return layout(visit, f"Wiki of {row['name']}", table, new, project=row, tab="Wiki")


@SITE.get("/projects/{project}/wiki")
def wiki(visit: Visit, request: Request, project: str) -> Answered:
    """The pages of a wiki."""
    _ = request
    row = project_of(visit, project)
    return Missing("There is no such project.") if row is None else _home(visit, row)


@SITE.get("/projects/{project}/wiki/new")
def new_page(visit: Visit, request: Request, project: str) -> Answered:
    """The form of a new page."""
    _ = request
    row = project_of(visit, project)
    return Missing("There is no such project.") if row is None else _new(visit, row)


def _new(visit: Visit, row: dict[str, Any], problem: str = "", title: str = "", text: str = "") -> Node:
    form = e.form(
        e.label("Title ", e.input(name="title", value=title, maxlength=60, aria_invalid="true" if problem else None)),
        e.label("Text", for_="text"),
        e.textarea(text, id="text", name="text"),
        e.p("Every line is a paragraph. Begin a line with ## for a heading, and with - for a point of a list.", class_="soft"),
        e.button("Create page"),
        method="post",
        action=f"/projects/{row['key']}/wiki/new",
        class_="card",
    )
    return layout(visit, "New page", alert(problem), form, project=row, tab="Wiki")


@SITE.post("/projects/{project}/wiki/new")
def create_page(visit: Visit, request: Request, project: str) -> Answered:
    """Make a page."""
    row, title, text = project_of(visit, project), request.one("title"), request.one("text")
    if row is None:
        return Missing("There is no such project.")
    try:
        key = clerk(visit).create_page(project, title, text)
    except RefusedError as refusal:
        return Invalid(_new(visit, row, str(refusal), title, text), str(refusal))
    visit.memory["flash"] = "The page is made."
    return Redirect(f"/wiki/{key}")


@SITE.get("/wiki/{page}")
def page(visit: Visit, request: Request, page: str) -> Answered:
    """A page."""
    _ = request
    row = visit.database.get("pages", page)
    if row is None:
        return Missing(NO_PAGE)
    may, project = clerk(visit).may(row["project"], "Developer"), project_of(visit, row["project"])
    query = "SELECT v.number, v.date, p.name FROM versions v JOIN people p ON p.key = v.author WHERE v.page = ? ORDER BY v.number DESC"
    last = visit.database.one(query, page) or {"number": 0, "date": "", "name": ""}
    edits = [
        e.a("Edit the whole page", href=f"/wiki/{page}/edit"),
        e.a("Add a section", href=f"/wiki/{page}/section"),
        e.a("Rename", href=f"/wiki/{page}/rename"),
    ]
    return layout(
        visit,
        row["title"],
        e.div(e.a("Old versions", href=f"/wiki/{page}/history"), edits if may else e.span("Writing needs the role Developer.", class_="soft"), class_="row"),
        e.div(_text(row["project"], row["text"], f"/wiki/{page}/edit" if may else ""), class_="card"),
        e.p(f"Newest version: {last['number']} | {last['date']} | {last['name']}", class_="soft"),
        project=project,
        tab="Wiki",
    )


def _edit(visit: Visit, row: dict[str, Any], section: str, text: str, problem: str = "") -> Node:
    form = e.form(
        e.input(type="hidden", name="section", value=section),
        e.label("Text", for_="text"),
        e.textarea(text, id="text", name="text", aria_invalid="true" if problem else None),
        e.label("What was changed ", e.input(name="summary")),
        e.button("Save page"),
        e.a("Cancel", href=f"/wiki/{row['key']}"),
        method="post",
        action=f"/wiki/{row['key']}/edit",
        class_="card",
    )
    name = _section(row["text"], section)
    what = f"section {name or 'at the beginning'}" if section else "whole page"
    return layout(visit, f"Edit {row['title']}", alert(problem), e.p(f"The {what}."), form, project=project_of(visit, row["project"]), tab="Wiki")


def _section(text: str, place: str) -> str:
    """The name of the section at a place."""
    sections = sections_of(text)
    return sections[int(place)][0] if place.isdecimal() and len(place) < 3 and int(place) < len(sections) else ""


@SITE.get("/wiki/{page}/edit")
def edit_page(visit: Visit, request: Request, page: str) -> Answered:
    """The form of a page, or of one of its sections."""
    row, place = visit.database.get("pages", page), request.one("section")
    if row is None:
        return Missing(NO_PAGE)
    if not place:
        return _edit(visit, row, "", row["text"])
    sections = sections_of(row["text"])
    if not place.isdecimal() or len(place) > 2 or int(place) >= len(sections):
        return Missing("There is no such section.")
    return _edit(visit, row, place, "\n".join(sections[int(place)][1]))


@SITE.post("/wiki/{page}/edit")
def save_page(visit: Visit, request: Request, page: str) -> Answered:
    """Write a page, or one of its sections."""
    row, place, text = visit.database.get("pages", page), request.one("section"), request.one("text")
    if row is None:
        return Missing(NO_PAGE)
    if not text:
        return Invalid(_edit(visit, row, place, text, "Write some text."), "Write some text.")
    whole = with_section(row["text"], _section(row["text"], place), text.replace("\r", "")) if place else text
    clerk(visit).write_page(page, whole, request.one("summary"))
    visit.memory["flash"] = "The page is saved."
    return Redirect(f"/wiki/{page}")


def _added(visit: Visit, row: dict[str, Any], name: str = "", text: str = "", problem: str = "") -> Node:
    form = e.form(
        e.label("Heading ", e.input(name="name", value=name, maxlength=60, aria_invalid="true" if problem else None)),
        e.label("Text", for_="text"),
        e.textarea(text, id="text", name="text"),
        e.button("Add section"),
        method="post",
        action=f"/wiki/{row['key']}/section",
        class_="card",
    )
    return layout(visit, f"New section of {row['title']}", alert(problem), form, project=project_of(visit, row["project"]), tab="Wiki")


@SITE.get("/wiki/{page}/section")
def new_section(visit: Visit, request: Request, page: str) -> Answered:
    """The form of a new section."""
    _ = request
    row = visit.database.get("pages", page)
    return Missing(NO_PAGE) if row is None else _added(visit, row)


@SITE.post("/wiki/{page}/section")
def add_section(visit: Visit, request: Request, page: str) -> Answered:
    """Add a section at the end of a page."""
    row, name, text = visit.database.get("pages", page), " ".join(request.one("name").split()), request.one("text")
    if row is None:
        return Missing(NO_PAGE)
    if not name or not text or any(name == one for one, _ in sections_of(row["text"])):
        return Invalid(_added(visit, row, name, text, "A section has some text, and a heading that is new."), "the section lacks something")
    clerk(visit).write_page(page, with_section(row["text"], name, text.replace("\r", "")), f"Section {name}")
    visit.memory["flash"] = "The section is added."
    return Redirect(f"/wiki/{page}")


@SITE.get("/wiki/{page}/rename")
def rename_form(visit: Visit, request: Request, page: str) -> Answered:
    """The form of another title."""
    _ = request
    row = visit.database.get("pages", page)
    return Missing(NO_PAGE) if row is None else _rename(visit, row, row["title"])


def _rename(visit: Visit, row: dict[str, Any], title: str, problem: str = "") -> Node:
    form = e.form(
        e.label("Title ", e.input(name="title", value=title, maxlength=60, aria_invalid="true" if problem else None)),
        e.button("Rename page"),
        method="post",
        action=f"/wiki/{row['key']}/rename",
        class_="card",
    )
    return layout(visit, f"Rename {row['title']}", alert(problem), form, project=project_of(visit, row["project"]), tab="Wiki")


@SITE.post("/wiki/{page}/rename")
def rename_page(visit: Visit, request: Request, page: str) -> Answered:
    """Give a page another title."""
    row = visit.database.get("pages", page)
    try:
        clerk(visit).rename_page(page, request.one("title"))
    except RefusedError as refusal:
        return Missing(NO_PAGE) if row is None else Invalid(_rename(visit, row, request.one("title"), str(refusal)), str(refusal))
    visit.memory["flash"] = "The page is renamed."
    return Redirect(f"/wiki/{page}")


@SITE.get("/wiki/{page}/history")
def page_history(visit: Visit, request: Request, page: str) -> Answered:
    """The versions of a page."""
    _ = request
    row = visit.database.get("pages", page)
    if row is None:
        return Missing(NO_PAGE)
    query = "SELECT v.*, p.name FROM versions v JOIN people p ON p.key = v.author WHERE v.page = ? ORDER BY v.number DESC"
    table = e.table(
        e.tr(e.td(e.a(f"Version {one['number']}", href=f"/wiki/{page}/versions/{one['number']}")), e.td(one["date"]), e.td(one["name"]), e.td(one["summary"]))
        for one in visit.database.all(query, page)
    )
    return layout(
        visit, f"Versions of {row['title']}", table, e.a("Back to the page", href=f"/wiki/{page}"), project=project_of(visit, row["project"]), tab="Wiki"
    )


@SITE.get("/wiki/{page}/versions/{number}")
def version(visit: Visit, request: Request, page: str, number: str) -> Answered:
    """An old version."""
    _ = request
    row, old = visit.database.get("pages", page), visit.database.get("versions", f"{page}/{number}")
    if row is None or old is None:
        return Missing("There is no such version.")
    may, newest = clerk(visit).may(row["project"], "Developer"), old["text"] == row["text"]
    dialog = e.dialog(
        e.h2(f"Restore version {number}?"),
        e.p("The page is written anew with this text."),
        e.form(e.button("Restore it"), method="post", action=f"/wiki/{page}/versions/{number}"),
        e.button("Leave it", type="button", data_close=True, class_="plain"),
        id="restore",
    )
    return layout(
        visit,
        f"Version {number} of {row['title']}",
        e.p(f"This is how the page was on {old['date']}. ", "It is the same today." if newest else ""),
        e.button("Restore this version", type="button", data_open="restore") if may and not newest else None,
        e.div(_text(row["project"], old["text"]), class_="card"),
        e.a("All versions", href=f"/wiki/{page}/history"),
        dialog if may and not newest else None,
        project=project_of(visit, row["project"]),
        tab="Wiki",
    )


@SITE.post("/wiki/{page}/versions/{number}")
def restore(visit: Visit, request: Request, page: str, number: str) -> Answered:
    """Write a page as it was."""
    _ = request
    old = visit.database.get("versions", f"{page}/{number}")
    if old is None:
        return Missing("There is no such version.")
    clerk(visit).write_page(page, old["text"], f"Version {number} again")
    visit.memory["flash"] = "The page is as it was."
    return Redirect(f"/wiki/{page}")
