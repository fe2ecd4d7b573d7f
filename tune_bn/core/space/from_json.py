"""Parameters from plain data."""

from typing import Any

from tune_bn.core.errors import SpaceError
from tune_bn.core.space.categorical import Categorical
from tune_bn.core.space.parameter import Parameter
from tune_bn.core.space.parameters import Float, Int
from tune_bn.core.space.quantised import Multiples, Normal

__all__ = ["parameter_from_json"]

_KINDS: dict[Any, type[Parameter]] = {
    "float": Float,
    "int": Int,
    "categorical": Categorical,
    "multiples": Multiples,
    "normal": Normal,
}


def parameter_from_json(data: dict[str, Any]) -> Parameter:
    """Returns the parameter that `Parameter.to_json` described.

    Raises:
        SpaceError: If the data describe no parameter.
    """
    options = dict(data)
    kind = options.pop("type", None)
    if kind not in _KINDS:
        raise SpaceError(f"A parameter needs a type of {', '.join(_KINDS)}, but got {kind!r}.")
    try:
        return _KINDS[kind](**options)
    except TypeError as error:
        raise SpaceError(f"A {kind} parameter could not be read: {error}.") from error
