import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prm_gym.errors import FormulaError
from prm_gym.logic.formula import And, Apply, Arithmetic, Atom, Compare, Constant, Exists, ForAll, Iff, Implies, Negative, Not, Number, Or, Truth, Variable, Xor
from prm_gym.logic.language import Language, read_declarations
from prm_gym.logic.notations import NOTATIONS, folio, smtlib, tptp
from prm_gym.logic.signature import Signature, check_sorts

# Everything that the typed notations can say: individuals, a sort of cities, integers and reals.
SIGNATURE = Signature(
    constants={"a": "", "b": "", "rome": "City", "n": "Int", "r": "Real"},
    functions={"f": (("",), ""), "g": (("", ""), ""), "size": (("City",), "Int"), "way": (("City", "City"), "Real")},
    predicates={"p": (), "q": ("",), "s": ("", ""), "big": ("City",), "even": ("Int",)},
    sorts=("City",),
)


def terms(sort, bound, depth=2):
    """Terms of a sort; `bound` are (variable, sort) pairs."""
    kinds = [st.builds(Constant, st.sampled_from([name for name, of in SIGNATURE.constants.items() if of == sort]))]
    variables = [name for name, of in bound if of == sort]
    if variables:
        kinds.append(st.builds(Variable, st.sampled_from(variables)))
    if sort == "Int":
        kinds.append(st.builds(Number, st.integers(-50, 50)))
    if sort == "Real":
        kinds.append(st.fractions(min_value=-9, max_value=9, max_denominator=7).map(lambda x: Number(x.numerator, x.denominator)))
    if depth:
        for name, (arguments, result) in SIGNATURE.functions.items():
            if result == sort:
                kinds.append(st.tuples(*(terms(argument, bound, depth - 1) for argument in arguments)).map(lambda given, name=name: Apply(name, given)))
        if sort in ("Int", "Real"):
            inner = st.deferred(lambda: terms(sort, bound, depth - 1))
            kinds.append(st.builds(Arithmetic, st.sampled_from("+-"), inner, inner))
            kinds.append(st.builds(lambda number, term: Arithmetic("*", Number(number), term), st.integers(0, 9), inner))
            kinds.append(inner.filter(lambda term: not isinstance(term, Number)).map(Negative))
    return st.one_of(kinds)


def formulas(variable_names, sorts=("", "City", "Int", "Real"), predicates=None, depth=3, bound=(), ordered=True):
    """Closed formulas; along a path every quantifier binds another variable."""
    named = SIGNATURE.predicates if predicates is None else predicates
    kinds = [st.builds(Truth, st.booleans())]
    for name, arguments in named.items():
        kinds.append(st.tuples(*(terms(argument, bound) for argument in arguments)).map(lambda given, name=name: Atom(name, given)))
    for sort in sorts:
        relations = ["=", "!=", "<", "<=", ">", ">="] if ordered and sort in ("Int", "Real") else ["=", "!="]
        kinds.append(st.builds(Compare, st.sampled_from(relations), terms(sort, bound), terms(sort, bound)))
    if depth == 0:
        return st.one_of(kinds)
    deeper = st.deferred(lambda: formulas(variable_names, sorts, predicates, depth - 1, bound, ordered))
    kinds += [st.builds(Not, deeper), *(st.builds(kind, deeper, deeper) for kind in (And, Or, Xor, Implies, Iff))]
    if len(bound) < 2:
        variable = variable_names[len(bound)]
        for sort in sorts:
            body = st.deferred(lambda sort=sort: formulas(variable_names, sorts, predicates, depth - 1, (*bound, (variable, sort)), ordered))
            kinds += [st.builds(ForAll, st.just(variable), body, st.just(sort)), st.builds(Exists, st.just(variable), body, st.just(sort))]
    return st.one_of(kinds)


X, Y = Variable("x"), Variable("y")
P, Q, R = Atom("P"), Atom("Q"), Atom("R")
DECLARATIONS = """
sort City
const a: Individual; const b: Individual; const rome: City; const n: Int; const r: Real
fun f(Individual): Individual; fun g(Individual, Individual): Individual; fun size(City): Int; fun way(City, City): Real
pred p; pred q(Individual); pred s(Individual, Individual); pred big(City); pred even(Int)
"""

often = settings(max_examples=60, derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@often
@given(formulas("xy"))
def test_smtlib_reads_back_what_it_writes(formula):
    check_sorts(formula, SIGNATURE)
    text = smtlib.write(formula)
    assert smtlib.parse(text, SIGNATURE) == formula
    assert smtlib.write(smtlib.parse(text, SIGNATURE)) == text
    assert smtlib.parse(text.replace("(", " ( ").replace(")", " )\n"), SIGNATURE) == formula


@often
@given(formulas("XY"))
def test_tptp_reads_back_what_it_writes(formula):
    text = tptp.write(formula)
    assert tptp.parse(text) == formula
    assert tptp.parse(f"({text})") == formula
    assert tptp.parse(text.replace(" ", "\n")) == formula


@often
@given(formulas("xy", sorts=("",), predicates={"p": (), "q": ("",), "s": ("", "")}, ordered=False))
def test_folio_reads_back_what_it_writes(formula):
    text = folio.write(formula)
    assert folio.parse(text) == formula
    assert folio.parse(f"(({text}))") == formula


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("∀x (Drinks(x) → Dependent(x))", ForAll("x", Implies(Atom("Drinks", (X,)), Atom("Dependent", (X,))))),
        ("∀x Drinks(x) → P", Implies(ForAll("x", Atom("Drinks", (X,))), P)),  # a quantifier reaches over one unitary formula
        ("∀x ∃y Loves(x, y)", ForAll("x", Exists("y", Atom("Loves", (X, Y))))),
        ("P ∧ Q ∨ R", Or(And(P, Q), R)),
        ("P ∨ Q ∧ R", Or(P, And(Q, R))),
        ("P ⊕ Q ∨ R", Xor(P, Or(Q, R))),
        ("P → Q → R", Implies(P, Implies(Q, R))),
        ("P → Q ⊕ R", Implies(P, Xor(Q, R))),
        ("P ↔ Q → R", Iff(P, Implies(Q, R))),
        ("P ∧ Q ∧ R", And(And(P, Q), R)),
        ("¬P ∧ Q", And(Not(P), Q)),
        ("¬(P ∧ Q)", Not(And(P, Q))),
        ("Student(rina)", Atom("Student", (Constant("rina"),))),
        ("∃x (x = rina)", Exists("x", Compare("=", X, Constant("rina")))),
        ("mother(rina) ≠ bob", Compare("!=", Apply("mother", (Constant("rina"),)), Constant("bob"))),
        ("Height(everest, 8848)", Atom("Height", (Constant("everest"), Constant("8848")))),
        ("∀x P(x) ∧ Q(x)", And(ForAll("x", Atom("P", (X,))), Atom("Q", (Constant("x"),)))),
    ],
)
def test_folio_by_hand(text, formula):
    assert folio.parse(text) == formula


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("! [X] : (man(X) => mortal(X))", ForAll("X", Implies(Atom("man", (Variable("X"),)), Atom("mortal", (Variable("X"),))))),
        ("! [X,Y] : s(X,Y)", ForAll("X", ForAll("Y", Atom("s", (Variable("X"), Variable("Y")))))),
        ("? [N: $int] : $less(N, 1)", Exists("N", Compare("<", Variable("N"), Number(1)), "Int")),
        ("p & q & r", And(And(Atom("p"), Atom("q")), Atom("r"))),
        ("p <= q", Implies(Atom("q"), Atom("p"))),
        ("p <~> ~q", Xor(Atom("p"), Not(Atom("q")))),
        ("a = b", Compare("=", Constant("a"), Constant("b"))),
        ("f(a) != -3/6", Compare("!=", Apply("f", (Constant("a"),)), Number(-1, 2))),
        ("$true => $false", Implies(Truth(True), Truth(False))),
        ("$lesseq($sum(n, $uminus(2)), 0.5)", Compare("<=", Arithmetic("+", Constant("n"), Negative(Number(2))), Number(1, 2))),
        ("~ ! [X] : q(X) & p", And(Not(ForAll("X", Atom("q", (Variable("X"),)))), Atom("p"))),
    ],
)
def test_tptp_by_hand(text, formula):
    assert tptp.parse(text) == formula


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("(and p p p)", And(And(Atom("p"), Atom("p")), Atom("p"))),
        ("(=> p p p)", Implies(Atom("p"), Implies(Atom("p"), Atom("p")))),
        ("(= p (not p))", Iff(Atom("p"), Not(Atom("p")))),
        ("(= (= a b) p)", Iff(Compare("=", Constant("a"), Constant("b")), Atom("p"))),
        ("(distinct a (f b))", Compare("!=", Constant("a"), Apply("f", (Constant("b"),)))),
        ("(distinct p true)", Xor(Atom("p"), Truth(True))),
        ("(< (+ n 1 2) 3)", Compare("<", Arithmetic("+", Arithmetic("+", Constant("n"), Number(1)), Number(2)), Number(3))),
        ("(>= r (/ 1 3))", Compare(">=", Constant("r"), Number(1, 3))),
        ("(>= r 0.50)", Compare(">=", Constant("r"), Number(1, 2))),
        ("(= n (- 3))", Compare("=", Constant("n"), Number(-3))),
        ("(= n (- n))", Compare("=", Constant("n"), Negative(Constant("n")))),
        ("(forall ((x Int) (y Int)) (<= x y))", ForAll("x", ForAll("y", Compare("<=", X, Y), "Int"), "Int")),
        ("(exists ((x City)) (big x))", Exists("x", Atom("big", (X,)), "City")),
    ],
)
def test_smtlib_by_hand(text, formula):
    language = Language("smtlib", DECLARATIONS)
    assert language.parse(text) == formula
    assert language.parse(language.write(formula)) == formula


@pytest.mark.parametrize(
    "text",
    [
        "(assert false)",
        "(set-option :timeout 1)",
        "(declare-const x Bool)",
        "(let ((x 1)) (= x 1))",
        "(ite p p p)",
        "(! p :named x)",
        "(forall () p)",
        "(forall ((p Int)) (= p 1))",  # takes the name of a predicate
        "(forall ((a Int)) (= a 1))",  # ... of a constant
        "(forall ((x Int)) (forall ((x Int)) (= x x)))",
        "(forall ((x Nope)) true)",
        "(forall ((and Int)) true)",
        "(and p)",
        "(xor p p p)",
        "(q a a)",
        "(q n)",
        "(unknown a)",
        "(q unknown)",
        "(even r)",
        "(< a b)",
        "(= a n)",
        "(= a rome)",
        "(= p a)",
        "(= (* n n) 4)",
        "(= (* n (+ n 1)) 4)",
        "(= (/ n 2) 1)",
        "(= (/ 1 0) r)",
        "(= (+ n) 1)",
        "(= (+ a b) 1)",
        "(p)",
        "(f a)",
        "a",
        "3",
        "p p",
        "(and p p",
        "and p p)",
        "()",
        "",
        "|p|",
        '"p"',
        "p ; comment",
        "#b101",
        "9" * 41,
    ],
)
def test_what_smtlib_does_not_read(text):
    with pytest.raises(FormulaError):
        Language("smtlib", DECLARATIONS).parse(text)


@pytest.mark.parametrize(
    ("notation", "text"),
    [
        ("folio", "∀x ∀x P(x)"),
        ("folio", "∀x x"),
        ("folio", "P("),
        ("folio", "P()"),
        ("folio", "P(a,)"),
        ("folio", "P Q"),
        ("folio", "∀ (P)"),
        ("folio", "P ∧"),
        ("folio", "→ P"),
        ("folio", "P -> Q"),
        ("folio", "eval(__import__)("),
        ("tptp", "p & q | r"),
        ("tptp", "p => q => r"),
        ("tptp", "p <=> q & r => s"),
        ("tptp", "X"),
        ("tptp", "p(X)"),
        ("tptp", "! [X] : ! [X] : q(X)"),
        ("tptp", "! [x] : q(x)"),
        ("tptp", "! [X: $tType] : q(X)"),
        ("tptp", "$less(1, 2, 3)"),
        ("tptp", "$ite(p, q, r)"),
        ("tptp", "3"),
        ("tptp", "1/0 = 1"),
        ("tptp", "fof(a, axiom, p)."),
        ("tptp", "include('x')"),
        ("nope", "p"),
    ],
)
def test_what_the_others_do_not_read(notation, text):
    with pytest.raises(FormulaError):
        Language(notation).parse(text)


HOSTILE = {
    "parentheses": "(" * 10_000,
    "negations": "¬~" * 5_000,
    "megabyte": "p" * 1_000_000,
    "nothing but spaces": " " * 19_000,
    "wide": " & ".join(["p"] * 4_000),
    "wide in words": "(and " + "p " * 4_000 + ")",
    "deep in words": "(not " * 4_000 + "p" + ")" * 4_000,
    "quantifiers": "".join(f"! [X{i}] : " for i in range(1_000)) + "p",
    "many variables": "! [" + ",".join(f"X{i}" for i in range(3_000)) + "] : p",
    "a NUL": "p\0q",
    "a surrogate": "p\ud800",
    "right to left": "\u202ep",
    "full width": "\uff30(\uff58)",
    "digits": "Height(a, " + "9" * 10_000 + ")",
    "arrows": "P → " * 3_000 + "P",
    "sum": "(< (+ " + "1 " * 5_000 + ") 2)",
}


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_refused_or_read_back_and_quickly(notation, name):
    language = Language(notation, DECLARATIONS if notation == "smtlib" else "")
    started = time.process_time()
    try:
        formula, said = language.parse(HOSTILE[name]), ""
    except FormulaError as error:
        formula, said = None, str(error)
    assert time.process_time() - started < 1.0
    assert len(said) < 400
    assert formula is None or language.parse(language.write(formula)) == formula


def test_declarations():
    assert read_declarations(DECLARATIONS) == SIGNATURE
    assert Language().signature is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("const a", "does not fit"),
        ("const a(Int): Int", "does not fit"),
        ("fun f: Int", "does not fit"),
        ("fun f(Int)", "does not fit"),
        ("sort A: Int", "does not fit"),
        ("const a: Nope", "no sort 'Nope'"),
        ("pred p(Nope)", "no sort 'Nope'"),
        ("const a: Int; pred a", "declared twice"),
        ("sort A; const A: Int", "declared twice"),
        ("assert false", "declares nothing"),
        ("const 1a: Int", "declares nothing"),
        ("; ".join(f"const c{i}: Int" for i in range(1_001)), "at most"),
    ],
)
def test_declarations_that_cannot_be_read(text, says):
    with pytest.raises(FormulaError, match=says):
        Language("smtlib", text).parse("true")


def test_what_a_notation_cannot_say():
    for notation, formula in (
        ("fld", Atom("A", (X, Y))),
        ("fld", Xor(Atom("A"), Atom("B"))),
        ("folio", Compare("<", Number(1), Number(2))),
        ("folio", ForAll("x", Truth(True), "Int")),
        ("folio", Atom("not a name")),
        ("tptp", Atom("Capital")),
        ("smtlib", Atom("assert")),
    ):
        with pytest.raises(FormulaError):
            Language(notation).write(formula)
