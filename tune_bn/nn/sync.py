"""Batch norm over the joined batch of all processes, on any backend, the CPU's gloo included.

torch's ``SyncBatchNorm`` runs on accelerators only. This one is written in differentiable
operations: each process sends count, mean and variance of its share once per forward pass, and
their gradient once per backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from tune_bn.nn.batchnorm import EwaBatchNorm
from tune_bn.nn.options import UNSET, SingleValue, Variance
from tune_bn.nn.replace import KNOWN, become, check_known, replace_layers

__all__ = ["SyncBatchNorm"]


class SyncBatchNorm(EwaBatchNorm):
    """Batch norm over ``(N, C, *)`` whose batch statistics are those of all processes together.

    Without a process group of two or more it is the plain layer. It is no subclass of
    ``torch.nn.SyncBatchNorm``, which DistributedDataParallel refuses on the CPU. Every process has
    to call it equally often; their batches may differ in size and may be empty.

    Args:
        num_features: Channels C, the size of the input's second dimension.
        eps: Added to the variance under the root; above 0.
        momentum: ``1 - decay``, torch's word for it; None is the plain average over all batches.
        affine: Learn a scale γ (and, with ``bias``, a shift β) per channel.
        track_running_stats: False uses batch statistics at inference too, as in torch.
        process_group: The processes that share statistics; None is all.
        device: As in torch.
        dtype: As in torch; statistics are kept in float32 at least.
        bias: False leaves out β.
        decay: Weight of the past, in [0, 1]; default 0.9. 1 is the plain average.
        decays: Averages to keep beside the one in use, each in [0, 1).
        variance: "biased" (divided by m) or "unbiased" (by m − 1), m over all processes.
        skip_nonfinite: Leave a batch out of the averages if a statistic is infinite or NaN.
        accumulate: So many forward passes are pooled before they enter the average as one batch.
        single_value: One value per channel in all processes together has no variance: "raise", or
            normalise it by the "running" statistics.

    Example:
        >>> from tune_bn.nn import BatchNorm1d
        >>> model = SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(BatchNorm1d(4, decay=0.99)))
        >>> type(model[0]).__name__, round(model[0].decay, 6)
        ('SyncBatchNorm', 0.99)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = UNSET,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any | None = None,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
        decay: float = UNSET,
        decays: Sequence[float] | None = None,
        variance: Variance = "biased",
        skip_nonfinite: bool = False,
        accumulate: int = 1,
        single_value: SingleValue = "raise",
    ) -> None:
        super().__init__(
            num_features,
            eps,
            momentum,
            affine,
            track_running_stats,
            device,
            dtype,
            bias=bias,
            decay=decay,
            decays=decays,
            variance=variance,
            skip_nonfinite=skip_nonfinite,
            accumulate=accumulate,
            single_value=single_value,
        )
        self.process_group = process_group

    @classmethod
    def convert_sync_batchnorm(
        cls, module: nn.Module, process_group: Any | None = None
    ) -> nn.Module:
        """Replaces every batch-norm layer in a model, ours or torch's, and returns the model.

        Parameters, averages and options are kept, as the same tensors. A module that is itself
        a layer is not changed; the new layer is returned.

        Args:
            module: A model or a layer.
            process_group: As for the layer.
        """

        def convert(layer: nn.modules.batchnorm._BatchNorm) -> nn.Module:
            check_known(layer, "convert_sync_batchnorm", "Replace it by batch norm alone.")
            new = become(layer, cls)
            new.process_group = process_group
            return new

        return replace_layers(module, convert)

    def forward(
        self,
        input: Tensor,  # noqa: A002 - torch's callers pass input= by name
        mask: Tensor | None = None,
    ) -> Tensor:
        """Normalises ``(N, C, *)`` per channel; as for ``EwaBatchNorm``."""
        if mask is None and self.training and self._group() is not None:
            self._check_input_dim(input)
            mask = torch.ones([1] * (input.dim() - 1), dtype=torch.bool, device=input.device)
        return super().forward(input, mask)

    def _group(self) -> Any | None:
        """Returns the process group to synchronise over, or None."""
        if not (dist.is_available() and dist.is_initialized()):
            return None
        group = self.process_group or dist.group.WORLD
        return group if dist.get_world_size(group) > 1 else None

    def _uses_batch_statistics(self, count: int) -> bool:
        # One value here is no reason while others hold more; and all must take the same way.
        return super()._uses_batch_statistics(2 if self._group() is not None else count)

    def _masked_moments(self, x: Tensor, keep: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count, mean, var = super()._masked_moments(x, keep)
        group = self._group()
        if group is None or not self.training:
            return count, mean, var
        own = torch.cat([count.reshape(1), mean, var])
        joined: Tensor = _Gather.apply(own, group)  # type: ignore[no-untyped-call] # torch's
        counts = joined[:, :1]
        means, variances = joined[:, 1:].tensor_split(2, dim=1)
        total = counts.sum()
        shares = counts / total.clamp(min=1)
        mean = (shares * means).sum(0)
        # The law of total variance.
        return total, mean, (shares * (variances + (means - mean).square())).sum(0)


KNOWN.add(SyncBatchNorm)


class _Gather(torch.autograd.Function):
    """Every process's vector, stacked as ``(processes, n)``; its adjoint is ``_SumOwn``."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, group: Any) -> Tensor:
        ctx.group = group
        rows = [torch.empty_like(own) for _ in range(dist.get_world_size(group))]
        dist.all_gather(rows, own.contiguous(), group=group)
        return torch.stack(rows)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _SumOwn.apply(grads[0], ctx.group), None  # type: ignore[no-untyped-call] # torch's


class _SumOwn(torch.autograd.Function):
    """The sum over processes of the row that belongs to this one; its adjoint is ``_Gather``."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: Any) -> Tensor:
        ctx.group = group
        total = rows.contiguous().clone()
        dist.all_reduce(total, group=group)
        return total[dist.get_rank(group)].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _Gather.apply(grads[0], ctx.group), None  # type: ignore[no-untyped-call] # torch's
