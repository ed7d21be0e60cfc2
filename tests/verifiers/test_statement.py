"""Verdicts on statements: what a statement does for a program, by the cases."""

import pytest

from prm_gym.claims import Case, StatementEffect
from prm_gym.task import Task
from prm_gym.verifier import StepContext
from prm_gym.verifiers.statement import StatementVerifier

MEDIAN = """\
def median(xs):
    xs = sorted(xs)
    middle = len(xs) // 2
    if len(xs) % 2 == 0:
        return (xs[middle - 1] + xs[middle]) / 2
    return xs[middle]
"""
MEDIAN_CASES = (Case(([3, 1, 2],), 2), Case(([4, 1, 3, 2],), 2.5), Case(([5],), 5))


@pytest.fixture(scope="module")
def verifier():
    made = StatementVerifier()
    yield made
    made.close()


def labels(verifier, code, function, cases, lines):
    task = Task(key="t", instructions="", question="")
    steps = [StepContext(task=task, observation="", action="", claims=(StatementEffect(code, line, function, cases),)) for line in lines]
    return dict(zip(lines, verifier.verify(steps), strict=True))


def test_every_statement_of_a_tight_program_matters(verifier):
    found = labels(verifier, MEDIAN, "median", MEDIAN_CASES, range(2, 7))
    assert {line: verdict.label for line, verdict in found.items()} == dict.fromkeys(range(2, 7), "correct")


def test_cases_that_do_not_ask_show_nothing(verifier):
    # No case of an even length: the branch is never entered.
    found = labels(verifier, MEDIAN, "median", MEDIAN_CASES[:1] + MEDIAN_CASES[2:], [5])
    assert found[5].label == "trivial"


@pytest.mark.parametrize(
    "padding",
    [
        "    xs += [0]\n    xs = xs[:-1]\n",
        "    note = 3\n    assert note == 3\n",
        "    import math\n    xs = [x + math.floor(0.5) for x in xs]\n",
        "    keep = xs\n    xs = keep\n",
    ],
)
def test_statements_that_are_there_for_each_other_are_trivial(verifier, padding):
    found = labels(verifier, MEDIAN.replace("    middle = len", padding + "    middle = len", 1), "median", MEDIAN_CASES, range(2, 9))
    assert {line: verdict.label for line, verdict in found.items()} == {line: "trivial" if line in (3, 4) else "correct" for line in range(2, 9)}


@pytest.mark.parametrize(
    ("right", "wrong", "blamed"),
    [
        ("// 2", "* 2", {3: "// for *"}),
        # Negated, everything is right (and != for == comes later); without the return of line 5 the odd lists, which now come there, are right.
        ("== 0", "== 1", {4: "the condition negated", 5: "dropped"}),
        # No change among those that are tried takes the 2 back to 1: the constants are 3 and 0.
        ("- 1", "- 2", {}),
    ],
)
def test_a_bug_is_found_where_a_change_mends_it(verifier, right, wrong, blamed):
    found = labels(verifier, MEDIAN.replace(right, wrong), "median", MEDIAN_CASES, range(2, 7))
    assert {line: verdict.evidence["repair"] for line, verdict in found.items() if verdict.label == "incorrect"} == blamed


def test_a_statement_that_does_harm_is_found(verifier):
    code = MEDIAN.replace("    middle", "    xs = xs[1:]\n    middle")
    found = labels(verifier, code, "median", MEDIAN_CASES, [3])
    assert (found[3].label, found[3].evidence["repair"]) == ("incorrect", "dropped")


def test_a_loop_without_its_step_ends_at_the_limit(verifier):
    code = "def f(n):\n    i = 0\n    while i < n:\n        i += 1\n    return i"
    found = labels(verifier, code, "f", (Case((3,), 3), Case((0,), 0)), [2, 3, 4, 5])
    assert {verdict.label for verdict in found.values()} == {"correct"}
    assert found[4].run_seconds < 10


def test_padding_is_trivial(verifier):
    padding = "    note = 'careful'\n    xs = list(xs)\n    if not xs and xs:\n        return None\n    assert True\n"
    code = MEDIAN.replace("    middle = len", padding + "    middle = len", 1)
    found = labels(verifier, code, "median", MEDIAN_CASES, [3, 4, 5, 6, 7])
    assert {verdict.label for verdict in found.values()} == {"trivial"}
    assert all(verdict.score == 0.0 for verdict in found.values())


def test_programs_in_one_batch_are_judged_alone(verifier):
    one = labels(verifier, MEDIAN, "median", MEDIAN_CASES, [2, 4])
    broken = labels(verifier, "def median(", "median", MEDIAN_CASES, [1])
    assert [verdict.status for verdict in broken.values()] == ["abstain"]
    assert labels(verifier, MEDIAN, "median", MEDIAN_CASES, [2, 4]) == one


READS_ITSELF = """\
import linecache
Z = "".join(linecache.cache["<program>"][2])
def f(x):
    y = 1
    if chr(35) + "k" not in Z: return None #k
    return x + 1
"""
COUNTS_ITS_CODE = "def f(x):\n    y = 1\n    if len(f.__code__.co_consts) != 3:\n        return None\n    return x + 1"


@pytest.mark.parametrize("code", [READS_ITSELF, COUNTS_ITS_CODE])
def test_a_program_that_looks_at_itself_earns_nothing(verifier, code):
    line = code.split("\n").index("    y = 1") + 1
    found = labels(verifier, code, "f", (Case((1,), 2), Case((5,), 6)), [line])
    assert found[line].status == "abstain"


def test_what_a_comment_says_counts_for_nothing(verifier):
    found = labels(verifier, "def f(x):\n    y = 1  # kept\n    return x + 1", "f", (Case((1,), 2),), [2, 3])
    assert [verdict.label for verdict in found.values()] == ["trivial", "correct"]


def test_ill_typed_fields_are_abstained_on(verifier):
    for line, cases in ((1.5, (Case((1,), 2),)), (1, (5,)), (1, (Case(None, 2),)), ("a", ())):
        assert labels(verifier, "def f(x):\n    return x + 1", "f", cases, [line])[line].status == "abstain"
