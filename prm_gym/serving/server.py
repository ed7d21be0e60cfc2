"""A server that runs: the offer tried out, the socket bound, everything closed in the end."""

import asyncio
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

from prm_gym.errors import MissingExtraError, OptionError, ServingError
from prm_gym.secret import Secret
from prm_gym.serving.application import Service
from prm_gym.serving.judges import Judge
from prm_gym.serving.offer import ALWAYS, Offer
from prm_gym.serving.problems import Problem
from prm_gym.serving.sessions import CLOSING_SECONDS, Session, Sessions
from prm_gym.serving.wire import Environments, OfferedEnvironment, OpenRequest

STARTING_SECONDS = 20.0
MOST_CONNECTIONS = 2048
REQUEST_SECONDS = 80.0  # until a connection must have sent the head of a request; more than uvicorn keeps one open that sends nothing more
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Server:
    """Environments and verifiers over HTTP.

    with Server(Offer.of(["prm_gym/Deduction-v0"]), port=0) as server:
        env = gym.make("prm_gym/Remote-v0", url=server.url, env="prm_gym/Deduction-v0")
    """

    def __init__(self, offer: Offer, *, host: str = "127.0.0.1", port: int = 8000, tokens: Sequence[Secret] = ()) -> None:
        """Try out what is offered, and bind the socket; nothing is answered yet.

        Args:
            offer: what is served.
            host: address to listen on.
            port: 0 for any that is free.
            tokens: any of which a request must bear.

        Raises:
            OptionError: something that is offered cannot be made, the address cannot be had, or it is not the loopback interface and there is no token.
            MissingExtraError: uvicorn or Starlette is not installed.
        """
        try:
            import uvicorn
        except ImportError as error:
            raise MissingExtraError("uvicorn", "serve") from error
        local = _is_loopback(host)
        if not (local or tokens):
            raise OptionError(f"{host} can be reached from other machines: give a token (--token-file, or PRM_GYM_TOKEN)")
        if any(len(token.reveal()) < 16 for token in tokens):
            raise OptionError("a token has at least 16 characters; `openssl rand -hex 32` makes one")
        self._socket = _bound(host, port)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        judges: list[Judge] = []
        try:
            environments = _tried(offer)
            for name, spec in offer.verifiers.items():
                judges.append(Judge(name, spec, offer.limits))
            own = f"[{host}]" if ":" in host else host.lower()
            self.service = Service(Sessions(offer), environments, judges, tokens, LOOPBACK_NAMES | {own} if local else frozenset())
            application: Any = self.service.application()
        except BaseException:
            self._socket.close()
            for judge in judges:
                judge.close()
            raise
        config = uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            ws="none",
            lifespan="on",
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=int(CLOSING_SECONDS),
            limit_concurrency=MOST_CONNECTIONS,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def requests(self) -> int:
        """Answered so far."""
        return self._server.server_state.total_requests

    def run(self) -> None:
        """Answer until the process is told to end (SIGINT, SIGTERM); then let what is under way be done, and close all sessions."""
        try:
            asyncio.run(self._serve())
        finally:
            self._socket.close()

    async def _serve(self) -> None:
        sweeper = asyncio.create_task(self._sweep())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            sweeper.cancel()

    async def _sweep(self) -> None:
        """Hang up on whoever sends no whole request for `REQUEST_SECONDS`, for ever: uvicorn waits for the head of one without end, and nobody else gets in."""
        silent: dict[Any, tuple[Any, float]] = {}
        while True:
            await asyncio.sleep(REQUEST_SECONDS / 4)
            now = time.monotonic()
            # Of a request that is done, and where none has come: it is the same one as before as long as no other has come.
            lines: list[Any] = [line for line in self._server.server_state.connections if hasattr(line, "cycle")]
            idle = {line: line.cycle for line in lines if line.cycle is None or line.cycle.response_complete}
            silent = {line: silent[line] if line in silent and silent[line][0] is cycle else (cycle, now) for line, cycle in idle.items()}
            for line, (_, since) in silent.items():
                if now - since > REQUEST_SECONDS:
                    line.transport.close()

    def start(self) -> Self:
        """Answer in a thread of its own, until `close`.

        Raises:
            ServingError: it does not start.
        """
        self._thread = threading.Thread(target=self.run, name="prm_gym-server", daemon=True)
        self._thread.start()
        started = threading.Event()
        for _ in range(int(STARTING_SECONDS / 0.01)):
            if self._server.started:
                return self
            started.wait(0.01)
        raise ServingError("the server does not start", "closing")

    def close(self) -> None:
        """Stop answering, and close all sessions."""
        self._server.should_exit = True
        if self._thread is None:
            self._socket.close()
            self.service.close()
        else:
            self._thread.join(timeout=3 * CLOSING_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _tried(offer: Offer) -> Environments:
    """Every environment that is offered, made once in a process of its own."""

    def tried(env_id: str) -> OfferedEnvironment:
        session = Session("", OpenRequest(env=env_id), offer.envs[env_id], "", offer)
        try:
            description = session.open()
        except Problem as problem:
            raise OptionError(f"{env_id} cannot be served: {problem.detail}") from problem
        finally:
            session.close()
        choices: dict[str, Any] = {name: True for name in ALWAYS if name not in offer.envs[env_id]}
        choices.update({choice.name: choice.shown() for choice in offer.choices[env_id]})
        summary = (offer.classes[env_id].__doc__ or "").strip().partition("\n")[0]
        return OfferedEnvironment(id=env_id, summary=summary, description=description, options=choices, verifiers=tuple(offer.verifiers_for(env_id)))

    with ThreadPoolExecutor(2) as pool:
        return Environments(list(pool.map(tried, offer.envs)))


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket. With its protocol named: only then does asyncio send small answers at once, and not 40 ms later.

    Raises:
        OptionError: the address cannot be had.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(1024)
        except OSError:
            listening.close()
            raise
    except (OSError, OverflowError) as error:
        raise OptionError(f"{host}:{port} cannot be listened on: {error}") from error
    return listening
