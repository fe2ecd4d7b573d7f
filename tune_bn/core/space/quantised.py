"""Multiples of a quantum, and normally distributed parameters: what Ray Tune has beside ranges."""

import math
import sys
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from tune_bn.core.errors import SpaceError
from tune_bn.core.space.number import as_number
from tune_bn.core.space.parameter import Parameter
from tune_bn.core.space.parameters import Float, Int
from tune_bn.core.space.window import Interval, Mapped, Window
from tune_bn.plain.checks import check_number

__all__ = ["Multiples", "Normal"]

_SMALLEST_QUANTILE = 2.0**-54


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
        q = check_number(SpaceError, "A quantised domain", "q", self.q, above=0)
        object.__setattr__(self, "q", q)
        largest = max(abs(self.first), abs(self.last))
        if float(largest) * float(self.q) > sys.float_info.max:
            raise SpaceError(
                f"A quantised domain needs finite ends, but got q={self.q!r} and multiples of it "
                "beyond the largest float. Lower q."
            )

    def _value(self, k: int) -> float:
        return k * self.q

    def _k(self, value: Any) -> int:
        number = as_number(value)
        if number is None:
            raise SpaceError(f"A quantised domain needs a number, but got {value!r}.")
        largest = sys.float_info.max  # an integer may be larger than any float
        return self._int.nearest(min(max(number, -largest), largest) / self.q)

    @property
    def scale(self) -> str:  # noqa: D102 - documented in Parameter
        return self._int.scale

    @property
    def is_whole(self) -> bool:  # noqa: D102
        return isinstance(self.q, int)

    @property
    def spacing(self) -> float:  # noqa: D102
        return self.q

    def between(self, low: float, high: float, *, scale: str | None = None) -> "Multiples":  # noqa: D102
        return _multiples_between(low, high, self.q, log=(scale or self.scale) == "log")

    @property
    def n_cells(self) -> int:  # noqa: D102
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


def _multiples_between(low: float, high: float, q: float, *, log: bool) -> Multiples:
    """Returns the multiples of q from the one at or below ``low`` to the one at or above ``high``.

    An end that is a multiple but for rounding is that multiple.
    """
    ends = []
    for value, whole in ((low, math.floor), (high, math.ceil)):
        ratio = value / q
        if not math.isfinite(ratio):
            raise SpaceError(f"A quantised domain needs finite ends, but got {value!r}.")
        nearest = round(ratio)
        ends.append(nearest if math.isclose(ratio, nearest) else whole(ratio))
    first, last = ends
    return Multiples(max(first, 1) if log else first, last, q, log)


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
        for name, above in (("mean", None), ("sd", 0), ("q", 0)):
            given = getattr(self, name)
            if given is not None or name != "q":
                number = check_number(SpaceError, "A normal domain", name, given, above=above)
                object.__setattr__(self, name, number)
        if math.isinf(abs(self.mean) + 9.0 * self.sd):
            raise SpaceError(
                f"A normal domain needs finite values, but got mean={self.mean!r} and "
                f"sd={self.sd!r}. Choose smaller ones."
            )

    @property
    def scale(self) -> str:  # noqa: D102 - documented in Parameter
        return "normal"

    @property
    def spacing(self) -> float | None:  # noqa: D102
        return self.q

    def between(self, low: float, high: float, *, scale: str | None = None) -> Parameter:
        """Returns uniform values between the ends: what is normally distributed has none."""
        if self.q is not None and not math.isinf(max(abs(low), abs(high)) / self.q):
            return _multiples_between(low, high, self.q, log=scale == "log")
        return Float(low, high).between(low, high, scale=scale)

    @property
    def n_cells(self) -> None:  # noqa: D102
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
        number = as_number(value)
        if number is None or abs(number) > sys.float_info.max:
            raise SpaceError(f"A normal domain needs a finite number, but got {value!r}.")
        return self._rounded(float(number))

    def position(self, value: float) -> float:  # noqa: D102
        return NormalDist(self.mean, self.sd).cdf(value)

    def to_json(self) -> dict[str, Any]:  # noqa: D102
        return {"type": "normal", "mean": self.mean, "sd": self.sd, "q": self.q}
