import msgspec
import pytest

from prm_gym.csp import (
    AllDifferent,
    And,
    Count,
    Iff,
    Implies,
    Is,
    Linear,
    Not,
    Or,
    Problem,
    Table,
    Variable,
    Xor,
    at_least,
    at_most,
    constraint_text,
    exactly,
    scope,
)
from prm_gym.errors import ProblemError

A, B, C = Is("a", 1), Is("b", 2), Is("c", "red")
VARIABLES = (Variable("a", (1, 2)), Variable("b", (1, 2)), Variable("c", ("red", "blue")))
EVERY_KIND = (
    Not(A),
    And((A, B)),
    Or((A, Not(B))),
    Implies(A, C),
    Iff(A, C),
    Xor(A, C),
    Count((A, B, C), 1, 2),
    AllDifferent(("a", "b")),
    Linear(("a", "b"), (1, -2), "<=", 3),
    Table(("a", "c"), ((1, "red"), (2, "blue"))),
)


def test_a_problem_is_the_same_after_json_and_messagepack():
    problem = Problem(VARIABLES, EVERY_KIND)
    assert msgspec.json.decode(msgspec.json.encode(problem), type=Problem) == problem
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(problem), type=Problem) == problem
    assert msgspec.convert(msgspec.to_builtins(problem), Problem) == problem


def test_text_for_a_person():
    assert [constraint_text(constraint) for constraint in EVERY_KIND] == [
        "not a = 1",
        "a = 1 and b = 2",
        "a = 1 or not b = 2",
        "if a = 1 then c = red",
        "a = 1 if and only if c = red",
        "a = 1 or else c = red",
        "1 to 2 of [a = 1, b = 2, c = red]",
        "all different: a, b",
        "a - 2 b <= 3",
        "(a, c) is one of: 1 red; 2 blue",
    ]
    assert [constraint_text(made(1, (A, B))) for made in (exactly, at_least, at_most)] == [
        "exactly 1 of [a = 1, b = 2]",
        "at least 1 of [a = 1, b = 2]",
        "at most 1 of [a = 1, b = 2]",
    ]
    assert constraint_text(Or(())) == "false"
    assert constraint_text(And(())) == "true"
    assert constraint_text(Linear(("a", "b"), (-1, 1), "=", 0)) == "-a + b = 0"


def test_scope():
    assert scope(Implies(Or((C, A)), And((A, B)))) == ("c", "a", "b")


@pytest.mark.parametrize(
    ("variables", "constraint", "says"),
    [
        ((Variable("", (1,)),), None, "1 to 64 characters"),
        ((Variable("a" * 65, (1,)),), None, "1 to 64 characters"),
        ((Variable("a", (1,)), Variable("a", (2,))), None, "distinct names"),
        ((Variable("a", ()),), None, "at least one"),
        ((Variable("a", (1, 1)),), None, "distinct values"),
        ((Variable("a", (True,)),), None, "an integer or a name"),
        ((Variable("a", (1.5,)),), None, "an integer or a name"),
        ((Variable("a", ("",)),), None, "an integer or a name"),
        ((Variable("a", (10**10,)),), None, "1,000,000,000"),
        ((Variable("a", tuple(range(300))),), None, "distinct values"),
        (tuple(Variable(f"v{i}", (1,)) for i in range(513)), None, "at most 512 variables"),
        (VARIABLES, Is("d", 1), "constraint 0: no variable 'd' has the value 1"),
        (VARIABLES, Not(Is("a", 3)), "no variable 'a' has the value 3"),
        (VARIABLES, AllDifferent(("a", "d")), "there is no variable 'd'"),
        (VARIABLES, AllDifferent(("a", "a")), "distinct"),
        (VARIABLES, Linear(("a",), (1, 1), "=", 1), "one coefficient"),
        (VARIABLES, Linear(("a", "c"), (1, 1), "=", 1), "'c' has names"),
        (VARIABLES, Linear(("a",), (10**12,), "=", 1), "1,000,000,000"),
        (VARIABLES, Table(("a", "b"), ((1,),)), "every row has 2 values"),
        (VARIABLES, Count((A,), 2, 1), "least is at most most"),
        (VARIABLES, Or((A,) * 70_000), "more than 65,536 nodes"),
    ],
)
def test_what_is_no_problem_says_why(variables, constraint, says):
    with pytest.raises(ProblemError, match=says):
        Problem(variables, () if constraint is None else (constraint,))


def test_a_formula_that_is_too_deep():
    formula = A
    for _ in range(40):
        formula = Not(formula)
    with pytest.raises(ProblemError, match="deeper than 32"):
        Problem(VARIABLES, (formula,))


def test_a_stored_problem_that_is_none_is_a_validation_error():
    with pytest.raises(msgspec.ValidationError, match="there is no variable"):
        msgspec.convert({"variables": [], "constraints": [{"type": "all_different", "variables": ["a"]}]}, Problem)
