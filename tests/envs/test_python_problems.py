"""The generated problems: two computations of every answer, one in the generator and one in the cells, agree."""

import re
from collections import Counter
from fractions import Fraction
from itertools import product
from operator import mul
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
    return sum(n for n in range(max(low, 2), high + 1) if n % modulus == rest and all(n % d for d in range(2, n)))


def _dice(question):
    *sides, _, least = (int(number) for number in re.findall(r"\d+", question))
    return sum(sum(faces) >= least for faces in product(*(range(1, side + 1) for side in sides)))


def _coins(question):
    *coins, most, amount = (int(number) for number in re.findall(r"\d+", question))
    return sum(sum(map(mul, counts, coins)) == amount for counts in product(range(most + 1), repeat=len(coins)))


def _determinant(question):
    rows = [[int(entry) for entry in row.split(", ")] for row in re.findall(r"\(([-\d, ]+)\)", question)]
    return round(np.linalg.det(np.array(rows, dtype=np.float64)))


def _spread(question):
    data = np.array([int(number) for number in re.findall(r"\d+", question)])
    return Fraction(round(float(np.var(data) * len(data)) * len(data)), len(data))


def _window(question):
    *data, width = (int(number) for number in re.findall(r"-?\d+", question)[:-1])
    sums = np.convolve(data, np.ones(width, dtype=np.int64), "valid")
    return 3 * sums.max() - sums.min()


READINGS = {
    "eliminations": _eliminated,
    "prime_sums": _primes,
    "dice_sums": _dice,
    "coin_changes": _coins,
    "determinants": _determinant,
    "variances": _spread,
    "moving_windows": _window,
}


@pytest.mark.parametrize("name", READINGS)
def test_the_text_asks_for_what_is_computed(name):
    for seed in range(3):  # read from the text alone, and computed in the plainest way
        problem = FAMILIES[name](Random(seed), 1)
        assert str(READINGS[name](problem.question)) == problem.gold
