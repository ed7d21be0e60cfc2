"""The page that a number stands for."""

import msgspec

from prm_gym.envs.web.page_families import FAMILIES
from prm_gym.envs.web.page_plans import Draw, Plan

LEVELS = {1: 2, 2: 3, 3: 4, 4: 5, 5: 6}  # requirements by difficulty
_LONGEST = ("account", "converter", "counter", "keypad", "match", "notes", "signup", "todo", "votes")  # with as many as the last level wants


def plan_of(family: str, number: int) -> Plan:
    """The page of a family that a number stands for, with all of its requirements."""
    return FAMILIES[family](Draw(number))


def task_of(number: int, difficulty: int) -> tuple[str, Plan]:
    """The family and the page that a number stands for, with the requirements of a level."""
    draw = Draw(number)
    family = draw.one(sorted(FAMILIES) if LEVELS[difficulty] < 6 else _LONGEST)
    plan = plan_of(family, draw.number(0, 1 << 40))
    return family, msgspec.structs.replace(plan, features=plan.features[: LEVELS[difficulty]])
