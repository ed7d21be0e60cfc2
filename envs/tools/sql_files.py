"""Questions and databases from files, in the layouts of Spider and BIRD.

questions    JSON lines, a JSON array or Parquet; a row has `question`, the right query (`gold`, `query`, `SQL` or `sql`), if one likes `ordered` (whether the
             order of the rows counts; else it does where the right query ends in ORDER BY), `evidence` (a hint that is added to the question) and `db_id`
             database     a database: .sqlite or .db (a file of SQLite), or .sql (a script that makes it); or a folder with one folder for each `db_id`, which
             holds `<db_id>.sqlite` and perhaps other databases with the same tables, on which answers are judged too (the suites of Zhong et al.)

Files of databases may come from anywhere: they are opened in the sandbox alone, which gives back their contents as a script. A file of SQLite has at most
3.9 MB, and a script 8 million characters; greater ones, which BIRD has many of, are refused (`bad_rows="skip"` leaves their questions out). Scripts in a folder
are read only where it holds no file of SQLite. Virtual tables (FTS5, R-tree) do not survive the way through a script. A right query that reads the clock
(date('now')) is refused, as is one whose result depends on the order in which rows are read; of the databases of a suite on which it does, none is used. Rows
of one rank in the order of the right query may come in any order, and a LIMIT may take any of them. Under DuckDB databases are scripts in its dialect, and
nothing is said about ranks and orders: right queries are to leave nothing open there.

Source: Spider (Yu et al. 2018, arXiv 1809.08887), BIRD (Li et al. 2023, arXiv 2305.03111).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, cast, get_args

from prm_gym.errors import OptionError
from prm_gym.rows import rows_of
from prm_gym.sandbox import Limits, Sandbox
from prm_gym.sandbox.sandbox import Dialect
from prm_gym.sql import Trial, judge, left_open

BadRows: TypeAlias = Literal["error", "skip"]

GOLD_FIELDS = ("gold", "query", "SQL", "sql")
MOST_BYTES = 3_900_000  # of a file of SQLite
MOST_SCRIPT = 8_000_000  # characters
MOST_DATABASES = 32  # of one suite
MOST_TEXT = 20_000

_DUMP = """
import re
import sqlite3

INFINITE = re.compile(r"(?<=[(,])(-?)Inf(?=[,)])")

def dump(data):
    connection = sqlite3.connect(":memory:")
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    connection.deserialize(data)
    lines = list(connection.iterdump())
    if any(INFINITE.search(line) for line in lines):
        connection.create_function("quote", 1, quoted)
        lines = list(connection.iterdump())
    return "\\n".join(lines)

def quoted(value):
    if isinstance(value, float) and value - value != 0:
        return "9e999" if value > 0 else "-9e999"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else f"X'{value.hex()}'" if isinstance(value, bytes) else repr(value)
"""
_LIMITS = Limits(wall_seconds=30.0, memory_mb=512, output_bytes=32 << 20)


class Given(NamedTuple):
    """A question of a file.

    Attributes:
        text: the question, with its hint.
        gold: the right query.
        ordered: the order of the rows counts.
        databases: scripts: of the database, and of others with the same tables.
    """

    text: str
    gold: str
    ordered: bool
    databases: tuple[str, ...]


@lru_cache(maxsize=8)
def load_questions(questions: str, database: str, bad_rows: BadRows = "error", dialect: Dialect = "sqlite") -> tuple[Given, ...]:
    """The questions of a file with their databases.

    Args:
        questions: path of the questions.
        database: path of the database or of the folder of databases.
        bad_rows: whether a question that cannot be used (no text, a database of a folder that is missing or too great, a right query that
            fails, finds nothing on all databases, or gives what depends on the order in which rows are read) is an error, or left out.
        dialect: of databases and queries.

    Raises:
        OptionError: nothing can be read, or a row is bad; names the file and the row.
        SandboxError: no sandbox can be had here.
        MissingExtraError: the dialect is DuckDB's, which is not installed.
    """
    if bad_rows not in get_args(BadRows):
        raise OptionError(f"bad_rows is one of {', '.join(get_args(BadRows))}, got {bad_rows!r}")
    found: list[tuple[str, Given]] = []
    for where, row in rows_of(questions):
        try:
            found.append((where, _given(row, database, dialect)))
        except ValueError as error:
            if bad_rows == "error" or (isinstance(error, OptionError) and not Path(database).is_dir()):
                raise OptionError(f"{questions}, {where}: {error}") from error
    findings = judge([Trial(given.gold, given.gold, given.databases, given.ordered, dialect) for _, given in found])
    for (where, given), finding in zip(found, findings, strict=True):
        if finding.outcome != "right" and bad_rows == "error":
            raise OptionError(f"{questions}, {where}: no answer can be judged by {given.gold[:200]!r}: {finding.reason}")
    usable = [(where, given) for (where, given), finding in zip(found, findings, strict=True) if finding.outcome == "right"]
    opened = [[False] * len(given.databases) for _, given in usable]
    if dialect == "sqlite":
        opened = left_open([Trial(given.gold, given.gold, given.databases, given.ordered) for _, given in usable])
    kept: list[Given] = []
    for (where, given), is_open in zip(usable, opened, strict=True):
        if not is_open[0]:
            kept.append(given._replace(databases=tuple(database for database, out in zip(given.databases, is_open, strict=True) if not out)))
        elif bad_rows == "error":
            raise OptionError(f"{questions}, {where}: what {given.gold[:200]!r} gives depends on the order in which it reads the rows")
    if not kept:
        raise OptionError(f"{questions}: no question in it that can be used")
    return tuple(kept)


def is_ordered(query: str) -> bool:
    """Whether a query ends in ORDER BY, outside of strings and parentheses.

    >>> is_ordered("SELECT a FROM t ORDER BY a"), is_ordered("SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 3)")
    (True, False)
    """
    text = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "", query)
    depth, kept = 0, list[str]()
    for mark in text:
        depth += (mark == "(") - (mark == ")")
        kept.append(mark if depth == 0 else " ")
    return re.search(r"\border\s+by\b", "".join(kept), re.IGNORECASE) is not None


def _given(row: object, database: str, dialect: Dialect) -> Given:
    if not isinstance(row, Mapping):
        raise ValueError("a question is an object with fields")
    fields: dict[str, Any] = {str(name): value for name, value in cast("Mapping[object, object]", row).items()}
    text = fields.get("question")
    gold = next((fields[name] for name in GOLD_FIELDS if isinstance(fields.get(name), str) and fields[name].strip()), None)
    if not isinstance(text, str) or not text.strip() or gold is None:
        raise ValueError(f"a row has a question and one of {', '.join(GOLD_FIELDS)}; there are {', '.join(fields) or 'none'}")
    hint = fields.get("evidence")
    if isinstance(hint, str) and hint.strip():
        text = f"{text.strip()}\nHint: {hint.strip()}"
    if len(text) > MOST_TEXT or len(gold) > MOST_TEXT:
        raise ValueError(f"question and query have at most {MOST_TEXT:,} characters each")
    ordered = fields.get("ordered")
    gold = gold.strip().rstrip(";")
    return Given(text.strip(), gold, ordered if isinstance(ordered, bool) else is_ordered(gold), _databases(database, str(fields.get("db_id", "")), dialect))


@lru_cache(maxsize=64)
def _databases(path: str, name: str, dialect: Dialect) -> tuple[str, ...]:
    place = Path(path)
    if not place.is_dir():
        return (_script(place, dialect),)
    folder = place / name
    if not name or Path(name).name != name or name in (".", "..") or not folder.is_dir():
        raise OptionError(f"{path}: there is no folder {name!r} (the row's db_id) with databases")
    suffixes = (".sqlite", ".db", ".sql") if dialect == "sqlite" else (".sql",)
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in suffixes)
    files = [file for file in files if file.suffix.lower() != ".sql"] or files  # Spider puts a schema.sql beside the database
    own = [file for file in files if file.stem == name] or files[:1]
    if not own:
        raise OptionError(f"{folder}: no database in it ({', '.join(suffixes)})")
    return tuple(_script(file, dialect) for file in [own[0], *(file for file in files if file.stem != own[0].stem)][:MOST_DATABASES])


@lru_cache(maxsize=1)
def _sandbox() -> Sandbox:
    return Sandbox()


def _script(path: Path, dialect: Dialect) -> str:
    if dialect == "duckdb" and path.suffix.lower() != ".sql":
        raise OptionError(f"under DuckDB a database is a script, a .sql file; got {path}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OptionError(f"the database {path} cannot be read: {error}") from error
    if path.suffix.lower() == ".sql":
        if len(data) > MOST_SCRIPT:
            raise OptionError(f"{path} has {len(data):,} bytes; at most {MOST_SCRIPT:,} are read")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise OptionError(f"{path} is no text in UTF-8: {error}") from error
    if len(data) > MOST_BYTES:
        raise OptionError(f"{path} has {len(data):,} bytes; at most {MOST_BYTES:,} are read")
    journal = path.with_name(f"{path.name}-wal")
    if journal.exists() and journal.stat().st_size:
        raise OptionError(f"{journal} holds changes that are not in {path.name} yet: run PRAGMA wal_checkpoint on it first")
    if data[18:20] == b"\x02\x02":  # a journal beside the file, which is empty: a copy in memory has none
        data = data[:18] + b"\x01\x01" + data[20:]
    calls = _sandbox().call(_DUMP, "dump", [(data,)], limits=_LIMITS)
    (result,) = calls.results
    if result.status != "returned" or not isinstance(result.value, str):
        raise OptionError(f"{path} cannot be read as a file of SQLite: {result.error or calls.run.error}")
    if len(result.value) > MOST_SCRIPT:
        raise OptionError(f"{path} has more in it than is read: {len(result.value):,} characters as a script, at most {MOST_SCRIPT:,}")
    return result.value
