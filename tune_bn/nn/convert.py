"""From torch's layers to these and back, with the same tensors."""

from __future__ import annotations

import sys
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tune_bn.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm
from tune_bn.nn.errors import BatchNormError
from tune_bn.nn.replace import LAYER_OPTIONS, become, check_known, replace_layers

__all__ = ["convert_batchnorm", "to_torch"]

_OURS: dict[type[_BatchNorm], type[EwaBatchNorm]] = {
    nn.BatchNorm1d: BatchNorm1d,
    nn.BatchNorm2d: BatchNorm2d,
    nn.BatchNorm3d: BatchNorm3d,
}


def _pairs() -> dict[type[_BatchNorm], type[EwaBatchNorm]]:
    """Returns the classes that this package has its own of, timm's included where it is used."""
    layers = sys.modules.get("timm.layers")
    if layers is None:
        return _OURS
    from tune_bn.nn.timm import BatchNormAct2d  # timm need not be installed

    return {**_OURS, layers.BatchNormAct2d: BatchNormAct2d}


def convert_batchnorm(
    model: nn.Module,
    *,
    correct: bool = False,
    unknown: Literal["raise", "keep"] = "raise",
    **options: Any,
) -> nn.Module:
    """Replaces torch's batch-norm layers in a model by this package's and returns the model.

    So are timm's that end in an activation (``BatchNormAct2d``).

    Parameters and statistics stay the same tensors, so an optimiser goes on; hooks stay as well.
    The model is changed in place; only if it is itself a layer, a new one is returned. Layers of
    this package are left as they are.

    Args:
        model: Any module.
        correct: Take out of the statistics what is left of torch's start at 0 and 1, so that
            inference is right at once: for a model whose training began a short time ago, with
            its momentum unchanged since.
        unknown: What to do with a subclass of torch's layers, whose own behaviour would be lost:
            "raise", or "keep" it as it is.
        options: As for ``BatchNorm1d``: ``decays=``, ``variance=`` and so on; ``decay=`` replaces
            each layer's momentum.

    Raises:
        BatchNormError: For an unknown kind of layer or option.

    Example:
        >>> model = convert_batchnorm(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)))
        >>> type(model[1]).__module__
        'tune_bn.nn.batchnorm'
    """
    unexpected = set(options) - {*LAYER_OPTIONS, "decay", "momentum"}
    if unexpected:
        raise BatchNormError(
            "convert_batchnorm needs options out of "
            f"{sorted({*LAYER_OPTIONS, 'decay', 'momentum'})}, but got {sorted(unexpected)}."
        )

    pairs = _pairs()

    def convert(layer: _BatchNorm) -> nn.Module:
        if isinstance(layer, EwaBatchNorm):
            return layer
        if type(layer) not in pairs and type(layer) is not nn.SyncBatchNorm:
            if unknown == "keep":
                return layer
            check_known(layer, "convert_batchnorm", "unknown='keep' leaves such layers alone.")
        if type(layer) is nn.SyncBatchNorm:
            from tune_bn.nn.sync import SyncBatchNorm  # sync builds on this file

            new: EwaBatchNorm = become(layer, SyncBatchNorm, **options)
        else:
            new = become(layer, pairs[type(layer)], **options)
        if correct:
            _take_out_start(new, layer.momentum)
        return new

    return replace_layers(model, convert)


def to_torch(model: nn.Module) -> nn.Module:
    """Replaces this package's layers in a model by exact torch classes and returns the model.

    For tools that compare types, such as ``torch.ao.quantization.fuse_modules`` and graph-mode
    fusion, ``torch.jit.script``, and training under quantisation. The tensors stay the same;
    options and kept averages go, and training goes on by torch's rule. The model is changed in
    place; only if it is itself a layer, a new one is returned.

    Raises:
        BatchNormError: If a layer is parametrised or sharded, or of a class of your own.

    Example:
        >>> type(to_torch(BatchNorm2d(3))) is nn.BatchNorm2d
        True
    """
    theirs: dict[type[nn.Module], type[_BatchNorm]] = {o: t for t, o in _pairs().items()}

    def convert(layer: _BatchNorm) -> nn.Module:
        if not isinstance(layer, EwaBatchNorm):
            return layer
        if type(layer) not in theirs:
            check_known(layer, "to_torch", "Make it one of torch's layers by hand.")
        new = become(layer, theirs.get(type(layer), nn.SyncBatchNorm))
        weight, mean = new.weight, new._buffers["running_mean"]  # pruned, it is no parameter
        if weight is not None and mean is not None and mean.dtype != weight.dtype:
            # torch's kernels want one type for parameters and statistics in half precision.
            for name in ("running_mean", "running_var"):
                new._buffers[name] = getattr(new, name).to(weight.dtype)
        return new

    return replace_layers(model, convert)


def _take_out_start(layer: EwaBatchNorm, momentum: float | None) -> None:
    """Divides out torch's start: (1 - decay^t) of an average is data, decay^t the start 0 or 1."""
    mean, var, batches = layer.running_mean, layer.running_var, layer.num_batches_tracked
    if momentum is None or mean is None or var is None or batches is None or batches == 0:
        return
    assert isinstance(mean, Tensor)
    assert isinstance(var, Tensor)
    left = (1.0 - momentum) ** int(batches)
    if left < 1:
        with torch.no_grad():
            mean.div_(1 - left)
            var.sub_(left).div_(1 - left)
        layer._follow_running_statistics()
