"""A training step as one call, for compiled graphs.

At every call of a compiled module, torch.compile checks all that Python looked at while the graph
was made: each name, attribute and method. For a layer as cheap as this one the checks cost several
per cent. So the step is put into the graph as a whole, and only what it is handed is checked.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.compiler import allow_in_graph

from .ewa import Averages, enter_batch

__all__ = ["training_step"]


@allow_in_graph  # type: ignore[untyped-decorator] # untyped in torch
def training_step(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    averages: Averages,
    momentum: float | None,
    is_biased: bool,
) -> Tensor:
    """Normalise a batch by its own statistics and let these enter the averages.

    Args:
        x: ``(N, C, *)``, at least 2 values per channel.
        weight: γ ``(C,)``.
        bias: β ``(C,)``.
        eps: added to the variance under the root.
        averages: of the layer, as by ``averages_in``; changed.
        momentum: as for ``step_size``.
        is_biased: which variance the running one is.
    """
    mean, var = averages[:2]
    cudnn = torch.backends.cudnn.enabled
    if torch.onnx.is_in_onnx_export():
        # Exporters turn a model that was left in training mode into its inference form; the
        # scratch would be baked into the graph as its statistics.
        return torch.batch_norm(x, weight, bias, mean, var, False, 0.0, eps, cudnn)
    mean, var = torch.zeros_like(mean), torch.zeros_like(var)
    output = torch.batch_norm(x, weight, bias, mean, var, True, 1.0, eps, cudnn)
    if is_biased:
        var = var.sub(var, alpha=x.shape[1] / x.numel())
    enter_batch(averages, momentum, mean, var)
    return output
