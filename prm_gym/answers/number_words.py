"""Words that are numbers, that scale a number or that change what it says. None of them is ever a unit."""

import re
from fractions import Fraction

_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
_TENS = "thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = {word: value for value, word in enumerate(_ONES.split())} | {word: 10 * value for value, word in enumerate(_TENS.split(), start=3)}
_MULTIPLIERS = {"ten": 10, "dozen": 12, "hundred": 100, "gross": 144, "thousand": 1000, "lakh": 10**5, "crore": 10**7} | {
    f"{name}illion": 10**power for name, power in (("m", 6), ("b", 9), ("tr", 12), ("quadr", 15), ("quint", 18), ("sext", 21), ("sept", 24))
}
_ORDINALS = (
    "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_FRACTIONS = (
    {"half": 2, "halve": 2}
    | {word: value for value, word in enumerate(_ORDINALS.split(), start=3)}
    | {f"{word[:-1]}ieth": value for word, value in NUMBER_WORDS.items() if value > 20}
    | {f"{word}th": value for word, value in _MULTIPLIERS.items() if value >= 100}
)
_CHANGES = frozenset(
    # hedges and sentences
    "or and maybe perhaps probably possibly presumably not no nor neither either is are was were be isn't but if wait actually about approximately around "  # noqa: SIM905
    "nearly almost roughly at most least than more less fewer between so then because which to from the answer else otherwise alternatively instead rather "
    "unless except without versus vs xor though although however whereas while until till yet besides whether depending sometimes "
    # operators
    "plus minus over mod modulo squared cubed multiplied divided added subtracted raised power choose permute sqrt log ln exp sin cos tan factorial "
    "inverse inverted reciprocal negative negated negation positive opposite conjugate doubled tripled quadrupled halved double triple quadruple twice thrice "
    "increased decreased incremented decremented reversed below above under equals equal comma dot dash slash hyphen base binary octal hex hexadecimal "
    # other scales
    "percent percentage pct permille mille permil basis bps score myriad googol zillion gazillion fraction mil "
    "first firsts mils kilo kilos mega megas meg megs giga gigas thou grand tenner teen teens plusses".split()
)
_SCALE_LIKE = re.compile(r"\w*illi(?:on|ard)(?:s|th|ths)?|\w+fold|(?:\d|[a-z])(?:st|nd|rd|th|ths)|per(?:cent|mill?e)\w*")


def scale(word: str) -> Fraction | None:
    """What a word multiplies the number before it by: thousands, dozen, eighths; None where it is no such word."""
    for name in _singulars(word.lower()):
        if name in _MULTIPLIERS:
            return Fraction(_MULTIPLIERS[name])
        if name in _FRACTIONS:
            return Fraction(1, _FRACTIONS[name])
    return None


def changes_number(word: str) -> bool:
    """Whether a word, or a part of it between hyphens, is a number or an operation, scales a number, or hedges."""
    for part in re.split(r"[-/'’]", re.sub(r"['’]s?$", "", word.lower().strip(".,"))):
        if scale(part) is not None or _SCALE_LIKE.fullmatch(part) or part in _CHANGES:
            return True
        if any(name in NUMBER_WORDS or (name in _CHANGES and len(name) > 4) for name in _singulars(part)):
            return True
    return False


def _singulars(word: str) -> tuple[str, ...]:
    return (word, word.removesuffix("s"), word.removesuffix("es"), re.sub(r"ies$", "y", word))
