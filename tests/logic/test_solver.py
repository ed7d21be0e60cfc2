"""Many-sorted first-order logic with equality, functions and linear arithmetic: the checker against hand-made cases and against all small structures."""

import numpy as np
import pytest

from prm_gym.claims import Consistent, Entailment, Equivalent, Statement
from prm_gym.errors import FormulaError
from prm_gym.logic.cvc5_solver import Cvc5Solver
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.formula import And, Atom, Compare, Constant, Exists, ForAll, Iff, Implies, Not, Or, Variable, Xor
from prm_gym.logic.language import Language
from prm_gym.logic.semantics import UncheckableError, holds
from prm_gym.logic.small_models import all_structures
from prm_gym.logic.z3_solver import Z3Solver
from prm_gym.task import Task
from prm_gym.verifier import StepContext
from prm_gym.verifiers.z3 import Z3Verifier

DECLARED = Language(
    "smtlib",
    "sort City; const rome: City; const oslo: City; fun size(City): Int; pred big(City); const n: Int; const m: Int; const r: Real; pred even(Int);"
    "const ann: Individual; const bob: Individual; fun mother(Individual): Individual; fun age(Individual): Int; pred knows(Individual, Individual); pred p",
)
FOLIO = Language("folio")


@pytest.fixture(scope="module", params=[Z3Solver, Cvc5Solver])
def checker(request):
    return EntailmentChecker(solver=request.param)


@pytest.mark.parametrize(
    ("premises", "conclusion", "status", "needed"),
    [
        (("(> n 3)", "(> m n)"), "(> m 4)", "entailed", (0, 1)),  # of integers
        (("(> r 3)",), "(> r 4)", "refuted", ()),  # of reals
        (("(> n 3)", "(> m n)"), "(> m 5)", "refuted", ()),
        (("(= (* 2 n) 5)",), "p", "inconsistent", ()),
        (("(= (* 2 r) 5)",), "p", "refuted", ()),
        (("(forall ((x City)) (=> (> (size x) 100) (big x)))", "(= (size rome) 200)", "p"), "(big rome)", "entailed", (0, 1)),
        (("(forall ((x City)) (=> (> (size x) 100) (big x)))", "(= (size rome) 50)"), "(big rome)", "refuted", ()),
        (("(forall ((x Individual)) (knows x (mother x)))",), "(exists ((y Individual)) (knows ann y))", "entailed", (0,)),
        (("(forall ((x Individual)) (knows x (mother x)))",), "(knows ann bob)", "refuted", ()),
        (("(= ann bob)",), "(= (mother ann) (mother bob))", "entailed", (0,)),
        (("(= (mother ann) (mother bob))",), "(= ann bob)", "refuted", ()),
        (
            ("(distinct rome oslo)", "(forall ((x City) (y City)) (=> (distinct x y) (distinct (size x) (size y))))"),
            "(distinct (size rome) (size oslo))",
            "entailed",
            (0, 1),
        ),
        ((), "(or p (not p))", "entailed", ()),
        ((), "(= n n)", "entailed", ()),
        (("p",), "(< r (+ r (/ 1 1000000)))", "entailed", ()),
    ],
)
def test_inferences_by_hand(checker, premises, conclusion, status, needed):
    finding = checker.examine(premises, conclusion, DECLARED)
    assert (finding.status, finding.needed) == (status, needed)
    if finding.counterexample is not None:
        assert all(holds(DECLARED.parse(premise), finding.counterexample) for premise in premises)
        assert not holds(DECLARED.parse(conclusion), finding.counterexample)


def test_a_counterexample_reads_well(checker):
    def told(premises, conclusion):
        finding = checker.examine(premises, conclusion, DECLARED)
        return finding.counterexample.describe([DECLARED.parse(text) for text in (*premises, conclusion)], DECLARED.write)

    assert told(("(> n 3)", "(= m (+ n 1))"), "(> n 4)") == "n = 4; m = 5"
    assert told(("(= (size rome) 50)",), "(big rome)") == "size(rome) = 50; true: nothing; false: (big rome)"
    assert told(("(= ann bob)", "(knows ann bob)"), "p").startswith("bob = ann; true: (knows ann ann)")


@pytest.mark.parametrize(
    ("premises", "conclusion"),
    [
        (("(forall ((x Int)) (=> (even x) (even (+ x 2))))", "(even 0)"), "(even 3)"),
        (("(forall ((x Int)) (exists ((y Int)) (and (> y x) (even y))))",), "(exists ((y Int)) (and (even y) (> y 1000000)))"),
    ],
)
def test_what_is_too_hard_is_undecided_and_quickly(premises, conclusion):
    finding = EntailmentChecker(resource_limit=100_000).examine(premises, conclusion, DECLARED)
    assert finding.status in ("unknown", "entailed")  # never refuted without a counterexample that checks
    assert finding.status == "entailed" or finding.detail


def test_a_quantifier_over_numbers_is_within_reach_of_z3_and_undecided_for_cvc5():
    question = (("(forall ((x Int)) (=> (even x) (even (+ x 2))))", "(even 0)"), "(even 4)", DECLARED)
    assert EntailmentChecker().examine(*question).status == "entailed"
    assert EntailmentChecker(solver=Cvc5Solver).examine(*question).status == "unknown"


def test_what_cannot_be_tried_out_is_said():
    checker = EntailmentChecker()
    finding = checker.examine(("(forall ((x Int)) (>= (* x 1) x))",), "(> n 0)", DECLARED)
    assert finding.status == "refuted"
    with pytest.raises(UncheckableError):
        holds(DECLARED.parse("(forall ((x Int)) (>= x x))"), finding.counterexample)


def _formula(rng, depth, bound=()):
    """A random formula with two relations, a constant, equality, and at most two variables."""
    kind = int(rng.integers(9)) if depth else int(rng.integers(3))
    terms = [Constant("a"), *(Variable(name) for name in bound)]

    def term():
        return terms[int(rng.integers(len(terms)))]

    if kind == 0:
        return Atom("P", (term(),))
    if kind == 1:
        return Atom("R", (term(), term()))
    if kind == 2:
        return Compare(("=", "!=")[int(rng.integers(2))], term(), term())
    if kind in (3, 4) and len(bound) < 2:
        name = "xy"[len(bound)]
        return (ForAll, Exists)[kind - 3](name, _formula(rng, depth - 1, (*bound, name)))
    if kind == 5:
        return Not(_formula(rng, depth - 1, bound))
    return (And, Or, Xor, Implies, Iff)[int(rng.integers(5))](_formula(rng, depth - 1, bound), _formula(rng, depth - 1, bound))


@pytest.mark.parametrize("kind", [Z3Solver, Cvc5Solver])
def test_the_solver_agrees_with_all_small_structures(kind):
    rng = np.random.default_rng(0)
    solver = kind()
    seen = {True: 0, False: 0, None: 0}
    for _ in range(250):
        formulas = [_formula(rng, 3), _formula(rng, 3)]
        answer = solver.ask(formulas)
        small = any(all(holds(formula, structure) for formula in formulas) for size in (1, 2) for structure in all_structures(formulas, size))
        if small:
            assert answer is not False, formulas
        if answer:
            structure = solver.structure(formulas)
            assert all(holds(formula, structure) for formula in formulas), formulas
        seen[answer] += 1
    assert seen[True] > 50
    assert seen[False] > 10
    assert seen[None] < 10


def test_names_do_not_matter_and_sorts_do(checker):
    first = Language("smtlib", "const a: Int; const b: Int; pred q")
    second = Language("smtlib", "const k: Int; const l: Int; pred q")
    reals = Language("smtlib", "const a: Real; const b: Real; pred q")
    assert checker.examine(("(> a 3)", "(< a 5)"), "(= a 4)", first).status == "entailed"
    checks = checker.checks
    assert checker.examine(("(> l 3)", "(< l 5)"), "(= l 4)", second).status == "entailed"
    assert checker.checks == checks  # known by its form
    assert checker.examine(("(> a 3)", "(< a 5)"), "(= a 4)", reals).status == "refuted"


@pytest.mark.parametrize("kind", [Z3Solver, Cvc5Solver])
def test_an_unsat_core_names_formulas_that_clash(kind):
    solver = kind()
    formulas = [FOLIO.parse(text) for text in ("P", "Q", "P → R", "S ∨ T", "¬R")]
    assert solver.core(formulas) == (0, 2, 4)
    assert solver.core(formulas[:4]) is None


def test_folio_by_the_checker(checker):
    facts = ("∀x (Drinks(x) → Dependent(x))", "∀x (Drinks(x) ⊕ Jokes(x))", "∀x (Jokes(x) → ¬Unaware(x))", "Unaware(rina)")
    assert checker.status_of(facts, "Dependent(rina)", FOLIO) == "PROVED"
    assert checker.status_of(facts, "Jokes(rina)", FOLIO) == "DISPROVED"
    assert checker.status_of(facts, "Student(rina)", FOLIO) == "UNKNOWN"
    assert checker.status_of((*facts, "¬Unaware(rina)"), "Student(rina)", FOLIO) == "inconsistent"


@pytest.mark.parametrize(
    ("one", "other", "same"), [("P → Q", "¬Q → ¬P", True), ("∀x P(x)", "¬∃x ¬P(x)", True), ("P ⊕ Q", "P ↔ Q", False), ("P", "P ∧ (Q ∨ ¬Q)", True)]
)
def test_equivalence(checker, one, other, same):
    assert checker.equivalent(one, other, FOLIO) is same


def _judge(claim):
    task = Task(key="t", instructions="", question="")
    return Z3Verifier().verify([StepContext(task=task, observation="", action="", claims=(claim,))])[0]


def test_the_verifier_judges_in_any_language():
    known = (
        Statement("fact1", "(forall ((x City)) (=> (> (size x) 100) (big x)))"),
        Statement("fact2", "(= (size rome) (+ 60 60))"),
        Statement("fact3", "(< (size oslo) 10)"),
    )

    def step(formula, *cited):
        return _judge(Entailment(statement=Statement("int1", formula, cited), known=known, language=DECLARED))

    assert step("(big rome)", "fact1", "fact2").label == "correct"
    assert step("(big rome)", "fact1", "fact2", "fact3").evidence == {"needed": ["fact1", "fact2"]}
    assert step("(big oslo)", "fact1", "fact3").label == "incorrect"
    assert "size(oslo) = " in step("(big oslo)", "fact1", "fact3").reason
    assert step("(< (size oslo) 20)", "fact3").label == "correct"
    assert step("(< (size oslo) 10)", "fact3").label == "trivial"
    assert step("(or (< (size oslo) 10) p)", "fact3").label == "trivial"
    assert step("(big paris)", "fact1").label == "malformed"
    assert step("(set-option :timeout 1)", "fact1").label == "malformed"


def test_consistency_and_equivalence_as_claims():
    assert _judge(Consistent(("P", "P → Q"), FOLIO)).label == "correct"
    assert _judge(Consistent(("P", "P → Q", "¬Q"), FOLIO)).label == "incorrect"
    assert _judge(Equivalent("P → Q", "¬P ∨ Q", FOLIO)).label == "correct"
    assert _judge(Equivalent("P → Q", "Q → P", FOLIO)).label == "incorrect"
    assert _judge(Equivalent("P →", "Q → P", FOLIO)).label == "malformed"
    hard = Equivalent("(forall ((x Int)) (exists ((y Int)) (and (> y x) (even y))))", "(exists ((y Int)) (and (even y) (> y 1000000)))", DECLARED)
    assert _judge(hard).score in (None, 0.0)


def test_a_text_that_does_not_fit_the_declarations(checker):
    with pytest.raises(FormulaError, match="paris is not declared"):
        checker.examine(("(big paris)",), "(big rome)", DECLARED)
