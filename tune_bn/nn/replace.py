"""One batch-norm layer becomes another around the same tensors, in a model or alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from tune_bn.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm
from tune_bn.nn.errors import BatchNormError

__all__ = ["KNOWN", "LAYER_OPTIONS", "become", "check_known", "replace_layers"]

# Exactly these do nothing but batch norm; a subclass may do more.
KNOWN: set[type[nn.Module]] = {
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
    BatchNorm1d, BatchNorm2d, BatchNorm3d,
}  # fmt: skip

LAYER_OPTIONS = ("decays", "variance", "skip_nonfinite", "accumulate", "single_value")
_STATE = (
    "_frozen", "_stats_paused", "process_group", "_graph_step", "_counts", "_is_plain",
    "_is_settled", "_put_aside", "_scratch",
)  # fmt: skip

Layer = TypeVar("Layer", bound=_BatchNorm)


def check_known(layer: nn.Module, caller: str, remedy: str) -> None:
    """Raises for a layer of a class that may do more than batch norm, which would be lost."""
    if type(layer) not in KNOWN and not parametrize.is_parametrized(layer):
        raise BatchNormError(
            f"{caller} needs torch's own layers or this package's, but got a "
            f"{type(layer).__qualname__}, whose behaviour would be lost (a lazy layer needs one "
            f"batch first). {remedy}"
        )


def become(layer: _BatchNorm, cls: type[Layer], **options: Any) -> Layer:
    """Returns a layer of another class around the same tensors, hooks and training mode.

    Args:
        layer: Stays as it is.
        cls: One of torch's classes or of this package's.
        options: For a class of this package; those not named are the layer's own.
    """
    if parametrize.is_parametrized(layer):
        raise BatchNormError(
            f"converting needs layers whose parameters are their own, but got a "
            f"{type(layer).__name__}. Use torch.nn.utils.parametrize.remove_parametrizations "
            "first."
        )
    if any(type(p).__name__ == "DTensor" for p in layer.parameters(recurse=False)):
        raise BatchNormError(
            f"converting needs parameters that are whole, but those of a {type(layer).__name__} "
            "are sharded, and the shards know the layer by its place. Convert the model before "
            "fully_shard."
        )
    new = cls.__new__(cls)
    for key, value in vars(layer).items():
        # Containers are copied, so that registering something on one layer leaves the other.
        new.__dict__[key] = value.copy() if isinstance(value, dict | set) else value
    if not issubclass(cls, EwaBatchNorm):
        for name in new._non_persistent_buffers_set:
            del new._buffers[name]
        new._non_persistent_buffers_set.clear()
        for name in (*LAYER_OPTIONS, *_STATE):
            new.__dict__.pop(name, None)
        if cls is nn.SyncBatchNorm:
            new.__dict__["process_group"] = getattr(layer, "process_group", None)
        return new
    assert isinstance(new, EwaBatchNorm)
    if not isinstance(layer, EwaBatchNorm):
        if not {"decay", "momentum"} & set(options):
            options["momentum"] = layer.momentum
        new.set_options(**options)
    return new


def replace_layers(module: nn.Module, convert: Callable[[_BatchNorm], nn.Module]) -> nn.Module:
    """Replaces every batch-norm layer by what convert returns; a layer used twice stays shared."""
    if isinstance(module, _BatchNorm):
        return convert(module)
    replaced: dict[int, nn.Module] = {}
    # All are converted before one is replaced: an error leaves the model as it was.
    slots = [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent._modules.items()
        if isinstance(child, _BatchNorm)
    ]
    for _, _, child in slots:
        if id(child) not in replaced:
            replaced[id(child)] = convert(child)
    for parent, name, child in slots:
        parent._modules[name] = replaced[id(child)]
    return module
