"""What an endpoint says back is not shown where it is secret, and what it bills is counted, whether it is an answer or not."""

import gzip
import json
import logging
import os
import pickle
import sqlite3
import sys
import threading
import time
from contextlib import suppress

import msgspec
import pytest

from prm_gym.chat import ChatClient, ChatRequest, ChatSettings, Message
from prm_gym.errors import OptionError
from prm_gym.secret import Secret
from prm_gym.testing import chat_server
from prm_gym.testing.chat_server import ChatServer, Refusal, completion

KEY = "sk-not-to-be-shown-0123456789"


def asked(answer, count=1, **options):
    """What came of some questions, and the client, closed."""
    with ChatServer(answer) as server:
        settings = {"model": "m", "base_url": server.url, "attempts": 2, "first_wait": 0.01, "longest_wait": 0.02} | options
        with ChatClient(ChatSettings(**settings)) as client:
            results = client.ask([ChatRequest(messages=(Message("user", f"question {at}"),)) for at in range(count)], 20)
    return results, client


def billed(text, prompt, completed, **fields):
    def answer(body):
        return completion(text, body, **fields) | {"usage": {"prompt_tokens": prompt, "completion_tokens": completed}}

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        lambda body: Refusal(401, f"{'x' * 290} {KEY} is no key"),  # cut in the middle of it, would half of it be shown
        lambda body: Refusal(500, f"Authorization: Bearer {KEY}"),
        lambda body: Refusal(400, f"unsupported option temperature, key {KEY}", "temperature"),
        lambda body: {"error": {"message": f"{'x' * 170} {KEY}"}},
        lambda body: f"I was called with {KEY}",
        lambda body: completion("", body) | {"choices": [{"message": {"content": "", "refusal": f"not with {KEY}"}}]},
    ],
)
def test_an_endpoint_that_says_the_key_back_does_not_have_it_shown(answer, monkeypatch, caplog, tmp_path):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    results, client = asked(answer, cache=str(tmp_path / "answers.sqlite"))
    kept = sqlite3.connect(tmp_path / "answers.sqlite")
    rows = kept.execute("SELECT * FROM answers").fetchall()
    kept.close()
    for shown in (repr(results), repr(client.notes), repr(client.counters), caplog.text, repr(rows), repr(pickle.dumps(client)), repr(client.settings)):
        assert KEY[:8] not in shown


def test_a_secret_header_is_not_shown():
    results, _ = asked(lambda body: Refusal(403, "no organisation org-4711"), headers=(("x-org", Secret("org-4711")),))
    assert "no organisation ***" in results[0].reason


def test_what_cannot_be_sent_is_refused_and_not_shown(monkeypatch):
    # HTTP libraries say the header in their error, so it must not come as far.
    for key in ("sk-secret\nX-Evil: 1", "sk-secr\u00e9t"):
        with pytest.raises(OptionError) as error:
            ChatClient(ChatSettings(model="m", base_url="http://x/v1", key=Secret(key)))
        assert "sk-" not in str(error.value)
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(OptionError, match="OPENAI_API_KEY") as error:
            ChatClient(ChatSettings(model="m", base_url="http://x/v1"))
        assert "sk-" not in str(error.value)
    with pytest.raises(OptionError, match="x-org") as error:
        ChatSettings(model="m", headers=(("x-org", Secret("secret\n")),))
    assert "secret" not in str(error.value)


def test_a_key_from_a_file_with_a_line_end_is_the_key():
    with ChatServer(lambda body: "yes") as server, ChatClient(ChatSettings(model="m", base_url=server.url, key=Secret(f"{KEY}\r\n"))) as client:
        assert client.ask([ChatRequest(messages=(Message("user", "a"),))])[0].text == "yes"
        assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


def test_an_error_with_half_characters_can_be_stored():
    results, _ = asked(lambda body: Refusal(400, "half \ud800 of it"))
    assert "half ? of it" in results[0].reason
    assert msgspec.json.encode(results[0])


def test_what_is_billed_without_an_answer_is_counted():
    # A thinking model that never comes to its answer: two attempts of 1,000 + 4,000 tokens each.
    results, client = asked(billed("", 1000, 4000), prompt_price=1.0, completion_price=10.0)
    assert results[0].kind == "exhausted"
    assert (client.counters.prompt_tokens, client.counters.completion_tokens) == (2000, 8000)
    assert client.counters.cost == pytest.approx((2 * 1000 * 1 + 2 * 4000 * 10) / 1e6)
    results, client = asked(billed("", 1000, 7, finish_reason="content_filter"))
    assert (results[0].kind, client.counters.prompt_tokens, client.counters.completion_tokens) == ("refused", 1000, 7)


def test_a_budget_holds_where_every_answer_is_empty():
    # Each attempt takes 3,000 and reserves 2,048 and a few: after the first two no third is begun.
    results, client = asked(billed("", 1000, 2000), count=4, attempts=8, most_tokens=6000, concurrency=1)
    assert [result.kind for result in results] == ["budget"] * 4
    assert client.counters.prompt_tokens + client.counters.completion_tokens <= 6000


@pytest.mark.parametrize("told", [{}, {"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": 10**400}, {"completion_tokens": 10**30}, "many"])
def test_a_bill_that_says_nothing_is_estimated(told):
    # "question 0" has 10 letters: 5 tokens and 8 for the message; "yes" has one and one more.
    results, client = asked(lambda body: completion("yes", body) | {"usage": told}, prompt_price=1.0)
    assert results[0].text == "yes"
    assert (client.counters.prompt_tokens, client.counters.completion_tokens) == (13, 2)


def test_a_packed_answer_is_not_unpacked(monkeypatch):
    # Two thousand times as long when it is unpacked: what it holds is not known before.
    send = chat_server._send

    async def packed(writer, status, body, extra=None, length=None):
        long = gzip.compress(json.dumps(completion("A" * 1_000_000, {"messages": [], "model": "m"})).encode())
        return await send(writer, status, long, {"content-encoding": "gzip"})

    monkeypatch.setattr(chat_server, "_send", packed)
    results, _ = asked(lambda body: "yes")
    assert results[0].kind == "exhausted"
    assert "packed (gzip)" in results[0].reason


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_is_not_followed(monkeypatch, status):
    # What is asked, and headers with keys, would go to whoever the endpoint names.
    send = chat_server._send
    with ChatServer(lambda body: "of another") as other:

        async def moved(writer, _, body, extra=None, length=None):
            return await send(writer, status, b"", {"location": f"{other.url}/chat/completions"})

        monkeypatch.setattr(chat_server, "_send", moved)
        results, _ = asked(lambda body: "yes", count=3, headers=(("x-key", Secret("org-4711-0123456789")),), concurrency=1)
        assert {result.kind for result in results} == {"refused"}
        assert f"redirects to {other.url}" in results[0].reason
        assert other.received == []


def test_answers_after_a_close_of_another_thread_are_kept(tmp_path):
    requests = [ChatRequest(messages=(Message("user", f"question {at}"),)) for at in range(200)]
    with ChatServer(lambda body: "yes", delay=0.01) as server:
        settings = ChatSettings(model="m", base_url=server.url, concurrency=8, first_wait=0.01, cache=str(tmp_path / "answers.sqlite"))
        first, found = ChatClient(settings), []
        asking = threading.Thread(target=lambda: found.extend(first.ask(requests, 30)))
        asking.start()
        while len(server.received) < 20:
            time.sleep(0.001)
        first.close()
        asking.join()
        first.close()
        assert [result.text for result in found] == ["yes"] * 200
        with ChatClient(settings) as second:
            second.ask(requests)
            assert (second.counters.from_cache, second.counters.sent) == (200, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are counted in /proc")
def test_threads_that_begin_at_once_open_one_file_and_leave_none_open(tmp_path):
    def count():
        found = 0
        for name in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):  # other threads of the tests close theirs meanwhile
                found += "answers.sqlite" in os.readlink(f"/proc/self/fd/{name}")
        return found

    with ChatServer(lambda body: "yes") as server:
        client = ChatClient(ChatSettings(model="m", base_url=server.url, cache=str(tmp_path / "answers.sqlite")))
        threads = [threading.Thread(target=client.ask, args=([ChatRequest(messages=(Message("user", f"{at}"),))],)) for at in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.counters.answered == 16
        client.close()
        assert count() == 0
