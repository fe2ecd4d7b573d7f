"""What matters and what goes together: importances, the best tenth, the Pareto front."""

import math
import warnings
from typing import Any

import numpy as np
import plotly.graph_objects as go

from tune_bn.core.space import Parameter
from tune_bn.report.errors import ReportError
from tune_bn.report.figures.style import (
    AMBER,
    BLUE,
    GREY,
    INK,
    MUTED,
    add_note,
    axis_for,
    base_figure,
    empty_figure,
    log_axis,
    value_colour,
)
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import number_text, plotly_text, value_text, window_text

__all__ = ["importances", "plot_importances", "plot_parallel", "plot_pareto"]

_FEWEST = 10
_MOST_ASSESSED = 1000
_LARGEST_SQUARED = 1e100


def importances(results: Results, *, objective: int = 0) -> dict[str, float]:
    """Returns Optuna's own importance of each parameter, the largest first; they sum to 1.

    Optuna's default evaluator, on at most 1,000 trials. Empty where it cannot say: fewer than ten
    complete trials, no parameter that all of them have, or all values the same.

    Raises:
        ModuleNotFoundError: If Optuna is not installed.
    """
    import optuna

    complete, _ = shown_trials(results, _MOST_ASSESSED, states=("complete",))
    complete = tuple(t for t in complete if t.values and math.isfinite(t.values[objective]))
    if len(complete) < _FEWEST or len({t.values[objective] for t in complete}) < 2:
        return {}
    names = [n for n in results.space if all(n in t.params for t in complete)]
    space = {name: _distribution(results.space[name]) for name in names}
    maximize = results.directions[objective] == "maximize"
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # this study is nobody's news
    try:
        study = optuna.create_study(
            storage=optuna.storages.InMemoryStorage(),
            direction="maximize" if maximize else "minimize",
        )
    finally:
        optuna.logging.set_verbosity(verbosity)
    for name in [n for n in names if space[n].single()]:
        del space[name]
    if not space:
        return {}
    # Importances are shares, so they do not change with the unit; squares of huge values overflow.
    largest = max(abs(trial.values[objective]) for trial in complete)
    unit = largest if largest > _LARGEST_SQUARED else 1.0
    study.add_trials(
        optuna.create_trial(
            params={n: _stored(results.space[n], trial.params[n]) for n in space},
            distributions=space,
            value=trial.values[objective] / unit,
        )
        for trial in complete
    )
    with warnings.catch_warnings():
        # Where most values are alike, good trials cannot be told from the rest: Optuna says so,
        # and gives all parameters the same share.
        warnings.filterwarnings("error", message="Target and region quantiles")
        try:
            found = optuna.importance.get_param_importances(study)
        except UserWarning:
            return {}
    return {name: float(found[name]) for name in sorted(found, key=lambda n: -found[n])}


def _distribution(parameter: Parameter) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if parameter.is_unordered:
        return CategoricalDistribution(range(parameter.n_cells or 1))
    low, high = parameter.bounds
    if parameter.scale == "one-minus-log":
        return FloatDistribution(1 - high, 1 - low, log=True)
    step = parameter.spacing if parameter.scale == "linear" else None
    if parameter.is_whole:
        return IntDistribution(low, high, log=parameter.scale == "log", step=int(step or 1))
    return FloatDistribution(low, high, log=parameter.scale == "log", step=step)


def _stored(parameter: Parameter, value: Any) -> Any:
    """Returns what Optuna would hold: an index, a value within its range, a distance from 1."""
    if parameter.is_unordered:
        return int(parameter.position(value) * (parameter.n_cells or 1))
    if parameter.scale == "one-minus-log":
        low, high = parameter.bounds
        return min(max(1 - parameter.nearest(value), 1 - high), 1 - low)
    return parameter.nearest(value)


def plot_importances(source: Any, *, objective: int = 0) -> go.Figure:
    """Returns a figure of Optuna's parameter importances, the largest on top.

    Args:
        source: What `results_of` takes.
        objective: Which objective, counted from 0.

    Raises:
        ModuleNotFoundError: If Optuna is not installed.
        ReportError: If there is no such objective.
    """
    results = results_of(source)
    if not 0 <= objective < len(results.directions):
        raise ReportError(
            f"plot_importances needs 0 <= objective < {len(results.directions)}, but got "
            f"objective={objective!r}."
        )
    title = "Importance of each parameter"
    if len(results.directions) > 1:
        title += f" for {results.objectives[objective]}"
    found = importances(results, objective=objective)
    if not found:
        return empty_figure(title, "Too few complete trials, or all with the same value.")
    shown = list(found.items())[:20][::-1]
    figure = go.Figure(
        go.Bar(
            x=[share for _, share in shown],
            y=list(range(len(shown))),
            orientation="h",
            marker={"color": BLUE},
            width=0.62,
            text=[f"{share:.0%}" for _, share in shown],
            textposition="outside",
            textfont={"size": 12},
            cliponaxis=False,
            hoverinfo="skip",
        )
    )
    base_figure(figure, title=title, height=34 * len(shown) + 120)
    figure.update_yaxes(
        tickvals=list(range(len(shown))),
        ticktext=[plotly_text(name, 28) for name, _ in shown],
        showgrid=False,
    )
    top = shown[-1][1]
    figure.update_xaxes(title_text="Share", tickformat=".0%", range=[0, top * 1.15 + 1e-9])
    figure.update_layout(margin={"t": 48})
    return figure


def plot_parallel(source: Any, *, max_trials: int = 50, max_params: int = 10) -> go.Figure:
    """Returns a figure of parallel coordinates of the best tenth of the trials.

    Every horizontal line is a parameter on its own scale, every other line a trial; the best one
    is thick.

    Args:
        source: What `results_of` takes.
        max_trials: At most so many of the best tenth (≥ 1).
        max_params: At most so many parameters.
    """
    results = results_of(source)
    title = "The best tenth of the trials"
    complete = [t for t in results.ranked if t.state == "complete"]
    best = complete[: min(max(len(complete) // 10, 3), max_trials)]
    names = [n for n in results.space if any(n in t.params for t in best)][:max_params]
    if len(best) < 3 or len(names) < 2:
        return empty_figure(title, "Needs three complete trials and two parameters.")
    figure = go.Figure()
    place = {name: _shares(results, name, best) for name in names}
    for i in reversed(range(len(best))):
        is_best = i == 0
        goodness = 1 - i / max(len(best) - 1, 1)
        figure.add_trace(
            go.Scatter(
                x=np.array([place[name][i] for name in names]),
                y=list(range(len(names))),
                mode="lines+markers",
                line={"width": 3.5 if is_best else 1.4, "color": value_colour(goodness)},
                marker={
                    "size": 13 if is_best else 6,
                    "symbol": "star" if is_best else "circle",
                    "line": {"width": 1 if is_best else 0, "color": INK},
                },
                opacity=1 if is_best else 0.7,
                name=f"best (trial {best[i].number})",
                showlegend=is_best,
                hovertemplate=(
                    f"trial {best[i].number}: {number_text(best[i].value)}<extra></extra>"
                ),
            )
        )
    base_figure(figure, title=title, height=58 * len(names) + 120)
    figure.update_layout(
        annotations=[
            {
                "text": plotly_text(text, 18),
                "x": x,
                "y": i,
                "xanchor": "center",
                "yanchor": "top",
                "yshift": -7,
                "showarrow": False,
                "font": {"size": 11, "color": MUTED},
            }
            for i, name in enumerate(names)
            for x, text in _choice_marks(results.space[name])
        ]
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=[_parallel_label(results, name) for name in names],
        range=[len(names) - 0.4, -0.5],
        gridcolor="rgba(125,135,150,0.55)",
    )
    figure.update_xaxes(range=[-0.03, 1.03], showgrid=False, showticklabels=False)
    figure.update_layout(margin={"t": 76, "b": 20})
    return figure


def _shares(results: Results, name: str, trials: list[TrialResult]) -> Any:
    axis = axis_for(results.space[name])
    places = axis.place([t.params.get(name) for t in trials])
    if axis.kind == "choices":
        return results.positions(name, trials)
    span = axis.high - axis.low
    return (places - axis.low) / span if span > 0 else places * 0 + 0.5


def _parallel_label(results: Results, name: str) -> str:
    """Returns a parameter's name with its range, from the left end of its line to the right one."""
    parameter = results.space[name]
    shown = plotly_text(name, 22)
    if parameter.is_unordered:
        return shown
    ends = plotly_text(window_text(parameter.bounds, is_choice=False), 26)
    return f"{shown}<br><span style='font-size:10px'>{ends}</span>"


def _choice_marks(parameter: Parameter) -> list[tuple[float, str]]:
    """Returns what is written along a parameter's line: its choices, where they are few."""
    if not parameter.is_unordered or len(parameter.bounds) > 5:
        return []
    return [(parameter.position(c), value_text(c)) for c in parameter.bounds]


def plot_pareto(
    source: Any, *, objectives: tuple[int, int] = (0, 1), max_trials: int | None = 2000
) -> go.Figure:
    """Returns a figure of two objectives, with the trials that no other one beats marked.

    Args:
        source: What `results_of` takes; of a search with several objectives.
        objectives: Which two, counted from 0.
        max_trials: Show at most so many trials; None for all.

    Raises:
        ReportError: If the search has one objective, or not these.
    """
    results = results_of(source)
    n = len(results.directions)
    if n < 2 or not all(0 <= i < n for i in objectives) or objectives[0] == objectives[1]:
        raise ReportError(
            f"plot_pareto needs two of several objectives, but got objectives={objectives!r} of a "
            f"search with {n}. For one objective use plot_best_value."
        )
    title = "Pareto front"
    if not results.complete:
        return empty_figure(title, "No trial has run to its end with values.")
    shown, note = shown_trials(results, max_trials, states=("complete",))
    front = {t.number for t in results.front}
    rest = [t for t in shown if t.number not in front and t.is_ranked]
    best = sorted(results.front, key=lambda t: t.values[objectives[0]])
    figure = go.Figure()
    for trials, name, marker, mode in (
        (rest, "beaten by another", {"size": 6, "color": GREY, "opacity": 0.6}, "markers"),
        (
            best,
            "Pareto front",
            {"size": 12, "symbol": "star", "color": AMBER, "line": {"width": 1, "color": INK}},
            "markers+lines" if n == 2 else "markers",
        ),
    ):
        figure.add_trace(
            go.Scatter(
                x=np.array([t.values[objectives[0]] for t in trials]),
                y=np.array([t.values[objectives[1]] for t in trials]),
                customdata=np.array([t.number for t in trials]),
                mode=mode,
                line={"shape": "hv", "width": 1.5, "color": BLUE, "dash": "dot"},
                marker=marker,
                name=name,
                hovertemplate=(
                    f"trial %{{customdata}}<br>%{{x:.5g}}, %{{y:.5g}}<extra>{name}</extra>"
                ),
            )
        )
    base_figure(figure, title=title, height=440)
    names = [
        f"{results.objectives[i]} ({'higher' if results.directions[i] == 'maximize' else 'lower'} "
        "is better)"
        for i in objectives
    ]
    figure.update_xaxes(title_text=plotly_text(names[0], 60))
    figure.update_yaxes(title_text=plotly_text(names[1], 60))
    for i, update in zip(objectives, (figure.update_xaxes, figure.update_yaxes), strict=True):
        update(log_axis([t.values[i] for t in shown]))
    if note:
        add_note(figure, note)
    return figure
