"""timm's batch norm that ends in an activation, with this package's averages.

Most convolutional models of timm are built of it. It is a subclass of timm's layer, too, since its
tools (freezing, synchronising) keep the activation of that alone. Imported where one is met.
"""

from __future__ import annotations

import timm.layers  # type: ignore[import-not-found] # need not be installed
from torch import Tensor
from torch.fx import Proxy

from tune_bn.nn.batchnorm import BatchNorm2d, leaf_of_trace
from tune_bn.nn.privacy import refuse_with_opacus

__all__ = ["BatchNormAct2d"]


class BatchNormAct2d(BatchNorm2d, timm.layers.BatchNormAct2d):  # type: ignore[misc] # unknown to mypy
    """Batch norm, then dropout or nothing, then an activation; made by ``convert_batchnorm``."""

    def forward(
        self,
        input: Tensor,  # noqa: A002 - torch's callers pass input= by name
        mask: Tensor | None = None,
    ) -> Tensor:
        """Normalises ``(N, C, H, W)`` as ``BatchNorm2d`` does, and activates."""
        if isinstance(input, Proxy):
            return leaf_of_trace(self, input, mask)
        normalised = super().forward(input, mask)
        return self.act(self.drop(normalised))  # type: ignore[no-any-return, operator] # modules


refuse_with_opacus(BatchNormAct2d)
