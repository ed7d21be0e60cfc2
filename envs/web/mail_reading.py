"""Pages of `prm_gym/Mail-v0`: a mail, and the labels."""

from typing import Any

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_pages import FOLDERS, SITE, alert, button, confirming, layout, sidebar, when
from prm_gym.envs.web.mail_rows import LENGTHS, day_text
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e


@SITE.get("/read/{key}", writes=True)
def read(visit: Visit, _: Request, key: str) -> Node | Missing:
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
    head = [e.p(f"From: {row['name']}"), e.p(f"Address: {row['sender']}"), e.p(f"To: {row['recipients']}")]
    head += [e.p(f"Copy to: {row['cc']}")] if row["cc"] else []
    head.append(e.p(f"Date: {when(row['sent'])}", class_="soft"))
    if row["confidential"]:
        head.append(e.p("Confidential: for people of the company only", class_="secret"))
    files = [e.p(f"Attachment: {name}", class_="soft") for name in row["attachments"].split("; ") if name]
    text = [e.p(line) for line in row["body"].split("\n")]
    back = e.p(e.a(FOLDERS[row["folder"]], href=f"/mail/{row['folder']}"))
    others = visit.database.all("SELECT * FROM mails WHERE thread = ? AND id != ? ORDER BY sent, id", row["thread"], key)
    thread = (
        [e.h2("Conversation"), e.ul([e.li(e.span(one["name"], class_="who"), e.a(one["subject"], href=f"/read/{one['id']}")) for one in others])]
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
        class_="row",
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
def labels(visit: Visit, _: Request) -> Node:
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
    return layout(visit, "Labels", alert(problem), e.div(sidebar(visit, "labels"), e.div(e.ul(items, class_="rows"), form), class_="columns"))


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
def delete_label(visit: Visit, _: Request, key: str) -> Redirect:
    """Delete a label."""
    store.drop_label(visit.database, key)
    visit.memory["flash"] = "The label is deleted."
    return Redirect("/labels")
