"""Runs the blocks of one page in order, as a reader does who types them in: one Python session, one shell, one folder.

Reads a JSON list of `{"kind", "code", "place"}` from the standard input; kinds are `python`, `console` (one command) and `file` (with `name`). Writes to the
file that is its argument what each block printed, as far as the first that failed.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path


def run_block(block, names):
    """What the block printed; raises what it raises."""
    if block["kind"] == "file":
        path = Path(block["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["code"], encoding="utf-8")
        return ""
    if block["kind"] == "console":
        done = subprocess.run(["bash", "-c", block["code"]], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block["code"], block["place"], "exec"), names)
    return printed.getvalue()


def main():
    results = []
    names = vars(sys.modules["__main__"])
    sys.path.insert(0, os.getcwd())
    for block in json.load(sys.stdin):
        try:
            results.append({"printed": run_block(block, names)})
        except BaseException:
            results.append({"error": traceback.format_exc()})
            break
    Path(sys.argv[1]).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
