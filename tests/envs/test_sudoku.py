from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.claims import Assignment, Malformed
from prm_gym.csp import Is, shared_solver
from prm_gym.envs.logic.sudoku import LEVELS, Puzzle, SudokuEnv, _digits_left, cell_name, generate, grid_text, possible_digits, problem
from prm_gym.errors import OptionError
from prm_gym.task import content_key


def rows_columns_boxes(box, grid):
    """Every unit of a grid by a second reading: two nested loops."""
    height, width = box
    size = height * width
    at = lambda r, c: grid[r * size + c]  # noqa: E731
    for i in range(size):
        yield [at(i, c) for c in range(size)]
        yield [at(r, i) for r in range(size)]
        yield [at(r, c) for r, c in product(range(size), repeat=2) if (r // height, c // width) == (i // width * width // width, i % (size // width))]


def solved(box, grid):
    return all(sorted(unit) == list(range(1, box[0] * box[1] + 1)) for unit in rows_columns_boxes(box, grid))


def count_solutions(box, grid):
    """By plain backtracking over the digits that clash with nothing."""
    empty = [place for place, digit in enumerate(grid) if not digit]
    if not empty:
        return 1
    place = min(empty, key=lambda cell: len(possible_digits(box, grid, cell)))
    total = 0
    for digit in possible_digits(box, grid, place):
        total += count_solutions(box, [*grid[:place], digit, *grid[place + 1 :]])
        if total > 1:
            break
    return total


def label(env, action):
    return env.step(action)[4]["verdicts"]["constraint"].label


@pytest.fixture
def env():
    env = SudokuEnv(difficulty=1, reward="dense")
    env.reset(seed=0)
    return env


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_puzzle_has_one_solution_and_keeps_its_level(difficulty):
    level = LEVELS[difficulty]
    for entropy in range(12):
        puzzle = generate(entropy, level)
        assert solved(level.box, puzzle.solution)
        assert all(digit in (0, right) for digit, right in zip(puzzle.given, puzzle.solution, strict=True))
        assert count_solutions(level.box, list(puzzle.given)) == 1
        assert level.blanks - 4 <= puzzle.given.count(0) <= level.blanks
        assert filled_by_singles(puzzle) is level.singles


def filled_by_singles(puzzle):
    """By a second reading: cells with one digit left, and digits with one cell left in a row, column or box."""
    size, grid = puzzle.size, list(puzzle.given)
    units = list(rows_columns_boxes(puzzle.box, list(range(size**2))))
    changed = True
    while changed:
        changed = False
        for unit, digit in product(units, range(1, size + 1)):
            places = [place for place in unit if not grid[place] and digit in possible_digits(puzzle.box, grid, place)]
            if len(places) == 1 and digit not in [grid[place] for place in unit]:
                grid[places[0]], changed = digit, True
        for place in range(size**2):
            if not grid[place] and len(possible_digits(puzzle.box, grid, place)) == 1:
                grid[place], changed = possible_digits(puzzle.box, grid, place)[0], True
    return 0 not in grid


def test_forced_is_entailment_the_same_for_every_digit_as_trying_out():
    seen = Counter()
    for difficulty, entropy in ((1, 3), (2, 4), (5, 5)):
        puzzle = generate(entropy, LEVELS[difficulty])
        solver = shared_solver(problem(puzzle.box, puzzle.given))
        places = [place for place, digit in enumerate(puzzle.given) if not digit][:12]
        for place, digit in product(places, range(1, puzzle.size + 1)):
            finding = solver.examine((), Is(cell_name(place, puzzle.size), digit))
            filled = [*puzzle.given[:place], digit, *puzzle.given[place + 1 :]]
            clashes = digit not in possible_digits(puzzle.box, puzzle.given, place)
            right = not clashes and count_solutions(puzzle.box, filled) == 1
            assert finding.status == ("forced" if right else "impossible")
            assert finding.reason.startswith("it breaks") is clashes
            seen[finding.status, finding.by] += 1
    # At the highest difficulty some digits take search, forced ones and impossible ones.
    assert set(seen) == set(product(("forced", "impossible"), ("propagation", "search")))


def test_a_solved_grid_is_worth_1(env):
    steps = env.solution()
    for step in steps:
        _, reward, terminated, _, info = env.step(step)
        assert info["verdicts"]["constraint"].label == "correct"
        assert info["verdicts"]["constraint"].evidence["by"] == "propagation"
    assert (terminated, info["outcome"], info["actions"]) == (True, 1.0, ())
    assert reward == 1.0 + 0.45 / env.max_steps


def test_a_wrong_digit_stays_and_nothing_can_be_won_any_more(env):
    steps = env.solution()
    cell, right = steps[0].split(" = ")
    wrong = f"{cell} = {int(right) % 4 + 1}"
    before = env.situation.state_key
    assert label(env, wrong) == "incorrect"
    assert env.situation.state_key != before
    assert label(env, steps[0]) == "malformed"  # the cell is filled
    for step in steps[1:]:
        _, reward, terminated, _, info = env.step(step)
        assert info["verdicts"]["constraint"].label == "vacuous"
        assert reward < 0
    assert (terminated, info["outcome"]) == (True, 0.0)


def test_the_claim_is_the_puzzle_and_what_has_been_filled_in(env):
    first, second, *_ = env.solution()
    env.step(first)
    env.step(second)
    claim = env.past_steps[-1].claims[0]
    cell, digit = first.split(" = ")
    assert claim.assigned == (Is(cell, int(digit)),)
    assert claim.problem == problem((2, 2), env._puzzle.given)
    assert len(claim.problem.constraints) == 12
    assert not claim.follows


def test_the_observation_shows_the_boxes():
    assert grid_text((2, 2), (1, 2, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 4)) == ("r1  1 2 | . .\nr2  . . | . .\n    ----+----\nr3  3 . | . .\nr4  . . | . 4")


@pytest.mark.parametrize("form", ["{0}={1}", "R{0[1]}C{0[3]} = {1}", " {0} : {1} ", "{0} is {1}.", "(r{0[1]}, c{0[3]}) = {1}"])
def test_ways_to_write_one_step(env, form):
    cell, digit = env.solution()[0].split(" = ")
    assert label(env, form.format(cell, digit)) == "correct"


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("", "form"),
        ("r1c1", "form"),
        ("3", "form"),
        ("r1c1 = 1 r1c2 = 2", "form"),
        ("r1c1 = 1\nr1c2 = 2", "form"),
        ("r1c1 = 12", "form"),
        ("r1c1 = -1", "form"),
        ("r1c1 = ٣", "form"),
        ("r1c1 = ²", "form"),
        ("r１c1 = 1", "form"),
        ("r1c1 = 0", "from 1 to 4"),
        ("r0c1 = 1", "from 1 to 4"),
        ("r5c1 = 1", "from 1 to 4"),
        ("r1c1 = 5", "from 1 to 4"),
        ("r1c1 = " + "1" * 10_000, "form"),
        ("r" * 10_000, "form"),
    ],
)
def test_what_is_no_step_changes_nothing_and_says_why(env, action, says):
    before = env.situation
    assert label(env, action) == "malformed"
    assert env.situation == before
    assert says in env.past_steps[-1].claims[0].reason


def test_a_given_digit_cannot_be_restated(env):
    given = [(place, digit) for place, digit in enumerate(env._puzzle.given) if digit]
    for place, digit in given:
        assert label(env, f"{cell_name(place, 4)} = {digit}") == "malformed"
        env.reset(seed=0)


def test_candidates_hold_right_and_wrong_digits_of_the_same_cells():
    counts = Counter()
    for difficulty in LEVELS:
        env = SudokuEnv(difficulty=difficulty)
        for seed in range(4):
            _, info = env.reset(seed=seed)
            assert len(set(info["actions"])) == 12
            cells = Counter(action.split(" ")[0] for action in info["actions"])
            assert max(cells.values()) == 3
            here, labels = env.snapshot(), Counter()
            for action in info["actions"]:
                labels[label(env, action)] += 1
                env.restore(here)
            assert labels["correct"] >= 3
            counts += labels
    assert set(counts) == {"correct", "incorrect"}
    assert 0.3 < counts["correct"] / counts.total() < 0.5
    assert [len(SudokuEnv(candidates=count).reset(seed=0)[1]["actions"]) for count in (0, 1, 5)] == [0, 1, 5]


@pytest.mark.parametrize("difficulty", LEVELS)
def test_shortcuts_stay_low(difficulty):
    """Without looking at the grid: at random, the first and last listed, the digit that is listed most, always the cell that is listed least."""
    rng = np.random.default_rng(0)

    def rarest(actions):
        cells = Counter(action.split(" ")[0] for action in actions)
        return min(actions, key=lambda action: cells[action.split(" ")[0]])

    def commonest(actions):
        digits = Counter(action[-1] for action in actions)
        return max(actions, key=lambda action: digits[action[-1]])

    ways = {"random": lambda a: a[int(rng.integers(len(a)))], "first": lambda a: a[0], "last": lambda a: a[-1], "rarest": rarest, "commonest": commonest}
    for name, choose in ways.items():
        outcomes = []
        for seed in range(40):
            env = SudokuEnv(difficulty=difficulty, verifiers=[])
            _, info = env.reset(seed=seed)
            while info["outcome"] is None:
                info = env.step(choose(info["actions"]))[4]
            outcomes.append(info["outcome"])
        assert np.mean(outcomes) <= 0.1, name


@pytest.mark.parametrize("difficulty", LEVELS)
def test_honest_play_earns_more_than_padding_repetition_and_stalling(difficulty, earned):
    env = SudokuEnv(difficulty=difficulty, reward="dense")
    for seed in range(3):
        env.reset(seed=seed)
        solution = env.solution()
        honest = earned(env, solution, seed)
        cell, digit = solution[-1].split(" = ")
        plans = {
            "repeats": [solution[0]] * 4 + solution[1:],
            "stalls": solution[:-1] + ["hm"] * env.max_steps,
            "wrong at last": [*solution[:-1], f"{cell} = {int(digit) % env._puzzle.size + 1}"],
            "wrong at first": [f"{cell} = {int(digit) % env._puzzle.size + 1}", *solution[:-1]],
            "restates": ["r1c1 = 1"] * env.max_steps,
        }
        for name, actions in plans.items():
            assert earned(env, actions, seed) < honest, name


def test_the_state_is_the_grid_whatever_the_order():
    env = SudokuEnv(difficulty=2)
    env.reset(seed=1)
    first, second, *_ = env.solution()
    env.step(first)
    env.step(second)
    one = env.situation
    env.reset(seed=1)
    env.step(second)
    env.step(first)
    assert env.situation == one
    saved = env.snapshot()
    other = SudokuEnv(difficulty=2)
    other.restore(saved)
    assert (other.situation, other.solution()) == (one, env.solution())


def test_options_that_cannot_be_honoured():
    for options in ({"difficulty": 6}, {"difficulty": "1"}, {"candidates": 65}, {"candidates": -1}):
        with pytest.raises(OptionError):
            SudokuEnv(**options)
    with pytest.raises(OptionError):
        SudokuEnv().reset(options={"task_index": 1})
    assert Puzzle((2, 3), (), ()).size == 6


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=30) | st.text(alphabet="r123456c =:.", max_size=9), max_size=6))
def test_no_text_raises_or_wins(actions):
    env = SudokuEnv(difficulty=2)
    env.reset(seed=0)
    for action in actions:
        assert env.step(action)[1] == 0.0
        assert isinstance(env.past_steps[-1].claims[0], Malformed | Assignment)


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_claims_and_keys_are_those_of_the_grid_however_it_was_filled(difficulty):
    # What is kept from step to step, against what the grid says: the filled cells in the order of the grid, and the key of all its digits.
    env, rng = SudokuEnv(difficulty=difficulty, verifiers=[]), np.random.default_rng(difficulty)
    for seed in range(3):
        env.reset(seed=seed)
        puzzle = generate(env.save_state()["entropy"], LEVELS[difficulty])
        size, grid = puzzle.size, list(puzzle.given)
        assert env.task.key == content_key("Sudoku-v0", *map(str, (*puzzle.box, *puzzle.given)))
        for place in rng.permutation([place for place, digit in enumerate(grid) if not digit]).tolist():
            assert _digits_left(puzzle.box, grid) == {cell: tuple(possible_digits(puzzle.box, grid, cell)) for cell, digit in enumerate(grid) if not digit}
            if rng.random() < 0.3:
                env.restore(env.snapshot())
            before = tuple(Is(cell_name(cell, size), digit) for cell, digit in enumerate(grid) if digit and not puzzle.given[cell])
            grid[place] = int(rng.integers(1, size + 1)) if rng.random() < 0.1 else puzzle.solution[place]
            _, _, ended, _, info = env.step(f"{cell_name(place, size)} = {grid[place]}")
            (claim,) = env.past_steps[-1].claims
            assert claim == Assignment(problem(puzzle.box, puzzle.given), before, cell_name(place, size), grid[place])
            assert info["state_key"] == content_key(env.task.key, *map(str, grid))
        assert ended
