"""prm_gym and other projects at the same work, side by side in one run.

    python benchmarks/peers/run.py                                  # all of them; what is in the file of --out is not measured again
    python benchmarks/peers/run.py --peers gem-llm,math-verify --repeats 3 --seconds 1
    python benchmarks/peers/run.py --lock trl                       # write the lock file of a peer anew

Every peer is installed from its lock file into an environment of its own. Its part (parts/) runs there as a process of its own for every measure and prints
JSON. Repeats are interleaved: all peers take a measure in turn, and each repeat begins with another of them. What is compared with what, and what cannot be
compared, stands in README.md.
"""

import argparse
import contextlib
import json
import os
import random
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pairs import hostile, pairs
from roster import BASELINE, HERE, ROOT, ROSTER, build, lock, python_of
from tables import report

from prm_gym.browser import find_browser
from prm_gym.machine import machine_in_words

SEED = 20_261_122
EACH = 20  # right pairs of a family
GROUPS = {"16 x 8": (16, 8), "512 x 16": (512, 16)}
LONGEST = 600.0  # seconds for a measure
STARTS_WITHIN = 120.0  # seconds for a grader
HANGS_AFTER = 20.0  # seconds without a word on a hostile answer
MEASURES = ("start", "space", "sums", "sudoku", "miniwob", "answers", "hostile", "advantages")


def work(seconds: float) -> dict[str, Any]:
    """What all parts are given: the same for all of them."""
    draw = random.Random(SEED)
    groups = {name: [[float(draw.random() < 0.4) for _ in range(attempts)] for _ in range(count)] for name, (count, attempts) in GROUPS.items()}
    warm = pairs(SEED + 1, 1)[:5]
    return {"seconds": seconds, "first": 0, "pairs": pairs(SEED, EACH), "warm": warm, "hostile": hostile(), "groups": groups}


def measured(name: str, measure: str, given: dict[str, Any]) -> dict[str, Any]:
    """What a part prints; under "failed" why there is nothing."""
    return _graded_hostile(name, given) if measure == "hostile" else _run(name, measure, given)


def _run(name: str, measure: str, given: dict[str, Any]) -> dict[str, Any]:
    with _started(name, measure, given) as process:
        try:
            out, error = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            _end(process)
            return {"failed": f"no end after {LONGEST:.0f} seconds"}
    lines = out.decode(errors="replace").strip().splitlines()
    if process.returncode or not lines:
        return {"failed": error.decode(errors="replace").strip()[-600:] or f"exit status {process.returncode}"}
    return json.loads(lines[-1])


def _graded_hostile(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """What is said of the hostile answers; a process that says nothing for too long is ended, and a new one goes on with the next answer."""
    said: list[Any] = []
    while len(said) < len(given["hostile"]):
        before = len(said)
        with _started(name, "hostile", {**given, "first": before}) as process:
            ready = False
            for line in _lines(process):
                ready = True
                if "place" in line:
                    said.append([line["said"], line["seconds"]])
            _end(process)
        if not ready:
            return {"failed": "the grader did not start"}
        if len(said) < len(given["hostile"]):
            said.append(["hung" if process.returncode in (None, -signal.SIGKILL) else "died", None])
        if len(said) == before:
            return {"failed": "nothing was said"}
    return {"said": said}


def _lines(process: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    """JSON that a process prints, until it ends or is silent for too long."""
    assert process.stdout is not None
    buffer, limit = b"", time.monotonic() + STARTS_WITHIN
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, limit - time.monotonic())):
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return
            *whole, buffer = (buffer + data).split(b"\n")
            for line in whole:
                if line.startswith(b"{"):
                    yield json.loads(line)
                    limit = time.monotonic() + HANGS_AFTER


def _started(name: str, measure: str, given: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """A part at work, in a session of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8", delete=False) as file:
        json.dump(given, file)
    return subprocess.Popen(
        [python_of(name), str(HERE / "parts" / ROSTER[name].part), measure, file.name],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if measure == "hostile" else subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", **_browser()},
        start_new_session=True,
    )


def _browser() -> dict[str, str]:
    """Where the browser and the pages of MiniWoB++ are that all use."""
    found, pages = find_browser(), find_spec("miniwob")
    folder = Path(pages.origin).parent / "html" / "miniwob" if pages is not None and pages.origin else ""
    return {"PEERS_CHROMIUM": found.path, "PEERS_MINIWOB": str(folder)}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that was started here, with all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def versions(name: str) -> dict[str, str]:
    """Versions by package, of what is installed for a peer."""
    code = "import json,importlib.metadata as m; print(json.dumps([[d.metadata['Name'], d.version] for d in m.distributions()]))"
    found = json.loads(subprocess.run([python_of(name), "-c", code], check=True, capture_output=True, text=True).stdout)
    return {package.lower().replace("_", "-"): version for package, version in found if package}


def records(path: Path) -> list[dict[str, Any]]:
    """What has been measured; a line that was cut off is left out."""
    found: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def plan(names: Sequence[str], measures: Sequence[str], repeats: int) -> Iterator[tuple[str, str, int]]:
    """Peer, measure and repeat, in the order of measuring: another peer begins every repeat. What does not depend on time is measured once."""
    for repeat in range(repeats):
        for measure in measures:
            if measure in ("space", "hostile") and repeat:
                continue
            turn = [name for name in names if measure in ROSTER[name].measures]
            start = repeat % max(1, len(turn))
            for name in turn[start:] + turn[:start]:
                yield name, measure, repeat


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=",".join(ROSTER), help=f"with commas between them; {BASELINE} always takes part")
    parser.add_argument("--measures", default=",".join(MEASURES), help="likewise")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each rate")
    parser.add_argument("--out", default=str(ROOT / ".cache" / "peers" / "results.jsonl"), help="file of records; goes on where it ends")
    parser.add_argument("--readme", action="store_true", help="write the tables into README.md as well")
    parser.add_argument("--json", action="store_true", help="print the records instead of tables")
    parser.add_argument("--lock", default="", help="peers whose lock files are written anew; nothing is measured")
    chosen = parser.parse_args()
    for given, known in ((chosen.peers, tuple(ROSTER)), (chosen.measures, MEASURES), (chosen.lock, tuple(ROSTER))):
        if unknown := set(filter(None, given.split(","))) - set(known):
            parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return chosen


def into_readme(text: str) -> None:
    """Put the tables between the two marks of README.md."""
    path = HERE / "README.md"
    before, mark, rest = path.read_text(encoding="utf-8").partition("<!-- measured -->\n")
    _, end, after = rest.partition("<!-- end -->")
    path.write_text(f"{before}{mark}\n{text}\n\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Install, measure, print."""
    chosen = arguments()
    if chosen.lock:
        for name in chosen.lock.split(","):
            lock(name)
        return
    names = [name for name in ROSTER if name == BASELINE or name in chosen.peers.split(",")]
    path = Path(chosen.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"seconds": chosen.seconds, "seed": SEED, "each": EACH}
    known = {(each["peer"], each["measure"], each["repeat"]) for each in records(path) if each["settings"] == settings and "failed" not in each["found"]}
    given, installed = work(chosen.seconds), dict[str, dict[str, str]]()
    for name, measure, repeat in plan(names, [each for each in MEASURES if each in chosen.measures.split(",")], chosen.repeats):
        if (name, measure, repeat) in known:
            continue
        if name not in installed:
            build(name)
            installed[name] = versions(name)
        print(f"repeat {repeat + 1}: {measure} of {name}", file=sys.stderr, flush=True)
        began, load = time.time(), os.getloadavg()[0]
        record = {
            "peer": name, "measure": measure, "repeat": repeat, "settings": settings, "found": measured(name, measure, given), "began": began, "load": load,
            "machine": machine_in_words("cpu"), "versions": installed[name],
        }  # fmt: skip
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    kept = [each for each in records(path) if each["settings"] == settings and each["peer"] in names]
    if chosen.json:
        print(json.dumps(kept, indent=1))
    else:
        print(report(kept, given))
    if chosen.readme:
        into_readme(report(kept, given))


if __name__ == "__main__":
    main()
