import json
import re
import subprocess
import sys
import warnings
from collections import Counter
from fractions import Fraction
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

import prm_gym  # noqa: F401 - registers the ids
from prm_gym.arithmetic import reachable
from prm_gym.claims import Equality, Malformed, Reachable
from prm_gym.env import ACTION_LENGTH
from prm_gym.envs.math import countdown
from prm_gym.envs.math.countdown import LEVELS, load_puzzles
from prm_gym.errors import ContractError, OptionError

FILE_24 = """Rank,Puzzles,AMT (s),Solved rate,1-sigma Mean (s),1-sigma STD (s)
1,1 1 4 6,4.4,99.20%,4.67,1.48
2,3 3 8 8,99.9,9.10%,4.68,1.45
3,1 2 3 4,5,99.00%,1,1
"""

# Side by side, so that each of the two can be looked at; the default is one after the other.
CountdownEnv = partial(countdown.CountdownEnv, verifiers=["arithmetic", "reachable"])


@pytest.fixture
def file_24(tmp_path):
    path = tmp_path / "24.csv"
    path.write_text(FILE_24)
    return path


def _env_of(tmp_path, numbers, target=24, **row_and_options):
    row = {"numbers": numbers, "target": target}
    if "integers_only" in row_and_options:
        row["integers_only"] = row_and_options.pop("integers_only")
    path = tmp_path / f"{'-'.join(map(str, numbers)).replace('/', '_')}.jsonl"
    path.write_text(json.dumps(row) + "\n")
    env = CountdownEnv(tasks=path, **row_and_options)
    env.reset(seed=0)
    return env


def _take(env, action):
    """Take a step; gives back its claims as well."""
    result = env.step(action)
    return *result, env.past_steps[-1].claims


def _labels(info):
    return info["verdicts"]["arithmetic"].label, info["verdicts"]["reachable"].label


# The contract.


def test_gymnasiums_own_checker_has_nothing_to_say():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make("prm_gym/Countdown-v0").unwrapped)


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_generated_task_keeps_its_level_and_its_solution_earns_1(difficulty):
    env, level = CountdownEnv(difficulty=difficulty), LEVELS[difficulty]
    for seed in range(20):
        observation, info = env.reset(seed=seed)
        target, numbers = re.fullmatch(r"target: (\d+)\nnumbers: ([\d ]+)", observation).groups()
        drawn = [int(number) for number in numbers.split()]
        assert drawn == sorted(drawn)
        assert len(drawn) == level.size
        assert level.numbers[0] <= drawn[0]
        assert drawn[-1] <= level.numbers[1]
        assert level.target[0] <= int(target) <= level.target[1]
        assert env.task.metadata["difficulty"] == difficulty
        assert env.task.metadata["integers_only"] is level.integers_only
        steps = env.solution()
        assert len(steps) == level.size - 1 <= env.max_steps
        for step in steps:
            _, reward, terminated, truncated, info = env.step(step)
            assert _labels(info) == ("correct", "correct")
        assert (reward, terminated, truncated, info["outcome"]) == (1.0, True, False, 1.0)
        assert info["actions"] == ()


def test_the_same_seed_is_the_same_episode_in_another_process():
    code = (
        "from prm_gym.envs.math.countdown import CountdownEnv\n"
        "env = CountdownEnv(difficulty=4)\n"
        "for seed in range(3):\n"
        "    observation, info = env.reset(seed=seed)\n"
        "    print(repr((observation, info['task_key'], info['state_key'], info['actions'], env.solution())))\n"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "77"}).stdout.splitlines()
    env = CountdownEnv(difficulty=4)
    for seed, line in enumerate(other):
        observation, info = env.reset(seed=seed)
        assert line == repr((observation, info["task_key"], info["state_key"], info["actions"], env.solution()))
    assert len(set(other)) == 3


def test_a_reset_without_seed_goes_on_to_other_tasks():
    env = CountdownEnv(difficulty=5, candidates=0)
    keys = [env.reset(seed=3)[1]["task_key"], *(env.reset()[1]["task_key"] for _ in range(4))]
    assert len(set(keys)) == 5


def test_observation_and_question_are_short_and_hold_nothing_sealed():
    env = CountdownEnv()
    observation, _info = env.reset(seed=0)
    shown = env.task.instructions + env.task.question + observation + json.dumps(env.task.metadata)
    assert not any(step in shown for step in env.solution())
    assert env.task.sealed == {"solution": env.solution()}


# Steps.


@pytest.mark.parametrize(
    ("action", "left"),
    [
        ("4 * 6 = 24", "4 * 6"),
        ("4*6=24", "4 * 6"),
        ("  4 × 6 = 24 \n", "4 * 6"),
        ("6 * 4 = 24", "6 * 4"),
        ("(4) * (6) = (24)", "4 * 6"),
        ("4.0 * 6 = 48/2", "4 * 6"),
        ("4 * 6 = 24 (left: 1 1 24)", "4 * 6"),
        ("4 * 6 = 24 (left: 24 1 1)", "4 * 6"),
        ("4 * 6 = 24(left:1 1 24.0)", "4 * 6"),
    ],
)
def test_ways_to_write_one_step(tmp_path, action, left):
    env = _env_of(tmp_path, [1, 1, 4, 6])
    observation, _, terminated, _, info, claims = _take(env, action)
    assert observation == "target: 24\nnumbers: 1 1 24"
    assert claims == (Equality(left, "24"), Reachable(("1", "1", "24"), "24"))
    assert _labels(info) == ("correct", "correct")
    assert not terminated


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("", "one equation"),
        ("4 * 6", "one equation"),
        ("4 * 6 = 24 = 24", "one equation"),
        ("4 * 6 = 24\n1 * 1 = 1", "one equation"),
        ("= 24", "cannot be read"),
        ("4 * 6 =", "cannot be read"),
        ("four * 6 = 24", "cannot be read"),
        ("4 ** 6 = 4096", "cannot be read"),
        ("4 * 6 = 24.", "cannot be read"),
        ("4 * 6 = 24 left: 1 1 24", "cannot be read"),
        ("4 * 6 = __import__('os')", "cannot be read"),
        ("4 * 6 = NaN", "cannot be read"),
        ("4 * 6 = 1e999", "cannot be read"),
        ("٤ * 6 = 24", "cannot be read"),
        ("4 / 0 = 24", "divided by zero"),
        ("4 / (1 - 1) = 24", "divided by zero"),
        ("24 = 4 * 6", "one operation on two numbers"),
        ("4 = 4", "one operation on two numbers"),
        ("4 * 6 * 1 = 24", "one operation on two numbers"),
        ("4 * 6 * 1 * 1 = 24", "one operation on two numbers"),
        ("(1 + 1) * 4 = 8", "one operation on two numbers"),
        ("4 * 6 = 24 * 1", "one number"),
        ("5 * 6 = 30", "5 is not left"),
        ("4 * 4 = 16", "4 is not left"),
        ("24 * 1 = 24", "24 is not left"),
        ("1 / 4/6 = 1/24", "1/4 is not left"),  # (1 / 4) / 6, as everywhere
        ("4 * 6 = 24 (left: 24)", "left: 1 1 24"),
        ("4 * 6 = 24 (left: 1 4 24)", "left: 1 1 24"),
        ("4 * 6 = 24 (left: 1 1 24", "left: 1 1 24"),
        ("4 * 6 = 24 (left: 1 1 24) so", "left: 1 1 24"),
        ("4 * 6 = 24 (left: 1 1 x)", "left: 1 1 24"),
        ("4 * 6 = " + "9" * 50, "too great"),
        ("4 * 6 = " + "9" * 5000, "cannot be read"),
        ("(" * 900 + "4 * 6 = 24", "cannot be read"),
        ("\x00\x1b[2J", "one equation"),
        ("🙂 = \udcff", "surrogates"),
        ("4 * 6 = 24" * ACTION_LENGTH, "characters"),
        ("=" * ACTION_LENGTH, "one equation"),
    ],
)
def test_what_is_no_step_changes_nothing_and_says_why(tmp_path, action, says):
    env = _env_of(tmp_path, [1, 1, 4, 6])
    before = (env.situation, env.save_state())
    _, _, terminated, truncated, info, claims = _take(env, action)
    assert (env.situation, env.save_state()) == before
    assert not terminated
    assert not truncated
    assert [type(claim) for claim in claims] == [Malformed]
    assert says in claims[0].reason
    assert len(claims[0].reason) < 300
    assert _labels(info) == ("malformed", "malformed")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=40) | st.text(alphabet="1234567890 =+-*/()×÷.,left:\n", max_size=40), max_size=5))
def test_no_text_raises_or_wins(actions):
    env = CountdownEnv(difficulty=3)
    env.reset(seed=0)
    for action in actions:
        assert env.step(action)[1] == 0.0


def test_a_number_may_be_used_as_often_as_it_is_there(tmp_path):
    env = _env_of(tmp_path, [4, 4, 8], 24)
    assert _take(env, "4 + 4 = 8")[0] == "target: 24\nnumbers: 8 8"


def test_the_hard_puzzle_is_played_with_fractions_in_parentheses_or_without(tmp_path):
    for second in ("3 - 8/3 = 1/3", "3 - (8/3) = 1/3", "3 - 8/3 = 2/6"):
        env = _env_of(tmp_path, [3, 3, 8, 8])
        assert _take(env, "8 / 3 = 8/3")[0] == "target: 24\nnumbers: 8/3 3 8"
        assert _take(env, second)[0] == "target: 24\nnumbers: 1/3 8"
        _, reward, terminated, _, info, _ = _take(env, "8 / (1/3) = 24")
        assert (reward, terminated, info["outcome"]) == (1.0, True, 1.0)
        assert _labels(info) == ("correct", "correct")


def test_negative_numbers_may_come_up_in_between(tmp_path):
    env = _env_of(tmp_path, [2, 5, 27])
    _take(env, "2 - 5 = -3")
    observation, reward, *_ = _take(env, "-3 + 27 = 24")
    assert (observation, reward) == ("target: 24\nnumbers: 24", 1.0)


def test_in_the_integer_game_every_result_must_be_a_positive_integer(tmp_path):
    env = _env_of(tmp_path, [2, 2, 5, 24], integers_only=True)
    for action in ("2 / 5 = 2/5", "2 - 5 = -3", "2 - 2 = 0", "5 / 2 = 2.5", "24 / 5 = 4.8"):
        assert isinstance(_take(env, action)[-1][0], Malformed)
    observation, *_, info, claims = _take(env, "5 / 2 = 2")  # a false equation whose result the rule allows
    assert observation == "target: 24\nnumbers: 2 2 24"
    assert claims == (Equality("5 / 2", "2"), Reachable((), "24", True))
    assert _labels(info) == ("incorrect", "incorrect")


def test_a_true_step_that_loses_is_right_as_arithmetic_and_out_of_reach(tmp_path):
    env = _env_of(tmp_path, [1, 1, 4, 6])
    assert not reachable((1, 1, Fraction(2, 3)), 24)
    assert _labels(_take(env, "4 / 6 = 2/3")[4]) == ("correct", "incorrect")


def test_the_wrong_number_in_the_end_is_worth_0(tmp_path):
    env = _env_of(tmp_path, [4, 6])
    _, reward, terminated, truncated, info, _ = _take(env, "4 + 6 = 10")
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, True, False, 0.0)
    assert _labels(info) == ("correct", "incorrect")


def test_an_episode_of_nothing_but_noise_is_truncated_without_outcome_1():
    env = CountdownEnv(max_steps=3)
    env.reset(seed=0)
    results = [env.step("hm") for _ in range(3)]
    assert [r[2:4] for r in results] == [(False, False), (False, False), (False, True)]
    assert results[-1][4]["outcome"] == 0.0
    with pytest.raises(gym.error.ResetNeeded):
        env.step("hm")


# False equations.


def test_a_false_equation_is_taken_as_it_claims_and_refuted_and_wins_nothing(tmp_path):
    env = _env_of(tmp_path, [1, 1, 4, 6])
    observation, _, terminated, _, info, claims = _take(env, "4 + 6 = 24")
    assert observation == "target: 24\nnumbers: 1 1 24"
    assert claims == (Equality("4 + 6", "24"), Reachable((), "24"))
    assert _labels(info) == ("incorrect", "incorrect")
    assert not terminated
    _, _, _, _, info, _ = _take(env, "1 * 1 = 1")
    assert _labels(info) == ("correct", "incorrect")  # verdicts on equations are local, the state stays lost
    _, reward, terminated, _, info, _ = _take(env, "24 * 1 = 24")
    assert (reward, terminated, info["outcome"]) == (0.0, True, 0.0)
    assert _labels(info) == ("correct", "incorrect")


@pytest.mark.parametrize(
    "actions",
    [
        ["1 + 1 = 24", "4 + 6 = 24", "24 / 24 = 24"],
        ["4 * 6 = 25", "25 - 1 = 24", "24 * 1 = 24"],  # the mistake is worth it
        ["4 * 6 = 23", "1 * 1 = 2", "23 + 2 = 24"],  # mistakes that cancel out
        ["4 * 6 = 24", "1 * 1 = 1", "24 + 1 = 24"],  # false at the last step
        ["4 * 6 = 24.0000000001", "1 * 1 = 1", "24.0000000001 * 1 = 24"],  # rounding
        ["4 + 6 = 9", "9 + 1 = 10", "10 + 1 = 24"],
    ],
)
def test_the_target_cannot_be_reached_by_a_false_equation(tmp_path, actions):
    env = _env_of(tmp_path, [1, 1, 4, 6])
    for action in actions:
        observation, reward, terminated, _, info = env.step(action)
    assert terminated
    assert observation == "target: 24\nnumbers: 24"
    assert (reward, info["outcome"]) == (0.0, 0.0)


def test_equations_are_compared_exactly_and_not_as_floats(tmp_path):
    env = _env_of(tmp_path, [1, 1, 4, 6])
    assert float("0.66666666666666666667") == 4 / 6
    *_, info, claims = _take(env, "4 / 6 = 0.66666666666666666667")
    assert claims[1] == Reachable((), "24")
    assert _labels(info) == ("incorrect", "incorrect")


def test_neither_observation_nor_candidates_show_that_an_equation_was_false_but_the_state_key_does(tmp_path):
    honest, lost = _env_of(tmp_path, [1, 2, 3, 4]), _env_of(tmp_path, [1, 2, 3, 4])
    seen = _take(honest, "1 * 2 = 2"), _take(lost, "1 + 2 = 2")
    assert seen[0][0] == seen[1][0] == "target: 24\nnumbers: 2 3 4"
    assert seen[0][4]["actions"] == seen[1][4]["actions"] != ()
    assert seen[0][4]["state_key"] != seen[1][4]["state_key"]
    rewards = []
    for env in (honest, lost):
        env.step("2 * 3 = 6")
        rewards.append(env.step("6 * 4 = 24")[1])
    assert rewards == [1.0, 0.0]


def _referee(numbers, target, integers_only, actions):
    """Whether the actions win, by a second reading: honest equations over numbers that are there, until the target alone is left."""
    left = Counter(Fraction(number) for number in numbers)
    number = r"\(?(-?\d+(?:/\d+)?)\)?"
    for action in actions:
        a, symbol, b, claimed = re.fullmatch(rf"{number} ([-+*/]) {number} = {number}", action).groups()
        a, b, claimed = Fraction(a), Fraction(b), Fraction(claimed)
        needed = Counter([a, b])
        if any(left[n] < count for n, count in needed.items()) or (integers_only and (claimed.denominator != 1 or claimed < 1)):
            continue  # no step
        true = a + b if symbol == "+" else a - b if symbol == "-" else a * b if symbol == "*" else a / b
        if true != claimed:
            return False
        left = left - needed + Counter([claimed])
    return left == Counter([Fraction(target)])


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_random_play_is_worth_what_a_second_referee_says(difficulty):
    rng = np.random.default_rng(difficulty)
    env, outcomes = CountdownEnv(difficulty=difficulty, verifiers=[]), Counter()
    for seed in range(120):
        _, info = env.reset(seed=seed)
        told = rng.random() < 0.5  # half of the episodes follow the solution most of the time
        plan, played, ended = env.solution(), [], False
        while not ended:
            action = plan.pop(0) if told and plan and rng.random() < 0.95 else str(rng.choice(info["actions"]))
            played.append(action)
            _, reward, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        facts = env.task.metadata
        won = terminated and _referee(facts["numbers"], facts["target"], facts["integers_only"], played)
        assert reward == info["outcome"] == float(won), played
        outcomes[won] += 1
    assert min(outcomes[True], outcomes[False]) > 10


# Candidates.


@pytest.mark.parametrize("difficulty", LEVELS)
def test_candidates_are_distinct_and_one_of_them_keeps_the_target_wherever_it_is_in_reach(difficulty):
    env = CountdownEnv(difficulty=difficulty)
    seen = Counter()
    for seed in range(6):
        _, info = env.reset(seed=seed)
        for step in env.solution():
            assert len(info["actions"]) == len(set(info["actions"])) == 12
            here, labels = env.snapshot(), []
            for action in info["actions"]:
                labels.append(_labels(env.step(action)[4]))
                env.restore(here)
            assert ("correct", "correct") in labels
            seen.update(labels)
            info = env.step(step)[4]
    assert set(seen) == {("correct", "correct"), ("correct", "incorrect"), ("incorrect", "incorrect"), ("malformed", "malformed")}
    assert min(seen.values()) > 0.05 * seen.total()


def test_the_same_state_has_the_same_key_and_candidates_by_any_way_and_from_any_task(tmp_path):
    ways = [([1, 2, 3, 4], "1 * 2 = 2"), ([1, 2, 3, 4], "2 / 1 = 2"), ([2, 3, 8, 2], "8 / 2 = 4")]
    found = set()
    for numbers, action in ways:
        observation, *_, info, _ = _take(_env_of(tmp_path, numbers), action)
        found.add((observation, info["state_key"], info["actions"]))
    assert len(found) == 1
    other_target = _take(_env_of(tmp_path, [1, 2, 3, 4], 9), "1 * 2 = 2")[4]
    other_rule = _take(_env_of(tmp_path, [1, 2, 3, 4], integers_only=True), "1 * 2 = 2")[4]
    assert len({other_target["state_key"], other_rule["state_key"], info["state_key"]}) == 3


def test_the_vector_form_steps_many_of_them():
    envs = gym.make_vec("prm_gym/Countdown-v0", num_envs=3, vectorization_mode="vector_entry_point", difficulty=1)
    envs.reset(seed=0)
    plans = [env.solution() for env in envs.unwrapped.envs]
    for step in range(2):
        _, rewards, terminated, _, _ = envs.step([plan[step] for plan in plans])
    assert rewards.tolist() == [1.0] * 3
    assert terminated.all()
    envs.close()


def test_malformed_steps_leave_key_and_candidates_alone():
    env = CountdownEnv()
    _, before = env.reset(seed=5)
    after = env.step("nothing")[4]
    assert (before["state_key"], before["actions"]) == (after["state_key"], after["actions"])


@pytest.mark.parametrize("count", [0, 1, 2, 5, 64])
def test_the_number_of_candidates(count):
    env = CountdownEnv(candidates=count, difficulty=2)
    _, info = env.reset(seed=1)
    assert len(info["actions"]) == count
    if count:
        here, labels = env.snapshot(), []
        for action in info["actions"]:
            labels.append(_labels(env.step(action)[4]))
            env.restore(here)
        assert ("correct", "correct") in labels


def test_where_no_move_is_allowed_no_candidate_is_listed(tmp_path):
    env = _env_of(tmp_path, [0, 0], integers_only=True)
    assert env.situation.actions == ()


# Snapshots.


def test_a_snapshot_brings_back_the_state_and_what_follows_also_into_another_environment():
    first, second = CountdownEnv(difficulty=3), CountdownEnv(difficulty=3)
    first.reset(seed=11)
    steps = first.solution()
    first.step(steps[0])
    saved = first.snapshot()
    rest = [first.step(step) for step in steps[1:]]
    second.restore(saved)
    assert [second.step(step) for step in steps[1:]] == rest
    assert rest[-1][1] == 1.0
    assert first.reset()[0] == second.reset()[0]


def test_a_snapshot_remembers_that_an_equation_was_false(tmp_path):
    env = _env_of(tmp_path, [1, 2, 3, 4])
    env.step("1 + 2 = 2")
    saved = env.snapshot()
    fresh = CountdownEnv()
    fresh.restore(saved)
    assert fresh.situation == env.situation
    fresh.step("2 * 3 = 6")
    assert fresh.step("6 * 4 = 24")[1] == 0.0


# Task files.


def test_the_public_layout_of_the_game_of_24(file_24):
    env = CountdownEnv(tasks=file_24)
    observation, info = env.reset(options={"task_index": 1})
    assert observation == "target: 24\nnumbers: 3 3 8 8"
    assert env.task.metadata["rank"] == 2
    assert env.task.metadata["integers_only"] is False
    assert env.solution() == ["8 / 3 = 8/3", "3 - (8/3) = 1/3", "8 / (1/3) = 24"]
    assert (env.task_count, CountdownEnv().task_count) == (3, None)
    again = CountdownEnv(tasks=str(file_24))
    assert again.reset(seed=99, options={"task_index": 1}) == (observation, info)  # whatever the seed


def test_a_seed_draws_a_task_of_the_file_and_all_come_up(file_24):
    env = CountdownEnv(tasks=file_24)
    assert env.reset(seed=4) == CountdownEnv(tasks=file_24).reset(seed=4)
    assert {env.reset(seed=seed)[0] for seed in range(40)} == {f"target: 24\nnumbers: {numbers}" for numbers in ("1 1 4 6", "3 3 8 8", "1 2 3 4")}


def test_json_lines_with_fractions_ranks_and_the_integer_rule(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text(
        '\ufeff{"numbers": [6, "1/2", 4], "target": "12", "rank": 7}\r\n\n{"numbers": [25, 4], "target": 100, "integers_only": true}\n', encoding="utf-8"
    )
    env = CountdownEnv(tasks=path)
    assert env.reset(options={"task_index": 0})[0] == "target: 12\nnumbers: 1/2 4 6"
    assert env.task.metadata["rank"] == 7
    env.reset(options={"task_index": np.int64(1)})
    assert env.task.metadata == {"numbers": ["4", "25"], "target": "100", "integers_only": True}
    assert "positive integer" in env.task.instructions


def test_a_task_without_solution_is_kept_and_says_so(tmp_path):
    env = _env_of(tmp_path, [1, 1, 1, 1])
    with pytest.raises(ContractError, match="no solution: Make 24 from 1 1 1 1"):
        env.solution()
    assert len(env.situation.actions) > 5
    assert {_labels(env.step("1 + 1 = 2")[4])} == {("correct", "incorrect")}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", "", "holds no puzzle"),
        ("a.csv", "Rank,Puzzles\n", "holds no puzzle"),
        ("a.csv", "Rank,Numbers\n1,1 1 4 6\n", "line 2: no value in a column 'Puzzles'; the columns are Rank, Numbers"),
        ("a.csv", "Rank,Puzzles\n1,1 1 4 6\nx,1 1 4 6\n", "line 3"),
        ("a.csv", "Rank,Puzzles\n1\n", "line 2: no value"),
        ("a.csv", "Rank,Puzzles\n1,1 1 four 6\n", "line 2: column 1: 'f'"),
        ("a.jsonl", '{"numbers": [1, 2], "target": 3}\nnonsense\n', "line 2"),
        ("a.jsonl", '{"numbers": [1, 2]}\n', "line 1: Object missing required field `target`"),
        ("a.jsonl", '{"numbers": [1, 2], "target": 3, "rnak": 1}\n', "unknown field `rnak`"),
        ("a.jsonl", '{"numbers": [1, 0.5], "target": 3}\n', "line 1"),
        ("a.jsonl", '{"numbers": [1, "1/0"], "target": 3}\n', "divided by zero"),
        ("a.jsonl", '{"numbers": [1], "target": 1}\n', "2 to 6 numbers, got 1"),
        ("a.jsonl", '{"numbers": [1, 2, 3, 4, 5, 6, 7], "target": 1}\n', "2 to 6 numbers, got 7"),
        ("a.jsonl", '{"numbers": [1, 12345678901234567890], "target": 1}\n', "too great"),
        ("a.jsonl", b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, name, content, says):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(OptionError, match=re.escape(says)) as caught:
        CountdownEnv(tasks=path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(OptionError, match=r"nowhere\.csv"):
        CountdownEnv(tasks=tmp_path / "nowhere.csv")
    with pytest.raises(OptionError, match="cannot be read"):
        load_puzzles(tmp_path)


# Options.


@pytest.mark.parametrize(
    "options",
    [
        {"difficulty": 0},
        {"difficulty": 6},
        {"difficulty": "2"},
        {"candidates": -1},
        {"candidates": 65},
        {"candidates": 1.5},
        {"dificulty": 2},
        {"max_steps": 0},
    ],
)
def test_options_that_cannot_be_honoured(options):
    with pytest.raises(OptionError):
        CountdownEnv(**options)


def test_reset_options_that_cannot_be_honoured(file_24):
    env = CountdownEnv(tasks=file_24)
    for index in (3, -1, "0", 1.0, None):
        with pytest.raises(OptionError, match="from 0 to 2"):
            env.reset(options={"task_index": index})
    with pytest.raises(OptionError, match="Did you mean 'task_index'"):
        env.reset(options={"task_idx": 0})
    with pytest.raises(OptionError, match="tasks=PATH"):
        CountdownEnv().reset(options={"task_index": 0})
