"""Wishes of `prm_gym/Mail-v0` that mails be put in order: stars, folders, labels, filters, the bin, newsletters."""

from collections.abc import Sequence

from prm_gym.envs.web import mail_store as store
from prm_gym.envs.web.mail_pages import when
from prm_gym.envs.web.mail_parts import Draw, finding, form_point, in_bin, mails_of, reading, searching, spoken, to_folder, to_mails
from prm_gym.envs.web.mail_rows import Mail
from prm_gym.envs.web.mail_words import LABELS, NEW_LABELS
from prm_gym.web import Checkpoint, Do, Part, Way, Work, choose, click, fill


def _one(draw: Draw) -> Mail:
    box = draw.box
    return draw.one((*box.requests[:5], *box.groups, *box.notes, *(booking.mail for booking in box.bookings)))


def _on_one(draw: Draw, kind: str, mail: Mail, phrasings: Sequence[str], button: str, work: Work, how: str = "") -> Part:
    found = spoken(draw, mail, how)
    return Part(
        kind=f"{kind}/{found.how}",
        wish=draw.one(phrasings).format(found.words),
        works=(work,),
        script=(click("button", button),),
        touches=(mail.id, *(("bin",) if button == "Move to bin" else ())),
    ).after(found)


def star(draw: Draw) -> Part | None:
    """A star."""
    mail = _one(draw)
    return _on_one(draw, "star", mail, ("Put a star on {}", "Star {}", "Mark {} with a star"), "Star", lambda db: store.star(db, [mail.id], 1))


def unstar(draw: Draw) -> Part | None:
    """A star that is taken off."""
    mail = draw.one(draw.box.archived[6:8])
    return _on_one(
        draw,
        "unstar",
        mail,
        ("Take the star off {}", "Remove the star of {}", "{} needs its star no longer; take it off"),
        "Remove star",
        lambda db: store.star(db, [mail.id], 0),
    )


def archive(draw: Draw) -> Part | None:
    """A mail for the archive."""
    mail = _one(draw)
    return _on_one(
        draw,
        "archive",
        mail,
        ("Archive {}", "Move {} to the archive", "Please put {} into the archive"),
        "Archive",
        lambda db: store.move(db, [mail.id], "archive"),
    )


def bin_one(draw: Draw) -> Part | None:
    """A mail for the bin."""
    mail = _one(draw)
    return _on_one(
        draw,
        "bin",
        mail,
        ("Move {} to the bin", "Throw {} into the bin", "I do not need {}: to the bin with it"),
        "Move to bin",
        lambda db: store.move(db, [mail.id], "bin"),
    )


def bin_impostor(draw: Draw) -> Part | None:
    """A mail of somebody who has the name of a contact, but another address."""
    mail = draw.one(draw.box.phishing)
    address = mail.sender
    return Part(
        kind="bin/look-alike",
        wish=draw.say(
            f"Somebody writes to me as {mail.name} from {address}, which is not their address. Move that mail to the bin",
            f"The mail from {address} is a fraud: move it to the bin, and leave the real mails of {mail.name} alone",
            f"Move the mail from the address {address} to the bin; it is not from {mail.name}",
        ),
        works=(lambda db: store.move(db, [mail.id], "bin"),),
        script=(click("link", mail.subject), click("button", "Move to bin")),
        touches=(mail.id, "bin"),
    ).after(Way(script=searching(address), checkpoints=(finding(mail), reading(mail)), phrases=(address,)))


def unarchive(draw: Draw) -> Part | None:
    """A mail that comes back from the archive."""
    mail = draw.one(draw.box.archived)
    return _on_one(
        draw,
        "unarchive",
        mail,
        ("Move {} from the archive back to the inbox", "{} should be in the inbox again", "Bring {} back into the inbox"),
        "Move to inbox",
        lambda db: store.move(db, [mail.id], "inbox"),
        "subject",
    )


def recover(draw: Draw) -> Part | None:
    """A mail that comes back from the bin."""
    mail = draw.one(draw.box.binned)
    return Part(
        kind="recover",
        wish=draw.say(
            f'I threw away the mail "{mail.subject}" from {mail.name} by mistake. Put it back into the inbox',
            f'Recover the mail "{mail.subject}" of {mail.name} from the bin: it belongs in the inbox',
            f'The mail "{mail.subject}" from {mail.name} is in the bin. Move it to the inbox',
        ),
        works=(lambda db: store.move(db, [mail.id], "inbox"),),
        script=(click("button", "Move to inbox"),),
        touches=(mail.id, "bin"),
    ).after(in_bin(mail))


def delete_for_good(draw: Draw) -> Part | None:
    """One mail that leaves the bin for good."""
    mail = draw.one(draw.box.binned)
    return Part(
        kind="delete-for-good",
        wish=draw.say(
            f'Delete the mail "{mail.subject}" from {mail.name} for good; it is in the bin already',
            f'In the bin is a mail "{mail.subject}" from {mail.name}. Delete it for good, and no other',
            f'The mail "{mail.subject}" of {mail.name} in the bin must be deleted for good',
        ),
        works=(lambda db: store.delete_for_good(db, [mail.id]),),
        script=(click("button", "Delete for good"), click("button", "Delete it for good")),
        touches=(mail.id, "bin"),
    ).after(in_bin(mail))


def empty_bin(draw: Draw) -> Part | None:
    """An empty bin."""
    return Part(
        kind="empty-bin",
        wish=draw.say("Empty the bin", "Delete everything that is in the bin for good", "The bin is full of old things. Empty it"),
        works=(store.empty_bin,),
        script=(click("button", "Empty the bin"), click("button", "Delete all for good")),
        touches=("bin",),
    ).after(to_folder("Bin"))


def label(draw: Draw) -> Part | None:
    """A label for a mail."""
    mail, name = draw.one((*draw.box.requests, *draw.box.groups)), draw.one(LABELS)
    found = spoken(draw, mail)
    return Part(
        kind=f"label/{found.how}",
        wish=draw.say(f'Put the label "{name}" on {found.words}', f'Give {found.words} the label "{name}"', f'File {found.words} under the label "{name}"'),
        works=(lambda db: store.label(db, [mail.id], f"L-{name.lower()}"),),
        script=(*_choosing(name), click("button", "Add label")),
        touches=(mail.id, "labels"),
    ).after(found)


def _choosing(name: str) -> tuple[Do, ...]:
    """The first label of the list stands there already."""
    return () if name <= min(LABELS) else (choose("Label", name),)


def unlabel(draw: Draw) -> Part | None:
    """A label that is taken off."""
    name = draw.one(("Travel", "Projects", "Family"))
    mail = draw.one(draw.box.labelled[name])
    found = spoken(draw, mail, "subject")
    return Part(
        kind="unlabel",
        wish=draw.say(
            f'Take the label "{name}" off {found.words}',
            f'Remove the label "{name}" from {found.words}',
            f'{found.words} should no longer have the label "{name}"',
        ),
        works=(lambda db: store.unlabel(db, [mail.id], f"L-{name.lower()}"),),
        script=(click("button", f"Remove label {name}"),),
        touches=(mail.id,),
    ).after(found)


def new_label(draw: Draw) -> Part | None:
    """A new label."""
    name = draw.one(NEW_LABELS)
    return Part(
        kind="new-label/empty",
        wish=draw.say(f'Create a label "{name}"', f'I need a new label. Call it "{name}"', f'Make a label with the name "{name}"; no mail gets it yet'),
        works=(lambda db: store.new_label(db, name),),
        touches=("labels",),
    ).after(_creating(name))


def _creating(name: str) -> Way:
    script = (click("link", "Mail"), click("link", "Labels"), fill("Name of the new label", name), click("button", "Create label"))
    return Way(script=script, checkpoints=(form_point("labels", "/labels"),), phrases=(name,))


def new_label_for(draw: Draw) -> Part | None:
    """A new label for a mail."""
    name, mail = draw.one(NEW_LABELS), draw.one(draw.box.requests)
    found = spoken(draw, mail)
    key = f"L-{store.slug(name)}"
    return Part(
        kind=f"new-label/{found.how}",
        wish=draw.say(
            f'Create the label "{name}" and put it on {found.words}',
            f'Make a new label "{name}" for {found.words}',
            f'{found.words} should get a new label "{name}"',
        ),
        works=(lambda db: store.new_label(db, name), lambda db: store.label(db, [mail.id], key)),
        script=(*_choosing(name), click("button", "Add label")),
        touches=(mail.id, "labels"),
    ).after(_creating(name), found)


def _many(kind: str, mails: Sequence[Mail], sender: str, wish: str, action: str) -> Part:
    """Something that is done with all mails of a sender."""
    ticks = tuple(click("checkbox", f"{mail.subject}, {mail.name}, {when(mail.sent)}") for mail in mails)
    keys = [mail.id for mail in mails]
    verb, _, label_name = action.partition(": ")
    works: dict[str, Work] = {
        "Label": lambda db: store.label(db, keys, f"L-{label_name.lower()}"),
        "Archive": lambda db: store.move(db, keys, "archive"),
        "Move to bin": lambda db: store.move(db, keys, "bin"),
        "Star": lambda db: store.star(db, keys, 1),
    }
    chosen = form_point(f"choice of {sender}", r"/search\?.+select=1.*")
    return Part(
        kind=kind,
        wish=wish,
        works=(works[verb],),
        checkpoints=(chosen,),
        script=(click("link", "Select several"), *ticks, choose("With the selected", action), click("button", "Apply")),
        touches=(*keys, *(["bin"] if action == "Move to bin" else [])),
    ).after(to_mails(sender, mails[0]))


def label_newsletters(draw: Draw) -> Part | None:
    """A label for all mails of a newsletter."""
    (name, _, mails), label_name = draw.one(draw.box.newsletters), draw.one(LABELS)
    wish = draw.say(
        f'File all mails of "{name}" under the label "{label_name}"',
        f'Every mail from "{name}" should have the label "{label_name}"',
        f'Put the label "{label_name}" on all mails that "{name}" has sent me',
    )
    return _many("label-all/newsletter", mails, name, wish, f"Label: {label_name}")


def label_reports(draw: Draw) -> Part | None:
    """A label for all mails of a person."""
    person, _ = draw.one(draw.box.reports)
    mails, label_name = mails_of(draw.box, person.name), draw.one(LABELS)
    if not 0 < len(mails) <= 6 or any(mail in draw.box.labelled[label_name] for mail in mails):
        return None
    name = mails[0].name
    wish = draw.say(
        f'Put the label "{label_name}" on all mails that {name} has sent me, wherever they are',
        f'File every mail from {name} under "{label_name}", the archived ones too',
        f'All mails by {name} need the label "{label_name}"',
    )
    return _many("label-all/person", mails, name, wish, f"Label: {label_name}")


def label_reports_by_title(draw: Draw) -> Part | None:
    """A label for all mails of one series."""
    (_, mails), label_name = draw.one(draw.box.reports), draw.one(LABELS)
    title = mails[0].subject.partition(",")[0]
    wish = draw.say(
        f'File all mails whose subject begins with "{title}" under the label "{label_name}"',
        f'The mails "{title}", all parts of them, should have the label "{label_name}"',
        f'Put the label "{label_name}" on each part of "{title}"',
    )
    return _many("label-all/series", mails, title, wish, f"Label: {label_name}")


def archive_newsletters(draw: Draw) -> Part | None:
    """All mails of a newsletter for the archive."""
    name, _, mails = draw.one(draw.box.newsletters)
    wish = draw.say(
        f'Archive all mails of "{name}"', f'Move every mail from "{name}" to the archive', f'All mails that came from "{name}" belong in the archive'
    )
    return _many("archive-all/newsletter", mails, name, wish, "Archive")


def bin_newsletters(draw: Draw) -> Part | None:
    """All mails of a newsletter for the bin."""
    name, _, mails = draw.one(draw.box.newsletters)
    wish = draw.say(
        f'Move all mails of "{name}" to the bin', f'Everything from "{name}" can go to the bin', f'Throw all mails that came from "{name}" into the bin'
    )
    return _many("bin-all/newsletter", mails, name, wish, "Move to bin")


def star_reports(draw: Draw) -> Part | None:
    """Stars for all mails of one series."""
    _, mails = draw.one(draw.box.reports)
    title = mails[0].subject.partition(",")[0]
    wish = draw.say(
        f'Put a star on all parts of "{title}"', f'Star every mail whose subject begins with "{title}"', f'Each mail of the series "{title}" should have a star'
    )
    return _many("star-all/series", mails, title, wish, "Star")


def unsubscribe(draw: Draw) -> Part | None:
    """A newsletter that ends."""
    place = draw.number(0, len(draw.box.newsletters))
    name, _, mails = draw.box.newsletters[place]
    mail = max(mails, key=lambda one: one.sent)
    return Part(
        kind="unsubscribe",
        wish=draw.say(
            f'Unsubscribe me from "{name}"', f'I no longer want the newsletter "{name}"', f'End my subscription to "{name}"; leave its old mails where they are'
        ),
        works=(lambda db: store.subscribe(db, f"N{place}", 0),),
        checkpoints=(Checkpoint(f"found way to unsubscribe from {name}", path=rf"/settings/newsletters|/read/({'|'.join(one.id for one in mails)})"),),
        script=(click("link", "Settings"), click("link", "Newsletters"), click("button", f"Unsubscribe from {name}")),
        phrases=(name,),
        touches=(f"newsletter {name}", mail.id),
    )


def new_filter(draw: Draw) -> Part | None:
    """A filter for mails that are to come."""
    person, name = draw.one(draw.box.outsiders), draw.one(LABELS)
    return Part(
        kind="filter/new",
        wish=draw.say(
            f'From now on all mails from {person.email} should get the label "{name}": make a filter',
            f'Set up a filter: mails from {person.email} get the label "{name}"',
            f'Create a filter that puts the label "{name}" on new mails from {person.email}',
        ),
        works=(lambda db: store.new_filter(db, person.email, f"L-{name.lower()}"),),
        checkpoints=(form_point("filters", "/settings/filters"),),
        script=(
            *(click("link", "Settings"), click("link", "Filters"), fill("Mails from", person.email)),
            *(() if name == min(LABELS) else (choose("Get the label", name),)),
            click("button", "Create filter"),
        ),
        phrases=(person.email,),
        touches=("filters", "labels"),
    )


def drop_filter(draw: Draw) -> Part | None:
    """A filter that is deleted."""
    sender = draw.box.bookings[0].mail.sender
    return Part(
        kind="filter/delete",
        wish=draw.say(
            f"Delete the filter for {sender}",
            f"Mails from {sender} are labelled by a filter. Delete it",
            f"I no longer want the filter for mails from {sender}",
        ),
        works=(lambda db: store.drop_filter(db, f"F-{sender}"),),
        checkpoints=(form_point("filters", "/settings/filters"),),
        script=(click("link", "Settings"), click("link", "Filters"), click("button", f"Delete filter for {sender}")),
        touches=("filters", "labels"),
    )
