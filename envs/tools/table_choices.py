"""The calls that Tables-v0 lists for an agent that chooses, and the wrong values and rows among them."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple, TypeVar

import numpy as np

from prm_gym.claims import Json
from prm_gym.envs.tools.table_plans import LEAST_MOVE, Flaws, Plan, Step, answer, made, mixtures, plan
from prm_gym.sql import literal, same_conclusion
from prm_gym.tools import call_text

_Value = TypeVar("_Value")
_EARLY, _LATE = 4, 8  # wrong answers that are listed before all tables are made, and after with one to spare
_POOL = 20  # wrong answers of which these are chosen


class Planted(NamedTuple):
    """A plan carried out with one flaw.

    Attributes:
        place: of the step with the flaw, from 0 on.
        flaw: its name.
        script: the tables with all intermediate tables.
        rows: the keys (first column) of the rows that are wrong, missing or too many in the table of that step.
        others: keys of rows of it that are right.
        answers: those that are listed once a wrong row was shown: of every step some rows of its own table; the first row of `rows` is the only right one.
        early: those that are listed before, all of them wrong, and none of them among `answers`.
        checked: a flaw of each step; of the step with the flaw that one.
    """

    place: int
    flaw: str
    script: str
    rows: tuple[Json, ...]
    others: tuple[Json, ...]
    answers: tuple[tuple[str, Json], ...]
    early: tuple[tuple[str, Json], ...]
    checked: tuple[str, ...]


@lru_cache(maxsize=256)
def planted(entropy: int, level: int) -> Planted:
    """The flaw that a number plants into the plan that it draws: one that leaves rows of the table right.

    A step is the more often wrong the more of its rows are listed, so that no listed row is a better guess than another.
    """
    drawn = plan(entropy, level)
    rng = np.random.default_rng([entropy & 0xFFFFFFFF, level])
    pairs = [(place, flaw) for place, step in enumerate(drawn.steps) for flaw in step.flaws]
    weights = np.array([_keys_of(drawn.steps[place], drawn) / len(drawn.steps[place].flaws) for place, _ in pairs])
    for choice in rng.choice(len(pairs), size=len(pairs), replace=False, p=weights / weights.sum()).tolist():
        place, flaw = pairs[choice]
        right = [(step.name, step.gold) for step in drawn.steps[:place]]
        step = drawn.steps[place]
        before = made(drawn.database, right)
        gold, found = before.rows(step.gold), before.rows(step.write(frozenset((flaw,))))
        if gold is None or found is None:
            continue
        rows, others = (_shuffled(keys, rng) for keys in _told_apart(gold.rows, found.rows))
        if rows and len(others) >= _keys_of(step, drawn) - 1 + _early_of(step, drawn):
            rest = [(later.name, later.gold) for later in drawn.steps[place + 1 :]]
            own = made(drawn.database, [*right, (step.name, step.write(frozenset((flaw,)))), *rest])
            answers: list[tuple[str, Json]] = []
            early: list[tuple[str, Json]] = []
            for number, listed in enumerate(drawn.steps):
                keys = own.rows(f"SELECT DISTINCT {listed.columns[0]} FROM {listed.name} WHERE {listed.columns[0]} IS NOT NULL ORDER BY 1")
                chosen = (rows[0], *others) if number == place else _shuffled([row[0] for row in keys.rows] if keys is not None else [], rng)
                last = _keys_of(listed, drawn)
                answers += [(listed.name, key) for key in chosen[:last]]
                early += [(listed.name, key) for key in chosen[last : last + _early_of(listed, drawn)]]
            checked = tuple(flaw if number == place else _shuffled(other.flaws, rng)[0] for number, other in enumerate(drawn.steps))
            return Planted(place, flaw, own.script, rows, others, tuple(answers), tuple(early), checked)
    raise ValueError("every flaw touches every row")


def _keys_of(step: Step, drawn: Plan) -> int:
    """How many rows of its table are listed: as many wherever the mistake is."""
    if step.columns[0] == "id":
        return {2: 9, 3: 5, 4: 4, 5: 3}[len(drawn.steps)]
    return 2 if step.columns[0] == drawn.skin.region else 3


def _early_of(step: Step, drawn: Plan) -> int:
    """How many rows of its table are listed before; none of small tables."""
    return {2: 5, 3: 3, 4: 2, 5: 2}[len(drawn.steps)] if step.columns[0] == "id" else 0


def _shuffled(values: Sequence[_Value], rng: np.random.Generator) -> tuple[_Value, ...]:
    return tuple(values[i] for i in rng.permutation(len(values)).tolist())


def _told_apart(gold: Sequence[tuple[Json, ...]], found: Sequence[tuple[Json, ...]]) -> tuple[tuple[Json, ...], tuple[Json, ...]]:
    """The keys of wrong rows, and those of the others."""
    keys = dict.fromkeys([*(row[0] for row in gold), *(row[0] for row in found)])
    wrong = [key for key in keys if sorted(map(repr, (row for row in gold if row[0] == key))) != sorted(map(repr, (row for row in found if row[0] == key)))]
    return tuple(wrong), tuple(key for key in keys if key not in wrong)


@lru_cache(maxsize=256)
def values(entropy: int, level: int) -> tuple[float, tuple[float, ...]]:
    """The right answer, and wrong ones: those to which flawed steps lead, also on tables with other rows.

    How many of those that are listed beside the right one are smaller is drawn, so that its place among them says nothing.
    """
    drawn = plan(entropy, level)
    rng = np.random.default_rng([entropy & 0xFFFFFFFF, level, 1])
    gold = answer(drawn.database, drawn.steps, drawn.final, {})
    if gold is None:
        raise ValueError("the right steps give no answer")
    databases = (drawn.database, *drawn.variants)
    choices = [
        some for count in (1, 2) for some in combinations([(place, some) for place, step in enumerate(drawn.steps) for some in mixtures(step.flaws)], count)
    ]
    ways = [(database, dict(choice)) for database in databases for choice in choices]
    few = int(rng.integers(_LATE))
    found: list[float] = []
    own: set[float] = set()  # to which steps on the tables themselves lead, so that an agent may come to them
    for place in rng.permutation(len(ways)).tolist():
        database, flaws = ways[place]
        value = answer(database, drawn.steps, drawn.final, flaws)
        if value is None or any(same_conclusion((value,), (other,), LEAST_MOVE) for other in (gold, *found)):
            continue
        found.append(value)
        own.update([value] if database == drawn.database else [])
        smaller = sum(other < gold for other in found)
        if len(found) == _POOL or (len(found) >= _EARLY + _LATE and few <= smaller and len(found) - smaller >= _LATE - 1 - few):
            break
    smaller, greater = [value for value in found if value < gold], [value for value in found if value > gold]
    few = min(max(few, _LATE - 1 - len(greater)), len(smaller))
    late = [*smaller[:few], *greater[: _LATE - 1 - few]]
    others = sorted((value for value in found if value not in late), key=own.__contains__)
    return gold, (*others[:_EARLY], *late, *others[_EARLY : _EARLY + 1])


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


def listed_steps(drawn: Plan, seed: tuple[int, int], done: int, own: float | None, count: int, state_key: str) -> tuple[str, ...]:
    """The calls listed where a plan is carried out, in random order.

    Once all tables are made, the answers are the one to which these tables lead and seven others, which are always the same and were not listed before: so
    neither what is new nor what stays tells the right one.

    Args:
        drawn: the plan.
        seed: entropy and level that drew it.
        done: how many steps have been made.
        own: the answer to which the tables that were made lead; None where there is none.
        count: most calls.
        state_key: decides what is drawn.
    """
    rng = np.random.default_rng(int(state_key, 16))
    _, wrong = values(*seed)
    early, late, spare = wrong[:_EARLY], wrong[_EARLY:-1], wrong[-1]
    if done < len(drawn.steps):
        calls, answers = _versions(drawn.steps[done]), early
    else:
        calls, answers = [], (spare if own is None or any(same_conclusion((own,), (other,), LEAST_MOVE) for other in (*early, *late)) else own, *late)
    last = drawn.steps[done - 1].name if done else drawn.skin.records
    tables = (drawn.skin.records, drawn.skin.places, last)
    looks = [call_text("query", sql=query) for name in dict.fromkeys(tables) for query in (f"SELECT * FROM {name}", f"SELECT COUNT(*) FROM {name}")]
    chosen = [*calls, *map(value_text, answers), *looks][:count]
    return tuple(chosen[i] for i in rng.permutation(len(chosen)).tolist())


def value_text(value: float) -> str:
    """The call that answers with a value: all with as many digits, so that round ones do not look right or wrong."""
    return call_text("answer", value=float(f"{value:.8g}"))


def _versions(step: Step) -> list[str]:
    """The step with every mixture of its flaws, the right one among them: none is told by its likeness to the others."""
    return [call_text("step", name=step.name, sql=step.write(names)) for names in (frozenset[str](), *mixtures(step.flaws))]


def listed_finds(drawn: Plan, mistake: Planted, was_shown: bool, count: int, state_key: str) -> tuple[str, ...]:
    """The calls listed where a mistake is looked for, in random order: checks of every step, and answers, all wrong until a wrong row was shown.

    Args:
        drawn: the plan.
        mistake: what is planted.
        was_shown: a wrong row was shown.
        count: most calls.
        state_key: decides the order.
    """
    rng = np.random.default_rng(int(state_key, 16))
    answers = [call_text("answer", step=name, row=key) for name, key in (mistake.answers if was_shown else mistake.early)]
    looks = [
        call_text("query", sql=check(step, flaws))
        for step, flaw in zip(drawn.steps, mistake.checked, strict=True)
        for flaws in (frozenset[str](), frozenset((flaw,)))
    ]
    looks += [call_text("query", sql=f"SELECT COUNT(*) FROM {name}") for name in (drawn.skin.records, drawn.skin.places, *(step.name for step in drawn.steps))]
    chosen = [*answers, *looks][:count]
    return tuple(chosen[i] for i in rng.permutation(len(chosen)).tolist())


def key_text(key: Json) -> str:
    """A key as it is compared: numbers and texts by what they say."""
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    return key.strip() if isinstance(key, str) else literal(key)
