"""One process that searches for hours, watched for what it leaves behind.

    python -m benchmarks soak

A round uses everything that a long-lived service would: studies in memory (one with two threads),
in SQLite and in a journal file, all with one sampler object; the search by hand and a Ray search
algorithm, each saved and restored; and a whole tuning run with its report. After a round nothing
of it should be left: the memory is flat, a trial costs what it did, no thread or file stays open.
"""

import argparse
import gc
import os
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from benchmarks.cost.work import SPACE, loss_of, objective, ray_space, resident_mib
from benchmarks.rows import RESULTS, environment, keep
from tune_bn.core import CoarseToFine
from tune_bn.optuna import CoarseToFineSampler

__all__ = ["growth_of", "main", "run"]

_TUNE_EVERY = 5  # rounds
_WARM_UP = 0.2  # share of the rounds in which caches and pools may still grow
_MOST_MEMORY = 1.1  # times what the process held after it had warmed up


def run(out: Path, *, minutes: float, rounds: int | None = None) -> dict[str, Any]:
    """Goes round until the time is over, appends a row to a file, and returns it.

    Args:
        out: File of JSON lines; made if it is missing.
        minutes: For how long.
        rounds: End after so many rounds, whatever the time; None is no limit.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    works = _works()
    costs: dict[str, list[float]] = {name: [] for name in works}
    memory: list[float] = []
    threads: list[int] = []
    files: list[int] = []
    n_trials, began = 0, time.monotonic()
    while time.monotonic() - began < 60 * minutes and (rounds is None or len(threads) < rounds):
        for name, work in works.items():
            if name == "tune" and len(threads) % _TUNE_EVERY:
                continue
            cpu = time.process_time()
            n = work(len(threads))
            costs[name].append((time.process_time() - cpu) / n * 1e6)
            n_trials += n
        gc.collect()
        memory.append(resident_mib() or 0.0)
        threads.append(threading.active_count())
        files.append(_n_open_files())
    start = int(_WARM_UP * len(memory))
    row = {
        "benchmark": "load",
        "part": "soak",
        "minutes": round((time.monotonic() - began) / 60, 1),
        "rounds": len(memory),
        "trials": n_trials,
        "memory_mib": [round(m, 1) for m in _ends(memory[start:])],
        "memory_ratio": _ratio(memory[start:]),
        "cpu_us_per_trial": {
            name: [round(c, 1) for c in _ends(c[int(_WARM_UP * len(c)) :])]
            for name, c in costs.items()
        },
        "cpu_ratio": {name: _ratio(c[int(_WARM_UP * len(c)) :]) for name, c in costs.items()},
        "threads": [threads[start], threads[-1]],
        "open_files": [files[start], files[-1]],
        **environment(["tune-bn", "optuna", "ray", "torch", "numpy"]),
    }
    return keep(out, row)


def growth_of(row: dict[str, Any]) -> list[str]:
    """Returns what a row says to have been left behind, in words; nothing is none."""
    grown = [what for what in ("threads", "open_files") if row[what][1] > row[what][0]]
    if row["memory_ratio"] > _MOST_MEMORY:
        grown.append("memory_mib")
    return [f"{what} grew: {row[what][0]} → {row[what][1]}" for what in grown]


def _ends(series: Sequence[float]) -> tuple[float, float]:
    """Returns the median of the first and of the last quarter."""
    quarter = max(len(series) // 4, 1)
    return statistics.median(series[:quarter]), statistics.median(series[-quarter:])


def _ratio(series: Sequence[float]) -> float:
    first, last = _ends(series)
    return round(last / max(first, 1e-9), 3)


def _n_open_files() -> int:
    """Returns how many files this process has open; 0 where the system does not list them."""
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.is_dir() else 0


def _works() -> dict[str, Callable[[int], int]]:
    """Returns the works of a round: each takes the round's number and returns how many trials."""
    from tune_bn.ray import CoarseToFineSearch
    from tune_bn.report import write_report
    from tune_bn.training import load_dataset
    from tune_bn.tuning.optuna_run import tune
    from tune_bn.tuning.settings import Settings

    sampler = CoarseToFineSampler(seed=0)
    dataset = load_dataset("digits")
    domains = ray_space()

    def in_memory(_: int) -> int:
        optuna.create_study(sampler=sampler).optimize(objective, n_trials=200)
        return 200

    def in_threads(_: int) -> int:
        optuna.create_study(sampler=sampler).optimize(objective, n_trials=100, n_jobs=2)
        return 100

    def in_sqlite(_: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
            study = optuna.create_study(storage=storage, sampler=sampler)
            study.optimize(objective, n_trials=30)
            storage.remove_session()
            storage.engine.dispose()
        return 30

    def in_a_journal(_: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            storage = JournalStorage(JournalFileBackend(f"{folder}/journal.log"))
            optuna.create_study(storage=storage, sampler=sampler).optimize(objective, n_trials=60)
        return 60

    def by_hand(number: int) -> int:
        search = CoarseToFine(SPACE, seed=number)
        for _ in range(200):
            trial = search.ask()
            search.tell(trial, loss_of(trial.params))
        assert CoarseToFine.from_json(search.to_json()).best == search.best
        return 200

    def for_ray(number: int) -> int:
        search = CoarseToFineSearch(domains, "loss", "min", seed=number)
        for i in range(100):
            config = search.suggest(str(i))
            search.on_trial_complete(str(i), {"loss": loss_of(config), "training_iteration": 1})
        with tempfile.TemporaryDirectory() as folder:
            search.save(f"{folder}/state.json")
            again = CoarseToFineSearch()
            again.restore(f"{folder}/state.json")
        assert again.best == search.best
        return 100

    def tuned(number: int) -> int:
        settings = Settings(trials=2, epochs=1, seed=number)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of frameworks, about their own future
            tune(dataset, folder, settings, write_report=write_report)
        return 2

    return {
        "memory": in_memory,
        "two threads": in_threads,
        "sqlite": in_sqlite,
        "journal": in_a_journal,
        "by hand": by_hand,
        "ray": for_ray,
        "tune": tuned,
    }


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line; fails where something was left behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "load.jsonl")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, help="end after so many rounds")
    options = parser.parse_args(arguments)
    row = run(options.out, minutes=options.minutes, rounds=options.rounds)
    if grown := growth_of(row):
        raise SystemExit("; ".join(grown))


if __name__ == "__main__":
    main()
