"""The office of `prm_gym/Calendar-v0`: its tables, rows drawn from a random generator, and who is free when.

Times are minutes after midnight, in the time of the office. Somebody in another zone works from 9:00 to 17:00 of their own time.
"""

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from prm_gym.services import Database, Row, Table

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
OPEN, CLOSE, GRID = 9 * 60, 17 * 60, 30

TABLES = (
    Table("people", {"id": "TEXT", "name": "TEXT", "email": "TEXT", "zone": "INTEGER"}),
    Table("rooms", {"id": "TEXT", "name": "TEXT", "seats": "INTEGER"}),
    Table(
        "events",
        {"id": "TEXT", "title": "TEXT", "organizer_id": "TEXT", "room_id": "TEXT", "day": "TEXT", "start": "INTEGER", "end": "INTEGER", "status": "TEXT"},
        one_way=("status",),
        free=("title",),
    ),
    Table("attendees", {"id": "TEXT", "event_id": "TEXT", "person_id": "TEXT"}, one_way=("id", "event_id", "person_id")),
    Table(
        "mails",
        {
            "id": "TEXT",
            "folder": "TEXT",
            "sender": "TEXT",
            "recipient_id": "TEXT",
            "subject": "TEXT",
            "body": "TEXT",
            "confidential": "INTEGER",
            "answer": "TEXT",
            "forward_of": "TEXT",
        },
        one_way=("id", "folder", "recipient_id", "answer", "forward_of"),
        free=("subject", "body", "sender"),
    ),
)
FIRST = ("Alma", "Boris", "Chloe", "Dario", "Elin", "Femi", "Gita", "Henk", "Ivo", "Jana", "Kofi", "Lara")
LAST = ("Arden", "Blom", "Castro", "Diaz", "Ebert", "Falk", "Grant", "Holm", "Iqbal", "Jonsson", "Kral", "Lund")
ROOMS = (("Cedar", 4), ("Maple", 6), ("Oak", 9), ("Willow", 14))
TITLES = (
    *("Budget review", "Design round", "Hiring talk", "Launch plan", "Press call", "Sales review", "Team lunch", "Site visit"),
    *("Risk check", "Road map", "Stock count", "Supplier call", "Training", "Weekly round", "Year plan"),
)
SUBJECTS = ("Parking permits", "Canteen menu", "Lost umbrella", "New printer", "Fire drill", "Visit next month")
TOPICS = ("the archive", "the bakery", "the ferry", "the garden", "the harbour", "the museum", "the orchard", "the tower")
OUTSIDER = "offers@outside.example"


class Office(NamedTuple):
    """The rows of an office, by table.

    Attributes:
        rows: a value for each column.
        owner: whose mailbox and calendar it is.
        numbers: four-digit numbers that no key has yet.
    """

    rows: dict[str, list[Row]]
    owner: str
    numbers: Iterator[int]


def new_office(rng: np.random.Generator) -> Office:
    """An office with seven people, four rooms and a week of meetings."""
    numbers = iter((rng.permutation(9000) + 1000).tolist())
    firsts, lasts = rng.permutation(len(FIRST)).tolist(), rng.permutation(len(LAST)).tolist()
    people: list[Row] = []
    for i in range(7):
        first, last = FIRST[firsts[i]], LAST[lasts[i]]
        zone = 0 if i == 0 else int(rng.choice((-2, -1, 0, 0, 0, 1, 2)))
        people.append((f"N{next(numbers)}", f"{first} {last}", f"{first}.{last}@office.example".lower(), zone))
    rooms: list[Row] = [(f"R{next(numbers)}", name, seats) for name, seats in ROOMS]
    rows: dict[str, list[Row]] = {"people": people, "rooms": rooms, "events": [], "attendees": [], "mails": []}
    keys = [str(person[0]) for person in people]
    titles = iter(TITLES[i] for i in rng.permutation(len(TITLES)).tolist())
    for i, title in enumerate(titles):
        _add_event(rng, rows, keys, f"E{next(numbers)}", title, DAYS[i % len(DAYS)])
    for i in rng.permutation(len(SUBJECTS))[:3].tolist():
        sender = people[int(rng.integers(1, len(people)))]
        rows["mails"].append((f"M{next(numbers)}", "inbox", sender[2], keys[0], SUBJECTS[i], "For your information only.", 0, None, None))
    return Office(rows, keys[0], numbers)


def _add_event(rng: np.random.Generator, rows: dict[str, list[Row]], keys: Sequence[str], event: str, title: str, day: str) -> None:
    """A meeting at a time when its people and its room are free; none where that is hard to find."""
    for _ in range(20):
        count = int(rng.integers(2, 4))
        order: list[int] = rng.permutation(len(keys)).tolist()
        chosen = [keys[i] for i in order[:count]]
        if rng.random() < 0.6 and keys[0] not in chosen:
            chosen[0] = keys[0]
        start = OPEN + GRID * int(rng.integers(0, 14))
        end = min(start + GRID * int(rng.integers(1, 4)), CLOSE)
        room = rows["rooms"][int(rng.integers(len(ROOMS)))][0]
        at = [row for row in rows["events"] if row[4] == day and int(row[5] or 0) < end and start < int(row[6] or 0)]
        busy = {row[2] for row in rows["attendees"] if any(row[1] == other[0] for other in at)}
        if busy.isdisjoint(chosen) and all(other[3] != room for other in at):
            rows["events"].append((event, title, chosen[int(rng.integers(count))], room, day, start, end, "planned"))
            rows["attendees"] += [(f"{event}/{person}", event, person) for person in chosen]
            return


def clock(minutes: int) -> str:
    """A time as it is written."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def minutes_of(text: str) -> int:
    """The minutes of a time as it is written."""
    return int(text[:2]) * 60 + int(text[3:])


def hours(zone: int) -> tuple[int, int]:
    """When somebody in a zone works, in the time of the office."""
    return OPEN - 60 * zone, CLOSE - 60 * zone


def new_key(letter: str, *parts: str) -> str:
    """A key made of what a new row says, so that the order in which rows are made does not matter."""
    return f"{letter}{zlib.crc32(chr(0).join(parts).encode()) % 90_000 + 10_000}"


def busy(database: Database, column: str, key: str, day: str, but: str = "") -> list[tuple[int, int]]:
    """When a person ("person_id") or a room ("room_id") is taken, by other meetings than one."""
    query = "SELECT DISTINCT start, end FROM events JOIN attendees ON event_id = events.id WHERE status = 'planned' AND day = ? AND events.id != ?"
    return [(row["start"], row["end"]) for row in database.all(f"{query} AND {column} = ? ORDER BY start", day, but, key)]


def is_free(taken: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether nothing overlaps."""
    return all(end <= one or other <= start for one, other in taken)


def free_starts(database: Database, people: Sequence[str], day: str, minutes: int, but: str = "") -> list[int]:
    """When a meeting of these people can begin, by their calendars and the hours of the office alone."""
    taken = [slot for person in people for slot in busy(database, "person_id", person, day, but)]
    return [start for start in range(OPEN, CLOSE - minutes + 1, GRID) if is_free(taken, start, start + minutes)]


def free_rooms(database: Database, day: str, start: int, end: int, but: str = "") -> list[str]:
    """The rooms that are free, the smallest first."""
    rooms = database.all("SELECT id FROM rooms ORDER BY seats")
    return [room["id"] for room in rooms if is_free(busy(database, "room_id", room["id"], day, but), start, end)]


def at_work(database: Database, people: Sequence[str], start: int, end: int) -> bool:
    """Whether all of them work then."""
    spans = [hours(row["zone"]) for person in people if (row := database.get("people", person)) is not None]
    return all(one <= start and end <= other for one, other in spans)


def best_slot(database: Database, people: Sequence[str], day: str, minutes: int, but: str = "") -> tuple[int, str] | None:
    """The earliest time that suits all of them, and the smallest room that holds them then; None where there is none."""
    for start in free_starts(database, people, day, minutes, but):
        if at_work(database, people, start, start + minutes):
            seats = {row["id"]: row["seats"] for row in database.all("SELECT * FROM rooms")}
            rooms = [room for room in free_rooms(database, day, start, start + minutes, but) if seats[room] >= len(people)]
            return (start, rooms[0]) if rooms else None
    return None
