"""What a question needs to be known of a database, the calls that show it, and the calls that are listed for an agent that chooses."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from prm_gym.envs.tools.sql_domains import DOMAINS
from prm_gym.envs.tools.sql_questions import Question
from prm_gym.sandbox.sandbox import Dialect
from prm_gym.tools import call_text

_TOKEN = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"|(\w+)")
_ALIAS = re.compile(r"\bAS\s+\"((?:[^\"]|\"\")*)\"", re.IGNORECASE)
_MOST_VALUES = 4
_CATALOGUES: dict[Dialect, str] = {"sqlite": "sqlite_master", "duckdb": "information_schema.tables"}
_NAMES: dict[Dialect, str] = {"sqlite": "SELECT name FROM sqlite_master", "duckdb": "SELECT table_name FROM information_schema.tables"}


def facts_of(gold: str, tables: Sequence[str], text: str, schema: str = "") -> tuple[str, ...]:
    """What has to be seen for a query: the list of tables, each table in it, and each text in it that the question does not spell.

    SQLite takes what stands in double quotation marks for a text where nothing is called so.

    >>> facts_of("SELECT title FROM books WHERE genre = 'sci-fi'", ["authors", "books"], "The titles of science fiction.")
    ('tables', 'table:books', 'value:sci-fi')

    Args:
        gold: the query.
        tables: of the database.
        text: the question.
        schema: the statements that declare the tables.
    """
    names = {name.casefold() for name in (*_ALIAS.findall(gold), *tables)}
    words, values = set[str](), list[str]()
    for match in _TOKEN.finditer(gold):
        literal, quoted, word = match.groups()
        if literal is not None:
            values.append(literal.replace("''", "'"))
        elif word is not None or quoted.casefold() in names or _is_spelt(quoted.casefold(), schema.casefold()):
            words.add((word or quoted).casefold())
        else:
            values.append(quoted.replace('""', '"'))
    unspelt = [value for value in dict.fromkeys(values) if any(c.isalpha() for c in value) and "%" not in value and not _is_spelt(value, text)]
    return ("tables", *(f"table:{table}" for table in tables if table.casefold() in words), *(f"value:{value}" for value in unspelt[:_MOST_VALUES]))


def _is_spelt(value: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def looks(facts: Sequence[str], where: Mapping[str, Sequence[str]]) -> list[str]:
    """The calls that show facts.

    Args:
        facts: see `facts_of`.
        where: table and column where a value stands, by its fact.
    """
    found: list[str] = []
    for fact in facts:
        kind, _, name = fact.partition(":")
        if kind == "tables":
            found.append(call_text("tables"))
        elif kind == "table":
            found.append(call_text("describe", table=name))
        elif fact in where:
            table, column = where[fact]
            found.append(_values(table, column))
    return list(dict.fromkeys(found))


def listed(drawn: Question, known: Sequence[str], left: Sequence[str], count: int, state_key: str) -> tuple[str, ...]:
    """The calls that are listed, in random order.

    Args:
        drawn: the question.
        known: the facts that are known.
        left: the calls of the scripted way that are left; none where all that is needed is known.
        count: most of them.
        state_key: decides what is drawn.
    """
    rng = np.random.default_rng(int(state_key, 16))
    if left:
        answers = [call_text("answer", sql=query) for query in _no_answers(drawn, known)]
    else:
        answers = [call_text("answer", sql=query) for query in (drawn.asked.gold, *drawn.wrong)]
    answers = [answers[i] for i in rng.permutation(len(answers)).tolist()][: 5 if left else len(answers)]
    others = [call for call in _other_looks(drawn, known) if call not in left[:1]]
    others = [others[i] for i in rng.permutation(len(others)).tolist()]
    chosen = [*left[:1], *answers, *others][:count]
    return tuple(chosen[i] for i in rng.permutation(len(chosen)).tolist())


def _values(table: str, column: str) -> str:
    return call_text("query", sql=f"SELECT DISTINCT {column} FROM {table}")


def _described(drawn: Question, known: Sequence[str]) -> list[str]:
    return [table for table in drawn.tables if f"table:{table}" in known]


def _no_answers(drawn: Question, known: Sequence[str]) -> list[str]:
    """Answers that can be made of what is known, all of them wrong."""
    tables = drawn.tables if "tables" in known else (_CATALOGUES[drawn.dialect],)
    return [query for table in tables for query in (f"SELECT * FROM {table}", f"SELECT COUNT(*) FROM {table}")]


def _other_looks(drawn: Question, known: Sequence[str]) -> list[str]:
    if "tables" not in known:
        return [call_text("tables"), call_text("query", sql=_NAMES[drawn.dialect]), call_text("query", sql="SELECT 1")]
    domain = next(domain for domain in DOMAINS if domain.groups.name == drawn.tables[0])
    found = [call_text("describe", table=table) for table in drawn.tables]
    for table in domain.tables:
        if table.name in _described(drawn, known):
            found += [_values(table.name, column.name) for column in table.columns if column.kind.startswith("TEXT")]
    return found
