"""Verdicts on programs: shares, evidence, and attacks that must earn nothing."""

import json

import msgspec
import pytest

from prm_gym.claims import Case, Probe, Program, Talk, claim_from_json
from prm_gym.task import Task
from prm_gym.verifier import StepContext
from prm_gym.verifiers.execution import ExecutionVerifier

CASES = tuple(Case((n,), n * 7 + 1) for n in range(1, 9))


@pytest.fixture(scope="module")
def verifier():
    made = ExecutionVerifier()
    yield made
    made.close()


def step(claim):
    return StepContext(task=Task(key="t", instructions="", question=""), observation="", action="", claims=(claim,))


def verdicts(verifier, *claims):
    return verifier.verify([step(claim) for claim in claims])


@pytest.mark.parametrize(("right", "label"), [(8, "correct"), (6, "neutral"), (4, "neutral"), (3, "incorrect"), (0, "incorrect")])
def test_the_score_is_the_share(verifier, right, label):
    (verdict,) = verdicts(verifier, Program(f"def f(n): return n * 7 + 1 if n <= {right} else 0", "f", CASES))
    assert (verdict.score, verdict.label) == (right / 8, label)


def test_all_or_nothing():
    (verdict,) = verdicts(ExecutionVerifier("all"), Program("def f(n): return n * 7 + 1 if n <= 7 else 0", "f", CASES))
    assert (verdict.score, verdict.label) == (0.0, "incorrect")


def test_cases_talks_and_tests_count_together(verifier):
    # 2 of 2 cases, 1 of 2 talks, and the tests: 4 of 5.
    code = "def f(n): return n\nif __name__ == '__main__':\n    import sys\n    print(sys.stdin.read().strip())"
    talks = (Talk("a", "a"), Talk("b", "c"))
    (verdict,) = verdicts(verifier, Program(code, "f", (Case((1,), 1), Case((2,), 2)), talks, "assert f(3) == 3"))
    assert verdict.score == pytest.approx(4 / 5)
    assert verdict.evidence["failing"] == {"talk": 1, "stdin": "b", "ending": "ok", "stdout": "b\n"}


def test_the_evidence_holds_no_expected_value(verifier):
    (verdict,) = verdicts(verifier, Program("def f(n): return 'mine'", "f", (Case(([1, 2],), "SECRET-7f3a"),), tests="assert f(1) == 'SECRET-7f3a'"))
    assert verdict.evidence["failing"] == {"case": 0, "arguments": ["[1, 2]"], "ending": "returned", "returned": "'mine'"}
    assert "SECRET" not in json.dumps(msgspec.to_builtins(verdict))


def test_a_batch_is_judged_as_its_claims_alone(verifier):
    programs = [Program(f"def f(n): return n * 7 + 1 if n != {k % 4} else 0", "f", CASES) for k in range(12)]
    alone = [verdicts(verifier, program)[0] for program in programs]
    assert verdicts(verifier, *programs) == alone


def test_one_hanging_program_does_not_spoil_its_neighbours(verifier):
    hanging = Program("def f(n):\n    while True: pass", "f", CASES, wall_seconds=0.2)
    good = Program("def f(n): return n * 7 + 1", "f", CASES, wall_seconds=0.2)
    scores = [verdict.score for verdict in verdicts(verifier, good, hanging, good)]
    assert scores == [1.0, 0.0, 1.0]


def test_claims_come_back_from_storage():
    claim = Program("def f(x): return x", "f", (Case(({"tuple": [1]},), [1, {"dict": [["a", None]]}]),), known=(0,))
    assert claim_from_json(msgspec.json.decode(msgspec.json.encode(claim))) == claim
    probe = Probe("c", "f", (1,), {"set": [1]}, (Case((), 1),))
    assert claim_from_json(msgspec.json.decode(msgspec.json.encode(probe))) == probe


CLEARS = """
import sys
def f(n):
    up = sys._getframe(1).f_locals
    for name in list(up):
        if isinstance(up[name], list):
            up[name].clear()
    return 0
"""
CLIMBS = """
import sys
def f(n):
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if isinstance(value, dict) and "expected" in value:
                return value["expected"]
        frame = frame.f_back
"""
DIGS = """
import gc
def f(n):
    found = [one for one in gc.get_objects() if isinstance(one, dict) and "expected" in one]
    return found[0]["expected"] if found else None
"""
PATCHES = """
import json
json.dumps = lambda *a, **k: '["returned", 5]'
json.JSONEncoder.encode = json.JSONEncoder.iterencode = json.dumps
def f(n): return None
"""
FORGES = """
import os
for n in range(9):
    os.write(3, b'["returned", true]\\n')
os._exit(0)
"""
ATTACKS = {
    "equal to everything": "class E:\n    def __eq__(self, o): return True\n    def __hash__(self): return 0\ndef f(n): return E()",
    "a subclass of int": "class I(int):\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\ndef f(n): return I(n)",
    "a metaclass that lies": "class M(type):\n    __name__ = 'int'\nclass I(int, metaclass=M): pass\ndef f(n): return I(n * 7 + 1)",
    "left at once": "import os\nos._exit(0)",
    "left in the call": "import os\ndef f(n): os._exit(0)",
    "records forged": FORGES,
    "endless repr": "class R:\n    def __repr__(self):\n        while True: pass\ndef f(n): return R()",
    "the cases cleared": CLEARS,
    "json patched": PATCHES,
    "builtins patched": "import builtins\nbuiltins.type = lambda *a: int\nbuiltins.isinstance = lambda *a: True\ndef f(n): return object()",
    "a thread that stays": "import threading, time\nthreading.Thread(target=lambda: time.sleep(60)).start()\ndef f(n): return 0",
    "more than it may print": "def f(n):\n    print('x' * (1 << 22))\n    return n * 7 + 1",
    "the stack searched": CLIMBS,
    "the heap searched": DIGS,
    "the first answer kept": "kept = []\ndef f(n):\n    kept.append(n * 7 + 2)\n    return kept[0]",
    "no end of recursion": "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(n): return f(n)",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_earn_nothing(verifier, name):
    (verdict,) = verdicts(verifier, Program(ATTACKS[name], "f", CASES, wall_seconds=0.4))
    assert (verdict.status, verdict.score) == ("ok", 0.0)


def test_arguments_that_are_changed_are_fresh_for_the_next_case(verifier):
    code = "def f(xs):\n    xs.append(9)\n    return len(xs)"
    (verdict,) = verdicts(verifier, Program(code, "f", (Case(([],), 1),) * 3))
    assert verdict.score == 1.0


def test_hostile_claims_are_abstained_on(verifier):
    deep = 0
    for _ in range(5_000):
        deep = [deep]
    hostile = [
        Program("def f(x): return x", "f", (Case((deep,), 1),)),
        Program("def f(x): return x", "f", (Case((1 << 70,), 1),)),
        Program("def f(x): return x", "f", (Case((1,), {"object": "int"}),)),
        Program("def f(x): return x", "f", (Case((1,), 1),) * 3_000),
        Program("def f(x): return x", "f;import os", (Case((1,), 1),)),
        Program("def f(x): return x", "f", (Case((1,), 1),), wall_seconds=-1.0),
        Program("def f(x): return x", "f", (Case((1,), 1),), tolerance=float("nan")),
        Program("\ud800", "f", (Case((1,), 1),)),
    ]
    found = verdicts(verifier, *hostile)
    assert [verdict.status for verdict in found] == ["abstain"] * len(hostile)


def test_probes_by_hand(verifier):
    # Near wrong programs of `n > 3`: <, >=, the constant 4 or 0, the condition negated or the return value gone.
    code = "def f(n):\n    if n > 3:\n        return 'big'\n    return 'small'"
    far = Probe(code, "f", (100,), "big")
    edge = Probe(code, "f", (3,), "small", (Case((100,), "big"), Case((-100,), "small")))
    again = Probe(code, "f", (101,), "big", (Case((100,), "big"), Case((-100,), "small"), Case((3,), "small"), Case((4,), "big")))
    found = verdicts(verifier, far, edge, again, Probe(code, "f", (3,), "big"))
    assert [verdict.label for verdict in found] == ["correct", "correct", "trivial", "incorrect"]
    assert any(">= for >" in how for how in found[1].evidence["told"])


def test_a_wrong_case_does_not_spoil_the_ones_after_it(verifier):
    code = "def f(n):\n    return n + 1"
    (verdict,) = verdicts(verifier, Probe(code, "f", (3,), 4, (Case((2,), 99),)))
    assert (verdict.label, verdict.evidence["left"]) == ("correct", len(verdict.evidence["told"]))


ILL_TYPED = [
    {"tests": 5},
    {"wall_seconds": "a"},
    {"tolerance": None},
    {"known": 3},
    {"cases": (5,)},
    {"cases": (Case(None, 1),)},
    {"function": None},
    {"talks": ("a",)},
    {"tests": "\ud800"},
]


@pytest.mark.parametrize("fields", ILL_TYPED)
def test_ill_typed_fields_are_abstained_on(verifier, fields):
    given = {"code": "def f(x): return x", "function": "f", "cases": (Case((1,), 1),)} | fields
    assert verdicts(verifier, Program(**given))[0].status == "abstain"
    assert verdicts(verifier, Probe(given["code"], "f", None, 1))[0].status == "abstain"


def test_half_a_surrogate_pair_can_be_stored(verifier):
    raises = "def f(x): raise ValueError('\\ud800')"
    forged = 'import os\nos.write(3, b\'["returned", {"\\\\uD800": "\\xed\\xa0\\x80"}]\\n\')\nos._exit(0)'
    for code in (raises, "def f(x): return '\\ud800'", "def f(x): return {'\\udfff': 1}", forged):
        (verdict,) = verdicts(verifier, Program(code, "f", (Case((1,), 2),)))
        assert (verdict.score, msgspec.json.decode(msgspec.json.encode(verdict))["status"]) == (0.0, "ok")


def test_the_answers_in_a_row_earn_nothing(verifier):
    code = f"n = [0]\nA = {[case.expected for case in CASES]}\ndef f(x):\n    n[0] += 1\n    return A[n[0] - 1]"
    assert verdicts(verifier, Program(code, "f", CASES))[0].score <= 3 / 8  # by luck; the order is fixed by the cases


def test_tests_that_ask_for_what_cannot_be_carried_are_abstained_on(verifier):
    (verdict,) = verdicts(verifier, Program("def f(g): return g(1)", tests="assert f(lambda x: x) == 1"))
    assert verdict.status == "abstain"


SAYS_YES = "class Yes:\n    def __bool__(self): return True\n    def __eq__(self, other): return True\n    def __contains__(self, part): return True\n"
VECTOR = """class V:
    def __init__(self, x): self.x = x
    def __add__(self, other): return V(self.x + other.x)
    def __eq__(self, other): return self.x == other.x
"""


@pytest.mark.parametrize(
    ("code", "tests", "reference", "score"),
    [
        (SAYS_YES + "def f(x): return Yes()", "assert f(1) == 2", "", 0.0),  # plain data was expected
        (SAYS_YES + "def f(x): return Yes()", "assert f(1)\nassert 3 in f(2)", "", None),
        (SAYS_YES + "def f(x): return Yes()", "assert f(1)\nassert 3 in f(2)", "def f(x): return [3]", 0.0),  # the reference needs no such word
        (SAYS_YES + "def f(x): return Yes()", "assert f(1)\nassert 3 in f(2)", "def f(x): return []", None),  # no reference: it fails
        (VECTOR, "assert V(1) + V(2) == V(3)", "", None),
        (VECTOR, "assert V(1) + V(2) == V(3)", VECTOR, 1.0),
        (VECTOR.replace("self.x + other.x", "0"), "assert V(1) + V(2) == V(3)", VECTOR, 0.0),
        ("def f(xs): xs.sort()", "xs = [2, 1]\nf(xs)\nassert xs == [1, 2]", "", None),
        ("def f(xs): xs.sort()", "xs = [2, 1]\nf(xs)\nassert xs == [1, 2]", "def f(xs): xs[:] = sorted(xs)", 1.0),
        ("def f(xs): xs.reverse()", "xs = [3, 1, 2]\nf(xs)\nassert xs == [1, 2, 3]", "", 0.0),
        ("def f(xs):\n    xs.clear()\n    return []", "xs = [2, 1]\nassert f(xs) == sorted(xs)", "def f(xs): return sorted(xs)", 0.0),
        ("def f(g): return g(1)", "assert f(lambda x: x) == 1", "def f(g): return g(1)", None),  # nobody can pass these
    ],
)
def test_a_reference_tells_who_is_to_blame_for_what_cannot_be_carried(verifier, code, tests, reference, score):
    (verdict,) = verdicts(verifier, Program(code, tests=tests, reference=reference))
    assert verdict.score == score


@pytest.mark.parametrize(
    "tests", ["assert f(1) == 'SECRET'", "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(1), 'SECRET')"]
)
def test_the_evidence_quotes_no_tests(verifier, tests):
    (verdict,) = verdicts(verifier, Program("def f(x): return 1", tests=tests))
    assert verdict.evidence["failing"] == {"tests": "AssertionError"}
    assert "SECRET" not in json.dumps(msgspec.to_builtins(verdict))


@pytest.mark.parametrize(
    ("body", "raises", "right"),
    [
        ("import json\ndef f(x): return json.loads(x)", "ValueError", True),
        ("class ValueError(Exception): pass\ndef f(x): raise ValueError", "ValueError", False),
        ("class Own(ValueError): pass\ndef f(x): raise Own", "ValueError", True),
        ("class Own(ValueError): pass\ndef f(x): raise Own", "Own", True),
        ("def f(x): raise KeyError(x)", "ValueError", False),
        ("def f(x): return {}[x]", "LookupError", True),
    ],
)
def test_an_exception_is_one_of_the_class_or_derives_from_it(verifier, body, raises, right):
    (verdict,) = verdicts(verifier, Program(body, "f", (Case(("a",), None, raises),)))
    assert verdict.score == right


def test_a_probe_counts_an_earlier_case_that_raises_what_derives_from_the_class(verifier):
    code = "class Own(ValueError): pass\ndef f(x):\n    if x > 5:\n        raise Own\n    return x"
    probe, earlier = (0,), {name: (Case((6,), raises=name),) for name in ("Own", "ValueError", "KeyError")}
    left = {name: verdicts(verifier, Probe(code, "f", probe, 0, cases))[0].evidence["left"] for name, cases in earlier.items()}
    assert left["ValueError"] == left["Own"] < left["KeyError"]  # a case that is wrong tells nothing
