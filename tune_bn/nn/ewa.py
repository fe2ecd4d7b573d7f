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
    "mature_count",
    "merge_moments",
    "part_step_size",
    "running_in",
    "settle_",
    "side_by_side",
    "step_at",
    "step_size",
    "total_weight",
]


# Running mean and variance (C,); the number of batches (0-d integer); what rounding took from
# either (2, C); further averages (3, K, C): means, variances, and the weight that both have
# collected and are not yet divided by, once a channel, so that all three move alike; their steps
# (K, 1); and the number of batches that the last three go with (0-d integer). All but the first
# two may be missing.
Averages = tuple[
    Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor | None, Tensor | None
]

# An average whose start weighs less than this (float32's resolution) has forgotten it.
_FORGOTTEN = 2.0**-24


def averages_in(buffers: Mapping[str, Tensor | None]) -> Averages:
    """Returns what ``enter_batch`` moves, out of the buffers of a layer that keeps averages."""
    get = buffers.get
    kept = (get("carry"), get("tracks"), get("track_steps"), get("kept_batches"))
    return *running_in(buffers)[:3], *kept


def running_in(buffers: Mapping[str, Tensor | None]) -> Averages:
    """Returns what ``enter_batch`` moves in a layer that keeps no more than running statistics."""
    mean, var = buffers["running_mean"], buffers["running_var"]
    assert mean is not None
    assert var is not None
    return mean, var, buffers["num_batches_tracked"], None, None, None, None


def mature_count(momentum: float | None) -> int:
    """Returns the number of batches after which an average has forgotten its start."""
    if momentum is None or momentum == 0:
        return round(1 / _FORGOTTEN)
    if momentum == 1:
        return 1
    return math.ceil(math.log(_FORGOTTEN) / math.log1p(-momentum))


def settle_(
    averages: Averages, momentum: float | None, pool: tuple[Tensor, Tensor] | None = None
) -> int | None:
    """Makes the count and what is kept fit running statistics that others may have written.

    Anybody may load, reset, average or overwrite a layer's running statistics and their count,
    tensor by tensor. One rule decides what they are worth:

    - With a count of 0 and the start's values (means 0; variances 1, or 0 as empty memory has),
      there are no statistics: the first batch replaces them.
    - With a count of 0 and other values they come from elsewhere. They are *mature*: the count
      becomes so high that the next batch moves them by ``1 - decay``.
    - With any other count they are what the count says.
    - Whatever else is kept goes with one count. If it is not this one, it is made anew out of the
      running statistics: tracks start from them, the pool of micro-batches is empty.

    Args:
        averages: Changed.
        momentum: As for ``step_size``.
        pool: Number of batches in an incomplete pool, and of its values per channel; changed.
            While there is some, the running statistics show it before the count does.

    Returns:
        The count, where it can be read for free.
    """
    mean, var, batches, carry, tracks, track_steps, kept = averages
    if batches is None:
        return None
    is_known = can_read(batches)
    if is_known:
        n = int(batches.item())
        if n >= 1 and (kept is None or kept.item() == n):
            return n
    is_young = batches < 1
    is_start = ((mean == 0) & (var * var == var)).all()
    is_foreign = is_young & ~is_start
    if kept is None:
        batches.copy_(torch.where(is_young, is_foreign * mature_count(momentum), batches))
        return int(batches.item()) if is_known else None
    is_whole = is_start if pool is None else is_start ^ (pool[0] > 0)
    is_ours = (kept == batches) & (is_whole | ~is_young)
    is_foreign = is_foreign & ~is_ours
    changed = torch.where(is_young, is_foreign * mature_count(momentum), batches)
    batches.copy_(changed)
    kept.copy_(changed)
    if carry is not None:
        carry.copy_(torch.where(is_ours, carry, 0))
    if tracks is not None and track_steps is not None:
        weights = torch.where(is_foreign, 1, total_weight(changed, track_steps))
        anew = weights * side_by_side(mean, var)
        tracks.copy_(torch.where(is_ours, tracks, anew))
    for pooled in pool or ():
        pooled.copy_(torch.where(is_ours, pooled, 0))
    return int(batches.item()) if is_known else None


def step_size(
    count: Tensor, momentum: float | None, dtype: torch.dtype = torch.float64
) -> float | Tensor:
    """Returns a_t, the share of the newest value in the corrected average of ``count`` values.

    A Python float where the count can be read for free (eager mode on the CPU), else a 0-d
    tensor, so that compiled graphs and accelerators never wait for the count.

    Args:
        count: 0-d integer tensor, the number of values including the newest; at least 1.
        momentum: ``1 - decay`` in [0, 1]. None is the plain average, a_t = 1/t, which is also the
            limit for decay → 1. 0 keeps the average where it is, as in torch.
        dtype: Of the tensor; the averages' own, since not every device has float64.

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
    wide = count.to(dtype)
    if momentum is None:
        return wide.reciprocal()
    return (wide * math.log1p(-momentum)).expm1().reciprocal() * -momentum


def part_step_size(
    part: Tensor, count: Tensor, momentum: float | None, dtype: torch.dtype
) -> Tensor:
    """Returns the share of a value that counts as a part of one, after ``count`` whole ones.

    It is ``(1 - decay**part) / (1 - decay**(count + part))``: with a part of 1 what ``step_size``
    gives, with 0 no step.

    Args:
        part: 0-d, in [0, 1].
        count: 0-d integer tensor, t ≥ 0.
        momentum: As for ``step_size``.
        dtype: Of the result.
    """
    part = part.to(dtype)
    total = count + part
    if momentum is None:
        step = part / total
    elif momentum == 1.0 or momentum == 0.0:
        step = torch.full_like(part, momentum)
    else:
        rate = math.log1p(-momentum)
        step = (part * rate).expm1() / (total * rate).expm1()
    return torch.where(part > 0, step, 0)


def step_at(count: float, momentum: float | None) -> float:
    """Returns a_t for a count that is a number; see ``step_size``."""
    if momentum is None:
        return 1.0 / count
    if momentum == 1.0 or momentum == 0.0:
        return float(momentum)
    # expm1 keeps the digits that 1 - decay**t loses when decay is close to 1.
    return -momentum / math.expm1(count * math.log1p(-momentum))


def can_read(count: Tensor | None) -> TypeGuard[Tensor]:
    """Tells whether ``count.item()`` is a plain memory read: no copy, no trace, no transform."""
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
    """Moves an average in place by a step that is a tensor, under ``torch.func.vmap``, too.

    (torch 2.13 has no batching rule for ``lerp_`` with a tensor.)
    """
    average.copy_(average.lerp(value, step))


def lerp_compensated_(average: Tensor, value: Tensor, step: float | Tensor, carry: Tensor) -> None:
    """Moves an average by ``step`` of the way to a value, in place, without losing what rounds off.

    Kahan's summation: carry holds what the last steps rounded off and is added to the next. A
    float32 average over 10,000 batches is otherwise wrong by 3e-6.

    Args:
        average: ``(C,)``, changed.
        value: ``(C,)``.
        step: In [0, 1].
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
    """Moves running statistics in place by a share of the way to new ones.

    Args:
        running_mean: ``(C,)``, changed.
        running_var: ``(C,)``, changed.
        carry: ``(2, C)``, what rounding took from each, changed; None for a plain sum.
        mean: ``(C,)``.
        var: ``(C,)``.
        step: In [0, 1].
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
    """Lets one batch enter a layer's averages, in place.

    Args:
        averages: Changed.
        momentum: As for ``step_size``.
        mean: Of the batch, ``(C,)``.
        var: Of the batch, ``(C,)``, in the units of the running one.
    """
    running_mean, running_var, batches, carry, tracks, track_steps, kept = averages
    step: float | Tensor
    if batches is None:  # what has no count is mature
        step = momentum or 0.0
    else:
        n = settle_(averages, momentum)
        if n is None:
            batches.add_(1)
            step = step_size(batches, momentum, mean.dtype)
            if kept is not None:
                kept.copy_(batches)
        else:
            batches.fill_(n + 1)  # half the cost of a sum
            step = step_at(n + 1, momentum)
            if kept is not None:
                kept.fill_(n + 1)
    advance(running_mean, running_var, carry, mean, var, step)
    if tracks is not None and track_steps is not None:
        lerp_by_tensor_(tracks, side_by_side(mean, var), track_steps)


def side_by_side(mean: Tensor, var: Tensor) -> Tensor:
    """Returns mean, variance and weight 1 as ``(3, 1, C)``, to go with tracks ``(3, K, C)``."""
    return torch.stack([mean, var, torch.ones_like(mean)]).unsqueeze(1)


def total_weight(count: Tensor, steps: Tensor) -> Tensor:
    """Returns ``1 - decay**count``, the weight that an uncorrected average has collected.

    Args:
        count: 0-d integer tensor, t ≥ 0.
        steps: Floating, ``1 - decay``, each in (0, 1].

    Example:
        >>> total_weight(torch.tensor(2), torch.tensor([1.0, 0.5], dtype=torch.float64))
        tensor([1.0000, 0.7500], dtype=torch.float64)
    """
    # A decay of 0 has no logarithm; the smallest number forgets as completely.
    rate = torch.where(steps < 1, torch.log1p(-steps), math.log(torch.finfo(steps.dtype).tiny))
    return -torch.expm1(count * rate)


def merge_moments(
    count_a: Tensor, mean_a: Tensor, var_a: Tensor, count_b: Tensor, mean_b: Tensor, var_b: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns count, mean and biased variance of two sets of values joined (Chan et al. 1979).

    A set of count 0 contributes nothing, and two of them give mean and variance 0.

    Args:
        count_a: Number of values per channel, broadcastable to the means; floating.
        mean_a: ``(..., C)``.
        var_a: ``(..., C)``, biased (divided by the count).
        count_b: The same for the second set.
        mean_b: The same for the second set.
        var_b: The same for the second set.
    """
    count = count_a + count_b
    share = count_b / count.clamp(min=1)
    delta = mean_b - mean_a
    mean = mean_a + delta * share
    var = var_a + (var_b - var_a) * share + delta.square() * share * (1 - share)
    return count, mean, var


def masked_moments(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns count (0-d), mean and biased variance ``(C,)`` over the positions that mask keeps.

    Differentiable in x. With nothing kept the moments are 0.

    Args:
        x: ``(N, C, *)``. Values at dropped positions may be anything, NaN included.
        mask: Boolean, broadcastable to ``(N, 1, *)``; True keeps a position.
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
