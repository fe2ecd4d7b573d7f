"""Ways to train in which torch's layers fail or count wrongly."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.support.batchnorm import count, moments, normal, plain, stats
from tune_bn.nn import (
    MLP,
    BatchNorm1d,
    BatchNorm2d,
    BatchNormError,
    flush_stats,
    freeze_stats,
    no_stats_update,
    unfreeze_stats,
)


def double(layer: nn.Module) -> Any:
    return layer.double()


@pytest.mark.parametrize("rows", [8, 32])  # both ways to get at the statistics
def test_buffers_may_be_written_between_forward_and_backward(rows: int) -> None:
    """Loading, resetting or averaging statistics before backward leaves the gradient as it was."""
    layer = double(BatchNorm1d(3))
    x = normal(rows, 3).requires_grad_()
    weights = normal(rows, 3, seed=1)
    (expected,) = torch.autograd.grad((layer(x) * weights).sum(), x)
    loss = (layer(x) * weights).sum()
    layer.reset_running_stats()
    layer.load_state_dict(dict(layer.named_buffers()), strict=False)
    stats(layer)[0].mul_(0.5)
    assert torch.equal(torch.autograd.grad(loss, x)[0], expected)


def test_torch_fails_where_ours_does_not() -> None:
    """The trap of the test above is one: torch's layer cannot do it."""
    layer = nn.BatchNorm1d(3).double()
    loss = layer(normal(8, 3).requires_grad_()).square().sum()
    layer.reset_running_stats()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("rows", [8, 32])  # both ways to get at the statistics
def test_two_forwards_one_backward(rows: int) -> None:
    """Two batches through one layer, then backward, give the sum of both gradients."""
    layer = double(BatchNorm1d(3))
    a, b = normal(rows, 3).requires_grad_(), normal(rows, 3, seed=1).requires_grad_()
    (layer(a).pow(3).sum() + layer(b).pow(3).sum()).backward()
    for x in (a, b):
        (expected,) = torch.autograd.grad(plain(x, None, None, layer.eps).pow(3).sum(), x)
        torch.testing.assert_close(x.grad, expected)
    assert count(layer) == 2


@pytest.mark.parametrize("use_reentrant", [False, True])
@pytest.mark.parametrize("rows", [8, 32])  # both ways to get at the statistics
def test_a_checkpointed_step_counts_once(use_reentrant: bool, rows: int) -> None:
    """Activation checkpointing, of both kinds, gives the statistics and gradients of none."""
    results = []
    for is_checkpointed in (False, True):
        torch_layer = nn.Linear(3, 3).double()
        torch_layer.load_state_dict({"weight": normal(3, 3, seed=3), "bias": normal(3, seed=4)})
        model = nn.Sequential(torch_layer, double(BatchNorm1d(3)))
        x = normal(rows, 3).requires_grad_()
        for _ in range(2):
            y = checkpoint(model, x, use_reentrant=use_reentrant) if is_checkpointed else model(x)
            assert isinstance(y, Tensor)
            y.pow(3).sum().backward()
        results.append([x.grad, *model.parameters(), *model.buffers()])
    for got, expected in zip(results[1], results[0], strict=True):
        assert got is not None
        torch.testing.assert_close(got, expected)


def test_torch_counts_a_checkpointed_step_twice() -> None:
    """The trap of the test above is one."""
    layer = nn.BatchNorm1d(3)
    x = normal(8, 3, dtype=torch.float32).requires_grad_()
    y = checkpoint(layer, x, use_reentrant=False)
    assert isinstance(y, Tensor)
    y.sum().backward()
    assert count(layer) == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_nonfinite_batch_is_skipped_on_request(bad: float) -> None:
    """With skip_nonfinite one bad batch leaves statistics and count alone, and is counted."""
    layer = double(BatchNorm1d(3, skip_nonfinite=True))
    layer(normal(8, 3))
    before = [b.clone() for b in layer.state_dict().values()]
    x = normal(8, 3, seed=1)
    x[2, 1] = bad
    layer(x)
    assert all(torch.equal(a, b) for a, b in zip(before, layer.state_dict().values(), strict=True))
    assert int(layer.batches_skipped) == 1
    layer(normal(8, 3, seed=2))
    assert torch.isfinite(stats(layer)[1]).all()
    assert count(layer) == 2


def test_frozen_statistics_survive_train() -> None:
    """After freeze_stats, model.train() still uses the running statistics and keeps them."""
    model = double(MLP(3, 2, width=4))
    model(normal(8, 3))
    freeze_stats(model)
    model.train()
    before = [b.clone() for b in model.buffers()]
    x = normal(8, 3, seed=1)
    frozen = model(x)
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))
    assert torch.equal(frozen, model.eval()(x))
    frozen.sum().backward()
    unfreeze_stats(model)
    model.train()(x)
    assert not torch.equal(before[0], next(model.buffers()))


def test_pausing_touches_no_buffer_and_ends() -> None:
    """no_stats_update normalises by the batch, changes no buffer, and ends with its context."""
    layer = double(BatchNorm1d(3))
    x = normal(8, 3)
    with no_stats_update(layer):
        torch.testing.assert_close(layer(x), plain(x, None, None, layer.eps))
        with pytest.raises(KeyError), no_stats_update(layer):
            raise KeyError
        layer(x)
    assert count(layer) == 0
    layer(x)
    assert count(layer) == 1


@pytest.mark.parametrize("sizes", [(4, 4), (2, 5, 1 + 2)])
def test_micro_batches_are_pooled(sizes: tuple[int, ...]) -> None:
    """k micro-batches with accumulate=k enter as the one batch they are, whatever their sizes."""
    k = len(sizes)
    layer = double(BatchNorm1d(3, decay=0.5, accumulate=k))
    whole = double(BatchNorm1d(3, decay=0.5))
    for step in range(3):
        x = normal(sum(sizes), 3, seed=step) + step
        for part in x.split(sizes):
            assert count(layer) == step
            layer(part)
        whole(x)
    assert count(layer) == 3
    for got, expected in zip(stats(layer), stats(whole), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_an_incomplete_pool_can_be_flushed() -> None:
    """flush_stats lets what is pooled so far enter, and nothing if there is nothing."""
    layer = double(BatchNorm1d(3, accumulate=4, variance="unbiased"))
    x = normal(8, 3)
    for part in x.split(4):
        layer(part)
    assert count(layer) == 0
    for _ in range(2):
        flush_stats(layer)
        assert count(layer) == 1
    torch.testing.assert_close(stats(layer)[0], x.mean(0))
    torch.testing.assert_close(stats(layer)[1], x.var(0, correction=1))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_padding_does_not_count(training: bool, affine: bool) -> None:
    """With a mask, the result is that of the real positions alone, and 0 at the others."""
    x = normal(4, 3, 6)
    mask = torch.arange(6) < torch.tensor([[6], [1], [3], [2]])
    x[~mask.unsqueeze(1).expand_as(x)] = math.nan
    layer, dense = (double(BatchNorm1d(3, affine=affine)) for _ in range(2))
    rows = x.movedim(1, -1)[mask]
    for norm in (layer, dense):
        norm(normal(9, 3, seed=5))
        norm.train(training)
        for p in norm.parameters():
            nn.init.constant_(p, 0.7)
    x.requires_grad_()
    rows.requires_grad_()
    got, expected = layer(x, mask=mask), dense(rows)
    torch.testing.assert_close(got.movedim(1, -1)[mask], expected, rtol=1e-12, atol=1e-12)
    assert got.movedim(1, -1)[~mask].eq(0).all()
    for a, b in zip(layer.buffers(), dense.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    got.pow(3).sum().backward()
    expected.pow(3).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad.movedim(1, -1)[mask], rows.grad, rtol=1e-10, atol=1e-10)
    assert x.grad.movedim(1, -1)[~mask].eq(0).all()


def test_a_mask_of_rows_and_an_empty_mask() -> None:
    """A mask of shape (N,) keeps whole rows; one that keeps nothing changes no statistic."""
    layer = double(BatchNorm2d(3))
    x = normal(4, 3, 2, 2)
    mask = torch.tensor([True, False, True, False])
    layer(x, mask)
    for got, expected in zip(stats(layer), moments(x[mask]), strict=True):
        torch.testing.assert_close(got, expected)
    assert layer(x, torch.zeros(4, dtype=torch.bool)).eq(0).all()
    assert count(layer) == 1


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(4, 6), "needs a boolean mask, but got torch.float32"),
        (torch.ones(4, 3, 6, dtype=torch.bool), r"mask of shape \(4, 6\)"),
        (torch.ones(4, 5, dtype=torch.bool), r"mask of shape \(4, 6\)"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask: Tensor, message: str) -> None:
    """Another type or shape is an error that says which is needed."""
    with pytest.raises(BatchNormError, match=message):
        double(BatchNorm1d(3))(normal(4, 3, 6), mask)


def test_a_batch_of_one_value() -> None:
    """It is torch's error by default; on request it is normalised by the running statistics."""
    x = normal(1, 3)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        double(BatchNorm1d(3))(x)
    layer = double(BatchNorm1d(3, single_value="running"))
    layer(normal(8, 3, seed=1))
    before = [b.clone() for b in layer.buffers()]
    in_training = layer(x)
    assert all(torch.equal(a, b) for a, b in zip(before, layer.buffers(), strict=True))
    assert torch.equal(in_training, layer.eval()(x))


# --- What others do to the memory of buffers between two steps ---------------------------------


def _moved(tensor: Tensor) -> None:
    tensor.data = tensor.data.clone()


def _shared(tensor: Tensor) -> None:
    tensor.share_memory_()


def _swapped(tensor: Tensor) -> None:
    torch.utils.swap_tensors(tensor, tensor.clone())


def _written(tensor: Tensor) -> None:
    tensor.data.copy_(torch.full_like(tensor, 7))


MEMORY = [_moved, _shared, _swapped, _written]
MANY: list[dict[str, Any]] = [{}, {"variance": "unbiased"}, {"decays": (0.5, 0.9)}]


@pytest.mark.parametrize("change", MEMORY)
@pytest.mark.parametrize("name", ["running_mean", "running_var", "num_batches_tracked"])
@pytest.mark.parametrize("options", MANY, ids=["biased", "unbiased", "decays"])
def test_a_step_goes_to_the_memory_that_a_buffer_has_now(
    options: dict[str, Any], name: str, change: Any
) -> None:
    """New memory behind the same tensor, as by ``tensor.data =``, is what the next step moves.

    Another layer gets the same values written into its buffer, without any memory moved.
    """
    moved, still = BatchNorm1d(3, **options), BatchNorm1d(3, **options)
    for step in range(3):
        x = normal(32, 3, seed=step, dtype=torch.float32)
        moved(x)
        still(x)
        change(getattr(moved, name))
        getattr(still, name).copy_(getattr(moved, name))
    for ours, theirs in zip(moved.buffers(), still.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert moved.num_batches_tracked == (
        7 if (name, change) == ("num_batches_tracked", _written) else 3
    )


def test_a_count_of_another_type_counts() -> None:
    """As torch's layer, whatever integer somebody put there."""
    layer, usual = BatchNorm1d(3), BatchNorm1d(3)
    layer.num_batches_tracked = torch.tensor(0, dtype=torch.int32)
    for step in range(3):
        for each in (layer, usual):
            each(normal(32, 3, seed=step, dtype=torch.float32))
    assert layer.num_batches_tracked == 3
    torch.testing.assert_close(layer.running_mean, usual.running_mean, rtol=1e-6, atol=1e-7)
