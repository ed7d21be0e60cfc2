"""The checker against an independent decision by exhaustion.

Monadic first-order logic without equality has the finite-model property: with k unary predicates a formula that has a model has one of at most 2^k elements
(Löwenheim 1915; Boolos, Burgess, Jeffrey, Computability and Logic, ch. 21; Börger, Grädel, Gurevich, The Classical Decision Problem, 6.2). For k = 2 that is
sizes 1 to 4. Elements of which the same predicates hold cannot be told apart, so that it is enough to look at the sets of types that occur: 15 of them,
times the places of the constants, times the truth of the propositions.
"""

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, combinations, product

import numpy as np
import pytest

from prm_gym.errors import FormulaError
from prm_gym.logic.cvc5_solver import Cvc5Solver
from prm_gym.logic.entailment import EntailmentChecker, adds_vocabulary, shared_checker
from prm_gym.logic.formula import And, Atom, Constant, Exists, ForAll, Implies, Not, Or, Variable
from prm_gym.logic.language import Language
from prm_gym.logic.notations.fld import parse, write
from prm_gym.logic.semantics import Structure, holds
from prm_gym.logic.small_models import all_structures
from prm_gym.logic.z3_solver import Z3Solver


class Blind(Z3Solver):
    """Without the means to decide anything that a small model does not show."""

    tables = False


def _structures_by_types():
    types = list(product((False, True), repeat=2))
    for domain in chain.from_iterable(combinations(range(4), size) for size in range(1, 5)):
        elements = tuple(f"e{i}" for i in domain)
        unary = {(name, f"e{i}") for i in domain for name, value in zip("AB", types[i], strict=True) if value}
        for a, b in product(elements, repeat=2):
            for propositions in product((False, True), repeat=2):
                true = unary | {(name,) for name, value in zip("AP", propositions, strict=True) if value}
                yield Structure(elements, (("a", a), ("b", b)), frozenset(true))


# 4 of one element, 6 of two, 4 of three, 1 of four, with n^2 places of the constants: (4 + 6 * 4 + 4 * 9 + 16) * 4 = 320.
STRUCTURES = list(_structures_by_types())


def _truths(formula):
    """[320] bool: in which structures it holds."""
    return np.array([holds(formula, structure) for structure in STRUCTURES])


def _formula(rng, depth, bound=()):
    """A random closed tree over {A}, {B} of one argument, the propositions {A}, {P}, and the individuals a, b."""
    kind = int(rng.integers(0, 4 if depth == 0 else 12))
    if kind == 0:
        return Atom(("A", "P")[rng.integers(2)])
    if kind <= 3:
        terms = [Constant("a"), Constant("b"), *(Variable(name) for name in bound for _ in range(3))]
        return Atom("AB"[rng.integers(2)], (terms[rng.integers(len(terms))],))
    if kind == 4:
        return Not(_formula(rng, depth - 1, bound))
    if kind <= 8:
        operator = (And, Or, Implies)[rng.integers(3)]
        return operator(_formula(rng, depth - 1, bound), _formula(rng, depth - 1, bound))
    quantifier, variable = (ForAll, Exists)[rng.integers(2)], "xyz"[len(bound) % 3]
    return quantifier(variable, _formula(rng, depth - 1, (*bound, variable))) if len(bound) < 2 else _formula(rng, depth - 1, bound)


def _inferences(seed, count):
    """Random inferences of no to four premises; some conclusions are built to follow or to say the same."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        premises = [_formula(rng, 2) for _ in range(rng.integers(0, 5))]
        conclusion = _formula(rng, 2)
        shape = rng.integers(8)
        if shape == 0 and premises:
            conclusion = Or(premises[0], conclusion)
        elif shape == 1 and len(premises) > 1:
            conclusion = And(premises[1], premises[0])
        elif shape == 2 and premises:
            conclusion = Not(And(premises[-1], conclusion)) if rng.random() < 0.5 else Not(premises[-1])
        elif shape == 3:
            conclusion = Or(Not(conclusion), Or(conclusion, premises[0])) if premises else Implies(conclusion, conclusion)
        elif shape == 4:
            premises.append(Implies(premises[0], conclusion) if premises else conclusion)
        made.append((tuple(write(premise) for premise in premises), write(conclusion)))
    return made


INFERENCES = _inferences(0, 600)


@pytest.fixture(scope="module")
def findings():
    checker = EntailmentChecker()
    return [checker.examine(premises, conclusion) for premises, conclusion in INFERENCES]


@pytest.fixture(scope="module")
def truths():
    return [([_truths(parse(premise)) for premise in premises], _truths(parse(conclusion))) for premises, conclusion in INFERENCES]


def _all(columns):
    return np.logical_and.reduce(columns) if len(columns) else np.ones(len(STRUCTURES), dtype=bool)


def _follows(columns, conclusion):
    return bool(np.all(conclusion[_all(columns)]))


def test_the_structures_by_types_decide_as_all_structures_do():
    # All sizes up to 2^2 = 4 in full, on a few formulas with one constant: 4 + 16 + 3 * 64 + 4 * 256 and twice as many with a proposition.
    rng = np.random.default_rng(5)
    seen = {True: 0, False: 0}
    while min(seen.values()) < 4:
        formula = _formula(rng, 2)
        text = write(formula).replace("{b}", "{a}").replace("{P}", "{A}")
        if "{B}" not in text or "(" not in text:
            continue
        formula = parse(text)
        satisfiable = any(holds(formula, structure) for size in range(1, 5) for structure in all_structures([formula], size))
        valid = all(holds(formula, structure) for size in range(1, 5) for structure in all_structures([formula], size))
        column = _truths(formula)
        assert bool(column.any()) is satisfiable
        assert bool(column.all()) is valid
        seen[satisfiable and not valid] += 1


def test_every_status_is_that_of_exhaustion(findings, truths):
    counted = {"entailed": 0, "refuted": 0, "inconsistent": 0, "unknown": 0}
    for (premises, conclusion), finding in zip(truths, findings, strict=True):
        counted[finding.status] += 1
        if finding.status == "unknown":
            continue
        expected = "inconsistent" if not _all(premises).any() else "entailed" if _follows(premises, conclusion) else "refuted"
        assert finding.status == expected
    assert counted["unknown"] == 0, "formulas of this size are within Z3's reach"
    assert min(counted["entailed"], counted["refuted"], counted["inconsistent"]) >= 30, counted


def test_needed_is_enough_and_nothing_in_it_can_go(findings, truths):
    checked = 0
    for (premises, conclusion), finding in zip(truths, findings, strict=True):
        if finding.status != "entailed":
            assert finding.needed == ()
            continue
        needed = [premises[i] for i in finding.needed]
        assert _follows(needed, conclusion)
        for gone in range(len(needed)):
            assert not _follows(needed[:gone] + needed[gone + 1 :], conclusion)
        checked += len(needed) > 1
    assert checked >= 10


def _parts(formula):
    return _parts(formula.left) + _parts(formula.right) if isinstance(formula, And) else [formula]


def test_tautology_and_restatement_are_those_of_exhaustion(findings, truths):
    tautologies = restatements = 0
    for (premises, conclusion), (_, text), finding in zip(truths, INFERENCES, findings, strict=True):
        entailed = finding.status == "entailed"
        assert finding.tautology is (entailed and bool(conclusion.all()))
        needed = [premises[i] for i in finding.needed]
        back = all(_follows([conclusion], premise) for premise in needed)  # it says each of them, and each of its parts is said by one
        apart = all(any(_follows([premise], _truths(part)) for premise in needed) for part in _parts(parse(text)))
        assert finding.restates is (bool(needed) and back and apart)
        tautologies += finding.tautology
        restatements += finding.restates
    assert min(tautologies, restatements) >= 20


def test_every_counterexample_checks(findings):
    for (premises, conclusion), finding in zip(INFERENCES, findings, strict=True):
        assert (finding.counterexample is not None) is (finding.status == "refuted")
        if finding.counterexample is not None:
            assert all(holds(parse(premise), finding.counterexample) for premise in premises)
            assert not holds(parse(conclusion), finding.counterexample)
            assert finding.counterexample.describe([parse(text) for text in (*premises, conclusion)], write)


def test_the_status_of_a_hypothesis_is_that_of_exhaustion(truths):
    checker = EntailmentChecker()
    counted = dict.fromkeys(("PROVED", "DISPROVED", "UNKNOWN", "inconsistent"), 0)
    for (premises, hypothesis), (facts, goal) in zip(INFERENCES[:200], truths[:200], strict=True):
        status = checker.status_of(premises, hypothesis)
        if not _all(facts).any():
            expected = "inconsistent"
        elif _follows(facts, goal):
            expected = "PROVED"
        else:
            expected = "DISPROVED" if _follows(facts, ~goal) else "UNKNOWN"
        assert status == expected
        counted[status] += 1
    assert min(counted.values()) >= 8, counted


def _with_other_names(text, predicates, constants, variables):
    def rename(formula):
        match formula:
            case Atom(predicate, ()):
                return Atom(predicates[predicate])
            case Atom(predicate, (Constant(name),)):
                return Atom(predicates[predicate], (Constant(constants[name]),))
            case Atom(predicate, (Variable(name),)):
                return Atom(predicates[predicate], (Variable(variables[name]),))
            case Not(body):
                return Not(rename(body))
            case ForAll(name, body) | Exists(name, body):
                return type(formula)(variables[name], rename(body))
            case _:
                return type(formula)(rename(formula.left), rename(formula.right))

    return write(rename(parse(text)))


@pytest.mark.parametrize(
    ("predicates", "constants", "variables"),
    [
        ({"A": "B", "B": "A", "P": "P"}, {"a": "b", "b": "a"}, {"x": "z", "y": "x", "z": "y"}),
        ({"A": "ANYTHING", "B": "P", "P": "B"}, {"a": "anything", "b": "v"}, {"x": "w", "y": "u", "z": "x"}),
    ],
)
def test_names_do_not_matter(findings, predicates, constants, variables):
    remembering, fresh = EntailmentChecker(), EntailmentChecker(cache_size=0)
    for (premises, conclusion), finding in zip(INFERENCES[:150], findings[:150], strict=True):
        remembering.examine(premises, conclusion)
        renamed = [_with_other_names(text, predicates, constants, variables) for text in (*premises, conclusion)]
        before = remembering.checks
        answers = [remembering.examine(tuple(renamed[:-1]), renamed[-1]), fresh.examine(tuple(renamed[:-1]), renamed[-1])]
        assert remembering.checks == before, "the same form is not examined again"
        for answer in answers:
            assert (answer.status, answer.needed, answer.tautology, answer.restates) == (finding.status, finding.needed, finding.tautology, finding.restates)
            if answer.counterexample is not None:  # told in the names of the question
                assert all(holds(parse(text), answer.counterexample) for text in renamed[:-1])
                assert not holds(parse(renamed[-1]), answer.counterexample)


def test_the_counterexample_of_a_remembered_form_speaks_of_the_names_that_were_asked():
    checker = EntailmentChecker()
    checker.examine(("(x): {A}x -> {B}x", "{B}{a}"), "{A}{a}")
    structure = checker.examine(("(y): {RED}y -> {BIG}y", "{BIG}{tom}"), "{RED}{tom}").counterexample
    assert dict(structure.constants).keys() == {"tom"}
    tom = dict(structure.constants)["tom"]
    assert ("BIG", tom) in structure.true
    assert ("RED", tom) not in structure.true


def test_the_order_of_premises_does_not_change_the_status(findings):
    checker = EntailmentChecker()
    for (premises, conclusion), finding in zip(INFERENCES[:150], findings[:150], strict=True):
        other = checker.examine(premises[::-1], conclusion)
        assert (other.status, other.tautology) == (finding.status, finding.tautology)


@pytest.mark.parametrize("options", [{"cache_size": 0}, {"cache_size": 3}, {"cache_size": 0, "keep_solver": False}, {}])
def test_remembered_and_fresh_answers_are_equal(findings, options):
    checker = EntailmentChecker(**options)
    questions = list(zip(INFERENCES, findings, strict=True))[:60]
    for (premises, conclusion), finding in questions + questions[::-1]:
        answer = checker.examine(premises, conclusion)
        assert (answer.status, answer.needed, answer.tautology, answer.restates) == (finding.status, finding.needed, finding.tautology, finding.restates)
        if answer.counterexample is not None:
            assert all(holds(parse(premise), answer.counterexample) for premise in premises)
            assert not holds(parse(conclusion), answer.counterexample)


# Pigeons and holes: n + 1 pigeons do not fit into n holes, in n (n + 1) propositions. All clauses but the last entail the negation of the last, and are
# consistent (without the last one, two pigeons may share a hole). Resolution proofs of it grow exponentially with n (Haken 1985).
def _pigeonholes(holes):
    names = [[f"{{{chr(65 + pigeon)}{chr(65 + hole)}}}" for hole in range(holes)] for pigeon in range(holes + 1)]
    clauses = [" v ".join(row) for row in names]
    clauses += [f"¬({row[hole]} & {other[hole]})" for hole in range(holes) for row, other in combinations(names, 2)]
    return tuple(clauses[:-1]), f"¬({clauses[-1]})", f"{names[0][0]} & {names[1][1]}"


def test_without_the_means_to_decide_the_answer_is_unknown_and_never_wrong():
    premises, follows, open_case = _pigeonholes(4)
    assert EntailmentChecker().examine(premises, follows).status == "entailed"
    assert EntailmentChecker().examine(premises, open_case).status == "refuted"
    unknown = 0
    for limit in (1, 10, 100, 300, 1_000, 2_000, 4_000, 8_000):
        checker = EntailmentChecker(resource_limit=limit)
        answers = [checker.examine(premises, follows), checker.examine(premises, open_case)]
        assert answers[0].status in ("entailed", "unknown")
        assert answers[1].status in ("refuted", "unknown")
        unknown += [answer.status for answer in answers].count("unknown")
        for answer in answers:
            assert bool(answer.detail) is (answer.status == "unknown")
        assert checker.status_of(premises, follows) in ("PROVED", "undecided")
        assert checker.status_of(premises, open_case) in ("UNKNOWN", "undecided")
    assert unknown >= 6
    tiny = EntailmentChecker(resource_limit=1, solver=Blind)
    assert tiny.examine(("{A}",), "{A}").status == "unknown"
    assert tiny.status_of(("{A}",), "{A}") == "undecided"


def test_a_hard_question_does_not_spoil_the_next():
    premises, follows, _ = _pigeonholes(4)
    checker = EntailmentChecker(resource_limit=1_000)
    for _ in range(3):
        assert checker.examine(premises, follows).status == "unknown"
        for name in "ABC":
            assert checker.examine((f"{{{name}}} -> {{D}}", f"{{{name}}}"), "{D}").status == "entailed"
            assert checker.examine((f"{{{name}}} -> {{D}}", "{D}"), f"{{{name}}}").status == "refuted"


def test_what_z3_leaves_open_stays_open():
    # Everything has a successor, in binary: over three predicates this needs all eight types, the greatest among them. Nested quantifiers are where Z3's
    # search for a finite model gives up. It follows that something is of the greatest type, and no answer may say the opposite.
    successor = (
        "(x): (Ey): (({A}x -> ¬{A}y) & (¬{A}x -> {A}y)) & (({A}x -> (({B}x -> ¬{B}y) & (¬{B}x -> {B}y))) & (¬{A}x -> (({B}x -> {B}y) & ({B}y -> {B}x))))"
        " & ((({A}x & {B}x) -> (({C}x -> ¬{C}y) & (¬{C}x -> {C}y))) & (¬({A}x & {B}x) -> (({C}x -> {C}y) & ({C}y -> {C}x))))"
    )
    checker = EntailmentChecker(resource_limit=200_000)
    started = time.process_time()
    assert checker.examine((successor,), "(Ex): {A}x & {B}x & {C}x").status in ("unknown", "entailed")
    assert checker.examine((successor,), "¬((Ex): {A}x & {B}x & {C}x)").status in ("unknown", "refuted")
    assert checker.examine((successor,), "{P}").status in ("unknown", "refuted")
    assert time.process_time() - started < 10
    eight = Structure(tuple(f"e{i}" for i in range(8)), (), frozenset((name, f"e{i}") for i in range(8) for bit, name in enumerate("ABC") if i >> bit & 1))
    assert holds(parse(successor), eight)
    assert not holds(parse(successor), Structure(("e1",), (), frozenset()))


def test_a_checker_can_be_pickled_and_answers_as_before():
    checker = EntailmentChecker(cache_size=7, keep_solver=False, resource_limit=123_456)
    assert checker.examine(("{A}", "{A} -> {B}"), "{B}").status == "entailed"
    copy = pickle.loads(pickle.dumps(checker))
    assert (copy.cache_size, copy.keep_solver, copy.resource_limit, copy.checks) == (7, False, 123_456, 0)
    assert copy.examine(("{A}", "{A} -> {B}"), "{B}") == checker.examine(("{A}", "{A} -> {B}"), "{B}")
    for finding in (copy.examine(("{A}",), "{B}"), copy.examine((), "{A} v ¬{A}")):
        assert pickle.loads(pickle.dumps(finding)) == finding


def test_each_thread_has_a_checker_of_its_own_and_right_answers(findings):
    threads = 4
    together = threading.Barrier(threads)

    def work(offset):
        together.wait()
        checker = shared_checker()
        assert shared_checker() is checker
        order = np.random.default_rng(offset).permutation(len(INFERENCES))[:150]
        answers = {int(i): checker.examine(*INFERENCES[i]) for i in order}
        together.wait()
        return checker, answers

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(work, range(threads)))
    assert len({id(checker) for checker, _ in results} | {id(shared_checker())}) == threads + 1
    for _, answers in results:
        for index, answer in answers.items():
            assert (answer.status, answer.needed) == (findings[index].status, findings[index].needed)


def test_by_hand():
    checker = EntailmentChecker()
    assert checker.examine((), "{A} v ¬{A}").tautology
    assert checker.examine(("{B}",), "{A} -> {A}").needed == ()
    assert checker.examine((), "{A}").status == "refuted"
    assert checker.examine(("{A}", "¬{A}"), "{B}").status == "inconsistent"
    assert checker.examine(("{A} & ¬{A}",), "{A}").status == "inconsistent"
    assert checker.examine(("(x): {A}x",), "(Ex): {A}x").status == "entailed"  # something exists
    assert checker.examine(("(Ex): {A}x",), "{A}{a}").status == "refuted"
    assert checker.examine(("{A}",), "{A}{a}").status == "refuted"  # a proposition is no predicate
    assert checker.examine(("{C}", "{A}", "{A} -> {B}", "{D}"), "{B}").needed == (1, 2)
    assert checker.examine(("{A}", "{A}"), "{A}").needed == (0,)
    assert checker.examine(("(x): {A}x -> {B}x",), "(y): ¬{B}y -> ¬{A}y").restates
    assert checker.status_of(("{A}", "{A} -> ¬{B}"), "{B}") == "DISPROVED"
    assert checker.status_of((), "{A} v ¬{A}") == "PROVED"


@pytest.mark.parametrize(("premises", "conclusion"), [(("{A",), "{A}"), (("{A}",), "{A}x"), (("{A}", ""), "{A}"), (("{A}",), "(assert false)")])
def test_what_is_no_formula_is_refused(premises, conclusion):
    with pytest.raises(FormulaError):
        EntailmentChecker().examine(premises, conclusion)
    with pytest.raises(FormulaError):
        EntailmentChecker().status_of(premises, conclusion)


def test_new_vocabulary_is_noticed():
    assert adds_vocabulary(("{A}",), "{A} v {B}")
    assert adds_vocabulary((), "{A}")
    assert not adds_vocabulary(("{A}", "{A} -> {B}"), "{B} v {A}")
    assert not adds_vocabulary(("{A}{a}",), "(Ex): {A}x")
    # Under an old name: another number of arguments, another individual. What is said of all is said of each.
    assert adds_vocabulary(("{A}{a}",), "{A}{a} v {A}")
    assert adds_vocabulary(("{A}",), "{A} v {A}{a}")
    assert adds_vocabulary(("{A}{a}",), "{A}{a} v {A}{b}")
    assert not adds_vocabulary(("(x): {A}x -> {B}x", "{A}{a}"), "{B}{a}")


def test_what_was_asked_before_does_not_change_a_finding():
    """The counterexample too depends on the question alone: forwards, backwards and alone give the same."""
    letters = "ABCD"
    questions = [((f"{{{a}}} -> {{{b}}}", f"{{{c}}} v {{{a}}}"), f"{{{b}}}") for a in letters for b in letters for c in letters if len({a, b, c}) == 3]
    questions += [((f"(x): {{{a}}}x -> {{{b}}}x", f"(Ex): {{{a}}}x & {{{c}}}x"), f"(x): {{{b}}}x") for a, b, c in ("ABC", "BCA", "CAB")]
    forwards, backwards = EntailmentChecker(cache_size=0), EntailmentChecker(cache_size=0)
    found = {question: forwards.examine(*question) for question in questions}
    assert {question: backwards.examine(*question) for question in reversed(questions)} == found
    assert EntailmentChecker(cache_size=0).examine(*questions[-1]) == found[questions[-1]]


@pytest.mark.parametrize(
    ("premises", "conclusion", "notation"),
    [((), "∀x ∀y (x = y)", "folio"), (("P ∨ ∃x ∃y (x ≠ y)",), "P", "folio"), ((), "! [X,Y] : X = Y", "tptp"), (("∃x ∃y (x ≠ y)", "Q ∨ P"), "P", "folio")],
)
def test_how_many_things_there_are_is_not_decided_among_one(premises, conclusion, notation):
    # True where there is one individual, false where there are two: follows from nothing.
    for solver in (Z3Solver, Cvc5Solver):
        assert EntailmentChecker(solver=solver).examine(premises, conclusion, Language(notation)).status == "refuted"


def test_two_things_may_differ():
    assert EntailmentChecker().consistent(("? [X,Y] : X != Y",), Language("tptp")) is True
