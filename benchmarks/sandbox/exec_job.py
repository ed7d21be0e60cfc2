"""What a worker that is used again does with a program: run it in its own process, with no wall around it. The unsafe bound."""

import contextlib
import io


def work(code: str) -> str:
    """What the program printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})
    return said.getvalue()
