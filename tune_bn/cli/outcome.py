"""What a finished run prints: the stages, the scores, the configuration, the paths."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tune_bn.core.space.scale import COMPLEMENT, complement
from tune_bn.plain.text import visible
from tune_bn.report.pages.listings import Table
from tune_bn.report.pages.terminal import rich_table, turned_table
from tune_bn.report.pages.verdict import CHOSEN

if TYPE_CHECKING:
    from tune_bn.tuning.finish.finish import Outcome

__all__ = ["print_outcome"]

_NAME_COLUMN = 17  # with its borders, of the longest parameter's name
_STAGE_COLUMN = 12  # with its border, of a number as `_value` writes it


def print_outcome(outcome: "Outcome", console: Console | None = None) -> None:
    """Prints a finished run for a person to read.

    Args:
        outcome: Of `tune_bn.tuning.optuna_run.tune`.
        console: Where to print; None: stdout.
    """
    console = console or Console(highlight=False)
    summary = outcome.summary
    search = summary["search"]
    # Headings are lines of their own: a table's title is folded to the table's width.
    console.print("How the search narrowed (lowest and highest value of each window):")
    for part in _parts(summary["stages"], console.width):
        console.print(turned_table(_stage_table(part, summary["metric"])))
    console.print(
        f"{search['trials']} trials: {search['complete']} complete, {search['pruned']} stopped "
        f"early, {search['failed']} failed."
    )
    n_test = summary["data"]["rows"]["test"]
    console.print(f"On {n_test} test rows that no training and no search saw:")
    console.print(rich_table(_score_table(summary)))
    for remark in summary.get("remarks", ()):
        console.print(visible(f"Note: {remark}."), markup=False)
    best = summary["best"]
    who = f"trial {best['trial']}" + (", the default configuration" if best["is_default"] else "")
    console.print(f"Chosen: {who}:")
    for name, value in best["params"].items():
        console.print(f"  {name} = {_value(value)}", markup=False)
    console.print("Written:")
    for file in outcome.files:
        console.print(visible(f"  {_shorter(file)}"), markup=False, soft_wrap=True)


def _parts(rows: list[Mapping[str, Any]], width: int) -> list[list[Mapping[str, Any]]]:
    """Splits the stages into tables that fit a terminal of this width, alike in length."""
    fitting = max((width - _NAME_COLUMN) // _STAGE_COLUMN, 1)
    tables = -(-len(rows) // fitting)
    length = -(-len(rows) // max(tables, 1))
    return [rows[i : i + length] for i in range(0, len(rows), length)]


def _stage_table(rows: list[Mapping[str, Any]], metric: str) -> Table:
    """Returns a row a stage, to be turned: parameters are many, stages few, terminals narrow."""
    names = list(dict.fromkeys(name for row in rows for name in row["windows"]))
    # A study holds the distance of some values from 1.
    shown = {name: name.removeprefix(COMPLEMENT) for name in names}
    found = [
        (
            str(row["name"]),
            str(row["trials"]),
            f"{row['width']:.2g}",
            _value(row["best_value"]),
            *(_window(row["windows"].get(name), is_rest=shown[name] != name) for name in names),
        )
        for row in rows
    ]
    return Table(
        "", ("", "trials", "window width", f"best {metric}", *shown.values()), tuple(found)
    )


def _score_table(summary: Mapping[str, Any]) -> Table:
    test = summary["best"]["test"]
    scores = {CHOSEN: test, **summary["baselines"]}
    found = [
        (who, *(_value(None if score is None else score[name]) for name in test))
        for who, score in scores.items()
    ]
    return Table("", ("", *test), tuple(found))


def _window(window: list[Any] | None, *, is_rest: bool) -> str:
    if window is None:
        return "–"
    if is_rest:
        window = [complement(end) for end in reversed(window)]
    if all(isinstance(end, str) for end in window):
        return f"{len(window)} choices" if len(window) > 1 else str(window[0])
    low, high = window
    return _value(low) if low == high else f"{_value(low)}\n{_value(high)}"


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _shorter(file: Path) -> Path:
    """Returns the path from here, where that is shorter to read."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
