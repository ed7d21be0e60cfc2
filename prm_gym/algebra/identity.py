"""Whether two expressions have the same value wherever both have one.

First exactly: both sides are expanded to quotients of polynomials and cross-multiplied. Where that grows too large and there are no roots, the sides are
evaluated modulo a prime of 127 bits at a point, prime and point derived from the texts by a hash, so that the answer is a function of the texts. Different
values prove a difference. Equal ones leave a probability of error below 2^-80, as if the prime and the point were drawn at random: by the lemma of Schwartz
and Zippel d / p with the degree d of the cross-multiplied difference, plus the chance that p divides all its coefficients; texts for which that bound would
not hold are left undecided.
"""

import hashlib
from functools import lru_cache

from prm_gym.algebra.equation import is_restated, normal_of
from prm_gym.algebra.expansion import Expander, NoValueError, is_numeric
from prm_gym.algebra.expression import Absolute, Expression, Name, Negative, Number, Power, Product, Quotient, Relation, Sum, names_of
from prm_gym.algebra.finding import Finding, point_sentence, point_texts
from prm_gym.algebra.polynomial import Budget, BudgetSpentError
from prm_gym.algebra.reading import read_expression, two_ways
from prm_gym.algebra.sampling import compared_at, points

MAX_WEIGHT = 1 << 40
_ROUNDS = 24  # of Miller's and Rabin's test
_ATTEMPTS = 4  # points, where a denominator happens to be 0


def identity(left: str, right: str, earlier: tuple[str, ...] = ()) -> Finding:
    """Whether two expressions have the same value wherever both have one; an expression that has a value nowhere equals nothing.

    >>> identity("(x + 1)^2", "x^2 + 2x + 1").status
    'equal'
    >>> identity("sqrt(x^2)", "x").witness
    {'x': '-2'}

    Args:
        left: an expression.
        right: likewise.
        earlier: what was written before; a right side that says it again is trivial.

    Raises:
        AlgebraError: a text is not read.
    """
    finding = _identity(left, right)
    if finding.status == "equal" and earlier:
        written = normal_of(right)
        if any(normal_of(text) == written for text in earlier):
            return Finding("trivial", "it was written before")
    return finding


@lru_cache(maxsize=1 << 12)
def _identity(left: str, right: str) -> Finding:
    relation = Relation(read_expression(left), "=", read_expression(right))
    torn = two_ways(names_of(relation.left) | names_of(relation.right))
    if torn is not None:
        return Finding("undecided", f"{torn!r} may be one name or a product of others; write * between factors")
    try:
        finding = _expanded(relation)
    except NoValueError as error:
        return Finding("different", f"a side has a value nowhere: {error}")
    except BudgetSpentError as error:
        finding = _modular(relation, left, right) or _refuted(relation) or Finding("undecided", str(error))
    if finding.status == "equal" and is_restated(relation.left, relation.right):
        return Finding("trivial", "both sides are the same expression")
    return finding


def _expanded(relation: Relation) -> Finding:
    expander = Expander()
    difference = expander.difference(relation.left, relation.right).numerator
    numeric = all(is_numeric(generator) for generator in expander.generators.values()) and not expander.radicands
    if not difference:
        if numeric or _somewhere(relation):
            return Finding("equal", "both sides have the same value wherever both have one")
        return Finding("undecided", "no point is known where both sides have a value")
    found = _refuted(relation)
    if found is not None:
        return found
    if numeric:
        return Finding("different", "the sides are different quotients of polynomials")
    return Finding("undecided", "the roots and absolute values of the two sides are not brought to one form")


def _somewhere(relation: Relation) -> bool:
    names = names_of(relation.left) | names_of(relation.right)
    budget = Budget()
    return any(compared_at(relation, point, budget) == "same" for point in points(names))


def _refuted(relation: Relation) -> Finding | None:
    names = names_of(relation.left) | names_of(relation.right)
    budget = Budget()
    for point in points(names):
        if compared_at(relation, point, budget) == "different":
            shown = f"the sides differ at {point_sentence(point)}" if point else "the sides are different numbers"
            return Finding("different", shown, point_texts(point))
    return None


# Modulo a prime.


def _modular(relation: Relation, left: str, right: str) -> Finding | None:
    """By evaluation modulo a prime; None where there are roots, or nothing is found out."""
    weight = _weight(relation.left), _weight(relation.right)
    if None in weight or sum(filter(None, weight)) > MAX_WEIGHT:
        return None
    seed = hashlib.blake2b(f"{len(left)} {left} {right}".encode()).digest()
    prime = _prime(seed)
    for attempt in range(_ATTEMPTS):
        point = {name: _number(seed, f"{attempt} {name}") % prime for name in names_of(relation.left) | names_of(relation.right)}
        try:
            same = _residue(relation.left, point, prime) == _residue(relation.right, point, prime)
        except ValueError:  # a denominator is 0 modulo the prime
            continue
        if same:
            return Finding("equal", "both sides have the same value at a point modulo a prime, both drawn from a hash (error below 2^-80)")
        return Finding("different", "the sides have different values modulo a prime")
    return None


def _weight(expression: Expression) -> int | None:
    """A bound on the degrees, and on the bits of the sums of coefficients, of numerator and denominator; None where there is a root."""
    match expression:
        case Number(value):
            return value.numerator.bit_length() + value.denominator.bit_length()
        case Name():
            return 1
        case Negative(inner):
            return _weight(inner)
        case Sum(parts) | Product(parts):
            weights = [_weight(part) for part in parts]
        case Quotient(numerator, denominator):
            weights = [_weight(numerator), _weight(denominator)]
        case Power(base, exponent):
            inner = _weight(base)
            return None if inner is None or exponent.denominator != 1 else inner * abs(exponent.numerator)
        case Absolute():
            return None
    return None if None in weights else sum(weight + 1 for weight in weights if weight is not None)


def _residue(expression: Expression, point: dict[str, int], prime: int) -> int:
    match expression:
        case Number(value):
            return value.numerator * pow(value.denominator, -1, prime) % prime
        case Name(text):
            return point[text]
        case Negative(inner):
            return -_residue(inner, point, prime) % prime
        case Sum(terms):
            return sum(_residue(term, point, prime) for term in terms) % prime
        case Product(factors):
            result = 1
            for factor in factors:
                result = result * _residue(factor, point, prime) % prime
            return result
        case Quotient(numerator, denominator):
            return _residue(numerator, point, prime) * pow(_residue(denominator, point, prime), -1, prime) % prime
        case Power(base, exponent):
            inner = _residue(base, point, prime)
            if exponent <= 0 and inner == 0:
                raise ValueError("0 to a power that is not positive")
            return pow(inner, exponent.numerator, prime)
        case Absolute():
            raise ValueError("an absolute value has no residue")


def _number(seed: bytes, label: str) -> int:
    return int.from_bytes(hashlib.blake2b(seed + label.encode(), digest_size=24).digest(), "big")


def _prime(seed: bytes) -> int:
    """A prime of 127 bits, by the test of Miller and Rabin."""
    candidate = (_number(seed, "prime") % (1 << 126)) | (1 << 126) | 1
    while not _is_prime(candidate):
        candidate += 2
    return candidate


def _is_prime(number: int) -> bool:
    if any(number % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for place in range(_ROUNDS):
        value = pow(2 + _number(b"base", f"{place} {number}") % (number - 3), odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True
