"""Results of trials that were run before, or elsewhere, in any form in which Tune has them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ray.tune import ExperimentAnalysis, Result, ResultGrid
from ray.tune.experiment import Trial

from tune_bn.core.search.records import End
from tune_bn.ray.ends import checked_stop, end_at
from tune_bn.ray.folder import FolderTrial, found_in, number_in

__all__ = [
    "PastResult",
    "past_results",
    "progress_of",
    "recorded",
    "result_of",
    "text_at",
    "values_of",
]


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
        end: Why it ended.
    """

    config: Mapping[str, Any]
    values: tuple[float, ...] | None
    progress: float | None
    is_failed: bool
    is_strict: bool = False
    end: End = "unknown"


def values_of(result: Mapping[str, Any], metrics: tuple[str, ...]) -> tuple[float, ...] | None:
    """Returns the metrics in a result; None if one is missing or no number.

    Example:
        >>> values_of({"eval/loss": 0.5}, ("eval/loss",))
        (0.5,)
    """
    found = [number_in(found_in(result, name)) for name in metrics]
    values = tuple(v for v in found if v is not None)
    return values if len(values) == len(metrics) else None


def progress_of(result: Mapping[str, Any], time_attr: str | None) -> float | None:
    """Returns how far a result says that the trial had trained; None if it does not say."""
    progress = None if time_attr is None else number_in(found_in(result, time_attr))
    return None if progress is None or math.isnan(progress) else progress


def recorded(trial: Trial) -> FolderTrial:
    """Returns a trial of Ray's as a plain record, with its log wherever it is stored."""
    storage = trial.storage
    log: Callable[[], str] = str
    if storage is not None and trial.relative_logdir:
        place = f"{storage.experiment_fs_path}/{trial.relative_logdir}/result.json"
        log = partial(text_at, storage.storage_filesystem, place)
    return FolderTrial(
        trial.trial_id,
        trial.config,
        trial.status,
        trial.run_metadata.last_result or {},
        trial.run_metadata.start_time or None,
        trial.metric_analysis,
        trial.stopping_criterion,
        log,
    )


def text_at(files: Any, path: str) -> str:
    """Returns the text of a file on any filesystem of pyarrow's.

    Raises:
        OSError: If it cannot be read.
    """
    with files.open_input_stream(path) as stream:
        return bytes(stream.read()).decode("utf-8", "replace")


def result_of(
    trial: FolderTrial,
    objectives: Mapping[str, str],
    time_attr: str | None,
) -> PastResult:
    """Returns what a recorded trial says of its end.

    Args:
        trial: The trial.
        objectives: Name of each result to optimise → ``"min"`` or ``"max"``.
        time_attr: The result that tells how far a trial trained; None for no such thing.
    """
    found = [number_in(trial.value(name)) for name in objectives]
    values = tuple(v for v in found if v is not None)
    progress = progress_of({"": trial.value(time_attr)}, "") if time_attr is not None else None
    end = end_at(
        trial.last_result,
        checked_stop(trial.stop),
        objectives=objectives,
        time_attr=time_attr,
        span=trial.span,
    )
    if end == "unknown" and trial.ended_itself:
        end = "itself"
    return PastResult(
        trial.config,
        values if len(values) == len(objectives) else None,
        progress,
        trial.status == Trial.ERROR,
        end=end,
    )


def past_results(source: Any, metrics: tuple[str, ...], time_attr: str | None) -> list[PastResult]:
    """Returns the trials of a finished or interrupted experiment that have anything to tell.

    Args:
        source: A ``ResultGrid``, an ``ExperimentAnalysis``, a ``Result``, a ``Trial``, or a list
            of the last two.
        metrics: Names of the results to optimise.
        time_attr: The result that tells how far a trial trained; None for no such thing.

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
            past = result_of(recorded(item), dict.fromkeys(metrics, ""), time_attr)
        elif isinstance(item, Result):
            result: Mapping[str, Any] = item.metrics or {}
            past = PastResult(
                item.config or {},
                values_of(result, metrics),
                progress_of(result, time_attr),
                item.error is not None,
            )
        else:
            raise TypeError(
                "add_evaluated_trials needs a ResultGrid, an ExperimentAnalysis, or Trials or "
                f"Results, but got {item!r}."
            )
        if past.values is not None or past.is_failed:
            found.append(past)
    return found
