"""How well a network predicts rows it is given."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from tune_bn.training.config import CLASS_SCORES
from tune_bn.training.data import Split
from tune_bn.training.target import Task

__all__ = ["class_score", "evaluate", "loss_of", "predict_outputs"]

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


def class_score(
    name: str,
    probabilities: npt.NDArray[Any],
    y: npt.NDArray[Any],
    weight: npt.NDArray[Any] | None = None,
) -> float:
    """Returns one of `CLASS_SCORES`, between 0 and 1.

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
        raise ValueError(f"class_score needs one of {CLASS_SCORES}, but got {name!r}. Name one.")
    if len(present) < 2:
        return 0.5
    areas = [roc_auc_score(y == k, probabilities[:, k], sample_weight=weight) for k in present]
    return min(float(np.mean(areas)), 1.0)  # sums of weights round


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
        metric: One of `CLASS_SCORES` to be measured as well; any other changes nothing.

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
        if metric in CLASS_SCORES and np.isfinite(loss):
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
    return {"r2": r2, "rmse": error**0.5 * split.target_scale, "loss": loss}


def _weighted_mean(values: torch.Tensor, shares: torch.Tensor | None) -> float:
    if shares is None:
        return float(values.mean())
    shares = shares.double()  # a mean of ones is 1, and no more
    return float((values * shares).sum() / shares.sum())
