import pytest

from prm_gym.claims import Statement
from prm_gym.errors import FormulaError
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.language import Language
from prm_gym.logic.review import review

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
    found = review((*FACTS, *steps), "{B}", EntailmentChecker(resource_limit=1))
    assert (found.proved, found.steps[-1].part) == (None, "undecided")


def test_in_another_language(checker):
    folio = Language("folio")
    known = (Statement("p1", "∀x (Drinks(x) → Dependent(x))"), Statement("p2", "Drinks(rina)"), Statement("p3", "Student(bob)"))
    found = review((*known, said("s1", "Dependent(rina)", "p1", "p2", "p3")), "Dependent(rina)", checker, folio)
    assert found.proved
    assert found.steps[-1].rests_on == ("p1", "p2")
    with pytest.raises(FormulaError):
        review(known, "Dependent(", checker, folio)
