"""Values of a program as JSON: exact builtin types, tagged where JSON has none. Runs inside the sandbox, and for trusted values outside.

None, bool, str, finite float, int below 2**63      themselves
list                                                 a list
tuple, set, frozenset                                {"tuple": [...]}, {"set": [...]} (sorted by their JSON), {"frozenset": [...]}
dict                                                 {"dict": [[key, value], ...]} in order of insertion
greater int, nan and inf, complex                    {"int": "0x..."}, {"float": "nan"}, {"complex": [re, im]}
bytes, bytearray                                     {"bytes": "hex"}, {"bytearray": "hex"}
Fraction, Decimal                                    {"fraction": "1/3"}, {"decimal": "1.0"}
Counter, defaultdict, OrderedDict                    the dict that they are
named tuple                                          the tuple that it is
numpy's bool, int, float, complex and str            Python's own
anything else, subclasses too                        {"object": "name of its type"}, equal to nothing

What is converted is converted by the methods of the base class, never by the object's own.
"""

import builtins
import json
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

MAX_DEPTH = 40
MAX_ITEMS = 200_000


_SEQUENCES = (list, tuple, set, frozenset)
_CONTAINERS = (*_SEQUENCES, dict)
_MRO_OF = type.__dict__["__mro__"].__get__
_SPACE_OF = type.__dict__["__dict__"].__get__
_DICTIONARIES = (Counter, OrderedDict, defaultdict)
_BASES: dict[type, Callable[[Any], Any]] = {
    int: int.__index__,
    float: float.__float__,
    str: lambda value: str.__str__(value)[:],
    bytes: lambda value: bytes(bytes.__iter__(value)),
}
_NAME_OF = type.__dict__["__name__"].__get__  # a metaclass may claim another one


_EXCEPTIONS = frozenset(value for value in vars(builtins).values() if isinstance(value, type) and issubclass(value, BaseException))


class TooLarge(Exception):  # noqa: N818 - it says what the value is
    """The value has more parts than are encoded, or is nested too deeply."""


def class_name(kind: type) -> str:
    """The name of a class, as the interpreter knows it; of an exception that is not built in with the nearest one behind it: "JSONDecodeError<ValueError"."""
    name = str(_NAME_OF(kind))[:100]
    nearest = next((base for base in _MRO_OF(kind) if base in _EXCEPTIONS), None)
    return name if nearest is None or nearest is kind else f"{name.partition('<')[0]}<{_NAME_OF(nearest)}"


# By the base classes' own methods: nothing of the value's own is called.
_DICT_ITEMS: Callable[[Any], Any] = vars(dict)["items"]
_TUPLE_ITER: Callable[[Any], Any] = vars(tuple)["__iter__"]


def plain_of(value: Any, bases: bool = False) -> Any:
    """The plain value that a dictionary of `collections`, a named tuple or a scalar of numpy stands for; else the value itself.

    Args:
        value: anything.
        bases: what is of any other subclass of a number or text stands for its base value as well.
    """
    kind = type(cast("object", value))
    mro = _MRO_OF(kind)
    if kind in _DICTIONARIES:
        return cast("Any", dict(_DICT_ITEMS(value)))
    if tuple in mro and any("_fields" in _SPACE_OF(base) for base in mro):
        return cast("Any", tuple(_TUPLE_ITER(value)))
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and any(base is numpy.generic for base in mro):
        scalar = numpy.generic.item(value)
        return scalar if type(scalar) in (bool, int, float, complex, str) else value
    if bases and kind is not bool:
        for base, convert in _BASES.items():
            if base in mro:
                return convert(value)
    return value


def encode(value: Any) -> Any:
    """The value as JSON.

    Raises:
        TooLarge: it has more than MAX_ITEMS parts, or is nested more than MAX_DEPTH deep.
    """
    return _encode(value, MAX_DEPTH, [MAX_ITEMS])


def _encode(value: Any, depth: int, left: list[int]) -> Any:
    kind = type(cast("object", value))
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -(1 << 63) <= value < 1 << 63 else {"int": hex(value)}
    if kind is float:
        return value if value - value == 0 else {"float": repr(value)}
    left[0] -= 1 + (len(value) if kind in _CONTAINERS else 0)
    if depth == 0 or left[0] < 0:
        raise TooLarge("a value is nested too deeply, or has too many parts")
    if kind in _SEQUENCES:
        parts = [_encode(part, depth - 1, left) for part in value]
        if kind is list:
            return parts
        return {kind.__name__: parts if kind is tuple else sorted(parts, key=_text)}
    if kind is dict:
        return {"dict": [[_encode(key, depth - 1, left), _encode(part, depth - 1, left)] for key, part in value.items()]}
    plain = plain_of(value)
    return _rare(value, kind) if plain is value else _encode(plain, depth - 1, left)


def _rare(value: Any, kind: type) -> Any:
    if kind in (bytes, bytearray):
        return {kind.__name__: value.hex()}
    if kind is complex:
        return {"complex": [_encode(value.real, 1, [1]), _encode(value.imag, 1, [1])]}
    if kind is Fraction:
        return {"fraction": f"{value.numerator:#x}/{value.denominator:#x}"}
    if kind is Decimal:
        return {"decimal": str(value)}
    return {"object": str(_NAME_OF(kind))[:100]}


def _text(part: Any) -> str:
    return json.dumps(part, sort_keys=True)


def decode(data: Any) -> Any:
    """The value that `encode` wrote; of trusted data alone.

    Raises:
        ValueError: it is no encoding, or one of an object.
    """
    if isinstance(data, list):
        return _decoded(cast("list[Any]", data))
    if not isinstance(data, dict):
        return data
    tagged = cast("dict[str, Any]", data)
    if len(tagged) != 1:
        raise ValueError(f"an encoded value has one tag, got {sorted(tagged)}")
    ((tag, body),) = tagged.items()
    if tag in _READERS:
        return _READERS[tag](body)
    raise ValueError(f"there is no value with the tag {tag!r}")


def _fraction(body: str) -> Fraction:
    numerator, _, denominator = body.partition("/")
    return Fraction(int(numerator, 16), int(denominator, 16))


def _decoded(body: Any) -> list[Any]:
    return [decode(part) for part in body]


def _entries(body: Any) -> dict[Any, Any]:
    return {decode(key): decode(part) for key, part in body}


def _integer(body: str) -> int:
    return int(body, 16)


def _complex(body: Any) -> complex:
    real, imaginary = body
    return complex(decode(real), decode(imaginary))


_READERS: dict[str, Callable[[Any], Any]] = {
    "tuple": lambda body: tuple(_decoded(body)),
    "set": lambda body: set(_decoded(body)),
    "frozenset": lambda body: frozenset(_decoded(body)),
    "dict": _entries,
    "int": _integer,
    "float": float,
    "complex": _complex,
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "fraction": _fraction,
    "decimal": Decimal,
}
