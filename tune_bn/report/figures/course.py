"""How the search went along: best value by trial, intermediate values, time."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tune_bn.report.figures.shared import (
    BESIDE_PX,
    RING,
    STAR,
    highlights,
    require_objective,
    stage_labels,
    stage_spans,
    trial_axis,
)
from tune_bn.report.figures.style import (
    BLUE,
    BLUE_RGB,
    GREEN,
    GREY,
    VERMILLION,
    add_note,
    base_figure,
    empty_figure,
    takes_template,
)
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import number_text, plotly_text, state_text

__all__ = [
    "at_the_edge",
    "best_so_far",
    "plot_best_value",
    "plot_durations",
    "plot_intermediate_values",
    "value_range",
]

_MOST_SHADED = 200


@takes_template
def plot_best_value(
    source: Any, *, objective: int = 0, max_trials: int | None = 2000, template: Any = None
) -> go.Figure:
    """Returns a figure of each trial's value and the best one so far, with the stages shaded.

    Args:
        source: What `results_of` takes.
        objective: Which objective, counted from 0.
        max_trials: Show at most so many trials as points; None for all.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If there is no such objective, or the source is no search.
    """
    results = results_of(source)
    require_objective(results, objective, "plot_best_value")
    name = results.objectives[objective]
    title = "Best value by trial" if name == "value" else f"Best {name} by trial"
    if not results.complete:
        return empty_figure(title, "No trial has run to its end with a value.")
    shown, note = shown_trials(results, max_trials, states=("complete", "pruned"))
    low, high = value_range(results, objective)
    outside: list[TrialResult] = []
    figure = go.Figure()
    for state, marker in (
        ("pruned", {"symbol": "triangle-down-open", "size": 7, "color": GREY}),
        ("complete", {"symbol": "circle", "size": 6, "color": GREY, "opacity": 0.75}),
    ):
        trials = [t for t in shown if t.state == state and t.is_ranked]
        outside += [t for t in trials if not low <= t.values[objective] <= high]
        trials = [t for t in trials if low <= t.values[objective] <= high]
        if trials:
            figure.add_trace(
                go.Scatter(
                    x=np.array([t.number for t in trials]),
                    y=np.array([t.values[objective] for t in trials]),
                    mode="markers",
                    marker=marker,
                    name=state_text(state) + (", last value" if state == "pruned" else ""),
                    hovertemplate="trial %{x}<br>%{y:.6g}<extra></extra>",
                )
            )
    if outside:
        figure.add_trace(at_the_edge(outside, objective, (low, high)))
    numbers, best = best_so_far(results, objective)
    figure.add_trace(
        go.Scatter(
            x=numbers,
            y=best,
            mode="lines",
            line={"shape": "hv", "width": 2.5, "color": BLUE},
            name="best so far",
            hovertemplate="after trial %{x}<br>best %{y:.6g}<extra></extra>",
        )
    )
    found = int(numbers[int(np.argmax(best == best[-1]))])
    figure.add_trace(
        go.Scatter(
            x=[found],
            y=[best[-1]],
            mode="markers",
            marker=STAR,
            name=f"best: {number_text(float(best[-1]), 5)} (trial {found})",
            hovertemplate="trial %{x}<br>%{y:.6g}<extra>best</extra>",
        )
    )
    base_figure(figure, title=title, height=420)
    figure.update_yaxes(range=[low, high], title_text=plotly_text(name))
    figure.update_xaxes(trial_axis(results), title_text="Trial")
    _shade_stages(figure, results)
    for what, trial, marker in highlights(results):
        if marker is RING and trial.values:
            value = trial.values[objective]
            figure.add_trace(
                go.Scatter(
                    x=[trial.number],
                    y=[min(max(value, low), high)],
                    mode="markers",
                    marker=marker,
                    name=f"{what}: {number_text(value, 5)}",
                    hovertemplate="trial %{x}<br>%{y:.6g}<extra>chosen</extra>",
                )
            )
    if note:
        add_note(figure, note)
    figure.update_layout(margin={"t": 98, "r": BESIDE_PX}, legend={"y": 1.07})
    return figure


def best_so_far(results: Results, objective: int) -> tuple[Any, Any]:
    """Returns the trials that were the best so far, by number, and their values, to the end."""
    complete = [t for t in results.complete if t.violation == 0] or list(results.complete)
    values = np.array([t.values[objective] for t in complete])
    maximize = results.directions[objective] == "maximize"
    best = np.maximum.accumulate(values) if maximize else np.minimum.accumulate(values)
    numbers = np.array([t.number for t in complete])
    # Only the steps, and the last trial, so that 10,000 trials stay few points.
    keep = np.flatnonzero(np.r_[True, best[1:] != best[:-1]])
    last = max(t.number for t in results.trials)
    return np.r_[numbers[keep], last], np.r_[best[keep], best[-1]]


def at_the_edge(
    trials: Sequence[TrialResult], objective: int, ends: tuple[float, float]
) -> go.Scatter:
    """Returns the trials whose values lie beyond the axis, as marks at that edge of it."""
    values = np.array([t.values[objective] for t in trials])
    return go.Scatter(
        x=np.array([t.number for t in trials]),
        y=np.clip(values, *ends),
        customdata=values,
        mode="markers",
        marker={"symbol": "diamond", "size": 7, "color": VERMILLION},
        name="beyond the edge",
        hovertemplate="trial %{x}<br>%{customdata:.6g}<extra>beyond the edge</extra>",
    )


@np.errstate(over="ignore")  # values of ±1e308 have no difference
def value_range(results: Results, objective: int) -> tuple[float, float]:
    """Returns the ends of an axis of values.

    A single exploded loss would flatten everything else, so what lies further from the median
    than four times the distance of the best, or of the middle half, is left outside.
    """
    values = np.array([t.values[objective] for t in results.complete])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    first, median, third = np.quantile(finite, [0.25, 0.5, 0.75])
    maximize = results.directions[objective] == "maximize"
    best = finite.max() if maximize else finite.min()
    reach = 4 * max(abs(best - median) / 2, third - first)
    if maximize:
        low, high = max(finite.min(), median - reach), best
    else:
        low, high = best, min(finite.max(), median + reach)
    pad = 0.06 * (high - low) or 0.05 * max(abs(high), 1e-12)
    return max(float(low - pad), -1e300), min(float(high + pad), 1e300)


def _shade_stages(figure: go.Figure, results: Results) -> None:
    spans = stage_spans(results)
    if not spans:
        return
    shades = [
        {
            "type": "rect",
            "x0": left,
            "x1": right,
            "y0": 0,
            "y1": 1,
            "yref": "y domain",
            "fillcolor": f"rgba({BLUE_RGB},0.11)",
            "line": {"width": 0},
            "layer": "below",
        }
        for _, left, right in spans[::2]
        if len(spans) <= _MOST_SHADED
    ]
    labels = stage_labels(spans, y=1, yref="y domain")
    figure.update_layout(shapes=shades, annotations=labels)


@takes_template
def plot_intermediate_values(
    source: Any, *, max_trials: int = 200, template: Any = None
) -> go.Figure:
    """Returns a figure of what trials reported on their way; those stopped early are faint.

    Args:
        source: What `results_of` takes.
        max_trials: Show at most so many trials, the best among them.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.
    """
    results = results_of(source)
    title = "Intermediate values"
    with_steps = [t for t in results.trials if len(t.steps) > 0]
    if not with_steps:
        return empty_figure(title, "No trial reported values on its way.")
    shown, note = shown_trials(results, max_trials)
    own = {trial.number: what for what, trial, _ in highlights(results)}
    marked = [trial for _, trial, _ in highlights(results)]
    figure = go.Figure()
    kinds: list[tuple[str, dict[str, Any], float]] = [
        ("failed", {"width": 1, "color": VERMILLION, "dash": "dot"}, 0.6),
        ("pruned", {"width": 1, "color": GREY}, 0.45),
        ("complete", {"width": 1.2, "color": BLUE}, 0.55),
        *(
            (own[trial.number], {"width": 3, "color": colour}, 1.0)
            for trial, colour in zip(marked, (VERMILLION, GREEN), strict=False)
        ),
    ]
    for kind, line, opacity in kinds:
        x: list[float] = []
        y: list[float] = []
        numbers: list[float] = []
        sizes: list[float] = []
        is_own = line["width"] >= 3
        for trial in {t.number: t for t in (*shown, *marked)}.values():
            if own.get(trial.number, trial.state) != kind or not trial.steps:
                continue
            x += [step for step, _ in trial.steps] + [math.nan]
            y += [v if math.isfinite(v) else math.nan for _, v in trial.steps] + [math.nan]
            numbers += [trial.number] * (len(trial.steps) + 1)
            # A dot where a trial ended; all of a thousand dots hide the lines, and weigh.
            sizes += [6 if is_own else 0] * (len(trial.steps) - 1) + [6 if is_own else 3, 0]
        if x:
            figure.add_trace(
                go.Scatter(
                    x=np.array(x),
                    y=np.array(y),
                    customdata=np.array(numbers),
                    mode="lines+markers",
                    marker={"size": np.array(sizes)},
                    line=line,
                    opacity=opacity,
                    name=state_text(kind),
                    hovertemplate="trial %{customdata}<br>step %{x}: %{y:.6g}<extra></extra>",
                )
            )
    base_figure(figure, title=title, height=400)
    figure.update_xaxes(title_text="Step (epoch)")
    figure.update_yaxes(title_text=plotly_text(results.objectives[0]), range=_step_range(results))
    if note:
        add_note(figure, note)
    return figure


def _step_range(results: Results) -> list[float] | None:
    values = np.array([v for t in results.trials for _, v in t.steps if math.isfinite(v)])
    if values.size < 4:
        return None
    low, high = (float(q) for q in np.quantile(values, [0.02, 0.98]))
    low = min(low, float(values.min())) if not results.maximize else low
    high = max(high, float(values.max())) if results.maximize else high
    pad = 0.05 * (high - low) or 0.5
    return [low - pad, high + pad]


@takes_template
def plot_durations(
    source: Any, *, max_trials: int | None = 2000, template: Any = None
) -> go.Figure:
    """Returns a figure of how long each trial took, in seconds.

    Args:
        source: What `results_of` takes.
        max_trials: Show at most so many trials; None for all.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.
    """
    results = results_of(source)
    title = "Time of each trial"
    shown, note = shown_trials(results, max_trials)
    figure = go.Figure()
    looks = (
        ("complete", {"symbol": "circle", "size": 6, "color": BLUE, "opacity": 0.7}),
        ("pruned", {"symbol": "triangle-down-open", "size": 7, "color": GREY}),
        (
            "failed",
            {"symbol": "x-thin", "size": 7, "line": {"width": 2, "color": VERMILLION}},
        ),
    )
    for state, marker in looks:
        trials = [t for t in shown if t.state == state and t.seconds is not None]
        if trials:
            figure.add_trace(
                go.Scatter(
                    x=np.array([t.number for t in trials]),
                    y=np.array([t.seconds for t in trials], dtype=float),
                    mode="markers",
                    marker=marker,
                    name=state_text(state),
                    hovertemplate="trial %{x}<br>%{y:.3g} s<extra></extra>",
                )
            )
    if not figure.data:
        return empty_figure(title, "No trial recorded its time.")
    for what, trial, marker in highlights(results):
        if trial.seconds is not None:
            figure.add_trace(
                go.Scatter(
                    x=[trial.number],
                    y=[trial.seconds],
                    mode="markers",
                    marker=marker,
                    name=what,
                    hovertemplate="trial %{x}<br>%{y:.3g} s<extra></extra>",
                )
            )
    base_figure(figure, title=title, height=340)
    figure.update_xaxes(trial_axis(results), title_text="Trial")
    figure.update_yaxes(title_text="Seconds", rangemode="tozero", tickformat="~g")
    if note:
        add_note(figure, note)
    return figure
