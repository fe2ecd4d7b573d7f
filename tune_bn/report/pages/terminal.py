"""The report as text for a terminal: what was found, the stages, the best, the advice."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from tune_bn.plain.text import visible
from tune_bn.report.advice.advise import advise
from tune_bn.report.pages import listings as tables
from tune_bn.report.pages.listings import Table
from tune_bn.report.pages.summary import (
    answers,
    chosen_trial,
    configuration_title,
    counts_text,
    key_numbers,
    title_of,
    with_summary,
)
from tune_bn.report.pages.verdict import verdict, winner
from tune_bn.report.results.explanation import explain
from tune_bn.report.results.results import Results
from tune_bn.report.results.wording import duration_text, label, number_text, state_text, value_text

__all__ = ["rich_table", "text_report", "turned_table", "watch_view"]

_MOST_STAGES = 8
_MOST_COLUMNS = 4
_LATEST = 6  # trials that are shown while a search runs


def text_report(results: Results, summary: Mapping[str, Any] | None = None) -> RenderableType:
    """Returns a search as rich text; nothing in a name is read as markup.

    Args:
        results: A search.
        summary: As for `tune_bn.report.write_report`.
    """
    given = dict(summary or {})
    results = with_summary(results, given)
    advice = advise(results)
    blocks: list[tuple[str, list[RenderableType]]] = [
        (question, [_indented(answer)]) for question, answer in answers(results, given, advice)
    ]
    if results.notes:
        blocks.append(("How it was read", [_indented(note) for note in results.notes]))
    if results.stages:
        # A category's window is all of its choices, in every stage.
        scaled = [n for n, p in results.space.items() if not p.is_unordered]
        stages = tables.stage_table(results, params=scaled, most=_MOST_COLUMNS)
        note = [_indented(stages.note, style="dim")] if stages.note else []
        blocks.append(("Stages", [turned_table(stages), *note]))
    scores = tables.scores_table(given)
    if scores is not None:
        said = verdict(given)
        about = [_indented(said)] if said else []
        blocks.append((scores.title, [rich_table(scores, marked=winner(given)), *about]))
    best = chosen_trial(results, given)
    if best is not None:
        lines: list[RenderableType] = [
            _indented(f"{name} = {value_text(v, 6)}") for name, v in best.params.items()
        ]
        if best.origin is not None or best.is_unread:
            lines += ["", _indented(explain(results, best.number))]
        blocks.append((f"{configuration_title(results)}: trial {best.number}", lines))
    if advice:
        shown = [_indented(f"• {one.text}") for one in advice]
        about = [_indented(one.evidence, 4, "dim") for one in advice]
        blocks.append(
            ("Advice", [part for pair in zip(shown, about, strict=True) for part in pair])
        )
    parts: list[RenderableType] = [_text(title_of(results, given), style="bold")]
    for heading, body in blocks:
        parts += ["", _text(heading, style="bold"), *body]
    return Group(*parts)


def _indented(text: str, by: int = 2, style: str = "") -> RenderableType:
    return Padding(_text(text, style), (0, 0, 0, by))


def _new_table() -> RichTable:
    return RichTable(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))


def rich_table(table: Table, *, marked: str | None = None) -> RichTable:
    """Returns a table for a terminal, the row that begins with `marked` in bold green."""
    shown = _new_table()
    for i, column in enumerate(table.columns):
        shown.add_column(_text(column), justify="left" if table.is_words(i) else "right")
    for row in table.rows:
        style = "bold green" if marked is not None and row[0] == marked else None
        shown.add_row(*[_text(text) for text in row], style=style)
    return shown


class turned_table:  # noqa: N801  read as the function beside it
    """A table with a column for each row: stages are few, parameters many.

    Where they do not fit beside one another it is several tables, one below the other.

    Args:
        table: What is shown.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields as few tables as fit, alike in length."""
        rows = self._table.rows
        for n_tables in range(1, max(len(rows), 1) + 1):
            length = -(-len(rows) // n_tables)
            parts = [rows[i : i + length] for i in range(0, len(rows), length)]
            shown = [_turned(replace(self._table, rows=part)) for part in parts]
            wide = options.update(width=10_000)
            widths = [Measurement.get(console, wide, each).maximum for each in shown]
            if max(widths, default=0) <= options.max_width:
                break
        yield from shown


def _turned(table: Table) -> RichTable:
    shown = _new_table()
    shown.add_column("", no_wrap=True)
    for row in table.rows:
        shown.add_column(_text(row[0]), justify="right")
    for i, column in enumerate(table.columns[1:], start=1):
        shown.add_row(_text(label(column, 24)), *[_text(row[i]) for row in table.rows])
    return shown


def watch_view(results: Results, now: datetime, *, every_s: float) -> RenderableType:
    """Returns a running search as rich text: how far it is, its stages, its latest trials.

    Args:
        results: The search as it is now.
        now: The time to show, in local time.
        every_s: Seconds until it is looked at again.
    """
    head = _text(title_of(results, {}), style="bold")
    head.append(f"   {now:%H:%M:%S}, again every {duration_text(every_s)}, Ctrl-C ends", "dim")
    numbers = "   ".join(f"{name} {value}" for name, value, _ in key_numbers(results, {}))
    parts: list[RenderableType] = [head, _text(f"{numbers}   ({counts_text(results)})")]
    best = results.best
    if best is not None:
        chosen = ", ".join(f"{name}={value_text(v)}" for name, v in best.params.items())
        value = ", ".join(number_text(v, 6) for v in best.values)
        what = "best" if len(results.directions) == 1 else "on the front"
        parts.append(_text(f"{what}: trial {best.number} with {value}: {chosen}"))
    if results.stages:
        stages = tables.stage_table(results, params=(), most=len(results.stages))
        parts.append(rich_table(tables.ends_of_stages(stages, _MOST_STAGES)))
    parts.append(_latest(results))
    return Group(*parts)


def _latest(results: Results) -> RichTable:
    rows = []
    for trial in results.trials[-_LATEST:][::-1]:
        values = [number_text(v, 6) for v in trial.values] or ["–"] * len(results.objectives)
        if trial.state == "running" and trial.steps:
            step, value = trial.steps[-1]
            values = [f"{number_text(value, 6)} at step {number_text(step)}", *values[1:]]
        seconds = "–" if trial.seconds is None else duration_text(trial.seconds)
        rows.append((str(trial.number), state_text(trial.state), *values, seconds))
    columns = ("Trial", "State", *results.objectives, "Time")
    return rich_table(Table("", columns, tuple(rows), n_text_columns=2))


def _text(text: str, style: str = "") -> Text:
    """Returns rich text of what comes from elsewhere: neither markup nor control codes."""
    return Text(visible(text), style=style)
