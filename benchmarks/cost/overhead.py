"""What a sampler costs per trial, beside Optuna's own: ``python -m benchmarks overhead``.

The objective is free, so all time is Optuna's and the sampler's. Samplers take turns within a
round, each run in a process of its own, and a row gives the median over rounds of the ratio to
the sampler it is compared with in the same round.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from benchmarks.rows import RESULTS, environment, keep
from tune_bn.optuna import CoarseToFineSampler

__all__ = ["main", "run"]

_SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "CoarseToFineSampler": lambda seed: CoarseToFineSampler(seed=seed),
    "RandomSampler": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "NSGAIISampler": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
    "TPESampler": lambda seed: optuna.samplers.TPESampler(seed=seed),
}
_OURS = "CoarseToFineSampler"

# (storage, trials, space, peer, highest ratio that is promised, rounds)
_CASES: list[tuple[str, int, str, str, float, int]] = [
    ("memory", 100, "5 floats", "RandomSampler", 1.5, 9),
    ("memory", 1_000, "5 floats", "RandomSampler", 1.5, 9),
    ("memory", 10_000, "5 floats", "RandomSampler", 1.5, 5),
    ("memory", 100_000, "5 floats", "RandomSampler", 1.5, 3),
    ("memory", 1_000, "5 floats", "TPESampler", 1 / 20, 3),
    ("sqlite", 1_000, "5 floats", "RandomSampler", 1.2, 5),
    ("journal", 1_000, "5 floats", "RandomSampler", 1.2, 5),
    ("memory", 1_000, "50 mixed, 10 conditional", "RandomSampler", 2.0, 5),
    ("memory", 1_000, "5 floats, 3,000 killed", "RandomSampler", 3.0, 5),
    ("memory", 4_000, "2 objectives, ties", "NSGAIISampler", 3.0, 3),
    ("memory", 4_000, "3 objectives, ties", "NSGAIISampler", 3.0, 3),
    ("memory", 4_000, "4 objectives, ties", "NSGAIISampler", 3.0, 3),
]


def _five_floats(trial: optuna.Trial) -> float:
    return sum((trial.suggest_float(f"x{i}", 0, 1) - 0.3) ** 2 for i in range(5))


def _fifty_mixed(trial: optuna.Trial) -> float:
    value = 0.0
    for i in range(20):
        value += (trial.suggest_float(f"x{i}", 0, 1) - 0.3) ** 2
    for i in range(10):
        value += trial.suggest_int(f"n{i}", 1, 100) / 100
    for i in range(10):
        is_on = trial.suggest_categorical(f"c{i}", [True, False])
        if is_on:
            value += trial.suggest_float(f"only{i}", 1e-5, 1, log=True)
    return value


def _objectives(n: int) -> Callable[[optuna.Trial], tuple[float, ...]]:
    """Returns so many objectives that put all trials on one front, many of them alike."""

    def objectives(trial: optuna.Trial) -> tuple[float, ...]:
        cells = 1600 if n == 2 else 40
        first = [round(cells * trial.suggest_float(f"x{i}", 0, 1)) for i in range(n - 1)]
        return *first, (n - 1) * cells - sum(first)

    return objectives


_OBJECTIVES: dict[str, Callable[[optuna.Trial], Any]] = {
    "5 floats": _five_floats,
    "50 mixed, 10 conditional": _fifty_mixed,
    "5 floats, 3,000 killed": _five_floats,
    **{f"{n} objectives, ties": _objectives(n) for n in (2, 3, 4)},
}
_KILLED = {"5 floats, 3,000 killed": 3_000}
_N_OBJECTIVES = {f"{n} objectives, ties": n for n in (2, 3, 4)}


def _one(sampler: str, storage: str, trials: int, space: str, seed: int) -> dict[str, float]:
    """Runs one study in this process; returns time per trial and peak memory."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        backend: Any = None
        if storage == "sqlite":
            backend = f"sqlite:///{folder}/study.db"
        elif storage == "journal":
            backend = JournalStorage(JournalFileBackend(f"{folder}/journal.log"))
        study = optuna.create_study(
            storage=backend,
            sampler=optuna.samplers.RandomSampler(seed=seed),
            directions=["minimize"] * _N_OBJECTIVES.get(space, 1),
        )
        for _ in range(_KILLED.get(space, 0)):
            _OBJECTIVES[space](study.ask())  # nobody tells how it ended
        study.sampler = _SAMPLERS[sampler](seed)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        wall, cpu = time.perf_counter(), time.process_time()
        study.optimize(_OBJECTIVES[space], n_trials=trials)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "wall_us": wall / trials * 1e6,
        "cpu_us": cpu / trials * 1e6,
        "growth_kib": float(after - before),
    }


def _in_a_process(*options: object) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.cost.overhead", "--one", *map(str, options)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(result.stdout)
    return measured


def run(out: Path, *, largest: int = 100_000, space: str | None = None) -> list[dict[str, Any]]:
    """Measures every case with at most ``largest`` trials; appends a row for each to a file.

    Args:
        out: File of JSON lines; made if it is missing.
        largest: Leave out cases of more trials.
        space: Leave out cases of other spaces.
    """
    rows = []
    for storage, trials, searched, peer, promised, rounds in _CASES:
        if trials > largest or space not in (None, searched):
            continue
        measured: dict[str, list[dict[str, float]]] = {_OURS: [], peer: []}
        for seed in range(rounds):
            # Whoever goes first differs from round to round.
            for name in sorted(measured, reverse=bool(seed % 2)):
                measured[name].append(_in_a_process(name, storage, trials, searched, seed))

        def ratio(what: str, measured: dict[str, list[dict[str, float]]] = measured) -> float:
            ours, theirs = measured.values()
            pairs = zip(ours, theirs, strict=True)
            return round(statistics.median(a[what] / max(b[what], 1e-9) for a, b in pairs), 3)

        row: dict[str, Any] = {
            "benchmark": "overhead",
            "storage": storage,
            "trials": trials,
            "space": searched,
            "peer": peer,
            "rounds": rounds,
            "wall_ratio": ratio("wall_us"),
            "cpu_ratio": ratio("cpu_us"),
            "promised": round(promised, 3),
        }
        for name, found in measured.items():
            row[f"{name}_us"] = round(statistics.median(f["wall_us"] for f in found), 1)
        if trials >= 10_000:  # below, the growth is that of the interpreter
            row["memory_ratio"] = ratio("growth_kib")
        rows.append(keep(out, row | environment(["tune-bn", "optuna", "numpy"])))
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "overhead.jsonl")
    parser.add_argument("--largest", type=int, default=100_000, help="trials at most")
    parser.add_argument("--space", choices=_OBJECTIVES, help="this one alone")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        sampler, storage, trials, space, seed = options.one
        print(json.dumps(_one(sampler, storage, int(trials), space, int(seed))))
    else:
        run(options.out, largest=options.largest, space=options.space)


if __name__ == "__main__":
    main()
