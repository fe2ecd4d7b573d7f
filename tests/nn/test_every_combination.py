"""Every layer class, with every option, in every wrapper, beside torch's layer in the same."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.func import functional_call
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint

from tests.support.batchnorm import normal, stats
from tune_bn.nn import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    EwaBatchNorm,
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
    SyncBatchNorm,
    convert_batchnorm,
    freeze_stats,
    unfreeze_stats,
)

CHANNELS = 3
STEPS = 2  # before the wrapper, and after it; a whole number of pools
SHAPES: dict[str, tuple[int, ...]] = {
    "1d": (8, CHANNELS), "1d, long": (4, CHANNELS, 5), "2d": (4, CHANNELS, 2, 3),
    "3d": (2, CHANNELS, 2, 3, 2),
}  # fmt: skip
TORCHS: dict[str, type[nn.Module]] = {
    "1d": nn.BatchNorm1d, "1d, long": nn.BatchNorm1d, "2d": nn.BatchNorm2d, "3d": nn.BatchNorm3d
}  # fmt: skip
OURS: dict[str, type[EwaBatchNorm]] = {
    "1d": BatchNorm1d, "1d, long": BatchNorm1d, "2d": BatchNorm2d, "3d": BatchNorm3d
}  # fmt: skip
LAZY: dict[str, type[EwaBatchNorm]] = {
    "1d": LazyBatchNorm1d, "1d, long": LazyBatchNorm1d, "2d": LazyBatchNorm2d, "3d": LazyBatchNorm3d
}  # fmt: skip
# Of torch's constructor, then of this package.
PLAIN_OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {}, "no affine": {"affine": False}, "no bias": {"bias": False},
    "eps": {"eps": 0.1}, "no tracking": {"track_running_stats": False},
}  # fmt: skip
OUR_OPTIONS: dict[str, dict[str, Any]] = {
    "decay 0.999": {"decay": 0.999}, "decay 1": {"decay": 1}, "decay 0": {"decay": 0},
    "decays": {"decays": (0.5, 0.99)}, "unbiased": {"variance": "unbiased"},
    "accumulate": {"accumulate": 2}, "finite": {"skip_nonfinite": True},
    "one value": {"single_value": "running"},
    "all": {"decay": 0.999, "decays": (0.0, 0.99), "accumulate": 2, "skip_nonfinite": True,
            "variance": "unbiased", "single_value": "running"},
}  # fmt: skip
OPTIONS = {**PLAIN_OPTIONS, **OUR_OPTIONS}


def options_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what torch's layer is built with, too, and what is ours alone."""
    options = OPTIONS[name]
    return (options, {}) if name in PLAIN_OPTIONS else ({}, options)


def built(name: str, dims: str) -> nn.Module:
    torchs, own = options_of(name)
    return OURS[dims](CHANNELS, **torchs, **own)


def lazy(name: str, dims: str) -> nn.Module:
    torchs, own = options_of(name)
    return LAZY[dims](**torchs, **own)


def synchronised(name: str, dims: str) -> nn.Module:
    torchs, own = options_of(name)
    return SyncBatchNorm(CHANNELS, **torchs, **own)


def converted(name: str, dims: str) -> nn.Module:
    torchs, own = options_of(name)
    model = nn.Sequential(TORCHS[dims](CHANNELS, **torchs))
    convert_batchnorm(model, **own)
    return model[0]


def converted_twice(name: str, dims: str) -> nn.Module:
    return SyncBatchNorm.convert_sync_batchnorm(converted(name, dims))


def converted_sync(name: str, dims: str) -> nn.Module:
    torchs, own = options_of(name)
    return convert_batchnorm(nn.SyncBatchNorm(CHANNELS, **torchs), **own)


LAYERS = {
    f.__name__: f for f in (built, lazy, synchronised, converted, converted_twice, converted_sync)
}


# --- Wrappers: a trained layer becomes one that is called, and the layer that it calls ----------

Wrapped = tuple[Callable[[Tensor], Any], nn.Module]


def eager(layer: nn.Module, x: Tensor) -> Wrapped:
    return layer, layer


def traced(layer: nn.Module, x: Tensor) -> Wrapped:
    graph = fx.symbolic_trace(nn.Sequential(nn.Identity(), layer))
    return graph, graph.get_submodule("1")


def deep_copied(layer: nn.Module, x: Tensor) -> Wrapped:
    twin = copy.deepcopy(layer)
    return twin, twin


def pickled(layer: nn.Module, x: Tensor) -> Wrapped:
    twin = pickle.loads(pickle.dumps(layer))
    return twin, twin


def saved(layer: nn.Module, x: Tensor) -> Wrapped:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    twin = torch.load(file, weights_only=False)
    return twin, twin


def of_an_average(layer: nn.Module, x: Tensor) -> Wrapped:
    average: Any = AveragedModel(nn.Sequential(layer), use_buffers=True)
    for _ in range(3):
        average.update_parameters(nn.Sequential(layer))
    average.eval()(x)
    average.train()
    return average, average.module[0]


def of_the_meta_device(layer: nn.Module, x: Tensor) -> Wrapped:
    twin = copy.deepcopy(layer).to("meta")
    twin.to_empty(device="cpu")
    for buffer in twin.buffers():  # what fresh memory may hold
        buffer.fill_(float("nan") if buffer.is_floating_point() else 7)
    twin.load_state_dict(layer.state_dict())
    return twin, twin


def assigned(layer: nn.Module, x: Tensor) -> Wrapped:
    twin = copy.deepcopy(layer).to("meta")
    twin.load_state_dict(layer.state_dict(), assign=True)
    return twin, twin


def double(layer: nn.Module, x: Tensor) -> Wrapped:
    layer.double()
    return lambda x: layer(x.double()).float(), layer


def there_and_back(layer: nn.Module, x: Tensor) -> Wrapped:
    layer.double().eval()(x.double())
    layer.float().train()
    return layer, layer


def looked_at_under_inference_mode(layer: nn.Module, x: Tensor) -> Wrapped:
    with torch.inference_mode():
        layer.eval()(x)
    layer.train()
    return layer, layer


def frozen_for_a_while(layer: Any, x: Tensor) -> Wrapped:
    if layer.running_mean is None:
        return layer, layer
    layer.track_running_stats = False
    layer(x * 9)
    layer.track_running_stats = True
    if isinstance(layer, EwaBatchNorm):
        freeze_stats(layer)
        layer(x * 9)
        unfreeze_stats(layer)
    return layer, layer


def checkpointed(layer: nn.Module, x: Tensor) -> Wrapped:
    return partial(checkpoint, layer, use_reentrant=False), layer


def functional(layer: nn.Module, x: Tensor) -> Wrapped:
    tensors = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
    return lambda x: functional_call(layer, tensors, (x,)), layer


def restored(layer: nn.Module, x: Tensor) -> Wrapped:
    """As early stopping does: the best state is put back after more steps."""
    state = {k: v.clone() for k, v in layer.state_dict().items()}
    for _ in range(3):
        layer(x * 9)
    layer.load_state_dict(state)
    return layer, layer


def compiled(layer: nn.Module, x: Tensor) -> Wrapped:
    torch._dynamo.reset()
    return torch.compile(layer, backend="aot_eager"), layer


WRAPPERS = (
    eager, traced, deep_copied, pickled, saved, of_an_average, of_the_meta_device, assigned,
    double, there_and_back, looked_at_under_inference_mode, frozen_for_a_while, checkpointed,
    functional, restored,
)  # fmt: skip
# A state_dict has torch's keys, so what is kept beside it starts from the running statistics.
THROUGH_STATE = {of_the_meta_device, assigned, restored}
COUNTED_TWICE = {checkpointed}  # by torch


# --- Beside torch's layer, and beside what the averages are defined as --------------------------


def batches(dims: str) -> list[Tensor]:
    shape = SHAPES[dims]
    scale = torch.tensor([0.1, 1.0, 10.0]).view(-1, *[1] * (len(shape) - 2))
    return [(normal(*shape, seed=s, dtype=torch.float32) + s) * scale for s in range(2 * STEPS)]


def assert_close(got: Tensor, expected: Tensor) -> None:
    """Raises where two differ; a tenth of the time of torch's, of which this needs 50,000."""
    assert torch.allclose(got, expected, rtol=1e-4, atol=1e-4), f"{got} instead of {expected}"


def averages(of: list[Tensor], decay: float, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Returns weighted sums over batches (or pools), each weight written out."""
    size = options.get("accumulate", 1)
    pools = [torch.cat(of[i : i + size]).double() for i in range(0, len(of), size)]
    dims = [0, *range(2, of[0].dim())]
    correction = int(options.get("variance") == "unbiased")
    weights = torch.tensor([decay ** (len(pools) - 1 - i) for i in range(len(pools))]).double()
    weights /= weights.sum()
    mean = sum(w * p.mean(dims) for w, p in zip(weights, pools, strict=True))
    var = sum(w * p.var(dims, correction=correction) for w, p in zip(weights, pools, strict=True))
    assert isinstance(mean, Tensor)
    assert isinstance(var, Tensor)
    return mean, var


def compare(ours: nn.Module, options: str, dims: str, wrap: Callable[..., Wrapped]) -> None:
    """Raises where a layer that was trained, wrapped and trained on differs from torch's."""
    torchs, own = options_of(options)
    theirs: Any = TORCHS[dims](CHANNELS, **torchs)
    seen = batches(dims)
    pair: list[tuple[Any, Any]] = [(ours, ours), (theirs, theirs)]
    for step, x in enumerate(seen):
        if step == STEPS:
            pair = [wrap(layer, x) for _, layer in pair]
        outcomes = []
        for call, layer in pair:
            layer.zero_grad()
            leaf = x.clone().requires_grad_()
            y = call(leaf)
            y.pow(3).sum().backward()
            outcomes.append([y.detach(), leaf.grad, *(p.grad for p in layer.parameters())])
        for got, expected in zip(*outcomes, strict=True):
            assert_close(got, expected)
    (call, layer), (_, twin) = pair
    if twin.running_mean is None:
        assert layer.running_mean is None
    else:
        decay = getattr(layer, "decay", 0.9)
        for got, expected in zip(stats(layer), averages(seen, decay, own), strict=True):
            assert_close(got.double(), expected)
        for kept in layer.decays if wrap not in THROUGH_STATE else ():
            for got, expected in zip(layer.track(kept), averages(seen, kept, own), strict=True):
                assert_close(got.double(), expected)
        if wrap not in COUNTED_TWICE:
            assert int(layer.num_batches_tracked) * layer.accumulate == twin.num_batches_tracked
        for name in ("running_mean", "running_var"):
            setattr(twin, name, getattr(layer, name).clone())
    for one in (layer, twin):
        one.eval()
    if wrap not in (double, functional):
        assert_close(call(seen[0]), twin(seen[0]))


PAIRS = [
    *(("built", dims) for dims in SHAPES), ("lazy", "2d"), ("synchronised", "1d, long"),
    ("converted", "3d"), ("converted_twice", "2d"), ("converted_sync", "1d"),
]  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize(("layer", "dims"), PAIRS)
def test_a_layer_is_torchs_with_corrected_averages(
    layer: str, dims: str, wrap: Callable[..., Wrapped]
) -> None:
    """Outputs, gradients and count are torch's, averages what they are defined as."""
    failed = {}
    for options in OPTIONS:
        try:
            compare(LAYERS[layer](options, dims), options, dims, wrap)
        except Exception as error:
            failed[options] = error
    assert not failed


@pytest.mark.heavy
@pytest.mark.parametrize("layer", ["built", pytest.param("synchronised", marks=pytest.mark.slow)])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_compiled_layer_is_torchs_with_corrected_averages(options: str, layer: str) -> None:
    """The same for a layer that is compiled in the middle of its training."""
    compare(LAYERS[layer](options, "1d"), options, "1d", compiled)


@pytest.mark.parametrize("wrong", ["momentum", "missed"])
def test_the_judge_sees_wrong_averages(wrong: str) -> None:
    """A decay that was changed in the middle, and batches that were missed, are seen."""
    layer: Any = built("nothing", "1d")

    def wrap(one: Any, x: Tensor) -> Wrapped:
        if one is layer and wrong == "missed":
            one.stats_paused = True
            one(x)
            one.num_batches_tracked.add_(1)
        elif one is layer:
            one.momentum = 0.2
        return one, one

    with pytest.raises(AssertionError):
        compare(layer, "nothing", "1d", wrap)
