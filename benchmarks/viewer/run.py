"""How soon a page of 10,000 trajectories can be used, in Chromium.

    python benchmarks/viewer/run.py [--tasks 1250] [--attempts 8] [--file trajectories.jsonl] [--json]

1. Trajectories: `prm_gym/Deduction-v0` with the z3 verifier, played by `mixed` (agents of mixed skill), unless a file is given.
2. The page: seconds of the processor to read the file and assign three credits, and to write the page; its size.
3. Chromium, a fresh process for each of `REPEATS` openings: from the start of the navigation until the first frame in which the list is there and takes keys
   (`usable`), and until the whole file is read (`read`); then from an address or a key to the first frame with what was asked for. Memory is that of the
   page's own process (resident), after it is opened and after the searches have gone through all steps. Of a search: the first hits in the list, its end,
   and the longest time without a frame, in which the page would not answer a key; they count the 160 ms that it waits for the next letter.

Times are medians; the largest one is given where an opening is promised to take less than two seconds.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from prm_gym.agent import make_agent
from prm_gym.browser import find_browser
from prm_gym.rollout import Rollouts, groups
from prm_gym.store import TrajectoryWriter
from prm_gym.viewer.collection import Collection
from prm_gym.viewer.page import write_view

REPEATS, OPENED, SEED = 5, 25, 0
CREDITS = ("grpo", "gigpo", "salt")
# Notes the time of the first frame in which the list is there.
NOTED = """
addEventListener("DOMContentLoaded", () => { window.readAt = performance.now(); });
const noted = new MutationObserver(() => {
  if (!document.body?.dataset.ready) return;
  noted.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.usableAt = performance.now(); }));
});
noted.observe(document, { subtree: true, childList: true, attributes: true });
"""
# Goes to an address, and says after how many milliseconds there is a frame with what is looked for.
GONE = """async ([hash, wanted]) => {
  const start = performance.now();
  location.hash = hash;
  while (!document.querySelector(wanted) || document.querySelector("#view").ariaBusy) await new Promise((next) => setTimeout(next));
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
  return performance.now() - start;
}"""
# Types a text, and says when there was a hit in the list, when the search was over, and how long the page took no frame meanwhile, in milliseconds.
SEARCHED = """async (text) => {
  const [box, progress, count] = ["search", "progress", "count"].map((id) => document.getElementById(id));
  const start = performance.now();
  let [first, frozen, last, going] = [null, 0, start, true];
  const frame = () => {
    const now = performance.now();
    frozen = Math.max(frozen, now - last);
    last = now;
    if (going) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  await new Promise((done) => {
    const seen = new MutationObserver(() => {
      if (first === null && !count.textContent.startsWith("0 of")) first = performance.now() - start;
      if (!progress.textContent) done(seen.disconnect());
    });
    seen.observe(progress, { childList: true });
    box.value = text;
    box.dispatchEvent(new Event("input"));
  });
  going = false;
  return [first, performance.now() - start, frozen];
}"""


def played(path: Path, tasks: int, attempts: int) -> None:
    """Write the trajectories."""
    rollouts = Rollouts("prm_gym/Deduction-v0", {"verifiers": ["z3"], "reward": "dense"}, num_envs=64)
    try:
        with TrajectoryWriter(path) as writer:
            writer.write(rollouts.stream(make_agent("mixed"), groups(range(tasks), attempts), seed=SEED))
    finally:
        rollouts.close()


def resident(browser: Browser, page: Page) -> float:
    """MiB of memory that the page's process holds: that of the renderer which holds the most, since the browser keeps a spare one."""
    page.wait_for_timeout(200)
    session: CDPSession = browser.new_browser_cdp_session()
    processes: list[dict[str, Any]] = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    sizes = [Path(f"/proc/{each['id']}/statm").read_text().split()[1] for each in processes if each["type"] == "renderer"]
    return max(int(size) for size in sizes) * 4096 / 2**20


def opened(browser: Browser, url: str, collection: Collection) -> dict[str, float]:
    """The figures of one opening, in milliseconds and MiB."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(NOTED)
    page.goto(url)
    page.wait_for_function("() => window.usableAt && window.readAt")
    found: dict[str, float] = {"usable": page.evaluate("window.usableAt"), "read": page.evaluate("window.readAt"), "memory": resident(browser, page)}
    rng = random.Random(SEED)
    ids = [collection.entries[rng.randrange(len(collection.entries))].id.replace("/", "%2F") for _ in range(OPENED)]
    for name, suffix, wanted in (("trajectory", "", ".step"), ("attempts", "//attempts", ".aligned"), ("graph", "//graph", ".step-graph")):
        times: list[float] = [page.evaluate(GONE, [f"#{each}{suffix}", f"#view {wanted}"]) for each in ids]
        found |= {name: statistics.median(times), f"{name}, slowest": max(times)}
    for name, text in (("search", "int3"), ("search again", "fact3"), ("search for what is not there", "zebra")):
        first, over, frozen = page.evaluate(SEARCHED, text)
        found |= {f"{name}, over": over, f"{name}, longest without a frame": frozen} | ({} if first is None else {f"{name}, first hits": first})
    found["memory after the search"] = resident(browser, page)
    page.close()
    return found


def measured(path: Path, page: Path) -> dict[str, float]:
    """All figures of one file of trajectories."""
    begun = time.process_time()
    collection = Collection([path], CREDITS)
    read = time.process_time()
    size = write_view(collection, page, 1 << 30).size
    made = {"trajectories": len(collection.entries), "steps": sum(entry.steps for entry in collection.entries)}
    made |= {"file MiB": path.stat().st_size / 2**20, "page MiB": size / 2**20, "reading s": read - begun, "writing s": time.process_time() - read}
    runs: list[dict[str, float]] = []
    with sync_playwright() as playwright:
        for _ in range(REPEATS):
            browser = playwright.chromium.launch(executable_path=find_browser().path, args=["--no-sandbox"])
            runs.append(opened(browser, page.as_uri(), collection))
            browser.close()
    return {**made, **{name: statistics.median(run[name] for run in runs) for name in runs[0]}, "usable, slowest": max(run["usable"] for run in runs)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1250)
    parser.add_argument("--attempts", type=int, default=8)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "trajectories.jsonl"
        if given.file is None:
            played(path, given.tasks, given.attempts)
        figures = measured(path, Path(folder) / "view.html")
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:26} {value:10.2f}" if isinstance(value, float) else f"{name:26} {value:10d}")


if __name__ == "__main__":
    main()
