"""Steps a second of browser environments on the same five MiniWoB tasks, same machine, same run.

    python benchmarks/web/run.py                       # everything; about a quarter of an hour
    python benchmarks/web/run.py --stacks loop,ours    # rows whose name contains one of these
    python benchmarks/web/run.py --json figures.json

Each stack has a virtual environment of its own under `.cache/bench-web`, which is made here. Windows of all rows take turns, `--windows` times round; a row
is the median of its windows. A stack that cannot be installed or run is told with the reason.
"""

import argparse
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import venv
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workload import CHROMIUM, SEEDS, TASKS

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "bench-web"
# Figures in the README are of these versions.
NEEDS = {
    "playwright": ["playwright==1.65.2", "miniwob==1.1.0"],
    "selenium": ["selenium==4.51.0", "miniwob==1.1.0"],
    "browsergym": ["browsergym-miniwob==0.14.3", "miniwob==1.1.0"],
}
STRIDE = 67
GRACE = 300


@dataclass
class Row:
    """One row of the table, for each number of environments: a script, its mode, and its windows or the reason why there are none."""

    name: str
    peer: str | None
    script: str
    mode: str
    envs: int = 1
    windows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    reason: str = ""

    def median(self, key: str) -> float:
        """The median of one figure."""
        return statistics.median(window[key] for window in self.windows)


BASELINE = "Playwright loop, new page"
ROWS = (
    (BASELINE, "playwright", "playwright_loop.py", "new-page"),
    ("Playwright loop, goto", "playwright", "playwright_loop.py", "goto"),
    ("Playwright loop, restart", "playwright", "playwright_loop.py", "restart"),
    ("MiniWoB's Selenium", "selenium", "selenium_miniwob.py", "text"),
    ("MiniWoB's Selenium, screenshots", "selenium", "selenium_miniwob.py", "screenshots"),
    ("BrowserGym, tuned", "browsergym", "browsergym_loop.py", "tuned"),
    ("BrowserGym, as shipped", "browsergym", "browsergym_loop.py", "shipped"),
    ("ours, trusted input", None, "ours.py", "trusted"),
    ("ours, script actions", None, "ours.py", "script"),
    ("ours, trusted input, through Playwright", None, "ours.py", "trusted-playwright"),
)


def tell(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def interpreter(peer: str | None) -> str:
    """The Python of a stack's virtual environment, made if need be.

    Raises:
        RuntimeError: it cannot be made; the text is the installer's last line.
    """
    if peer is None:
        return sys.executable
    home, needs = CACHE / peer, "\n".join(NEEDS[peer])
    python, stamp = home / "bin" / "python", home / "installed.txt"
    if not stamp.is_file() or stamp.read_text() != needs:
        tell(f"installing {' '.join(NEEDS[peer])}")
        venv.create(home, clear=True, with_pip=True)
        done = subprocess.run([python, "-m", "pip", "install", "-q", *NEEDS[peer]], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"not installed: {last_line(done.stderr)}")
        stamp.write_text(needs)
    return str(python)


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")


def reason_of(failure: str) -> str:
    """What the last exception of a failed script says, or else its last line."""
    said = re.findall(r"^(?:\w+\.)*\w*(?:Error|Exception): (?!Traceback)(.+)$", failure, re.MULTILINE)
    return said[-1] if said else last_line(failure)


def window(row: Row, python: str, seconds: float, first: int) -> dict[str, Any]:
    """The figures of one window of a row.

    Raises:
        RuntimeError: the script failed or did not end; the text is the reason.
    """
    command = [python, str(HERE / row.script), "--envs", str(row.envs), "--seconds", str(seconds), "--first", str(first), "--mode", row.mode]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, err = process.communicate(timeout=seconds + GRACE)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"did not end within {seconds + GRACE:.0f} s") from None
    finally:
        with suppress(ProcessLookupError):  # whatever it has left behind
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode:
        raise RuntimeError(reason_of(err))
    return json.loads(last_line(out))


def measure(rows: list[Row], windows: int, seconds: float) -> None:
    """Fills the rows, window by window in turn; a row that fails once is left out of the further rounds."""
    for number in range(windows):
        for row in rows:
            if row.reason:
                continue
            try:
                row.windows.append(window(row, interpreter(row.peer), seconds, number * STRIDE))
            except RuntimeError as failure:
                row.reason = str(failure)
            said = row.reason or f"{row.windows[-1]['steps_s']:.1f} steps/s"
            tell(f"round {number + 1} of {windows}, {row.envs} environments, {row.name}: {said}")


def table(rows: list[Row]) -> str:
    """The rows in Markdown; ratios are of steps a second, resets included, to the baseline's window of the same round."""
    columns = ["", "envs", "steps/s", "against the loop", "steps/s between resets", "resets/s", "step ms, median", "p95", "reset ms"]
    lines = [" | ".join(["| stack", *columns[1:], "PSS MB", "processes", "CPU ms a step", "success |"]), "|---" * 13 + "|"]
    baselines = {row.envs: row for row in rows if row.name == BASELINE and not row.reason}
    for row in rows:
        if row.reason:
            lines.append(f"| {row.name} | {row.envs} | {row.reason.replace('|', '/')}" + " |" * 11)
            continue
        ratio = ""
        if row.envs in baselines:
            ratios = [own["steps_s"] / loop["steps_s"] for own, loop in zip(row.windows, baselines[row.envs].windows, strict=True)]
            ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        rates = f"{row.median('steps_s'):.1f} | {ratio} | {row.median('steps_s_between_resets'):.1f} | {row.median('resets_s'):.1f}"
        times = f"{row.median('step_ms'):.1f} | {row.median('step_ms_p95'):.1f} | {row.median('reset_ms'):.1f}"
        costs = f"{row.median('pss_mb'):.0f} | {row.median('processes'):.0f} | {row.median('cpu_ms_per_step'):.1f} | {row.median('success'):.3f}"
        lines.append(f"| {row.name} | {row.envs} | {rates} | {times} | {costs} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of one window")
    parser.add_argument("--envs", default="1,8")
    parser.add_argument("--stacks", default="", help="parts of the names of rows; the baseline always runs")
    parser.add_argument("--json", type=Path)
    call = parser.parse_args()
    parts = call.stacks.lower().split(",")
    chosen = [row for row in ROWS if row[0] == BASELINE or any(part in row[0].lower() for part in parts)]
    rows = [Row(*row, envs=int(envs)) for envs in call.envs.split(",") for row in chosen]
    measure(rows, call.windows, call.seconds)
    print(table(rows))
    if call.json:
        about = {"when": datetime.now(UTC).isoformat(), "machine": platform.platform(), "cores": os.cpu_count(), "browser": CHROMIUM, "needs": NEEDS}
        about |= {"tasks": TASKS, "seeds": SEEDS, "first": [number * STRIDE for number in range(call.windows)], "seconds": call.seconds}
        measured = [{"stack": row.name, "mode": row.mode, "envs": row.envs, "reason": row.reason, "windows": row.windows} for row in rows]
        call.json.write_text(json.dumps(about | {"rows": measured}, indent=1) + "\n")


if __name__ == "__main__":
    main()
