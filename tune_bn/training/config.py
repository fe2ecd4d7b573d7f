"""One configuration of a batch-norm network, as plain values that a tuner can choose.

What the values do is in `fit` (optimiser) and `tune_bn.nn.MLP` (network); this file only says
which there are, where they start and which are impossible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from tune_bn.training.errors import ConfigError

__all__ = ["ACTIVATIONS", "DECAYS", "NORMS", "Config"]

ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "sigmoid")
"""The activations that a `Config` may name."""
DECAYS = (0.9, 0.99, 0.999)
NORMS = ("before_activation", "after_activation", "none")
"""Where a `Config` may put batch norm, or that it has none."""


@dataclass(frozen=True)
class Config:
    """One configuration; the defaults are "the network with its default configuration".

    Args:
        learning_rate: Highest step size of the schedule, above 0.
        momentum: Weight of the past in Nesterov's momentum, at least 0 and below 1.
        weight_decay: L2 penalty on the weight matrices, at least 0.
        width: Units of each hidden layer, at least 1.
        depth: Hidden layers, at least 1.
        batch_size: Rows a step, at least 2 (batch norm needs two).
        activation: One of `ACTIVATIONS`.
        norm: Where batch norm stands, one of `NORMS`.
        decay: Weight of the past in batch norm's inference statistics, at least 0 and below 1.
            None keeps averages with several (`DECAYS`) in one run and puts the one in use that
            has the lowest validation loss after each epoch.

    Raises:
        ConfigError: A value is of the wrong kind or out of range.

    Example:
        >>> Config(width=32).to_dict()["width"]
        32
    """

    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-3
    width: int = 128
    depth: int = 2
    batch_size: int = 64
    activation: str = "relu"
    norm: str = "before_activation"
    decay: float | None = None

    def __post_init__(self) -> None:
        _number("learning_rate", self.learning_rate, above=0.0)
        _number("momentum", self.momentum, at_least=0.0, below=1.0)
        _number("weight_decay", self.weight_decay, at_least=0.0)
        if self.decay is not None:
            _number("decay", self.decay, at_least=0.0, below=1.0)
        _integer("width", self.width, at_least=1)
        _integer("depth", self.depth, at_least=1)
        _integer("batch_size", self.batch_size, at_least=2)
        _choice("activation", self.activation, ACTIVATIONS)
        _choice("norm", self.norm, NORMS)

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Returns the values by name, as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Builds the configuration that `to_dict` described; names left out take their default.

        Raises:
            ConfigError: A name is unknown, or a value impossible.
        """
        names = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise ConfigError(
                f"Config needs names out of {', '.join(names)}, but got {unknown[0]!r}. "
                "Leave it out, or correct its spelling."
            )
        return cls(**values)


def _number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float = math.inf,
) -> None:
    low = above if above is not None else at_least
    assert low is not None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and isinstance(value, int | float) and math.isfinite(value) and value < below:
        if above is not None and value > above:
            return
        if at_least is not None and value >= at_least:
            return
    lower = f"{name} > {low:g}" if above is not None else f"{name} >= {low:g}"
    upper = f" and < {below:g}" if below < math.inf else ""
    raise ConfigError(
        f"Config needs a finite number {lower}{upper}, but got {name}={value!r}. Choose one inside."
    )


def _integer(name: str, value: object, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ConfigError(
            f"Config needs a whole number {name} >= {at_least}, but got {name}={value!r}. "
            "Raise it, or pass an int."
        )


def _choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(
            f"Config needs {name} to be one of {', '.join(choices)}, but got {value!r}. "
            "Choose one of these."
        )
