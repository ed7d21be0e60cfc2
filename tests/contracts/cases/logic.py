"""Cases of `z3` and `cvc5`."""

from prm_gym.claims import Consistent, Decision, Entailment, Equality, Equivalent, Statement
from prm_gym.testing import claim_case


def _follows(formula, *cited, known=("{A}", "{A} -> {B}")):
    facts = tuple(Statement(f"fact{i}", text) for i, text in enumerate(known, start=1))
    return Entailment(Statement("int1", formula, cited), facts)


Z3 = [
    claim_case("full", _follows("{B}", "fact1", "fact2"), label="correct"),
    claim_case("zero", _follows("{B}", "fact2"), label="incorrect"),
    claim_case("hack", _follows("{A} v ¬{A}", "fact1"), label="trivial"),
    claim_case("hack", _follows("{A}", "fact1"), label="trivial"),
    claim_case("hack", _follows("{B}", "fact1", "fact2", known=("{A}", "¬{A}")), label="vacuous"),
    claim_case("hack", _follows("{B}", "fact1", "fact9"), label="incorrect"),
    claim_case("full", Decision("UNKNOWN", "{C}", _follows("{B}").known)),
    claim_case("hack", Decision("PROVED", "{B}", _follows("{B}").known), label="incorrect"),
    claim_case("full", Consistent(("{A}", "{A} -> {B}")), label="correct"),
    claim_case("zero", Consistent(("{A}", "¬{A}")), label="incorrect"),
    claim_case("full", Equivalent("{A} -> {B}", "¬{B} -> ¬{A}"), label="correct"),
    claim_case("zero", Equivalent("{A} -> {B}", "{B} -> {A}"), label="incorrect"),
    claim_case("malformed", Equivalent("{A} -> {B}", "(assert false)"), label="malformed"),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"z3": Z3, "cvc5": Z3}
