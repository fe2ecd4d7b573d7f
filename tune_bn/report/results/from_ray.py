"""A Ray Tune experiment as plain records."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ray.tune import ExperimentAnalysis, ResultGrid
from ray.tune.experiment import Trial

from tune_bn.core.errors import StateError
from tune_bn.core.space import Categorical, Float, Int, Parameter
from tune_bn.ray import CoarseToFineSearch
from tune_bn.ray.folder import FolderTrial, RayFolder, read_ray_folder
from tune_bn.report.errors import ReportError
from tune_bn.report.results.from_core import results_of_search
from tune_bn.report.results.results import Results, State, TrialResult

__all__ = ["results_of_grid", "results_of_ray_folder", "results_of_searcher"]

_STEP = "training_iteration"
_WIDE = 100  # positive values that span this ratio are taken for log-distributed


def results_of_ray_folder(
    folder: str | Path, *, metric: str | None = None, mode: str | None = None
) -> Results:
    """Returns the experiment that Ray Tune wrote into a folder.

    Args:
        folder: The experiment's folder, with a folder for each trial in it.
        metric: The result to rank by; None where the experiment names it.
        mode: ``"min"`` or ``"max"``; likewise.

    Raises:
        ReportError: If the folder holds no experiment, or the metric is unknown.
    """
    path = Path(folder).resolve()
    if not path.is_dir():
        raise ReportError(
            f"--ray needs the folder of a Ray Tune experiment, but there is none at {str(path)!r}."
        )
    try:
        found = read_ray_folder(path)
    except StateError as error:
        raise ReportError(f"--ray: {error}") from error
    return _results(found, metric=metric, mode=mode)


def results_of_searcher(source: CoarseToFineSearch) -> Results:
    """Returns a search algorithm with its trials so far as plain records."""
    search = source._search
    if search is None:
        return Results("search", "Ray Tune search", (), source.space)
    metrics = source.metric or ()
    return replace(
        results_of_search(search),
        source="Ray Tune search",
        objectives=(metrics,) if isinstance(metrics, str) else tuple(metrics),
        sampler=f"CoarseToFineSearch(seed={source.seed})",
        versions={"ray": version("ray")},
    )


def results_of_grid(
    source: Any,
    *,
    metric: str | Sequence[str] | None = None,
    mode: str | Sequence[str] | None = None,
) -> Results:
    """Returns a ``ResultGrid`` or ``ExperimentAnalysis`` as plain records.

    Ray cannot tell a trial that a scheduler stopped from one that ended by itself; so complete is
    what trained as long as the longest, as the search ranks it too. The space and the stages are
    read from the state that `CoarseToFineSearch` saves beside the trials. Of another searcher the
    ranges are those of the values that were seen.

    Args:
        source: What ``Tuner.fit`` returned, or an analysis of an experiment.
        metric: The result to rank by; None where the experiment names it.
        mode: ``"min"`` or ``"max"``; likewise.

    Raises:
        ReportError: If the metric is not known, or no trial has it.
    """
    if isinstance(source, ResultGrid):
        source = source._experiment_analysis
    if not isinstance(source, ExperimentAnalysis):
        raise ReportError(
            "A report of Ray Tune needs a ResultGrid or an ExperimentAnalysis, but got "
            f"{type(source).__name__}."
        )
    trials = [
        FolderTrial(
            t.trial_id, t.config, t.status, t.last_result or {}, t.run_metadata.start_time or None
        )
        for t in source.trials or []
    ]
    path = Path(str(source.experiment_path))
    found = RayFolder(path, tuple(trials), source.trial_dataframes)
    return _results(found, metric=metric or source.default_metric, mode=mode or source.default_mode)


def _results(
    source: RayFolder,
    *,
    metric: str | Sequence[str] | None,
    mode: str | Sequence[str] | None,
) -> Results:
    trials = source.trials
    search = _saved_search(source.path)
    metrics, modes = _objectives(search, trials, metric, mode)
    number_of = {} if search is None else {i: n for n, i in search.trial_ids.items()}
    if len(number_of.keys() & {t.trial_id for t in trials}) < len(trials):
        number_of, search = {t.trial_id: i for i, t in enumerate(trials)}, None
    configs = {t.trial_id: _flat(t.config) for t in trials}
    if search is not None:
        space: dict[str, Parameter] = dict(search.space)
        drawn = {t.number: t.params for t in search.trials}
        params = {t.trial_id: drawn.get(number_of[t.trial_id], {}) for t in trials}
    else:
        space = _seen_space(list(configs.values()))
        params = {i: {n: v for n, v in c.items() if n in space} for i, c in configs.items()}
    stages = tuple(search.stages()) if search is not None else ()
    stage_of = {number: stage.index for stage in stages for number in stage.trials}
    origins = search.origins() if search is not None else {}
    longest = max((_number(t.last_result, _STEP) for t in trials), default=0.0)
    records = [
        replace(
            _record(t, number, params[t.trial_id], metrics, longest, source.frames),
            stage=stage_of.get(number),
            origin=origins.get(number),
        )
        for t in trials
        for number in [number_of[t.trial_id]]
    ]
    return Results(
        name=source.path.name,
        source="Ray Tune results",
        trials=tuple(sorted(records, key=lambda record: record.number)),
        space=space,
        directions=tuple("maximize" if m == "max" else "minimize" for m in modes),
        objectives=metrics,
        stages=stages if any(s.index >= 0 for s in stages) else (),
        sampler=f"CoarseToFineSearch(seed={search.seed})" if search is not None else "",
        versions={"ray": version("ray")},
        is_space_known=search is not None,
    )


def _saved_search(folder: Path) -> CoarseToFineSearch | None:
    """Returns the search whose state lies in an experiment's folder, if it is one of ours."""
    files = sorted(folder.glob("searcher-state-*"), key=lambda p: p.stat().st_mtime)
    for file in reversed(files):
        search = CoarseToFineSearch()
        try:
            search.restore(str(file))
        except (ValueError, OSError):
            continue  # another searcher's state: a pickle, which is not opened
        if search.trial_ids:
            return search
    return None


def _objectives(
    search: CoarseToFineSearch | None,
    trials: Sequence[FolderTrial],
    metric: str | Sequence[str] | None,
    mode: str | Sequence[str] | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if metric is None:
        metric = search.metric if search is not None else None
    if mode is None:
        mode = search.mode if search is not None else None
    known = sorted({key for t in trials for key in _numbers(t.last_result)})
    if not metric:
        names = ", ".join(known[:8]) or "none"
        raise ReportError(
            "A report of Ray Tune needs the metric to rank by, but the experiment names none. Give "
            f"metric and mode; its results are: {names}."
        )
    metrics = (metric,) if isinstance(metric, str) else tuple(metric)
    modes = (mode or "max",) if isinstance(mode, str) or mode is None else tuple(mode)
    if trials and known:
        for name in metrics:
            if name not in known:
                raise ReportError(
                    f"A report of Ray Tune needs a metric that trials report, but got {name!r}. "
                    f"Its results are: {', '.join(known[:8])}."
                )
    return metrics, (modes * len(metrics))[: len(metrics)] if len(modes) == 1 else modes


_OWN = (
    "config/",
    "coarse_to_fine/",
    "time",
    "pid",
    "done",
    "iterations_since",
    "timestamp",
    "training_iteration",
)


def _numbers(result: Mapping[str, Any] | None) -> dict[str, float]:
    """Returns the results that are numbers and the user's own, flat."""
    flat = _flat(result or {})
    return {
        key: float(value)
        for key, value in flat.items()
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and not key.startswith(_OWN)
    }


def _number(result: Mapping[str, Any] | None, name: str) -> float:
    value = _flat(result or {}).get(name)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else 0.0


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}/")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _record(
    trial: FolderTrial,
    number: int,
    params: Mapping[str, Any],
    metrics: tuple[str, ...],
    longest: float,
    frames: Mapping[str, Any],
) -> TrialResult:
    result = _flat(trial.last_result or {})
    found = [result.get(name) for name in metrics]
    values = tuple(float(v) for v in found if isinstance(v, (int, float)))
    values = values if len(values) == len(metrics) else ()
    state: State = "running"
    if trial.status == Trial.ERROR:
        state = "failed"
    elif trial.status == Trial.TERMINATED:
        state = "complete" if _number(result, _STEP) >= longest else "pruned"
        if not values or any(map(math.isnan, values)):
            state = "failed"
    started = trial.started
    seconds = result.get("time_total_s")
    return TrialResult(
        number=number,
        params=params,
        values=values,
        state=state,
        # Where no trial reports twice, what is reported is the value itself, no step on its way.
        steps=_steps(frames.get(trial.trial_id), metrics[0]) if longest > 1 else (),
        started=None if not started else datetime.fromtimestamp(started, timezone.utc),
        seconds=float(seconds) if isinstance(seconds, (int, float)) else None,
        reason="the trial ended by an error" if state == "failed" else "",
    )


def _steps(frame: Any, metric: str) -> tuple[tuple[float, float], ...]:
    if frame is None or _STEP not in frame or metric not in frame:
        return ()
    return tuple((float(s), float(v)) for s, v in zip(frame[_STEP], frame[metric], strict=True))


def _seen_space(configs: list[dict[str, Any]]) -> dict[str, Parameter]:
    """Returns ranges that hold the values seen; constants are no parameters."""
    space: dict[str, Parameter] = {}
    names = dict.fromkeys(name for config in configs for name in config)
    for name in names:
        values = [c[name] for c in configs if name in c]
        parameter = _seen(values)
        if parameter is not None:
            space[name] = parameter
    return space


def _seen(values: list[Any]) -> Parameter | None:
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        finite = [v for v in values if math.isfinite(v)]
        if not finite or min(finite) == max(finite):
            return None
        low, high = min(finite), max(finite)
        is_log = low > 0 and high / low >= _WIDE
        if all(isinstance(v, int) for v in finite):
            return Int(int(low), int(high), log=is_log and low >= 1)
        return Float(float(low), float(high), log=is_log)
    choices: dict[str, Any] = {}
    for value in values:
        try:
            key = json.dumps(value, sort_keys=True)
        except (TypeError, ValueError):
            key = repr(value)
        choices.setdefault(key, value)
    return Categorical(list(choices.values())) if len(choices) > 1 else None
