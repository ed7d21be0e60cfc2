import time
from itertools import pairwise, product

import numpy as np
import pytest

from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.formula import (
    And,
    Atom,
    Constant,
    Exists,
    ForAll,
    Implies,
    Not,
    Or,
    Renaming,
    Variable,
    atoms,
    instantiate,
    is_literal,
    negation,
    normal_form,
    outline_of,
)
from prm_gym.logic.notations.fld import parse, write
from prm_gym.logic.semantics import Structure, holds
from prm_gym.logic.small_models import all_structures, search, small_model
from prm_gym.logic.z3_solver import Z3Solver

# a is e1, b is e2. {A} holds of e1 and e2, {B} of e2, {C} of nothing; the proposition {P} holds and {Q} does not.
TWO = Structure(("e1", "e2"), (("a", "e1"), ("b", "e2")), frozenset({("A", "e1"), ("A", "e2"), ("B", "e2"), ("P",)}))


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("{P}", True),
        ("{Q}", False),
        ("¬{Q}", True),
        ("{P} & {Q}", False),
        ("{P} v {Q}", True),
        ("{P} -> {Q}", False),
        ("{Q} -> {P}", True),
        ("{Q} -> {Q}", True),
        ("{A}{a}", True),
        ("{B}{a}", False),
        ("{B}{b}", True),
        ("(x): {A}x", True),
        ("(x): {B}x", False),
        ("(Ex): {B}x", True),
        ("(Ex): {C}x", False),
        ("(x): {C}x -> {B}x", True),  # of nothing: vacuously
        ("(x): {A}x -> {B}x", False),  # e1
        ("(x): {B}x -> {A}x", True),
        ("(Ex): {A}x & ¬{B}x", True),  # e1
        ("(x): (Ey): ({A}x & {B}y)", True),
        ("(Ey): (x): ({B}y -> {B}x)", True),  # the drinker: y = e1
        ("((x): {A}x) & (Ex): {B}x", True),
        ("(x): {P} -> {A}x", True),
        ("(Ex): {Q}", False),  # a variable that occurs nowhere
        ("(x): ((Ey): {B}y & {A}x)", True),
        ("¬(x): {B}x", True),
    ],
)
def test_truth_by_hand(text, truth):
    assert holds(parse(text), TWO) is truth


def test_a_proposition_and_a_predicate_of_one_name_are_two():
    structure = Structure(("e1",), (("a", "e1"),), frozenset({("A",)}))
    assert holds(parse("{A}"), structure)
    assert not holds(parse("{A}{a}"), structure)


def test_an_inner_quantifier_shadows_an_outer_one():
    # (x)(B x or (Ex) C x): in TWO, B of e1 is false and C of nothing is true.
    inner = Exists("x", Atom("C", (Variable("x"),)))
    assert not holds(ForAll("x", Or(Atom("B", (Variable("x"),)), inner)), TWO)
    assert holds(ForAll("x", Or(Atom("A", (Variable("x"),)), inner)), TWO)


def _formula(rng, depth, bound=()):
    """A random closed tree over {A}, {B} of one argument, the propositions {A}, {P}, and the individuals a, b."""
    kind = int(rng.integers(0, 3 if depth == 0 else 11))
    if kind == 0:
        return Atom(("A", "P")[rng.integers(2)])
    if kind <= 2:
        terms = [Constant("a"), Constant("b"), *(Variable(name) for name in bound for _ in range(2))]
        return Atom("AB"[rng.integers(2)], (terms[rng.integers(len(terms))],))
    if kind <= 4:
        return Not(_formula(rng, depth - 1, bound))
    if kind <= 8:
        operator = (And, Or, Implies)[rng.integers(3)]
        return operator(_formula(rng, depth - 1, bound), _formula(rng, depth - 1, bound))
    quantifier, variable = (ForAll, Exists)[rng.integers(2)], "xyz"[len(bound) % 3]
    return quantifier(variable, _formula(rng, depth - 1, (*bound, variable))) if len(bound) < 3 else _formula(rng, depth - 1, bound)


def _structure(rng):
    """A random structure of one to three elements over the names that `_formula` uses."""
    domain = tuple(f"e{i}" for i in range(rng.integers(1, 4)))
    constants = tuple((name, domain[rng.integers(len(domain))]) for name in "ab")
    facts = [("A",), ("P",), *((name, element) for name in "AB" for element in domain)]
    return Structure(domain, constants, frozenset(fact for fact in facts if rng.random() < 0.5))


def _cases(seed, count, depth=5):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        formula = _formula(rng, depth)
        yield formula, [_structure(rng) for _ in range(5)]


def test_the_normal_form_means_the_same_and_that_of_the_negation_the_opposite():
    for formula, structures in _cases(1, 400):
        form, opposite = normal_form(formula), normal_form(formula, positive=False)
        for structure in structures:
            truth = holds(formula, structure)
            assert holds(form, structure) is truth, write(formula)
            assert holds(opposite, structure) is not truth, write(formula)
        assert normal_form(form) == form
        assert normal_form(negation(formula)) == opposite


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{A} & {B}", "{B} & {A}"),
        ("({A} & {B}) & {C}", "{C} & ({B} & {A})"),
        ("{A} v ({B} v {A})", "{B} v {A}"),
        ("{A} -> {B}", "¬{B} -> ¬{A}"),
        ("{A} -> {B}", "¬{A} v {B}"),
        ("¬({A} & {B})", "¬{B} v ¬{A}"),
        ("¬¬{A}", "{A}"),
        ("¬(x): {A}x", "(Ex): ¬{A}x"),
        ("¬((Ex): {A}x & {B}x)", "(x): {B}x -> ¬{A}x"),
    ],
)
def test_disguises_have_one_normal_form(one, other):
    assert normal_form(parse(one)) == normal_form(parse(other))


def test_the_normal_form_has_negations_before_atoms_alone():
    def inside(formula):
        match formula:
            case Not(body):
                assert isinstance(body, Atom)
            case And(left, right) | Or(left, right):
                inside(left)
                inside(right)
            case ForAll(_, body) | Exists(_, body):
                inside(body)
            case _:
                assert isinstance(formula, Atom)

    for formula, _ in _cases(2, 200):
        inside(normal_form(formula))


def _renamed(structure, renaming):
    return Structure(
        structure.domain,
        tuple((renaming.constants[name], element) for name, element in structure.constants if name in renaming.constants),
        frozenset((renaming.predicates[name], *elements) for name, *elements in structure.true if name in renaming.predicates),
    )


def test_renaming_means_the_same_in_the_renamed_structure():
    for formula, structures in _cases(3, 400):
        renaming = Renaming()
        form = renaming(formula)
        assert len(set(renaming.predicates.values())) == len(renaming.predicates)
        assert len(set(renaming.constants.values())) == len(renaming.constants)
        for structure in structures:
            assert holds(form, _renamed(structure, renaming)) is holds(formula, structure), write(formula)
        assert Renaming()(form) == form  # a form is its own form


def test_formulas_that_differ_in_names_alone_have_one_form():
    one = [parse(text) for text in ("(x): {A}x -> {B}{a}", "{C} & {A}{b}", "(Ey): {B}y")]
    two = [parse(text) for text in ("(z): {Q}z -> {A}{zz}", "{B} & {Q}{a}", "(Ex): {A}x")]
    first, second = Renaming(), Renaming()
    assert [first(formula) for formula in one] == [second(formula) for formula in two]


def test_formulas_that_differ_in_what_they_share_have_two_forms():
    def form(*texts):
        renaming = Renaming()
        return [renaming(parse(text)) for text in texts]

    assert form("{A}", "{A}") != form("{A}", "{B}")
    assert form("{A}{a}", "{A}{a}") != form("{A}{a}", "{A}{b}")
    assert form("(x): (y): {A}x & {B}y") != form("(x): (y): {A}y & {B}x")
    assert form("{A}{a}") != form("{A}")


def test_two_lists_have_one_outline_exactly_when_they_have_one_form():
    texts = ["{A}", "{B}", "{A}{a}", "{A}{b}", "{B}{a}", "(x): {A}x -> {B}x", "(y): {B}y -> {A}y", "{A} & {A}", "{A} & {B}", "(Ex): {A}x v {B}{a}"]
    by_form, by_outline = {}, {}
    for pair in product(map(parse, texts), repeat=2):
        renaming = Renaming()
        by_form.setdefault(tuple(renaming(formula) for formula in pair), []).append(pair)
        outline, names = outline_of(pair)
        by_outline.setdefault(outline, []).append(pair)
        assert [renaming.predicates[name] for name in names.predicates] == [f"P{i}" for i in range(len(names.predicates))]
        assert [renaming.constants[name] for name in names.constants] == [f"c{i}" for i in range(len(names.constants))]
    assert sorted(map(repr, by_form.values())) == sorted(map(repr, by_outline.values()))
    assert 10 < len(by_form) < 100


def test_renaming_keeps_variables_apart_where_one_is_shadowed():
    # (x)(x)(y)(A x & B y), which the notation refuses and a tree can hold: x and y must stay two variables.
    def tree(inner):
        return ForAll("x", Exists("x", ForAll("y", And(Atom("A", (Variable("x"),)), Atom("B", (Variable(inner),))))))

    assert Renaming()(tree("y")) != Renaming()(tree("x"))


def test_instantiate_by_hand():
    a = Constant("a")
    assert instantiate(parse("(x): {A}x -> {B}x & {C}{b}").body, "x", a) == parse("{A}{a} -> {B}{a} & {C}{b}")
    assert instantiate(Atom("A", (Variable("y"),)), "x", a) == Atom("A", (Variable("y"),))
    assert instantiate(Atom("A"), "x", a) == Atom("A")
    shadowed = Or(Atom("A", (Variable("x"),)), Exists("x", Atom("B", (Variable("x"),))))
    assert instantiate(shadowed, "x", a) == Or(Atom("A", (a,)), Exists("x", Atom("B", (Variable("x"),))))
    assert instantiate(parse("(x): (y): {A}x & ¬{B}y").body, "x", a) == parse("(y): {A}{a} & ¬{B}y")


def test_where_everything_has_a_name_all_means_every_instance():
    rng = np.random.default_rng(4)
    names = ("a", "b")
    for _ in range(200):
        body = _formula(rng, 3, ("x",))
        facts = [("A",), ("P",), *((name, element) for name in "AB" for element in ("e1", "e2"))]
        structure = Structure(("e1", "e2"), (("a", "e1"), ("b", "e2")), frozenset(fact for fact in facts if rng.random() < 0.5))
        instances = [holds(instantiate(body, "x", Constant(name)), structure) for name in names]
        assert holds(ForAll("x", body), structure) is all(instances)
        assert holds(Exists("x", body), structure) is any(instances)


@pytest.mark.parametrize(
    ("texts", "size", "count"),
    [(["{P} & {Q}"], 2, 4), (["{A}{a}"], 3, 3 * 2**3), (["(x): {A}x v {B}x", "{P} & {A}{a} & {A}{b}"], 2, 2**2 * 2**5)],
)
def test_all_structures_are_all_and_each_once(texts, size, count):
    # size^constants places, and two values for each proposition and for each predicate of each element
    structures = list(all_structures([parse(text) for text in texts], size))
    assert len(structures) == len(set(structures)) == count


def test_the_small_model_is_the_first_of_all_structures():
    found = 0
    for (one, _), (other, _) in pairwise(_cases(3, 400)):
        formulas = [one, other]
        facts = {size: len({a.predicate for f in formulas for a in atoms(f) if not a.arguments}) for size in (1, 2)}
        unary = len({a.predicate for f in formulas for a in atoms(f) if a.arguments})
        expected = None
        for size in (1, 2) if unary else (1,):
            if facts[size] + size * unary > 6:
                break
            expected = next((s for s in all_structures(formulas, size) if holds(one, s) and holds(other, s)), None)
            if expected is not None:
                break
        assert small_model(formulas, 6) == expected, [write(formula) for formula in formulas]
        found += expected is not None
    assert 100 < found < 399
    assert small_model([parse("(x): {A}x"), parse("(Ex): ¬{A}x")], 16) is None
    assert small_model([parse("{A} & ¬{B}")], 1) is None  # too many to try
    assert small_model([], 0) == Structure(("e0",), (), frozenset())


class Z3Alone(Z3Solver):
    """Z3, asked about everything."""

    tables = False

    def satisfiable(self, formulas):
        return self.ask(formulas, keep_model=False)


def test_an_exhaustive_search_without_a_model_is_what_z3_calls_unsatisfiable():
    """Both ways: what is called exhaustive has no model by Z3 and none among all structures of three; and nothing that Z3 refutes has a small model."""
    solver, refuted, open_cases = Z3Alone(), 0, 0
    for (one, _), (other, _), (third, _) in zip(_cases(4, 1_500), _cases(5, 1_500), _cases(6, 1_500), strict=True):
        formulas = [one, other, third]
        found = search(formulas, 10)
        answer = solver.satisfiable(formulas)
        assert answer is not None
        if found.model is not None:
            assert answer
        elif found.exhaustive:
            assert not answer, [write(formula) for formula in formulas]
            refuted += 1
            if refuted % 10 == 0 and sum(1 for _ in zip(all_structures(formulas, 3), range(5_000), strict=False)) < 5_000:
                assert not any(all(holds(formula, structure) for formula in formulas) for structure in all_structures(formulas, 3))
        else:
            open_cases += answer
    assert refuted > 40
    assert open_cases > 0  # what needs three individuals, or more facts than are tried, is left to the solver


@pytest.mark.parametrize(
    ("texts", "exhaustive"),
    [
        (["{P}", "{P} -> {Q}", "¬{Q}"], True),
        (["(x): {A}x -> {B}x", "{A}{a}", "¬{B}{a}"], True),
        (["(x): {A}x -> {B}x", "{A}{a}", "¬{B}{a}", "{B}{b}"], True),
        (["(x): {A}x", "(Ex): ¬{A}x"], False),  # of what exists there may be more than is tried
        (["¬((Ex): {A}x)", "{A}{a}"], True),  # the same as: of all x, not A
        (["¬((x): {A}x)", "(x): {A}x"], False),
        (["((Ex): {A}x) -> {P}", "{A}{a}", "¬{P}"], True),
        (["((x): {A}x) -> {P}", "(x): {A}x", "¬{P}"], False),
        (["{A}{a} & {A}{b} & {A}{c}", "¬{A}{a}"], False),  # three individuals
    ],
)
def test_what_an_exhaustive_search_is(texts, exhaustive):
    found = search([parse(text) for text in texts], 10)
    assert (found.model, found.exhaustive) == (None, exhaustive)


def test_a_formula_of_many_individuals_is_not_tried_out():
    many = parse(" & ".join(f"({{A}}{{{name}}} v ¬{{A}}{{{name}}})" for name in "abcdefghijklmnopqrst"))
    started = time.process_time()
    assert small_model([many], 16) is None
    assert EntailmentChecker().examine(("{A}{a}",), write(many)).tautology
    assert time.process_time() - started < 1.0


def test_describe_names_individuals_and_tells_true_from_false():
    formulas = [parse("(x): {A}x -> {B}x"), parse("{P} & {C}{a} & {Q}")]
    assert TWO.describe(formulas, write) == "true: {A}{a}, {A}{b}, {B}{b}, {P}; false: {B}{a}, {C}{a}, {Q}"
    assert Structure(("e1",), (), frozenset()).describe([parse("{Q}")], write) == "true: nothing; false: {Q}"


def test_small_parts():
    assert negation(Atom("A")) == Not(Atom("A"))
    assert negation(Not(Atom("A"))) == Atom("A")
    assert negation(Not(Not(Atom("A")))) == Not(Atom("A"))
    assert is_literal(parse("¬{A}{a}"))
    assert not is_literal(parse("¬¬{A}"))
    assert not is_literal(parse("(x): {A}x"))
    assert [atom.predicate for atom in atoms(parse("{B} & ((x): {A}x v {B}x)"))] == ["B", "A", "B"]
