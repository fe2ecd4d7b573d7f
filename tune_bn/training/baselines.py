"""What others reach on the same rows, to put beside a network's score; and what a guess does."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tune_bn.training.data import Dataset, Split
from tune_bn.training.metrics import class_score, number_score, others_of, row_gains

__all__ = ["BOOSTING", "Baseline", "baselines", "expected_s", "fitted_baselines"]

BOOSTING = "gradient boosting"
_LOGISTIC_C = (0.01, 0.1, 1.0, 10.0)
_RIDGE_ALPHA = (0.1, 1.0, 10.0, 100.0, 1000.0)
_ITERATIONS = (1000, 10000)  # the second only where the first do not suffice
_QUICK_ROWS = 5000  # that many are fitted in a moment
_FIRST_TREES = 5  # of a hundred: how long these take tells how long all will


@dataclass(frozen=True)
class Baseline:
    """What another model says of the test rows.

    Args:
        scores: Its metrics, named as `evaluate` names them.
        gains: What `row_gains` says of each test row, by its weight, shape (N,); of numbers in
            units of the standardised target.
    """

    scores: dict[str, float]
    gains: npt.NDArray[np.float64]


def baselines(
    dataset: Dataset, *, seed: int = 0, metric: str | None = None
) -> dict[str, dict[str, float]]:
    """Scores what is known to be good, and what knows nothing, on the test rows.

    All are scikit-learn's, fitted on the training and validation rows as the network that a
    search has chosen is: a guess that looks at no input, logistic or ridge regression (the strength
    of its penalty is chosen on the validation rows, from fits on the training rows) and
    `HistGradientBoosting` with its defaults.

    Args:
        dataset: What `load_dataset` gave.
        seed: Passed on to scikit-learn.
        metric: What is tuned for, which is measured as well.

    Returns:
        Each one's name with its test metrics, as `evaluate` names them: "always the most frequent
        class", "logistic regression" and "gradient boosting" with "accuracy" and "loss"; or
        "always the mean", "ridge regression" and "gradient boosting" with "r2", "rmse" and "loss".

    Example:
        >>> from tune_bn.training.data import load_dataset
        >>> list(baselines(load_dataset("digits")))
        ['always the most frequent class', 'logistic regression', 'gradient boosting']
    """
    fitted = fitted_baselines(dataset, seed=seed, metric=metric)
    return {name: found.scores for name, found in fitted.items()}


def fitted_baselines(
    dataset: Dataset,
    *,
    seed: int = 0,
    metric: str | None = None,
    limit_s: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Baseline]:
    """Returns what `baselines` scores, with the gain of each row.

    Boosting is left out where it would take longer than ``limit_s`` seconds of the ``clock``.
    """
    is_classes = dataset.task == "classification"
    chosen: list[tuple[str, Any]] = [
        (
            "always the most frequent class" if is_classes else "always the mean",
            _guess(dataset, is_classes),
        ),
        (
            "logistic regression" if is_classes else "ridge regression",
            _logistic(dataset, seed, limit_s, clock) if is_classes else _ridge(dataset, seed),
        ),
    ]
    boosted = _boosting(dataset, seed, limit_s, clock)
    if boosted is not None:
        chosen.append((BOOSTING, boosted))
    score = _of_classes if is_classes else _of_numbers
    return {name: score(model, dataset.test, metric) for name, model in chosen}


def expected_s(rows: int, inputs: int, outputs: int) -> float:
    """Returns about how many seconds `fitted_baselines` will take: boosting, nearly all of them.

    Args:
        rows: For training and validation.
        inputs: Of the network.
        outputs: Of the network.

    A tree of scikit-learn's takes 2 ms and what its rows and columns add, on one core of a server
    of 2024; elsewhere it may be twice or half of that.
    """
    trees = 100 * (outputs if outputs > 2 else 1)
    return trees * (2e-3 + 1e-8 * rows * inputs)


def _guess(dataset: Dataset, is_classes: bool) -> Any:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    model = DummyClassifier(strategy="prior") if is_classes else DummyRegressor()
    return model.fit(*_rows_of((dataset.train, dataset.validation)))


def _boosting(
    dataset: Dataset, seed: int, limit_s: float | None, clock: Callable[[], float]
) -> Any:
    """Fits boosting, unless its first trees say that all of them would take too long."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    x, y, weight = _rows_of((dataset.train, dataset.validation))
    settings: dict[str, Any] = {"random_state": seed}
    kind = HistGradientBoostingRegressor
    if dataset.task == "classification":
        kind = HistGradientBoostingClassifier
        if np.bincount(y).min() < 10:  # it could not set rows of each class aside
            settings["early_stopping"] = False
    if limit_s is not None:
        begun = clock()
        kind(max_iter=_FIRST_TREES, **settings).fit(x, y, weight)
        if (clock() - begun) * 100 / _FIRST_TREES > limit_s:
            return None
    return kind(**settings).fit(x, y, weight)


def _logistic(
    dataset: Dataset, seed: int, limit_s: float | None, clock: Callable[[], float]
) -> Any:
    from sklearn.linear_model import LogisticRegression

    def fitted(c: float, *splits: Split) -> Any:
        return _converged(LogisticRegression, *splits, C=c, random_state=seed)

    if limit_s is not None and len(dataset.train) > _QUICK_ROWS:
        begun = clock()
        first = fitted(1.0, dataset.train, dataset.validation)
        if (clock() - begun) * (len(_LOGISTIC_C) + 1) > limit_s:
            return first  # with scikit-learn's own penalty; there is no time to choose one
    best = min(
        _LOGISTIC_C,
        key=lambda c: _of_classes(fitted(c, dataset.train), dataset.validation).scores["loss"],
    )
    return fitted(best, dataset.train, dataset.validation)


def _rows_of(splits: tuple[Split, ...]) -> tuple[Any, Any, Any]:
    """Gives X, y and weights of the splits, one below the other, as scikit-learn's `fit` takes it.

    Their mean is 1, so that a penalty means the same as without weights.
    """
    x = np.concatenate([split.x.numpy() for split in splits]).astype(np.float64)
    weights = [split.weight.numpy() for split in splits if split.weight is not None]
    weight = np.concatenate(weights).astype(np.float64) if weights else None
    shares = None if weight is None else weight / weight.mean()
    return x, np.concatenate([split.y.numpy() for split in splits]), shares


def _shares_of(split: Split) -> npt.NDArray[np.float64]:
    if split.shares is None:
        return np.ones(len(split))
    shares: npt.NDArray[np.float64] = split.shares.double().numpy()
    return shares


def _mean(values: npt.NDArray[np.float64], split: Split) -> float:
    if split.weight is None:
        return float(values.mean())
    return float(np.average(values, weights=_shares_of(split)))


def _converged(kind: Any, *splits: Split, **settings: Any) -> Any:
    """Fits with as many iterations as it takes, up to the last of `_ITERATIONS`."""
    from sklearn.exceptions import ConvergenceWarning

    rows = _rows_of(splits)
    for iterations in _ITERATIONS:
        model = kind(max_iter=iterations, **settings)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(*rows)
        if not any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
            break
    # Past the last limit the penalty is so weak that further steps change no prediction.
    return model


def _of_classes(model: Any, split: Split, metric: str | None = None) -> Baseline:
    odds = model.predict_proba(split.x.numpy().astype(np.float64))
    y, shares = split.y.numpy(), _shares_of(split)
    # Every class has a training row, so the columns are the classes in their order.
    log_odds = np.log(np.maximum(odds, 1e-300))
    scores = {
        "accuracy": _mean(row_gains("accuracy", log_odds, y), split),
        "loss": -_mean(row_gains("loss", log_odds, y), split),
    }
    if metric in others_of("classification"):
        scores[metric] = class_score(metric, odds, y, None if split.weight is None else shares)
    return Baseline(scores, row_gains(metric, log_odds, y) * shares)


def _ridge(dataset: Dataset, seed: int) -> Any:
    from sklearn.linear_model import Ridge

    def fitted(alpha: float, *splits: Split) -> Any:
        return Ridge(alpha=alpha, random_state=seed).fit(*_rows_of(splits))

    best = min(
        _RIDGE_ALPHA,
        key=lambda a: _of_numbers(fitted(a, dataset.train), dataset.validation).scores["loss"],
    )
    return fitted(best, dataset.train, dataset.validation)


def _of_numbers(model: Any, split: Split, metric: str | None = None) -> Baseline:
    y, shares = split.y.numpy().astype(np.float64), _shares_of(split)
    predicted = model.predict(split.x.numpy().astype(np.float64))
    error = -_mean(row_gains("loss", predicted, y), split)
    spread = float(y.var())
    if split.weight is not None:
        spread = _mean(np.square(y - _mean(y, split)), split)
    r2 = 1.0 - error / spread if spread > 0.0 else 0.0
    scores = {"r2": r2, "rmse": error**0.5 * split.target_scale, "loss": error}
    if metric in others_of("regression"):
        scores[metric] = number_score(metric, predicted, y, shares) * split.target_scale
    return Baseline(scores, row_gains(metric, predicted, y) * shares)
