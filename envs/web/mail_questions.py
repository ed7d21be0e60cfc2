"""Questions of `prm_gym/Mail-v0`."""

from collections.abc import Sequence

from prm_gym.envs.web.mail_parts import Case, Part, Spoken, finding, form_point, in_folder, reading, searching, spoken, to_contact, to_day, to_event
from prm_gym.envs.web.mail_planning import is_free, label_of
from prm_gym.envs.web.mail_rows import HOURS, Mail, day_text, minute_of, pick, time_of
from prm_gym.web import Checkpoint, Do, click


def asked(kind: str, wish: str, answer: str, points: Sequence[Checkpoint], script: Sequence[Do], phrases: Sequence[str] = (), required: str = "") -> Part:
    """A question; the last milestone is the page that tells the answer, unless another is named."""
    return Part(
        kind,
        wish,
        points=tuple(points),
        script=(*script, Do("answer", text=answer)),
        phrases=tuple(phrases),
        answers=(answer,),
        required=(required or points[-1].name,),
    )


def _of_mail(case: Case, kind: str, found: Spoken, phrasings: Sequence[str], answer: str) -> Part:
    return asked(f"{kind}/{found.how}", pick(case.rng, phrasings).format(found.text), answer, found.points, found.script, found.phrases)


def booking(case: Case) -> Part | None:
    """What a confirmation says."""
    mail, facts = pick(case.rng, case.box.bookings)
    name = pick(case.rng, list(facts))
    said = {
        "Booking code": ("What is the booking code in {}?", "Tell me the booking code that {} gives.", "Which booking code stands in {}?"),
        "Day": ("Which day does {} name?", "For which day is what {} confirms?", "What is the day in {}?"),
        "Time": ("At what time is it, according to {}?", "Which time does {} give?", "What is the time in {}?"),
        "Price": ("What does it cost, according to {}?", "Which price does {} name?", "What is the price in {}?"),
    }
    place = ("Where is it, according to {}?", f"Which {name.lower()} does {{}} name?", f"What is the {name.lower()} in {{}}?")
    return _of_mail(case, f"ask/booking/{fact_name(name)}", spoken(case, mail), said.get(name, place), facts[name])


def fact_name(name: str) -> str:
    """What a fact is called in a kind."""
    return {"Booking code": "code", "Day": "day", "Time": "time", "Price": "price"}.get(name, "place")


def sender_address(case: Case) -> Part | None:
    """The address of a sender."""
    mail = pick(case.rng, (*case.box.notes, *case.box.requests))
    said = ("From which address was {} sent?", "What is the address of the sender of {}?", "Tell me the address from which {} came.")
    return _of_mail(case, "ask/sender-address", spoken(case, mail, "subject"), said, mail.sender)


def sender_name(case: Case) -> Part | None:
    """Who has sent a mail."""
    mail = pick(case.rng, (*case.box.notes, *case.box.requests, *case.box.archived, *case.box.groups))
    return asked(
        "ask/sender",
        case.say(f'Who has sent me the mail "{mail.subject}"?', f'From whom is the mail "{mail.subject}"?', f'Which person wrote the mail "{mail.subject}"?'),
        mail.name,
        (finding(mail),),
        (*searching(mail.subject), click("link", mail.subject)),
        (mail.subject,),
    )


def attachment(case: Case) -> Part | None:
    """The name of what is attached."""
    mail = pick(case.rng, (*case.box.notes, *case.box.secrets))
    said = ("What is the name of the file attached to {}?", "Which file is attached to {}?", "Tell me the file name of the attachment of {}.")
    return _of_mail(case, "ask/attachment", spoken(case, mail), said, mail.attachments)


def unread_of(case: Case) -> Part | None:
    """How many mails of a sender are unread."""
    sender = pick(case.rng, [person.name for person, _ in case.box.reports] + [name for name, _, _ in case.box.newsletters])
    mails = [mail for mail in case.box.mails if mail.name == sender and mail.folder not in ("bin", "sent")]
    if len(mails) > 8 or len({mail.sender for mail in mails}) > 1:
        return None
    count = str(sum(mail.unread for mail in mails))
    point = Checkpoint(f"found mails of {sender}", path=r"/search\?.+", shows=mails[0].subject)
    return asked(
        "ask/unread",
        case.say(
            f"How many unread mails from {sender} are there?",
            f"How many of the mails from {sender} have I not read?",
            f"Count the unread mails that {sender} has sent me.",
        ),
        count,
        (point,),
        searching(sender),
        (sender,),
    )


def count_of(case: Case) -> Part | None:
    """How many mails of a sender there are."""
    sender = pick(case.rng, [mail.name for mail in case.box.mails if mail.folder == "inbox"])
    mails = [mail for mail in case.box.mails if mail.name == sender and mail.folder not in ("bin", "sent")]
    if len({mail.sender for mail in mails}) > 1:
        return None
    point = Checkpoint(f"found mails of {sender}", path=r"/search\?.+", shows=mails[0].subject)
    return asked(
        "ask/count",
        case.say(
            f"How many mails from {sender} do I have, not counting those in the bin?",
            f"Count the mails that {sender} has sent me (without the bin).",
            f"How many mails by {sender} are there outside the bin?",
        ),
        str(len(mails)),
        (point,),
        searching(sender),
        (sender,),
    )


def label_count(case: Case) -> Part | None:
    """How many mails have a label."""
    name = pick(case.rng, list(case.box.labelled))
    return asked(
        "ask/label-count",
        case.say(f'How many mails have the label "{name}"?', f'Count the mails with the label "{name}".', f'On how many mails is the label "{name}"?'),
        str(len(case.box.labelled[name])),
        (Checkpoint("found labels", path=rf"/labels|/search\?.*label=L-{name.lower()}.*"),),
        (click("link", "Mail"), click("link", "Labels")),
    )


def phone(case: Case) -> Part | None:
    """The phone number of a contact."""
    person = pick(case.rng, (*case.box.insiders, *case.box.outsiders))
    way, point = to_contact(person)
    said = (
        f"What is the phone number of {person.name}?",
        f"Which phone number do I have of {person.name}?",
        f"Look up {person.name} and tell me the phone number.",
    )
    return asked("ask/phone/contact", pick(case.rng, said), person.phone, (point,), way, (person.name,))


def phone_of_sender(case: Case) -> Part | None:
    """The phone number of whoever has sent a mail."""
    mail = pick(case.rng, (*case.box.requests, *case.box.notes))
    said = (
        "Which phone number has the person who wrote {}? It stands in the contacts.",
        "I want to call whoever sent me {}. What is the number in the contacts?",
        "Find the phone number of the sender of {} in the contacts.",
    )
    return _of_sender(case, "ask/phone/sender", mail, said, "phone")


def team_of_sender(case: Case) -> Part | None:
    """The team or firm of whoever has sent a mail."""
    mail = pick(case.rng, (*case.box.requests, *case.box.notes))
    inside = mail.sender.endswith(f"@{case.box.company}")
    what = "team" if inside else "firm"
    said = (
        f"In which {what} works the person who wrote {{}}? It stands in the contacts.",
        f"Look in the contacts: of which {what} is the sender of {{}}?",
        f"Which {what} does the contact have who sent me {{}}?",
    )
    return _of_sender(case, f"ask/{what}/sender", mail, said, "team")


def _of_sender(case: Case, kind: str, mail: Mail, said: Sequence[str], column: str) -> Part:
    person = next(one for one in (*case.box.insiders, *case.box.outsiders) if one.email == mail.sender)
    found = spoken(case, mail)
    point = Checkpoint(f"opened {person.id}", path=rf"/contacts/{person.id}")
    wish = pick(case.rng, said).format(found.text)
    return asked(f"{kind}/{found.how}", wish, getattr(person, column), (*found.points, point), (*found.script, click("button", "Show contact")), found.phrases)


def event_fact(case: Case) -> Part | None:
    """When or where an event is."""
    event = pick(case.rng, [one for one in case.box.events if one.place])
    end = time_of(minute_of(event.start) + event.minutes)
    what, answer, said = pick(
        case.rng,
        (
            ("begins", event.start, ("At what time does {} begin?", "When does {} begin (hours and minutes)?", "Tell me the time at which {} begins.")),
            ("ends", end, ("At what time does {} end?", "When is {} over (hours and minutes)?", "Tell me the time at which {} ends.")),
            ("place", event.place, ("Where does {} take place?", "In which room is {}?", "Tell me the place of {}.")),
        ),
    )
    way, opened = to_event(case, event.id, event.day, label_of(event))
    named = f'"{event.title}" on {day_text(event.day)}'
    return asked(f"ask/event/{what}", pick(case.rng, said).format(named), answer, (opened,), way)


def event_count(case: Case) -> Part | None:
    """How many events a day has."""
    day = pick(case.rng, case.box.days)
    count = sum(one.day == day for one in case.box.events)
    way, seen = to_day(case, day, day_text(day))
    said = (
        f"How many events do I have on {day_text(day)}?",
        f"Count my events of {day_text(day)}.",
        f"How many things stand in my calendar on {day_text(day)}?",
    )
    return asked("ask/event/count", pick(case.rng, said), str(count), (seen,), way)


def first_event(case: Case) -> Part | None:
    """The first event of a day."""
    day = pick(case.rng, sorted({one.day for one in case.box.events}))
    event = min((one for one in case.box.events if one.day == day), key=lambda one: one.start)
    way, seen = to_day(case, day, day_text(day))
    _, opened = to_event(case, event.id, event.day, "")
    said = (
        f"What is the title of my first event on {day_text(day)}?",
        f"Which event do I have first on {day_text(day)}? Give its title.",
        f"With which event does my {day_text(day)} begin?",
    )
    return asked("ask/event/first", pick(case.rng, said), event.title, (seen, opened), (*way, click("link", label_of(event))), required=seen.name)


def free_hour(case: Case) -> Part | None:
    """The first free hour of a day."""
    day = pick(case.rng, [day for day in case.box.days if not is_free(case.box.events, day, "08:00", 60)] or case.box.days)
    answer = next(hour for hour in HOURS if is_free(case.box.events, day, hour, 60))
    way, seen = to_day(case, day, day_text(day))
    said = (
        f"What is the first full hour on {day_text(day)} that is free, from 08:00 on? Answer with the time at which it begins.",
        f"At what time begins the earliest free hour on {day_text(day)} (full hours from 08:00 on)?",
        f"From which full hour on {day_text(day)} could I have an hour for somebody at the earliest, from 08:00 on?",
    )
    return asked("ask/free-hour", pick(case.rng, said), answer, (seen,), way)


def place_from_mail(case: Case) -> Part | None:
    """Where the event is that a mail speaks of."""
    mail, event, _ = pick(case.rng, case.box.moves)
    found = spoken(case, mail, "subject")
    way, opened = to_event(case, event.id, event.day, label_of(event))
    return asked(
        "ask/event/of-mail",
        case.say(
            f"In which room is the event of my calendar that {found.text} is about, as the calendar has it now?",
            f"Which place has the calendar for the event of which {found.text} speaks?",
            f"Look into {found.text}: which room has the event that it is about in my calendar?",
        ),
        event.place,
        (*found.points, opened),
        (*found.script, *way),
        found.phrases,
    )


def invitation_fact(case: Case) -> Part | None:
    """When or where somebody invites to."""
    mail, invitation, _ = pick(case.rng, case.box.invitations)
    found = spoken(case, mail)
    what, answer = pick(case.rng, (("day", day_text(invitation.day)), ("time", invitation.start), ("room", invitation.place)))
    said = (f"Which {what} has the invitation in {{}}?", f"What is the {what} of the invitation in {{}}?", f"Tell me the {what} to which {{}} invites me.")
    return _of_mail(case, f"ask/invitation/{what}", found, said, answer)


def is_invited_free(case: Case) -> Part | None:
    """Whether the time of an invitation is free."""
    mail, invitation, free = pick(case.rng, case.box.invitations)
    found = spoken(case, mail)
    other = next((one for one in case.box.events if not is_free([one], invitation.day, invitation.start, 60)), None)
    if free or other is None:
        return None
    way, seen = to_day(case, invitation.day, day_text(invitation.day))
    _, opened = to_event(case, other.id, other.day, "")
    return asked(
        f"ask/invitation/conflict/{found.how}",
        case.say(
            f"Which event of my calendar stands in the way of the invitation in {found.text}? Give its title.",
            f"I cannot accept the invitation in {found.text}, as something else is at that time. What is its title?",
            f"What do I have in my calendar at the time of the invitation in {found.text}?",
        ),
        other.title,
        (*found.points, seen, opened),
        (*found.script, *way, click("link", label_of(other))),
        found.phrases,
        required=seen.name,
    )


def binned_sender(case: Case) -> Part | None:
    """Who has sent a mail that is in the bin."""
    mail = pick(case.rng, case.box.binned)
    return asked(
        "ask/bin/sender",
        case.say(
            f'Who had sent me the mail "{mail.subject}" that is in the bin?',
            f'There is a mail "{mail.subject}" in the bin. From whom is it?',
            f'I threw "{mail.subject}" away. Who was the sender?',
        ),
        mail.name,
        (form_point("bin", "/mail/bin"), reading(mail)),
        in_folder(mail, "Bin"),
        required="opened bin",
    )


def real_address(case: Case) -> Part | None:
    """The address of a contact whose name an impostor has."""
    mail = pick(case.rng, case.box.phishing)
    person = next(one for one in case.box.insiders if one.name == mail.name)
    way, point = to_contact(person)
    said = (
        f"Which address of {person.name} stands in my contacts?",
        f"I got mails from {person.name} from two addresses. Which one is in the contacts?",
        f"What is the address of {person.name} according to the contacts?",
    )
    return asked("ask/address/look-alike", pick(case.rng, said), person.email, (point,), way, (person.name,))
