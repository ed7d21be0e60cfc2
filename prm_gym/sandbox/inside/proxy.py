"""The tests' side of a test: the candidate is in another process; they see stand-ins, and nothing but plain data crosses. Runs inside the sandbox."""

import ast
import builtins
import collections
import math
import sys
import types
from collections.abc import Callable
from typing import Any, cast

from encoding import decode, encode
from serving import Stranger, receive, send

MOST_ITEMS = 10_000
_record_class: Callable[..., Any] = vars(collections)["namedtuple"]  # of fields that are not known before
NOTHING_ASKED = "the tests asked nothing of the program"


class CandidateError(Exception):
    """What the candidate raised, where it is no exception of Python's own."""


class Link:
    """The way to the candidate.

    Attributes:
        asked: how often it was asked something.
        trouble: why the tests cannot have passed, whatever they caught; empty where there is nothing.
        carried: everything could be carried to the other side and back.
        errors: stand-ins for the classes of exceptions that the candidate offers.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.asked = 0
        self.trouble = ""
        self.carried = True
        self.errors: dict[str, type[Exception]] = {}

    def refuse(self, why: str, carried: bool = False) -> Stranger:
        """What to raise where the tests want what they cannot have; they have failed, though they catch it."""
        self.trouble = self.trouble or why
        self.carried = self.carried and carried
        return Stranger(why)

    def ask(self, what: str, target: str | int, *arguments: Any, **keywords: Any) -> Any:
        """What the candidate answers: a plain value or a stand-in.

        Raises:
            Stranger: it breaks the protocol, or is gone, or something cannot be carried.
            Exception: what it raised.
        """
        self.asked += 1
        packed = [what, target, [self._pack(part) for part in arguments], {name: self._pack(part) for name, part in keywords.items()}]
        try:
            send(self.descriptor, packed)
            answer = receive(self.descriptor)
        except (OSError, Stranger) as error:
            raise self.refuse(str(error) if isinstance(error, Stranger) else "the other process has ended", carried=True) from error
        try:
            kind, first, *rest = answer
            if rest.pop():
                self.carried = False  # the tests' own value stays as it was
            if kind == "value":
                return decode(first)
            if kind == "handle":
                return Stand(self, int(first), str(rest[0]))
            if kind == "record":
                return _record_class("Record", first)(*decode(rest[0]))
            error = self.error(str(first), str(rest[0])) if kind == "raised" else self.refuse(str(first))
        except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError, RecursionError) as unread:
            raise self.refuse("an answer cannot be read", carried=True) from unread
        raise error

    def error(self, name: str, text: str) -> Exception:
        """An exception that stands for the candidate's, given as "Own<ValueError" or "ValueError"."""
        own, _, nearest = name.partition("<")
        kind = getattr(builtins, nearest or own, None)
        if kind in (StopIteration, StopAsyncIteration):  # which would end a loop of the tests without a word
            return RuntimeError(f"the program raised {own}")
        if nearest and own in self.errors:
            return self.errors[own](text)
        if not nearest and _is_plain_error(kind):
            return cast("type[Exception]", kind)(text)
        return _error_class(own, nearest or own)(text if nearest else f"{own}: {text}")

    def offer(self, name: str, parent: str, nearest: str) -> None:
        """Make a stand-in for a class of exceptions."""
        base = self.errors.get(parent)
        self.errors[name] = type(name, (base,), {}) if base is not None else _error_class(name, nearest.partition("<")[2])

    def _pack(self, value: Any) -> Any:
        if type(value) is Stand:
            return {"handle": Stand.number_of(value)}
        encoded = encode(value)
        if '"object"' in str(encoded).replace("'", '"') and _is_opaque(encoded):
            raise self.refuse("the tests hand over what is no plain data")
        return encoded


def _is_opaque(encoded: Any) -> bool:
    if isinstance(encoded, list):
        return any(_is_opaque(part) for part in cast("list[Any]", encoded))
    if not isinstance(encoded, dict):
        return False
    tagged = cast("dict[str, Any]", encoded)
    return "object" in tagged or any(_is_opaque(part) for part in tagged.values())


def _is_plain_error(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, UnicodeError | ExceptionGroup)


def _error_class(name: str, nearest: str) -> type[Exception]:
    kind: Any = getattr(builtins, nearest, None)
    if isinstance(kind, type) and issubclass(kind, UnicodeError):
        kind = ValueError
    if _is_plain_error(kind) and kind is not Exception:
        bases: tuple[type, ...] = (CandidateError, cast("type", kind))
        return type(name, bases, {})
    return type(name, (CandidateError,), {})


class Stand:
    """A stand-in for an object of the candidate's, whose attributes and methods are its own.

    That it is equal to something, true, or less than something is never taken from the candidate: to ask for it is refused, and the tests have failed.
    """

    __slots__ = ("__items", "__kind", "__link", "__number")
    __items: int
    __kind: str
    __link: Link
    __number: int

    def __init__(self, link: Link, number: int, kind: str) -> None:
        for name, value in (("link", link), ("number", number), ("kind", kind), ("items", 0)):
            object.__setattr__(self, f"_Stand__{name}", value)

    @staticmethod
    def number_of(stand: "Stand") -> int:
        """The number of the object."""
        return stand.__number

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__link.ask("attribute", self.__number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__link.ask("set", self.__number, name, value)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it over there."""
        return self.__link.ask("apply", self.__number, *arguments, **keywords)

    def __len__(self) -> int:
        return self.__link.ask("len", self.__number)

    def __getitem__(self, key: Any) -> Any:
        return self.__link.ask("item", self.__number, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__link.ask("set item", self.__number, key, value)

    def __contains__(self, value: Any) -> bool:
        return self.__link.ask("contains", self.__number, value) is True

    def __iter__(self) -> Any:
        made = self.__link.ask("iterate", self.__number)
        return made if type(made) is Stand else iter(made)

    def __next__(self) -> Any:
        object.__setattr__(self, "_Stand__items", self.__items + 1)
        if self.__items > MOST_ITEMS:
            raise self.__link.refuse(f"at most {MOST_ITEMS:,} items of an iterator cross to the tests")
        found = self.__link.ask("next", self.__number)
        if found:
            return found[0]
        raise StopIteration

    def __add__(self, other: Any) -> Any:
        return self.__link.ask("add", self.__number, other)

    def __sub__(self, other: Any) -> Any:
        return self.__link.ask("subtract", self.__number, other)

    def __mul__(self, other: Any) -> Any:
        return self.__link.ask("multiply", self.__number, other)

    def __instancecheck__(self, value: Any) -> bool:
        """Whether an object of the candidate's is of this class of its."""
        return type(value) is Stand and self.__link.ask("instance", self.__number, value) is True

    def __str__(self) -> str:
        return self.__text("text")

    def __repr__(self) -> str:
        return self.__text("shown")

    def __text(self, what: str) -> str:
        found = self.__link.ask(what, self.__number)
        return found if type(found) is str else f"<{self.__kind} of the candidate>"

    def __compare(self, other: Any) -> bool:
        plain = type(other) is not Stand
        raise self.__link.refuse(f"an object of the class {self.__kind!r} is compared: only plain data is", carried=plain)

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __compare

    def __hash__(self) -> int:
        raise self.__link.refuse(f"an object of the class {self.__kind!r} has no hash here")

    def __bool__(self) -> bool:
        raise self.__link.refuse(f"an object of the class {self.__kind!r} is neither true nor false here")


def run_tests(source: str, descriptor: int, entry: str = "") -> list[Any]:
    """Run the tests; returns ["passed", how many questions went to the candidate] or ["failed", why, whether everything could be carried].

    After the source itself, every function `test_*`, every class `Test*` and every `unittest.TestCase` in it is run; with an entry, `check(candidate)` as well.
    The candidate's names are there, and in a module `solution`; they never stand for a builtin. Tests that ask nothing of the candidate have not passed.
    """
    link = Link(descriptor)
    try:
        space, plain = _names(link)
        named = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)} if plain else set[str]()
        given = dict(space)
        _run_source(source, space)
        own = {name: value for name, value in space.items() if given.get(name, link) is not value}  # what has a name of the program's is run like the rest
        for name, value in own.items():
            if name.startswith("test_") and callable(value) and type(value) is not type:
                _run_one(link, name, value)
        if entry:
            space["check"](space[entry])
        _run_classes(link, [value for value in own.values() if isinstance(value, type)])
        if link.trouble:
            return ["failed", link.trouble, link.carried]
        return ["passed", link.asked] if link.asked or named & plain else ["failed", NOTHING_ASKED, True]
    except MemoryError:
        raise
    except BaseException as error:  # an assertion, or anything else that the tests raise
        return ["failed", _why(error, source), link.carried]


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


def _names(link: Link) -> tuple[dict[str, Any], set[str]]:
    """What the tests see: stand-ins for the candidate's functions and classes, and its plain values; and the names of those."""
    record = receive(link.descriptor)
    space: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, "CandidateError": CandidateError}
    try:
        _, functions, classes, errors, plain = record
        for name, parent, nearest in errors:
            link.offer(str(name), str(parent), str(nearest))
        found: dict[str, Any] = {name: decode(value) for name, value in plain.items()}
        found |= {name: Stand(link, int(number), "type") for name, number in classes.items()}
        found |= link.errors | {name: _stand_in(link, name) for name in functions}
        found = {name: value for name, value in found.items() if name.isidentifier() and not name.startswith("__") and name not in space}
    except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Stranger("the names of the program cannot be read") from error
    solution = types.ModuleType("solution")
    solution.__dict__.update(found)
    sys.modules["solution"] = solution
    sys.modules["pytest"] = _pytest(link)
    seen = {name: value for name, value in found.items() if not hasattr(builtins, name)}
    return space | seen, set(plain) & set(seen)


def _stand_in(link: Link, name: str) -> Callable[..., Any]:
    return lambda *arguments, **keywords: link.ask("call", name, *arguments, **keywords)


def _run_one(link: Link, name: str, function: Any) -> None:
    """Run a test function."""
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & 0x2A0:  # a generator, a coroutine, or both
        raise link.refuse(f"{name} is async or a generator, and cannot be run here")
    needed = 0 if code is None else code.co_argcount - len(function.__defaults__ or ()) - isinstance(function, types.MethodType)
    if needed > 0:
        raise link.refuse(f"{name} takes arguments, which nobody gives here")
    function()


def _run_classes(link: Link, classes: list[type]) -> None:
    """Run the tests of classes: a fresh instance a test."""
    unittest: Any = sys.modules.get("unittest")  # else there can be no case of it; importing it costs more than the rest of a job
    cases = [kind for kind in classes if unittest is not None and issubclass(kind, unittest.TestCase)]
    for kind in classes:
        names = [name for name in dir(kind) if name.startswith("test")]
        if kind in cases:
            for name in names:
                if getattr(getattr(kind, name), "__code__", None) and getattr(kind, name).__code__.co_flags & 0x20:
                    raise link.refuse(f"{name} is a generator, and cannot be run here")
        elif kind.__name__.startswith("Test"):
            for name in names:
                made = kind()
                for part in ("setup_method", name, "teardown_method"):
                    if part == name:
                        _run_one(link, name, getattr(made, name))
                    elif hasattr(made, part):
                        getattr(made, part)()
    if not cases or unittest is None:
        return
    loader, result = unittest.TestLoader(), unittest.TestResult()
    for kind in cases:
        loader.loadTestsFromTestCase(kind).run(result)
    for _, text in [*result.failures, *result.errors]:
        raise AssertionError(text.strip().splitlines()[-1])
    if not result.wasSuccessful():
        raise AssertionError("a test that is expected to fail passed")


def _pytest(link: Link) -> types.ModuleType:
    """A module with `raises` and `approx`; what else pytest has is refused."""

    def refused(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise link.refuse(f"pytest.{name} cannot be used here")

    module = types.ModuleType("pytest")
    module.__dict__.update({"raises": Raises, "approx": Approx, "__getattr__": refused})
    return module


class Raises:
    """`with pytest.raises(kind, match=...) as found`."""

    def __init__(self, kind: Any, match: str | None = None) -> None:
        self.kind, self.match = kind, match
        self.value: BaseException | None = None

    def __enter__(self) -> "Raises":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: object) -> bool:
        if value is None:
            raise AssertionError("nothing was raised")
        if not isinstance(value, self.kind):
            return False
        self.value = value
        if self.match is not None:
            import re

            assert re.search(self.match, str(value)), f"{str(value)!r} does not match"
        return True


class Approx:
    """`pytest.approx` of numbers and of lists, tuples and dictionaries of them."""

    def __init__(self, expected: Any, rel: float = 1e-6, abs: float = 1e-12) -> None:
        self.expected, self.rel, self.abs = expected, rel, abs

    def __eq__(self, other: object) -> bool:
        return self._near(self.expected, other)

    __hash__ = None  # type: ignore[assignment]

    def _near(self, one: Any, other: Any) -> bool:
        if isinstance(one, list | tuple):
            parts = cast("list[Any]", one)
            return type(cast("object", one)) is type(other) and len(parts) == len(other) and all(map(self._near, parts, other))
        if isinstance(one, dict):
            entries = cast("dict[Any, Any]", one)
            return type(other) is dict and entries.keys() == other.keys() and all(self._near(part, other[key]) for key, part in entries.items())
        if type(other) not in (int, float) or type(one) not in (int, float):
            return one == other
        return math.isclose(one, other, rel_tol=0.0, abs_tol=max(self.abs, self.rel * math.fabs(one)))


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
