"""Exact statistics of a whole data set."""

import warnings
from collections import UserDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from tests.support.batchnorm import count, in_two_processes, moments, normal, stats
from tune_bn.nn import MLP, BatchNorm1d, BatchNorm2d, BatchNormError, convert_batchnorm, recalibrate

X = normal(40, 6) * 3 + 2


def net() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(6, 2, width=8, decays=(0.5, 0.9), dropout=0.3).double()


def buffers(model: nn.Module) -> list[Tensor]:
    return [b.clone() for b in model.buffers()]


def test_every_layer_gets_its_inputs_exact_statistics() -> None:
    """Each layer's statistics are the moments of its input over all rows, at inference."""
    model = net()
    recalibrate(model, X.split(7))
    seen: dict[nn.Module, Tensor] = {}
    layers = [m for m in model.modules() if isinstance(m, BatchNorm1d)]
    for layer in layers:
        layer.register_forward_pre_hook(lambda m, args: seen.update({m: args[0]}))
    model.eval()(X)
    assert len(layers) == 2
    for layer in layers:
        for got, expected in zip(stats(layer), moments(seen[layer]), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(layer.track(0.5)[0], stats(layer)[0])


def test_order_and_split_do_not_matter() -> None:
    """Any order of the rows and any split into batches give the same, single rows included."""
    results = []
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    for batches in (X.split(40), X.split(7), X[order].split(13), X.split(1)):
        model = net()
        recalibrate(model, batches)
        results.append(buffers(model))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_a_shuffling_loader_of_pairs_works() -> None:
    """The first of a batch's tensors is the input; the loader may shuffle from pass to pass."""
    loader = DataLoader(
        TensorDataset(X, torch.zeros(40)), batch_size=9, shuffle=True,
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    model, expected = net(), net()
    recalibrate(model, loader)
    recalibrate(expected, [X])
    for a, b in zip(buffers(model), buffers(expected), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_modes_are_restored_and_training_goes_on() -> None:
    """Modes come back as they were, and the count of batches stays, at least 1."""
    model = net()
    for _ in range(3):
        model(X)
    layers = [m for m in model.modules() if isinstance(m, BatchNorm1d)]
    layers[0].eval()
    recalibrate(model, [X])
    assert model.training
    assert not layers[0].training
    assert count(layers[1]) == 3
    fresh = net()
    recalibrate(fresh, [X])
    assert count(next(m for m in fresh.modules() if isinstance(m, BatchNorm1d))) == 1


class Interrupted:
    """A loader that is interrupted in the middle of a later pass."""

    def __init__(self) -> None:
        self.passes = 0

    def __iter__(self) -> Iterator[Tensor]:
        self.passes += 1
        yield X[:20]
        if self.passes == 3:
            raise KeyboardInterrupt
        yield X[20:]


def test_an_interrupt_restores_everything() -> None:
    """Interrupted after the first layer was set, statistics, modes and hooks are as before."""
    model = net()
    model(X)
    before = buffers(model)
    with pytest.raises(KeyboardInterrupt):
        recalibrate(model, Interrupted())
    assert all(torch.equal(a, b) for a, b in zip(before, buffers(model), strict=True))
    assert all(m.training and not m._forward_pre_hooks for m in model.modules())


def test_torchs_layers_and_unbiased_variance() -> None:
    """torch's layers, and ours on request, get the variance divided by m - 1."""
    for layer in (
        nn.BatchNorm1d(6, dtype=torch.float64),
        BatchNorm1d(6, variance="unbiased", dtype=torch.float64),
    ):
        recalibrate(layer, X.split(11))
        torch.testing.assert_close(stats(layer)[1], X.var(0, correction=1))


def test_a_layer_called_twice_pools_both_calls() -> None:
    """A shared layer's statistics are those of everything it is called on."""
    layer = BatchNorm1d(6).double()

    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = layer

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            """Normalises the input and its double."""
            return self.norm(x), self.norm(2 * x)

    recalibrate(Shared(), X.split(7))
    torch.testing.assert_close(stats(layer)[0], torch.cat([X, 2 * X]).mean(0))


def test_masks_are_honoured() -> None:
    """Positions that a call's mask drops do not enter."""
    layer = convert_batchnorm(nn.BatchNorm1d(6)).double()
    mask = torch.arange(40) % 3 == 0
    recalibrate(layer, [(X, mask)], forward=lambda m, batch: m(batch[0], mask=batch[1]))
    torch.testing.assert_close(stats(layer)[0], X[mask].mean(0))


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (iter([X]), "iterated once per layer, but got an iterator"),
        ([], "at least one batch, but got an empty loader"),
        ([X[:1]], "two finite values or more per channel"),
        ([X * float("nan")], "two finite values or more per channel"),
    ],
)
def test_unusable_loaders_are_refused(loader: list[Tensor], message: str) -> None:
    """One-shot, empty, too short or non-finite data is an error and changes nothing."""
    model = net()
    before = buffers(model)
    with pytest.raises(BatchNormError, match=message):
        recalibrate(model, loader)
    assert all(torch.equal(a, b) for a, b in zip(before, buffers(model), strict=True))


def test_images() -> None:
    """Convolutional layers pool over positions, too."""
    layer = BatchNorm2d(2).double()
    images = normal(6, 2, 3, 3)
    recalibrate(layer, images.split(4))
    for got, expected in zip(stats(layer), moments(images), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


# --- Models whose layers hooks do not reach --------------------------------------------------


def plain(model: Any) -> Any:
    return model


def whole(model: Any) -> Any:
    return torch.compile(model, backend="aot_eager")


def in_place(model: Any) -> Any:
    model.compile(backend="aot_eager")
    return model


def a_submodule(model: Any) -> Any:
    model.layers[3] = torch.compile(model.layers[3], backend="aot_eager")
    return model


def its_forward(model: Any) -> Any:
    model.forward = torch.compile(model.forward, backend="aot_eager")
    return model


def a_layer(model: Any) -> Any:
    for m in model.modules():
        if isinstance(m, BatchNorm1d):
            m.compile(backend="aot_eager")
    return model


@pytest.mark.heavy
@pytest.mark.parametrize("compiled", [whole, in_place, a_submodule, its_forward, a_layer])
def test_a_compiled_model_that_ran_before(compiled: Callable[[Any], Any]) -> None:
    """Its graphs have no hooks; it runs without them meanwhile, and with them afterwards."""
    torch._dynamo.reset()
    expected, inner = net(), net()
    model = compiled(inner)
    with torch.no_grad():
        for _ in range(2):
            model.train()(X)
            model.eval()(X + 20)
    recalibrate(expected, [X])
    recalibrate(model, X.split(7))
    for got, want in zip(inner.buffers(), expected.buffers(), strict=True):
        if got.is_floating_point() and got.dim() == 1:
            torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(X), expected.eval()(X))


@pytest.mark.heavy
def test_a_compiled_function() -> None:
    """A graph around a function that calls the model is left, too."""
    torch._dynamo.reset()
    model, expected = net().eval(), net()
    call = torch.compile(lambda x: 2 * model(x), backend="aot_eager")
    call(X)
    recalibrate(model, [X], forward=lambda _, batch: call(batch))
    recalibrate(expected, [X])
    torch.testing.assert_close(model(X), expected.eval()(X))


def test_what_runs_in_its_place_is_refused() -> None:
    """A trace or an exported program does not call the layers; nothing would happen."""
    model = net().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model, X)
        program = torch.export.export(model, (X,)).module()
    before = buffers(model)
    with pytest.raises(BatchNormError, match="none of 2 was called as a module"):
        recalibrate(model, [X], forward=lambda _, batch: traced(batch))
    for made in (program, nn.Sequential(nn.Linear(6, 2).double())):
        with pytest.raises(BatchNormError, match="that keep running statistics, but got"):
            recalibrate(made, [X])
    for made in (traced, nn.Sequential(traced, BatchNorm1d(2).double())):
        with pytest.raises(BatchNormError, match="modules in Python.*traced"):
            recalibrate(made, [X])
    assert all(torch.equal(a, b) for a, b in zip(before, buffers(model), strict=True))


class Auxiliary(nn.Module):
    """Has a head that serves in training only, as Inception's."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.aux = BatchNorm1d(6).double(), BatchNorm1d(6).double()

    def forward(self, x: Tensor) -> Tensor:
        """Uses the second layer in training."""
        y: Tensor = self.norm(x)
        return y + self.aux(x) if self.training else y


def test_a_layer_that_is_not_called_is_named() -> None:
    """It keeps its statistics, and a warning says so."""
    model = Auxiliary()
    model(X + 50)
    before = [b.clone() for b in model.aux.buffers()]
    with pytest.warns(UserWarning, match="set 1 of 2 batch norms; the model does not call aux in"):
        recalibrate(model, [X])
    torch.testing.assert_close(stats(model.norm)[0], X.mean(0))
    assert all(torch.equal(a, b) for a, b in zip(before, model.aux.buffers(), strict=True))


# --- Batches ---------------------------------------------------------------------------------


class TakesKeywords(nn.Module):
    """A model as Hugging Face's, called with keywords."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = BatchNorm1d(6).double()

    def forward(self, values: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Returns what such models return."""
        return {"logits": self.norm(values)}


class TakesTwo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = BatchNorm1d(6).double()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Normalises a sum."""
        y: Tensor = self.norm(a + b)
        return y


@pytest.mark.parametrize(
    "batch",
    [
        {"values": X, "labels": torch.zeros(40)},
        UserDict({"values": X}),  # transformers' BatchEncoding is one
        ({"values": X}, torch.zeros(40)),
        [X, torch.zeros(40)],
        X,
    ],
)
def test_batches_of_every_usual_form(batch: Any) -> None:
    """Mappings are keyword arguments; of a tuple or list the first is taken."""
    model = TakesKeywords()
    recalibrate(model, [batch])
    torch.testing.assert_close(stats(model.norm)[0], X.mean(0))


@pytest.mark.parametrize(
    ("model", "batch"),
    [(TakesTwo(), (X, X)), (TakesKeywords(), {"inputs": X}), (TakesKeywords(), ("a", "b")),
     (TakesKeywords(), ([X, X], X))],
)  # fmt: skip
def test_a_batch_that_does_not_fit_says_what_to_do(model: nn.Module, batch: Any) -> None:
    """One line with the remedy; and the remedy works."""
    with pytest.raises(BatchNormError, match="Say how, e.g. forward=lambda model, batch:"):
        recalibrate(model, [batch])
    if isinstance(model, TakesTwo):
        recalibrate(model, [batch], forward=lambda m, b: m(b[0], b[1]))
        torch.testing.assert_close(stats(model.norm)[0], 2 * X.mean(0))


def test_another_default_device() -> None:
    """What is worked with lies where the data do, whatever torch's default device is."""
    model, expected = net(), net()
    recalibrate(expected, [X])
    with torch.device("meta"):
        recalibrate(model, [X])
    for a, b in zip(buffers(model), buffers(expected), strict=True):
        torch.testing.assert_close(a, b)


class KeepsState(nn.Module):
    """Must not be left in the middle, as a model that FSDP2 shards, which has gathered weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = BatchNorm1d(6).double(), BatchNorm1d(6).double()
        self.is_inside = False

    def forward(self, x: Tensor) -> Tensor:
        """Raises if it was left in the middle the last time."""
        assert not self.is_inside
        self.is_inside = True
        y: Tensor = self.second(self.first(x).exp())
        self.is_inside = False
        return y


def test_every_pass_runs_to_its_end() -> None:
    """The model is never left by an exception of ours."""
    model = KeepsState()
    recalibrate(model, X.split(7))
    assert not model.is_inside
    torch.testing.assert_close(stats(model.second)[0], model.eval().first(X).exp().mean(0))


# --- Several processes -----------------------------------------------------------------------

SHARES = X.split((25, 15))


class FailsInOne(nn.Module):
    def __init__(self, rank: int) -> None:
        super().__init__()
        self.norm, self.rank, self.calls = BatchNorm1d(6).double(), rank, 0

    def forward(self, x: Tensor) -> Tensor:
        """Fails in the second process, in its second pass."""
        self.calls += 1
        if self.rank == 1 and self.calls == 2:
            raise KeyError("no such row")
        y: Tensor = self.norm(x)
        return y


def work(rank: int, folder: str) -> None:
    """Recalibrates with the share of one of two processes, several ways."""
    torch.save(results_of(rank), f"{folder}/{rank}.pt")
    dist.barrier()


def results_of(rank: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    model = net()
    recalibrate(model, SHARES[rank].split(4))
    found["joined"] = buffers(model)
    wrapped = DistributedDataParallel(net())
    recalibrate(wrapped, SHARES[rank].split(4))
    found["wrapped"] = buffers(wrapped)
    if rank == 0:  # alone: the other does not call it
        alone = net()
        recalibrate(alone, [SHARES[0]], across_processes=False)
        found["alone"] = buffers(alone)
    failing = FailsInOne(rank)
    before = buffers(failing)
    try:
        recalibrate(failing, [SHARES[rank]])
    except (BatchNormError, KeyError) as error:
        found["error"] = f"{type(error).__name__}: {error}"
    found["restored"] = all(
        torch.equal(a, b) for a, b in zip(before, buffers(failing), strict=True)
    )
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("recalibrate")
    return in_two_processes(work, folder)


@pytest.mark.heavy
@pytest.mark.parametrize("case", ["joined", "wrapped"])
def test_all_processes_end_with_the_statistics_of_all_data(
    found: list[dict[str, Any]], case: str
) -> None:
    """Shares of different sizes, in different numbers of batches, within DDP or not."""
    model = net()
    recalibrate(model, [X])
    for result in found:
        for got, expected in zip(result[case], model.buffers(), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.heavy
def test_one_process_may_recalibrate_alone(found: list[dict[str, Any]]) -> None:
    """across_processes=False neither waits for the others nor takes their data."""
    model = net()
    recalibrate(model, [SHARES[0]])
    for got, expected in zip(found[0]["alone"], model.buffers(), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.heavy
def test_a_failure_in_one_process_ends_all(found: list[dict[str, Any]]) -> None:
    """None waits for ever; each says what happened, and has its old statistics."""
    assert found[0]["error"].startswith("BatchNormError: recalibrate needs every process to come")
    assert "process 1 failed with KeyError: 'no such row'" in found[0]["error"]
    assert found[1]["error"] == "KeyError: 'no such row'"
    assert all(result["restored"] for result in found)
