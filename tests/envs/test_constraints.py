from collections import Counter
from itertools import product

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.claims import Assignment, Malformed
from prm_gym.csp import AllDifferent, Count, Is, Linear, Problem, Solver, Table, scope
from prm_gym.envs.logic.constraints import LEVELS, ConstraintsEnv, generate
from prm_gym.errors import OptionError


def label(env, action):
    return env.step(action)[4]["verdicts"]["constraint"].label


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_problem_has_as_many_solutions_as_its_level_says_and_needs_several_constraints(difficulty):
    level, kinds = LEVELS[difficulty], Counter()
    for entropy in range(15):
        puzzle = generate(entropy, level)
        solutions = list(Solver(puzzle.problem).solutions())
        assert min(2, level.solutions) <= len(solutions) <= level.solutions
        assert {atom.variable: atom.value for atom in puzzle.solution} in solutions
        assert len(puzzle.problem.constraints) >= 3
        assert {name for constraint in puzzle.problem.constraints for name in scope(constraint)} <= {variable.name for variable in puzzle.problem.variables}
        kinds.update(type(constraint) for constraint in puzzle.problem.constraints)
    assert {Table, Linear} <= set(kinds)
    assert difficulty < 4 or {AllDifferent, Count} <= set(kinds)


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_labels_are_those_of_all_solutions(difficulty):
    env, seen = ConstraintsEnv(difficulty=difficulty), Counter()
    for seed in range(10):
        env.reset(seed=seed)
        solutions = list(Solver(env._puzzle.problem).solutions())
        done = []
        for step in env.solution():
            left = [s for s in solutions if all(s[name] == value for name, value in done)]
            here = env.snapshot()
            for variable in env._puzzle.problem.variables:
                for value in variable.domain if variable.name not in dict(done) else ():
                    having = sum(s[variable.name] == value for s in left)
                    found = label(env, f"{variable.name} = {value}")
                    assert found == ("incorrect" if not having else "correct" if having == len(left) else "neutral")
                    seen[found] += 1
                    env.restore(here)
            env.step(step)
            done.append((step[0], int(step[-1])))
    assert seen["correct"] > 20
    assert seen["incorrect"] > 20
    assert (seen["neutral"] > 20) is (difficulty > 1)


def test_any_solution_is_worth_1_and_what_breaks_a_constraint_0():
    env, outcomes = ConstraintsEnv(difficulty=2), Counter()
    for seed in range(3):
        env.reset(seed=seed)
        names = [variable.name for variable in env._puzzle.problem.variables]
        solutions = [tuple(s[name] for name in names) for s in Solver(env._puzzle.problem).solutions()]
        for values in product((1, 2, 3), repeat=len(names)):
            env.reset(seed=seed)
            for name, value in zip(names, values, strict=True):
                _, _, terminated, _, info = env.step(f"{name} = {value}")
            assert (terminated, info["outcome"]) == (True, float(values in solutions))
            outcomes[info["outcome"]] += 1
    assert outcomes[1.0] >= 6


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("", "form"),
        ("a", "form"),
        ("a = 1, b = 2", "form"),
        ("a = 1\nb = 2", "form"),
        ("a = ١", "form"),
        ("а = 1", "form"),  # a Cyrillic letter
        ("a = -1", "form"),
        ("z = 1", "no variable z"),
        ("a = 9", "no variable a has the value 9"),
        ("a = 0", "no variable a has the value 0"),
        ("a=" * 5000, "form"),
    ],
)
def test_what_is_no_step_changes_nothing_and_says_why(action, says):
    env = ConstraintsEnv()
    env.reset(seed=0)
    before = env.situation
    assert label(env, action) == "malformed"
    assert env.situation == before
    assert says in env.past_steps[-1].claims[0].reason


def test_a_value_stays_and_the_state_is_what_is_assigned_in_any_order():
    env = ConstraintsEnv(difficulty=3)
    env.reset(seed=2)
    first, second, *_ = env.solution()
    env.step(first)
    assert label(env, f"{first[0]} is 1") == "malformed"
    assert "has a value" in env.past_steps[-1].claims[0].reason
    env.step(second)
    one = env.situation
    claim = env.past_steps[-1].claims[0]
    assert claim == Assignment(env._puzzle.problem, (Is(first[0], int(first[-1])),), second[0], int(second[-1]))
    env.reset(seed=2)
    env.step(second)
    env.step(f"{first[0].upper()}={first[-1]}.")
    assert env.situation == one
    other = ConstraintsEnv(difficulty=3)
    other.restore(env.snapshot())
    assert (other.situation, other.solution()) == (one, env.solution())
    assert msgspec.convert(env.task.metadata["problem"], Problem) == env._puzzle.problem


@pytest.mark.parametrize("difficulty", LEVELS)
def test_candidates_list_every_value_of_some_variables_and_shortcuts_stay_low(difficulty):
    rng = np.random.default_rng(0)
    for choose in (lambda a: a[int(rng.integers(len(a)))], lambda a: a[0], min, max):
        outcomes = []
        for seed in range(60):
            env = ConstraintsEnv(difficulty=difficulty, verifiers=[])
            _, info = env.reset(seed=seed)
            while info["outcome"] is None:
                listed = Counter(action[0] for action in info["actions"])
                assert set(listed.values()) == {LEVELS[difficulty].values}
                info = env.step(choose(info["actions"]))[4]
            outcomes.append(info["outcome"])
        assert np.mean(outcomes) <= 0.15


@pytest.mark.parametrize("difficulty", LEVELS)
def test_honest_play_earns_more_than_padding_repetition_and_stalling(difficulty, earned):
    env = ConstraintsEnv(difficulty=difficulty, reward="dense")

    for seed in range(5):
        env.reset(seed=seed)
        solution = env.solution()
        honest = earned(env, solution, seed)
        assert honest >= 1.0
        for actions in ([solution[0]] * 3 + solution[1:], solution[:-1] + ["hm"] * env.max_steps, [solution[0]] * env.max_steps, ["hm"] * env.max_steps):
            assert earned(env, actions, seed) < honest


def test_options_that_cannot_be_honoured():
    for options in ({"difficulty": 0}, {"candidates": 3}):
        with pytest.raises(OptionError):
            ConstraintsEnv(**options)
    with pytest.raises(OptionError):
        ConstraintsEnv().reset(options={"x": 1})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=30) | st.text(alphabet="abcd123 =:", max_size=6), max_size=6))
def test_no_text_raises_and_claims_are_of_two_kinds(actions):
    env = ConstraintsEnv(difficulty=3)
    env.reset(seed=0)
    for action in actions[:4]:
        env.step(action)
        assert isinstance(env.past_steps[-1].claims[0], Malformed | Assignment)
