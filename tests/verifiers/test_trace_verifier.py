"""Verdicts on what is said of traces: the kinds of answers, and claims that are built by hand."""

import pytest

from prm_gym.claims import TraceAnswer
from prm_gym.task import Task
from prm_gym.verifier import StepContext
from prm_gym.verifiers.trace import TraceVerifier

GIVEN = {"code": "def f(x):\n    y = 1\n    return y", "function": "f", "arguments": (1,), "question": "type", "answer": "int", "event": 1, "variable": "y"}


@pytest.fixture(scope="module")
def verifier():
    made = TraceVerifier()
    yield made
    made.close()


def verdict(verifier, **fields):
    task = Task(key="t", instructions="", question="")
    return verifier.verify([StepContext(task=task, observation="", action="", claims=(TraceAnswer(**(GIVEN | fields)),))])[0]


@pytest.mark.parametrize(("answer", "label"), [("int", "correct"), ("<class 'int'>", "correct"), ("<class 'a.int'>", "correct"), ("<class int>", "incorrect")])
def test_a_class_may_be_written_as_python_shows_it(verifier, answer, label):
    assert verdict(verifier, answer=answer).label == label


@pytest.mark.parametrize("fields", [{"event": "a"}, {"event": 1.5}, {"answer": 5}, {"question": "nope"}, {"arguments": None}, {"code": 5}, {"line": None}])
def test_ill_typed_fields_are_abstained_on(verifier, fields):
    assert verdict(verifier, **fields).status == "abstain"


LOOP = "def f(x):\n    for y in [1, 2]:\n        if x > y:\n            print(y)\n    return [x]"


# f(2): lines 2, 3, 4, 2, 3, 2, 5; one line is printed, and the body of the `if` is entered the first time only.
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"question": "next_line", "answer": "3", "event": 2}, "4"),
        ({"question": "next_line", "answer": "5", "event": 7}, "end"),
        ({"question": "value", "answer": "1", "variable": "y"}, "2"),
        ({"question": "value", "answer": "7", "variable": "z"}, "undefined"),
        ({"question": "type", "answer": "str", "variable": "x"}, "int"),
        ({"question": "branch", "answer": "yes", "event": 4, "line": 3}, "no"),
        ({"question": "iterations", "answer": "3", "line": 2}, "2"),
        ({"question": "output", "answer": "2"}, "1\n"),
        ({"question": "result", "answer": "[1]"}, "[2]"),
        ({"question": "result", "answer": "raises ValueError"}, "[2]"),
    ],
)
def test_the_evidence_tells_what_happens_and_what_was_said(verifier, fields, expected):
    found = verdict(verifier, **{"code": LOOP, "arguments": (2,), "event": -1, "variable": ""} | fields)
    assert (found.label, found.evidence) == ("incorrect", {"expected": expected, "given": fields["answer"]})
    assert verdict(verifier, **{"code": LOOP, "arguments": (2,), "event": -1, "variable": ""} | fields | {"answer": expected}).label == "correct"
