"""The interval in which each trial was drawn, as a thin bar behind its dot.

A value that was kept or given has no bar: nothing was drawn. Kinds of regions are told apart by
thickness and caps as well as by colour.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from tune_bn.core.draws.regions import AROUND_ONE, AROUND_THE_BEST, BOX, STRATUM, UNTRIED, WINDOWS
from tune_bn.core.space.window import Kept
from tune_bn.report.figures.style import Axis
from tune_bn.report.results.results import TrialResult

__all__ = [
    "LOOKS",
    "BarLook",
    "bar_traces",
    "bars_of",
    "kinds_of",
    "n_unknown",
    "thinner",
]

_FIGURE_PX = 860


class BarLook(NamedTuple):
    """How the bars of a kind of region look.

    Args:
        name: What the legend calls them.
        colour: Red, green and blue, 0 to 255, comma-separated.
        opacity: 0 to 1.
        px: Thickness where there is room.
        cap_px: How far a cap reaches beyond its bar on each side; 0 for none.
    """

    name: str
    colour: str
    opacity: float
    px: float
    cap_px: float


LOOKS = {
    STRATUM: BarLook("part of the range", "124,135,150", 0.75, 1.5, 0),
    BOX: BarLook("box of the best", "31,131,198", 0.55, 6, 0),
    AROUND_THE_BEST: BarLook("around the best", "0,158,115", 0.85, 2, 3),
    WINDOWS: BarLook("around good values", "176,92,160", 0.8, 3, 0),
    AROUND_ONE: BarLook("around one trial", "176,92,160", 0.8, 1.5, 3),
    UNTRIED: BarLook("what was left untried", "124,135,150", 0.75, 3, 3),
}


def kinds_of(trials: Sequence[TrialResult]) -> list[str]:
    """Returns the kinds of regions that some of the trials were drawn from, in a fixed order."""
    found = {t.origin.mark.kind for t in trials if t.origin is not None and t.origin.moved}
    return [kind for kind in LOOKS if kind in found]


def n_unknown(trials: Sequence[TrialResult]) -> int:
    """Returns how many trials recorded a draw whose windows cannot be told."""
    return sum(t.is_unread or (t.origin is not None and t.origin.windows is None) for t in trials)


def bars_of(
    trials: Sequence[TrialResult], name: str, axis: Axis
) -> dict[str, list[tuple[int, float, float]]]:
    """Returns for each kind of region (trial, low end, high end) of each value that was drawn.

    Args:
        trials: Any trials.
        name: A parameter.
        axis: Its axis, in whose coordinate the ends are.
    """
    bars: dict[str, list[tuple[int, float, float]]] = {}
    for trial in trials:
        if trial.origin is None:
            continue
        window = (trial.origin.windows or {}).get(name)
        if window is None or isinstance(window, Kept):
            continue
        low, high = axis.window(window.bounds)
        if not (math.isnan(low) or math.isnan(high)):
            kind = trial.origin.mark.kind
            bars.setdefault(kind, []).append((trial.number, low, high))
    return bars


def thinner(look: BarLook, n_trials: int) -> tuple[float, float]:
    """Returns thickness and caps in pixels of the bars where so many trials share the width."""
    room = _FIGURE_PX / max(n_trials, 1)
    thickness = min(look.px, max(0.5 * room * look.px / 6 + 0.5, 1.0))
    return thickness, look.cap_px if room >= 8 else 0.0


def bar_traces(
    trials: Sequence[TrialResult], name: str, axis: Axis, *, has_key: bool
) -> list[go.Scatter]:
    """Returns the bars of one row of a figure, a trace for each kind, and their keys in the legend.

    They are error bars of marks that cannot be seen: a third of the size of a line for each.
    """
    traces = []
    bars = bars_of(trials, name, axis)
    for kind, look in LOOKS.items():
        found = bars.get(kind, [])
        px, cap_px = thinner(look, len(trials))
        colour = f"rgba({look.colour},{look.opacity})"
        if found:
            numbers, low, high = (np.array(column) for column in zip(*found, strict=True))
            traces.append(
                go.Scatter(
                    x=numbers,
                    y=((low + high) / 2).astype(np.float32),
                    error_y={
                        "type": "data",
                        "array": ((high - low) / 2).astype(np.float32),
                        "color": colour,
                        "thickness": px,
                        "width": cap_px,
                    },
                    mode="markers",
                    marker={"size": 0, "opacity": 0},
                    name=look.name,
                    legendgroup=kind,
                    showlegend=False,
                    hoverinfo="skip",
                )
            )
    if has_key:
        for kind in kinds_of(trials):
            look = LOOKS[kind]
            traces.append(
                go.Scatter(
                    x=[None],
                    y=[None],
                    mode="markers",
                    marker={
                        "symbol": "line-ns",
                        "size": 14,
                        "opacity": look.opacity,
                        "line": {"width": look.px, "color": f"rgb({look.colour})"},
                    },
                    name=look.name,
                    legendgroup=kind,
                    hoverinfo="skip",
                )
            )
    return traces
