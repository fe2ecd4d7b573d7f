"""Training output, gradients and statistics against slow, obvious references."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from tests.support.batchnorm import LAYERS, SHAPES, count, moments, normal, plain, stats
from tune_bn.nn import BatchNorm1d, EwaBatchNorm

AFFINE = ["affine", "weight only", "bias only", "none"]


def build(cls: type[EwaBatchNorm], affine: str) -> EwaBatchNorm:
    layer = cls(5, affine=affine != "none", bias=affine != "weight only", dtype=torch.float64)
    if affine == "bias only":
        layer.weight = None  # type: ignore[assignment] # torch's own way to drop one of the two
    with torch.no_grad():
        for seed, parameter in enumerate(layer.parameters(), start=10):
            parameter.copy_(normal(5, seed=seed))
    return layer


def derivatives(y: Tensor, x: Tensor, layer: nn.Module) -> list[Tensor]:
    """Output, first and second derivatives of a nonlinear function of the output."""
    inputs = [x, *layer.parameters()]
    first = torch.autograd.grad(
        (y * normal(*y.shape, seed=7)).sin().sum(), inputs, create_graph=True
    )
    scalar = sum((g * normal(*g.shape, seed=8)).sum() for g in first)
    assert isinstance(scalar, Tensor)
    second = torch.autograd.grad(scalar, inputs, allow_unused=True)
    return [y, *first, *(torch.zeros(()) if s is None else s for s in second)]


@pytest.mark.parametrize("affine", AFFINE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_and_derivatives_equal_plain_operations(shape: tuple[int, ...], affine: str) -> None:
    """Training output, gradient and second gradient equal the textbook's equations to 1e-12."""
    layer = build(LAYERS[len(shape)], affine)
    x = normal(*shape).requires_grad_()
    got = derivatives(layer(x), x, layer)
    expected = derivatives(plain(x, layer.weight, layer.bias, layer.eps), x, layer)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def statistics_after(
    decay: float, steps: int, rows: int, *, dtype: torch.dtype, **options: object
) -> tuple[EwaBatchNorm, Tensor, Tensor]:
    """A layer after random batches, and the weighted sums that define its averages."""
    layer = BatchNorm1d(3, decay=decay, dtype=dtype, **options)  # type: ignore[arg-type] # options
    generator = torch.Generator().manual_seed(1)
    weights = [decay ** (steps - i) for i in range(1, steps + 1)]
    total = sum(weights)
    mean, var = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    with torch.no_grad():
        for weight in weights:
            x = torch.randn(rows, 3, generator=generator, dtype=dtype) + 0.5
            layer(x)
            mean += x.double().mean(0) * (weight / total)
            var += x.double().var(0, correction=0) * (weight / total)
    return layer, mean, var


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize(
    ("steps", "rows", "decay"),
    [
        *product((1, 2, 30), (4, 17), (0.0, 0.5, 0.9, 0.999, 0.99999, 1.0)),
        *product((10_000,), (17,), (0.9, 0.99999, 1.0)),  # a smaller one forgets, as in 30 steps
    ],
)
def test_statistics_are_the_weighted_sums(
    steps: int, rows: int, decay: float, dtype: torch.dtype
) -> None:
    """After t batches: sum of decay^(t-i) (1 - decay) x_i / (1 - decay^t), to 1e-12 or 1e-6."""
    layer, mean, var = statistics_after(decay, steps, rows, dtype=dtype)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    for got, expected in ((layer.running_mean, mean), (layer.running_var, var)):
        assert got is not None
        torch.testing.assert_close(got.double(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999, 0.99999, 1.0])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_batch_is_enough(shape: tuple[int, ...], decay: float) -> None:
    """After one training batch, inference gives what training gave, whatever the decay."""
    layer = LAYERS[len(shape)](5, decay=decay, dtype=torch.float64)
    x = normal(*shape) * 1e-3 + 50
    in_training = layer(x)
    torch.testing.assert_close(layer.eval()(x), in_training, rtol=1e-9, atol=1e-9)
    for got, expected in zip(stats(layer), moments(x), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rows", [8, 32])
def test_unbiased_variance_on_request(rows: int) -> None:
    """variance="unbiased" keeps the variance divided by m - 1; training still uses 1 / m."""
    x = normal(rows, 5)
    layer = BatchNorm1d(5, variance="unbiased", dtype=torch.float64)
    torch.testing.assert_close(layer(x), plain(x, None, None, layer.eps))
    torch.testing.assert_close(stats(layer)[1], x.var(0, correction=1), rtol=1e-12, atol=0)


@pytest.mark.parametrize("rows", [8, 32])
def test_a_batch_that_fails_leaves_the_statistics(rows: int) -> None:
    """An input of a type that the kernel refuses changes neither statistics nor count."""
    layer = BatchNorm1d(3)
    layer(normal(rows, 3, dtype=torch.float32) * 3)
    before = [b.clone() for b in layer.buffers()]
    with pytest.raises(RuntimeError, match="datatype|scalar type"):
        layer(normal(rows, 3))
    for got, expected in zip(layer.buffers(), before, strict=True):
        torch.testing.assert_close(got, expected, rtol=3e-7, atol=0)  # one rounding each way


def test_momentum_is_one_minus_decay() -> None:
    """Either word builds the same layer, and each can be read and set on it."""
    assert BatchNorm1d(2, momentum=0.25).decay == 0.75
    assert BatchNorm1d(2, decay=0.75).momentum == 0.25
    assert BatchNorm1d(2).decay == 0.9
    layer = BatchNorm1d(2)
    layer.decay = 0.5
    assert layer.momentum == 0.5


def test_no_momentum_is_the_plain_average() -> None:
    """momentum=None and decay=1 both average all batches alike, as in torch."""
    batches = [normal(4, 3, seed=s) for s in range(5)]
    expected = torch.stack([b.mean(0) for b in batches]).mean(0)
    for layer in (
        BatchNorm1d(3, momentum=None, dtype=torch.float64),
        BatchNorm1d(3, decay=1.0, dtype=torch.float64),
    ):
        for batch in batches:
            layer(batch)
        assert layer.decay == 1.0
        torch.testing.assert_close(stats(layer)[0], expected, rtol=1e-12, atol=1e-12)


def test_momentum_zero_keeps_the_statistics() -> None:
    """momentum=0, which torch code sets to stop the statistics, stops them here too."""
    layer = BatchNorm1d(3, momentum=0.0, dtype=torch.float64)
    layer(normal(4, 3))
    assert stats(layer)[0].abs().max() == 0
    assert stats(layer)[1].eq(1).all()


def test_an_empty_batch_changes_nothing() -> None:
    """A batch of no rows gives no rows and leaves statistics and count alone."""
    layer = BatchNorm1d(3)
    assert layer(torch.zeros(0, 3)).shape == (0, 3)
    assert count(layer) == 0
    assert stats(layer)[1].eq(1).all()


def test_without_statistics_inference_uses_the_batch() -> None:
    """track_running_stats=False normalises by the batch in both modes, as in torch."""
    layer = BatchNorm1d(3, track_running_stats=False, dtype=torch.float64)
    x = normal(8, 3)
    in_training = layer(x)
    assert torch.equal(layer.eval()(x), in_training)
