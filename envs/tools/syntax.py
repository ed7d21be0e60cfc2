"""Names and constants that stand in pieces of Python source. A part of the program of `inspection`."""

import ast
import re
from collections.abc import Iterator

TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d]\w+")  # numbers, and words of at least two letters

# Methods and functions that put their arguments into what they are called on, or into their first argument.
PUTTING = {"append", "appendleft", "add", "update", "extend", "extendleft", "insert", "setdefault", "remove", "discard", "push", "put", "write"}
PUTTING_FIRST = {"heappush", "heappushpop", "heapreplace", "insort", "insort_left", "insort_right"}

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, *_COMPREHENSIONS)


def names_of(root: ast.AST) -> tuple[list[str], list[str]]:
    """Names that a piece of code binds, and names that it reads, as seen from around it."""
    stored: list[str] = []
    loaded: list[str] = []
    for node in [root] if isinstance(root, (*_SCOPES, ast.ClassDef)) else within(root):
        if isinstance(node, ast.Name):
            (loaded if isinstance(node.ctx, ast.Load) else stored).append(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            loaded.append(node.target.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            stored += [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            stored.append(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            stored.append(node.rest)
        elif isinstance(node, (*_SCOPES, ast.ClassDef)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                stored.append(node.name)
            elif isinstance(node, _COMPREHENSIONS):  # a name that := binds in one is bound around it
                stored += [part.target.id for part in within(node) if isinstance(part, ast.NamedExpr)]
            loaded += _free(node)
    return stored, loaded


def within(root: ast.AST) -> list[ast.AST]:
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
        inner_stored, inner_loaded = names_of(child)
        stored += inner_stored
        loaded += inner_loaded
    for node in within(scope):
        if isinstance(node, ast.arg):
            local.add(node.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            outer.update(node.names)
    local.update(stored)
    return [name for name in loaded if name not in local or name in outer]


def constants_of(tree: ast.AST) -> dict[str, None]:
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


def changes_of(root: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    """Names whose values a piece of code changes in place, each with the expressions that decide what comes of it."""
    for node in within(root):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                    if isinstance(part, ast.Subscript | ast.Attribute):
                        yield root_name(part), [node.value, *([part.slice] if isinstance(part, ast.Subscript) else [])]
        elif isinstance(node, ast.Call):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if isinstance(node.func, ast.Attribute) and node.func.attr in PUTTING:
                yield root_name(node.func.value), given
            elif node.args and called_name(node) in PUTTING_FIRST:
                yield root_name(node.args[0]), given[1:]


def called_name(node: ast.Call) -> str:
    """The name of a function or method that is called; empty where it has none."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def root_name(target: ast.AST) -> str:
    """The name that an item or attribute belongs to in the end; empty where there is none."""
    while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""
