"""What a step of free text claims: the equations between plain numbers that are written in it."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache

from prm_gym.arithmetic import Expression, ExpressionError, equations, parse_expression, rounds_to
from prm_gym.claims import Equality

# A sentence with one of these may name an equation without asserting it, or mean another arithmetic.
_DOUBT = re.compile(
    r"\b(?:not|n't|never|false|wrong\w*|incorrect\w*|mistak\w+|errors?|contradict\w*|impossible|instead|rather|unless|if|suppose|assum\w+|whether|would|should|claim\w*|"
    r"says?|said|wrote|thinks?|thought|mod|modulo|base|remainders?|imagin\w*|pretend\w*|hypothe\w*|untrue|invalid|doubt\w*|define[ds]?|defining|denotes?|operators?|"
    r"neither|nor|cannot)\b|n't\b|n’t\b|\?",
    re.IGNORECASE,
)
# The next sentence may take an equation back.
_TAKEN_BACK = re.compile(
    r"\s*(?:(?:but|and|so|however,?)\s+)?(?:(?:this|that|which|it|the (?:result|answer|equation))\b[^.!?\n]{0,60}\b(?:wrong|incorrect|false|untrue|absurd|"
    r"contradict\w*|impossible|mistaken?|an? error|(?:not|n['’]t) (?:right|correct|true|possible|so))|(?:a )?contradiction|"
    r"wrong|incorrect|oops|(?:wait|no)(?=[,.!]))(?!\w)",
    re.IGNORECASE,
)
# Anywhere in a text, the problem and the earlier steps included, one of these may make all its equations mean another arithmetic.
_OTHER_ARITHMETIC = re.compile(
    r"\b(?:mod|modulo|modulus|modular|congruent|congruence|residues?|binary|ternary|octal|duodecimal|hexadecimal|hex|clocks?|finite field|wraps around|"
    r"concatenat\w*|new operation|binary operation|operations? (?:\$?\\?[*∗★⋆@#&◦⊕⊗△]|is defined)|defines? (?:a|an|the|new)? ?(?:new )?(?:operat\w+|\$)|"
    r"base[- ]*\$?(?:\d|[bn]\b|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|sixteen)|GF ?\()"
    r"|\bZ_?\{?\d|\\[pb]?mod\b|\\equiv\b|≡|ℤ|mathbb\s*\{?\s*[ZF]\b\}?\s*(?:_|/)|\\(?:star|ast|circ|oplus|otimes|diamond|bigstar)\b|[★⋆⊕⊗◦]",
    re.IGNORECASE,
)
_DEFINITION = re.compile(r"(?<![\w^])([a-z])[\s$]*(?:\*|\\ast|\\star|\\times|\\cdot|\\div|[×·∗+/÷@#&-])[\s$]*([a-z])[\s$]*=([^.;\n=]{0,200})", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")


def equalities(text: str, written: Sequence[str] = (), question: str = "") -> tuple[Equality, ...]:
    """The claims about the equations of a step, rounding allowed.

    Left out is what says nothing: equations whose sides are the same (`9 = 9`, `9 = 9 + 0`), and true ones that were written before, likewise spelled
    otherwise. A false one stays false when it is repeated. Left out as well is a false one whose sentence may not assert it: "it is not so that 2 + 2 = 5",
    "is 3 * 4 = 13?"; and every false one where the step, an earlier step or the question speaks of another arithmetic: "17 = 2 (mod 5)", "in base 8", "let
    a * b = a^2 + b".

    Args:
        text: the step.
        written: the earlier steps.
        question: the problem that the steps are to solve.
    """
    found = _equations_of(text)
    if not found:
        return ()
    before = {_said(left, right) for step in written for left, right, _ in _equations_of(step)}
    other = any(map(_other_arithmetic, (text, *written, question)))
    return tuple(
        Equality(left, right, rounded=True) for left, right, doubtful in found if _says_something(left, right, _said(left, right) in before, doubtful or other)
    )


@lru_cache(maxsize=1 << 10)
def _other_arithmetic(text: str) -> bool:
    """Whether a text counts modulo a number, in another base, or with operations that it defines."""
    if _OTHER_ARITHMETIC.search(text) is not None:
        return True
    return any(all(re.search(rf"(?<![A-Za-z]){letter}(?![A-Za-z])", found[3]) for letter in found.group(1, 2)) for found in _DEFINITION.finditer(text))


@lru_cache(maxsize=1 << 13)
def _equations_of(step: str) -> tuple[tuple[str, str, bool], ...]:
    """The equations of a step, each once, with whether one may doubt that it is asserted wherever it stands."""
    found: dict[tuple[str, str], bool] = {}
    doubts: dict[tuple[int, int], bool] = {}
    ends = [0, *(end.end() for end in _SENTENCE_END.finditer(step)), len(step)]
    for equation in equations(step):
        first = ends[bisect_right(ends, equation.start) - 1]
        last = ends[min(bisect_left(ends, equation.end), len(ends) - 1)]
        pair = (equation.left, equation.right)
        if (first, last) not in doubts:
            doubts[first, last] = _DOUBT.search(step, first, last) is not None or _TAKEN_BACK.match(step, last) is not None
        found[pair] = found.get(pair, True) and doubts[first, last]
    return tuple((left, right, doubtful) for (left, right), doubtful in found.items())


@lru_cache(maxsize=1 << 13)
def _said(left: str, right: str) -> frozenset[str]:
    """What an equation says, however it is spelled: both sides in either order, without `+ 0` and `* 1`."""
    try:
        return frozenset(_bare(parse_expression(side)).text for side in (left, right))
    except ExpressionError:
        return frozenset((left, right))


def _bare(side: Expression) -> Expression:
    while side.symbol is not None:
        one, other = side.operands
        empty = 0 if side.symbol in "+-" else 1
        if other.is_literal and other.value == empty:
            side = one
        elif side.symbol in "+*" and one.is_literal and one.value == empty:
            side = other
        else:
            break
    return side


def _says_something(left: str, right: str, again: bool, doubtful: bool) -> bool:
    try:
        one, other = parse_expression(left), parse_expression(right)
    except ExpressionError:  # divided by zero: false
        return not doubtful
    true = one.value == other.value or rounds_to(one.value, right) or rounds_to(other.value, left)
    return len(_said(left, right)) > 1 and not (again if true else doubtful)
