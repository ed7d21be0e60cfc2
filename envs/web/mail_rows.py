"""The mailboxes of `prm_gym/Mail-v0`: tables, and what is known of a mailbox."""

import datetime
from dataclasses import dataclass
from typing import NamedTuple

from prm_gym.services import Table

WORLDS = 64
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
HOURS = tuple(f"{hour:02d}:00" for hour in range(8, 18))
LENGTHS = {30: "30 minutes", 60: "1 hour", 120: "2 hours"}
REMINDERS = {0: "none", 10: "10 minutes before", 60: "1 hour before"}

_MAIL = {
    **dict.fromkeys(("id", "thread", "folder", "name", "sender", "recipients", "cc", "subject", "gist", "body", "sent"), "TEXT"),
    **dict.fromkeys(("unread", "starred", "confidential"), "INTEGER"),
    **dict.fromkeys(("attachments", "reply_to", "forward_of", "newsletter", "meeting", "invitation"), "TEXT"),
}
TABLES = (
    Table(
        "mails",
        _MAIL,
        one_way=("id", "thread", "name", "sender", "recipients", "cc", "subject", "gist", "attachments", "reply_to", "forward_of", "newsletter"),
        free=("body", "sent", "unread"),
    ),
    Table("labels", {"id": "TEXT", "name": "TEXT"}),
    Table("labelled", {"id": "TEXT", "mail_id": "TEXT", "label_id": "TEXT"}),
    Table("drafts", dict.fromkeys(("id", "recipients", "cc", "subject", "gist", "body", "reply_to", "forward_of"), "TEXT"), free=("body",)),
    Table("contacts", dict.fromkeys(("id", "name", "email", "phone", "team"), "TEXT")),
    Table("events", {"id": "TEXT", "title": "TEXT", "day": "TEXT", "start": "TEXT", "minutes": "INTEGER", "place": "TEXT", "reminder": "INTEGER"}),
    Table("guests", {"id": "TEXT", "event_id": "TEXT", "email": "TEXT"}, one_way=("id", "event_id", "email")),
    Table(
        "invitations",
        {**dict.fromkeys(("id", "title", "day", "start"), "TEXT"), "minutes": "INTEGER", "place": "TEXT", "organizer": "TEXT", "answer": "TEXT"},
        one_way=("answer",),
    ),
    Table("filters", {"id": "TEXT", "sender": "TEXT", "label_id": "TEXT"}),
    Table("newsletters", {"id": "TEXT", "name": "TEXT", "subscribed": "INTEGER"}),
    Table("settings", {"id": "TEXT", "value": "TEXT"}),
)


class Contact(NamedTuple):
    """A row of the address book; `team` is the firm of somebody outside."""

    id: str
    name: str
    email: str
    phone: str
    team: str


class Mail(NamedTuple):
    """A row of the mails."""

    id: str
    thread: str
    folder: str
    name: str
    sender: str
    recipients: str
    cc: str
    subject: str
    gist: str
    body: str
    sent: str
    unread: int
    starred: int
    confidential: int
    attachments: str
    reply_to: str
    forward_of: str
    newsletter: str
    meeting: str
    invitation: str


class Chat(NamedTuple):
    """A conversation with somebody: their mail, the owner's answer, and their answer to that; the first and the last name a number."""

    person: Contact
    things: str
    first: Mail
    last: Mail
    numbers: tuple[int, int]


class Meeting(NamedTuple):
    """A row of the calendar."""

    id: str
    title: str
    day: str
    start: str
    minutes: int
    place: str
    reminder: int


class Invitation(NamedTuple):
    """A row of the invitations."""

    id: str
    title: str
    day: str
    start: str
    minutes: int
    place: str
    organizer: str
    answer: str


class Booking(NamedTuple):
    """What a confirmation says, by what it is called there."""

    mail: Mail
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox with what is known of it.

    Attributes:
        number: of the world.
        image: its database.
        owner: whose it is.
        company: the domain of the company.
        today: a Monday.
        days: the ten working days of the calendar.
        insiders, outsiders: contacts.
        twins: two insiders of one name.
        requests, groups, secrets, notes: mails to answer: to the owner alone, to several, confidential, and with attachments.
        hostile: mails that ask an assistant for something, with the address that it should go to.
        baits: the addresses of all that ask an assistant for something.
        phishing: mails of somebody who has the name of a contact and another address.
        bookings, reports, newsletters: see the words; the last two by sender.
        proposals: mails that propose a meeting: the mail, the meeting, and whether its time is free.
        moves: mails that tell of another time of a meeting: the mail, the event, the day and the start; None for one that is cancelled.
        invitations: with their mails, and whether the time is free.
        events: of the calendar.
        chats: conversations.
        archived, sent, binned: mails of those folders.
        mails: all of them.
        labelled: mails by name of the label.
        drafts: id, recipients and subject.
    """

    number: int
    image: bytes
    owner: Contact
    company: str
    today: str
    days: tuple[str, ...]
    insiders: tuple[Contact, ...]
    outsiders: tuple[Contact, ...]
    twins: tuple[Contact, Contact]
    requests: tuple[Mail, ...]
    groups: tuple[Mail, ...]
    secrets: tuple[Mail, ...]
    notes: tuple[Mail, ...]
    hostile: tuple[tuple[Mail, str], ...]
    baits: frozenset[str]
    phishing: tuple[Mail, ...]
    bookings: tuple[Booking, ...]
    reports: tuple[tuple[Contact, tuple[Mail, ...]], ...]
    newsletters: tuple[tuple[str, str, tuple[Mail, ...]], ...]
    proposals: tuple[tuple[Mail, Meeting, bool], ...]
    moves: tuple[tuple[Mail, Meeting, tuple[str, str] | None], ...]
    invitations: tuple[tuple[Mail, Invitation, bool], ...]
    events: tuple[Meeting, ...]
    chats: tuple[Chat, ...]
    archived: tuple[Mail, ...]
    sent: tuple[Mail, ...]
    binned: tuple[Mail, ...]
    mails: tuple[Mail, ...]
    labelled: dict[str, tuple[Mail, ...]]
    drafts: tuple[tuple[str, str, str, str], ...]
    guests: dict[str, tuple[str, ...]]

    @property
    def now(self) -> str:
        """The time of the site."""
        return f"{self.today} 08:30"


def gist_of(text: str) -> str:
    """A text without what may be written in one way or another: white space, case, a full stop at the end."""
    return " ".join(text.split()).casefold().rstrip(".!")


def minute_of(time: str) -> int:
    """Minutes after midnight of "14:30"."""
    return int(time[:2]) * 60 + int(time[3:])


def time_of(minute: int) -> str:
    """A time from minutes: "14:30" for 870."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def day_text(day: str) -> str:
    """A day in words: "Mon 9 March 2026" for "2026-03-09"."""
    date = datetime.date.fromisoformat(day)
    return f"{WEEKDAYS[date.weekday()]} {date.day} {MONTHS[date.month - 1]} {date.year}"


def overlap(one: tuple[str, str, int], other: tuple[str, str, int]) -> bool:
    """Whether two meetings, each a day, a start and minutes, are at one time."""
    (day, start, minutes), (other_day, other_start, other_minutes) = one, other
    return day == other_day and minute_of(start) < minute_of(other_start) + other_minutes and minute_of(other_start) < minute_of(start) + minutes
