"""How well a network predicts rows it is given."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tune_bn.training.data import Split
from tune_bn.training.target import Task

__all__ = ["evaluate", "loss_of", "predict_outputs"]

_ROWS_AT_ONCE = 8192


def loss_of(outputs: torch.Tensor, y: torch.Tensor, task: Task) -> torch.Tensor:
    """Returns the mean loss of outputs (N, outputs): cross-entropy, or the squared error."""
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


def evaluate(model: nn.Module, split: Split, task: Task) -> dict[str, float]:
    """Measures a network on the rows of one part.

    Args:
        model: Maps (N, D) to (N, outputs), on the device of `split`.
        split: At least one row.
        task: "classification" or "regression".

    Returns:
        For classification "accuracy", the share of rows whose largest output is their class, and
        "loss", the mean cross-entropy in nats. For regression "r2" (0 if the target is constant,
        as nothing is explained), "rmse" in the target's own units, and "loss", the mean squared
        error of the standardised target.
    """
    outputs = predict_outputs(model, split.x)
    loss = float(loss_of(outputs, split.y, task))
    if task == "classification":
        hits = outputs.argmax(dim=1) == split.y
        return {"accuracy": float(hits.double().mean()), "loss": loss}
    spread = float(split.y.double().var(correction=0))
    error = float((outputs.squeeze(1).double() - split.y.double()).square().mean())
    r2 = 1.0 - error / spread if spread > 0.0 else 0.0
    return {"r2": r2, "rmse": error**0.5 * split.target_scale, "loss": loss}
