r"""Pairs of a gold answer and an answer whose truth is known, because both are made from the same numbers.

Families, each with as many right pairs as wrong ones: the answer is written in another way, or is another answer that looks like it.

    integers    12345 and 12,345         | another number
    decimals    \frac{3}{8} and 0.375    | 0.376
    fractions   \frac{3}{4} and 9/12     | \frac{4}{3}
    roots       3\sqrt{2} and \sqrt{18}  | \sqrt{6}
    polynomials (x+1)(x+2) and x^2+3x+2  | x^2+3x+3
    points      (1,2) and (1, 2)         | (2,1)
    intervals   [1,2) and [1, 2)         | (1,2]
    sets        \{1,2,3\} and \{3,1,2\}  | \{1,2,4\}
    unknowns    5 and x = 5              | x = 6
    identities  \sin 2x and 2\sin x\cos x | \sin^2 2x
    choices     \text{(B)} and B         | C
    close       0.1234561                | 0.1234564 (and the number itself)
    lengths     10 \text{ cm}            | 10 \text{ m} (and the length itself)
    equations   7                        | 8=7 (and the number itself)
"""

import random
from collections.abc import Callable
from fractions import Fraction

Made = tuple[str, str, str]
"""Gold answer, a right answer, a wrong one."""

IDENTITIES = (
    (r"\sin 2{}", r"2\sin {}\cos {}", r"\sin^2 {}"),
    (r"\cos 2{}", r"2\cos^2 {}-1", r"1-2\cos^2 {}"),
    (r"\tan {}", r"\frac{{\sin {}}}{{\cos {}}}", r"\frac{{\cos {}}}{{\sin {}}}"),
    (r"e^{{2{}}}", r"(e^{})^2", r"e^{{{}^2}}"),
    (r"4^{}", r"2^{{2{}}}", r"2^{{{}+2}}"),
)
HOSTILE = (
    ("2", r"9^{9^{9^9}}"),
    ("2", r"10^{10^{10}}"),
    ("2", r"(10^9)!"),
    ("2", r"\binom{10^{9}}{5\cdot 10^{8}}"),
    ("2", r"\sum_{k=1}^{10^{12}} \frac{1}{k^k}"),
    ("1", r"\frac{\sin^{64}x+\cos^{64}x+(x+1)^{999}}{(\sin(x)+x+1)^{999}}"),
    ("x", "(" * 400 + "x" + ")" * 400),
    ("1", "+".join(rf"\sqrt{{{n}}}" for n in range(2, 60))),
)


def _integers(draw: random.Random) -> Made:
    number = draw.randint(10_000, 9_999_999) * draw.choice((1, 1, -1))
    return str(number), f"{number:,}", str(number + draw.choice((1, -1, 10, 1000)))


def _decimals(draw: random.Random) -> Made:
    below, above = draw.choice((8, 16, 20, 25, 40)), draw.randint(1, 199)
    value = Fraction(above, below)
    return rf"\frac{{{above}}}{{{below}}}", f"{float(value)}", f"{float(value) + 0.001:.4f}"


def _fractions(draw: random.Random) -> Made:
    above, below = draw.sample(range(2, 60), 2)
    times = draw.randint(2, 9)
    return rf"\frac{{{above}}}{{{below}}}", f"{above * times}/{below * times}", rf"\frac{{{below}}}{{{above}}}"


def _roots(draw: random.Random) -> Made:
    factor, under = draw.randint(2, 12), draw.choice((2, 3, 5, 6, 7, 10, 11, 13))
    return rf"{factor}\sqrt{{{under}}}", rf"\sqrt{{{factor * factor * under}}}", rf"\sqrt{{{factor * under}}}"


def _polynomials(draw: random.Random) -> Made:
    a, b = draw.sample(range(1, 30), 2)
    return f"(x+{a})(x+{b})", f"x^2+{a + b}x+{a * b}", f"x^2+{a + b}x+{a * b + 1}"


def _points(draw: random.Random) -> Made:
    a, b = draw.sample(range(-50, 50), 2)
    return f"({a},{b})", f"({a}, {b})", f"({b},{a})"


def _intervals(draw: random.Random) -> Made:
    a, b = sorted(draw.sample(range(-50, 50), 2))
    return f"[{a},{b})", f"[{a}, {b})", f"({a},{b}]"


def _sets(draw: random.Random) -> Made:
    a, b, c, other = draw.sample(range(1, 90), 4)
    return rf"\{{{a},{b},{c}\}}", rf"\{{{c},{a},{b}\}}", rf"\{{{a},{b},{other}\}}"


def _unknowns(draw: random.Random) -> Made:
    number = draw.randint(2, 999)
    return str(number), f"x = {number}", f"x = {number + 1}"


def _identities(draw: random.Random) -> Made:
    gold, right, wrong = draw.choice(IDENTITIES)
    letter = draw.choice("xyzt")
    return gold.format(letter), right.format(*[letter] * 3), wrong.format(*[letter] * 3)


def _choices(draw: random.Random) -> Made:
    right, wrong = draw.sample("ABCDE", 2)
    return rf"\text{{({right})}}", right, wrong


def _close(draw: random.Random) -> Made:
    number = draw.randint(1_000_000, 8_999_999)
    return f"0.{number}", f"0.{number}", f"0.{number + draw.randint(1, 5)}"


def _lengths(draw: random.Random) -> Made:
    number, (unit, other) = draw.randint(2, 999), draw.sample(("cm", "m", "km"), 2)
    return rf"{number} \text{{ {unit}}}", rf"{number} \text{{ {unit}}}", rf"{number} \text{{ {other}}}"


def _equations(draw: random.Random) -> Made:
    number = draw.randint(2, 999)
    return str(number), str(number), f"{number + 1}={number}"


FAMILIES: dict[str, Callable[[random.Random], Made]] = {
    "integers": _integers, "decimals": _decimals, "fractions": _fractions, "roots": _roots, "polynomials": _polynomials, "points": _points,
    "intervals": _intervals, "sets": _sets, "unknowns": _unknowns, "identities": _identities, "choices": _choices, "close": _close,
    "lengths": _lengths, "equations": _equations,
}  # fmt: skip


def pairs(seed: int, each: int) -> list[dict[str, str | bool]]:
    """Pairs in random order: family, gold, answer, and whether the answer is right; no pair twice.

    Args:
        seed: of the draws.
        each: right and as many wrong pairs of a family, where it has that many.
    """
    found: list[dict[str, str | bool]] = []
    for family, make in FAMILIES.items():
        draw = random.Random(f"{seed} {family}")
        known: set[tuple[str, str]] = set()
        for _ in range(20 * each):
            gold, right, wrong = make(draw)
            if len(known) < 2 * each and (gold, right) not in known:
                known |= {(gold, right), (gold, wrong)}
                found += [{"family": family, "gold": gold, "answer": answer, "right": answer is right} for answer in (right, wrong)]
    random.Random(seed).shuffle(found)
    return found


def hostile() -> list[dict[str, str]]:
    """Gold answers with answers that hang or blow up what evaluates them. What counts is that something is said of them in time."""
    return [{"gold": gold, "answer": answer} for gold, answer in HOSTILE]
