from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.claims import Malformed, Progress
from prm_gym.envs.logic.sokoban import LEVELS, SokobanEnv, generate, numbered
from prm_gym.errors import OptionError
from prm_gym.planning import Sokoban
from prm_gym.planning.sokoban import board_text, parse_board

ROOM = "#######\n#     #\n# $@ .#\n#     #\n#######"  # the box is three pushes to the left of the goal; the player stands on the wrong side


def env_of(board, **options):
    env = SokobanEnv(reward="dense", **options)
    env.reset(seed=0)
    env.load_state([board])
    env._situation = env._describe()
    return env


def label(env, action):
    return env.step(action)[4]["verdicts"]["search"].label


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_board_is_solvable_in_its_number_of_pushes(difficulty):
    level = LEVELS[difficulty]
    for entropy in range(10):
        board, least = generate(entropy, level)
        assert level.pushes[0] <= least <= level.pushes[1]
        assert Sokoban().distance(board_text(board)) == least
        assert board.boxes.bit_count() == level.boxes
        assert not board.boxes & board.level.goals
    env = SokobanEnv(difficulty=difficulty)
    for seed in range(5):
        env.reset(seed=seed)
        steps = env.solution()
        assert len(steps) == env.task.sealed["least"]
        assert [label(env, step) for step in steps] == ["correct"] * len(steps)
        assert env.situation.actions == ()


def test_a_push_walks_around_the_box():
    env = env_of(ROOM)
    observation, *_ = env.step("push r3c3 right")
    assert observation == numbered("#######\n#     #\n# @$ .#\n#     #\n#######")
    claim = env.past_steps[-1].claims[0]
    assert claim == Progress("sokoban", ROOM, "#######\n#     #\n# @$ .#\n#     #\n#######", ())


def test_labels_and_distances():
    env = env_of(ROOM)
    info = env.step("Push R3C3 to the right.")[4]
    assert info["verdicts"]["search"].evidence == {"before": 3, "after": 2}
    assert label(env, "push r3c4 left") == "neutral"
    assert label(env, "push (r3, c3) right") == "trivial"  # only back to where it was
    assert label(env, "push r3c4 right") == "correct"
    assert label(env, "push r3c5 up") == "incorrect"  # along the wall it never comes down again
    assert label(env, "push r2c5 left") == "vacuous"


def test_a_deadlock_does_not_end_the_episode_and_is_not_shown():
    env = env_of(ROOM)
    _, _, terminated, truncated, info = env.step("push r3c3 up")
    assert (terminated, truncated, info["verdicts"]["search"].label) == (False, False, "incorrect")
    assert info["actions"] != ()


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("", "form"),
        ("right", "form"),
        ("push right", "form"),
        ("push r3c3", "form"),
        ("push r3c3 right right", "form"),
        ("push r3c3 right\npush r3c4 right", "form"),
        ("push r٣c3 right", "form"),
        ("push r999999999999c3 right", "form"),
        ("push r-3c3 right", "form"),
        ("push r0c0 right", "no box"),
        ("push r99c99 right", "no box"),
        ("push r3c4 right", "no box"),  # the player
        ("push r3c6 left", "no box"),  # the goal
        ("push r3c10 right", "no box"),
        ("push r2c10 right", "no box"),  # on the next row, if cells were counted through
        ("push " * 3000, "form"),
    ],
)
def test_what_is_no_step_changes_nothing_and_says_why(action, says):
    env = env_of(ROOM)
    before = env.situation
    assert label(env, action) == "malformed"
    assert env.situation == before
    assert says in env.past_steps[-1].claims[0].reason


def test_pushes_that_the_rules_forbid_change_nothing():
    for board, action in (
        ("#######\n#@$$ .#\n#    .#\n#######", "push r2c3 right"),  # another box behind it
        ("#######\n#@ $ .#\n#######", "push r2c4 left"),  # the player cannot get there
        ("#######\n#@   .#\n#    $#\n#######", "push r3c6 right"),  # a wall
        ("#######\n#@   .#\n#    $#\n#######", "push r3c6 up"),  # a wall where the player would stand
    ):
        env = env_of(board)
        assert label(env, action) == "malformed"
        assert "cannot be pushed there" in env.past_steps[-1].claims[0].reason
        assert env.save_state() == [board]


def test_the_state_key_is_that_of_the_boxes_and_of_where_the_player_can_walk():
    one, same, other = (
        "#######\n#@   .#\n#  $  #\n#     #\n#######",
        "#######\n#    .#\n#  $  #\n#    @#\n#######",
        "#######\n#@   .#\n# $   #\n#     #\n#######",
    )
    cut = "#######\n#  #@.#\n#  $  #\n#  #  #\n#######"
    env = [env_of(board).situation for board in (one, same, other, cut, cut.replace("@.", " .").replace("#  $", "#@ $"))]
    assert (env[0].state_key, env[0].actions) == (env[1].state_key, env[1].actions)
    assert len({situation.state_key for situation in env}) == 4


def test_a_snapshot_remembers_where_the_episode_has_been():
    env = env_of(ROOM)
    env.step("push r3c3 right")
    env.step("push r3c4 left")
    other = SokobanEnv(reward="dense")
    other.restore(env.snapshot())
    assert other.situation == env.situation
    assert label(other, "push r3c3 right") == "trivial"


def test_candidates_hold_a_push_on_a_shortest_way_and_others():
    counts = Counter()
    for difficulty in LEVELS:
        env = SokobanEnv(difficulty=difficulty)
        for seed in range(8):
            env.reset(seed=seed)
            for step in env.solution():
                actions = env.situation.actions
                assert len(actions) == len(set(actions)) <= 12
                here, labels = env.snapshot(), Counter()
                for action in actions:
                    labels[label(env, action)] += 1
                    env.restore(here)
                assert labels["correct"] >= 1
                counts += labels
                env.step(step)
    assert set(counts) == {"correct", "incorrect", "neutral", "malformed"}
    assert min(counts.values()) > 0.04 * counts.total()


@pytest.mark.parametrize("difficulty", [2, 3, 4, 5])
def test_shortcuts_stay_low(difficulty):
    """At random, the first listed, the last listed, always one direction if it is listed, the box that was pushed last."""
    rng = np.random.default_rng(0)
    ways = {"random": lambda a: a[int(rng.integers(len(a)))], "first": lambda a: a[0], "last": lambda a: a[-1]}
    ways |= {word: lambda a, word=word: next((x for x in a if x.endswith(word)), a[0]) for word in ("up", "right")}
    for name, choose in ways.items():
        outcomes = []
        for seed in range(60):
            env = SokobanEnv(difficulty=difficulty, verifiers=[])
            _, info = env.reset(seed=seed)
            while info["outcome"] is None:
                info = env.step(choose(info["actions"] or ("",)))[4]
            outcomes.append(info["outcome"])
        assert np.mean(outcomes) <= 0.1, name


def test_going_back_and_forth_earns_nothing(earned):
    env = env_of(ROOM, max_steps=40)
    back_and_forth = ["push r3c3 right", "push r3c4 left"] * 20
    shuttle = earned(env, back_and_forth)
    assert shuttle == 0.45 / 40  # the first push, and nothing for the others
    honest = earned(env_of(ROOM, max_steps=40), ["push r3c3 right", "push r3c4 right", "push r3c5 right"])
    detour = earned(env_of(ROOM, max_steps=40), [*back_and_forth[:10], "push r3c3 right", "push r3c4 right", "push r3c5 right"])
    assert shuttle < detour == pytest.approx(honest)


@pytest.mark.parametrize("difficulty", LEVELS)
def test_honest_play_earns_more_than_padding_repetition_and_stalling(difficulty, earned):
    env = SokobanEnv(difficulty=difficulty, reward="dense")
    for seed in range(5):
        env.reset(seed=seed)
        solution = env.solution()
        honest = earned(env, solution)
        for actions in (["hm", *solution], solution[:-1] + ["hm"] * env.max_steps, ["hm"] * env.max_steps, solution[:1] * env.max_steps):
            env.reset(seed=seed)
            assert earned(env, actions) < honest
        for walk in range(10):  # any walk that ends in the goal
            rng = np.random.default_rng(walk)
            _, info = env.reset(seed=seed)
            total = 0.0
            while info["outcome"] is None:
                _, reward, _, _, info = env.step(info["actions"][int(rng.integers(len(info["actions"])))] if info["actions"] else "")
                total += reward
            assert total <= honest + 1e-9


def test_options_that_cannot_be_honoured():
    for options in ({"difficulty": 0}, {"candidates": 2}):
        with pytest.raises(OptionError):
            SokobanEnv(**options)
    with pytest.raises(OptionError):
        SokobanEnv().reset(options={"level": 1})
    assert parse_board(ROOM).level.width == 7


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=30) | st.text(alphabet="push r123456c updownleftright", max_size=20), max_size=6))
def test_no_text_raises_or_wins(actions):
    env = SokobanEnv(difficulty=3)
    env.reset(seed=0)
    for action in actions:
        assert env.step(action)[1] == 0.0
        assert isinstance(env.past_steps[-1].claims[0], Malformed | Progress)
