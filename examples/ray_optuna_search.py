"""From Ray's OptunaSearch to this search, taking its results along; nothing else changes.

python examples/ray_optuna_search.py [--smoke-test]
"""

import argparse
import os
import tempfile
from typing import Any

# Before ray is imported; the last one has a Ray that is started here listen on loopback only.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0", RAY_AIR_NEW_OUTPUT="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0"
)

import optuna
import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from tune_bn.ray import CoarseToFineSearch

SPACE = {
    "lr": tune.loguniform(1e-4, 1),
    "net": {"depth": tune.randint(1, 9), "width": tune.qrandint(32, 256, 32)},
    "activation": tune.choice(["relu", "tanh"]),
}


def train(config: dict[str, Any]) -> dict[str, float]:
    net = config["net"]
    loss = abs(config["lr"] - 0.02) / 0.02 + abs(net["depth"] - 3) + abs(net["width"] - 96) / 64
    return {"loss": loss + (config["activation"] == "tanh")}


def fit(search: Any, n_trials: int, folder: str, name: str) -> tune.ResultGrid:
    return tune.Tuner(
        train,
        param_space=SPACE,
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", num_samples=n_trials, search_alg=search,
            max_concurrent_trials=2, reuse_actors=True,
        ),
        run_config=tune.RunConfig(storage_path=folder, name=name, verbose=0),
    ).fit()  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_trials = 6 if parser.parse_args().smoke_test else 40
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        # Until now:
        before = fit(OptunaSearch(seed=0), n_trials, folder, "optuna")
        # From now on: one changed line, and one more to take the old results along.
        search = CoarseToFineSearch(seed=0)
        search.add_evaluated_trials(before, metric="loss")
        fit(search, n_trials, folder, "coarse-to-fine")
    ray.shutdown()
    best = before.get_best_result("loss", "min").metrics or {}
    print(f"OptunaSearch, {n_trials} trials: loss {best['loss']:.2g}")
    print(f"and then CoarseToFineSearch, {n_trials} more: loss {search.best.value:.2g}")
    print("its best:", dict(search.best.params))
    print("stage, its trials, and how much of each range its windows span:")
    for stage in search.stages():
        print(f"{stage.name:>14}: {len(stage.trials):>2}, {stage.width:.1%}")


if __name__ == "__main__":
    main()
