"""What the benchmarks of load do again and again, and how each runs in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from tune_bn.core import Categorical, Float, Int
from tune_bn.optuna import CoarseToFineSampler

__all__ = [
    "SAMPLERS",
    "SEED",
    "SPACE",
    "child",
    "loss_of",
    "objective",
    "opened",
    "ray_space",
    "resident_mib",
    "said",
]

SPACE = {
    "lr": Float(1e-4, 1.0, log=True),
    "momentum": Float(0.8, 0.999),
    "width": Int(16, 256),
    "depth": Int(1, 8),
    "kind": Categorical(["a", "b"]),
}


def ray_space() -> dict[str, Any]:
    """Returns the same space as Ray's domains."""
    from ray import tune

    return {
        "lr": tune.loguniform(1e-4, 1.0),
        "momentum": tune.uniform(0.8, 0.999),
        "width": tune.randint(16, 257),
        "depth": tune.randint(1, 9),
        "kind": tune.choice(["a", "b"]),
    }


SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "CoarseToFineSampler": lambda seed: CoarseToFineSampler(seed=seed),
    "RandomSampler": lambda _: optuna.samplers.RandomSampler(),  # a seed would repeat its draws
}
SEED = 0


def loss_of(params: Mapping[str, Any]) -> float:
    """Returns a loss that costs nothing to work out."""
    distance = abs(params["lr"] - 0.01) + abs(params["momentum"] - 0.9)
    return float(distance + abs(params["depth"] - 4) / 8 + (params["kind"] == "b"))


def objective(trial: optuna.Trial) -> float:
    """Returns the loss of an Optuna trial over the same space."""
    return loss_of(
        {
            "lr": trial.suggest_float("lr", 1e-4, 1.0, log=True),
            "momentum": trial.suggest_float("momentum", 0.8, 0.999),
            "width": trial.suggest_int("width", 16, 256),
            "depth": trial.suggest_int("depth", 1, 8),
            "kind": trial.suggest_categorical("kind", ["a", "b"]),
        }
    )


def resident_mib() -> float | None:
    """Returns this process's memory in MiB; None where the system does not tell."""
    file = Path("/proc/self/statm")
    if not file.exists():
        return None
    return int(file.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def opened(address: str) -> BaseStorage:
    """Returns a storage: ``journal:PATH``, or a database's address."""
    if address.startswith("journal:"):
        return JournalStorage(JournalFileBackend(address.removeprefix("journal:")))
    return RDBStorage(address)


def child(module: str, *words: object) -> "subprocess.Popen[str]":
    """Starts a measurement in a process of its own, by the module's command line."""
    command = [sys.executable, "-m", module, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(child: "subprocess.Popen[str]") -> dict[str, Any]:
    """Waits for a measurement and returns what it printed last, as JSON.

    Raises:
        RuntimeError: If it failed.
    """
    text, _ = child.communicate()
    if child.returncode:
        raise RuntimeError(f"{child.args!r} ended with exit code {child.returncode}.")
    last: dict[str, Any] = json.loads(text.splitlines()[-1])
    return last
