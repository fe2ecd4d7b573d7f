"""Layers whose statistics come from elsewhere, and how they must go on: from them, or anew."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.support.batchnorm import moments, normal, stats

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {}, "carry": {"decay": 0.999}, "decays": {"decays": (0.5, 0.99)},
    "accumulate": {"accumulate": 2}, "finite": {"skip_nonfinite": True},
    "all": {"decay": 0.999, "decays": (0.5, 0.99), "accumulate": 2, "skip_nonfinite": True},
}  # fmt: skip

FAR = torch.tensor([3.0, -2.0])


def f32(*shape: int, seed: int = 0) -> Tensor:
    return normal(*shape, seed=seed, dtype=torch.float32)


def train(layer: nn.Module, steps: int, *, rows: int = 40, offset: float = 0.0) -> None:
    for seed in range(steps):
        layer(f32(rows, 2, seed=seed) + offset)


def written(layer: Any, *, batches: int | None = 0) -> Any:
    """Statistics written by hand, as code that brings a model from another framework does."""
    with torch.no_grad():
        layer.running_mean.copy_(FAR)
        layer.running_var.copy_(torch.tensor([4.0, 9.0]))
        if batches is not None:
            layer.num_batches_tracked.fill_(batches)
    return layer


def moves_as_mature(layer: Any, *, call: Any = None, rows: int = 40) -> None:
    """One whole batch (or pool) moves every average of the layer by 1 - decay."""
    x = f32(rows, 2, seed=7) + 100
    before = [b.clone() for b in stats(layer)]
    for _ in range(layer.accumulate):
        (layer if call is None else call)(x)
    for got, old, new in zip(stats(layer), before, moments(x), strict=True):
        torch.testing.assert_close(got, old.lerp(new, 1 - layer.decay), rtol=1e-4, atol=1e-4)
    for decay in layer.decays:
        for got, old, new in zip(layer.track(decay), before, moments(x), strict=True):
            torch.testing.assert_close(got, old.lerp(new, 1 - decay), rtol=1e-3, atol=1e-3)


def starts_fresh(layer: Any, *, call: Any = None, rows: int = 40) -> None:
    """One whole batch (or pool) replaces every average of the layer."""
    x = f32(rows, 2, seed=8) + 5
    for _ in range(layer.accumulate):
        (layer if call is None else call)(x)
    pairs = [stats(layer), *(layer.track(d) for d in layer.decays)]
    for pair in pairs:
        for got, expected in zip(pair, moments(x), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def compiled(layer: nn.Module) -> Any:
    torch._dynamo.reset()
    return torch.compile(layer, backend="aot_eager", fullgraph=True)
