"""A Tune config as a tree of nodes: what is drawn in it, what is computed, what is constant.

A domain is named by its path, joined by "/"; on a single level the name is the key itself. Lists
and tuples are nodes too, and so are the categories of a ``tune.choice``, in which further domains
may lie.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ray.tune.search import sample

from tune_bn.core.errors import SpaceError
from tune_bn.core.space import Categorical, Parameter, parameter_from_json
from tune_bn.plain.reading import encode_number
from tune_bn.plain.text import shortened
from tune_bn.ray.domains import parameter_for

__all__ = [
    "Branch",
    "Node",
    "NotPlainError",
    "Placeholder",
    "build",
    "decode_tree",
    "encode_tree",
    "is_placeholder",
    "learn_names",
    "name_of",
    "read_config",
    "refuse_domains",
]


class Branch(str):
    """A category that holds domains itself; as text it is what tells it from the others."""

    node: "Node"

    def __repr__(self) -> str:
        return repr(str(self))

    def __str__(self) -> str:
        return f"{self.partition(':')[0]}: {_shown(self.node, named=True)}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class Placeholder(tuple[str, str]):
    """What Tune puts in the place of an object before a search algorithm sees the space.

    The object's name is learned from the config in a trial's results. Equal to Tune's own tuple, so
    that it is found among the choices of another search over the same space.
    """

    name: str | None = None

    def __repr__(self) -> str:
        return self.name or f"(object {self[1]})"


def is_placeholder(value: Any) -> bool:
    """Tells whether a value stands for an object or a function that Tune keeps to itself."""
    return isinstance(value, tuple) and len(value) == 2 and value[0] in (_FUNCTION, _OBJECT)


_FUNCTION, _OBJECT = "__fn_ph", "__ref_ph"  # ray/tune/impl/placeholder.py


class NotPlainError(ValueError):
    """A config holds an object that JSON cannot."""


@dataclass
class Node:
    """A part of the config.

    Args:
        kind: ``"constant"``, ``"function"``, ``"parameter"``, ``"choice"``, ``"dict"``, ``"list"``
            or ``"tuple"``.
        name: Path of a parameter or a choice, joined by "/".
        value: The constant, the ``sample_from`` domain, or the type of a tuple.
        children: Parts by key of a dict, by place in a sequence or among the categories.
        parameter: Of a parameter or a choice, what the core draws.
    """

    kind: str
    name: str = ""
    value: Any = None
    children: dict[Any, "Node"] = field(default_factory=dict)
    parameter: Parameter | None = None
    is_open: bool = field(init=False)
    """Whether anything in it is drawn or computed."""

    def __post_init__(self) -> None:
        inside = any(child.is_open for child in self.children.values())
        self.is_open = inside or self.kind in ("function", "parameter", "choice")

    def walk(self) -> Iterator["Node"]:
        """Yields the node and all nodes inside, each before those inside it."""
        yield self
        for child in self.children.values():
            yield from child.walk()


def read_config(value: Any, path: tuple[Any, ...] = ()) -> Node:
    """Returns a Tune config, or a part of it, as a tree.

    Raises:
        SpaceError: If it holds a ``grid_search``, a key with "/", or an unknown domain.
    """
    name = "/".join(map(str, path))
    if isinstance(value, sample.Function):
        return Node("function", name, value)
    if isinstance(value, sample.Categorical):
        if isinstance(value.sampler, sample.Grid):
            raise _grid_error(name)
        if not value.categories:
            raise SpaceError(f"tune.choice needs at least one category, but {name!r} has none.")
        children = {i: read_config(c, (*path, i)) for i, c in enumerate(value.categories)}
        return _choice(name, children)
    if isinstance(value, sample.Domain):
        return Node("parameter", name, parameter=parameter_for(value, name))
    if isinstance(value, dict):
        _check_dict(value, name)
        items = {key: read_config(item, (*path, key)) for key, item in value.items()}
        return Node("dict", name, children=items)
    if isinstance(value, (list, tuple)):
        parts = {i: read_config(item, (*path, i)) for i, item in enumerate(value)}
        if isinstance(value, list):
            return Node("list", name, children=parts)
        if any(child.is_open for child in parts.values()):
            return Node("tuple", name, type(value), parts)
    return Node("constant", name, Placeholder(value) if is_placeholder(value) else value)


def _choice(name: str, children: dict[Any, Node]) -> Node:
    choices: list[Any] = []
    for i, child in children.items():
        if child.is_open:
            choices.append(Branch(f"{i}: {_shown(child)}"))
            choices[-1].node = child
        else:
            choices.append(build(child, {}, True, for_tune=False))
    return Node("choice", name, children=children, parameter=Categorical(choices))


def _shown(node: Node, *, named: bool = False) -> str:
    if node.kind == "constant":
        is_hidden = isinstance(node.value, Placeholder) and not named
        return repr(tuple(node.value) if is_hidden else node.value)
    if node.kind == "dict":
        parts = (f"{k!r}: {_shown(c, named=named)}" for k, c in node.children.items())
        return "{" + ", ".join(parts) + "}"
    if node.kind in ("list", "tuple"):
        inside = ", ".join(_shown(child, named=named) for child in node.children.values())
        return f"[{inside}]" if node.kind == "list" else f"({inside})"
    return "…"


def _check_dict(value: Mapping[Any, Any], name: str) -> None:
    if len(value) == 1 and "grid_search" in value:
        raise _grid_error(name)
    if len(value) == 1 and isinstance(value.get("eval"), str):
        raise SpaceError(
            f"CoarseToFineSearch does not evaluate text, but got {dict(value)!r} at {name!r}. "
            "Use tune.sample_from(lambda config: ...)."
        )
    for key in value:
        if isinstance(key, str) and "/" in key:
            raise SpaceError(
                f'CoarseToFineSearch needs keys without "/", but got {key!r}: Tune joins the '
                "levels of a nested config by it. Use nested dicts, or another sign."
            )


def _grid_error(name: str) -> SpaceError:
    return SpaceError(
        "CoarseToFineSearch draws at random and has no grid, but got tune.grid_search at "
        f"{name!r}. Use tune.choice(values); or, to run each value of a grid, run without a "
        "search_alg."
    )


def build(
    node: Node, values: Mapping[str, Any], with_constants: bool, *, for_tune: bool = True
) -> Any:
    """Returns the part of a config that a node describes; a ``sample_from`` is left as it is.

    Args:
        node: The part.
        values: Value of every parameter that its choices open.
        with_constants: Whether to leave out what is constant in dicts. A list, a tuple or a
            category in which something is drawn is returned whole.
        for_tune: Whether placeholders are Tune's own tuples, not those that have names.
    """
    if node.kind == "parameter":
        return values[node.name]
    if node.kind == "choice":
        assert isinstance(node.parameter, Categorical)
        index = node.parameter.index(values[node.name])
        return build(node.children[index], values, True, for_tune=for_tune)
    if node.kind == "dict":
        return {
            key: build(child, values, with_constants, for_tune=for_tune)
            for key, child in node.children.items()
            if with_constants or child.is_open
        }
    if node.kind == "list":
        return [build(c, values, True, for_tune=for_tune) for c in node.children.values()]
    if node.kind == "tuple":
        items = [build(c, values, True, for_tune=for_tune) for c in node.children.values()]
        # A named tuple takes its items one by one.
        return node.value(*items) if hasattr(node.value, "_fields") else node.value(items)
    return tuple(node.value) if for_tune and isinstance(node.value, Placeholder) else node.value


def learn_names(shown: Any, real: Any, path: str = "") -> None:
    """Names the placeholders in a built config by what a trial's own config has in their place.

    Args:
        shown: The config, built with named placeholders.
        real: The trial's config, nested, or flat with keys like "optimizer/lr".
        path: Where in it ``shown`` is.

    Raises:
        SpaceError: If a ``sample_from`` returned what would have to be drawn.
    """
    if isinstance(shown, Mapping) and isinstance(real, Mapping):
        for key, item in shown.items():
            inside = {k[len(key) + 1 :]: v for k, v in real.items() if k.startswith(f"{key}/")}
            learn_names(item, real.get(key, inside), f"{path}/{key}" if path else str(key))
    elif isinstance(shown, Placeholder) and not is_placeholder(real):
        if shown[0] == _FUNCTION:
            refuse_domains(real, path)
        elif real != {}:
            shown.name = shown.name or name_of(real)
    elif isinstance(shown, (list, tuple)) and isinstance(real, (list, tuple)):
        for i, (item, at) in enumerate(zip(shown, real, strict=False)):
            learn_names(item, at, f"{path}/{i}")


def refuse_domains(value: Any, name: str) -> None:
    """Checks what a ``sample_from`` returned.

    Raises:
        SpaceError: If it is a domain, or a list of them, that nobody would draw.
    """
    if isinstance(value, sample.Domain):
        raise SpaceError(
            f"tune.sample_from at {name!r} needs to return a value, but returned the domain "
            f"{type(value).__name__}{value.domain_str}. Put the domain into the space: within a "
            "tune.choice it is drawn where its category is."
        )
    if isinstance(value, (list, tuple)):
        for item in value:
            refuse_domains(item, name)
    if isinstance(value, Mapping):
        for item in value.values():
            refuse_domains(item, name)


class Named(str):
    """What stands for an object of which only the name is known."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def name_of(value: Any) -> str:
    """Returns what to call an object: a class or function by its name, anything else as it prints.

    Example:
        >>> name_of(dict), name_of(None)
        ('dict', 'None')
    """
    if isinstance(value, np.generic):
        value = value.item()
    name = getattr(value, "__qualname__", None)
    text = name if isinstance(name, str) else repr(value)
    return shortened(text, 80)


def encode_tree(node: Node, *, names_only: bool = False) -> Any:
    """Returns a tree as plain data for JSON.

    Args:
        node: The tree.
        names_only: Whether to take the names of objects for the objects.

    Raises:
        NotPlainError: If there is an object in it, or a ``sample_from``.
    """
    if node.kind == "constant":
        try:
            return {"constant": _encode_constant(node.value)}
        except NotPlainError:
            if not names_only:
                raise
            return {"constant": {"named": name_of(node.value)}}
    if node.kind == "parameter":
        assert node.parameter is not None
        return {"parameter": node.parameter.to_json()}
    if names_only and node.kind == "function":
        return {"constant": {"named": "sample_from"}}
    if names_only and node.kind == "tuple":
        node = Node("tuple", node.name, tuple, node.children)
    if node.kind == "function" or (node.kind == "tuple" and node.value is not tuple):
        raise NotPlainError(f"JSON cannot hold {node.value!r} at {node.name!r}.")
    keys = list(node.children)
    if not _are_keys(keys):
        raise NotPlainError(f"JSON cannot hold the keys {keys!r} at {node.name!r}.")
    parts = [[k, encode_tree(child, names_only=names_only)] for k, child in node.children.items()]
    return {node.kind: parts}


def decode_tree(data: Mapping[str, Any], path: tuple[Any, ...] = ()) -> Node:
    """Returns the tree that `encode_tree` encoded.

    Raises:
        SpaceError: If the data describe none.
        AttributeError: If a part is no mapping.
        TypeError: If a part is of another type than it should be.
        ValueError: If a part is incomplete.
    """
    ((kind, content),) = data.items()
    name = "/".join(map(str, path))
    if not path and kind != "dict":
        raise SpaceError(f"A saved space needs to be a dict, but is a {kind!r}.")
    if kind == "constant":
        return Node(kind, name, _decode_constant(content))
    if kind == "parameter":
        return Node(kind, name, parameter=parameter_from_json(content))
    if kind not in ("choice", "dict", "list", "tuple"):
        raise SpaceError(f"A saved space has no part of kind {kind!r}.")
    children = {key: decode_tree(child, (*path, key)) for key, child in content}
    if not _are_keys(children):
        keys = [*children]
        raise SpaceError(f"A saved {kind} needs text or integers for keys, but has {keys!r}.")
    if kind != "dict" and list(children) != list(range(len(children))):
        raise SpaceError(f"A saved {kind} needs parts 0, 1, …, but has {list(children)!r}.")
    if kind == "choice":
        return _choice(name, children)
    return Node(kind, name, tuple if kind == "tuple" else None, children)


def _are_keys(keys: Iterable[Any]) -> bool:
    """Tells whether JSON can hold the keys of a dict, as they are listed beside their values."""
    return all(isinstance(key, (str, int)) for key in keys)


def _encode_constant(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": encode_number(value)}
    if isinstance(value, Placeholder):
        return {"tuple": list(value), "name": value.name}
    if type(value) is tuple:
        return {"tuple": [_encode_constant(item) for item in value]}
    raise NotPlainError(f"JSON cannot hold {value!r}.")


def _decode_constant(data: Any) -> Any:
    if isinstance(data, Mapping):
        if "float" in data:
            return float(data["float"])
        if "named" in data:
            return Named(data["named"])
        items = tuple(_decode_constant(item) for item in data["tuple"])
        if not is_placeholder(items):
            return items
        found = Placeholder(items)
        found.name = data.get("name")
        if not isinstance(found.name, (str, type(None))):
            raise SpaceError(f"A saved object needs text for its name, but has {found.name!r}.")
        return found
    return data
