"""Statistics that others wrote or loaded: mature, unless their count says otherwise."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tests.support.batchnorm import count, stats
from tests.support.elsewhere import (
    FAR,
    OPTIONS,
    compiled,
    f32,
    moves_as_mature,
    train,
    written,
)
from tune_bn.nn import (
    MLP,
    BatchNorm1d,
    BatchNormError,
    EwaBatchNorm,
    SyncBatchNorm,
    convert_batchnorm,
    load_tracks,
    tracks_state,
    trust_stats,
)


@pytest.mark.parametrize("rows", [4, 40])
@pytest.mark.parametrize("trained", [0, 3])
@pytest.mark.parametrize("options", OPTIONS)
def test_statistics_written_by_hand_are_mature(options: str, trained: int, rows: int) -> None:
    """Beside a count of 0, averages that are not the start's are never thrown away."""
    layer = BatchNorm1d(2, **OPTIONS[options])
    train(layer, trained)
    moves_as_mature(written(layer), rows=rows)


@pytest.mark.heavy
@pytest.mark.parametrize("options", OPTIONS)
def test_a_compiled_step_takes_them_as_mature_too(options: str) -> None:
    """Without a look at the count in Python."""
    layer = BatchNorm1d(2, **OPTIONS[options])
    call = compiled(layer)
    train(call, 3)
    moves_as_mature(written(layer), call=call)


def through_convert(options: dict[str, Any]) -> EwaBatchNorm:
    theirs = nn.BatchNorm1d(2)
    train(theirs, 2)
    ours = convert_batchnorm(written(theirs), **options)
    assert isinstance(ours, EwaBatchNorm)
    return ours


def through_state_without_count(options: dict[str, Any]) -> EwaBatchNorm:
    ours = BatchNorm1d(2, **options)
    train(ours, 4)  # a count that belongs to other statistics
    state = written(nn.BatchNorm1d(2)).state_dict()
    del state["num_batches_tracked"]
    ours.load_state_dict(state, strict=False)
    return ours


def through_state_of_an_old_version(options: dict[str, Any]) -> EwaBatchNorm:
    ours = BatchNorm1d(2, **options)
    train(ours, 4)
    state = written(nn.BatchNorm1d(2)).state_dict()
    del state["num_batches_tracked"]
    del state._metadata  # as in files from before torch counted
    ours.load_state_dict(state)
    return ours


def through_assignment(options: dict[str, Any]) -> EwaBatchNorm:
    ours = BatchNorm1d(2, **options)
    train(ours, 4)
    ours.running_mean, ours.running_var = FAR.clone(), torch.tensor([4.0, 9.0])
    ours.num_batches_tracked = torch.tensor(0)
    return ours


def through_sync(options: dict[str, Any]) -> EwaBatchNorm:
    ours = SyncBatchNorm.convert_sync_batchnorm(written(BatchNorm1d(2, **options)))
    assert isinstance(ours, EwaBatchNorm)
    return ours


def without_count(options: dict[str, Any]) -> EwaBatchNorm:
    ours = written(BatchNorm1d(2, **options))
    train(ours, 0)
    ours.num_batches_tracked.fill_(-(2**40))  # memory that nobody set
    return ours  # type: ignore[no-any-return] # an Any


WAYS = (
    through_convert, through_state_without_count, through_state_of_an_old_version,
    through_assignment, through_sync, without_count,
)  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_foreign_statistics_are_mature(
    way: Callable[[dict[str, Any]], EwaBatchNorm], options: str
) -> None:
    """Whichever way they come in, and whatever the layer had counted before."""
    moves_as_mature(way(OPTIONS[options]))


@pytest.mark.parametrize("options", OPTIONS)
def test_a_young_count_can_be_said_to_be_wrong(options: str) -> None:
    """trust_stats makes an average mature whose count is young, and a state_dict keeps that."""
    for through_state in (False, True):
        layer = written(BatchNorm1d(2, **OPTIONS[options]), batches=1)
        trust_stats(nn.Sequential(layer))
        if through_state:
            other = BatchNorm1d(2, **OPTIONS[options])
            other.load_state_dict(layer.state_dict())
            layer = other
        moves_as_mature(layer)
    old = BatchNorm1d(2)
    train(old, 3)
    old.num_batches_tracked.fill_(10**6)  # type: ignore[union-attr] # tracked
    trust_stats(old)
    assert count(old) == 10**6
    with pytest.raises(BatchNormError, match="trust_stats needs"):
        trust_stats(nn.ReLU())


def test_a_young_count_is_believed() -> None:
    """Without that, statistics of one batch are what their count says: half way, not a tenth."""
    layer = written(BatchNorm1d(2, decay=0.9), batches=1)
    layer(f32(40, 2) * 0)
    torch.testing.assert_close(stats(layer)[0], FAR * 0.9 / 1.9)


def test_tracks_of_an_earlier_version_load() -> None:
    """Files in which tracks are (2, K, C), with the weights that followed from the count."""
    model = MLP(3, 2, width=4, decays=(0.5, 0.99))
    for seed in range(3):
        model(f32(8, 3, seed=seed))
    other = MLP(3, 2, width=4, decays=(0.5, 0.99))
    other.load_state_dict(model.state_dict())
    state = {k: t[:2] for k, t in
             tracks_state(model).items()}  # fmt: skip
    assert all(t.shape == (2, 2, 4) for t in state.values())
    load_tracks(other, state)
    for got, expected in zip(tracks_state(other).values(), tracks_state(model).values(),
                             strict=True):  # fmt: skip
        torch.testing.assert_close(got, expected)


def test_a_layer_pickled_by_an_earlier_version_goes_on() -> None:
    """Its tracks get their weights, its pool a base, and nothing is thrown away."""
    layer = BatchNorm1d(2, decays=(0.5, 0.99), accumulate=2)
    train(layer, 5)
    state = copy.deepcopy(vars(layer))
    buffers = state["_buffers"]
    del buffers["kept_batches"]
    buffers["tracks"] = buffers["tracks"][:2]
    base = buffers.pop("pool_base")
    buffers["running_mean"].copy_(base[0])  # the pool did not show yet
    buffers["running_var"].copy_(base[1])
    for name in ("_counts", "_is_settled"):
        state.pop(name, None)
    old = BatchNorm1d.__new__(BatchNorm1d)
    old.__setstate__(state)
    for one in (layer, old):
        train(one, 3)
    for got, expected in zip(
        (*stats(old), *old.track(0.99)), (*stats(layer), *layer.track(0.99)), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)
