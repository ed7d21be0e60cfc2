"""Whether an answer is worked out, or leaves to the reader what the question asked for.

A number that is rational must be written as one: an integer, a decimal, a fraction of two integers, a mixed number, scientific notation, a power of ten; a
fraction for an integer is not worked out. Other numbers may have roots of rational numbers, pi, e and i, with like terms added and numbers multiplied. In
expressions with letters, like terms are added and powers of a letter collected. What the gold answer itself contains (powers, factorials, sines) the
answer may contain as well.
"""

import contextlib
from collections import Counter

from prm_gym.answers.exact import Evaluation, Exact
from prm_gym.answers.expression import FUNCTIONS, Node, UnreadableError

_CONSTANTS = ("pi", "e", "i")


def not_worked_out(answer: Node, gold: Node, gold_value: Exact) -> str:
    """Why the answer is not worked out; empty where it is.

    Args:
        answer: as it was written.
        gold: the gold answer, as it was written.
        gold_value: its value.
    """
    allowed = _calls(gold)
    for name in sorted(_calls(answer) - allowed):
        relatives = name in FUNCTIONS and any(other in FUNCTIONS for other in allowed)
        if not relatives and not (name in ("abs", "binom", "factorial") and gold_value.letters):
            return f"it is not worked out: {name} is still to be computed"
    if gold_value.rational is not None:
        whole = gold_value.rational.denominator == 1 and "quotient" not in _kinds(gold)
        if is_numeral(answer, whole) or (not is_numeral(gold, False) and _kinds(answer) <= _kinds(gold)):
            return ""
        return "it is not worked out: the gold answer is a number, this is an expression"
    found, expected = _Values(answer), _Values(gold)
    for check in (_roots, _sums, _products, _powers, *(() if allowed else (_quotients,))):
        reason = check(answer, found)
        if reason and not check(gold, expected):
            return f"it is not worked out: {reason}"
    return ""


def form(node: Node) -> str:
    """A text that is the same for expressions which differ only in the order of terms and factors, and in how division is written."""
    if node.kind == "number":
        return str(node.value)
    if node.kind == "negative":
        return f"-1*{form(node.parts[0])}"
    parts = [form(part) for part in node.parts]
    if node.kind in ("sum", "product"):
        parts = sorted(part for part in parts if part != ("0" if node.kind == "sum" else "1"))
    return f"{node.kind}{node.name}({';'.join(parts)})"


def _calls(node: Node) -> set[str]:
    return {part.name for part in node.walk() if part.kind == "call"}


def _kinds(node: Node) -> set[str]:
    return {part.kind + part.name for part in node.walk() if part.kind not in ("number", "name", "negative")}


def _is_number(node: Node) -> bool:
    return node.kind == "number" or (node.kind == "negative" and _is_number(node.parts[0]))


def _is_power_of_ten(node: Node) -> bool:
    return node.kind == "power" and _is_number(node.parts[0]) and node.parts[0].value == 10 and _is_number(node.parts[1])


def is_numeral(node: Node, whole: bool) -> bool:
    """Whether it is written as a rational number is; with `whole`, not as a fraction."""
    if node.kind == "negative":
        return is_numeral(node.parts[0], whole)
    if node.kind == "quotient":
        return not whole and all(_is_number(part) and part.parts == () and part.value.denominator == 1 for part in node.parts)
    if node.kind == "product":
        return len(node.parts) == 2 and _is_number(node.parts[0]) and _is_power_of_ten(node.parts[1])
    return _is_number(node) or _is_power_of_ten(node)


def _is_fraction(node: Node) -> bool:
    return _is_number(node) or (node.kind == "negative" and _is_fraction(node.parts[0])) or (node.kind == "quotient" and all(map(_is_number, node.parts)))


class _Values:
    """The values of a tree's parts; None for what has none, or is too large."""

    def __init__(self, tree: Node) -> None:
        self._evaluation = Evaluation()
        with contextlib.suppress(UnreadableError):
            self._evaluation.value(tree)

    def of(self, node: Node) -> Exact | None:
        return self._evaluation.values.get(id(node))


def has_letters(node: Node) -> bool:
    """Whether it has a letter that is no constant."""
    return any(part.kind == "name" and part.name not in _CONSTANTS for part in node.walk())


def _roots(node: Node, _: _Values) -> str:
    radicands = [part.parts[1] for part in node.walk() if part.kind == "root"]
    return "" if all(_is_fraction(radicand) or radicand.kind == "name" for radicand in radicands) else "a root of an expression"


def _sums(node: Node, known: _Values) -> str:
    for part in node.walk():
        if part.kind == "sum":
            values = [known.of(term) for term in part.parts]
            monomials = Counter(key for value in values if value is not None and len(value.denominator) == 1 for key in value.numerator)
            if any(count > 1 for count in monomials.values()):
                return "like terms are not added up"
    return ""


def _products(node: Node, known: _Values) -> str:
    for part in node.walk():
        if part.kind != "product":
            continue
        if sum(_is_fraction(factor) for factor in part.parts) > 1:
            return "numbers are not multiplied"
        values = [known.of(factor) for factor in part.parts]
        single = [value.letters | ({"pi"} & value.generators) for value in values if value is not None and len(value.numerator) == 1]
        if any(count > 1 for count in Counter(name for names in single for name in names).values()):
            return "powers of one letter are not collected"
        sums = [factor for factor in part.parts if factor.kind == "sum"]
        if len(sums) > 1 and not has_letters(part):
            return "sums are not multiplied out"
    return ""


def _powers(node: Node, _: _Values) -> str:
    for part in node.walk():
        if part.kind == "power" and not has_letters(part) and not _is_power_of_ten(part):
            base, exponent = part.parts
            if base.kind == "sum" or (_is_fraction(base) and exponent.kind in ("number", "negative") and (exponent.value.denominator == 1)):
                return "a power is not computed"
    return ""


def _quotients(node: Node, _: _Values) -> str:
    for part in node.walk():
        if (part.kind == "quotient" and has_letters(part.parts[1])) or (
            part.kind == "power" and part.parts[1].kind == "number" and part.parts[1].value < 0 and has_letters(part.parts[0])
        ):
            return "it divides by a letter"
    return ""
