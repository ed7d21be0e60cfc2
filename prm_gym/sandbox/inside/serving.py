"""The candidate's side of a test, and the messages between the two processes. Runs inside the sandbox.

Messages are JSON, each with its length before it. The tests ask [what, target, arguments, keywords]: "call" with the name of a function, or one of `OPERATIONS`
with the number of an object. The candidate answers ["value", encoded], ["record", fields, encoded] for a named tuple, ["handle", number, class] for what is
no plain data, holds such, or is too large, or ["raised", class, message]; one part more tells what became of the arguments that the call changed.
"""

import json
import operator
import os
import struct
from collections.abc import Callable
from typing import Any, cast

from encoding import MAX_ITEMS, TooLarge, class_name, decode, encode, plain_of

LENGTH = struct.Struct("<I")
MAX_MESSAGE_BYTES = 4 << 20


class Stranger(BaseException):
    """The other side breaks the protocol, or is gone. No `except Exception` of a test passes over it."""


class Gone(Stranger):
    """The other side is gone."""


def send(descriptor: int, message: list[Any]) -> None:
    """Write a message."""
    data = json.dumps(message).encode()
    data = LENGTH.pack(len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


def _exactly(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = os.read(descriptor, size - len(data))
        if not part:
            raise Gone("the other process has ended")
        data += part
    return data


def receive(descriptor: int) -> list[Any]:
    """Read a message.

    Raises:
        Stranger: it is none, or there is nobody to send one.
    """
    (size,) = LENGTH.unpack(_exactly(descriptor, LENGTH.size))
    if size > MAX_MESSAGE_BYTES:
        raise Stranger("a message is too long")
    try:
        message = json.loads(_exactly(descriptor, size))
    except (ValueError, RecursionError) as error:
        raise Stranger("a message is no JSON") from error
    record = cast("list[Any]", message) if isinstance(message, list) else []
    if not (record and isinstance(record[0], str)):
        raise Stranger("a message is no record")
    return record


def _next(value: Any) -> list[Any]:
    for part in value:
        return [part]
    return []


def _instance(kind: Any, value: Any) -> bool:
    return isinstance(value, kind)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "apply": operator.call,
    "attribute": getattr,
    "set": setattr,
    "len": len,
    "item": operator.getitem,
    "set item": operator.setitem,
    "contains": operator.contains,
    "iterate": iter,
    "next": _next,
    "text": str,
    "shown": repr,
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "instance": _instance,
    "truth": operator.truth,
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
}


def serve(space: dict[str, Any], descriptor: int) -> None:
    """Answer the tests until they end."""
    names = {name: value for name, value in space.items() if not name.startswith("__") and not _is_module(value)}
    objects: dict[int, Any] = {}
    functions = [name for name, value in names.items() if callable(value) and not isinstance(value, type)]
    errors = {name: value for name, value in names.items() if isinstance(value, type) and issubclass(value, BaseException)}
    offered = [[name, _parent(value, errors), class_name(value)] for name, value in sorted(errors.items(), key=lambda one: len(one[1].__mro__))]
    others = {name: _told(value, objects) for name, value in names.items() if name not in errors and name not in functions}
    send(descriptor, ["names", functions, offered, others])
    while True:
        try:
            message = receive(descriptor)
        except Stranger:
            return
        send(descriptor, _answer(message, space, objects))


def _is_module(value: Any) -> bool:
    return type(value) is type(json)


def _parent(kind: type, errors: dict[str, type]) -> str:
    return next((name for base in kind.__mro__[1:] for name, other in errors.items() if other is base), "")


def _answer(message: list[Any], space: dict[str, Any], objects: dict[int, Any]) -> list[Any]:
    kind, target, arguments, keywords = message
    places = [*range(len(arguments)), *keywords]
    before = [*arguments, *keywords.values()]
    given: list[Any] = []
    try:
        given += [_given(part, objects) for part in before]
        own, named = given[: len(arguments)], dict(zip(keywords, given[len(arguments) :], strict=True))
        value = space[target](*own, **named) if kind == "call" else OPERATIONS[kind](objects[target], *own, **named)
        return [*_told(value, objects), _changes(places, before, given, objects)]
    except BaseException as error:  # the candidate may raise anything
        try:
            return ["raised", class_name(type(error)), str(error)[:500], _changes(places, before, given, objects)]
        except BaseException:  # its own __str__
            return ["raised", "Exception", "", []]


def _given(part: Any, objects: dict[int, Any]) -> Any:
    tagged = cast("dict[str, Any]", part) if isinstance(part, dict) else {}
    if "handle" in tagged:
        return objects[tagged["handle"]]
    return slice(*tagged["slice"]) if "slice" in tagged else decode(part)


def _changes(places: list[Any], before: list[Any], given: list[Any], objects: dict[int, Any]) -> list[Any]:
    """[place, parts] for each container among the arguments that is not what it was: what it holds now; None where that cannot be said."""
    found: list[Any] = []
    for place, part, value in zip(places, before, given, strict=False):
        if type(part) not in (list, dict) or "handle" in part or "slice" in part:
            continue
        try:
            changed = encode(value) != part
        except TooLarge:
            changed = True
        if changed:
            found.append([place, _parts(value, objects)])
    return found


def _parts(value: Any, objects: dict[int, Any]) -> Any:
    kind: Any = type(cast("object", value))
    if kind is dict and len(value) <= MAX_ITEMS:
        return [[_told(key, objects), _told(part, objects)] for key, part in value.items()]
    return [_told(part, objects) for part in value] if kind in (list, tuple, set) and len(value) <= MAX_ITEMS else None


def _told(value: Any, objects: dict[int, Any]) -> list[Any]:
    kind: Any = type(cast("object", value))
    is_tuple: bool = issubclass(kind, tuple)
    fields: Any = getattr(cast("Any", kind), "_fields", None) if is_tuple else None
    plain = value if hasattr(kind, "__members__") else plain_of(value, bases=True)  # a member of an enumeration has a name and a value
    try:
        encoded = encode(plain)
    except TooLarge:
        encoded = {"object": class_name(kind)}
    if '{"object"' not in json.dumps(encoded):
        return ["value", encoded] if fields is None else ["record", [str(name) for name in fields], encoded]
    objects[id(value)] = value  # kept, so that the number stays its own
    return ["handle", id(value), class_name(kind)]
