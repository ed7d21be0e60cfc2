"""Tools in the interface: what is sent, what is read, and models that take none."""

import json

import pytest

from prm_gym.chat import CallMessage, ChatClient, ChatFailure, ChatRequest, ChatSettings, Message, NativeCall, ResultMessage
from prm_gym.testing.chat_server import ChatServer, Refusal, completion
from prm_gym.tools import Tool, ToolCall, read_call

ADD = Tool("add", "Adds.", {"a": {"type": "number"}, "b": {"type": "number"}}).openai()
CALL = NativeCall("call00001", "add", '{"a": 1, "b": 2}')
TALK = (Message("user", "1 + 2?"), CallMessage("assistant", "I add.", calls=(CALL,)), ResultMessage("tool", "3", call_id="call00001"))


def client_of(server, **options):
    return ChatClient(ChatSettings(**{"model": "m", "base_url": server.url, "first_wait": 0.01, "attempts": 2} | options))


def calling(*calls, content=None, **fields):
    def answer(body):
        message = {"role": "assistant", "content": content, "tool_calls": [{"id": "x", "type": "function", "function": call} for call in calls]}
        return completion("", body, message=message, finish_reason="tool_calls", **fields)

    return answer


def test_calls_go_out_and_come_in():
    with ChatServer(calling({"name": "add", "arguments": '{"a": 3, "b": 4}'})) as server, client_of(server) as client:
        (reply,) = client.ask([ChatRequest(messages=TALK, tools=(ADD,))])
        body = server.received[0].body
    assert (reply.text, reply.calls, reply.finished) == ("", (NativeCall("x", "add", '{"a": 3, "b": 4}'),), True)
    assert body["tools"] == [ADD]
    call = {"id": "call00001", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
    assert body["messages"] == [
        {"role": "user", "content": "1 + 2?"},
        {"role": "assistant", "content": "I add.", "tool_calls": [call]},
        {"role": "tool", "content": "3", "tool_call_id": "call00001"},
    ]


@pytest.mark.parametrize(("arguments", "read"), [('{"a": 1', '{"a": 1'), ({"a": 1}, '{"a":1}'), (None, "{}"), ("", ""), ("\ud800", None)])
def test_arguments_are_a_text_whatever_they_hold(arguments, read):
    # What a model writes as arguments is its own affair; a lone surrogate is none that JSON can carry, and the server at fault.
    with ChatServer(calling({"name": "add", "arguments": arguments})) as server, client_of(server) as client:
        (found,) = client.ask([ChatRequest(messages=TALK, tools=(ADD,))])
    assert isinstance(found, ChatFailure) if read is None else found.calls[0].arguments == read


@pytest.mark.parametrize("calls", [{"a": 1}, [{"function": "add"}], [{"function": {"name": 7, "arguments": "{}"}}], "add"])
def test_calls_of_another_kind_are_asked_for_again(calls):
    answers = iter([{"role": "assistant", "content": "", "tool_calls": calls}, {"role": "assistant", "content": "fine"}])
    with ChatServer(lambda body: completion("", body, message=next(answers))) as server, client_of(server) as client:
        assert client.ask([ChatRequest(messages=TALK, tools=(ADD,))])[0].text == "fine"
        assert client.counters.faults == {"calls of another kind": 1}


def test_a_model_without_tools_is_told_in_words_and_stays_so():
    def answer(body):
        if "tools" in body:
            return Refusal(400, "m does not support tools")
        return "; ".join(f"{message['role']}: {message['content']}" for message in body["messages"])

    with ChatServer(answer) as server, client_of(server) as client:
        replies = [client.ask([ChatRequest(messages=TALK, tools=(ADD,), sample=sample, temperature=1.0)])[0] for sample in range(2)]
        assert len(server.received) == 3  # it is refused once
        assert "the option 'tools'" in client.notes[0]
    assert replies[0].without == ("tools",)
    said = replies[1].text.split("; ")
    assert (said[0], said[2]) == ("user: 1 + 2?", "user: 3")
    assert read_call(said[1].removeprefix("assistant: ")) == ToolCall("add", {"a": 1, "b": 2}, "I add.")


def test_what_does_not_fit_into_the_context_is_told_apart():
    refusals = {
        "a": Refusal(400, "This model's maximum context length is 8 tokens"),
        "b": Refusal(400, "the request exceeds the available context size, try increasing it"),
        "c": Refusal(400, "temperature is too hot"),
    }
    with ChatServer(lambda body: refusals[body["messages"][0]["content"]]) as server, client_of(server) as client:
        found = client.ask([ChatRequest(messages=(Message("user", name),), temperature=1.0) for name in "abc"])
    assert [failure.kind for failure in found] == ["too_long", "too_long", "refused"]


def test_calls_come_back_from_the_cache_and_tools_are_part_of_the_key(tmp_path):
    with ChatServer(calling({"name": "add", "arguments": "{}"})) as server:
        for tools in ((ADD,), (ADD,), ()):
            with client_of(server, cache=str(tmp_path / "answers")) as client:
                assert client.ask([ChatRequest(messages=TALK, tools=tools)])[0].calls[0].name == "add"
        assert len(server.received) == 2


def test_an_estimate_counts_tools_and_calls():
    # A budget of 100 tokens cannot take a request whose tools alone are estimated at more.
    with ChatServer(calling({"name": "add", "arguments": "{}"})) as server, client_of(server, most_tokens=100) as client:
        request = ChatRequest(messages=(Message("user", "a"),), max_tokens=10)
        assert len(json.dumps(ADD)) // 2 > 100
        assert client.ask([ChatRequest(messages=request.messages, max_tokens=10, tools=(ADD,))])[0].kind == "budget"
        assert client.ask([request])[0].calls
