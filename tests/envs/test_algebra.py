import re
from fractions import Fraction

import gymnasium as gym
import numpy as np
import pytest
import sympy

import prm_gym  # noqa: F401 - registers the ids
from prm_gym.algebra import read_expression, read_statement
from prm_gym.claims import Malformed
from prm_gym.env import ACTION_LENGTH
from prm_gym.envs.math.algebra import LEVELS, MAX_LINE, AlgebraEnv, candidate_lines, generate
from prm_gym.envs.math.derivations import derivation, is_finished, next_lines, variants
from prm_gym.envs.math.school import school_text

X, Y = sympy.symbols("x y")


def _sympy(text):
    """An expression in the notation of these tasks; only of texts that our own generator has made."""
    explicit = re.sub(r"(?<=[0-9xy)])(?=[xy(])", "*", text.replace(" ", "")).replace("^", "**")
    return sympy.sympify(explicit, locals={"x": X, "y": Y}, rational=True)


def _solutions(kind, line):
    """What sympy says of a line: the set of solutions, or the expanded expression."""
    if kind == "rewriting":
        return sympy.expand(_sympy(line[0]))
    if kind == "system":
        left_minus_right = [_sympy(left) - _sympy(right) for left, right in (text.split("=") for text in line)]
        return sympy.linsolve(left_minus_right, X, Y)
    found = set()
    for text in line[0].split(" or "):
        left, right = text.split("=")
        found |= set(sympy.solveset(_sympy(left) - _sympy(right), X, sympy.S.Reals))
    return found


def _env(form, **options):
    """An episode of a form, with its solution."""
    difficulty = next(level for level, forms in LEVELS.items() if form in forms)
    env = AlgebraEnv(difficulty=difficulty, **options)
    seed = next(seed for seed in range(100) if env.reset(seed=seed) and env.task.metadata["form"] == form)
    env.reset(seed=seed)
    return env


def _label(info):
    return info["verdicts"]["algebra"].label


FORMS = [form for forms in LEVELS.values() for form in forms]


@pytest.mark.parametrize("form", FORMS)
def test_every_line_of_the_solver_has_the_solutions_that_sympy_finds(form):
    difficulty = next(level for level, forms in LEVELS.items() if form in forms)
    drawn = [start for name, start in (generate(seed, difficulty) for seed in range(40)) if name == form][:8]
    assert len(drawn) >= 5
    assert len(set(drawn)) >= 5
    for start in drawn:
        expected = _solutions(start.kind, start.line)
        lines = derivation(*start)
        assert 2 <= len(lines) <= AlgebraEnv.default_max_steps
        assert [is_finished(start.kind, line) for line in (start.line, *lines)] == [False] * len(lines) + [True]
        for line in lines:
            assert _solutions(start.kind, line) == expected
            assert max(map(len, line)) <= 60


@pytest.mark.parametrize("form", FORMS)
def test_a_solved_episode_earns_1_and_every_line_is_correct(form):
    env = _env(form)
    for line in env.solution():
        observation, reward, terminated, truncated, info = env.step(line)
        assert _label(info) == "correct"
    assert (reward, terminated, truncated, info["outcome"], info["actions"]) == (1.0, True, False, 1.0, ())
    assert observation.endswith(f"line: {line}")


@pytest.mark.parametrize("form", FORMS)
def test_the_last_line_may_come_at_once(form):
    env = _env(form)
    _, reward, terminated, _, info = env.step(f"${env.solution()[-1]}$.".replace("$.", ".$"))
    assert (reward, terminated, _label(info)) == (1.0, True, "correct")


@pytest.mark.parametrize("form", FORMS)
def test_candidates_are_few_right_ones_among_false_ones_as_sympy_sees_them(form):
    difficulty = next(level for level, forms in LEVELS.items() if form in forms)
    starts = [start for name, start in (generate(seed, difficulty) for seed in range(30)) if name == form][:3]
    for start in starts:
        for line in (start.line, *derivation(*start)[:-1]):
            listed = candidate_lines(start.kind, line, 8)
            expected = _solutions(start.kind, start.line)
            right = [text for text in listed if _solutions(start.kind, tuple(text.split("; "))) == expected]
            assert 5 <= len(listed) == len(set(listed)) <= 8
            assert 1 <= len(right) <= 2


def test_candidates_are_a_function_of_the_line_alone():
    kind, line = generate(3, 3)[1]
    first = candidate_lines(kind, line, 8)
    candidate_lines.cache_clear()
    np.random.default_rng(0).random()
    assert candidate_lines(kind, line, 8) == first


def _play(choose, difficulty, episodes):
    env, won = AlgebraEnv(difficulty=difficulty, verifiers=[]), 0
    for seed in range(episodes):
        _, info = env.reset(seed=1000 + seed)
        over = False
        while not over:
            _, _, terminated, truncated, info = env.step(choose(info["actions"]))
            over = terminated or truncated
        won += info["outcome"] == 1.0
    return won / episodes


def test_shortcuts_do_not_pay():
    rng = np.random.default_rng(0)
    choices = {
        "random": lambda listed: listed[int(rng.integers(len(listed)))],
        "first": lambda listed: listed[0],
        "shortest": lambda listed: min(listed, key=len),
        "longest": lambda listed: max(listed, key=len),
    }
    for difficulty in (1, 3, 5):
        for name, choose in choices.items():
            assert _play(choose, difficulty, 20) <= 0.35, (difficulty, name)


def test_a_false_line_stays_and_loses_the_episode_without_a_word():
    honest, env = _env("one_sided"), _env("one_sided")
    first, last = env.solution()
    left, right = first.split(" = ")
    false = f"{left} = {int(right) + 1}"
    observation, _, terminated, _, info = env.step(false)
    assert _label(info) == "incorrect"
    assert not terminated
    assert observation.endswith(f"line: {false}")
    assert not re.search("false|wrong|incorrect", observation)
    # What follows from the false line is false; a line that is true again is true, and the outcome stays lost.
    assert _label(env.step(f"{left} + 1 = {int(right) + 2}")[4]) == "incorrect"
    observation, _, _, _, info = env.step(first)
    assert _label(info) == "correct"
    there, _, _, _, honest_info = honest.step(first)
    assert there == observation
    assert honest_info["actions"] == info["actions"]
    assert honest_info["state_key"] != info["state_key"]
    _, reward, terminated, _, info = env.step(last)
    assert (_label(info), terminated, reward, info["outcome"]) == ("correct", True, 0.0, 0.0)


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_going_on_from_a_mistake_earns_nothing(difficulty):
    # x = 0 is no solution of these tasks; adding 1, 2, ... to both sides of it is true of it, and of nothing else.
    env = AlgebraEnv(difficulty=difficulty, candidates=0, reward="dense")
    played = 0
    for seed in range(10):
        env.reset(seed=seed)
        if env.task.metadata["kind"] != "equation" or env.solution()[-1] == "x = 0":
            continue
        total = sum(env.step(f"x + {k} = {k}")[1] for k in range(1, 12))
        assert total < 0
        played += 1
    assert played or difficulty == 5


def test_padding_earns_nothing():
    env = _env("two_sided", reward="dense")
    start = env.situation.observation.rpartition("line: ")[2]
    left, right = start.split(" = ")
    for text in (f"{right} = {left}", f"{left} + 0 = {right}", f"1({left}) = {right}", start):
        _, reward, _, _, info = env.step(text)
        assert (_label(info), reward) == ("trivial", 0.0)
    first = env.solution()[0]
    assert _label(env.step(first)[4]) == "correct"
    for text in (start, f"{first} + 0", start, first):  # to and fro
        _, reward, _, _, info = env.step(text)
        assert (_label(info), reward) == ("trivial", 0.0)


def test_needless_true_lines_are_worth_less_than_any_success():
    # 2x = 16 as 3x = 24, 4x = 32 and so on is true each time; the sum of all terms stays below the bound of the scheme.
    env = _env("one_sided", reward="dense")
    slope, value = env.solution()[0].split("x = ")
    total, over, factor = 0.0, False, 2
    while not over:
        _, reward, terminated, truncated, _ = env.step(f"{int(slope or 1) * factor}x = {int(value) * factor}")
        total, over, factor = total + reward, terminated or truncated, factor + 1
    assert 0 < total <= 0.45


@pytest.mark.parametrize(
    "action",
    [
        "",
        "x",
        "2x + 3",
        "2x < 4",
        "x = 1 or x = 2",
        "x = 1; y = 2",
        "y = 3",
        "cost = 3",
        "0 = 0",
        "x = sqrt(4)",
        "|x| = 3",
        "x = 2 = 2",
        "solve(x)",
        "__import__('os').system('true') = x",
        "x = 9^9^9^9",
        "x^100 = 0 = x",
        "1/2x = 3",
        "x = " + "+".join(["1"] * 100),
        "x = 1" + " " * MAX_LINE + "+ 1" * 70,
        "(" * 5000,
        "x" * ACTION_LENGTH,
        "x^40 = 3",
        "x = 1/0*",
    ],
)
def test_what_is_no_line_changes_nothing(action):
    env = _env("two_sided")
    before = env.situation
    _, reward, terminated, _, info = env.step(action)
    assert isinstance(env.past_steps[-1].claims[0], Malformed)
    assert (env.situation, _label(info), reward, terminated) == (before, "malformed", 0.0, False)


def test_only_reduced_numbers_end_a_task():
    assert is_finished("equation", ("x = -3/4",))
    assert is_finished("equation", ("x = 0.25",))
    assert not is_finished("equation", ("x = 4/2",))
    assert not is_finished("equation", ("x = 2 + 1",))
    assert not is_finished("equation", ("3 = x",))
    assert is_finished("quadratic", ("x = 2 or x = -3",))
    assert not is_finished("quadratic", ("x = 2 or 2x = -6",))
    assert is_finished("system", ("y = 2", "x = 1"))
    assert not is_finished("system", ("x = 2", "x = 1"))
    assert not is_finished("system", ("x = 2", "x + y = 1"))
    assert is_finished("rewriting", ("5x + 4",))
    assert is_finished("rewriting", ("4 + 5x",))
    assert not is_finished("rewriting", ("5x + 2 + 2",))
    assert not is_finished("rewriting", ("5(x + 1)",))


def test_a_lost_root_ends_a_quadratic_without_success():
    env = _env("quadratic")
    _, _, terminated, _, info = env.step(env.solution()[-1].split(" or ")[0])
    assert (terminated, info["outcome"], _label(info)) == (True, 0.0, "incorrect")
    assert info["verdicts"]["algebra"].reason.startswith("a solution is lost")


def test_variants_change_two_numbers_in_all_four_ways():
    lines = set(variants(("3x + 14 = 26",), np.random.default_rng(1)))
    assert len(lines) == 4
    assert ("3x + 14 = 26",) in lines
    for (line,) in lines:
        assert read_statement(line).equation is not None
    quadratic = list(variants(("x^2 - 5x + 6 = 0",), np.random.default_rng(2)))
    assert len(set(quadratic)) == 4
    assert all(line.startswith(("x^2 ", "-x^2 ")) and line.endswith(" = 0") for (line,) in quadratic)  # exponents and the 0 stay


def test_lines_of_another_form_have_no_rules_and_do_no_harm():
    assert next_lines("equation", ("x^2 = 1/x",)).right == []
    assert next_lines("system", ("x*y = 1", "x = 2")).right == []
    assert next_lines("rewriting", ("1/x",)).right == []
    assert school_text({}) == "0"
    assert read_expression(school_text({(("x", 1),): Fraction(-1, 2), (): Fraction(3)})) == read_expression("-x/2 + 3")


def test_the_environment_is_registered():
    assert gym.make("prm_gym/Algebra-v0").reset(seed=0)[0]
