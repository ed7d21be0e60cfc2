import json
from collections import Counter, defaultdict
from functools import partial

import gymnasium as gym
import pytest

from prm_gym.claims import Conclusion, Exploration, Malformed, TableStep
from prm_gym.env import StepEnv
from prm_gym.envs.tools.table_choices import check, planted, value_text, values
from prm_gym.envs.tools.table_plans import LEVELS, SKINS, answer, made, mixtures, plan
from prm_gym.errors import OptionError
from prm_gym.sql import literal
from prm_gym.testing import check_step_env
from prm_gym.tools import call_text


def _env(**options) -> StepEnv:
    return gym.make("prm_gym/Tables-v0", **options).unwrapped


def _second_reading(drawn):
    """The intermediate tables of a plan, computed in Python from the rows of the tables."""
    skin = drawn.skin
    own = made(drawn.database, [])
    records = own.rows(f"SELECT * FROM {skin.records}").rows
    regions = {name.strip().lower(): region for name, region in own.rows(f"SELECT * FROM {skin.places}").rows}
    tables, current = {}, None
    for step in drawn.steps:
        if step.name == "cleaned":
            current = []
            for key, place, when, amount, unit in sorted(set(records), key=lambda row: row[0]):
                number = None if amount is None else float(amount) / (1000 if unit == skin.units[1] else 1)
                current.append((key, place.strip().lower(), when, number))
        elif step.name == "located":
            current = [(key, regions[place], when, number) for key, place, when, number in current if place in regions]
        elif step.name == "chosen":
            month = step.gold.split("'2024-")[1][:2]
            current = [row for row in current if f"2024-{month}-04 00:00" <= row[2] <= f"2024-{month}-22 23:59"]
        elif step.name.startswith("per_"):
            groups = defaultdict(list)
            for row in current:
                groups[row[1]].append(row[3])
            current = []
            for name, numbers in groups.items():
                known = [number for number in numbers if number is not None]
                current.append((name, len(numbers), sum(known) / len(known) if known else None))
        else:
            total = sum(row[1] * row[2] for row in current if row[2] is not None)
            current = [(row[0], None if row[2] is None else 100 * row[1] * row[2] / total) for row in current]
        tables[step.name] = sorted(current, key=repr)
    return tables


@pytest.mark.parametrize("level", LEVELS)
def test_plans_give_what_a_second_reading_gives(level):
    for entropy in range(6):
        drawn = plan(entropy, level)
        own = made(drawn.database, [(step.name, step.gold) for step in drawn.steps])
        for name, expected in _second_reading(drawn).items():
            rows = sorted(own.rows(f"SELECT * FROM {name}").rows, key=repr)
            assert len(rows) == len(expected)
            for row, other in zip(rows, expected, strict=True):
                assert row == pytest.approx(other), (name, drawn)


@pytest.mark.parametrize("level", LEVELS)
def test_the_answer_is_that_of_a_second_reading_and_every_mixture_of_flaws_moves_it(level):
    for entropy in range(6):
        drawn, (gold, wrong) = plan(entropy, level), values(entropy, level)
        last = _second_reading(drawn)[drawn.steps[-1].name]
        if level == 5:
            (expected,) = (percent for region, percent in last if repr(region) in drawn.question)
        else:
            parts = [number * mean for _, number, mean in last if mean is not None]
            expected = sum(parts) / len(parts)
        assert gold == pytest.approx(expected)
        assert len({*wrong, gold}) == 13
        for place, step in enumerate(drawn.steps):
            for some in mixtures(step.flaws):
                assert answer(drawn.database, drawn.steps, drawn.final, {place: some}) != pytest.approx(gold, rel=1e-4)


def _answers(info):
    return {tuple(call["arguments"].values()) for call in map(json.loads, info["actions"]) if call["name"] == "answer"}


def test_listed_values_tell_nothing():
    env = _env(difficulty=2)
    _, info = env.reset(seed=0)
    early, gold = _answers(info), json.loads(env.solution()[-1])["arguments"]["value"]
    for number in range(3):  # what is listed does not change while no table is made
        assert _answers(env.step(call_text("query", sql=f"SELECT {number} FROM sqlite_master"))[4]) == early
    drawn = plan(env.task.sealed["seed"], 2)
    lists = []
    for flaws in ((), drawn.steps[-1].flaws[:1]):
        for place, step in enumerate(drawn.steps):
            sql = step.write(frozenset(flaws if place == 2 else ()))
            info = env.step(call_text("step", name=step.name, sql=sql))[4]
        lists.append(_answers(info))
    right, other = lists
    assert len(right) == len(other) == 8
    assert (gold,) in right
    assert not (right | other) & early
    # The seven others stay, and what the tables lead to is there, unless it is one of the seven.
    assert right - other == {(gold,)}
    own = answer(drawn.database, drawn.steps, drawn.final, {2: frozenset(drawn.steps[-1].flaws[:1])})
    assert any(value == pytest.approx(own) for (value,) in other)


def test_the_place_and_the_digits_of_the_right_value_tell_nothing():
    # It is one of eight. Of 60 draws with a chance of 1/8 more than 18 are right with a probability of 0.0001.
    first, middle, longest = 0.0, 0.0, 0.0
    for level in (1, 4):
        for entropy in range(30):
            gold, wrong = values(entropy, level)
            listed = sorted((gold, *wrong[4:-1]))
            assert len(listed) == 8
            first += listed[0] == gold
            middle += (gold in listed[3:5]) / 2
            lengths = [len(value_text(value)) for value in listed]
            longest += (len(value_text(gold)) == max(lengths)) / lengths.count(max(lengths))
    assert max(first, middle, longest) <= 18


def test_the_right_row_is_listed_once_a_wrong_row_was_shown():
    for seed in range(6):
        env = _env(difficulty=4, kind="find")
        _, info = env.reset(seed=seed)
        drawn, mistake = plan(env.task.sealed["seed"], 4), planted(env.task.sealed["seed"], 4)
        right = {(drawn.steps[mistake.place].name, row) for row in mistake.rows}
        first = _answers(info)
        assert not first & right
        # Two rows of each of the three tables of records, and then four, and two of the table of regions.
        assert Counter(name for name, _ in first) == {step.name: 2 for step in drawn.steps if step.columns[0] == "id"}
        own = frozenset((mistake.flaw,))
        for step in drawn.steps:  # checks that show no row: of right steps, and of the wrong one with its own flaw
            sql = check(step, own if step is drawn.steps[mistake.place] else frozenset())
            assert _answers(env.step(call_text("query", sql=sql))[4]) == first
        after = _answers(env.step(call_text("query", sql=check(drawn.steps[mistake.place])))[4])
        assert Counter(name for name, _ in after) == {step.name: 4 if step.columns[0] == "id" else 2 for step in drawn.steps}
        assert len(after & right) == 1
        assert not after & first
        assert _answers(env.step(call_text("query", sql="SELECT 1"))[4]) == after


def test_no_listed_row_is_a_better_guess_than_another():
    # At level 1 nine rows of one table are listed and three of the other, so that the first one is wrong three times in four: of 100, 75 +- 4 * 4.3.
    places = Counter(planted(entropy, 1).place for entropy in range(100))
    assert abs(places[0] - 75) <= 18


def test_every_story_is_drawn_and_every_flaw_can_be_planted():
    drawn = [plan(entropy, level) for level in LEVELS for entropy in range(15)]
    assert {found.skin.records for found in drawn} == {skin.records for skin in SKINS}
    assert {len(step.flaws) for found in drawn for step in found.steps} == {2, 3}
    places = {planted(entropy, 5).place for entropy in range(40)}
    assert places >= {0, 1, 2, 3}


def test_planted_rows_are_those_that_differ():
    for entropy in range(10):
        drawn, mistake = plan(entropy, 4), planted(entropy, 4)
        step = drawn.steps[mistake.place]
        assert mistake.rows
        assert not set(mistake.rows) & set(mistake.others)
        own = made(mistake.script, [])
        for place, other in enumerate(drawn.steps):
            shown = {row[0] for row in own.rows(check(other)).rows}
            assert shown == (set(mistake.rows) if place == mistake.place else set())
        assert own.rows(check(step, frozenset((mistake.flaw,)))).rows == ()


@pytest.mark.parametrize("level", LEVELS)
def test_finding_keeps_the_contract_of_environments(level):
    check_step_env(partial(gym.make, "prm_gym/Tables-v0", kind="find", difficulty=level), seeds=[0])


def _labels(env, actions):
    return [env.step(action)[4]["verdicts"]["sql"] for action in actions]


@pytest.fixture
def solving():
    """An environment with a plan of four steps, its steps and those with a flaw."""
    env = _env(difficulty=4, reward="dense")
    env.reset(seed=3)
    drawn = plan(env.task.sealed["seed"], env.task.sealed["level"])
    right = [call_text("step", name=step.name, sql=step.gold) for step in drawn.steps]
    wrong = [call_text("step", name=step.name, sql=step.write(frozenset(step.flaws[:1]))) for step in drawn.steps]
    return env, drawn, right, wrong


def test_a_silent_error_is_told_with_what_differs(solving):
    env, _, _, wrong = solving
    observation = env.step(wrong[0])[0]
    assert observation.startswith("The table cleaned was made.")
    assert "rror" not in observation
    (claim,) = env.past_steps[-1].claims
    assert isinstance(claim, TableStep)
    (verdict,) = _labels(env, wrong[:1])
    assert verdict.label == "incorrect"
    assert {"missing", "unexpected"} & set(verdict.evidence)


def test_what_is_right_on_a_wrong_table_is_neither_right_nor_wrong(solving):
    env, _, right, wrong = solving
    verdicts = _labels(env, [wrong[0], right[1], wrong[2], right[3]])
    assert [verdict.label for verdict in verdicts] == ["incorrect", "neutral", "incorrect", "neutral"]
    assert verdicts[1].evidence["tainted"] == ["cleaned"]
    assert verdicts[3].evidence["tainted"] == ["cleaned", "located", "chosen"]
    # The wrong table is made again: later ones are dropped, and now they count.
    verdicts = _labels(env, right)
    assert [verdict.label for verdict in verdicts] == ["correct"] * 4
    assert "no such table" in env.step(call_text("step", name="cleaned", sql="SELECT * FROM located"))[0]


def test_right_tables_are_paid_once(solving):
    env, _, right, wrong = solving
    labels = [verdict.label for verdict in _labels(env, [right[0], right[0], wrong[0], right[0], wrong[0], right[0]])]
    assert labels == ["correct", "trivial", "incorrect", "trivial", "incorrect", "trivial"]


def test_empty_tables_are_no_way_to_right_steps(solving):
    env, drawn, _, _ = solving
    empty = [
        call_text("step", name=step.name, sql=f"SELECT {', '.join(f'NULL AS {name}' for name in step.columns)} FROM {drawn.skin.records} WHERE 0")
        for step in drawn.steps
    ]
    assert {verdict.label for verdict in _labels(env, empty)} == {"incorrect"}


def test_copied_rows_are_wrong_on_other_tables(solving):
    env, drawn, _, _ = solving
    rows = made(drawn.database, []).rows(drawn.steps[0].gold).rows
    names = drawn.steps[0].columns
    values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
    query = f"WITH c AS (VALUES {values}) SELECT {', '.join(f'column{place + 1} AS {name}' for place, name in enumerate(names))} FROM c"
    (verdict,) = _labels(env, [call_text("step", name="cleaned", sql=query)])
    assert verdict.label == "incorrect"
    assert verdict.reason.startswith("on another database with the same tables, ")


@pytest.mark.parametrize(
    ("name", "sql", "message"),
    [
        ("nothing", "SELECT 1", "the plan has no table"),
        ("chosen", "SELECT 1", "builds on"),
        ("cleaned", "SELECT 1", "its columns are"),
        ("cleaned", "SELECT nowhere", "no such column"),
        ("cleaned", "DROP TABLE x", "Error"),
        ("cleaned", "", "Error"),
    ],
)
def test_refused_steps(solving, name, sql, message):
    env, _, _, _ = solving
    observation, _, terminated, _, info = env.step(call_text("step", name=name, sql=sql))
    assert observation.startswith("Error: ")
    assert message in observation
    assert not terminated
    assert isinstance(env.past_steps[-1].claims[0], TableStep | Malformed)
    assert info["verdicts"]["sql"].score == 0.0


def test_tables_of_too_many_rows_are_refused(solving):
    env, drawn, _, _ = solving
    columns = ", ".join(f"a.{name}" for name in ("id", drawn.skin.place, drawn.skin.day)) + f", 1 AS {drawn.skin.quantity}"
    records = drawn.skin.records
    observation = env.step(call_text("step", name="cleaned", sql=f"SELECT {columns} FROM {records} a, {records} b"))[0]
    assert "more than 500 rows" in observation


def test_queries_earn_nothing_while_solving(solving):
    env, drawn, _, _ = solving
    rewards = [env.step(call_text("query", sql=f"SELECT {number}, id FROM {drawn.skin.records}"))[1] for number in range(5)]
    assert rewards == [0.0] * 5


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, 1.0), (1.00001, 1.0), (1.01, 0.0), (-1.0, 0.0)])
def test_values(factor, outcome):
    env = _env(difficulty=3)
    env.reset(seed=0)
    gold, _ = values(env.task.sealed["seed"], env.task.sealed["level"])
    _, _, terminated, _, info = env.step(call_text("answer", value=gold * factor))
    assert (terminated, info["outcome"], info["verdicts"]["sql"].label) == (True, outcome, "trivial" if outcome else "incorrect")  # no table was made


def test_a_right_value_without_the_tables_is_a_guess():
    env = _env(difficulty=3, reward="dense")
    for left_out, label in ((0, "correct"), (1, "trivial"), (3, "trivial")):
        env.reset(seed=0)
        *steps, answer = env.solution()
        for action in steps[: len(steps) - left_out]:
            env.step(action)
        _, reward, _, _, info = env.step(answer)
        verdict = info["verdicts"]["sql"]
        assert (info["outcome"], verdict.label) == (1.0, label)
        assert (reward > 1.0) is (label == "correct")
        assert verdict.reason == "the right conclusion" or verdict.reason.startswith(f"right, but a guess: {3 - left_out} of the 3 tables")


def test_finding_wants_the_step_and_a_row():
    env = _env(difficulty=4, kind="find")
    env.reset(seed=0)
    seed = env.task.sealed["seed"], 4
    drawn, mistake = plan(*seed), planted(*seed)
    step, other = drawn.steps[mistake.place].name, drawn.steps[(mistake.place + 1) % 4].name
    beginning = env.snapshot()
    row = mistake.rows[0]
    for arguments, outcome in (
        ({"step": step, "row": row}, 1.0),
        ({"step": step.upper(), "row": str(row)}, 1.0),
        ({"step": other, "row": row}, 0.0),
        ({"step": step, "row": mistake.others[0]}, 0.0),
        ({"step": step, "row": ""}, 0.0),
    ):
        env.restore(beginning)
        assert env.step(call_text("answer", **arguments))[4]["outcome"] == outcome
        assert isinstance(env.past_steps[-1].claims[0], Conclusion)


def test_a_check_is_right_when_it_shows_wrong_rows_alone():
    env = _env(difficulty=4, kind="find", reward="dense")
    env.reset(seed=0)
    drawn, mistake = plan(env.task.sealed["seed"], 4), planted(env.task.sealed["seed"], 4)
    step = drawn.steps[mistake.place]
    keys = " UNION ALL ".join(f"SELECT {row!r}" for row in mistake.rows[:3])
    queries = [keys, f"SELECT * FROM {step.name}", check(step), check(step), f"SELECT * FROM {step.name} LIMIT 0"]
    verdicts = _labels(env, [call_text("query", sql=query) for query in queries])
    assert [verdict.label for verdict in verdicts] == ["trivial", "neutral", "correct", "trivial", "neutral"]
    assert isinstance(env.past_steps[-1].claims[0], Exploration)


def test_options():
    for options in ({"difficulty": 0}, {"kind": "guess"}, {"candidates": 3}):
        with pytest.raises(OptionError):
            _env(**options)
    with pytest.raises(OptionError):
        _env().reset(options={"task_index": 1})
