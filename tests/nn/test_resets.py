"""A reset of the statistics, in every way that people's code does it, resets all of a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tests.support.batchnorm import moments, stats
from tests.support.elsewhere import (
    OPTIONS,
    compiled,
    f32,
    starts_fresh,
    train,
)
from tune_bn.nn import (
    BatchNorm1d,
)


def by_torch(layer: Any) -> None:
    layer.reset_running_stats()


def by_hand(layer: Any) -> None:
    layer.running_mean.zero_()
    layer.running_var.fill_(1)
    layer.num_batches_tracked.zero_()


def by_data(layer: Any) -> None:
    layer.running_mean.data.zero_()
    layer.running_var.data.fill_(1)
    layer.num_batches_tracked.data *= 0


def as_lightnings_weight_averaging(layer: Any) -> None:
    # Lightning 2.5, StochasticWeightAveraging.reset_batch_norm_and_save_state
    layer.running_mean = torch.zeros_like(layer.running_mean)
    layer.running_var = torch.ones_like(layer.running_var)
    layer.num_batches_tracked *= 0


def as_transformers(layer: Any) -> None:
    # transformers 5, PreTrainedModel._init_weights
    nn.init.zeros_(layer.running_mean)
    nn.init.ones_(layer.running_var)
    nn.init.zeros_(layer.num_batches_tracked)


def by_loading_a_fresh_state(layer: Any) -> None:
    layer.load_state_dict(BatchNorm1d(2).state_dict())


def by_assigning_a_fresh_state(layer: Any) -> None:
    layer.load_state_dict(BatchNorm1d(2).state_dict(), assign=True)


def as_empty_memory(layer: Any) -> None:
    for buffer in (layer.running_mean, layer.running_var, layer.num_batches_tracked):
        buffer.zero_()


RESETS = (
    by_torch, by_hand, by_data, as_lightnings_weight_averaging, as_transformers,
    by_loading_a_fresh_state, by_assigning_a_fresh_state, as_empty_memory,
)  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_resets_all_that_the_layer_keeps(
    reset: Callable[[Any], None], options: str
) -> None:
    """Tracks, pool and what rounding took go with the statistics, however these are reset."""
    layer = BatchNorm1d(2, **OPTIONS[options])
    train(layer, 5, offset=1000)  # an odd number: in the middle of a pool
    reset(layer)
    starts_fresh(layer)


@pytest.mark.heavy
@pytest.mark.parametrize("options", ["plain", "carry", "decays", "accumulate"])
def test_a_reset_acts_in_compiled_code(options: str) -> None:
    """One compiled layer, reset in every way in turn, starts anew each time."""
    layer = BatchNorm1d(2, **OPTIONS[options])
    call = compiled(layer)
    for reset in RESETS:
        train(call, 3, offset=1000)
        reset(layer)
        starts_fresh(layer, call=call)


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_in_the_middle_of_the_first_pool(reset: Callable[[Any], None]) -> None:
    """There is no count yet, and the pool is emptied all the same."""
    layer = BatchNorm1d(2, accumulate=4, decays=(0.5,))
    train(layer, 3, offset=1000)
    reset(layer)
    starts_fresh(layer)


def test_lightnings_weight_averaging_from_end_to_end() -> None:
    """Reset, momentum None, one pass, momentum back: the plain average over the pass's batches."""
    layer = BatchNorm1d(2, decay=0.9, decays=(0.5, 0.99))
    train(layer, 30, offset=1000)
    as_lightnings_weight_averaging(layer)
    momentum, layer.momentum = layer.momentum, None
    batches = [f32(40, 2, seed=s) + s for s in range(5)]
    for x in batches:
        layer(x)
    layer.momentum = momentum
    expected = torch.stack([torch.stack(moments(x)) for x in batches]).mean(0)
    torch.testing.assert_close(torch.stack(stats(layer)), expected)
    assert layer.track(0.99)[1].max() < 2
