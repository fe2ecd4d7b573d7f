"""Lazy layers, which learn their number of channels from the first batch.

torch's lazy layers run their *own* forward pass for that first batch and become the other class
afterwards, so the averages of this package have to be mixed into the lazy class too.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tune_bn.nn.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm

__all__ = ["LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d"]


class _LazyEwa(EwaBatchNorm):
    """What the lazy layers of all dimensions share."""

    _torch_class: Any  # torch's lazy class of the same dimension

    def __init__(
        self,
        eps: float = 1e-5,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
        **options: Any,
    ) -> None:
        self._torch_class.__init__(
            self, eps, None, affine, track_running_stats, device, dtype, bias=bias
        )
        self.set_options(**options)

    def initialize_parameters(
        self,
        input: Tensor,  # noqa: A002 - torch's name
        mask: Tensor | None = None,  # noqa: ARG002 - torch hands on all of forward's arguments
    ) -> None:
        """Takes the number of channels from the first batch."""
        self._torch_class.initialize_parameters(self, input)
        # A state loaded before the first batch has sized the tensors; torch forgets the number.
        sized = next((t for t in (self.weight, self.running_mean) if isinstance(t, Tensor)), input)
        self.num_features = sized.shape[0] if sized is not input else input.shape[1]
        self._register_statistics()


class LazyBatchNorm1d(_LazyEwa, nn.LazyBatchNorm1d):
    """A ``BatchNorm1d`` that takes ``num_features`` from its first batch.

    Arguments as for ``EwaBatchNorm`` without ``num_features``; ``momentum`` by name.

    Example:
        >>> layer = LazyBatchNorm1d(decay=0.99)
        >>> y = layer(torch.ones(4, 7))
        >>> type(layer).__name__, layer.num_features
        ('BatchNorm1d', 7)
    """

    _torch_class = nn.LazyBatchNorm1d
    _check_input_dim = BatchNorm1d._check_input_dim
    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyEwa, nn.LazyBatchNorm2d):
    """A ``BatchNorm2d`` that takes ``num_features`` from its first batch."""

    _torch_class = nn.LazyBatchNorm2d
    _check_input_dim = BatchNorm2d._check_input_dim
    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyEwa, nn.LazyBatchNorm3d):
    """A ``BatchNorm3d`` that takes ``num_features`` from its first batch."""

    _torch_class = nn.LazyBatchNorm3d
    _check_input_dim = BatchNorm3d._check_input_dim
    cls_to_become = BatchNorm3d
