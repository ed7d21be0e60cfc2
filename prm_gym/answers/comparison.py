"""Whether a reading of an answer says what a reading of the gold answer says: shape first, then values, exactly."""

import math
import re
from dataclasses import replace
from fractions import Fraction

from prm_gym.answers.exact import Exact, exact, same
from prm_gym.answers.expression import Node, UnreadableError, number
from prm_gym.answers.forms import other_form
from prm_gym.answers.outcome import RIGHT, Outcome, Pair, undecided, wrong
from prm_gym.answers.readings import Group, Numeral, Reading, Relation, Scalar, Unknown, Words, read_answer
from prm_gym.answers.spelling import spelled
from prm_gym.answers.units import doubt, mentions_instead, read_unit
from prm_gym.answers.wording import choice, numerals, words
from prm_gym.answers.worked_out import not_worked_out

_PERCENT_ASKED = re.compile(r"(?:what|which|find the|as a|in|the)\s+percent|percentage|express[^.]{0,60}percent|how many percent", re.IGNORECASE)
_ORDER_ASKED = re.compile(
    r"\border\b|ascending|descending|respectively|(?:small|larg|great|bigg|low|high|long|short|old|young)(?:e(?:r|st))[^.\n]{0,30}\bfirst\b|"
    r"(?:(?:small|larg|great|bigg?|low|high|short|long|young|old)(?:e?r|e?st|e)?|least|most)(?: \w+)? to\b|ordered|\bsort|arrang|\brank",
    re.IGNORECASE,
)
_ORDER_PERHAPS = re.compile(
    r"\b(?:increasing|decreasing|sequence|first|last|followed by|next|tuple|from [^.\n]{1,30} to|triple|list of the form|in the form)\b", re.IGNORECASE
)
_INTERVAL_ASKED = re.compile(r"interval|inequalit|domain|range|solution set|values of", re.IGNORECASE)
_FLIPPED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}


def _parts(reading: Group | Relation) -> tuple[Reading, ...]:
    return reading.items if isinstance(reading, Group) else reading.sides


def says_the_same(one: str, other: str) -> bool:
    """Whether two statements are certain to mean the same, either taken for the gold answer of the other; no worker is asked."""
    first, second = read_answer(spelled(one)), read_answer(spelled(other))
    return any(outcome.verdict == "correct" and not outcome.pairs for outcome in (compare(first, second), compare(second, first)))


def compare(gold: Reading, answer: Reading, question: str = "") -> Outcome:
    """Compare an answer with the gold answer.

    Args:
        gold: what is right.
        answer: what was said.
        question: the problem; it decides whether an order, a percentage or a form was asked for.
    """
    if isinstance(gold, Unknown):
        return _unknown_gold(gold, answer)
    if isinstance(answer, Unknown):
        return words(gold, answer) if choice(gold) and choice(answer) else _unknown_answer(gold, answer)
    if isinstance(answer, Group) and choice(answer) and choice(gold):
        return words(gold, answer)
    if isinstance(answer, (Group, Relation)):
        broken = next((part for part in _parts(answer) if isinstance(part, Unknown) and part.kind == "broken"), None)
        if broken is not None:
            return _unknown_answer(gold, broken)
    if isinstance(answer, Relation) and not isinstance(gold, Relation):
        return _relation_for_value(gold, answer, question)
    if isinstance(gold, Relation):
        return _relation(gold, answer, question)
    if isinstance(gold, Scalar) and isinstance(answer, Scalar):
        return _scalars(gold, answer, question)
    if isinstance(gold, Group) and isinstance(answer, Group):
        return _groups(gold, answer, question)
    if isinstance(gold, Words) or isinstance(answer, Words):
        return words(gold, answer)
    if isinstance(gold, Numeral) or isinstance(answer, Numeral):
        return numerals(gold, answer)
    if isinstance(answer, Group):
        return wrong(f"it gives {len(answer.items)} values or another shape, the gold answer is one value")
    return wrong("it gives one value, the gold answer has another shape")


# What math-verify would work on for longer than it is worth, or without end; and signs that it passes over.
_COSTLY = re.compile(r"[!%_$]|\\binom|\\(?:sum|prod|int|lim|pmod|bmod|det)(?![a-zA-Z])|\^\s*\{?[^{}^]*\^|\^\s*\{?\s*-?\d{4}|\d{60}|\d[eE]\d")
_LONG = 300
_STEEP = 1_000_000  # all exponents multiplied: powers of powers


def _by_math_verify(gold: str, answer: str, readable: bool) -> Outcome:
    """Two texts that go to a worker, if they are of a reasonable size."""
    for text in (gold, answer):
        exponents = math.prod(int(exponent) for exponent in re.findall(r"\^\s*\{?\s*(\d{1,3})", text))
        if len(text) > _LONG or exponents > _STEEP or _COSTLY.search(text):
            return undecided("they cannot be read here, and are not of a kind to be handed on")
    return Outcome("correct", "math-verify finds them equal", (Pair(gold, answer, readable),))


def _unknown_gold(gold: Unknown, answer: Reading) -> Outcome:
    if gold.kind == "beyond":
        return undecided(f"the gold answer is beyond what is read here: {gold.reason}")
    if isinstance(answer, (Unknown, Scalar)) and "..." not in answer.text:
        return _by_math_verify(gold.text, answer.text, readable=False)
    return undecided(f"the gold answer cannot be read: {gold.reason}")


def _unknown_answer(gold: Reading, answer: Unknown) -> Outcome:
    if answer.kind == "operator":
        return wrong(f"it is not worked out: {answer.reason}")
    if answer.kind == "broken":
        return Outcome("malformed", f"it is not well formed: {answer.reason}")
    if answer.kind == "beyond":
        return Outcome("malformed", f"it is larger than an answer may be: {answer.reason}")
    if isinstance(gold, Scalar) and gold.value is not None and gold.value.rational is None and not gold.unit and not choice(gold) and "..." not in answer.text:
        return _by_math_verify(gold.text, answer.text, readable=True)
    if isinstance(gold, (Group, Relation)) and "..." not in answer.text:
        return undecided(f"the answer cannot be read: {answer.reason}")
    return wrong(f"it is no answer that can be read: {answer.reason}")


def _scalars(gold: Scalar, answer: Scalar, question: str) -> Outcome:
    if gold.infinite or answer.infinite:
        return RIGHT if gold.infinite == answer.infinite else wrong("one is infinite, or their signs differ")
    if gold.value is None:
        return undecided(f"the gold answer has no value here: {gold.defect}")
    if gold.percent != answer.percent and not _PERCENT_ASKED.search(question):
        return wrong("one is a percentage, the other is not")
    if not gold.value.letters:
        answer = _measured(answer)
    factor, objection = _conversion(gold, answer, question)
    if objection is not None:
        return objection
    reason = not_worked_out(answer.node, gold.node, gold.value)
    if reason and (factor == 1 or answer.value is None or answer.value.rational is None):
        known = None if answer.value is None else answer.value.rational
        differs = known is not None and gold.value.rational not in (None, known * factor)
        return wrong("the values differ" if differs else reason)
    if answer.value is None:
        return wrong(f"it has no value: {answer.defect}") if "zero" in answer.defect else undecided(f"its value is not computed: {answer.defect}")
    value = answer.value if factor == 1 else _scaled(answer.value, factor)
    try:
        equal = same(gold.value, value)
    except UnreadableError as error:
        return undecided(f"the values are not compared: {error}")
    if equal:
        objection = other_form(answer, gold, question) if factor == 1 else None
        return RIGHT if objection is None else Outcome(*objection)
    if equal is None:
        return Outcome("correct", "both have the same value to 50 digits wherever they were evaluated", (Pair(gold.node, answer.node),))
    radians = answer.unit is not None and answer.unit.dimension == "degrees" and gold.unit is None and "pi" in gold.value.generators
    if radians and same(gold.value, exact(Node("product", (answer.node, number(Fraction(1, 180)), Node("name", name="pi"))))):
        return RIGHT
    return wrong("the values differ")


def _measured(answer: Scalar) -> Scalar:
    """`10m` as ten metres, where the gold answer has no letters."""
    if answer.unit is not None or answer.node.kind != "product" or len(answer.node.parts) != 2:
        return answer
    amount, name = answer.node.parts
    unit = read_unit(name.name) if amount.kind == "number" and name.kind == "name" and name.name in ("m", "g", "s", "h", "L") else None
    return answer if unit is None else replace(answer, node=amount, value=exact(amount), unit=unit)


def _scaled(value: Exact, factor: Fraction) -> Exact:
    return Exact({key: weight * factor for key, weight in value.numerator.items()}, value.denominator)


def _conversion(gold: Scalar, answer: Scalar, question: str) -> tuple[Fraction, Outcome | None]:
    """The factor from the answer's unit to the gold answer's, and what speaks against the units. A unit that one of them lacks is the one asked for."""
    if answer.unit is None:
        return Fraction(1), undecided("whether the letter behind the number is a unit cannot be told") if gold.unit is not None and gold.unit.letter else None
    if gold.unit is None:
        if (answer.unit.dimension == "radians" and "pi" not in gold.text) or (question and mentions_instead(question, answer.unit)):
            return Fraction(1), wrong("the question asks for another unit")
        reason = doubt(question, answer.unit)
        return Fraction(1), undecided(reason) if reason else None
    if gold.unit.dimension == answer.unit.dimension:
        return answer.unit.factor / gold.unit.factor, None
    if "unit" in (gold.unit.dimension, answer.unit.dimension) or gold.unit.known or answer.unit.known:
        return Fraction(1), wrong("the units differ")
    return Fraction(1), undecided("whether the units are the same cannot be told here")


def _groups(gold: Group, answer: Group, question: str) -> Outcome:
    if gold.brackets != answer.brackets:
        return wrong("the shapes differ: a point, a list, a set and an interval are not the same, nor are open and closed ends")
    if len(gold.items) != len(answer.items):
        return wrong(f"it has {len(answer.items)} parts, the gold answer {len(gold.items)}")
    if gold.ordered or (gold.brackets == ("", "") and _ORDER_ASKED.search(question)):
        return _together([compare(one, other, question) for one, other in zip(gold.items, answer.items, strict=True)])
    outcome = _unordered(gold, answer, question)
    if outcome.verdict == "correct" and gold.brackets == ("", "") and _ORDER_PERHAPS.search(question):
        in_order = _together([compare(one, other, question) for one, other in zip(gold.items, answer.items, strict=True)])
        return outcome if in_order.verdict == "correct" else undecided("the order is another one, and the question may ask for it")
    return outcome


def _unordered(gold: Group, answer: Group, question: str) -> Outcome:
    if len(gold.items) > 1 and _assigned(gold) and _assigned(answer) is None:
        gold = _assigned(gold) or gold
    elif len(gold.items) > 1 and _assigned(answer) and _assigned(gold) is None:
        answer = _assigned(answer) or answer
    left: list[Reading] = list(answer.items)
    rest: list[Reading] = []
    for item in gold.items:
        outcomes = [compare(item, other, question) for other in left]
        found = next((place for place, outcome in enumerate(outcomes) if outcome == RIGHT), None)
        if found is None:
            if all(outcome.verdict in ("incorrect", "malformed") for outcome in outcomes):
                return wrong(f"a part of the gold answer is missing: {outcomes[0].reason}")
            rest.append(item)
        else:
            left.pop(found)
    if not rest:
        return RIGHT
    return compare(rest[0], left[0], question) if len(rest) == 1 else undecided("which parts belong together cannot be told here")


def _assigned(group: Group) -> Group | None:
    """The right sides of `x = 1, x = 2`; None where it is not of that form."""
    labels = {item.label if isinstance(item, Relation) and item.relations == ("=",) else "" for item in group.items}
    if len(labels) != 1 or "" in labels:
        return None
    return Group(group.brackets, tuple(item.sides[1] for item in group.items if isinstance(item, Relation)))


def _together(outcomes: list[Outcome]) -> Outcome:
    """Of parts that must all be equal."""
    for verdict in ("malformed", "incorrect", "undecided"):
        for outcome in outcomes:
            if outcome.verdict == verdict:
                return outcome
    pairs = tuple(pair for outcome in outcomes for pair in outcome.pairs)
    return Outcome("correct", next(outcome.reason for outcome in outcomes if outcome.pairs), pairs) if pairs else RIGHT


def _relation_for_value(gold: Reading, answer: Relation, question: str) -> Outcome:
    """An equation or inequality where the gold answer is none."""
    if len(answer.relations) > 1 and "=" in answer.relations:
        return wrong("it is a chain of equalities and no answer")
    if answer.label and answer.relations in (("=",), (r"\in",)):
        return compare(gold, answer.sides[1], question)
    solutions = _interval(answer)
    if solutions is not None and isinstance(gold, Group):
        return _intervals(gold, solutions, gold, question)
    return wrong("it is an equation or inequality, the gold answer is a value")


def _relation(gold: Relation, answer: Reading, question: str) -> Outcome:
    assignment = gold.label and gold.relations in (("=",), (r"\in",))
    if not isinstance(answer, Relation):
        if assignment:
            return compare(gold.sides[1], answer, question)
        solutions = _interval(gold)
        if solutions is not None and isinstance(answer, Group):
            return _intervals(solutions, answer, answer, question)
        return wrong("the gold answer is an equation or inequality, this is none")
    if assignment and answer.label:
        if gold.label != answer.label:
            return wrong(f"it is about {answer.label}, the gold answer about {gold.label}")
        if gold.relations == answer.relations:
            return compare(gold.sides[1], answer.sides[1], question)
    if gold.relations == (r"\in",) and gold.label and _interval(answer) is not None and gold.label in _letters(answer):
        return compare(gold.sides[1], _interval(answer) or answer, question)
    if len(gold.relations) > 1 or len(answer.relations) > 1:
        one, other = _interval(gold), _interval(answer)
        if one is None or other is None or _letters(gold) != _letters(answer):
            return wrong("it is a chain, or the gold answer is one")
        return compare(one, other, question)
    return _single_relations(gold, answer)


def _intervals(gold: Group, answer: Group, written: Group, question: str) -> Outcome:
    """An inequality against an interval; `(1, 2)` may be a point, if the question does not speak of intervals."""
    surely = written.brackets != ("(", ")") or any(isinstance(item, Scalar) and item.infinite for item in written.items)
    if not surely and not _INTERVAL_ASKED.search(question):
        return undecided("whether a point or an open interval is meant cannot be told without the question")
    return compare(gold, answer, question)


def _letters(relation: Relation) -> frozenset[str]:
    return frozenset(name for side in relation.sides if isinstance(side, Scalar) and side.value is not None for name in side.value.letters)


def _interval(relation: Relation) -> Group | None:
    """The solutions of `a < x <= b` or `x > a`, where x is a letter."""
    sides, relations = list(relation.sides), list(relation.relations)
    if not all(isinstance(side, Scalar) for side in sides) or not all(symbol in _FLIPPED for symbol in relations):
        return None
    if relations[0] in (">", r"\ge"):
        sides, relations = sides[::-1], [_FLIPPED[symbol] for symbol in relations[::-1]]
    if not all(symbol in ("<", r"\le") for symbol in relations):
        return None
    low, high = (Scalar(text, number(0), None, infinite=sign) for text, sign in (("-∞", -1), ("∞", 1)))
    middle = [place for place, side in enumerate(sides) if isinstance(side, Scalar) and side.node.kind == "name" and not side.infinite]
    if middle == [1] and len(sides) == 3:
        return Group(("[" if relations[0] == r"\le" else "(", "]" if relations[1] == r"\le" else ")"), (sides[0], sides[2]))
    if middle == [0] and len(sides) == 2:
        return Group(("(", "]" if relations[0] == r"\le" else ")"), (low, sides[1]))
    if middle == [1] and len(sides) == 2:
        return Group(("[" if relations[0] == r"\le" else "(", ")"), (sides[0], high))
    return None


def _single_relations(gold: Relation, answer: Relation) -> Outcome:
    """`A = B` against `C = D`: right where C - D is a multiple of A - B by a number, for an inequality a positive one."""
    one, other = _difference(gold), _difference(answer)
    if one is None or other is None:
        return undecided("equations of this kind are not compared here")
    flipped = answer.relations[0] == _FLIPPED.get(gold.relations[0])
    if gold.relations != answer.relations and not flipped:
        return wrong("the relations differ")
    if not one.numerator or not other.numerator:
        return RIGHT if one.numerator == other.numerator else wrong("one holds always, the other does not")
    ratio = exact_ratio(other, one)
    if ratio is not None:
        if gold.relations[0] in _FLIPPED and (ratio < 0) != flipped:
            return wrong("the inequality points the other way")
        return RIGHT
    if one.opaque or other.opaque or len(one.denominator) > 1 or len(other.denominator) > 1:
        return undecided("equations of this kind are not compared here")
    return wrong("the equations differ")


def _difference(relation: Relation) -> Exact | None:
    left, right = relation.sides[0], relation.sides[1]
    if not (isinstance(left, Scalar) and isinstance(right, Scalar) and left.value is not None and right.value is not None) or left.unit or right.unit:
        return None
    try:
        return exact(Node("sum", (left.node, Node("negative", (right.node,)))))
    except UnreadableError:
        return None


def exact_ratio(one: Exact, other: Exact) -> Fraction | None:
    """The rational number that one value is of another; None where there is none.

    Args:
        one: the value.
        other: not zero.
    """
    key = min(other.numerator)
    if one.denominator != other.denominator or key not in one.numerator:
        return None
    ratio = one.numerator[key] / other.numerator[key]
    return ratio if one.numerator == {name: weight * ratio for name, weight in other.numerator.items()} else None
