"""Pages of `prm_gym/Mail-v0`: writing a mail, and the address book."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_pages import SITE, alert, button, confirming, layout, when
from prm_gym.errors import RefusedError
from prm_gym.services import Database
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e

SUGGESTED, CONTACTS_A_PAGE = 5, 8


class _Form(dict[str, str]):
    """What stands in the form of a mail: to, cc, subject, text, reply, forward, draft."""


def _with(prefix: str, subject: str) -> str:
    return subject if subject.startswith(prefix) else f"{prefix} {subject}"


@SITE.get("/compose")
def compose(visit: Visit, request: Request) -> Node | Missing:
    """A form for a new mail, an answer, a mail that is forwarded, or a draft."""
    database, form = visit.database, _Form(to=request.one("to"))
    if request.one("draft"):
        draft = database.get("drafts", request.one("draft"))
        if draft is None:
            return Missing("There is no such draft.")
        form = _Form(to=draft["recipients"], cc=draft["cc"], subject=draft["subject"], text=draft["body"], reply=draft["reply_to"], forward=draft["forward_of"])
        form["draft"] = draft["id"]
    elif request.one("reply") or request.one("forward"):
        row = database.get("mails", request.one("reply") or request.one("forward"))
        if row is None:
            return Missing("There is no such mail.")
        form = _answering(visit, row, bool(request.one("all"))) if request.one("reply") else _Form(subject=_with("Fwd:", row["subject"]), forward=row["id"])
    return compose_page(visit, form)


def _answering(visit: Visit, row: dict[str, Any], everybody: bool) -> _Form:
    me = visit.memory["email"]
    to = row["recipients"] if row["sender"] == me else row["sender"]
    others = [one for one in f"{row['recipients']}, {row['cc']}".split(", ") if one and one not in (me, to)] if everybody else []
    return _Form(to=to, cc=", ".join(sorted(others)), subject=_with("Re:", row["subject"]), reply=row["id"])


def compose_page(visit: Visit, form: dict[str, str], problem: str = "", attach: Sequence[str] | None = None) -> Node:
    """The form of a mail."""
    value = {name: form.get(name, "") for name in ("to", "cc", "subject", "text", "reply", "forward", "draft")}
    about = visit.database.get("mails", value["reply"] or value["forward"]) if value["reply"] or value["forward"] else None
    title = "Reply" if value["reply"] else "Forward" if value["forward"] else "Draft" if value["draft"] else "New mail"
    files = [name for name in about["attachments"].split("; ") if name] if about is not None and value["forward"] else []
    boxes = [e.label(e.input(type="checkbox", name="attach", value=name, checked=attach is None or name in attach), f"Attach {name}") for name in files]
    lookup = e.form(
        e.label("Look up a contact ", e.input(type="search", name="q", data_submit="input")),
        e.button("Look up", class_="plain"),
        action="/contacts/suggest",
        class_="row",
        data_into="suggestions",
    )
    fields = e.form(
        [e.input(type="hidden", name=name, value=value[name]) for name in ("reply", "forward", "draft") if value[name]],
        e.div(id="suggestions"),
        e.label("To ", e.input(name="to", value=value["to"], aria_invalid="true" if problem else None)),
        e.label("Copy to ", e.input(name="cc", value=value["cc"])),
        e.label("Subject ", e.input(name="subject", value=value["subject"])),
        e.label("Text ", e.textarea(value["text"], name="text")),
        boxes,
        e.div(e.button("Send", name="do", value="send"), e.button("Save as draft", name="do", value="draft", class_="plain"), class_="row"),
        method="post",
        action="/compose",
        class_="card fields",
    )
    dropping = button("Delete the draft", f"/drafts/{value['draft']}/delete") if value["draft"] else None
    return layout(visit, title, alert(problem), lookup, fields, dropping, _quoted(about))


def _quoted(row: dict[str, Any] | None) -> list[Node]:
    if row is None:
        return []
    lines = [e.p(line) for line in row["body"].split("\n")]
    secret = e.p("Confidential: for people of the company only", class_="secret") if row["confidential"] else None
    return [e.h2("The mail that it is about"), e.blockquote(e.p(f"{row['name']} <{row['sender']}>, {when(row['sent'])}"), secret, lines, class_="card")]


@SITE.get("/contacts/suggest")
def suggest(visit: Visit, request: Request) -> Node:
    """Contacts whose name begins with a text, to be ticked."""
    words = request.one("q").lower()
    rows = _contacts(visit.database, words)[:SUGGESTED] if words else []
    boxes = [e.label(e.input(type="checkbox", name="to", value=row["email"]), f"{row['name']}, {row['team']}, {row['email']}") for row in rows]
    return e.template(boxes or e.p("No contact has this name." if words else "", class_="soft"))


def _contacts(database: Database, words: str) -> list[dict[str, Any]]:
    query = "SELECT * FROM contacts WHERE instr(lower(name || ' ' || email || ' ' || team), ?) > 0 ORDER BY name, email"
    return database.all(query, words)


@SITE.post("/compose")
def compose_post(visit: Visit, request: Request) -> Redirect | Invalid:
    """Send a mail, or keep it as a draft."""
    database, form = visit.database, {name: request.one(name) for name in ("cc", "subject", "text", "reply", "forward", "draft")}
    form["to"] = ", ".join(one for one in request.all("to") if one.strip())
    attach = request.all("attach")
    try:
        letter = _letter(database, form, attach)
        if request.one("do") == "draft":
            store.keep_draft(database, letter, form["draft"])
            visit.memory["flash"] = "The draft is saved."
            return Redirect("/mail/drafts")
        if not letter.to:
            raise RefusedError("Say to whom the mail goes.")
        if not letter.subject or not (letter.text or letter.forward_of):
            raise RefusedError("A mail has a subject and a text.")
    except RefusedError as refusal:
        return Invalid(compose_page(visit, form, str(refusal), attach), str(refusal))
    if form["draft"]:
        store.drop_draft(database, form["draft"])
    store.send(database, (visit.memory["name"], visit.memory["email"]), visit.now, letter)
    visit.memory["flash"] = f"Your mail to {', '.join(letter.to)} is sent."
    return Redirect("/mail/sent")


def _letter(database: Database, form: dict[str, str], attach: Sequence[str]) -> store.Letter:
    """The mail that a form describes.

    Raises:
        RefusedError: a recipient cannot be found, or a text is too long.
    """
    to = store.addresses(database, form["to"])
    cc = tuple(one for one in store.addresses(database, form["cc"]) if one not in to)
    if len(form["text"]) > store.LONGEST or len(form["subject"]) > 200:
        raise RefusedError("The mail is too long.")
    about = database.get("mails", form["forward"]) if form["forward"] else None
    files = [name for name in about["attachments"].split("; ") if name and name in attach] if about is not None else []
    known = {name: form[name] if database.get("mails", form[name]) is not None else "" for name in ("reply", "forward")}
    return store.Letter(to, cc, " ".join(form["subject"].split()), form["text"], known["reply"], known["forward"], "; ".join(files))


@SITE.post("/drafts/{key}/delete")
def delete_draft(visit: Visit, _: Request, key: str) -> Redirect:
    """Delete a draft."""
    store.drop_draft(visit.database, key)
    visit.memory["flash"] = "The draft is deleted."
    return Redirect("/mail/drafts")


@SITE.get("/contacts")
def contacts(visit: Visit, request: Request) -> Node:
    """The address book."""
    rows = _contacts(visit.database, request.one("q").lower())
    asked = request.one("page", "1")
    last = max(0, len(rows) - 1) // CONTACTS_A_PAGE + 1
    page = min(max(int(asked), 1), last) if asked.isdecimal() and len(asked) < 6 else 1
    shown = rows[(page - 1) * CONTACTS_A_PAGE : page * CONTACTS_A_PAGE]
    items = [e.li(e.a(row["name"], href=f"/contacts/{row['id']}"), e.span(f"{row['team']} | {row['email']}", class_="soft")) for row in shown]
    form = e.form(e.input(type="search", name="q", aria_label="Search contacts", value=request.one("q")), e.button("Find"), action="/contacts", class_="row")
    turns = [("Back a page", page - 1)] * (page > 1) + [("Next page", page + 1)] * (page < last)
    links = [e.a(name, href=f"/contacts?{urlencode({'q': request.one('q'), 'page': number})}") for name, number in turns]
    nothing = e.p("No contact was found.", class_="soft")
    about = e.p(f"{len(rows)} contacts, page {page} of {last}", class_="soft")
    return layout(
        visit,
        "Contacts",
        form,
        e.p(e.a("New contact", href="/contacts/new")),
        e.ul(items, class_="rows") if rows else nothing,
        about,
        e.div(links, class_="row"),
    )


@SITE.get("/contacts/new")
def new_contact(visit: Visit, _: Request) -> Node:
    """A form for a contact."""
    return _contact_form(visit, {})


@SITE.get("/contacts/{key}")
def contact(visit: Visit, _: Request, key: str) -> Node | Missing:
    """Somebody of the address book."""
    row = visit.database.get("contacts", key)
    if row is None:
        return Missing("There is no such contact.")
    ask, dialog = confirming("Delete contact", f"{row['name']} is taken out of the address book.", f"/contacts/{key}/delete", "Delete this contact")
    lines = (f"Address: {row['email']}", f"Phone: {row['phone']}", f"Team or firm: {row['team']}")
    tools = e.div(e.a("Edit", href=f"/contacts/{key}/edit"), button("Write a mail", "/compose", "get", to=row["email"]), ask, class_="row")
    return layout(visit, row["name"], e.p(e.a("All contacts", href="/contacts")), e.div([e.p(line) for line in lines], class_="card"), tools, dialog)


@SITE.get("/contacts/{key}/edit")
def edit_contact(visit: Visit, _: Request, key: str) -> Node | Missing:
    """A form for a contact that is there."""
    row = visit.database.get("contacts", key)
    return Missing("There is no such contact.") if row is None else _contact_form(visit, row)


def _contact_form(visit: Visit, values: dict[str, str], problem: str = "") -> Node:
    fields = (("Name", "name"), ("Address", "email"), ("Phone", "phone"), ("Team or firm", "team"))
    form = e.form(
        e.input(type="hidden", name="id", value=values.get("id", "")),
        [e.label(f"{title} ", e.input(name=name, value=values.get(name, ""))) for title, name in fields],
        e.button("Save contact"),
        method="post",
        action="/contacts",
        class_="card fields",
    )
    return layout(visit, "Edit contact" if values.get("id") else "New contact", alert(problem), form)


@SITE.post("/contacts")
def save_contact(visit: Visit, request: Request) -> Redirect | Invalid:
    """Keep a contact."""
    values = {name: " ".join(request.one(name).split()) for name in ("id", "name", "email", "phone", "team")}
    if values["id"] and visit.database.get("contacts", values["id"]) is None:
        values["id"] = ""
    try:
        key = store.save_contact(visit.database, values["name"], values["email"], values["phone"], values["team"], values["id"])
    except RefusedError as refusal:
        return Invalid(_contact_form(visit, values, str(refusal)), str(refusal))
    visit.memory["flash"] = "The contact is saved."
    return Redirect(f"/contacts/{key}")


@SITE.post("/contacts/{key}/delete")
def delete_contact(visit: Visit, _: Request, key: str) -> Redirect:
    """Delete a contact."""
    store.drop_contact(visit.database, key)
    visit.memory["flash"] = "The contact is deleted."
    return Redirect("/contacts")
