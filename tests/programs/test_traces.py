"""Traces against those worked out by hand, and questions against counters that the programs keep themselves."""

import pytest

from prm_gym.claims import TraceAnswer
from prm_gym.errors import ProblemError
from prm_gym.programs import AnswerError, Trace, TraceRequest, Untraceable, is_right, traced
from prm_gym.sandbox import Sandbox

BRANCHES = """\
def f(xs):
    total = 0
    for x in xs:
        if x > 2:
            total += x
        else:
            total -= 1
    return [total for _ in range(2)]
"""
CALLS = """\
def half(n):
    half_n = n // 2
    return half_n

def f(n):
    steps = 0
    while n > 1:
        n = half(n)
        steps += 1
    del n
    return steps
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def trace(sandbox):
    def one(code, *arguments):
        return traced(sandbox, [TraceRequest(code, "f", arguments)])[0]

    return one


def lines(trace):
    return [event.line for event in trace.events]


def values(trace, event):
    return {name: variable.value for name, variable in trace.variables(event).items()}


def test_lines_and_variables_by_hand(trace):
    found = trace(BRANCHES, [1, 3])
    assert lines(found) == [2, 3, 4, 7, 3, 4, 5, 3, 8]  # the comprehension runs as part of line 8
    assert values(found, 0) == {"xs": [1, 3]}
    assert values(found, 4) == {"xs": [1, 3], "total": -1, "x": 1}
    assert values(found, -1) == {"xs": [1, 3], "total": 2, "x": 3}
    assert (found.value, found.ending, found.whole) == ([2, 2], "returned", True)


def test_calls_of_the_programs_own_functions_by_hand(trace):
    found = trace(CALLS, 4)
    # 4 -> 2 -> 1: the loop's body twice, the function's two lines within each.
    assert lines(found) == [6, 7, 8, 2, 3, 9, 7, 8, 2, 3, 9, 7, 10, 11]
    assert [event.frame for event in found.events] == [0, 0, 0, 1, 1, 0, 0, 0, 2, 2, 0, 0, 0, 0]
    assert values(found, 4) == {"n": 4, "half_n": 2}
    assert values(found, 5) == {"n": 2, "steps": 0}
    assert values(found, 13) == {"steps": 2}  # n is gone


def test_a_value_that_changes_in_place_is_seen(trace):
    found = trace("def f(x):\n    seen = []\n    seen.append(x)\n    seen.append(True)\n    return seen", 1)
    assert [values(found, event).get("seen") for event in range(4)] == [None, [], [1], [1, True]]


def test_exceptions_and_what_is_printed(trace):
    found = trace("def f(x):\n    print('a', x)\n    return 1 // x", 0)
    assert (found.ending, found.output, lines(found)) == ("ZeroDivisionError", "a 0\n", [2, 3])


HEADS = [
    "for i in range(n):",
    "for i in [\n        j\n        for j in range(n)\n    ]:",
    "while count < n:",
    "for i in range(n):\n        for _ in range(3):\n            pass",
]


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("head", HEADS)
def test_iterations_are_those_that_the_program_counts(trace, n, head):
    # The program counts its own rounds and returns them.
    found = trace(f"def f(n):\n    count = 0\n    {head}\n        count += 1\n    return count", n)
    assert found.value == n
    assert len(found.entries(found.block(3, loop=True))) == n


def test_a_trace_has_an_end(trace):
    found = trace("def f(n):\n    while True:\n        n += 1", 0)
    assert isinstance(found, Trace)
    assert not found.whole
    ask = TraceAnswer("", "f", (), "result", "1")
    with pytest.raises(ProblemError, match="goes on"):
        is_right(found, ask)
    assert is_right(found, TraceAnswer("", "f", (), "next_line", "3", event=1))


@pytest.mark.parametrize(
    "body",
    [
        "import os",
        "import sys",
        "from re import enum",
        "import re\n    return re._compiler",
        "import re\n    m = re\n    return m.enum",
        "return eval('1')",
        "return getattr(x, 'a')",
        "return x.__class__",
        "return (y for y in [1]).gi_frame",
        "return type(x).mro()",
        "return __builtins__",
        "import string\n    return string.Formatter().get_field('0.__globals__', [f], {})",
        "from operator import attrgetter",
        "import functools as t\n    return t.__builtins__",
        "match f:\n        case object(__globals__=g): return g",
        "return id(x)",
        "meta = type('M', (type,), {'__instancecheck__': lambda s, o: True})",
        "t = type\n    return t(x)",
        "return type(int)('A', (), {'__match_args__': ('__globals__',)})",
        "return type(*('M', (), {}))",
        "class M(type):\n        pass",
        "class A(metaclass=list):\n        pass",
        "import functools\n    functools.update_wrapper(f, f, assigned=['__globals__'])",
        "from functools import wraps",
        "global __match_args__\n    __match_args__ = 1",
        "import collections\n    return collections.abc",
        "return open('a')",
        "import random\n    return random.random()",
    ],
)
def test_programs_that_might_reach_the_tracer_are_not_traced(trace, body):
    found = trace(f"def f(x):\n    {body}", 1)
    assert isinstance(found, Untraceable)
    assert "plain" in found.reason


def test_plain_programs_may_use_what_computes(trace):
    code = (
        "import math\nfrom collections import Counter, deque\nimport itertools as it\n\nclass Pile:\n    def __init__(self):\n        self._items = []\n"
        "    def push(self, x):\n        self._items.append(x)\n\ndef f(x):\n    pile = Pile()\n    pile.push(math.gcd(x, 4))\n"
        "    queue = deque(it.islice(Counter('aab'), 1))\n    return [*pile._items, *queue]"
    )
    assert trace(code, 6).value == [2, "a"]


def test_every_run_has_a_program_of_its_own(trace):
    code = "kept = []\nclass A:\n    pass\ndef f(x):\n    a = A()\n    kept.append(a)\n    return len(kept)"
    assert trace(code, 1).value == 1


@pytest.mark.parametrize(
    ("question", "answer", "place", "right"),
    [
        ("next_line", "line 7", {"event": 3}, True),
        ("next_line", "end", {"event": 9}, True),
        ("next_line", "end", {"event": 3}, False),
        ("type", "int", {"event": 4, "variable": "total"}, True),
        ("type", "undefined", {"event": 1, "variable": "x"}, True),
        ("branch", "no", {"event": 2, "line": 4}, True),
        ("branch", "taken", {"event": 5, "line": 4}, True),
        ("branch", "yes", {"line": 4}, True),
        ("branch", "yes", {"event": 7, "line": 3}, False),  # the loop is over
        ("result", "[2, 2]", {}, True),
        ("result", "[2, 2.0]", {}, False),
        ("result", "raises ValueError", {}, False),
        ("output", "", {}, True),
    ],
)
def test_answers(trace, question, answer, place, right):
    assert is_right(trace(BRANCHES, [1, 3]), TraceAnswer(BRANCHES, "f", ([1, 3],), question, answer, **place)) is right


def test_answers_of_another_kind(trace):
    found = trace(BRANCHES, [1, 3])
    for question, answer, place in (("next_line", "seven", {"event": 3}), ("result", "[2, 2", {}), ("branch", "maybe", {"event": 2, "line": 4})):
        with pytest.raises(AnswerError):
            is_right(found, TraceAnswer("", "f", (), question, answer, **place))
