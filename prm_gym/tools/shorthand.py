"""Calls as a person types and reads them: the name of a tool, and its arguments without any JSON.

answer 42                          the rest of the line, where one text is wanted
python code=print("a") reset=true  a text that is named keeps its quotation marks, but for those around all of it
refund order_id=17 reason="too late"
list_orders                        no arguments
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, cast

from prm_gym.claims import Json
from prm_gym.tools.calls import ToolCall, call_text, read_call
from prm_gym.tools.tool import Tool

_QUOTED = frozenset(" \t\n\"'\\")  # characters that a word of a line holds only within quotation marks


def call_of(text: str, tools: Sequence[Tool]) -> str:
    """The call that a line stands for, or the text itself where it stands for none.

    Args:
        text: what was typed.
        tools: those that can be called.
    """
    name, _, rest = text.strip().partition(" ")
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        return text
    schemas = _properties(tool)
    single = text_argument(tool)
    if single is not None and rest.strip() and not _names_another(rest, single, schemas):
        return call_text(name, **_with_text(rest.strip(), single, schemas))
    try:
        words = shlex.split(rest)
    except ValueError:  # a quotation mark that is not closed
        return text
    arguments: dict[str, Json] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            return text
        arguments[key] = _value(value, schemas.get(key, {}))
    return call_text(name, **arguments)


def signature(tool: Tool) -> str:
    """The tool in one line for a person: `cancel_order(order_id, reason: "late" | "broken", note?)`."""
    schema = tool.arguments_schema()
    required = schema.get("required", [])
    parts = [f"{name}{'' if name in required else '?'}{_kind(kind)}" for name, kind in _properties(tool).items()]
    return f"{tool.name}({', '.join(parts)})"


def _kind(schema: Mapping[str, Any]) -> str:
    if isinstance(schema.get("enum"), list):
        return ": " + " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    kind = schema.get("type", "string")
    return "" if kind == "string" or not isinstance(kind, str) else f": {kind}"


def hint(text: str, tools: Sequence[Tool]) -> str:
    """How to type a call of the tool that a line begins with, where the line stands for none; else nothing."""
    name = text.strip().partition(" ")[0]
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None or call_of(text, tools) != text:
        return ""
    return " ".join([name, *(f"{argument}=..." for argument in _properties(tool))])


def typed(action: str, tools: Sequence[Tool]) -> str:
    """What a person may type for a call; the action itself where it is none or nothing shorter stands for it.

    Args:
        action: a call as `call_text` writes it, or anything else.
        tools: those that can be called.
    """
    call = read_call(action)
    if not isinstance(call, ToolCall):
        return action
    named = " ".join([call.name, *(f"{name}={_word(value)}" for name, value in call.arguments.items())])
    bare = f"{call.name} {next(iter(call.arguments.values()), '')}"  # for a text with both kinds of quotation marks
    return next((short for short in (named, bare) if call_of(short, tools) == action), action)


def _word(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if text and not set(text) & _QUOTED:
        return text
    if "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _names_another(rest: str, single: str, schemas: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the line begins with an argument other than the text."""
    key, equals, _ = rest.strip().partition("=")
    return bool(equals) and key != single and key in schemas


def _with_text(rest: str, single: str, schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Json]:
    """The text as it was typed, and arguments after it; quotation marks around all of a text that is named are no part of it."""
    arguments: dict[str, Json] = {}
    text = rest.removeprefix(f"{single}=")
    named = text != rest
    while named:
        head, _, last = text.rpartition(" ")
        key, equals, value = last.partition("=")
        if not head or not equals or key == single or key not in schemas:
            break
        text, arguments[key] = head.rstrip(), _value(value, schemas[key])
    if named and len(text) > 1 and text[0] in "\"'" and text.find(text[0], 1) == len(text) - 1:
        text = text[1:-1]
    return {single: text, **arguments}


def text_argument(tool: Tool) -> str | None:
    """The one argument that has to be given, where it is a text."""
    required = tool.arguments_schema().get("required", [])
    if len(required) == 1 and _properties(tool).get(required[0], {}).get("type") == "string":
        return str(required[0])
    return None


def _properties(tool: Tool) -> Mapping[str, Mapping[str, Any]]:
    found = cast("Mapping[str, Any]", tool.arguments_schema().get("properties", {}))
    # A schema may also be true or false.
    return {name: cast("Mapping[str, Any]", schema) for name, schema in found.items() if isinstance(schema, Mapping)}


def _value(text: str, schema: Mapping[str, Any]) -> Json:
    """What was typed: a text where the schema wants one, else JSON if it is any."""
    if schema.get("type") == "string":
        return text
    try:
        return cast("Json", json.loads(text))
    except (ValueError, RecursionError):
        return text
