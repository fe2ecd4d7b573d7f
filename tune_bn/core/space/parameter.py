"""What every kind of parameter and of window can do; the kinds are in the files beside this one."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from tune_bn.core.errors import SpaceError
from tune_bn.core.space.number import as_number

__all__ = ["Parameter", "Window"]

_CLOSE = 1e-12  # of a number: some thousand times what rounding leaves


class Window(ABC):
    """Where one value of one trial was drawn from."""

    __slots__ = ()

    @abstractmethod
    def draw(self, r: float) -> Any:
        """Returns the value at quantile ``r`` of the window, 0 ≤ r < 1."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[Any, ...]:
        """(lowest, highest) value that can be drawn, or all choices that can be."""

    @property
    def whole(self) -> tuple[Any, ...]:
        """(lowest, highest) value of the whole range in which it lies, or all choices."""
        return self.bounds

    @property
    def share(self) -> float | None:
        """How much of the scale it covers, from 0 to 1; None of a category."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.bounds!r}"


class Parameter(ABC):
    """One dimension of a space: the map from the unit interval to values, and windows in it."""

    is_unordered: ClassVar[bool] = False
    """Whether its values are choices without order. (Asked often; isinstance of an ABC is slow.)"""

    @property
    @abstractmethod
    def scale(self) -> str:
        """``"linear"``, ``"log"``, ``"one-minus-log"``, ``"normal"``, or ``"choices"``."""

    @property
    def is_whole(self) -> bool:
        """Whether its values are ints."""
        return False

    @property
    def spacing(self) -> float | None:
        """Distance between neighbouring values; None of a continuum and of choices."""
        return None

    @property
    @abstractmethod
    def n_cells(self) -> int | None:
        """Number of different values, or None if it is a continuum."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[Any, ...]:
        """(lowest, highest) value of the whole range, or all choices."""

    @property
    def ends(self) -> tuple[Any, ...]:
        """The `bounds` as they were given, where they were: a float's may be ints."""
        return self.bounds

    def between(self, low: Any, high: Any, *, scale: str | None = None) -> "Parameter":
        """Returns a parameter of this kind with other ends, which may lie outside of these.

        Args:
            low: Lowest value; where the values have a spacing, the next one below that fits.
            high: Highest value; likewise, above.
            scale: Another scale, which drops a step that it does not go with; None keeps this one.
                What is normally distributed becomes uniform: it has no ends.

        Raises:
            SpaceError: If the ends do not suit the scale, or there is none.
        """
        del low, high, scale
        raise SpaceError(f"{type(self).__name__} has no scale, so nothing lies between two values.")

    @abstractmethod
    def draw(self, r: float) -> Any:
        """Returns the value at quantile ``r`` (0 ≤ r < 1) of the whole range."""

    def at(self, cell: int) -> Any:
        """Returns the value of a cell, 0 ≤ cell < `n_cells`; only of a parameter that has cells."""
        return self.draw((cell + 0.5) / (self.n_cells or 1))

    @abstractmethod
    def around(self, centre: Any, width: float) -> Window:
        """Returns the window of ``width`` around ``centre``.

        Args:
            centre: A value of this parameter (see `nearest`).
            width: Share of the whole range that the window covers, 0 < width ≤ 1. The window
                ends where the range ends. Of cells it holds at least the neighbours, and what of
                it lies beyond an end falls to the cell at that end: good values of such
                parameters often lie there. Of a category it is the probability that a draw takes
                any choice, and not the centre.
        """

    def window(self, centre: Any, width: float) -> tuple[Any, ...]:
        """Returns (lowest, highest) value of the window, or the choices open in it."""
        return self.around(centre, width).bounds

    @abstractmethod
    def nearest(self, value: Any) -> Any:
        """Returns the value of this parameter that is closest to ``value``.

        Raises:
            SpaceError: If nothing is close: another type, NaN, or an unknown choice.
        """

    def meant(self, value: Any) -> Any:
        """Returns what ``value`` means: a number of python's own, or the choice itself.

        A value is that of a cell where it is as close to it as rounding brings it (0.3 for 3·0.1).
        One outside of the range, or between two cells, stays what it is.

        Raises:
            SpaceError: As for `nearest`.
        """
        near = self.nearest(value)
        number = None if self.is_unordered else as_number(value)
        if number is None or near == number:
            return value if type(value) is type(near) else near
        if self.n_cells is None or isinstance(number, int) or math.isinf(number):
            return number
        scale = max(abs(near), abs(number), *map(abs, self.bounds))
        return near if abs(near - number) <= _CLOSE * scale else number

    @abstractmethod
    def position(self, value: Any) -> float:
        """Returns where on its scale ``value`` lies, from 0 (low end) to 1 (high end)."""

    def positions(self, values: Iterable[Any]) -> list[float]:
        """Returns the `position` of each of several values."""
        return [self.position(value) for value in values]

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Returns plain data from which `parameter_from_json` makes an equal parameter."""
