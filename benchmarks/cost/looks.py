"""What looks at a running study cost, while another process adds trials to it."""

import io
import statistics
import tempfile
import time
from datetime import datetime
from typing import Any

import optuna
from rich.console import Console

from benchmarks.cost.work import SEED, opened
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.optuna.origins import Records
from tune_bn.report.pages.terminal import watch_view
from tune_bn.report.results.storages import open_study, read_study

__all__ = ["watch"]


def watch(_: str, trials: int) -> dict[str, Any]:
    """Looks again and again at a study of three objectives to which another process adds."""

    def of_three(trial: optuna.Trial) -> tuple[float, float, float]:
        a, b, c = (trial.suggest_float(f"x{i}", 0, 1) for i in range(3))
        rest = (c - 0.3) ** 2 + (trial.suggest_categorical("kind", ["a", "b"]) == "b")
        return a + rest, b + rest, (1 - a) ** 2 + (1 - b) ** 2 + rest

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/journal.log"
        study = optuna.create_study(
            storage=opened(f"journal:{path}"),
            sampler=CoarseToFineSampler(seed=SEED),
            directions=["minimize"] * 3,
        )
        study.optimize(of_three, n_trials=trials)
        began = time.process_time()
        watched, records = open_study(path), Records()
        times = [time.process_time() - began]
        while len(times) < 12:
            began = time.process_time()
            view = watch_view(read_study(watched, records), datetime.now(), every_s=2.0)
            Console(file=io.StringIO()).print(view)
            times.append(time.process_time() - began)
            study.optimize(of_three, n_trials=2)
    opening, first, *later = times
    return {
        "open_s": round(opening, 3),
        "first_look_s": round(first, 3),
        "look_s": round(statistics.median(later), 3),
        "longest_look_s": round(max(later), 3),
        "promised_s": 1.0,
    }
