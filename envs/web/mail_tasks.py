"""The tasks of `prm_gym/Mail-v0`: parts, put together by difficulty."""

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prm_gym.claims import RowChange, Value
from prm_gym.envs.web import mail_dates as dates
from prm_gym.envs.web import mail_filing as filing
from prm_gym.envs.web import mail_keeping as keeping
from prm_gym.envs.web import mail_planning as planning
from prm_gym.envs.web import mail_questions as questions
from prm_gym.envs.web import mail_refusals as refusals
from prm_gym.envs.web import mail_writing as writing
from prm_gym.envs.web.mail_boxes import box
from prm_gym.envs.web.mail_parts import Case, Maker, Part, Work
from prm_gym.envs.web.mail_rows import TABLES, WORLDS, Box, pick
from prm_gym.errors import RefusedError
from prm_gym.services import Cell, Database
from prm_gym.web import Checkpoint, Do, WebScenario, click

EASY: tuple[Maker, ...] = (
    *(filing.star, filing.archive, filing.bin_one, filing.recover, filing.unstar, filing.unarchive, filing.unsubscribe, filing.new_label, filing.drop_filter),
    *(filing.empty_bin, filing.unlabel, writing.send_draft, writing.delete_draft, planning.cancel_event, planning.change_room, planning.change_reminder),
    *(planning.decline, keeping.signature, keeping.delete_contact, keeping.forwarding),
)
MEDIUM: tuple[Maker, ...] = (
    *(writing.reply, writing.reply_to_all, writing.forward, writing.forward_files, writing.forward_secret_inside, writing.new_mail, writing.draft),
    *(filing.label, filing.new_filter, filing.delete_for_good, planning.new_event, planning.new_event_with_room, planning.move_event, planning.invite_guest),
    *(planning.rename_event, planning.accept, keeping.change_phone, keeping.new_contact, keeping.away, keeping.change_team),
)
HARD: tuple[Maker, ...] = (
    *(filing.label_newsletters, filing.label_reports, filing.label_reports_by_title, filing.archive_newsletters, filing.bin_newsletters, filing.star_reports),
    *(filing.new_label_for, filing.bin_impostor, planning.event_from_mail, planning.move_from_mail, planning.cancel_from_mail, planning.respond_if_free),
    *(planning.new_event_earliest, planning.new_event_last, planning.new_event_with_guest, planning.new_event_with_reminder, keeping.change_twin_phone),
    *(writing.new_mail_to_twin, writing.new_mail_to_two, writing.write_from_contact, writing.reply_among_twins, writing.reply_to_hostile),
    *(writing.forward_hostile, writing.reply_in_conversation),
)
ASK_EASY: tuple[Maker, ...] = (
    *(questions.booking, questions.sender_address, questions.attachment, questions.phone, dates.event_fact, dates.invitation_fact),
    *(questions.label_count, questions.binned_sender, questions.sender_name, questions.sent_to, questions.draft_for),
)
ASK_MEDIUM: tuple[Maker, ...] = (
    *(questions.unread_of, questions.count_of, dates.event_count, dates.first_event, dates.free_hour, questions.team_of_sender),
    *(questions.latest_of, dates.only_guest, dates.guest_count, questions.real_address),
)
ASK_HARD: tuple[Maker, ...] = (
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
NOT_EASY: tuple[Maker, ...] = (refusals.no_such_mail, refusals.no_draft)
NOT_MEDIUM: tuple[Maker, ...] = (refusals.no_mail_of, refusals.no_attachment, refusals.no_contact)
NOT_HARD: tuple[Maker, ...] = (refusals.time_taken, refusals.proposal_taken, refusals.secret_outside, refusals.invitation_taken)
STEPS = {1: 20, 2: 28, 3: 36, 4: 56, 5: 80}
_Pools = tuple[tuple[Maker, ...], ...]


def _often(*pools: tuple[_Pools, int]) -> tuple[_Pools, ...]:
    """Each as often as its number says."""
    return tuple(one for one, count in pools for _ in range(count))


LEVELS: Mapping[int, tuple[_Pools, ...]] = {
    1: _often(((EASY,), 10), ((ASK_EASY,), 6), ((NOT_EASY,), 1)),
    2: _often(((MEDIUM,), 10), ((ASK_MEDIUM,), 6), ((NOT_MEDIUM,), 1)),
    3: _often(((HARD,), 10), ((ASK_HARD,), 6), ((NOT_HARD,), 1)),
    4: _often(((EASY, MEDIUM), 3), ((MEDIUM, HARD), 3), ((EASY, HARD), 3), ((EASY, ASK_MEDIUM), 3), ((MEDIUM, ASK_EASY), 3), ((EASY, NOT_MEDIUM), 1)),
    5: _often(((EASY, MEDIUM, HARD), 6), ((HARD, HARD), 3), ((EASY, MEDIUM, ASK_HARD), 3), ((HARD, ASK_MEDIUM), 3), ((MEDIUM, NOT_HARD), 1)),
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


class Facts(NamedTuple):
    """What the rules want to know of a task.

    Attributes:
        box: the mailbox.
        sends: addresses that mails and invitations may go to.
        deletes: mails may be deleted for good.
    """

    box: Box
    sends: frozenset[str]
    deletes: bool


def scenario_of(entropy: int, difficulty: int) -> WebScenario:
    """The task that a number stands for."""
    rng = np.random.default_rng((entropy, difficulty))
    case = Case(box(entropy % WORLDS), rng)
    while True:
        parts = _parts(case, pick(rng, LEVELS[difficulty]))
        if parts is None:
            continue
        try:
            return _scenario(case, parts)
        except RefusedError:  # two parts that cannot both be done
            continue


def _parts(case: Case, pools: Sequence[Sequence[Maker]]) -> list[Part] | None:
    """A part of each pool; None where no fitting one was drawn in a few tries."""
    found: list[Part] = []
    for pool in pools:
        drawn = (pick(case.rng, pool)(case) for _ in range(TRIES))
        part = next((part for part in drawn if part is not None and _fits(part, found)), None)
        if part is None:
            return None
        found.append(part)
    return found


def _fits(part: Part, before: Sequence[Part]) -> bool:
    """Whether a part can follow others: it does not disturb them, and all that is to be typed can be listed on a page."""
    phrases = {phrase for one in (*before, part) for phrase in one.phrases}
    return len(phrases) <= (MOST_WITH_QUESTION if part.answers else MOST_PHRASES) and not any(_disturbs(one, part) for one in before)


def _disturbs(one: Part, part: Part) -> bool:
    """Whether one part makes another unclear: they are about the same things, or the first changes what the second asks for."""
    if one.touches & part.touches or one.kind.partition("/")[0] == part.kind.partition("/")[0]:
        return True
    return bool(part.answers) and _area(part.kind) == _area(one.kind)


def _area(kind: str) -> str:
    found = next((area for area, beginnings in AREAS.items() if kind.startswith(beginnings)), "")
    return found or ("" if kind.startswith(("ask/", "impossible/")) else "mails")


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?", '."')) else f"{text}."


def _scenario(case: Case, parts: Sequence[Part]) -> WebScenario:
    boxed, works = case.box, [work for part in parts for work in part.works]
    goals = _goals(boxed, works) if works else []
    names = [f"done {part.kind} {place}" for part in parts for place in range(len(part.works))]
    names = [f"{name} of {place}" for place, name in enumerate(names)]
    points: dict[str, Checkpoint] = {point.name: point for part in parts for point in part.points}
    asked = parts[-1].answers
    script = [step for part in parts for step in part.script]
    if script[0] == click("link", "Mail"):  # the inbox is where it begins
        del script[0]
    wish = " ".join(_sentence(part.wish if place == 0 else pick(case.rng, _JOINS) + part.wish) for place, part in enumerate(parts))
    return WebScenario(
        kind="+".join(part.kind for part in parts),
        image=boxed.image,
        start="http://mail.test/mail/inbox",
        memory={"name": boxed.owner.name, "email": boxed.owner.email},
        now=boxed.now,
        wish=wish,
        goal={cell: value for goal in goals for cell, value in goal.items()},
        milestones={name: tuple(goal) for name, goal in zip(names, goals, strict=True)},
        checkpoints=tuple(points.values()),
        script=tuple(script if asked else [*script, Do("answer")]),
        passing={cell: values for part in parts for cell, values in part.passing.items()},
        required=frozenset(name for part in parts for name in part.required),
        answers=asked,
        phrases=tuple(dict.fromkeys(phrase for part in parts for phrase in part.phrases)),
        facts=Facts(boxed, frozenset().union(*(part.sends for part in parts)), any(part.deletes for part in parts)),
    )


class _Scratch(threading.local):
    """Databases of this thread on which goals are found out; opening one takes longer than all else that makes a task."""

    def __init__(self) -> None:
        self.databases: dict[int, Database] = {}


_scratch = _Scratch()


def _goals(boxed: Box, works: Sequence[Work]) -> list[dict[Cell, Value]]:
    """As `prm_gym.services.goal_of`, on a database that is kept: what was done is taken back.

    Raises:
        RefusedError: a work was refused.
    """
    database = _scratch.databases.get(boxed.number)
    if database is None:
        database = _scratch.databases[boxed.number] = Database(TABLES, boxed.image)
    try:
        touched = [{change.cell for change in database.transact(work)[1]} for work in works]
        final = {cell: now for cell, (_, now) in database.changed().items() if not database.is_free(cell)}
    finally:
        database.apply([RowChange(*change.cell, before=change.after, after=change.before) for change in database.changes()])
    return [{cell: final[cell] for cell in sorted(cells) if cell in final} for cells in touched]
