"""The calls that Tables-v0 lists for an agent that chooses, and the wrong values and rows among them."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from prm_gym.claims import Json
from prm_gym.envs.tools.table_plans import Flaws, Plan, Step, made, plan
from prm_gym.sql import literal, same_conclusion
from prm_gym.tools import call_text

_WRONG_VALUES = 9


class Planted(NamedTuple):
    """A plan carried out with one flaw.

    Attributes:
        place: of the step with the flaw, from 0 on.
        flaw: its name.
        script: the tables with all intermediate tables.
        rows: the keys (first column) of the rows that are wrong, missing or too many in the table of that step.
        others: keys of rows of it that are right.
    """

    place: int
    flaw: str
    script: str
    rows: tuple[Json, ...]
    others: tuple[Json, ...]


@lru_cache(maxsize=256)
def planted(entropy: int, level: int) -> Planted:
    """The flaw that a number plants into the plan that it draws: one that leaves a row of the table right."""
    drawn = plan(entropy, level)
    rng = np.random.default_rng([entropy & 0xFFFFFFFF, level])
    pairs = [(place, flaw) for place, step in enumerate(drawn.steps) for flaw in step.flaws]
    for choice in rng.permutation(len(pairs)).tolist():
        place, flaw = pairs[choice]
        right = [(step.name, step.gold) for step in drawn.steps[:place]]
        step = drawn.steps[place]
        before = made(drawn.database, right)
        gold, found = before.rows(step.gold), before.rows(step.write(frozenset((flaw,))))
        if gold is None or found is None:
            continue
        rows, others = _told_apart(gold.rows, found.rows)
        if rows and others:
            rest = [(later.name, later.gold) for later in drawn.steps[place + 1 :]]
            script = made(drawn.database, [*right, (step.name, step.write(frozenset((flaw,)))), *rest]).script
            return Planted(place, flaw, script, rows, others)
    raise ValueError("every flaw touches every row")


def _told_apart(gold: Sequence[tuple[Json, ...]], found: Sequence[tuple[Json, ...]]) -> tuple[tuple[Json, ...], tuple[Json, ...]]:
    """The keys of wrong rows, and those of the others."""
    keys = dict.fromkeys([*(row[0] for row in gold), *(row[0] for row in found)])
    wrong = [key for key in keys if sorted(map(repr, (row for row in gold if row[0] == key))) != sorted(map(repr, (row for row in found if row[0] == key)))]
    return tuple(wrong), tuple(key for key in keys if key not in wrong)


@lru_cache(maxsize=256)
def values(entropy: int, level: int) -> tuple[float, tuple[float, ...]]:
    """The right answer, and answers to which flawed steps lead."""
    drawn = plan(entropy, level)
    rng = np.random.default_rng([entropy & 0xFFFFFFFF, level, 1])
    gold = _value(drawn, {})
    if gold is None:
        raise ValueError("the right steps give no answer")
    found: list[float] = []
    for _ in range(24):
        chosen = rng.permutation(len(drawn.steps))[: int(rng.integers(1, 3))].tolist()
        value = _value(drawn, {place: frozenset([drawn.steps[place].flaws[int(rng.integers(len(drawn.steps[place].flaws)))]]) for place in chosen})
        if value is not None and not any(same_conclusion((value,), (other,), 1e-3) for other in (gold, *found)):
            found.append(value)
        if len(found) == _WRONG_VALUES:
            break
    while len(found) < _WRONG_VALUES:
        found.append(round(gold * (1.25 + 0.25 * len(found)), 6))
    return gold, tuple(found)


def _value(drawn: Plan, flaws: dict[int, Flaws]) -> float | None:
    own = made(drawn.database, [(step.name, step.write(flaws.get(place, frozenset()))) for place, step in enumerate(drawn.steps)])
    rows = own.rows(drawn.final)
    value = rows.rows[0][0] if rows is not None and rows.rows else None
    return float(value) if isinstance(value, int | float) else None


def check(step: Step, flaws: Flaws = frozenset()) -> str:
    """A query that compares a table with what a version of its step makes of the tables before it: the rows that are in one of them alone, or more often.

    Args:
        step: it made the table.
        flaws: of the version; without any it is the right one.
    """
    names = ", ".join(step.columns)
    there = f"SELECT {names}, COUNT(*) AS times FROM {step.name} GROUP BY {names}"
    right = f"SELECT {names}, COUNT(*) AS times FROM ({step.write(flaws)}) GROUP BY {names}"
    return f"SELECT * FROM ({there} EXCEPT {right}) UNION ALL SELECT * FROM ({right} EXCEPT {there})"


def listed_steps(drawn: Plan, seed: tuple[int, int], done: int, right: bool, count: int, state_key: str) -> tuple[str, ...]:
    """The calls listed where a plan is carried out, in random order.

    Args:
        drawn: the plan.
        seed: entropy and level that drew it.
        done: how many steps have been made.
        right: all of them are right.
        count: most calls.
        state_key: decides what is drawn.
    """
    rng = np.random.default_rng(int(state_key, 16))
    gold, wrong = values(*seed)
    if done < len(drawn.steps):
        calls = _mixtures(drawn.steps[done])
        answers = [wrong[i] for i in rng.permutation(len(wrong))[:4].tolist()]
    else:
        calls = []
        answers = [*([gold] if right else []), *[wrong[i] for i in rng.permutation(len(wrong)).tolist()]][:8]
    last = drawn.steps[done - 1].name if done else drawn.skin.records
    tables = (drawn.skin.records, drawn.skin.places, last)
    looks = [call_text("query", sql=query) for name in dict.fromkeys(tables) for query in (f"SELECT * FROM {name}", f"SELECT COUNT(*) FROM {name}")]
    chosen = [*calls, *(call_text("answer", value=value) for value in answers), *looks][:count]
    return tuple(chosen[i] for i in rng.permutation(len(chosen)).tolist())


def _mixtures(step: Step) -> list[str]:
    """The step with every mixture of its flaws, the right one among them: none is told by its likeness to the others."""
    some = [frozenset(names) for size in range(len(step.flaws) + 1) for names in combinations(step.flaws, size)]
    return [call_text("step", name=step.name, sql=step.write(names)) for names in some]


def listed_finds(drawn: Plan, mistake: Planted, known: bool, count: int, state_key: str) -> tuple[str, ...]:
    """The calls listed where a mistake is looked for, in random order; the right answer is among them once a query has shown wrong rows alone.

    Args:
        drawn: the plan.
        mistake: what is planted.
        known: such a query was made.
        count: most calls.
        state_key: decides what is drawn.
    """
    rng = np.random.default_rng(int(state_key, 16))
    names = [step.name for step in drawn.steps]
    first, others = mistake.rows[0], [mistake.others[i] for i in rng.permutation(len(mistake.others))[:4].tolist()]
    another = names[(mistake.place + 1 + int(rng.integers(len(names) - 1))) % len(names)]
    pairs = [(name, key) for name in (names[mistake.place], another) for key in ([first] if known else []) + others]
    answers = [call_text("answer", step=name, row=key) for name, key in pairs]
    looks: list[str] = []
    for place, step in enumerate(drawn.steps):  # two versions of each, so that the checks do not tell which step differs from the right one
        flaw = mistake.flaw if place == mistake.place else step.flaws[int(rng.integers(len(step.flaws)))]
        looks += [call_text("query", sql=check(step, flaws)) for flaws in (frozenset[str](), frozenset((flaw,)))]
    tables = [drawn.skin.records, drawn.skin.places, *names]
    looks += [call_text("query", sql=f"SELECT COUNT(*) FROM {name}") for name in tables]
    chosen = [*answers, *looks][:count]
    return tuple(chosen[i] for i in rng.permutation(len(chosen)).tolist())


def key_text(key: Json) -> str:
    """A key as it is compared: numbers and texts by what they say."""
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    return key.strip() if isinstance(key, str) else literal(key)
