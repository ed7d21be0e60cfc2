"""Tool: name, description and JSON schema of the arguments."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from prm_gym.claims import Json
from prm_gym.errors import OptionError

MOST_DEFECTS = 3


class Tool(msgspec.Struct, frozen=True):
    """A tool as an agent is told of it.

    Attributes:
        name: letters, digits, `_` and `-`; at most 64 (the rule of OpenAI's interface).
        description: what it does, for the agent.
        parameters: JSON schema of each argument by name. Every argument is required unless it is in `optional`.
        optional: names of arguments that may be left out.
        schema: the whole JSON schema of the arguments, where it is given and not made of `parameters` (the tools of others).
    """

    name: str
    description: str
    parameters: dict[str, Any] = {}
    optional: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if not (0 < len(self.name) <= 64 and all(c.isascii() and (c.isalnum() or c in "_-") for c in self.name)):
            raise OptionError(f"a tool's name has 1 to 64 letters, digits, '_' or '-', got {self.name!r}")
        unknown = set(self.optional) - set(self.parameters)
        if unknown:
            raise OptionError(f"tool {self.name!r}: optional names the parameters {sorted(unknown)}, which it does not have")

    def arguments_schema(self) -> dict[str, Any]:
        """The JSON schema (an object) that the arguments keep."""
        if self.schema is not None:
            return self.schema
        required = [name for name in self.parameters if name not in self.optional]
        return {"type": "object", "properties": dict(self.parameters), "required": required, "additionalProperties": False}

    def openai(self) -> dict[str, Any]:
        """The tool in the format of OpenAI's `tools`."""
        return {"type": "function", "function": {"name": self.name, "description": self.description, "parameters": self.arguments_schema()}}

    def defects(self, arguments: Mapping[str, Json]) -> list[str]:
        """Why the arguments do not fit the schema, in sentences for the agent; empty where they fit.

        A value that fits by JSON's numbers (1.0 for an integer) fits; a text for a number does not.
        """
        validator = _validator(msgspec.json.encode(self.arguments_schema()))
        if isinstance(validator, str):
            return [validator]
        found: list[str] = []
        try:
            for error in validator.iter_errors(dict(arguments)):
                place = "/".join(str(part) for part in error.absolute_path)
                message = error.message if len(error.message) <= 200 else error.message[:200] + " ..."
                found.append(f"{place}: {message}" if place else message)
                if len(found) == MOST_DEFECTS:
                    break
        except Exception as error:  # a schema of others may refer to nothing, or to itself
            return [*found, _broken(error)]
        return found


def _broken(error: Exception) -> str:
    return f"the arguments cannot be checked: the tool's own schema is broken ({type(error).__name__})"


@lru_cache(maxsize=1024)
def _validator(schema: bytes) -> Any:
    """A validator of the schema, which fetches nothing from anywhere; or what is wrong with the schema, as a text."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    decoded = json.loads(schema)
    kind = validator_for(decoded)
    try:
        kind.check_schema(decoded)
    except (SchemaError, RecursionError) as error:
        return _broken(error)
    return kind(decoded, registry=Registry())


def described(tools: Sequence[Tool]) -> str:
    """The tools as text for an agent that is given no other list: one OpenAI schema a line."""
    return "\n".join(msgspec.json.encode(tool.openai()).decode() for tool in tools)


def lists_tools(instructions: str) -> bool:
    """Whether a text holds tools as `described` writes them. The instructions of every environment with tools do."""
    return any(line.startswith('{"type":"function","function":{') for line in instructions.splitlines())
