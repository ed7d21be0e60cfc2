"""Registries over entry points: how verifiers, reward schemes, credit assigners and agents find their way in.

A third party declares, in its own package,

    [project.entry-points."prm_gym.verifiers"]
    mine = "my_package:MyVerifier"

and the name works everywhere a verifier is named. Our own parts are declared in the same way; nothing is privileged.
"""

import inspect
import json
import re
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, cast, get_args

from prm_gym.errors import ContractError, DuplicateNameError, MissingExtraError, OptionError, UnknownNameError

T = TypeVar("T")

NOT_INSTALLED = "One of your own is there once its package is installed in this environment (pip install)."
"""Said of a name that no package declares and that is like none."""


class Registry(Generic[T]):
    """The objects of one entry point group, loaded when first asked for."""

    def __init__(self, group: str, kind: str) -> None:
        """Name the group; nothing is read yet.

        Args:
            group: entry point group, such as "prm_gym.verifiers".
            kind: what it holds, in words, for error messages ("verifier").
        """
        self.group = group
        self.kind = kind
        self._declared: dict[str, EntryPoint] | None = None
        self._clashes: dict[str, str] = {}
        self._loaded: dict[str, T] = {}

    def _entry_points(self) -> dict[str, EntryPoint]:
        if self._declared is None:
            declared: dict[str, EntryPoint] = {}
            for point in entry_points(group=self.group):
                other = declared.get(point.name)
                if other is not None and other.value != point.value:
                    self._clashes[point.name] = (
                        f"Two packages declare the {self.kind} {point.name!r}: {other.value} ({_distribution(other)}) and "
                        f"{point.value} ({_distribution(point)}). Rename one of them or uninstall its package."
                    )
                declared[point.name] = point
            self._declared = declared
        return self._declared

    def _declaration(self, name: str) -> EntryPoint | None:
        point = self._entry_points().get(name)
        if name in self._clashes:  # neither wins, and no other name suffers
            raise DuplicateNameError(self._clashes[name])
        return point

    def names(self) -> list[str]:
        """All names, sorted; loads no plug-in."""
        return sorted({*self._entry_points(), *self._loaded})

    def load(self, name: str) -> T:
        """The object under `name`.

        Raises:
            UnknownNameError: no such name; says the near miss.
            DuplicateNameError: two packages declare one name.
            ContractError: the plug-in cannot be imported; the cause is chained.
        """
        if name not in self._loaded:
            point = self._declaration(name)
            if point is None:
                raise UnknownNameError(self.kind, name, self.names(), NOT_INSTALLED)
            try:
                self._loaded[name] = cast("T", point.load())
            except MissingExtraError:
                raise
            except (Exception, SystemExit) as error:  # importing runs whatever the plug-in's module does; a script calls sys.exit
                said = f"{type(error).__name__}: {error}" if isinstance(error, SystemExit) else str(error)
                raise ContractError(f"The {self.kind} {name!r} ({point.value}, {_distribution(point)}) cannot be imported: {said}") from error
        return self._loaded[name]

    def register(self, name: str, entry: T) -> None:
        """Add an object in this process only (a notebook, a test); packages use entry points.

        Raises:
            DuplicateNameError: the name is taken by another object.
        """
        if name in self._loaded and self._loaded[name] is entry:
            return
        if name in self._loaded or name in self._entry_points():
            raise DuplicateNameError(f"The {self.kind} {name!r} is registered already. Choose another name.")
        self._loaded[name] = entry


_WANTED: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false"}
_OPTIONS = re.compile(r"\?([A-Za-z_]\w*=[^?&]*(?:&[A-Za-z_]\w*=[^?&]*)*)\Z")


_BARE_POINT = re.compile(r"^(-?)\.(?=\d)")
"""Of ".5", which JSON does not know and people write."""


def split_options(spec: str) -> tuple[str, dict[str, Any]]:
    """A specification without its options, and these.

    >>> split_options("judge:MODEL?votes=4&protocol=capo")
    ('judge:MODEL', {'votes': 4, 'protocol': 'capo'})

    Numbers, `true`, `false` and `null` are read as such; everything else is a text.
    """
    found = _OPTIONS.search(spec)
    if found is None:
        return spec, {}
    pairs = (pair.split("=", 1) for pair in found[1].split("&"))
    return spec[: found.start()], {name: _value(value) for name, value in pairs}


def _value(text: str) -> Any:
    try:
        value = json.loads(_BARE_POINT.sub(r"\g<1>0.", text))
    except ValueError:
        return text
    return value if isinstance(value, int | float | None) else text


def make(kind: str, name: str, factory: Callable[..., T], /, *arguments: Any, **options: Any) -> T:
    """Call what a plug-in registered.

    Args:
        kind: what it makes, in words ("reward scheme").
        name: its name.
        factory: what was registered.
        *arguments: its positional arguments.
        **options: its keyword options.

    Raises:
        OptionError: it takes no option of that name (says the near miss), or the call does not fit.
        ContractError: it cannot be called.
    """
    if not callable(factory):
        raise ContractError(f"the {kind} {name!r} is a {type(factory).__name__}, which makes nothing when it is called")
    try:
        signature = inspect.signature(factory)
    except ValueError:  # a callable that says nothing about itself
        return factory(*arguments, **options)
    parameters = signature.parameters.values()
    named = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        for option in options:
            if option not in named:
                raise OptionError(str(UnknownNameError(f"option of the {kind} {name!r}", option, named)))
    for option, value in options.items():
        wanted = misfit(signature.parameters[option].annotation, value) if option in named else ""
        if wanted:
            raise OptionError(f"{option} of the {kind} {name!r} is {wanted}, got {value!r}")
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        raise OptionError(f"{kind} {name!r}: {error}") from error
    return factory(*arguments, **options)


def misfit(annotation: Any, value: Any) -> str:
    """What an option that is annotated as a number or as true or false wants, where the value is none; empty where it fits, or is annotated otherwise."""
    kinds = set(get_args(annotation)) if isinstance(annotation, UnionType) else {annotation}
    if type(value) not in (str, bool, int, float) or not kinds <= _WANTED.keys() | {NoneType} or type(value) in kinds:
        return ""
    if float in kinds and type(value) is int:
        return ""
    return " or ".join(_WANTED[kind] for kind in (int, float, bool) if kind in kinds)


def _distribution(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist is not None else "unknown package"
