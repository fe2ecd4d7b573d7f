"""One configuration of a network, as plain values that a tuner can choose.

What the values do is in `fit` (optimiser) and `tune_bn.nn.MLP` (network); this file only says
which there are, where they start and which are impossible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from tune_bn.plain.checks import check_choice, check_number, check_whole
from tune_bn.training.errors import ConfigError

__all__ = [
    "ACTIVATIONS",
    "ALWAYS",
    "DECAYS",
    "EARLIER",
    "INPUTS",
    "METRICS",
    "NORMS",
    "Config",
]

ACTIVATIONS = ("relu", "gelu", "silu", "tanh", "sigmoid")
"""The activations that a `Config` may name."""
DECAYS = (0.9, 0.99, 0.999)
NORMS = ("before_activation", "after_activation", "none")
"""Where a `Config` may put batch norm, or that it has none."""
METRICS: dict[str, dict[str, Literal["maximize", "minimize"]]] = {
    "classification": {
        "accuracy": "maximize",
        "loss": "minimize",
        "balanced_accuracy": "maximize",
        "f1": "maximize",
        "roc_auc": "maximize",
    },
    "regression": {"r2": "maximize", "rmse": "minimize", "mae": "minimize", "loss": "minimize"},
}
"""Task → what can be tuned for, the default first, and whether more of it is better."""
ALWAYS = ("accuracy", "loss", "r2", "rmse")
"""Metrics that are measured whatever is tuned for; of the others the one that is asked for."""
INPUTS = ("normal_scores", "standard")
"""What a `Config` may make of numbers before the first layer."""
EARLIER: dict[str, float | str] = {"dropout": 0.0, "inputs": "standard"}
"""What version 0.1 had no name for, and what it did."""


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
        dropout: Probability of dropping a hidden unit in training, at least 0 and below 1.
        inputs: What the first layer sees of a number: its normal score among the training rows
            ("normal_scores"), or the number as it was standardised ("standard").
        decay: Weight of the past in batch norm's inference statistics, at least 0 and below 1.
            None keeps averages with several (`DECAYS`) in one run and puts the one in use that
            has the lowest validation loss after each epoch.

    Raises:
        ConfigError: A value is of the wrong kind or out of range.

    Example:
        >>> Config(width=32).to_dict()["width"]
        32
    """

    learning_rate: float = 0.03
    momentum: float = 0.9
    weight_decay: float = 5e-3
    width: int = 128
    depth: int = 2
    batch_size: int = 64
    activation: str = "relu"
    norm: str = "before_activation"
    dropout: float = 0.2
    inputs: str = "normal_scores"
    decay: float | None = None

    def __post_init__(self) -> None:
        self._set("learning_rate", check_number, above=0)
        self._set("momentum", check_number, least=0, below=1)
        self._set("weight_decay", check_number, least=0)
        self._set("dropout", check_number, least=0, below=1)
        if self.decay is not None:
            self._set("decay", check_number, least=0, below=1)
        self._set("width", check_whole, least=1)
        self._set("depth", check_whole, least=1)
        self._set("batch_size", check_whole, least=2)
        self._set("activation", check_choice, choices=ACTIVATIONS)
        self._set("norm", check_choice, choices=NORMS)
        self._set("inputs", check_choice, choices=INPUTS)

    def _set(self, name: str, check: Callable[..., Any], **ends: Any) -> None:
        """Puts plain python in the place of a value, or raises if it cannot be."""
        value = check(ConfigError, "Config", name, getattr(self, name), **ends)
        object.__setattr__(self, name, value)

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Returns the values by name, as plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Builds the configuration that `to_dict` described; names left out take their default.

        But for those in `EARLIER`: files of before they existed do not name them.

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
        return cls(**{**EARLIER, **values})
