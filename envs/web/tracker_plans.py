"""Which tasks of `prm_gym/Tracker-v0` there are at each difficulty, and tasks of several parts."""

from collections.abc import Callable

import numpy as np

from prm_gym.envs.web import tracker_facts as facts
from prm_gym.envs.web import tracker_issue_tasks as issues
from prm_gym.envs.web import tracker_project_tasks as projects
from prm_gym.envs.web import tracker_questions as questions
from prm_gym.envs.web import tracker_wiki_tasks as wiki
from prm_gym.envs.web.tracker_rows import Company
from prm_gym.envs.web.tracker_tasks import Draw, Part, scenario_from
from prm_gym.errors import ContractError
from prm_gym.web import WebScenario

Make = Callable[[Draw], Part | None]
CHANGES: dict[int, tuple[Make, ...]] = {
    1: (issues.change, issues.change, issues.create, issues.reopen, projects.notices),
    2: (issues.change, issues.change, issues.create, issues.reopen, issues.link, issues.unlink, issues.duplicate, projects.member, projects.notices),
    3: (
        *(issues.change, issues.change, issues.create, issues.link, issues.duplicate, projects.milestone, projects.milestone_date, projects.label),
        *(projects.label, projects.member, projects.bulk_some, projects.board, wiki.correct, wiki.add_section, wiki.new_page, wiki.rename, wiki.restore),
    ),
    4: (
        *(issues.change, issues.change, issues.create, issues.duplicate, projects.bulk, projects.bulk, projects.bulk_some, projects.board, projects.milestone),
        *(wiki.apply, wiki.apply, wiki.restore, wiki.correct),
    ),
    5: (
        issues.change,
        issues.create,
        issues.duplicate,
        issues.link,
        projects.bulk,
        projects.label,
        projects.milestone,
        wiki.apply,
        wiki.correct,
        wiki.new_page,
    ),
}
ASKED: dict[int, tuple[Make, ...]] = {
    1: (questions.field, questions.field, questions.closing, questions.comments, facts.about, facts.helped),
    2: (questions.field, questions.closing, questions.comments, questions.blocker, facts.about, facts.wiki, facts.services, questions.in_review),
    3: (
        questions.field,
        questions.closing,
        questions.blocker,
        questions.count,
        questions.extreme,
        facts.wiki,
        facts.services,
        facts.wiki,
        facts.services,
        facts.about,
    ),
    4: (questions.closing, questions.blocker, questions.count, questions.count, questions.extreme, facts.wiki, facts.services, questions.comments),
    5: (questions.count, questions.extreme, facts.wiki, facts.services, questions.blocker),
}
IMPOSSIBLE: tuple[Make, ...] = (questions.impossible_issue, facts.impossible)
SHARE_ASKED, SHARE_IMPOSSIBLE = 0.3, 0.06
MOST_TRIES = 400


def plan_of(rng: np.random.Generator, company: Company, level: int) -> WebScenario:
    """Draw a task.

    Args:
        rng: random.
        company: whose task it is.
        level: how hard it is, 1..5.

    Raises:
        ContractError: none was found.
    """
    for _ in range(MOST_TRIES):
        draw = Draw(rng, company, level)
        parts = _parts(draw)
        if parts:
            return scenario_from(company, parts)
    raise ContractError(f"no task of difficulty {level} was found")


def _parts(draw: Draw) -> list[Part]:
    """The parts of a task; none where something that was drawn does not fit."""
    kind = draw.rng.random()
    if draw.level < 5:
        makes = IMPOSSIBLE if kind < SHARE_IMPOSSIBLE else ASKED[draw.level] if kind < SHARE_IMPOSSIBLE + SHARE_ASKED else CHANGES[draw.level]
        first = draw.one(makes)(draw)
        return [] if first is None else [first]
    count = int(draw.rng.integers(2, 4))
    found: list[Part] = []
    for place, make in enumerate(draw.some(CHANGES[5], count)):
        draw.simple = place > 0  # its values may have been changed by the part before
        part = make(draw)
        if part is None:
            return []
        found.append(part)
    if kind < 0.35:
        question = draw.one(ASKED[5])(draw)
        return [] if question is None else [*found[: count - 1], question]
    return found
