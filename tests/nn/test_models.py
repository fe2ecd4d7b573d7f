"""The networks that the tool tunes."""

import pytest
import torch
from torch import nn

from tune_bn.nn import MLP, BatchNorm1d, BatchNorm2d, BatchNormError, ConvNet
from tune_bn.nn.models import ACTIVATIONS, NORMS, Dropout

X = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_option_gives_outputs_of_the_right_shape(activation: str, norm: str) -> None:
    """Both networks map a batch to (N, out_features) and every parameter gets a gradient."""
    mlp = MLP(64, 10, width=16, activation=activation, norm=norm)
    conv = ConvNet((1, 8, 8), 10, width=4, activation=activation, norm=norm)
    for model, x in ((mlp, X.flatten(1)), (conv, X)):
        out = model(x)
        out.square().sum().backward()
        assert out.shape == (6, 10)
        assert all(p.grad is not None for p in model.parameters())


def kinds(model: nn.Module) -> list[str]:
    return [type(m).__name__ for m in model.modules() if not list(m.children())]


def test_norm_placements() -> None:
    """Z is normalised by default, a on request, X on request, nothing with "none"."""
    one = {"depth": 1, "width": 8}
    assert kinds(MLP(4, 2, **one)) == ["Linear", "BatchNorm1d", "ReLU", "Linear"]  # type: ignore[arg-type] # ints
    after = MLP(4, 2, depth=1, norm="after_activation", normalize_input=True)
    assert kinds(after) == ["BatchNorm1d", "Linear", "ReLU", "BatchNorm1d", "Linear"]
    assert kinds(MLP(4, 2, depth=1, norm="none")) == ["Linear", "ReLU", "Linear"]


def test_no_bias_before_a_norm() -> None:
    """Layers that batch norm follows have no bias; without batch norm they have one."""
    for norm, has_bias in (("before_activation", False), ("none", True)):
        hidden = [m for m in MLP(4, 2, norm=norm).modules() if isinstance(m, nn.Linear)][:-1]
        assert [m.bias is not None for m in hidden] == [has_bias, has_bias]
    convs = [m for m in ConvNet((1, 8, 8), 2).modules() if isinstance(m, nn.Conv2d)]
    assert all(m.bias is None for m in convs)


def test_decay_reaches_every_layer() -> None:
    """Decay and decays are those of every batch norm in the network."""
    for model in (
        MLP(4, 2, decay=0.8, decays=(0.5, 0.9), normalize_input=True),
        ConvNet((1, 8, 8), 2, decay=0.8, decays=(0.5, 0.9), normalize_input=True),
    ):
        norms = [m for m in model.modules() if isinstance(m, BatchNorm1d | BatchNorm2d)]
        assert len(norms) == 3
        assert all(m.decay == pytest.approx(0.8) and m.decays == (0.5, 0.9) for m in norms)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "softplus"}, "activation to be one of .*'softplus'"),
        ({"norm": "batch"}, "norm to be one of .*'batch'"),
        ({"width": 0}, "width >= 1, but got width=0"),
        ({"depth": -1}, "depth"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    """An unknown word or an impossible size is an error that names it."""
    with pytest.raises(BatchNormError, match=message):
        MLP(4, 2, **options)  # type: ignore[arg-type] # wrong on purpose
    with pytest.raises(BatchNormError, match=message):
        ConvNet((1, 8, 8), 2, **options)  # type: ignore[arg-type] # wrong on purpose


def test_dropout_draws_from_its_own_generator():
    """The same generator drops the same, whatever torch's global one does, and leaves it alone."""
    layer, x = Dropout(0.4), torch.ones(2000)
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        layer.generator = torch.Generator().manual_seed(7)
        found.append(layer(x))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*found)
    assert torch.unique(found[0]).tolist() == [0.0, pytest.approx(1 / 0.6)]
    assert abs(float((found[0] == 0).double().mean()) - 0.4) < 0.05  # 4.5 standard errors
    assert torch.equal(layer.eval()(x), x)
