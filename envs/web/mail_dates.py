"""Questions of `prm_gym/Mail-v0` about the calendar."""

from prm_gym.envs.web.mail_parts import Draw, label_of, opened_contact, opened_event, seen_day, spoken, to_day, to_event
from prm_gym.envs.web.mail_planning import is_free
from prm_gym.envs.web.mail_questions import of_mail, question
from prm_gym.envs.web.mail_rows import HOURS, Meeting, day_text, minute_of, time_of
from prm_gym.web import Part, Way, click


def event_fact(draw: Draw) -> Part | None:
    """When or where an event is."""
    event = draw.one([one for one in draw.box.events if one.place])
    end = time_of(minute_of(event.start) + event.minutes)
    what, answer, said = draw.one(
        (
            ("begins", event.start, ("At what time does {} begin?", "When does {} begin (hours and minutes)?", "Tell me the time at which {} begins.")),
            ("ends", end, ("At what time does {} end?", "When is {} over (hours and minutes)?", "Tell me the time at which {} ends.")),
            ("place", event.place, ("Where does {} take place?", "In which room is {}?", "Tell me the place of {}.")),
        )
    )
    named = f'"{event.title}" on {day_text(event.day)}'
    return question(f"ask/event/{what}", draw.one(said).format(named), answer, to_event(draw, event))


def event_count(draw: Draw) -> Part | None:
    """How many events a day has."""
    day = draw.one(draw.box.days)
    count = sum(one.day == day for one in draw.box.events)
    said = (
        f"How many events do I have on {day_text(day)}?",
        f"Count my events of {day_text(day)}.",
        f"How many things stand in my calendar on {day_text(day)}?",
    )
    return question("ask/event/count", draw.one(said), str(count), to_day(draw, day))


def first_event(draw: Draw) -> Part | None:
    """The first event of a day."""
    day = draw.one(sorted({one.day for one in draw.box.events}))
    event = min((one for one in draw.box.events if one.day == day), key=lambda one: one.start)
    said = (
        f"What is the title of my first event on {day_text(day)}?",
        f"Which event do I have first on {day_text(day)}? Give its title.",
        f"With which event does my {day_text(day)} begin?",
    )
    way = Way(script=(click("link", label_of(event)),), checkpoints=(opened_event(event),))
    return question("ask/event/first", draw.one(said), event.title, to_day(draw, day), way, required=(seen_day(draw, day).name,))


def free_hour(draw: Draw) -> Part | None:
    """The first free hour of a day."""
    day = draw.one([day for day in draw.box.days if not is_free(draw.box.events, day, "08:00", 60)] or draw.box.days)
    answer = next(hour for hour in HOURS if is_free(draw.box.events, day, hour, 60))
    said = (
        f"What is the first full hour on {day_text(day)} that is free, from 08:00 on? Answer with the time at which it begins.",
        f"At what time begins the earliest free hour on {day_text(day)} (full hours from 08:00 on)?",
        f"From which full hour on {day_text(day)} could I have an hour for somebody at the earliest, from 08:00 on?",
    )
    return question("ask/free-hour", draw.one(said), answer, to_day(draw, day))


def place_from_mail(draw: Draw) -> Part | None:
    """Where the event is that a mail speaks of."""
    mail, event, _ = draw.one(draw.box.moves)
    found = spoken(draw, mail, "subject")
    return question(
        "ask/event/of-mail",
        draw.say(
            f"In which room is the event of my calendar that {found.words} is about, as the calendar has it now?",
            f"Which place has the calendar for the event of which {found.words} speaks?",
            f"Look into {found.words}: which room has the event that it is about in my calendar?",
        ),
        event.place,
        found,
        to_event(draw, event),
    )


def invitation_fact(draw: Draw) -> Part | None:
    """When or where somebody invites to."""
    mail, invitation, _ = draw.one(draw.box.invitations)
    found = spoken(draw, mail)
    what, answer = draw.one((("day", day_text(invitation.day)), ("time", invitation.start), ("room", invitation.place)))
    said = (f"Which {what} has the invitation in {{}}?", f"What is the {what} of the invitation in {{}}?", f"Tell me the {what} to which {{}} invites me.")
    return of_mail(draw, f"ask/invitation/{what}", found, said, answer)


def conflict(draw: Draw) -> Part | None:
    """Whether the time of an invitation is free."""
    mail, invitation, free = draw.one(draw.box.invitations)
    found = spoken(draw, mail)
    other = next((one for one in draw.box.events if not is_free([one], invitation.day, invitation.start, 60)), None)
    if free or other is None:
        return None
    way = Way(script=(click("link", label_of(other)),), checkpoints=(opened_event(other),))
    return question(
        f"ask/invitation/conflict/{found.how}",
        draw.say(
            f"Which event of my calendar stands in the way of the invitation in {found.words}? Give its title.",
            f"I cannot accept the invitation in {found.words}, as something else is at that time. What is its title?",
            f"What do I have in my calendar at the time of the invitation in {found.words}?",
        ),
        other.title,
        found,
        to_day(draw, invitation.day),
        way,
        required=(seen_day(draw, invitation.day).name,),
    )


def _guests(draw: Draw, least: int, most: int) -> list[tuple[Meeting, tuple[str, ...]]]:
    found = [(event, draw.box.guests[event.id]) for event in draw.box.events]
    return [one for one in found if least <= len(one[1]) <= most]


def only_guest(draw: Draw) -> Part | None:
    """Who is invited to an event."""
    events = _guests(draw, 1, 1)
    if not events:
        return None
    event, (email,) = draw.one(events)
    name = next(one.name for one in draw.box.insiders if one.email == email)
    named = f'"{event.title}" on {day_text(event.day)}'
    said = (f"Who is the only guest of {named}?", f"One person is invited to {named}. Who is it?", f"Give the name of the one guest of {named}.")
    return question("ask/event/guest", draw.one(said), name, to_event(draw, event))


def guest_count(draw: Draw) -> Part | None:
    """How many are invited to an event."""
    event, guests = draw.one(_guests(draw, 0, 9))
    named = f'"{event.title}" on {day_text(event.day)}'
    said = (f"How many guests are invited to {named}?", f"Count the guests of {named}.", f"How many people have I invited to {named}?")
    return question("ask/event/guests", draw.one(said), str(len(guests)), to_event(draw, event))


def phone_of_guest(draw: Draw) -> Part | None:
    """The phone number of whoever is invited to an event."""
    events = _guests(draw, 1, 1)
    if not events:
        return None
    event, (email,) = draw.one(events)
    person = next(one for one in draw.box.insiders if one.email == email)
    named = f'"{event.title}" on {day_text(event.day)}'
    said = (
        f"Which phone number has the only guest of {named}?",
        f"I must call the one guest of {named}. What is the number?",
        f"Find the phone number of the person who is invited to {named}.",
    )
    way = Way(script=(click("link", person.name),), checkpoints=(opened_contact(person),))
    return question("ask/phone/guest", draw.one(said), person.phone, to_event(draw, event), way)


def day_of_event(draw: Draw) -> Part | None:
    """The day of an event that is somewhere in the two weeks."""
    event = draw.one(draw.box.events)
    seen = Way(checkpoints=(seen_day(draw, event.day),))
    said = (
        f'On which day do I have "{event.title}"? It is this week or the next.',
        f'When is "{event.title}" in my calendar? Answer with the day.',
        f'Find the day on which "{event.title}" takes place, this week or the next.',
    )
    return question("ask/event/day", draw.one(said), day_text(event.day), seen, to_event(draw, event), required=(seen_day(draw, event.day).name,))
