"""What all figures share: colours, type, and the axis that suits a parameter's scale.

The colours follow Okabe and Ito ("Color universal design", 2008), which people with any common
colour vision tell apart; their blue is lightened so that it also reads on a dark page. No colour
stands alone: state is also a marker's shape, value also its size, and every point names both when
it is pointed at.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ParamSpec

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import plotly.io

from tune_bn.core.space import Parameter
from tune_bn.report.errors import ReportError
from tune_bn.report.results.wording import number_text, plotly_text, value_text

__all__ = [
    "AMBER",
    "BLUE",
    "BLUE_RGB",
    "FONT",
    "GREEN",
    "GREY",
    "INK",
    "MUTED",
    "PAPER",
    "SERIES",
    "STAGE",
    "VALUE_SCALE",
    "VERMILLION",
    "Axis",
    "add_note",
    "axis_for",
    "base_figure",
    "empty_figure",
    "log_axis",
    "log_ticks",
    "takes_template",
    "value_colour",
]

_P = ParamSpec("_P")

INK = "#1f2733"
MUTED = "#566173"
PAPER = "#ffffff"
GRID = "rgba(125,135,150,0.22)"
GREY = "#7c8796"
BLUE = "#1f83c6"
STAGE = "#0b62a4"  # of the names of stages: a blue that can be read
BLUE_RGB = "31,131,198"
VERMILLION = "#D55E00"
GREEN = "#009E73"
AMBER = "#E69F00"
SERIES = (BLUE, VERMILLION, GREEN, AMBER, "#CC79A7", "#56B4E9")
# Worst to best: plasma's middle, which is neither lost on white nor on black.
VALUE_SCALE = ((0.0, "#6a6fd0"), (0.5, "#b5479b"), (0.8, "#e2605e"), (1.0, "#f6952a"))
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def base_figure(figure: go.Figure, *, title: str, height: int) -> go.Figure:
    """Gives a figure the common look, in place, and returns it.

    Args:
        figure: Any figure.
        title: Its title, as plain text.
        height: In pixels.
    """
    figure.update_layout(
        template="none",
        title={
            "text": plotly_text(title, 90),
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 14},
            "font": {"size": 16},
        },
        font={"family": FONT, "size": 13, "color": INK},
        # A ground of its own: dark ink on a dark page, of a notebook say, could not be read.
        paper_bgcolor=PAPER,
        plot_bgcolor="rgba(0,0,0,0)",
        height=height,
        margin={"l": 64, "r": 16, "t": 76, "b": 52},
        hoverlabel={"font": {"family": FONT, "size": 13}, "namelength": -1},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yanchor": "bottom",
            "bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 12},
            "itemsizing": "constant",
        },
        hovermode="closest",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": BLUE},
    )
    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "rgba(0,0,0,0)",
        "tickfont": {"size": 12, "color": MUTED},
        "title": {"font": {"size": 13, "color": MUTED}, "standoff": 8},
        "automargin": True,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure


def takes_template(plot: Callable[_P, go.Figure]) -> Callable[_P, go.Figure]:
    """Returns a function of figures that applies the ``template`` that it is given.

    A template's ink and ground then stand in for ours; colours that mean something stay.
    """

    @functools.wraps(plot)
    def with_template(*args: _P.args, **options: _P.kwargs) -> go.Figure:
        figure, template = plot(*args, **options), options.get("template")
        if template is not None:
            _apply(figure, template)
        return figure

    return with_template


def _apply(figure: go.Figure, template: Any) -> None:
    try:
        figure.update_layout(template=template)
    except ValueError as error:
        known = ", ".join(map(repr, plotly.io.templates))
        raise ReportError(
            f"A figure needs a template of plotly's, but got {template!r}. There are {known}, and "
            "plotly.graph_objects.layout.Template(...)."
        ) from error
    figure.update_layout(paper_bgcolor=None, plot_bgcolor=None, font_color=None)
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        axis.update(gridcolor=None, linecolor=None)
        axis.tickfont.color = None
        axis.title.font.color = None
    for annotation in figure.layout.annotations:
        if annotation.font.color in (INK, MUTED, STAGE):
            annotation.font.color = None
    ink = figure.layout.template.layout.font.color or INK
    for trace in figure.data:
        marker = getattr(trace, "marker", None)
        if marker is not None and isinstance(marker.color, str) and marker.color == INK:
            marker.color = ink
        if marker is not None and marker.line.color == INK:
            marker.line.color = ink


def add_note(figure: go.Figure, note: str) -> None:
    """Adds a sentence below a figure's title, and for a page to its meta data."""
    title = figure.layout.title.text
    meta = {**(figure.layout.meta or {}), "note": note}
    # plotly moves a title of two lines up by about one, out of a low card.
    figure.update_layout(title_text=f"{title}<br><sup>{note}</sup>", title_pad_t=26, meta=meta)


def empty_figure(title: str, reason: str) -> go.Figure:
    """Returns a figure that says why there is nothing to see."""
    figure = base_figure(go.Figure(), title=title, height=160)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text=plotly_text(reason, 120), x=0, y=0.5, xref="paper", yref="paper", showarrow=False
    )
    return figure


@dataclass(frozen=True)
class Axis:
    """How a parameter's values are placed on an axis of a figure.

    Args:
        parameter: The parameter.
        kind: ``"linear"``, ``"log"``, ``"one-minus-log"`` or ``"choices"``.
        low: Lower end of the axis, in its own coordinate.
        high: Upper end.
        ticks: Places of the ticks, in the axis' coordinate; empty leaves them to plotly.
        tick_text: What stands beside them, escaped.
    """

    parameter: Parameter
    kind: str
    low: float
    high: float
    ticks: tuple[float, ...]
    tick_text: tuple[str, ...]

    def place(self, values: Sequence[Any]) -> npt.NDArray[np.float64]:
        """Returns the coordinate of each value, shape (N,); NaN for one that has none."""
        return np.array([self._coordinate(value) for value in values], dtype=np.float64)

    def _coordinate(self, value: Any) -> float:
        try:
            return self._placed(value)
        except (ValueError, TypeError):
            return math.nan  # a gap in the figure; the tables show the value

    def _placed(self, value: Any) -> float:
        if self.parameter.is_unordered:
            n = self.parameter.n_cells or 1
            return float(int(self.parameter.position(value) * n))
        number = float(value)
        if self.kind == "log":
            return math.log10(number)
        if self.kind == "one-minus-log":
            return -math.log10(1.0 - number)
        return number

    def window(self, window: tuple[Any, ...]) -> tuple[float, float]:
        """Returns the ends of a window in the axis' coordinate; whole rows of a category."""
        if self.kind == "choices":
            places = [float(p) for p in self.place(window) if not math.isnan(p)]
            return (min(places, default=0.0) - 0.5, max(places, default=0.0) + 0.5)
        low, high = self.place(window)
        if self.parameter.is_whole and self.kind == "linear":
            half = (self.parameter.spacing or 0) / 2
            return float(low) - half, float(high) + half
        return float(low), float(high)

    def options(self) -> dict[str, Any]:
        """Returns the options of a plotly axis: range, ticks and their text."""
        pad = (self.high - self.low) * 0.06 or 0.5
        options: dict[str, Any] = {"range": [self.low - pad, self.high + pad]}
        if self.ticks:
            options |= {"tickvals": list(self.ticks), "ticktext": list(self.tick_text)}
        return options


def axis_for(parameter: Parameter) -> Axis:
    """Returns the axis on which a parameter was drawn: its own scale, its own units."""
    bounds = parameter.bounds
    if parameter.is_unordered:
        text = tuple(plotly_text(value_text(choice), 18) for choice in bounds)
        places = tuple(float(i) for i in range(len(bounds)))
        return Axis(parameter, "choices", -0.5, len(bounds) - 0.5, places, text)
    low, high = float(bounds[0]), float(bounds[-1])
    if parameter.scale == "one-minus-log":
        ticks = log_ticks(1.0 - high, 1.0 - low)
        places = tuple(-math.log10(t) for t in ticks)
        text = tuple(number_text(1.0 - t, 8) for t in ticks)
        ends = -math.log10(1.0 - low), -math.log10(1.0 - high)
        return Axis(parameter, "one-minus-log", *ends, places, text)
    if parameter.scale == "log":
        ticks = log_ticks(low, high)
        places = tuple(math.log10(t) for t in ticks)
        text = tuple(number_text(t) for t in ticks)
        return Axis(parameter, "log", math.log10(low), math.log10(high), places, text)
    if parameter.is_whole and (parameter.n_cells or math.inf) <= 6:
        values = [parameter.at(cell) for cell in range(parameter.n_cells or 0)]
        half = (parameter.spacing or 0) / 2
        places = tuple(map(float, values))
        return Axis(parameter, "linear", low - half, high + half, places, tuple(map(str, values)))
    return Axis(parameter, "linear", low, high, (), ())


def value_colour(goodness: float) -> str:
    """Returns the colour of the value scale at a share of it, as plotly would mix it."""
    stops = list(VALUE_SCALE)
    for (low, a), (high, b) in pairwise(stops):
        if goodness <= high:
            share = (goodness - low) / (high - low)
            mixed = [
                round(int(a[i : i + 2], 16) * (1 - share) + int(b[i : i + 2], 16) * share)
                for i in (1, 3, 5)
            ]
            return f"rgb({mixed[0]},{mixed[1]},{mixed[2]})"
    return stops[-1][1]


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """Returns the options of a log axis if values are positive and span 1.5 decades; else none."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite or min(finite) <= 0 or max(finite) / min(finite) < 10**1.5:
        return {}
    ticks = log_ticks(min(finite), max(finite))
    return {"type": "log", "tickvals": ticks, "ticktext": [number_text(t) for t in ticks]}


def log_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Returns round numbers between two ends of a log axis: powers of ten, 1-2-5, or powers of 2.

    Example:
        >>> log_ticks(1e-4, 1.0)
        [0.0001, 0.001, 0.01, 0.1, 1.0]
        >>> log_ticks(16, 256)
        [20.0, 50.0, 100.0, 200.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    slack = 1 + 1e-9

    def inside(mantissas: Sequence[float]) -> list[float]:
        found = [float(f"{m}e{e}") for e in range(first, last + 1) for m in mantissas]
        return [t for t in found if low / slack <= t <= high * slack]

    tens = inside([1])
    if len(tens) >= 3:
        step = math.ceil(len(tens) / most)
        return tens[::step]
    for mantissas in ([1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]):
        ticks = inside(mantissas)
        if len(ticks) >= 3:
            return ticks
    return [low, high] if low < high else [low]
