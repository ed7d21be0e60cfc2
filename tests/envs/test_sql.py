import datetime
import re
import sqlite3
from collections import defaultdict
from functools import partial

import gymnasium as gym
import msgspec
import pytest

from prm_gym.claims import Exploration, Malformed, QueryResult
from prm_gym.env import StepEnv
from prm_gym.envs.tools.own_database import OwnDatabase
from prm_gym.envs.tools.sql_domains import DOMAINS
from prm_gym.envs.tools.sql_files import is_ordered
from prm_gym.envs.tools.sql_looks import facts_of
from prm_gym.envs.tools.sql_questions import LEVELS, question
from prm_gym.errors import MissingExtraError, OptionError
from prm_gym.sql import Trial, judge, literal, running
from prm_gym.testing import check_step_env
from prm_gym.tools import call_text

DRAWN = 28  # questions a level


def _env(**options) -> StepEnv:
    return gym.make("prm_gym/SQL-v0", **options).unwrapped


def _tables(drawn):
    """The rows of a question's database by the part that their table plays: groups, items, people, events."""
    own = OwnDatabase(drawn.database)
    return [own.rows(f"SELECT * FROM {name}").rows for name in drawn.tables]


def _literals(drawn):
    return re.findall(r"'([^']*)'", drawn.asked.gold)


def _items_by_size(drawn):
    low, high = map(int, re.search(r"at least (\d+) and less than (\d+)", drawn.asked.text).groups())
    items = [item for item in _tables(drawn)[1] if low <= item[4] < high]
    return [(item[1], item[4]) for item in sorted(items, key=lambda item: (-item[4], item[0]))]


def _mean_value(drawn):
    (first,) = _literals(drawn)
    events = [event for event in _tables(drawn)[3] if event[3] >= first]
    known = [event[5] for event in events if event[5] is not None]
    return [(len(events), sum(known) / len(known) if known else None)]


def _events_of_groups(drawn):
    groups, items, _, events = _tables(drawn)
    group_of = {item[0]: item[3] for item in items}
    counts = [(name, sum(group_of[event[1]] == key for event in events), key) for key, name, _ in groups]
    return [(name, count) for name, count, _ in sorted(counts, key=lambda row: (-row[1], -row[2]))]


def _months(drawn):
    year = drawn.asked.text.split("of the year ")[1][:4]
    found = defaultdict(lambda: [0, 0])
    for event in _tables(drawn)[3]:
        if event[3].startswith(year):
            found[event[3][:7]][0] += 1
            found[event[3][:7]][1] += event[2] is None
    return [(month, *counts) for month, counts in found.items()]


def _both_kinds(drawn):
    first, second = _literals(drawn)
    _, items, people, events = _tables(drawn)
    kind_of = {item[0]: item[2] for item in items}
    kinds = defaultdict(set)
    for event in events:
        kinds[event[2]].add(kind_of[event[1]])
    return [(person[0], person[1]) for person in people if {first, second} <= kinds[person[0]]]


def _above_the_mean_total(drawn):
    _, _, people, events = _tables(drawn)
    totals = defaultdict(int)
    for event in events:
        if event[2] is not None:
            totals[event[2]] += event[4]
    mean = sum(totals.values()) / len(totals)
    return [(person[0], person[1], totals[person[0]]) for person in people if person[0] in totals and totals[person[0]] > mean]


def _top_two(drawn):
    _, items, _, events = _tables(drawn)
    totals = defaultdict(int)
    for event in events:
        totals[event[1]] += event[4]
    found = []
    for kind in {item[2] for item in items}:
        best = sorted((-totals[item[0]], item[0]) for item in items if item[2] == kind and item[0] in totals)[:2]
        found += [(kind, key, -total, place + 1) for place, (total, key) in enumerate(best)]
    return found


def _days_since_the_last(drawn):
    (wanted,) = _literals(drawn)
    _, items, _, events = _tables(drawn)
    kinds = {item[0]: item[2] for item in items}
    found, last = [], {}
    for event in sorted(events, key=lambda event: (event[3], event[0])):
        if kinds[event[1]] == wanted:
            day = datetime.date.fromisoformat(event[3])
            found.append((event[0], (day - last[event[1]]).days if event[1] in last else None))
            last[event[1]] = day
    return found


def _favourite_kind(drawn):
    _, items, _, events = _tables(drawn)
    kinds = {item[0]: item[2] for item in items}
    totals = defaultdict(lambda: defaultdict(int))
    for event in events:
        if event[2] is not None:
            totals[event[2]][kinds[event[1]]] += event[4]
    return [(person, kind, total) for person, own in totals.items() for kind, total in own.items() if total == max(own.values())]


# A second reading of the questions, in Python, of the rows themselves.
READINGS = (
    (1, _items_by_size),
    (2, _mean_value),
    (3, _events_of_groups),
    (3, _months),
    (4, _both_kinds),
    (4, _above_the_mean_total),
    (5, _top_two),
    (5, _days_since_the_last),
    (5, _favourite_kind),
)


@pytest.mark.parametrize(("level", "reading"), READINGS, ids=lambda value: getattr(value, "__name__", value))
def test_right_queries_give_what_a_second_reading_of_the_question_gives(level, reading):
    drawn = [found for entropy in range(DRAWN) if (found := question(entropy, level)).form == reading.__name__.strip("_")]
    assert len(drawn) >= 2
    for found in drawn:
        rows = OwnDatabase(found.database).rows(found.asked.gold).rows
        expected = reading(found)
        if not found.asked.ordered:
            rows, expected = sorted(rows, key=repr), sorted(expected, key=repr)
        assert len(rows) == len(expected)
        for row, other in zip(rows, expected, strict=True):
            assert row == pytest.approx(other), found.asked


def test_every_template_and_domain_is_drawn():
    drawn = [question(entropy, level) for level in LEVELS for entropy in range(DRAWN)]
    assert {found.form for found in drawn} == {template.__name__.strip("_") for templates in LEVELS.values() for template in templates}
    assert {found.tables[0] for found in drawn} == {domain.groups.name for domain in DOMAINS}


def test_the_suite_finds_wrong_queries_that_one_database_does_not():
    # Of 200 queries one edit away that are right on the database that the agent sees, the suite finds all.
    mistakes = [mistake for level in LEVELS for entropy in range(DRAWN) for mistake in question(entropy, level).mistakes]
    one, suite = sum(told for _, told, _ in mistakes), sum(told for _, _, told in mistakes)
    assert len(mistakes) > 1_500
    assert len(mistakes) - one > 150
    assert len(mistakes) == suite


def test_an_order_that_comes_by_itself_does_not_count():
    # Rows are read backwards in some databases of each suite, so that a query without its ORDER BY gives them in another order.
    asked = [drawn for level in LEVELS for entropy in range(DRAWN) if (drawn := question(entropy, level)).asked.ordered and "LIMIT" not in drawn.asked.gold]
    assert len(asked) > 30
    for drawn in asked:
        query = drawn.asked.gold[: drawn.asked.gold.rindex(" ORDER BY ")]
        assert any(OwnDatabase(script).tells(query, drawn.asked.gold, True) for script in (drawn.database, *drawn.variants)), drawn.asked


def test_the_right_answer_is_told_by_nothing_but_its_meaning():
    # It is one of eight. Of 140 draws with a chance of 1/8 more than 32 are right with a probability of 0.0003.
    drawn = [question(entropy, level) for level in LEVELS for entropy in range(DRAWN)]
    marks = {
        "length": len,
        "words": lambda query: len(query.split()),
        "DISTINCT": lambda query: query.count("DISTINCT"),
        "NOT": lambda query: query.count("NOT"),
    }
    for name, mark in marks.items():
        for sign in (1, -1):
            right = 0.0
            for found in drawn:
                values = [sign * mark(query) for query in (found.asked.gold, *found.wrong)]
                right += (values[0] == max(values)) / values.count(max(values))
            assert right <= 32, (name, sign)
    early = 0  # in the alphabet
    for found in drawn:
        assert len(found.wrong) == 7
        early += found.asked.gold < min(found.wrong)
        # What the question names, numbers and texts, stands in all of them.
        assert len({tuple(sorted(re.findall(r"'[^']*'|\d+", query))) for query in (found.asked.gold, *found.wrong)}) == 1
    assert early <= 32


def test_rows_do_not_stand_in_the_order_of_their_ids():
    for entropy in range(4):
        drawn = question(entropy, 2)
        for script in (drawn.database, *drawn.variants):
            ids = [row[0] for row in OwnDatabase(script).rows(f"SELECT id, * FROM {drawn.tables[3]}").rows]
            assert ids != sorted(ids)


def test_constants_and_the_listed_mistakes_are_wrong():
    drawn = [question(entropy, level) for level in LEVELS for entropy in range(5)]
    constants, trials = [], []
    for found in drawn:
        rows = OwnDatabase(found.database).rows(found.asked.gold).rows
        query = "VALUES " + ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        databases = (found.database, *found.variants)
        constants.append(Trial(query, found.asked.gold, databases[:1], found.asked.ordered))
        trials += [Trial(query, found.asked.gold, databases, found.asked.ordered) for query in (query, *found.wrong)]
    assert {finding.outcome for finding in judge(constants)} == {"right"}  # one database cannot tell
    assert {finding.outcome for finding in judge(trials)} == {"wrong"}


def test_a_limit_that_fits_the_database_is_wrong_where_others_have_more_rows():
    # Not told: one row always, or as many as there can be kinds, regions or months.
    bounded = ("mean_value", "different_people", "total_of_a_kind", "range_of_sizes", "shares", "kinds_with_many", "different_items", "months")
    drawn = [
        found for level in LEVELS for entropy in range(DRAWN) if (found := question(entropy, level)).form not in bounded and "LIMIT" not in found.asked.gold
    ]
    passed = 0
    for found in drawn:
        cut = f"{found.asked.gold} LIMIT {len(OwnDatabase(found.database).rows(found.asked.gold).rows)}"
        passed += not any(OwnDatabase(script).tells(cut, found.asked.gold, found.asked.ordered) for script in found.variants)
    assert len(drawn) > 60
    assert passed < 0.12 * len(drawn)


def test_a_look_earns_when_it_shows_what_is_needed_and_once():
    env = _env(difficulty=4, reward="dense")
    seed = next(seed for seed in range(50) if env.reset(seed=seed) and any("value:" in fact for fact in env.task.sealed["needed"]))
    env.reset(seed=seed)
    labels = []
    value = next(fact for fact in env.task.sealed["needed"] if fact.startswith("value:")).removeprefix("value:")
    looks = env.solution()[:-1]
    for action in [
        call_text("query", sql="SELECT 1"),
        call_text("query", sql=f"SELECT {literal(value)}, 1"),  # spelt, not seen
        call_text("query", sql=f"SELECT char({', '.join(str(ord(c)) for c in value)})"),
        call_text("query", sql="SELECT nothing"),
        call_text("describe", table="nothing"),
        *looks,
        *looks,
        call_text("query", sql="SELECT name FROM sqlite_master"),
        call_text("query", sql="SELECT name AS other FROM sqlite_master"),
    ]:
        observation, _, _, _, info = env.step(action)
        labels.append(info["verdicts"]["sql"].label)
        assert observation.startswith("Error: ") == (labels[-1] == "incorrect")
    assert labels == ["trivial", "trivial", "trivial", "incorrect", "incorrect", *["correct"] * len(looks), *["trivial"] * len(looks), "neutral", "trivial"]


def test_looking_around_for_ever_earns_no_more_than_what_is_needed():
    env = _env(difficulty=1, reward="dense", max_steps=60)
    env.reset(seed=0)
    needed = len(env.solution()) - 1
    total = sum(env.step(call_text("query", sql=f"SELECT {number}, name FROM sqlite_master"))[1] for number in range(20))
    total += sum(env.step(call_text("query", sql="SELECT 1 WHERE 0"))[1] for number in range(10))
    for _ in range(3):
        total += sum(env.step(action)[1] for action in env.solution()[:-1])
    assert total == pytest.approx(needed * 0.45 / 60)


def test_answers():
    env = _env(difficulty=2)
    env.reset(seed=0)
    beginning = env.snapshot()
    for action, outcome in (
        (env.solution()[-1], 1.0),  # nobody is made to look
        (call_text("answer", sql="SELECT 1"), 0.0),
        (call_text("answer", sql="DROP TABLE x"), 0.0),
        (call_text("answer", sql="nonsense"), 0.0),
    ):
        env.restore(beginning)
        _, reward, terminated, _, info = env.step(action)
        assert (reward, terminated, info["outcome"], info["verdicts"]["sql"].score) == (outcome, True, outcome, outcome)
        assert isinstance(env.past_steps[-1].claims[0], QueryResult)


@pytest.mark.parametrize(
    "action",
    [
        "SELECT 1",
        '{"name": "quary", "arguments": {"sql": "SELECT 1"}}',
        '{"name": "query", "arguments": {"sql": 1}}',
        '{"name": "query", "arguments": {}}',
        '{"name": "query", "arguments": {"sql": "SELECT 1", "more": 1}}',
        call_text("query", sql="x" * 9_000),
        call_text("tables", x=1),
    ],
)
def test_malformed_calls_change_nothing_and_say_why(action):
    env = _env()
    _, info = env.reset(seed=0)
    observation, _, _, _, after = env.step(action)
    assert isinstance(env.past_steps[-1].claims[0], Malformed)
    assert observation.startswith("Error: ")
    assert (after["state_key"], after["actions"]) == (info["state_key"], info["actions"])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM sqlite_master; DROP TABLE books",
        "PRAGMA writable_schema=1",
        "ATTACH DATABASE '/tmp/x.db' AS x",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "VACUUM INTO '/tmp/x.db'",
        "SELECT \0",
        "SELECT " + "(" * 3_000,
        "-- nothing",
        "SELECT date('now')",
        "SELECT strftime('%s')",
    ],
)
def test_hostile_queries_are_errors_and_the_episode_goes_on(query):
    env = _env()
    env.reset(seed=0)
    observation, _, terminated, truncated, info = env.step(call_text("query", sql=query))
    assert observation.startswith("Error: ")
    assert (terminated, truncated, info["valid"]) == (False, False, True)
    assert isinstance(env.past_steps[-1].claims[0], Exploration)


def test_results_are_shown_cut_and_counted():
    env = _env()
    env.reset(seed=0)
    observation = env.step(
        call_text("query", sql="WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, NULL, 'a b' FROM n")
    )[0]
    lines = observation.split("\n")
    assert lines[0] == "i | NULL | 'a b'"
    assert lines[1:3] == ["1 | NULL | 'a b'", "2 | NULL | 'a b'"]
    assert lines[-1] == "(500 rows; the first 20 are shown)"
    assert len(env.step(call_text("query", sql="SELECT hex(zeroblob(400000))"))[0]) < 200


def test_facts():
    tables = ["Books", "book_sales", "authors"]
    gold = "SELECT b.title FROM books AS b WHERE genre = 'sci-fi' AND sold > '2021-01-01' AND name = 'Ada' AND x LIKE 'a%'"
    assert facts_of(gold, tables, "Science fiction that Ada wrote.") == ("tables", "table:Books", "value:sci-fi")


def test_texts_in_double_quotation_marks_are_facts_where_nothing_is_called_so():
    # "DOG" is no column, so that SQLite takes it for a text; "first name" and "n" are names.
    schema = 'CREATE TABLE pets (id INTEGER, "first name" TEXT, kind TEXT)'
    gold = 'SELECT "first name" AS "n" FROM "pets" WHERE kind = "DOG" ORDER BY "n"'
    assert facts_of(gold, ["pets"], "Names of dogs?", schema) == ("tables", "table:pets", "value:DOG")


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT a FROM t ORDER  BY a", True),
        ("SELECT a FROM t order by a LIMIT 1", True),
        ("SELECT ' ORDER BY ' FROM t", False),
        ("SELECT rank() OVER (ORDER BY a) FROM t", False),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a)", False),
    ],
)
def test_where_the_order_counts(query, ordered):
    assert is_ordered(query) is ordered


# Files of one's own.

SCRIPT = "CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT, kind TEXT);\nINSERT INTO pets VALUES (1, 'Rex', 'DOG'), (2, 'Tom', 'CAT'), (3, 'Ava', 'DOG');"
QUESTION = '{"db_id": "pets", "question": "Names of dogs?", "query": "SELECT name FROM pets WHERE kind = \'DOG\';", "sql": {"parsed": 1}}\n'


def _sqlite(path, script):
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


@pytest.fixture
def folder(tmp_path):
    """The layout of Spider, with a suite of two databases."""
    (tmp_path / "databases" / "pets").mkdir(parents=True)
    _sqlite(tmp_path / "databases" / "pets" / "pets.sqlite", SCRIPT)
    _sqlite(tmp_path / "databases" / "pets" / "pets_1.sqlite", SCRIPT.replace("'CAT'", "'DOG'"))
    (tmp_path / "dev.jsonl").write_text(QUESTION)
    return tmp_path


def test_questions_and_databases_of_a_folder(folder):
    env = _env(questions=folder / "dev.jsonl", database=folder / "databases")
    observation, info = env.reset(seed=0)
    assert (observation, info["actions"], env.task_count) == ("Names of dogs?", (), 1)
    assert env.task.sealed["needed"] == ["tables", "table:pets", "value:DOG"]
    for action in env.solution():
        _, reward, _, _, info = env.step(action)
    assert (reward, info["verdicts"]["sql"].evidence) == (1.0, {"databases": 2})
    env.reset(options={"task_index": 0})
    assert env.step(call_text("answer", sql="SELECT name FROM pets WHERE id <> 2"))[1] == 0.0  # right on the first database


def test_what_lies_beside_the_database(folder):
    # Spider's schema.sql is no database of the suite, though it cannot even be run; a file in WAL mode is read like others.
    place = folder / "databases" / "pets"
    (place / "schema.sql").write_text("CREATE TABLE `pets` (`id` int AUTO_INCREMENT) ENGINE=InnoDB;")
    _sqlite(place / "pets_2.sqlite", "PRAGMA journal_mode=WAL;" + SCRIPT)
    assert (place / "pets_2.sqlite").read_bytes()[18:20] == b"\2\2"
    env = _env(questions=folder / "dev.jsonl", database=folder / "databases")
    env.reset(seed=0)
    assert env.step(env.solution()[-1])[4]["verdicts"]["sql"].evidence == {"databases": 3}


def test_questions_about_databases_that_cannot_be_had_are_left_out(folder):
    (folder / "databases" / "big").mkdir()
    (folder / "databases" / "big" / "big.sqlite").write_bytes(bytes(4_000_000))
    lines = [QUESTION, QUESTION.replace('"pets", "question"', '"big", "question"'), QUESTION.replace('"pets", "question"', '"lost", "question"')]
    (folder / "dev.jsonl").write_text("".join(lines))
    with pytest.raises(OptionError, match="at most"):
        _env(questions=folder / "dev.jsonl", database=folder / "databases")
    assert _env(questions=folder / "dev.jsonl", database=folder / "databases", bad_rows="skip").task_count == 1


def test_a_right_query_that_is_over_its_time_makes_the_episode_invalid(tmp_path, monkeypatch):
    (tmp_path / "pets.sql").write_text(SCRIPT)
    slow = "SELECT count(*) FROM pets, (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 900000) SELECT i FROM n)"
    (tmp_path / "q.jsonl").write_text(f'{{"question": "How many?", "gold": "{slow}"}}\n')
    env = _env(questions=tmp_path / "q.jsonl", database=tmp_path / "pets.sql")
    env.reset(seed=0)
    # A machine under load, long after the task was read.
    running._shared.cache_clear()
    for name in ("LIMITS", "PATIENT"):
        monkeypatch.setattr(running, name, msgspec.structs.replace(running.LIMITS, wall_seconds=0.05))
    _, _, _, truncated, info = env.step(call_text("answer", sql="SELECT 1"))
    assert (truncated, info["valid"], info["outcome"]) == (True, False, None)


def test_infinite_numbers_and_odd_texts_come_through(tmp_path):
    connection = sqlite3.connect(tmp_path / "odd.sqlite")
    connection.execute("CREATE TABLE odd (id INTEGER, x)")
    connection.executemany("INSERT INTO odd VALUES (?, ?)", enumerate([float("inf"), -float("inf"), "it's (Inf)", None, b"\0", 0.1, 1 << 62]))
    connection.commit()
    connection.close()
    (tmp_path / "q.jsonl").write_text('{"question": "Everything?", "gold": "SELECT id, x FROM odd"}\n')
    env = _env(questions=tmp_path / "q.jsonl", database=tmp_path / "odd.sqlite")
    env.reset(seed=0)
    values = "(0, 9e999), (1, -9e999), (2, 'it''s (Inf)'), (3, NULL), (4, X'00'), (5, 0.1), (6, 4611686018427387904)"
    assert env.step(call_text("answer", sql=f"VALUES {values}"))[1] == 1.0


def test_answers_of_one_rank_and_variants_that_leave_the_answer_open(folder):
    # Rex and Ava are dogs: either is a first name of the kind that comes last. In the second database all are dogs.
    gold = "SELECT name FROM pets ORDER BY kind DESC LIMIT 1"
    nested = "SELECT id FROM pets WHERE id = (SELECT id FROM pets ORDER BY kind LIMIT 1)"
    rows = [f'{{"db_id": "pets", "question": "x", "query": "{query}"}}\n' for query in (gold, nested)]
    (folder / "dev.jsonl").write_text("".join(rows))
    env = _env(questions=folder / "dev.jsonl", database=folder / "databases")
    for query, outcome in ((gold, 1.0), (f"{gold.replace(' LIMIT', ', id DESC LIMIT')}", 1.0), (gold.replace("DESC", "ASC"), 0.0), ("SELECT 'Tom'", 0.0)):
        env.reset(options={"task_index": 0})
        assert env.step(call_text("answer", sql=query))[4]["outcome"] == outcome
    env.reset(options={"task_index": 1})  # Tom is the only cat of the first database, and the second one is left out
    assert env.step(call_text("answer", sql="SELECT 2"))[4]["verdicts"]["sql"].evidence == {"databases": 1}


def test_a_single_database(tmp_path):
    (tmp_path / "pets.sql").write_text(SCRIPT)
    (tmp_path / "q.jsonl").write_text('{"question": "How many?", "gold": "SELECT count(*) FROM pets", "evidence": "Pets are animals."}\n')
    env = _env(questions=tmp_path / "q.jsonl", database=tmp_path / "pets.sql")
    assert env.reset(seed=1)[0] == "How many?\nHint: Pets are animals."
    assert env.step(env.solution()[-1])[1] == 1.0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"question": "x"}', "one of gold"),
        ('{"question": "x", "gold": "SELECT nothing"}', "the gold query cannot be run"),
        ('{"question": "x", "gold": "SELECT id FROM pets WHERE id = 9"}', "empty on every database"),
        ('{"question": "x", "gold": "DELETE FROM pets"}', "cannot be run"),
        ('{"question": "x", "gold": "SELECT id FROM pets WHERE date(\'now\') > 1"}', "reads the clock"),
        ('{"question": "x", "gold": "SELECT (SELECT id FROM pets ORDER BY kind DESC LIMIT 1)"}', "depends on the order"),
        ("[1]", "an object"),
    ],
)
def test_bad_questions(tmp_path, row, message):
    (tmp_path / "pets.sql").write_text(SCRIPT)
    (tmp_path / "q.jsonl").write_text(f'{{"question": "How many?", "gold": "SELECT count(*) FROM pets"}}\n{row}\n')
    with pytest.raises(OptionError, match=message):
        _env(questions=tmp_path / "q.jsonl", database=tmp_path / "pets.sql")
    assert _env(questions=tmp_path / "q.jsonl", database=tmp_path / "pets.sql", bad_rows="skip").task_count == 1


def test_hostile_databases_harm_nobody(tmp_path, monkeypatch):
    for name in ("LIMITS", "PATIENT"):  # the second one never ends
        monkeypatch.setattr(running, name, msgspec.structs.replace(running.LIMITS, wall_seconds=0.5))
    (tmp_path / "q.jsonl").write_text('{"question": "How many?", "gold": "SELECT count(*) FROM pets"}\n')
    outside = tmp_path / "outside.db"
    attach = SCRIPT + f"\nATTACH DATABASE '{outside}' AS other; CREATE TABLE other.t (a); INSERT INTO other.t VALUES (1);"
    forever = SCRIPT + "\nCREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;"
    for name, script in (("attach", attach), ("forever", forever)):
        (tmp_path / f"{name}.sql").write_text(script)
        with pytest.raises(OptionError, match="cannot be run"):
            _env(questions=tmp_path / "q.jsonl", database=tmp_path / f"{name}.sql")
    assert not outside.exists()
    (tmp_path / "broken.sqlite").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    (tmp_path / "huge.sqlite").write_bytes(bytes(4_000_000))
    for name, message in (("broken", "cannot be read"), ("huge", "at most"), ("missing", "cannot be read")):
        with pytest.raises(OptionError, match=message):
            _env(questions=tmp_path / "q.jsonl", database=tmp_path / f"{name}.sqlite")


def test_options():
    for options in ({"difficulty": 6}, {"candidates": 5}, {"database": "x"}, {"questions": "x"}, {"bad_rows": "x", "questions": "x", "database": "y"}):
        with pytest.raises(OptionError):
            _env(**options)


# DuckDB.


@pytest.fixture
def duck():
    pytest.importorskip("duckdb")


@pytest.mark.parametrize("level", LEVELS)
def test_duckdb_is_solved_and_judged_in_its_own_dialect(duck, level):
    env = _env(dialect="duckdb", difficulty=level)
    sqlite = _env(difficulty=level)
    for seed in range(2):
        env.reset(seed=seed)
        sqlite.reset(seed=seed)
        assert env.task.key != sqlite.task.key
        assert "DuckDB" in env.task.instructions
        assert "SQLite" not in env.task.instructions
        drawn = question(env.task.sealed["seed"], level, "duckdb")
        assert not any("PRAGMA" in script for script in (drawn.database, *drawn.variants))
        for action in env.solution():
            assert action in env.situation.actions
            observation, _, terminated, _, info = env.step(action)
            assert not observation.startswith("Error")
            assert info["verdicts"]["sql"].label == "correct"
        assert (terminated, info["outcome"]) == (True, 1.0)
        assert env.past_steps[-1].claims[0].dialect == "duckdb"
        findings = judge([Trial(query, drawn.asked.gold, (drawn.database, *drawn.variants), drawn.asked.ordered, "duckdb") for query in drawn.wrong])
        assert {finding.outcome for finding in findings} == {"wrong"}


def test_duckdb_asks_what_sqlite_asks(duck):
    # SQLite's own functions and its loose GROUP BY are written in another way there; the same readings hold.
    for level, reading in READINGS:
        form = reading.__name__.strip("_")
        entropies = (entropy for entropy in range(DRAWN) if question(entropy, level).form == form)
        found = next(found for entropy in entropies if (found := question(entropy, level, "duckdb")).form == form)
        rows = OwnDatabase(found.database, "duckdb").rows(found.asked.gold).rows
        expected = reading(found._replace(asked=found.asked._replace(gold=found.asked.gold.replace("'day', ", ""))))
        if not found.asked.ordered:
            rows, expected = sorted(rows, key=repr), sorted(expected, key=repr)
        assert list(rows) == expected


def test_looks_at_duckdb(duck):
    env = _env(dialect="duckdb", difficulty=2)
    env.reset(seed=0)
    assert not any("sqlite_master" in action for action in env.situation.actions)
    labels = []
    for query in (
        "SELECT chr(70)",
        "WITH books AS (SELECT chr(71)) SELECT * FROM books",
        "SELECT chr(72) FROM range(1)",
        """SELECT '{"type":"BASE_TABLE","table_name":"x"}'""",
        "SELECT table_name FROM information_schema.tables",
        "SELECT count(*) FROM duckdb_tables()",
        f"WITH x AS (SELECT 1) SELECT count(*) + 900 FROM x, {question(env.task.sealed['seed'], 2, 'duckdb').tables[0]}",
        "DROP TABLE books",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT to_timestamp(0)",
    ):
        observation, _, _, _, info = env.step(call_text("query", sql=query))
        labels.append(info["verdicts"]["sql"].label)
        assert "Traceback" not in observation
    assert labels == ["trivial"] * 4 + ["neutral"] * 3 + ["incorrect"] * 3


def test_duckdb_reads_scripts(duck, tmp_path):
    (tmp_path / "pets.sql").write_text(SCRIPT.replace("TEXT", "VARCHAR"))
    (tmp_path / "q.jsonl").write_text('{"question": "Names of dogs?", "gold": "SELECT name FROM pets WHERE kind = \'DOG\'"}\n')
    env = _env(questions=tmp_path / "q.jsonl", database=tmp_path / "pets.sql", dialect="duckdb")
    env.reset(seed=0)
    for action in env.solution():
        info = env.step(action)[4]
    assert info["outcome"] == 1.0
    env.reset(seed=0)
    assert env.step(call_text("answer", sql="FROM pets SELECT name WHERE kind ILIKE 'dog'"))[4]["outcome"] == 1.0
    _sqlite(tmp_path / "pets.sqlite", SCRIPT)
    with pytest.raises(OptionError, match=r"a \.sql file"):
        _env(questions=tmp_path / "q.jsonl", database=tmp_path / "pets.sqlite", dialect="duckdb")


def test_duckdb_keeps_the_contract(duck):
    check_step_env(partial(gym.make, "prm_gym/SQL-v0", dialect="duckdb"), seeds=[0])


def test_duckdb_is_an_extra(monkeypatch):
    monkeypatch.setattr("prm_gym.envs.tools.sql.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"prm-gym\[duckdb\]"):
        _env(dialect="duckdb")
    with pytest.raises(OptionError, match="sqlite, duckdb"):
        _env(dialect="postgres")
