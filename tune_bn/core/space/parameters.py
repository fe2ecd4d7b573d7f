"""Numbers: real parameters and integers, each on the scale on which it should be drawn.

A parameter turns a number that is uniform on [0, 1) into a value. On a linear scale the value is
uniform; on a log scale its logarithm is (α between 1e-4 and 1 as ``10**r`` with r uniform); on a
one-minus-log scale the logarithm of its distance from 1 is (β between 0.9 and 0.999). Integers and
stepped floats are *cells* of equal weight, both ends included: nothing is rounded, because
rounding would give the end values half the weight of the others.

What this file leaves out: which value to draw around, and how wide. That is the schedule's.
"""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tune_bn.core.errors import SpaceError
from tune_bn.core.space.number import as_number
from tune_bn.core.space.parameter import Parameter
from tune_bn.core.space.scale import Scale
from tune_bn.core.space.window import Cells, Interval, Window
from tune_bn.plain.checks import check_number, check_whole
from tune_bn.plain.text import shown

__all__ = ["Float", "Int"]

_LARGEST_STEP_COUNT = 2**63


def _finite(parameter: Parameter, name: str) -> None:
    """Requires an option to be a number that a float can hold, as an int or a float."""
    kind = type(parameter).__name__
    number = check_number(SpaceError, kind, name, getattr(parameter, name))
    object.__setattr__(parameter, name, number)


@dataclass(frozen=True)
class Float(Parameter):
    """A real parameter between ``low`` and ``high``.

    Args:
        low: Lower end, included.
        high: Upper end; included where ``step`` reaches it, otherwise drawn with probability 0.
        log: Draw the logarithm uniformly. Needs ``low`` > 0.
        one_minus_log: Draw log(1 − value) uniformly, for values near 1. Needs ``high`` < 1.
        step: Distance between the values, counted from ``low``. Needs a linear scale.

    Raises:
        SpaceError: If the bounds are not finite, not in order, or do not suit the scale.

    Example:
        >>> round(Float(1e-4, 1.0, log=True).draw(0.5), 6)
        0.01
        >>> round(Float(0.9, 0.999, one_minus_log=True).draw(0.5), 4)
        0.99
    """

    low: float
    high: float
    log: bool = False
    one_minus_log: bool = False
    step: float | None = None
    _scale: Scale = field(init=False, repr=False, compare=False)
    n_cells: int | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        _finite(self, "low")
        _finite(self, "high")
        low, high = self.low, self.high
        if low > high:
            raise SpaceError(
                f"Float needs low <= high, but got low={low!r} and high={high!r}. Swap them."
            )
        if self.log and self.one_minus_log:
            raise SpaceError("Float needs one scale, but got log=True and one_minus_log=True.")
        if self.log and low <= 0:
            raise SpaceError(
                f"Float with log=True needs low > 0, but got low={low!r}. "
                "Raise low, or use log=False."
            )
        if self.one_minus_log and high >= 1:
            raise SpaceError(
                f"Float with one_minus_log=True needs high < 1, but got high={high!r}. "
                "Lower high (0.999, say), or use a linear scale."
            )
        if self.step is not None:
            step = check_number(SpaceError, "Float", "step", self.step, above=0)
            object.__setattr__(self, "step", step)
            if self.log or self.one_minus_log:
                raise SpaceError(
                    f"Float with a step needs a linear scale, but got step={step!r} with "
                    f"{'log' if self.log else 'one_minus_log'}=True. Drop one of the two."
                )
            if (high - low) / step >= _LARGEST_STEP_COUNT:
                raise SpaceError(
                    f"Float needs fewer than 2**63 steps, but got {(high - low) / step:.3g}."
                )
        kind = "log" if self.log else "one-minus-log" if self.one_minus_log else "linear"
        cells = None
        if self.step is not None:
            # A hair of tolerance: (0.3 - 0.0) / 0.1 is 2.9999999999999996.
            cells = math.floor((high - low) / self.step + 1e-8) + 1
        elif low == high:
            cells = 1
        object.__setattr__(self, "_scale", Scale(kind, float(low), float(high)))
        object.__setattr__(self, "n_cells", cells)

    @property
    def scale(self) -> str:  # noqa: D102 - documented in Parameter
        return self._scale.kind

    @property
    def spacing(self) -> float | None:  # noqa: D102
        return self.step

    @property
    def ends(self) -> tuple[float, float]:  # noqa: D102
        return self.low, self.high

    def between(self, low: float, high: float, *, scale: str | None = None) -> "Float":  # noqa: D102
        scale = scale or self.scale
        return Float(
            low,
            high,
            log=scale == "log",
            one_minus_log=scale == "one-minus-log",
            step=self.step if scale == "linear" else None,
        )

    @property
    def bounds(self) -> tuple[float, float]:  # noqa: D102
        last = float(self.high) if self.n_cells is None else self._cell_value(self.n_cells - 1)
        return float(self.low), last

    def _cell_value(self, cell: int) -> float:
        value = float(self.low + cell * self.step) if self.step is not None else float(self.low)
        return min(value, float(self.high))

    def _cell(self, value: float) -> int:
        if self.step is None or self.n_cells is None:
            return 0
        inside = min(max(value, self.low), self.high)
        return min(round((inside - self.low) / self.step), self.n_cells - 1)

    def at(self, cell: int) -> float:  # noqa: D102
        return self._cell_value(cell)

    def draw(self, r: float) -> float:  # noqa: D102
        if self.n_cells is not None:
            return self._cell_value(min(int(r * self.n_cells), self.n_cells - 1))
        return self._scale.value(r)

    def around(self, centre: float, width: float) -> Window:  # noqa: D102
        if self.n_cells is not None:
            return _cells_near(self, self._cell(centre), width)
        u = self._scale.unit(centre)
        low, high = u - width / 2, u + width / 2  # compared without a call: most draws are such
        return Interval(self, low if low > 0.0 else 0.0, high if high < 1.0 else 1.0)

    def nearest(self, value: Any) -> float:  # noqa: D102
        if type(value) is float and self.n_cells is None and self.low <= value <= self.high:
            return value  # as nearly always
        number = as_number(value)
        if number is None:
            raise SpaceError(f"Float needs a number, but got {value!r}.")
        if self.n_cells is not None:
            return self._cell_value(self._cell(number))
        return float(min(max(number, self.low), self.high))

    def position(self, value: float) -> float:  # noqa: D102
        if self.n_cells is not None:
            return (self._cell(value) + 0.5) / self.n_cells
        return self._scale.unit(value)

    def positions(self, values: Iterable[float]) -> list[float]:  # noqa: D102
        return self._scale.units(values) if self.n_cells is None else super().positions(values)

    def to_json(self) -> dict[str, Any]:  # noqa: D102
        return {
            "type": "float",
            "low": self.low,
            "high": self.high,
            "log": self.log,
            "one_minus_log": self.one_minus_log,
            "step": self.step,
        }


def _cells_near(parameter: Parameter, cell: int, width: float) -> Cells:
    """Returns the whole cells within half a ``width`` of ``cell``, at least one on each side."""
    reach = max(round(width * (parameter.n_cells or 1) / 2), 1)
    return Cells(parameter, cell - reach, 2 * reach + 1)


class _LogCells(Window):
    """Whole cells of the log scale of an `Int`, and as far beyond an end as the window reaches."""

    __slots__ = ("first", "high", "last", "low", "parameter")

    def __init__(self, parameter: "Int", scale: Scale, centre: int, width: float) -> None:
        self.parameter = parameter
        self.first, self.last = first, last = parameter._near(scale, centre, width)
        # From the lower edge of the first cell to the upper edge of the last.
        u = scale.unit(centre)
        self.low = min(scale.unit(parameter.low + first - 0.5), u - width / 2)
        self.high = max(scale.unit(parameter.low + last + 0.5), u + width / 2)

    def draw(self, r: float) -> int:
        parameter, scale = self.parameter, self.parameter._scale
        assert scale is not None
        u = min(max(self.low + r * (self.high - self.low), 0.0), 1.0)
        return parameter.low + min(max(parameter._cell_at(scale, u), self.first), self.last)

    @property
    def bounds(self) -> tuple[int, int]:
        return self.parameter.low + self.first, self.parameter.low + self.last

    @property
    def share(self) -> float:
        return min(self.high, 1.0) - max(self.low, 0.0)


@dataclass(frozen=True)
class Int(Parameter):
    """An integer parameter between ``low`` and ``high``, both included.

    Args:
        low: Lowest value.
        high: Highest value; lowered to the last one that ``step`` reaches.
        log: Draw on a log scale: k has weight log((k + ½)/(k − ½)). Needs ``low`` ≥ 1, step 1.
        step: Distance between the values, counted from ``low``; at least 1.

    Raises:
        SpaceError: If the bounds are not integers, not in order, or do not suit the scale.

    Example:
        >>> [Int(0, 3).draw(r) for r in (0.0, 0.24, 0.25, 0.99)]
        [0, 0, 1, 3]
    """

    low: int
    high: int
    log: bool = False
    step: int = 1
    _scale: Scale | None = field(init=False, repr=False, compare=False)
    n_cells: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        remedy = "Use Float for real numbers."
        for name, least in (("low", None), ("high", None), ("step", 1)):
            given = getattr(self, name)
            whole = check_whole(SpaceError, "Int", name, given, least=least, remedy=remedy)
            object.__setattr__(self, name, whole)
            _finite(self, name)
        if self.low > self.high:
            raise SpaceError(
                f"Int needs low <= high, but got low={self.low!r} and high={self.high!r}. "
                "Swap them."
            )
        if self.log and (self.low < 1 or self.step != 1):
            raise SpaceError(
                f"Int with log=True needs low >= 1 and step=1, but got low={self.low!r} and "
                f"step={self.step!r}. Raise low, drop step, or use log=False."
            )
        if self.high - self.low > sys.float_info.max:
            raise SpaceError(
                f"Int needs a finite range, but got low={shown(self.low)} and "
                f"high={shown(self.high)}. Give bounds that are closer together."
            )
        scale = Scale("log", self.low - 0.5, self.high + 0.5) if self.log else None
        object.__setattr__(self, "n_cells", (self.high - self.low) // self.step + 1)
        object.__setattr__(self, "_scale", scale)

    @property
    def scale(self) -> str:  # noqa: D102
        return "log" if self.log else "linear"

    @property
    def is_whole(self) -> bool:  # noqa: D102
        return True

    @property
    def spacing(self) -> int:  # noqa: D102
        return self.step

    @property
    def ends(self) -> tuple[int, int]:  # noqa: D102
        return self.low, self.high

    def between(self, low: float, high: float, *, scale: str | None = None) -> "Int":  # noqa: D102
        log = (scale or self.scale) == "log"
        first, last = math.floor(low), math.ceil(high)
        return Int(max(first, 1) if log else first, last, log=log, step=1 if log else self.step)

    @property
    def bounds(self) -> tuple[int, int]:  # noqa: D102
        return self.low, self.low + (self.n_cells - 1) * self.step

    def _cell(self, value: float) -> int:
        if isinstance(value, int):  # exact, also where a float cannot hold the value
            cell, rest = divmod(value - self.low, self.step)
            cell += 2 * rest >= self.step
        elif math.isinf(value):
            cell = 0 if value < 0 else self.n_cells - 1
        else:
            cell = round((value - self.low) / self.step)
        return min(max(cell, 0), self.n_cells - 1)

    def at(self, cell: int) -> int:  # noqa: D102
        return self.low + cell * self.step

    def _cell_at(self, scale: Scale, u: float) -> int:
        return min(max(math.floor(scale.value(u) + 0.5) - self.low, 0), self.n_cells - 1)

    def _near(self, scale: Scale, centre: int, width: float) -> tuple[int, int]:
        """Returns the first and last cell of a window on a log scale."""
        cell, u = self._cell(centre), scale.unit(centre)
        first = self._cell_at(scale, max(u - width / 2, 0.0))
        last = self._cell_at(scale, min(u + width / 2, 1.0))
        return min(first, max(cell - 1, 0)), max(last, min(cell + 1, self.n_cells - 1))

    def draw(self, r: float) -> int:  # noqa: D102
        if self._scale is not None:
            return self.low + self._cell_at(self._scale, r)
        return self.low + min(int(r * self.n_cells), self.n_cells - 1) * self.step

    def around(self, centre: int, width: float) -> Window:  # noqa: D102
        if self._scale is not None:
            return _LogCells(self, self._scale, centre, width)
        return _cells_near(self, self._cell(centre), width)

    def nearest(self, value: Any) -> int:  # noqa: D102
        number = as_number(value)
        if number is None:
            raise SpaceError(f"Int needs a number, but got {value!r}.")
        return self.low + self._cell(number) * self.step

    def position(self, value: float) -> float:  # noqa: D102
        if self._scale is not None:
            return self._scale.unit(value)
        return (self._cell(value) + 0.5) / self.n_cells

    def to_json(self) -> dict[str, Any]:  # noqa: D102
        return {
            "type": "int",
            "low": self.low,
            "high": self.high,
            "log": self.log,
            "step": self.step,
        }
