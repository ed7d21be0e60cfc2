import contextlib
import operator
import pickle
import re
from fractions import Fraction
from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.arithmetic import (
    MAX_DIGITS,
    MAX_LENGTH,
    MAX_NESTING,
    NODE_BUDGET,
    ExpressionError,
    SearchBudgetError,
    evaluate,
    operations,
    parse_expression,
    reachable,
    solve,
)
from prm_gym.errors import PrmGymError

# Reading expressions.


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("007", 7),
        ("2 + 3 * 4", 14),  # products before sums
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),  # from the left: (10 - 4) - 3
        ("24 / 4 / 3", 2),  # (24 / 4) / 3
        ("24 / 4 * 3", 18),
        ("-2 * -3", 6),
        ("--5", 5),
        ("+5", 5),
        ("2 - -3", 5),
        ("-(2 + 3)", -5),
        ("8/3", Fraction(8, 3)),
        ("-8/3", Fraction(-8, 3)),
        ("8/(3-8/3)", 24),  # 8 / (1/3)
        ("0.5", Fraction(1, 2)),
        ("0.1 + 0.2", Fraction(3, 10)),  # exact, unlike floats
        ("12,500 * 2", 25000),
        ("1,234,567.25", Fraction(123456725, 100)),
        ("6×7÷2−1", 20),
        ("\t 1 +\t1 ", 2),
        ("(((1)))", 1),
    ],
)
def test_the_value_of_an_expression(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ends where a number"),
        ("  ", "ends where a number"),
        ("2 +", "ends where a number"),
        ("2 3", "column 3: expected an operator or the end, got '3'"),
        ("2(3)", "expected an operator or the end, got '('"),
        ("* 2", "column 1: expected a number, got '*'"),
        ("(2", "ends where an operator or ')'"),
        ("2)", "column 2"),
        ("()", "expected a number, got ')'"),
        ("2 ** 3", "column 4: expected a number, got '*'"),
        ("2^3", "'^' belongs to no expression"),
        ("2 // 3", "expected a number, got '/'"),
        ("10 % 3", "'%'"),
        ("1e999", "'e'"),
        ("NaN", "'N'"),
        ("inf", "'i'"),
        ("0x10", "'x'"),
        ("1_000", "'_'"),
        ("5.", "'.'"),
        (".5", "'.'"),
        ("1.2.3", "'.'"),
        ("1,00", "thousands"),
        ("12,3456", "thousands"),
        ("0,123", "thousands"),
        ("1,,000", "thousands"),
        ("1,", "thousands"),
        (",1", "','"),
        ("x", "'x'"),
        ("2 = 2", "'='"),
        ("1\n+ 1", "'\\n'"),
        ("1\x00", "'\\x00'"),
        ("٣", "belongs to no expression"),  # Arabic-Indic three: a digit to int()
        ("３", "belongs to no expression"),  # full-width three
        ("²", "belongs to no expression"),
        ("½", "belongs to no expression"),
        ("1\u00a0+ 1", "belongs to no expression"),
        ("\ud800", "belongs to no expression"),
        ("__import__('os').system('true')", "'_'"),
        ("(lambda: 1)()", "'l'"),
    ],
)
def test_what_is_no_expression_says_where(text, says):
    with pytest.raises(ExpressionError, match=re.escape(says)) as caught:
        evaluate(text)
    assert caught.value.kind == "syntax"


@pytest.mark.parametrize(
    "text",
    [
        "1" * 1_000_000,
        "1+" * 500_000 + "1",
        " " * (MAX_LENGTH + 1),
        "9" * (MAX_DIGITS + 1),
        "0." + "1" * 10**5,
        "(" * (MAX_NESTING + 1) + "1" + ")" * (MAX_NESTING + 1),
        "(" * MAX_LENGTH,
        "*".join(["9" * 90] * 2),  # a product of 180 digits
        "+".join(f"1/{10**40 + n}" for n in range(1, 5)),  # denominators that multiply to 160 digits
    ],
)
def test_what_is_beyond_the_bounds_says_so_and_is_no_syntax_error(text):
    with pytest.raises(ExpressionError) as caught:
        evaluate(text)
    assert caught.value.kind == "bounds"


def test_the_bounds_themselves_are_read():
    assert evaluate("(" * MAX_NESTING + "1" + ")" * MAX_NESTING) == 1
    assert evaluate("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
    assert evaluate("1+" * 499 + "1") == 500
    assert evaluate("-" * 999 + "1") == -1  # an odd number of signs
    assert evaluate(" " * 999 + "1") == 1


@pytest.mark.parametrize("text", ["1/0", "1/(2-2)", "0/0", "3 ÷ 0.0", "1/(1/3-1/3)", "1/-0"])
def test_division_by_zero_has_its_own_kind_and_wording(text):
    with pytest.raises(ExpressionError, match="divided by zero") as caught:
        evaluate(text)
    assert caught.value.kind == "zero"


def test_the_error_belongs_to_the_family_and_crosses_processes():
    error = ExpressionError("no", "zero")
    assert isinstance(error, PrmGymError)
    assert isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.kind) == ("no", "zero")


def test_expressions_are_equal_when_only_spacing_parentheses_and_spelling_differ():
    assert parse_expression("2+3*4") == parse_expression(" (2) + (3 × 4) ")
    assert parse_expression("0.50") == parse_expression("00.5")
    assert parse_expression("2+3") != parse_expression("3+2")
    assert parse_expression("0.5") != parse_expression("1/2")
    assert parse_expression("(1+2)+3") != parse_expression("1+(2+3)")


def test_a_long_chain_of_operations_compares_without_deep_recursion():
    assert parse_expression("1+" * 300 + "1") == parse_expression("1 +" * 300 + "1")


@pytest.mark.parametrize(
    ("text", "literal", "numeral", "lowest"),
    [
        ("7", True, True, False),
        ("-7", True, True, False),
        ("-(-7)", True, True, False),
        ("(0.5)", True, True, False),
        ("8/3", False, True, True),
        ("-8/3", False, True, True),
        ("-(8/3)", False, True, True),
        ("16/6", False, True, False),
        ("8/-3", False, True, False),
        ("8/1", False, True, True),
        ("8.0/3", False, True, True),
        ("1.6/0.6", False, True, False),
        ("8*3", False, False, False),
        ("8/3/2", False, False, False),
        ("-(2+3)", False, False, False),
    ],
)
def test_numerals(text, literal, numeral, lowest):
    read = parse_expression(text)
    assert (read.is_literal, read.is_numeral, read.in_lowest_terms) == (literal, numeral, lowest)


OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def _joined(pair):
    (left, a), symbol, (right, b) = pair
    if symbol == "/" and b == 0:
        symbol = "+"
    return f"({left} {symbol} {right})", OPERATORS[symbol](a, b)


EXPRESSIONS = st.recursive(
    st.integers(0, 99).map(lambda n: (str(n), Fraction(n))),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(_joined) | inner.map(lambda e: (f"-{e[0]}", -e[1])),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(EXPRESSIONS)
def test_random_expressions_have_the_value_that_fractions_give(case):
    text, value = case
    assert evaluate(text) == value


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=60) | st.text(alphabet="0123456789.,+-*/() ×÷−=\n", max_size=60))
def test_no_text_raises_anything_else(text):
    with contextlib.suppress(ExpressionError):
        evaluate(text)


# Solving.


def _brute(numbers, integers_only):
    """Every number that can be left: all orders of all pairs, by the rule of the game and nothing else."""
    if len(numbers) == 1:
        return set(numbers)
    left_over = set()
    for i, j in combinations(range(len(numbers)), 2):
        rest = [numbers[k] for k in range(len(numbers)) if k not in (i, j)]
        for a, b in ((numbers[i], numbers[j]), (numbers[j], numbers[i])):
            results = [a + b, a - b, a * b, *([a / b] if b else [])]
            if integers_only:
                results = [r for r in results if r.denominator == 1 and r > 0]
            for result in set(results):
                left_over |= _brute([*rest, result], integers_only)
    return left_over


def _play(numbers, steps, integers_only):
    """Play the steps with Fractions, written here a second time; gives back what is left."""
    left = [Fraction(n) for n in numbers]
    for step in steps:
        a, symbol, b, result = re.fullmatch(r"\(?(-?\d+(?:/\d+)?)\)? ([-+*/]) \(?(-?\d+(?:/\d+)?)\)? = (-?\d+(?:/\d+)?)", step).groups()
        left.remove(Fraction(a))
        left.remove(Fraction(b))
        assert OPERATORS[symbol](Fraction(a), Fraction(b)) == Fraction(result)
        assert not integers_only or (Fraction(result) > 0 and Fraction(result).denominator == 1)
        left.append(Fraction(result))
    return left


@pytest.mark.parametrize("integers_only", [False, True])
@pytest.mark.parametrize(("size", "games"), [(1, 5), (2, 20), (3, 20), (4, 4)])
def test_the_solver_agrees_with_brute_force_on_every_value(size, games, integers_only):
    rng = np.random.default_rng([size, integers_only])
    for _ in range(games):
        numbers = [Fraction(int(n)) for n in rng.integers(0 if not integers_only else 1, 12, size=size)]
        can = _brute(numbers, integers_only)
        cannot = {Fraction(int(n), int(d)) for n, d in zip(rng.integers(-50, 150, 60), rng.integers(1, 4, 60), strict=True)} - can
        for target in rng.permutation(np.array(sorted(can), dtype=object))[:60]:
            assert reachable(numbers, target, integers_only) is True
            assert _play(numbers, solve(numbers, target, integers_only), integers_only) == [target]
        for target in cannot:
            assert reachable(numbers, target, integers_only) is False
            assert solve(numbers, target, integers_only) is None


@pytest.mark.parametrize("numbers", [(0, 0, 0, 0), (0, 0, 3, 5), (-2, 3, -7, 4), (Fraction(1, 2), Fraction(-2, 3), 0, 5)])
def test_the_solver_agrees_with_brute_force_on_zeros_negatives_and_fractions(numbers):
    numbers = [Fraction(n) for n in numbers]
    for integers_only in (False, True):
        can = _brute(numbers, integers_only)
        tried = can | {Fraction(n, d) for n in range(-15, 16) for d in (1, 2, 3)}
        assert {target for target in tried if reachable(numbers, target, integers_only)} == can
        for target in sorted(can)[:40]:
            assert _play(numbers, solve(numbers, target, integers_only), integers_only) == [target]


def test_five_numbers_agree_with_brute_force():
    numbers = [Fraction(n) for n in (2, 3, 7, 7, 10)]
    can = _brute(numbers, True)  # some 10^5 plays
    assert {target for target in range(1, 400) if reachable(numbers, target, True)} == {target for target in range(1, 400) if target in can}


@pytest.mark.parametrize(
    ("numbers", "rationals", "integers"),
    [
        ((1, 3, 4, 6), True, False),  # 6 / (1 - 3/4): only with fractions
        ((3, 3, 8, 8), True, False),  # 8 / (3 - 8/3)
        ((1, 5, 5, 5), True, False),  # 5 * (5 - 1/5)
        ((4, 4, 10, 10), True, True),  # (10 * 10 - 4) / 4
        ((1, 2, 3, 4), True, True),
        ((1, 1, 1, 1), False, False),
        ((13, 13, 13, 13), False, False),
    ],
)
def test_the_puzzles_that_players_know(numbers, rationals, integers):
    assert reachable(numbers, 24) is rationals
    assert reachable(numbers, 24, integers_only=True) is integers


def test_of_the_1820_hands_of_the_game_of_24_exactly_1362_are_solvable():
    # The number of puzzles of the public file, and of every published count.
    hands = list(combinations_with_replacement(range(1, 14), 4))
    assert len(hands) == 1820
    assert sum(solve(hand, 24) is not None for hand in hands) == 1362


def test_steps_are_written_so_that_they_can_be_read_again():
    steps = solve((3, 3, 8, 8), 24)
    assert steps == ("8 / 3 = 8/3", "3 - (8/3) = 1/3", "8 / (1/3) = 24")
    for step in steps:
        left, right = step.split("=")
        assert evaluate(left) == evaluate(right)


def test_one_number_needs_no_step_and_no_number_makes_nothing():
    assert solve((24,), 24) == ()
    assert solve((23,), 24) is None
    assert solve((), 24) is None
    assert reachable((), 0) is False


def test_every_game_of_six_numbers_is_decided_within_the_budget():
    # A prime beyond 100^3 is out of reach in integers, and a great prime times odd numbers in rationals: the whole tree has to be searched.
    numbers = (97, 89, 83, 79, 73, 71)
    assert reachable(numbers, 10**9 + 7, integers_only=True) is False
    assert reachable(numbers, 10**12 + 39) is False


def test_past_the_budget_the_answer_is_cannot_tell_and_it_does_not_depend_on_what_was_asked_before():
    numbers, target = (97, 89, 83, 79, 73), 10**9 + 7
    for _ in range(2):
        assert reachable(numbers, target, budget=100) is None
        with pytest.raises(SearchBudgetError, match="undecided after 100 nodes"):
            solve(numbers, target, budget=100)
        assert reachable(numbers, target, budget=NODE_BUDGET) is False  # fills the caches
    with pytest.raises(SearchBudgetError, match="8 numbers"):
        solve(range(1, 9), 24)
    assert reachable(range(1, 60), 24) is None


def test_operations_lists_every_result_once_for_each_order_that_matters():
    texts = [operation.text for operation in operations(Fraction(6), Fraction(4))]
    assert texts == ["6 + 4 = 10", "6 * 4 = 24", "6 - 4 = 2", "4 - 6 = -2", "6 / 4 = 3/2", "4 / 6 = 2/3"]
    assert [operation.text for operation in operations(Fraction(6), Fraction(4), integers_only=True)] == texts[:3]
    assert [operation.text for operation in operations(Fraction(0), Fraction(-1, 2))] == [
        "0 + (-1/2) = -1/2",
        "0 * (-1/2) = 0",
        "0 - (-1/2) = 1/2",
        "(-1/2) - 0 = -1/2",
        "0 / (-1/2) = 0",
    ]
    assert len(operations(Fraction(5), Fraction(5))) == 4
