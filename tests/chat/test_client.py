"""The client against a real endpoint on the loopback interface: answers, questions, and where it may be used."""

import asyncio
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chat_asking import client_of, question, questions, shout, texts

from prm_gym.chat import ChatClient, ChatRequest, ChatSettings, Message
from prm_gym.errors import ContractError, OptionError
from prm_gym.secret import Secret
from prm_gym.testing.chat_server import ChatServer, completion

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


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


def test_half_characters_can_be_sent(quiet):
    with client_of(quiet) as client:
        assert texts(client.ask([question("x\ud800y")])) == ["X?Y"]


def test_threads_a_running_loop_and_a_pickle(quiet):
    client = client_of(quiet)
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
    client.close()
    client.close()
    assert texts(client.ask([question("again")])) == ["AGAIN"]
    client.close()


# From Python 3.12 on a fork beside threads warns; that it is survived is what is tested.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_it_works_on_after_a_fork(quiet, tmp_path):
    client = client_of(quiet, cache=str(tmp_path / "answers"))
    assert texts(client.ask([question("in a loop")])) == ["IN A LOOP"]

    def work():
        os._exit(0 if texts(client.ask([question("forked"), question("in a loop")])) == ["FORKED", "IN A LOOP"] else 1)

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert texts(client.ask([question("forked")])) == ["FORKED"]
    assert client.counters.from_cache == 1
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
