"""A training step as one call, for compiled graphs.

At every call of a compiled module, torch.compile checks all that Python looked at while the graph
was made: each name, attribute and method. For a layer as cheap as this one the checks cost several
per cent. So the step is put into the graph as a whole, and only what it is handed is checked.

On the CPU it is written out, too, instead of calling torch's ``batch_norm``. What inductor makes
of that (torch 2.13) works out one over the root of the variance for every *element*; here it does
so once a channel, which takes a fifth off the layer's forward and backward for images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from tune_bn.nn.afterwards import once_imported
from tune_bn.nn.ewa import Averages, enter_batch

__all__ = ["exported_batch_norm", "is_exporting", "training_step"]

_CAN_TELL = hasattr(torch.compiler, "is_exporting")  # not in torch 2.6
is_exporting: Callable[[], bool] = getattr(torch.compiler, "is_exporting", lambda: False)

# What the kernel's output keeps of its input's layout.
_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}


def training_step(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    averages: Averages,
    momentum: float | None,
    is_biased: bool,
) -> Tensor:
    """Normalises a batch by its own statistics and lets these enter the averages.

    Args:
        x: ``(N, C, *)``, at least 2 values per channel.
        weight: γ ``(C,)``, of the averages' type.
        bias: β ``(C,)``, likewise; not without a weight.
        eps: Added to the variance under the root.
        averages: Of the layer, as by ``averages_in``; changed.
        momentum: As for ``step_size``.
        is_biased: Which variance the running one is.
    """
    mean, var = averages[:2]
    cudnn = torch.backends.cudnn.enabled
    share = x.shape[1] / x.numel()  # of one value in its channel
    if torch.onnx.is_in_onnx_export():
        # Exporters turn a model that was left in training mode into its inference form; the
        # scratch would be baked into the graph as its statistics.
        return torch.batch_norm(x, weight, bias, mean, var, False, 0.0, eps, cudnn)
    output: Tensor
    if _is_for_cpu_compiler(x, mean):
        output, mean, var = _Normalise.apply(x, weight, bias, eps, mean.dtype)  # type: ignore[no-untyped-call] # untyped in torch
        if not is_biased:
            var = var / (1 - share)
    else:
        mean, var = torch.zeros_like(mean), torch.zeros_like(var)
        output = torch.batch_norm(x, weight, bias, mean, var, True, 1.0, eps, cudnn)
        if is_biased:
            var = var.sub(var, alpha=share)
    enter_batch(averages, momentum, mean, var)
    return output


def exported_batch_norm(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    running_mean: Tensor,
    running_var: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normalises a batch by its own statistics, as a program that others will edit should.

    They look for a batch norm that is handed a layer's buffers, and quantise it in training
    (PT2E), or switch it to inference (``move_exported_model_to_eval``) and leave what is around it.
    So the kernel gets the buffers, and what it did to them is undone: what it found follows from
    how far it moved them. That is not at all where it was switched.

    The step is torch's default, since that is what torchao 0.18 makes of any.

    Returns:
        The output; the batch's mean and unbiased variance ``(C,)``; and whether it was a step of
        training (0-d boolean).
    """
    before = running_mean.clone(), running_var.clone()
    output = torch.batch_norm(
        x, weight, bias, running_mean, running_var, True, 0.1, eps, torch.backends.cudnn.enabled
    )
    is_step = ((running_mean != before[0]) | (running_var != before[1])).any()
    mean, var = before[0].lerp(running_mean, 10.0), before[1].lerp(running_var, 10.0)
    running_mean.copy_(before[0])
    running_var.copy_(before[1])
    return output, mean.detach(), var.detach(), is_step


# The compiler takes a second to import, which only those who compile should wait for.
once_imported("torch._dynamo", lambda: torch.compiler.allow_in_graph(training_step))  # type: ignore[no-untyped-call] # untyped in torch


def _is_for_cpu_compiler(x: Tensor, running_mean: Tensor) -> bool:
    """Tells whether a compiler traces this for the CPU, with types that the kernel takes, too.

    Real tensors come from a backend that runs the graph in Python, wrapped ones from torch.func
    (both have torch's own types). What is exported comes here in torch 2.6 only, which cannot tell.
    """
    is_narrow = x.dtype in (torch.float16, torch.bfloat16) and running_mean.dtype == torch.float32
    return (
        x.is_cpu
        and type(x) not in (Tensor, nn.Parameter)
        and (x.dtype == running_mean.dtype or is_narrow)
        and _CAN_TELL
    )


class _Normalise(torch.autograd.Function):
    """Batch norm by the batch's own statistics; returns these as well (biased, ``(C,)``)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:
        channels = x.shape[1]
        dims = [0, *range(2, x.dim())]
        shape = [1, -1] + [1] * (x.dim() - 2)
        wide = x.to(dtype)
        mean = wide.mean(dims, keepdim=True)
        var = (wide - mean).square().mean(dims)
        inverse_std = (var + eps).rsqrt()
        scale = inverse_std if weight is None else inverse_std * weight
        # A view of memory, so inductor has to keep the scale there instead of working it out anew
        # for each element.
        scale = scale.as_strided((channels,), (1,))
        output = (wide - mean) * scale.view(shape)
        if bias is not None:
            output = output + bias.view(shape)
        mean = mean.view(channels)
        ctx.save_for_backward(x, weight, mean, inverse_std)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var)
        layout = _LAYOUTS.get(x.dim())
        if layout is None or not x.is_contiguous(memory_format=layout):
            layout = torch.contiguous_format
        return output.to(x.dtype).contiguous(memory_format=layout), mean, var

    @staticmethod
    @once_differentiable  # a compiled graph is
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse_std = ctx.saved_tensors
        of_input: list[Tensor | None] = torch.ops.aten.native_batch_norm_backward(
            grads[0], x, weight, None, None, mean, inverse_std, True, ctx.eps,
            ctx.needs_input_grad[:3],
        )  # fmt: skip
        return (*of_input, None, None)
