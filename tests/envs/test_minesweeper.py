from collections import Counter
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.claims import Malformed, Safest
from prm_gym.csp import Is, census
from prm_gym.envs.logic.minesweeper import LEVELS, Field, MinesweeperEnv, board_text, generate, knowledge
from prm_gym.errors import OptionError


def around(field, cell):
    row, column = divmod(cell, field.columns)
    return [
        r * field.columns + c
        for r in range(max(0, row - 1), min(field.rows, row + 2))
        for c in range(max(0, column - 1), min(field.columns, column + 2))
        if (r, c) != (row, column)
    ]


def slow_risks(field, opened):
    """Every way to lay the mines under the hidden cells that agrees with the digits, counted one by one."""
    hidden = [cell for cell in range(field.rows * field.columns) if cell not in opened]
    digits = {cell: sum(other in field.mines for other in around(field, cell)) for cell in opened}
    total, mines = 0, Counter()
    for chosen in combinations(hidden, len(field.mines)):
        laid = set(chosen)
        if all(sum(other in laid for other in around(field, cell)) == digit for cell, digit in digits.items()):
            total += 1
            mines.update(chosen)
    return {cell: Fraction(mines[cell], total) for cell in hidden}


def label(env, action):
    return env.step(action)[4]["verdicts"]["posterior"].label


@pytest.mark.parametrize("difficulty", [1, 2])
def test_probabilities_and_labels_are_those_of_counting_one_by_one(difficulty):
    seen = Counter()
    for entropy in range(8):
        field = generate(entropy, LEVELS[difficulty])
        env = MinesweeperEnv(difficulty=difficulty)
        env.reset(seed=0)
        opened, rng = field.start, np.random.default_rng(entropy)
        for _ in range(3):
            risks = slow_risks(field, opened)
            counted = census(knowledge(field, opened))
            assert {cell: counted.probability(Is(field.name(cell), 1)) for cell in risks} == risks
            for cell, risk in risks.items():
                env._field, env._open, env._running = field, opened, True
                verdict = env.step(f"open {field.name(cell)}")[4]["verdicts"]["posterior"]
                assert verdict.label == ("correct" if risk == min(risks.values()) else "incorrect")
                assert verdict.evidence["probability"] == str(risk)
                env.reset(seed=0)
                seen[verdict.label, cell in field.mines] += 1
            safe = sorted(field.safe - opened)
            opened |= {safe[int(rng.integers(len(safe)))]}
            if opened >= field.safe:
                break
    assert min(seen["correct", False], seen["incorrect", False], seen["incorrect", True]) > 10


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_board_keeps_its_level_and_the_solution_is_sound_all_the_way(difficulty):
    level, env = LEVELS[difficulty], MinesweeperEnv(difficulty=difficulty)
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        field = env._field
        assert len(field.mines) == level.mines
        assert not field.start & field.mines
        assert observation.startswith(f"mines: {level.mines}\n")
        steps = env.solution()
        assert len(steps) == len(field.safe - field.start)
        for step in steps:
            _, _, terminated, _, info = env.step(step)
            verdict = info["verdicts"]["posterior"]
            if level.certain:
                assert (verdict.label, verdict.evidence["probability"]) == ("correct", "0")
        assert (terminated, info["outcome"], info["actions"]) == (True, 1.0, ())


# A mine in the corner of 3x3, the rest open but for two cells beside it: r1c1 is the mine.
FIELD = Field(3, 3, frozenset({0, 8}), frozenset({1, 2, 4, 5}))


def env_of(field, **options):
    env = MinesweeperEnv(**options)
    env.reset(seed=0)
    env._field, env._open = field, field.start
    env._situation = env._describe(env.task)
    return env


def test_the_observation():
    assert board_text(FIELD, FIELD.start) == "mines: 2\n    1 2 3\nr1  # 1 .\nr2  # 2 1\nr3  # # #"


def test_luck_is_no_merit_and_bad_luck_no_fault():
    # One mine in each of r1c1, r2c1 by r1c2 = 1; of the five hidden cells two are mines, the other in r3c2, r3c3 by r2c3 = 1: r3c1 is safe.
    risks = slow_risks(FIELD, FIELD.start)
    assert risks == {0: Fraction(1, 2), 3: Fraction(1, 2), 6: 0, 7: Fraction(1, 2), 8: Fraction(1, 2)}
    env = env_of(FIELD)
    _, _, terminated, _, info = env.step("open r2c1")  # no mine, but a risk, and r3c1 had none
    assert (terminated, info["verdicts"]["posterior"].label) == (False, "incorrect")
    blind = Field(2, 3, frozenset({2}), frozenset({0, 1, 3, 4}))
    env = env_of(blind)
    _, _, terminated, _, info = env.step("open r1c3")  # one mine in two cells that nothing tells apart
    assert (terminated, info["outcome"], info["verdicts"]["posterior"].label) == (True, 0.0, "correct")
    assert info["verdicts"]["posterior"].evidence == {"probability": "1/2", "least": "1/2", "candidates": 2, "as_safe": 2}


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("", "form"),
        ("r1c1", "form"),
        ("open", "form"),
        ("open r1c1 r2c1", "form"),
        ("open r1c1\nopen r2c1", "form"),
        ("open r١c1", "form"),
        ("open r1c999", "form"),
        ("open r0c1", "3 rows"),
        ("open r1c4", "3 columns"),
        ("open r4c1", "3 rows"),
        ("open r1c2", "is open"),
        ("open " * 3000, "form"),
    ],
)
def test_what_is_no_step_changes_nothing_and_says_why(action, says):
    env = env_of(FIELD)
    before = env.situation
    assert label(env, action) == "malformed"
    assert env.situation == before
    assert says in env.past_steps[-1].claims[0].reason


def test_neither_observation_nor_state_before_the_end_depends_on_the_mines_that_are_not_seen_through_digits():
    other = FIELD._replace(mines=frozenset({3, 7}))
    assert board_text(FIELD, FIELD.start) == board_text(other, FIELD.start)
    assert knowledge(FIELD, FIELD.start) == knowledge(other, FIELD.start)


def test_candidates():
    counts = Counter()
    for difficulty in LEVELS:
        env = MinesweeperEnv(difficulty=difficulty)
        for seed in range(4):
            env.reset(seed=seed)
            for step in env.solution()[:5]:
                actions = env.situation.actions
                assert len(actions) == len(set(actions)) <= 12
                here, labels = env.snapshot(), Counter()
                for action in actions:
                    labels[label(env, action)] += 1
                    env.restore(here)
                assert labels["correct"] >= 1
                assert labels["malformed"] == 1
                counts += labels
                env.step(step)
    assert set(counts) == {"correct", "incorrect", "malformed"}


@pytest.mark.parametrize("difficulty", LEVELS)
def test_shortcuts_stay_low(difficulty):
    rng = np.random.default_rng(0)
    for choose in (lambda a: a[int(rng.integers(len(a)))], lambda a: a[0], lambda a: a[-1], min, max):
        outcomes = []
        for seed in range(40):
            env = MinesweeperEnv(difficulty=difficulty, verifiers=[])
            _, info = env.reset(seed=seed)
            while info["outcome"] is None:
                info = env.step(choose(info["actions"]))[4]
            outcomes.append(info["outcome"])
        assert np.mean(outcomes) <= 0.1


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_honest_play_earns_more_than_padding_repetition_and_stalling(difficulty, earned):
    env = MinesweeperEnv(difficulty=difficulty, reward="dense")

    for seed in range(4):
        env.reset(seed=seed)
        solution = env.solution()
        honest = earned(env, solution, seed)
        assert honest == pytest.approx(1 + 0.45 * len(solution) / env.max_steps)
        mine = f"open {env.task.sealed['mines'][0]}"
        for actions in ([solution[0]] * 3 + solution[1:], solution[:-1] + ["hm"] * env.max_steps, [*solution[:-1], mine], [mine], solution[:1] * env.max_steps):
            assert earned(env, actions, seed) < honest


def test_snapshots_and_options():
    env = MinesweeperEnv(difficulty=3)
    env.reset(seed=1)
    env.step(env.solution()[0])
    other = MinesweeperEnv(difficulty=3)
    other.restore(env.snapshot())
    assert (other.situation, other.solution()) == (env.situation, env.solution())
    for options in ({"difficulty": 9}, {"candidates": 1}):
        with pytest.raises(OptionError):
            MinesweeperEnv(**options)
    with pytest.raises(OptionError):
        env.reset(options={"x": 1})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=30) | st.text(alphabet="open r12345c", max_size=12), max_size=6))
def test_no_text_raises_or_wins(actions):
    env = MinesweeperEnv(difficulty=1)
    env.reset(seed=0)
    for action in actions:
        _, reward, terminated, truncated, _ = env.step(action)
        assert reward == 0.0
        assert isinstance(env.past_steps[-1].claims[0], Malformed | Safest)
        if terminated or truncated:
            break
