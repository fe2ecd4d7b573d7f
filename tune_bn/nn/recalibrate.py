"""Exact statistics of a whole data set, for a model whose training is over.

The averages of training lag behind the weights. These do not: every layer's statistics are those
of its input over all rows, with the layers before it already at their exact statistics. That takes
one pass over the data per layer, and makes the result independent of the order of the rows and of
how they are split into batches, which "one pass in training mode" is not.

Each pass runs the whole model, although the layers after the one that is measured are of no use:
a model that is left by an exception keeps what it holds while it runs (FSDP2 its gathered weights).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from tune_bn.nn.batchnorm import EwaBatchNorm
from tune_bn.nn.errors import BatchNormError
from tune_bn.nn.ewa import masked_moments, merge_moments

__all__ = ["recalibrate"]

Result = TypeVar("Result")
Moments = tuple[Tensor, Tensor, Tensor]  # count, mean (C,), biased variance (C,)


def recalibrate(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    forward: Callable[[nn.Module, Any], object] | None = None,
    across_processes: bool = True,
) -> None:
    """Sets the running statistics of every batch norm to those of all the data, exactly.

    Works on torch's layers too, and on compiled models, which run uncompiled meanwhile. Statistics
    are pooled in float64. Modes are restored; if the call is interrupted, so are the statistics.
    The number of batches tracked stays (at least 1), and kept ``decays`` all go on from the new
    statistics. A layer that the model does not call in evaluation mode keeps its own, with a
    warning.

    Where several processes train together, each brings its own share of the data, and all end
    with the statistics of the whole: every process has to call this, with as many batches if its
    model is sharded. If one fails, all do.

    Not for a model that was trained with a few rows a batch: its weights are used to being
    normalised by the variance of so few, which is smaller than that of all data, and the exact one
    makes it worse. Averages of training have the same bias, so leave them in use.

    Args:
        model: Is called in evaluation mode, without gradients.
        loader: Gives the same batches each time it is iterated, in any order: a DataLoader or a
            list, not a generator. A batch is a tensor, a mapping of keyword arguments, or a tuple
            or list that begins with one of them.
        forward: How to call the model on a batch, ``forward(model, batch)``; by default on the
            batch or the first of the tuple, moved to the model's device.
        across_processes: False takes this process's data alone, where ``torch.distributed`` is
            initialised but the others do not call this.

    Raises:
        BatchNormError: If the model has no batch norm with running statistics or calls none, the
            loader is an iterator or empty, the model cannot be called on a batch, or a layer saw
            fewer than two values or one that is not finite.

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
    group = _Group(across_processes)
    norms = _measurable(model)
    modes = [(m, m.training) for m in model.modules()]
    before = [(b, b.clone()) for m in norms for b in m.buffers(recurse=False)]
    # Every process would have to take part in what the wrapper sends; what it wraps is the same.
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    try:
        model.eval()
        # What is compiled does not look for hooks.
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            called = group.together(lambda: _in_order_of_calls(inner, norms, loader, call))
            for norm in called:
                own = group.together(
                    lambda norm=norm: _measure(inner, norm, loader, call)  # type: ignore[misc] # bound at once
                )
                _set_statistics(norm, *group.joined(own))
    except BaseException:  # an interrupt, too, must leave no half-calibrated model
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)
        raise
    finally:
        for module, was_training in modes:
            module.training = was_training
    left = [name for name, m in model.named_modules() if m in norms and m not in called]
    if left:
        warnings.warn(
            f"recalibrate set {len(called)} of {len(norms)} batch norms; the model does not call "
            f"{', '.join(left)} in evaluation mode, so they keep their statistics.",
            stacklevel=2,
        )


def _measurable(model: nn.Module) -> set[_BatchNorm]:
    """Returns the layers whose statistics can be set, or raise if there are none, or others."""
    scripted = [
        name
        for name, m in model.named_modules()
        if isinstance(m, torch.jit.ScriptModule) and "BatchNorm" in m.original_name
    ]
    if scripted:
        raise BatchNormError(
            "recalibrate needs modules in Python, whose inputs can be seen, but got "
            f"{', '.join(repr(name) for name in scripted)} scripted or traced. Recalibrate the "
            "model that they were made from."
        )
    norms = {m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None}
    if not norms:
        raise BatchNormError(
            "recalibrate needs a model with batch norms that keep running statistics, but got a "
            f"{type(model).__name__} without. (An exported program keeps none: recalibrate the "
            "model that it was made from.)"
        )
    return norms


class _Group:
    """The processes whose data are joined; a single one, outside of distributed training."""

    def __init__(self, across_processes: bool) -> None:
        is_many = across_processes and dist.is_available() and dist.is_initialized()
        self.size = dist.get_world_size() if is_many else 1

    def together(self, work: Callable[[], Result]) -> Result:
        """Returns what the work does here; raises if it failed in any process, so none waits."""
        if self.size == 1:
            return work()
        failure: BaseException | None = None
        try:
            result = work()
        except BaseException as error:  # an interrupt, too, has to reach the others
            failure = error
        failures = self._gather(None if failure is None else f"{type(failure).__name__}: {failure}")
        if failure is not None:
            raise failure
        for rank, message in enumerate(failures):
            if message is not None:
                raise BatchNormError(
                    f"recalibrate needs every process to come through, but process {rank} failed "
                    f"with {message}. Mend that, or pass across_processes=False to leave the "
                    "others' data out."
                )
        return result

    def joined(self, own: Moments) -> Moments:
        """Returns the moments of all processes' values."""
        if self.size == 1:
            return own
        first, *others = self._gather(own)
        for other in others:
            first = merge_moments(*first, *other)
        return first  # type: ignore[no-any-return] # what _gather gives

    def _gather(self, value: Any) -> list[Any]:
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values


def _call_on_first(model: nn.Module, batch: Any) -> object:
    inputs = batch[0] if isinstance(batch, tuple | list) and batch else batch
    tensor = next((t for t in (*model.parameters(), *model.buffers())), None)

    def moved(value: Any) -> Any:
        is_elsewhere = isinstance(value, Tensor) and tensor is not None
        return value.to(tensor.device) if is_elsewhere else value  # type: ignore[union-attr] # not None

    try:
        if isinstance(inputs, Mapping):
            return model(**{name: moved(value) for name, value in inputs.items()})
        return model(moved(inputs))
    except (TypeError, AttributeError) as error:
        raise BatchNormError(
            f"recalibrate needs a model that can be called on its batches, but {_what(inputs)} of "
            f"a {type(batch).__name__} gave {type(error).__name__}: {error}. Say how, e.g. "
            "forward=lambda model, batch: model(batch[0], batch[1])."
        ) from error


def _what(inputs: Any) -> str:
    if isinstance(inputs, Mapping):
        return f"the keywords {sorted(map(str, inputs))}"
    return f"the {type(inputs).__name__}"


def _in_order_of_calls(
    model: nn.Module,
    norms: set[_BatchNorm],
    loader: Iterable[Any],
    call: Callable[[nn.Module, Any], object],
) -> list[_BatchNorm]:
    """Returns the layers as the first batch meets them, or raise if it meets none."""
    calls: dict[_BatchNorm, None] = {}

    def note(module: nn.Module, args: object) -> None:  # noqa: ARG001 - a hook's signature
        assert isinstance(module, _BatchNorm)
        calls[module] = None

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
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
    if not calls:
        raise BatchNormError(
            f"recalibrate needs a model that calls its batch norms, but none of {len(norms)} was "
            "called as a module. If forward= or the model runs something made from it (a trace, an "
            "exported or compiled program), let it run the model itself."
        )
    return list(calls)


def _measure(
    model: nn.Module,
    norm: _BatchNorm,
    loader: Iterable[Any],
    call: Callable[[nn.Module, Any], object],
) -> Moments:
    """Returns count, mean and biased variance of everything that reaches a layer, in float64."""
    zeros = torch.zeros(norm.num_features, dtype=torch.float64, device="cpu")
    pooled = (torch.zeros((), dtype=torch.float64, device="cpu"), zeros, zeros)

    def measure(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal pooled
        x = args[0] if args else kwargs["input"]
        mask = args[1] if len(args) > 1 else kwargs.get("mask")
        # Not every device has float64.
        x = x.detach().cpu().double() if x.device.type == "mps" else x.detach().double()
        if mask is None:
            keep = torch.ones([1] * x.dim(), dtype=torch.bool, device=x.device)
        else:
            assert isinstance(module, EwaBatchNorm)
            keep = module._position_mask(x, mask.to(x.device))
        batch = masked_moments(x, keep)
        pooled = merge_moments(*pooled, *(b.cpu() for b in batch))

    hook = norm.register_forward_pre_hook(measure, with_kwargs=True)
    try:
        for batch in loader:
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
    running_mean.copy_(mean)
    running_var.copy_(var * count / (count - 1) if kind == "unbiased" else var)
    if batches is not None:
        batches.clamp_(min=1)
    if isinstance(norm, EwaBatchNorm):
        norm._follow_running_statistics()
