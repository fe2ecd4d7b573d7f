"""What matters and what goes together: importances, the best tenth, the Pareto front."""

import math
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from tune_bn.core.space import Parameter
from tune_bn.report.errors import ReportError
from tune_bn.report.figures.shared import highlights, require_objective
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
    takes_template,
    value_colour,
)
from tune_bn.report.figures.thinning import shown_trials
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import number_text, plotly_text, value_text, window_text

if TYPE_CHECKING:
    import optuna

__all__ = [
    "FEWEST_ASSESSED",
    "Importance",
    "importance_text",
    "importances",
    "importances_figure",
    "plot_importances",
    "plot_parallel",
    "plot_pareto",
]

FEWEST_ASSESSED = 50
_MOST_ASSESSED = 300
_RESAMPLED = 25  # Optuna copies each trial: more would take seconds
_LARGEST_SQUARED = 1e100


class Importance(NamedTuple):
    """How much a parameter decides the value.

    Args:
        share: Its share of what all parameters decide together.
        low: Lower end of the interval in which 90 % of the shares of resampled trials lie.
        high: Upper end.
    """

    share: float
    low: float
    high: float


def importances(results: Results, *, objective: int = 0) -> dict[str, Importance]:
    """Returns the importance of each parameter by Optuna's PED-ANOVA, the largest first.

    That is how differently the best tenth of the trials lies from all of them, along each
    parameter. Shares sum to 1; the intervals are a bootstrap's, of 25 times as many trials drawn
    with replacement. Of at most 300 trials. Empty where it cannot say: fewer than fifty complete
    trials, no parameter that all of them have, or all values the same.

    Raises:
        ModuleNotFoundError: If Optuna is not installed.
    """
    import optuna

    complete, _ = shown_trials(results, _MOST_ASSESSED, states=("complete",))
    complete = tuple(t for t in complete if t.values and math.isfinite(t.values[objective]))
    if len(complete) < FEWEST_ASSESSED or len({t.values[objective] for t in complete}) < 2:
        return {}
    names = [n for n in results.space if all(n in t.params for t in complete)]
    space = {name: _distribution(results.space[name]) for name in names}
    space = {name: found for name, found in space.items() if not found.single()}
    if not space:
        return {}
    # Importances are shares, so they do not change with the unit; squares of huge values overflow.
    largest = max(abs(trial.values[objective]) for trial in complete)
    unit = largest if largest > _LARGEST_SQUARED else 1.0
    trials = [
        optuna.create_trial(
            params={n: _stored(results.space[n], trial.params[n]) for n in space},
            distributions=space,
            value=trial.values[objective] / unit,
        )
        for trial in complete
    ]
    maximize = results.directions[objective] == "maximize"
    found = _shares_of(trials, maximize=maximize)
    if not found:
        return {}
    rng = np.random.default_rng(0)
    again = [
        _shares_of([trials[i] for i in rng.integers(len(trials), size=len(trials))], maximize)
        for _ in range(_RESAMPLED)
    ]
    shares = np.array([[one[name] for name in found] for one in again if one])
    ends = np.quantile(shares, [0.05, 0.95], axis=0) if len(shares) else np.zeros((2, len(found)))
    return {
        name: Importance(share, min(share, float(low)), max(share, float(high)))
        for (name, share), low, high in zip(found.items(), *ends, strict=True)
    }


def _shares_of(trials: "list[optuna.trial.FrozenTrial]", maximize: bool) -> dict[str, float]:
    """Returns the share of each parameter, the largest first; none where trials are too alike."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # this study is nobody's news
    try:
        study = optuna.create_study(
            storage=optuna.storages.InMemoryStorage(),
            direction="maximize" if maximize else "minimize",
        )
    finally:
        optuna.logging.set_verbosity(verbosity)
    study.add_trials(trials)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        # Where most values are alike, good trials cannot be told from the rest: Optuna says so,
        # and gives all parameters the same share.
        warnings.filterwarnings("error", message="Target and region quantiles")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        try:
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
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


@takes_template
def plot_importances(source: Any, *, objective: int = 0, template: Any = None) -> go.Figure:
    """Returns a figure of the importance of each parameter, the largest on top, with intervals.

    By Optuna's PED-ANOVA; the lines are where 90 % of the shares of resampled trials lie.

    Args:
        source: What `results_of` takes.
        objective: Which objective, counted from 0.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

    Raises:
        ModuleNotFoundError: If Optuna is not installed.
        ReportError: If there is no such objective.
    """
    results = results_of(source)
    require_objective(results, objective, "plot_importances")
    return importances_figure(results, objective, importances(results, objective=objective))


def importances_figure(
    results: Results, objective: int, found: Mapping[str, Importance]
) -> go.Figure:
    """Returns what `plot_importances` returns, of what has been found already."""
    title = "Importance of each parameter (PED-ANOVA)"
    if len(results.directions) > 1:
        title += f" for {results.objectives[objective]}"
    if not found:
        return empty_figure(
            title, f"Needs {FEWEST_ASSESSED} complete trials, not all with the same value."
        )
    shown = list(found.items())[:20][::-1]
    shares, low, high = (np.array(column) for column in zip(*(i for _, i in shown), strict=True))
    figure = go.Figure(
        go.Bar(
            x=shares,
            y=list(range(len(shown))),
            orientation="h",
            marker={"color": BLUE},
            width=0.62,
            error_x={
                "type": "data",
                "symmetric": False,
                "array": high - shares,
                "arrayminus": shares - low,
                "color": INK,
                "thickness": 1.2,
                "width": 4,
            },
            text=[importance_text(found) for _, found in shown],
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
    most = float(high.max())
    figure.update_xaxes(title_text="Share", tickformat=".0%", range=[0, most * 1.3 + 1e-9])
    figure.update_layout(margin={"t": 48})
    return figure


def importance_text(found: Importance) -> str:
    """Returns a share with its interval: ``"41% (30 to 52%)"``."""
    return f"{found.share:.0%} ({100 * found.low:.0f} to {found.high:.0%})"


@takes_template
def plot_parallel(
    source: Any, *, max_trials: int = 50, max_params: int = 10, template: Any = None
) -> go.Figure:
    """Returns a figure of parallel coordinates of the best tenth of the trials.

    Every horizontal line is a parameter on its own scale, every other line a trial; the best one
    is thick.

    Args:
        source: What `results_of` takes.
        max_trials: At most so many of the best tenth (≥ 1).
        max_params: At most so many parameters.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.
    """
    results = results_of(source)
    title = "The best tenth of the trials"
    complete = [t for t in results.ranked if t.state == "complete"]
    best = complete[: min(max(len(complete) // 10, 3), max_trials)]
    names = [n for n in results.space if any(n in t.params for t in best)][:max_params]
    if len(best) < 3 or len(names) < 2:
        return empty_figure(title, "Needs three complete trials and two parameters.")
    figure = go.Figure()
    special = {t.number: (what, t, marker) for what, t, marker in highlights(results)}
    others = [t for t in best if t.number not in special][::-1]
    shown = [*others, *(t for _, t, _ in special.values())][-max_trials:]
    place = {name: _shares(results, name, shown) for name in names}
    top = max(len(others) - 1, 1)
    for i, trial in enumerate(shown):
        what, _, marker = special.get(trial.number, ("", trial, None))
        goodness = 1.0 if what.startswith("best") else 0.9 * i / top if not what else 0.0
        figure.add_trace(
            go.Scatter(
                x=np.array([place[name][i] for name in names]),
                y=list(range(len(names))),
                mode="lines+markers",
                line={"width": 3.0 if what else 1.4, "color": value_colour(min(goodness, 1.0))},
                marker=marker or {"size": 6, "symbol": "circle"},
                opacity=1 if what else 0.7,
                name=what,
                showlegend=bool(what),
                hovertemplate=f"trial {trial.number}: {number_text(trial.value)}<extra></extra>",
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


@takes_template
def plot_pareto(
    source: Any,
    *,
    objectives: tuple[int, int] = (0, 1),
    max_trials: int | None = 2000,
    template: Any = None,
) -> go.Figure:
    """Returns a figure of two objectives, with the trials that no other one beats marked.

    Args:
        source: What `results_of` takes; of a search with several objectives.
        objectives: Which two, counted from 0.
        max_trials: Show at most so many trials; None for all.
        template: A template of plotly's, such as ``"plotly_dark"``; None for the common look.

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
