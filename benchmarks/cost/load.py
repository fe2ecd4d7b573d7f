"""Much of everything in one process: trials, parameters, looks; what each costs.

    python -m benchmarks load memory                            100,000 trials in one study
    python -m benchmarks load ray                               20,000 suggestions by hand
    python -m benchmarks load parameters                        1,000 parameters
    python -m benchmarks load watch                             looks at 5,000 trials

Plain random search takes its turn in the same run wherever Optuna has a part in the cost.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna

from benchmarks.cost.looks import watch
from benchmarks.cost.work import (
    SAMPLERS,
    SEED,
    child,
    loss_of,
    objective,
    ray_space,
    resident_mib,
    said,
)
from benchmarks.rows import RESULTS, environment, keep
from tune_bn.core import CoarseToFine, Float

__all__ = ["main", "run"]


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
    study = optuna.create_study(sampler=SAMPLERS[sampler](SEED))
    measured = _timed(lambda n: study.optimize(objective, n_trials=n), trials)
    assert [t.number for t in study.get_trials(deepcopy=False)] == [*range(trials)]
    return measured


def _ray(_: str, trials: int) -> dict[str, Any]:
    from tune_bn.ray import CoarseToFineSearch

    search = CoarseToFineSearch(ray_space(), "loss", "min", seed=SEED)

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

    study = optuna.create_study(sampler=SAMPLERS[sampler](SEED))
    measured = _timed(lambda n: study.optimize(of_many, n_trials=n), trials)
    return {**measured, "best": round(study.best_value, 3)}


def _parameters_by_hand(_: str, trials: int) -> dict[str, Any]:
    search = CoarseToFine({f"x{i}": Float(0, 1) for i in range(1_000)}, seed=SEED)

    def step(n: int) -> None:
        for _ in range(n):
            trial = search.ask()
            search.tell(trial, sum((x - 0.3) ** 2 for x in trial.params.values()))

    measured = _timed(step, trials)
    assert CoarseToFine.from_json(search.to_json()).best == search.best
    return {**measured, "best": round(search.best.value, 3)}


_PARTS: dict[str, tuple[int, dict[str, Callable[[str, int], dict[str, Any]]]]] = {
    "memory": (100_000, dict.fromkeys(SAMPLERS, _memory)),
    "watch": (5_000, {"watch": watch}),
    "ray": (20_000, {"CoarseToFineSearch": _ray}),
    "parameters": (
        200,
        {**dict.fromkeys(SAMPLERS, _parameters), "CoarseToFine": _parameters_by_hand},
    ),
}


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
        measured = said(child("benchmarks.cost.load", "one", part, method, "--trials", n))
        row = {
            "benchmark": "load",
            "part": part,
            "method": method,
            "trials": n,
            **measured,
            **environment(["tune-bn", "optuna", "ray", "numpy"]),
        }
        rows.append(keep(out, row))
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "load.jsonl")
    parser.add_argument("--trials", type=int, help="smaller is quicker")
    parser.add_argument("--only", help="one method alone, say RandomSampler")
    parser.add_argument("words", nargs="+", metavar="PART", help=", ".join(_PARTS))
    options = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    part, *words = options.words
    # How this module calls itself, so that every measurement has a process of its own.
    if part == "one":
        measure = _PARTS[words[0]][1][words[1]]
        print(json.dumps(measure(words[1], options.trials)))
    elif part in _PARTS:
        run(options.out, part, trials=options.trials, only=options.only)
    else:
        parser.error(f"there is no part {part!r}; there are {', '.join(_PARTS)}")


if __name__ == "__main__":
    main()
