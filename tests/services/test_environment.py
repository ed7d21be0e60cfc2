"""The engine, on the smallest service that has every part: two lamps, of which one is to be switched on."""

import contextlib
import re
import sqlite3

import gymnasium as gym
import pytest

import prm_gym
from prm_gym.claims import Malformed, StateStep
from prm_gym.errors import OptionError, RefusedError
from prm_gym.services import Database, Operation, Reply, Scenario, ScriptStep, ServiceEnv, Table, goal_of, new_image, read_key
from prm_gym.testing import check_step_env
from prm_gym.tools import Tool, ToolCall, call_text

assert prm_gym

TABLES = (Table("lamps", {"id": "TEXT", "lit": "INTEGER", "note": "TEXT"}, free=("note",)),)
IMAGE = new_image(TABLES, {"lamps": [("P1", 0, ""), ("P2", 0, ""), ("P3", 0, "")]})
LAMP = {"lamp": {"type": "string"}}


def look(database, arguments):
    row = database.get("lamps", arguments["lamp"])
    if row is None:
        raise RefusedError("there is no such lamp")
    return f"{row['id']} is {'on' if row['lit'] else 'off'}" + " and dusty" * 1_000 * (row["id"] == "P3")


def switch(database, arguments):
    database.do("UPDATE lamps SET lit = 1 - lit, note = note || 'x' WHERE id = ?", arguments["lamp"])
    if arguments["lamp"] == "P3":
        raise RefusedError("the lamp is broken")
    return "click"


READ, SWITCH = call_text("look", lamp="P1"), call_text("switch", lamp="P1")
OPERATIONS = {
    "look": Operation(Tool("look", "Looks at a lamp.", LAMP), look, "read", {"lamp": "lamps"}),
    "switch": Operation(Tool("switch", "Switches a lamp.", LAMP), switch, "write", {"lamp": "lamps"}),
    "finish": Operation(Tool("finish", "Ends."), lambda database, arguments: "over", "end"),
}


class LampsEnv(ServiceEnv):
    """Switch the lamp P1 on, and greet."""

    name = "Lamps"
    tables = TABLES
    operations = OPERATIONS
    identifiers = re.compile(r"\bP\d\b")
    levels = {1: 12, 2: 12}  # noqa: RUF012

    def scenario_of(self, entropy):
        goal = goal_of(TABLES, IMAGE, [lambda database: switch(database, {"lamp": "P1"})])[0]
        steps = (ScriptStep(READ, "seen"), ScriptStep(SWITCH, "lit"), ScriptStep("Good day", "greeted"), ScriptStep(call_text("finish"), "ended"))
        return Scenario(
            image=IMAGE,
            opening="P1 should be on. P2 and P3 are here too.",
            goal=goal,
            script=steps,
            reads={read_key(ToolCall("look", {"lamp": "P1"})): "seen"},
            rows={"lit": tuple(goal)},
            required=frozenset({"greeted"}),
            end="finish",
        )

    def rules(self, operation, arguments):
        return ()

    def listen(self, text):
        return Reply("Good day!", ("greeted",)) if "day" in text else Reply("Pardon?")

    def distractors(self, rng, shown, step):
        return [call_text("look", lamp="P2"), call_text("switch", lamp="P2"), "Good night"]

    def policy_text(self):
        return "Switch on what should be on. Greet."


@pytest.fixture
def env():
    made = LampsEnv()
    made.reset(seed=0)
    return made


def label(result):
    return result[4]["verdicts"]["state"].label


def test_the_smallest_service_keeps_the_contract():
    check_step_env(LampsEnv)


def test_an_agent_is_told_the_policy_and_the_tools(env):
    assert env.task.instructions.startswith("Switch on what should be on.")
    assert all(f'"name":"{name}"' in env.task.instructions for name in OPERATIONS)
    assert [tool.name for tool in env.tools] == list(OPERATIONS)


def test_a_refused_call_is_undone_and_a_long_answer_is_cut(env):
    before = env.situation.state_key
    result = env.step(call_text("switch", lamp="P3"))
    assert result[0] == "Error: the lamp is broken"
    assert env.rows.changes() == ()
    assert env.situation.state_key == before
    observation = env.step(call_text("look", lamp="P3"))[0]
    assert observation.endswith("characters more]")
    assert len(observation) < 4_100


def test_free_texts_are_no_part_of_the_goal(env):
    for action in (READ, SWITCH, "Good day"):
        env.step(action)
    assert {change.column for change in env.rows.changes()} == {"lit", "note"}
    assert env.pursuit.gap() == ()
    assert {change.column for past in env.past_steps for claim in past.claims for change in claim.changes} == {"lit"}
    assert env.step(call_text("finish"))[4]["outcome"] == 1.0


def test_what_is_required_beside_the_rows_counts(env):
    env.step(SWITCH)
    result = env.step(call_text("finish"))
    assert (label(result), result[4]["outcome"]) == ("incorrect", 0.0)


def test_damage_can_be_made_good(env):
    other = call_text("switch", lamp="P2")
    labels = [label(env.step(action)) for action in (other, other, READ, SWITCH, "Good day", call_text("finish"))]
    assert labels == ["incorrect", "neutral", "correct", "correct", "correct", "correct"]


def test_on_and_off_and_on_again_earns_once(env):
    assert [label(env.step(SWITCH)) for _ in range(5)] == ["correct", "incorrect", "trivial", "incorrect", "trivial"]


def record(database, arguments):
    switch(database, {"lamp": "P2"})
    database.do("INSERT INTO ledger.entries VALUES ('P2')")
    return "recorded"


class LedgerEnv(LampsEnv):
    """A tool of it writes into a file that others use too."""

    operations = OPERATIONS | {"record": Operation(Tool("record", "Switches P2 and records it."), record, "write")}


def test_a_locked_database_spoils_the_episode_and_changes_nothing(tmp_path):
    file = tmp_path / "ledger.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE entries(lamp)")
        env = LedgerEnv(reward="dense")
        env.reset(seed=0)
        env.rows.do("PRAGMA busy_timeout = 50")
        env.rows.do(f"ATTACH '{file}' AS ledger")
        assert env.step(call_text("record"))[0] == "recorded"
        before = env.rows.changes()
        other.execute("BEGIN EXCLUSIVE")
        _, reward, terminated, truncated, info = env.step(call_text("record"))
        assert (reward, terminated, truncated, info["valid"], info["outcome"]) == (0.0, False, True, False, None)
        verdict = info["verdicts"]["state"]
        assert (verdict.status, verdict.label) == ("error", None)
        assert "database is locked" in verdict.reason
        assert env.rows.changes() == before
        assert env.rows.get("lamps", "P2")["lit"] == 1
        env.reset(seed=0)
        assert env.step(READ)[4]["valid"]


def test_nothing_is_learnt_from_what_an_agent_says_itself(env):
    # An id that the agent makes up does not become known by its own words, nor by an error that speaks of it.
    env.step("Tell me about P7")
    env.step(call_text("look", lamp="P7"))
    assert "P7" not in env.shown
    claim = env.past_steps[-1].claims[0]
    assert isinstance(claim, StateStep)
    assert (claim.references[0].exists, claim.references[0].shown_by) == (False, ())


def test_native_calls_and_tagged_text_are_read_alike(env):
    saved = env.snapshot()
    found = []
    for action in (READ, f"I look. <tool_call>{READ}</tool_call>", f'{{"tool_calls": [{{"type": "function", "function": {READ}}}]}}'):
        found.append((env.step(action)[0], env.situation.state_key))
        env.restore(saved)
    assert len(set(found)) == 1


@pytest.mark.parametrize("action", ["", "?!", '{"name": "look"}', call_text("nothing"), f"{READ} {READ}", f"[{READ}, {READ}]"])
def test_what_is_no_call_changes_nothing_and_is_told(env, action):
    before = env.situation
    observation = env.step(action)[0]
    assert observation.startswith("Error: ")
    assert isinstance(env.past_steps[-1].claims[0], Malformed)
    assert (env.situation.state_key, env.situation.actions) == (before.state_key, before.actions)


def test_reset_takes_no_options_and_candidates_can_be_left_out():
    with pytest.raises(OptionError, match="no options"):
        LampsEnv().reset(options={"x": 1})
    with pytest.raises(OptionError, match="candidates"):
        LampsEnv(candidates=3)
    made = LampsEnv(candidates=0)
    assert made.reset(seed=0)[1]["actions"] == ()


def test_it_can_be_made_with_the_verifiers_by_name():
    env = gym.make("prm_gym/Retail-v0", verifiers=["state", "milestones"])
    _, info = env.reset(seed=0)
    _, _, _, _, info = env.step(info["actions"][0])
    assert set(info["verdicts"]) == {"state", "milestones"}


def test_a_database_of_the_beginning_is_a_fresh_one():
    database = Database(TABLES, IMAGE)
    database.transact(lambda d: switch(d, {"lamp": "P1"}))
    assert Database(TABLES, IMAGE).get("lamps", "P1")["lit"] == 0
