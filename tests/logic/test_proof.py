import time

import pytest

from prm_gym.claims import Statement
from prm_gym.errors import FormulaError
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.notations.fld import parse
from prm_gym.logic.proof import appraise, appraise_all, derivation, given, opposite
from prm_gym.logic.semantics import holds
from prm_gym.logic.z3_solver import Z3Solver


class Blind(Z3Solver):
    """Without the means to decide anything that a small model does not show."""

    tables = False


@pytest.fixture(scope="module")
def checker():
    return EntailmentChecker()


def said(label, formula, *cited):
    return Statement(label, formula, cited)


FACTS = (said("fact1", "{A} -> {B}"), said("fact2", "{A}"), said("fact3", "{B} -> {C}"), said("fact4", "{D}"), said("fact5", "{A} & {D} -> {E}"))


def test_a_sound_proof_stands_step_by_step(checker):
    proof = (said("int1", "{B}", "fact1", "fact2"), said("int2", "{C}", "fact3", "int1"))
    standing = appraise_all(FACTS + proof, checker)
    assert list(standing) == ["fact1", "fact2", "fact3", "fact4", "fact5", "int1", "int2"]
    assert all(appraisal.stands is True and appraisal.fault is None for appraisal in standing.values())
    first = appraise(proof[0], FACTS, checker)
    assert (first.stands, first.fault, first.empty, first.finding.needed) == (True, None, "", (0, 1))
    assert derivation("{C}", FACTS + proof, checker) is True
    assert derivation("{E}", FACTS + proof, checker) is False
    assert derivation("{D}", FACTS + proof, checker) is True  # it was given


@pytest.mark.parametrize(
    ("statement", "stands", "fault", "reason"),
    [
        (said("int1", "{B}"), False, "citation", "no premise"),
        (said("int1", "{B}", "fact9"), False, "citation", "fact9 has not been established"),
        (said("int1", "{B}", "int1"), False, "citation", "int1 has not been established"),
        (said("int1", "{B}", "hypothesis"), False, "citation", "hypothesis has not been established"),
        (said("int1", "{E}", "({E} & {D})"), False, "citation", "has not been established"),
        (said("fact4", "{B}", "fact1", "fact2"), False, "citation", "fact4 is already taken: {D}"),
        (said("int1", "{B", "fact1"), False, "formula", "at character 1"),
        (said("int1", "(assert false)", "fact1"), False, "formula", "at character 2"),
        (said("int1", "{C}", "fact1", "fact2"), False, "inference", "does not follow from the cited premises: true: {A}, {B}; false: {C}"),
        (said("int1", "{B}", "fact1", "fact2"), True, None, "follows from fact1, fact2"),
        (said("int1", "{B}", "fact4", "fact2", "fact1", "fact3"), True, None, "follows from fact2, fact1"),
        (said("int1", "{B}", "fact1", "fact2", "fact1", "fact2"), True, None, "follows from fact1, fact2"),
    ],
)
def test_each_fault_has_its_name_and_reason(checker, statement, stands, fault, reason):
    appraisal = appraise(statement, FACTS, checker)
    assert (appraisal.stands, appraisal.fault) == (stands, fault)
    assert reason in appraisal.reason


def test_a_refutation_carries_a_counterexample_that_checks(checker):
    structure = appraise(said("int1", "{C}", "fact1", "fact2"), FACTS, checker).finding.counterexample
    assert holds(parse("{A} -> {B}"), structure)
    assert holds(parse("{A}"), structure)
    assert not holds(parse("{C}"), structure)


def test_what_rests_on_an_unsound_statement_does_not_stand(checker):
    chain = (
        said("int1", "{C}", "fact2"),  # does not follow
        said("int2", "{C} & {A}", "int1", "fact2"),
        said("int3", "{C} v {A}", "int2"),
        said("int4", "{A} & {D}", "fact2", "fact4"),  # stands on its own
        said("int5", "{E}", "int4", "fact5"),
        said("int6", "{E}", "int5", "int1"),  # would not need int1, but cites it
    )
    standing = appraise_all(FACTS + chain, checker)
    assert [standing[s.label].stands for s in chain] == [False, False, False, True, True, False]
    assert [standing[s.label].fault for s in chain] == ["inference", "rests", "rests", None, None, "rests"]
    assert "int1" in standing["int2"].reason
    assert derivation("{C}", FACTS + chain, checker) is False
    assert derivation("{E}", FACTS + chain, checker) is True
    alone = appraise(said("int7", "{C} -> {D}", "int1", "fact4"), FACTS + chain, checker, propagate=False)
    assert alone.stands is True


def test_contradictory_premises_make_nothing_follow(checker):
    known = (*FACTS, said("int1", "¬{A}", "fact4"))
    appraisal = appraise(said("int2", "{C}", "fact2", "int1"), known, checker)
    assert (appraisal.stands, appraisal.fault) == (False, "premises")
    inconsistent = (said("fact1", "{A}"), said("fact2", "¬{A}"))
    assert appraise(said("int1", "{A}", "fact1", "fact2"), inconsistent, checker).fault == "premises"
    assert derivation("{Z}", (*inconsistent, said("int1", "{Z}", "fact1", "fact2")), checker) is False


def test_a_proof_of_sixty_statements_that_cite_both_before_them_takes_one_look_at_each(checker):
    # int_n needs int_{n-1} and int_{n-2}: an appraisal that walked down anew for each citation would take Fibonacci(60) = 1.5e12 looks.
    names = [f"{{{chr(65 + n // 26)}{chr(65 + n % 26)}}}" for n in range(62)]
    rules = tuple(said(f"fact{n}", f"{names[n - 2]} & {names[n - 1]} -> {names[n]}") for n in range(2, 62))
    facts = (said("fact0", names[0]), said("fact1", names[1]), *rules)
    before = {0: "fact0", 1: "fact1"}
    proof = tuple(said(f"int{n}", names[n], f"fact{n}", before.get(n - 2, f"int{n - 2}"), before.get(n - 1, f"int{n - 1}")) for n in range(2, 62))
    fresh = EntailmentChecker(cache_size=0)
    started = time.process_time()
    standing = appraise_all(facts + proof, fresh)
    assert time.process_time() - started < 5
    assert all(appraisal.stands for appraisal in standing.values())
    # per statement at most: are the premises consistent, does it follow, can each of the three go, does the conclusion say each of the three
    assert fresh.checks <= 60 * 8
    assert derivation(names[-1], facts + proof, checker) is True
    broken = (*proof[:5], said("int7", names[7], "fact7", "int5"), *proof[6:])
    standing = appraise_all(facts + broken, checker)
    assert [standing[s.label].stands for s in broken] == [True] * 5 + [False] * 55
    assert derivation(names[-1], facts + broken, checker) is False


def test_a_time_limit_on_many_citations(checker):
    facts = tuple(said(f"fact{n}", f"{{{chr(65 + n // 26)}{chr(65 + n % 26)}}}") for n in range(100))
    started = time.process_time()
    appraisal = appraise(said("int1", "{AA} & {DV}", *(fact.label for fact in facts)), facts, checker)
    assert time.process_time() - started < 5
    assert appraisal.finding.needed == (0, 99)


def test_of_two_with_one_label_the_first_counts(checker):
    known = (*FACTS, said("int1", "{B}", "fact1", "fact2"), said("int1", "{Z}", "fact4"), said("fact4", "{Z}"))
    standing = appraise_all(known, checker)
    assert standing["int1"].stands
    assert derivation("{Z}", known, checker) is False
    assert appraise(said("int2", "{Z}", "int1"), known, checker).fault == "inference"
    assert appraise(said("int2", "{C}", "int1", "fact3"), known, checker).stands
    # The other way round: a false first is not mended by a right second.
    known = (*FACTS, said("int1", "{Z}", "fact4"), said("int1", "{B}", "fact1", "fact2"))
    assert appraise_all(known, checker)["int1"].stands is False
    assert derivation("{B}", known, checker) is False
    assert appraise(said("int2", "{C}", "int1", "fact3"), known, checker).stands is False


def test_forward_and_circular_citations_do_not_stand(checker):
    known = (*FACTS, said("int1", "{Z}", "int2"), said("int2", "{Z}", "int1"))
    standing = appraise_all(known, checker)
    assert (standing["int1"].stands, standing["int1"].fault) == (False, "citation")
    assert (standing["int2"].stands, standing["int2"].fault) == (False, "rests")
    assert derivation("{Z}", known, checker) is False
    assert appraise(said("int3", "{Z} & {Z}", "int1", "int2"), known, checker).stands is False


def test_a_statement_that_is_no_formula_disturbs_nobody_but_who_cites_it(checker):
    known = (said("fact0", "{A"), *FACTS, said("int1", "nonsense", "fact2"), said("int2", "{B}", "fact1", "fact2"))
    standing = appraise_all(known, checker)
    assert (standing["int1"].stands, standing["int1"].fault) == (False, "formula")
    assert standing["int2"].stands
    assert appraise(said("int3", "{A}", "fact0"), known, checker).fault == "formula"
    assert appraise(said("int3", "{C}", "int2", "fact3"), known, checker).stands
    assert derivation("{B}", known, checker) is True
    assert derivation("{Z}", known, checker) is False
    with pytest.raises(FormulaError):
        derivation("nonsense", known, checker)


def test_what_cannot_be_told_is_neither_right_nor_wrong_and_passes_on():
    blind = EntailmentChecker(resource_limit=1, solver=Blind)
    known = (*FACTS, said("int1", "{B}", "fact1", "fact2"))
    assert appraise_all(known, blind)["int1"].stands is None
    later = appraise(said("int2", "{C}", "fact3", "int1"), known, blind)
    assert (later.stands, later.fault, later.empty) == (None, "unknown", "")
    assert derivation("{B}", known, blind) is None
    assert derivation("{A}", known, blind) is True  # given: nothing to ask
    assert derivation("{Z}", known, blind) is False  # nobody has said it


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        (said("int1", "{A} v ¬{A}", "fact4"), "tautology"),
        (said("int1", "({A} -> {B}) -> ({A} -> {B})", "fact1"), "tautology"),
        (said("int1", "{D}", "fact4"), "fact4"),
        (said("int1", "¬¬{D}", "fact4"), "fact4"),
        (said("int1", "¬{B} -> ¬{A}", "fact1"), "fact1"),
        (said("int1", "{D} & {A}", "fact2", "fact4"), "fact2 and fact4"),
        (said("int1", "{D} & {D}", "fact4", "fact2", "fact1"), "fact4"),
        (said("int1", "{D} v {Z}", "fact4"), "predicates"),
        (said("int1", "{Z} -> {D}", "fact4"), "predicates"),
        (said("int1", "{B} v {Z}", "fact1", "fact2"), "predicates"),
    ],
)
def test_what_stands_and_says_nothing_is_told(checker, statement, word):
    appraisal = appraise(statement, FACTS, checker)
    assert appraisal.stands is True
    assert word in appraisal.empty
    assert appraisal.reason == appraisal.empty


def test_repetition_counts_against_what_stands_alone(checker):
    sound, unsound = said("int1", "{B}", "fact1", "fact2"), said("int1", "{B}", "fact4")
    again = said("int2", "{B}", "fact2", "fact1")
    assert "int1" in appraise(again, (*FACTS, sound), checker).empty
    mended = appraise(again, (*FACTS, unsound), checker)  # a right derivation of what was only claimed adds something
    assert (mended.stands, mended.empty) == (True, "")


def test_small_parts(checker):
    known = (*FACTS, said("int1", "{B}", "fact1", "fact2"))
    assert given(known) == tuple(fact.formula for fact in FACTS)
    assert opposite("{A}") == "¬{A}"
    assert opposite("¬{A}{a}") == "{A}{a}"
    assert opposite("{A} v {B}") == "¬({A} v {B})"
    # A goal is recognised up to commutation, double negation and the like.
    said_otherwise = (*FACTS, said("int1", "¬(¬{B} v ¬{A})", "fact1", "fact2"))
    assert derivation("{A} & {B}", said_otherwise, checker) is True
    assert derivation("¬¬({B} & {A})", said_otherwise, checker) is True
    assert derivation("¬({A} & {B})", said_otherwise, checker) is False


def test_a_proof_by_cases_is_no_restatement(checker):
    # From A v B and A -> B follows B; that B in turn implies both premises does not make the step empty.
    known = (said("fact1", "{A} v {B}"), said("fact2", "{A} -> {B}"))
    assert appraise(said("int1", "{B}", "fact1", "fact2"), known, checker).empty == ""
