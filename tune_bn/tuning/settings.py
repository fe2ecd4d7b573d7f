"""What a tuning run is asked to do, checked once, and what makes two runs the same study."""

import re
from dataclasses import dataclass
from typing import Any

from tune_bn.plain.checks import check_choice, check_number, check_whole
from tune_bn.training.config import METRICS
from tune_bn.tuning.errors import TuneError

__all__ = ["DIRECTIONS", "SCHEDULERS", "RaySettings", "Settings"]

SCHEDULERS = ("asha", "fifo", "hyperband")

DIRECTIONS = {name: how for of_task in METRICS.values() for name, how in of_task.items()}
"""Metric → whether more of it is better."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a tuning run is asked to do.

    Args:
        trials: Configurations to try, at least 1; those a study already holds count.
        timeout_s: Seconds after which the search ends with what it has, above 0; None: no limit.
        jobs: Configurations trained at the same time, each in its own process when above 1.
        seed: Decides the split, the draws and the initial weights, at least 0.
        metric: What to tune for, one of the task's in `training.config.METRICS`; None: its first.
        epochs: Passes over the training rows for each configuration, at least 1.
        device: Where to train, as torch names it ("cpu", "cuda", "cuda:1").

    Raises:
        TuneError: A value is out of its range.
    """

    trials: int = 60
    timeout_s: float | None = None
    jobs: int = 1
    seed: int = 0
    metric: str | None = None
    epochs: int = 30
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, least, most in (
            ("trials", 1, None),
            ("jobs", 1, None),
            ("epochs", 1, None),
            ("seed", 0, 2**31 - 1),
        ):
            value = check_whole(
                TuneError, "A run", name, getattr(self, name), least=least, most=most
            )
            object.__setattr__(self, name, value)
        if self.metric is not None:
            check_choice(TuneError, "A run", "metric", self.metric, tuple(DIRECTIONS))
        # Which devices there are torch alone knows, and it is not loaded yet.
        if not re.fullmatch(r"(?!gpu)[a-z_]\w*(:\d+)?", self.device):
            raise TuneError(
                f"A run needs a device as torch names it, but got device={self.device!r}. "
                "Use cpu, cuda, or cuda:1 for the second GPU."
            )
        if self.timeout_s is not None:
            remedy = "Give more, or leave it out for no limit."
            check_number(TuneError, "A run", "timeout", self.timeout_s, above=0, remedy=remedy)

    def metric_for(self, task: str) -> str:
        """Returns the metric to tune a task for.

        Raises:
            TuneError: The metric is not one of this task's.
        """
        known = list(METRICS[task])
        if self.metric is None:
            return known[0]
        return check_choice(TuneError, f"A {task}", "metric", self.metric, known)

    def identity(
        self, *, task: str, fingerprint: str, space: str, refinement: str = ""
    ) -> dict[str, Any]:
        """Returns what must be equal for a study to go on; its trials are comparable then.

        Args:
            task: "classification" or "regression".
            fingerprint: Of the data, its target and its task.
            space: Version of the search space.
            refinement: What `Preprocessing.refinement` says; not stored where it is empty, as by
                version 0.1.
        """
        return {
            "data": fingerprint,
            "task": task,
            "metric": self.metric_for(task),
            "space": space,
            "seed": self.seed,
            "epochs": self.epochs,
            **({"inputs": refinement} if refinement else {}),
        }


@dataclass(frozen=True, kw_only=True)
class RaySettings:
    """What Ray is asked for.

    Args:
        cpus_per_trial: CPUs that a trial holds, at least 0.
        gpus_per_trial: GPUs that a trial holds, at least 0; with any, trials train on "cuda".
        max_concurrent: Trials at the same time, at least 1.
        scheduler: "asha" or "hyperband" stop bad trials early, "fifo" stops none.
        address: Of a running cluster, "auto" for the one of this machine, "ray://host:10001" to
            drive one from outside; None starts a Ray of its own here, and stops it.

    Raises:
        TuneError: A value is out of its range.
    """

    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    max_concurrent: int = 2
    scheduler: str = "asha"
    address: str | None = None

    def __post_init__(self) -> None:
        for name in ("cpus_per_trial", "gpus_per_trial"):
            check_number(TuneError, "A trial", name, getattr(self, name), least=0)
        if not self.cpus_per_trial + self.gpus_per_trial > 0:
            raise TuneError("A trial needs a CPU or a GPU, but got none. Give --cpus-per-trial 1.")
        check_whole(TuneError, "A run", "max_concurrent", self.max_concurrent, least=1)
        check_choice(TuneError, "A run", "scheduler", self.scheduler, SCHEDULERS)
