"""A Ray Tune search under ASHA that zooms in, and what it says about its stages.

python examples/ray_tune_asha.py [--smoke-test]
"""

import argparse
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

# Before ray is imported; the last one has a Ray that is started here listen on loopback only.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0", RAY_AIR_NEW_OUTPUT="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0"
)

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from tune_bn.ray import CoarseToFineSearch, StagesCallback, one_minus_loguniform


def train(config: dict[str, Any]) -> None:
    # A network would train here; this one has its best at lr 0.01, momentum 0.98.
    distance = abs(config["lr"] - 0.01) / 0.01 + abs(config["momentum"] - 0.98) / 0.02
    for epoch in range(1, config["epochs"] + 1):
        tune.report({"loss": distance + 1 / epoch})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_trials = 10 if parser.parse_args().smoke_test else 80
    logging.basicConfig(format="%(message)s")
    logging.getLogger("tune_bn").setLevel(logging.INFO)  # says when the search narrows
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    search = CoarseToFineSearch(seed=0)
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            train,
            param_space={
                "lr": tune.loguniform(1e-4, 1),
                "momentum": one_minus_loguniform(0.9, 0.999),
                "epochs": 9,
            },
            tune_config=tune.TuneConfig(
                metric="loss",
                mode="min",
                num_samples=n_trials,
                search_alg=search,
                scheduler=ASHAScheduler(max_t=9, reduction_factor=3),
                max_concurrent_trials=2,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=folder, name="run", verbose=0, callbacks=[StagesCallback(search)]
            ),
        )
        results = tuner.fit()
        record = json.loads((Path(folder) / "run" / "stages.json").read_text())
    ray.shutdown()

    best = search.best  # not `results.get_best_result()`, which may be one that was stopped early
    print(f"best of {len(results)}: trial {best.number}, loss {best.value:.4f} after "
          f"{best.progress:.0f} epochs, {dict(best.params)}")  # fmt: skip
    for stage in record["stages"]:
        low, high = stage["windows"]["lr"]
        print(f"{stage['name']:>7}: {len(stage['trials'])} trials, lr {low:.2g} to {high:.2g}")


if __name__ == "__main__":
    main()
