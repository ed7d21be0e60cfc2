"""What a worker process does with expressions that are not decided exactly: evaluate both to 50 digits at several points, or ask math-verify.

math-verify rounds to six places, and reads what it cannot parse as the last number in it. So it is believed only where what it parsed was evaluated to 50
digits and agrees, and where nothing of the text is missing in it. Nothing here evaluates a text: the trees of `prm_gym.answers.expression` are walked, and
math-verify's parser of LaTeX is a grammar.
"""

import importlib
import logging
import math
import random
import re
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from prm_gym.answers.expression import FUNCTIONS, GREEK, Node

_READ_COMMANDS = FUNCTIONS | GREEK | {"frac", "sqrt", "pi", "cdot", "times", "div", "infty"}

Finding: TypeAlias = Literal["equal", "different", "unreadable", "unknown"]

DIGITS = 50
POINTS = 4
MAX_MAGNITUDE = 2_000  # digits before or after the point of anything that is computed on the way


def _library(name: str) -> Any:
    """A package of the extra `math`."""
    return importlib.import_module(name)


def comparer() -> Callable[[tuple[Node | str, Node | str]], tuple[Finding, str]]:
    """What a worker does, once the packages are there: importing them is no part of the first job."""
    for name in ("mpmath", "sympy", "math_verify"):
        _library(name)
    logging.disable(logging.CRITICAL)
    return compare_pair


class _NoValueError(ArithmeticError):
    """Nothing to compare at this point."""


def compare_pair(pair: tuple[Node | str, Node | str]) -> tuple[Finding, str]:
    """The job of a worker: whether two expressions are equal.

    Args:
        pair: gold answer and answer, as trees or, where there is none, as spelled texts.

    Returns:
        The finding, and why, in words for a person.
    """
    gold, answer = pair
    if isinstance(gold, Node) and isinstance(answer, Node):
        finding = _evaluated(_names(gold) | _names(answer), lambda point: _number(gold, point), lambda point: _number(answer, point))
        if finding[0] == "different" and _is_log_of_no_base(gold) != _is_log_of_no_base(answer):
            return "unknown", "one has a logarithm whose base is not said"
        return finding
    return _parsed(str(gold), str(answer))


def _names(node: Node) -> set[str]:
    return {part.name for part in node.walk() if part.kind == "name"} - {"pi", "e", "i", "infty"}


def _is_log_of_no_base(node: Node) -> bool:
    return any(part.kind == "call" and part.name == "log" and len(part.parts) == 1 for part in node.walk())


def _evaluated(names: set[str], gold: Callable[[dict[str, Any]], Any], answer: Callable[[dict[str, Any]], Any]) -> tuple[Finding, str]:
    """Compare at random points: rational, at first positive, then of both signs, the same for the same names."""
    mpmath = _library("mpmath")

    compared = 0
    random_source = random.Random(20_240_117)
    with mpmath.workdps(DIGITS + 20):
        for trial in range(4 * POINTS):
            sign = 1 if trial < POINTS // 2 else random_source.choice((-1, 1))
            point: dict[str, Any] = {name: mpmath.mpf(sign * random_source.randint(1_000, 40_000)) / 9_973 for name in ("?log", *sorted(names))}
            try:
                one, other = gold(point), answer(point)
            except (_NoValueError, ArithmeticError, ValueError, TypeError):
                continue
            compared += 1
            if not _close(one, other):
                if compared > POINTS // 2:
                    return "unknown", "they agree where all letters are positive, and not elsewhere"
                return "different", f"they differ in value: {mpmath.nstr(one, 12)} and {mpmath.nstr(other, 12)}"
            if compared >= (POINTS if names else 1):
                return "equal", f"they agree in {DIGITS} digits at {compared} points" if names else f"they agree in {DIGITS} digits"
    return "unknown", "they have no value at any point that was tried"


def _close(one: Any, other: Any) -> bool:
    mpmath = _library("mpmath")

    if not (mpmath.isfinite(one) and mpmath.isfinite(other)):
        raise _NoValueError
    size = max(abs(one), abs(other))
    return bool(size == 0 or abs(one - other) <= size * mpmath.mpf(10) ** -DIGITS)


def _number(node: Node, point: dict[str, Any]) -> Any:
    """The value of a tree at a point, as an mpmath number."""
    mpmath = _library("mpmath")

    parts = [_number(part, point) for part in node.parts]
    match node.kind:
        case "number":
            value: Any = mpmath.mpf(node.value.numerator) / node.value.denominator
        case "name":
            constants = {"pi": mpmath.pi, "e": mpmath.e, "i": mpmath.mpc(0, 1)}
            if node.name == "infty":
                raise _NoValueError
            value = +constants[node.name] if node.name in constants else point[node.name]
        case "negative":
            value = -parts[0]
        case "sum":
            value = mpmath.fsum(parts)
        case "product":
            value = mpmath.fprod(parts)
        case "quotient":
            value = parts[0] / parts[1]
        case "power":
            value = _power(parts[0], parts[1])
        case "root":
            value = -mpmath.root(-parts[1], int(parts[0])) if _odd_root(parts) else _power(parts[1], 1 / parts[0])
        case "call":
            value = _call(node.name, parts, point)
    return value


def _odd_root(parts: list[Any]) -> bool:
    mpmath = _library("mpmath")

    return bool(parts[0] % 2 == 1 and mpmath.im(parts[1]) == 0 and mpmath.re(parts[1]) < 0)


def _power(base: Any, exponent: Any) -> Any:
    mpmath = _library("mpmath")

    if base != 0:
        magnitude = abs(exponent) * abs(mpmath.log(abs(base))) / math.log(10)
        if magnitude > MAX_MAGNITUDE:
            raise _NoValueError
    return mpmath.power(base, exponent)


def _call(name: str, parts: list[Any], point: dict[str, Any]) -> Any:
    mpmath = _library("mpmath")

    last = parts[-1]
    if abs(last) > 10**6 and name not in ("abs", "log", "ln", "lg", "floor", "ceil"):
        raise _NoValueError
    if name == "log":  # of no base: right only where it is right in every base
        return mpmath.log(last) / mpmath.log(parts[0]) if len(parts) == 2 else mpmath.log(last) / point["?log"]
    simple = {"ln": "log", "lg": "log10", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "abs": "fabs"}
    known = "sin cos tan cot sec csc sinh cosh tanh exp floor ceil factorial".split() + list(simple)  # noqa: SIM905
    if name == "binom" and all(abs(part) <= 10**4 for part in parts):
        return mpmath.binomial(*parts)
    if name not in known or len(parts) != 1 or (name == "factorial" and abs(last) > 1_000):
        raise _NoValueError
    return getattr(mpmath, simple.get(name, name))(last)


def _parsed(gold: str, answer: str) -> tuple[Finding, str]:
    """What math-verify says of two texts, where what it parsed agrees in value."""
    math_verify = _library("math_verify")
    config = [math_verify.LatexExtractionConfig()]
    read: list[Any] = []
    for name, text in (("gold answer", gold), ("answer", answer)):
        found: list[Any] = math_verify.parse(f"\\boxed{{{text}}}", config, fallback_mode="no_fallback", parsing_timeout=None)
        if not found:
            return "unreadable" if name == "answer" else "unknown", f"math-verify cannot read the {name}"
        if not _is_expression(found[0]):
            return "unknown", f"math-verify reads the {name} as something else than an expression"
        try:
            covered = _covers(found[0], text)
        except ValueError:  # a number that Python does not write out
            covered = False
        if not covered:
            return "unknown", f"math-verify reads only a part of the {name}"
        read.append(found[0])
    one, other = read
    names = {str(symbol) for value in read for symbol in value.free_symbols}
    finding, reason = _evaluated(names, lambda point: _sympy_number(one, point), lambda point: _sympy_number(other, point))
    if finding == "equal" and not math_verify.verify(one, other, timeout_seconds=None):
        return "unknown", "they agree in value, but math-verify finds them different"
    return finding, reason


def _is_expression(value: Any) -> bool:
    sympy = _library("sympy")

    return isinstance(value, sympy.Expr) and not isinstance(value, sympy.MatrixExpr)


def _covers(value: Any, text: str) -> bool:
    """Whether every letter and number of the text is in what was read, and every command one that is known to be read."""
    sympy = _library("sympy")
    letters = set(re.findall("[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", text))) - set("ei")
    names = "".join(str(symbol) for symbol in value.free_symbols)
    numbers = " ".join(str(atom) for atom in value.atoms(sympy.Number))
    digits = set(re.findall(r"[0-9]+", text)) - {"0", "1", "2"}
    commands = set(re.findall(r"\\([A-Za-z]+)", text))
    return letters <= set(names) and all(run in numbers for run in digits) and commands <= _READ_COMMANDS


def _sympy_number(value: Any, point: dict[str, Any]) -> Any:
    mpmath, sympy = _library("mpmath"), _library("sympy")

    at = {symbol: sympy.Float(str(point[str(symbol)]), DIGITS + 20) for symbol in value.free_symbols}
    found = value.doit().subs(at).evalf(DIGITS + 20, maxn=4 * DIGITS, strict=False)
    if not found.is_number or found.has(sympy.nan, sympy.zoo, sympy.oo):
        raise _NoValueError
    real, imaginary = found.as_real_imag()
    return mpmath.mpc(str(real), str(imaginary))
