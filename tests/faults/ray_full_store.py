"""Runs on a Ray whose object store is full and cannot spill; run by `test_ray_full_store`.

    python -m tests.faults.ray_full_store FOLDER DISK TABLE

It has a process of its own, because a process can be connected to one Ray only. It prints what
happened as JSON.
"""

import gc
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
}

import numpy as np
import ray
from ray import tune

from tests.support.disks import fill
from tune_bn.ray import CoarseToFineSearch
from tune_bn.training import load_dataset
from tune_bn.tuning.errors import TuneError
from tune_bn.tuning.on_ray import run as ray_run
from tune_bn.tuning.settings import Settings

STORE = 80 * 2**20
N_SAMPLES = 3
FULL = (ray.exceptions.OutOfDiskError, ray.exceptions.ObjectStoreFullError)


def filled(n_bytes: int) -> list[Any]:
    """Returns references to objects of this size, which fill the store as long as they are held."""
    kept = []
    try:
        while True:
            kept.append(ray.put(np.ones(n_bytes // 8)))
    except FULL:
        return kept


def trainable_in(folder: Path) -> Any:
    """Returns a function of which the second trial wants more room than there is."""

    def train(config: dict[str, Any]) -> None:
        (folder / str(config["x"])).touch()
        if len([*folder.glob("0.*")]) == 2:
            kept = [ray.put(np.ones(STORE // 8 // 4)) for _ in range(10)]
            del kept
        tune.report({"loss": (config["x"] - 0.5) ** 2})

    return train


def search_in(folder: Path) -> dict[str, Any]:
    """Runs the search alone, under a Tuner of its own."""
    search = CoarseToFineSearch(seed=0)
    results = tune.Tuner(
        trainable_in(folder),
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=N_SAMPLES,
            search_alg=search,
            max_concurrent_trials=1,
        ),
        run_config=tune.RunConfig(storage_path=str(folder), name="run", verbose=0),
    ).fit()
    return {
        "states": [t.state for t in search.trials],
        "values": [t.values for t in search.trials if t.values],
        "expected": [((t.params["x"] - 0.5) ** 2,) for t in search.trials if t.values],
        "is_full": [isinstance(error, FULL) for error in results.errors],
    }


def tune_in(out: Path, table: Path) -> dict[str, Any]:
    """Runs what ``tune-bn tune --backend ray`` runs: with room, without, and with room again."""
    dataset = load_dataset(str(table), target="y")

    def run(trials: int) -> int:
        outcome = ray_run.tune(dataset, out, Settings(trials=trials, epochs=1))
        n: int = outcome.summary["search"]["trials"]
        return n

    counts: list[int | str] = [run(1)]
    gc.collect()  # what the run before held is not to make room later
    kept = [ref for size in (2**21, 10**5, 10**3) for ref in filled(size)]
    try:
        counts.append(run(2))
    except TuneError as error:
        counts.append(str(error))
    kept.clear()
    counts.append(run(2))
    return {"counts": counts}


def main(folder: Path, disk: Path, table: Path) -> None:
    """Runs both and prints what came of it."""
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=STORE,
        object_spilling_directory=str(disk / "spilled"),
    )
    fill(disk)
    outcome = search_in(folder) | tune_in(folder / "out", table)
    ray.shutdown()
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
