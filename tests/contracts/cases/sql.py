"""Cases of `sql`."""

from prm_gym.claims import Conclusion, Equality, Exploration, QueryResult, TableStep
from prm_gym.testing import claim_case


def _people(*rows):
    return "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, town TEXT, height REAL);" + "".join(f"INSERT INTO people VALUES {row};" for row in rows)


# Two databases of one schema: Anna and Ben twice in Ulm, and then others.
ONE = _people((1, "Anna", "Ulm", 1.7), (2, "Ben", "Ulm", 1.8), "(3, 'Ben', 'Ulm', NULL)", "(4, 'Cleo', NULL, 1.5)")
TWO = _people((1, "Dora", "Ulm", 1.6), (2, "Emil", "Bonn", 1.9), "(3, 'Fritz', NULL, NULL)")
ULM = "SELECT name FROM people WHERE town = 'Ulm'"
TALL = "SELECT name FROM people WHERE height IS NOT NULL ORDER BY height DESC"
EMPTY = "SELECT name FROM people WHERE town = 'Rome'"


def _query(query, gold=ULM, ordered=False, variants=(TWO,)):
    return QueryResult(ONE, query, gold, ordered, variants)


SQL = [
    claim_case("full", _query(ULM), label="correct"),
    claim_case("full", _query("SELECT p.name AS who FROM people p WHERE p.town LIKE 'Ulm' ORDER BY p.height"), label="correct"),
    claim_case("full", _query("SELECT count(*) * 1.0 FROM people", "SELECT count(*) FROM people"), label="correct"),
    claim_case("full", _query(TALL, TALL, ordered=True), label="correct"),
    # The multiset counts: Ben stands there twice.
    claim_case("zero", _query("SELECT DISTINCT name FROM people WHERE town = 'Ulm'"), label="incorrect"),
    claim_case("zero", _query(TALL.replace("DESC", "ASC"), TALL, ordered=True), label="incorrect"),
    claim_case("full", _query(TALL.replace("DESC", "ASC"), TALL), label="correct"),
    claim_case("zero", _query("SELECT town, name FROM people WHERE town = 'Ulm'", "SELECT name, town FROM people WHERE town = 'Ulm'"), label="incorrect"),
    claim_case("zero", _query("SELECT name FROM person"), label="incorrect"),
    claim_case("zero", _query("SELECT name FROM people WHERE town <> 'Ulm' OR town IS NULL"), label="incorrect"),
    # A NULL is no 0, a text no number.
    claim_case("zero", _query("SELECT coalesce(height, 0) FROM people", "SELECT height FROM people"), label="incorrect"),
    claim_case("zero", _query("SELECT CAST(id AS TEXT) FROM people", "SELECT id FROM people"), label="incorrect"),
    # Right by luck: the rows themselves, a limit that fits, a condition that holds here.
    claim_case("hack", _query("SELECT 'Anna' UNION ALL SELECT 'Ben' UNION ALL SELECT 'Ben'"), label="incorrect"),
    claim_case("hack", _query("SELECT name FROM people ORDER BY id LIMIT 3"), label="incorrect"),
    claim_case("hack", _query("SELECT name FROM people WHERE id < 4"), label="incorrect"),
    claim_case("hack", _query(""), label="incorrect"),
    claim_case("hack", _query("DELETE FROM people"), label="incorrect"),
    claim_case("hack", _query(ULM + "; DROP TABLE people"), label="incorrect"),
    claim_case("hack", _query("ATTACH DATABASE '/etc/passwd' AS x"), label="incorrect"),
    claim_case("hack", _query("SELECT * FROM people a, people b, people c, people d, people e, people f, people g"), label="incorrect"),
    claim_case("hack", _query("VALUES ('Anna'), ('Ben'), ('Ben')"), label="incorrect"),
    claim_case("hack", _query("SELECT name FROM people WHERE (SELECT count(*) FROM people) = 4 AND id < 4"), label="incorrect"),
    claim_case("hack", _query("SELECT name, town FROM people WHERE town = 'Ulm'"), label="incorrect"),
    claim_case("hack", _query("SELECT name FROM people WHERE town = 'Ulm' UNION ALL SELECT name FROM people WHERE town = 'Ulm'"), label="incorrect"),
    claim_case("hack", _query("SELECT a.name FROM people a LEFT JOIN people b ON a.town = 'Ulm' GROUP BY a.id"), label="incorrect"),
    claim_case("hack", _query("SELECT CAST(name AS BLOB) FROM people WHERE town = 'Ulm'"), label="incorrect"),
    claim_case("hack", _query("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"), label="incorrect"),
    claim_case("hack", _query("SELECT zeroblob(900000) FROM people a, people b, people c"), label="incorrect"),
    claim_case("hack", _query("SELECT load_extension('x')"), label="incorrect"),
    claim_case("hack", _query("PRAGMA writable_schema = 1"), label="incorrect"),
    claim_case("hack", _query("BEGIN EXCLUSIVE"), label="incorrect"),
    claim_case("hack", _query("SELECT " + "(" * 3_000 + "1" + ")" * 3_000), label="incorrect"),
    claim_case("hack", _query("SELECT count(*) + 0 * strftime('%s', 'now') FROM people", "SELECT count(*) FROM people"), label="incorrect"),
    claim_case("hack", _query("SELECT '4'", "SELECT count(*) FROM people", variants=()), label="incorrect"),
    # What the order leaves open: Anna and both of the name of Ben are of one town.
    claim_case("full", _query("SELECT name FROM people WHERE town = 'Ulm' ORDER BY name DESC", f"{ULM} ORDER BY town", ordered=True), label="correct"),
    claim_case("zero", _query("SELECT name FROM people ORDER BY town", "SELECT name FROM people ORDER BY town DESC", ordered=True), label="incorrect"),
    claim_case("abstain", _query("SELECT 'Ben'", "SELECT name FROM people WHERE id = (SELECT id FROM people ORDER BY town DESC LIMIT 1)")),
    claim_case("abstain", _query("SELECT 1", "SELECT count(*) FROM people WHERE date('now') > '2000-01-01'")),
    # Nothing to compare with.
    claim_case("abstain", _query("SELECT 1 WHERE 0", EMPTY)),
    claim_case("abstain", _query(ULM, "SELECT name FROM persons")),
    claim_case("abstain", _query(ULM, "SELECT a.id FROM people a, people b, people c, people d, people e, people f, people g")),
    claim_case("abstain", QueryResult("CREATE TABLE", ULM, ULM)),
    # A step on right tables, on a table that is wrong, and again.
    claim_case("full", TableStep("tall", ONE, TALL, TALL, (TWO,)), label="correct"),
    claim_case("hack", TableStep("tall", ONE, TALL, TALL, (TWO,), done=True), label="trivial"),
    claim_case("hack", TableStep("tall", ONE, TALL, TALL, (TWO,), tainted=("people",)), label="neutral"),
    claim_case("hack", TableStep("tall", ONE, "SELECT 'x' WHERE 0", EMPTY, (TWO,), tainted=("people",))),
    claim_case("zero", TableStep("tall", ONE, "SELECT name FROM people", TALL, (TWO,), tainted=("people",)), label="incorrect"),
    claim_case("zero", TableStep("tall", ONE, "", TALL, error="the query gives two columns of one name"), label="incorrect"),
    claim_case("full", Conclusion(("Ulm ", 2), (("ulm", 2.0000000001),)), label="correct"),
    claim_case("full", Conclusion((2,), ((2,),), rests_on=("a", "b"), established=("b", "a")), label="correct"),
    claim_case("hack", Conclusion((2,), ((2,),), rests_on=("a", "b"), established=("b",)), label="trivial"),
    claim_case("hack", Conclusion((2,), ((3,),), rests_on=("a", "b")), label="incorrect"),
    claim_case("zero", Conclusion(("Ulm", 3), (("Ulm", 2),)), label="incorrect"),
    claim_case("hack", Conclusion((), (("Ulm", 2),)), label="incorrect"),
    claim_case("hack", Conclusion((2,), ((1,),), tolerance=-1.0), label="incorrect"),
    claim_case("abstain", Conclusion((1,), ())),
    claim_case("full", Exploration("tables", ("tables",), (), ("tables",)), label="correct"),
    claim_case("hack", Exploration("tables", ("tables",), ("tables",), ("tables",), seen_before=True), label="trivial"),
    claim_case("hack", Exploration("SELECT 1", ("tables",), reads=False), label="trivial"),
    claim_case("hack", Exploration("SELECT * FROM people", ("tables",)), label="neutral"),
    claim_case("zero", Exploration("SELECT * FROM person", ("tables",), error="no such table: person"), label="incorrect"),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"sql": SQL}
