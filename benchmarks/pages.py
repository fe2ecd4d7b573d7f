"""All tables, charts and figures that are made from rows: ``python -m benchmarks pages``.

Each function of `TABLES` makes one (`benchmarks.markdown`), from the latest row of every case; most
lie in the ``on_pages`` of what they show.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.batchnorm import on_pages as of_batchnorm
from benchmarks.charts import CHARTS
from benchmarks.cost import on_pages as of_cost
from benchmarks.markdown import filled, table
from benchmarks.rows import RESULTS, Row, latest, rows_of
from benchmarks.search import on_pages as of_search
from benchmarks.search.command import FOLDER, report
from benchmarks.tool import tables as of_tables

__all__ = ["TABLES", "fill", "main"]


def demo() -> str:
    """Returns the test accuracy of the main job on digits, for each seed."""
    rows = latest(rows_of("demo"), lambda r: (r["data"], r["seed"], r["trials"]))
    body = [
        (
            r["seed"],
            f"{r['test']:.4f}",
            f"{r['default_test']:.4f}",
            f"{r['linear_test']:.4f}",
            f"{r['trials_per_minute']:.0f}",
            _machine(r),
        )
        for r in rows
    ]
    head = ["seed", "chosen network", "default network", "logistic regression"]
    return table([*head, "trials a minute", "on"], body)


def _of_tables() -> list[Row]:
    return latest(rows_of("tables"), lambda r: (r["table"], r["seed"], r["model"]))


def tables() -> str:
    """Returns the test scores of the tuned network and other models on real tables."""
    return of_tables.summary(_of_tables())


def tables_goals() -> str:
    """Returns on how many tables the tuned network is ahead of other models."""
    return of_tables.goals(_of_tables())


def _machine(row: Row) -> str:
    """Returns the CPU that a row was measured on, "" if it does not say."""
    machine = row.get("machine") or ""
    return str(machine["processor"] if isinstance(machine, dict) else machine)


def machines() -> str:
    """Returns which machines the rows of each file come from."""
    body = []
    for file in sorted(RESULTS.rglob("*.jsonl")):
        rows = rows_of(str(file.relative_to(RESULTS).with_suffix("")))
        known = dict.fromkeys(name for r in rows if (name := _machine(r)))
        name = f"{file.parent.name}/*.jsonl" if file.parent != RESULTS else file.name
        body.append((f"`{name}`", known))
    found: dict[str, dict[str, None]] = {}
    for name, known in body:
        found.setdefault(name, {}).update(known)
    return table(["rows", "machines"], [(n, "; ".join(known)) for n, known in found.items()])


TABLES: dict[str, Callable[[], str]] = {
    "demo": demo,
    "tables": tables,
    "tables-goals": tables_goals,
    "machines": machines,
    **of_batchnorm.TABLES,
    **of_cost.TABLES,
    **of_search.TABLES,
}


def fill(text: str) -> str:
    """Returns the text with every marked table made anew from the rows.

    Raises:
        KeyError: If a mark names no table.
    """
    return filled(text, TABLES)


def main(arguments: list[str] | None = None) -> None:
    """Fills the tables of some pages in place; of all, and makes the figures, without any."""
    parser = argparse.ArgumentParser(
        description="Makes the tables of README.md, docs/*.md and RESULTS.md, and the figures "
        "of the search, from the rows of results."
    )
    parser.add_argument(
        "files", type=Path, nargs="*", help="pages to fill (default: all, in the current folder)"
    )
    files: list[Path] = parser.parse_args(arguments).files
    for file in files or [Path("README.md"), *sorted(Path("docs").glob("*.md"))]:
        text = file.read_text(encoding="utf-8")
        if (filled := fill(text)) != text:
            file.write_text(filled, encoding="utf-8")
    if not files:
        for name, chart in CHARTS.items():
            Path(f"docs/assets/measured/{name}.svg").write_text(chart(), encoding="utf-8")
        report(FOLDER)


if __name__ == "__main__":
    main()
