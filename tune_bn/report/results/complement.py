"""Momentum where a study holds 1 − momentum: a parameter as people think of it, on its own scale.

`suggest_one_minus_log` stores the distance from 1, since Optuna has no such scale. A report shows
the value itself, 0.9 to 0.999, and names the scale beside it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tune_bn.core.draws.origin import Origin
from tune_bn.core.draws.stages import Stage
from tune_bn.core.space import Float, Parameter
from tune_bn.core.space.scale import COMPLEMENT, complement
from tune_bn.core.space.window import Interval, Kept, Stratum, Window
from tune_bn.report.results.results import Results, TrialResult

__all__ = ["as_people_think"]


def as_people_think(results: Results) -> Results:
    """Returns the results with each ``"1 - name"`` on a log scale below 1 as ``"name"``.

    One whose own name another parameter has stays as it is, and so does one that is a constant.
    """
    taken = {name for trial in results.trials for name in trial.params}
    names = {
        name: bare
        for name, of in results.space.items()
        if (bare := name.removeprefix(COMPLEMENT)) != name and bare not in taken and _is_rest(of)
    }
    if not names:
        return results
    space = {
        names.get(name, name): _mirrored(parameter) if name in names else parameter
        for name, parameter in results.space.items()
    }
    return replace(
        results,
        space=space,
        trials=tuple(_trial(trial, names) for trial in results.trials),
        stages=tuple(_stage(stage, names) for stage in results.stages),
    )


def _is_rest(parameter: Parameter) -> bool:
    """Tells whether values may be distances from 1, drawn by their logarithm."""
    is_continuous_log = parameter.scale == "log" and parameter.n_cells is None
    return is_continuous_log and not parameter.is_whole and parameter.bounds[-1] < 1


def _mirrored(parameter: Parameter) -> Parameter:
    low, high = parameter.bounds
    return Float(complement(high), complement(low), one_minus_log=True)


def _trial(trial: TrialResult, names: Mapping[str, str]) -> TrialResult:
    if names.keys().isdisjoint(trial.params):
        return trial
    params = {
        names.get(name, name): complement(value) if name in names else value
        for name, value in trial.params.items()
    }
    origin = None if trial.origin is None else _origin(trial.origin, names)
    return replace(trial, params=params, origin=origin)


def _origin(origin: Origin, names: Mapping[str, str]) -> Origin:
    windows = None
    if origin.windows is not None:
        windows = {
            names.get(name, name): _window(window) if name in names else window
            for name, window in origin.windows.items()
        }
    given = tuple(names.get(name, name) for name in origin.given)
    alone = tuple(names.get(name, name) for name in origin.alone)
    return replace(origin, windows=windows, given=given, alone=alone)


def _window(window: Window) -> Window:
    """Returns the same window on the mirrored scale, where low ends are high."""
    of: Any = window
    if not _is_rest(of.parameter):  # the range had another form in this trial
        return window
    parameter = _mirrored(of.parameter)
    if isinstance(of, Stratum):
        return Stratum(parameter, of.size - 1 - of.part, of.size)
    if isinstance(of, Interval):
        return Interval(parameter, 1.0 - of.high, 1.0 - of.low)
    return Kept(parameter, complement(of.value), of.trial)


def _stage(stage: Stage, names: Mapping[str, str]) -> Stage:
    windows = {
        names.get(name, name): tuple(map(complement, reversed(ends))) if name in names else ends
        for name, ends in stage.windows.items()
    }
    return replace(stage, windows=windows)
