"""Scales: linear, log and one-minus-log."""

import math
from collections.abc import Callable, Iterable

__all__ = ["COMPLEMENT", "Scale", "complement"]

COMPLEMENT = "1 - "
"""What stands before the name of a value of which the distance from 1 is stored."""
_SIGNIFICANT_DIGITS = 12


def complement(value: float) -> float:
    """Returns 1 − value without the noise of the last digits, where there is any room for it.

    Example:
        >>> 1 - 0.9, complement(0.9)
        (0.09999999999999998, 0.1)
    """
    exact = 1.0 - value
    rounded = float(f"{exact:.{_SIGNIFICANT_DIGITS}g}")
    return rounded if 0 < rounded < 1 else exact


def _log_of_rest(value: float) -> float:
    return math.log1p(-value)


def _rest_of_exp(x: float) -> float:
    return -math.expm1(x)


# kind -> from a value to where equal steps are equally likely, and back
_MAPS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "linear": (float, float),
    "log": (math.log, math.exp),
    "one-minus-log": (_log_of_rest, _rest_of_exp),
}


class Scale:
    """A monotone map between an interval and the unit interval.

    Args:
        kind: "linear", "log" or "one-minus-log".
        low: Lowest value.
        high: Highest value, above it.

    Raises:
        KeyError: For another kind.
    """

    __slots__ = ("_half_low", "_half_span", "_high", "_low", "_span", "high", "kind", "low")

    def __init__(self, kind: str, low: float, high: float) -> None:
        self.kind, self.low, self.high = kind, float(low), float(high)
        there, _ = _MAPS[kind]
        self._low, self._high = there(low), there(high)
        self._span = self._high - self._low
        # Halved, so that the span of ±1e308 does not overflow.
        self._half_low = self._low / 2
        self._half_span = self._high / 2 - self._half_low

    def value(self, u: float) -> float:
        """Returns the value at a place of the scale, 0 ≤ u ≤ 1."""
        if u <= 0.0 or u >= 1.0:  # the ends exactly, without a rounded exp(log(low))
            return self.low if u <= 0.0 else self.high
        # Both products stay finite where `high - low` would overflow (±1e308).
        x = self._low * (1.0 - u) + self._high * u
        if self.kind != "linear":
            x = _MAPS[self.kind][1](x)
        return self.low if x < self.low else self.high if x > self.high else x

    def unit(self, value: float) -> float:
        """Returns the place of a value; what lies outside is at an end."""
        if value <= self.low:
            return 0.0
        if value >= self.high:
            return 1.0
        if self.kind == "linear":
            return (value / 2 - self._half_low) / self._half_span
        x = _MAPS[self.kind][0](value)
        # The logarithms of huge neighbours are equal.
        return (x - self._low) / self._span if self._span else 0.5

    def units(self, values: Iterable[float]) -> list[float]:
        """Returns the place of each of several values."""
        if self.kind != "linear":
            return [self.unit(value) for value in values]
        low, high, half_low, half_span = self.low, self.high, self._half_low, self._half_span
        return [  # without a call for each: a draw asks for twenty
            0.0 if x <= low else 1.0 if x >= high else (x / 2 - half_low) / half_span
            for x in values
        ]
