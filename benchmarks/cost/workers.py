"""Several processes on one study: what a trial costs them, and whether all is right.

    python -m benchmarks workers                                8 processes × 2,000 trials
    python -m benchmarks workers --storage postgresql+psycopg2://user@host/database
    python -m benchmarks workers --storage journal:j.log --study a --trials 500

Plain random search takes its turn in the same run. After it the study is checked: every trial is
there once and finished, no draw is repeated, and another process sees the same stages.
"""

import argparse
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna

from benchmarks.cost.work import SAMPLERS, SEED, child, objective, opened, said
from benchmarks.rows import RESULTS, environment, keep
from tune_bn.optuna import stages

__all__ = ["main", "run"]

_MODULE = "benchmarks.cost.workers"


def _work(address: str, study_name: str, sampler: str, trials: int) -> dict[str, Any]:
    """Is one of several workers; returns what a trial cost."""
    study = optuna.load_study(
        study_name=study_name, storage=opened(address), sampler=SAMPLERS[sampler](SEED)
    )
    cpu, wall = time.process_time(), time.perf_counter()
    study.optimize(objective, n_trials=trials)
    return {
        "cpu_ms": (time.process_time() - cpu) / trials * 1e3,
        "wall_ms": (time.perf_counter() - wall) / trials * 1e3,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _check(address: str, study_name: str) -> dict[str, Any]:
    """Returns what a process of its own sees of a study."""
    study = optuna.load_study(study_name=study_name, storage=opened(address))
    trials = study.get_trials(deepcopy=False)
    return {
        "numbers": [t.number for t in trials] == [*range(len(trials))],
        "finished": sum(t.state == optuna.trial.TrialState.COMPLETE for t in trials),
        "draws": len({tuple(sorted(t.params.items())) for t in trials}),
        "stages": [[s.index, len(s.trials), s.width] for s in stages(study)],
        "best": study.best_value,
    }


def run(
    out: Path,
    storage: str,
    *,
    samplers: list[str],
    workers: int = 8,
    trials: int = 2_000,
    study: str | None = None,
) -> list[dict[str, Any]]:
    """Lets several processes share one study, for each sampler; appends a row for each to a file.

    Args:
        out: File of JSON lines; made if it is missing.
        storage: ``"journal"`` for a file of its own, ``"journal:PATH"``, or a database's address.
        samplers: Whose turn it is.
        workers: Processes at the same time.
        trials: Trials of each.
        study: Name of the study, which goes on if it exists: so a long run can be had in parts.
            None is a new one.

    Raises:
        RuntimeError: If a worker failed.
        AssertionError: If the study is not what it should be.
    """
    rows = []
    for sampler in samplers:
        with tempfile.TemporaryDirectory() as folder:
            address = f"journal:{folder}/journal.log" if storage == "journal" else storage
            name = f"{study or time.time_ns()}-{sampler}"
            shared = optuna.create_study(
                study_name=name, storage=opened(address), load_if_exists=True
            )
            before = len(shared.get_trials(deepcopy=False))
            began = time.perf_counter()
            children = [
                child(_MODULE, "work", address, name, sampler, "--trials", trials)
                for _ in range(workers)
            ]
            each = [said(process) for process in children]
            elapsed = time.perf_counter() - began
            seen = [said(child(_MODULE, "check", address, name)) for _ in range(2)]
        assert seen[0] == seen[1], "Two processes see different stages."
        assert seen[0]["numbers"], "A trial's number is missing."
        total = before + workers * trials
        assert seen[0]["finished"] == seen[0]["draws"] == total, seen[0]
        row = {
            "benchmark": "load",
            "part": "workers",
            "storage": storage.split(":")[0],
            "method": sampler,
            "workers": workers,
            "trials": workers * trials,
            "trials_before": before,
            "seconds": round(elapsed, 1),
            "trials_per_second": round(workers * trials / elapsed, 1),
            "cpu_ms": round(statistics.mean(s["cpu_ms"] for s in each), 2),
            "peak_mib": round(max(s["peak_mib"] for s in each), 1),
            "finished": seen[0]["finished"],
            "repeated": 0,
            "stages": len(seen[0]["stages"]),
            **environment(["tune-bn", "optuna", "numpy", "sqlalchemy", "psycopg2-binary"]),
        }
        rows.append(keep(out, row))
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "load.jsonl")
    parser.add_argument("--trials", type=int, default=2_000, help="of each worker")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--storage", default="journal", help="journal, or a database's address")
    parser.add_argument("--study", help="go on with the study of this name")
    parser.add_argument("--only", help="one method alone, say RandomSampler")
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # How this module calls itself, so that every worker has a process of its own.
    part, *words = options.words or [None]
    if part == "work":
        address, study_name, sampler = words
        print(json.dumps(_work(address, study_name, sampler, options.trials)))
    elif part == "check":
        print(json.dumps(_check(*words)))
    elif part is not None:
        parser.error(f"unrecognized arguments: {' '.join(options.words)}")
    else:
        run(
            options.out,
            options.storage,
            samplers=[s for s in SAMPLERS if options.only in (None, s)],
            workers=options.workers,
            trials=options.trials,
            study=options.study,
        )


if __name__ == "__main__":
    main()
