"""Encoded values of programs on the host: which are well formed, how one is shown, and how one is made of JSON."""

import json
import math
import re
from typing import cast

from prm_gym.claims import Json
from prm_gym.sandbox.values import same, shown

MAX_DEPTH = 30
MAX_SHOWN = 200

_HEX = r"-?0x[0-9a-f]{1,2000}"
_TEXTS = {
    "int": re.compile(_HEX),
    "float": re.compile(r"nan|-?inf"),
    "bytes": re.compile(r"(?:[0-9a-f]{2})*"),
    "bytearray": re.compile(r"(?:[0-9a-f]{2})*"),
    "fraction": re.compile(rf"{_HEX}/0x0*[1-9a-f][0-9a-f]{{0,2000}}"),
    "decimal": re.compile(r"-?[0-9]{1,100}(?:\.[0-9]{1,100})?(?:E[+-]?[0-9]{1,3})?"),
}
_SEQUENCES = ("tuple", "set", "frozenset")
_UNHASHABLE = ("set", "dict", "bytearray")


def is_encoding(data: Json, depth: int = MAX_DEPTH, hashable: bool = False) -> bool:
    """Whether the data is the encoding of a value that can be made again: no object, nothing nested more than 30 deep.

    Args:
        data: anything.
        depth: that is left.
        hashable: the value stands in a set or as a key.
    """
    if data is None or isinstance(data, bool | str):
        return True
    if isinstance(data, int):
        return -(1 << 63) <= data < 1 << 63
    if isinstance(data, float):
        return math.isfinite(data)
    if depth == 0:
        return False
    if isinstance(data, list):
        return not hashable and all(is_encoding(part, depth - 1) for part in data)
    return isinstance(data, dict) and len(data) == 1 and _is_tagged(*next(iter(data.items())), depth, hashable)


def _is_tagged(tag: str, body: Json, depth: int, hashable: bool) -> bool:
    if hashable and tag in _UNHASHABLE:
        return False
    if tag in _TEXTS:
        return isinstance(body, str) and _TEXTS[tag].fullmatch(body) is not None
    if not isinstance(body, list):
        return False
    if tag in _SEQUENCES:
        return all(is_encoding(part, depth - 1, hashable or tag != "tuple") for part in body)
    if tag == "complex":
        return len(body) == 2 and all(isinstance(part, float) and math.isfinite(part) for part in body)
    return tag == "dict" and all(
        isinstance(entry, list) and len(entry) == 2 and is_encoding(entry[0], depth - 1, True) and is_encoding(entry[1], depth - 1) for entry in body
    )


def comparable(data: Json) -> bool:
    """Whether the data is the encoding of a value that equals itself: without nan, infinities and objects."""
    return is_encoding(data) and same(data, data)


def brief(data: Json) -> str:
    """An encoded value as a person writes it, cut after 200 characters; what a program forged is shown as it came."""
    if isinstance(data, dict) and len(data) == 1 and isinstance(name := data.get("object"), str):
        return f"an object of the class {name[:50]!r}"
    text = json.dumps(data)
    if len(text) < 20 * MAX_SHOWN and is_encoding(data):
        return shown(data)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " ..."


def encoded_json(value: Json, depth: int = MAX_DEPTH) -> Json:
    """The encoding of a JSON value, whose objects are dictionaries with texts as keys; what is nested too deeply is an object, which equals nothing."""
    if depth == 0:
        return {"object": "nested too deeply"}
    if isinstance(value, list):
        return [encoded_json(part, depth - 1) for part in value]
    if isinstance(value, dict):
        return {"dict": [[key, encoded_json(part, depth - 1)] for key, part in value.items()]}
    return value


def plain_json(data: Json) -> Json:
    """The JSON value of an encoding of lists, dictionaries with texts as keys and scalars: what `encoded_json` undoes."""
    if isinstance(data, list):
        return [plain_json(part) for part in data]
    if isinstance(data, dict):
        entries = cast("list[list[Json]]", data["dict"])
        return {str(key): plain_json(part) for key, part in entries}
    return data
