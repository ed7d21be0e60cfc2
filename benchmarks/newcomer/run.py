"""How long a newcomer takes from the clone to a verifier of their own in a comparison, by the commands of README.md and docs/tutorial_verifier.md.

    python benchmarks/newcomer/run.py [--source REPOSITORY] [--python python3] [--folder EMPTY] [--json] [--readme]

1. A clone in an empty folder, with an empty home (so nothing is cached) and without the environment that this script runs in.
2. The command for the demo as README.md has it; the time until it begins to train is that of installing.
3. Its report in a fresh Chromium, three times: from the start of the navigation to the first frame after everything is loaded.
4. Every block of the tutorial, in order, in a folder outside the clone: files are written as the page has them, commands and Python are run, and what they
   print is compared with what the page shows. `pip` and `prm-gym` are those of the clone's environment.
5. The report that the tutorial's comparison has named, in Chromium: the row of the verifier that was plugged in.

A command that fails, prints something else than its page, or takes longer than its limit ends the path: exit status 1, with the times so far. Needs git,
make and Playwright with a browser.
"""

import argparse
import contextlib
import doctest
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from playwright.sync_api import Page, sync_playwright

from prm_gym.browser import find_browser
from prm_gym.machine import machine_in_words

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TUTORIAL = Path("docs/tutorial_verifier.md")
TRAINING = re.compile(r"^\S*prm-gym compare ")  # make prints it when everything is installed
DEMO_LIMIT, LIMIT = 5400.0, 600.0  # seconds of the demo with all that it downloads, and of any other command
OPENINGS = 3
LEFT_OUT = re.compile(r"VIRTUAL_ENV|PYTHON(PATH|HOME)|CONDA_.*|XDG_.*|PRM_GYM_(?!CHROMIUM).*|MAKE.*|MFLAGS")
USABLE = 'addEventListener("load", () => requestAnimationFrame(() => setTimeout(() => { window.usableAt = performance.now(); })));'
# The row of a verifier in the first table of the section on verifiers, by column.
ROW = """(name) => {
  const table = document.querySelector("section[aria-labelledby=verifiers] table");
  const row = [...(table?.tBodies[0].rows ?? [])].find((each) => each.cells[0].textContent.trim() === name);
  return row ? Object.fromEntries([...row.cells].map((cell, i) => [table.tHead.rows[0].cells[i].textContent.trim(), cell.textContent.trim()])) : null;
}"""


class PathEndsError(Exception):
    """A newcomer would have got no further."""


@dataclass(frozen=True)
class Block:
    """A block of a page: `kind` is "file", "console" (one command) or "python"; `shown` is what it prints as far as the page says so."""

    kind: str
    code: str
    name: str = ""
    shown: str | None = None


@dataclass(frozen=True)
class Step:
    """What a newcomer has done, and the seconds that it took."""

    what: str
    seconds: float
    command: str = ""


@dataclass
class Journey:
    """All that was found: times, lines of the plug-in by file (empty ones aside), its row in the report, MiB of the environment, and why it ended early."""

    steps: list[Step] = field(default_factory=list[Step])
    lines: dict[str, int] = field(default_factory=dict[str, int])
    row: dict[str, str] = field(default_factory=dict[str, str])
    environment_mib: int | None = None
    ended: str = ""


def blocks_of(text: str) -> Iterator[Block]:
    """The blocks of a page that a reader runs or writes, in order, those apart that a comment says are not run."""
    tokens = [token for token in MarkdownIt().parse(text) if token.type in ("fence", "html_block")]
    for i, token in enumerate(tokens):
        language, _, rest = token.info.partition(" ")
        title = re.search(r'title="([^"]+)"', rest)
        if token.type != "fence" or (i and tokens[i - 1].content.startswith(("<!-- not run:", "<!-- long:"))):
            continue
        if title:
            yield Block("file", token.content, title[1])
        elif language == "console":
            for command, shown in re.findall(r"^\$ ((?:.*\\\n)*.+)\n((?:(?!\$ ).*\n)*)", token.content, re.MULTILINE):
                yield Block("console", command, shown=shown or None)
        elif language == "python":
            printed = tokens[i + 1] if i + 1 < len(tokens) else None
            yield Block("python", token.content, shown=printed.content if printed and printed.type == "fence" and not printed.info else None)


def environment_of(home: Path, first: Path | None = None) -> dict[str, str]:
    """The variables of a shell that knows nothing of the environment this script runs in.

    Args:
        home: an empty folder.
        first: a folder of commands that an environment was activated for.
    """
    own = {str(Path(sys.executable).parent), str(Path(sys.prefix) / "bin")}
    path = [each for each in os.environ["PATH"].split(os.pathsep) if each not in own]
    kept = {name: value for name, value in os.environ.items() if not LEFT_OUT.fullmatch(name)}
    return kept | {"HOME": str(home), "PATH": os.pathsep.join([*([str(first)] if first else []), *path]), "COLUMNS": "160", "NO_COLOR": "1"}


def lines_in_time(arguments: list[str], folder: Path, variables: dict[str, str], limit: float) -> tuple[float, list[tuple[float, str]]]:
    """What a command took, and the lines that it printed, each with the seconds after which it came.

    Raises:
        PathEndsError: the command failed, or took too long; then it is killed with all that it has started.
    """
    began, printed = time.perf_counter(), list[tuple[float, str]]()
    late = threading.Event()
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            arguments, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        ) as process:
            clock = threading.Timer(limit, lambda: (late.set(), _end(process)))
            clock.start()
            try:
                printed.extend((time.perf_counter() - began, line) for line in process.stdout or ())
                status = process.wait()
            finally:
                clock.cancel()
                _end(process)
        seconds = time.perf_counter() - began
        errors.seek(0)
        said = "".join([*(line for _, line in printed[-15:]), *errors.readlines()[-15:]])
    if status:
        why = f"took more than {limit:.0f} seconds" if late.is_set() else f"failed with status {status}"
        raise PathEndsError(f"{' '.join(arguments[-1:])}\n{why}\n{said}")
    return seconds, printed


def _end(process: "subprocess.Popen[str]") -> None:
    """End what is left of a command that was started here, with all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def demo_command(readme: str) -> str:
    """The command that README.md gives for the demo.

    Raises:
        PathEndsError: it gives none.
    """
    found = re.search(r"^\$ (make demo)\b(?!-)", readme, re.MULTILINE)
    if found is None:
        raise PathEndsError("README.md names no command for the demo")
    return found[1]


def plugged_in(files: dict[str, str]) -> str:
    """The name under which a package enters a verifier, from its pyproject.toml.

    Raises:
        PathEndsError: the package enters not one verifier.
    """
    texts = [text for name, text in files.items() if Path(name).name == "pyproject.toml"]
    names = [name for text in texts for name in tomllib.loads(text)["project"].get("entry-points", {}).get("prm_gym.verifiers", {})]
    if len(names) != 1:
        raise PathEndsError(f"the files of the tutorial enter {len(names)} verifiers")
    return names[0]


def lines_to_write(text: str) -> int:
    """How many lines of a file are not empty."""
    return sum(1 for line in text.splitlines() if line.strip())


@contextlib.contextmanager
def opened(path: Path) -> Generator[tuple[Page, float]]:
    """A page in a fresh Chromium, with the milliseconds until it could be used.

    Raises:
        PathEndsError: the page is not there, or a script of it has failed.
    """
    if not path.is_file():
        raise PathEndsError(f"there is no report {path.name}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser().path, args=["--no-sandbox"])
        try:
            page, faults = browser.new_page(viewport={"width": 1440, "height": 900}), list[str]()
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.add_init_script(USABLE)
            page.goto(path.as_uri())
            page.wait_for_function("() => window.usableAt && document.querySelector('#results') && document.querySelector('svg.curves')")
            if faults:
                raise PathEndsError(f"the report {path.name} fails: {faults[0]}")
            yield page, page.evaluate("window.usableAt")
        finally:
            browser.close()


def clone_and_demo(journey: Journey, source: str, python: str, folder: Path, home: Path) -> Path:
    """The clone after its demo, whose report has been opened; the folder of the clone."""
    clone, variables = folder / "prm_gym", environment_of(home)
    seconds, _ = lines_in_time(["git", "clone", "--quiet", source, str(clone)], folder, variables, LIMIT)
    journey.steps.append(Step("clone", seconds, "git clone"))
    command = demo_command((clone / "README.md").read_text(encoding="utf-8"))
    seconds, printed = lines_in_time(["bash", "-c", f"{command} PYTHON={python}"], clone, variables, DEMO_LIMIT)
    installed = next((at for at, line in printed if TRAINING.match(line)), None)
    if installed is None:
        raise PathEndsError(f"{command} has not said when it began to train")
    journey.environment_mib = sum(path.stat().st_size for path in (clone / ".venv").rglob("*") if path.is_file() and not path.is_symlink()) >> 20
    journey.steps += [Step("install", installed, command), Step("train and compare", seconds - installed, command)]
    times: list[float] = []
    for _ in range(OPENINGS):
        with opened(clone / "runs/demo/report.html") as (_, usable):
            times.append(usable / 1000)
    journey.steps.append(Step("open the report", statistics.median(times), "runs/demo/report.html"))
    return clone


def tutorial(journey: Journey, clone: Path, folder: Path, home: Path) -> None:
    """The plug-in written, installed, tested and compared, as the page has it."""
    blocks = list(blocks_of((clone / TUTORIAL).read_text(encoding="utf-8")))
    files = {block.name: block.code for block in blocks if block.kind == "file"}
    journey.lines = {name: lines_to_write(text) for name, text in files.items()}
    name, variables = plugged_in(files), environment_of(home, clone / ".venv/bin")
    checker, report = doctest.OutputChecker(), ""
    for block in blocks:
        if block.kind == "file":
            (folder / block.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.name).write_text(block.code, encoding="utf-8")
            continue
        command = ["bash", "-c", block.code] if block.kind == "console" else ["python", "-c", block.code]
        seconds, printed = lines_in_time(command, folder, variables, LIMIT)
        text = "".join(line for _, line in printed)
        if block.shown is not None and not checker.check_output(block.shown, text, doctest.ELLIPSIS):
            raise PathEndsError(f"{block.code}\nshows\n{block.shown}\nand prints\n{text}")
        journey.steps.append(Step(*_what(block, seconds)))
        report = next(iter(re.findall(r"\S+report\.html", text)), report)
    with opened(folder / report) as (page, usable):
        found: dict[str, str] | None = page.evaluate(ROW, name)
    if found is None:
        raise PathEndsError(f"the report {report} has no row of the verifier {name}")
    journey.row = found
    journey.steps.append(Step("open its report", usable / 1000, report))


def _what(block: Block, seconds: float) -> tuple[str, float, str]:
    """The step of a block of the tutorial: its first words, so that the table is readable, and the first line of it."""
    if block.kind == "python":
        return "steps in an environment", seconds, "python"
    words = re.match(r"(?:python -m )?(\S+(?: (?!-|\.)[a-z-]+)?)", block.code)
    return words[1] if words else block.code, seconds, block.code.splitlines()[0]


def table(journey: Journey, machine: str, load: float) -> str:
    """The results as Markdown."""
    rows = [f"| {step.what} | {step.seconds:,.1f} |" for step in journey.steps]
    parts = [
        f"{machine}; load of other work at the beginning: {load:.1f}.",
        "\n".join(["| step | seconds |", "| --- | --- |", *rows, f"| **together** | **{sum(step.seconds for step in journey.steps):,.0f}** |"]),
    ]
    if journey.environment_mib is not None:
        parts.append(f"The environment that the demo installs: {journey.environment_mib:,} MiB.")
    if journey.lines:
        written = ", ".join(f"`{Path(name).name}` {count}" for name, count in journey.lines.items())
        parts.append(f"Lines that a newcomer writes, empty ones aside: {written}; together {sum(journey.lines.values())}.")
    if journey.row:
        cells = "\n".join(f"| {name} | {value} |" for name, value in journey.row.items())
        parts.append(f"What the report says of the plug-in:\n\n| | |\n| --- | --- |\n{cells}")
    if journey.ended:
        parts.append(f"The path ended early:\n\n```text\n{journey.ended.strip()}\n```")
    return "\n\n".join(parts)


def into_readme(text: str) -> None:
    """Put the tables between the two marks of README.md."""
    path = HERE / "README.md"
    before, mark, rest = path.read_text(encoding="utf-8").partition("<!-- measured -->\n")
    _, end, after = rest.partition("<!-- end -->")
    path.write_text(f"{before}{mark}\n{text}\n\n{end}{after}", encoding="utf-8")


def walked(source: str, python: str, folder: Path) -> Journey:
    """The whole path, or as much of it as a newcomer gets.

    Args:
        source: of the clone.
        python: that the environment is made with.
        folder: empty; everything is written there.
    """
    journey, home, own = Journey(), folder / "home", folder / "own"
    home.mkdir()
    own.mkdir()
    try:
        tutorial(journey, clone_and_demo(journey, source, python, folder, home), own, home)
    except PathEndsError as reason:
        journey.ended = str(reason)
    return journey


def main() -> None:
    """Walk the path and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=str(ROOT), help="repository that is cloned; only what is committed takes part")
    parser.add_argument("--python", default="python3", help="that the environment is made with")
    parser.add_argument("--folder", type=Path, help="an empty folder that is kept; by default a temporary one, which is not")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--readme", action="store_true", help="write the tables into README.md as well")
    given = parser.parse_args()
    if given.folder is not None and given.folder.is_dir() and any(given.folder.iterdir()):
        parser.error(f"{given.folder} is not empty")
    if not find_browser().path:
        parser.error(f"no browser: {find_browser().reason}")
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newcomer-")))
        folder.mkdir(parents=True, exist_ok=True)
        load = os.getloadavg()[0]
        journey = walked(given.source, given.python, folder.resolve())
    machine = machine_in_words("cpu")
    text = table(journey, machine, load)
    print(json.dumps({**asdict(journey), "machine": machine, "load": load}, indent=1) if given.json else text)
    if given.readme and not journey.ended:
        into_readme(text)
    if journey.ended:
        sys.exit(1)


if __name__ == "__main__":
    main()
