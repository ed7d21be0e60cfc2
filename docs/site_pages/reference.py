"""The reference of the public modules, read from the source without importing it: signatures as they are written, docstrings as they stand."""

import ast
from collections.abc import Iterator
from pathlib import Path

from site_pages.writing import docstring, fenced, link, summary, table

ROOT = Path(__file__).parents[2]
APART = {"inside"}  # scripts of the sandbox, which nobody imports


def pages() -> dict[str, str]:
    """A page for every module or package that stands in `prm_gym`, the modules of a package with it; by their places in the site."""
    units = [path for path in sorted((ROOT / "prm_gym").iterdir()) if _is_public(path)]
    found = {path.stem: _page(path) for path in units}
    rows = [(link(f"prm_gym.{path.stem}", f"{path.stem}.md"), summary(_doc(path / "__init__.py" if path.is_dir() else path))) for path in units]
    about = "Public classes and functions, module by module: signatures as they are written. What a class inherits stands with the class that it comes from.\n"
    return {
        "reference/api/index.md": f"# Python reference\n\n{about}\n{table(('module', 'what it holds'), rows)}",
        **{f"reference/api/{name}.md": text for name, text in found.items()},
    }


def _is_public(path: Path) -> bool:
    return not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file())


def _doc(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _page(unit: Path) -> str:
    if unit.is_file():
        return f"# prm_gym.{unit.stem}\n\n{_module(unit, level=2)}"
    text = f"# prm_gym.{unit.name}\n\n{_module(unit / '__init__.py', level=2)}"
    for path in sorted(unit.rglob("*.py")):
        inside = path.relative_to(unit)
        if not any(part.startswith("_") or part in APART for part in inside.parts):
            name = ".".join(["prm_gym", unit.name, *inside.with_suffix("").parts])
            text += f"\n## {name}\n\n{_module(path, level=3)}"
    return text


def _module(path: Path, level: int) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = [docstring(ast.get_docstring(tree))]
    for node in _public(tree.body):
        if isinstance(node, ast.ClassDef):
            bases = ", ".join(map(ast.unparse, [*node.bases, *(keyword.value for keyword in node.keywords if keyword.arg is None)]))
            parts.append(f"{'#' * level} {node.name}\n\n{fenced(f'class {node.name}({bases})' if bases else f'class {node.name}', 'python')}\n{_said(node)}")
            parts += [f"**{node.name}.{each.name}**\n\n{_function(each)}" for each in _public(node.body) if not isinstance(each, ast.ClassDef)]
        else:
            parts.append(f"{'#' * level} {node.name}\n\n{_function(node)}")
    return "\n\n".join(part for part in parts if part)


def _public(body: list[ast.stmt]) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Classes and functions, with `__init__` where it says something."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            named = not node.name.startswith("_") or (node.name == "__init__" and ast.get_docstring(node))
            overloaded = not isinstance(node, ast.ClassDef) and any("overload" in ast.unparse(each) for each in node.decorator_list)
            if named and not overloaded:
                yield node


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Its signature, broken where it is long, and what it says."""
    marks = [f"@{ast.unparse(each)}" for each in node.decorator_list]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    arguments = ast.unparse(node.args)
    if len(arguments) > 100:
        arguments = "\n    " + ",\n    ".join(_arguments(node.args)) + ",\n"
    return fenced("\n".join([*marks, f"def {node.name}({arguments}){returns}"]), "python") + "\n" + _said(node)


def _arguments(arguments: ast.arguments) -> list[str]:
    """Every argument as it is written, with the marks between them."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    found = [_argument(each, default) for each, default in zip(plain, defaults, strict=True)]
    if arguments.posonlyargs:
        found.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg is not None:
        found.append(f"*{ast.unparse(arguments.vararg)}")
    elif arguments.kwonlyargs:
        found.append("*")
    found += [_argument(each, default) for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return found + ([f"**{ast.unparse(arguments.kwarg)}"] if arguments.kwarg is not None else [])


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    written = ast.unparse(argument)
    return written if default is None else f"{written}{' = ' if argument.annotation is not None else '='}{ast.unparse(default)}"


def _said(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return docstring(ast.get_docstring(node))
