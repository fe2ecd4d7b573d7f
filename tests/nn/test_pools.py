"""Pools of several batches: what shows before one is full, and what is left of it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from tests.support.batchnorm import count, normal, stats
from tests.support.elsewhere import (
    f32,
    train,
)
from tune_bn.nn import (
    BatchNorm1d,
    best_decay,
    select_decay,
)


@pytest.mark.parametrize("options", [{}, {"decays": (0.5, 0.99)}, {"decay": 0.999}])
@pytest.mark.parametrize("variance", ["biased", "unbiased"])
def test_statistics_show_a_pool_before_it_is_full(variance: Any, options: dict[str, Any]) -> None:
    """Inference in the middle of the first pool uses the data so far, not 0 and 1."""
    layer = BatchNorm1d(2, accumulate=8, variance=variance, **options).double()
    x = normal(24, 2) + 7
    for part in x.split(8):
        layer(part)
    for mean, var in (stats(layer), *(layer.track(d) for d in layer.decays)):
        torch.testing.assert_close(mean, x.mean(0))
        torch.testing.assert_close(var, x.var(0, correction=int(variance == "unbiased")))
    assert count(layer) == 0


def test_a_pool_that_shows_changes_nothing_for_later() -> None:
    """With inference, selection and averages between the micro-batches, full pools enter alike."""
    watched, other = (BatchNorm1d(2, accumulate=4, decays=(0.5, 0.9)).double() for _ in range(2))
    for seed in range(10):
        x = normal(8, 2, seed=seed) + seed
        for layer in (watched, other):
            layer(x)
        watched.eval()(x)
        select_decay(watched, 0.9)
        best_decay(watched, lambda _: 0.0) if seed > 4 else None
        select_decay(watched, 0.9)
        watched.train()
    select_decay(other, 0.9)
    assert count(watched) == count(other) == 2
    for name, got in watched.named_buffers():
        torch.testing.assert_close(got, dict(other.named_buffers())[name])


@pytest.mark.parametrize("n", [2, 4, 6, 8])
def test_update_bn_over_pools_counts_every_batch_alike(n: int) -> None:
    """torch's update_bn gives the plain average over all batches, an incomplete pool included."""
    batches = [f32(16, 2, seed=s) + (7 if s < 4 else 57) for s in range(n)]
    net = nn.Sequential(BatchNorm1d(2, accumulate=4))
    train(net, 3, offset=1000)
    update_bn(batches, net)
    joined = torch.cat(batches)
    torch.testing.assert_close(stats(net[0])[0], joined.mean(0), rtol=1e-4, atol=1e-3)


def test_a_loaded_state_starts_with_an_empty_pool() -> None:
    """What was pooled before loading does not enter the loaded statistics."""
    layer = BatchNorm1d(2, accumulate=4)
    fresh = copy.deepcopy(layer.state_dict())
    train(layer, 3, offset=100)
    layer.load_state_dict(fresh)
    x = [f32(16, 2, seed=s) for s in range(4)]
    for part in x:
        layer(part)
    torch.testing.assert_close(stats(layer)[0], torch.cat(x).mean(0))
