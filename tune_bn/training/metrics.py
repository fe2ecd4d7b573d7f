"""How well a network predicts rows it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from tune_bn.training.config import ALWAYS, METRICS
from tune_bn.training.data import Split
from tune_bn.training.target import Task

__all__ = [
    "class_score",
    "evaluate",
    "loss_of",
    "number_score",
    "others_of",
    "predict_outputs",
    "row_gains",
]

_ROWS_AT_ONCE = 8192


def loss_of(
    outputs: torch.Tensor, y: torch.Tensor, task: Task, shares: torch.Tensor | None = None
) -> torch.Tensor:
    """Returns the mean loss of outputs (N, outputs): cross-entropy, or the squared error.

    Args:
        outputs: Of the network.
        y: The targets, shape (N,).
        task: Which of the two.
        shares: What each row's loss is multiplied by, shape (N,); None: by 1.
    """
    if shares is not None:
        if task == "classification":
            return (F.cross_entropy(outputs, y, reduction="none") * shares).mean()
        return (F.mse_loss(outputs.squeeze(1), y, reduction="none") * shares).mean()
    if task == "classification":
        return F.cross_entropy(outputs, y)
    return F.mse_loss(outputs.squeeze(1), y)


def predict_outputs(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Returns the network's outputs (N, outputs) in evaluation mode; the mode is put back."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return torch.cat([model(rows) for rows in torch.split(x, _ROWS_AT_ONCE)])
    finally:
        model.train(training)


def others_of(task: str) -> list[str]:
    """Returns the metrics of a task that are measured only where one is tuned for.

    Example:
        >>> others_of("regression")
        ['mae']
    """
    return [name for name in METRICS[task] if name not in ALWAYS]


def class_score(
    name: str,
    probabilities: npt.NDArray[Any],
    y: npt.NDArray[Any],
    weight: npt.NDArray[Any] | None = None,
) -> float:
    """Returns a metric of classes that is not always measured, between 0 and 1.

    ``balanced_accuracy`` is the mean share of each class that is found, ``f1`` the mean over the
    classes of the harmonic mean of precision and recall, ``roc_auc`` the mean over the classes of
    the chance that a row of the class is given a higher probability of it than another row.
    Classes without a row, or with all rows, are left out of the means.

    Args:
        name: Which.
        probabilities: Of each class, or anything that rises with it, shape (N, classes).
        y: The class of each row, shape (N,).
        weight: How much each row counts, shape (N,); None: all the same.
    """
    from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

    chosen = probabilities.argmax(axis=1)
    present = np.unique(y)
    if name == "balanced_accuracy":
        is_right = chosen == y
        if not np.isin(chosen, present).all():  # of which scikit-learn warns
            return float(np.mean([_mean(is_right[y == k], weight, y == k) for k in present]))
        return float(balanced_accuracy_score(y, chosen, sample_weight=weight))
    if name == "f1":
        options = {"average": "macro", "zero_division": 0.0, "sample_weight": weight}
        return float(f1_score(y, chosen, labels=present, **options))
    if name != "roc_auc":
        known = ", ".join(others_of("classification"))
        raise ValueError(f"class_score needs one of {known}, but got {name!r}. Name one.")
    if len(present) < 2:
        return 0.5
    areas = [roc_auc_score(y == k, probabilities[:, k], sample_weight=weight) for k in present]
    return min(float(np.mean(areas)), 1.0)  # sums of weights round


def number_score(
    name: str,
    predicted: npt.NDArray[Any],
    y: npt.NDArray[Any],
    weight: npt.NDArray[Any] | None = None,
) -> float:
    """Returns a metric of numbers that is not always measured, in their units.

    ``mae`` is the mean absolute error.

    Args:
        name: Which.
        predicted: For each row, shape (N,).
        y: The true number of each row, shape (N,).
        weight: How much each row counts, shape (N,); None: all the same.
    """
    if name != "mae":
        known = ", ".join(others_of("regression"))
        raise ValueError(f"number_score needs one of {known}, but got {name!r}. Name one.")
    return float(np.average(np.abs(predicted - y), weights=weight))


def row_gains(
    metric: str | None,
    predicted: npt.NDArray[np.float64],
    y: npt.NDArray[Any],
) -> npt.NDArray[np.float64]:
    """Returns what speaks for a model in each row, shape (N,): its part in a mean, more is better.

    Of accuracy (None) whether the class is right, of another metric of classes the logarithm of the
    probability of the right one; of numbers minus the squared error, or the absolute one for "mae".

    Args:
        metric: What was tuned for.
        predicted: Logarithms of probabilities, shape (N, classes), or numbers, shape (N,).
        y: The class or the number of each row, shape (N,).
    """
    if predicted.ndim == 1:
        errors = predicted - y
        return np.asarray(-np.abs(errors) if metric == "mae" else -np.square(errors))
    if metric in (None, "accuracy"):
        return np.asarray(predicted.argmax(axis=1) == y, dtype=np.float64)
    return np.asarray(predicted[np.arange(len(y)), y])


def _mean(
    values: npt.NDArray[Any], weight: npt.NDArray[Any] | None, rows: npt.NDArray[np.bool_]
) -> float:
    return float(np.average(values, weights=None if weight is None else weight[rows]))


def evaluate(
    model: nn.Module, split: Split, task: Task, *, metric: str | None = None
) -> dict[str, float]:
    """Measures a network on the rows of one part.

    Args:
        model: Maps (N, D) to (N, outputs), on the device of `split`.
        split: At least one row.
        task: "classification" or "regression".
        metric: One that is to be measured as well.

    Returns:
        For classification "accuracy", the share of rows whose largest output is their class, and
        "loss", the mean cross-entropy in nats. For regression "r2" (0 if the target is constant,
        as nothing is explained), "rmse" in the target's own units, and "loss", the mean squared
        error of the standardised target.
    """
    outputs = predict_outputs(model, split.x)
    shares = split.shares
    loss = float(loss_of(outputs, split.y, task, shares))
    if task == "classification":
        hits = outputs.argmax(dim=1) == split.y
        found = {"accuracy": _weighted_mean(hits.double(), shares), "loss": loss}
        if metric in others_of(task) and np.isfinite(loss):
            odds = torch.softmax(outputs.double(), dim=1).cpu().numpy()
            weight = None if shares is None else shares.double().cpu().numpy()
            found[metric] = class_score(metric, odds, split.y.cpu().numpy(), weight)
        return found
    y = split.y.double()
    if shares is None:
        spread = float(y.var(correction=0))
    else:
        spread = _weighted_mean((y - _weighted_mean(y, shares)).square(), shares)
    error = _weighted_mean((outputs.squeeze(1).double() - y).square(), shares)
    r2 = 1.0 - error / spread if spread > 0.0 else 0.0
    found = {"r2": r2, "rmse": error**0.5 * split.target_scale, "loss": loss}
    if metric in others_of(task):
        weight = None if shares is None else shares.double().cpu().numpy()
        numbers = outputs.squeeze(1).double().cpu().numpy(), y.cpu().numpy()
        found[metric] = number_score(metric, *numbers, weight) * split.target_scale
    return found


def _weighted_mean(values: torch.Tensor, shares: torch.Tensor | None) -> float:
    if shares is None:
        return float(values.mean())
    shares = shares.double()  # a mean of ones is 1, and no more
    return float((values * shares).sum() / shares.sum())
