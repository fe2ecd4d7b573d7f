"""Generated spaces for hypothesis, and the judge of a configuration drawn from one."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tune_bn import Categorical, Float, Int, Narrowing
from tune_bn.core.space import Parameter

__all__ = ["conditional_spaces", "is_drawn_from", "key_of", "narrowings", "parameters", "spaces"]

_NAMES = st.sampled_from(["lr", "n", "a b", "β", "", "x/y", "1", "<b>", "[red]", "z\n"])
_OBJECTS = ("a", "b", None, True, 1, 1.5, (1, 2), [3], {"k": 4}, len, np.zeros(2), math.nan, "")


def _pairs(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))


@st.composite
def _floats(draw: Any) -> Float:
    kind = draw(st.sampled_from(["linear", "log", "one-minus-log", "step", "tiny"]))
    if kind == "linear":
        low, high = draw(_pairs(st.floats(-1e308, 1e308)))
        return Float(low, high)
    if kind == "log":
        low, high = draw(_pairs(st.floats(1e-300, 1e300, allow_subnormal=False)))
        return Float(low, high, log=True)
    if kind == "one-minus-log":
        low, high = draw(_pairs(st.floats(-1e6, math.nextafter(1.0, 0.0))))
        return Float(low, high, one_minus_log=True)
    if kind == "step":
        low, step = draw(st.floats(-1e6, 1e6)), draw(st.floats(1e-3, 1e3))
        return Float(low, low + step * draw(st.integers(0, 50)), step=step)
    low = draw(st.floats(-1e3, 1e3))
    return Float(low, math.nextafter(low, math.inf))


@st.composite
def _ints(draw: Any) -> Int:
    kind = draw(st.sampled_from(["small", "huge", "log", "step"]))
    if kind == "small":
        low = draw(st.integers(-5, 5))
        return Int(low, low + draw(st.integers(0, 4)))
    if kind == "huge":
        return Int(*draw(_pairs(st.integers(-(2**70), 2**70))))
    if kind == "log":
        low, high = draw(_pairs(st.integers(1, 10**9)))
        return Int(low, high, log=True)
    low = draw(st.integers(-100, 100))
    return Int(low, low + draw(st.integers(0, 100)), step=draw(st.integers(1, 30)))


def _categories() -> st.SearchStrategy[Categorical]:
    places = st.lists(st.integers(0, len(_OBJECTS) - 1), min_size=1, max_size=4, unique=True)
    return places.map(lambda chosen: Categorical([_OBJECTS[i] for i in chosen]))


def parameters() -> st.SearchStrategy[Parameter]:
    """Returns parameters of every scale, with huge and tiny ranges and choices of any objects."""
    return st.one_of(_floats(), _ints(), _categories())


def spaces() -> st.SearchStrategy[dict[str, Parameter]]:
    """Returns spaces of one to five parameters."""
    return st.dictionaries(_NAMES, parameters(), min_size=1, max_size=5)


@st.composite
def conditional_spaces(draw: Any) -> tuple[dict[str, Parameter], dict[str, tuple[str, Any]]]:
    """Returns a space, and conditions on categories that come earlier in it."""
    space = draw(spaces())
    conditions: dict[str, tuple[str, Any]] = {}
    parents: list[str] = []
    for name, parameter in space.items():
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            conditions[name] = (parent, draw(st.sampled_from(space[parent].bounds)))
        if isinstance(parameter, Categorical):
            parents.append(name)
    return space, conditions


def narrowings() -> st.SearchStrategy[Narrowing]:
    """Returns schedules that come to their fine stages within a few trials, and two that differ."""
    return st.one_of(
        st.builds(
            Narrowing,
            coarse_trials=st.integers(1, 6),
            stage_trials=st.integers(1, 4),
            elites=st.integers(1, 4),
            vary=st.sampled_from([None, 0.5, 1.5, 3.0]),
            candidates=st.integers(1, 4),
        ),
        st.just(Narrowing.textbook()),
        st.just(Narrowing.off()),
    )


def key_of(space: Mapping[str, Parameter], params: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns a configuration as something hashable; a choice as its place."""
    return tuple(
        (name, p.index(params[name]) if isinstance(p, Categorical) else params[name])
        for name, p in space.items()
        if name in params
    )


def is_drawn_from(
    space: Mapping[str, Parameter],
    conditions: Mapping[str, tuple[str, Any]],
    params: Mapping[str, Any],
) -> bool:
    """Tells whether a draw has just the parameters it should have, each with one of its values."""
    for name, parameter in space.items():
        parent, choice = conditions.get(name, (None, None))
        is_open = parent is None or (parent in params and params[parent] is choice)
        if is_open != (name in params):
            return False
        if is_open and not _is_value(parameter, params[name]):
            return False
    return params.keys() <= space.keys()


def _is_value(parameter: Parameter, value: Any) -> bool:
    if isinstance(parameter, Categorical):
        return any(value is choice for choice in parameter.choices)
    low, high = parameter.bounds
    kind = int if isinstance(parameter, Int) else float
    return type(value) is kind and low <= value <= high and parameter.nearest(value) == value
