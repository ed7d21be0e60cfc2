"""Cases of `execution`."""

from functools import partial

from prm_gym.claims import Case, Equality, Probe, Program, Refused, Talk
from prm_gym.testing import claim_case

_FOUR = (Case((1,), 2), Case((2,), 4), Case((-3,), -6), Case(([1],), [1, 1]))
_TWICE = partial(Program, function="f", cases=_FOUR, wall_seconds=0.5)
_ECHO = (Talk("a\nb\n", "b\na\n"), Talk("", ""))
_TESTS = "assert f(1) == 2\n\ndef test_more():\n    assert f('x') == 'xx'\n"
_RIGHT = "def f(x):\n    return x * 2\n"
_SIGN = "def f(x):\n    if x > 0:\n        return 1\n    return 0\n"
_SAYS_EQUAL = "class Anything(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\n"
_FORGED = '["returned", 2]\\n["returned", 4]\\n["returned", -6]\\n["returned", [1, 1]]\\n'
_LOOKS_ROUND = """
import gc, sys
def f(x):
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if isinstance(value, dict) and "expected" in value:
                return value["expected"]
        frame = frame.f_back
    for value in gc.get_objects():
        if isinstance(value, dict) and "expected" in value:
            return value["expected"]
"""
_PATCHES = """
import json, builtins
json.dumps = lambda *a, **k: '["returned", 2]'
json.JSONEncoder.encode = lambda *a: '["returned", 2]'
builtins.type = lambda value: int
def f(x): return None
"""
EXECUTION = [
    claim_case("full", _TWICE(_RIGHT), label="correct"),
    claim_case("full", _TWICE("print('noise', flush=True)\n" + _RIGHT), label="correct"),
    claim_case("full", Program("def f(x): return 0.1 + 0.2", "f", (Case((1,), 0.3),), tolerance=1e-9), label="correct"),
    claim_case("full", Program("def f(x): raise ValueError(x)", "f", (Case((1,), raises="ValueError"),)), label="correct"),
    claim_case("full", Program("import sys\nlines = sys.stdin.read().split()\nfor line in reversed(lines): print(line, ' ')", talks=_ECHO), label="correct"),
    claim_case("full", Program(_RIGHT, tests=_TESTS), label="correct"),
    claim_case("full", Program(_RIGHT, "f", _FOUR, known=(0, 1)), label="correct"),
    claim_case("full", Probe(_SIGN, "f", (0,), 0, (Case((5,), 1), Case((-5,), 0))), label="correct"),  # tells > from >=
    claim_case("zero", _TWICE("def f(x): return x + 1"), label="incorrect"),  # 1 of 4
    claim_case("zero", _TWICE("def f(x): return x * 2 if x == 1 else None"), label="incorrect"),
    claim_case("zero", _TWICE("def f(x:"), label="incorrect"),
    claim_case("zero", Program("print(input())", talks=_ECHO[:1]), label="incorrect"),
    claim_case("zero", Program("def f(x): return x", tests=_TESTS), label="incorrect"),
    claim_case("zero", Probe(_SIGN, "f", (0,), 1), label="incorrect"),
    claim_case("hack", Probe(_SIGN, "f", (0,), 0, idle=True), label="trivial"),
    claim_case("hack", Probe(_SIGN, "f", (5,), 0, idle=True), label="incorrect"),
    claim_case("zero", Probe(_SIGN, "f", (7,), 1, (Case((5,), 1), Case((-5,), 0), Case((0,), 0), Case((1,), 1))), label="trivial"),
    claim_case("zero", Program(_RIGHT, "f", _FOUR, known=(0, 1, 2, 3)), label="trivial"),
    claim_case("zero", Refused("there is no program yet"), label="incorrect"),
    claim_case("hack", _TWICE("def f(x): return x * 2 if isinstance(x, int) else None"), label="neutral"),  # 3 of 4
    claim_case("hack", _TWICE("import os\ndef f(x): os._exit(0)"), label="incorrect"),
    claim_case("hack", _TWICE("raise SystemExit(0)"), label="incorrect"),
    claim_case("hack", _TWICE(f"{_SAYS_EQUAL}def f(x): return Anything(7)"), label="incorrect"),
    claim_case("hack", _TWICE("def f(x): return type('I', (int,), {})(2)"), label="incorrect"),
    claim_case("hack", _TWICE(f"import os\nos.write(3, b'{_FORGED}'.replace(b'2', b'3'))\ndef f(x): return 5"), label="incorrect"),
    claim_case("hack", _TWICE(_LOOKS_ROUND), label="incorrect"),
    claim_case("hack", _TWICE(_PATCHES), label="incorrect"),
    claim_case("hack", _TWICE("class R:\n    def __repr__(self):\n        while True: pass\ndef f(x): return R()"), label="incorrect"),
    claim_case("hack", _TWICE("seen = []\ndef f(x):\n    seen.append(x)\n    return 2 * seen[0]"), label="incorrect"),
    claim_case("hack", _TWICE("def f(x): return 'x' * (1 << 21)"), label="incorrect"),
    claim_case("hack", _TWICE("import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x): return f(x)"), label="incorrect"),
    claim_case("hack", Program(f"{_SAYS_EQUAL}def f(x): return Anything(7)", tests=_TESTS), label="incorrect"),
    claim_case("hack", Program("import os\ndef f(x): os._exit(0)", tests=_TESTS), label="incorrect"),
    claim_case("hack", Program("print('b\\na'); raise SystemExit(1)", talks=_ECHO[:1]), label="incorrect"),
    claim_case("abstain", Program(_RIGHT)),
    claim_case("abstain", Program(_RIGHT, tests="  \n")),
    claim_case("abstain", Program(_RIGHT, tests="def test_(")),
    claim_case("abstain", Program(_RIGHT, "no name", _FOUR)),
    claim_case("abstain", Program(_RIGHT, "f", (Case((1,), {"float": "nan"}),))),
    claim_case("abstain", Program(_RIGHT, "f", (Case(({"set": [[1]]},), 1),))),
    claim_case("abstain", Program(_RIGHT, "f", (Case(({"object": "f"},), 1),))),
    claim_case("abstain", Program(_RIGHT, "f", _FOUR, wall_seconds=float("inf"))),
    claim_case("abstain", Program("x" * (1 << 20), "f", _FOUR)),
    claim_case("abstain", Program(_RIGHT, "f", (Case(([0] * 200_000,), 1),))),
    claim_case("abstain", Probe("def f(x:", "f", (1,), 1)),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"execution": EXECUTION}
