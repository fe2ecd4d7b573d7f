"""Words, lines and marks as SVG.

Dots of one look are one path of lines without length, whose round ends are the dots: 14 bytes for
each.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from tune_bn.plain.text import visible
from tune_bn.report.figures.style import INK, value_colour

__all__ = [
    "colour_of",
    "line_path",
    "marks",
    "mixed",
    "rgba",
    "stroke",
    "wide",
    "word_lines",
    "words",
]

_EM = 0.56  # the mean width of a letter, as a share of its size
_LEVELS = 12  # of colour that are told apart
_DASHES = {"dash": "7 5", "dot": "2 4"}
_STAR = "".join(
    f"{'lm'[i == 0]}{x:.1f} {y:.1f}"
    for i, (x, y) in enumerate(
        np.diff(
            [(0.0, 0.0)]
            + [
                (r * math.sin(a), -r * math.cos(a))
                for i in range(10)
                for r, a in [((0.5, 0.2)[i % 2] * 15, i * math.pi / 5)]
            ],
            axis=0,
        )
    )
)


def wide(text: str, size: float) -> float:
    """Returns about how wide a text is, in pixels."""
    return _EM * size * len(text)


def words(
    x: float,
    y: float,
    text: str,
    kind: str = "",
    anchor: str = "start",
    size: float = 12,
    bold_end: str = "",
    rest: str = "",
    turn: str = "",
) -> str:
    """Returns words at a place: bold ones first where ``bold_end`` is not "", muted ones last."""
    style = f' class="{kind}"' if kind else ""
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    own = f' font-size="{size:g}"' if size != 12 else ""
    shown = escape(visible(text))
    if bold_end:
        after = f' <tspan class="muted" font-size="11">{escape(visible(rest.strip()))}</tspan>'
        shown = f'<tspan class="bold">{shown}</tspan>{after if rest.strip() else ""}'
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}{place}{own}{turn}>{shown}</text>'


def word_lines(x: float, y: float, text: str, kind: str, anchor: str) -> Iterator[str]:
    """Yields a text of one line or several, its middle at y."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        size = 12 if i == 0 else 10.5
        yield words(x, y + 4 + 14 * (i - (len(lines) - 1) / 2), line, kind, anchor, size)


def stroke(line: Mapping[str, Any]) -> str:
    """Returns the attributes of a line: its colour, its width, its dashes."""
    dash = _DASHES.get(str(line.get("dash")))
    return f'{colour_of("stroke", line.get("color"))} stroke-width="{line.get("width", 2):g}"' + (
        f' stroke-dasharray="{dash}"' if dash else ""
    )


def colour_of(what: str, colour: Any) -> str:
    """Returns an attribute of a colour; the ink is the reader's, light or dark."""
    shown = "currentColor" if colour in (None, INK) else str(colour)
    return f' {what}="{shown}"'


def line_path(x: Any, y: Any, shape: str, *, is_closed: bool = False) -> str:
    """Returns a path through points, broken at gaps; stepwise where the shape is ``"hv"``."""
    parts: list[str] = []
    is_begun = False
    last = 0, 0  # in tenths of a pixel
    for across, down in zip(x, y, strict=True):
        if not (math.isfinite(across) and math.isfinite(down)):
            is_begun = False
            continue
        before, last = last, (round(10 * across), round(10 * down))
        if not is_begun:
            parts.append(f"M{last[0] / 10:g} {last[1] / 10:g}")
        elif shape == "hv":
            parts.append(f"H{across:.1f}V{down:.1f}")
        else:
            # From the point before, without what may be left out: half as long.
            step = f"{(last[0] - before[0]) / 10:g} {(last[1] - before[1]) / 10:g}"
            first = "l" if parts[-1].startswith("M") else "" if step.startswith("-") else " "
            parts.append(first + step.replace(" -", "-"))
        is_begun = True
    return "".join(parts) + ("z" if is_closed and parts else "")


def marks(marker: Mapping[str, Any], x: Any, y: Any) -> Iterator[str]:
    """Yields the marks of a trace: a path for each look, in the order in which looks appear."""
    n = len(x)
    symbols = str(marker.get("symbol") or "circle")
    sizes = _each(marker.get("size", 6), n)
    opacities = _each(marker.get("opacity", 1.0), n)
    colours: Sequence[Any] = [marker.get("color")] * n
    if "coloraxis" in marker:
        shares = np.round(np.asarray(marker["color"], dtype=float) * _LEVELS) / _LEVELS
        colours = [value_colour(float(share)) for share in shares]
    looks: dict[tuple[Any, float, float], list[str]] = {}
    for across, down, colour, size, opacity in zip(x, y, colours, sizes, opacities, strict=True):
        if math.isfinite(across) and math.isfinite(down) and size:
            look = (colour, round(2 * size) / 2, round(opacity, 1))
            looks.setdefault(look, []).append(_mark(symbols, across, down, look[1]))
    line = marker.get("line") or {}
    for (colour, size, opacity), paths in looks.items():
        faint = f' opacity="{opacity:g}"' if opacity != 1 else ""
        drawn = re.sub(r"\.0(?!\d)", "", "".join(paths))
        yield f'<path d="{drawn}"{_look(symbols, colour, size, line)}{faint}/>'


def _each(value: Any, n: int) -> Sequence[float]:
    if isinstance(value, (int, float)):
        return [float(value)] * n
    return [float(one) for one in value]


def _mark(symbol: str, x: float, y: float, size: float) -> str:
    half = size / 2
    if symbol == "star":
        scale = size / 15
        return f"M{x:.1f} {y:.1f}" + (_STAR if scale == 1 else _star(scale))
    if symbol in ("triangle-down", "triangle-down-open"):
        return f"M{x - half:.1f} {y - 0.43 * size:.1f}h{size:g}l{-half:g} {0.87 * size:.1f}z"
    if symbol == "triangle-up":
        return f"M{x - half:.1f} {y + 0.43 * size:.1f}h{size:g}l{-half:g} {-0.87 * size:.1f}z"
    if symbol in ("x", "x-thin"):
        return f"M{x - half:.1f} {y - half:.1f}l{size:g} {size:g}m0 {-size:g}l{-size:g} {size:g}"
    if symbol == "cross":
        return f"M{x - half:.1f} {y:.1f}h{size:g}M{x:.1f} {y - half:.1f}v{size:g}"
    if symbol == "line-ns":
        return f"M{x:.1f} {y - half:.1f}v{size:g}"
    if symbol == "square":
        return f"M{x - half:.1f} {y - half:.1f}h{size:g}v{size:g}h{-size:g}z"
    if symbol in ("diamond", "diamond-open"):
        return f"M{x:.1f} {y - half:.1f}l{half:g} {half:g}{-half:g} {half:g}{-half:g}{-half:g}z"
    return f"M{x:.1f} {y:.1f}h0"


def _look(symbol: str, colour: Any, size: float, line: Mapping[str, Any]) -> str:
    if symbol in ("circle", "dot"):
        return f' class="dot"{colour_of("stroke", colour)} stroke-width="{size:g}"'
    if symbol in ("x-thin", "line-ns"):
        width = float(line.get("width", 2))
        return f' fill="none"{colour_of("stroke", line.get("color"))} stroke-width="{width:g}"'
    if symbol in ("x", "cross"):
        return f' fill="none"{colour_of("stroke", colour)} stroke-width="2"'
    if symbol.endswith("-open"):
        width = 2.2 if symbol.startswith("diamond") else 1.3
        return f' fill="none"{colour_of("stroke", colour)} stroke-width="{width:g}"'
    edge = float(line.get("width", 0))
    around = f'{colour_of("stroke", line.get("color"))} stroke-width="{edge:g}"' if edge else ""
    return f"{colour_of('fill', colour)}{around}"


def _star(scale: float) -> str:
    return re.sub(r"-?[\d.]+", lambda m: f"{float(m[0]) * scale:.1f}", _STAR)


def rgba(colour: str) -> tuple[float, ...]:
    """Returns red, green, blue and opacity of a colour that is written as ``rgb(…)``."""
    found = tuple(float(part) for part in re.findall(r"[\d.]+", colour))
    return found if len(found) == 4 else (*found, 1.0)


def mixed(stops: Sequence[tuple[float, ...]], share: float) -> str:
    """Returns the colour at a share of the way from the first to the last."""
    red, green, blue, alpha = (
        a * (1 - share) + b * share for a, b in zip(stops[0], stops[-1], strict=True)
    )
    return f"rgba({red:.0f},{green:.0f},{blue:.0f},{alpha:.2f})"
