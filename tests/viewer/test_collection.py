"""The list's figures, and advantages that are those of the whole trajectories."""

import math

import msgspec
import numpy as np
import pytest

from prm_gym.agent import make_agent
from prm_gym.credit import StepBatch, assign, make_signal
from prm_gym.errors import OptionError, PrmGymError, UnknownNameError
from prm_gym.rollout import Rollouts, groups
from prm_gym.viewer.advantages import NEGATIVE, NONE, POSITIVE, ZERO
from prm_gym.viewer.collection import MARKS, Collection, disagreeing
from prm_gym.viewer.details import Texts, details, plain
from prm_gym.viewer.graphs import group_graph
from prm_gym.viewer.page import served_page


def test_groups_stand_together_whatever_the_order_of_the_file(store, proofs):
    collection = Collection([store([proofs[i] for i in (0, 3, 1, 4, 2)])])
    assert [entry.id for entry in collection.entries] == ["g/0", "g/1", "g/2", "h/0", "h/1"]
    assert [entry.line for entry in collection.entries] == [1, 3, 5, 2, 4]
    assert [group.members for group in collection.groups] == [[0, 1, 2], [3, 4]]
    assert [collection.trajectory(number).id for number in range(5)] == ["g/0", "g/1", "g/2", "h/0", "h/1"]


def test_what_the_list_says_of_verdicts(store, proofs):
    collection = Collection([store(proofs)])
    z3, judge = (collection.verifiers.index(name) for name in ("z3", "judge"))
    bit = {mark: 1 << place for place, mark in enumerate(MARKS)}
    assert collection.entries[0].marks == {z3: bit["correct"], judge: bit["incorrect"]}
    assert collection.entries[1].marks == {z3: bit["incorrect"], judge: bit["abstain"]}
    # Verifiers disagree where both have a score; one that cannot tell disagrees with nobody.
    assert [entry.split for entry in collection.entries] == [True, False, False, False, False]
    assert not disagreeing(proofs[1].steps[0])


def test_credit_is_that_of_the_whole_trajectories_file_by_file(store, proofs):
    # The same group ids in two files are two groups: the runs of two seeds must not be each other's baseline.
    others = [msgspec.structs.replace(each, outcome=1.0) for each in proofs[:2]]
    collection = Collection([store(proofs), store(others, "u.jsonl")], ["grpo", "gigpo?gamma=0.9", "salt"])
    for path_rows, trajectories in ((range(5), proofs), (range(5, 7), others)):
        valid = [(row, each) for row, each in zip(path_rows, trajectories, strict=True) if each.valid]
        batch = StepBatch.from_trajectories([each for _, each in valid])
        for name in collection.advantages.names:
            expected = np.split(assign(name, batch).advantages, batch.offsets[1:-1])
            for (row, _), values in zip(valid, expected, strict=True):
                assert collection.advantages.of(name, row) == pytest.approx(values, abs=0.0)
    # By hand: returns 1.1 and -0.1 of a group of two are opposite about their mean.
    first, second = (collection.advantages.of("grpo", row) for row in (0, 1))
    assert first[0] == -second[0] > 0
    assert [collection.advantages.signs("grpo", row) for row in range(3)] == [POSITIVE, NEGATIVE, NONE]


def test_what_credit_is_not_known_of_is_none_with_a_reason(store, proofs, trajectory, step):
    endless = trajectory("g", 3, [step(0, "x", "A", "B", reward=float("inf"))], 0.0)
    assert not math.isfinite(endless.total_reward)
    beyond, empty = trajectory("g", 4, [step(0, "x", "A", "B")], 7.0), trajectory("g", 5, [], 0.0)
    path = store([*proofs, beyond, empty])
    collection = Collection([path], ["grpo", "gae"])
    assert [collection.advantages.of("grpo", row) is None for row in range(7)] == [False, False, True, True, True, False, False]
    assert all(collection.advantages.of("gae", row) is None for row in range(7))
    assert "lack value" in collection.summary()["credit"]["gae"]
    assert collection.summary()["credit"]["grpo"] == "assigned"


def test_a_signal_fills_what_an_assigner_needs(store):
    rollouts = Rollouts("prm_gym/Countdown-v0", {"reward": "outcome", "difficulty": 1, "verifiers": []}, num_envs=4)
    played = rollouts.play(make_agent("random", seed=1), groups([1, 2], 3))
    rollouts.close()
    signal, said = "mc_value:random?k=2", []
    collection = Collection([store(played)], ["vineppo", "grpo", "prime"], [signal], said.append)
    made = make_signal(signal, seed=0)
    batch = StepBatch.from_trajectories(played)
    made.fit(batch)
    expected = assign("vineppo", batch.with_columns(made.columns(batch)))
    made.close()
    shown = np.concatenate([collection.advantages.of("vineppo", number) for number in range(6)])
    np.testing.assert_array_equal(shown, np.where(expected.keep, expected.advantages, np.nan))
    summary = collection.summary()
    assert summary["signals"] == [signal]
    assert summary["credit"]["vineppo"] == summary["credit"]["grpo"] == "assigned"
    assert "; view --signal implicit_reward may fill it" in summary["credit"]["prime"]
    assert len(said) == 1
    assert "environment steps for" in said[0]
    assert f"Columns by the signal {signal}" in served_page(collection)


def test_a_signal_that_cannot_do_with_a_file_is_the_reason_and_the_rest_is_shown(store, proofs, trajectory, step):
    # Of an environment that is not known here, so that nobody can play on in it.
    paid = [trajectory("g", n, [step(0, "out", "A", "B", float(n), terminated=True)], float(n)) for n in range(2)]
    collection = Collection([store(paid)], ["vineppo", "grpo"], ["mc_value:random?k=2"])
    reason = collection.summary()["credit"]["vineppo"]
    assert "the signal mc_value:random?k=2 cannot fill it: " in reason
    assert "prm_gym/Doors-v0" in reason
    assert collection.summary()["credit"]["grpo"] == "assigned"
    for signals, said in ((["mc_valu"], "mc_value"), (["mc_value:random?k=2", "mc_value:random?k=3"], "given once"), (["mc_value:random?kk=2"], "kk")):
        with pytest.raises(PrmGymError, match=said):
            Collection([store(proofs, "again.jsonl")], ["grpo"], signals)


def test_a_filter_takes_steps_out_which_is_not_zero(store, proofs, step, trajectory):
    # Both attempts at `k` earn the same: zero_variance takes the group out.
    same = [trajectory("k", attempt, [step(0, "x", "A", "B", 0.5, terminated=True)], 0.5) for attempt in range(2)]
    collection = Collection([store([*proofs[:2], *same])], ["zero_variance|grpo", "grpo"])
    assert np.isnan(collection.advantages.of("zero_variance|grpo", 2)).all()
    assert collection.advantages.signs("zero_variance|grpo", 2) == NONE
    assert collection.advantages.signs("grpo", 2) == ZERO
    record = details(collection.trajectory(2), 2, collection.advantages, Texts())
    assert record["advantages"] == [[None], [0.0]]
    graph = group_graph(collection, 1)
    assert {tuple(edge["advantages"]) for edge in graph["edges"]} == {(None, 0.0)}


def test_wrong_names_fail_before_anything_is_read(tmp_path):
    (tmp_path / "a.jsonl").write_text("nothing that could be read")
    with pytest.raises(UnknownNameError, match="gigpo"):
        Collection([tmp_path], ["gigpoo"])
    with pytest.raises(OptionError):
        Collection([tmp_path], ["grpo?nothing=1"])


def test_the_record_holds_no_gold_answer_and_numbers_a_browser_reads(store, proofs):
    collection = Collection([store(proofs)], ["grpo"])
    texts = Texts()
    record = details(collection.trajectory(1), 1, collection.advantages, texts)
    assert "the gold answer" not in msgspec.json.encode([record, texts.listed]).decode()
    judge = record["steps"][0]["verdicts"][1]
    assert "score" not in judge  # cannot tell, which is not 0
    assert (judge["status"], texts.listed[judge["reason"]]) == ("abstain", "I cannot read it")
    assert plain({"n": 2**53 + 1, "m": [-(2**60), 2**53, True], "x": float("nan")}) == {"n": str(2**53 + 1), "m": [str(-(2**60)), 2**53, True], "x": "nan"}


def test_the_graph_has_the_states_of_the_group_and_the_rows_of_its_steps(store, proofs):
    collection = Collection([store(proofs)], ["grpo", "salt"])
    graph = group_graph(collection, 0)
    # A, B and D were acted in, by two valid attempts; each attempt has an end of its own.
    states = [node for node in graph["nodes"] if not node.get("end")]
    assert sorted(node["attempts"] for node in states) == [1, 1, 2]
    assert sorted(node["outcome"] for node in graph["nodes"] if node.get("end")) == [0.0, 1.0]
    assert sorted(edge["rows"] for edge in graph["edges"]) == [[[0, 0]], [[0, 1]], [[1, 0]], [[1, 1]]]
    left = next(edge for edge in graph["edges"] if edge["rows"] == [[0, 0]])
    assert left["advantages"] == [pytest.approx(collection.advantages.of(name, 0)[0], rel=1e-4) for name in ("grpo", "salt")]
    lonely = Collection([store([proofs[2]], "w.jsonl")])
    assert group_graph(lonely, 0) == {"reason": "no attempt is valid and has steps"}
