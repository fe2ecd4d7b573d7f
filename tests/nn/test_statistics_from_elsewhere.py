"""Statistics that others loaded, averaged, reset, cut or never set."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn, update_bn

from tests.support.batchnorm import count, moments, normal, stats
from tune_bn.nn import (
    MLP,
    BatchNorm1d,
    BatchNorm2d,
    BatchNormError,
    EwaBatchNorm,
    SyncBatchNorm,
    best_decay,
    convert_batchnorm,
    load_tracks,
    select_decay,
    tracks_state,
    trust_stats,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {}, "carry": {"decay": 0.999}, "decays": {"decays": (0.5, 0.99)},
    "accumulate": {"accumulate": 2}, "finite": {"skip_nonfinite": True},
    "all": {"decay": 0.999, "decays": (0.5, 0.99), "accumulate": 2, "skip_nonfinite": True},
}  # fmt: skip
FAR = torch.tensor([3.0, -2.0])


def f32(*shape: int, seed: int = 0) -> Tensor:
    return normal(*shape, seed=seed, dtype=torch.float32)


def train(layer: nn.Module, steps: int, *, rows: int = 40, offset: float = 0.0) -> None:
    for seed in range(steps):
        layer(f32(rows, 2, seed=seed) + offset)


def written(layer: Any, *, batches: int | None = 0) -> Any:
    """Statistics written by hand, as code that brings a model from another framework does."""
    with torch.no_grad():
        layer.running_mean.copy_(FAR)
        layer.running_var.copy_(torch.tensor([4.0, 9.0]))
        if batches is not None:
            layer.num_batches_tracked.fill_(batches)
    return layer


def moves_as_mature(layer: Any, *, call: Any = None, rows: int = 40) -> None:
    """One whole batch (or pool) moves every average of the layer by 1 - decay."""
    x = f32(rows, 2, seed=7) + 100
    before = [b.clone() for b in stats(layer)]
    for _ in range(layer.accumulate):
        (layer if call is None else call)(x)
    for got, old, new in zip(stats(layer), before, moments(x), strict=True):
        torch.testing.assert_close(got, old.lerp(new, 1 - layer.decay), rtol=1e-4, atol=1e-4)
    for decay in layer.decays:
        for got, old, new in zip(layer.track(decay), before, moments(x), strict=True):
            torch.testing.assert_close(got, old.lerp(new, 1 - decay), rtol=1e-3, atol=1e-3)


def starts_fresh(layer: Any, *, call: Any = None, rows: int = 40) -> None:
    """One whole batch (or pool) replaces every average of the layer."""
    x = f32(rows, 2, seed=8) + 5
    for _ in range(layer.accumulate):
        (layer if call is None else call)(x)
    pairs = [stats(layer), *(layer.track(d) for d in layer.decays)]
    for pair in pairs:
        for got, expected in zip(pair, moments(x), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [4, 40])
@pytest.mark.parametrize("trained", [0, 3])
@pytest.mark.parametrize("options", OPTIONS)
def test_statistics_written_by_hand_are_mature(options: str, trained: int, rows: int) -> None:
    """Beside a count of 0, averages that are not the start's are never thrown away."""
    layer = BatchNorm1d(2, **OPTIONS[options])
    train(layer, trained)
    moves_as_mature(written(layer), rows=rows)


def compiled(layer: nn.Module) -> Any:
    torch._dynamo.reset()
    return torch.compile(layer, backend="aot_eager", fullgraph=True)


@pytest.mark.heavy
@pytest.mark.parametrize("options", OPTIONS)
def test_a_compiled_step_takes_them_as_mature_too(options: str) -> None:
    """Without a look at the count in Python."""
    layer = BatchNorm1d(2, **OPTIONS[options])
    call = compiled(layer)
    train(call, 3)
    moves_as_mature(written(layer), call=call)


def through_convert(options: dict[str, Any]) -> EwaBatchNorm:
    theirs = nn.BatchNorm1d(2)
    train(theirs, 2)
    ours = convert_batchnorm(written(theirs), **options)
    assert isinstance(ours, EwaBatchNorm)
    return ours


def through_state_without_count(options: dict[str, Any]) -> EwaBatchNorm:
    ours = BatchNorm1d(2, **options)
    train(ours, 4)  # a count that belongs to other statistics
    state = written(nn.BatchNorm1d(2)).state_dict()
    del state["num_batches_tracked"]
    ours.load_state_dict(state, strict=False)
    return ours


def through_state_of_an_old_version(options: dict[str, Any]) -> EwaBatchNorm:
    ours = BatchNorm1d(2, **options)
    train(ours, 4)
    state = written(nn.BatchNorm1d(2)).state_dict()
    del state["num_batches_tracked"]
    del state._metadata  # as in files from before torch counted
    ours.load_state_dict(state)
    return ours


def through_assignment(options: dict[str, Any]) -> EwaBatchNorm:
    ours = BatchNorm1d(2, **options)
    train(ours, 4)
    ours.running_mean, ours.running_var = FAR.clone(), torch.tensor([4.0, 9.0])
    ours.num_batches_tracked = torch.tensor(0)
    return ours


def through_sync(options: dict[str, Any]) -> EwaBatchNorm:
    ours = SyncBatchNorm.convert_sync_batchnorm(written(BatchNorm1d(2, **options)))
    assert isinstance(ours, EwaBatchNorm)
    return ours


def without_count(options: dict[str, Any]) -> EwaBatchNorm:
    ours = written(BatchNorm1d(2, **options))
    train(ours, 0)
    ours.num_batches_tracked.fill_(-(2**40))  # memory that nobody set
    return ours  # type: ignore[no-any-return] # an Any


WAYS = (
    through_convert, through_state_without_count, through_state_of_an_old_version,
    through_assignment, through_sync, without_count,
)  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_foreign_statistics_are_mature(
    way: Callable[[dict[str, Any]], EwaBatchNorm], options: str
) -> None:
    """Whichever way they come in, and whatever the layer had counted before."""
    moves_as_mature(way(OPTIONS[options]))


@pytest.mark.parametrize("options", OPTIONS)
def test_a_young_count_can_be_said_to_be_wrong(options: str) -> None:
    """trust_stats makes an average mature whose count is young, and a state_dict keeps that."""
    for through_state in (False, True):
        layer = written(BatchNorm1d(2, **OPTIONS[options]), batches=1)
        trust_stats(nn.Sequential(layer))
        if through_state:
            other = BatchNorm1d(2, **OPTIONS[options])
            other.load_state_dict(layer.state_dict())
            layer = other
        moves_as_mature(layer)
    old = BatchNorm1d(2)
    train(old, 3)
    old.num_batches_tracked.fill_(10**6)  # type: ignore[union-attr] # tracked
    trust_stats(old)
    assert count(old) == 10**6
    with pytest.raises(BatchNormError, match="trust_stats needs"):
        trust_stats(nn.ReLU())


def test_a_young_count_is_believed() -> None:
    """Without that, statistics of one batch are what their count says: half way, not a tenth."""
    layer = written(BatchNorm1d(2, decay=0.9), batches=1)
    layer(f32(40, 2) * 0)
    torch.testing.assert_close(stats(layer)[0], FAR * 0.9 / 1.9)


def by_torch(layer: Any) -> None:
    layer.reset_running_stats()


def by_hand(layer: Any) -> None:
    layer.running_mean.zero_()
    layer.running_var.fill_(1)
    layer.num_batches_tracked.zero_()


def by_data(layer: Any) -> None:
    layer.running_mean.data.zero_()
    layer.running_var.data.fill_(1)
    layer.num_batches_tracked.data *= 0


def as_lightnings_weight_averaging(layer: Any) -> None:
    # Lightning 2.5, StochasticWeightAveraging.reset_batch_norm_and_save_state
    layer.running_mean = torch.zeros_like(layer.running_mean)
    layer.running_var = torch.ones_like(layer.running_var)
    layer.num_batches_tracked *= 0


def as_transformers(layer: Any) -> None:
    # transformers 5, PreTrainedModel._init_weights
    nn.init.zeros_(layer.running_mean)
    nn.init.ones_(layer.running_var)
    nn.init.zeros_(layer.num_batches_tracked)


def by_loading_a_fresh_state(layer: Any) -> None:
    layer.load_state_dict(BatchNorm1d(2).state_dict())


def by_assigning_a_fresh_state(layer: Any) -> None:
    layer.load_state_dict(BatchNorm1d(2).state_dict(), assign=True)


def as_empty_memory(layer: Any) -> None:
    for buffer in (layer.running_mean, layer.running_var, layer.num_batches_tracked):
        buffer.zero_()


RESETS = (
    by_torch, by_hand, by_data, as_lightnings_weight_averaging, as_transformers,
    by_loading_a_fresh_state, by_assigning_a_fresh_state, as_empty_memory,
)  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_resets_all_that_the_layer_keeps(
    reset: Callable[[Any], None], options: str
) -> None:
    """Tracks, pool and what rounding took go with the statistics, however these are reset."""
    layer = BatchNorm1d(2, **OPTIONS[options])
    train(layer, 5, offset=1000)  # an odd number: in the middle of a pool
    reset(layer)
    starts_fresh(layer)


@pytest.mark.heavy
@pytest.mark.parametrize("options", ["plain", "carry", "decays", "accumulate"])
def test_a_reset_acts_in_compiled_code(options: str) -> None:
    """One compiled layer, reset in every way in turn, starts anew each time."""
    layer = BatchNorm1d(2, **OPTIONS[options])
    call = compiled(layer)
    for reset in RESETS:
        train(call, 3, offset=1000)
        reset(layer)
        starts_fresh(layer, call=call)


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_in_the_middle_of_the_first_pool(reset: Callable[[Any], None]) -> None:
    """There is no count yet, and the pool is emptied all the same."""
    layer = BatchNorm1d(2, accumulate=4, decays=(0.5,))
    train(layer, 3, offset=1000)
    reset(layer)
    starts_fresh(layer)


def test_lightnings_weight_averaging_from_end_to_end() -> None:
    """Reset, momentum None, one pass, momentum back: the plain average over the pass's batches."""
    layer = BatchNorm1d(2, decay=0.9, decays=(0.5, 0.99))
    train(layer, 30, offset=1000)
    as_lightnings_weight_averaging(layer)
    momentum, layer.momentum = layer.momentum, None
    batches = [f32(40, 2, seed=s) + s for s in range(5)]
    for x in batches:
        layer(x)
    layer.momentum = momentum
    expected = torch.stack([torch.stack(moments(x)) for x in batches]).mean(0)
    torch.testing.assert_close(torch.stack(stats(layer)), expected)
    assert layer.track(0.99)[1].max() < 2


# --- Averaged one by one ---------------------------------------------------------------------


def ema_of_state(copied: nn.Module, model: nn.Module, decay: float) -> None:
    """As timm's and many others' classes do: the tensors of the state_dict, in place."""
    with torch.no_grad():
        for old, new in zip(copied.state_dict().values(), model.state_dict().values(), strict=True):
            old.copy_(decay * old + (1 - decay) * new)


def averaged(make: Callable[[nn.Module], Any], steps: int, **options: Any) -> tuple[Any, Any]:
    """Trains a model beside its average; both see batches of mean 5 and variance 1."""
    model = nn.Sequential(BatchNorm1d(2, **options))
    average = make(model)
    for seed in range(steps):
        model(f32(64, 2, seed=seed) + 5)
        average.update_parameters(model)
    return model, average


AVERAGES: dict[str, Callable[[nn.Module], Any]] = {
    "plain": lambda m: AveragedModel(m, use_buffers=True),
    "EMA": lambda m: AveragedModel(m, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True),
    "EMA, one by one": lambda m: AveragedModel(m, avg_fn=get_ema_avg_fn(0.9), use_buffers=True),
}


@pytest.mark.parametrize("steps", [2, 3, 50])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("average", AVERAGES)
def test_averaged_buffers_are_averages(average: str, options: str, steps: int) -> None:
    """After averaging each buffer by itself, statistics and every track are the data's."""
    _, model = averaged(AVERAGES[average], steps, **OPTIONS[options])
    layer = model.module[0]
    for mean, var in (stats(layer), *(layer.track(d) for d in layer.decays)):
        torch.testing.assert_close(mean, torch.full((2,), 5.0), rtol=0, atol=0.4)
        torch.testing.assert_close(var, torch.full((2,), 1.0), rtol=0, atol=0.5)


@pytest.mark.parametrize("average", AVERAGES)
def test_the_best_decay_of_an_averaged_model_is_no_worse(average: str) -> None:
    """best_decay on averaged buffers never puts in place what is worse than what was in use."""
    _, model = averaged(AVERAGES[average], 20, decays=(0.5, 0.9, 0.99, 0.999))
    x = f32(500, 2, seed=1000) + 5

    def loss(m: nn.Module) -> float:
        y = m(x).detach()
        return float(y.mean(0).square().sum() + (y.var(0) - 1).square().sum())

    before = loss(model.eval())
    best_decay(model, loss)
    assert loss(model) <= before < 0.5


@pytest.mark.parametrize("loaded", [False, True], ids=["in place", "loaded"])
def test_an_average_of_the_state_alone_is_noticed(loaded: bool) -> None:
    """Only torch's buffers were averaged: the kept ones, which go with others, are not used."""
    model = nn.Sequential(BatchNorm1d(2, decays=(0.5, 0.9, 0.999)))
    model(f32(64, 2) * 10 - 300)
    copied = copy.deepcopy(model)
    for seed in range(30):
        model(f32(64, 2, seed=seed) + 5)
        ema_of_state(copied, model, 0.5)
    if loaded:
        copied.load_state_dict({k: v.clone() for k, v in copied.state_dict().items()})
    before = [b.clone() for b in stats(copied[0])]
    with pytest.warns(UserWarning, match="all of them hold the same.*load_tracks"):
        decay = best_decay(copied, lambda m: 0.0)
    assert decay == pytest.approx(0.9)
    for got, expected in zip(stats(copied[0]), before, strict=True):
        assert torch.equal(got, expected)
    for decay in (0.5, 0.999):
        torch.testing.assert_close(copied[0].track(decay)[0], before[0])  # type: ignore[operator] # ours


def test_federated_averaging_goes_on_as_what_it_is() -> None:
    """The mean of two clients' states loads; every average starts from it, old tracks are gone."""
    clients = [BatchNorm1d(2, decays=(0.5, 0.9)) for _ in range(2)]
    for i, client in enumerate(clients):
        train(client, 200, offset=10 * i)
    state = {
        k: torch.stack([c.state_dict()[k].double() for c in clients]).mean(0).to(v.dtype)
        for k, v in clients[0].state_dict().items()
    }
    server = BatchNorm1d(2, decays=(0.5, 0.9))
    train(server, 3, offset=1000)
    server.load_state_dict(state)
    torch.testing.assert_close(stats(server)[0], torch.full((2,), 5.0), rtol=0, atol=0.3)
    for decay in (0.5, 0.9):
        torch.testing.assert_close(server.track(decay)[0], stats(server)[0])
    moves_as_mature(server)


def test_best_decay_keeps_what_is_in_use_if_none_is_as_good() -> None:
    """Recalibrated, or set by hand, statistics are not given up for a worse track."""
    model = nn.Sequential(BatchNorm1d(2, decay=0.7, decays=(0.5, 0.9)))
    train(model, 9)
    before = [b.clone() for b in stats(model[0])]
    values = iter([1.0, 2.0, 3.0])
    assert best_decay(model, lambda _: next(values)) == pytest.approx(0.7)
    assert model[0].decay == pytest.approx(0.7)
    for got, expected in zip(stats(model[0]), before, strict=True):
        assert torch.equal(got, expected)
    values = iter([math.nan, 2.0, 3.0])
    assert best_decay(model, lambda _: next(values)) == 0.5


def test_tracks_of_an_earlier_version_load() -> None:
    """Files in which tracks are (2, K, C), with the weights that followed from the count."""
    model = MLP(3, 2, width=4, decays=(0.5, 0.99))
    for seed in range(3):
        model(f32(8, 3, seed=seed))
    other = MLP(3, 2, width=4, decays=(0.5, 0.99))
    other.load_state_dict(model.state_dict())
    state = {k: t[:2] for k, t in
             tracks_state(model).items()}  # fmt: skip
    assert all(t.shape == (2, 2, 4) for t in state.values())
    load_tracks(other, state)
    for got, expected in zip(tracks_state(other).values(), tracks_state(model).values(),
                             strict=True):  # fmt: skip
        torch.testing.assert_close(got, expected)


def test_a_layer_pickled_by_an_earlier_version_goes_on() -> None:
    """Its tracks get their weights, its pool a base, and nothing is thrown away."""
    layer = BatchNorm1d(2, decays=(0.5, 0.99), accumulate=2)
    train(layer, 5)
    state = copy.deepcopy(vars(layer))
    buffers = state["_buffers"]
    del buffers["kept_batches"]
    buffers["tracks"] = buffers["tracks"][:2]
    base = buffers.pop("pool_base")
    buffers["running_mean"].copy_(base[0])  # the pool did not show yet
    buffers["running_var"].copy_(base[1])
    for name in ("_counts", "_is_settled"):
        state.pop(name, None)
    old = BatchNorm1d.__new__(BatchNorm1d)
    old.__setstate__(state)
    for one in (layer, old):
        train(one, 3)
    for got, expected in zip(
        (*stats(old), *old.track(0.99)), (*stats(layer), *layer.track(0.99)), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


# --- Pools -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"decays": (0.5, 0.99)}, {"decay": 0.999}])
@pytest.mark.parametrize("variance", ["biased", "unbiased"])
def test_statistics_show_a_pool_before_it_is_full(variance: Any, options: dict[str, Any]) -> None:
    """Inference in the middle of the first pool uses the data so far, not 0 and 1."""
    layer = BatchNorm1d(2, accumulate=8, variance=variance, **options).double()
    x = normal(24, 2) + 7
    for part in x.split(8):
        layer(part)
    for mean, var in (stats(layer), *(layer.track(d) for d in layer.decays)):
        torch.testing.assert_close(mean, x.mean(0))
        torch.testing.assert_close(var, x.var(0, correction=int(variance == "unbiased")))
    assert count(layer) == 0


def test_a_pool_that_shows_changes_nothing_for_later() -> None:
    """With inference, selection and averages between the micro-batches, full pools enter alike."""
    watched, other = (BatchNorm1d(2, accumulate=4, decays=(0.5, 0.9)).double() for _ in range(2))
    for seed in range(10):
        x = normal(8, 2, seed=seed) + seed
        for layer in (watched, other):
            layer(x)
        watched.eval()(x)
        select_decay(watched, 0.9)
        best_decay(watched, lambda _: 0.0) if seed > 4 else None
        select_decay(watched, 0.9)
        watched.train()
    select_decay(other, 0.9)
    assert count(watched) == count(other) == 2
    for name, got in watched.named_buffers():
        torch.testing.assert_close(got, dict(other.named_buffers())[name])


@pytest.mark.parametrize("n", [2, 4, 6, 8])
def test_update_bn_over_pools_counts_every_batch_alike(n: int) -> None:
    """torch's update_bn gives the plain average over all batches, an incomplete pool included."""
    batches = [f32(16, 2, seed=s) + (7 if s < 4 else 57) for s in range(n)]
    net = nn.Sequential(BatchNorm1d(2, accumulate=4))
    train(net, 3, offset=1000)
    update_bn(batches, net)
    joined = torch.cat(batches)
    torch.testing.assert_close(stats(net[0])[0], joined.mean(0), rtol=1e-4, atol=1e-3)


def test_a_loaded_state_starts_with_an_empty_pool() -> None:
    """What was pooled before loading does not enter the loaded statistics."""
    layer = BatchNorm1d(2, accumulate=4)
    fresh = copy.deepcopy(layer.state_dict())
    train(layer, 3, offset=100)
    layer.load_state_dict(fresh)
    x = [f32(16, 2, seed=s) for s in range(4)]
    for part in x:
        layer(part)
    torch.testing.assert_close(stats(layer)[0], torch.cat(x).mean(0))


# --- Memory that nobody set ------------------------------------------------------------------


def spoiled(buffer: Tensor) -> Tensor:
    """What fresh memory may hold, for a buffer of this kind."""
    return torch.full_like(buffer, math.nan if buffer.is_floating_point() else 7, device="cpu")


def assign(layer: Any, source: nn.Module) -> None:
    layer.load_state_dict(source.state_dict(), assign=True)


def empty_then_load(layer: Any, source: nn.Module) -> None:
    layer.to_empty(device="cpu")
    for buffer in layer.buffers():
        buffer.copy_(spoiled(buffer))
    layer.load_state_dict(source.state_dict())


def as_a_library(by: Callable[[Any, str, Tensor], None]) -> Callable[[Any, nn.Module], None]:
    """transformers 5: the state's tensors are assigned, all others become empty_like."""

    def fill(layer: Any, source: nn.Module) -> None:
        state = source.state_dict()
        for name, parameter in list(layer.named_parameters()):
            layer._parameters[name] = nn.Parameter(state.get(name, spoiled(parameter)))
        for name, buffer in list(layer.named_buffers()):
            by(layer, name, state[name].clone() if name in state else spoiled(buffer))
        layer.eval()
        layer.train()

    return fill


def directly(layer: Any, name: str, value: Tensor) -> None:
    layer._buffers[name] = value


def as_a_partial_state(layer: Any, name: str, value: Tensor) -> None:
    layer.load_state_dict({name: value}, strict=False, assign=True)


FILLS = {
    "assign": assign, "to_empty and load": empty_then_load, "set": as_a_library(setattr),
    "set directly": as_a_library(directly), "set one by one": as_a_library(as_a_partial_state),
}  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("fill", FILLS)
def test_a_layer_of_the_meta_device_is_right_once_it_has_memory(fill: str, options: str) -> None:
    """What is not in the state is made anew, whatever it holds; training goes on as the source."""
    source = BatchNorm1d(2, **OPTIONS[options])
    train(source, 40)
    with torch.device("meta"):
        layer = BatchNorm1d(2, **OPTIONS[options])
    FILLS[fill](layer, source)
    twin, state = BatchNorm1d(2, **OPTIONS[options]), source.state_dict()
    # Libraries go by the keys of a state, among which the kept averages are not.
    twin.load_state_dict(dict(state) if fill.startswith("set") else state)
    for one in (layer, twin):
        train(one, 6, offset=1)
    for name, got in layer.named_buffers():
        torch.testing.assert_close(got, dict(twin.named_buffers())[name])


@pytest.mark.parametrize("options", OPTIONS)
def test_memory_without_a_state_is_reset(options: str) -> None:
    """to_empty and reset_parameters give a fresh layer, whatever the memory held."""
    with torch.device("meta"):
        layer = BatchNorm1d(2, **OPTIONS[options])
    layer.to_empty(device="cpu")
    for buffer in layer.buffers():
        buffer.copy_(spoiled(buffer))
    layer.reset_parameters()
    starts_fresh(layer)
    layer.to_empty(device="cpu")  # once more, from memory to memory
    for buffer in layer.buffers():
        buffer.copy_(spoiled(buffer))
    layer.reset_parameters()
    starts_fresh(layer)


def test_a_state_without_count_fills_a_layer_of_the_meta_device() -> None:
    """A count that the state lacks is mature, not left on the meta device."""
    for options in OPTIONS.values():
        state = written(nn.BatchNorm1d(2)).state_dict()
        del state["num_batches_tracked"]
        with torch.device("meta"):
            layer = BatchNorm1d(2, **options)
        layer.load_state_dict(state, strict=False, assign=True)
        moves_as_mature(layer)


@pytest.mark.parametrize("options", OPTIONS)
def test_the_default_device_does_not_matter(options: str) -> None:
    """Steps, loading, resets and selection of a CPU layer work under another default device."""
    layer, other = (BatchNorm1d(2, **OPTIONS[options]) for _ in range(2))
    for one in (layer, other):
        with torch.device("meta" if one is layer else "cpu"):
            for seed in range(3):
                x = normal(40, 2, seed=seed, dtype=torch.float32) if one is other else None
                one(torch.randn(40, 2, device="cpu", generator=torch.Generator().manual_seed(seed))
                    if x is None else x)  # fmt: skip
            one.load_state_dict(one.state_dict())
            one.decays = (0.25,)
            select_decay(one, 0.25)
    for a, b in zip(layer.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)
    with torch.device("meta"):
        layer.reset_running_stats()
    starts_fresh(layer)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_casting_keeps_all_that_is_kept(options: str, dtype: torch.dtype) -> None:
    """After a cast in the middle of training, the next steps are those of the uncast layer."""
    layer, other = (BatchNorm1d(2, **OPTIONS[options]) for _ in range(2))
    for one in (layer, other):
        train(one, 5)
    layer.to(dtype)
    for seed in range(3):
        x = f32(40, 2, seed=seed).to(dtype)
        layer(x)
        other(x.float())
    for got, expected in zip(stats(layer), stats(other), strict=True):
        torch.testing.assert_close(got.float(), expected, rtol=1e-4, atol=1e-4)
    for decay in layer.decays:
        torch.testing.assert_close(layer.track(decay)[0].float(), other.track(decay)[0],
                                   rtol=1e-4, atol=1e-4)  # fmt: skip


# --- Channels that are cut -------------------------------------------------------------------


def cut(layer: Any, keep: list[int], *, direct: bool) -> None:
    """Torch-Pruning 1.6, BatchnormPruner.prune_out_channels."""
    layer.num_features = len(keep)
    for name in ("running_mean", "running_var"):
        value = getattr(layer, name).data[keep]
        if direct:
            layer._buffers[name] = value
        else:
            setattr(layer, name, value)
    for name in ("weight", "bias"):
        setattr(layer, name, nn.Parameter(getattr(layer, name).data[keep]))


@pytest.mark.parametrize(
    ("direct", "rows", "is_compiled"),
    [
        *[(False, 2, False), (True, 2, False), (False, 40, False), (True, 40, False)],
        pytest.param(False, 40, True, marks=pytest.mark.heavy),
    ],
)
@pytest.mark.parametrize("options", OPTIONS)
def test_cut_channels(options: str, rows: int, direct: bool, is_compiled: bool) -> None:
    """Of fewer channels, the rest goes on from the statistics that are left."""
    layer = BatchNorm2d(4, **OPTIONS[options])
    call = compiled(layer) if is_compiled else layer
    for seed in range(20):
        call(f32(rows, 4, 2, 2, seed=seed) + torch.arange(4.0).view(4, 1, 1))
    if layer.accumulate > 1:
        layer.flush()
    before = [b[[0, 2, 3]] for b in stats(layer)]
    cut(layer, [0, 2, 3], direct=direct)
    x = f32(rows, 3, 2, 2, seed=99)
    for _ in range(layer.accumulate):
        call(x)
    expected = BatchNorm2d(3, decay=layer.decay)
    expected.load_state_dict(
        {"running_mean": before[0], "running_var": before[1],
         "num_batches_tracked": torch.tensor(count(layer) - 1)}, strict=False,
    )  # fmt: skip
    expected(x)
    for got, want in zip(stats(layer), stats(expected), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
    for decay in layer.decays:
        assert layer.track(decay)[0].shape == (3,)
        assert torch.isfinite(layer.track(decay)[1]).all()
