"""Pages of `prm_gym/Mail-v0`: the folders, the search, a mail, and labels."""

from typing import Any
from urllib.parse import urlencode

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_rows import LENGTHS, day_text
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Site, Visit, e

SITE = Site("mail.test", "Postbox")
FOLDERS = {"inbox": "Inbox", "sent": "Sent", "drafts": "Drafts", "archive": "Archive", "bin": "Bin"}
ROWS_A_PAGE = 8


def layout(visit: Visit, title: str, *content: Any) -> Node:
    """A page."""
    said = visit.memory.pop("flash", "")
    links = (("Mail", "/mail/inbox"), ("Calendar", "/calendar"), ("Contacts", "/contacts"), ("Settings", "/settings"))
    return e.html(
        e.head(e.meta(charset="utf-8"), e.title(f"{title} - Postbox"), e.link(rel="stylesheet", href="/assets/world.css"), e.script(src="/assets/world.js")),
        e.body(
            e.header(
                e.span("Postbox", class_="brand"),
                [e.a(name, href=path) for name, path in links],
                e.form(e.input(type="search", name="q", aria_label="Search mail"), e.button("Search"), action="/search"),
            ),
            e.main(e.p(said, role="status") if said else None, e.h1(title), *content),
            e.footer(f"{visit.memory['name']}, {visit.memory['email']}. Today is {day_text(visit.now[:10])}."),
        ),
    )


SITE.layout = layout


def when(sent: str) -> str:
    """ "Mon 9 March 2026, 08:12"."""
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
    unread = visit.database.one("SELECT count(*) AS n FROM mails WHERE folder = 'inbox' AND unread = 1")
    counts = {"inbox": f" ({unread['n']})" if unread and unread["n"] else ""}
    links = [e.li(e.a(name + counts.get(key, ""), href=f"/mail/{key}", aria_current="page" if key == current else None)) for key, name in FOLDERS.items()]
    return e.nav(e.a("New mail", href="/compose", class_="compose"), e.ul(links, e.li(e.a("Labels", href="/labels"))), class_="folders")


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
    items = [_row(row, names.get(row["id"], []), choosing) for row in rows]
    about = e.p(f"{total} mail{'s' * (total != 1)}, page {page} of {last}", class_="soft")
    fields = {name: request.one(name) for name in request.query if name not in ("page", "select")}
    turns = [("Newer", page - 1)] * (page > 1) + [("Older", page + 1)] * (page < last)
    links = [e.a(name, href=f"{request.path}?{urlencode({**fields, 'page': number})}") for name, number in turns]
    if choosing:
        return [_chooser(visit, request, items), about]
    links.insert(0, e.a("Select several", href=f"{request.path}?{urlencode({**fields, 'page': page, 'select': 1})}"))
    return [e.ul(items, class_="mails"), about, e.div(links, class_="row")]


def _row(row: dict[str, Any], names: list[str], choosing: bool) -> Node:
    who = f"To {row['recipients']}" if row["folder"] == "sent" else row["name"]
    marks = [e.span(name, class_="tag") for name in (*(["unread"] if row["unread"] else []), *(["starred"] if row["starred"] else []), *names)]
    spaced = [part for mark in marks for part in (" ", mark)]
    if choosing:
        named = f"{row['subject']}, {row['name']}, {when(row['sent'])}"
        return e.li(e.label(e.input(type="checkbox", name="mail", value=row["id"]), named), spaced)
    return e.li(
        e.span(who, class_="from"),
        e.a(row["subject"], href=f"/read/{row['id']}"),
        e.span(when(row["sent"]), class_="soft"),
        spaced,
        class_="new" if row["unread"] else None,
    )


def actions_for(visit: Visit) -> list[tuple[str, str]]:
    """What can be done with several mails: value and name."""
    known = [("archive", "Archive"), ("bin", "Move to bin"), ("inbox", "Move to inbox"), ("star", "Star"), ("unread", "Mark as unread")]
    return known + [(row["id"], f"Label: {row['name']}") for row in visit.database.all("SELECT * FROM labels ORDER BY name")]


def _chooser(visit: Visit, request: Request, items: list[Node]) -> Node:
    options = [e.option(name, value=value) for value, name in actions_for(visit)]
    return e.form(
        e.ul(items, class_="mails"),
        e.input(type="hidden", name="back", value=request.url),
        e.label("With the selected ", e.select(e.option("Choose an action", value=""), options, name="action")),
        e.button("Apply"),
        method="post",
        action="/bulk",
    )


@SITE.get("/")
def home(visit: Visit, request: Request) -> Redirect:
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
        e.li(e.span(f"To {row['recipients'] or 'nobody yet'}", class_="from"), e.a(row["subject"] or "(no subject)", href=f"/compose?draft={row['id']}"))
        for row in rows
    ]
    body = e.ul(items, class_="mails") if items else e.p("There are no drafts.", class_="soft")
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
            class_="card",
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
def empty(visit: Visit, request: Request) -> Redirect:
    """Empty the bin."""
    store.empty_bin(visit.database)
    visit.memory["flash"] = "The bin is empty."
    return Redirect("/mail/bin")


@SITE.get("/read/{key}", writes=True)
def read(visit: Visit, request: Request, key: str) -> Node | Missing:
    """A mail; it is no longer unread."""
    row = visit.database.get("mails", key)
    if row is None:
        return Missing("There is no such mail.")
    if row["unread"]:
        store.mark(visit.database, [key], 0)
    return mail_page(visit, row)


def mail_page(visit: Visit, row: dict[str, Any], problem: str = "") -> Node:
    """A mail."""
    key = row["id"]
    head = [e.p(f"From: {row['name']} <{row['sender']}>"), e.p(f"To: {row['recipients']}")]
    head += [e.p(f"Copy to: {row['cc']}")] if row["cc"] else []
    head.append(e.p(f"Date: {when(row['sent'])}", class_="soft"))
    if row["confidential"]:
        head.append(e.p("Confidential: for people of the company only", class_="tag"))
    files = [e.p(f"Attachment: {name}", class_="soft") for name in row["attachments"].split("; ") if name]
    text = [e.p(line) for line in row["body"].split("\n")]
    back = e.p(e.a(FOLDERS[row["folder"]], href=f"/mail/{row['folder']}"))
    others = visit.database.all("SELECT * FROM mails WHERE thread = ? AND id != ? ORDER BY sent, id", row["thread"], key)
    thread = (
        [e.h2("Conversation"), e.ul([e.li(e.span(one["name"], class_="from"), e.a(one["subject"], href=f"/read/{one['id']}")) for one in others])]
        if others
        else []
    )
    return layout(
        visit,
        row["subject"],
        back,
        alert(problem),
        e.article(head, e.div(text, class_="letter"), files, class_="card"),
        _special(visit, row),
        _tools(visit, row),
        thread,
    )


def _special(visit: Visit, row: dict[str, Any]) -> list[Node]:
    """What some mails offer: to answer an invitation, to put a meeting into the calendar, to end a newsletter."""
    found: list[Node] = []
    if row["meeting"]:
        found.append(button("Add to calendar", "/events/new", "get", "plain", mail=row["id"]))
    if row["invitation"]:
        asked = visit.database.get("invitations", row["invitation"])
        if asked is not None:
            lines = (f"Day: {day_text(asked['day'])}", f"Time: {asked['start']}", f"Length: {LENGTHS[asked['minutes']]}", f"Place: {asked['place']}")
            found += [e.p(line) for line in lines]
            if asked["answer"]:
                found.append(e.p(f"You have {asked['answer']}.", class_="tag"))
            else:
                answers = [button(name, f"/invitation/{asked['id']}", kind=kind, answer=value, mail=row["id"]) for name, value, kind in _ANSWERS]
                found.append(e.div(answers, class_="row"))
    if row["newsletter"]:
        letter = visit.database.get("newsletters", row["newsletter"])
        if letter is not None and letter["subscribed"]:
            found.append(button("Unsubscribe", f"/newsletters/{letter['id']}/end", mail=row["id"]))
        else:
            found.append(e.p("You no longer get this newsletter.", class_="soft"))
    return found


_ANSWERS = (("Accept", "accepted", "good"), ("Decline", "declined", "plain"))


def _tools(visit: Visit, row: dict[str, Any]) -> list[Node]:
    key, path = row["id"], f"/read/{row['id']}"
    known = visit.database.one("SELECT id FROM contacts WHERE email = ?", row["sender"])
    contact = [] if known is None else [button("Show contact", f"/contacts/{known['id']}", "get")]
    writing = [
        *contact,
        button("Reply", "/compose", "get", reply=key),
        button("Reply to all", "/compose", "get", reply=key, all="1"),
        button("Forward", "/compose", "get", forward=key),
    ]
    folder = row["folder"]
    moving = [button(name, f"{path}/{to}") for to, name in (("archive", "Archive"), ("bin", "Move to bin"), ("inbox", "Move to inbox")) if to != folder]
    moving.append(button("Remove star", f"{path}/unstar") if row["starred"] else button("Star", f"{path}/star"))
    moving.append(button("Mark as unread", f"{path}/unread"))
    if folder == "bin":
        moving += confirming("Delete for good", "This mail is deleted for good. This cannot be undone.", f"{path}/delete", "Delete it for good")
    has = visit.database.all("SELECT labels.id, name FROM labelled JOIN labels ON labels.id = label_id WHERE mail_id = ? ORDER BY name", key)
    put = [one["id"] for one in has]
    free = [one for one in visit.database.all("SELECT * FROM labels ORDER BY name") if one["id"] not in put]
    adding = e.form(
        e.label("Label ", e.select([e.option(one["name"], value=one["id"]) for one in free], name="label")),
        e.button("Add label", class_="plain"),
        method="post",
        action=f"{path}/label",
    )
    removing = [button(f"Remove label {one['name']}", f"{path}/unlabel", label=one["id"]) for one in has]
    return [e.div(writing, class_="row"), e.div(moving, class_="row"), e.div(adding if free else None, removing, class_="row")]


_DONE = {
    "archive": "The mail is in the archive.",
    "bin": "The mail is in the bin.",
    "inbox": "The mail is in the inbox.",
    "star": "The mail has a star.",
    "unstar": "The star is removed.",
    "unread": "The mail is marked as unread.",
    "label": "The label is added.",
    "unlabel": "The label is removed.",
    "delete": "The mail is deleted for good.",
}


@SITE.post("/read/{key}/{what}")
def change(visit: Visit, request: Request, key: str, what: str) -> Redirect | Missing:
    """Do something with a mail."""
    row, database = visit.database.get("mails", key), visit.database
    if row is None or what not in _DONE:
        return Missing()
    if what in ("label", "unlabel"):
        if database.get("labels", request.one("label")) is None:
            return Missing("There is no such label.")
        (store.label if what == "label" else store.unlabel)(database, [key], request.one("label"))
    elif what in ("star", "unstar"):
        store.star(database, [key], int(what == "star"))
    elif what == "unread":
        store.mark(database, [key], 1)
    elif what == "delete":
        store.delete_for_good(database, [key])
    else:
        store.move(database, [key], what)
    visit.memory["flash"] = _DONE[what]
    return Redirect(f"/mail/{row['folder']}" if what in ("unread", "delete", "archive", "bin", "inbox") else f"/read/{key}")


@SITE.get("/labels")
def labels(visit: Visit, request: Request) -> Node:
    """The labels."""
    return labels_page(visit)


def labels_page(visit: Visit, name: str = "", problem: str = "") -> Node:
    """The labels, with a form for a new one."""
    query = "SELECT labels.id, name, count(labelled.id) AS n FROM labels LEFT JOIN labelled ON label_id = labels.id GROUP BY labels.id ORDER BY name"
    rows = visit.database.all(query)
    items = [
        e.li(
            e.a(row["name"], href=f"/search?label={row['id']}"), e.span(f"{row['n']} mail{'s' * (row['n'] != 1)}", class_="soft"), _dropping(row), class_="row"
        )
        for row in rows
    ]
    form = e.form(
        e.label("Name of the new label ", e.input(name="name", value=name, aria_invalid="true" if problem else None)),
        e.button("Create label"),
        method="post",
        action="/labels",
    )
    return layout(visit, "Labels", alert(problem), e.div(sidebar(visit, "labels"), e.div(e.ul(items), form), class_="columns"))


def _dropping(row: dict[str, Any]) -> list[Node]:
    name = row["name"]
    return list(
        confirming(f"Delete label {name}", f"The label {name} is taken off all mails.", f"/labels/{row['id']}/delete", f"Delete {name}", f"drop-{row['id']}")
    )


@SITE.post("/labels")
def create_label(visit: Visit, request: Request) -> Redirect | Invalid:
    """Make a label."""
    name = request.one("name")
    try:
        store.new_label(visit.database, name)
    except RefusedError as refusal:
        return Invalid(labels_page(visit, name, str(refusal)), str(refusal))
    visit.memory["flash"] = f"The label {' '.join(name.split())} is created."
    return Redirect("/labels")


@SITE.post("/labels/{key}/delete")
def delete_label(visit: Visit, request: Request, key: str) -> Redirect:
    """Delete a label."""
    store.drop_label(visit.database, key)
    visit.memory["flash"] = "The label is deleted."
    return Redirect("/labels")
