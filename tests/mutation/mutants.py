"""Variants of a module that are broken in one place: another comparison, sign, constant, branch.

Messages of errors, docstrings, annotations and ``__all__`` stay as they are: what is wrong there
breaks no search.
"""

import ast
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Mutant", "all_changes", "all_mutants", "chosen_mutants"]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor"}


@dataclass(frozen=True)
class Mutant:
    """A broken module.

    Args:
        function: In which function it is broken, with its class: ``History.add``; "" for none.
        line: In which line.
        what: How, for people.
        source: Its text.
    """

    function: str
    line: int
    what: str
    source: str


def all_mutants(source: str) -> list[Mutant]:
    """Returns every variant of a module that differs in one place."""
    tree = ast.parse(source)
    return [_mutant(tree, place) for place in range(_places(tree))]


def all_changes(source: str) -> list[tuple[str, int, str]]:
    """Returns function, line and description of each of `all_mutants`, without making them."""
    return [found[:3] for found in _changes(ast.parse(source))]


def chosen_mutants(sources: dict[str, str], count: int, seed: int) -> list[tuple[str, Mutant]]:
    """Returns so many variants of several modules, as many of each as its length deserves."""
    trees = {name: ast.parse(text) for name, text in sources.items()}
    pool = [(name, place) for name, tree in trees.items() for place in range(_places(tree))]
    chosen = random.Random(seed).sample(pool, count)
    found = [(name, _mutant(trees[name], place)) for name, place in chosen]
    return sorted(found, key=lambda one: (one[0], one[1].line))


def _places(tree: ast.AST) -> int:
    return sum(1 for _ in _changes(tree))


def _mutant(tree: ast.AST, place: int) -> Mutant:
    broken = copy.deepcopy(tree)
    function, line, what, change = list(_changes(broken))[place]
    change()
    return Mutant(function, line, what, ast.unparse(ast.fix_missing_locations(broken)))


def _changes(tree: ast.AST) -> Iterator[tuple[str, int, str, Callable[[], None]]]:
    for function, node in _code(tree):
        for line, what, change in _changes_of(node):
            yield function, line, what, change


def _changes_of(node: Any) -> Iterator[tuple[int, str, Callable[[], None]]]:
    line = getattr(node, "lineno", 0)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        new = _COMPARISONS[type(node.ops[0])]
        yield (
            line,
            f"{ast.unparse(node)}: {_name(node.ops[0])} → {new.__name__}",
            _set(node, "ops", [new(), *node.ops[1:]]),
        )
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in _OPERATORS:
        other = _OPERATORS[type(node.op)]
        what = f"{ast.unparse(node)}: {_name(node.op)} → {other.__name__}"
        yield line, what, _set(node, "op", other())
    elif isinstance(node, ast.BoolOp):
        both = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        what = f"{ast.unparse(node)}: {_name(node.op)} → {_name(both)}"
        yield line, what, _set(node, "op", both)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        sign = ast.UAdd() if isinstance(node.op, ast.USub) else None
        if sign is not None:
            yield line, "−x → x", _set(node, "op", sign)
        else:
            twice = ast.UnaryOp(ast.Not(), node.operand)
            yield line, "not x → x", _set(node, "operand", twice)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        value = (not node.value) if isinstance(node.value, bool) else node.value + 1
        yield line, f"{node.value} → {value}", _set(node, "value", value)
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        turned = ast.UnaryOp(ast.Not(), node.test)
        yield line, "the other branch", _set(node, "test", turned)
    elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
        attribute = "id" if isinstance(node.func, ast.Name) else "attr"
        name = getattr(node.func, attribute)
        if name in _CALLS:
            yield line, f"{name} → {_CALLS[name]}", _set(node.func, attribute, _CALLS[name])
    elif isinstance(node, (ast.Break, ast.Continue)):
        pass
    for field in ("body", "orelse"):
        block = getattr(node, field, None)
        for i, statement in enumerate(block if isinstance(block, list) else ()):
            is_call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            if is_call or isinstance(statement, (ast.AugAssign, ast.Delete, ast.Continue)):
                what = f"without: {ast.unparse(statement)[:60]}"
                yield statement.lineno, what, _replace(block, i)


def _set(node: Any, attribute: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, attribute, value)


def _replace(block: Any, i: int) -> Callable[[], None]:
    return lambda: block.__setitem__(i, ast.Pass())


def _name(node: ast.AST) -> str:
    return type(node).__name__


def _code(node: ast.AST, function: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Yields the nodes that a run depends on, each with the function that it is in."""
    yield function, node
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        function = f"{function}.{node.name}".removeprefix(".")
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        children: Sequence[Any] = value if isinstance(value, list) else [value]
        for child in children:
            if isinstance(node, ast.ClassDef) and isinstance(child, ast.AnnAssign):
                continue  # the default of an option: a matter of benchmarks
            if isinstance(child, ast.AST) and not _is_spared(child):
                yield from _code(child, function)


def _is_spared(node: ast.AST) -> bool:
    if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)):
        return True
    return isinstance(node, ast.FunctionDef) and node.name in ("__repr__", "_repr_html_")
