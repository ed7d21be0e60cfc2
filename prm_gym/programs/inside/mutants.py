"""Programs that differ from a program in one place. Runs inside the sandbox, with the program as an argument; the program is parsed and never run."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import Any, cast

Change = tuple[str, Callable[[], None], Callable[[], None]]

OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def named(kind: type) -> str:
    """How an operator is written."""
    sample: Any = kind()
    if isinstance(sample, ast.operator):
        return ast.unparse(ast.BinOp(ast.Name("a"), sample, ast.Name("b"))).split()[1]
    if isinstance(sample, ast.boolop):
        return ast.unparse(ast.BoolOp(sample, [ast.Name("a"), ast.Name("b")])).split()[1]
    return ast.unparse(ast.Compare(ast.Name("a"), [sample], [ast.Name("b")]))[2:-2]


def own(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a statement that are not statements inside it."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop(0)
        yield node
        for name, value in ast.iter_fields(node):
            if name in BLOCKS and isinstance(node, ast.stmt):
                continue
            parts = cast("list[Any]", value if isinstance(value, list) else [value])
            pending += [part for part in parts if isinstance(part, ast.AST)]


def _set(owner: Any, field: str, value: Any) -> tuple[Callable[[], None], Callable[[], None]]:
    before = getattr(owner, field)
    return lambda: setattr(owner, field, value), lambda: setattr(owner, field, before)


def _constants(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, *([0] if value not in (0, -1) else [])]
    if isinstance(value, float):
        return [value + 1.0]
    return [value + "x"] if isinstance(value, str) else []


def changes(statement: ast.stmt) -> Iterator[Change]:
    """What may be written otherwise in a statement: how, and functions that do and undo it."""
    for node in own(statement):
        if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
            other = OPERATORS[type(node.op)]
            yield f"{named(other)} for {named(type(node.op))}", *_set(node, "op", other())
        elif isinstance(node, ast.Compare):
            for place, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    operators = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                    yield f"{named(other)} for {named(type(operator))}", *_set(node, "ops", operators)
        elif isinstance(node, ast.BoolOp):
            other = ast.And if isinstance(node.op, ast.Or) else ast.Or
            yield f"{named(other)} for {named(type(node.op))}", *_set(node, "op", other())
        elif isinstance(node, ast.Constant) and not _is_docstring(statement, node):
            for value in _constants(node.value):
                yield f"{value!r} for {node.value!r}", *_set(node, "value", value)
        elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
            yield "None returned", *_set(node, "value", ast.Constant(None))
        elif isinstance(node, (ast.If, ast.IfExp)):
            yield "the condition negated", *_set(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _is_docstring(statement: ast.stmt, node: ast.Constant) -> bool:
    return isinstance(statement, ast.Expr) and statement.value is node


def _places(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], int]]:
    """Every statement as its list and its place there, outermost first."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block: Any = getattr(node, name, None)
            if isinstance(block, list):  # of a lambda it is an expression
                statements = cast("list[ast.stmt]", block)
                yield from ((statements, place) for place in range(len(statements)))


def variants(code: str, line: int, most: int) -> dict[str, Any]:
    """The program without the statement that begins at a line, under "dropped", with changed ones, under "changed", and as it is, under "unparsed".

    Without the statement and one other that shares a name with it, it stands under "paired", with the line of the other. All are written in the same way.
    Why there are none stands under "defect".

    Args:
        code: source of the program.
        line: first line of the statement, from 1 on; of several that begin there, the outermost and first.
        most: changed ones, and paired ones.
    """
    try:
        tree = ast.parse(code)
        unparsed = ast.unparse(tree)
        found = next(((block, place) for block, place in _places(tree) if block[place].lineno == line), None)
        if found is None:
            return {"defect": f"no statement begins at line {line}"}
        block, place = found
        statement = block[place]
        changed: list[tuple[str, str]] = []
        for how, do, undo in changes(statement):
            if len(changed) < most:
                do()
                changed.append((how, ast.unparse(ast.fix_missing_locations(copy.deepcopy(tree)))))
                undo()
        others = _partners(tree, statement)[:most]
        block[place] = ast.copy_location(ast.Pass(), statement)
        dropped = ast.unparse(tree)
        paired = [(other[where].lineno, _without(tree, other, where)) for other, where in others]
        return {"unparsed": unparsed, "dropped": dropped, "changed": changed, "paired": paired}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return {"defect": f"the program cannot be parsed: {error}"}


def _names(statement: ast.stmt) -> set[str]:
    imported = {(node.asname or node.name).partition(".")[0] for node in ast.walk(statement) if isinstance(node, ast.alias)}
    return imported | {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _partners(tree: ast.AST, statement: ast.stmt) -> list[tuple[list[ast.stmt], int]]:
    """The statements that share a name with one and neither hold it nor lie in it, the nearest first."""
    inside, names = {id(node) for node in ast.walk(statement)}, _names(statement)
    found = [(block, place) for block, place in _places(tree) if id(block[place]) not in inside and names & _names(block[place])]
    apart = [(block, place) for block, place in found if not any(node is statement for node in ast.walk(block[place]))]
    return sorted(apart, key=lambda one: abs(one[0][one[1]].lineno - statement.lineno))


def _without(tree: ast.AST, block: list[ast.stmt], place: int) -> str:
    kept, block[place] = block[place], ast.copy_location(ast.Pass(), block[place])
    source = ast.unparse(tree)
    block[place] = kept
    return source


def mutants(code: str, most: int) -> list[tuple[str, str]]:
    """Wrong programs that are near the program: how each differs, and its source. Those that may not end (a changed `while`) are left out.

    Args:
        code: source of the program.
        most: how many, spread over its statements.
    """
    try:
        tree = ast.parse(code)
        looped = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.While) for inner in ast.walk(node)}
        every: list[tuple[int, int, str, str]] = []
        for block, place in _places(tree):
            statement = block[place]
            if id(statement) not in looped:
                for rank, (how, do, undo) in enumerate(changes(statement)):
                    do()
                    every.append((rank, statement.lineno, how, ast.unparse(ast.fix_missing_locations(copy.deepcopy(tree)))))
                    undo()
        every.sort(key=lambda one: one[:2])
        return [(f"line {line}: {how}", source) for _, line, how, source in every[:most]]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
