"""The search by hand, with neither Optuna nor Ray: ask for a configuration, tell its error.

What is tuned is a curve through noisy points: its degree, and how strongly ridge regression holds
its coefficients back. Halfway the search is saved as text and goes on from there, as it would
after a reboot. Needs numpy only.

    python examples/search_by_hand.py [--smoke-test]
"""

import argparse
from pathlib import Path
from statistics import median

import numpy as np

from tune_bn import CoarseToFine, Float, Int, Narrowing

SPACE = {"degree": Int(1, 30), "ridge": Float(1e-8, 1e2, log=True)}


def noisy_points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = np.sort(random.uniform(-1, 1, n))
    return x, np.sin(6 * x) + 0.5 * x + random.normal(0, 0.3, n)


def error(degree: int, ridge: float) -> float:
    """Returns the mean squared error on points that the curve was not fitted to."""
    x, y = noisy_points(40, seed=0)
    powers = np.polynomial.chebyshev.chebvander(x, degree)
    coefficients = np.linalg.solve(powers.T @ powers + ridge * np.eye(degree + 1), powers.T @ y)
    x, y = noisy_points(400, seed=1)
    return float(np.mean((np.polynomial.chebyshev.chebval(x, coefficients) - y) ** 2))


def run(search: CoarseToFine, n_trials: int) -> None:
    for _ in range(n_trials):
        trial = search.ask()
        search.tell(trial, error(**trial.params))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_trials, n_seeds = (20, 5) if parser.parse_args().smoke_test else (60, 50)

    search = CoarseToFine(SPACE, seed=0)
    run(search, n_trials // 2)
    file = Path("search.json")
    file.write_text(search.to_json())
    print(f"saved after {len(search.trials)} trials: {file} ({file.stat().st_size:,} bytes)")

    search = CoarseToFine.from_json(file.read_text())  # in another process, on another day
    run(search, n_trials - n_trials // 2)
    degree, ridge = search.best.params.values()
    print(f"best of {len(search.trials)} trials: error {search.best.value:.5f}, "
          f"degree {degree}, ridge {ridge:.2g}")  # fmt: skip
    for stage in search.stages():
        (low, high), (weak, strong) = stage.windows["degree"], stage.windows["ridge"]
        print(f"{stage.name:>7}: {len(stage.trials)} trials, degree {low:2} to {high:2}, "
              f"ridge {weak:.0e} to {strong:.0e}, best error {stage.best_value:.5f}")  # fmt: skip

    for name, narrowing in (("zooming in", Narrowing()), ("plain random", Narrowing.off())):
        best = []
        for seed in range(n_seeds):
            search = CoarseToFine(SPACE, seed=seed, narrowing=narrowing)
            run(search, n_trials)
            best.append(search.best.value)
        print(f"{name}: best error {median(best):.5f}, the median of {n_seeds} seeds")


if __name__ == "__main__":
    main()
