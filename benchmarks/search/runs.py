"""Rows of results: JSON lines that can be continued, and from which tables and figures are made.

Each file holds the rows of one method. A row says suite, problem, seed, number of trials, the best
loss at the checkpoints, the search's own seconds, and the session it was made in; the line of a
session says when, on what machine and with which versions.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from benchmarks.problems.problem import Problem
from benchmarks.problems.suites import problems
from benchmarks.rows import environment
from benchmarks.search.methods import can_run, run
from benchmarks.search.peers import OUTSIDE_PACKAGES

__all__ = ["Row", "Task", "extend", "file_of", "measure", "read_rows"]

_PACKAGES = ("tune-bn", "optuna", "numpy", "cmaes", "marsopt", "torch", "coco-experiment")


@dataclass(frozen=True)
class Row:
    """What one run of a method on a problem found.

    Args:
        method: Name of the method.
        suite: Name of the suite.
        problem: Name of the problem in its suite.
        seed: Seed of the run.
        trials: How many trials the run had.
        best: Loss of the configuration that looked best, by number of trials.
        seconds: Time of the search itself, without the problem's.
    """

    method: str
    suite: str
    problem: str
    seed: int
    trials: int
    best: dict[int, float]
    seconds: float

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What is the same in a repetition of the run."""
        return self.method, self.suite, self.problem, self.seed, self.trials

    def to_json(self) -> dict[str, Any]:
        """Returns plain data for a line of the file."""
        return {
            "method": self.method,
            "suite": self.suite,
            "problem": self.problem,
            "seed": self.seed,
            "trials": self.trials,
            "best": {str(n): float(f"{v:.10g}") for n, v in self.best.items()},
            "seconds": round(self.seconds, 4),
        }


def file_of(folder: Path, method: str) -> Path:
    """Returns the file that holds the rows of a method."""
    return folder / (method.replace(", ", "-").replace(" ", "-") + ".jsonl")


def read_rows(files: Iterable[Path]) -> Iterator[Row]:
    """Yields the rows of the files; a line cut short by a crash is passed over."""
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                data = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "method" not in data:
                continue
            data.pop("session", None)
            best = {int(n): float(v) for n, v in data.pop("best").items()}
            yield Row(best=best, **data)


def _session() -> dict[str, Any]:
    """Returns a record of date, machine and versions, with a name that rows can bear."""
    where = environment((*_PACKAGES, *OUTSIDE_PACKAGES))
    name = blake2b(json.dumps(where).encode(), digest_size=4).hexdigest()
    return {"session": name, **where}


@lru_cache(maxsize=4)
def _problems_by_name(suite: str) -> dict[str, Problem]:
    return {p.name: p for p in problems(suite)}


Task = tuple[str, str, str, int, int]
"""Method, suite, problem, seed, trials: as `Row.key`."""


def _run_task(task: Task) -> Row:
    method, suite, name, seed, trials = task
    curve = run(method, _problems_by_name(suite)[name], seed, trials)
    return Row(method, suite, name, seed, trials, curve.best, curve.seconds)


def _tasks(
    methods: Iterable[str], suites: Iterable[str], seeds: int, trials: int
) -> Iterator[Task]:
    # Seeds outermost: whatever is there when a run is interrupted covers every problem.
    methods, suites = list(methods), list(suites)
    for seed in range(seeds):
        for suite in suites:
            for name, problem in _problems_by_name(suite).items():
                for method in methods:
                    if can_run(method, problem):
                        yield method, suite, name, seed, trials


def measure(
    folder: Path,
    methods: Iterable[str],
    suites: Iterable[str],
    *,
    seeds: int,
    trials: int,
    jobs: int = 1,
) -> int:
    """Runs what is not there yet and appends it; returns the number of new rows.

    Args:
        folder: Where the files lie; made if it is missing.
        methods: Names in `benchmarks.search.methods.METHODS`.
        suites: Names of suites.
        seeds: Seeds 0 … seeds − 1 are run.
        trials: Trials of each run.
        jobs: Number of processes.
    """
    return extend(folder, _tasks(methods, suites, seeds, trials), _run_task, jobs=jobs)


def extend(
    folder: Path, tasks: Iterable[Task], run_task: Callable[[Task], Row], *, jobs: int = 1
) -> int:
    """Runs those tasks that have no row in a folder yet; returns the number of new rows.

    Args:
        folder: Where the files lie; made if it is missing.
        tasks: What is to be there.
        run_task: Runs one of them; with several processes it has to be picklable.
        jobs: Number of processes.
    """
    from rich.progress import track

    folder.mkdir(parents=True, exist_ok=True)
    known = {row.key for row in read_rows(sorted(folder.glob("*.jsonl")))}
    missing = [t for t in tasks if t not in known]
    if not missing:
        return 0
    session = _session()
    begun: set[Path] = set()

    def keep(row: Row) -> None:
        file = file_of(folder, row.method)
        with file.open("a", encoding="utf-8") as out:
            if file not in begun:
                begun.add(file)
                out.write(json.dumps(session) + "\n")
            out.write(json.dumps({**row.to_json(), "session": session["session"]}) + "\n")

    if jobs == 1:
        for task in track(missing, description="runs"):
            keep(run_task(task))
        return len(missing)
    with ProcessPoolExecutor(jobs) as pool:
        futures = [pool.submit(run_task, task) for task in missing]
        for future in track(as_completed(futures), description="runs", total=len(missing)):
            keep(future.result())
    return len(missing)
