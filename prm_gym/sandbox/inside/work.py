"""What a job does once it is behind the walls: run a program, call a function, query a database. Everything written here is a claim.

The job and its result share one memory file, descriptor `CHANNEL`: the job reads its task there, and writes records of JSON, one a line, from the beginning.
"""

import _thread
import ast
import atexit
import builtins
import gc
import io
import json
import linecache
import marshal
import os
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any, NoReturn

import proxy
import serving
from encoding import TooLarge, class_name, decode, encode
from exits import END, EXIT_EXCEPTION, EXIT_MEMORY, REACHED

CHANNEL, PEER = 3, 4
MAX_MESSAGE = 500
PROGRAM, SOLUTION = "<program>", "solution"
# What the interpreter itself does at its end: wait for threads that are no daemons.
_thread_count: Callable[[], int] = vars(_thread)["_count"]
_run_exit_functions: Callable[[], None] = vars(atexit)["_run_exitfuncs"]
_wait_for_threads: Callable[[], None] = vars(threading)["_shutdown"]


def read_task() -> dict[str, Any]:
    """The task in the memory file, which is emptied for the result."""
    data = os.pread(CHANNEL, os.lseek(CHANNEL, 0, os.SEEK_END), 0)
    os.lseek(CHANNEL, 0, os.SEEK_SET)
    os.ftruncate(CHANNEL, 0)
    task: dict[str, Any] = marshal.loads(data)  # the host's own, and of one interpreter
    return task


def work(task: dict[str, Any]) -> int:
    """Do the job and return the code that the process leaves with. The last record of a program that is only run says that it came to its end."""
    end = [END, task.get("nonce", "")]
    try:
        KINDS[task["kind"]](task)
        if _thread_count():
            _wait_for_threads()
        code = 0
    except SystemExit as leaving:
        code = _exit_code(leaving)
    except MemoryError:
        code = EXIT_MEMORY
    except BaseException as error:  # a program may raise anything
        code = _report(error)
    if task["kind"] == "run":
        code = max(code, _end_as_python_does())
    code = max(code, _flush())
    if task["kind"] == "run":
        record(end)
    return code


def _leave(code: Any = None) -> NoReturn:
    raise SystemExit(code)


def seed() -> None:
    """Fix the global random generators, for every child; a fork changes nothing about them. And what an interactive Python has besides."""
    builtins.__dict__["exit"] = builtins.__dict__["quit"] = _leave
    for name in ("random", "numpy.random", "sympy.core.random"):
        if name in sys.modules:
            sys.modules[name].seed(0)


def _end_as_python_does() -> int:
    """Run what waits for the end, and write out what files of the program's own hold."""
    try:
        _run_exit_functions()
        for thing in gc.get_objects():
            if isinstance(thing, io.BufferedWriter | io.TextIOWrapper) and not thing.closed:
                thing.flush()
    except BaseException:  # whatever the program has registered
        return EXIT_EXCEPTION
    return 0


def _flush() -> int:
    code = 0
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except BaseException:  # replaced by the program, or over the limit
            code = EXIT_EXCEPTION
    return code


def _exit_code(leaving: SystemExit) -> int:
    code = leaving.code
    if code is None or code == 0:
        return 0
    if not isinstance(code, int):
        try:
            sys.stderr.write(f"{code}\n")
        except BaseException:  # the program's own object, the program's own stream
            return EXIT_EXCEPTION
    return EXIT_EXCEPTION


def _report(error: BaseException) -> int:
    """Print the traceback from the program's first frame on."""
    try:
        trace = error.__traceback__
        while trace is not None and not trace.tb_frame.f_code.co_filename.startswith("<"):
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace, limit=20))
        os.write(2, text[-20_000:].encode("utf-8", "backslashreplace"))
    except MemoryError:
        return EXIT_MEMORY
    except BaseException:  # the program's own exception class, and its own __str__
        os.write(2, b"an exception that cannot be shown\n")
    return EXIT_EXCEPTION


def _program(code: str, module_name: str = "__main__") -> dict[str, Any]:
    """A fresh module for a program, which is `__main__` too; its source is known to tracebacks."""
    module = types.ModuleType(module_name)
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = sys.modules[module_name] = module
    _remember(code, PROGRAM)
    return module.__dict__


def _remember(code: str, name: str) -> None:
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)


def _run(task: dict[str, Any]) -> None:
    """Run a program; what was run before it in the same session is run again first, without a word."""
    space = _program(task["code"])
    if task.get("before"):
        _replay(task["before"], space)
        record([REACHED, task["nonce"]])
    code = task["code"]
    if task.get("echo"):
        _run_cell(code, space, PROGRAM)
    else:
        exec(compile(code, PROGRAM, "exec", dont_inherit=True), space)


def _replay(cells: list[str], space: dict[str, Any]) -> None:
    """Run cells and unsay what they print; standard output and error are what they were when they are done."""
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    for index, cell in enumerate(cells):
        try:
            _run_cell(cell, space, f"<cell {index + 1}>")
        except MemoryError:
            raise
        except BaseException:  # it raised then as it does now, and what it did before that stands
            pass
        _flush()
        for descriptor, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, descriptor)
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
    for copy in kept:
        os.close(copy)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(getattr(sys, name), "closed", True):
            setattr(sys, name, io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), encoding="utf-8", line_buffering=True))


def _run_cell(code: str, space: dict[str, Any], name: str) -> None:
    """Run a cell; prints the value of a last expression, as an interactive session does."""
    _remember(code, name)
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec", dont_inherit=True), space)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), name, "eval", dont_inherit=True), space)
        if value is not None:
            sys.stdout.write(f"{value!r}\n")


def record(parts: list[Any]) -> None:
    """Write one record of the result."""
    os.write(CHANNEL, (json.dumps(parts) + "\n").encode())


def _call(task: dict[str, Any]) -> None:
    """Call a function of the program once a case; a record a call: ["returned", value] or ["raised", class, message]."""
    space = _program(task["code"], SOLUTION)  # so that `if __name__ == "__main__"` is another matter
    write, pack = os.write, json.dumps
    exec(compile(task["code"], PROGRAM, "exec", dont_inherit=True), space)
    if task["function"] not in space:
        _leave(f"the program defines no function {task['function']!r}")
    function = space[task["function"]]
    for case in task["cases"]:
        arguments = [decode(argument) for argument in case]
        try:
            found = ["returned", encode(function(*arguments))]
        except TooLarge:
            found = ["raised", "TooLarge", "the value is too large to be returned"]
        except BaseException as error:  # a function may raise anything
            found = ["raised", *_told(error)]
        write(CHANNEL, (pack(found) + "\n").encode())


def _told(error: BaseException) -> list[str]:
    try:
        return [class_name(type(error)), str(error)[:MAX_MESSAGE]]
    except BaseException:  # a __str__ of the program's own
        return [class_name(type(error)), ""]


def _test(task: dict[str, Any]) -> None:
    _remember(task["tests"], "<tests>")
    record(proxy.run_tests(task["tests"], PEER, task["entry"], task["believing"]))


def _serve(task: dict[str, Any]) -> None:
    space = _program(task["code"], SOLUTION)
    exec(compile(task["code"], PROGRAM, "exec", dont_inherit=True), space)
    serving.serve(space, PEER)


KINDS: dict[str, Callable[[dict[str, Any]], None]] = {"run": _run, "call": _call, "test": _test, "serve": _serve}
