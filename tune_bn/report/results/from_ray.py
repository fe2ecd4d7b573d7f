"""A Ray Tune experiment as plain records.

There is one truth of an experiment: the state of its search, caught up with what Tune itself saved
of the trials (`CoarseToFineSearch.restore_experiment`). A report of a grid, of a folder and of the
search itself are made of it by the same few lines, so that they name the same trials, states and
best one. The trials of another searcher are judged by the same rule.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pyarrow.fs import FileSelector, FileType
from ray.air.constants import TRAINING_ITERATION
from ray.tune import ExperimentAnalysis, ResultGrid
from ray.tune.result import AUTO_RESULT_KEYS

from tune_bn.core.errors import StateError
from tune_bn.core.search.records import Direction, Finished
from tune_bn.core.search.search import CoarseToFine
from tune_bn.core.space import Float, Parameter
from tune_bn.ray import CoarseToFineSearch
from tune_bn.ray.folder import FolderTrial, RayFolder, found_in, number_in, read_ray_folder
from tune_bn.ray.past import recorded, result_of, text_at
from tune_bn.report.errors import ReportError
from tune_bn.report.results.from_core import record_of
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.seen import seen_parameter
from tune_bn.report.results.wording import number_text

__all__ = ["results_of_grid", "results_of_ray_folder", "results_of_searcher"]

Names = str | Sequence[str] | None


def results_of_ray_folder(
    folder: str | Path,
    *,
    metric: str | None = None,
    mode: str | None = None,
    time_attr: str | None = None,
) -> Results:
    """Returns the experiment that Ray Tune wrote into a folder.

    Args:
        folder: The experiment's folder, with a folder for each trial in it.
        metric: The result to rank by; None where the experiment names it.
        mode: ``"min"`` or ``"max"``; likewise.
        time_attr: As for `results_of_grid`.

    Raises:
        ReportError: If the folder holds no experiment, or metric or mode are unknown.
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
    return _results(found, metric=metric or found.metric, mode=mode, time_attr=time_attr)


def results_of_grid(
    source: Any, *, metric: Names = None, mode: Names = None, time_attr: str | None = None
) -> Results:
    """Returns a ``ResultGrid`` or ``ExperimentAnalysis`` as plain records.

    Complete is a trial of which it is certain that it ended by its own rule, and one that trained
    as long as the longest, as the search ranks it too. The space and the stages are read from the
    state that `CoarseToFineSearch` saves beside the trials. Of another searcher the ranges are
    those of the values that were seen.

    Args:
        source: What ``Tuner.fit`` returned, or an analysis of an experiment.
        metric: The result to rank by; None where the experiment names it.
        mode: ``"min"`` or ``"max"``; likewise.
        time_attr: The result that tells how far a trial trained. None is what the search was told,
            of another searcher the iterations; ``""`` is none: the value alone counts.

    Raises:
        ReportError: If metric or mode are not known, or no trial has the metric.
    """
    if isinstance(source, ResultGrid):
        source = source._experiment_analysis
    if not isinstance(source, ExperimentAnalysis):
        raise ReportError(
            "A report of Ray Tune needs a ResultGrid or an ExperimentAnalysis, but got "
            f"{type(source).__name__}."
        )
    path, trials = str(source.experiment_path), source.trials or []
    storage = next((t.storage for t in trials if t.storage is not None), None)
    states: Mapping[str, Callable[[], str]] = {}
    if storage is not None:
        path = storage.experiment_fs_path
        states = _states_at(storage.storage_filesystem, path)
    found = RayFolder(Path(path).name, tuple(map(recorded, trials)), states)
    return _results(
        found,
        metric=metric or source.default_metric,
        mode=mode or (source.default_mode if metric in (None, source.default_metric) else None),
        time_attr=time_attr,
    )


def _states_at(files: Any, path: str) -> dict[str, Callable[[], str]]:
    """Returns the saved states of the search in an experiment's folder, the newest first."""
    try:
        inside = files.get_file_info(FileSelector(path))
    except OSError:
        return {}
    names = (f.base_name for f in inside if f.type == FileType.File)
    ours = sorted((n for n in names if n.startswith("searcher-state-")), reverse=True)
    return {n: partial(text_at, files, f"{path}/{n}") for n in ours if n.endswith(".json")}


def results_of_searcher(source: CoarseToFineSearch) -> Results:
    """Returns a search algorithm with its trials so far as plain records."""
    search = source._search
    if search is None:
        return Results("search", "Ray Tune search", (), source.space)
    metrics = source.metric or ()
    judged = _Judged.by(search, {n: n for n in search.numbers})
    return replace(
        _of_search(source, judged, {}),
        name="search",
        source="Ray Tune search",
        objectives=(metrics,) if isinstance(metrics, str) else tuple(metrics),
    )


@dataclass(frozen=True)
class _Judged:
    """Trials under the one rule of ranking.

    Args:
        ended: The trials that ended, by number; whoever has none of these runs.
        behind: Numbers of those that did not train as far as the furthest.
        params: Values of every trial, by number.
        directions: ``"minimize"`` or ``"maximize"`` for each objective.
    """

    ended: Mapping[int, Finished]
    behind: frozenset[int]
    params: Mapping[int, Mapping[str, Any]]
    directions: tuple[Direction, ...]

    @classmethod
    def by(cls, search: CoarseToFine, numbers: Mapping[int, int]) -> "_Judged":
        """Returns the trials of a search, each under a number that may be another than there."""
        found = {t.number: t for t in search.trials}
        return cls(
            {n: replace(found[old], number=n) for n, old in numbers.items() if old in found},
            frozenset(n for n, old in numbers.items() if search.is_behind(old)),
            {n: search.params(old) for n, old in numbers.items()},
            tuple(search.directions),
        )


def _results(source: RayFolder, *, metric: Names, mode: Names, time_attr: str | None) -> Results:
    saved = _saved_search(source)
    metrics, modes = _objectives(saved, source.trials, metric, mode)
    told = saved._time_attr if saved is not None else TRAINING_ITERATION
    attr = told if time_attr is None else time_attr or None
    if time_attr and all(t.value(time_attr) is None for t in source.trials):
        raise ReportError(
            "A report of Ray Tune needs a time_attr that trials report, but got "
            f"{time_attr!r}. Use training_iteration, or one of these: {_known(source.trials)}."
        )
    is_own = saved is not None and (metrics, modes, attr) == (
        _names(saved.metric),
        _names(saved.mode),
        told,
    )
    number_of: dict[str, int] = {}
    if saved is not None and saved._search is not None:
        number_of = {i: n for n, i in saved.trial_ids.items()}
    ids = {t.trial_id for t in source.trials}
    if saved is not None and ids & number_of.keys():
        assert saved._search is not None
        others = {n for i, n in number_of.items() if i not in ids}  # of other experiments
        numbers = {n: n for n in saved._search.numbers - others}
        judged = _Judged.by(saved._search, numbers)
        records = {number_of[t.trial_id]: t for t in source.trials if t.trial_id in number_of}
        if not is_own:
            judged = _judged(records, judged.params, metrics, modes, attr)
        results = _of_search(saved, judged, records, metrics)
    else:
        # As they began: in memory and in its files, an experiment has them in different orders.
        records = dict(enumerate(sorted(source.trials, key=lambda t: t.started or math.inf)))
        configs = {n: _flat(t.config) for n, t in records.items()}
        space = _seen_space(list(configs.values()))
        params = {i: {n: v for n, v in c.items() if n in space} for i, c in configs.items()}
        judged = _judged(records, params, metrics, modes, attr)
        results = Results(
            "",
            "",
            _trials(judged, records, metrics),
            space,
            judged.directions,
            is_space_known=False,
        )
    results = replace(results, name=source.name, source="Ray Tune results", objectives=metrics)
    if len(metrics) > 1:
        return results
    return replace(results, remarks=_remarks(results, source.trials, records, metrics[0]))


def _remarks(
    results: Results,
    trials: Sequence[FolderTrial],
    records: Mapping[int, FolderTrial],
    metric: str,
) -> tuple[str, ...]:
    """Returns why another trial than Ray's own best result is the best; nothing where it is not."""
    values = {t.trial_id: number_in(t.value(metric)) for t in trials}
    finite = {i: v for i, v in values.items() if v is not None and math.isfinite(v)}
    best = results.best
    if best is None or not finite:
        return ()
    ray_id = (max if results.maximize else min)(finite, key=finite.__getitem__)
    number_of = {t.trial_id: number for number, t in records.items()}
    number = number_of.get(ray_id)
    if number is not None and results.by_number[number].values == best.values:
        return ()
    text = f"Ray's own best result, {number_text(finite[ray_id], 5)}, is of "
    if number is None:
        copies = "a trial that is one of several copies: they count as one, with their mean"
        return (f"{text}{copies}.",)
    trial = results.by_number[number]
    if trial.state == "failed":
        why = "failed: what it reported before does not count"
    elif best.is_at_goal and not trial.is_at_goal:
        why = "did not reach the goal at which trials end"
    elif trial.state == "pruned":
        why = (
            "trained less far than the furthest: how far comes before the value (with "
            "time_attr=None only the value counts)"
        )
    elif trial.state == "running":
        why = "has not ended"
    else:
        why = f"counts with {number_text(trial.value, 5)}, as the search was told"
    return (f"{text}trial {number}, which {why}.",)


def _saved_search(source: RayFolder) -> CoarseToFineSearch | None:
    """Returns the search of an experiment, if it is one of ours, with all that is known of it."""
    search = CoarseToFineSearch()
    if not source.states:
        return None
    try:
        search.restore_experiment(source.states, source.trials, for_reading=True)
    except (StateError, OSError):
        return None  # another searcher's state, which is not opened, or none that is whole
    return search if search.trial_ids else None


def _judged(
    records: Mapping[int, FolderTrial],
    params: Mapping[int, Mapping[str, Any]],
    metrics: tuple[str, ...],
    modes: tuple[str, ...],
    time_attr: str | None,
) -> _Judged:
    """Returns trials as a search would rank them that was told of their ends by Tune's records."""
    directions: list[Direction] = ["maximize" if mode == "max" else "minimize" for mode in modes]
    search = CoarseToFine({"": Float(0, 1)}, seed=0, directions=directions)
    numbers = {}
    objectives = dict(zip(metrics, modes, strict=True))
    for number, trial in records.items():
        if trial.status in ("TERMINATED", "ERROR"):
            past = result_of(trial, objectives, time_attr)
            numbers[number] = search.add(
                {},
                past.values,
                state="failed" if past.is_failed else "complete",
                progress=past.progress,
                end=past.end,
            )
    return replace(_Judged.by(search, numbers), params=params)


def _of_search(
    search: CoarseToFineSearch,
    judged: _Judged,
    records: Mapping[int, FolderTrial],
    metrics: tuple[str, ...] = (),
) -> Results:
    """Returns a search with its space and stages, and trials as they were judged."""
    origins = search.origins()
    stages = [
        replace(stage, trials=tuple(n for n in stage.trials if n in judged.params))
        for stage in search.stages()
    ]
    stage_of = {number: stage.index for stage in stages for number in stage.trials}
    trials = tuple(
        replace(t, stage=stage_of.get(t.number), origin=origins.get(t.number))
        for t in _trials(judged, records, metrics)
    )
    results = Results(
        "",
        "",
        trials,
        search.space,
        judged.directions,
        sampler=f"CoarseToFineSearch(seed={search.seed})",
        versions={"ray": version("ray")},
    )
    whole = [t for t in results.ranked if t.state == "complete"]
    place = {t.number: i for i, t in enumerate(whole)}
    best = [
        min((n for n in s.trials if n in place), key=place.__getitem__, default=None)
        for s in stages
    ]
    is_single = len(judged.directions) == 1
    stages = [
        replace(s, best_value=results.by_number[n].value if n is not None and is_single else None)
        for s, n in zip(stages, best, strict=True)
        if s.trials
    ]
    is_staged = any(stage.index >= 0 for stage in stages)
    return replace(results, stages=tuple(stages) if is_staged else ())


def _trials(
    judged: _Judged, records: Mapping[int, FolderTrial], metrics: tuple[str, ...]
) -> tuple[TrialResult, ...]:
    told = [t.progress for t in judged.ended.values() if t.progress is not None and t.values]
    is_stepwise = max(told, default=1.0) > 1 or not told
    found = []
    for number in sorted(judged.params):
        ended, record = judged.ended.get(number), records.get(number)
        seconds = None if record is None else number_in(record.value("time_total_s"))
        began = None if record is None else record.started
        found.append(
            record_of(
                number,
                judged.params[number],
                ended,
                is_behind=number in judged.behind,
                # Where no trial reports twice, what is reported is the value, no step on its way.
                steps=_steps(record, metrics[0]) if record and metrics and is_stepwise else (),
                started=None if not began else datetime.fromtimestamp(began, timezone.utc),
                seconds=seconds,
                reason=_reason(ended, record),
            )
        )
    return tuple(found)


def _reason(ended: Finished | None, record: FolderTrial | None) -> str:
    if ended is None or ended.state != "failed":
        return ""
    is_error = record is None or record.status == "ERROR"
    return "the trial ended by an error" if is_error else "the trial ended without a value"


def _steps(record: FolderTrial, metric: str) -> tuple[tuple[float, float], ...]:
    """Returns what a trial reported on its way, by its iterations."""
    found = []
    for row in record.rows:
        step, value = number_in(row.get(TRAINING_ITERATION)), number_in(found_in(row, metric))
        if step is not None and value is not None:
            found.append((step, value))
    return tuple(found)


def _names(given: Names) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def _objectives(
    search: CoarseToFineSearch | None, trials: Sequence[FolderTrial], metric: Names, mode: Names
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns metrics and modes: as given, or as the experiment names them."""
    own = dict(zip(_names(search.metric), _names(search.mode), strict=True)) if search else {}
    metrics = _names(metric) or tuple(own)
    known = _known(trials)
    if not metrics:
        raise ReportError(
            "A report of Ray Tune needs the metric to rank by, but the experiment names none. Give "
            f"metric and mode; its results are: {known or 'none'}."
        )
    modes = _names(mode)
    if not modes and all(name in own for name in metrics):
        modes = tuple(own[name] for name in metrics)
    if len(modes) == 1:
        modes *= len(metrics)
    if len(modes) != len(metrics):
        raise ReportError(
            f"A report of Ray Tune needs to know whether {', '.join(map(repr, metrics))} should be "
            'small or large, but the experiment does not say. Give the mode, "min" or "max".'
        )
    for name in metrics:
        if name not in own and known and not any(t.value(name) is not None for t in trials):
            raise ReportError(
                f"A report of Ray Tune needs a metric that trials report, but got {name!r}. "
                f"Its results are: {known}."
            )
    return metrics, modes


_OWN = {*AUTO_RESULT_KEYS, "done", "trial_id", "iterations_since_restore", "timesteps_this_iter"}


def _known(trials: Sequence[FolderTrial]) -> str:
    """Returns names of the first results that trials report, as a text."""
    return ", ".join(sorted({name for t in trials for name in _numbers(t)})[:8])


def _numbers(trial: FolderTrial) -> set[str]:
    """Returns the flat names of the results that are numbers and the user's own."""
    lasts = {name: of.get("last") for name, of in trial.analysed.items()}
    flat = {**lasts, **_flat(trial.last_result)}
    return {
        name
        for name, value in flat.items()
        if number_in(value) is not None
        and name not in _OWN
        and not name.startswith(("config/", "coarse_to_fine/"))
    }


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}/")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _seen_space(configs: list[dict[str, Any]]) -> dict[str, Parameter]:
    """Returns ranges that hold the values seen; constants are no parameters."""
    space: dict[str, Parameter] = {}
    names = dict.fromkeys(name for config in configs for name in config)
    for name in names:
        values = [c[name] for c in configs if name in c]
        parameter = seen_parameter(values)
        if parameter is not None:
            space[name] = parameter
    return space
