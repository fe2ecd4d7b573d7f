"""How the search narrowed: every parameter's draws, each with the interval it was drawn from."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tune_bn.report.figures.bars import bar_traces, n_unknown
from tune_bn.report.figures.shared import (
    BESIDE_PX,
    MOST_SPANS,
    RING,
    STAR,
    chosen_params,
    highlights,
    stage_labels,
    stage_spans,
    trial_axis,
)
from tune_bn.report.figures.style import (
    BLUE_RGB,
    GREY,
    INK,
    VALUE_SCALE,
    VERMILLION,
    Axis,
    add_note,
    axis_for,
    base_figure,
    empty_figure,
    takes_template,
)
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.explanation import window_source
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import (
    count_text,
    number_text,
    plotly_text,
    state_text,
    value_text,
)

__all__ = ["Looks", "plot_narrowing"]

_ROW_PX, _LOW_ROW_PX, _FEW_ROWS = 104, 84, 4
_GAP_PX = 34
_TOP_PX, _BOTTOM_PX = 100, 112
_LEGEND_PX = 29  # of each of its lines
_LINE_PX = 800  # of entries in one of them


@takes_template
def plot_narrowing(
    source: Any,
    *,
    params: Sequence[str] | None = None,
    max_trials: int | None = 2000,
    template: Any = None,
) -> go.Figure:
    """Returns a figure with a row per parameter: its value in each trial, and where it was drawn.

    Trials run along x, a parameter's own scale along y. A bar behind a dot is the interval in which
    the value was drawn; a dot without one was kept from another trial, or given. The pale band is
    all that a stage drew from: the hull of its bars. Colour and size tell how a trial ranks among
    the complete ones; trials stopped early are open triangles, failed ones crosses, the best a
    star, and the one that was chosen in the end a ring.

    Args:
        source: What `results_of` takes: an Optuna study, a Ray result grid, a `CoarseToFine`.
        params: Names of the parameters to show, in this order; None for all.
        max_trials: Show at most so many trials (≥ 10); None for all. The title says so.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ReportError: If a name is none of the parameters, or the source is no search.

    Example:
        >>> import optuna
        >>> from tune_bn.optuna import CoarseToFineSampler
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
        >>> study.optimize(lambda t: t.suggest_float("x", -1, 1) ** 2, n_trials=30)
        >>> plot_narrowing(study).layout.title.text
        'How the search narrowed'
    """
    results = results_of(source)
    title = "How the search narrowed" if results.stages else "Draws of each parameter"
    names = chosen_params(results, params)
    trials, note = shown_trials(results, max_trials)
    if not names or not trials:
        return empty_figure(title, "No finished trial has a parameter yet.")
    rows = len(names)
    row_px = _ROW_PX if rows <= _FEW_ROWS else _LOW_ROW_PX
    inner = rows * row_px + (rows - 1) * _GAP_PX
    figure = make_subplots(
        rows=rows,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=_GAP_PX / inner if rows > 1 else 0,
        subplot_titles=[_row_title(results, name) for name in names],
    )
    looks = Looks(results, trials)
    bottom = _BOTTOM_PX if looks.has_values else _BOTTOM_PX - 56
    base_figure(figure, title=title, height=inner + _TOP_PX + bottom)
    figure.update_annotations(x=0, xanchor="left", font={"size": 13, "color": INK}, yshift=2)
    for row, name in enumerate(names, start=1):
        axis = axis_for(results.space[name])
        if results.stages:
            figure.add_trace(_band(results, name, axis, is_first=row == 1), row=row, col=1)
            for trace in bar_traces(trials, name, axis, has_key=row == 1):
                figure.add_trace(trace, row=row, col=1)
        for trace in looks.traces(name, axis, is_first=row == 1):
            figure.add_trace(trace, row=row, col=1)
        figure.update_yaxes(axis.options(), row=row, col=1)
    for label in stage_labels(stage_spans(results), y=1, yref="y domain", yshift=21):
        figure.add_annotation(label)
    figure.update_xaxes(trial_axis(results))
    figure.update_xaxes(title_text="Trial", row=rows, col=1)
    entries = [trace.name for trace in figure.data if trace.showlegend is not False and trace.name]
    lines = -(-sum(48 + 7 * len(entry) for entry in entries) // _LINE_PX)
    top = _TOP_PX + _LEGEND_PX * (lines - 1)
    figure.update_layout(
        height=inner + top + bottom,
        margin={"t": top, "b": bottom, "r": BESIDE_PX},
        legend={"y": 1 + 42 / inner, "itemsizing": "trace"},
        meta={
            "narrow": {
                "coloraxis.colorbar.len": 1,
                "coloraxis.colorbar.tickvals": [0.16, 0.84],
                "coloraxis.colorbar.ticktext": looks.scale_text()[::2],
            }
        },
        coloraxis={
            "colorscale": [list(stop) for stop in VALUE_SCALE],
            "cmin": 0,
            "cmax": 1,
            "showscale": looks.has_values,
            "colorbar": {
                "orientation": "h",
                "thickness": 9,
                "len": 0.62,
                "x": 0,
                "xanchor": "left",
                "y": -58 / inner,
                "yanchor": "top",
                "outlinewidth": 0,
                "tickvals": [0, 0.5, 1],
                "ticktext": looks.scale_text(),
                "tickfont": {"size": 12},
                "tickangle": 0,
                "ticklabelposition": "outside bottom",
            },
        },
    )
    unknown = n_unknown(trials)
    if unknown:
        whose = count_text(unknown, "trial")
        note = f"{note} Of {whose} it is not known between which values they were drawn.".strip()
    if len(results.stages) > MOST_SPANS:
        note = f"{note} Windows of {MOST_SPANS} of {len(results.stages):,} stages.".strip()
    if note:
        add_note(figure, note)
    return figure


def _row_title(results: Results, name: str) -> str:
    parameter = results.space[name]
    word = {"log": "log scale", "one-minus-log": f"log scale of 1 − {plotly_text(name)}"}.get(
        axis_for(parameter).kind, ""
    )
    title = f"<b>{plotly_text(name)}</b>"
    return f"{title}  <span style='font-size:11px'>{word}</span>" if word else title


class Looks:
    """Colour, size and shape of every trial, the same in all rows."""

    def __init__(self, results: Results, trials: tuple[TrialResult, ...]) -> None:
        self.results, self.trials = results, trials
        order = [t.number for t in results.ranked if t.state == "complete"]
        top = max(len(order) - 1, 1)
        self.goodness = {number: 1 - i / top for i, number in enumerate(order)}
        best = results.front[:64]
        self.best = best
        shown_best = {t.number for t in best}
        self.complete = [
            t for t in trials if t.number in self.goodness and t.number not in shown_best
        ]
        # Drawn from the worst to the best, so that the good ones lie on top.
        self.complete.sort(key=lambda t: self.goodness[t.number])
        self.pruned = [t for t in trials if t.state == "pruned"]
        self.failed = [t for t in trials if t.state == "failed"]
        self.chosen = [t for _, t, marker in highlights(results) if marker is RING]
        self.has_values = bool(self.goodness)

    def scale_text(self) -> list[str]:
        """Returns what stands at the worst end of the colour scale, its middle and its best end."""
        if len(self.results.directions) > 1:
            return ["last front", "middle", "first front"]
        values = [t.value for t in self.results.ranked if t.state == "complete"]
        if not values:
            return ["", "", ""]
        ends = values[-1], values[len(values) // 2], values[0]
        words = ("worst", "median", "best")
        return [f"{word} {number_text(v)}" for word, v in zip(words, ends, strict=True)]

    def traces(self, name: str, axis: Axis, *, is_first: bool) -> list[go.Scatter]:
        """Returns the marks of one row; the first row's are those in the legend."""
        # Of single precision, as all that is one of many: half the size, and as good to look at.
        goodness = np.array([self.goodness[t.number] for t in self.complete], dtype=np.float32)
        kinds: list[tuple[str, Sequence[TrialResult], dict[str, Any]]] = [
            (
                "failed",
                self.failed,
                {"symbol": "x-thin", "size": 7, "line": {"width": 2, "color": VERMILLION}},
            ),
            (
                state_text("pruned"),
                self.pruned,
                {"symbol": "triangle-down-open", "size": 7, "color": GREY},
            ),
            (
                "complete",
                self.complete,
                {
                    "symbol": "circle",
                    "size": 5 + 4 * goodness,
                    "opacity": 0.55 + 0.45 * goodness,
                    "color": goodness,
                    "coloraxis": "coloraxis",
                    "line": {"width": 0},
                },
            ),
            ("best" if len(self.results.directions) == 1 else "Pareto front", self.best, STAR),
            ("chosen", self.chosen, RING),
        ]
        traces = [
            self._trace(kind, trials, marker, name, axis, is_first)
            for kind, trials, marker in kinds
            if trials
        ]
        return [*traces, _legend_key()] if is_first and self.complete else traces

    def _trace(
        self,
        kind: str,
        trials: Sequence[TrialResult],
        marker: dict[str, Any],
        name: str,
        axis: Axis,
        is_first: bool,
    ) -> go.Scatter:
        values = [t.params.get(name) for t in trials]
        results = self.results
        about = [
            (plotly_text(value_text(v)), _outcome(t), *_source(results, t, name))
            for v, t in zip(values, trials, strict=True)
        ]
        source = "<br>%{customdata[2]}" if results.stages else ""
        return go.Scatter(
            x=np.array([t.number for t in trials]),
            y=axis.place(values).astype(np.float32),
            mode="markers",
            marker=marker,
            name=kind,
            legendgroup=kind,
            # The legend would show a colour that is none of the scale's; _legend_key stands in.
            showlegend=is_first and "coloraxis" not in marker,
            customdata=about,
            hovertemplate=(
                f"trial %{{x}}<br>{plotly_text(name)} = %{{customdata[0]}}"
                f"<br>%{{customdata[1]}}{source}<extra>{kind}</extra>"
            ),
        )


def _legend_key() -> go.Scatter:
    return go.Scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={"symbol": "circle", "size": 8, "color": VALUE_SCALE[1][1]},
        name="complete",
        legendgroup="complete",
        hoverinfo="skip",
    )


def _outcome(trial: TrialResult) -> str:
    if trial.values:
        values = ", ".join(number_text(v) for v in trial.values)
        return f"{'value' if trial.state == 'complete' else 'last value'} {values}"
    return plotly_text(trial.reason or f"no value ({trial.state})", 60)


def _source(results: Results, trial: TrialResult, name: str) -> tuple[str, ...]:
    """Returns from where a value was drawn, for those who point at it."""
    return (plotly_text(window_source(results, trial, name), 60),) if results.stages else ()


def _band(results: Results, name: str, axis: Axis, *, is_first: bool) -> go.Scatter:
    """Returns all windows of one parameter as one trace of rectangles."""
    x: list[float] = []
    y: list[float] = []
    for stage, left, right in stage_spans(results):
        if name not in stage.windows:
            continue
        low, high = axis.window(stage.windows[name])
        x += [left, right, right, left, left, math.nan]
        y += [low, low, high, high, low, math.nan]
    return go.Scatter(
        x=np.array(x),
        y=np.array(y),
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({BLUE_RGB},0.09)",
        line={"width": 1, "color": f"rgba({BLUE_RGB},0.35)"},
        name="all that a stage drew from",
        legendgroup="window",
        showlegend=is_first,
        hoverinfo="skip",
    )
