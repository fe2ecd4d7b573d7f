"""Figures of the search benchmark, made from its rows; plotly, one HTML file each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmarks.problems.suites import DEVELOPMENT
from benchmarks.search.compare import Comparison
from benchmarks.search.methods import CHECKPOINTS, THROUGH_OPTUNA

__all__ = ["progress", "sensitivity_figure", "win_matrix", "write_figures"]

_ALLOWED = 0.05  # what no setting should cost when it is halved or doubled
_COLOURS = {"tune_bn": "#D55E00", "tpe": "#1f83c6", "random": "#7c8796", "gp": "#009E73"}


def progress(
    results: Comparison, suites: Sequence[str] = DEVELOPMENT, most: int = 400
) -> go.Figure:
    """Returns the best value by trials for random search, TPE and ours, and the cost of a trial."""
    titles = [*suites, "the search's own time"]
    figure = make_subplots(rows=1, cols=len(titles), subplot_titles=titles)
    methods = [m for m in ("random", "tpe", "tune_bn") if m in results.methods]
    for column, suite in enumerate(suites, start=1):
        for method in methods:
            points = [(n, results.regret(method, suite, n)) for n in CHECKPOINTS if n <= most]
            points = [(n, regret) for n, regret in points if regret is not None]
            figure.add_scatter(
                x=[n for n, _ in points],
                y=[regret for _, regret in points],
                name=method,
                legendgroup=method,
                showlegend=column == 1,
                line={"color": _COLOURS[method]},
                row=1,
                col=column,
            )
        figure.update_xaxes(type="log", title="trials", row=1, col=column)
        figure.update_yaxes(type="log", row=1, col=column)
    figure.update_yaxes(title="mean normalised regret", row=1, col=1)
    seconds = dict(results.seconds_per_trial(suites))
    # The others' time has Optuna's bookkeeping in it, so ours must have it too.
    seconds["tune_bn"] = seconds.get(THROUGH_OPTUNA, seconds.get("tune_bn", 0.0))
    figure.add_bar(
        x=methods,
        y=[1e3 * seconds[m] for m in methods],
        marker={"color": [_COLOURS[m] for m in methods]},
        showlegend=False,
        row=1,
        col=len(titles),
    )
    figure.update_yaxes(title="ms a trial", row=1, col=len(titles))
    return figure.update_layout(template="plotly_white", height=380, width=1500)


def win_matrix(
    results: Comparison, budget: int = 100, suites: Sequence[str] = DEVELOPMENT
) -> go.Figure:
    """Returns the win rate of each method (row) against each other one (column)."""
    methods = [m for m in results.methods if "workers" not in m and m != THROUGH_OPTUNA]
    rates = [[results.rate(a, b, suites, budget) for b in methods] for a in methods]
    values = [
        [None if a == b else rate for b, rate in zip(methods, line, strict=True)]
        for a, line in zip(methods, rates, strict=True)
    ]
    figure = go.Figure(
        go.Heatmap(
            x=methods,
            y=methods,
            z=values,
            zmin=0,
            zmax=1,
            colorscale="RdBu",
            reversescale=True,
            texttemplate="%{z:.2f}",
        )
    )
    figure.update_yaxes(autorange="reversed")
    return figure.update_layout(
        template="plotly_white",
        height=520,
        width=720,
        title=f"Win rate of the row against the column after {budget} trials",
    )


def sensitivity_figure(rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Returns how the mean win rate changes when each setting is halved or doubled.

    Args:
        rows: Rows of `benchmarks.search.sensitivity`, that of the default among them.
    """
    base = next(row["mean"] for row in rows if row["setting"] == "none")
    settings = list(dict.fromkeys(row["setting"] for row in rows if row["setting"] != "none"))
    figure = go.Figure()
    for factor, name, symbol in (
        (0.5, "halved", "triangle-left"),
        (2.0, "doubled", "triangle-right"),
    ):
        found = [row for row in rows if row["factor"] == factor]
        figure.add_scatter(
            x=[row["mean"] for row in found],
            y=[row["setting"] for row in found],
            text=[f"{row['value']:g}" for row in found],
            hovertemplate="%{y} = %{text}: %{x:.3f}",
            name=name,
            mode="markers",
            marker={"symbol": symbol, "size": 11},
        )
    figure.add_vline(base, annotation_text=f"as it is: {base:.3f}")
    figure.add_vline(base - _ALLOWED, line_dash="dot", annotation_text="0.05 less")
    figure.update_yaxes(categoryorder="array", categoryarray=settings[::-1])
    figure.update_xaxes(title="mean win rate against TPE, 50 to 400 trials")
    return figure.update_layout(template="plotly_white", height=620, width=820)


def write_figures(
    results: Comparison, folder: Path, sensitivity: Sequence[Mapping[str, Any]] = ()
) -> list[Path]:
    """Writes all figures into a folder; returns the files.

    Args:
        results: Rows of runs.
        folder: Made if it is missing.
        sensitivity: Rows of `benchmarks.search.sensitivity`; without any there is no such
            figure.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"progress": progress(results), "win_matrix": win_matrix(results)}
    if sensitivity:
        figures["sensitivity"] = sensitivity_figure(sensitivity)
    files = []
    for name, figure in figures.items():
        files.append(folder / f"{name}.html")
        figure.write_html(files[-1], include_plotlyjs="cdn", div_id=name)  # not a new one each time
    return files
