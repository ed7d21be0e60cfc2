import operator
import re
from fractions import Fraction
from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest

from prm_gym.arithmetic import NODE_BUDGET, SearchBudgetError, evaluate, operations, reachable, solve

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


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
