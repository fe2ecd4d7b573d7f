"""Whether a range is too tight, or its scale the wrong one."""

import math
import sys

import numpy as np
import numpy.typing as npt

from tune_bn.core.space import Parameter
from tune_bn.report.advice.evidence import Advice, Evidence
from tune_bn.report.advice.rank_statistics import normal_tail, within_blocks_z
from tune_bn.report.results.wording import number_text, value_text

__all__ = ["edge", "log_scale", "one_minus_log_scale"]

_OUTER = 0.1  # the outer tenth of a scale is "near the edge"
_AT_EDGE = 0.04
_MOST = 0.6  # so much of the best, to call it most
_FEWEST_CELLS = 3
_FAR = 3.0  # times as far above the best as nine tenths of the values lie
_CLOSER = 0.97  # of an error: a scale that fits better by chance alone comes to 0.98


def edge(evidence: Evidence) -> list[Advice]:
    """Advises to widen a range at whose end the best trials pile up.

    Speaks where (1) the best trial lies within 4 % of an end of the scale, or in its end cell,
    (2) so do 60 % of the best within a tenth of it, (3) in the half of the scale at that end values
    get better towards it (van Elteren's test within blocks, one-sided), and (4) in the outer tenth
    they do not get worse again, as they would around an optimum that lies just inside.
    """
    found: list[Advice] = []
    if not evidence.results.is_space_known:
        return found  # the values that were seen always reach to the ends of what was seen
    for name in evidence.numeric:
        position = evidence.position(name)
        cells = evidence.results.space[name].n_cells
        if cells is not None and cells < _FEWEST_CELLS:
            continue
        for is_high in (False, True):
            distance = 1 - position if is_high else position
            advice = _edge(evidence, name, distance, is_high)
            if advice is not None:
                found.append(advice)
    return found


def _edge(
    evidence: Evidence, name: str, distance: npt.NDArray[np.float64], is_high: bool
) -> Advice | None:
    parameter = evidence.results.space[name]
    cell = 1 / parameter.n_cells if parameter.n_cells else 0.0
    best = distance[np.argsort(evidence.rank)[: evidence.n_best]]
    n_near = int(np.sum(best <= max(_OUTER, cell)))
    if not best[0] <= max(_AT_EDGE, 0.75 * cell) or n_near < _MOST * len(best):
        return None
    inner = np.where(distance <= 0.5, distance, math.nan)
    z = within_blocks_z(inner, evidence.rank, evidence.block)
    p = normal_tail(z)
    if p > evidence.level(2 * len(evidence.numeric)):
        return None
    outer = np.where(distance <= _OUTER, distance, math.nan)
    if within_blocks_z(outer, evidence.rank, evidence.block) < -1.5:
        return None
    low, high = parameter.bounds
    end = high if is_high else low
    wider = _wider(parameter, is_high)
    side, verb = ("upper", "raise") if is_high else ("lower", "lower")
    what = f"The best trials pile up at the {side} end of {name} ({value_text(end)})"
    if parameter.scale == "normal":
        text = f"The best trials lie in the {side} tail of {name}: move its mean there."
    elif wider is None:
        text = f"{what}. If that is no natural limit, {verb} it."
    else:
        new = wider.bounds[-1] if is_high else wider.bounds[0]
        text = f"{what}: {verb} it to {value_text(new)}."
    numbers = (
        f"{n_near} of the best {len(best)} trials lie in the outer tenth of the scale, and values "
        f"improve towards the end (rank test within stages, {_p_text(p)})."
    )
    return Advice("edge", text, name, numbers, wider)


def _wider(parameter: Parameter, is_high: bool) -> Parameter | None:
    """Returns the range longer by a half at one end; None at what seems a natural limit."""
    low, high = float(parameter.bounds[0]), float(parameter.bounds[-1])
    if parameter.scale == "normal":
        return None  # it has no end
    if parameter.scale == "one-minus-log":
        if is_high:
            high = 1 - _round((1 - high) / 10)
        else:
            low = max(1 - _round((1 - low) * 3), 0.0)
    elif parameter.scale == "log":
        factor = min(max(math.sqrt(high / low), 2.0), 10.0)
        if is_high:
            high = _round(high * factor)
        else:
            low = _round(low / factor)
    else:
        if (not is_high and low == 0) or (is_high and high == 1 and low >= 0):
            return None
        half = (high - low) / 2
        if is_high:
            high = 1.0 if low >= 0 and high < 1 <= high + half else _round(high + half)
        else:
            low = 0.0 if low > 0 >= low - half else _round(low - half)
    first, last = parameter.ends
    wider = parameter.between(first, high) if is_high else parameter.between(low, last)
    return None if wider == parameter else wider


def log_scale(evidence: Evidence) -> list[Advice]:
    """Advises to use a log scale where a uniform one spends its draws in the wrong decades.

    Speaks where a linear range spans two decades or more (or begins at 0), the best trial and
    60 % of the best lie in its lowest tenth, values get better downwards (van Elteren's test
    within blocks, one-sided), and a parabola over the log scale follows them more closely than one
    over the linear scale, as it would not where the effect is linear with its best at the end.
    """
    found = []
    for name in evidence.numeric:
        parameter = evidence.results.space[name]
        low, high = float(parameter.bounds[0]), float(parameter.bounds[-1])
        if parameter.scale != "linear" or low < 0:
            continue
        if (low > 0 and high / low < 99) or (parameter.is_whole and high < 99):
            continue
        position = evidence.position(name)
        best = position[np.argsort(evidence.rank)[: evidence.n_best]]
        if np.mean(best <= _OUTER) < _MOST or best[0] > _OUTER:
            continue
        p = normal_tail(within_blocks_z(position, evidence.rank, evidence.block))
        if p > evidence.level(len(evidence.numeric)):
            continue
        outer = np.where(position <= _OUTER, position, math.nan)
        if low == 0 and within_blocks_z(outer, evidence.rank, evidence.block) > -1.28:
            continue  # for all that is known the best is 0 itself, which no log scale has
        values = _values(evidence, name)
        end = low
        if low == 0:
            positive = values[values > 0]
            end = parameter.spacing or _round(float(positive.min(initial=high)) / 10)
        suggestion = parameter.between(end, high, scale="log")
        if not _follows_better(evidence, name, suggestion):
            continue
        top = float(np.median(_best_values(evidence, name)))
        wasted = float(np.mean(position > _OUTER))
        text = (
            f"Draw {name} on a log scale: the best trials lie around {number_text(top, 2)}, in the "
            f"lowest tenth of a uniform range that goes up to {number_text(high, 3)}."
        )
        numbers = (
            f"{wasted:.0%} of the draws so far were spent above that tenth; smaller is "
            f"better (rank test within stages, {_p_text(p)})."
        )
        found.append(Advice("log scale", text, name, numbers, suggestion))
    return found


def one_minus_log_scale(evidence: Evidence) -> list[Advice]:
    """Advises to draw the distance from 1 on a log scale where the best values crowd below 1.

    Speaks where a linear range within [0, 1] has an upper end whose distance from 1 is a twentieth
    of the lower end's or less, the best trial and 60 % of the best lie in its highest tenth,
    values get better upwards (van Elteren's test within blocks, one-sided), and a parabola over the
    distance's logarithm follows them more closely than one over the linear scale. Where the range
    reaches 1 they must also get worse again between the best and it (the same test, p < 0.05): else
    the best may be 1, which no such scale has.
    """
    found = []
    for name in evidence.numeric:
        parameter = evidence.results.space[name]
        low, high = parameter.ends
        if parameter.scale != "linear" or parameter.spacing is not None:
            continue
        if not 0 <= low < high <= 1 or (1 - low) < 20 * (1 - high):
            continue
        position = evidence.position(name)
        best = position[np.argsort(evidence.rank)[: evidence.n_best]]
        if np.mean(best >= 1 - _OUTER) < _MOST or best[0] < 1 - _OUTER:
            continue
        p = normal_tail(-within_blocks_z(position, evidence.rank, evidence.block))
        if p > evidence.level(len(evidence.numeric)):
            continue
        beyond = np.where(position >= best[0], position, math.nan)
        if high == 1 and within_blocks_z(beyond, evidence.rank, evidence.block) < 1.64:
            continue
        nearest = 1 - max(v for v in _best_values(evidence, name))
        end = high if high < 1 else 1 - _round(max(nearest / 10, 1e-9))
        wasted = float(np.mean(position < 1 - _OUTER))
        text = (
            f"Draw {name} by the logarithm of its distance from 1 (one-minus-log): 0.9, 0.99 and "
            "0.999 are as far from one another as its effect, and the best trials crowd below 1."
        )
        numbers = (
            f"{wasted:.0%} of the draws so far were spent below the highest tenth; larger is "
            f"better (rank test within stages, {_p_text(p)})."
        )
        suggestion = parameter.between(low, end, scale="one-minus-log")
        if not _follows_better(evidence, name, suggestion):
            continue
        found.append(Advice("one-minus-log scale", text, name, numbers, suggestion))
    return found


def _follows_better(evidence: Evidence, name: str, other: Parameter) -> bool:
    """Tells whether a parabola follows the values more closely on the scale of ``other``.

    Values far above the usual ones count as little above, so that a few that diverged decide
    nothing. Of several objectives there is no one value: then it does.
    """
    results = evidence.results
    if len(results.directions) > 1:
        return True
    trials = [t for t in evidence.trials if name in t.params and math.isfinite(t.value)]
    losses = np.array([results.loss(t) for t in trials])
    losses = losses / max(np.abs(losses).max(initial=0.0), sys.float_info.min)
    if len(losses):
        best, usual = losses.min(), np.quantile(losses, 0.9)
        losses = np.minimum(losses, best + _FAR * (usual - best))

    def error(parameter: Parameter) -> float:
        at = np.array(parameter.positions([float(t.params[name]) for t in trials]))
        fitted = np.column_stack([np.ones_like(at), at, at * at])
        solution = np.linalg.lstsq(fitted, losses, rcond=None)[0]
        return float(np.sum((losses - fitted @ solution) ** 2))

    return error(other) < _CLOSER * error(results.space[name])


def _values(evidence: Evidence, name: str) -> npt.NDArray[np.float64]:
    return np.array([float(t.params[name]) for t in evidence.trials if name in t.params])


def _best_values(evidence: Evidence, name: str) -> list[float]:
    order = np.argsort(evidence.rank)[: evidence.n_best]
    return [float(evidence.trials[i].params[name]) for i in order]


def _round(value: float) -> float:
    """Returns the value with two digits: a bound that a person would write."""
    return float(f"{value:.2g}")


def _p_text(p: float) -> str:
    return "p < 1e-6" if p < 1e-6 else f"p = {p:.1g}"
