"""Pages of `prm_gym/Mail-v0`: the folders, the search, a mail, and labels."""

from typing import Any
from urllib.parse import urlencode

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_rows import day_text
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Site, Visit, e, fragment

SITE = Site("mail.test", "Postbox")
FOLDERS = {"inbox": "Inbox", "sent": "Sent", "drafts": "Drafts", "archive": "Archive", "bin": "Bin"}
ROWS_A_PAGE = 8


def layout(visit: Visit, title: str, *content: Any) -> Node:
    """A page."""
    said = visit.memory.pop("flash", "")
    return e.html(
        e.head(e.meta(charset="utf-8"), e.title(f"{title} - Postbox"), e.link(rel="stylesheet", href="/assets/world.css"), e.script(src="/assets/world.js")),
        e.body(
            _header(),
            e.main(e.p(said, role="status") if said else None, e.h1(title), *content),
            e.footer(f"This is the mailbox of {visit.memory['name']}, {visit.memory['email']}"),
        ),
    )


@fragment
def _header() -> Node:
    links = (("Mail", "/mail/inbox"), ("Calendar", "/calendar"), ("Contacts", "/contacts"), ("Settings", "/settings"))
    return e.header(
        e.span("Postbox", class_="brand"),
        [e.a(name, href=path) for name, path in links],
        e.form(e.input(type="search", name="q", aria_label="Search mail"), e.button("Search"), action="/search"),
    )


SITE.layout = layout


def when(sent: str) -> str:
    """A time as in "Mon 9 March 2026, 08:12"."""
    return f"{day_text(sent[:10])}, {sent[11:]}"


def button(name: str, path: str, method: str = "post", kind: str = "plain", **fields: str) -> Node:
    """A button that is a form of its own."""
    hidden = [e.input(type="hidden", name=field, value=value) for field, value in fields.items()]
    return e.form(hidden, e.button(name, class_=kind), method=method, action=path)


def confirming(name: str, question: str, path: str, yes: str, key: str = "confirm") -> tuple[Node, Node]:
    """A button that asks before it does something, and what it asks."""
    dialog = e.dialog(
        e.h2(name),
        e.p(question),
        e.div(e.button("Keep", type="button", data_close=True, class_="plain"), button(yes, path, kind="danger"), class_="row"),
        id=key,
    )
    return e.button(name, type="button", data_open=key, class_="plain"), dialog


def alert(problem: str) -> Node | None:
    """What is wrong with a form."""
    return e.p(problem, role="alert") if problem else None


def sidebar(visit: Visit, current: str) -> Node:
    """The folders."""
    counted = visit.database.one("SELECT count(*) AS n FROM mails WHERE folder = 'inbox' AND unread = 1")
    return _sidebar(current, counted["n"] if counted else 0)


@fragment
def _sidebar(current: str, unread: int) -> Node:
    counts = {"inbox": f" ({unread})" if unread else ""}
    links = [e.li(e.a(name + counts.get(key, ""), href=f"/mail/{key}", aria_current="page" if key == current else None)) for key, name in FOLDERS.items()]
    return e.nav(e.a("New mail", href="/compose", class_="main"), e.ul(links, e.li(e.a("Labels", href="/labels"))), class_="side")


def labels_of(visit: Visit, keys: list[str]) -> dict[str, list[str]]:
    """The names of the labels of mails, by key."""
    found: dict[str, list[str]] = {}
    marks = ", ".join("?" * len(keys))
    query = f"SELECT mail_id, name FROM labelled JOIN labels ON labels.id = label_id WHERE mail_id IN ({marks}) ORDER BY name"
    for row in visit.database.all(query, *keys):
        found.setdefault(row["mail_id"], []).append(row["name"])
    return found


def listing(visit: Visit, request: Request, where: str, values: tuple[Any, ...], nothing: str) -> list[Node]:
    """A page of the mails that a condition gives, as links or to be chosen from."""
    counted = visit.database.one(f"SELECT count(*) AS n FROM mails WHERE {where}", *values)
    total = counted["n"] if counted else 0
    if not total:
        return [e.p(nothing, class_="soft")]
    last = (total - 1) // ROWS_A_PAGE + 1
    asked = request.one("page", "1")
    page = min(max(int(asked), 1), last) if asked.isdecimal() and len(asked) < 6 else 1
    rows = visit.database.all(f"SELECT * FROM mails WHERE {where} ORDER BY sent DESC, id LIMIT ? OFFSET ?", *values, ROWS_A_PAGE, (page - 1) * ROWS_A_PAGE)
    names = labels_of(visit, [row["id"] for row in rows])
    choosing = bool(request.one("select"))
    items = [_row_of(row, names.get(row["id"], []), choosing) for row in rows]
    about = e.p(f"{total} mail{'s' * (total != 1)}, page {page} of {last}", class_="soft")
    fields = {name: request.one(name) for name in request.query if name not in ("page", "select")}
    turns = [("Newer", page - 1)] * (page > 1) + [("Older", page + 1)] * (page < last)
    links = [e.a(name, href=f"{request.path}?{urlencode({**fields, 'page': number})}") for name, number in turns]
    if choosing:
        return [_chooser(visit, request, items), about]
    links.insert(0, e.a("Select several", href=f"{request.path}?{urlencode({**fields, 'page': page, 'select': 1})}"))
    return [e.ul(items, class_="rows"), about, e.div(links, class_="row")]


def _row_of(row: dict[str, Any], names: list[str], choosing: bool) -> Node:
    who = f"To: {row['recipients']}" if row["folder"] == "sent" else row["name"]
    marks = (*(["unread"] if row["unread"] else []), *(["starred"] if row["starred"] else []), *names)
    if choosing:
        return _choice(row["id"], f"{row['subject']}, {row['name']}, {when(row['sent'])}", marks)
    return _row(row["id"], who, row["subject"], row["sent"], marks, bool(row["unread"]))


def _spaced(marks: tuple[str, ...]) -> list[Node | str]:
    return [one for mark in marks for one in (" ", e.span(mark, class_="tag"))]


@fragment
def _choice(key: str, named: str, marks: tuple[str, ...]) -> Node:
    return e.li(e.label(e.input(type="checkbox", name="mail", value=key), named), _spaced(marks))


@fragment
def _row(key: str, who: str, subject: str, sent: str, marks: tuple[str, ...], unread: bool) -> Node:
    return e.li(
        e.span(who, class_="who"),
        e.a(subject, href=f"/read/{key}"),
        e.span(when(sent), class_="soft"),
        _spaced(marks),
        class_="new" if unread else None,
    )


def actions_for(visit: Visit) -> list[tuple[str, str]]:
    """What can be done with several mails: value and name."""
    known = [("archive", "Archive"), ("bin", "Move to bin"), ("inbox", "Move to inbox"), ("star", "Star"), ("unread", "Mark as unread")]
    return known + [(row["id"], f"Label: {row['name']}") for row in visit.database.all("SELECT * FROM labels ORDER BY name")]


def _chooser(visit: Visit, request: Request, items: list[Node]) -> Node:
    options = [e.option(name, value=value) for value, name in actions_for(visit)]
    return e.form(
        e.ul(items, class_="rows"),
        e.input(type="hidden", name="back", value=request.url),
        e.label("With the selected ", e.select(e.option("Choose an action", value=""), options, name="action")),
        e.button("Apply"),
        method="post",
        action="/bulk",
    )


@SITE.get("/")
def home(_: Visit, _request: Request) -> Redirect:
    """The inbox."""
    return Redirect("/mail/inbox")


@SITE.get("/mail/{folder}")
def folder_page(visit: Visit, request: Request, folder: str) -> Node | Missing:
    """A folder."""
    if folder == "drafts":
        return drafts_page(visit)
    if folder not in FOLDERS:
        return Missing()
    body = listing(visit, request, "folder = ?", (folder,), "There are no mails here.")
    extra: list[Node] = []
    if folder == "bin":
        ask, dialog = confirming("Empty the bin", "All mails in the bin are deleted for good. This cannot be undone.", "/bin/empty", "Delete all for good")
        extra = [ask, dialog]
    return layout(visit, FOLDERS[folder], e.div(sidebar(visit, folder), e.div(body, extra), class_="columns"))


def drafts_page(visit: Visit) -> Node:
    """The drafts."""
    rows = visit.database.all("SELECT * FROM drafts ORDER BY subject, id")
    items = [
        e.li(e.span(f"To: {row['recipients'] or 'nobody yet'}", class_="who"), e.a(row["subject"] or "(no subject)", href=f"/compose?draft={row['id']}"))
        for row in rows
    ]
    body = e.ul(items, class_="rows") if items else e.p("There are no drafts.", class_="soft")
    return layout(visit, "Drafts", e.div(sidebar(visit, "drafts"), body, class_="columns"))


@SITE.get("/search")
def search(visit: Visit, request: Request) -> Node:
    """What is found."""
    parts, values = ["1"], list[Any]()
    folder = request.one("folder")
    parts.append("folder = ?" if folder in FOLDERS else "folder != ?")
    values.append(folder if folder in FOLDERS else "bin")
    for words, columns in (
        (request.one("q"), ("subject", "name", "sender", "body")),
        (request.one("from"), ("name", "sender")),
        (request.one("subject"), ("subject",)),
    ):
        if words:
            parts.append("(" + " OR ".join(f"instr(lower({column}), ?) > 0" for column in columns) + ")")
            values += [words.lower()] * len(columns)
    if request.one("unread"):
        parts.append("unread = 1")
    if request.one("label"):
        parts.append("id IN (SELECT mail_id FROM labelled WHERE label_id = ?)")
        values.append(request.one("label"))
    found = listing(visit, request, " AND ".join(parts), tuple(values), "No mail was found.")
    return layout(visit, "Search results", _criteria(visit, request), found)


def _criteria(visit: Visit, request: Request) -> Node:
    labels = [(row["id"], row["name"]) for row in visit.database.all("SELECT * FROM labels ORDER BY name")]
    folders = [("", "All but the bin"), *((key, name) for key, name in FOLDERS.items() if key != "drafts")]

    def options(choices: list[tuple[str, str]], chosen: str) -> list[Node]:
        return [e.option(name, value=value, selected=value == chosen) for value, name in choices]

    return e.details(
        e.summary("More criteria"),
        e.form(
            e.label("Words ", e.input(name="q", value=request.one("q"))),
            e.label("From ", e.input(name="from", value=request.one("from"))),
            e.label("Subject ", e.input(name="subject", value=request.one("subject"))),
            e.label("Folder ", e.select(options(folders, request.one("folder")), name="folder")),
            e.label("Label ", e.select(options([("", "Any"), *labels], request.one("label")), name="label")),
            e.label(e.input(type="checkbox", name="unread", value="1", checked=bool(request.one("unread"))), "Unread only"),
            e.button("Find mails"),
            action="/search",
            class_="card fields",
        ),
    )


@SITE.post("/bulk")
def bulk(visit: Visit, request: Request) -> Redirect | Invalid:
    """Do something with several mails."""
    keys = [key for key in request.all("mail") if visit.database.get("mails", key) is not None]
    action = request.one("action")
    back = request.one("back")
    back = back if back.startswith(("/mail/", "/search")) else "/mail/inbox"
    if not keys or action not in dict(actions_for(visit)):
        problem = "Choose mails first." if not keys else "Choose what is to be done with them."
        return Invalid(layout(visit, "Not done", alert(problem), e.a("Back to the mails", href=back)), problem)
    if action in ("archive", "bin", "inbox"):
        store.move(visit.database, keys, action)
    elif action == "star":
        store.star(visit.database, keys, 1)
    elif action == "unread":
        store.mark(visit.database, keys, 1)
    else:
        store.label(visit.database, keys, action)
    visit.memory["flash"] = f"{dict(actions_for(visit))[action]}: {len(keys)} mail{'s' * (len(keys) != 1)}."
    return Redirect(back.replace("&select=1", "").replace("select=1&", ""))


@SITE.post("/bin/empty")
def empty(visit: Visit, _: Request) -> Redirect:
    """Empty the bin."""
    store.empty_bin(visit.database)
    visit.memory["flash"] = "The bin is empty."
    return Redirect("/mail/bin")
