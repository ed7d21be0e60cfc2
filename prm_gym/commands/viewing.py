"""Stored trajectories looked at in a browser: `view`."""

import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from prm_gym.commands.records import print_records, read_names, seen
from prm_gym.errors import OptionError, StoreError

if TYPE_CHECKING:
    from prm_gym.viewer.collection import Collection

SHOWN_PROBLEMS = 12


def view(
    path: Annotated[tuple[str, ...], tyro.conf.Positional],
    credit: str = "grpo,gigpo,salt",
    signal: tuple[str, ...] = (),
    out: str = "",
    serve: bool = False,
    port: int = 0,
    open: bool = False,
    most_mb: int = 96,
    json: bool = False,
) -> None:
    """Look at stored trajectories in a browser: one page with everything in it, or a local server that reads them as they are asked for.

    What cannot be read is counted and named, on the page and here; the exit status is 2 where nothing can be read. Trajectories that do not fit into a page are
    served, which is said. Gold answers (`Task.sealed`) are left out; claims, which may hold parts of them, are shown.

    Args:
        path: files of trajectories (JSON lines or Parquet), or folders, of which all such files are shown.
        credit: credit assigners whose advantages are shown side by side, with commas between them; "" for none. One that needs more than trajectories hold is
            left out, and named.
        signal: learned signals that fill columns which assigners need, with options, each made anew for every file: 'mc_value:random?k=9' (see
            `prm-gym credit`). Those that play take their time.
        out: file of the page; by default beside the first path, under its name.
        serve: serve at a local address instead, until interrupted.
        port: of the server; 0 for any that is free.
        open: open the browser.
        most_mb: megabytes (2^20 bytes) that a page may have.
        json: print the figures as JSON.
    """
    if not path:
        raise OptionError("name a file of trajectories, or a folder: prm-gym view runs/demo")
    if most_mb < 1 or not 0 <= port < 65536:
        raise OptionError(f"most-mb is at least 1 and port in [0, 65535], got {most_mb} and {port}")
    from prm_gym.viewer.collection import Collection
    from prm_gym.viewer.page import TooLargeError, write_view

    collection = Collection(path, read_names(credit) if credit.strip() else (), signal, _notice)
    if not serve:
        target = _target(path[0], out)
        try:
            written = write_view(collection, target, most_mb << 20)
        except TooLargeError as error:
            print(f"prm-gym: {error}; it is served instead (--most-mb allows more)", file=sys.stderr)
            serve = True
        else:
            _say(collection, {"page": str(written.path), "bytes": written.size}, json)
            _opened(written.path.resolve().as_uri(), open)
    if serve:
        _serve(collection, port, open, json)


def _notice(text: str) -> None:
    print(f"prm-gym: {text}", file=sys.stderr, flush=True)


def _target(first: str, out: str) -> Path:
    """Where the page goes; a file that is no page of ours is not written over.

    Raises:
        StoreError: there is one.
    """
    path = Path(first)
    target = Path(out) if out else path / "view.html" if path.is_dir() else path.with_suffix(".html")
    if target.is_dir():
        raise StoreError(f"{target} is a folder; name a file by --out")
    if target.is_file():
        with target.open("rb") as file:
            if b'<meta name="generator" content="prm_gym' not in file.read(4096):
                raise StoreError(f"{target} is no page of prm_gym and is not written over; name another file by --out")
    return target


def _serve(collection: "Collection", port: int, open_browser: bool, as_json: bool) -> None:
    from prm_gym.viewer.server import ViewServer

    with suppress(KeyboardInterrupt), ViewServer(collection, port) as server:  # an interruption is the way to end it
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # and so is being told to end
        _say(collection, {"served at": server.url}, as_json)
        print("Interrupt (Ctrl-C) ends it.", file=sys.stderr, flush=True)
        _opened(server.url, open_browser)
        server.serve_forever()


def _say(collection: "Collection", where: dict[str, Any], as_json: bool) -> None:
    """The figures; what could not be read goes to the second output, so that it is seen when the first is a program's."""
    summary = collection.summary()
    lines = collection.problem_lines()
    for line in lines[:SHOWN_PROBLEMS]:
        print(seen(f"prm-gym: {line}"), file=sys.stderr)
    if len(lines) > SHOWN_PROBLEMS:
        print(f"prm-gym: and {len(lines) - SHOWN_PROBLEMS} more, all on the page", file=sys.stderr)
    if as_json:
        print_records([summary | where], True)
    else:
        shown = {name: value for name, value in summary.items() if name not in ("files", "unread")}
        notes = [f"{file.path}: {note}" for file in collection.files for note in file.notes]
        print_records([{**shown, "not read": summary["unread"] or None, "notes": notes, **where}], False)
    sys.stdout.flush()


def _opened(url: str, wanted: bool) -> None:
    if not wanted:
        return
    import webbrowser

    if not webbrowser.open(url):
        print(f"prm-gym: no browser can be opened here; the address is {url}", file=sys.stderr)
