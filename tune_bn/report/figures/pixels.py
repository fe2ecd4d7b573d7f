"""An axis of a figure in pixels, and its ticks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tune_bn.report.figures.hover import plain_text
from tune_bn.report.figures.marks import wide
from tune_bn.report.results.wording import label, number_text

__all__ = ["PixelAxis", "ticks_of"]


@dataclass
class PixelAxis:
    """One axis of a figure, in pixels of the area.

    Args:
        options: The figure's own.
        is_x: Whether it runs across.
        low: The value at its left or lower end, in its own coordinate.
        high: The value at the other end.
        start: Pixels of the area where it begins: from the left, or from the top.
        length: In pixels.
    """

    options: Mapping[str, Any]
    is_x: bool
    low: float
    high: float
    start: float = 0.0
    length: float = 1.0
    ticks: list[tuple[float, str]] = field(default_factory=list)

    @property
    def is_log(self) -> bool:
        """Whether its coordinate is the logarithm of its values."""
        return self.options.get("type") == "log"

    def inner(self, values: Any) -> Any:
        """Returns values in the axis' own coordinate."""
        numbers = np.asarray(
            [math.nan if v is None else float(v) for v in values], dtype=np.float64
        )
        if not self.is_log:
            return numbers
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log10(numbers)

    def place(self, values: Any) -> Any:
        """Returns where values lie, in pixels of the area."""
        with np.errstate(invalid="ignore", over="ignore"):
            share = (self.inner(values) - self.low) / ((self.high - self.low) or 1.0)
        if not self.is_x:
            share = 1.0 - share
        return self.start + share * self.length


def ticks_of(axis: PixelAxis) -> list[tuple[float, str]]:
    """Returns the ticks of an axis: the figure's own, or round numbers."""
    options = axis.options
    given = options.get("tickvals")
    if given is not None:
        texts = [plain_text(str(text)) for text in options["ticktext"]]
        ticks = [(float(v), text) for v, text in zip(given, texts, strict=True)]
    else:
        how = options.get("tickformat", "")
        ticks = [(value, _number(value, how)) for value in _round_numbers(axis)]
    ends = sorted((axis.low, axis.high))
    slack = 1e-9 * (ends[1] - ends[0])
    inner = axis.inner([value for value, _ in ticks])
    ticks = [
        tick
        for tick, place in zip(ticks, inner, strict=True)
        if ends[0] - slack <= place <= ends[1] + slack
    ]
    if not axis.is_x or len(ticks) < 2:
        return ticks
    # Where numbers would run into one another every other one goes, and so on; a choice without
    # its name could not be told, so names are cut first.
    room = max(axis.length / len(ticks), 1.0)
    if not any(character.isdigit() for _, text in ticks for character in text):
        ticks = _cut(ticks, room - 8)
    widest = max(wide(text, 12) for _, text in ticks) + 6
    return ticks[:: max(math.ceil(widest / room * 0.9), 1)]


def _cut(ticks: list[tuple[float, str]], room: float) -> list[tuple[float, str]]:
    """Returns ticks with names cut to so many pixels, if they can be told apart then."""
    for longest in range(max(len(text) for _, text in ticks), 4, -1):
        names = [label(text, longest) for _, text in ticks]
        if max(wide(name, 12) for name in names) <= room:
            is_clear = len(set(names)) == len(names)
            places = (place for place, _ in ticks)
            return list(zip(places, names, strict=True)) if is_clear else ticks
    return ticks


def _number(value: float, how: str) -> str:
    if how == ",d":
        return f"{value:,.0f}"
    if how.endswith("%"):
        return format(value, how)
    return number_text(value, 6)


def _round_numbers(axis: PixelAxis) -> list[float]:
    """Returns about as many round numbers as have room between the ends of an axis."""
    low, high = sorted((axis.low, axis.high))
    if not low < high or not math.isfinite(high - low):
        return [v for v in dict.fromkeys((low, high)) if abs(v) < 1e300]
    most = max(axis.length / (64 if axis.is_x else 38), 2)
    step = float(axis.options.get("dtick") or 0)
    if not step:
        power = 10.0 ** math.floor(math.log10((high - low) / most))
        step = next(
            (power * m for m in (1, 2, 5, 10) if (high - low) / (power * m) <= most), 10 * power
        )
        if axis.options.get("tickformat") == ",d":
            step = max(step, 1.0)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)][:60]
