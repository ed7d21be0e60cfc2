import json
import subprocess
import sys
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.claims import Assignment, Malformed, Solution
from prm_gym.csp import And, Count, Iff, Implies, Is, Not, Or, Xor, shared_solver
from prm_gym.envs.logic.island import LEVELS, OTHER, Tables, generate, load_islands
from prm_gym.envs.logic.knights_and_knaves import KnightsAndKnavesEnv
from prm_gym.errors import OptionError

# A: B is a knave. B: A and C are of one kind. C: A is a knight and B is a knave. If B is a knave, A and C differ: C is no knight, for then A would be one, and
# no knave, for then A is a knight and C says what is true. So B is a knight, by B and C alone, C lies, and A is of C's kind.
ROW = {
    "quiz": "Who is who?",
    "names": ["Ann", "Bob", "Cleo"],
    "statements": "(('lying', 1), ('<=>', ('telling-truth', 0), ('telling-truth', 2)), ('and', ('telling-truth', 0), ('lying', 1)))",
    "solution": [False, True, False],
}


@pytest.fixture
def task_file(tmp_path):
    path = tmp_path / "people3.jsonl"
    path.write_text(json.dumps(ROW) + "\n\n" + json.dumps({**ROW, "quiz": "Again?", "index": 7}) + "\n")
    return path


@pytest.fixture
def env(task_file):
    env = KnightsAndKnavesEnv(tasks=task_file, reward="dense")
    env.reset(options={"task_index": 0})
    return env


def label(env, action):
    return env.step(action)[4]["verdicts"]["constraint"].label


def agrees(said, kinds):
    """Whether a statement is true: a second reading."""
    match said:
        case Is(name, kind):
            return kinds[name] == kind
        case Not(inner):
            return not agrees(inner, kinds)
        case And(inner):
            return all(agrees(part, kinds) for part in inner)
        case Or(inner):
            return any(agrees(part, kinds) for part in inner)
        case Implies(a, b):
            return agrees(b, kinds) or not agrees(a, kinds)
        case Iff(a, b):
            return agrees(a, kinds) == agrees(b, kinds)
        case Xor(a, b):
            return agrees(a, kinds) != agrees(b, kinds)
        case Count(inner, least, most):
            return least <= sum(agrees(part, kinds) for part in inner) <= most


@pytest.mark.parametrize("difficulty", LEVELS)
def test_every_generated_puzzle_has_one_solution_and_takes_steps_of_its_level(difficulty):
    for entropy in range(15):
        island = generate(entropy, LEVELS[difficulty])
        fitting = []
        for kinds in product(("knight", "knave"), repeat=len(island.names)):
            found = dict(zip(island.names, kinds, strict=True))
            if all(agrees(said, found) == (found[name] == "knight") for name, said in zip(island.names, island.statements, strict=True)):
                fitting.append(kinds)
        assert fitting == [island.kinds]
        assert max(len(step.cited) for step in island.deductions) == LEVELS[difficulty].most_cited < len(island.names) + (difficulty == 1)
        assert Tables(island.names, island.statements).derivation(island.most_cited - 1) is None


def test_the_truth_tables_and_the_solver_agree_on_what_follows():
    rng, seen = np.random.default_rng(0), Counter()
    for entropy in range(40):
        island = generate(entropy, LEVELS[1 + entropy % 5])
        tables, kinds = Tables(island.names, island.statements), dict(zip(island.names, island.kinds, strict=True))
        for _ in range(10):
            known = {name: kinds[name] for name in island.names if rng.random() < 0.3}
            cited = tuple(name for name in island.names if rng.random() < 0.4)
            for name in island.names:
                forced = tables.forced(name, tables.left(known, cited))
                for kind in ("knight", "knave"):
                    found = shared_solver(island.problem(cited)).examine([Is(*item) for item in known.items()], Is(name, kind))
                    assert found.status == ("possible" if forced is None else "forced" if forced == kind else "impossible")
                seen[forced] += 1
    assert min(seen.values()) > 100


def test_deductions_and_the_answer(env):
    assert label(env, "Ann is a knave because of Bob") == "incorrect"  # Bob may lie
    assert label(env, "Ann is a knight because of Ann, Bob") == "incorrect"
    assert label(env, "Ann is a knave because of Bob, Cleo") == "correct"
    assert label(env, "Ann is a knave because of Cleo") == "trivial"
    assert label(env, "Ann is a knight because of Cleo") == "incorrect"
    assert label(env, "bob is a KNIGHT, because of ann.") == "correct"  # Ann lies, so Bob is no knave
    observation, *_ = env.step("Cleo is a knave because of Bob and Ann")
    assert observation == "Who is who?\nnoted:\nAnn is a knave\nAnn is a knight\nBob is a knight\nCleo is a knave"
    _, reward, terminated, _, info = env.step("answer: Cleo is a knave, Ann is a knave and Bob is a knight.")
    assert (terminated, info["outcome"], info["verdicts"]["constraint"].label) == (True, 1.0, "correct")
    assert reward == 1.0 + 0.45 / env.max_steps


def test_claims_hold_the_cited_statements_and_sound_deductions_alone(env):
    env.step("Bob is a knave because of Ann")
    env.step("Ann is a knave because of Bob, Cleo")
    env.step("Bob is a knight because of Ann")
    claim = env.past_steps[-1].claims[0]
    assert claim.problem.constraints == (Iff(Is("Ann", "knight"), Is("Bob", "knave")),)
    assert claim.assigned == (Is("Ann", "knave"),)
    assert claim.follows
    env.step("answer: Ann is a knave, Bob is a knight, Cleo is a knave")
    assert env.past_steps[-1].claims == (
        Solution(
            env._island.problem(env._island.names), (Is("Ann", "knave"), Is("Bob", "knight"), Is("Cleo", "knave")), (Is("Ann", "knave"), Is("Bob", "knight"))
        ),
    )


def test_a_right_guess_is_worth_nothing(env):
    _, reward, terminated, _, info = env.step("answer: Ann is a knave, Bob is a knight, Cleo is a knave")
    assert (terminated, info["outcome"]) == (True, 0.0)
    assert reward < 0
    assert "has not been derived" in info["verdicts"]["constraint"].reason


def test_unsound_notes_are_no_premises(env):
    env.step("Cleo is a knight because of Bob")  # does not follow
    # With it, Ann would be a knight by Cleo's own statement.
    assert label(env, "Ann is a knight because of Cleo") == "incorrect"
    assert label(env, "Ann is a knave because of Bob, Cleo") == "correct"


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("", "not of the form"),
        ("Ann is a knight", "not of the form"),
        ("Ann is a knight because of", "not of the form"),
        ("Ann is a knight because of ,", "no islander ''"),
        ("Ann is a knight because of Zoe", "no islander 'Zoe'"),
        ("Zoe is a knight because of Ann", "no islander 'Zoe'"),
        ("Ann is a knight because of Ann Bob", "no islander 'Ann Bob'"),
        ("Ann is a knight because of Ann, Bob, Cleo, Dan", "no islander 'Dan'"),
        ("Ann is a knight because of Ann; Bob", "no islander"),
        ("Аnn is a knight because of Bob", "no islander"),  # a Cyrillic letter
        ("Ann is a knave because of Ann, Bob, Cleo", "at most 2"),
        ("Ann is a spy because of Bob", "not of the form"),
        ("Ann is a knight because of Bob\nBob is a knave because of Ann", "no islander"),
        ("answer:", "names everyone once"),
        ("answer: Ann is a knave", "of everyone"),
        ("answer: Ann is a knave, Ann is a knave, Bob is a knight", "names everyone once"),
        ("answer: Ann is a knave, Bob is a knight, Cleo is a knave, Dan is a knave", "names everyone once"),
        ("answer: everyone is a knave", "names everyone once"),
        ("because of " * 1000, "not of the form"),
        ("Ann is a knight because of " + "Bob, " * 3000, "islander"),
    ],
)
def test_what_is_no_step_changes_nothing_and_says_why(env, action, says):
    before = env.situation
    assert label(env, action) == "malformed"
    assert env.situation == before
    assert says in env.past_steps[-1].claims[0].reason


def test_citing_everyone_is_no_step_where_fewer_suffice():
    env = KnightsAndKnavesEnv(difficulty=5)
    for seed in range(5):
        env.reset(seed=seed)
        names = env.task.metadata["islanders"]
        assert label(env, f"{names[0]} is a knight because of {', '.join(names)}") == "malformed"
        assert "at most 4" in env.past_steps[-1].claims[0].reason


def test_the_state_key_is_that_of_the_notes_whatever_the_order_and_tells_sound_from_unsound(task_file):
    def key(*actions):
        env = KnightsAndKnavesEnv(tasks=task_file)
        env.reset(options={"task_index": 0})
        for action in actions:
            env.step(action)
        return env.situation.state_key, env.situation.observation

    first, second = "Ann is a knave because of Bob, Cleo", "Cleo is a knight because of Bob"
    assert key(first, second) == key(second, first) == key(second, first, first, second)
    (one, seen), (other, also) = key(first), key("Ann is a knave because of Bob")
    assert seen == also
    assert one != other
    assert key("Ann is a knave because of Bob", first) == key(first)


def test_candidates_depend_on_the_state_and_hold_something_sound_until_the_end():
    counts = Counter()
    for difficulty in LEVELS:
        env = KnightsAndKnavesEnv(difficulty=difficulty)
        for seed in range(10):
            env.reset(seed=seed)
            for step in env.solution():
                actions = env.situation.actions
                assert len(actions) == len(set(actions))
                here, labels = env.snapshot(), Counter()
                for action in actions:
                    labels[label(env, action)] += 1
                    env.restore(here)
                assert labels["correct"] >= 1
                counts += labels
                env.step(step)
    assert set(counts) == {"correct", "incorrect", "trivial"}
    assert min(counts.values()) > 0.05 * counts.total()


def play(env, choose):
    """The return, the outcome."""
    rewards = []
    while True:
        _, reward, terminated, truncated, info = env.step(choose(env.situation))
        rewards.append(reward)
        if terminated or truncated:
            return sum(rewards), info["outcome"]


@pytest.mark.parametrize("difficulty", LEVELS)
def test_shortcuts_stay_low(difficulty):
    """Without reading what the islanders say: at random, the first listed, the last listed, whatever is cited most."""
    rng = np.random.default_rng(0)
    ways = {
        "random": lambda s: s.actions[int(rng.integers(len(s.actions)))],
        "first": lambda s: s.actions[0],
        "last": lambda s: s.actions[-1],
        "longest": lambda s: max((a for a in s.actions if not a.startswith("answer")), key=len),
        "only answers": lambda s: next(a for a in s.actions if a.startswith("answer")),
    }
    for name, choose in ways.items():
        outcomes = []
        for seed in range(60):
            env = KnightsAndKnavesEnv(difficulty=difficulty, verifiers=[])
            env.reset(seed=seed)
            outcomes.append(play(env, choose)[1])
        assert np.mean(outcomes) <= 0.12, name


def test_no_form_of_statement_belongs_to_one_kind():
    shares = {}
    for entropy in range(600):
        island = generate(entropy, LEVELS[3])
        for said, kind in zip(island.statements, island.kinds, strict=True):
            shares.setdefault(type(said).__name__, []).append(kind == "knight")
            if isinstance(said, Is):
                shares.setdefault(f"says {said.value}", []).append(kind == "knight")
    assert min(len(kinds) for kinds in shares.values()) > 100
    for form, kinds in shares.items():
        assert 0.3 < np.mean(kinds) < 0.7, (form, np.mean(kinds))


@pytest.mark.parametrize("difficulty", LEVELS)
def test_honest_play_earns_more_than_padding_repetition_and_stalling(difficulty):
    for seed in range(5):
        env = KnightsAndKnavesEnv(difficulty=difficulty, reward="dense")
        env.reset(seed=seed)
        plan = env.solution()
        honest, _ = play(env, lambda _, plan=plan: plan.pop(0))
        solution, kinds = env.solution(), env.task.sealed["kinds"]
        wrong = solution[0].replace(f"is a {kinds[solution[0].split()[0]]}", f"is a {OTHER[kinds[solution[0].split()[0]]]}")
        plans = {
            "repeats": [solution[0]] * 3 + solution[1:],
            "repeats without end": [solution[0]] * env.max_steps,
            "never answers": solution[:-1] + [solution[0]] * env.max_steps,
            "first wrong, then right": [wrong, *solution],
            "right, wrong, right": [solution[0], wrong, *solution],
            "noise": ["hm"] * env.max_steps,
            "guess": solution[-1:],
        }
        for name, actions in plans.items():
            env.reset(seed=seed)
            queue = list(actions)
            earned = play(env, lambda _, queue=queue: queue.pop(0))[0]
            assert earned <= honest, name
            assert earned < honest or name == "repeats"  # which costs steps and nothing else


# Files.


def test_the_public_layout(task_file):
    env = KnightsAndKnavesEnv(tasks=task_file)
    observation, _ = env.reset(options={"task_index": 0})
    assert observation == "Who is who?"
    assert (env.task_count, KnightsAndKnavesEnv().task_count) == (2, None)
    assert env.task.sealed["kinds"] == {"Ann": "knave", "Bob": "knight", "Cleo": "knave"}
    for action in env.solution():
        _, reward, *_ = env.step(action)
    assert reward == 1.0
    assert {env.reset(seed=seed)[0] for seed in range(20)} == {"Who is who?", "Again?"}
    saved = env.snapshot()
    other = KnightsAndKnavesEnv(tasks=task_file)
    other.restore(saved)
    assert other.solution() == env.solution()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{", "line 1"),
        ({**ROW, "solution": [True, True, False]}, "1 solutions fit"),
        ({**ROW, "solution": [True]}, "one statement and one kind"),
        ({**ROW, "statements": "(('lying', 1), ('lying', 1), ('lying', 9))"}, "no statement"),
        ({**ROW, "statements": "__import__('os')"}, "line 1"),
        ({**ROW, "statements": "(" * 500}, "line 1"),
        ({**ROW, "statements": "(('telling-truth', 1), ('telling-truth', 2), ('telling-truth', 0))"}, "2 solutions fit"),
        ({**ROW, "names": ["Ann", "ann", "Bob"]}, "distinct names"),
        ({**ROW, "names": ["Ann", "B, C", "Bob"]}, "one word of letters"),
        ({"quiz": "?"}, "names"),
    ],
)
def test_a_line_that_is_no_puzzle_is_named(tmp_path, row, says):
    path = tmp_path / "bad.jsonl"
    path.write_text(row if isinstance(row, str) else json.dumps(row))
    with pytest.raises(OptionError, match=says) as raised:
        KnightsAndKnavesEnv(tasks=path)
    assert "line 1" in str(raised.value)


def test_options_that_cannot_be_honoured(task_file, tmp_path):
    (tmp_path / "empty.jsonl").write_text("\n")
    for options in ({"difficulty": 0}, {"difficulty": True}, {"candidates": 3}, {"tasks": tmp_path / "none.jsonl"}, {"tasks": tmp_path / "empty.jsonl"}):
        with pytest.raises(OptionError):
            KnightsAndKnavesEnv(**options)
    for env, options in (
        (KnightsAndKnavesEnv(), {"task_index": 0}),
        (KnightsAndKnavesEnv(tasks=task_file), {"task_index": 2}),
        (KnightsAndKnavesEnv(), {"x": 1}),
    ):
        with pytest.raises(OptionError):
            env.reset(options=options)
    assert load_islands(task_file)[0].most_cited == 2


def test_the_same_seed_is_the_same_puzzle_in_another_process():
    code = "from prm_gym.envs.logic.knights_and_knaves import KnightsAndKnavesEnv as E; e = E(difficulty=4); print(repr(e.reset(seed=5)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "3"})
    assert done.stdout.strip() == repr(KnightsAndKnavesEnv(difficulty=4).reset(seed=5))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=30) | st.text(alphabet="AnnBobCleo isaknightknavebecauseof,:answer&", max_size=60), max_size=5))
def test_no_text_raises_or_wins(actions):
    env = KnightsAndKnavesEnv(difficulty=1)
    env.reset(seed=0)
    for action in actions:
        assert env.step(action)[1] == 0.0
        assert isinstance(env.past_steps[-1].claims[0], Malformed | Assignment)


@pytest.mark.parametrize("difficulty", LEVELS)
def test_saying_both_kinds_of_everyone_without_reading_earns_next_to_nothing(difficulty):
    rng, earned = np.random.default_rng(0), []
    env = KnightsAndKnavesEnv(difficulty=difficulty, reward="dense")
    for seed in range(40):
        env.reset(seed=seed)
        names, most = env.task.metadata["islanders"], env.task.metadata["most_cited"]
        plan = []
        for name in names:
            cited = ", ".join(names[i] for i in rng.permutation(len(names))[:most])
            plan += [f"{name} is a {kind} because of {cited}" for kind in ("knight", "knave")]
        plan.append("answer: " + ", ".join(f"{name} is a {('knight', 'knave')[int(rng.integers(2))]}" for name in names))
        earned.append(play(env, lambda _, plan=plan: plan.pop(0))[0])
    assert np.mean(earned) < 0.15  # honest play earns more than 1
