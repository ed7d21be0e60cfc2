"""BrowserGym: a page of MiniWoB++ through `gymnasium.make`, with its defaults; the browser is the same as that of the baseline (PEERS_CHROMIUM)."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import Work, cold, main, memory, package

TASK = "browsergym/miniwob.click-test"


def _made() -> Any:
    """The environment; every browser is launched from the executable that is there, with what a container without user namespaces needs."""
    os.environ.setdefault("MINIWOB_URL", f"file://{Path(os.environ['PEERS_MINIWOB']).as_posix()}/")
    kind: Any = package("playwright.sync_api").BrowserType
    if not hasattr(kind, "launched_by_default"):
        kind.launched_by_default = kind.launch

        def launch(self: Any, **options: Any) -> Any:
            arguments = [*(options.pop("args", None) or []), "--no-sandbox"]
            return self.launched_by_default(**{**options, "executable_path": os.environ["PEERS_CHROMIUM"], "args": arguments})

        kind.launch = launch
    package("browsergym.miniwob")
    return package("gymnasium").make(TASK, disable_env_checker=True)


def _click(seen: dict[str, Any]) -> str:
    """A click on the only button."""
    text = package("browsergym.utils.obs").flatten_axtree_to_str(seen["axtree_object"])
    found = re.search(r"\[(\w+)\] button", text)
    if found is None:
        raise SystemExit(f"no button on the page: {text}")
    return f"click('{found[1]}')"


def miniwob(work: Work) -> dict[str, Any]:
    """Episodes of a reset and the right click; the first warms up."""
    env, spent, done, seed = _made(), [0.0, 0.0], 0, 0
    while sum(spent) < 3 * work["seconds"]:
        began = time.perf_counter()
        seen, _ = env.reset(seed=seed)
        reset = time.perf_counter()
        action = _click(seen)
        acting = time.perf_counter()
        _, reward, ended, _, _ = env.step(action)
        acted = time.perf_counter()
        if not (ended and reward > 0):
            raise SystemExit("the click did not end the episode")
        if seed:
            spent, done = [spent[0] + reset - began, spent[1] + acted - acting], done + 1
        seed += 1
    found = {"resets": {"per_second": done / spent[0], "units": done}, "steps": {"per_second": done / spent[1], "units": done}, "memory_mib": memory()}
    env.close()
    return found


def start(_: Work) -> dict[str, float]:
    """From nothing to the first click, the browser's start included."""

    def load() -> Callable[[], Any]:
        package("browsergym.miniwob")

        def first() -> Any:
            env = _made()
            seen, _ = env.reset(seed=0)
            env.step(_click(seen))
            env.close()
            return None

        return first

    return cold(load)


if __name__ == "__main__":
    main({"miniwob": miniwob, "start": start})
