"""Which tasks of `prm_gym/Tracker-v0` there are at each difficulty, and tasks of several parts."""

from collections.abc import Callable

import numpy as np

from prm_gym.envs.web import tracker_issue_tasks as issues
from prm_gym.envs.web.tracker_rows import Company
from prm_gym.envs.web.tracker_tasks import Draw, Part, scenario_from
from prm_gym.errors import ContractError
from prm_gym.web import WebScenario

Make = Callable[[Draw], Part | None]
CHANGES: dict[int, tuple[Make, ...]] = {
    1: (issues.change, issues.change, issues.create, issues.reopen),
    2: (issues.change, issues.create, issues.reopen, issues.link, issues.unlink, issues.duplicate),
    3: (issues.change, issues.create, issues.link, issues.duplicate),
    4: (issues.change, issues.create, issues.duplicate),
    5: (issues.change, issues.create, issues.duplicate, issues.link),
}
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
    first = draw.one(CHANGES[draw.level])(draw)
    return [] if first is None else [first]
