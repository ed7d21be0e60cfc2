"""What an endpoint does wrong is got over, or given up with a reason, and never an answer."""

import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chat_asking import client_of, question, questions, shout, texts

from prm_gym.chat import ChatClient, ChatFailure, ChatSettings
from prm_gym.testing.chat_server import FAULTS, ChatServer, completion


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_got_over(fault):
    # Each question meets the fault when it first comes, and an answer the second time.
    with (
        ChatServer(shout, faults=lambda body, nth: fault if nth == 0 else "", retry_after=0.02) as server,
        client_of(server, request_seconds=0.3 if fault == "hang" else 30.0) as client,
    ):
        assert texts(client.ask(questions(4))) == [f"QUESTION {at}" for at in range(4)]
        assert server.counts() == {fault: 4, "answered": 4}
        assert client.counters.retries == 4
        assert sum(client.counters.faults.values()) == 4


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_gives_a_reason_and_no_answer(fault):
    seconds = 0.1 if fault == "hang" else 30.0
    with ChatServer(shout, faults={fault: 1.0}, retry_after=0.01) as server, client_of(server, attempts=2, request_seconds=seconds, patience=0.5) as client:
        (found,) = client.ask(questions(1))
        assert isinstance(found, ChatFailure)
        assert found.kind == "exhausted"
        assert "boxed" not in found.reason
        if fault in ("429", "429_bare"):  # too many requests: as long as its patience lasts
            assert "the endpoint has answered nothing for 0.5 s; the last attempt: HTTP status 429" in found.reason
        else:
            assert found.attempts == 2
            assert "2 attempts failed; the last one: " in found.reason


def test_where_there_is_no_server():
    client = ChatClient(ChatSettings(model="m", base_url="http://127.0.0.1:9/v1", attempts=2, first_wait=0.01))
    (found,) = client.ask(questions(1))
    assert found.kind == "exhausted"
    assert "cannot be reached" in found.reason
    client.close()


def test_a_dead_endpoint_is_given_up_soon():
    client = ChatClient(
        ChatSettings(model="m", base_url="http://127.0.0.1:9/v1", concurrency=2, attempts=100, first_wait=0.05, longest_wait=0.05, patience=0.3)
    )
    began = time.monotonic()
    found = client.ask(questions(100))
    assert time.monotonic() - began < 10
    assert {result.kind for result in found} == {"exhausted"}
    # Those that were under way then; whoever comes later is not made to wait again.
    given_up = [result for result in found if "answered nothing for 0.3 s" in result.reason]
    assert given_up
    assert all("the endpoint was never reached: " in result.reason for result in found if result not in given_up)
    client.close()


def test_an_endpoint_that_was_never_reached_gets_all_attempts_once():
    server = ChatServer(shout).start()
    server.stop()  # nothing listens at its address now
    with client_of(server, attempts=3) as client:
        (found,) = client.ask(questions(1))
        assert (found.attempts, "3 attempts failed" in found.reason) == (3, True)
        again = client.ask(questions(5))
        assert {result.attempts for result in again} == {1}
        assert all("the endpoint was never reached: " in result.reason for result in again)
        # When somebody answers all attempts count again.
        server.start()
        assert texts(client.ask([question("a")])) == ["A"]
        server.stop()
        (lost,) = client.ask([question("b")])
        assert lost.attempts == 3


def test_a_server_that_comes_back_loses_nothing():
    server = ChatServer(shout).start()
    client = client_of(server, attempts=50)
    assert texts(client.ask([question("a")])) == ["A"]
    server.stop()
    threading.Timer(0.4, server.start).start()
    assert texts(client.ask(questions(20))) == [f"QUESTION {at}" for at in range(20)]
    client.close()
    server.stop()


def test_everybody_waits_as_long_as_the_endpoint_asks():
    # The first request is told to wait 0.4 s; until then no other is sent, since one at a time is.
    with ChatServer(shout, faults=lambda body, nth: "429" if nth == 0 and body["messages"][0]["content"] == "question 0" else "", retry_after=0.4) as server:
        with client_of(server, concurrency=1) as client:
            assert len(client.ask(questions(5))) == 5
        first = next(at for at, one in enumerate(server.received) if one.fault)
        assert server.received[first + 1].at - server.received[first].at >= 0.4


def test_too_many_requests_cost_no_question():
    count = iter(range(100_000))
    # Nine of ten requests are too many; every question may be sent three times.
    with ChatServer(shout, faults=lambda body, nth: "" if next(count) % 10 == 9 else "429_bare") as server, client_of(server, attempts=3) as client:
        assert texts(client.ask(questions(30))) == [f"QUESTION {at}" for at in range(30)]
        assert client.counters.faults == {"429": len(server.received) - 30}


def test_a_wait_beyond_the_deadline_is_not_waited_for():
    with ChatServer(shout, faults={"429": 1.0}, retry_after=50) as server, client_of(server) as client:
        began = time.monotonic()
        found = client.ask(questions(40), deadline=20)
        assert time.monotonic() - began < 10
        assert {result.kind for result in found} == {"deadline"}


def test_an_endless_answer_is_none(monkeypatch):
    monkeypatch.setattr("prm_gym.chat.bounded.MOST_BYTES", 10_000)
    with ChatServer(lambda body: "x" * (20_000 if "long" in body["messages"][0]["content"] else 2)) as server, client_of(server, attempts=2) as client:
        long, short = client.ask([question("long"), question("short")])
        assert (long.kind, short.text) == ("exhausted", "xx")
        assert "an answer of" in long.reason


@pytest.mark.parametrize("why", ["abort", "error", "insufficient_system_resource"])
def test_an_answer_that_the_server_broke_off_is_asked_for_again(why):
    reasons = iter([why, "stop"])
    with ChatServer(lambda body: completion("\\boxed{0}? Let me", body, finish_reason=next(reasons))) as server, client_of(server) as client:
        assert texts(client.ask([question("a")])) == ["\\boxed{0}? Let me"]
        assert client.counters.faults == {f"an answer that was broken off ({why})": 1}
