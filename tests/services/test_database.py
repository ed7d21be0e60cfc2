"""The database: what the triggers record is what a comparison of all rows finds; refusals undo; images, copies and changes put states back."""

import pickle

import numpy as np
import pytest

from prm_gym.claims import RowChange
from prm_gym.errors import ContractError, RefusedError
from prm_gym.services import Database, Table, new_image

TABLES = (
    Table("items", {"id": "TEXT", "owner": "TEXT", "count": "INTEGER", "price": "REAL"}, one_way=("count",)),
    Table("notes", {"id": "TEXT", "body": "TEXT", "kind": "TEXT"}, free=("body",)),
)
ROWS = {"items": [(f"i{n}", "ada", n, n / 2) for n in range(5)], "notes": [("n1", "hello", "mail")]}
IMAGE = new_image(TABLES, ROWS)


def whole(database):
    """Every cell, by a full read of every table."""
    return {
        (table.name, row[table.key], column): row[column]
        for table in TABLES
        for row in database.all(f"SELECT * FROM {table.name}")
        for column in table.columns
        if row[column] is not None
    }


def differences(before, after):
    return {cell: (before.get(cell), after.get(cell)) for cell in before.keys() | after.keys() if before.get(cell) != after.get(cell)}


def random_statement(database, rng):
    key, other = f"i{rng.integers(7)}", f"i{rng.integers(7)}"
    match int(rng.integers(6)):
        case 0:
            database.do("UPDATE items SET count = ?, owner = ? WHERE id = ?", int(rng.integers(4)), "bob", key)
        case 1:
            database.do("DELETE FROM items WHERE id = ?", key)
        case 2:
            database.do("INSERT OR REPLACE INTO items VALUES (?, 'cy', NULL, 2.5)", key)
        case 3:
            database.do("UPDATE OR IGNORE items SET id = ? WHERE id = ?", other, key)
        case 4:
            database.do("UPDATE notes SET body = ?, kind = 'mail' WHERE id = 'n1'", "x" * int(rng.integers(5)))
        case _:
            database.do("UPDATE items SET count = count + 1")


def test_the_recorded_changes_are_those_that_a_comparison_of_all_rows_finds():
    rng = np.random.default_rng(0)
    for _ in range(40):
        database = Database(TABLES, IMAGE)
        start = whole(database)
        for _ in range(6):
            before = whole(database)
            _, changes = database.transact(lambda d: [random_statement(d, rng) for _ in range(int(rng.integers(1, 4)))])
            assert {c.cell: (c.before, c.after) for c in changes} == differences(before, whole(database))
        net = {c.cell: (c.before, c.after) for c in database.changes()}
        assert net == differences(start, whole(database)) == dict(database.changed())


def test_the_changes_put_the_state_back_and_so_does_a_pickle():
    rng = np.random.default_rng(1)
    for _ in range(40):
        database = Database(TABLES, IMAGE)
        for _ in range(5):
            database.transact(lambda d: random_statement(d, rng))
        again = Database(TABLES, IMAGE)
        again.apply(database.changes())
        copy = pickle.loads(pickle.dumps(database))
        assert whole(again) == whole(copy) == whole(database)
        assert again.changes() == copy.changes() == database.changes()


def test_what_is_refused_is_undone():
    database = Database(TABLES, IMAGE)
    before = whole(database)

    def work(d):
        d.do("DELETE FROM items")
        raise RefusedError("not that")

    with pytest.raises(RefusedError, match="not that"):
        database.transact(work)
    assert whole(database) == before
    assert database.changes() == ()
    assert database.transact(lambda d: d.do("UPDATE items SET owner = 'bob' WHERE id = 'i1'"))[1] == (RowChange("items", "i1", "owner", "ada", "bob"),)


def test_one_way_and_free_columns_are_marked():
    database = Database(TABLES, IMAGE)
    _, (change,) = database.transact(lambda d: d.do("UPDATE items SET count = 9 WHERE id = 'i1'"))
    assert change.final
    assert database.is_one_way(change.cell)
    assert database.is_free(("notes", "n1", "body"))
    assert not database.is_free(("notes", "n1", "kind"))


def test_a_cell_that_comes_back_has_not_changed():
    database = Database(TABLES, IMAGE)
    database.transact(lambda d: d.do("UPDATE items SET owner = 'bob' WHERE id = 'i1'"))
    assert database.start_and_now(("items", "i1", "owner")) == ("ada", "bob")
    database.transact(lambda d: d.do("UPDATE items SET owner = 'ada' WHERE id = 'i1'"))
    assert database.changes() == ()
    assert database.start_and_now(("items", "i1", "owner")) == ("ada", "ada")
    assert database.start_and_now(("items", "none", "owner")) == (None, None)


def test_two_databases_of_an_image_are_apart():
    one, other = Database(TABLES, IMAGE), Database(TABLES, IMAGE)
    one.transact(lambda d: d.do("DELETE FROM items"))
    assert len(other.all("SELECT * FROM items")) == 5


@pytest.mark.parametrize("rows", [{"items": [("i1", "a", 1, 1.0)] * 2}, {"items": [("i1",)]}])
def test_rows_that_do_not_fit_are_an_error(rows):
    with pytest.raises(ContractError, match="do not fit"):
        new_image(TABLES, rows)
