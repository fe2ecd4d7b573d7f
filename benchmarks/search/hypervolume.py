"""What is found with several objectives, beside Optuna's samplers.

    python -m benchmarks hypervolume

Problems: ZDT1, ZDT2 and ZDT3 (Zitzler, Deb & Thiele, "Comparison of multiobjective evolutionary
algorithms", Evolutionary Computation 2000) with 10 parameters and two objectives, and DTLZ2 (Deb,
Thiele, Laumanns & Zitzler, CEC 2002) with 7 parameters and three. The figure is the hypervolume
between the front and a reference point, as a share of that of the true front; seeds and budgets
are the same for all, and every sampler has Optuna's defaults.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.rows import RESULTS, environment, write_rows
from tune_bn.optuna import CoarseToFineSampler

__all__ = ["PROBLEMS", "main", "run"]

BUDGETS = (50, 100, 200, 400)


@dataclass(frozen=True)
class _Problem:
    """A problem of several objectives, all minimized, with parameters between 0 and 1.

    Args:
        dimensions: Number of parameters.
        reference: Point that bounds the hypervolume.
        objective: The losses at a point.
        front: Points of the true front, dense enough for its hypervolume.
    """

    dimensions: int
    reference: tuple[float, ...]
    objective: Callable[[Sequence[float]], tuple[float, ...]]
    front: Callable[[], np.ndarray]


def _zdt(shape: Callable[[float, float], float]) -> Callable[[Sequence[float]], tuple[float, ...]]:
    def objective(x: Sequence[float]) -> tuple[float, ...]:
        g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
        return x[0], g * shape(x[0], g)

    return objective


def _zdt_front(shape: Callable[[float, float], float]) -> Callable[[], np.ndarray]:
    return lambda: np.array([(a, shape(a, 1.0)) for a in np.linspace(0, 1, 2001)])


def _dtlz2(x: Sequence[float]) -> tuple[float, ...]:
    g = sum((v - 0.5) ** 2 for v in x[2:])
    a, b = x[0] * math.pi / 2, x[1] * math.pi / 2
    radius = 1 + g
    return (
        radius * math.cos(a) * math.cos(b),
        radius * math.cos(a) * math.sin(b),
        radius * math.sin(a),
    )


def _dtlz2_front() -> np.ndarray:
    grid = np.linspace(0, 1, 40)
    return np.array([_dtlz2([a, b]) for a in grid for b in grid])


_SHAPES: dict[str, Callable[[float, float], float]] = {
    "ZDT1": lambda f, g: 1 - math.sqrt(f / g),
    "ZDT2": lambda f, g: 1 - (f / g) ** 2,
    "ZDT3": lambda f, g: 1 - math.sqrt(f / g) - f / g * math.sin(10 * math.pi * f),
}
PROBLEMS: dict[str, _Problem] = {
    name: _Problem(10, (1.1, 7.0), _zdt(shape), _zdt_front(shape))
    for name, shape in _SHAPES.items()
} | {"DTLZ2": _Problem(7, (2.0, 2.0, 2.0), _dtlz2, _dtlz2_front)}

_SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "CoarseToFineSampler": lambda seed: CoarseToFineSampler(seed=seed),
    "NSGAIISampler": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
    "TPESampler": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "RandomSampler": lambda seed: optuna.samplers.RandomSampler(seed=seed),
}


def _hypervolume(points: np.ndarray, reference: Sequence[float]) -> float:
    # Private in Optuna 5.0, and exact; a benchmark may break with a release.
    from optuna._hypervolume import compute_hypervolume

    inside = points[(points < np.asarray(reference)).all(axis=1)]
    return compute_hypervolume(inside, np.asarray(reference, dtype=float)) if len(inside) else 0.0


def _run_one(problem: _Problem, sampler: str, seed: int, budgets: Sequence[int]) -> dict[str, Any]:
    whole = _hypervolume(problem.front(), problem.reference)
    study = optuna.create_study(
        directions=["minimize"] * len(problem.reference), sampler=_SAMPLERS[sampler](seed)
    )

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        x = [trial.suggest_float(f"x{i}", 0, 1) for i in range(problem.dimensions)]
        return problem.objective(x)

    shares, seconds = {}, 0.0
    for n in budgets:
        began = time.perf_counter()
        study.optimize(objective, n_trials=n - len(study.get_trials(deepcopy=False)))
        seconds += time.perf_counter() - began
        found = np.array([t.values for t in study.get_trials(deepcopy=False)])
        shares[str(n)] = round(_hypervolume(found, problem.reference) / whole, 4)
    return {"share": shares, "ms_per_trial": round(seconds / budgets[-1] * 1e3, 3)}


def run(
    out: Path,
    *,
    seeds: int = 10,
    budgets: Sequence[int] = BUDGETS,
    samplers: Sequence[str] = tuple(_SAMPLERS),
) -> list[dict[str, Any]]:
    """Runs every sampler on every problem; appends a row for each run to a JSON lines file.

    Args:
        out: File to append to; made if it is missing.
        seeds: How many runs of each, with the seeds 0, 1, ….
        budgets: Numbers of trials after which the front is measured, ascending.
        samplers: Names of the samplers.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    for name, problem in PROBLEMS.items():
        for seed in range(seeds):
            for sampler in samplers:
                row = {"bench": "hypervolume", "problem": name, "sampler": sampler, "seed": seed}
                row |= _run_one(problem, sampler, seed, budgets)
                rows.append(row | environment(["tune-bn", "optuna", "numpy"]))
                write_rows(out, [rows[-1]])
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Runs from the command line and prints the mean share of each sampler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS / "hypervolume.jsonl")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args(arguments)
    rows = run(options.out, seeds=options.seeds)
    for name in PROBLEMS:
        for sampler in _SAMPLERS:
            mine = [r for r in rows if (r["problem"], r["sampler"]) == (name, sampler)]
            means = [statistics.mean(r["share"][str(n)] for r in mine) for n in BUDGETS]
            print(name, sampler, " ".join(f"{m:.3f}" for m in means))


if __name__ == "__main__":
    main()
