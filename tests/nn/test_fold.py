"""Folding batch norm away, and the biases it cancels."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize, prune

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
    """Gives every parameter and statistic a value of its own."""
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
        """Adds the convolution's output to its normalised self."""
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
        """Calls both."""
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


class Activated(nn.BatchNorm2d):
    """As timm's BatchNormAct2d: the activation is in the layer."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalises and activates."""
        return super().forward(input).relu()


class OursActivated(BatchNorm2d):
    """The same around this package's layer."""

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: A002
        """Normalises and activates."""
        return super().forward(input, mask).relu()


@pytest.mark.parametrize("kind", [Activated, OursActivated])
def test_what_a_subclass_does_is_not_folded_away(kind: Any) -> None:
    """A norm that does more than normalise is named, or left in place."""
    model = trained(nn.Sequential(nn.Conv2d(1, 1, 3), kind(1)), X)
    with pytest.raises(BatchNormError, match=f"'1': a {kind.__name__} may do more than batch norm"):
        fold_batchnorm(model)
    torch.testing.assert_close(fold_batchnorm(model, partial=True)(X), model(X))
    assert redundant_biases(model) == []


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


def pruned(layer: nn.Module) -> None:
    prune.l1_unstructured(layer, "weight", 0.5)


def old_weight_norm(layer: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(layer)


def weight_norm(layer: nn.Module) -> None:
    nn.utils.parametrizations.weight_norm(layer)


class Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """Parametrise by the double."""
        return 2 * x


def parametrised(layer: nn.Module) -> None:
    parametrize.register_parametrization(layer, "weight", Double())


@pytest.mark.parametrize("change", [pruned, old_weight_norm, weight_norm, parametrised])
@pytest.mark.parametrize("place", [0, 1])
def test_weights_made_at_each_call_are_folded_as_they_are(change: Any, place: int) -> None:
    """Of a convolution or a norm, after a step that left them with a history, too."""
    if place == 1 and change in (old_weight_norm, weight_norm):
        pytest.skip("a norm of one number a channel")
    model = nn.Sequential(nn.Conv2d(1, 4, 3), BatchNorm2d(4))
    change(model[place])
    model(X * 2 + 1).sum().backward()
    model.eval()
    folded = fold_batchnorm(model)
    torch.testing.assert_close(folded(X), model(X), rtol=1e-5, atol=1e-5)
    assert norms(folded) == []
    assert {name for name, _ in folded.named_parameters()} == {"0.weight", "0.bias"}
    model.train()(X).sum().backward()  # the old one still trains


def with_hook(place: int, kind: str) -> nn.Module:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Dropout(), BatchNorm2d(4))
    if kind == "forward":
        model[place].register_forward_hook(lambda m, args, out: out.relu())
    else:
        model[place].register_forward_pre_hook(lambda m, args: (args[0] * 3,))
    return trained(model, X)


@pytest.mark.parametrize("kind", ["forward", "before"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_a_hook_does_is_not_lost(place: int, kind: str) -> None:
    """A hook on the norm, its neighbour or what lies between is named; partial=True keeps it."""
    if (place, kind) == (0, "before"):
        pytest.skip("what comes in does not matter")
    model = with_hook(place, kind)
    with pytest.raises(BatchNormError, match="hooks" if place else "of its own is right beside"):
        fold_batchnorm(model)
    kept = fold_batchnorm(model, partial=True)
    torch.testing.assert_close(kept(X), model(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "good", "bad"),
    [
        (nn.Sequential(nn.Linear(6, 6), BatchNorm1d(6)), (5, 6), (5, 6, 6)),
        (nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6)), (5, 6), (5, 6, 6)),
        (nn.Sequential(nn.ReLU(), BatchNorm1d(6), nn.Linear(6, 6)), (5, 6), (5, 6, 6)),
        (nn.Sequential(nn.Linear(6, 6), BatchNorm2d(6)), (5, 6), (5, 6, 2, 6)),
        (nn.Sequential(nn.Conv1d(6, 6, 1), BatchNorm1d(6)), (5, 6, 4), (6, 6)),
    ],
)
def test_a_folded_axis_is_never_mistaken(
    model: nn.Module, good: tuple[int, ...], bad: tuple[int, ...]
) -> None:
    """With as many steps as features the axes look alike: such an input is refused, not folded."""
    sample = bad if isinstance(model[1], BatchNorm2d) else good  # type: ignore[index] # a Sequential
    model = trained(model, normal(*sample, dtype=torch.float32))
    folded = fold_batchnorm(model)
    if not isinstance(model[1], BatchNorm2d):  # type: ignore[index] # a Sequential
        x = normal(*good, seed=1, dtype=torch.float32)
        torch.testing.assert_close(folded(x), model(x), rtol=1e-5, atol=1e-5)
    with pytest.raises(AssertionError, match="folded for inputs .* another number of dimensions"):
        folded(normal(*bad, dtype=torch.float32))


def test_a_folded_model_is_traced_scripted_and_folded_again() -> None:
    """What takes a norm's place stands in nobody's way."""
    model = trained(nn.Sequential(nn.Linear(64, 4), BatchNorm1d(4), nn.ReLU()), X.flatten(1))
    folded = fold_batchnorm(model)
    x = X.flatten(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = [
            torch.fx.symbolic_trace(folded), torch.jit.script(folded),
            torch.export.export(folded, (x,)).module(), fold_batchnorm(folded),
        ]  # fmt: skip
    for one in made:
        torch.testing.assert_close(one(x), model(x), rtol=1e-5, atol=1e-5)


class Masked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(8, 4), BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        """Drops the first row."""
        mask = torch.arange(16) > 0
        return self.norm(self.linear(x), mask)  # type: ignore[no-any-return] # Module's call


def test_a_call_with_a_mask_is_not_folded() -> None:
    """Positions that the mask drops come out as 0, which no weight can do."""
    x = normal(16, 8, dtype=torch.float32)
    model = trained(Masked(), x)
    with pytest.raises(BatchNormError, match="called with a mask"):
        fold_batchnorm(model)
    torch.testing.assert_close(fold_batchnorm(model, partial=True)(x), model(x))


def test_hooked_layers_biases_are_not_called_redundant() -> None:
    """A hook may use them, and a norm of another axis does not cancel them."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), BatchNorm2d(4))
    assert redundant_biases(model) == ["0"]
    model[0].register_forward_hook(lambda m, args, out: out.relu())
    assert redundant_biases(model) == []
    assert redundant_biases(nn.Sequential(nn.Linear(4, 6), BatchNorm1d(5))) == []
