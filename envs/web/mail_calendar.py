"""Pages of `prm_gym/Mail-v0`: the calendar, its events, and invitations."""

import datetime
from collections.abc import Sequence
from typing import Any

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_pages import SITE, alert, confirming, layout
from prm_gym.envs.web.mail_reading import mail_page
from prm_gym.envs.web.mail_rows import HOURS, LENGTHS, REMINDERS, day_text, minute_of, time_of
from prm_gym.envs.web.mail_words import ROOMS
from prm_gym.errors import RefusedError
from prm_gym.web import Invalid, Missing, Node, Redirect, Request, Visit, e

NO_PLACE = "no place"


def days_of(visit: Visit) -> list[str]:
    """The ten working days that the calendar has."""
    monday = datetime.date.fromisoformat(visit.now[:10])
    return [(monday + datetime.timedelta(days=week * 7 + day)).isoformat() for week in (0, 1) for day in range(5)]


def until(row: dict[str, Any]) -> str:
    """When an event ends."""
    return time_of(minute_of(row["start"]) + row["minutes"])


def looked(visit: Visit, days: Sequence[str]) -> None:
    """Remember that somebody has looked at days of the calendar."""
    visit.memory["looked"] = sorted({*visit.memory.get("looked", ()), *days})


def _link(row: dict[str, Any]) -> Node:
    return e.a(f"{row['start']} to {until(row)} {row['title']}", href=f"/event/{row['id']}")


@SITE.get("/calendar")
def week(visit: Visit, request: Request) -> Node:
    """A week."""
    second = request.one("week") == "2"
    days = days_of(visit)[5:] if second else days_of(visit)[:5]
    looked(visit, days)
    found = {day: visit.database.all("SELECT * FROM events WHERE day = ? ORDER BY start", day) for day in days}
    rows = [e.tr(e.th(e.a(day_text(day), href=f"/calendar/{day}")), e.td([e.p(_link(row)) for row in events] or "nothing")) for day, events in found.items()]
    other = e.a("This week", href="/calendar") if second else e.a("Next week", href="/calendar?week=2")
    return layout(visit, "Next week" if second else "This week", e.p(other), e.table(rows), e.p(e.a("New event", href="/events/new")))


@SITE.get("/calendar/{day}")
def day_page(visit: Visit, _: Request, day: str) -> Node | Missing:
    """A day, hour by hour."""
    days = days_of(visit)
    if day not in days:
        return Missing("The calendar has this week and the next.")
    looked(visit, [day])
    rows = [_hour(visit, day, hour) for hour in HOURS]
    place = days.index(day)
    turns = [("Day before", place - 1)] * (place > 0) + [("Day after", place + 1)] * (place < len(days) - 1)
    links = [e.a("Week", href=f"/calendar{'?week=2' * (place > 4)}"), *(e.a(name, href=f"/calendar/{days[at]}") for name, at in turns)]
    return layout(visit, day_text(day), e.div(links, class_="row"), e.table(rows), e.p(e.a("New event on this day", href=f"/events/new?day={day}")))


def _hour(visit: Visit, day: str, hour: str) -> Node:
    events = [
        row
        for row in visit.database.all("SELECT * FROM events WHERE day = ? ORDER BY start", day)
        if store.overlap((day, hour, 60), (day, row["start"], row["minutes"]))
    ]
    begins = [row for row in events if row["start"][:2] == hour[:2]]
    if begins:
        return e.tr(e.td([_link(row) for row in begins]))
    return e.tr(e.td(hour), e.td("taken" if events else "free"))


@SITE.get("/event/{key}")
def event(visit: Visit, _: Request, key: str) -> Node | Missing:
    """An event."""
    row = visit.database.get("events", key)
    return Missing("There is no such event.") if row is None else event_page(visit, row)


def event_page(visit: Visit, row: dict[str, Any], name: str = "", problem: str = "") -> Node:
    """An event, with its guests."""
    key = row["id"]
    lines = [
        f"Day: {day_text(row['day'])}",
        f"Begins: {row['start']}",
        f"Ends: {until(row)}",
        f"Place: {row['place'] or NO_PLACE}",
        f"Reminder: {REMINDERS[row['reminder']]}",
    ]
    query = "SELECT guests.email, name, contacts.id FROM guests LEFT JOIN contacts ON contacts.email = guests.email WHERE event_id = ? ORDER BY guests.email"
    guests = visit.database.all(query, key)
    listed = e.ul([_guest(one) for one in guests]) if guests else e.p("Nobody is invited.", class_="soft")
    ask, dialog = confirming("Cancel event", "The event is taken out of the calendar, and its guests are told.", f"/event/{key}/cancel", "Cancel it")
    inviting = e.form(
        e.label("Guest ", e.input(name="guest", value=name)), e.button("Invite", class_="plain"), method="post", action=f"/event/{key}/invite", class_="row"
    )
    tools = e.div(e.a("Change", href=f"/event/{key}/edit"), ask, e.a("The day", href=f"/calendar/{row['day']}"), class_="row")
    return layout(visit, row["title"], alert(problem), e.div([e.p(line) for line in lines], class_="card"), tools, e.h2("Guests"), listed, inviting, dialog)


def _guest(row: dict[str, Any]) -> Node:
    who = row["email"] if row["name"] is None else e.a(row["name"], href=f"/contacts/{row['id']}")
    return e.li(who, e.span(row["email"], class_="soft") if row["name"] else None, class_="row")


@SITE.post("/event/{key}/invite")
def invite(visit: Visit, request: Request, key: str) -> Redirect | Invalid | Missing:
    """Invite people to an event."""
    row = visit.database.get("events", key)
    if row is None:
        return Missing("There is no such event.")
    try:
        guests = store.addresses(visit.database, request.one("guest"))
        if not guests:
            raise RefusedError("Say whom to invite.")
    except RefusedError as refusal:
        return Invalid(event_page(visit, row, request.one("guest"), str(refusal)), str(refusal))
    for guest in guests:
        store.invite(visit.database, key, guest)
    visit.memory["flash"] = f"Invited: {', '.join(guests)}."
    return Redirect(f"/event/{key}")


@SITE.post("/event/{key}/cancel")
def cancel(visit: Visit, _: Request, key: str) -> Redirect | Missing:
    """Cancel an event."""
    row = visit.database.get("events", key)
    if row is None:
        return Missing("There is no such event.")
    store.cancel(visit.database, key)
    visit.memory["flash"] = f"{row['title']} is cancelled."
    return Redirect(f"/calendar/{row['day']}")


@SITE.get("/events/new")
def new_event(visit: Visit, request: Request) -> Node:
    """A form for an event, filled in with a day or with what a mail proposes."""
    values: dict[str, str] = {"day": request.one("day")}
    mail = visit.database.get("mails", request.one("mail")) if request.one("mail") else None
    if mail is not None and mail["meeting"]:
        values = dict(zip(("title", "day", "start", "minutes", "place"), mail["meeting"].split("|"), strict=True))
    return _event_form(visit, values)


@SITE.get("/event/{key}/edit")
def edit_event(visit: Visit, _: Request, key: str) -> Node | Missing:
    """A form for an event that is there."""
    row = visit.database.get("events", key)
    if row is None:
        return Missing("There is no such event.")
    return _event_form(visit, {name: str(value) for name, value in row.items()})


def _choice(title: str, name: str, options: Sequence[tuple[str, str]], chosen: str) -> Node:
    return e.label(f"{title} ", e.select([e.option(text, value=value, selected=value == chosen) for value, text in options], name=name))


def _event_form(visit: Visit, values: dict[str, str], problem: str = "") -> Node:
    key = values.get("id", "")
    guests = None if key else e.label("Guests ", e.input(name="guests", value=values.get("guests", "")))
    form = e.form(
        e.input(type="hidden", name="id", value=key),
        e.label("Title ", e.input(name="title", value=values.get("title", ""))),
        _choice("Day", "day", [(day, day_text(day)) for day in days_of(visit)], values.get("day", "")),
        _choice("Begins", "start", [(hour, hour) for hour in HOURS], values.get("start", "09:00")),
        _choice("Length", "minutes", [(str(minutes), text) for minutes, text in LENGTHS.items()], values.get("minutes", "60")),
        _choice("Place", "place", [("", NO_PLACE), *((room, room) for room in ROOMS)], values.get("place", "")),
        _choice("Reminder", "reminder", [(str(minutes), text) for minutes, text in REMINDERS.items()], values.get("reminder", "0")),
        guests,
        e.button("Save event"),
        method="post",
        action="/events",
        class_="card fields",
    )
    return layout(visit, "Change event" if key else "New event", alert(problem), form)


@SITE.post("/events")
def save_event(visit: Visit, request: Request) -> Redirect | Invalid:
    """Put an event into the calendar, or change it."""
    names = ("id", "title", "day", "start", "minutes", "place", "reminder", "guests")
    values, database = {name: " ".join(request.one(name).split()) for name in names}, visit.database
    try:
        known = values["day"] in days_of(visit) and values["start"] in HOURS and values["place"] in ("", *ROOMS)
        if not known or values["minutes"] not in map(str, LENGTHS) or values["reminder"] not in map(str, REMINDERS):
            raise RefusedError("Choose a day, a time, a length, a place and a reminder from the lists.")
        key = values["id"] if values["id"] and database.get("events", values["id"]) is not None else ""
        guests = store.addresses(database, values["guests"])
        wanted = store.Plan(values["title"], values["day"], values["start"], int(values["minutes"]), values["place"], int(values["reminder"]))
        key = store.plan(database, wanted, guests, key)
    except RefusedError as refusal:
        return Invalid(_event_form(visit, values, str(refusal)), str(refusal))
    visit.memory["flash"] = f"{values['title']} is in the calendar."
    return Redirect(f"/event/{key}")


@SITE.post("/invitation/{key}")
def respond(visit: Visit, request: Request, key: str) -> Redirect | Invalid | Missing:
    """Accept or decline an invitation."""
    answer, mail = request.one("answer"), visit.database.get("mails", request.one("mail"))
    if answer not in ("accepted", "declined") or mail is None or mail["invitation"] != key:
        return Missing("There is no such invitation.")
    try:
        store.respond(visit.database, key, answer)
    except RefusedError as refusal:
        return Invalid(mail_page(visit, mail, str(refusal)), str(refusal))
    visit.memory["flash"] = f"The invitation is {answer}."
    return Redirect(f"/read/{mail['id']}")
