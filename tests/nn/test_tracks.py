"""Several averages in one run."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.support.batchnorm import count, normal, stats
from tune_bn.nn import (
    MLP,
    BatchNorm1d,
    BatchNormError,
    LazyBatchNorm1d,
    best_decay,
    load_tracks,
    select_decay,
    tracks_state,
)

DECAYS = (0.0, 0.5, 0.9, 0.99)


def train(layer: nn.Module, steps: int, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        layer(torch.randn(8, 3, generator=generator, dtype=torch.float64) + step)


def train_wide(layer: nn.Module, steps: int, seed: int = 0) -> None:
    """Trains with batches of a size that takes the short way."""
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        layer(torch.randn(32, 3, generator=generator, dtype=torch.float64) + step)


@pytest.mark.parametrize("steps", [1, 2, 40])
@pytest.mark.parametrize("variance", ["biased", "unbiased"])
@pytest.mark.parametrize("trained", [train, train_wide])
def test_each_track_equals_a_layer_with_that_decay(
    trained: Callable[[nn.Module, int], None], steps: int, variance: str
) -> None:
    """One run with several decays holds what as many runs with one decay hold, to 1e-12."""
    several = BatchNorm1d(3, decays=DECAYS, variance=variance, dtype=torch.float64)  # type: ignore[arg-type] # a str
    trained(several, steps)
    for decay in DECAYS:
        single = BatchNorm1d(3, decay=decay, variance=variance, dtype=torch.float64)  # type: ignore[arg-type] # a str
        trained(single, steps)
        select_decay(several, decay)
        for got, expected in zip(stats(several), stats(single), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
        assert several.decay == pytest.approx(decay)


def test_the_five_keys_stay() -> None:
    """The state_dict with tracks has torch's keys and loads into torch's layer and back."""
    layer, theirs = BatchNorm1d(3, decays=DECAYS), nn.BatchNorm1d(3)
    layer(normal(8, 3, dtype=torch.float32))
    assert layer.state_dict().keys() == theirs.state_dict().keys()
    theirs.load_state_dict(layer.state_dict())
    other = BatchNorm1d(3, decays=DECAYS)
    other.load_state_dict(theirs.state_dict())
    for decay in DECAYS:
        select_decay(other, decay)
        torch.testing.assert_close(stats(other)[0], stats(layer)[0])


def test_tracks_go_on_from_a_loaded_state() -> None:
    """After loading, every track starts at the loaded statistics with their count of batches."""
    source = BatchNorm1d(3, decay=0.5, dtype=torch.float64)
    train(source, 4)
    layer = BatchNorm1d(3, decay=0.5, decays=(0.5,), dtype=torch.float64)
    layer.load_state_dict(source.state_dict())
    train(source, 3, seed=1)
    train(layer, 3, seed=1)
    for got, expected in zip(layer.track(0.5), stats(source), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_tracks_survive_a_checkpoint() -> None:
    """tracks_state and load_tracks, after load_state_dict, restore every average."""
    model = MLP(3, 2, width=4, decays=DECAYS).double()
    train(model, 5)
    other = MLP(3, 2, width=4, decays=DECAYS).double()
    other.load_state_dict(model.state_dict())
    load_tracks(other, tracks_state(model))
    for m in (model, other):
        select_decay(m, 0.99)
    for got, expected in zip(other.buffers(), model.buffers(), strict=True):
        assert torch.equal(got, expected)


def through_a_file(state: Any) -> Any:
    """As a checkpoint of Lightning's or one's own, read back as torch.load does by default."""
    file = io.BytesIO()
    torch.save({"state_dict": state, "epoch": 3}, file)
    file.seek(0)
    return torch.load(file)["state_dict"]


@pytest.mark.parametrize("kept", [copy.deepcopy, through_a_file])
@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_tracks_come_with_a_state(kept: Any, assign: bool, accumulate: int) -> None:
    """A run that goes on from its checkpoint, or its best state, keeps what it had averaged."""

    def net() -> nn.Module:
        model = MLP(3, 2, width=4, decays=DECAYS).double()
        for layer in model.modules():
            if isinstance(layer, BatchNorm1d):
                layer.accumulate = accumulate
        return model

    straight, restarted, other = net(), net(), net()
    other.load_state_dict(straight.state_dict())
    for _ in range(2 * accumulate):
        train(straight, 3)
    state = kept(straight.state_dict())
    assert [*state] == [*straight.state_dict()]
    train(restarted, 5, seed=9)  # what another run had seen
    restarted.load_state_dict(state, assign=assign)
    other.load_state_dict(dict(state))  # by its keys alone: all tracks start from what is in use
    for model in (straight, restarted, other):
        for _ in range(accumulate):
            train(model, 1, seed=77)
    for decay in DECAYS:
        for model in (straight, restarted, other):
            select_decay(model, decay)
        same = zip(straight.buffers(), restarted.buffers(), strict=True)
        assert all(torch.allclose(a, b) for a, b in same)
        if decay != 0.9:  # which is in use
            pairs = zip(straight.buffers(), other.buffers(), strict=True)
            assert not all(torch.allclose(a, b) for a, b in pairs)


def test_tracks_of_other_statistics_do_not_come() -> None:
    """Where a state was averaged since, has another count, or is for other decays."""
    layer = BatchNorm1d(3, decays=DECAYS).double()
    train(layer, 9)

    def averaged(state: Any) -> None:
        state["running_mean"].mul_(1.5)

    def recounted(state: Any) -> None:
        state["num_batches_tracked"].fill_(50)

    def replaced(state: Any) -> None:
        state["running_var"] = state["running_var"] + 1

    for change in (averaged, recounted, replaced):
        for keep in (copy.deepcopy, through_a_file):
            state = keep(layer.state_dict())
            change(state)
            other = BatchNorm1d(3, decays=DECAYS).double()
            other.load_state_dict(state)
            for decay in DECAYS:
                torch.testing.assert_close(other.track(decay)[0], state["running_mean"])
    fewer = BatchNorm1d(3, decays=DECAYS[:2]).double()
    fewer.load_state_dict(layer.state_dict())
    torch.testing.assert_close(fewer.track(DECAYS[1])[0], stats(layer)[0])
    nn.BatchNorm1d(3).double().load_state_dict(layer.state_dict())  # strictly
    for odd in (LazyBatchNorm1d(decays=DECAYS), BatchNorm1d(3, decays=DECAYS, device="meta")):
        odd.load_state_dict(odd.state_dict())
    with pytest.warns(UserWarning, match="no-op"):
        odd.load_state_dict(layer.state_dict())  # into the meta device


def test_load_tracks_refuses_another_model() -> None:
    """Tracks of other layers or decays are refused by name."""
    with pytest.raises(BatchNormError, match=r"needs the tracks .*layers\.1\.tracks"):
        load_tracks(MLP(3, 2, decays=DECAYS), {})
    state = tracks_state(MLP(3, 2, decays=(0.5,)))
    with pytest.raises(BatchNormError, match="of shape"):
        load_tracks(MLP(3, 2, decays=DECAYS), state)


def test_select_before_any_batch_gives_the_start() -> None:
    """Without a batch, every track is torch's start: mean 0, variance 1."""
    layer = BatchNorm1d(3, decays=DECAYS)
    select_decay(layer, 0.9)
    assert stats(layer)[0].eq(0).all()
    assert stats(layer)[1].eq(1).all()


def test_best_decay_picks_the_lowest_loss() -> None:
    """The decay whose evaluation is lowest is returned and in use; a NaN never wins."""
    model = MLP(3, 2, width=4, decays=DECAYS).double()
    train(model, 5)
    losses = dict(zip(DECAYS, [float("nan"), 2.0, 1.0, 1.0], strict=True))
    norms = [m for m in model.modules() if isinstance(m, BatchNorm1d)]

    def evaluate(m: nn.Module) -> float:
        assert not m.training
        return losses[min(DECAYS, key=lambda d: abs(d - norms[0].decay))]

    assert best_decay(model, evaluate) == 0.9
    assert model.training
    for norm in norms:
        torch.testing.assert_close(stats(norm)[0], norm.track(0.9)[0])


def test_best_decay_puts_the_old_statistics_back_on_failure() -> None:
    """If evaluate raises, or is NaN throughout, statistics, decay and mode are as before."""
    layer = BatchNorm1d(3, decay=0.7, decays=DECAYS, dtype=torch.float64)
    train(layer, 5)
    before = [b.clone() for b in layer.buffers()]

    def fail(_: nn.Module) -> float:
        raise KeyError("evaluation failed")

    with pytest.raises(KeyError, match="evaluation failed"):
        best_decay(layer, fail)
    with pytest.raises(BatchNormError, match="got NaN for every decay"):
        best_decay(layer, lambda _: float("nan"))
    assert layer.training
    assert layer.decay == pytest.approx(0.7)
    assert all(torch.equal(a, b) for a, b in zip(before, layer.buffers(), strict=True))


def test_tracks_reset_and_recover_with_the_layer() -> None:
    """reset_running_stats empties the tracks, and the next batch fills them."""
    layer = BatchNorm1d(3, decays=DECAYS, dtype=torch.float64)
    train(layer, 5)
    layer.reset_running_stats()
    x = normal(8, 3)
    layer(x)
    for decay in DECAYS:
        torch.testing.assert_close(layer.track(decay)[0], x.mean(0))


def test_tracks_follow_the_gates() -> None:
    """A batch that is skipped, masked out or pooled enters tracks and statistics alike."""
    bad = torch.full((8, 3), float("nan"), dtype=torch.float64)
    for options in ({"skip_nonfinite": True}, {"accumulate": 2}):
        layer = BatchNorm1d(3, decay=0.5, decays=(0.5,), dtype=torch.float64, **options)
        train(layer, 4)
        if "skip_nonfinite" in options:
            layer(bad)
        assert count(layer) == (4 if "skip_nonfinite" in options else 2)
        for got, expected in zip(layer.track(0.5), stats(layer), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("decays", "words"),
    [
        ((1.0,), r"0 <= decays\[0\] < 1"),
        ((-0.1,), r"0 <= decays\[0\] < 1"),
        ((0.9, 0.9), "each of"),
    ],
)
def test_decays_out_of_range_are_refused(decays: tuple[float, ...], words: str) -> None:
    """A decay of 1 or more, below 0, or twice is an error."""
    with pytest.raises(BatchNormError, match=words):
        BatchNorm1d(3, decays=decays)


def test_a_decay_that_is_not_kept_is_refused() -> None:
    """The error names the decays there are; a model without tracks says how to get some."""
    with pytest.raises(BatchNormError, match=r"one of the decays it keeps, \(0.5,\), but got 0.7"):
        select_decay(BatchNorm1d(3, decays=(0.5,)), 0.7)
    with pytest.raises(BatchNormError, match="layers that keep several averages"):
        select_decay(MLP(3, 2), 0.7)
    two: list[nn.Module] = [BatchNorm1d(3, decays=(0.5,)), BatchNorm1d(3, decays=(0.6,))]
    with pytest.raises(BatchNormError, match="a decay that all layers keep"):
        best_decay(nn.Sequential(*two), lambda _: 0.0)


def test_memory_is_per_channel_only() -> None:
    """Three tracks add 3 x 3 numbers per channel, a step each and a count; nothing per element."""
    one, three = BatchNorm1d(10), BatchNorm1d(10, decays=(0.8, 0.9, 0.99))

    def numbers(layer: nn.Module) -> int:
        return sum(t.numel() for t in layer.buffers() if isinstance(t, Tensor))

    assert numbers(three) - numbers(one) == 3 * 3 * 10 + 3 + 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_goes_on_by_itself(copied: Callable[[nn.Module], nn.Module]) -> None:
    """A copy made in training continues as the original does, and shares nothing with it."""
    layer = BatchNorm1d(3, decays=DECAYS, dtype=torch.float64)
    train_wide(layer, 3)
    other = copied(layer)
    train_wide(layer, 4, seed=1)
    train_wide(other, 4, seed=1)
    assert isinstance(other, BatchNorm1d)
    for decay in DECAYS:
        assert torch.equal(layer.track(decay)[1], other.track(decay)[1])
    before = [b.clone() for b in layer.buffers()]
    train_wide(other, 1, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(before, layer.buffers(), strict=True))


def test_tracks_recover_when_statistics_are_set_after_a_nan() -> None:
    """A batch of NaN spoils the averages until they are set anew, and not for longer."""
    layer = BatchNorm1d(3, decays=DECAYS, dtype=torch.float64)
    layer(torch.full((32, 3), torch.nan, dtype=torch.float64))
    assert stats(layer)[0].isnan().all()
    for buffer in (layer.running_mean, layer.running_var, layer.tracks, layer.num_batches_tracked):
        assert buffer is not None
        buffer.zero_()
    x = normal(32, 3)
    layer(x)
    for decay in DECAYS:
        torch.testing.assert_close(layer.track(decay)[0], x.mean(0))
        torch.testing.assert_close(layer.track(decay)[1], x.var(0, unbiased=False))


def test_forward_passes_before_a_backward_pass_do_not_disturb_it() -> None:
    """Gradients, and second ones, are those of a layer that keeps one average."""
    several = BatchNorm1d(3, decays=DECAYS, dtype=torch.float64)
    single = BatchNorm1d(3, dtype=torch.float64)
    found = []
    for layer in (several, single):
        x = normal(32, 3).requires_grad_()
        y = layer(x)
        for seed in (1, 2):
            layer(normal(32, 3, seed=seed))
        assert layer.running_mean is not None
        layer.running_mean.zero_()
        (first,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.pow(2).sum(), x)
        found.append((y, first, second))
    for got, expected in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
