"""What the tool tunes: the parameters of a batch-norm network, their ranges and their scales.

One declaration, from which a trial's suggestions, a finished trial's configuration and the
identity of a study are all worked out. The ranges are those a person would start from: rates are
drawn by their logarithm, momentum by the logarithm of its distance from 1.
"""

import hashlib
import json
from typing import Any

import optuna

from tune_bn.core.space import Categorical, Float, Int, Parameter
from tune_bn.optuna import suggest_one_minus_log
from tune_bn.training import Config

__all__ = ["SPACE", "params_of", "space_version", "suggest_config"]

SPACE: dict[str, Parameter] = {
    "learning_rate": Float(1e-4, 1.0, log=True),
    "momentum": Float(0.9, 0.999, one_minus_log=True),
    "weight_decay": Float(1e-5, 1e-1, log=True),
    "width": Int(16, 256, log=True),
    "depth": Int(1, 4),
    "batch_size": Int(8, 128, log=True),
    "activation": Categorical(["relu", "gelu", "silu", "tanh"]),
    "norm": Categorical(["before_activation", "after_activation"]),
}
"""Name in `Config` → the range that is searched."""


def suggest_config(trial: optuna.trial.BaseTrial) -> Config:
    """Returns the configuration of a trial: draws it for a new one, reads it from a finished one.

    Args:
        trial: An Optuna ``Trial``, ``FrozenTrial`` or ``FixedTrial``.

    Example:
        >>> drawn = {"learning_rate": 0.01, "1 - momentum": 0.05, "weight_decay": 1e-4,
        ...          "width": 64, "depth": 2, "batch_size": 32, "activation": "gelu",
        ...          "norm": "before_activation"}
        >>> round(suggest_config(optuna.trial.FixedTrial(drawn)).momentum, 6)
        0.95
    """
    return Config.from_dict({name: _suggest(trial, name, of) for name, of in SPACE.items()})


def params_of(config: Config) -> dict[str, Any]:
    """Returns a configuration as Optuna stores it, to be enqueued or compared with a trial's.

    Example:
        >>> params_of(Config(momentum=0.95))["1 - momentum"]
        0.05
    """
    params: dict[str, Any] = {}
    for name, of in SPACE.items():
        value = getattr(config, name)
        if isinstance(of, Float) and of.one_minus_log:
            # Rounded, because 1 - 0.9 is 0.09999999999999998.
            params[f"1 - {name}"] = float(f"{1.0 - value:.12g}")
        else:
            params[name] = value
    return params


def space_version() -> str:
    """Returns a fingerprint (12 hex digits) that changes with any range, scale or choice."""
    described = json.dumps({name: of.to_json() for name, of in SPACE.items()}, sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:12]


def _suggest(trial: optuna.trial.BaseTrial, name: str, of: Parameter) -> Any:
    if isinstance(of, Float):
        if of.one_minus_log:
            return suggest_one_minus_log(trial, name, of.low, of.high)
        return trial.suggest_float(name, of.low, of.high, log=of.log, step=of.step)
    if isinstance(of, Int):
        return trial.suggest_int(name, of.low, of.high, log=of.log, step=of.step)
    assert isinstance(of, Categorical)
    return trial.suggest_categorical(name, of.choices)
