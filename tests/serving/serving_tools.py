"""What the tests of serving share: requests without our client, episodes side by side, a line that breaks."""

import http.client
import json
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import gymnasium as gym
import msgspec


def ask(url, method, path, body=None, **headers):
    """Status, headers and JSON of a response; the body is JSON, or bytes as they are."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        line.request(method, path, data, sent)
        response = line.getresponse()
        return response.status, response.headers, json.loads(response.read(), parse_constant=refuse)
    finally:
        line.close()


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def opened(url, env, options=None, num_envs=1, **headers):
    """The path of a new session."""
    status, _, said = ask(url, "POST", "/v1/sessions", {"env": env, "options": options or {}, "num_envs": num_envs}, **headers)
    assert status == 200, said
    return f"/v1/sessions/{said['session']}"


def remote(server, env, env_options=None, **options):
    return gym.make("prm_gym/Remote-v0", url=server.url, env=env, env_options=env_options, **options)


def plain(result):
    """A result of `reset` or `step`, with verdicts as JSON without their times."""
    *rest, info = result
    verdicts = {name: msgspec.to_builtins(verdict) for name, verdict in info["verdicts"].items()}
    for verdict in verdicts.values():
        del verdict["run_seconds"], verdict["queued_seconds"]
    return *rest, {**info, "verdicts": verdicts}


class BrokenLine:
    """Stands between client and server, and hangs up instead of passing on the answers whose numbers are named (from 0), which the server has given.

    With `silent` it keeps the line, and says nothing.
    """

    def __init__(self, port, lost, silent=False):
        self._silent = silent
        self._port, self._lost, self._count = port, set(lost), 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def answers(self):
        return self._count

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self._port))
        except OSError:  # the server is gone: so is the line
            client.close()
            return
        with client, server:
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            while data := _received(server):  # an answer comes in one piece: head and body are sent together, and are short
                if not data.startswith(b"HTTP/1.1 200"):
                    client.sendall(data)
                    continue
                number, self._count = self._count, self._count + 1
                if number in self._lost and self._silent:
                    continue
                if number in self._lost:
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)

    @staticmethod
    def _requests(client, server):
        while data := _received(client):
            server.sendall(data)
        try:
            server.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def close(self):
        self._listening.close()


def _received(line):
    try:
        return line.recv(1 << 20)
    except OSError:
        return b""


def children(process):
    """Processes that a process has started and that are alive."""
    found = []
    for entry in os.scandir("/proc"):
        with suppress(OSError, ValueError):
            state, parent = Path("/proc", str(int(entry.name)), "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == process and state != "Z":
                found.append(int(entry.name))
    return sorted(found)
