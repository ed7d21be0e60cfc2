"""What a server is sent by clients that mean harm or err."""

import http.client
import json
import os
import socket
import time

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from served_worlds import WORLD
from serving_tools import ask, children, opened, remote

from prm_gym.errors import OptionError, ServingError
from prm_gym.secret import Secret
from prm_gym.serving.offer import Limits, Offer
from prm_gym.serving.server import Server

TOKENS = [Secret("first-token-0123456789"), Secret("second-token-0123456789")]


@pytest.fixture(scope="module")
def session(moody):
    path = opened(moody.url, WORLD, num_envs=2)
    ask(moody.url, "POST", f"{path}/reset", {"seed": 0})
    yield path
    ask(moody.url, "DELETE", path)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_request"),
        (b"{", 400, "bad_request"),
        (b"[]", 400, "bad_request"),
        (b'{"action": 3}', 400, "bad_request"),
        (b'{"action": "count", "index": NaN}', 400, "bad_request"),
        (b'{"action": "count", "index": -1}', 400, "bad_request"),
        (b'{"action": "count", "slots": 0}', 400, "bad_request"),
        (b'{"action": "count", "slot": 7}', 400, "bad_request"),
        (b'{"action": "count", "slot": 1e99}', 400, "bad_request"),
        (b'{"action": "count", "slot": 1}', 409, "reset_needed"),
        (b'{"action": "\xff"}', 400, "bad_request"),
        (b'{"action": "\\ud800"}', 400, "bad_request"),
        (b'{"action": "no base64", "encoding": "base64"}', 400, "bad_request"),
        (b'{"action": "count", "index": 5}', 409, "out_of_step"),
        (b'{"action": "' + b"x" * (1 << 16) + b'"}', 413, "too_large"),
        (b"[" * 50_000, 400, "bad_request"),
    ],
)
def test_bodies_that_are_no_step(moody, session, body, status, code):
    got, headers, said = ask(moody.url, "POST", f"{session}/step", body)
    assert (got, said["code"], headers["content-type"]) == (status, code, "application/problem+json")
    assert len(said["detail"]) < 1000


def test_what_was_refused_has_changed_nothing(moody, session):
    assert ask(moody.url, "POST", f"{session}/step", {"action": "count", "index": 0})[2]["observation"] == "at 1"
    ask(moody.url, "POST", f"{session}/reset", {"seed": 0})


@pytest.mark.parametrize(
    ("what", "body", "code"),
    [
        ("reset", {"seed": -1}, "bad_request"),
        ("reset", {"seed": 1 << 70}, "bad_request"),
        ("reset", {"seed": 0, "slot": 2}, "bad_request"),
        ("batch/reset", {"resets": []}, "bad_request"),
        ("batch/step", {"steps": [{"action": "count"}, {"action": "count"}]}, "bad_request"),
        ("batch/step", {"steps": [{"action": "count"}] * 400}, "bad_request"),
        ("restore", {"snapshot": "../../etc/passwd"}, "no_snapshot"),
        ("restore", {"snapshot": "x", "slot": 9}, "no_snapshot"),
        ("snapshot", {"slot": 9}, "bad_request"),
        ("reseed", {"seed": 0, "slot": 9}, "bad_request"),
        ("solution", {}, "not_offered"),
    ],
)
def test_requests_that_are_refused(moody, session, what, body, code):
    status, _, said = ask(moody.url, "POST", f"{session}/{what}", body)
    assert said["code"] == code
    assert 400 <= status < 500


@pytest.mark.parametrize(
    "path",
    [
        "/v1/sessions/../../etc/passwd/step",
        "/v1/sessions/..%2f..%2fetc%2fpasswd/step",
        "/v1/sessions/%00/step",
        "/v1/sessions//step",
        "/v1/sessions/" + "x" * 5000 + "/step",
        "/v1/sessions/x/nothing",
        "/etc/passwd",
    ],
)
def test_paths_that_lead_nowhere(moody, path):
    status, _, said = ask(moody.url, "POST", path, {"action": "count"})
    assert (status, said["code"]) in ((404, "not_found"), (404, "no_session"))
    assert "root:" not in json.dumps(said)


def test_other_methods_and_kinds_of_body(moody, session):
    assert ask(moody.url, "GET", f"{session}/step")[2]["code"] == "bad_method"
    assert ask(moody.url, "POST", f"{session}/step", b"action=count", Content_Type="application/x-www-form-urlencoded")[2]["code"] == "not_json"
    assert ask(moody.url, "POST", f"{session}/step", {"action": "count"}, Idempotency_Key="k" * 500)[2]["code"] == "bad_request"


def test_a_page_that_a_browser_was_led_from_elsewhere_gets_nothing(moody):
    # Another name that leads to the loopback interface: nothing that a browser sends under it is answered; and no answer lets a page of another origin read it.
    status, headers, said = ask(moody.url, "GET", "/v1/environments", Host="evil.test")
    assert (status, said["code"]) == (403, "bad_host")
    assert "access-control-allow-origin" not in headers
    assert ask(moody.url, "GET", "/health", Host=f"localhost:{moody.port}")[0] == 200


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"tasks": "/etc/passwd"}, "not_offered"),
        ({"goal": 3}, "not_offered"),  # fixed by the operator
        ({"render_mode": "ansi"}, "not_offered"),
        ({"pause": "/etc/passwd"}, "bad_option"),
        ({"pause": [1]}, "bad_option"),
        ({"pause": 1e300}, "bad_option"),
        ({"colour": "green"}, "bad_option"),
        ({"colour": True}, "bad_option"),
        ({"verifiers": ["z3"]}, "not_offered"),
        ({"verifiers": ["remote:http://x.test?verifier=z3"]}, "not_offered"),
        ({"verifiers": [{"id": "z3"}]}, "bad_option"),
        ({"verifiers": "arithmetic"}, "bad_option"),
        ({"reward": ["dense"]}, "bad_option"),
        ({"reward": "os:system"}, "not_offered"),
        ({"reward": "dense?verifier=z3"}, "bad_option"),  # the environment has no such verifier
        ({"max_steps": 10**9}, "bad_option"),
        ({"max_steps": True}, "bad_option"),
    ],
)
def test_options_that_clients_may_not_choose(moody, options, code):
    status, _, said = ask(moody.url, "POST", "/v1/sessions", {"env": WORLD, "options": options})
    assert (said["code"], status) == (code, {"not_offered": 403, "bad_option": 400}[code])
    assert ask(moody.url, "GET", "/health")[2]["sessions"] <= 1  # that of these tests alone: what could not be made is gone


def test_options_that_clients_may_choose(moody):
    for options in ({"pause": 0.1}, {"colour": "blue"}, {"verifiers": []}, {"verifiers": None, "reward": "dense?verifier=arithmetic"}, {"max_steps": 2}):
        assert ask(moody.url, "DELETE", opened(moody.url, WORLD, options))[0] == 200


def test_a_body_that_does_not_come(moody):
    with socket.create_connection(("127.0.0.1", moody.port), timeout=30) as line:
        line.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        began = time.monotonic()
        assert line.recv(1 << 16).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < 20


def test_a_body_of_unknown_length_is_bounded_too(moody):
    with socket.create_connection(("127.0.0.1", moody.port), timeout=30) as line:
        line.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        for _ in range(3):
            line.sendall(chunk)
        assert line.recv(1 << 16).startswith(b"HTTP/1.1 413")


def test_what_is_no_http_at_all(moody):
    with socket.create_connection(("127.0.0.1", moody.port), timeout=30) as line:
        line.sendall(b"\x00\x01\x02 nonsense\r\n\r\n")
        assert line.recv(1 << 16).startswith(b"HTTP/1.1 400")
    assert ask(moody.url, "GET", "/health")[0] == 200


@pytest.fixture(scope="module")
def secured(moody):
    with Server(Offer.of([WORLD], limits=Limits(sessions=2)), port=0, tokens=TOKENS) as running:
        yield running


def bearer(token):
    return {"Authorization": f"Bearer {token.reveal()}"}


def test_a_token_is_needed_where_there_is_one(secured):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKENS[0].reveal()}, {"Authorization": "Bearer \xff"}):
        for method, path, body in (("GET", "/v1/environments", None), ("POST", "/v1/sessions", {"env": WORLD}), ("POST", "/v1/verify", {})):
            status, _, said = ask(secured.url, method, path, body, **headers)
            assert (status, said["code"]) == (401, "unauthorized")
    assert ask(secured.url, "GET", "/health")[0] == 200
    assert ask(secured.url, "GET", "/v1/environments", **bearer(TOKENS[1]))[0] == 200


def test_a_session_belongs_to_the_token_that_opened_it(secured):
    path = opened(secured.url, WORLD, **bearer(TOKENS[0]))
    assert ask(secured.url, "POST", f"{path}/reset", {}, **bearer(TOKENS[1]))[2]["code"] == "no_session"
    assert ask(secured.url, "DELETE", path, **bearer(TOKENS[1]))[2]["code"] == "no_session"
    ask(secured.url, "POST", f"{path}/reset", {}, **bearer(TOKENS[0]))
    name = ask(secured.url, "POST", f"{path}/snapshot", {}, **bearer(TOKENS[0]))[2]["snapshot"]
    other = opened(secured.url, WORLD, **bearer(TOKENS[1]))
    assert ask(secured.url, "POST", f"{other}/restore", {"snapshot": name}, **bearer(TOKENS[1]))[2]["code"] == "no_snapshot"
    for each, token in ((path, TOKENS[0]), (other, TOKENS[1])):
        assert ask(secured.url, "DELETE", each, **bearer(token))[0] == 200


def test_the_client_bears_a_token_from_a_file_or_the_environment(secured, tmp_path, monkeypatch):
    with pytest.raises(ServingError, match="token") as refused:
        remote(secured, WORLD)
    assert refused.value.code == "unauthorized"
    file = tmp_path / "token"
    file.write_text(f"\n{TOKENS[0].reveal()}\n")
    env = remote(secured, WORLD, token_file=str(file))
    assert env.reset(seed=0)[0] == "at 0"
    assert TOKENS[0].reveal() not in repr(vars(env.unwrapped.block.connection))
    env.close()
    monkeypatch.setenv("PRM_GYM_TOKEN", TOKENS[1].reveal())
    env = remote(secured, WORLD)
    assert env.reset(seed=0)[0] == "at 0"
    env.close()


def test_beyond_the_loopback_interface_a_token_is_needed():
    offer = Offer.of([WORLD])
    with pytest.raises(OptionError, match="give a token"):
        Server(offer, host="0.0.0.0", port=0)
    with pytest.raises(OptionError, match="at least 16"):
        Server(offer, port=0, tokens=[Secret("short")])
    with pytest.raises(OptionError, match="cannot be listened on"):
        Server(offer, host="256.0.0.1", port=0, tokens=TOKENS)


def test_what_cannot_be_made_is_told_before_anything_is_served():
    with pytest.raises(OptionError, match=r"cannot be served.*difficulty"):
        Server(Offer.of(["prm_gym/Countdown-v0"], env_options={"difficulty": 99}), port=0)
    with pytest.raises(OptionError, match="'nobody' cannot be served"):
        Server(Offer.of([], verifiers=["nobody"]), port=0)


def test_no_process_is_left_of_what_could_not_be_made(moody):
    before = children(os.getpid())
    for _ in range(3):
        assert ask(moody.url, "POST", "/v1/sessions", {"env": WORLD, "options": {"reward": "dense?verifier=z3"}})[0] == 400
    assert children(os.getpid()) == before


@pytest.mark.parametrize(
    "reward",
    [{"id": "dense", "verifier": {"a": 1}}, {"id": "dense", "verifier": [[]]}, {"id": "dense", "step_weight": 10**400}, {"id": "dense", "verifier": "x" * 500}],
)
def test_a_reward_whose_options_are_none(moody, reward):
    status, _, said = ask(moody.url, "POST", "/v1/sessions", {"env": WORLD, "options": {"reward": reward}})
    assert (status, said["code"]) == (400, "bad_option")
    assert len(said["detail"]) < 500


def test_no_redirection_to_where_the_request_says(moody):
    assert ask(moody.url, "GET", "/health/", Host="evil.example")[0] == 404


def test_the_same_key_for_something_else_is_another_one(moody):
    path = opened(moody.url, WORLD)
    first, again, other = (ask(moody.url, "POST", f"{path}/reset", {"seed": seed}, Idempotency_Key="one")[2]["info"]["task_key"] for seed in (1, 1, 2))
    assert first == again != other
    ask(moody.url, "DELETE", path)
    made = ask(moody.url, "POST", "/v1/sessions", {"env": WORLD}, Idempotency_Key="two")[2]["session"]
    assert ask(moody.url, "POST", "/v1/sessions", {"env": "nobody's"}, Idempotency_Key="two")[2]["code"] == "not_offered"
    ask(moody.url, "DELETE", f"/v1/sessions/{made}")


def test_another_loopback_address_is_a_name_too():
    with Server(Offer.of([WORLD]), host="127.0.0.2", port=0) as running:
        assert ask(running.url, "GET", "/health")[0] == 200
        assert ask(running.url, "GET", "/health", Host="evil.example")[2]["code"] == "bad_host"


def test_a_session_that_took_long_to_open_is_not_idle_yet():
    with Server(Offer.of([WORLD], limits=Limits(idle_seconds=0.4)), port=0) as running:
        path = opened(running.url, WORLD)
        assert ask(running.url, "POST", f"{path}/reset", {"seed": 1})[0] == 200


def test_a_head_that_does_not_come(monkeypatch, moody):
    """A connection that never says what it wants takes the place of another one; one that is at work, or asks again and again, does not go."""
    monkeypatch.setattr("prm_gym.serving.server.REQUEST_SECONDS", 1.0)
    with Server(Offer.of([WORLD]), port=0) as running:
        path = opened(running.url, WORLD)
        ask(running.url, "POST", f"{path}/reset", {"seed": 1})
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as line:
            line.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
            kept = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
            for _ in range(8):
                time.sleep(0.3)
                kept.request("GET", "/health")
                assert kept.getresponse().read()
            assert line.recv(1) == b""
            kept.close()


def test_options_that_nest_too_deep_lose_no_episode(moody):
    path = opened(moody.url, WORLD)
    ask(moody.url, "POST", f"{path}/reset", {"seed": 1})
    for levels in (100, 900):
        deep = b'{"seed": 1, "options": {"x": ' + b'{"y":' * levels + b"1" + b"}" * levels + b"}}"
        for what, body in (("reset", deep), ("batch/reset", b'{"resets": [' + deep + b"]}")):
            status, _, said = ask(moody.url, "POST", f"{path}/{what}", body)
            assert (status, said["code"]) == (400, "bad_request")
    assert ask(moody.url, "POST", f"{path}/step", {"action": "count", "index": 0})[2]["info"]["valid"]
    ask(moody.url, "DELETE", path)


def test_an_action_that_is_said_to_be_long_is_one(moody):
    path = opened(moody.url, WORLD)
    ask(moody.url, "POST", f"{path}/reset", {"seed": 1})
    said = ask(moody.url, "POST", f"{path}/step", {"action": "count", "length": 5_000_000})[2]
    assert "has 5,000,000 characters" in said["malformed"]
    ask(moody.url, "DELETE", path)
