"""Wishes of `prm_gym/Mail-v0` about the address book and the settings."""

import datetime
from collections.abc import Sequence

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_parts import Draw, form_point, opened_contact, to_contact
from prm_gym.envs.web.mail_rows import Contact
from prm_gym.envs.web.mail_words import AWAY, FIRMS, FIRST, LAST, SIGNATURES
from prm_gym.web import Do, Part, Way, Work, click, fill


def _phone(draw: Draw) -> str:
    return f"0{draw.number(500, 900)} {draw.number(1000, 10000)}"


def _corrected(kind: str, wish: str, way: Way, person: Contact, field: str, value: str) -> Part:
    """A contact of which a field changes, as the person is given."""
    return Part(
        kind=kind,
        wish=wish,
        works=(lambda db: store.save_contact(db, person.name, person.email, person.phone, person.team, person.id),),
        checkpoints=(form_point(f"form {person.id}", rf"/contacts/{person.id}/edit"),),
        script=(click("link", "Edit"), fill(field, value), click("button", "Save contact")),
        phrases=(value,),
        touches=(person.id,),
    ).after(way)


def change_phone(draw: Draw) -> Part | None:
    """Another phone number of a contact."""
    person, phone = draw.one((*draw.box.insiders, *draw.box.outsiders)), _phone(draw)
    wish = draw.say(
        f"Change the phone number of {person.name} in the contacts to {phone}",
        f"{person.name} has a new phone number: {phone}. Correct the contact",
        f"Correct the contact of {person.name}: the phone number is {phone}",
    )
    return _corrected("contact/phone", wish, to_contact(person), person._replace(phone=phone), "Phone", phone)


def change_twin_phone(draw: Draw) -> Part | None:
    """Another phone number of one of two contacts of the same name."""
    person, phone = draw.one(draw.box.twins), _phone(draw)
    first = min(draw.box.twins, key=lambda one: one.email)
    to = click("link", person.name) if person == first else click("link", person.name, near=f"{first.team} | {first.email}")
    way = Way(script=(*to_contact(person).script[:-1], to), checkpoints=(opened_contact(person),), phrases=(person.name,))
    wish = draw.say(
        f"Change the phone number of {person.name} of {person.team} to {phone}; mind that there are two of that name",
        f"The {person.name} who works in {person.team} has a new phone number: {phone}. Correct the contact",
        f"Correct the contact {person.name} (the one in {person.team}): the phone number is {phone}",
    )
    return _corrected("contact/same-name", wish, way, person._replace(phone=phone), "Phone", phone)


def change_team(draw: Draw) -> Part | None:
    """Another firm of a contact."""
    person = draw.one(draw.box.outsiders)
    firm = draw.one([one for one in FIRMS if one != person.team])
    wish = draw.say(
        f'{person.name} works for "{firm}" now: change that in the contacts, and nothing else',
        f'Correct the contact {person.name}: the firm is "{firm}", the rest stays',
        f'Set the firm of {person.name} in the contacts to "{firm}"',
    )
    return _corrected("contact/firm", wish, to_contact(person), person._replace(team=firm), "Team or firm", firm)


def new_contact(draw: Draw) -> Part | None:
    """A new contact."""
    known = {one.name for one in (*draw.box.insiders, *draw.box.twins, *draw.box.outsiders)}
    name = draw.one([one for one in (f"{first} {last}" for first in FIRST for last in LAST) if one not in known])
    email, phone = f"{name.replace(' ', '.').lower()}@{draw.one(('gardenhouse', 'oldmill', 'bluegate'))}.test", _phone(draw)
    return Part(
        kind="contact/new",
        wish=draw.say(
            f'Add {name} to the contacts: address "{email}", phone "{phone}"',
            f"Make a new contact: the name is {name}, the address {email}, the phone number {phone}",
            f"I met {name} today. Keep the address {email} and the phone number {phone} in the contacts",
        ),
        works=(lambda db: store.save_contact(db, name, email, phone, ""),),
        checkpoints=(form_point("contact form", "/contacts/new"),),
        script=(
            *(click("link", "Contacts"), click("link", "New contact"), fill("Name", name), fill("Address", email), fill("Phone", phone)),
            click("button", "Save contact"),
        ),
        phrases=(name, email, phone),
        touches=(name,),
    )


def delete_contact(draw: Draw) -> Part | None:
    """A contact that is deleted."""
    person = draw.one((*draw.box.insiders, *draw.box.outsiders))
    return Part(
        kind="contact/delete",
        wish=draw.say(
            f"Delete the contact {person.name}",
            f"Take {person.name} out of my contacts",
            f"I no longer need {person.name} in the address book: delete the contact",
        ),
        works=(lambda db: store.drop_contact(db, person.id),),
        script=(click("button", "Delete contact"), click("button", "Delete this contact")),
        touches=(person.id, person.name),
    ).after(to_contact(person))


def _set(page: str, wish: str, work: Work, steps: Sequence[Do], *phrases: str) -> Part:
    """A setting on a page of its own."""
    name = {"Out of office": "away"}.get(page, page.lower())
    return Part(
        kind=f"settings/{name}",
        wish=wish,
        works=(work,),
        checkpoints=(form_point(name, f"/settings/{name}"),),
        script=(click("link", "Settings"), click("link", page), *steps, click("button", f"Save {page.lower()}")),
        phrases=phrases,
        touches=(name,),
    )


def signature(draw: Draw) -> Part | None:
    """Another signature."""
    text = f"{draw.one(SIGNATURES)}, {draw.box.owner.name}"
    wish = draw.say(
        f'Set my signature to "{text}"',
        f'My mails should end with the signature "{text}": change the setting',
        f'Change the signature in the settings to "{text}"',
    )
    return _set("Signature", wish, lambda db: store.configure(db, signature=text), (fill("Signature", text),), text)


def away(draw: Draw) -> Part | None:
    """An answer while the owner is away."""
    first = datetime.date.fromisoformat(draw.box.today) + datetime.timedelta(days=draw.number(2, 20))
    last = (first + datetime.timedelta(days=draw.number(2, 15))).isoformat()
    text, start = draw.one(AWAY), first.isoformat()
    wish = draw.say(
        f'Turn on the out-of-office answer from {start} to {last} with the text "{text}"',
        f'I am away from {start} until {last} (last day). Set the out-of-office answer "{text}"',
        f'Set up my out-of-office: first day {start}, last day {last}, answer "{text}"',
    )
    steps = (click("checkbox", "I am away"), fill("First day", start), fill("Last day", last), fill("Answer", text))
    return _set("Out of office", wish, lambda db: store.configure_away(db, True, start, last, text), steps, start, last, text)


def forwarding(draw: Draw) -> Part | None:
    """All new mails go to another address, too."""
    person = draw.one(draw.box.insiders)
    wish = draw.say(
        f"Forward all new mails to {person.email} (it is a setting)",
        f"Set the forwarding of new mails to {person.email}",
        f"While I am busy, {person.email} should get all new mails: set up the forwarding",
    )
    return _set("Forwarding", wish, lambda db: store.configure_forwarding(db, person.email), (fill("Forward all new mails to", person.email),), person.email)
