r"""How an agent's text calls a tool: OpenAI's native calls and tagged text.

    {"name": "add", "arguments": {"a": 1, "b": 2}}
    {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": "{\"a\": 1, \"b\": 2}"}}]}
    I add them. <tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call>
    <function=add>{"a": 1, "b": 2}</function>
    [TOOL_CALLS]add[ARGS]{"a": 1, "b": 2}

and what the special tokens of Mistral, DeepSeek, Kimi, gpt-oss, Granite and Phi make of the same. Forms without JSON (arguments as XML or as Python) are not
read: whether a 1 in them is a number or a text only the schema knows. Let the server that runs such a model read its calls.

What is thought may stand before a call: text, or a section <think>...</think>, whose beginning may be missing, since prompts end with it. A call may stand in
a fenced block, or on lines of its own after the text. `parameters` and `input` stand for `arguments` too. A closing tag at the very end may be missing, since
servers stop there. A step is one call. A text that holds a call in one of these forms, or the beginning of one, and cannot be read is `Unreadable`, never a
message; so is what holds a call amid words, a call within a thought that does not end, and `<invoke name=...>`. Where the tools are known (`understood`),
so is a line `add(a=1)`, `[add(a=1)]`, `add[1]` or `Action: add`.

Source: the native form is that of OpenAI's chat completions; the others are those of the chat templates of Hermes, Qwen 2.5 and 3, Llama 3, Mistral,
DeepSeek V3, Kimi K2, gpt-oss, Granite and Phi 4.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import msgspec

from prm_gym.claims import Json
from prm_gym.nesting import deeper
from prm_gym.tools.tool import Tool

MOST_DEPTH = 600  # of lists and objects within one another

# Repetitions give nothing back (`*+`), so that reading takes time in proportion to the length.
_TAG = re.compile(
    r"<function=([\w-]{1,64})>"
    r"|\[TOOL_CALLS\] ?([\w-]{1,64})(?:\[CALL_ID\]\w{1,64})?(?:\[ARGS\])? ?(?=\{)"
    r"|<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?([\w-]{1,64})(?:<｜tool▁sep｜>|\n```json\n)"
    r"|<\|tool_call_begin\|> ?(?:functions\.)?([\w-]{1,64})(?::\d{1,4})? ?<\|tool_call_argument_begin\|>"
    r"|(?:<\|channel\|>commentary )?to=functions\.([\w-]{1,64})[^{}\n]{0,60}<\|message\|>"
    r"|(?:\[TOOL_CALLS\]|<\|python_tag\|>|<\|tool_call\|>)(?=\s*+(?:\[\s*+)?\{)"
    r"|<\s*+/?\s*+tool_call\s*+>|<function=",
    re.IGNORECASE,
)
# What begins a list of calls, and what ends one.
_LIST = re.compile(r"<｜tool▁calls▁begin｜>|<\|tool_calls_section_begin\|>")
_CLOSED = re.compile(
    r"(?:```)?(?:</tool_call>|</function>|<\|/tool_call\|>|<｜tool▁call▁end｜>|<\|tool_call_end\|>)?(?:<｜tool▁calls▁end｜>|<\|tool_calls_section_end\|>)?",
    re.IGNORECASE,
)
# What some servers leave at the end.
_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "</s>", "<｜end▁of▁sentence｜>", "<|call|>")
_FENCED = re.compile(r"```\w{0,20}[ \t]*\n(.*?)\n?```", re.DOTALL)
# A line on which a call begins.
_CALL = re.compile(r"^[ \t]*+\[?[ \t]*+\{\s*+\"(?:name|tool_calls|function|type)\"\s*:", re.MULTILINE)
# A call that is not read: amid words, and in the forms of XML, Python and ReAct.
_AMID_WORDS = re.compile(
    r"<invoke\s++name\s*+="
    r"|\{\s*+\"name\"\s*+:\s*+\"[\w-]{1,64}+\"\s*+,\s*+\"(?:arguments|parameters|input)\"\s*+:"
    r"|\{\s*+\"arguments\"\s*+:\s*+[{\"]"
)
_WITHOUT_JSON = re.compile(r"^[ \t]*+(?:Action: *+([\w-]{1,64}+).*|\[?+([\w-]{1,64}+)[(\[].*[)\]])[ \t]*$", re.MULTILINE)
_FORM = 'a step is one call of a tool: {"name": ..., "arguments": {...}}'
_ONE_CALL = "a step is one call, and nothing follows it"
_DECODER = json.JSONDecoder(strict=False)


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
    text = next((text.removesuffix(end).rstrip() for end in _ENDS if text.endswith(end)), text)
    text, thought = _without_thinking(text)
    if text.startswith(("{", "[{")) or _CALL.match(text):
        return _native(text, thought)
    tag, call = _TAG.search(text), _CALL.search(text)
    if tag and not (call and call.start() < tag.start()):  # or the tag stands within the call
        return _tagged(text, tag, thought)
    return _told(text, thought)


def understood(action: str, tools: Sequence[Tool]) -> Reading:
    """What `read_call` reads, where it can be done: a call of one of the tools, with arguments that fit; or a message. All else is `Unreadable`.

    Args:
        action: what the agent wrote.
        tools: those that there are.
    """
    reading = read_call(action)
    if isinstance(reading, Message):
        names = {tool.name for tool in tools}
        return Unreadable(_FORM) if any((found[1] or found[2]) in names for found in _WITHOUT_JSON.finditer(reading.text)) else reading
    if isinstance(reading, Unreadable):
        return reading
    tool = next((tool for tool in tools if tool.name == reading.name), None)
    if tool is None:
        return Unreadable(f"there is no tool {reading.name[:60]!r}; there are {', '.join(tool.name for tool in tools)}")
    defects = tool.defects(reading.arguments)
    return Unreadable(f"the arguments of {tool.name} do not fit: {'; '.join(defects)}") if defects else reading


def required_call(action: str, tools: Sequence[Tool]) -> ToolCall | Unreadable:
    """The same where nobody listens: a message is `Unreadable` too."""
    reading = understood(action, tools)
    if isinstance(reading, Message):
        return Unreadable(_FORM)
    return reading


def _without_thinking(text: str) -> tuple[str, str]:
    """The text after a thinking section at its beginning, and that section; its end alone counts as well where no call stands before it."""
    thought, closed, rest = text.partition("</think>")
    called = text.startswith(("{", "[{")) or _TAG.search(thought) or _CALL.search(thought)
    if not closed or (called and not text.startswith("<think>")):
        return text, ""
    return rest.strip(), thought.removeprefix("<think>").strip()


def _tagged(text: str, tag: re.Match[str], thought: str) -> Reading:
    name = next((found for found in tag.groups() if found), None)
    if name is None and tag.group() == "<function=":
        return Unreadable("a call of this form is <function=name>{...}</function>")
    if name is None and "/" in tag.group():
        return Unreadable("a call stands between <tool_call> and </tool_call>")
    rest = text[tag.end() :].lstrip()
    decoded = _decoded(rest, _DECODER.raw_decode)  # a program in the arguments may hold the closing tag
    if isinstance(decoded, Unreadable):
        return decoded
    end = decoded[1]
    if not _CLOSED.fullmatch("".join(rest[end:].split())):
        return Unreadable(_ONE_CALL)
    body = rest[:end] if name is None else f'{{"name": {json.dumps(name)}, "arguments": {rest[:end]}}}'
    return _after(_LIST.sub("", text[: tag.start()]), body, thought)


def _told(text: str, thought: str) -> Reading:
    """A text that may end in a call, fenced or on lines of its own; a message where it holds none."""
    fenced = next((found for found in _FENCED.finditer(text) if _CALL.match(found[1].strip())), None)
    start = _CALL.search(text)
    if fenced:
        return _after(text[: fenced.start()], fenced[1].strip(), thought) if not text[fenced.end() :].strip() else Unreadable(_ONE_CALL)
    if start is None:
        return Unreadable('a call is JSON on lines of its own: {"name": ..., "arguments": {...}}') if _AMID_WORDS.search(text) else Message(text)
    return _after(text[: start.start()], text[start.start() :].strip(), thought)


def _after(before: str, call: str, thought: str) -> Reading:
    """A call that stands after some words."""
    if "<think>" in before.rpartition("</think>")[2]:
        return Unreadable("the thought before the call does not end: write </think>")
    return _native(call, "\n".join(part for part in (thought, before.strip()) if part))


def _native(text: str, thought: str) -> Reading:
    data = _decoded(text, _loaded)
    return data if isinstance(data, Unreadable) else _call(data, thought)


def _decoded(text: str, decode: Callable[[str], Any]) -> Any:
    """What JSON says, or why it is `Unreadable`."""
    try:
        return decode(text)
    except RecursionError:
        return Unreadable("the JSON is nested too deeply")
    except ValueError as error:
        extra = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
        return Unreadable(_ONE_CALL if extra else f"not valid JSON: {error}")


def _call(data: Any, thought: str) -> Reading:
    if isinstance(data, dict) and ("tool_calls" in data or {"role", "content"} <= data.keys()):
        message = cast("dict[str, Any]", data)
        content = message.get("content")
        data = cast("Any", message.get("tool_calls") or message.get("function_call") or [])
        if not data and isinstance(content, str):
            return read_call(content)  # of a server that reads no calls
        thought = content if isinstance(content, str) and not thought else thought
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
    name = call.get("name")
    arguments: Any = call.get(next((key for key in ("arguments", "parameters", "input") if key in call), ""), {})
    arguments = {} if arguments is None else arguments
    if not isinstance(name, str):
        return Unreadable('a call has a "name" and "arguments"')
    if isinstance(arguments, str):  # OpenAI's interface gives the arguments as a text
        arguments = _decoded(arguments or "{}", _loaded)
        if isinstance(arguments, Unreadable):
            return Unreadable(f"the arguments cannot be read: {arguments.reason}")
    if not isinstance(arguments, dict):
        return Unreadable('"arguments" is an object')
    return ToolCall(name, cast("dict[str, Json]", arguments), thought)


def _loaded(text: str) -> Any:
    """The JSON value of a text.

    Raises:
        ValueError: it is none, or one that cannot be stored: a name twice, a number beyond 64 bits, a lone surrogate.
        RecursionError: it is nested too deeply.
    """
    # Line feeds and tabs within a text are no JSON, and what models write when they write a program.
    data = json.loads(text, strict=False, object_pairs_hook=_distinct, parse_constant=_refuse, parse_float=_finite, parse_int=_small)
    if deeper(data, MOST_DEPTH):
        raise RecursionError
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
