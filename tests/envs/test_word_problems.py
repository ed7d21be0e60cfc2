import random
import re
from fractions import Fraction

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401 - registers the ids
from prm_gym.arithmetic import evaluate
from prm_gym.claims import Consequence, Equality, Malformed
from prm_gym.envs.math.word_forms import FORMS, computed
from prm_gym.envs.math.word_mistakes import _CONFUSED, candidates
from prm_gym.envs.math.word_problem_generator import LEVELS, Definition, WordProblem, generate, solution_lines
from prm_gym.envs.math.word_problems import WordProblemsEnv, _problem_of, _task
from prm_gym.envs.math.word_stories import RELATIONS, STORIES
from prm_gym.errors import OptionError

# 12 red pens, 3 times as many blue ones: 36; half as many caps as blue pens: 18; together 54.
# The 7 mugs are idle, and so are they and the red pens together (19).
PENS = WordProblem(
    text=(
        "There are 12 red pens. There are 3 times as many blue pens as red pens. There are half as many old caps as blue pens. There are as many big boxes as "
        "blue pens and old caps together. There are 7 tea mugs. There are as many gift bags as tea mugs and red pens together. What is the number of big "
        "boxes?\nQuantities: red_pens, blue_pens, old_caps, big_boxes, tea_mugs, gift_bags.\nFind: big_boxes"
    ),
    given=(("red_pens", Fraction(12)), ("tea_mugs", Fraction(7))),
    definitions=(
        Definition("blue_pens", "{0} * {1}", ("red_pens", "3")),
        Definition("old_caps", "{0} / 2", ("blue_pens",)),
        Definition("big_boxes", "{0} + {1}", ("blue_pens", "old_caps")),
        Definition("gift_bags", "{0} + {1}", ("tea_mugs", "red_pens")),
    ),
    goal="big_boxes",
    names=("red_pens", "blue_pens", "old_caps", "big_boxes", "tea_mugs", "gift_bags"),
    brought=(2,),
    story="shop",
)
SOLUTION = ["blue_pens = 12 * 3 = 36", "old_caps = 36 / 2 = 18", "big_boxes = 36 + 18 = 54", "answer 54"]


class PensEnv(WordProblemsEnv):
    """The problem above, always."""

    def begin(self, options):
        super().begin(options)
        task = _task(PENS, 2)
        self._set_problem(task)
        return task, self._describe(task)


BOTH = ["arithmetic", "algebra"]
DEFAULT = "sequence(arithmetic, algebra)"


def _env(**options):
    env = PensEnv(**{"verifiers": BOTH, **options})
    env.reset(seed=0)
    return env


def _play(env, *actions):
    """The results of the last action, and its claims."""
    for action in actions:
        result = env.step(action)
    return *result, env.past_steps[-1].claims


def _labels(info):
    return tuple(info["verdicts"][name].label for name in ("arithmetic", "algebra"))


def test_the_solution_is_right_in_every_step():
    env = _env(reward="dense")
    assert env.solution() == SOLUTION
    for action in SOLUTION[:-1]:
        _, reward, terminated, _, info, _ = _play(env, action)
        assert _labels(info) == ("correct", "correct")
        assert (terminated, reward) == (False, pytest.approx(0.45 / env.max_steps))
    *_, info, claims = _play(env, SOLUTION[-1])
    assert info["outcome"] == 1.0
    assert info["verdicts"]["algebra"].label == "correct"
    assert [type(claim) for claim in claims] == [Consequence]


def test_the_default_verifier_finds_the_solution_right():
    env = _env(verifiers=None)
    assert [env.step(action)[4]["verdicts"][DEFAULT].label for action in SOLUTION] == ["correct"] * 4


def test_what_a_line_claims():
    *_, claims = _play(_env(), SOLUTION[0], "old_caps = blue_pens / 2 = 36 / 2 = 18")
    given = ("red_pens = 12", "blue_pens = red_pens * 3", "old_caps = blue_pens / 2")
    assert claims == (Equality("36/2", "18"), Consequence(given, "old_caps = 18"))


def test_what_is_seen():
    env = _env()
    observation, *_ = _play(env, "blue_pens = 12 * 3 = 36")
    assert observation == f"{PENS.text}\nnoted:\nblue_pens = 36"


@pytest.mark.parametrize(
    "line",
    [
        "blue_pens = 12 * 3 = 36",
        "BLUE_PENS=12*3=36",
        "blue_pens = red_pens * 3 = 12 * 3 = 36",
        "blue_pens = red_pens × 3 = 36",
        "blue_pens = 12 + 12 + 12 = 24 + 12 = 36",  # 24 is the result of a part of the first side
        "blue_pens = (12 * 3) = 36.0",
        "  blue_pens = 12 * 3 = 72/2  ",
    ],
)
def test_ways_to_write_a_right_line(line):
    env = _env()
    *_, info, claims = _play(env, line)
    assert "malformed" not in _labels(info)
    assert info["verdicts"]["algebra"].label == "correct"
    assert not isinstance(claims[0], Malformed)
    assert _play(env, *SOLUTION[1:])[4]["outcome"] == 1.0


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("blue_pens = 36", "a line is a quantity, a computation"),
        ("blue_pens = 36 = 36", "36 is neither given nor computed"),
        ("blue_pens = 12 = 12", "does not say how blue_pens is computed"),
        ("blue_pens = red_pens = 36", "does not say how"),
        ("blue_pens = 12 * 5 = 60", "5 is neither given nor computed"),
        ("blue_pens = 30 + 6 = 36", "is neither given nor computed"),
        ("blue_pens = 12 * 3", "a line is a quantity"),
        ("blue_pens = 12 * 3 = 12 * 3", "ends in its result"),
        ("blue_pens = 12 * 3 = 3 * 12 + 0", "ends in its result"),
        ("old_caps = blue_pens / 2 = 18", "blue_pens has no amount yet"),
        ("red_pens = 3 * 12 = 36", "red_pens is given"),
        ("green_pens = 12 * 3 = 36", "is none of the quantities"),
        ("36 = 12 * 3 = 36", "is none of the quantities"),
        ("blue_pens = 12 + 12 + 12 + 12 - 12 - 12 + 12 = 36", "at most 4 operations"),
        ("blue_pens = 12 ** 3 = 36", "cannot be read"),
        ("blue_pens = 12 * 3 = 36\nold_caps = 36 / 2 = 18", "a line is a quantity"),
        ("blue_pens = 12 / (12 - 12) = 36", "divided by zero"),
        ("blue_pens = 12 * 3 = 99999999999999999", "ends in its result"),
        ("blue_pens = 2red_pens = 24", "cannot be read"),
        ("answer", "a line is a quantity"),
        ("answer: many", "an answer is one number"),
        ("answer 12 * 3", "an answer is one number"),
        ("answer 54 or 55", "an answer is one number"),
        ("let us see", "a line is a quantity"),
    ],
)
def test_what_is_no_line_changes_nothing(line, says):
    env = _env()
    before = env.situation
    _, reward, terminated, _, info, claims = _play(env, line)
    assert isinstance(claims[0], Malformed)
    assert says in claims[0].reason
    assert (env.situation, reward, terminated) == (before, 0.0, False)
    assert _labels(info) == ("malformed", "malformed")


def test_a_quantity_is_computed_once():
    env = _env()
    *_, claims = _play(env, SOLUTION[0], SOLUTION[0])
    assert claims == (Malformed("blue_pens has been computed already"),)
    *_, claims = _play(env, "blue_pens = 12 + 12 + 12 = 36")
    assert isinstance(claims[0], Malformed)


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("blue_pens = 12 * 3 = 37", ("incorrect", "incorrect")),  # a slip
        ("blue_pens = 12 + 3 = 15", ("correct", "incorrect")),  # the wrong operation
        ("blue_pens = 7 * 3 = 21", ("correct", "incorrect")),  # the wrong number
        ("blue_pens = 12 + 3 = 36", ("incorrect", "correct")),  # the right amount from a false equation
        ("old_caps = 12 / 2 = 6", ("correct", "incorrect")),
        ("big_boxes = 12 + 12 = 24", ("correct", "incorrect")),
    ],
)
def test_a_wrong_line_is_put_down_and_buys_nothing(line, labels):
    _, reward, *_, info, _ = _play(_env(verifiers=None, reward="dense"), line)
    assert info["verdicts"][DEFAULT].label == "incorrect"
    assert reward < 0
    env = _env()
    observation, _, terminated, _, info, _ = _play(env, line)
    assert _labels(info) == labels
    assert not terminated
    assert f"{line.split()[0]} = {line.split()[-1]}" in observation
    rest = [action for action in SOLUTION if action.split()[0] != line.split()[0]]
    *_, info, _ = _play(env, *rest)
    assert info["outcome"] == 0.0


def test_the_observation_and_the_candidates_do_not_show_that_a_line_was_wrong_and_the_key_does():
    right, wrong = _env(), _env()
    *_, one, _ = _play(right, "blue_pens = 12 * 3 = 36")
    *_, other, _ = _play(wrong, "blue_pens = 12 + 3 = 36")
    assert right.situation.observation == wrong.situation.observation
    assert one["actions"] == other["actions"]
    assert one["state_key"] != other["state_key"]


def test_an_answer_rests_on_the_line_of_its_quantity():
    *_, terminated, _, info, claims = _play(_env(reward="dense"), "answer 54")
    assert terminated
    assert info["outcome"] == 0.0
    assert info["verdicts"]["algebra"].label == "incorrect"
    assert claims == (Consequence(("red_pens = 12", "tea_mugs = 7"), "big_boxes = 54"),)
    *_, info, _ = _play(_env(), *SOLUTION[:2], "answer 54")
    assert (info["outcome"], info["verdicts"]["algebra"].label) == (0.0, "incorrect")


@pytest.mark.parametrize(
    ("answer", "outcome"), [("answer 54", 1.0), ("Answer: 54.", 1.0), ("answer 108/2", 1.0), ("answer $54", 1.0), ("answer 53", 0.0), ("answer -54", 0.0)]
)
def test_answers(answer, outcome):
    *_, terminated, _, info, _ = _play(_env(), *SOLUTION[:3], answer)
    assert (terminated, info["outcome"]) == (True, outcome)
    assert info["verdicts"]["algebra"].label == ("correct" if outcome else "incorrect")


def test_steps_may_be_joined_as_far_as_a_line_reaches():
    # 12 * 3 + 12 * 3 / 2 = 54: one line, four operations.
    *_, info, _ = _play(_env(), "big_boxes = 12 * 3 + 12 * 3 / 2 = 54", "answer 54")
    assert info["outcome"] == 1.0


def test_a_right_line_that_is_not_needed_earns_nothing_and_a_wrong_one_is_refuted():
    env = _env(reward="dense")
    _, reward, *_, info, claims = _play(env, "gift_bags = 7 + 12 = 19")
    assert (reward, claims) == (0.0, ())
    assert [verdict.score for verdict in info["verdicts"].values()] == [None, None]
    assert _play(env, *SOLUTION)[4]["outcome"] == 1.0
    env = _env(reward="dense")
    _, reward, *_, info, _ = _play(env, "gift_bags = 7 * 12 = 84")
    assert _labels(info) == ("correct", "incorrect")
    assert _play(env, *SOLUTION)[4]["outcome"] == 0.0


def test_the_order_of_lines_does_not_matter():
    one, other = _env(), _env()
    _play(one, "blue_pens = 12 * 3 = 36", "gift_bags = 7 + 12 = 19")
    _play(other, "gift_bags = 12 + 7 = 19", "blue_pens = 3 * 12 = 36")
    assert one.situation == other.situation


def test_no_failed_episode_earns_as_much_as_a_solved_one():
    # Every needed line rightly, every idle one, and a wrong answer: at most 0.45; the solution earns more than 1.
    env = _env(reward="dense", verifiers=None)
    rewards = [_play(env, line)[1] for line in ("gift_bags = 7 + 12 = 19", *SOLUTION[:3], "answer 19")]
    assert sum(rewards) < 0.5


# The generator.


def test_forms_compute_what_they_say():
    assert {relation.form for relation in RELATIONS.values()} <= set(FORMS)
    assert {form for forms in _CONFUSED.values() for form in forms} <= set(FORMS)
    assert {relation.form for relation in RELATIONS.values()} <= set(_CONFUSED)
    operands = (Fraction(12), Fraction(5, 2), Fraction(7))
    for form in FORMS:
        assert computed(form, operands) == evaluate(form.format("12", "(5/2)", "7"))
    assert computed("{0} / {1}", (Fraction(1), Fraction(0))) is None


@pytest.mark.parametrize("difficulty", LEVELS)
def test_problems_are_as_their_level_says(difficulty):
    level = LEVELS[difficulty]
    for entropy in range(40):
        problem = generate(entropy, difficulty)
        values, told = problem.values, dict(problem.given)
        assert len(problem.needed) == level.steps
        assert len(problem.definitions) == level.steps + level.idle_defined
        assert sorted(problem.names) == sorted(values)
        assert all(1 <= value <= level.most for name, value in values.items() if name not in told)
        assert level.decimals or all(value.denominator == 1 for value in values.values())
        # Every number of a solution is told, or was computed before: the text alone is enough.
        text_numbers = {Fraction(number) for number in re.findall(r"\d+(?:\.\d+)?", problem.text)} | {Fraction(number) for number in problem.brought}
        noted = set()
        for line in solution_lines(problem):
            name, expression, result = line.split(" = ")
            assert {Fraction(number) for number in re.findall(r"\d+(?:\.\d+)?", expression.replace("/ 100", ""))} <= text_numbers | noted | {
                values[n] for n in values
            }
            assert evaluate(expression) == evaluate(result) == values[name]
            noted.add(values[name])


def test_every_story_and_relation_is_told_and_tasks_differ():
    problems = [generate(entropy, 5) for entropy in range(60)] + [generate(entropy, 4) for entropy in range(60)]
    assert {problem.story for problem in problems} == set(STORIES)
    told = {definition.form for problem in problems for definition in problem.definitions}
    assert told == {relation.form for relation in RELATIONS.values()}
    assert len({problem.text for problem in (generate(entropy, 1) for entropy in range(2_000))}) == 2_000


def test_a_problem_survives_its_task():
    for difficulty in LEVELS:
        problem = generate(3, difficulty)
        assert _problem_of(_task(problem, difficulty)) == problem


# Candidates.


@pytest.mark.parametrize("difficulty", LEVELS)
def test_candidates_hold_a_right_line_and_the_verifiers_tell_it_from_the_others(difficulty):
    """The environment computes, the verifiers solve equations: two ways to the same judgement."""
    env = gym.make("prm_gym/WordProblems-v0", difficulty=difficulty, verifiers=BOTH).unwrapped
    for seed in range(3):
        env.reset(seed=seed)
        for action in env.solution()[:-1]:
            saved, right = env.snapshot(), 0
            listed = env.situation.actions
            assert sum(text.startswith("answer") for text in listed) == 2
            for text in listed:
                if text.startswith("answer"):
                    continue
                *_, info, claims = _play(env, text)
                assert not any(isinstance(claim, Malformed) for claim in claims)
                scores = [verdict.score for verdict in info["verdicts"].values()]
                sound = env.save_state()[text.split()[0]][1]
                assert sound is (0.0 not in scores)
                right += scores == [1.0, 1.0]
                env.restore(saved)
            assert right >= 1
            env.step(action)
        assert any(text == env.solution()[-1] for text in env.situation.actions)


def test_candidates_are_a_function_of_what_is_seen():
    assert candidates(PENS, {}, 12, 5) == candidates(PENS, {}, 12, 5)
    assert len(candidates(PENS, {}, 20, 5)) == len(set(candidates(PENS, {}, 20, 5))) >= 16
    wrong = {"blue_pens": Fraction(-1, 3), "old_caps": Fraction(0)}
    assert any("big_boxes = (-1/3) + 0 = -1/3" in text for text in candidates(PENS, wrong, 12, 5))  # seen amounts are taken as they stand


def _without_reading(listed, rng, policy):
    """What an agent chooses that does not read the problem."""
    lines = [text for text in listed if not text.startswith("answer")]
    true = [text for text in lines if evaluate(text.split(" = ")[1]) == evaluate(text.split(" = ")[2])]
    results = {text: evaluate(text.split(" = ")[2]) for text in true}
    chosen = {
        "any": lambda: rng.choice(listed),
        "first": lambda: lines[0] if lines else listed[0],
        "true": lambda: rng.choice(true or listed),
        "multiply": lambda: rng.choice([text for text in true if "*" in text] or listed),
        "largest": lambda: max(results, key=lambda text: results[text]) if results else listed[0],
    }
    return chosen[policy]()


@pytest.mark.parametrize("policy", ["any", "first", "true", "multiply", "largest"])
def test_no_shortcut_solves_the_problems(policy):
    env, rng, solved = WordProblemsEnv(difficulty=2, verifiers=[]), random.Random(0), 0
    for seed in range(60):
        _, info = env.reset(seed=seed)
        goal, ended = env.task.metadata["goal"], False
        while not ended:
            noted = re.search(rf"^{goal} = (.+)$", env.situation.observation.partition("noted:")[2], re.MULTILINE)
            action = f"answer {noted[1]}" if noted else _without_reading(info["actions"], rng, policy)
            *_, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        solved += info["outcome"] == 1.0
    assert solved <= 6  # measured on 400 tasks: at most 3 in 100


# Options.


@pytest.mark.parametrize(
    ("options", "says"), [({"difficulty": 6}, "difficulty"), ({"candidates": 3}, "candidates"), ({"candidates": 65}, "64"), ({"tasks": "a"}, "tasks")]
)
def test_options_that_cannot_be_honoured(options, says):
    with pytest.raises(OptionError, match=says):
        WordProblemsEnv(**options)


def test_no_candidates_and_no_reset_options():
    env = _env(candidates=0)
    assert env.situation.actions == ()
    with pytest.raises(OptionError, match="task_index"):
        env.reset(options={"task_index": 1})
