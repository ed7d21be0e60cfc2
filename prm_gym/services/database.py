"""A database of a service: SQLite in memory, with every change of a row recorded by the database itself."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import msgspec

from prm_gym.claims import RowChange, Value
from prm_gym.errors import ContractError, EnvironmentFault

Cell: TypeAlias = tuple[str, str, str]
Row: TypeAlias = tuple[Value, ...]
Rows: TypeAlias = Mapping[str, Sequence[Row]]
Result = TypeVar("Result")

LOG = "change_log"


class Table(msgspec.Struct, frozen=True):
    """A table of a service.

    Attributes:
        name: an SQL name.
        columns: type by name; the first column is the key, a text.
        one_way: columns that no tool changes back.
        free: columns of texts that may be worded in any way, so that no goal speaks of them.
    """

    name: str
    columns: dict[str, str]
    one_way: tuple[str, ...] = ()
    free: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name of the first column."""
        return next(iter(self.columns))


class Database:
    """The rows of a service, what has changed since the beginning, and what each transaction changed.

    Changes are recorded by triggers, so they are what happened to the rows and not what a tool says of itself.

    Attributes:
        tables: by name.
        reading: where it is a set, the tables that are looked at are written into it.
    """

    def __init__(self, tables: Sequence[Table], image: bytes) -> None:
        """Open a database.

        Args:
            tables: the tables that the image has.
            image: what `new_image` made.
        """
        self.tables = {table.name: table for table in tables}
        self._image = image
        self._net: dict[Cell, tuple[Value, Value]] = {}
        self._start: dict[Cell, Value] = {}
        self._connection = _connected(image)
        self.reading: set[str] | None = None

    @property
    def image(self) -> bytes:
        """The rows of the beginning."""
        return self._image

    def __getstate__(self) -> dict[str, Any]:
        """Without the connection."""
        return {"tables": list(self.tables.values()), "image": self._image, "changes": self.changes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open it again, as it stood."""
        Database.__init__(self, state["tables"], state["image"])
        self.apply(state["changes"])

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()

    def all(self, query: str, *values: Value) -> list[dict[str, Any]]:
        """The rows that a query gives."""
        if self.reading is not None:
            self.reading |= _named(query, tuple(self.tables))
        return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: Value) -> dict[str, Any] | None:
        """The first row that a query gives; None where it gives none."""
        if self.reading is not None:
            self.reading |= _named(query, tuple(self.tables))
        return self._connection.execute(query, values).fetchone()

    def get(self, table: str, key: Value) -> dict[str, Any] | None:
        """The row with a key."""
        return self.one(f"SELECT * FROM {table} WHERE {self.tables[table].key} = ?", key)

    def do(self, statement: str, *values: Value) -> None:
        """Run a statement that changes rows."""
        self._connection.execute(statement, values)

    def insert(self, table: str, *row: Value) -> None:
        """Add a row, with a value for each column."""
        self._connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    def transact(self, work: Callable[["Database"], Result]) -> tuple[Result, tuple[RowChange, ...]]:
        """Do some work in one transaction: all of it, or nothing where it raises.

        Returns:
            What the work returns, and the changes of cells that are left when it is done.

        Raises:
            EnvironmentFault: the database itself fails: a file that a tool has attached is locked, the disk is full.
        """
        try:
            self._connection.execute("BEGIN")
            try:
                result = work(self)
                changes = self._logged()
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise EnvironmentFault(f"the database failed: {error}") from error
        for change in changes:
            start, _ = self._net.get(change.cell, (change.before, None))
            self._net[change.cell] = (start, change.after)
            if start == change.after:
                del self._net[change.cell]
        return result, changes

    def changes(self) -> tuple[RowChange, ...]:
        """How the rows differ from those of the beginning, in order of their names."""
        if self.reading is not None:
            self.reading |= self.tables.keys()
        return tuple(self._change(cell, *values) for cell, values in sorted(self._net.items(), key=lambda item: item[0]))

    def start_and_now(self, cell: Cell) -> tuple[Value, Value]:
        """The value of a cell at the beginning and now; None where there is no such row."""
        if self.reading is not None:
            self.reading.add(cell[0])
        if cell in self._net:
            return self._net[cell]
        if cell not in self._start:  # a cell without a change has the value of the beginning
            row = self.get(cell[0], cell[1])
            self._start[cell] = None if row is None else row[cell[2]]
        return self._start[cell], self._start[cell]

    def changed(self) -> Mapping[Cell, tuple[Value, Value]]:
        """The cells that differ from the beginning: the value there, and the value now."""
        if self.reading is not None:
            self.reading |= self.tables.keys()
        return self._net

    def is_free(self, cell: Cell) -> bool:
        """Whether no goal speaks of the cell."""
        return cell[2] in self.tables[cell[0]].free

    def is_one_way(self, cell: Cell) -> bool:
        """Whether no tool changes the cell back."""
        return cell[2] in self.tables[cell[0]].one_way

    def apply(self, changes: Iterable[RowChange]) -> None:
        """Make changes that `changes()` gave, on a database as it was at the beginning."""
        rows: dict[tuple[str, str], list[RowChange]] = {}
        for change in changes:
            rows.setdefault(change.row, []).append(change)
        self.transact(lambda _: [self._apply_row(table, key, cells) for (table, key), cells in rows.items()])

    def _apply_row(self, table: str, key: str, cells: Sequence[RowChange]) -> None:
        name = self.tables[table].key
        values = {change.column: change.after for change in cells}
        created = next((change for change in cells if change.column == name), None)
        if created is None:
            self.do(f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in values)} WHERE {name} = ?", *values.values(), key)
        elif created.after is None:
            self.do(f"DELETE FROM {table} WHERE {name} = ?", key)
        else:
            self.insert(table, *(values.get(column) for column in self.tables[table].columns))

    def _change(self, cell: Cell, before: Value, after: Value) -> RowChange:
        return RowChange(*cell, before=before, after=after, final=self.is_one_way(cell))

    def _logged(self) -> tuple[RowChange, ...]:
        """The changes of this transaction; a cell that came back to its value has none."""
        rows = self._connection.execute(f"SELECT name, old, new FROM {LOG}").fetchall()
        if not rows:
            return ()
        self._connection.execute(f"DELETE FROM {LOG}")
        cells: dict[Cell, tuple[Value, Value]] = {}
        for row in rows:
            columns = list(self.tables[row["name"]].columns)
            old, new = json.loads(row["old"]), json.loads(row["new"])
            for key in {values[0] for values in (old, new) if values}:  # two where the key itself was changed
                before = old if old and old[0] == key else [None] * len(columns)
                after = new if new and new[0] == key else [None] * len(columns)
                for column, one, other in zip(columns, before, after, strict=True):
                    cell = (row["name"], key, column)
                    cells[cell] = (cells[cell][0] if cell in cells else one, other)
        return tuple(self._change(cell, *values) for cell, values in sorted(cells.items()) if values[0] != values[1])


@lru_cache(1024)
def _named(query: str, tables: tuple[str, ...]) -> frozenset[str]:
    """The tables that a query may look at: those whose names are words of it, or all where none is."""
    words = set(re.findall(r"\w+", query.casefold()))
    return frozenset(name for name in tables if name.casefold() in words) or frozenset(tables)


def new_image(tables: Sequence[Table], rows: Rows) -> bytes:
    """The image of a database with these rows, from which any number of databases can be opened.

    Args:
        tables: the schema.
        rows: by name of the table, a value for each column.

    Raises:
        ContractError: two rows have one key, a row does not fit its table, or there is no such table.
    """
    unknown = sorted(set(rows) - {table.name for table in tables})
    if unknown:
        raise ContractError(f"there are rows of {', '.join(unknown)}, and no such table; the tables are {', '.join(table.name for table in tables)}")
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.executescript("".join(map(_definition, tables)) + f"CREATE TABLE {LOG} (name TEXT, old TEXT, new TEXT);")
        connection.execute("BEGIN")
        for table in tables:
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows.get(table.name, ()))
        connection.execute("COMMIT")
        connection.executescript("".join(map(_triggers, tables)))
        return connection.serialize()
    except sqlite3.Error as error:
        raise ContractError(f"the rows do not fit the tables: {error}") from error
    finally:
        connection.close()


def _connected(image: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.deserialize(image)
    connection.execute("PRAGMA recursive_triggers = ON")  # else REPLACE would delete rows unrecorded
    connection.row_factory = _as_dict
    return connection


def _as_dict(cursor: sqlite3.Cursor, row: Row) -> dict[str, Value]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _definition(table: Table) -> str:
    columns = ", ".join(f"{name} {kind}{' PRIMARY KEY' if name == table.key else ''}" for name, kind in table.columns.items())
    return f"CREATE TABLE {table.name} ({columns}) WITHOUT ROWID;"


def _triggers(table: Table) -> str:
    old, new = (f"json_array({', '.join(f'{row}.{column}' for column in table.columns)})" for row in ("OLD", "NEW"))
    whole = {"INSERT": ("'[]'", new), "UPDATE": (old, new), "DELETE": (old, "'[]'")}
    return "".join(
        f"CREATE TRIGGER log_{table.name}_{event} AFTER {event} ON {table.name} BEGIN INSERT INTO {LOG} VALUES ('{table.name}', {before}, {after}); END;"
        for event, (before, after) in whole.items()
    )
