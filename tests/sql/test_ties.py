import pytest

from prm_gym.sql import Trial, judge, left_open
from prm_gym.sql.ties import read_order

# Four people; Ben and Cleo are of one height, and so are Anna and Dora.
PEOPLE = "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT, height INTEGER);"
PEOPLE += "INSERT INTO p VALUES (1, 'Anna', 160), (2, 'Ben', 180), (3, 'Cleo', 180), (4, 'Dora', 160);"


def _outcome(query, gold, ordered=True, database=PEOPLE):
    (finding,) = judge([Trial(query, gold, (database,), ordered)])
    return finding.outcome


def _rows(*names):
    return "VALUES " + ", ".join(f"('{name}')" for name in names)


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        # The order of Ben and Cleo is open, and that of Anna and Dora.
        (
            "SELECT name FROM p ORDER BY height DESC",
            [("Cleo", "Ben", "Anna", "Dora"), ("Ben", "Cleo", "Dora", "Anna")],
            [("Anna", "Ben", "Cleo", "Dora"), ("Ben", "Cleo", "Anna")],
        ),
        ("SELECT name FROM p ORDER BY height DESC LIMIT 1", [("Ben",), ("Cleo",)], [("Anna",), ("Ben", "Cleo"), ()]),
        ("SELECT name FROM p ORDER BY height LIMIT 2 OFFSET 1", [("Dora", "Ben"), ("Anna", "Cleo")], [("Ben", "Anna"), ("Anna", "Dora"), ("Ben", "Cleo")]),
        ("SELECT name FROM p ORDER BY height LIMIT 1, 2", [("Dora", "Cleo")], [("Cleo", "Dora")]),
        ("SELECT name AS n FROM p ORDER BY n", [("Anna", "Ben", "Cleo", "Dora")], [("Ben", "Anna", "Cleo", "Dora")]),
        ("SELECT name FROM p ORDER BY 1 DESC LIMIT 2", [("Dora", "Cleo")], [("Cleo", "Dora")]),
        ("SELECT name FROM p LIMIT 2", [("Dora", "Anna")], [("Dora", "Dora"), ("Eva", "Anna")]),
        ("SELECT name FROM p WHERE height > 170 UNION SELECT name FROM p WHERE id = 1 ORDER BY name", [("Anna", "Ben", "Cleo")], [("Ben", "Anna", "Cleo")]),
        ("SELECT max(name) FROM p GROUP BY height ORDER BY count(*)", [("Cleo", "Dora"), ("Dora", "Cleo")], [("Dora", "Dora")]),
    ],
)
def test_what_an_order_leaves_open_is_right_in_every_way(gold, right, wrong):
    assert {_outcome(_rows(*names), gold) for names in right} == {"right"}
    assert {_outcome(_rows(*names) if names else "SELECT 1 WHERE 0", gold) for names in wrong} == {"wrong"}


def test_what_is_not_ordered_has_a_limit_all_the_same():
    gold = "SELECT name FROM p ORDER BY height DESC LIMIT 3"
    assert [_outcome(_rows(*names), gold, ordered=False) for names in (("Dora", "Cleo", "Ben"), ("Anna", "Dora", "Ben"), ("Anna", "Ben", "Ben"))] == [
        "right",
        "wrong",
        "wrong",
    ]


def test_what_depends_on_the_order_of_reading_is_not_told():
    # Ben or Cleo, whichever is read first; a query that takes another one may be as right.
    gold = "SELECT id FROM p WHERE id = (SELECT id FROM p ORDER BY height DESC LIMIT 1)"
    assert [_outcome(f"SELECT {number}", gold) for number in (2, 3, 1)] == ["right", "undecided", "undecided"]
    fixed = gold.replace("DESC", "DESC, id")
    assert [_outcome(f"SELECT {number}", fixed) for number in (2, 3)] == ["right", "wrong"]
    assert left_open([Trial("", gold, (PEOPLE,)), Trial("", fixed, (PEOPLE,)), Trial("", "SELECT name FROM p ORDER BY height", (PEOPLE,), ordered=True)]) == [
        [True],
        [False],
        [False],
    ]


@pytest.mark.parametrize(
    ("query", "terms", "first", "most"),
    [
        ("SELECT a, b FROM t ORDER BY b DESC, lower(a) ASC NULLS LAST LIMIT 5 OFFSET 2", ("b", "lower(a)"), 2, 5),
        ("SELECT a FROM t WHERE b = 'x ORDER BY y' ORDER BY \"order by\" -- LIMIT 3", ('"order by"',), 0, None),
        ("WITH c AS (SELECT a FROM t ORDER BY a LIMIT 1) SELECT a FROM c LIMIT 3, 4", (), 3, 4),
        ("SELECT rank() OVER (ORDER BY a) FROM t order by 1", ("1",), 0, None),
        ("SELECT a FROM t ORDER BY a " + "/* " * 100_000, ("a",), 0, None),
    ],
)
def test_orders(query, terms, first, most):
    order = read_order(query)
    assert (order.terms, order.first, order.most) == (terms, first, most)


@pytest.mark.parametrize(
    "query",
    ["SELECT a FROM t", "SELECT (SELECT 1 LIMIT 1)", "SELECT a FROM t LIMIT 1 + 1", "SELECT a FROM t ORDER BY a COLLATE NOCASE", "ORDER BY", ") LIMIT ("],
)
def test_what_is_no_order_or_is_not_read(query):
    assert read_order(query) is None
