import json
import re
import subprocess
import sys
import time

import gymnasium as gym
import pytest

pytest.importorskip("reasoning_gym")

from prm_gym.claims import Equality, Malformed, ReasoningGymAnswer
from prm_gym.envs.adapters.reasoning_gym import ReasoningGymEnv, read_action
from prm_gym.errors import MissingExtraError, OptionError

# Legs of a few of the animals that the package names; from a field guide, not from the package.
LEGS = {"dog": 4, "spider": 8, "bee": 6, "chicken": 2, "snake": 0, "scorpion": 8, "cow": 4, "ant": 6, "human": 2, "elephant": 4}


def _env(**options):
    return ReasoningGymEnv(**{"verifiers": [], **options})


def _begun(index=0, **options):
    env = _env(**options)
    env.reset(seed=0, options={"task_index": index})
    return env


def _outcome(env, answer, index=0):
    env.reset(seed=0, options={"task_index": index})
    _, reward, terminated, _, info = env.step(f"<answer>{answer}</answer>")
    assert terminated
    assert info["valid"]
    assert reward == info["outcome"]
    return info["outcome"]


# Actions.


@pytest.mark.parametrize(
    ("action", "thought", "answer"),
    [
        ("answer: 24", "", "24"),
        (" Final Answer : 24 ", "", "24"),
        ("so 24.\nanswer: 24", "so 24.", "24"),
        ("answer:\n1 2\n3 4\n", "", "1 2\n3 4"),
        ("answer:", "", ""),
        ("<answer> 24 </answer>", "", "24"),
        ("I think <answer>23</answer>, no: <ANSWER>24</ANSWER> it is", "I think <answer>23</answer>, no:", "24"),
        ("<answer>1\n2</answer>", "", "1\n2"),
        ("answer: 23 <answer>24</answer>", "answer: 23", "24"),
        ("the answer: 24", "the answer: 24", None),
        ("answer 24", "answer 24", None),
        ("<answer>24", "<answer>24", None),
        ("<answer>1<answer>2</answer>", "", "1<answer>2"),  # as in the package
        ("</answer>x<answer>2</answer></answer>", "</answer>x", "2"),
        ("answers: 24", "answers: 24", None),
        (" 2 + 2 = 4 ", "2 + 2 = 4", None),
    ],
)
def test_actions(action, thought, answer):
    assert read_action(action) == (thought, answer)


@pytest.mark.parametrize("text", ["<answer>" * 2_000, "<answer></answer>" * 950, " \t" * 8_000 + "answer", "final " * 2_700, "\n answer" * 2_000])
def test_reading_takes_time_in_proportion_to_the_length(text):
    started = time.process_time()
    read_action(text)
    assert time.process_time() - started < 0.1  # a quadratic reader takes seconds


def test_tags_are_read_as_the_package_reads_them():
    from reasoning_gym.utils import extract_answer

    for text in (
        "<answer>1</answer>",
        "a <answer> 1 </answer> b <answer>2</answer>",
        "<answer>1<answer>2</answer>3</answer>",
        "<answer>1",
        "<answer>\n1\n2\n</answer>",
    ):
        assert read_action(text)[1] == extract_answer(text)


def test_an_episode():
    env = _begun(verifiers=["arithmetic", "reasoning_gym"])
    question = env.task.question
    observation, reward, terminated, _, info = env.step("3 * 4 = 12 and 2 * 8 = 17")
    assert observation == f"{question}\n\n1. 3 * 4 = 12 and 2 * 8 = 17"
    assert (reward, terminated, info["outcome"]) == (0.0, False, None)
    assert env.past_steps[-1].claims == (Equality("3*4", "12", rounded=True), Equality("2*8", "17", rounded=True))
    assert info["verdicts"]["arithmetic"].label == "incorrect"
    assert info["verdicts"]["reasoning_gym"].status == "abstain"
    observation, reward, terminated, _, info = env.step("That is all.\n" + env.solution()[0])
    assert observation.startswith(f"{question}\n\n1. 3 * 4 = 12 and 2 * 8 = 17\n2. That is all.\nanswer: ")
    assert (reward, terminated, info["outcome"]) == (1.0, True, 1.0)
    assert info["verdicts"]["reasoning_gym"].label == "correct"
    claim = env.past_steps[-1].claims[-1]
    assert isinstance(claim, ReasoningGymAnswer)
    assert claim.dataset == "leg_counting"


@pytest.mark.parametrize("action", ["", " \n", "...", "=", "\0", "—"])
def test_what_is_no_step(action):
    env = _begun()
    before = env.situation
    _, reward, terminated, _, _ = env.step(action)
    assert (reward, terminated, env.situation) == (0.0, False, before)
    assert isinstance(env.past_steps[-1].claims[0], Malformed)


def test_situations_are_told_apart_by_what_was_thought_and_answered():
    keys = []
    for actions in (["a"], ["b"], ["a", "b"], ["b", "a"], ["answer: a"], ["answer: b"], ["a", "answer: b"], ["ab"], [" a "]):
        env = _begun()
        for action in actions:
            env.step(action)
        keys.append(env.situation.state_key)
    assert keys.pop() == keys[0]
    assert len(set(keys)) == len(keys)


# Tasks.


def test_the_sums_of_legs_are_right():
    checked = 0
    env = _env(config={"min_animals": 1, "max_animals": 2})
    for index in range(200):
        env.reset(seed=0, options={"task_index": index})
        animals = re.findall(r"(\d+) ([a-z ]+?)s?(?=[,?])", env.task.question.split("if you have")[1])
        if all(name in LEGS for _, name in animals):
            total = sum(int(count) * LEGS[name] for count, name in animals)
            assert env.solution() == [f"answer: {total}"]
            checked += 1
    assert checked >= 3


@pytest.mark.parametrize("dataset", ["leg_counting", "chain_sum", "sudoku", "syllogism", "acre", "word_sorting"])
def test_entries_are_those_of_the_package(dataset):
    from reasoning_gym import create_dataset

    theirs = create_dataset(dataset, seed=77, size=50)
    env = _env(dataset=dataset, data_seed=77, size=50)
    for index in (0, 1, 49):
        env.reset(seed=0, options={"task_index": index})
        assert env.task.question == theirs[index]["question"]
        assert env.solution() == [f"answer: {theirs[index]['answer']}"]
        metadata = json.loads(env.task.sealed["entry"])["metadata"]
        assert metadata == json.loads(json.dumps(theirs[index]["metadata"]))


def test_a_task_is_drawn_or_chosen():
    env = _env(size=30)
    assert env.task_count == 30
    drawn = {env.reset(seed=seed)[1]["task_key"] for seed in range(60)}
    assert len(drawn) > 15
    listed = {env.reset(seed=0, options={"task_index": index})[1]["task_key"] for index in range(30)}
    assert drawn <= listed
    for options in ({"task_index": 30}, {"task_index": -1}, {"task_index": "1"}, {"index": 1}):
        with pytest.raises(OptionError):
            env.reset(seed=0, options=options)


def test_an_entry_without_a_known_answer_that_can_be_read_is_passed_over():
    # In about a tenth of these the package's own answer is the unevaluated integral, which restates the question; and its scorer takes it.
    env = _env(dataset="intermediate_integration", size=60)
    passed = 0
    for index in range(20):
        env.reset(seed=0, options={"task_index": index})
        assert "Integral" not in env.solution()[0]
        passed += env.task.metadata["index"] != index
    assert passed > 0


def test_a_composite_draws_from_its_parts():
    parts = [{"name": "chain_sum", "weight": 1.0, "config": {"min_terms": 2, "max_terms": 2}}, {"name": "word_sorting", "weight": 1.0}]
    env = _env(dataset="composite", config={"datasets": parts}, size=40)
    seen = set()
    for index in range(40):
        env.reset(seed=0, options={"task_index": index})
        seen.add(env.task.metadata["dataset"])
        assert _outcome(env, env.task.sealed["answer"], index) == 1.0
    assert seen == {"chain_sum", "word_sorting"}


def test_difficulty_is_the_level_of_the_curriculum():
    # Levels 1, 2 and 3 of chain_sum have up to 2, 3 and 4 terms of up to 4 digits by the package's own table.
    from reasoning_gym.factory import create_curriculum

    counts = []
    for level in (1, 4):
        curriculum = create_curriculum("chain_sum")
        curriculum.set_global_level(level - 1)
        most = curriculum.generate_configuration({"seed": 0}).max_terms
        env = _env(dataset="chain_sum", difficulty=level)
        terms = [len(json.loads(_started(env, index).task.sealed["entry"])["metadata"]["expression"].split()[::2]) for index in range(20)]
        assert max(terms) == most
        counts.append(max(terms))
    assert counts[0] < counts[1]


def _started(env, index):
    env.reset(seed=0, options={"task_index": index})
    return env


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dataset": "coin_flip"}, "not served: its scorer pays the full score for the answer '0'"),
        ({"dataset": "rush_hour"}, "it has no known answer"),
        ({"dataset": "leg_countin"}, "Did you mean 'leg_counting'"),
        ({"dataset": "composite"}, "a composite needs config="),
        ({"dataset": "composite", "config": {"datasets": [{"name": "puzzle24"}]}}, "not served"),
        ({"dataset": "composite", "config": {"datasets": [{"name": "composite"}]}}, "no composite"),
        ({"dataset": "composite", "config": {"datasets": [{"name": "chain_sum", "config": {"seed": 1}}]}}, "option of the environment: data_seed"),
        ({"dataset": "composite", "config": {"datasets": [{"name": "chain_sum"}]}, "difficulty": 1}, "a composite has no curriculum"),
        ({"config": {"seed": 1}}, "option of the environment: data_seed"),
        ({"config": {"no_such_option": 1}}, "no_such_option"),
        ({"config": {"min_animals": 5, "max_animals": 2}}, "max_animals"),
        ({"config": {"min_animals": {1, 2}}}, "JSON values"),
        ({"difficulty": 0}, "difficulty must be an integer from 1"),
        ({"difficulty": 37}, "difficulty is one of 1 to 36 for this data set"),
        ({"dataset": "gsm_symbolic", "difficulty": 1}, "No curriculum registered"),
        ({"size": 0}, "size must be an integer from 1"),
        ({"dataset": "acre", "size": 10_001}, "size must be an integer from 1 to 10,000"),
        ({"data_seed": -1}, "data_seed must be"),
        ({"datasets": "chain_sum"}, "Did you mean 'dataset'"),
    ],
)
def test_options_that_cannot_be_honoured(options, says):
    with pytest.raises(OptionError, match=says):
        _env(**options)


def test_a_seed_gives_the_same_episode_whatever_the_hash_seed():
    program = """
import sys, gymnasium as gym, prm_gym
for name in ("knight_swap", "word_ladder", "polynomial_multiplication"):
    print(gym.make("prm_gym/ReasoningGym-v0", dataset=name, verifiers=[]).reset(seed=4)[1]["task_key"])
assert not {"reasoning_gym", "sympy"} & set(sys.modules), "the package belongs into the workers"
"""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env={"PYTHONHASHSEED": "99", "PATH": ""}, capture_output=True, text=True, timeout=120, check=True)
    here = [
        gym.make("prm_gym/ReasoningGym-v0", dataset=name, verifiers=[]).reset(seed=4)[1]["task_key"]
        for name in ("knight_swap", "word_ladder", "polynomial_multiplication")
    ]
    assert done.stdout.split() == here


# Outcomes.


def test_answers_that_know_nothing_earn_nothing():
    for dataset in ("leg_counting", "fraction_simplification", "countdown", "sentence_reordering", "tower_of_hanoi", "complex_arithmetic", "number_sorting"):
        env = _begun(dataset=dataset)
        for answer in ("", "0", "x", "nan", "[NaN]", "()", env.task.question, "1/2 " * 50):
            assert _outcome(env, answer) == 0.0, (dataset, answer)


def test_partial_scores_count_unless_they_are_not_to():
    gold = _begun(dataset="sentence_reordering").task.sealed["answer"].split()
    half = " ".join([*gold[: len(gold) // 2], *["x"] * (len(gold) - len(gold) // 2)])
    expected = (len(gold) // 2) / len(gold)
    assert _outcome(_env(dataset="sentence_reordering"), half) == pytest.approx(expected)
    assert _outcome(_env(dataset="sentence_reordering", exact=True), half) == 0.0
    assert _outcome(_env(dataset="sentence_reordering", exact=True), " ".join(gold)) == 1.0


def test_a_board_that_is_almost_right_is_wrong_where_any_board_is_almost_right():
    # In the game of life most cells die: the scorer pays a board of dead cells for every one of them.
    env = _begun(dataset="game_of_life")
    board = json.loads(env.task.sealed["answer"])
    assert _outcome(env, json.dumps([[0] * len(row) for row in board])) == 0.0
    assert _outcome(env, json.dumps(board)) == 1.0


def test_an_answer_that_breaks_the_scorer_is_a_lost_episode_and_no_spoilt_one():
    # The scorer raises at what is no number.
    assert _outcome(_env(dataset="prime_factorization"), "x") == 0.0


@pytest.mark.slow
def test_an_answer_that_hangs_the_scorer_is_a_lost_episode_and_no_spoilt_one():
    env = _env(dataset="simple_integration", verifiers=["reasoning_gym"])
    env.reset(seed=0, options={"task_index": 0})
    name = json.loads(env.task.sealed["entry"])["metadata"]["variable"]
    _, reward, terminated, truncated, info = env.step(f"answer: ({name}+1)**100*({name}+2)**100*({name}+3)**100")
    assert (reward, terminated, truncated, info["outcome"], info["valid"]) == (0.0, True, False, 0.0, True)
    assert (info["verdicts"]["reasoning_gym"].status, info["verdicts"]["reasoning_gym"].score) == ("timeout", None)


def test_padding_earns_less_than_an_answer():
    # The most that a policy gets from equations that lead nowhere is step_weight = 0.45; the same equation again gets nothing.
    def total(actions):
        env = _begun(verifiers=["arithmetic", "reasoning_gym"], reward="dense")
        return sum(env.step(action)[1] for action in actions)

    honest = total(_begun().solution())
    assert honest > 1.0
    assert total([f"1 + {number} = {number + 1}" for number in range(15)] + ["answer: 1"]) < 0.45
    once = total(["1 + 1 = 2", "answer: 1"])
    assert total(["1 + 1 = 2"] * 15 + ["answer: 1"]) == pytest.approx(once)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'prm-gym\[reasoning-gym\]'"):
        gym.make("prm_gym/ReasoningGym-v0")
