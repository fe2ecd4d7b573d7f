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

    The strength of its penalty is chosen on the validation rows, from fits on the training rows;
    the chosen one is fitted again on both, as the network that a search has chosen is.

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

    def fitted(c: float, *splits: Split) -> Any:
        return _converged(LogisticRegression, *splits, C=c, random_state=seed)

    best = min(
        _LOGISTIC_C,
        key=lambda c: _class_metrics(fitted(c, dataset.train), dataset.validation)["loss"],
    )
    return _class_metrics(fitted(best, dataset.train, dataset.validation), dataset.test)


def _rows_of(splits: tuple[Split, ...]) -> tuple[Any, Any]:
    """Gives X and y of the splits, one below the other."""
    x = np.concatenate([split.x.numpy() for split in splits]).astype(np.float64)
    return x, np.concatenate([split.y.numpy() for split in splits])


def _converged(kind: Any, *splits: Split, **settings: Any) -> Any:
    """Fits with as many iterations as it takes, up to the last of `_ITERATIONS`."""
    from sklearn.exceptions import ConvergenceWarning

    x, y = _rows_of(splits)
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

    def fitted(alpha: float, *splits: Split) -> Any:
        return Ridge(alpha=alpha, random_state=seed).fit(*_rows_of(splits))

    best = min(
        _RIDGE_ALPHA,
        key=lambda alpha: _number_metrics(fitted(alpha, dataset.train), dataset.validation)["loss"],
    )
    return _number_metrics(fitted(best, dataset.train, dataset.validation), dataset.test)


def _number_metrics(model: Any, split: Split) -> dict[str, float]:
    y = split.y.numpy().astype(np.float64)
    error = float(np.square(model.predict(split.x.numpy().astype(np.float64)) - y).mean())
    spread = float(y.var())
    r2 = 1.0 - error / spread if spread > 0.0 else 0.0
    return {"r2": r2, "rmse": error**0.5 * split.target_scale, "loss": error}
