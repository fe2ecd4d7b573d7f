"""From a laptop to a cluster: the same search, the other way to start Ray.

python examples/ray_cluster.py [--smoke-test]            # two pretended machines on this one
python examples/ray_cluster.py --address auto            # on a machine of a running cluster

A trial that is lost with its machine goes on elsewhere, from its last checkpoint. On several
machines `--storage` has to be a folder that all of them see, or s3://….
"""

import argparse
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

# Before ray is imported; the last one has a Ray that is started here listen on loopback only.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0", RAY_AIR_NEW_OUTPUT="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0"
)

import ray
from ray import tune
from ray.cluster_utils import Cluster

from tune_bn.ray import CoarseToFineSearch


def train(config: dict[str, Any]) -> None:
    epoch, checkpoint = 0, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            epoch = json.loads((Path(folder) / "epoch.json").read_text())
    node = ray.get_runtime_context().get_node_id()
    while epoch < config["epochs"]:
        epoch += 1
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "epoch.json").write_text(json.dumps(epoch))
            loss = abs(config["lr"] - 0.01) / 0.01 + 1 / epoch
            saved = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": loss, "node": node}, checkpoint=saved)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    parser.add_argument("--address", help="of a running cluster")
    parser.add_argument("--storage", help="folder that all machines see")
    args = parser.parse_args()
    address: str | None = args.address
    cluster: Any = None
    if address is None:
        node = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 * 2**20}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
        address = cluster.address
    # The one line that differs between laptop and cluster:
    ray.init(address=address, log_to_driver=False)

    search = CoarseToFineSearch(seed=0)
    with tempfile.TemporaryDirectory() as folder:
        results = tune.Tuner(
            train,
            param_space={"lr": tune.loguniform(1e-4, 1), "epochs": 2},
            tune_config=tune.TuneConfig(
                metric="loss", mode="min", num_samples=6 if args.smoke_test else 40,
                search_alg=search, max_concurrent_trials=None if args.address else 2,
            ),
            run_config=tune.RunConfig(
                storage_path=args.storage or folder, verbose=0,
                failure_config=tune.FailureConfig(max_failures=3),
            ),
        ).fit()  # fmt: skip
    ran_on = Counter((results[i].metrics or {})["node"] for i in range(len(results)))
    ray.shutdown()
    if cluster is not None:
        cluster.shutdown()
    print(f"{len(results)} trials, {len(results.errors)} errors, on {len(ran_on)} machines")
    print(f"best: loss {search.best.value:.4f}, {dict(search.best.params)}")


if __name__ == "__main__":
    main()
