"""Completions split, judged and played: what is known of them beforehand."""

import pytest

from prm_gym.claims import Malformed
from prm_gym.credit import StepBatch
from prm_gym.env import ACTION_LENGTH
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.integrations.completions import EnvironmentScorer, TextScorer, make_scorer, paid, pieces_of, reset_options, text_of
from prm_gym.integrations.spans import spans_of_turns, steps_of_turns
from prm_gym.integrations.trl.rewards import as_reward_func, trajectory_reward
from prm_gym.integrations.verl_score import compute_score
from prm_gym.verdict import abstained, judged
from prm_gym.verifier import Verifier

RIGHT = "3 * 4 = 12\n2 + 12 = 14\n#### 14"
WRONG = "3 * 4 = 13\n2 + 13 = 15\n#### 15"


class Brief(Verifier):
    """Knows nothing of long steps."""

    id, version = "brief", "1"

    def verify(self, steps):
        return [judged("correct", 0.5, "brief") if len(step.action) < 12 else abstained("long") for step in steps]


class Broken(Verifier):
    id, version, pure = "broken", "1", False

    def verify(self, steps):
        raise RuntimeError("no model here")


def test_the_outcome_is_the_answer_and_dense_adds_a_share_for_each_step():
    outcome = as_reward_func("sequence(arithmetic, equivalence)")
    assert outcome(["2 + 3 * 4?"] * 2, [RIGHT, WRONG], answer=["14", "2 + 12 = 14\n#### 14"]) == [1.0, 0.0]
    # dense: step_weight / horizon = 0.45 / 32 a right step, -0.2 of that a wrong one. Wrong: 13 is false, 2 + 13 = 15 is true, 15 is not the answer.
    dense = as_reward_func("sequence(arithmetic, equivalence)", reward="dense")
    share = 0.45 / 32
    assert dense(["?"] * 2, [RIGHT, WRONG], answer=["14"] * 2) == pytest.approx([1 + 3 * share, (1 - 0.4) * share])


def test_chats_are_read_as_texts():
    outcome = as_reward_func("equivalence", gold="gold")
    prompt = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "2 + 12?"}]}]
    assert outcome([prompt], [[{"role": "assistant", "content": "#### 14"}]], gold=["14"]) == [1.0]
    assert text_of(prompt, "user") == "2 + 12?"
    assert text_of([{"role": "assistant", "content": None}]) == ""


def test_what_cannot_be_told_is_none_and_says_why():
    logged, extra = {}, {}
    reward = as_reward_func("equivalence")
    found = reward(
        ["?"] * 3,
        ["#### 14", "#### 14", "\\boxed{x^2 + \\zeta(3)}"],
        answer=["14", "", "\\zeta(3)"],
        log_metric=logged.__setitem__,
        log_extra=extra.__setitem__,
    )
    assert found[:2] == [1.0, None]
    assert "states no answer" in reward.scored[1].reason
    assert logged == {"prm_gym/unscored_share": sum(each is None for each in found) / 3}
    assert extra["prm_gym/unscored_because"][0] == ""


def test_without_a_gold_answer_only_verdicts_pay():
    reward = as_reward_func(Brief(), gold=None, reward="dense", measure="mean", split="line")
    # Two brief steps of score 0.5; then one of which nothing is known: a needed score is missing, and None is no 0.
    assert reward(["?"] * 3, ["a = 1\nb = 2", "a = 1\nthis is a long step", "this is a long step"]) == [0.5, None, None]
    passed = as_reward_func(Brief(), gold=None, reward="dense", measure="mean", split="line", undecided="right")
    assert passed(["?"], ["a = 1\nthis is a long step"]) == [0.5]


def test_a_verifier_that_breaks_is_no_zero():
    assert as_reward_func(Broken(), gold=None, reward="dense", measure="min")(["?"], ["a = 1"]) == [None]
    # With a known answer the outcome is told all the same, and the broken verdicts add nothing.
    assert as_reward_func(Broken(), reward="dense")(["?"], [RIGHT], answer=["14"]) == [1.0]


def test_lines_are_actions_in_an_environment():
    scorer = EnvironmentScorer("prm_gym/Countdown-v0", {"difficulty": 1, "reward": "dense"})
    # Seed 3 asks for 18 of 2, 3 and 4; right steps of eight earn 0.45 / 8 each.
    solution = "2 + 4 = 6\n3 * 6 = 18"
    said = [solution, f"{solution}\nand so on", "2 + 4 = 6", ""]
    scored = scorer.score(["?"] * 4, said, {"seed": [3] * 4})
    assert ["".join(each.pieces) for each in scored] == said
    solved, longer, cut, empty = (each.trajectory for each in scored)
    assert [step.reward for step in solved.steps] == pytest.approx([0.05625, 1.05625])
    assert [step.reward for step in longer.steps] == [step.reward for step in solved.steps]
    assert scored[1].pieces == ("2 + 4 = 6\n", "3 * 6 = 18\nand so on")
    assert (cut.outcome, cut.truncated, solved.outcome, solved.truncated) == (0.0, True, 1.0, False)
    assert empty.steps[0].verdicts
    assert StepBatch.from_trajectories([solved, cut]).rewards.size == 3
    scorer.close()
    reward = as_reward_func("prm_gym/Countdown-v0", env_options={"difficulty": 1}, name="countdown")
    assert reward(["?"] * 2, [solution, "2 + 4 = 6"], seed=[3, 3]) == [1.0, 0.0]
    assert reward([], []) == []


def test_more_steps_than_allowed_belong_to_the_last():
    assert pieces_of("a\nb\nc\nd", "line", 2) == ("a\n", "b\nc\nd")
    scored = TextScorer("arithmetic", most_steps=2, split="line").score(["?"], ["1 + 1 = 2\n1 + 2 = 3\n#### 3"], {"answer": ["3"]})
    assert len(scored[0].trajectory.steps) == 2
    assert scored[0].trajectory.outcome == 1.0


def test_solutions_are_judged_without_being_paid():
    scorer = TextScorer(["sequence(arithmetic, equivalence)"])
    problems, worked = ["2 + 3 * 4?", "", "2 + 3 * 4?"], "3 * 4 = 12, and so #### 14"
    right, wrong, open_end = scorer.judge(problems, [RIGHT, WRONG.splitlines(keepends=True), RIGHT], [worked, 14, None])
    assert [each.trajectory.outcome for each in (right, wrong, open_end)] == [1.0, 0.0, None]
    scores = [[next(iter(step.verdicts.values())).score for step in each.trajectory.steps] for each in (right, wrong, open_end)]
    # 3 * 4 = 13 is false, 2 + 13 = 15 is true; the last step states the answer, of which nothing is known in the third.
    assert scores == [[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, None]]
    assert wrong.trajectory.task.question == "(the problem is not given)"
    assert all(step.reward == 0.0 for each in (right, wrong, open_end) for step in each.trajectory.steps)
    assert [step.reward for step in paid(right.trajectory, scorer.scheme).steps] == [0.0, 0.0, 1.0]
    # Nothing written has no steps; more than is judged has a reason; nobody else suffers from it.
    empty, none, endless, known = scorer.judge(["?"] * 4, [" \n", [], "1 + 1 = 2\n" * 20_000, RIGHT], [14] * 4)
    assert [each.trajectory is None for each in (empty, none, endless, known)] == [True, True, True, False]
    assert empty.reason == none.reason == "it has no steps"
    assert "200,000 characters" in endless.reason
    # As a completion that is to be paid, nothing written is a wrong answer, and not one that nobody can tell.
    assert [each.trajectory.outcome for each in scorer.score(["?"], [""], {"answer": ["14"]})] == [0.0]
    scorer.close()


ENDLESS = "1 + 1 = 2\n" * 20_000  # 200,000 characters, of which 131,072 are judged


@pytest.mark.parametrize(("reward", "worth"), [("outcome", 0.0), ("dense", -0.2 * 0.45 / 32)])  # a wrong step costs a fifth of what a right one of 32 earns
def test_what_is_too_long_to_be_judged_is_wrong_for_all_trainers_alike(reward, worth):
    """As an action is that is too long: one malformed step, the outcome 0. Unscored, a model would be left out of the baseline for what it did itself."""
    answers = ["14", "14"]
    with_answer = as_reward_func("arithmetic", reward=reward)
    paid_rewards = with_answer(["?"] * 2, [ENDLESS, RIGHT], answer=answers)
    assert paid_rewards[0] == pytest.approx(worth)
    assert paid_rewards[1] >= 1.0
    endless = with_answer.scored[0]
    (step,) = endless.trajectory.steps
    assert (endless.trajectory.outcome, step.terminated, step.claims) == (0.0, True, (Malformed(step.claims[0].reason),))
    assert "200,000 characters" in step.verdicts["arithmetic"].reason
    assert (step.verdicts["arithmetic"].label, step.verdicts["arithmetic"].score) == ("malformed", 0.0)
    assert endless.pieces == (ENDLESS,)
    assert len(step.action) == ACTION_LENGTH
    assert compute_score("", ENDLESS, "14")["score"] == 0.0
    assert compute_score("", ENDLESS, "14")["decided"] == 1.0
    with_answer.close()


def test_what_is_too_long_where_there_are_no_answers():
    steps_alone = as_reward_func("arithmetic", gold=None, reward="dense", measure="min")
    assert steps_alone(["?"], [ENDLESS]) == [0.0]  # the score of its one step
    assert steps_alone.scored[0].trajectory.outcome is None
    steps_alone.close()


@pytest.mark.parametrize("completion", [14, None, ["14"], [{"role": "assistant", "content": 14}]])
def test_a_completion_that_is_no_text(completion):
    with pytest.raises(OptionError, match="a text"):
        as_reward_func("arithmetic")(["?"], [completion], answer=["14"])


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: TextScorer("arithmetic", gold=None), OptionError, "gold=None"),
        (lambda: TextScorer("arithmetic", most_steps=513), OptionError, "most_steps"),
        (lambda: TextScorer("arithmetic", most_steps=0), OptionError, "most_steps"),
        (lambda: make_scorer("arithmetik"), UnknownNameError, "arithmetic"),
        (lambda: make_scorer("prm_gym/Countdwn-v0"), UnknownNameError, "Countdown"),
        (lambda: make_scorer("arithmetic", golden="x"), OptionError, "gold"),
        (lambda: make_scorer(TextScorer("arithmetic"), gold="x"), OptionError, "made already"),
        (lambda: as_reward_func("arithmetic", measure="median"), UnknownNameError, "mean"),
        (lambda: as_reward_func("arithmetic", undecided="wrong"), OptionError, "undecided"),
        (lambda: as_reward_func("arithmetic")(["?"], ["1"]), OptionError, "no column 'answer'"),
        (lambda: as_reward_func("arithmetic", measure="min", verifier="z3")(["?"], ["1 + 1 = 2"], answer=["2"]), OptionError, "arithmetic"),
        (lambda: reset_options({}, 2), OptionError, "seed"),
        (lambda: reset_options({"seed": ["3"]}, 1), OptionError, "integers"),
        (lambda: as_reward_func("prm_gym/Countdown-v0")(["?"], ["1"], seed=[True]), OptionError, "integers"),
    ],
)
def test_what_cannot_be_honoured_is_said(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_the_reward_of_trajectories_that_are_handed_over():
    scored = TextScorer("equivalence").score(["?"], [RIGHT], {"answer": ["14"]})
    assert trajectory_reward(trajectory=[scored[0].trajectory, None]) == [1.0, None]


def test_turns_are_stretches_of_the_mask():
    assert spans_of_turns([]) == ()
    assert spans_of_turns([0, 1, 1, 0, 0, 1]) == ((1, 3), (5, 6))


def _turn(*calls):
    return {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}} for name, arguments in calls]}


def test_calls_are_steps_of_the_turn_that_made_them():
    seen = {"role": "tool", "name": "step", "content": "ok"}
    talk = [_turn(("step", {}), ("step", {})), seen, seen, _turn(("other", {})), seen, _turn(("step", {})), {"role": "assistant", "content": "done"}]
    # The second call came after the end; the third never reached the environment, and the last one was not carried out.
    assert steps_of_turns(talk, ["step"], [0, None]) == [[0], [], [], []]
    assert steps_of_turns(talk, ["step"], [0, 1, 2]) == [[0, 1], [], [2], []]
    assert steps_of_turns([_turn(("step", "no object"))], ["step"], []) == [[]]
    # More calls were counted than were made: nothing is guessed.
    assert steps_of_turns([_turn(("step", {}))], ["step"], [0, 1]) is None


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_an_answer_that_is_missing_makes_nothing_wrong(missing):
    """Tables say by NaN that nothing is there; as a text it would be an answer that nobody gives."""
    assert as_reward_func("equivalence")(["?"], ["#### 14"], answer=[missing]) == [None]
    found = compute_score("", "#### 14", missing, undecided=0.25)
    assert (found["score"], found["decided"]) == (0.25, 0.0)
