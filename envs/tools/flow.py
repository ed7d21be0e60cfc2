"""What the printed values of a cell of Python are made of, told from its syntax alone. A part of the program of `inspection`."""

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from prm_gym.envs.tools.syntax import PUTTING, PUTTING_FIRST, called_name, constants_of, names_of, root_name, within

_SHOWING = {"print", "pprint"}
_DISPLAYS = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp, ast.JoinedStr, ast.FormattedValue, ast.Starred)
_PARAMETER = "parameter"
_NOTHING: frozenset[str] = frozenset()


class _Value(NamedTuple):
    """What a value is made of: as it is, and when it is called or drawn from (a function, a generator)."""

    now: frozenset[str] = _NOTHING
    later: frozenset[str] = _NOTHING

    @property
    def all(self) -> frozenset[str]:
        return self.now | self.later


class _Function:
    """What is seen of a function's body: its own names, what it returns and prints is made of, and what it does to names around it."""

    def __init__(self, own: Iterable[str]) -> None:
        self.own = set(own)
        self.returned = _NOTHING
        self.printed = _NOTHING
        self.changed: dict[str, frozenset[str]] = {}


class Flow:
    """Follows what the printed values of a cell are made of. What is not seen to reach a print reaches none.

    Assignments under a condition depend on it; a print does not depend on the conditions around it. What a condition of constants alone leads to is left
    out, and so is what is called out of sight. Loops are followed until nothing new comes, four times at most; an inner one once each time.
    """

    def __init__(self) -> None:
        self.names: dict[str, _Value] = {}
        self.literals: set[str] = set()
        self.functions: dict[str, _Function] = {}
        self.frame: _Function | None = None
        self.control = _NOTHING
        self.left = _NOTHING  # what decides that a loop is left early
        self.looping = False
        self.printed = _NOTHING
        self.prints = False
        self.literal_alone = True

    def cell(self, body: Sequence[ast.stmt]) -> None:
        """Follow a cell, whose last expression is printed."""
        for node in body:
            if node is body[-1] and isinstance(node, ast.Expr) and not self._shows(node.value):
                self._show([node.value])
            else:
                self.value(node)

    def value(self, node: ast.AST | None) -> _Value:
        """What an expression is made of; a statement takes its effect."""
        if node is None:
            return _Value()
        known: Callable[[ast.AST], _Value | None] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        return (known or self._parts)(node) or _Value()

    def _parts(self, node: ast.AST) -> _Value:
        now, later = _NOTHING, _NOTHING
        for child in ast.iter_child_nodes(node):
            part = self.value(child)
            now, later = now | part.now, later | part.later
        return _Value(now, later)

    def _block(self, body: Iterable[ast.AST]) -> None:
        for node in body:
            self.value(node)

    def _constant(self, node: ast.Constant) -> _Value:
        return _Value(frozenset(f"value {token}" for token in constants_of(node)))

    def _name(self, node: ast.Name) -> _Value:
        return self.names.get(node.id) or _Value(frozenset([f"name {node.id}"]))

    def _joinedstr(self, node: ast.JoinedStr) -> _Value:
        return _Value(self._parts(node).now)

    def _ifexp(self, node: ast.IfExp) -> _Value:
        branches = _branches(node)
        return self._parts(node) if branches is None else self._parts(ast.Tuple(elts=[part for part in branches if isinstance(part, ast.expr)]))

    def _namedexpr(self, node: ast.NamedExpr) -> _Value:
        value = self.value(node.value)
        self._bind(node.target, value, literal=self._is_literal(node.value))
        return value

    def _lambda(self, node: ast.Lambda) -> _Value:
        before = self.names
        self.names = {**before, **{argument.arg: _Value() for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}}
        made = self.value(node.body).all
        self.names = before
        return _Value(later=made | self._parts(node.args).all)

    def _listcomp(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> _Value:
        before, made = dict(self.names), _NOTHING
        for part in node.generators:
            drawn = self.value(part.iter).all
            made |= drawn
            for name in names_of(part.target)[0]:
                self.names[name] = _Value(drawn)
            for test in part.ifs:
                made |= self.value(test).all
        elements = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        for element in elements:
            made |= self.value(element).all
        for name in {name for part in node.generators for name in names_of(part.target)[0]}:
            self.names.pop(name, None)
            self.names.update({name: before[name]} if name in before else {})
        return _Value(made)

    _setcomp = _dictcomp = _listcomp

    def _generatorexp(self, node: ast.GeneratorExp) -> _Value:
        return _Value(later=self._listcomp(node).now)

    def _shows(self, node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        called = node.func
        return (isinstance(called, ast.Name) and called.id in _SHOWING) or ast.unparse(called) == "sys.stdout.write"

    def _show(self, shown: Iterable[ast.expr]) -> None:
        for node in shown:
            value = self.value(node.value if isinstance(node, ast.Starred) else node)
            reached = value.all if isinstance(node, ast.Starred) else value.now
            if self.frame is None:
                self.printed |= reached
            else:
                self.frame.printed |= reached
            self.prints = True
            self.literal_alone = self.literal_alone and self._is_literal(node)

    def _is_literal(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.literals
        children = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        return isinstance(node, ast.Constant) or (isinstance(node, _DISPLAYS) and all(map(self._is_literal, children)))

    def _call(self, node: ast.Call) -> _Value:
        if self._shows(node):
            self._show(node.args)
            return _Value()
        given = _NOTHING.union(*(self.value(part).all for part in (*node.args, *node.keywords)))
        called = node.func
        function = self.functions.get(called.id) if isinstance(called, ast.Name) else None
        if function is not None:
            for name, change in function.changed.items():
                self._change(name, _filled(change, given))
            reached = _filled(function.printed, given)
            if self.frame is None:
                self.printed |= reached
            else:
                self.frame.printed |= reached
            return _Value(_filled(function.returned, given))
        if isinstance(called, ast.Attribute) and called.attr in PUTTING:
            self._change(root_name(called.value), given)
        if node.args and called_name(node) in PUTTING_FIRST:
            self._change(root_name(node.args[0]), given)
        return _Value(self.value(called).all | given)

    def _bind(self, target: ast.expr, value: _Value, *, literal: bool = False) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._bind(part, value)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, value)
        elif isinstance(target, ast.Name):
            self.names[target.id] = _Value(value.now | self.control, value.later)
            self.functions.pop(target.id, None)
            (self.literals.add if literal and not self.looping else self.literals.discard)(target.id)
            if self.frame is not None and target.id not in self.frame.own:
                self.frame.changed[target.id] = self.frame.changed.get(target.id, _NOTHING) | self.names[target.id].now
        else:
            self._change(root_name(target), value.all | self.value(getattr(target, "slice", None)).all)

    def _change(self, name: str, made: frozenset[str]) -> None:
        if not name:
            return
        old, made = self._name(ast.Name(name)), made | self.control
        self.names[name] = _Value(old.now | made, old.later)
        self.literals.discard(name)
        if self.frame is not None and name not in self.frame.own:
            self.frame.changed[name] = self.frame.changed.get(name, _NOTHING) | made

    def _assign(self, node: ast.Assign) -> None:
        value, literal = self.value(node.value), self._is_literal(node.value)
        for target in node.targets:
            if isinstance(target, ast.Tuple | ast.List) and isinstance(node.value, ast.Tuple | ast.List) and len(target.elts) == len(node.value.elts):
                values = [self.value(part) for part in node.value.elts]
                for part, made, source in zip(target.elts, values, node.value.elts, strict=True):
                    self._bind(part, made, literal=self._is_literal(source))
            else:
                self._bind(target, value, literal=literal)

    def _annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind(node.target, self.value(node.value), literal=self._is_literal(node.value))

    def _augassign(self, node: ast.AugAssign) -> None:
        self._change(root_name(node.target), self.value(node.value).all | self.value(getattr(node.target, "slice", None)).all)

    def _delete(self, node: ast.Delete) -> None:
        for name in names_of(node)[0]:
            self.names[name] = _Value()

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in names_of(node)[0]:
            self.names[name] = _Value()

    _importfrom = _import

    def _withitem(self, node: ast.withitem) -> None:
        value = self.value(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, value)

    def _excepthandler(self, node: ast.ExceptHandler) -> None:
        self.names.update({node.name: _Value()} if node.name else {})
        self._parts(node)

    def _if(self, node: ast.If) -> None:
        branches = _branches(node)
        if branches is None:
            self._fork(self.value(node.test).all, [node.body, node.orelse])
        else:
            self._block(branches)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        self._block(node.body)
        for handler in node.handlers:
            self._fork(_NOTHING, [[handler]])
        self._block([*node.orelse, *node.finalbody])

    _trystar = _try

    def _match(self, node: ast.Match) -> None:
        subject = self.value(node.subject).all
        for case in node.cases:
            for name in names_of(case.pattern)[0]:
                self.names[name] = _Value(subject)
            self._fork(subject | self.value(case.guard).all, [case.body])

    def _fork(self, test: frozenset[str], branches: Sequence[Sequence[ast.AST]]) -> None:
        names, literals, control = self.names, self.literals, self.control
        joined, common = dict(names) if len(branches) == 1 else {}, set(literals)
        self.control = control | test
        for body in branches:
            self.names, self.literals = dict(names), set(literals)
            self._block(body)
            common &= self.literals
            _join(joined, self.names)
        self.names, self.literals, self.control = joined, common, control

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        drawn = self.value(node.iter).all
        self._loop(node, drawn, lambda: self._bind(node.target, _Value(drawn)))

    _asyncfor = _for

    def _while(self, node: ast.While) -> None:
        branches = _branches(node)
        if branches is None or branches is node.body:
            self._loop(node, _NOTHING, lambda: None, node.test)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, drawn: frozenset[str], begin: Callable[[], None], test: ast.expr | None = None) -> None:
        before, control, left, looping = dict(self.names), self.control, self.left, self.looping
        self.left, self.looping = _NOTHING, True
        for _ in range(1 if looping else 4):
            known = dict(self.names)
            self.control = control | drawn | self.value(test).all
            begin()
            self._block(node.body)
            _join(self.names, known)
            if self.names == known:
                break
        for name, value in self.names.items():
            if value != before.get(name):
                self.names[name] = _Value(value.now | self.left, value.later)
        self.control, self.left, self.looping = control, left, looping
        self._block(node.orelse)

    def _break(self, _: ast.Break | ast.Continue) -> None:
        self.left |= self.control

    _continue = _break

    def _return(self, node: ast.Return | ast.Yield | ast.YieldFrom) -> None:
        made = self.value(node.value).all | self.control
        self.left |= self.control
        if self.frame is not None:
            self.frame.returned |= made

    _yield = _yieldfrom = _return

    def _functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        around = _NOTHING.union(*(self.value(part).all for part in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults) if part))
        parameters = [part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        shared = {name for part in within(node) if isinstance(part, ast.Global | ast.Nonlocal) for name in part.names}
        stored = {name for part in node.body for name in names_of(part)[0]}
        saved = (self.names, self.literals, self.control, self.left, self.frame)
        self.frame = _Function((stored | set(parameters)) - shared)
        self.names = {**self.names, **{name: _Value(frozenset([_PARAMETER])) for name in parameters}}
        self.literals, self.control, self.left = self.literals - self.frame.own, _NOTHING, _NOTHING
        self._block(node.body)
        function = self.frame
        function.returned |= around
        self.names, self.literals, self.control, self.left, self.frame = saved
        self._bind(ast.Name(node.name), _Value(later=function.returned - {_PARAMETER}))
        self.functions[node.name] = function

    _asyncfunctiondef = _functiondef

    def _classdef(self, node: ast.ClassDef) -> None:
        loaded = [part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)]
        self._bind(ast.Name(node.name), _Value(later=_NOTHING.union(*(self._name(part).all for part in loaded))))


def _filled(made: frozenset[str], given: frozenset[str]) -> frozenset[str]:
    """What a function makes, with what it was given in the place of its parameters."""
    return (made - {_PARAMETER}) | given if _PARAMETER in made else made


def _join(names: dict[str, _Value], others: dict[str, _Value]) -> None:
    for name, value in others.items():
        known = names.get(name, value)
        names[name] = value if known is value else _Value(known.now | value.now, known.later | value.later)


def _branches(node: ast.If | ast.While | ast.IfExp) -> Sequence[ast.AST] | None:
    """What a condition of constants alone leads to; None where it is another one."""
    if any(isinstance(part, ast.Name | ast.Call | ast.NamedExpr | ast.Lambda | ast.Await) for part in ast.walk(node.test)):
        return None
    if not isinstance(node.test, ast.Constant):
        return ()
    chosen = node.body if node.test.value else node.orelse
    return chosen if isinstance(chosen, list) else [chosen]
