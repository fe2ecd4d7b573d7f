"""Trains one configuration and gives its metrics after each epoch; knows no tuner.

The optimiser is stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013, "On
the importance of initialization and momentum in deep learning", section 2), its step size warmed
up over the first twentieth of the steps and then taken to zero along half a cosine (Loshchilov
and Hutter 2017, arXiv 1608.03983, equation 5, without restarts). Weight decay acts on the weight
matrices only. A gradient longer than 1 is shortened to 1 (Pascanu et al. 2013, arXiv 1211.5063,
algorithm 1): the squared error of a regression has gradients without bound, and without this the
step sizes that suit a classification end in NaN.

Nothing is drawn from torch's global generators: the weights come from one generator of the seed,
the order of the rows in an epoch, and the units that it drops, from two of the seed and the epoch.
That is also why a checkpoint needs no generator state.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tune_bn.nn import MLP, EwaBatchNorm, best_decay, load_tracks, select_decay, tracks_state
from tune_bn.nn.models import Dropout
from tune_bn.plain.checks import check_choice, check_whole
from tune_bn.plain.text import error_line
from tune_bn.training.config import ALWAYS, DECAYS, Config
from tune_bn.training.data import Dataset
from tune_bn.training.errors import ConfigError, DivergedError
from tune_bn.training.metrics import evaluate, loss_of
from tune_bn.training.scores import ScoredMLP

__all__ = ["EpochMetrics", "Fit", "build_model", "step_size_factor"]

_WARMUP_SHARE = 0.05
_LONGEST_GRADIENT = 1.0
_STEPS_BETWEEN_CHECKS = 50  # a check of the loss makes a GPU wait, so not in each step


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch gave.

    Args:
        epoch: Counted from 1.
        train_loss: Mean loss over the epoch's rows, while the weights were changing.
        loss: Validation loss after the epoch.
        score: Validation accuracy, or R² for regression.
        seconds: Duration of the epoch, with its validation.
        rmse: Validation root mean squared error in the target's units; None for classification.
        decay: Which of the kept averages inference uses after the epoch; None if there is one.
        scores: Further validation metrics that were asked for; None for none.
    """

    epoch: int
    train_loss: float
    loss: float
    score: float
    seconds: float
    rmse: float | None = None
    decay: float | None = None
    scores: Mapping[str, float] | None = None

    def value(self, metric: str) -> float:
        """Returns a validation metric by name: accuracy or loss; for regression r2, rmse or loss.

        Further ones are those that the `Fit` was asked for.

        Raises:
            ConfigError: The task has no such metric.

        Example:
            >>> EpochMetrics(1, 0.5, 0.4, 0.9, 0.01).value("accuracy")
            0.9
        """
        values = {"loss": self.loss, **(self.scores or {})}
        if self.rmse is None:
            values["accuracy"] = self.score
        else:
            values |= {"r2": self.score, "rmse": self.rmse}
        task = "Classification" if self.rmse is None else "Regression"
        return values[check_choice(ConfigError, task, "metric", metric, sorted(values))]


# What draws weights: the functions of torch.nn.init, and the methods that those and others call.
# A function that the mode below has caught runs with the mode off, so both must be listed.
_DRAWS: frozenset[Callable[..., Any]] = frozenset(
    [
        torch.Tensor.uniform_,
        torch.Tensor.normal_,
        *(
            function
            for name, function in inspect.getmembers(nn.init, inspect.isfunction)
            if name.endswith("_") and "generator" in inspect.signature(function).parameters
        ),
    ]
)


class _DrawFrom(TorchFunctionMode):
    """While active, in this thread, whatever initialises weights draws from one generator.

    `torch.random.fork_rng` would give the same independence in one thread only: the generator it
    saves and restores belongs to the whole process, and trials may run in threads.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self._generator = generator

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _DRAWS:
            kwargs["generator"] = self._generator
        return func(*args, **kwargs)


def _generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Returns a generator that (seed, purpose) alone decide."""
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big", signed=True))


def build_model(config: Config, n_features: int, n_outputs: int, *, seed: int = 0) -> MLP:
    """Returns the untrained network of a configuration; its weights depend on the seed alone."""
    kind = ScoredMLP if config.inputs == "normal_scores" else MLP
    with _DrawFrom(_generator(seed, "weights")):
        return kind(
            n_features,
            n_outputs,
            width=config.width,
            depth=config.depth,
            activation=config.activation,
            norm=config.norm,
            decay=DECAYS[0] if config.decay is None else config.decay,
            decays=DECAYS if config.decay is None else None,
            dropout=config.dropout,
        )


def step_size_factor(step: int, steps: int) -> float:
    """Returns the share of the highest step size that step number `step` (from 0) uses.

    Example:
        >>> [round(step_size_factor(step, 100), 3) for step in (0, 4, 52, 99)]
        [0.2, 1.0, 0.5, 0.0]
    """
    warmup = max(1, round(_WARMUP_SHARE * steps))
    if step < warmup:
        return (step + 1) / warmup
    done = (step + 1 - warmup) / (steps + 1 - warmup)
    return 0.5 * (1.0 + math.cos(math.pi * done))


def _batches(order: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Cuts the order of rows into batches; one last row joins the batch before.

    Batch norm cannot normalise a single row, and leaving the row out would waste it.
    """
    rows = len(order)
    start = 0
    while start < rows:
        stop = start + size if rows - (start + size) > 1 else rows
        yield order[start:stop]
        start = stop


class Fit:
    """One configuration in training; iterating trains an epoch a step, until `epochs` are done.

    The same arguments give the same metrics, bit for bit, on one kind of CPU with one number of
    threads. Stopping the iteration, or an exception between or within epochs, needs no clean-up;
    `state_dict` is meant for between epochs.

    Args:
        config: What to train.
        dataset: What to train on; moved to `device` once.
        epochs: At least 1; the step size reaches zero at the end of the last.
        seed: Decides the first weights and the order of the rows.
        device: Where to train, as torch names it ("cpu", "cuda", "cuda:1").
        metric: A further metric to measure after each epoch, one of `config.METRICS`.

    Raises:
        ConfigError: `epochs` is no whole number >= 1, or the device is not there.

    Example:
        >>> from tune_bn.training.data import load_dataset
        >>> training = Fit(Config(width=16, depth=1), load_dataset("digits"), epochs=2)
        >>> [metrics.epoch for metrics in training]
        [1, 2]
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        *,
        epochs: int,
        seed: int = 0,
        device: str = "cpu",
        metric: str | None = None,
    ) -> None:
        epochs = check_whole(ConfigError, "Fit", "epochs", epochs, least=1)
        self.config = config
        self.task = dataset.task
        self.epochs = epochs
        self.seed = seed
        self.metric = metric
        self.epoch = 0  # epochs done
        self.decay: float | None = None  # the average in use, where several are kept
        model = build_model(config, dataset.n_features, dataset.n_outputs, seed=seed)
        try:
            self._train = dataset.train.to(device)
            self._validation = dataset.validation.to(device)
            self.model: nn.Module = model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"Fit needs a device that torch can use, but got {device!r} "
                f"({error_line(error)}). Use device='cpu'."
            ) from error
        self._inputs = self._train.x
        if isinstance(model, ScoredMLP):
            model.scores.learn(self._train.x)
            # Once for all epochs.
            self._inputs = model.scores(self._train.x)
            self._validation = replace(self._validation, x=model.scores(self._validation.x))
        assert isinstance(model.layers, nn.Module)
        self._body: nn.Module = model.layers  # behind the scores
        self._parameters = list(self.model.parameters())
        matrices = [p for p in self._parameters if p.ndim > 1]
        others = [p for p in self._parameters if p.ndim <= 1]  # γ, β and biases do not decay
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others},
        ]
        self._optimizer = torch.optim.SGD(
            groups,
            lr=config.learning_rate,
            momentum=config.momentum,
            nesterov=config.momentum > 0,
            fused=True,
        )

    def __iter__(self) -> Iterator[EpochMetrics]:
        """Trains the epochs that are left and gives each one's metrics.

        Raises:
            DivergedError: The loss became NaN or infinite.
        """
        while self.epoch < self.epochs:
            yield self._train_epoch()

    def _train_epoch(self) -> EpochMetrics:
        began = time.perf_counter()
        device = self._train.x.device
        dropouts = [layer for layer in self.model.modules() if isinstance(layer, Dropout)]
        dropped = _generator(self.seed, f"dropped in epoch {self.epoch}", device)
        try:
            for layer in dropouts:
                layer.generator = dropped
            train_loss = self._learn_all_rows()
        finally:
            for layer in dropouts:
                layer.generator = None  # with one, a model cannot be copied
        measured = self._validate()
        self._require_number(measured["loss"], "validation")
        self.epoch += 1
        return EpochMetrics(
            epoch=self.epoch,
            train_loss=train_loss,
            loss=measured["loss"],
            score=measured["accuracy" if self.task == "classification" else "r2"],
            seconds=time.perf_counter() - began,
            rmse=measured.get("rmse"),
            decay=self.decay,
            scores={n: v for n, v in measured.items() if n not in ALWAYS} or None,
        )

    def _learn_all_rows(self) -> float:
        """Takes a step for each batch of the epoch; returns the mean loss meanwhile."""
        x, y, shares = self._inputs, self._train.y, self._train.shares
        generator = _generator(self.seed, f"order of epoch {self.epoch}")
        order = torch.randperm(len(x), generator=generator).to(x.device)
        batches = list(_batches(order, self.config.batch_size))
        steps = len(batches) * self.epochs
        total = torch.zeros((), dtype=torch.float64, device=x.device)
        self.model.train()
        for number, rows in enumerate(batches):
            self._optimizer.zero_grad()
            weight = None if shares is None else shares[rows]
            loss = loss_of(self._body(x[rows]), y[rows], self.task, weight)
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it without annotations
            nn.utils.clip_grad_norm_(self._parameters, _LONGEST_GRADIENT)
            factor = step_size_factor(self.epoch * len(batches) + number, steps)
            for group in self._optimizer.param_groups:
                group["lr"] = self.config.learning_rate * factor
            self._optimizer.step()
            total += loss.detach() * len(rows)
            if (number + 1) % _STEPS_BETWEEN_CHECKS == 0 or number + 1 == len(batches):
                self._require_number(float(total), "training")
        return float(total) / len(x)

    def _validate(self) -> dict[str, float]:
        """Measures the network on the validation rows, with the best of the kept averages."""
        norms = any(isinstance(module, EwaBatchNorm) for module in self.model.modules())
        if self.config.decay is not None or not norms:
            return evaluate(self._body, self._validation, self.task, metric=self.metric)
        found: list[dict[str, float]] = []

        def loss_with(model: nn.Module) -> float:
            found.append(evaluate(model, self._validation, self.task, metric=self.metric))
            return _loss_of(found[-1])

        with warnings.catch_warnings():
            # After a first batch, or of units that never change, all averages hold the same.
            warnings.filterwarnings("ignore", "best_decay needs kept averages that differ")
            self.decay = best_decay(self._body, loss_with)
        if not found:
            loss_with(self._body)
        # As it was, and with each of the averages: what is in use now has the lowest loss, and
        # of equals it is an average.
        as_it_was, *kept = found
        best = min(kept, key=_loss_of, default=as_it_was)
        return as_it_was if _loss_of(as_it_was) < _loss_of(best) else best

    def _require_number(self, loss: float, part: str) -> None:
        if math.isfinite(loss):
            return
        config = self.config
        raise DivergedError(
            self.epoch + 1,
            f"the {part} loss became {loss:g}; the step size is probably too large "
            f"(learning_rate={config.learning_rate:.3g} with momentum={config.momentum:.4g}).",
        )

    def state_dict(self) -> dict[str, Any]:
        """Returns a checkpoint of tensors and plain data, between epochs.

        It shares the tensors with this object; saving it, or a deep copy, freezes them.
        """
        return {
            "version": 1,
            "config": self.config.to_dict(),
            "epochs": self.epochs,
            "seed": self.seed,
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "decay": self.decay,
            "averages": tracks_state(self.model),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint as if training had never stopped.

        Raises:
            ConfigError: The checkpoint is of another configuration, length or seed.
        """
        own = {
            "version": 1,
            "config": self.config.to_dict(),
            "epochs": self.epochs,
            "seed": self.seed,
        }
        for name, value in own.items():
            if state.get(name) != value:
                raise ConfigError(
                    f"Fit needs a checkpoint with {name}={value!r}, but got {state.get(name)!r}. "
                    "Build Fit with the checkpoint's settings."
                )
        self.model.load_state_dict(state["model"])
        load_tracks(self.model, state["averages"])
        self.decay = state["decay"]
        if self.decay is not None:
            select_decay(self.model, self.decay)
        self._optimizer.load_state_dict(state["optimizer"])
        self.epoch = int(state["epoch"])


def _loss_of(measured: Mapping[str, float]) -> float:
    """Returns a loss to compare; what is no number is reported later, whatever it came with."""
    return measured["loss"] if math.isfinite(measured["loss"]) else math.inf
