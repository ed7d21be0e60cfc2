"""Parses the command lines of scripts as the scripts do, and runs nothing behind that.

Reads a JSON list of `[script, argument, ...]` from the standard input, and writes to the file that is its argument, for each, `{"options": [...]}` (all
options of its parser) or `{"error": "..."}`. Every script runs in a fork of this process, which has imported what takes long, and ends where it has parsed.
"""

import argparse
import contextlib
import json
import os
import re
import runpy
import signal
import sys
import tempfile
import traceback
from pathlib import Path

LIMIT = 60  # seconds for a script to come to its parser


class Parsed(BaseException):
    """The script has parsed its command line; it holds the options that there are."""


def main():
    for heavy in ("torch", "transformers", "matplotlib.pyplot", "prm_gym.cli", "prm_gym.training.compare"):
        with contextlib.suppress(ImportError):
            __import__(heavy)
    jobs = json.load(sys.stdin)
    Path(sys.argv[1]).write_text(json.dumps([parsed(*job) for job in jobs]), encoding="utf-8")


def parsed(script, *arguments):
    """What a script makes of its command line, found out in a fork."""
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            signal.alarm(LIMIT)
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            status = 1
            try:
                status = run(script, arguments, said)
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        text = said.read()
    return json.loads(text) if status == 0 else {"error": text[-2000:] or f"it ended with status {status}, by the limit of {LIMIT} s if that is 14"}


def run(script, arguments, said):
    """The exit status; on 0 the options have been written."""
    if not arguments and not re.search(r"\bparse_args\(|\btyro\.cli\(", Path(script).read_text(encoding="utf-8")):
        return answered(said, [])
    parse = argparse.ArgumentParser.parse_args

    def parse_alone(parser, *given, **named):
        parse(parser, *given, **named)
        raise Parsed([option for action in parser._actions for option in action.option_strings])

    argparse.ArgumentParser.parse_args = parse_alone
    with contextlib.suppress(ImportError):
        import tyro

        read = tyro.cli
        tyro.cli = lambda kind, *given, **named: read(kind, *given, **named) and parse_alone(tyro.extras.get_parser(kind), [])
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).parent)
    try:
        runpy.run_path(script, run_name="__main__")
    except Parsed as done:
        return answered(said, done.args[0])
    except BaseException:
        traceback.print_exc()
        return 1
    said.write("it ended without parsing its command line")
    said.flush()
    return 1


def answered(said, options):
    """Says which options there are, in the place of all that the script has said."""
    said.seek(0)
    said.truncate()
    json.dump({"options": options}, said)
    said.flush()
    return 0


if __name__ == "__main__":
    main()
