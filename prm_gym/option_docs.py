"""What may be said to a plug-in: its options with their defaults and meanings, read from its signature and docstring."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Unpack, cast, get_args, get_origin, is_typeddict

import msgspec

_SECTION = re.compile(r"^(?:Args|Attributes):\s*$", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\*{0,2}\w+):\s*(.*)$")


class OptionDoc(msgspec.Struct, frozen=True):
    """One option.

    Attributes:
        name: as it is given; "..." for options that are handed on to something else.
        default: as Python writes it; "required" where there is none, empty where it depends on something else.
        meaning: in words; empty where nothing says it.
    """

    name: str
    default: str
    meaning: str


def options_of(factory: Callable[..., Any]) -> list[OptionDoc]:
    """The options of a class or function, in the order of its signature.

    The fields of a `TypedDict` in `**options: Unpack[...]`, and of the structures that a class names in `also_options`, are options too.

    >>> def noisy(source: str, *, level: float = 0.5) -> None:
    ...     \"\"\"Make noise.
    ...
    ...     Args:
    ...         source: where it comes from.
    ...         level: how loud it is.
    ...     \"\"\"
    >>> [(option.name, option.default, option.meaning) for option in options_of(noisy)]
    [('source', 'required', 'where it comes from.'), ('level', '0.5', 'how loud it is.')]
    """
    said = factory.__init__ if isinstance(factory, type) else factory
    meanings = meanings_in(inspect.getdoc(said) or "")
    found: dict[str, OptionDoc] = {}
    try:
        parameters = inspect.signature(factory).parameters.values()
    except ValueError:  # a callable that says nothing about itself
        return []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            fields = list(_of_typed_dict(parameter.annotation))
            for structure in getattr(factory, "also_options", ()):
                fields += _of_structure(structure)
            rest = meanings.get(f"**{parameter.name}", "")
            if not is_unpacked(parameter.annotation):
                fields.append(OptionDoc("...", "", rest))
            for field in fields:
                found.setdefault(field.name, field)
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            default = "required" if parameter.default is parameter.empty else repr(parameter.default)
            found[parameter.name] = OptionDoc(parameter.name, default, meanings.get(parameter.name, ""))
    return list(found.values())


def meanings_in(doc: str) -> dict[str, str]:
    """What a docstring in Google's style says of each argument or attribute.

    Args:
        doc: without its indentation, as `inspect.getdoc` gives it.
    """
    section = _SECTION.search(doc)
    found: dict[str, str] = {}
    name = ""
    for line in doc[section.end() :].strip("\n").split("\n") if section else ():
        if line.strip() and not line.startswith("    "):
            break  # the next section
        entry = _ENTRY.match(line)
        if entry:
            name = entry[1]
            found[name] = entry[2]
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def is_unpacked(annotation: object) -> bool:
    """Whether an annotation is that of keyword arguments whose names are known."""
    return get_origin(annotation) is Unpack and is_typeddict(get_args(annotation)[0])


def _of_typed_dict(annotation: Any) -> Iterator[OptionDoc]:
    if is_unpacked(annotation):
        kind = get_args(annotation)[0]
        meanings = meanings_in(inspect.getdoc(kind) or "")
        for name in cast("dict[str, Any]", kind.__annotations__):
            yield OptionDoc(name, "", meanings.get(name, ""))


def _of_structure(kind: type[msgspec.Struct]) -> Iterator[OptionDoc]:
    meanings = meanings_in(inspect.getdoc(kind) or "")
    for field in msgspec.structs.fields(kind):
        made = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        yield OptionDoc(field.name, "required" if made is msgspec.NODEFAULT else repr(made), meanings.get(field.name, ""))
