"""Whether an answer of the right value is in the form that the question asks for: factors or multiplied out, a fraction or a decimal, a power."""

import re
from collections import Counter
from typing import Literal, TypeAlias

from prm_gym.answers.expression import Node
from prm_gym.answers.readings import Scalar
from prm_gym.answers.worked_out import has_letters, is_numeral

Objection: TypeAlias = tuple[Literal["incorrect", "undecided"], str]

_FORM = re.compile(
    r"factor|expand|simplif|multipl|product|standard form|general form|vertex form|complet\w+ the square|distribut|in the form|of the form|rewrite",
    re.IGNORECASE,
)
_PERHAPS_FORM = re.compile(r"\b(?:in terms of|express|write|convert|represent|form|differently)\b", re.IGNORECASE)
_FACTORS = re.compile(r"factor|product|prime|power|exponent|index form|in the form|of the form", re.IGNORECASE)
_DECIMAL = re.compile(r"\bdecimal", re.IGNORECASE)
_FRACTION = re.compile(
    r"\b(?:as|in|to|into|give|find|write|enter)\b[^.\n]{0,40}\b(?:fractions?|ratio of (?:two )?integers|fractional form|quotient of integers)\b|"
    r"\b(?:common|simplified|reduced|improper|proper|mixed) fraction",
    re.IGNORECASE,
)
_LOWEST = re.compile(r"lowest terms|simplest (?:form|terms)|reduced|irreducible", re.IGNORECASE)
_MIXED = re.compile(r"\bmixed (?:number|numeral|fraction)", re.IGNORECASE)
_IMPROPER = re.compile(r"\bimproper fraction", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"scientific notation|standard form", re.IGNORECASE)
_RATIONAL_BELOW = re.compile(r"rationali[sz]", re.IGNORECASE)


def other_form(answer: Scalar, gold: Scalar, question: str) -> Objection | None:
    """What speaks against an answer of the same value that is not in the form of the gold answer.

    Returns:
        Whether it is wrong (the question asks for a form) or cannot be told, and the reason; None where nothing speaks against it.
    """
    if gold.value is None:
        return None
    if not gold.value.letters:
        return _number_form(answer, gold, question)
    factored, gold_factored = _has_factors(answer.node), _has_factors(gold.node)
    if factored == gold_factored:
        return None
    reason = "it is equal to the gold answer, but " + ("not factored as that is" if gold_factored else "not multiplied out as that is")
    if _FORM.search(question):
        return "incorrect", reason
    if not question:
        return "undecided", reason + ", and the question is not known"
    return ("undecided", reason + ", and the question may ask for that") if _PERHAPS_FORM.search(question) else None


def _number_form(answer: Scalar, gold: Scalar, question: str) -> Objection | None:
    if _RATIONAL_BELOW.search(question) and _divides_by_root(answer.node) and not _divides_by_root(gold.node):
        return "incorrect", "its denominator is not rational, which the question asks for"
    if gold.value is None or gold.value.rational is None:
        return None
    shape, wanted = _shape(answer), _shape(gold)
    if "product" in (shape, wanted):
        return _factors(answer, gold, question)
    if "scientific" in (shape, wanted) and _SCIENTIFIC.search(question):
        same = shape == wanted and answer.node.parts[0].value == gold.node.parts[0].value
        return None if same or "scientific" not in wanted else ("incorrect", "the question asks for scientific notation")
    if shape == wanted:
        lowest = shape != "fraction" or not _LOWEST.search(question) or _denominator(answer.node) == gold.value.rational.denominator
        return None if lowest else ("incorrect", "the question asks for lowest terms")
    asked = {
        "decimal": _DECIMAL.search(question),
        "fraction": (_FRACTION.search(question) and shape == "decimal") or (_IMPROPER.search(question) and shape == "mixed"),
        "mixed": _MIXED.search(question),
    }
    return ("incorrect", f"the question asks for a {wanted}{' number' * (wanted == 'mixed')}") if asked.get(wanted) else None


def _shape(scalar: Scalar) -> str:
    """How a rational number is written."""
    node = scalar.node
    while node.kind == "negative":
        node = node.parts[0]
    if node.kind == "quotient" and is_numeral(node, False):
        return "fraction"
    if node.kind == "number":
        if "." in scalar.text:
            return "decimal"
        return "integer" if node.value.denominator == 1 else "mixed" if re.search(r"\\frac|/", scalar.text) else "decimal"
    if node.kind == "product" and is_numeral(node, False):
        return "scientific"
    return "product" if node.kind in ("product", "power", "quotient", "sum", "call", "root") and not is_numeral(node, False) else "other"


def _factors(answer: Scalar, gold: Scalar, question: str) -> Objection | None:
    """Of numbers one of which is written with products or powers."""
    found, expected = _multiset(answer.node), _multiset(gold.node)
    if found is not None and found == expected:
        return None
    reason = "it is equal to the gold answer, but not written as the same product"
    if _FACTORS.search(question):
        return "incorrect", reason
    return ("undecided", reason + ", and the question is not known") if not question and gold.node.kind == "product" else None


def _multiset(node: Node) -> Counter[str] | None:
    """The factors of a product of numbers, a power as often as it says; None where it is none."""
    if node.kind == "number":
        return Counter({str(node.value): 1}) if node.value != 1 else Counter()
    if node.kind == "negative":
        rest = _multiset(node.parts[0])
        return None if rest is None else rest + Counter({"-1": 1})
    if node.kind == "product":
        total: Counter[str] = Counter()
        for part in node.parts:
            factors = _multiset(part)
            if factors is None:
                return None
            total += factors
        return total
    if node.kind == "power" and node.parts[1].kind == "number" and node.parts[1].value.denominator == 1 and node.parts[1].value > 0:
        base = _multiset(node.parts[0])
        return None if base is None else Counter({factor: count * int(node.parts[1].value) for factor, count in base.items()})
    return None


def _denominator(node: Node) -> int:
    while node.kind == "negative":
        node = node.parts[0]
    return abs(int(node.parts[1].value)) if node.kind == "quotient" else 1


def _divides_by_root(node: Node) -> bool:
    return any(
        part.kind == "quotient" and any(inner.kind == "root" or (inner.kind == "power" and not is_numeral(inner, False)) for inner in part.parts[1].walk())
        for part in node.walk()
    )


def _has_factors(node: Node) -> bool:
    """Whether sums stand multiplied: a power of a sum, or a sum with letters times something else with letters."""
    for part in node.walk():
        if part.kind == "power" and part.parts[0].kind == "sum" and has_letters(part.parts[0]) and part.parts[1].value >= 2:
            return True
        if part.kind == "product":
            lettered = [factor for factor in part.parts if has_letters(factor)]
            if len(lettered) > 1 and any(factor.kind == "sum" for factor in lettered):
                return True
    return False
