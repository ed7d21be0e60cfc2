"""What is told of a cell of Python from its syntax."""

import json
import subprocess
import sys

import pytest

from prm_gym.envs.tools.inspection import inspect_cell
from prm_gym.envs.tools.python_runner import Cell, Inspection, PythonRunner, _inspector
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
        ("print([y := i * i for i in range(5)])\nprint(y)", "y", "y", "print range"),
        ("match a:\n    case [v, *w]: print(v, w)\n    case {'k': u, **t}: pass\n    case K() as s if s.ok: u", "s t u v w", "s t u v w", "K a print"),
        ("n = f()\ndel n", "", "", "f"),
        ("del n", "", "", ""),
        ("x = []\nx.append(5)\nx[0] = 7", "x", "", ""),  # constants as before
        ("x = []\nx.append(y + 1)", "x", "x", "y"),
        ("x.append(y)\nz[0] = y", "", "", "x y z"),  # another name for something
        ("x[y + 1] = 0", "", "x", "x y"),
        ("a, b.c = 1, d()", "a", "a b", "b d"),
        ("heapq.heappush(h, (y, 1))", "", "h", "h heapq y"),
        ("x = f()\ny = x", "x y", "x y", "f"),
    ],
)
def test_names(code, defined, computed, read):
    found = inspect_cell(code)
    assert [" ".join(sorted(found[part])) for part in ("defined", "computed", "read")] == [defined, computed, read]


def test_constants_and_keys():
    found = inspect_cell("f(1834, 0xff, 2.50, 'ab 77', True, f'{x}cd')")
    assert sorted(found["constants"]) == ["1834", "2.5", "255", "77", "True", "ab", "cd"]
    assert inspect_cell("x=1 # one")["key"] == inspect_cell("x = (1)\n\n")["key"] != inspect_cell("x = 2")["key"]


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("a", "a"),
        ("a\nprint(9**3)", ""),
        ("if 0: b\nprint(1)", ""),
        ("if 2 < 1: x = b\nprint(x)", "x"),
        ("lambda: c", ""),  # what is printed is a function, whatever it would give
        ("(c for _ in d)", ""),
        ("(lambda: c)()", "c"),
        ("print(*(v for v in d))", "d"),
        ("x = 3\nif 0: x = a\nprint(x)", ""),
        ("print(5 if 1 else a)", ""),
        ("x, y = p, q\nprint(y)", "q"),
        ("a, b = b, a + b\nprint(a)", "b"),
        ("n = 0\nwhile True:\n    n += 1\n    if n > b: break\nprint(n)", "b"),  # where the loop ends depends on b
        ("t = 0\nfor v in d:\n    if v > b: t += 1\nt", "b d"),
        ("s = set()\ndef walk(v):\n    s.add(v)\n    for w in g[v]: walk(w)\nwalk(r)\nlen(s)", "len r set"),
        ("def f(n): return 7**5\nprint(f(b))", ""),
        ("def f(n): return n * k\nprint(f(b))", "b k"),
        ("def f():\n    print(b)\nf()", "b"),
        ("def f():\n    print(b)", ""),
        ("def f():\n    global x\n    x = b\nx = 1\nf()\nx", "b"),
        ("h = []\nheapq.heappush(h, (b, 1))\nh[0]", "b"),
        ("x = {}\nfor i in range(3): x[i] = f(i)\nx", "f range"),
        ("with open(p) as g:\n    r = g.read()\nr", "open p"),
        ("match m:\n    case [v]: print(v)", "m"),
        ("a = 1\ndel a\nprint(2)", ""),
        ("class A:\n    def f(self): return k\nA().f()", "k"),
        ("try:\n    x = a\nexcept E as e:\n    x = 0\nx", "a"),
        ("sys.stdout.write(str(a))\n1", "a str"),
        ("f'{a:>{w}}'", "a w"),
        ("if a: print(5)", ""),  # the print is of nothing
        ("print(a * 0)", "a"),  # as far as syntax tells
    ],
)
def test_what_reaches_a_print(code, used):
    assert sorted(name.removeprefix("name ") for name in inspect_cell(code)["used"] if name.startswith("name ")) == used.split()


def test_values_are_followed_and_literals_are_known():
    assert inspect_cell("1834\nprint(7)")["used"] == ["value 7"]
    assert inspect_cell("x = 1834\nprint(x // 2)")["used"] == ["value 1834", "value 2"]
    literal = ["print(5)", "x = 5\nx", "'done'", "print(-5, [1, 'a'])", "f'{5}'", "x = y = 3\nprint(x, y)"]
    assert all(inspect_cell(code)["literal"] for code in literal)
    computed = [
        "print(5 + 1)",
        "x = [5]\nmax(x)",
        "x = 5\nx += 1\nx",
        "x = []\nx.append(5)\nx",
        "x",
        "x = 5",
        "for x in [1, 2]: print(x)",
        "x = 1\nif a: x = f()\nx",
    ]
    assert not any(inspect_cell(code)["literal"] for code in computed)


def test_long_and_deep_code_is_inspected():
    chain = "x = sum(n)\nif x == 0: a = 1\n" + "".join(f"elif x == {i}: a = {i}\n" for i in range(1, 400)) + "else: a = x * 3\nprint(a)"
    loops = "for a in b:\n" + "".join(" " * i + f"for a{i} in a{i - 1}:\n" for i in range(1, 19)) + " " * 19 + "x = x + a18\nx"
    wide = "x = " + str(list(range(2_000))) + "\n" + "x = x\n" * 500 + "x"
    found = PythonRunner().run_all([Cell(code, (), Limits()) for code in (chain, loops, wide)])
    assert [result.inspection.defined[:2] for result in found] == [("x", "a"), ("a", "a1"), ("x",)]
    assert {"name n", "name sum"} <= set(found[0].inspection.used)


def test_it_is_a_program_that_reads_sources_and_writes_a_line_for_each(tmp_path):
    (tmp_path / "inspector.py").write_text(_inspector())
    sources = ["x = 1", "x =", "\0", "0x" + "f" * 9_000]
    ran = subprocess.run([sys.executable, "-I", tmp_path / "inspector.py"], input=json.dumps(sources), capture_output=True, text=True, timeout=60, check=True)
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
