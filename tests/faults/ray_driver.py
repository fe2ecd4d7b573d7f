"""A driver of Ray Tune that is killed at a chosen moment, or goes on where the last one was.

    python -m tests.faults.ray_driver ADDRESS FOLDER SAMPLES EVENT N

It kills itself at the N-th EVENT: "suggest", "complete", "save" (before the search is saved, after
the trials were), "saved"; N = 0 lives. One worker kills itself, and one trial wants more memory of
the object store than there is, each once.
"""

import json
import logging
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "0",  # saved as often as Tune can
}

import numpy as np
import ray
from ray import tune

from tune_bn.ray import CoarseToFineSearch

STORE = 80 * 2**20
SEEN: Counter[str] = Counter()


class Dying(CoarseToFineSearch):
    """The search, in a process that dies at a chosen moment."""

    def _pass(self, event: str) -> None:
        SEEN[event] += 1
        # Not a global: Tune pickles this class, with all globals that it uses.
        if f"{event} {SEEN[event]}" == os.environ["DEATH"]:
            os.kill(os.getpid(), signal.SIGKILL)

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Suggests, or dies."""
        self._pass("suggest")
        return super().suggest(trial_id)

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        """Learns, or dies before."""
        self._pass("complete")
        super().on_trial_complete(trial_id, result, error)

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Saves, or dies before or after."""
        self._pass("save")
        super().save_to_dir(checkpoint_dir, session_str)
        self._pass("saved")


def trainable_in(folder: Path) -> Any:
    """Returns a function that meets each fault once."""

    def once(mark: str) -> bool:
        try:
            (folder / mark).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def train(config: dict[str, Any]) -> None:
        if once("worker-killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        if once("store-filled"):
            kept = [ray.put(np.ones(STORE // 8 // 4)) for _ in range(10)]
            del kept
        for _ in range(2):
            tune.report({"loss": (config["x"] - 0.5) ** 2})

    return train


def main(address: str, folder: Path, n_samples: int) -> None:
    """Fits, or restores and fits."""
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    path = str(folder / "run")
    if tune.Tuner.can_restore(path):
        tuner = tune.Tuner.restore(path, trainable_in(folder), resume_errored=True)
    else:
        tuner = tune.Tuner(
            trainable_in(folder),
            param_space={"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                metric="loss",
                mode="min",
                num_samples=n_samples,
                search_alg=Dying(seed=0),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=str(folder),
                name="run",
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=3),
            ),
        )
    results = tuner.fit()
    each = [results[i] for i in range(len(results))]
    losses = {r.config["x"]: r.metrics["loss"] for r in each if r.config and r.metrics}
    print(
        json.dumps({"n": len(results), "errors": len(results.errors), "losses": [*losses.items()]})
    )


if __name__ == "__main__":
    os.environ["DEATH"] = f"{sys.argv[4]} {sys.argv[5]}"
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
