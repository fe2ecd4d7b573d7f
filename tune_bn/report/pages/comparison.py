"""One page about several searches: who was ahead, how each went along, where the best lie."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tune_bn.plain.files import write_atomically
from tune_bn.report.figures.several import comparable, plot_best_values, plot_edf
from tune_bn.report.pages.listings import Table
from tune_bn.report.pages.markup import document, figure_block, plain, section, table_block
from tune_bn.report.results.results import Results
from tune_bn.report.results.wording import (
    count_text,
    duration_text,
    number_text,
    value_text,
    window_text,
)

__all__ = ["compare", "write_comparison"]

_MOST_IN_TITLE = 3


def write_comparison(searches: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Writes one HTML file that compares searches of one objective; whole or not at all.

    Args:
        searches: What `tune_bn.report.results_of` takes, by the names to call them.
        path: The file, replaced if it exists.

    Raises:
        ReportError: If they cannot be compared: several objectives, two directions or metrics.
        OSError: If the file cannot be written; an earlier one is still there.
    """
    write_atomically(Path(path), _page(comparable(searches)))


def compare(found: Mapping[str, Results]) -> list[str]:
    """Returns who was ahead, in a few sentences.

    Args:
        found: Searches by name, as `comparable` returns them.
    """
    best = {name: r.best for name, r in found.items()}
    values = {name: trial.value for name, trial in best.items() if trial is not None}
    if not values:
        return ["No trial of any of these searches has run to its end with a value."]
    is_high = next(iter(found.values())).maximize
    order = sorted(values, key=lambda name: -values[name] if is_high else values[name])
    said = [
        f"{name} reached {number_text(values[name], 5)} in "
        f"{count_text(len(found[name].trials), 'trial')}"
        for name in order
    ]
    texts = [f"{'; '.join(said)}."]
    missing = [name for name in found if name not in values]
    if missing:
        texts.append(f"Without a value: {', '.join(missing)}.")
    sizes = [len(found[name].trials) for name in order]
    if min(sizes) < max(sizes):
        early = {name: _best_of_first(found[name], min(sizes)) for name in order}
        told = [f"{n} {number_text(value, 5)}" for n, value in early.items() if value is not None]
        texts.append(f"After {count_text(min(sizes), 'trial')} each: {'; '.join(told)}.")
    if len(order) > 1:
        texts.append(
            "Each is one search: another seed may turn the order round. Compare the means of "
            "several before you conclude."
        )
    return texts


def _best_of_first(results: Results, n: int) -> float | None:
    """Returns the best value among the first trials of a search; None where none has a value."""
    numbers = {t.number for t in results.trials[:n]}
    first = (t for t in results.ranked if t.state == "complete" and t.number in numbers)
    best = next(first, None)
    return None if best is None else best.value


def _page(found: Mapping[str, Results]) -> str:
    names = list(found)
    is_short = len(names) <= _MOST_IN_TITLE
    title = " against ".join(names) if is_short else f"{len(names)} searches compared"
    answer = "".join(f"<p>{plain(text)}</p>" for text in compare(found))
    overview = _overview(found)
    figures = [
        figure_block("plot-best", plot_best_values(found), "The best value so far.", overview),
        figure_block(
            "plot-edf",
            plot_edf(found),
            "Of each search's complete trials, the share that is at least as good as a value: a "
            "line above another's means more good trials.",
            overview,
        ),
    ]
    blocks = [
        ("summary", "Who was ahead", [answer, table_block(overview)]),
        ("course", "How they went", figures),
        ("best", "Best configurations", [table_block(_best_configurations(found))]),
    ]
    links = "".join(f'<li><a href="#{name}">{plain(text)}</a></li>' for name, text, _ in blocks)
    first = next(iter(found.values()))
    lead = f"{len(names)} searches: {first.directions[0]} {first.objectives[0]}."
    return document(title, lead, links, "\n".join(section(*block) for block in blocks))


def _overview(found: Mapping[str, Results]) -> Table:
    rows = []
    for name, results in found.items():
        values = [t.value for t in results.ranked if t.state == "complete"]
        seconds = [t.seconds for t in results.trials if t.seconds is not None]
        best = results.best
        rows.append(
            (
                name,
                f"{len(results.trials):,}",
                f"{len(values):,}",
                "–" if best is None else number_text(best.value, 6),
                "–" if best is None else str(best.number),
                number_text(values[len(values) // 2], 6) if values else "–",
                duration_text(sum(seconds)) if seconds else "–",
            )
        )
    columns = ("Search", "Trials", "Complete", "Best", "Its trial", "Median", "Trials' time")
    return Table("The searches", columns, tuple(rows))


def _best_configurations(found: Mapping[str, Results]) -> Table:
    """Returns the best parameters of each search, and the ranges that were searched."""
    rows = []
    for param in dict.fromkeys(name for results in found.values() for name in results.space):
        best = [results.best for results in found.values()]
        cells = [
            value_text(b.params[param]) if b is not None and param in b.params else "–"
            for b in best
        ]
        ranges = [
            window_text(r.space[param].bounds, is_choice=r.space[param].is_unordered)
            for r in found.values()
            if param in r.space
        ]
        rows.append((param, *cells, "; ".join(dict.fromkeys(ranges))))
    columns = ("Parameter", *found, "Range")
    return Table("Best configurations", columns, tuple(rows), has_last_words=True)
