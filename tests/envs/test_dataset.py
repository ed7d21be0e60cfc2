import json

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401 - registers the ids
from prm_gym.claims import Equality, FinalAnswer, Malformed
from prm_gym.envs.math.dataset import WRITTEN_LIMIT, MathDatasetEnv
from prm_gym.errors import ContractError, OptionError

EGGS = {
    "question": "Janet has 16 eggs, eats 3, bakes with 4, sells the rest at $2 each. What does she earn?",
    "answer": "16 - 3 - 4 = <<16-3-4=9>>9.\n9 * 2 = $18.\n#### 18",
}
SUM = {"problem": "What is $1+1$?", "solution": "We add.\n\nIt is $1+1=2$, so the answer is \\boxed{2}.", "level": "Level 1"}
PLAIN = {"question": "2 * 3?", "answer": "6"}


def _env(tmp_path, *rows, **options):
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows or (EGGS,)))
    env = MathDatasetEnv(tasks=path, **{"verifiers": ["arithmetic", "equivalence"], **options})
    env.reset(seed=0, options={"task_index": 0})
    return env


def _play(env, *actions):
    """The results of the last action, and its claims."""
    for action in actions:
        result = env.step(action)
    return *result, env.past_steps[-1].claims


def _label(info, verifier="arithmetic"):
    return info["verdicts"][verifier].label


def test_the_gold_solution_step_by_step(tmp_path):
    env = _env(tmp_path, reward="dense")
    assert env.solution() == ["16 - 3 - 4 = <<16-3-4=9>>9.", "9 * 2 = $18.", "#### 18"]
    observation, reward, *_, info, claims = _play(env, env.solution()[0])
    assert observation == f"{EGGS['question']}\n\n16 - 3 - 4 = <<16-3-4=9>>9."
    assert claims == (Equality("16-3-4", "9", rounded=True),)
    assert (_label(info), reward) == ("correct", pytest.approx(0.45 / 32))
    *_, terminated, _, info, claims = _play(env, *env.solution()[1:])
    assert terminated
    assert claims == (FinalAnswer("#### 18", "18", EGGS["question"]),)
    assert (info["outcome"], _label(info, "equivalence")) == (1.0, "correct")


def test_solutions_of_each_layout(tmp_path):
    env = _env(tmp_path, EGGS, SUM, PLAIN)
    assert env.task_count == 3
    env.reset(seed=0, options={"task_index": 1})
    assert env.task.metadata == {"level": "Level 1", "task_index": 1}
    assert env.solution() == ["We add.", "It is $1+1=2$, so the answer is \\boxed{2}."]
    env.reset(seed=0, options={"task_index": 2})
    assert env.solution() == [r"\boxed{6}"]
    assert _play(env, r"\boxed{6}")[4]["outcome"] == 1.0


def test_a_solution_that_states_its_answer_early_ends_there(tmp_path):
    row = {"question": "1 + 1?", "answer": "2", "solution": "The answer is 2.\nFor 1 + 1 = 2."}
    assert _env(tmp_path, row).solution() == ["The answer is 2.\nFor 1 + 1 = 2."]


def test_a_solution_that_states_another_answer_gives_way_to_the_gold_answer(tmp_path):
    assert _env(tmp_path, {"question": "1 + 1?", "answer": "2", "solution": "1 + 1 = 3.\n#### 3"}).solution() == [r"\boxed{2}"]


def test_a_solution_without_an_answer_is_ended_with_it(tmp_path):
    assert _env(tmp_path, {"question": "1 + 1?", "answer": "2", "solution": "1 + 1 = 2.\nDone."}).solution() == ["1 + 1 = 2.", "Done.", r"\boxed{2}"]


def test_a_long_solution_fits_into_the_step_limit(tmp_path):
    row = {"question": "?", "answer": "2", "solution": "\n".join(f"Line {place}." for place in range(9)) + "\n#### 2"}
    env = _env(tmp_path, row, max_steps=4)
    assert len(env.solution()) == 4
    assert _play(env, *env.solution())[4]["outcome"] == 1.0


def test_a_gold_answer_that_cannot_be_graded_is_told(tmp_path):
    with pytest.raises(ContractError, match="is not graded correct"):
        _env(tmp_path, {"question": "?", "answer": "}{" * 3_000}).solution()


@pytest.mark.parametrize(
    ("step", "label"),
    [
        ("She has 16 - 3 - 4 = 9 eggs.", "correct"),
        ("She has 16 - 3 - 4 = 10 eggs.", "incorrect"),
        ("First 16 - 3 = 13, then 13 - 4 = 8.", "incorrect"),
        ("A third is 16 / 3 = 5.33.", "neutral"),
        ("She has some eggs.", None),
        ("x = 16 - 3", None),
        ("9 = 9", None),  # says nothing
        ("1/0 = 4", "incorrect"),
    ],
)
def test_the_equations_of_a_step_are_judged(tmp_path, step, label):
    *_, terminated, _, info, _ = _play(_env(tmp_path), step)
    assert (terminated, _label(info)) == (False, label)


def test_a_true_equation_earns_once_and_a_false_one_is_false_again(tmp_path):
    env = _env(tmp_path, reward="dense")
    _, reward, *_, claims = _play(env, "16 - 3 = 13", "So 16 - 3 = 13, I say.")
    assert (reward, claims) == (0.0, ())
    assert _label(_play(env, "16 - 3 = 12", "16 - 3 = 12")[4]) == "incorrect"


def test_a_false_equation_leaves_the_outcome_alone(tmp_path):
    *_, info, _ = _play(_env(tmp_path), "16 - 3 = 99", "#### 18")
    assert info["outcome"] == 1.0


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ("#### 18", 1.0),
        ("She earns $18 a day, so the answer is \\boxed{18}.", 1.0),
        ("The answer is 18.", 1.0),
        ("answer: 18", 1.0),
        ("#### 18.0", 1.0),
        ("#### 17", 0.0),
        ("#### 17 or 18", 0.0),
        ("\\boxed{17} \\boxed{18}", 0.0),
        ("The answer is 17. #### 18", 0.0),
    ],
)
def test_a_step_that_states_an_answer_ends_the_episode(tmp_path, step, outcome):
    *_, terminated, _, info, claims = _play(_env(tmp_path), step)
    assert (terminated, info["outcome"]) == (True, outcome)
    assert claims[-1] == FinalAnswer(step, "18", EGGS["question"])


@pytest.mark.parametrize("step", ["18", "\\boxed{}", "She sells 18 of them."])
def test_what_states_no_answer_does_not_end_the_episode(tmp_path, step):
    assert not _play(_env(tmp_path), step)[2]


@pytest.mark.parametrize("text", ["", " \n ", "\0", "\u202e\u200f"])
def test_what_cannot_be_seen_is_no_step(tmp_path, text):
    env = _env(tmp_path)
    before = env.situation
    *_, claims = _play(env, text)
    assert isinstance(claims[0], Malformed)
    assert env.situation == before


def test_the_key_is_the_text_blanks_aside(tmp_path):
    one, other, third = _env(tmp_path), _env(tmp_path), _env(tmp_path)
    _play(one, "16 - 3 = 13.", "Then 9.")
    _play(other, "16 - 3  =  13.\nThen 9. ")
    _play(third, "16 - 3 = 13.", "Then 8.")
    assert one.situation.state_key == other.situation.state_key != third.situation.state_key
    assert one.situation.actions == ()


def test_a_whole_solution_in_one_step(tmp_path):
    env = _env(tmp_path, split="whole")
    assert env.solution() == [EGGS["answer"]]
    *_, terminated, _, info, _ = _play(env, env.solution()[0])
    assert (terminated, info["outcome"], _label(info)) == (True, 1.0, "correct")
    env.reset(seed=0)
    *_, terminated, _, info, _ = _play(env, "I do not know how to do that.\nReally not.")
    assert (terminated, info["outcome"], _label(info, "equivalence")) == (True, 0.0, "malformed")


def test_the_solution_is_bounded(tmp_path):
    env = _env(tmp_path, max_steps=100)
    while not isinstance(_play(env, "a" * 16_000)[-1][:1] and env.past_steps[-1].claims[0], Malformed):
        assert len(env.situation.observation) < 2 * WRITTEN_LIMIT
    assert len(env.situation.observation) <= WRITTEN_LIMIT + 1_000


def test_without_files_problems_are_generated():
    env = gym.make("prm_gym/MathDataset-v0", difficulty=4).unwrapped
    assert env.task_count is None
    for seed in range(5):
        env.reset(seed=seed)
        assert "Quantities" not in env.task.question
        steps = env.solution()
        assert len(steps) == 7  # six computations and the answer
        labels = [env.step(step)[4]["verdicts"]["sequence(arithmetic, equivalence)"].label for step in steps]
        assert labels == ["correct"] * 7
        assert env.past_steps[-1].claims[-1].gold == env.task.sealed["gold"]


def test_bad_rows_are_reported(tmp_path):
    env = _env(tmp_path, EGGS, {"question": "?"}, bad_rows="skip")
    assert env.task_count == 1
    assert len(env.skipped_rows) == 1
    assert "line 2" in env.skipped_rows[0]
    with pytest.raises(OptionError, match="line 2"):
        _env(tmp_path, EGGS, {"question": "?"})


def test_options_that_cannot_be_honoured(tmp_path):
    for options, says in (
        ({"split": "words"}, "split"),
        ({"fields": {"answr": "a"}}, "answer"),
        ({"difficulty": 9}, "difficulty"),
        ({"tasks": "none.txt"}, "none.txt"),
    ):
        with pytest.raises(OptionError, match=says):
            MathDatasetEnv(**options)
    env = _env(tmp_path)
    for options, says in (({"task_index": 1}, "0 to 0"), ({"task_index": "0"}, "integer"), ({"task": 0}, "task_index")):
        with pytest.raises(OptionError, match=says):
            env.reset(options=options)
    with pytest.raises(OptionError, match="make the environment with tasks"):
        MathDatasetEnv().reset(options={"task_index": 0})


def test_fields_of_other_names(tmp_path):
    env = _env(tmp_path, {"frage": "2 * 3?", "antwort": "6"}, fields={"question": "frage", "answer": "antwort"})
    assert (env.task.question, env.task.sealed["gold"]) == ("2 * 3?", "6")
