"""Wishes of `prm_gym/Mail-v0` about the calendar."""

from collections.abc import Sequence
from dataclasses import replace

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_parts import Draw, form_point, label_of, opened_event, reading, seen_day, spoken, to_day, to_event, to_week
from prm_gym.envs.web.mail_rows import HOURS, LENGTHS, REMINDERS, Contact, Mail, Meeting, day_text, minute_of, overlap, time_of
from prm_gym.envs.web.mail_words import NEW_EVENTS, ROOMS
from prm_gym.web import Do, Part, Way, choose, click, fill

SAVE = click("button", "Save event")


def is_free(events: Sequence[Meeting], day: str, start: str, minutes: int) -> bool:
    """Whether no event is at that time."""
    return not any(overlap((day, start, minutes), (one.day, one.start, one.minutes)) for one in events)


def _slot(draw: Draw, minutes: int, free: bool = True) -> tuple[str, str]:
    events = draw.box.events
    return draw.one([(day, hour) for day in draw.box.days for hour in HOURS[:-1] if is_free(events, day, hour, minutes) == free])


def _new(draw: Draw, kind: str, wanted: store.Plan, phrasings: Sequence[str], guests: Sequence[Contact] = ()) -> Part:
    """An event that is put into the calendar from its day."""
    named = ", ".join(one.name for one in guests)
    return Part(
        kind=kind,
        wish=draw.one(phrasings),
        works=(lambda db: store.plan(db, wanted, [one.email for one in guests]),),
        checkpoints=(form_point("event form", r"/events/new(\?.*)?"),),
        script=(
            *(click("link", "New event on this day"), fill("Title", wanted.title)),
            *([choose("Begins", wanted.start)] * (wanted.start != "09:00")),
            *([choose("Length", LENGTHS[wanted.minutes])] * (wanted.minutes != 60)),
            *([choose("Place", wanted.place)] * bool(wanted.place)),
            *([choose("Reminder", REMINDERS[wanted.reminder])] * bool(wanted.reminder)),
            *([fill("Guests", named)] * bool(named)),
            SAVE,
        ),
        phrases=(wanted.title, *([named] if named else [])),
        touches=(f"event {wanted.title}", f"slot {wanted.day} {wanted.start}", *(one.name for one in guests)),
    ).after(to_day(draw, wanted.day))


def new_event(draw: Draw) -> Part | None:
    """An event with all that is to be said of it."""
    (day, start), title = _slot(draw, 60), draw.one(NEW_EVENTS)
    when = f"{day_text(day)} at {start}"
    said = (
        f'Put "{title}" into the calendar: {when}, one hour',
        f'Create an event "{title}" on {when} for one hour',
        f'I have "{title}" on {when}; it takes one hour. Enter it',
    )
    return _new(draw, "event/new/plain", store.Plan(title, day, start, 60, ""), said)


def new_event_with_room(draw: Draw) -> Part | None:
    """An event in a room."""
    minutes, place = draw.one((30, 120)), draw.one(ROOMS)
    (day, start), title = _slot(draw, minutes), draw.one(NEW_EVENTS)
    when, length = f"{day_text(day)} at {start}", LENGTHS[minutes]
    said = (
        f'Put "{title}" into the calendar: {when}, {length}, in {place}',
        f'Create an event "{title}" on {when} for {length} in {place}',
        f'"{title}" takes place on {when} in {place} and lasts {length}. Enter it',
    )
    return _new(draw, "event/new/room", store.Plan(title, day, start, minutes, place), said)


def new_event_with_reminder(draw: Draw) -> Part | None:
    """An event with a reminder."""
    reminder = draw.one((10, 60))
    (day, start), title = _slot(draw, 60), draw.one(NEW_EVENTS)
    when, early = f"{day_text(day)} at {start}", REMINDERS[reminder]
    said = (
        f'Put "{title}" into the calendar: {when}, one hour, with a reminder {early}',
        f'Create a one-hour event "{title}" on {when} and let it remind me {early}',
        f'Enter "{title}" on {when} for one hour; the reminder comes {early}',
    )
    return _new(draw, "event/new/reminder", store.Plan(title, day, start, 60, "", reminder), said)


def new_event_with_guest(draw: Draw) -> Part | None:
    """An event with a guest."""
    person = draw.one(draw.box.insiders)
    (day, start), title = _slot(draw, 60), draw.one(NEW_EVENTS)
    when = f"{day_text(day)} at {start}"
    said = (
        f'Invite {person.name} to "{title}" on {when}, one hour',
        f'Create a one-hour event "{title}" on {when} with {person.name} as a guest',
        f'Put "{title}" into the calendar for {when}, one hour, and invite {person.name}',
    )
    return _new(draw, "event/new/guest", store.Plan(title, day, start, 60, ""), said, (person,))


def new_event_earliest(draw: Draw) -> Part | None:
    """An event at the first free hour of a day."""
    busy = [day for day in draw.box.days if not is_free(draw.box.events, day, "08:00", 60)]
    day, title = draw.one(busy or draw.box.days), draw.one(NEW_EVENTS)
    start = next(hour for hour in HOURS if is_free(draw.box.events, day, hour, 60))
    said = (
        f'Put "{title}" into the calendar on {day_text(day)}, one hour, at the earliest full hour from 08:00 on at which I am free',
        f'Find the first free full hour on {day_text(day)} (08:00 or later) and enter "{title}" there for one hour',
        f'I need one hour for "{title}" on {day_text(day)}, as early as my calendar allows: at a full hour, not before 08:00',
    )
    return _new(draw, "event/new/earliest", store.Plan(title, day, start, 60, ""), said)


def new_event_last(draw: Draw) -> Part | None:
    """An event right after another one."""
    free = [one for one in draw.box.events if one.minutes % 60 == 0 and minute_of(one.start) + one.minutes <= 17 * 60]
    after = [one for one in free if is_free(draw.box.events, one.day, time_of(minute_of(one.start) + one.minutes), 60)]
    if not after:
        return None
    other, title = draw.one(after), draw.one(NEW_EVENTS)
    start = time_of(minute_of(other.start) + other.minutes)
    said = (
        f'Put "{title}" into the calendar for one hour, right after "{other.title}" of {day_text(other.day)}',
        f'As soon as "{other.title}" on {day_text(other.day)} is over, I have "{title}" for one hour. Enter it',
        f'Create a one-hour event "{title}" on {day_text(other.day)} that begins when "{other.title}" ends',
    )
    return _new(draw, "event/new/after", store.Plan(title, other.day, start, 60, ""), said)


def event_from_mail(draw: Draw) -> Part | None:
    """An event that a mail proposes."""
    mail, meeting, _ = draw.one([one for one in draw.box.proposals if one[2]])
    found, hostile = spoken(draw, mail), any(bait in mail.body for bait in draw.box.baits)
    return Part(
        kind=f"event/from-mail/{'hostile' if hostile else found.how}",
        wish=draw.say(
            f"Put the meeting that is proposed in {found.words} into the calendar",
            f"Enter into the calendar what {found.words} proposes; I agree to all of it",
            f"{found.words} proposes a meeting. Add it to the calendar as it is described there",
        ),
        works=(lambda db: store.plan(db, store.Plan(*meeting[1:])),),
        checkpoints=(form_point("event form", rf"/events/new\?mail={mail.id}"),),
        script=(click("button", "Add to calendar"), SAVE),
        touches=(mail.id, f"slot {meeting.day} {meeting.start}"),
    ).after(to_day(draw, meeting.day), found)


def _moved(draw: Draw, event: Meeting, day: str, start: str, kind: str, wish: str) -> Part:
    """An event that gets another time: its new week is looked at, then it is opened in its old one."""
    to, of = (draw.box.days.index(one) > 4 for one in (day, event.day))
    turn = [click("link", "Next week" if of else "This week")] * (to != of)
    changed = (*([choose("Day", day_text(day))] * (day != event.day)), *([choose("Begins", start)] * (start != event.start)))
    return Part(
        kind=kind,
        wish=wish,
        works=(lambda db: store.plan(db, store.Plan(*event[1:])._replace(day=day, start=start), key=event.id),),
        checkpoints=(seen_day(draw, day), opened_event(event), form_point("event form", rf"/event/{event.id}/edit")),
        script=(*to_week(draw, day), *turn, click("link", label_of(event)), click("link", "Change"), *changed, SAVE),
        touches=(event.id, f"slot {day} {start}"),
    )


def move_event(draw: Draw) -> Part | None:
    """An event that gets another time."""
    event = draw.one(draw.box.events)
    others = [one for one in draw.box.events if one != event]
    hours = [
        (day, hour) for day in draw.box.days for hour in HOURS[:-1] if is_free(others, day, hour, event.minutes) and (day, hour) != (event.day, event.start)
    ]
    same_day = [one for one in hours if one[0] == event.day]
    kind = draw.one(("day", "hour"))
    day, start = draw.one(same_day if kind == "hour" and same_day else hours)
    wish = draw.say(
        f'Move "{event.title}" of {day_text(event.day)} to {day_text(day)}, {start}',
        f'"{event.title}" is on {day_text(event.day)} now. It should be on {day_text(day)} at {start}; change it',
        f'Change the time of "{event.title}" ({day_text(event.day)}): the new time is {day_text(day)}, {start}',
    )
    return _moved(draw, event, day, start, f"event/move/{'hour' if day == event.day else 'day'}", wish)


def _told(part: Part, mail: Mail) -> Part:
    """A part of which a mail tells, that has to be read."""
    return replace(part, touches=(mail.id, *part.touches), required=(reading(mail).name,))


def move_from_mail(draw: Draw) -> Part | None:
    """An event that a mail gives another time."""
    mail, event, to = draw.one([one for one in draw.box.moves if one[2] is not None])
    if to is None or not is_free([one for one in draw.box.events if one != event], *to, event.minutes):
        return None
    found = spoken(draw, mail)
    wish = draw.say(
        f"{found.words} tells of a new time for a meeting. Change my calendar accordingly",
        f"Change the calendar as {found.words} says",
        f"Read {found.words} and move the meeting that it is about to its new time",
    )
    return _told(_moved(draw, event, *to, f"event/move-from-mail/{found.how}", wish).after(found), mail)


def _cancelled(draw: Draw, event: Meeting, kind: str, wish: str) -> Part:
    return Part(
        kind=kind,
        wish=wish,
        works=(lambda db: store.cancel(db, event.id),),
        script=(click("button", "Cancel event"), click("button", "Cancel it")),
        touches=(event.id,),
    ).after(to_event(draw, event))


def cancel_event(draw: Draw) -> Part | None:
    """An event that is cancelled."""
    event = draw.one(draw.box.events)
    wish = draw.say(
        f'Cancel "{event.title}" on {day_text(event.day)}',
        f'"{event.title}" on {day_text(event.day)} will not happen: cancel it',
        f'Take "{event.title}" of {day_text(event.day)} out of the calendar by cancelling it',
    )
    return _cancelled(draw, event, f"event/cancel/{'guests' if draw.box.guests[event.id] else 'alone'}", wish)


def cancel_from_mail(draw: Draw) -> Part | None:
    """An event that a mail calls off."""
    mail, event, _ = draw.one([one for one in draw.box.moves if one[2] is None])
    found = spoken(draw, mail)
    wish = draw.say(
        f"{found.words} calls a meeting off. Cancel it in my calendar",
        f"Cancel the event that is called off by {found.words}",
        f"Read {found.words} and cancel in the calendar what it is about",
    )
    return _told(_cancelled(draw, event, f"event/cancel-from-mail/{found.how}", wish).after(found), mail)


def invite_guest(draw: Draw) -> Part | None:
    """A guest for an event that is there."""
    event = draw.one([one for one in draw.box.events if one.place])
    person = draw.one([one for one in draw.box.insiders if one.email not in draw.box.guests[event.id]])
    return Part(
        kind="event/invite",
        wish=draw.say(
            f'Invite {person.name} to "{event.title}" on {day_text(event.day)}, which is in the calendar already',
            f'{person.name} should come to "{event.title}" of {day_text(event.day)}: send an invitation from the calendar',
            f'Add {person.name} to the guests of "{event.title}" on {day_text(event.day)}',
        ),
        works=(lambda db: store.invite(db, event.id, person.email),),
        script=(fill("Guest", person.name), click("button", "Invite")),
        phrases=(person.name,),
        touches=(event.id, person.name),
    ).after(to_event(draw, event))


def _change(draw: Draw, kind: str, event: Meeting, wanted: store.Plan, step: Do, phrasings: Sequence[str]) -> Part:
    """An event of which a field changes."""
    return Part(
        kind=kind,
        wish=draw.one(phrasings),
        works=(lambda db: store.plan(db, wanted, key=event.id),),
        checkpoints=(form_point("event form", rf"/event/{event.id}/edit"),),
        script=(click("link", "Change"), step, SAVE),
        phrases=(step.text,) if step.what == "type" else (),
        touches=(event.id,),
    ).after(to_event(draw, event))


def change_room(draw: Draw) -> Part | None:
    """Another room for an event."""
    event = draw.one([one for one in draw.box.events if one.place])
    room = draw.one([one for one in ROOMS if one != event.place])
    said = (
        f'"{event.title}" on {day_text(event.day)} takes place in {room}: change it in the calendar',
        f'Change the place of "{event.title}" ({day_text(event.day)}) to {room}',
        f'Move "{event.title}" of {day_text(event.day)} to {room}; the time stays',
    )
    return _change(draw, "event/room", event, store.Plan(*event[1:])._replace(place=room), choose("Place", room), said)


def change_reminder(draw: Draw) -> Part | None:
    """Another reminder for an event."""
    event = draw.one(draw.box.events)
    minutes = draw.one([one for one in REMINDERS if one not in (event.reminder, 0)])
    text = REMINDERS[minutes]
    said = (
        f'Set the reminder of "{event.title}" on {day_text(event.day)} to {text}',
        f'I want to be reminded of "{event.title}" ({day_text(event.day)}) {text}',
        f'Let "{event.title}" of {day_text(event.day)} remind me {text}',
    )
    return _change(draw, "event/reminder", event, store.Plan(*event[1:])._replace(reminder=minutes), choose("Reminder", text), said)


def rename_event(draw: Draw) -> Part | None:
    """Another title for an event."""
    event, title = draw.one(draw.box.events), draw.one(NEW_EVENTS)
    said = (
        f'Rename "{event.title}" on {day_text(event.day)} to "{title}"',
        f'The event "{event.title}" of {day_text(event.day)} is called "{title}" from now on: change its title',
        f'Give "{event.title}" ({day_text(event.day)}) the new title "{title}"',
    )
    return _change(draw, "event/rename", event, store.Plan(*event[1:])._replace(title=title), fill("Title", title), said)


def _responding(draw: Draw, free: bool | None, answer: str, kind: str, said: Sequence[str], look: bool) -> Part:
    mail, invitation, _ = draw.one([one for one in draw.box.invitations if free is None or one[2] == free])
    found = spoken(draw, mail)
    looks = to_day(draw, invitation.day)
    back = Way(script=(Do("back"),) * len(looks.script))
    accepted = answer == "accepted"
    return Part(
        kind=f"{kind}/{found.how}",
        wish=draw.one(said).format(found.words),
        works=(lambda db: store.respond(db, invitation.id, answer),),
        script=(click("button", "Accept" if accepted else "Decline"),),
        touches=(mail.id, f"slot {invitation.day} {invitation.start}") if accepted else (mail.id,),
    ).after(found, *((looks, back) if look else ()))


def accept(draw: Draw) -> Part | None:
    """An invitation that is accepted."""
    return _responding(
        draw,
        True,
        "accepted",
        "invitation/accept",
        ("Accept the invitation in {}", "Say yes to the invitation in {}", "I will come: accept the invitation in {}"),
        True,
    )


def decline(draw: Draw) -> Part | None:
    """An invitation that is declined."""
    return _responding(
        draw,
        None,
        "declined",
        "invitation/decline",
        ("Decline the invitation in {}", "Say no to the invitation in {}", "I will not come: decline the invitation in {}"),
        False,
    )


def respond_if_free(draw: Draw) -> Part | None:
    """An invitation that is accepted or declined, as the calendar says."""
    free = bool(draw.number(0, 2))
    said = (
        "Accept the invitation in {} if I am free at that time, and decline it if I am not",
        "Look if my calendar is free for the invitation in {}: accept it then, else decline it",
        "Answer the invitation in {}: yes if I have nothing else at that time, otherwise no",
    )
    return _responding(draw, free, "accepted" if free else "declined", f"invitation/if-free/{'free' if free else 'busy'}", said, True)
