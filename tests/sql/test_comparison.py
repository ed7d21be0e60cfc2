import random
from collections import Counter

import pytest

from prm_gym.sandbox.result import Rows, Run
from prm_gym.sql import difference, literal, run_queries, same_conclusion, table_script

INFINITY = {"float": "inf"}


def _rows(*rows, columns=None):
    names = columns if columns is not None else tuple(f"c{place}" for place in range(len(rows[0]) if rows else 1))
    return Rows(status="ok", columns=tuple(names), rows=tuple(rows), run=Run(status="ok"))


@pytest.mark.parametrize(
    ("one", "other", "ordered", "same"),
    [
        ([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], False, True),
        ([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], True, False),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], False, False),  # a bag: as often
        ([(1,), (1,)], [(1,)], False, False),
        ([(1,)], [(1.0,)], False, True),
        ([(1,)], [("1",)], False, False),
        ([("1",)], [("1.0",)], False, False),
        ([("a",)], [("A",)], False, False),
        ([("a",)], [("a ",)], False, False),
        ([(None,)], [(0,)], False, False),
        ([(None,)], [("",)], False, False),
        ([(None, 1), (None, 1)], [(None, 1), (None, 1)], False, True),
        ([(0.1 + 0.2,)], [(0.3,)], False, True),
        ([(0.1 + 0.2, "x"), (0.3, "y")], [(0.1 + 0.2, "y"), (0.3, "x")], False, True),  # equal numbers may change places
        ([(0.3,)], [(0.3001,)], False, False),
        ([(0.1 + 0.2 - 0.3,)], [(0,)], False, True),  # 5.6e-17
        ([(3e-12,)], [(0,)], False, False),
        ([(5e-10,)], [(2e-10,)], False, False),
        ([({"int": "10000000000000000"},)], [(float(1 << 64),)], False, True),  # encoded as hexadecimal digits
        ([({"int": "10000000000000000"},)], [({"int": "10000000000000001"},)], False, False),
        ([(3.0000000000000004,)], [(3,)], False, True),
        ([(10**12,)], [(10**12 + 1,)], False, False),  # whole numbers are never rounded, though these differ by 1e-12
        ([(1e9,)], [(10**9 + 1,)], False, False),
        ([(1e20,)], [(1.0000000000001e20,)], False, True),
        ([({"bytes": "00"},)], [({"bytes": "00"},)], False, True),
        ([({"bytes": "61"},)], [("a",)], False, False),
        ([(INFINITY,)], [(INFINITY,)], False, True),
        ([(INFINITY,)], [(1e308,)], False, False),
        ([(1, 2)], [(2, 1)], False, False),  # the order of columns counts
        ([("a" * 300,)], [("b",)], False, False),
    ],
)
def test_results(one, other, ordered, same):
    assert (difference(_rows(*one), _rows(*other), ordered) is None) is same
    assert (difference(_rows(*other), _rows(*one), ordered) is None) is same


def test_empty_results_have_columns():
    assert difference(_rows(columns=("a",)), _rows(columns=("b",))) is None
    assert difference(_rows(columns=("a",)), _rows(columns=("a", "b"))).reason == "the result has 2 columns instead of 1"


def test_the_evidence_names_the_first_row_that_differs():
    found = difference(_rows((1, "a"), (2, "b"), (3, "c")), _rows((1, "a"), (2, "x"), (3, "c")))
    assert found.evidence == {"rows": 3, "expected_rows": 3, "missing": [2, "b"], "unexpected": [2, "x"]}
    found = difference(_rows((1,), (2,)), _rows((2,), (1,)), ordered=True)
    assert found.reason == "row 1 is another one: the rows are right, and their order is not"
    assert difference(_rows((1,), (2,)), _rows((1,), (2,), (2,))).reason == "the result has 3 rows instead of 2"


def test_bags_of_whole_numbers_and_texts_are_compared_as_counters_do():
    rng = random.Random(0)
    cells = [0, 1, 2, "0", "1", None]
    for _ in range(2_000):
        one, other = ([(rng.choice(cells), rng.choice(cells)) for _ in range(rng.randint(0, 3))] for _ in range(2))
        columns = ("a", "b")
        assert (difference(_rows(*one, columns=columns), _rows(*other, columns=columns)) is None) == (Counter(one) == Counter(other))


def test_a_table_made_of_values_gives_them_back():
    # SQLite itself reads what `table_script` writes; a column without a type keeps 1 and 1.0 and '1' apart.
    rows = [
        (1, 1.0, "1"),
        (None, "", 'it\'s\n"so"'),
        (-(1 << 63), (1 << 63) - 1, 1e-300),
        (INFINITY, {"float": "-inf"}, {"bytes": "00ff"}),
        ("a\0b", "ü\u202e", 0.1),
    ]
    (found,) = run_queries([('SELECT * FROM "a ""b"""', table_script('a "b"', ("x", "select", 'y"'), rows))])
    assert [[(type(value), value) for value in row] for row in found.rows] == [[(type(value), value) for value in row] for row in rows]
    assert found.columns == ("x", "select", 'y"')


def test_literals():
    assert [literal(value) for value in (None, "a'b", 3, 2.5, {"bytes": "0a"})] == ["NULL", "'a''b'", "3", "2.5", "X'0a'"]


def test_conclusions():
    assert same_conclusion(("Ulm ", 2), ("ulm", 2.0), 0.0)
    assert same_conclusion((2.00001,), (2,), 1e-4)
    assert not same_conclusion((2.1,), (2,), 1e-4)
    assert not same_conclusion((5,), (1,), float("inf"))
    assert not same_conclusion((5,), (1,), float("nan"))
    assert not same_conclusion(("2",), (2,), 1e-4)
    assert not same_conclusion((True,), (1,), 1e-4)
    assert not same_conclusion((10**400,), (1.0,), 1e-4)
