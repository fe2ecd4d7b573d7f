"""Two parameters together: where in their plane the good trials lie."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tune_bn.report.errors import ReportError
from tune_bn.report.figures.contours import LEVELS, neighbour_means
from tune_bn.report.figures.drawn import Looks
from tune_bn.report.figures.shared import chosen_params, highlights
from tune_bn.report.figures.style import (
    VALUE_SCALE,
    Axis,
    add_note,
    axis_for,
    base_figure,
    empty_figure,
    takes_template,
)
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import number_text, plotly_text, value_text

__all__ = ["plot_pair"]

_PLACES = 81, 61  # across and up, at which the surface is known


@takes_template
def plot_pair(
    source: Any,
    *,
    params: Sequence[str] | None = None,
    max_trials: int | None = 2000,
    template: Any = None,
) -> go.Figure:
    """Returns a figure with the complete trials in the plane of two parameters, and contours.

    The shade of a place is the mean rank of the trials around it, good ones warm, with lines where
    these are better than a fifth, two, three and four fifths of all. It describes trials and is no
    model of the objective: where none is near there is no shade, nor where a parameter has choices
    without an order, or with fewer than ten trials.

    Args:
        source: What `results_of` takes.
        params: The names of two parameters; None for the first two.
        max_trials: Show at most so many trials; None for all.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If these are not two of the search's parameters, or the source is no search.
    """
    results = results_of(source)
    names = chosen_params(results, params)
    if params is not None and len(set(names)) != 2:
        raise ReportError(f"plot_pair needs two parameters, but got params={params!r}.")
    names = names[:2]
    trials, note = shown_trials(results, max_trials, states=("complete",))
    if len(names) < 2 or not any(t.is_ranked for t in trials):
        return empty_figure("Two parameters together", "Needs two parameters and a value.")
    looks = Looks(results, trials)
    across, up = (axis_for(results.space[name]) for name in names)
    # From the worst to the best, so that the good ones lie on top.
    shown = sorted(
        (t for t in trials if t.number in looks.goodness), key=lambda t: looks.goodness[t.number]
    )
    goodness = np.array([looks.goodness[t.number] for t in shown], dtype=np.float32)
    x, y = (
        across.place([t.params.get(names[0]) for t in shown]),
        up.place([t.params.get(names[1]) for t in shown]),
    )
    figure = go.Figure(_surface(across, up, x, y, goodness))
    figure.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={
                "symbol": "circle",
                "size": 6 + 5 * goodness,
                "opacity": 0.55 + 0.45 * goodness,
                "color": goodness,
                "coloraxis": "coloraxis",
                "line": {"width": 0},
            },
            name="complete",
            showlegend=False,
            customdata=[
                (
                    t.number,
                    *(plotly_text(value_text(t.params.get(name))) for name in names),
                    ", ".join(number_text(v) for v in t.values),
                )
                for t in shown
            ],
            hovertemplate=(
                f"trial %{{customdata[0]}}<br>{plotly_text(names[0])} = %{{customdata[1]}}"
                f"<br>{plotly_text(names[1])} = %{{customdata[2]}}"
                "<br>value %{customdata[3]}<extra></extra>"
            ),
        )
    )
    for what, trial, marker in highlights(results):
        figure.add_trace(
            go.Scatter(
                x=across.place([trial.params.get(names[0])]),
                y=up.place([trial.params.get(names[1])]),
                mode="markers",
                marker=marker,
                name=what,
                showlegend=True,
                hoverinfo="skip",
            )
        )
    title = f"{names[0]} and {names[1]} together"
    base_figure(figure, title=title, height=480)
    figure.update_xaxes(across.options(), title_text=plotly_text(names[0]))
    figure.update_yaxes(up.options(), title_text=plotly_text(names[1]))
    figure.update_layout(
        margin={"t": 76, "b": 112},
        coloraxis={
            "colorscale": [list(stop) for stop in VALUE_SCALE],
            "cmin": 0,
            "cmax": 1,
            "colorbar": {
                "orientation": "h",
                "thickness": 9,
                "len": 0.62,
                "x": 0,
                "xanchor": "left",
                "y": -0.2,
                "yanchor": "top",
                "outlinewidth": 0,
                "tickvals": [0, 0.5, 1],
                "ticktext": looks.scale_text(),
                "tickfont": {"size": 12},
            },
        },
        meta={
            "narrow": {
                "coloraxis.colorbar.len": 1,
                "coloraxis.colorbar.tickvals": [0.16, 0.84],
                "coloraxis.colorbar.ticktext": looks.scale_text()[::2],
            }
        },
    )
    if note:
        add_note(figure, note)
    return figure


def _surface(across: Axis, up: Axis, x: Any, y: Any, goodness: Any) -> list[go.Contour]:
    """Returns the contours of how good the trials around a place are, where that can be said."""
    if "choices" in (across.kind, up.kind):
        return []
    places = [np.linspace(0, 1, n) for n in _PLACES]
    ends = [(axis.low, (axis.high - axis.low) or 1.0) for axis in (across, up)]
    points = np.column_stack(
        [(at - low) / width for at, (low, width) in zip((x, y), ends, strict=True)]
    )
    is_placed = np.isfinite(points).all(axis=1)
    means = neighbour_means(points[is_placed], goodness[is_placed].astype(float), *places)
    if np.isnan(means).all():
        return []
    x_at, y_at = (low + width * at for at, (low, width) in zip(places, ends, strict=True))
    return [
        go.Contour(
            x=x_at,
            y=y_at,
            z=means.astype(np.float32),
            coloraxis="coloraxis",
            contours={"start": LEVELS[0], "end": LEVELS[-1], "size": LEVELS[1] - LEVELS[0]},
            line={"width": 1},
            opacity=0.4,
            hoverinfo="skip",
        )
    ]
