r"""How an agent's text calls a tool: OpenAI's native calls and tagged text.

    {"name": "add", "arguments": {"a": 1, "b": 2}}
    {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": "{\"a\": 1, \"b\": 2}"}}]}
    I add them. <tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call>

A step is one call. A text that begins as a call and cannot be read as one is `Unreadable`, never a message.

Source: the native form is that of OpenAI's chat completions; the tagged one is that of Hermes and Qwen's chat templates.
"""

import json
import math
import re
from typing import Any, TypeAlias, cast

import msgspec

from prm_gym.claims import Json

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_TAG = re.compile(r"<\s*/?\s*tool_call", re.IGNORECASE)


class ToolCall(msgspec.Struct, frozen=True):
    """A call that could be read; whether the tool exists and the arguments fit is another question.

    Attributes:
        name: of the tool.
        arguments: JSON values by name.
        thought: what was written before the call.
    """

    name: str
    arguments: dict[str, Json]
    thought: str = ""

    @property
    def key(self) -> str:
        """Equal exactly for calls of the same tool with the same arguments, in whatever order they were written."""
        return json.dumps([self.name, self.arguments], sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Message(msgspec.Struct, frozen=True):
    """Text that calls nothing: a message to whoever listens."""

    text: str


class Unreadable(msgspec.Struct, frozen=True):
    """A text that is meant as a call and is none."""

    reason: str


Reading: TypeAlias = ToolCall | Message | Unreadable


def call_text(name: str, /, **arguments: Json) -> str:
    """The call as an agent writes it, in the shortest of the forms."""
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def read_call(action: str) -> Reading:
    """The call that a text holds, or the message that it is.

    Args:
        action: what the agent wrote.
    """
    text = action.strip()
    if _TAG.search(text):
        return _tagged(text)
    if text.startswith(("{", "[")):
        return _native(text, "")
    return Message(text)


def _tagged(text: str) -> Reading:
    before, opened, rest = text.partition(_OPEN)
    inside, closed, after = rest.partition(_CLOSE)
    if not (opened and closed):
        return Unreadable(f"a call stands between {_OPEN} and {_CLOSE}")
    if after.strip() or _TAG.search(before):
        return Unreadable("a step is one call, and nothing follows it")
    return _native(inside.strip(), before.strip())


def _native(text: str, thought: str) -> Reading:
    try:
        data = _loaded(text)
    except RecursionError:
        return Unreadable("the JSON is nested too deeply")
    except ValueError as error:
        return Unreadable(f"not valid JSON: {error}")
    return _call(data, thought)


def _call(data: Any, thought: str) -> Reading:
    if isinstance(data, dict) and "tool_calls" in data:
        message = cast("dict[str, Any]", data)
        content = message.get("content")
        data, thought = message["tool_calls"], content if isinstance(content, str) and not thought else thought
    if isinstance(data, list):
        calls = cast("list[Any]", data)
        if len(calls) != 1:
            return Unreadable(f"a step is one call, got {len(calls)}")
        data = calls[0]
    if isinstance(data, dict) and "function" in data:
        data = cast("dict[str, Any]", data)["function"]
    if not isinstance(data, dict):
        return Unreadable('a call is an object {"name": ..., "arguments": {...}}')
    call = cast("dict[str, Any]", data)
    name, arguments = call.get("name"), call.get("arguments", {})
    if not isinstance(name, str):
        return Unreadable('a call has a "name" and "arguments"')
    if isinstance(arguments, str):  # OpenAI's interface gives the arguments as a text
        try:
            arguments = _loaded(arguments or "{}")
        except RecursionError:
            return Unreadable("the arguments are nested too deeply")
        except ValueError as error:
            return Unreadable(f"the arguments are not valid JSON: {error}")
    if not isinstance(arguments, dict):
        return Unreadable('"arguments" is an object')
    return ToolCall(name, cast("dict[str, Json]", arguments), thought)


def _loaded(text: str) -> Any:
    """The JSON value of a text.

    Raises:
        ValueError: it is none, or one that cannot be stored: a name twice, a number beyond 64 bits, a lone surrogate.
        RecursionError: it is nested too deeply.
    """
    data = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse, parse_float=_finite, parse_int=_small)
    json.dumps(data, ensure_ascii=False).encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    return data


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too great")
    return value


def _small(digits: str) -> int:
    value = int(digits) if len(digits) <= 20 else 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError("a whole number has more than 64 bits")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return data


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
