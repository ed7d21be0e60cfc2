"""Whether a program is plain: nothing in it can reach the tracer that watches it, or differ from run to run. Runs inside the sandbox, before the program."""

import ast
import importlib
from typing import Any

MODULES = ("bisect", "collections", "copy", "decimal", "fractions", "functools", "heapq", "itertools", "math", "re", "statistics", "string")
_NAMES = "eval exec compile globals locals vars getattr setattr delattr hasattr open input breakpoint help exit quit id hash super type memoryview"
_ATTRIBUTES = (
    "gi_frame gi_code gi_yieldfrom cr_frame cr_code cr_await ag_frame ag_code tb_frame tb_next f_back f_builtins f_code f_globals f_locals f_trace "
    "f_lineno f_lasti get_field get_value Formatter mro update_wrapper wraps"
)
_METHODS = (
    "__init__ __repr__ __str__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __len__ __iter__ __next__ __contains__ __getitem__ __setitem__ __bool__ "
    "__add__ __sub__ __mul__ __neg__ __call__ __radd__ __rmul__ __floordiv__ __truediv__ __mod__ __enter__ __exit__ __post_init__"
)
FORBIDDEN_NAMES = frozenset(_NAMES.split())
FORBIDDEN_ATTRIBUTES = frozenset(_ATTRIBUTES.split())
METHODS = frozenset(_METHODS.split())


def defect(code: str) -> str:
    """Why the program is not plain; empty where it is."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"the program cannot be parsed: {error}"
    modules = _modules(tree)
    allowed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        found = _defect(node, modules, allowed)
        if found:
            return f"line {getattr(node, 'lineno', 0)}: {found}"
    return ""


def _modules(tree: ast.AST) -> dict[str, Any]:
    """The modules by the names that they are bound to, wherever in the program."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name in MODULES:
                    found[name.asname or name.name] = importlib.import_module(name.name)
    return found


def _public(module: Any, name: str) -> bool:
    names = getattr(module, "__all__", None)
    listed = name in names if names is not None else not name.startswith("_") and hasattr(module, name)
    return listed and type(getattr(module, name, module)) is not type(importlib) and name not in FORBIDDEN_ATTRIBUTES


def _defect(node: ast.AST, modules: dict[str, Any], allowed: set[int]) -> str:
    if isinstance(node, ast.Import):
        wrong = [name.name for name in node.names if name.name not in MODULES]
        return f"import {wrong[0]}" if wrong else ""
    if isinstance(node, ast.ImportFrom):
        if node.module not in MODULES or node.level:
            return f"import {node.module}"
        module = importlib.import_module(node.module)
        wrong = [name.name for name in node.names if not _public(module, name.name)]
        return f"{node.module}.{wrong[0]}" if wrong else ""
    if isinstance(node, ast.Name):
        return _name_defect(node, modules, allowed)
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id in modules and not _public(modules[node.value.id], node.attr):
            return f"{node.value.id}.{node.attr}"
        return f".{node.attr}" if node.attr.startswith("__") or node.attr in FORBIDDEN_ATTRIBUTES else ""
    if isinstance(node, ast.MatchClass):
        return "a pattern of attributes" if any(name.startswith("_") or name in FORBIDDEN_ATTRIBUTES for name in node.kwd_attrs) else ""
    if isinstance(node, ast.ClassDef) and node.keywords:
        return "a metaclass"
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return node.name if node.name.startswith("__") and node.name not in METHODS else ""
    return "async" if isinstance(node, (ast.AsyncFor, ast.AsyncWith, ast.Await)) else ""


def _name_defect(node: ast.Name, modules: dict[str, Any], allowed: set[int]) -> str:
    if node.id in FORBIDDEN_NAMES or (node.id.startswith("__") and node.id != "__name__"):
        return node.id
    if node.id in modules and id(node) not in allowed and isinstance(node.ctx, ast.Load):
        return f"the module {node.id} as a value"
    return ""
