"""What the search and the batch norm are worth on a real job of Ray Tune: digits under ASHA.

Every method gets the same trials, the same scheduler (27 epochs at most, a third goes on), the same
split and the same seeds of the weights; each once with this package's batch norm and once with
torch's. A run's result is the validation error of its best fully trained trial, and the test error
of that trial, which nothing chooses by. Methods take turns within a seed. ``BasicVariantGenerator``
is Tune's own random search.

    python -m benchmarks ray-benefit [--out FILE] [--seeds 0 1 2 …] [--trials 40]
"""

import argparse
import itertools
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.rows import RESULTS, environment, write_rows
from tune_bn.core.space import Categorical, Parameter

__all__ = ["main", "run", "summary"]

METHODS = ("CoarseToFineSearch", "BasicVariantGenerator", "OptunaSearch")
NORMS = ("tune_bn", "torch")
_EPOCHS = 27
_TRIALS = 40


def train(config: dict[str, Any], *, dataset: Any, norm: str, seed: int) -> None:
    """Trains one configuration in a worker; reports validation and test accuracy each epoch."""
    import optuna
    import torch
    from ray import tune

    from tune_bn.nn import to_torch
    from tune_bn.training import DivergedError, Fit, evaluate
    from tune_bn.tuning.space import suggest_config

    torch.set_num_threads(1)
    network = suggest_config(optuna.trial.FixedTrial(config), _space())
    if norm == "torch":  # whose layers keep one average; its own default is this one
        network = replace(network, decay=0.9)
    training = Fit(network, dataset, epochs=_EPOCHS, seed=seed)
    if norm == "torch":
        training.model = to_torch(training.model)  # around the same tensors
    try:
        for metrics in training:
            test = evaluate(training.model, dataset.test, dataset.task)["accuracy"]
            tune.report({"error": 1.0 - metrics.score, "test_error": 1.0 - test})
    except DivergedError:
        tune.report({"error": 1.0, "test_error": 1.0})


def _space() -> dict[str, Parameter]:
    """Returns the space of the tool, of which each network has batch norm: it is compared."""
    from tune_bn.tuning.space import SPACE

    return {**SPACE, "norm": Categorical(["before_activation", "after_activation"])}


def _search(method: str, seed: int) -> Any:
    if method == "CoarseToFineSearch":
        from tune_bn.ray import CoarseToFineSearch

        return CoarseToFineSearch(seed=seed)
    if method == "OptunaSearch":
        from ray.tune.search.optuna import OptunaSearch

        return OptunaSearch(seed=seed)
    from ray.tune.search import BasicVariantGenerator

    return BasicVariantGenerator(random_state=seed, max_concurrent=2)


def _run_one(method: str, norm: str, seed: int, n_trials: int, folder: Path) -> dict[str, Any]:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    from tune_bn.training import load_dataset
    from tune_bn.tuning.on_ray.trainable import ray_space

    dataset = load_dataset("digits", seed=seed)
    start = time.perf_counter()
    is_basic = method == "BasicVariantGenerator"
    results = tune.Tuner(
        tune.with_parameters(train, dataset=dataset, norm=norm, seed=seed),
        param_space=ray_space(_space()),
        tune_config=tune.TuneConfig(
            metric="error",
            mode="min",
            num_samples=n_trials,
            search_alg=_search(method, seed),
            scheduler=ASHAScheduler(max_t=_EPOCHS, grace_period=1, reduction_factor=3),
            max_concurrent_trials=None if is_basic else 2,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder), name=f"{method}-{norm}-{seed}", verbose=0
        ),
    ).fit()
    ended = [results[i].metrics or {} for i in range(len(results))]
    ended = [metrics for metrics in ended if "error" in metrics]  # a lost trial has none
    if not ended:
        raise RuntimeError(f"All trials failed; the first one: {results.errors[0]}")
    whole = [m for m in ended if m.get("training_iteration") == _EPOCHS]
    best = min(whole or ended, key=lambda m: float(m["error"]))
    return {
        "benchmark": "ray_benefit",
        "data": "digits",
        "method": method,
        "norm": norm,
        "seed": seed,
        "trials": n_trials,
        "validation_error": round(float(best["error"]), 6),
        "test_error": round(float(best["test_error"]), 6),
        "fully_trained": len(whole),
        "epochs": sum(int(m.get("training_iteration", 0)) for m in ended),
        "failed": len(results.errors),
        "seconds": round(time.perf_counter() - start, 1),
    }


def run(
    out: Path,
    seeds: Sequence[int],
    *,
    n_trials: int = _TRIALS,
    methods: Sequence[str] = METHODS,
) -> list[dict[str, Any]]:
    """Runs the methods for all seeds, appends a row for each run, and returns the rows.

    Args:
        out: JSON lines file; rows are written as they come.
        seeds: of splits, weights and draws.
        n_trials: trials of each run.
        methods: some of ``METHODS``.
    """
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AIR_NEW_OUTPUT="0")
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # listens on loopback only
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    rows = []
    packages = ["tune-bn", "ray", "optuna", "torch", "numpy"]
    try:
        with tempfile.TemporaryDirectory() as folder:
            for seed in seeds:
                for method, norm in itertools.product(methods, NORMS):
                    row = _run_one(method, norm, seed, n_trials, Path(folder))
                    row |= environment(packages)
                    write_rows(out, [row])
                    rows.append(row)
                    shown = {k: v for k, v in row.items() if k not in ("versions", "machine")}
                    print(json.dumps(shown), flush=True)
    finally:
        ray.shutdown()
    return rows


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Returns mean errors of each method with each norm as lines of text."""
    lines = []
    for method, norm in itertools.product(METHODS, NORMS):
        of = [r for r in rows if (r["method"], r["norm"]) == (method, norm)]
        if of:
            validation = statistics.mean(r["validation_error"] for r in of)
            test = statistics.mean(r["test_error"] for r in of)
            lines.append(
                f"{method:<22} {norm:<8} n={len(of):<3} validation {validation:.4f} test {test:.4f}"
            )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "ray_benefit.jsonl")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--trials", type=int, default=_TRIALS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    options = parser.parse_args(arguments)
    rows = run(options.out, options.seeds, n_trials=options.trials, methods=options.methods)
    print(summary(rows))


if __name__ == "__main__":
    main()
