"""The candidate's side of a test, and the messages between the two processes. Runs inside the sandbox.

Messages are JSON, each with its length before it. The tests ask [what, target, arguments, keywords]: "call" with the name of a function, or one of `OPERATIONS`
with the number of an object. The candidate answers ["value", encoded], ["record", fields, encoded] for a named tuple, ["handle", number, class] for an object
that is no plain data, ["raised", class, message], or ["uncarried", why]; one part more says whether the call changed an argument.
"""

import json
import operator
import os
import struct
from collections.abc import Callable
from typing import Any, cast

from encoding import TooLarge, class_name, decode, encode, plain_of

LENGTH = struct.Struct("<I")
MAX_MESSAGE_BYTES = 4 << 20


class Stranger(BaseException):
    """The other side breaks the protocol, or is gone. No `except Exception` of a test passes over it."""


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
            raise Stranger("the other process has ended")
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
}


def serve(space: dict[str, Any], descriptor: int) -> None:
    """Answer the tests until they end."""
    names = {name: value for name, value in space.items() if not name.startswith("__") and not _is_module(value)}
    objects: dict[int, Any] = {}
    functions = [name for name, value in names.items() if callable(value) and not isinstance(value, type)]
    kinds = {name: value for name, value in names.items() if isinstance(value, type)}
    errors = {name: value for name, value in kinds.items() if issubclass(value, BaseException)}
    classes = {name: _kept(value, objects) for name, value in kinds.items() if name not in errors}
    offered = [[name, _parent(value, errors), class_name(value)] for name, value in sorted(errors.items(), key=lambda one: len(one[1].__mro__))]
    told = {name: _told(value, objects) for name, value in names.items() if name not in kinds and name not in functions}
    send(descriptor, ["names", functions, classes, offered, {name: answer[1] for name, answer in told.items() if answer[0] == "value"}])
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


def _kept(value: Any, objects: dict[int, Any]) -> int:
    objects[len(objects)] = value
    return len(objects) - 1


def _answer(message: list[Any], space: dict[str, Any], objects: dict[int, Any]) -> list[Any]:
    kind, target, arguments, keywords = message
    changed = False
    try:
        given = [_given(part, objects) for part in arguments]
        named = {name: _given(part, objects) for name, part in keywords.items()}
        value = space[target](*given, **named) if kind == "call" else OPERATIONS[kind](objects[target], *given, **named)
        both: list[tuple[Any, Any]] = list(zip([*arguments, *keywords.values()], [*given, *named.values()], strict=True))
        containers = [pair for pair in both if type(pair[0]) in (list, dict)]
        changed = any("handle" not in part and encode(new) != part for part, new in containers)
        return [*_told(value, objects), changed]
    except BaseException as error:  # the candidate may raise anything
        try:
            return ["raised", class_name(type(error)), str(error)[:500], changed]
        except BaseException:  # its own __str__
            return ["raised", "Exception", "", changed]


def _given(part: Any, objects: dict[int, Any]) -> Any:
    return objects[part["handle"]] if isinstance(part, dict) and "handle" in part else decode(part)


def _told(value: Any, objects: dict[int, Any]) -> list[Any]:
    kind: Any = type(cast("object", value))
    is_tuple: bool = issubclass(kind, tuple)
    fields: Any = getattr(cast("Any", kind), "_fields", None) if is_tuple else None
    plain = value if hasattr(kind, "__members__") else plain_of(value, bases=True)  # a member of an enumeration has a name and a value
    try:
        encoded = encode(plain)
        opaque = '{"object"' in json.dumps(encoded)
    except TooLarge:
        return ["uncarried", "a value is too large to be returned"]
    if not opaque:
        return ["value", encoded] if fields is None else ["record", [str(name) for name in fields], encoded]
    if isinstance(encoded, dict) and "object" in encoded:
        return ["handle", _kept(value, objects), encoded["object"]]
    return ["uncarried", "a container of objects that are no plain data cannot cross to the tests"]
