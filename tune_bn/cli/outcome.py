"""What a finished run prints: the scores, the configuration, the stages, the paths."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tune_bn.plain.text import visible
from tune_bn.report.pages.listings import Table, ends_of_stages
from tune_bn.report.pages.terminal import rich_table
from tune_bn.report.pages.verdict import CHOSEN, verdict, winner
from tune_bn.report.results.wording import number_text

if TYPE_CHECKING:
    from tune_bn.tuning.finish.finish import Outcome

__all__ = ["print_outcome"]

_MOST_STAGES = 7


def print_outcome(outcome: "Outcome", console: Console | None = None) -> None:
    """Prints a finished run for a person to read: first what came out, then how, then where.

    Args:
        outcome: Of `tune_bn.tuning.optuna_run.tune`.
        console: Where to print; None: stdout.
    """
    console = console or Console(highlight=False)
    summary = outcome.summary
    search, best = summary["search"], summary["best"]
    n_test = summary["data"]["rows"]["test"]
    # Headings are lines of their own: a table's title is folded to the table's width.
    console.print(f"On {n_test} test rows that no training and no search saw:")
    console.print(rich_table(_score_table(summary), marked=winner(summary)))
    if said := verdict(summary):
        console.print(visible(said), markup=False)
    for remark in summary.get("remarks", ()):
        console.print(visible(f"Note: {remark}."), markup=False)
    who = f"trial {best['trial']}" + (", the default configuration" if best["is_default"] else "")
    if best.get("networks", 1) > 1:
        who += f", {best['networks']} networks that answer by their mean"
    console.print(f"Chosen: {who}:")
    for name, value in best["params"].items():
        console.print(f"  {name} = {_value(value)}", markup=False)
    console.print(
        f"{search['trials']} trials: {search['complete']} complete, {search['pruned']} stopped "
        f"early, {search['failed']} failed. How the search narrowed:"
    )
    console.print(rich_table(_stage_table(summary)))
    console.print("Written:")
    for file in outcome.files:
        console.print(visible(f"  {_shorter(file)}"), markup=False, soft_wrap=True)


def _stage_table(summary: Mapping[str, Any]) -> Table:
    """Returns a row a stage; of many those up to the coarse one, and the last ones."""
    rows = [
        (
            str(row["name"]),
            str(row["trials"]),
            f"{row['width']:.2g}",
            _value(row["best_value"]),
        )
        for row in summary["stages"]
    ]
    columns = ("", "trials", "width", f"best {summary['metric']}")
    return ends_of_stages(Table("", columns, tuple(rows)), _MOST_STAGES)


def _score_table(summary: Mapping[str, Any]) -> Table:
    test = summary["best"]["test"]
    scores = {CHOSEN: test, **summary["baselines"]}
    found = [
        (who, *(_value(None if score is None else score[name]) for name in test))
        for who, score in scores.items()
    ]
    return Table("", ("", *test), tuple(found))


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return number_text(value) if isinstance(value, float) else str(value)


def _shorter(file: Path) -> Path:
    """Returns the path from here, where that is shorter to read."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file
