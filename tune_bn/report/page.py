"""One HTML file about a search, that opens offline and that a colleague understands."""

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from tune_bn.core.files import write_atomically
from tune_bn.core.space import Categorical
from tune_bn.report import tables
from tune_bn.report.figures import (
    plot_best_value,
    plot_durations,
    plot_intermediate_values,
    plot_narrowing,
    plot_windows,
)
from tune_bn.report.history import Results, results_of
from tune_bn.report.markup import code_block, figure_block, plain, section, table_block
from tune_bn.report.snippets import enqueue_code, points_code, refined_space_code
from tune_bn.report.text import duration_text, number_text

__all__ = ["page", "write_report"]

_MOST_PARAMS = 16
_MOST_POINTS = 800


def write_report(
    source: Any, path: str | os.PathLike[str], *, summary: Mapping[str, Any] | None = None
) -> None:
    """Write one HTML file about a search; whole or not at all.

    The file holds everything it needs: it opens offline, in print, on a phone, light and dark.
    Any search can be shown: an empty one, too, as a page that says so.

    Args:
        source: An Optuna study, a Ray Tune ``ResultGrid``, a `tune_bn.CoarseToFine`, or
            `tune_bn.report.Results`.
        path: The file, replaced if it exists.
        summary: Plain data that the search does not hold itself: ``best.test`` and ``baselines``
            (scores on test rows), ``data.name``, ``seed``, ``versions``, and whatever else is to
            be shown beside them.

    Raises:
        ReportError: If the source is no search.
        OSError: If the file cannot be written; an earlier one is still there.

    Example:
        >>> import optuna, tempfile
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study()
        >>> study.optimize(lambda t: t.suggest_float("x", -1, 1) ** 2, n_trials=10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_report(study, f"{folder}/report.html")
        ...     Path(folder, "report.html").stat().st_size < 6_000_000
        True
    """
    write_atomically(Path(path), page(source, summary=summary))


def page(source: Any, *, summary: Mapping[str, Any] | None = None) -> str:
    """Return what `write_report` writes, as text."""
    results = results_of(source)
    given = dict(summary or {})
    title = _title(results, given)
    blocks = [
        ("summary", "Summary", _summary(results, given)),
        ("narrowing", "How the search went", _search_figures(results)),
        ("best", "Best configuration", _best_configuration(results)),
        ("stages", "Stages", _stages(results)),
        ("run", "How it was run", [table_block(tables.run_table(results, given))]),
    ]
    blocks = [block for block in blocks if block[2]]
    links = "".join(f'<li><a href="#{name}">{plain(text)}</a></li>' for name, text, _ in blocks)
    sections = "\n".join(section(*block) for block in blocks)
    folder = files("tune_bn.report")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    # No address may be fetched: the page works offline because it cannot do otherwise.
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data: blob:"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{plain(title)} · tune_bn report</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#summary">Skip to the summary</a>
<header>
<p class="eyebrow">tune_bn report</p>
<h1>{plain(title)}</h1>
<p class="lead">{plain(_subtitle(results))}</p>
</header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main>
{_key_numbers(results, given)}
<noscript><p>The figures need JavaScript; the tables do not.</p></noscript>
{sections}
</main>
<footer><p>Written {now} by tune_bn. Figures by plotly.js, which this file holds.</p></footer>
<script>{get_plotlyjs()}</script>
<script>
{script}</script>
</body>
</html>
"""


def _title(results: Results, summary: Mapping[str, Any]) -> str:
    data = summary.get("data")
    name = data.get("name") if isinstance(data, Mapping) else summary.get("dataset")
    return f"Tuning on {name}" if name else f"{results.source} “{results.name}”"


def _subtitle(results: Results) -> str:
    what = "Coarse-to-fine random search" if results.stages else results.source
    goal = " and ".join(
        f"{direction} {name}"
        for direction, name in zip(results.directions, results.objectives, strict=True)
    )
    started = [t.started for t in results.trials if t.started is not None]
    begun = f", begun {min(started):%Y-%m-%d %H:%M}" if started else ""
    return f"{what}: {goal}{begun}."


def _key_numbers(results: Results, summary: Mapping[str, Any]) -> str:
    numbers: list[tuple[str, str, str]] = []
    best = results.best
    if len(results.directions) > 1:
        numbers.append(("Pareto front", f"{len(results.front)} trials", "none beats another"))
    elif best is not None:
        name = results.objectives[0]
        what = "Best value" if name == "value" else f"Best {name}"
        numbers.append((what, number_text(best.value, 5), f"trial {best.number}"))
    scores = tables.scores_table(summary)
    if scores is not None and scores.rows[0][0] == "best network":
        numbers.append(("On the test rows", scores.rows[0][1], scores.columns[1]))
    numbers.append(("Trials", f"{len(results.trials):,}", _counts(results)))
    if results.stages:
        width = results.stages[-1].width
        numbers.append(("Stages", f"{len(results.stages):,}", f"windows down to {width:.0%}"))
    seconds = _wall_seconds(results)
    if seconds is not None:
        numbers.append(("Time", duration_text(seconds), "first start to last end"))
    cells = "".join(
        f"<div><dt>{plain(name)}</dt><dd>{plain(value)}<small>{plain(about)}</small></dd></div>"
        for name, value, about in numbers
    )
    return f'<dl class="numbers">{cells}</dl>'


def _counts(results: Results) -> str:
    words = {"complete": "complete", "pruned": "pruned", "failed": "failed", "running": "running"}
    found = {state: sum(t.state == state for t in results.trials) for state in words}
    return ", ".join(f"{n:,} {words[state]}" for state, n in found.items() if n) or "none yet"


def _wall_seconds(results: Results) -> float | None:
    timed = [t for t in results.trials if t.started is not None and t.seconds is not None]
    if not timed:
        return None
    first = min(t.started for t in timed if t.started is not None)
    return max((t.started - first).total_seconds() + (t.seconds or 0.0) for t in timed if t.started)


def _summary(results: Results, summary: Mapping[str, Any]) -> list[str]:
    names = ", ".join(results.space) or "none yet"
    answers = [
        (
            "What was searched",
            f"{len(results.space)} parameters ({names}), in {len(results.trials):,} trials.",
        ),
        ("What was found", _found(results)),
    ]
    rows = "".join(f"<dt>{plain(q)}</dt><dd>{plain(a)}</dd>" for q, a in answers)
    scores = tables.scores_table(summary)
    return [
        f'<dl class="answers">{rows}</dl>',
        "" if scores is None else f"<h3>{plain(scores.title)}</h3>{table_block(scores)}",
    ]


def _found(results: Results) -> str:
    best = results.best
    if not results.trials:
        return "Nothing: the search has no trials yet."
    if best is None:
        reasons = [t.reason for t in results.trials if t.reason]
        why = f" The first reason given: {reasons[0]}" if reasons else ""
        return f"Nothing: no trial has run to its end with a value.{why}"
    if len(results.directions) > 1:
        return f"{len(results.front)} trials that no other beats in every objective."
    return f"Trial {best.number} reached {number_text(best.value, 6)}."


def _search_figures(results: Results) -> list[str]:
    if not results.trials:
        return []
    names = list(results.space)[:_MOST_PARAMS]
    best = tables.best_trials_table(results)
    figures = [
        figure_block(
            "plot-best",
            plot_best_value(results, max_trials=_MOST_POINTS),
            "Each point is a trial, the line the best value so far."
            + (" Shaded: every other stage." if results.stages else ""),
            tables.improvements_table(results) if len(results.directions) == 1 else best,
        ),
        figure_block(
            "plot-narrowing",
            plot_narrowing(results, params=names, max_trials=_MOST_POINTS),
            "A row for each parameter, on the scale on which it was drawn. "
            + ("The blue band is what the windows of the stage span. " if results.stages else "")
            + "Larger and more orange is better.",
            best,
        ),
    ]
    if results.stages and any(not isinstance(p, Categorical) for p in results.space.values()):
        figures.append(
            figure_block(
                "plot-windows",
                plot_windows(results),
                "How much of each parameter's scale the windows of a stage span, and where.",
                tables.stage_table(results),
            )
        )
    if any(t.steps for t in results.trials):
        figures.append(
            figure_block(
                "plot-steps",
                plot_intermediate_values(results),
                "What trials reported on their way; those that were stopped early are faint.",
                tables.steps_table(results),
            )
        )
    if any(t.seconds is not None for t in results.trials):
        figures.append(
            figure_block(
                "plot-time",
                plot_durations(results, max_trials=_MOST_POINTS),
                "",
                tables.durations_table(results),
            )
        )
    return figures


def _best_configuration(results: Results) -> list[str]:
    best = results.best
    if best is None:
        return []
    rows = tuple((name, repr(value)) for name, value in best.params.items())
    table = tables.Table("Best configuration", ("Parameter", "Value"), rows)
    ray = results.source.startswith("Ray")
    again = points_code(best) if ray else enqueue_code(best)
    return [
        table_block(table),
        code_block("Try it again, with Ray Tune" if ray else "Try it again, with Optuna", again),
        code_block(
            "Try it again, with Optuna" if ray else "Try it again, with Ray Tune",
            enqueue_code(best) if ray else points_code(best),
        ),
        code_block("Search on in a narrower space", refined_space_code(results)),
    ]


def _stages(results: Results) -> list[str]:
    if not results.stages:
        return []
    return [table_block(tables.stage_table(results))]
