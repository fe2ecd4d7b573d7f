"""Exact statistics of a whole data set."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tests.support.batchnorm import count, moments, normal, stats
from tune_bn.nn import MLP, BatchNorm1d, BatchNorm2d, BatchNormError, convert_batchnorm, recalibrate

X = normal(40, 6) * 3 + 2


def net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(6, 2, width=8, decays=(0.5, 0.9), dropout=0.3).double()


def buffers(model: nn.Module) -> list[Tensor]:
    return [b.clone() for b in model.buffers()]


def test_every_layer_gets_its_inputs_exact_statistics() -> None:
    """Each layer's statistics are the moments of its input over all rows, at inference."""
    model = net()
    recalibrate(model, X.split(7))
    seen: dict[nn.Module, Tensor] = {}
    layers = [m for m in model.modules() if isinstance(m, BatchNorm1d)]
    for layer in layers:
        layer.register_forward_pre_hook(lambda m, args: seen.update({m: args[0]}))
    model.eval()(X)
    assert len(layers) == 2
    for layer in layers:
        for got, expected in zip(stats(layer), moments(seen[layer]), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(layer.track(0.5)[0], stats(layer)[0])


def test_order_and_split_do_not_matter() -> None:
    """Any order of the rows and any split into batches give the same, single rows included."""
    results = []
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    for batches in (X.split(40), X.split(7), X[order].split(13), X.split(1)):
        model = net()
        recalibrate(model, batches)
        results.append(buffers(model))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_a_shuffling_loader_of_pairs_works() -> None:
    """The first of a batch's tensors is the input; the loader may shuffle from pass to pass."""
    loader = DataLoader(
        TensorDataset(X, torch.zeros(40)), batch_size=9, shuffle=True,
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    model, expected = net(), net()
    recalibrate(model, loader)
    recalibrate(expected, [X])
    for a, b in zip(buffers(model), buffers(expected), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_modes_are_restored_and_training_goes_on() -> None:
    """Modes come back as they were, and the count of batches stays, at least 1."""
    model = net()
    for _ in range(3):
        model(X)
    layers = [m for m in model.modules() if isinstance(m, BatchNorm1d)]
    layers[0].eval()
    recalibrate(model, [X])
    assert model.training
    assert not layers[0].training
    assert count(layers[1]) == 3
    fresh = net()
    recalibrate(fresh, [X])
    assert count(next(m for m in fresh.modules() if isinstance(m, BatchNorm1d))) == 1


class Interrupted:
    """A loader that is interrupted in the middle of a later pass."""

    def __init__(self) -> None:
        self.passes = 0

    def __iter__(self) -> Iterator[Tensor]:
        self.passes += 1
        yield X[:20]
        if self.passes == 3:
            raise KeyboardInterrupt
        yield X[20:]


def test_an_interrupt_restores_everything() -> None:
    """Interrupted after the first layer was set, statistics, modes and hooks are as before."""
    model = net()
    model(X)
    before = buffers(model)
    with pytest.raises(KeyboardInterrupt):
        recalibrate(model, Interrupted())
    assert all(torch.equal(a, b) for a, b in zip(before, buffers(model), strict=True))
    assert all(m.training and not m._forward_pre_hooks for m in model.modules())


def test_torchs_layers_and_unbiased_variance() -> None:
    """torch's layers, and ours on request, get the variance divided by m - 1."""
    for layer in (
        nn.BatchNorm1d(6, dtype=torch.float64),
        BatchNorm1d(6, variance="unbiased", dtype=torch.float64),
    ):
        recalibrate(layer, X.split(11))
        torch.testing.assert_close(stats(layer)[1], X.var(0, correction=1))


def test_a_layer_called_twice_pools_both_calls() -> None:
    """A shared layer's statistics are those of everything it is called on."""
    layer = BatchNorm1d(6).double()

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = layer

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            """Normalise the input and its double."""
            return self.norm(x), self.norm(2 * x)

    recalibrate(Shared(), X.split(7))
    torch.testing.assert_close(stats(layer)[0], torch.cat([X, 2 * X]).mean(0))


def test_masks_are_honoured() -> None:
    """Positions that a call's mask drops do not enter."""
    layer = convert_batchnorm(nn.BatchNorm1d(6)).double()
    mask = torch.arange(40) % 3 == 0
    recalibrate(layer, [(X, mask)], forward=lambda m, batch: m(batch[0], mask=batch[1]))
    torch.testing.assert_close(stats(layer)[0], X[mask].mean(0))


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (iter([X]), "iterated once per layer, but got an iterator"),
        ([], "at least one batch, but got an empty loader"),
        ([X[:1]], "two finite values or more per channel"),
        ([X * float("nan")], "two finite values or more per channel"),
    ],
)
def test_unusable_loaders_are_refused(loader: list[Tensor], message: str) -> None:
    """One-shot, empty, too short or non-finite data is an error and changes nothing."""
    model = net()
    before = buffers(model)
    with pytest.raises(BatchNormError, match=message):
        recalibrate(model, loader)
    assert all(torch.equal(a, b) for a, b in zip(before, buffers(model), strict=True))


def test_images() -> None:
    """Convolutional layers pool over positions, too."""
    layer = BatchNorm2d(2).double()
    images = normal(6, 2, 3, 3)
    recalibrate(layer, images.split(4))
    for got, expected in zip(stats(layer), moments(images), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
