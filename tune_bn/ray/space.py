"""A Tune config as a flat space, and the way back: from drawn values to a trial's config."""

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from ray.tune.search import sample
from ray.tune.search.variant_generator import RecursiveDependencyError, assign_value

from tune_bn.core.errors import SpaceError
from tune_bn.core.space import Categorical, Parameter, is_same_choice
from tune_bn.core.space.categorical import is_equal
from tune_bn.ray.tree import (
    Node,
    Placeholder,
    build,
    is_placeholder,
    learn_names,
    name_of,
    refuse_domains,
)

__all__ = ["Space"]

logger = logging.getLogger(__name__)


class Space:
    """The domains of a config, one parameter of the core for each.

    Args:
        tree: The config; see `tune_bn.ray.tree`.

    Raises:
        SpaceError: If two domains have one name.
    """

    def __init__(self, tree: Node) -> None:
        self.tree = tree
        self.parameters: dict[str, Parameter] = {}
        self._branches: dict[str, tuple[str, int]] = {}
        self._add(tree, None)
        self._has_functions = any(node.kind == "function" for node in tree.walk())

    def _add(self, node: Node, branch: tuple[str, int] | None) -> None:
        if node.parameter is not None:
            if node.name in self.parameters:
                raise SpaceError(
                    f"Two domains of the space have one name, {node.name!r}. Rename a key."
                )
            self.parameters[node.name] = node.parameter
            if branch is not None:
                self._branches[node.name] = branch
        for key, child in node.children.items():
            self._add(child, (node.name, key) if node.kind == "choice" else branch)

    @property
    def conditions(self) -> dict[str, tuple[str, Any]]:
        """For each domain within a category: the name of the choice, and the category."""
        return {
            name: (parent, self.parameters[parent].bounds[index])
            for name, (parent, index) in self._branches.items()
        }

    def config(self, values: Mapping[str, Any], *, with_constants: bool) -> dict[str, Any]:
        """Returns the config of a trial, every ``sample_from`` computed.

        Args:
            values: Value of every parameter that its choices open.
            with_constants: Whether to return the whole config, or only what is not constant; a
                list or tuple in which something is drawn is returned whole.
        """
        if not self._has_functions:
            config: dict[str, Any] = build(self.tree, values, with_constants)
            return config
        whole: dict[str, Any] = build(self.tree, values, True)
        _compute(whole)
        return whole if with_constants else _open_part(self.tree, whole)

    @cached_property
    def _placeholders(self) -> list[Placeholder]:
        return [n.value for n in self.tree.walk() if isinstance(n.value, Placeholder)]

    def learn_names(self, values: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Names the objects that Tune hides by what a trial's own config holds.

        Args:
            values: The values of that trial.
            config: Its config, nested, or flat with keys like "optimizer/lr".

        Raises:
            SpaceError: If a ``sample_from`` returned a domain.
        """
        if config and any(placeholder.name is None for placeholder in self._placeholders):
            learn_names(build(self.tree, values, True, for_tune=False), config)

    def take_names(self, other: "Space") -> None:
        """Takes the names that another space over the same objects has learned."""
        names = {tuple(placeholder): placeholder.name for placeholder in other._placeholders}
        for placeholder in self._placeholders:
            placeholder.name = placeholder.name or names.get(tuple(placeholder))

    def values(self, config: Mapping[str, Any], *, is_strict: bool) -> dict[str, Any]:
        """Returns the parameters' values that a config holds; parameters may be missing.

        Args:
            config: Nested, or flat with keys like "optimizer/lr".
            is_strict: Whether what does not fit is an error; otherwise it is left out.

        Raises:
            SpaceError: If ``is_strict`` and a name is unknown or a value does not fit.
        """
        found: dict[str, Any] = {}
        self._match(self.tree, _unflattened(config), found, is_strict)
        return found

    def _match(self, node: Node, given: Any, found: dict[str, Any], is_strict: bool) -> bool:
        """Reads ``given`` into ``found``; returns whether all of it fits."""
        if node.kind == "parameter":
            assert node.parameter is not None
            try:
                found[node.name] = _plain_number(node.parameter, given)
            except SpaceError as error:
                return _refused(is_strict, f"A point's {node.name!r} does not fit: {error}")
            return True
        if node.kind == "choice":
            return self._match_choice(node, given, found, is_strict)
        if node.kind == "dict":
            return self._match_dict(node, given, found, is_strict)
        if node.kind in ("list", "tuple") and node.is_open:
            items = _items(given, len(node.children))
            if items is None:
                text = f"{len(node.children)} items at {node.name!r}, but got {given!r}."
                return _refused(is_strict, f"A point needs {text}")
            fits = [self._match(node.children[i], v, found, is_strict) for i, v in items]
            return all(fits)
        if node.kind == "function" or _is_same(build(node, {}, True), given):
            return True
        if is_strict and not is_placeholder(node.value):
            logger.warning(
                "A point has %s=%r, but the space has the constant %r, which is kept.",
                node.name,
                given,
                build(node, {}, True),
            )
        return is_placeholder(node.value)

    def _match_dict(self, node: Node, given: Any, found: dict[str, Any], is_strict: bool) -> bool:
        if not isinstance(given, Mapping):
            return _refused(is_strict, f"A point needs a dict at {node.name!r}, but got {given!r}.")
        fits = True
        for key, value in given.items():
            if key in node.children:
                fits &= self._match(node.children[key], value, found, is_strict)
            else:
                known = ", ".join(map(str, node.children))
                path = f"{node.name}/{key}" if node.name else str(key)
                fits = _refused(is_strict, f"The space has no {path!r}; it has {known}.")
        return fits

    def _match_choice(self, node: Node, given: Any, found: dict[str, Any], is_strict: bool) -> bool:
        assert isinstance(node.parameter, Categorical)
        for i, child in node.children.items():
            inside: dict[str, Any] = {}
            if child.is_open:
                needed = {name for name, at in self._branches.items() if at == (node.name, i)}
                fits = self._match(child, given, inside, False) and needed <= inside.keys()
            else:
                fits = _is_same(build(child, {}, True), given)
            if fits:
                found[node.name] = node.parameter.choices[i]
                found.update(inside)
                return True
        plain = given.item() if isinstance(given, np.generic) else given
        for i, child in node.children.items():
            if child.is_open:
                continue
            choice = build(child, {}, True, for_tune=False)
            is_named = isinstance(choice, Placeholder) and choice.name == name_of(given)
            # 32.0 of a table is the 32 of the space, but True is not 1.
            if is_named or (
                isinstance(choice, bool) == isinstance(plain, bool) and is_equal(choice, plain)
            ):
                found[node.name] = node.parameter.choices[i]
                return True
        choices = list(node.parameter.choices)
        text = f"A point's {node.name!r} is none of {choices!r}: {given!r}."
        if any(isinstance(choice, Placeholder) for choice in choices):
            text += (
                " Tune hides objects from search algorithms: pass the space to CoarseToFineSearch, "
                "or a point of an earlier search.best."
            )
        return _refused(is_strict, text)


def _is_same(a: Any, b: Any) -> bool:
    return is_same_choice(a, b) or is_same_choice(_listed(a), _listed(b))


def _listed(value: Any) -> Any:
    """Returns the value with tuples as lists, as which they come back from a stored result."""
    if isinstance(value, (list, tuple)):
        return [_listed(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _listed(v) for k, v in value.items()}
    return value


def _plain_number(parameter: Parameter, given: Any) -> Any:
    """Returns a number as Python's own int or float, as the parameter has it.

    Raises:
        SpaceError: If it is none, or has a fraction where the parameter has none.
    """
    if hasattr(given, "item") and getattr(given, "ndim", 0) == 0:
        given = given.item()  # of numpy
    if not isinstance(parameter.nearest(given), int):
        return float(given)
    if int(given) != given:
        raise SpaceError(f"it needs a whole number, but got {given!r}.")
    return int(given)


def _refused(is_strict: bool, text: str) -> bool:
    if is_strict:
        raise SpaceError(text)
    return False


def _items(given: Any, n: int) -> list[tuple[int, Any]] | None:
    """Returns the given items of a sequence by place; None if they do not fit ``n`` places."""
    if isinstance(given, (list, tuple)):
        return list(enumerate(given)) if len(given) == n else None
    if isinstance(given, Mapping) and all(str(k).isdigit() and int(k) < n for k in given):
        return [(int(k), v) for k, v in given.items()]  # "layers/1": 32
    return None


def _unflattened(config: Mapping[str, Any]) -> dict[Any, Any]:
    """Returns a config with keys like "a/b" as a nested one."""
    nested: dict[Any, Any] = {}
    for key, value in config.items():
        *parents, last = key.split("/") if isinstance(key, str) else [key]
        level = nested
        for parent in parents:
            inner = level.get(parent)
            level[parent] = dict(inner) if isinstance(inner, Mapping) else {}
            level = level[parent]
        both = isinstance(value, Mapping) and isinstance(level.get(last), Mapping)
        level[last] = {**level[last], **value} if both else value
    return nested


def _functions(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], sample.Function]:
    """Returns the ``sample_from`` domains in a config by path."""
    if isinstance(value, sample.Function):
        return {path: value}
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    found = {}
    for key, item in items:
        found.update(_functions(item, (*path, key)))
    return found


class _Guarded(dict[str, Any]):
    """A config that raises where something is read that is not yet computed."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if _functions(value):
            raise RecursiveDependencyError(f"{key!r} is not computed yet")
        return _Guarded(value) if isinstance(value, dict) else value

    def get(self, key: str, default: Any = None) -> Any:
        """Returns an item, or the default."""
        return self[key] if key in self else default  # noqa: SIM401 - `get` is what is defined here


def _compute(config: dict[str, Any]) -> None:
    """Replaces each ``sample_from`` in a config by its value, once what it reads is computed."""
    waiting = _functions(config)
    while waiting:
        later = {}
        for path, function in waiting.items():
            try:
                value = function.sample(config=_Guarded(config))
            except RecursiveDependencyError:
                later[path] = function
            else:
                refuse_domains(value, "/".join(map(str, path)))
                assign_value(config, path, value)
        if len(later) == len(waiting):
            names = ", ".join("/".join(map(str, path)) for path in later)
            raise SpaceError(
                f"tune.sample_from at {names} read each other. Let one read drawn values only."
            )
        waiting = later


def _open_part(node: Node, config: dict[str, Any]) -> dict[str, Any]:
    """Returns what is not constant in a config, with lists, tuples and categories whole."""
    return {
        key: _open_part(child, config[key]) if child.kind == "dict" else config[key]
        for key, child in node.children.items()
        if child.is_open
    }
