"""Pages of `prm_gym/Mail-v0`: the settings."""

from typing import Any

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_pages import SITE, alert, button, layout
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e

PARTS = (("Signature", "signature"), ("Out of office", "away"), ("Forwarding", "forwarding"), ("Filters", "filters"), ("Newsletters", "newsletters"))


def settings_of(visit: Visit) -> dict[str, str]:
    """The settings by name."""
    return {row["id"]: row["value"] for row in visit.database.all("SELECT * FROM settings")}


def _page(visit: Visit, title: str, problem: str, *content: Any) -> Node:
    return layout(visit, title, e.p(e.a("All settings", href="/settings")), alert(problem), *content)


def _form(path: str, *content: Any) -> Node:
    return e.form(*content, method="post", action=f"/settings/{path}", class_="card fields")


@SITE.get("/settings")
def settings(visit: Visit, _: Request) -> Node:
    """What can be set."""
    now = settings_of(visit)
    said = {
        "signature": now["signature"] or "none",
        "away": f"on from {now['away_from']} to {now['away_until']}" if now["away"] == "on" else "off",
        "forwarding": now["forwarding"] or "off",
    }
    items = [e.li(e.a(title, href=f"/settings/{name}"), e.span(said.get(name, ""), class_="soft")) for title, name in PARTS]
    return layout(visit, "Settings", e.ul(items, class_="rows"))


@SITE.get("/settings/{part}")
def setting(visit: Visit, _: Request, part: str) -> Node | Missing:
    """One of the settings."""
    return _PAGES[part](visit, settings_of(visit), "") if part in _PAGES else Missing()


def _signature(visit: Visit, now: dict[str, str], problem: str) -> Node:
    return _page(
        visit, "Signature", problem, _form("signature", e.label("Signature ", e.textarea(now["signature"], name="signature")), e.button("Save signature"))
    )


def _away(visit: Visit, now: dict[str, str], problem: str) -> Node:
    form = _form(
        "away",
        e.label(e.input(type="checkbox", name="away", value="on", checked=now["away"] == "on"), "I am away"),
        e.label("First day ", e.input(type="date", name="away_from", value=now["away_from"])),
        e.label("Last day ", e.input(type="date", name="away_until", value=now["away_until"])),
        e.label("Answer ", e.textarea(now["away_text"], name="away_text")),
        e.button("Save out of office"),
    )
    return _page(visit, "Out of office", problem, form)


def _forwarding(visit: Visit, now: dict[str, str], problem: str) -> Node:
    form = _form("forwarding", e.label("Forward all new mails to ", e.input(name="forwarding", value=now["forwarding"])), e.button("Save forwarding"))
    return _page(visit, "Forwarding", problem, form)


def _filters(visit: Visit, now: dict[str, str], problem: str) -> Node:
    rows = visit.database.all("SELECT filters.id, sender, name FROM filters JOIN labels ON labels.id = label_id ORDER BY sender")
    items = [
        e.li(
            e.span(f"{row['sender']} gets the label {row['name']}"), button(f"Delete filter for {row['sender']}", f"/filters/{row['id']}/delete"), class_="row"
        )
        for row in rows
    ]
    labels = [e.option(row["name"], value=row["id"]) for row in visit.database.all("SELECT * FROM labels ORDER BY name")]
    form = _form(
        "filters",
        e.h2("New filter"),
        e.label("Mails from ", e.input(name="sender", value=now.get("sender", ""))),
        e.label("Get the label ", e.select(labels, name="label")),
        e.button("Create filter"),
    )
    return _page(visit, "Filters", problem, e.ul(items) if items else e.p("There are no filters.", class_="soft"), form)


def _newsletters(visit: Visit, _: dict[str, str], problem: str) -> Node:
    rows = visit.database.all("SELECT * FROM newsletters ORDER BY name")
    items = [e.li(e.span(row["name"]), _turned(row), class_="row") for row in rows]
    return _page(visit, "Newsletters", problem, e.ul(items))


def _turned(row: dict[str, Any]) -> Node:
    if row["subscribed"]:
        return button(f"Unsubscribe from {row['name']}", f"/newsletters/{row['id']}/end")
    return button(f"Subscribe to {row['name']}", f"/newsletters/{row['id']}/begin")


_PAGES = {"signature": _signature, "away": _away, "forwarding": _forwarding, "filters": _filters, "newsletters": _newsletters}


@SITE.post("/settings/{part}")
def save(visit: Visit, request: Request, part: str) -> Redirect | Invalid | Missing:
    """Keep a setting."""
    if part not in _PAGES or part == "newsletters":
        return Missing()
    database, now = visit.database, settings_of(visit)
    given = {name: request.one(name) for name in ("signature", "away", "away_from", "away_until", "away_text", "forwarding", "sender")}
    try:
        if part == "signature":
            store.configure(database, signature=given["signature"])
        elif part == "away":
            store.configure_away(database, given["away"] == "on", given["away_from"], given["away_until"], given["away_text"])
        elif part == "forwarding":
            store.configure_forwarding(database, given["forwarding"])
        else:
            if database.get("labels", request.one("label")) is None:
                raise RefusedError("Choose a label.")
            store.new_filter(database, (*store.addresses(database, given["sender"]), "")[0], request.one("label"))
    except RefusedError as refusal:
        return Invalid(_PAGES[part](visit, now | given, str(refusal)), str(refusal))
    visit.memory["flash"] = "Your settings are saved."
    return Redirect(f"/settings/{part}")


@SITE.post("/filters/{key}/delete")
def delete_filter(visit: Visit, _: Request, key: str) -> Redirect:
    """Delete a filter."""
    store.drop_filter(visit.database, key)
    visit.memory["flash"] = "The filter is deleted."
    return Redirect("/settings/filters")


@SITE.post("/newsletters/{key}/{what}")
def newsletter(visit: Visit, request: Request, key: str, what: str) -> Redirect | Missing:
    """Begin or end a newsletter."""
    row = visit.database.get("newsletters", key)
    if row is None or what not in ("begin", "end"):
        return Missing("There is no such newsletter.")
    store.subscribe(visit.database, key, int(what == "begin"))
    visit.memory["flash"] = f"{row['name']}: {'you get it again' if what == 'begin' else 'you no longer get it'}."
    mail = request.one("mail")
    return Redirect(f"/read/{mail}" if mail.isalnum() else "/settings/newsletters")
