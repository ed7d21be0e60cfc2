"""No more is sent at once, in a minute or in all than may be."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chat_asking import client_of, question, questions, shout, texts

from prm_gym.chat import ChatClient, ChatFailure, ChatReply, ChatSettings
from prm_gym.testing.chat_server import ChatServer


def test_no_more_are_on_their_way_than_may_be():
    with ChatServer(shout, delay=0.02) as server:
        with client_of(server, concurrency=3) as client:
            client.ask(questions(30))
        assert server.at_once == 3


@pytest.mark.parametrize(
    ("limit", "count"),
    # A question of 10 letters may take 13 tokens read (as estimated) and 87 written: 100. It turns out to take 3 + 3. So after n answers another one is let
    # through as long as 6 n + 100 <= 208: after 18, but not after 19.
    [({"requests_per_minute": 5}, 5), ({"tokens_per_minute": 208}, 19)],
)
def test_a_minute_holds_so_many(quiet, limit, count):
    with client_of(quiet, concurrency=1, **limit) as client:
        found = client.ask([question(f"question {at % 10}", sample=at, max_tokens=87) for at in range(30)], deadline=1.5)
        assert len(quiet.received) == count
        assert texts(found).count("deadline") == 30 - count


def test_no_more_tokens_are_spent_than_may_be():
    # A question of 20 letters is read for 6 tokens, its answer written for 6: 12 each. Its worst case is 10 + 8 read (as estimated) and 20 written: 38.
    many = [question(f"{'x' * 16}{at:04}", max_tokens=20) for at in range(100)]
    with ChatServer(shout) as server, client_of(server, most_tokens=200, concurrency=8) as client:
        found = client.ask(many)
        spent = client.counters.prompt_tokens + client.counters.completion_tokens
        assert spent <= 200
        # Another may be sent as long as spent + 38 <= 200, that is up to 162 spent: 14 questions.
        assert sum(isinstance(result, ChatReply) for result in found) == len(server.received) == 14
        assert {result.kind for result in found if isinstance(result, ChatFailure)} == {"budget"}


def test_no_more_money_is_spent_than_may_be():
    with ChatServer(shout) as server, client_of(server, most_cost=1.0, prompt_price=10_000.0, completion_price=50_000.0) as client:
        found = client.ask([question(f"{'x' * 16}{at:04}", max_tokens=4) for at in range(20)])
        # 6 tokens read and 6 written cost 0.06 + 0.3.
        done = sum(isinstance(result, ChatReply) for result in found)
        assert client.counters.cost == pytest.approx(0.36 * done)
        assert client.counters.cost <= 1.0
        assert "0.72 of 1 is spent" in found[-1].reason


@pytest.mark.parametrize("fault", ["hang", "half_json", "half_body", "closed", "html", "empty_body"])
def test_what_may_have_been_spent_without_an_answer_counts(fault):
    # A question of 20 letters is read for at most 10 + 8 tokens, its answer written for 20. Nothing comes back of any: after five, 190 may be spent, and a
    # sixth would make it 228.
    options = {"most_tokens": 200, "concurrency": 2, "attempts": 50, "request_seconds": 0.5 if fault == "hang" else 30.0}
    with ChatServer(shout, faults={fault: 1.0}) as server, client_of(server, **options) as client:
        found = client.ask([question(f"{'x' * 16}{at:04}", max_tokens=20) for at in range(10)])
        assert len(server.received) == 5 or (fault == "hang" and len(server.received) < 5)  # one may be given up before the server has read it
        assert {result.kind for result in found} == {"budget"}
        assert "190 of 200 tokens are spent (or may be, by requests of which nothing came back)" in found[-1].reason
        assert (client.counters.prompt_tokens, client.counters.completion_tokens, client.counters.untold_tokens) == (0, 0, 190)
        assert "perhaps 190 more" in str(client.counters)


def test_what_was_under_way_at_the_deadline_may_have_been_spent():
    with ChatServer(shout, faults={"hang": 1.0}) as server, client_of(server, most_cost=1.0, prompt_price=0.0, completion_price=25_000.0) as client:
        # An answer of 10 tokens costs 0.25: four are on their way at most, and then it is over.
        many = [question(f"{at}", max_tokens=10) for at in range(10)]
        assert {result.kind for result in client.ask(many, deadline=3.0)} == {"deadline"}
        assert len(server.received) == 4
        assert client.counters.untold_cost == pytest.approx(1.0)
        assert {result.kind for result in client.ask(many, deadline=3.0)} == {"budget"}
        assert len(server.received) == 4


@pytest.mark.parametrize("fault", ["429_bare", "500", "503"])
def test_what_is_refused_costs_nothing(fault):
    with ChatServer(shout, faults=lambda body, nth: fault if nth < 3 else "") as server, client_of(server, most_tokens=100, concurrency=1) as client:
        assert texts(client.ask([question("x" * 20, max_tokens=20)])) == ["X" * 20]
        assert client.counters.untold_tokens == 0


def test_what_was_never_sent_costs_nothing():
    settings = {"model": "m", "base_url": "http://127.0.0.1:9/v1", "attempts": 3, "first_wait": 0.01, "most_tokens": 100}
    with ChatClient(ChatSettings(**settings)) as client:
        assert client.ask([question("x" * 20, max_tokens=20)])[0].kind == "exhausted"
        assert client.counters.untold_tokens == 0
