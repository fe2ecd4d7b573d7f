"""Exponentially weighted averages, bias-corrected, as functions on tensors.

The layers keep the *corrected* average in their buffers, so that inference reads it as it is.
That works because of an identity: with weights ``decay**(t-i) * (1-decay)`` on the values
x_1 ... x_t, the average divided by its total weight ``1 - decay**t`` obeys

    m_t = m_{t-1} + a_t (x_t - m_{t-1}),    a_t = (1 - decay) / (1 - decay**t),

with ``a_1 = 1``: the first value replaces whatever the buffer held. (Kingma & Ba 2015, section 3,
for the correction; the recursion follows by substitution.) This file knows no module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

import torch
from torch import Tensor
from torch.compiler import is_compiling

__all__ = [
    "Averages",
    "advance",
    "averages_in",
    "can_read",
    "enter_batch",
    "lerp_by_tensor_",
    "lerp_compensated_",
    "masked_moments",
    "merge_moments",
    "running_in",
    "side_by_side",
    "step_at",
    "step_size",
    "total_weight",
]


# Running mean and variance (C,), the number of batches (0-d integer), what rounding took from
# either (2, C), further averages (2, K, C) and their steps (K, 1); the last three may be missing.
Averages = tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None]


def averages_in(buffers: Mapping[str, Tensor | None]) -> Averages:
    """Return what ``enter_batch`` moves, out of the buffers of a layer that keeps averages."""
    get = buffers.get
    return *running_in(buffers)[:3], get("carry"), get("tracks"), get("track_steps")


def running_in(buffers: Mapping[str, Tensor | None]) -> Averages:
    """Return what ``enter_batch`` moves in a layer that keeps no more than running statistics."""
    mean, var = buffers["running_mean"], buffers["running_var"]
    batches = buffers["num_batches_tracked"]
    assert mean is not None
    assert var is not None
    assert batches is not None
    return mean, var, batches, None, None, None


def step_size(count: Tensor, momentum: float | None) -> float | Tensor:
    """Return a_t, the share of the newest value in the corrected average of ``count`` values.

    A Python float where the count can be read for free (eager mode on the CPU), else a 0-d
    float64 tensor, so that compiled graphs and accelerators never wait for the count.

    Args:
        count: 0-d integer tensor, the number of values including the newest; at least 1.
        momentum: ``1 - decay`` in [0, 1]. None is the plain average, a_t = 1/t, which is also the
            limit for decay → 1. 0 keeps the average where it is, as in torch.

    Example:
        >>> step_size(torch.tensor(1), 0.1), step_size(torch.tensor(2), None)
        (1.0, 0.5)
    """
    if momentum == 1.0 or momentum == 0.0:
        return float(momentum)
    # What is compiled calls methods instead of torch's functions: a name that one graph finds in
    # two modules costs it a check in Python at each call (torch 2.13).
    if not is_compiling() and can_read(count):
        return step_at(int(count), momentum)
    wide = count.float() if count.device.type == "mps" else count.double()  # MPS has no float64
    if momentum is None:
        return wide.reciprocal()
    return (wide * math.log1p(-momentum)).expm1().reciprocal() * -momentum


def step_at(count: float, momentum: float | None) -> float:
    """Return a_t for a count that is a number; see ``step_size``."""
    if momentum is None:
        return 1.0 / count
    if momentum == 1.0 or momentum == 0.0:
        return float(momentum)
    # expm1 keeps the digits that 1 - decay**t loses when decay is close to 1.
    return -momentum / math.expm1(count * math.log1p(-momentum))


def can_read(count: Tensor | None) -> TypeGuard[Tensor]:
    """Tell whether ``count.item()`` is a plain memory read: no copy, no trace, no transform."""
    return (
        count is not None
        and count.is_cpu
        and type(count) is Tensor
        and not is_compiling()
        # None of these has a public form: is a mode, a torch.func transform or the jit tracing?
        and torch._C._len_torch_dispatch_stack() == 0
        and not torch._C._functorch.is_functorch_wrapped_tensor(count)
        and not torch._C._get_tracing_state()
    )


def lerp_by_tensor_(average: Tensor, value: Tensor, step: Tensor) -> None:
    """Move an average in place by a step that is a tensor, under ``torch.func.vmap``, too.

    (torch 2.13 has no batching rule for ``lerp_`` with a tensor.)
    """
    average.copy_(average.lerp(value, step))


def lerp_compensated_(average: Tensor, value: Tensor, step: float | Tensor, carry: Tensor) -> None:
    """Move an average by ``step`` of the way to a value, in place, without losing what rounds off.

    Kahan's summation: carry holds what the last steps rounded off and is added to the next. A
    float32 average over 10,000 batches is otherwise wrong by 3e-6.

    Args:
        average: ``(C,)``, changed.
        value: ``(C,)``.
        step: in [0, 1].
        carry: ``(C,)``, zeros at first; changed.
    """
    change = (value - average) * step + carry
    new = average + change
    # After an infinity or a NaN there is nothing to carry; a reset average must recover.
    lost = (change - (new - average)).nan_to_num(0, 0, 0)
    # A long way is mostly the value itself: going there in one step would round it to the
    # average's precision.
    if isinstance(step, Tensor):
        is_long = step >= 0.5
        carry.copy_(torch.where(is_long, 0, lost))
        average.copy_(torch.where(is_long, torch.lerp(average, value, step), new))
    elif step >= 0.5:
        carry.zero_()
        average.lerp_(value, step)
    else:
        carry.copy_(lost)
        average.copy_(new)


def advance(
    running_mean: Tensor,
    running_var: Tensor,
    carry: Tensor | None,
    mean: Tensor,
    var: Tensor,
    step: float | Tensor,
) -> None:
    """Move running statistics in place by a share of the way to new ones.

    Args:
        running_mean: ``(C,)``, changed.
        running_var: ``(C,)``, changed.
        carry: ``(2, C)``, what rounding took from each, changed; None for a plain sum.
        mean: ``(C,)``.
        var: ``(C,)``.
        step: in [0, 1].
    """
    if not isinstance(step, float):
        step = step.to(running_mean.dtype)
    if carry is not None:
        lerp_compensated_(running_mean, mean, step, carry[0])
        lerp_compensated_(running_var, var, step, carry[1])
    elif isinstance(step, float):
        running_mean.lerp_(mean, step)
        running_var.lerp_(var, step)
    else:
        lerp_by_tensor_(running_mean, mean, step)
        lerp_by_tensor_(running_var, var, step)


def enter_batch(averages: Averages, momentum: float | None, mean: Tensor, var: Tensor) -> None:
    """Let one batch enter a layer's averages, in place.

    Args:
        averages: changed.
        momentum: as for ``step_size``.
        mean: of the batch, ``(C,)``.
        var: of the batch, ``(C,)``, in the units of the running one.
    """
    running_mean, running_var, batches, carry, tracks, track_steps = averages
    batches.add_(1)
    advance(running_mean, running_var, carry, mean, var, step_size(batches, momentum))
    if tracks is not None and track_steps is not None:
        lerp_by_tensor_(tracks, side_by_side(mean, var), track_steps)


def side_by_side(mean: Tensor, var: Tensor) -> Tensor:
    """Return mean and variance as ``(2, 1, C)``, which goes with tracks ``(2, K, C)``."""
    return torch.stack([mean, var]).unsqueeze(1)


def total_weight(count: Tensor, decays: Tensor) -> Tensor:
    """Return ``1 - decay**count``, the weight that an uncorrected average has collected.

    Args:
        count: 0-d integer tensor, t ≥ 0.
        decays: ``(K,)`` floating, each in [0, 1).

    Example:
        >>> total_weight(torch.tensor(2), torch.tensor([0.0, 0.5], dtype=torch.float64))
        tensor([1.0000, 0.7500], dtype=torch.float64)
    """
    # A decay of 0 has no logarithm; the smallest number forgets as completely.
    return -torch.expm1(count * torch.log(decays.clamp(min=torch.finfo(decays.dtype).tiny)))


def merge_moments(
    count_a: Tensor, mean_a: Tensor, var_a: Tensor, count_b: Tensor, mean_b: Tensor, var_b: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return count, mean and biased variance of two sets of values joined (Chan et al. 1979).

    A set of count 0 contributes nothing, and two of them give mean and variance 0.

    Args:
        count_a: number of values per channel, broadcastable to the means; floating.
        mean_a: ``(..., C)``.
        var_a: ``(..., C)``, biased (divided by the count).
        count_b: the same for the second set.
        mean_b: the same for the second set.
        var_b: the same for the second set.
    """
    count = count_a + count_b
    share = count_b / count.clamp(min=1)
    delta = mean_b - mean_a
    mean = mean_a + delta * share
    var = var_a + (var_b - var_a) * share + delta.square() * share * (1 - share)
    return count, mean, var


def masked_moments(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return count (0-d), mean and biased variance ``(C,)`` over the positions that mask keeps.

    Differentiable in x. With nothing kept the moments are 0.

    Args:
        x: ``(N, C, *)``. Values at dropped positions may be anything, NaN included.
        mask: boolean, broadcastable to ``(N, 1, *)``; True keeps a position.
    """
    keep = mask.expand(x.shape[0], 1, *x.shape[2:])
    dims = [0, *range(2, x.dim())]
    count = keep.sum().to(x.dtype)
    at_least_one = count.clamp(min=1)
    mean = torch.where(keep, x, 0).sum(dims) / at_least_one
    shape = [1, -1] + [1] * (x.dim() - 2)
    # Two passes: E[x²] - E[x]² cancels for channels far from zero.
    centred = torch.where(keep, x - mean.view(shape), 0)
    return count, mean, centred.square().sum(dims) / at_least_one
