"""Reasons and evidence of `state` and `milestones`; their labels are in tests/contracts/cases/state.py."""

import time

import gymnasium as gym
import msgspec
import numpy as np
import pytest

import prm_gym
from prm_gym.claims import Gap, Reference, RowChange, StateStep, claim_from_json
from prm_gym.task import Task
from prm_gym.tools import call_text
from prm_gym.verifier import PastStep, StepContext, make_verifier

assert prm_gym


def verdict(claim, *previous, name="state"):
    past = tuple(PastStep("", "", (earlier,)) for earlier in previous)
    step = StepContext(task=Task("t", "", ""), observation="", action="", claims=(claim,), previous=past)
    return make_verifier(name).verify([step])[0]


GAP = Gap("orders", "o1", "status", start="pending", now="pending", goal="cancelled-for-good")


def test_the_evidence_says_what_was_damaged_and_whether_it_lasts():
    change = RowChange("orders", "o2", "city", before="Here", after="There")
    found = verdict(StateStep(kind="write", call="c", gap=(GAP,), changes=(change,), reached=1, total=4))
    assert found.evidence == {"progress": 0.25, "damaged": ["orders.o2.city"], "irreversible": False}
    lasting = verdict(StateStep(kind="write", call="c", gap=(GAP,), changes=(msgspec.structs.replace(change, final=True),), reached=1, total=4))
    assert lasting.evidence == {"progress": 0.0, "damaged": ["orders.o2.city"], "irreversible": True}
    assert "cannot be undone" in lasting.reason


def test_no_verdict_tells_what_is_wanted():
    env = gym.make("prm_gym/Retail-v0", difficulty=4).unwrapped
    for seed in range(10):
        env.reset(seed=seed)
        goal = [
            str(value)
            for value in env.scenario.goal.values()
            if isinstance(value, str) and value not in ("cancelled", "no longer needed", "ordered by mistake")
        ]
        wrong = call_text("cancel_order", order_id="W0000", reason="no longer needed")
        for action in (wrong, call_text("get_order", order_id="W1"), "Hello?", call_text("finish")):
            _, _, _, _, info = env.step(action)
            shown = msgspec.json.encode(info["verdicts"]["state"]).decode()
            assert not any(f'"{value}"' in shown or f" {value} " in shown for value in goal)


def test_what_is_left_is_counted_at_the_end_and_not_named():
    found = verdict(StateStep(kind="end", call="finish", gap=(GAP,), lacking=("told 1",), ends_well=True))
    assert found.reason == "ended too early: 1 cell differs from the goal, and 1 thing was left unsaid"
    assert "cancelled-for-good" not in str(found)
    saved = verdict(StateStep(kind="end", call="finish", gap=(GAP, msgspec.structs.replace(GAP, key="o2")), ends_well=True))
    assert saved.reason == "ended too early: 2 cells differ from the goal"


def test_what_is_reached_is_said_in_words():
    found = [
        verdict(StateStep(kind="say", call=name, milestones=(name,))).reason for name in ("wish 0", "details 0", "done 0.0", "meetings of Fri", "7th heaven")
    ]
    assert found == [
        "the customer has said what they want",
        "the customer has given the details",
        "a wanted change is made",
        "something that is needed was looked up",
        "'7th heaven' is reached",
    ]


@pytest.mark.parametrize("env_id", ["prm_gym/Retail-v0", "prm_gym/Calendar-v0"])
def test_every_milestone_of_a_service_has_words(env_id):
    env = gym.make(env_id, difficulty=5, candidates=0).unwrapped
    for seed in range(20):
        env.reset(seed=seed)
        for name in {step.milestone for step in env.scenario.script} - {"ended"}:
            assert "is reached" not in verdict(StateStep(kind="say", call="x", milestones=(name,))).reason, name


def test_a_long_chain_of_things_that_went_astray_is_followed():
    # Step 0 names what is made up; each later one names what the one before has shown: all are wrong, at any length.
    first = StateStep(kind="read", call="0", references=(Reference("x", "t", exists=False),))
    chain = [StateStep(kind="read", call=str(i), references=(Reference(f"r{i}", "t", shown_by=(i - 1,)),), milestones=("m",)) for i in range(1, 400)]
    begin = time.perf_counter()
    assert verdict(chain[-1], first, *chain[:-1]).label == "incorrect"
    assert time.perf_counter() - begin < 1.0
    clean = msgspec.structs.replace(first, references=())
    assert verdict(chain[-1], clean, *chain[:-1]).label == "correct"


def test_a_claim_that_names_itself_or_what_comes_later_is_no_endless_loop():
    looped = StateStep(kind="read", call="0", references=(Reference("a", "t", shown_by=(0, 1)),))
    assert verdict(StateStep(kind="read", call="1", references=(Reference("a", "t", shown_by=(0, 1)),)), looped, looped).label in ("neutral", "incorrect")


@pytest.mark.parametrize("env_id", ["prm_gym/Retail-v0", "prm_gym/Calendar-v0"])
def test_stored_claims_get_the_same_verdicts(env_id):
    env = gym.make(env_id, difficulty=3).unwrapped
    env.reset(seed=2)
    actions = [*env.solution()[:3], env.solution()[2], *env.solution()[3:]]
    given = []
    for action in actions:
        _, _, terminated, _, info = env.step(action)
        given.append(info["verdicts"]["state"])
        if terminated:
            break
    stored = [PastStep("", "", tuple(claim_from_json(msgspec.to_builtins(claim)) for claim in past.claims)) for past in env.past_steps]
    steps = [StepContext(task=env.task, observation="", action="", claims=past.claims, previous=tuple(stored[:i])) for i, past in enumerate(stored)]
    again = make_verifier("state").verify(steps)
    assert [(v.label, v.score, v.reason, v.evidence) for v in again] == [(v.label, v.score, v.reason, v.evidence) for v in given]


def whole(env):
    """Every cell of the database but the free ones, by a full read."""
    return {(t.name, row[t.key], c): row[c] for t in env.tables for row in env.rows.all(f"SELECT * FROM {t.name}") for c in t.columns if c not in t.free}


@pytest.mark.parametrize("env_id", ["prm_gym/Retail-v0", "prm_gym/Calendar-v0"])
def test_verdicts_on_changes_agree_with_the_distance_to_the_wanted_database(env_id):
    # Independently: the wanted database is the one that the solution leaves; the distance is the number of cells that differ, by full reads.
    env = gym.make(env_id, difficulty=3, max_steps=60).unwrapped
    changes = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        env.reset(seed=seed)
        for action in env.solution():
            env.step(action)
        wanted = whole(env)
        env.reset(seed=seed)
        ahead, ended = list(env.solution()), False
        while not ended:
            before = whole(env)
            listed = [action for action in env.situation.actions if "finish" not in action and "transfer" not in action]
            action = ahead.pop(0) if ahead and rng.random() < 0.6 else listed[int(rng.integers(len(listed)))]
            _, _, terminated, truncated, info = env.step(action)
            after, label = whole(env), info["verdicts"]["state"].label
            ended = terminated or truncated
            if before == after:
                continue
            changes += 1
            nearer = {cell for cell in wanted | before | after if before.get(cell) != wanted.get(cell) == after.get(cell)}
            further = {cell for cell in wanted | before | after if before.get(cell) == wanted.get(cell) != after.get(cell)}
            if label == "correct":
                assert nearer
                assert not further
            if further:
                assert label == "incorrect"
    assert changes > 30


def test_milestones_are_a_potential_that_ends_with_lasting_damage():
    change = RowChange("orders", "o2", "status", before="a", after="b", final=True)
    assert verdict(StateStep(kind="read", call="c", reached=3, total=4), name="milestones").score == 0.75
    assert verdict(StateStep(kind="write", call="c", reached=3, total=4, changes=(change,)), name="milestones").score == 0.0


def test_the_potential_reward_of_a_solution_sums_to_its_outcome():
    env = gym.make("prm_gym/Retail-v0", difficulty=3, verifiers=["milestones"], reward="potential").unwrapped
    env.reset(seed=0)
    rewards = [env.step(action)[1] for action in env.solution()]
    assert sum(rewards) == pytest.approx(1.0)
    assert all(reward > 0 for reward in rewards[:-1])


def test_nothing_is_left_of_progress_after_a_wish_was_given_up():
    step = StateStep(kind="say", call="no", reached=3, total=4, given_up=True)
    assert verdict(step, name="milestones").score == 0.0
    assert verdict(step).evidence["progress"] == 0.0
