"""What can be shown of the chosen network: its training, its statistics, its predictions."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from tune_bn.nn import EwaBatchNorm, recalibrate
from tune_bn.training import Dataset, EpochMetrics
from tune_bn.training.ensemble import networks_of
from tune_bn.training.metrics import predict_outputs

__all__ = ["network_results"]

_ROWS_AT_ONCE = 1024


def network_results(
    model: nn.Module, dataset: Dataset, curve: Sequence[EpochMetrics]
) -> dict[str, Any]:
    """Returns plain data for a report.

    Args:
        model: The trained network, on the CPU.
        dataset: Its training rows are those that the network was trained on.
        curve: Every epoch of one training of this configuration, with held-out rows.

    Returns:
        ``epochs`` with ``epoch``, ``train_loss`` and ``loss``; ``layers``, for each batch norm of
        the first network what it infers with (``running_mean``, ``running_var``) and the exact
        statistics of all training rows (``mean``, ``var``), each of shape (C,); ``true`` and
        ``predicted`` of the test rows; ``classes``, None for regression.
    """
    outputs = predict_outputs(model, dataset.test.x)
    target = dataset.preprocessing.target
    true: list[Any]
    predicted: list[Any]
    if dataset.classes is None:
        scale, mean = target.scale, target.mean
        true = (dataset.test.y.double() * scale + mean).tolist()
        predicted = (outputs.squeeze(1).double() * scale + mean).tolist()
    else:
        true = [dataset.classes[int(y)] for y in dataset.test.y]
        predicted = [dataset.classes[int(y)] for y in outputs.argmax(dim=1)]
    return {
        "epochs": [{"epoch": m.epoch, "train_loss": m.train_loss, "loss": m.loss} for m in curve],
        "layers": _layers(networks_of(model)[0], dataset.train.x),
        "true": true,
        "predicted": predicted,
        "classes": dataset.classes,
    }


def _layers(model: nn.Module, x: torch.Tensor) -> dict[str, dict[str, Any]]:
    in_use = {n: m for n, m in model.named_modules() if isinstance(m, EwaBatchNorm)}
    if not in_use:
        return {}
    exact = copy.deepcopy(model)
    recalibrate(exact, list(torch.split(x, _ROWS_AT_ONCE)))
    layers = {}
    for name, layer in in_use.items():
        other = exact.get_submodule(name)
        statistics = {
            "running_mean": layer.running_mean,
            "running_var": layer.running_var,
            "mean": other.running_mean,
            "var": other.running_var,
        }
        layers[name] = {
            key: value.detach().cpu().tolist()
            for key, value in statistics.items()
            if isinstance(value, torch.Tensor)
        }
    return layers
