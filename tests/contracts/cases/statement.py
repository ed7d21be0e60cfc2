"""Cases of `statement`."""

from functools import partial

from prm_gym.claims import Case, Equality, StatementEffect
from prm_gym.testing import claim_case

_CODE = """\
def f(xs):
    '''The sum of the numbers above 2.'''
    total = 0
    unused = 7
    for x in xs:
        if x > 2:
            total += x
    total = total
    return total
"""
_CASES = (Case(([],), 0), Case(([1, 3],), 3), Case(([2, 4, 5],), 9))
_AT = partial(StatementEffect, _CODE, function="f", cases=_CASES)
_BUG = partial(StatementEffect, _CODE.replace("x > 2", "x >= 2"), function="f", cases=_CASES)
_FLAG = "def f(x):\n    flag = 5\n    return flag * 0 + x"
STATEMENT = [
    claim_case("full", _AT(line=3), label="correct"),
    claim_case("full", _AT(line=5), label="correct"),
    claim_case("full", _AT(line=6), label="correct"),
    claim_case("full", _AT(line=7), label="correct"),
    claim_case("full", _AT(line=9), label="correct"),
    claim_case("zero", _BUG(line=6), label="incorrect"),  # > for >= mends the last case
    claim_case("hack", _AT(line=2), label="trivial"),
    claim_case("hack", _AT(line=4), label="trivial"),
    claim_case("hack", _AT(line=8), label="trivial"),
    claim_case("hack", StatementEffect(_FLAG, 2, "f", (Case((3,), 3),)), label="neutral"),
    claim_case("hack", _BUG(line=7), label="neutral"),  # without it [1, 3] fails too
    claim_case("hack", _BUG(line=4), label="trivial"),
    claim_case("abstain", _AT(line=99)),
    claim_case("abstain", _AT(line=0)),
    claim_case("abstain", StatementEffect(_CODE, 3, "f", ())),
    claim_case("abstain", StatementEffect(_CODE, 3, "g", _CASES)),
    claim_case("abstain", StatementEffect("def f(", 1, "f", _CASES)),
    claim_case("abstain", StatementEffect("def f(x):\n    while True: pass", 2, "f", _CASES)),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"statement": STATEMENT}
