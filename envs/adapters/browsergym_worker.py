"""The other side of `prm_gym/BrowserGym-v0`: runs in the Python that has BrowserGym, and imports nothing of prm_gym.

It reads requests as lines of JSON from its input and answers each with a line of JSON: {"id": 3, "ok": {...}}, or {"id": 3, "error": "..."}. It ends when its
input ends. Whatever libraries print goes to the error output.
"""

import importlib
import importlib.util
import json
import os
import queue
import sys
import threading
from typing import Any

MOST_CHARACTERS = 200_000


class Worker:
    """One environment of BrowserGym."""

    def __init__(self) -> None:
        self.env: Any = None
        self.said = 0

    def make(self, task: str, options: dict[str, Any]) -> dict[str, Any]:
        """Make the environment of a task."""
        import gymnasium

        family = task.partition("/")[2].partition(".")[0]
        _find_miniwob(family)
        _use_browser(os.environ.get("PRM_GYM_CHROMIUM", ""))
        importlib.import_module("browsergym.core" if family == "openended" else f"browsergym.{family}")
        actions = importlib.import_module("browsergym.core.action.highlevel").HighLevelActionSet(
            subsets=["chat", "infeas", "bid", "coord", "nav", "tab"], multiaction=False, strict=False, demo_mode="off"
        )
        self.env = gymnasium.make(task, disable_env_checker=True, action_mapping=actions.to_python_code, **options).unwrapped
        return {"python": sys.version.split()[0]}

    def reset(self, seed: int) -> dict[str, Any]:
        """Begin an episode."""
        self.said = 0
        seen, info = self.env.reset(seed=seed)
        return self.told(seen, 0.0, False, False, info)

    def step(self, action: str) -> dict[str, Any]:
        """Take a step."""
        return self.told(*self.env.step(action))

    def told(self, seen: Any, reward: Any, terminated: Any, truncated: Any, info: Any) -> dict[str, Any]:
        """What is seen, in JSON."""
        flatten = importlib.import_module("browsergym.utils.obs").flatten_axtree_to_str
        text = flatten(seen["axtree_object"], extra_properties=seen["extra_element_properties"], with_clickable=True)
        task_info: Any = info.get("task_info")
        raw = task_info.get("RAW_REWARD_GLOBAL") if isinstance(task_info, dict) else None
        messages = list(seen["chat_messages"])
        new, self.said = messages[self.said :], len(messages)
        return {
            "goal": str(seen["goal"]),
            "text": text[:MOST_CHARACTERS],
            "cut": max(0, len(text) - MOST_CHARACTERS),
            "url": str(seen["url"]),
            "tabs": [str(title) for title in seen["open_pages_titles"]],
            "tab": int(seen["active_page_index"][0]),
            "focused": str(seen["focused_element_bid"]),
            "error": str(seen["last_action_error"]),
            "messages": [[str(message["role"]), str(message["message"])] for message in new],
            "reward": float(reward),
            "raw": None if raw is None else float(raw),
            "terminated": bool(terminated),
            "truncated": bool(truncated),
        }

    def close(self) -> dict[str, Any]:
        """Close the environment."""
        if self.env is not None:
            self.env.close()
            self.env = None
        return {}


def _find_miniwob(family: str) -> None:
    """Where the pages of MiniWoB are, if nobody has said it: in the package `miniwob`, whose wheel holds them."""
    if family == "miniwob" and "MINIWOB_URL" not in os.environ:
        found = importlib.util.find_spec("miniwob")
        if found is not None and found.origin:
            os.environ["MINIWOB_URL"] = "file://" + os.path.join(os.path.dirname(found.origin), "html", "miniwob") + "/"


def _use_browser(path: str) -> None:
    """Have all browsers launched from an executable that is not Playwright's own download; BrowserGym launches two, and takes a path for one of them."""
    if path:
        kind: Any = importlib.import_module("playwright.sync_api").BrowserType
        launch = kind.launch

        def launched(self: Any, **options: Any) -> Any:
            return launch(self, **{"executable_path": path, **options})

        kind.launch = launched


def _read(requests: "queue.Queue[dict[str, Any]]") -> None:
    for line in sys.stdin.buffer:
        requests.put(json.loads(line))
    os._exit(0)  # whoever asked is gone; the browser ends with the driver, and the driver with this process


def main() -> None:
    """Answer requests."""
    here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [place for place in sys.path if os.path.realpath(place) != here]  # modules here have the names of packages
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    worker = Worker()
    while True:
        request = requests.get()
        try:
            answer = {"id": request["id"], "ok": getattr(worker, request["do"])(**request["with"])}
        except Exception as error:
            answer = {"id": request["id"], "error": type(error).__name__ + ": " + str(error)[:2000]}
        out.write(json.dumps(answer).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
