"""What a search algorithm costs Ray Tune per trial, driven by hand: no cluster, a free objective.

Each algorithm runs to a number of trials, then all take turns in blocks of suggest + complete, so
that a machine that slows down slows all. The clock is this thread's processor time. A bare loop of
``domain.sample()`` takes its turn as well: less is not possible. HyperOpt's row is made where it
is installed; its last release (0.2.7) is not among this project's dependencies.

    python -m benchmarks suggest [--out FILE] [--rounds 9]
"""

import argparse
import importlib.util
import json
import logging
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.rows import RESULTS, environment, write_rows

__all__ = ["main", "run"]

_BLOCK = 10
_SEED = 0
_LENGTHS = (100, 1_000, 5_000, 20_000)
_COMPARED_AT = 1_000


def _space() -> dict[str, Any]:
    from ray import tune

    return {
        "lr": tune.loguniform(1e-4, 1.0),
        "momentum": tune.uniform(0.8, 1.0),
        "width": tune.randint(16, 257),
        "depth": tune.randint(1, 9),
        "dropout": tune.uniform(0.0, 0.5),
    }


def _loss(config: dict[str, Any]) -> float:
    loss: float = (math.log10(config["lr"]) + 2) ** 2 + abs(config["depth"] - 4)
    return loss + float(config["dropout"])


class _Driver:
    """A search algorithm that is asked and told, trial after trial."""

    def __init__(self, search: Any) -> None:
        self.search, self.n = search, 0

    def trials(self, n: int) -> None:
        """Runs n trials."""
        for i in range(self.n, self.n + n):
            trial_id = f"{i:08x}"
            config = self.search.suggest(trial_id)
            result = {"loss": _loss(config), "training_iteration": 1, "done": True}
            self.search.on_trial_result(trial_id, result)
            self.search.on_trial_complete(trial_id, result)
        self.n += n


class _Sampling:
    """Plain draws from the domains, remembered nowhere."""

    def __init__(self) -> None:
        self.space = _space()

    def trials(self, n: int) -> None:
        """Draws n configurations."""
        for _ in range(n):
            _loss({name: domain.sample() for name, domain in self.space.items()})


def _makers() -> dict[str, Callable[[], Any]]:
    from tune_bn.ray import CoarseToFineSearch

    def optuna_search() -> Any:
        import optuna
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return _Driver(OptunaSearch(_space(), metric="loss", mode="min", seed=_SEED))

    def hyperopt_search() -> Any:
        from ray.tune.search.hyperopt import HyperOptSearch

        return _Driver(HyperOptSearch(_space(), metric="loss", mode="min", random_state_seed=_SEED))

    makers: dict[str, Callable[[], Any]] = {
        "CoarseToFineSearch": lambda: _Driver(
            CoarseToFineSearch(_space(), "loss", "min", seed=_SEED)
        ),
        "domain.sample": _Sampling,
        "OptunaSearch": optuna_search,
    }
    if importlib.util.find_spec("hyperopt") is not None:
        makers["HyperOptSearch"] = hyperopt_search
    return makers


def _median_us(turns: list[float]) -> float:
    return round(statistics.median(turns) / _BLOCK * 1e6, 1)


def run(out: Path, *, rounds: int = 9) -> list[dict[str, Any]]:
    """Measures, appends the rows to a file, and returns them.

    Args:
        out: JSON lines file.
        rounds: turns that each algorithm takes at each length.
    """
    logging.disable(logging.WARNING)
    contenders = {name: make() for name, make in _makers().items()}
    packages = ["tune-bn", "ray", "optuna", "hyperopt", "numpy"]
    rows: list[dict[str, Any]] = []
    for length in _LENGTHS:
        taking_part = {
            name: one
            for name, one in contenders.items()
            if length <= _COMPARED_AT or name in ("CoarseToFineSearch", "domain.sample")
        }
        for one in taking_part.values():
            if isinstance(one, _Driver):
                one.trials(length - one.n)
        turns: dict[str, list[float]] = {name: [] for name in taking_part}
        for _ in range(rounds):
            for name, one in taking_part.items():
                start = time.thread_time()
                one.trials(_BLOCK)
                turns[name].append(time.thread_time() - start)
        base = _median_us(turns["CoarseToFineSearch"])
        for name, times in turns.items():
            row = {
                "benchmark": "suggest",
                "method": name,
                "trials": length,
                "parameters": len(_space()),
                "seed": _SEED,
                "rounds": rounds,
                "us_per_trial": _median_us(times),
                "CoarseToFineSearch_ratio": round(base / _median_us(times), 4),
                **environment(packages),
            }
            rows.append(row)
            print(f"{length:>6} {name:<20} {row['us_per_trial']:>10} us", flush=True)
    rows.append(_saving(contenders["CoarseToFineSearch"], rounds, packages))
    write_rows(out, rows)
    return rows


def _saving(driver: _Driver, rounds: int, packages: list[str]) -> dict[str, Any]:
    """Returns how long saving the state takes, to a disk and to memory where there is one."""
    row: dict[str, Any] = {"benchmark": "suggest", "method": "save", "trials": driver.n}
    folders = {"disk": Path(tempfile.gettempdir()), "memory": Path("/dev/shm")}
    for where, parent in folders.items():
        if not (parent.is_dir() and os.access(parent, os.W_OK)):
            continue
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            path = Path(folder) / "state.json"
            times = []
            for _ in range(rounds):
                start = time.perf_counter()
                driver.search.save(str(path))
                times.append(time.perf_counter() - start)
            row["bytes"] = path.stat().st_size
        row[f"{where}_ms"] = round(statistics.median(times) * 1e3, 1)
        row[f"{where}_best_ms"] = round(min(times) * 1e3, 1)
    row |= environment(packages)
    print(json.dumps({k: v for k, v in row.items() if k.endswith("ms")}), flush=True)
    return row


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "suggest.jsonl")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    run(options.out, rounds=options.rounds)


if __name__ == "__main__":
    main()
