import numpy as np
import pytest

from prm_gym.credit import StepBatch
from prm_gym.credit.verdict_columns import verdict_columns
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import Verdict, abstained, failed, judged

RIGHT, WRONG = judged("correct", 1.0, ""), judged("incorrect", 0.0, "")


def step(*verdicts, stays=False):
    named = {f"v{place}": verdict for place, verdict in enumerate(verdicts)}
    return Step(index=0, observation="", action="", state_key="s", next_state_key="s" if stays else "t", reward=0.0, verdicts=named)


def trajectory(*steps, **changes):
    fields = {"id": "1", "group_id": "g", "task": Task(key="t", instructions="", question=""), "seed": 0, "env_id": "e", "agent": "a", "outcome": 1.0}
    return Trajectory(**{**fields, "steps": steps, **changes})


def at(progress, label="neutral", score=0.5):
    return judged(label, score, "", progress=progress)


@pytest.mark.parametrize(
    ("verdicts", "label"),
    [
        ((RIGHT,), 1.0),
        ((RIGHT, RIGHT), 1.0),
        ((WRONG,), 0.0),
        ((judged("malformed", 0.0, ""),), 0.0),
        ((RIGHT, WRONG), np.nan),  # they differ
        ((RIGHT, judged("trivial", 0.0, "")), 1.0),  # a step that leads nowhere is neither right nor wrong
        ((judged("vacuous", 0.0, ""),), np.nan),
        ((judged("neutral", 0.5, ""),), np.nan),
        ((WRONG, abstained("no claim"), failed("broken")), 0.0),
        ((abstained("no claim"),), np.nan),
        ((Verdict(status="abstain", label="correct"), Verdict(status="error", label="incorrect"), Verdict(status="timeout", label="correct")), np.nan),
        ((Verdict(status="ok", score=0.9),), np.nan),  # a score without a label
        ((), np.nan),
    ],
)
def test_labels(verdicts, label):
    columns = verdict_columns([trajectory(step(*verdicts), step(RIGHT))])
    np.testing.assert_array_equal(columns["label"], [label, 1.0])


def test_what_nobody_said_is_no_column():
    assert verdict_columns([trajectory(step(abstained("no claim")), step())]) == {}
    assert verdict_columns([]) == {}
    assert set(verdict_columns([trajectory(step(Verdict(status="ok", score=0.9)))])) == {"score"}


def test_spoilt_trajectories_say_nothing():
    spoilt = trajectory(step(WRONG), valid=False, outcome=None)
    assert StepBatch.from_trajectories([spoilt, trajectory(step(RIGHT))]).column("label").tolist() == [1.0]


def test_potentials_by_hand():
    # 0 at the beginning; the mean of what is stated, within [0, 1]; what it was while the state stays; not known after a step of which nobody states it.
    steps = (step(at(0.25)), step(stays=True), step(), step(at(0.5), at(7.0)), step(at(None), at(True), at(float("nan")), RIGHT, stays=True))
    columns = verdict_columns([trajectory(*steps), trajectory(step(RIGHT)), trajectory(step(at(1)))])
    np.testing.assert_array_equal(columns["potential"], [0.0, 0.25, 0.25, np.nan, 0.75, np.nan, 0.0])
    np.testing.assert_array_equal(columns["final_potential"], [np.nan, np.nan, np.nan, np.nan, 0.75, np.nan, 1.0])


def test_progress_of_verdicts_that_failed_is_not_read():
    verdict = Verdict(status="error", evidence={"progress": 0.5})
    assert verdict_columns([trajectory(step(verdict))]) == {}
