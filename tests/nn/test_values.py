"""Training output, gradients and statistics against slow, obvious references."""

import pytest
import torch
from torch import Tensor, nn

from tune_bn.nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, EwaBatchNorm

LAYERS: dict[tuple[int, ...], type[EwaBatchNorm]] = {
    (8, 5): BatchNorm1d,
    (4, 5, 3): BatchNorm1d,
    (4, 5, 3, 3): BatchNorm2d,
    (2, 5, 3, 2, 3): BatchNorm3d,
}
AFFINE = ["affine", "weight only", "bias only", "none"]


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def build(cls: type[EwaBatchNorm], affine: str) -> EwaBatchNorm:
    layer = cls(5, affine=affine != "none", bias=affine != "weight only", dtype=torch.float64)
    if affine == "bias only":
        layer.weight = None  # type: ignore[assignment] # torch's own way to drop one of the two
    with torch.no_grad():
        for seed, parameter in enumerate(layer.parameters(), start=10):
            parameter.copy_(normal(5, seed=seed))
    return layer


def plain(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """Equations of algorithm 1 of Ioffe & Szegedy 2015, one line each."""
    dims = [d for d in range(x.dim()) if d != 1]
    shape = [1, -1] + [1] * (x.dim() - 2)
    mean = x.sum(dims, keepdim=True) / (x.numel() / x.shape[1])
    var = ((x - mean) ** 2).sum(dims, keepdim=True) / (x.numel() / x.shape[1])
    y = (x - mean) / torch.sqrt(var + eps)
    y = y if weight is None else y * weight.view(shape)
    return y if bias is None else y + bias.view(shape)


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
@pytest.mark.parametrize("shape", LAYERS, ids=str)
def test_output_and_derivatives_equal_plain_operations(shape: tuple[int, ...], affine: str) -> None:
    """Training output, gradient and second gradient equal the textbook's equations to 1e-12."""
    layer = build(LAYERS[shape], affine)
    x = normal(*shape).requires_grad_()
    got = derivatives(layer(x), x, layer)
    expected = derivatives(plain(x, layer.weight, layer.bias, layer.eps), x, layer)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def statistics_after(
    decay: float, steps: int, *, dtype: torch.dtype, **options: object
) -> tuple[EwaBatchNorm, Tensor, Tensor]:
    """A layer after random batches, and the weighted sums that define its averages."""
    layer = BatchNorm1d(3, decay=decay, dtype=dtype, **options)  # type: ignore[arg-type] # options
    generator = torch.Generator().manual_seed(1)
    weights = [decay ** (steps - i) for i in range(1, steps + 1)]
    total = sum(weights)
    mean, var = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    with torch.no_grad():
        for weight in weights:
            x = torch.randn(4, 3, generator=generator, dtype=dtype) + 0.5
            layer(x)
            mean += x.double().mean(0) * (weight / total)
            var += x.double().var(0, correction=0) * (weight / total)
    return layer, mean, var


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.999, 0.99999, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 30, 10_000])
def test_statistics_are_the_weighted_sums(decay: float, steps: int, dtype: torch.dtype) -> None:
    """After t batches: sum of decay^(t-i) (1 - decay) x_i / (1 - decay^t), to 1e-12 or 1e-6."""
    layer, mean, var = statistics_after(decay, steps, dtype=dtype)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    for got, expected in ((layer.running_mean, mean), (layer.running_var, var)):
        assert got is not None
        torch.testing.assert_close(got.double(), expected, rtol=tolerance, atol=tolerance)
