"""Infrastructure that fails at random moments: is every episode accounted for, is no reward false, and does nothing hang?

    python benchmarks/web/faults.py [--episodes 500] [--envs 8] [--json FILE]

Episodes of a world in a real browser, half of them played by the script and half at random, all pages stepped together. Now and then, drawn by a seed: the page
crashes, the process of a page, the browser or its driver is killed by its number, the page's script runs for ever, or fills its heap. Asked is that

- every episode that begins ends exactly once, and those that a fault hit end truncated, with `info["valid"]` False, no outcome and the reward 0;
- an outcome of 1 is given only where the rows are as they should be (asked anew of the database);
- no step and no reset takes longer than the deadlines say;
- after closing no process is left.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import numpy as np
from measurement import processes_below, usage

from prm_gym.browser import BrowserFault, Page
from prm_gym.env import StepEnv
from prm_gym.errors import EnvironmentFault
from prm_gym.rollout import make_envs
from prm_gym.web import WorldEnv
from prm_gym.web.real_browser import RealBrowser

FAULTS = ("page", "renderer", "browser", "driver", "hang", "heap")
PROBABILITY = 0.04  # of a fault, for each environment and step
DEADLINE, OPENING = 3.0, 20.0
LATEST = 0.05  # seconds after which a process is killed, at most
HANG = "setTimeout(() => { for (;;) {} }, 0)"
HEAP = "setTimeout(() => { const kept = []; for (;;) kept.push(new Array(1e6).fill(Math.random())); }, 0)"


def processes(kind: str) -> list[int]:
    """Processes of ours of a kind."""
    found: list[int] = []
    for pid in processes_below(os.getpid()):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            is_kind = {
                "renderer": "--type=renderer" in command,
                "browser": "chromium" in command and "--type=" not in command and "playwright" not in command.split("--")[0],
                "driver": "/driver/node" in command,
            }
            if is_kind.get(kind):
                found.append(pid)
    return found


def strike(kind: str, page: Page, rng: np.random.Generator) -> bool:
    """Bring about a fault; whether it could be."""
    if kind in ("hang", "heap", "page"):
        with contextlib.suppress(BrowserFault, EnvironmentFault):
            if kind == "page":
                page.pool.call(page.live.command("Page.crash", {}), 5)
            else:
                page.evaluate_in_page(HANG if kind == "hang" else HEAP)
        return True
    found = processes(kind)
    if not found:
        return False
    pid = found[int(rng.integers(len(found)))]
    threading.Timer(rng.random() * LATEST, _end, (pid,)).start()  # so that it falls into the step, or into the reset after it
    return True


def _end(pid: int) -> None:
    """End one of our processes."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def drawn(env: WorldEnv, rng: np.random.Generator) -> str:
    """A listed action; answers, which end the episode, are drawn seldom."""
    actions = [action for action in env.situation.actions if rng.random() < 0.01 or not action.startswith("answer")]
    return str(rng.choice(actions))


class Ledger:
    """What was begun, and how it ended."""

    def __init__(self) -> None:
        self.begun = self.ended = self.invalid = self.solved = self.steps = 0
        self.struck: Counter[str] = Counter()
        self.violations: list[str] = []
        self.longest_step = self.longest_reset = 0.0

    def close(self, env: WorldEnv, reward: float, info: dict[str, Any], truncated: bool) -> None:
        """Put down the end of an episode, and check it."""
        self.ended += 1
        if not info["valid"]:
            self.invalid += 1
            if reward != 0 or info["outcome"] is not None or not truncated:
                self.violations.append(f"an invalid episode ended with reward {reward}, outcome {info['outcome']}, truncated {truncated}")
        elif info["outcome"] == 1.0:
            self.solved += 1
            if not env.live.pursuit.is_done():
                self.violations.append("an outcome of 1 where the rows are not as they should be")


def main() -> None:
    """Run it and print what came out; the exit status is 1 where something was violated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", default="prm_gym/Shop-v0")
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--driver", choices=["playwright", "pipe"], default="pipe")
    parser.add_argument("--json", default="")
    call = parser.parse_args()
    rng = np.random.default_rng(call.seed)
    options = {"mode": "browser", "browser": {"deadline": DEADLINE, "open_deadline": OPENING, "heap_mb": 128, "driver": call.driver}, "reward": "dense"}
    vector = make_envs(call.env, call.envs, options)
    envs, ledger, began = [cast("WorldEnv", env) for env in vector.envs], Ledger(), time.monotonic()
    scripts: list[list[str]] = [[] for _ in envs]
    running = [False] * len(envs)
    while ledger.ended < call.episodes:
        free = [row for row, runs in enumerate(running) if not runs][: max(0, call.episodes - ledger.begun)]
        if free:
            start = time.monotonic()
            StepEnv.reset_batch([envs[row] for row in free], [call.seed * 100_000 + ledger.begun + place for place in range(len(free))], [None] * len(free))
            ledger.longest_reset = max(ledger.longest_reset, time.monotonic() - start)
            for place, row in enumerate(free):
                running[row] = True
                scripts[row] = envs[row].solution() if (ledger.begun + place) % 2 else []
            ledger.begun += len(free)
        rows = [row for row, runs in enumerate(running) if runs]
        for row in rows:
            browser = envs[row].live.browser
            if rng.random() < PROBABILITY and isinstance(browser, RealBrowser):
                kind = FAULTS[int(rng.integers(len(FAULTS)))]
                ledger.struck[kind] += strike(kind, browser.page, rng)
        actions = [scripts[row].pop(0) if scripts[row] else drawn(envs[row], rng) for row in rows]
        start = time.monotonic()
        results = StepEnv.step_batch([envs[row] for row in rows], actions, vector.verifiers)
        ledger.longest_step = max(ledger.longest_step, time.monotonic() - start)
        ledger.steps += len(rows)
        for row, (_, reward, terminated, truncated, info) in zip(rows, results, strict=True):
            if terminated or truncated:
                running[row] = False
                ledger.close(envs[row], reward, info, truncated)
        if sys.stderr.isatty():
            print(f"\r{ledger.ended}/{call.episodes} episodes, {ledger.invalid} invalid, {dict(ledger.struck)}", end="", file=sys.stderr)
    report(call, ledger, vector, time.monotonic() - began)


def report(call: argparse.Namespace, ledger: Ledger, vector: Any, seconds: float) -> None:
    """Close everything, look for what is left, and print."""
    browser = vector.envs[0].live.browser
    statistics = browser.pool.statistics()
    pool = browser.pool
    for env in vector.envs:
        env.close()
    pool.close()
    time.sleep(1)
    left = processes_below(os.getpid())
    if left:
        ledger.violations.append(f"{len(left)} processes are left")
    bound = 2 * DEADLINE + 5
    if ledger.longest_step > bound:
        ledger.violations.append(f"a step took {ledger.longest_step:.1f} s, more than {bound:.0f}")
    result = {
        "env": call.env,
        "driver": call.driver,
        "envs": call.envs,
        "seed": call.seed,
        "episodes": ledger.ended,
        "begun": ledger.begun,
        "steps": ledger.steps,
        "faults": dict(ledger.struck),
        "invalid": ledger.invalid,
        "solved": ledger.solved,
        "longest_step_s": round(ledger.longest_step, 2),
        "longest_reset_s": round(ledger.longest_reset, 2),
        "seconds": round(seconds, 1),
        "pool": statistics,
        "memory_mb_own": round(usage([os.getpid()])[0]),
        "violations": ledger.violations,
    }
    print(json.dumps(result, indent=2))
    if call.json:
        Path(call.json).write_text(json.dumps(result, indent=2) + "\n")
    sys.exit(bool(ledger.violations) or ledger.begun != ledger.ended)


if __name__ == "__main__":
    main()
