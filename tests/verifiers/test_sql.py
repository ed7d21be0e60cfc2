import msgspec
import pytest

from prm_gym.claims import Conclusion, Equality, Exploration, Malformed, QueryResult, TableStep, claim_from_json
from prm_gym.errors import OptionError, SandboxError
from prm_gym.sandbox import Sandbox
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier

TABLE = "CREATE TABLE t (a INTEGER, b TEXT);"
ONE, TWO = TABLE + "INSERT INTO t VALUES (1, 'x'), (2, 'y');", TABLE + "INSERT INTO t VALUES (3, 'x'), (4, 'x');"
GOLD = "SELECT a FROM t WHERE b = 'x'"


def _steps(*claims):
    task = Task(key="t", instructions="", question="")
    return [StepContext(task=task, observation="", action="", claims=claim if isinstance(claim, tuple) else (claim,)) for claim in claims]


@pytest.fixture
def verifier():
    made = make_verifier("sql")
    yield made
    made.close()


def test_the_evidence_says_where_and_what(verifier):
    (verdict,) = verifier.verify(_steps(QueryResult(ONE, "SELECT 1", GOLD, variants=(TWO,))))
    # On the second database the right rows are 3 and 4.
    assert verdict.evidence == {"database": 1, "rows": 1, "expected_rows": 2, "missing": [3], "unexpected": [1]}
    (verdict,) = verifier.verify(_steps(QueryResult(ONE, "SELECT c FROM t", GOLD)))
    assert verdict.evidence["error"] == "OperationalError: no such column: c"


def test_a_step_gets_the_verdict_of_its_worst_claim(verifier):
    right, wrong, unknown = QueryResult(ONE, GOLD, GOLD), QueryResult(ONE, "SELECT 5", GOLD), QueryResult(ONE, GOLD, "nonsense")
    verdicts = verifier.verify(_steps((right, wrong), (right, unknown), (unknown, wrong), (right, Malformed("no")), (Equality("1", "1"), right), ()))
    assert [verdict.label for verdict in verdicts] == ["incorrect", None, "incorrect", "malformed", "correct", None]
    assert [verdict.status for verdict in verdicts] == ["ok", "abstain", "ok", "ok", "ok", "abstain"]


def test_a_batch_is_judged_as_its_steps_are(verifier):
    claims = [QueryResult(ONE, f"SELECT a FROM t WHERE b = 'x' AND a < {number % 7}", GOLD, variants=(TWO,)) for number in range(40)]
    batch = verifier.verify(_steps(*claims))
    assert batch == [verifier.verify([step])[0] for step in _steps(*claims)]
    # 1 is less than 2 here, but 4 there is not: only above 4 all of 1, 3, 4 are found.
    assert [verdict.label == "correct" for verdict in batch] == [number % 7 > 4 for number in range(40)]


def test_claims_that_make_no_sense_get_no_verdict(verifier):
    verdicts = verifier.verify(
        _steps(
            QueryResult(ONE, GOLD, GOLD),
            QueryResult(ONE, GOLD, GOLD, dialect="mysql"),
            *(Conclusion((5,), ((1,),), limit) for limit in (float("inf"), float("nan"))),
        )
    )
    assert [verdict.label for verdict in verdicts] == ["correct", None, None, None]
    assert [verdict.status for verdict in verdicts] == ["ok", "abstain", "abstain", "abstain"]


def test_tainted_steps(verifier):
    right, wrong = (TableStep("t2", ONE, query, GOLD, (TWO,), tainted=("t",)) for query in (GOLD, "SELECT a FROM t"))
    verdicts = verifier.verify(_steps(right, wrong))
    assert [(verdict.label, verdict.score, verdict.evidence["tainted"]) for verdict in verdicts] == [("neutral", 0.5, ["t"]), ("incorrect", 0.0, ["t"])]


def test_claims_are_stored_and_judged_again(verifier):
    claims = [
        QueryResult(ONE, GOLD, GOLD, True, (TWO,)),
        TableStep("t2", ONE, GOLD, GOLD, (TWO,), ("t",), True),
        Exploration("q", ("a",), ("b",), ("c",), False, True, "e"),
    ]
    again = [claim_from_json(msgspec.json.decode(msgspec.json.encode(claim))) for claim in claims]
    assert again == claims
    assert verifier.verify(_steps(*again)) == verifier.verify(_steps(*claims))


# DuckDB, where the extra is installed.

DUCK = "CREATE TABLE t (a INTEGER, d DATE, c DECIMAL(8, 2)); INSERT INTO t VALUES (1, '2024-01-31', 1.25), (2, NULL, 2.50), (NULL, '2024-02-01', NULL);"


@pytest.fixture
def duck():
    pytest.importorskip("duckdb")


def _duck(query, gold):
    return QueryResult(DUCK, query, gold, dialect="duckdb")


def test_duckdb(verifier, duck):
    gold = "SELECT a, d, c FROM t"
    verdicts = verifier.verify(
        _steps(
            _duck("FROM t", gold),  # DuckDB's own way to write it
            _duck("SELECT a, strftime(d, '%Y-%m-%d'), c::DOUBLE FROM t ORDER BY a DESC", gold),
            _duck("SELECT sum(a), count(*) FROM t", "SELECT 3, 3"),
            _duck("SELECT a, d, c FROM t WHERE a IS NOT NULL", gold),
            _duck("SELECT random(), d, c FROM t", gold),
            QueryResult(ONE, GOLD, GOLD),  # both dialects in one batch
        )
    )
    assert [verdict.label for verdict in verdicts] == ["correct", "correct", "correct", "incorrect", "incorrect", "correct"]


@pytest.mark.parametrize("tier", ["A", "B", "C"])
def test_duckdb_reaches_nothing_outside(duck, tier):
    try:
        sandbox = Sandbox(tier=tier)
        sandbox.sql("SELECT 1", "", dialect="duckdb")
    except SandboxError as error:
        pytest.skip(str(error))
    for query in (
        "SELECT * FROM read_csv('/etc/passwd')",
        "FROM read_text('/proc/self/environ')",
        "FROM glob('/*')",
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "DELETE FROM t",
        "SELECT string_agg(repeat('x', 1000000), '') FROM range(2000)",
    ):
        rows = sandbox.sql(query, DUCK, dialect="duckdb")
        assert rows.status == "error", (query, rows)
    found = sandbox.sql_all([("SELECT a, random() FROM t", DUCK)] * 2, dialect="duckdb")
    assert found[0].rows == found[1].rows
    assert [row[0] for row in found[0].rows] == [1, 2, None]


def test_a_script_of_duckdb_reaches_nothing_either(duck, tmp_path):
    path = tmp_path / "x.db"
    rows = Sandbox().sql("SELECT 1", f"ATTACH '{path}' AS other; CREATE TABLE other.t (a INTEGER);", dialect="duckdb")
    assert rows.status == "error"
    assert not path.exists()
    with pytest.raises(OptionError, match="dialect"):
        Sandbox().sql("SELECT 1", "", dialect="oracle")
