"""The tests' side of a test: what is run, and what came of it; the candidate is in another process. Runs inside the sandbox."""

import ast
import builtins
import math
import sys
import types
from collections.abc import Callable
from typing import Any, cast

from serving import Gone, Stranger, receive
from standins import CandidateError, Link

NOTHING_ASKED = "the tests asked nothing of the program"


def run_tests(source: str, descriptor: int, entry: str = "", believing: bool = False) -> list[Any]:
    """Run the tests; returns ["passed", how many questions went to the candidate], ["on word", why] or ["failed", why, carried, gone].

    carried: everything could be carried to the candidate and back. gone: they failed because its process had ended when they asked it.

    After the source itself, every function `test_*`, every class `Test*` and every `unittest.TestCase` in it is run; with an entry, `check(candidate)` as well.
    ["changed", why] says that they failed, but the program has changed arguments: where it is believed what it did to them, they may pass.

    The candidate's names are there, and in a module `solution`; they never stand for a builtin. Tests that ask nothing of the candidate have not passed.
    """
    link = Link(descriptor, believing)
    found = _run_all(link, source, entry)
    return ["changed", found[1]] if found[0] == "failed" and link.changed and not believing else found


def _run_all(link: Link, source: str, entry: str) -> list[Any]:
    try:
        space, plain = _names(link)
        named = _free_names(source) if plain else set[str]()
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
            return ["failed", link.trouble, link.carried, link.gone]
        if not (link.asked or named & plain):
            return ["failed", NOTHING_ASKED, True, False]
        return ["on word", link.word] if link.word else ["passed", link.asked]
    except MemoryError:
        raise
    except BaseException as error:  # an assertion, or anything else that the tests raise
        return ["failed", _why(error, source), link.carried, isinstance(error, Gone)]


def _free_names(source: str) -> set[str]:
    """Names that the source reads and nowhere makes itself."""
    read, own = set[str](), set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else own).add(node.id)
        elif isinstance(node, ast.arg):
            own.add(node.arg)
    return read - own


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
        _, functions, errors, others = record
        for name, parent, nearest in errors:
            link.offer(str(name), str(parent), str(nearest))
        found: dict[str, Any] = {str(name): link.made(told) for name, told in others.items()}
        plain = {str(name) for name, told in others.items() if told[0] == "value"}
        found |= link.errors | {name: _stand_in(link, name) for name in functions}
        found = {name: value for name, value in found.items() if name.isidentifier() and not name.startswith("__") and name not in space}
    except (ValueError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError) as error:
        raise Stranger("the names of the program cannot be read") from error
    solution = types.ModuleType("solution")
    solution.__dict__.update(found)
    sys.modules["solution"] = solution
    sys.modules["pytest"] = _pytest(link)
    seen = {name: value for name, value in found.items() if not hasattr(builtins, name)}
    return space | seen, plain & set(seen)


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
        raise (Gone if link.gone else AssertionError)(text.strip().splitlines()[-1])
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
