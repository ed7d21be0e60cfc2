import contextlib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.errors import FormulaError
from prm_gym.logic.formula import And, Atom, Constant, Exists, ForAll, Implies, Not, Or, Variable
from prm_gym.logic.notations.fld import MAX_LENGTH, parse, write

A, B, C, D, E = (Atom(name) for name in "ABCDE")
AX, BX = Atom("A", (Variable("x"),)), Atom("B", (Variable("x"),))

LOOKALIKES = {
    "Cyrillic A": "{\u0410}",
    "full-width A": "{\uff21}",
    "Cyrillic a": "{A}{\u0430}",
    "accented": "{A\u0301}",
    "digits": "{A1}",
    "arrow": "{A} \u2192 {B}",
    "hyphen arrow": "{A} \u2010> {B}",
    "wedge": "{A} \u2227 {B}",
    "vee": "{A} \u2228 {B}",
    "full-width v": "{A} \uff56 {B}",
    "Greek nu": "{A} \u03bd {B}",
    "for all": "\u2200x {A}x",
    "exists": "(\u2203x): {A}x",
    "full-width not": "\uffe2{A}",
    "full-width parentheses": "\uff08{A}\uff09",
    "full-width braces": "\uff5bA\uff5d",
    "zero-width space": "{A\u200b}",
    "zero-width joiner between": "{A} \u200d& {B}",
    "right-to-left override": "\u202e{A}",
    "no-break space": "{A} &\u00a0{B}",
    "line separator": "{A} &\u2028{B}",
    "next line": "{A} &\u0085{B}",
    "capital variable": "(X): {A}X",
}
WORDS = ["and", "or", "not", "true", "false", "forall", "exists", "assert", "v", "E", "x", "PROVED", "hypothesis", "fact1"]
NAMES = ["{and}", "{}", "{ A }", "{Aa}", "{A_B}", "{A}{A}", "{A}{}", "{A}{ a }"]
SMT = [
    "(assert false)",
    "(set-option :timeout 1)",
    "(declare-const A Bool)",
    "{A}) (assert false) (assert ({B}",
    "{A|}",
    "{A} ; comment",
    "(and {A} {B})",
    "{A} = {B}",
    "(push 1)",
    "(exit)",
    '__import__("os")',
]


def closed_formulas(depth=5, bound=()):
    """Closed trees; along a path every quantifier binds another variable, as the notation demands."""
    names = st.text("ABZ", min_size=1, max_size=8)
    terms = st.none() | st.builds(Constant, st.text("avxz", min_size=1, max_size=8))
    if bound:
        terms |= st.builds(Variable, st.sampled_from(bound))
    atom = st.builds(Atom, names, terms.map(lambda term: () if term is None else (term,)))
    if depth == 0:
        return atom
    deeper = st.deferred(lambda: closed_formulas(depth - 1, bound))
    kinds = [atom, st.builds(Not, deeper), *(st.builds(kind, deeper, deeper) for kind in (And, Or, Implies))]
    for variable in "xyzuw":
        if variable not in bound and len(bound) < 3:
            body = st.deferred(lambda variable=variable: closed_formulas(depth - 1, (*bound, variable)))
            kinds += [st.builds(ForAll, st.just(variable), body), st.builds(Exists, st.just(variable), body)]
    return st.one_of(kinds)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(closed_formulas())
def test_what_is_written_is_read_back(formula):
    text = write(formula)
    assert parse(text) == formula
    assert write(parse(text)) == text
    assert parse("(" + text + ")") == formula
    spread = re.sub(r"\{[^}]*\}|->|[&v¬]", lambda token: token[0] if token[0][0] == "{" else f" \n{token[0]}\t ", text)  # a v in a name is no operator
    assert parse(spread) == formula
    assert parse(text.replace("¬", "~")) == formula


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(st.lists(st.sampled_from(["{A}", "{B}", "{a}", "x", "y", "(x):", "(Ey):", "(", ")", "¬", "&", "v", "->", " ", "{", "}", "E"]), max_size=14).map("".join))
def test_a_text_is_read_back_from_what_is_written_or_refused(text):
    try:
        formula = parse(text)
    except FormulaError:
        return
    assert parse(write(formula)) == formula


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(FormulaError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("{A}", A),
        ("{A}{a}", Atom("A", (Constant("a"),))),
        ("{A} {a}", Atom("A", (Constant("a"),))),
        ("~{A}", Not(A)),
        ("¬¬{A}", Not(Not(A))),
        ("¬{A} & {B}", And(Not(A), B)),
        ("¬({A} & {B})", Not(And(A, B))),
        ("{A} & {B} v {C} & {D}", Or(And(A, B), And(C, D))),
        ("{A} v {B} & {C} -> ¬{D} -> {E}", Implies(Or(A, And(B, C)), Implies(Not(D), E))),
        ("({A} -> {B}) -> {C}", Implies(Implies(A, B), C)),
        ("{A} -> {B} -> {C}", Implies(A, Implies(B, C))),
        ("{A} & {B} & {C}", And(And(A, B), C)),
        ("{A} v {B} v {C}", Or(Or(A, B), C)),
        ("{A}v{B}", Or(A, B)),
        ("(x): {A}x -> {B}x & {C}", ForAll("x", Implies(AX, And(BX, C)))),
        ("((x): {A}x) -> {C}", Implies(ForAll("x", AX), C)),
        ("{C} & (x): {A}x v {B}x", And(C, ForAll("x", Or(AX, BX)))),
        ("¬(x): {A}x -> {B}x", Not(ForAll("x", Implies(AX, BX)))),
        ("(Ex): {A}x v {B}x", Exists("x", Or(AX, BX))),
        ("(x): (Ey): {A}x -> {B}y", ForAll("x", Exists("y", Implies(AX, Atom("B", (Variable("y"),)))))),
        ("((x): {A}x) & (x): {B}x", And(ForAll("x", AX), ForAll("x", BX))),
        ("{A}{v} v {A}{x}", Or(Atom("A", (Constant("v"),)), Atom("A", (Constant("x"),)))),
        (" \n{A}\t& {B}\r\n", And(A, B)),
        ("{TRUE} v {ASSERT}", Or(Atom("TRUE"), Atom("ASSERT"))),  # names are names
    ],
)
def test_precedence_by_hand(text, formula):
    assert parse(text) == formula
    assert parse(write(formula)) == formula


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("", 1, "missing"),
        ("   ", 4, "missing"),
        ("{A} v", 6, "missing"),
        ("{A} & -> {B}", 7, "cannot begin"),
        ("({A}", 5, "closing parenthesis"),
        ("({A} {B})", 6, "closing parenthesis"),
        ("{A})", 4, "ends before"),
        ("{A} {B}", 5, "ends before"),
        ("{A}{a}{b}", 7, "ends before"),
        ("{a}", 1, "cannot begin"),
        ("{A}x", 4, "bound by no quantifier"),
        ("(x): {A}y", 9, "bound by no quantifier"),
        ("((x): {A}x) & {B}x", 18, "bound by no quantifier"),  # the scope has ended
        ("(x): (x): {A}x", 6, "bound twice"),
        ("(x): {A}x & (Ex): {B}x", 13, "bound twice"),
        ("(x) {A}x", 2, "cannot begin"),
        ("( x): {A}x", 3, "cannot begin"),
        ("(Ex) {A}x", 2, "belongs to no formula"),
        ("{A} & $", 7, "belongs to no formula"),
        ("{ABCDEFGHI}", 1, "belongs to no formula"),  # nine letters
    ],
)
def test_an_error_says_what_is_wrong_and_where(text, position, problem):
    with pytest.raises(FormulaError, match=rf"{problem}.*at character {position}\b|at character {position}\b.*{problem}"):
        parse(text)


@pytest.mark.parametrize(("text", "position"), [("{A} & \u00a0{B}", 7), ("{A} &\x1c{B}", 6), ("{A}\u2003", 4)])
def test_an_error_points_at_the_invisible_character_itself(text, position):
    with pytest.raises(FormulaError, match=rf"at character {position}\b"):
        parse(text)


@pytest.mark.parametrize("text", LOOKALIKES.values(), ids=LOOKALIKES.keys())
def test_look_alikes_are_refused(text):
    with pytest.raises(FormulaError):
        parse(text)


@pytest.mark.parametrize("text", [*WORDS, *NAMES, *SMT])
def test_words_and_solver_commands_are_refused(text):
    with pytest.raises(FormulaError):
        parse(text)


@pytest.mark.parametrize("code", [*range(9), *range(14, 32), 0x7F, 0x80, 0x9B, 0xAD, 0xFEFF, 0xD800, 0xE000, 0x1F600])
def test_control_characters_are_refused_wherever_they_stand(code):
    for text in (f"{chr(code)}{{A}}", f"{{A}}{chr(code)}", f"{{A{chr(code)}}}", f"{{A}} &{chr(code)} {{B}}", f"(x){chr(code)}: {{A}}x"):
        with pytest.raises(FormulaError):
            parse(text)


@pytest.mark.parametrize("piece", [" ", "(", ")", "¬", "{", "{A}", "{A} & ", "{A} v ", "{A} -> ", "(x): ", "((x): ", "\0", "\U0001f600", "(E", "v", "-"])
@pytest.mark.parametrize("length", [MAX_LENGTH, 100_000])
def test_long_and_deep_texts_are_refused_at_once(piece, length):
    text = (piece * length)[:length]
    started = time.process_time()
    with pytest.raises(FormulaError):
        parse(text)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "text",
    [
        " " * 1_999 + "}",
        "{A}" + " " * 1_990 + "}",
        " \t\n\r\f\v" * 300 + "!",
        "{" + "A" * 1_990,
        "{A} " * 490,
        "{A}" + "{a}" * 600,
        "(x" * 900,
        "({A} &" * 300,
        "(x):" * 400,
        "¬ " * 900 + "{",
        "-" * 1_999,
    ],
)
def test_no_text_makes_the_reader_backtrack(text):
    started = time.process_time()
    with pytest.raises(FormulaError):
        parse(text)
    assert time.process_time() - started < 0.2


@pytest.mark.parametrize("depth", [1, 10, 20])
def test_redundant_parentheses_do_not_matter(depth):
    assert parse("(" * depth + "{A}" + ")" * depth) == A


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" & ".join(["{A}"] * 20), id="conjunction"),
        pytest.param("¬" * 45 + "{A}", id="negations"),
        pytest.param("(x): (Ey): (z): (Eu): (w): {A}x & {B}y & {C}z & {D}u & {E}w", id="quantifiers"),
        pytest.param(" & ".join(["{A}"] * 40), id="wide conjunction"),
        pytest.param("v".join(["{A}"] * 50), id="wide disjunction"),
        pytest.param(" -> ".join(["{A}"] * 40), id="chain of arrows"),
        pytest.param("v".join(["{A}&{B}&{C}&{D}&{E}&{F}&{G}&{H}"] * 45), id="long"),
        pytest.param("(" * 8 + "&".join(["{A}"] * 50) + ")" + ("&" + "&".join(["{A}"] * 49) + ")") * 7 + "&{B}", id="chains in chains"),
    ],
)
def test_what_is_read_can_be_written_and_read_again(text):
    # `write` adds parentheses that the text need not have had: the bounds must be such that its result is within them.
    try:
        formula = parse(text)
    except FormulaError:
        return  # refused is fine; read and then not readable is not
    assert parse(write(formula)) == formula
