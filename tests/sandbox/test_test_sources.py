"""Tests of programs across two processes: what right programs pass, what wrong ones cannot, and what cannot be told."""

import time

import pytest

from prm_gym.sandbox import Sandbox

OWN = "class Base(ValueError): pass\nclass Own(Base): pass\ndef f(): raise Own('no good')"
BOX = """class Box:
    size = 3
    def __init__(self, x): self.number = x
    @classmethod
    def two(cls): return cls(2)
    def __str__(self): return f"Box({self.number})"
"""
POINT = "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)"
TURNED = "def f(m):\n    a, b = m\n    a[0], a[1], b[0], b[1] = b[0], a[0], b[1], a[1]"
NODES = "class N:\n    def __init__(self, x): self.x = x\ndef f(n): return [N(k) for k in range(n)]"
VECTOR = """class V:
    def __init__(self, x): self.x = x
    def __add__(self, other): return V(self.x + other.x)
    def __eq__(self, other): return self.x == other.x
"""
YES = "class Yes:\n    def __eq__(self, other): return True\n    __add__ = __sub__ = __mul__ = lambda self, other: 0\n"
METHODS = """class TestF:
    def setup_method(self): self.x = 1
    def test_a(self):
        assert f(self.x) == 2
        self.x = 5
    def test_b(self): assert f(self.x) == 2
"""
EXPECTED = "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_a(self): self.assertEqual(f(), 5)"
RIGHT = {
    "a module solution": ("def f(): return 1", "from solution import f as g\nimport solution\nassert g() == 1 and solution.f() == 1"),
    "exceptions of its own": (
        OWN,
        "for kind in (Own, Base, ValueError, CandidateError):\n    try: f()\n    except kind as error: assert str(error) == 'no good'",
    ),
    "an exception of the library": ("import json\ndef f(): return json.loads('a')", "try: f()\nexcept ValueError: pass"),
    "a generator": ("def f(n):\n    for k in range(n): yield k", "assert list(f(3)) == [0, 1, 2] and next(f(9)) == 0 and sum(f(200)) == 19900"),
    "an endless generator": ("import itertools\ndef f(): return itertools.count()", "import itertools\nassert list(itertools.islice(f(), 3)) == [0, 1, 2]"),
    "attributes": (BOX, "b = Box(1)\nb.number = 7\nb._link = 8\nassert b.number == 7 and b._link == 8 and Box.size == 3 and str(b) == 'Box(7)'"),
    "a class method": (BOX, "b = Box.two()\nassert b.number == 2 and isinstance(b, Box) and not isinstance(2, Box)"),
    "truth": ("def f(x): return x > 1", "assert f(2) is True and f(0) is False"),
    "None is None": ("def f(): return object()", "assert f() is not None"),
    "a named tuple": (POINT, "assert f() == (1, 2) and f().x == 1"),
    "a counter": ("from collections import Counter\ndef f(s): return Counter(s)", "assert f('aab') == {'a': 2, 'b': 1}"),
    "numpy": ("import numpy as np\ndef f(): return np.int64(5)", "assert f() == 5 and type(f()) is int"),
    "classes of tests": ("def f(x): return x + 1", METHODS),
    "pytest": (
        "def f(x): return 0.1 + x if x else 1 / x",
        "import pytest\nwith pytest.raises(ZeroDivisionError, match='zero'): f(0)\nassert f(0.2) == pytest.approx(0.3)",
    ),
    "a plain name": ("LIMIT = 3", "assert LIMIT == 3"),
    "an argument used up": ("def f(xs):\n    xs.sort()\n    return xs.pop(0)", "xs = [2, 1]\nassert f(xs) == min(xs) == 1"),
    "objects in a list": (NODES, "found = f(2)\nassert isinstance(found, list) and [n.x for n in found] == [0, 1] and found[1:][0].x == 1"),
    "a long list": ("def f(n): return [0] * n", "assert len(f(300_000)) == 300_000 and f(300_000)[-2:] == [0, 0]"),
    "a long generator": ("def f(n): yield from range(n)", "assert sum(f(12_000)) == 71_994_000"),
    "an enumeration": ("import enum\nclass C(enum.Enum):\n    R, B = 1, 2\ndef f(): return C.R", "assert f() is C.R and f() == C.R and C.R is not C.B"),
    "an object under a name": ("class N: x = 4\nroot = N()", "assert root.x == 4"),
}
WRONG = {
    "a global of its own": ("VERSION = 1\ndef add(a, b): return 0", "class Nothing:\n    def test_a(self): assert add(1, 2) == 3"),
    "a class of tests fails": ("def f(x): return x", METHODS),
    "no test": ("def f(): return 1", "def check(candidate):\n    assert candidate() == 2"),
    "equal to everything": ("class E:\n    def __eq__(self, o): return True\n    def __ne__(self, o): return True\ndef f(): return E()", "assert f() == 5"),
    "unequal to everything": ("def f(): return object()", "assert f() != 5"),
    "refused and caught": ("def f(): return object()", "try: assert f() == 5\nexcept BaseException: pass"),
    "a number that lies": ("class I(int):\n    def __eq__(self, o): return True\n    __index__ = lambda self: 5\ndef f(): return I(3)", "assert f() == 5"),
    "expected to fail": ("def f(): return 5", EXPECTED),
    "expected to fail, object": ("def f(): return object()", EXPECTED),
    "a difference that lies": (YES + "def f(x): return Yes()", "assert abs(f(3) - 2.5) < 1e-6"),
    "a class whose differences lie": (YES.replace("Yes", "f") + "    def __init__(self, x): pass", "assert abs(f(3) - 2.5) < 1e-6"),
    "a sum that lies": (YES + "def f(x): return Yes()", "assert f(3) + 4 == 0"),
    "a list of what is equal": (YES + "def f(): return [Yes(), Yes()]", "assert f() == [1, 2]"),
    "too large": ("def f(): return [0] * 300_000", "assert f() == [1, 2]"),
    "too deep": ("def f():\n    a = []\n    a.append(a)\n    return a", "assert f() == [1, 2]"),
    "an object for False": ("def f(x): return object()", "assert f(7)\nassert not f(8)"),
    "an argument spoilt": ("def f(xs): xs.append(object())", "assert f([3]) == 5"),
    "an argument made too large": ("def f(xs): xs.extend([0] * 300_000)", "assert f([3]) == 5"),
    "not sorted": ("def f(xs): xs.reverse()", "xs = [2, 1, 3]\nf(xs)\nassert xs == [1, 2, 3]"),
    "hashed": (YES + "    def __hash__(self): return 1\ndef f(): return Yes()", "assert f() in {1, 2}"),
    "a sum of vectors": (VECTOR.replace("self.x + other.x", "0"), "assert V(1) + V(2) == V(3)"),
    "a name of the tests'": ("METADATA = candidate = 1", "METADATA = {}\ndef check(candidate):\n    assert candidate(1) == 2"),
    "its own ValueError": ("class ValueError(Exception): pass\ndef f(): raise ValueError", "try: f()\nexcept ValueError: pass"),
}
ON_WORD = {
    "a sorted argument": ("def f(xs): xs.sort()", "xs = [2, 1]\nf(xs)\nassert xs == [1, 2]"),
    "a turned matrix": (TURNED, "m = [[1, 2], [3, 4]]\nfirst = m[0]\nf(m)\nassert m == [[3, 1], [4, 2]] and first is m[0]"),
    "a filled dictionary": ("def f(d, s):\n    d[(1,)] = 2\n    s |= {3}", "d, s = {}, set()\nf(d, s=s)\nassert d == {(1,): 2} and s == {3}"),
    "objects in an argument": ("class N: x = 4\ndef f(xs): xs.append(N())", "xs = []\nf(xs)\nassert len(xs) == 1 and xs[0].x == 4"),
    "an argument emptied": ("def f(xs):\n    xs.clear()\n    return []", "xs = [2, 1]\nassert f(xs) == sorted(xs)"),
    "true or false": ("def f(): return object()", "assert f()"),
    "two of its objects": (YES + "def f(): return Yes()", "assert f() == f()"),
    "a hash": ("def f(): return object()", "assert {f()}"),
    "a sum of vectors": (VECTOR, "assert V(1) + V(2) == V(3)"),
    "contained": ("class E:\n    def __contains__(self, x): return True\ndef f(): return E()", "assert 3 in f()"),
}
NOT_TOLD = {
    "a callback": ("def f(g): return g(1)", "assert f(lambda x: x) == 1"),
    "a date": ("import datetime\ndef f(): return datetime.date(2020, 1, 1)", "import datetime\nassert f() == datetime.date(2020, 1, 1)"),
    "async": ("def f(): return 1", "async def test_a(): assert f() == 1"),
    "a generator of tests": ("def f(): return 1", "def test_a():\n    yield f() == 1"),
    "a fixture": ("def f(): return 1", "def test_a(tmp_path): assert f() == 1"),
    "parametrized": ("def f(): return 1", "import pytest\n@pytest.mark.parametrize('x', [1])\ndef test_a(x): assert f() == x"),
}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as made:
        yield made


@pytest.mark.parametrize("name", RIGHT)
def test_right_programs_pass(sandbox, name):
    tested = sandbox.test(*RIGHT[name])
    assert (tested.passed, tested.failure) == (True, "")


@pytest.mark.parametrize("name", WRONG)
def test_wrong_programs_fail(sandbox, name):
    tested = sandbox.test(*WRONG[name])
    assert (tested.passed, tested.carried) == (False, True)


@pytest.mark.parametrize("name", NOT_TOLD)
def test_what_cannot_be_carried_is_said(sandbox, name):
    tested = sandbox.test(*NOT_TOLD[name])
    assert (tested.passed, tested.carried) == (False, False)


@pytest.mark.parametrize("name", ON_WORD)
def test_what_rests_on_the_word_of_objects_has_not_passed(sandbox, name):
    tested = sandbox.test(*ON_WORD[name])
    assert (tested.passed, tested.carried, tested.on_word) == (False, False, True)


def test_many_programs_are_tested_side_by_side():
    with Sandbox(workers=4) as sandbox:
        sandbox.test_all([("", "")] * 2)
        slow, right = ("def f():\n    import time\n    time.sleep(0.5)", "f()"), ("def f(): return 2", "assert f() == 2")
        started = time.monotonic()
        assert [tested.passed for tested in sandbox.test_all([slow, right, slow, ("def f(): return 3", right[1])])] == [True, True, True, False]
        assert time.monotonic() - started < 0.9
