"""What is found within a number of trials, beside other samplers: ``python -m benchmarks search``.

    python -m benchmarks search run --methods tune_bn tpe --suites hpobench bbob-5d --seeds 10
    python -m benchmarks search sensitivity

``run`` and ``sensitivity`` append what is missing to the rows, so that they can be stopped and
continued; what an earlier default has left has to be deleted first. ``python -m benchmarks pages``
makes the tables and figures from the rows. Development suites are those that the defaults were
chosen on; test suites were run once these were final.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.problems.suites import DEVELOPMENT, LONG, NOISY, TEST
from benchmarks.rows import RESULTS, environment, write_rows
from benchmarks.search.methods import METHODS
from benchmarks.search.peers import OUTSIDE
from benchmarks.search.runs import measure, read_rows

__all__ = ["FOLDER", "main", "report", "sensitivity_rows"]

FOLDER = RESULTS / "search"
_SENSITIVITY = "sensitivity.json"


def sensitivity_rows(folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of the settings halved and doubled."""
    known = folder / _SENSITIVITY
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    return [json.loads(line) for line in lines]


def report(folder: Path) -> list[Path]:
    """Makes ``RESULTS.md`` and the figures from the rows of a folder; returns the figures."""
    from benchmarks.search.chart import chart, wins
    from benchmarks.search.compare import Comparison
    from benchmarks.search.figures import write_figures
    from benchmarks.search.summary import fill

    results = Comparison(read_rows(sorted(folder.glob("*.jsonl"))))
    page, sensitivity = folder / "RESULTS.md", sensitivity_rows(folder)
    if page.exists():
        text = fill(page.read_text(encoding="utf-8"), results, sensitivity)
        page.write_text(text, encoding="utf-8")
    files = write_figures(results, folder / "figures", sensitivity)
    for name, picture in (("progress", chart(results)), ("wins", wins(results))):
        files.append(folder / "figures" / f"{name}.svg")
        files[-1].write_text(picture, encoding="utf-8")
    return files


def _sensitivity(folder: Path, seeds: int, jobs: int) -> None:
    from benchmarks.search.sensitivity import sensitivity

    rows = list(read_rows(sorted(folder.glob("*.jsonl"))))
    where = environment(("tune-bn", "optuna", "numpy"))
    numbers = {suite: 3 * seeds if suite == "hpobench" else seeds for suite in DEVELOPMENT}
    known = {(row["setting"], row["factor"]) for row in sensitivity_rows(folder)}
    for row in sensitivity(rows, seeds=numbers, known=known, jobs=jobs):
        write_rows(folder / _SENSITIVITY, [{**row, **where}])
        print(row["setting"], row["factor"], row["mean"], flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark, or makes the tables of its own page and its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["run", "sensitivity", "report"])
    parser.add_argument(
        "--methods", nargs="+", default=["tune_bn", "tpe", "random"], choices=[*METHODS, *OUTSIDE]
    )
    parser.add_argument(
        "--suites",
        nargs="+",
        default=list(DEVELOPMENT),
        choices=[*DEVELOPMENT, *NOISY, *TEST, LONG],
    )
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 … N − 1 (default 10)")
    parser.add_argument("--trials", type=int, default=400, help="trials of each run (default 400)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the rows lie")
    options = parser.parse_args(arguments)
    if options.action == "report":
        print(*report(options.folder), sep="\n")
    elif options.action == "sensitivity":
        _sensitivity(options.folder, options.seeds, options.jobs)
    else:
        new = measure(
            options.folder,
            options.methods,
            options.suites,
            seeds=options.seeds,
            trials=options.trials,
            jobs=options.jobs,
        )
        print(f"{new} new rows in {options.folder}")


if __name__ == "__main__":
    main()
