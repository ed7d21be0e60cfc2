"""Whatever is written where a formula should stand, a verifier answers: soon, with a reason that a person can read, and with a verdict that fits."""

import gc
import multiprocessing
import time

import msgspec
import numpy as np
import pytest

from prm_gym.claims import Consistent, Decision, Entailment, Equivalent, Statement
from prm_gym.logic.entailment import EntailmentChecker, shared_checker
from prm_gym.logic.language import Language
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier, verify_batch
from prm_gym.workers.isolated import Isolated

NODES = 100_000
SECONDS = 2.0  # of one processor, for one verdict; most take some milliseconds
SYMBOLS = "; ".join(["pred p", "pred q", "pred r(Int)", "pred s(Int, Int)", "fun g(Int): Int", *(f"const x{i}: Int" for i in range(40))])
SMTLIB = Language("smtlib", SYMBOLS)
FOLIO = Language("folio")
LANGUAGES = {"fld": Language(), "folio": FOLIO, "tptp": Language("tptp"), "smtlib": SMTLIB}
ATOM = {"fld": "{A}", "folio": "A", "tptp": "a", "smtlib": "p"}
SIGNS = {"fld": ("&", "->", "¬"), "folio": ("∧", "→", "¬"), "tptp": ("&", "=>", "~")}


def hostile_texts(notation):
    """Texts that are no formula of the notation, or more of one than is read."""
    atom = ATOM[notation]
    texts = {
        "open": "(" * NODES,
        "close": ")" * NODES,
        "blank": " " * NODES,
        "empty": "",
        "long name": atom.replace(atom.strip("{}"), atom.strip("{}") * NODES),
        "rather long name": atom.replace(atom.strip("{}"), atom.strip("{}") * 15_000),
        "marks": "\x00\u202e\U0001f4a5" * 5,
        "a program": "__import__('os').system('true')",
        "commands of a solver": "(set-option :timeout 1) (assert false) (check-sat)",
        "a comment": f"{atom} ; {atom}",
    }
    if notation == "smtlib":
        return texts | {
            "wide": f"(and {' '.join([atom] * NODES)})",
            "deep": "(not " * NODES + atom + ")" * NODES,
            "deep to the right": f"(=> {atom} " * NODES + atom + ")" * NODES,
            "unbalanced": "(and p q",
            "reserved": "(assert p)",
            "let": "(let ((y p)) y)",
            "reserved variable": "(forall ((and Int)) p)",
            "taken variable": "(forall ((p Int)) (r p))",
            "undeclared": "(t x0)",
            "undeclared sort": f"(forall ((y {'Z' * 90})) (r y))",
            "wrong sort": "(r p)",
            "wrong arity": "(r x0 x0)",
            "arguments": f"(s {' '.join(['x0'] * 3_000)})",
            "long number": f"(r {'9' * NODES})",
            "not linear": "(= (* x0 x0) 2)",
            "not linear within": "(= (* x0 (g x1)) 2)",
        }
    both, then, no = SIGNS[notation]
    return texts | {
        "wide": f" {both} ".join([atom] * NODES),
        "wide and read": f" {both} ".join([atom] * 400),
        "a chain of implications": f" {then} ".join([atom] * NODES),
        "deep": no * NODES + atom,
        "deep in parentheses": "(" * NODES + atom + ")" * NODES,
        "unbalanced": f"({atom} {both} {atom}",
        "without an operand": f"{atom} {both}",
        "two formulas": f"{atom} {atom}",
        "terms": {"fld": "{A}{a}{b}", "folio": f"P({', '.join(['a'] * 1_500)})", "tptp": f"p({', '.join(['a'] * 1_500)})"}[notation],
        "a free variable": {"fld": "{A}x", "folio": "∀x (x)", "tptp": "p(X)"}[notation],
    }


def claims_about(text, good, language):
    """The text in every place of every claim that must look at it."""
    fact = Statement("fact1", good)
    bad = Statement("fact2", text)
    return {
        "conclusion": Entailment(Statement("int1", text, ("fact1",)), (fact,), language),
        "premise": Entailment(Statement("int1", good, ("fact2",)), (fact, bad), language),
        "assumption": Entailment(Statement("int1", text, assumed=True), (fact,), language),
        "discharge": Entailment(
            Statement("int3", good, ("int2",), discharged=("int1",)),
            (fact, Statement("int1", text, assumed=True), Statement("int2", good, ("int1",))),
            language,
        ),
        "hypothesis": Decision("PROVED", text, (fact,), language),
        "given": Decision("PROVED", good, (bad,), language),
        "consistent": Consistent((good, text), language),
        "equivalent": Equivalent(text, good, language),
    }


def context(claim):
    return StepContext(task=Task(key="t", instructions="", question=""), observation="", action="", claims=(claim,))


def asked(verifier, claim):
    """The verdict, which must come in time and be short."""
    gc.disable()  # of a long run of tests it takes seconds, and so do threads that others have left
    try:
        started = time.thread_time()
        (verdict,) = verifier.verify([context(claim)])
        spent = time.thread_time() - started
    finally:
        gc.enable()
    assert spent < SECONDS
    assert 0 < len(verdict.reason) <= 520
    assert len(msgspec.json.encode(verdict)) < 8_000
    return verdict


@pytest.fixture(scope="module")
def isolated():
    verifier = Isolated("z3", workers=1, memory_mb=256)  # whoever needs more gets the status "error"
    asked(verifier, Consistent(("{A}",)))  # the worker starts, and imports Z3
    yield verifier
    verifier.close()


@pytest.mark.parametrize("notation", LANGUAGES)
@pytest.mark.parametrize("name", ["z3", "cvc5"])
def test_what_is_no_formula_is_malformed_wherever_it_stands(name, notation):
    verifier = make_verifier(name)
    for kind, text in hostile_texts(notation).items():
        for place, claim in claims_about(text, ATOM[notation], LANGUAGES[notation]).items():
            verdict = asked(verifier, claim)
            # What rests on an assumption that is no formula falls, whatever the label.
            expected = {"malformed", "incorrect"} if place == "discharge" else {"malformed"}
            assert verdict.label in expected, (kind, place, verdict)
            assert verdict.score == 0.0


@pytest.mark.parametrize("notation", LANGUAGES)
def test_a_worker_says_the_same(isolated, notation):
    here = make_verifier("z3")
    for kind, text in hostile_texts(notation).items():
        claims = claims_about(text, ATOM[notation], LANGUAGES[notation])
        for place in ("conclusion", "given", "equivalent"):
            there = asked(isolated, claims[place])
            assert msgspec.structs.replace(there, verifier="", version="") == asked(here, claims[place]), (kind, place)


@pytest.mark.parametrize(
    ("declarations", "says"),
    [
        ("pred p; pred p", "declared twice"),
        ("pred p(Nowhere)", "no sort 'Nowhere'"),
        ("predicate p", "declares nothing"),
        ("const c", "does not fit its kind"),
        ("; ".join(f"pred p{i}" for i in range(2_000)), "at most 1000"),
        ("pred p" * NODES, "declares nothing"),
        (f"pred p({', '.join(['Int'] * NODES)})", "at most 20"),
    ],
)
def test_declarations_that_cannot_be_read(declarations, says):
    verdict = asked(make_verifier("z3"), Consistent(("p",), Language("smtlib", declarations)))
    assert verdict.label == "malformed"
    assert says in verdict.reason


def test_a_notation_that_there_is_not():
    assert asked(make_verifier("z3"), Consistent(("p",), Language("latex"))).label == "malformed"


# Formulas that are read, and are large or deep in their own way. What is known of them is said beside each.


def balanced(number, signs, first=0):
    if number == 1:
        return f"A{first}"
    half = number // 2
    return f"({balanced(half, signs[::-1], first)} {signs[0]} {balanced(number - half, signs[::-1], first + half)})"


def quantified(number, body, quantifiers="∀"):
    return "".join(f"{quantifiers[i % len(quantifiers)]}v{i} " for i in range(number)) + f"({body})"


DISTINCT = " ∧ ".join(f"¬(a{i} = a{j})" for i in range(9) for j in range(i))
LARGE = {
    # premise, conclusion, whether it follows
    "sixty quantifiers that bind nothing": (quantified(60, "P(v0)"), "P(a)", True),
    "sixty quantifiers, the other way round": ("P(a)", quantified(60, "P(v0)"), False),
    "forty quantifiers in turn": (quantified(40, " ∧ ".join(f"R(v{i}, v{i + 1})" for i in range(39)), "∃∀"), "R(a, b)", False),
    "nine individuals, a predicate of eight": (f"{DISTINCT} ∧ P({', '.join(f'a{i}' for i in range(8))})", f"P({', '.join(['a0'] * 8)})", False),
    "nine individuals, eight quantifiers": (f"{DISTINCT} ∧ {quantified(8, 'P(' + ', '.join(f'v{i}' for i in range(8)) + ') → Q(v0)')}", "Q(a0)", False),
    "eighty functions": (f"P({'f(' * 80}a{')' * 80})", "P(a)", False),
    "a thousand propositions": (balanced(1_000, "∧∨"), "A0", False),
    "five hundred, both or neither": (balanced(500, "↔⊕"), "A0", False),
    "ninety, either or": (" ⊕ ".join(f"A{i}" for i in range(90)), " ⊕ ".join(f"A{i}" for i in reversed(range(90))), True),
}


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("name", ["z3", "cvc5"])
def test_large_formulas_are_judged(name, kind):
    premise, conclusion, follows = LARGE[kind]
    verifier = make_verifier(name)
    known = (Statement("fact1", premise),)
    step = Statement("int1", conclusion, ("fact1",))
    verdict = asked(verifier, Entailment(step, known, FOLIO))
    assert verdict.score is None or verdict.label in ({"correct", "trivial"} if follows else {"incorrect"})
    decision = asked(verifier, Decision("PROVED" if follows else "UNKNOWN", conclusion, (*known, step), FOLIO))
    assert decision.label in (None, "correct")
    assert asked(verifier, Consistent((premise, conclusion), FOLIO)).label in (None, "correct")
    assert asked(verifier, Equivalent(premise, premise, FOLIO)).label in (None, "correct")


def test_numbers_of_many_digits_are_judged():
    # Each of the premises holds for x0 = ... = x30 = 1, and x0 > x5 does not.
    premises = tuple(f"(> (* {10**38 + i} x{i}) (* {10**37 + 7 * i} x{i + 1}))" for i in range(30))
    known = tuple(Statement(f"fact{i}", premise) for i, premise in enumerate(premises))
    for name in ("z3", "cvc5"):
        verdict = asked(make_verifier(name), Entailment(Statement("int1", "(> x0 x5)", tuple(s.label for s in known)), known, SMTLIB))
        assert verdict.label in (None, "incorrect")


# Questions that are hard for a solver: it gives up, always at the same place.


def pigeons(holes):
    """One more pigeon than there are holes: contradictory, with no short proof by resolution (Haken 1985)."""
    some = [" ∨ ".join(f"P{i}x{j}" for j in range(holes)) for i in range(holes + 1)]
    return [*some, *(f"¬P{i}x{j} ∨ ¬P{k}x{j}" for j in range(holes) for i in range(holes + 1) for k in range(i))]


def split(variables, equations):
    """A market-split problem (Cornuejols and Dawande 1998): linear, whole numbers, hard."""
    coefficients = np.random.default_rng(0).integers(100, size=(equations, variables)).tolist()
    sums = [f"(= (+ {' '.join(f'(* {c} x{i})' for i, c in enumerate(row))}) {sum(row) // 2})" for row in coefficients]
    return [*sums, *(f"(and (>= x{i} 0) (<= x{i} 1))" for i in range(variables))]


HARD = {
    "pigeons": (FOLIO, pigeons(9), "Q"),
    "an order without an end": (FOLIO, ["∀x ¬R(x, x)", "∀x ∀y ∀z ((R(x, y) ∧ R(y, z)) → R(x, z))", "∀x ∃y R(x, y)"], "∃x P(x)"),
    "a successor without an end": (FOLIO, ["∀x ∀y (s(x) = s(y) → x = y)", "∀x ¬(s(x) = a)"], "a = b"),
    "whole numbers": (SMTLIB, split(30, 4), "(= x0 1)"),
    "quantifiers over numbers in turn": (
        SMTLIB,
        ["(forall ((a Int)) (exists ((b Int)) (forall ((c Int)) (exists ((d Int)) (and (< a (+ b c d)) (s a b) (or (s c d) (< (* 7 b) (* 3 d))))))))"],
        "(forall ((a Int)) (exists ((b Int)) (and (s a b) (< a (* 2 b)))))",
    ),
    "a recursion": (
        SMTLIB,
        ["(forall ((a Int)) (= (g (+ a 2)) (+ (g a) (g (+ a 1)))))", "(= (g 0) 0)", "(= (g 1) 1)"],
        "(forall ((a Int)) (=> (> a 5) (> (g a) a)))",
    ),
}


def hard_claims(kind):
    language, premises, conclusion = HARD[kind]
    known = tuple(Statement(f"fact{i}", premise) for i, premise in enumerate(premises))
    step = Statement("int1", conclusion, tuple(fact.label for fact in known))
    return [Entailment(step, known, language), Decision("PROVED", conclusion, (*known, step), language), Consistent((*premises, conclusion), language)]


def hard_verdicts(name, kinds):
    """The verdicts on hard questions, in this process and this order."""
    verifier = make_verifier(name)
    return {(kind, place): asked(verifier, claim) for kind in kinds for place, claim in enumerate(hard_claims(kind))}


@pytest.mark.parametrize("name", ["z3", "cvc5"])
def test_hard_questions_are_abstained_on_and_always_the_same_ones(name):
    verifier = make_verifier(name)
    checker = shared_checker(type(verifier).solver)
    checker.forget()
    first = hard_verdicts(name, HARD)
    undecided = {kind for kind in HARD if first[kind, 0].score is None}
    assert undecided >= set(HARD) - {"pigeons"}  # cvc5 counts the pigeons
    for verdict in first.values():
        assert verdict.status == ("abstain" if verdict.score is None else "ok")
        assert verdict.score is None or verdict.label in ("vacuous", "incorrect")
    checker.forget()
    assert hard_verdicts(name, list(HARD)[::-1]) == first  # asked in another order
    steps = [context(claim) for kind in HARD for claim in hard_claims(kind)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply_async(verify_batch, ([verifier], steps)).get(timeout=120)
    assert [msgspec.structs.replace(verdicts[name], verifier="", version="") for verdicts in there] == list(first.values())


def test_what_is_known_does_not_depend_on_what_was_asked_before():
    """Questions near the limit, in a solver that is kept: each gets the answer of a solver of its own."""
    questions = [(tuple(premises), "Q", FOLIO) for holes in (4, 5, 6) for premises in (pigeons(holes), pigeons(holes)[1:], pigeons(holes)[3:])]
    questions += [(tuple(HARD[kind][1]), HARD[kind][2], HARD[kind][0]) for kind in HARD if kind != "pigeons"]
    alone = [EntailmentChecker().examine(*question) for question in questions]
    together = EntailmentChecker(cache_size=0)
    assert [together.examine(*question) for question in reversed(questions)] == alone[::-1]


def test_a_worker_with_little_time_says_timeout(isolated):
    slow = hard_claims("pigeons")[0]
    hasty = Isolated("z3", workers=1, deadline=0.05)
    verdict = asked(hasty, slow)
    hasty.close()
    assert (verdict.status, verdict.score) == ("timeout", None)
    assert verdict.reason == "verifier 'z3' gave no verdict within 0.05 s"
    assert asked(isolated, slow).status == "abstain"
