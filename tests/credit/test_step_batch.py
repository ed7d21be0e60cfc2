import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from prm_gym.credit import StepBatch, key_array
from prm_gym.errors import CreditError
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import abstained, judged

TASK = Task(key="t", instructions="", question="")


def step(index, **changes):
    fields = {"index": index, "observation": f"o{index}", "action": f"a{index}", "state_key": f"s{index}", "next_state_key": f"s{index + 1}"}
    return Step(**{**fields, "reward": float(index), **changes})


def trajectory(name, steps, **changes):
    fields = {"id": name, "group_id": "g", "task": TASK, "seed": 0, "env_id": "e", "agent": "a", "outcome": 1.0, "steps": tuple(steps)}
    return Trajectory(**{**fields, **changes})


def arrays(**changes):
    return {
        "rewards": np.array([1.0, 2.0, 3.0]),
        "offsets": np.array([0, 2, 3]),
        "group_ids": key_array(["g", "h"]),
        "outcomes": np.array([1.0, 0.0]),
        "truncated": np.array([False, True]),
        **changes,
    }


def test_rows_know_their_trajectory_and_time():
    batch = StepBatch(**arrays())
    assert batch.lengths.tolist() == [2, 1]
    assert batch.trajectory_of_step.tolist() == [0, 0, 1]
    assert batch.time_of_step.tolist() == [0, 1, 0]


def test_sequences_become_arrays():
    batch = StepBatch([1, 2], [0, 2], [("a", 1)], [None], [0], {"state_key": ["s", "s"]})
    assert batch.rewards.dtype == np.float64
    assert batch.group_ids.tolist() == [("a", 1)]
    assert np.isnan(batch.outcomes).all()
    assert batch.truncated.dtype == np.bool_
    assert batch.column("state_key").dtype == object


def test_group_ids_and_keys_stay_as_given():
    for keys in (["g", "g"], [b"\x00", b""], [3, 4]):
        batch = StepBatch(**arrays(group_ids=key_array(keys)))
        assert batch.group_ids.tolist() == keys


def test_a_batch_can_be_pickled():
    batch = pickle.loads(pickle.dumps(StepBatch(**arrays(columns={"value": np.ones(3)}))))
    assert batch.column("value").tolist() == [1.0, 1.0, 1.0]


DERIVED = ("tasks", "lengths", "trajectory_of_step", "time_of_step")


def derived(batch):
    codes = batch.tasks.codes.tolist(), batch.tasks.sizes.tolist()
    return *codes, batch.lengths.tolist(), batch.trajectory_of_step.tolist(), batch.time_of_step.tolist()


def test_what_follows_from_offsets_and_ids_is_worked_out_once():
    batch = StepBatch(**arrays())
    for name in DERIVED:
        assert getattr(batch, name) is getattr(batch, name)
    assert batch.tasks.sizes is batch.tasks.sizes
    assert derived(batch) == ([0, 1], [1, 1], [2, 1], [0, 0, 1], [0, 1, 0])


def test_a_batch_with_other_fields_works_out_its_own():
    batch = StepBatch(**arrays())
    derived(batch)
    assert derived(replace(batch, group_ids=["h", "h"])) == ([0, 0], [2], [2, 1], [0, 0, 1], [0, 1, 0])
    assert derived(replace(batch, offsets=[0, 1, 3])) == ([0, 1], [1, 1], [1, 2], [0, 1, 1], [0, 0, 1])
    alone = replace(batch, offsets=[0, 3], group_ids=[7], outcomes=[1.0], truncated=[False])
    assert derived(alone) == ([0], [1], [3], [0, 0, 0], [0, 1, 2])
    assert derived(batch.with_columns({"value": np.ones(3)})) == derived(batch) == ([0, 1], [1, 1], [2, 1], [0, 0, 1], [0, 1, 0])


def test_what_was_worked_out_neither_travels_nor_changes_the_batch():
    batch = StepBatch(**arrays(columns={"value": np.ones(3)}))
    before = len(pickle.dumps(batch))
    known = derived(batch)
    assert len(pickle.dumps(batch)) == before
    for other in (pickle.loads(pickle.dumps(batch)), copy.copy(batch), copy.deepcopy(batch)):
        assert not set(DERIVED) & set(vars(other))
        assert derived(other) == known
        assert other.column("value").tolist() == [1.0, 1.0, 1.0]
        assert not other.offsets.flags.writeable
    assert batch != copy.copy(batch)  # batches are compared as objects
    with pytest.raises(FrozenInstanceError):
        batch.rewards = np.zeros(3)
    with pytest.raises(FrozenInstanceError):
        batch.lengths = np.zeros(2)


def test_what_is_kept_cannot_be_written_to():
    ids, offsets = key_array(["g", "h"]), np.array([0, 2, 3])
    batch = StepBatch(**arrays(group_ids=ids, offsets=offsets))
    for kept in (batch.offsets, batch.group_ids, batch.lengths, batch.trajectory_of_step, batch.time_of_step, batch.tasks.codes, batch.tasks.sizes):
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = kept[-1]
    # The caller's own arrays are the caller's: they can be written to, and the batch does not follow.
    ids[0], offsets[1] = "h", 1
    assert derived(batch) == ([0, 1], [1, 1], [2, 1], [0, 0, 1], [0, 1, 0])


def test_from_trajectories_fills_the_columns():
    first = trajectory("1", [step(0), step(1, terminated=True)], group_id="g1", outcome=0.5)
    second = trajectory("2", [step(0, reward=-1.0, truncated=True)], group_id="g2", outcome=0.0)
    batch = StepBatch.from_trajectories([first, second])
    assert batch.rewards.tolist() == [0.0, 1.0, -1.0]
    assert batch.offsets.tolist() == [0, 2, 3]
    assert batch.group_ids.tolist() == ["g1", "g2"]
    assert batch.outcomes.tolist() == [0.5, 0.0]
    assert batch.truncated.tolist() == [False, True]
    assert batch.column("state_key").tolist() == ["s0", "s1", "s0"]
    assert batch.column("next_state_key").tolist() == ["s1", "s2", "s1"]
    assert batch.column("action_key").tolist() == ["a0", "a1", "a0"]
    assert batch.trajectories == (first, second)
    assert [row.observation for row in batch.steps] == ["o0", "o1", "o0"]


def test_equal_texts_become_one_object():
    # Read from a file, every text is an object of its own; joining at run time makes such objects here.
    apart = [step(index, state_key="".join(["room ", "1"]), next_state_key="".join(["room ", "1"]), action="".join(["go ", "on"])) for index in range(2)]
    assert apart[0].state_key is not apart[1].state_key
    batch = StepBatch.from_trajectories([trajectory("1", apart)])
    assert len({id(key) for name in ("state_key", "next_state_key") for key in batch.column(name)}) == 1
    assert len({id(key) for key in batch.column("action_key")}) == 1


def test_spoilt_trajectories_are_left_out():
    good = trajectory("good", [step(0)])
    bad = trajectory("bad", [step(0, reward=float("nan"))], valid=False, outcome=None)
    batch = StepBatch.from_trajectories([bad, good, bad])
    assert batch.trajectories == (good,)
    assert batch.rewards.size == 1


def test_when_every_trajectory_is_spoilt_the_batch_is_empty():
    batch = StepBatch.from_trajectories([trajectory("bad", [step(0)], valid=False, outcome=None)])
    assert (batch.rewards.size, batch.offsets.tolist(), batch.steps) == (0, [0], ())


def test_an_unknown_outcome_is_nan():
    assert np.isnan(StepBatch.from_trajectories([trajectory("1", [step(0)], outcome=None)]).outcomes).all()


def test_logprob_is_the_sum_over_the_tokens_and_needs_every_step():
    told = [step(0, logprobs=(-1.0, -0.5)), step(1, logprobs=(-2.0,))]
    assert StepBatch.from_trajectories([trajectory("1", told)]).column("logprob").tolist() == [-1.5, -2.0]
    untold = trajectory("2", [step(0)])
    assert "logprob" not in StepBatch.from_trajectories([trajectory("1", told), untold]).columns


def test_score_is_the_mean_of_the_scores_and_nan_where_nobody_could_tell():
    right, half, unknown = judged("correct", 1.0, ""), judged("neutral", 0.5, ""), abstained("no claim")
    steps = [step(0, verdicts={"a": right, "b": half, "c": unknown}), step(1, verdicts={"c": unknown}), step(2)]
    batch = StepBatch.from_trajectories([trajectory("1", steps)])
    np.testing.assert_array_equal(batch.column("score"), [0.75, np.nan, np.nan])
    assert "score" not in StepBatch.from_trajectories([trajectory("1", steps[1:])]).columns


def test_a_missing_column_is_named():
    batch = StepBatch(**arrays(columns={"value": np.zeros(3), "score": np.zeros(3)}))
    with pytest.raises(CreditError, match=r"no column 'potential'. Its columns: score, value\."):
        batch.column("potential")


def test_a_batch_of_arrays_has_no_steps():
    with pytest.raises(CreditError, match="from_trajectories"):
        _ = StepBatch(**arrays()).steps


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rewards": np.array([1.0, np.nan, np.inf])}, "rewards must be finite, got NaN or infinity in rows 1 and 2"),
        ({"rewards": ["a", 1, 2]}, "rewards must be numbers"),
        ({"rewards": np.zeros((3, 1))}, r"rewards must be one-dimensional, got shape \(3, 1\)"),
        ({"offsets": np.array([0, 3, 2, 3]), "group_ids": [1, 2, 3]}, "offsets must increase; the entry after row 1 is smaller"),
        ({"offsets": np.array([0, 0, 3])}, "Every trajectory needs a step; trajectories in row 0 have none"),
        ({"offsets": np.array([0, 2])}, "offsets must run from 0 to the number of rewards, 3, got 0 to 2"),
        ({"offsets": np.array([1, 2, 3])}, "got 1 to 3"),
        ({"offsets": np.array([0.0, 2.0, 3.0])}, r"offsets must be \[M\+1\] integers .* got float64"),
        ({"offsets": np.zeros(0, dtype=int)}, r"offsets must be \[M\+1\] integers"),
        ({"group_ids": key_array(["g"])}, r"group_ids must have one entry for each of 2 trajectories, got shape \(1,\)"),
        ({"outcomes": np.zeros(3)}, "outcomes must have one entry for each of 2 trajectories"),
        ({"outcomes": np.array([0.0, np.inf])}, "outcomes must be finite, or NaN where not known, got infinity in row 1"),
        ({"outcomes": np.array([-0.5, 2.0])}, r"outcomes must be in \[0, 1\], or NaN where not known, got something else in rows 0 and 1"),
        ({"truncated": np.zeros(3, dtype=bool)}, "truncated must have one entry for each of 2 trajectories"),
        ({"truncated": [float("nan"), True]}, "truncated must be True or False, got something else in row 0"),
        ({"truncated": ["no", "yes"]}, "truncated must be True or False, got something else in rows 0 and 1"),
        ({"truncated": [None, 2]}, "truncated must be True or False, got something else in rows 0 and 1"),
        ({"columns": {"state_key": np.zeros(2)}}, r"state_key must have one entry for each of 3 steps, got shape \(2,\)"),
        ({"columns": {"value": np.zeros((3, 2))}}, r"value must have one entry for each of 3 steps, got shape \(3, 2\)"),
        ({"trajectories": ()}, "trajectories must be the source of the rows"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(CreditError, match=message):
        StepBatch(**arrays(**changes))


def test_a_valid_trajectory_without_steps_is_refused():
    with pytest.raises(CreditError, match="Every trajectory needs a step"):
        StepBatch.from_trajectories([trajectory("1", [])])
