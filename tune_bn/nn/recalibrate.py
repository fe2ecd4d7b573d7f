"""Exact statistics of a whole data set, for a model whose training is over.

The averages of training lag behind the weights. These do not: every layer's statistics are those
of its input over all rows, with the layers before it already at their exact statistics. That takes
one pass over the data per layer (up to that layer), and makes the result independent of the order
of the rows and of how they are split into batches, which "one pass in training mode" is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .batchnorm import EwaBatchNorm
from .errors import BatchNormError
from .ewa import masked_moments, merge_moments

__all__ = ["recalibrate"]


class _Measured(Exception):  # noqa: N818 - no error: it ends a forward pass that has served
    pass


def recalibrate(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    forward: Callable[[nn.Module, Any], object] | None = None,
) -> None:
    """Set the running statistics of every batch norm to those of all the data, exactly.

    Works on torch's layers too. Statistics are pooled in float64. Modes are restored; if the call
    is interrupted, so are the statistics. The number of batches tracked stays (at least 1), and
    kept ``decays`` all go on from the new statistics. A layer that the model does not call in
    evaluation mode keeps its own.

    Args:
        model: is called in evaluation mode, without gradients.
        loader: gives the same batches each time it is iterated, in any order: a DataLoader or a
            list, not a generator. A batch is a tensor or a tuple that begins with one.
        forward: how to call the model on a batch, ``forward(model, batch)``; by default on the
            batch or the first of the tuple, moved to the model's device.

    Raises:
        BatchNormError: if the loader is an iterator or empty, or a layer saw fewer than two values
            or one that is not finite.

    Example:
        >>> from tune_bn.nn import BatchNorm1d
        >>> layer = BatchNorm1d(1)
        >>> recalibrate(layer, [torch.tensor([[1.0], [2.0]]), torch.tensor([[6.0]])])
        >>> layer.running_mean.item()
        3.0
    """
    if isinstance(loader, Iterator):
        raise BatchNormError(
            "recalibrate needs a loader that can be iterated once per layer, but got an iterator. "
            "Pass the DataLoader or a list of batches."
        )
    call = forward or _call_on_first
    norms = {m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats}
    modes = [(m, m.training) for m in model.modules()]
    before = [(b, b.clone()) for m in norms for b in m.buffers(recurse=False)]
    try:
        model.eval()
        with torch.no_grad():
            for norm, calls in _in_order_of_calls(model, norms, loader, call):
                _set_statistics(norm, *_measure(model, norm, loader, call, stop=calls == 1))
    except BaseException:  # an interrupt, too, must leave no half-calibrated model
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)
        raise
    finally:
        for module, was_training in modes:
            module.training = was_training


def _call_on_first(model: nn.Module, batch: Any) -> object:
    x = batch[0] if isinstance(batch, tuple | list) else batch
    tensor = next((t for t in (*model.parameters(), *model.buffers())), None)
    return model(x if tensor is None else x.to(tensor.device))


def _in_order_of_calls(
    model: nn.Module,
    norms: set[_BatchNorm],
    loader: Iterable[Any],
    call: Callable[[nn.Module, Any], object],
) -> list[tuple[_BatchNorm, int]]:
    """Return the layers as the first batch meets them, each with its number of calls."""
    calls: dict[_BatchNorm, int] = {}

    def count(module: nn.Module, args: object) -> None:  # noqa: ARG001 - a hook's signature
        assert isinstance(module, _BatchNorm)
        calls[module] = calls.get(module, 0) + 1

    hooks = [norm.register_forward_pre_hook(count) for norm in norms]
    try:
        for batch in loader:
            call(model, batch)
            break
        else:
            raise BatchNormError(
                "recalibrate needs at least one batch, but got an empty loader. Check its data set."
            )
    finally:
        for hook in hooks:
            hook.remove()
    return list(calls.items())


def _measure(
    model: nn.Module,
    norm: _BatchNorm,
    loader: Iterable[Any],
    call: Callable[[nn.Module, Any], object],
    *,
    stop: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return count, mean and biased variance of everything that reaches a layer, in float64."""
    zeros = torch.zeros(norm.num_features, dtype=torch.float64)
    pooled = (torch.zeros((), dtype=torch.float64), zeros, zeros)

    def measure(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal pooled
        x = args[0] if args else kwargs["input"]
        mask = args[1] if len(args) > 1 else kwargs.get("mask")
        x = x.detach().double()
        if mask is None:
            keep = torch.ones([1] * x.dim(), dtype=torch.bool, device=x.device)
        else:
            assert isinstance(module, EwaBatchNorm)
            keep = module._position_mask(x, mask)
        batch = masked_moments(x, keep)
        pooled = merge_moments(*pooled, *(b.cpu() for b in batch))
        if stop:
            raise _Measured

    hook = norm.register_forward_pre_hook(measure, with_kwargs=True)
    try:
        for batch in loader:
            with suppress(_Measured):
                call(model, batch)
    finally:
        hook.remove()
    return pooled


def _set_statistics(norm: _BatchNorm, count: Tensor, mean: Tensor, var: Tensor) -> None:
    if count < 2 or not (torch.isfinite(mean).all() and torch.isfinite(var).all()):
        raise BatchNormError(
            f"recalibrate needs two finite values or more per channel, but a "
            f"{type(norm).__name__} got {int(count)} with mean {mean.tolist()[:3]}… "
            "Check the data for NaN and infinity."
        )
    kind = norm.variance if isinstance(norm, EwaBatchNorm) else "unbiased"  # torch's
    running_mean, running_var = norm.running_mean, norm.running_var
    batches = norm.num_batches_tracked
    assert isinstance(running_mean, Tensor)
    assert isinstance(running_var, Tensor)
    assert isinstance(batches, Tensor)
    running_mean.copy_(mean)
    running_var.copy_(var * count / (count - 1) if kind == "unbiased" else var)
    batches.clamp_(min=1)
    if isinstance(norm, EwaBatchNorm):
        norm._follow_running_statistics()
