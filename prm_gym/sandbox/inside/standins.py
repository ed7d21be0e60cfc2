"""What the tests see of the candidate, which is in another process: stand-ins, and nothing but plain data crosses. Runs inside the sandbox."""

import builtins
import collections
from collections.abc import Callable
from typing import Any, cast

from encoding import TooLarge, decode, encode
from serving import Gone, Stranger, receive, send

_record_class: Callable[..., Any] = vars(collections)["namedtuple"]  # of fields that are not known before


class CandidateError(Exception):
    """What the candidate raised, where it is no exception of Python's own."""


class Link:
    """The way to the candidate.

    Attributes:
        asked: how often it was asked something.
        trouble: why the tests cannot have passed, whatever they caught; empty where there is nothing.
        gone: that is because the candidate's process has ended.
        carried: everything could be carried to the other side and back.
        word: what of its objects' word the tests have taken; empty where none was.
        believing: what the candidate does to an argument is done to the tests' value.
        changed: it has changed an argument.
        errors: stand-ins for the classes of exceptions that the candidate offers.
        stands: stand-ins for its objects, by their numbers: one an object, so that what is the same thing there is the same thing here.
    """

    def __init__(self, descriptor: int, believing: bool = False) -> None:
        self.descriptor, self.believing, self.changed = descriptor, believing, False
        self.asked = 0
        self.trouble = ""
        self.gone = False
        self.carried = True
        self.word = ""
        self.errors: dict[str, type[Exception]] = {}
        self.stands: dict[int, Stand] = {}

    def refuse(self, why: str, carried: bool = False) -> Stranger:
        """What to raise where the tests want what they cannot have; they have failed, though they catch it."""
        self.carried = self.carried if self.trouble else carried  # what comes after the first trouble says nothing
        self.trouble = self.trouble or why
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
        except (OSError, Gone) as error:
            self.gone = self.gone or not self.trouble
            self.refuse("the other process has ended", carried=True)
            raise Gone("the other process has ended") from error
        except Stranger as error:
            raise self.refuse(str(error), carried=True) from error
        try:
            *told, changes = answer
            originals = {**dict(enumerate(arguments)), **keywords}
            self.changed = self.changed or bool(changes)
            for place, parts in changes if self.believing else ():
                self._change(originals[place], parts)
            if told[0] != "raised":
                return self.made(told)
            error = self.error(str(told[1]), str(told[2]))
        except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError, RecursionError) as unread:
            raise self.refuse("an answer cannot be read", carried=True) from unread
        raise error

    def made(self, told: list[Any]) -> Any:
        """The value or stand-in that the candidate tells of."""
        kind, first, *rest = told
        if kind == "value":
            return decode(first)
        if kind == "record":
            return _record_class("Record", first)(*decode(rest[0]))
        if kind != "handle":
            raise ValueError(f"there is no answer {kind!r}")
        return self.stands.setdefault(int(first), Stand(self, int(first), str(rest[0])))

    def _change(self, own: Any, parts: Any) -> None:
        """Do to a value of the tests' what the candidate did to its copy."""
        if parts is None or type(own) not in (list, tuple, dict, set):
            self.word = self.word or "an argument was changed, and how cannot be carried"
        elif type(own) in (list, tuple):
            _become(cast("list[Any]", own if type(own) is list else list(own)), [self.made(part) for part in parts])
        else:
            new: Any = {self.made(key): self.made(part) for key, part in parts} if type(own) is dict else {self.made(part) for part in parts}
            own.clear()
            own.update(new)

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
        if type(value) is slice and all(part is None or type(part) is int for part in (value.start, value.stop, value.step)):
            return {"slice": [value.start, value.stop, value.step]}
        encoded = encode(value)
        if '"object"' in str(encoded).replace("'", '"') and _is_opaque(encoded):
            raise self.refuse("the tests hand over what is no plain data")
        return encoded


def _become(own: list[Any], new: list[Any]) -> None:
    """Give a list the parts of another one; lists within it stay the same things, where there are as many parts as before."""
    if len(own) == len(new):
        for place, (old, part) in enumerate(zip(own, new, strict=True)):
            if type(old) is list and type(part) is list:
                _become(cast("list[Any]", old), cast("list[Any]", part))
                new[place] = old
    own[:] = new


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


_SHOWN_AS: dict[str, type] = {kind.__name__: kind for kind in (list, tuple, dict, set, frozenset)}


class Stand:
    """A stand-in for an object of the candidate's, whose attributes and methods are its own; for a container too, where that holds what is no plain data.

    It is not equal to plain data, whatever it says, nor less, and no number comes of it and a plain one: tests that ask so have failed. What it says of
    itself and of other objects of the candidate's (that they are equal, that it is true, that it contains something) is its word: `Link.word`.
    """

    __slots__ = ("__kind", "__link", "__number")
    __kind: str
    __link: Link
    __number: int

    def __init__(self, link: Link, number: int, kind: str) -> None:
        for name, value in (("link", link), ("number", number), ("kind", kind)):
            object.__setattr__(self, f"_Stand__{name}", value)

    @staticmethod
    def number_of(stand: "Stand") -> int:
        """The number of the object."""
        return stand.__number

    @property
    def __class__(self) -> type:  # what `isinstance` takes it for; everything here looks at `type`
        return _SHOWN_AS.get(self.__kind, Stand)

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise TypeError(f"a stand-in does not become a {kind.__name__}")

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
        return self.__on_word("contains", value)

    def __iter__(self) -> Any:
        made = self.__link.ask("iterate", self.__number)
        return made if type(made) is Stand else iter(made)

    def __next__(self) -> Any:
        found = self.__link.ask("next", self.__number)
        if type(found) is Stand or found:
            return found[0]
        raise StopIteration

    def __add__(self, other: Any) -> Any:
        return self.__with("add", other)

    def __sub__(self, other: Any) -> Any:
        return self.__with("subtract", other)

    def __mul__(self, other: Any) -> Any:
        return self.__with("multiply", other)

    def __with(self, what: str, other: Any) -> Any:
        found = self.__link.ask(what, self.__number, other)
        if type(found) is Stand or type(other) is Stand:
            return found
        raise self.__link.refuse(f"an object of the class {self.__kind!r} says what comes of it and plain data", carried=True)

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

    def __on_word(self, what: str, *others: Any) -> bool:
        self.__link.word = self.__link.word or f"an object of the class {self.__kind!r} has the last word ({what})"
        return self.__link.ask(what, self.__number, *others) is True

    def __compare(self, what: str, other: Any) -> bool:
        if other is self and what in ("eq", "ne"):
            return what == "eq"
        if type(other) is Stand:
            return self.__on_word(what, other)
        carried = type(other).__name__ != self.__kind.partition("<")[0] or _is_plain(other)
        raise self.__link.refuse(f"an object of the class {self.__kind!r} is compared: only plain data is", carried=carried)

    def __eq__(self, other: Any) -> bool:
        return self.__compare("eq", other)

    def __ne__(self, other: Any) -> bool:
        return self.__compare("ne", other)

    def __lt__(self, other: Any) -> bool:
        return self.__compare("lt", other)

    def __le__(self, other: Any) -> bool:
        return self.__compare("le", other)

    def __gt__(self, other: Any) -> bool:
        return self.__compare("gt", other)

    def __ge__(self, other: Any) -> bool:
        return self.__compare("ge", other)

    def __hash__(self) -> int:
        self.__link.word = self.__link.word or f"an object of the class {self.__kind!r} stands in a set or dictionary"
        return self.__number

    def __bool__(self) -> bool:
        return self.__on_word("truth")


def _is_plain(value: Any) -> bool:
    try:
        return not _is_opaque(encode(value))
    except TooLarge:
        return False
