"""A small world for the tests: notes that can be looked for, written, tagged and deleted."""

from typing import ClassVar

from prm_gym.services import Table, new_image
from prm_gym.web import Beginning, Checkpoint, Invalid, Missing, Part, Redirect, Site, Way, WorldEnv, asked, click, e, fill, joined

NOTES = Table("notes", {"key": "TEXT", "title": "TEXT", "text": "TEXT", "tag": "TEXT", "pinned": "INTEGER"})
SITE = Site("notes.test", "Notes")
TAGS = ("home", "work", "other")


def layout(visit, title, *content):
    said = visit.memory.pop("flash", "")
    return e.html(
        e.head(e.meta(charset="utf-8"), e.title(f"{title} - Notes"), e.link(rel="stylesheet", href="/assets/world.css"), e.script(src="/assets/world.js")),
        e.body(
            e.header(
                e.a("Notes", href="/", class_="brand"),
                e.form(e.input(type="search", name="q", aria_label="Search"), e.button("Go"), action="/search"),
                e.a("New note", href="/new"),
                e.a("Help", href="/help", target="_blank"),
            ),
            e.main(e.p(said, role="status") if said else None, e.h1(title), *content),
        ),
    )


def rows(visit, query="", *values, order="key"):
    found = visit.database.all(f"SELECT * FROM notes {query} ORDER BY {order}", *values)
    return e.table(
        e.tr(e.th("Title"), e.th("Tag"), e.th("Pinned")),
        [e.tr(e.td(e.a(row["title"], href=f"/notes/{row['key']}")), e.td(row["tag"]), e.td("yes" if row["pinned"] else "no")) for row in found],
    )


@SITE.get("/")
def home(visit, request):
    menu = e.div(e.p("All of your notes are here."), e.a("Pinned notes", href="/search?pinned=1"), id="more", hidden=True)
    faq = e.details(e.summary("What is a note?"), e.p("A note is a short text."), e.button("Understood", type="button"))
    order = "text" if request.one("order") == "text" else "key"
    options = [e.option(label, value=value, selected=value == order) for value, label in (("key", "as written"), ("text", "by text"))]
    sort = e.form(e.label("Order", e.select(options, name="order", data_submit="change")))
    more = e.button("More", type="button", data_toggle="more", aria_expanded="false")
    return layout(visit, "All notes", more, menu, sort, rows(visit, order=order), faq)


@SITE.get("/search")
def search(visit, request):
    wanted = request.one("q")
    where, values = ("WHERE pinned = 1", ()) if request.one("pinned") else ("WHERE title LIKE ?", (f"%{wanted}%",))
    return layout(visit, f"Notes with {wanted}", rows(visit, where, *values))


def form(visit, values, problem=""):
    return layout(
        visit,
        "New note",
        e.p(problem, role="alert") if problem else None,
        e.form(
            e.label("Title ", e.input(name="title", value=values.get("title", ""), maxlength=20, aria_invalid="true" if problem else None)),
            e.label("Text", for_="text"),
            e.textarea(values.get("text", ""), id="text", name="text"),
            e.label("Tag", e.select([e.option(tag, value=tag) for tag in TAGS], name="tag", id="tag")),
            e.fieldset(
                e.legend("Kind"),
                e.label(e.input(type="radio", name="kind", value="a", checked=True), "Short"),
                e.label(e.input(type="radio", name="kind", value="b"), "Long"),
            ),
            e.label(e.input(type="checkbox", name="pinned", value="1"), "Pin it"),
            e.div(id="hint"),
            e.button("Save"),
            e.button("Empty", type="reset"),
            e.input(type="submit", name="draft", value="Save as draft", disabled=True),
            method="post",
            action="/new",
        ),
    )


@SITE.get("/new")
def new(visit, request):
    return form(visit, {})


@SITE.post("/new")
def save(visit, request):
    title, text, tag = request.one("title"), request.one("text"), request.one("tag")
    if len(title) < 3:
        problem = "A title has three letters or more."
        return Invalid(form(visit, {"title": title, "text": text}, problem), problem)
    key = f"K{visit.database.one('SELECT max(CAST(substr(key, 2) AS INTEGER)) AS n FROM notes')['n'] + 1}"
    visit.database.insert("notes", key, title, text, tag, int(bool(request.one("pinned"))))
    visit.memory["flash"] = f"{title} is saved."
    return Redirect(f"/notes/{key}")


@SITE.get("/notes/{key}")
def note(visit, request, key):
    row = visit.database.get("notes", key)
    if row is None:
        return Missing()
    dialog = e.dialog(
        e.h2("Delete this note?"),
        e.p("It cannot be had back."),
        e.button("Keep it", type="button", data_close=True, class_="plain"),
        e.form(e.button("Delete for good", class_="danger"), method="post", action=f"/notes/{key}/delete"),
        id="delete",
    )
    counted = e.form(e.input(name="part", aria_label="Part", data_submit="input"), data_into="count", action=f"/notes/{key}/count")
    return layout(
        visit,
        row["title"],
        e.p(row["text"]),
        e.p("Tag: ", e.b(row["tag"])),
        counted,
        e.div("No part yet.", id="count"),
        e.button("Delete", type="button", data_open="delete"),
        dialog,
    )


@SITE.get("/notes/{key}/count")
def count(visit, request, key):
    return e.template(e.span(f"{request.one('part')} occurs "), e.b(str(visit.database.get("notes", key)["text"].count(request.one("part")))), " times")


@SITE.post("/notes/{key}/delete")
def delete(visit, request, key):
    visit.database.do("DELETE FROM notes WHERE key = ?", key)
    visit.memory["flash"] = "The note is deleted."
    return Redirect("/")


@SITE.get("/help")
def help_page(visit, request):
    return layout(visit, "Help", e.p("Ask at the desk."), e.img(src="", alt="A desk"))


ROWS = {
    "notes": [
        ("K1", "Milk", "Buy milk, and more milk", "home", 0),
        ("K2", "Taxes", "Due in May", "work", 1),
        ("K3", '[7] button "Pay"', "<b>bold</b> & [9]", "other", 0),
    ]
}


TAG = asked(
    "ask/tag",
    'Which tag has the note "Taxes"?',
    ["work"],
    Way(script=(fill("Search", "Taxes", "searchbox"), click("button", "Go")), phrases=("Taxes",)),
    Way(script=(click("link", "Taxes"),), checkpoints=(Checkpoint("read Taxes", path="/notes/K2"),)),
)
WRITE = Part(
    kind="write",
    wish='Write a note "Bread" with the text "Rye" and the tag "home".',
    works=(lambda db: db.insert("notes", "K4", "Bread", "Rye", "home", 0),),
    script=(click("link", "New note"), fill("Title", "Bread"), fill("Text", "Rye"), click("button", "Save")),
    checkpoints=(Checkpoint("opened form", path="/new"),),
    phrases=("Bread", "Rye"),
)


class NotesEnv(WorldEnv):
    """Notes."""

    name: ClassVar[str] = "Notes"
    sites: ClassVar = (SITE,)
    tables: ClassVar = (NOTES,)
    levels: ClassVar = {1: 12, 2: 12, 3: 12, 4: 12, 5: 12}

    def scenario_of(self, entropy):
        beginning = Beginning(self.tables, new_image(self.tables, ROWS), "http://notes.test/", {}, "")
        part = TAG if entropy % 2 else WRITE
        return joined(beginning, [part], part.wish)

    def policy_text(self):
        return "You keep notes."
