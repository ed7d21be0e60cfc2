"""What is sent to a chat model and what comes back."""

from typing import Any, Literal, TypeAlias

import msgspec

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


class Message(msgspec.Struct, frozen=True):
    """One message.

    Attributes:
        role: who speaks.
        text: what is said.
        images: PNG or JPEG files as bytes, shown after the text.
    """

    role: Role
    text: str
    images: tuple[bytes, ...] = ()


class NativeCall(msgspec.Struct, frozen=True):
    """A call of a tool as the interface carries it.

    Attributes:
        id: by which its result refers to it.
        name: of the tool.
        arguments: a JSON object as a text; of an answer it may be anything.
    """

    id: str
    name: str
    arguments: str


class CallMessage(Message, frozen=True):
    """What the model said when it called tools: its role is "assistant"."""

    calls: tuple[NativeCall, ...] = ()


class ResultMessage(Message, frozen=True):
    """What a tool gave back: its role is "tool".

    Attributes:
        call_id: of the call.
    """

    call_id: str = ""


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One question to the model. Equal requests have equal answers in a cache; `sample` tells apart those that are to be drawn anew.

    Attributes:
        messages: the conversation so far.
        temperature: 0 for the most probable answer.
        max_tokens: of the answer.
        logprobs: how many alternatives to list at each token of the answer; 0 for none.
        stop: texts that end the answer.
        json: the answer is one JSON object (the server is asked for it; it may still not be).
        sample: which of several answers to the same question.
        tools: that the model may call, in OpenAI's format (`prm_gym.tools.Tool.openai`).
    """

    messages: tuple[Message, ...]
    temperature: float = 0.0
    max_tokens: int = 2048
    logprobs: int = 0
    stop: tuple[str, ...] = ()
    json: bool = False
    sample: int = 0
    tools: tuple[dict[str, Any], ...] = ()


class TokenLogprob(msgspec.Struct, frozen=True):
    """A token of an answer, its log-probability, and the alternatives at its place."""

    token: str
    logprob: float
    alternatives: dict[str, float] = {}


class Usage(msgspec.Struct, frozen=True):
    """Tokens read and written."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class ChatReply(msgspec.Struct, frozen=True, kw_only=True):
    """What the model answered.

    Attributes:
        text: the answer; of a thinking model without its thoughts, where the server tells them apart.
        finished: False when it was cut at the limit of tokens.
        thoughts: what it thought, where the server says.
        logprobs: of each token, where they were asked for and given.
        usage: tokens read and written; 0 from the cache.
        cached: it came from the disk.
        without: fields of the request that the model does not take and was asked without (`temperature`, `response_format`, `stop`, `tools`), or did not
            honour (`top_logprobs`).
        calls: of tools, in order.
    """

    text: str
    finished: bool = True
    thoughts: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    usage: Usage = Usage()
    cached: bool = False
    without: tuple[str, ...] = ()
    calls: tuple[NativeCall, ...] = ()


FailureKind: TypeAlias = Literal["refused", "too_long", "exhausted", "deadline", "budget"]


class ChatFailure(msgspec.Struct, frozen=True, kw_only=True):
    """No answer, and why.

    Attributes:
        reason: one sentence for a person.
        kind: `refused` (the request is at fault: it would be refused again), `too_long` (likewise, since it does not fit into the model's context),
            `exhausted` (every attempt failed), `deadline` (no time left), `budget` (no money or tokens left).
        attempts: how often it was sent.
    """

    reason: str
    kind: FailureKind
    attempts: int = 0


ChatResult: TypeAlias = ChatReply | ChatFailure
