"""What a program and wrong programs near it do in the same cases, all in one process. Runs inside the sandbox, behind `mutants.py`."""

import copy
from collections.abc import Sequence
from typing import Any


def outcomes(code: str, function: str, cases: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """["returned", value] or ["raised", [class, nearest of Python's own]] for each case; ["unloaded", class] for all where the program cannot be loaded.

    Args:
        code: source of the program.
        function: name of the function that is called.
        cases: arguments of each call.
    """
    space: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(compile(code, "<program>", "exec", dont_inherit=True), space)
        called = space[function]
    except BaseException as error:  # a program may raise anything
        return [["unloaded", type(error).__name__] for _ in cases]
    found: list[list[Any]] = []
    for case in cases:
        try:
            found.append(["returned", called(*copy.deepcopy(case))])
        except BaseException as error:
            nearest = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
            found.append(["raised", [type(error).__name__, nearest.__name__]])
    return found
