"""Wishes of `prm_gym/Mail-v0` about the address book and the settings."""

import datetime

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_parts import Draw, Part, form_point, to_contact
from prm_gym.envs.web.mail_rows import pick
from prm_gym.envs.web.mail_words import AWAY, FIRMS, FIRST, LAST, SIGNATURES
from prm_gym.web import Do, click, fill


def _phone(draw: Draw) -> str:
    return f"0{draw.number(500, 900)} {draw.number(1000, 10000)}"


def change_phone(draw: Draw) -> Part | None:
    """Another phone number of a contact."""
    person, phone = draw.one((*draw.box.insiders, *draw.box.outsiders)), _phone(draw)
    way, opened = to_contact(person)
    return Part(
        kind="contact/phone",
        wish=draw.say(
            f"Change the phone number of {person.name} in the contacts to {phone}",
            f"{person.name} has a new phone number: {phone}. Correct the contact",
            f"Correct the contact of {person.name}: the phone number is {phone}",
        ),
        works=(lambda db: store.save_contact(db, person.name, person.email, phone, person.team, person.id),),
        checkpoints=(opened, form_point(f"form {person.id}", rf"/contacts/{person.id}/edit")),
        script=(*way, click("link", "Edit"), fill("Phone", phone), click("button", "Save contact")),
        phrases=(person.name, phone),
        touches=(person.id,),
    )


def change_twin_phone(draw: Draw) -> Part | None:
    """Another phone number of one of two contacts of the same name."""
    person, phone = draw.one(draw.box.twins), _phone(draw)
    _, opened = to_contact(person)
    way = (click("link", "Contacts"), fill("Search contacts", person.name, "searchbox"), click("button", "Find"))
    first = min(draw.box.twins, key=lambda one: one.email)
    to = click("link", person.name) if person == first else click("link", person.name, near=f"{first.team} | {first.email}")
    return Part(
        kind="contact/same-name",
        wish=draw.say(
            f"Change the phone number of {person.name} of {person.team} to {phone}; mind that there are two of that name",
            f"The {person.name} who works in {person.team} has a new phone number: {phone}. Correct the contact",
            f"Correct the contact {person.name} (the one in {person.team}): the phone number is {phone}",
        ),
        works=(lambda db: store.save_contact(db, person.name, person.email, phone, person.team, person.id),),
        checkpoints=(opened, form_point(f"form {person.id}", rf"/contacts/{person.id}/edit")),
        script=(*way, to, click("link", "Edit"), fill("Phone", phone), click("button", "Save contact")),
        phrases=(person.name, phone),
        touches=(person.id,),
    )


def change_team(draw: Draw) -> Part | None:
    """Another firm of a contact."""
    person = draw.one(draw.box.outsiders)
    firm = draw.one([one for one in FIRMS if one != person.team])
    way, opened = to_contact(person)
    return Part(
        kind="contact/firm",
        wish=draw.say(
            f'{person.name} works for "{firm}" now: change that in the contacts, and nothing else',
            f'Correct the contact {person.name}: the firm is "{firm}", the rest stays',
            f'Set the firm of {person.name} in the contacts to "{firm}"',
        ),
        works=(lambda db: store.save_contact(db, person.name, person.email, person.phone, firm, person.id),),
        checkpoints=(opened, form_point(f"form {person.id}", rf"/contacts/{person.id}/edit")),
        script=(*way, click("link", "Edit"), fill("Team or firm", firm), click("button", "Save contact")),
        phrases=(person.name, firm),
        touches=(person.id,),
    )


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
    way, opened = to_contact(person)
    return Part(
        kind="contact/delete",
        wish=draw.say(
            f"Delete the contact {person.name}",
            f"Take {person.name} out of my contacts",
            f"I no longer need {person.name} in the address book: delete the contact",
        ),
        works=(lambda db: store.drop_contact(db, person.id),),
        checkpoints=(opened,),
        script=(*way, click("button", "Delete contact"), click("button", "Delete this contact")),
        phrases=(person.name,),
        touches=(person.id, person.name),
    )


def _setting(name: str) -> tuple[Do, ...]:
    return click("link", "Settings"), click("link", name)


def signature(draw: Draw) -> Part | None:
    """Another signature."""
    text = f"{draw.one(SIGNATURES)}, {draw.box.owner.name}"
    return Part(
        kind="settings/signature",
        wish=draw.say(
            f'Set my signature to "{text}"',
            f'My mails should end with the signature "{text}": change the setting',
            f'Change the signature in the settings to "{text}"',
        ),
        works=(lambda db: store.configure(db, signature=text),),
        checkpoints=(form_point("signature", "/settings/signature"),),
        script=(*_setting("Signature"), fill("Signature", text), click("button", "Save signature")),
        phrases=(text,),
        touches=("signature",),
    )


def away(draw: Draw) -> Part | None:
    """An answer while the owner is away."""
    first = datetime.date.fromisoformat(draw.box.today) + datetime.timedelta(days=draw.number(2, 20))
    last = (first + datetime.timedelta(days=draw.number(2, 15))).isoformat()
    text, start = draw.one(AWAY), first.isoformat()
    return Part(
        kind="settings/away",
        wish=draw.say(
            f'Turn on the out-of-office answer from {start} to {last} with the text "{text}"',
            f'I am away from {start} until {last} (last day). Set the out-of-office answer "{text}"',
            f'Set up my out-of-office: first day {start}, last day {last}, answer "{text}"',
        ),
        works=(lambda db: store.configure_away(db, True, start, last, text),),
        checkpoints=(form_point("away", "/settings/away"),),
        script=(
            *(*_setting("Out of office"), click("checkbox", "I am away"), fill("First day", start), fill("Last day", last), fill("Answer", text)),
            click("button", "Save out of office"),
        ),
        phrases=(start, last, text),
        touches=("away",),
    )


def forwarding(draw: Draw) -> Part | None:
    """All new mails go to another address, too."""
    person = draw.one(draw.box.insiders)
    return Part(
        kind="settings/forwarding",
        wish=draw.say(
            f"Forward all new mails to {person.email} (it is a setting)",
            f"Set the forwarding of new mails to {person.email}",
            f"While I am busy, {person.email} should get all new mails: set up the forwarding",
        ),
        works=(lambda db: store.configure_forwarding(db, person.email),),
        checkpoints=(form_point("forwarding", "/settings/forwarding"),),
        script=(*_setting("Forwarding"), fill("Forward all new mails to", person.email), click("button", "Save forwarding")),
        phrases=(person.email,),
        touches=("forwarding",),
    )
