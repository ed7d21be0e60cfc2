"""The tasks of `prm_gym/Mail-v0`: parts, put together by difficulty."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from prm_gym.envs.web import mail_dates as dates
from prm_gym.envs.web import mail_filing as filing
from prm_gym.envs.web import mail_keeping as keeping
from prm_gym.envs.web import mail_planning as planning
from prm_gym.envs.web import mail_questions as questions
from prm_gym.envs.web import mail_refusals as refusals
from prm_gym.envs.web import mail_writing as writing
from prm_gym.envs.web.mail_boxes import box
from prm_gym.envs.web.mail_parts import Draw
from prm_gym.envs.web.mail_rows import TABLES, WORLDS
from prm_gym.errors import RefusedError
from prm_gym.web import Beginning, Maker, Part, Row, WebScenario, click, drawn, joined, row_of

EASY: tuple[Maker[Draw], ...] = (
    *(filing.star, filing.archive, filing.bin_one, filing.recover, filing.unstar, filing.unarchive, filing.unsubscribe, filing.new_label, filing.drop_filter),
    *(filing.empty_bin, filing.unlabel, writing.send_draft, writing.delete_draft, planning.cancel_event, planning.change_room, planning.change_reminder),
    *(planning.decline, keeping.signature, keeping.delete_contact, keeping.forwarding),
)
MEDIUM: tuple[Maker[Draw], ...] = (
    *(writing.reply, writing.reply_to_all, writing.forward, writing.forward_files, writing.forward_secret_inside, writing.new_mail, writing.draft),
    *(filing.label, filing.new_filter, filing.delete_for_good, planning.new_event, planning.new_event_with_room, planning.move_event, planning.invite_guest),
    *(planning.rename_event, planning.accept, keeping.change_phone, keeping.new_contact, keeping.away, keeping.change_team),
)
HARD: tuple[Maker[Draw], ...] = (
    *(filing.label_newsletters, filing.label_reports, filing.label_reports_by_title, filing.archive_newsletters, filing.bin_newsletters, filing.star_reports),
    *(filing.new_label_for, filing.bin_impostor, planning.event_from_mail, planning.move_from_mail, planning.cancel_from_mail, planning.respond_if_free),
    *(planning.new_event_earliest, planning.new_event_last, planning.new_event_with_guest, planning.new_event_with_reminder, keeping.change_twin_phone),
    *(writing.new_mail_to_twin, writing.new_mail_to_two, writing.write_from_contact, writing.reply_among_twins, writing.reply_to_hostile),
    *(writing.forward_hostile, writing.reply_in_conversation),
)
ASK_EASY: tuple[Maker[Draw], ...] = (
    *(questions.booking, questions.sender_address, questions.attachment, questions.phone, dates.event_fact, dates.invitation_fact),
    *(questions.label_count, questions.binned_sender, questions.sender_name, questions.sent_to, questions.draft_for),
)
ASK_MEDIUM: tuple[Maker[Draw], ...] = (
    *(questions.unread_of, questions.count_of, dates.event_count, dates.first_event, dates.free_hour, questions.team_of_sender),
    *(questions.latest_of, dates.only_guest, dates.guest_count, questions.real_address),
)
ASK_HARD: tuple[Maker[Draw], ...] = (
    *(
        questions.phone_of_sender,
        dates.place_from_mail,
        dates.conflict,
        questions.dearest,
        questions.hostile_sender,
        dates.day_of_event,
        questions.conversation,
    ),
    dates.phone_of_guest,
)
NOT_EASY: tuple[Maker[Draw], ...] = (refusals.no_such_mail, refusals.no_draft)
NOT_MEDIUM: tuple[Maker[Draw], ...] = (refusals.no_mail_of, refusals.no_attachment, refusals.no_contact)
NOT_HARD: tuple[Maker[Draw], ...] = (refusals.time_taken, refusals.proposal_taken, refusals.secret_outside, refusals.invitation_taken)
STEPS = {1: 20, 2: 28, 3: 36, 4: 56, 5: 80}
LEVELS: Mapping[int, tuple[Row, ...]] = {
    1: (Row(10, (EASY,)), Row(6, (ASK_EASY,)), Row(1, (NOT_EASY,))),
    2: (Row(10, (MEDIUM,)), Row(6, (ASK_MEDIUM,)), Row(1, (NOT_MEDIUM,))),
    3: (Row(10, (HARD,)), Row(6, (ASK_HARD,)), Row(1, (NOT_HARD,))),
    4: (
        *(Row(3, (EASY, MEDIUM)), Row(3, (MEDIUM, HARD)), Row(3, (EASY, HARD)), Row(3, (EASY, ASK_MEDIUM)), Row(3, (MEDIUM, ASK_EASY))),
        Row(1, (EASY, NOT_MEDIUM)),
    ),
    5: (Row(6, (EASY, MEDIUM, HARD)), Row(3, (HARD, HARD)), Row(3, (EASY, MEDIUM, ASK_HARD)), Row(3, (HARD, ASK_MEDIUM)), Row(1, (MEDIUM, NOT_HARD))),
}
AREAS = {  # what a question is about, by the beginnings of kinds; what is not here asks for what does not change
    "calendar": (
        "event/",
        "invitation/",
        "ask/event",
        "ask/free-hour",
        "ask/invitation",
        "ask/phone/guest",
        "impossible/time",
        "impossible/proposal",
        "impossible/invit",
    ),
    "contacts": ("contact/", "ask/phone", "ask/firm", "ask/team", "ask/address", "ask/hostile", "impossible/no-contact"),
    "mails": (
        "ask/unread",
        "ask/count",
        "ask/label",
        "ask/latest",
        "ask/draft",
        "ask/sent",
        "impossible/no-draft",
        "impossible/no-mail",
        "impossible/no-sender",
    ),
}
MOST_PHRASES, MOST_WITH_QUESTION, TRIES = 8, 4, 6
_JOINS = ("Then: ", "After that: ", "And then: ")


def scenario_of(entropy: int, difficulty: int) -> WebScenario:
    """The task that a number stands for."""
    draw = Draw(np.random.default_rng((entropy, difficulty)), box(entropy % WORLDS))
    rows = LEVELS[difficulty]
    faces = sum(row.weight for row in rows)
    while True:
        parts = drawn(draw, row_of(rows, draw.number(0, faces) / faces).pools, _fits, TRIES)
        if parts is None:
            continue
        try:
            return _scenario(draw, parts)
        except RefusedError:  # two parts that cannot both be done
            continue


def _fits(part: Part, before: Sequence[Part]) -> bool:
    """Whether a part can follow others: it does not disturb them, and all that is to be typed can be listed on a page."""
    phrases = {phrase for one in (*before, part) for phrase in one.phrases}
    return len(phrases) <= (MOST_WITH_QUESTION if part.answers else MOST_PHRASES) and not any(_disturbs(one, part) for one in before)


def _disturbs(one: Part, part: Part) -> bool:
    """Whether one part makes another unclear: they are about the same things, or the first changes what the second asks for."""
    if set(one.touches) & set(part.touches) or one.kind.partition("/")[0] == part.kind.partition("/")[0]:
        return True
    return bool(part.answers) and _area(part.kind) == _area(one.kind)


def _area(kind: str) -> str:
    found = next((area for area, beginnings in AREAS.items() if kind.startswith(beginnings)), "")
    return found or ("" if kind.startswith(("ask/", "impossible/")) else "mails")


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?", '."')) else f"{text}."


def _scenario(draw: Draw, parts: Sequence[Part]) -> WebScenario:
    first, boxed = parts[0], draw.box
    if first.script[0] == click("link", "Mail"):  # the inbox is where it begins
        first = replace(first, script=first.script[1:])
    wish = " ".join(_sentence(part.wish if part is parts[0] else draw.one(_JOINS) + part.wish) for part in parts)
    beginning = Beginning(TABLES, boxed.image, "http://mail.test/mail/inbox", {"name": boxed.owner.name, "email": boxed.owner.email}, boxed.now)
    return joined(beginning, (first, *parts[1:]), wish, facts=boxed)
