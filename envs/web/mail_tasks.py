"""The tasks of `prm_gym/Mail-v0`: parts, put together by difficulty."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prm_gym.envs.web import mail_filing as filing
from prm_gym.envs.web import mail_keeping as keeping
from prm_gym.envs.web import mail_planning as planning
from prm_gym.envs.web import mail_questions as questions
from prm_gym.envs.web import mail_refusals as refusals
from prm_gym.envs.web import mail_writing as writing
from prm_gym.envs.web.mail_boxes import box
from prm_gym.envs.web.mail_parts import Case, Maker, Part
from prm_gym.envs.web.mail_rows import TABLES, WORLDS, Box, pick
from prm_gym.errors import RefusedError
from prm_gym.services import goal_of
from prm_gym.web import Checkpoint, Do, WebScenario, click

EASY: tuple[Maker, ...] = (
    *(filing.star, filing.archive, filing.bin_one, filing.recover, filing.unstar, filing.unarchive, filing.unsubscribe, filing.new_label, filing.drop_filter),
    *(
        writing.send_draft,
        writing.delete_draft,
        planning.cancel_event,
        planning.change_room,
        planning.change_reminder,
        keeping.signature,
        keeping.delete_contact,
    ),
    *(keeping.forwarding, planning.decline, filing.empty_bin, filing.unlabel),
)
EASY_QUESTIONS: tuple[Maker, ...] = (
    *(questions.booking, questions.sender_address, questions.attachment, questions.phone, questions.event_fact, questions.invitation_fact),
    *(questions.label_count, questions.binned_sender, questions.sender_name, refusals.no_such_mail, refusals.no_draft),
)
MEDIUM: tuple[Maker, ...] = (
    *(writing.reply, writing.reply_to_all, writing.forward, writing.forward_files, writing.new_mail, writing.draft, filing.label, filing.new_filter),
    *(
        filing.delete_for_good,
        planning.new_event,
        planning.new_event_with_room,
        planning.move_event,
        planning.invite_guest,
        planning.rename_event,
        planning.accept,
    ),
    *(keeping.change_phone, keeping.new_contact, keeping.away, keeping.change_team, writing.forward_secret_inside),
)
MEDIUM_QUESTIONS: tuple[Maker, ...] = (
    *(
        questions.unread_of,
        questions.count_of,
        questions.event_count,
        questions.first_event,
        questions.free_hour,
        questions.phone_of_sender,
        questions.real_address,
    ),
    *(refusals.no_mail_of, refusals.no_attachment, refusals.no_contact),
)
HARD: tuple[Maker, ...] = (
    *(filing.label_newsletters, filing.label_reports, filing.label_reports_by_title, filing.archive_newsletters, filing.bin_newsletters, filing.star_reports),
    *(filing.new_label_for, filing.bin_impostor, planning.event_from_mail, planning.move_from_mail, planning.cancel_from_mail, planning.respond_if_free),
    *(planning.new_event_earliest, planning.new_event_last, planning.new_event_with_guest, planning.new_event_with_reminder, writing.new_mail_to_twin),
    *(
        writing.new_mail_to_two,
        writing.write_from_contact,
        writing.reply_among_twins,
        writing.reply_to_hostile,
        writing.forward_hostile,
        keeping.change_twin_phone,
    ),
)
HARD_QUESTIONS: tuple[Maker, ...] = (
    *(questions.team_of_sender, questions.place_from_mail, questions.is_invited_free, refusals.time_taken, refusals.proposal_taken, refusals.secret_outside),
    refusals.invitation_taken,
)
STEPS = {1: 20, 2: 28, 3: 36, 4: 56, 5: 80}
_DONE = EASY + MEDIUM
LEVELS: Mapping[int, tuple[tuple[tuple[Maker, ...], ...], ...]] = {
    1: ((EASY,), (EASY,), (EASY_QUESTIONS,)),
    2: ((MEDIUM,), (MEDIUM,), (MEDIUM_QUESTIONS,)),
    3: ((HARD,), (HARD,), (HARD_QUESTIONS,)),
    4: ((EASY, MEDIUM), (MEDIUM, HARD), (EASY, MEDIUM_QUESTIONS), (MEDIUM, EASY_QUESTIONS)),
    5: ((EASY, MEDIUM, HARD), (HARD, HARD), (EASY, MEDIUM, HARD_QUESTIONS), (HARD, MEDIUM_QUESTIONS)),
}
MOST_PHRASES, MOST_WITH_QUESTION = 8, 4
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
    found: list[Part] = []
    for pool in pools:
        part = pick(case.rng, pool)(case)
        if part is None or any(one.touches & part.touches or one.kind.partition("/")[0] == part.kind.partition("/")[0] for one in found):
            return None
        found.append(part)
    phrases = {phrase for part in found for phrase in part.phrases}
    return found if len(phrases) <= (MOST_WITH_QUESTION if found[-1].answers else MOST_PHRASES) else None


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?", '."')) else f"{text}."


def _scenario(case: Case, parts: Sequence[Part]) -> WebScenario:
    boxed, works = case.box, [work for part in parts for work in part.works]
    goals = goal_of(TABLES, boxed.image, works) if works else []
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
