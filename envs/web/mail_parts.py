"""What the tasks of `prm_gym/Mail-v0` are composed of, and how a mail is spoken of and found."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from prm_gym.claims import Value
from prm_gym.envs.web.mail_rows import Box, Contact, Mail, pick
from prm_gym.services import Cell, Database
from prm_gym.web import Checkpoint, Do, click, fill

Work = Callable[[Database], object]


@dataclass(frozen=True, slots=True)
class Part:
    """One wish of a task.

    Attributes:
        kind: of it, such as "reply/by-subject".
        wish: what is asked, a whole sentence.
        works: what is done to the rows, each a milestone.
        points: the other milestones.
        script: how it is done, from any page.
        phrases: what is typed; all of them stand in the wish.
        answers: right answers, where something is asked.
        required: points without which it is not done.
        touches: what it is about; two parts of one task are about different things.
        sends: addresses that mails and invitations may go to.
        passing: values on the way.
        deletes: mails may be deleted for good.
    """

    kind: str
    wish: str
    works: tuple[Work, ...] = ()
    points: tuple[Checkpoint, ...] = ()
    script: tuple[Do, ...] = ()
    phrases: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    touches: frozenset[str] = frozenset()
    sends: frozenset[str] = frozenset()
    passing: Mapping[Cell, tuple[Value, ...]] = field(default_factory=dict[Cell, tuple[Value, ...]])
    deletes: bool = False


class Case(NamedTuple):
    """What a part is made from."""

    box: Box
    rng: np.random.Generator

    def say(self, *phrasings: str) -> str:
        """One of several ways to say something."""
        return pick(self.rng, phrasings)

    @property
    def owner(self) -> tuple[str, str]:
        """Name and address of the owner."""
        return self.box.owner.name, self.box.owner.email


Maker = Callable[[Case], Part | None]


class Spoken(NamedTuple):
    """How a mail is spoken of, and found.

    Attributes:
        how: which way.
        text: its name in the wish.
        script: up to the page of the mail.
        points: on the way.
        phrases: what is typed.
    """

    how: str
    text: str
    script: tuple[Do, ...]
    points: tuple[Checkpoint, ...]
    phrases: tuple[str, ...]


def mails_of(box: Box, name: str) -> list[Mail]:
    """All mails of a sender, in the order of time; none where the name alone leaves a doubt, as somebody else has it too or one of them is in the bin."""
    found = sorted((mail for mail in box.mails if mail.name == name), key=lambda mail: mail.sent)
    clear = len({mail.sender for mail in found}) == 1 and not any(mail.folder in ("bin", "sent") for mail in found)
    return found if clear else []


def reading(mail: Mail) -> Checkpoint:
    """The milestone that a mail was opened."""
    return Checkpoint(f"read {mail.id}", path=rf"/read/{mail.id}")


def finding(mail: Mail) -> Checkpoint:
    """The milestone that a search has shown a mail."""
    return Checkpoint(f"found {mail.id}", path=r"/search\?.+", shows=mail.subject)


def spoken(case: Case, mail: Mail, how: str = "") -> Spoken:
    """A mail as a wish speaks of it: by its subject, as the only one of its sender, or as the latest.

    Args:
        case: the mailbox.
        mail: one that is not in the bin.
        how: "subject", "only" or "latest"; empty for any that fits.
    """
    of_name = mails_of(case.box, mail.name)
    ways = ["subject"]
    if of_name:
        if len(of_name) == 1:
            ways.append("only")
        elif max(of_name, key=lambda one: one.sent) == mail and sum(one.sent == mail.sent for one in of_name) == 1:
            ways.append("latest")
    how = how if how in ways else pick(case.rng, ways)
    text, words = f'the mail "{mail.subject}" from {mail.name}', mail.subject
    if how == "only":
        text, words = case.say(f"the only mail from {mail.name}", f"the mail from {mail.name} (there is just one)"), mail.name
    elif how == "latest":
        text, words = case.say(f"the latest mail from {mail.name}", f"the newest mail that {mail.name} sent"), mail.name
    opening = (*searching(words), click("link", mail.subject, near=mail.name))
    return Spoken(f"by-{how}", text, opening, (finding(mail), reading(mail)), (words,))


def searching(words: str) -> tuple[Do, ...]:
    """A search by the field that stands on every page."""
    return fill("Search mail", words, "searchbox"), click("button", "Search")


def in_folder(mail: Mail, folder: str) -> tuple[Do, ...]:
    """The way to a mail by its folder, where it stands on the first page."""
    return click("link", "Mail"), click("link", folder), click("link", mail.subject, near=mail.name)


def to_contact(person: Contact) -> tuple[tuple[Do, ...], Checkpoint]:
    """The way to somebody of the address book, and the milestone there."""
    script = (click("link", "Contacts"), fill("Search contacts", person.name, "searchbox"), click("button", "Find"), click("link", person.name))
    return script, Checkpoint(f"opened {person.id}", path=rf"/contacts/{person.id}")


def to_day(case: Case, day: str, day_name: str) -> tuple[tuple[Do, ...], Checkpoint]:
    """The way to a day of the calendar, and the milestone that it was seen: the day, or its week."""
    second = case.box.days.index(day) > 4
    week = r"/calendar\?week=2" if second else r"/calendar"
    script = (click("link", "Calendar"), *([click("link", "Next week")] * second), click("link", day_name))
    return script, Checkpoint(f"times {day}", path=rf"{week}|/calendar/{day}")


def to_event(case: Case, key: str, day: str, label: str) -> tuple[tuple[Do, ...], Checkpoint]:
    """The way to an event by the week that it is in, and the milestone there."""
    second = case.box.days.index(day) > 4
    script = (click("link", "Calendar"), *([click("link", "Next week")] * second), click("link", label))
    return script, Checkpoint(f"opened {key}", path=rf"/event/{key}")


def form_point(name: str, path: str) -> Checkpoint:
    """The milestone that a form was opened."""
    return Checkpoint(f"opened {name}", path=path)


def reply_form(mail: Mail, everybody: bool = False) -> Checkpoint:
    """The milestone that the form of an answer was opened."""
    return form_point(f"reply {mail.id}", rf"/compose\?reply={re.escape(mail.id)}{'&all=1' if everybody else '(&all=1)?'}")
