"""The families of pages that may be asked for, by name."""

from collections.abc import Callable

from prm_gym.envs.web.page_families.arranging import paging, ranking, table
from prm_gym.envs.web.page_families.devices import counter, stopwatch
from prm_gym.envs.web.page_families.errands import shopping, todo
from prm_gym.envs.web.page_families.figures import converter, tip
from prm_gym.envs.web.page_families.games import match, votes
from prm_gym.envs.web.page_families.locks import keypad, login
from prm_gym.envs.web.page_families.panels import accordion, confirmation, tabs
from prm_gym.envs.web.page_families.picking import colour, month
from prm_gym.envs.web.page_families.records import account, quiz
from prm_gym.envs.web.page_families.signing import signup, wizard
from prm_gym.envs.web.page_families.writing import characters, notes
from prm_gym.envs.web.page_plans import Draw, Plan

FAMILIES: dict[str, Callable[[Draw], Plan]] = {
    "accordion": accordion,
    "account": account,
    "characters": characters,
    "colour": colour,
    "confirmation": confirmation,
    "converter": converter,
    "counter": counter,
    "keypad": keypad,
    "login": login,
    "match": match,
    "month": month,
    "notes": notes,
    "paging": paging,
    "quiz": quiz,
    "ranking": ranking,
    "shopping": shopping,
    "signup": signup,
    "stopwatch": stopwatch,
    "table": table,
    "tabs": tabs,
    "tip": tip,
    "todo": todo,
    "votes": votes,
    "wizard": wizard,
}
