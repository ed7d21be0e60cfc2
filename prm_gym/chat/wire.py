"""Requests as the endpoint takes them, and its answers as they are read: strictly, since anything may come."""

import base64
import re
from collections.abc import Set
from typing import Annotated, Any, TypeAlias, cast

import msgspec

from prm_gym.chat.exchange import CallMessage, ChatReply, ChatRequest, Message, NativeCall, ResultMessage, TokenLogprob, Usage

# What a model may not take, by the name of the request's field.
OPTIONAL = ("temperature", "top_logprobs", "logprobs", "max_tokens", "max_completion_tokens", "response_format", "stop", "seed", "system", "tools")

_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"))
_REJECTED = re.compile(
    r"unsupported|not support|does ?n.t support|unrecognized|unknown|not allowed|not permitted|extra inputs|unexpected|deprecated|not available|use '?max_",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"context[ _]length|context window|too (?:large|long|many tokens)|maximum (?:context|length)|exceeds? the", re.IGNORECASE)

_BROKEN_OFF = ("abort", "aborted", "cancelled", "error", "insufficient_system_resource")  # by the server, as some say it: the rest may come another time

Body: TypeAlias = dict[str, Any]

_MOST_TOKENS = 10**9  # of one request; whoever says more does not say


class _UnansweredError(Exception):
    """What came is no answer, and what it took all the same; None where it does not say."""

    def __init__(self, reason: str, usage: Usage | None = None) -> None:
        super().__init__(reason)
        self.usage = usage


class OddAnswerError(_UnansweredError):
    """What came is no answer; asking again may help."""


class DeclinedError(_UnansweredError):
    """The endpoint or the model declines to answer; asking again will not help."""


def image_kind(image: bytes) -> str:
    """The format of an image file, as its type names it; empty where it is none that endpoints take."""
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "webp"
    return next((kind for signature, kind in _SIGNATURES if image.startswith(signature)), "")


def body_of(request: ChatRequest, model: str, without: Set[str] = frozenset()) -> Body:
    """The body of a request.

    Args:
        request: the question.
        model: as the endpoint names it.
        without: of `OPTIONAL`, what the model is known not to take. `max_tokens` becomes `max_completion_tokens`, and a system message the beginning of the
            user's; without tools, calls and their results become plain text.
    """
    messages = tuple(map(_in_words, request.messages)) if "tools" in without else request.messages
    messages = _merged(messages) if "system" in without else messages
    body: Body = {"model": model, "messages": [_message(message) for message in messages]}
    limit = "max_completion_tokens" if "max_tokens" in without else "max_tokens"
    optional: Body = {limit: request.max_tokens, "temperature": request.temperature}
    if request.temperature > 0:
        optional["seed"] = request.sample
    if request.logprobs and "top_logprobs" not in without:
        optional |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.stop:
        optional["stop"] = list(request.stop)
    if request.json:
        optional["response_format"] = {"type": "json_object"}
    if request.tools:
        optional["tools"] = list(request.tools)
    return body | {name: value for name, value in optional.items() if name not in without}


def _merged(messages: tuple[Message, ...]) -> list[Message]:
    """The messages, those of the system put before the user's next one."""
    merged: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role == "system":
            waiting.append(message.text)
        elif message.role == "user" and waiting:
            merged.append(msgspec.structs.replace(message, text="\n\n".join([*waiting, message.text])))
            waiting = []
        else:
            merged.append(message)
    return [*merged, *([Message("user", "\n\n".join(waiting))] if waiting else [])]


def _in_words(message: Message) -> Message:
    """A message for a model that takes no tools."""
    if isinstance(message, CallMessage):
        calls = (f'{{"name": {msgspec.json.encode(call.name).decode()}, "arguments": {call.arguments or "{}"}}}' for call in message.calls)
        return Message("assistant", "\n".join(part for part in (message.text, *calls) if part))
    return Message("user", message.text) if isinstance(message, ResultMessage) else message


def _message(message: Message) -> Body:
    if isinstance(message, CallMessage):
        calls = [{"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in message.calls]
        return {"role": "assistant", "content": message.text or None, "tool_calls": calls}
    if isinstance(message, ResultMessage):
        return {"role": "tool", "content": message.text, "tool_call_id": message.call_id}
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[Body] = [{"type": "text", "text": message.text}]
    for image in message.images:
        data = base64.b64encode(image).decode()
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/{image_kind(image)};base64,{data}"}})
    return {"role": message.role, "content": parts}


def sendable(request: ChatRequest) -> ChatRequest:
    """The request with what cannot be sent (half characters) replaced by question marks."""
    texts = [*request.stop, *(message.text for message in request.messages)]
    if all(_whole(text) == text for text in texts):
        return request
    messages = tuple(msgspec.structs.replace(message, text=_whole(message.text)) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages, stop=tuple(_whole(text) for text in request.stop))


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def is_too_long(message: str) -> bool:
    """Whether the message of an error says that a request is longer than the model's context."""
    return bool(_TOO_LONG.search(message))


def refused_option(message: str, param: str, body: Body) -> str:
    """Which option of a request its refusal is about: of `OPTIONAL`; empty where it is about something else.

    Args:
        message: of the error.
        param: what the error names, or empty.
        body: of the request.
    """
    if is_too_long(message) or not (_REJECTED.search(message) or param in OPTIONAL):
        return ""
    present = [name for name in OPTIONAL if name in body]
    if any(part["role"] == "system" for part in body["messages"]):
        present.append("system")
    named = [name for name in present if re.search(rf"(?<![A-Za-z_]){name}(?![A-Za-z_])", f"{message} {param}")]
    if param in named:
        named = [param]
    if not named:
        return ""
    found = min(named, key=f"{param} {message}".find)
    return "top_logprobs" if found == "logprobs" else found


class _Function(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Asked(msgspec.Struct):
    name: str
    arguments: Any = None


class _ToolCall(msgspec.Struct):
    function: _Asked
    id: str | None = None


class _Alternative(msgspec.Struct):
    token: str
    logprob: float


class _Token(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list[_Alternative] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Choice(msgspec.Struct):
    message: _Function
    finish_reason: str | None = None
    logprobs: Any = None


class _Usage(msgspec.Struct):
    prompt_tokens: Annotated[int, msgspec.Meta(le=_MOST_TOKENS)] | None = None
    completion_tokens: Annotated[int, msgspec.Meta(le=_MOST_TOKENS)] | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


def reply_of(content: bytes, request: ChatRequest, without: Set[str] = frozenset()) -> ChatReply:
    """The answer that a body holds.

    Raises:
        OddAnswerError: it is no answer: half of one, something else, or an empty one.
        DeclinedError: it says that there will be none.
    """
    if not content.strip():
        raise OddAnswerError("an empty body")
    try:
        read = msgspec.json.decode(content, type=_Completion)
    except msgspec.ValidationError as error:
        raise OddAnswerError("JSON of another kind") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise OddAnswerError("half a JSON" if content.lstrip()[:1] == b"{" else "no JSON") from error
    taken = _told_usage(read.usage)
    if read.error is not None:
        raise OddAnswerError(f"an error in place of an answer: {str(read.error)[:200]}", taken)
    if not read.choices:
        raise OddAnswerError("JSON without an answer", taken)
    choice = read.choices[0]
    text, thoughts = _text(choice.message.content), _text(choice.message.reasoning_content) or _text(choice.message.reasoning)
    finished = choice.finish_reason not in ("length", "max_tokens")
    if choice.finish_reason in _BROKEN_OFF:
        raise OddAnswerError(f"an answer that was broken off ({choice.finish_reason})", taken)
    calls = _calls(choice.message.tool_calls)
    if choice.finish_reason == "content_filter":
        raise DeclinedError("the answer was filtered", taken)
    if not text.strip() and choice.message.refusal:
        raise DeclinedError(f"the model declines: {str(choice.message.refusal)[:200]}", taken)
    if not text.strip() and not calls and finished:
        raise OddAnswerError("an empty answer", taken)
    logprobs = _logprobs(choice.logprobs) if request.logprobs else ()
    missing = {name for name in without if name not in ("max_tokens", "seed", "system")} | (
        {"top_logprobs"} if request.logprobs and not logprobs else set[str]()
    )
    written = "".join([text, thoughts, *(call.name + call.arguments for call in calls)])
    return ChatReply(
        text=text,
        finished=finished,
        thoughts=thoughts,
        logprobs=logprobs,
        usage=_usage(read.usage, request, written),
        without=tuple(sorted(missing)),
        calls=calls,
    )


def _text(content: Any) -> str:
    """Text as a text, or in parts."""
    if isinstance(content, str):
        return content
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    texts = [cast("dict[str, Any]", part).get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _calls(found: Any) -> tuple[NativeCall, ...]:
    """The calls of an answer.

    Raises:
        OddAnswerError: they are of another kind.
    """
    try:
        read: list[_ToolCall] = msgspec.convert(found or [], list[_ToolCall])
    except msgspec.ValidationError as error:
        raise OddAnswerError("calls of another kind") from error
    return tuple(NativeCall(call.id or "", call.function.name, _arguments(call.function.arguments)) for call in read)


def _arguments(found: Any) -> str:
    """Arguments as a text; some servers send them as an object."""
    return found if isinstance(found, str) else "{}" if found is None else msgspec.json.encode(found).decode()


def _logprobs(found: Any) -> tuple[TokenLogprob, ...]:
    try:
        read = msgspec.convert(found, _Logprobs | None)
    except msgspec.ValidationError:
        return ()
    tokens = read.content if read is not None else None
    return tuple(TokenLogprob(one.token, one.logprob, {other.token: other.logprob for other in one.top_logprobs or ()}) for one in tokens or ())


def _usage(found: Any, request: ChatRequest, answer: str) -> Usage:
    """The tokens that an answer took; about so many where it does not say."""
    return _told_usage(found) or Usage(estimated_tokens(request), len(answer) // 3 + 1)


def _told_usage(found: Any) -> Usage | None:
    """The tokens that something took; None where it does not say."""
    try:
        read = msgspec.convert(found, _Usage)
    except msgspec.ValidationError:
        return None
    if read.prompt_tokens is None and read.completion_tokens is None:
        return None
    return Usage(max(0, read.prompt_tokens or 0), max(0, read.completion_tokens or 0))


def estimated_tokens(request: ChatRequest) -> int:
    """About as many tokens as a request has, rather too many: one every two bytes, 1,500 an image."""
    told = sum(len(message.text.encode("utf-8", "replace")) // 2 + 8 + 1500 * len(message.images) for message in request.messages)
    called = sum(len(call.arguments) // 2 + 16 for message in request.messages if isinstance(message, CallMessage) for call in message.calls)
    return told + called + (len(msgspec.json.encode(request.tools)) // 2 if request.tools else 0)
