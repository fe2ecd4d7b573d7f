"""Windows: the part of a parameter's scale in which a value is drawn.

A window turns a number r that is uniform on [0, 1) into a value, and tells between which values
these lie. Both follow from the same two ends, so what a window shows is what it draws from. What
this file leaves out: where a window lies and how wide it is, which regions and schedule decide.
"""

from collections.abc import Callable
from typing import Any

from tune_bn.core.space.parameter import Parameter, Window

__all__ = ["Cells", "Choices", "Interval", "Kept", "Mapped", "Stratum", "Window"]

_LAST = 1.0 - 2.0**-53  # the largest r


class Interval(Window):
    """Uniform between two places of the scale.

    Args:
        parameter: The parameter.
        low: Lower end, as a share of the scale from 0 to 1.
        high: Upper end, likewise.
    """

    __slots__ = ("high", "low", "parameter")

    def __init__(self, parameter: Parameter, low: float = 0.0, high: float = 1.0) -> None:
        self.parameter, self.low, self.high = parameter, low, high

    def draw(self, r: float) -> Any:  # noqa: D102 - documented in Window
        return self._at(self.low + r * (self.high - self.low))

    def _at(self, place: float) -> Any:
        """Returns the value at a place: below the upper end, where the next cell begins."""
        return self.parameter.draw(place if place < self.high else max(self.low, self.high * _LAST))

    @property
    def bounds(self) -> tuple[Any, ...]:  # noqa: D102
        parameter = self.parameter
        if parameter.is_unordered or (self.low <= 0.0 and self.high >= 1.0):
            return parameter.bounds
        if parameter.n_cells is None:
            return parameter.draw(self.low), parameter.draw(self.high)
        return self.draw(0.0), self.draw(_LAST)

    @property
    def whole(self) -> tuple[Any, ...]:  # noqa: D102
        return self.parameter.bounds

    @property
    def share(self) -> float | None:  # noqa: D102
        return None if self.parameter.is_unordered else self.high - self.low


class Stratum(Interval):
    """One of ``size`` equal parts of the scale.

    Args:
        parameter: The parameter.
        part: Which part, 0 ≤ part < size.
        size: Number of parts.
    """

    __slots__ = ("part", "size")

    def __init__(self, parameter: Parameter, part: int, size: int) -> None:
        super().__init__(parameter, part / size, (part + 1) / size)
        self.part, self.size = part, size

    def draw(self, r: float) -> Any:  # noqa: D102
        return self._at((self.part + r) / self.size)

    @property
    def bounds(self) -> tuple[Any, ...]:  # noqa: D102
        parameter = self.parameter
        if not parameter.is_unordered:
            return super().bounds
        first, last = self.draw(0.0), self.draw(_LAST)  # choices in their order
        choices = parameter.bounds
        numbers = [i for i, choice in enumerate(choices) if choice is first or choice is last]
        return choices[min(numbers) : max(numbers) + 1]


class Cells(Window):
    """Whole cells of equal weight: ``count`` of them from ``first`` on.

    What lies beyond an end of the scale falls to the cell at that end: good values of such
    parameters often lie there.

    Args:
        parameter: The parameter, which has cells.
        first: Number of the first cell; may be negative.
        count: How many, ≥ 1.
    """

    __slots__ = ("count", "first", "parameter")

    def __init__(self, parameter: Parameter, first: int, count: int) -> None:
        self.parameter, self.first, self.count = parameter, first, count

    def _at(self, cell: int) -> Any:
        n_cells = self.parameter.n_cells or 1
        return self.parameter.at(min(max(cell, 0), n_cells - 1))

    def draw(self, r: float) -> Any:  # noqa: D102
        return self._at(self.first + min(int(r * self.count), self.count - 1))

    @property
    def bounds(self) -> tuple[Any, ...]:  # noqa: D102
        return self._at(self.first), self._at(self.first + self.count - 1)

    @property
    def share(self) -> float | None:  # noqa: D102
        n_cells = self.parameter.n_cells or 1
        inside = min(self.first + self.count, n_cells) - max(self.first, 0)
        return max(inside, 1) / n_cells


class Mapped(Window):
    """A window of another parameter, whose values stand for those of this one.

    Args:
        window: Window of the other parameter.
        value: Turns a value of it into one of this.
    """

    __slots__ = ("value", "window")

    def __init__(self, window: Window, value: Callable[[Any], Any]) -> None:
        self.window, self.value = window, value

    def draw(self, r: float) -> Any:  # noqa: D102
        return self.value(self.window.draw(r))

    @property
    def bounds(self) -> tuple[Any, ...]:  # noqa: D102
        return tuple(map(self.value, self.window.bounds))

    @property
    def share(self) -> float | None:  # noqa: D102
        return self.window.share


class Choices(Window):
    """Any choice with probability ``width``, each alike; otherwise the centre.

    Args:
        parameter: The parameter, a category.
        centre: One of its choices.
        width: Probability of a draw among all of them.
    """

    __slots__ = ("centre", "parameter", "width")

    def __init__(self, parameter: Parameter, centre: Any, width: float) -> None:
        self.parameter, self.centre, self.width = parameter, centre, width

    def draw(self, r: float) -> Any:  # noqa: D102
        return self.parameter.draw(r / self.width) if r < self.width else self.centre

    @property
    def bounds(self) -> tuple[Any, ...]:  # noqa: D102
        return self.parameter.bounds


class Kept(Window):
    """One value: that of a good trial, which this draw kept.

    Args:
        parameter: The parameter.
        value: The value.
        trial: Number of the trial.
    """

    __slots__ = ("parameter", "trial", "value")

    def __init__(self, parameter: Parameter, value: Any, trial: int) -> None:
        self.parameter, self.value, self.trial = parameter, value, trial

    def draw(self, r: float) -> Any:  # noqa: ARG002, D102
        return self.value

    @property
    def bounds(self) -> tuple[Any, ...]:  # noqa: D102
        return (self.value,) if self.parameter.is_unordered else (self.value, self.value)

    @property
    def share(self) -> float | None:  # noqa: D102
        return None if self.parameter.is_unordered else 0.0
