"""Buffers in other memory: the meta device, another default device or dtype, fewer channels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.batchnorm import count, normal, stats
from tests.support.elsewhere import (
    OPTIONS,
    compiled,
    f32,
    moves_as_mature,
    starts_fresh,
    train,
    written,
)
from tune_bn.nn import (
    BatchNorm1d,
    BatchNorm2d,
    select_decay,
)


def spoiled(buffer: Tensor) -> Tensor:
    """What fresh memory may hold, for a buffer of this kind."""
    return torch.full_like(buffer, math.nan if buffer.is_floating_point() else 7, device="cpu")


def assign(layer: Any, source: nn.Module) -> None:
    layer.load_state_dict(source.state_dict(), assign=True)


def empty_then_load(layer: Any, source: nn.Module) -> None:
    layer.to_empty(device="cpu")
    for buffer in layer.buffers():
        buffer.copy_(spoiled(buffer))
    layer.load_state_dict(source.state_dict())


def as_a_library(by: Callable[[Any, str, Tensor], None]) -> Callable[[Any, nn.Module], None]:
    """transformers 5: the state's tensors are assigned, all others become empty_like."""

    def fill(layer: Any, source: nn.Module) -> None:
        state = source.state_dict()
        for name, parameter in list(layer.named_parameters()):
            layer._parameters[name] = nn.Parameter(state.get(name, spoiled(parameter)))
        for name, buffer in list(layer.named_buffers()):
            by(layer, name, state[name].clone() if name in state else spoiled(buffer))
        layer.eval()
        layer.train()

    return fill


def directly(layer: Any, name: str, value: Tensor) -> None:
    layer._buffers[name] = value


def as_a_partial_state(layer: Any, name: str, value: Tensor) -> None:
    layer.load_state_dict({name: value}, strict=False, assign=True)


FILLS = {
    "assign": assign, "to_empty and load": empty_then_load, "set": as_a_library(setattr),
    "set directly": as_a_library(directly), "set one by one": as_a_library(as_a_partial_state),
}  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("fill", FILLS)
def test_a_layer_of_the_meta_device_is_right_once_it_has_memory(fill: str, options: str) -> None:
    """What is not in the state is made anew, whatever it holds; training goes on as the source."""
    source = BatchNorm1d(2, **OPTIONS[options])
    train(source, 40)
    with torch.device("meta"):
        layer = BatchNorm1d(2, **OPTIONS[options])
    FILLS[fill](layer, source)
    twin, state = BatchNorm1d(2, **OPTIONS[options]), source.state_dict()
    # Libraries go by the keys of a state, among which the kept averages are not.
    twin.load_state_dict(dict(state) if fill.startswith("set") else state)
    for one in (layer, twin):
        train(one, 6, offset=1)
    for name, got in layer.named_buffers():
        torch.testing.assert_close(got, dict(twin.named_buffers())[name])


@pytest.mark.parametrize("options", OPTIONS)
def test_memory_without_a_state_is_reset(options: str) -> None:
    """to_empty and reset_parameters give a fresh layer, whatever the memory held."""
    with torch.device("meta"):
        layer = BatchNorm1d(2, **OPTIONS[options])
    layer.to_empty(device="cpu")
    for buffer in layer.buffers():
        buffer.copy_(spoiled(buffer))
    layer.reset_parameters()
    starts_fresh(layer)
    layer.to_empty(device="cpu")  # once more, from memory to memory
    for buffer in layer.buffers():
        buffer.copy_(spoiled(buffer))
    layer.reset_parameters()
    starts_fresh(layer)


def test_a_state_without_count_fills_a_layer_of_the_meta_device() -> None:
    """A count that the state lacks is mature, not left on the meta device."""
    for options in OPTIONS.values():
        state = written(nn.BatchNorm1d(2)).state_dict()
        del state["num_batches_tracked"]
        with torch.device("meta"):
            layer = BatchNorm1d(2, **options)
        layer.load_state_dict(state, strict=False, assign=True)
        moves_as_mature(layer)


@pytest.mark.parametrize("options", OPTIONS)
def test_the_default_device_does_not_matter(options: str) -> None:
    """Steps, loading, resets and selection of a CPU layer work under another default device."""
    layer, other = (BatchNorm1d(2, **OPTIONS[options]) for _ in range(2))
    for one in (layer, other):
        with torch.device("meta" if one is layer else "cpu"):
            for seed in range(3):
                x = normal(40, 2, seed=seed, dtype=torch.float32) if one is other else None
                one(torch.randn(40, 2, device="cpu", generator=torch.Generator().manual_seed(seed))
                    if x is None else x)  # fmt: skip
            one.load_state_dict(one.state_dict())
            one.decays = (0.25,)
            select_decay(one, 0.25)
    for a, b in zip(layer.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)
    with torch.device("meta"):
        layer.reset_running_stats()
    starts_fresh(layer)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_casting_keeps_all_that_is_kept(options: str, dtype: torch.dtype) -> None:
    """After a cast in the middle of training, the next steps are those of the uncast layer."""
    layer, other = (BatchNorm1d(2, **OPTIONS[options]) for _ in range(2))
    for one in (layer, other):
        train(one, 5)
    layer.to(dtype)
    for seed in range(3):
        x = f32(40, 2, seed=seed).to(dtype)
        layer(x)
        other(x.float())
    for got, expected in zip(stats(layer), stats(other), strict=True):
        torch.testing.assert_close(got.float(), expected, rtol=1e-4, atol=1e-4)
    for decay in layer.decays:
        torch.testing.assert_close(layer.track(decay)[0].float(), other.track(decay)[0],
                                   rtol=1e-4, atol=1e-4)  # fmt: skip


def cut(layer: Any, keep: list[int], *, direct: bool) -> None:
    """Torch-Pruning 1.6, BatchnormPruner.prune_out_channels."""
    layer.num_features = len(keep)
    for name in ("running_mean", "running_var"):
        value = getattr(layer, name).data[keep]
        if direct:
            layer._buffers[name] = value
        else:
            setattr(layer, name, value)
    for name in ("weight", "bias"):
        setattr(layer, name, nn.Parameter(getattr(layer, name).data[keep]))


@pytest.mark.parametrize(
    ("direct", "rows", "is_compiled"),
    [
        *[(False, 2, False), (True, 2, False), (False, 40, False), (True, 40, False)],
        pytest.param(False, 40, True, marks=pytest.mark.heavy),
    ],
)
@pytest.mark.parametrize("options", OPTIONS)
def test_cut_channels(options: str, rows: int, direct: bool, is_compiled: bool) -> None:
    """Of fewer channels, the rest goes on from the statistics that are left."""
    layer = BatchNorm2d(4, **OPTIONS[options])
    call = compiled(layer) if is_compiled else layer
    for seed in range(20):
        call(f32(rows, 4, 2, 2, seed=seed) + torch.arange(4.0).view(4, 1, 1))
    if layer.accumulate > 1:
        layer.flush()
    before = [b[[0, 2, 3]] for b in stats(layer)]
    cut(layer, [0, 2, 3], direct=direct)
    x = f32(rows, 3, 2, 2, seed=99)
    for _ in range(layer.accumulate):
        call(x)
    expected = BatchNorm2d(3, decay=layer.decay)
    expected.load_state_dict(
        {"running_mean": before[0], "running_var": before[1],
         "num_batches_tracked": torch.tensor(count(layer) - 1)}, strict=False,
    )  # fmt: skip
    expected(x)
    for got, want in zip(stats(layer), stats(expected), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
    for decay in layer.decays:
        assert layer.track(decay)[0].shape == (3,)
        assert torch.isfinite(layer.track(decay)[1]).all()
