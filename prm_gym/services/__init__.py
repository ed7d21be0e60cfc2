"""Stateful services: a database, tools that work on it, a policy, somebody who wants something, and a state that is wanted in the end.

A domain (a shop, a calendar) gives its tables, operations, rules, listener and scenarios to a subclass of `ServiceEnv`; everything else is here. The
claims are `prm_gym.claims.StateStep`, which the verifier `state` judges.
"""

from prm_gym.services.corruption import KINDS, Corrupted, corrupted
from prm_gym.services.database import Cell, Database, Row, Rows, Table, new_image
from prm_gym.services.environment import ServiceEnv
from prm_gym.services.listening import asked_in, asks_openly, leaves_open, negates, parted, plain, refuses, times_in
from prm_gym.services.pursuit import Pursuit
from prm_gym.services.scenario import Operation, Reply, Scenario, ScriptStep, goal_in, goal_of, read_key
from prm_gym.services.variations import variations

__all__ = [
    "KINDS",
    "Cell",
    "Corrupted",
    "Database",
    "Operation",
    "Pursuit",
    "Reply",
    "Row",
    "Rows",
    "Scenario",
    "ScriptStep",
    "ServiceEnv",
    "Table",
    "asked_in",
    "asks_openly",
    "corrupted",
    "goal_in",
    "goal_of",
    "leaves_open",
    "negates",
    "new_image",
    "parted",
    "plain",
    "read_key",
    "refuses",
    "times_in",
    "variations",
]
