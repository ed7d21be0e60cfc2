"""A task in a real shop in a real browser, each step checked; and how fast the same tasks go with a browser and without one.

    python benchmarks/web/demo.py [--env prm_gym/Shop-v0] [--seed 5] [--out runs/demo-web]

Writes a picture of every step, and `episode.html` that shows them beside the verdicts.
"""

import argparse
import base64
import html
import time
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
from rich.console import Console
from rich.table import Table
from worlds import window

import prm_gym
from prm_gym.browser import find_browser
from prm_gym.rollout import make_envs
from prm_gym.web import WorldEnv

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0; background: #f4f5f7; color: #1f2430; } main { max-width: 1180px; margin: 24px auto; padding: 0 20px; }
article { background: #fff; border-radius: 12px; padding: 14px 18px; margin: 0 0 16px; display: grid; grid-template-columns: 1fr 620px; gap: 18px; }
img { width: 100%; border: 1px solid #e4e7ec; border-radius: 8px; } code { background: #eef2f7; border-radius: 6px; padding: 2px 7px; overflow-wrap: anywhere; }
.label { font-weight: 700; } .correct { color: #12704a; } .incorrect, .malformed { color: #b42318; } .neutral, .trivial { color: #667085; }
.bar { height: 8px; background: #e4e7ec; border-radius: 9px; } .bar div { height: 8px; background: #12704a; border-radius: 9px; }
"""


def play(env: WorldEnv, seed: int, console: Console) -> list[dict[str, Any]]:
    """The scripted episode with one wrong step in it, as records for the page; told on the console as it goes."""
    observation, info = env.reset(seed=seed)
    console.print(f"[bold]{env.task.question}[/bold]\n")
    records: list[dict[str, Any]] = [{"action": "", "verdict": None, "screenshot": info["screenshot"]}]
    script = env.solution()
    for action in ("click [999]", *script):
        observation, _, _, _, info = env.step(action)
        verdict = info["verdicts"]["state"]
        colour = {"correct": "green", "incorrect": "red"}.get(verdict.label or "", "bright_black")
        progress = verdict.evidence.get("progress", 0.0)
        console.print(f"  {action}\n      [{colour}]{verdict.label}[/{colour}] {verdict.reason}  (progress {progress:.2f})", highlight=False)
        records.append({"action": action, "verdict": verdict, "screenshot": info["screenshot"], "progress": progress})
    console.print(f"\nOutcome: {info['outcome']}\n")
    _ = observation
    return records


def page(wish: str, records: list[dict[str, Any]]) -> str:
    """The episode as one HTML page."""
    parts = [f"<title>{html.escape(wish)}</title><style>{STYLE}</style><main><h1>{html.escape(wish)}</h1>"]
    for number, record in enumerate(records):
        picture = base64.b64encode(record["screenshot"] or b"").decode()
        verdict = record["verdict"]
        said = "<p>The first page.</p>"
        if verdict is not None:
            said = (
                f"<p><code>{html.escape(record['action'])}</code></p>"
                f'<p><span class="label {verdict.label}">{verdict.label}</span>: {html.escape(verdict.reason)}</p>'
                f'<div class="bar"><div style="width:{100 * record["progress"]:.0f}%"></div></div><p>progress {record["progress"]:.2f}</p>'
            )
        parts.append(
            f'<article><div><h2>Step {number}</h2>{said}</div><img alt="the window after step {number}" src="data:image/png;base64,{picture}"></article>'
        )
    return "<!doctype html><meta charset=utf-8>" + "".join(parts) + "</main>"


def speed(env_id: str, console: Console) -> None:
    """Steps a second with and without a browser, random agents."""
    table = Table(title=f"{env_id}: the same tasks, random agents, one page")
    for column in ("", "steps/s", "resets/s"):
        table.add_column(column)
    for mode in ("text", "browser"):
        vector = make_envs(env_id, 1, {"mode": mode, "max_steps": 100})
        window(vector, 1.0, 0)
        found = window(vector, 4.0, 1000)
        table.add_row(mode, f"{found['steps_per_second']:,.0f}", f"{found['resets_per_second']:,.0f}")
        for env in vector.envs:
            env.close()
    console.print(table)


def main() -> None:
    """Play, write, measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", default="prm_gym/Shop-v0")
    parser.add_argument("--difficulty", type=int, default=3)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", default="runs/demo-web")
    call = parser.parse_args()
    console, began = Console(), time.monotonic()
    browser = find_browser()
    if not browser.path:
        console.print(f"There is no browser here: {browser.reason}")
        return
    console.print(f"prm_gym {prm_gym.__version__}, browser {browser.path} ({browser.version})\n")
    env = cast("WorldEnv", gym.make(call.env, difficulty=call.difficulty, mode="browser", show=("screenshot",)).unwrapped)
    out = Path(call.out)
    out.mkdir(parents=True, exist_ok=True)
    records = play(env, call.seed, console)
    for number, record in enumerate(records):
        (out / f"step-{number:02d}.png").write_bytes(record["screenshot"] or b"")
    (out / "episode.html").write_text(page(env.task.question, records), encoding="utf-8")
    env.close()
    console.print(f"{out / 'episode.html'} shows the episode.\n")
    speed(call.env, console)
    console.print(f"\n{time.monotonic() - began:.0f} s in all.")


if __name__ == "__main__":
    main()
