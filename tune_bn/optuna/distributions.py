"""Optuna's distributions as parameters of the core, and the scale that Optuna lacks."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial

from tune_bn.core.errors import SpaceError
from tune_bn.core.space import Categorical, Float, Int, Parameter
from tune_bn.core.space.categorical import is_equal
from tune_bn.core.space.number import as_number
from tune_bn.core.space.scale import COMPLEMENT, complement

__all__ = [
    "as_asked",
    "fixed_params",
    "holds_lists",
    "is_same_distribution",
    "is_stored_as",
    "parameter_for",
    "suggest_one_minus_log",
    "within",
]


class _StoredChoices(Categorical):
    """Choices of which Optuna stores some as another: it looks for them by ``==`` (1 as True)."""

    @staticmethod
    def of(choices: Sequence[Any]) -> Categorical:
        """Returns the choices; of this class only if it makes a difference."""
        plain = Categorical(choices)
        if all(_stored(i, plain.choices) == i for i in range(len(plain.choices))):
            return plain
        return _StoredChoices(choices)

    def index(self, value: Any) -> int:
        """Returns the number of the choice that is stored, counted from 0."""
        return _stored(super().index(value), self.choices)


def _stored(i: int, choices: Sequence[Any]) -> int:
    """Returns the first choice that is equal to the one of number ``i``, as Optuna looks for it."""
    return next((j for j in range(i) if is_equal(choices[j], choices[i])), i)


def parameter_for(distribution: BaseDistribution) -> Parameter:
    """Returns the core's parameter for a distribution; the same values, ends and weights.

    Raises:
        SpaceError: If the distribution is of a kind that Optuna did not have when this was written.
    """
    if isinstance(distribution, FloatDistribution):
        return Float(
            distribution.low, distribution.high, log=distribution.log, step=distribution.step
        )
    if isinstance(distribution, IntDistribution):
        return Int(
            distribution.low, distribution.high, log=distribution.log, step=distribution.step
        )
    if isinstance(distribution, CategoricalDistribution):
        return _StoredChoices.of(distribution.choices)
    raise SpaceError(
        "CoarseToFineSampler needs a Float-, Int- or CategoricalDistribution, but got "
        f"{distribution!r}. Use one of these."
    )


def is_same_distribution(a: BaseDistribution, b: BaseDistribution) -> bool:
    """Tells whether two distributions have the same range, scale and steps.

    For categories the choices are compared by identity first: ``==`` of arbitrary objects may be
    slow, or no truth value at all.
    """
    if a is b:
        return True
    kind = type(a)
    if kind is not type(b):
        return False
    if kind is FloatDistribution or kind is IntDistribution:  # first: asked for every parameter
        return a.__dict__ == b.__dict__
    if isinstance(a, CategoricalDistribution) and isinstance(b, CategoricalDistribution):
        return a.choices is b.choices or Categorical(a.choices) == Categorical(b.choices)
    return a.__dict__ == b.__dict__


def holds_lists(distribution: BaseDistribution) -> bool:
    """Tells whether some choices are what a database or a journal makes of tuples."""
    return isinstance(distribution, CategoricalDistribution) and any(
        isinstance(choice, (list, dict)) for choice in distribution.choices
    )


def is_stored_as(distribution: BaseDistribution, known: BaseDistribution) -> bool:
    """Tells whether a storage hands back choices as ``known``: tuples as lists."""
    try:
        return holds_lists(known) and json.dumps(_choices(distribution)) == json.dumps(
            _choices(known)
        )
    except (TypeError, ValueError):  # it holds what no storage does
        return False


def as_asked(distribution: BaseDistribution, known: BaseDistribution, value: Any) -> Any:
    """Returns the choice that a storage hands back as this one of ``known``; see `is_stored_as`."""
    return _choices(distribution)[int(known.to_internal_repr(value))]


def _choices(distribution: BaseDistribution) -> Sequence[Any]:
    return distribution.choices if isinstance(distribution, CategoricalDistribution) else ()


_NOTHING: Mapping[str, Any] = {}


def fixed_params(trial: FrozenTrial) -> Mapping[str, Any]:
    """Returns the values that were enqueued for a trial, by the name that it will ask for.

    One that `suggest_one_minus_log` asks for may be enqueued by its own name ("momentum") or by
    that of what is stored ("1 - momentum").
    """
    fixed: Any = trial.system_attrs.get("fixed_params")
    if not fixed:
        return _NOTHING
    found = dict(fixed)
    for name, value in fixed.items():
        number = as_number(value)
        if number is not None and number < 1:
            found.setdefault(COMPLEMENT + name, complement(number))
    return found


def within(distribution: BaseDistribution, name: str, value: Any) -> Any:
    """Returns an enqueued value.

    Raises:
        SpaceError: If it is outside of the distribution.
    """
    low, high = parameter_for(distribution).bounds
    if not low <= value <= high:
        asked = name.removeprefix(COMPLEMENT)
        raise SpaceError(
            f"{asked!r} was enqueued with a value outside of its range: {name!r} is {value!r}, "
            f"and needs one of {distribution!r}. Enqueue another, or widen the range."
        )
    return value


class _Suggests(Protocol):
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = ...) -> float: ...


def suggest_one_minus_log(trial: _Suggests, name: str, low: float, high: float) -> float:
    """Returns a value between ``low`` and ``high`` whose distance from 1 is log-uniform.

    For momentum, the decay of an average, a discount: 0.9, 0.99 and 0.999 are equally far apart
    (Ng, Deep Learning Specialization, course 2, week 3, "Using an appropriate scale").

    Optuna has no such scale, so what is stored is the parameter ``"1 - name"`` on Optuna's own log
    scale. Every sampler, importance, plot and dashboard therefore treats it properly;
    ``study.best_params`` holds it as it is and can be enqueued again; with `CoarseToFineSampler`
    the value may be enqueued by its own name, too (``{"momentum": 0.95}``). To have the value back,
    call this function with ``study.best_trial`` (or any finished trial, or a ``FixedTrial``), as
    one calls an objective with them.

    Args:
        trial: A running trial, or a finished one.
        name: Name of the value, ``"momentum"`` say.
        low: Lower end, included; low ≤ high.
        high: Upper end, below 1.

    Raises:
        SpaceError: If the bounds are not finite, not in order, or not below 1.

    Example:
        >>> import optuna
        >>> trial = optuna.trial.FixedTrial({"1 - momentum": 0.01})
        >>> suggest_one_minus_log(trial, "momentum", 0.9, 0.999)
        0.99
    """
    Float(low, high, one_minus_log=True)
    # 1 - 0.9 is 0.09999999999999998: rounded, so that the stored range reads 0.001 … 0.1.
    ends = complement(high), complement(low)
    rest = trial.suggest_float(COMPLEMENT + name, *ends, log=True)
    return min(max(complement(rest), low), high)
