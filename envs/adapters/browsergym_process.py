"""A process that runs an environment of BrowserGym in a Python of its own, spoken to over pipes."""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping
from importlib.resources import files
from typing import IO, Any

from prm_gym.errors import EnvironmentFault, OptionError

WORKER = str(files("prm_gym.envs.adapters") / "browsergym_worker.py")
CLOSING_SECONDS = 5.0
_TOLD = 600  # characters of what a process that ended has written


class RefusedRequestError(Exception):
    """The other side answered with an error; the message is its own."""


class WorkerProcess:
    """The process. It ends with `close`, with its owner, and with this process, however that ends."""

    def __init__(self, python: str, script: str, variables: Mapping[str, str]) -> None:
        """Start it.

        Args:
            python: the interpreter that has BrowserGym.
            script: that it runs.
            variables: of its environment, beside ours.

        Raises:
            OptionError: there is no such program.
        """
        if shutil.which(python) is None:
            raise OptionError(
                f"python={python!r} is no program: make an environment for BrowserGym (python -m venv ENV; ENV/bin/pip install browsergym-miniwob)"
            )
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [python, "-u", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **variables},
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        assert self._process.stdout is not None
        threading.Thread(target=_listen, args=(self._process.stdout, self._answers), name="prm_gym browsergym", daemon=True).start()
        self._requests = 0
        self._owner = os.getpid()
        self._end = weakref.finalize(self, _killed, self._owner, self._process, self._errors)

    @property
    def alive(self) -> bool:
        """Whether it runs, and is ours: one that a forked process has inherited is its parent's."""
        return self._end.alive and self._owner == os.getpid() and self._process.poll() is None

    def ask(self, what: str, deadline: float, **arguments: Any) -> dict[str, Any]:
        """The answer to a request.

        Args:
            what: is to be done.
            deadline: seconds that it may take; then the process is ended.
            **arguments: JSON values.

        Raises:
            RefusedRequestError: the answer is an error.
            EnvironmentFault: there is none in time, or the process has ended.
        """
        self._requests += 1
        try:
            stdin = self._process.stdin
            assert stdin is not None
            stdin.write(json.dumps({"id": self._requests, "do": what, "with": arguments}).encode() + b"\n")
            stdin.flush()
            answer = self._answers.get(timeout=deadline)
        except (OSError, ValueError):
            answer = None
        except queue.Empty:
            self.kill()
            raise EnvironmentFault(f"BrowserGym did not answer to {what!r} within {deadline:g} s, and was ended") from None
        if answer is None or answer.get("id") != self._requests:
            said = self._said()
            self.kill()
            raise EnvironmentFault(f"the process of BrowserGym ended at {what!r}{': ' if said else ''}{said}")
        if "error" in answer:
            raise RefusedRequestError(str(answer["error"]))
        return answer["ok"]

    def close(self) -> None:
        """End it, in good order if it can."""
        if self.alive:
            with contextlib.suppress(EnvironmentFault, RefusedRequestError):
                self.ask("close", CLOSING_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._end()

    def _said(self) -> str:
        """The end of what the process has written."""
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            self._process.wait(1.0)
            size = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, size - _TOLD))
            return self._errors.read().decode("utf-8", "replace").strip()
        return ""


def _listen(stdout: IO[bytes], answers: "queue.SimpleQueue[dict[str, Any] | None]") -> None:
    """Hand on what the process answers, and its end."""
    with contextlib.suppress(OSError, ValueError):
        for line in stdout:
            answers.put(json.loads(line))
    answers.put(None)


def _killed(owner: int, process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
    if owner != os.getpid():
        return
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)  # with the driver; the browser ends with it
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(CLOSING_SECONDS)
    for stream in (process.stdin, process.stdout, errors):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.close()
