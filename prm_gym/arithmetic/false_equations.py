"""Whether a false equation of running text was surely read.

A true equation that was read wrongly does little harm; a false one calls a right step wrong. So a false one must stand a stricter reading: its units are the
same on both sides or cancel, no other grouping, range, clock or mixed number makes it true, and nothing beside it may belong to it.
"""

import math
import re
from fractions import Fraction
from itertools import combinations

from prm_gym.arithmetic.expression import ExpressionError, parse_expression
from prm_gym.arithmetic.free_text_sides import Side
from prm_gym.arithmetic.free_text_tokens import Token
from prm_gym.arithmetic.rounding import rounds_to

_UNITS: dict[str, str] = {
    word: names.split()[0]
    for names in (
        "second seconds sec secs|minute minutes min mins|hour hours hr hrs|day days|night nights|week weeks",
        "fortnight fortnights|month months|year years yr yrs",
        "weekend weekends|decade decades|century centuries|millennium millennia|semester semesters|term terms|millisecond milliseconds ms",
        "dollar dollars c buck bucks usd|cent cents ¢|dime dimes|nickel nickels|quarter quarters|penny pennies pence",
        "euro euros eur|pound pounds lb lbs|rupee rupees",
        "inch inches|foot feet ft|yard yards yd yds|mile miles mi|mm millimeter millimeters millimetre millimetres",
        "cm centimeter centimeters centimetre centimetres",
        "meter meters metre metres|km kilometer kilometers kilometre kilometres kms|acre acres|hectare hectares|block blocks|lap laps|furlong furlongs",
        "gram grams gm gms|kg kgs kilogram kilograms kilo kilos|mg milligram milligrams|ounce ounces oz|ton tons tonne tonnes|stone stones",
        "ml milliliter milliliters millilitre millilitres|liter liters litre litres|cup cups|pint pints|quart quarts|gallon gallons|cubic|square",
        "tablespoon tablespoons tbsp|teaspoon teaspoons tsp|barrel barrels|bushel bushels",
        "bit bits|byte bytes|kb kilobyte kilobytes|mb megabyte megabytes|gb gigabyte gigabytes|tb terabyte terabytes|mbps|gbps",
        "wh|kwh|mwh|watt watts|kw kilowatt kilowatts|joule joules|kj|calorie calories cal|kcal|volt volts|hp|degree degrees °",
        "radian radians|celsius|fahrenheit",
        "pair pairs|couple couples|trio trios|twins|triplets|gross|score|ream reams|pack packs",
        "case cases|tray trays|set sets|carton cartons|crate crates|package packages|bundle bundles|hz|khz|mhz",
    )
    for names in names.split("|")
    for word in names.split()
}
_RATES = {"mph": ("mile", "hour"), "kph": ("km", "hour"), "kmh": ("km", "hour"), "rpm": ("turn", "minute"), "wpm": ("word", "minute")}
_NEVER_A_UNIT = frozenset(
    word
    for line in (
        "pi tau phi infinity am pm a.m p.m o'clock o’clock noon midnight squared cubed factorial negative positive absolute square cube sine cosine tangent",
        "sin cos tan exp floor ceiling ceil round rounded abs max min gcd gcf lcm hcf det mean average median ratio product sum difference quotient power root",
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
        "twenty thirty forty fifty sixty seventy eighty ninety first fifth fifths sixth sixths eighth eighths tenth tenths",
    )
    for word in line.split()
) - {"min"}
# Between units of one kind, as yard to metre, quart to litre, pound to kilogram; and whole ones.
_PLACED_FACTORS = (1.016, 1.057, 1.094, 1.102, 1.12, 1.609, 1.8, 2.205, 2.54, 3.281, 3.785, 4.345, 28.35, 30.44)
# fmt: off
_WHOLE_FACTORS = (
    2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 20, 24, 25, 28, 29, 30, 31, 32, 36, 40, 48, 50, 52, 60, 64, 72, 100, 128, 144, 160, 168, 180, 200,
    256, 360, 365, 366, 480, 500, 1000, 1024, 1440, 1760, 2000, 3600, 5280, 10_000, 86_400, 100_000, 1_000_000, 1_048_576,
)
# fmt: on
_FACTORS = tuple(factor for base in (*_PLACED_FACTORS, *_WHOLE_FACTORS) for factor in (base, 1 / base))
_MAX_SUMMANDS = 6  # whose conversions are tried out
_MAX_CONVERTED = 10**12
_QUOTES = frozenset("\"“”'‘’—…")
_DEBT = re.compile(r"\((\d+(?:\.\d+)?)\)")  # (5) + 8 = 3
_DEBTS = re.compile(r"(?:\(\d+(?:\.\d+)?\)|\d+(?:\.\d+)?)(?:[-+](?:\(\d+(?:\.\d+)?\)|\d+(?:\.\d+)?))+")
_POINTED = re.compile(r"\b(\d{1,3})\.(\d{3})\b")  # 1.000 + 500 = 1.500
_NEXT_EQUATION = re.compile(r"[-(c]*+N[^=~pnX]{0,60}[=~]")


def holds(left: str, right: str) -> bool:
    """Whether an equation is true, exactly or rounded on either side."""
    try:
        one, other = parse_expression(left).value, parse_expression(right).value
    except ExpressionError:
        return False
    return one == other or rounds_to(one, right) or rounds_to(other, left)


def surely_meant(left: Side, right: Side, pair: tuple[str, str], near: bool) -> bool:
    """Whether the two sides of a false equation can be read in no other way that people write.

    Args:
        left: the left side.
        right: the right side.
        pair: both as they were read.
        near: whether the sides are only said to be nearly equal.
    """
    one, other = _value(pair[0]), _value(pair[1])
    if any(token.text in _NEVER_A_UNIT for side in (left, right) for token in side.whole if token.kind == "w"):
        return False
    if any(_grouped_otherwise(side) or _odd_brackets(side) or not _one_unit(side) for side in (left, right)):
        return False
    if one is None or other is None:
        return not (left.words or right.words)
    if near and abs(one - other) * 50 <= abs(one):
        return False
    if _DEBTS.fullmatch(pair[0]) and _value(_DEBT.sub(r"-\1", pair[0])) == other:
        return False
    if any("." in text for text in pair) and holds(*(_POINTED.sub(r"\1\2", text) for text in pair)):
        return False
    wholes = "/" in pair[0] and any(token.kind == "w" for token in right.whole) and other in (math.floor(one), math.ceil(one))  # 19 / 4 = 4 full boxes
    return not wholes and not _a_range(left, other) and not _a_factorial(one, other) and _units_agree(left, right, one, other)


def begins_surely(read: list[Token], text: str, left: Side, pair: tuple[str, str]) -> bool:
    """Whether nothing before the first side of a false equation may belong to it.

    Args:
        read: the tokens of the text.
        text: the text.
        left: the first side.
        pair: both sides as they were read.
    """
    first = left.begin
    if first == 0 or read[first - 1].kind == "n":
        return True
    before = read[first - 1]
    if before.kind == "-":  # taken for the mark of a list
        return not holds(f"-{pair[0]}", pair[1])
    if before.kind == "w":
        return before.text.split()[-1] not in _NEVER_A_UNIT
    mark = text[before.start : before.end] if before.kind == "p" else ""
    if _QUOTES & set(mark) or (left.numbers == 1 and "," in mark):
        return False
    if not re.search("[,:]", mark) or first < 2 or read[first - 2].kind not in "N)%":
        return True
    place = first - 2
    while place >= 0 and read[place].kind in "Nc%-":
        place -= 1
    if place >= 0 and read[place].kind in "=~":
        return True
    return ":" in mark and place == first - 3 and (place < 0 or read[place].kind in "wnp") and text[before.start - 1].isdigit()


def ends_surely(read: list[Token], kinds: str, text: str, place: int) -> bool:
    """Whether nothing after the last side of a false equation may belong to it.

    Args:
        read: the tokens of the text.
        kinds: their kinds, one letter each.
        text: the text.
        place: the token after the last number or bracket.
    """
    while kinds[place : place + 1] == ")":
        place += 1
    if place == len(read):
        return True
    if text[read[place - 1].end : read[place - 1].end + 1] in _QUOTES:
        return False
    words = place
    while kinds[words : words + 1] == "w" and words < place + 6:
        words += 1
    if any(token.text in _NEVER_A_UNIT for token in read[place:words]):
        return False
    follows = kinds[words : words + 1]
    if follows in ("N", "c", "d"):
        return False
    if follows == "(":
        return read[words + 1].text not in _UNITS if words + 1 < len(read) else True
    if follows == "a":
        beyond = read[words + 1 : words + 4]
        return not any(token.kind == "d" or token.text in _NEVER_A_UNIT for token in beyond)
    if follows == "p" and "," in text[read[words].start : read[words].end] and kinds[words + 1 : words + 2] in ("N", "c"):
        return _NEXT_EQUATION.match(kinds, words + 1) is not None
    return True


def _value(text: str) -> Fraction | None:
    try:
        return parse_expression(text).value
    except ExpressionError:
        return None


def _grouped_otherwise(side: Side) -> bool:
    """Whether blanks, two signs of division, or `of` may group the side in another way; `3-1/2` may be a mixed number, an asterisk of LaTeX any operation."""
    signs = [token.written or token.text for token in side.read if token.kind == "o"]
    over = {sign for sign in signs if sign in ("/", "÷", "\\div")}
    if len(over) > 1 or any(sign in ("\\ast", "∗") for sign in signs) or ("of" in signs and side.summed):
        return True
    spelled = side.spelled()
    if _value(side.grouped()) != _value(spelled):
        return True
    tight = [(token.text, before.end == token.start) for before, token in zip(side.read, side.read[1:], strict=False)]
    shape = "".join(("9" if text[0].isdigit() else text[0]) if joined else f" {text[0]}" for text, joined in tight)
    return re.search(r"-9/9", shape) is not None and re.search(r"\d-\d+/\d", spelled) is not None


def _odd_brackets(side: Side) -> bool:
    """Whether a bracket may mean something else: `($5)` a debt, `[7/2]` a whole part, `[1]` a class or a source."""
    kinds = "".join("[" if token.written == "[" else "]" if token.written == "]" else token.kind for token in side.read)
    return "(cN)" in kinds or re.search(r"\[[^()\[\]]*\]", kinds) is not None


def _operands(side: Side) -> list[list[Token]]:
    """The summands of a side, brackets aside."""
    parts: list[list[Token]] = [[]]
    for token in side.whole:
        if token.kind in "-o" and token.text in "+-" and any(other.kind == "N" for other in parts[-1]):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _one_unit(side: Side) -> bool:
    """Whether all summands have the same unit, or none has any."""
    parts = _operands(side)
    if len(parts) < 2:
        return True
    units = {_unit(part) for part in parts[:-1]}
    last = _unit(parts[-1])
    if len(units) > 1:
        return False
    (unit,) = units
    if unit is None and last is not None:  # 5 + 3 apples: the words after the last number are often no unit
        return _UNITS.get(last) is None and last != "$"
    return unit == last or (unit == "$" and any(token.kind == "c" for token in parts[-1]))


def _unit(part: list[Token]) -> str | None:
    if any(token.kind == "c" for token in part):
        return "$"
    words = [word for token in part if token.kind == "w" for word in token.text.split()]
    return _singular(words[-1]) if words else None


def _singular(word: str) -> str:
    return _UNITS.get(word) or (word[:-1] if word.endswith("s") and len(word) > 2 else word)


def _units_agree(left: Side, right: Side, one: Fraction, other: Fraction) -> bool:
    """Whether no unit is changed silently.

    The measures are the same on both sides, those of rates cancelled (`$15/hour * 2 hours = $30`), or no usual conversion makes the equation true
    (`12 * 3 = 37 feet`, where `12 * 3 = 3 feet` may go from inches to feet).
    """
    there, here = _measures(left), _measures(right)
    if there is None or here is None:
        return False
    if there == here:
        return True
    summands = [one]
    if left.summed or right.summed:
        if (there and here) or right.numbers > 1 or any(token.kind not in "N+-oc" or token.text in "*/()" for token in left.read):
            return False
        summands = [Fraction(part.replace(" ", "")) for part in re.findall(r"[-+]?\d[\d.]*", left.spelled())]
    return not _converted(summands, one, other)


def _converted(summands: list[Fraction], one: Fraction, other: Fraction) -> bool:
    """Whether some of the summands, told in another unit than the rest, may have the sum `other`; true where there are too many to try.

    Args:
        summands: the summands as they are written.
        one: their sum.
        other: what they are said to sum up to.
    """
    if len(summands) > _MAX_SUMMANDS or not one or not other or not Fraction(2, 3) < one / other < Fraction(3, 2) or abs(one) > _MAX_CONVERTED:
        return True
    total, said = float(one), float(other)
    parts = [sum(map(float, chosen)) for size in range(1, len(summands) + 1) for chosen in combinations(summands, size)]
    return any(abs(total + part * (factor - 1) - said) <= abs(said) / 500 for part in parts for factor in _FACTORS)


def _measures(side: Side) -> frozenset[str] | None:
    """The measures of a side; None where it holds a rate that does not cancel."""
    found: set[str] = set()
    rates: set[str] = set()
    rating = False
    words = [(word, place) for place, token in enumerate(side.whole) if token.kind in "wc" for word in ("c" if token.kind == "c" else token.text).split()]
    for number, (word, place) in enumerate(words):
        if word in ("per", "a", "an", "every", "each"):
            rating = number + 1 < len(words) and words[number + 1][1] <= place + 1
            if word == "per" and not rating:
                return None
        elif word in _RATES:
            above, below = _RATES[word]
            found.add(above)
            rates.add(below)
        elif rating:
            rates.add(_singular(word))
            rating = False
        else:
            found.add(_singular(word))
    if side.whole and side.whole[-1].text == "in":
        found.add("inch")
    if not rates <= found:
        return None
    return frozenset(word for word in found - rates if word in _UNITS.values())


def _a_range(left: Side, other: Fraction) -> bool:
    """Whether `10-15` may be a range or a time from one hour to another of that length."""
    if [token.kind for token in left.read] != ["N", "-", "N"]:
        return False
    first, last = (_value(left.read[place].text) for place in (0, 2))
    if first is None or last is None:
        return True
    length = last - first
    if left.read[0].end != left.read[1].start:
        return other == length + 1
    return other in (length, length + 1, length - 1, length % 12, length % 24)


def _a_factorial(one: Fraction, other: Fraction) -> bool:
    """Whether `3 + 3 = 3!` is true of the factorial."""
    return other.denominator == 1 and 2 < other <= 20 and one == math.factorial(int(other))
