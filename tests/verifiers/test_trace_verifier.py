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
