import msgspec
import pytest

from prm_gym import Verdict
from prm_gym.labelling.layouts import LabelPolicy, processbench_row, stepwise_row
from prm_gym.labelling.ratings import first_error, rating_of, ratings
from prm_gym.task import Task
from prm_gym.tools import Tool, described
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import abstained, failed, judged

RIGHT, WRONG, EMPTY, UNTOLD = judged("correct", 1.0, ""), judged("incorrect", 0.0, "false"), judged("trivial", 0.0, ""), abstained("who knows")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], None),
        ([UNTOLD, failed("broke")], None),
        ([RIGHT, UNTOLD], 1),
        ([EMPTY], 0),
        ([Verdict(status="ok", label="neutral")], 0),
        ([EMPTY, RIGHT], 1),
        ([RIGHT, WRONG], -1),
        ([judged("malformed", 0.0, "")], -1),
        ([judged("vacuous", 0.0, "")], -1),
        ([Verdict(status="ok", score=0.5)], 1),
        ([Verdict(status="ok", score=0.49)], -1),
        ([Verdict(status="timeout")], None),
    ],
)
def test_a_refutation_counts_before_a_confirmation_and_what_cannot_tell_has_no_vote(verdicts, expected):
    assert rating_of(verdicts) == expected


@pytest.mark.parametrize(
    ("rated", "strict", "lenient"),
    [
        ((), -1, -1),
        ((1, 0, 1), -1, -1),
        ((1, -1, -1), 1, 1),
        ((1, None, -1), None, 2),  # the undecided step may be the first wrong one
        ((1, -1, None), 1, 1),
        ((1, None), None, -1),
    ],
)
def test_the_first_error_is_told_only_where_everything_before_it_is(rated, strict, lenient):
    assert first_error(rated) == strict
    assert first_error(rated, undecided_is_right=True) == lenient


def _trajectory(*verdicts, outcome=None):
    steps = tuple(
        Step(index=i, observation="", action=f"step {i}", state_key=str(i), next_state_key=str(i + 1), reward=0.0, verdicts={"v": verdict})
        for i, verdict in enumerate(verdicts)
    )
    task = Task(key="k", instructions="", question="why?")
    return Trajectory(id="t", group_id="k", task=task, seed=None, env_id="text/solution", agent="m", outcome=outcome, steps=steps)


def test_stepwise_rows_end_where_nothing_can_be_told():
    row = stepwise_row(_trajectory(RIGHT, WRONG, UNTOLD, RIGHT))
    assert row == {"id": "t", "prompt": "why?", "completions": ["step 0", "step 1"], "labels": [True, False]}
    assert stepwise_row(_trajectory(UNTOLD, RIGHT)) is None
    assert stepwise_row(_trajectory(UNTOLD, RIGHT), LabelPolicy(undecided="right"))["labels"] == [True, True]


def test_stepwise_rows_can_stop_at_the_first_error_and_count_empty_steps_as_wrong():
    assert stepwise_row(_trajectory(EMPTY, WRONG, RIGHT))["labels"] == [True, False, True]
    assert stepwise_row(_trajectory(EMPTY, WRONG, RIGHT), LabelPolicy(stop_at_error=True))["labels"] == [True, False]
    assert stepwise_row(_trajectory(EMPTY, WRONG, RIGHT), LabelPolicy(neutral_is_right=False))["labels"] == [False, False, True]


def test_processbench_rows_hold_the_first_error_and_whether_the_answer_was_right():
    assert processbench_row(_trajectory(RIGHT, WRONG, RIGHT, outcome=1.0)) == {
        "id": "t",
        "generator": "m",
        "problem": "why?",
        "steps": ["step 0", "step 1", "step 2"],
        "final_answer_correct": True,
        "label": 1,
    }
    assert processbench_row(_trajectory(RIGHT, UNTOLD)) is None
    assert processbench_row(_trajectory(EMPTY, RIGHT))["final_answer_correct"] is None
    assert processbench_row(_trajectory(EMPTY, RIGHT), LabelPolicy(neutral_is_right=False))["label"] == 0


def test_where_there_are_tools_the_policy_stands_before_the_steps_and_every_answer_before_the_next_one():
    task = Task(key="k", instructions=f"Serve them well.\n{described([Tool('look', 'Looks.')])}", question="Hello?")
    seen, written = ("Hello?", "It is ada@example.com.", "Hello?\n\nAnd then?"), ("Who are you? ", "look", "bye")
    steps = [
        Step(index=i, observation=observation, action=action, state_key=str(i), next_state_key=str(i + 1), reward=0.0, verdicts={"v": RIGHT})
        for i, (observation, action) in enumerate(zip(seen, written, strict=True))
    ]
    trajectory = Trajectory(id="t", group_id="k", task=task, seed=None, env_id="prm_gym/Shop-v0", agent="m", outcome=1.0, steps=tuple(steps))
    row, bench = stepwise_row(trajectory), processbench_row(trajectory)
    assert row["prompt"] == bench["problem"] == f"{task.instructions}\n\nHello?"
    # The first observation is in the prompt, and a question that is told again is not told twice.
    answers = ["<observation>\nIt is ada@example.com.\n</observation>\nlook", "<observation>\nAnd then?\n</observation>\nbye"]
    assert row["completions"] == bench["steps"] == ["Who are you?", *answers]
    assert row["labels"] == [True] * 3


def test_a_malformed_step_is_wrong_in_an_environment_and_undecided_in_a_text():
    malformed = _trajectory(judged("malformed", 0.0, ""))
    assert ratings(malformed) == (None,)
    assert ratings(msgspec.structs.replace(malformed, env_id="prm_gym/Deduction-v0")) == (-1,)
