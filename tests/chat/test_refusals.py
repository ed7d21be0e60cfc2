"""What the endpoint refuses for good: options, requests, keys, accounts without money."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chat_asking import client_of, question, questions

from prm_gym.chat import ChatRequest, Message
from prm_gym.testing.chat_server import ChatServer, Refusal


def test_options_that_the_model_refuses_are_left_out_from_then_on():
    refusals = {
        "max_tokens": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "temperature": "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.",
        "logprobs": "logprobs are not supported by this model",
        "seed": "Unknown parameter: 'seed'.",
    }

    def picky(body):
        if body["messages"][0]["role"] == "system":
            return Refusal(400, "this model does not support the system role")
        return next((Refusal(400, message) for name, message in refusals.items() if name in body), "fine")

    asked = ChatRequest(messages=(Message("system", "Be brief."), Message("user", "2 + 2?")), temperature=0.5, logprobs=3, max_tokens=9)
    with ChatServer(picky) as server, client_of(server) as client:
        (found,) = client.ask([asked])
        assert found.text == "fine"
        assert found.without == ("temperature", "top_logprobs")
        assert len(client.notes) == 5
        assert any("'max_tokens'" in note for note in client.notes)
        last = server.received[-1].body
        assert set(last) == {"model", "messages", "max_completion_tokens"}
        assert last["max_completion_tokens"] == 9
        assert last["messages"] == [{"role": "user", "content": "Be brief.\n\n2 + 2?"}]
        before = len(server.received)
        client.ask([question("another", temperature=0.5)])
        assert len(server.received) == before + 1  # it has learned


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(400, "This model's maximum context length is 10 tokens, your max_tokens is too large"), "too_long"),
        (Refusal(413, "too large"), "too_long"),
        (Refusal(403, "not for you"), "refused"),
        (Refusal(422, "the messages are of the wrong form"), "refused"),
        (Refusal(400, "temperature is not supported, and neither is its absence"), "refused"),
    ],
)
def test_a_refused_request_is_sent_once_more_at_most(refusal, kind):
    with ChatServer(lambda body: refusal) as server, client_of(server) as client:
        (found,) = client.ask([question("a")])
        assert found.kind == kind
        assert str(refusal.status) in found.reason
        assert len(server.received) <= 2


def test_a_key_that_is_not_accepted_is_not_tried_a_thousand_times():
    with ChatServer(lambda body: Refusal(401, "no such key")) as server, client_of(server, concurrency=4) as client:
        found = client.ask(questions(200))
        assert {result.kind for result in found} == {"refused"}
        assert "does not accept the key" in found[-1].reason
        assert len(server.received) <= 4


def test_an_account_without_money_is_no_rate_limit():
    with ChatServer(lambda body: Refusal(429, "You exceeded your current quota", code="insufficient_quota")) as server, client_of(server) as client:
        assert client.ask([question("a")])[0].kind == "budget"
        assert len(server.received) == 1
