"""Much of everything: trials, workers, parameters; what each costs and whether all is right.

    python -m benchmarks load memory                            100,000 trials in one study
    python -m benchmarks load ray                               20,000 suggestions by hand
    python -m benchmarks load parameters                        1,000 parameters
    python -m benchmarks load watch                             looks at 5,000 trials
    python -m benchmarks load workers --storage journal         8 processes × 2,000 trials
    python -m benchmarks load workers --storage postgresql+psycopg2://user@host/database
    python -m benchmarks load workers --storage journal:j.log --study a --trials 500

Plain random search takes its turn in the same run wherever Optuna has a part in the cost. After a
run of several workers its study is checked: every trial is there once and finished, no draw is
repeated, and another process sees the same stages.
"""

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from benchmarks.rows import RESULTS, environment, write_rows
from tune_bn.core import Categorical, CoarseToFine, Float, Int
from tune_bn.optuna import CoarseToFineSampler, stages

__all__ = ["SPACE", "loss_of", "main", "objective", "resident_mib", "run", "run_workers"]

SPACE = {
    "lr": Float(1e-4, 1.0, log=True),
    "momentum": Float(0.8, 0.999),
    "width": Int(16, 256),
    "depth": Int(1, 8),
    "kind": Categorical(["a", "b"]),
}
_OURS = "CoarseToFineSampler"
_SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    _OURS: lambda seed: CoarseToFineSampler(seed=seed),
    "RandomSampler": lambda _: optuna.samplers.RandomSampler(),  # a seed would repeat its draws
}
_SEED = 0


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


def _timed(steps: Callable[[int], object], n: int) -> dict[str, Any]:
    """Runs ``steps(n / 10)`` ten times; returns CPU time a trial, at first and last, and memory."""
    before, times = resident_mib(), []
    for _ in range(10):
        cpu = time.process_time()
        steps(n // 10)
        times.append((time.process_time() - cpu) / (n // 10) * 1e6)
    after = resident_mib()
    return {
        "cpu_us": round(statistics.mean(times), 1),
        "cpu_us_first_tenth": round(times[0], 1),
        "cpu_us_last_tenth": round(times[-1], 1),
        "growth_mib": None if before is None or after is None else round(after - before, 1),
    }


def _memory(sampler: str, trials: int) -> dict[str, Any]:
    study = optuna.create_study(sampler=_SAMPLERS[sampler](_SEED))
    measured = _timed(lambda n: study.optimize(objective, n_trials=n), trials)
    assert [t.number for t in study.get_trials(deepcopy=False)] == [*range(trials)]
    return measured


def _ray(_: str, trials: int) -> dict[str, Any]:
    from ray import tune

    from tune_bn.ray import CoarseToFineSearch

    space = {
        "lr": tune.loguniform(1e-4, 1.0),
        "momentum": tune.uniform(0.8, 0.999),
        "width": tune.randint(16, 257),
        "depth": tune.randint(1, 9),
        "kind": tune.choice(["a", "b"]),
    }
    search = CoarseToFineSearch(space, "loss", "min", seed=_SEED)

    def step(n: int) -> None:
        for i in range(len(search.trials), len(search.trials) + n):
            config = search.suggest(f"{i:08x}")
            result = {"loss": loss_of(config), "training_iteration": 1, "done": True}
            search.on_trial_result(f"{i:08x}", result)
            search.on_trial_complete(f"{i:08x}", result)

    measured = _timed(step, trials)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.json"
        began = time.process_time()
        search.save(str(path))
        saved = time.process_time()
        again = CoarseToFineSearch()
        again.restore(str(path))
        restored = time.process_time()
        measured["save_ms"] = round((saved - began) * 1e3, 1)
        measured["restore_ms"] = round((restored - saved) * 1e3, 1)
        measured["state_mib"] = round(path.stat().st_size / 2**20, 2)
    assert again.trials == search.trials
    return measured


def _parameters(sampler: str, trials: int) -> dict[str, Any]:
    def of_many(trial: optuna.Trial) -> float:
        return sum((trial.suggest_float(f"x{i}", 0, 1) - 0.3) ** 2 for i in range(1_000))

    study = optuna.create_study(sampler=_SAMPLERS[sampler](_SEED))
    measured = _timed(lambda n: study.optimize(of_many, n_trials=n), trials)
    return {**measured, "best": round(study.best_value, 3)}


def _parameters_by_hand(_: str, trials: int) -> dict[str, Any]:
    search = CoarseToFine({f"x{i}": Float(0, 1) for i in range(1_000)}, seed=_SEED)

    def step(n: int) -> None:
        for _ in range(n):
            trial = search.ask()
            search.tell(trial, sum((x - 0.3) ** 2 for x in trial.params.values()))

    measured = _timed(step, trials)
    assert CoarseToFine.from_json(search.to_json()).best == search.best
    return {**measured, "best": round(search.best.value, 3)}


def _watch(_: str, trials: int) -> dict[str, Any]:
    """Looks again and again at a study of three objectives to which another process adds."""
    from rich.console import Console

    from tune_bn.optuna.origins import Records
    from tune_bn.report.pages.terminal import watch_view
    from tune_bn.report.results.storages import open_study, read_study

    def of_three(trial: optuna.Trial) -> tuple[float, float, float]:
        a, b, c = (trial.suggest_float(f"x{i}", 0, 1) for i in range(3))
        rest = (c - 0.3) ** 2 + (trial.suggest_categorical("kind", ["a", "b"]) == "b")
        return a + rest, b + rest, (1 - a) ** 2 + (1 - b) ** 2 + rest

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/journal.log"
        study = optuna.create_study(
            storage=_open(f"journal:{path}"),
            sampler=CoarseToFineSampler(seed=_SEED),
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
    opened, first, *later = times
    return {
        "open_s": round(opened, 3),
        "first_look_s": round(first, 3),
        "look_s": round(statistics.median(later), 3),
        "longest_look_s": round(max(later), 3),
        "promised_s": 1.0,
    }


_PARTS: dict[str, tuple[int, dict[str, Callable[[str, int], dict[str, Any]]]]] = {
    "memory": (100_000, dict.fromkeys(_SAMPLERS, _memory)),
    "watch": (5_000, {"watch": _watch}),
    "ray": (20_000, {"CoarseToFineSearch": _ray}),
    "parameters": (
        200,
        {**dict.fromkeys(_SAMPLERS, _parameters), "CoarseToFine": _parameters_by_hand},
    ),
}


def _open(address: str) -> BaseStorage:
    if address.startswith("journal:"):
        return JournalStorage(JournalFileBackend(address.removeprefix("journal:")))
    return RDBStorage(address)


def _work(address: str, study_name: str, sampler: str, trials: int) -> dict[str, Any]:
    """Is one of several workers; returns what a trial cost."""
    study = optuna.load_study(
        study_name=study_name, storage=_open(address), sampler=_SAMPLERS[sampler](_SEED)
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
    study = optuna.load_study(study_name=study_name, storage=_open(address))
    trials = study.get_trials(deepcopy=False)
    return {
        "numbers": [t.number for t in trials] == [*range(len(trials))],
        "finished": sum(t.state == optuna.trial.TrialState.COMPLETE for t in trials),
        "draws": len({tuple(sorted(t.params.items())) for t in trials}),
        "stages": [[s.index, len(s.trials), s.width] for s in stages(study)],
        "best": study.best_value,
    }


def _child(*options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.cost.load", *map(str, options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _said(child: "subprocess.Popen[str]") -> dict[str, Any]:
    text, _ = child.communicate()
    if child.returncode:
        raise RuntimeError(f"{child.args!r} ended with exit code {child.returncode}.")
    said: dict[str, Any] = json.loads(text.splitlines()[-1])
    return said


def run_workers(
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
            opened = optuna.create_study(
                study_name=name, storage=_open(address), load_if_exists=True
            )
            before = len(opened.get_trials(deepcopy=False))
            began = time.perf_counter()
            children = [
                _child("work", address, name, sampler, "--trials", trials) for _ in range(workers)
            ]
            said = [_said(child) for child in children]
            elapsed = time.perf_counter() - began
            seen = [_said(_child("check", address, name)) for _ in range(2)]
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
            "cpu_ms": round(statistics.mean(s["cpu_ms"] for s in said), 2),
            "peak_mib": round(max(s["peak_mib"] for s in said), 1),
            "finished": seen[0]["finished"],
            "repeated": 0,
            "stages": len(seen[0]["stages"]),
            **environment(["tune-bn", "optuna", "numpy", "sqlalchemy", "psycopg2-binary"]),
        }
        rows.append(row)
        write_rows(out, [row])
        print(json.dumps({k: v for k, v in row.items() if k != "versions"}), flush=True)
    return rows


def run(
    out: Path, part: str, *, trials: int | None = None, only: str | None = None
) -> list[dict[str, Any]]:
    """Measures one part in one process after the other; appends a row for each method to a file.

    Args:
        out: File of JSON lines; made if it is missing.
        part: ``"memory"``, ``"ray"`` or ``"parameters"``.
        trials: How many; None is the part's own number.
        only: One method's name; None is all of the part's.
    """
    usual, methods = _PARTS[part]
    rows = []
    for method in methods:
        if only not in (None, method):
            continue
        n = trials or usual
        measured = _said(_child("one", part, method, "--trials", n))
        row = {
            "benchmark": "load",
            "part": part,
            "method": method,
            "trials": n,
            **measured,
            **environment(["tune-bn", "optuna", "ray", "numpy"]),
        }
        rows.append(row)
        write_rows(out, [row])
        print(json.dumps({k: v for k, v in row.items() if k != "versions"}), flush=True)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "load.jsonl")
    parser.add_argument("--trials", type=int, help="in all, or of each worker; smaller is quicker")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--storage", default="journal", help="journal, or a database's address")
    parser.add_argument("--study", help="of workers: go on with the study of this name")
    parser.add_argument("--only", help="one method alone, say RandomSampler")
    parser.add_argument("words", nargs="+", metavar="PART", help=f"workers, {', '.join(_PARTS)}")
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    part, *words = options.words
    # How this module calls itself, so that every measurement has a process of its own.
    if part == "one":
        measure = _PARTS[words[0]][1][words[1]]
        print(json.dumps(measure(words[1], options.trials)))
    elif part == "work":
        address, study_name, sampler = words
        print(json.dumps(_work(address, study_name, sampler, options.trials)))
    elif part == "check":
        print(json.dumps(_check(*words)))
    elif part == "workers":
        run_workers(
            options.out,
            options.storage,
            samplers=[s for s in _SAMPLERS if options.only in (None, s)],
            workers=options.workers,
            trials=options.trials or 2_000,
            study=options.study,
        )
    elif part in _PARTS:
        run(options.out, part, trials=options.trials, only=options.only)
    else:
        parser.error(f"there is no part {part!r}; there are workers, {', '.join(_PARTS)}")


if __name__ == "__main__":
    main()
