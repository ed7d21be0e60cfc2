"""Units as they stand behind numbers: what can be converted has a dimension and an exact factor, any other word is a unit of its own."""

import re
from dataclasses import dataclass
from fractions import Fraction

# unit = (dimension, factor, names)
_TABLE: tuple[tuple[str, Fraction, str], ...] = (
    ("length", Fraction(1, 1000), "mm millimeter millimetre"),
    ("length", Fraction(1, 100), "cm centimeter centimetre"),
    ("length", Fraction(1, 10), "dm decimeter decimetre"),
    ("length", Fraction(1), "m meter metre"),
    ("length", Fraction(1000), "km kilometer kilometre"),
    ("length", Fraction(254, 10000), "in inch inche"),
    ("length", Fraction(3048, 10000), "ft foot feet"),
    ("length", Fraction(9144, 10000), "yd yard"),
    ("length", Fraction(1609344, 1000), "mi mile"),
    ("time", Fraction(1, 1000), "ms millisecond"),
    ("time", Fraction(1), "s sec second"),
    ("time", Fraction(60), "min minute"),
    ("time", Fraction(3600), "h hr hour"),
    ("time", Fraction(86400), "day"),
    ("time", Fraction(604800), "wk week"),
    ("months", Fraction(1), "month"),
    ("months", Fraction(12), "yr year"),
    ("mass", Fraction(1, 1000), "mg milligram"),
    ("mass", Fraction(1), "g gram"),
    ("mass", Fraction(1000), "kg kilogram"),
    ("mass", Fraction(45359237, 100000), "lb pound"),
    ("mass", Fraction(45359237, 1600000), "oz ounce"),
    ("volume", Fraction(1, 1000), "ml milliliter millilitre"),
    ("volume", Fraction(1), "l liter litre"),
    ("cups", Fraction(1), "cup"),
    ("cups", Fraction(2), "pint"),
    ("cups", Fraction(4), "quart"),
    ("cups", Fraction(16), "gallon"),
    ("dollars", Fraction(1), "$ dollar usd buck"),
    ("dollars", Fraction(1, 100), "cent ¢"),
    ("euros", Fraction(1), "€ euro eur"),
    ("pounds sterling", Fraction(1), "£ gbp"),
    ("rupees", Fraction(1), "₹ rupee"),
    ("yen", Fraction(1), "¥ yen"),
    ("degrees", Fraction(1), "° degree deg"),
    ("degrees Celsius", Fraction(1), "°c celsius"),
    ("degrees Fahrenheit", Fraction(1), "°f fahrenheit"),
    ("radians", Fraction(1), "rad radian"),
)
_KNOWN = {name: (dimension, factor) for dimension, factor, names in _TABLE for name in names.split()}
CURRENCIES = "$€£₹¥"
# Words that change the number itself.
MULTIPLIERS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
# A "unit" with one of these is no unit but a sentence, a hedge or another number.
_NO_UNIT = frozenset(
    "or and maybe perhaps probably possibly not is are was but if wait no actually about approximately around nearly almost at most least than more less "  # noqa: SIM905
    "half halves third thirds quarter quarters tenth tenths hundredth hundredths thousandth thousandths percent percentage pct score pair pairs couple "
    "the answer so then because which to from plus minus times over squared cubed mod modulo".split()
)
_ORDINAL = re.compile(r"(?:\d|[a-z])(?:st|nd|rd|th|ths)")
_POWER_BEHIND = re.compile(r"\s*\^?\s*\{?([23])\}?$")


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts or measures.

    Attributes:
        dimension: units of one dimension can be converted; a word that is not known is a dimension of its own.
        factor: how many of the dimension's base unit it is.
        known: whether it is a unit of the table, or made of such.
        letter: whether it is one letter, which may be no unit but algebra, as in `2 m`.
    """

    dimension: str
    factor: Fraction
    known: bool
    letter: bool = False


def read_unit(words: str) -> Unit | None:
    """The unit that some words name.

    >>> read_unit("square meters")
    Unit(dimension='length^2', factor=Fraction(1, 1), known=True, letter=False)

    Args:
        words: what stands behind a number, with an exponent if there is one ("cm^2", "miles per hour", "red apples").

    Returns:
        The unit; None when the words are none.
    """
    text = re.sub(r"\\text|[{}\\]", " ", words).strip()
    text = re.sub(r"\s+", " ", text).strip(" .").replace(".", "")
    if not text or len(text) > 60:
        return None
    over = re.split(r"\s*/\s*|\s+per\s+|^per\s+", text)
    if len(over) > 2:
        return None
    if len(over) == 2:
        above, below = (_simple(part) if part else Unit("", Fraction(1), True) for part in over)
        if above is None or below is None:
            return None
        return Unit(f"{above.dimension}/{below.dimension}", above.factor / below.factor, above.known and below.known)
    return _simple(text)


def _simple(text: str) -> Unit | None:
    found = _POWER_BEHIND.search(text)
    power = int(found[1]) if found else 1
    words = (text[: found.start()] if found else text).lower().split()
    if words and words[0] in ("square", "sq", "squared"):
        words, power = words[1:], 2
    elif words and words[0] in ("cubic", "cu"):
        words, power = words[1:], 3
    elif len(words) == 2 and words[1] in ("squared", "cubed"):
        words, power = words[:1], 2 if words[1] == "squared" else 3
    if not words or len(words) > 4 or any(word in _NO_UNIT or word in MULTIPLIERS or _ORDINAL.fullmatch(word) for word in words):
        return None
    name = " ".join([*words[:-1], _singular(words[-1])])
    if name in ("unit", "sq unit"):
        return Unit(f"unit^{power}" if power > 1 else "unit", Fraction(1), False)
    if name in _KNOWN:
        dimension, factor = _KNOWN[name]
        return Unit(dimension if power == 1 else f"{dimension}^{power}", factor**power, True, len(name) == 1 and name.isalpha())
    if power > 1 or not all(re.fullmatch(r"[a-z'’-]{3,}", word) for word in words):
        return None
    return Unit(name, Fraction(1), False)


def _singular(word: str) -> str:
    return word if word in _KNOWN or len(word) < 3 or word.endswith("ss") else word.removesuffix("s")


def mentions_instead(question: str, unit: Unit) -> bool:
    """Whether the question names a unit of the same dimension, but not this one."""
    power = unit.dimension.rpartition("^")[2] if "^" in unit.dimension else "1"
    dimension = unit.dimension.partition("^")[0]
    words = {_singular(word) for word in re.findall(r"[a-z]{2,}|°|\$", question.lower()) if word != "in"} | set(
        re.findall(r"(?<=\d )[a-z]\b", question.lower())
    )
    named = {_KNOWN[word][1] ** int(power) for word in words if word in _KNOWN and _KNOWN[word][0] == dimension}
    return bool(named) and unit.factor not in named
