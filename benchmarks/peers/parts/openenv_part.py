"""OpenEnv: an environment of ours that asks for a sum, behind its server on loopback, and its own synchronous client; and the same object without a server."""

import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from measuring import Work, cold, main, package, rate


def _classes() -> tuple[Any, Any, Any]:
    """The environment with its action and its observation, made from the package's base classes."""
    server, types = package("openenv.core.env_server"), package("openenv.core.env_server.types")
    action: Any = type("Answer", (types.Action,), {"__annotations__": {"text": str}, "__module__": __name__})
    observation: Any = type("Question", (types.Observation,), {"__annotations__": {"question": str}, "__module__": __name__})

    def begin(self: Any) -> None:
        server.Environment.__init__(self)
        self.drawn = random.Random(0)

    def reset(self: Any, **_: Any) -> Any:
        self.terms = [self.drawn.randint(100, 999) for _ in range(3)]
        return observation(question=" + ".join(map(str, self.terms)), done=False, reward=0.0)

    def step(self: Any, answer: Any, **_: Any) -> Any:
        return observation(question="", done=True, reward=float(answer.text == str(sum(self.terms))))

    def state(_: Any) -> Any:
        return types.State()

    made = {"__init__": begin, "reset": reset, "step": step, "state": property(state), "SUPPORTS_CONCURRENT_SESSIONS": True}
    return type("Sums", (server.Environment,), made), action, observation


def _served() -> str:
    """The address of a server with the environment, in a thread of this process."""
    environment, action, observation = _classes()
    app = package("openenv.core.env_server").create_fastapi_app(environment, action, observation, max_concurrent_envs=8)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uvicorn = package("uvicorn")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return f"http://127.0.0.1:{port}"


def sums(work: Work) -> dict[str, Any]:
    """Episodes of one step: over the server, and on the object."""
    environment, action, _ = _classes()
    here = environment()

    def alone() -> int:
        question = here.reset().question
        return int(here.step(action(text=str(sum(map(int, question.split(" + ")))))).reward == 1.0)

    found: dict[str, Any] = {"no server": rate(alone, work["seconds"])}
    with package("openenv.core").GenericEnvClient(base_url=_served()).sync() as client:

        def episode() -> int:
            question = client.reset().observation["question"]
            return int(client.step({"text": str(sum(map(int, question.split(" + "))))}).reward == 1.0)

        found["served on loopback"] = rate(episode, work["seconds"])
    return found


def start(_: Work) -> dict[str, float]:
    """From nothing to the first step through its server."""

    def load() -> Callable[[], Any]:
        package("openenv.core.env_server")
        generic = package("openenv.core").GenericEnvClient

        def first() -> Any:
            client = generic(base_url=_served()).sync()
            client.connect()
            client.reset()
            client.step({"text": "1"})
            return client

        return first

    return cold(load)


if __name__ == "__main__":
    main({"sums": sums, "start": start})
