"""The viewer's page: one self-contained file, or a shell that asks the server it came from."""

from pathlib import Path
from typing import Any

import msgspec

from prm_gym._version import VERSION
from prm_gym.errors import StoreError
from prm_gym.report.formatting import counted, share
from prm_gym.report.markup import Html, element, join, trusted
from prm_gym.report.shell import asset, document_of, look
from prm_gym.store import write_whole
from prm_gym.viewer.collection import MARKS, Collection
from prm_gym.viewer.details import details
from prm_gym.viewer.graphs import group_graph
from prm_gym.viewer.packs import Packer, packed

SCRIPTS = ("text.js", "data.js", "list.js", "steps.js", "attempts.js", "graph.js", "main.js")
MOST_BYTES = 96 << 20
"""Of a page; what needs more is served."""
VALID, TRUNCATED, SPLIT = 1, 2, 4


class TooLargeError(StoreError):
    """A collection does not fit into a page."""


class Written(msgspec.Struct):
    """A page that was written: where, and how many bytes it has."""

    path: Path
    size: int


def write_view(collection: Collection, path: Path, most_bytes: int = MOST_BYTES) -> Written:
    """Write the page of a collection.

    Args:
        collection: what is shown.
        path: file to write.
        most_bytes: that the page may have.

    Raises:
        TooLargeError: it would have more. Nothing is written.
        StoreError: a file was changed since it was read.
    """
    trajectories, graphs = Packer(), Packer()
    for number in range(len(collection.entries)):
        found = collection.trajectory(number)
        trajectories.add(lambda texts, found=found, number=number: details(found, number, collection.advantages, texts))
        if trajectories.bytes > most_bytes:
            raise TooLargeError(f"a page of all would have more than {most_bytes:,} bytes after {number + 1:,} of {len(collection.entries):,} trajectories")
    for number in range(len(collection.groups)):
        graphs.add(lambda _, number=number: group_graph(collection, number))
    trajectories.finish()
    graphs.finish()
    index = columns(collection) | {"packs": trajectories.starts, "texts": trajectories.block_starts, "graphs": graphs.starts, "server": False}
    kinds = (("text", trajectories.blocks), ("trajectory", trajectories.packs), ("graph", graphs.packs))
    blocks = [_block(f"{kind}-{at}", each) for kind, of_kind in kinds for at, each in enumerate(of_kind)]
    # The index stands before the script, which shows the list while the browser still reads the rest.
    page = _document(collection, data=blocks, before=_block("index", packed(index))).encode()
    if len(page) > most_bytes:
        raise TooLargeError(f"a page of all would have {len(page):,} bytes; {most_bytes:,} are the most")
    write_whole(path, page)
    return Written(path, len(page))


def served_page(collection: Collection) -> str:
    """The page that asks its server for everything."""
    return _document(collection, server=True)


def columns(collection: Collection) -> dict[str, Any]:
    """What the list knows: a column a field, names as numbers."""
    entries, advantages = collection.entries, collection.advantages
    return {
        "files": [{"path": file.path} for file in collection.files],
        "envs": collection.envs,
        "agents": collection.agents,
        "verifiers": collection.verifiers,
        "marks": MARKS,
        "credits": [{"name": name, "reasons": advantages.reasons[name]} for name in advantages.names],
        "groups": {
            "file": [group.file for group in collection.groups],
            "id": [group.id for group in collection.groups],
            "title": [group.title for group in collection.groups],
            "first": [group.members[0] for group in collection.groups],
            "size": [len(group.members) for group in collection.groups],
        },
        "id": [entry.id for entry in entries],
        "line": [entry.line for entry in entries],
        "group": [entry.group for entry in entries],
        "env": [entry.env for entry in entries],
        "agent": [entry.agent for entry in entries],
        "outcome": [entry.outcome for entry in entries],
        "reward": [float(f"{entry.reward:.6g}") for entry in entries],
        "steps": [entry.steps for entry in entries],
        "flags": [VALID * entry.valid | TRUNCATED * entry.truncated | SPLIT * entry.split for entry in entries],
        "marks_of": [[entry.marks.get(verifier, 0) for entry in entries] for verifier in range(len(collection.verifiers))],
        "signs": [[advantages.signs(name, number) for number in range(len(entries))] for name in advantages.names],
    }


def _document(collection: Collection, *, server: bool = False, data: "list[Html] | None" = None, before: Html | None = None) -> str:
    script = "(() => {\n" + "\n".join(asset(name, "prm_gym.viewer") for name in SCRIPTS) + "})();"
    style = f"{look()}\n{asset('view.css', 'prm_gym.viewer')}"
    main = element("main", element("p", "Choose a trajectory from the list.", class_="soft"), id="view", tabindex=-1, aria_label="Trajectory")
    body = join(_header(collection), _aside(), main, _help(), *([before] if before is not None else []))
    title = f"Trajectories: {collection.files[0].path}"
    return document_of(title, body, VERSION, style=style, script=script, data=data or [], connect=server, marks={"data_server": "1"} if server else {})


def _header(collection: Collection) -> Html:
    summary = collection.summary()
    said = [counted(summary["trajectories"], "trajectory").replace("trajectorys", "trajectories"), counted(summary["steps"], "step")]
    said += [counted(summary["groups"], "task"), "no outcome is known" if summary["success"] is None else f"mean outcome {share(summary['success'])}"]
    if summary["invalid"]:
        said.append(f"{summary['invalid']:,} spoilt")
    return element(
        "header",
        element("h1", "Trajectories"),
        element("p", " \N{MIDDLE DOT} ".join(said), class_="summary"),
        *_troubles(collection),
        element("button", "Theme: system", type="button", id="theme"),
        element("button", "Keys ", element("kbd", "?"), type="button", id="help-button"),
        element("p", id="changed", role="status"),
        element("noscript", "The list and the steps need JavaScript, which this page runs from itself alone."),
    )


def _troubles(collection: Collection) -> list[Html]:
    """What could not be read, what is odd, and which assigner says nothing."""
    unread = sum(file.unread for file in collection.files)
    lines = collection.problem_lines()
    lines += [f"{file.path}: {note}" for file in collection.files for note in file.notes]
    lines += [f"Columns by the signal {spec}, made anew for every file." for spec in collection.advantages.signals]
    lines += [f"No credit by {name}: {said}" for name in collection.advantages.names if (said := collection.advantages.said(name)) != "assigned"]
    if not lines:
        return []
    heading = f"{counted(unread, 'line')} not read" if unread else "Notes"
    return [element("details", element("summary", heading), element("div", element("ul", *(element("li", line) for line in lines)), tabindex=0), id="troubles")]


def _aside() -> Html:
    def choice(name: str, words: str, *options: tuple[str, str]) -> Html:
        return element("label", words, element("select", *(element("option", text, value=value) for value, text in options), id=name))

    outcomes = (("", "any"), ("solved", "solved (1)"), ("partial", "in between"), ("failed", "failed (0)"), ("unknown", "cannot tell"))
    states = (("", "any"), ("valid", "valid"), ("invalid", "spoilt"), ("truncated", "cut"), ("finished", "finished"))
    signs = (("", "any"), ("positive", "above 0 somewhere"), ("negative", "below 0 somewhere"), ("zero", "0 somewhere"), ("none", "not known somewhere"))
    orders = (("file", "as stored"), ("best", "best outcome"), ("worst", "worst outcome"), ("reward", "highest reward"), ("longest", "most steps"))
    grid = element(
        "div",
        choice("env", "Environment", ("", "all")),
        choice("agent", "Agent", ("", "all")),
        choice("outcome", "Outcome", *outcomes),
        choice("state", "Ended", *states),
        choice("verifier", "Verifier", ("", "any")),
        choice("verdict", "Verdict", ("", "any")),
        choice("assigner", "Advantage by"),
        choice("sign", "is", *signs),
        choice("order", "Order", *orders, ("shortest", "fewest steps")),
        element("label", element("button", "Reset", type="button", id="reset")),
        element("label", element("input", type="checkbox", id="split"), "Verifiers disagree about a step", class_="wide"),
        element("label", element("input", type="checkbox", id="grouped", checked=""), "Group by task", class_="wide"),
        class_="grid",
    )
    search = element("input", type="search", id="search", placeholder="Search ids, tasks and the text of steps", aria_label="Search", autocomplete="off")
    counts = element("div", element("span", id="count", role="status"), element("span", id="progress", role="status"), class_="state-line")
    rows = element("div", element("ol", id="rows", role="list", aria_label="Trajectories"), id="list", tabindex=-1)
    return element(
        "aside",
        element("div", search, class_="find"),
        element("details", element("summary", "Filters and order"), grid, id="filters"),
        counts,
        rows,
        aria_label="List",
    )


def _help() -> Html:
    close = element("button", "Close", type="button", id="help-close")
    return element("dialog", element("h2", "Keys", id="help-name"), element("dl", id="help-keys"), close, id="help", aria_labelledby="help-name")


def _block(name: str, text: str) -> Html:
    """Data that no browser runs: base64, of which no letter means anything in HTML."""
    return element("script", trusted(text), type="application/octet-stream", id=name)
