"""Switches for the layers of a whole model: freeze, pause, flush."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from tune_bn.nn.batchnorm import EwaBatchNorm
from tune_bn.nn.errors import BatchNormError

__all__ = [
    "flush_stats",
    "freeze_stats",
    "layers_of",
    "no_stats_update",
    "trust_stats",
    "unfreeze_stats",
]


def freeze_stats(model: nn.Module) -> None:
    """Lets every layer normalise by its running statistics in training, too, and keep them.

    For fine-tuning with small batches. Unlike ``layer.eval()`` it survives ``model.train()``;
    ``unfreeze_stats`` ends it. γ and β go on learning.

    Raises:
        BatchNormError: If the model holds no layer of this package.
    """
    for layer in layers_of(model, "freeze_stats"):
        layer.frozen = True


def unfreeze_stats(model: nn.Module) -> None:
    """Undoes ``freeze_stats``."""
    for layer in layers_of(model, "unfreeze_stats"):
        layer.frozen = False


@contextmanager
def no_stats_update(model: nn.Module) -> Iterator[None]:
    """Normalises by batch statistics without touching a buffer, as long as the context lasts.

    For ``torch.func`` transforms, which forbid in-place changes of captured tensors, and for a
    forward pass in training mode that is no training step.

    Example:
        >>> import torch
        >>> from tune_bn.nn import BatchNorm1d
        >>> layer = BatchNorm1d(2)
        >>> with no_stats_update(layer):
        ...     y = layer(torch.ones(3, 2))
        >>> layer.num_batches_tracked.item()
        0
    """
    layers = layers_of(model, "no_stats_update")
    before = [layer.stats_paused for layer in layers]
    try:
        for layer in layers:
            layer.stats_paused = True
        yield
    finally:
        for layer, was_paused in zip(layers, before, strict=True):
            layer.stats_paused = was_paused


def flush_stats(model: nn.Module) -> None:
    """Lets incomplete pools of micro-batches (``accumulate=``) enter the averages as they are."""
    for layer in layers_of(model, "flush_stats"):
        layer.flush()


def trust_stats(model: nn.Module) -> None:
    """Takes the running statistics as mature: the next batch moves them by ``1 - decay``.

    A low count says that statistics are young, and the next batch then moves them a long way. It
    can be wrong for those that were averaged over several models (an average of weights that began
    a few steps ago, federated clients), were measured over a whole data set, or were written by
    hand beside a count of 1. (Statistics with no count, or one of 0, are taken as mature anyway.)
    The count is raised, so a state_dict keeps what was said here.

    Raises:
        BatchNormError: If the model holds no layer of this package.

    Example:
        >>> import torch
        >>> from tune_bn.nn import BatchNorm1d
        >>> layer = BatchNorm1d(1, decay=0.9)
        >>> layer.load_state_dict(
        ...     {"running_mean": torch.tensor([10.0]), "num_batches_tracked": torch.tensor(1)},
        ...     strict=False,
        ... )
        _IncompatibleKeys(missing_keys=['weight', 'bias', 'running_var'], unexpected_keys=[])
        >>> trust_stats(layer)
        >>> y = layer(torch.tensor([[-1.0], [1.0]]))
        >>> round(layer.running_mean.item(), 3)
        9.0
    """
    for layer in layers_of(model, "trust_stats"):
        layer.trust_stats()


def layers_of(model: nn.Module, caller: str) -> list[EwaBatchNorm]:
    """Returns the layers of this package in a model; raises in the caller's name without any."""
    layers = [m for m in model.modules() if isinstance(m, EwaBatchNorm)]
    if not layers:
        raise BatchNormError(
            f"{caller} needs a model with batch-norm layers of tune_bn.nn, but got a "
            f"{type(model).__name__} without. Convert torch's with convert_batchnorm(model)."
        )
    return layers
