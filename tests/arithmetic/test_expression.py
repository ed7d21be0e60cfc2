import contextlib
import operator
import pickle
import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.arithmetic import MAX_DIGITS, MAX_LENGTH, MAX_NESTING, ExpressionError, evaluate, expression, parse_expression
from prm_gym.errors import PrmGymError


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


def test_what_is_kept_of_short_texts_is_bounded_and_right():
    # Twice more distinct texts than are kept, then all of them again: a value never depends on what was read before, and long texts are not kept.
    kept = expression._read_before.cache_info().maxsize
    for _ in range(2):
        for number in range(2 * kept):
            assert evaluate(f"{number} + 1") == number + 1
    assert expression._read_before.cache_info().currsize <= kept
    before = expression._read_before.cache_info().misses
    long = " + ".join(["1"] * 30)
    assert (len(long) > expression._SHORT, evaluate(long), expression._read_before.cache_info().misses) == (True, 30, before)
    for _ in range(2):  # what cannot be read stays so
        with pytest.raises(ExpressionError, match="divided by zero"):
            evaluate("1 / 0")
