"""Several searches side by side: how each went along, and how its values are distributed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tune_bn.report.errors import ReportError
from tune_bn.report.figures.course import best_so_far, value_range
from tune_bn.report.figures.style import SERIES, base_figure, empty_figure, log_axis, takes_template
from tune_bn.report.results.results import Results
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import plotly_text

__all__ = ["comparable", "plot_best_values", "plot_edf"]

_DASHES = ("solid", "dash", "dot")


def comparable(searches: Mapping[str, Any]) -> dict[str, Results]:
    """Returns searches by name as plain records, after a look that they can be compared.

    Raises:
        ReportError: If there are none, one has several objectives, or they differ in direction or
            metric.
    """
    found = {str(name): results_of(source) for name, source in searches.items()}
    if not found:
        raise ReportError("A comparison needs searches, but got none.")
    for name, results in found.items():
        if len(results.directions) > 1:
            raise ReportError(
                f"A comparison needs searches with one objective, but {name!r} has "
                f"{len(results.directions)}."
            )
    goals = {name: (r.directions[0], r.objectives[0]) for name, r in found.items()}
    if len(set(goals.values())) > 1:
        listed = ", ".join(f"{name!r}: {' '.join(goal)}" for name, goal in goals.items())
        raise ReportError(f"A comparison needs searches of one goal, but got {listed}.")
    return found


@takes_template
def plot_best_values(searches: Mapping[str, Any], *, template: Any = None) -> go.Figure:
    """Returns a figure of the best value so far of several searches, by trial.

    Args:
        searches: What `results_of` takes, by name; of one direction and metric.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If they cannot be compared.
    """
    found = comparable(searches)
    title = f"Best {_objective(found)} by trial"
    figure = go.Figure()
    for i, (name, results) in enumerate(found.items()):
        if results.complete:
            numbers, best = best_so_far(results, 0)
            words = f"after trial %{{x}}: %{{y:.6g}}<extra>{plotly_text(name)}</extra>"
            figure.add_trace(_line(i, name, numbers, best, words))
    if not figure.data:
        return empty_figure(title, "No trial has run to its end with a value.")
    base_figure(figure, title=title, height=400)
    figure.update_xaxes(title_text="Trial", tickformat=",d")
    low, high = _value_ends(found)
    reached = np.clip(np.concatenate([trace.y for trace in figure.data]), low, high)
    scale = log_axis(reached.tolist())
    reached = np.log10(reached) if scale else reached
    pad = 0.06 * float(np.ptp(reached)) or 0.5
    figure.update_yaxes(
        scale,
        title_text=plotly_text(_objective(found)),
        range=[float(reached.min()) - pad, float(reached.max()) + pad],
    )
    return figure


@takes_template
def plot_edf(searches: Mapping[str, Any], *, template: Any = None) -> go.Figure:
    """Returns a figure of the empirical distributions of several searches' values.

    A line tells which share of a search's complete trials is at least as good as a value: the
    higher, the better.

    Args:
        searches: What `results_of` takes, by name; of one direction and metric.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If they cannot be compared.
    """
    found = comparable(searches)
    title = "Share of the trials that are at least as good"
    figure = go.Figure()
    for i, (name, results) in enumerate(found.items()):
        values = np.array([t.value for t in results.complete])
        values = np.sort(values[np.isfinite(values)])
        if not values.size:
            continue
        # From the best value on: each step is one more trial that is at least as good.
        ordered = values[::-1] if results.maximize else values
        shares = np.arange(1, values.size + 1) / values.size
        words = f"%{{y:.0%}} reach %{{x:.6g}}<extra>{plotly_text(name)}</extra>"
        figure.add_trace(_line(i, name, ordered, shares, words))
    if not figure.data:
        return empty_figure(title, "No trial has run to its end with a finite value.")
    base_figure(figure, title=title, height=400)
    figure.update_xaxes(title_text=plotly_text(_objective(found)), range=_value_ends(found))
    figure.update_yaxes(title_text="Share of trials", tickformat=".0%", range=[0, 1.03])
    return figure


def _line(i: int, name: str, x: Any, y: Any, words: str) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={
            "shape": "hv",
            "width": 2.5,
            "color": SERIES[i % len(SERIES)],
            "dash": _DASHES[i // len(SERIES) % len(_DASHES)],
        },
        name=plotly_text(name),
        showlegend=True,
        hovertemplate=words,
    )


def _value_ends(found: Mapping[str, Results]) -> list[float]:
    """Returns the ends of an axis that has room for what each search's own axis shows."""
    ends = [value_range(results, 0) for results in found.values() if results.complete]
    return [min(low for low, _ in ends), max(high for _, high in ends)]


def _objective(found: Mapping[str, Results]) -> str:
    return next(iter(found.values())).objectives[0]
