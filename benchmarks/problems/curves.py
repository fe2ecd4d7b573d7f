"""Recorded learning curves: what early stopping is compared on, without training anything.

`record` trains every configuration of a small grid once, the batch-norm network of this package on
three data sets that scikit-learn ships, and keeps validation loss and CPU time of each epoch in one
compressed file; `curve_tables` reads it. Ordered values are integers (the position in the list), as
in `benchmarks.problems.hpo_tables`. A training that ended in a loss that is no number counts with
the worst loss from there on, and its epochs cost what its last one did.

    python -m benchmarks curves    # some five minutes of one core
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tune_bn.core.space import Int, Parameter

if TYPE_CHECKING:
    from tune_bn.training import Dataset

__all__ = ["EPOCHS", "GRID", "CurveTable", "curve_tables", "main", "record"]

FILE = Path(__file__).parent / "curves.npz"
EPOCHS = 27  # rungs of early stopping at 1, 3, 9 and 27
_WORST = 10.0
GRID: dict[str, tuple[float, ...]] = {
    "learning_rate": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
    "batch_size": (32, 64, 128),
    "width": (8, 20, 50),
    "momentum": (0.5, 0.9, 0.99),
    "weight_decay": (1e-4, 1e-2),
}


@dataclass(frozen=True)
class CurveTable:
    """Every configuration's curve on one data set.

    Args:
        name: Name of the data set.
        loss: Validation loss after each epoch, shape (configurations, epochs).
        seconds: CPU time of each epoch, same shape.
    """

    name: str
    loss: NDArray[np.float64]
    seconds: NDArray[np.float64]

    @property
    def space(self) -> dict[str, Parameter]:
        """The parameters: a position in each list of `GRID`."""
        return {name: Int(0, len(values) - 1) for name, values in GRID.items()}

    def row(self, params: Mapping[str, Any]) -> int:
        """Returns which row of the arrays a configuration has."""
        shape = tuple(len(values) for values in GRID.values())
        return int(np.ravel_multi_index(tuple(params[name] for name in GRID), shape))


def curve_tables(file: Path = FILE) -> list[CurveTable]:
    """Returns the recorded tables."""
    with np.load(file, allow_pickle=False) as data:
        names = sorted(key.removesuffix(".loss") for key in data if key.endswith(".loss"))
        return [
            CurveTable(
                name,
                data[f"{name}.loss"].astype(np.float64),
                data[f"{name}.microseconds"].astype(np.float64) / 1e6,
            )
            for name in names
        ]


def record(dataset: "Dataset", settings: Mapping[str, Any], epochs: int) -> NDArray[np.float64]:
    """Trains one configuration; returns loss and CPU seconds of each epoch, shape (2, epochs)."""
    from tune_bn.training import Config, DivergedError, Fit

    curve = np.full((2, epochs), np.nan)
    fit = iter(Fit(Config(**settings), dataset, epochs=epochs, seed=0))
    for epoch in range(epochs):
        started = time.process_time()
        try:
            curve[0, epoch] = min(next(fit).loss, _WORST)
        except DivergedError:
            curve[1, epoch:] = time.process_time() - started
            break
        curve[1, epoch] = time.process_time() - started
    curve[0, np.isnan(curve[0])] = _WORST
    return curve


def _data() -> list["Dataset"]:
    from sklearn import datasets

    from benchmarks.problems.training import from_arrays

    cancer, diabetes = datasets.load_breast_cancer(), datasets.load_diabetes()
    digits = datasets.load_digits()
    return [
        from_arrays("breast_cancer", cancer.data, cancer.target, "c"),
        from_arrays("diabetes", diabetes.data, diabetes.target, "r"),
        from_arrays("digits", digits.data[:600], digits.target[:600], "c"),
    ]


def main(arguments: list[str] | None = None) -> None:
    """Records the curves anew."""
    parser = argparse.ArgumentParser(
        description="Trains every configuration of a small grid once and keeps its learning curve."
    )
    parser.add_argument("--out", type=Path, default=FILE, help="file to write")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"default {EPOCHS}")
    options = parser.parse_args(arguments)
    kinds = {"batch_size": int, "width": int}
    arrays: dict[str, NDArray[Any]] = {}
    for dataset in _data():
        name = dataset.name.removesuffix(".npz")
        curves = []
        for values in product(*GRID.values()):
            settings = {n: kinds.get(n, float)(v) for n, v in zip(GRID, values, strict=True)}
            curves.append(record(dataset, {**settings, "decay": 0.9}, options.epochs))
        stacked = np.stack(curves, axis=1)
        # Three digits or so of each, which compress well.
        arrays[f"{name}.loss"] = np.round(stacked[0], 4).astype(np.float32)
        arrays[f"{name}.microseconds"] = np.round(1e6 * stacked[1], -2).astype(np.uint32)
        np.savez_compressed(options.out, allow_pickle=False, **arrays)
        print(f"{name}: {len(curves)} curves, {stacked[1].sum():.0f} s", flush=True)
