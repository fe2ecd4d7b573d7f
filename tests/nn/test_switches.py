"""Every public switch acts between two steps as it does on torch's layer, compiled or not."""

from __future__ import annotations

import copy
from collections.abc import Callable
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
    SyncBatchNorm,
    convert_batchnorm,
    no_stats_update,
)

MATURE = 10_000_000  # batches after which a corrected average moves as torch's does
SHAPES = {1: (8, 3), 2: (4, 3, 3, 2), 3: (2, 3, 2, 2, 3)}


def sets(**values: Any) -> Callable[[nn.Module], None]:
    def change(layer: nn.Module) -> None:
        for name, value in values.items():
            setattr(layer, name, value.clone() if isinstance(value, Tensor) else value)

    return change


def writes(layer: nn.Module) -> None:
    with torch.no_grad():
        stats(layer)[0].fill_(4.0)
        stats(layer)[1].mul_(5.0)


def writes_data(layer: nn.Module) -> None:
    for buffer in stats(layer):
        buffer.data = buffer.data * 2 + 1


def assigns_directly(layer: nn.Module) -> None:
    layer._buffers["running_mean"] = torch.full((3,), 2.0, dtype=torch.float64)
    layer._buffers["running_var"] = torch.full((3,), 3.0, dtype=torch.float64)


def takes_away_directly(layer: nn.Module) -> None:
    layer._buffers["running_mean"] = layer._buffers["running_var"] = None


def freezes_as_lightning(layer: Any) -> None:
    layer.track_running_stats = False
    for parameter in layer.parameters():
        parameter.requires_grad = False


def adapts_as_tent(layer: Any) -> None:
    layer.track_running_stats = False
    layer.running_mean = layer.running_var = None


def in_turns(*changes: Callable[[nn.Module], object]) -> list[Callable[[nn.Module], object]]:
    return list(changes)


THREES = torch.full((3,), 3.0, dtype=torch.float64)
# What happens before each of the next steps.
CHANGES: dict[str, list[Callable[[nn.Module], object]]] = {
    "track_running_stats off and on": in_turns(
        sets(track_running_stats=False), sets(track_running_stats=True)
    ),
    "frozen as by Lightning": in_turns(freezes_as_lightning),
    "momentum": in_turns(sets(momentum=0.5), sets(momentum=1.0), sets(momentum=0.25)),
    "momentum is an int": in_turns(sets(momentum=1)),
    "plain average": in_turns(sets(momentum=None), sets(momentum=0.1)),
    "momentum 0 and back": in_turns(sets(momentum=0), sets(momentum=0.0), sets(momentum=0.1)),
    "eps": in_turns(sets(eps=0.5), sets(eps=1e-12)),
    "training is set": in_turns(sets(training=False), sets(training=True)),
    "modes": in_turns(nn.Module.eval, nn.Module.train),
    "no weight": in_turns(sets(weight=None)),
    "no bias": in_turns(sets(bias=None)),
    "no parameters": in_turns(sets(weight=None, bias=None)),
    "no statistics": in_turns(sets(running_mean=None, running_var=None)),
    "no statistics, directly": in_turns(takes_away_directly),
    "no statistics and back": in_turns(
        sets(running_mean=None, running_var=None), sets(running_mean=THREES, running_var=THREES)
    ),
    "adapted as by TENT": in_turns(adapts_as_tent),
    "no count": in_turns(sets(num_batches_tracked=None)),
    "no count, plain average": in_turns(sets(num_batches_tracked=None, momentum=None)),
    "assigned": in_turns(sets(running_mean=THREES), sets(running_var=THREES)),
    "assigned directly": in_turns(assigns_directly),
    "written": in_turns(writes),
    "written to .data": in_turns(writes_data),
    "count assigned": in_turns(
        sets(num_batches_tracked=torch.tensor(3 * MATURE), momentum=None), sets(momentum=0.1)
    ),
    "affine is set, which says nothing": in_turns(sets(affine=False), sets(affine=True)),
}
COUNT_STAYS = {"momentum 0 and back", "no statistics", "no statistics, directly"}


def mature(layer: Any, dims: int) -> Any:
    layer = layer.double()
    layer(normal(*SHAPES[dims], seed=9) * 2 + 1)
    layer.num_batches_tracked.fill_(MATURE)
    return layer


def made(kind: str, dims: int) -> Any:
    """A layer that counts as torch's does, once its start is forgotten."""
    torchs = getattr(nn, f"BatchNorm{dims}d")(3)
    options: dict[str, Any] = {"variance": "unbiased"}
    if kind == "torch":
        return mature(torchs, dims)
    if kind == "converted":
        return convert_batchnorm(mature(torchs, dims), **options)
    if kind == "synchronised":
        layer: nn.Module = SyncBatchNorm(3, **options)
    else:
        cls = {1: BatchNorm1d, 2: BatchNorm2d, 3: BatchNorm3d}[dims]
        more: dict[str, dict[str, Any]] = {
            "plain": {},
            "decays": {"decays": (0.5, 0.9)},
            "finite": {"skip_nonfinite": True},
        }
        layer = cls(3, **options, **more[kind])
    return mature(layer, dims)


@pytest.mark.parametrize(("dims", "rows"), [(1, 1), (1, 5), (2, 1), (3, 5)])  # few values, many
@pytest.mark.parametrize("kind", ["plain", "decays", "finite", "synchronised", "converted"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_switch_acts_as_on_torchs_layer(change: str, kind: str, dims: int, rows: int) -> None:
    """Outputs, gradients, statistics and count are torch's after each change, in eager mode."""
    compare(made(kind, dims), change, dims, rows, call=lambda m: m)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["decays", pytest.param("plain", marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", CHANGES)
def test_a_switch_acts_in_compiled_code(change: str, kind: str) -> None:
    """The same for a layer that was compiled, and called, before the change."""
    torch._dynamo.reset()
    compare(made(kind, 1), change, 1, 3, call=lambda m: torch.compile(m, backend="aot_eager"))


def compare(
    ours: Any, change: str, dims: int, rows: int, *, call: Callable[[Any], Callable[[Tensor], Any]]
) -> None:
    theirs = made("torch", dims)
    ours.load_state_dict(theirs.state_dict())
    compiled, seed = call(ours), 0
    n, *rest = SHAPES[dims]

    def step() -> None:
        nonlocal seed
        seed += 1
        a, b = (normal(n * rows, *rest, seed=seed).requires_grad_() for _ in range(2))
        got, expected = compiled(a), theirs(b)
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
        got.pow(3).sum().backward()
        expected.pow(3).sum().backward()
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-8, atol=1e-8)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            one, other = getattr(ours, name), getattr(theirs, name)
            assert (one is None) == (other is None)
            if one is None or (name == "num_batches_tracked" and change in COUNT_STAYS):
                continue
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)

    step()
    for act in CHANGES[change]:
        act(ours)
        act(theirs)
        step()
        step()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["running_mean", "running_var"])
@pytest.mark.parametrize("rows", [4, 40])
def test_half_of_the_statistics_is_refused(name: str, rows: int, training: bool) -> None:
    """One of them set to None is an error in both modes, as in torch."""
    for layer in (nn.BatchNorm1d(3), BatchNorm1d(3), BatchNorm1d(3, decays=(0.5,))):
        setattr(layer, name, None)
        layer.train(training)
        with pytest.raises((ValueError, RuntimeError), match="running_mean|running_var"):
            layer(normal(rows, 3, dtype=torch.float32))


@pytest.mark.parametrize("rows", [4, 40])
def test_an_eps_of_zero_is_refused_in_training_only(rows: int) -> None:
    """As in torch: an error in training, and division by the plain root at inference."""
    x = normal(rows, 3, dtype=torch.float32)
    for layer in (nn.BatchNorm1d(3), BatchNorm1d(3), BatchNorm1d(3, decays=(0.5,))):
        layer.eps = 0.0
        with pytest.raises(ValueError, match="eps"):
            layer(x)
        assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize(
    ("name", "value"),
    [("momentum", 1.5), ("momentum", float("nan")), ("variance", "sample"), ("accumulate", 0),
     ("single_value", "skip"), ("decays", (1.0,))],
)  # fmt: skip
def test_values_out_of_range_are_refused_when_set(name: str, value: Any) -> None:
    """An option that is set later is checked as one that is given, and nothing changes."""
    layer = BatchNorm1d(3)
    before = getattr(layer, name)
    with pytest.raises(BatchNormError, match=name):
        setattr(layer, name, value)
    assert getattr(layer, name) == before


@pytest.mark.parametrize("rows", [4, 40])
def test_options_may_be_set_later(rows: int) -> None:
    """A layer whose options were set one by one does what one built with them does."""
    options: dict[str, Any] = {
        "decays": (0.5, 0.9), "variance": "unbiased", "skip_nonfinite": True, "accumulate": 2,
    }  # fmt: skip
    late, built = BatchNorm1d(3).double(), BatchNorm1d(3, **options).double()
    for name, value in options.items():
        setattr(late, name, value)
    for seed in range(5):
        for layer in (late, built):
            layer(normal(rows, 3, seed=seed))
    assert repr(late) == repr(built)
    for got, expected in zip((*stats(late), *late.track(0.5)), (*stats(built), *built.track(0.5)),
                             strict=True):  # fmt: skip
        torch.testing.assert_close(got, expected)
    late.decays = ()
    assert "tracks" not in dict(late.named_buffers())


def idle(layer: EwaBatchNorm, how: str, x: Tensor, call: Any) -> None:
    """A pass in training mode, or with batch statistics, that is no training step."""
    if how == "momentum 0":
        before, layer.momentum = layer.momentum, 0
        call(x)
        layer.momentum = before
    elif how == "track_running_stats off":
        layer.track_running_stats = False
        call(x)
        layer.track_running_stats = True
    elif how == "no_stats_update":
        with no_stats_update(layer):
            call(x)
    else:  # inference by batch statistics
        mean, var = layer.running_mean, layer.running_var
        layer.eval()
        layer.running_mean = layer.running_var = None
        call(x)
        layer.running_mean, layer.running_var = mean, var
        layer.train()


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {}, "carry": {"decay": 0.999}, "decays": {"decays": (0.5, 0.99)},
    "accumulate": {"accumulate": 2}, "finite": {"skip_nonfinite": True},
    "average": {"momentum": None},
}  # fmt: skip


IDLE = ("momentum 0", "track_running_stats off", "no_stats_update", "batch statistics")


@pytest.mark.parametrize(
    "is_compiled", [False, pytest.param(True, marks=pytest.mark.heavy)], ids=["eager", "compiled"]
)
@pytest.mark.parametrize("options", OPTIONS)
def test_an_idle_pass_leaves_no_trace(options: str, is_compiled: bool) -> None:
    """Before, between and after steps: statistics, count, pool and tracks are as without it."""
    torch._dynamo.reset()
    layer, other = (BatchNorm1d(3, **OPTIONS[options]).double() for _ in range(2))
    call: Any = torch.compile(layer, backend="aot_eager") if is_compiled else layer
    noise = normal(40, 3, seed=99) * 50 + 100
    for seed in range(3):
        for how in IDLE:
            idle(layer, how, noise, call)
        idle(layer, IDLE[seed], noise[:4], call)
        for one in (call, other):
            one(normal(40, 3, seed=seed) + 1)
    for how in IDLE:
        idle(layer, how, noise, call)
    for (name, got), (_, expected) in zip(
        layer.named_buffers(), other.named_buffers(), strict=True
    ):
        torch.testing.assert_close(got, expected, msg=name)


def test_a_masked_pass_obeys_the_switches() -> None:
    """With a mask, too, statistics stay while tracking is off, or momentum is 0."""
    mask = torch.arange(8) < 6
    for switch in ({"track_running_stats": False}, {"momentum": 0.0}):
        layer = BatchNorm1d(3, decays=(0.5,)).double()
        layer(normal(8, 3))
        before = [b.clone() for b in layer.buffers()]
        sets(**switch)(layer)
        y = layer(normal(8, 3, seed=1), mask)
        torch.testing.assert_close(y[mask].mean(0), torch.zeros(3, dtype=torch.float64))
        assert all(torch.equal(a, b) for a, b in zip(before, layer.buffers(), strict=True))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("rows", [4, 40])
def test_a_pass_under_inference_mode_updates_and_training_goes_on(options: str, rows: int) -> None:
    """As in torch: the pass counts, and backward works before and after."""
    layer, other = (BatchNorm1d(3, **OPTIONS[options]) for _ in range(2))
    x = normal(rows, 3, dtype=torch.float32)
    with torch.inference_mode():
        layer(x)
        layer.reset_running_stats()
        layer(x)
    other(x)
    for seed in range(3):
        for one in (layer, other):
            one(normal(rows, 3, seed=seed, dtype=torch.float32)).sum().backward()
    for a, b in zip(layer.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_layer_made_under_inference_mode_works_there() -> None:
    """Building, converting and copying under inference_mode give layers that infer and track."""
    x = normal(40, 3, dtype=torch.float32)
    with torch.inference_mode():
        for options in OPTIONS.values():
            layer = BatchNorm1d(3, **options)
            layers = (layer, copy.deepcopy(layer), convert_batchnorm(nn.BatchNorm1d(3), **options))
            for one in layers:
                for _ in range(2):
                    one(x)
                torch.testing.assert_close(one.eval()(x), layer.eval()(x))
                assert count(one) >= 1
