"""What can be done in a mailbox of `prm_gym/Mail-v0`: each is a change of rows, for the pages and for the goals of tasks alike.

Keys of new rows are made from what the rows say and not from how many there are, so that two things may be done in either order.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from prm_gym.envs.web.mail_rows import gist_of, overlap
from prm_gym.errors import RefusedError
from prm_gym.services import Database

_ADDRESS = re.compile(r"[A-Za-z0-9._+-]{1,60}@[A-Za-z0-9.-]{1,60}\.[A-Za-z]{2,10}")
_NAMED = re.compile(r"[^<>]{0,80}<([^<>]{1,130})>")
LONGEST = 2_000


class Letter(NamedTuple):
    """A mail that is to be sent, or kept as a draft."""

    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    text: str
    reply_to: str = ""
    forward_of: str = ""
    attachments: str = ""


def slug(text: str) -> str:
    """A text as a part of a key.

    >>> slug("Road map, 2nd!")
    'road-map-2nd'
    """
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:40]


def new_key(database: Database, table: str, wanted: str) -> str:
    """A key that no row of a table has yet."""
    key, number = wanted, 1
    while database.get(table, key) is not None:
        number += 1
        key = f"{wanted}-{number}"
    return key


def addresses(database: Database, text: str) -> tuple[str, ...]:
    """The addresses that a field of recipients names, in order of the alphabet.

    Raises:
        RefusedError: a part of it is no address and no name of one contact.
    """
    found: set[str] = set()
    for part in (one.strip() for one in re.split(r"[,;\n]", text[:LONGEST])):
        if not part:
            continue
        named = _NAMED.fullmatch(part)
        address = (named[1] if named else part).strip().lower()
        if _ADDRESS.fullmatch(address):
            found.add(address)
        elif "@" in address:
            raise RefusedError(f'"{part}" is no address.')
        else:
            found.add(_address_of(database, part))
    return tuple(sorted(found))


def _address_of(database: Database, name: str) -> str:
    rows = database.all("SELECT email FROM contacts WHERE lower(name) = ?", " ".join(name.split()).lower())
    if len(rows) == 1:
        return rows[0]["email"]
    if rows:
        raise RefusedError(f'{len(rows)} contacts are called "{name}": write the address.')
    raise RefusedError(f'There is no contact called "{name}".')


def send(database: Database, owner: tuple[str, str], now: str, letter: Letter) -> str:
    """Send a mail; its key.

    Args:
        database: of the mailbox.
        owner: name and address of the sender.
        now: the time.
        letter: what is sent.
    """
    to, cc = ", ".join(letter.to), ", ".join(letter.cc)
    gist = gist_of(letter.text)
    digest = hashlib.sha256("\n".join((to, cc, letter.subject, gist, letter.reply_to, letter.forward_of)).encode()).hexdigest()[:8]
    key = new_key(database, "mails", f"S{digest}")
    earlier = database.get("mails", letter.reply_to) if letter.reply_to else None
    thread = key if earlier is None else earlier["thread"]
    row = (
        key,
        thread,
        "sent",
        *owner,
        to,
        cc,
        letter.subject,
        gist,
        letter.text,
        now,
        0,
        0,
        0,
        letter.attachments,
        letter.reply_to,
        letter.forward_of,
        "",
        "",
        "",
    )
    database.insert("mails", *row)
    return key


def keep_draft(database: Database, letter: Letter, key: str = "") -> str:
    """Keep a mail as a draft, a new one or in the place of an old one; its key."""
    to, cc, gist = ", ".join(letter.to), ", ".join(letter.cc), gist_of(letter.text)
    if key:
        database.do("DELETE FROM drafts WHERE id = ?", key)
    else:
        key = new_key(database, "drafts", f"D-{slug(letter.subject) or 'empty'}")
    database.insert("drafts", key, to, cc, letter.subject, gist, letter.text, letter.reply_to, letter.forward_of)
    return key


def drop_draft(database: Database, key: str) -> None:
    """Delete a draft."""
    database.do("DELETE FROM drafts WHERE id = ?", key)


def move(database: Database, keys: Sequence[str], folder: str) -> None:
    """Move mails to a folder."""
    for key in keys:
        database.do("UPDATE mails SET folder = ? WHERE id = ?", folder, key)


def star(database: Database, keys: Sequence[str], starred: int) -> None:
    """Put a star on mails, or take it off."""
    for key in keys:
        database.do("UPDATE mails SET starred = ? WHERE id = ?", starred, key)


def mark(database: Database, keys: Sequence[str], unread: int) -> None:
    """Mark mails as unread, or as read."""
    for key in keys:
        database.do("UPDATE mails SET unread = ? WHERE id = ?", unread, key)


def new_label(database: Database, name: str) -> str:
    """Make a label; its key.

    Raises:
        RefusedError: it has no name, or there is one.
    """
    name = " ".join(name.split())
    if not 2 <= len(name) <= 30:
        raise RefusedError("A label has a name of 2 to 30 letters.")
    if database.one("SELECT id FROM labels WHERE lower(name) = ?", name.lower()):
        raise RefusedError(f'There is a label "{name}" already.')
    key = new_key(database, "labels", f"L-{slug(name)}")
    database.insert("labels", key, name)
    return key


def drop_label(database: Database, key: str) -> None:
    """Delete a label, from all mails and filters too."""
    for table in ("labelled", "filters"):
        database.do(f"DELETE FROM {table} WHERE label_id = ?", key)
    database.do("DELETE FROM labels WHERE id = ?", key)


def label(database: Database, keys: Sequence[str], label_id: str) -> None:
    """Put a label on mails."""
    for key in keys:
        if database.get("labelled", f"{key}~{label_id}") is None:
            database.insert("labelled", f"{key}~{label_id}", key, label_id)


def unlabel(database: Database, keys: Sequence[str], label_id: str) -> None:
    """Take a label off mails."""
    for key in keys:
        database.do("DELETE FROM labelled WHERE id = ?", f"{key}~{label_id}")


def delete_for_good(database: Database, keys: Sequence[str]) -> None:
    """Delete mails that lie in the bin."""
    for key in keys:
        database.do("DELETE FROM labelled WHERE mail_id = ?", key)
        database.do("DELETE FROM mails WHERE id = ? AND folder = 'bin'", key)


def empty_bin(database: Database) -> None:
    """Delete all mails that lie in the bin."""
    delete_for_good(database, [row["id"] for row in database.all("SELECT id FROM mails WHERE folder = 'bin'")])


class Plan(NamedTuple):
    """What a meeting should be like."""

    title: str
    day: str
    start: str
    minutes: int
    place: str
    reminder: int = 0


def busy_with(database: Database, day: str, start: str, minutes: int, without: str = "") -> dict[str, Any] | None:
    """The meeting that stands in the way of another; None where the time is free."""
    rows = database.all("SELECT * FROM events WHERE day = ? AND id != ? ORDER BY start", day, without)
    return next((row for row in rows if overlap((day, start, minutes), (row["day"], row["start"], row["minutes"]))), None)


def plan(database: Database, wanted: Plan, guests: Sequence[str] = (), key: str = "") -> str:
    """Put a meeting into the calendar, or give one another time; its key.

    Raises:
        RefusedError: there is another one at that time, or it has no title.
    """
    if not 2 <= len(wanted.title) <= 80:
        raise RefusedError("An event has a title of 2 to 80 letters.")
    other = busy_with(database, wanted.day, wanted.start, wanted.minutes, without=key)
    if other is not None:
        raise RefusedError(f"You are busy then: {other['title']}, {other['start']}.")
    if key:
        database.do("UPDATE events SET title = ?, day = ?, start = ?, minutes = ?, place = ?, reminder = ? WHERE id = ?", *wanted, key)
    else:
        key = new_key(database, "events", f"E-{slug(wanted.title)}")
        database.insert("events", key, *wanted)
    for guest in guests:
        invite(database, key, guest)
    return key


def invite(database: Database, event: str, email: str) -> None:
    """Invite somebody to a meeting."""
    if database.get("guests", f"{event}~{email}") is None:
        database.insert("guests", f"{event}~{email}", event, email)


def cancel(database: Database, event: str) -> None:
    """Cancel a meeting; its guests are told."""
    database.do("DELETE FROM guests WHERE event_id = ?", event)
    database.do("DELETE FROM events WHERE id = ?", event)


def respond(database: Database, invitation: str, answer: str) -> None:
    """Accept or decline an invitation; what is accepted stands in the calendar.

    Raises:
        RefusedError: it was answered before, or the time is taken.
    """
    row = database.get("invitations", invitation)
    if row is None or row["answer"]:
        raise RefusedError("This invitation was answered before.")
    if answer == "accepted":
        plan(database, Plan(row["title"], row["day"], row["start"], row["minutes"], row["place"]))
    database.do("UPDATE invitations SET answer = ? WHERE id = ?", answer, invitation)


def save_contact(database: Database, name: str, email: str, phone: str, team: str, key: str = "") -> str:
    """Keep a contact, a new one or in the place of an old one; its key.

    Raises:
        RefusedError: it has no name, or no address, or one that another contact has.
    """
    name, email = " ".join(name.split()), email.lower()
    if not 2 <= len(name) <= 60:
        raise RefusedError("A contact has a name of 2 to 60 letters.")
    if not _ADDRESS.fullmatch(email):
        raise RefusedError("A contact has an address, such as anna@example.test.")
    other = database.one("SELECT name FROM contacts WHERE email = ? AND id != ?", email, key)
    if other is not None:
        raise RefusedError(f"{other['name']} has this address already.")
    if key:
        database.do("UPDATE contacts SET name = ?, email = ?, phone = ?, team = ? WHERE id = ?", name, email, phone, team, key)
    else:
        key = new_key(database, "contacts", f"P-{slug(email)}")
        database.insert("contacts", key, name, email, phone, team)
    return key


def drop_contact(database: Database, key: str) -> None:
    """Delete a contact."""
    database.do("DELETE FROM contacts WHERE id = ?", key)


def new_filter(database: Database, sender: str, label_id: str) -> None:
    """From now on the mails of a sender get a label.

    Raises:
        RefusedError: it is no address, or there is such a filter.
    """
    sender = sender.lower()
    if not _ADDRESS.fullmatch(sender):
        raise RefusedError("A filter is for the address of a sender.")
    key = f"F-{sender}"
    if database.get("filters", key) is not None:
        raise RefusedError(f"There is a filter for {sender} already.")
    database.insert("filters", key, sender, label_id)


def drop_filter(database: Database, key: str) -> None:
    """Delete a filter."""
    database.do("DELETE FROM filters WHERE id = ?", key)


def subscribe(database: Database, newsletter: str, subscribed: int) -> None:
    """Begin or end a newsletter."""
    database.do("UPDATE newsletters SET subscribed = ? WHERE id = ?", subscribed, newsletter)


def configure(database: Database, **values: str) -> None:
    """Set settings, by name."""
    for name, value in values.items():
        database.do("UPDATE settings SET value = ? WHERE id = ?", value, name)


def configure_away(database: Database, on: bool, first: str, last: str, text: str) -> None:
    """Set what is answered while the owner is away.

    Raises:
        RefusedError: it is on without dates in order or without a text.
    """
    if on and not (first and last):
        raise RefusedError("Say from when and until when you are away.")
    if on and last < first:
        raise RefusedError("You cannot be back before you leave.")
    if on and len(text) < 5:
        raise RefusedError("Write what is to be answered.")
    configure(database, away="on" if on else "off", away_from=first, away_until=last, away_text=text)


def configure_forwarding(database: Database, address: str) -> None:
    """Set where new mails are forwarded to; empty for nowhere.

    Raises:
        RefusedError: it is no address.
    """
    if address and not _ADDRESS.fullmatch(address.lower()):
        raise RefusedError("Mails are forwarded to an address, such as anna@example.test.")
    configure(database, forwarding=address.lower())
