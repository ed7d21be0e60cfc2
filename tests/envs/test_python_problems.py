"""The generated problems: two computations of every answer, one in the generator and one in the cells, agree."""

import math
import re
from collections import Counter
from datetime import date
from fractions import Fraction
from itertools import product
from random import Random

import numpy as np
import pytest

from prm_gym.answers import grade_all
from prm_gym.envs.tools.python_problems import FAMILIES, LEVELS, generate
from prm_gym.sandbox import Sandbox

PROBLEMS = [(name, level, FAMILIES[name](Random(100 * level + place), level)) for name in FAMILIES for level in LEVELS for place in range(3)]


def test_the_cells_find_the_answer_that_the_generator_knows():
    problems = [problem for _, _, problem in PROBLEMS]
    runs = Sandbox().run_all([problem.cells[-1] for problem in problems], before=[problem.cells[:-1] for problem in problems], echo=True)
    found = [run.stdout.strip().splitlines()[-1].strip("'") if run.status == "ok" else run.error for run in runs]
    assert found == [problem.gold for problem in problems]
    assert all(2 <= len(problem.cells) <= 3 for problem in problems)


def test_the_gold_answer_is_graded_correct_and_its_neighbours_are_not():
    graded = grade_all([(problem.gold, problem.gold, problem.question) for _, _, problem in PROBLEMS])
    assert {grade.verdict for grade in graded} == {"correct"}
    whole = [problem for _, _, problem in PROBLEMS if problem.gold.lstrip("-").isdigit()]
    assert {grade.verdict for grade in grade_all([(str(int(p.gold) + 1), p.gold, p.question) for p in whole])} == {"incorrect"}


def test_the_question_does_not_hold_the_answer():
    # Numbers of a question are short, so one may happen to be the answer; that must stay the exception.
    held = sum(problem.gold in problem.question for _, _, problem in PROBLEMS)
    assert held <= len(PROBLEMS) // 30


@pytest.mark.parametrize("name", FAMILIES)
def test_no_answer_is_common(name):
    for level in LEVELS:
        golds = [FAMILIES[name](Random(place), level).gold for place in range(40)]
        assert Counter(golds).most_common(1)[0][1] <= 4


def test_the_same_numbers_give_the_same_problem_and_other_numbers_another():
    assert generate(7, 3) == generate(7, 3)
    assert len({generate(entropy, 3)[1].question for entropy in range(50)}) == 50
    assert {generate(entropy, 1, ["ants", "variances"])[0] for entropy in range(20)} == {"ants", "variances"}


def _ant(question):
    steps, weight = int(re.search(r"After (\d+) steps", question)[1]), int(re.search(r"Find (\d+) B", question)[1])
    directions = [(0, 1), (1, 0), (0, -1), (-1, 0)]  # each is right of the one before
    black, place, turned = set(), (0, 0), 0
    for _ in range(steps):
        turned = (turned - 1 if place in black else turned + 1) % 4
        black.symmetric_difference_update([place])
        place = tuple(np.add(place, directions[turned]))
    return weight * len(black) + 100 * abs(place[0]) + abs(place[1])


def _checksum(question):
    text = re.search(r'text "([a-z ]+)"', question)[1]
    base, modulus = map(int, re.search(r"\(h \* (\d+) \+ c\) mod (\d+)", question).groups())
    whole = 0
    for letter in text.encode("ascii"):
        whole = whole * base + letter
    return whole % modulus


def _remainders(question):
    pairs = [tuple(map(int, pair)) for pair in re.findall(r"remainder (\d+) when divided by (\d+)", question)]
    (first, step), *rest = sorted(pairs, key=lambda pair: -pair[1])
    n = first or step
    while not all(n % modulus == remainder for remainder, modulus in rest):
        n += step
    return n


DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def _days(question):
    name, first, last = re.match(r"Take every (\w+) from (\S+) to (\S+),", question).groups()
    one, other = date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal()
    # Ordinal 1 is 0001-01-01, a Monday.
    return sum(date.fromordinal(n).day for n in range(one, other + 1) if DAYS[(n - 1) % 7] == name)


def _working(question):
    start, count = date.fromisoformat(re.search(r"after (\S+)", question)[1]), int(re.search(r"number (\d+)", question)[1])
    days = np.arange(start.toordinal() + 1, start.toordinal() + 3 * count + 30)
    working = [n for n in days.tolist() if (n - 1) % 7 < 5 and date.fromordinal(n).day != 1]
    return date.fromordinal(working[count - 1]).isoformat()


def _divisors(question):
    low, high, wanted, _ = map(int, re.findall(r"\d+", question))
    counts = np.zeros(high + 1, dtype=np.int64)
    for d in range(1, high + 1):
        counts[d::d] += 1
    return sum(n for n in range(low, high + 1) if counts[n] == wanted)


def _generated(question):
    s, factor, shift, modulus = map(int, re.match(r"Let s_0 = (\d+) and s_\(n\+1\) = \((\d+) s_n \+ (\d+)\) mod (\d+)", question).groups())
    count, below = map(int, re.search(r"s_(\d+) that are less than (\d+)", question).groups())
    found = []
    while len(found) < count:
        s = (factor * s + shift) % modulus
        found.append(s)
    return sum(v for v in found if v < below)


def _packed(question):
    items = [tuple(map(int, pair)) for pair in re.findall(r"(\d+) kg worth (\d+)", question)]
    limit = int(re.search(r"at most (\d+) kg", question)[1])
    weights = values = np.zeros(1, dtype=np.int64)
    for weight, value in items:  # all sets of items
        weights, values = np.concatenate([weights, weights + weight]), np.concatenate([values, values + value])
    return values[weights <= limit].max()


def _paths(question):
    (_, _), (width, height), *blocked = [tuple(map(int, pair)) for pair in re.findall(r"\((\d+), (\d+)\)", question)]
    blocked = sorted(blocked)

    def paths(one, other):
        right, up = other[0] - one[0], other[1] - one[1]
        return math.comb(right + up, up) if min(right, up) >= 0 else 0

    reach = {}
    for place in [*blocked, (width, height)]:  # paths to each of the points that meet no blocked one before it
        reach[place] = paths((0, 0), place) - sum(reach[other] * paths(other, place) for other in reach)
    return reach[width, height]


def _unknowns(question):
    lines = re.match(r"Solve the system of equations (.*?)\. Find", question)[1].split("; ")
    rows = [[int(v) for v in re.findall(r"\((-?\d+)\) x\d", line)] for line in lines]
    right = [int(line.rpartition("=")[2]) for line in lines]
    whole = round(np.linalg.det(np.array(rows, float)))
    return Fraction(round(float(np.linalg.solve(np.array(rows, float), np.array(right, float)).sum()) * whole), whole)


def _mirrored(question):
    word = re.search(r"of the word ([abc]+) read", question)[1]
    assert int(re.search(r"j <= (\d+)", question)[1]) == len(word)
    return sum(j - i for i in range(len(word)) for j in range(i + 1, len(word) + 1) if word[i:j] == word[i:j][::-1])


def _words(question):
    length, letters, pattern = re.match(r"How many words of exactly (\d+) letters over the alphabet \{(.*?)\} do not contain (\w+) as", question).groups()
    letters, size = letters.split(", "), len(pattern) - 1
    tails = ["".join(tail) for tail in product(letters, repeat=size)]
    counts = dict.fromkeys(tails, 1)  # words by their last letters
    for _ in range(int(length) - size):
        counts = {tail: sum(counts[letter + tail[:-1]] for letter in letters if letter + tail != pattern) for tail in tails}
    return sum(counts.values())


def _powers(question):
    exponent = int(re.search(r"1\^(\d+)", question)[1])
    last, modulus = int(re.search(r"\.\.\. \+ (\d+)\^", question)[1]), int(re.search(r"divided by (\d+)", question)[1])
    return sum(n**exponent for n in range(1, last + 1)) % modulus


def _sequence(question):
    first, second = map(int, re.match(r"A sequence begins with x_1 = (\d+) and x_2 = (\d+)", question).groups())
    a, b, c = map(int, re.search(r"= (\d+) x_\(n\+1\) \+ (\d+) x_n \+ (\d+) for", question).groups())
    place, modulus = map(int, re.search(r"x_(\d+) when it is divided by (\d+)", question).groups())
    # (x_(n+1), x_n, 1) from (x_n, x_(n-1), 1) by a matrix, whose power is taken.
    power, square, left = np.eye(3, dtype=object), np.array([[a, b, c], [1, 0, 0], [0, 0, 1]], dtype=object), place - 1
    while left:
        power, square, left = power @ square % modulus if left % 2 else power, square @ square % modulus, left // 2
    return (power[1][0] * second + power[1][1] * first + power[1][2]) % modulus


def _rewritten(question):
    word, a, b, c, rounds = re.match(r"A word begins as ([abc]+)\..*a by ([abc]+), b by ([abc]+) and c by ([abc]+)\. After (\d+) rounds", question).groups()
    block, weight = re.search(r"the block ([abc]+)", question)[1], int(re.search(r"Find (\d+) F \+ N", question)[1])
    for _ in range(int(rounds)):
        word = word.replace("a", "A").replace("b", "B").replace("c", "C").replace("A", a).replace("B", b).replace("C", c)
    return weight * sum(word[i : i + len(block)] == block for i in range(len(word))) + word.count("b")


def _roads(question):
    return [tuple(map(int, edge)) for edge in re.findall(r"(\d+)-(\d+) \((\d+)\)", question)]


def _ways(question):
    towns, best = int(re.search(r"joins (\d+) towns", question)[1]), {1: 0}
    for _ in range(towns):
        for a, b, length in _roads(question):
            for one, other in ((a, b), (b, a)):
                if one in best:
                    best[other] = min(best.get(other, 10**9), best[one] + length)
    assert len(best) == towns
    return sum(best.values())


def _cables(question):
    # A cable is taken unless cheaper ones lead from one of its ends to the other; all costs are different.
    taken, roads = 0, _roads(question)
    assert len({cost for *_, cost in roads}) == len(roads)
    for a, b, cost in roads:
        reached, grown = {a}, True
        while grown:
            grown = {v for x, y, c in roads if c < cost for u, v in ((x, y), (y, x)) if u in reached} - reached
            reached |= grown
        taken += 0 if b in reached else cost
    return taken


def _eliminated(question):
    people, _, step, grows, *_ = (int(number) for number in re.findall(r"\d+", question)[1:])
    standing, place, counted = [True] * people, -1, 0
    while sum(standing) > 2:
        counted = 0
        while counted < step:
            place = (place + 1) % people
            counted += standing[place]
        standing[place] = False
        step += grows
    one, other = (number + 1 for number in range(people) if standing[number])
    return one * other


def _primes(question):
    low, high, rest, modulus = (int(number) for number in re.findall(r"\d+", question))
    return sum(n for n in range(max(low, 2), high + 1) if n % modulus == rest and all(n % d for d in range(2, math.isqrt(n) + 1)))


def _dice(question):
    *sides, _, least = (int(number) for number in re.findall(r"\d+", question))
    p = np.array([1], dtype=object)
    for s in sides:
        p = np.convolve(p, np.array([0] + [1] * s, dtype=object))
    return int(sum(p[least:]))


def _coins(question):
    *coins, most, amount = (int(number) for number in re.findall(r"\d+", question))
    p = np.array([1], dtype=object)
    for c in coins:
        q = np.zeros(c * most + 1, dtype=object)
        q[::c] = 1
        p = np.convolve(p, q)[: amount + 1]
    return int(p[amount])


def _determinant(question):
    rows = [[int(entry) for entry in row.split(", ")] for row in re.findall(r"\(([-\d, ]+)\)", question)]
    return round(np.linalg.det(np.array(rows, dtype=np.float64)))


def _spread(question):
    data = [Fraction(int(number)) for number in re.findall(r"\d+", question)]
    m = sum(data) / len(data)
    return sum((d - m) ** 2 for d in data)


def _window(question):
    *data, width = (int(number) for number in re.findall(r"-?\d+", question)[:-1])
    sums = np.convolve(data, np.ones(width, dtype=np.int64), "valid")
    return 3 * sums.max() - sums.min()


READINGS = {
    "ants": _ant,
    "checksums": _checksum,
    "coin_changes": _coins,
    "congruences": _remainders,
    "day_sums": _days,
    "determinants": _determinant,
    "dice_sums": _dice,
    "divisor_sums": _divisors,
    "eliminations": _eliminated,
    "generators": _generated,
    "knapsacks": _packed,
    "lattice_paths": _paths,
    "linear_systems": _unknowns,
    "moving_windows": _window,
    "palindromes": _mirrored,
    "pattern_free_words": _words,
    "power_sums": _powers,
    "prime_sums": _primes,
    "recurrences": _sequence,
    "rewriting": _rewritten,
    "shortest_paths": _ways,
    "spanning_trees": _cables,
    "variances": _spread,
    "working_days": _working,
}


def test_every_family_has_a_reading():
    assert READINGS.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_text_asks_for_what_is_computed(name):
    for level in (1, 3):  # read from the text alone, and computed in another way than by the generator
        for seed in range(3):
            problem = FAMILIES[name](Random(seed), level)
            assert str(READINGS[name](problem.question)) == problem.gold
