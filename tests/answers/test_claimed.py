"""Keys of answers: equal where the answers are, None where there is none."""

import msgspec
import numpy as np
import pytest

from prm_gym.agent import Action, Agent, make_agent
from prm_gym.answers.claimed import answer_key, claimed_answer
from prm_gym.claims import Claim, Conclusion, Consequence, Decision, Equality, FinalAnswer, Identity, Malformed, SameSolutions, Solution
from prm_gym.credit import StepBatch, assign
from prm_gym.csp.problem import Is, Problem, Variable
from prm_gym.rollout import Rollouts, groups


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.5", r"\frac{1}{2}"),
        ("1,000", "1000"),
        ("x + 1", "1 + x"),
        (r"\sqrt{8}", r"2\sqrt{2}"),
        ("PROVED", " proved\n"),
        ("Oskar  Branberg", "oskar branberg"),
    ],
)
def test_equal_answers_have_one_key(one, other):
    assert answer_key(one) == answer_key(other) != ""


@pytest.mark.parametrize(("one", "other"), [("1/2", "1/3"), ("5 cm", "5"), ("50%", "50"), ("x + 1", "x - 1"), ("PROVED", "DISPROVED"), ("(1, 2)", "(2, 1)")])
def test_different_answers_have_two(one, other):
    assert answer_key(one) != answer_key(other)


class Riddled(Claim, msgspec.Struct, frozen=True, tag="test_riddled"):
    """A claim of somebody else's, with an answer."""

    answer: str


def test_claims_that_state_an_answer():
    puzzle = Problem((Variable("ann", ("knight", "knave")), Variable("bob", ("knight", "knave"))), ())
    assert claimed_answer([FinalAnswer("So 3 + 4 = 7. The answer is $7$.", "8")]) == "7"
    assert claimed_answer([Equality("3 + 4", "7"), FinalAnswer(r"\boxed{14/2}", "7")]) == "7"
    assert claimed_answer([Decision("UNKNOWN", "{A}", ())]) == "unknown"
    assert claimed_answer([Solution(puzzle, (Is("bob", "knave"), Is("ann", "knight")))]) == "ann = knight; bob = knave"
    assert claimed_answer([Conclusion((3, "left"), ())]) == "3; left"
    assert claimed_answer([Conclusion((2.5,), ())]) == claimed_answer([Conclusion(("5/2",), ())]) == "5/2"
    assert claimed_answer([SameSolutions(("2x = 4",), ("x = 2",))]) == "x = 2"
    assert claimed_answer([SameSolutions((), ("y = 1", "x = 2"))]) == claimed_answer([SameSolutions((), ("x = 2", "y = 1"))])
    assert claimed_answer([Identity("2x + x", "3x")]) == claimed_answer([Identity("", "x * 3")])
    assert claimed_answer([Consequence((), "price = 74")]) == "price = 74"
    assert claimed_answer([Riddled("A Man")]) == "a man"


def test_claims_that_state_none():
    assert claimed_answer([]) is None
    assert claimed_answer([Malformed("no step"), Equality("1 + 1", "2")]) is None
    assert claimed_answer([FinalAnswer(r"\boxed{7} ... wait, the answer is 9.", "7")]) is None  # it states two
    assert claimed_answer([Riddled(" ")]) is None


class Saying(Agent):
    """Says by turns what it is given, one text an episode."""

    id = "saying"

    def __init__(self, texts):
        self.texts = texts

    def act(self, prompts):
        return [Action(text=self.texts[int(prompt.episode.partition("/")[2])]) for prompt in prompts]


def test_batches_of_trajectories_have_the_column():
    rollouts = Rollouts("prm_gym/Deduction-v0", {"difficulty": 1, "verifiers": [], "max_steps": 2})
    trajectories = rollouts.play(Saying(["PROVED", "proved", "UNKNOWN", "well"]), groups([3], 4))
    batch = StepBatch.from_trajectories(trajectories)
    # The second is no answer of this language, and the last one is cut: neither has answered.
    by_attempt = {trajectory.id[-1]: key for trajectory, key in zip(trajectories, batch.column("answer_key")[batch.offsets[:-1]], strict=True)}
    assert by_attempt["0"] == "proved"
    assert by_attempt["2"] == "unknown"
    assert by_attempt["3"] is None
    assert batch.column("answer_key").tolist() == [by_attempt[each.id[-1]] for each in trajectories for _ in each.steps]
    # StepGRPO pays outcome and key steps only where there is an answer: R + 0.1 * 1 there, where all of them were reached, and 0 elsewhere.
    credit = assign("step_grpo", batch.with_columns({"potential": np.ones(batch.rewards.size)}), eps=0.0)
    totals = np.array([0.0 if by_attempt[each.id[-1]] is None else each.outcome + 0.1 for each in trajectories])
    expected = (totals - totals.mean()) / totals.std(ddof=1)
    assert credit.advantages == pytest.approx(expected[batch.trajectory_of_step])


def test_a_task_whose_end_is_a_state_has_no_answers():
    rollouts = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "verifiers": []})
    assert "answer_key" not in StepBatch.from_trajectories(rollouts.play(make_agent("scripted"), groups([1, 2], 1))).columns
