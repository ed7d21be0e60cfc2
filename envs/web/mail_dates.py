"""Questions of `prm_gym/Mail-v0` about the calendar."""

from prm_gym.envs.web.mail_parts import Case, Part, spoken, to_day, to_event
from prm_gym.envs.web.mail_planning import is_free, label_of
from prm_gym.envs.web.mail_questions import asked, of_mail
from prm_gym.envs.web.mail_rows import HOURS, Meeting, day_text, minute_of, pick, time_of
from prm_gym.web import Checkpoint, click


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
    return of_mail(case, f"ask/invitation/{what}", found, said, answer)


def conflict(case: Case) -> Part | None:
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


def _guests(case: Case, least: int, most: int) -> list[tuple[Meeting, tuple[str, ...]]]:
    found = [(event, case.box.guests[event.id]) for event in case.box.events]
    return [one for one in found if least <= len(one[1]) <= most]


def only_guest(case: Case) -> Part | None:
    """Who is invited to an event."""
    events = _guests(case, 1, 1)
    if not events:
        return None
    event, (email,) = pick(case.rng, events)
    name = next(one.name for one in case.box.insiders if one.email == email)
    way, opened = to_event(case, event.id, event.day, label_of(event))
    named = f'"{event.title}" on {day_text(event.day)}'
    said = (f"Who is the only guest of {named}?", f"One person is invited to {named}. Who is it?", f"Give the name of the one guest of {named}.")
    return asked("ask/event/guest", pick(case.rng, said), name, (opened,), way)


def guest_count(case: Case) -> Part | None:
    """How many are invited to an event."""
    event, guests = pick(case.rng, _guests(case, 0, 9))
    way, opened = to_event(case, event.id, event.day, label_of(event))
    named = f'"{event.title}" on {day_text(event.day)}'
    said = (f"How many guests are invited to {named}?", f"Count the guests of {named}.", f"How many people have I invited to {named}?")
    return asked("ask/event/guests", pick(case.rng, said), str(len(guests)), (opened,), way)


def phone_of_guest(case: Case) -> Part | None:
    """The phone number of whoever is invited to an event."""
    events = _guests(case, 1, 1)
    if not events:
        return None
    event, (email,) = pick(case.rng, events)
    person = next(one for one in case.box.insiders if one.email == email)
    way, opened = to_event(case, event.id, event.day, label_of(event))
    named = f'"{event.title}" on {day_text(event.day)}'
    said = (
        f"Which phone number has the only guest of {named}?",
        f"I must call the one guest of {named}. What is the number?",
        f"Find the phone number of the person who is invited to {named}.",
    )
    point = Checkpoint(f"opened {person.id}", path=rf"/contacts/{person.id}")
    return asked("ask/phone/guest", pick(case.rng, said), person.phone, (opened, point), (*way, click("link", person.name)))


def day_of_event(case: Case) -> Part | None:
    """The day of an event that is somewhere in the two weeks."""
    event = pick(case.rng, case.box.events)
    way, opened = to_event(case, event.id, event.day, label_of(event))
    _, seen = to_day(case, event.day, day_text(event.day))
    said = (
        f'On which day do I have "{event.title}"? It is this week or the next.',
        f'When is "{event.title}" in my calendar? Answer with the day.',
        f'Find the day on which "{event.title}" takes place, this week or the next.',
    )
    return asked("ask/event/day", pick(case.rng, said), day_text(event.day), (seen, opened), way, required=seen.name)
