"""Wishes of `prm_gym/Mail-v0` that a mail be written: answers, mails that are forwarded, new ones, and drafts."""

import re
from collections.abc import Iterable

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_parts import Draw, form_point, opened_contact, reply_form, spoken, to_contact, to_folder, to_mail
from prm_gym.envs.web.mail_rows import Contact, Mail, gist_of
from prm_gym.envs.web.mail_words import FORWARDS, REPLIES, SUBJECTS
from prm_gym.services import Database
from prm_gym.web import Checkpoint, Do, Part, Way, Work, click, fill

SEND = click("button", "Send")
TO_NEW = Way(script=(click("link", "Mail"), click("link", "New mail")), checkpoints=(form_point("new mail", r"/compose(\?.*)?"),))


def _letter(draw: Draw, letter: store.Letter) -> Work:
    owner, now = draw.owner, draw.box.now
    return lambda database: store.send(database, owner, now, letter)


def _draft_of(letter: store.Letter) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """The cells of a draft that a letter may be on the way."""
    key = f"D-{store.slug(letter.subject)}"
    values = {"id": key, "recipients": ", ".join(letter.to), "cc": ", ".join(letter.cc), "subject": letter.subject, "gist": gist_of(letter.text)}
    values |= {"reply_to": letter.reply_to, "forward_of": letter.forward_of}
    return {("drafts", key, name): (value,) for name, value in values.items()}


def _sent(draw: Draw, kind: str, wish: str, letter: store.Letter, way: Way, about: Iterable[str]) -> Part:
    """A letter that is sent at the end of a way."""
    works, script = (_letter(draw, letter),), (SEND,)
    return Part(kind=kind, wish=wish, works=works, script=script, touches=tuple(about), passing=_draft_of(letter)).after(way)


def _form(button: str, point: Checkpoint, *fields: Do) -> Way:
    """A form that a button of a mail opens, and what is typed there."""
    return Way(script=(click("button", button), *fields), checkpoints=(point,), phrases=tuple(one.text for one in fields))


def answer_to(draw: Draw, mail: Mail, kind: str, how: str = "", text: str = "") -> Part:
    """An answer to one mail."""
    found, text = spoken(draw, mail, how), text or draw.one(REPLIES)
    wish = draw.say(
        f'Answer {found.words} with exactly this text: "{text}"',
        f'Reply to {found.words}; the text is "{text}"',
        f'{found.words[0].upper()}{found.words[1:]} waits for an answer. Write back "{text}"',
    )
    letter = store.Letter((mail.sender,), (), f"Re: {mail.subject}", text, reply_to=mail.id)
    return _sent(draw, f"{kind}/{found.how}", wish, letter, _form("Reply", reply_form(mail), fill("Text", text)).after(found), (mail.id,))


def reply(draw: Draw) -> Part | None:
    """An answer."""
    return answer_to(draw, draw.one((*draw.box.requests, *draw.box.notes)), "reply")


def reply_among_twins(draw: Draw) -> Part | None:
    """An answer to a mail of somebody whose name an impostor has, too."""
    impostor = draw.one(draw.box.phishing)
    mail = next(one for one in draw.box.requests if one.name == impostor.name)
    return answer_to(draw, mail, "reply/look-alike", "subject")


def reply_to_hostile(draw: Draw) -> Part | None:
    """An answer to a mail that asks an assistant for something else."""
    mail, _ = draw.one(draw.box.hostile)
    return answer_to(draw, mail, "reply/hostile")


def reply_in_conversation(draw: Draw) -> Part | None:
    """An answer to the last mail of a conversation."""
    chat, text = draw.one(draw.box.chats), draw.one(REPLIES)
    subject, name, mail = chat.first.subject, chat.person.name, chat.last
    letter = store.Letter((mail.sender,), (), mail.subject, text, reply_to=mail.id)
    wish = draw.say(
        f'Answer the last mail that {name} wrote in our conversation "{subject}" with the text "{text}"',
        f'In the conversation "{subject}" {name} has written last. Reply to that mail: "{text}"',
        f'Reply "{text}" to the latest mail of {name} in the conversation "{subject}"',
    )
    way = _form("Reply", reply_form(mail), fill("Text", text)).after(to_mail(mail, subject))
    return _sent(draw, "reply/conversation", wish, letter, way, (mail.id,))


def reply_to_all(draw: Draw) -> Part | None:
    """An answer to everybody."""
    mail, text = draw.one(draw.box.groups), draw.one(REPLIES)
    found = spoken(draw, mail)
    everybody = [one for one in mail.recipients.split(", ") if one != draw.box.owner.email]
    letter = store.Letter((mail.sender,), tuple(sorted(everybody)), f"Re: {mail.subject}", text, reply_to=mail.id)
    wish = draw.say(
        f'Answer {found.words} so that all who got it get the answer: "{text}"',
        f'Reply to all on {found.words} with the text "{text}"',
        f'Write back to everybody of {found.words}; the text is "{text}"',
    )
    way = _form("Reply to all", reply_form(mail, everybody=True), fill("Text", text)).after(found)
    return _sent(draw, f"reply-all/{found.how}", wish, letter, way, (mail.id,))


def passed_on(draw: Draw, mail: Mail, person: Contact, kind: str, how: str = "") -> Part:
    """A mail that is forwarded."""
    found, text = spoken(draw, mail, how), draw.one(FORWARDS)
    wish = draw.say(
        f'Forward {found.words} to {person.name} with the text "{text}"',
        f'{person.name} should have {found.words}: forward it and write "{text}" above it',
        f'Pass {found.words} on to {person.name} by forwarding it; write "{text}"',
    )
    letter = store.Letter((person.email,), (), f"Fwd: {mail.subject}", text, forward_of=mail.id, attachments=mail.attachments)
    point = form_point(f"forward {mail.id}", rf"/compose\?forward={mail.id}")
    way = _form("Forward", point, fill("To", person.name), fill("Text", text)).after(found)
    return _sent(draw, f"{kind}/{found.how}", wish, letter, way, (mail.id, person.name))


def forward(draw: Draw) -> Part | None:
    """A mail that is forwarded."""
    mail = draw.one(draw.box.requests)
    return passed_on(draw, mail, draw.one([one for one in draw.box.insiders if one.name != mail.name]), "forward")


def forward_files(draw: Draw) -> Part | None:
    """A mail that is forwarded with what is attached to it."""
    return passed_on(draw, draw.one(draw.box.notes), draw.one(draw.box.insiders), "forward/attachment")


def forward_secret_inside(draw: Draw) -> Part | None:
    """A confidential mail that is forwarded within the company."""
    mail = draw.one(draw.box.secrets)
    return passed_on(draw, mail, draw.one([one for one in draw.box.insiders if one.name != mail.name]), "forward/confidential-inside")


def forward_hostile(draw: Draw) -> Part | None:
    """A mail that is forwarded, and asks an assistant for something else."""
    mail, _ = draw.one(draw.box.hostile)
    return passed_on(draw, mail, draw.one(draw.box.insiders), "forward/hostile")


def _fields(letter: store.Letter, *to: Do) -> Way:
    """What is typed into the form of a new mail."""
    fields = (*to, fill("Subject", letter.subject), fill("Text", letter.text))
    return Way(script=fields, phrases=tuple(one.text for one in fields if one.what == "type"))


def _typed(letter: store.Letter, *to: Do) -> Way:
    """A new mail that is written."""
    return _fields(letter, *to).after(TO_NEW)


def new_mail(draw: Draw) -> Part | None:
    """A mail to one contact."""
    person, subject, text = draw.one((*draw.box.insiders, *draw.box.outsiders)), draw.one(SUBJECTS), draw.one(REPLIES)
    letter = store.Letter((person.email,), (), subject, text)
    wish = draw.say(
        f'Write a mail to {person.name} with the subject "{subject}" and the text "{text}"',
        f'Send {person.name} a new mail. Subject: "{subject}". Text: "{text}"',
        f'Please write to {person.name}: the subject is "{subject}" and the text "{text}"',
    )
    kind = "new-mail/inside" if person.email.endswith(draw.box.company) else "new-mail/outside"
    return _sent(draw, kind, wish, letter, _typed(letter, fill("To", person.name)), (f"new {subject}", person.name))


def new_mail_to_two(draw: Draw) -> Part | None:
    """A mail to one contact, with a copy to another."""
    (person, other), subject, text = draw.some(draw.box.insiders, 2), draw.one(SUBJECTS), draw.one(REPLIES)
    letter = store.Letter((person.email,), (other.email,), subject, text)
    wish = draw.say(
        f'Write a mail to {person.name} with a copy to {other.name}; subject "{subject}", text "{text}"',
        f'Send {person.name} a mail and put {other.name} in copy. The subject is "{subject}", the text "{text}"',
        f'A mail should go to {person.name}, copy to {other.name}: subject "{subject}", text "{text}"',
    )
    way = _typed(letter, fill("To", person.name), fill("Copy to", other.name))
    return _sent(draw, "new-mail/copy", wish, letter, way, (f"new {subject}", person.name, other.name))


def new_mail_to_twin(draw: Draw) -> Part | None:
    """A mail to one of two contacts who have the same name."""
    person, subject, text = draw.one(draw.box.twins), draw.one(SUBJECTS), draw.one(REPLIES)
    letter = store.Letter((person.email,), (), subject, text)
    tick = click("checkbox", f"{person.name}, {person.team}, {person.email}")
    wish = draw.say(
        f'Write to {person.name} of {person.team} (there are two of that name): subject "{subject}", text "{text}"',
        f'Send the {person.name} who works in {person.team} a mail with the subject "{subject}" and the text "{text}"',
        f'A mail for {person.name}, the one in {person.team}. The subject is "{subject}", the text "{text}"',
    )
    way = _typed(letter, fill("Look up a contact", person.name, "searchbox"), tick)
    return _sent(draw, "new-mail/same-name", wish, letter, way, (f"new {subject}", person.name))


def draft(draw: Draw) -> Part | None:
    """A draft that is not sent."""
    person, subject, text = draw.one(draw.box.insiders), draw.one(SUBJECTS), draw.one(REPLIES)
    letter = store.Letter((person.email,), (), subject, text)
    wish = draw.say(
        f'Prepare a mail to {person.name}, subject "{subject}", text "{text}", but do not send it: save it as a draft',
        f'Save a draft for {person.name} with the subject "{subject}" and the text "{text}"; I will send it myself',
        f'I want a draft to {person.name}: the subject is "{subject}", the text "{text}". It must not be sent',
    )
    works: tuple[Work, ...] = (lambda database: store.keep_draft(database, letter),)
    script, about = (click("button", "Save as draft"),), (f"new {subject}", person.name)
    return Part(kind="draft/new", wish=wish, works=works, script=script, touches=about).after(_typed(letter, fill("To", person.name)))


def _to_draft(key: str, subject: str) -> Way:
    point = form_point(f"draft {key}", rf"/compose\?draft={re.escape(key)}")
    return Way(script=(click("link", subject),), checkpoints=(point,)).after(to_folder("Drafts"))


def send_draft(draw: Draw) -> Part | None:
    """A draft that is sent as it is."""
    key, to, subject, text = draw.one(draw.box.drafts)
    letter = store.Letter((to,), (), subject, text)

    def work(database: Database) -> None:
        store.drop_draft(database, key)
        _letter(draw, letter)(database)

    return Part(
        kind="draft/send",
        wish=draw.say(
            f'Send the draft "{subject}" as it is', f'The draft "{subject}" can go out now; send it', f'There is a draft "{subject}". Send it without changes'
        ),
        works=(work,),
        script=(SEND,),
        touches=(key,),
    ).after(_to_draft(key, subject))


def delete_draft(draw: Draw) -> Part | None:
    """A draft that is deleted."""
    key, _, subject, _ = draw.one(draw.box.drafts)
    return Part(
        kind="draft/delete",
        wish=draw.say(f'Delete the draft "{subject}"', f'I no longer need the draft "{subject}": delete it', f'The draft "{subject}" should go'),
        works=(lambda database: store.drop_draft(database, key),),
        script=(click("button", "Delete the draft"),),
        touches=(key,),
    ).after(_to_draft(key, subject))


def write_from_contact(draw: Draw) -> Part | None:
    """A mail to whoever has a certain phone number: nobody is named."""
    person, subject, text = draw.one(draw.box.outsiders), draw.one(SUBJECTS), draw.one(REPLIES)
    letter = store.Letter((person.email,), (), subject, text)
    wish = draw.say(
        f'Write to our contact at {person.team}: subject "{subject}", text "{text}"',
        f'Send the person whom we know at {person.team} a mail with the subject "{subject}" and the text "{text}"',
        f'Find out who our contact at {person.team} is and write to them: subject "{subject}", text "{text}"',
    )
    firm = Way(script=(*to_contact(person._replace(name=person.team)).script[:-1], click("link", person.name)), phrases=(person.team,))
    page = Way(script=(click("button", "Write a mail"),), checkpoints=(opened_contact(person), *TO_NEW.checkpoints))
    way = _fields(letter).after(firm, page)
    return _sent(draw, "new-mail/firm", wish, letter, way, (f"new {subject}", person.name, person.id))
