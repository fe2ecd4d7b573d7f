"""Real trainings as problems: the batch-norm network on small public data.

The loss is the validation loss after a few epochs; weights and order of the rows depend on the
configuration's seed 0 only, so that a repetition of a configuration gives the same loss and two
searches differ by what they try. A training whose loss is no number counts with the worst loss.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.problems.problem import Params, Problem
from tune_bn.core.space import Categorical, Float, Int, Parameter

if TYPE_CHECKING:
    from tune_bn.training import Dataset

__all__ = ["from_arrays", "training_problems"]

_EPOCHS = 5
_WORST = 10.0


def _space() -> dict[str, Parameter]:
    return {
        "learning_rate": Float(1e-4, 1.0, log=True),
        "momentum": Float(0.5, 0.99, one_minus_log=True),
        "weight_decay": Float(1e-6, 1e-1, log=True),
        "width": Int(8, 128, log=True),
        "depth": Int(1, 3),
        "batch_size": Int(16, 256, log=True),
        "activation": Categorical(["relu", "gelu", "silu", "tanh"]),
        "norm": Categorical(["before_activation", "after_activation", "none"]),
        "decay": Float(0.5, 0.999, one_minus_log=True),
    }


def _loss(dataset: "Dataset") -> Callable[[Params], float]:
    from tune_bn.training import Config, DivergedError, Fit

    def loss(params: Params) -> float:
        try:
            metrics = list(Fit(Config(**params), dataset, epochs=_EPOCHS, seed=0))
        except DivergedError:
            return _WORST
        return min(float(metrics[-1].loss), _WORST)

    return loss


def from_arrays(name: str, x: Any, y: Any, task: str) -> "Dataset":
    """Returns rows as the tool's data, for classes (task "c") or numbers ("r")."""
    from tune_bn.training import load_dataset

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.npz"
        np.savez(file, x=np.asarray(x, dtype=np.float32), y=np.asarray(y))
        return load_dataset(file, target="y", task="regression" if task == "r" else None)


def training_problems() -> list[Problem]:
    """Returns trainings on digits, mnist1d (1,000 rows) and three sets of scikit-learn's own."""
    from mnist1d.data import get_dataset_args, make_dataset
    from sklearn import datasets

    from tune_bn.training import load_dataset

    arguments = get_dataset_args()
    arguments.num_samples = 1000
    mnist = make_dataset(arguments)
    diabetes = datasets.load_diabetes()
    cancer = datasets.load_breast_cancer()
    wine = datasets.load_wine()
    found = [
        load_dataset("digits"),
        from_arrays("mnist1d", mnist["x"], mnist["y"], "c"),
        from_arrays("diabetes", diabetes.data, diabetes.target, "r"),
        from_arrays("breast_cancer", cancer.data, cancer.target, "c"),
        from_arrays("wine", wine.data, wine.target, "c"),
    ]
    return [Problem("training", d.name.removesuffix(".npz"), _space(), _loss(d)) for d in found]
