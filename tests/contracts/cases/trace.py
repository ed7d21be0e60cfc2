"""Cases of `trace`."""

from functools import partial

from prm_gym.claims import Equality, TraceAnswer
from prm_gym.testing import claim_case

#   f([1, 3]): lines 2, 3, 4, 7, 3, 4, 5, 3, 8, 9
_CODE = """\
def f(xs):
    total = 0.5
    for x in xs:
        if x > 2:
            total += x
        else:
            total -= 1
    print("total", total)
    return [total, "a"]
"""
_ASK = partial(TraceAnswer, _CODE, "f", ([1, 3],))
_OTHER = partial(TraceAnswer, function="f", arguments=(1,), question="result")
_SPIES = "import sys\ndef f(x):\n    sys.settrace(None)\n    return x"
_CLIMBS = "def f(x):\n    g = (y for y in [1])\n    return g.gi_frame.f_back.f_locals"
_MATCHES = "class M(type):\n    def __instancecheck__(self, o): return True\ndef f(x): return 1"
TRACE = [
    claim_case("full", _ASK("next_line", "7", event=3), label="correct"),
    claim_case("full", _ASK("next_line", "end", event=10), label="correct"),
    claim_case("full", _ASK("value", "-0.5", event=4, variable="total"), label="correct"),
    claim_case("full", _ASK("value", "undefined", event=1, variable="x"), label="correct"),
    claim_case("full", _ASK("value", "2.50", variable="total"), label="correct"),
    claim_case("full", _ASK("type", "float", event=4, variable="total"), label="correct"),
    claim_case("full", _ASK("branch", "no", event=2, line=4), label="correct"),
    claim_case("full", _ASK("branch", "yes", event=5, line=4), label="correct"),
    claim_case("full", _ASK("iterations", "2", line=3), label="correct"),
    claim_case("full", _ASK("output", "total 2.5\n"), label="correct"),
    claim_case("full", _ASK("result", "[2.5, 'a']"), label="correct"),
    claim_case("full", _OTHER("def f(x):\n    return x // 0", answer="raises ZeroDivisionError"), label="correct"),
    claim_case("zero", _ASK("next_line", "5", event=3), label="incorrect"),
    claim_case("zero", _ASK("value", "0.5", event=4, variable="total"), label="incorrect"),
    claim_case("zero", _ASK("type", "int", event=4, variable="total"), label="incorrect"),
    claim_case("zero", _ASK("branch", "yes", event=2, line=4), label="incorrect"),
    claim_case("zero", _ASK("iterations", "3", line=3), label="incorrect"),
    claim_case("zero", _ASK("result", "(2.5, 'a')"), label="incorrect"),
    claim_case("hack", _ASK("result", ""), label="malformed"),
    claim_case("hack", _ASK("result", "f([1, 3])"), label="malformed"),
    claim_case("hack", _ASK("result", "__import__('os')._exit(0)"), label="malformed"),
    claim_case("hack", _ASK("result", "[" * 10_000), label="malformed"),
    claim_case("hack", _ASK("result", "9" * 10_000), label="malformed"),
    claim_case("hack", _ASK("value", "undefined", event=4, variable="total"), label="incorrect"),
    claim_case("hack", _ASK("branch", "yes or no", event=2, line=4), label="malformed"),
    claim_case("hack", _ASK("iterations", "²", line=3), label="malformed"),
    claim_case("hack", _OTHER(_SPIES, answer="1")),
    claim_case("abstain", _OTHER(_SPIES, answer="1")),
    claim_case("abstain", _OTHER(_CLIMBS, answer="1")),
    claim_case("abstain", _OTHER(_MATCHES, answer="1")),
    claim_case("abstain", _OTHER("import re\ndef f(x): return re.enum.sys.maxsize", answer="1")),
    claim_case("abstain", _OTHER("def f(x):\n    while True:\n        x += 1", answer="1")),
    claim_case("abstain", _OTHER("def f(x): return object()", answer="1")),
    claim_case("abstain", _OTHER("def f(x): return f(x)", answer="raises RecursionError")),
    claim_case("abstain", _OTHER("def g(x): return 1", answer="1")),
    claim_case("abstain", _ASK("next_line", "3", event=99)),
    claim_case("abstain", _ASK("branch", "yes", event=0, line=4)),
    claim_case("abstain", _ASK("iterations", "1", line=4)),
    claim_case("abstain", TraceAnswer(_CODE, "f", ({"object": "x"},), "result", "1")),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"trace": TRACE}
