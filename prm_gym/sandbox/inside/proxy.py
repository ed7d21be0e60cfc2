"""Tests in one process, the candidate in another: the tests see stand-ins, and nothing but plain data crosses. Runs inside the sandbox.

Messages are JSON, each with its length before it. The tests ask: ["call", target, arguments, keywords], ["method", handle, name, arguments, keywords]. The
candidate answers ["value", encoded], ["handle", number, class] for an object that is no plain data, or ["raised", class, message].
"""

import builtins
import json
import os
import struct
import sys
import types
from collections.abc import Callable
from typing import Any, cast

from encoding import TooLarge, class_name, decode, encode

LENGTH = struct.Struct("<I")
MAX_MESSAGE_BYTES = 4 << 20


class CandidateError(Exception):
    """What the candidate raised, where it is no exception of Python's own."""


class Stranger(BaseException):
    """The other side breaks the protocol, or is gone. No `except Exception` of a test passes over it."""


def _send(descriptor: int, message: list[Any]) -> None:
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


def _receive(descriptor: int) -> list[Any]:
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


# The candidate's side.


def serve(space: dict[str, Any], descriptor: int) -> None:
    """Answer the tests until they end."""
    names = {name: callable(value) for name, value in space.items() if not name.startswith("__")}
    plain = {}
    for name, is_callable in names.items():
        if not is_callable and type(space[name]).__name__ != "module":
            try:
                value = encode(space[name])
            except (TooLarge, RecursionError):
                continue
            if "object" not in json.dumps(value)[:12]:
                plain[name] = value
    _send(descriptor, ["names", [name for name, is_callable in names.items() if is_callable], plain])
    objects: dict[int, Any] = {}
    while True:
        try:
            message = _receive(descriptor)
        except Stranger:
            return
        _send(descriptor, _answer(message, space, objects))


def _answer(message: list[Any], space: dict[str, Any], objects: dict[int, Any]) -> list[Any]:
    kind, target, *rest = message
    try:
        if kind == "method":
            function: Any = getattr(objects[target], rest.pop(0))
        elif kind == "attribute":
            return _told(getattr(objects[target], rest[0]), objects)
        else:
            function = space[target]
        arguments, keywords = rest
        value = function(*[_given(part, objects) for part in arguments], **{name: _given(part, objects) for name, part in keywords.items()})
        return _told(value, objects)
    except BaseException as error:  # the candidate may raise anything
        try:
            return ["raised", class_name(type(error)), str(error)[:500]]
        except BaseException:  # its own __str__
            return ["raised", "Exception", ""]


def _given(part: Any, objects: dict[int, Any]) -> Any:
    return objects[part["handle"]] if isinstance(part, dict) and "handle" in part else decode(part)


def _told(value: Any, objects: dict[int, Any]) -> list[Any]:
    try:
        encoded = encode(value)
        opaque = '{"object"' in json.dumps(encoded)
    except TooLarge:
        return ["raised", "TooLarge", "the value is too large to be returned"]
    if not opaque:
        return ["value", encoded]
    if isinstance(encoded, dict) and "object" in encoded:
        number = len(objects)
        objects[number] = value
        return ["handle", number, encoded["object"], callable(value)]
    return ["raised", "CandidateError", "a container of objects that are no plain data cannot cross to the tests"]


# The tests' side.


class Link:
    """The way to the candidate."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.asked = self.plain = 0

    def ask(self, message: list[Any]) -> Any:
        """What the candidate answers: a plain value or a stand-in.

        Raises:
            Stranger: it breaks the protocol, or is gone.
            Exception: what it raised.
        """
        self.asked += 1
        try:
            _send(self.descriptor, message)
        except OSError as error:
            raise Stranger("the other process has ended") from error
        answer = _receive(self.descriptor)
        try:
            if answer[0] == "value":
                return decode(answer[1])
            if answer[0] == "handle":
                return Stand(self, int(answer[1]), str(answer[2]))
            name, text = str(answer[1]), str(answer[2])
        except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, RecursionError) as error:
            raise Stranger("an answer cannot be read") from error
        kind = getattr(builtins, name, None)
        if kind in (StopIteration, StopAsyncIteration):  # which would end a loop of the tests without a word
            raise RuntimeError(f"the program raised {name}")
        if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, UnicodeError):
            raise kind(text)
        raise CandidateError(f"{name}: {text}")

    def pack(self, value: Any) -> Any:
        """A value on its way to the candidate."""
        return {"handle": value.number} if type(value) is Stand else encode(value)

    def call(self, kind: str, *target: Any) -> Callable[..., Any]:
        """A function that is called over there."""

        def stand_in(*arguments: Any, **keywords: Any) -> Any:
            return self.ask([kind, *target, [self.pack(part) for part in arguments], {name: self.pack(part) for name, part in keywords.items()}])

        return stand_in


class Stand:
    """A stand-in for an object of the candidate's.

    Its methods are called over there; equality, truth and hash are its own, so that none of the candidate's counts.
    """

    def __init__(self, link: Link, number: int, kind: str) -> None:
        self._link, self.number, self._kind = link, number, kind

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            value = self._link.ask(["attribute", self.number, name])
        except (TypeError, CandidateError) as error:
            raise AttributeError(name) from error
        return self._link.call("method", self.number, name) if type(value) is Stand else value

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it over there."""
        return self._link.call("method", self.number, "__call__")(*arguments, **keywords)

    def __len__(self) -> int:
        return self._link.ask(["method", self.number, "__len__", [], {}])

    def __getitem__(self, key: Any) -> Any:
        return self._link.ask(["method", self.number, "__getitem__", [self._link.pack(key)], {}])

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self._kind} of the candidate>"


def run_tests(source: str, descriptor: int, entry: str = "") -> list[Any]:
    """Run the tests; returns ["passed", how many calls went to the candidate] or ["failed", why].

    After the source itself, every function `test_*` and every `unittest.TestCase` in it is run; with an entry, `check(candidate)` as well. Names of the
    candidate's never stand for a builtin, and tests that ask nothing of the candidate have not passed.
    """
    link = Link(descriptor)
    try:
        space = _names(link)
        given = dict(space)
        _run_source(source, space)
        own = {name: value for name, value in space.items() if given.get(name) is not value}  # what has a name of the program's is run like the rest
        for name, value in own.items():
            if name.startswith("test_") and callable(value) and not isinstance(value, type):
                value()
        if entry:
            space["check"](space[entry])
        _run_cases([value for value in own.values() if isinstance(value, type)])
        return ["passed", link.asked] if link.asked or link.plain else ["failed", "the tests asked nothing of the program"]
    except MemoryError:
        raise
    except BaseException as error:  # an assertion, or anything else that the tests raise
        return ["failed", _why(error, source)]


def _run_source(source: str, space: dict[str, Any]) -> None:
    """Run the tests' source as `__main__`; that it leaves with the code 0, as `unittest.main()` does, is its end."""
    module = types.ModuleType("__main__")
    module.__dict__.update(space)
    sys.modules["__main__"] = module
    try:
        exec(compile(source, "<tests>", "exec", dont_inherit=True), module.__dict__)
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            raise
    space.update(module.__dict__)


def _names(link: Link) -> dict[str, Any]:
    """What the tests see: stand-ins for the candidate's functions and classes, and its plain values."""
    record = _receive(link.descriptor)
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, "CandidateError": CandidateError}
    try:
        _, functions, plain = record
        allowed = {name for name in (*functions, *plain) if isinstance(name, str) and not name.startswith("__") and not hasattr(builtins, name)}
        values = {name: decode(value) for name, value in plain.items() if name in allowed}
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Stranger("the names of the program cannot be read") from error
    link.plain = len(values)
    return space | values | {name: link.call("call", name) for name in functions if name in allowed}


def _run_cases(classes: list[type]) -> None:
    if "unittest" not in sys.modules:  # there can be none; importing it costs more than the rest of a job
        return
    import unittest

    cases = [kind for kind in classes if issubclass(kind, unittest.TestCase)]
    loader, result = unittest.TestLoader(), unittest.TestResult()
    for kind in cases:
        loader.loadTestsFromTestCase(kind).run(result)
    for _, text in [*result.failures, *result.errors]:
        raise AssertionError(text.strip().splitlines()[-1])


def _why(error: BaseException, source: str) -> str:
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<tests>":
            line = trace.tb_lineno
        trace = trace.tb_next
    lines = source.splitlines()
    shown = f" at `{lines[line - 1].strip()[:200]}`" if 0 < line <= len(lines) else ""
    try:
        return f"{type(error).__name__}{shown}: {str(error)[:300]}"
    except BaseException:  # an object of the tests' own
        return f"{type(error).__name__}{shown}"
