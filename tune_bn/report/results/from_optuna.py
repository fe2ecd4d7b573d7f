"""An Optuna study as plain records."""

import math
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from tune_bn.core.draws.mark import MARK_KEY
from tune_bn.core.draws.origin import Origin
from tune_bn.core.errors import SpaceError
from tune_bn.optuna.distributions import parameter_for
from tune_bn.optuna.origins import Records, latest_parameters
from tune_bn.optuna.record import is_out_of_order, ranked_trial, reported
from tune_bn.optuna.stages import stages_of
from tune_bn.plain.names import INTERRUPTED, REASON
from tune_bn.report.results.complement import as_people_think
from tune_bn.report.results.results import BY_HAND, Results, State, TrialResult

__all__ = ["results_of_study"]

_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}
_TRACES = {
    "tpe:": "TPE",
    "cma:": "CMA-ES",
    "cmaes:": "CMA-ES",
    "nsga2:": "NSGA-II",
    "NSGAIISampler:": "NSGA-II",
    "NSGAIIISampler:": "NSGA-III",
    "grid_id": "a grid",
    "fixed_params": BY_HAND,
}
_REASON_KEYS = (REASON, "fail_reason")


def results_of_study(study: optuna.Study, records: Records | None = None) -> Results:
    """Returns a study's trials, ranges and stages, read once and without copying them.

    Args:
        study: The study.
        records: What an earlier look has read of it, for one that is looked at again and again.
    """
    trials = study.get_trials(deepcopy=False)
    marks, origins = (records or Records()).of(trials)
    found = stages_of(study, trials, marks, origins)
    counted = {
        t.number
        for t in trials
        if t.state in _STATES and t.user_attrs.get(_REASON_KEYS[0]) != INTERRUPTED
    }
    # Such a trial is in no count of the tool's: its configuration is tried again.
    of_counted = [
        replace(stage, trials=tuple(number for number in stage.trials if number in counted))
        for stage in found
        if not counted.isdisjoint(stage.trials)
    ]
    stage_of = {
        number: stage.index
        for stage in found
        for number in stage.trials
        if marks[number] is not None
    }
    counts = any(t.state.is_finished() and is_out_of_order(t) for t in trials)
    is_staged = any(stage.index >= 0 for stage in of_counted)
    names = study.metric_names or (
        ["value"]
        if len(study.directions) == 1
        else [f"value {i}" for i in range(len(study.directions))]
    )
    results = Results(
        name=study.study_name,
        source="Optuna study",
        trials=tuple(
            _record(t, study, stage_of.get(t.number), origins.get(t.number), counts=counts)
            for t in trials
            if t.number in counted
        ),
        space=latest_parameters(trials),
        directions=tuple(direction.name.lower() for direction in study.directions),
        objectives=tuple(names),
        stages=tuple(of_counted) if is_staged else (),
        sampler="CoarseToFineSampler" if is_staged else "",
        versions={"optuna": version("optuna")},
    )
    return as_people_think(results)


def _record(
    trial: FrozenTrial,
    study: optuna.Study,
    stage: int | None,
    origin: Origin | None,
    *,
    counts: bool,
) -> TrialResult:
    state = _STATES[trial.state]
    steps = tuple(sorted((float(s), float(v)) for s, v in trial.intermediate_values.items()))
    values: tuple[float, ...] = ()
    progress = None
    if state == "complete":
        values = tuple(map(float, trial.values))
    elif state == "pruned":
        told = next((v for _, v in reversed(steps) if not math.isnan(v)), None)
        if counts and told is not None:
            progress, told = reported(trial, counts=True)
        if told is not None and len(study.directions) == 1:
            values = (told,)
    ranked = ranked_trial(study.directions, trial, counts=counts)
    duration = trial.duration
    return TrialResult(
        number=trial.number,
        params={n: _meant(v, trial.distributions[n]) for n, v in trial.params.items()},
        values=values,
        state=state,
        steps=steps,
        progress=progress,
        stage=stage,
        origin=origin,
        is_unread=stage is None and MARK_KEY in trial.user_attrs,
        started=trial.datetime_start,
        seconds=None if duration is None else duration.total_seconds(),
        violation=0.0 if ranked is None else ranked.violation,
        reason=_reason(trial),
        drawn_by=_drawn_by(trial) if stage is None else "",
    )


def _meant(value: Any, distribution: BaseDistribution) -> Any:
    """Returns a value as python writes it: rows of a data frame hold numpy's numbers."""
    if type(value) in (float, int, bool, type(None)):
        return value
    try:
        return parameter_for(distribution).meant(value)
    except SpaceError:
        return value


def _drawn_by(trial: FrozenTrial) -> str:
    """Returns which of Optuna's samplers drew a trial, of those that leave a trace in it."""
    keys = " ".join(trial.system_attrs)
    return next((name for start, name in _TRACES.items() if start in keys), "")


def _reason(trial: FrozenTrial) -> str:
    attributes: dict[str, Any] = {**trial.system_attrs, **trial.user_attrs}
    return next((str(attributes[key]) for key in _REASON_KEYS if key in attributes), "")
