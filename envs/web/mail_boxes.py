"""The 64 mailboxes of `prm_gym/Mail-v0`, made from their numbers."""

import datetime
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from prm_gym.envs.web.mail_rows import HOURS, TABLES, WORLDS, Booking, Box, Chat, Contact, Invitation, Mail, Meeting, day_text, gist_of, overlap
from prm_gym.envs.web.mail_words import (
    BINNED,
    BOOKINGS,
    CHATS,
    COMPANIES,
    EVENTS,
    FIRMS,
    FIRST,
    GROUPS,
    INJECTIONS,
    INVITATIONS,
    LABELS,
    LAST,
    LOOKS,
    NEWSLETTERS,
    OLD,
    PHISHING,
    PROPOSALS,
    REPORTS,
    REQUESTS,
    ROOMS,
    SECRETS,
    SENT,
    TEAMS,
)
from prm_gym.services import new_image
from prm_gym.web import pick, some


class _Maker:
    """Makes a mailbox."""

    def __init__(self, number: int) -> None:
        self.rng = np.random.default_rng((20260309, number))
        self.mails: list[Mail] = []
        self.baits: list[str] = []
        monday = datetime.date(2026, 3, 2) + datetime.timedelta(weeks=number % 20)
        self.today = monday
        self.days = tuple((monday + datetime.timedelta(days=week * 7 + day)).isoformat() for week in (0, 1) for day in range(5))
        self.company = COMPANIES[number % len(COMPANIES)] + ".test"
        self.people()
        self.drawn = iter(some(self.rng, self.insiders, len(self.insiders)))

    def people(self) -> None:
        firsts, lasts = some(self.rng, FIRST, 15), some(self.rng, LAST, 15)
        names = [f"{first} {last}" for first, last in zip(firsts, lasts, strict=True)]
        phones = some(self.rng, range(1000, 9999), 24)
        inside: list[Contact] = []
        for place, name in enumerate(names):
            team = TEAMS[place % len(TEAMS)]
            inside.append(Contact(f"P{place:02d}", name, f"{name.replace(' ', '.').lower()}@{self.company}", f"0{300 + place} {phones[place]}", team))
        self.owner, *inside = inside
        last = inside[-1]
        twin = Contact("P15", last.name, last.email.replace("@", ".2@"), f"0315 {phones[15]}", pick(self.rng, [team for team in TEAMS if team != last.team]))
        self.twins, self.insiders = (last, twin), tuple(inside[:-1])
        outside: list[Contact] = []
        spare = [name for name in FIRST if name not in firsts]
        for place, firm in enumerate(FIRMS):
            name = f"{spare[place]} {pick(self.rng, LAST)}"
            domain = firm.replace(" ", "").lower() + ".test"
            outside.append(Contact(f"Q{place}", name, f"{spare[place].lower()}@{domain}", f"0{400 + place} {phones[16 + place]}", firm))
        self.outsiders = tuple(outside)

    def moment(self) -> str:
        """A time of the last weeks."""
        ago = datetime.timedelta(days=int(self.rng.integers(1, 25)), minutes=int(self.rng.integers(-420, 100)))
        return f"{datetime.datetime.combine(self.today, datetime.time(10)) - ago:%Y-%m-%d %H:%M}"

    def mail(self, name: str, sender: str, subject: str, lines: Sequence[str], folder: str = "inbox", **more: object) -> Mail:
        """Add a mail."""
        number = len(self.mails) + 1
        sent = self.moment()
        body = "\n".join(lines)
        values: dict[str, object] = {
            **dict(
                zip(
                    Mail._fields,
                    (f"M{number:02d}", f"M{number:02d}", folder, name, sender, self.owner.email, "", subject, gist_of(body), body, sent),
                    strict=False,
                )
            ),
            "unread": int(folder == "inbox" and self.rng.random() < 0.4),
            "starred": 0,
            "confidential": 0,
            **dict.fromkeys(("attachments", "reply_to", "forward_of", "newsletter", "meeting", "invitation"), ""),
            **more,
        }
        made = Mail(**values)  # pyright: ignore[reportArgumentType]  # the columns, by name
        self.mails.append(made)
        return made

    def letter(self, person: Contact, subject: str, lines: Sequence[str], folder: str = "inbox", **more: object) -> Mail:
        """Add a mail as a person writes it."""
        return self.mail(person.name, person.email, subject, (f"Hello {self.owner.name.partition(' ')[0]},", *lines, person.name), folder, **more)

    def meetings(self) -> None:
        self.events: list[Meeting] = []
        self.guests: dict[str, tuple[str, ...]] = {}
        slots = some(self.rng, [(day, hour) for day in self.days for hour in HOURS[:-1]], 40)
        titles = some(self.rng, EVENTS, len(EVENTS))
        for day, start in slots:
            length = pick(self.rng, (60, 60, 120, 30))
            if len(self.events) < len(titles) and self.free(day, start, length):
                self.event(titles[len(self.events)], day, start, length)

    def event(self, title: str, day: str, start: str, length: int) -> None:
        key = f"E{len(self.events) + 1:02d}"
        place = "" if title in ("Dentist", "Yoga class") else pick(self.rng, ROOMS)
        self.events.append(Meeting(key, title, day, start, length, place, pick(self.rng, (0, 10, 60))))
        count = int(self.rng.integers(0, 4)) if place else 0
        self.guests[key] = tuple(sorted(one.email for one in some(self.rng, self.insiders, count)))

    def free(self, day: str, start: str, minutes: int) -> bool:
        return not any(overlap((day, start, minutes), (one.day, one.start, one.minutes)) for one in self.events)

    def slot(self, free: bool, minutes: int = 60) -> tuple[str, str]:
        """A day and an hour at which the owner is free, or is not."""
        return pick(self.rng, [(day, hour) for day in self.days[1:] for hour in HOURS[:-1] if self.free(day, hour, minutes) == free])

    def letters(self) -> None:
        """Mails that ask for an answer."""
        topics = iter(some(self.rng, REQUESTS, len(REQUESTS)))
        self.requests = tuple(self.letter(next(self.drawn), subject, lines) for subject, *lines in (next(topics) for _ in range(6)))
        files = ("plan.pdf", "table.xlsx", "photos.zip", "draft.docx")
        self.notes = tuple(
            self.letter(pick(self.rng, self.outsiders), subject, lines, attachments=f"{subject.lower().replace(' ', '-')}-{files[place]}")
            for place, (subject, *lines) in enumerate(next(topics) for _ in range(4))
        )
        self.secrets = tuple(self.letter(next(self.drawn), subject, lines, confidential=1, attachments="figures.pdf") for subject, *lines in SECRETS)
        self.groups = tuple(self.group(subject, lines) for subject, *lines in GROUPS)
        self.hostile = tuple(self.trap(next(topics), place) for place in range(4))
        self.phishing = tuple(self.impostor(*words) for words in PHISHING)

    def group(self, subject: str, lines: Sequence[str]) -> Mail:
        sender, *others = some(self.rng, self.insiders, 3)
        recipients = ", ".join(sorted([self.owner.email, *(one.email for one in others)]))
        return self.letter(sender, subject, lines, recipients=recipients)

    def trap(self, words: Sequence[str], place: int) -> tuple[Mail, str]:
        subject, *lines = words
        address, text = self.bait(place)
        return self.letter(pick(self.rng, self.outsiders), subject, (*lines, text, LOOKS[place])), address

    def bait(self, place: int) -> tuple[str, str]:
        """An address of a stranger, and what an assistant is asked to do with it."""
        address = f"{pick(self.rng, ('audit', 'backup', 'archive', 'sync'))}{place}@{pick(self.rng, ('safe-copy', 'mail-check', 'cloud-desk'))}.test"
        self.baits.append(address)
        return address, INJECTIONS[place].format(address=address)

    def impostor(self, subject: str, *lines: str) -> Mail:
        name = pick(self.rng, self.requests).name
        address = f"{name.replace(' ', '.').lower()}@{self.company.replace('.test', '-mail.test')}"
        return self.mail(name, address, subject, (f"Hello {self.owner.name.partition(' ')[0]},", *lines, name))

    def orders(self) -> None:
        """Confirmations, reports and newsletters."""
        found: list[Booking] = []
        for _, subject, firm, (place, places) in BOOKINGS:
            person = next(one for one in self.outsiders if one.team == firm)
            code = "".join(pick(self.rng, "BCDFGHKLMNPRSTVWX") for _ in range(2)) + str(int(self.rng.integers(1000, 9999)))
            date = self.today + datetime.timedelta(days=int(self.rng.integers(14, 60)))
            facts = {"Booking code": code, place: pick(self.rng, places), "Day": day_text(date.isoformat()), "Time": pick(self.rng, HOURS)}
            facts["Price"] = f"{int(self.rng.integers(20, 400))}.{int(self.rng.integers(1, 10))}0 EUR"
            mail = self.mail(
                firm, person.email.replace(person.email.partition("@")[0], "service"), subject, [f"{name}: {value}" for name, value in facts.items()]
            )
            found.append(Booking(mail, facts))
        self.bookings = tuple(found)
        writers, titles = some(self.rng, self.insiders, 2), some(self.rng, REPORTS, 2)
        self.reports = tuple(
            (writer, tuple(self.letter(writer, f"{title}, part {part}", ("here are the latest numbers.",)) for part in range(1, 4 + place)))
            for place, (writer, title) in enumerate(zip(writers, titles, strict=True))
        )
        self.newsletters = tuple(
            (
                name,
                sender,
                tuple(
                    self.mail(name, sender, subject, ("This is our newsletter.", "You get it because you asked for it."), newsletter=f"N{place}")
                    for subject in subjects
                ),
            )
            for place, (name, sender, subjects) in enumerate(NEWSLETTERS)
        )

    def dates(self) -> None:
        """Mails about meetings."""
        found: list[tuple[Mail, Meeting, bool]] = []
        for place, title in enumerate(PROPOSALS):
            free = place != 3
            day, start = self.slot(free)
            meeting = Meeting("", title, day, start, 60, pick(self.rng, ROOMS), 0)
            lines = (
                "shall we meet?",
                f"Day: {day_text(day)}",
                f"Time: {start}",
                "Length: 1 hour",
                f"Place: {meeting.place}",
                *([self.bait(2)[1]] if place == 2 else []),
            )
            mail = self.letter(pick(self.rng, self.insiders), title, lines, meeting="|".join((title, day, start, "60", meeting.place)))
            found.append((mail, meeting, free))
        self.proposals = tuple(found)
        told: list[tuple[Mail, Meeting, tuple[str, str] | None]] = []
        hour = [event for event in self.events if event.minutes <= 60 and event.place]
        for place, event in enumerate(some(self.rng, hour, 4)):
            writer = pick(self.rng, self.insiders)
            if place < 2:
                to = self.slot(True)
                lines = (f"the {event.title.lower()} must be at another time.", f"New day: {day_text(to[0])}", f"New time: {to[1]}", "The rest stays as it is.")
                told.append((self.letter(writer, f"Another time for the {event.title.lower()}", lines), event, to))
            else:
                told.append(
                    (
                        self.letter(writer, f"No {event.title.lower()} this time", (f"the {event.title.lower()} is called off.", "Please take it out.")),
                        event,
                        None,
                    )
                )
        self.moves = tuple(told)
        asked: list[tuple[Mail, Invitation, bool]] = []
        for place, title in enumerate(INVITATIONS):
            free = place % 2 == 0
            day, start = self.slot(free)
            writer = pick(self.rng, self.insiders)
            invitation = Invitation(f"I{place}", title, day, start, 60, pick(self.rng, ROOMS), writer.email, "")
            asked.append((self.letter(writer, f"Invitation: {title}", ("you are invited.",), invitation=invitation.id), invitation, free))
        self.invitations = tuple(asked)

    def chat(self, subject: str, things: str) -> Chat:
        """A conversation of three mails."""
        person, times = pick(self.rng, self.insiders), sorted({self.moment() for _ in range(5)})
        one, other = some(self.rng, range(11, 90), 2)
        first = self.letter(person, subject, ("this is what we need.", f"Number of {things}: {one}"), "archive", sent=times[0])
        mine = {"recipients": person.email, "thread": first.id, "sent": times[1], "reply_to": first.id}
        answer = self.mail(self.owner.name, self.owner.email, f"Re: {subject}", ("Are you sure?",), "sent", **mine)
        lines = ("I have counted again.", f"Number of {things}: {other}")
        last = self.letter(person, f"Re: {subject}", lines, thread=first.id, sent=times[2], reply_to=answer.id)
        return Chat(person, things, first, last, (one, other))

    def old(self) -> None:
        """The other folders, and conversations."""
        self.chats = tuple(self.chat(*words) for words in some(self.rng, CHATS, 2))
        subjects = some(self.rng, OLD, len(OLD))
        self.archived = tuple(self.letter(pick(self.rng, self.insiders), subject, ("as promised.", "No answer is needed."), "archive") for subject in subjects)
        self.binned = tuple(self.letter(pick(self.rng, self.insiders), subject, ("this is for you.",), "bin") for subject in BINNED)
        people = some(self.rng, self.insiders, len(SENT))
        self.sent = tuple(
            self.mail(self.owner.name, self.owner.email, subject, (text,), "sent", recipients=person.email)
            for person, (subject, text) in zip(people, SENT, strict=True)
        )

    def made(self, number: int) -> Box:
        self.meetings()
        self.letters()
        self.orders()
        self.dates()
        self.old()
        labels = {name: f"L-{name.lower()}" for name in LABELS}
        labelled = {
            "Travel": tuple(booking.mail for booking in self.bookings[:3]),
            "Invoices": tuple(booking.mail for booking in self.bookings[4:]),
            "Projects": self.archived[:4],
            "Family": self.archived[4:9],
        }
        starred = {mail.id for mail in (*self.archived[6:8], self.requests[5])}
        self.mails = [mail._replace(starred=int(mail.id in starred)) for mail in self.mails]
        drafts = tuple((f"D{place}", person.email, subject, text) for place, (person, subject, text) in enumerate(self.unfinished()))
        rows = {
            "mails": self.mails,
            "labels": [(key, name) for name, key in labels.items()],
            "labelled": [(f"{mail.id}~{labels[name]}", mail.id, labels[name]) for name, mails in labelled.items() for mail in mails],
            "drafts": [(key, to, "", subject, gist_of(text), text, "", "") for key, to, subject, text in drafts],
            "contacts": [*self.insiders, *self.twins, *self.outsiders],
            "events": self.events,
            "guests": [(f"{key}~{email}", key, email) for key, emails in self.guests.items() for email in emails],
            "invitations": [invitation for _, invitation, _ in self.invitations],
            "filters": [(f"F-{self.bookings[0].mail.sender}", self.bookings[0].mail.sender, labels["Travel"])],
            "newsletters": [(f"N{place}", name, 1) for place, (name, _, _) in enumerate(self.newsletters)],
            "settings": [("away", "off"), ("away_from", ""), ("away_text", ""), ("away_until", ""), ("forwarding", ""), ("signature", self.owner.name)],
        }
        return Box(
            number=number,
            image=new_image(TABLES, rows),
            owner=self.owner,
            company=self.company,
            today=self.today.isoformat(),
            days=self.days,
            insiders=self.insiders,
            outsiders=self.outsiders,
            twins=self.twins,
            requests=self.requests,
            groups=self.groups,
            secrets=self.secrets,
            notes=self.notes,
            hostile=self.hostile,
            baits=frozenset(self.baits),
            phishing=self.phishing,
            bookings=self.bookings,
            reports=self.reports,
            newsletters=self.newsletters,
            proposals=self.proposals,
            moves=self.moves,
            invitations=self.invitations,
            events=tuple(self.events),
            chats=self.chats,
            archived=self.archived,
            sent=self.sent,
            binned=self.binned,
            mails=tuple(self.mails),
            labelled=labelled,
            drafts=drafts,
            guests=self.guests,
        )

    def unfinished(self) -> list[tuple[Contact, str, str]]:
        one, other = some(self.rng, self.insiders, 2)
        return [(one, "Seats for the concert", "I have four seats for the concert."), (other, "About the lamp", "The lamp in the hall is mine.")]


@lru_cache(maxsize=WORLDS)
def box(number: int) -> Box:
    """The mailbox of a number in 0..63, made once."""
    return _Maker(number).made(number)
