"""One HTML file about a search, that opens offline and that a colleague understands."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tune_bn.plain.checks import check_whole
from tune_bn.plain.files import write_atomically
from tune_bn.report.advice.advise import advise
from tune_bn.report.advice.evidence import Advice
from tune_bn.report.errors import ReportError
from tune_bn.report.pages import listings as tables
from tune_bn.report.pages.blocks import further_figures, parameter_figures, search_figures
from tune_bn.report.pages.markup import code_block, document, folded, plain, section, table_block
from tune_bn.report.pages.network import NetworkResults, network_figures
from tune_bn.report.pages.snippets import (
    enqueue_code,
    parameter_code,
    points_code,
    refined_space_code,
)
from tune_bn.report.pages.summary import (
    answers,
    chosen_trial,
    configuration_title,
    key_numbers,
    title_of,
    with_summary,
)
from tune_bn.report.pages.verdict import verdict
from tune_bn.report.results.explanation import explain
from tune_bn.report.results.results import Results
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import number_text

__all__ = ["page", "show_report", "write_report"]


def write_report(
    source: Any,
    path: str | os.PathLike[str],
    *,
    summary: Mapping[str, Any] | None = None,
    network: NetworkResults | Mapping[str, Any] | None = None,
    metric: str | None = None,
    mode: str | None = None,
    params: Sequence[str] | None = None,
    scales: Mapping[str, str] | None = None,
    time_attr: str | None = None,
) -> None:
    """Writes one HTML file about a search; whole or not at all.

    The file holds everything it needs: it opens offline, in print, on a phone, light and dark.
    Any search can be shown: an empty one, too, as a page that says so.

    Args:
        source: An Optuna study, a Ray Tune ``ResultGrid``, a `tune_bn.CoarseToFine`, a table of
            runs (a data frame, say), or `tune_bn.report.Results`.
        path: The file, replaced if it exists.
        summary: Plain data that the search does not hold itself: ``best.test`` and ``baselines``
            (scores on test rows), ``metric``, ``data.name``, ``seed``, ``versions``, and whatever
            else is to be shown beside them.
        network: What is to be shown of the chosen network itself, or its fields by name.
        metric: Of a table or a Ray experiment, as `results_of` takes it; likewise the others.
        mode: Of a table or a Ray experiment.
        params: Of a table.
        scales: Of a table.
        time_attr: Of a Ray experiment.

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
        ...     Path(folder, "report.html").stat().st_size < 400_000
        True
    """
    if isinstance(network, Mapping):
        network = NetworkResults(**network)
    results = results_of(
        source, metric=metric, mode=mode, params=params, scales=scales, time_attr=time_attr
    )
    write_atomically(Path(path), page(results, summary=summary, network=network))


class _Shown(str):
    """A page as text, which a notebook shows in a frame of its own."""

    height = 0

    def _repr_html_(self) -> str:
        # In a frame the page's style does not touch the notebook's, nor its script what is there.
        return (
            f'<iframe title="tune_bn report" sandbox="allow-scripts" srcdoc="{escape(self)}" '
            f'style="width: 100%; height: {self.height}px; border: 0"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<a report's page of {len(self) / 1000:,.0f} kB, which a notebook shows>"


def show_report(source: Any, *, height: int = 800) -> str:
    """Returns the page that `write_report` writes, as text that a notebook shows below the cell.

    Args:
        source: As for `write_report`; of a table ``results_of(table, metric=…, mode=…)``.
        height: Of the frame in which it is shown, in pixels (≥ 1).

    Raises:
        ReportError: If the source is no search, or the height no integer of at least 1.

    Example:
        >>> import optuna
        >>> study = optuna.create_study()
        >>> study.add_trial(optuna.create_trial(value=0.0))
        >>> show_report(study)[:15]
        '<!doctype html>'
    """
    shown = _Shown(page(source))
    shown.height = check_whole(ReportError, "show_report", "height", height, least=1)
    return shown


def page(
    source: Any,
    *,
    summary: Mapping[str, Any] | None = None,
    network: NetworkResults | None = None,
) -> str:
    """Returns what `write_report` writes, as text."""
    given = dict(summary or {})
    results = with_summary(results_of(source), given)
    advice = advise(results)
    blocks = [
        ("summary", "Summary", _summary(results, given, advice)),
        ("search", "How the search went", search_figures(results)),
        ("parameters", "What the parameters do", parameter_figures(results)),
        ("best", configuration_title(results), _best_configuration(results, given)),
        ("network", "The chosen network", network_figures(network) if network else []),
        ("more", "More about the search", [*further_figures(results), _run(results, given)]),
    ]
    blocks = [block for block in blocks if any(block[2])]
    links = "".join(f'<li><a href="#{name}">{plain(text)}</a></li>' for name, text, _ in blocks)
    title = title_of(results, given)
    sections = "\n".join(section(*block) for block in blocks)
    return document(title, _subtitle(results), links, f"{_numbers(results, given)}\n{sections}")


def _subtitle(results: Results) -> str:
    what = "Coarse-to-fine random search" if results.stages else results.source
    goal = " and ".join(
        f"{direction} {name}"
        for direction, name in zip(results.directions, results.objectives, strict=True)
    )
    started = [t.started for t in results.trials if t.started is not None]
    begun = f", begun {min(started):%Y-%m-%d %H:%M}" if started else ""
    return f"{what}: {goal}{begun}."


def _numbers(results: Results, summary: Mapping[str, Any]) -> str:
    cells = "".join(
        f"<div><dt>{plain(name)}</dt><dd>{plain(value)}<small>{plain(about)}</small></dd></div>"
        for name, value, about in key_numbers(results, summary)
    )
    return f'<dl class="numbers">{cells}</dl>'


def _summary(results: Results, summary: Mapping[str, Any], advice: Sequence[Advice]) -> list[str]:
    rows = "".join(
        f"<dt>{plain(question)}</dt><dd>{plain(answer)}</dd>"
        for question, answer in answers(results, summary, advice)
    )
    scores = tables.scores_table(summary)
    return [
        f'<dl class="answers">{rows}</dl>',
        "".join(f'<p class="note">{plain(note)}</p>' for note in results.notes),
        _advice(results, advice),
        "" if scores is None else f"<h3>{plain(scores.title)}</h3>{table_block(scores)}",
        _verdict(summary),
        _remarks(summary),
    ]


def _verdict(summary: Mapping[str, Any]) -> str:
    text = verdict(summary)
    return f'<p class="verdict">{plain(text)}</p>' if text else ""


def _remarks(summary: Mapping[str, Any]) -> str:
    """Returns what the scores do not show, as `tune-bn tune` says below them."""
    given = summary.get("remarks")
    if not isinstance(given, list | tuple) or not given:
        return ""
    items = "".join(f"<li>{plain(str(remark))}</li>" for remark in given)
    return f'<ul class="remarks">{items}</ul>'


def _run(results: Results, summary: Mapping[str, Any]) -> str:
    table = tables.run_table(results, summary)
    return folded(table.title, table_block(table))


def _advice(results: Results, advice: Sequence[Advice]) -> str:
    if not advice:
        return ""
    items = "".join(
        f"<li><p>{plain(a.text)}</p>"
        + _suggestion(results, a)
        + f'<p class="evidence">{plain(a.evidence)}</p></li>'
        for a in advice
    )
    return folded(
        f"Advice with its evidence, and ranges to copy ({len(advice)})",
        '<p class="caption">Each rule speaks only where chance is an unlikely explanation; all '
        "together they are wrong in about one of twenty searches that have nothing to find.</p>"
        f'<ul class="advice">{items}</ul>',
    )


def _suggestion(results: Results, advice: Advice) -> str:
    if advice.suggestion is None:
        return ""
    code = parameter_code(results, advice.parameter or "", advice.suggestion)
    return f"<code>{plain(code)}</code>"


def _best_configuration(results: Results, summary: Mapping[str, Any]) -> list[str]:
    best = chosen_trial(results, summary)
    if best is None:
        return []
    ordered = [*(n for n in results.space if n in best.params), *best.params]
    # Six digits of a float: the code below has all of them.
    texts = {
        n: number_text(v, 6) if isinstance(v, float) else repr(v) for n, v in best.params.items()
    }
    rows = tuple((name, texts[name]) for name in dict.fromkeys(ordered))
    name = f"Trial {best.number}"
    table = tables.Table(configuration_title(results), ("Parameter", name), rows)
    codes = [
        code_block("Try it again, with Optuna", enqueue_code(best, results.space)),
        code_block("Try it again, with Ray Tune", points_code(best)),
    ]
    if results.source.startswith("Ray"):
        codes.reverse()
    of_several = (
        '<p class="caption">One end of the Pareto front; the others are in its table.</p>'
        if len(results.directions) > 1
        else ""
    )
    narrower = code_block("Search on in a narrower space", refined_space_code(results))
    reasons = tables.reasons_table(results)
    why = f'<p class="why">{plain(explain(results, best.number))}</p>' if best.origin else ""
    return [
        of_several,
        table_block(table),
        why,
        "" if reasons is None else folded(reasons.title, table_block(reasons)),
        folded(
            "Code to try it again, and to search on in a narrower space",
            "".join([*codes, narrower]),
        ),
    ]
