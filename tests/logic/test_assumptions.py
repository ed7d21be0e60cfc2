"""Natural deduction: assumptions, their discharge, and what may not be had by them."""

import pytest

from prm_gym.claims import Decision, Entailment, Statement
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.proof import appraise, derivation, given, open_assumptions
from prm_gym.logic.review import review
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier


def said(label, formula, *cited, discharged=()):
    return Statement(label, formula, cited, discharged=tuple(discharged))


def assume(label, formula):
    return Statement(label, formula, assumed=True)


FACTS = (said("fact1", "{A} -> {B}"), said("fact2", "{B} -> {C}"), said("fact3", "¬{C} v {D}"))


@pytest.fixture(scope="module")
def checker():
    return EntailmentChecker()


def proves(checker, goal, *steps, facts=FACTS):
    return derivation(goal, (*facts, *steps), checker)


def test_an_implication_is_introduced(checker):
    steps = [assume("a1", "{A}"), said("int1", "{B}", "a1", "fact1"), said("int2", "{C}", "int1", "fact2")]
    assert proves(checker, "{C}", *steps) is False  # it rests on the assumption
    closed = said("int3", "{A} -> {C}", "int2", discharged=["a1"])
    assert proves(checker, "{A} -> {C}", *steps, closed) is True
    assert open_assumptions((*FACTS, *steps, closed)) == {
        **{f"fact{i}": frozenset() for i in (1, 2, 3)},
        **{label: frozenset({"a1"}) for label in ("a1", "int1", "int2")},
        "int3": frozenset(),
    }
    assert appraise(closed, (*FACTS, *steps), checker).empty == ""
    found = review((*FACTS, *steps, closed), "{A} -> {C}", checker)
    assert [step.part for step in found.steps[3:]] == ["assumed", "carries", "carries", "carries"]
    assert found.padding == 0.0


def test_a_supposition_is_refuted(checker):
    facts = (*FACTS, said("fact4", "¬{C}"))
    steps = [assume("a1", "{A}"), said("int1", "{B}", "a1", "fact1"), said("int2", "{C}", "int1", "fact2")]
    assert proves(checker, "¬{A}", *steps, said("int3", "¬{A}", "int2", "fact4", discharged=["a1"]), facts=facts) is True


def test_cases_are_told_apart(checker):
    facts = (said("fact1", "{P} v {Q}"), said("fact2", "{P} -> {R}"), said("fact3", "{Q} -> {R}"))
    steps = [assume("a1", "{P}"), said("int1", "{R}", "a1", "fact2"), assume("a2", "{Q}"), said("int2", "{R}", "a2", "fact3")]
    both = said("int3", "{R}", "fact1", "int1", "int2", discharged=["a1", "a2"])
    assert proves(checker, "{R}", *steps, both, facts=facts) is True
    assert appraise(both, (*facts, *steps), checker).empty == ""  # said before, but under assumptions
    one_case = said("int3", "{R}", "fact1", "int1", discharged=["a1"])
    assert proves(checker, "{R}", *steps, one_case, facts=facts) is False


def test_assumptions_within_assumptions(checker):
    steps = [
        assume("a1", "{A}"),
        assume("a2", "{E}"),
        said("int1", "{A} & {E}", "a1", "a2"),
        said("int2", "{E} -> ({A} & {E})", "int1", discharged=["a2"]),
        said("int3", "{A} -> ({E} -> ({A} & {E}))", "int2", discharged=["a1"]),
    ]
    rests_on = open_assumptions(steps)
    assert [rests_on[label] for label in ("int1", "int2", "int3")] == [{"a1", "a2"}, {"a1"}, frozenset()]
    assert proves(checker, "{A} -> ({E} -> ({A} & {E}))", *steps) is True


@pytest.mark.parametrize(
    "step",
    [
        said("int2", "{B}", "int1", discharged=["a1"]),  # dropped without being a condition
        said("int2", "{A} -> {B}", "int1", discharged=["fact1"]),  # a fact is no assumption
        said("int2", "{A} -> {B}", "int1", discharged=["a9"]),
        said("int2", "{A} -> {D}", "fact3", discharged=["a1"]),  # what is cited does not rest on it
        said("int2", "{E} -> {B}", "int1", discharged=["a1"]),
    ],
)
def test_what_may_not_be_discharged(checker, step):
    known = (*FACTS, assume("a1", "{A}"), said("int1", "{B}", "a1", "fact1"))
    assert appraise(step, known, checker).stands is False


def test_assuming_the_goal_proves_nothing(checker):
    goal = "{D}"
    assert proves(checker, goal, assume("a1", goal)) is False
    assert proves(checker, goal, assume("a1", goal), said("int1", goal, "a1")) is False
    assert proves(checker, goal, assume("a1", goal), said("int1", goal, "a1", discharged=["a1"])) is False
    assert proves(checker, goal, assume("a1", "{A} & ¬{A}"), said("int1", goal, "a1")) is False  # from a contradiction


@pytest.mark.parametrize("name", ["z3", "cvc5"])
def test_the_verifier_judges_assumptions_and_discharges(name):
    verifier = make_verifier(name)
    known = (*FACTS, assume("a1", "{A}"), said("int1", "{B}", "a1", "fact1"))

    def label(claim):
        task = Task(key="t", instructions="", question="")
        return verifier.verify([StepContext(task=task, observation="", action="", claims=(claim,))])[0].label

    assert label(Entailment(assume("a1", "{A}"), FACTS)) == "neutral"
    assert label(Entailment(assume("fact1", "{A}"), FACTS)) == "incorrect"  # takes a label
    assert label(Entailment(assume("a1", "{A"), FACTS)) == "malformed"
    assert label(Entailment(said("int2", "{C}", "int1", "fact2"), known)) == "correct"
    assert label(Entailment(said("int2", "¬{B} -> ¬{A}", "int1", discharged=["a1"]), known)) == "trivial"  # fact1 in other words
    assert label(Entailment(said("int2", "{A} -> {A}", "a1", discharged=["a1"]), known)) == "trivial"
    assert label(Entailment(said("int2", "{B}", "int1", discharged=["a1"]), known)) == "incorrect"
    assert label(Decision("PROVED", "{B}", known)) == "incorrect"
    assert given(known) == tuple(fact.formula for fact in FACTS)


def test_an_assumption_that_had_no_part_is_discharged_for_nothing(checker):
    facts = (*FACTS, said("fact4", "{A}"))
    steps = [assume("a1", "{E}"), said("int1", "{B}", "fact1", "fact4", "a1")]  # cites a1 and does not need it
    closed = said("int2", "{E} -> {B}", "int1", discharged=["a1"])
    found = appraise(closed, (*facts, *steps), checker)
    assert (found.stands, found.emptiness) == (True, "discharge")
    # Either of two cases.
    cases = (said("fact1", "{P} v {Q}"), said("fact2", "{P} -> {R}"), said("fact3", "{R}"))
    steps = [assume("a1", "{P}"), said("int1", "{R}", "a1", "fact2"), assume("a2", "{Q}"), said("int2", "{R}", "fact3", "a2")]
    assert appraise(said("int3", "{R}", "fact1", "int1", "int2", discharged=["a1", "a2"]), (*cases, *steps), checker).emptiness is not None


def test_to_assume_the_same_again_makes_nothing_new(checker):
    steps = [assume("a1", "{A}"), said("int1", "{B}", "a1", "fact1"), assume("a2", "¬¬{A}")]
    again = said("int2", "{B}", "a2", "fact1")
    assert appraise(again, (*FACTS, *steps), checker).emptiness == "repetition"
    freely = said("int2", "{B}", "fact4", "fact1")  # without the assumption it has not been said
    assert appraise(freely, (*FACTS, said("fact4", "{A}"), steps[0]), checker).empty == ""
    # An assumption of what stands anyway is none: what follows counts as said without it.
    known = (*FACTS, said("fact4", "{A}"), *steps[:2])
    assert appraise(freely, known, checker).emptiness == "repetition"


def test_a_conjunction_is_derived_when_its_parts_are(checker):
    facts = (*FACTS, said("fact4", "{A}"), said("fact5", "¬{D}"))
    steps = [said("int1", "{B}", "fact1", "fact4"), said("int2", "{C}", "int1", "fact2")]
    assert proves(checker, "{B} & {C}", *steps, facts=facts) is True
    assert proves(checker, "¬({B} -> ¬{C})", *steps, facts=facts) is True
    assert proves(checker, "{B} & {D}", *steps, facts=facts) is False
    under = [assume("a1", "{E}"), said("int3", "{E} & {B}", "a1", "int1")]
    assert proves(checker, "{B} & {E}", *steps, *under, facts=facts) is False  # E is assumed


def test_what_cites_nothing_but_a_discharge_is_not_given(checker):
    # Neither {D} nor {D} -> {G} follows from anything; written as discharges of a fact they must not become facts.
    steps = (said("int1", "{D}", discharged=["fact1"]), said("int2", "{D} -> {G}", discharged=["fact1"]), said("int3", "{G}", "int1", "int2"))
    assert proves(checker, "{G}", *steps) is False
    assert given((*FACTS, *steps)) == given(FACTS)
    for place, step in enumerate(steps):
        assert appraise(step, (*FACTS, *steps[:place]), checker).stands is False
