"""Number theory, sequences and linear algebra."""

import math
from fractions import Fraction
from random import Random

from prm_gym.envs.tools.python_problems.problem import Problem


def prime_sums(rng: Random, difficulty: int) -> Problem:
    """Sums of the primes of an interval in a residue class."""
    low = rng.randrange(10, 10 * 4**difficulty)
    high = low + rng.randrange(60, 80 * 3**difficulty)
    modulus = rng.choice([3, 4, 5, 7, 8, 12][: difficulty + 1])
    rest = rng.choice([rest for rest in range(1, modulus) if math.gcd(rest, modulus) == 1])
    sieve = bytearray([1]) * (high + 1)
    sieve[:2] = b"\0\0"
    for factor in range(2, math.isqrt(high) + 1):
        if sieve[factor]:
            sieve[factor * factor :: factor] = bytes(len(range(factor * factor, high + 1, factor)))
    gold = sum(number for number in range(low, high + 1) if sieve[number] and number % modulus == rest)
    return Problem(
        f"Find the sum of all prime numbers p with {low} <= p <= {high} that leave the remainder {rest} when divided by {modulus}.",
        str(gold),
        (
            "def is_prime(n):\n    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))\n"
            f"primes = [p for p in range({low}, {high} + 1) if is_prime(p)]\nlen(primes), primes[:5]",
            f"total = sum(p for p in primes if p % {modulus} == {rest})\ntotal",
        ),
    )


def power_sums(rng: Random, difficulty: int) -> Problem:
    """Sums of powers, modulo a number."""
    count, exponent = rng.randrange(20, 30 * 4**difficulty), rng.randrange(3, 4 + 3 * difficulty)
    modulus = rng.randrange(1_000, 10 ** (3 + difficulty))
    gold = sum(number**exponent for number in range(1, count + 1)) % modulus
    return Problem(
        f"Find the remainder of 1^{exponent} + 2^{exponent} + ... + {count}^{exponent} when it is divided by {modulus}.",
        str(gold),
        (
            f"powers = [pow(k, {exponent}, {modulus}) for k in range(1, {count} + 1)]\npowers[:5], len(powers)",
            f"remainder = sum(powers) % {modulus}\nremainder",
        ),
    )


def divisor_sums(rng: Random, difficulty: int) -> Problem:
    """Sums of the integers of an interval with a given number of divisors."""
    low = rng.randrange(10, 40 * 3**difficulty)
    high = low + rng.randrange(100, 120 * 2**difficulty)
    counts = {number: sum(1 + (d * d != number) for d in range(1, math.isqrt(number) + 1) if number % d == 0) for number in range(low, high + 1)}
    wanted = rng.choice([count for count in (4, 6, 8) if count in counts.values()])
    gold = sum(number for number, count in counts.items() if count == wanted)
    return Problem(
        f"Find the sum of all integers n with {low} <= n <= {high} that have exactly {wanted} positive divisors, 1 and n included.",
        str(gold),
        (
            f"low, high = {low}, {high}\ncounts = dict.fromkeys(range(low, high + 1), 0)\nfor d in range(1, high + 1):\n"
            "    for n in range(-(-low // d) * d, high + 1, d):\n"
            "        counts[n] += 1\nlen(counts)",
            f"found = [n for n, count in counts.items() if count == {wanted}]\nfound[:5], len(found)",
            "sum(found)",
        ),
    )


def congruences(rng: Random, difficulty: int) -> Problem:
    """The least number with given remainders."""
    primes = [7, 11, 13, 17, 19, 23, 29, 31]
    moduli = sorted(rng.sample(primes[: 4 + difficulty], min(2 + difficulty // 2 + (difficulty > 1), 4)))
    wanted = rng.randrange(math.prod(moduli) // 3, math.prod(moduli))
    rests = [wanted % modulus for modulus in moduli]
    asked = ", ".join(f"the remainder {rest} when divided by {modulus}" for rest, modulus in zip(rests, moduli, strict=True))
    return Problem(
        f"Find the smallest positive integer that leaves {asked}.",
        str(wanted),
        (
            f"moduli, rests = {moduli}, {rests}\nvalue, step = 0, 1\nfor m, r in zip(moduli, rests):\n    while value % m != r:\n        value += step\n"
            "    step *= m\nstep",
            "candidate = value or step\nassert all(candidate % m == r for m, r in zip(moduli, rests))\ncandidate",
        ),
    )


def recurrences(rng: Random, difficulty: int) -> Problem:
    """A term of a linear recurrence, modulo a number."""
    a, b, c = (rng.randrange(1, 10) for _ in range(3))
    first, second = rng.randrange(1, 20), rng.randrange(1, 20)
    place, modulus = rng.randrange(12, 15 * 6**difficulty), rng.randrange(2_000, 10 ** (3 + difficulty) * 3)
    one, other = first % modulus, second % modulus
    for _ in range(place - 1):
        one, other = other, (a * other + b * one + c) % modulus
    return Problem(
        f"A sequence begins with x_1 = {first} and x_2 = {second}, and x_(n+2) = {a} x_(n+1) + {b} x_n + {c} for every n >= 1. "
        f"Find the remainder of x_{place} when it is divided by {modulus}.",
        str(one),
        (
            f"x = [{first}, {second}]\nwhile len(x) < {place}:\n    x.append(({a} * x[-1] + {b} * x[-2] + {c}) % {modulus})\nx[:6], len(x)",
            f"x[{place} - 1] % {modulus}",
        ),
    )


def determinants(rng: Random, difficulty: int) -> Problem:
    """Determinants of integer matrices."""
    size, most = 2 + difficulty, 5 + 4 * difficulty
    while True:
        matrix = [[rng.randint(-most, most) for _ in range(size)] for _ in range(size)]
        gold = _determinant([[Fraction(entry) for entry in row] for row in matrix])
        if abs(gold) > 50:
            break
    return Problem(
        f"Find the determinant of the {size} x {size} matrix whose rows are " + ", ".join(f"({', '.join(map(str, row))})" for row in matrix) + ".",
        str(gold),
        (
            f"A = {matrix}\ndef det(M):\n    if not M:\n        return 1\n"
            "    return sum((-1) ** j * M[0][j] * det([row[:j] + row[j + 1:] for row in M[1:]]) for j in range(len(M)))\n"
            "minors = [det([row[:j] + row[j + 1:] for row in A[1:]]) for j in range(len(A))]\nminors",
            "value = sum((-1) ** j * A[0][j] * minors[j] for j in range(len(A)))\nvalue",
            "assert det([list(column) for column in zip(*A)]) == value\nprint(value)",
        ),
    )


def linear_systems(rng: Random, difficulty: int) -> Problem:
    """The sum of the unknowns of a linear system, as a fraction."""
    size = 2 + (difficulty + 1) // 2
    while True:
        matrix = [[rng.randint(-6 - difficulty, 6 + difficulty) for _ in range(size)] for _ in range(size)]
        right = [rng.randint(-20, 20) for _ in range(size)]
        whole = _determinant([[Fraction(entry) for entry in row] for row in matrix])
        if whole == 0:
            continue
        replaced = [[[Fraction(right[i] if k == j else matrix[i][k]) for k in range(size)] for i in range(size)] for j in range(size)]
        gold = sum((_determinant(one) / whole for one in replaced), Fraction(0))  # Cramer's rule
        if gold.denominator > 20:
            break
    names = [f"x{place + 1}" for place in range(size)]
    lines = "; ".join(
        f"{' + '.join(f'({entry}) {name}' for entry, name in zip(row, names, strict=True))} = {value}" for row, value in zip(matrix, right, strict=True)
    )
    return Problem(
        f"Solve the system of equations {lines}. Find {' + '.join(names)} as a fraction in lowest terms.",
        str(gold),
        (
            "from fractions import Fraction\nA = [[Fraction(v) for v in row] for row in "
            f"{[[*row, value] for row, value in zip(matrix, right, strict=True)]}]\n"
            "n = len(A)\nfor i in range(n):\n    p = next(r for r in range(i, n) if A[r][i])\n    A[i], A[p] = A[p], A[i]\n"
            "    A[i] = [v / A[i][i] for v in A[i]]\n    for r in range(n):\n        if r != i:\n"
            "            A[r] = [v - A[r][i] * w for v, w in zip(A[r], A[i])]\nx = [row[-1] for row in A]\n[str(v) for v in x]",
            "print(sum(x))",
        ),
    )


def _determinant(matrix: list[list[Fraction]]) -> Fraction:
    """By elimination."""
    rows, value = [row.copy() for row in matrix], Fraction(1)
    for column in range(len(rows)):
        pivot = next((row for row in range(column, len(rows)) if rows[row][column]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != column:
            rows[column], rows[pivot] = rows[pivot], rows[column]
            value = -value
        value *= rows[column][column]
        for row in range(column + 1, len(rows)):
            factor = rows[row][column] / rows[column][column]
            rows[row] = [entry - factor * above for entry, above in zip(rows[row], rows[column], strict=True)]
    return value
