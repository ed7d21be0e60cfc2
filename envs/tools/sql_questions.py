"""Draws the questions of SQL-v0, each with a database to look at and a suite of others on which the answer is judged.

The suite is distilled: of databases drawn at random, with rows on the limits that the question names, those are kept on which the most nearly right queries
give other rows than the right one. In SQLite every other one is read backwards where no order is asked for, so that rows do not come in the right order by
themselves.
The queries that run here are our own, so they run in this process; what an agent writes never does.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from prm_gym.envs.tools.own_database import OwnDatabase
from prm_gym.envs.tools.sql_domains import DOMAINS, Domain, Size, draw_pools, draw_rows, pools_around, script, stored
from prm_gym.envs.tools.sql_mistakes import Edit, apart, edited, edits, spells_alike, styled
from prm_gym.envs.tools.sql_templates import TEMPLATES, Asked, Scene, Template
from prm_gym.envs.tools.sql_templates_hard import HARD
from prm_gym.sandbox.sandbox import Dialect
from prm_gym.sql import BACKWARDS

LEVELS: dict[int, tuple[Template, ...]] = {**TEMPLATES, **HARD}
MOST_SHOWN = 60  # rows that an answer may have
_SIZES: tuple[Size, ...] = ("usual", "many", "usual", "few", "least")  # of the databases that are drawn for a suite, in turn
_DRAWN, _MOST_DRAWN = 10, 60
_KEPT, _MOST_KEPT = 4, 6
_TRIED = 100  # sets of edits


class Question(NamedTuple):
    """A question with all that belongs to it.

    Attributes:
        asked: text, right query, whether the order counts.
        form: name of the template.
        database: script of the database that the agent sees.
        variants: scripts of those that it does not see.
        tables: names of all tables, in the order in which they are made.
        values: literals of the right query that the question does not spell, each with the table and column where it stands.
        wrong: queries that are wrong on the suite: every mixture of two or three edits of the right one, so that it is in the midst of them no more than each
            of them.
        mistakes: all the queries one edit away that can run, each with whether it is wrong on the database that the agent sees, and on the suite.
        dialect: of databases and queries.
    """

    asked: Asked
    form: str
    database: str
    variants: tuple[str, ...]
    tables: tuple[str, ...]
    values: tuple[tuple[str, str, str], ...]
    wrong: tuple[str, ...]
    mistakes: tuple[tuple[str, bool, bool], ...]
    dialect: Dialect


@lru_cache(maxsize=256)
def question(entropy: int, level: int, dialect: Dialect = "sqlite") -> Question:
    """The question that a number draws.

    Args:
        entropy: same number, same question.
        level: 1 to 5.
        dialect: of the databases, in which the queries are written.

    Raises:
        MissingExtraError: the dialect is DuckDB's, which is not installed.
    """
    rng = np.random.default_rng(entropy)
    while True:
        domain, style = DOMAINS[int(rng.integers(len(DOMAINS)))], int(rng.integers(3))
        template = LEVELS[level][int(rng.integers(len(LEVELS[level])))]
        drawn = _drawn(domain, style, template, rng, dialect)
        if drawn is not None:
            return drawn


def _drawn(domain: Domain, style: int, template: Template, rng: np.random.Generator, dialect: Dialect) -> Question | None:
    """A question with one template; None where these rows do not give a good one."""
    pools = draw_pools(rng)
    rows = draw_rows(domain, style, pools, rng)
    asked = template(Scene(domain, rows, style, rng, dialect))
    asked = asked._replace(gold=styled(asked.gold, rng))
    database = OwnDatabase(script(domain, rows), dialect)
    right = database.rows(asked.gold)
    if right is None or not 1 <= len(right.rows) <= MOST_SHOWN or all(value in (None, 0) for value in right.rows[0]):
        return None
    near = pools_around(pools, asked.gold)
    changes = edits(asked.gold, _replacements(domain, style, asked.gold), _nullable(domain, asked.gold), dialect)
    queries = {edit: edited(asked.gold, [edit]) for edit in changes}
    runs = [edit for edit in changes if database.rows(queries[edit]) is not None]
    seen = {edit for edit in runs if database.tells(queries[edit], asked.gold, asked.ordered)}
    cut = f"{asked.gold} LIMIT {len(right.rows)}"  # right on the first database, and no answer

    def made(size: Size, number: int) -> OwnDatabase:
        text = script(domain, draw_rows(domain, style, near, rng, size))
        return OwnDatabase(f"{BACKWARDS}{text}" if number % 2 and dialect == "sqlite" else text, dialect)

    suite = _suite(made, asked, [queries[edit] for edit in runs if edit not in seen], cut)
    told = [edit for edit in runs if any(one.tells(queries[edit], asked.gold, asked.ordered) for one in (database, *suite))]
    wrong = _cube(asked, [edit for edit in told if spells_alike(asked.gold, edit)], [database, *suite], rng)
    if not suite or not wrong:
        return None
    known = {query: edit in seen for edit, query in queries.items() if edit in runs}
    return Question(
        asked=asked,
        form=template.__name__.strip("_"),
        database=database.script,
        variants=tuple(one.script for one in suite),
        tables=tuple(table.name for table in domain.tables),
        values=_values(domain, asked),
        wrong=wrong,
        mistakes=tuple((query, told, told or any(one.tells(query, asked.gold, asked.ordered) for one in suite)) for query, told in known.items()),
        dialect=dialect,
    )


def _suite(draw: Callable[[Size, int], OwnDatabase], asked: Asked, queries: Sequence[str], cut: str) -> list[OwnDatabase]:
    """The databases that tell the most of the queries from the right one, one after the other; more are drawn while a query is told by none.

    Args:
        draw: a database of a size, and of a number.
        asked: the question.
        queries: to be told from the right one.
        cut: likewise, unless none of the first databases has more rows.
    """
    kept: list[OwnDatabase] = []
    pool: list[OwnDatabase] = []
    left, drawn = set(queries), 0
    while drawn < _DRAWN or (left and len(kept) < _MOST_KEPT and drawn < _MOST_DRAWN):
        for number in range(drawn, drawn + _DRAWN):
            pool.append(draw(_SIZES[number % len(_SIZES)], number))
        if not drawn and any(one.rows(cut) is not None and one.tells(cut, asked.gold, asked.ordered) for one in pool):
            left.add(cut)
        drawn += _DRAWN
        while left and len(kept) < _MOST_KEPT:
            told = [{query for query in left if one.tells(query, asked.gold, asked.ordered)} for one in pool]
            best = max(range(len(pool)), key=lambda place: (len(told[place]), pool[place].filled(asked.gold), -place))
            if not told[best]:
                break
            left -= told[best]
            kept.append(pool.pop(best))
        pool = sorted(pool, key=lambda one: not one.filled(asked.gold))[:_KEPT]
    kept += pool[: max(0, _KEPT - len(kept))]
    return kept if sum(one.filled(asked.gold) for one in kept) >= 2 else []


def _cube(asked: Asked, changes: Sequence[Edit], databases: Sequence[OwnDatabase], rng: np.random.Generator) -> tuple[str, ...]:
    """All mixtures of three edits (or two), if each of them is wrong; the right query is the one without any.

    How many of them are shorter than the right query, and how many come before it in the alphabet, is drawn beforehand; the edits that come nearest are taken.
    """
    places = [changes[i] for i in rng.permutation(len(changes)).tolist()]
    for count in (3, 2):
        shorter, earlier = rng.integers(2**count, size=2).tolist()
        sets: list[tuple[Edit, ...]] = [chosen for chosen in combinations(places, count) if apart(chosen)][:_TRIED]
        written = [[edited(asked.gold, some) for some in _mixtures(chosen)] for chosen in sets]
        far = [
            abs(_shorter(chosen) - shorter) + abs(sum(query < asked.gold for query in mixtures) - earlier)
            for chosen, mixtures in zip(sets, written, strict=True)
        ]
        for place in sorted(range(len(sets)), key=far.__getitem__):
            mixtures = written[place]
            if len({*mixtures, asked.gold}) == 2**count and all(
                databases[0].rows(query) is not None and any(one.tells(query, asked.gold, asked.ordered) for one in databases) for query in mixtures
            ):
                return tuple(mixtures)
    return ()


def _mixtures(chosen: Sequence[Edit]) -> list[tuple[Edit, ...]]:
    return [some for size in range(1, len(chosen) + 1) for some in combinations(chosen, size)]


def _shorter(chosen: Sequence[Edit]) -> float:
    """How many mixtures of edits make a query shorter; those that leave its length count half."""
    changes = [sum(len(edit.text) - (edit.end - edit.start) for edit in some) for some in _mixtures(chosen)]
    return sum(change < 0 for change in changes) + sum(change == 0 for change in changes) / 2


def _replacements(domain: Domain, style: int, gold: str) -> list[tuple[str, str]]:
    kinds = [stored(kind, style) for kind in domain.kinds]
    return [(kind, other) for kind in kinds if f"'{kind}'" in gold for other in kinds if other != kind and f"'{other}'" not in gold][:2]


def _nullable(domain: Domain, gold: str) -> list[str]:
    """Columns with unknown values that the query could name and does not."""
    tables = set(re.findall(r"(?:FROM|JOIN) (\w+)", gold))
    columns = (domain.items.columns[5], domain.people.columns[2], domain.events.columns[2], domain.events.columns[5])
    return [str(column) for column in columns if column.table in tables and str(column) not in gold]


def _values(domain: Domain, asked: Asked) -> tuple[tuple[str, str, str], ...]:
    """The literals that have to be looked up: those that the question writes in another way."""
    literals = dict.fromkeys(re.findall(r"'([^']*)'", asked.gold))
    kind = domain.items.columns[2]
    names = {stored(shown, style) for shown in domain.kinds for style in range(3)}
    return tuple((text, kind.table, kind.name) for text in literals if text in names and text not in asked.text)
