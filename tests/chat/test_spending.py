"""No more is sent at once, in a minute or in all than may be."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chat_asking import client_of, question, questions, shout, texts

from prm_gym.chat import ChatFailure, ChatReply
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
