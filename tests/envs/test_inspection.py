"""What is told of a cell of Python from its syntax."""

import json
import subprocess
import sys

import pytest

from prm_gym.envs.tools import inspection
from prm_gym.envs.tools.inspection import inspect_cell
from prm_gym.envs.tools.python_runner import Cell, Inspection, PythonRunner
from prm_gym.sandbox import Limits


@pytest.mark.parametrize(
    ("code", "defined", "computed", "read"),
    [
        ("x = 5", "x", "", ""),
        ("x = [1, -2, (3,)]", "x", "", ""),
        ("x = y", "x", "", "y"),
        ("x = y + 1", "x", "x", "y"),
        ("x = f(1)\nx = 2", "x", "", "f"),
        ("x += 1", "x", "x", "x"),
        ("x = 1\nx += y", "x", "x", "y"),
        ("for a in b:\n    c = a + d", "a c", "a c", "b d"),
        ("def f(n, m=k):\n    z = n * z0\n    return z", "f", "f", "k z0"),
        ("def f():\n    global c\n    c += 1", "f", "f", "c"),
        ("[v for v in data if v > t]", "", "", "data t"),
        ("lambda n: n + m", "", "", "m"),
        ("import os.path as p, sys", "p sys", "", ""),
        ("try:\n    a = b()\nexcept E as e:\n    e", "a e", "a", "E b"),
        ("with open(p) as g:\n    h = g.read()", "g h", "g h", "open p"),
        ("class A:\n    k = j", "A", "A", "j"),
        ("(n := m)", "n", "n", "m"),
        ("for _ in range(3): pass", "_", "", "range"),
    ],
)
def test_names(code, defined, computed, read):
    found = inspect_cell(code)
    assert [" ".join(sorted(found[part])) for part in ("defined", "computed", "read")] == [defined, computed, read]


def test_constants_and_keys():
    found = inspect_cell("f(1834, 0xff, 2.50, 'ab 77', True, f'{x}cd')")
    assert sorted(found["constants"]) == ["1834", "2.5", "255", "77", "True", "ab", "cd"]
    assert inspect_cell("x=1 # one")["key"] == inspect_cell("x = (1)\n\n")["key"] != inspect_cell("x = 2")["key"]


def test_it_is_a_program_that_reads_sources_and_writes_a_line_for_each():
    sources = ["x = 1", "x =", "\0", "0x" + "f" * 9_000]
    ran = subprocess.run([sys.executable, "-I", inspection.__file__], input=json.dumps(sources), capture_output=True, text=True, timeout=60, check=True)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line and line["defined"] for line in lines[:3]] == [["x"], None, None]
    assert len(lines) == 4


def test_one_cell_that_cannot_be_inspected_does_not_spoil_the_others():
    cells = [Cell(code, (), Limits()) for code in ("a = f(1)", "-" * 15_000 + "1", "b = f(2)", "c =")]
    together = PythonRunner().run_all(cells)
    alone = [PythonRunner().run_all([cell])[0] for cell in cells]
    assert [result.inspection for result in together] == [result.inspection for result in alone]
    assert [result.inspection.computed for result in together] == [("a",), (), ("b",), ()]
    assert together[3].inspection == Inspection()
