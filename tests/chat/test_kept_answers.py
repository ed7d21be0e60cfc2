"""Answers are kept on the disk: a rerun asks only for what is missing, however the last one ended."""

import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import chat_asking
from chat_asking import client_of, question, questions, shout, texts

from prm_gym.chat import ChatClient, ChatReply, ChatSettings
from prm_gym.errors import StoreError
from prm_gym.secret import Secret
from prm_gym.testing.chat_server import ChatServer


def test_what_comes_in_time_is_kept_and_what_hangs_is_cancelled(tmp_path):
    late = {f"question {at}" for at in range(0, 10, 3)}
    with ChatServer(shout, faults=lambda body, nth: "hang" if body["messages"][0]["content"] in late else "") as server:
        with client_of(server, cache=str(tmp_path / "answers")) as client:
            began = time.monotonic()
            found = client.ask(questions(10), deadline=1.0)
            assert 1.0 <= time.monotonic() - began < 3.0
            assert texts(found) == ["deadline" if at % 3 == 0 else f"QUESTION {at}" for at in range(10)]
            assert "no answer within 1 s" in found[0].reason
        server._chosen = None  # it hangs no more
        before = len(server.received)
        with client_of(server, cache=str(tmp_path / "answers")) as client:
            found = client.ask(questions(10))
            assert texts(found) == [f"QUESTION {at}" for at in range(10)]
            assert [result.cached for result in found] == [at % 3 != 0 for at in range(10)]
            assert client.counters.from_cache == 6
        assert len(server.received) - before == 4  # a rerun asks for what is missing, and for nothing else


def test_the_key_of_the_cache_is_everything_that_changes_the_answer(quiet, tmp_path):
    path = str(tmp_path / "deep" / "answers.sqlite")
    with client_of(quiet, cache=path) as client:
        client.ask([question("a")])
        assert client.ask([question("a", temperature=0)])[0].cached
        for other in (question("b"), question("a", max_tokens=7), question("a", stop=("x",)), question("a", json=True), question("a", sample=1)):
            assert not client.ask([other])[0].cached
    for change in ({"model": "n"}, {"extra": {"top_k": 1}}, {"base_url": quiet.url.replace("127.0.0.1", "localhost")}):
        with client_of(quiet, **{"cache": path} | change) as client:
            assert not client.ask([question("a")])[0].cached
    with client_of(quiet, cache=path, key=Secret("k"), concurrency=2) as client:  # who asks does not matter
        assert client.ask([question("a")])[0].cached
    assert b"Bearer" not in (tmp_path / "deep" / "answers.sqlite").read_bytes()


def test_failures_are_not_kept(tmp_path):
    with ChatServer(shout, faults=lambda body, nth: "500" if nth == 0 else "") as server:
        for expected in ("exhausted", "A"):
            with client_of(server, cache=str(tmp_path / "answers"), attempts=1) as client:
                assert texts(client.ask([question("a")])) == [expected]


def test_processes_share_a_cache(tmp_path):
    path = str(tmp_path / "answers")
    with ChatServer(shout, delay=0.01) as server:
        other = multiprocessing.get_context("spawn").Process(target=chat_asking.ask_in_a_process, args=(server.url, path, 20, 200))
        other.start()
        with client_of(server, cache=path, concurrency=2) as client:
            while not server.received:
                time.sleep(0.01)
            assert len(client.ask(questions(40))) == 40  # while the other writes, too
            other.join(60)
            assert other.exitcode == 0
            before = client.counters.from_cache
            assert len(client.ask(questions(220))) == 220
            assert client.counters.from_cache == before + 220


def test_a_killed_run_has_kept_what_was_answered(tmp_path):
    path = str(tmp_path / "answers")
    with ChatServer(shout, delay=0.05) as server:
        victim = multiprocessing.get_context("spawn").Process(target=chat_asking.ask_in_a_process, args=(server.url, path, 0, 400))
        victim.start()
        while len(server.received) < 60:
            time.sleep(0.01)
        os.kill(victim.pid, signal.SIGKILL)
        victim.join(10)
        before = len(server.received)
        with client_of(server, cache=path, concurrency=64) as client:
            assert all(isinstance(result, ChatReply) for result in client.ask(questions(400)))
            # What it had been answered: all but what was on its way (4 at once), and perhaps as many again on their way to the disk.
            assert client.counters.from_cache >= before - 8
            assert len(server.received) - before == 400 - client.counters.from_cache


@pytest.fixture
def interruptible():
    """The tests may run as a background job, which a shell makes deaf to an interruption."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_has_kept_what_was_answered(tmp_path):
    path = str(tmp_path / "answers")
    main = threading.main_thread().ident
    with ChatServer(shout, faults=lambda body, nth: "hang" if body["messages"][0]["content"] == "question 3" else "") as server:
        client = client_of(server, cache=path)
        client.ask([question("the first one, for which the packages are loaded")])

        def interrupt():
            while len(server.received) < 11:
                time.sleep(0.01)
            time.sleep(1)  # nine are answered, and kept
            signal.pthread_kill(main, signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            client.ask(questions(10))
        server._chosen = None
        assert all(isinstance(result, ChatReply) for result in client.ask(questions(10)))
        assert client.counters.from_cache == 9
        client.close()


def test_a_file_that_is_no_cache_is_refused(tmp_path):
    (tmp_path / "text").write_text("not a database, but long enough to be looked at as one\n" * 50)
    with pytest.raises(StoreError, match="cannot be opened"):
        ChatClient(ChatSettings(model="m", base_url="http://x/v1", cache=str(tmp_path / "text")))
    with sqlite3.connect(tmp_path / "newer") as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(StoreError, match="layout 99"):
        ChatClient(ChatSettings(model="m", base_url="http://x/v1", cache=str(tmp_path / "newer")))


def test_a_row_that_cannot_be_read_is_asked_for_again(quiet, tmp_path):
    path = tmp_path / "answers"
    with client_of(quiet, cache=str(path)) as client:
        client.ask([question("a")])
    file = sqlite3.connect(path)
    file.execute("UPDATE answers SET reply = x'7b'")
    file.commit()
    file.close()
    with client_of(quiet, cache=str(path)) as client:
        assert not client.ask([question("a")])[0].cached
        assert client.ask([question("a")])[0].cached
