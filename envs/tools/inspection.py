"""What cells of Python define, read, hold as constants and print, told from their syntax alone; nothing of them is run.

With `syntax` and `flow` before it, this file is a program for the sandbox: it reads a JSON list of sources on standard input and writes one line of JSON for
each. Parsers can be crashed, so nothing that an agent wrote is parsed anywhere else.
"""

import ast
import json
import sys

from prm_gym.envs.tools.flow import Flow
from prm_gym.envs.tools.syntax import changes_of, constants_of, names_of

MOST_NAMES = 100
MOST_CONSTANTS = 300
MOST_USED = 400
NESTING = 20_000  # frames; a branch of an `elif` is nested in the one before
LONGEST = 400  # characters of a name or constant

_KEYS = 2**127 - 1  # importing hashlib takes longer than all the rest; who makes two cells of one key harms nobody else

_FIXED = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.expr_context)


def inspect_cell(code: str) -> dict[str, object]:
    """What the cell is made of.

    Returns:
        `key`: equal for cells that differ in layout and comments alone. `defined`: names that it binds at the top level. `computed`: names whose value is
        more than constants, those that it fills or changes in place too. `read`: names that it takes from before. `constants`: numbers and words written
        into it. `used`: what of names of before and of constants is seen to reach what it prints ("name total", "value 1834"). `literal`: it prints literals
        alone.
    """
    tree = ast.parse(code)
    cell, flow = _Cell(), Flow()
    for statement in tree.body:
        cell.statement(statement)
    flow.cell(tree.body)
    key = f"{int.from_bytes(ast.dump(tree).encode('utf-8', 'replace'), 'big') % _KEYS:x}"
    return {
        "key": key,
        "defined": _short(cell.defined, MOST_NAMES),
        "computed": _short(cell.computed, MOST_NAMES),
        "read": _short(cell.read, MOST_NAMES),
        "constants": _short(constants_of(tree), MOST_CONSTANTS),
        "used": _short(dict.fromkeys(sorted(flow.printed)), MOST_USED),
        "literal": flow.prints and flow.literal_alone,
    }


class _Cell:
    """Reads the statements of a cell in the order in which they are written; of branches, one after the other."""

    def __init__(self) -> None:
        self.defined: dict[str, None] = {}
        self.computed: dict[str, None] = {}
        self.read: dict[str, None] = {}

    def statement(self, node: ast.stmt) -> None:
        """Note what it reads of earlier cells, and then what it binds."""
        bodies = [part for field in ("body", "handlers", "orelse", "finalbody") for part in getattr(node, field, [])]
        if isinstance(node, ast.For | ast.AsyncFor):
            self._part(node.iter)
            self._part(node.target)
        elif isinstance(node, ast.If | ast.While):
            self._part(node.test)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                self._part(item)
        elif isinstance(node, ast.Match):
            self._match(node)
        elif isinstance(node, ast.Delete):
            self._delete(node)
        elif not isinstance(node, ast.Try | ast.TryStar | ast.ExceptHandler):
            self._part(node)
            return
        elif isinstance(node, ast.ExceptHandler):
            if node.type is not None:
                self._part(node.type)
            self.defined.update([(node.name, None)] if node.name else [])
        for inner in bodies:
            self.statement(inner)

    def _match(self, node: ast.Match) -> None:
        self._part(node.subject)
        for case in node.cases:
            self._part(case.pattern)
            if case.guard is not None:
                self._part(case.guard)
            for inner in case.body:
                self.statement(inner)

    def _delete(self, node: ast.Delete) -> None:
        self._part(node)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.defined.pop(target.id, None)
                self.computed.pop(target.id, None)

    def _part(self, node: ast.AST) -> None:
        stored, loaded = names_of(node)
        self.read.update((name, None) for name in loaded if name not in self.defined)
        fixed = isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and self._is_fixed(node.value)
        for name in stored:
            self.defined[name] = None
            if fixed:
                self.computed.pop(name, None)
            elif not isinstance(node, ast.Import | ast.ImportFrom) and name != "_":
                self.computed[name] = None
        for name, deciding in changes_of(node):
            if name and not all(map(self._is_fixed, deciding)):
                self.computed[name] = None

    def _is_fixed(self, value: ast.expr) -> bool:
        """Whether a value is made of constants alone, or is another name for something that this cell has not computed."""
        if isinstance(value, ast.Name):
            return value.id not in self.computed
        return all(isinstance(part, _FIXED) for part in ast.walk(value))


def _short(names: dict[str, None], most: int) -> list[str]:
    return [name for name in names if len(name) <= LONGEST][:most]


def main() -> None:
    """Write what is told of each source as soon as it is known; null where it is no Python."""
    sys.setrecursionlimit(NESTING)
    for code in json.loads(sys.stdin.read()):
        try:
            found = inspect_cell(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            found = None
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
