"""The layers in torch's own machinery: state, casting, copying, functional calls, averaging."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, update_bn
from torch.utils.data import DataLoader

from tests.support.batchnorm import LAYERS, SHAPES, count, moments, normal, stats
from tune_bn.nn import (
    MLP,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
    no_stats_update,
)

NAMES = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


def f32(*shape: int, seed: int = 0) -> Tensor:
    return normal(*shape, seed=seed, dtype=torch.float32)


@pytest.mark.parametrize("cls", [BatchNorm1d, BatchNorm2d, BatchNorm3d])
def test_instances_of_torchs_classes(cls: type[nn.Module]) -> None:
    """Code that asks isinstance finds torch's layer of the same dimension."""
    assert isinstance(cls(3), getattr(nn, cls.__name__))
    assert isinstance(cls(3), _BatchNorm)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_state_goes_both_ways(shape: tuple[int, ...]) -> None:
    """A state_dict loads strictly into torch's layer and back, and inference agrees."""
    ours = LAYERS[len(shape)](5)
    theirs = getattr(nn, type(ours).__name__)(5)
    x = f32(*shape)
    for source, target in ((ours, theirs), (theirs, ours)):
        source.train()(x)
        target.load_state_dict(source.state_dict())
        torch.testing.assert_close(target.eval()(x), source.eval()(x))


def test_a_state_without_count_counts_as_mature() -> None:
    """Statistics from files older than num_batches_tracked are not thrown away by one batch."""
    old = nn.BatchNorm1d(3)
    for seed in range(50):
        old(f32(8, 3, seed=seed) + 5)
    state = {k: v for k, v in old.state_dict().items() if k != "num_batches_tracked"}
    layer = BatchNorm1d(3)
    layer.load_state_dict(state, strict=False)
    layer(f32(8, 3, seed=99))
    torch.testing.assert_close(stats(layer)[0], 0.9 * stats(old)[0], rtol=0, atol=0.2)
    assert count(BatchNorm1d(3)) == 0


def test_update_bn_gives_the_plain_average() -> None:
    """torch.optim.swa_utils.update_bn resets, averages all batches alike, and restores momentum."""
    layer = BatchNorm1d(3, decay=0.5)
    batches = [f32(8, 3, seed=s) for s in range(5)]
    loader: DataLoader[Any] = DataLoader(batches, batch_size=None)  # type: ignore[arg-type] # a list
    model = AveragedModel(nn.Sequential(layer))
    update_bn(loader, model)
    (layer,) = (m for m in model.modules() if isinstance(m, BatchNorm1d))
    assert layer.decay == 0.5
    expected = torch.stack([torch.stack(moments(b)) for b in batches]).mean(0)
    torch.testing.assert_close(torch.stack(stats(layer)), expected)


def test_fused_with_a_conv_or_linear_by_torch() -> None:
    """torch's fuse_conv_bn_eval and fuse_linear_bn_eval read the layers as they read torch's."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv, linear = nn.Conv2d(2, 3, 3), nn.Linear(4, 3)
    norm2, norm1, image, row = BatchNorm2d(3), BatchNorm1d(3), f32(4, 2, 6, 6), f32(8, 4)
    norm2(conv(image)), norm1(linear(row))
    for module in (conv, norm2, linear, norm1):
        module.eval()
    expected = [norm2(conv(image)), norm1(linear(row))]
    torch.testing.assert_close(fuse_conv_bn_eval(conv, norm2)(image), expected[0])
    torch.testing.assert_close(fuse_linear_bn_eval(linear, norm1)(row), expected[1])


@pytest.mark.parametrize(
    ("cls", "shape"),
    [
        (LazyBatchNorm1d, (8, 5)),
        (LazyBatchNorm2d, (4, 5, 3, 3)),
        (LazyBatchNorm3d, (2, 5, 3, 2, 3)),
    ],
)
def test_a_lazy_layer_tracks_its_first_batch(cls: Any, shape: tuple[int, ...]) -> None:
    """The first call sizes the layer and already tracks by the corrected rule."""
    layer = cls(decay=0.999, decays=(0.5,))
    x = f32(*shape)
    layer(x)
    assert type(layer) is LAYERS[len(shape)]
    for got, track, expected in zip(stats(layer), layer.track(0.5), moments(x), strict=True):
        torch.testing.assert_close(got, expected)
        torch.testing.assert_close(track, expected)


def test_a_lazy_layer_loads_a_state() -> None:
    """A state_dict loaded before the first batch sizes the layer, tracks included."""
    source = BatchNorm1d(3, decays=(0.5,))
    source(f32(8, 3))
    layer = LazyBatchNorm1d(decays=(0.5,))
    layer.load_state_dict(source.state_dict())
    torch.testing.assert_close(layer.eval()(f32(8, 3)), source.eval()(f32(8, 3)))


def test_functional_call_uses_the_given_tensors() -> None:
    """functional_call normalises with the parameters it is given and updates the buffers given."""
    layer = BatchNorm1d(3)
    state = {k: v.clone() for k, v in layer.state_dict().items()}
    state["bias"] += 2
    x = f32(8, 3)
    y = functional_call(layer, state, (x,))
    torch.testing.assert_close(y.mean(0), torch.full((3,), 2.0))
    torch.testing.assert_close(state["running_mean"], x.mean(0))
    assert count(layer) == 0


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"decays": (0.5,)}])
def test_stacked_ensembles(options: dict[str, Any]) -> None:
    """vmap over stacked modules trains each on its own statistics, plain average included."""
    models = [BatchNorm1d(3, **options) for _ in range(2)]
    x = f32(2, 8, 3)
    params, buffers = stack_module_state(models)
    template = copy.deepcopy(models[0]).to("meta")

    def call(p: Any, b: Any, rows: Tensor) -> Any:
        return functional_call(template, (p, b), (rows,))

    for _ in range(2):
        y = vmap(call)(params, buffers, x)
    for i, model in enumerate(models):
        model(x[i])
        torch.testing.assert_close(y[i], model(x[i]))
        torch.testing.assert_close(buffers["running_var"][i], stats(model)[1])


def test_torch_func_grad_under_pause() -> None:
    """Inside no_stats_update, torch.func may differentiate with captured buffers."""
    layer = BatchNorm1d(3)
    x = f32(8, 3)

    def loss(params: dict[str, Tensor]) -> Tensor:
        y = functional_call(layer, params, (x,))
        assert isinstance(y, Tensor)
        return (y * f32(8, 3, seed=1)).sum()

    with no_stats_update(layer):
        gradient = grad(loss)({k: p.detach() for k, p in layer.named_parameters()})
    (expected,) = torch.autograd.grad((layer(x) * f32(8, 3, seed=1)).sum(), layer.weight)
    torch.testing.assert_close(gradient["weight"], expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_keeps_statistics_in_float32(dtype: torch.dtype) -> None:
    """Under autocast the layer takes and gives half precision and averages in float32."""
    model = nn.Sequential(nn.Linear(4, 3), BatchNorm1d(3))
    x = f32(32, 4)
    with torch.autocast("cpu", dtype=dtype):
        y = model(x)
        z = model[0](x)
    y.float().sum().backward()
    assert y.dtype == dtype
    assert stats(model[1])[0].dtype == torch.float32
    torch.testing.assert_close(stats(model[1])[0], z.float().mean(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_modules_keep_statistics_in_float32(dtype: torch.dtype) -> None:
    """After .half() or .bfloat16(), variances beyond 65504 survive; both modes run."""
    layer = BatchNorm1d(3, decays=(0.5,))
    stats(layer)[1].fill_(9e8)
    layer.to(dtype)
    assert all(b.dtype == torch.float32 for b in layer.buffers() if b.is_floating_point())
    assert stats(layer)[1].eq(9e8).all()
    layer.reset_running_stats()
    x = f32(8, 3).to(dtype)
    y = layer(x)
    y.float().pow(2).sum().backward()
    assert layer.weight.grad is not None
    assert (y.dtype, layer.weight.dtype, layer.weight.grad.dtype) == (dtype, dtype, dtype)
    assert layer.eval()(x).dtype == dtype
    torch.testing.assert_close(stats(layer)[0], x.float().mean(0), rtol=1e-3, atol=1e-3)
    assert BatchNorm1d(3, dtype=dtype).running_mean.dtype == torch.float32  # type: ignore[union-attr] # tracked


def test_double_modules_keep_statistics_in_float64() -> None:
    """After .double() the statistics are float64; .half() brings them to float32, never below."""
    layer = BatchNorm1d(3).double()
    assert stats(layer)[0].dtype == torch.float64
    assert stats(layer.half())[0].dtype == torch.float32


@pytest.mark.parametrize("training", [True, False])
def test_channels_last_is_kept(training: bool) -> None:
    """Output and gradient of a channels-last image are channels-last, with the same values."""
    layer = BatchNorm2d(4).train(training)
    dense = f32(2, 4, 5, 5)
    x = dense.to(memory_format=torch.channels_last).requires_grad_()
    y = layer(x)
    y.pow(2).sum().backward()
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert x.grad is not None
    assert x.grad.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, BatchNorm2d(4).train(training)(dense).contiguous())


def test_meta_device() -> None:
    """A layer on the meta device gives shapes, loads with assign, and can be given memory."""
    layer = BatchNorm1d(3, device="meta", decays=(0.5,), accumulate=2, skip_nonfinite=True)
    assert layer(torch.zeros(8, 3, device="meta")).shape == (8, 3)
    source = BatchNorm1d(3, decays=(0.5,))
    source(f32(8, 3))
    plain = BatchNorm1d(3, device="meta")
    plain.load_state_dict(source.state_dict(), assign=True)
    torch.testing.assert_close(plain.eval()(f32(8, 3)), source.eval()(f32(8, 3)))
    empty = BatchNorm1d(3, device="meta").to_empty(device="cpu")
    empty.reset_parameters()
    assert empty(f32(8, 3)).shape == (8, 3)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_whole_and_independent(clone: Any) -> None:
    """deepcopy and pickle keep options, averages and tracks, and share nothing."""
    layer = BatchNorm1d(3, decay=0.99, decays=(0.5,), variance="unbiased", skip_nonfinite=True)
    layer(f32(8, 3))
    other = clone(layer)
    assert repr(other) == repr(layer)
    other(f32(8, 3, seed=1))
    assert count(layer) == 1
    layer(f32(8, 3, seed=1))
    assert all(torch.equal(a, b) for a, b in zip(layer.buffers(), other.buffers(), strict=True))


def test_a_frozen_layer_stays_frozen_in_files_new_and_old() -> None:
    """Also where a pickle holds the switch by its former name and no way of the graph's step."""
    layer = BatchNorm1d(3)
    layer(f32(8, 3))
    layer.frozen = True
    old = {k: v for k, v in vars(layer).items() if k not in ("_frozen", "_graph_step")}
    restored = BatchNorm1d.__new__(BatchNorm1d)
    restored.__setstate__({**old, "frozen": True})
    for other in (pickle.loads(pickle.dumps(layer)), restored):
        assert other.frozen
        other(f32(8, 3, seed=1))
        assert count(other) == 1
        other.frozen = False
        other(f32(8, 3, seed=1))
        assert count(other) == 2


def test_no_global_randomness() -> None:
    """Building and running a layer draws nothing from the global generator."""
    before = torch.get_rng_state()
    BatchNorm1d(3, decays=(0.5,))(f32(8, 3))
    assert torch.equal(before, torch.get_rng_state())


def test_keyword_input_and_repr() -> None:
    """The input may be passed by torch's name for it, and the repr shows decay and options."""
    layer = BatchNorm1d(3, decay=0.99, accumulate=2)
    assert layer(input=f32(8, 3)).shape == (8, 3)
    assert repr(layer).endswith("decay=0.99, accumulate=2)")
    assert MLP(3, 2)(f32(8, 3)).shape == (8, 2)
