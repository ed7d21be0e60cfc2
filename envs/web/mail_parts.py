"""What the tasks of `prm_gym/Mail-v0` are composed of: how a mail is spoken of and found, and the ways through the mailbox."""

import re

import numpy as np

from prm_gym.envs.web.mail_rows import Box, Contact, Mail, Meeting, day_text, minute_of, time_of
from prm_gym.web import Checkpoint, Do, Spoken, Way, click, fill
from prm_gym.web import Draw as AnyDraw


class Draw(AnyDraw):
    """A draw of a task from a mailbox."""

    def __init__(self, rng: np.random.Generator, box: Box) -> None:
        """Take them."""
        super().__init__(rng)
        self.box = box

    @property
    def owner(self) -> tuple[str, str]:
        """Name and address of the owner."""
        return self.box.owner.name, self.box.owner.email


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


def spoken(draw: Draw, mail: Mail, how: str = "") -> Spoken:
    """A mail as a wish speaks of it: by its subject, as the only one of its sender, or as the latest.

    Args:
        draw: the mailbox.
        mail: one that is not in the bin.
        how: "subject", "only" or "latest"; empty for any that fits.
    """
    of_name = mails_of(draw.box, mail.name)
    ways = ["subject"]
    if of_name:
        if len(of_name) == 1:
            ways.append("only")
        elif max(of_name, key=lambda one: one.sent) == mail and sum(one.sent == mail.sent for one in of_name) == 1:
            ways.append("latest")
    how = how if how in ways else draw.one(ways)
    words, typed = f'the mail "{mail.subject}" from {mail.name}', mail.subject
    if how == "only":
        words, typed = draw.say(f"the only mail from {mail.name}", f"the mail from {mail.name} (there is just one)"), mail.name
    elif how == "latest":
        words, typed = draw.say(f"the latest mail from {mail.name}", f"the newest mail that {mail.name} sent"), mail.name
    return Spoken(how=f"by-{how}", words=words).after(to_mail(mail, typed))


def to_mail(mail: Mail, words: str) -> Way:
    """The way to a mail by a search."""
    script = (*searching(words), click("link", mail.subject, near=mail.name))
    return Way(script=script, checkpoints=(finding(mail), reading(mail)), phrases=(words,))


def to_mails(words: str, one: Mail) -> Way:
    """The way to all mails of a sender or with some words, of which one is seen."""
    return Way(script=searching(words), checkpoints=(Checkpoint(f"found mails of {words}", path=r"/search\?.+", shows=one.subject),), phrases=(words,))


def searching(words: str) -> tuple[Do, ...]:
    """A search by the field that stands on every page."""
    return fill("Search mail", words, "searchbox"), click("button", "Search")


def to_folder(name: str) -> Way:
    """The way to a folder, or to the drafts."""
    return Way(script=(click("link", "Mail"), click("link", name)), checkpoints=(form_point(name.lower(), f"/mail/{name.lower()}"),))


def in_bin(mail: Mail) -> Way:
    """The way to a mail by the bin, where it stands on the first page."""
    return Way(script=(click("link", mail.subject, near=mail.name),), checkpoints=(reading(mail),)).after(to_folder("Bin"))


def to_contact(person: Contact) -> Way:
    """The way to somebody of the address book."""
    script = (click("link", "Contacts"), fill("Search contacts", person.name, "searchbox"), click("button", "Find"), click("link", person.name))
    return Way(script=script, checkpoints=(opened_contact(person),), phrases=(person.name,))


def opened_contact(person: Contact) -> Checkpoint:
    """The milestone that somebody was looked up in the address book."""
    return Checkpoint(f"opened {person.id}", path=rf"/contacts/{person.id}")


def to_week(draw: Draw, day: str) -> tuple[Do, ...]:
    """The way to the week of a day in the calendar."""
    return (click("link", "Calendar"), *([click("link", "Next week")] * (draw.box.days.index(day) > 4)))


def to_day(draw: Draw, day: str) -> Way:
    """The way to a day of the calendar; the milestone is that it was seen: the day, or its week."""
    return Way(script=(*to_week(draw, day), click("link", day_text(day))), checkpoints=(seen_day(draw, day),))


def seen_day(draw: Draw, day: str) -> Checkpoint:
    """The milestone that a day of the calendar was seen."""
    week = r"/calendar\?week=2" if draw.box.days.index(day) > 4 else r"/calendar"
    return Checkpoint(f"times {day}", path=rf"{week}|/calendar/{day}")


def to_event(draw: Draw, event: Meeting) -> Way:
    """The way to an event by the week that it is in."""
    return Way(script=(*to_week(draw, event.day), click("link", label_of(event))), checkpoints=(opened_event(event),))


def opened_event(event: Meeting) -> Checkpoint:
    """The milestone that an event was opened."""
    return Checkpoint(f"opened {event.id}", path=rf"/event/{event.id}")


def label_of(event: Meeting) -> str:
    """What the link to an event is called."""
    return f"{event.start} to {time_of(minute_of(event.start) + event.minutes)} {event.title}"


def form_point(name: str, path: str) -> Checkpoint:
    """The milestone that a form was opened."""
    return Checkpoint(f"opened {name}", path=path)


def reply_form(mail: Mail, everybody: bool = False) -> Checkpoint:
    """The milestone that the form of an answer was opened."""
    return form_point(f"reply {mail.id}", rf"/compose\?reply={re.escape(mail.id)}{'&all=1' if everybody else '(&all=1)?'}")
