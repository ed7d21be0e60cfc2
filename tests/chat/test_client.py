"""The client against a real endpoint on the loopback interface, with everything that can go wrong there."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from prm_gym.chat import ChatClient, ChatFailure, ChatReply, ChatRequest, ChatSettings, Message
from prm_gym.errors import ContractError, OptionError, StoreError
from prm_gym.secret import Secret
from prm_gym.testing.chat_server import FAULTS, ChatServer, Refusal, completion

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def question(text, **options):
    return ChatRequest(messages=(Message("user", text),), **options)


def questions(count, **options):
    return [question(f"question {at}", **options) for at in range(count)]


def shout(body):
    return body["messages"][-1]["content"].upper()


def client_of(server, **options):
    return ChatClient(ChatSettings(**{"model": "m", "base_url": server.url, "first_wait": 0.01, "longest_wait": 0.05} | options))


@pytest.fixture
def quiet():
    with ChatServer(shout) as server:
        yield server


def texts(results):
    return [result.text if isinstance(result, ChatReply) else result.kind for result in results]


def test_answers_come_in_order_and_are_counted(quiet):
    with client_of(quiet) as client:
        found = client.ask(questions(50))
        assert texts(found) == [f"QUESTION {at}" for at in range(50)]
        assert (client.counters.asked, client.counters.answered, client.counters.sent, client.counters.retries) == (50, 50, 50, 0)
        # The server counts a token every four letters, and one more.
        assert client.counters.prompt_tokens == sum(len(f"question {at}") // 4 + 1 for at in range(50))
        assert found[0].usage.completion_tokens == len("QUESTION 0") // 4 + 1
        assert client.ask([]) == []
        assert "50 questions: 50 answered" in str(client.counters)


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
    assert "answered nothing for 0.3 s" in found[-1].reason
    client.close()


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


def test_a_process_that_closes_nothing_ends_at_once_and_in_silence(quiet):
    program = (
        "from prm_gym.chat import *\n"
        f"client = ChatClient(ChatSettings(model='m', base_url={quiet.url!r}))\n"
        "print(client.ask([ChatRequest(messages=(Message('user', 'a'),))])[0].text)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("A\n", "", 0)


def test_equal_questions_are_sent_once_and_samples_are_not_equal(quiet):
    with client_of(quiet) as client:
        found = client.ask([question("a"), question("a"), question("a", temperature=1.0), question("a", temperature=1.0, sample=1)])
        assert texts(found) == ["A"] * 4
        assert (client.counters.sent, client.counters.shared) == (3, 1)
        assert found[1].usage.completion_tokens == 0
    assert sorted(one.body.get("seed", -1) for one in quiet.received) == [-1, 0, 1]


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


def _ask_in_a_process(url, path, first, count):
    client = ChatClient(ChatSettings(model="m", base_url=url, cache=path, concurrency=4))
    found = client.ask([question(f"question {at}") for at in range(first, first + count)])
    os._exit(0 if all(isinstance(result, ChatReply) for result in found) else 1)


def test_processes_share_a_cache(tmp_path):
    path = str(tmp_path / "answers")
    with ChatServer(shout, delay=0.01) as server:
        other = multiprocessing.get_context("fork").Process(target=_ask_in_a_process, args=(server.url, path, 20, 200))
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
        victim = multiprocessing.get_context("fork").Process(target=_ask_in_a_process, args=(server.url, path, 0, 400))
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


def test_images_go_as_data_addresses(quiet):
    with client_of(quiet) as client:
        seen = ChatRequest(messages=(Message("user", "What is this?", (PNG, b"\xff\xd8\xff\xe0")),))
        with ChatServer(lambda body: "a screenshot") as server, client_of(server) as looking:
            assert looking.ask([seen])[0].text == "a screenshot"
            parts = server.received[0].body["messages"][0]["content"]
        assert [part["type"] for part in parts] == ["text", "image_url", "image_url"]
        assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,iVBORw0KGgo")
        assert parts[2]["image_url"]["url"].startswith("data:image/jpeg;base64,")
        (refused,) = client.ask([ChatRequest(messages=(Message("user", "?", (b"<svg/>",)),))])
        assert (refused.kind, refused.attempts) == ("refused", 0)


def test_logprobs_thoughts_and_ends_are_read():
    def full(body):
        token = {"token": "Yes", "logprob": -0.1, "top_logprobs": [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": -2.5}]}
        reply = completion("Yes", body, logprobs={"content": [token]}, finish_reason="length")
        reply["choices"][0]["message"]["reasoning_content"] = "Let me see."
        return reply

    with ChatServer(full) as server, client_of(server) as client:
        (found,) = client.ask([question("a", logprobs=2)])
        assert server.received[0].body["top_logprobs"] == 2
        assert (found.finished, found.thoughts) == (False, "Let me see.")
        assert found.logprobs[0].alternatives == {"Yes": -0.1, "No": -2.5}
    with ChatServer(shout) as server, client_of(server) as client:
        assert client.ask([question("a", logprobs=2)])[0].without == ("top_logprobs",)  # asked for, and not given


def test_an_endless_answer_is_none(monkeypatch):
    monkeypatch.setattr("prm_gym.chat.bounded.MOST_BYTES", 10_000)
    with ChatServer(lambda body: "x" * (20_000 if "long" in body["messages"][0]["content"] else 2)) as server, client_of(server, attempts=2) as client:
        long, short = client.ask([question("long"), question("short")])
        assert (long.kind, short.text) == ("exhausted", "xx")
        assert "an answer of" in long.reason


def test_half_characters_can_be_sent(quiet):
    with client_of(quiet) as client:
        assert texts(client.ask([question("x\ud800y")])) == ["X?Y"]


def test_threads_a_running_loop_a_fork_and_a_pickle(quiet, tmp_path):
    client = client_of(quiet, cache=str(tmp_path / "answers"))
    found = {}
    threads = [threading.Thread(target=lambda at=at: found.update({at: texts(client.ask([question(f"thread {at}")]))})) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {at: [f"THREAD {at}"] for at in range(8)}

    async def notebook():
        return texts(client.ask([question("in a loop")]))

    assert asyncio.run(notebook()) == ["IN A LOOP"]
    copy = pickle.loads(pickle.dumps(client))
    assert copy.settings == client.settings
    assert texts(copy.ask([question("copied")])) == ["COPIED"]
    copy.close()

    def work():
        os._exit(0 if texts(client.ask([question("forked"), question("in a loop")])) == ["FORKED", "IN A LOOP"] else 1)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert texts(client.ask([question("forked")])) == ["FORKED"]
    assert client.counters.from_cache == 1
    client.close()
    client.close()
    assert texts(client.ask([question("again")])) == ["AGAIN"]
    client.close()


def test_it_is_not_asked_from_its_own_loop(quiet):
    from prm_gym import event_loop

    with client_of(quiet) as client:

        async def inside():
            return client.ask([question("a")])

        with pytest.raises(ContractError, match="very loop"):
            event_loop.submit(inside()).result(10)


def test_keys_are_not_shown(monkeypatch):
    settings = ChatSettings(model="m", base_url="http://x/v1", key=Secret("sk-secret"), headers=(("x-org", Secret("org-secret")),))
    assert "secret" not in repr(settings)
    with ChatServer(shout) as server, client_of(server, key=Secret("sk-secret"), headers=(("x-org", Secret("org")),)) as client:
        client.ask([question("a")])
        headers = server.received[0].headers
        assert headers["authorization"] == "Bearer sk-secret"
        assert headers["x-org"] == "org"
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(OptionError, match="OPENAI_API_KEY"):
        ChatClient(ChatSettings(model="gpt"))


@pytest.mark.parametrize(
    "option",
    [
        {"model": " "},
        {"base_url": "localhost:8000"},
        {"base_url": 8000},
        {"cache": 7},
        {"concurrency": 0},
        {"attempts": 1.5},
        {"deadline": float("inf")},
        {"deadline": 0},
        {"requests_per_minute": -1},
        {"most_cost": 3.0},
        {"prompt_price": float("nan")},
        {"most_tokens": True},
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(option):
    with pytest.raises(OptionError):
        ChatSettings(**{"model": "m"} | option)
