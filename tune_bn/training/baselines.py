"""What a linear model reaches on the same rows, to put beside a network's score."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tune_bn.training.data import Dataset, Split

__all__ = ["baselines"]

_LOGISTIC_C = (0.01, 0.1, 1.0, 10.0)
_RIDGE_ALPHA = (0.1, 1.0, 10.0, 100.0, 1000.0)
_ITERATIONS = (1000, 10000)  # the second only where the first do not suffice


def baselines(dataset: Dataset, *, seed: int = 0) -> dict[str, dict[str, float]]:
    """Scores scikit-learn's logistic or ridge regression on the test rows.

    The model is fitted on the training rows, with the strength of its penalty chosen on the
    validation rows, as the search does for the network.

    Args:
        dataset: What `load_dataset` gave.
        seed: Passed on to scikit-learn; the solvers used here draw nothing.

    Returns:
        The baseline's name with its test metrics, as `evaluate` names them: "logistic regression"
        with "accuracy" and "loss", or "ridge regression" with "r2", "rmse" and "loss".

    Example:
        >>> from tune_bn.training.data import load_dataset
        >>> list(baselines(load_dataset("digits")))
        ['logistic regression']
    """
    if dataset.task == "classification":
        return {"logistic regression": _logistic(dataset, seed)}
    return {"ridge regression": _ridge(dataset, seed)}


def _logistic(dataset: Dataset, seed: int) -> dict[str, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = [_converged(LogisticRegression, dataset, C=c, random_state=seed) for c in _LOGISTIC_C]
    best = min(fitted, key=lambda model: _class_metrics(model, dataset.validation)["loss"])
    return _class_metrics(best, dataset.test)


def _converged(kind: Any, dataset: Dataset, **settings: Any) -> Any:
    """Fits with as many iterations as it takes, up to the last of `_ITERATIONS`."""
    from sklearn.exceptions import ConvergenceWarning

    x, y = dataset.train.x.numpy().astype(np.float64), dataset.train.y.numpy()
    for iterations in _ITERATIONS:
        model = kind(max_iter=iterations, **settings)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(x, y)
        if not any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
            break
    # Past the last limit the penalty is so weak that further steps change no prediction.
    return model


def _class_metrics(model: Any, split: Split) -> dict[str, float]:
    log_p = model.predict_log_proba(split.x.numpy().astype(np.float64))
    y = split.y.numpy()
    # Every class has a training row, so the columns are the classes in their order.
    loss = -float(np.maximum(log_p[np.arange(len(y)), y], math.log(1e-300)).mean())
    return {"accuracy": float((log_p.argmax(axis=1) == y).mean()), "loss": loss}


def _ridge(dataset: Dataset, seed: int) -> dict[str, float]:
    from sklearn.linear_model import Ridge

    x, y = dataset.train.x.numpy().astype(np.float64), dataset.train.y.numpy().astype(np.float64)
    fitted = [Ridge(alpha=alpha, random_state=seed).fit(x, y) for alpha in _RIDGE_ALPHA]
    best = min(fitted, key=lambda model: _number_metrics(model, dataset.validation)["loss"])
    return _number_metrics(best, dataset.test)


def _number_metrics(model: Any, split: Split) -> dict[str, float]:
    y = split.y.numpy().astype(np.float64)
    error = float(np.square(model.predict(split.x.numpy().astype(np.float64)) - y).mean())
    spread = float(y.var())
    r2 = 1.0 - error / spread if spread > 0.0 else 0.0
    return {"r2": r2, "rmse": error**0.5 * split.target_scale, "loss": error}
