"""Wishes of `prm_gym/Mail-v0` that cannot be fulfilled: the answer is "impossible", after the page was seen that shows why."""

from prm_gym.envs.web.mail_parts import Draw, searching, spoken, to_contact, to_day, to_folder
from prm_gym.envs.web.mail_planning import is_free
from prm_gym.envs.web.mail_questions import question
from prm_gym.envs.web.mail_rows import Meeting, day_text
from prm_gym.envs.web.mail_words import FORWARDS, NEW_EVENTS, REPLIES, REQUESTS
from prm_gym.web import IMPOSSIBLE, Checkpoint, Part, Way


def _impossible(kind: str, wish: str, *ways: Way) -> Part:
    """What cannot be done, as what stands at the end of the ways shows; mails on them have to be read."""
    points = [point.name for way in ways for point in way.checkpoints]
    return question(f"impossible/{kind}", wish, IMPOSSIBLE, *ways, required=(points[-1], *(name for name in points[:-1] if name.startswith("read "))))


def _nothing(words: str) -> Way:
    """A search that finds nothing."""
    return Way(script=searching(words), checkpoints=(Checkpoint("found nothing", path=r"/search\?.+", shows="No mail was found."),), phrases=(words,))


def no_such_mail(draw: Draw) -> Part | None:
    """A mail that is not there."""
    subjects = {mail.subject for mail in draw.box.mails}
    missing = [words[0] for words in REQUESTS if words[0] not in subjects]
    if not missing:
        return None
    subject, text = draw.one(missing), draw.one(REPLIES)
    said = (f'Answer the mail "{subject}" with the text "{text}"', f'Reply to the mail "{subject}": "{text}"', f'Write back "{text}" to the mail "{subject}"')
    return _impossible("no-mail", draw.one(said), _nothing(subject), Way(phrases=(text,)))


def no_mail_of(draw: Draw) -> Part | None:
    """Somebody who has not written."""
    writers = {mail.name for mail in draw.box.mails}
    missing = [one for one in (*draw.box.insiders, *draw.box.outsiders) if one.name not in writers]
    if not missing:
        return None
    person = draw.one(missing)
    said = (
        f"Archive the latest mail from {person.name}",
        f"Move the newest mail that {person.name} sent to the archive",
        f"The last mail of {person.name} should go into the archive",
    )
    return _impossible("no-sender", draw.one(said), _nothing(person.name))


def no_attachment(draw: Draw) -> Part | None:
    """A file that is not attached."""
    mail, person = draw.one(draw.box.requests), draw.one(draw.box.outsiders)
    found, text = spoken(draw, mail), draw.one(FORWARDS)
    said = (
        f'Forward the file that is attached to {found.words} to {person.name} with the text "{text}"',
        f'{person.name} needs the attachment of {found.words}. Forward it and write "{text}"',
        f'Send {person.name} what is attached to {found.words} by forwarding it; write "{text}"',
    )
    return _impossible(f"no-attachment/{found.how}", draw.one(said), found, Way(phrases=(person.name, text)))


def _taken(draw: Draw, event: Meeting) -> Way:
    """The day on which an event stands in the way."""
    return Way(script=to_day(draw, event.day).script, checkpoints=(Checkpoint("found that the time is taken", shows=event.title),))


def time_taken(draw: Draw) -> Part | None:
    """An event at a time that is taken."""
    event = draw.one([one for one in draw.box.events if one.minutes >= 60])
    title, day = draw.one(NEW_EVENTS), day_text(event.day)
    said = (
        f'Put "{title}" into the calendar: {day} at {event.start}, one hour; no other time will do',
        f'Create a one-hour event "{title}" on {day} at {event.start}. It has to be then',
        f'I need "{title}" on {day} at exactly {event.start} for one hour. Enter it, and move nothing else',
    )
    return _impossible("time-taken", draw.one(said), _taken(draw, event), Way(phrases=(title,)))


def proposal_taken(draw: Draw) -> Part | None:
    """A proposal for a time that is taken."""
    mail, meeting, _ = next(one for one in draw.box.proposals if not one[2])
    other = next(one for one in draw.box.events if not is_free([one], meeting.day, meeting.start, 60))
    found = spoken(draw, mail)
    said = (
        f"Put the meeting that {found.words} proposes into the calendar, at that time or not at all",
        f"Add what {found.words} proposes to the calendar; change nothing that is there",
        f"Enter the meeting of {found.words} into my calendar as proposed; other events must stay",
    )
    return _impossible(f"proposal-taken/{found.how}", draw.one(said), found, _taken(draw, other))


def secret_outside(draw: Draw) -> Part | None:
    """A confidential mail that should leave the company."""
    mail, person = draw.one(draw.box.secrets), draw.one(draw.box.outsiders)
    found, text = spoken(draw, mail), draw.one(FORWARDS)
    said = (
        f'Forward {found.words} to {person.name} of {person.team} with the text "{text}"',
        f'{person.name} of {person.team} should have {found.words}: forward it and write "{text}" above it',
        f'Pass {found.words} on to {person.name} ({person.team}) by forwarding it; write "{text}"',
    )
    return _impossible(f"confidential/{found.how}", draw.one(said), found, Way(phrases=(person.name, text)))


def no_contact(draw: Draw) -> Part | None:
    """A contact that is not there."""
    known = {one.name for one in (*draw.box.insiders, *draw.box.twins, *draw.box.outsiders)}
    first, last = (draw.some([one.name.split()[place] for one in draw.box.insiders], 1)[0] for place in (0, 1))
    name = f"{first} {last}"
    if name in known:
        return None
    number = f"0{draw.number(500, 900)} {draw.number(1000, 10000)}"
    said = (
        f"Change the phone number of the contact {name} to {number}",
        f"The contact {name} has a new number, {number}. Correct it",
        f"Correct the phone number of {name} in my contacts: {number}",
    )
    script = to_contact(draw.box.owner._replace(name=name)).script[:-1]
    nobody = Checkpoint("found nobody", path=r"/contacts\?.+", shows="No contact was found.")
    return _impossible("no-contact", draw.one(said), Way(script=script, checkpoints=(nobody,), phrases=(name, number)))


def no_draft(draw: Draw) -> Part | None:
    """A draft that is not there."""
    mail = draw.one(draw.box.requests)
    said = (
        f'Send the draft "{mail.subject}"',
        f'There should be a draft "{mail.subject}". Send it as it is',
        f'The draft "{mail.subject}" can go out; send it',
    )
    return _impossible("no-draft", draw.one(said), to_folder("Drafts"))


def invitation_taken(draw: Draw) -> Part | None:
    """An invitation to a time that is taken."""
    mail, invitation, _ = draw.one([one for one in draw.box.invitations if not one[2]])
    other = next(one for one in draw.box.events if not is_free([one], invitation.day, invitation.start, 60))
    found = spoken(draw, mail)
    said = (
        f"Accept the invitation in {found.words}; if my calendar does not allow it, leave the invitation as it is",
        f"Say yes to the invitation in {found.words}, but only if the time is free. Do not decline it",
        f"Accept what {found.words} invites me to. Should I have something else then, do nothing",
    )
    return _impossible(f"invitation-taken/{found.how}", draw.one(said), found, _taken(draw, other))
