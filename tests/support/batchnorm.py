"""What the tests of the layers compare with: slow, obvious references, and wrong layers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import start_processes

from tests.support.warm import forks
from tune_bn.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Draws standard normal values without touching the global generator."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def plain(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """Algorithm 1 of Ioffe & Szegedy 2015, one line an equation."""
    dims = [d for d in range(x.dim()) if d != 1]
    shape = [1, -1] + [1] * (x.dim() - 2)
    mean = x.sum(dims, keepdim=True) / (x.numel() / x.shape[1])
    var = ((x - mean) ** 2).sum(dims, keepdim=True) / (x.numel() / x.shape[1])
    y = (x - mean) / torch.sqrt(var + eps)
    y = y if weight is None else y * weight.view(shape)
    return y if bias is None else y + bias.view(shape)


def stats(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Returns a layer's running mean and variance, as tensors and not as optional ones."""
    mean, var = layer.running_mean, layer.running_var
    assert isinstance(mean, Tensor)
    assert isinstance(var, Tensor)
    return mean, var


def count(layer: nn.Module) -> int:
    """Returns the number of batches a layer has tracked."""
    batches = layer.num_batches_tracked
    assert isinstance(batches, Tensor)
    return int(batches)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean and biased variance per channel of ``(N, C, *)``."""
    dims = [d for d in range(x.dim()) if d != 1]
    return x.mean(dims), x.var(dims, correction=0)


def is_same_as_torch(ours: nn.Module, theirs: nn.Module, x: Tensor) -> bool:
    """Judges a layer by torch's: training output and gradients, one step of statistics, inference.

    torch's statistics after its first batch are known mixtures of its start and the batch, from
    which the batch's own are solved; those, with the biased variance, are what ours must hold.
    """
    ours.load_state_dict(theirs.state_dict())
    a, b = x.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
    got, expected = ours.train()(a), theirs.train()(b)
    weights = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view(x.shape)
    (got * weights).sum().backward()
    (expected * weights).sum().backward()
    pairs = [(got, expected), (a.grad, b.grad)]
    pairs += [(p.grad, q.grad) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)]
    values = x.numel() // max(x.shape[1], 1)
    if theirs.running_mean is not None and values > 1:
        mean, var = moments(x.detach())
        share = 1.0 if theirs.momentum is None else theirs.momentum
        assert isinstance(share, float)
        if share > 0:
            running_mean, running_var = stats(theirs)
            pairs += [(running_mean / share, mean)]  # the judge's own check of torch's rule
            solved = (running_var - (1 - share)) / share * (values - 1) / values
            pairs += [(solved, var), (stats(ours)[0], mean), (stats(ours)[1], solved)]
    # Inference: the same statistics must give the same values, for rows not seen before.
    theirs.load_state_dict(ours.state_dict())
    rows = x.detach() * 2 + 1
    pairs += [(ours.eval()(rows), theirs.eval()(rows))]
    return all(
        p is not None and q is not None and torch.allclose(p, q, rtol=1e-6, atol=1e-7)
        for p, q in pairs
    )


class UnbiasedVariance(BatchNorm1d):
    """Wrong on purpose: normalises and tracks with m - 1."""

    def __init__(self, num_features: int, dtype: torch.dtype | None = None) -> None:
        super().__init__(num_features, dtype=dtype, variance="unbiased")


class EpsOutsideTheRoot(BatchNorm1d):
    """Wrong on purpose: divides by sqrt(var) + eps."""

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: A002 - the layer's signature
        """Normalises the wrong way, updates the right one."""
        super().forward(input)
        mean, var = moments(input) if self.training else stats(self)
        shape = [1, -1] + [1] * (input.dim() - 2)
        y = (input - mean.view(shape)) / (var.sqrt().view(shape) + self.eps)
        return y * self.weight.view(shape) + self.bias.view(shape)


class NoUpdate(BatchNorm1d):
    """Wrong on purpose: never tracks a batch."""

    def __init__(self, num_features: int, dtype: torch.dtype | None = None) -> None:
        super().__init__(num_features, dtype=dtype)
        self.stats_paused = True


class BatchStatisticsInEval(BatchNorm1d):
    """Wrong on purpose: normalises by the batch at inference."""

    def _uses_batch_statistics(self, count: int) -> bool:
        return True


WRONG: list[type[EwaBatchNorm]] = [
    UnbiasedVariance,
    EpsOutsideTheRoot,
    NoUpdate,
    BatchStatisticsInEval,
]
LAYERS: dict[int, type[EwaBatchNorm]] = {
    2: BatchNorm1d,
    3: BatchNorm1d,
    4: BatchNorm2d,
    5: BatchNorm3d,
}
SHAPES = [(8, 5), (4, 5, 3), (4, 5, 3, 3), (2, 5, 3, 2, 3)]


def _in_group(rank: int, work: Callable[[int, str], None], folder: str) -> None:
    """One of two processes: joins the other, works, and leaves."""
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    meeting = f"file://{folder}/rendezvous"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    try:
        work(rank, folder)
    finally:
        dist.destroy_process_group()


def in_two_processes(work: Callable[[int, str], None], folder: Path) -> list[dict[str, Any]]:
    """Returns what two processes of a group saved in a folder, as their number and ``.pt``."""
    method = forks().get_start_method()
    start_processes(_in_group, args=(work, str(folder)), nprocs=2, start_method=method)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]
