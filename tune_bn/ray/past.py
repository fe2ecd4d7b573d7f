"""Results of trials that were run before, or elsewhere, in any form in which Tune has them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.tune import ExperimentAnalysis, Result, ResultGrid
from ray.tune.experiment import Trial

__all__ = ["PastResult", "past_results", "progress_of", "values_of"]


@dataclass(frozen=True)
class PastResult:
    """A trial that was run.

    Args:
        config: Its config, nested.
        values: Its last value of each metric, or None if one is missing.
        progress: How far it trained; None if unknown.
        is_failed: Whether it ended by an error.
        is_strict: Whether a config that does not fit the space is an error; otherwise what does
            not fit is left out.
    """

    config: Mapping[str, Any]
    values: tuple[float, ...] | None
    progress: float | None
    is_failed: bool
    is_strict: bool = False


def _found(result: Mapping[str, Any], name: str) -> Any:
    """Returns a result by its name; "eval/loss" is found flat and nested."""
    if name in result:
        return result[name]
    inner: Any = result
    for key in name.split("/"):
        if not isinstance(inner, Mapping) or key not in inner:
            return None
        inner = inner[key]
    return inner


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def values_of(result: Mapping[str, Any], metrics: tuple[str, ...]) -> tuple[float, ...] | None:
    """Returns the metrics in a result; None if one is missing or no number.

    Example:
        >>> values_of({"eval/loss": 0.5}, ("eval/loss",))
        (0.5,)
    """
    found = [_number(_found(result, name)) for name in metrics]
    values = tuple(v for v in found if v is not None)
    return values if len(values) == len(metrics) else None


def progress_of(result: Mapping[str, Any], time_attr: str) -> float | None:
    """Returns how far a result says that the trial had trained; None if it does not say."""
    progress = _number(_found(result, time_attr))
    return None if progress is None or math.isnan(progress) else progress


def past_results(source: Any, metrics: tuple[str, ...], time_attr: str) -> list[PastResult]:
    """Returns the trials of a finished or interrupted experiment that have anything to tell.

    Args:
        source: A ``ResultGrid``, an ``ExperimentAnalysis``, a ``Result``, a ``Trial``, or a list
            of the last two.
        metrics: Names of the results to optimise.
        time_attr: The result that tells how far a trial trained.

    Raises:
        TypeError: If the source is none of these.
    """
    if isinstance(source, ResultGrid):
        source = source._experiment_analysis
    if isinstance(source, ExperimentAnalysis):
        source = source.trials or []
    if not isinstance(source, (list, tuple)):
        source = [source]
    found = []
    for item in source:
        if isinstance(item, Trial):
            config: Any = item.config
            result: Any = item.last_result
            is_failed = item.status == Trial.ERROR
        elif isinstance(item, Result):
            config, result, is_failed = item.config, item.metrics, item.error is not None
        else:
            raise TypeError(
                "add_evaluated_trials needs a ResultGrid, an ExperimentAnalysis, or Trials or "
                f"Results, but got {item!r}."
            )
        values = values_of(result or {}, metrics)
        if values is not None or is_failed:
            progress = progress_of(result or {}, time_attr)
            found.append(PastResult(config or {}, values, progress, is_failed))
    return found
