"""Parts of a picture as SVG text: scales, words, lines, the file itself."""

import math
from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape

__all__ = ["Scale", "line", "picture", "text"]

_MOST_TICKS = 9
_FEW_TICKS = 10  # a logarithmic axis that spans less has the ticks of a linear one


class Scale(NamedTuple):
    """An axis, from numbers to points of the picture.

    Args:
        low: The number at its start.
        high: The number at its end.
        start: Where it starts.
        end: Where it ends.
        is_log: Whether equal ratios are equally far apart.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = True

    @classmethod
    def around(
        cls, values: Iterable[float], start: float, end: float, *, is_log: bool = True
    ) -> "Scale":
        """Returns one on which all values lie, with some room at both ends."""
        values = list(values)
        low, high = min(values), max(values)
        if is_log:
            room = max((high / low) ** 0.04, 1.02)
            return cls(low / room, high * room, start, end)
        room = 0.04 * (high - low) or 0.5
        return cls(low - room, high + room, start, end, is_log=False)

    def __call__(self, value: float) -> float:
        """Returns where a number lies."""
        low, high = self.low, self.high
        if self.is_log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Returns round numbers between both ends, nine at most."""
        if self.is_log and self.high / self.low > _FEW_TICKS:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for digits in ((1, 2, 5), (1, 3), (1,)):
                found = [float(f"{d}e{p}") for p in powers for d in digits]
                found = [tick for tick in found if self.low <= tick <= self.high]
                if len(found) <= _MOST_TICKS:
                    break
            return found
        power = 10.0 ** math.floor(math.log10((self.high - self.low) / _MOST_TICKS))
        step = next(power * m for m in (1, 2, 5, 10) if (self.high - self.low) / (power * m) < 9)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(i * step, 10) for i in range(first, last + 1)]


def text(x: float, y: float, words: str, **style: str) -> str:
    """Returns words at a place; ``style`` are attributes, with ``_`` for a hyphen."""
    options = {"font-size": "12", "fill": "#2b3442"}
    options |= {name.replace("_", "-"): value for name, value in style.items()}
    attributes = "".join(f' {k}="{v}"' for k, v in options.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, opacity: float = 0.3) -> str:
    """Returns a thin grey line."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="#7d8796" stroke-opacity="{opacity:g}"/>'
    )


def picture(title: str, width: float, height: float, parts: Iterable[str]) -> str:
    """Returns a whole SVG file on a white ground."""
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="system-ui, sans-serif">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )
