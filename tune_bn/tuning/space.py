"""What the tool tunes: the parameters of a network, their ranges and their scales.

One declaration, from which a trial's suggestions, a finished trial's configuration and the
identity of a study are all worked out. The ranges are those a person would start from: rates are
drawn by their logarithm, momentum by the logarithm of its distance from 1. Batches grow with the
table, so that a large one is learned in as many steps as a middling one, each worth its overhead.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import optuna

from tune_bn.core.space import Categorical, Float, Int, Parameter
from tune_bn.core.space.scale import COMPLEMENT, complement
from tune_bn.optuna import suggest_one_minus_log
from tune_bn.training import Config
from tune_bn.training.config import EARLIER

__all__ = [
    "SPACE",
    "default_config",
    "earlier_versions",
    "given_configs",
    "params_of",
    "space_of",
    "space_of_study",
    "space_version",
    "suggest_config",
]

SPACE: dict[str, Parameter] = {
    "learning_rate": Float(1e-4, 1.0, log=True),
    "momentum": Float(0.9, 0.999, one_minus_log=True),
    "weight_decay": Float(1e-5, 1e-1, log=True),
    "width": Int(16, 256, log=True),
    "depth": Int(1, 4),
    "batch_size": Int(8, 128, log=True),
    "activation": Categorical(["relu", "gelu", "silu", "tanh"]),
    "norm": Categorical(["before_activation", "after_activation", "none"]),
    "dropout": Float(0.0, 0.5),
    "inputs": Categorical(["normal_scores", "standard"]),
}
"""Name in `Config` → the range that is searched, of a table of less than 20,000 training rows."""
_EARLIER_CHOICES = {"norm": Categorical(["before_activation", "after_activation"])}
_ROWS_OF_A_BATCH = 10_000
_LARGEST_FACTOR = 64


def space_of(rows: int) -> dict[str, Parameter]:
    """Returns the space for a table of so many training rows: `SPACE`, with batches to its size.

    From 20,000 rows on they are twice as large, from 40,000 on four times, and so on to 64 times.

    Example:
        >>> space_of(19_999) == SPACE, space_of(120_000)["batch_size"].low
        (True, 64)
    """
    of = SPACE["batch_size"]
    assert isinstance(of, Int)
    factor = _factor(rows)
    grown = Int(of.low * factor, of.high * factor, log=of.log)
    return {**SPACE, "batch_size": grown} if factor > 1 else dict(SPACE)


def space_of_study(study: optuna.Study, rows: int) -> dict[str, Parameter]:
    """Returns the space that a study goes on with: `space_of`, with the choices that it has.

    An earlier version may have begun it with others, and Optuna takes no new ones into a study.

    Args:
        study: A study of the tool, with any number of trials.
        rows: Training rows of the table.
    """
    space = space_of(rows)
    for trial in study.get_trials(deepcopy=False):
        for name, of in trial.distributions.items():
            if isinstance(of, optuna.distributions.CategoricalDistribution) and name in space:
                space[name] = Categorical(of.choices)
    return space


def default_config(rows: int) -> Config:
    """Returns the default configuration for a table of so many training rows.

    Example:
        >>> default_config(1000) == Config(), default_config(120_000).batch_size
        (True, 512)
    """
    return Config(batch_size=Config.batch_size * _factor(rows))


def given_configs(rows: int, space: Mapping[str, Parameter]) -> list[Config]:
    """Returns what a person would try first, and the search has to beat.

    The default configuration, and the plain network where the space has it: no batch norm, and
    numbers as they were standardised.

    Args:
        rows: Training rows of the table.
        space: What is searched.

    Example:
        >>> [config.norm for config in given_configs(1000, SPACE)]
        ['before_activation', 'none']
    """
    default = default_config(rows)
    norm = space["norm"]
    if isinstance(norm, Categorical) and "none" in norm.choices:
        return [default, replace(default, norm="none", inputs="standard")]
    return [default]


def _factor(rows: int) -> int:
    factor = 1
    while 2 * factor * _ROWS_OF_A_BATCH <= rows and factor < _LARGEST_FACTOR:
        factor *= 2
    return factor


def suggest_config(trial: optuna.trial.BaseTrial, space: Mapping[str, Parameter] = SPACE) -> Config:
    """Returns the configuration of a trial: draws it for a new one, reads it from a finished one.

    Args:
        trial: An Optuna ``Trial``, ``FrozenTrial`` or ``FixedTrial``.
        space: What is drawn from; of a finished trial, the names that it may have.

    Example:
        >>> drawn = {"learning_rate": 0.01, "1 - momentum": 0.05, "weight_decay": 1e-4,
        ...          "width": 64, "depth": 2, "batch_size": 32, "activation": "gelu",
        ...          "norm": "before_activation", "dropout": 0.1,
        ...          "inputs": "standard"}
        >>> round(suggest_config(optuna.trial.FixedTrial(drawn)).momentum, 6)
        0.95
    """
    is_finished = isinstance(trial, optuna.trial.FrozenTrial)
    return Config.from_dict(
        {
            name: EARLIER[name]
            if is_finished and name in EARLIER and name not in trial.params
            else _suggest(trial, name, of)
            for name, of in space.items()
        }
    )


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
            params[COMPLEMENT + name] = complement(value)
        else:
            params[name] = value
    return params


def space_version(rows: int = 0) -> str:
    """Returns a fingerprint (12 hex digits) that changes with any range, scale or choice.

    Args:
        rows: Training rows of the table.
    """
    return _fingerprint(space_of(rows))


def earlier_versions(rows: int = 0) -> tuple[str, ...]:
    """Returns the fingerprints of earlier versions whose studies go on.

    Args:
        rows: Training rows of the table.
    """
    space = {**space_of(rows), **_EARLIER_CHOICES}
    fewer = {name: of for name, of in space.items() if name not in EARLIER}
    return _fingerprint(space), _fingerprint(fewer)


def _fingerprint(space: Mapping[str, Parameter]) -> str:
    described = json.dumps({name: of.to_json() for name, of in space.items()}, sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()[:12]


def _suggest(trial: optuna.trial.BaseTrial, name: str, of: Parameter) -> Any:
    if isinstance(of, Float):
        if of.one_minus_log:
            return suggest_one_minus_log(trial, name, of.low, of.high)
        return trial.suggest_float(name, of.low, of.high, log=of.log, step=of.step)
    if isinstance(of, Int):
        return trial.suggest_int(name, of.low, of.high, log=of.log, step=of.step)
    assert isinstance(of, Categorical)
    if isinstance(trial, optuna.trial.FrozenTrial):  # which an earlier version gave its choices
        return trial.params[name]
    return trial.suggest_categorical(name, of.choices)
