"""The tools that a server lists, with names that agents can call and schemas that can be checked without danger."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from prm_gym.tools import Tool

MOST_TOOLS = 256
_DESCRIPTION, _SCHEMA = 4_000, 50_000  # characters; a longer schema is neither shown nor checked
_SHOWN = 400_000  # characters of all descriptions and schemas; what comes later is named alone
_MOST_NODES, _DEEPEST = 2_000, 40
# Not checked here, but by the server itself: a pattern can take forever, comparing all items with all others long, a reference can lead
# into the network, and what forbids would forbid too much where a part of it was left out.
_UNCHECKED = (
    "pattern", "patternProperties", "propertyNames", "format", "not", "if", "then", "else", "contains", "minContains", "maxContains", "$schema", "$id", "id",
    "uniqueItems", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary",
    "$defs", "definitions",
)  # fmt: skip
_ANYTHING: dict[str, Any] = {"type": "object"}


class ListedTool(msgspec.Struct, frozen=True):
    """A tool of a server.

    Attributes:
        tool: as agents see it; the name has what is allowed in names alone.
        checked: the same with the part of the schema that is checked here.
        name: as the server calls it.
        reads: the server says that it changes nothing.
        idempotent: it says that the same call a second time changes nothing more.
    """

    tool: Tool
    checked: Tool
    name: str
    reads: bool
    idempotent: bool = False


def listed_tools(found: Sequence[Any]) -> tuple[ListedTool, ...]:
    """The tools that the SDK lists.

    Args:
        found: `mcp_types.Tool` objects.
    """
    names: set[str] = set()
    listed: list[ListedTool] = []
    left = _SHOWN
    for given in found[:MOST_TOOLS]:
        name = _callable_name(str(given.name), names)
        names.add(name)
        description = str(given.description or given.title or "")[: min(_DESCRIPTION, left)]
        schema: dict[str, Any] = given.input_schema
        length = len(json.dumps(schema, default=str))
        shown = schema if length <= min(_SCHEMA, left - len(description)) else _ANYTHING
        left -= len(description) + (length if shown is schema else 0)
        checked = _sound(checkable(schema)) if length <= _SCHEMA else _ANYTHING
        reads = bool(given.annotations is not None and given.annotations.read_only_hint)
        idempotent = bool(given.annotations is not None and given.annotations.idempotent_hint)
        listed.append(ListedTool(Tool(name, description, schema=shown), Tool(name, "", schema=checked), str(given.name), reads, idempotent))
    return tuple(listed)


def _callable_name(name: str, taken: set[str]) -> str:
    """The name with `_` for what agents' interfaces do not take, and a number behind it where two would be alike."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:60] or "_"
    number = 2
    chosen = plain
    while chosen in taken:
        chosen = f"{plain}_{number}"
        number += 1
    return chosen


def _sound(schema: dict[str, Any]) -> dict[str, Any]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return _ANYTHING
    return schema


def checkable(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy of a schema in which references to its own definitions are written out, and what cannot be checked safely lets everything pass.

    >>> checkable({"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}, "b": {"type": "string", "pattern": "^(a+)+$"}}})
    {'properties': {'a': {'type': 'integer'}, 'b': {'type': 'string'}}}
    """
    return _Copy(schema).of(schema, 0)


class _Copy:
    """Copies a schema, up to a number of nodes; what is beyond it becomes {}, which everything fits."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = _MOST_NODES

    def of(self, node: Any, depth: int) -> Any:
        """The copy of a node."""
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            return {}
        if isinstance(node, list):
            return [self.of(item, depth + 1) for item in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        given = cast("dict[str, Any]", node)
        if "$ref" in given:
            return self.of(self._target(given["$ref"]), depth + 1)
        copy: dict[str, Any] = {}
        for key, value in given.items():
            if key in ("const", "enum", "default", "examples"):
                copy[key] = value
            elif key == "properties" and isinstance(value, dict):  # names of arguments, which may look like keywords
                copy[key] = {name: self.of(inner, depth + 1) for name, inner in cast("dict[str, Any]", value).items()}
            elif key == "oneOf":  # of branches that let more pass, more than one may fit
                copy.setdefault("anyOf", self.of(value, depth + 1))
            elif key not in _UNCHECKED and not (key == "additionalProperties" and "patternProperties" in given):
                copy[key] = self.of(value, depth + 1)
        return copy

    def _target(self, reference: object) -> Any:
        """What a reference within the schema leads to; {} where it leads elsewhere or nowhere."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return {}
        found: Any = self._root
        for part in reference.lstrip("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if key:
                found = cast("dict[str, Any]", found).get(key, {}) if isinstance(found, dict) else {}
        return found
