"""Units as they stand behind numbers: what can be converted has a dimension and an exact factor, any other noun is a unit of its own."""

import re
from dataclasses import dataclass
from fractions import Fraction

from prm_gym.answers.number_words import changes_number

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
# Behind these ends what is counted ("cups of tea"), and these add nothing to it ("3 years old").
_PREPOSITIONS = ("of", "in", "on", "for", "with")
_ADDED = ("old", "long", "tall", "wide", "high", "deep", "apart", "away", "total", "altogether", "each", "left", "per", "a", "an")
_PEOPLE = {"people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse", "geese": "goose", "teeth": "tooth", "feet": "foot"}
_LIKE_THEIR_PLURAL = ("fish", "sheep", "deer", "series", "species")
# What may be counted whatever the question speaks of, and what counts several things at once.
_ANYTHING = ("unit", "sq unit", "person", "item", "piece", "thing", "way", "object")
_SEVERAL = ("pair", "couple", "quarter", "time", "set", "group", "bunch", "trio", "fortnight")
_POWER_BEHIND = re.compile(r"(?:(?<=[A-Za-z])|\s*\^\s*\{?)([23])\}?$")


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts or measures.

    Attributes:
        dimension: units of one dimension can be converted; a word that is not known is a dimension of its own.
        factor: how many of the dimension's base unit it is.
        known: whether it is a unit of the table, or made of such.
        letter: whether it is one letter, which may be no unit but algebra, as in `2 m`.
        counted: of a unit that is not known, the noun in the singular; "" where the words do not look like something that is counted.
    """

    dimension: str
    factor: Fraction
    known: bool
    letter: bool = False
    counted: str = ""


_SPEEDS = {"mph": "mile/hour", "kph": "km/hour", "kmph": "km/hour", "kmh": "km/hour", "fps": "foot/second", "mps": "m/second"}


def read_unit(words: str) -> Unit | None:
    """The unit that some words name.

    >>> read_unit("square meters")
    Unit(dimension='length^2', factor=Fraction(1, 1), known=True, letter=False, counted='')

    Args:
        words: what stands behind a number, with an exponent if there is one ("cm^2", "miles per hour", "red apples").

    Returns:
        The unit; None when the words are none.
    """
    text = re.sub(r"\\text|[{}\\]", " ", words).strip()
    text = re.sub(r"\s+", " ", text).strip(" .").replace(".", "")
    if not text or len(text) > 60 or re.match(r"per\s*(?:cent|mil)", text, re.IGNORECASE):
        return None
    text = _SPEEDS.get(text.lower(), text)
    over = re.split(r"\s*/\s*|\s+per\s+|^per\s+", text)
    if len(over) > 2:
        return None
    if len(over) == 2:
        above = _simple(over[0]) if over[0] else Unit("", Fraction(1), True)
        below = _simple(over[1], below=True) if over[1] else Unit("", Fraction(1), True)
        if above is None or below is None:
            return None
        counted = above.counted if not above.known else below.counted
        return Unit(f"{above.dimension}/{below.dimension}", above.factor / below.factor, above.known and below.known, counted=counted)
    return _simple(text)


def _simple(text: str, below: bool = False) -> Unit | None:
    found = _POWER_BEHIND.search(text)
    power = int(found[1]) if found else 1
    words = (text[: found.start()] if found else text).lower().split()
    if words and words[0] in ("square", "sq", "squared"):
        words, power = words[1:], 2
    elif words and words[0] in ("cubic", "cu"):
        words, power = words[1:], 3
    elif len(words) == 2 and words[1] in ("squared", "cubed"):
        words, power = words[:1], 2 if words[1] == "squared" else 3
    if not words or len(words) > 5 or any(changes_number(word) for word in words):
        return None
    core = _core(words)
    name = " ".join([*core[:-1], _singular(core[-1])])
    if name in ("unit", "sq unit"):
        return Unit(f"unit^{power}" if power > 1 else "unit", Fraction(1), False, counted="unit")
    if name in _KNOWN:
        dimension, factor = _KNOWN[name]
        return Unit(dimension if power == 1 else f"{dimension}^{power}", factor**power, True, len(name) == 1 and name.isalpha())
    if power > 1 or not all(re.fullmatch(r"[a-z'’-]{3,}", word) or word in (*_PREPOSITIONS, *_ADDED) for word in words):
        return None
    return Unit(" ".join([*words[:-1], _singular(words[-1])]), Fraction(1), False, counted=_counted(core[-1], singular=below))


def _core(words: list[str]) -> list[str]:
    """The words without what stands behind the noun."""
    end = next((place for place, word in enumerate(words) if place and word in _PREPOSITIONS), len(words))
    while end > 1 and words[end - 1] in _ADDED:
        end -= 1
    return words[:end]


def _counted(word: str, singular: bool) -> str:
    """The singular of a noun that can stand behind a number; "" for what is no plural."""
    plural = word in _PEOPLE or word in _LIKE_THEIR_PLURAL or (len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "ays", "wards")))
    return _stem(word) if plural or singular else ""


def _stem(word: str) -> str:
    if word in _PEOPLE:
        return _PEOPLE[word]
    if re.search(r"(?:ch|sh|ss|x|zz)es$", word):
        return word[:-2]
    return re.sub(r"ies$", "y", word) if re.search(r"..[^aeiou]ies$", word) else _singular(word)


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


def doubt(question: str, unit: Unit) -> str:
    """Why words that are not known may be no unit of a bare number; empty where they are taken for one.

    A plural is taken for one if the question speaks of it, or is not known. A pair or a dozen is another number unless the question asks how many.
    """
    if unit.known:
        return ""
    if not unit.counted:
        return "whether the words behind the number are a unit cannot be told"
    if unit.counted in _SEVERAL:
        asked = re.search(rf"\b(?:how many|number of)\s+(?:[a-z]+\s+)?{unit.counted}(?:e?s)?\b", question, re.IGNORECASE)
        return "" if asked else "the words behind the number may make another number of it"
    if not question or unit.counted in _ANYTHING:
        return ""
    spoken = {_stem(word) for word in re.findall(r"[a-z'’-]{3,}", question[:20_000].lower())}
    return "" if unit.counted in spoken else "the question does not speak of what the number is said to count"
