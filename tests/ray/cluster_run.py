"""A search over three nodes of which one is removed in the middle; run by `test_cluster`.

It has a process of its own, because a process can be connected to one Ray only. It prints what
happened as JSON.
"""

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray import tune
from ray.cluster_utils import Cluster

from tests.security.listening import open_to_others
from tune_bn.ray import CoarseToFineSearch

N_SAMPLES = 6
NODE = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 * 2**20}


class RemoveNode(tune.Callback):
    """Removes a node as soon as a trial runs on each."""

    def __init__(self, cluster: Any, victim: Any, folder: Path) -> None:
        self.cluster, self.victim, self.folder = cluster, victim, folder

    def __getstate__(self) -> dict[str, Any]:
        """Returns nothing of the cluster: Tune pickles its callbacks."""
        return {"cluster": None, "victim": None, "folder": self.folder}

    def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
        """Looks at the marks that the trials left; removes the node, then lets the others go on."""
        del iteration, trials, info
        if self.victim is not None and len([*self.folder.glob("node-*")]) == 3:
            self.cluster.remove_node(self.victim, allow_graceful=False)
            self.victim = None
            (self.folder / "removed").touch()


def trainable_in(folder: Path) -> Any:
    """Returns a function that waits until the node is gone before it reports anything."""

    def train(config: dict[str, Any]) -> None:
        (folder / f"node-{ray.get_runtime_context().get_node_id()}").touch()
        (folder / f"start-{config['x']}-{os.getpid()}").touch()
        if ray.get_runtime_context().get_node_id() == (folder / "victim").read_text():
            time.sleep(600)  # to be killed: a process may outlive its node for a moment
        while not (folder / "removed").exists():
            time.sleep(0.05)  # for an event, not for a time
        tune.report({"loss": (config["x"] - 0.5) ** 2})

    return train


def n_alive() -> int:
    """Returns how many nodes Ray takes to be there."""
    return len([node for node in ray.nodes() if node["Alive"]])


def main(folder: Path) -> None:
    """Runs the search and prints what came of it."""
    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    victim = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    (folder / "victim").write_text(victim.node_id)
    open_ports = sorted(open_to_others(os.getpid()))
    search = CoarseToFineSearch(seed=0)
    results = tune.Tuner(
        trainable_in(folder),
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", num_samples=N_SAMPLES, search_alg=search
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder),
            name="run",
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=3),
            callbacks=[RemoveNode(cluster, victim, folder)],
        ),
    ).fit()
    while n_alive() > 2:
        time.sleep(0.1)  # Ray may notice later than the search that a node is gone
    outcome = {
        "nodes": n_alive(),
        "results": len(results),
        "errors": len(results.errors),
        "states": [t.state for t in search.trials],
        "values": sorted({t.params["x"] for t in search.trials}),
        "starts": len([*folder.glob("start-*")]),
        "open_ports": open_ports,
    }
    ray.shutdown()
    cluster.shutdown()
    print(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
