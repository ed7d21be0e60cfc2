"""What cells of Python define, read and hold as constants, told from their syntax alone; nothing of them is run.

This file is a program for the sandbox: it reads a JSON list of sources on standard input and writes one line of JSON for each. Parsers can be crashed, so
nothing that an agent wrote is parsed anywhere else.
"""

import ast
import hashlib
import json
import re
import sys

MOST_NAMES = 100
MOST_CONSTANTS = 300
LONGEST = 400  # characters of a name or constant
TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d]\w+")  # numbers, and words of at least two letters

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FIXED = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop, ast.expr_context)


def inspect_cell(code: str) -> dict[str, object]:
    """What the cell is made of.

    Returns:
        `key`: equal for cells that differ in layout and comments alone. `defined`: names that it binds at the top level. `computed`: those whose value is
        more than constants. `read`: names that it takes from before. `constants`: numbers and words written into it.
    """
    tree = ast.parse(code)
    cell = _Cell()
    for statement in tree.body:
        cell.statement(statement)
    key = hashlib.blake2b(ast.dump(tree).encode("utf-8", "replace"), digest_size=12).hexdigest()
    return {
        "key": key,
        "defined": _short(cell.defined, MOST_NAMES),
        "computed": _short(cell.computed, MOST_NAMES),
        "read": _short(cell.read, MOST_NAMES),
        "constants": _short(_constants(tree), MOST_CONSTANTS),
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
        elif not isinstance(node, ast.Try | ast.TryStar | ast.ExceptHandler):
            self._part(node)
            return
        elif isinstance(node, ast.ExceptHandler):
            if node.type is not None:
                self._part(node.type)
            self.defined.update([(node.name, None)] if node.name else [])
        for inner in bodies:
            self.statement(inner)

    def _part(self, node: ast.AST) -> None:
        stored, loaded = _names(node)
        self.read.update((name, None) for name in loaded if name not in self.defined)
        fixed = isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_fixed(node.value)
        for name in stored:
            self.defined[name] = None
            if fixed:
                self.computed.pop(name, None)
            elif not isinstance(node, ast.Import | ast.ImportFrom) and name != "_":
                self.computed[name] = None


def _is_fixed(value: ast.expr) -> bool:
    """Whether a value is made of constants alone, or is another name for something."""
    return isinstance(value, ast.Name) or all(isinstance(part, _FIXED) for part in ast.walk(value))


def _names(root: ast.AST) -> tuple[list[str], list[str]]:
    """Names that a piece of code binds, and names that it reads, as seen from around it."""
    stored: list[str] = []
    loaded: list[str] = []
    for node in [root] if isinstance(root, (*_SCOPES, ast.ClassDef)) else _within(root):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else stored).append(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            loaded.append(node.target.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            stored += [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            stored.append(node.name)
        elif isinstance(node, (*_SCOPES, ast.ClassDef)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                stored.append(node.name)
            loaded += _free(node)
    return stored, loaded


def _within(root: ast.AST) -> list[ast.AST]:
    """The nodes of a piece of code that belong to its own scope; inner scopes as one node."""
    found: list[ast.AST] = []
    pending: list[ast.AST] = [root]
    while pending:
        node = pending.pop()
        found.append(node)
        if node is root or not isinstance(node, (*_SCOPES, ast.ClassDef)):
            pending += reversed(list(ast.iter_child_nodes(node)))
    return found


def _free(scope: ast.AST) -> list[str]:
    """Names that an inner scope reads from around it."""
    local: set[str] = set()
    outer: set[str] = set()
    stored: list[str] = []
    loaded: list[str] = []
    for child in ast.iter_child_nodes(scope):
        inner_stored, inner_loaded = _names(child)
        stored += inner_stored
        loaded += inner_loaded
    for node in _within(scope):
        if isinstance(node, ast.arg):
            local.add(node.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outer.update(node.names)
    local.update(stored)
    return [name for name in loaded if name not in local or name in outer]


def _constants(tree: ast.AST) -> dict[str, None]:
    """Numbers, and the tokens of texts, that are written in the source."""
    found: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            value = node.value
            if isinstance(value, str):
                found.update((token, None) for token in TOKEN.findall(value[:20_000]))
            elif isinstance(value, float | None) or (isinstance(value, int) and value.bit_length() < 1_300):
                found[str(value)] = None
    return found


def _short(names: dict[str, None], most: int) -> list[str]:
    return [name for name in names if len(name) <= LONGEST][:most]


def main() -> None:
    """Write what is told of each source as soon as it is known; null where it is no Python."""
    for code in json.loads(sys.stdin.read()):
        try:
            found = inspect_cell(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            found = None
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
