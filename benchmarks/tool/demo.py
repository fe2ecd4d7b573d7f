"""The demo, measured: how fast it searches and what its network reaches on rows no one saw.

    python -m benchmarks demo --seeds 0 1 2

appends one JSON line for each seed to ``benchmarks/results/demo.jsonl``. The score of the
default network, trained on the same rows in the same run, is in each line: a demo that tunes to
nothing shows.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.rows import RESULTS, environment, write_rows
from tune_bn.training import load_dataset
from tune_bn.tuning.finish.finish import DEFAULT_NETWORK
from tune_bn.tuning.optuna_run import tune
from tune_bn.tuning.settings import Settings

__all__ = ["main", "run_demo"]


def run_demo(settings: Settings, *, data: str = "digits") -> dict[str, Any]:
    """Tunes in a temporary folder, without the report, and returns one row of plain data.

    Args:
        settings: Of the run; the demo's own are `Settings()` with a seed.
        data: As for `load_dataset`.
    """
    where = environment()
    wall, cpu = time.perf_counter(), time.process_time()
    dataset = load_dataset(data, seed=settings.seed)
    with tempfile.TemporaryDirectory() as folder:
        summary = tune(dataset, folder, settings).summary
    best, default = summary["best"], summary["baselines"][DEFAULT_NETWORK]
    metric = summary["metric"]
    return {
        "data": dataset.name,
        "fingerprint": dataset.fingerprint,
        "seed": settings.seed,
        "trials": settings.trials,
        "epochs": settings.epochs,
        "jobs": settings.jobs,
        "metric": metric,
        "seconds": round(time.perf_counter() - wall, 2),
        # Of this process alone: with several jobs the workers' time is not in it.
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "trials_per_minute": summary["search"]["trials_per_minute"],
        "complete": summary["search"]["complete"],
        "pruned": summary["search"]["pruned"],
        "failed": summary["search"]["failed"],
        "test": best["test"][metric],
        "default_test": None if default is None else default[metric],
        "linear_test": summary["baselines"]["logistic regression"][metric],
        "is_default": best["is_default"],
        "params": best["params"],
        **where,
    }


def main(arguments: list[str] | None = None) -> None:
    """Runs the demo for each seed, prints each row and appends it to the file."""
    parser = argparse.ArgumentParser(description="Measures the demo.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--trials", type=int, default=Settings.trials)
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--jobs", type=int, default=Settings.jobs)
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "demo.jsonl", help="file to append rows to"
    )
    given = parser.parse_args(arguments)
    for seed in given.seeds:
        settings = Settings(trials=given.trials, epochs=given.epochs, jobs=given.jobs, seed=seed)
        row = run_demo(settings)
        print(json.dumps(row), flush=True)
        write_rows(given.out, [row])


if __name__ == "__main__":
    main()
