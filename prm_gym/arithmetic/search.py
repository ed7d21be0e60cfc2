"""The exact solver of number games (the game of 24, Countdown).

The rule of the games: two of the numbers are taken away and the result of `+ - * /` on them is put in their place, until one number is left. Every
number is used exactly once.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache, partial
from itertools import combinations
from math import gcd
from typing import NamedTuple, TypeAlias

from prm_gym.arithmetic.expression import Symbol
from prm_gym.errors import PrmGymError

MAX_NUMBERS = 7  # of a game that is searched: so the smaller part of a split has at most 3, and its values are few
NODE_BUDGET = 200_000  # of one search; the worst game with 6 numbers takes about a fifth of it


class SearchBudgetError(PrmGymError):
    """A search ended undecided: the game is too large for the node budget."""


class Operation(NamedTuple):
    """One operation of a game: `left symbol right` gives `result`."""

    left: Fraction
    symbol: Symbol
    right: Fraction
    result: Fraction

    @property
    def text(self) -> str:
        """How a step is written: `25 * 4 = 100`, `8 / (1/3) = 24`."""
        return step_text(self.left, self.symbol, self.right, self.result)


def operand_text(value: Fraction) -> str:
    """A number as an operand: in parentheses when it is negative or a fraction, so that it stays one number."""
    return str(value) if value.denominator == 1 and value.numerator >= 0 else f"({value})"


def step_text(left: Fraction, symbol: Symbol, right: Fraction, result: Fraction) -> str:
    """A step as text, with whatever result it is to claim."""
    return f"{operand_text(left)} {symbol} {operand_text(right)} = {result}"


def operations(left: Fraction, right: Fraction, integers_only: bool = False) -> list[Operation]:
    """Every operation on two numbers, in either order where the order matters; one for each distinct (order, symbol).

    Args:
        left: a number.
        right: another; of `a + b` and `b + a` only the first is given.
        integers_only: only those whose result is a positive integer.
    """
    return list(_kept_operations(_ratio(left), _ratio(right), integers_only))


def solve(numbers: Sequence[Fraction | int], target: Fraction | int, integers_only: bool = False, budget: int = NODE_BUDGET) -> tuple[str, ...] | None:
    """Steps that make the target from all the numbers, or None when there are none.

    A game is won exactly when the numbers fall into two parts, A and B, with a value a of A and a value b of B such that one operation on a and b gives the
    target. For each a there are at most six such b, so that only the smaller part is listed and the larger one is asked for:

        makes(N, t) = exists A + B = N, |A| <= |B|, a in values(A), b in {t - a, a - t, t + a, t / a, a / t, t a}:  makes(B, b)

    >>> solve((3, 3, 8, 8), 24)
    ('8 / 3 = 8/3', '3 - (8/3) = 1/3', '8 / (1/3) = 24')

    Args:
        numbers: [N], each is used exactly once.
        target: the number to be left.
        integers_only: every result must be a positive integer (the rule of the television game).
        budget: how many values a may be tried before the search gives up. The count depends on nothing but the arguments.

    Returns:
        N - 1 steps in the order they can be played, or None.

    Raises:
        SearchBudgetError: undecided within the budget, or more than MAX_NUMBERS numbers.
    """
    multiset, goal = tuple(sorted(_ratio(number) for number in numbers)), _ratio(target)
    search = _Search(integers_only, budget, len(multiset))
    return search.steps(multiset, goal) if search.makes(multiset, goal) else None


def reachable(numbers: Sequence[Fraction | int], target: Fraction | int, integers_only: bool = False, budget: int = NODE_BUDGET) -> bool | None:
    """Whether all the numbers make the target (see `solve`); None when the budget does not suffice to tell. Answers are kept."""
    return _reachable(tuple(sorted(_ratio(number) for number in numbers)), _ratio(target), integers_only, budget)


Ratio: TypeAlias = tuple[int, int]
"""A rational as (numerator, denominator), reduced, denominator > 0: several times faster than `Fraction`."""

Multiset: TypeAlias = tuple[Ratio, ...]
"""Numbers in sorted order."""


class _Split(NamedTuple):
    """The last operation of a solution, and the parts whose values it joins."""

    left: Multiset
    left_value: Ratio
    symbol: Symbol
    right: Multiset
    right_value: Ratio


@lru_cache(maxsize=1 << 15)
def _reachable(numbers: Multiset, target: Ratio, integers_only: bool, budget: int) -> bool | None:
    try:
        return _Search(integers_only, budget, len(numbers)).makes(numbers, target)
    except SearchBudgetError:
        return None


class _Search:
    """One search: what it has found out, and what it may still spend."""

    def __init__(self, integers_only: bool, budget: int, size: int) -> None:
        if size > MAX_NUMBERS:
            raise SearchBudgetError(f"undecided: a game of {size} numbers; at most {MAX_NUMBERS} are searched")
        self.integers_only, self.budget, self.left = integers_only, budget, budget
        self.known: dict[tuple[Multiset, Ratio], bool] = {}

    def makes(self, numbers: Multiset, target: Ratio) -> bool:
        if len(numbers) <= 3:
            return target in _values(numbers, self.integers_only)
        if self.integers_only and not _is_positive_integer(target):
            return False
        key = (numbers, target)
        if key not in self.known:
            self.known[key] = self.split(numbers, target) is not None
        return self.known[key]

    def split(self, numbers: Multiset, target: Ratio) -> _Split | None:
        for part, rest in _parts(numbers):
            made: Callable[[Ratio], bool]
            made = _values(rest, self.integers_only).__contains__ if len(rest) <= 3 else partial(self.makes, rest)
            for value in _values(part, self.integers_only):
                self.left -= 1
                if self.left < 0:
                    raise SearchBudgetError(f"undecided after {self.budget:,} nodes")
                for symbol, first, other in _partners(value, target):
                    if made(other):
                        return _Split(part, value, symbol, rest, other) if first else _Split(rest, other, symbol, part, value)
        return None

    def steps(self, numbers: Multiset, target: Ratio) -> tuple[str, ...]:
        if len(numbers) < 2:
            return ()
        found = self.split(numbers, target)
        if found is None:
            raise RuntimeError(f"{numbers} no longer make {target}: a defect of this module")
        left, right, result = Fraction(*found.left_value), Fraction(*found.right_value), Fraction(*target)
        before = self.steps(found.left, found.left_value) + self.steps(found.right, found.right_value)
        return (*before, step_text(left, found.symbol, right, result))


def _ratio(number: Fraction | int) -> Ratio:
    return (int(number.numerator), int(number.denominator))  # of numpy too, whose integers overflow


def _reduced(numerator: int, denominator: int) -> Ratio:
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    common = gcd(numerator, denominator)
    return (numerator // common, denominator // common)


def _is_positive_integer(value: Ratio) -> bool:
    return value[1] == 1 and value[0] > 0


def _operations(a: Ratio, b: Ratio, integers_only: bool) -> list[tuple[Ratio, Symbol, Ratio, Ratio]]:
    """Every (left, symbol, right, result) on two numbers."""
    (an, ad), (bn, bd) = a, b
    common, x, y = ad * bd, an * bd, bn * ad
    found: list[tuple[Ratio, Symbol, Ratio, Ratio]] = [
        (a, "+", b, _reduced(x + y, common)),
        (a, "*", b, _reduced(an * bn, common)),
        (a, "-", b, _reduced(x - y, common)),
        (b, "-", a, _reduced(y - x, common)),
    ]
    if bn:
        found.append((a, "/", b, _reduced(x, y)))
    if an:
        found.append((b, "/", a, _reduced(y, x)))
    return [entry for entry in found if _is_positive_integer(entry[3])] if integers_only else found


@lru_cache(maxsize=1 << 12)
def _kept_operations(a: Ratio, b: Ratio, integers_only: bool) -> tuple[Operation, ...]:
    """What `operations` gives: the same pairs come again and again in the candidates of a state."""
    return tuple(Operation(Fraction(*a), symbol, Fraction(*b), Fraction(*value)) for a, symbol, b, value in dict.fromkeys(_operations(a, b, integers_only)))


def _partners(a: Ratio, target: Ratio) -> list[tuple[Symbol, bool, Ratio]]:
    """Every (symbol, whether a stands first, b) such that the operation on a and b gives the target; b may still be any rational.

    For a = 0 and the target 0, b may be anything at all, and this is left out: the same product is found at another split, where one factor x is put
    aside and x * 0 = 0 asks whether the others make 0.
    """
    (an, ad), (tn, td) = a, target
    common, x, y = ad * td, an * td, tn * ad
    numerator, denominator = _reduced(y - x, common)
    found: list[tuple[Symbol, bool, Ratio]] = [
        ("+", True, (numerator, denominator)),
        ("-", True, (-numerator, denominator)),
        ("-", False, _reduced(y + x, common)),
    ]
    if an:
        found.append(("*", True, _reduced(y, x)))
        found.append(("/", False, _reduced(an * tn, common)))
        if tn:
            found.append(("/", True, _reduced(x, y)))
    return found


def _parts(numbers: Multiset) -> Iterator[tuple[Multiset, Multiset]]:
    """Every way to split the numbers in two, the smaller part first; even splits before uneven ones, for they are cheapest to decide."""
    seen: set[Multiset] = set()
    indices = range(len(numbers))
    for size in range(len(numbers) // 2, 0, -1):
        for chosen in combinations(indices, size):
            part = tuple(numbers[i] for i in chosen)
            if part not in seen:
                seen.add(part)
                yield part, tuple(numbers[i] for i in indices if i not in chosen)


@lru_cache(maxsize=1 << 11)
def _values(numbers: Multiset, integers_only: bool) -> dict[Ratio, None]:
    """Every value that all the numbers make: the keys, in an order that is the same everywhere."""
    if len(numbers) == 1:
        return dict.fromkeys(numbers)
    found: dict[Ratio, None] = {}
    for part, rest in _parts(numbers):
        others = _values(rest, integers_only)
        for a in _values(part, integers_only):
            for b in others:
                found.update((entry[3], None) for entry in _operations(a, b, integers_only))
    return found
