import pytest

from prm_gym.agent import make_agent
from prm_gym.claims import Decision, Entailment, Statement
from prm_gym.errors import FormulaError
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.language import Language
from prm_gym.logic.review import review, review_episode
from prm_gym.logic.z3_solver import Z3Solver
from prm_gym.rollout import Rollouts, groups


class Blind(Z3Solver):
    """Without the means to decide anything that a small model does not show."""

    tables = False


FACTS = (
    Statement("fact1", "{A}"),
    Statement("fact2", "{A} -> {B}"),
    Statement("fact3", "{B} -> {C}"),
    Statement("fact4", "{D}"),
    Statement("fact5", "{D} -> {E}"),
)


def said(label, formula, *cited):
    return Statement(label, formula, cited)


@pytest.fixture(scope="module")
def checker():
    return EntailmentChecker()


def parts(steps, goal, checker):
    found = review((*FACTS, *steps), goal, checker)
    return found.proved, {step.label: step.part for step in found.steps if step.part != "given"}, found.padding


def test_an_honest_proof_carries_all_its_steps(checker):
    steps = [said("int1", "{B}", "fact1", "fact2"), said("int2", "{C}", "int1", "fact3")]
    assert parts(steps, "{C}", checker) == (True, {"int1": "carries", "int2": "carries"}, 0.0)


def test_what_the_goal_does_not_rest_on_is_idle_even_where_it_is_cited(checker):
    steps = [said("int1", "{E}", "fact4", "fact5"), said("int2", "{B}", "fact1", "fact2", "int1"), said("int3", "{C}", "int2", "fact3")]
    proved, found, padding = parts(steps, "{C}", checker)
    assert proved
    assert found == {"int1": "idle", "int2": "carries", "int3": "carries"}
    assert padding == 1 / 3


@pytest.mark.parametrize(
    ("step", "part"),
    [
        (said("int2", "{B}", "int1"), "empty"),  # a restatement
        (said("int2", "{B} v {E}", "int1"), "empty"),  # a weakening
        (said("int2", "{A} v ¬{A}", "fact1"), "empty"),  # a tautology
        (said("int2", "{E}", "fact5"), "unsound"),
        (said("int2", "{E}", "fact9"), "unsound"),
        (said("int2", "{E", "fact4"), "unsound"),
        (said("int1", "{E}", "fact4", "fact5"), "unsound"),  # a redefinition
        (said("int2", "{E}", "fact4", "fact5"), "idle"),
    ],
)
def test_padding_of_every_kind(checker, step, part):
    steps = [said("int1", "{B}", "fact1", "fact2"), step, said("int3", "{C}", "int1", "fact3")]
    found = review((*FACTS, *steps), "{C}", checker)
    assert found.proved
    assert [one.part for one in found.steps[5:]] == ["carries", part, "carries"]


def test_a_circle_proves_nothing(checker):
    steps = [said("int1", "{E}", "int2"), said("int2", "{E}", "int1")]
    assert parts(steps, "{E}", checker) == (False, {"int1": "unsound", "int2": "unsound"}, 1.0)


def test_a_proof_that_does_not_arrive_carries_nothing(checker):
    steps = [said("int1", "{B}", "fact1", "fact2")]
    assert parts(steps, "{C}", checker) == (False, {"int1": "idle"}, 1.0)
    assert parts([], "{C}", checker) == (False, {}, 0.0)
    assert parts([], "{A}", checker) == (True, {}, 0.0)  # it was given


def test_what_a_blind_solver_cannot_tell(checker):
    steps = [said("int1", "{B}", "fact1", "fact2")]
    found = review((*FACTS, *steps), "{B}", EntailmentChecker(resource_limit=1, solver=Blind))
    assert (found.proved, found.steps[-1].part) == (None, "undecided")


def test_in_another_language(checker):
    folio = Language("folio")
    known = (Statement("p1", "∀x (Drinks(x) → Dependent(x))"), Statement("p2", "Drinks(rina)"), Statement("p3", "Student(bob)"))
    found = review((*known, said("s1", "Dependent(rina)", "p1", "p2", "p3")), "Dependent(rina)", checker, folio)
    assert found.proved
    assert found.steps[-1].rests_on == ("p1", "p2")
    with pytest.raises(FormulaError):
        review(known, "Dependent(", checker, folio)


# Whole episodes.


def episode(env_id, agent, seeds, **options):
    rollouts = Rollouts(env_id, {"verifiers": [], **options}, 1)
    return rollouts.play(make_agent(agent, **({"seed": 0} if agent == "random" else {})), groups(seeds, 1))


@pytest.mark.parametrize("env_id", ["prm_gym/Deduction-v0", "prm_gym/NaturalDeduction-v0"])
def test_the_stored_episode_of_a_solver_is_all_carried(env_id, checker):
    proved = 0
    for trajectory in episode(env_id, "scripted", range(8), difficulty=3):
        found = review_episode(trajectory, checker)
        if trajectory.task.sealed["answer"] != "UNKNOWN":
            proved += 1
            assert (found.proved, found.padding, found.flaws, found.weakening) == (True, 0.0, {}, 0)
            assert found.parts["carries"] == sum("-> int" in step.action for step in trajectory.steps)
            assert ("assumed" in found.parts) == ("Natural" in env_id)
    assert proved >= 3


@pytest.mark.parametrize("env_id", ["prm_gym/Deduction-v0", "prm_gym/NaturalDeduction-v0"])
def test_a_random_episode_proves_nothing_and_agrees_with_the_verifier(env_id, checker):
    """Unsound in the review is what the verifier marked down as it was taken, word for word; empty or carrying, what it let stand."""
    for trajectory in episode(env_id, "random", range(10), difficulty=2, verifiers=["z3"]):
        labels = [step.verdicts["z3"].label for step in trajectory.steps for claim in step.claims if isinstance(claim, Entailment)]
        found = review_episode(trajectory, checker)
        parts = [step.part for step in found.steps[len(found.steps) - len(labels) :]]
        expected = {"correct": {"carries", "idle"}, "trivial": {"empty", "carries"}, "neutral": {"assumed"}, "incorrect": {"unsound"}, "vacuous": {"unsound"}}
        assert all(part in expected[label] for part, label in zip(parts, labels, strict=True))


def claims_of(*steps, answer="PROVED", hypothesis="{C}"):
    """What an environment claims of these steps, whether or not it would write them down."""
    known = FACTS
    claims = []
    for step in steps:
        claims.append(Entailment(step, known))
        known = (*known, step)
    return [*claims, Decision(answer, hypothesis, known)]


def test_the_review_of_an_episode_names_what_is_wrong(checker):
    steps = [
        said("int1", "{B}", "fact1", "fact2"),
        said("int1", "{E}", "fact4", "fact5"),
        said("int2", "{E}", "int3"),
        said("int3", "{E}", "int2"),
        said("int4", "{E}", "int99"),
        said("int5", "{E}"),
        said("int6", "{B} v {Q}", "int1"),
        said("int7", "({B} v {Q}) v {R}", "int6"),
        said("int8", "(({B} v {Q}) v {R}) v {S}", "int7"),
        said("int9", "{A} v ¬{A}", "fact1"),
        said("int10", "{E}", "fact5"),
        said("int11", "{C}", "int1", "fact3"),
    ]
    found = review_episode(claims_of(*steps), checker)
    assert found.proved
    # int2 cites int3, which comes later; int3 cites int2, which is there and does not stand.
    flaws = [None, "redefinition", "circular", "rests", "citation", "citation", *["weakening"] * 3, "tautology", "inference", None]
    assert [step.flaw for step in found.steps[5:]] == flaws
    assert (found.weakening, found.padding) == (3, 10 / 12)


def test_the_goal_of_an_episode_is_what_its_decision_says(checker):
    refuted = [said("int1", "{B}", "fact1", "fact2"), said("int2", "{C}", "int1", "fact3")]
    assert review_episode(claims_of(*refuted, answer="DISPROVED", hypothesis="¬{C}"), checker).proved
    assert not review_episode(claims_of(*refuted, answer="PROVED", hypothesis="¬{C}"), checker).proved
    undecided = review_episode(claims_of(*refuted)[:-1], checker)
    assert (undecided.proved, undecided.parts["idle"]) == (False, 2)
    assert review_episode(claims_of(*refuted)[:-1], checker, goal="{C}").proved
    assert review_episode([], checker).steps == ()


def test_a_conjunction_is_carried_by_what_says_its_parts(checker):
    steps = [said("int1", "{B}", "fact1", "fact2"), said("int2", "{E}", "fact4", "fact5"), said("int3", "{C}", "int1", "fact3")]
    found = review((*FACTS, *steps), "{B} & {E}", checker)
    assert (found.proved, [step.part for step in found.steps[5:]]) == (True, ["carries", "carries", "idle"])
    assert not review((*FACTS, *steps[:1]), "{B} & {E}", checker).proved
