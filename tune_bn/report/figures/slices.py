"""Value against each parameter: where along it the good trials lie."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tune_bn.report.figures.course import at_the_edge, value_range
from tune_bn.report.figures.relations import Importance, importance_text
from tune_bn.report.figures.shared import chosen_params, highlights, require_objective
from tune_bn.report.figures.style import (
    BLUE,
    add_note,
    axis_for,
    base_figure,
    empty_figure,
    takes_template,
)
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.results import Results
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import plotly_text, value_text

__all__ = ["plot_slices", "slices_figure"]

_ROW_PX, _GAP_PX = 150, 62
_COLUMNS, _NARROW_COLUMNS = 3, 2
_GAP = 0.05  # between columns, as a share of the width


@takes_template
def plot_slices(
    source: Any,
    *,
    params: Sequence[str] | None = None,
    objective: int = 0,
    max_trials: int | None = 2000,
    template: Any = None,
) -> go.Figure:
    """Returns a figure with a panel for each parameter: the value of each trial against its own.

    Values that lie beyond the axis are drawn at its edge.

    Args:
        source: What `results_of` takes.
        params: Names of the parameters to show; None for all.
        objective: Which objective, counted from 0.
        max_trials: Show at most so many trials; None for all.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If there is no such objective or parameter, or the source is no search.
    """
    return slices_figure(results_of(source), params, objective, max_trials, {})


def slices_figure(
    results: Results,
    params: Sequence[str] | None,
    objective: int,
    max_trials: int | None,
    importance: Mapping[str, Importance],
) -> go.Figure:
    """Returns what `plot_slices` returns, with the importance of each parameter in its heading."""
    require_objective(results, objective, "plot_slices")
    what = results.objectives[objective]
    title = f"{'Value' if what == 'value' else what} against each parameter"
    names = chosen_params(results, params)
    trials, note = shown_trials(results, max_trials, states=("complete",))
    trials = tuple(t for t in trials if t.is_ranked)
    if not names or not trials:
        return empty_figure(title, "No trial has run to its end with a value.")
    low, high = value_range(results, objective)
    inside = [t for t in trials if low <= t.values[objective] <= high]
    outside = [t for t in trials if not low <= t.values[objective] <= high]
    special = [(text, t, marker) for text, t, marker in highlights(results) if t.values]
    figure = go.Figure()
    n_rows = -(-len(names) // _COLUMNS)
    base_figure(figure, title=title, height=n_rows * (_ROW_PX + _GAP_PX) + 90)
    headings = []
    narrow: dict[str, Any] = {}
    for i, name in enumerate(names):
        axis = axis_for(results.space[name])
        number = "" if i == 0 else str(i + 1)
        of_panel = {"xaxis": f"x{number}", "yaxis": f"y{number}", "legendgroup": "complete"}
        places = axis.place([t.params.get(name) for t in inside])
        figure.add_trace(
            go.Scatter(
                x=places,
                y=np.array([t.values[objective] for t in inside]),
                mode="markers",
                marker={"symbol": "circle", "size": 5, "color": BLUE, "opacity": 0.85},
                name="complete",
                showlegend=i == 0,
                customdata=[
                    (t.number, plotly_text(value_text(t.params.get(name)))) for t in inside
                ],
                hovertemplate=(
                    f"trial %{{customdata[0]}}<br>{plotly_text(name)} = %{{customdata[1]}}"
                    "<br>value %{y:.6g}<extra></extra>"
                ),
                **of_panel,
            )
        )
        if outside:
            edge = at_the_edge(outside, objective, (low, high))
            edge.x = axis.place([t.params.get(name) for t in outside])
            numbers = [(t.number, t.values[objective]) for t in outside]
            edge.update(customdata=numbers, showlegend=i == 0, **of_panel | {"legendgroup": "edge"})
            edge.hovertemplate = (
                "trial %{customdata[0]}<br>value %{customdata[1]:.6g}<extra>beyond the edge</extra>"
            )
            figure.add_trace(edge)
        for text, trial, marker in special:
            figure.add_trace(
                go.Scatter(
                    x=axis.place([trial.params.get(name)]),
                    y=np.clip([trial.values[objective]], low, high),
                    mode="markers",
                    marker={**marker, "size": 12},
                    name=text,
                    showlegend=i == 0,
                    hovertemplate=f"trial {trial.number}: %{{y:.6g}}<extra></extra>",
                    **of_panel | {"legendgroup": text.split()[0]},
                )
            )
        found = importance.get(name)
        more = "" if found is None else f"  decides {importance_text(found)}"
        headings.append(
            {
                "text": f"<b>{plotly_text(name, 24)}</b><span style='font-size:11px'>{more}</span>",
                "x": 0,
                "xref": f"x{number} domain",
                "xanchor": "left",
                "y": 1,
                "yref": f"y{number} domain",
                "yanchor": "bottom",
                "yshift": 4,
                "showarrow": False,
            }
        )
        wide = _place(i, len(names), _COLUMNS)
        figure.update_layout(
            {
                f"xaxis{number}": {**axis.options(), "anchor": f"y{number}", "domain": wide[0]},
                f"yaxis{number}": {
                    "range": [low, high],
                    "anchor": f"x{number}",
                    "domain": wide[1],
                    "showticklabels": i % _COLUMNS == 0,
                },
            }
        )
        across, up = _place(i, len(names), _NARROW_COLUMNS)
        narrow |= {
            f"xaxis{number}.domain": across,
            f"yaxis{number}.domain": up,
            f"yaxis{number}.showticklabels": i % _NARROW_COLUMNS == 0,
        }
    base = figure.layout.height
    base_figure(figure, title=title, height=base)
    rows = -(-len(names) // _NARROW_COLUMNS)
    narrow["height"] = rows * (_ROW_PX + _GAP_PX) + 90
    figure.update_layout(
        annotations=headings, margin={"t": 98, "b": 54}, meta={"narrow": narrow}, legend={"y": 1.05}
    )
    if note:
        add_note(figure, note)
    return figure


def _place(i: int, n: int, columns: int) -> tuple[list[float], list[float]]:
    """Returns the shares of width and height that a panel takes."""
    rows = -(-n // columns)
    width = (1 + _GAP) / columns
    height = rows * (_ROW_PX + _GAP_PX) - _GAP_PX
    top = (i // columns) * (_ROW_PX + _GAP_PX) / height
    left = (i % columns) * width
    return [left, left + width - _GAP], [max(1 - top - _ROW_PX / height, 0.0), 1 - top]
