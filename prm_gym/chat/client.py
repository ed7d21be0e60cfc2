"""The client: whole batches of questions in, an answer or a reason for each out.

    client = ChatClient(ChatSettings(model="gpt-4o-mini", cache="answers.sqlite"))
    results = client.ask([ChatRequest(messages=(Message("user", "2 + 2?"),))])

Calls block and may come from any thread, a notebook's running loop included. Inside, the official client does the work on the one event loop of the process.
"""

import contextlib
import logging
import os
import weakref
from collections.abc import Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial

from prm_gym import event_loop
from prm_gym.chat.cache import ChatCache, cache_key
from prm_gym.chat.counters import ChatCounters
from prm_gym.chat.exchange import ChatFailure, ChatRequest, ChatResult
from prm_gym.chat.line import Line
from prm_gym.chat.settings import ChatSettings
from prm_gym.chat.wire import sendable
from prm_gym.errors import ContractError, OptionError

_GRACE_SECONDS = 10.0  # beyond the deadline of a batch, for the loop itself
_CLOSING_SECONDS = 3.0
_log = logging.getLogger(__name__)


class ChatClient:
    """Asks a chat model, many questions at a time.

    - What fails for a while (429, 5xx, no connection, half an answer, an empty one, something else) is asked again, later and later; where the endpoint asks to
      wait, all requests do. What does not come within the deadline is given up. Nothing that a server does raises.
    - An endpoint that was never reached is given all attempts once; from then on a request gets one, until something is heard of it.
    - With a cache, every answer is on the disk before it counts: a run that is interrupted or killed, or that missed some answers, asks only for the rest when
      it is run again.
    - Options that the model refuses are left out from then on; `notes` and `ChatReply.without` say so.
    - It pickles as its settings, and works on after a fork. Limits, budget and counters are those of one client in one process.
    """

    def __init__(self, settings: ChatSettings) -> None:
        """Take the settings; the endpoint is not touched yet, the cache is opened.

        Raises:
            OptionError: there is no key for an endpoint that needs one.
            StoreError: the cache cannot be opened.
        """
        settings.reveal_key()
        self.settings = settings
        self._lines: dict[int, Line] = {}  # by process; one of the parent's stays alive in a fork, and unused
        if settings.cache is not None:
            ChatCache(settings.cache).close()

    def __reduce__(self) -> tuple[type["ChatClient"], tuple[ChatSettings]]:
        """A copy with the same settings."""
        return (ChatClient, (self.settings,))

    @property
    def counters(self) -> ChatCounters:
        """What was done so far in this process."""
        return self._line().counters

    @property
    def notes(self) -> tuple[str, ...]:
        """What the endpoint did not take, or did not do: a sentence each."""
        return tuple(self._line().notes)

    def ask(self, requests: Sequence[ChatRequest], deadline: float | None = None) -> list[ChatResult]:
        """One answer or failure a request, in order.

        Equal requests are sent once; `sample` tells apart those that are to be drawn anew.

        Args:
            requests: any number.
            deadline: seconds for the whole batch; None for that of the settings. What came in time is kept.

        Raises:
            OptionError: the deadline is none.
            ContractError: it is called from the event loop that does the work.
        """
        seconds = self.settings.deadline if deadline is None else deadline
        if not 0 < seconds < float("inf"):
            raise OptionError(f"a deadline is a number of seconds above 0, got {deadline!r}")
        if not requests:
            return []
        if event_loop.is_current():
            raise ContractError("ChatClient.ask blocks, and is called from the very loop that does the work: call it from another thread")
        asked = [sendable(request) for request in requests]
        keys = [cache_key(self.settings, request) for request in asked]
        future = event_loop.submit(self._line().ask(asked, keys, seconds))
        try:
            return future.result(seconds + _GRACE_SECONDS)
        except (FutureTimeoutError, CancelledError):
            future.cancel()
            reason = f"the thread that asks did not come back within {seconds + _GRACE_SECONDS:.0f} s"
            return [ChatFailure(reason=reason, kind="deadline") for _ in requests]
        except BaseException:  # Ctrl-C: what has come is on the disk
            future.cancel()
            raise

    def close(self) -> None:
        """Close connections and the cache, and log what was done (level INFO). It may be called twice, and opens again when it is asked again."""
        line = self._lines.get(os.getpid())
        if line is None or not line.is_open:
            return
        _log.info("%s: %s", self.settings.model, line.counters)
        with contextlib.suppress(FutureTimeoutError, CancelledError, RuntimeError):
            event_loop.submit(line.close()).result(_CLOSING_SECONDS)

    def __enter__(self) -> "ChatClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self) -> Line:
        pid = os.getpid()
        found = self._lines.get(pid)
        if found is None:
            found = self._lines.setdefault(pid, Line(self.settings))
            event_loop.at_end(partial(_close, weakref.ref(self)))
            weakref.finalize(self, _let_go, found, pid).atexit = False
        return found


def _let_go(line: Line, pid: int) -> None:
    """Close what a client that is gone has left open. It may be the loop itself that finds it gone, so nobody waits."""
    if pid == os.getpid() and line.is_open:
        event_loop.submit(line.close())


def _close(client: "weakref.ref[ChatClient]") -> None:
    found = client()
    if found is not None:
        found.close()
