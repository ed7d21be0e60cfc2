"""Which tasks of `prm_gym/Tracker-v0` there are at each difficulty, and tasks of several parts."""

import numpy as np

from prm_gym.envs.web import tracker_facts as facts
from prm_gym.envs.web import tracker_issue_tasks as issues
from prm_gym.envs.web import tracker_project_tasks as projects
from prm_gym.envs.web import tracker_questions as questions
from prm_gym.envs.web import tracker_wiki_tasks as wiki
from prm_gym.envs.web.tracker_rows import Company
from prm_gym.envs.web.tracker_tasks import Draw, scenario_from
from prm_gym.errors import ContractError
from prm_gym.web import Maker, Part, Row, WebScenario, drawn, row_of

Makers = tuple[Maker[Draw], ...]
CHANGES: dict[int, Makers] = {
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
ASKED: dict[int, Makers] = {
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
IMPOSSIBLE: Makers = (questions.impossible_issue, facts.impossible)
ROWS = {level: (Row(6, (IMPOSSIBLE,)), Row(30, (ASKED[level],)), Row(64, (CHANGES[level],))) for level in (1, 2, 3, 4)}
SHARE_WITH_QUESTION = 0.35  # of tasks of several parts
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


def _parts(draw: Draw) -> list[Part] | None:
    """The parts of a task; None where something that was drawn does not fit."""
    roll = draw.roll()
    if draw.level < 5:
        return drawn(draw, row_of(ROWS[draw.level], roll).pools)
    makers = draw.some(CHANGES[5], draw.number(2, 4))
    first = drawn(draw, [makers[:1]])
    draw.simple = True  # its values may have been changed by the part before
    more = first and drawn(draw, [[maker] for maker in makers[1:]])
    if not first or not more:
        return None
    if roll >= SHARE_WITH_QUESTION:
        return [*first, *more]
    question = drawn(draw, [ASKED[5]])  # in the place of the last change
    return question and [*first, *more[:-1], *question]
