"""Folding batch norm away, and the biases it cancels."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tests.support.batchnorm import normal
from tune_bn.nn import (
    MLP,
    BatchNorm1d,
    BatchNorm2d,
    BatchNormError,
    ConvNet,
    fold_batchnorm,
    redundant_biases,
)

X = normal(16, 1, 8, 8, dtype=torch.float32)


def trained(model: nn.Module, x: Tensor) -> nn.Module:
    """Give every parameter and statistic a value of its own."""
    with torch.no_grad():
        for seed, p in enumerate(model.parameters()):
            p.copy_(normal(*p.shape, seed=seed, dtype=p.dtype) * 0.3)
        for _ in range(3):
            model(x * 2 + 1)
    return model.eval()


def norms(model: nn.Module) -> list[str]:
    return [name for name, m in model.named_modules() if isinstance(m, _BatchNorm)]


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (MLP(64, 3, width=16, dropout=0.5), X.flatten(1)),
        (MLP(64, 3, width=16, norm="after_activation", normalize_input=True), X.flatten(1)),
        (ConvNet((1, 8, 8), 3, width=4), X),
        (nn.Sequential(nn.Conv1d(8, 6, 3, groups=2), nn.BatchNorm1d(6)), X[:, 0]),
        (
            nn.Sequential(nn.Conv3d(1, 4, 3, bias=False), nn.BatchNorm3d(4, affine=False)),
            X.view(2, 1, 8, 8, 8),
        ),
        (nn.Sequential(nn.Linear(8, 6), nn.Identity(), BatchNorm1d(6, bias=False)), X[0, 0]),
    ],
)
def test_folding_keeps_the_outputs(model: nn.Module, x: Tensor) -> None:
    """The folded model has no batch norm and gives the same to 1e-5; the old one stays."""
    model = trained(model, x)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    folded = fold_batchnorm(model)
    assert norms(folded) == []
    assert not any(m.training for m in folded.modules())
    torch.testing.assert_close(folded(x), model(x), rtol=1e-5, atol=1e-5)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


class Residual(nn.Module):
    """Reads the convolution's output twice, so its batch norm must stay."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 1, 3, padding=1), BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Add the convolution's output to its normalised self."""
        z = self.conv(x)
        return z + self.norm(z)  # type: ignore[no-any-return] # Module's call is untyped


class Tied(nn.Module):
    """Two convolutions with one weight, of which one is normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)
        self.second.weight = self.first.weight
        self.norm = BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Call both."""
        return self.second(self.norm(self.first(x)))  # type: ignore[no-any-return] # untyped


def twice() -> nn.Module:
    conv, norm = nn.Conv2d(1, 1, 3, padding=1), BatchNorm2d(1)
    return nn.Sequential(conv, norm, conv, norm)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Residual, "no Linear or Conv of its own is right beside it"),
        (Tied, "no Linear or Conv of its own is right beside it"),
        (twice, "calls it more than once"),
        (lambda: nn.Sequential(BatchNorm2d(1), nn.Conv2d(1, 1, 3, padding=1)), "right beside it"),
        (
            lambda: nn.Sequential(nn.Conv2d(1, 1, 3), BatchNorm2d(1, track_running_stats=False)),
            "no running statistics",
        ),
    ],
)
def test_what_cannot_be_folded_is_refused_or_left(make: Any, reason: str) -> None:
    """A norm whose layer is shared, read elsewhere or absent is named; partial=True keeps it."""
    model = trained(make(), X)
    with pytest.raises(BatchNormError, match=reason):
        fold_batchnorm(model)
    kept = fold_batchnorm(model, partial=True)
    assert norms(kept)
    torch.testing.assert_close(kept(X), model(X), rtol=1e-5, atol=1e-5)


def test_the_largest_error_of_a_wrong_fold_is_seen() -> None:
    """The comparison above would notice eps left out of the fold."""
    model = trained(nn.Sequential(nn.Linear(8, 6), BatchNorm1d(6, eps=0.1)), X[0, 0])
    wrong = trained(nn.Sequential(nn.Linear(8, 6), BatchNorm1d(6, eps=0.1)), X[0, 0])
    wrong.load_state_dict(model.state_dict())
    wrong[1].eps = 1e-12  # type: ignore[index] # a Sequential
    assert not torch.allclose(fold_batchnorm(wrong)(X[0, 0]), model(X[0, 0]), atol=1e-5)


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """Branch on a value, which no tracer can follow."""
        return x if x.sum() > 0 else -x


def test_an_untraceable_model_is_refused() -> None:
    """The error says that torch.fx cannot trace it, and what to do."""
    for call in (fold_batchnorm, redundant_biases):
        with pytest.raises(BatchNormError, match=r"torch\.fx can trace, but got a Sequential"):
            call(nn.Sequential(Branching()))


def test_redundant_biases_are_named() -> None:
    """Only layers with a bias that reaches batch norm alone are named."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), BatchNorm2d(2), nn.ReLU(),
        nn.Conv2d(2, 2, 3, bias=False), nn.BatchNorm2d(2), nn.Flatten(),
        nn.Linear(32, 3), BatchNorm1d(3), nn.Linear(3, 3), nn.ReLU(),
    )  # fmt: skip
    assert redundant_biases(model) == ["0", "6"]
    assert redundant_biases(Residual()) == []
    for ours in (MLP(4, 2), ConvNet((1, 8, 8), 2)):
        assert redundant_biases(ours) == []


def test_a_redundant_bias_gets_no_gradient() -> None:
    """What redundant_biases says is so: the named bias has a gradient of rounding size only."""
    model = nn.Sequential(nn.Linear(4, 3).double(), BatchNorm1d(3, dtype=torch.float64))
    model(normal(8, 4)).pow(3).sum().backward()
    weight, bias = model[0].parameters()
    assert bias.grad is not None
    assert weight.grad is not None
    assert bias.grad.abs().max() < 1e-12 * weight.grad.abs().max()
