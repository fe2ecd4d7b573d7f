"""Ray Tune's domains as parameters of the core, and the scale that Tune lacks.

Values and ends are Ray's own (2.60): ``randint`` leaves its upper end out, every ``q…`` domain
holds the multiples of q between its ends. The weights differ in one point: Ray rounds, which gives
the first and last value of a quantised real domain half the weight of the others; here all cells
weigh alike.
"""

import math
import sys
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from ray.tune.search import sample

from tune_bn.core.errors import SpaceError
from tune_bn.core.space import Float, Int, Parameter
from tune_bn.core.space import parameter_from_json as core_parameter_from_json
from tune_bn.core.window import Interval, Mapped, Window

__all__ = [
    "Multiples",
    "Normal",
    "one_minus_loguniform",
    "parameter_for",
    "parameter_from_json",
]

_SMALLEST_QUANTILE = 2.0**-54


def _is_finite(value: Any) -> bool:
    """Tell whether it is a number that a float can hold."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -sys.float_info.max <= value <= sys.float_info.max


@dataclass(frozen=True)
class Multiples(Parameter):
    """The multiples k·q of a quantum, k from ``first`` to ``last``, both included.

    Args:
        first: Lowest k.
        last: Highest k.
        q: Distance between the values, > 0; an int makes the values ints.
        log: Draw on a log scale. Needs ``first`` ≥ 1.
    """

    first: int
    last: int
    q: float
    log: bool = False
    _int: Int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_int", Int(self.first, self.last, log=self.log))
        if not _is_finite(self.q) or self.q <= 0:
            raise SpaceError(f"A quantised domain needs a finite q > 0, but got q={self.q!r}.")
        largest = max(abs(self.first), abs(self.last))
        if float(largest) * float(self.q) > sys.float_info.max:
            raise SpaceError(
                f"A quantised domain needs finite ends, but got q={self.q!r} and multiples of it "
                "beyond the largest float. Lower q."
            )

    def _value(self, k: int) -> float:
        return k * self.q

    def _k(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            raise SpaceError(f"A quantised domain needs a number, but got {value!r}.")
        largest = sys.float_info.max  # an integer may be larger than any float
        return self._int.nearest(min(max(value, -largest), largest) / self.q)

    @property
    def n_cells(self) -> int:  # noqa: D102 - documented in Parameter
        return self._int.n_cells

    @property
    def bounds(self) -> tuple[float, float]:  # noqa: D102
        return self._value(self.first), self._value(self.last)

    def draw(self, r: float) -> float:  # noqa: D102
        return self._value(self._int.draw(r))

    def around(self, centre: float, width: float) -> Window:  # noqa: D102
        return Mapped(self._int.around(self._k(centre), width), self._value)

    def nearest(self, value: Any) -> float:  # noqa: D102
        return self._value(self._k(value))

    def position(self, value: float) -> float:  # noqa: D102
        return self._int.position(self._k(value))

    def to_json(self) -> dict[str, Any]:  # noqa: D102
        return {
            "type": "multiples",
            "first": self.first,
            "last": self.last,
            "q": self.q,
            "log": self.log,
        }


@dataclass(frozen=True)
class Normal(Parameter):
    """A normally distributed parameter. Windows are shares of its probability, not of a range.

    Args:
        mean: Mean.
        sd: Standard deviation, > 0.
        q: Values are multiples of it; None for a continuum.
    """

    mean: float
    sd: float
    q: float | None = None

    def __post_init__(self) -> None:
        if not _is_finite(self.sd) or self.sd <= 0:
            raise SpaceError(f"A normal domain needs a finite sd > 0, but got sd={self.sd!r}.")
        if not _is_finite(self.mean) or not _is_finite(abs(self.mean) + 9.0 * self.sd):
            raise SpaceError(
                f"A normal domain needs finite values, but got mean={self.mean!r} and "
                f"sd={self.sd!r}. Choose smaller ones."
            )
        if self.q is not None and (not _is_finite(self.q) or self.q <= 0):
            raise SpaceError(f"A normal domain needs a finite q > 0, but got q={self.q!r}.")

    @property
    def n_cells(self) -> None:  # noqa: D102 - documented in Parameter
        return None

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and highest value that can be drawn, about 8 standard deviations away."""
        return self.draw(0.0), self.draw(1.0 - _SMALLEST_QUANTILE)

    def _rounded(self, value: float) -> float:
        if self.q is None or math.isinf(value / self.q):  # far finer than a float is
            return value
        return round(value / self.q) * self.q

    def draw(self, r: float) -> float:  # noqa: D102
        r = min(max(r, _SMALLEST_QUANTILE), 1.0 - 2.0**-53)
        return self._rounded(NormalDist(self.mean, self.sd).inv_cdf(r))

    def around(self, centre: float, width: float) -> Window:  # noqa: D102
        distribution = NormalDist(self.mean, self.sd)
        u = distribution.cdf(centre)
        low, high = max(u - width / 2, 0.0), min(u + width / 2, 1.0)
        if self.q is not None:  # the neighbours are always within reach
            low = min(low, distribution.cdf(centre - 1.5 * self.q))
            high = max(high, distribution.cdf(centre + 1.5 * self.q))
        return Interval(self, low, high)

    def nearest(self, value: Any) -> float:  # noqa: D102
        if not _is_finite(value):
            raise SpaceError(f"A normal domain needs a finite number, but got {value!r}.")
        return self._rounded(float(value))

    def position(self, value: float) -> float:  # noqa: D102
        return NormalDist(self.mean, self.sd).cdf(value)

    def to_json(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "normal", "mean": self.mean, "sd": self.sd, "q": self.q}


class _OneMinusLogUniform(sample.BaseSampler):
    """Ray's side of `one_minus_loguniform`, so that Tune's own random search draws it as well."""

    def sample(
        self,
        domain: Any,
        config: Any = None,  # noqa: ARG002 - Ray's signature
        size: int = 1,
        random_state: Any = None,
    ) -> Any:
        """Return a value, or ``size`` of them as an array."""
        if not isinstance(random_state, sample._BackwardsCompatibleNumpyRng):
            random_state = sample._BackwardsCompatibleNumpyRng(random_state)
        ends = math.log1p(-domain.upper), math.log1p(-domain.lower)
        items = -np.expm1(random_state.uniform(*ends, size=size))
        return items if len(items) > 1 else domain.cast(items[0])


def one_minus_loguniform(low: float, high: float) -> sample.Float:
    """Return a domain between ``low`` and ``high`` whose distance from 1 is log-uniform.

    For momentum, the decay of an average, a discount: 0.9, 0.99 and 0.999 are equally far apart
    (Ng, Deep Learning Specialization, course 2, week 3, "Using an appropriate scale"). It works
    with Tune's own random search too; other search algorithms do not know it and say so.

    Args:
        low: Lower end; low < high.
        high: Upper end, below 1.

    Raises:
        SpaceError: If the bounds are not finite, not in order, or not below 1.

    Example:
        >>> domain = one_minus_loguniform(0.9, 0.999)
        >>> 0.9 <= domain.sample() <= 0.999
        True
    """
    Float(low, high, one_minus_log=True)
    domain: Any = sample.Float(low, high)  # Ray's methods have no types
    domain.set_sampler(_OneMinusLogUniform())
    result: sample.Float = domain
    return result


def parameter_for(domain: Any, name: str) -> Parameter:
    """Return the core's parameter for a numeric domain.

    Args:
        domain: A ``tune.uniform(…)``, ``tune.randint(…)``, … of any kind but ``choice``.
        name: What to call it in an error.

    Raises:
        SpaceError: If the domain is of an unknown kind, or has no value.
    """
    sampler = domain.get_sampler()
    q = None
    if isinstance(sampler, sample.Quantized):
        q, sampler = sampler.q, sampler.sampler
    is_log = isinstance(sampler, sample.LogUniform)
    try:
        if isinstance(domain, sample.Float) and isinstance(sampler, sample.Normal):
            return Normal(float(sampler.mean), float(sampler.sd), None if q is None else float(q))
        if isinstance(domain, sample.Float) and isinstance(sampler, _OneMinusLogUniform):
            if q is not None:
                raise SpaceError("one_minus_loguniform cannot be quantised; use quniform.")
            return Float(float(domain.lower), float(domain.upper), one_minus_log=True)
        if isinstance(sampler, (sample.Uniform, sample.LogUniform)):
            if isinstance(domain, sample.Float):
                if q is None:
                    return Float(float(domain.lower), float(domain.upper), log=is_log)
                return _multiples(float(domain.lower), float(domain.upper), float(q), is_log)
            if isinstance(domain, sample.Integer):
                low, high = _integer(domain.lower), _integer(domain.upper)
                # Ray leaves the upper end out, also where q is 1.
                if q is None or q == 1:
                    return Int(low, high - 1, log=is_log)
                return _multiples(low, high, _integer(q), is_log)
    except SpaceError as error:
        raise SpaceError(f"Domain {name!r}, {domain.domain_str}: {error}") from error
    raise SpaceError(
        f"CoarseToFineSearch needs a domain of ray.tune for {name!r}, but got "
        f"{type(domain).__name__} with the sampler {type(sampler).__name__}. Use tune.uniform, "
        "tune.randint, tune.randn, tune.choice, their log and q forms, or one_minus_loguniform."
    )


def _integer(value: Any) -> int:
    if int(value) != value:
        raise SpaceError(f"An integer domain needs whole numbers, but got {value!r}.")
    return int(value)


def _multiples(low: float, high: float, q: float, log: bool) -> Multiples:
    if not q > 0:
        raise SpaceError(f"A quantised domain needs q > 0, but got q={q!r}.")
    first, last = _whole(low / q, math.ceil), _whole(high / q, math.floor)
    if first > last:
        raise SpaceError(
            f"There is no multiple of q={q!r} between {low!r} and {high!r}. Choose a smaller q."
        )
    return Multiples(first, last, q, log)


def _whole(ratio: float, rounding: Any) -> int:
    """Return the whole number that ``ratio`` is up to rounding errors, or the one inwards."""
    nearest = round(ratio)
    return nearest if math.isclose(ratio, nearest) else int(rounding(ratio))


def parameter_from_json(data: dict[str, Any]) -> Parameter:
    """Return the parameter that a parameter's ``to_json`` described.

    Raises:
        SpaceError: If the data describe no parameter.
    """
    options = dict(data)
    kind = options.pop("type", None)
    if kind == "multiples":
        return Multiples(**options)
    if kind == "normal":
        return Normal(**options)
    return core_parameter_from_json(data)
