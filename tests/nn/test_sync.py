"""Batch norm over the joined batch of several processes, on the CPU."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tests.support.batchnorm import in_two_processes, normal, plain, stats
from tune_bn.nn import BatchNorm1d, SyncBatchNorm

pytestmark = pytest.mark.heavy

SIZES = (5, 3)
OPTIONS: dict[str, Any] = {"decays": (0.5,), "variance": "unbiased"}


def net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(4, 6), BatchNorm1d(6, **OPTIONS), nn.Tanh(), nn.Linear(6, 1)
        ).double()


def batch(step: int) -> Tensor:
    return normal(sum(SIZES), 4, seed=step) + step


def train(model: nn.Module, shares: list[Tensor], scale: float) -> None:
    """Two steps of gradient descent on a loss that is a sum over rows."""
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for share in shares:
        optimiser.zero_grad()
        (model(share).pow(2).sum() * scale).backward()
        optimiser.step()


def work(rank: int, folder: str) -> None:
    """Trains on the share of one of two processes, saves what it has."""
    model = SyncBatchNorm.convert_sync_batchnorm(net())
    ddp = DistributedDataParallel(model)
    shares = [batch(step).split(SIZES)[rank] for step in range(2)]
    train(ddp, shares, scale=2.0 / sum(SIZES))  # DDP averages gradients over the two
    single = SyncBatchNorm(4, affine=False).double()
    x = batch(0).split((7, 1))[rank].requires_grad_()
    y = single(x)
    weights = normal(sum(SIZES), 4, seed=9).split((7, 1))[rank]
    (first,) = torch.autograd.grad((y * weights).sin().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.pow(2).sum(), x)
    one_empty = single(torch.zeros(0, 4).double() if rank else batch(1))
    torch.save(
        {
            "state": dict(model.state_dict()),
            "track": list(model[1].track(0.5)),  # type: ignore[index] # a Sequential
            "single": [y.detach(), first.detach(), second],
            "empty": [one_empty.detach(), *stats(single)],
        },
        f"{folder}/{rank}.pt",
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("sync")
    return in_two_processes(work, folder)


def test_two_processes_equal_one_on_the_joined_batch(results: list[dict[str, Any]]) -> None:
    """After two steps of DDP with unequal shares: parameters, statistics, tracks, to 1e-6."""
    model = net()
    train(model, [batch(step) for step in range(2)], scale=1.0 / sum(SIZES))
    layer = model[1]  # type: ignore[index] # a Sequential
    for result in results:
        for key, expected in model.state_dict().items():
            torch.testing.assert_close(result["state"][key], expected, rtol=1e-9, atol=1e-9)
        for got, expected in zip(result["track"], layer.track(0.5), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_output_and_derivatives_are_those_of_the_joined_batch(
    results: list[dict[str, Any]],
) -> None:
    """Output, gradient and second gradient equal the joined batch's, one row alone included."""
    x = batch(0).requires_grad_()
    y = plain(x, None, None, 1e-5)
    (first,) = torch.autograd.grad(
        (y * normal(sum(SIZES), 4, seed=9)).sin().sum(), x, create_graph=True
    )
    (second,) = torch.autograd.grad(first.pow(2).sum(), x)
    for i, expected in enumerate((y, first, second)):
        got = torch.cat([result["single"][i] for result in results])
        torch.testing.assert_close(got, expected.detach(), rtol=1e-9, atol=1e-9)


def test_one_process_may_have_no_rows(results: list[dict[str, Any]]) -> None:
    """An empty share takes part and changes nothing about the other's."""
    full, empty = (result["empty"] for result in results)
    torch.testing.assert_close(full[0], plain(batch(1), None, None, 1e-5))
    assert empty[0].shape == (0, 4)
    assert torch.equal(full[1], empty[1])


@pytest.mark.parametrize("training", [True, False])
def test_without_other_processes_it_is_the_plain_layer(training: bool) -> None:
    """In one process the result is the plain layer's."""
    x = normal(8, 3)
    sync, single = SyncBatchNorm(3).double(), BatchNorm1d(3).double()
    for layer in (sync, single):
        layer(x + 1)
        layer.train(training)
    assert torch.equal(sync(x), single(x))
    assert torch.equal(stats(sync)[1], stats(single)[1])
