"""Models that are averages of others: of all buffers, of the state alone, of clients."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn

from tests.support.batchnorm import stats
from tests.support.elsewhere import (
    OPTIONS,
    f32,
    moves_as_mature,
    train,
)
from tune_bn.nn import (
    BatchNorm1d,
    best_decay,
)


def ema_of_state(copied: nn.Module, model: nn.Module, decay: float) -> None:
    """As timm's and many others' classes do: the tensors of the state_dict, in place."""
    with torch.no_grad():
        for old, new in zip(copied.state_dict().values(), model.state_dict().values(), strict=True):
            old.copy_(decay * old + (1 - decay) * new)


def averaged(make: Callable[[nn.Module], Any], steps: int, **options: Any) -> tuple[Any, Any]:
    """Trains a model beside its average; both see batches of mean 5 and variance 1."""
    model = nn.Sequential(BatchNorm1d(2, **options))
    average = make(model)
    for seed in range(steps):
        model(f32(64, 2, seed=seed) + 5)
        average.update_parameters(model)
    return model, average


AVERAGES: dict[str, Callable[[nn.Module], Any]] = {
    "plain": lambda m: AveragedModel(m, use_buffers=True),
    "EMA": lambda m: AveragedModel(m, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True),
    "EMA, one by one": lambda m: AveragedModel(m, avg_fn=get_ema_avg_fn(0.9), use_buffers=True),
}


@pytest.mark.parametrize("steps", [2, 3, 50])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("average", AVERAGES)
def test_averaged_buffers_are_averages(average: str, options: str, steps: int) -> None:
    """After averaging each buffer by itself, statistics and every track are the data's."""
    _, model = averaged(AVERAGES[average], steps, **OPTIONS[options])
    layer = model.module[0]
    for mean, var in (stats(layer), *(layer.track(d) for d in layer.decays)):
        torch.testing.assert_close(mean, torch.full((2,), 5.0), rtol=0, atol=0.4)
        torch.testing.assert_close(var, torch.full((2,), 1.0), rtol=0, atol=0.5)


@pytest.mark.parametrize("average", AVERAGES)
def test_the_best_decay_of_an_averaged_model_is_no_worse(average: str) -> None:
    """best_decay on averaged buffers never puts in place what is worse than what was in use."""
    _, model = averaged(AVERAGES[average], 20, decays=(0.5, 0.9, 0.99, 0.999))
    x = f32(500, 2, seed=1000) + 5

    def loss(m: nn.Module) -> float:
        y = m(x).detach()
        return float(y.mean(0).square().sum() + (y.var(0) - 1).square().sum())

    before = loss(model.eval())
    best_decay(model, loss)
    assert loss(model) <= before < 0.5


@pytest.mark.parametrize("loaded", [False, True], ids=["in place", "loaded"])
def test_an_average_of_the_state_alone_is_noticed(loaded: bool) -> None:
    """Only torch's buffers were averaged: the kept ones, which go with others, are not used."""
    model = nn.Sequential(BatchNorm1d(2, decays=(0.5, 0.9, 0.999)))
    model(f32(64, 2) * 10 - 300)
    copied = copy.deepcopy(model)
    for seed in range(30):
        model(f32(64, 2, seed=seed) + 5)
        ema_of_state(copied, model, 0.5)
    if loaded:
        copied.load_state_dict({k: v.clone() for k, v in copied.state_dict().items()})
    before = [b.clone() for b in stats(copied[0])]
    with pytest.warns(UserWarning, match="all of them hold the same.*load_tracks"):
        decay = best_decay(copied, lambda m: 0.0)
    assert decay == pytest.approx(0.9)
    for got, expected in zip(stats(copied[0]), before, strict=True):
        assert torch.equal(got, expected)
    for decay in (0.5, 0.999):
        torch.testing.assert_close(copied[0].track(decay)[0], before[0])  # type: ignore[operator] # ours


def test_federated_averaging_goes_on_as_what_it_is() -> None:
    """The mean of two clients' states loads; every average starts from it, old tracks are gone."""
    clients = [BatchNorm1d(2, decays=(0.5, 0.9)) for _ in range(2)]
    for i, client in enumerate(clients):
        train(client, 200, offset=10 * i)
    state = {
        k: torch.stack([c.state_dict()[k].double() for c in clients]).mean(0).to(v.dtype)
        for k, v in clients[0].state_dict().items()
    }
    server = BatchNorm1d(2, decays=(0.5, 0.9))
    train(server, 3, offset=1000)
    server.load_state_dict(state)
    torch.testing.assert_close(stats(server)[0], torch.full((2,), 5.0), rtol=0, atol=0.3)
    for decay in (0.5, 0.9):
        torch.testing.assert_close(server.track(decay)[0], stats(server)[0])
    moves_as_mature(server)


def test_best_decay_keeps_what_is_in_use_if_none_is_as_good() -> None:
    """Recalibrated, or set by hand, statistics are not given up for a worse track."""
    model = nn.Sequential(BatchNorm1d(2, decay=0.7, decays=(0.5, 0.9)))
    train(model, 9)
    before = [b.clone() for b in stats(model[0])]
    values = iter([1.0, 2.0, 3.0])
    assert best_decay(model, lambda _: next(values)) == pytest.approx(0.7)
    assert model[0].decay == pytest.approx(0.7)
    for got, expected in zip(stats(model[0]), before, strict=True):
        assert torch.equal(got, expected)
    values = iter([math.nan, 2.0, 3.0])
    assert best_decay(model, lambda _: next(values)) == 0.5
