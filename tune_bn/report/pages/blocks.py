"""The figures of a page about a search, each with its heading, how to read it, and its table."""

import plotly.graph_objects as go

from tune_bn.report.figures import (
    plot_best_value,
    plot_durations,
    plot_intermediate_values,
    plot_pair,
    plot_parallel,
    plot_pareto,
)
from tune_bn.report.figures.drawn import plot_narrowing
from tune_bn.report.figures.relations import (
    FEWEST_ASSESSED,
    Importance,
    importances,
    importances_figure,
)
from tune_bn.report.figures.slices import slices_figure
from tune_bn.report.pages import listings as tables
from tune_bn.report.pages.markup import figure_block, folded, plain, table_block
from tune_bn.report.results.results import Results
from tune_bn.report.results.wording import count_text

__all__ = ["further_figures", "parameter_figures", "search_figures"]

_MOST_PARAMS = 16
_MOST_ROWS = 7  # of parameters in one figure, so that it fits on a sheet of paper
_MOST_SLICES = 9
_MOST_POINTS = 600
_WIDE = 0.6  # the share of a scale from which on it has not narrowed
_FEW_STEPS = 3  # which say little more than the value
_FEWEST_SIDE_BY_SIDE = 10


def search_figures(results: Results) -> list[str]:
    """Returns the figures of how a search went, as HTML; those that have something to show."""
    if not results.trials:
        return []
    return _narrowing_figures(results, _shown_names(results)) + _value_figures(results)


def further_figures(results: Results) -> list[str]:
    """Returns what only some readers look for, folded: steps, times, the best side by side."""
    blocks = []
    if any(len(t.steps) > _FEW_STEPS for t in results.trials):
        block = figure_block(
            "plot-steps",
            plot_intermediate_values(results),
            "What trials reported on their way; those that were stopped early are faint.",
            tables.steps_table(results),
        )
        blocks.append(folded("What trials reported on their way", block))
    if len(results.complete) >= _FEWEST_SIDE_BY_SIDE and len(results.space) >= 2:
        block = figure_block(
            "plot-parallel",
            plot_parallel(results),
            "A line for each of the best trials across the parameters; lines that meet agree.",
            tables.best_trials_table(results),
        )
        blocks.append(folded("The best trials side by side", block))
    if any(t.seconds is not None for t in results.trials):
        figure = plot_durations(results, max_trials=_MOST_POINTS)
        block = figure_block("plot-time", figure, "", tables.durations_table(results))
        blocks.append(folded("How long trials took", block))
    return blocks


def _value_figures(results: Results) -> list[str]:
    if not results.complete:
        return []
    several = len(results.directions) > 1
    best = tables.best_trials_table(results)
    blocks = [
        figure_block(
            f"plot-best-{i}",
            plot_best_value(results, objective=i, max_trials=_MOST_POINTS),
            "Each point is a trial, the line the best value so far."
            + (" Shaded: every other stage." if results.stages else ""),
            best if several else tables.improvements_table(results),
        )
        for i in range(min(len(results.directions), 3))
    ]
    if several:
        caption = "No trial is better in both objectives than one on the front."
        figure = plot_pareto(results, max_trials=_MOST_POINTS)
        blocks.insert(0, figure_block("plot-pareto", figure, caption, best))
    return blocks


def _narrowing_figures(results: Results, names: list[str]) -> list[str]:
    caption = "A row for each parameter, on the scale on which it was drawn."
    if results.complete:
        caption += " Larger and more orange is better."
    if results.stages:
        caption += (
            " The bar behind a point is what its value was drawn from; where there is none, it was "
            "kept from another trial, or given. The pale band is all that a stage drew from."
        )
    if len(results.space) > len(names):
        hidden = count_text(len(results.space) - len(names), "more parameter")
        caption += f" Not shown here: {hidden}."
    wide = [n for n in names if results.latest_shares.get(n, 0.0) >= _WIDE]
    if len(wide) == len(names):
        wide = []
    names = [n for n in names if n not in wide]
    parts = _parts(names, _MOST_ROWS)
    most = _most_points(names)
    blocks = [
        figure_block(
            f"plot-narrowing-{i}",
            _part_of(plot_narrowing(results, params=part, max_trials=most), i, parts),
            caption if i == 1 else "",
            tables.best_trials_table(results, params=part),
        )
        for i, part in enumerate(parts, start=1)
    ]
    if wide:
        listed = ", ".join(wide)
        blocks.append(
            f'<p class="note">Not narrowed, drawn from most of the range to the end: '
            f"{plain(listed)}.</p>"
        )
    if results.stages:
        blocks.append(folded("Stages and windows", table_block(tables.stage_table(results))))
    return blocks


def _parts(names: list[str], most: int) -> list[list[str]]:
    """Returns the names in parts of about one size, so that each part's figure fits on a sheet."""
    n = max(-(-len(names) // most), 1)
    return [names[len(names) * i // n : len(names) * (i + 1) // n] for i in range(n)]


def _part_of(figure: go.Figure, i: int, parts: list[list[str]]) -> go.Figure:
    """Says in a figure's title which of several parts it is; in place."""
    if len(parts) > 1:
        title, *note = str(figure.layout.title.text).split("<br>")
        figure.update_layout(title_text="<br>".join([f"{title} ({i} of {len(parts)})", *note]))
    return figure


def _most_points(names: list[str]) -> int:
    """Returns how many trials to show of each parameter, so that the file stays small."""
    return min(_MOST_POINTS, _MOST_POINTS * 6 // max(len(names), 1))


def _shown_names(results: Results) -> list[str]:
    """Returns the parameters that have room on the page: those that most trials have."""
    if len(results.space) <= _MOST_PARAMS:
        return list(results.space)
    count = {name: sum(name in t.params for t in results.trials) for name in results.space}
    kept = set(sorted(count, key=lambda name: -count[name])[:_MOST_PARAMS])
    return [name for name in results.space if name in kept]


def parameter_figures(results: Results) -> list[str]:
    """Returns the figures of what the parameters do, as HTML; none where too few trials ended."""
    if not results.complete or not results.space:
        return []
    blocks = []
    for i in range(min(len(results.directions), 3)):
        try:
            found = importances(results, objective=i)
        except ModuleNotFoundError:
            found = {}  # Optuna works them out; everything else needs none
        names = sorted(_shown_names(results), key=lambda n: -found[n].share if n in found else 0.0)
        figure = slices_figure(results, names[:_MOST_SLICES], i, _most_points(names), found)
        caption = "Each point is a complete trial." + _importance_caption(results, found)
        if len(names) > _MOST_SLICES:
            caption += f" The first {_MOST_SLICES} of {len(results.space)} parameters."
        best = tables.best_trials_table(results)
        blocks.append(figure_block(f"plot-slices-{i}", figure, caption, best))
        if found:
            block = figure_block(
                f"plot-importances-{i}",
                importances_figure(results, i, found),
                "After a search has narrowed they say what still matters there.",
                tables.importance_table(found),
            )
            of = f" for {results.objectives[i]}" if len(results.directions) > 1 else ""
            blocks.append(folded(f"Importances{of}", block))
        if found and len(found) > 1 and i == 0:
            two = list(found)[:2]
            figure = plot_pair(results, params=two, max_trials=_MOST_POINTS)
            caption = "Each point is a complete trial; larger and more orange is better."
            if any(trace.type == "contour" for trace in figure.data):
                caption += (
                    " The shade of a place is the mean rank of the trials around it, and the lines "
                    "are where that is the same; where no trial is near nothing is said."
                )
            block = figure_block(
                "plot-pair",
                figure,
                caption,
                tables.best_trials_table(results, params=two),
            )
            blocks.append(folded(f"The two that decide most: {two[0]} and {two[1]}", block))
    return blocks


def _importance_caption(results: Results, found: dict[str, Importance]) -> str:
    if found:
        return (
            " What a parameter decides is its importance by PED-ANOVA, with where 90 % of the "
            "estimates lie when the trials are resampled; other methods may rank otherwise."
        )
    if len(results.complete) < FEWEST_ASSESSED:
        return f" Importances are left out: below {FEWEST_ASSESSED} complete trials they are noise."
    return ""
