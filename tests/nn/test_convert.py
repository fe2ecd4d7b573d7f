"""To and from torch's layers."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.batchnorm import count, normal, stats
from tune_bn.nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    BatchNormError,
    EwaBatchNorm,
    LazyBatchNorm2d,
    SyncBatchNorm,
    convert_batchnorm,
    to_torch,
)

X = normal(8, 2, 6, 6, dtype=torch.float32)


def net(cls2: Any = nn.BatchNorm2d, cls1: Any = nn.BatchNorm1d) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(2, 4, 3), cls2(4), nn.Sequential(nn.ReLU(), nn.Flatten()),
            nn.Linear(64, 5), cls1(5),
        )  # fmt: skip


def test_converting_keeps_tensors_and_inference() -> None:
    """The converted model shares parameters and buffers with the old and infers the same."""
    model = net()
    for _ in range(3):
        model(X)
    model.eval()
    expected, before = model(X), [*model.parameters(), *model.buffers()]
    assert convert_batchnorm(model) is model
    assert [type(m) for m in model if isinstance(m, EwaBatchNorm)] == [BatchNorm2d, BatchNorm1d]
    assert all(a is b for a, b in zip(before, [*model.parameters(), *model.buffers()], strict=True))
    assert torch.equal(model(X), expected)
    assert not any(m.training for m in model.modules())


def test_converting_takes_options_momentum_and_hooks_along() -> None:
    """Options go to every layer; each keeps its own momentum unless one is given; hooks stay."""
    model = nn.Sequential(nn.BatchNorm2d(2, momentum=0.25, affine=False))
    calls: list[int] = []
    model[0].register_forward_hook(lambda *_: calls.append(1))
    convert_batchnorm(model, decays=(0.5,), accumulate=2)
    layer = model[0]
    assert isinstance(layer, BatchNorm2d)
    assert (layer.decay, layer.decays, layer.accumulate) == (0.75, (0.5,), 2)
    model(X)
    assert calls == [1]
    given = convert_batchnorm(nn.BatchNorm3d(2), decay=0.5)
    assert isinstance(given, BatchNorm3d)
    assert given.decay == 0.5


def test_there_and_back() -> None:
    """convert_batchnorm and to_torch undo each other: exact classes, same repr, same state."""
    model = net()
    model(X)
    before, text = {k: v.clone() for k, v in model.state_dict().items()}, repr(model)
    to_torch(convert_batchnorm(model, decays=(0.5, 0.9), skip_nonfinite=True))
    assert [type(m) for m in (model[1], model[4])] == [nn.BatchNorm2d, nn.BatchNorm1d]
    assert repr(model) == text
    assert vars(model[1]).keys() == vars(nn.BatchNorm2d(4)).keys()
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_a_shared_layer_stays_shared() -> None:
    """A layer that a model holds twice is converted once."""
    layer = nn.BatchNorm1d(3)
    model = convert_batchnorm(nn.Sequential(layer, nn.ReLU(), layer))
    assert isinstance(model, nn.Sequential)
    assert model[0] is model[2]


def test_the_start_can_be_taken_out() -> None:
    """correct=True turns torch's mixture of start and data into the corrected average."""
    theirs = nn.BatchNorm1d(3, momentum=0.01).double()
    ours = BatchNorm1d(3, momentum=0.01, variance="unbiased", dtype=torch.float64)
    for seed in range(4):
        for layer in (theirs, ours):
            layer(normal(8, 3, seed=seed) + 5)
    converted = convert_batchnorm(theirs, correct=True, variance="unbiased")
    for got, expected in zip(stats(converted), stats(ours), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


def test_other_subclasses_are_refused_or_kept() -> None:
    """A subclass with behaviour of its own is refused by name, or kept on request; nothing half."""

    class Special(nn.BatchNorm2d):
        pass

    model = net(cls1=nn.LazyBatchNorm1d, cls2=Special)
    model.append(nn.BatchNorm1d(5))
    with pytest.raises(BatchNormError, match=r"torch's own layers.*, but got a .*Special"):
        convert_batchnorm(model)
    assert type(model[5]) is nn.BatchNorm1d
    convert_batchnorm(model, unknown="keep")
    assert type(model[1]) is Special
    assert type(model[5]) is BatchNorm1d


class OfTorchs(nn.BatchNorm2d):
    """As timm's BatchNormAct2d and many others' layers do: more than batch norm in one layer."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Normalises and activates."""
        return super().forward(input).relu()


class OfOurs(BatchNorm2d):
    """The same around this package's layer."""

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:  # noqa: A002
        """Normalises and activates."""
        return super().forward(input, mask).relu()


@pytest.mark.parametrize("kind", [OfTorchs, OfOurs, nn.LazyBatchNorm2d, LazyBatchNorm2d])
def test_what_a_subclass_does_is_never_lost(kind: Any) -> None:
    """Conversions to synchronised layers refuse it, to torch's if it is ours; nothing is half."""
    is_lazy = issubclass(kind, nn.modules.lazy.LazyModuleMixin)
    model = nn.Sequential(BatchNorm2d(3), kind() if is_lazy else kind(3))
    with pytest.raises(BatchNormError, match=f"got a .*{kind.__name__}, whose"):
        SyncBatchNorm.convert_sync_batchnorm(model)
    if issubclass(kind, EwaBatchNorm):
        with pytest.raises(BatchNormError, match=f"got a .*{kind.__name__}, whose"):
            to_torch(model)
    else:
        to_torch(model)
    assert type(model[1]) is kind


def test_unknown_options_are_refused() -> None:
    """A misspelt option is an error even if the model has no layer to convert."""
    with pytest.raises(BatchNormError, match="'decya'"):
        convert_batchnorm(nn.ReLU(), decya=0.9)


def test_a_half_precision_model_comes_back_whole() -> None:
    """to_torch of a half-precision model gives torch statistics of the parameters' type."""
    layer = to_torch(BatchNorm1d(3).half())
    assert stats(layer)[0].dtype == torch.float16
    assert layer(normal(8, 3).half()).dtype == torch.float16


def test_synchronised_layers_convert() -> None:
    """torch's SyncBatchNorm becomes ours and back, and any layer becomes synchronised."""
    sync = convert_batchnorm(nn.SyncBatchNorm(3))
    assert type(sync) is SyncBatchNorm
    assert type(to_torch(sync)) is nn.SyncBatchNorm
    model = net(cls2=BatchNorm2d)
    model(X)
    before = [b.clone() for b in model.buffers()]
    SyncBatchNorm.convert_sync_batchnorm(model)
    assert [type(model[1]), type(model[4])] == [SyncBatchNorm, SyncBatchNorm]
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))
    assert count(model[1]) == 1
