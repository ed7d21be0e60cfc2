import msgspec

from prm_gym.sql import Trial, judge, run_queries, running

TABLE = "CREATE TABLE t (a INTEGER, b TEXT);"
ONE, TWO, NONE = TABLE + "INSERT INTO t VALUES (1, 'x'), (2, 'y');", TABLE + "INSERT INTO t VALUES (3, 'x'), (3, 'x');", TABLE
GOLD = "SELECT a FROM t WHERE b = 'x'"


def _outcomes(*trials):
    return [finding.outcome for finding in judge(trials)]


def test_a_query_is_right_when_it_is_on_every_database():
    assert _outcomes(Trial(GOLD, GOLD, (ONE, TWO)), Trial("SELECT 1", GOLD, (ONE,)), Trial("SELECT 1", GOLD, (ONE, TWO))) == ["right", "right", "wrong"]
    assert judge([Trial("SELECT 1", GOLD, (ONE, TWO))])[0].reason.startswith("on another database with the same tables, ")


def test_what_cannot_be_told():
    nothing = "SELECT 7 WHERE 0"
    assert _outcomes(
        Trial(nothing, GOLD, (NONE,)), Trial(nothing, GOLD, (NONE, ONE)), Trial(GOLD, "SELECT c FROM t", (ONE,)), Trial(GOLD, GOLD, ("nonsense",))
    ) == [
        "undecided",
        "wrong",
        "undecided",
        "undecided",
    ]


def test_results_beyond_the_limit():
    # 101^2 = 10,201 rows, more than the 10,000 that are read.
    numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT a.i FROM n a, n b"
    assert _outcomes(Trial(numbers, GOLD, (ONE,)), Trial(numbers, numbers, (ONE,))) == ["wrong", "undecided"]


def test_queries_that_do_not_end_fail_and_do_not_hold_up_the_others(monkeypatch):
    monkeypatch.setattr(running, "LIMITS", msgspec.structs.replace(running.LIMITS, wall_seconds=1.0))
    forever = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    assert _outcomes(Trial(forever, GOLD, (ONE, TWO)), Trial(GOLD, GOLD, (ONE, TWO))) == ["failed", "right"]


def test_what_is_longer_than_is_read_is_an_error_of_its_own():
    found = run_queries([("SELECT '" + "x" * 300_000 + "'", ONE), (GOLD, ONE)])
    assert [rows.status for rows in found] == ["error", "ok"]


def test_equal_queries_have_equal_results():
    one, other = run_queries([(GOLD, ONE), (GOLD, ONE)])
    assert one is other


def test_great_sorts_need_no_files():
    # The numbers 1 to 40,000: their greatest rank is 40,000, and as many of them are different. SQLite would write such sorts to files.
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000), t AS (SELECT 'a rather long name of the number ' || i AS name FROM n)"
    )
    found = run_queries(
        [
            (f"{numbers} SELECT max(place) FROM (SELECT rank() OVER (ORDER BY name DESC) AS place FROM t)", ONE),
            (f"{numbers} SELECT count(*) FROM (SELECT name FROM t UNION SELECT name FROM t)", ONE),
            (f"{numbers} SELECT count(DISTINCT name) FROM t", ONE),
        ]
    )
    assert [(rows.status, rows.rows) for rows in found] == [("ok", ((40_000,),))] * 3


def test_the_right_query_is_given_more_time_than_another(monkeypatch):
    # Half a second of work for the right query with a limit of 0.1 s for both: it is run again, and the other one is over the limit.
    monkeypatch.setattr(running, "LIMITS", msgspec.structs.replace(running.LIMITS, wall_seconds=0.1))
    slow = "SELECT 1, count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) SELECT i FROM n)"
    assert _outcomes(Trial("SELECT 1, 1500001", slow, (ONE,)), Trial(slow + " ", slow, (ONE,))) == ["right", "failed"]
